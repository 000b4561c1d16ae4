package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A watcher is a log that does something at each line.
type watcher struct {
	slog.Handler

	at func(message string)
}

func (w watcher) Handle(ctx context.Context, r slog.Record) error {
	w.at(r.Message)
	return w.Handler.Handle(ctx, r)
}

// watched is a shop with a hold of 30 days, and what its engine logs.
func watched(t *testing.T, at func(message string)) (
	engine *refgrow.Engine, shop *refgrow.Project, clock *refgrowtest.Clock, log *bytes.Buffer,
) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir()+"/shop.db", sqlite.Options{Durability: sqlite.Normal})
	if err != nil {
		t.Fatal(err)
	}
	clock, log = refgrowtest.NewClock(), new(bytes.Buffer)
	if engine, err = refgrow.New(t.Context(), store, refgrow.Config{
		Now: clock.Now, Logger: slog.New(watcher{slog.NewTextHandler(log, nil), at}),
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if shop, err = engine.CreateProject(t.Context(), "shop", refgrow.Settings{
		HoldDays: 30, Commission: refgrow.Percent("20"),
	}); err != nil {
		t.Fatal(err)
	}
	return engine, shop, clock, log
}

// A leap is logged when something is written, once an hour and at each new stamp.
func TestLeapsAreLogged(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	ctx := t.Context()
	_, shop, clock, log := watched(t, func(string) {})
	joined := 0
	told := func(times int) {
		t.Helper()
		joined++
		email := fmt.Sprintf("jane%d@example.com", joined)
		jane, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: email})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := shop.GetAffiliate(ctx, jane.ID); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(log.String(), "the clock was wrong once"); n != times {
			t.Errorf("a leap was logged %d times, but should be %d times:\n%s", n, times, log)
		}
	}
	ask := func() {
		t.Helper()
		if _, err := shop.Earnings(ctx, 1, refgrow.AsOf(clock.Now())); err != nil {
			t.Fatal(err)
		}
	}
	told(0)
	right := clock.Now()
	clock.Advance(90 * 24 * time.Hour)
	ask()
	told(0)
	clock.Set(right)
	told(1)
	if line := log.String(); !strings.Contains(line, "project=shop") || !strings.Contains(line, `ahead="90 days"`) {
		t.Errorf("the log is %s", line)
	}
	told(1)
	clock.Advance(time.Hour - time.Millisecond)
	told(1)
	clock.Advance(time.Millisecond)
	told(2)
	told(2)
	clock.Advance(91 * 24 * time.Hour)
	ask()
	clock.Set(right)
	told(3)
	clock.Advance(92 * 24 * time.Hour)
	told(3)
}

// A reset puts accounts back in small transactions. What is posted before all of them
// are back is right as well, and Upkeep does the rest.
func TestInterruptedReset(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	ctx := t.Context()
	var stop context.CancelFunc
	engine, shop, clock, log := watched(t, func(message string) {
		if strings.HasPrefix(message, "the last stamp was brought back") {
			stop()
		}
	})
	resetStopped := func() (refgrow.StampReset, error) {
		var stopped context.Context
		stopped, stop = context.WithCancel(ctx)
		defer stop()
		return engine.ResetStamp(stopped, shop)
	}
	const affiliates = 450 // more than two transactions put back
	for i := range affiliates {
		email := fmt.Sprintf("a%d@example.com", i)
		if _, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: email}); err != nil {
			t.Fatal(err)
		}
	}
	sale := func(id int64) {
		t.Helper()
		if _, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: id, BaseValue: money.MustParse("100.00 USD"),
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range affiliates {
		sale(int64(i + 1))
	}
	earned := func(id int64) string {
		t.Helper()
		list, err := shop.Earnings(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("eligible %s, held %s", list[0].Eligible.Decimal(), list[0].Held.Decimal())
	}
	sound := func() {
		t.Helper()
		report, err := engine.Verify(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range report.Differences {
			t.Error(d)
		}
	}
	right := clock.Now()
	clock.Advance(60 * 24 * time.Hour)
	if err := engine.Upkeep(ctx); err != nil {
		t.Fatal(err)
	}
	clock.Set(right.Add(time.Hour))
	done, err := resetStopped()
	if err != context.Canceled || !done.To.Equal(right) {
		t.Fatalf("the reset returned %v, %v\n%s", done, err, log)
	}
	sound()
	sale(300)
	sale(7)
	if got := earned(300); got != "eligible 0.00, held 40.00" {
		t.Error(got)
	}
	sound()
	// A second leap before the first reset is through.
	clock.Advance(90 * 24 * time.Hour)
	if err := shop.DeleteAffiliate(ctx, 450); err != nil {
		t.Fatal(err)
	}
	if _, err := shop.Earnings(ctx, 1, refgrow.AsOf(clock.Now())); err != nil {
		t.Fatal(err)
	}
	clock.Set(right.Add(2 * time.Hour))
	if done, err = resetStopped(); err != context.Canceled || !done.To.Equal(right.Add(time.Hour)) {
		t.Fatalf("the second reset returned %v, %v", done, err)
	}
	sound()
	if err := engine.Upkeep(ctx); err != nil {
		t.Fatal(err)
	}
	sound()
	for id, want := range map[int64]string{
		7: "eligible 0.00, held 40.00", 8: "eligible 0.00, held 20.00", 300: "eligible 0.00, held 40.00",
	} {
		if got := earned(id); got != want {
			t.Errorf("affiliate %d has %s, but should have %s", id, got, want)
		}
	}
	clock.Set(right.Add(30 * 24 * time.Hour))
	sale(8)
	if got := earned(8); got != "eligible 20.00, held 20.00" {
		t.Error(got)
	}
	resets, err := engine.StampResets(ctx, shop)
	if err != nil || len(resets) != 2 || !reflect.DeepEqual(resets[0], done) {
		t.Errorf("the log of resets is %v, %v", resets, err)
	}
	sound()
}
