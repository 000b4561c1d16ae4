package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// What happens to affiliates after a run has looked at them, and before their payout is
// made, counts.
func TestWhatChangesBeforeAPayout(t *testing.T) {
	t.Parallel()
	p, store := stepped(t)
	ctx := t.Context()
	of := make(map[string]*refgrow.Affiliate)
	for _, name := range []string{"same", "paused", "owing", "little", "nothing", "gone", "taken", "nowhere", "more"} {
		of[name] = p.Affiliate(name)
		p.adjust(of[name], "10.00 USD")
		_, err := p.Shop.UpdateAffiliate(ctx, of[name].ID, refgrow.UpdateAffiliateParams{
			PayoutPreferences: refgrow.Set(refgrow.PayoutPreferences{WiseEmail: name + "@wise.example.com"}),
		})
		p.OK(err)
	}
	store.on(func(int) {
		store.on(nil)
		for name, amount := range map[string]string{
			"owing": "-10.01 USD", "little": "-5.01 USD", "nothing": "-10.00 USD", "more": "1.00 USD",
		} {
			p.adjust(of[name], amount)
		}
		for name, change := range map[string]refgrow.UpdateAffiliateParams{
			"paused":  {PayoutsPaused: new(true)},
			"nowhere": {PayoutPreferences: refgrow.Clear[refgrow.PayoutPreferences]()},
		} {
			_, err := p.Shop.UpdateAffiliate(ctx, of[name].ID, change)
			p.OK(err)
		}
		p.OK(p.Shop.DeleteAffiliate(ctx, of["gone"].ID))
		_, err := p.Shop.RunPayouts(ctx, refgrow.PayoutRunParams{AffiliateIDs: []int64{of["taken"].ID}})
		p.OK(err)
	})
	result, err := p.Shop.PayoutRuns().Make(ctx, refgrow.PayoutRunParams{
		Minimum: money.MustParse("5.00 USD"), DetailsOnly: true,
	})
	p.OK(err)
	const want = "1: 10.00 pending, 9: 11.00 pending, " +
		"2: 10.00 paused, 3: -0.01 negative, 4: 4.99 below_minimum, 8: 10.00 no_details"
	if got := told(result); got != want || result.Run.Count != 2 || result.Run.Total != money.MustParse("21.00 USD") {
		t.Errorf("the run is %s, want %s: %+v", got, want, result.Run)
	}
	p.Verify()
}

// Each payout takes a transaction of its own, and whoever is left out takes none. A key
// takes one at the beginning and one at the end, and a repeated call only the first.
func TestTransactionsOfManyPayouts(t *testing.T) {
	t.Parallel()
	p, store := stepped(t)
	ctx := t.Context()
	writes := 0
	counted := func(what string, want int, call func() error) {
		t.Helper()
		writes = 0
		store.on(func(write int) { writes = write })
		err := call()
		store.on(nil)
		if p.OK(err); writes != want {
			t.Errorf("%s takes %d transactions, want %d", what, writes, want)
		}
	}
	run := func(params refgrow.PayoutRunParams) func() error {
		return func() error {
			_, err := p.Shop.PayoutRuns().Make(ctx, params)
			return err
		}
	}
	pay := func(params refgrow.PayPayoutsParams) func() error {
		return func() error {
			_, _, err := p.Shop.PayPayouts(ctx, params)
			return err
		}
	}
	for i, amount := range []string{"10.00", "0.00", "-1.00", "20.00"} {
		a := p.Affiliate(fmt.Sprint("aff", i))
		p.adjust(a, "1.00 USD")
		p.adjust(a, "-1.00 USD")
		if amount != "0.00" {
			p.adjust(a, amount+" USD")
		}
	}
	keyed := refgrow.PayoutRunParams{AffiliateIDs: []int64{1, 2, 3}, Idempotency: refgrow.Idempotency{Key: "run"}}
	counted("a run with a key", 1+1+1, run(keyed))
	counted("the run again", 1, run(keyed))
	counted("a run", 1, run(refgrow.PayoutRunParams{}))
	payments := []refgrow.PayoutPayment{{ID: 1}, {ID: 99}}
	with := refgrow.PayPayoutsParams{Payouts: payments, Idempotency: refgrow.Idempotency{Key: "pay"}}
	counted("payments with a key", 1+2+1, pay(with))
	counted("the payments again", 1, pay(with))
	counted("payments", 2, pay(refgrow.PayPayoutsParams{Payouts: payments}))
}

// A run for some that stopped behind the last of them, before it noted its end, goes on
// to nobody. It says what it has made when one of them is not there any more.
func TestRunForSomeGoesOn(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	params := refgrow.PayoutRunParams{Idempotency: refgrow.Idempotency{Key: "some"}}
	for i := range 3 {
		a := p.Affiliate(fmt.Sprint("aff", i))
		p.adjust(a, "10.00 USD")
		params.AffiliateIDs = append(params.AffiliateIDs, a.ID)
	}
	p.Exec(`CREATE TRIGGER stop BEFORE UPDATE ON refgrow_payout_tasks WHEN NEW.done = 1
		BEGIN SELECT RAISE(ABORT, 'stop'); END`)
	first, err := p.Shop.PayoutRuns().Make(ctx, params)
	if err == nil || len(first.Payouts) != 3 {
		t.Errorf("the interrupted run made %s (%v)", told(first), err)
	}
	p.Exec("DROP TRIGGER stop")
	_, err = p.Shop.CancelPayout(ctx, 2) // there is something to pay again
	p.OK(err)
	for _, want := range []string{
		"1: 10.00 pending, 2: 10.00 canceled, 3: 10.00 pending", "1: 10.00 pending, 3: 10.00 pending",
	} {
		again, err := p.Shop.PayoutRuns().Make(ctx, params)
		p.OK(err)
		if got := told(again); got != want || !again.Replayed || again.Run.Count != int64(len(again.Payouts)) {
			t.Errorf("the run is %s, want %s: %+v", got, want, again)
		}
		if again.Run.Count == 3 {
			p.OK(p.Shop.DeleteAffiliate(ctx, 2))
		}
	}
	p.Verify()
}

// A run that is broken off while it makes a payout has made that, and goes on to nobody.
func TestRunIsBrokenOff(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p.adjust(p.Affiliate("jane"), "10.00 USD")
	p.adjust(p.Affiliate("joe"), "-1.00 USD")
	asked := 0
	engine, err := refgrow.New(ctx, refgrow.SQLite(p.App), refgrow.Config{Now: func() time.Time {
		if asked++; asked == 2 { // first for the cut-off, then for the payout
			cancel()
		}
		return p.Clock.Now()
	}})
	p.OK(err)
	shop, err := engine.Project(ctx, "shop")
	p.OK(err)
	asked = 0
	result, err := shop.PayoutRuns().Make(ctx, refgrow.PayoutRunParams{})
	if got := told(result); !errors.Is(err, context.Canceled) || got != "1: 10.00 pending" {
		t.Errorf("the run is %s (%v)", got, err)
	}
}

// A call that goes on counts as repeated unless it changes something itself.
func TestGoingOnWithNothingToDo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		meanwhile []int64 // are paid by somebody else
		replayed  bool
	}{{nil, false}, {[]int64{2}, false}, {[]int64{3}, false}, {[]int64{2, 3}, true}} {
		p := inOwnFile(t, refgrow.Settings{})
		ctx := t.Context()
		params := refgrow.PayPayoutsParams{Idempotency: refgrow.Idempotency{Key: "pay"}}
		for i := range int64(3) {
			p.adjust(p.Affiliate(fmt.Sprint("aff", i)), "10.00 USD")
			params.Payouts = append(params.Payouts, refgrow.PayoutPayment{ID: i + 1, ExternalReference: "a wire"})
		}
		p.run(refgrow.PayoutRunParams{})
		p.Exec(`CREATE TRIGGER stop BEFORE UPDATE ON refgrow_payouts WHEN NEW.id = 2
			BEGIN SELECT RAISE(ABORT, 'stop'); END`)
		if _, _, err := p.Shop.PayPayouts(ctx, params); err == nil {
			t.Fatal("nothing stopped it")
		}
		p.Exec("DROP TRIGGER stop")
		for _, id := range c.meanwhile {
			_, err := p.Shop.PayPayout(ctx, id, refgrow.PayPayoutParams{ExternalReference: "a wire"})
			p.OK(err)
		}
		results, replayed, err := p.Shop.PayPayouts(ctx, params)
		p.OK(err)
		if became(results) != "1 paid, 2 paid, 3 paid" || replayed != c.replayed {
			t.Errorf("where %v were paid meanwhile: %s, replayed %v", c.meanwhile, became(results), replayed)
		}
		p.Verify()
	}
}

// A key that was used for something else is refused, whatever that was, and what is kept
// of a key's work is not guessed where it is damaged.
func TestKeysOfOtherWork(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	p.adjust(p.Affiliate("jane"), "10.00 USD")
	run := func(key string) error {
		result, err := p.Shop.PayoutRuns().Make(ctx, refgrow.PayoutRunParams{Idempotency: refgrow.Idempotency{Key: key}})
		if err != nil && (len(result.Payouts) > 0 || result.Replayed) {
			t.Errorf("with %v the result is %+v", err, result)
		}
		return err
	}
	pay := func(key string) error {
		results, replayed, err := p.Shop.PayPayouts(ctx, refgrow.PayPayoutsParams{
			Payouts: []refgrow.PayoutPayment{{ID: 1}}, Idempotency: refgrow.Idempotency{Key: key},
		})
		if err != nil && (results != nil || replayed) {
			t.Errorf("with %v the results are %+v, replayed %v", err, results, replayed)
		}
		return err
	}
	_, _, err := p.Shop.Once(refgrow.Idempotency{Key: "once"}).Do(ctx, func(*refgrow.Project) (refgrow.Answer, error) {
		return refgrow.Answer{Status: 201}, nil
	})
	p.OK(err)
	p.Refused("a run with the key of a call", run("once"), refgrow.ErrConflict, "Idempotency-Key")
	p.Refused("payments with the key of a call", pay("once"), refgrow.ErrConflict, "Idempotency-Key")
	p.OK(run("run"))
	p.Refused("payments with the key of a run", pay("run"), refgrow.ErrConflict, "Idempotency-Key")
	p.OK(pay("pay"))
	p.Refused("a run with the key of payments", run("pay"), refgrow.ErrConflict, "Idempotency-Key")
	// The same where both would ask for the same.
	const other = "UPDATE refgrow_payout_tasks SET run_id = CASE WHEN run_id IS NULL THEN 1 END"
	p.Exec(other)
	p.Refused("the run", run("run"), refgrow.ErrConflict, "Idempotency-Key")
	p.Refused("the payments", pay("pay"), refgrow.ErrConflict, "Idempotency-Key")
	p.Exec(other)
	p.OK(run("run"))
	p.OK(pay("pay"))

	for _, c := range []struct {
		damage string
		calls  []func() error
	}{
		{"UPDATE refgrow_payouts SET currency = 'dollars'", []func() error{func() error { return pay("pay") }}},
		{"UPDATE refgrow_payout_tasks SET refused = '['", []func() error{func() error { return pay("pay") }}},
		{"UPDATE refgrow_payout_runs SET currency = 'dollars'", []func() error{
			func() error { return run("run") },
			func() error { _, err := p.Shop.PayoutRuns().Get(ctx, 1); return err },
			func() error { _, err := p.Shop.PayoutRuns().List(ctx, refgrow.ListPayoutRunsParams{}); return err },
		}},
	} {
		p.Exec(c.damage)
		for i, call := range c.calls {
			if err := call(); !errors.Is(err, refgrow.ErrDamaged) {
				t.Errorf("%s: call %d returns %v", c.damage, i, err)
			}
		}
	}
}

// A call that waits for its twin can give up.
func TestWaitingForATwinEnds(t *testing.T) {
	t.Parallel()
	p, store := stepped(t)
	p.adjust(p.Affiliate("jane"), "10.00 USD")
	p.run(refgrow.PayoutRunParams{})
	params := refgrow.PayPayoutsParams{
		Payouts: []refgrow.PayoutPayment{{ID: 1}}, Idempotency: refgrow.Idempotency{Key: "pay"},
	}
	store.on(func(int) {
		store.on(func(int) { t.Error("the twin does not wait") })
		defer store.on(nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := p.Shop.PayPayouts(ctx, params); !errors.Is(err, context.Canceled) {
			t.Errorf("the twin returns %v", err)
		}
	})
	results, replayed, err := p.Shop.PayPayouts(t.Context(), params)
	p.OK(err)
	if became(results) != "1 paid" || replayed {
		t.Errorf("it became %s, replayed %v", became(results), replayed)
	}
}

// A payout that would not have all the entries of its amount is not made.
func TestPayoutWithoutAllItsEntries(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.Affiliate("jane")
	p.adjust(jane, "10.00 USD")
	p.adjust(jane, "20.00 USD")
	p.Exec(`CREATE TRIGGER skip BEFORE INSERT ON refgrow_payout_entries WHEN NEW.entry_id = 2
		BEGIN SELECT RAISE(IGNORE); END`)
	if made, err := p.Shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{}); err == nil || len(made) > 0 {
		t.Errorf("the run made %+v (%v)", made, err)
	}
	p.Exec("DROP TRIGGER skip")
	p.made("the next run", p.run(refgrow.PayoutRunParams{}), "30.00 USD pending")
	p.Verify()
}

// became is what became of many payouts, as text.
func became(results []refgrow.PayoutResult) string {
	text := ""
	for i, r := range results {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprint(r.ID, " ", r.Status)
		if r.Err != nil {
			text += string(r.Err.Code)
		}
	}
	return text
}

// Ids of nobody are refused as such, and so is a page that is too large.
func TestWrongParamsOfRuns(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	jane := p.Affiliate("jane")
	for _, ids := range [][]int64{{0}, {-1}, {jane.ID, 0}} {
		for field, params := range map[string]refgrow.PayoutRunParams{
			"affiliate_ids": {AffiliateIDs: slices.Clone(ids)}, "without": {Without: slices.Clone(ids)},
		} {
			_, err := p.Shop.PayoutRuns().Preview(ctx, params)
			p.Refused(fmt.Sprint("a run with ", ids), err, refgrow.ErrInvalid, field)
		}
	}
	_, err := p.Shop.PayoutRuns().List(ctx, refgrow.ListPayoutRunsParams{Limit: refgrow.MaxLimit + 1})
	p.Refused("too large a page", err, refgrow.ErrInvalid, "limit")
}
