package drivers

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// SQLite rolls back the app's transaction by itself. What the engine is asked to do in
// it afterwards would commit on its own: it is refused.
func lost(t *testing.T, d Driver) {
	s, _ := newShop(t, d, usual())
	ctx := t.Context()
	execute(t, s.pool,
		`CREATE TRIGGER bomb BEFORE INSERT ON orders WHEN new.id = 'bomb' BEGIN SELECT RAISE(ROLLBACK, 'boom'); END`)
	tx, err := s.pool.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, tx, "INSERT INTO orders (id) VALUES ('before')")
	if err := sell(ctx, s.project.WithTx(tx), "before"); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO orders (id) VALUES ('bomb')"); err == nil {
		t.Fatal("nothing exploded")
	}
	is(t, "a sale in what is lost", sell(ctx, s.project.WithTx(tx), "after"), nil)
	_ = tx.Commit() // a driver may or may not notice
	s.sound(t, 1)
	if orders, err := s.orders(ctx); err != nil || len(orders) > 0 {
		t.Errorf("there are orders: %v %v", orders, err)
	}
	if err := sell(ctx, s.project, "after"); err != nil {
		t.Error(err)
	}
}

// A call whose context ends in the middle says so, and leaves everything in order.
func canceled(t *testing.T, d Driver) {
	s, _ := newShop(t, d, usual())
	execute(t, s.pool, "CREATE TABLE pictures AS WITH n (i) AS "+
		"(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT randomblob(10000) AS picture FROM n")
	for what, call := range map[string]func(context.Context) error{
		"Backup": func(ctx context.Context) error {
			return s.engine.Backup(ctx, filepath.Join(t.TempDir(), "copy.db"))
		},
		"Verify": func(ctx context.Context) error { _, err := s.engine.Verify(ctx); return err },
	} {
		began := time.Now()
		if err := call(t.Context()); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		whole := time.Since(began)
		for after := time.Duration(0); after < whole; after += whole/20 + 1 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(after, cancel)
			if err := call(ctx); err != nil {
				is(t, what+" that is canceled", err, context.Canceled)
			}
			cancel()
		}
	}
	s.sound(t, 1)
	if err := sell(t.Context(), s.project, "second"); err != nil {
		t.Error(err)
	}
}

// The context of the app's transaction ends in the middle: nothing of it is left, and
// the pool's only connection is as good as before.
func canceledInside(t *testing.T, d Driver) {
	s, _ := newShop(t, d, one())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tx, err := s.pool.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, tx, "INSERT INTO orders (id) VALUES ('lost')")
	if err := sell(ctx, s.project.WithTx(tx), "lost"); err != nil {
		t.Fatal(err)
	}
	cancel()
	// Through another context, and through its own.
	_ = sell(t.Context(), s.project.WithTx(tx), "late") // it may or may not be over yet
	if err := sell(ctx, s.project.WithTx(tx), "later"); err == nil {
		t.Error("a sale was recorded although its context had ended")
	}
	if err := tx.Commit(); err == nil {
		t.Error("a transaction was committed although its context had ended")
	}
	s.sound(t, 1)
	if orders, err := s.orders(t.Context()); err != nil || len(orders) > 0 {
		t.Errorf("there are orders: %v %v", orders, err)
	}
	if err := sell(t.Context(), s.project, "second"); err != nil {
		t.Error(err)
	}
	s.sound(t, 2)
}

// What belongs to the host is afterwards as the host and its driver set it, on each
// connection.
func asItWasLeft(t *testing.T, d Driver) {
	path := filepath.Join(t.TempDir(), "app.db")
	pool := d.open(t, path, usual())
	execute(t, pool, "PRAGMA user_version = 7")
	execute(t, pool, "PRAGMA application_id = 8")
	before := settings(t, pool)
	s, err := openShop(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := sell(t.Context(), s.project, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	s.sound(t, 3)
	if after := settings(t, pool); after != before {
		t.Errorf("before: %s\nafter: %s", before, after)
	}
	for _, want := range []string{"user_version 7", "application_id 8",
		"journal_mode wal", "busy_timeout 5000", "foreign_keys 1"} {
		if !strings.Contains(before, want) {
			t.Errorf("it is not %s: %s", want, before)
		}
	}
}

// settings are those of some connections of the pool.
func settings(t *testing.T, pool *sql.DB) string {
	t.Helper()
	var all strings.Builder
	var taken []*sql.Conn
	for range 3 {
		conn, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, conn)
		for _, pragma := range []string{
			"user_version", "application_id", "journal_mode", "busy_timeout",
			"foreign_keys", "synchronous", "query_only",
			"recursive_triggers", "cache_size", "locking_mode", "temp_store", "wal_autocheckpoint",
		} {
			var value string
			if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&value); err != nil {
				t.Fatalf("%s: %v", pragma, err)
			}
			fmt.Fprintf(&all, "%s %s, ", pragma, value)
		}
	}
	for _, conn := range taken {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	return all.String()
}
