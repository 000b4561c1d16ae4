package engine_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"

	_ "modernc.org/sqlite"
)

// What an app forgot is told in a sentence, not by a panic far inside.
func TestMisuse(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]refgrow.Store{
		"nothing": nil, "no database": refgrow.SQLite(nil), "no file": (*sqlite.DB)(nil),
	} {
		_, err := refgrow.New(t.Context(), store, refgrow.Config{})
		if own, ok := errors.AsType[*refgrow.Error](err); !ok || own.Field != "store" || !strings.Contains(own.Message,
			"is missing") {
			t.Errorf("of %s: %v", name, err)
		}
	}
	engine, _ := refgrowtest.New(t)
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*refgrow.Project{
		"nobody's": new(refgrow.Project), "nobody's with a transaction": new(refgrow.Project).WithTx(nil),
		"one without a transaction": shop.WithTx(nil),
	} {
		_, _, err := p.PayPayouts(t.Context(), refgrow.PayPayoutsParams{
			Payouts: []refgrow.PayoutPayment{{ID: 1}}, Idempotency: refgrow.Idempotency{Key: "k"},
		})
		if !errors.Is(err, refgrow.ErrInvalid) {
			t.Errorf("%s: payments with a key: %v", name, err)
		}
		for what, handle := range map[string]any{
			"Project": p, "Webhooks": p.Webhooks(), "PayoutRuns": p.PayoutRuns(), "Insights": p.Insights(),
			"Once": p.Once(refgrow.Idempotency{Key: "k"}),
		} {
			methods := reflect.ValueOf(handle)
			for i := range methods.NumMethod() {
				t.Run(name+"/"+what+"/"+methods.Type().Method(i).Name, func(t *testing.T) {
					t.Parallel()
					callEmpty(t, methods.Method(i))
				})
			}
		}
	}
}

// callEmpty calls a method with a context and nothing else. If it returns an error, that
// says what is wrong.
func callEmpty(t *testing.T, method reflect.Value) {
	t.Helper()
	args := make([]reflect.Value, method.Type().NumIn())
	for i := range args {
		switch of := method.Type().In(i); {
		case of == reflect.TypeFor[context.Context]():
			args[i] = reflect.ValueOf(t.Context())
		case of.Kind() == reflect.Func:
			args[i] = reflect.MakeFunc(of, func([]reflect.Value) []reflect.Value {
				results := make([]reflect.Value, of.NumOut())
				for i := range results {
					results[i] = reflect.Zero(of.Out(i))
				}
				return results
			})
		default:
			args[i] = reflect.Zero(of)
		}
	}
	call := method.Call
	if method.Type().IsVariadic() {
		call = method.CallSlice
	}
	for _, result := range call(args) {
		if err, ok := reflect.TypeAssert[error](result); ok && !errors.Is(err, refgrow.ErrInvalid) {
			t.Errorf("it returns %v", err)
		}
	}
}

// The error of an app's own function comes back as it is.
func TestAtomicReturnsTheAppsError(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	engine, _ := refgrowtest.New(t)
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	own := errors.New("no")
	for _, err := range []error{own, errors.Join(own, sql.ErrNoRows), refgrow.ErrBusy, context.Canceled} {
		if got := shop.Atomic(t.Context(), func(*refgrow.Project) error { return err }); got != err ||
			got.Error() != err.Error() {
			t.Errorf("%v comes back as %v", err, got)
		}
	}
	file, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	engine, err = refgrow.New(t.Context(), refgrow.SQLite(file), refgrow.Config{})
	if err != nil {
		t.Fatal(err)
	}
	borrowed, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if got := borrowed.Atomic(t.Context(), func(*refgrow.Project) error { return own }); got != own {
		t.Errorf("it comes back as %v", got)
	}
}

// Blanks around an email cost no claim, and a note of blanks is none.
func TestBlanksAround(t *testing.T) {
	t.Parallel()
	engine, _ := refgrowtest.New(t)
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("10")})
	if err != nil {
		t.Fatal(err)
	}
	jane, err := shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{
		Email: "jane@example.com", ReferralCode: "JANE",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.ClaimSignup(t.Context(), "\u00a0carl@example.com \n", "JANE"); err != nil {
		t.Fatal(err)
	}
	c, err := shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Signup, Customer: refgrow.Customer{Email: "carl@example.com"},
	})
	if err != nil || c.AffiliateID != jane.ID {
		t.Errorf("the claim is lost: %+v, %v", c, err)
	}
	_, err = shop.ReturnPayout(t.Context(), 1, refgrow.ReturnPayoutParams{Note: " \t"})
	if own, ok := errors.AsType[*refgrow.Error](err); !ok || own.Field != "note" {
		t.Errorf("a blank note: %v", err)
	}
}
