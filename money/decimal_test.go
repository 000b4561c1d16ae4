package money_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/money"
)

func TestParseDecimal(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"0", "0"},
		{"-0", "0"},
		{"0.000", "0"},
		{"0e500", "0"},
		{"-0.0E-999999999", "0"},
		{"0.1", "0.1"},
		{"0.1e1", "1"},
		{"1e2", "100"},
		{"1E+2", "100"},
		{"1e-2", "0.01"},
		{"1e0", "1"},
		{"1e007", "10000000"},
		{"250.00", "250"},
		{"250.000000", "250"},
		{"12.500", "12.5"},
		{"-3", "-3"},
		{"-0.05", "-0.05"},
		{"1002003.040500", "1002003.0405"},
		{"100e-2", "1"},
		{"2.675", "2.675"},
		{"0." + strings.Repeat("0", 40) + "1e41", "1"},
		{"1" + strings.Repeat("0", 40) + "e-40", "1"},
		{"1e18", "1000000000000000000"},
		{"1e-18", "0.000000000000000001"},
		{"9223372036854775807", "9223372036854775807"},
		{"-9223372036854775808", "-9223372036854775808"},
		{"-9.223372036854775808", "-9.223372036854775808"},
		{"1." + strings.Repeat("0", 62), "1"},
	}
	for _, test := range tests {
		got, err := money.ParseDecimal(test.text)
		if err != nil || got.String() != test.want {
			t.Errorf("ParseDecimal(%q) = %s, %v; want %s", test.text, got, err, test.want)
			continue
		}
		again, err := money.ParseDecimal(test.want)
		if err != nil || again != got {
			t.Errorf("%q and %q are the same number and should be the same value", test.text, test.want)
		}
	}
}

func TestParseDecimalRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want error
	}{
		{"", money.ErrSyntax},
		{"-", money.ErrSyntax},
		{"+1", money.ErrSyntax},
		{"--1", money.ErrSyntax},
		{"01", money.ErrSyntax},
		{"-01", money.ErrSyntax},
		{"00", money.ErrSyntax},
		{".5", money.ErrSyntax},
		{"5.", money.ErrSyntax},
		{"5.e1", money.ErrSyntax},
		{"1e", money.ErrSyntax},
		{"1e+", money.ErrSyntax},
		{"1e1.5", money.ErrSyntax},
		{"1.2.3", money.ErrSyntax},
		{"1,5", money.ErrSyntax},
		{"1_000", money.ErrSyntax},
		{" 1", money.ErrSyntax},
		{"1 ", money.ErrSyntax},
		{"0x10", money.ErrSyntax},
		{"NaN", money.ErrSyntax},
		{"Infinity", money.ErrSyntax},
		{"null", money.ErrSyntax},
		{"١", money.ErrSyntax},
		{"1\x00", money.ErrSyntax},
		{"1e19", money.ErrTooLarge},
		{"1e999999999", money.ErrTooLarge},
		{"-1e99999999999999999999999999", money.ErrTooLarge},
		{"9223372036854775808", money.ErrTooLarge},
		{"-9223372036854775809", money.ErrTooLarge},
		{"9999999999999999999.5", money.ErrTooLarge},
		{"99999999999999999999", money.ErrTooLarge},
		{"1e-19", money.ErrTooPrecise},
		{"1e-999999999", money.ErrTooPrecise},
		{"0.1234567890123456789", money.ErrTooPrecise},
		{"12.34567890123456789012", money.ErrTooPrecise},
		{"9.223372036854775808", money.ErrTooPrecise},
		{"1." + strings.Repeat("0", 63), money.ErrTooLarge},
	}
	for _, test := range tests {
		got, err := money.ParseDecimal(test.text)
		if !errors.Is(err, test.want) || got != (money.Decimal{}) {
			t.Errorf("ParseDecimal(%q) = %s, %v; want %v", test.text, got, err, test.want)
		}
	}
}

// TestParseDecimalHostile: what a stranger sends costs nothing, and is not returned at
// full length in the message.
func TestParseDecimalHostile(t *testing.T) {
	t.Parallel()
	texts := []string{
		strings.Repeat("9", 1_000_000),
		"0." + strings.Repeat("1", 1_000_000),
		"1e" + strings.Repeat("9", 1_000_000),
		"1e-" + strings.Repeat("9", 50),
		strings.Repeat("x", 1_000_000),
	}
	for _, text := range texts {
		start := time.Now()
		_, err := money.ParseDecimal(text)
		if took := time.Since(start); took > time.Minute { // it is microseconds, but the machine may be busy
			t.Errorf("%.10s...: took %v", text, took)
		}
		if err == nil || len(err.Error()) > 200 {
			t.Errorf("%.10s...: message %.250v", text, err)
		}
	}
}

func TestDecimalIn(t *testing.T) {
	t.Parallel()
	tests := []struct {
		number   string
		currency money.Currency
		want     string
	}{
		{"0.1", "USD", "0.10 USD"},
		{"1e2", "USD", "100.00 USD"},
		{"250.00", "USD", "250.00 USD"},
		{"12.500", "USD", "12.50 USD"},
		{"-3", "USD", "-3.00 USD"},
		{"0", "JPY", "0 JPY"},
		{"5000", "JPY", "5000 JPY"},
		{"5000.0", "JPY", "5000 JPY"},
		{"12.345", "KWD", "12.345 KWD"},
		{"0.0001", "CLF", "0.0001 CLF"},
		{"90000000000000", "USD", "90000000000000.00 USD"},
		{"-90000000000000", "USD", "-90000000000000.00 USD"},
		{"9e15", "JPY", "9000000000000000 JPY"},
		{"9000000000000", "KWD", "9000000000000.000 KWD"},
	}
	for _, test := range tests {
		got, err := decimal(t, test.number).In(test.currency)
		if err != nil || got.String() != test.want {
			t.Errorf("%s in %s = %s, %v; want %s", test.number, test.currency, got, err, test.want)
		}
	}
}

func TestDecimalInRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		number   string
		currency money.Currency
		want     error
		message  string
	}{
		{"12.345", "USD", money.ErrTooPrecise, "12.345 has 3 decimals; USD has 2"},
		{"2.675", "USD", money.ErrTooPrecise, "2.675 has 3 decimals; USD has 2"},
		{"-1.0050", "USD", money.ErrTooPrecise, "-1.005 has 3 decimals; USD has 2"},
		{"0.5", "JPY", money.ErrTooPrecise, "0.5 has 1 decimal; JPY has 0"},
		{"8.3255", "KWD", money.ErrTooPrecise, "8.3255 has 4 decimals; KWD has 3"},
		{"90000000000000.01", "USD", money.ErrTooLarge,
			"90000000000000.01 USD is too large; the largest amount is 90000000000000.00 USD"},
		{"-90000000000000.01", "USD", money.ErrTooLarge,
			"-90000000000000.01 USD is too large; the largest amount is 90000000000000.00 USD"},
		{"9000000000000001", "JPY", money.ErrTooLarge,
			"9000000000000001 JPY is too large; the largest amount is 9000000000000000 JPY"},
		{"1e18", "UYW", money.ErrTooLarge,
			"1000000000000000000 UYW is too large; the largest amount is 900000000000.0000 UYW"},
		{"9223372036854775807", "USD", money.ErrTooLarge, ""},
		{"-9223372036854775808", "USD", money.ErrTooLarge, ""},
		{"1", "", money.ErrCurrency, "1 has no currency; give one such as USD"},
		{"1", "usd", money.ErrCurrency, `"usd" is not a currency; use one such as USD`},
	}
	for _, test := range tests {
		got, err := decimal(t, test.number).In(test.currency)
		if !errors.Is(err, test.want) || got != (money.Amount{}) {
			t.Errorf("%s in %s = %s, %v; want %v", test.number, test.currency, got, err, test.want)
			continue
		}
		if test.message != "" && err.Error() != test.message {
			t.Errorf("%s in %s says %q, want %q", test.number, test.currency, err, test.message)
		}
	}
}

func TestDecimalSign(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"-0.001": -1, "-1e9": -1, "0": 0, "-0": 0, "0.001": 1, "7": 1} {
		if got := decimal(t, text).Sign(); got != want {
			t.Errorf("the sign of %s is %d, want %d", text, got, want)
		}
	}
}

// decimal parses a number that the test knows to be good.
func decimal(t *testing.T, text string) money.Decimal {
	t.Helper()
	d, err := money.ParseDecimal(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
