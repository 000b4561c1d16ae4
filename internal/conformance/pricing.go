package conformance

import (
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// A free trial's invoice, a sale that nobody was credited with, and one that was given to
// nobody begin nothing.
func whatDurationsLookAt(w *world) {
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	for _, d := range []refgrow.CommissionDuration{refgrow.FirstPurchase, refgrow.Payments(1), refgrow.Months(1)} {
		w.set(refgrow.UpdateSettingsParams{CommissionDuration: &d})
		name := string(d)
		trial := of(jane.ID, name)
		trial.Type, trial.BaseValue = refgrow.Purchase, money.MustParse("0 USD")
		w.record(trial)
		before := refgrow.RecordConversionParams{
			Type: refgrow.Purchase, Customer: refgrow.Customer{ExternalID: name + "'s"}, BaseValue: money.MustParse("5.00 USD"),
		}
		w.record(before)
		w.clock.Advance(40 * 24 * time.Hour)
		w.sold(name+": the first one paid for", of(jane.ID, name), "20.00 USD", refgrow.CommissionByRule)
		w.sold(name+": the first one of an affiliate", of(jane.ID, name+"'s"), "20.00 USD", refgrow.CommissionByRule)
		w.clock.Advance(40 * 24 * time.Hour)
		w.sold(name+": the second one paid for", of(joe.ID, name), "0 USD", beyond)
		w.sold(name+": the second one of an affiliate", of(joe.ID, name+"'s"), "0 USD", beyond)
	}
	// One that cost nothing and earned something begins them as well.
	w.set(refgrow.UpdateSettingsParams{
		CommissionDuration: new(refgrow.FirstPurchase), Commission: new(refgrow.Fixed(money.MustParse("3.00 USD"))),
	})
	gift := of(jane.ID, "gina")
	gift.Type, gift.BaseValue = refgrow.Purchase, money.MustParse("0 USD")
	w.record(gift)
	w.sold("one after a gift", of(jane.ID, "gina"), "0 USD", beyond)
	w.verify()
}

// A sale is priced by the rules that were in force when it happened, whenever it is told.
func rulesOfThen(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	start := w.clock.Now()
	day := func(n int) time.Time { return start.AddDate(0, 0, n) }
	w.clock.Set(day(10))
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("30")),
		SignupCommission: new(refgrow.Percent("10"))})
	w.clock.Set(day(20))
	w.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent("40")})
	w.clock.Set(day(30))
	own := w.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent("50")})
	w.rule(refgrow.CreateRuleParams{Product: "pro", Commission: refgrow.Percent("5")})
	w.clock.Set(day(40))
	w.ok(w.shop.DeleteRule(ctx, own.ID))
	w.clock.Set(day(50))
	again := w.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent("60")})
	w.clock.Set(day(60))
	for _, c := range []struct {
		at      time.Time
		product string
		value   string
	}{
		{start.AddDate(-20, 0, 0), "", "20.00 USD"}, {day(0), "", "20.00 USD"},
		{day(10).Add(-time.Millisecond), "", "20.00 USD"}, {day(10), "", "30.00 USD"},
		{day(20).Add(-time.Millisecond), "pro", "30.00 USD"}, {day(20), "pro", "40.00 USD"},
		{day(30).Add(-time.Millisecond), "", "40.00 USD"}, {day(30), "pro", "50.00 USD"},
		{day(40).Add(-time.Millisecond), "pro", "50.00 USD"}, {day(40), "", "30.00 USD"}, {day(40), "pro", "5.00 USD"},
		{day(50).Add(-time.Millisecond), "pro", "5.00 USD"}, {day(50), "pro", "60.00 USD"}, {day(60), "", "60.00 USD"},
	} {
		told := refgrow.RecordConversionParams{AffiliateID: jane.ID, Product: c.product, OccurredAt: c.at}
		sale := w.sold("one of "+c.at.String(), told, c.value, refgrow.CommissionByRule)
		lost := told
		lost.AffiliateID = 0
		found := w.sold("a lost one of "+c.at.String(), lost, "0 USD", refgrow.CommissionUnattributed)
		w.update(found, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
		found = must(w.shop.GetConversion(ctx, found.ID))
		priced := w.update(sale, refgrow.UpdateConversionParams{Reprice: true})
		equal(w, "the lost one's value", found.Value, sale.Value)
		equal(w, "the value of a new price", priced.Value, sale.Value)
		equal(w, "the lost one's rule", w.decision(found).RuleID, w.decision(sale).RuleID)
	}
	signup := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: jane.ID, BaseValue: money.MustParse("10.00 USD"), OccurredAt: day(9),
	})
	equal(w, "an early signup", signup.Value, money.MustParse("0 USD"))

	// With a clock that went back, the last change that was made holds from its instant on.
	w.clock.Set(day(45))
	w.ok(w.shop.DeleteRule(ctx, again.ID))
	w.clock.Set(day(61))
	w.sold("one after the clock went back",
		refgrow.RecordConversionParams{AffiliateID: jane.ID, OccurredAt: day(55)}, "30.00 USD", refgrow.CommissionByRule)
	w.verify()
}

// A sale that nobody got because of a mistyped code earns when it is credited, once.
func lostSale(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Product: "pro", Commission: refgrow.Percent("40")})
	lost := func(params refgrow.RecordConversionParams) *refgrow.Conversion {
		w.Helper()
		params.Type, params.BaseValue, params.ReferralCode = refgrow.Purchase, money.MustParse("100.00 USD"), "JNAE"
		return w.record(params)
	}
	to := func(a *refgrow.Affiliate) refgrow.UpdateConversionParams {
		return refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(a.ID)}
	}
	sale := lost(refgrow.RecordConversionParams{Product: "pro"})
	w.clock.Advance(time.Hour)
	got := w.update(sale, to(jane))
	equal(w, "the value", got.Value, money.MustParse("40.00 USD"))
	equal(w, "the reason", w.decision(got).CommissionReason, refgrow.CommissionByRule)
	equal(w, "the scope", must(w.shop.ExplainConversion(ctx, sale.ID)).Commission.Scope, "affiliate_product")
	equal(w, "what she has", must(w.shop.Earnings(ctx, jane.ID))[0].Total, money.MustParse("40.00 USD"))
	equal(w, "its value with another", w.update(sale, to(joe)).Value, money.MustParse("40.00 USD"))
	w.update(sale, refgrow.UpdateConversionParams{AffiliateID: refgrow.Clear[int64]()})
	equal(w, "its value when it comes back", w.update(sale, to(joe)).Value, money.MustParse("40.00 USD"))

	for what, c := range map[string]struct {
		given refgrow.RecordConversionParams
		then  refgrow.UpdateConversionParams
		want  string
	}{
		"a value given with it": {refgrow.RecordConversionParams{Value: money.MustParse("7.00 USD")}, to(jane),
			"7.00 USD"},
		"0 given with it":          {refgrow.RecordConversionParams{Value: money.MustParse("0 USD")}, to(jane), "0 USD"},
		"a value given at the end": {refgrow.RecordConversionParams{}, valued(to(jane), "3.00 USD"), "3.00 USD"},
		"0 given at the end":       {refgrow.RecordConversionParams{}, valued(to(jane), "0 USD"), "0 USD"},
		"another base value": {refgrow.RecordConversionParams{}, refgrow.UpdateConversionParams{
			AffiliateID: refgrow.Set(jane.ID), BaseValue: refgrow.Set(money.MustParse("50.00 USD")),
		}, "10.00 USD"},
		"paid at once": {refgrow.RecordConversionParams{}, refgrow.UpdateConversionParams{
			AffiliateID: refgrow.Set(jane.ID), Paid: new(true),
		}, "20.00 USD"},
	} {
		equal(w, what, w.update(lost(c.given), c.then).Value, money.MustParse(c.want))
	}
	valueless := lost(refgrow.RecordConversionParams{})
	w.update(valueless, refgrow.UpdateConversionParams{Value: new(money.MustParse("0 USD"))})
	equal(w, "one whose value was given between", w.update(valueless, to(jane)).Value, money.MustParse("0 USD"))
	w.verify()
}

func valued(u refgrow.UpdateConversionParams, value string) refgrow.UpdateConversionParams {
	u.Value = new(money.MustParse(value))
	return u
}

// With the sale its customer goes to the affiliate, unless there is one already.
func lostCustomer(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.set(refgrow.UpdateSettingsParams{CommissionDuration: new(refgrow.FirstPurchase)})
	who := func(name string) refgrow.RecordConversionParams {
		return refgrow.RecordConversionParams{
			Customer: refgrow.Customer{ExternalID: name},
		}
	}
	customer := func(c *refgrow.Conversion) *refgrow.Referral {
		w.Helper()
		return must(w.shop.GetReferral(ctx, c.ReferredUserID))
	}
	first := w.sold("a lost one", who("carl"), "0 USD", refgrow.CommissionUnattributed)
	second := w.sold("a second lost one", who("carl"), "0 USD", refgrow.CommissionUnattributed)
	bought := *customer(first).ConversionDate
	equal(w, "the status before", customer(first).Status, refgrow.ReferralDirect)
	w.clock.Advance(time.Hour)
	got := w.update(second, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
	equal(w, "the second's value, which is the first credited", got.Value, money.MustParse("20.00 USD"))
	equal(w, "the customer's affiliate", customer(first).AffiliateID, jane.ID)
	equal(w, "the status after", customer(first).Status, refgrow.ReferralConverted)
	equal(w, "when the customer bought", *customer(first).ConversionDate, bought)
	got = w.update(first, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	equal(w, "the first's value, which is the earlier one", got.Value, money.MustParse("20.00 USD"))
	equal(w, "the customer's affiliate then", customer(first).AffiliateID, jane.ID)
	w.sold("a later one", who("carl"), "0 USD", beyond)

	signup := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup,
		Customer: refgrow.Customer{ExternalID: "dora"}})
	equal(w, "the status of a lost signup", customer(signup).Status, refgrow.ReferralDirectSignup)
	w.update(signup, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	equal(w, "the status of a credited one", customer(signup).Status, refgrow.ReferralPending)
	equal(w, "the affiliate of a credited one", customer(signup).AffiliateID, joe.ID)
	equal(w, "how many are direct", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{
		Status: refgrow.ReferralDirectSignup,
	})), 0)
	// A move from one affiliate to another changes no customer.
	moved := w.sold("one of Joe's", refgrow.RecordConversionParams{
		AffiliateID: joe.ID, Customer: refgrow.Customer{ExternalID: "eve"},
	}, "20.00 USD", refgrow.CommissionByRule)
	w.update(moved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
	equal(w, "the affiliate of a moved one's customer", customer(moved).AffiliateID, joe.ID)

	// A self-referral is noted, as where the call names the affiliate.
	own := w.sold("an affiliate's own", refgrow.RecordConversionParams{
		Customer: refgrow.Customer{Email: "jane+shop@example.com"}, ReferralCode: "JANE",
	}, "0 USD", refgrow.CommissionUnattributed)
	got = w.update(own, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
	equal(w, "its value", got.Value, money.MustParse("20.00 USD"))
	equal(w, "the flag", w.decision(got).SelfReferral, true)
	got = w.update(own, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	equal(w, "the flag with another", w.decision(got).SelfReferral, false)
	w.verify()
}

// A new price is computed from what the conversion is by then.
func newPrice(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.rule(refgrow.CreateRuleParams{AffiliateID: joe.ID, Commission: refgrow.Percent("50")})
	sale := w.sold("a sale", refgrow.RecordConversionParams{AffiliateID: jane.ID, Paid: true}, "20.00 USD",
		refgrow.CommissionByRule)
	sale = w.update(sale, refgrow.UpdateConversionParams{Paid: new(false)})
	for _, step := range []struct {
		what   string
		update refgrow.UpdateConversionParams
		want   string
		reason refgrow.CommissionReason
	}{
		{"a value", refgrow.UpdateConversionParams{Value: new(money.MustParse("3.00 USD"))}, "3.00 USD",
			refgrow.CommissionGiven},
		{"a new price", refgrow.UpdateConversionParams{Reprice: true}, "20.00 USD", refgrow.CommissionByRule},
		{"a base value alone", refgrow.UpdateConversionParams{BaseValue: refgrow.Set(money.MustParse("10.00 USD"))},
			"20.00 USD", refgrow.CommissionByRule},
		{"a price by the base value", refgrow.UpdateConversionParams{Reprice: true}, "2.00 USD", refgrow.CommissionByRule},
		{"a move with a price", refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID), Reprice: true}, "5.00 USD",
			refgrow.CommissionByRule},
		{"a currency with a price", refgrow.UpdateConversionParams{Currency: new(money.Currency("JPY")), Reprice: true},
			"5 JPY", refgrow.CommissionByRule},
		{"a type with a price", refgrow.UpdateConversionParams{Type: new(refgrow.Signup), Reprice: true}, "0 JPY",
			refgrow.CommissionByRule},
		{"nobody with a price", refgrow.UpdateConversionParams{
			Type: new(refgrow.Purchase), AffiliateID: refgrow.Clear[int64](), Reprice: true,
		}, "0 JPY", refgrow.CommissionUnattributed},
		{"the first price since", refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)}, "2 JPY",
			refgrow.CommissionByRule},
	} {
		got := w.update(sale, step.update)
		equal(w, "the value after "+step.what, got.Value, money.MustParse(step.want))
		equal(w, "the reason after "+step.what, w.decision(got).CommissionReason, step.reason)
		w.verify()
	}
	// A purchase does not stand in its own way, nor does a later one.
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("20"))})
	w.clock.Advance(time.Hour)
	w.set(refgrow.UpdateSettingsParams{CommissionDuration: new(refgrow.FirstPurchase)})
	first := w.sold("a first purchase", of(jane.ID, "carl"), "20.00 USD", refgrow.CommissionByRule)
	again := w.sold("one of the same instant", of(jane.ID, "carl"), "0 USD", beyond)
	later := of(jane.ID, "carl")
	equal(w, "the first one's new price", w.update(first, refgrow.UpdateConversionParams{Reprice: true}).Value,
		first.Value)
	equal(w, "the second one's new price", w.update(again, refgrow.UpdateConversionParams{Reprice: true}).Value,
		again.Value)
	w.clock.Advance(time.Hour)
	third := w.sold("a third one", later, "0 USD", beyond)
	w.ok(w.shop.DeleteConversion(ctx, first.ID))
	w.ok(w.shop.DeleteConversion(ctx, again.ID))
	equal(w, "the price of the one that is left", w.update(third, refgrow.UpdateConversionParams{Reprice: true}).Value,
		money.MustParse("20.00 USD"))
	// A refund is of the new price.
	w.refund(third, "50.00 USD")
	w.update(third, refgrow.UpdateConversionParams{Value: new(money.MustParse("8.00 USD"))})
	w.update(third, refgrow.UpdateConversionParams{Reprice: true})
	balances := must(w.shop.Earnings(ctx, jane.ID))
	equal(w, "what she has", balances[0].Total, money.MustParse("10.00 USD"))
	w.verify()
}

func refuseNewPrice(w *world) {
	jane := w.affiliate("jane")
	sale := w.purchase(jane.ID, "10.00 USD")
	_, err := w.shop.UpdateConversion(w.Context(), sale.ID, refgrow.UpdateConversionParams{
		Reprice: true, Value: new(money.MustParse("1.00 USD")),
	})
	w.refused("a value beside it", err, refgrow.ErrInvalid, "value")
	equal(w, "the value", must(w.shop.GetConversion(w.Context(), sale.ID)).Value, money.MustParse("2.00 USD"))
	w.verify()
}
