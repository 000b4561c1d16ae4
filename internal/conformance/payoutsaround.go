package conformance

import (
	"errors"
	"fmt"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func payoutSurroundingTests() []test {
	return []test{
		{"an inactive affiliate", payInactive},
		{"the clock goes back", payoutClock},
		{"as of", payoutsAsOf},
		{"idempotent", idempotentRun},
		{"a renamed project", payRenamed},
		{"files", payoutFiles},
		{"paused", pausedPayouts},
	}
}

// An affiliate that was made inactive gets what it had earned before.
func payInactive(w *world) {
	jane := w.affiliate("jane")
	w.purchase(jane.ID, "10.00 USD")
	must(w.shop.UpdateAffiliate(w.Context(), jane.ID, refgrow.UpdateAffiliateParams{
		Status: new(refgrow.AffiliateInactive),
	}))
	made := w.run(refgrow.PayoutRunParams{})
	equal(w, "the run", summary(made), "2.00 USD pending")
	must(w.shop.UpdateAffiliate(w.Context(), jane.ID, refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateActive)}))
	must(w.shop.UpdateAffiliate(w.Context(), jane.ID, refgrow.UpdateAffiliateParams{
		Status: new(refgrow.AffiliateInactive),
	}))
	w.pay(made[0])
	equal(w, "the account", w.account(jane.ID), "total 2.00 paid 2.00 eligible 0.00 held 0.00 reserved 0.00 payable 0.00")
	w.verify()
}

// The clock may go back between a run and its payment: times do not, and nothing
// is paid twice.
func payoutClock(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(10)})
	start := w.clock.Now()
	sale := w.purchase(jane.ID, "100.00 USD")
	w.clock.Set(sale.AvailableAt)
	made := w.run(refgrow.PayoutRunParams{})
	equal(w, "the run", summary(made), "20.00 USD pending")
	w.clock.Set(start.Add(time.Hour))
	equal(w, "a run at the earlier time", summary(w.run(refgrow.PayoutRunParams{})), "")
	w.verify()
	paid := w.pay(made[0])
	equal(w, "when it was paid", *paid.PaidAt, sale.AvailableAt)
	equal(w, "a run after it was paid", summary(w.run(refgrow.PayoutRunParams{})), "")
	equal(w, "the account at the earlier time", w.account(jane.ID),
		"total 20.00 paid 20.00 eligible 0.00 held 0.00 reserved 0.00 payable 0.00")
	w.verify()
	w.adjust(jane.ID, "3.00 USD")
	next := w.run(refgrow.PayoutRunParams{})
	equal(w, "the next run", summary(next), "3.00 USD pending")
	equal(w, "its cut-off", next[0].Cutoff, w.clock.Now())
	equal(w, "its stamp", next[0].CreatedAt, sale.AvailableAt)
	equal(w, "the payout as it is kept", *must(w.shop.GetPayout(w.Context(), next[0].ID)), next[0])
	run := must(w.shop.PayoutRuns().Get(w.Context(), next[0].RunID))
	equal(w, "the stamp of its run", run.CreatedAt, sale.AvailableAt)
	equal(w, "when it was canceled", *w.cancel(next[0]).CanceledAt, sale.AvailableAt)
	w.verify()
	w.clock.Set(sale.AvailableAt.Add(time.Hour))
	equal(w, "the last run", w.payNow(refgrow.PayoutRunParams{}), "3.00 USD paid")
	w.checkPayouts()
	w.verify()
}

// What was reserved, payable and paid at an instant can be queried later.
func payoutsAsOf(w *world) {
	jane := w.affiliate("jane")
	w.purchase(jane.ID, "100.00 USD")
	var past []time.Time
	var answers []string
	remember := func() {
		w.clock.Advance(time.Hour)
		past, answers = append(past, w.clock.Now()), append(answers, w.account(jane.ID))
	}
	remember()
	made := w.run(refgrow.PayoutRunParams{})
	remember()
	w.cancel(made[0])
	remember()
	w.adjust(jane.ID, "-1.00 USD")
	made = w.run(refgrow.PayoutRunParams{})
	remember()
	w.pay(made[0])
	remember()
	for i, want := range []string{
		"total 20.00 paid 0.00 eligible 20.00 held 0.00 reserved 0.00 payable 20.00",
		"total 20.00 paid 0.00 eligible 20.00 held 0.00 reserved 20.00 payable 0.00",
		"total 20.00 paid 0.00 eligible 20.00 held 0.00 reserved 0.00 payable 20.00",
		"total 19.00 paid 0.00 eligible 19.00 held 0.00 reserved 19.00 payable 0.00",
		"total 19.00 paid 19.00 eligible 0.00 held 0.00 reserved 0.00 payable 0.00",
	} {
		equal(w, fmt.Sprint("the account in hour ", i+1), answers[i], want)
		equal(w, fmt.Sprint("the account as of hour ", i+1), w.account(jane.ID, refgrow.AsOf(past[i])), want)
	}
}

// A run with an Idempotency key is made once.
func idempotentRun(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.purchase(jane.ID, "10.00 USD")
	call := func(fail error) (refgrow.Answer, bool, error) {
		return w.shop.Once(refgrow.Idempotency{Caller: "key 1", Key: "k", Request: []byte("POST /payouts")}).Do(ctx,
			func(p *refgrow.Project) (refgrow.Answer, error) {
				made, err := p.RunPayouts(ctx, refgrow.PayoutRunParams{})
				return refgrow.Answer{Status: 201, Body: []byte(summary(made))}, errors.Join(err, fail)
			})
	}
	if _, _, err := call(errUndo); !errors.Is(err, errUndo) {
		w.Error(err)
	}
	equal(w, "the payouts after a failure", must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{})), 0)
	for _, replayed := range []bool{false, true} {
		answer, again, err := call(nil)
		w.ok(err)
		equal(w, "replayed", again, replayed)
		equal(w, "the answer", string(answer.Body), "2.00 USD pending")
		w.purchase(jane.ID, "20.00 USD") // is for another run
	}
	equal(w, "the payouts", must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{})), 1)
	w.checkPayouts()
	w.verify()
}

// A project stays the same under another name.
func payRenamed(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.purchase(jane.ID, "10.00 USD")
	made := w.run(refgrow.PayoutRunParams{})
	w.ok(w.shop.Rename(ctx, "store"))
	w.pay(made[0])
	renamed := must(w.engine.Project(ctx, "store"))
	equal(w, "its id", renamed.ID(), w.shop.ID())
	equal(w, "the payout", must(renamed.GetPayout(ctx, made[0].ID)).Status, refgrow.PayoutPaid)
	w.refused("the old name", errOf(w.engine.Project(ctx, "shop")), refgrow.ErrNotFound, "")
	other := must(w.engine.CreateProject(ctx, "shop", refgrow.Settings{}))
	w.takenBy("a name that is taken", w.shop.Rename(ctx, "shop"), "name", other.ID())
	w.refused("no name", w.shop.Rename(ctx, " "), refgrow.ErrInvalid, "name")
	w.ok(renamed.Rename(ctx, "store"))
	equal(w, "the account", w.account(jane.ID), "total 2.00 paid 2.00 eligible 0.00 held 0.00 reserved 0.00 payable 0.00")
	w.verify()
}

// A file has the pending payouts in one currency, of those whom its service can pay.
func payoutFiles(w *world) {
	ctx := w.Context()
	prefer := func(name string, preferences refgrow.PayoutPreferences) *refgrow.Affiliate {
		a := w.affiliate(name)
		must(w.shop.UpdateAffiliate(ctx, a.ID, refgrow.UpdateAffiliateParams{PayoutPreferences: refgrow.Set(preferences)}))
		return a
	}
	both := prefer("both", refgrow.PayoutPreferences{
		PayPalEmail: "both@pay.example.com", WiseAccountID: "4711", WiseEmail: "both@wise.example.com",
		WiseName: "Bo, Both",
	})
	wise := prefer("wise", refgrow.PayoutPreferences{WiseEmail: "wise@wise.example.com"})
	none := w.affiliate("none")
	paid := prefer("paid", refgrow.PayoutPreferences{PayPalEmail: "paid@pay.example.com"})
	for _, a := range []*refgrow.Affiliate{paid, both, wise, none} {
		w.adjust(a.ID, "12.30 USD")
		w.adjust(a.ID, "700 JPY")
	}
	stranger := w.shopOf("stranger")
	other := must(stranger.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "other@example.com"}))
	must(stranger.UpdateAffiliate(ctx, other.ID, refgrow.UpdateAffiliateParams{
		PayoutPreferences: refgrow.Set(refgrow.PayoutPreferences{PayPalEmail: "other@pay.example.com"}),
	}))
	must(stranger.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
		AffiliateID: other.ID, Amount: money.MustParse("1.00 USD"), Note: "x",
	}))
	must(stranger.RunPayouts(ctx, refgrow.PayoutRunParams{}))
	id := make(map[int64]int64) // of the affiliate's payout in USD
	for _, p := range w.run(refgrow.PayoutRunParams{}) {
		id[p.AffiliateID] = p.ID
	}
	yen := w.run(refgrow.PayoutRunParams{Currency: "JPY"})
	w.pay(*must(w.shop.GetPayout(ctx, id[paid.ID])))
	w.cancel(yen[0])
	const saved = "recipientId,name,recipientEmail,sourceCurrency,targetCurrency,amountCurrency,amount,paymentReference\n"
	const byEmail = "name,recipientEmail,paymentReference,receiverType," +
		"amountCurrency,amount,sourceCurrency,targetCurrency\n"
	for _, c := range []struct {
		format           refgrow.PayoutFormat
		currency         money.Currency
		payouts, leftOut int
		csv              string
	}{
		{refgrow.PayPalFile, "", 1, 2,
			fmt.Sprintf("both@pay.example.com,12.30,USD,payout-%d,Affiliate payout %d\n", id[both.ID], id[both.ID])},
		{refgrow.WiseFile, "usd", 1, 2, saved + fmt.Sprintf(
			"4711,\"Bo, Both\",both@wise.example.com,USD,USD,target,12.30,Payout %d\n", id[both.ID])},
		{refgrow.WiseEmailFile, "usd", 2, 1, byEmail + fmt.Sprintf(
			"\"Bo, Both\",both@wise.example.com,Payout %d,PERSON,target,12.30,USD,USD\n"+
				"wise@wise.example.com,wise@wise.example.com,Payout %d,PERSON,target,12.30,USD,USD\n", id[both.ID], id[wise.ID])},
		{refgrow.PayPalFile, "JPY", 1, 2,
			fmt.Sprintf("paid@pay.example.com,700,JPY,payout-%d,Affiliate payout %d\n", yen[3].ID, yen[3].ID)},
		{refgrow.PayPalFile, "EUR", 0, 0, ""},
		{refgrow.WiseFile, "EUR", 0, 0, saved},
	} {
		file := must(w.shop.ExportPayouts(ctx, refgrow.ExportPayoutsParams{Format: c.format, Currency: c.currency}))
		what := fmt.Sprintf("the %s file in %q", c.format, c.currency)
		equal(w, what, string(file.CSV), c.csv)
		equal(w, "the payouts in "+what, [2]int{file.Payouts, file.LeftOut}, [2]int{c.payouts, c.leftOut})
	}
	equal(w, "the pending ones after the files",
		must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{Status: refgrow.PayoutPending})), 6)
	w.refused("an unknown format", errOf(w.shop.ExportPayouts(ctx, refgrow.ExportPayoutsParams{Format: "cash"})),
		refgrow.ErrInvalid, "format")
	w.refused("an unknown currency",
		errOf(w.shop.ExportPayouts(ctx, refgrow.ExportPayoutsParams{Format: refgrow.PayPalFile, Currency: "XXX"})),
		refgrow.ErrInvalid, "currency")
	w.refused("a currency that PayPal does not take", errOf(w.shop.ExportPayouts(ctx,
		refgrow.ExportPayoutsParams{Format: refgrow.PayPalFile, Currency: "KWD"})), refgrow.ErrInvalid, "currency")
	w.refused("a part after no payout", errOf(w.shop.ExportPayouts(ctx,
		refgrow.ExportPayoutsParams{Format: refgrow.PayPalFile, After: -1})), refgrow.ErrInvalid, "after")
	w.checkPayouts()
	w.verify()
}

// Runs leave out an affiliate whose payouts are paused, who goes on earning.
func pausedPayouts(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	pause := func(paused bool) *refgrow.Affiliate {
		return must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{PayoutsPaused: &paused}))
	}
	w.adjust(jane.ID, "10.00 USD")
	w.adjust(joe.ID, "20.00 USD")
	paused := pause(true)
	equal(w, "the status", paused.Status, refgrow.AffiliateActive)
	equal(w, "the earnings", paused.Earnings[0].Payable.String(), "10.00 USD")
	equal(w, "the preview", summary(must(w.shop.PreviewPayouts(ctx, refgrow.PayoutRunParams{}))), "20.00 USD pending")
	equal(w, "the run", summary(w.run(refgrow.PayoutRunParams{})), "20.00 USD pending")
	w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("50 USD"), Value: money.MustParse("5 USD"),
	})
	equal(w, "the next run", summary(w.run(refgrow.PayoutRunParams{})), "")
	pause(false)
	equal(w, "the run after the pause", summary(w.run(refgrow.PayoutRunParams{})), "15.00 USD pending")
	w.checkPayouts()
	w.verify()
}
