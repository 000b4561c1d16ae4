package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	base "github.com/refgrow-go/refgrow/internal/sqlite"
)

// readers is the pool of connections that read. Each text is prepared once and,
// by database/sql, once on each connection that runs it.
type readers struct {
	pool    *sql.DB
	reentry *backend.Reentry
	closed  atomic.Bool

	mu       sync.RWMutex
	prepared map[string]*sql.Stmt
}

var _ db.DBTX = (*readers)(nil)

func newReaders(pool *sql.DB, reentry *backend.Reentry) *readers {
	return &readers{pool: pool, reentry: reentry, prepared: make(map[string]*sql.Stmt, 64)}
}

func (r *readers) close() error {
	r.closed.Store(true)
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, stmt := range r.prepared {
		errs = append(errs, stmt.Close())
	}
	clear(r.prepared)
	return errors.Join(append(errs, r.pool.Close())...)
}

func (r *readers) known(query string) *sql.Stmt {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.prepared[query]
}

// refuse returns the reason why the caller cannot read. From inside an operation it
// would not see what that has done.
func (r *readers) refuse() error {
	if r.closed.Load() {
		return backend.ErrClosed
	}
	return r.reentry.Refuse()
}

func (r *readers) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if err := r.refuse(); err != nil {
		return nil, err
	}
	if stmt := r.known(query); stmt != nil {
		return stmt, nil
	}
	stmt, err := r.pool.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return nil, errors.Join(backend.ErrClosed, stmt.Close())
	}
	if first := r.prepared[query]; first != nil {
		return first, stmt.Close()
	}
	r.prepared[query] = stmt
	return stmt, nil
}

func (r *readers) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := r.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (r *readers) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := r.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (r *readers) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := r.stmt(ctx, query)
	if err != nil {
		return backend.FailedRow(err)
	}
	return stmt.QueryRowContext(ctx, args...)
}

func (r *readers) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if err := r.refuse(); err != nil {
		return nil, err
	}
	return r.pool.PrepareContext(ctx, query)
}

// snapshot runs work in one read transaction.
func (r *readers) snapshot(ctx context.Context, work func(context.Context, db.Querier) error) error {
	if err := r.refuse(); err != nil {
		return err
	}
	within := backend.ReadingOf(ctx).Within
	conn, err := backend.Connection(ctx, r.pool, within)
	if err != nil {
		return base.Classify(err)
	}
	defer func() { _ = conn.Close() }() // back to the pool
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return base.Classify(err)
	}
	s := &snapshot{readers: r, tx: tx, prepared: make(map[string]*sql.Stmt)}
	defer func() {
		// It has written nothing, so its end cannot fail in a way that matters; the
		// pool discards a connection that stays in it.
		_ = tx.Rollback()
		_ = conn.Close()
		for _, query := range s.missing {
			// Whatever is wrong shows when the text is next used.
			_, _ = r.stmt(ctx, query)
		}
	}()
	return base.Classify(backend.Timed(s, within, func(on db.DBTX) error { return work(ctx, db.New(on)) }))
}

// snapshot runs statements in a read transaction, without taking another
// connection of the pool: it may hold the last one. What the pool has not yet
// prepared is prepared there once the transaction is over.
type snapshot struct {
	readers *readers
	tx      *sql.Tx

	mu       sync.Mutex
	prepared map[string]*sql.Stmt
	missing  []string
}

func (s *snapshot) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt := s.prepared[query]; stmt != nil {
		return stmt, nil
	}
	var stmt *sql.Stmt
	if known := s.readers.known(query); known != nil {
		stmt = s.tx.StmtContext(ctx, known)
	} else {
		var err error
		if stmt, err = s.tx.PrepareContext(ctx, query); err != nil {
			return nil, err
		}
		s.missing = append(s.missing, query)
	}
	s.prepared[query] = stmt
	return stmt, nil
}

func (s *snapshot) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := s.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (s *snapshot) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := s.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (s *snapshot) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := s.stmt(ctx, query)
	if err != nil {
		return backend.FailedRow(err)
	}
	return stmt.QueryRowContext(ctx, args...)
}

func (s *snapshot) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return s.tx.PrepareContext(ctx, query)
}
