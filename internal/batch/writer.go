// Package batch makes operations that arrive together commit together, for any database
// that has one writer at a time.
package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// A Session is the connection that writes, one transaction at a time. Only the leader of
// a Writer uses it.
type Session interface {
	// Begin begins a transaction that keeps out other writers. It waits for a moment at
	// most, and returns what Classify makes ErrBusy if somebody else keeps it out.
	Begin(ctx context.Context) error
	// Statements are those of the transaction.
	Statements() Statements
	// Operation returns an operation's view of the transaction, and a function that ends
	// the life of its Nested.
	Operation(memo map[any]any, stats func() backend.Stats) (tx *backend.Tx, end func())
	// Commit ends the transaction. After an error it may still be open.
	Commit() error
	// Rollback ends the transaction, if there is one.
	Rollback()
	// Lost reports that the database has ended the transaction by itself.
	Lost() bool
	// Doubtful reports whether an error may have touched more than its statement, so that
	// the transaction cannot be trusted any more.
	Doubtful(err error) bool
	// Classify makes an error of the database match what it means.
	Classify(err error) error
	// Close gives up the connection.
	Close() error
}

// Statements run in a transaction, and are never cancelled.
type Statements interface {
	db.DBTX
	// Mark forgets what was written so far, and Written reports whether anything was
	// since.
	Mark()
	Written(ctx context.Context) (bool, error)
}

// A Writer makes operations that arrive together commit together. It has no goroutine:
// the first to arrive leads. It begins a transaction, runs what is waiting (see batch),
// commits, and hands the lead to the next in the queue.
//
// The leader stands at the head of the queue until its transaction has begun. Only then
// are operations taken out, so that those waiting for another process's lock can still
// leave, including the leader.
type Writer struct {
	*Shared

	session  Session
	lockWait time.Duration
	closing  chan struct{}

	mu     sync.Mutex
	queue  []*request
	leader *request   // nil: nobody leads and nothing waits
	idle   *sync.Cond // of mu: there is no leader
	closed bool
}

// Shared is what all writers of a database have in common. Its zero value is ready for
// use.
type Shared struct {
	// Reentry knows who is inside an operation of one of the writers.
	Reentry backend.Reentry

	operations, batches atomic.Int64 // committed
	waited              atomic.Int64 // by operations until their transaction had begun, in nanoseconds
}

// Stats counts what was committed.
func (s *Shared) Stats() backend.Stats {
	return backend.Stats{
		Operations: s.operations.Load(), Batches: s.batches.Load(), Waited: time.Duration(s.waited.Load()),
	}
}

// maxBatch bounds how long an operation that can no longer leave has to wait.
const maxBatch = 256

// request is one caller.
type request struct {
	ctx   context.Context
	work  backend.Work
	alone bool // wants the connection for itself; work is not used

	// signal wakes the caller. It has room for one, and nothing is sent before the last
	// was received, except to a leader, which finds its result itself. Nil for a caller
	// that leads at once.
	signal chan signal
	turn   *turn // of foreign work that does not lead

	joined time.Time // the queue
	until  time.Time // when it stops waiting for a foreign lock; zero: no such wait yet
	taken  bool      // it is in a batch, or alone, and can no longer leave. Guarded by writer.mu

	// The outcome, written before done is sent.
	finished bool
	err      error
	panicked bool // with value
	value    any
	gone     bool // foreign work has not returned; its goroutine unwinds
}

type signal int

const (
	done  signal = iota // the outcome is there
	lead                // the caller leads now
	enter               // the caller runs its foreign work now, in the leader's transaction
)

// New returns the writer of a session. Operations wait for lockWait at most for a lock
// that somebody else holds.
func New(session Session, lockWait time.Duration, shared *Shared) *Writer {
	w := &Writer{Shared: shared, session: session, lockWait: lockWait, closing: make(chan struct{})}
	w.idle = sync.NewCond(&w.mu)
	return w
}

// Waiting is how many operations have not begun.
func (w *Writer) Waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
}

// Atomic runs an operation in a batch.
func (w *Writer) Atomic(ctx context.Context, work backend.Work) error {
	r := &request{ctx: ctx, work: work}
	next, err := w.join(r)
	if err != nil {
		return err
	}
	for next == enter {
		w.takeTurn(r)
		if next, err = w.wait(r); err != nil {
			return err
		}
	}
	if next == lead {
		w.lead(r)
	}
	if r.panicked {
		panic(r.value)
	}
	return r.err
}

// Acquire waits until the caller has the connection for itself and begin, which begins a
// transaction, has succeeded; it must call Release then.
func (w *Writer) Acquire(ctx context.Context, begin func(context.Context) error) error {
	r := &request{ctx: ctx, alone: true}
	next, err := w.join(r)
	if err != nil {
		return err
	}
	if next == done {
		return r.err
	}
	if !w.begin(r, begin) {
		w.Release()
		return r.err
	}
	w.mu.Lock()
	w.remove(r)
	w.mu.Unlock()
	return nil
}

// join puts r into the queue and waits until there is something for it to do.
func (w *Writer) join(r *request) (signal, error) {
	if w.Reentry.Inside() {
		return done, backend.ErrReentrant
	}
	if r.ctx.Err() != nil {
		return done, backend.GaveUp(r.ctx)
	}
	r.joined = time.Now()
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return done, backend.ErrClosed
	}
	leads := w.leader == nil
	if leads {
		w.leader = r
	}
	if !leads {
		r.signal = make(chan signal, 1)
		if r.work.Foreign {
			r.turn = &turn{back: make(chan struct{})}
		}
	}
	w.queue = append(w.queue, r)
	w.mu.Unlock()
	if leads {
		return lead, nil
	}
	return w.wait(r)
}

// wait waits for the next message to r, or until it has left the queue.
func (w *Writer) wait(r *request) (signal, error) {
	select {
	case s := <-r.signal:
		return s, nil
	case <-r.ctx.Done():
	}
	if w.withdraw(r) {
		return done, backend.GaveUp(r.ctx)
	}
	return <-r.signal, nil
}

// withdraw takes r out of the queue, if it is still there. The message that it leads
// may be on its way to it; then the next one leads.
func (w *Writer) withdraw(r *request) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.taken || r.finished {
		return false
	}
	w.remove(r)
	if w.leader == r {
		w.appoint()
	}
	return true
}

// Release hands the lead over.
func (w *Writer) Release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.appoint()
}

// appoint makes the head of the queue the leader. The caller holds mu.
func (w *Writer) appoint() {
	if len(w.queue) == 0 {
		w.leader = nil
		w.idle.Broadcast()
		return
	}
	w.leader = w.queue[0]
	w.leader.signal <- lead
}

// remove takes r out of the queue. The caller holds mu.
func (w *Writer) remove(r *request) {
	if i := slices.Index(w.queue, r); i >= 0 {
		w.queue = slices.Delete(w.queue, i, i+1)
	}
}

// take appends up to n waiting operations to batch. One that wants to be alone, and
// those queued after it, keep waiting.
func (w *Writer) take(batch []*request, n int) []*request {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := 0
	for ; i < len(w.queue) && n > 0 && !w.queue[i].alone; i++ {
		r := w.queue[i]
		r.taken = true
		if r.ctx.Err() != nil {
			r.err = backend.GaveUp(r.ctx)
			r.finish()
			continue
		}
		w.waited.Add(int64(time.Since(r.joined)))
		batch = append(batch, r)
		n--
	}
	w.queue = slices.Delete(w.queue, 0, i)
	return batch
}

// finish notifies r's owner that the outcome is there.
func (r *request) finish() {
	r.finished = true
	if r.signal != nil {
		r.signal <- done
	}
}

// begin begins the transaction of the leader r, waiting for the lock as long as
// r does. If it returns false, r is finished and out of the queue.
//
// No statement waits for it: the leader asks again and again.
func (w *Writer) begin(r *request, begin func(context.Context) error) bool {
	for {
		if err := w.leaves(r); err != nil {
			w.fail(r, err)
			return false
		}
		err := begin(r.ctx)
		if err == nil {
			return true
		}
		err = w.session.Classify(fmt.Errorf("begin a transaction: %w", err))
		if !errors.Is(err, backend.ErrBusy) {
			w.fail(r, err)
			return false
		}
		if w.expire(r, err) {
			return false
		}
		timer := time.NewTimer(backend.Pause())
		select {
		case <-timer.C:
		case <-r.ctx.Done():
		case <-w.closing:
		}
		timer.Stop()
	}
}

// leaves returns why r should no longer wait, or nil.
func (w *Writer) leaves(r *request) error {
	if r.ctx.Err() != nil {
		return backend.GaveUp(r.ctx)
	}
	select {
	case <-w.closing:
		return backend.ErrClosed
	default:
		return nil
	}
}

func (w *Writer) fail(r *request, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.remove(r)
	r.err = err
	r.finish()
}

// expire finishes those that have waited long enough for a lock that somebody else
// holds, and reports whether the leader is among them. Time is counted from the first
// attempt that found the lock taken, so that it costs nothing otherwise.
func (w *Writer) expire(leader *request, busy error) bool {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = slices.DeleteFunc(w.queue, func(r *request) bool {
		if r.until.IsZero() {
			r.until = now.Add(w.lockWait)
		}
		if now.Before(r.until) {
			return false
		}
		r.err = busy
		r.finish()
		return true
	})
	return leader.finished
}

// Close refuses what waits, waits for what runs, and gives up the connection.
func (w *Writer) Close() error {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.closing)
		w.queue = slices.DeleteFunc(w.queue, func(r *request) bool {
			if r == w.leader {
				return false // it finds out itself
			}
			r.err = backend.ErrClosed
			r.finish()
			return true
		})
	}
	for w.leader != nil {
		w.idle.Wait()
	}
	defer w.mu.Unlock()
	return w.session.Close()
}
