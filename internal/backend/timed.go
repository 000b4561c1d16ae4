package backend

import (
	"context"
	"database/sql"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
)

// Connection takes a connection of a pool, and waits for it no longer than within
// (0: as long as ctx lives).
func Connection(ctx context.Context, pool *sql.DB, within time.Duration) (*sql.Conn, error) {
	limited, end := WithDeadline(ctx, within)
	conn, err := pool.Conn(limited)
	return conn, end(err)
}

// Timed runs work with statements that each have a deadline. A statement begins when
// the rows of the one before it have been read. 0 means no deadline.
func Timed(on db.DBTX, within time.Duration, work func(db.DBTX) error) error {
	if within <= 0 {
		return work(on)
	}
	t := &timed{on: on, within: within, end: func(err error) error { return err }}
	// A panic of work must not leave the last deadline behind.
	defer func() { _ = t.end(nil) }()
	err := work(t)
	return t.end(err)
}

type timed struct {
	on     db.DBTX
	within time.Duration
	end    func(error) error // ends the deadline of the last statement
}

var _ db.DBTX = (*timed)(nil)

func (t *timed) next(ctx context.Context) context.Context {
	_ = t.end(nil)
	ctx, t.end = WithDeadline(ctx, t.within)
	return ctx
}

func (t *timed) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.on.ExecContext(t.next(ctx), query, args...)
}

func (t *timed) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.on.QueryContext(t.next(ctx), query, args...)
}

func (t *timed) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return t.on.QueryRowContext(t.next(ctx), query, args...)
}

func (t *timed) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return t.on.PrepareContext(ctx, query)
}
