package httpapi_test

import (
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// What happened on an earlier day is recorded on that day, in whatever form the day
// comes, and its hold counts from there.
func TestOccurredAt(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 30}, noLimit)
	w.clock.Set(time.Date(2024, 2, 10, 12, 0, 0, 0, time.UTC))
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	for sent, want := range map[string]string{
		`"2024-01-31T23:30:00Z"`:          "2024-01-31T23:30:00.000Z",
		`"2024-02-01T01:30:00.5+02:00"`:   "2024-01-31T23:30:00.500Z",
		`"2024-01-31T23:30:00"`:           "2024-01-31T23:30:00.000Z",
		`"2024-01-31"`:                    "2024-01-31T00:00:00.000Z",
		`1706743800`:                      "2024-01-31T23:30:00.000Z",
		`"1706743800"`:                    "2024-01-31T23:30:00.000Z",
		`1706743800125`:                   "2024-01-31T23:30:00.125Z",
		`null`:                            "2024-02-10T12:00:00.000Z",
		`"2024-02-10T12:00:00Z"`:          "2024-02-10T12:00:00.000Z",
		`"1970-01-01"`:                    "1970-01-01T00:00:00.000Z",
		`"2024-02-10T11:59:59.999999999"`: "2024-02-10T11:59:59.999Z",
	} {
		made := w.do(t, "POST", "/conversions",
			`{"type": "purchase", "affiliate_id": 1, "base_value": 10, "occurred_at": `+sent+`}`).ok(t, 201).data()
		if made["created_at"] != want {
			t.Errorf("%s is shown as %v, want %s", sent, made["created_at"], want)
		}
	}
	for query, want := range map[string]int{
		"from=2024-01-31T23:30:00&to=2024-01-31T23:30:00.001": 4,
		"from=1706743800&to=1706743801":                       6,
		"from=2024-02-01T01:30:00+02:00&to=1706743800126":     5,
		"from=1706745600000":                                  3,
	} {
		if got := len(w.do(t, "GET", "/conversions?"+query, "").ok(t, 200).items()); got != want {
			t.Errorf("%s lists %d, want %d", query, got, want)
		}
	}
	w.clock.Set(time.Date(2024, 3, 1, 23, 30, 0, 0, time.UTC))
	earned := w.do(t, "GET", "/affiliates/jane@example.com", "").ok(t, 200).data()
	// 31 January and 30 days are 1 March. Two of that evening are still held, and the three of February.
	if earned["eligible_earnings"] != "12.00" || earned["held_earnings"] != "10.00" {
		t.Errorf("%v are eligible and %v held", earned["eligible_earnings"], earned["held_earnings"])
	}
}
