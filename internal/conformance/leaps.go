package conformance

import (
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func leapTests() []test {
	return []test{
		{"asked at a wrong time", leapOfAQuestion},
		{"rolled at a wrong time", leapOfBalances},
		{"written at a wrong time", leapOfAnEntry},
		{"recorded at a wrong time, earning nothing", leapOfASale},
		{"paid out at a wrong time", leapOfAPayout},
		{"of one project", leapOfOneProject},
	}
}

// asked asks for the earnings as of now.
func (w *world) asked(affiliate int64) refgrow.Balance {
	w.Helper()
	return must(w.shop.Earnings(w.Context(), affiliate, refgrow.AsOf(w.clock.Now())))[0]
}

// noted checks whether a leap is told, and that it is no difference.
func (w *world) noted(what string, leaped bool) {
	w.Helper()
	notes := must(w.engine.Ready(w.Context()))
	report := w.verify()
	equal(w, what+": noted when ready", len(notes) == 1 && strings.Contains(notes[0], "ahead of the clock"), leaped)
	equal(w, what+": noted by Verify", len(report.Notes) == 1 && report.Notes[0].Project == "shop", leaped)
	for _, c := range must(w.engine.Clocks(w.Context())) {
		equal(w, what+": leaped", c.Leaped(), leaped && c.Project == "shop")
	}
}

// A question that was asked while the clock was ahead says until when it closes the
// books; taken back, the entries have their own instants again.
func leapOfAQuestion(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("20"))})
	w.purchase(jane.ID, "100.00 USD")
	right := w.clock.Now()
	w.noted("before", false)
	equal(w, "without a question", must(w.shop.Earnings(ctx, jane.ID))[0].ClosedUntil, time.Time{})

	wrong := right.AddDate(0, 6, 0)
	w.clock.Set(wrong)
	equal(w, "until when it is closed", w.asked(jane.ID).ClosedUntil, wrong)
	w.noted("while it is ahead", false)
	w.clock.Set(right.Add(2 * time.Minute))
	w.noted("afterwards", true)
	w.purchase(jane.ID, "100.00 USD")
	w.refused("a reset after an entry of then", errOf(w.engine.ResetStamp(ctx, w.shop)), refgrow.ErrConflict, "")
	w.clock.Set(wrong)
	w.noted("when the clock has come there", false)

	// Once more, with nothing written meanwhile.
	later := wrong.AddDate(1, 0, 0)
	w.clock.Set(later)
	w.asked(jane.ID)
	w.clock.Set(wrong.Add(time.Hour))
	w.noted("once more", true)
	reset := refgrow.StampReset{From: later, To: wrong, At: w.clock.Now()}
	equal(w, "what opens again", must(w.engine.ResetStamp(ctx, w.shop)), reset)
	w.noted("after the reset", false)
	again := refgrow.StampReset{From: wrong, To: wrong, At: w.clock.Now()}
	equal(w, "a second reset", must(w.engine.ResetStamp(ctx, w.shop)), again)
	equal(w, "the log of resets", must(w.engine.StampResets(ctx, w.shop)), []refgrow.StampReset{reset})
	w.purchase(jane.ID, "100.00 USD")
	w.clock.Advance(time.Millisecond)
	equal(w, "the total as of now", w.asked(jane.ID).Total, money.MustParse("60.00 USD"))
	entry := must(w.shop.ListLedger(ctx, jane.ID, refgrow.ListLedgerParams{Limit: 1})).Items[0]
	equal(w, "the stamp of the new entry", entry.CreatedAt, wrong.Add(time.Hour))

	// A few minutes are set right all the time.
	w.clock.Advance(2 * time.Minute)
	w.asked(jane.ID)
	w.clock.Advance(-2 * time.Minute)
	w.noted("two minutes", false)
	same := must(w.engine.ResetStamp(ctx, w.shop))
	equal(w, "the stamp before a reset of two minutes", same.From, w.clock.Now().Add(2*time.Minute))
	equal(w, "the stamp after it", same.To, same.From)
	w.clock.Advance(-time.Millisecond)
	w.noted("more than two minutes", true)
	equal(w, "a reset of more", must(w.engine.ResetStamp(ctx, w.shop)).To, entry.CreatedAt)
	w.verify()
}

// Balances that were rolled forward while the clock was ahead are put back.
func leapOfBalances(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("20")), HoldDays: new(30)})
	w.purchase(jane.ID, "100.00 USD")
	w.purchase(joe.ID, "200.00 USD")
	right := w.clock.Now()
	before := [2]string{w.account(jane.ID), w.account(joe.ID)}
	w.clock.Set(right.AddDate(0, 6, 0))
	w.ok(w.engine.Upkeep(ctx))
	equal(w, "the account by then", w.account(jane.ID),
		"total 20.00 paid 0.00 eligible 20.00 held 0.00 reserved 0.00 payable 20.00")
	w.clock.Set(right.Add(time.Hour))
	equal(w, "the accounts when the clock is right", [2]string{w.account(jane.ID), w.account(joe.ID)}, before)
	must(w.engine.ResetStamp(ctx, w.shop))
	equal(w, "the accounts after the reset", [2]string{w.account(jane.ID), w.account(joe.ID)}, before)
	w.verify()
	// What is held from now on is released when it is due.
	w.clock.Advance(24 * time.Hour)
	w.purchase(jane.ID, "50.00 USD")
	w.clock.Advance(29*24*time.Hour - time.Hour)
	equal(w, "the account after the first hold", w.account(jane.ID),
		"total 30.00 paid 0.00 eligible 20.00 held 10.00 reserved 0.00 payable 20.00")
	w.clock.Advance(24 * time.Hour)
	w.ok(w.engine.Upkeep(ctx))
	w.clock.Advance(time.Hour)
	equal(w, "the account after the second", w.account(jane.ID),
		"total 30.00 paid 0.00 eligible 30.00 held 0.00 reserved 0.00 payable 30.00")
	w.verify()
}

// An entry that is itself ahead stays, and the reset says which one it is.
func leapOfAnEntry(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	right := w.clock.Now()
	w.clock.Set(right.AddDate(11, 0, 0))
	bonus := w.adjust(jane.ID, "5.00 USD")
	w.clock.Set(right)
	w.noted("afterwards", true)
	w.inTheWayOf("a reset", errOf(w.engine.ResetStamp(ctx, w.shop)), "", bonus.ID)
	w.noted("after a refused reset", true)
	equal(w, "the stamp of another one", w.adjust(jane.ID, "1.00 USD").CreatedAt, bonus.CreatedAt)
	w.verify()
}

// A sale that nobody earns from does not hold a reset up. Credited later, it brings an
// entry before its own time, which is held until then.
func leapOfASale(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	bonus := w.adjust(jane.ID, "5.00 USD")
	right := w.clock.Now().Add(time.Hour)
	w.clock.Set(right.AddDate(0, 6, 0))
	lost := w.purchase(0, "100.00 USD")
	w.clock.Set(right)
	w.noted("afterwards", true)
	reset := must(w.engine.ResetStamp(ctx, w.shop))
	equal(w, "the stamp before", reset.From, lost.CreatedAt)
	equal(w, "the stamp after", reset.To, bonus.CreatedAt)
	w.noted("after the reset", false)
	w.update(lost, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
	entry := must(w.shop.ListLedger(ctx, jane.ID, refgrow.ListLedgerParams{Limit: 1})).Items[0]
	equal(w, "the stamp of the commission", entry.CreatedAt, right)
	equal(w, "when it is available", entry.AvailableAt, lost.CreatedAt)
	equal(w, "the account", w.account(jane.ID),
		"total 25.00 paid 0.00 eligible 5.00 held 20.00 reserved 0.00 payable 5.00")
	w.noted("after it was credited", false)
}

// What a payout has reserved, paid or canceled goes by the order of stamps, too.
func leapOfAPayout(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.adjust(jane.ID, "5.00 USD")
	right := w.clock.Now()
	wrong := right.AddDate(0, 6, 0)
	w.clock.Set(wrong)
	payout := w.run(refgrow.PayoutRunParams{})[0]
	w.clock.Set(wrong.Add(24 * time.Hour))
	w.asked(jane.ID)
	w.clock.Set(right)
	w.inTheWayOf("a reset", errOf(w.engine.ResetStamp(ctx, w.shop)), "", payout.ID)
	w.clock.Set(wrong)
	equal(w, "the stamp after", must(w.engine.ResetStamp(ctx, w.shop)).To, wrong)
	w.clock.Set(wrong.Add(time.Hour))
	canceled := must(w.shop.CancelPayout(ctx, payout.ID))
	w.asked(jane.ID)
	w.clock.Set(right)
	w.inTheWayOf("a reset after it was canceled", errOf(w.engine.ResetStamp(ctx, w.shop)), "", payout.ID)
	w.noted("after both", true)
	w.clock.Set(wrong.Add(48 * time.Hour))
	w.asked(jane.ID)
	w.clock.Set(wrong.Add(2 * time.Hour))
	equal(w, "the stamp after it was canceled", must(w.engine.ResetStamp(ctx, w.shop)).To, *canceled.CanceledAt)
	w.noted("at last", false)
}

// Each project has a clock of its own.
func leapOfOneProject(w *world) {
	ctx := w.Context()
	other := must(w.engine.CreateProject(ctx, "other", refgrow.Settings{}))
	jane := w.affiliate("jane")
	bonus := w.adjust(jane.ID, "5.00 USD")
	right := w.clock.Now()
	w.clock.Set(right.AddDate(0, 6, 0))
	w.asked(jane.ID)
	joe := must(other.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "joe@example.com"}))
	theirs := must(other.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
		AffiliateID: joe.ID, Amount: money.MustParse("1.00 USD"), Note: "ahead",
	}))
	w.clock.Set(right)
	notes := must(w.engine.Ready(ctx))
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "in 2 of the projects ") || strings.Contains(notes[0], "shop") {
		w.Errorf("when ready it is noted: %q", notes)
	}
	equal(w, "the notes of Verify", len(w.verify().Notes), 2)
	equal(w, "the stamp after", must(w.engine.ResetStamp(ctx, w.shop)).To, bonus.CreatedAt)
	w.inTheWayOf("a reset of the other one", errOf(w.engine.ResetStamp(ctx, other)), "", theirs.ID)
	equal(w, "their log of resets", len(must(w.engine.StampResets(ctx, other))), 0)
	for _, c := range must(w.engine.Clocks(ctx)) {
		equal(w, c.Project+": leaped", c.Leaped(), c.Project == "other")
	}
	w.refused("a reset of no project", errOf(w.engine.ResetStamp(ctx, nil)), refgrow.ErrInvalid, "project")
	w.refused("the log of no project", errOf(w.engine.StampResets(ctx, nil)), refgrow.ErrInvalid, "project")
	w.refused("a reset of nothing", errOf(w.engine.ResetStamp(ctx, new(refgrow.Project))), refgrow.ErrInvalid, "project")
}
