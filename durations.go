package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
)

// A CommissionDuration is for how long a customer's purchases earn: Lifetime,
// FirstPurchase, Months or Payments. Its text is that of the REST API, such as
// "12 months". The zero value is Lifetime.
type CommissionDuration string

const (
	// Lifetime: every purchase of the customer earns.
	Lifetime CommissionDuration = "lifetime"
	// FirstPurchase: only the customer's earliest purchase that was not deleted
	// earns. A refunded one counts.
	FirstPurchase CommissionDuration = "first_purchase"
)

// MaxDuration is the largest number of months or payments.
const MaxDuration = 1200

// Months is a duration that ends n calendar months (UTC) after the customer's
// first purchase. Where the last month is too short for its day, it ends on that
// month's last day. n is 1 to MaxDuration.
func Months(n int) CommissionDuration { return counted(n, "month") }

// Payments is a duration of n purchases that earn something. n is 1 to
// MaxDuration.
func Payments(n int) CommissionDuration { return counted(n, "payment") }

func counted(n int, unit string) CommissionDuration {
	if n != 1 {
		unit += "s"
	}
	return CommissionDuration(strconv.Itoa(n) + " " + unit)
}

// ParseCommissionDuration reads "lifetime", "first_purchase", "12 months" or "6
// payments", and gives the one form of each. The empty text is Lifetime. Errors:
// ErrInvalid.
func ParseCommissionDuration(text string) (CommissionDuration, error) {
	kind, n, err := CommissionDuration(text).parts()
	if err != nil || n == 0 {
		return CommissionDuration(kind), err
	}
	return counted(n, strings.TrimSuffix(kind, "s")), nil
}

// The durations that are counted, as the database names them.
const (
	durationMonths   = "months"
	durationPayments = "payments"
)

// parts gives the kind of a duration, and its number where it has one.
func (d CommissionDuration) parts() (kind string, n int, err error) {
	switch d {
	case "", Lifetime:
		return string(Lifetime), 0, nil
	case FirstPurchase:
		return string(FirstPurchase), 0, nil
	}
	number, unit, _ := strings.Cut(string(d), " ")
	n, err = strconv.Atoi(number)
	switch {
	case err != nil || n < 1 || n > MaxDuration || number != strconv.Itoa(n):
	case unit == "month", unit == "months":
		return durationMonths, n, nil
	case unit == "payment", unit == "payments":
		return durationPayments, n, nil
	}
	return "", 0, invalid("commission_duration",
		`must be "lifetime", "first_purchase", or 1 to %d months or payments, such as "12 months" or "6 payments"`, MaxDuration)
}

// durationOf reads a rule's duration from the database.
func durationOf(rule db.CommissionRule) (CommissionDuration, error) {
	text := rule.Duration
	if rule.DurationCount != 0 {
		text = strconv.FormatInt(rule.DurationCount, 10) + " " + rule.Duration
	}
	d, err := ParseCommissionDuration(text)
	if kind, n, _ := d.parts(); err != nil || kind != rule.Duration || int64(n) != rule.DurationCount {
		return d, fmt.Errorf("%w: commission rule %d lasts %d %q", ErrDamaged, rule.ID, rule.DurationCount, rule.Duration)
	}
	return d, nil
}

// within tells whether a conversion is within the duration of a rule. One whose
// customer is not known counts as a first one.
func (in inputs) within(rule db.CommissionRule) (known, within bool) {
	switch rule.Duration {
	case string(FirstPurchase):
		return in.before != nil, orZero(in.before) == 0
	case durationPayments:
		return in.before != nil, orZero(in.before) < rule.DurationCount
	case durationMonths:
		return in.firstAt != nil, in.firstAt == nil || in.happened < monthsAfter(*in.firstAt, rule.DurationCount)
	}
	return true, true
}

// monthsAfter is the same day and time of day, n calendar months later in UTC, or
// the last day of that month where it has no such day.
func monthsAfter(millis, n int64) int64 {
	t := instant(millis)
	month := time.Date(t.Year(), t.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	lastDay := month.AddDate(0, 1, -1).Day()
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return month.AddDate(0, 0, min(t.Day(), lastDay)-1).Add(t.Sub(midnight)).UnixMilli()
}

// history fills in what a rule's duration asks of the customer's purchases.
func (o *op) history(ctx context.Context, rule db.CommissionRule, customer *db.FindReferralRow, c *db.Conversion) (err error) {
	switch rule.Duration {
	case string(FirstPurchase), durationPayments:
		c.PricedBefore = new(int64)
	case durationMonths:
		c.PricedFirstAt = &c.CreatedAt
	}
	if customer == nil || rule.Duration == string(Lifetime) { // for a new customer this is the first purchase
		return nil
	}
	switch rule.Duration {
	case string(FirstPurchase):
		*c.PricedBefore, err = o.CountPurchasesUntil(ctx, db.CountPurchasesUntilParams{
			ProjectID: o.project, ReferralID: customer.ID, Until: c.CreatedAt, AtMost: 1,
		})
	case durationPayments:
		*c.PricedBefore, err = o.CountPayments(ctx, db.CountPaymentsParams{
			ProjectID: o.project, ReferralID: customer.ID, AtMost: rule.DurationCount,
		})
	case durationMonths:
		var first int64
		first, err = o.FirstPurchase(ctx, db.FirstPurchaseParams{ProjectID: o.project, ReferralID: customer.ID})
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		c.PricedFirstAt = new(min(first, c.CreatedAt))
	}
	return err
}
