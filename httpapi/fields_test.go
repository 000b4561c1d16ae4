package httpapi_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/httpapi"
)

func TestIgnoreUnknown(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, httpapi.Options{RateLimit: -1, IgnoreUnknown: true})
	got := w.do(t, "POST", "/affiliates", `{"email": "x@example.com", "referral_code": "XXX", "name": {"first": [1, {}]}, "EMAIL": 5}`).ok(t, 201).data()
	if got["user_email"] != "x@example.com" || got["referral_code"] != "XXX" {
		t.Errorf("made %v", got)
	}
	w.do(t, "PUT", "/affiliates/x@example.com", `{"payout_preferences": {"paypal_email": "p@example.com", "iban": "1"}, "x": 1}`).ok(t, 200)
	w.do(t, "POST", "/clicks", `{"clicks": [{"referral_code": "XXX", "screen": {"clicks": [1]}}], "batch": 7}`).counts(t, 1, 0)
	before := w.dump(t)
	w.do(t, "POST", "/clicks", `{"clicks": [{"referral_code": "XXX"}], "batch": 7, "url": "x"}`).refused(t, 400, "invalid", "url")
	w.do(t, "POST", "/affiliates", `{"Email": "y@example.com"}`).refused(t, 400, "invalid", "email")
	w.do(t, "POST", "/affiliates", `{"email": "y@example.com", "x": 1, "x": 2}`).refused(t, 400, "invalid", "x")
	w.do(t, "POST", "/affiliates", `{"email": "y@example.com", "x": [}`).refused(t, 400, "invalid", "")
	w.do(t, "PUT", "/affiliates/x@example.com", `{"x": 1}`).refused(t, 400, "invalid", "")
	w.do(t, "GET", "/affiliates?page=1", "").refused(t, 400, "invalid", "page")
	if w.dump(t) != before {
		t.Error("something changed")
	}
}

func TestManyFields(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, httpapi.Options{RateLimit: -1, IgnoreUnknown: true})
	fields := func(n int) string {
		var b strings.Builder
		b.WriteString(`{"email": "x@example.com"`)
		for i := range n - 1 {
			b.WriteString(`,"f` + strconv.Itoa(i) + `":0`)
		}
		return b.String()
	}
	w.do(t, "POST", "/affiliates", fields(1000)+"}").ok(t, 201)
	w.do(t, "POST", "/affiliates", fields(1001)+"}").refused(t, 400, "invalid", "")
	w.do(t, "POST", "/affiliates", fields(100)+`,"f0":0}`).refused(t, 400, "invalid", "f0")
	w.do(t, "POST", "/affiliates", fields(100)+`,"f98":0}`).refused(t, 400, "invalid", "f98")
	w.do(t, "POST", "/affiliates", fields(24)+`,"f22":0}`).refused(t, 400, "invalid", "f22")
	w.do(t, "POST", "/affiliates", fields(25)+`,"f23":0}`).refused(t, 400, "invalid", "f23")
	w.do(t, "GET", "/affiliates?"+strings.Repeat("a=1&", 1001), "").refused(t, 400, "invalid", "a")
}
