// Package refunds says how much of a sale was given back, from what is told of it: that
// a part was given back now, how much was given back in all so far, or that a refund
// did not happen. It knows numbers in minor units and milliseconds, no rows and no
// commissions.
package refunds

import (
	"errors"
	"slices"
)

// What is wrong with what was told. The callers say it in words.
var (
	ErrTooMuch   = errors.New("more than is left of the sale")
	ErrNothing   = errors.New("nothing is left to give back, or to undo")
	ErrNoBase    = errors.New("part of a sale without a base value")
	ErrNotSoMuch = errors.New("more than was given back")
)

// A Sale is what was sold and what of it was given back.
type Sale struct {
	// Base is the sale itself; nil for none, as with a signup.
	Base     *int64
	Refunded int64
	// Reversed says that a free sale, one whose base is 0 or absent, was taken back as a
	// whole. Refunded stays 0 then.
	Reversed bool
	// Told is the total that counts of those that were told, nil before the first.
	Told *Total
}

// A Total is all that was given back of a sale by an instant.
type Total struct {
	Amount int64
	At     int64 // Unix milliseconds
}

// An Outcome is what became of something that was told.
type Outcome struct {
	// Capped says that it was more than was left, and that the rest was taken.
	Capped bool
	// Unchanged says that the sale is as it was.
	Unchanged bool
}

// Free reports whether there is nothing of the sale that could be given back in parts.
func (s Sale) Free() bool { return s.Base == nil || *s.Base == 0 }

// Whole reports whether all of the sale was given back.
func (s Sale) Whole() bool {
	return s.Reversed || s.Refunded > 0 && s.Base != nil && s.Refunded >= *s.Base
}

// left is what has not been given back.
func (s Sale) left() int64 {
	if s.Base == nil {
		return 0
	}
	return *s.Base - s.Refunded
}

// Give gives back an amount, or without one all that is left, which of a free sale is
// the whole of it. With capped, more than is left is as much as is left. Errors:
// ErrNoBase, ErrTooMuch, ErrNothing.
func (s *Sale) Give(amount *int64, capped bool) (Outcome, error) {
	if amount != nil && s.Base == nil {
		return Outcome{}, ErrNoBase
	}
	over := amount != nil && *amount > s.left()
	switch {
	case !capped && s.Whole():
		return Outcome{}, ErrNothing
	case !capped && over:
		return Outcome{}, ErrTooMuch
	}
	before := *s
	switch {
	case s.Free():
		s.Reversed = true
	case amount == nil || over:
		s.Refunded = *s.Base
	default:
		s.Refunded += *amount
	}
	return Outcome{Capped: over, Unchanged: s.is(before)}, nil
}

// Tell takes over a total that was told with its instant: of all totals the one of the
// latest instant counts, and at the same instant the larger one, in whichever order they
// come. Errors: ErrNoBase.
func (s *Sale) Tell(t Total) (Outcome, error) {
	switch {
	case s.Base == nil:
		return Outcome{}, ErrNoBase
	case s.Told != nil && (t.At < s.Told.At || t.At == s.Told.At && t.Amount <= s.Told.Amount):
		return Outcome{Unchanged: true}, nil
	}
	return s.take(t), nil
}

// TellNow takes over a total that was told without an instant, and so counts as told
// now. One that is not above the last one, or is below what was given back, is taken for
// an old one that was delivered again, unless lower says that it is meant. Errors:
// ErrNoBase.
func (s *Sale) TellNow(amount, now int64, lower bool) (Outcome, error) {
	if s.Base == nil {
		return Outcome{}, ErrNoBase
	}
	if !lower && (s.Told != nil && amount <= s.Told.Amount || amount < s.Given()) {
		return Outcome{Unchanged: true}, nil
	}
	if s.Told != nil {
		now = max(now, s.Told.At)
	}
	return s.take(Total{Amount: amount, At: now}), nil
}

// Given is the least total that says what is so already: what was given back, and 1 for
// the whole of a free sale, of which any amount is the whole.
func (s Sale) Given() int64 {
	if s.Reversed {
		return 1
	}
	return s.Refunded
}

// take makes a total the one that counts.
func (s *Sale) take(t Total) Outcome {
	before := *s
	s.Told = &t
	over := t.Amount > *s.Base
	if s.Free() {
		s.Reversed = over
	} else {
		s.Refunded = min(t.Amount, *s.Base)
	}
	return Outcome{Capped: over, Unchanged: s.is(before)}
}

// Undo takes back an amount of what was given back, or all of it. Errors: ErrNoBase,
// ErrNotSoMuch, ErrNothing.
func (s *Sale) Undo(amount *int64) error {
	switch {
	case s.Refunded == 0 && !s.Reversed:
		return ErrNothing
	case amount == nil:
		s.Refunded, s.Reversed = 0, false
		return nil
	case s.Reversed:
		return ErrNoBase
	case *amount > s.Refunded:
		return ErrNotSoMuch
	}
	s.Refunded -= *amount
	return nil
}

// UndoTaken takes back what a refund with a name took, as Given says it: of a free sale
// that is the whole, or nothing where it was given back already.
func (s *Sale) UndoTaken(taken int64) Outcome {
	before := *s
	if s.Reversed {
		s.Reversed = taken == 0
	} else {
		s.Refunded -= taken
	}
	return Outcome{Unchanged: s.is(before)}
}

// Forget says what is left of what refunds with names took, the latest first, once so
// much less is given back, and none of them is named. What has no name goes first. What
// goes beyond that is the refund that took just so much, or else of the latest ones.
func (s Sale) Forget(less int64, taken []int64) []int64 {
	left := slices.Clone(taken)
	unnamed := s.Given()
	for _, t := range taken {
		unnamed -= t
	}
	if less <= unnamed {
		return left
	}
	if i := slices.Index(left, less); i >= 0 {
		left[i] = 0
		return left
	}
	less -= unnamed
	for i, t := range left {
		part := min(less, t)
		left[i], less = t-part, less-part
	}
	return left
}

// is reports whether as much of the sale was given back as before.
func (s Sale) is(before Sale) bool {
	return s.Refunded == before.Refunded && s.Reversed == before.Reversed
}
