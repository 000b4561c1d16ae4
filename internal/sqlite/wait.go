package sqlite

import (
	"context"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
)

// Patience is how long an operation waits for a lock that somebody else holds, unless
// its context ends first.
const Patience = 5 * time.Second

// BusyTimeout is how long a single statement may wait for a lock. It is short
// because a driver may not notice the end of a context during that wait; the
// rest of the patience is spent between the attempts.
const BusyTimeout = 100 * time.Millisecond

// Retry repeats attempt while it says that somebody holds the lock, until wait
// ends.
func Retry(wait context.Context, attempt func() error) error {
	for {
		err := attempt()
		if !IsBusy(err) || !sleep(wait, backend.Pause()) {
			return err
		}
	}
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
