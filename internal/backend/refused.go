package backend

import (
	"context"
	"database/sql"

	"github.com/refgrow-go/refgrow/internal/db"
)

// Refused returns a backend whose every use fails with err.
func Refused(err error) Backend { return refused{err} }

type refused struct{ err error }

func (r refused) Reader() db.Querier                       { return db.New(refusing(r)) }
func (r refused) Stats() Stats                             { return Stats{} }
func (r refused) Atomic(context.Context, Work) error       { return r.err }
func (r refused) Bind(*sql.Tx) Backend                     { return r }
func (r refused) Migrate(context.Context, Migration) error { return r.err }
func (r refused) Backup(context.Context, string) error     { return r.err }
func (r refused) CutLog(context.Context) (bool, error)     { return false, r.err }
func (r refused) Present() error                           { return r.err }
func (r refused) Classify(err error) error                 { return err }
func (r refused) SaysDamaged(error) bool                   { return false }
func (r refused) Integrity(context.Context, Schema) ([]string, error) {
	return nil, r.err
}
func (r refused) Snapshot(context.Context, func(context.Context, db.Querier) error) error {
	return r.err
}

// refusing answers every statement with one error.
type refusing struct{ err error }

func (r refusing) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	return nil, r.err
}
func (r refusing) QueryContext(context.Context, string, ...any) (*sql.Rows, error) {
	return nil, r.err
}
func (r refusing) PrepareContext(context.Context, string) (*sql.Stmt, error) { return nil, r.err }
func (r refusing) QueryRowContext(context.Context, string, ...any) *sql.Row  { return FailedRow(r.err) }

// FailedRow returns a row whose Scan returns err. Only database/sql can make a
// *sql.Row, and it checks the context before anything else: a pool without a driver and
// a context that has ended with err yield the row.
func FailedRow(err error) *sql.Row {
	return new(sql.DB).QueryRowContext(ended{context.Background(), err}, "")
}

type ended struct {
	context.Context
	err error
}

func (e ended) Err() error { return e.err }

func (e ended) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

// Checked returns a DBTX that passes statements to another one, unless refuse returns an
// error.
func Checked(on db.DBTX, refuse func() error) db.DBTX { return checked{on, refuse} }

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
