// Package pricing says which commission rule prices a conversion, and what that rule
// pays. It is the only place that computes a commission, and the part of it that a
// refund takes back. What a rule says is in terms.go, and how it changes is in
// versions.go.
package pricing

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// Rules are what an operation knows of a project's rules, read in its transaction.
type Rules struct {
	// Own are the project's own that are in force, one for each type of conversion.
	Own map[string]db.CommissionRule
	// Overridden is set when there are others, or ever were.
	Overridden bool
	// AnyProduct is set for a conversion whose product no rule is for, whatever is
	// recorded of it.
	AnyProduct bool
}

// For picks the rule that prices a conversion, the most specific one that was in force
// when it happened: that of its affiliate and product together, then that of the
// affiliate, then that of the product, then the project's. The project's first version
// prices everything before it; an override prices nothing before it began, nor after it
// ended.
func (r Rules) For(ctx context.Context, q db.Querier, c *db.Conversion) (db.CommissionRule, error) {
	own := r.Own[c.Type]
	overridden := r.Overridden && c.Type == Purchase
	if !overridden && own.CreatedAt <= c.CreatedAt {
		return own, nil
	}
	affiliates, names := []int64{0}, []string{""}
	if overridden {
		affiliates = append(affiliates, stored.OrZero(c.AffiliateID))
		if c.Product != nil && !r.AnyProduct {
			names = append(names, *c.Product)
		}
	}
	products, err := stored.Texts(names)
	if err != nil {
		return own, err
	}
	versions, err := q.ListRulesAt(ctx, db.ListRulesAtParams{
		ProjectID: c.ProjectID, ConversionType: c.Type, Instant: c.CreatedAt,
		Affiliates: stored.IDs(affiliates), Products: products,
	})
	if err != nil {
		return own, err
	}
	versions = slices.DeleteFunc(versions, func(v db.CommissionRule) bool {
		return v.EndedAt != nil && *v.EndedAt <= c.CreatedAt && ScopeOf(v).Override()
	})
	if len(versions) == 0 {
		return own, fmt.Errorf("project %d has no commission rule for a %s", c.ProjectID, c.Type)
	}
	return slices.MaxFunc(versions, func(a, b db.CommissionRule) int {
		return cmp.Compare(specificity(a), specificity(b))
	}), nil
}

func specificity(rule db.CommissionRule) int {
	rank := 0
	if rule.AffiliateID != nil {
		rank += 2
	}
	if rule.Product != nil {
		rank++
	}
	return rank
}

// A Buyer is the customer of a conversion, as far as a duration asks.
type Buyer struct {
	Known bool
	ID    int64 // 0 as long as there is no row
}

// Apply prices a conversion from what it is: for its affiliate and product, by the rules
// of its own time, with the durations as they are now. It keeps the inputs, so that the
// commission can be explained and recomputed. One that nobody is credited with earns 0.
func (r Rules) Apply(ctx context.Context, q db.Querier, c *db.Conversion, by Buyer) error {
	c.RuleID, c.RuleVersion, c.PricedFirstAt, c.PricedBefore = nil, nil, nil, nil
	c.PricedBaseValue, c.PricedCurrency = c.BaseValue, c.Currency
	p := Priced{Reason: Unattributed}
	if c.AffiliateID != nil {
		rule, err := r.For(ctx, q, c)
		if err != nil {
			return err
		}
		if err := History(ctx, q, rule, by, c); err != nil {
			return err
		}
		if p, err = Price(rule, InputsOf(c)); err != nil {
			return err
		}
		c.RuleID, c.RuleVersion = &rule.ID, &rule.Version
	}
	c.Value, c.PricedValue, c.CommissionReason = p.Value, p.Value, string(p.Reason)
	return nil
}

// History fills in what a rule's duration asks about the other purchases of a customer
// who is known: those that an affiliate is credited with, and that had a base value above
// 0 or earned something. Payments are those that still bring something.
func History(ctx context.Context, q db.Querier, rule db.CommissionRule, by Buyer, c *db.Conversion) (err error) {
	span := Span(rule.Duration)
	if !by.Known || span == Lifetime {
		return nil
	}
	switch span {
	case FirstPurchase, Payments:
		c.PricedBefore = new(int64)
	case Months:
		c.PricedFirstAt = &c.CreatedAt
	case Lifetime:
	}
	if by.ID == 0 { // this is the first purchase
		return nil
	}
	switch span {
	case FirstPurchase:
		*c.PricedBefore, err = q.CountPurchasesBefore(ctx, db.CountPurchasesBeforeParams{
			ProjectID: c.ProjectID, ReferralID: by.ID, ButID: c.ID, Until: c.CreatedAt, AtMost: 1,
		})
	case Payments:
		*c.PricedBefore, err = q.CountPayments(ctx, db.CountPaymentsParams{
			ProjectID: c.ProjectID, ReferralID: by.ID, ButID: c.ID, AtMost: rule.DurationCount,
		})
	case Months:
		var first int64
		first, err = q.FirstPurchase(ctx, db.FirstPurchaseParams{
			ProjectID: c.ProjectID, ReferralID: by.ID, ButID: c.ID,
		})
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		c.PricedFirstAt = new(min(first, c.CreatedAt))
	case Lifetime:
	}
	return err
}

// Inputs are what a rule is applied to. They are stored with the conversion, so that
// its commission can be explained and recomputed.
type Inputs struct {
	Currency money.Currency
	Base     *int64 // minor units, nil for none
	Happened int64  // Unix milliseconds
	// For a rule that lasts some months: when the customer's first purchase was, which
	// may be this one. nil for an unknown customer.
	FirstAt *int64
	// For a rule that lasts one or more purchases: how many that count there were
	// before, counted only as far as the rule asks. nil for an unknown customer.
	Before *int64
}

// InputsOf returns the inputs that are stored with a conversion.
func InputsOf(c *db.Conversion) Inputs {
	return Inputs{money.Currency(c.PricedCurrency), c.PricedBaseValue, c.CreatedAt, c.PricedFirstAt, c.PricedBefore}
}

// A Reason is the stable word for where a conversion's value comes from.
type Reason string

const (
	ByRule          Reason = "rule"
	CustomerUnknown Reason = "customer_unknown"  // the rule priced it as a first purchase
	Given           Reason = "value_given"       // by the caller, which wins over the rule
	Unattributed    Reason = "unattributed"      // 0, because nobody is credited
	BeyondDuration  Reason = "beyond_duration"   // 0, because the rule's duration was over
	OtherCurrency   Reason = "currency_mismatch" // 0, because the rule is a fixed amount in another one
)

// Priced is what a conversion earns and why.
type Priced struct {
	Value  int64 // minor units of the conversion's currency
	Reason Reason
}

// Price computes a commission: a share of the base value, rounded once, half away from
// zero, to the minor unit; or a fixed amount.
func Price(rule db.CommissionRule, in Inputs) (Priced, error) {
	pays, err := TermsOf(rule)
	if err != nil {
		return Priced{}, err
	}
	fixed := pays.Commission.Fixed
	known, within := in.within(pays.Duration)
	p := Priced{Reason: ByRule}
	switch {
	case !within:
		return Priced{Reason: BeyondDuration}, nil
	case fixed.IsSet() && fixed.Currency() != in.Currency:
		return Priced{Reason: OtherCurrency}, nil
	case !known:
		p.Reason = CustomerUnknown
	}
	switch {
	case fixed.IsSet():
		p.Value = fixed.Minor()
	case in.Base != nil:
		p.Value = pays.Commission.Rate.Of(money.New(*in.Base, in.Currency)).Minor()
	}
	return p, nil
}

// within reports whether a conversion is within a duration, and whether the customer is
// known, if that matters for it. A conversion of an unknown customer counts as a first
// purchase.
func (in Inputs) within(d Duration) (known, within bool) {
	switch d.Span {
	case FirstPurchase:
		return in.Before != nil, stored.OrZero(in.Before) == 0
	case Payments:
		return in.Before != nil, stored.OrZero(in.Before) < d.Count
	case Months:
		return in.FirstAt != nil, in.FirstAt == nil || in.Happened < monthsAfter(*in.FirstAt, d.Count)
	case Lifetime:
	}
	return true, true
}

// monthsAfter returns the same day and time of day n calendar months later in UTC, or
// the last day of that month if it has no such day.
func monthsAfter(millis, n int64) int64 {
	t := stored.Instant(millis)
	month := time.Date(t.Year(), t.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	lastDay := month.AddDate(0, 1, -1).Day()
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	return month.AddDate(0, 0, min(t.Day(), lastDay)-1).Add(t.Sub(midnight)).UnixMilli()
}

// Due returns what a conversion has to bring its account: its value, less the part of
// it that refunds take back. It is 0 if nobody is credited.
func Due(c *db.Conversion) int64 {
	if c.AffiliateID == nil {
		return 0
	}
	return c.Value - TakenBack(c)
}

// TakenBack returns the share of the value that goes with the refunded part of the base
// value, rounded once, half away from zero, to the minor unit. It is computed from
// everything refunded so far, so that parts that add up to the whole take back exactly
// the value.
func TakenBack(c *db.Conversion) int64 {
	switch {
	case c.Reversed == 1: // a free sale, or a signup, that was taken back as a whole
		return c.Value
	case c.Refunded == 0:
		return 0
	}
	amount := func(minor int64) money.Amount { return money.New(minor, money.Currency(c.Currency)) }
	share, err := amount(c.Value).Prorate(amount(c.Refunded), amount(stored.OrZero(c.BaseValue)))
	if err != nil { // no operation refunds more than the base value
		return c.Value
	}
	return share.Minor()
}
