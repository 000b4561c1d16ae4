package httpapi

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

func retrieveStatement(c *call) (work, error) {
	q := c.query()
	of := q.month("month")
	asCSV := false
	switch format := q.text("format"); format {
	case "", "json":
	case "csv":
		asCSV = true
	default:
		q.fail("format", `must be "json" or "csv"`)
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		a, err := c.affiliate(ctx, p)
		if err != nil {
			return answer{}, err
		}
		statement, err := p.Statement(ctx, a.ID, of.Year(), of.Month())
		if err != nil {
			return answer{}, err
		}
		// Pages have deadlines of their own, and end when the client is gone.
		ctx = context.WithoutCancel(ctx)
		if asCSV {
			name := "statement-" + strconv.FormatInt(a.ID, 10) + "-" + of.Format(monthForm) + ".csv"
			return csvPages(name, func(w io.Writer) error { return p.WriteStatementCSV(ctx, w, statement) }), nil
		}
		return answer{status: http.StatusOK, pages: func(w io.Writer) error {
			return writeStatement(ctx, w, p, statement, of.Format(monthForm))
		}}, nil
	}, nil
}

// writeStatement has nothing in it that can change once the month is closed. The
// settlements of a payout are inside its line.
func writeStatement(ctx context.Context, w io.Writer, p *refgrow.Project, s *refgrow.Statement, month string) error {
	o := wire.Begin([]byte(`{"success":true,"data":`))
	o.Integer("affiliate_id", s.AffiliateID)
	o.Text("month", month)
	o.Flag("closed", s.Closed)
	showClosed(&o, s.ClosedUntil)
	o.ID("last_entry_id", s.LastEntryID)
	o.Member("opening")
	o.B = wire.AppendList(o.B, s.Opening, showStatementBalance)
	o.Member("closing")
	o.B = wire.AppendList(o.B, s.Closing, showStatementBalance)
	o.Member("lines")
	b := append(o.B, '[')
	lines, settlements := 0, 0 // of all, and of the payout whose line is open
	open := false
	for line, err := range p.AllStatementLines(ctx, s) {
		if err != nil {
			return err
		}
		if open && !line.OfPayout {
			b = append(b, "]}"...)
			open = false
		}
		if line.OfPayout && settlements > 0 || !line.OfPayout && lines > 0 {
			b = append(b, ',')
		}
		inner := wire.Begin(b)
		showLine(&inner, &line)
		switch {
		case line.OfPayout:
			b = inner.End()
			settlements++
		case line.ID == 0 && line.Kind == refgrow.EntrySettlement:
			inner.Member("settlements")
			b = append(inner.B, '[')
			open, settlements = true, 0
			lines++
		default:
			b = inner.End()
			lines++
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
	if open {
		b = append(b, "]}"...)
	}
	_, err := w.Write(append(b, "]}}"...))
	return err
}

func showStatementBalance(o *wire.Object, b *refgrow.StatementBalance) {
	o.Text("currency", string(b.Currency))
	showParts(o, b)
}

func showParts(o *wire.Object, b *refgrow.StatementBalance) {
	o.Decimal("total", b.Total)
	o.Decimal("paid", b.Paid)
	o.Decimal("held", b.Held)
	o.Decimal("eligible", b.Eligible)
}

// showLine shows a line, and what it changes unless it is part of a payout's.
func showLine(o *wire.Object, l *refgrow.StatementLine) {
	o.ID("id", l.ID)
	o.Text("kind", string(l.Kind))
	o.Number("amount", l.Amount)
	o.Text("currency", string(l.Amount.Currency()))
	if !l.OfPayout {
		showParts(o, &l.Change)
	}
	if l.AvailableAt.IsZero() {
		o.Null("available_at")
	} else {
		o.Instant("available_at", l.AvailableAt)
	}
	o.Instant("created_at", l.CreatedAt)
	o.ID("conversion_id", l.ConversionID)
	o.ID("payout_id", l.PayoutID)
	o.Optional("note", l.Note)
}
