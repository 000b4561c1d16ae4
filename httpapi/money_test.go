package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

func TestFormsOfMoney(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	for _, c := range []struct{ given, currency, shown string }{
		{"0.1", "USD", "0.1"}, {"250.00", "USD", "250"}, {"1e2", "USD", "100"},
		{"1E+2", "USD", "100"}, {"12.5", "USD", "12.5"}, {"1250e-2", "USD", "12.5"},
		{"0", "USD", "0"}, {"-0", "USD", "0"}, {"0.00", "USD", "0"},
		{"0e999999999", "USD", "0"}, {"0.01", "USD", "0.01"}, {"12.340", "USD", "12.34"},
		{"8.20", "usd", "8.2"}, {"5000", "JPY", "5000"}, {"5000.0", "jpy", "5000"},
		{"12.345", "KWD", "12.345"}, {"0.001", "KWD", "0.001"},
		{"0.0001", "CLF", "0.0001"}, {"90000000000000", "USD", "90000000000000"},
		{"90000000000000.00", "USD", "90000000000000"},
		{"9e15", "JPY", "9000000000000000"}, {"9000000000000.000", "KWD", "9000000000000"},
		{"0.29", "EUR", "0.29"}, {"1.15", "EUR", "1.15"},
		{"9007199254740993", "JPY", ""}, {"8999999999999999", "JPY", "8999999999999999"},
		{"89999999999999.99", "USD", "89999999999999.99"},
		{"12.345", "USD", ""}, {"0.5", "JPY", ""}, {"0.0001", "KWD", ""},
		{"90000000000000.01", "USD", ""}, {"9000000000000.001", "KWD", ""}, {"1e999999999", "USD", ""},
	} {
		body := fmt.Sprintf(`{"type": "signup", "base_value": %s, "value": %s, "base_value_currency": %q}`,
			c.given, c.given, c.currency)
		got := w.do(t, "POST", "/conversions", body)
		if c.shown == "" {
			got.refused(t, 400, "invalid", "base_value")
			continue
		}
		got.ok(t, 201)
		for _, d := range []map[string]any{got.data(), w.do(t, "GET", "/conversions/"+got.id(), "").data()} {
			if fmt.Sprint(d["value"]) != c.shown || fmt.Sprint(d["base_value"]) != c.shown ||
				d["base_value_currency"] != strings.ToUpper(c.currency) {
				t.Errorf("%s %s is shown as %v and %v %v",
					c.given, c.currency, d["value"], d["base_value"], d["base_value_currency"])
			}
		}
	}
}

// Without a currency, amounts are in the project's.
func TestMoneyWithoutACurrency(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Currency: "JPY", Commission: refgrow.Percent("8.2")}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	w.do(t, "POST", "/conversions", `{"type": "purchase", "affiliate_id": 1, "base_value": 10.5}`).
		refused(t, 400, "invalid", "base_value")
	w.do(t, "POST", "/conversions", `{"type": "signup", "value": 0.5, "base_value_currency": null}`).
		refused(t, 400, "invalid", "value")
	got := w.do(t, "POST", "/conversions", `{"type": "purchase", "affiliate_id": 1, "base_value": 1000}`).
		ok(t, 201).data()
	if fmt.Sprint(got["value"]) != "82" {
		t.Errorf("8.2 %% of 1000 JPY is %v", got["value"])
	}
	signup := w.do(t, "POST", "/conversions", `{"type": "signup", "affiliate_id": 1, "value": 300}`).ok(t, 201)
	if signup.data()["base_value_currency"] != nil || signup.data()["base_value"] != nil {
		t.Errorf("a signup without a currency is %s", signup.body)
	}
	if got := w.do(t, "GET", "/affiliates/jane@example.com", "").data(); got["total_earnings"] != "382" ||
		got["earnings_by_currency"] != nil {
		t.Errorf("jane has %v", got)
	}

	// In an update they are in the conversion's currency: in the new one, if it
	// changes.
	sale := w.do(t, "POST", "/conversions",
		`{"type": "purchase", "affiliate_id": 1, "base_value": 10, "base_value_currency": "USD"}`).ok(t, 201).id()
	change := func(id, body, value, base, currency string) {
		t.Helper()
		got := w.do(t, "PUT", "/conversions/"+id, body).ok(t, 200).data()
		if fmt.Sprint(got["value"]) != value || fmt.Sprint(got["base_value"]) != base ||
			fmt.Sprint(got["base_value_currency"]) != currency {
			t.Errorf("%s results in %v, %v %v", body, got["value"], got["base_value"], got["base_value_currency"])
		}
	}
	change(sale, `{"base_value": 10.55}`, "0.82", "10.55", "USD") // the value stays
	change(sale, `{"value": 1.23}`, "1.23", "10.55", "USD")
	change(sale, `{"base_value_currency": "kwd", "value": 1.234}`, "1.234", "10.55", "KWD")
	// 1.234 does not fit.
	w.do(t, "PUT", "/conversions/"+sale, `{"base_value_currency": "USD"}`).
		refused(t, 400, "invalid", "base_value_currency")
	w.do(t, "PUT", "/conversions/"+sale, `{"base_value_currency": "USD", "value": 1.234}`).
		refused(t, 400, "invalid", "value")
	change(sale, `{"base_value_currency": "JPY", "value": 1, "base_value": 11}`, "1", "11", "JPY")
	change(signup.id(), `{"value": 250}`, "250", "<nil>", "<nil>")
	w.do(t, "PUT", "/conversions/"+signup.id(), `{"value": 0.5}`).refused(t, 400, "invalid", "value")
	change(signup.id(), `{"base_value": 70}`, "250", "70", "JPY")
	change(signup.id(), `{"base_value": null}`, "250", "<nil>", "JPY")
	w.do(t, "PUT", "/conversions/99", `{"value": 0.001}`).refused(t, 404, "not_found", "")
	if got := w.do(t, "GET", "/affiliates/jane@example.com", "").data(); got["total_earnings"] != "333" {
		t.Errorf("jane has %v", got)
	}
}

func TestAmountsThatTakeLongToRead(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	begin := time.Now()
	for _, literal := range []string{
		"1e999999999", "1e-999999999", "-1e999999999", strings.Repeat("9", 1_000_000),
		"0." + strings.Repeat("0", 1_000_000) + "1",
		"1e" + strings.Repeat("9", 1_000_000), strings.Repeat("1", 65),
	} {
		w.do(t, "POST", "/conversions", `{"type": "purchase", "base_value": `+literal+`}`).
			refused(t, 400, "invalid", "base_value")
		w.do(t, "POST", "/conversions", `{"type": "signup", "affiliate_id": `+literal+`}`).
			refused(t, 400, "invalid", "affiliate_id")
	}
	if took := time.Since(begin); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}
