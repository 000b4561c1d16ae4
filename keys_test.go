package refgrow_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// While the app holds the pool's only connection, a call ends with its context.
func TestCallsEndWithTheirContext(t *testing.T) {
	t.Parallel()
	p := inAppsFile(t, 1, refgrow.Settings{})
	token, key, err := p.engine.CreateKey(t.Context(), p.shop, refgrow.CreateKeyParams{Name: "app"})
	p.ok(err)
	held := p.lock()
	calls := map[string]func(context.Context) error{
		"Project": func(ctx context.Context) error { _, err := p.engine.Project(ctx, "shop"); return err },
		"EnsureProject": func(ctx context.Context) error {
			_, err := p.engine.EnsureProject(ctx, "shop", refgrow.Settings{})
			return err
		},
		"Projects":      func(ctx context.Context) error { _, err := p.engine.Projects(ctx); return err },
		"Authenticate":  func(ctx context.Context) error { _, _, err := p.engine.Authenticate(ctx, token); return err },
		"Keys":          func(ctx context.Context) error { _, err := p.engine.Keys(ctx); return err },
		"RevokeKey":     func(ctx context.Context) error { return p.engine.RevokeKey(ctx, key.ID) },
		"GetAffiliate":  func(ctx context.Context) error { _, err := p.shop.GetAffiliate(ctx, 1); return err },
		"GetConversion": func(ctx context.Context) error { _, err := p.shop.GetConversion(ctx, 1); return err },
		"GetReferral":   func(ctx context.Context) error { _, err := p.shop.GetReferral(ctx, 1); return err },
		"GetCoupon":     func(ctx context.Context) error { _, err := p.shop.GetCoupon(ctx, 1); return err },
		"Earnings": func(ctx context.Context) error {
			_, err := p.shop.Earnings(ctx, 1, refgrow.AsOf(p.clock.Now()))
			return err
		},
		"CountConversions": func(ctx context.Context) error {
			_, err := p.shop.CountConversions(ctx, refgrow.ListConversionsParams{})
			return err
		},
		"RecordConversion": func(ctx context.Context) error {
			_, err := p.shop.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup})
			return err
		},
		"Verify": func(ctx context.Context) error { _, err := p.engine.Verify(ctx); return err },
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	type answered struct {
		name string
		err  error
	}
	answers := make(chan answered, len(calls))
	for name, call := range calls {
		go func() { answers <- answered{name, call(ctx)} }()
	}
	late := time.After(10 * time.Second)
	for len(calls) > 0 {
		select {
		case a := <-answers:
			delete(calls, a.name)
			if !errors.Is(a.err, context.DeadlineExceeded) {
				t.Errorf("%s gave %v at the end of its context", a.name, a.err)
			}
		case <-late:
			for name := range calls {
				t.Errorf("%s gave no answer at the end of its context", name)
			}
			clear(calls)
		}
	}
	p.ok(held.Rollback())
	if _, shop, err := p.engine.Authenticate(t.Context(), token); err != nil || shop.ID() != p.shop.ID() {
		t.Errorf("afterwards the key opens %v (%v)", shop, err)
	}
}
