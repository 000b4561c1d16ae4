package engine_test

import (
	"errors"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// Visits see what a block does once it is committed, and never when it is undone.
func TestVisitsAroundBlocks(t *testing.T) {
	t.Parallel()
	p := inOwnFileAtOnce(t, refgrow.Settings{AllowedOrigins: []string{"https://example.com"}})
	ctx, undo := t.Context(), errors.New("undo")
	touch := func(shop *refgrow.Project) refgrow.Touch {
		s, err := shop.TrackingSettings(ctx)
		if err != nil {
			t.Error(err)
			return ""
		}
		s.AllowedOrigins[0] = "changed" // in a copy
		return s.Touch
	}
	first := func(shop *refgrow.Project) {
		t.Helper()
		_, err := shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{Touch: new(refgrow.TouchFirst)})
		p.OK(err)
	}
	if err := p.Shop.Atomic(ctx, func(shop *refgrow.Project) error {
		first(shop)
		if got := touch(shop); got != refgrow.TouchFirst {
			t.Errorf("inside the block the touch is %s", got)
		}
		_, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
		p.OK(err)
		leads, err := shop.LeadsToAffiliate(ctx, "JANE")
		if !leads {
			t.Error("inside the block the code leads nowhere")
		}
		return errors.Join(err, undo)
	}); !errors.Is(err, undo) {
		t.Fatal(err)
	}
	if got := touch(p.Shop); got != refgrow.TouchLast {
		t.Errorf("after a block that was undone, the touch is %s", got)
	}
	if leads, err := p.Shop.LeadsToAffiliate(ctx, "JANE"); leads || err != nil {
		t.Errorf("a code of a block that was undone leads somewhere: %v", err)
	}
	p.Clock.Advance(time.Minute)
	p.OK(p.Shop.Atomic(ctx, func(shop *refgrow.Project) error {
		first(shop)
		visited := make(chan refgrow.Touch)
		go func() { visited <- touch(p.Shop) }()
		if got := <-visited; got != refgrow.TouchLast {
			t.Errorf("outside the block the touch is %s", got)
		}
		return nil
	}))
	if got := touch(p.Shop); got != refgrow.TouchFirst {
		t.Errorf("after a block that was committed, the touch is %s", got)
	}
	settings, err := p.Shop.TrackingSettings(ctx)
	p.OK(err)
	if settings.AllowedOrigins[0] != "https://example.com" {
		t.Errorf("a caller has changed the origins for everyone: %v", settings.AllowedOrigins)
	}
}
