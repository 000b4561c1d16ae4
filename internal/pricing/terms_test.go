package pricing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

func duration(t *rapid.T) Duration {
	d := Duration{Span: rapid.SampledFrom([]Span{Lifetime, FirstPurchase, Months, Payments}).Draw(t, "span")}
	if d.Span == Months || d.Span == Payments {
		d.Count = rapid.Int64Range(1, MaxDuration).Draw(t, "count")
	}
	return d
}

func terms(t *rapid.T) Terms {
	if rapid.Bool().Draw(t, "fixed") {
		currency := rapid.SampledFrom([]money.Currency{"EUR", "USD", "JPY"}).Draw(t, "currency")
		return Terms{Commission{Fixed: money.New(minor(t, "amount", 0), currency)}, duration(t)}
	}
	rate, err := money.RateFromMillionths(rapid.Int64Range(0, 1_000_000).Draw(t, "rate"))
	if err != nil {
		t.Fatal(err)
	}
	return Terms{Commission{Rate: rate}, duration(t)}
}

// A duration is read back from its text, which has one form only.
func TestDurationTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := duration(t)
		if again, err := ParseDuration(d.String()); err != nil || again != d {
			t.Fatalf("%q is %+v, %v, want %+v", d, again, err, d)
		}
	})
	for text, want := range map[string]string{
		"": "lifetime", "lifetime": "lifetime", "first_purchase": "first_purchase",
		"1 month": "1 month", "1 months": "1 month", "12 month": "12 months",
		"1 payments": "1 payment", "1200 payments": "1200 payments",
	} {
		if d, err := ParseDuration(text); err != nil || d.String() != want {
			t.Errorf("%q is %q, %v, want %q", text, d, err, want)
		}
	}
	for _, text := range []string{
		"months", "0 months", "-1 months", "+1 month", "01 month", "1201 months", "1 year", "1  month", "1 month ",
		" 1 month", "1", "1 first_purchase", "Lifetime", "9223372036854775808 months",
	} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q is %q", text, d)
		}
	}
}

// ruleRows is a database that has only a table of rules.
type ruleRows struct {
	db.Querier
	rows []db.CommissionRule
}

func (r *ruleRows) InsertRule(_ context.Context, p db.InsertRuleParams) (int64, error) {
	id := int64(len(r.rows) + 1)
	r.rows = append(r.rows, db.CommissionRule{
		ID: id, ProjectID: p.ProjectID, ConversionType: p.ConversionType, AffiliateID: p.AffiliateID,
		Product: p.Product, Version: p.Version, Kind: p.Kind, Rate: p.Rate, Amount: p.Amount, Currency: p.Currency,
		Duration: p.Duration, DurationCount: p.DurationCount, CreatedAt: p.CreatedAt,
	})
	return id, nil
}

func (r *ruleRows) EndRule(_ context.Context, p db.EndRuleParams) error {
	r.rows[p.RuleID-1].EndedAt = p.EndedAt
	return nil
}

func (r *ruleRows) GetLatestRule(_ context.Context, p db.GetLatestRuleParams) (db.CommissionRule, error) {
	for _, rule := range slices.Backward(r.rows) {
		if ScopeOf(rule) == (Scope{p.ConversionType, p.AffiliateID, p.Product}) {
			return rule, nil
		}
	}
	return db.CommissionRule{}, fmt.Errorf("the latest rule: %w", sql.ErrNoRows)
}

// However the rule of a scope is set and ended: its versions follow each other without
// a gap, only the last one can be in force, each keeps the terms that it began with,
// and terms that pay the same are no new version.
func TestVersionsFollowEachOther(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table := &ruleRows{}
		of := Scope{
			Purchase, rapid.Int64Range(0, 1).Draw(t, "affiliate"),
			rapid.SampledFrom([]string{"", "book"}).Draw(t, "product"),
		}
		var began []Terms
		inForce := false
		for now := range rapid.Int64Range(1, 10).Draw(t, "changes") {
			versions := Versions{Queries: table, Project: 3, Now: now}
			if inForce && rapid.Bool().Draw(t, "end it") {
				if err := versions.End(t.Context(), int64(len(began))); err != nil {
					t.Fatal(err)
				}
				inForce = false
				continue
			}
			next := terms(t)
			if len(began) > 0 && rapid.Bool().Draw(t, "as before") {
				next = began[len(began)-1]
			}
			if !inForce || next != began[len(began)-1] {
				began = append(began, next)
			}
			inForce = true
			if id, err := versions.Set(t.Context(), of, next); err != nil || id != int64(len(began)) {
				t.Fatalf("version %d is in force, %v, want %d", id, err, len(began))
			}
		}
		for i, rule := range table.rows {
			pays, err := TermsOf(rule)
			if err != nil || pays != began[i] || ScopeOf(rule) != of || rule.ProjectID != 3 || rule.Version != int64(i+1) {
				t.Fatalf("version %d is %+v, which pays %v, %v, want %v", i+1, rule, pays, err, began[i])
			}
			if ended := rule.EndedAt != nil; ended == (inForce && i == len(began)-1) {
				t.Fatalf("version %d of %d has ended: %t", i+1, len(began), ended)
			}
		}
		if len(table.rows) != len(began) {
			t.Fatalf("there are %d versions, want %d", len(table.rows), len(began))
		}
	})
}

// The shortest and the longest duration can be read.
func TestLongestTerms(t *testing.T) {
	t.Parallel()
	for _, count := range []int64{1, 1200} {
		for _, span := range []Span{Months, Payments} {
			d, err := DurationOf(db.CommissionRule{Duration: string(span), DurationCount: count})
			if err != nil || d != (Duration{span, count}) {
				t.Errorf("%d %s are %+v, %v", count, span, d, err)
			}
		}
	}
}

// A row that no operation writes is damaged.
func TestDamagedTerms(t *testing.T) {
	t.Parallel()
	for _, rule := range []db.CommissionRule{
		{Kind: KindFixed, Currency: "usd", Duration: "lifetime"},
		{Kind: KindPercent, Rate: 1_000_001, Duration: "lifetime"},
		{Kind: KindPercent, Rate: -1, Duration: "lifetime"},
		{Kind: KindPercent, Duration: ""},
		{Kind: KindPercent, Duration: "lifetime", DurationCount: 1},
		{Kind: KindPercent, Duration: "first_purchase", DurationCount: 1},
		{Kind: KindPercent, Duration: "months"},
		{Kind: KindPercent, Duration: "month", DurationCount: 1},
		{Kind: KindPercent, Duration: "payments", DurationCount: 1201},
	} {
		if pays, err := TermsOf(rule); !errors.Is(err, stored.ErrDamaged) {
			t.Errorf("%+v pays %v, %v", rule, pays, err)
		}
		if _, err := Price(rule, Inputs{}); !errors.Is(err, stored.ErrDamaged) {
			t.Errorf("%+v prices a conversion, %v", rule, err)
		}
	}
}

// A fixed commission is the same number in another currency, if it fits.
func TestCommissionIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ amount, currency, want string }{
		{"5.00 USD", "EUR", "5.00 EUR"}, {"5.00 USD", "JPY", "5 JPY"}, {"5.50 USD", "JPY", ""}, {"-0.01 USD", "USD", ""},
		{"0.00 USD", "EUR", "0.00 EUR"}, {"90000000000000.00 USD", "EUR", "90000000000000.00 EUR"},
		{"90000000000000.01 USD", "EUR", ""},
	} {
		got, err := Commission{Fixed: money.MustParse(c.amount)}.In(money.Currency(c.currency))
		if (err != nil) != (c.want == "") || err == nil && got.String() != c.want {
			t.Errorf("%s in %s is %v, %v, want %q", c.amount, c.currency, got, err, c.want)
		}
	}
	rate, err := money.ParseRate("8.2")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := (Commission{Rate: rate}).In("JPY"); err != nil || got.String() != "8.2%" {
		t.Errorf("8.2%% is %v, %v", got, err)
	}
}

// The words that people read.
func TestTermsInWords(t *testing.T) {
	t.Parallel()
	rate, err := money.ParseRate("20")
	if err != nil {
		t.Fatal(err)
	}
	for want, pays := range map[string]Terms{
		"20% for life":                    {Commission{Rate: rate}, Duration{Span: Lifetime}},
		"5.00 USD for the first purchase": {Commission{Fixed: money.MustParse("5.00 USD")}, Duration{Span: FirstPurchase}},
		"20% for 1 month":                 {Commission{Rate: rate}, Duration{Months, 1}},
		"20% for 6 payments":              {Commission{Rate: rate}, Duration{Payments, 6}},
	} {
		if got := pays.String(); got != want {
			t.Errorf("%+v is %q, want %q", pays, got, want)
		}
	}
	for want, of := range map[string]Scope{
		"project": {}, "affiliate": {Affiliate: 1}, "product": {Product: "book"},
		"affiliate_product": {Affiliate: 1, Product: "book"},
	} {
		if got := of.String(); got != want || of.Override() != (want != "project") {
			t.Errorf("%+v is %q, want %q", of, got, want)
		}
	}
}
