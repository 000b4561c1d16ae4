package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/refgrow-go/refgrow"
)

// pruneEvery is how often serve looks for clicks that are not to be kept any longer.
const pruneEvery = time.Hour

// pruneClicks forgets old clicks, now and at every tick, until ctx ends or stop is
// called, which waits for the transaction that is under way.
func (c *call) pruneClicks(ctx context.Context, engine *refgrow.Engine, ticks <-chan time.Time) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			pruneAll(ctx, engine, c.log)
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

// pruneAll forgets all clicks that are old, in small transactions, so that nobody
// else waits for long.
func pruneAll(ctx context.Context, engine *refgrow.Engine, log *slog.Logger) {
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = engine.PruneClicks(ctx); err != nil {
			if ctx.Err() == nil {
				log.Warn("forgetting old clicks has to wait", "error", err)
			}
			return
		}
	}
}
