package sqlite

import (
	"context"
	"database/sql"

	"github.com/refgrow-go/refgrow/internal/db"
)

// reading runs queries on the pool. From inside an operation that holds the pool's
// only connection they would wait for ever, and are refused.
type reading struct{ b *Backend }

var _ db.DBTX = reading{}

func (r reading) refuse() error {
	if r.b.reentry.Inside() && r.b.pool.Stats().MaxOpenConnections == 1 {
		return ErrReentrant
	}
	return nil
}

func (r reading) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := r.refuse(); err != nil {
		return nil, err
	}
	return r.b.pool.ExecContext(ctx, query, args...)
}

func (r reading) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := r.refuse(); err != nil {
		return nil, err
	}
	return r.b.pool.QueryContext(ctx, query, args...)
}

func (r reading) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if err := r.refuse(); err != nil {
		return FailedRow(err)
	}
	return r.b.pool.QueryRowContext(ctx, query, args...)
}

func (r reading) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if err := r.refuse(); err != nil {
		return nil, err
	}
	return r.b.pool.PrepareContext(ctx, query)
}
