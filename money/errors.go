package money

import (
	"errors"
	"fmt"
)

// The kinds of error that this package returns. A returned error matches one of them
// with errors.Is; its own message names the value that was wrong and what would be
// right, in words that may be shown to the person who gave the value.
var (
	// ErrSyntax: the text is not a number, an amount or a rate. From ParseDecimal,
	// Parse and ParseRate.
	ErrSyntax = errors.New("malformed number")

	// ErrTooPrecise: the number has more decimals than its currency, or than a rate may
	// have. Nothing is ever rounded to fit.
	ErrTooPrecise = errors.New("too many decimals")

	// ErrTooLarge: the number is beyond what may be given: MaxMinor, or the digits that
	// are read at all.
	ErrTooLarge = errors.New("number too large")

	// ErrCurrency: the text is not a current ISO 4217 code with minor units, or a
	// currency is needed and there is none.
	ErrCurrency = errors.New("unknown currency")

	// ErrRate: the rate is not between 0 and 100 percent. From ParseRate and
	// RateFromMillionths.
	ErrRate = errors.New("rate out of range")

	// ErrMismatch: the amounts are in different currencies, which are never added,
	// subtracted or compared.
	ErrMismatch = errors.New("different currencies")

	// ErrOverflow: the result does not fit 64 bits of minor units.
	ErrOverflow = errors.New("amount overflow")

	// ErrZeroWhole: a share of a whole of 0 was asked for. From Amount.Prorate.
	ErrZeroWhole = errors.New("whole of zero")
)

// kindError is an error whose message stands alone: the sentinel says which kind it is,
// but is not printed, because the message is shown to people who never read this
// package.
type kindError struct {
	kind    error
	message string
}

func (e *kindError) Error() string { return e.message }

func (e *kindError) Unwrap() error { return e.kind }

// fail makes an error of the kind. Texts from outside must be cut short by the format
// (%.64q), since they are as long as a stranger wants.
func fail(kind error, format string, args ...any) error {
	return &kindError{kind: kind, message: fmt.Sprintf(format, args...)}
}

// tooPrecise is the error for a number with more decimals than the currency has places.
func tooPrecise(number Decimal, c Currency, places int) error {
	noun := "decimals"
	if number.places() == 1 {
		noun = "decimal"
	}
	return fail(ErrTooPrecise, "%s has %d %s; %s has %d", number, number.places(), noun, c, places)
}

// mismatch is the error for an operation on amounts of two currencies, either of which
// may be none.
func mismatch(a, b Amount) error {
	return fail(ErrMismatch, "%s and %s are in different currencies; both must be in the same one",
		a.described(), b.described())
}

// overflow is the error for a result beyond 64 bits; operation reads like "the sum of".
func overflow(operation string, a, b Amount) error {
	return fail(ErrOverflow, "%s %s and %s does not fit 64 bits of minor units", operation, a.described(), b.described())
}
