package engine_test

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
	token, key, err := p.Engine.CreateKey(t.Context(), p.Shop, refgrow.CreateKeyParams{Name: "app"})
	p.OK(err)
	held := p.lock()
	calls := map[string]func(context.Context) error{
		"Project": func(ctx context.Context) error { _, err := p.Engine.Project(ctx, "shop"); return err },
		"EnsureProject": func(ctx context.Context) error {
			_, err := p.Engine.EnsureProject(ctx, "shop", refgrow.Settings{})
			return err
		},
		"Projects":      func(ctx context.Context) error { _, err := p.Engine.Projects(ctx); return err },
		"Authenticate":  func(ctx context.Context) error { _, _, err := p.Engine.Authenticate(ctx, token); return err },
		"Keys":          func(ctx context.Context) error { _, err := p.Engine.Keys(ctx); return err },
		"RevokeKey":     func(ctx context.Context) error { return p.Engine.RevokeKey(ctx, key.ID) },
		"GetAffiliate":  func(ctx context.Context) error { _, err := p.Shop.GetAffiliate(ctx, 1); return err },
		"GetConversion": func(ctx context.Context) error { _, err := p.Shop.GetConversion(ctx, 1); return err },
		"GetReferral":   func(ctx context.Context) error { _, err := p.Shop.GetReferral(ctx, 1); return err },
		"GetCoupon":     func(ctx context.Context) error { _, err := p.Shop.GetCoupon(ctx, 1); return err },
		"Earnings": func(ctx context.Context) error {
			_, err := p.Shop.Earnings(ctx, 1, refgrow.AsOf(p.Clock.Now()))
			return err
		},
		"CountConversions": func(ctx context.Context) error {
			_, err := p.Shop.CountConversions(ctx, refgrow.ListConversionsParams{})
			return err
		},
		"RecordConversion": func(ctx context.Context) error {
			_, err := p.Shop.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup})
			return err
		},
		"Verify": func(ctx context.Context) error { _, err := p.Engine.Verify(ctx); return err },
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
				t.Errorf("%s returned %v at the end of its context", a.name, a.err)
			}
		case <-late:
			for name := range calls {
				t.Errorf("%s did not return at the end of its context", name)
			}
			clear(calls)
		}
	}
	p.OK(held.Rollback())
	if _, shop, err := p.Engine.Authenticate(t.Context(), token); err != nil || shop.ID() != p.Shop.ID() {
		t.Errorf("afterwards the key opens %v (%v)", shop, err)
	}
}
