package refgrow

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// inSteps stands in place of the status of an answer for work in steps, which no answer
// is stored for.
const inSteps = -2

// given reports whether a call has a key at all.
func (call Idempotency) given() bool {
	return call.Caller != "" || call.Key != "" || call.Request != nil
}

// A payoutTask is work on payouts in steps that was asked for with a key. Each step's
// transaction moves its mark, so that whoever repeats the call goes on from there, and
// nothing is done twice.
type payoutTask struct {
	row   db.PayoutTask
	key   []byte
	begun bool // by this call
	// refused are the payouts that were refused, of those that are paid or canceled.
	refused []refusedPayout
}

// A refusedPayout is why one of many payouts was neither paid nor canceled.
type refusedPayout struct {
	At      int    `json:"at"` // among those that were named
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// beginTask finds the task of a key, or begins it. begin makes the run that it is for,
// and returns its id, nil for none. back gives back the turn of the key: a twin of this
// call waits for it.
func (p *Project) beginTask(
	ctx context.Context, call Idempotency, doing string, begin func(context.Context, *op) (*int64, error),
) (task *payoutTask, back func(), err error) {
	kept, err := call.keeping(p.id)
	if err != nil {
		return nil, nil, err
	}
	back = func() {}
	if !p.inTransaction() { // whoever waits inside one holds the lock that the twin needs
		if back, err = p.engine.tasks.take(ctx, string(kept.key)); err != nil {
			return nil, nil, p.engine.failed(doing, err)
		}
	}
	task, err = change(ctx, p, doing, backend.Work{}, func(ctx context.Context, o *op) (*payoutTask, error) {
		return o.beginTask(ctx, kept.at(o.now), begin)
	})
	if err != nil {
		back()
		return nil, nil, err
	}
	return task, back, nil
}

func (o *op) beginTask(
	ctx context.Context, k keptAnswer, begin func(context.Context, *op) (*int64, error),
) (*payoutTask, error) {
	row, err := o.GetPayoutTask(ctx, db.GetPayoutTaskParams{ProjectID: o.project, KeyHash: k.key})
	switch {
	case err == nil:
		if subtle.ConstantTimeCompare(row.RequestHash, k.request) != 1 {
			return nil, usedKey()
		}
		task := &payoutTask{row: row, key: k.key}
		return task, task.recall(row.Refused)
	case !errors.Is(err, sql.ErrNoRows):
		return nil, err
	}
	if _, found, err := k.find(ctx, o.Tx); err != nil {
		return nil, err
	} else if found {
		return nil, usedKey()
	}
	run, err := begin(ctx, o)
	if err != nil {
		return nil, err
	}
	row = db.PayoutTask{ProjectID: o.project, RunID: run}
	row.ID, err = o.InsertPayoutTask(ctx, db.InsertPayoutTaskParams{
		ProjectID: o.project, KeyHash: k.key, RequestHash: k.request, RunID: run, CreatedAt: o.now,
	})
	return &payoutTask{row: row, key: k.key, begun: true}, err
}

func usedKey() *Error { return conflict("Idempotency-Key", "was used for another request") }

// recall takes over what was refused, as it was written down.
func (t *payoutTask) recall(refused string) error {
	if err := json.Unmarshal([]byte(refused), &t.refused); err != nil {
		return fmt.Errorf("%w: what payout task %d refused: %w", ErrDamaged, t.row.ID, err)
	}
	return nil
}

// pass moves the mark of a task in the transaction of a step. It reports whether the
// step is still to be done: another process may have passed it. What that one has
// refused is refused.
func (t *payoutTask) pass(ctx context.Context, o *op, mark int64, last bool) (bool, error) {
	if t == nil {
		return true, nil
	}
	refused, err := json.Marshal(t.refused)
	if err != nil {
		return false, err
	}
	moved, err := o.MovePayoutTask(ctx, db.MovePayoutTaskParams{
		ProjectID: o.project, TaskID: t.row.ID, Mark: mark, Done: stored.Flag(last), Refused: string(refused),
	})
	if err != nil || moved == 1 {
		return moved == 1, err
	}
	row, err := o.GetPayoutTask(ctx, db.GetPayoutTaskParams{ProjectID: o.project, KeyHash: t.key})
	if err != nil {
		return false, needed(o.Nested, err)
	}
	return false, t.recall(row.Refused)
}

// end notes that all of a task is done, which it was not.
func (t *payoutTask) end(ctx context.Context, p *Project, doing string) error {
	if t == nil {
		return nil
	}
	return p.write(ctx, doing, func(ctx context.Context, o *op) error {
		return o.EndPayoutTask(ctx, db.EndPayoutTaskParams{ProjectID: o.project, TaskID: t.row.ID})
	})
}

// turns lets one caller at a time through for each key.
type turns struct{ held sync.Map } // by the key, a channel that is closed at the end of the turn

// take waits for the turn of a key. The caller gives it back with what it returns.
// Errors: that of ctx.
func (t *turns) take(ctx context.Context, key string) (back func(), err error) {
	own := make(chan struct{})
	for {
		held, taken := t.held.LoadOrStore(key, own)
		if !taken {
			return func() { t.held.Delete(key); close(own) }, nil
		}
		select {
		case <-held.(chan struct{}):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
