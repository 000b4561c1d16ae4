package conformance

import (
	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func commissionTests() []test {
	return []test{
		{"percent", percentages},
		{"fixed", fixedCommissions},
		{"signups", signupCommissions},
		{"given", givenValues},
		{"versions", ruleVersions},
		{"bounds", amountBounds},
	}
}

// A commission is rounded once, half away from zero, to the minor unit of the
// sale's currency.
func percentages(w *world) {
	jane := w.affiliate("jane")
	for _, c := range []struct{ rate, base, want string }{
		{"8.2", "102.50 USD", "8.41 USD"}, // 8.405
		{"8.2", "102.49 USD", "8.40 USD"}, // 8.40418
		{"50", "0.01 USD", "0.01 USD"},
		{"49.9999", "0.01 USD", "0.00 USD"},
		{"12.5", "1.00 USD", "0.13 USD"},
		{"0.0001", "5000.00 USD", "0.01 USD"},
		{"0.0001", "4999.99 USD", "0.00 USD"},
		{"33.3333", "3.00 USD", "1.00 USD"},
		{"8.2", "1025 JPY", "84 JPY"},
		{"10", "5 JPY", "1 JPY"},
		{"10", "4 JPY", "0 JPY"},
		{"8.2", "1.025 KWD", "0.084 KWD"},
		{"0", "1000.00 USD", "0.00 USD"},
		{"100", "90000000000000.00 USD", "90000000000000.00 USD"}, // the largest amount
		{"99.9999", "90000000000000.00 USD", "89999910000000.00 USD"},
		{"20%", "0 USD", "0 USD"},
	} {
		w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent(c.rate))})
		got := w.purchase(jane.ID, c.base)
		equal(w, c.rate+" % of "+c.base, got.Value, money.MustParse(c.want))
		equal(w, "its reason", w.decision(got).CommissionReason, refgrow.CommissionByRule)
	}
	w.verify()
}

// A fixed commission is in the project's currency: in another one it earns
// nothing, with that reason.
func fixedCommissions(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Fixed(money.MustParse("5.00 USD")))})
	for _, c := range []struct {
		base, want string
		reason     refgrow.CommissionReason
	}{
		{"49.00 USD", "5.00 USD", refgrow.CommissionByRule},
		{"1.00 USD", "5.00 USD", refgrow.CommissionByRule},
		{"49.00 EUR", "0 EUR", refgrow.CommissionOtherCurrency},
		{"4900 JPY", "0 JPY", refgrow.CommissionOtherCurrency},
	} {
		got := w.purchase(jane.ID, c.base)
		equal(w, "the commission of "+c.base, got.Value, money.MustParse(c.want))
		equal(w, "the reason of "+c.base, w.decision(got).CommissionReason, c.reason)
	}
	nobody := w.purchase(0, "49.00 USD")
	equal(w, "nobody's commission", nobody.Value, money.MustParse("0 USD"))
	equal(w, "nobody's reason", w.decision(nobody).CommissionReason, refgrow.CommissionUnattributed)
	equal(w, "the balance", w.balances(jane.ID), "USD total 10.00 paid 0.00 eligible 10.00 held 0.00")
	w.verify()
}

func signupCommissions(w *world) {
	jane := w.affiliate("jane")
	signup := func(base string) *refgrow.Conversion {
		params := refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: jane.ID}
		if base != "" {
			params.BaseValue = money.MustParse(base)
		}
		return w.record(params)
	}
	equal(w, "a signup by the default rule", signup("").Value, money.MustParse("0 USD"))
	w.set(refgrow.UpdateSettingsParams{SignupCommission: new(refgrow.Fixed(money.MustParse("1.25 USD")))})
	c := signup("")
	equal(w, "a signup by a fixed rule", c.Value, money.MustParse("1.25 USD"))
	equal(w, "its base value", c.BaseValue, money.Amount{})
	equal(w, "the currency that was named", c.BaseCurrency, "")
	w.set(refgrow.UpdateSettingsParams{SignupCommission: new(refgrow.Percent("10"))})
	equal(w, "a percentage of nothing", signup("").Value, money.MustParse("0 USD"))
	equal(w, "a percentage of a base value", signup("30.00 USD").Value, money.MustParse("3.00 USD"))
	equal(w, "a purchase next to it", w.purchase(jane.ID, "30.00 USD").Value, money.MustParse("6.00 USD"))

	got := must(w.shop.GetAffiliate(w.Context(), jane.ID))
	equal(w, "the signups", got.Signups, 4)
	equal(w, "the purchases", got.Purchases, 1)
	w.verify()
}

// A value that the caller gives wins over the rule, even one of 0.
func givenValues(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	for _, text := range []string{"7.77 USD", "0 USD", "500.00 USD"} {
		c := w.record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("100.00 USD"), Value: money.MustParse(text),
		})
		d := w.decision(c)
		equal(w, "the value", c.Value, money.MustParse(text))
		equal(w, "its reason", d.CommissionReason, refgrow.CommissionGiven)
		equal(w, "its rule", d.RuleID+d.RuleVersion, 0)
	}
	// Without an affiliate it is kept, and enters the books with one.
	lost := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("100.00 EUR"), Value: money.MustParse("9.00 EUR"),
	})
	equal(w, "nobody's value", lost.Value, money.MustParse("9.00 EUR"))
	w.update(lost, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
	equal(w, "the balance", w.balances(jane.ID),
		"USD total 507.77 paid 0.00 eligible 507.77 held 0.00; EUR total 9.00 paid 0.00 eligible 9.00 held 0.00")

	w.refused("a value in another currency", errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"), Value: money.MustParse("1.00 EUR"),
	})), refgrow.ErrInvalid, "value")
	w.refused("a currency other than the base value's", errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"), Currency: "EUR",
	})), refgrow.ErrInvalid, "base_value_currency")
	// Without a base value, the named currency or the value's is the conversion's.
	for _, params := range []refgrow.RecordConversionParams{
		{Type: refgrow.Signup, Currency: "eur"}, {Type: refgrow.Signup, Value: money.MustParse("1.00 EUR")},
	} {
		c := w.record(params)
		equal(w, "the currency of the value", c.Value.Currency(), "EUR")
		equal(w, "the currency that was named", c.BaseCurrency, "EUR")
	}
	w.verify()
}

// A change makes a version and touches no earlier commission.
func ruleVersions(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	type made struct {
		value   string
		version int64
	}
	want := make(map[int64]made)
	record := func(value string, version int64) {
		w.Helper()
		want[w.purchase(jane.ID, "100.00 USD").ID] = made{value, version}
	}
	record("20.00 USD", 1)
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("30"))})
	record("30.00 USD", 2)
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("30.0")), HoldDays: new(1)}) // pays the same
	record("30.00 USD", 2)
	w.set(refgrow.UpdateSettingsParams{SignupCommission: new(refgrow.Fixed(money.MustParse("1.00 USD")))}) // another rule
	record("30.00 USD", 2)
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Fixed(money.MustParse("20.00 USD")))})
	record("20.00 USD", 3)
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("20"))}) // an old one again is a new version
	record("20.00 USD", 4)

	rules := make(map[int64]int64)
	for id, m := range want {
		c := must(w.shop.GetConversion(ctx, id))
		d := w.decision(c)
		equal(w, "the value", c.Value, money.MustParse(m.value))
		equal(w, "the version", d.RuleVersion, m.version)
		if known, ok := rules[m.version]; ok && known != d.RuleID || d.RuleID == 0 {
			w.Errorf("version %d has the rule ids %d and %d", m.version, known, d.RuleID)
		}
		rules[m.version] = d.RuleID
	}
	// An edit computes nothing again.
	for id, m := range want {
		c := must(w.shop.UpdateConversion(ctx, id, refgrow.UpdateConversionParams{
			BaseValue: refgrow.Set(money.MustParse("1.00 USD")),
		}))
		equal(w, "the value after an edit of the base value", c.Value, money.MustParse(m.value))
		equal(w, "the version after it", w.decision(c).RuleVersion, m.version)
	}
	w.verify()
}

// Amounts are 0 to 9 * 10^15 minor units, and no balance goes beyond 9 * 10^18.
func amountBounds(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	for field, params := range map[string]refgrow.RecordConversionParams{
		"base_value": {Type: refgrow.Purchase},
		"value":      {Type: refgrow.Signup},
		"type":       {Type: "refund"},
	} {
		for _, minor := range []int64{-1, money.MaxMinor + 1} {
			if params.BaseValue = money.New(minor, "USD"); field == "value" {
				params.BaseValue, params.Value = money.Amount{}, money.New(minor, "USD")
			}
			w.refused("a wrong "+field, errOf(w.shop.RecordConversion(ctx, params)), refgrow.ErrInvalid, field)
		}
	}
	w.refused("a purchase of nothing", errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase,
	})),
		refgrow.ErrInvalid, "base_value")

	// Nobody earns that much in a test: the account is changed as if the affiliate had.
	w.purchase(jane.ID, "50.00 USD")
	const earned, most = 1000, 9_000_000_000_000_000_000
	add := func(minor int64) {
		w.Helper()
		w.ok(w.exec("UPDATE refgrow_accounts SET total = total + ?1, eligible = eligible + ?1", minor))
	}
	add(most - earned - 1)
	full := refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: jane.ID, Value: money.New(1, "USD"), Reference: "r1",
	}
	brim := w.record(full)
	equal(w, "the fullest balance", w.balances(jane.ID),
		"USD total 90000000000000000.00 paid 0.00 eligible 90000000000000000.00 held 0.00")
	full.Reference = "r2"
	w.refused("one unit more", errOf(w.shop.RecordConversion(ctx, full)), refgrow.ErrInvalid, "value")
	w.refused("one unit more for a conversion", errOf(w.shop.UpdateConversion(ctx, brim.ID, refgrow.UpdateConversionParams{
		Value: new(money.New(2, "USD")),
	})), refgrow.ErrInvalid, "value")
	add(-(most - earned - 1))
	equal(w, "the signups", must(w.shop.GetAffiliate(ctx, jane.ID)).Signups, 1)
	w.record(full) // nothing of the refused one is left
	w.verify()
}
