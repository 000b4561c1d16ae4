package refgrow_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A program is a database of a test's own with one project, whose clock stands
// still.
type program struct {
	*testing.T
	engine *refgrow.Engine
	clock  *refgrowtest.Clock
	shop   *refgrow.Project
	// app is the app's own way into the same file.
	app *sql.DB
}

// inOwnFile is a program in a file of the engine's own, for a test that does one
// thing after the other.
func inOwnFile(t *testing.T, settings refgrow.Settings) *program {
	t.Helper()
	single(t)
	return inOwnFileAtOnce(t, settings)
}

// inOwnFileAtOnce is one for a test that does things side by side.
func inOwnFileAtOnce(t *testing.T, settings refgrow.Settings) *program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "refgrow.db")
	database, err := sqlite.Open(t.Context(), path, sqlite.Options{Durability: sqlite.Normal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { database.Close() })
	return programOn(t, database, openApp(t, path, 2), settings)
}

// inAppsFile is a program in a database of the app, by its pool.
func inAppsFile(t *testing.T, connections int, settings refgrow.Settings) *program {
	t.Helper()
	app := openApp(t, filepath.Join(t.TempDir(), "app.db"), connections)
	return programOn(t, refgrow.SQLite(app), app, settings)
}

func programOn(t *testing.T, store refgrow.Store, app *sql.DB, settings refgrow.Settings) *program {
	t.Helper()
	p := &program{T: t, app: app}
	p.engine, p.clock = refgrowtest.On(t, store)
	shop, err := p.engine.CreateProject(t.Context(), "shop", settings)
	if err != nil {
		t.Fatal(err)
	}
	p.shop = shop
	return p
}

// openApp opens a file as an app does: with its own settings, and without
// foreign keys.
func openApp(t *testing.T, path string, connections int) *sql.DB {
	t.Helper()
	app, err := sql.Open("sqlite", path+"?_txlock=immediate&_pragma=busy_timeout(100)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	app.SetMaxOpenConns(connections)
	t.Cleanup(func() { app.Close() })
	return app
}

// ok ends the test after an error.
func (p *program) ok(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// affiliate joins as NAME, name@example.com.
func (p *program) affiliate(name string) *refgrow.Affiliate {
	p.Helper()
	a, err := p.shop.CreateAffiliate(p.Context(), refgrow.CreateAffiliateParams{Email: name + "@example.com", ReferralCode: name})
	p.ok(err)
	return a
}

func (p *program) coupon(params refgrow.CreateCouponParams) *refgrow.Coupon {
	p.Helper()
	c, err := p.shop.CreateCoupon(p.Context(), params)
	p.ok(err)
	return c
}

// earning is a sale that earns an affiliate the value.
func earning(a *refgrow.Affiliate, value money.Amount) refgrow.RecordConversionParams {
	return refgrow.RecordConversionParams{Type: refgrow.Purchase, AffiliateID: a.ID, BaseValue: value, Value: value}
}

func (p *program) record(params refgrow.RecordConversionParams) *refgrow.Conversion {
	p.Helper()
	c, err := p.shop.RecordConversion(p.Context(), params)
	p.ok(err)
	return c
}

func (p *program) update(c *refgrow.Conversion, params refgrow.UpdateConversionParams) *refgrow.Conversion {
	p.Helper()
	changed, err := p.shop.UpdateConversion(p.Context(), c.ID, params)
	p.ok(err)
	return changed
}

func (p *program) decision(c *refgrow.Conversion) refgrow.Decision {
	p.Helper()
	d, err := c.Decision()
	p.ok(err)
	return d
}

func (p *program) earnings(a *refgrow.Affiliate, options ...refgrow.EarningsOption) []refgrow.Balance {
	p.Helper()
	balances, err := p.shop.Earnings(p.Context(), a.ID, options...)
	p.ok(err)
	return balances
}

// verify checks that the engine finds nothing wrong.
func (p *program) verify() {
	p.Helper()
	report, err := p.engine.Verify(p.Context())
	p.ok(err)
	for _, d := range report.Differences {
		p.Errorf("Verify: %v", d)
	}
}

// refused checks that an error is of a kind and names the field at fault.
func (p *program) refused(what string, err, kind error, field string) {
	p.Helper()
	var own *refgrow.Error
	if !errors.Is(err, kind) || !errors.As(err, &own) || own.Field != field {
		p.Errorf("%s gave %v, but should give %v that names %q", what, err, kind, field)
	}
}

// exec runs a statement past the engine.
func (p *program) exec(query string, args ...any) {
	p.Helper()
	if _, err := p.app.ExecContext(p.Context(), query, args...); err != nil {
		p.Fatalf("%s: %v", query, err)
	}
}

// count reads a number past the engine.
func (p *program) count(query string, args ...any) (n int) {
	p.Helper()
	if err := p.app.QueryRowContext(p.Context(), query, args...).Scan(&n); err != nil {
		p.Fatalf("%s: %v", query, err)
	}
	return n
}

// single skips in short mode, in which CI looks for races, what does one thing after
// the other: it has been tested without.
func single(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("does one thing after the other")
	}
}
