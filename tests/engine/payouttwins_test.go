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

// A twin in another process that lags behind takes no step that the other one has taken,
// whatever became of it since: nobody is in a run twice.
func TestTwinThatLags(t *testing.T) {
	t.Parallel()
	for step, reached := 1, true; reached; step++ {
		file, faults := refgrowtest.File(t), new(faults)
		p := programOn(t, refgrow.SQLite(shoptest.OpenApp(t, file, 1)), shoptest.OpenApp(t, file, 1), refgrow.Settings{})
		ctx := t.Context()
		for i := range 4 {
			p.adjust(p.Affiliate(fmt.Sprint("aff", i)), "10.00 USD")
		}
		params := refgrow.PayoutRunParams{Idempotency: refgrow.Idempotency{Key: "twins"}}
		pool := sql.OpenDB(faultyConnector{p.App.Driver(), file + "?_pragma=busy_timeout(100)", faults})
		t.Cleanup(func() { pool.Close() })
		twin, err := refgrow.New(ctx, refgrow.SQLite(pool), refgrow.Config{Now: p.Clock.Now})
		p.OK(err)
		shop, err := twin.Project(ctx, "shop")
		p.OK(err)
		// Before the step, the other one goes on until the third payout, which are canceled.
		reached = false
		left := step
		faults.begins = func() {
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
		_, err = shop.PayoutRuns().Make(ctx, params)
		p.OK(err)
		if n, err := p.Shop.CountPayouts(ctx, refgrow.ListPayoutsParams{}); err != nil || n != 4 {
			t.Errorf("with a twin before step %d there are %d payouts (%v)", step, n, err)
		}
		p.Verify()
	}
}
