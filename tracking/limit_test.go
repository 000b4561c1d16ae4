package tracking

import (
	"net/netip"
	"testing"
	"time"
)

// However many addresses there are, the memory is bounded, and those that have not
// been seen for a minute make room first.
func TestLimitIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	l := newLimit(func() time.Time { return now })
	address := netip.MustParseAddr("10.0.0.0")
	come := func(n int) {
		for range n {
			address = address.Next()
			if !l.take(address) {
				t.Fatalf("%v is over the limit", address)
			}
			if len(l.buckets) > maxAddresses {
				t.Fatalf("%d addresses are kept", len(l.buckets))
			}
		}
	}
	come(maxAddresses + 100)
	now = now.Add(time.Minute)
	come(maxAddresses / 2)
	recent := 0
	for _, b := range l.buckets {
		if b.seen.Equal(now) {
			recent++
		}
	}
	// But for a few, because not all of them are looked at each time.
	if recent < maxAddresses/2*95/100 {
		t.Errorf("of %d addresses of this minute %d are kept", maxAddresses/2, recent)
	}
}
