package httpapi_test

import (
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// dates are those of the days in an answer.
func dates(got reply) string {
	var dates []string
	for _, item := range got.items() {
		dates = append(dates, text(item["date"]))
	}
	return strings.Join(dates, " ")
}

func TestStatistics(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("20")}, noLimit)
	w.clock.Set(time.Date(2026, 2, 27, 23, 59, 59, 0, time.UTC))
	for _, email := range []string{"jane", "bob"} {
		w.do(t, "POST", "/affiliates", `{"email": "`+email+`@example.com", "referral_code": "`+
			strings.ToUpper(email)+`"}`).ok(t, 201)
	}
	w.do(t, "POST", "/clicks", `{"clicks": [{"referral_code": "JANE"},
		{"referral_code": "JANE"}, {"referral_code": "BOB"}, {"referral_code": "NOBODY"}]}`).ok(t, 202)
	w.do(t, "POST", "/conversions", `{"type": "purchase", "affiliate_id": 1, "base_value": 49, "reference": "sale"}`).
		ok(t, 201)
	w.do(t, "POST", "/conversions",
		`{"type": "purchase", "affiliate_id": 1, "base_value": 1000, "base_value_currency": "JPY"}`).ok(t, 201)
	w.do(t, "POST", "/conversions", `{"type": "purchase", "base_value": 500}`).ok(t, 201) // nobody's
	w.clock.Advance(24*time.Hour + time.Second)                                           // 1 March, 00:00:00
	w.do(t, "POST", "/conversions", `{"type": "signup", "affiliate_id": 2, "value": 1.5}`).ok(t, 201)
	w.do(t, "POST", "/conversions/1/refund", `{"amount": 24.5}`).ok(t, 200)
	w.do(t, "POST", "/clicks", `{"referral_code": "BOB"}`).ok(t, 202)

	const none = `"clicks": 0, "signups": 0, "purchases": 0, "earnings": []}`
	days := "from=2026-02-27&to=2026-03-02"
	w.do(t, "GET", "/statistics?"+days, "").is(t, 200, `{"success": true, "data": [
		{"date": "2026-02-27", "clicks": 3, "signups": 0, "purchases": 3,
			"earnings": [{"currency": "JPY", "amount": "200"}, {"currency": "USD", "amount": "9.80"}]},
		{"date": "2026-02-28", `+none+`,
		{"date": "2026-03-01", "clicks": 1, "signups": 1, "purchases": 0,
			"earnings": [{"currency": "USD", "amount": "-3.40"}]}]}`)
	w.do(t, "GET", "/statistics?affiliate_id=1&"+days, "").is(t, 200, `{"success": true, "data": [
		{"date": "2026-02-27", "clicks": 2, "signups": 0, "purchases": 2,
			"earnings": [{"currency": "JPY", "amount": "200"}, {"currency": "USD", "amount": "9.80"}]},
		{"date": "2026-02-28", `+none+`,
		{"date": "2026-03-01", "clicks": 0, "signups": 0, "purchases": 0,
			"earnings": [{"currency": "USD", "amount": "-4.90"}]}]}`)
	w.do(t, "GET", "/statistics?affiliate_id=2&from=2026-03-01&to=2026-03-02", "").
		is(t, 200, `{"success": true, "data": [
		{"date": "2026-03-01", "clicks": 1, "signups": 1, "purchases": 0,
			"earnings": [{"currency": "USD", "amount": "1.50"}]}]}`)
	w.do(t, "GET", "/statistics?affiliate_id=99&"+days, "").is(t, 200, `{"success": true, "data": []}`)

	for query, want := range map[string]string{
		"from=2026-02-28&to=2026-03-01":                         "2026-02-28",
		"from=2026-02-28&to=2026-02-28":                         "",
		"from=2026-02-28T12:00:00Z&to=2026-03-01T00:00:00Z":     "2026-02-28",
		"from=2026-02-28T23:59:59Z&to=2026-03-01T00:00:00.001Z": "2026-02-28 2026-03-01",
		// 23:00 and 24:00 in UTC.
		"from=2026-03-01T01:00:00%2B02:00&to=2026-02-28T16:00:00-08:00":    "2026-02-28",
		"from=2026-03-01T01:00:00%2B02:00&to=2026-02-28T23:30:00-00:00":    "2026-02-28",
		"affiliate_id=2&from=2028-02-28&to=2028-03-01":                     "2028-02-28 2028-02-29",
		"from=1999-12-31&to=2000-01-01T00:00:00.000000001Z&affiliate_id=1": "1999-12-31 2000-01-01",
	} {
		if got := w.do(t, "GET", "/statistics?"+query, "").ok(t, 200); dates(got) != want {
			t.Errorf("%s answers with %q, want %q", query, dates(got), want)
		}
	}
}

// Without dates it is the last 30 days, ending with today.
func TestStatisticsOfTheLastDays(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit) // on 2026-01-15
	w.clock.Set(time.Date(2026, 1, 15, 23, 59, 59, 999_999_999, time.UTC))
	for _, query := range []string{"", "?affiliate_id=1", "?from=2025-12-17",
		"?to=2026-01-16", "?to=2026-01-15T23:59:59Z"} {
		got := w.do(t, "GET", "/statistics"+query, "").ok(t, 200)
		if items := got.items(); len(items) != 30 || items[0]["date"] != "2025-12-17" ||
			items[29]["date"] != "2026-01-15" || asText(items[29]["purchases"]) != "1" {
			t.Errorf("%q answers with %s", query, dates(got))
		}
	}
	for query, days := range map[string]int{
		"?from=2025-01-01&to=2026-01-02": refgrow.MaxStatisticsDays,
		"?from=2025-01-15":               refgrow.MaxStatisticsDays, "?from=2026-01-15": 1,
	} {
		if got := w.do(t, "GET", "/statistics"+query, "").ok(t, 200); len(got.items()) != days {
			t.Errorf("%s answers with %d days", query, len(got.items()))
		}
	}
	w.do(t, "GET", "/statistics?from=2025-01-14", "").refused(t, 400, "invalid", "from")
	w.clock.Advance(time.Nanosecond)
	if got := w.do(t, "GET", "/statistics", "").items(); len(got) != 30 || got[29]["date"] != "2026-01-16" {
		t.Errorf("the next day answers with %v", got)
	}
}
