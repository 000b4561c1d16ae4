// Package shoptest is for black-box tests of the engine: a program in a database of the
// test's own, what such tests keep doing to it, and what they keep checking.
package shoptest

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A Program is a test's own database with one project, and a clock that stands still.
// Its methods end the test after an error, unless they say otherwise.
type Program struct {
	*testing.T
	Engine *refgrow.Engine
	Clock  *refgrowtest.Clock
	Shop   *refgrow.Project
	// App is the app's own way into the same file.
	App *sql.DB
}

// InOwnFile returns a program in a file of the engine's own, for a test that does one
// thing at a time. Such a test is skipped in short mode.
func InOwnFile(t *testing.T, settings refgrow.Settings) *Program {
	t.Helper()
	Single(t)
	return InOwnFileAtOnce(t, settings)
}

// InOwnFileAtOnce returns one for a test that does several things at once.
func InOwnFileAtOnce(t *testing.T, settings refgrow.Settings) *Program {
	t.Helper()
	path := refgrowtest.File(t)
	database, err := sqlite.Open(t.Context(), path, sqlite.Options{Durability: sqlite.Normal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { database.Close() })
	return On(t, database, OpenApp(t, path, 2), settings)
}

// InAppsFile returns a program in the app's database, reached through the app's pool.
func InAppsFile(t *testing.T, connections int, settings refgrow.Settings) *Program {
	t.Helper()
	app := OpenApp(t, refgrowtest.File(t), connections)
	return On(t, refgrow.SQLite(app), app, settings)
}

// On returns a program on a store that the test has opened. App is another way into the
// same database.
func On(t *testing.T, store refgrow.Store, app *sql.DB, settings refgrow.Settings) *Program {
	t.Helper()
	p := &Program{T: t, App: app}
	p.Engine, p.Clock = refgrowtest.On(t, store)
	shop, err := p.Engine.CreateProject(t.Context(), "shop", settings)
	if err != nil {
		t.Fatal(err)
	}
	p.Shop = shop
	return p
}

// OpenApp opens a file as an app does: with its own settings, and without
// foreign keys.
func OpenApp(t *testing.T, path string, connections int) *sql.DB {
	t.Helper()
	app, err := sql.Open("sqlite",
		path+"?_txlock=immediate&_pragma=busy_timeout(100)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	app.SetMaxOpenConns(connections)
	t.Cleanup(func() { app.Close() })
	return app
}

// OK ends the test after an error.
func (p *Program) OK(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// Affiliate creates one with the name as its code, and name@example.com.
func (p *Program) Affiliate(name string) *refgrow.Affiliate {
	p.Helper()
	a, err := p.Shop.CreateAffiliate(p.Context(), refgrow.CreateAffiliateParams{
		Email: name + "@example.com", ReferralCode: name,
	})
	p.OK(err)
	return a
}

// Coupon creates one.
func (p *Program) Coupon(params refgrow.CreateCouponParams) *refgrow.Coupon {
	p.Helper()
	c, err := p.Shop.CreateCoupon(p.Context(), params)
	p.OK(err)
	return c
}

// Earning describes a sale that earns an affiliate the value.
func Earning(a *refgrow.Affiliate, value money.Amount) refgrow.RecordConversionParams {
	return refgrow.RecordConversionParams{Type: refgrow.Purchase, AffiliateID: a.ID, BaseValue: value, Value: value}
}

// Record records a conversion.
func (p *Program) Record(params refgrow.RecordConversionParams) *refgrow.Conversion {
	p.Helper()
	c, err := p.Shop.RecordConversion(p.Context(), params)
	p.OK(err)
	return c
}

// Update changes a conversion, and returns it as it is then.
func (p *Program) Update(c *refgrow.Conversion, params refgrow.UpdateConversionParams) *refgrow.Conversion {
	p.Helper()
	changed, err := p.Shop.UpdateConversion(p.Context(), c.ID, params)
	p.OK(err)
	return changed
}

// Earnings returns an affiliate's balances.
func (p *Program) Earnings(a *refgrow.Affiliate, options ...refgrow.EarningsOption) []refgrow.Balance {
	p.Helper()
	balances, err := p.Shop.Earnings(p.Context(), a.ID, options...)
	p.OK(err)
	return balances
}

// Verify checks that the engine finds nothing wrong. The test goes on if it does.
func (p *Program) Verify() {
	p.Helper()
	report, err := p.Engine.Verify(p.Context())
	p.OK(err)
	for _, d := range report.Differences {
		p.Errorf("Verify: %v", d)
	}
}

// Refused checks that an error is of a kind and names the field at fault. The test
// goes on if it is not.
func (p *Program) Refused(what string, err, kind error, field string) {
	p.Helper()
	var own *refgrow.Error
	if !errors.Is(err, kind) || !errors.As(err, &own) || own.Field != field {
		p.Errorf("%s: the error is %v, but should be %v with the field %q", what, err, kind, field)
	}
}

// Exec runs a statement, bypassing the engine.
func (p *Program) Exec(query string, args ...any) {
	p.Helper()
	if _, err := p.App.ExecContext(p.Context(), query, args...); err != nil {
		p.Fatalf("%s: %v", query, err)
	}
}

// Count reads a number, bypassing the engine.
func (p *Program) Count(query string, args ...any) (n int) {
	p.Helper()
	if err := p.App.QueryRowContext(p.Context(), query, args...).Scan(&n); err != nil {
		p.Fatalf("%s: %v", query, err)
	}
	return n
}

// Single skips a test that does one thing at a time, in short mode only: CI looks for
// races in that mode, and runs such tests without it.
func Single(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("does one thing at a time")
	}
}
