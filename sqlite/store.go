package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	base "github.com/refgrow-go/refgrow/internal/sqlite"
)

// store is the backend of a DB.
type store struct{ db *DB }

var _ backend.Backend = store{}

func (s store) Reader() db.Querier { return db.New(s.db.readers) }

func (s store) Classify(err error) error   { return base.Classify(err) }
func (s store) SaysDamaged(err error) bool { return base.SaysDamaged(err) }

// Stats counts what was written, and looks how long the file and its log are.
func (s store) Stats() backend.Stats {
	stats := s.db.writer.Stats()
	stats.Size, stats.LogSize = s.db.file.size(), s.db.file.logSize()
	return stats
}

func (s store) Snapshot(ctx context.Context, work func(context.Context, db.Querier) error) error {
	return s.db.readers.of(ctx).snapshot(ctx, work)
}

func (s store) Atomic(ctx context.Context, work backend.Work) error {
	return s.db.writer.Atomic(ctx, work)
}

var errOtherTx = errors.New("not the transaction that DB.Tx of this database has open: " +
	"another one may belong to another file")

// Bind is for the transaction of DB.Tx.
func (s store) Bind(tx *sql.Tx) backend.Backend {
	if tx == nil || s.db.writer.tx.Load() != tx {
		return backend.Refused(errOtherTx)
	}
	return base.Bound(tx, s.Stats)
}

func (s store) Migrate(ctx context.Context, m backend.Migration) error {
	return base.Install(ctx, m, s.db.readers, s.db.writer.transaction)
}

func (s store) Integrity(ctx context.Context, schema backend.Schema) ([]string, error) {
	return base.Integrity(ctx, s.db.readers, schema)
}

// Backup copies over a connection of its own, so that neither the writer nor a reader
// is kept from its work.
func (s store) Backup(ctx context.Context, path string) error {
	if err := s.db.readers.refuse(); err != nil {
		return err
	}
	pool, err := s.db.file.connect(1, []string{busyTimeout()})
	if err != nil {
		return err
	}
	return errors.Join(base.Backup(ctx, pool, path), pool.Close())
}

// CutLog empties the write-ahead log, which has what was overwritten in the file. Readers
// who leave within a moment are waited for.
func (s store) CutLog(ctx context.Context) (cut bool, err error) {
	const atMost = 20
	for range atMost {
		if cut, err = s.db.writer.cutLog(ctx); cut || err != nil {
			return cut, err
		}
		time.Sleep(backend.Pause())
	}
	return false, nil
}

// Present looks at the path that was opened.
func (s store) Present() error { return s.db.file.still() }
