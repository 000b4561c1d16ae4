package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// counts checks what became of the clicks of a call.
func (got reply) counts(t testing.TB, counted, ignored int) {
	t.Helper()
	got.is(t, 202, fmt.Sprintf(`{"success": true, "data": {"counted": %d, "ignored": %d}}`, counted, ignored))
}

// clicksOf is how many clicks the API shows for an affiliate.
func (w *world) clicksOf(t testing.TB, email string) string {
	t.Helper()
	return asText(w.do(t, "GET", "/affiliates/"+email, "").ok(t, 200).data()["clicks"])
}

func TestClicks(t *testing.T) {
	t.Parallel()
	single(t)
	w := populated(t, noLimit)
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		body    string
		counted bool
	}{
		{`{"referral_code": "JANE", "url": "https://example.com/?ref=JANE",
			"referrer": "https://example.org/", "ip_address": "203.0.113.9", "user_agent": "Mozilla/5.0"}`, true},
		{`{"referral_code": "JANE", "ip_address": "203.0.113.9"}`, false}, // a repeat
		{`{"referral_code": "jane", "ip_address": "::ffff:203.0.113.9"}`, false},
		{`{"referral_code": "JANE", "ip_address": "203.0.113.10"}`, true},
		{`{"referral_code": "BOB", "ip_address": "203.0.113.9"}`, true},
		{`{"referral_code": "JANE"}`, true},
		{`{"referral_code": "JANE", "ip_address": null}`, true},
		{`{"referral_code": "jane"}`, true}, // in another case, and the slug
		{`{"referral_code": "NOBODY"}`, false},
		{`{"referral_code": "NOBODY.JANE"}`, true}, // what a browser came with, the newest first
		{`{"referral_code": "NOBODY.nobodys"}`, false},
		{`{"referral_code": "JANE", "user_agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"}`, false},
		{`{"referral_code": "JANE", "user_agent": "curl/8.5.0"}`, true},
		// What a browser says about itself is no reason to refuse a click.
		{`{"referral_code": "JANE", "url": "", "referrer": "", "user_agent": ""}`, true},
		{`{"referral_code": "JANE", "url": null, "referrer": null, "user_agent": null}`, true},
		{`{"referral_code": "JANE", "url": "https://example.com/` +
			long + `", "referrer": "` + long + `", "user_agent": "` + long + `"}`, true},
		{`{"referral_code": "JANE", "url": "no url at all", "referrer": "\u0000\n", "user_agent": "` +
			strings.Repeat("é", 600) + `"}`, true},
	} {
		counted, ignored := 0, 1
		if c.counted {
			counted, ignored = 1, 0
		}
		w.do(t, "POST", "/clicks", c.body).counts(t, counted, ignored)
		if t.Failed() {
			t.Fatalf("by %.200s", c.body)
		}
	}
	w.clock.Advance(30*time.Minute + time.Millisecond)
	w.do(t, "POST", "/clicks", `{"referral_code": "JANE", "ip_address": "203.0.113.9"}`).counts(t, 1, 0)
	if jane, bob := w.clicksOf(t, "jane@example.com"), w.clicksOf(t, "bob@example.com"); jane != "12" || bob != "1" {
		t.Errorf("jane has %s clicks, bob %s", jane, bob)
	}
	w.do(t, "PUT", "/affiliates/bob@example.com", `{"status": "inactive"}`).ok(t, 200)
	w.do(t, "POST", "/clicks", `{"referral_code": "BOB"}`).counts(t, 0, 1)
	report, err := w.engine.Verify(t.Context())
	if must(t, err); len(report.Differences) != 0 {
		t.Errorf("%v", report.Differences)
	}
}

func TestClicksInAList(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	operations := w.engine.Stats().Operations
	w.do(t, "POST", "/clicks", `{"clicks": [
		{"referral_code": "JANE", "ip_address": "2001:db8::9", "user_agent": "Mozilla/5.0"},
		{"referral_code": "NOBODY", "ip_address": "2001:db8::9"},
		{"referral_code": "BOB", "ip_address": "2001:db8::9"},
		{"referral_code": "JANE", "ip_address": "2001:db8::9"},
		{"referral_code": "JANE", "user_agent": "bingbot/2.0"},
		{"referral_code": "JANE"}
	]}`).counts(t, 3, 3)
	if n := w.engine.Stats().Operations - operations; n != 1 {
		t.Errorf("there were %d operations", n)
	}
	most := strings.Repeat(`{"referral_code": "JANE"}, `, refgrow.MaxClicks-1) + `{"referral_code": "JANE"}`
	w.do(t, "POST", "/clicks", `{"clicks": [`+most+`]}`).counts(t, refgrow.MaxClicks, 0)
	if jane, bob := w.clicksOf(t, "jane@example.com"), w.clicksOf(t, "bob@example.com"); jane != "502" || bob != "1" {
		t.Errorf("jane has %s clicks, bob %s", jane, bob)
	}
}

// A call that is sent again because its answer was lost counts once.
func TestClicksWithAnIdempotencyKey(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	const body = `{"clicks": [{"referral_code": "JANE"}, {"referral_code": "JANE"}, {"referral_code": "NOBODY"}]}`
	for range 3 {
		w.do(t, "POST", "/clicks", body, "Idempotency-Key", "page view 7").counts(t, 2, 1)
	}
	w.do(t, "POST", "/clicks", `{"clicks": [{"referral_code": "JANE"}, {}]}`, "Idempotency-Key", "another").
		refused(t, 400, "invalid", "clicks[1].referral_code")
	w.do(t, "POST", "/clicks", `{"referral_code": "JANE"}`, "Idempotency-Key", "another").counts(t, 1, 0)
	if jane := w.clicksOf(t, "jane@example.com"); jane != "3" {
		t.Errorf("jane has %s clicks", jane)
	}
}

// A key records 10,000 clicks a minute.
func TestClicksHaveAQuota(t *testing.T) {
	t.Parallel()
	w := populated(t, noLimit)
	other := w.newKey(t, w.shop, refgrow.CreateKeyParams{})
	many := `{"clicks": [` + strings.Repeat(`{"referral_code": "NOBODY"}, `, 499) + `{"referral_code": "NOBODY"}]}`
	for range 20 {
		w.do(t, "POST", "/clicks", many).counts(t, 0, 500)
	}
	w.clock.Advance(18 * time.Second)
	one := `{"referral_code": "NOBODY"}`
	got := w.do(t, "POST", "/clicks", one)
	if got.status != 429 || text(got.json["code"]) != "rate_limited" || got.header.Get("Retry-After") != "42" {
		t.Errorf("beyond the quota: %d, Retry-After %q, %s", got.status, got.header.Get("Retry-After"), got.body)
	}
	w.do(t, "POST", "/clicks", one, "Authorization", "Bearer "+other).counts(t, 0, 1)
	w.clock.Advance(42 * time.Second)
	w.do(t, "POST", "/clicks", one).counts(t, 0, 1)
}
