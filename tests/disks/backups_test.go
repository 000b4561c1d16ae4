package disks_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
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

// A sequence is what one writer records: its sales are numbered in order, without a
// gap.
type sequence struct {
	affiliate  int64
	sent, done atomic.Int64
}

func (s *sequence) reference(n int64) string { return fmt.Sprint(s.affiliate, "-", n) }

// A busyShop is a program in which some writers record sales without a pause.
type busyShop struct {
	*shoptest.Program
	sequences []*sequence

	mu   sync.Mutex
	took []time.Duration // by the sales since the last call of slowest
}

func newBusyShop(t *testing.T) *busyShop {
	t.Helper()
	s := &busyShop{Program: &shoptest.Program{T: t}}
	database, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "refgrow.db"), sqlite.Options{})
	s.OK(err)
	t.Cleanup(func() { s.OK(database.Close()) })
	s.Engine, s.Clock = refgrowtest.On(t, database)
	s.Shop, err = s.Engine.CreateProject(t.Context(), "shop", refgrow.Settings{
		Commission: refgrow.Percent("20"), HoldDays: 30,
	})
	s.OK(err)
	for i := range 4 {
		s.sequences = append(s.sequences, &sequence{affiliate: s.Affiliate(fmt.Sprint("writer-", i)).ID})
	}
	return s
}

// sale records the next sale of a sequence.
func (s *busyShop) sale(ctx context.Context, shop *refgrow.Project, of *sequence) error {
	_, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: of.affiliate, BaseValue: money.MustParse("10.00 USD"),
		Reference: of.reference(of.sent.Add(1)),
	})
	if err == nil {
		of.done.Add(1)
	}
	return err
}

// write lets all writers go on until stop is called. It returns once each is at work.
func (s *busyShop) write() (stop func()) {
	s.Helper()
	var before []int64
	for _, of := range s.sequences {
		before = append(before, of.done.Load())
	}
	ctx, cancel := context.WithCancel(s.Context())
	var writers sync.WaitGroup
	for _, of := range s.sequences {
		writers.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				if err := s.sale(s.Context(), s.Shop, of); err != nil {
					s.Error(err)
					return
				}
				s.mu.Lock()
				s.took = append(s.took, time.Since(began))
				s.mu.Unlock()
			}
		})
	}
	for i, of := range s.sequences {
		for of.done.Load() == before[i] && !s.Failed() {
			runtime.Gosched()
		}
	}
	return func() { cancel(); writers.Wait() }
}

// slowest returns what one in a hundred of the sales since the last call took at least.
func (s *busyShop) slowest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.took)
	p99 := s.took[len(s.took)*99/100]
	s.took = nil
	return p99
}

// backUp makes a backup while the writers write, and checks that it is a state that
// has existed: of each writer it has the first sales, all that were acknowledged
// before it began, and none that was sent after it ended.
func (s *busyShop) backUp(path string) {
	s.Helper()
	stop := s.write()
	acknowledged, sent := make([]int64, len(s.sequences)), make([]int64, len(s.sequences))
	for i, of := range s.sequences {
		acknowledged[i] = of.done.Load()
	}
	s.OK(s.Engine.Backup(s.Context(), path))
	for i, of := range s.sequences {
		sent[i] = of.sent.Load()
	}
	stop()

	database, err := sqlite.Open(s.Context(), path, sqlite.Options{})
	s.OK(err)
	defer func() { s.OK(database.Close()) }()
	engine, _ := refgrowtest.On(s.T, database)
	report, err := engine.Verify(s.Context())
	s.OK(err)
	for _, d := range report.Differences {
		s.Errorf("the backup: %s", d)
	}
	shop, err := engine.Project(s.Context(), "shop")
	s.OK(err)
	for i, of := range s.sequences {
		var n, last int64
		sales := refgrow.ListConversionsParams{AffiliateID: of.affiliate, Limit: refgrow.MaxLimit}
		for c, err := range shop.AllConversions(s.Context(), sales) {
			s.OK(err)
			number, err := strconv.ParseInt(strings.TrimPrefix(c.Reference, fmt.Sprint(of.affiliate, "-")), 10, 64)
			s.OK(err)
			n, last = n+1, max(last, number)
		}
		if n != last || n < acknowledged[i] || n > sent[i] {
			s.Errorf("writer %d: the backup has %d sales up to number %d; "+
				"%d were acknowledged before it, %d sent until its end", i, n, last, acknowledged[i], sent[i])
		}
	}
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			s.Error(err)
		}
	}
}

// Backups that are made while four writers go on are each a state that existed.
func TestBackups(t *testing.T) {
	t.Parallel()
	backups, large := 5, 0
	if os.Getenv("REFGROW_SOAK") != "" {
		backups, large = 100, 1_000_000
	}
	s := newBusyShop(t)
	path := filepath.Join(t.TempDir(), "copy.db")
	for range backups {
		s.backUp(path)
	}
	if large == 0 {
		return
	}
	s.grow(large)
	s.compare(path, 3)
}

// grow adds that many sales.
func (s *busyShop) grow(sales int) {
	s.Helper()
	for made := 0; made < sales; {
		s.OK(s.Shop.Atomic(s.Context(), func(shop *refgrow.Project) error {
			for range 10_000 {
				s.Clock.Advance(time.Second)
				if err := s.sale(s.Context(), shop, s.sequences[made%len(s.sequences)]); err != nil {
					return err
				}
				made++
			}
			return nil
		}))
	}
}

// compare makes that many backups of a large file. During one, the slowest sales take
// at most three times as long as without.
func (s *busyShop) compare(path string, backups int) {
	s.Helper()
	var percent []int64
	for range backups {
		s.took = nil
		stop := s.write()
		began := time.Now()
		s.OK(s.Engine.Backup(s.Context(), path))
		length := time.Since(began)
		during := s.slowest()
		time.Sleep(length) // the same time without one
		without := s.slowest()
		stop()
		s.Logf("a backup in %v: p99 %v during it, %v without", length.Round(time.Millisecond), during, without)
		percent = append(percent, int64(100*during/without))
		s.OK(os.Remove(path))
		s.backUp(path)
	}
	slices.Sort(percent)
	if middle := percent[len(percent)/2]; middle > 300 {
		s.Errorf("one sale in a hundred takes %d percent of the time it takes without a backup", middle)
	}
}
