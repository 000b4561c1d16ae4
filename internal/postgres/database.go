package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

var errOnlyReads = errors.New("the caller's transaction only reads: begin one that writes")

// database is what operations have to know about PostgreSQL.
type database struct{ at *place }

var _ backend.Database = database{}

// Classify goes by SQLSTATE.
func (database) Classify(err error) error { return Classify(err) }

// SaysDamaged goes by SQLSTATE.
func (database) SaysDamaged(err error) bool { return SaysDamaged(err) }

// Lock keeps out the other writers of the project until the caller's transaction ends. It
// waits as long as its context lets it, and leaves the caller's own lock_timeout as it
// was. If it fails, the savepoint takes the setting back as well.
func (d database) Lock(ctx context.Context, on db.DBTX, project int64) error {
	if project == 0 {
		return nil
	}
	within := patience
	if until, ok := ctx.Deadline(); ok {
		within = max(min(within, time.Until(until)), time.Millisecond) // 0 would be for ever
	}
	_, err := on.ExecContext(context.WithoutCancel(ctx),
		"SELECT set_config('refgrow.lock_timeout', current_setting('lock_timeout'), true); "+
			"SET LOCAL lock_timeout = "+milliseconds(within)+"; "+lock(d.at, project)+"; "+
			"SELECT set_config('lock_timeout', current_setting('refgrow.lock_timeout'), true)")
	switch state := State(err); {
	case state == lockNotAvailable && ctx.Err() != nil:
		return fmt.Errorf("%w: %w", backend.GaveUp(ctx), err)
	case state == readOnly: // elsewhere, a server that is not the primary one any more
		return errOnlyReads
	}
	return err
}

// Gone explains the error of a savepoint that is no longer there: the transaction has
// ended, or an error has ended everything in it.
func (database) Gone(err error) error {
	if errors.Is(err, backend.ErrLost) || State(err) != noSavepoint {
		return err
	}
	return fmt.Errorf("%w; all of it must be repeated: %w", backend.ErrLost, err)
}
