package httpapi

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A standing is what a client is told of a limit.
type standing struct {
	limit, remaining int
	reset            int64 // Unix seconds
	retryAfter       int64 // seconds, where the limit is reached
}

func (s standing) write(h http.Header) {
	h.Set("X-RateLimit-Limit", strconv.Itoa(s.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(s.remaining))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(s.reset, 10))
}

// maxCounted bounds the memory of each limit. Where more callers than that are
// active within a minute, some are counted anew.
const maxCounted = 10_000

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

// take counts a request and reports whether it is within the limit.
func (ws *windows) take(of callerKey) (standing, bool) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	// The clock is read under the lock, so that it stands before a window's
	// beginning only when it was set back: then the window is void, because
	// nobody knows when it would end.
	now := ws.now()
	w := ws.open[of]
	if w == nil || !w.covers(now) {
		if w == nil {
			makeRoom(ws.open, func(w *window) bool { return !w.covers(now) })
		}
		w = &window{begin: now}
		ws.open[of] = w
	}
	within := w.count < ws.limit
	if within {
		w.count++
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

// maxFailures is how many failed authentications an address has in a minute.
const maxFailures = 60

// failures count the failed authentications of addresses, in buckets that
// regain one a second.
type failures struct {
	now func() time.Time

	mu      sync.Mutex
	buckets map[netip.Addr]*bucket
}

type bucket struct {
	*rate.Limiter
	seen time.Time
}

func newFailures(now func() time.Time) *failures {
	return &failures{now: now, buckets: make(map[netip.Addr]*bucket)}
}

// take counts a failure and reports whether it is within the limit.
func (f *failures) take(of netip.Addr) (standing, bool) {
	of = network(of)
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	b := f.buckets[of]
	if b == nil || now.Before(b.seen) { // the clock was set back
		if b == nil {
			makeRoom(f.buckets, func(b *bucket) bool { return now.Sub(b.seen) >= time.Minute })
		}
		b = &bucket{Limiter: rate.NewLimiter(rate.Every(time.Minute/maxFailures), maxFailures)}
		f.buckets[of] = b
	}
	b.seen = now
	within := b.AllowN(now, 1)
	return b.standing(now), within
}

// look tells where an address stands.
func (f *failures) look(of netip.Addr) standing {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	b := f.buckets[network(of)]
	if b == nil || now.Before(b.seen) {
		return standing{limit: maxFailures, remaining: maxFailures, reset: unixCeil(now)}
	}
	return b.standing(now)
}

func (b *bucket) standing(now time.Time) standing {
	left := min(max(int(b.TokensAt(now)), 0), maxFailures)
	full := now.Add(time.Duration(maxFailures-left) * time.Minute / maxFailures)
	return standing{limit: maxFailures, remaining: left, reset: unixCeil(full), retryAfter: 1}
}

// network is what failures are counted by: the address, or of IPv6 the first 64
// bits, because a client there has all of the rest.
func network(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	prefix, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return prefix.Addr()
}

// makeRoom keeps a map within its bound before something is added: what is over
// goes first, and otherwise whatever comes.
func makeRoom[K comparable, V any](m map[K]V, over func(V) bool) {
	looks := 16
	for k, v := range m {
		if len(m) < maxCounted {
			return
		}
		if looks--; over(v) || looks <= 0 {
			delete(m, k)
		}
	}
}

// seconds is a duration in whole seconds, at least one.
func seconds(d time.Duration) int64 { return max(1, int64((d+time.Second-1)/time.Second)) }

// unixCeil is the first whole Unix second that is not before t.
func unixCeil(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }
