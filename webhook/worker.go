package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/refgrow-go/refgrow"
)

// Options adjust a Worker. The zero value is right for most apps.
type Options struct {
	// Interval is how often the worker looks for what is due, in addition to being
	// woken by the commits of its own engine. Defaults to a second.
	Interval time.Duration
	// AllowPrivate lets endpoints have private, loopback and link-local addresses, as
	// they have where everything runs on the owner's machines. Whoever may create
	// endpoints can then reach all of these.
	AllowPrivate bool
	// Concurrency is how many requests to one endpoint may be under way at once.
	// Defaults to 4.
	Concurrency int
	// PerSecond bounds how many requests to one endpoint this worker begins within any
	// second. Defaults to 50.
	PerSecond int
	// StopWithin is how long requests that are under way may go on once the context of Run
	// has ended. What is broken off then is sent again, by the next worker, within two
	// minutes. Defaults to the 15 seconds that a request may take.
	StopWithin time.Duration
	// Keep is how long events and the log of their deliveries are kept. Defaults to
	// 30 days.
	Keep time.Duration
	// Jitter is what is added to a delay of the schedule, so that not everybody comes
	// back at once; it may be negative. Defaults to up to a tenth of the delay.
	Jitter func(delay time.Duration) time.Duration
	// Logger defaults to slog.Default.
	Logger *slog.Logger
	// Client makes the requests, and follows no redirect. It is for tests: the default
	// one keeps to public addresses.
	Client *http.Client
}

func (o Options) complete() Options {
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 4
	}
	if o.PerSecond <= 0 {
		o.PerSecond = 50
	}
	if o.StopWithin <= 0 {
		o.StopWithin = timeout
	}
	if o.Keep <= 0 {
		o.Keep = 30 * 24 * time.Hour
	}
	if o.Jitter == nil {
		o.Jitter = func(delay time.Duration) time.Duration { return rand.N(delay/10 + 1) }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Client == nil {
		o.Client = client(dialer(o.AllowPrivate))
	}
	own := *o.Client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.Client = &own
	return o
}

// A Worker sends the events of an engine's projects to their endpoints. Any number
// of processes may run one on the same file: they share the work.
type Worker struct {
	engine  *refgrow.Engine
	options Options

	mu        sync.Mutex
	endpoints map[int64]*endpoint
}

// An endpoint is what the worker knows about one.
type endpoint struct {
	busy   int         // requests under way
	begun  []time.Time // when those of the last second began, the earliest first
	failed bool        // the last one did: one at a time, until it is back
	alone  time.Time   // it is skipped until then
}

// requests are those that are under way.
type requests struct {
	sync.WaitGroup

	ctx context.Context //nolint:containedctx // it breaks all of them off
}

// NewWorker makes a worker. It does nothing until Run.
func NewWorker(engine *refgrow.Engine, options Options) *Worker {
	return &Worker{engine: engine, options: options.complete(), endpoints: make(map[int64]*endpoint)}
}

// lease is how long a delivery belongs to one worker. By then that worker has finished
// it, or has died.
const lease = 4 * timeout

// rest is how long the worker waits at least between two looks, however often it is
// woken.
const rest = 20 * time.Millisecond

// aloneFor is how long to skip an endpoint whose deliveries cannot be leased, for
// example because its secret cannot be read.
const aloneFor = time.Minute

// Run delivers events until the context ends. It then waits for the requests that
// are under way, at most for StopWithin, and returns nil. What has not been
// delivered by then is left to the next worker. It returns early with an error when the
// engine is closed.
func (w *Worker) Run(ctx context.Context) error {
	sending, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	defer breakOff()
	requests := &requests{ctx: sending}
	defer w.options.Client.CloseIdleConnections()
	defer func() {
		last := time.AfterFunc(w.options.StopWithin, breakOff)
		defer last.Stop()
		requests.Wait()
	}()
	finished := make(chan struct{}, 1)
	var pruned time.Time
	for {
		var next time.Time
		err := guarded(func() (err error) {
			next, err = w.look(ctx, requests, finished)
			return err
		})
		switch {
		case errors.Is(err, refgrow.ErrClosed):
			return err
		case err != nil && ctx.Err() == nil:
			w.options.Logger.WarnContext(ctx, "looking for webhooks to deliver", "error", err)
		}
		if now := w.engine.Now(); now.Sub(pruned) >= time.Hour || now.Before(pruned) {
			pruned = now
			if err := guarded(func() error { return w.prune(ctx) }); err != nil && ctx.Err() == nil {
				w.options.Logger.WarnContext(ctx, "pruning the log of webhooks", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(rest):
		}
		wait := time.NewTimer(w.patience(next))
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		case <-w.engine.Outbox().Woken():
		case <-finished:
		}
		wait.Stop()
	}
}

// patience is how long to wait for the next look when nothing else happens.
func (w *Worker) patience(next time.Time) time.Duration {
	if next.IsZero() {
		return w.options.Interval
	}
	return min(max(next.Sub(w.engine.Now()), time.Millisecond), w.options.Interval)
}

// look makes deliveries from new events, and begins those that are due. It returns the
// instant at which to look again, zero if only a wake-up or the end of a request can
// change anything.
func (w *Worker) look(
	ctx context.Context, requests *requests, finished chan<- struct{},
) (next time.Time, err error) {
	// One step at a time: what is due does not wait until a long outbox is empty.
	more, err := w.engine.Outbox().Spread(ctx)
	if err != nil {
		return next, err
	}
	if more {
		next = w.engine.Now()
	}
	ids, err := w.engine.Outbox().Endpoints(ctx)
	if err != nil {
		return next, err
	}
	w.forget(ids)
	for _, id := range ids {
		if again := w.lookAt(ctx, id, requests, finished); !again.IsZero() && (next.IsZero() || again.Before(next)) {
			next = again
		}
	}
	return next, nil
}

// lookAt begins the deliveries of one endpoint that are due.
func (w *Worker) lookAt(
	ctx context.Context, id int64, requests *requests, finished chan<- struct{},
) (next time.Time) {
	free, paced := w.free(id)
	attempts, due, err := w.engine.Outbox().Claim(ctx, id, free, lease)
	if err != nil {
		// An endpoint whose secret cannot be read does not hold up the others.
		if ctx.Err() == nil {
			w.options.Logger.WarnContext(ctx, "leasing deliveries of a webhook", "webhook", id, "error", err)
			w.leaveAlone(id, err)
		}
		return next
	}
	w.begin(id, len(attempts))
	for _, attempt := range attempts {
		requests.Go(func() {
			w.attempt(requests.ctx, attempt)
			select {
			case finished <- struct{}{}:
			default:
			}
		})
	}
	switch {
	case len(attempts) > 0:
		return w.engine.Now() // there may be more
	case due.IsZero() || free == 0 && paced.IsZero():
		return next // nothing waits, or no request can begin before another one ends
	case paced.After(due):
		return paced
	}
	return due
}

// forget drops what is known about endpoints that no longer exist.
func (w *Worker) forget(active []int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := make(map[int64]*endpoint, len(active))
	for _, id := range active {
		if at := w.endpoints[id]; at != nil {
			known[id] = at
		} else {
			known[id] = &endpoint{}
		}
	}
	for id, at := range w.endpoints {
		if at.busy > 0 {
			known[id] = at
		}
	}
	w.endpoints = known
}

// free is how many requests to an endpoint may begin now, and, if none because of
// the pace, when the next one may.
func (w *Worker) free(id int64) (n int, paced time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, now := w.endpoints[id], w.engine.Now()
	// Times later than now are from before the clock went back.
	at.begun = slices.DeleteFunc(at.begun, func(t time.Time) bool { return now.Sub(t) >= time.Second || t.After(now) })
	if wait := at.alone.Sub(now); wait > 0 && wait <= aloneFor {
		return 0, time.Time{}
	}
	limit := w.options.Concurrency
	if at.failed {
		limit = 1
	}
	n = max(limit-at.busy, 0)
	room := w.options.PerSecond - len(at.begun)
	if n > 0 && room <= 0 {
		return 0, at.begun[0].Add(time.Second)
	}
	return min(n, max(room, 0)), time.Time{}
}

// begin notes that n requests to an endpoint have begun.
func (w *Worker) begin(id int64, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.endpoints[id]
	at.busy += n
	at.begun = append(at.begun, slices.Repeat([]time.Time{w.engine.Now()}, n)...)
}

// end notes that a request to an endpoint has ended.
func (w *Worker) end(id int64, failed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.endpoints[id]
	at.busy--
	at.failed = failed
}

// leaveAlone skips an endpoint for a while, unless the error is one of the whole
// database that passes by itself.
func (w *Worker) leaveAlone(id int64, err error) {
	if errors.Is(err, refgrow.ErrBusy) || errors.Is(err, refgrow.ErrClosed) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.endpoints[id].alone = w.engine.Now().Add(aloneFor)
}

func (w *Worker) prune(ctx context.Context) error {
	before := w.engine.Now().Add(-w.options.Keep)
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = w.engine.Outbox().Prune(ctx, before); err != nil {
			return err
		}
	}
	return nil
}

// guarded does work in a goroutine of our own, and turns a panic into an error: there
// it would end the whole app.
func guarded(work func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return work()
}
