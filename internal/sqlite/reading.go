package sqlite

import (
	"context"
	"database/sql"

	"github.com/refgrow-go/refgrow/internal/db"
)

// checked runs statements on on unless refuse has a reason against it.
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
