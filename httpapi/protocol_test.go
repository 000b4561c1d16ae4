package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

func TestPathsAndMethods(t *testing.T) {
	t.Parallel()
	single(t)
	w := populated(t, noLimit)
	alone := httpapi.New(w.engine, noLimit)
	stripped := http.StripPrefix(prefix, alone)
	for _, c := range []struct {
		call  string
		allow string // of a 405; otherwise it is a 404
	}{
		{"GET /", ""}, {"POST /", ""}, {"GET /nothing", ""}, {"DELETE /nothing/at/all", ""},
		{"GET /affiliate", ""}, {"GET /conversions/1/Refund", ""},
		{"POST /conversions/1/refunds", ""},
		{"GET /rules/1/x", ""}, {"GET /project/1", ""}, {"GET /adjustments/1", ""},
		{"OPTIONS /nothing", ""}, {"PROPFIND /", ""},
		{"GET /affiliates/a/b", ""}, {"GET /%2Faffiliates", ""}, {"GET /affiliates%2Fjane@example.com", ""},
		{"PUT /affiliates", "GET, HEAD, POST"}, {"DELETE /affiliates", "GET, HEAD, POST"},
		{"PATCH /affiliates", "GET, HEAD, POST"},
		{"TRACE /coupons", "GET, HEAD, POST"},
		{"PROPFIND /coupons", "GET, HEAD, POST"},
		{"POST /affiliates/jane@example.com", "DELETE, GET, HEAD, PUT"},
		{"PATCH /conversions/1", "DELETE, GET, HEAD, PUT"},
		{"POST /referrals/x", "DELETE, GET, HEAD, PUT"},
		{"POST /project", "GET, HEAD, PUT"}, {"DELETE /project", "GET, HEAD, PUT"},
		{"PUT /rules", "GET, HEAD, POST"}, {"GET /rules/1", "DELETE"},
		{"GET /adjustments", "POST"}, {"GET /conversions/1/refund", "POST"}, {"PUT /conversions/1/undo-refund", "POST"},
		{"POST /conversions/1/explain", "GET, HEAD"}, {"POST /affiliates/jane@example.com/earnings", "GET, HEAD"},
		{"DELETE /affiliates/jane@example.com/ledger", "GET, HEAD"},
		{"POST /affiliates/x/statement", "GET, HEAD"}, {"PUT /payouts", "GET, HEAD, POST"},
		{"DELETE /payouts/1", "GET, HEAD"}, {"POST /payouts/export", "GET, HEAD"},
		{"POST /payouts/1/entries", "GET, HEAD"},
		{"GET /payouts/1/pay", "POST"}, {"GET /payouts/export/pay", "POST"}, {"GET /payouts/1/cancel", "POST"},
		{"GET /clicks", "POST"}, {"DELETE /clicks", "POST"}, {"GET /clicks/1", ""},
		{"POST /statistics", "GET, HEAD"}, {"GET /statistics/clicks", ""},
		{"GET /webhooks/1/secret", ""}, {"POST /webhooks/test", "DELETE, GET, HEAD, PUT"},
		{"PUT /webhooks", "GET, HEAD, POST"},
		{"PATCH /webhooks/1", "DELETE, GET, HEAD, PUT"}, {"GET /webhooks/1/rotate", "POST"},
		{"GET /webhooks/1/test", "POST"},
		{"PUT /webhooks/1/replay", "POST"}, {"POST /webhooks/1/deliveries", "GET, HEAD"},
		{"GET /webhooks/1/deliveries/1", ""},
	} {
		method, path, _ := strings.Cut(c.call, " ")
		for name, h := range map[string]http.Handler{"mux": w.mux, "stripped": stripped, "alone": alone} {
			r := w.request(method, path, `{"any": "body"}`)
			if name == "alone" {
				r = httptest.NewRequest(method, path, nil)
				r.Header.Set("Authorization", "Bearer "+w.key)
			}
			got := send(t, h, r)
			if c.allow == "" {
				got.refused(t, 404, "not_found", "")
			} else {
				got.refused(t, 405, "method_not_allowed", "")
			}
			if got.header.Get("Allow") != c.allow {
				t.Errorf("%s (%s): Allow is %q, want %q", c.call, name, got.header.Get("Allow"), c.allow)
			}
		}
	}
	// A slash at the end, and the collection's name in any case, cannot be misread.
	for _, path := range []string{"/affiliates/", "/Affiliates", "/AFFILIATES/jane@example.com/", "/conversions/1/",
		"/Conversions/1/explain/"} {
		for name, h := range map[string]http.Handler{"mux": w.mux, "stripped": stripped} {
			if got := send(t, h, w.request("GET", path, "")); got.status != 200 {
				t.Errorf("%s (%s): %d %s", path, name, got.status, got.body)
			}
		}
	}
	// What a browser asks first needs no key, and is not counted.
	for path, allow := range map[string]string{
		"/affiliates": "GET, HEAD, POST", "/coupons/x/": "DELETE, GET, HEAD, PUT", "/conversions/1/refund": "POST",
	} {
		for name, h := range map[string]http.Handler{"mux": w.mux, "stripped": stripped} {
			r := w.request("OPTIONS", path, "")
			r.Header = http.Header{"Origin": {"https://shop.example"}, "Access-Control-Request-Method": {"POST"}}
			got := send(t, h, r)
			if got.status != 204 || got.header.Get("Allow") != allow || got.header.Get("X-RateLimit-Remaining") != "60" ||
				got.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("OPTIONS %s (%s): %d %v", path, name, got.status, got.header)
			}
		}
	}
	if got := send(t, w.mux, w.request("GET", "", "")); got.status != 404 {
		t.Errorf("the bare prefix: %d", got.status)
	}

	// Without a mux in front of it there are no redirects, and any method is answered.
	for _, call := range []string{"GET //affiliates", "GET /affiliates/../coupons", "GET /./coupons", "BREW /nothing"} {
		method, path, _ := strings.Cut(call, " ")
		r := w.request(method, path, "")
		send(t, stripped, r).refused(t, 404, "not_found", "")
	}
	send(t, stripped, w.request("BREW", "/affiliates", "")).refused(t, 405, "method_not_allowed", "")
	send(t, stripped, w.request("GET", "/affiliates/..", "")).refused(t, 400, "invalid", "email")
	send(t, http.StripPrefix(prefix+"/", alone), w.request("GET", "/coupons/1", "")).ok(t, 200)

	// The app's own pages are as they were.
	recorder := httptest.NewRecorder()
	w.mux.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/anything", nil))
	if recorder.Code != 200 || recorder.Body.String() != "home" {
		t.Errorf("home is %d %s", recorder.Code, recorder.Body)
	}
}

func TestRegisterFitsAnyMux(t *testing.T) {
	t.Parallel()
	engine, _ := refgrowtest.New(t)
	nothing := func(http.ResponseWriter, *http.Request) {}
	for name, patterns := range map[string][]string{
		"home":   {"GET /"},
		"all":    {"/"},
		"static": {"GET /{file...}", "POST /login", "GET /api/", "GET /api/v2/"},
		"inside": {"GET /api/v1/health", "POST /api/v1/affiliates/{email}/card"},
	} {
		for _, first := range []bool{true, false} {
			mux := http.NewServeMux()
			if first {
				httpapi.Register(mux, prefix, engine, httpapi.Options{})
			}
			for _, pattern := range patterns {
				mux.HandleFunc(pattern, nothing)
			}
			if !first {
				httpapi.Register(mux, prefix, engine, httpapi.Options{})
			}
			_, pattern := mux.Handler(httptest.NewRequest(http.MethodGet, "/api/v1/conversions/7", nil))
			if pattern != "GET /api/v1/conversions/{id}" {
				t.Errorf("%s: the pattern is %q", name, pattern)
			}
		}
	}
	for given, path := range map[string]string{
		"": "/affiliates", "/": "/affiliates", "v1": "/v1/affiliates",
		"/v1/": "/v1/affiliates", "/t/{tenant}/v1": "/t/acme/v1/affiliates",
		"/a/b/c": "/a/b/c/affiliates", "/caf%C3%A9": "/caf%C3%A9/affiliates",
	} {
		mux := http.NewServeMux()
		httpapi.Register(mux, given, engine, httpapi.Options{})
		send(t, mux, httptest.NewRequest(http.MethodGet, path, nil)).refused(t, 401, "unauthorized", "")
	}
}

func TestEmailsInPaths(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	stripped := http.StripPrefix(prefix, httpapi.New(w.engine, noLimit))
	for i, email := range []string{"jane+tag@example.com", "a/b@example.com",
		"50%@example.com", "x%40y@example.com", "o'neil@example.com"} {
		w.do(t, "POST", "/affiliates", `{"email": "`+email+`"}`).ok(t, 201)
		escaped := strings.NewReplacer("%", "%25", "/", "%2F", "@", "%40").Replace(email)
		for _, path := range []string{escaped, strings.ReplaceAll(escaped, "%40", "@"),
			strings.ReplaceAll(escaped, "+", "%2B"), strings.ToUpper(escaped)} {
			for name, h := range map[string]http.Handler{"mux": w.mux, "stripped": stripped} {
				got := send(t, h, w.request("GET", "/affiliates/"+path, "")).ok(t, 200)
				if got.data()["user_email"] != email || got.id() != fmt.Sprint(i+1) {
					t.Errorf("%s (%s) answers with %v", path, name, got.data()["user_email"])
				}
			}
		}
	}
	w.do(t, "GET", "/affiliates/jane%20tag@example.com", "").refused(t, 400, "invalid", "email") // a + is not a space
	w.do(t, "GET", "/%61ffiliates/a%2Fb@example.com", "").ok(t, 200)
	w.do(t, "DELETE", "/affiliates/a%2Fb%40example.com", "").ok(t, 204)
	w.do(t, "GET", "/affiliates/a%2Fb@example.com", "").refused(t, 404, "not_found", "")
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, httpapi.Options{})
	for path, status := range map[string]int{
		"/affiliates": 200, "/coupons/1": 200, "/coupons/9": 404,
		"/nothing": 404, "/affiliates?limit=0": 400, "/project": 200,
		"/statistics": 200, "/payouts/export?format=wise": 200, "/payouts/export": 400,
		"/affiliates/jane@example.com/statement?month=2026-01&format=csv": 200,
	} {
		get, head := w.do(t, "GET", path, ""), w.do(t, "HEAD", path, "")
		if get.status != status || head.status != status || len(head.body) != 0 ||
			head.header.Get("Content-Length") != fmt.Sprint(len(get.body)) ||
			head.header.Get("Content-Type") != get.header.Get("Content-Type") {
			t.Errorf("%s: GET %d with %d bytes, HEAD %d %v %q",
				path, get.status, len(get.body), head.status, head.header, head.body)
		}
	}
}

// Whatever is wrong with a request, the answer says what comes first in the order.
func TestOrderOfJudgement(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, httpapi.Options{RateLimit: 8}) // populate uses them all
	readOnly := w.newKey(t, w.shop, refgrow.CreateKeyParams{ReadOnly: true})
	for _, call := range []string{"POST /affiliates", "PUT /nothing",
		"PATCH /coupons", "GET /coupons?x=1", "PROPFIND /x", "GET "} {
		method, path, _ := strings.Cut(call, " ")
		w.do(t, method, path, "{", "Authorization", "Bearer rgk_wrong").refused(t, 401, "unauthorized", "")
		w.do(t, method, path, "{").refused(t, 429, "rate_limited", "") // and every path counts against the limit
	}
	w.do(t, "POST", "/nothing", "{", "Authorization", "Bearer "+readOnly).refused(t, 404, "not_found", "")
	w.do(t, "PATCH", "/coupons", "{", "Authorization", "Bearer "+readOnly).refused(t, 405, "method_not_allowed", "")
	w.do(t, "POST", "/coupons?x=1", strings.Repeat("x", httpapi.MaxBody+1), "Authorization", "Bearer "+readOnly).
		refused(t, 403, "forbidden", "")
	w.do(t, "POST", "/coupons?x=1", "{", "Authorization", "Bearer "+readOnly, "Idempotency-Key", "").
		refused(t, 403, "forbidden", "")
}

func TestBodies(t *testing.T) {
	t.Parallel()
	single(t)
	w := populated(t, noLimit)
	padded := func(n int) string {
		return `{"email": "big@example.com"` + strings.Repeat(" ", n-len(`{"email": "big@example.com"}`)) + "}"
	}
	chunked := func(body string) reply {
		r := w.request("POST", "/affiliates", "")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), -1
		return send(t, w.mux, r)
	}
	w.do(t, "POST", "/affiliates", padded(httpapi.MaxBody+1)).refused(t, 413, "too_large", "")
	w.do(t, "PUT", "/affiliates/jane@example.com", padded(httpapi.MaxBody+1)).refused(t, 413, "too_large", "")
	chunked(padded(httpapi.MaxBody+1)).refused(t, 413, "too_large", "")
	chunked(strings.Repeat("{", 3*httpapi.MaxBody)).refused(t, 413, "too_large", "")
	chunked(padded(httpapi.MaxBody)).ok(t, 201)
	w.do(t, "POST", "/affiliates", padded(httpapi.MaxBody)).refused(t, 409, "conflict", "email")

	r := w.request("POST", "/affiliates", "")
	r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader(`{"email":`), broken{})), 100
	send(t, w.mux, r).refused(t, 400, "invalid", "")
	r = w.request("POST", "/affiliates", "")
	r.Body = nil
	send(t, w.mux, r).refused(t, 400, "invalid", "email")

	for i, contentType := range []string{"", "application/json", "text/plain",
		"application/x-www-form-urlencoded", "nonsense"} {
		w.do(t, "POST", "/affiliates", fmt.Sprintf(`{"email": "type%d@example.com"}`, i), "Content-Type", contentType).
			ok(t, 201)
	}
	w.do(t, "GET", "/coupons", "not JSON", "Content-Type", "application/json").ok(t, 200)
	w.do(t, "DELETE", "/coupons/1", "not JSON", "Content-Type", "application/json").ok(t, 204)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestRequestIDs(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	seen := make(map[string]bool)
	for range 50 {
		id := w.do(t, "GET", "/coupons", "", "X-Request-Id", "mine").header.Get("X-Request-Id")
		if id == "mine" || seen[id] {
			t.Errorf("the id is %q", id)
		}
		seen[id] = true
	}
}

// A real server and client: a recorder is more forgiving.
func TestOverTheWire(t *testing.T) {
	t.Parallel()
	w := populated(t, httpapi.Options{})
	server := httptest.NewServer(w.mux)
	defer server.Close()
	for _, c := range []struct {
		method, path, body string
		status, length     int
	}{
		{"GET", "/affiliates", "", 200, -1}, {"HEAD", "/affiliates", "", 200, 0}, {"DELETE", "/coupons/1", "", 204, 0},
		{"POST", "/affiliates", strings.Repeat(" ", 2*httpapi.MaxBody), 413, -1}, {"OPTIONS", "/coupons", "", 204, 0},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, server.URL+prefix+c.path, strings.NewReader(c.body))
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+w.key)
		answer, err := server.Client().Do(r)
		must(t, err)
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		must(t, err)
		if answer.StatusCode != c.status || c.length >= 0 && len(body) != c.length ||
			c.length < 0 && parse(t, string(body)) == nil {
			t.Errorf("%s %s: %d %s", c.method, c.path, answer.StatusCode, body)
		}
		for _, name := range []string{"X-Request-Id", "X-RateLimit-Limit",
			"X-RateLimit-Remaining", "X-RateLimit-Reset"} {
			if answer.Header.Get(name) == "" {
				t.Errorf("%s %s has no %s", c.method, c.path, name)
			}
		}
	}
}
