package refgrow

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// upkeepEvery is how often Run does the upkeep, upkeepAgain when it tries again after a
// failure, and runEnds how long it waits for clicks in the end.
const (
	upkeepEvery = time.Hour
	upkeepAgain = time.Minute
	runEnds     = 500 * time.Millisecond
)

// upkeepStep is how many accounts one transaction of the upkeep rolls forward, so that
// nobody waits long for it.
const upkeepStep = 200

// Run does what has to be done in the background, until ctx ends: Upkeep at once and
// once an hour, and after a failure, which the log tells, a minute later. In the end it
// lets the clicks that are queued be written, for half a second at most, and returns
// nil; Close sees to the rest. It returns early, with ErrClosed, when the engine is
// closed. An app that embeds the engine calls it in a goroutine of its own:
//
//	go engine.Run(ctx)
//
// Any number of processes may do so on one file. Events are delivered by a
// webhook.Worker, not by Run.
func (e *Engine) Run(ctx context.Context) error {
	for {
		wait := upkeepEvery
		err := guarded(func() error { return e.Upkeep(ctx) })
		switch {
		case errors.Is(err, ErrClosed):
			return err
		case err != nil && ctx.Err() == nil:
			e.logger.WarnContext(ctx, "the upkeep has to wait", "error", err)
			wait = upkeepAgain
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			continue
		case <-e.ended:
			timer.Stop()
			return e.open()
		case <-ctx.Done():
			timer.Stop()
			e.lastClicks(context.WithoutCancel(ctx))
			return nil
		}
	}
}

func (e *Engine) lastClicks(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, runEnds)
	defer cancel()
	_ = e.FlushClicks(ctx) // Close says what is lost
}

// guarded does work in a goroutine that is not a caller's, and turns a panic into an
// error: there it would end the whole app.
func guarded(work func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return work()
}

// Upkeep keeps reads fast and the file small by doing what only the passing of time
// makes necessary: it adds what has become available to the balances of accounts that
// nothing was posted to since, prunes old clicks (PruneClicks) and the answers to calls
// with an Idempotency-Key that are old, or more than are kept for a caller, goes on
// with deletions that were interrupted, and empties the log of a file of our own, where
// an erasure, in this process or another, could not. It changes no answer. It works in
// small transactions, and is meant to be called about once an hour, as Run does.
// Errors: that of ctx, ErrBusy, ErrClosed.
func (e *Engine) Upkeep(ctx context.Context) error {
	if err := e.open(); err != nil {
		return err
	}
	projects, err := e.Projects(ctx)
	if err != nil {
		return err
	}
	for _, p := range projects {
		if err := p.pruneAnswers(ctx); err != nil {
			return err
		}
	}
	if err := e.forgetAnswers(ctx); err != nil {
		return err
	}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if more, err = e.PruneClicks(ctx); err != nil {
			return err
		}
	}
	if err := e.resumeErasures(ctx); err != nil {
		return err
	}
	for _, p := range projects {
		if err := p.putBack(ctx); err != nil { // what a reset of the last stamp has left
			return err
		}
		if err := p.reformNames(ctx); err != nil {
			return err
		}
		for after := int64(0); after < math.MaxInt64; {
			if after, err = p.rollAccounts(ctx, after); err != nil {
				return err
			}
		}
	}
	return e.cutLog(ctx)
}

// pruneAnswers forgets all answers that no longer count.
func (p *Project) pruneAnswers(ctx context.Context) error {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.engine.failed("pruning answers", p.backend.Atomic(ctx, backend.Work{
			Project: p.id,
			Run: func(ctx context.Context, tx *backend.Tx) (err error) {
				more, err = pruneAnswers(ctx, tx, p.id, p.engine.millis())
				return err
			},
		})); err != nil {
			return err
		}
	}
	return nil
}

// cutLog empties the log of the database, and says if that has to wait after something
// was erased.
func (e *Engine) cutLog(ctx context.Context) error {
	erased := e.uncut.Swap(false)
	cut, err := e.backend.CutLog(ctx)
	if err == nil && cut {
		return nil
	}
	if erased {
		e.uncut.Store(true)
	}
	if err == nil && erased {
		e.logger.WarnContext(ctx, "the log of the database may still have what was erased: somebody reads it, "+
			"and the next upkeep tries again")
	}
	return e.failed("emptying the log of the database", err)
}

// rollAccounts rolls some accounts forward, starting after an affiliate, and returns
// the last affiliate that it looked at.
func (p *Project) rollAccounts(ctx context.Context, after int64) (last int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	due, err := read(ctx, p, "looking for balances to roll forward", func(ctx context.Context, q db.Querier) ([]int64,
		error) {
		return q.ListAccountsToRoll(ctx, db.ListAccountsToRollParams{
			ProjectID: p.id, AfterID: after, Instant: p.engine.millis(), AtMost: upkeepStep,
		})
	})
	if err != nil || len(due) == 0 {
		return math.MaxInt64, err
	}
	if last, err = stored.Onward(after, due[len(due)-1]); err != nil {
		return after, err
	}
	return last, p.write(ctx, "rolling balances forward", func(ctx context.Context, o *op) error {
		stamp := o.stamp()
		// Only those that still exist: one may have been deleted since.
		accounts, err := o.ListAccounts(ctx, db.ListAccountsParams{
			ProjectID: o.project, AffiliateIDs: stored.IDs(due), Instant: stamp,
		})
		if err != nil {
			return err
		}
		for _, a := range accounts {
			of := ledger.Account{Affiliate: a.AffiliateID, Currency: a.Currency}
			if err := ledger.Roll(ctx, o.Tx, o.project, stamp, of); err != nil {
				return err
			}
		}
		return nil
	})
}
