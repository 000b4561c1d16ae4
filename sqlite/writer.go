package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/refgrow-go/refgrow/internal/batch"
	"github.com/refgrow-go/refgrow/internal/db"
	base "github.com/refgrow-go/refgrow/internal/sqlite"
)

// writer is the only one of its process who writes to a file.
type writer struct {
	*batch.Writer

	session *session
	tx      atomic.Pointer[sql.Tx] // of DB.Tx, while it is open
}

func newWriter(pool *sql.DB, lockWait time.Duration) *writer {
	s := &session{pool: pool}
	return &writer{Writer: batch.New(s, lockWait, new(batch.Shared)), session: s}
}

// cutLog empties the write-ahead log between two batches, unless somebody still reads what
// is in it.
func (w *writer) cutLog(ctx context.Context) (cut bool, err error) {
	err = w.Acquire(ctx, func(context.Context) error {
		if err := w.session.open(); err != nil {
			return err
		}
		var busy, pages, moved int
		// With what can be moved by now out of the way, nobody waits for long.
		for _, mode := range []string{"PASSIVE", "TRUNCATE"} {
			row := w.session.conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+mode+")")
			if err := row.Scan(&busy, &pages, &moved); err != nil {
				return err
			}
		}
		cut = busy == 0
		return nil
	})
	if err != nil {
		return false, err
	}
	w.Release()
	return cut, nil
}

// transaction runs work alone in a transaction. Its statements are not kept.
func (w *writer) transaction(ctx context.Context, work func(context.Context, db.DBTX) error) error {
	if err := w.Acquire(ctx, w.session.Begin); err != nil {
		return err
	}
	defer w.Release()
	committed := false
	defer func() {
		if !committed {
			w.session.Rollback()
		}
	}()
	if err := work(context.WithoutCancel(ctx), w.session.conn); err != nil {
		return base.Classify(err)
	}
	if err := w.session.Commit(); err != nil {
		return base.Classify(fmt.Errorf("commit: %w", err))
	}
	committed = true
	return nil
}
