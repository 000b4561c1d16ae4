package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func refundTests() []test {
	return []test{
		{"in parts", refundInParts},
		{"between edits", refundBetweenEdits},
		{"of what is held", refundHeld},
		{"after a settlement", refundSettled},
		{"undone", undoRefunds},
		{"of a sale of nobody", refundNobodys},
		{"by name", refundByName},
		{"undone without a name", undoWithoutName},
		{"by total", refundByTotal},
		{"of free sales", refundFree},
		{"and the base value", refundAndBaseValue},
		{"the largest amounts", refundLargest},
		{"refused", refuseRefunds},
		{"adjustments", adjustments},
		{"refused adjustments", refuseAdjustments},
	}
}

// refund refunds part of a sale, or for "" all that is left.
func (w *world) refund(c *refgrow.Conversion, amount string) *refgrow.Conversion {
	w.Helper()
	params := refgrow.RefundConversionParams{Reason: "sent back"}
	if amount != "" {
		params.Amount = money.MustParse(amount)
	}
	refunded, err := w.shop.RefundConversion(w.Context(), c.ID, params)
	w.ok(err)
	return refunded
}

// ledger is what an affiliate's entries say, the oldest first, as text.
func (w *world) ledger(affiliate int64) string {
	w.Helper()
	var lines []string
	for _, e := range collect(w, w.shop.AllLedger(w.Context(), affiliate, refgrow.ListLedgerParams{Limit: 3})) {
		lines = append(lines, fmt.Sprintf("%s %s", e.Kind, e.Amount.Decimal()))
	}
	slices.Reverse(lines)
	return strings.Join(lines, ", ")
}

// Parts that add up to the whole take back exactly the commission, whatever the steps.
func refundInParts(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("10"))})
	for _, parts := range [][]string{
		{""}, {"30.10 USD"}, {"10.00 USD", "10.00 USD", ""}, {"0.01 USD", "30.08 USD", "0.01 USD"},
		{"0.05 USD", "0.05 USD", "0.05 USD", "29.95 USD"},
	} {
		sale := w.purchase(jane.ID, "30.10 USD")
		given := int64(0)
		for i, part := range parts {
			got := w.refund(sale, part)
			if part != "" {
				given += money.MustParse(part).Minor()
			} else {
				given = 3010
			}
			equal(w, "what is refunded", got.Refunded.Minor(), given)
			equal(w, "the value next to it", got.Value, sale.Value)
			equal(w, "the base value next to it", got.BaseValue, sale.BaseValue)
			want := refgrow.ConversionEligible
			if i == len(parts)-1 {
				want = refgrow.ConversionRefunded
			}
			equal(w, "the status", got.Status, want)
			equal(w, "the conversion that is found", must(w.shop.GetConversion(w.Context(), sale.ID)).Refunded, got.Refunded)
		}
		equal(w, fmt.Sprintf("the balance after %q", parts), w.balances(jane.ID), "")
	}
	equal(w, "the sales that are counted", must(w.shop.GetAffiliate(w.Context(), jane.ID)).Purchases, 5)
	w.checkLedger("after the refunds", jane.ID)
	w.verify()
}

// Edits between the refunds change what the rest of them takes back, but not what
// remains at the end.
func refundBetweenEdits(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(7), Commission: new(refgrow.Percent("8.2"))})
	sale := w.purchase(jane.ID, "99.95 USD") // earns 8.20
	w.refund(sale, "33.33 USD")
	equal(w, "after a third", w.ledger(jane.ID), "commission 8.20, reversal -2.73")
	w.update(sale, refgrow.UpdateConversionParams{Value: new(money.MustParse("10.00 USD"))})
	equal(w, "after a new value", w.balances(jane.ID), "USD total 6.67 paid 0.00 eligible 0.00 held 6.67")
	w.update(sale, refgrow.UpdateConversionParams{BaseValue: refgrow.Set(money.MustParse("66.66 USD"))})
	equal(w, "after a new base value", w.balances(jane.ID), "USD total 5.00 paid 0.00 eligible 0.00 held 5.00")
	w.update(sale, refgrow.UpdateConversionParams{Paid: new(true)})
	w.refund(sale, "11.11 USD")
	equal(w, "after another part, paid", w.balances(jane.ID), "USD total 3.33 paid 5.00 eligible -1.67 held 0.00")
	w.update(sale, refgrow.UpdateConversionParams{BaseValue: refgrow.Set(money.MustParse("44.45 USD"))})
	w.refund(sale, "")
	equal(w, "the status", must(w.shop.GetConversion(w.Context(), sale.ID)).Status, refgrow.ConversionRefunded)
	equal(w, "after all of it", w.balances(jane.ID), "USD total 0.00 paid 5.00 eligible -5.00 held 0.00")
	w.refused("a base value below", errOf(w.shop.UpdateConversion(w.Context(), sale.ID, refgrow.UpdateConversionParams{
		BaseValue: refgrow.Set(money.MustParse("44.43 USD")),
	})), refgrow.ErrInvalid, "base_value")
	w.update(sale, refgrow.UpdateConversionParams{Value: new(money.MustParse("99.00 USD")), Paid: new(false)})
	equal(w, "the total in the end", must(w.shop.Earnings(w.Context(), jane.ID))[0].Total, money.MustParse("0 USD"))
	w.ok(w.shop.DeleteConversion(w.Context(), sale.ID))
	w.clock.Advance(7 * 24 * time.Hour)
	equal(w, "what is left after the deletion", w.balances(jane.ID), "")
	w.checkLedger("in the end", jane.ID)
	w.verify()
}

// What is held is taken back with the commission's availability.
func refundHeld(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(10)})
	sale := w.purchase(jane.ID, "100.00 USD")
	w.clock.Advance(time.Hour)
	equal(w, "the status", w.refund(sale, "50.00 USD").Status, refgrow.ConversionHeld)
	equal(w, "the balance", w.balances(jane.ID), "USD total 10.00 paid 0.00 eligible 0.00 held 10.00")
	w.refund(sale, "")
	equal(w, "the balance without it", w.balances(jane.ID), "")
	for _, e := range collect(w, w.shop.AllLedger(w.Context(), jane.ID, refgrow.ListLedgerParams{})) {
		equal(w, "the availability of an entry", e.AvailableAt, sale.AvailableAt)
		if e.Kind == refgrow.EntryReversal &&
			(e.Note != "sent back" || e.ConversionID != sale.ID || e.CreatedAt != w.clock.Now()) {
			w.Errorf("a reversal is %+v", e)
		}
	}
	w.clock.Set(sale.AvailableAt)
	equal(w, "the balance after the hold", w.balances(jane.ID), "")
	w.verify()
}

// What was settled, manually or by a payout, is a debt when it is refunded.
func refundSettled(w *world) {
	for what, settle := range map[string]func(c *refgrow.Conversion){
		"by hand":     func(c *refgrow.Conversion) { w.update(c, refgrow.UpdateConversionParams{Paid: new(true)}) },
		"by a payout": func(*refgrow.Conversion) { w.payNow(refgrow.PayoutRunParams{}) },
	} {
		jane := w.affiliate("jane-" + strings.ReplaceAll(what, " ", "-")) // codes of deleted affiliates stay in use
		sale := w.purchase(jane.ID, "100.00 USD")
		settle(sale)
		got := w.refund(sale, "50.00 USD")
		equal(w, "the status, settled "+what, got.Status, refgrow.ConversionPaid)
		equal(w, "the balance, settled "+what, w.balances(jane.ID), "USD total 10.00 paid 20.00 eligible -10.00 held 0.00")
		got = w.refund(sale, "")
		equal(w, "the last status, settled "+what, got.Status, refgrow.ConversionRefunded)
		equal(w, "whether it is paid, settled "+what, got.Paid, true)
		equal(w, "the entries, settled "+what, w.ledger(jane.ID),
			"commission 20.00, settlement -20.00, reversal -10.00, reversal -10.00")
		w.ok(w.shop.DeleteConversion(w.Context(), sale.ID)) // takes back nothing else
		equal(w, "the balance after its deletion, settled "+what, w.balances(jane.ID),
			"USD total 0.00 paid 20.00 eligible -20.00 held 0.00")
		w.checkPayouts()
		w.verify()
		w.ok(w.shop.DeleteAffiliate(w.Context(), jane.ID))
	}
}

// An undone refund is earned again, as if it had not been.
func undoRefunds(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(10)})
	sale := w.purchase(jane.ID, "100.00 USD")
	undo := func(amount string) error {
		params := refgrow.RefundConversionParams{Reason: "chargeback won"}
		if amount != "" {
			params.Amount = money.MustParse(amount)
		}
		return errOf(w.shop.UndoRefund(ctx, sale.ID, params))
	}
	w.refused("nothing", undo(""), refgrow.ErrConflict, "amount")
	w.refund(sale, "30.00 USD")
	for _, amount := range []string{"30.01 USD", "0 USD", "-1.00 USD", "1.00 EUR"} {
		w.refused(amount, undo(amount), refgrow.ErrInvalid, "amount")
	}
	w.ok(undo("10.00 USD"))
	w.ok(undo(""))
	w.refused("nothing that is left", undo(""), refgrow.ErrConflict, "amount")
	equal(w, "the entries", w.ledger(jane.ID), "commission 20.00, reversal -6.00, correction 2.00, correction 4.00")
	got := must(w.shop.GetConversion(ctx, sale.ID))
	equal(w, "what is refunded", got.Refunded, money.MustParse("0 USD"))
	equal(w, "the status", got.Status, refgrow.ConversionHeld)
	equal(w, "the account", w.account(jane.ID),
		"total 20.00 paid 0.00 eligible 0.00 held 20.00 reserved 0.00 payable 0.00")
	w.clock.Set(sale.AvailableAt)
	equal(w, "the payout", w.payNow(refgrow.PayoutRunParams{}), "20.00 USD paid")
	w.refund(sale, "")
	w.ok(undo(""))
	equal(w, "the account, paid", w.account(jane.ID),
		"total 20.00 paid 20.00 eligible 0.00 held 0.00 reserved 0.00 payable 0.00")
	w.refused("an unknown conversion",
		errOf(w.shop.UndoRefund(ctx, 1<<40, refgrow.RefundConversionParams{})), refgrow.ErrNotFound, "")
	w.checkPayouts()
	w.verify()
}

// A sale that is credited to nobody is refunded without an entry.
func refundNobodys(w *world) {
	jane := w.affiliate("jane")
	sale := w.purchase(0, "100.00 USD")
	equal(w, "the status in part", w.refund(sale, "40.00 USD").Status, refgrow.ConversionUnattributed)
	w.update(sale, refgrow.UpdateConversionParams{
		AffiliateID: refgrow.Set(jane.ID), Value: new(money.MustParse("5.00 USD")),
	})
	equal(w, "the balance, refunded in part", w.balances(jane.ID), "USD total 3.00 paid 0.00 eligible 3.00 held 0.00")
	must(w.shop.UndoRefund(w.Context(), sale.ID, refgrow.RefundConversionParams{}))
	equal(w, "the balance", w.balances(jane.ID), "USD total 5.00 paid 0.00 eligible 5.00 held 0.00")
	w.verify()
}

// No product of two amounts is too large.
func refundLargest(w *world) {
	jane := w.affiliate("jane")
	largest := money.New(money.MaxMinor, "USD")
	sale := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: largest, Value: largest,
	})
	w.refund(sale, "0.01 USD")
	equal(w, "without one unit", w.balances(jane.ID),
		"USD total 89999999999999.99 paid 0.00 eligible 89999999999999.99 held 0.00")
	w.refund(sale, "")
	equal(w, "without all of them", w.balances(jane.ID), "")
	small := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("0.07 USD"), Value: largest,
	})
	for range 6 {
		w.refund(small, "0.01 USD")
	}
	equal(w, "with a seventh", w.balances(jane.ID),
		"USD total 12857142857142.86 paid 0.00 eligible 12857142857142.86 held 0.00")
	w.refund(small, "")
	equal(w, "without it", w.balances(jane.ID), "")
	w.verify()
}

// What is refused changes nothing.
func refuseRefunds(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	sale := w.purchase(jane.ID, "100.00 USD")
	free := w.purchase(jane.ID, "0 USD")
	signup := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: jane.ID, Value: money.MustParse("1.00 USD"),
	})
	w.refund(sale, "40.00 USD")
	one, now := money.MustParse("1.00 USD"), w.clock.Now()
	before := [3]string{
		w.ledger(jane.ID), w.account(jane.ID), fmt.Sprint(must(w.shop.GetConversion(ctx, sale.ID)).Refunded),
	}
	for what, c := range map[string]struct {
		id     int64
		params refgrow.RefundConversionParams
		kind   error
		field  string
	}{
		"more than is left": {sale.ID, refgrow.RefundConversionParams{Amount: money.MustParse("60.01 USD")},
			refgrow.ErrInvalid, "amount"},
		"nothing": {sale.ID, refgrow.RefundConversionParams{Amount: money.MustParse("0 USD")}, refgrow.ErrInvalid, "amount"},
		"less than nothing": {sale.ID, refgrow.RefundConversionParams{Amount: money.MustParse("-1.00 USD")},
			refgrow.ErrInvalid, "amount"},
		"another currency": {sale.ID, refgrow.RefundConversionParams{Amount: money.MustParse("1.00 EUR")},
			refgrow.ErrInvalid, "amount"},
		"too much for anybody": {sale.ID, refgrow.RefundConversionParams{Amount: money.New(money.MaxMinor+1, "USD")},
			refgrow.ErrInvalid, "amount"},
		"an endless reason": {sale.ID, refgrow.RefundConversionParams{Reason: strings.Repeat("x", 1001)},
			refgrow.ErrInvalid, "reason"},
		"part of a signup": {signup.ID, refgrow.RefundConversionParams{Amount: one, Cap: true},
			refgrow.ErrInvalid, "amount"},
		"part of a sale of nothing": {free.ID, refgrow.RefundConversionParams{Amount: one}, refgrow.ErrInvalid, "amount"},
		"a total of a signup": {signup.ID, refgrow.RefundConversionParams{Total: one},
			refgrow.ErrInvalid, "refunded_total"},
		"a total in another currency": {sale.ID, refgrow.RefundConversionParams{Total: money.MustParse("1.00 EUR")},
			refgrow.ErrInvalid, "refunded_total"},
		"a total below nothing": {sale.ID, refgrow.RefundConversionParams{Total: money.MustParse("-1.00 USD")},
			refgrow.ErrInvalid, "refunded_total"},
		"an amount and a total": {sale.ID, refgrow.RefundConversionParams{Amount: one, Total: one},
			refgrow.ErrInvalid, "refunded_total"},
		"a total with a name": {sale.ID, refgrow.RefundConversionParams{Total: one, RefundReference: "r"},
			refgrow.ErrInvalid, "refund_reference"},
		"an endless name": {sale.ID, refgrow.RefundConversionParams{RefundReference: strings.Repeat("x", 256)},
			refgrow.ErrInvalid, "refund_reference"},
		"a blank name": {sale.ID, refgrow.RefundConversionParams{RefundReference: " \u00a0"},
			refgrow.ErrInvalid, "refund_reference"},
		"when no total was so":   {sale.ID, refgrow.RefundConversionParams{ToldAt: now}, refgrow.ErrInvalid, "told_at"},
		"no total that is lower": {sale.ID, refgrow.RefundConversionParams{Lower: true}, refgrow.ErrInvalid, "lower"},
		"a total of the future": {sale.ID, refgrow.RefundConversionParams{Total: one,
			ToldAt: now.Add(24*time.Hour + time.Millisecond)}, refgrow.ErrInvalid, "told_at"},
		"a total of before 1970": {sale.ID, refgrow.RefundConversionParams{Total: one, ToldAt: time.UnixMilli(-1)},
			refgrow.ErrInvalid, "told_at"},
		"no conversion": {1 << 40, refgrow.RefundConversionParams{}, refgrow.ErrNotFound, ""},
	} {
		w.refused(what, errOf(w.shop.RefundConversion(ctx, c.id, c.params)), c.kind, c.field)
	}
	w.refused("another currency of it", errOf(w.shop.UpdateConversion(ctx, sale.ID, refgrow.UpdateConversionParams{
		Currency: new(money.Currency("EUR")),
	})), refgrow.ErrConflict, "base_value_currency")
	after := [3]string{
		w.ledger(jane.ID), w.account(jane.ID), fmt.Sprint(must(w.shop.GetConversion(ctx, sale.ID)).Refunded),
	}
	equal(w, "the state afterwards", after, before)
	w.refund(sale, "")
	w.refused("once more", errOf(w.shop.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{})),
		refgrow.ErrConflict, "amount")
	for field, params := range map[string]refgrow.RefundConversionParams{
		"refunded_total": {Total: one}, "told_at": {ToldAt: now}, "lower": {Lower: true}, "cap": {Cap: true},
		"refund_reference": {Amount: one, RefundReference: "r"},
	} {
		w.refused("undoing with "+field, errOf(w.shop.UndoRefund(ctx, sale.ID, params)), refgrow.ErrInvalid, field)
	}
	w.refused("undoing an unknown one", errOf(w.shop.UndoRefund(ctx, sale.ID,
		refgrow.RefundConversionParams{RefundReference: "r"})), refgrow.ErrNotFound, "")
	w.refused("an unknown reference", errOf(w.shop.RefundByReference(ctx, "nobody's", refgrow.RefundConversionParams{})),
		refgrow.ErrNotFound, "")
	w.verify()
}
