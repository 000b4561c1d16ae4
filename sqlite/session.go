package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"

	modernc "modernc.org/sqlite"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/batch"
	base "github.com/refgrow-go/refgrow/internal/sqlite"
)

// session is the connection that writes. Only the leader uses it.
//
// Two hooks watch it. The rollback hook reports that SQLite ended a transaction by
// itself, after which every statement would commit on its own; the commit hook refuses
// each commit that Commit did not ask for, so that not even a statement that bypasses
// the first check, such as one of the app's in Tx, gets into the file.
type session struct {
	pool  *sql.DB
	conn  *sql.Conn // nil until it is needed, and after it was discarded
	stmts *base.Statements

	lost   atomic.Bool // there is no longer a transaction
	permit atomic.Bool // a commit is wanted
}

// refuseCommit is the commit hook's answer that turns a commit into a rollback.
const refuseCommit = 1

func (s *session) open() error {
	if s.conn != nil {
		return nil
	}
	conn, err := s.pool.Conn(context.Background())
	if err != nil {
		return err
	}
	err = s.hook(conn, func() { s.lost.Store(true) }, func() int32 {
		if s.permit.Load() {
			return 0
		}
		return refuseCommit
	})
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	s.conn = conn
	s.stmts = base.NewStatements(conn, s.lost.Load)
	return nil
}

func (s *session) hook(conn *sql.Conn, onRollback modernc.RollbackHookFn, onCommit modernc.CommitHookFn) error {
	return conn.Raw(func(c any) error {
		hooks, ok := c.(modernc.HookRegisterer)
		if !ok {
			return fmt.Errorf("the driver's connection %T has no hooks", c)
		}
		hooks.RegisterRollbackHook(onRollback)
		hooks.RegisterCommitHook(onCommit)
		return nil
	})
}

// Begin starts a transaction that holds the write lock. It does not wait.
func (s *session) Begin(context.Context) error {
	if err := s.open(); err != nil {
		return err
	}
	s.lost.Store(false)
	err := s.stmts.Control(context.Background(), "BEGIN IMMEDIATE")
	if err != nil {
		s.notBegun(err)
	}
	return err
}

// beginTx does the same for the app's own statements; the data source says that a
// transaction begins IMMEDIATE.
func (s *session) beginTx(ctx context.Context) (*sql.Tx, error) {
	if err := s.open(); err != nil {
		return nil, err
	}
	s.lost.Store(false)
	tx, err := s.conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		s.notBegun(err)
	}
	return tx, err
}

// notBegun records that there is nothing to roll back. A connection that fails for any
// reason but a lock is given up.
func (s *session) notBegun(err error) {
	s.lost.Store(true)
	if !base.IsBusy(err) {
		s.discard()
	}
}

// Commit ends the transaction. After an error it may still be open.
func (s *session) Commit() error {
	if s.lost.Load() {
		return backend.ErrLost
	}
	return s.permitting(func() error { return s.stmts.Control(context.Background(), "COMMIT") })
}

func (s *session) permitting(commit func() error) error {
	s.permit.Store(true)
	defer s.permit.Store(false)
	return commit()
}

// Rollback ends the transaction if there is one. If it cannot, the connection is
// given up, which ends it too; the next operation opens another.
func (s *session) Rollback() {
	if s.conn == nil || s.lost.Load() {
		return
	}
	err := s.stmts.Control(context.Background(), "ROLLBACK")
	if err != nil && !s.lost.Load() {
		s.discard()
	}
}

// Statements are those of the connection.
func (s *session) Statements() batch.Statements { return s.stmts }

// Operation returns an operation's view of the transaction.
func (s *session) Operation(memo map[any]any, stats func() backend.Stats) (tx *backend.Tx, end func()) {
	return backend.Operation(s.stmts, base.Database{}, memo, stats)
}

// Lost reports that there is no longer a transaction.
func (s *session) Lost() bool { return s.lost.Load() }

// Doubtful reports whether err may have touched more than its statement.
func (s *session) Doubtful(err error) bool {
	return base.FromDatabase(err) && !base.KeepsTransaction(err)
}

// Classify makes an error of SQLite match what it means.
func (s *session) Classify(err error) error { return base.Classify(err) }

// discard closes the connection; the pool does so with one that reports itself bad.
func (s *session) discard() {
	if s.conn == nil {
		return
	}
	conn := s.conn
	// What fails here fails because the connection is gone.
	_ = s.stmts.Close()
	_ = s.hook(conn, nil, nil)
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = conn.Close()
	s.conn, s.stmts = nil, nil
}

// Close gives up the connection and closes its pool.
func (s *session) Close() error {
	s.discard()
	return s.pool.Close()
}
