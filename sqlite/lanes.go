package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// lanes are the connections that read. Each lane has its own, so that lists, of
// whatever length, keep nobody from being known by a key, no visitor from following a
// link and no event from being sent.
type lanes struct{ each [backend.Lanes]*readers }

var _ db.DBTX = (*lanes)(nil)

// laneCacheKiB is the most page cache of a lane whose reads are short.
const laneCacheKiB = 1024

// readers returns the lanes of a file. They open no connection yet.
func (f file) readers(o Options, reentry *backend.Reentry) (*lanes, error) {
	l := new(lanes)
	for lane := range backend.Lanes {
		n, cache := 1, min(o.CacheKiB/2, laneCacheKiB)
		if lane == backend.Lists {
			n, cache = o.Readers, o.CacheKiB/2
		}
		pool, err := f.connect(n, readerPragmas(cache))
		if err != nil {
			return nil, err // there is nothing to close: a pool without connections holds nothing
		}
		l.each[lane] = newReaders(pool, reentry)
	}
	return l, nil
}

// of returns the readers of the lane that a context names.
func (l *lanes) of(ctx context.Context) *readers { return l.each[backend.ReadingOf(ctx).Lane] }

// refuse returns the reason why the caller cannot read.
func (l *lanes) refuse() error { return l.each[backend.Lists].refuse() }

func (l *lanes) close() error {
	errs := make([]error, 0, len(l.each))
	for _, r := range l.each {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}

func (l *lanes) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return l.of(ctx).ExecContext(ctx, query, args...)
}

func (l *lanes) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return l.of(ctx).QueryContext(ctx, query, args...)
}

func (l *lanes) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return l.of(ctx).QueryRowContext(ctx, query, args...)
}

func (l *lanes) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return l.of(ctx).PrepareContext(ctx, query)
}
