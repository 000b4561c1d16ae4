package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// visited gives an affiliate a signup on each of that many days, in two currencies, and
// that many clicks today.
func (w *world) visited(affiliate *refgrow.Affiliate, days, clicks int) {
	w.Helper()
	ctx, end := w.Context(), w.clock.Now()
	w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		for n := range days {
			at := end.AddDate(0, 0, -n)
			currency := money.Currency([]string{"USD", "EUR"}[n%2])
			if err := errOf(p.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Signup, AffiliateID: affiliate.ID, Value: money.New(100, currency), OccurredAt: at,
			})); err != nil {
				return err
			}
		}
		for part := range slices.Chunk(visits(affiliate.ReferralCode, clicks), refgrow.MaxClicks) {
			if err := errOf(p.RecordClicks(ctx, part)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// An affiliate's days go with it, and the project's shrink by them.
func daysAfterDeletion(w *world) {
	ctx := w.Context()
	joe := w.affiliate("joe")
	w.clicked(visit("JOE", "203.0.113.7"), visit("JOE", "203.0.113.8"))
	sale := w.purchase(joe.ID, "10.00 USD")
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup})
	const joes, whole = "15: 2 0 1 [2.00 USD]", "15: 2 1 1 [2.00 USD]"
	jane, ann := w.affiliate("jane"), w.affiliate("ann")
	w.visited(jane, many, 3)
	w.visited(ann, 3, 2*many)
	w.clock.Advance(24 * time.Hour)
	moved := w.purchase(jane.ID, "10.00 USD")
	w.update(moved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	must(w.shop.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{}))
	for _, leaving := range []int64{jane.ID, ann.ID} {
		w.ok(w.shop.DeleteAffiliate(ctx, leaving))
		w.gone(leaving)
		for _, table := range []string{"clicks", "affiliate_days"} {
			equal(w, "the rows left in "+table,
				value[int](w, "SELECT COUNT(*) FROM refgrow_"+table+" WHERE affiliate_id = ?1", leaving), 0)
		}
	}
	equal(w, "the other's days", w.days(joe.ID), joes+"; 16: 0 0 1 []")
	equal(w, "the project's days", w.days(0), whole+"; 16: 0 0 1 []")
	equal(w, "all clicks", value[int](w, "SELECT SUM(clicks) FROM refgrow_project_days"), 2)
	equal(w, "all signups", value[int](w, "SELECT SUM(signups) FROM refgrow_project_days"), 1)
	w.refused("its days",
		errOf(w.shop.Statistics(ctx, refgrow.StatisticsParams{AffiliateID: jane.ID})), refgrow.ErrNotFound, "")
	equal(w, "a click by its code", w.clicked(visit("JANE", "")), ignored(1))
	w.verify()
}

// A deletion that stops at its clicks or days is finished later, with nothing wrong
// meanwhile, and nothing counts for a hidden affiliate.
func daysMeanwhile(w *world) {
	ctx := w.Context()
	joe := w.affiliate("joe")
	w.clicked(visit("JOE", ""))
	w.purchase(joe.ID, "10.00 USD")
	const joes = "15: 1 0 1 [2.00 USD]"
	for what, trigger := range map[string]string{
		"before its conversions": "BEFORE DELETE ON refgrow_conversions",
		"before its clicks":      "BEFORE DELETE ON refgrow_clicks",
		"after some of the clicks": "BEFORE DELETE ON refgrow_clicks " +
			fmt.Sprintf("WHEN (SELECT COUNT(*) FROM refgrow_clicks) <= %d", 2*many-500),
		"before its days": "BEFORE DELETE ON refgrow_affiliate_days",
		"after some of the days": "BEFORE DELETE ON refgrow_affiliate_days " +
			"WHEN (SELECT COUNT(*) FROM refgrow_affiliate_days) <= 10",
		"before the affiliate itself": "BEFORE DELETE ON refgrow_affiliates",
	} {
		jane, days := w.another("jane"), edited
		if strings.Contains(what, "some") {
			days = many
		}
		w.visited(jane, days, 2*days)
		must(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("5.00 USD"),
		}))
		resume := w.interrupt(jane.ID, trigger)
		for _, d := range must(w.engine.Verify(ctx)).Differences {
			w.Errorf("stopped %s, Verify reports %v", what, d)
		}
		equal(w, "a click by its code, stopped "+what, w.clicked(visit(jane.ReferralCode, "")), ignored(1))
		w.refused("its days, stopped "+what,
			errOf(w.shop.Statistics(ctx, refgrow.StatisticsParams{AffiliateID: jane.ID})), refgrow.ErrNotFound, "")
		equal(w, "the other's days, stopped "+what, w.days(joe.ID), joes)
		resume()
		w.ok(must(refgrow.New(ctx, w.Store, refgrow.Config{Now: w.clock.Now})).Close(ctx))
		w.gone(jane.ID)
		equal(w, "the project's days, stopped "+what, w.days(0), joes)
		w.verify()
	}
}

// What all accounts earn on a day may exceed the largest amount: the books go on, and
// the day says so.
func hugeDays(w *world) {
	ctx := w.Context()
	most := money.New(money.MaxMinor, money.USD)
	const full = money.MaxBalance / money.MaxMinor
	var last *refgrow.Affiliate
	for _, name := range []string{"ann", "bob"} {
		last = w.affiliate(name)
		w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
			for range full {
				if err := errOf(p.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
					AffiliateID: last.ID, Amount: most, Note: "prize",
				})); err != nil {
					return err
				}
			}
			return nil
		}))
		equal(w, "the day of "+name, w.days(last.ID), "15: 0 0 0 [90000000000000000.00 USD]")
		w.verify()
	}
	w.refused("the project's day", errOf(w.shop.Statistics(ctx, refgrow.StatisticsParams{})), refgrow.ErrConflict, "")
	w.ok(w.shop.DeleteAffiliate(ctx, last.ID))
	equal(w, "the project's day without the one", w.days(0), "15: 0 0 0 [90000000000000000.00 USD]")
	w.verify()
}

// Conversions and clicks that are committed together are added up on one day.
func daysAtOnce(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	for _, err := range race(func(racer int) error {
		for n := range 4 {
			if err := errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("10.00 USD"),
				Reference: fmt.Sprint(racer, "-", n),
			})); err != nil {
				return err
			}
			if err := errOf(w.shop.RecordClicks(ctx, []refgrow.Click{visit(jane.ReferralCode, "")})); err != nil {
				return err
			}
			// A taken reference is refused after the same has been counted.
			if errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Signup, AffiliateID: jane.ID, Reference: fmt.Sprint(racer, "-", n),
			})) == nil {
				w.Error("a reference was accepted twice")
			}
		}
		return nil
	}) {
		w.ok(err)
	}
	want := fmt.Sprintf("15: %d 0 %d [%d.00 USD]", 4*racers, 4*racers, 8*racers)
	equal(w, "the days", w.days(jane.ID), want)
	equal(w, "the project's days", w.days(0), want)
	w.verify()
}
