package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"testing"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

func TestTx(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	ctx := context.Background()
	insert := func(tx *sql.Tx, name string) {
		if _, err := tx.ExecContext(ctx, "INSERT INTO thing (name) VALUES (?1)", name); err != nil {
			t.Error(err)
		}
	}
	for _, c := range []struct {
		what string
		work func(tx *sql.Tx) error
		want error
	}{
		{"work", func(tx *sql.Tx) error {
			insert(tx, "order")
			return d.Backend().Bind(tx).Atomic(ctx, boundInsert("a"))
		}, nil},
		{"a bound operation that fails", func(tx *sql.Tx) error {
			err := d.Backend().Bind(tx).Atomic(ctx, boundInsert("a"))
			if !errors.Is(err, backend.ErrConstraint) {
				t.Error(err)
			}
			insert(tx, "b")
			return nil
		}, nil},
		{"an error", func(tx *sql.Tx) error { insert(tx, "x"); return errBoom }, errBoom},
		{"a panic", func(tx *sql.Tx) error { insert(tx, "x"); panic("boom") }, errPanic},
		{"an end", func(tx *sql.Tx) error { insert(tx, "x"); runtime.Goexit(); return nil }, errGoexit},
		{"a commit of its own", func(tx *sql.Tx) error {
			insert(tx, "x")
			if err := tx.Commit(); err == nil {
				t.Error("it was committed")
			}
			return nil
		}, backend.ErrLost},
		{"a rollback of its own", func(tx *sql.Tx) error { insert(tx, "x"); return tx.Rollback() }, backend.ErrLost},
		{"a rollback by SQLite", func(tx *sql.Tx) error {
			insert(tx, "x")
			if _, err := tx.Exec("INSERT INTO thing (name) VALUES ('bomb')"); err == nil {
				t.Error("no error")
			}
			if _, err := tx.Exec("INSERT INTO thing (name) VALUES ('y')"); err == nil {
				t.Error("a statement committed on its own")
			}
			if err := d.Backend().Bind(tx).Atomic(ctx, boundInsert("z")); !errors.Is(err, backend.ErrLost) {
				t.Error(err)
			}
			return nil
		}, backend.ErrLost},
		{"a dangling part", func(tx *sql.Tx) error {
			_, err := tx.Exec("INSERT INTO part VALUES ('nothing')")
			return err
		}, backend.ErrConstraint},
		{"a call of the engine", func(tx *sql.Tx) error { return d.atomic(d.inserting("x")) }, backend.ErrReentrant},
		{"a call of Tx", func(tx *sql.Tx) error { return d.Tx(ctx, nil) }, backend.ErrReentrant},
	} {
		if err := ends(func() error { return d.Tx(ctx, c.work) }); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
		if err := d.atomic(backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error { return nil }}); err != nil {
			t.Fatalf("after %s: %v", c.what, err)
		}
	}
	if got := names(t, d); got != "a b order" {
		t.Error(got)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := d.Tx(ended, nil); err != context.Canceled {
		t.Error(err)
	}
}

// boundInsert inserts a thing through the operation's own transaction.
func boundInsert(name string) backend.Work {
	return backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
		_, err := on(tx.Querier).ExecContext(ctx, "INSERT INTO thing (name) VALUES (?1)", name)
		return err
	}}
}

// A call from inside an operation is refused, and a handle does not outlive it.
func TestReentry(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	ctx := context.Background()
	b := d.Backend()
	var kept backend.Backend
	err := b.Atomic(ctx, backend.Work{Foreign: true, Run: func(_ context.Context, tx *backend.Tx) error {
		kept = tx.Nested
		for what, err := range map[string]error{
			"Atomic":  b.Atomic(ctx, d.inserting("x")),
			"Migrate": b.Migrate(ctx, backend.Migration{Steps: []string{"", "SELECT 1"}}),
			"Tx":      d.Tx(ctx, nil),
			"Close":   d.Close(),
			"Backup":  b.Backup(ctx, "x"),
			// What the operation has done would not be in it.
			"Snapshot": b.Snapshot(ctx, nil),
			"Reader":   b.Reader().AddTotals(ctx, db.AddTotalsParams{}),
			"Row":      on(b.Reader()).QueryRowContext(ctx, "SELECT 1").Scan(new(int)),
		} {
			if !errors.Is(err, backend.ErrReentrant) {
				t.Errorf("%s: %v", what, err)
			}
		}
		read := make(chan error)
		go func() { read <- on(b.Reader()).QueryRowContext(ctx, "SELECT 1").Scan(new(int)) }()
		if err := <-read; err != nil {
			t.Errorf("another goroutine's reading: %v", err)
		}
		return tx.Nested.Atomic(ctx, boundInsert("a"))
	}})
	if err != nil {
		t.Error(err)
	}
	if err := kept.Atomic(ctx, boundInsert("late")); err == nil {
		t.Error("a handle outlived its operation")
	}
	if got := names(t, d); got != "a" {
		t.Error(got)
	}
}
