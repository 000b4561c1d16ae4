package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refgrow-go/refgrow"
)

// A run lets others in after every 100 payouts, for a moment. Inside of a transaction it
// lets nobody in by waiting, so it does not wait. Time is that of the bubble: it passes
// only while the run waits.
func TestRunsLetOthersIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		inside         bool
		payouts, waits int
	}{
		"199": {false, 199, 1}, "201": {false, 201, 2}, "201 inside of a transaction": {true, 201, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := inOwnFile(t, refgrow.Settings{})
				p.manyEarners(c.payouts)
				run := func(shop *refgrow.Project) error {
					began := time.Now()
					made, err := shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{})
					if len(made) != c.payouts || time.Since(began) != time.Duration(c.waits)*50*time.Millisecond {
						t.Errorf("%d payouts were made, within %v", len(made), time.Since(began))
					}
					return err
				}
				if c.inside {
					p.OK(p.atomic(run))
				} else {
					p.OK(run(p.Shop))
				}
			})
		})
	}
}

// A run whose time is over while it lets others in says so, and not that the file is
// busy.
func TestRunEndsInAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := inOwnFile(t, refgrow.Settings{})
		p.manyEarners(101)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		made, err := p.Shop.RunPayouts(ctx, refgrow.PayoutRunParams{})
		if len(made) != 100 || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, refgrow.ErrBusy) {
			t.Errorf("%d payouts were made: %v", len(made), err)
		}
	})
}

// manyEarners are affiliates with a dollar each.
func (p *program) manyEarners(n int) {
	p.Helper()
	p.OK(p.atomic(func(shop *refgrow.Project) error {
		outside := p.Shop
		defer func() { p.Shop = outside }()
		p.Shop = shop
		for i := range n {
			p.adjust(p.Affiliate(fmt.Sprint("aff", i)), "1.00 USD")
		}
		return nil
	}))
}
