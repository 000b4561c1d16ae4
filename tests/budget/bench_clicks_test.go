package budget_test

import (
	"database/sql"
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

const (
	clickers       = 64
	clickedPartner = 1000
)

// A visitedShop is a program that people reach through its affiliates' links.
type visitedShop struct {
	sellingShop
	clicked atomic.Uint64
}

// click is one by a different visitor each time.
func (s *visitedShop) click() refgrow.Click {
	n := s.clicked.Add(1)
	var address [16]byte
	binary.BigEndian.PutUint64(address[:], 0xfd<<56|n)
	return refgrow.Click{
		ReferralCode: fmt.Sprintf("partner%d", n*n%clickedPartner),
		URL:          "https://shop.example.com/plans?ref=partner",
		Referrer:     "https://blog.example.org/",
		UserAgent:    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
		Address:      netip.AddrFrom16(address),
	}
}

func newVisitedShop(b *testing.B, store refgrow.Store) *visitedShop {
	b.Helper()
	s := new(visitedShop)
	s.engine, _ = refgrowtest.On(b, store)
	var err error
	s.shop, err = s.engine.CreateProject(b.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		b.Fatal(err)
	}
	for i := range clickedPartner {
		_, err := s.shop.CreateAffiliate(b.Context(), refgrow.CreateAffiliateParams{
			Email: fmt.Sprintf("a%d@example.com", i), ReferralCode: fmt.Sprintf("partner%d", i),
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// each runs the work in 64 goroutines, n times in all, and notes how long each took on
// average.
func (s *visitedShop) each(n int, work func()) {
	start := time.Now()
	var wait sync.WaitGroup
	for range clickers {
		wait.Go(func() {
			for range n / clickers {
				work()
			}
		})
	}
	wait.Wait()
	s.took = append(s.took, time.Since(start)/time.Duration(n))
}

// queue hands a click to the engine until it is taken.
func (s *visitedShop) queue() {
	for click := s.click(); !s.shop.QueueClick(click); {
		time.Sleep(100 * time.Microsecond)
	}
}

// middle is the median of the ratios of the rounds of two that took turns.
func middle(slow, fast []time.Duration) float64 {
	ratios := make([]float64, len(slow))
	for i := range ratios {
		ratios[i] = slow[i].Seconds() / fast[i].Seconds()
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

// BenchmarkClicks compares, in rounds that take turns, clicks that are queued with
// clicks that are each recorded in a durable transaction of their own, from 64
// goroutines; and the recording of conversions alongside clicks that come as fast as
// they are taken, with the recording alone.
func BenchmarkClicks(b *testing.B) {
	ctx := b.Context()
	pool, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "app.db")+
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(200)")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { pool.Close() })
	single := newVisitedShop(b, refgrow.SQLite(pool))
	file, err := sqlite.Open(ctx, filepath.Join(b.TempDir(), "refgrow.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { file.Close() })
	queued := newVisitedShop(b, file)

	var alone, alongside []time.Duration
	for b.Loop() {
		single.each(clickers*20, func() {
			if counts, err := single.shop.RecordClicks(ctx, []refgrow.Click{single.click()}); err != nil || counts.Counted != 1 {
				b.Error(counts, err)
			}
		})
		queued.each(clickers*400, queued.queue)
		if err := queued.engine.FlushClicks(ctx); err != nil {
			b.Fatal(err)
		}
		clicked := queued.took
		queued.sell(b)
		alone = append(alone, queued.took[len(queued.took)-1])
		done := make(chan struct{})
		var wait sync.WaitGroup
		for range runtime.GOMAXPROCS(0) {
			wait.Go(func() {
				for {
					select {
					case <-done:
						return
					default:
						queued.queue()
					}
				}
			})
		}
		queued.sell(b)
		close(done)
		wait.Wait()
		alongside = append(alongside, queued.took[len(queued.took)-1])
		queued.took = clicked
	}
	if err := queued.engine.FlushClicks(ctx); err != nil {
		b.Fatal(err)
	}
	if stats := queued.engine.Stats(); uint64(stats.ClicksCounted) != queued.clicked.Load() {
		b.Errorf("of %d clicks: %+v", queued.clicked.Load(), stats)
	}
	b.ReportMetric(middle(single.took, queued.took), "queued/single")
	b.ReportMetric(1/middle(alongside, alone), "conversions-alongside/alone")
	b.ReportMetric(1/queued.took[len(queued.took)/2].Seconds(), "clicks/s")
	b.ReportMetric(1/single.took[len(single.took)/2].Seconds(), "single/s")
}
