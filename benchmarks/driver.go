package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A source makes the requests of one client: it appends a whole one to b.
type source func(b []byte) ([]byte, expected)

// expected is the right answer to a request.
type expected struct {
	status int
	writes bool // adds a conversion
}

// An outcome is the result of a load. Every operation of it was answered correctly.
type outcome struct {
	Operations int
	Writes     int64 // conversions added
	Taken      time.Duration
	P50, P99   time.Duration
}

// A fleet is clients with their connections, which stay open from one load to the
// next.
type fleet struct {
	clients []*client
	sources []source
}

func newFleet(ctx context.Context, addr string, sources []source) (_ *fleet, err error) {
	f := &fleet{sources: sources}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	for range sources {
		c, err := dial(ctx, addr)
		if err != nil {
			return nil, err
		}
		f.clients = append(f.clients, c)
	}
	return f, nil
}

func (f *fleet) close() error {
	var errs []error
	for _, c := range f.clients {
		errs = append(errs, c.conn.Close())
	}
	return errors.Join(errs...)
}

// load has every client send one request after the other for a while. The first
// wrong answer ends it.
func (f *fleet) load(length time.Duration) (outcome, error) {
	var writes atomic.Int64
	return clock(len(f.clients), length, func(i int) func() error {
		c, next := f.clients[i], f.sources[i]
		failed := c.conn.SetDeadline(time.Now().Add(length + answerWithin))
		return func() error {
			if failed != nil {
				return failed
			}
			var right expected
			c.out, right = next(c.out[:0])
			status, err := c.do(c.out)
			if err == nil && status != right.status {
				err = fmt.Errorf("status %d instead of %d: %s", status, right.status, c.body)
			}
			if err == nil && right.writes {
				writes.Add(1)
			}
			return err
		}
	}, &writes)
}

// clock runs the operations of that many clients concurrently for a while, and times
// each. writes is read at the end.
func clock(clients int, length time.Duration, operations func(i int) func() error,
	writes *atomic.Int64) (outcome, error) {
	latencies := make([][]time.Duration, clients)
	failures := make([]error, clients)
	var failed atomic.Bool
	var group sync.WaitGroup
	begun := time.Now()
	end := begun.Add(length)
	for i := range clients {
		do := operations(i)
		group.Go(func() {
			mine := make([]time.Duration, 0, 1<<12)
			for at := time.Now(); at.Before(end) && !failed.Load(); {
				if failures[i] = do(); failures[i] != nil {
					failed.Store(true)
					return
				}
				now := time.Now()
				mine = append(mine, now.Sub(at))
				at = now
			}
			latencies[i] = mine
		})
	}
	group.Wait()
	taken := time.Since(begun)
	// When a server dies, all clients say so in the same words.
	if i := slices.IndexFunc(failures, func(err error) bool { return err != nil }); i >= 0 {
		return outcome{}, fmt.Errorf("client %d: %w", i, failures[i])
	}
	all := slices.Concat(latencies...)
	if len(all) == 0 {
		return outcome{}, errors.New("nothing was done")
	}
	slices.Sort(all)
	return outcome{
		Operations: len(all), Writes: writes.Load(), Taken: taken,
		P50: all[len(all)/2], P99: all[len(all)*99/100],
	}, nil
}
