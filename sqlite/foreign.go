package sqlite

import (
	"context"

	"github.com/refgrow-go/refgrow/internal/backend"
)

// turn passes an operation of foreign code back to its owner, who waits in any
// case: the code runs in the goroutine that called the engine, while the leader
// waits for it. So a panic or the end of the goroutine (t.FailNow in a test) hits
// the owner alone, with its own stack.
type turn struct {
	ctx  context.Context
	tx   *backend.Tx
	back chan struct{} // the owner has run it
	err  error
	gone bool // it did not return; its goroutine unwinds as soon as the work is undone
}

func newTurn() *turn { return &turn{back: make(chan struct{})} }

// callForeign lets the owner run its work. Called by the leader.
func (r *request) callForeign(ctx context.Context, tx *backend.Tx) error {
	r.turn.ctx, r.turn.tx = ctx, tx
	r.signal <- enter
	<-r.turn.back
	return r.turn.err
}

// runForeign runs r's work. Called by the owner.
func (w *writer) runForeign(r *request) {
	t := r.turn
	leave := w.reentry.Enter()
	t.err, t.gone = nil, true
	defer func() {
		leave()
		t.back <- struct{}{}
		if t.gone {
			<-r.signal // done: undone
		}
	}()
	t.err = r.work.Run(t.ctx, t.tx)
	t.gone = false
}
