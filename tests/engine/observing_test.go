package engine_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

// An observer is told when operations begin and end, with which error, and its context
// reaches what happens inside.
func TestObserver(t *testing.T) {
	t.Parallel()
	type mark struct{}
	var told []string
	under := 0
	database, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "refgrow.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { database.Close() })
	engine, err := refgrow.New(t.Context(), database, refgrow.Config{
		Observe: func(ctx context.Context, operation string) (context.Context, func(error)) {
			if ctx.Value(mark{}) != nil {
				under++
			}
			return context.WithValue(ctx, mark{}, operation), func(err error) {
				code := "done"
				if own, ok := errors.AsType[*refgrow.Error](err); ok {
					code = string(own.Code)
				} else if err != nil {
					code = err.Error()
				}
				told = append(told, operation+": "+code)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	shop, err := engine.CreateProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		t.Fatal(err)
	}
	expect := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(told, want) {
			t.Errorf("%s: it was told\n%s\nbut should be\n%s", what, strings.Join(told, "\n"), strings.Join(want, "\n"))
		}
		told = nil
	}
	told = nil
	if _, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com"}); err != nil {
		t.Fatal(err)
	}
	expect("a write", "creating an affiliate: done")
	if _, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com"}); err == nil {
		t.Error("a second Jane was taken")
	}
	expect("a refused write", "creating an affiliate: conflict")
	if _, err := shop.GetAffiliate(ctx, 9); err == nil {
		t.Error("there is an affiliate 9")
	}
	expect("a read", "finding an affiliate: not_found")
	if _, err := shop.ListConversions(ctx, refgrow.ListConversionsParams{}); err != nil {
		t.Fatal(err)
	}
	expect("a list", "listing conversions: done")
	under = 0
	wrong := errors.New("no")
	if err := shop.Atomic(ctx, func(shop *refgrow.Project) error {
		_, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: 1, BaseValue: money.MustParse("10.00 USD"),
		})
		return errors.Join(err, wrong)
	}); err == nil {
		t.Error("it was committed")
	}
	expect("a transaction", "recording a conversion: done", fmt.Sprint("running a transaction: ", wrong))
	func() {
		defer func() { _ = recover() }()
		_ = shop.Atomic(ctx, func(*refgrow.Project) error { panic("no") })
	}()
	expect("a panic", "running a transaction: its work did not return")
	if s := engine.Stats(); s.DatabaseSize == 0 || s.LogSize == 0 || s.Operations == 0 || s.Waited == 0 {
		t.Errorf("the stats are %+v", s)
	}
}
