package conformance

import (
	"sync"
	"time"
)

// A clock stands still until it is moved. It is the one of refgrowtest, which cannot be
// used here because it brings a driver.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

// newClock shows noon of 15 January 2026, UTC.
func newClock() *clock { return &clock{now: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock, backwards when d is negative.
func (c *clock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

func (c *clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}
