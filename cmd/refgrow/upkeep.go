package main

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/refgrow-go/refgrow"
)

// upkeepEvery is how often serve does the engine's upkeep.
const upkeepEvery = time.Hour

// upkeep does the engine's upkeep, now and at every tick, until ctx ends or stop is
// called, which waits for the transaction that is under way.
func (c *call) upkeep(ctx context.Context, engine *refgrow.Engine, ticks <-chan time.Time) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if err := guarded(func() error { return engine.Upkeep(ctx) }); err != nil && ctx.Err() == nil {
				c.log.Warn("the upkeep has to wait", "error", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-ticks:
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// guarded does work in a goroutine of our own, and turns a panic into an error: there
// it would end the whole process.
func guarded(work func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return work()
}
