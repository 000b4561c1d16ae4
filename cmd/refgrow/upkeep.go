package main

import (
	"context"
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
			if err := engine.Upkeep(ctx); err != nil && ctx.Err() == nil {
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
