package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/batch"
	"github.com/refgrow-go/refgrow/internal/db"
)

// A Backend runs on a host's pool. Each project has a writer of its own: those who write in
// it wait for each other in the process, so that the database sees one of them, and commit
// together. Projects are independent.
type Backend struct {
	pool   *sql.DB
	places places
	lists  backend.Room
	shared batch.Shared

	mu      sync.Mutex
	writers map[int64]*writer // by project; of those that somebody uses
}

type writer struct {
	*batch.Writer
	users int // under Backend.mu
}

var _ backend.Backend = (*Backend)(nil)

// New returns the backend of a pool, which the caller keeps and closes. The tables are in
// the schema of a name, or, with "", in the first one of the connections' search path.
// Lists take at most half of the connections that the pool may have by now.
func New(pool *sql.DB, schema string) *Backend {
	return &Backend{
		pool: pool, places: places{pool: pool, name: schema},
		lists:   backend.NewRoom(pool.Stats().MaxOpenConnections),
		writers: make(map[int64]*writer),
	}
}

// Reader returns queries on the pool. From inside an operation they are refused: they
// would not see what it has done, and on a pool of one connection they would wait
// forever.
func (b *Backend) Reader() db.Querier {
	return db.New(backend.Checked(found{&b.places, b.pool}, b.shared.Reentry.Refuse))
}

// Bind returns the backend of the caller's transaction.
func (b *Backend) Bind(tx *sql.Tx) backend.Backend {
	at := b.places.known()
	if at == nil {
		return backend.Refused(errors.New("the schema of the database is not known: no engine was made with it"))
	}
	return backend.NewBound(&statements{at: at, on: tx}, database{at}, b.Stats, nil)
}

// Stats counts what was committed.
func (b *Backend) Stats() backend.Stats { return b.shared.Stats() }

// Atomic runs work in a batch of its project.
func (b *Backend) Atomic(ctx context.Context, work backend.Work) error {
	w := b.enter(work.Project)
	defer b.leave(work.Project, w)
	return w.Atomic(ctx, work)
}

func (b *Backend) enter(project int64) *writer {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.writers[project]
	if w == nil {
		w = &writer{Writer: batch.New(&session{of: b, project: project}, patience, &b.shared)}
		b.writers[project] = w
	}
	w.users++
	return w
}

func (b *Backend) leave(project int64, w *writer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w.users--; w.users == 0 {
		delete(b.writers, project)
	}
}

// Snapshot runs work in a transaction that only reads. The server ends a statement of it
// that takes too long: that leaves the connection whole.
func (b *Backend) Snapshot(ctx context.Context, work func(context.Context, db.Querier) error) error {
	if err := b.shared.Reentry.Refuse(); err != nil {
		return err
	}
	within := backend.ReadingOf(ctx).Within
	at, conn, leave, err := b.reading(ctx, within)
	if err != nil {
		return err
	}
	defer leave()
	text := "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	if within > 0 {
		text += "; SET LOCAL statement_timeout = " + milliseconds(max(within, time.Millisecond))
	}
	defer rollback(conn)
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), text); err != nil {
		return Classify(err)
	}
	err = ClassifyIn(ctx, work(ctx, db.New(texted{at, conn})))
	if within > 0 && State(err) == queryCanceled && ctx.Err() == nil {
		return backend.TooSlow(err)
	}
	return err
}

// reading waits for its turn among lists, and for a connection, no longer than within.
func (b *Backend) reading(ctx context.Context, within time.Duration) (
	at *place, conn *sql.Conn, leave func(), err error,
) {
	limited, end := backend.WithDeadline(ctx, within)
	defer func() { err = end(err) }()
	if at, err = b.places.find(limited); err != nil {
		return nil, nil, nil, err
	}
	left, err := b.lists.Enter(limited)
	if err != nil {
		return nil, nil, nil, err
	}
	if conn, err = b.pool.Conn(limited); err != nil {
		left()
		return nil, nil, nil, Classify(err)
	}
	return at, conn, func() {
		_ = conn.Close() // back to the pool
		left()
	}, nil
}

// CutLog leaves the log to the server.
func (b *Backend) CutLog(context.Context) (cut bool, err error) { return true, nil }

// Present has nothing to say of a server.
func (b *Backend) Present() error { return nil }

// Backup is the server's business.
func (b *Backend) Backup(context.Context, string) error {
	return fmt.Errorf("%w: PostgreSQL has its own, such as pg_dump --schema, or the point-in-time recovery of whoever "+
		"runs the server", backend.ErrUnsupported)
}

// Classify goes by SQLSTATE.
func (b *Backend) Classify(err error) error { return Classify(err) }

// SaysDamaged goes by SQLSTATE.
func (b *Backend) SaysDamaged(err error) bool { return SaysDamaged(err) }
