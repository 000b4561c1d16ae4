package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// bound is the backend inside a transaction: each operation is a savepoint of it. The
// name of the savepoint is always the same, since SQLite takes it to mean the innermost
// one.
type bound struct {
	on    db.DBTX
	stats func() backend.Stats

	// memo is the enclosing operation's. Without one, in the caller's own transaction,
	// every operation gets a fresh map: the caller may have changed anything in
	// between.
	memo map[any]any

	// doubt is called before an operation in the caller's own transaction,
	// which SQLite may have rolled back by itself: a SAVEPOINT would then begin
	// a new transaction and its RELEASE commit it.
	doubt func()

	// over is set when the enclosing operation has ended. Nil: never.
	over *atomic.Bool

	// running is locked by the operation that runs. If two ran at the same time, one
	// would release the savepoint of the other.
	running sync.Mutex
}

var (
	errNotHere = errors.New("not inside a transaction: call it on the engine itself")
	errOver    = errors.New("the operation that this handle was made for has ended")
	errTwice   = errors.New("another operation is running on this handle: a transaction is for one goroutine at a time, " +
		"and an operation must use the handle that it was given")
)

// NewBound returns the backend of the caller's own transaction.
func NewBound(tx *sql.Tx, stats func() backend.Stats) backend.Backend {
	g := &guarded{on: tx}
	return &bound{on: g, stats: stats, doubt: g.doubt}
}

// Operation returns an operation's view of the transaction that it runs in, and
// a function that ends the life of its Nested.
func Operation(on db.DBTX, memo map[any]any, stats func() backend.Stats) (tx *backend.Tx, end func()) {
	op := new(struct {
		tx     backend.Tx
		nested bound
		over   atomic.Bool
	})
	op.nested.on, op.nested.memo, op.nested.stats, op.nested.over = on, memo, stats, &op.over
	op.tx = backend.Tx{Querier: db.New(on), Memo: memo, Nested: &op.nested}
	return &op.tx, func() { op.over.Store(true) }
}

func (b *bound) Reader() db.Querier   { return db.New(backend.Checked(b.on, b.ended)) }
func (b *bound) Stats() backend.Stats { return b.stats() }

func (b *bound) Classify(err error) error   { return Classify(err) }
func (b *bound) SaysDamaged(err error) bool { return SaysDamaged(err) }

// Snapshot reads in the transaction itself.
func (b *bound) Snapshot(ctx context.Context, work func(context.Context, db.Querier) error) error {
	if err := b.refuse(ctx); err != nil {
		return err
	}
	return Classify(work(context.WithoutCancel(ctx), db.New(b.on)))
}

func (b *bound) Atomic(ctx context.Context, work backend.Work) (err error) {
	if err := b.refuse(ctx); err != nil {
		return err
	}
	if !b.running.TryLock() {
		return errTwice
	}
	defer b.running.Unlock()
	ctx = context.WithoutCancel(ctx)
	if b.doubt != nil {
		b.doubt()
	}
	if _, err := b.on.ExecContext(ctx, "SAVEPOINT refgrow"); err != nil {
		return Classify(fmt.Errorf("begin in the caller's transaction: %w", err))
	}
	memo := b.memo
	if memo == nil {
		memo = make(map[any]any)
	}
	released := false
	defer func() {
		// released is unset after an error, a panic or the end of the goroutine.
		if !released {
			clear(memo)
			if undo := b.undo(ctx); undo != nil {
				err = errors.Join(err, undo)
			}
		}
		err = Classify(err)
	}()

	if b.memo == nil {
		if err := b.lock(ctx); err != nil {
			return err
		}
	}
	tx, end := Operation(b.on, memo, b.stats)
	defer end()
	if err := work.Run(ctx, tx); err != nil {
		return err
	}
	if err := tx.Take().Write(ctx, tx); err != nil {
		return err
	}
	if _, err := b.on.ExecContext(ctx, "RELEASE refgrow"); err != nil {
		return lostOr(err)
	}
	released = true
	return nil
}

// lock turns a transaction that began deferred into a writing one before anything is
// read: one that reads first is refused (517) as soon as anybody else has written. The
// statement changes nothing. In a schema without the table of versions there is nothing
// to take the lock with, and the operation's first write has to take it.
func (b *bound) lock(ctx context.Context) error {
	_, err := b.on.ExecContext(ctx, "DELETE FROM refgrow_migrations WHERE 0")
	if code, ok := Code(err); ok && code&0xff == codeError {
		return nil
	}
	return err
}

// undo takes back the operation's work and nothing else.
func (b *bound) undo(ctx context.Context) error {
	if _, err := b.on.ExecContext(ctx, "ROLLBACK TO refgrow"); err != nil {
		return lostOr(err)
	}
	if _, err := b.on.ExecContext(ctx, "RELEASE refgrow"); err != nil {
		return lostOr(err)
	}
	return nil
}

// lostOr explains the error of a savepoint that is no longer there.
func lostOr(err error) error {
	if errors.Is(err, backend.ErrLost) {
		return err
	}
	if code, ok := Code(err); ok && code&0xff == codeError {
		return fmt.Errorf("%w; all of it must be repeated: %w", backend.ErrLost, err)
	}
	return err
}

func (b *bound) refuse(ctx context.Context) error {
	if err := b.ended(); err != nil {
		return err
	}
	return ctx.Err()
}

func (b *bound) ended() error {
	if b.over != nil && b.over.Load() {
		return errOver
	}
	return nil
}

// Bind is refused: a transaction inside this one is a savepoint of it, and any other
// would wait for this one.
func (b *bound) Bind(*sql.Tx) backend.Backend {
	return backend.Refused(fmt.Errorf("bind: %w", errNotHere))
}

func (b *bound) Migrate(context.Context, backend.Migration) error {
	return fmt.Errorf("migrate: %w", errNotHere)
}

// CutLog is refused: a log is not emptied inside a transaction.
func (b *bound) CutLog(context.Context) (bool, error) {
	return false, fmt.Errorf("cut the log: %w", errNotHere)
}

// Present is what the engine that the transaction belongs to looks at.
func (b *bound) Present() error { return fmt.Errorf("present: %w", errNotHere) }

func (b *bound) Integrity(context.Context, backend.Schema) ([]string, error) {
	return nil, fmt.Errorf("integrity: %w", errNotHere)
}

func (b *bound) Backup(context.Context, string) error {
	return fmt.Errorf("backup: %w", errNotHere)
}
