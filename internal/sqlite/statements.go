package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// Statements runs statements on one connection that its owner keeps, each text
// prepared once: an unprepared statement costs more than twice as much. It strips
// cancellation, because an interrupted statement takes the whole transaction
// with it. Rows of a text must be closed before the same text is run again, which
// generated code always does.
type Statements struct {
	conn *sql.Conn
	lost func() bool

	mu       sync.Mutex
	prepared map[string]statement
	wrote    bool // something was surely written since Mark
	asked    bool // one statement since Mark may have written; changes() says
}

type statement struct {
	*sql.Stmt
	kind kind
}

var _ db.DBTX = (*Statements)(nil)

// NewStatements returns an empty cache for conn. Once lost reports that SQLite
// rolled the transaction back by itself, statements are refused with backend.ErrLost
// until the owner begins another one.
func NewStatements(conn *sql.Conn, lost func() bool) *Statements {
	return &Statements{conn: conn, lost: lost, prepared: make(map[string]statement, 64)}
}

// Close closes the statements: one left open would keep the file locked after
// its connection is gone.
func (s *Statements) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for text, stmt := range s.prepared {
		errs = append(errs, stmt.Close())
		delete(s.prepared, text)
	}
	return errors.Join(errs...)
}

// Control runs a statement that begins or ends a transaction or a savepoint,
// whether or not the transaction was lost.
func (s *Statements) Control(ctx context.Context, query string) error {
	stmt, err := s.prepare(ctx, query)
	if err != nil {
		return err
	}
	_, err = stmt.ExecContext(context.WithoutCancel(ctx))
	return err
}

// Mark forgets what was written so far.
func (s *Statements) Mark() {
	s.mu.Lock()
	s.wrote, s.asked = false, false
	s.mu.Unlock()
}

// Written reports whether anything has changed since Mark. A statement that was
// refused or that touched no row has changed nothing.
func (s *Statements) Written(ctx context.Context) (bool, error) {
	s.mu.Lock()
	wrote, asked := s.wrote, s.asked
	s.mu.Unlock()
	if wrote || !asked {
		return wrote, nil
	}
	// The only statement in question is the last that could write, so the connection
	// still knows how many rows it changed.
	stmt, err := s.prepare(ctx, "SELECT changes()")
	if err != nil {
		return true, err
	}
	var n int64
	err = stmt.QueryRowContext(context.WithoutCancel(ctx)).Scan(&n)
	return n != 0 || err != nil, err
}

func (s *Statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx = context.WithoutCancel(ctx)
	stmt, err := s.use(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err == nil && stmt.kind == writes {
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			s.note(true)
		}
	}
	return result, err
}

func (s *Statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	ctx = context.WithoutCancel(ctx)
	stmt, err := s.use(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err == nil && stmt.kind == writes {
		s.note(false)
	}
	return rows, err
}

func (s *Statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	ctx = context.WithoutCancel(ctx)
	stmt, err := s.use(ctx, query)
	if err != nil {
		return backend.FailedRow(err)
	}
	row := stmt.QueryRowContext(ctx, args...)
	if row.Err() == nil && stmt.kind == writes {
		s.note(false)
	}
	return row
}

// PrepareContext prepares a statement for the caller, who closes it. What it does later
// is not seen here, so it counts as a write.
func (s *Statements) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	if s.lost() {
		return nil, backend.ErrLost
	}
	s.note(true)
	return s.conn.PrepareContext(context.WithoutCancel(ctx), query)
}

// use returns the statement for a query that is about to run.
func (s *Statements) use(ctx context.Context, query string) (statement, error) {
	if s.lost() {
		return statement{}, backend.ErrLost
	}
	stmt, err := s.prepare(ctx, query)
	if err != nil {
		return statement{}, err
	}
	switch stmt.kind {
	case writes:
		// From now on changes() describes this statement, no longer an earlier one.
		s.mu.Lock()
		s.wrote = s.wrote || s.asked
		s.mu.Unlock()
	case alters:
		s.note(true)
	case reads, control:
	}
	return stmt, nil
}

// note records a write: one that is certain, or one that changes() can confirm.
func (s *Statements) note(certain bool) {
	s.mu.Lock()
	if certain {
		s.wrote = true
	} else {
		s.asked = true
	}
	s.mu.Unlock()
}

func (s *Statements) prepare(ctx context.Context, query string) (statement, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stmt, ok := s.prepared[query]; ok {
		return stmt, nil
	}
	prepared, err := s.conn.PrepareContext(context.WithoutCancel(ctx), unnumbered(query))
	if err != nil {
		return statement{}, err
	}
	stmt := statement{Stmt: prepared, kind: kindOfStatement(query)}
	s.prepared[query] = stmt
	return stmt, nil
}
