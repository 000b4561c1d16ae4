package conformance

import (
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func explanationTests() []test {
	return []test{
		{"commissions", explainCommissions},
		{"credits", explainCredits},
		{"what became of it", explainOutcomes},
		{"every conversion", explainEvery},
	}
}

// explained explains a conversion, in a sentence that contains these parts.
func (w *world) explained(what string, c *refgrow.Conversion, parts ...string) *refgrow.Explanation {
	w.Helper()
	e, err := w.shop.ExplainConversion(w.Context(), c.ID)
	w.ok(err)
	for _, part := range parts {
		if !strings.Contains(e.Sentence, part) {
			w.Errorf("%s: the sentence has no %q:\n%s", what, part, e.Sentence)
		}
	}
	return e
}

// A commission is explained by the version and the inputs of its time.
func explainCommissions(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("8.2"))})
	sale := w.purchase(jane.ID, "102.50 USD")
	w.set(refgrow.UpdateSettingsParams{
		Commission: new(refgrow.Fixed(money.MustParse("5.00 USD"))), CommissionDuration: new(refgrow.Payments(1)),
	})
	w.update(sale, refgrow.UpdateConversionParams{BaseValue: refgrow.Set(money.MustParse("50.00 USD"))})
	e := w.explained("a percentage", sale, "8.41 USD", "8.2% for life", "102.50 USD")
	id := e.Commission.RuleID
	equal(w, "the commission", e.Commission, refgrow.CommissionExplanation{
		Rule: "8.2% for life", RuleID: id, Version: 2, Scope: "project", Reason: refgrow.CommissionByRule,
		Value: money.MustParse("8.41 USD"),
		Inputs: refgrow.CommissionInputs{
			BaseValue: money.MustParse("102.50 USD"), Currency: "USD", Rate: "8.2%", Rounding: "half_away_from_zero",
		},
	})
	equal(w, "the entries", len(e.Entries), 1)

	carl := of(jane.ID, "carl")
	first := w.sold("the first", carl, "5.00 USD", refgrow.CommissionByRule)
	e = w.explained("a fixed amount", first, "5.00 USD for 1 payment")
	equal(w, "the fixed amount", e.Commission.Inputs.Fixed, money.MustParse("5.00 USD"))
	equal(w, "the other payments", *e.Commission.Inputs.OtherPayments, 0)
	e = w.explained("one too many", w.sold("the second", carl, "0 USD", beyond), "earned nothing")
	equal(w, "the other payments then", *e.Commission.Inputs.OtherPayments, 1)
	w.update(first, refgrow.UpdateConversionParams{Value: new(money.MustParse("6.00 USD"))})
	e = w.explained("a value that was changed", first, "6.00 USD was given")
	equal(w, "its reason", e.Commission.Reason, refgrow.CommissionGiven)
	equal(w, "its entries", len(e.Entries), 2)
	w.verify()
}

// Why somebody was, or was not, credited.
func explainCredits(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "SAVE"}))
	params := refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: money.MustParse("10.00 USD")}
	byCode, byCoupon, stale := params, params, params
	byCode.ReferralCode, byCoupon.CouponCode, stale.ReferralCode = "jane", "save", "nobody"
	w.explained("a code", w.record(byCode), "affiliate JANE", "jane")
	w.explained("a coupon", w.record(byCoupon), "affiliate JANE", "save")
	w.explained("a stale code", w.record(stale), "credited to nobody", "nobody leads to no affiliate")
	moved := w.record(byCode)
	w.update(moved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	e := w.explained("a moved one", moved, "affiliate JOE")
	equal(w, "who is chosen", e.Decision.Chosen, joe.ID)
	equal(w, "why", e.Decision.Reason, refgrow.ReasonMoved)
	equal(w, "the entries of both", len(e.Entries), 3)
	w.ok(w.shop.DeleteAffiliate(ctx, jane.ID))
	equal(w, "the entries of who is left",
		len(w.explained("one that was moved from who is gone", moved, "affiliate JOE").Entries), 1)
	w.refused("none", errOf(w.shop.ExplainConversion(ctx, 1<<40)), refgrow.ErrNotFound, "")
	w.verify()
}

// What is held, available, paid and owed.
func explainOutcomes(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(10)})
	sale := w.purchase(jane.ID, "100.00 USD")
	w.explained("held", sale, "20.00 USD is held until 2026-01-25")
	w.clock.Advance(10 * 24 * time.Hour)
	w.explained("available", sale, "20.00 USD has been available for payout since 2026-01-25")
	w.refund(sale, "25.00 USD")
	w.explained("refunded in part", sale, "25.00 USD of the sale was refunded, which took back 5.00 USD",
		"15.00 USD has been available")
	equal(w, "the payout", w.payNow(refgrow.PayoutRunParams{}), "15.00 USD paid")
	e := w.explained("paid", sale, "15.00 USD of it was paid out")
	equal(w, "the payout's entries", e.Entries[2].PayoutID != 0, true)
	w.refund(sale, "")
	w.explained("owed", sale, "15.00 USD more than is due was paid")
	w.verify()
}

// Every conversion has an explanation, which names nobody's email.
func explainEvery(w *world) {
	w.program()
	for _, c := range collect(w, w.shop.AllConversions(w.Context(), refgrow.ListConversionsParams{})) {
		e := w.explained("a conversion", &c, "Conversion")
		equal(w, "the conversion", e.Conversion.ID, c.ID)
		equal(w, "the value", e.Commission.Value, c.Value)
		if strings.Contains(e.Sentence, "@") || !strings.HasSuffix(e.Sentence, ".") || strings.Contains(e.Sentence, "  ") {
			w.Errorf("the sentence is %s", e.Sentence)
		}
		var sum int64
		for _, entry := range e.Entries {
			sum += entry.Amount.Minor()
		}
		equal(w, "the unsettled sum", sum == 0, c.Paid || c.AffiliateID == 0)
	}
}
