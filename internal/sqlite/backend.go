// Package sqlite is the backend for a SQLite database that somebody else opened,
// with whatever driver: it imports none. It also holds what the backend of an
// owned file (package sqlite at the module's root) shares with it: the bound
// backend of a transaction, the statement caches, the classification of errors,
// the schema's installer, and the backup.
package sqlite

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// Backend runs on a borrowed pool. It never holds two of its connections at the
// same time, so that a pool of one is enough.
type Backend struct {
	pool    *sql.DB
	gate    chan struct{} // holds the operation that writes or waits for the lock
	lists   backend.Room
	reentry backend.Reentry
	commits atomic.Int64
	waited  atomic.Int64 // by operations until their transaction had begun, in nanoseconds
}

var _ backend.Backend = (*Backend)(nil)

// New returns the backend of a pool, which the caller keeps and closes. Lists take at most
// half of the connections that the pool may have by now, so that keys, links and the
// host's own work are not kept waiting by them.
func New(pool *sql.DB) *Backend {
	return &Backend{
		pool: pool, gate: make(chan struct{}, 1), lists: backend.NewRoom(pool.Stats().MaxOpenConnections),
	}
}

// Reader returns queries on the pool. From inside an operation they are refused: they
// would not see what it has done, and on a pool of one connection they would wait
// forever.
func (b *Backend) Reader() db.Querier {
	return db.New(backend.Checked(patient{b.pool}, b.reentry.Refuse))
}

// Bind returns the backend of the caller's transaction.
func (b *Backend) Bind(tx *sql.Tx) backend.Backend { return Bound(tx, b.Stats) }

// Stats counts one batch for each operation.
func (b *Backend) Stats() backend.Stats {
	n := b.commits.Load()
	return backend.Stats{Operations: n, Batches: n, Waited: time.Duration(b.waited.Load())}
}

// Atomic runs work in an IMMEDIATE transaction of its own.
func (b *Backend) Atomic(ctx context.Context, work backend.Work) error {
	err := b.write(ctx, func(ctx context.Context, on db.DBTX) error {
		tx, end := backend.Operation(on, Database{}, make(map[any]any), b.Stats)
		defer end()
		if work.Foreign {
			defer b.reentry.Enter()()
		}
		if err := work.Run(ctx, tx); err != nil {
			return err
		}
		return tx.Take().Write(ctx, tx)
	})
	if err == nil {
		b.commits.Add(1)
	}
	return err
}

// Snapshot runs work in a read transaction. It begins with a statement and not
// with BeginTx, which on a host's pool may begin an IMMEDIATE one.
func (b *Backend) Snapshot(ctx context.Context, work func(context.Context, db.Querier) error) error {
	if err := b.reentry.Refuse(); err != nil {
		return err
	}
	within := backend.ReadingOf(ctx).Within
	limited, end := backend.WithDeadline(ctx, within)
	leave, err := b.lists.Enter(limited)
	if err != nil {
		return end(err)
	}
	defer leave()
	conn, err := b.reading(limited)
	if err = end(err); err != nil {
		return err
	}
	defer conn.release()
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "BEGIN DEFERRED"); err != nil {
		return Classify(err)
	}
	defer conn.rollback(ctx)
	return Classify(backend.Timed(patient{conn}, within, func(on db.DBTX) error { return work(ctx, db.New(on)) }))
}

// Migrate installs the schema or checks it.
func (b *Backend) Migrate(ctx context.Context, m backend.Migration) error {
	if err := b.reentry.Refuse(); err != nil {
		return err
	}
	return Install(ctx, m, patient{b.pool}, b.write)
}

// Integrity checks the whole file of the pool, the host's tables included.
func (b *Backend) Integrity(ctx context.Context, schema backend.Schema) ([]string, error) {
	if err := b.reentry.Refuse(); err != nil {
		return nil, err
	}
	conn, err := b.reading(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.release()
	return Integrity(ctx, patient{conn}, schema)
}

// CutLog leaves the log to the host.
func (b *Backend) CutLog(context.Context) (cut bool, err error) { return true, nil }

// Present has nothing to say of a host's file.
func (b *Backend) Present() error { return nil }

// Backup copies the database over a connection of the pool.
func (b *Backend) Backup(ctx context.Context, path string) error {
	if err := b.reentry.Refuse(); err != nil {
		return err
	}
	conn, err := b.reading(ctx)
	if err != nil {
		return err
	}
	defer conn.release()
	return Backup(ctx, patient{conn}, path)
}

// Classify goes by the result codes of SQLite.
func (b *Backend) Classify(err error) error { return Classify(err) }

// SaysDamaged goes by the result codes of SQLite.
func (b *Backend) SaysDamaged(err error) bool { return SaysDamaged(err) }
