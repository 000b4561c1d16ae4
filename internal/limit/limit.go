// Package limit counts what comes from a client's address, in memory that is
// bounded.
package limit

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// MaxCounted is how many are counted at a time. If more are active within a minute, the
// count of some starts again.
const MaxCounted = 10_000

// Addresses has a bucket for each address, which holds what is allowed in a minute and
// regains it evenly. The first 64 bits of an IPv6 address count as one, because a
// client there has all of the rest.
type Addresses struct {
	perMinute int
	now       func() time.Time

	mu      sync.Mutex
	buckets map[netip.Addr]*bucket
}

type bucket struct {
	*rate.Limiter
	seen time.Time
}

// A Standing is how many an address has left, and when it will have all of them again.
type Standing struct {
	Left int
	Full time.Time
}

// NewAddresses allows each address perMinute in a minute by the given clock.
func NewAddresses(perMinute int, now func() time.Time) *Addresses {
	return &Addresses{perMinute: perMinute, now: now, buckets: make(map[netip.Addr]*bucket)}
}

// Take counts one and reports whether it is within the limit.
func (a *Addresses) Take(of netip.Addr) (Standing, bool) {
	of = network(of)
	a.mu.Lock()
	defer a.mu.Unlock()
	// The clock is read under the lock, so it is before a bucket's time only if it was
	// set back: then the bucket starts again.
	now := a.now()
	b := a.buckets[of]
	if b == nil || now.Before(b.seen) {
		if b == nil {
			MakeRoom(a.buckets, func(b *bucket) bool { return now.Sub(b.seen) >= time.Minute })
		}
		b = &bucket{Limiter: rate.NewLimiter(rate.Every(time.Minute/time.Duration(a.perMinute)), a.perMinute)}
		a.buckets[of] = b
	}
	b.seen = now
	within := b.AllowN(now, 1)
	return a.standing(b, now), within
}

// Look returns the standing of an address, and counts nothing.
func (a *Addresses) Look(of netip.Addr) Standing {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	b := a.buckets[network(of)]
	if b == nil || now.Before(b.seen) {
		return Standing{Left: a.perMinute, Full: now}
	}
	return a.standing(b, now)
}

// Counted returns how many addresses are in memory.
func (a *Addresses) Counted() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.buckets)
}

func (a *Addresses) standing(b *bucket, now time.Time) Standing {
	left := min(max(int(b.TokensAt(now)), 0), a.perMinute)
	return Standing{Left: left, Full: now.Add(time.Duration(a.perMinute-left) * time.Minute / time.Duration(a.perMinute))}
}

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

// MakeRoom keeps a map within MaxCounted before something is added: entries that are
// over go first, and otherwise any.
func MakeRoom[K comparable, V any](m map[K]V, over func(V) bool) {
	looks := 16
	for k, v := range m {
		if len(m) < MaxCounted {
			return
		}
		if looks--; over(v) || looks <= 0 {
			delete(m, k)
		}
	}
}
