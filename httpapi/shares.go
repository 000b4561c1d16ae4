package httpapi

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// A share says how many calls of a kind a caller may have under way at once, so that
// one caller's long calls leave readers and processors to the others.
type share struct {
	most int
	what string // of these calls, for the message
}

// The shares. Short reads and writes have no such bound.
var (
	//nolint:gochecknoglobals // a constant in all but name
	readsOfLists = &share{2, "reads of lists, statements or statistics"}
	//nolint:gochecknoglobals // likewise
	longCalls = &share{1, "runs, exports, replays or deletions"}
)

// shareOf is the share that a route is in, nil for a short call.
func shareOf(r *route) *share {
	switch r.method + " " + r.pattern {
	case "GET /affiliates", "GET /conversions", "GET /referrals", "GET /coupons", "GET /rules",
		"GET /affiliates/{email}/earnings", "GET /affiliates/{email}/ledger", "GET /affiliates/{email}/statement",
		"GET /payouts", "GET /payouts/runs", "GET /payouts/{id}/entries", "GET /statistics",
		"GET /webhooks", "GET /webhooks/{id}/deliveries":
		return readsOfLists
	case "POST /payouts", "POST /payouts/pay", "POST /payouts/cancel", "GET /payouts/export",
		"DELETE /affiliates/{email}", "DELETE /referrals/{email}", "DELETE /webhooks/{id}",
		"POST /affiliates/{email}/erase", "POST /referrals/{email}/erase", "POST /referrals/{id}/merge",
		"POST /webhooks/{id}/replay":
		return longCalls
	}
	return nil
}

// shareWithin is how long a call waits for its share.
const shareWithin = 5 * time.Second

// shares are what is under way. They remember only callers that have calls under way or
// waiting.
type shares struct {
	mu   sync.Mutex
	held map[shareKey]*holders
}

type shareKey struct {
	callerKey
	share *share
}

type holders struct {
	taken chan struct{} // holds a value for each call under way
	users int           // calls under way, and those that wait
}

func newShares() *shares { return &shares{held: make(map[shareKey]*holders)} }

// take waits until a call may begin. The caller gives its place back with what take
// returns. Errors: 429, that of ctx.
func (s *shares) take(ctx context.Context, of callerKey, in *share) (back func(), err error) {
	key := shareKey{of, in}
	s.mu.Lock()
	own := s.held[key]
	if own == nil {
		own = &holders{taken: make(chan struct{}, in.most)}
		s.held[key] = own
	}
	own.users++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if own.users--; own.users == 0 {
			delete(s.held, key)
		}
	}
	back = func() { <-own.taken; leave() }
	select {
	case own.taken <- struct{}{}:
		return back, nil
	default:
	}
	patience := time.NewTimer(shareWithin)
	defer patience.Stop()
	select {
	case own.taken <- struct{}{}:
		return back, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-patience.C:
		err = &problem{
			status: http.StatusTooManyRequests, code: "rate_limited", retryAfter: seconds(shareWithin),
			message: "This caller has others of its " + in.what + " under way, as many as it may have at once; " +
				"try again when one has ended",
		}
	}
	leave()
	return nil, err
}
