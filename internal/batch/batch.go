package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// batch is what one leader runs and commits.
//
// It is run together first. If that cannot be committed as it stands, it is
// rolled back and run again: carefully, in one transaction with a savepoint for
// each operation, after an operation failed that had written without one; or
// apart, each in a transaction of its own, after the database failed in a
// way that puts the transaction itself in doubt.
type batch struct {
	w      *Writer
	s      Session
	leader *request
	ops    []*request
	memo   map[any]any

	// totals gathers the changes of operations that ran without a savepoint.
	totals backend.Totals
}

type verdict int

const (
	fine      verdict = iota
	settled           // every operation has its outcome
	carefully         // run again, carefully
	apart             // run again, apart
)

// ErrAbandoned is for an operation that was undone with another one.
var ErrAbandoned = errors.New("the operation was not committed: " +
	"another one in its batch ended the goroutine that ran it")

var errNobody = errors.New("nobody waits for the batch any longer")

// lead runs a batch for the leader r. When it returns, r is finished and the lead has
// passed on.
func (w *Writer) lead(r *request) {
	b := &batch{w: w, s: w.session, leader: r, memo: make(map[any]any)}
	defer w.Release()
	defer b.abandon()
	defer b.goOn()
	if w.begin(r, b.s.Begin) {
		b.run()
	}
}

// goOn finishes the batch when the leader's own foreign work did not return and
// its goroutine is unwinding: without that work, which is the first thing undone.
func (b *batch) goOn() {
	if b.leader.gone && !b.leader.finished {
		b.reset()
		b.apart()
	}
}

// abandon finishes what is left when the leader's goroutine ends halfway for any other
// reason, which nothing in the module causes. Otherwise nothing is left.
func (b *batch) abandon() {
	if !b.leader.finished && !slices.Contains(b.ops, b.leader) {
		b.w.mu.Lock()
		b.w.remove(b.leader)
		b.w.mu.Unlock()
		b.ops = append(b.ops, b.leader)
	}
	if !slices.ContainsFunc(b.ops, func(r *request) bool { return !r.finished }) {
		return
	}
	b.reset()
	for _, r := range b.ops {
		if !r.finished {
			r.err = ErrAbandoned
			r.finish()
		}
	}
}

func (b *batch) run() {
	again := b.together(false)
	if again == carefully {
		b.reset()
		if err := b.beginAgain(time.Now().Add(b.w.lockWait)); err != nil {
			b.settle(err)
			return
		}
		again = b.together(true)
	}
	if again == apart {
		b.reset()
		b.apart()
	}
}

// together runs the operations in the transaction that has begun, and commits. The
// first time, it also takes in operations that arrive meanwhile.
func (b *batch) together(careful bool) verdict {
	for i := 0; ; i++ {
		if i == len(b.ops) && !careful {
			// One at a time, so that the next can still leave while this one runs,
			// which may take long if it is foreign.
			b.ops = b.w.take(b.ops, min(1, maxBatch-len(b.ops)))
		}
		if i == len(b.ops) {
			break
		}
		if r := b.ops[i]; !r.finished {
			if v := b.one(r, careful); v != fine {
				return v
			}
		}
	}
	if v := b.flush(); v != fine {
		return v
	}
	err := b.s.Commit()
	switch {
	case err == nil:
		b.count(b.ops)
		b.wake()
		return settled
	case b.s.Lost() && errors.Is(err, backend.ErrLost):
		return apart
	case errors.Is(b.s.Classify(err), backend.ErrConstraint) && len(b.ops) > 1:
		// A constraint that is checked at the end, such as a deferred foreign key: one
		// operation is at fault.
		return apart
	}
	b.settle(fmt.Errorf("commit: %w", err))
	return settled
}

// one runs one operation so that, if it fails, nothing of it remains.
func (b *batch) one(r *request, careful bool) verdict {
	tx, end := b.s.Operation(b.memo, b.w.Stats)
	defer end()
	if r.work.WritesLast && !r.work.Foreign && !careful {
		return b.plainly(r, tx)
	}
	return b.inSavepoint(r, tx)
}

// plainly runs an operation that should have written nothing when it fails.
func (b *batch) plainly(r *request, tx *backend.Tx) verdict {
	b.s.Statements().Mark()
	failed := b.call(r, tx)
	if b.s.Lost() {
		return apart
	}
	if !failed {
		b.totals.Merge(tx.Take())
		return fine
	}
	if b.s.Doubtful(r.err) {
		return apart
	}
	if wrote, err := b.s.Statements().Written(context.Background()); err != nil {
		return apart
	} else if wrote {
		return carefully
	}
	r.err = b.s.Classify(r.err)
	return fine
}

func (b *batch) inSavepoint(r *request, tx *backend.Tx) verdict {
	// What the operation reads includes the totals of those before it.
	if v := b.flush(); v != fine {
		return v
	}
	if b.control("SAVEPOINT operation") != nil {
		return apart
	}
	failed := b.call(r, tx)
	if !failed {
		r.err = tx.Take().Write(context.Background(), tx)
		failed = r.err != nil
	}
	if b.s.Lost() || failed && b.s.Doubtful(r.err) {
		return apart
	}
	if failed {
		r.err = b.s.Classify(r.err)
		clear(b.memo)
		if b.control("ROLLBACK TO operation") != nil {
			return apart
		}
	}
	if b.control("RELEASE operation") != nil {
		return apart
	}
	if r.gone {
		r.finish() // undone: its goroutine unwinds
	}
	return fine
}

// call runs the operation and reports whether it failed, by whatever means.
func (b *batch) call(r *request, tx *backend.Tx) (failed bool) {
	ctx := context.WithoutCancel(r.ctx)
	r.err, r.panicked, r.value = nil, false, nil
	if r.work.Foreign {
		r.err = b.callForeign(ctx, r, tx)
		return r.err != nil || r.gone
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		// A goroutine that is ending has no value and cannot be stopped: then abandon
		// clears up.
		if v := recover(); v != nil {
			r.panicked, r.value, failed = true, v, true
		}
	}()
	r.err = r.work.Run(ctx, tx)
	returned = true
	return r.err != nil
}

// flush writes the totals gathered so far.
func (b *batch) flush() verdict {
	if err := b.totals.Take().Write(context.Background(), db.New(b.s.Statements())); err != nil {
		if b.s.Lost() || b.s.Doubtful(err) {
			return apart
		}
		return carefully // finds out whose totals they are
	}
	return fine
}

func (b *batch) control(query string) error {
	_, err := b.s.Statements().ExecContext(context.Background(), query)
	return err
}

// reset undoes everything.
func (b *batch) reset() {
	b.s.Rollback()
	b.totals.Take()
	clear(b.memo)
	for _, r := range b.ops {
		if r.gone && !r.finished {
			r.finish()
		}
	}
}

// beginAgain begins another transaction for what is left of the batch. All of it
// is undone, so that those whose contexts end meanwhile may leave, the leader too:
// then somebody else leads the others.
func (b *batch) beginAgain(until time.Time) error {
	err := b.begun(until)
	for errors.Is(err, backend.ErrBusy) && time.Now().Before(until) {
		time.Sleep(backend.Pause())
		err = b.begun(until)
	}
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	return nil
}

// begun makes one attempt.
func (b *batch) begun(until time.Time) error {
	if !b.dismiss() {
		return errNobody
	}
	err := b.s.Classify(b.s.Begin(context.Background()))
	if errors.Is(err, backend.ErrBusy) && b.leader.finished && b.leader.ctx.Err() != nil {
		b.handOver(until)
		return errNobody
	}
	return err
}

// dismiss finishes the operations whose contexts have ended, and reports whether
// any other is left.
func (b *batch) dismiss() (left bool) {
	for _, r := range b.ops {
		switch {
		case r.finished: // it has its answer
		case r.ctx.Err() != nil:
			r.err, r.panicked, r.value = backend.GaveUp(r.ctx), false, nil
			r.finish()
		default:
			left = true
		}
	}
	return left
}

// handOver puts the operations that are left back at the head of the queue, as if
// the batch had not begun. They wait for the lock until the same time.
func (b *batch) handOver(until time.Time) {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	var waiting []*request
	b.ops = slices.DeleteFunc(b.ops, func(r *request) bool {
		if !r.finished {
			r.taken, r.until = false, until
			waiting = append(waiting, r)
		}
		return !r.finished
	})
	b.w.queue = slices.Insert(b.w.queue, 0, waiting...)
}

// apart runs each operation in a transaction of its own. They share the time for
// waiting.
func (b *batch) apart() {
	until := time.Now().Add(b.w.lockWait)
	for _, r := range b.ops {
		if r.finished {
			continue
		}
		if err := b.beginAgain(until); err != nil {
			b.settle(err) // what is left of the batch
			return
		}
		if r.finished { // it left meanwhile
			b.s.Rollback()
			continue
		}
		failed, err := b.alone(r)
		if failed {
			b.s.Rollback()
		} else {
			b.count([]*request{r})
		}
		clear(b.memo)
		r.err = b.s.Classify(err)
		r.finish()
	}
}

// alone runs one operation in the transaction that has begun, and commits.
func (b *batch) alone(r *request) (failed bool, err error) {
	tx, end := b.s.Operation(b.memo, b.w.Stats)
	defer end()
	if b.call(r, tx) {
		return true, r.err
	}
	if err := tx.Take().Write(context.Background(), tx); err != nil {
		return true, err
	}
	if err := b.s.Commit(); err != nil {
		return true, fmt.Errorf("commit: %w", err)
	}
	return false, nil
}

// settle rolls the batch back and answers all of it with err: what one of them was told
// may rest on what another had done.
func (b *batch) settle(err error) {
	b.reset()
	err = b.s.Classify(err)
	for _, r := range b.ops {
		if !r.finished && !r.panicked {
			r.err = err
		}
	}
	b.wake()
}

func (b *batch) wake() {
	for _, r := range b.ops {
		if !r.finished {
			r.finish()
		}
	}
}

func (b *batch) count(committed []*request) {
	n := int64(0)
	for _, r := range committed {
		if r.err == nil && !r.panicked && !r.gone {
			n++
		}
	}
	b.w.operations.Add(n)
	b.w.batches.Add(1)
}
