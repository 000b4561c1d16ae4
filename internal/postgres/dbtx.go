package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// A text is what a query says to PostgreSQL.
type text struct {
	query    string
	writes   bool // it does more than read
	returnID bool // it returns the id of the row that it inserts, if it inserts one
}

// A place is where the tables are: the texts with their names.
type place struct {
	schema string
	texts  map[string]text
}

func newPlace(schema string) *place {
	p := &place{schema: schema, texts: make(map[string]text, len(texts))}
	for name, query := range Texts(schema) {
		p.texts[name] = text{
			query:    query,
			writes:   !strings.HasPrefix(query, "SELECT"),
			returnID: strings.HasSuffix(query, "\nRETURNING id"),
		}
	}
	return p
}

// text finds what a query of internal/db, which begins with its name, says here. Other
// statements are for any database.
func (p *place) text(query string) text {
	if rest, named := strings.CutPrefix(query, "-- name: "); named {
		name, _, _ := strings.Cut(rest, " ")
		if t, ok := p.texts[name]; ok {
			return t
		}
	}
	return text{query: query, writes: true}
}

// places finds out, once, where the tables are: in the schema of a name, or in the first
// one of the search path.
type places struct {
	pool *sql.DB
	name string

	mu    sync.Mutex
	found *place
}

func (p *places) find(ctx context.Context) (*place, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	name := p.name
	if name == "" {
		var current sql.NullString
		if err := p.pool.QueryRowContext(ctx, "SELECT current_schema()").Scan(&current); err != nil {
			return nil, ClassifyIn(ctx, fmt.Errorf("look for the schema: %w", err))
		}
		if name = current.String; name == "" {
			return nil, errors.New("the search path of the connection names no schema that exists")
		}
	}
	p.found = newPlace(name)
	return p.found, nil
}

// known is the place if it was found.
func (p *places) known() *place {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.found
}

// inserted is the result of an INSERT that returned the id of its row, 0 for none.
type inserted int64

func (i inserted) LastInsertId() (int64, error) { return int64(i), nil }

func (i inserted) RowsAffected() (int64, error) { return min(int64(i), 1), nil }

// texted says the queries of internal/db, which are written for SQLite, to PostgreSQL.
type texted struct {
	at *place
	on db.DBTX
}

var _ db.DBTX = texted{}

func (t texted) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	text := t.at.text(query)
	if !text.returnID {
		return t.on.ExecContext(ctx, text.query, args...)
	}
	var id int64
	err := t.on.QueryRowContext(ctx, text.query, args...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return inserted(0), nil
	}
	return inserted(id), err
}

func (t texted) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.on.QueryContext(ctx, t.at.text(query).query, args...)
}

func (t texted) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return t.on.QueryRowContext(ctx, t.at.text(query).query, args...)
}

func (t texted) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return t.on.PrepareContext(ctx, t.at.text(query).query)
}

// found is texted on a pool whose schema may not be known yet.
type found struct {
	places *places
	on     db.DBTX
}

var _ db.DBTX = found{}

func (f found) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	at, err := f.places.find(ctx)
	if err != nil {
		return nil, err
	}
	return texted{at, f.on}.ExecContext(ctx, query, args...)
}

func (f found) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	at, err := f.places.find(ctx)
	if err != nil {
		return nil, err
	}
	return texted{at, f.on}.QueryContext(ctx, query, args...)
}

func (f found) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	at, err := f.places.find(ctx)
	if err != nil {
		return backend.FailedRow(err)
	}
	return texted{at, f.on}.QueryRowContext(ctx, query, args...)
}

func (f found) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	at, err := f.places.find(ctx)
	if err != nil {
		return nil, err
	}
	return texted{at, f.on}.PrepareContext(ctx, query)
}

// statements run in a transaction that writes. They are never cancelled: a driver may
// answer with the end of the connection, and the end of a statement is that of all that
// its transaction has done.
type statements struct {
	at *place
	on db.DBTX

	mu     sync.Mutex
	wrote  bool // since Mark, or a statement has failed
	broken bool // the connection is of no use any more
}

var _ db.DBTX = (*statements)(nil)

// Mark forgets what was written so far.
func (s *statements) Mark() {
	s.mu.Lock()
	s.wrote = false
	s.mu.Unlock()
}

// Written reports whether something was written since Mark, or has to be undone because
// it failed.
func (s *statements) Written(context.Context) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrote, nil
}

// lost reports that there is no transaction any more.
func (s *statements) lost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

func (s *statements) note(text text, err error) {
	failed := err != nil && !errors.Is(err, sql.ErrNoRows)
	if !text.writes && !failed {
		return
	}
	s.mu.Lock()
	s.wrote = true
	s.broken = s.broken || failed && endsConnection(err)
	s.mu.Unlock()
}

func (s *statements) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	result, err := texted{s.at, s.on}.ExecContext(context.WithoutCancel(ctx), query, args...)
	s.note(s.at.text(query), err)
	return result, err
}

func (s *statements) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	text := s.at.text(query)
	rows, err := s.on.QueryContext(context.WithoutCancel(ctx), text.query, args...)
	s.note(text, err)
	return rows, err
}

func (s *statements) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	text := s.at.text(query)
	row := s.on.QueryRowContext(context.WithoutCancel(ctx), text.query, args...)
	s.note(text, row.Err())
	return row
}

func (s *statements) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	text := s.at.text(query)
	stmt, err := s.on.PrepareContext(context.WithoutCancel(ctx), text.query)
	s.note(text, err)
	return stmt, err
}
