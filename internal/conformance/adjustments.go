package conformance

import (
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// A bonus or a deduction is available at once, whatever the hold.
func adjustments(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(30)})
	bonus := w.adjust(jane.ID, "25.00 USD")
	equal(w, "the entry that is found",
		must(w.shop.ListLedger(w.Context(), jane.ID, refgrow.ListLedgerParams{})).Items[0], *bonus)
	equal(w, "the entry", *bonus, refgrow.LedgerEntry{
		ID: bonus.ID, AffiliateID: jane.ID, Kind: refgrow.EntryAdjustment, Amount: money.MustParse("25.00 USD"),
		AvailableAt: w.clock.Now(), CreatedAt: w.clock.Now(), Note: "agreed by mail",
	})
	equal(w, "the account", w.account(jane.ID),
		"total 25.00 paid 0.00 eligible 25.00 held 0.00 reserved 0.00 payable 25.00")
	w.adjust(jane.ID, "-40.00 USD")
	equal(w, "the account after a deduction", w.account(jane.ID),
		"total -15.00 paid 0.00 eligible -15.00 held 0.00 reserved 0.00 payable -15.00")
	w.adjust(jane.ID, "1 JPY")
	equal(w, "the balances", w.balances(jane.ID),
		"USD total -15.00 paid 0.00 eligible -15.00 held 0.00; JPY total 1 paid 0 eligible 1 held 0")
	// The clock goes back: the entry is stamped with the last instant, and counts.
	w.clock.Advance(-time.Hour)
	late := w.adjust(jane.ID, "15.00 USD")
	equal(w, "the stamp of the late one", late.CreatedAt, bonus.CreatedAt)
	w.verify()
	w.clock.Advance(time.Hour)
	equal(w, "the account in the end", w.account(jane.ID),
		"total 0.00 paid 0.00 eligible 0.00 held 0.00 reserved 0.00 payable 0.00")
	equal(w, "the count of entries", must(w.shop.CountLedger(w.Context(), jane.ID)), 4)
	got := must(w.shop.GetAffiliate(w.Context(), jane.ID))
	equal(w, "the conversions that are counted", got.Signups+got.Purchases, 0)
	w.verify()
}

func refuseAdjustments(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	one := money.MustParse("1.00 USD")
	for what, c := range map[string]struct {
		params refgrow.CreateAdjustmentParams
		kind   error
		field  string
	}{
		"no note": {refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Amount: one}, refgrow.ErrInvalid, "note"},
		"an empty note": {refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Amount: one, Note: " \t"},
			refgrow.ErrInvalid, "note"},
		"a note of two lines": {refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Amount: one, Note: "a\nb"},
			refgrow.ErrInvalid, "note"},
		"an endless note": {refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Amount: one,
			Note: strings.Repeat("x", 1001)}, refgrow.ErrInvalid, "note"},
		"nothing": {refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Amount: money.New(0, "USD"), Note: "x"},
			refgrow.ErrInvalid, "amount"},
		"no amount": {refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Note: "x"}, refgrow.ErrInvalid, "amount"},
		"too much": {refgrow.CreateAdjustmentParams{AffiliateID: jane.ID,
			Amount: money.New(money.MaxMinor+1, "USD"), Note: "x"}, refgrow.ErrInvalid, "amount"},
		"too little": {refgrow.CreateAdjustmentParams{AffiliateID: jane.ID,
			Amount: money.New(-money.MaxMinor-1, "USD"), Note: "x"}, refgrow.ErrInvalid, "amount"},
		"nobody": {refgrow.CreateAdjustmentParams{Amount: one, Note: "x"}, refgrow.ErrInvalid, "affiliate_id"},
		"an unknown affiliate": {refgrow.CreateAdjustmentParams{AffiliateID: 1 << 40, Amount: one, Note: "x"},
			refgrow.ErrNotFound, ""},
	} {
		w.refused(what, errOf(w.shop.CreateAdjustment(ctx, c.params)), c.kind, c.field)
	}
	equal(w, "the count of entries", must(w.shop.CountLedger(ctx, jane.ID)), 0)
	equal(w, "the balance", w.balances(jane.ID), "")
	w.verify()
}
