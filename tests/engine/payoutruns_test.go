package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
)

// adjust grants a bonus, or makes a deduction.
func (p *program) adjust(a *refgrow.Affiliate, amount string) {
	p.Helper()
	_, err := p.Shop.CreateAdjustment(p.Context(), refgrow.CreateAdjustmentParams{
		AffiliateID: a.ID, Amount: money.MustParse(amount), Note: "agreed by mail",
	})
	p.OK(err)
}

// told is a run's result as text: the payouts, and then who is left out.
func told(result *refgrow.PayoutRunResult) string {
	var all []string
	for _, p := range result.Payouts {
		all = append(all, fmt.Sprintf("%d: %s %s", p.AffiliateID, p.Amount.Decimal(), p.Status))
	}
	for _, l := range result.LeftOut {
		all = append(all, fmt.Sprintf("%d: %s %s", l.AffiliateID, l.Amount.Decimal(), l.Reason))
	}
	return strings.Join(all, ", ")
}

// A run says whom it leaves out and why, and a preview says the same.
func TestLeftOutOfRuns(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{MinimumPayout: money.MustParse("5.00 USD")})
	ctx := t.Context()
	names := []string{"paid", "little", "owing", "without", "paused", "nothing", "unknown"}
	of := make(map[string]*refgrow.Affiliate)
	for _, name := range names {
		of[name] = p.Affiliate(name)
	}
	for name, amount := range map[string]string{
		"paid": "20.00 USD", "little": "4.99 USD", "owing": "-3.00 USD", "without": "7.00 USD", "paused": "8.00 USD",
		"unknown": "9.00 USD",
	} {
		p.adjust(of[name], amount)
	}
	_, err := p.Shop.UpdateAffiliate(ctx, of["paused"].ID, refgrow.UpdateAffiliateParams{PayoutsPaused: new(true)})
	p.OK(err)
	_, err = p.Shop.UpdateAffiliate(ctx, of["paid"].ID, refgrow.UpdateAffiliateParams{
		PayoutPreferences: refgrow.Set(refgrow.PayoutPreferences{WiseAccountID: "1"}),
	})
	p.OK(err)
	const left = "2: 4.99 below_minimum, 3: -3.00 negative, 4: 7.00 excluded, 5: 8.00 paused"
	params := refgrow.PayoutRunParams{Without: []int64{of["without"].ID, of["nothing"].ID}, By: "an owner"}
	preview, err := p.Shop.PayoutRuns().Preview(ctx, params)
	p.OK(err)
	if got, want := told(preview), "1: 20.00 pending, 7: 9.00 pending, "+left; got != want || preview.Run != nil ||
		!slices.Equal(preview.NoDetails, []int64{7}) {
		t.Errorf("the preview is %s, want %s: %+v", got, want, preview)
	}
	params.DetailsOnly = true
	result, err := p.Shop.PayoutRuns().Make(ctx, params)
	p.OK(err)
	if got, want := told(result), "1: 20.00 pending, "+left+", 7: 9.00 no_details"; got != want {
		t.Errorf("the run is %s, want %s", got, want)
	}
	run, err := p.Shop.PayoutRuns().Get(ctx, result.Run.ID)
	p.OK(err)
	if *run != *result.Run || run.By != "an owner" || run.Count != 1 || run.Total != money.MustParse("20.00 USD") ||
		run.Minimum != money.MustParse("5.00 USD") || result.Payouts[0].RunID != run.ID ||
		!run.Cutoff.Equal(p.Clock.Now()) || !run.CreatedAt.Equal(p.Clock.Now()) {
		t.Errorf("the run is %+v, and was %+v", run, result.Run)
	}

	// For some, without some, and for nobody whom the project does not have.
	for _, c := range []struct {
		only, without []int64
		want          string
	}{
		{[]int64{7, 2, 7}, nil, "7: 9.00 pending, 2: 4.99 below_minimum"},
		{[]int64{7, 4}, []int64{7}, "4: 7.00 pending, 7: 9.00 excluded"},
		{[]int64{6}, nil, ""},
	} {
		preview, err := p.Shop.PayoutRuns().Preview(ctx, refgrow.PayoutRunParams{AffiliateIDs: c.only, Without: c.without})
		p.OK(err)
		if got := told(preview); got != c.want {
			t.Errorf("for %v without %v: %s, want %s", c.only, c.without, got, c.want)
		}
	}
	// A run that makes nothing writes nothing.
	nothing, err := p.Shop.PayoutRuns().Make(ctx, refgrow.PayoutRunParams{AffiliateIDs: []int64{6}})
	if n, _ := p.Shop.PayoutRuns().Count(ctx); err != nil || nothing.Run != nil || n != 1 {
		t.Errorf("the run of nothing is %+v (%v), and there are %d", nothing, err, n)
	}
	for field, params := range map[string]refgrow.PayoutRunParams{
		"affiliate_ids": {AffiliateIDs: []int64{}}, "without": {Without: make([]int64, 501)},
		"by": {By: strings.Repeat("x", 256)}, "Idempotency-Key": {Idempotency: refgrow.Idempotency{Caller: "x"}},
	} {
		_, err := p.Shop.PayoutRuns().Make(ctx, params)
		p.Refused("a run", err, refgrow.ErrInvalid, field)
	}
	for field, params := range map[string]refgrow.PayoutRunParams{
		"affiliate_ids": {AffiliateIDs: []int64{1, 99}}, "without": {Without: []int64{99}},
	} {
		_, err := p.Shop.PayoutRuns().Make(ctx, params)
		p.Refused("a run", err, refgrow.ErrNotFound, field)
		params.Idempotency = refgrow.Idempotency{Key: "k"}
		_, err = p.Shop.PayoutRuns().Make(ctx, params)
		p.Refused("a run with a key", err, refgrow.ErrNotFound, field)
	}
	p.Verify()
}

// A run with a key that was interrupted goes on from its mark, with what it was begun
// with, and never comes back to whom it has passed.
func TestRunGoesOn(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	var all []*refgrow.Affiliate
	for i := range 5 {
		all = append(all, p.Affiliate(fmt.Sprint("aff", i)))
		p.adjust(all[i], "10.00 USD")
	}
	params := refgrow.PayoutRunParams{Idempotency: refgrow.Idempotency{Caller: "key:1", Key: "november",
		Request: []byte("x")}}
	p.Exec(`CREATE TRIGGER stop BEFORE INSERT ON refgrow_payouts WHEN NEW.affiliate_id = 4
		BEGIN SELECT RAISE(ABORT, 'stop'); END`)
	first, err := p.Shop.PayoutRuns().Make(ctx, params)
	if err == nil || len(first.Payouts) != 3 {
		t.Fatalf("the interrupted run made %s (%v)", told(first), err)
	}
	p.Exec("DROP TRIGGER stop")
	began := p.Clock.Now()
	p.Clock.Advance(48 * time.Hour)
	// What happens in between: one is canceled, there is more for everybody, and the rest
	// of the settings change.
	_, err = p.Shop.CancelPayout(ctx, first.Payouts[1].ID)
	p.OK(err)
	for _, a := range all {
		p.adjust(a, "1.00 USD")
	}
	_, err = p.Shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{MinimumPayout: new(money.MustParse("50.00 USD"))})
	p.OK(err)
	second, err := p.Shop.PayoutRuns().Make(ctx, params)
	p.OK(err)
	const want = "1: 10.00 pending, 2: 10.00 canceled, 3: 10.00 pending, 4: 10.00 pending, 5: 10.00 pending"
	if got := told(&refgrow.PayoutRunResult{Payouts: second.Payouts}); got != want || second.Replayed ||
		!second.Run.Cutoff.Equal(began) || second.Run.Count != 5 {
		t.Errorf("the run that went on is %s: %+v", got, second)
	}
	third, err := p.Shop.PayoutRuns().Make(ctx, params)
	p.OK(err)
	if got := told(&refgrow.PayoutRunResult{Payouts: third.Payouts}); got != want || !third.Replayed ||
		*third.Run != *second.Run {
		t.Errorf("again it is %s: %+v", got, third)
	}
	for what, other := range map[string]refgrow.PayoutRunParams{
		"another body":     {Idempotency: refgrow.Idempotency{Caller: "key:1", Key: "november", Request: []byte("y")}},
		"other affiliates": {Idempotency: params.Idempotency, Without: []int64{1}},
	} {
		_, err := p.Shop.PayoutRuns().Make(ctx, other)
		p.Refused(what, err, refgrow.ErrConflict, "Idempotency-Key")
	}
	// Another caller's key is another one.
	other, err := p.Shop.PayoutRuns().Make(ctx, refgrow.PayoutRunParams{
		Minimum: money.MustParse("1.00 USD"), Idempotency: refgrow.Idempotency{Caller: "key:2", Key: "november"},
	})
	p.OK(err)
	if got := told(other); got != "1: 1.00 pending, 2: 11.00 pending, 3: 1.00 pending, 4: 1.00 pending, 5: 1.00 pending" {
		t.Errorf("another caller's run is %s", got)
	}
	// A deleted affiliate's payouts count no more.
	for _, payout := range p.payoutsOf(all[1]) {
		if payout.Status == refgrow.PayoutPending {
			_, err := p.Shop.CancelPayout(ctx, payout.ID)
			p.OK(err)
		}
	}
	p.OK(p.Shop.DeleteAffiliate(ctx, all[1].ID))
	if run, err := p.Shop.PayoutRuns().Get(ctx, second.Run.ID); err != nil || run.Count != 4 ||
		run.Total != money.MustParse("40.00 USD") {
		t.Errorf("the run is %+v (%v)", run, err)
	}
	p.Verify()
}

func (p *program) payoutsOf(a *refgrow.Affiliate) (all []refgrow.Payout) {
	p.Helper()
	for payout, err := range p.Shop.AllPayouts(p.Context(), refgrow.ListPayoutsParams{AffiliateID: a.ID}) {
		p.OK(err)
		all = append(all, payout)
	}
	return all
}

// A run that is repeated has all of its payouts, however many.
func TestALongRunAgain(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	const payees = 501
	p.manyEarners(payees)
	params := refgrow.PayoutRunParams{Idempotency: refgrow.Idempotency{Key: "long"}}
	var first *refgrow.PayoutRunResult
	p.OK(p.atomic(func(shop *refgrow.Project) (err error) { // without pauses
		first, err = shop.PayoutRuns().Make(ctx, params)
		return err
	}))
	again, err := p.Shop.PayoutRuns().Make(ctx, params)
	p.OK(err)
	if len(first.Payouts) != payees || !slices.EqualFunc(first.Payouts, again.Payouts, func(a, b refgrow.Payout) bool {
		return a.ID == b.ID && a.AffiliateID == b.AffiliateID && a.Amount == b.Amount
	}) {
		t.Errorf("%d payouts were made, and again they are %d", len(first.Payouts), len(again.Payouts))
	}
}

// The payouts of a run come to 9 * 10^18 minor units at most.
func TestTheLargestRun(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	rich, other := p.Affiliate("rich"), p.Affiliate("other")
	p.OK(p.atomic(func(shop *refgrow.Project) error {
		for range money.MaxBalance / money.MaxMinor {
			if _, err := shop.CreateAdjustment(t.Context(), refgrow.CreateAdjustmentParams{
				AffiliateID: rich.ID, Amount: money.New(money.MaxMinor, money.USD), Note: "a test",
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	p.adjust(other, "0.01 USD")
	result, err := p.Shop.PayoutRuns().Make(t.Context(), refgrow.PayoutRunParams{})
	p.Refused("one cent more", err, refgrow.ErrConflict, "")
	if len(result.Payouts) != 1 || result.Payouts[0].Amount.Minor() != money.MaxBalance {
		t.Errorf("the run made %s", told(result))
	}
	p.made("the next run", p.run(refgrow.PayoutRunParams{}), "0.01 USD pending")
	p.Verify()
}

// What a payout costs does not grow with what was paid: an account remembers up to where
// everything is settled, reserved or comes to nothing.
func TestWhereRunsBegin(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 10})
	p.Affiliate("joe") // so that Jane's id is not that of the project
	jane := p.Affiliate("jane")
	begins := func(what string, want int) {
		t.Helper()
		if got := p.Count("SELECT cleared_to FROM refgrow_accounts WHERE affiliate_id = ?", jane.ID); got != want {
			t.Errorf("%s the next run begins after entry %d, but should after %d", what, got, want)
		}
		p.Verify()
	}
	p.sell(jane, "")             // entry 1
	refunded := p.sell(jane, "") // 2
	p.refund(refunded, "100.00 USD")
	p.Clock.Advance(10 * 24 * time.Hour)
	p.sell(jane, "")            // 4, held
	p.adjust(jane, "1.00 USD")  // 5
	p.adjust(jane, "-3.00 USD") // 6
	begins("at first", 0)
	first := p.run(refgrow.PayoutRunParams{})[0]
	begins("after a run", 3)
	p.pay(first) // settlements 7 and 8, which belong to it
	begins("after its payment", 3)
	p.Clock.Advance(10 * 24 * time.Hour)
	second := p.run(refgrow.PayoutRunParams{})[0]
	begins("after the second run", 8)
	_, err := p.Shop.CancelPayout(t.Context(), second.ID)
	p.OK(err)
	begins("after that was canceled", 3)
	p.made("the third run", p.run(refgrow.PayoutRunParams{}), "20.00 USD pending")
	begins("after the third run", 8)
	_, err = p.Shop.ReturnPayout(t.Context(), first.ID, refgrow.ReturnPayoutParams{Note: "unclaimed"}) // 9 and 10
	p.OK(err)
	begins("after a return", 8)
	p.made("the run after it", p.run(refgrow.PayoutRunParams{}), "18.00 USD pending")
	begins("after the run after it", 10)
}

// A payout that came back while the clock shows an earlier time is to be paid by the next
// run at that time.
func TestReturnWhileTheClockIsBack(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.Affiliate("jane")
	start := p.Clock.Now()
	p.adjust(jane, "5.00 USD")
	p.Record(shoptest.Earning(jane, money.MustParse("3.00 USD")))
	p.Clock.Advance(48 * time.Hour)
	payout := p.run(refgrow.PayoutRunParams{})[0]
	p.pay(payout)
	p.Clock.Set(start.Add(time.Hour))
	_, err := p.Shop.ReturnPayout(t.Context(), payout.ID, refgrow.ReturnPayoutParams{Note: "unclaimed"})
	p.OK(err)
	if b := p.Earnings(jane)[0]; b.Eligible != money.MustParse("8.00 USD") || b.Payable != b.Eligible || !b.Held.IsZero() {
		t.Errorf("the balance is %+v", b)
	}
	p.made("the run", p.run(refgrow.PayoutRunParams{}), "8.00 USD pending")
	p.Verify()
}

func (p *program) pays(t *testing.T, id int64, reference string) {
	t.Helper()
	payout, err := p.Shop.GetPayout(p.Context(), id)
	if err != nil || payout.Status != refgrow.PayoutPaid || payout.ExternalReference != reference {
		t.Errorf("payout %d is %+v (%v)", id, payout, err)
	}
}

// A run that is told again reads its payouts: one that is damaged ends it with the first
// error, and with no payout that there is not.
func TestDamagedPayoutsOfARun(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	for _, name := range []string{"jane", "joe"} {
		p.sell(p.Affiliate(name), "")
	}
	params := refgrow.PayoutRunParams{Idempotency: refgrow.Idempotency{Caller: "key:1", Key: "november"}}
	made, err := p.Shop.PayoutRuns().Make(t.Context(), params)
	p.OK(err)
	if len(made.Payouts) != 2 {
		t.Fatalf("the run is %+v", made)
	}
	p.Exec("UPDATE refgrow_payouts SET currency = 'dollars' WHERE id = 1")
	again, err := p.Shop.PayoutRuns().Make(t.Context(), params)
	if !errors.Is(err, refgrow.ErrDamaged) || len(again.Payouts) != 0 {
		t.Errorf("the run returned %+v, %v", again, err)
	}
}

// Where the payouts of a run come in an order that they cannot have, a repeated run says
// so, and does not end early.
func TestPayoutsOfARunOutOfOrder(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	p.adjust(p.Affiliate("jane"), "1.00 USD")
	params := refgrow.PayoutRunParams{Idempotency: refgrow.Idempotency{Key: "long"}}
	_, err := p.Shop.PayoutRuns().Make(t.Context(), params)
	p.OK(err)
	p.Exec(`WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1002)
		INSERT INTO refgrow_payouts (id, project_id, affiliate_id, currency, amount, entry_count, cutoff, status, created_at,
			run_id)
		SELECT n, project_id, affiliate_id, currency, amount, entry_count, cutoff, status, created_at, run_id
		FROM refgrow_payouts, numbers`)
	again, err := p.Shop.PayoutRuns().Make(t.Context(), params)
	p.OK(err)
	if len(again.Payouts) != 1002 {
		t.Errorf("the run has %d payouts", len(again.Payouts))
	}
	p.Exec("UPDATE refgrow_payouts SET created_at = created_at + CASE id WHEN 5 THEN 1 ELSE 2 END " +
		"WHERE id = 5 OR id > 1000")
	if _, err := p.Shop.PayoutRuns().Make(t.Context(), params); !errors.Is(err, refgrow.ErrDamaged) {
		t.Errorf("a run whose payouts are out of order: %v", err)
	}
}
