// Package anydriver is the part of refgrowtest that brings in no database driver: an
// engine on a database that the test of an app has opened with the app's own, and a
// clock that the test sets.
//
//	db, err := gorm.Open(glebarez.Open(path)) // or database/sql, with any driver
//	...
//	engine, clock := anydriver.On(t, refgrow.SQLite(appDB))
//
// Drivers that register the same name panic next to each other, and "sqlite" is the
// name of modernc.org/sqlite, which refgrowtest brings, and of glebarez/go-sqlite, which
// GORM's driver without cgo brings. So an app with the latter imports this package in
// its tests and not refgrowtest.
package anydriver

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// On returns an engine on a store that the test has opened, and its clock. The engine
// ends with the test; the store is left open.
func On(t testing.TB, store refgrow.Store) (*refgrow.Engine, *Clock) {
	t.Helper()
	clock := NewClock()
	engine, err := refgrow.New(context.Background(), store, refgrow.Config{
		Now: clock.Now, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return engine, clock
}

// A Clock stands still until it is told to move. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows noon on 15 January 2026, UTC.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)} }

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock, backwards when d is negative.
func (c *Clock) Advance(d time.Duration) { c.Set(c.Now().Add(d)) }

// Set makes the clock show t.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}
