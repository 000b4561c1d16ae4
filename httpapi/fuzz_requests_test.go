package httpapi_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
)

// FuzzPath asks for any path with any method: the routes are those that are documented,
// and what does not succeed changes nothing.
func FuzzPath(f *testing.F) {
	for _, call := range []string{
		"GET /affiliates?limit=10&status=active", "GET /affiliates/affiliate1%40example.com",
		"DELETE /affiliates/affiliate1%40example.com",
		"GET /conversions?type=purchase&affiliate_id=123&paid=true",
		"GET /conversions/1002", "DELETE /conversions/1002", "GET /referrals/customer1%40example.com",
		"GET /affiliates/jane@example.com", "GET /affiliates/jane%40example.com",
		"GET /conversions/1", "GET /conversions/01", "GET /coupons/%31", "GET //", "GET /../",
		"GET /affiliates/%2F", "GET /affiliates/", "GET /%", "GET /conversions/9223372036854775808",
		"GET /referrals/\xff@x.co", "GET ", "GET /affiliates/a%00@b.co",
		"GET /x/{id}", "GET /affiliates/a?b", "GET /project", "GET /rules/3",
		"GET /conversions/1/explain", "GET /conversions/1/explain/", "GET /affiliates//ledger",
		"GET /affiliates/jane%40example.com/earnings", "GET /affiliates/a%2Fledger/ledger",
		"GEt /affiliates/a%2Fledger/ledger",
		"GET /payouts/export?format=wise_email&after=1", "GET /payouts/export/entries",
		"GET /payouts/%65xport", "GET /payouts/1/entries", "GET /webhooks/1",
		"GET /webhooks/1/deliveries", "GET /webhooks/0/deliveries", "GET /webhooks//deliveries",
		"GET /statistics", "GET /clicks", "POST /webhooks/1/test",
		"POST /webhooks/1/rotate", "PUT /affiliates", "POST /payouts", "POST /payouts/2/pay",
		"DELETE /rules/3", "DELETE /rules/6", "DELETE /coupons/1",
		"DELETE /conversions/1", "DELETE /referrals/carl@example.com", "DELETE /affiliates/jane@example.com",
		"DELETE /affiliates/zoe@example.com", "DELETE /webhooks/1",
		"BREW /coupons/1", "HEAD /coupons/1", "HEAD /nothing", "POST /conversions/1/refund",
	} {
		method, path, _ := strings.Cut(call, " ")
		f.Add(method, path)
	}
	for _, route := range documentedRoutes {
		_, pattern, _ := strings.Cut(route, " ")
		f.Add("PATCH", strings.NewReplacer("{id}", "1", "{email}", "jane@example.com").Replace(pattern))
	}
	l := newLab(f, fillLab(f))
	outside := http.StripPrefix(prefix, httpapi.New(l.engine, noLimit))
	inside := http.StripPrefix(prefix,
		httpapi.New(l.engine, httpapi.Options{RateLimit: -1, Authenticate: hostOf(&l.bound)}))
	f.Fuzz(func(t *testing.T, method, path string) {
		u, err := url.ParseRequestURI(prefix + path)
		if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, prefix) ||
			u.RawPath != "" && !strings.HasPrefix(u.RawPath, prefix) {
			return // no server would pass it on, or StripPrefix would not
		}
		ask := func(h http.Handler, method string) reply {
			r := l.request("GET", "", "")
			r.Method, r.URL = method, u
			got := send(t, h, r)
			documented(t, r, got)
			return got
		}
		by := method + " " + path
		allowed, pattern := patternOf(u)
		var drafted reply
		l.draft(t, func(s *site) {
			drafted = ask(inside, method)
			switch drafted.status {
			case 200, 201, 202, 204:
				if method != http.MethodGet && method != http.MethodHead {
					l.worked(t, s, ask, inside, method, pattern, drafted)
				}
			case 400, 404, 405, 409:
				s.same(t, by)
			default:
				t.Errorf("%s: %d %s", by, drafted.status, drafted.body)
			}
		})
		nothing := drafted.status == 404 && strings.Contains(string(drafted.body), "nothing at this path")
		if method != http.MethodHead && nothing != (allowed == "") {
			t.Errorf("%s: %d %s, but %q is allowed", by, drafted.status, drafted.body, allowed)
		}
		if allow := drafted.header.Get("Allow"); allow != "" && allow != allowed ||
			drafted.status == 405 && allow == "" {
			t.Errorf("%s: %d, and %q is allowed, want %q", by, drafted.status, allow, allowed)
		}
		if drafted.status < 400 && method != http.MethodGet && method != http.MethodHead {
			return
		}
		got := ask(outside, method)
		if got.status != drafted.status || !bytes.Equal(got.body, drafted.body) {
			t.Errorf("%s: %d %s, but in a transaction %d %s", by, got.status, got.body, drafted.status, drafted.body)
		}
		if method == http.MethodGet {
			if head := ask(outside, http.MethodHead); head.status != got.status || len(head.body) > 0 {
				t.Errorf("%s: %d, but HEAD %d %s", by, got.status, head.status, head.body)
			}
		}
		l.unchanged(t, by)
	})
}

// patternOf returns the pattern of a path, as the documentation writes it, and what is
// allowed there; "" for none.
func patternOf(u *url.URL) (allowed, pattern string) {
	path := strings.TrimPrefix(strings.TrimPrefix(u.EscapedPath(), prefix), "/")
	if path != "" {
		path = strings.TrimSuffix(path, "/")
	}
	segments := strings.Split(path, "/")
	for i := range segments {
		if decoded, err := url.PathUnescape(segments[i]); err == nil {
			segments[i] = decoded
		}
	}
	for _, route := range documentedRoutes {
		allowed, pattern, _ := strings.Cut(route, " /")
		parts := strings.Split(pattern, "/")
		matches := len(parts) == len(segments)
		for i := range parts {
			matches = matches && (parts[i] == segments[i] || i == 0 && strings.EqualFold(parts[i], segments[i]) ||
				parts[i][0] == '{' && segments[i] != "")
		}
		if matches {
			return strings.ReplaceAll(allowed, ",", ", "), pattern
		}
	}
	return "", ""
}

// documentedRoutes are all paths with their methods; of two that match, the first
// counts.
var documentedRoutes = []string{
	"GET,HEAD,POST /affiliates", "DELETE,GET,HEAD,PUT /affiliates/{email}",
	"GET,HEAD,POST /conversions", "DELETE,GET,HEAD,PUT /conversions/{id}",
	"GET,HEAD,POST /referrals", "DELETE,GET,HEAD,PUT /referrals/{email}", "POST /referrals/{id}/merge",
	"GET,HEAD,POST /coupons", "DELETE,GET,HEAD,PUT /coupons/{id}", "GET,HEAD,PUT /project",
	"GET,HEAD,POST /rules", "DELETE /rules/{id}", "POST /conversions/{id}/refund",
	"POST /conversions/{id}/undo-refund", "POST /refunds", "GET,HEAD /conversions/{id}/explain",
	"GET,HEAD /affiliates/{email}/earnings", "GET,HEAD /affiliates/{email}/ledger",
	"GET,HEAD /affiliates/{email}/statement", "POST /adjustments",
	"GET,HEAD,POST /payouts", "GET,HEAD /payouts/export", "POST /payouts/pay", "POST /payouts/cancel",
	"GET,HEAD /payouts/runs", "GET,HEAD /payouts/{id}", "GET,HEAD /payouts/runs/{id}",
	"GET,HEAD /payouts/{id}/entries", "POST /payouts/{id}/pay",
	"POST /payouts/{id}/return", "POST /payouts/{id}/cancel", "POST /clicks", "GET,HEAD /statistics",
	"GET,HEAD,POST /webhooks", "DELETE,GET,HEAD,PUT /webhooks/{id}",
	"POST /webhooks/{id}/rotate", "POST /webhooks/{id}/test", "POST /webhooks/{id}/replay",
	"GET,HEAD /webhooks/{id}/deliveries",
}

// worked checks what a call without a body did.
func (l *lab) worked(
	t *testing.T, s *site, ask func(http.Handler, string) reply, inside http.Handler, method, pattern string, got reply,
) {
	t.Helper()
	if method == http.MethodDelete {
		if got.status != http.StatusNoContent {
			t.Errorf("deleted with %d %s", got.status, got.body)
		}
		ask(inside, method).refused(t, 404, "not_found", "")
		if pattern != "rules/{id}" {
			ask(inside, http.MethodGet).refused(t, 404, "not_found", "")
		}
		return
	}
	// The others are those that FuzzBody sends with an empty body.
	switch pattern {
	case "conversions/{id}/refund", "conversions/{id}/undo-refund",
		"payouts", "payouts/{id}/pay", "payouts/{id}/cancel", "webhooks/{id}/rotate", "webhooks/{id}/test":
	default:
		t.Errorf("%s %s did something without a body: %d %s", method, pattern, got.status, got.body)
	}
}

// FuzzJSON reads texts as bodies, and writes them as strings, and compares with
// encoding/json.
func FuzzJSON(f *testing.F) {
	for _, text := range append(objects, awkward...) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkText(t, text)
		checkObject(t, text)
	})
}

// FuzzAuthorization sends Authorization headers in which issued keys replace the words
// KEY, READ (one that can only read), SECOND (of another program) and GONE (one that
// was revoked), and in which some bits of one byte are flipped. What is not exactly an
// issued key opens nothing; each opens its own program, and no more of it than it may.
func FuzzAuthorization(f *testing.F) {
	for _, header := range []string{
		"", "Bearer", "Bearer KEY", "bearer READ", "BEARER  SECOND  ", "Bearer GONE",
		"Bearer KEYx", "Bearer KEY KEY", "KEY", "Basic KEY", "BearerKEY", "Bearer\tKEY", "Bearer \x00KEY",
		"Bearer rgk_YOUR_API_KEY", "Bearer rgk_", "Bearer rgk_aaaaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"Bearer \xff", "Bearer KEY\nX: y",
	} {
		f.Add(header, uint8(0), uint8(0))
	}
	for at := range uint8(60) {
		f.Add("Bearer KEY", at, uint8(1)<<(at%8))
	}
	var keys map[string]string
	l := newLab(f, func(w *world) {
		populate(f, w, w.key)
		second := w.project(f, "second", refgrow.Settings{})
		gone, key, err := w.engine.CreateKey(f.Context(), w.shop, refgrow.CreateKeyParams{})
		must(f, err)
		_, _, err = w.engine.Authenticate(f.Context(), gone)
		must(f, err)
		must(f, w.engine.RevokeKey(f.Context(), key.ID))
		keys = map[string]string{
			"KEY": w.key, "READ": w.newKey(f, w.shop, refgrow.CreateKeyParams{ReadOnly: true}),
			"SECOND": w.newKey(f, second, refgrow.CreateKeyParams{}), "GONE": gone,
		}
	})
	f.Fuzz(func(t *testing.T, header string, at, bits uint8) {
		l.clock.Advance(time.Minute) // nobody is refused for earlier failures, and keys are read again
		for word, key := range keys {
			header = strings.ReplaceAll(header, word, key)
		}
		if bits != 0 && int(at) < len(header) {
			turned := []byte(header)
			turned[at] ^= bits
			header = string(turned)
		}
		scheme, token, _ := strings.Cut(header, " ")
		token = strings.Trim(token, " ")
		opens := ""
		for word, key := range keys {
			if token == key && strings.EqualFold(scheme, "Bearer") && word != "GONE" {
				opens = word
			}
		}
		ask := func(method, path string, headers ...string) reply {
			r := l.request(method, path, "")
			r.Header["Authorization"] = headers
			got := send(t, l.mux, r)
			documented(t, r, got)
			return got
		}
		got := ask("GET", "/project", header)
		if opens == "" {
			got.refused(t, 401, "unauthorized", "")
			if got.header.Get("WWW-Authenticate") != "Bearer" || got.header.Get("X-RateLimit-Remaining") != "59" {
				t.Errorf("%q is refused with %v", header, got.header)
			}
			for _, text := range []string{header, token} {
				key, project, err := l.engine.Authenticate(t.Context(), text)
				if !errors.Is(err, refgrow.ErrUnauthorized) || key != nil || project != nil {
					if text != l.key && text != keys["READ"] && text != keys["SECOND"] {
						t.Errorf("%q is the key %v of %v (%v)", text, key, project, err)
					}
				}
			}
		} else {
			project := map[string]string{"KEY": "shop", "READ": "shop", "SECOND": "second"}[opens]
			if got.ok(t, 200).data()["name"] != project {
				t.Errorf("%q opens %s", opens, got.body)
			}
			ask("GET", "/coupons/1", header).ok(t, map[string]int{"KEY": 200, "READ": 200, "SECOND": 404}[opens])
			ask("PUT", "/coupons/1", header).ok(t, map[string]int{"KEY": 400, "READ": 403, "SECOND": 400}[opens])
			ask("GET", "/project", header, header).refused(t, 401, "unauthorized", "")
		}
		l.unchanged(t, header)
	})
}

// FuzzIdempotencyKey sends calls with keys: a valid one is used once, for the same
// answer byte for byte, and no other key counts as the same.
func FuzzIdempotencyKey(f *testing.F) {
	for _, key := range []string{
		"", "k", "K", " ", " k", "k ", "\u212a", "é", "e\u0301", "\x00",
		"a\tb", "\xff", "\u0085", "\u200b", "key:1", "1", strings.Repeat("k", 255), strings.Repeat("k", 256),
		strings.Repeat("é", 255), strings.Repeat("é", 256), "0b5a8f5e-9a3e-4d0e-9d36-4f6c1f1f3b0c",
	} {
		f.Add(key, "k")
	}
	f.Add("k!", "k")
	l := newLab(f, fillLab(f))
	const body, another = `{"email": "once@example.com"}`, `{"email": "twice@example.com"}`
	f.Fuzz(func(t *testing.T, key, other string) {
		send := func(w *world, path, body, key string) reply {
			r := w.request("POST", path, body)
			r.Header["Idempotency-Key"] = []string{key}
			got := send(t, w.mux, r)
			documented(t, r, got)
			return got
		}
		if !keyCanBe(key) {
			send(l.world, "/affiliates", body, key).refused(t, 400, "invalid", "Idempotency-Key")
			l.unchanged(t, fmt.Sprintf("%q", key))
			return
		}
		l.draft(t, func(s *site) {
			first := send(s.world, "/affiliates", body, key).ok(t, 201)
			if first.header.Get("Idempotent-Replayed") != "" {
				t.Errorf("%q: the first one is a replay", key)
			}
			before := s.changes(t)
			again := send(s.world, "/affiliates", body, key).ok(t, 201)
			if !bytes.Equal(again.body, first.body) || again.header.Get("Idempotent-Replayed") != "true" {
				t.Errorf("%q: the answer was %s and is %s (%v)", key, first.body, again.body, again.header)
			}
			for _, call := range []string{"/affiliates " + another, "/affiliates " + body + " ", "/referrals " + body} {
				path, body, _ := strings.Cut(call, " ")
				send(s.world, path, body, key).refused(t, 409, "conflict", "Idempotency-Key")
			}
			if n := s.changes(t); n != before {
				t.Errorf("%q: the same once more, or others with the key, wrote: %s rows became %s", key, before, n)
			}
			if other != key && keyCanBe(other) {
				got := send(s.world, "/affiliates", another, other).ok(t, 201)
				if got.header.Get("Idempotent-Replayed") != "" {
					t.Errorf("%q is a replay of %q", other, key)
				}
				if third := other + "!"; third != key && keyCanBe(third) {
					secret := send(s.world, "/webhooks", `{"url": "https://example.com"}`, third)
					refused := send(s.world, "/webhooks", `{"url": "https://example.com"}`, third)
					refused.refused(t, 409, "conflict", "Idempotency-Key")
					if refused.json["id"] != secret.ok(t, 201).data()["id"] {
						t.Errorf("%q: %s, but of %s", third, refused.body, secret.body)
					}
				}
			}
		})
	})
}

// keyCanBe reports whether a key has 1 to 255 printable characters.
func keyCanBe(key string) bool {
	n := utf8.RuneCountInString(key)
	return 1 <= n && n <= 255 && utf8.ValidString(key) && !strings.ContainsFunc(key, unicode.IsControl)
}
