package sqlite

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// Without a write-ahead log, a commit keeps readers out for a moment. A host that has
// not set a busy timeout gets its answers nevertheless, and by its deadline.
func TestReadsWait(t *testing.T) {
	t.Parallel()
	b, pool := setup(t, "busy_timeout(0)", "journal_mode(DELETE)", "synchronous(OFF)")
	ctx := context.Background()
	exec(t, pool, "INSERT INTO thing VALUES ('a', 1)")
	other, err := pool.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	dir, n := t.TempDir(), 0
	reads := map[string]func(context.Context) error{
		"Row": func(ctx context.Context) error {
			return on(b.Reader()).QueryRowContext(ctx, "SELECT name FROM thing").Scan(new(string))
		},
		"Rows": func(ctx context.Context) error {
			_, err := lines(ctx, on(b.Reader()), "SELECT name FROM thing")
			return err
		},
		"Snapshot": func(ctx context.Context) error {
			return b.Snapshot(ctx, func(ctx context.Context, q db.Querier) error {
				return on(q).QueryRowContext(ctx, "SELECT name FROM thing").Scan(new(string))
			})
		},
		"Integrity": func(ctx context.Context) error { _, err := b.Integrity(ctx, backend.Schema{}); return err },
		"Migrate":   func(ctx context.Context) error { return b.Migrate(ctx, backend.Migration{}) },
		"Backup": func(ctx context.Context) error {
			n++
			return b.Backup(ctx, filepath.Join(dir, strconv.Itoa(n)))
		},
	}
	for what, read := range reads {
		exec(t, other, "BEGIN EXCLUSIVE")
		// A slow machine may not have come to the lock by the first deadlines.
		for wait := 20 * time.Millisecond; ; wait *= 4 {
			short, cancel := context.WithTimeout(ctx, wait)
			err := Classify(read(short))
			cancel()
			if errors.Is(err, backend.ErrBusy) && errors.Is(err, context.DeadlineExceeded) {
				break
			}
			if !errors.Is(err, context.DeadlineExceeded) || wait > 10*time.Second {
				t.Fatalf("%s while it is locked: %v", what, err)
			}
		}
		canceled, cancel := context.WithCancel(ctx)
		time.AfterFunc(20*time.Millisecond, cancel)
		if err := read(canceled); !errors.Is(err, context.Canceled) {
			t.Errorf("%s that is canceled: %v", what, err)
		}
		ended := make(chan error, 1)
		go func() { ended <- read(ctx) }()
		select {
		case err := <-ended:
			t.Errorf("%s did not wait: %v", what, err)
			ended <- err
		case <-time.After(20 * time.Millisecond):
		}
		exec(t, other, "COMMIT")
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Lists leave half of a host's pool to others: keys and links do not wait for them.
func TestListsTakeHalfOfThePool(t *testing.T) {
	t.Parallel()
	_, pool := setup(t)
	pool.SetMaxOpenConns(5)
	b := New(pool)
	inside, end := make(chan struct{}), make(chan struct{})
	ended := make(chan error)
	for range 2 {
		go func() {
			ended <- b.Snapshot(context.Background(), func(context.Context, db.Querier) error {
				inside <- struct{}{}
				<-end
				return nil
			})
		}()
		<-inside
	}
	for lane := range backend.Lanes {
		within := time.Minute
		if lane == backend.Lists {
			within = 10 * time.Millisecond
		}
		err := b.Snapshot(backend.Reading{Lane: lane, Within: within}.Under(context.Background()),
			func(context.Context, db.Querier) error { return nil })
		if (lane == backend.Lists) != errors.Is(err, backend.ErrTooSlow) {
			t.Errorf("lane %d: %v", lane, err)
		}
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.Snapshot(canceled, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a list that is canceled: %v", err)
	}
	close(end)
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if err := b.Snapshot(context.Background(), func(context.Context, db.Querier) error { return nil }); err != nil {
		t.Errorf("a list afterwards: %v", err)
	}
}
