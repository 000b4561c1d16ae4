package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// patient runs statements that write nothing, on a host's pool or on one of its
// connections. Without a write-ahead log, a commit keeps readers out for a moment, and
// a host may not have set a busy timeout: a statement that finds the database locked is
// repeated. A transaction that reads holds a lock after its first statement, so that no
// later one is kept out.
type patient struct{ on db.DBTX }

var _ db.DBTX = patient{}

func (p patient) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	err = patiently(ctx, func() error {
		result, err = p.on.ExecContext(ctx, query, args...)
		return err
	})
	return result, err
}

func (p patient) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	err = patiently(ctx, func() error {
		rows, err = p.on.QueryContext(ctx, query, args...) //nolint:rowserrcheck // whoever reads them checks it
		return err
	})
	return rows, err
}

func (p patient) QueryRowContext(ctx context.Context, query string, args ...any) (row *sql.Row) {
	if err := patiently(ctx, func() error {
		row = p.on.QueryRowContext(ctx, query, args...)
		return row.Err()
	}); err != nil {
		return backend.FailedRow(err)
	}
	return row
}

func (p patient) PrepareContext(ctx context.Context, query string) (stmt *sql.Stmt, err error) {
	err = patiently(ctx, func() error {
		stmt, err = p.on.PrepareContext(ctx, query)
		return err
	})
	return stmt, err
}

// patiently repeats attempt while somebody's lock is in its way, until ctx ends or
// Patience runs out.
func patiently(ctx context.Context, attempt func() error) error {
	err := attempt()
	if !IsBusy(err) {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	err = Retry(wait, attempt)
	if ended := ctx.Err(); ended != nil && (IsBusy(err) || errors.Is(err, ended)) {
		return backend.GaveUp(ctx)
	}
	return err
}
