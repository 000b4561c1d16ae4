package engine_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A journal is a log that can be read.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

// taken returns what was logged since the last call, in short.
func (j *journal) taken() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var lines []string
	for line := range strings.Lines(j.text.String()) {
		_, line, _ = strings.Cut(line, "msg=")
		line, _, _ = strings.Cut(line, " error=")
		lines = append(lines, strings.TrimSpace(line))
	}
	j.text.Reset()
	return strings.Join(lines, "; ")
}

// queueing is a program with one affiliate, jane, whose log can be read and which
// soon gives up when somebody else holds the lock.
func queueing(t *testing.T) (*program, *refgrow.Affiliate, *steppedStore, *journal) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "refgrow.db")
	database, err := sqlite.Open(t.Context(), path, sqlite.Options{
		Durability: sqlite.Normal, LockWait: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { database.Close() })
	store, log := &steppedStore{anyBackend: database.Backend()}, &journal{}
	p := &program{&shoptest.Program{T: t, App: shoptest.OpenApp(t, path, 2), Clock: refgrowtest.NewClock()}}
	p.Engine, err = refgrow.New(t.Context(), store, refgrow.Config{
		Now: p.Clock.Now, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	p.OK(err)
	t.Cleanup(func() {
		if err := p.Engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	p.Shop, err = p.Engine.CreateProject(t.Context(), "shop", refgrow.Settings{})
	p.OK(err)
	return p, p.Affiliate("jane"), store, log
}

// virtually runs a test on virtual time, which moves on when everything waits for
// it. It fails when a goroutine is left.
func virtually(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// visitor is a click by jane's code from the nth address.
func visitor(n int) refgrow.Click {
	address := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	binary.BigEndian.PutUint32(address[4:], uint32(n)) // the rest of an address is one visitor's
	return refgrow.Click{
		ReferralCode: "JANE", URL: "https://example.com/", UserAgent: "Mozilla/5.0", Address: netip.AddrFrom16(address),
	}
}

// became describes what became of the clicks, and checks that the file agrees.
func (p *program) became() string {
	p.Helper()
	s := p.Engine.Stats()
	if n := p.Count("SELECT COUNT(*) FROM refgrow_clicks"); int64(n) != s.ClicksCounted {
		p.Errorf("%d clicks are in the file, but %d were counted", n, s.ClicksCounted)
	}
	return fmt.Sprintf("%d counted, %d ignored, %d dropped, %d waiting",
		s.ClicksCounted, s.ClicksIgnored, s.ClicksDropped, s.ClicksWaiting)
}

// expect compares a text with what it should be.
func (p *program) expect(what, got, want string) {
	p.Helper()
	if got != want {
		p.Errorf("%s: %q, but should be %q", what, got, want)
	}
}

// While somebody else holds the lock, queueing a click does not wait: MaxQueuedClicks
// wait in memory and the rest are dropped, which the log says once a minute.
func TestQueuedClicksWaitForTheLock(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p, jane, _, log := queueing(t)
		ctx := t.Context()
		lock, start := p.lock(), time.Now()
		if !p.Shop.QueueClick(visitor(0)) {
			t.Error("the first was not taken")
		}
		time.Sleep(time.Second) // of virtual time: what was taken first is being tried
		p.expect("while the lock is held", p.became(), "0 counted, 0 ignored, 0 dropped, 1 waiting")
		start = start.Add(time.Second)
		for n := range refgrow.MaxQueuedClicks + 10 {
			if taken := p.Shop.QueueClick(visitor(n + 1)); taken != (n < refgrow.MaxQueuedClicks) {
				t.Fatalf("click %d is taken: %t", n, taken)
			}
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("queueing clicks waited for %v", waited)
		}
		p.expect("with a full queue", p.became(), "0 counted, 0 ignored, 10 dropped, 4097 waiting")
		p.expect("the log", log.taken(), `"clicks were dropped" clicks=1`)
		p.Clock.Advance(time.Minute - time.Millisecond)
		p.Shop.QueueClick(visitor(9000))
		p.expect("the log within a minute", log.taken(), "")
		p.Clock.Advance(time.Millisecond)
		p.Shop.QueueClick(visitor(9000))
		p.expect("the log after a minute", log.taken(), `"clicks were dropped" clicks=11`)

		soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		if err := p.Engine.FlushClicks(soon); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("flushing while the lock is held returned %v", err)
		}
		p.expect("after it", p.became(), "0 counted, 0 ignored, 12 dropped, 4097 waiting")

		p.OK(lock.Rollback())
		p.OK(p.Engine.FlushClicks(ctx))
		p.expect("at last", p.became(), "4097 counted, 0 ignored, 12 dropped, 0 waiting")
		got, err := p.Shop.GetAffiliate(ctx, jane.ID)
		if err != nil || got.Clicks != 4097 {
			t.Errorf("the affiliate is %+v (%v)", got, err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		p.OK(p.Engine.FlushClicks(ended)) // nothing waits
		p.expect("the log at last", log.taken(), "")
		p.Verify()
	})
}

// Each of many clicks is counted, ignored or dropped, and the file agrees.
func TestManyQueuedClicks(t *testing.T) {
	t.Parallel()
	p, jane, _, _ := queueing(t)
	const clients, each = 64, 1563
	var taken atomic.Int64
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			for n := range each {
				click := visitor(client*each + n)
				switch n % 10 {
				case 7:
					click.UserAgent = "bingbot/2.0"
				case 8:
					click.ReferralCode = "nobody"
				case 9:
					click.Address = visitor(0).Address
				}
				if p.Shop.QueueClick(click) {
					taken.Add(1)
				}
			}
		})
	}
	all.Wait()
	p.OK(p.Engine.FlushClicks(t.Context()))
	s := p.Engine.Stats()
	if s.ClicksCounted+s.ClicksIgnored+s.ClicksDropped != clients*each ||
		s.ClicksCounted+s.ClicksIgnored != taken.Load() || s.ClicksWaiting != 0 {
		t.Errorf("of %d clicks %d were taken, which became: %s", clients*each, taken.Load(), p.became())
	}
	if s.ClicksCounted < refgrow.MaxQueuedClicks/2 || s.ClicksIgnored < clients*(each/10) {
		t.Errorf("too few clicks were taken: %s", p.became())
	}
	got, err := p.Shop.GetAffiliate(t.Context(), jane.ID)
	if err != nil || got.Clicks != s.ClicksCounted {
		t.Errorf("the affiliate has %d clicks of %s (%v)", got.Clicks, p.became(), err)
	}
	p.Verify()
}

// An engine that is closed while the lock is held drops what waits when the context
// ends, and leaves nothing running.
func TestCloseWhileClicksWait(t *testing.T) {
	t.Parallel()
	for name, patience := range map[string]time.Duration{"soon": 200 * time.Millisecond, "at once": 0} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				p, _, _, log := queueing(t)
				lock := p.lock()
				for n := range 1000 {
					p.Shop.QueueClick(visitor(n))
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				start := time.Now()
				if err := p.Engine.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Close returned %v", err)
				}
				if took := time.Since(start); took < patience || took > patience+100*time.Millisecond {
					t.Errorf("Close took %v", took)
				}
				if logged := log.taken(); !strings.Contains(logged, "clicks were dropped") {
					t.Errorf("the log has %q", logged)
				}
				p.expect("afterwards", p.became(), "0 counted, 0 ignored, 1000 dropped, 0 waiting")
				if p.Shop.QueueClick(visitor(0)) {
					t.Error("a closed engine took a click")
				}
				p.OK(p.Engine.Close(t.Context()))
				p.OK(lock.Rollback())
				p.expect("at last", p.became(), "0 counted, 0 ignored, 1001 dropped, 0 waiting")
			})
		})
	}
}

// What the database refuses for a reason other than a lock is dropped, and what comes
// later is written.
func TestQueuedClicksThatCannotBeWritten(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p, _, _, log := queueing(t)
		p.Exec("CREATE TRIGGER stop BEFORE INSERT ON refgrow_clicks BEGIN SELECT RAISE(ABORT, 'stop'); END")
		for n := range 3 {
			p.Shop.QueueClick(visitor(n))
		}
		p.OK(p.Engine.FlushClicks(t.Context()))
		p.expect("what was refused", p.became(), "0 counted, 0 ignored, 3 dropped, 0 waiting")
		logged := log.taken()
		if !strings.Contains(logged, "clicks cannot be recorded") || !strings.Contains(logged, "clicks were dropped") {
			t.Errorf("the log has %q", logged)
		}
		p.Exec("DROP TRIGGER stop")
		p.Shop.QueueClick(visitor(0))
		p.OK(p.Engine.FlushClicks(t.Context()))
		p.expect("what came later", p.became(), "1 counted, 0 ignored, 3 dropped, 0 waiting")
		p.Verify()
	})
}

// The clicks of several projects wait in one queue, and each gets its own.
func TestQueuedClicksOfProjects(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p, _, _, _ := queueing(t)
		ctx := t.Context()
		shops := []*refgrow.Project{p.Shop}
		for n := range 2 {
			other, err := p.Engine.CreateProject(ctx, fmt.Sprint("other ", n), refgrow.Settings{})
			p.OK(err)
			_, err = other.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
			p.OK(err)
			shops = append(shops, other)
		}
		for n := range 60 {
			for _, shop := range shops[:1+n%3] {
				shop.QueueClick(visitor(n))
			}
		}
		p.OK(p.Engine.FlushClicks(ctx))
		for i, shop := range shops {
			days, err := shop.Statistics(ctx, refgrow.StatisticsParams{From: p.Clock.Now()})
			if err != nil || len(days) != 1 || days[0].Clicks != int64(60-20*i) {
				t.Errorf("project %d has %+v (%v)", i, days, err)
			}
		}
		p.Verify()
	})
}

// While clicks are written, old ones are pruned once an hour.
func TestQueuedClicksPruneOldOnes(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p, _, store, _ := queueing(t)
		writes := func() (n int) {
			store.on(func(write int) { n = write })
			defer store.on(nil)
			p.Shop.QueueClick(visitor(int(p.Clock.Now().Unix())))
			p.OK(p.Engine.FlushClicks(t.Context()))
			synctest.Wait()
			return n
		}
		for _, c := range []struct {
			by           time.Duration
			writes, left int
		}{
			{0, 2, 1},
			{time.Hour - time.Millisecond, 1, 2},
			{time.Millisecond, 2, 3},
			{90 * 24 * time.Hour, 2, 2}, // the newest of the old ones is 90 days old, and no older
			{-time.Hour, 2, 3},          // the clock went back
		} {
			p.Clock.Advance(c.by)
			if got := writes(); got != c.writes {
				t.Errorf("after %v there were %d writes, but should be %d", c.by, got, c.writes)
			}
			if left := p.Count("SELECT COUNT(*) FROM refgrow_clicks"); left != c.left {
				t.Errorf("after %v there are %d clicks, but should be %d", c.by, left, c.left)
			}
		}
		p.Verify()
	})
}

// Clicks of several projects that come in turn still share transactions.
func TestQueuedClicksOfTwoProjects(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p, _, _, _ := queueing(t)
		other, err := p.Engine.CreateProject(t.Context(), "other", refgrow.Settings{})
		p.OK(err)
		_, err = other.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{
			Email: "jane@example.com", ReferralCode: "JANE",
		})
		p.OK(err)
		before := p.Engine.Stats().Operations
		const each = 500
		for n := range each {
			p.Shop.QueueClick(visitor(n))
			other.QueueClick(visitor(n))
		}
		p.OK(p.Engine.FlushClicks(t.Context()))
		p.expect("clicks of two projects", p.became(), "1000 counted, 0 ignored, 0 dropped, 0 waiting")
		if n := p.Engine.Stats().Operations - before; n > 40 {
			t.Errorf("%d clicks took %d operations", 2*each, n)
		}
	})
}

// askingHandler asks the engine whenever something is logged.
type askingHandler struct {
	slog.Handler
	ask func()
}

func (h askingHandler) Handle(context.Context, slog.Record) error {
	h.ask()
	return nil
}

// A log that asks the engine, or takes its time, holds up nobody who queues clicks.
func TestDroppedClicksAreLoggedOutsideTheQueue(t *testing.T) {
	t.Parallel()
	database, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "refgrow.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	var engine *refgrow.Engine
	dropped := false
	handler := askingHandler{slog.NewTextHandler(&journal{}, nil), func() { dropped = engine.Stats().ClicksDropped == 1 }}
	if engine, err = refgrow.New(t.Context(), database, refgrow.Config{Logger: slog.New(handler)}); err != nil {
		t.Fatal(err)
	}
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if shop.QueueClick(visitor(0)) || !dropped {
		t.Errorf("the handler saw the click dropped: %v", dropped)
	}
}

// A panic in the database's code costs the clicks that were being written, and not the
// process: the next ones are written.
func TestQueuedClicksSurviveAPanic(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p, _, store, log := queueing(t)
		store.on(func(int) { panic("a page is not what it was") })
		p.Shop.QueueClick(visitor(0))
		p.OK(p.Engine.FlushClicks(t.Context()))
		p.expect("with a panic", p.became(), "0 counted, 0 ignored, 1 dropped, 0 waiting")
		synctest.Wait() // for what follows the clicks, the pruning of old ones
		said := log.text.String()
		if !strings.Contains(said, "clicks cannot be recorded") || !strings.Contains(said, "a page is not what it was") {
			t.Errorf("the log has %s", said)
		}
		store.on(nil)
		p.Shop.QueueClick(visitor(1))
		p.OK(p.Engine.FlushClicks(t.Context()))
		p.expect("after the panic", p.became(), "1 counted, 0 ignored, 1 dropped, 0 waiting")
	})
}
