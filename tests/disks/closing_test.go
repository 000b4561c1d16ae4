package disks_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

// An engine and its store are closed, in any order, while many record sales: what was
// acknowledged is in the file, nothing else is, whoever was too late is told ErrClosed,
// nobody waits forever, and the books are in order.
func TestCloseUnderLoad(t *testing.T) {
	t.Parallel()
	rounds, long := 1, os.Getenv("REFGROW_SOAK") != ""
	if long {
		rounds = 5
	}
	owned := func(t *testing.T, path string) (refgrow.Store, func() error) {
		database, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return database, database.Close
	}
	pooled := func(settings string) func(t *testing.T, path string) (refgrow.Store, func() error) {
		return func(t *testing.T, path string) (refgrow.Store, func() error) {
			pool, err := sql.Open("sqlite", "file:"+filepath.ToSlash(path)+settings)
			if err != nil {
				t.Fatal(err)
			}
			return refgrow.SQLite(pool), pool.Close
		}
	}
	const withoutLog = "borrowed, without a log"
	for name, open := range map[string]func(t *testing.T, path string) (refgrow.Store, func() error){
		"owned file": owned,
		// Here each sale is a commit of its own, which need not wait for the disk.
		withoutLog:             pooled("?_pragma=synchronous(OFF)"),
		"borrowed, with a log": pooled("?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)"),
	} {
		for order, end := range map[string]func(closeEngine, closeStore func() error) error{
			"engine, then store": func(closeEngine, closeStore func() error) error {
				return errors.Join(closeEngine(), closeStore())
			},
			"store, then engine": func(closeEngine, closeStore func() error) error {
				return errors.Join(closeStore(), closeEngine())
			},
			"at the same time": func(closeEngine, closeStore func() error) error {
				first := make(chan error)
				go func() { first <- closeEngine() }()
				return errors.Join(closeStore(), <-first)
			},
		} {
			t.Run(name+"/"+order, func(t *testing.T) {
				t.Parallel()
				if name == withoutLog && !long || testing.Short() && name != "owned file" {
					t.Skip("it takes long, and is tried with REFGROW_SOAK=1")
				}
				for range rounds {
					path := filepath.Join(t.TempDir(), "refgrow.db")
					store, closeStore := open(t, path)
					s := newSales(t, store)
					s.busy = name == withoutLog
					s.record(t, func() error {
						return end(func() error { return s.engine.Close(context.Background()) }, closeStore)
					})
					store, closeStore = open(t, path)
					s.compare(t, store)
					if err := closeStore(); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
}

// The sales are recorded by many goroutines until the engine is closed.
type sales struct {
	engine *refgrow.Engine
	shop   *refgrow.Project
	// busy says that the database has neither a log nor a busy timeout: readers can then
	// find it locked.
	busy bool

	mu           sync.Mutex
	acknowledged []string // references
	clicks       int64    // that were taken
	some         chan struct{}
}

func newSales(t *testing.T, store refgrow.Store) *sales {
	t.Helper()
	engine, err := refgrow.New(t.Context(), store, refgrow.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{
		Email: "jane@example.com", ReferralCode: "JANE",
	}); err != nil {
		t.Fatal(err)
	}
	return &sales{engine: engine, shop: shop, some: make(chan struct{})}
}

// enough is how many sales are recorded before the end, at least, and someClicks how
// many clicks each reader queues.
const enough, someClicks = 100, 50

// record lets 16 goroutines record sales and two read them, calls end in the middle,
// and returns once everyone has been told ErrClosed.
func (s *sales) record(t *testing.T, end func() error) {
	t.Helper()
	var all sync.WaitGroup
	for seller := range 16 {
		all.Go(func() {
			for i := 0; ; i++ {
				ctx, cancel := context.Background(), func() {}
				switch i % 4 {
				case 2:
					ctx, cancel = context.WithTimeout(ctx, rand.N(2*time.Millisecond))
				case 3:
					ctx, cancel = context.WithCancel(ctx)
					time.AfterFunc(rand.N(2*time.Millisecond), cancel)
				}
				references, err := s.sell(ctx, seller, i)
				if !s.goesOn(ctx, t, references, err) {
					cancel()
					return
				}
				cancel()
			}
		})
	}
	for range 2 {
		all.Go(func() {
			for i := 0; ; i++ {
				ctx := context.Background()
				_, err := s.shop.ListAffiliates(ctx, refgrow.ListAffiliatesParams{})
				if err == nil {
					_, err = s.shop.CountConversions(ctx, refgrow.ListConversionsParams{})
				}
				if !s.goesOn(ctx, t, nil, err) {
					return
				}
				if i < someClicks && s.shop.QueueClick(refgrow.Click{ReferralCode: "JANE"}) {
					s.mu.Lock()
					s.clicks++
					s.mu.Unlock()
				}
			}
		})
	}
	within(t, "the first sales", func() { <-s.some })
	within(t, "the end", func() {
		if err := end(); err != nil {
			t.Error(err)
		}
		all.Wait()
	})
	got := s.engine.Stats()
	if settled := got.ClicksCounted + got.ClicksIgnored + got.ClicksDropped; got.ClicksWaiting != 0 || settled < s.clicks {
		t.Errorf("%d clicks were taken, and the engine was closed with %+v", s.clicks, got)
	}
}

// sell records a sale in one of several ways, and returns what is to be in the file if
// there is no error.
func (s *sales) sell(ctx context.Context, seller, i int) (references []string, err error) {
	sale := func(name string) refgrow.RecordConversionParams {
		references = append(references, fmt.Sprintf("%s %d-%d", name, seller, i))
		return refgrow.RecordConversionParams{
			Type: refgrow.Purchase, ReferralCode: "JANE", BaseValue: money.MustParse("10.00 USD"),
			Reference: references[len(references)-1],
		}
	}
	switch seller % 4 {
	case 0:
		both := []refgrow.RecordConversionParams{sale("first"), sale("second")}
		err = s.shop.Atomic(ctx, func(p *refgrow.Project) error {
			for _, params := range both {
				if _, err := p.RecordConversion(ctx, params); err != nil {
					return err
				}
			}
			return nil
		})
	case 1:
		params := sale("once")
		_, _, err = s.shop.Once(refgrow.Idempotency{Key: params.Reference}).RecordConversion(ctx, params,
			func(*refgrow.Conversion) refgrow.Answer { return refgrow.Answer{Status: 201} })
	default:
		_, err = s.shop.RecordConversion(ctx, sale("plain"))
	}
	return references, err
}

// goesOn notes what was acknowledged, and judges an error. It reports whether there is
// any point in going on.
func (s *sales) goesOn(ctx context.Context, t *testing.T, references []string, err error) bool {
	t.Helper()
	switch {
	case errors.Is(err, refgrow.ErrClosed), t.Context().Err() != nil: // the test has failed in the meantime
		return false
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return true
	case s.busy && errors.Is(err, refgrow.ErrBusy) && len(references) == 0:
		return true
	case err != nil:
		t.Errorf("neither done nor refused: %v", err)
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.acknowledged)
	s.acknowledged = append(s.acknowledged, references...)
	if before < enough && len(s.acknowledged) >= enough {
		close(s.some)
	}
	return true
}

// compare checks the file against what was acknowledged.
func (s *sales) compare(t *testing.T, store refgrow.Store) {
	t.Helper()
	ctx := t.Context()
	engine, err := refgrow.New(ctx, store, refgrow.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	report, err := engine.Verify(ctx)
	if err != nil || len(report.Differences) > 0 {
		t.Errorf("the books: %v %v", report.Differences, err)
	}
	shop, err := engine.Project(ctx, "shop")
	if err != nil {
		t.Fatal(err)
	}
	var written []string
	for c, err := range shop.AllConversions(ctx, refgrow.ListConversionsParams{Limit: refgrow.MaxLimit}) {
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, c.Reference)
	}
	slices.Sort(written)
	slices.Sort(s.acknowledged)
	if !slices.Equal(written, s.acknowledged) {
		t.Errorf("%d sales are written, and %d were acknowledged", len(written), len(s.acknowledged))
	}
	if err := engine.Close(ctx); err != nil {
		t.Error(err)
	}
}

// within ends the test when something takes too long.
func within(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		var stacks strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1) // to memory
		t.Fatalf("still waiting for %s:\n%s", what, &stacks)
	}
}
