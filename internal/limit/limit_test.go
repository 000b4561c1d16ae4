package limit

import (
	"net/netip"
	"testing"
	"time"
)

// However many addresses there are, the memory is bounded, and those that have not
// been seen for a minute make room first.
func TestAddressesAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	l := NewAddresses(60, func() time.Time { return now })
	address := netip.MustParseAddr("10.0.0.0")
	come := func(n int) {
		for range n {
			address = address.Next()
			if _, within := l.Take(address); !within {
				t.Fatalf("%v is over the limit", address)
			}
			if len(l.buckets) > MaxCounted {
				t.Fatalf("%d addresses are kept", len(l.buckets))
			}
		}
	}
	come(MaxCounted + 100)
	now = now.Add(time.Minute)
	come(MaxCounted / 2)
	recent := 0
	for _, b := range l.buckets {
		if b.seen.Equal(now) {
			recent++
		}
	}
	// All but a few, because not all of them are looked at each time.
	if recent < MaxCounted/2*95/100 {
		t.Errorf("of %d addresses of this minute %d are kept", MaxCounted/2, recent)
	}
}

// An address may use all that it has at once, regains it evenly, and shares nothing but
// the first 64 bits of IPv6 with others.
func TestAddresses(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	l := NewAddresses(3, func() time.Time { return now })
	take := func(address string, left int, within bool) {
		t.Helper()
		standing, ok := l.Take(netip.MustParseAddr(address))
		if ok != within || standing.Left != left || standing != l.Look(netip.MustParseAddr(address)) {
			t.Errorf("%s has %d left and is within the limit: %v", address, standing.Left, ok)
		}
	}
	take("192.0.2.1", 2, true)
	take("::ffff:192.0.2.1", 1, true)
	take("192.0.2.1", 0, true)
	take("192.0.2.1", 0, false)
	take("192.0.2.2", 2, true)
	take("2001:db8::1", 2, true)
	take("2001:db8::ffff:2%eth0", 1, true)
	take("2001:db8:0:1::1", 2, true)
	if full := l.Look(netip.MustParseAddr("192.0.2.1")).Full; !full.Equal(now.Add(time.Minute)) {
		t.Errorf("it is full at %v", full)
	}
	now = now.Add(20 * time.Second)
	take("192.0.2.1", 0, true)
	take("192.0.2.1", 0, false)
	now = now.Add(-time.Hour) // the clock was set back: nobody is locked out
	take("192.0.2.1", 2, true)
	if n := l.Counted(); n != 4 {
		t.Errorf("%d addresses are counted", n)
	}
}
