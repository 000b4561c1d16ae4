package engine_test

import (
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A read that takes longer than it may ends; what is written, and what is read in a
// caller's transaction, has no such bound.
func TestReadsHaveDeadlines(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	database, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "refgrow.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	engine, err := refgrow.New(ctx, database, refgrow.Config{
		Timeout: time.Nanosecond, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := engine.CreateProject(ctx, "shop", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	jane, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	reads := map[string]func(p *refgrow.Project) error{
		"list conversions": func(p *refgrow.Project) error {
			_, err := p.ListConversions(ctx, refgrow.ListConversionsParams{})
			return err
		},
		"list affiliates": func(p *refgrow.Project) error {
			_, err := p.ListAffiliates(ctx, refgrow.ListAffiliatesParams{})
			return err
		},
		"count referrals": func(p *refgrow.Project) error {
			_, err := p.CountReferrals(ctx, refgrow.ListReferralsParams{AffiliateID: jane.ID})
			return err
		},
	}
	for name, read := range reads {
		var own *refgrow.Error
		if err := read(shop); !errors.Is(err, refgrow.ErrTooSlow) || !errors.As(err, &own) ||
			own.Code != refgrow.CodeTooSlow {
			t.Errorf("%s: %v", name, err)
		}
		for _, patient := range []time.Duration{-1, time.Minute} {
			if err := read(shop.WithTimeout(patient)); err != nil {
				t.Errorf("%s within %v: %v", name, patient, err)
			}
		}
		if err := database.Tx(ctx, func(tx *sql.Tx) error { return read(shop.WithTx(tx)) }); err != nil {
			t.Errorf("%s in a transaction: %v", name, err)
		}
	}
}
