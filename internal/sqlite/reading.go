package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/refgrow-go/refgrow/internal/db"
)

// checked passes statements to another DBTX, unless refuse returns an error.
type checked struct {
	on     db.DBTX
	refuse func() error
}

var _ db.DBTX = checked{}

func (c checked) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := c.refuse(); err != nil {
		return nil, err
	}
	return c.on.ExecContext(ctx, query, args...)
}

func (c checked) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := c.refuse(); err != nil {
		return nil, err
	}
	return c.on.QueryContext(ctx, query, args...)
}

func (c checked) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if err := c.refuse(); err != nil {
		return FailedRow(err)
	}
	return c.on.QueryRowContext(ctx, query, args...)
}

func (c checked) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if err := c.refuse(); err != nil {
		return nil, err
	}
	return c.on.PrepareContext(ctx, query)
}

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
		return FailedRow(err)
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
		return GaveUp(ctx)
	}
	return err
}
