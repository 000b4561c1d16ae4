package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

func TestAtomic(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	pool.SetMaxOpenConns(1)
	ctx := context.Background()
	boom := errors.New("boom")
	failing := func(after error, end func()) backend.Work {
		return backend.Work{Foreign: true, Run: func(ctx context.Context, tx *backend.Tx) error {
			if err := inserting("undone").Run(ctx, tx); err != nil {
				return err
			}
			if end != nil {
				end()
			}
			return after
		}}
	}
	for _, c := range []struct {
		what string
		work backend.Work
		want error
	}{
		{"work", inserting("a"), nil},
		{"an error", failing(boom, nil), boom},
		{"a panic", failing(nil, func() { panic("boom") }), errPanic},
		{"the end of the goroutine", failing(nil, runtime.Goexit), errGoexit},
		{"a duplicate", inserting("a"), backend.ErrConstraint},
		{"work after all this", inserting("b"), nil},
	} {
		if err := ends(func() error { return b.Atomic(ctx, c.work) }); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.what, err)
		}
		if open := pool.Stats().InUse; open != 0 {
			t.Fatalf("%s: %d connections are still in use", c.what, open)
		}
	}
	if got := names(t, pool); got != "a b" {
		t.Error(got)
	}
	var entries int
	if err := pool.QueryRow("SELECT ledger_entries FROM refgrow_project_totals").Scan(&entries); err != nil {
		t.Fatal(err)
	}
	if entries != 2 {
		t.Errorf("%d entries counted", entries)
	}
	if s := b.Stats(); s.Operations != 2 {
		t.Error(s)
	}
}

// A pool of one connection is enough for everything.
func TestOneConnection(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	pool.SetMaxOpenConns(1)
	ctx := context.Background()
	err := b.Atomic(ctx, backend.Work{Foreign: true, Run: func(ctx context.Context, tx *backend.Tx) error {
		if err := tx.Nested.Atomic(ctx, inserting("nested")); err != nil {
			return err
		}
		if err := tx.Nested.Snapshot(ctx, func(ctx context.Context, q db.Querier) error {
			if got := names(t, on(q)); got != "nested" {
				t.Error(got)
			}
			return nil
		}); err != nil {
			return err
		}
		for what, err := range map[string]error{
			"Atomic":   b.Atomic(ctx, inserting("reentrant")),
			"Snapshot": b.Snapshot(ctx, nil),
			"Migrate":  b.Migrate(ctx, backend.Migration{}),
			"Backup":   b.Backup(ctx, "x"),
			"Reader":   b.Reader().AddTotals(ctx, db.AddTotalsParams{}),
			"Row":      on(b.Reader()).QueryRowContext(ctx, "SELECT 1").Scan(new(int)),
		} {
			if !errors.Is(err, backend.ErrReentrant) {
				t.Errorf("%s inside: %v", what, err)
			}
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Snapshot(ctx, func(ctx context.Context, q db.Querier) error {
		if got := names(t, on(q)); got != "nested" {
			t.Error(got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := b.Backup(ctx, filepath.Join(t.TempDir(), "copy")); err != nil {
		t.Error(err)
	}
	// Somebody else has the connection: a deadline bounds the wait for it.
	conn, err := pool.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := b.Atomic(short, inserting("late")); !errors.Is(err, backend.ErrBusy) ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// Whatever the host's busy timeout is, a deadline is kept, and the timeout is the
// host's again afterwards.
func TestLockedByAnother(t *testing.T) {
	t.Parallel()
	for _, timeout := range []string{"0", "20", "60000"} {
		t.Run(timeout, func(t *testing.T) {
			t.Parallel()
			b, pool := setup(t, "busy_timeout("+timeout+")", "journal_mode(WAL)", "synchronous(OFF)")
			pool.SetMaxOpenConns(2)
			ctx := context.Background()
			other, err := pool.Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			exec(t, other, "BEGIN IMMEDIATE")
			short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
			defer cancel()
			start := time.Now()
			if err := b.Atomic(short, inserting("a")); !errors.Is(err, backend.ErrBusy) {
				t.Error(err)
			}
			if d := time.Since(start); d >= Patience {
				t.Errorf("answered after %v", d)
			}
			canceled, cancel := context.WithCancel(ctx)
			time.AfterFunc(20*time.Millisecond, cancel)
			if err := b.Atomic(canceled, inserting("a")); err != context.Canceled {
				t.Error(err)
			}
			time.AfterFunc(50*time.Millisecond, func() {
				_, _ = other.ExecContext(ctx, "COMMIT") // a lock that stays makes the operation fail
				other.Close()
			})
			if err := b.Atomic(ctx, inserting("a")); err != nil {
				t.Error(err)
			}
			for range 2 {
				var got string
				conn, err := pool.Conn(ctx)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if err := conn.QueryRowContext(ctx, "PRAGMA busy_timeout").Scan(&got); err != nil || got != timeout {
					t.Errorf("the busy timeout is now %s: %v", got, err)
				}
			}
		})
	}
}

// Without WAL a reader blocks a COMMIT, which is repeated.
func TestCommitWaitsForReader(t *testing.T) {
	t.Parallel()
	b, pool := setup(t, "journal_mode(DELETE)", "synchronous(OFF)")
	ctx := context.Background()
	exec(t, pool, "INSERT INTO thing VALUES ('x', 1), ('y', 1)")
	rows, err := pool.Query("SELECT name FROM thing")
	if err != nil {
		t.Fatal(err)
	}
	if !rows.Next() {
		t.Fatal(rows.Err())
	}
	ran := 0
	work := backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
		ran++
		return insert(ctx, tx, "a")
	}}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if err := b.Atomic(short, work); !errors.Is(err, backend.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	canceled, cancel := context.WithCancel(ctx)
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := b.Atomic(canceled, work); err != context.Canceled {
		t.Error(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { rows.Close() })
	if err := b.Atomic(ctx, work); err != nil || ran != 3 {
		t.Error(err, ran)
	}
	if got := names(t, pool); got != "a x y" {
		t.Error(got)
	}
}

// The caller's context ends in the middle of the operation.
func TestCancelledInside(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), t, "value"))
	err := b.Atomic(ctx, backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
		cancel()
		if ctx.Value(t) != "value" || ctx.Err() != nil {
			t.Error("the operation's context is wrong")
		}
		return insert(ctx, tx, "a")
	}})
	if err != nil || names(t, pool) != "a" {
		t.Error(err)
	}
	if err := b.Atomic(ctx, inserting("b")); err != context.Canceled {
		t.Error(err)
	}
}

// A host may have said that every transaction begins IMMEDIATE.
func TestSnapshotTakesNoLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "host.db")
	pool, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	exec(t, pool, "CREATE TABLE thing (name)")
	b := New(pool)
	writer, err := pool.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Rollback()
	err = b.Snapshot(context.Background(), func(ctx context.Context, q db.Querier) error {
		before := names(t, on(q))
		exec(t, writer, "INSERT INTO thing VALUES ('a')")
		if err := writer.Commit(); err != nil {
			t.Error(err)
		}
		if after := names(t, on(q)); after != before {
			t.Errorf("%q became %q", before, after)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// SQLite rolls back by itself in the middle of an operation that goes on.
func TestRolledBackByItself(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	ctx := context.Background()
	pool.SetMaxOpenConns(1)
	exec(t, pool,
		"CREATE TRIGGER bomb BEFORE INSERT ON thing WHEN new.name = 'bomb' BEGIN SELECT RAISE(ROLLBACK, 'boom'); END")
	for _, swallow := range []bool{false, true} {
		err := b.Atomic(ctx, backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
			if err := insert(ctx, tx, "before"); err != nil {
				return err
			}
			if err := insert(ctx, tx, "bomb"); err != nil && !swallow {
				return err
			}
			if err := insert(ctx, tx, "after"); !errors.Is(err, backend.ErrLost) {
				t.Errorf("the statement after it: %v", err)
			}
			return nil
		}})
		if want := map[bool]error{false: backend.ErrConstraint, true: backend.ErrLost}[swallow]; !errors.Is(err, want) {
			t.Errorf("swallow %v: %v", swallow, err)
		}
		if got := names(t, pool); got != "" {
			t.Errorf("it left %s", got)
		}
	}
	if err := b.Atomic(ctx, inserting("a")); err != nil {
		t.Error(err)
	}
}

func TestFull(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	ctx := context.Background()
	pool.SetMaxOpenConns(1)
	exec(t, pool, "PRAGMA max_page_count = 12")
	big := strings.Repeat("x", 100_000)
	if err := b.Atomic(ctx, inserting(big)); !errors.Is(err, backend.ErrFull) {
		t.Error(err)
	}
	if err := b.Atomic(ctx, inserting("a")); err != nil {
		t.Error(err)
	}
	exec(t, pool, "PRAGMA max_page_count = 1000000")
	if err := b.Atomic(ctx, inserting(big)); err != nil {
		t.Error(err)
	}
}

func TestConcurrentWriters(t *testing.T) {
	t.Parallel()
	b, pool := setup(t, "busy_timeout(0)", "journal_mode(WAL)", "synchronous(OFF)")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 20 {
				if err := b.Atomic(context.Background(), inserting(string(rune('a'+i))+string(rune('a'+j)))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var entries int
	if err := pool.QueryRow("SELECT ledger_entries FROM refgrow_project_totals").Scan(&entries); err != nil {
		t.Fatal(err)
	}
	if entries != 80 {
		t.Error(entries)
	}
}

// Many more writers than connections that could help: each gets its turn, and the
// pool does not grow with their number.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	b, pool := setup(t, "busy_timeout(60000)", "journal_mode(WAL)", "synchronous(FULL)")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute) // for a slow disk
	defer cancel()
	most := 0
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			for j := range 3 {
				work := inserting(fmt.Sprint(i, "-", j))
				if err := b.Atomic(ctx, backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
					most = max(most, pool.Stats().OpenConnections) // one at a time, as the database has it
					return work.Run(ctx, tx)
				}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if most > 4 {
		t.Errorf("%d connections were open", most)
	}
	if n := b.Stats().Operations; n != 900 {
		t.Errorf("%d operations", n)
	}
}

// An operation waits for its turn as long as its context allows, as it does for the
// lock.
func TestTurn(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	entered, goOn := make(chan struct{}), make(chan struct{})
	slow := make(chan error, 1)
	go func() {
		slow <- b.Atomic(context.Background(),
			backend.Work{Foreign: true, Run: func(ctx context.Context, tx *backend.Tx) error {
				close(entered)
				<-goOn
				return insert(ctx, tx, "slow")
			}})
	}()
	<-entered
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := b.Atomic(short, inserting("late")); !errors.Is(err, backend.ErrBusy) ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	canceled, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	if err := b.Atomic(canceled, inserting("cancelled")); err != context.Canceled {
		t.Error(err)
	}
	close(goOn)
	if err := <-slow; err != nil {
		t.Error(err)
	}
	if err := b.Atomic(context.Background(), inserting("next")); err != nil || names(t, pool) != "next slow" {
		t.Error(err, names(t, pool))
	}
}

// Reading from inside an operation would not see what it has done; another
// goroutine may read.
func TestReadingInside(t *testing.T) {
	t.Parallel()
	b, _ := setup(t)
	ctx := context.Background()
	read := func() error { return on(b.Reader()).QueryRowContext(ctx, "SELECT 1").Scan(new(int)) }
	err := b.Atomic(ctx, backend.Work{Foreign: true, Run: func(context.Context, *backend.Tx) error {
		if err := read(); err != backend.ErrReentrant {
			t.Error(err)
		}
		other := make(chan error)
		go func() { other <- read() }()
		return <-other
	}})
	if err := errors.Join(err, read()); err != nil {
		t.Error(err)
	}
}
