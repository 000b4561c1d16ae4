package engine_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refgrow-go/refgrow"
)

// running runs the engine in the background, and returns when it waits. ended is what
// Run returned.
func (p *program) running(ctx context.Context) (ended <-chan error) {
	result := make(chan error, 1)
	go func() { result <- p.Engine.Run(ctx) }()
	synctest.Wait()
	return result
}

// passes lets virtual time pass until a moment in which everything waits.
func passes(d time.Duration) {
	time.Sleep(d) // of virtual time
	synctest.Wait()
}

func (p *program) oldClicks(n int) {
	p.Helper()
	clicks := make([]refgrow.Click, n)
	for i := range clicks {
		clicks[i].ReferralCode = "JANE"
	}
	counts, err := p.Shop.RecordClicks(p.Context(), clicks)
	p.OK(err)
	if counts.Counted != n {
		p.Fatalf("%+v", counts)
	}
	p.Clock.Advance(100 * 24 * time.Hour)
}

func (p *program) keptClicks() int { return p.Count("SELECT COUNT(*) FROM refgrow_clicks") }

// Run does the upkeep at once, and then every hour, until its context ends.
func TestRunDoesTheUpkeep(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p, _, _, log := queueing(t)
		for range 4 { // more than one transaction prunes
			p.oldClicks(refgrow.MaxClicks)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := p.running(ctx)
		if n := p.keptClicks(); n != 0 {
			t.Errorf("at once it leaves %d clicks", n)
		}
		p.oldClicks(3)
		passes(time.Hour - time.Millisecond)
		if n := p.keptClicks(); n != 3 {
			t.Errorf("within the hour it leaves %d clicks", n)
		}
		passes(time.Millisecond)
		if n := p.keptClicks(); n != 0 {
			t.Errorf("after an hour it leaves %d clicks", n)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("it returned %v", err)
		}
		p.oldClicks(3)
		passes(2 * time.Hour)
		if n := p.keptClicks(); n != 3 {
			t.Errorf("after its end it leaves %d clicks", n)
		}
		p.expect("the log", log.taken(), "")
		p.Verify()
	})
}

// What fails is logged, even a panic, and tried again a minute later.
func TestRunTriesAgain(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p, _, store, log := queueing(t)
		p.oldClicks(3)
		lock := p.lock()
		ctx, cancel := context.WithCancel(t.Context())
		ended := p.running(ctx)
		passes(time.Second) // for which it waits for the lock
		p.expect("the log while it is locked", log.taken(), `"the upkeep has to wait"`)
		p.OK(lock.Rollback())
		store.on(func(int) { panic("a page is not what it was") })
		passes(time.Minute)
		p.expect("the log of a panic", log.taken(), `"the upkeep has to wait"`)
		if n := p.keptClicks(); n != 3 {
			t.Errorf("it left %d clicks", n)
		}
		store.on(nil)
		passes(time.Minute)
		p.expect("the log then", log.taken(), "")
		if n := p.keptClicks(); n != 0 {
			t.Errorf("then it leaves %d clicks", n)
		}
		cancel()
		p.OK(<-ended)
		p.Verify()
	})
}

// In the end the clicks that are queued are written, if that takes no longer than half a
// second.
func TestRunEndsWithTheQueuedClicks(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p, _, _, log := queueing(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := p.running(ctx)
		p.Shop.QueueClick(visitor(1))
		cancel()
		p.OK(<-ended)
		p.expect("afterwards", p.became(), "1 counted, 0 ignored, 0 dropped, 0 waiting")

		ctx, cancel = context.WithCancel(t.Context())
		ended = p.running(ctx)
		lock := p.lock()
		p.Shop.QueueClick(visitor(2))
		synctest.Wait()
		began := time.Now()
		cancel()
		p.OK(<-ended)
		if took := time.Since(began); took != 500*time.Millisecond {
			t.Errorf("while the database was locked it ended after %v", took)
		}
		p.expect("then", p.became(), "1 counted, 0 ignored, 0 dropped, 1 waiting")
		p.OK(lock.Rollback())
		p.OK(p.Engine.FlushClicks(t.Context()))
		p.expect("the log", log.taken(), "")
	})
}

// Closing the engine ends it at once.
func TestRunEndsWithTheEngine(t *testing.T) {
	virtually(t, func(t *testing.T) {
		p, _, _, log := queueing(t)
		ended, began := p.running(t.Context()), time.Now()
		p.OK(p.Engine.Close(t.Context()))
		if err := <-ended; !errors.Is(err, refgrow.ErrClosed) || time.Since(began) != 0 {
			t.Errorf("it returned %v after %v", err, time.Since(began))
		}
		if err := p.Engine.Run(t.Context()); !errors.Is(err, refgrow.ErrClosed) {
			t.Errorf("of a closed engine it returned %v", err)
		}
		p.expect("the log", log.taken(), "")
	})
}
