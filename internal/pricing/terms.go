package pricing

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// The types of conversion, as the database names them.
const (
	Purchase = "purchase"
	Signup   = "signup"
)

// A Scope is what a rule is for: one type of conversion and, for an override, an
// affiliate, a product or both.
type Scope struct {
	Type      string
	Affiliate int64  // 0 for all
	Product   string // "" for all
}

// ScopeOf returns what a version of a rule is for.
func ScopeOf(rule db.CommissionRule) Scope {
	return Scope{rule.ConversionType, stored.OrZero(rule.AffiliateID), stored.OrZero(rule.Product)}
}

// Override reports whether the scope is narrower than the project.
func (s Scope) Override() bool { return s.Affiliate != 0 || s.Product != "" }

// String is "project", "affiliate", "product" or "affiliate_product".
func (s Scope) String() string {
	switch {
	case s.Affiliate != 0 && s.Product != "":
		return "affiliate_product"
	case s.Affiliate != 0:
		return "affiliate"
	case s.Product != "":
		return "product"
	}
	return "project"
}

// Terms are what a rule pays, and for how long.
type Terms struct {
	Commission Commission
	Duration   Duration
}

// TermsOf reads the terms of a version of a rule. Errors: stored.ErrDamaged.
func TermsOf(rule db.CommissionRule) (Terms, error) {
	commission, err := CommissionOf(rule)
	if err != nil {
		return Terms{}, err
	}
	duration, err := DurationOf(rule)
	return Terms{commission, duration}, err
}

// String says what a rule pays and for how long, such as "8.2% for life".
func (t Terms) String() string {
	switch t.Duration.Span {
	case Lifetime:
		return t.Commission.String() + " for life"
	case FirstPurchase:
		return t.Commission.String() + " for the first purchase"
	case Months, Payments:
	}
	return t.Commission.String() + " for " + t.Duration.String()
}

// The kinds of commission, as the database names them.
const (
	KindPercent = "percent"
	KindFixed   = "fixed"
)

// A Commission is a share of the base value, or a fixed amount. Its zero value pays
// nothing.
type Commission struct {
	Rate  money.Rate
	Fixed money.Amount // set for a fixed commission
}

// CommissionOf reads the commission of a version of a rule. Errors: stored.ErrDamaged.
func CommissionOf(rule db.CommissionRule) (Commission, error) {
	if rule.Kind == KindFixed {
		currency, err := stored.Currency(rule.Currency)
		if err != nil {
			return Commission{}, fmt.Errorf("commission rule %d: %w", rule.ID, err)
		}
		return Commission{Fixed: money.New(rule.Amount, currency)}, nil
	}
	rate, err := money.RateFromMillionths(rule.Rate)
	if err != nil {
		return Commission{}, fmt.Errorf("%w: commission rule %d: %w", stored.ErrDamaged, rule.ID, err)
	}
	return Commission{Rate: rate}, nil
}

// In returns the commission in a project's currency: the number of a fixed amount stays
// the same.
func (c Commission) In(currency money.Currency) (Commission, error) {
	if !c.Fixed.IsSet() {
		return c, nil
	}
	if c.Fixed.Sign() < 0 || c.Fixed.Minor() > money.MaxMinor {
		return c, errors.New("must be from 0 to 9 * 10^15 minor units")
	}
	fixed, err := c.Fixed.As(currency)
	if err != nil {
		return c, err
	}
	return Commission{Fixed: fixed}, nil
}

// String is "20%" or "5.00 USD".
func (c Commission) String() string {
	if c.Fixed.IsSet() {
		return c.Fixed.String()
	}
	return c.Rate.String()
}

// A Span is how a duration is measured, as the database names it.
type Span string

const (
	Lifetime      Span = "lifetime"       // every purchase of the customer earns
	FirstPurchase Span = "first_purchase" // only the earliest one that counts, see History
	Months        Span = "months"         // calendar months (UTC) after the first purchase
	Payments      Span = "payments"       // purchases that still bring something
)

// MaxDuration is the largest number of months or payments.
const MaxDuration = 1200

// A Duration is how long a customer's purchases earn.
type Duration struct {
	Span  Span
	Count int64 // of months or payments, 1 to MaxDuration; 0 for the others
}

// DurationOf reads the duration of a version of a rule. Errors: stored.ErrDamaged.
func DurationOf(rule db.CommissionRule) (Duration, error) {
	d := Duration{Span(rule.Duration), rule.DurationCount}
	if !d.valid() {
		return d, fmt.Errorf("%w: commission rule %d lasts %d %q",
			stored.ErrDamaged, rule.ID, rule.DurationCount, rule.Duration)
	}
	return d, nil
}

func (d Duration) valid() bool {
	switch d.Span {
	case Lifetime, FirstPurchase:
		return d.Count == 0
	case Months, Payments:
		return d.Count >= 1 && d.Count <= MaxDuration
	}
	return false
}

// ParseDuration reads "lifetime", "first_purchase", "12 months" or "6 payments". The
// empty text is Lifetime.
func ParseDuration(text string) (Duration, error) {
	switch text {
	case "", string(Lifetime):
		return Duration{Span: Lifetime}, nil
	case string(FirstPurchase):
		return Duration{Span: FirstPurchase}, nil
	}
	number, unit, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	if err == nil && n >= 1 && n <= MaxDuration && number == strconv.Itoa(n) {
		switch unit {
		case "month", "months":
			return Duration{Months, int64(n)}, nil
		case "payment", "payments":
			return Duration{Payments, int64(n)}, nil
		}
	}
	return Duration{}, fmt.Errorf(
		`must be "lifetime", "first_purchase", or 1 to %d months or payments, such as "12 months" or "6 payments"`,
		MaxDuration)
}

// String returns the one form of a duration that ParseDuration reads back, such as "1
// month".
func (d Duration) String() string {
	unit := string(d.Span)
	switch d.Span {
	case Lifetime, FirstPurchase:
		return unit
	case Months, Payments:
		if d.Count == 1 {
			unit = strings.TrimSuffix(unit, "s")
		}
	}
	return strconv.FormatInt(d.Count, 10) + " " + unit
}
