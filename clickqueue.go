package refgrow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// MaxQueuedClicks is how many clicks wait in memory at most.
	MaxQueuedClicks = 4096
	// maxClickBatch is how many are written in one transaction, and sharedClickBatch
	// how many while others write too. These then have the database for themselves for
	// at least clickRest before the next ones.
	maxClickBatch, sharedClickBatch = 512, 128
	clickRest                       = 10 * time.Millisecond
	// What is queued is tried again after a wait that grows from the first to the
	// last of these.
	firstClickRetry, lastClickRetry = 50 * time.Millisecond, time.Second
	// warnEvery is how often the log tells of dropped clicks, at most.
	warnEvery = time.Minute
	// pruneEvery is how often old clicks are pruned beside the writing of new ones.
	pruneEvery = time.Hour
)

// A clickQueue holds clicks that wait to be written. A goroutine writes them, and
// ends when none is left.
type clickQueue struct {
	mu               sync.Mutex
	waiting          []queuedClick
	queued, finished int64         // since the start
	progress         chan struct{} // closed when finished grows or running ends
	running          bool          // there is a goroutine that writes
	cancel           context.CancelFunc
	closed           bool
	counts           Stats
	warned, pruned   time.Time
	untold           int64 // dropped since the log told of it
}

type queuedClick struct {
	project *Project
	visit
}

func newClickQueue() *clickQueue { return &clickQueue{progress: make(chan struct{})} }

// QueueClick hands a click to the engine, which writes it soon after, together with
// others. It never waits. It reports false when MaxQueuedClicks are waiting, or the
// engine is closed: then the click is dropped, counted in Stats, and the log tells
// of it now and then. What is queued is lost when the process is killed. The project
// of a transaction (WithTx, Atomic) queues clicks outside of it.
func (p *Project) QueueClick(click Click) bool {
	e, q := p.engine, p.engine.clicks
	if code("referral_code", click.ReferralCode) != nil || IsBot(click.UserAgent) {
		q.count(ClickCounts{Ignored: 1})
		return true
	}
	now := e.now()
	queued := queuedClick{&Project{engine: e, backend: e.backend, id: p.id, name: p.name}, visit{click.cut(), now.UnixMilli()}}
	q.mu.Lock()
	if q.closed || len(q.waiting) >= MaxQueuedClicks {
		untold := q.drop(now, 1)
		q.mu.Unlock()
		e.tellDropped(untold)
		return false
	}
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, queued)
	q.queued++
	if !q.running {
		q.running = true
		var ctx context.Context
		ctx, q.cancel = context.WithCancel(context.Background())
		go e.writeClicks(ctx, q.cancel)
	}
	return true
}

// tellDropped tells the log of dropped clicks, if there are any to tell of.
func (e *Engine) tellDropped(clicks int64) {
	if clicks > 0 {
		e.logger.Warn("clicks were dropped", "clicks", clicks)
	}
}

// FlushClicks returns when everything that was queued before the call is written,
// or dropped. Inside Atomic and while a transaction of the caller's holds the
// database, nothing is written, and it would wait until ctx ends. Errors: that of ctx.
func (e *Engine) FlushClicks(ctx context.Context) error {
	q := e.clicks
	q.mu.Lock()
	upTo := q.queued
	q.mu.Unlock()
	return q.wait(ctx, func() bool { return q.finished >= upTo })
}

// writeClicks writes what is queued until nothing is.
func (e *Engine) writeClicks(ctx context.Context, cancel context.CancelFunc) {
	defer cancel()
	atMost := maxClickBatch
	for batch := e.clicks.next(atMost); len(batch) > 0; batch = e.clicks.next(atMost) {
		before, parts := e.backend.Stats().Operations, byProject(batch)
		for _, part := range parts {
			e.writeBatch(ctx, part)
		}
		clear(batch) // the queue's array still holds them
		atMost = maxClickBatch
		if e.backend.Stats().Operations > before+int64(len(parts)) { // others write, too
			atMost = sharedClickBatch
			select {
			case <-ctx.Done():
			case <-time.After(clickRest):
			}
		}
		if ctx.Err() == nil {
			e.pruneBeside(ctx)
		}
	}
}

// byProject sorts clicks into one batch for each project, in the order in which the
// projects come.
func byProject(clicks []queuedClick) [][]queuedClick {
	var parts [][]queuedClick
next:
	for _, c := range clicks {
		for i := range parts {
			if parts[i][0].project.id == c.project.id {
				parts[i] = append(parts[i], c)
				continue next
			}
		}
		parts = append(parts, []queuedClick{c})
	}
	return parts
}

// writeBatch writes some clicks of one project, as soon as the database takes
// them. When ctx ends before, or they cannot be written, they are dropped.
func (e *Engine) writeBatch(ctx context.Context, batch []queuedClick) {
	q := e.clicks
	visits := make([]visit, len(batch))
	for i := range batch {
		visits[i] = batch[i].visit
	}
	for wait := firstClickRetry; ; wait = min(2*wait, lastClickRetry) {
		var counted int
		err := guarded(func() (err error) {
			counted, err = batch[0].project.recordVisits(ctx, visits)
			return err
		})
		switch {
		case err == nil:
			q.finish(len(batch), ClickCounts{Counted: counted, Ignored: len(batch) - counted})
			return
		case !errors.Is(err, ErrBusy) || ctx.Err() != nil:
			e.logger.Error("clicks cannot be recorded", "project", batch[0].project.id, "error", err)
			now := e.now()
			q.mu.Lock()
			untold := q.drop(now, len(batch))
			q.mu.Unlock()
			e.tellDropped(untold)
			q.finish(len(batch), ClickCounts{})
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// pruneBeside prunes a little, now and then.
func (e *Engine) pruneBeside(ctx context.Context) {
	q, now := e.clicks, e.now()
	if age := now.Sub(q.pruned); 0 <= age && age < pruneEvery {
		return
	}
	more := false
	err := guarded(func() (err error) {
		more, err = e.PruneClicks(ctx)
		return err
	})
	if err != nil {
		e.logger.Warn("old clicks cannot be pruned now", "error", err)
	}
	if !more {
		q.pruned = now // only the goroutine that writes reads and sets it
	}
}

// next takes the next clicks. There are none when the goroutine that writes is to end.
func (q *clickQueue) next(atMost int) []queuedClick {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), atMost)
	batch := q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	if n == 0 {
		q.running = false
		q.tell()
	}
	return batch
}

// finish counts what was taken, and tells who waits for it.
func (q *clickQueue) finish(n int, counts ClickCounts) {
	q.count(counts)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finished += int64(n)
	q.tell()
}

// tell tells who waits that there is progress.
func (q *clickQueue) tell() {
	close(q.progress)
	q.progress = make(chan struct{})
}

// wait returns when something has come true.
func (q *clickQueue) wait(ctx context.Context, come func() bool) error {
	for {
		q.mu.Lock()
		done, progress := come(), q.progress
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

// closeClicks takes no more clicks and waits until those that are queued are written,
// and nobody writes any more. When ctx ends before, the rest is dropped.
func (e *Engine) closeClicks(ctx context.Context) error {
	q := e.clicks
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	idle := func() bool { return !q.running }
	err := q.wait(ctx, idle)
	if err != nil {
		q.mu.Lock()
		q.cancel()
		q.mu.Unlock()
		_ = q.wait(context.Background(), idle) // the database answers a context that has ended
	}
	q.mu.Lock()
	untold := q.untold
	q.untold = 0
	q.mu.Unlock()
	e.tellDropped(untold)
	return err
}

// drop counts clicks that are lost, and gives how many the log is to be told of now.
func (q *clickQueue) drop(now time.Time, n int) (untold int64) {
	q.counts.ClicksDropped += int64(n)
	q.untold += int64(n)
	if age := now.Sub(q.warned); 0 <= age && age < warnEvery {
		return 0
	}
	untold, q.warned, q.untold = q.untold, now, 0
	return untold
}

func (q *clickQueue) count(counts ClickCounts) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts.ClicksCounted += int64(counts.Counted)
	q.counts.ClicksIgnored += int64(counts.Ignored)
}

func (q *clickQueue) stats(stats *Stats) {
	q.mu.Lock()
	defer q.mu.Unlock()
	stats.ClicksCounted, stats.ClicksIgnored, stats.ClicksDropped = q.counts.ClicksCounted, q.counts.ClicksIgnored, q.counts.ClicksDropped
	stats.ClicksWaiting = q.queued - q.finished
}

// guarded does work in a goroutine of our own, and makes an error of a panic, which
// would end the whole program there.
func guarded(work func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return work()
}
