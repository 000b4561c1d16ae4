package money

import (
	"math"
	"strconv"
)

// Decimal is an exact decimal number without a currency, as it stands in a JSON text.
// It is comparable: equal numbers are equal values, however they were written (250,
// 250.00 and 2.5e2). The zero value is 0.
type Decimal struct {
	// The number is coefficient * 10^exponent, where the coefficient does not end in 0,
	// and both are 0 for 0.
	coefficient int64
	exponent    int
}

// Bounds on a number's text. They are checked before any arithmetic, so that a literal
// such as 1e999999999, or a million digits, costs nothing.
const (
	// maxLiteral is in bytes. It leaves room for zeros after every number that fits.
	maxLiteral = 64
	// maxWhole and maxFraction are in digits, before and after the point. Any int64 of
	// minor units fits between them.
	maxWhole    = 19
	maxFraction = 18
)

// ParseDecimal reads a number in exactly the grammar of JSON (RFC 8259, section 6): no
// leading + or zeros, digits on both sides of a point, optionally an exponent. Trailing
// zeros do not count as decimals: 12.500 is 12.5.
//
// Errors: ErrSyntax; ErrTooLarge for a text beyond 64 characters, or a number that is
// beyond 64 bits of minor units in every currency; ErrTooPrecise for one with so many
// decimals that it fits neither 64 bits nor any currency.
func ParseDecimal(text string) (Decimal, error) {
	if len(text) > maxLiteral {
		return Decimal{}, fail(ErrTooLarge, "a number of %d characters is too long; write at most %d", len(text), maxLiteral)
	}
	number, ok := scanLiteral(text)
	if !ok {
		return Decimal{}, fail(ErrSyntax, "%q is not a number; write digits and a point only, such as 12.5", text)
	}
	return number.decimal(text)
}

// literal is the parts of a number's text. The exponent is capped at maxExponent on
// both sides.
type literal struct {
	negative        bool
	whole, fraction string
	exponent        int
}

// maxExponent is beyond what the digits of a literal can make up for, so nothing above
// it needs to be told apart.
const maxExponent = 1000

// scanLiteral splits a text into its parts, or reports that it is not a number of JSON.
func scanLiteral(text string) (l literal, ok bool) {
	rest := text
	if rest != "" && rest[0] == '-' {
		l.negative, rest = true, rest[1:]
	}
	l.whole, rest = leadingDigits(rest)
	if l.whole == "" || len(l.whole) > 1 && l.whole[0] == '0' {
		return literal{}, false
	}
	if rest != "" && rest[0] == '.' {
		l.fraction, rest = leadingDigits(rest[1:])
		if l.fraction == "" {
			return literal{}, false
		}
	}
	if rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		sign := 1
		if rest != "" && (rest[0] == '+' || rest[0] == '-') {
			if rest[0] == '-' {
				sign = -1
			}
			rest = rest[1:]
		}
		var digits string
		digits, rest = leadingDigits(rest)
		if digits == "" {
			return literal{}, false
		}
		for i := range len(digits) {
			l.exponent = min(l.exponent*10+int(digits[i]-'0'), maxExponent)
		}
		l.exponent *= sign
	}
	return l, rest == ""
}

// leadingDigits cuts the ASCII digits off the front of a text.
func leadingDigits(text string) (digits, rest string) {
	i := 0
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	return text[:i], text[i:]
}

// decimal is the number of the literal; text is how it was written, for the errors.
func (l literal) decimal(text string) (Decimal, error) {
	limit := uint64(math.MaxInt64)
	if l.negative {
		limit++
	}
	var (
		coefficient uint64
		significant int // digits from the first to the last that is not 0
		zeros       int // seen since the last digit that is not 0; they count once another follows
		fits        = true
	)
	for _, part := range [...]string{l.whole, l.fraction} {
		for i := range len(part) {
			if part[i] == '0' {
				zeros++
				continue
			}
			if significant > 0 {
				significant += zeros
				for ; zeros > 0 && fits; zeros-- {
					coefficient, fits = pushDigit(coefficient, 0, limit)
				}
			}
			zeros = 0
			significant++
			if fits {
				coefficient, fits = pushDigit(coefficient, uint64(part[i]-'0'), limit)
			}
		}
	}
	if significant == 0 {
		return Decimal{}, nil
	}

	exponent := l.exponent - len(l.fraction) + zeros
	wholeDigits := significant + exponent
	switch {
	case wholeDigits > maxWhole, !fits && exponent >= -maxPlaces:
		return Decimal{}, fail(ErrTooLarge, "%s is too large; the largest amount has %d minor units", text, int64(MaxMinor))
	case exponent < -maxFraction, !fits:
		return Decimal{}, fail(ErrTooPrecise,
			"%s has more decimals than any currency; %d is the most that one has", text, maxPlaces)
	}
	if l.negative {
		// The conversion wraps for the magnitude of the smallest int64 and yields
		// exactly that number.
		return Decimal{coefficient: -int64(coefficient), exponent: exponent}, nil
	}
	return Decimal{coefficient: int64(coefficient), exponent: exponent}, nil
}

// pushDigit appends a digit to the coefficient, or, beyond the limit, leaves the
// coefficient as it was and reports false.
func pushDigit(coefficient, digit, limit uint64) (uint64, bool) {
	if coefficient > (limit-digit)/10 {
		return coefficient, false
	}
	return coefficient*10 + digit, true
}

// normalised is the Decimal coefficient * 10^exponent, for a coefficient that may end
// in zeros.
func normalised(coefficient int64, exponent int) Decimal {
	if coefficient == 0 {
		return Decimal{}
	}
	for coefficient%10 == 0 {
		coefficient /= 10
		exponent++
	}
	return Decimal{coefficient: coefficient, exponent: exponent}
}

// In returns the number as an amount of the currency. It never rounds. Errors:
// ErrTooPrecise for more decimals than the currency has, ErrTooLarge beyond MaxMinor
// minor units on either side of 0, ErrCurrency for none or an unknown one.
func (d Decimal) In(c Currency) (Amount, error) {
	a, err := d.exactly(c)
	if err != nil {
		return Amount{}, err
	}
	if a.minor > MaxMinor || a.minor < -MaxMinor {
		return Amount{}, tooLarge(d, c)
	}
	return a, nil
}

// exactly is In for all of int64, as balances need.
func (d Decimal) exactly(c Currency) (Amount, error) {
	places, listed := c.minorUnits()
	switch {
	case c == "":
		return Amount{}, fail(ErrCurrency, "%s has no currency; give one such as USD", d)
	case !listed:
		return Amount{}, fail(ErrCurrency, "%.16q is not a currency; use one such as USD", string(c))
	case d.places() > places:
		return Amount{}, tooPrecise(d, c, places)
	}
	minor, fits := d.scaled(places)
	if !fits {
		return Amount{}, tooLarge(d, c)
	}
	return Amount{minor: minor, currency: c}, nil
}

// tooLarge is the error for a number beyond MaxMinor in the currency.
func tooLarge(d Decimal, c Currency) error {
	largest := Amount{minor: MaxMinor, currency: c}
	return fail(ErrTooLarge, "%s %s is too large; the largest amount is %s", d, c, largest)
}

// places is the number of decimals that the number needs.
func (d Decimal) places() int { return max(0, -d.exponent) }

// scaled is the number times 10^places, which must be at least the number's own places,
// and whether it fits an int64.
func (d Decimal) scaled(places int) (value int64, fits bool) {
	value = d.coefficient
	for range d.exponent + places {
		if value > math.MaxInt64/10 || value < math.MinInt64/10 {
			return 0, false
		}
		value *= 10
	}
	return value, true
}

// Sign returns -1, 0 or 1, for a number below, at or above 0.
func (d Decimal) Sign() int { return sign(d.coefficient) }

// String returns the number in its shortest form without an exponent: "0.1", "100",
// "-3".
func (d Decimal) String() string { return string(d.append(nil)) }

// append appends the String to dst.
func (d Decimal) append(dst []byte) []byte {
	dst = appendPlaces(dst, d.coefficient, d.places())
	for range d.exponent {
		dst = append(dst, '0')
	}
	return dst
}

// appendPlaces appends value / 10^places to dst, with exactly that many decimals.
func appendPlaces(dst []byte, value int64, places int) []byte {
	if value < 0 {
		dst = append(dst, '-')
	}
	var buffer [20]byte
	digits := strconv.AppendUint(buffer[:0], magnitude(value), 10)
	if places == 0 {
		return append(dst, digits...)
	}
	whole := len(digits) - places
	if whole > 0 {
		dst = append(dst, digits[:whole]...)
		digits = digits[whole:]
	} else {
		dst = append(dst, '0')
	}
	dst = append(dst, '.')
	for ; whole < 0; whole++ {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}
