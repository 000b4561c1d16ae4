package main

import (
	"path/filepath"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest/anydriver"
)

// The tests of an app with GORM set the engine's clock by package anydriver: refgrowtest
// itself brings a driver that would register the name of GORM's a second time.
func TestHold(t *testing.T) {
	t.Parallel()
	for name, prepared := range map[string]bool{"statements": false, "prepared statements": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			orm, err := open(filepath.Join(t.TempDir(), "app.db"))
			if err != nil {
				t.Fatal(err)
			}
			orm = orm.Session(&gorm.Session{PrepareStmt: prepared})
			db, err := orm.DB()
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			engine, clock := anydriver.On(t, refgrow.SQLite(db))
			s, err := newShop(t.Context(), orm, engine)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.prepare(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx := refgrow.WithAttribution(t.Context(), refgrow.Attribution{ReferralCode: "JANE"})
			if _, err := s.placeOrder(ctx, "carl@example.com", money.MustParse("49.00 USD"),
				func() error { return nil }); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"0.00 USD", "9.80 USD"} {
				affiliate, err := s.program.AffiliateByCode(t.Context(), "JANE")
				if err != nil {
					t.Fatal(err)
				}
				if got := affiliate.Earnings[0].Payable.String(); got != want {
					t.Errorf("at %s, %s can be paid out, want %s", clock.Now(), got, want)
				}
				clock.Advance(31 * 24 * time.Hour)
			}
		})
	}
}
