// Package money counts money exactly: amounts are 64-bit integers of a currency's minor
// unit (cents, yen, fils), rates are integers of a millionth. There is no floating
// point anywhere in it, nothing is rounded but a computed share, and no operation
// overflows silently.
//
// The types are plain comparable values. Amount is an amount of a Currency, Decimal is
// a number that has no currency yet, as it comes from a JSON text, and Rate is a
// percentage.
//
// Rounding happens once, in Rate.Of and Amount.Prorate: half away from zero, to the
// minor unit.
package money

import (
	"cmp"
	"math"
	"strings"
)

// The bounds of the books, in minor units.
const (
	// MaxMinor is the largest amount that a client may give, and with a minus sign the
	// smallest. Decimal.In and Amount.As keep to it; New, Parse and the arithmetic do
	// not, because totals are amounts too.
	MaxMinor = 9_000_000_000_000_000

	// MaxBalance is the largest sum of amounts that the books may come to. It leaves
	// room below the end of int64, so that a sum that exceeds it is noticed before it
	// overflows.
	MaxBalance = 9_000_000_000_000_000_000
)

// Amount is an exact amount of money: a count of minor units and the currency. It is
// comparable with ==. The zero value is no amount at all, which differs from an amount
// of 0.
type Amount struct {
	minor    int64
	currency Currency
}

// New returns the amount of that many minor units: New(4900, USD) is 49.00 USD,
// New(4900, JPY) is 4900 JPY. New(0, "") is no amount. It panics on a currency that
// ParseCurrency would refuse, and on minor units without a currency.
func New(minor int64, c Currency) Amount {
	if c == "" && minor != 0 {
		panic("money: New with minor units and no currency")
	}
	c.Exponent() // panics on an unknown one, here rather than when the amount is shown
	return Amount{minor: minor, currency: c}
}

// Parse reads a number in the grammar of ParseDecimal, one space and a currency in any
// case: "49.00 USD", "49 usd". It reads everything that String writes, including
// amounts beyond MaxMinor. Errors: ErrSyntax, ErrCurrency, ErrTooPrecise, ErrTooLarge.
func Parse(text string) (Amount, error) {
	number, code, found := strings.Cut(text, " ")
	if !found {
		return Amount{}, fail(ErrSyntax,
			"%.64q is not an amount; write the number, a space and the currency, such as 49.00 USD", text)
	}
	d, err := ParseDecimal(number)
	if err != nil {
		return Amount{}, err
	}
	c, err := ParseCurrency(code)
	if err != nil {
		return Amount{}, err
	}
	return d.exactly(c)
}

// MustParse is Parse for texts that are written in the code. It panics on an error.
func MustParse(text string) Amount {
	a, err := Parse(text)
	if err != nil {
		panic("money: " + err.Error())
	}
	return a
}

// Minor returns the count of minor units: 4900 for 49.00 USD.
func (a Amount) Minor() int64 { return a.minor }

// Currency returns the amount's currency, "" for no amount.
func (a Amount) Currency() Currency { return a.currency }

// IsSet reports whether there is an amount, be it 0, more or less. Only the zero Amount
// is not set.
func (a Amount) IsSet() bool { return a.currency != "" }

// IsZero reports whether the amount is 0 minor units, with or without a currency. An
// encoder that leaves out values which are zero ("omitzero") therefore leaves out 0.00
// USD too.
func (a Amount) IsZero() bool { return a.minor == 0 }

// Sign returns -1, 0 or 1, for an amount below, at or above 0.
func (a Amount) Sign() int { return sign(a.minor) }

// Neg returns the amount with the opposite sign. It panics on the smallest int64, which
// has no opposite; no amount within MaxBalance comes near it.
func (a Amount) Neg() Amount {
	if a.minor == math.MinInt64 {
		panic("money: Neg of the smallest amount")
	}
	a.minor = -a.minor
	return a
}

// Add returns a + b. Errors: ErrMismatch for different currencies, even if only one of
// the two is set; ErrOverflow.
func (a Amount) Add(b Amount) (Amount, error) {
	if a.currency != b.currency {
		return Amount{}, mismatch(a, b)
	}
	sum := a.minor + b.minor
	// The sum wrapped if it went down while adding something above 0, or did not go
	// down while adding something below 0.
	if (sum < a.minor) != (b.minor < 0) {
		return Amount{}, overflow("the sum of", a, b)
	}
	return Amount{minor: sum, currency: a.currency}, nil
}

// Sub returns a - b. Errors as for Add.
func (a Amount) Sub(b Amount) (Amount, error) {
	if a.currency != b.currency {
		return Amount{}, mismatch(a, b)
	}
	difference := a.minor - b.minor
	if (difference > a.minor) != (b.minor < 0) {
		return Amount{}, overflow("the difference of", a, b)
	}
	return Amount{minor: difference, currency: a.currency}, nil
}

// Cmp returns -1, 0 or 1, for an amount below, equal to or above b. Errors: ErrMismatch
// for different currencies; use == to ask whether two amounts are the same in number
// and currency.
func (a Amount) Cmp(b Amount) (int, error) {
	if a.currency != b.currency {
		return 0, mismatch(a, b)
	}
	return cmp.Compare(a.minor, b.minor), nil
}

// As returns the same decimal number in another currency, as when a record's currency
// is corrected: 12.50 USD becomes 12.500 KWD. It converts at no exchange rate. Errors
// as for Decimal.In: 12.50 USD in JPY is ErrTooPrecise. No amount is ErrCurrency.
func (a Amount) As(c Currency) (Amount, error) {
	if !a.IsSet() {
		return Amount{}, fail(ErrCurrency, "there is no amount to put into another currency")
	}
	return a.number().In(c)
}

// String returns the amount with its currency's decimals and its code, "49.00 USD", and
// "" for no amount. Parse reads it back.
func (a Amount) String() string {
	text, _ := a.AppendText(nil)
	return string(text)
}

// Decimal returns the number with exactly the currency's decimals: "50.00", "-0.05",
// "5000" for JPY. It is "0" for no amount.
func (a Amount) Decimal() string { return string(a.AppendDecimal(nil)) }

// Number returns the number in the shortest form that JSON has for it: "12.5", "250",
// "0". It is "0" for no amount.
func (a Amount) Number() string { return string(a.AppendNumber(nil)) }

// AppendDecimal appends what Decimal returns to dst. It allocates only if dst has no
// room; 32 bytes always suffice.
func (a Amount) AppendDecimal(dst []byte) []byte {
	return appendPlaces(dst, a.minor, a.currency.Exponent())
}

// AppendNumber appends what Number returns to dst. It allocates only if dst has no
// room; 32 bytes always suffice.
func (a Amount) AppendNumber(dst []byte) []byte { return a.number().append(dst) }

// AppendText appends what String returns to dst. The error is always nil;
// encoding.TextAppender requires it.
func (a Amount) AppendText(dst []byte) ([]byte, error) {
	if !a.IsSet() {
		return dst, nil
	}
	dst = append(a.AppendDecimal(dst), ' ')
	return append(dst, a.currency...), nil
}

// MarshalText returns what String returns, so that JSON shows an amount as "49.00 USD"
// and no amount as "". The error is always nil. Where an API shows a bare number,
// Number and Decimal are the right text.
func (a Amount) MarshalText() ([]byte, error) { return a.AppendText(nil) }

// UnmarshalText reads what Parse reads, and the empty text as no amount. The errors are
// those of Parse, and leave the amount as it was.
func (a *Amount) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*a = Amount{}
		return nil
	}
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*a = parsed
	return nil
}

// described is the amount for an error's message.
func (a Amount) described() string {
	if !a.IsSet() {
		return "no amount"
	}
	return a.String()
}

// number is the amount without its currency.
func (a Amount) number() Decimal { return normalised(a.minor, -a.currency.Exponent()) }

// sign is -1, 0 or 1.
func sign(value int64) int { return cmp.Compare(value, 0) }

// magnitude is the absolute value, for the smallest int64 too.
func magnitude(value int64) uint64 {
	if value < 0 {
		// The conversion keeps the bits, and the negation of unsigned bits is exact.
		return -uint64(value) //nolint:gosec // only the bits matter
	}
	return uint64(value)
}
