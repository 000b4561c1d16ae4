package main

import (
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// Whatever goes wrong, and whatever is sent, the log has nobody's key, secret, email or
// address in it, and each of its lines is one of the server's own.
func TestAttackLog(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	// Secrets that are unlike everything else in a log.
	const hookSecret = "a-secret-of-a-webhook-0123456789"
	s := p.serve("--rate-limit", "0", "--trusted-proxy", "127.0.0.1", "--webhook-allow-private")
	key := *s.ready.Key
	listening, err := url.Parse(s.ready.URL)
	if err != nil {
		t.Fatal(err)
	}
	api := func(method, path, body string) int {
		status, _, _ := s.do(method, "/api/v1"+path, body)
		return status
	}
	for _, call := range []string{
		`PUT /project {"landing_url": "https://landing-secret.example/",
			"allowed_origins": ["https://origin-secret.example"]}`,
		`POST /affiliates {"email": "jane-secret@example.com", "referral_code": "JANE-secret"}`,
		`PUT /affiliates/jane-secret@example.com {"payout_preferences": {"paypal_email": "paypal-secret@example.com"}}`,
		`POST /webhooks {"url": "http://127.0.0.1:1/hook-secret", "secret": "` + hookSecret + `"}`,
		`POST /webhooks {"url": "http://` + listening.Host + `/nowhere-secret", "secret": "` + hookSecret + `"}`,
		`POST /conversions {"type": "purchase", "base_value": 9, "email": "carl-secret@example.com",
			"referral_code": "JANE-secret", "reference": "order-secret"}`,
		`POST /webhooks/1/test {}`,
	} {
		method, rest, _ := strings.Cut(call, " ")
		path, body, _ := strings.Cut(rest, " ")
		if status := api(method, path, body); status >= 300 {
			t.Fatalf("%s: %d", call, status)
		}
	}
	hostile := func() {
		for _, path := range []string{
			"/affiliates/jane-secret@example.com", "/affiliates/jane-secret@example.com/ledger",
			"/affiliates/jane-secret@example.com/earnings",
			"/affiliates?status=secret", "/conversions", "/conversions/1",
			"/referrals/carl-secret@example.com", "/coupons?coupon_code=code-secret", "/webhooks",
			"/webhooks/1/deliveries", "/payouts/export?format=paypal",
			"/statistics", "/project", "/nothing/secret", "/affiliates/secret%0d%0alevel=ERROR%20msg=forged",
		} {
			for _, method := range []string{"GET", "PUT", "DELETE", "POST"} {
				if method != "DELETE" || strings.Contains(path, "nothing") {
					api(method, path,
						`{"email": "new-secret@example.com", "referral_code": "secret\nlevel=ERROR msg=forged"}`)
				}
			}
		}
		api("POST", "/affiliates", `{"email": "other-secret@example.com", "referral_code": "OTHER-secret"}`)
		api("POST", "/conversions",
			`{"type": "purchase", "base_value": 9, "email": "dora-secret@example.com", "referral_code": "JANE-secret"}`)
		for _, header := range []string{
			"Authorization: Bearer " + key[:20] + "secret", "Authorization: Basic c2VjcmV0OnNlY3JldA==",
			"X-Forwarded-For: 203.0.113.77", "Cookie: refgrow_ref_code=COOKIE-secret",
			"User-Agent: secret\x1b[31m", "Referer: https://referer-secret.example/?email=jane-secret@example.com",
			"X: \x80secret",
		} {
			s.raw("GET /api/v1/affiliates/jane-secret@example.com?secret;secret HTTP/1.1\r\n" +
				"Host: secret\r\nConnection: close\r\n" + header + "\r\n\r\n")
			s.raw("GET /r/JANE-secret?to=https://evil-secret.example HTTP/1.1\r\n" +
				"Host: secret\r\nConnection: close\r\n" + header + "\r\n\r\n")
			s.raw("POST /refgrow/track HTTP/1.1\r\nHost: secret\r\nConnection: close\r\n" +
				"Origin: https://origin-secret.example\r\nContent-Length: 84\r\n" + header + "\r\n\r\n" +
				`{"type": "signup", "code": "JANE-secret", "email": "claimed-secret@example.com"    }`)
		}
		s.raw("GET /secret HTTP/1.1\r\nHost: secret\r\nX: a\x00secret\r\n\r\n")
		s.raw("secret jane-secret@example.com\r\n\r\n")
	}
	hostile()
	// The database breaks under it: what then fails is logged.
	broken, err := sql.Open("sqlite", "file:"+p.db+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	for _, statement := range []string{
		"UPDATE refgrow_conversions SET currency = 'no currency'",
		"UPDATE refgrow_webhooks SET events = 'no list: jane-secret@example.com'",
		"UPDATE refgrow_projects SET origins = '{\"jane-secret@example.com\": 1}'",
		"ALTER TABLE refgrow_coupons RENAME TO refgrow_coupons_lost",
		"ALTER TABLE refgrow_claims RENAME TO refgrow_claims_lost", "DROP TABLE refgrow_accounts",
		"ALTER TABLE refgrow_deliveries RENAME COLUMN lane TO lost",
		"ALTER TABLE refgrow_clicks RENAME COLUMN url TO lost",
		"ALTER TABLE refgrow_affiliates RENAME COLUMN email TO lost",
		"ALTER TABLE refgrow_projects RENAME COLUMN currency TO lost",
	} {
		if _, err := broken.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		hostile()
	}
	<-time.After(1200 * time.Millisecond) // the worker looks every second, and clicks are written
	s.stop()
	select {
	case <-s.ended: // with an error, perhaps: its database is broken
	case <-time.After(30 * time.Second):
		t.Fatalf("the server does not stop: %s", s.log)
	}
	text := s.log.String()
	if strings.Count(text, "level=ERROR") < 10 || !strings.Contains(text, "request_id=") {
		t.Errorf("there is too little in the log: %s", text)
	}
	for _, secret := range []string{key, key[17:], hookSecret, "secret", "c2VjcmV0", "whsec_", "\x1b", "rgk_",
		"@example.com"} {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%q is in the log: %.300q", secret, text[max(0, at-200):])
		}
	}
	for line := range strings.Lines(text) { // who guesses keys can be kept out
		if strings.Contains(line, "203.0.113.77") && !strings.Contains(line, `level=WARN msg="authentication failed"`) {
			t.Errorf("an address is in the log: %s", line)
		}
	}
	own := regexp.MustCompile(`^time=\S+ level=(INFO|WARN|ERROR) msg=`)
	for line := range strings.Lines(text) {
		if !own.MatchString(line) && !strings.HasPrefix(line, "refgrow: ") {
			t.Errorf("a line that is not the server's own: %q", line)
		}
	}
}

// A client does not get another address by claiming one: its failures are counted
// together.
func TestAttackForwardedFor(t *testing.T) {
	t.Parallel()
	single(t)
	engine, _ := refgrowtest.New(t)
	for _, test := range []struct {
		name    string
		trusted string
		header  string // %d is a different number each time
		locked  bool
	}{
		{"no proxy is trusted", "", "X-Forwarded-For: 198.51.100.%d", true},
		{"another proxy is trusted", "10.0.0.0/8", "X-Forwarded-For: 198.51.100.%d", true},
		{"other headers", "192.0.2.1", "X-Real-IP: 198.51.100.%d", true},
		{"another header of standing", "192.0.2.1", "Forwarded: for=198.51.100.%d", true},
		{"behind a proxy, which adds whom it heard", "192.0.2.1", "X-Forwarded-For: 198.51.100.%d, 203.0.113.7", true},
		{"behind a proxy, in several lines", "192.0.2.1",
			"X-Forwarded-For: 198.51.100.%d\nX-Forwarded-For: 203.0.113.7", true},
		{"behind a proxy, of one network", "192.0.2.1", "X-Forwarded-For: 2001:db8::%d", true},
		{"behind a proxy, mapped", "192.0.2.1", "X-Forwarded-For: %d, ::ffff:203.0.113.7", true},
		{"behind a proxy, many clients", "192.0.2.1", "X-Forwarded-For: 198.51.100.%d", false},
	} {
		s := &serveFlags{}
		if test.trusted != "" {
			if err := s.proxies.Set(test.trusted); err != nil {
				t.Fatal(err)
			}
		}
		handler := s.handler(engine, 0, slog.New(slog.DiscardHandler))
		last := 0
		for n := range 61 {
			r := httptest.NewRequest(http.MethodGet, "/api/v1/affiliates", nil)
			r.RemoteAddr = "192.0.2.1:4711"
			for line := range strings.SplitSeq(strings.ReplaceAll(test.header, "%d", fmt.Sprint(n+1)), "\n") {
				name, value, _ := strings.Cut(line, ": ")
				r.Header.Add(name, value)
			}
			recorder := httptest.NewRecorder()
			handler.ServeHTTP(recorder, r)
			last = recorder.Code
		}
		if locked := last == http.StatusTooManyRequests; locked != test.locked ||
			!locked && last != http.StatusUnauthorized {
			t.Errorf("%s: the last of 61 wrong requests is answered with %d", test.name, last)
		}
	}
}

// Names that strangers make up cost no memory and no row.
func TestAttackMadeUpNames(t *testing.T) {
	t.Parallel()
	single(t)
	h := newHost(t)
	shop := h.project("shop")
	for n := range 2000 {
		for _, path := range []string{"/r/code-%d", "/r/project-%d/JANE",
			"/r/shop/code-%d", "/refgrow.js?project=project-%d"} {
			h.ask(http.MethodGet, fmt.Sprintf(path, n), "User-Agent",
				"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
		}
		h.ask(http.MethodPost, fmt.Sprintf("/refgrow/track?project=project-%d", n), "Origin", "https://example.com")
		h.ask(http.MethodPost, "/refgrow/track", "Origin", fmt.Sprintf("https://example-%d.com", n))
	}
	if n := h.clicks(shop); n != 0 {
		t.Errorf("there are %d clicks", n)
	}
	if stats := h.engine.Stats(); stats.ClicksDropped != 0 || stats.ClicksWaiting != 0 {
		t.Errorf("%+v", stats)
	}
	if n, err := h.engine.Projects(t.Context()); err != nil || len(n) != 1 {
		t.Errorf("there are %d projects: %v", len(n), err)
	}
	_, err := shop.CreateAffiliate(t.Context(),
		refgrow.CreateAffiliateParams{Email: "x@example.com", ReferralCode: "code-7"})
	if err != nil {
		t.Errorf("a name is taken: %v", err)
	}
	if got := h.ask(http.MethodGet, "/r/shop/code-7"); got.Header.Get("Location") != "https://shop.example?ref=code-7" {
		t.Errorf("it leads to %q", got.Header.Get("Location"))
	}
}
