package clicks

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A desk is a queue whose clock is virtual time, and what comes out of it.
type desk struct {
	*Queue
	mu      sync.Mutex
	err     error         // what recording returns
	takes   time.Duration // how long recording takes
	more    bool          // what pruning reports
	batches []string      // what was recorded, as project:visits
	prunes  int
	tries   int

	operations atomic.Int64
	log        strings.Builder
}

func newDesk() *desk {
	d := new(desk)
	d.Queue = NewQueue(Config{
		Record:     d.record,
		Prune:      d.prune,
		Operations: d.operations.Load,
		Now:        time.Now,
		Logger:     slog.New(slog.NewTextHandler(&d.log, nil)),
	})
	return d
}

// record counts every visit that has a code.
func (d *desk) record(ctx context.Context, project int64, visits []Visit) (counted int, err error) {
	d.mu.Lock()
	takes := d.takes
	d.mu.Unlock()
	pause(ctx, takes)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	switch {
	case d.err != nil:
		return 0, d.err
	case ctx.Err() != nil:
		return 0, ctx.Err()
	}
	d.operations.Add(1)
	d.batches = append(d.batches, fmt.Sprint(project, ":", len(visits)))
	for _, v := range visits {
		if v.Code != "" {
			counted++
		}
	}
	return counted, nil
}

func (d *desk) prune(context.Context) (more bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.prunes++
	return d.more, d.err
}

// set changes what recording and pruning do.
func (d *desk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *desk) add(t *testing.T, project int64, visits int) {
	t.Helper()
	for range visits {
		if !d.Add(project, Visit{Code: "jane"}) {
			t.Fatal("a visit was refused")
		}
	}
}

func (d *desk) flush(t *testing.T) {
	t.Helper()
	if err := d.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	synctest.Wait() // for the pruning
}

func expect[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, but should be %v", what, got, want)
	}
}

// virtually runs a test on virtual time. It fails when a goroutine is left.
func virtually(t *testing.T, test func(*testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}
