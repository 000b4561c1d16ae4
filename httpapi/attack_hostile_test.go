package httpapi_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/httpapi"
)

// hostileBodies are made to be expensive: as long as a body may be, or deep, or with
// more in them than there is to say.
func hostileBodies() map[string]string {
	const most = httpapi.MaxBody
	fill := func(before, unit, after string) string {
		return before + strings.Repeat(unit, (most-len(before)-len(after))/len(unit)) + after
	}
	distinct := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(`,"k` + strconv.Itoa(i) + `":0`)
		}
		return "{" + b.String()[1:] + "}"
	}
	deep := func(n int, open, inside, closed string) string {
		return strings.Repeat(open, n) + inside + strings.Repeat(closed, n)
	}
	name := strings.Repeat("n", 64)
	return map[string]string{
		"arrays 10,000 deep":             `{"a":` + deep(10_000, "[", "", "]") + "}",
		"objects 10,000 deep":            deep(10_000, `{"a":`, "1", "}"),
		"both 10,000 deep":               deep(5_000, `{"a":[`, "", "]}"),
		"objects 10,000 deep, no end":    strings.Repeat(`{"a":`, 10_000),
		"nothing but arrays":             fill("", "[", ""),
		"arrays in an object":            fill(`{"a":`, "[", ""),
		"nothing but objects":            fill("", "{", ""),
		"as deep as may be, long names":  deep(31, `{"`+name+`":`, "["+strings.Repeat("0,", 9_000)+"0]", "}"),
		"a long name":                    fill(`{"`, "n", `":1}`),
		"a long text":                    fill(`{"email":"`, "x", `"}`),
		"a long text of escapes":         fill(`{"email":"`, `\u0041`, `"}`),
		"a long text of backslashes":     fill(`{"email":"`, `\\`, `"}`),
		"half characters":                fill(`{"email":"`, `\ud83d`, `"}`),
		"the other halves":               fill(`{"email":"`, `\udc00`, `"}`),
		"half a character in a name":     `{"\ud800":1}`,
		"a text without end":             fill(`{"email":"`, "x", ""),
		"an escape without end":          `{"email":"\u00`,
		"a number of a million digits":   fill(`{"base_value":`, "9", "}"),
		"a fraction of a million digits": fill(`{"base_value":0.`, "3", "}"),
		"zeros before a number":          fill(`{"base_value":`, "0", "1}"),
		"an exponent of a million 9":     fill(`{"base_value":1e`, "9", "}"),
		"a negative exponent":            fill(`{"base_value":1e-`, "9", "}"),
		"a large exponent":               `{"base_value":1e999999999999999999}`,
		"0 with a large exponent":        `{"type":"purchase","base_value":0e999999999999999999,"x":1}`,
		"the same name 100,000 times":    fill(`{"a":1`, `,"a":1`, "}"),
		"1,000 names":                    distinct(1_000),
		"80,000 names":                   distinct(80_000),
		"many clicks":                    fill(`{"clicks":[{}`, ",{}", "]}"),
		"many events":                    fill(`{"events":[""`, `,""`, "]}"),
		"many origins":                   fill(`{"allowed_origins":[0`, ",0", "]}"),
		"10,000 values":                  `{"events":[` + strings.Repeat("0,", 9_990) + `0]}`,
		"blanks":                         fill("", " ", ""),
		"blanks around":                  fill(" {", " ", "}") + "x",
		"NUL bytes":                      fill("", "\x00", ""),
		"a NUL byte in a text":           "{\"email\":\"x\x00@example.com\"}",
		"a NUL byte in a name":           "{\"email\x00\":\"x@example.com\"}",
		"an escaped NUL in a name":       `{"email\u0000":"x@example.com"}`,
		"an escaped NUL in a text": `{"email":"x\u0000@example.com","referral_code":"a\u0000b",` +
			`"type":"signup\u0000","url":"https://example.com/\u0000","x":1}`,
		"no UTF-8":                  fill(`{"email":"`, "\xff", `"}`),
		"no UTF-8 at the end":       fill(`{"email":"x@example.com"`, " ", "}") + "\xff",
		"UTF-8 longer than need be": "{\"email\":\"\xc0\xafx@example.com\"}",
		"half characters in UTF-8":  "{\"email\":\"\xed\xa0\x80\xed\xb0\x80@example.com\"}",
		"two marks of byte order":   "\ufeff\ufeff{}",
		"UTF-16":                    "{\x00\"\x00a\x00\"\x00:\x001\x00}\x00",
		"a comma after the last":    `{"email":"x@example.com",}`,
		"two bodies":                `{"email":"x@example.com"}{"email":"y@example.com"}`,
		"a name in two forms":       `{"email":"x@example.com","\u0065mail":"y@example.com"}`,
		"a byte too many":           strings.Repeat(" ", most-1) + "{}",
	}
}

// However a body is made, it is refused at once, with little memory and in few words.
func TestHostileBodies(t *testing.T) {
	l := newLab(t, fillLab(t)) // not in parallel: memory is counted
	lenient := http.StripPrefix(prefix, httpapi.New(l.engine, httpapi.Options{RateLimit: -1, IgnoreUnknown: true}))
	calls := fuzzedCalls()
	within := time.Minute // whatever else this machine does
	if fullAttack() {
		within = 50 * time.Millisecond
	}
	var most struct {
		memory uint64
		took   time.Duration
	}
	for name, body := range hostileBodies() {
		for _, call := range calls {
			got, memory, took := cost(t, l.mux, func() *http.Request { return l.request(call.method, call.path, body) })
			if want := 413; len(body) > httpapi.MaxBody != (got.status == want) ||
				got.status != 413 && got.status != 415 && got.status != 400 {
				t.Errorf("%s to %s %s: %d %.500s", name, call.method, call.path, got.status, got.body)
			}
			most.memory, most.took = max(most.memory, memory), max(most.took, took)
			if len(got.body) > 5_000 || memory > 64<<20 || took > within {
				t.Errorf("%s to %s %s: %d bytes, after %s and %d bytes of memory",
					name, call.method, call.path, len(got.body), took, memory)
			}
		}
		// Leniency ignores unknown fields, but still reads them.
		r := l.request("POST", "/affiliates", body)
		if got := send(t, lenient, r); got.status != 400 && got.status != 413 {
			t.Errorf("%s, leniently: %d %.500s", name, got.status, got.body)
		}
	}
	t.Logf("%d bodies to %d calls: at most %s and %d KiB",
		len(hostileBodies()), len(calls), most.took.Round(time.Millisecond), most.memory>>10)
	l.unchanged(t, "hostile bodies")
}

// The same for the other parts of a request. A server bounds them all together with
// http.Server.MaxHeaderBytes, which is 1 MiB.
func TestHostileAddresses(t *testing.T) {
	l := newLab(t, fillLab(t))
	const many = 1 << 20
	for name, target := range map[string]struct{ path, query string }{
		"a long path":                  {"/" + strings.Repeat("a", many), ""},
		"many segments":                {strings.Repeat("/a", many/2), ""},
		"nothing but slashes":          {strings.Repeat("/", many), ""},
		"nothing but escaped slashes":  {"/affiliates/" + strings.Repeat("%2F", many/3), ""},
		"a long email":                 {"/affiliates/" + strings.Repeat("a", many) + "@example.com", ""},
		"a long host name":             {"/affiliates/a@" + strings.Repeat("a.", many/2) + "com", ""},
		"a long id":                    {"/conversions/" + strings.Repeat("9", many), ""},
		"many parameters":              {"/coupons", strings.Repeat("a=1&", many/4)},
		"no parameters, much divided":  {"/coupons", strings.Repeat("&", many) + "x"},
		"a parameter with a long name": {"/coupons", strings.Repeat("a", many)},
		"a long limit":                 {"/coupons", "limit=" + strings.Repeat("1", many)},
		"zeros before a limit":         {"/coupons", "limit=" + strings.Repeat("0", many)},
		"a long cursor":                {"/coupons", "cursor=" + strings.Repeat("A", many)},
		"a long part of a code":        {"/coupons", "coupon_code=" + strings.Repeat("A", many)},
		"a long time": {"/conversions",
			"from=2026-01-01T00:00:00." + strings.Repeat("0", many) + "Zx"},
		"nothing but escapes": {"/coupons", "coupon_code=" + strings.Repeat("%00", many/3)},
		"broken escapes":      {"/coupons", strings.Repeat("%", many)},
	} {
		got, memory, took := cost(t, l.mux, func() *http.Request {
			r := l.request("GET", "", "")
			r.URL.Path, r.URL.RawQuery = prefix+target.path, target.query
			return r
		})
		if got.status != 400 && got.status != 404 && got.status != 301 && got.status != 307 ||
			len(got.body) > 5_000 || memory > 128<<20 || took > time.Minute {
			t.Errorf("%s: %d with %d bytes, after %s and %d bytes of memory",
				name, got.status, len(got.body), took, memory)
		}
	}
	for _, header := range []string{"Authorization", "Idempotency-Key"} {
		got, memory, took := cost(t, l.mux, func() *http.Request {
			return l.request("POST", "/coupons", `{"affiliate_id": 1, "coupon_code": "NEW"}`,
				header, strings.Repeat("k", many))
		})
		if got.status != 400 && got.status != 401 || len(got.body) > 5_000 || memory > 64<<20 || took > time.Minute {
			t.Errorf("%s: %d with %d bytes, after %s and %d bytes of memory",
				header, got.status, len(got.body), took, memory)
		}
	}
	l.unchanged(t, "hostile addresses")
}

// cost sends a request, and measures what the answer took.
func cost(t *testing.T, h http.Handler, request func() *http.Request) (got reply, memory uint64, took time.Duration) {
	t.Helper()
	r := request()
	recorder := httptest.NewRecorder()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begun := time.Now()
	h.ServeHTTP(recorder, r)
	took = time.Since(begun)
	runtime.ReadMemStats(&after)
	body, err := io.ReadAll(recorder.Body)
	must(t, err)
	return reply{status: recorder.Code, header: recorder.Header(), body: body},
		after.TotalAlloc - before.TotalAlloc, took
}
