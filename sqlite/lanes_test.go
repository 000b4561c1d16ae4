package sqlite

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// While lists have all their readers, nobody else waits for one.
func TestLanes(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{Readers: 2})
	inside, end := make(chan struct{}), make(chan struct{})
	ended := make(chan error)
	for range 2 {
		go func() {
			ended <- d.Backend().Snapshot(context.Background(), func(context.Context, db.Querier) error {
				inside <- struct{}{}
				<-end
				return nil
			})
		}()
	}
	<-inside
	<-inside
	for lane := range backend.Lanes {
		ctx := backend.Reading{Lane: lane, Within: 10 * time.Millisecond}.Under(context.Background())
		if lane == backend.Lists {
			err := d.Backend().Snapshot(ctx, func(context.Context, db.Querier) error { return nil })
			if !errors.Is(err, backend.ErrTooSlow) || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a further list: %v", err)
			}
			continue
		}
		var n int
		if err := on(d.Backend().Reader()).QueryRowContext(ctx, "SELECT count(*) FROM thing").Scan(&n); err != nil {
			t.Errorf("lane %d: %v", lane, err)
		}
	}
	close(end)
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// Each statement of a snapshot has its own time, and one that takes longer ends.
func TestStatementsHaveDeadlines(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
	ctx := backend.Reading{Within: 50 * time.Millisecond}.Under(context.Background())
	err := d.Backend().Snapshot(ctx, func(ctx context.Context, q db.Querier) error {
		var n int
		for range 3 {
			if err := on(q).QueryRowContext(ctx, "SELECT count(*) FROM thing").Scan(&n); err != nil {
				return err
			}
		}
		return on(q).QueryRowContext(ctx, endless).Scan(&n)
	})
	if !errors.Is(err, backend.ErrTooSlow) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an endless statement: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	err = d.Backend().Snapshot(ctx, func(ctx context.Context, q db.Querier) error {
		return on(q).QueryRowContext(ctx, endless).Scan(new(int))
	})
	if errors.Is(err, backend.ErrTooSlow) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the caller's own deadline: %v", err)
	}
}
