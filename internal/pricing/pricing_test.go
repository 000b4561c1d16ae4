package pricing

import (
	"context"
	"encoding/json"
	"errors"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// rounded is value * part / whole, rounded half away from zero; nothing is negative.
func rounded(value, part, whole int64) int64 {
	twice := new(big.Int).Mul(big.NewInt(value), big.NewInt(part))
	twice.Lsh(twice, 1).Add(twice, big.NewInt(whole))
	return twice.Div(twice, new(big.Int).Lsh(big.NewInt(whole), 1)).Int64()
}

func minor(t *rapid.T, name string, least int64) int64 {
	return rapid.OneOf(rapid.Int64Range(least, 1000), rapid.Int64Range(least, money.MaxMinor)).Draw(t, name)
}

// A percentage is exact up to one rounding, whatever the amount.
func TestPriceIsRoundedOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		simple := rapid.SampledFrom([]int64{500_000, 250_000, 125_000, 100_000})
		rate := rapid.OneOf(simple, rapid.Int64Range(0, 1_000_000)).Draw(t, "rate")
		base := minor(t, "base", 0)
		rule := db.CommissionRule{Kind: KindPercent, Rate: rate, Duration: "lifetime"}
		p, err := Price(rule, Inputs{Currency: "USD", Base: &base})
		if want := (Priced{rounded(base, rate, 1_000_000), ByRule}); err != nil || p != want {
			t.Fatalf("%d millionths of %d is %+v, %v, want %+v", rate, base, p, err, want)
		}
	})
}

// A fixed commission depends only on the currency.
func TestPriceFixed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rule := db.CommissionRule{Kind: KindFixed, Amount: minor(t, "amount", 0), Currency: "EUR", Duration: "lifetime"}
		in := Inputs{Currency: rapid.SampledFrom([]money.Currency{"EUR", "USD"}).Draw(t, "currency")}
		if rapid.Bool().Draw(t, "with a base value") {
			in.Base = new(minor(t, "base", 0))
		}
		want := Priced{rule.Amount, ByRule}
		if in.Currency != "EUR" {
			want = Priced{0, OtherCurrency}
		}
		if p, err := Price(rule, in); err != nil || p != want {
			t.Fatalf("%d EUR for a sale in %s is %+v, %v", rule.Amount, in.Currency, p, err)
		}
	})
}

// How a rule's duration treats the customer's purchases. An unknown customer counts as
// a new one.
func TestPriceWithinDuration(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := duration(t)
		rule := db.CommissionRule{Kind: KindPercent, Rate: 1_000_000, Duration: string(d.Span), DurationCount: d.Count}
		in := Inputs{Currency: "USD", Base: new(int64(100))}
		unknown := rapid.Bool().Draw(t, "unknown")
		want := Priced{100, ByRule}
		switch {
		case d.Span == Lifetime:
		case unknown:
			want.Reason = CustomerUnknown
		case d.Span == Months:
			in.FirstAt = new(rapid.Int64Range(0, 2e12).Draw(t, "first"))
			end := monthsAfter(*in.FirstAt, d.Count)
			atTheEnd := rapid.SampledFrom([]int64{-1, 0})
			in.Happened = end + rapid.OneOf(atTheEnd, rapid.Int64Range(*in.FirstAt-end, 1e12)).Draw(t, "after the end")
			if in.Happened >= end {
				want = Priced{0, BeyondDuration}
			}
		default:
			in.Before = new(rapid.Int64Range(0, max(1, d.Count)).Draw(t, "before"))
			if *in.Before >= max(1, d.Count) {
				want = Priced{0, BeyondDuration}
			}
		}
		if p, err := Price(rule, in); err != nil || p != want {
			t.Fatalf("%v with %+v is %+v, %v, want %+v", d, in, p, err, want)
		}
	})
}

// A number of months ends on the same day at the same time, or else on the last day of
// the month.
func TestMonthsAfter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := rapid.Int64Range(0, 4e12).Draw(t, "from")
		n := rapid.Int64Range(1, MaxDuration).Draw(t, "months")
		start, end := stored.Instant(from), stored.Instant(monthsAfter(from, n))
		if months := int64((end.Year()-start.Year())*12 + int(end.Month()) - int(start.Month())); months != n {
			t.Fatalf("%v is %d months after %v, not %d", end, months, start, n)
		}
		if end.Sub(stored.Midnight(stored.DayOf(end.UnixMilli()))) != start.Sub(stored.Midnight(stored.DayOf(from))) {
			t.Fatalf("%v does not have the time of day of %v", end, start)
		}
		lastDay := end.AddDate(0, 0, 1).Month() != end.Month()
		if end.Day() != start.Day() && (end.Day() > start.Day() || !lastDay) {
			t.Fatalf("%v is neither on the day of %v nor on the last day of its month", end, start)
		}
	})
	for _, c := range []struct {
		from string
		n    int64
		to   string
	}{
		{"2026-01-31", 1, "2026-02-28"},
		{"2028-01-31", 1, "2028-02-29"},
		{"2028-02-29", 12, "2029-02-28"},
		{"2028-02-29", 48, "2032-02-29"},
		{"2026-12-31", 2, "2027-02-28"},
		{"2026-11-30", MaxDuration, "2126-11-30"},
	} {
		from, err := time.Parse(time.DateOnly, c.from)
		if err != nil {
			t.Fatal(err)
		}
		if to := stored.Date(stored.Instant(monthsAfter(from.UnixMilli(), c.n))); to != c.to {
			t.Errorf("%d months after %s is %s, want %s", c.n, c.from, to, c.to)
		}
	}
}

// However a sale is refunded, each part takes back its share, no refund leaves the
// account with more than before, and all of them together take back the whole
// commission.
func TestRefundsAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := &db.Conversion{
			AffiliateID: new(int64(1)), Currency: "USD",
			Value: minor(t, "value", 0), BaseValue: new(minor(t, "base", 1)),
		}
		taken := int64(0)
		for c.Refunded < *c.BaseValue {
			before := Due(c)
			left := *c.BaseValue - c.Refunded
			c.Refunded += rapid.OneOf(rapid.Int64Range(1, left), rapid.Just(left)).Draw(t, "part")
			if want := rounded(c.Value, c.Refunded, *c.BaseValue); TakenBack(c) != want {
				t.Fatalf("%d of %d refunded takes back %d of %d, want %d", c.Refunded, *c.BaseValue, TakenBack(c), c.Value, want)
			}
			if Due(c) > before {
				t.Fatalf("refunds of %d leave %d, which is more than before: %d", c.Refunded, Due(c), before)
			}
			taken += before - Due(c)
		}
		if taken != c.Value || Due(c) != 0 {
			t.Fatalf("the refunds took back %d of %d, and %d is left", taken, c.Value, Due(c))
		}
	})
}

// A commission that was given, but is credited to nobody, is in no account.
func TestDueToNobody(t *testing.T) {
	t.Parallel()
	if due := Due(&db.Conversion{Currency: "USD", Value: 700}); due != 0 {
		t.Errorf("nobody is due %d, want 0", due)
	}
}

// A value that cannot be prorated, because its row is damaged, is taken back as a
// whole, and so is that of a free sale, or of a signup, that was refunded.
func TestRefundOfNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []*db.Conversion{{Refunded: 1}, {Reversed: 1}, {Reversed: 1, BaseValue: new(int64(0))}} {
		c.AffiliateID, c.Currency, c.Value = new(int64(1)), "USD", 700
		if TakenBack(c) != 700 || Due(c) != 0 {
			t.Errorf("of %+v %d is taken back, and %d is left", c, TakenBack(c), Due(c))
		}
	}
	if c := (&db.Conversion{AffiliateID: new(int64(1)), Currency: "USD", Value: 700}); TakenBack(c) != 0 || Due(c) != 700 {
		t.Errorf("of a signup %d is taken back, and %d is left", TakenBack(c), Due(c))
	}
}

// versions are a database that has only the versions of a project's rules for purchases,
// in the order in which they were made.
type versions struct {
	db.Querier
	all []db.CommissionRule
}

// ListRulesAt returns what the query does, written down a second time: of each rule, the
// last version that has begun or ended by then, and of the project's own at least the
// first.
func (v versions) ListRulesAt(_ context.Context, of db.ListRulesAtParams) (found []db.CommissionRule, _ error) {
	var affiliates []int64
	var products []string
	if err := errors.Join(json.Unmarshal([]byte(of.Affiliates), &affiliates),
		json.Unmarshal([]byte(of.Products), &products)); err != nil {
		return nil, err
	}
	for _, affiliate := range affiliates {
		for _, product := range products {
			var last *db.CommissionRule
			for _, r := range v.all {
				if ScopeOf(r) != (Scope{of.ConversionType, affiliate, product}) {
					continue
				}
				first := last == nil && !ScopeOf(r).Override()
				if first || r.CreatedAt <= of.Instant || r.EndedAt != nil && *r.EndedAt <= of.Instant {
					last = &r
				}
			}
			if last != nil {
				found = append(found, *last)
			}
		}
	}
	return found, nil
}

// Whichever rules were made and ended, and whatever the clock did between: the most
// specific one prices that the last change of it until then left in force. An affiliate
// counts more than a product, and both together count most.
func TestTheMostSpecificRuleOfThen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type change struct{ at, rule int64 } // rule 0 for an end
		changes, inForce, nextVersion := make(map[Scope][]change), make(map[Scope]int), make(map[Scope]int64)
		now := func() int64 { return rapid.Int64Range(0, 20).Draw(t, "at") }
		var q versions
		begin := func(of Scope, at int64) {
			nextVersion[of]++
			rule := db.CommissionRule{
				ID: int64(len(q.all) + 1), ConversionType: of.Type, AffiliateID: stored.IDOrNull(of.Affiliate),
				Product: stored.TextOrNull(of.Product), Version: nextVersion[of], CreatedAt: at,
			}
			q.all = append(q.all, rule)
			inForce[of] = len(q.all)
			changes[of] = append(changes[of], change{at, rule.ID})
		}
		end := func(of Scope, at int64) {
			if n := inForce[of]; n != 0 {
				q.all[n-1].EndedAt = &at
				inForce[of] = 0
				changes[of] = append(changes[of], change{at, 0})
			}
		}
		project := Scope{Type: Purchase}
		begin(project, now())
		overridden := false
		for range rapid.IntRange(0, 12).Draw(t, "changes") {
			of := Scope{
				Purchase, rapid.Int64Range(0, 2).Draw(t, "affiliate"),
				rapid.SampledFrom([]string{"", "a", "<b>"}).Draw(t, "product"),
			}
			at := now()
			end(of, at)
			if !of.Override() || rapid.Bool().Draw(t, "begins") {
				begin(of, at)
				overridden = overridden || of.Override()
			}
		}
		c := &db.Conversion{
			ProjectID: 3, Type: Purchase, CreatedAt: now(), AffiliateID: stored.IDOrNull(rapid.Int64Range(0, 2).Draw(t, "of")),
			Product: stored.TextOrNull(rapid.SampledFrom([]string{"", "a", "<b>"}).Draw(t, "bought")),
		}
		want := changes[project][0].rule
		for _, of := range []Scope{
			project, {Purchase, 0, stored.OrZero(c.Product)}, {Purchase, stored.OrZero(c.AffiliateID), ""},
			{Purchase, stored.OrZero(c.AffiliateID), stored.OrZero(c.Product)},
		} {
			left := int64(0)
			for _, ch := range changes[of] {
				if ch.at <= c.CreatedAt {
					left = ch.rule
				}
			}
			if left != 0 {
				want = left
			}
		}
		own := map[string]db.CommissionRule{Purchase: q.all[inForce[project]-1]}
		got, err := Rules{Own: own, Overridden: overridden}.For(t.Context(), q, c)
		if err != nil || got.ID != want {
			t.Fatalf("of %+v, rule %d prices one at %d, %v, want %d", q.all, got.ID, c.CreatedAt, err, want)
		}
	})
}

// An override prices from the instant at which it begins until the one at which it ends.
func TestFromTheBeginningToTheEndOfAnOverride(t *testing.T) {
	t.Parallel()
	own := db.CommissionRule{ID: 1, ConversionType: Purchase}
	q := versions{all: []db.CommissionRule{
		own, {ID: 2, ConversionType: Purchase, AffiliateID: new(int64(1)), CreatedAt: 10, EndedAt: new(int64(20))},
	}}
	rules := Rules{Own: map[string]db.CommissionRule{Purchase: own}, Overridden: true}
	for at, want := range map[int64]int64{9: 1, 10: 2, 19: 2, 20: 1} {
		c := &db.Conversion{Type: Purchase, AffiliateID: new(int64(1)), CreatedAt: at}
		if got, err := rules.For(t.Context(), q, c); err != nil || got.ID != want {
			t.Errorf("rule %d prices one at %d, %v, want %d", got.ID, at, err, want)
		}
	}
}

// The rule of an affiliate comes before that of a product, and that of both before either.
func TestWhichOverrideComesFirst(t *testing.T) {
	t.Parallel()
	own := db.CommissionRule{ID: 1, ConversionType: Purchase}
	q := versions{all: []db.CommissionRule{
		own, {ID: 2, ConversionType: Purchase, Product: new("a")},
		{ID: 3, ConversionType: Purchase, AffiliateID: new(int64(1))},
		{ID: 4, ConversionType: Purchase, AffiliateID: new(int64(1)), Product: new("b")},
	}}
	for of, want := range map[Scope]int64{
		{Purchase, 2, "b"}: 1, {Purchase, 2, "a"}: 2, {Purchase, 1, "a"}: 3, {Purchase, 1, "b"}: 4, {Purchase, 1, ""}: 3,
	} {
		c := &db.Conversion{Type: of.Type, AffiliateID: &of.Affiliate, Product: stored.TextOrNull(of.Product)}
		got, err := Rules{Own: map[string]db.CommissionRule{Purchase: own}, Overridden: true}.For(t.Context(), q, c)
		if err != nil || got.ID != want {
			t.Errorf("rule %d prices %+v, %v, want %d", got.ID, of, err, want)
		}
	}
}

// Without an override, and for a signup, the project's own rule is already known, unless
// it was another one then.
func TestTheProjectsOwnRule(t *testing.T) {
	t.Parallel()
	own := map[string]db.CommissionRule{Purchase: {ID: 1, CreatedAt: 10}, Signup: {ID: 2, CreatedAt: 10}}
	for _, c := range []struct {
		overridden bool
		kind       string
		want       int64
	}{{false, Purchase, 1}, {false, Signup, 2}, {true, Signup, 2}} {
		got, err := Rules{Own: own, Overridden: c.overridden}.For(t.Context(), nil, &db.Conversion{Type: c.kind,
			CreatedAt: 10})
		if err != nil || got.ID != c.want {
			t.Errorf("rule %d prices a %s, %v, want %d", got.ID, c.kind, err, c.want)
		}
	}
	for _, c := range []*db.Conversion{{Type: Signup, CreatedAt: 9}, {Type: Purchase, CreatedAt: 9}} {
		q := versions{all: []db.CommissionRule{{ID: 7, ConversionType: c.Type, CreatedAt: 3}}}
		if got, err := (Rules{Own: own, Overridden: false}).For(t.Context(), q, c); err != nil || got.ID != 7 {
			t.Errorf("rule %d prices an earlier %s: %v", got.ID, c.Type, err)
		}
	}
	purchase := &db.Conversion{ProjectID: 3, Type: Purchase, CreatedAt: 10}
	if _, err := (Rules{Own: own, Overridden: true}).For(t.Context(), versions{}, purchase); err == nil {
		t.Error("a purchase without a rule is priced")
	}
}

// BenchmarkPrice computes one commission.
func BenchmarkPrice(b *testing.B) {
	rule := db.CommissionRule{
		ConversionType: Purchase, Kind: KindPercent, Rate: 200_000, Currency: "USD", Duration: "lifetime",
	}
	in := Inputs{Base: new(int64(4990)), Currency: "USD"}
	b.ReportAllocs()
	for b.Loop() {
		if p, err := Price(rule, in); err != nil || p.Value != 998 {
			b.Fatal(p, err)
		}
	}
}
