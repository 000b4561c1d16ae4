package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// guarded runs statements in a write transaction of a driver that it does not
// know, on a *sql.Conn or a *sql.Tx.
//
// It strips cancellation, because an interrupted statement takes the whole transaction
// with it. And it does not let a statement commit on its own after SQLite rolled the
// transaction back: once a statement has failed, the next one first asks whether the
// transaction still stands. What it cannot see is an error that a driver reports only
// while rows are read; the operation itself sees that one, returns it, and is rolled
// back.
type guarded struct {
	on db.DBTX

	mu      sync.Mutex
	suspect bool
	lost    bool
}

var _ db.DBTX = (*guarded)(nil)

// Bound returns the backend of the caller's own transaction.
func Bound(tx *sql.Tx, stats func() backend.Stats) backend.Backend {
	g := &guarded{on: tx}
	return backend.NewBound(g, Database{}, stats, g.doubt)
}

// doubt makes the next statement ask whether the transaction still stands.
func (g *guarded) doubt() {
	g.mu.Lock()
	g.suspect = true
	g.mu.Unlock()
}

func (g *guarded) before(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lost {
		return backend.ErrLost
	}
	if g.suspect {
		if err := stillOpen(ctx, g.on); err != nil {
			g.lost = errors.Is(err, backend.ErrLost)
			return err
		}
		g.suspect = false
	}
	return nil
}

// stillOpen finds out whether on is inside a transaction, which SQL has no way to ask:
// a BEGIN is refused inside one and does no harm there.
func stillOpen(ctx context.Context, on db.DBTX) error {
	_, err := on.ExecContext(ctx, "BEGIN")
	if err == nil {
		// No transaction: the one just begun is empty.
		if _, err := on.ExecContext(ctx, "ROLLBACK"); err != nil {
			return err
		}
		return backend.ErrLost
	}
	if code, ok := Code(err); ok && code&0xff == codeError {
		return nil
	}
	return err
}

func (g *guarded) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx = context.WithoutCancel(ctx)
	if err := g.before(ctx); err != nil {
		return nil, err
	}
	result, err := g.on.ExecContext(ctx, query, args...)
	if err != nil {
		g.doubt()
	}
	return result, err
}

func (g *guarded) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx = context.WithoutCancel(ctx)
	if err := g.before(ctx); err != nil {
		return nil, err
	}
	rows, err := g.on.QueryContext(ctx, query, args...)
	if err != nil {
		g.doubt()
	}
	return rows, err
}

func (g *guarded) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	ctx = context.WithoutCancel(ctx)
	if err := g.before(ctx); err != nil {
		return backend.FailedRow(err)
	}
	row := g.on.QueryRowContext(ctx, query, args...)
	if row.Err() != nil {
		g.doubt()
	}
	return row
}

func (g *guarded) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	ctx = context.WithoutCancel(ctx)
	if err := g.before(ctx); err != nil {
		return nil, err
	}
	return g.on.PrepareContext(ctx, query)
}
