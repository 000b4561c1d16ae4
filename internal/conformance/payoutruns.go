package conformance

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func payoutRunTests() []test {
	return []test{
		{"for some, without some", payoutsForSome},
		{"as objects", runsAsObjects},
		{"a key", keyedRun},
		{"a key in a transaction", keyedRunUndone},
		{"twins with one key", twinRuns},
		{"many at once", manyPayouts},
		{"twins with many", twinPayments},
		{"returned", returnedPayout},
		{"a refund before the return", returnedAfterARefund},
	}
}

// keyed is a run with a key.
func keyed(key string) refgrow.PayoutRunParams {
	return refgrow.PayoutRunParams{Idempotency: refgrow.Idempotency{Caller: "key 1", Key: key, Request: []byte("POST")}}
}

// makeRun makes a run, and returns it as text: the payouts, then who is left out.
func (w *world) makeRun(params refgrow.PayoutRunParams) (*refgrow.PayoutRunResult, string) {
	w.Helper()
	result := must(w.shop.PayoutRuns().Make(w.Context(), params))
	return result, runText(result)
}

func runText(result *refgrow.PayoutRunResult) string {
	var all []string
	for _, p := range result.Payouts {
		all = append(all, fmt.Sprintf("%d: %v %s", p.AffiliateID, p.Amount, p.Status))
	}
	for _, l := range result.LeftOut {
		all = append(all, fmt.Sprintf("%d: %v %s", l.AffiliateID, l.Amount, l.Reason))
	}
	return strings.Join(all, ", ")
}

// reportText is a report as text.
func (w *world) reportText(report *refgrow.PayoutReport) string {
	w.Helper()
	result := &refgrow.PayoutRunResult{}
	for payout, err := range report.AllPayouts(w.Context()) {
		w.ok(err)
		result.Payouts = append(result.Payouts, payout.Payout)
	}
	for left, err := range report.AllLeftOut() {
		w.ok(err)
		result.LeftOut = append(result.LeftOut, left)
	}
	return runText(result)
}

// A run is for some affiliates or without some, and says whom it leaves out, and why.
func payoutsForSome(w *world) {
	ctx := w.Context()
	var id []int64
	for i, amount := range []string{"1.00 USD", "2.00 USD", "-3.00 USD", "4.00 USD", "5.00 USD"} {
		id = append(id, w.affiliate(fmt.Sprint("aff-", i)).ID)
		w.adjust(id[i], amount)
	}
	must(w.shop.UpdateAffiliate(ctx, id[3], refgrow.UpdateAffiliateParams{PayoutsPaused: new(true)}))
	must(w.shop.UpdateAffiliate(ctx, id[0], refgrow.UpdateAffiliateParams{
		PayoutPreferences: refgrow.Set(refgrow.PayoutPreferences{PayPalEmail: "a@pay.example.com"}),
	}))
	// Whoever is excluded is that first, and whoever is paused is that before all else.
	leastOf2 := money.MustParse("2.00 USD")
	for _, c := range []struct {
		params refgrow.PayoutRunParams
		want   string
	}{
		{refgrow.PayoutRunParams{Minimum: leastOf2, AffiliateIDs: id[:4], DetailsOnly: true},
			"1: 1.00 USD below_minimum, 2: 2.00 USD no_details, 3: -3.00 USD negative, 4: 4.00 USD paused"},
		{refgrow.PayoutRunParams{Without: id}, "1: 1.00 USD excluded, 2: 2.00 USD excluded, " +
			"3: -3.00 USD excluded, 4: 4.00 USD excluded, 5: 5.00 USD excluded"},
		{refgrow.PayoutRunParams{AffiliateIDs: []int64{id[4], id[1]}, Without: id[4:]},
			"2: 2.00 USD pending, 5: 5.00 USD excluded"},
		{refgrow.PayoutRunParams{DetailsOnly: true},
			"1: 1.00 USD pending, 2: 2.00 USD no_details, 3: -3.00 USD negative, 4: 4.00 USD paused, 5: 5.00 USD no_details"},
	} {
		preview := must(w.shop.PayoutRuns().Preview(ctx, c.params))
		equal(w, "the preview", runText(preview), c.want)
	}
	report := must(w.shop.PayoutRuns().PreviewReport(ctx, refgrow.PayoutRunParams{DetailsOnly: true}))
	equal(w, "the preview's report", w.reportText(report),
		"1: 1.00 USD pending, 2: 2.00 USD no_details, 3: -3.00 USD negative, 4: 4.00 USD paused, 5: 5.00 USD no_details")
	report = must(w.shop.PayoutRuns().MakeReport(ctx, refgrow.PayoutRunParams{AffiliateIDs: id[4:]}))
	equal(w, "the report of a run", w.reportText(report), "5: 5.00 USD pending")
	equal(w, "the run of the report", report.Run.Count, 1)
	_, made := w.makeRun(refgrow.PayoutRunParams{AffiliateIDs: id[1:3]})
	equal(w, "the run for two", made, "2: 2.00 USD pending, 3: -3.00 USD negative")
	for field, params := range map[string]refgrow.PayoutRunParams{
		"affiliate_ids": {AffiliateIDs: []int64{id[0], 99}}, "without": {Without: []int64{99}},
	} {
		w.refused("an unknown affiliate", errOf(w.shop.PayoutRuns().Make(ctx, params)), refgrow.ErrNotFound, field)
	}
	must(w.shop.UpdateAffiliate(ctx, id[3], refgrow.UpdateAffiliateParams{PayoutsPaused: new(false)}))
	w.checkPayouts()
	w.verify()
}

// A run is kept with its first payout, and says what all of them come to.
func runsAsObjects(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	nothing, _ := w.makeRun(refgrow.PayoutRunParams{})
	equal(w, "a run that makes nothing", nothing.Run, nil)
	w.adjust(jane.ID, "10.00 USD")
	w.adjust(joe.ID, "20.00 USD")
	made, _ := w.makeRun(refgrow.PayoutRunParams{Minimum: money.MustParse("5.00 USD"), By: "an owner"})
	want := refgrow.PayoutRun{
		ID: made.Run.ID, CreatedAt: w.clock.Now(), Cutoff: w.clock.Now(), By: "an owner", Currency: money.USD,
		Minimum: money.MustParse("5.00 USD"), Count: 2, Total: money.MustParse("30.00 USD"),
	}
	equal(w, "the run", *made.Run, want)
	w.cancel(made.Payouts[0])
	w.clock.Advance(time.Hour)
	w.adjust(joe.ID, "1.00 USD")
	cutoff := w.clock.Now().Add(-time.Minute)
	second, text := w.makeRun(refgrow.PayoutRunParams{Cutoff: cutoff})
	equal(w, "the second run", text, "1: 10.00 USD pending")
	equal(w, "the second run as it is kept", *must(w.shop.PayoutRuns().Get(ctx, second.Run.ID)), refgrow.PayoutRun{
		ID: second.Run.ID, CreatedAt: w.clock.Now(), Cutoff: cutoff, Currency: money.USD, Minimum: money.New(0, money.USD),
		Count: 1, Total: money.MustParse("10.00 USD"),
	})
	equal(w, "the first run, whatever became of its payouts", *must(w.shop.PayoutRuns().Get(ctx, want.ID)), want)
	list := collect(w, w.shop.PayoutRuns().All(ctx, refgrow.ListPayoutRunsParams{Limit: 1}))
	w.sameIDs("the runs", ids(list, func(r *refgrow.PayoutRun) int64 { return r.ID }), []int64{second.Run.ID, want.ID})
	equal(w, "their number", must(w.shop.PayoutRuns().Count(ctx)), 2)
	of := refgrow.ListPayoutsParams{RunID: want.ID}
	payouts := collect(w, w.shop.AllPayouts(ctx, of))
	w.sameIDs("its payouts", ids(payouts, func(p *refgrow.Payout) int64 { return p.ID }),
		[]int64{made.Payouts[1].ID, made.Payouts[0].ID})
	of.Status, of.AffiliateID = refgrow.PayoutCanceled, jane.ID
	equal(w, "the canceled one", must(w.shop.CountPayouts(ctx, of)), 1)
	stranger := w.shopOf("stranger")
	w.refused("another project's run", errOf(stranger.PayoutRuns().Get(ctx, want.ID)), refgrow.ErrNotFound, "")
	equal(w, "another project's runs", must(stranger.PayoutRuns().Count(ctx)), 0)
	w.refused("no run", errOf(w.shop.PayoutRuns().Get(ctx, 99)), refgrow.ErrNotFound, "")
	w.checkPayouts()
	w.verify()
}

// A run with a key goes on where it was interrupted, with what it was begun with, and
// answers with its payouts as they are now.
func keyedRun(w *world) {
	ctx := w.Context()
	all := w.earners(4)
	w.ok(w.exec(fmt.Sprintf(`CREATE TRIGGER stop BEFORE INSERT ON refgrow_payouts WHEN NEW.affiliate_id = %d
		BEGIN SELECT RAISE(ABORT, 'stop'); END`, all[2].ID)))
	part, err := w.shop.PayoutRuns().Make(ctx, keyed("november"))
	if err == nil || runText(part) != "1: 4.00 USD pending, 2: 4.00 USD pending" {
		w.Errorf("the interrupted run made %s: %v", runText(part), err)
	}
	w.ok(w.exec("DROP TRIGGER stop"))
	w.cancel(part.Payouts[0])
	w.clock.Advance(time.Hour)
	for _, a := range all {
		w.adjust(a.ID, "1.00 USD")
	}
	const want = "1: 4.00 USD canceled, 2: 4.00 USD pending, 3: 4.00 USD pending, 4: 4.00 USD pending"
	for _, replayed := range []bool{false, true, true} {
		again, text := w.makeRun(keyed("november"))
		equal(w, "the run", text, want)
		equal(w, "replayed", again.Replayed, replayed)
		equal(w, "its payouts and total", fmt.Sprint(again.Run.Count, again.Run.Total), "4 16.00 USD")
		w.clock.Advance(48 * time.Hour)
	}
	other := keyed("november")
	other.Minimum = money.MustParse("1.00 USD")
	w.refused("the key for another run",
		errOf(w.shop.PayoutRuns().Make(ctx, other)), refgrow.ErrConflict, "Idempotency-Key")
	_, _, err = w.shop.Once(other.Idempotency).Do(ctx, func(*refgrow.Project) (refgrow.Answer, error) {
		return refgrow.Answer{Status: 201}, nil
	})
	w.refused("the key for another call", err, refgrow.ErrConflict, "Idempotency-Key")
	// One that makes nothing is kept too, and stays one that makes nothing.
	none := keyed("december")
	none.Minimum = money.MustParse("500.00 USD")
	first, _ := w.makeRun(none)
	equal(w, "whether a run of nobody is a repetition", first.Replayed, false)
	w.adjust(all[0].ID, "1000.00 USD")
	second, text := w.makeRun(none)
	equal(w, "the run of nobody", [3]any{*second.Run, second.Replayed, text}, [3]any{*first.Run, true, "2: 1.00 USD " +
		"below_minimum, 3: 1.00 USD below_minimum, 4: 1.00 USD below_minimum"})
	w.checkPayouts()
	w.verify()
}

// What a run with a key did in a transaction that failed did not happen, and the key is
// free.
func keyedRunUndone(w *world) {
	ctx := w.Context()
	w.earners(2)
	err := w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		result, err := p.PayoutRuns().Make(ctx, keyed("k"))
		equal(w, "the run inside", runText(result), "1: 4.00 USD pending, 2: 4.00 USD pending")
		return errors.Join(err, errUndo)
	})
	if !errors.Is(err, errUndo) {
		w.Error(err)
	}
	equal(w, "the runs after a failure", must(w.shop.PayoutRuns().Count(ctx)), 0)
	w.clock.Advance(time.Hour)
	made, text := w.makeRun(keyed("k"))
	equal(w, "the run", text, "1: 4.00 USD pending, 2: 4.00 USD pending")
	equal(w, "replayed", made.Replayed, false)
	equal(w, "the cut-off", made.Run.Cutoff, w.clock.Now())
	w.checkPayouts()
	w.verify()
}

// Engines that know nothing of each other make a run with one key together.
func twinRuns(w *world) {
	const affiliates = 6
	w.earners(affiliates)
	shops, end := w.engines()
	defer end()
	for _, err := range race(func(racer int) error {
		return patient(func() error {
			result, err := shops[racer%len(shops)].PayoutRuns().Make(w.Context(), keyed("twins"))
			if err == nil {
				equal(w, "the payouts that a twin sees", len(result.Payouts), affiliates)
			}
			return err
		})
	}) {
		w.ok(err)
	}
	equal(w, "the runs", must(w.shop.PayoutRuns().Count(w.Context())), 1)
	equal(w, "the payouts", must(w.shop.CountPayouts(w.Context(), refgrow.ListPayoutsParams{})), affiliates)
	w.checkPayouts()
	w.verify()
}

func results(w *world, list []refgrow.PayoutResult, replayed bool, err error) string {
	w.Helper()
	w.ok(err)
	var all []string
	for _, r := range list {
		code := refgrow.Code("")
		if r.Err != nil {
			code = r.Err.Code
		}
		all = append(all, fmt.Sprintf("%d %s%s", r.ID, r.Status, code))
	}
	return fmt.Sprintf("%s, replayed %t", strings.Join(all, ", "), replayed)
}

// Many payouts are paid or canceled in one call, each judged alone. With its key the call
// is repeated as often as anybody likes.
func manyPayouts(w *world) {
	ctx := w.Context()
	w.earners(5)
	made := w.run(refgrow.PayoutRunParams{})
	w.cancel(made[1])
	params := refgrow.PayPayoutsParams{Idempotency: keyed("pay").Idempotency}
	for _, id := range []int64{made[2].ID, made[1].ID, 99, made[0].ID} {
		params.Payouts = append(params.Payouts, refgrow.PayoutPayment{ID: id, ExternalReference: fmt.Sprint("wire-", id)})
	}
	for _, replayed := range []bool{false, true} {
		list, again, err := w.shop.PayPayouts(ctx, params)
		equal(w, "the payments", results(w, list, again, err),
			fmt.Sprintf("3 paid, 2 conflict, 99 not_found, 1 paid, replayed %t", replayed))
	}
	// The key is kept as long as the payouts, and stays theirs.
	for range 2 {
		_, _, err := w.shop.Once(params.Idempotency).Do(ctx, func(*refgrow.Project) (refgrow.Answer, error) {
			return refgrow.Answer{Status: 201}, nil
		})
		w.refused("the key for another call", err, refgrow.ErrConflict, "Idempotency-Key")
		w.clock.Advance(48 * time.Hour)
	}
	// Without a key it is as it should be where the reference is the same.
	params.Idempotency = refgrow.Idempotency{}
	params.Payouts[0].ExternalReference = "another"
	list, again, err := w.shop.PayPayouts(ctx, params)
	equal(w, "the payments again", results(w, list, again, err),
		"3 conflict, 2 conflict, 99 not_found, 1 paid, replayed false")
	cancel := refgrow.CancelPayoutsParams{IDs: []int64{made[3].ID, made[0].ID, made[1].ID}}
	list, again, err = w.shop.CancelPayouts(ctx, cancel)
	equal(w, "the cancellations", results(w, list, again, err), "4 canceled, 1 conflict, 2 canceled, replayed false")
	cancel.Idempotency = keyed("pay").Idempotency
	cancel.Idempotency.Request = []byte("cancel")
	_, _, err = w.shop.CancelPayouts(ctx, cancel)
	w.refused("the key for something else", err, refgrow.ErrConflict, "Idempotency-Key")
	equal(w, "the first account", w.account(1), "total 4.00 paid 4.00 eligible 0.00 held 0.00 reserved 0.00 payable 0.00")
	equal(w, "the fourth account", w.account(4), "total 4.00 paid 0.00 eligible 4.00 held 0.00 reserved 0.00 payable 4.00")
	w.checkPayouts()
	w.verify()
}

// Engines that know nothing of each other pay many payouts with one key together, and all
// say the same of them.
func twinPayments(w *world) {
	w.earners(6)
	params := refgrow.PayPayoutsParams{Idempotency: keyed("pay").Idempotency}
	made := w.run(refgrow.PayoutRunParams{})
	w.cancel(made[2])
	w.cancel(made[5])
	for _, p := range made {
		params.Payouts = append(params.Payouts, refgrow.PayoutPayment{ID: p.ID, ExternalReference: "a wire"})
	}
	shops, end := w.engines()
	defer end()
	var mu sync.Mutex
	payers := 0
	for _, err := range race(func(racer int) error {
		return patient(func() error {
			list, replayed, err := shops[racer%len(shops)].PayPayouts(w.Context(), params)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			if !replayed {
				payers++
			}
			equal(w, "what a twin sees", results(w, list, false, nil),
				"1 paid, 2 paid, 3 conflict, 4 paid, 5 paid, 6 conflict, replayed false")
			return nil
		})
	}) {
		w.ok(err)
	}
	if payers < 1 || payers > len(shops) {
		w.Errorf("%d calls say that they paid", payers)
	}
	w.checkPayouts()
	w.verify()
}

// A payment that came back is paid by the next run whose cut-off is not before the return.
func returnedPayout(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	sale := w.purchase(jane.ID, "10.00 USD")
	w.adjust(jane.ID, "3.00 USD")
	payout := w.run(refgrow.PayoutRunParams{})[0]
	back := func(note string) (*refgrow.Payout, error) {
		return w.shop.ReturnPayout(ctx, payout.ID, refgrow.ReturnPayoutParams{Note: note})
	}
	w.refused("a pending one", errOf(back("unclaimed")), refgrow.ErrConflict, "")
	w.pay(payout)
	equal(w, "paid", must(w.shop.GetConversion(ctx, sale.ID)).Paid, true)
	w.refused("no note", errOf(back("")), refgrow.ErrInvalid, "note")
	before := w.clock.Now()
	w.clock.Advance(time.Hour)
	returned := must(back("unclaimed"))
	equal(w, "what is noted", fmt.Sprint(returned.Status, " ", returned.ReturnNote, " ", returned.ReturnedAt.Sub(before)),
		"returned unclaimed 1h0m0s")
	w.refused("again", errOf(back("unclaimed")), refgrow.ErrConflict, "")
	w.refused("canceled", errOf(w.shop.CancelPayout(ctx, payout.ID)), refgrow.ErrConflict, "")
	equal(w, "paid after the return", must(w.shop.GetConversion(ctx, sale.ID)).Paid, false)
	equal(w, "the account", w.account(jane.ID), "total 5.00 paid 0.00 eligible 5.00 held 0.00 reserved 0.00 payable 5.00")
	equal(w, "the account as of before", w.account(jane.ID, refgrow.AsOf(w.clock.Now())),
		"total 5.00 paid 5.00 eligible 0.00 held 0.00 reserved 0.00 payable 0.00")
	equal(w, "a run with a cut-off before the return", summary(w.run(refgrow.PayoutRunParams{Cutoff: before})), "")
	equal(w, "the next run", w.payNow(refgrow.PayoutRunParams{}), "5.00 USD paid")
	equal(w, "paid again", must(w.shop.GetConversion(ctx, sale.ID)).Paid, true)
	equal(w, "the entries that the returned one has",
		len(collect(w, w.shop.AllPayoutEntries(ctx, payout.ID, refgrow.ListPayoutEntriesParams{}))), 2)
	w.checkPayouts()
	w.verify()
}

// A refund after the payment is a debt, which a return ends.
func returnedAfterARefund(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	sale := w.purchase(jane.ID, "10.00 USD")
	w.purchase(jane.ID, "20.00 USD")
	payout := w.run(refgrow.PayoutRunParams{})[0]
	w.pay(payout)
	w.refund(sale, "")
	equal(w, "the account with a debt", w.account(jane.ID),
		"total 4.00 paid 6.00 eligible -2.00 held 0.00 reserved 0.00 payable -2.00")
	w.clock.Advance(time.Hour)
	must(w.shop.ReturnPayout(ctx, payout.ID, refgrow.ReturnPayoutParams{Note: "closed account"}))
	equal(w, "the account after the return", w.account(jane.ID),
		"total 4.00 paid 0.00 eligible 4.00 held 0.00 reserved 0.00 payable 4.00")
	equal(w, "the next run", w.payNow(refgrow.PayoutRunParams{}), "4.00 USD paid")
	w.checkPayouts()
	w.verify()
}
