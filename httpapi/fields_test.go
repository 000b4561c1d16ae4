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
	got := w.do(t, "POST", "/affiliates",
		`{"email": "x@example.com", "referral_code": "XXX", "name": {"first": [1, {}]}, "EMAIL": 5}`).ok(t, 201).data()
	if got["user_email"] != "x@example.com" || got["referral_code"] != "XXX" {
		t.Errorf("created %v", got)
	}
	w.do(t, "PUT", "/affiliates/x@example.com",
		`{"payout_preferences": {"paypal_email": "p@example.com", "iban": "1"}, "x": 1}`).ok(t, 200)
	w.do(t, "POST", "/clicks", `{"clicks": [{"referral_code": "XXX", "screen": {"clicks": [1]}}], "batch": 7}`).
		counts(t, 1, 0)
	before := w.dump(t)
	w.do(t, "POST", "/clicks", `{"clicks": [{"referral_code": "XXX"}], "batch": 7, "url": "x"}`).
		refused(t, 400, "invalid", "url")
	w.do(t, "POST", "/affiliates", `{"Email": "y@example.com"}`).refused(t, 400, "invalid", "email")
	w.do(t, "POST", "/affiliates", `{"email": "y@example.com", "x": 1, "x": 2}`).refused(t, 400, "invalid", "x")
	w.do(t, "POST", "/affiliates", `{"email": "y@example.com", "x": [}`).refused(t, 400, "invalid", "")
	w.do(t, "PUT", "/affiliates/x@example.com", `{"x": 1}`).refused(t, 400, "invalid", "")
	w.do(t, "GET", "/affiliates?limit=0", "").refused(t, 400, "invalid", "limit")
	w.do(t, "GET", "/affiliates?page=1&page=2&status=x", "").refused(t, 400, "invalid", "status")
	if w.dump(t) != before {
		t.Error("something changed")
	}
	for _, c := range []struct{ method, path, body, ignored string }{
		{"GET", "/affiliates?page=1&limit=1000&_=1732", "", "page"},
		{"GET", "/affiliates?page=1&a%0Ab=2&x=", "", `page, "a\nb", x`},
		{"GET", "/affiliates?" + strings.Repeat("a=1&", 30), "", strings.Repeat("a, ", 20) + "..."},
		{"POST", "/affiliates", `{"email": "y@example.com", "name": 1,
			"payout_preferences": {"paypal_email": "p@x.de", "iban": 2}}`,
			"payout_preferences.iban, name"},
		{"POST", "/affiliates", `{"email": "z@example.com"}`, ""},
		{"PUT", "/affiliates/x@example.com", `{"Status": "inactive"}`, "Status"},
	} {
		got := w.do(t, c.method, c.path, c.body)
		if got.header.Get("Refgrow-Ignored") != c.ignored {
			t.Errorf("%s %s: %d, ignored is %q, want %q", c.method, c.path, got.status, got.header.Get("Refgrow-Ignored"),
				c.ignored)
		}
	}
	if limit := w.do(t, "GET", "/affiliates?limit=1000", "").ok(t, 200).pagination()["limit"]; number(limit) != 500 {
		t.Errorf("the limit is %v", limit)
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
	w.do(t, "GET", "/affiliates?"+strings.Repeat("a=1&", 1001), "").refused(t, 400, "invalid", "")
}
