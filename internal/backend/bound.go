package backend

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/refgrow-go/refgrow/internal/db"
)

// A Database is what operations inside a transaction have to know about where it is.
type Database interface {
	Classify(err error) error
	SaysDamaged(err error) bool
	// Lock keeps out other writers, of the project at least, until the transaction ends. It
	// comes before everything else that an operation does in a caller's own transaction.
	Lock(ctx context.Context, on db.DBTX, project int64) error
	// Gone explains the error of a savepoint that is no longer there.
	Gone(err error) error
}

// bound is the backend inside a transaction: each operation is a savepoint of it. The
// name of the savepoint is always the same, since databases take it to mean the innermost
// one.
type bound struct {
	on    db.DBTX
	of    Database
	stats func() Stats

	// memo is the enclosing operation's. Without one, in the caller's own transaction,
	// every operation gets a fresh map: the caller may have changed anything in
	// between.
	memo map[any]any

	// doubt, if there is one, is called before an operation in the caller's own
	// transaction, which the database may have rolled back by itself: a SAVEPOINT could
	// then begin a new transaction and its RELEASE commit it.
	doubt func()

	// over is set when the enclosing operation has ended. Nil: never.
	over *atomic.Bool

	// running is locked by the operation that runs. If two ran at the same time, one
	// would release the savepoint of the other.
	running sync.Mutex
}

var (
	// ErrNotHere is for what cannot be done inside a transaction.
	ErrNotHere = errors.New("not inside a transaction: call it on the engine itself")
	// ErrOver is for a handle whose operation has ended.
	ErrOver = errors.New("the operation that this handle was made for has ended")
	// ErrTwice is for an operation while another one runs on the same handle.
	ErrTwice = errors.New("another operation is running on this handle: a transaction is for one goroutine at a time, " +
		"and an operation must use the handle that it was given")
)

// NewBound returns the backend of the caller's own transaction. doubt may be nil: see
// there.
func NewBound(on db.DBTX, of Database, stats func() Stats, doubt func()) Backend {
	return &bound{on: on, of: of, stats: stats, doubt: doubt}
}

// Operation returns an operation's view of the transaction that it runs in, and
// a function that ends the life of its Nested.
func Operation(on db.DBTX, of Database, memo map[any]any, stats func() Stats) (tx *Tx, end func()) {
	op := new(struct {
		tx     Tx
		nested bound
		over   atomic.Bool
	})
	op.nested.on, op.nested.of, op.nested.memo, op.nested.stats, op.nested.over = on, of, memo, stats, &op.over
	op.tx = Tx{Querier: db.New(on), Memo: memo, Nested: &op.nested}
	return &op.tx, func() { op.over.Store(true) }
}

func (b *bound) Reader() db.Querier { return db.New(Checked(b.on, b.ended)) }
func (b *bound) Stats() Stats       { return b.stats() }

func (b *bound) Classify(err error) error   { return b.of.Classify(err) }
func (b *bound) SaysDamaged(err error) bool { return b.of.SaysDamaged(err) }

// Snapshot reads in the transaction itself.
func (b *bound) Snapshot(ctx context.Context, work func(context.Context, db.Querier) error) error {
	if err := b.refuse(ctx); err != nil {
		return err
	}
	return b.of.Classify(work(context.WithoutCancel(ctx), db.New(b.on)))
}

func (b *bound) Atomic(ctx context.Context, work Work) (err error) {
	if err := b.refuse(ctx); err != nil {
		return err
	}
	if !b.running.TryLock() {
		return ErrTwice
	}
	defer b.running.Unlock()
	asked, ctx := ctx, context.WithoutCancel(ctx)
	if b.doubt != nil {
		b.doubt()
	}
	if _, err := b.on.ExecContext(ctx, "SAVEPOINT refgrow"); err != nil {
		return b.of.Classify(fmt.Errorf("begin in the caller's transaction: %w", err))
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
		err = b.of.Classify(err)
	}()

	if b.memo == nil {
		if err := b.of.Lock(asked, b.on, work.Project); err != nil {
			return err
		}
	}
	tx, end := Operation(b.on, b.of, memo, b.stats)
	defer end()
	if err := work.Run(ctx, tx); err != nil {
		return err
	}
	if err := tx.Take().Write(ctx, tx); err != nil {
		return err
	}
	if _, err := b.on.ExecContext(ctx, "RELEASE refgrow"); err != nil {
		return b.of.Gone(err)
	}
	released = true
	return nil
}

// undo takes back the operation's work and nothing else.
func (b *bound) undo(ctx context.Context) error {
	if _, err := b.on.ExecContext(ctx, "ROLLBACK TO refgrow"); err != nil {
		return b.of.Gone(err)
	}
	if _, err := b.on.ExecContext(ctx, "RELEASE refgrow"); err != nil {
		return b.of.Gone(err)
	}
	return nil
}

func (b *bound) refuse(ctx context.Context) error {
	if err := b.ended(); err != nil {
		return err
	}
	return ctx.Err()
}

func (b *bound) ended() error {
	if b.over != nil && b.over.Load() {
		return ErrOver
	}
	return nil
}

// Bind is refused: a transaction inside this one is a savepoint of it, and any other
// would wait for this one.
func (b *bound) Bind(*sql.Tx) Backend {
	return Refused(fmt.Errorf("bind: %w", ErrNotHere))
}

func (b *bound) Migrate(context.Context, Migration) error {
	return fmt.Errorf("migrate: %w", ErrNotHere)
}

// CutLog is refused: a log is not emptied inside a transaction.
func (b *bound) CutLog(context.Context) (bool, error) {
	return false, fmt.Errorf("cut the log: %w", ErrNotHere)
}

// Present is what the engine that the transaction belongs to looks at.
func (b *bound) Present() error { return fmt.Errorf("present: %w", ErrNotHere) }

func (b *bound) Integrity(context.Context, Schema) ([]string, error) {
	return nil, fmt.Errorf("integrity: %w", ErrNotHere)
}

func (b *bound) Backup(context.Context, string) error {
	return fmt.Errorf("backup: %w", ErrNotHere)
}
