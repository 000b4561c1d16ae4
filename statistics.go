package refgrow

import (
	"context"
	"fmt"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// DayStatistics says what happened on one UTC day.
type DayStatistics struct {
	Day time.Time // midnight UTC
	// Clicks that counted.
	Clicks int64
	// Signups and Purchases are the existing conversions of that day.
	Signups, Purchases int64
	// Earnings is how much the total earnings changed that day: an amount for each
	// currency, sorted by currency. What a conversion earns counts on its own day,
	// however late it was recorded. What changes it later counts on the day of the
	// change, as bonuses and deductions do.
	Earnings []money.Amount
}

// StatisticsParams choose the days.
type StatisticsParams struct {
	// AffiliateID is whose statistics they are; 0 for the whole project.
	AffiliateID int64
	// From is the first day, To the day after the last. They default to the 30 days up
	// to and including today. Their times of day are ignored. They are at most
	// MaxStatisticsDays apart.
	From, To time.Time
}

// MaxStatisticsDays is how many days Statistics returns at most.
const MaxStatisticsDays = 366

const defaultStatisticsDays = 30

// Statistics returns the days from From up to but excluding To, earliest first,
// including those on which nothing happened. Errors: ErrNotFound for an unknown
// affiliate, ErrInvalid.
func (p *Project) Statistics(ctx context.Context, params StatisticsParams) ([]DayStatistics, error) {
	if params.AffiliateID < 0 {
		return nil, at("affiliate_id", form.ID(params.AffiliateID))
	}
	to := stored.DayOf(p.engine.millis()) + 1
	if !params.To.IsZero() {
		to = stored.DayOf(stored.Millis(params.To))
	}
	from := to - defaultStatisticsDays
	if !params.From.IsZero() {
		from = stored.DayOf(stored.Millis(params.From))
	}
	switch {
	case from > to:
		return nil, invalid("from", "must not be after to")
	case to-from > MaxStatisticsDays:
		return nil, invalid("from", "must be at most %d days before to", MaxStatisticsDays)
	}
	var rows []db.ListProjectDaysRow
	err := p.snapshot(ctx, "reading the statistics", func(ctx context.Context, q db.Querier) (err error) {
		if params.AffiliateID == 0 {
			rows, err = q.ListProjectDays(ctx, db.ListProjectDaysParams{ProjectID: p.id, FromDay: from, ToDay: to})
			return err
		}
		if err := affiliateExists(ctx, q, p.id, params.AffiliateID); err != nil {
			return err
		}
		found, err := q.ListAffiliateDays(ctx, db.ListAffiliateDaysParams{
			ProjectID: p.id, AffiliateID: params.AffiliateID, FromDay: from, ToDay: to,
		})
		rows = make([]db.ListProjectDaysRow, len(found))
		for i, row := range found {
			rows[i] = db.ListProjectDaysRow(row)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return showDays(rows, from, to)
}

// showDays adds the rows, which are sorted by day and currency, to their days.
func showDays(rows []db.ListProjectDaysRow, from, to int64) ([]DayStatistics, error) {
	days := make([]DayStatistics, to-from)
	for i := range days {
		days[i] = DayStatistics{Day: stored.Instant((from + int64(i)) * stored.DayMillis), Earnings: []money.Amount{}}
	}
	for _, row := range rows {
		if row.Day < from || row.Day >= to {
			first := stored.Date(stored.Midnight(from))
			return nil, fmt.Errorf("%w: the days from %s on include day %d", ErrDamaged, first, row.Day)
		}
		d := &days[row.Day-from]
		d.Clicks += row.Clicks
		d.Signups += row.Signups
		d.Purchases += row.Purchases
		earned := stored.Billions(row.Billions, row.Earned)
		if earned.Sign() == 0 {
			continue
		}
		currency, err := stored.Currency(row.Currency)
		if err != nil {
			return nil, err
		}
		if !earned.IsInt64() {
			return nil, conflict("", "the earnings of %s in %s exceed the largest amount",
				stored.Date(stored.Midnight(row.Day)), row.Currency)
		}
		d.Earnings = append(d.Earnings, money.New(earned.Int64(), currency))
	}
	return days, nil
}
