package conformance

import (
	"fmt"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func pendingPayoutTests() []test {
	return []test{
		{"changes while pending", changesWhilePending},
		{"debts", carriedDebts},
		{"debts of what is held", heldDebts},
		{"adjustments alone", payoutOfAdjustments},
		{"settled by hand", payoutAndHand},
		{"refused", refusePayouts},
	}
}

// Whatever happens to a reserved conversion leaves its payout as it is.
func changesWhilePending(w *world) {
	affiliates := 0 // codes of deleted ones stay in use
	for what, c := range map[string]struct {
		change func(c *refgrow.Conversion)
		next   string // with a bonus of 50.00 that comes later
	}{
		"refunded":         {func(c *refgrow.Conversion) { w.refund(c, "") }, "30.00 USD paid"},
		"refunded in part": {func(c *refgrow.Conversion) { w.refund(c, "25.00 USD") }, "45.00 USD paid"},
		"deleted": {func(c *refgrow.Conversion) { w.ok(w.shop.DeleteConversion(w.Context(), c.ID)) },
			"30.00 USD paid"},
		"worth less": {func(c *refgrow.Conversion) {
			w.update(c, refgrow.UpdateConversionParams{Value: new(money.MustParse("0 USD"))})
		}, "30.00 USD paid"},
		"worth more": {func(c *refgrow.Conversion) {
			w.update(c, refgrow.UpdateConversionParams{Value: new(money.MustParse("21.00 USD"))})
		}, "51.00 USD paid"},
		"refunded, and not": {func(c *refgrow.Conversion) {
			w.refund(c, "")
			must(w.shop.UndoRefund(w.Context(), c.ID, refgrow.RefundConversionParams{}))
		}, "50.00 USD paid"},
	} {
		for _, end := range []refgrow.PayoutStatus{refgrow.PayoutPaid, refgrow.PayoutCanceled} {
			affiliates++
			jane := w.affiliate(fmt.Sprintf("jane%d", affiliates))
			sale := w.purchase(jane.ID, "100.00 USD")
			made := w.run(refgrow.PayoutRunParams{})
			c.change(sale)
			w.verify()
			equal(w, what+", the payout", *must(w.shop.GetPayout(w.Context(), made[0].ID)), made[0])
			if end == refgrow.PayoutPaid {
				w.pay(made[0])
			} else {
				w.cancel(made[0])
			}
			w.verify()
			w.adjust(jane.ID, "50.00 USD")
			next := w.payNow(refgrow.PayoutRunParams{})
			if end == refgrow.PayoutPaid {
				equal(w, what+", the next", next, c.next)
			}
			b := must(w.shop.Earnings(w.Context(), jane.ID))[0]
			if !b.Unpaid.IsZero() || !b.Payable.IsZero() || b.Paid != b.Total {
				w.Errorf("%s, and %s: at the end the balance is %+v", what, end, b)
			}
			w.checkPayouts()
			w.verify()
			w.ok(w.shop.DeleteAffiliate(w.Context(), jane.ID))
		}
	}
	w.verify()
}

// What was refunded after it was paid is taken from later earnings, however many runs
// come in between.
func carriedDebts(w *world) {
	jane := w.affiliate("jane")
	sale := w.purchase(jane.ID, "100.00 USD")
	equal(w, "the first payout", w.payNow(refgrow.PayoutRunParams{}), "20.00 USD paid")
	w.refund(sale, "")
	equal(w, "the account", w.account(jane.ID),
		"total 0.00 paid 20.00 eligible -20.00 held 0.00 reserved 0.00 payable -20.00")
	for range 2 {
		equal(w, "a run with a debt alone", summary(w.run(refgrow.PayoutRunParams{Minimum: money.MustParse("0 USD")})), "")
		w.clock.Advance(30 * 24 * time.Hour)
	}
	w.purchase(jane.ID, "75.00 USD")
	equal(w, "a run with less than the debt", summary(w.run(refgrow.PayoutRunParams{})), "")
	w.purchase(jane.ID, "25.00 USD")
	equal(w, "a run with as much", summary(w.run(refgrow.PayoutRunParams{})), "")
	w.purchase(jane.ID, "0.05 USD")
	made := w.run(refgrow.PayoutRunParams{})
	equal(w, "a run with more", summary(made), "0.01 USD pending")
	equal(w, "its entries", made[0].EntryCount, 4)
	w.pay(made[0])
	equal(w, "the account in the end", w.account(jane.ID),
		"total 20.01 paid 20.01 eligible 0.00 held 0.00 reserved 0.00 payable 0.00")
	w.checkPayouts()
	w.verify()
}

// A sale that is refunded within its hold changes nothing of the payouts before.
func heldDebts(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(10)})
	sale := w.purchase(jane.ID, "100.00 USD")
	w.refund(sale, "40.00 USD")
	equal(w, "the account", w.account(jane.ID),
		"total 12.00 paid 0.00 eligible 0.00 held 12.00 reserved 0.00 payable 0.00")
	w.adjust(jane.ID, "30.00 USD")
	made := w.run(refgrow.PayoutRunParams{})
	equal(w, "the run", summary(made), "30.00 USD pending")
	equal(w, "the account, reserved", w.account(jane.ID),
		"total 42.00 paid 0.00 eligible 30.00 held 12.00 reserved 30.00 payable 0.00")
	w.verify()
	w.pay(made[0])
	equal(w, "the account, paid", w.account(jane.ID),
		"total 42.00 paid 30.00 eligible 0.00 held 12.00 reserved 0.00 payable 0.00")
	equal(w, "whether the sale is paid", must(w.shop.GetConversion(w.Context(), sale.ID)).Paid, false)
	w.verify()
	w.refund(sale, "10.00 USD")
	equal(w, "the account after another refund", w.account(jane.ID),
		"total 40.00 paid 30.00 eligible 0.00 held 10.00 reserved 0.00 payable 0.00")
	w.clock.Set(sale.AvailableAt)
	equal(w, "the account after the hold", w.account(jane.ID),
		"total 40.00 paid 30.00 eligible 10.00 held 0.00 reserved 0.00 payable 10.00")
	equal(w, "the last run", w.payNow(refgrow.PayoutRunParams{}), "10.00 USD paid")
	equal(w, "whether the sale is paid in the end", must(w.shop.GetConversion(w.Context(), sale.ID)).Paid, true)
	w.checkPayouts()
	w.verify()
}

// A payout needs no conversions.
func payoutOfAdjustments(w *world) {
	jane := w.affiliate("jane")
	for _, amount := range []string{"10.00 USD", "-3.00 USD", "0.50 USD"} {
		w.adjust(jane.ID, amount)
		w.clock.Advance(time.Second)
	}
	made := w.run(refgrow.PayoutRunParams{})
	equal(w, "the run", summary(made), "7.50 USD pending")
	w.adjust(jane.ID, "-20.00 USD")
	w.verify()
	w.pay(made[0])
	equal(w, "the account", w.account(jane.ID),
		"total -12.50 paid 7.50 eligible -20.00 held 0.00 reserved 0.00 payable -20.00")
	for _, e := range collect(w, w.shop.AllLedger(w.Context(), jane.ID, refgrow.ListLedgerParams{})) {
		if e.Kind == refgrow.EntrySettlement && (e.PayoutID != made[0].ID || e.ConversionID != 0) {
			w.Errorf("a settlement is %+v", e)
		}
	}
	w.checkPayouts()
	w.verify()
}

// What was settled manually is not paid out again, and what a payout has is not settled
// manually.
func payoutAndHand(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(10)})
	byHand, held := w.purchase(jane.ID, "10.00 USD"), w.purchase(jane.ID, "20.00 USD")
	w.update(byHand, refgrow.UpdateConversionParams{Paid: new(true)})
	equal(w, "the account", w.account(jane.ID), "total 6.00 paid 2.00 eligible 0.00 held 4.00 reserved 0.00 payable 0.00")
	w.adjust(jane.ID, "1.00 USD")
	equal(w, "the run before the hold is over", w.payNow(refgrow.PayoutRunParams{}), "1.00 USD paid")
	w.clock.Set(held.AvailableAt)
	made := w.run(refgrow.PayoutRunParams{})
	equal(w, "the run", summary(made), "4.00 USD pending")
	for field, change := range map[string]refgrow.UpdateConversionParams{
		"paid": {Paid: new(true)}, "affiliate_id": {AffiliateID: refgrow.Set(joe.ID)},
		"base_value_currency": {Currency: new(money.Currency("EUR"))},
	} {
		w.refused("a change of a reserved conversion's "+field, errOf(w.shop.UpdateConversion(ctx, held.ID, change)),
			refgrow.ErrConflict, field)
	}
	w.update(held, refgrow.UpdateConversionParams{Paid: new(false), Reference: refgrow.Set("r1")}) // what is already so
	w.cancel(made[0])
	w.update(held, refgrow.UpdateConversionParams{Paid: new(true)})
	equal(w, "a run after that", summary(w.run(refgrow.PayoutRunParams{})), "")
	w.update(held, refgrow.UpdateConversionParams{Paid: new(false), Value: new(money.MustParse("5.00 USD"))})
	equal(w, "the payout of what was settled by mistake", w.payNow(refgrow.PayoutRunParams{}), "5.00 USD paid")
	w.refused("taking it back by hand",
		errOf(w.shop.UpdateConversion(ctx, held.ID, refgrow.UpdateConversionParams{Paid: new(false)})),
		refgrow.ErrConflict, "paid")
	equal(w, "the account in the end", w.account(jane.ID),
		"total 8.00 paid 8.00 eligible 0.00 held 0.00 reserved 0.00 payable 0.00")
	w.checkPayouts()
	w.verify()
}

// Only a pending payout can be paid or canceled, and what is refused changes
// nothing.
func refusePayouts(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.purchase(jane.ID, "10.00 USD")
	canceled := *w.cancel(w.run(refgrow.PayoutRunParams{})[0])
	paid := *w.pay(w.run(refgrow.PayoutRunParams{})[0])
	w.adjust(jane.ID, "1.00 USD")
	pending := w.run(refgrow.PayoutRunParams{})[0]
	w.clock.Advance(time.Hour)
	pay := func(id int64, reference string) error {
		return errOf(w.shop.PayPayout(ctx, id, refgrow.PayPayoutParams{ExternalReference: reference}))
	}
	for _, p := range []refgrow.Payout{canceled, paid} {
		w.inTheWayOf(fmt.Sprintf("paying a %s one", p.Status), pay(p.ID, "again"), "", p.ID)
		w.refused(fmt.Sprintf("canceling a %s one", p.Status), errOf(w.shop.CancelPayout(ctx, p.ID)), refgrow.ErrConflict, "")
	}
	w.refused("paying none", pay(1<<40, ""), refgrow.ErrNotFound, "")
	w.refused("canceling none", errOf(w.shop.CancelPayout(ctx, 1<<40)), refgrow.ErrNotFound, "")
	w.refused("finding none", errOf(w.shop.GetPayout(ctx, 1<<40)), refgrow.ErrNotFound, "")
	w.refused("the entries of none",
		errOf(w.shop.ListPayoutEntries(ctx, 1<<40, refgrow.ListPayoutEntriesParams{})), refgrow.ErrNotFound, "")
	for _, reference := range []string{strings.Repeat("x", 256), "a\nb", "\xff"} {
		w.refused("a wrong reference", pay(pending.ID, reference), refgrow.ErrInvalid, "external_reference")
	}
	w.refused("deleting the affiliate", w.shop.DeleteAffiliate(ctx, jane.ID), refgrow.ErrConflict, "")
	for _, p := range []refgrow.Payout{canceled, paid, pending} {
		got := must(w.shop.GetPayout(ctx, p.ID))
		equal(w, "the payout", got.Status, p.Status)
		equal(w, "its reference", got.ExternalReference, p.ExternalReference)
		equal(w, "whether it was paid then", got.PaidAt == nil || got.PaidAt.Equal(*p.PaidAt), true)
	}
	equal(w, "the account", w.account(jane.ID), "total 3.00 paid 2.00 eligible 1.00 held 0.00 reserved 1.00 payable 0.00")
	w.ok(pay(pending.ID, "")) // a reference is not needed
	w.verify()
}
