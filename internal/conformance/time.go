package conformance

import (
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func timeTests() []test {
	return []test{
		{"the end of a hold", holdEnds},
		{"several releases", severalReleases},
		{"as of", asOf},
		{"the clock goes back", clockGoesBack},
		{"an answer is final", finalAnswer},
	}
}

// A commission is held until exactly its availability, and eligible from then on.
func holdEnds(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(30)})
	c := w.purchase(jane.ID, "50.00 USD")
	equal(w, "the availability", c.AvailableAt, w.clock.Now().Add(30*24*time.Hour))
	const held = "USD total 10.00 paid 0.00 eligible 0.00 held 10.00"
	const eligible = "USD total 10.00 paid 0.00 eligible 10.00 held 0.00"
	for _, moment := range []struct {
		off     time.Duration
		balance string
		status  refgrow.ConversionStatus
	}{
		{-30 * 24 * time.Hour, held, refgrow.ConversionHeld},
		{-time.Millisecond, held, refgrow.ConversionHeld},
		{0, eligible, refgrow.ConversionEligible},
		{time.Millisecond, eligible, refgrow.ConversionEligible},
		{-time.Millisecond, held, refgrow.ConversionHeld}, // back again
	} {
		w.clock.Set(c.AvailableAt.Add(moment.off))
		equal(w, "the balance at "+moment.off.String(), w.balances(jane.ID), moment.balance)
		equal(w, "the status at "+moment.off.String(), must(w.shop.GetConversion(w.Context(), c.ID)).Status, moment.status)
		b := must(w.shop.GetAffiliate(w.Context(), jane.ID)).Earnings[0]
		equal(w, "the balance in the affiliate", w.show([]refgrow.Balance{b}), moment.balance)
		if (b.NextRelease != nil) != (moment.status == refgrow.ConversionHeld) ||
			b.NextRelease != nil && !b.NextRelease.Equal(c.AvailableAt) {
			w.Errorf("at %v the next release is %v", moment.off, b.NextRelease)
		}
		w.verify()
	}
	w.clock.Set(c.AvailableAt.Add(time.Hour))
	for off, want := range map[time.Duration]string{-time.Millisecond: held, 0: eligible, time.Millisecond: eligible} {
		equal(w, "the balance as of "+off.String(), w.balances(jane.ID, refgrow.AsOf(c.AvailableAt.Add(off))), want)
	}
}

// Releases are counted whether or not anything is written between them.
func severalReleases(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(10)})
	start := w.clock.Now()
	day := func(n int) time.Time { return start.Add(time.Duration(n) * 24 * time.Hour) }
	for n := range 4 { // available on the days 10 to 13
		w.clock.Set(day(n))
		w.purchase(jane.ID, "5.00 USD")
	}
	for _, c := range []struct {
		day   int
		write bool
		want  string
		next  int // the day of the next release, 0 for none
	}{
		{9, false, "USD total 4.00 paid 0.00 eligible 0.00 held 4.00", 10},
		{10, false, "USD total 4.00 paid 0.00 eligible 1.00 held 3.00", 11},
		{11, true, "USD total 5.00 paid 0.00 eligible 2.00 held 3.00", 12}, // the new one on day 21
		{12, false, "USD total 5.00 paid 0.00 eligible 3.00 held 2.00", 13},
		{14, true, "USD total 6.00 paid 0.00 eligible 4.00 held 2.00", 21}, // and on day 24
		{22, true, "USD total 7.00 paid 0.00 eligible 5.00 held 2.00", 24}, // and on day 32
		{40, false, "USD total 7.00 paid 0.00 eligible 7.00 held 0.00", 0},
	} {
		w.clock.Set(day(c.day))
		if c.write {
			w.purchase(jane.ID, "5.00 USD")
		}
		equal(w, "the balance", w.balances(jane.ID), c.want)
		w.checkLedger("now", jane.ID)
		next := must(w.shop.Earnings(w.Context(), jane.ID))[0].NextRelease
		if (next != nil) != (c.next != 0) || next != nil && !next.Equal(day(c.next)) {
			w.Errorf("on day %d the next release is %v", c.day, next)
		}
		w.verify()
	}
}

// An answer for an instant counts the entries that were stamped before it.
func asOf(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.clock.Advance(time.Hour)
	at := w.clock.Now()
	c := w.purchase(jane.ID, "50.00 USD")
	w.clock.Advance(time.Hour)
	w.update(c, refgrow.UpdateConversionParams{Value: new(money.MustParse("30.00 USD")), Paid: new(true)})
	// A conversion that is entered late counts from when it was entered.
	w.clock.Advance(time.Hour)
	w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("500.00 USD"),
		OccurredAt: at.Add(-time.Hour),
	})
	w.clock.Advance(time.Hour)
	const first = "USD total 10.00 paid 0.00 eligible 10.00 held 0.00"
	const second = "USD total 30.00 paid 30.00 eligible 0.00 held 0.00"
	for off, want := range map[time.Duration]string{
		-365 * 24 * time.Hour: "", 0: "", time.Millisecond: first, time.Hour: first, time.Hour + time.Millisecond: second,
		2 * time.Hour: second, 3 * time.Hour: "USD total 130.00 paid 30.00 eligible 100.00 held 0.00",
	} {
		equal(w, "the balance as of "+off.String(), w.balances(jane.ID, refgrow.AsOf(at.Add(off))), want)
	}
	w.refused("the future", errOf(w.shop.Earnings(ctx, jane.ID, refgrow.AsOf(w.clock.Now().Add(time.Millisecond)))),
		refgrow.ErrInvalid, "as_of")
	w.refused("an unknown affiliate", errOf(w.shop.Earnings(ctx, 1<<40)), refgrow.ErrNotFound, "")
	w.refused("an unknown affiliate's ledger",
		errOf(w.shop.ListLedger(ctx, 1<<40, refgrow.ListLedgerParams{})), refgrow.ErrNotFound, "")
}

// When the clock goes back, stamps do not, and an answer for an instant at which
// entries had been stamped stays true.
func clockGoesBack(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(1)})
	start := w.clock.Now()
	w.purchase(jane.ID, "10.00 USD")
	w.clock.Advance(48 * time.Hour)
	newest := w.clock.Now()
	w.purchase(jane.ID, "20.00 USD")
	before := w.balances(jane.ID, refgrow.AsOf(newest))
	equal(w, "the balance as of then", before, "USD total 2.00 paid 0.00 eligible 2.00 held 0.00")

	w.clock.Set(start.Add(12 * time.Hour))
	equal(w, "the balance of the earlier time", w.balances(jane.ID), "USD total 6.00 paid 0.00 eligible 0.00 held 6.00")
	c := w.purchase(jane.ID, "40.00 USD")
	equal(w, "the conversion's time", c.CreatedAt, w.clock.Now())
	equal(w, "the conversion's availability", c.AvailableAt, w.clock.Now().Add(24*time.Hour))
	equal(w, "the balance with a new one", w.balances(jane.ID), "USD total 14.00 paid 0.00 eligible 0.00 held 14.00")
	w.verify()
	w.clock.Set(start.Add(30 * time.Hour))
	equal(w, "the balance after the first release", w.balances(jane.ID),
		"USD total 14.00 paid 0.00 eligible 2.00 held 12.00")
	w.update(c, refgrow.UpdateConversionParams{Value: new(money.MustParse("9.00 USD"))})
	w.verify()

	entries := must(w.shop.ListLedger(w.Context(), jane.ID, refgrow.ListLedgerParams{})).Items
	for i, e := range entries[1:] {
		if e.CreatedAt.After(entries[i].CreatedAt) {
			w.Errorf("entry %d is stamped %v, entry %d %v", e.ID, e.CreatedAt, entries[i].ID, entries[i].CreatedAt)
		}
	}
	equal(w, "the newest stamp", entries[0].CreatedAt, newest)
	w.clock.Set(newest.Add(72 * time.Hour))
	equal(w, "the balance as of then, asked again", w.balances(jane.ID, refgrow.AsOf(newest)), before)
	equal(w, "the balance in the end", w.balances(jane.ID), "USD total 15.00 paid 0.00 eligible 15.00 held 0.00")
	w.purchase(jane.ID, "5.00 USD")
	equal(w, "the balance with a last one", w.balances(jane.ID), "USD total 16.00 paid 0.00 eligible 15.00 held 1.00")
	w.checkLedger("in the end", jane.ID)
	w.verify()
}

// An answer for an instant after the newest entry also stays true when the clock goes
// back before it and entries are written there.
func finalAnswer(w *world) {
	jane := w.affiliate("jane")
	w.purchase(jane.ID, "10.00 USD")
	w.clock.Advance(time.Hour)
	at := w.clock.Now()
	before := w.balances(jane.ID, refgrow.AsOf(at))
	equal(w, "the balance as of then", before, "USD total 2.00 paid 0.00 eligible 2.00 held 0.00")
	w.clock.Advance(-30 * time.Minute)
	w.purchase(jane.ID, "20.00 USD")
	equal(w, "the balance", w.balances(jane.ID), "USD total 6.00 paid 0.00 eligible 6.00 held 0.00")
	w.clock.Advance(time.Hour)
	equal(w, "the balance as of then, asked again", w.balances(jane.ID, refgrow.AsOf(at)), before)
	w.verify()
}
