package clicks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
)

const (
	// MaxQueued is how many visits can wait in memory.
	MaxQueued = 4096
	// maxBatch is how many are written in one transaction, and sharedBatch how many
	// while others write as well. The others then have the database to themselves for
	// at least rest before the next batch.
	maxBatch, sharedBatch = 512, 128
	rest                  = 10 * time.Millisecond
	// A batch is retried after a wait that grows from the first to the last of these.
	firstRetry, lastRetry = 50 * time.Millisecond, time.Second
	// warnEvery is how often the log mentions dropped clicks, at most.
	warnEvery = time.Minute
	// pruneEvery is how often old clicks are pruned between writes of new ones.
	pruneEvery = time.Hour
)

// Config is what a queue works with. It knows projects only by their ids. Record, Prune
// and Operations are called by one goroutine at a time.
type Config struct {
	// Record writes visits of one project and returns how many of them count. When it
	// returns backend.ErrBusy, it is called again with the same ones.
	Record func(ctx context.Context, project int64, visits []Visit) (counted int, err error)
	// Prune deletes some of what is old, and reports whether there may be more.
	Prune func(ctx context.Context) (more bool, err error)
	// Operations counts everything that was committed to the database, by any caller.
	Operations func() int64
	Now        func() time.Time
	Logger     *slog.Logger
}

// A Queue holds visits that wait to be written. A goroutine writes them, and ends when
// none are left. It is safe for concurrent use.
type Queue struct {
	config Config

	mu               sync.Mutex
	waiting          []queued
	queued, finished int64         // since the start
	progress         chan struct{} // closed when finished grows or running ends
	running          bool          // there is a goroutine that writes
	cancel           context.CancelFunc
	closed           bool
	stats            Stats
	warned           time.Time
	unreported       int64 // dropped since the log last said so

	pruned time.Time // used only by the goroutine that writes
}

// Stats counts what became of visits since the start.
type Stats struct{ Counted, Ignored, Dropped, Waiting int64 }

type queued struct {
	project int64
	visit   Visit
}

// NewQueue returns an empty queue.
func NewQueue(config Config) *Queue { return &Queue{config: config, progress: make(chan struct{})} }

// Add queues a visit that happens now. It never waits. It returns false if MaxQueued
// are waiting or the queue is closed: then the visit is dropped and counted.
func (q *Queue) Add(project int64, v Visit) bool {
	now := q.config.Now()
	v.At = now.UnixMilli()
	q.mu.Lock()
	if q.closed || len(q.waiting) >= MaxQueued {
		unreported := q.drop(now, 1)
		q.mu.Unlock()
		q.warn(unreported)
		return false
	}
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, queued{project, v})
	q.queued++
	if !q.running {
		q.running = true
		var ctx context.Context
		ctx, q.cancel = context.WithCancel(context.Background())
		go q.run(ctx, q.cancel)
	}
	return true
}

// Count adds visits that did not pass through the queue to the counts.
func (q *Queue) Count(counted, ignored int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Counted += int64(counted)
	q.stats.Ignored += int64(ignored)
}

// Stats returns the counts.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	stats := q.stats
	stats.Waiting = q.queued - q.finished
	return stats
}

// Flush returns when everything that was queued before the call is written, or dropped.
// Errors: that of ctx.
func (q *Queue) Flush(ctx context.Context) error {
	q.mu.Lock()
	upTo := q.queued
	q.mu.Unlock()
	return q.wait(ctx, func() bool { return q.finished >= upTo })
}

// Close makes the queue refuse visits, and returns when those that are queued are
// written and the goroutine has ended. If ctx ends first, the rest are dropped. It may
// be called twice. Errors: that of ctx.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	idle := func() bool { return !q.running }
	err := q.wait(ctx, idle)
	if err != nil {
		q.mu.Lock()
		q.cancel()
		q.mu.Unlock()
		_ = q.wait(context.Background(), idle) // the database returns once a context has ended
	}
	q.mu.Lock()
	unreported := q.unreported
	q.unreported = 0
	q.mu.Unlock()
	q.warn(unreported)
	return err
}

// wait returns when a condition, which is checked under the lock, has become true.
func (q *Queue) wait(ctx context.Context, condition func() bool) error {
	for {
		q.mu.Lock()
		done, progress := condition(), q.progress
		q.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-progress:
		}
	}
}

// notify wakes everyone who waits for progress. The caller holds the lock.
func (q *Queue) notify() {
	close(q.progress)
	q.progress = make(chan struct{})
}

// run writes what is queued until nothing is left.
func (q *Queue) run(ctx context.Context, cancel context.CancelFunc) {
	defer cancel()
	atMost := maxBatch
	for taken := q.next(atMost); len(taken) > 0; taken = q.next(atMost) {
		before, batches := q.config.Operations(), byProject(taken)
		for _, b := range batches {
			q.write(ctx, b)
		}
		clear(taken) // the queue's array still holds them
		atMost = maxBatch
		if q.config.Operations() > before+int64(len(batches)) { // others write as well
			atMost = sharedBatch
			pause(ctx, rest)
		}
		if ctx.Err() == nil {
			q.pruneNowAndThen(ctx)
		}
	}
}

// next takes the next visits. If there are none, the goroutine that writes is to end.
func (q *Queue) next(atMost int) []queued {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), atMost)
	taken := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	if n == 0 {
		q.running = false
		q.notify()
	}
	return taken
}

// A batch is visits of one project that are written together.
type batch struct {
	project int64
	visits  []Visit
}

// byProject makes one batch for each project, in the order in which the projects first
// appear.
func byProject(taken []queued) []batch {
	var batches []batch
next:
	for _, one := range taken {
		for i := range batches {
			if batches[i].project == one.project {
				batches[i].visits = append(batches[i].visits, one.visit)
				continue next
			}
		}
		batches = append(batches, batch{one.project, []Visit{one.visit}})
	}
	return batches
}

// write writes a batch as soon as the database accepts it. If ctx ends first, or it
// cannot be written, it is dropped.
func (q *Queue) write(ctx context.Context, b batch) {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		var counted int
		err := guarded(func() (err error) {
			counted, err = q.config.Record(ctx, b.project, b.visits)
			return err
		})
		switch {
		case err == nil:
			q.finish(len(b.visits), counted, len(b.visits)-counted)
			return
		case !errors.Is(err, backend.ErrBusy) || ctx.Err() != nil:
			q.config.Logger.Error("clicks cannot be recorded", "project", b.project, "error", err)
			now := q.config.Now()
			q.mu.Lock()
			unreported := q.drop(now, len(b.visits))
			q.mu.Unlock()
			q.warn(unreported)
			q.finish(len(b.visits), 0, 0)
			return
		}
		pause(ctx, wait)
	}
}

// finish counts the visits that were taken, and what became of them.
func (q *Queue) finish(n, counted, ignored int) {
	q.Count(counted, ignored)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finished += int64(n)
	q.notify()
}

// drop counts lost clicks, and returns how many to log now. The caller holds the lock,
// and logs them without it.
func (q *Queue) drop(now time.Time, n int) (unreported int64) {
	q.stats.Dropped += int64(n)
	q.unreported += int64(n)
	if within(q.warned, now, warnEvery) {
		return 0
	}
	unreported, q.warned, q.unreported = q.unreported, now, 0
	return unreported
}

// warn logs dropped clicks, if there are any.
func (q *Queue) warn(dropped int64) {
	if dropped > 0 {
		q.config.Logger.Warn("clicks were dropped", "clicks", dropped)
	}
}

// pruneNowAndThen prunes a little every pruneEvery, and continues after each batch
// until nothing is left.
func (q *Queue) pruneNowAndThen(ctx context.Context) {
	now := q.config.Now()
	if within(q.pruned, now, pruneEvery) {
		return
	}
	more := false
	err := guarded(func() (err error) {
		more, err = q.config.Prune(ctx)
		return err
	})
	if err != nil {
		q.config.Logger.Warn("old clicks cannot be pruned now", "error", err)
	}
	if !more {
		q.pruned = now
	}
}

// within reports whether now is less than an age after some time. The clock may have
// been set back since.
func within(since, now time.Time, age time.Duration) bool {
	d := now.Sub(since)
	return 0 <= d && d < age
}

// pause returns after a wait, or when ctx ends.
func pause(ctx context.Context, wait time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}

// guarded turns a panic into an error. In a goroutine of our own it would end the whole
// process.
func guarded(work func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return work()
}
