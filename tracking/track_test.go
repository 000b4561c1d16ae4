package tracking_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/tracking"
)

// What comes from a page of an allowed origin, and the clicks it makes.
func TestTrackClicks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		origin, body string // default: other, a click for Jane
		fields       []string
		jane         int64
	}{
		"a click":              {jane: 1},
		"slug":                 {body: `{"type":"click","code":"jane-doe"}`, jane: 1},
		"more members":         {body: `{"type":"click","code":"JANE","value":100,"affiliate_id":1}`, jane: 1},
		"unknown code":         {body: `{"type":"click","code":"NOBODY"}`},
		"inactive":             {body: `{"type":"click","code":"INA"}`},
		"code with blanks":     {body: `{"type":"click","code":"JANE "}`, jane: 1},
		"impossible code":      {body: `{"type":"click","code":"JA NE"}`},
		"codes":                {body: `{"type":"click","codes":["NOBODY","INA","JANE"]}`, jane: 1},
		"too many codes":       {body: `{"type":"click","codes":["a","b","c","d","e","f","JANE"]}`},
		"no code":              {body: `{"type":"click"}`},
		"no type":              {body: `{"code":"JANE"}`},
		"other type":           {body: `{"type":"purchase","code":"JANE"}`},
		"signup without email": {body: `{"type":"signup","code":"JANE"}`},
		"code is a number":     {body: `{"type":"click","code":1234}`},
		"an array":             {body: `[{"type":"click","code":"JANE"}]`},
		"no JSON":              {body: `type=click&code=JANE`},
		"two values":           {body: `{"type":"click","code":"JANE"} {}`},
		"nothing":              {body: " "},
		"4 KiB":                {body: padded(4096), jane: 1},
		"more than 4 KiB":      {body: padded(4097)},
		"a megabyte":           {body: padded(1 << 20)},
		"other origin":         {origin: "https://evil.example"},
		"other scheme":         {origin: "http://blog.example.org:8443"},
		"other port":           {origin: "https://blog.example.org"},
		"other case":           {origin: "https://BLOG.example.org:8443"},
		"null":                 {origin: "null"},
		"with a path":          {origin: other + "/"},
		"two":                  {origin: other + " https://evil.example"},
		"the landing URL's":    {origin: "https://shop.example.com"},
		"a bot":                {fields: []string{"User-Agent", googlebot}},
		"the app's bot":        {fields: []string{"X-Load-Test", "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			mux := w.mux(
				tracking.Options{IsBot: func(r *http.Request) bool { return r.Header.Get("X-Load-Test") != "" }})
			if test.origin == "" {
				test.origin = other
			}
			if test.body == "" {
				test.body = `{"type":"click","code":"JANE","url":"https://blog.example.org/?ref=JANE","referrer":""}`
			}
			r := w.message(test.origin, test.body)
			for i := 0; i < len(test.fields); i += 2 {
				r.Header.Set(test.fields[i], test.fields[i+1])
			}
			a := serve(mux, r)
			revealsNothing(t, a.Result())
			allowed := ""
			if test.origin == other {
				allowed = other
			}
			if got := a.Header().Get("Access-Control-Allow-Origin"); got != allowed {
				t.Errorf("Access-Control-Allow-Origin is %q, not %q", got, allowed)
			}
			w.counts(test.jane, 0)
		})
	}
}

// padded is a click for Jane in exactly length bytes.
func padded(length int) string {
	text := `{"type":"click","code":"JANE","url":""}`
	return text + strings.Repeat(" ", length-len(text))
}

// revealsNothing checks that an answer is the one that everybody gets.
func revealsNothing(t *testing.T, a *http.Response) {
	t.Helper()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != http.StatusAccepted || len(body) > 0 {
		t.Errorf("the answer is %s %q", a.Status, body)
	}
	if got := a.Header["Vary"]; !slices.Equal(got, []string{"Origin"}) {
		t.Errorf("Vary is %q", got)
	}
	for name := range a.Header {
		if !slices.Contains([]string{"Vary", "Access-Control-Allow-Origin", "Connection"}, name) {
			t.Errorf("there is a field %s", name)
		}
	}
}

func TestTrackMethods(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tracker := w.tracker(tracking.Options{})
	handler := http.HandlerFunc(tracker.ServeTrack)
	for _, test := range []struct {
		method, origin string
		status         int
	}{
		{"POST", "", 202}, {"POST", other, 202}, {"OPTIONS", "", 204},
		{"OPTIONS", "https://evil.example", 204}, {"OPTIONS", other, 204},
		{"GET", other, 405}, {"HEAD", other, 405}, {"PUT", other, 405}, {"DELETE", other, 405}, {"PATCH", other, 405},
	} {
		r := w.message(test.origin, `{"type":"click","code":"JANE"}`)
		r.Method = test.method
		if test.method == "OPTIONS" {
			r.Header.Set("Access-Control-Request-Method", "POST")
		}
		a := serve(handler, r)
		h := a.Header()
		if a.Code != test.status || a.Body.Len() > 0 || h.Get("Vary") != "Origin" {
			t.Errorf("%s from %q: %d %v %q", test.method, test.origin, a.Code, h, a.Body)
		}
		origin, methods := "", ""
		if test.origin == other {
			origin = other
			if test.method == "OPTIONS" {
				methods = "POST"
			}
		}
		if h.Get("Access-Control-Allow-Origin") != origin || h.Get("Access-Control-Allow-Methods") != methods ||
			h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s from %q: %v", test.method, test.origin, h)
		}
		if test.status == 405 && h.Get("Allow") != "OPTIONS, POST" {
			t.Errorf("%s: Allow is %q", test.method, h.Get("Allow"))
		}
	}
	w.counts(1, 0)
}

// Until the owner allows an origin, nothing has an effect.
func TestTrackIsOff(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mux := w.mux(tracking.Options{})
	w.set(refgrow.UpdateSettingsParams{AllowedOrigins: &[]string{}})
	for _, origin := range []string{"", other, "https://shop.example.com", "null", "*"} {
		for _, body := range []string{`{"type":"click","code":"JANE"}`,
			`{"type":"signup","code":"JANE","email":"carl@example.com"}`} {
			a := serve(mux, w.message(origin, body))
			revealsNothing(t, a.Result())
			if got := a.Header().Get("Access-Control-Allow-Origin"); got != "" {
				t.Errorf("%q: Access-Control-Allow-Origin is %q", origin, got)
			}
		}
	}
	w.counts(0, 0)
	if sale := w.buy("carl@example.com"); sale.AffiliateID != 0 {
		t.Errorf("the sale belongs to affiliate %d", sale.AffiliateID)
	}
	w.set(refgrow.UpdateSettingsParams{AllowedOrigins: &[]string{other}})
	serve(mux, w.message(other, `{"type":"click","code":"JANE"}`))
	w.counts(1, 0)
}

// buy records a purchase of a customer, as the app's server does.
func (w *world) buy(email string) *refgrow.Conversion {
	w.Helper()
	sale, err := w.shop.RecordConversion(w.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, Customer: refgrow.Customer{Email: email}, BaseValue: money.MustParse("10.00 USD"),
	})
	w.ok(err)
	return sale
}

func (w *world) claim(mux http.Handler, email, code string) {
	w.Helper()
	body, err := json.Marshal(map[string]any{
		"type": "signup", "code": code, "email": email,
		// What a browser could hope for.
		"value": 100, "base_value": 100, "reference": "order-1", "external_id": "7",
		"affiliate_id": w.jane, "paid": true,
	})
	w.ok(err)
	a := serve(mux, w.message(other, string(body)))
	if a.Code != http.StatusAccepted || a.Body.Len() > 0 {
		w.Errorf("the answer is %d %q", a.Code, a.Body)
	}
}

// A claim is not a signup: nothing is recorded, earned, or sent to endpoints. It counts
// when the app's server records something.
func TestTrackClaims(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mux := w.mux(tracking.Options{})
	hook, err := w.shop.Webhooks().Create(t.Context(), refgrow.CreateWebhookParams{URL: "https://example.com/hook"})
	w.ok(err)
	w.buy("old@example.com") // a customer who came through nobody's link
	w.buyBy("hers@example.com", "BOB")
	conversions, referrals, events := w.amounts(hook.ID)

	w.claim(mux, "carl@example.com", "JANE")
	w.claim(mux, "CARL@example.com", "BOB") // the last one counts
	w.claim(mux, "CARL@example.com", "INA") // but it must lead to somebody
	w.claim(mux, "old@example.com", "JANE")
	w.claim(mux, "hers@example.com", "JANE")
	w.claim(mux, "dora@example.com", "INA")
	w.claim(mux, "dora@example.com", "NOBODY")
	w.claim(mux, "no address", "JANE")
	w.claim(mux, "jane@example.com", "JANE")

	c, r, e := w.amounts(hook.ID)
	if c != conversions || r != referrals || e != events {
		t.Errorf("%d conversions, %d referrals and %d deliveries more", c-conversions, r-referrals, e-events)
	}
	for _, id := range []int64{w.jane, w.ina} {
		if lines, err := w.shop.CountLedger(t.Context(), id); err != nil || lines != 0 {
			t.Errorf("affiliate %d has %d lines in the ledger (%v)", id, lines, err)
		}
	}
	days, err := w.shop.Statistics(t.Context(), refgrow.StatisticsParams{})
	w.ok(err)
	for _, day := range days {
		if day.Signups != 0 {
			t.Errorf("%+v", day)
		}
	}

	// The reference that a browser named is free.
	first, err := w.shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Signup, Customer: refgrow.Customer{Email: "carl@example.com"}, Reference: "order-1",
	})
	w.ok(err)
	decision, err := first.Decision()
	w.ok(err)
	if first.AffiliateID != w.bob || decision.Reason != refgrow.ReasonReferralCode {
		t.Errorf("the signup belongs to affiliate %d: %+v", first.AffiliateID, decision)
	}
	for email, want := range map[string]int64{"old@example.com": 0,
		"hers@example.com": w.bob, "dora@example.com": 0, "jane@example.com": 0, "emil@example.com": 0} {
		if sale := w.buy(email); sale.AffiliateID != want {
			t.Errorf("the sale to %s belongs to affiliate %d", email, sale.AffiliateID)
		}
	}
	report, err := w.engine.Verify(t.Context())
	if err != nil || len(report.Differences) > 0 {
		t.Errorf("the books do not agree: %v (%v)", report, err)
	}
}

func (w *world) buyBy(email, code string) {
	w.Helper()
	_, err := w.shop.RecordConversion(w.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, Customer: refgrow.Customer{Email: email},
		ReferralCode: code, BaseValue: money.MustParse("10.00 USD"),
	})
	w.ok(err)
}

// amounts is how many conversions, referrals and deliveries to an endpoint there are.
func (w *world) amounts(hook int64) (conversions, referrals, deliveries int64) {
	w.Helper()
	for more := true; more; {
		var err error
		more, err = w.engine.Outbox().Spread(w.Context())
		w.ok(err)
	}
	conversions, err := w.shop.CountConversions(w.Context(), refgrow.ListConversionsParams{})
	w.ok(err)
	referrals, err = w.shop.CountReferrals(w.Context(), refgrow.ListReferralsParams{})
	w.ok(err)
	deliveries, err = w.shop.Webhooks().CountDeliveries(w.Context(), hook, refgrow.ListDeliveriesParams{})
	w.ok(err)
	return conversions, referrals, deliveries
}

// A browser that goes on to the next page ends the request.
func TestTrackClaimOfABrowserThatHasLeft(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	serve(w.mux(tracking.Options{}),
		w.message(other, `{"type":"signup","code":"JANE","email":"carl@example.com"}`).WithContext(ctx))
	if sale := w.buy("carl@example.com"); sale.AffiliateID != w.jane {
		t.Errorf("the sale belongs to affiliate %d", sale.AffiliateID)
	}
}

// What cannot be written is in the log; what is invalid is not, because anybody can
// send it.
func TestTrackTrouble(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var log strings.Builder
	mux := http.NewServeMux()
	tracker := tracking.New(w.shop, tracking.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	tracker.WaitFor(time.Minute)
	tracker.Register(mux)
	w.claim(mux, "no address", "JANE")
	if log.Len() > 0 {
		t.Errorf("the log has %s", &log)
	}
	w.claim(mux, "carl@example.com", "JANE") // the settings are in memory
	w.ok(w.engine.Close(t.Context()))
	w.claim(mux, "dora@example.com", "JANE")
	if !strings.Contains(log.String(), "signup claims are lost") || strings.Contains(log.String(), "dora") {
		t.Errorf("the log has %s", &log)
	}
}

func TestTrackLimit(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mux := w.mux(tracking.Options{ClientIP: func(r *http.Request) netip.Addr {
		a, err := netip.ParseAddr(r.Header.Get("X-Real-IP"))
		if err != nil {
			t.Error(err)
		}
		return a
	}})
	n := 0
	claim := func(ip string) (kept bool) {
		t.Helper()
		n++
		email := fmt.Sprintf("c%d@example.com", n)
		r := w.message(other, fmt.Sprintf(`{"type":"signup","code":"JANE","email":%q}`, email))
		r.Header.Set("X-Real-IP", ip)
		revealsNothing(t, serve(mux, r).Result())
		return w.buy(email).AffiliateID == w.jane
	}
	for i := range 60 {
		if !claim("192.0.2.1") || !claim(fmt.Sprintf("2001:db8:0:1:%x::1", i)) {
			t.Fatalf("claim %d was lost", i+1)
		}
	}
	for _, test := range []struct {
		ip   string
		kept bool
	}{
		{"192.0.2.1", false}, {"::ffff:192.0.2.1", false}, {"2001:db8:0:1:ffff::2", false},
		{"192.0.2.2", true}, {"2001:db8:0:2::1", true},
	} {
		if kept := claim(test.ip); kept != test.kept {
			t.Errorf("the claim of %s: kept %t", test.ip, kept)
		}
	}
	w.clock.Advance(time.Second)
	if !claim("192.0.2.1") || claim("192.0.2.1") {
		t.Error("a second does not regain one")
	}
	w.clock.Advance(-time.Hour)
	if !claim("192.0.2.1") {
		t.Error("a clock that was set back locks an address out")
	}
	w.clock.Advance(2 * time.Hour)
	for i := range 61 {
		if kept := claim("192.0.2.1"); kept != (i < 60) {
			t.Errorf("a minute later, claim %d: kept %t", i+1, kept)
		}
	}
}

// What other origins send does not use up an address's messages.
func TestTrackLimitIsForAllowedOrigins(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mux := w.mux(tracking.Options{})
	var r *http.Request
	for range 100 {
		r = w.message("https://evil.example", `{}`)
		r.RemoteAddr = "192.0.2.1:1000"
		serve(mux, r)
	}
	r = w.message(other, `{"type":"click","code":"JANE"}`)
	r.RemoteAddr = "192.0.2.1:1000"
	serve(mux, r)
	w.counts(1, 0)
}

// What is kept of a click that a browser reports.
func TestTrackKeeps(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mux := w.mux(tracking.Options{})
	long := "https://blog.example.org/" + strings.Repeat("x", 2500)
	for _, test := range []struct{ url, referrer, wantURL, wantReferrer string }{
		{"https://blog.example.org/a?ref=JANE&b=%20", "https://search.example/?q=x",
			"https://blog.example.org/a?ref=JANE", "https://search.example/"},
		{"https://user:secret@blog.example.org/#token=1", "http://user@search.example/#x",
			"https://blog.example.org/", "http://search.example/"},
		{"javascript:alert(1)", "data:text/html,x", "", ""},
		{"<script>alert(1)</script>", "not an address", "", ""},
		{"https://", "https:opaque", "", ""},
		{long, "", long[:2048], ""},
		{"", long, "", long[:2048]},
	} {
		body, err := json.Marshal(
			map[string]string{"type": "click", "code": "JANE", "url": test.url, "referrer": test.referrer})
		w.ok(err)
		serve(mux, w.message(other, string(body)))
		kept := w.rows()
		if got, want := kept[len(kept)-1], (row{"JANE", test.wantURL, test.wantReferrer, browser}); got != want {
			t.Errorf("kept %+v\nnot %+v", got, want)
		}
	}
	w.counts(7, 0)
}

// clicksOf is what became of clicks. What the store still counts of the message before is
// not the doing of this one.
func clicksOf(s refgrow.Stats) [4]int64 {
	return [4]int64{s.ClicksCounted, s.ClicksIgnored, s.ClicksDropped, s.ClicksWaiting}
}

// FuzzTrack: whatever is sent, the answer reveals nothing, and nothing is recorded but
// a click for an affiliate.
func FuzzTrack(f *testing.F) {
	for _, body := range []string{
		`{"type":"click","code":"JANE","url":"https://blog.example.org/","referrer":""}`,
		`{"type":"signup","code":"JANE","email":"carl@example.com"}`,
		`{"type":"signup","code":"BOB","email":"old@example.com","value":100}`,
		`{"type":"click","code":"` + strings.Repeat("x", 70) + `"}`, `{`, `[]`, `null`, `"click"`, "\x00", "",
		`{"type":"signup","code":"JANE","email":"a@b\u0000c"}`,
		`{"type":"click","code":"JANE","url":"\ud800"}`, padded(5000),
	} {
		f.Add(other, []byte(body))
	}
	f.Add("null", []byte(`{"type":"click","code":"JANE"}`))
	f.Add("https://evil.example", []byte(`{"type":"click","code":"JANE"}`))
	w := setup(f)
	w.buy("old@example.com")
	hook, err := w.shop.Webhooks().Create(f.Context(), refgrow.CreateWebhookParams{URL: "https://example.com/hook"})
	w.ok(err)
	mux := w.mux(tracking.Options{})
	f.Fuzz(func(t *testing.T, origin string, body []byte) {
		w := *w
		w.TB = t
		before := clicksOf(w.engine.Stats())
		r := w.message("", string(body))
		r.RemoteAddr = "203.0.113.9:4000" // whose further clicks do not count, so that little grows
		w.clock.Advance(time.Second)      // and who is heard each time
		r.Header["Origin"] = []string{origin}
		a := serve(mux, r)
		revealsNothing(t, a.Result())
		if got := a.Header().Get("Access-Control-Allow-Origin"); got != "" && got != other {
			t.Errorf("Access-Control-Allow-Origin is %q", got)
		}
		w.ok(w.engine.FlushClicks(t.Context()))
		after := clicksOf(w.engine.Stats())
		if origin != other && after != before {
			t.Errorf("from %q: %+v became %+v", origin, before, after)
		}
		if c, r, e := w.amounts(hook.ID); c != 1 || r != 1 || e != 0 {
			t.Errorf("%q: there are %d conversions, %d referrals and %d deliveries", body, c, r, e)
		}
		if customer, err := w.shop.ReferralByEmail(t.Context(), "old@example.com"); err != nil ||
			customer.AffiliateID != 0 {
			t.Errorf("%q: the old customer is %+v (%v)", body, customer, err)
		}
	})
}
