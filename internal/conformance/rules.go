package conformance

import (
	"fmt"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func ruleTests() []test {
	return []test{
		{"first purchase", firstPurchase},
		{"months", months},
		{"payments", payments},
		{"what durations look at", whatDurationsLookAt},
		{"of then", rulesOfThen},
		{"a lost sale", lostSale},
		{"a lost sale of a customer", lostCustomer},
		{"a new price", newPrice},
		{"a new price refused", refuseNewPrice},
		{"unknown customers", unknownCustomers},
		{"durations", readDurations},
		{"order", ruleOrder},
		{"versions of an override", overrideVersions},
		{"the end of an override", endOverride},
		{"lists", ruleLists},
		{"currency", overrideCurrency},
		{"refused", refuseRules},
	}
}

// sold records a purchase of 100.00 USD for an affiliate, and checks what it
// earned.
func (w *world) sold(what string, params refgrow.RecordConversionParams, value string,
	reason refgrow.CommissionReason) *refgrow.Conversion {
	w.Helper()
	params.Type, params.BaseValue = refgrow.Purchase, money.MustParse("100.00 USD")
	c := w.record(params)
	equal(w, what+": the value", c.Value, money.MustParse(value))
	equal(w, what+": the reason", w.decision(c).CommissionReason, reason)
	return c
}

// of is a customer of an affiliate.
func of(affiliate int64, customer string) refgrow.RecordConversionParams {
	return refgrow.RecordConversionParams{AffiliateID: affiliate, Customer: refgrow.Customer{ExternalID: customer}}
}

const beyond = refgrow.CommissionBeyondDuration

// The first purchase is the earliest that is left.
func firstPurchase(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.set(refgrow.UpdateSettingsParams{CommissionDuration: new(refgrow.FirstPurchase)})
	w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: jane.ID, Customer: refgrow.Customer{ExternalID: "carl"},
	})
	first := w.sold("the first", of(jane.ID, "carl"), "20.00 USD", refgrow.CommissionByRule)
	w.sold("one of the same instant", of(jane.ID, "carl"), "0 USD", beyond)
	w.clock.Advance(time.Hour)
	second := w.sold("the next", of(jane.ID, "carl"), "0 USD", beyond)
	w.sold("one for another affiliate", of(joe.ID, "carl"), "0 USD", beyond)
	w.sold("another customer's", of(jane.ID, "dora"), "20.00 USD", refgrow.CommissionByRule)
	late := of(jane.ID, "carl")
	late.OccurredAt = w.clock.Now().Add(-48 * time.Hour)
	w.sold("an earlier one that comes late", late, "20.00 USD", refgrow.CommissionByRule)

	refunded := w.sold("one that will be refunded", of(jane.ID, "eve"), "20.00 USD", refgrow.CommissionByRule)
	w.refund(refunded, "")
	w.sold("one after a refunded one", of(jane.ID, "eve"), "0 USD", beyond)
	w.ok(w.shop.DeleteConversion(ctx,
		w.sold("one that will be deleted", of(jane.ID, "fred"), "20.00 USD", refgrow.CommissionByRule).ID))
	w.sold("one after a deleted one", of(jane.ID, "fred"), "20.00 USD", refgrow.CommissionByRule)
	// What was recorded keeps its value, whatever happens to the first.
	w.ok(w.shop.DeleteConversion(ctx, first.ID))
	equal(w, "the second's value", must(w.shop.GetConversion(ctx, second.ID)).Value, money.MustParse("0 USD"))
	w.verify()
}

// Months are calendar months in UTC, and their end is not part of them.
func months(w *world) {
	jane := w.affiliate("jane")
	at := func(text string) time.Time { return must(time.Parse(time.RFC3339Nano, text)) }
	for _, c := range []struct {
		months            int
		first, last, over string
	}{
		{1, "2026-03-15T10:30:00Z", "2026-04-15T10:29:59.999Z", "2026-04-15T10:30:00Z"},
		{1, "2027-01-31T12:00:00Z", "2027-02-28T11:59:59.999Z", "2027-02-28T12:00:00Z"},
		{1, "2028-01-31T12:00:00Z", "2028-02-29T11:59:59.999Z", "2028-02-29T12:00:00Z"},
		{12, "2028-02-29T00:00:00Z", "2029-02-27T23:59:59.999Z", "2029-02-28T00:00:00Z"},
		{3, "2029-11-30T23:59:59.999Z", "2030-02-28T23:59:59.998Z", "2030-02-28T23:59:59.999Z"},
		{2, "2030-07-31T22:30:00-04:00", "2030-10-01T02:29:59.999Z", "2030-10-01T02:30:00Z"},
		{1200, "2031-01-01T00:00:00Z", "2130-12-31T23:59:59.999Z", "2131-01-01T00:00:00Z"},
	} {
		w.set(refgrow.UpdateSettingsParams{CommissionDuration: new(refgrow.Months(c.months))})
		customer := of(jane.ID, c.first)
		for _, sale := range []struct {
			at, value string
			reason    refgrow.CommissionReason
		}{
			{c.first, "20.00 USD", refgrow.CommissionByRule}, {c.last, "20.00 USD", refgrow.CommissionByRule},
			{c.over, "0 USD", beyond},
		} {
			w.clock.Set(at(sale.at))
			w.sold(fmt.Sprintf("%d months from %s, at %s", c.months, c.first, sale.at), customer, sale.value, sale.reason)
		}
	}
	w.verify()
}

// Payments are the purchases that still bring something.
func payments(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{CommissionDuration: new(refgrow.Payments(2))})
	w.sold("the first", of(jane.ID, "carl"), "20.00 USD", refgrow.CommissionByRule)
	free := of(jane.ID, "carl")
	free.Value = money.MustParse("0 USD")
	w.sold("one that earns nothing", free, "0 USD", refgrow.CommissionGiven)
	second := w.sold("the second", of(jane.ID, "carl"), "20.00 USD", refgrow.CommissionByRule)
	w.sold("the third", of(jane.ID, "carl"), "0 USD", beyond)
	w.refund(second, "99.97 USD") // 19.99 of 20.00
	w.sold("one after a refund of almost all", of(jane.ID, "carl"), "0 USD", beyond)
	w.refund(second, "0.02 USD") // 20.00, rounded
	third := w.sold("one after a refund", of(jane.ID, "carl"), "20.00 USD", refgrow.CommissionByRule)
	must(w.shop.UndoRefund(w.Context(), second.ID, refgrow.RefundConversionParams{}))
	equal(w, "the third's value", must(w.shop.GetConversion(w.Context(), third.ID)).Value, money.MustParse("20.00 USD"))
	w.ok(w.shop.DeleteConversion(w.Context(), second.ID))
	w.sold("one after a deletion", of(jane.ID, "carl"), "0 USD", beyond)
	w.ok(w.shop.DeleteConversion(w.Context(), third.ID))
	w.sold("one after another", of(jane.ID, "carl"), "20.00 USD", refgrow.CommissionByRule)
	w.sold("one after that", of(jane.ID, "carl"), "0 USD", beyond)
	w.set(refgrow.UpdateSettingsParams{CommissionDuration: new(refgrow.Payments(3))})
	w.sold("one with a longer rule", of(jane.ID, "carl"), "20.00 USD", refgrow.CommissionByRule)
	w.sold("the last", of(jane.ID, "carl"), "0 USD", beyond)
	w.verify()
}

// A purchase without a known customer counts as a first one, with that reason where it
// matters.
func unknownCustomers(w *world) {
	jane := w.affiliate("jane")
	nobody := refgrow.RecordConversionParams{AffiliateID: jane.ID}
	w.sold("for life", nobody, "20.00 USD", refgrow.CommissionByRule)
	for _, d := range []refgrow.CommissionDuration{refgrow.FirstPurchase, refgrow.Months(1), refgrow.Payments(1)} {
		w.set(refgrow.UpdateSettingsParams{CommissionDuration: &d})
		for range 2 {
			w.sold(string(d), nobody, "20.00 USD", refgrow.CommissionCustomerUnknown)
		}
	}
	w.verify()
}

func readDurations(w *world) {
	for text, want := range map[string]refgrow.CommissionDuration{
		"lifetime": refgrow.Lifetime, "first_purchase": refgrow.FirstPurchase,
		"12 months": refgrow.Months(12), "6 payments": refgrow.Payments(6),
		"1 month": refgrow.Months(1), "1 payments": refgrow.Payments(1), "1200 months": refgrow.Months(1200),
	} {
		got := w.set(refgrow.UpdateSettingsParams{CommissionDuration: new(must(refgrow.ParseCommissionDuration(text)))})
		equal(w, "the duration of "+text, got.CommissionDuration, want)
		equal(w, "the duration that is stored of "+text, must(w.shop.Settings(w.Context())).CommissionDuration, want)
	}
	for _, text := range []string{
		"0 months", "1201 months", "-1 payments", "6", "six payments", "6 years", "06 months", "6  months", "6 months ",
		"LIFETIME", "9999999999999999999 months",
	} {
		w.refused("the duration "+text, errOf(refgrow.ParseCommissionDuration(text)),
			refgrow.ErrInvalid, "commission_duration")
		w.refused("the setting "+text, errOf(w.shop.UpdateSettings(w.Context(), refgrow.UpdateSettingsParams{
			CommissionDuration: new(refgrow.CommissionDuration(text)),
		})), refgrow.ErrInvalid, "commission_duration")
	}
	w.verify()
}

func (w *world) rule(params refgrow.CreateRuleParams) *refgrow.Rule {
	w.Helper()
	rule, err := w.shop.CreateRule(w.Context(), params)
	w.ok(err)
	return rule
}

// The most specific rule wins: affiliate and product, affiliate, product, project.
func ruleOrder(w *world) {
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.rule(refgrow.CreateRuleParams{Product: "pro", Commission: refgrow.Percent("10")})
	w.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent("30")})
	w.rule(refgrow.CreateRuleParams{
		AffiliateID: jane.ID, Product: "pro", Commission: refgrow.Fixed(money.MustParse("0 USD")),
	})
	w.rule(refgrow.CreateRuleParams{
		AffiliateID: jane.ID, Product: "max", Commission: refgrow.Percent("50"), Duration: refgrow.FirstPurchase,
	})
	for _, c := range []struct {
		who            *refgrow.Affiliate
		product, value string
		scope          string
	}{
		{jane, "pro", "0 USD", "affiliate_product"}, {jane, "max", "50.00 USD", "affiliate_product"},
		{jane, "", "30.00 USD", "affiliate"},
		{jane, "Pro", "30.00 USD", "affiliate"}, {joe, "pro", "10.00 USD", "product"}, {joe, "max", "20.00 USD", "project"},
		{joe, "", "20.00 USD", "project"},
	} {
		params := of(c.who.ID, c.who.Email+c.product)
		params.Product = c.product
		what := fmt.Sprintf("%s's sale of %q", c.who.ReferralCode, c.product)
		sale := w.sold(what, params, c.value, refgrow.CommissionByRule)
		equal(w, "the scope of "+what, must(w.shop.ExplainConversion(w.Context(), sale.ID)).Commission.Scope, c.scope)
	}
	again := of(jane.ID, jane.Email+"max")
	again.Product = "max"
	w.sold("beyond the most specific one", again, "0 USD", beyond) // the next less specific one does not step in
	w.set(refgrow.UpdateSettingsParams{SignupCommission: new(refgrow.Fixed(money.MustParse("1.00 USD")))})
	signup := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: jane.ID, Product: "pro"})
	equal(w, "a signup's value", signup.Value, money.MustParse("1.00 USD"))
	w.verify()
}

// A change makes a version with an id of its own, and touches nothing earlier.
func overrideVersions(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	var sales []*refgrow.Conversion
	last := new(refgrow.Rule)
	for i, percent := range []string{"30", "40", "40.0", "30"} {
		w.clock.Advance(time.Hour)
		rule := w.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent(percent)})
		version := []int64{1, 2, 2, 3}[i]
		equal(w, "the version", rule.Version, version)
		equal(w, "whether it is the one before", rule.ID == last.ID, version == last.Version)
		equal(w, "what is found", *must(w.shop.GetRule(ctx, rule.ID)), *rule)
		if rule.ID != last.ID && last.ID != 0 {
			w.refused("the version before", errOf(w.shop.GetRule(ctx, last.ID)), refgrow.ErrNotFound, "")
			w.refused("ending the version before", w.shop.DeleteRule(ctx, last.ID), refgrow.ErrNotFound, "")
		}
		last = rule
		sale := w.purchase(jane.ID, "100.00 USD")
		equal(w, "the version of a sale", w.decision(sale).RuleVersion, version)
		equal(w, "the rule of a sale", w.decision(sale).RuleID, rule.ID)
		sales = append(sales, sale)
	}
	w.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent("30"), Duration: refgrow.Months(6)})
	for _, sale := range sales {
		got := must(w.shop.GetConversion(ctx, sale.ID))
		equal(w, "the value of then", got.Value, sale.Value)
		equal(w, "the decision of then", w.decision(got).RuleID, w.decision(sale).RuleID)
	}
	equal(w, "the overrides in force", must(w.shop.CountRules(ctx, refgrow.ListRulesParams{})), 1)
	w.verify()
}

// An override that ends pays nothing more, and with the affiliate all of its overrides
// end.
func endOverride(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	own := w.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent("30")})
	both := w.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Product: "pro", Commission: refgrow.Percent("40")})
	w.rule(refgrow.CreateRuleParams{Product: "pro", Commission: refgrow.Percent("10")})
	pro := refgrow.RecordConversionParams{AffiliateID: jane.ID, Product: "pro"}
	sale := w.sold("with both", pro, "40.00 USD", refgrow.CommissionByRule)
	w.ok(w.shop.DeleteRule(ctx, both.ID))
	w.sold("with the affiliate's", pro, "30.00 USD", refgrow.CommissionByRule)
	w.ok(w.shop.DeleteRule(ctx, own.ID))
	w.sold("with the product's", pro, "10.00 USD", refgrow.CommissionByRule)
	w.refused("ending it twice", w.shop.DeleteRule(ctx, own.ID), refgrow.ErrNotFound, "")
	again := w.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Product: "pro", Commission: refgrow.Percent("40")})
	equal(w, "the version of a new one", again.Version, 2)

	// A conversion that was moved away keeps its price and its explanation.
	w.update(sale, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	w.ok(w.shop.DeleteAffiliate(ctx, jane.ID))
	equal(w, "the overrides in force", must(w.shop.CountRules(ctx, refgrow.ListRulesParams{})), 1)
	w.refused("the override of a deleted affiliate", errOf(w.shop.GetRule(ctx, again.ID)), refgrow.ErrNotFound, "")
	equal(w, "the moved one", must(w.shop.ExplainConversion(ctx, sale.ID)).Commission.Rule, "40% for life")
	// A new affiliate of the same name has none of them.
	w.sold("the next Jane's", refgrow.RecordConversionParams{AffiliateID: w.affiliate("jane2").ID}, "20.00 USD",
		refgrow.CommissionByRule)
	w.verify()
}

func ruleLists(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	for _, params := range []refgrow.CreateRuleParams{
		{AffiliateID: jane.ID}, {Product: "pro"}, {AffiliateID: jane.ID, Product: "pro"},
		{AffiliateID: joe.ID, Product: "max"},
	} {
		w.rule(params)
	}
	for what, c := range map[string]struct {
		params refgrow.ListRulesParams
		want   int64
	}{
		"all":           {refgrow.ListRulesParams{}, 4},
		"Jane's":        {refgrow.ListRulesParams{AffiliateID: jane.ID}, 2},
		"the product's": {refgrow.ListRulesParams{Product: "pro"}, 2},
		"both":          {refgrow.ListRulesParams{AffiliateID: jane.ID, Product: "pro"}, 1},
		"another case":  {refgrow.ListRulesParams{Product: "PRO"}, 0},
		"an unknown id": {refgrow.ListRulesParams{AffiliateID: 1 << 40}, 0},
	} {
		c.params.Limit = 1
		var last int64 = 1 << 62
		for _, r := range collect(w, w.shop.AllRules(ctx, c.params)) {
			if r.ID >= last {
				w.Errorf("%s: after %d comes %d", what, last, r.ID)
			}
			last = r.ID
			c.want--
		}
		equal(w, "what is missing of "+what, c.want, 0)
	}
	equal(w, "the count of Jane's", must(w.shop.CountRules(ctx, refgrow.ListRulesParams{AffiliateID: jane.ID})), 2)
	equal(w, "the count of the product's", must(w.shop.CountRules(ctx, refgrow.ListRulesParams{Product: "pro"})), 2)
	w.refused("a wrong id", errOf(w.shop.ListRules(ctx, refgrow.ListRulesParams{AffiliateID: -1})),
		refgrow.ErrInvalid, "affiliate_id")
	w.refused("the count of a wrong id", errOf(w.shop.CountRules(ctx, refgrow.ListRulesParams{AffiliateID: -1})),
		refgrow.ErrInvalid, "affiliate_id")
}

// Fixed amounts follow the project's currency as long as it may change.
func overrideCurrency(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.rule(refgrow.CreateRuleParams{Product: "pro", Commission: refgrow.Fixed(money.MustParse("4.50 USD"))})
	w.refused("one without decimals",
		errOf(w.shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{Currency: new(money.Currency("JPY"))})),
		refgrow.ErrInvalid, "currency")
	w.set(refgrow.UpdateSettingsParams{
		Currency: new(money.Currency("EUR")), MinimumPayout: new(money.MustParse("4.50 EUR")),
	})
	sale := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, Product: "pro", BaseValue: money.MustParse("1.00 EUR"),
	})
	equal(w, "a sale in it", sale.Value, money.MustParse("4.50 EUR"))
	w.sold("a sale in the old one", refgrow.RecordConversionParams{AffiliateID: jane.ID, Product: "pro"}, "0 USD",
		refgrow.CommissionOtherCurrency)
	equal(w, "the payout", w.payNow(refgrow.PayoutRunParams{}), "4.50 EUR paid")
	w.verify()
}

func refuseRules(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	for what, c := range map[string]struct {
		params refgrow.CreateRuleParams
		kind   error
		field  string
	}{
		"neither": {refgrow.CreateRuleParams{}, refgrow.ErrInvalid, "affiliate_id"},
		"a negative id": {refgrow.CreateRuleParams{AffiliateID: -1, Product: "pro"},
			refgrow.ErrInvalid, "affiliate_id"},
		"an unknown affiliate": {refgrow.CreateRuleParams{AffiliateID: 1 << 40}, refgrow.ErrNotFound, ""},
		"over 100 %": {refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent("100.0001")},
			refgrow.ErrInvalid, "commission"},
		"five decimals": {refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent("0.00001")},
			refgrow.ErrInvalid, "commission"},
		"a negative amount": {refgrow.CreateRuleParams{AffiliateID: jane.ID,
			Commission: refgrow.Fixed(money.MustParse("-0.01 USD"))}, refgrow.ErrInvalid, "commission"},
		"a wrong duration": {refgrow.CreateRuleParams{AffiliateID: jane.ID, Duration: "a while"},
			refgrow.ErrInvalid, "commission_duration"},
		"a wrong product": {refgrow.CreateRuleParams{Product: "p\nro"}, refgrow.ErrInvalid, "product"},
	} {
		w.refused(what, errOf(w.shop.CreateRule(ctx, c.params)), c.kind, c.field)
	}
	for id := range value[int64](w, "SELECT MAX(id) FROM refgrow_commission_rules") {
		w.refused("ending one of the project's own", w.shop.DeleteRule(ctx, id+1), refgrow.ErrNotFound, "")
	}
	equal(w, "the overrides", must(w.shop.CountRules(ctx, refgrow.ListRulesParams{})), 0)
	w.sold("a sale", refgrow.RecordConversionParams{AffiliateID: jane.ID}, "20.00 USD", refgrow.CommissionByRule)
	w.verify()
}
