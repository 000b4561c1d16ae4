package refgrow

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// DayStatistics says what happened on one UTC day.
type DayStatistics struct {
	Day time.Time // midnight UTC
	// Clicks that counted.
	Clicks int64
	// Signups and Purchases are the existing conversions of that day.
	Signups, Purchases int64
	// Earnings is by how much the total earnings changed that day, an amount for each
	// currency, sorted by it.
	Earnings []money.Amount
}

// StatisticsParams choose the days.
type StatisticsParams struct {
	// AffiliateID is whose statistics they are; 0 for the whole project.
	AffiliateID int64
	// From is the first day, To the one after the last. Default: the 30 days up to
	// today. Their times of day do not count. At most MaxStatisticsDays.
	From, To time.Time
}

// MaxStatisticsDays is the most that Statistics gives at once.
const MaxStatisticsDays = 366

const defaultStatisticsDays = 30

// dayMillis is a UTC day.
const dayMillis = 24 * 60 * 60 * 1000

// dayOf is the UTC day of an instant, counted from 1970.
func dayOf(millis int64) int64 {
	day := millis / dayMillis
	if millis%dayMillis < 0 {
		day--
	}
	return day
}

// Statistics gives the days from From until before To, the earliest first, also
// those on which nothing happened. Errors: ErrNotFound for an unknown affiliate,
// ErrInvalid.
func (p *Project) Statistics(ctx context.Context, params StatisticsParams) ([]DayStatistics, error) {
	if params.AffiliateID < 0 {
		return nil, positive("affiliate_id", params.AffiliateID)
	}
	to := dayOf(p.engine.millis()) + 1
	if !params.To.IsZero() {
		to = dayOf(millisOf(params.To))
	}
	from := to - defaultStatisticsDays
	if !params.From.IsZero() {
		from = dayOf(millisOf(params.From))
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
		if _, err := q.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: p.id, AffiliateID: params.AffiliateID}); err != nil {
			return missing(err, "Affiliate")
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

// inBillions is a sum that may be more than an int64 holds.
func inBillions(billions, rest int64) *big.Int {
	sum := big.NewInt(billions)
	return sum.Mul(sum, big.NewInt(1_000_000_000)).Add(sum, big.NewInt(rest))
}

// date is how a day is written.
func date(day int64) string { return instant(day * dayMillis).Format(time.DateOnly) }

// showDays puts the rows, which are sorted by day and currency, onto their days.
func showDays(rows []db.ListProjectDaysRow, from, to int64) ([]DayStatistics, error) {
	days := make([]DayStatistics, to-from)
	for i := range days {
		days[i] = DayStatistics{Day: instant((from + int64(i)) * dayMillis), Earnings: []money.Amount{}}
	}
	for _, row := range rows {
		if row.Day < from || row.Day >= to {
			return nil, fmt.Errorf("%w: among the days from %s on is %d", ErrDamaged, date(from), row.Day)
		}
		d := &days[row.Day-from]
		d.Clicks += row.Clicks
		d.Signups += row.Signups
		d.Purchases += row.Purchases
		earned := inBillions(row.Billions, row.Earned)
		if earned.Sign() == 0 {
			continue
		}
		currency, err := storedCurrency(row.Currency)
		if err != nil {
			return nil, err
		}
		if !earned.IsInt64() {
			return nil, conflict("", "the earnings of %s in %s are beyond what an amount can be", date(row.Day), row.Currency)
		}
		d.Earnings = append(d.Earnings, money.New(earned.Int64(), currency))
	}
	return days, nil
}
