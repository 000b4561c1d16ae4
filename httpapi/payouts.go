package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
	"github.com/refgrow-go/refgrow/money"
)

func listPayouts(c *call) (work, error) {
	q := c.query()
	at := q.paging(50)
	params := refgrow.ListPayoutsParams{
		Status:      refgrow.PayoutStatus(q.text("status")),
		AffiliateID: q.id("affiliate_id"),
		Limit:       at.limit, Offset: at.offset, After: at.cursor,
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		page, err := p.ListPayouts(ctx, params)
		if err != nil {
			return answer{}, err
		}
		return many(at, page, func() (int64, error) { return p.CountPayouts(ctx, params) }, showPayout)
	}, nil
}

// runPayouts makes each payout in a transaction of its own; with an
// Idempotency-Key all of them are made in the one of the stored answer.
func runPayouts(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.PayoutRunParams{Cutoff: b.instant("cutoff"), Currency: b.currency("currency")}
	minimum := b.number("minimum")
	preview := b.flag("preview")
	if err := b.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		params := params
		if minimum != nil {
			currency, err := ownCurrency(ctx, p, params.Currency)
			if err != nil {
				return answer{}, err
			}
			if params.Minimum, err = amount("minimum", *minimum, currency); err != nil {
				return answer{}, err
			}
		}
		status, run := http.StatusCreated, p.RunPayouts
		if preview {
			status, run = http.StatusOK, p.PreviewPayouts
		}
		payouts, err := run(ctx, params)
		if err != nil {
			return answer{}, err
		}
		return list(status, payouts, showPayout), nil
	}, nil
}

func retrievePayout(c *call) (work, error) {
	id, err := c.id()
	return giving(http.StatusOK, showPayout, func(ctx context.Context, p *refgrow.Project) (*refgrow.Payout, error) {
		return p.GetPayout(ctx, id)
	}), err
}

func listPayoutEntries(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	q := c.query()
	at := q.paging(50)
	if err := q.end(); err != nil {
		return nil, err
	}
	params := refgrow.ListPayoutEntriesParams{Limit: at.limit, Offset: at.offset, After: at.cursor}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		page, err := p.ListPayoutEntries(ctx, id, params)
		if err != nil {
			return answer{}, err
		}
		count := func() (int64, error) {
			payout, err := p.GetPayout(ctx, id)
			if err != nil {
				return 0, err
			}
			return payout.EntryCount, nil
		}
		return many(at, page, count, showEntry)
	}, nil
}

func payPayout(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.PayPayoutParams{ExternalReference: b.text("external_reference")}
	if err := b.end(); err != nil {
		return nil, err
	}
	return giving(http.StatusOK, showPayout, func(ctx context.Context, p *refgrow.Project) (*refgrow.Payout, error) {
		return p.PayPayout(ctx, id, params)
	}), nil
}

func cancelPayout(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	if err := b.end(); err != nil {
		return nil, err
	}
	return giving(http.StatusOK, showPayout, func(ctx context.Context, p *refgrow.Project) (*refgrow.Payout, error) {
		return p.CancelPayout(ctx, id)
	}), nil
}

func exportPayouts(c *call) (work, error) {
	q := c.query()
	format := refgrow.PayoutFormat(q.text("format"))
	currency := money.Currency(q.text("currency"))
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		file, err := p.ExportPayouts(ctx, format, currency)
		if err != nil {
			return answer{}, err
		}
		done := csvFile("payouts-"+string(file.Format)+"-"+string(file.Currency)+".csv", file.CSV)
		done.header.Set("X-Payouts-Left-Out", strconv.Itoa(file.LeftOut))
		return done, nil
	}, nil
}

func showPayout(o *wire.Object, p *refgrow.Payout) {
	o.ID("id", p.ID)
	o.Integer("affiliate_id", p.AffiliateID)
	o.Number("amount", p.Amount)
	o.Text("currency", string(p.Amount.Currency()))
	o.Text("status", string(p.Status))
	o.Integer("entry_count", p.EntryCount)
	o.Instant("cutoff", p.Cutoff)
	o.Optional("external_reference", p.ExternalReference)
	if p.CreatedAt.IsZero() { // a preview
		o.Null("created_at")
	} else {
		o.Instant("created_at", p.CreatedAt)
	}
	o.OptionalInstant("paid_at", p.PaidAt)
	o.OptionalInstant("canceled_at", p.CanceledAt)
}
