package money_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/money"
)

func TestParseCurrency(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text   string
		want   money.Currency
		places int
	}{
		{"USD", money.USD, 2},
		{"usd", money.USD, 2},
		{"uSd", money.USD, 2},
		{"EUR", money.EUR, 2},
		{"GBP", money.GBP, 2},
		{"JPY", money.JPY, 0},
		{"KWD", "KWD", 3},
		{"IQD", "IQD", 3},
		{"CLF", "CLF", 4},
		{"UYW", "UYW", 4},
		{"UYI", "UYI", 0},
		{"ISK", "ISK", 0},
		{"HUF", "HUF", 2},
		{"SLE", "SLE", 2},
		{"VED", "VED", 2},
		{"XAD", "XAD", 2},
		{"XCG", "XCG", 2},
		{"ZWG", "ZWG", 2},
	}
	for _, test := range tests {
		got, err := money.ParseCurrency(test.text)
		if err != nil || got != test.want {
			t.Errorf("ParseCurrency(%q) = %q, %v; want %q", test.text, got, err, test.want)
			continue
		}
		if got.Exponent() != test.places {
			t.Errorf("%s has exponent %d, want %d", got, got.Exponent(), test.places)
		}
	}
}

func TestParseCurrencyRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, message string }{
		{"", "three letters"},
		{"US", "three letters"},
		{"USDT", "three letters"},
		{" USD", "three letters"},
		{"US1", "three letters"},
		{"U$D", "three letters"},
		{"us[", "three letters"},
		{"ı", "three letters"},
		{"UıD", "three letters"},
		{"\u212aW", "three letters"}, // the Kelvin sign, which folds to k
		{strings.Repeat("U", 1_000_000), "three letters"},
		{"QQQ", "not a current"},
		{"HRK", "not a current"},
		{"BGN", "not a current"},
		{"ANG", "not a current"},
		{"CUC", "not a current"},
		{"SLL", "not a current"},
		{"ZWL", "not a current"},
		{"BTC", "not a current"},
		{"XAU", "no minor unit"},
		{"xau", "no minor unit"},
		{"XXX", "no minor unit"},
		{"XTS", "no minor unit"},
		{"XDR", "no minor unit"},
	}
	for _, test := range tests {
		got, err := money.ParseCurrency(test.text)
		if !errors.Is(err, money.ErrCurrency) || got != "" {
			t.Errorf("ParseCurrency(%.20q) = %q, %v; want ErrCurrency", test.text, got, err)
			continue
		}
		if !strings.Contains(err.Error(), test.message) || len(err.Error()) > 200 {
			t.Errorf("ParseCurrency(%.20q): message %.300q should say %q", test.text, err, test.message)
		}
	}
}

// TestCurrencyTable counts the codes by their decimals, so that an editing slip in the
// table shows.
func TestCurrencyTable(t *testing.T) {
	t.Parallel()
	byPlaces := make(map[int]int)
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			for c := 'A'; c <= 'Z'; c++ {
				if parsed, err := money.ParseCurrency(string([]rune{a, b, c})); err == nil {
					byPlaces[parsed.Exponent()]++
				}
			}
		}
	}
	want := map[int]int{0: 17, 2: 139, 3: 7, 4: 2}
	for places := range 6 {
		if byPlaces[places] != want[places] {
			t.Errorf("%d currencies have %d decimals, want %d", byPlaces[places], places, want[places])
		}
	}
}

func TestCurrencyNone(t *testing.T) {
	t.Parallel()
	var none money.Currency
	if none.String() != "" || none.Exponent() != 0 {
		t.Errorf("none is %q with exponent %d", none, none.Exponent())
	}
	if !panics(func() { money.Currency("usd").Exponent() }) {
		t.Error("the exponent of a code that ParseCurrency never returns should panic")
	}
}

func TestCurrencyJSON(t *testing.T) {
	t.Parallel()
	var decoded struct{ A, B money.Currency }
	if err := json.Unmarshal([]byte(`{"A": "kwd", "B": ""}`), &decoded); err != nil ||
		decoded.A != "KWD" || decoded.B != "" {
		t.Errorf("decoded %+v, %v", decoded, err)
	}
	if err := json.Unmarshal([]byte(`{"A": "XAU"}`), &decoded); !errors.Is(err, money.ErrCurrency) {
		t.Errorf("XAU: %v, want ErrCurrency", err)
	}
	if decoded.A != "KWD" {
		t.Errorf("a refused currency left %q", decoded.A)
	}
}

// panics reports whether the function panics.
func panics(f func()) (panicked bool) {
	defer func() { panicked = recover() != nil }()
	f()
	return false
}
