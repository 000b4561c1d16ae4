package money

import (
	"errors"
	"math"
	"math/bits"
	"strings"
)

// Rate is a percentage from 0 to 100 with up to four decimals. It is comparable; the
// zero value is 0 %.
type Rate struct {
	// 0 to wholeRate.
	millionths int64
}

const (
	// wholeRate is 100 %, in millionths.
	wholeRate = 1_000_000
	// ratePlaces is the most decimals that a percentage may have: 0.0001 % is a
	// millionth.
	ratePlaces = 4
)

// ParseRate reads a percentage: a number in the grammar of ParseDecimal, optionally
// followed by a percent sign, with or without a space: "8.2", "8.2%", "8.2 %". Errors:
// ErrSyntax; ErrRate below 0 or above 100; ErrTooPrecise for more than four decimals.
func ParseRate(text string) (Rate, error) {
	number, signed := strings.CutSuffix(text, "%")
	if signed {
		number = strings.TrimSuffix(number, " ")
	}
	d, err := ParseDecimal(number)
	switch {
	case errors.Is(err, ErrTooLarge):
		return Rate{}, fail(ErrRate, "%.32q is not a rate; give a percentage from 0 to 100", text)
	case errors.Is(err, ErrSyntax):
		return Rate{}, fail(ErrSyntax, "%.32q is not a rate; write a percentage such as 8.2", text)
	case errors.Is(err, ErrTooPrecise):
		return Rate{}, fail(ErrTooPrecise, "%.32q has too many decimals; a rate has at most %d", text, ratePlaces)
	case err != nil:
		return Rate{}, err
	case d.places() > ratePlaces:
		return Rate{}, fail(ErrTooPrecise, "%s has %d decimals; a rate has at most %d", d, d.places(), ratePlaces)
	}
	millionths, fits := d.scaled(ratePlaces)
	if !fits || millionths < 0 || millionths > wholeRate {
		return Rate{}, fail(ErrRate, "%s is not between 0 and 100 percent", d)
	}
	return Rate{millionths: millionths}, nil
}

// RateFromMillionths returns the rate of that many millionths: 200,000 is 20 %. Errors:
// ErrRate below 0 or above 1,000,000.
func RateFromMillionths(millionths int64) (Rate, error) {
	if millionths < 0 || millionths > wholeRate {
		return Rate{}, fail(ErrRate,
			"a rate of %d millionths is not between 0 and %d, which is 100 percent", millionths, wholeRate)
	}
	return Rate{millionths: millionths}, nil
}

// Millionths returns the rate in millionths, 0 to 1,000,000: 82,000 for 8.2 %. It is
// the form to store.
func (r Rate) Millionths() int64 { return r.millionths }

// String returns the percentage in its shortest form: "8.2%", "20%", "0%". ParseRate
// reads it back.
func (r Rate) String() string {
	return string(append(normalised(r.millionths, -ratePlaces).append(nil), '%'))
}

// Of returns the rate's share of the amount, rounded once, half away from zero, to the
// minor unit: 8.2 % of 102.50 is 8.41, and of -102.50 is -8.41. It is exact for every
// amount, and no share is larger than the amount.
func (r Rate) Of(a Amount) Amount {
	share, fits := mulDiv(a.minor, r.millionths, wholeRate)
	if !fits {
		panic("money: a rate above 100 percent")
	}
	a.minor = share
	return a
}

// Prorate returns amount * part / whole, in the currency of the amount, rounded once,
// half away from zero, to the minor unit: what remains of a commission when part of the
// whole sale is refunded. It is exact for all values. The part and the whole are of one
// currency, which need not be that of the amount. Errors: ErrMismatch when they are
// not, ErrZeroWhole when the whole is 0, ErrOverflow when the result does not fit,
// which takes a part larger than the whole.
func (a Amount) Prorate(part, whole Amount) (Amount, error) {
	switch {
	case part.currency != whole.currency:
		return Amount{}, mismatch(part, whole)
	case whole.minor == 0:
		return Amount{}, fail(ErrZeroWhole, "%s cannot be shared out over a whole of 0", a.described())
	}
	share, fits := mulDiv(a.minor, part.minor, whole.minor)
	if !fits {
		return Amount{}, fail(ErrOverflow, "%s times %s over %s does not fit 64 bits of minor units",
			a.described(), part, whole)
	}
	a.minor = share
	return a, nil
}

// mulDiv is value * numerator / denominator, rounded half away from zero, and whether
// that fits an int64. The product is held in 128 bits, so nothing is lost on the way.
// The denominator must not be 0.
func mulDiv(value, numerator, denominator int64) (result int64, fits bool) {
	negative := (value < 0) != (numerator < 0) != (denominator < 0)
	divisor := magnitude(denominator)
	high, low := bits.Mul64(magnitude(value), magnitude(numerator))
	if high >= divisor {
		return 0, false // The quotient has more than 64 bits; Div64 would panic.
	}
	quotient, remainder := bits.Div64(high, low, divisor)
	// Twice the remainder against the divisor, in a form that cannot overflow.
	if remainder >= divisor-remainder {
		if quotient == math.MaxUint64 {
			return 0, false
		}
		quotient++
	}
	switch {
	case !negative && quotient <= math.MaxInt64:
		return int64(quotient), true
	case negative && quotient <= -math.MinInt64:
		return -int64(quotient), true //nolint:gosec // bounded by the case; -2^63 keeps its bits
	}
	return 0, false
}
