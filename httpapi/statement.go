package httpapi

import (
	"bytes"
	"context"
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
		a, err := p.AffiliateByEmail(ctx, c.value)
		if err != nil {
			return answer{}, err
		}
		statement, err := p.Statement(ctx, a.ID, of.Year(), of.Month())
		if err != nil {
			return answer{}, err
		}
		if !asCSV {
			return one(http.StatusOK, statement, func(o *wire.Object, s *refgrow.Statement) { showStatement(o, s, of.Format(monthForm)) }), nil
		}
		var text bytes.Buffer
		err = statement.WriteCSV(&text)
		return csvFile("statement-"+strconv.FormatInt(a.ID, 10)+"-"+of.Format(monthForm)+".csv", text.Bytes()), err
	}, nil
}

// showStatement has nothing in it that can change once the month is closed.
func showStatement(o *wire.Object, s *refgrow.Statement, month string) {
	o.Integer("affiliate_id", s.AffiliateID)
	o.Text("month", month)
	o.Flag("closed", s.Closed)
	o.ID("last_entry_id", s.LastEntryID)
	o.Member("entries")
	o.B = appendList(o.B, s.Entries, showEntry)
}
