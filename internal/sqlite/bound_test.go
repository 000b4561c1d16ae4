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

// immediate begins a transaction of the caller's that has written.
func immediate(t *testing.T, pool *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := pool.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tx.Rollback() })
	exec(t, tx, "INSERT INTO thing VALUES ('order', 1)")
	return tx
}

func TestBind(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	pool.SetMaxOpenConns(1)
	ctx := context.Background()
	boom := errors.New("boom")
	for _, foreignKeys := range []string{"ON", "OFF"} {
		exec(t, pool, "PRAGMA foreign_keys = "+foreignKeys)
		tx := immediate(t, pool)
		bound := b.Bind(tx)
		for _, c := range []struct {
			what string
			run  func(ctx context.Context, tx *backend.Tx) error
			want error
		}{
			{"work", inserting("a").Run, nil},
			{"an error", func(ctx context.Context, tx *backend.Tx) error { _ = insert(ctx, tx, "b"); return boom }, boom},
			{"a panic", func(ctx context.Context, tx *backend.Tx) error { _ = insert(ctx, tx, "c"); panic("boom") }, errPanic},
			{"an end", func(ctx context.Context, tx *backend.Tx) error {
				_ = insert(ctx, tx, "d")
				runtime.Goexit()
				return nil
			}, errGoexit},
			{"a duplicate", inserting("a").Run, backend.ErrConstraint},
			{"nesting", func(ctx context.Context, tx *backend.Tx) error {
				if err := insert(ctx, tx, "e"); err != nil {
					return err
				}
				if err := tx.Nested.Atomic(ctx, inserting("order")); !errors.Is(err, backend.ErrConstraint) {
					t.Errorf("nested: %v", err)
				}
				return tx.Nested.Atomic(ctx, inserting("f"))
			}, nil},
			{"nesting that fails", func(ctx context.Context, tx *backend.Tx) error {
				if err := tx.Nested.Atomic(ctx, inserting("g")); err != nil {
					return err
				}
				return boom
			}, boom},
		} {
			err := ends(func() error { return bound.Atomic(ctx, backend.Work{Run: c.run, Foreign: true}) })
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v", c.what, err)
			}
		}
		if got := names(t, on(bound.Reader())); got != "a e f order" {
			t.Error(got)
		}
		if err := bound.Snapshot(ctx, func(_ context.Context, q db.Querier) error {
			if got := names(t, on(q)); got != "a e f order" {
				t.Error(got)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
		if got := names(t, pool); got != "" {
			t.Error(got)
		}
	}
}

func TestBindRefusals(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	tx := immediate(t, pool)
	bound := b.Bind(tx)
	ctx, cancel := context.WithCancel(context.Background())
	again := bound.Bind(tx)
	for what, err := range map[string]error{
		"Migrate":       bound.Migrate(ctx, backend.Migration{}),
		"Backup":        bound.Backup(ctx, "x"),
		"Bind Atomic":   again.Atomic(ctx, inserting("a")),
		"Bind Snapshot": again.Snapshot(ctx, nil),
		"Bind Migrate":  again.Migrate(ctx, backend.Migration{}),
		"Bind Backup":   again.Backup(ctx, "x"),
		"Bind Bind":     again.Bind(tx).Atomic(ctx, inserting("a")),
		"Bind Reader":   again.Reader().AddTotals(ctx, db.AddTotalsParams{}),
	} {
		if !errors.Is(err, backend.ErrNotHere) {
			t.Errorf("%s: %v", what, err)
		}
	}
	var kept backend.Backend
	if err := bound.Atomic(ctx, backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
		kept = tx.Nested
		return nil
	}}); err != nil {
		t.Error(err)
	}
	for what, err := range map[string]error{
		"Atomic":   kept.Atomic(ctx, inserting("late")),
		"Snapshot": kept.Snapshot(ctx, nil),
		"Reader":   kept.Reader().AddTotals(ctx, db.AddTotalsParams{}),
		"Row":      on(kept.Reader()).QueryRowContext(ctx, "SELECT 1").Scan(new(int)),
	} {
		if err != backend.ErrOver {
			t.Errorf("%s of a handle that was kept: %v", what, err)
		}
	}
	cancel()
	if err := bound.Atomic(ctx, inserting("a")); err != context.Canceled {
		t.Error(err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	if err := bound.Atomic(context.Background(), inserting("a")); !errors.Is(err, sql.ErrTxDone) {
		t.Error(err)
	}
}

// A transaction that has read can no longer write once somebody else has; one that has
// done nothing takes the lock first.
func TestBindDeferred(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	exec(t, pool, versionTable)
	ctx := context.Background()
	for _, reads := range []bool{true, false} {
		tx, err := pool.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if reads {
			names(t, tx)
		}
		exec(t, pool, "INSERT INTO thing VALUES (hex(randomblob(8)), 1)")
		ran := false
		err = b.Bind(tx).Atomic(ctx, backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
			ran = true
			names(t, on(tx.Querier))
			exec(t, pool, "SELECT 1")
			return insert(ctx, tx, "mine")
		}})
		switch code, _ := Code(err); {
		case reads && (!errors.Is(err, backend.ErrBusy) || code != 517 || ran):
			t.Errorf("%v, ran %v", err, ran)
		case !reads && (err != nil || tx.Commit() != nil):
			t.Error(err)
		}
		tx.Rollback()
	}
}

// In the caller's own transaction anything may change between two operations;
// inside one the memory is shared, and emptied when something is undone.
func TestMemo(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	ctx := context.Background()
	bound := b.Bind(immediate(t, pool))
	for range 2 {
		err := bound.Atomic(ctx, backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
			if len(tx.Memo) != 0 {
				t.Errorf("not fresh: %v", tx.Memo)
			}
			tx.Memo["a"] = 1
			boom := errors.New("boom")
			nested := func(end error) error {
				return tx.Nested.Atomic(ctx, backend.Work{Run: func(ctx context.Context, inner *backend.Tx) error {
					if inner.Memo["a"] != 1 {
						t.Error("not shared")
					}
					inner.Memo["b"] = 2
					return end
				}})
			}
			if err := nested(nil); err != nil || len(tx.Memo) != 2 {
				t.Error(err, tx.Memo)
			}
			if err := nested(boom); err != boom || len(tx.Memo) != 0 {
				t.Error(err, tx.Memo)
			}
			return nil
		}})
		if err != nil {
			t.Error(err)
		}
	}
}

// Once SQLite has rolled back the caller's transaction, a savepoint would begin a
// new one, and its release commit it.
func TestBindAfterRollbackByItself(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	ctx := context.Background()
	exec(t, pool,
		"CREATE TRIGGER bomb BEFORE INSERT ON thing WHEN new.name = 'bomb' BEGIN SELECT RAISE(ROLLBACK, 'boom'); END")
	tx := immediate(t, pool)
	if _, err := tx.Exec("INSERT INTO thing VALUES ('bomb', 1)"); err == nil {
		t.Fatal("no error")
	}
	if err := b.Bind(tx).Atomic(ctx, inserting("after")); !errors.Is(err, backend.ErrLost) {
		t.Error(err)
	}
	tx.Rollback()

	tx = immediate(t, pool)
	bound := b.Bind(tx)
	err := bound.Atomic(ctx, inserting("bomb"))
	if !errors.Is(err, backend.ErrLost) || !errors.Is(err, backend.ErrConstraint) {
		t.Error(err)
	}
	if err := bound.Atomic(ctx, inserting("after")); !errors.Is(err, backend.ErrLost) {
		t.Error(err)
	}
	tx.Rollback()
	if got := names(t, pool); got != "" {
		t.Errorf("it left %s", got)
	}
}

// A transaction is for one goroutine: of two operations at the same time the
// second is refused, and so is one on the handle around an operation from inside.
func TestBoundTwice(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	ctx := context.Background()
	err := b.Atomic(ctx, backend.Work{Foreign: true, Run: func(ctx context.Context, tx *backend.Tx) error {
		entered, goOn := make(chan struct{}), make(chan struct{})
		first := make(chan error, 1)
		go func() {
			first <- tx.Nested.Atomic(ctx, backend.Work{Run: func(ctx context.Context, inner *backend.Tx) error {
				close(entered)
				<-goOn
				if err := tx.Nested.Atomic(ctx, inserting("around")); err != backend.ErrTwice {
					t.Error(err)
				}
				return inner.Nested.Atomic(ctx, inserting("first"))
			}})
		}()
		<-entered
		if err := tx.Nested.Atomic(ctx, inserting("second")); err != backend.ErrTwice {
			t.Error(err)
		}
		close(goOn)
		return errors.Join(<-first, tx.Nested.Atomic(ctx, inserting("third")))
	}})
	if err != nil {
		t.Error(err)
	}
	if got := names(t, pool); got != "first third" {
		t.Error(got)
	}
}
