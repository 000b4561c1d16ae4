package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// Of twins with one key the second one waits, and makes none.
func TestTwinsOfARun(t *testing.T) {
	t.Parallel()
	p := inOwnFileAtOnce(t, refgrow.Settings{})
	for i := range 30 {
		p.adjust(p.Affiliate(fmt.Sprint("aff", i)), "10.00 USD")
	}
	params := refgrow.PayoutRunParams{Idempotency: refgrow.Idempotency{Key: "twins"}}
	results := make([]*refgrow.PayoutRunResult, 4)
	var done sync.WaitGroup
	for i := range results {
		done.Go(func() {
			result, err := p.Shop.PayoutRuns().Make(t.Context(), params)
			if err != nil {
				t.Error(err)
			}
			results[i] = result
		})
	}
	done.Wait()
	firsts := 0
	for _, r := range results {
		if !r.Replayed {
			firsts++
		}
		if len(r.Payouts) != 30 || told(r) != told(results[0]) {
			t.Errorf("a twin has %s", told(r))
		}
	}
	if n, err := p.Shop.CountPayouts(t.Context(), refgrow.ListPayoutsParams{}); err != nil || n != 30 || firsts != 1 {
		t.Errorf("%d payouts (%v), and %d firsts", n, err, firsts)
	}
	// Who waits for a twin can give up.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Shop.PayoutRuns().Make(ctx, params); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p.Verify()
}

// lagging returns a program, and its project as another process sees it, whose queries
// go through faults.
func lagging(t *testing.T) (p *program, twin *refgrow.Project, seen *faults) {
	t.Helper()
	file, seen := refgrowtest.File(t), new(faults)
	p = programOn(t, refgrow.SQLite(shoptest.OpenApp(t, file, 1)), shoptest.OpenApp(t, file, 1), refgrow.Settings{})
	pool := sql.OpenDB(faultyConnector{p.App.Driver(), file + "?_pragma=busy_timeout(100)", seen})
	t.Cleanup(func() { pool.Close() })
	other, err := refgrow.New(t.Context(), refgrow.SQLite(pool), refgrow.Config{Now: p.Clock.Now})
	p.OK(err)
	twin, err = other.Project(t.Context(), "shop")
	p.OK(err)
	return p, twin, seen
}

// A twin in another process that lags behind takes no step that the other one has taken,
// whatever became of it since: nobody is in a run twice.
func TestTwinThatLags(t *testing.T) {
	t.Parallel()
	for step, reached := 1, true; reached; step++ {
		p, shop, seen := lagging(t)
		ctx := t.Context()
		for i := range 4 {
			p.adjust(p.Affiliate(fmt.Sprint("aff", i)), "10.00 USD")
		}
		params := refgrow.PayoutRunParams{Idempotency: refgrow.Idempotency{Key: "twins"}}
		// Before the step, the other one goes on until the third payout, which are canceled.
		reached = false
		left := step
		seen.begins = func() {
			if left--; left != 0 {
				return
			}
			reached = true
			p.Exec(`CREATE TRIGGER stop BEFORE INSERT ON refgrow_payouts WHEN NEW.affiliate_id = 3
				BEGIN SELECT RAISE(ABORT, 'stop'); END`)
			if _, err := p.Shop.PayoutRuns().Make(ctx, params); err == nil && step < 5 {
				t.Error("nothing has stopped it")
			}
			p.Exec("DROP TRIGGER stop")
			for payout, err := range p.Shop.AllPayouts(ctx, refgrow.ListPayoutsParams{Status: refgrow.PayoutPending}) {
				p.OK(err)
				_, err := p.Shop.CancelPayout(ctx, payout.ID)
				p.OK(err)
			}
		}
		_, err := shop.PayoutRuns().Make(ctx, params)
		p.OK(err)
		if n, err := p.Shop.CountPayouts(ctx, refgrow.ListPayoutsParams{}); err != nil || n != 4 {
			t.Errorf("with a twin before step %d there are %d payouts (%v)", step, n, err)
		}
		p.Verify()
	}
}

// Twins in two processes say the same of many payouts, and judge none twice, whatever
// became of it since.
func TestTwinOfManyPayouts(t *testing.T) {
	t.Parallel()
	const unknown = 5
	ids := []int64{1, 2, unknown, 3, 4}
	for step, reached := 1, true; reached; step++ {
		p, shop, seen := lagging(t)
		ctx := t.Context()
		for i := range 4 {
			p.adjust(p.Affiliate(fmt.Sprint("aff", i)), "10.00 USD")
		}
		p.run(refgrow.PayoutRunParams{})
		params := refgrow.PayPayoutsParams{Idempotency: refgrow.Idempotency{Key: "twins"}}
		for _, id := range ids {
			params.Payouts = append(params.Payouts, refgrow.PayoutPayment{ID: id, ExternalReference: "a wire"})
		}
		// Before the step, the other one does all that is left. Then all comes back, and is
		// to be paid by further payouts.
		reached = false
		left := step
		seen.begins = func() {
			if left--; left != 0 {
				return
			}
			reached = true
			results, _, err := p.Shop.PayPayouts(ctx, params)
			if p.OK(err); became(results) != "1 paid, 2 paid, 5 not_found, 3 paid, 4 paid" {
				t.Errorf("before step %d it became %s", step, became(results))
			}
			for _, id := range []int64{1, 2, 3, 4} {
				_, err := p.Shop.ReturnPayout(ctx, id, refgrow.ReturnPayoutParams{Note: "unclaimed"})
				p.OK(err)
			}
			p.run(refgrow.PayoutRunParams{})
		}
		results, replayed, err := shop.PayPayouts(ctx, params)
		p.OK(err)
		var want []refgrow.PayoutResult
		for i, id := range ids {
			r := refgrow.PayoutResult{ID: id, Status: refgrow.PayoutReturned}
			switch {
			case id == unknown:
				r = refgrow.PayoutResult{ID: id, Err: &refgrow.Error{Code: refgrow.CodeNotFound}}
			case !reached || i < step-2: // after the key, one step for each
				r.Status = refgrow.PayoutPaid
			}
			want = append(want, r)
		}
		if became(results) != became(want) || replayed != (step == 1) {
			t.Errorf("with a twin before step %d it became %s, want %s; replayed %v",
				step, became(results), became(want), replayed)
		}
		if payout, err := p.Shop.GetPayout(ctx, unknown); reached && (err != nil || payout.Status != refgrow.PayoutPending) {
			t.Errorf("with a twin before step %d the later payout is %+v (%v)", step, payout, err)
		}
		p.Verify()
	}
}

// Of a run that a twin in another process ends, both say all that it made.
func TestTwinThatEndsARun(t *testing.T) {
	t.Parallel()
	for step, reached := 1, true; reached; step++ {
		p, shop, seen := lagging(t)
		ctx := t.Context()
		for i := range 3 {
			p.adjust(p.Affiliate(fmt.Sprint("aff", i)), "10.00 USD")
		}
		params := refgrow.PayoutRunParams{Idempotency: refgrow.Idempotency{Key: "twins"}}
		const want = "1: 10.00 pending, 2: 10.00 pending, 3: 10.00 pending"
		reached = false
		left := step
		seen.begins = func() {
			if left--; left == 0 {
				reached = true
				other, err := p.Shop.PayoutRuns().Make(ctx, params)
				if p.OK(err); told(other) != want {
					t.Errorf("before step %d the other one has %s", step, told(other))
				}
			}
		}
		result, err := shop.PayoutRuns().Make(ctx, params)
		p.OK(err)
		replayed := reached && step <= 2 // after the key, one step for each
		if told(result) != want || result.Run.Count != 3 || result.Replayed != replayed {
			t.Errorf("with a twin before step %d the run is %s: %+v", step, told(result), result)
		}
		p.Verify()
	}
}
