package payfile_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/internal/payfile"
	"github.com/refgrow-go/refgrow/money"
)

func service(t *testing.T, format string) *payfile.Service {
	t.Helper()
	s, ok := payfile.For(format)
	if !ok {
		t.Fatalf("%s is no format", format)
	}
	return s
}

// Each service has currencies of its own, and an error lists them.
func TestCurrencies(t *testing.T) {
	t.Parallel()
	for format, c := range map[string]struct{ takes, refuses string }{
		payfile.PayPal:    {"USD EUR HUF JPY TWD THB", "KWD INR CNY XOF ZAR"},
		payfile.Wise:      {"USD EUR HUF JPY INR KES BDT KWD", "RUB KPW IRR CUP SYP XAU CHE"},
		payfile.WiseEmail: {"USD EUR HUF JPY INR KES", "BDT BWP CNY COP GHS LKR UAH RUB"},
	} {
		s := service(t, format)
		for code := range strings.FieldsSeq(c.takes) {
			if err := s.Takes(money.Currency(code)); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		}
		for code := range strings.FieldsSeq(c.refuses) {
			err := s.Takes(money.Currency(code))
			if err == nil || !strings.Contains(err.Error(), "does not take "+code+", but ") ||
				!strings.HasSuffix(err.Error(), s.Codes()[len(s.Codes())-1]) {
				t.Errorf("%s of %s: %v", format, code, err)
			}
		}
		codes := s.Codes()
		if !slices.IsSorted(codes) || len(slices.Compact(slices.Clone(codes))) != len(codes) {
			t.Errorf("%s: %v", format, codes)
		}
		for _, code := range codes {
			if parsed, err := money.ParseCurrency(code); err != nil || string(parsed) != code {
				t.Errorf("%s takes %s: %v", format, code, err)
			}
		}
	}
	if _, ok := payfile.For("cash"); ok {
		t.Error("cash is a format")
	}
}

// An amount has the decimals of the service. One that has more is left out, and never
// rounded.
func TestAmounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ format, amount, written string }{
		{payfile.PayPal, "12.30 USD", "12.30"},
		{payfile.PayPal, "0.01 EUR", "0.01"},
		{payfile.PayPal, "700 JPY", "700"},
		{payfile.PayPal, "100.00 HUF", "100"},
		{payfile.PayPal, "99.95 HUF", ""},
		{payfile.PayPal, "0.01 TWD", ""},
		{payfile.PayPal, "1000.00 TWD", "1000"},
		{payfile.Wise, "99.95 TWD", "99.95"},
		{payfile.Wise, "99.95 HUF", ""},
		{payfile.Wise, "1.230 KWD", "1.23"},
		{payfile.Wise, "1.234 KWD", ""},
		{payfile.Wise, "10.00 KES", "10"},
		{payfile.Wise, "90000000000000.00 USD", "90000000000000.00"},
		{payfile.WiseEmail, "99.95 IDR", ""},
	} {
		line := service(t, c.format).Line(&payfile.Payment{
			Payout: 1, Amount: money.MustParse(c.amount),
			PayPalEmail: "a@example.com", WiseAccount: "1", WiseEmail: "a@example.com",
		})
		if (line != nil) != (c.written != "") || line != nil && !slices.Contains(line, c.written) {
			t.Errorf("%s: %s is %q, want %q", c.format, c.amount, line, c.written)
		}
	}
}

// A line has the columns of its file, and what a spreadsheet would take for a formula is
// in none.
func TestLines(t *testing.T) {
	t.Parallel()
	all := payfile.Payment{
		Payout: 7, Amount: money.MustParse("12.30 USD"), PayPalEmail: "p@example.com",
		WiseAccount: "4711", WiseEmail: "w@example.com", WiseName: "Jane Doe",
	}
	but := func(change func(*payfile.Payment)) payfile.Payment {
		p := all
		change(&p)
		return p
	}
	for _, c := range []struct {
		what, format string
		payment      payfile.Payment
		line         string
	}{
		{"all", payfile.PayPal, all, "p@example.com|12.30|USD|payout-7|Affiliate payout 7"},
		{"all", payfile.Wise, all, "4711|Jane Doe|w@example.com|USD|USD|target|12.30|Payout 7"},
		{"all", payfile.WiseEmail, all, "Jane Doe|w@example.com|Payout 7|PERSON|target|12.30|USD|USD"},
		{"no email", payfile.PayPal, but(func(p *payfile.Payment) { p.PayPalEmail = "" }), ""},
		{"a formula", payfile.PayPal, but(func(p *payfile.Payment) { p.PayPalEmail = "=a@example.com" }), ""},
		{"no account", payfile.Wise, but(func(p *payfile.Payment) { p.WiseAccount = "" }), ""},
		{"no id", payfile.Wise, but(func(p *payfile.Payment) { p.WiseAccount = "W-1" }), ""},
		{"an account alone", payfile.Wise, but(func(p *payfile.Payment) { p.WiseEmail, p.WiseName = "", "" }),
			"4711|||USD|USD|target|12.30|Payout 7"},
		{"a formula", payfile.Wise, but(func(p *payfile.Payment) { p.WiseName = "@SUM(A1)" }),
			"4711||w@example.com|USD|USD|target|12.30|Payout 7"},
		{"no email", payfile.WiseEmail, but(func(p *payfile.Payment) { p.WiseEmail = "" }), ""},
		{"a formula", payfile.WiseEmail, but(func(p *payfile.Payment) { p.WiseEmail = "+a@example.com" }), ""},
		{"no name", payfile.WiseEmail, but(func(p *payfile.Payment) { p.WiseName = "" }),
			"w@example.com|w@example.com|Payout 7|PERSON|target|12.30|USD|USD"},
	} {
		s := service(t, c.format)
		line := s.Line(&c.payment)
		if got := strings.Join(line, "|"); got != c.line {
			t.Errorf("%s with %s is %s, want %s", c.format, c.what, got, c.line)
		}
		if line != nil && s.Columns() != nil && len(line) != len(s.Columns()) {
			t.Errorf("%s has %d columns, and a line %d", c.format, len(s.Columns()), len(line))
		}
	}
}

func TestAccountIDs(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"1", "40000000", "9223372036854775807", "11111111-2222-3333-4444-55555555abCD"} {
		if err := payfile.AccountID(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "0", "01", "+1", "-1", "1.0", "1e3", " 1", "1 ", "W-1", "=1", "jane@example.com", "9223372036854775808",
		"11111111-2222-3333-4444-5555555555555", "11111111-2222-3333-4444-55555555555g", "11111111222233334444555555555555",
		"١", "GB33BUKB20201555555555",
	} {
		if payfile.AccountID(bad) == nil {
			t.Errorf("%q is an id", bad)
		}
	}
}
