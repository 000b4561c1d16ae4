package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/batch"
)

// patience is how long an operation waits for its project, and a statement for any other
// lock.
const patience = 5 * time.Second

// moment is how long one attempt waits for a connection or for the project. Whoever gives
// up meanwhile leaves after it.
const moment = 200 * time.Millisecond

// session is one transaction at a time, in which nobody else writes in a project. Between
// two it holds no connection: a host's pool is for others too.
type session struct {
	of      *Backend
	project int64 // 0: nobody is kept out

	conn *sql.Conn // nil: there is no transaction
	on   *statements
}

var _ batch.Session = (*session)(nil)

// Begin takes a connection and the project.
func (s *session) Begin(ctx context.Context) error {
	at, err := s.of.places.find(ctx)
	if err != nil {
		return err
	}
	conn, err := connection(ctx, s.of.pool)
	if err != nil {
		return err
	}
	s.conn, s.on = conn, &statements{at: at, on: conn}
	// It is a message of its own, without arguments: then it may have several statements.
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), begin(at, s.project)); err != nil {
		s.Rollback()
		return Classify(err)
	}
	return nil
}

// connection waits for a connection of the pool, for a moment.
func connection(ctx context.Context, pool *sql.DB) (*sql.Conn, error) {
	wait, cancel := context.WithTimeout(ctx, moment)
	defer cancel()
	conn, err := pool.Conn(wait)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, backend.GaveUp(ctx)
	case wait.Err() != nil:
		return nil, fmt.Errorf("%w: no connection of the pool was free: %w", backend.ErrBusy, err)
	}
	return nil, Classify(err)
}

// begin is the text that begins a transaction. READ COMMITTED is enough, and what it
// takes: after the lock, each statement sees what those before it have committed. That
// the key of the row does not change lets others refer to it meanwhile.
func begin(at *place, project int64) string {
	text := "BEGIN ISOLATION LEVEL READ COMMITTED; "
	if project != 0 {
		text += "SET LOCAL lock_timeout = " + milliseconds(moment) + "; " + lock(at, project) + "; "
	}
	return text + "SET LOCAL lock_timeout = " + milliseconds(patience)
}

// lock is the text that takes a project, whose row of totals stands for it.
func lock(at *place, project int64) string {
	return Qualified(at.schema, "SELECT 1 FROM refgrow_project_totals WHERE project_id = "+
		strconv.FormatInt(project, 10)+" FOR NO KEY UPDATE")
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// Statements are those of the transaction.
func (s *session) Statements() batch.Statements { return s.on }

// Operation returns an operation's view of the transaction.
func (s *session) Operation(memo map[any]any, stats func() backend.Stats) (tx *backend.Tx, end func()) {
	return backend.Operation(s.on, database{s.on.at}, memo, stats)
}

// Commit ends the transaction. The first statement makes sure that it has not failed: a
// COMMIT would not say that it rolls back. Whether an answer that does not come would
// have been that it is committed, nobody can know.
func (s *session) Commit() error {
	if s.on.lost() {
		return backend.ErrLost
	}
	_, err := s.conn.ExecContext(context.Background(), "SELECT 1; COMMIT")
	if err == nil {
		s.release()
		return nil
	}
	switch {
	case endsConnection(err):
		s.on.note(text{}, err)
		return fmt.Errorf("%w: %w", backend.ErrUnknown, err)
	case State(err) == aborted:
		return fmt.Errorf("%w: %w", backend.ErrLost, err)
	}
	return err
}

// Rollback ends the transaction, if there is one. If it cannot, the connection is given
// up, which ends it too.
func (s *session) Rollback() {
	if s.conn == nil {
		return
	}
	rollback(s.conn)
	s.release()
}

// rollback ends the transaction of a connection, or has its pool give it up.
func rollback(conn *sql.Conn) {
	if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
		// The pool closes a connection that calls itself bad; the error that Raw passes
		// on is this one.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
}

// release gives the connection back to its pool.
func (s *session) release() {
	_ = s.conn.Close() // fails only if it is gone already
	s.conn = nil
}

// Lost reports that there is no transaction any more.
func (s *session) Lost() bool { return s.on.lost() }

// Doubtful reports whether an error may have touched more than its statement.
func (s *session) Doubtful(err error) bool {
	return errors.Is(err, backend.ErrLost) || errors.Is(err, sql.ErrTxDone) || errors.Is(err, sql.ErrConnDone)
}

// Classify makes an error of PostgreSQL match what it means.
func (s *session) Classify(err error) error { return Classify(err) }

// Close has nothing to give up: the pool is the host's.
func (s *session) Close() error { return nil }
