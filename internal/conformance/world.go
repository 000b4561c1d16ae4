package conformance

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest/anydriver"
)

// A world is a test's own database, with an engine whose clock stands still and one
// project.
type world struct {
	*testing.T
	Opened

	open   Open
	path   string // of the database
	engine *refgrow.Engine
	clock  *anydriver.Clock
	// shop pays 20 % of a purchase, without a hold, in USD.
	shop *refgrow.Project
}

func setup(t *testing.T, open Open) *world {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.db")
	w := &world{T: t, Opened: open(t, path), open: open, path: path, clock: anydriver.NewClock()}
	engine, err := refgrow.New(t.Context(), w.Store, refgrow.Config{
		Now: w.clock.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		t.Fatal(err)
	}
	w.engine, w.shop = engine, shop
	return w
}

// A failure ends a test from must, which takes the two values of a call and so has no
// room for a *testing.T.
type failure struct{ text string }

// must returns the result of a call that has to succeed. It works in the test's own
// goroutine only.
func must[T any](value T, err error) T {
	if err != nil {
		_, file, line, _ := runtime.Caller(1)
		panic(failure{fmt.Sprintf("%s:%d: %v", file[strings.LastIndexByte(file, '/')+1:], line, err)})
	}
	return value
}

// caught turns the failure of a must into one of the test.
func (w *world) caught() {
	if v := recover(); v != nil {
		f, ok := v.(failure)
		if !ok {
			panic(v)
		}
		w.Helper()
		w.Fatal(f.text)
	}
}

// errOf returns the error of a call whose value does not matter.
func errOf[T any](_ T, err error) error { return err }

// ok ends the test after an error.
func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// equal compares what a test got with what it should.
func equal[T any](w *world, what string, got, want T) {
	w.Helper()
	if !reflect.DeepEqual(got, want) {
		w.Errorf("%s is %v, but should be %v", what, got, want)
	}
}

// refused checks that an error is of a kind and names the field at fault.
func (w *world) refused(what string, err, kind error, field string) {
	w.Helper()
	var own *refgrow.Error
	switch {
	case !errors.Is(err, kind):
		w.Errorf("%s returned %v, but should return %v", what, err, kind)
	case !errors.As(err, &own):
		w.Errorf("%s returned %v, which is not an *Error", what, err)
	case own.Field != field:
		w.Errorf("%s names the field %q, but should name %q: %v", what, own.Field, field, err)
	case own.Message == "" || !errors.Is(codes()[own.Code], kind):
		w.Errorf("%s returned the code %q with the message %q", what, own.Code, own.Message)
	}
}

// takenBy checks that a conflict is with something that exists, and says with which.
func (w *world) takenBy(what string, err error, field string, id int64) {
	w.Helper()
	w.inTheWay(what, err, field, id)
	equal(w, what+": it is with something that exists", errors.Is(err, refgrow.ErrExists), true)
}

// inTheWayOf checks that a conflict with the state of a thing says which one it is.
func (w *world) inTheWayOf(what string, err error, field string, id int64) {
	w.Helper()
	w.inTheWay(what, err, field, id)
	equal(w, what+": it is with something that exists", errors.Is(err, refgrow.ErrExists), false)
}

func (w *world) inTheWay(what string, err error, field string, id int64) {
	w.Helper()
	w.refused(what, err, refgrow.ErrConflict, field)
	if own := new(refgrow.Error); errors.As(err, &own) {
		equal(w, what+": the id of what is in the way", own.ID, id)
	}
}

func codes() map[refgrow.Code]error {
	return map[refgrow.Code]error{
		refgrow.CodeNotFound: refgrow.ErrNotFound, refgrow.CodeConflict: refgrow.ErrConflict,
		refgrow.CodeErased:  refgrow.ErrConflict,
		refgrow.CodeInvalid: refgrow.ErrInvalid, refgrow.CodeBusy: refgrow.ErrBusy,
		refgrow.CodeClosed: refgrow.ErrClosed, refgrow.CodeUnauthorized: refgrow.ErrUnauthorized,
	}
}

// verify checks that the engine finds nothing wrong.
func (w *world) verify() refgrow.Report {
	w.Helper()
	report := must(w.engine.Verify(w.Context()))
	for _, d := range report.Differences {
		w.Errorf("Verify: %v", d)
	}
	return report
}

// inTx runs work in a transaction of the app's own, in whichever way the store
// provides.
func (w *world) inTx(work func(tx *sql.Tx) error) error {
	if w.DB == nil {
		return w.Store.(interface {
			Tx(ctx context.Context, work func(tx *sql.Tx) error) error
		}).Tx(w.Context(), work)
	}
	tx, err := w.DB.BeginTx(w.Context(), nil)
	if err != nil {
		return err
	}
	if err := work(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// exec runs one statement behind the engine's back.
func (w *world) exec(query string, args ...any) error {
	return w.inTx(func(tx *sql.Tx) error { return errOf(tx.ExecContext(w.Context(), w.sql(query), args...)) })
}

// value reads one value behind the engine's back.
func value[T any](w *world, query string, args ...any) T {
	w.Helper()
	var v T
	w.ok(w.inTx(func(tx *sql.Tx) error { return tx.QueryRowContext(w.Context(), w.sql(query), args...).Scan(&v) }))
	return v
}

// affiliate joins the shop as NAME, name@example.com.
func (w *world) affiliate(name string) *refgrow.Affiliate {
	w.Helper()
	a, err := w.shop.CreateAffiliate(w.Context(), refgrow.CreateAffiliateParams{
		Email: strings.ToLower(name) + "@example.com", ReferralCode: strings.ToUpper(name),
	})
	w.ok(err)
	return a
}

// another creates an affiliate with an email that is free again, and a code of its own:
// those of a deleted one stay in use.
func (w *world) another(name string) *refgrow.Affiliate {
	w.Helper()
	return must(w.shop.CreateAffiliate(w.Context(), refgrow.CreateAffiliateParams{Email: name + "@example.com"}))
}

// purchase records a sale for an affiliate.
func (w *world) purchase(affiliate int64, base string) *refgrow.Conversion {
	w.Helper()
	c, err := w.shop.RecordConversion(w.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: affiliate, BaseValue: money.MustParse(base),
	})
	w.ok(err)
	return c
}

// record records a conversion that has to succeed.
func (w *world) record(params refgrow.RecordConversionParams) *refgrow.Conversion {
	w.Helper()
	c, err := w.shop.RecordConversion(w.Context(), params)
	w.ok(err)
	return c
}

// set changes settings of the shop.
func (w *world) set(params refgrow.UpdateSettingsParams) refgrow.Settings {
	w.Helper()
	s, err := w.shop.UpdateSettings(w.Context(), params)
	w.ok(err)
	return s
}

// update changes a conversion.
func (w *world) update(c *refgrow.Conversion, params refgrow.UpdateConversionParams) *refgrow.Conversion {
	w.Helper()
	changed, err := w.shop.UpdateConversion(w.Context(), c.ID, params)
	w.ok(err)
	return changed
}

func (w *world) decision(c *refgrow.Conversion) refgrow.Decision {
	w.Helper()
	d, err := c.Decision()
	w.ok(err)
	return d
}

// collect reads a list to its end.
func collect[T any](w *world, list iter.Seq2[T, error]) []T {
	w.Helper()
	var items []T
	for item, err := range list {
		w.ok(err)
		items = append(items, item)
	}
	return items
}

// ids returns those of a list, in its order.
func ids[T any](items []T, id func(*T) int64) []int64 {
	list := make([]int64, len(items))
	for i := range items {
		list[i] = id(&items[i])
	}
	return list
}

func conversionIDs(items []refgrow.Conversion) []int64 {
	return ids(items, func(c *refgrow.Conversion) int64 { return c.ID })
}

// sameIDs compares two lists, their order included.
func (w *world) sameIDs(what string, got, want []int64) {
	w.Helper()
	if !slices.Equal(got, want) {
		w.Errorf("%s is %v, but should be %v", what, got, want)
	}
}

// balances is what an affiliate has, as text: total, paid, eligible and held of each
// currency, leaving out those with nothing.
func (w *world) balances(affiliate int64, options ...refgrow.EarningsOption) string {
	w.Helper()
	earned, err := w.shop.Earnings(w.Context(), affiliate, options...)
	w.ok(err)
	return w.show(earned)
}

func (w *world) show(earned []refgrow.Balance) string {
	w.Helper()
	var parts []string
	for _, b := range earned {
		if b.Total.Minor() != b.Eligible.Minor()+b.Held.Minor()+b.Paid.Minor() ||
			b.Unpaid.Minor() != b.Eligible.Minor()+b.Held.Minor() {
			w.Errorf("the balance does not add up: %+v", b)
		}
		if !b.Total.IsZero() || !b.Paid.IsZero() || !b.Eligible.IsZero() || !b.Held.IsZero() {
			parts = append(parts, fmt.Sprintf("%s total %s paid %s eligible %s held %s",
				b.Currency, b.Total.Decimal(), b.Paid.Decimal(), b.Eligible.Decimal(), b.Held.Decimal()))
		}
	}
	return strings.Join(parts, "; ")
}
