package conformance

import (
	"fmt"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// told tells of a refund by the reference of the sale, and checks what it came to.
func (w *world) told(what, reference string, params refgrow.RefundConversionParams, want string) {
	w.Helper()
	c := must(w.shop.RefundByReference(w.Context(), reference, params))
	w.came(what, c, want)
}

// came checks what a refund or its undoing came to.
func (w *world) came(what string, c *refgrow.Conversion, want string) {
	w.Helper()
	got := c.Refunded.Decimal() + " " + string(c.Status)
	if c.Capped {
		got += " capped"
	}
	if c.Unchanged {
		got += " unchanged"
	}
	equal(w, what, got, want)
	if kept := must(w.shop.GetConversion(w.Context(), c.ID)); kept.Refunded != c.Refunded || kept.Status != c.Status ||
		kept.Capped || kept.Unchanged {
		w.Errorf("%s: it is kept as %+v", what, kept)
	}
}

// A refund with a name counts once, however often it is told, and can be undone by it.
func refundByName(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("20"))})
	sale := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("100.00 USD"), Reference: "in_1",
	})
	usd := func(amount string) money.Amount { return money.MustParse(amount + " USD") }
	named := func(name, amount string) refgrow.RefundConversionParams {
		p := refgrow.RefundConversionParams{RefundReference: name}
		if amount != "" {
			p.Amount = usd(amount)
		}
		return p
	}
	w.told("the first one", "in_1", named("re_1", "30"), "30.00 eligible")
	w.told("the first one again", "in_1", named("re_1", "30"), "30.00 eligible unchanged")
	w.told("the first one without its amount", "in_1", named("re_1", ""), "30.00 eligible unchanged")
	w.told("another one", "in_1", named("re_2", "30"), "60.00 eligible")
	w.refused("the first one with another amount", errOf(w.shop.RefundByReference(w.Context(), "in_1",
		named("re_1", "30.01"))), refgrow.ErrConflict, "refund_reference")
	w.refused("more than is left", errOf(w.shop.RefundByReference(w.Context(), "in_1", named("re_3", "41"))),
		refgrow.ErrInvalid, "amount")
	capped := named("re_3", "41")
	capped.Cap = true
	w.told("the refused one, capped", "in_1", capped, "100.00 refunded capped")
	w.told("it again", "in_1", named("re_3", "41"), "100.00 refunded unchanged")
	w.told("one of nothing that is left, capped", "in_1",
		refgrow.RefundConversionParams{Amount: usd("1"), Cap: true, RefundReference: "re_4"},
		"100.00 refunded capped unchanged")
	equal(w, "the entries", w.ledger(jane.ID), "commission 20.00, reversal -6.00, reversal -6.00, reversal -8.00")

	undo := func(what string, params refgrow.RefundConversionParams, want string) {
		w.Helper()
		w.came(what, must(w.shop.UndoRefund(w.Context(), sale.ID, params)), want)
	}
	undo("undoing the capped one", named("re_3", ""), "60.00 eligible")
	undo("undoing it again", named("re_3", ""), "60.00 eligible unchanged")
	undo("undoing one that took nothing", named("re_4", ""), "60.00 eligible unchanged")
	undo("undoing by an amount", refgrow.RefundConversionParams{Amount: usd("50")}, "10.00 eligible")
	undo("undoing one of which less is left", named("re_1", ""), "0.00 eligible")
	for _, name := range []string{"re_1", "re_2", "re_3"} {
		w.told("one that was undone, again", "in_1", named(name, ""), "0.00 eligible unchanged")
	}
	w.told("the whole, by name", "in_1", named("re_5", ""), "100.00 refunded")
	w.told("it again, with its amount", "in_1", named("re_5", "100"), "100.00 refunded unchanged")
	w.verify()

	// Names belong to their conversion, and go with it.
	w.ok(w.shop.DeleteConversion(w.Context(), sale.ID))
	w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: usd("100.00"), Reference: "in_1",
	})
	w.told("the name with another conversion", "in_1", named("re_1", "40"), "40.00 eligible")
	w.ok(w.shop.DeleteAffiliate(w.Context(), jane.ID))
	w.verify()
}

// What is undone without a name is no longer there to be undone by one.
func undoWithoutName(w *world) {
	jane := w.affiliate("jane")
	sale := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID,
		BaseValue: money.MustParse("100.00 USD"), Value: money.MustParse("50.00 USD"),
		Reference: "in_1",
	})
	named := func(name, amount string) refgrow.RefundConversionParams {
		p := refgrow.RefundConversionParams{RefundReference: name}
		if amount != "" {
			p.Amount = money.MustParse(amount + " USD")
		}
		return p
	}
	undo := func(what string, id int64, params refgrow.RefundConversionParams, want string) {
		w.Helper()
		w.came(what, must(w.shop.UndoRefund(w.Context(), id, params)), want)
	}
	w.told("one", "in_1", named("re_1", "30"), "30.00 eligible")
	undo("undoing all", sale.ID, refgrow.RefundConversionParams{}, "0.00 eligible")
	w.told("another one", "in_1", named("re_2", "40"), "40.00 eligible")
	undo("undoing the first one, which is undone", sale.ID, named("re_1", ""), "40.00 eligible unchanged")
	w.told("a third one, with blanks around its name", "in_1", named(" re_3 ", "20"), "60.00 eligible")
	undo("undoing just what the second one took", sale.ID, named("", "40"), "20.00 eligible")
	undo("undoing the second one", sale.ID, named("re_2", ""), "20.00 eligible unchanged")
	w.told("one without a name", "in_1", named("", "15"), "35.00 eligible")
	undo("undoing part of it", sale.ID, named("", "10"), "25.00 eligible")
	undo("undoing the rest of it and some of the third one", sale.ID, named("", "10"), "15.00 eligible")
	undo("undoing the third one", sale.ID, named("re_3", ""), "0.00 eligible")
	w.told("a fourth one", "in_1", named("re_4", "50"), "50.00 eligible")
	lower := refgrow.RefundConversionParams{Total: money.MustParse("20.00 USD"), Lower: true}
	w.told("a lower total", "in_1", lower, "20.00 eligible")
	undo("undoing what is left of the fourth one", sale.ID, named("re_4", ""), "0.00 eligible")

	signup := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: jane.ID, Value: money.MustParse("2.00 USD"), Reference: "signup",
	})
	again := named("re_6", "")
	again.Cap = true
	w.told("the whole of a signup", "signup", named("re_5", ""), "0.00 refunded")
	w.told("the whole of it under another name", "signup", again, "0.00 refunded unchanged")
	undo("undoing what took nothing", signup.ID, named("re_6", ""), "0.00 refunded unchanged")
	undo("undoing what took it", signup.ID, named(" re_5", ""), "0.00 eligible")
	w.told("once more", "signup", named("re_7", ""), "0.00 refunded")
	undo("undoing it without a name", signup.ID, refgrow.RefundConversionParams{}, "0.00 eligible")
	w.told("and once more", "signup", named("re_8", ""), "0.00 refunded")
	undo("undoing what is undone", signup.ID, named("re_7", ""), "0.00 refunded unchanged")
	w.verify()
}

// Totals come to the same in any order, however often; one without an instant counts
// when it is new.
func refundByTotal(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("20"))})
	total := func(amount string, day int) refgrow.RefundConversionParams {
		p := refgrow.RefundConversionParams{Total: money.MustParse(amount + " USD")}
		if day != 0 {
			p.ToldAt = w.clock.Now().AddDate(0, 0, day-30)
		}
		return p
	}
	sell := func(reference string) {
		w.record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("100.00 USD"), Reference: reference,
		})
	}
	totals := []refgrow.RefundConversionParams{total("10", 1), total("30", 2), total("25", 2), total("20", 3)}
	for at, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 1, 0, 3, 2}, {2, 0, 3, 3, 1}, {3}} {
		reference := fmt.Sprint("order ", at)
		sell(reference)
		for _, i := range order {
			_, err := w.shop.RefundByReference(w.Context(), reference, totals[i])
			w.ok(err)
		}
		equal(w, fmt.Sprint("what is refunded in the order ", order),
			must(w.shop.ConversionByReference(w.Context(), reference)).Refunded, totals[3].Total)
	}

	sell("now")
	w.told("a first one", "now", total("10", 0), "10.00 eligible")
	w.told("a larger one", "now", total("30", 0), "30.00 eligible")
	w.told("the first one again", "now", total("10", 0), "30.00 eligible unchanged")
	w.told("the larger one again", "now", total("30", 0), "30.00 eligible unchanged")
	w.told("one of before those", "now", total("50", 29), "30.00 eligible unchanged")
	lower := total("10", 0)
	lower.Lower = true
	w.told("the first one, meant", "now", lower, "10.00 eligible")
	w.told("an amount beside it", "now", refgrow.RefundConversionParams{Amount: money.MustParse("15 USD")},
		"25.00 eligible")
	w.told("one below what is refunded", "now", total("20", 0), "25.00 eligible unchanged")
	w.told("one above it", "now", total("40", 0), "40.00 eligible")
	w.told("more than all", "now", total("140", 0), "100.00 refunded capped")
	w.clock.Advance(time.Hour)
	w.told("one of later", "now", total("60", 30), "60.00 eligible")
	w.told("nothing at all, of a little in the future", "now", total("0", 31), "0.00 eligible")
	w.told("one without an instant after that", "now", total("70", 0), "70.00 eligible")
	w.told("it again", "now", total("70", 0), "70.00 eligible unchanged")
	w.verify()
}

// A free sale and a signup are refunded as a whole, and that is undone as a whole.
func refundFree(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	free := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("0 USD"), Value: money.MustParse("5.00 USD"),
		Reference: "free",
	})
	signup := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: jane.ID, Value: money.MustParse("2.00 USD"), Reference: "signup",
	})
	nobodys := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "nobody's"})
	for _, of := range []struct {
		c      *refgrow.Conversion
		status string
	}{{free, "refunded"}, {signup, "refunded"}, {nobodys, "unattributed"}} {
		w.told("the whole", of.c.Reference, refgrow.RefundConversionParams{Reason: "a mistake"}, "0.00 "+of.status)
		w.refused("once more", errOf(w.shop.RefundConversion(ctx, of.c.ID, refgrow.RefundConversionParams{})),
			refgrow.ErrConflict, "amount")
		w.told("once more, capped", of.c.Reference, refgrow.RefundConversionParams{Cap: true}, "0.00 "+of.status+" unchanged")
	}
	equal(w, "the entries", w.ledger(jane.ID), "commission 5.00, commission 2.00, reversal -5.00, reversal -2.00")
	w.verify()

	// Nothing that it could be a part of may appear meanwhile; its value may change.
	for _, c := range []*refgrow.Conversion{free, signup} {
		w.refused("a higher base value", errOf(w.shop.UpdateConversion(ctx, c.ID, refgrow.UpdateConversionParams{
			BaseValue: refgrow.Set(money.MustParse("0.01 USD")),
		})), refgrow.ErrConflict, "base_value")
		w.refused("another currency", errOf(w.shop.UpdateConversion(ctx, c.ID, refgrow.UpdateConversionParams{
			Currency: new(money.EUR),
		})), refgrow.ErrConflict, "base_value_currency")
		_, err := w.shop.UpdateConversion(ctx, c.ID, refgrow.UpdateConversionParams{Value: new(money.MustParse("3.00 USD"))})
		w.ok(err)
	}
	equal(w, "what they have come to", w.account(jane.ID),
		"total 0.00 paid 0.00 eligible 0.00 held 0.00 reserved 0.00 payable 0.00")
	w.refused("undoing a part", errOf(w.shop.UndoRefund(ctx, free.ID, refgrow.RefundConversionParams{
		Amount: money.MustParse("1.00 USD"),
	})), refgrow.ErrInvalid, "amount")
	w.came("undoing it", must(w.shop.UndoRefund(ctx, free.ID, refgrow.RefundConversionParams{})), "0.00 eligible")
	w.refused("undoing it again", errOf(w.shop.UndoRefund(ctx, free.ID, refgrow.RefundConversionParams{})),
		refgrow.ErrConflict, "amount")
	equal(w, "what they come to", w.account(jane.ID),
		"total 3.00 paid 0.00 eligible 3.00 held 0.00 reserved 0.00 payable 3.00")
	_, err := w.shop.UpdateConversion(ctx, free.ID, refgrow.UpdateConversionParams{
		BaseValue: refgrow.Set(money.MustParse("10.00 USD")),
	})
	w.ok(err)

	// By name and by total.
	w.came("undoing the signup", must(w.shop.UndoRefund(ctx, signup.ID, refgrow.RefundConversionParams{})),
		"0.00 eligible")
	named := refgrow.RefundConversionParams{RefundReference: "re_1"}
	w.told("the whole by name", "signup", named, "0.00 refunded")
	w.told("it again", "signup", named, "0.00 refunded unchanged")
	w.came("undoing it by name", must(w.shop.UndoRefund(ctx, signup.ID, named)), "0.00 eligible")
	w.came("undoing it by name again", must(w.shop.UndoRefund(ctx, signup.ID, named)), "0.00 eligible unchanged")
	gift := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("0 USD"), Value: money.MustParse("1.00 USD"),
		Reference: "gift",
	})
	w.told("a total of nothing", "gift", refgrow.RefundConversionParams{Total: money.MustParse("0 USD")},
		"0.00 eligible unchanged")
	w.told("a total of something", "gift", refgrow.RefundConversionParams{Total: gift.Value}, "0.00 refunded capped")
	w.verify()
}

// Nothing is taken silently by a lower base value: it stays above what was refunded.
func refundAndBaseValue(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("10"))})
	sale := w.purchase(jane.ID, "100.00 USD")
	base := func(amount string) refgrow.UpdateConversionParams {
		return refgrow.UpdateConversionParams{BaseValue: refgrow.Set(money.MustParse(amount))}
	}
	w.refund(sale, "40.00 USD")
	for _, amount := range []string{"40.00 USD", "39.99 USD", "0 USD"} {
		w.refused("a base value of "+amount, errOf(w.shop.UpdateConversion(ctx, sale.ID, base(amount))),
			refgrow.ErrInvalid, "base_value")
	}
	_, err := w.shop.UpdateConversion(ctx, sale.ID, base("40.01 USD"))
	w.ok(err)
	_, err = w.shop.UpdateConversion(ctx, sale.ID, base("80.00 USD"))
	w.ok(err)
	equal(w, "what half of it earns", w.account(jane.ID),
		"total 5.00 paid 0.00 eligible 5.00 held 0.00 reserved 0.00 payable 5.00")
	w.refund(sale, "")
	_, err = w.shop.UpdateConversion(ctx, sale.ID, base("80.00 USD")) // as it is
	w.ok(err)
	w.refused("a lower one of a sale that is gone", errOf(w.shop.UpdateConversion(ctx, sale.ID, base("79.99 USD"))),
		refgrow.ErrInvalid, "base_value")
	higher := must(w.shop.UpdateConversion(ctx, sale.ID, base("160.00 USD")))
	equal(w, "the status of one that was raised", higher.Status, refgrow.ConversionEligible)
	w.verify()
}
