package batch

import (
	"context"

	"github.com/refgrow-go/refgrow/internal/backend"
)

// Foreign code runs in the goroutine that called the engine, so that a panic or the end
// of the goroutine (t.FailNow in a test) hits its owner alone, with its own stack. The
// owner is always there: either it leads, or it waits, and then the leader passes it
// the turn and waits in its place.
type turn struct {
	ctx  context.Context
	tx   *backend.Tx
	err  error
	back chan struct{} // the owner has had its turn
}

// callForeign has r's work run by its owner. Called by the leader.
func (b *batch) callForeign(ctx context.Context, r *request, tx *backend.Tx) error {
	if r == b.leader {
		return b.w.runForeign(ctx, r, tx)
	}
	r.turn.ctx, r.turn.tx = ctx, tx
	r.signal <- enter
	<-r.turn.back
	return r.turn.err
}

// takeTurn runs r's work in the leader's transaction. Called by the owner. If the
// work does not return, the goroutine goes on unwinding once it is undone.
func (w *Writer) takeTurn(r *request) {
	defer func() {
		r.turn.back <- struct{}{}
		if r.gone {
			<-r.signal // done
		}
	}()
	r.turn.err = nil
	r.turn.err = w.runForeign(r.turn.ctx, r, r.turn.tx)
}

func (w *Writer) runForeign(ctx context.Context, r *request, tx *backend.Tx) error {
	defer w.Reentry.Enter()()
	r.gone = true
	err := r.work.Run(ctx, tx)
	r.gone = false
	return err
}
