package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	base "github.com/refgrow-go/refgrow/internal/sqlite"
)

// Every request in the queue can leave it, even one that was just told to lead.
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

// The commit itself fails: all of the batch are told, and nothing remains.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	s := d.writer.session
	refuse := func() int32 { return refuseCommit }
	if err := s.hook(s.conn, func() { s.lost.Store(true) }, refuse); err != nil {
		t.Fatal(err)
	}
	errs := []error{d.atomic(d.inserting("a"))}
	var conn *sql.Conn
	for i := range 3 {
		errs = append(errs, d.atomic(d.kinds(fmt.Sprint(i))["good, foreign"]))
	}
	for _, err := range errs {
		if code, _ := base.Code(err); code != 531 {
			t.Error(err)
		}
	}
	conn, s.conn = s.conn, nil // begin with a healthy connection
	conn.Close()
	if err := d.atomic(d.inserting("b")); err != nil {
		t.Error(err)
	}
	if got := names(t, d); got != "b" {
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
	d := setup(t, Options{LockWait: time.Hour})
	defer locked(t, d)()
	errs := make(chan error, 2)
	for i := range 2 {
		go func() { errs <- d.atomic(d.inserting(fmt.Sprint(i))) }()
	}
	eventually(t, "both wait", func() bool { return d.writer.Waiting() == 2 })
	start := time.Now()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("closed after %v", took)
	}
	for range 2 {
		if err := <-errs; !errors.Is(err, backend.ErrClosed) {
			t.Error(err)
		}
	}
}
