package disks_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A disk has room for what is written, or has none.
type disk interface {
	fill()
	free()
}

// A fullShop is a program on a disk that fills up, with what its callers were told.
type fullShop struct {
	*shoptest.Program
	database *sqlite.DB
	path     string

	sent, done, refused atomic.Int64
	mu                  sync.Mutex
	told                map[string]error // by the reference of the sale
}

func newFullShop(t *testing.T, path string) *fullShop {
	t.Helper()
	s := &fullShop{Program: &shoptest.Program{T: t}, path: path, told: make(map[string]error)}
	var err error
	// A short log is copied into the file often, which needs room in another place.
	s.database, err = sqlite.Open(t.Context(), path, sqlite.Options{CheckpointPages: 100, Durability: sqlite.Normal})
	s.OK(err)
	t.Cleanup(func() { s.database.Close() })
	s.Engine, s.Clock = refgrowtest.On(t, s.database)
	s.Shop, err = s.Engine.CreateProject(t.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	s.OK(err)
	for i := range callers {
		s.Affiliate(fmt.Sprint("seller-", i+1))
	}
	return s
}

// callers is how many goroutines record sales at once, each for an affiliate of its
// own.
const callers = 8

// sell records sales until that many more of them are counted.
func (s *fullShop) sell(more int64, of *atomic.Int64) {
	s.Helper()
	end, patience := of.Load()+more, time.Now().Add(time.Minute)
	var all sync.WaitGroup
	for c := range int64(callers) {
		all.Go(func() {
			for of.Load() < end {
				if time.Now().After(patience) {
					s.Error("not done after a minute")
					return
				}
				s.sale(c + 1)
			}
		})
	}
	all.Wait()
}

func (s *fullShop) sale(affiliate int64) {
	reference := fmt.Sprint("sale ", s.sent.Add(1))
	_, err := s.Shop.RecordConversion(context.Background(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: affiliate, BaseValue: money.MustParse("10.00 USD"), Reference: reference,
		Product: strings.Repeat("x", 200), // so that it needs some room
	})
	s.mu.Lock()
	s.told[reference] = err
	s.mu.Unlock()
	if err == nil {
		s.done.Add(1)
	} else {
		s.refused.Add(1)
	}
}

// overflow fills the disk in the middle of everything, several times, and makes room
// again. It checks that everything else goes on, and that each caller was told the
// truth. sayFull is set where the error of the disk can be told from others.
func (s *fullShop) overflow(d disk, sayFull bool) {
	s.Helper()
	times := 2
	if os.Getenv("REFGROW_SOAK") != "" {
		times = 20
	}
	meanwhile := func(work func()) (ended func()) {
		var end sync.WaitGroup
		end.Go(work)
		return end.Wait
	}
	for range times {
		s.sell(50, &s.done)
		ended := meanwhile(d.fill)
		s.sell(50, &s.refused)
		ended()
		_, err := s.Shop.ListConversions(s.Context(), refgrow.ListConversionsParams{}) // reading goes on
		s.OK(err)
		_, err = s.Shop.Earnings(s.Context(), 1)
		s.OK(err)
		s.Verify()
		s.sell(20, &s.refused)
		ended = meanwhile(d.free)
		s.sell(50, &s.done) // without a restart
		ended()
	}
	stats := s.Engine.Stats()
	if stats.Operations <= stats.Commits {
		s.Errorf("%d operations in %d commits: they do not commit together", stats.Operations, stats.Commits)
	}
	s.Logf("%d sales were recorded and %d refused, in %d commits", s.done.Load(), s.refused.Load(), stats.Commits)
	s.toldTheTruth(s.Shop, sayFull)

	// The same is in the file when it is opened again.
	s.OK(s.Engine.Close(s.Context()))
	s.OK(s.database.Close())
	database, err := sqlite.Open(s.Context(), s.path, sqlite.Options{})
	s.OK(err)
	defer database.Close()
	s.Engine, _ = refgrowtest.On(s.T, database)
	shop, err := s.Engine.Project(s.Context(), "shop")
	s.OK(err)
	s.toldTheTruth(shop, sayFull)
}

// toldTheTruth checks that the sales that callers were told are recorded are there, and
// no others.
func (s *fullShop) toldTheTruth(shop *refgrow.Project, sayFull bool) {
	s.Helper()
	s.Verify()
	stored := make(map[string]bool)
	for c, err := range shop.AllConversions(s.Context(), refgrow.ListConversionsParams{Limit: refgrow.MaxLimit}) {
		s.OK(err)
		stored[c.Reference] = true
	}
	for reference, err := range s.told {
		if err != nil && sayFull && !saysFull(err) {
			s.Errorf("%s: %v", reference, err)
		}
		if stored[reference] != (err == nil) {
			s.Errorf("%s is recorded: %v, but the caller was told %v", reference, stored[reference], err)
		}
	}
	if len(stored) > len(s.told) {
		s.Errorf("%d sales are recorded, but only %d were sent", len(stored), len(s.told))
	}
}

func saysFull(err error) bool {
	own, ok := errors.AsType[*refgrow.Error](err)
	return ok && errors.Is(err, refgrow.ErrBusy) && strings.Contains(own.Message, "the disk is full")
}

// pages is a disk of which SQLite knows how much the file may take.
type pages struct{ *fullShop }

func (p pages) limit(pages int64) {
	if err := p.database.Tx(p.Context(), func(tx *sql.Tx) error {
		var now int64
		return tx.QueryRowContext(p.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Scan(&now)
	}); err != nil {
		p.Error(err)
	}
}

func (p pages) fill() { p.limit(1) } // SQLite never goes below the pages there are
func (p pages) free() { p.limit(math.MaxInt32) }

// When the disk is full, in the middle of many writers that commit together, each of
// them is told the truth. Reading goes on, and writing too once there is room.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := newFullShop(t, filepath.Join(t.TempDir(), "refgrow.db"))
	s.overflow(pages{s}, true)
}
