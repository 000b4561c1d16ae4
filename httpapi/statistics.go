package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
	"github.com/refgrow-go/refgrow/money"
)

func retrieveStatistics(c *call) (work, error) {
	q := c.query()
	params := refgrow.StatisticsParams{AffiliateID: q.id("affiliate_id"), From: q.instant("from"), To: q.instant("to")}
	if !params.To.IsZero() {
		if params.From.After(params.To) {
			q.fail("from", "must not be after to")
		}
		params.To = endOfDay(params.To)
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		days, err := p.Statistics(ctx, params)
		// Filtering by an unknown id gives an empty list, as everywhere.
		if err != nil && !errors.Is(err, refgrow.ErrNotFound) {
			return answer{}, err
		}
		return list(http.StatusOK, days, showDay), nil
	}, nil
}

// endOfDay is the first midnight, UTC, that is not before t.
func endOfDay(t time.Time) time.Time {
	const day = 24 * time.Hour
	return t.Add(day - time.Nanosecond).Truncate(day)
}

func showDay(o *wire.Object, d *refgrow.DayStatistics) {
	o.Text("date", d.Day.Format(time.DateOnly))
	o.Integer("clicks", d.Clicks)
	o.Integer("signups", d.Signups)
	o.Integer("purchases", d.Purchases)
	o.Member("earnings")
	o.B = wire.AppendList(o.B, d.Earnings, showEarned)
}

func showEarned(o *wire.Object, a *money.Amount) {
	o.Text("currency", string(a.Currency()))
	o.Decimal("amount", *a)
}
