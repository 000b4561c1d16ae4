package httpapi_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
)

func TestReadOnlyKeys(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	w.addMoney(t)
	w.addWebhooks(t)
	before := w.dump(t)
	key := w.newKey(t, w.shop, refgrow.CreateKeyParams{ReadOnly: true})
	for _, path := range []string{
		"/affiliates", "/affiliates/jane@example.com", "/conversions",
		"/conversions/1", "/referrals", "/referrals/carl@example.com", "/coupons", "/coupons/1",
		"/project", "/rules", "/conversions/1/explain", "/affiliates/jane@example.com/earnings",
		"/affiliates/jane@example.com/ledger",
		"/affiliates/jane@example.com/statement?month=2026-01", "/payouts",
		"/payouts/1", "/payouts/1/entries", "/payouts/runs", "/payouts/runs/1", "/payouts/export?format=wise",
		"/webhooks", "/webhooks/1", "/webhooks/1/deliveries", "/statistics", "/statistics?affiliate_id=1",
	} {
		w.do(t, "GET", path, "", "Authorization", "Bearer "+key).ok(t, 200)
		w.do(t, "HEAD", path, "", "Authorization", "Bearer "+key).ok(t, 200)
		for _, method := range []string{"POST", "PUT", "DELETE"} {
			if got := w.do(t, method, path, `{}`, "Authorization", "Bearer "+key); got.status != 405 {
				got.refused(t, 403, "forbidden", "")
			}
		}
	}
	for _, path := range []string{
		"/adjustments", "/payouts", "/payouts/2/pay", "/payouts/2/cancel", "/payouts/1/return",
		"/payouts/pay", "/payouts/cancel",
		"/conversions/1/refund", "/conversions/1/undo-refund", "/rules",
		"/webhooks", "/webhooks/1/rotate", "/webhooks/1/test", "/webhooks/1/replay", "/clicks",
	} {
		w.do(t, "POST", path, "", "Authorization", "Bearer "+key).refused(t, 403, "forbidden", "")
	}
	w.do(t, "DELETE", "/rules/3", "", "Authorization", "Bearer "+key).refused(t, 403, "forbidden", "")
	if w.dump(t) != before {
		t.Error("something changed")
	}
}

func TestAuthentication(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, httpapi.Options{RateLimit: 1000})
	revoked, key, err := w.engine.CreateKey(t.Context(), w.shop, refgrow.CreateKeyParams{})
	must(t, err)
	w.do(t, "GET", "/coupons", "", "Authorization", "Bearer "+revoked).ok(t, 200)
	must(t, w.engine.RevokeKey(t.Context(), key.ID))
	other := w.key[:len(w.key)-1] + "a"
	if other == w.key {
		other = w.key[:len(w.key)-1] + "b"
	}
	const unknown = "Invalid or missing API key"
	const send1 = `; send the header \"Authorization: Bearer rgk_...\"`
	for header, wrong := range map[string]string{
		"Bearer":                                 ": there is no key after the word Bearer" + send1,
		"Bearer ":                                ": there is no key after the word Bearer" + send1,
		"":                                       ": the scheme of the header Authorization must be Bearer" + send1,
		"Basic dTpw":                             ": the scheme of the header Authorization must be Bearer" + send1,
		"Token " + w.key:                         ": the scheme of the header Authorization must be Bearer" + send1,
		"Bearer" + w.key:                         ": the scheme of the header Authorization must be Bearer" + send1,
		w.key:                                    ": the word Bearer is missing before the key" + send1,
		"Bearer\t" + w.key:                       ": there is a tab after the word Bearer, where a blank must be" + send1,
		`Bearer "` + w.key + `"`:                 ": there are quotes or brackets around the key" + send1,
		"Bearer YOUR_API_KEY":                    ": what is sent is no key, which begins with rgk_",
		"Bearer " + strings.ToUpper(w.key):       ": what is sent is no key, which begins with rgk_",
		"Bearer " + strings.Repeat("x", 100_000): ": what is sent is no key, which begins with rgk_",
		"Bearer \xff":                            ": what is sent is no key, which begins with rgk_",
		"Bearer rgk_":                            "", "Bearer " + w.key + "x": "", "Bearer " + w.key + " x": "",
		"Bearer " + w.key[:len(w.key)-1]: "", "Bearer " + other: "", "Bearer " + revoked: "",
		"Bearer " + w.key + "\x00": "",
	} {
		got := w.do(t, "GET", "/coupons", "", "Authorization", header)
		got.is(t, 401, `{"success": false, "error": "`+unknown+wrong+`", "code": "unauthorized"}`)
		if got.header.Get("WWW-Authenticate") != "Bearer" || got.header.Get("X-RateLimit-Limit") != "60" {
			t.Errorf("%.40q: headers %v", header, got.header)
		}
	}
	for wrong, headers := range map[string]http.Header{
		"the header Authorization is missing":              {},
		"it is in the header X-Api-Key":                    {"X-Api-Key": {w.key}},
		"the header Authorization is given more than once": {"Authorization": {"Bearer " + w.key, "Bearer " + w.key}},
	} {
		r := w.request("GET", "/coupons", "")
		r.Header = headers
		got := send(t, w.mux, r)
		got.refused(t, 401, "unauthorized", "")
		if !strings.HasPrefix(text(got.json["error"]), unknown+": "+wrong) {
			t.Errorf("%v: %s", headers, got.body)
		}
	}
	for _, header := range []string{"Bearer " + w.key, "bearer " + w.key, "BEARER  " + w.key + " "} {
		w.do(t, "GET", "/coupons", "", "Authorization", header).ok(t, 200)
	}
}

func TestClientIP(t *testing.T) {
	t.Parallel()
	w := setup(t, refgrow.Settings{}, httpapi.Options{ClientIP: func(r *http.Request) netip.Addr {
		a, _ := netip.ParseAddr(r.Header.Get("X-Real-IP"))
		return a
	}})
	left := func(address string) string {
		return w.do(t, "GET", "/coupons", "", "Authorization", "", "X-Real-IP", address).
			ok(t, 401).header.Get("X-RateLimit-Remaining")
	}
	for _, c := range []struct{ address, left string }{
		{"192.0.2.1", "59"}, {"192.0.2.2", "59"}, {"192.0.2.1", "58"}, {"::ffff:192.0.2.1", "57"},
		{"2001:db8::1", "59"}, {"2001:db8::2:0:0:1", "58"}, {"2001:db8:0:1::1", "59"},
		{"fe80::1%eth0", "59"}, {"fe80::2%eth1", "58"},
		{"nonsense", "59"}, {"", "58"},
	} {
		if got := left(c.address); got != c.left {
			t.Errorf("%q has %s left, want %s", c.address, got, c.left)
		}
	}
}

func TestAuthenticateOfTheHost(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	callers := make(map[string]httpapi.Caller)
	options := httpapi.Options{
		RateLimit: 3, Logger: slog.New(slog.NewTextHandler(&logged, nil)),
		Authenticate: func(r *http.Request) (httpapi.Caller, error) {
			switch session := r.Header.Get("Session"); session {
			case "none":
				return httpapi.Caller{}, refgrow.ErrUnauthorized
			case "own":
				return httpapi.Caller{},
					fmt.Errorf("wrapped: %w", &refgrow.Error{Code: refgrow.CodeUnauthorized, Message: "Log in again"})
			case "down":
				return httpapi.Caller{}, errors.New("redis at 10.0.0.1 is down")
			case "nobody":
				return httpapi.Caller{}, nil
			case "panic":
				panic("secret of the host")
			default:
				return callers[session], nil
			}
		},
	}
	w := setup(t, refgrow.Settings{}, options)
	second := w.project(t, "second", refgrow.Settings{})
	callers["jane"] = httpapi.Caller{Project: w.shop, ID: "jane"}
	callers["bob"] = httpapi.Caller{Project: w.shop, ID: "bob", ReadOnly: true}
	callers["jane of second"] = httpapi.Caller{Project: second, ID: "jane"}

	w.do(t, "POST", "/affiliates", `{"email": "x@example.com"}`, "Session", "jane").ok(t, 201)
	w.do(t, "POST", "/affiliates", `{"email": "x@example.com"}`, "Session", "jane of second").ok(t, 201)
	w.do(t, "GET", "/affiliates", "", "Session", "jane").ok(t, 200)
	w.do(t, "GET", "/affiliates", "", "Session", "jane").ok(t, 200)
	w.do(t, "GET", "/affiliates", "", "Session", "jane").refused(t, 429, "rate_limited", "")
	w.do(t, "GET", "/affiliates", "", "Session", "bob").ok(t, 200)
	w.do(t, "POST", "/affiliates", `{}`, "Session", "bob").refused(t, 403, "forbidden", "")
	got := w.do(t, "GET", "/affiliates", "", "Session", "jane of second").ok(t, 200)
	if got.header.Get("X-RateLimit-Remaining") != "1" {
		t.Errorf("another project's jane has %s left", got.header.Get("X-RateLimit-Remaining"))
	}

	w.do(t, "GET", "/affiliates", "", "Session", "none").
		is(t, 401, `{"success": false, "error": "unauthorized", "code": "unauthorized"}`)
	got = w.do(t, "GET", "/affiliates", "", "Session", "own").
		is(t, 401, `{"success": false, "error": "Log in again", "code": "unauthorized"}`)
	if got.header.Get("X-RateLimit-Remaining") != "58" || got.header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("a 401 has %v", got.header)
	}
	if logged.Len() != 0 {
		t.Errorf("the log has %s", &logged)
	}
	for session, cause := range map[string]string{"down": "redis at 10.0.0.1",
		"nobody": "neither a project", "panic": "secret of the host"} {
		logged.Reset()
		got := w.do(t, "GET", "/affiliates", "", "Session", session).refused(t, 500, "internal", "")
		if text(got.json["error"]) != "internal error" || got.json["request_id"] != got.header.Get("X-Request-Id") {
			t.Errorf("%s: %s", session, got.body)
		}
		if !strings.Contains(logged.String(), cause) ||
			!strings.Contains(logged.String(), got.header.Get("X-Request-Id")) {
			t.Errorf("%s: the log has %s", session, &logged)
		}
		if strings.Contains(string(got.body), cause) {
			t.Errorf("%s: the answer reveals the cause", session)
		}
	}
}

func TestIdempotencyKeysOfTheHostsCallers(t *testing.T) {
	t.Parallel()
	var project *refgrow.Project
	w := setup(t, refgrow.Settings{}, httpapi.Options{Authenticate: func(r *http.Request) (httpapi.Caller, error) {
		return httpapi.Caller{Project: project, ID: r.Header.Get("Session")}, nil
	}})
	project = w.shop
	const body = `{"email": "x@example.com"}`
	w.do(t, "POST", "/affiliates", body, "Session", "1", "Idempotency-Key", "k").ok(t, 201)
	got := w.do(t, "POST", "/affiliates", body, "Session", "1", "Idempotency-Key", "k").ok(t, 201)
	if got.header.Get("Idempotent-Replayed") != "true" {
		t.Error("the same caller gets no replay")
	}
	w.do(t, "POST", "/affiliates", body, "Session", "2", "Idempotency-Key", "k").refused(t, 409, "conflict", "email")
}
