package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

func TestRateLimit(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, httpapi.Options{})
	second := w.newKey(t, w.shop, refgrow.CreateKeyParams{})
	w.clock.Set(time.Date(2026, 1, 15, 12, 0, 0, 300e6, time.UTC))
	begin := w.clock.Now()
	reset := strconv.FormatInt(begin.Unix()+61, 10) // the first whole second after the window
	take := func(key string, status int, left int, reset string) reply {
		t.Helper()
		got := w.do(t, "GET", "/coupons", "", "Authorization", "Bearer "+key).ok(t, status)
		for name, want := range map[string]string{
			"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": strconv.Itoa(left), "X-RateLimit-Reset": reset,
		} {
			if got.header.Get(name) != want {
				t.Errorf("%s is %s, want %s", name, got.header.Get(name), want)
			}
		}
		return got
	}
	for i := range 100 {
		take(w.key, 200, 99-i, reset)
		w.clock.Advance(100 * time.Millisecond)
	}
	got := take(w.key, 429, 0, reset).refused(t, 429, "rate_limited", "")
	if got.header.Get("Retry-After") != "50" {
		t.Errorf("Retry-After is %s", got.header.Get("Retry-After"))
	}
	// Other keys are not affected, and have windows of their own.
	take(second, 200, 99, strconv.FormatInt(begin.Unix()+71, 10))

	// Refused requests prolong nothing: the window ends when the answers said it would.
	w.clock.Set(begin.Add(time.Minute - time.Millisecond))
	if got := take(w.key, 429, 0, reset); got.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %s", got.header.Get("Retry-After"))
	}
	w.clock.Set(begin.Add(time.Minute))
	next := strconv.FormatInt(begin.Unix()+121, 10)
	for i := range 100 {
		take(w.key, 200, 99-i, next)
	}
	take(w.key, 429, 0, next)

	// A clock that is set back locks nobody out.
	w.clock.Set(begin.Add(-24 * time.Hour))
	take(w.key, 200, 99, strconv.FormatInt(begin.Add(-24*time.Hour).Unix()+61, 10))
	w.clock.Set(begin.Add(240 * time.Hour))
	take(w.key, 200, 99, strconv.FormatInt(begin.Add(240*time.Hour).Unix()+61, 10))
}

// All answers count, whatever they are.
func TestEverythingCountsAgainstTheLimit(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, httpapi.Options{RateLimit: 7})
	for i, call := range []struct{ method, path, body string }{
		{"GET", "/nothing", ""}, {"PATCH", "/coupons", ""}, {"POST", "/coupons", "{"}, {"GET", "/coupons/1", ""},
		{"HEAD", "/coupons", ""}, {"POST", "/affiliates", `{"email": "a@example.com"}`},
		{"DELETE", "/affiliates/a@example.com", ""},
	} {
		got := w.do(t, call.method, call.path, call.body)
		if left := got.header.Get("X-RateLimit-Remaining"); left != strconv.Itoa(6-i) ||
			got.header.Get("X-RateLimit-Limit") != "7" {
			t.Errorf("%s %s: %d with %s left", call.method, call.path, got.status, left)
		}
	}
	w.do(t, "GET", "/coupons", "").refused(t, 429, "rate_limited", "")
}

func TestRateLimitOfParallelClients(t *testing.T) {
	t.Parallel()
	w := setup(t, refgrow.Settings{}, httpapi.Options{})
	w.do(t, "GET", "/coupons", "").ok(t, 200)
	var passed atomic.Int64
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 25 {
				if w.do(t, "GET", "/coupons/1", "").status == 404 {
					passed.Add(1)
				}
			}
		})
	}
	clients.Wait()
	if passed.Load() != 99 {
		t.Errorf("%d passed in addition to the first", passed.Load())
	}
}

func TestNoLimit(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	for range 150 {
		got := w.do(t, "GET", "/coupons/1", "").ok(t, 404)
		if h := got.header; h.Get("X-RateLimit-Limit") != "1000000" || h.Get("X-RateLimit-Remaining") != "1000000" ||
			h.Get("X-RateLimit-Reset") == "" {
			t.Fatalf("there is a limit: %v", h)
		}
	}
}

func TestFailedAuthentications(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, httpapi.Options{})
	fail := func(status, left int, reset time.Time) {
		t.Helper()
		got := w.do(t, "GET", "/coupons", "", "Authorization", "Bearer rgk_wrong").ok(t, status)
		if got.header.Get("X-RateLimit-Limit") != "60" ||
			got.header.Get("X-RateLimit-Remaining") != strconv.Itoa(left) ||
			got.header.Get("X-RateLimit-Reset") != strconv.FormatInt(reset.Unix(), 10) {
			t.Errorf("headers %v, want %d left until %d", got.header, left, reset.Unix())
		}
		if status == 429 && got.refused(t, 429, "rate_limited", "").header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After is %q", got.header.Get("Retry-After"))
		}
	}
	now := w.clock.Now()
	for i := range 60 {
		fail(401, 59-i, now.Add(time.Duration(i+1)*time.Second))
	}
	fail(429, 0, now.Add(time.Minute))
	fail(429, 0, now.Add(time.Minute))
	for i := range 100 { // a valid key is never refused for others' failures
		got := w.do(t, "GET", "/coupons", "").ok(t, 200)
		if got.header.Get("X-RateLimit-Remaining") != strconv.Itoa(99-i) {
			t.Fatalf("the key has %s left", got.header.Get("X-RateLimit-Remaining"))
		}
	}
	w.clock.Advance(time.Second)
	fail(401, 0, w.clock.Now().Add(time.Minute))
	fail(429, 0, w.clock.Now().Add(time.Minute))

	w.clock.Advance(-time.Hour)
	fail(401, 59, w.clock.Now().Add(time.Second))
	w.clock.Advance(time.Hour)
	fail(401, 59, w.clock.Now().Add(time.Second))
}

func TestLimitsHaveBoundedMemory(t *testing.T) {
	t.Parallel()
	engine, clock := refgrowtest.New(t)
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{})
	must(t, err)
	api := httpapi.New(engine, httpapi.Options{
		RateLimit: 1,
		Authenticate: func(r *http.Request) (httpapi.Caller, error) {
			if id := r.Header.Get("Session"); id != "" {
				return httpapi.Caller{Project: shop, ID: id}, nil
			}
			return httpapi.Caller{}, refgrow.ErrUnauthorized
		},
		ClientIP: func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("From")) },
	})
	ask := func(header, value string) int {
		r := httptest.NewRequest(http.MethodGet, "/nothing", nil)
		r.Header.Set(header, value)
		recorder := httptest.NewRecorder()
		api.ServeHTTP(recorder, r)
		return recorder.Code
	}
	_, _, most := httpapi.Counted(api)
	fill := func(from int) {
		t.Helper()
		for i := range most + 500 {
			n := from + i
			if status := ask("Session", strconv.Itoa(n)); status != 404 {
				t.Fatalf("caller %d gets %d", n, status)
			}
			status := ask("From", netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}).String())
			if status != 401 {
				t.Fatalf("address %d gets %d", n, status)
			}
		}
		if callers, addresses, _ := httpapi.Counted(api); callers != most || addresses != most {
			t.Errorf("%d callers and %d addresses are counted", callers, addresses)
		}
	}
	fill(0)

	// Windows that are over make room first: callers of this minute are still counted.
	clock.Advance(2 * time.Minute)
	for n := range 100 {
		ask("Session", "now "+strconv.Itoa(n))
	}
	for n := range 500 {
		ask("Session", "more "+strconv.Itoa(n))
	}
	for n := range 100 {
		if status := ask("Session", "now "+strconv.Itoa(n)); status != 429 {
			t.Errorf("caller %d was forgotten", n)
		}
	}
}
