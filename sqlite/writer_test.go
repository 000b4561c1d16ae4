package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	base "github.com/refgrow-go/refgrow/internal/sqlite"
)

// Another process holds the lock: a deadline is kept by the leader and by those
// behind it, and everything works again once the lock is free.
func TestLockedByAnother(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	unlock := locked(t, d)
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			defer cancel()
			start := time.Now()
			var err error
			if i == 4 {
				err = d.Tx(ctx, func(*sql.Tx) error { return nil })
			} else {
				err = d.Backend().Atomic(ctx, d.inserting(fmt.Sprint("late", i)))
			}
			if !errors.Is(err, backend.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			if took := time.Since(start); took > 500*time.Millisecond {
				t.Errorf("answered after %v", took)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	wg.Go(func() {
		if err := d.Backend().Atomic(ctx, d.inserting("cancelled")); err != context.Canceled {
			t.Error(err)
		}
	})
	patient := make(chan error, 1)
	go func() { patient <- d.atomic(d.inserting("patient")) }()
	eventually(t, "all wait", func() bool { return d.writer.waiting() == 7 })
	if got := names(t, d); got != "" { // reads go on
		t.Error(got)
	}
	cancel()
	wg.Wait()
	unlock()
	if err := <-patient; err != nil {
		t.Error(err)
	}
	if got := names(t, d); got != "patient" {
		t.Error(got)
	}
}

// Without a deadline, each waits as long as the options say.
func TestLockWait(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{LockWait: 150 * time.Millisecond})
	unlock := locked(t, d)
	start := time.Now()
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			if err := d.atomic(d.inserting(fmt.Sprint(i))); !errors.Is(err, backend.ErrBusy) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took < 150*time.Millisecond || took > 2*time.Second {
		t.Errorf("waited %v", took)
	}
	unlock()
	if err := d.atomic(d.inserting("a")); err != nil {
		t.Error(err)
	}
}

// A batch that has to be run again finds the lock taken: its operations cannot
// leave, but the waiting is bounded.
func TestLockedBetweenRuns(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{LockWait: 100 * time.Millisecond})
	var unlock func()
	grab := make(chan struct{})
	errs := d.together(t, d.inserting("a"), backend.Work{Foreign: true, Run: func(ctx context.Context, tx *backend.Tx) error {
		if unlock != nil {
			return nil
		}
		if err := d.insert(ctx, "bomb"); err == nil {
			t.Error("no error")
		}
		// The lock is free now, and another process is quicker.
		unlock = locked(t, d)
		close(grab)
		return nil
	}}, d.inserting("b"))
	<-grab
	for _, err := range errs {
		if !errors.Is(err, backend.ErrBusy) {
			t.Error(err)
		}
	}
	unlock()
	if err := d.atomic(d.inserting("c")); err != nil {
		t.Error(err)
	}
	if got := names(t, d); got != "c" {
		t.Error(got)
	}
}

// Whoever is in the queue can leave it, also the one that was just told to lead.
func TestWithdraw(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*20*time.Microsecond)
				err := d.Backend().Atomic(ctx, d.inserting(fmt.Sprint(g, "-", i)))
				cancel()
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := d.atomic(d.inserting("a")); err != nil {
		t.Error(err)
	}
}

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
		}, base.ErrLost},
		{"a rollback of its own", func(tx *sql.Tx) error { insert(tx, "x"); return tx.Rollback() }, base.ErrLost},
		{"a rollback by SQLite", func(tx *sql.Tx) error {
			insert(tx, "x")
			if _, err := tx.Exec("INSERT INTO thing (name) VALUES ('bomb')"); err == nil {
				t.Error("no error")
			}
			if _, err := tx.Exec("INSERT INTO thing (name) VALUES ('y')"); err == nil {
				t.Error("a statement committed on its own")
			}
			if err := d.Backend().Bind(tx).Atomic(ctx, boundInsert("z")); !errors.Is(err, base.ErrLost) {
				t.Error(err)
			}
			return nil
		}, base.ErrLost},
		{"a dangling part", func(tx *sql.Tx) error {
			_, err := tx.Exec("INSERT INTO part VALUES ('nothing')")
			return err
		}, backend.ErrConstraint},
		{"a call of the engine", func(tx *sql.Tx) error { return d.atomic(d.inserting("x")) }, base.ErrReentrant},
		{"a call of Tx", func(tx *sql.Tx) error { return d.Tx(ctx, nil) }, base.ErrReentrant},
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

// boundInsert inserts a thing by the operation's own transaction.
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
		} {
			if !errors.Is(err, base.ErrReentrant) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if got := names(t, d); got != "" { // reading what is committed is fine
			t.Error(got)
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

// The writer's connection is lost; the next operation opens another one.
func TestConnectionLost(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	err := d.atomic(backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
		if err := d.insert(ctx, "a"); err != nil {
			return err
		}
		return d.writer.session.conn.Close()
	}})
	if err == nil {
		t.Error("no error")
	}
	if err := d.atomic(d.inserting("b")); err != nil {
		t.Error(err)
	}
	if got := names(t, d); got != "b" {
		t.Error(got)
	}
}

// Closing under load: what returned nil is in the file, everything else was
// refused.
func TestClose(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{Durability: Normal})
	var mu sync.Mutex
	committed := 0
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				work := d.inserting(fmt.Sprint(g, "-", i))
				work.Foreign = i%5 == 0
				err := d.atomic(work)
				if err != nil {
					if !errors.Is(err, backend.ErrClosed) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				committed++
				mu.Unlock()
			}
		})
	}
	eventually(t, "some are committed", func() bool { return d.Backend().Stats().Operations > 100 })
	for range 2 {
		wg.Go(func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	ctx := context.Background()
	for what, err := range map[string]error{
		"Atomic":   d.atomic(d.inserting("x")),
		"Tx":       d.Tx(ctx, nil),
		"Migrate":  d.Backend().Migrate(ctx, backend.Migration{}),
		"Snapshot": d.Backend().Snapshot(ctx, nil),
		"Backup":   d.Backend().Backup(ctx, "x"),
		"Reader":   d.readers.QueryRowContext(ctx, "SELECT 1").Scan(new(int)),
	} {
		if !errors.Is(err, backend.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	again, err := Open(ctx, d.Path(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n := query[int](t, again, "SELECT count(*) FROM thing"); n != committed {
		t.Errorf("%d in the file, %d committed", n, committed)
	}
}

// Close does not wait for another process's lock.
func TestCloseWhileLocked(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	defer locked(t, d)()
	errs := make(chan error, 2)
	for i := range 2 {
		go func() { errs <- d.atomic(d.inserting(fmt.Sprint(i))) }()
	}
	eventually(t, "both wait", func() bool { return d.writer.waiting() == 2 })
	start := time.Now()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("closed after %v", took)
	}
	for range 2 {
		if err := <-errs; !errors.Is(err, backend.ErrClosed) {
			t.Error(err)
		}
	}
}
