package httpapi

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/refgrow-go/refgrow/internal/limit"
)

// A standing is what a client is told about a limit.
type standing struct {
	limit, remaining int
	reset            int64 // Unix seconds
	retryAfter       int64 // seconds, where the limit is reached
}

// write sets the headers, in the form of names that Go sends anyway.
func (s standing) write(h http.Header) {
	h.Set("X-Ratelimit-Limit", strconv.Itoa(s.limit))
	h.Set("X-Ratelimit-Remaining", strconv.Itoa(s.remaining))
	h.Set("X-Ratelimit-Reset", strconv.FormatInt(s.reset, 10))
}

// unlimited is what a client is told where there is no limit: more than it can use, in
// the headers that it reads.
const unlimited = 1_000_000

func (a *api) unlimited() standing {
	return standing{limit: unlimited, remaining: unlimited, reset: unixCeil(a.engine.Now().Add(windowLength))}
}

// windows count the requests of callers in fixed windows of a minute, each of
// which begins with the caller's first request.
type windows struct {
	limit int
	now   func() time.Time

	mu   sync.Mutex
	open map[callerKey]*window
}

type window struct {
	begin time.Time
	count int
}

const windowLength = time.Minute

func newWindows(limit int, now func() time.Time) *windows {
	return &windows{limit: limit, now: now, open: make(map[callerKey]*window)}
}

// take counts n requests, and reports whether they are within the limit: all of them, or
// none.
func (ws *windows) take(of callerKey, n int) (standing, bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	// The clock is read under the lock, so it is before a window's beginning only if it
	// was set back: then the window is void, because nobody knows when it would end.
	now := ws.now()
	w := ws.open[of]
	if w == nil || !w.covers(now) {
		if w == nil {
			limit.MakeRoom(ws.open, func(w *window) bool { return !w.covers(now) })
		}
		w = &window{begin: now}
		ws.open[of] = w
	}
	within := n <= ws.limit-w.count
	if within {
		w.count += n
	}
	end := w.begin.Add(windowLength)
	return standing{
		limit: ws.limit, remaining: ws.limit - w.count,
		reset: unixCeil(end), retryAfter: seconds(end.Sub(now)),
	}, within
}

func (w *window) covers(now time.Time) bool {
	age := now.Sub(w.begin)
	return 0 <= age && age < windowLength
}

// maxClicks is how many clicks a key can record in a minute.
const maxClicks = 10_000

// countClicks counts clicks. Errors: 429.
func (a *api) countClicks(of callerKey, n int) error {
	s, within := a.clicks.take(of, n)
	if within {
		return nil
	}
	return &problem{
		status: http.StatusTooManyRequests, code: "rate_limited", retryAfter: s.retryAfter,
		message: "The limit is " + strconv.Itoa(s.limit) + " clicks a minute; try again in " +
			strconv.FormatInt(s.retryAfter, 10) + " s",
	}
}

// maxFailures is how many failed authentications an address has in a minute.
const maxFailures = 60

// ofFailures is what a client is told about its failed authentications.
func ofFailures(s limit.Standing) standing {
	return standing{limit: maxFailures, remaining: s.Left, reset: unixCeil(s.Full), retryAfter: 1}
}

// seconds is a duration in whole seconds, at least one.
func seconds(d time.Duration) int64 { return max(1, int64((d+time.Second-1)/time.Second)) }

// unixCeil is the first whole Unix second that is not before t.
func unixCeil(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }
