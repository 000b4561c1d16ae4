package money_test

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/money"
)

func TestParseRate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text       string
		millionths int64
		want       string
	}{
		{"0", 0, "0%"},
		{"-0", 0, "0%"},
		{"20", 200_000, "20%"},
		{"20%", 200_000, "20%"},
		{"20 %", 200_000, "20%"},
		{"8.2", 82_000, "8.2%"},
		{"8.20000000", 82_000, "8.2%"},
		{"0.0001", 1, "0.0001%"},
		{"99.9999 %", 999_999, "99.9999%"},
		{"100", 1_000_000, "100%"},
		{"1e2", 1_000_000, "100%"},
		{"100.0000%", 1_000_000, "100%"},
	}
	for _, test := range tests {
		got, err := money.ParseRate(test.text)
		if err != nil || got.Millionths() != test.millionths || got.String() != test.want {
			t.Errorf("ParseRate(%q) = %s (%d), %v; want %s", test.text, got, got.Millionths(), err, test.want)
		}
		if stored, err := money.RateFromMillionths(test.millionths); err != nil || stored != got {
			t.Errorf("RateFromMillionths(%d) = %s, %v; want %s", test.millionths, stored, err, got)
		}
		if again, err := money.ParseRate(got.String()); err != nil || again != got {
			t.Errorf("%s reads back as %s, %v", got, again, err)
		}
	}
}

func TestParseRateRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text    string
		want    error
		message string
	}{
		{"100.0001", money.ErrRate, "100.0001 is not between 0 and 100 percent"},
		{"-0.0001", money.ErrRate, "-0.0001 is not between 0 and 100 percent"},
		{"101%", money.ErrRate, "101 is not between 0 and 100 percent"},
		{"9e17", money.ErrRate, ""},
		{"1e999999999", money.ErrRate, `"1e999999999" is not a rate; give a percentage from 0 to 100`},
		{strings.Repeat("1", 1_000_000), money.ErrRate, ""},
		{"8.20001", money.ErrTooPrecise, "8.20001 has 5 decimals; a rate has at most 4"},
		{"1e-999999999", money.ErrTooPrecise, `"1e-999999999" has too many decimals; a rate has at most 4`},
		{"", money.ErrSyntax, `"" is not a rate; write a percentage such as 8.2`},
		{"%", money.ErrSyntax, ""},
		{"8.2%%", money.ErrSyntax, ""},
		{"8.2  %", money.ErrSyntax, ""},
		{"8.2 ", money.ErrSyntax, ""},
		{" 8.2%", money.ErrSyntax, ""},
		{"%8.2", money.ErrSyntax, ""},
		{"8,2", money.ErrSyntax, ""},
		{"+8.2", money.ErrSyntax, ""},
	}
	for _, test := range tests {
		got, err := money.ParseRate(test.text)
		if !errors.Is(err, test.want) || got != (money.Rate{}) {
			t.Errorf("ParseRate(%.20q) = %s, %v; want %v", test.text, got, err, test.want)
			continue
		}
		if test.message != "" && err.Error() != test.message || len(err.Error()) > 200 {
			t.Errorf("ParseRate(%.20q) says %.250q, want %q", test.text, err, test.message)
		}
	}
	for _, millionths := range []int64{-1, 1_000_001, math.MinInt64, math.MaxInt64} {
		if got, err := money.RateFromMillionths(millionths); !errors.Is(err, money.ErrRate) {
			t.Errorf("RateFromMillionths(%d) = %s, %v; want ErrRate", millionths, got, err)
		}
	}
}

func TestRateOf(t *testing.T) {
	t.Parallel()
	tests := []struct{ rate, amount, want string }{
		{"8.2", "102.50 USD", "8.41 USD"}, // 8.405, a tie
		{"8.2", "-102.50 USD", "-8.41 USD"},
		{"20", "49.00 USD", "9.80 USD"},
		{"0", "49.00 USD", "0.00 USD"},
		{"100", "49.00 USD", "49.00 USD"},
		{"50", "5.35 USD", "2.68 USD"},    // 2.675, which no binary fraction represents
		{"50", "2.01 USD", "1.01 USD"},    // 1.005
		{"50", "16.65 USD", "8.33 USD"},   // 8.325
		{"50", "-16.65 USD", "-8.33 USD"}, // away from zero, not up
		{"50", "0.01 USD", "0.01 USD"},
		{"49.9999", "0.01 USD", "0.00 USD"},
		{"50", "5 JPY", "3 JPY"},
		{"49", "5 JPY", "2 JPY"},
		{"8.2", "1025 JPY", "84 JPY"},
		{"0.05", "1.000 KWD", "0.001 KWD"}, // half a fils
		{"0.0499", "1.000 KWD", "0.000 KWD"},
		{"33.3333", "90000000000000.00 USD", "29999970000000.00 USD"},
		{"99.9999", "92233720368547758.07 USD", "92233628134827389.52 USD"},
		{"100", "-92233720368547758.08 USD", "-92233720368547758.08 USD"},
		{"50", "-92233720368547758.08 USD", "-46116860184273879.04 USD"},
		{"50", "92233720368547758.07 USD", "46116860184273879.04 USD"},
	}
	for _, test := range tests {
		if got := rate(t, test.rate).Of(money.MustParse(test.amount)); got.String() != test.want {
			t.Errorf("%s%% of %s is %s, want %s", test.rate, test.amount, got, test.want)
		}
	}
	if got := rate(t, "50").Of(money.Amount{}); got.IsSet() {
		t.Errorf("a share of no amount is %s", got)
	}
}

// TestRateOfTies goes through every amount from 0.01 to 30.00 at every rate in tenths
// of a percent, picks out the ties with big.Int, and checks that each rounds away from
// zero, on both sides of it.
func TestRateOfTies(t *testing.T) {
	t.Parallel()
	var (
		whole = big.NewInt(1_000_000)
		two   = big.NewInt(2)
		ties  int
	)
	for tenths := range 1001 {
		r := rate(t, fmt.Sprintf("%d.%d", tenths/10, tenths%10))
		for cents := 1; cents <= 3000; cents++ {
			product := new(big.Int).Mul(big.NewInt(int64(cents)), big.NewInt(int64(tenths)*1000))
			quotient, remainder := new(big.Int).QuoRem(product, whole, new(big.Int))
			if remainder.Mul(remainder, two).Cmp(whole) != 0 {
				continue
			}
			ties++
			a := money.MustParse(fmt.Sprintf("%d.%02d USD", cents/100, cents%100))
			want := quotient.Int64() + 1
			if got := r.Of(a); got.Minor() != want {
				t.Fatalf("%s of %s is %s, want %d cents", r, a, got, want)
			}
			if got := r.Of(a.Neg()); got.Minor() != -want {
				t.Fatalf("%s of %s is %s, want %d cents", r, a.Neg(), got, -want)
			}
		}
	}
	if ties < 10_000 {
		t.Errorf("only %d ties among three million cases: the test picks the wrong ones", ties)
	}
}

func TestProrate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		amount, part, whole string
		want                string
		err                 error
	}{
		{"9.80 USD", "24.50 USD", "49.00 USD", "4.90 USD", nil},
		{"9.80 USD", "0.00 USD", "49.00 USD", "0.00 USD", nil},
		{"9.80 USD", "49.00 USD", "49.00 USD", "9.80 USD", nil},
		{"0.01 USD", "1 JPY", "2 JPY", "0.01 USD", nil}, // a tie, and a sale in another currency
		{"-0.01 USD", "1 JPY", "2 JPY", "-0.01 USD", nil},
		{"0.01 USD", "1 JPY", "3 JPY", "0.00 USD", nil},
		{"0.01 USD", "2 JPY", "3 JPY", "0.01 USD", nil},
		{"1.00 USD", "-1 JPY", "3 JPY", "-0.33 USD", nil},
		{"1.00 USD", "-1 JPY", "-3 JPY", "0.33 USD", nil},
		{"1.00 USD", "4 JPY", "3 JPY", "1.33 USD", nil},
		{"9000000000000000 JPY", "8999999999999999 JPY", "9000000000000000 JPY", "8999999999999999 JPY", nil},
		{"9223372036854775807 JPY", "9223372036854775806 JPY", "9223372036854775807 JPY", "9223372036854775806 JPY", nil},
		{"-9223372036854775808 JPY", "1 JPY", "1 JPY", "-9223372036854775808 JPY", nil},
		{"-9223372036854775808 JPY", "-9223372036854775808 JPY", "-9223372036854775808 JPY", "-9223372036854775808 JPY", nil},
		{"-9223372036854775808 JPY", "1 JPY", "-1 JPY", "", money.ErrOverflow},
		{"9223372036854775807 JPY", "2 JPY", "1 JPY", "", money.ErrOverflow},
		{"9223372036854775807 JPY", "9223372036854775807 JPY", "1 JPY", "", money.ErrOverflow},
		{"9.80 USD", "1 JPY", "0 JPY", "", money.ErrZeroWhole},
		{"9.80 USD", "1 JPY", "1.00 USD", "", money.ErrMismatch},
	}
	for _, test := range tests {
		got, err := money.MustParse(test.amount).Prorate(money.MustParse(test.part), money.MustParse(test.whole))
		if !errors.Is(err, test.err) || got.String() != test.want {
			t.Errorf("%s * %s / %s = %s, %v; want %s, %v", test.amount, test.part, test.whole, got, err, test.want, test.err)
		}
	}
	if _, err := money.New(1, "USD").Prorate(money.Amount{}, money.Amount{}); !errors.Is(err, money.ErrZeroWhole) {
		t.Errorf("a share of no whole: %v, want ErrZeroWhole", err)
	}
}

// rate parses a percentage that the test knows to be good.
func rate(t testing.TB, text string) money.Rate {
	t.Helper()
	r, err := money.ParseRate(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
