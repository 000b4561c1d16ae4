package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// A compressed body is not unpacked, and is refused for what it is: not JSON.
func TestAttackCompressedBodies(t *testing.T) {
	t.Parallel()
	single(t)
	w := populated(t, noLimit)
	bomb := func(pack func(io.Writer) io.WriteCloser) string {
		var b bytes.Buffer
		p := pack(&b)
		_, err := io.WriteString(p, `{"email":"`)
		must(t, err)
		zeros := make([]byte, 1<<20)
		for range 16 {
			_, err := p.Write(zeros)
			must(t, err)
		}
		must(t, p.Close())
		return b.String()
	}
	for encoding, body := range map[string]string{
		"gzip":           bomb(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		"deflate":        bomb(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }),
		"gzip, gzip":     bomb(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		"br":             "\xcb\xff\x3f\x00\x00",
		"zstd":           "\x28\xb5\x2f\xfd\x04\x00",
		"identity, GZip": "\x1f\x8b\x08\x00\x00",
		"x":              "\x00",
	} {
		began := time.Now()
		w.do(t, "POST", "/affiliates", body, "Content-Encoding", encoding).
			refused(t, 415, "unsupported_media_type", "")
		w.do(t, "PUT", "/affiliates/jane@example.com", body, "Content-Encoding", encoding).
			refused(t, 415, "unsupported_media_type", "")
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s took %v", encoding, took)
		}
	}
	for _, body := range []string{bomb(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }), "\x00"} {
		w.do(t, "POST", "/affiliates", body).refused(t, 400, "invalid", "")
	}
	w.do(t, "POST", "/affiliates", `{"email": "plain@example.com"}`, "Content-Encoding", "Identity").ok(t, 201)
}

// A cursor that somebody made up is refused, or is a place in their own list: it shows
// nothing else, however far beyond the list it is.
func TestAttackCursors(t *testing.T) {
	t.Parallel()
	single(t)
	w := populated(t, noLimit)
	w.addMoney(t)
	w.addWebhooks(t)
	for _, list := range []string{
		"/affiliates", "/conversions", "/referrals", "/coupons", "/rules",
		"/payouts", "/webhooks", "/affiliates/zoe@example.com/ledger",
		"/payouts/2/entries", "/webhooks/1/deliveries", "/conversions?type=signup", "/coupons?coupon_code=20",
	} {
		sep := "?"
		if strings.Contains(list, "?") {
			sep = "&"
		}
		all := w.do(t, "GET", list, "").ok(t, 200).items()
		known := map[string]bool{}
		for _, item := range all {
			known[asText(item["id"])] = true
		}
		with := func(cursor string) reply {
			return w.do(t, "GET", list+sep+"limit=1&cursor="+url.QueryEscape(cursor), "")
		}
		for _, cursor := range []string{
			" ", "0", "null", "../../etc/passwd", "' OR 1=1 --", "\x00",
			strings.Repeat("A", 31), strings.Repeat("A", 33), strings.Repeat("=", 32),
			strings.Repeat("A", 60_000), strings.Repeat("/", 32),
			strings.Repeat("A", 32), strings.Repeat("_", 32), "\xf0\x9f\x92\xa9" + strings.Repeat("A", 28),
		} {
			if cursor == "\x00" || len(all) == 0 {
				continue
			}
			with(cursor).refused(t, 400, "invalid", "cursor")
		}
		right := text(w.do(t, "GET", list+sep+"limit=1", "").ok(t, 200).pagination()["next_cursor"])
		if right == "" {
			continue // a list of one
		}
		raw, err := base64.RawURLEncoding.DecodeString(right)
		must(t, err)
		for _, at := range []int64{math.MinInt64, -1, 0, 1, math.MaxInt64} {
			for _, id := range []int64{math.MinInt64, -1, 0, 2, math.MaxInt64} {
				forged := slices.Clone(raw)
				binary.BigEndian.PutUint64(forged[8:], uint64(at))
				binary.BigEndian.PutUint64(forged[16:], uint64(id))
				for _, item := range with(base64.RawURLEncoding.EncodeToString(forged)).ok(t, 200).items() {
					if !known[asText(item["id"])] {
						t.Errorf("%s at %d, %d shows %v", list, at, id, item)
					}
				}
			}
		}
		for i := range raw {
			changed := slices.Clone(raw)
			changed[i] ^= 0x80
			if got := with(base64.RawURLEncoding.EncodeToString(changed)); got.status != 200 && got.status != 400 ||
				i < 8 && got.status != 400 {
				t.Errorf("%s with byte %d changed: %d %s", list, i, got.status, got.body)
			}
		}
		with(right+"=").refused(t, 400, "invalid", "cursor")
		with(right[:len(right)-1]).refused(t, 400, "invalid", "cursor")
		with(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xff}, 24))).refused(t, 400, "invalid", "cursor")
	}
}

// The method of a request is the one in its first line, whatever else it says.
func TestAttackMethodOverride(t *testing.T) {
	t.Parallel()
	single(t)
	w := populated(t, noLimit)
	readOnly := w.newKey(t, w.shop, refgrow.CreateKeyParams{ReadOnly: true})
	before := w.dump(t)
	for _, header := range []string{"X-HTTP-Method-Override", "X-HTTP-Method",
		"X-Method-Override", "X-Original-Method", "X-Forwarded-Method", "_method"} {
		for _, key := range []string{w.key, readOnly} {
			w.do(t, "GET", "/coupons/1", "", header, "DELETE", "Authorization", "Bearer "+key).ok(t, 200)
			w.do(t, "HEAD", "/coupons/1", "", header, "DELETE", "Authorization", "Bearer "+key).ok(t, 200)
			w.do(t, "GET", "/coupons", `{"affiliate_id": 1, "coupon_code": "SNEAKY"}`,
				header, "POST", "Authorization", "Bearer "+key).ok(t, 200)
		}
		w.do(t, "POST", "/coupons/1", `{"_method": "DELETE"}`, header, "DELETE").
			refused(t, 405, "method_not_allowed", "")
	}
	w.do(t, "GET", "/coupons/1?_method=DELETE&_method=PUT", "").ok(t, 200)
	w.do(t, "POST", "/coupons/1?_method=DELETE", "").refused(t, 405, "method_not_allowed", "")
	for _, query := range []string{"method=DELETE", "X-HTTP-Method-Override=DELETE"} {
		name, _, _ := strings.Cut(query, "=")
		w.do(t, "GET", "/coupons/1?"+query, "").refused(t, 400, "invalid", name)
		w.do(t, "POST", "/coupons/1?"+query, "").refused(t, 405, "method_not_allowed", "")
	}
	// Nor does the path change for what a proxy may have meant.
	for _, header := range []string{"X-Original-URL", "X-Rewrite-URL",
		"X-Forwarded-Prefix", "X-Forwarded-Host", "X-Forwarded-Uri"} {
		w.do(t, "GET", "/coupons/9", "", header, prefix+"/coupons/1").refused(t, 404, "not_found", "")
	}
	if w.dump(t) != before {
		t.Error("something changed")
	}
}

// What has line breaks in it ends up in no header, wherever it is sent.
func TestAttackHeaderInjection(t *testing.T) {
	t.Parallel()
	single(t)
	s := besiege(t, false, false)
	server := httptest.NewServer(s.mux)
	defer server.Close()
	w := &twins{with: s, without: s}
	const evil = "evil\r\nX-Evil: 1\r\n\r\n<script>\x00\u2028"
	calls := 0
	check := func(method, path, body string, headers ...string) {
		t.Helper()
		calls++
		got := s.do(t, method, path, body, headers...)
		for name, values := range got.header {
			if strings.ContainsFunc(name+strings.Join(values, ""), func(c rune) bool { return c < ' ' || c > '~' }) ||
				name == "X-Evil" {
				t.Errorf("%s %s %s: the header %s is %q", method, path, body, name, values)
			}
		}
		if got.status >= 500 ||
			bytes.ContainsAny(got.body, "\r\n\x00") && got.header.Get("Content-Type") == "application/json" {
			t.Errorf("%s %s %s: %d %q", method, path, body, got.status, got.body)
		}
	}
	escaped := url.PathEscape(evil)
	for name, a := range attacks() {
		method, pattern, _ := strings.Cut(name, " ")
		body := ""
		if len(a.bodies) > 0 {
			body = w.filled(t, a.bodies[0])
		}
		if before, _, after, found := brokenUp(pattern); found {
			check(method, before+escaped+after+"?"+a.query, body)
		}
		if method == http.MethodDelete {
			continue
		}
		path := w.path(t, pattern, a.own)
		check(method, path+"?"+escaped+"="+escaped, body)
		for _, parameter := range w.discover(t, method, path+"?no_such_thing=1&"+a.query, body) {
			check(method, path+"?"+parameter+"="+escaped, body)
		}
		check(method, path+"?"+a.query, body, "Idempotency-Key", "evil\r\nX-Evil: 1",
			"X-Request-Id", "evil\r\nX-Evil: 1", "Origin", "evil\r\nX-Evil: 1")
		if body == "" {
			continue
		}
		for _, field := range w.discover(t, method, path, `{"no_such_thing": 1}`) {
			if field != "clicks" {
				check(method, path, w.saying(t, body, field, evil))
			}
		}
		text, err := json.Marshal(map[string]any{evil: evil})
		must(t, err)
		check(method, path, string(text))
	}
	if calls < 200 {
		t.Errorf("there were %d calls", calls)
	}
}
