package glebarez

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/glebarez/go-sqlite"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/interop/drivers"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest/anydriver"

	// What else an app embeds: if one of them brought a driver, this binary would panic
	// at its start, because both register one name.
	_ "github.com/refgrow-go/refgrow/httpapi"
	_ "github.com/refgrow-go/refgrow/tracking"
	_ "github.com/refgrow-go/refgrow/webhook"
)

var driver = drivers.Driver{Name: "sqlite", DSN: drivers.Pragmas}

func TestMain(m *testing.M) { drivers.Main(m, driver) }

func TestConformance(t *testing.T) { drivers.Conformance(t, driver) }
func TestCrash(t *testing.T)       { drivers.Crash(t, driver) }
func TestErrors(t *testing.T)      { drivers.Errors(t, driver) }

// What an app's own tests need stands beside its driver too.
func TestClock(t *testing.T) {
	t.Parallel()
	db, err := sql.Open(driver.Name, filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	engine, clock := anydriver.On(t, refgrow.SQLite(db))
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{
		Commission: refgrow.Percent("20"), HoldDays: 30,
	})
	if err != nil {
		t.Fatal(err)
	}
	jane, err := shop.CreateAffiliate(t.Context(),
		refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, ReferralCode: "JANE", BaseValue: money.MustParse("49.00 USD"),
	}); err != nil {
		t.Fatal(err)
	}
	for _, payable := range []string{"0.00 USD", "9.80 USD"} {
		earned, err := shop.Earnings(t.Context(), jane.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got := earned[0].Payable.String(); got != payable {
			t.Errorf("at %s, %s can be paid, want %s", clock.Now(), got, payable)
		}
		clock.Advance(31 * 24 * time.Hour)
	}
}
