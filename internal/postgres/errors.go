package postgres

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/refgrow-go/refgrow/internal/backend"
)

// ErrAborted reports that an earlier error has ended the transaction: PostgreSQL refuses
// everything in it but its end.
var ErrAborted = errors.New("the transaction has failed before, and can only be rolled back")

// The SQLSTATEs that mean something here; those of class 23 are violated constraints.
const (
	outOfRange          = "22003" // SQLite's tables refuse such a number as a constraint does
	noSavepoint         = "3B001"
	readOnly            = "25006" // on what was the primary server before a failover
	aborted             = "25P02"
	serialization       = "40001"
	deadlock            = "40P01"
	noPrivilege         = "42501"
	diskFull            = "53100"
	tooManyConnections  = "53300"
	lockNotAvailable    = "55P03" // the end of lock_timeout as well
	queryCanceled       = "57014" // by its context, or by statement_timeout
	adminShutdown       = "57P01"
	crashShutdown       = "57P02"
	cannotConnectNow    = "57P03" // it is starting or stopping
	dataCorrupted       = "XX001"
	indexCorrupted      = "XX002"
	classConnection     = "08"
	classConstraint     = "23"
	classSyntaxOrAccess = "42"
)

// State is the SQLSTATE of the error of PostgreSQL in err's tree, "" for none. It knows
// no driver: pgx and lib/pq both have it in a method SQLState.
func State(err error) string {
	type stated interface {
		error
		SQLState() string
	}
	if e, ok := errors.AsType[stated](err); ok {
		return e.SQLState()
	}
	return ""
}

// Classify makes an error that comes from the database match what says what it means, a
// sentinel of package backend or ErrAborted, and keeps the original wrapped. Every other
// error, sql.ErrNoRows included, is returned as it is.
//
// Whoever meets ErrBusy may try the whole transaction again. That is so after a failover
// too: the connections to the former primary server are of no use, and a pool makes new
// ones.
func Classify(err error) error {
	return classified(err, kindOf(err))
}

// ClassifyIn is Classify for a statement with a context. That it was canceled says its
// context's error if that has ended; else somebody's statement_timeout has, which is
// ErrBusy.
func ClassifyIn(ctx context.Context, err error) error {
	kind := kindOf(err)
	if State(err) == queryCanceled && ctx.Err() != nil {
		kind = ctx.Err()
	}
	return classified(err, kind)
}

// SaysDamaged reports whether err, from a statement of our own that never varies, can
// only come from damage: of a page, of a value, or of a schema that is not the one we
// made. It says nothing about the statements of others.
func SaysDamaged(err error) bool {
	if state := State(err); state != "" {
		return errors.Is(kindOf(err), backend.ErrDamaged) ||
			strings.HasPrefix(state, classSyntaxOrAccess) && state != noPrivilege
	}
	for ; err != nil; err = errors.Unwrap(err) {
		// The standard library has no type for it.
		if strings.HasPrefix(err.Error(), "sql: Scan error on column index ") {
			return true
		}
	}
	return false
}

// endsConnection reports whether after an error of a statement its connection is of no use
// any more: the server says so, or is not there to say anything.
func endsConnection(err error) bool {
	switch state := State(err); state {
	case "", adminShutdown, crashShutdown, cannotConnectNow:
		return true
	default:
		return strings.HasPrefix(state, classConnection)
	}
}

func kindOf(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	switch state := State(err); state {
	case "":
		if errors.Is(err, sql.ErrConnDone) || saysClosed(err) {
			return backend.ErrClosed
		}
	case serialization, deadlock, lockNotAvailable, queryCanceled, tooManyConnections, readOnly,
		adminShutdown, crashShutdown, cannotConnectNow:
		return backend.ErrBusy
	case diskFull:
		return backend.ErrFull
	case outOfRange:
		return backend.ErrConstraint
	case aborted:
		return ErrAborted
	case dataCorrupted, indexCorrupted:
		return backend.ErrDamaged
	default:
		if strings.HasPrefix(state, classConstraint) {
			return backend.ErrConstraint
		}
	}
	return nil
}

// saysClosed knows the two errors of database/sql (not of a driver) for a closed pool; the
// standard library does not export them.
func saysClosed(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		switch err.Error() {
		case "sql: database is closed", "sql: statement is closed":
			return true
		}
	}
	return false
}

// A classifiedError is an error of the database and what it means.
type classifiedError struct{ kind, err error }

func classified(err, kind error) error {
	if kind == nil || errors.Is(err, kind) {
		return err
	}
	return &classifiedError{kind, err}
}

func (e *classifiedError) Error() string        { return e.kind.Error() + ": " + e.err.Error() }
func (e *classifiedError) Unwrap() error        { return e.err }
func (e *classifiedError) Is(target error) bool { return errors.Is(e.kind, target) }
