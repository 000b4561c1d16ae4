package money_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/money"
)

// FuzzParseDecimal checks the reading of numbers against math/big, and that exactly
// JSON's grammar is read.
func FuzzParseDecimal(f *testing.F) {
	for _, text := range []string{
		"0", "-0", "0.1", "1e2", "250.000000", "0.1e1", "12.500", "0e500", "1e999999999", "-1e-18", "1.005", "2.675",
		"9223372036854775807", "-9223372036854775808", "9223372036854775808", "-9.223372036854775808",
		"01", "+1", ".5", "5.", "1e",
	} {
		f.Add(text)
	}
	grammar := regexp.MustCompile(`\A-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\z`)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := money.ParseDecimal(text)
		isNumber := grammar.MatchString(text)
		if len(text) <= 64 && isNumber == errors.Is(err, money.ErrSyntax) {
			t.Fatalf("%q: a number is %t, but the error is %v", text, isNumber, err)
		}
		if err != nil && d != (money.Decimal{}) {
			t.Fatalf("%q: %s alongside the error %v", text, d, err)
		}
		// big.Rat would compute what this package refuses to: keep to exponents that
		// are harmless.
		want, bounded := boundedRat(text, isNumber)
		if !bounded {
			return
		}
		if err != nil {
			if representable(want) {
				t.Fatalf("%q is refused with %v, but fits", text, err)
			}
			return
		}
		got, ok := new(big.Rat).SetString(d.String())
		if !ok || got.Cmp(want) != 0 {
			t.Fatalf("%q is read as %s, want %s", text, d, want)
		}
		if d.Sign() != want.Sign() {
			t.Fatalf("%q has sign %d, want %d", text, d.Sign(), want.Sign())
		}
		if again, err := money.ParseDecimal(d.String()); err != nil || again != d {
			t.Fatalf("%s reads back as %s, %v", d, again, err)
		}
		checkIn(t, d, want)
	})
}

// boundedRat returns the number as big.Rat reads it, if its text is short and its
// exponent small.
func boundedRat(text string, isNumber bool) (value *big.Rat, ok bool) {
	if !isNumber || len(text) > 64 {
		return nil, false
	}
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if exponent, err := strconv.Atoi(text[i+1:]); err != nil || exponent < -200 || exponent > 200 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(text)
}

// representable reports whether a number is an int64 of some decimal place from 10^-18
// up, and below 10^19.
func representable(value *big.Rat) bool {
	limit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(19), nil))
	if new(big.Rat).Abs(value).Cmp(limit) >= 0 {
		return false
	}
	scaled := new(big.Rat).Set(value)
	for range 19 {
		if scaled.IsInt() {
			// The shortest coefficient: a number that ends in zeros fits once they are
			// removed.
			coefficient := new(big.Int).Set(scaled.Num())
			ten := big.NewInt(10)
			for coefficient.Sign() != 0 {
				quotient, remainder := new(big.Int).QuoRem(coefficient, ten, new(big.Int))
				if remainder.Sign() != 0 {
					break
				}
				coefficient = quotient
			}
			return coefficient.IsInt64()
		}
		scaled.Mul(scaled, big.NewRat(10, 1))
	}
	return false
}

// checkIn checks Decimal.In for a currency of each exponent.
func checkIn(t *testing.T, d money.Decimal, number *big.Rat) {
	t.Helper()
	for _, c := range []money.Currency{"JPY", "USD", "KWD", "CLF"} {
		unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(c.Exponent())), nil)
		minor := new(big.Rat).Mul(number, new(big.Rat).SetInt(unit))
		a, err := d.In(c)
		switch {
		case !minor.IsInt():
			if !errors.Is(err, money.ErrTooPrecise) {
				t.Fatalf("%s in %s: %s, %v; want ErrTooPrecise", d, c, a, err)
			}
		case new(big.Int).Abs(minor.Num()).Cmp(big.NewInt(money.MaxMinor)) > 0:
			if !errors.Is(err, money.ErrTooLarge) {
				t.Fatalf("%s in %s: %s, %v; want ErrTooLarge", d, c, a, err)
			}
		case err != nil || a.Minor() != minor.Num().Int64() || a.Currency() != c:
			t.Fatalf("%s in %s: %s, %v; want %s minor units", d, c, a, err, minor.Num())
		}
	}
}

// FuzzRateOf checks rates and shares of all of int64 against math/big.
func FuzzRateOf(f *testing.F) {
	f.Add(int64(10250), int64(82_000), int64(1))
	f.Add(int64(-10250), int64(82_000), int64(3))
	f.Add(int64(math.MaxInt64), int64(999_999), int64(math.MinInt64))
	f.Add(int64(math.MinInt64), int64(500_000), int64(-1))
	f.Add(int64(1), int64(500_000), int64(2))
	f.Fuzz(func(t *testing.T, minor, part, whole int64) {
		a := money.New(minor, money.USD)
		if r, err := money.RateFromMillionths(part); err == nil {
			if got, want := r.Of(a), roundedShare(minor, part, 1_000_000); want.Cmp(big.NewInt(got.Minor())) != 0 {
				t.Fatalf("%s of %s is %s, want %s cents", r, a, got, want)
			}
		}
		if whole == 0 {
			return
		}
		got, err := a.Prorate(money.New(part, money.JPY), money.New(whole, money.JPY))
		want := roundedShare(minor, part, whole)
		if want.IsInt64() != (err == nil) || err == nil && got.Minor() != want.Int64() {
			t.Fatalf("%s * %d / %d = %s, %v; want %s cents", a, part, whole, got, err, want)
		}
	})
}

// roundedShare is value * part / whole, rounded half away from zero: the magnitude plus
// a half, rounded down.
func roundedShare(value, part, whole int64) *big.Int {
	share := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(value), big.NewInt(part)), big.NewInt(whole))
	above := new(big.Rat).Add(new(big.Rat).Abs(share), big.NewRat(1, 2))
	rounded := new(big.Int).Quo(above.Num(), above.Denom())
	if share.Sign() < 0 {
		rounded.Neg(rounded)
	}
	return rounded
}

// FuzzParse checks that no text crashes the parsers, and that whatever is read is
// written and read back the same.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"49.00 USD", "-0.05 eur", "5000 JPY", "8.2 %", "-9223372036854775808 JPY", "49.00", "1 XAU", "KWD",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := money.Parse(text); err == nil {
			if again, err := money.Parse(a.String()); err != nil || again != a {
				t.Fatalf("%q: %s reads back as %s, %v", text, a, again, err)
			}
			if !json.Valid(a.AppendNumber(nil)) || !json.Valid(a.AppendDecimal(nil)) {
				t.Fatalf("%q: %s or %s is not a JSON number", text, a.Number(), a.Decimal())
			}
			for _, number := range []string{a.Number(), a.Decimal()} {
				if again, err := money.Parse(number + " " + a.Currency().String()); err != nil || again != a {
					t.Fatalf("%q: %s reads back as %s, %v", text, number, again, err)
				}
			}
		}
		if r, err := money.ParseRate(text); err == nil {
			if again, err := money.ParseRate(r.String()); err != nil || again != r {
				t.Fatalf("%q: %s reads back as %s, %v", text, r, again, err)
			}
		}
		if c, err := money.ParseCurrency(text); err == nil && c.String() != strings.ToUpper(text) {
			t.Fatalf("%q is read as %s", text, c)
		}
	})
}
