// Package sqlite is a store for an app that has no SQLite database of its own: a file
// with one writer, whose concurrent operations commit together, and a few readers. It
// is the only package of the module that brings a driver (modernc.org/sqlite, without
// cgo). An app that already has a database uses refgrow.SQLite instead.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	base "github.com/refgrow-go/refgrow/internal/sqlite"
)

// DB is an open file. It is a refgrow.Store, and safe for concurrent use. Other
// processes on the same machine may have the file open too.
type DB struct {
	file    file
	writer  *writer
	readers *lanes

	closeOnce sync.Once
	closeErr  error
}

// Open opens the database in the file at path and creates it if there is none, readable
// by its owner alone. A file that is damaged or not a database is refused and left as
// it is. ctx bounds the opening only.
func Open(ctx context.Context, path string, options Options) (*DB, error) {
	options, err := options.complete()
	if err != nil {
		return nil, err
	}
	path, err = resolve(path)
	if err != nil {
		return nil, err
	}
	db, err := open(ctx, path, options)
	if err != nil {
		return nil, base.Classify(fmt.Errorf("sqlite: open %s: %w", path, err))
	}
	return db, nil
}

func open(ctx context.Context, path string, options Options) (_ *DB, err error) {
	f, err := prepare(ctx, path, options)
	if err != nil {
		return nil, err
	}
	writing, err := f.connect(1, options.writerPragmas(), "_txlock", "immediate")
	if err != nil {
		return nil, err
	}
	w := newWriter(writing, options.LockWait)
	reading, err := f.readers(options, &w.Reentry)
	if err != nil {
		return nil, errors.Join(err, writing.Close())
	}
	db := &DB{file: f, writer: w, readers: reading}
	// Another process may hold the file for a moment, to recover or remove its log.
	until := time.Now().Add(options.LockWait)
	err = retry(ctx, until, func() error {
		return errors.Join(db.writer.session.open(), reading.of(ctx).pool.PingContext(ctx))
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Path returns the absolute path of the file.
func (d *DB) Path() string { return d.file.path }

// Backend is what the engine works with.
func (d *DB) Backend() backend.Backend {
	if d == nil {
		return nil // which the engine refuses
	}
	return store{d}
}

// Close waits for the operation that runs, refuses those that wait, and closes the
// file. It may be called again; everything else returns an error after it. Inside an
// operation it is refused.
func (d *DB) Close() error {
	if d.writer.Reentry.Inside() {
		return backend.ErrReentrant
	}
	d.closeOnce.Do(func() {
		// The writer last: the last to close a file removes its log, and a reader
		// cannot.
		d.closeErr = errors.Join(d.readers.close(), d.writer.Close())
	})
	return d.closeErr
}

// Tx runs work in a write transaction, for the app's own tables in this file. It
// commits when work returns nil; an error or a panic rolls back. While it runs nothing
// else is written, so it should be short. work must neither commit tx nor roll it back,
// and must use the engine through Project.WithTx alone: called directly, the engine
// refuses, since it would wait for this transaction.
//
// SQLite may roll back the whole transaction by itself when a statement of work is
// cancelled by its context, among other reasons. Then nothing of it remains, and
// Tx returns an error.
func (d *DB) Tx(ctx context.Context, work func(tx *sql.Tx) error) error {
	w := d.writer
	var tx *sql.Tx
	err := w.Acquire(ctx, func(ctx context.Context) (err error) {
		tx, err = w.session.beginTx(ctx)
		return err
	})
	if err != nil {
		return err
	}
	defer w.Release()
	return w.inTx(tx, work)
}

func (w *writer) inTx(tx *sql.Tx, work func(tx *sql.Tx) error) error {
	defer w.Reentry.Enter()()
	w.tx.Store(tx)
	defer w.tx.Store(nil)
	committed := false
	defer func() {
		if committed {
			return
		}
		if err := tx.Rollback(); err != nil && !w.session.lost.Load() {
			w.session.discard()
		}
	}()
	if err := work(tx); err != nil {
		return err
	}
	if w.session.lost.Load() {
		return backend.ErrLost
	}
	if err := w.session.permitting(tx.Commit); err != nil {
		return base.Classify(fmt.Errorf("commit: %w", err))
	}
	committed = true
	return nil
}
