package tracking

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// perMinute is how much an address may tell in a minute.
	perMinute = 60
	// maxAddresses bounds the memory. Where more of them are active within a
	// minute, some are counted anew.
	maxAddresses = 10_000
)

// limit counts by address, in buckets that regain one a second.
type limit struct {
	now func() time.Time

	mu      sync.Mutex
	buckets map[netip.Addr]*bucket
}

type bucket struct {
	*rate.Limiter
	seen time.Time
}

func newLimit(now func() time.Time) *limit {
	return &limit{now: now, buckets: make(map[netip.Addr]*bucket)}
}

// take counts one and reports whether it is within the limit.
func (l *limit) take(of netip.Addr) bool {
	of = network(of)
	l.mu.Lock()
	defer l.mu.Unlock()
	// The clock is read under the lock, so that it stands before a bucket's only
	// when it was set back: then the bucket begins anew.
	now := l.now()
	b := l.buckets[of]
	if b == nil || now.Before(b.seen) {
		l.makeRoom(now)
		b = &bucket{Limiter: rate.NewLimiter(rate.Every(time.Minute/perMinute), perMinute)}
		l.buckets[of] = b
	}
	b.seen = now
	return b.AllowN(now, 1)
}

// makeRoom keeps the map within its bound before something is added: what is full
// again goes first, and otherwise whatever comes.
func (l *limit) makeRoom(now time.Time) {
	looks := 16
	for of, b := range l.buckets {
		if len(l.buckets) < maxAddresses {
			return
		}
		if looks--; now.Sub(b.seen) >= time.Minute || looks <= 0 {
			delete(l.buckets, of)
		}
	}
}

// network is what is counted by: the address, or of IPv6 the first 64 bits, because
// a visitor there has all of the rest.
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
