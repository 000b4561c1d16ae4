package budget_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// How long another program's writes wait while the last stamp is brought back and every
// account of a large one is put back: 22,000 accounts, one of them with 50,000 entries
// on hold. It only says so, because it depends on how busy the machine is.
func TestResetLetsOthersIn(t *testing.T) {
	if os.Getenv("REFGROW_SOAK") == "" {
		t.Skip("REFGROW_SOAK=1 fills a large program")
	}
	const affiliates, onHold = 22_000, 50_000
	ctx := t.Context()
	engine, clock := refgrowtest.New(t)
	shop, err := engine.CreateProject(ctx, "shop", refgrow.Settings{HoldDays: 30})
	if err != nil {
		t.Fatal(err)
	}
	other, err := engine.CreateProject(ctx, "other", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	fill := func(n int, each func(p *refgrow.Project, i int) error) {
		t.Helper()
		for from := 0; from < n; from += 1000 {
			if err := shop.Atomic(ctx, func(p *refgrow.Project) error {
				for i := from; i < min(from+1000, n); i++ {
					if err := each(p, i); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill(affiliates, func(p *refgrow.Project, i int) error {
		a, err := p.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: fmt.Sprintf("a%d@example.com", i)})
		if err != nil {
			return err
		}
		return signup(ctx, p, a.ID)
	})
	fill(onHold, func(p *refgrow.Project, _ int) error { return signup(ctx, p, 7) })
	right := clock.Now()
	clock.Advance(60 * 24 * time.Hour)
	if err := engine.Upkeep(ctx); err != nil {
		t.Fatal(err)
	}
	clock.Set(right.Add(time.Hour))

	resets := make(chan time.Duration)
	go func() {
		began := time.Now()
		if done, err := engine.ResetStamp(ctx, shop); err != nil || !done.To.Equal(right) {
			t.Errorf("the reset returned %v, %v", done, err)
		}
		resets <- time.Since(began)
	}()
	var waits []time.Duration
	for {
		began := time.Now()
		if err := signup(ctx, other, 0); err != nil {
			t.Fatal(err)
		}
		waits = append(waits, time.Since(began))
		select {
		case took := <-resets:
			slices.Sort(waits)
			t.Logf("the reset took %v; meanwhile %d writes waited %v at the median and %v at most",
				took, len(waits), waits[len(waits)/2], waits[len(waits)-1])
			return
		default:
		}
	}
}

// signup records a signup of nobody in particular.
func signup(ctx context.Context, p *refgrow.Project, affiliate int64) error {
	_, err := p.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: affiliate, Value: money.MustParse("1.00 USD"),
	})
	return err
}
