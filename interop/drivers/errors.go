package drivers

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// Errors makes the database fail in every way that an app has to tell apart, and checks
// what the engine says about it: each driver has its own form for SQLite's result
// codes.
func Errors(t *testing.T, d Driver) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T, Driver){
		"taken":           taken,
		"too much":        tooMuch,
		"locked":          locked,
		"locked table":    lockedTable,
		"kept out":        keptOut,
		"full":            full,
		"full inside":     fullInside,
		"damaged":         damaged,
		"no database":     noDatabase,
		"no directory":    noDirectory,
		"read-only":       readOnly,
		"closed":          closed,
		"lost":            lost,
		"canceled":        canceled,
		"canceled inside": canceledInside,
		"as it was left":  asItWasLeft,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, d)
		})
	}
}

// newShop is a shop in a new file, with one sale.
func newShop(t *testing.T, d Driver, s Settings) (*shop, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.db")
	shop, err := openShop(t.Context(), d.open(t, path, s))
	if err != nil {
		t.Fatal(err)
	}
	if err := sell(t.Context(), shop.project, "first"); err != nil {
		t.Fatal(err)
	}
	return shop, path
}

func one() Settings {
	s := usual()
	s.Connections = 1
	return s
}

// sell records a sale.
func sell(ctx context.Context, p *refgrow.Project, reference string) error {
	_, err := p.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, ReferralCode: code, BaseValue: money.MustParse("10.00 USD"), Reference: reference,
	})
	return err
}

// is checks that an error is of a kind, and of no other.
func is(t *testing.T, what string, err, kind error) {
	t.Helper()
	for _, other := range []error{
		refgrow.ErrNotFound, refgrow.ErrConflict, refgrow.ErrInvalid, refgrow.ErrBusy, refgrow.ErrClosed,
		refgrow.ErrUnauthorized, refgrow.ErrSchema, refgrow.ErrDamaged, context.Canceled,
	} {
		if errors.Is(err, other) != errors.Is(kind, other) {
			t.Errorf("%s returned %v; is it %q? %v", what, err, other, errors.Is(err, other))
		}
	}
	if err == nil {
		t.Errorf("%s returned no error", what)
	}
}

// sound checks the books, and the number of sales.
func (s *shop) sound(t *testing.T, sales int64) {
	t.Helper()
	report, err := s.engine.Verify(t.Context())
	if err != nil || len(report.Differences) > 0 {
		t.Errorf("the books: %v %+v", err, report)
	}
	if report.Conversions != sales {
		t.Errorf("there are %d sales, want %d", report.Conversions, sales)
	}
}

func execute(t *testing.T, on interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, query string) {
	t.Helper()
	if _, err := on.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// The second of two that want one name is told so, and loses no more than that.
func taken(t *testing.T, d Driver) {
	s, _ := newShop(t, d, usual())
	ctx := t.Context()
	if err := s.inTx(ctx, func(tx *sql.Tx) error {
		p := s.project.WithTx(tx)
		is(t, "a reference that is taken", sell(ctx, p, "first"), refgrow.ErrConflict)
		_, err := p.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com"})
		is(t, "an email that is taken", err, refgrow.ErrConflict)
		return sell(ctx, p, "second")
	}); err != nil {
		t.Error(err)
	}
	s.sound(t, 2)
}

// An account that is too big is refused only by a constraint of the schema.
func tooMuch(t *testing.T, d Driver) {
	s, _ := newShop(t, d, usual())
	execute(t, s.pool, "UPDATE refgrow_accounts "+
		"SET total = total + 8999999999999999700, eligible = eligible + 8999999999999999700")
	is(t, "an account beyond its bound", sell(t.Context(), s.project, "second"), refgrow.ErrInvalid)
	execute(t, s.pool, "UPDATE refgrow_accounts "+
		"SET total = total - 8999999999999999700, eligible = eligible - 8999999999999999700")
	s.sound(t, 1)
}

// The app has closed its pool, or ended its transaction.
func closed(t *testing.T, d Driver) {
	s, path := newShop(t, d, usual())
	ctx := t.Context()
	tx, err := s.pool.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := sell(ctx, s.project.WithTx(tx), "second"); !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("a transaction that has ended returned %v", err)
	}
	pool := d.open(t, path, usual())
	gone, err := openShop(ctx, pool)
	if err != nil {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	is(t, "a sale", sell(ctx, gone.project, "second"), refgrow.ErrClosed)
	_, err = gone.project.ListConversions(ctx, refgrow.ListConversionsParams{})
	is(t, "a list", err, refgrow.ErrClosed)
	_, err = gone.engine.Verify(ctx)
	is(t, "Verify", err, refgrow.ErrClosed)
	s.sound(t, 1)
}
