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

// tooSlowError hides that a deadline ended the statement: to others that is a caller's own.
type tooSlowError struct{ cause error }

func (t tooSlowError) Error() string { return ErrTooSlow.Error() + ": " + t.cause.Error() }
func (t tooSlowError) Unwrap() error { return ErrTooSlow }
