package main

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/refgrow-go/refgrow"
)

// background does what the engine has to do in the background, until ctx ends or stop is
// called, which waits for the transaction that is under way.
func background(ctx context.Context, engine *refgrow.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = engine.Run(ctx) // which returns an error only of an engine that is closed
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
