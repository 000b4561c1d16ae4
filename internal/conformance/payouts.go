package conformance

import (
	"fmt"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func payoutTests() []test {
	return []test{
		{"a story", payoutStory},
		{"the cut-off", payoutCutoff},
		{"the minimum", payoutMinimum},
		{"currencies", payoutCurrencies},
		{"many affiliates", payMany},
		{"interrupted", interruptedRun},
		{"the largest amounts", payLargest},
	}
}

// A payout reserves what was available and is paid or canceled; what comes later is
// left to the next one.
func payoutStory(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(30)})
	first, second := w.purchase(jane.ID, "100.00 USD"), w.purchase(jane.ID, "50.00 USD")
	w.purchase(joe.ID, "10.00 USD")
	equal(w, "a run while all is held", summary(w.run(refgrow.PayoutRunParams{})), "")
	w.clock.Advance(30 * 24 * time.Hour)
	late := w.purchase(jane.ID, "30.00 USD")
	made := w.run(refgrow.PayoutRunParams{})
	equal(w, "the run", summary(made), "30.00 USD pending, 2.00 USD pending")
	equal(w, "the first", made[0], refgrow.Payout{
		ID: made[0].ID, RunID: made[0].RunID, AffiliateID: jane.ID, Amount: money.MustParse("30.00 USD"), EntryCount: 2,
		Status: refgrow.PayoutPending,
		Cutoff: w.clock.Now(), CreatedAt: w.clock.Now(),
	})
	equal(w, "the account", w.account(jane.ID),
		"total 36.00 paid 0.00 eligible 30.00 held 6.00 reserved 30.00 payable 0.00")
	equal(w, "a second run", summary(w.run(refgrow.PayoutRunParams{})), "")
	equal(w, "the status of what is reserved", must(w.shop.GetConversion(ctx, first.ID)).Status,
		refgrow.ConversionEligible)
	w.checkPayouts()
	w.verify()

	w.clock.Advance(time.Hour)
	canceled := w.cancel(made[0])
	equal(w, "the canceled one", canceled.Status, refgrow.PayoutCanceled)
	equal(w, "when it was canceled", *canceled.CanceledAt, w.clock.Now())
	equal(w, "the account without it", w.account(jane.ID),
		"total 36.00 paid 0.00 eligible 30.00 held 6.00 reserved 0.00 payable 30.00")
	equal(w, "the entries that it had",
		len(collect(w, w.shop.AllPayoutEntries(ctx, made[0].ID, refgrow.ListPayoutEntriesParams{}))), 2)
	again := w.run(refgrow.PayoutRunParams{})
	equal(w, "the run after that", summary(again), "30.00 USD pending")

	w.clock.Advance(time.Hour)
	paid := w.pay(again[0])
	equal(w, "the paid one", paid.Status, refgrow.PayoutPaid)
	equal(w, "its reference", paid.ExternalReference, fmt.Sprint("wire-", paid.ID))
	equal(w, "when it was paid", *paid.PaidAt, w.clock.Now())
	equal(w, "the account after it", w.account(jane.ID),
		"total 36.00 paid 30.00 eligible 0.00 held 6.00 reserved 0.00 payable 0.00")
	for _, c := range []*refgrow.Conversion{first, second, late} {
		got := must(w.shop.GetConversion(ctx, c.ID))
		equal(w, fmt.Sprintf("whether conversion %d is paid", c.ID), got.Paid, c != late)
	}
	equal(w, "the paid conversions", must(w.shop.CountConversions(ctx, refgrow.ListConversionsParams{Paid: new(true)})), 2)
	var settled []string
	for _, e := range collect(w, w.shop.AllLedger(ctx, jane.ID, refgrow.ListLedgerParams{})) {
		if e.PayoutID == paid.ID {
			settled = append(settled, fmt.Sprintf("%s %s of %d", e.Kind, e.Amount.Decimal(), e.ConversionID))
		}
	}
	equal(w, "what it settled", strings.Join(settled, ", "),
		fmt.Sprintf("settlement -10.00 of %d, settlement -20.00 of %d", second.ID, first.ID))
	w.checkPayouts()
	w.verify()
}

// An entry is in a run from exactly its availability on.
func payoutCutoff(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(10)})
	early := w.purchase(jane.ID, "10.00 USD")
	w.clock.Advance(time.Hour)
	late := w.purchase(jane.ID, "20.00 USD")
	w.clock.Advance(20 * 24 * time.Hour)
	preview := func(cutoff time.Time) string {
		return summary(must(w.shop.PreviewPayouts(w.Context(), refgrow.PayoutRunParams{Cutoff: cutoff})))
	}
	for what, c := range map[string]struct {
		cutoff time.Time
		want   string
	}{
		"long before":         {time.Unix(-1, 0), ""},
		"just before":         {early.AvailableAt.Add(-time.Millisecond), ""},
		"just before, nearly": {early.AvailableAt.Add(-time.Nanosecond), ""},
		"at the first":        {early.AvailableAt, "2.00 USD pending"},
		"between":             {late.AvailableAt.Add(-time.Millisecond), "2.00 USD pending"},
		"at the second":       {late.AvailableAt.In(time.FixedZone("", 3600)), "6.00 USD pending"},
		"now":                 {w.clock.Now(), "6.00 USD pending"},
		"by default":          {time.Time{}, "6.00 USD pending"},
	} {
		equal(w, "the payouts "+what, preview(c.cutoff), c.want)
	}
	made := w.run(refgrow.PayoutRunParams{Cutoff: early.AvailableAt})
	equal(w, "the run", summary(made), "2.00 USD pending")
	equal(w, "its cut-off", made[0].Cutoff, early.AvailableAt)
	equal(w, "the account", w.account(jane.ID), "total 6.00 paid 0.00 eligible 6.00 held 0.00 reserved 2.00 payable 4.00")
	w.pay(made[0])
	equal(w, "the rest", w.payNow(refgrow.PayoutRunParams{}), "4.00 USD paid")
	w.refused("the future",
		errOf(w.shop.RunPayouts(w.Context(), refgrow.PayoutRunParams{Cutoff: w.clock.Now().Add(time.Millisecond)})),
		refgrow.ErrInvalid, "cutoff")
	w.checkPayouts()
	w.verify()
}

// An affiliate with less than the minimum waits; a minimum of nothing pays everybody
// who has something.
func payoutMinimum(w *world) {
	jane, joe, idle := w.affiliate("jane"), w.affiliate("joe"), w.affiliate("idle")
	w.set(refgrow.UpdateSettingsParams{MinimumPayout: new(money.MustParse("20.00 USD"))})
	w.purchase(jane.ID, "100.00 USD")
	w.purchase(joe.ID, "99.99 USD")
	w.adjust(idle.ID, "5.00 USD")
	w.adjust(idle.ID, "-5.00 USD")
	for minimum, want := range map[string]string{
		"":           "20.00 USD pending, 20.00 USD pending",
		"0 USD":      "20.00 USD pending, 20.00 USD pending",
		"20.01 USD":  "",
		"1.00 USD":   "20.00 USD pending, 20.00 USD pending",
		"100000 USD": "",
	} {
		params := refgrow.PayoutRunParams{}
		if minimum != "" {
			params.Minimum = money.MustParse(minimum)
		}
		equal(w, "with a minimum of "+minimum, summary(must(w.shop.PreviewPayouts(w.Context(), params))), want)
	}
	w.adjust(joe.ID, "-0.01 USD")
	equal(w, "the run", summary(w.run(refgrow.PayoutRunParams{})), "20.00 USD pending")
	equal(w, "one for all",
		summary(w.run(refgrow.PayoutRunParams{Minimum: money.MustParse("0 USD")})), "19.99 USD pending")
	equal(w, "one for what is left", summary(w.run(refgrow.PayoutRunParams{Minimum: money.MustParse("0 USD")})), "")
	w.checkPayouts()
	w.verify()
}

// Currencies are paid out separately, with the project's minimum in its own only.
func payoutCurrencies(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.set(refgrow.UpdateSettingsParams{MinimumPayout: new(money.MustParse("50.00 USD"))})
	for _, amount := range []string{"20.00 USD", "3.00 EUR", "700 JPY", "1.250 KWD", "-4.00 GBP"} {
		w.adjust(jane.ID, amount)
	}
	w.adjust(joe.ID, "60.00 USD")
	w.adjust(joe.ID, "0.01 EUR")
	for _, c := range []struct {
		currency money.Currency
		want     string
	}{
		{"", "60.00 USD pending"}, {"USD", ""}, {"eur", "3.00 EUR pending, 0.01 EUR pending"}, {"EUR", ""},
		{"JPY", "700 JPY pending"}, {"KWD", "1.250 KWD pending"}, {"GBP", ""}, {"CHF", ""},
	} {
		equal(w, fmt.Sprintf("the run in %q", c.currency),
			summary(w.run(refgrow.PayoutRunParams{Currency: c.currency})), c.want)
	}
	for _, p := range collect(w, w.shop.AllPayouts(ctx, refgrow.ListPayoutsParams{})) {
		w.pay(p)
	}
	equal(w, "the balances", w.balances(jane.ID), "USD total 20.00 paid 0.00 eligible 20.00 held 0.00; "+
		"EUR total 3.00 paid 3.00 eligible 0.00 held 0.00; GBP total -4.00 paid 0.00 eligible -4.00 held 0.00; "+
		"JPY total 700 paid 700 eligible 0 held 0; KWD total 1.250 paid 1.250 eligible 0.000 held 0.000")
	w.refused("a minimum in another",
		errOf(w.shop.RunPayouts(ctx, refgrow.PayoutRunParams{Minimum: money.MustParse("1.00 EUR")})),
		refgrow.ErrInvalid, "minimum")
	w.refused("a minimum below nothing",
		errOf(w.shop.PreviewPayouts(ctx, refgrow.PayoutRunParams{Minimum: money.MustParse("-1.00 USD")})),
		refgrow.ErrInvalid, "minimum")
	w.refused("no currency", errOf(w.shop.RunPayouts(ctx, refgrow.PayoutRunParams{Currency: "XAU"})),
		refgrow.ErrInvalid, "currency")
	w.checkPayouts()
	w.verify()
}

// A run looks at more affiliates than one query returns.
func payMany(w *world) {
	ctx := w.Context()
	const affiliates = 640 // of whom more than 500 have an account
	w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		for n := range affiliates {
			a, err := p.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: fmt.Sprintf("a%d@example.com", n)})
			if err != nil {
				return err
			}
			if n%5 == 0 { // who has nothing
				continue
			}
			if err := errOf(p.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
				AffiliateID: a.ID, Amount: money.New(int64(n), "USD"), Note: "a bonus",
			})); err != nil {
				return err
			}
		}
		made, err := p.RunPayouts(ctx, refgrow.PayoutRunParams{})
		if err != nil {
			return err
		}
		equal(w, "the number of payouts", len(made), affiliates*4/5)
		for i, payout := range made {
			if i > 0 && payout.AffiliateID <= made[i-1].AffiliateID {
				w.Errorf("after affiliate %d comes affiliate %d", made[i-1].AffiliateID, payout.AffiliateID)
			}
		}
		return nil
	}))
	equal(w, "the payouts",
		must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{Status: refgrow.PayoutPending})), affiliates*4/5)
	equal(w, "a second run", len(w.run(refgrow.PayoutRunParams{})), 0)
	w.verify()
}

// A run that breaks off returns what it has made, and the next one makes the rest.
func interruptedRun(w *world) {
	var all []*refgrow.Affiliate
	for _, name := range []string{"ann", "ben", "cid"} {
		a := w.affiliate(name)
		w.purchase(a.ID, "10.00 USD")
		all = append(all, a)
	}
	w.ok(w.exec(fmt.Sprintf(`CREATE TRIGGER stop BEFORE INSERT ON refgrow_payout_entries
		WHEN (SELECT affiliate_id FROM refgrow_payouts WHERE id = NEW.payout_id) = %d
		BEGIN SELECT RAISE(ABORT, 'stop'); END`, all[1].ID)))
	made, err := w.shop.RunPayouts(w.Context(), refgrow.PayoutRunParams{})
	if err == nil || len(made) != 1 || made[0].AffiliateID != all[0].ID {
		w.Errorf("the run made %+v: %v", made, err)
	}
	equal(w, "the payouts", must(w.shop.CountPayouts(w.Context(), refgrow.ListPayoutsParams{})), 1)
	w.checkPayouts()
	w.verify()
	w.ok(w.exec("DROP TRIGGER stop"))
	equal(w, "the next run", summary(w.run(refgrow.PayoutRunParams{})), "2.00 USD pending, 2.00 USD pending")
	w.checkPayouts()
	w.verify()
}

// An entry has a largest amount; a payout, and the file of it, may have more.
func payLargest(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{
		PayoutPreferences: refgrow.Set(refgrow.PayoutPreferences{PayPalEmail: "jane@pay.example.com"}),
	}))
	largest := money.New(money.MaxMinor, "USD")
	for range 3 {
		must(w.shop.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
			AffiliateID: jane.ID, Amount: largest, Note: "a bonus",
		}))
	}
	sale := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: largest, Value: largest,
	})
	made := w.run(refgrow.PayoutRunParams{Minimum: largest})
	equal(w, "the run", summary(made), "360000000000000.00 USD pending")
	equal(w, "the file", string(must(w.shop.ExportPayouts(ctx,
		refgrow.ExportPayoutsParams{Format: refgrow.PayPalFile})).CSV),
		fmt.Sprintf("jane@pay.example.com,360000000000000.00,USD,payout-%d,Affiliate payout %d\n", made[0].ID, made[0].ID))
	w.pay(made[0])
	w.refund(sale, "")
	equal(w, "the account", w.account(jane.ID), "total 270000000000000.00 paid 360000000000000.00 "+
		"eligible -90000000000000.00 held 0.00 reserved 0.00 payable -90000000000000.00")
	w.checkPayouts()
	w.verify()
}
