package backend

import (
	"context"
	"time"
)

// A Lane is what something is read for. What is read in one lane waits for nothing that
// is read in another, where the database has readers enough for that.
type Lane int

const (
	// Lists is the lane of everything that has none of its own.
	Lists Lane = iota
	// Keys is for authentication, and for what tells whether a process lives.
	Keys
	// Links is for visits through referral links.
	Links
	// Events is for the worker that sends webhooks.
	Events

	// Lanes is how many there are.
	Lanes
)

// A Reading says how to read what is read under a context.
type Reading struct {
	Lane Lane
	// Within is how long each statement of a Snapshot may take, its wait for a reader
	// included; 0 means any time. A statement that takes longer ends with ErrTooSlow.
	Within time.Duration
}

type readingKey struct{}

// Under returns ctx with the reading r.
func (r Reading) Under(ctx context.Context) context.Context {
	return context.WithValue(ctx, readingKey{}, r)
}

// ReadingOf returns what Under has put into ctx.
func ReadingOf(ctx context.Context) Reading {
	r, _ := ctx.Value(readingKey{}).(Reading)
	return r
}

// WithDeadline returns ctx with a deadline, and a function that ends it. That returns
// ErrTooSlow in place of an error that the deadline has caused. 0 means no deadline.
func WithDeadline(ctx context.Context, within time.Duration) (limited context.Context, end func(error) error) {
	if within <= 0 {
		return ctx, func(err error) error { return err }
	}
	limited, cancel := context.WithTimeoutCause(ctx, within, ErrTooSlow)
	return limited, func(err error) error {
		if err != nil && ctx.Err() == nil && context.Cause(limited) == ErrTooSlow { //nolint:errorlint // it is put there bare
			err = tooSlowError{err}
		}
		cancel()
		return err
	}
}

// TooSlow makes err, with which the database has ended a statement, an ErrTooSlow.
func TooSlow(err error) error { return tooSlowError{err} }

// tooSlowError hides that a deadline ended the statement: to others that is a caller's own.
type tooSlowError struct{ cause error }

func (t tooSlowError) Error() string { return ErrTooSlow.Error() + ": " + t.cause.Error() }
func (t tooSlowError) Unwrap() error { return ErrTooSlow }

// A Room holds the snapshots of lists that are under way on a pool of somebody else, and
// leaves connections for other work. The zero value has room for any number.
type Room struct{ of chan struct{} }

// NewRoom has room for half of the connections that a pool may have, 0 for any number.
func NewRoom(connections int) Room {
	const half = 2
	if connections < half { // the only one is for lists too
		return Room{}
	}
	return Room{make(chan struct{}, connections/half)}
}

// Enter waits until there are few enough lists under way, and returns what ends this one.
// Other lanes do not wait.
func (r Room) Enter(ctx context.Context) (leave func(), err error) {
	if r.of == nil || ReadingOf(ctx).Lane != Lists {
		return func() {}, nil
	}
	select {
	case r.of <- struct{}{}:
		return func() { <-r.of }, nil
	case <-ctx.Done():
		return nil, GaveUp(ctx)
	}
}
