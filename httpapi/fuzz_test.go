package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// fuzzed is a small world without keys, so that an answer costs little. What is
// sent to it must get an answer in the API's form, and never one of 5xx.
func fuzzed(f *testing.F) func(t *testing.T, r *http.Request) reply {
	f.Helper()
	engine, _ := refgrowtest.New(f)
	var shop *refgrow.Project
	options := httpapi.Options{RateLimit: -1, Authenticate: func(*http.Request) (httpapi.Caller, error) {
		return httpapi.Caller{Project: shop, ID: "fuzz"}, nil
	}}
	shop, err := engine.CreateProject(f.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	must(f, err)
	handler := http.StripPrefix(prefix, httpapi.New(engine, options))
	for _, call := range []string{
		`/affiliates {"email": "jane@example.com", "referral_code": "JANE"}`, `/referrals {"email": "carl@example.com"}`, `/coupons {"affiliate_id": 1, "coupon_code": "JANE20"}`,
		`/conversions {"type": "purchase", "affiliate_id": 1, "base_value": 50}`, `/payouts {}`,
		`/conversions {"type": "purchase", "affiliate_id": 1, "base_value": 50}`, `/webhooks {"url": "https://example.com/hooks"}`,
	} {
		path, body, _ := strings.Cut(call, " ")
		r := httptest.NewRequest(http.MethodPost, prefix+path, strings.NewReader(body))
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		if recorder.Code != 201 {
			f.Fatal(recorder.Body)
		}
	}
	return func(t *testing.T, r *http.Request) reply {
		t.Helper()
		got := send(t, handler, r)
		if got.status >= 500 {
			t.Errorf("%s %s: %d %s", r.Method, r.URL, got.status, got.body)
		}
		return got
	}
}

var bodyRoutes = []string{
	"POST /affiliates", "PUT /affiliates/jane@example.com", "POST /conversions", "PUT /conversions/1", "POST /referrals",
	"PUT /referrals/carl@example.com", "POST /coupons", "PUT /coupons/1",
	"PUT /project", "POST /rules", "POST /conversions/2/refund", "POST /conversions/2/undo-refund", "POST /adjustments", "POST /payouts",
	"POST /payouts/1/pay", "POST /payouts/1/cancel", "POST /webhooks", "PUT /webhooks/1", "POST /webhooks/1/rotate", "POST /webhooks/1/test",
	"POST /webhooks/1/replay", "POST /clicks",
}

var queryRoutes = []string{
	"/affiliates", "/conversions", "/referrals", "/coupons", "/rules", "/payouts", "/payouts/1/entries", "/payouts/export",
	"/affiliates/jane@example.com/earnings", "/affiliates/jane@example.com/ledger", "/affiliates/jane@example.com/statement",
	"/webhooks", "/webhooks/1/deliveries", "/statistics",
}

func FuzzBody(f *testing.F) {
	for i, body := range []string{
		`{"email": "x@example.com", "referral_code": "XXX", "partner_slug": "xxx"}`,
		`{"status": "inactive", "payout_preferences": {"paypal_email": "p@example.com", "wise_details": {"accountId": "1", "email": "w@example.com"}}}`,
		`{"type": "purchase", "base_value": 12.5, "value": 1e2, "base_value_currency": "usd", "email": "a@b.co", "external_id": "u", "paid": true}`,
		`{"value": 0.1, "base_value": null, "type": "signup", "paid": false, "reference": "r", "coupon_code_used": null, "affiliate_id": null}`,
		`{"email": "y@example.com", "affiliate_id": 1, "status": "converted"}`,
		`{"email": "z@example.com", "affiliate_id": null, "status": "direct"}`,
		`{"affiliate_id": 1, "coupon_code": "ABC", "stripe_coupon_id": "s", "lemonsqueezy_discount_code": "l", "status": "inactive"}`,
		`{"affiliate_id": 1, "coupon_code": "ABCD", "stripe_coupon_id": null}`,
		`{"name": "shop", "commission": "8.25%", "commission_duration": "12 months", "signup_commission": "5.00", "hold_days": 30, "minimum_payout": 0.5}`,
		`{"affiliate_id": 1, "product": "Pro", "commission": "1e1", "commission_duration": "6 payments"}`,
		`{"amount": 0.01, "reason": "r"}`,
		`{"amount": 1e-2}`,
		`{"affiliate_id": 1, "amount": -1.25e1, "currency": "usd", "note": "n"}`,
		`{"cutoff": "2026-01-15", "currency": "JPY", "minimum": 5, "preview": true}`,
		`{"external_reference": "x"}`,
		`{}`,
		`{"url": "http://[::1]:80/x?y#", "events": ["referral_canceled", "referral_updated"], "secret": "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY", "status": "inactive"}`,
		`{"url": "https://u:p@example.com", "events": [], "secret": null}`,
		`{"events": ["a", 1, [null], {}]}`,
		`{"event": "referral_signed_up"}`,
		`{"since": "2026-01-15", "delivery_id": 1}`,
		`{"clicks": [{"referral_code": "JANE", "url": "https://example.com/?ref=JANE", "referrer": "", "ip_address": "2001:db8::1", "user_agent": "x"}, {}]}`,
	} {
		f.Add(uint8(i), body)
	}
	clicks, project := slices.Index(bodyRoutes, "POST /clicks"), slices.Index(bodyRoutes, "PUT /project")
	for _, body := range []string{
		`{"referral_code": "JANE", "url": "https://example.com/?ref=JANE", "referrer": "https://example.org", "ip_address": "203.0.113.9", "user_agent": "x"}`,
		`{"clicks": [{"referral_code": "jane", "ip_address": "::ffff:203.0.113.9"}, {"referral_code": "nobody", "url": "\u0000"}]}`,
		`{"clicks": [{"clicks": []}, [], null]}`,
	} {
		f.Add(uint8(clicks), body)
	}
	for _, body := range []string{
		`{"touch": "first", "cookie_days": 400, "click_days": 1, "landing_url": "/a?b#c", "allowed_origins": ["HTTP://[::1]:80", "https://example.com"]}`,
		`{"landing_url": null, "allowed_origins": []}`,
		`{"landing_url": "//example.com", "allowed_origins": ["null", "https://example.com/"]}`,
	} {
		f.Add(uint8(project), body)
	}
	for i, body := range objects {
		f.Add(uint8(i), body)
	}
	answer := fuzzed(f)
	f.Fuzz(func(t *testing.T, route uint8, body string) {
		method, path, _ := strings.Cut(bodyRoutes[int(route)%len(bodyRoutes)], " ")
		got := answer(t, httptest.NewRequest(method, prefix+path, strings.NewReader(body)))
		if _, err := httpapi.ParseObject(body); err != nil && body != "" && got.status != 400 && got.status != 413 {
			t.Errorf("%s %s is answered with %d", method, path, got.status)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		"limit=10&offset=5", "cursor=AAAA", "status=active", "type=purchase&affiliate_id=1&paid=true", "from=2024-01-01&to=2025-01-01T00:00:00Z",
		"coupon_code=a%25", "%zz", "a=b=c&&=&", "limit=%31", "from=0001-01-01", "to=9999-12-31T23:59:59.999999999-23:59", ";", "affiliate_id=9223372036854775807",
		"product=Pro&affiliate_id=1", "status=pending", "format=paypal&currency=usd", "format=wise", "as_of=2026-01-01", "as_of=0001-01-01T00:00:00Z",
		"month=2026-01", "month=1970-01&format=csv", "month=9999-12", "affiliate_id=1&from=2026-01-01&to=2026-01-15T12:00:00Z", "to=0001-01-01",
	} {
		for i := range queryRoutes {
			f.Add(uint8(i), query)
		}
	}
	answer := fuzzed(f)
	f.Fuzz(func(t *testing.T, route uint8, query string) {
		path := queryRoutes[int(route)%len(queryRoutes)]
		r := httptest.NewRequest(http.MethodGet, prefix+path, nil)
		r.URL.RawQuery = query
		got := answer(t, r)
		if got.status != 200 && (got.status != 400 || text(got.json["code"]) != "invalid") {
			t.Errorf("%s?%s: %d %s", path, query, got.status, got.body)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"/affiliates/jane@example.com", "/affiliates/jane%40example.com", "/conversions/1", "/conversions/01", "/coupons/%31", "//", "/../", "/affiliates/%2F",
		"/affiliates/", "/%", "/conversions/9223372036854775808", "/referrals/\xff@x.co", "", "/affiliates/a%00@b.co", "/x/{id}", "/affiliates/a?b",
		"/project", "/rules/3", "/conversions/1/explain", "/conversions/1/explain/", "/affiliates/jane%40example.com/earnings", "/affiliates//ledger",
		"/affiliates/a%2Fledger/ledger", "/payouts/export?format=wise", "/payouts/export/entries", "/payouts/%65xport", "/payouts/1/entries",
		"/webhooks/1", "/webhooks/1/deliveries", "/webhooks/0/deliveries", "/webhooks//deliveries", "/statistics", "/clicks",
	} {
		f.Add("GET", path)
	}
	f.Add("POST", "/webhooks/1/test")
	f.Add("POST", "/webhooks/1/rotate")
	f.Add("PUT", "/affiliates")
	f.Add("POST", "/payouts")
	f.Add("POST", "/payouts/1/pay")
	f.Add("DELETE", "/rules/3")
	f.Add("BREW", "/coupons/1")
	f.Add("HEAD", "/coupons/1")
	answer := fuzzed(f)
	f.Fuzz(func(t *testing.T, method, path string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Method = method
		u, err := url.ParseRequestURI(prefix + path)
		if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, prefix) || u.RawPath != "" && !strings.HasPrefix(u.RawPath, prefix) {
			return // no server would pass it on, or StripPrefix would not
		}
		r.URL = u
		switch got := answer(t, r); got.status {
		case 200, 201, 202, 204, 400, 404, 409:
		case 405:
			if got.header.Get("Allow") == "" {
				t.Errorf("%s %s: a 405 without Allow", method, path)
			}
		default:
			t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
		}
	})
}
