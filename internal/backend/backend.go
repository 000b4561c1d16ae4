// Package backend is the seam between the engine's rules and a database. The
// rules are written against db.Querier; a backend decides what a transaction
// is, who waits for whom, and what an error of the database means.
package backend

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
)

// A Backend is one database, or one transaction of it.
type Backend interface {
	// Reader returns queries that each see the last committed state (in a
	// bound backend: the state of its transaction). Foreign work of this backend
	// is refused here, since what it did itself would not be seen. The context of a
	// query may have a Reading.
	Reader() db.Querier

	// Snapshot runs work on one consistent state, without writing. The Reading of ctx
	// bounds its statements. work runs one statement at a time.
	Snapshot(ctx context.Context, work func(context.Context, db.Querier) error) error

	// Atomic runs work in a write transaction and returns after it is
	// committed, as durably as the database is set up. When work returns an
	// error, nothing of it remains and the error is returned as it is. An error
	// of the database itself matches one of the sentinels below.
	Atomic(ctx context.Context, work Work) error

	// Bind returns a backend whose operations are savepoints of the caller's
	// transaction. It never commits and never rolls back more than its own. It
	// runs one operation at a time and refuses a second one.
	Bind(tx *sql.Tx) Backend

	// Migrate brings the schema up to date, or only checks it.
	Migrate(ctx context.Context, m Migration) error

	// Integrity reads the whole file and returns a sentence for everything in it that
	// the database itself finds wrong, or that is not as the schema has it.
	Integrity(ctx context.Context, schema Schema) ([]string, error)

	// Backup writes a consistent copy of the whole database to a new file.
	Backup(ctx context.Context, path string) error

	// CutLog empties the write-ahead log of a file of our own, so that what was
	// overwritten is not in it either. It reports false if that has to wait for somebody
	// who reads. A host's log is the host's business: there is nothing to do.
	CutLog(ctx context.Context) (cut bool, err error)

	// Present returns an error if the file that was opened is no longer the one at its
	// path: what is written then is gone with the process. A host's file is the host's
	// business: there is nothing to say.
	Present() error

	// Stats counts what was committed since the backend was opened.
	Stats() Stats

	// Classify makes an error that comes from the database match the sentinel below that
	// says what it means, and keeps the original wrapped. Every other error, sql.ErrNoRows
	// included, is returned as it is.
	Classify(err error) error

	// SaysDamaged reports whether err, from a statement of our own that never varies, can
	// only come from damage: of a value, or of the schema.
	SaysDamaged(err error) bool
}

// Work is one operation.
type Work struct {
	// Project is the one that the operation belongs to, 0 for one of the whole engine. An
	// operation of a project keeps out the other writers of the same project, at least.
	Project int64

	// Run does it. It has no effect beyond the database and the variables of its caller
	// that it assigns, and it assigns those afresh each time, because it may be run
	// again. Its context carries values but is never cancelled.
	Run func(ctx context.Context, tx *Tx) error

	// WritesLast says that whatever can refuse the operation comes before its first
	// write, or is that write: it then runs without a savepoint of its own. If it fails
	// after a write nevertheless, the whole batch is rolled back and run again, one
	// operation at a time. Such an operation runs nothing in Tx.Nested, and none of its
	// statements fails half-way (OR FAIL).
	WritesLast bool

	// Foreign says that Run calls code from outside the module, which may
	// panic, end its goroutine, or wrongly call the engine again.
	Foreign bool
}

// Tx is an operation's view of the transaction it runs in.
type Tx struct {
	db.Querier

	// Memo keeps what was read in this transaction and is still true in it,
	// such as a project's settings, for all operations of a batch. Whoever
	// changes such a thing deletes it here. A backend empties the map whenever
	// anything is rolled back.
	Memo map[any]any

	// Nested runs operations inside this one, each a savepoint.
	Nested Backend

	// Totals are what the operation adds to sums that are written once for each
	// batch. The backend forgets those of an operation that failed.
	Totals
}

// Migration is the numbered steps of the schema; step i brings it to version i+1.
type Migration struct {
	Steps []string
	// CheckOnly refuses, with ErrSchema, a database that is not up to date.
	CheckOnly bool
	// Now is the time to record with an applied step, in Unix milliseconds.
	Now int64
	// Done is told what was done, if it is not nil.
	Done *Migrated
}

// Migrated is what a migration did: from which version it brought the schema to which,
// and what the steps say that they changed, as JSON: a list for each that did.
type Migrated struct {
	From, To int
	Changes  []string
}

// Schema is what the migrations make, as text, and the number of migrations.
type Schema struct {
	Version int
	Text    string
}

// Stats counts committed work.
type Stats struct {
	Operations int64         // operations committed
	Batches    int64         // transactions they were committed in
	Waited     time.Duration // until operations could begin to write, added up
	// How long the file and its write-ahead log are, in bytes; 0 for a host's file.
	Size, LogSize int64
}

// What an error of the database means to the rules. The text and the type of
// the driver's own error stay wrapped inside.
var (
	ErrBusy       = errors.New("the database is locked by another writer")
	ErrFull       = errors.New("the database cannot grow: the disk is full")
	ErrConstraint = errors.New("a constraint of the schema refused the change")
	ErrSchema     = errors.New("the database has another schema version")
	ErrDamaged    = errors.New("the file is damaged or no database")
	ErrClosed     = errors.New("the database is closed")
	ErrTooSlow    = errors.New("reading took too long")
	// ErrUnknown is for a commit without an answer: the connection ended before it came.
	ErrUnknown     = errors.New("nobody knows whether the change was committed: the connection to the database ended")
	ErrUnsupported = errors.New("this database does not offer that")
)

// A SchemaError is an ErrSchema that knows both versions.
type SchemaError struct {
	Found, Known int // the database's, and the one that this package is for
}

// Error says what can be done.
func (e *SchemaError) Error() string {
	if e.Found > e.Known {
		return fmt.Sprintf("a newer version of refgrow has made the database (version %d of the schema; this one knows %d): "+
			"use a newer program", e.Found, e.Known)
	}
	return fmt.Sprintf("the database is at version %d of the schema, and this version of refgrow needs %d: "+
		"migrate it first",
		e.Found, e.Known)
}

// Is reports whether the target is ErrSchema.
func (e *SchemaError) Is(target error) bool { return target == ErrSchema }

// ErrLost reports that a transaction is gone although nobody ended it: SQLite rolls back
// by itself after some errors (a full disk, an I/O error, a statement interrupted by its
// context, a conflict clause ROLLBACK), and whatever is executed afterwards would commit
// on its own.
var ErrLost = errors.New("the database rolled the transaction back by itself")

// Pause is the time before the next attempt to get a lock: 1 to 2 ms, at random so that
// waiters do not keep step.
//
// SQLite has no queue for its lock. A process that writes all the time releases it for
// a moment between two commits, and whoever asks then gets it. A process that asks
// rarely could be kept waiting until its patience runs out.
func Pause() time.Duration { return time.Millisecond + rand.N(time.Millisecond) }

// GaveUp is what an operation returns when its context ended while it waited for its
// turn. A deadline is the caller's own bound on waiting for the lock.
func GaveUp(ctx context.Context) error {
	err := ctx.Err()
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

// Inserted returns the id of the row that a statement inserted, or sql.ErrNoRows if it
// inserted none. INSERT ... RETURNING id would return the same, but costs SQLite a
// table for the answer and a copy of each page it changes.
func Inserted(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return 0, cmp.Or(err, sql.ErrNoRows)
	}
	return result.LastInsertId()
}

// A Check is a part of Integrity: Find returns a sentence for each problem with what it
// looks at.
type Check struct {
	What string
	Find func() ([]string, error)
}

// Problems makes the checks of a database. One that damage prevents is a problem too; any
// other error ends them.
func Problems(of interface {
	Classify(err error) error
	SaysDamaged(err error) bool
}, checks ...Check) ([]string, error) {
	var problems []string
	for _, check := range checks {
		found, err := check.Find()
		problems = append(problems, found...)
		switch {
		case err == nil:
		case of.SaysDamaged(err):
			problems = append(problems, fmt.Sprintf("%s cannot be checked: %v", check.What, err))
		default:
			return nil, of.Classify(fmt.Errorf("checking %s: %w", check.What, err))
		}
	}
	return problems, nil
}
