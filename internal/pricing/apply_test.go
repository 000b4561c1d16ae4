package pricing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// purchases is a database that has only the purchases that durations look at of customer 5
// in project 3, except for conversion 9.
type purchases struct {
	db.Querier
	at []int64
}

var errOthers = errors.New("the question is about something else")

func (p purchases) CountPurchasesBefore(_ context.Context, of db.CountPurchasesBeforeParams) (n int64, err error) {
	if of.ProjectID != 3 || of.ReferralID != 5 || of.ButID != 9 {
		return 0, errOthers
	}
	for _, at := range p.at {
		if at <= of.Until && n < of.AtMost {
			n++
		}
	}
	return n, nil
}

func (p purchases) CountPayments(_ context.Context, of db.CountPaymentsParams) (int64, error) {
	if of.ProjectID != 3 || of.ReferralID != 5 || of.ButID != 9 {
		return 0, errOthers
	}
	return min(int64(len(p.at)), of.AtMost), nil
}

func (p purchases) FirstPurchase(_ context.Context, of db.FirstPurchaseParams) (int64, error) {
	switch {
	case of.ProjectID != 3 || of.ReferralID != 5 || of.ButID != 9:
		return 0, errOthers
	case len(p.at) == 0:
		return 0, fmt.Errorf("the first purchase: %w", sql.ErrNoRows)
	}
	return slices.Min(p.at), nil
}

// A duration asks at most one thing about a known customer's purchases, a new customer is
// known to have none without a query, and of an unknown one nothing is asked.
func TestHistory(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d, before := duration(t), purchases{at: rapid.SliceOfN(rapid.Int64Range(0, 20), 0, 5).Draw(t, "purchases")}
		c := &db.Conversion{ID: 9, ProjectID: 3, CreatedAt: rapid.Int64Range(0, 20).Draw(t, "at")}
		var q db.Querier
		by := Buyer{Known: rapid.IntRange(0, 3).Draw(t, "known") > 0}
		if by.Known && rapid.Bool().Draw(t, "there") {
			q, by.ID = before, 5
		} else {
			before.at = nil
		}
		rule := db.CommissionRule{Duration: string(d.Span), DurationCount: d.Count}
		if err := History(t.Context(), q, rule, by, c); err != nil {
			t.Fatal(err)
		}
		var firstAt, count *int64
		switch {
		case !by.Known || d.Span == Lifetime:
		case d.Span == FirstPurchase:
			count = new(int64)
			if slices.ContainsFunc(before.at, func(at int64) bool { return at <= c.CreatedAt }) {
				*count = 1
			}
		case d.Span == Payments:
			count = new(min(int64(len(before.at)), d.Count))
		default:
			firstAt = new(slices.Min(append(before.at, c.CreatedAt)))
		}
		if !reflect.DeepEqual(c.PricedFirstAt, firstAt) || !reflect.DeepEqual(c.PricedBefore, count) {
			t.Fatalf("%v of %v: first %v, before %v", d, before.at, c.PricedFirstAt, c.PricedBefore)
		}
	})
}

// What counts, at the instants and numbers around which something changes.
func TestHistoryAround(t *testing.T) {
	t.Parallel()
	n := func(n int64) *int64 { return &n }
	for _, c := range []struct {
		d               Duration
		purchases       []int64 // a conversion at 5 is priced
		firstAt, before *int64
		within          bool
	}{
		{Duration{FirstPurchase, 0}, nil, nil, n(0), true},
		{Duration{FirstPurchase, 0}, []int64{6}, nil, n(0), true},
		{Duration{FirstPurchase, 0}, []int64{5}, nil, n(1), false},
		{Duration{FirstPurchase, 0}, []int64{2, 3, 4}, nil, n(1), false},
		{Duration{Payments, 3}, []int64{4, 6}, nil, n(2), true},
		{Duration{Payments, 3}, []int64{4, 5, 6}, nil, n(3), false},
		{Duration{Payments, 3}, []int64{1, 2, 3, 4}, nil, n(3), false},
		{Duration{Months, 1}, nil, n(5), nil, true},
		{Duration{Months, 1}, []int64{6}, n(5), nil, true},
		{Duration{Months, 1}, []int64{4, 3}, n(3), nil, true},
	} {
		rule := db.CommissionRule{
			Kind: KindPercent, Rate: 1_000_000, Duration: string(c.d.Span), DurationCount: c.d.Count,
		}
		got := &db.Conversion{ID: 9, ProjectID: 3, CreatedAt: 5, PricedBaseValue: n(7), PricedCurrency: "USD"}
		if err := History(t.Context(), purchases{at: c.purchases}, rule, Buyer{true, 5}, got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.PricedFirstAt, c.firstAt) || !reflect.DeepEqual(got.PricedBefore, c.before) {
			t.Errorf("%v after %v: first %d, before %d", c.d, c.purchases, stored.OrZero(got.PricedFirstAt),
				stored.OrZero(got.PricedBefore))
		}
		if p, err := Price(rule, InputsOf(got)); err != nil || (p == Priced{7, ByRule}) != c.within {
			t.Errorf("%v after %v pays %+v, %v", c.d, c.purchases, p, err)
		}
	}
}

// A conversion is priced from what it is, whatever priced it before.
func TestApply(t *testing.T) {
	t.Parallel()
	rule := db.CommissionRule{
		ID: 4, ConversionType: Purchase, Version: 2, Kind: KindPercent, Rate: 200_000,
		Duration: string(Payments), DurationCount: 3,
	}
	rules := Rules{Own: map[string]db.CommissionRule{Purchase: rule}}
	before := db.Conversion{
		ID: 9, ProjectID: 3, Type: Purchase, Currency: "USD", BaseValue: new(int64(1000)), Value: 7, PricedValue: 7,
		CreatedAt:        5,
		CommissionReason: string(Given), RuleID: new(int64(1)), RuleVersion: new(int64(1)),
		PricedBaseValue: new(int64(3)), PricedCurrency: "EUR", PricedFirstAt: new(int64(2)), PricedBefore: new(int64(1)),
	}
	for _, c := range []struct {
		affiliate *int64
		by        Buyer
		value     int64
		reason    Reason
		before    *int64
	}{
		{nil, Buyer{true, 5}, 0, Unattributed, nil},
		{new(int64(1)), Buyer{}, 200, CustomerUnknown, nil},
		{new(int64(1)), Buyer{Known: true}, 200, ByRule, new(int64(0))},
		{new(int64(1)), Buyer{true, 5}, 200, ByRule, new(int64(2))},
	} {
		got := before
		got.AffiliateID = c.affiliate
		if err := rules.Apply(t.Context(), purchases{at: []int64{1, 9}}, &got, c.by); err != nil {
			t.Fatal(err)
		}
		want := before
		want.AffiliateID, want.CommissionReason = c.affiliate, string(c.reason)
		want.Value, want.PricedValue = c.value, c.value
		want.PricedBaseValue, want.PricedCurrency = want.BaseValue, "USD"
		want.PricedFirstAt, want.PricedBefore = nil, c.before
		want.RuleID, want.RuleVersion = nil, nil
		if c.affiliate != nil {
			want.RuleID, want.RuleVersion = &rule.ID, &rule.Version
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v is priced as %+v, want %+v", c, got, want)
		}
	}
}

// unreadable is a database whose rules cannot be read.
type unreadable struct{ db.Querier }

func (unreadable) ListRulesAt(context.Context, db.ListRulesAtParams) ([]db.CommissionRule, error) {
	return nil, errOthers
}

// A conversion is not priced by what cannot be read.
func TestApplyWhatIsDamaged(t *testing.T) {
	t.Parallel()
	rule := db.CommissionRule{ConversionType: Purchase, Kind: KindPercent, Rate: 1_000_001, Duration: string(Lifetime)}
	lasting := db.CommissionRule{
		ConversionType: Purchase, Kind: KindPercent, Rate: 1, Duration: string(Payments), DurationCount: 1,
	}
	for _, c := range []struct {
		rules Rules
		q     db.Querier
		want  error
	}{
		{Rules{Own: map[string]db.CommissionRule{Purchase: rule}}, nil, stored.ErrDamaged},
		{Rules{Own: map[string]db.CommissionRule{Purchase: lasting}}, purchases{}, errOthers},
		{Rules{Own: map[string]db.CommissionRule{Purchase: lasting}, Overridden: true}, unreadable{}, errOthers},
	} {
		got := db.Conversion{ID: 1, Type: Purchase, Currency: "USD", AffiliateID: new(int64(1)), Value: 7}
		if err := c.rules.Apply(t.Context(), c.q, &got, Buyer{true, 5}); !errors.Is(err, c.want) || got.Value != 7 {
			t.Errorf("%+v prices it at %d, %v, want %v", c.rules, got.Value, err, c.want)
		}
	}
}
