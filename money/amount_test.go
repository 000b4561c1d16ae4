package money_test

import (
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/refgrow-go/refgrow/money"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text     string
		minor    int64
		currency money.Currency
	}{
		{"49.00 USD", 4900, "USD"},
		{"49 usd", 4900, "USD"},
		{"49.000000 USD", 4900, "USD"},
		{"4.9e1 USD", 4900, "USD"},
		{"-0.05 EUR", -5, "EUR"},
		{"-0.00 EUR", 0, "EUR"},
		{"5000 JPY", 5000, "JPY"},
		{"1.234 KWD", 1234, "KWD"},
		{"0.0001 UYW", 1, "UYW"},
		{"92233720368547758.07 USD", math.MaxInt64, "USD"},
		{"-92233720368547758.08 USD", math.MinInt64, "USD"},
		{"-9223372036854775808 JPY", math.MinInt64, "JPY"},
		{"-922337203685477.5808 CLF", math.MinInt64, "CLF"},
	}
	for _, test := range tests {
		got, err := money.Parse(test.text)
		if err != nil || got != money.New(test.minor, test.currency) {
			t.Errorf("Parse(%q) = %s, %v; want %d minor units", test.text, got, err, test.minor)
			continue
		}
		if got.Minor() != test.minor || got.Currency() != test.currency || !got.IsSet() {
			t.Errorf("Parse(%q) has %d minor units of %q", test.text, got.Minor(), got.Currency())
		}
		if again, err := money.Parse(got.String()); err != nil || again != got {
			t.Errorf("%s reads back as %s, %v", got, again, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want error
	}{
		{"", money.ErrSyntax},
		{"49.00", money.ErrSyntax},
		{"49.00USD", money.ErrSyntax},
		{"USD 49.00", money.ErrSyntax},
		{" 49.00 USD", money.ErrSyntax},
		{"$49 USD", money.ErrSyntax},
		{"49,00 USD", money.ErrSyntax},
		{"49.00  USD", money.ErrCurrency},
		{"49.00 USD ", money.ErrCurrency},
		{"49.00 XAU", money.ErrCurrency},
		{"49.00 ", money.ErrCurrency},
		{"49.001 USD", money.ErrTooPrecise},
		{"0.1 JPY", money.ErrTooPrecise},
		{"92233720368547758.08 USD", money.ErrTooLarge},
		{"-92233720368547758.09 USD", money.ErrTooLarge},
		{"1e999999999 USD", money.ErrTooLarge},
	}
	for _, test := range tests {
		if got, err := money.Parse(test.text); !errors.Is(err, test.want) || got.IsSet() {
			t.Errorf("Parse(%q) = %s, %v; want %v", test.text, got, err, test.want)
		}
	}
}

func TestAmountTexts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		amount                money.Amount
		text, decimal, number string
	}{
		{money.Amount{}, "", "0", "0"},
		{money.New(0, "USD"), "0.00 USD", "0.00", "0"},
		{money.New(0, "JPY"), "0 JPY", "0", "0"},
		{money.New(1, "USD"), "0.01 USD", "0.01", "0.01"},
		{money.New(10, "USD"), "0.10 USD", "0.10", "0.1"},
		{money.New(100, "USD"), "1.00 USD", "1.00", "1"},
		{money.New(-5, "USD"), "-0.05 USD", "-0.05", "-0.05"},
		{money.New(-50, "USD"), "-0.50 USD", "-0.50", "-0.5"},
		{money.New(5000, "USD"), "50.00 USD", "50.00", "50"},
		{money.New(1250, "USD"), "12.50 USD", "12.50", "12.5"},
		{money.New(25000, "USD"), "250.00 USD", "250.00", "250"},
		{money.New(5000, "JPY"), "5000 JPY", "5000", "5000"},
		{money.New(1, "KWD"), "0.001 KWD", "0.001", "0.001"},
		{money.New(12345, "KWD"), "12.345 KWD", "12.345", "12.345"},
		{money.New(-7, "CLF"), "-0.0007 CLF", "-0.0007", "-0.0007"},
		{money.New(money.MaxMinor, "USD"), "90000000000000.00 USD", "90000000000000.00", "90000000000000"},
		{money.New(money.MaxBalance, "JPY"), "9000000000000000000 JPY", "9000000000000000000", "9000000000000000000"},
		{money.New(math.MaxInt64, "USD"), "92233720368547758.07 USD", "92233720368547758.07", "92233720368547758.07"},
		{money.New(math.MinInt64, "CLF"), "-922337203685477.5808 CLF", "-922337203685477.5808", "-922337203685477.5808"},
	}
	for _, test := range tests {
		if got := test.amount.String(); got != test.text {
			t.Errorf("String() = %q, want %q", got, test.text)
		}
		if got := test.amount.Decimal(); got != test.decimal {
			t.Errorf("Decimal() = %q, want %q", got, test.decimal)
		}
		if got := test.amount.Number(); got != test.number {
			t.Errorf("Number() = %q, want %q", got, test.number)
		}
		if got := string(test.amount.AppendDecimal([]byte("x"))); got != "x"+test.decimal {
			t.Errorf("AppendDecimal: %q", got)
		}
		if got := string(test.amount.AppendNumber([]byte("x"))); got != "x"+test.number {
			t.Errorf("AppendNumber: %q", got)
		}
	}
}

func TestAmountJSON(t *testing.T) {
	t.Parallel()
	type record struct{ Value, Base money.Amount }
	in := record{Value: money.New(980, "USD")}
	text, err := json.Marshal(in)
	if err != nil || string(text) != `{"Value":"9.80 USD","Base":""}` {
		t.Fatalf("encoded %s, %v", text, err)
	}
	out := record{Base: money.New(1, "EUR")}
	if err := json.Unmarshal(text, &out); err != nil || out != in {
		t.Errorf("decoded %+v, %v; want %+v", out, err, in)
	}
	if err := json.Unmarshal([]byte(`{"Value":"9.801 USD"}`), &out); !errors.Is(err, money.ErrTooPrecise) || out != in {
		t.Errorf("refused with %v and left %+v", err, out)
	}
}

func TestAmountSigns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		amount     money.Amount
		sign       int
		zero, set  bool
		opposite   string
		comparable money.Amount
	}{
		{money.Amount{}, 0, true, false, "", money.Amount{}},
		{money.New(0, "USD"), 0, true, true, "0.00 USD", money.MustParse("0 USD")},
		{money.New(5, "USD"), 1, false, true, "-0.05 USD", money.MustParse("0.05 USD")},
		{money.New(-5, "USD"), -1, false, true, "0.05 USD", money.MustParse("-5e-2 USD")},
	}
	for _, test := range tests {
		a := test.amount
		if a.Sign() != test.sign || a.IsZero() != test.zero || a.IsSet() != test.set || a.Neg().String() != test.opposite {
			t.Errorf("%v: sign %d, zero %t, set %t, opposite %v", a, a.Sign(), a.IsZero(), a.IsSet(), a.Neg())
		}
		if a != test.comparable {
			t.Errorf("%v and %v should be equal", a, test.comparable)
		}
	}
	if money.New(0, "USD") == money.New(0, "EUR") || money.New(0, "USD") == (money.Amount{}) {
		t.Error("amounts of 0 in different currencies, or in none, should differ")
	}
	if !panics(func() { money.New(math.MinInt64, "USD").Neg() }) {
		t.Error("the opposite of the smallest int64 should panic, not overflow")
	}
	if !panics(func() { money.New(1, "") }) || !panics(func() { money.New(1, "XAU") }) ||
		!panics(func() { money.MustParse("1") }) {
		t.Error("New without a known currency, and MustParse of nonsense, should panic")
	}
}

func TestAmountArithmetic(t *testing.T) {
	t.Parallel()
	const most, least = math.MaxInt64, math.MinInt64
	tests := []struct {
		a, b            int64
		sum, difference int64
		sumErr, diffErr error
		order           int
	}{
		{4900, 100, 5000, 4800, nil, nil, 1},
		{100, 4900, 5000, -4800, nil, nil, -1},
		{-5, -5, -10, 0, nil, nil, 0},
		{0, 0, 0, 0, nil, nil, 0},
		{most, 0, most, most, nil, nil, 1},
		{most, 1, 0, most - 1, money.ErrOverflow, nil, 1},
		{most, -1, most - 1, 0, nil, money.ErrOverflow, 1},
		{most, most, 0, 0, money.ErrOverflow, nil, 0},
		{most, least, -1, 0, nil, money.ErrOverflow, 1},
		{least, 0, least, least, nil, nil, -1},
		{least, 1, least + 1, 0, nil, money.ErrOverflow, -1},
		{least, -1, 0, least + 1, money.ErrOverflow, nil, -1},
		{least, least, 0, 0, money.ErrOverflow, nil, 0},
		{0, least, least, 0, nil, money.ErrOverflow, 1},
		{-1, least, 0, most, money.ErrOverflow, nil, 1},
		{money.MaxBalance, money.MaxMinor, money.MaxBalance + money.MaxMinor, money.MaxBalance - money.MaxMinor, nil, nil, 1},
	}
	for _, test := range tests {
		a, b := money.New(test.a, "USD"), money.New(test.b, "USD")
		if got, err := a.Add(b); !errors.Is(err, test.sumErr) || err == nil && got.Minor() != test.sum {
			t.Errorf("%s + %s = %s, %v; want %d, %v", a, b, got, err, test.sum, test.sumErr)
		}
		if got, err := a.Sub(b); !errors.Is(err, test.diffErr) || err == nil && got.Minor() != test.difference {
			t.Errorf("%s - %s = %s, %v; want %d, %v", a, b, got, err, test.difference, test.diffErr)
		}
		if got, err := a.Cmp(b); err != nil || got != test.order {
			t.Errorf("%s against %s = %d, %v; want %d", a, b, got, err, test.order)
		}
	}
}

func TestAmountMismatch(t *testing.T) {
	t.Parallel()
	usd, none := money.New(100, "USD"), money.Amount{}
	for _, other := range []money.Amount{money.New(100, "EUR"), none} {
		if got, err := usd.Add(other); !errors.Is(err, money.ErrMismatch) || got.IsSet() {
			t.Errorf("%s + %s = %s, %v", usd, other, got, err)
		}
		if got, err := other.Sub(usd); !errors.Is(err, money.ErrMismatch) || got.IsSet() {
			t.Errorf("%s - %s = %s, %v", other, usd, got, err)
		}
		if got, err := usd.Cmp(other); !errors.Is(err, money.ErrMismatch) {
			t.Errorf("%s against %s = %d, %v", usd, other, got, err)
		}
	}
	if got, err := none.Add(none); err != nil || got != none {
		t.Errorf("nothing + nothing = %s, %v", got, err)
	}
}

func TestAmountAs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		amount   string
		currency money.Currency
		want     string
		err      error
	}{
		{"12.50 USD", "KWD", "12.500 KWD", nil},
		{"12.50 USD", "USD", "12.50 USD", nil},
		{"12.00 USD", "JPY", "12 JPY", nil},
		{"-12.00 USD", "JPY", "-12 JPY", nil},
		{"12.50 USD", "JPY", "", money.ErrTooPrecise},
		{"1.234 KWD", "USD", "", money.ErrTooPrecise},
		{"1.230 KWD", "USD", "1.23 USD", nil},
		{"9000000000000000 JPY", "USD", "", money.ErrTooLarge},
		{"90000000000000 JPY", "USD", "90000000000000.00 USD", nil},
		{"12.50 USD", "", "", money.ErrCurrency},
		{"12.50 USD", "XAU", "", money.ErrCurrency},
	}
	for _, test := range tests {
		got, err := money.MustParse(test.amount).As(test.currency)
		if !errors.Is(err, test.err) || got.String() != test.want {
			t.Errorf("%s as %s = %s, %v; want %s, %v", test.amount, test.currency, got, err, test.want, test.err)
		}
	}
	if _, err := (money.Amount{}).As("USD"); !errors.Is(err, money.ErrCurrency) {
		t.Errorf("no amount as USD: %v, want ErrCurrency", err)
	}
}
