package tracking_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/tracking"
)

func TestRedirect(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mux := w.mux(tracking.Options{})
	for _, test := range []struct {
		method, code, cookie string
		fields               []string
		want                 string // Location
		set                  string
		counted              int64
	}{
		{code: "JANE", want: landing + "?ref=JANE", set: "JANE", counted: 1},
		{code: "jane-doe", want: landing + "?ref=jane-doe", set: "jane-doe", counted: 1},
		{code: "jAnE", want: landing + "?ref=jAnE", set: "jAnE", counted: 1},
		{code: "JANE", cookie: "BOB", want: landing + "?ref=JANE", set: "JANE", counted: 1},
		{code: "NOBODY", want: landing},
		{code: "INA", want: landing},
		{code: "J", want: landing},
		{code: "%0d%0aSet-Cookie:%20a=b", want: landing},
		{code: "%3Cscript%3E", want: landing},
		{code: strings.Repeat("J", 1000), want: landing},
		{code: "NOBODY?ref=JANE", want: landing + "?ref=JANE", set: "JANE", counted: 1}, // nobody hides nobody
		{code: "JANE?ref=NOBODY", want: landing + "?ref=JANE", set: "JANE", counted: 1},
		{code: "JANE/", want: landing + "?ref=JANE", set: "JANE", counted: 1},
		{code: "JANE.", want: landing + "?ref=JANE", set: "JANE", counted: 1},
		{code: "JANE%20", want: landing + "?ref=JANE", set: "JANE", counted: 1},
		{code: "%C2%A0(JANE),", want: landing + "?ref=JANE", set: "JANE", counted: 1},
		{code: "%E2%80%9CJANE%E2%80%9D!/", want: landing + "?ref=JANE", set: "JANE", counted: 1},
		{method: "HEAD", code: "JANE", want: landing + "?ref=JANE"},
		{code: "JANE", fields: []string{"User-Agent", googlebot}, want: landing + "?ref=JANE"},
		{code: "JANE", fields: []string{"Sec-Purpose", "prefetch"}, want: landing + "?ref=JANE"},
		{code: "JANE", fields: []string{"Sec-Fetch-Dest", "image"}, want: landing + "?ref=JANE"},
	} {
		if test.method == "" {
			test.method = "GET"
		}
		before := w.clicks(w.jane)
		r := w.request(test.method, "https://go.example.com/r/"+test.code, test.fields...)
		if test.cookie != "" {
			r = with(r, test.cookie)
		}
		a := serve(mux, r).Result()
		if a.StatusCode != http.StatusFound || a.Header.Get("Location") != test.want {
			t.Errorf("%s %s: %s to %s, not to %s",
				test.method, test.code, a.Status, a.Header.Get("Location"), test.want)
		}
		if got := a.Header.Get("Cache-Control"); got != "private, no-store" {
			t.Errorf("%s: Cache-Control is %q", test.code, got)
		}
		if got := (seen{Response: a}).code(); got != test.set {
			t.Errorf("%s %s: the cookie was set to %q, not %q", test.method, test.code, got, test.set)
		}
		if got := w.clicks(w.jane) - before; got != test.counted {
			t.Errorf("%s %s: %d clicks, not %d", test.method, test.code, got, test.counted)
		}
	}
	w.touch(refgrow.TouchFirst)
	if a := serve(mux, with(w.request("GET", "/r/JANE"), "BOB")).Result(); len(a.Cookies()) > 0 ||
		a.Header.Get("Location") != landing+"?ref=JANE" {
		t.Errorf("under first touch: the cookies %v, to %s", a.Cookies(), a.Header.Get("Location"))
	}
}

// tricks are pages that a stranger's link could name, to lead somewhere else.
func tricks() []string {
	return []string{
		"https://evil.example", "http://evil.example/", "//evil.example",
		"///evil.example", "////evil.example", `/\evil.example`, `\/evil.example`, `\\evil.example`,
		`/\/evil.example`, "https:evil.example", "https:/evil.example",
		"https:///evil.example", "https:////evil.example", `https:\\evil.example`, `https:/\evil.example`,
		"http:evil.example", "HTTPS://EVIL.EXAMPLE", "hTtPs:evil.example",
		"evil.example", "www.evil.example/path", "shop.example.com", "shop.example.com.evil.example",
		// The user's part looks like the host.
		"https://shop.example.com@evil.example", "https://shop.example.com:443@evil.example/",
		"https://shop.example.com%40evil.example", "https://user@shop.example.com/",
		"https://@shop.example.com/", "https://:@shop.example.com/", `https://evil.example\@shop.example.com`,
		`https://evil.example\.shop.example.com`, "https://evil.example%5C@shop.example.com",
		"https://evil.example#@shop.example.com/", "https://evil.example?@shop.example.com/",
		"https://evil.example/@shop.example.com", "//shop.example.com@evil.example",
		// Hosts that begin or end like the right one.
		"https://shop.example.com.evil.example/", "https://evil-shop.example.com",
		"https://xshop.example.com/", "https://sub.shop.example.com/", "https://example.com/",
		"https://shop.example.comevil.example/", "https://shop-example.com", "https://shop.example.co",
		"https://shop.example.com.", "https://shop.example.com../", "https://.shop.example.com/",
		"https://shop.example.com%2eevil.example", "https://shop.example.com%00.evil.example/",
		"https://shop.example.com%2F.evil.example/", "https://shop.example.com%20.evil.example/",
		"https://shop.example.com;.evil.example", "https://shop.example.com,evil.example/",
		"https://shop.example.com evil.example/", "https://shop.example.com|evil.example/",
		// Other schemes and ports.
		"http://shop.example.com/", "http://shop.example.com:443/", "https://shop.example.com:8443/",
		"https://shop.example.com:0443/", "https://shop.example.com:443x/", "https://shop.example.com:99999/",
		"https://blog.example.org/", "https://blog.example.org:84430/",
		"http://blog.example.org:8443/", "ftp://shop.example.com/", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
		"javascript://shop.example.com/%0aalert(1)", "data:text/html,<script>alert(1)</script>",
		"data:text/html;base64,PHNjcmlwdD4=", "vbscript:msgbox(1)", "file:///etc/passwd",
		"blob:https://shop.example.com/x", "view-source:https://evil.example",
		"mailto:jane@example.com", "intent://evil.example#Intent;scheme=https;end",
		"jar:https://evil.example!/", "about:blank", "ws://shop.example.com/",
		"://evil.example", ":evil.example", "https", "https:", "https://", "https://:443/",
		// What browsers leave out, and what looks alike.
		"\thttps://evil.example", " https://evil.example", "https://evil.example ",
		"\n//evil.example", "ht\ntps://evil.example", "/\t/evil.example",
		"/\n/evil.example", "/\r/evil.example", "java\tscript:alert(1)",
		"\x00https://evil.example", "\x01//evil.example", "/\x00/evil.example",
		"\u00a0//evil.example", "\ufeffhttps://evil.example",
		"https://shop.example.com\u3002evil.example", "https://shop\u3002example\u3002com/",
		"https://evil.example\uff0f.shop.example.com/", "https://evil.example\uff03.shop.example.com/",
		"https://evil.example\uff1f@shop.example.com", "https://evil.example\u2044shop.example.com",
		"https://\u0455hop.example.com/", "https://shop.example.com\u202e/", "https://sh\u00adop.example.com/",
		"\uff0f\uff0fevil.example", "\u2215\u2215evil.example", "https://evil.example\xff.shop.example.com",
		"\xff//evil.example", "https://①②③.example", "https://[::1]/",
		"https://[::ffff:1.2.3.4]/", "https://2130706433/", "https://0x7f.1/",
		"https://[shop.example.com]/", "https://[evil.example", "https://shop.example.com]/",
		// Paths that could look like a host once they are decoded or shortened.
		"/%2fevil.example", "/%2Fevil.example", "/%2f%2fevil.example",
		"/%5cevil.example", "/%5C%5Cevil.example", "/%2fevil.example<", "/.//evil.example", "/..//evil.example",
		"/a/..//evil.example", "/a//evil.example", `/a\..\\evil.example`, "/%09/evil.example\t",
		"%2f%2fevil.example", "%2Fevil.example", "..//evil.example",
		"./evil.example", "?//evil.example", "#//evil.example", ".", "..", "", " ", "@evil.example",
		"*", "/" + strings.Repeat("x", 3000), "https://shop.example.com/" + strings.Repeat("x", 3000),
		`https://shop.example.com/\evil.example`, `/a\b`, "https://shop.example.com/\u0085", "/a\u0085b",
		// Header fields injected by the link.
		"https://shop.example.com/\r\nSet-Cookie: a=b", "/\r\nLocation: https://evil.example",
		"/a\nX-Evil: 1", "/\r\n\r\n<script>alert(1)</script>", "https://shop.example.com/?x=\r\nX-Evil: 1",
	}
}

func TestRedirectTricks(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mux := w.mux(tracking.Options{})
	for _, trick := range tricks() {
		a := serve(mux, w.request("GET", "/r/JANE?to="+url.QueryEscape(trick)))
		if a.Code != http.StatusFound || a.Header().Get("Location") != landing+"?ref=JANE" {
			t.Errorf("%q leads to %q (%d)", trick, a.Header().Get("Location"), a.Code)
		}
		if a.Body.Len() > 0 || a.Header().Get("X-Evil") != "" || len(a.Header()["Set-Cookie"]) != 1 {
			t.Errorf("%q: %v %q", trick, a.Header(), a.Body)
		}
	}
	if n := len(tricks()); n < 30 {
		t.Errorf("%d tricks", n)
	}
	for _, query := range []string{
		"to=https://shop.example.com/a&to=https://evil.example",
		"to=https://evil.example&to=https://shop.example.com/a", "to=/a&to=/b", "to=/a&%74o=/b",
		"to", "to=", "to=/%zz", "%zz=1",
	} {
		if got := serve(mux, w.request("GET", "/r/JANE?"+query)).Header().Get("Location"); got != landing+"?ref=JANE" {
			t.Errorf("%s leads to %q", query, got)
		}
	}
}

// Where a link may lead, and how the address is then written.
func TestRedirectTo(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mux := w.mux(tracking.Options{})
	for _, test := range [][2]string{
		{"https://shop.example.com", "https://shop.example.com?ref=JANE"},
		{"https://shop.example.com/", "https://shop.example.com/?ref=JANE"},
		{"https://shop.example.com/a/b.html", "https://shop.example.com/a/b.html?ref=JANE"},
		{"HTTPS://Shop.Example.COM/A", "https://shop.example.com/A?ref=JANE"},
		{"https://shop.example.com:443/a", "https://shop.example.com/a?ref=JANE"},
		{"https://shop.example.com:/a", "https://shop.example.com/a?ref=JANE"},
		{"https://blog.example.org:8443/post?x=1&y=%20", "https://blog.example.org:8443/post?x=1&y=%20&ref=JANE"},
		{"https://shop.example.com/a?b=c#d", "https://shop.example.com/a?b=c&ref=JANE#d"},
		{"https://shop.example.com/?ref=BOB", "https://shop.example.com/?ref=JANE"},
		{"https://shop.example.com/?ref&a=b&via=x", "https://shop.example.com/?a=b&ref=JANE"},
		{"https://shop.example.com/?href=BOB", "https://shop.example.com/?href=BOB&ref=JANE"},
		{"https://shop.example.com/caf\u00e9 \u00e0?q=caf\u00e9 \"<>#\u00e9",
			"https://shop.example.com/caf%C3%A9%20%C3%A0?q=caf%C3%A9%20\"<>&ref=JANE#%C3%A9"},
		{"https://shop.example.com//evil.example", "https://shop.example.com//evil.example?ref=JANE"},
		{"https://shop.example.com/?next=https://evil.example",
			"https://shop.example.com/?next=https://evil.example&ref=JANE"},
		{"https://shop.example.com/%0d%0aX-Evil:%201", "https://shop.example.com/%0d%0aX-Evil:%201?ref=JANE"},
		{"/pricing", "https://shop.example.com/pricing?ref=JANE"},
		{"/", "https://shop.example.com/?ref=JANE"},
		{"/pricing?plan=pro#faq", "https://shop.example.com/pricing?plan=pro&ref=JANE#faq"},
		{"/https:", "https://shop.example.com/https:?ref=JANE"},
		{"/\uff0fevil.example", "https://shop.example.com/%EF%BC%8Fevil.example?ref=JANE"},
	} {
		a := serve(mux, w.request("GET", "/r/JANE?to="+url.QueryEscape(test[0])))
		if got := a.Header().Get("Location"); got != test[1] {
			t.Errorf("%q leads to %q, not %q", test[0], got, test[1])
		}
	}
	got := serve(mux, w.request("GET", "/r/NOBODY?to=/pricing")).Header().Get("Location")
	if got != "https://shop.example.com/pricing" {
		t.Errorf("nobody's code leads to %q", got)
	}
}

// What a link has besides its target reaches the target, and replaces what is there.
func TestRedirectPassesOn(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mux := w.mux(tracking.Options{})
	for _, test := range []struct{ link, want string }{
		{"JANE?utm_source=mail&gclid=a%20b", landing + "?utm_source=mail&gclid=a%20b&ref=JANE"},
		{"JANE?sub=3&ref=NOBODY&via=x", landing + "?sub=3&ref=JANE"},
		{"JANE?to=/a%3Fplan=pro%26utm_source=x&utm_source=mail&utm_source=2",
			"https://shop.example.com/a?plan=pro&utm_source=mail&utm_source=2&ref=JANE"},
		{"JANE?to=/a&x=1", "https://shop.example.com/a?x=1&ref=JANE"},
		{"JANE?url=https://evil.example", landing + "?url=https://evil.example&ref=JANE"},
		{"JANE?TO=/a", landing + "?TO=/a&ref=JANE"},
		{"JANE?q=\u00e9\"&&=x&%zz=1", landing + "?q=%C3%A9\"&ref=JANE"},
		{"NOBODY?utm_source=mail", landing + "?utm_source=mail"},
	} {
		path, query, _ := strings.Cut(test.link, "?")
		r := w.request("GET", "/r/"+path)
		r.URL.RawQuery = query
		if got := serve(mux, r).Header().Get("Location"); got != test.want {
			t.Errorf("%s leads to %q, not %q", test.link, got, test.want)
		}
	}
	w.set(refgrow.UpdateSettingsParams{LandingURL: new("https://shop.example.com/a?utm_source=partner&x=1&ref=PROMO")})
	for link, want := range map[string]string{
		"JANE?utm_source=mail": "x=1&utm_source=mail&ref=JANE", "JANE": "utm_source=partner&x=1&ref=JANE",
		"NOBODY": "utm_source=partner&x=1&ref=PROMO",
	} {
		got := serve(mux, w.request("GET", "/r/"+link)).Header().Get("Location")
		if got != "https://shop.example.com/a?"+want {
			t.Errorf("%s leads to %q, not %q", link, got, want)
		}
	}
}

// Landing URLs of every kind, and none.
func TestRedirectToTheLandingURL(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mux := w.mux(tracking.Options{})
	for _, test := range []struct{ landing, to, want string }{
		{"/welcome", "", "/welcome?ref=JANE"},
		{"/welcome?x=1", "", "/welcome?x=1&ref=JANE"},
		{"/", "", "/?ref=JANE"},
		{"/welcome", "/pricing?a=b", "/pricing?a=b&ref=JANE"},
		{"/welcome", "//evil.example", "/welcome?ref=JANE"},
		{"/welcome", "/%2fevil.example<", "/welcome?ref=JANE"},
		{"/welcome", "/%5cevil.example", "/welcome?ref=JANE"},
		{"/welcome", "/.//evil.example", "/welcome?ref=JANE"},
		{"/welcome", "https://shop.example.com/", "/welcome?ref=JANE"},
		{"/welcome", "http://example.com/", "/welcome?ref=JANE"}, // this host, but nobody has named it
		{"/welcome", other + "/x", other + "/x?ref=JANE"},
		{"http://shop.example.com:8080/a", "http://shop.example.com:8080/b", "http://shop.example.com:8080/b?ref=JANE"},
		{"http://shop.example.com:8080/a", "http://shop.example.com/b", "http://shop.example.com:8080/a?ref=JANE"},
		{"http://shop.example.com/a", "http://shop.example.com:80/b", "http://shop.example.com/b?ref=JANE"},
		{"https://shop.example.com/a?ref=partners&x=1&via=y", "", "https://shop.example.com/a?x=1&ref=JANE"},
		{"", other + "/x", other + "/x?ref=JANE"},
	} {
		w.set(refgrow.UpdateSettingsParams{LandingURL: &test.landing})
		got := serve(mux, w.request("GET", "/r/JANE?to="+url.QueryEscape(test.to))).Header().Get("Location")
		if got != test.want {
			t.Errorf("landing %q, to %q: leads to %q, not %q", test.landing, test.to, got, test.want)
		}
	}

	// Nowhere to go: nothing counts, and nothing from the link is in the answer.
	before := w.clicks(w.jane)
	w.set(refgrow.UpdateSettingsParams{LandingURL: new("")})
	for _, to := range []string{"", "/pricing", "//evil.example",
		"https://evil.example", "<script>alert(1)</script>", "/\r\nX-Evil: 1"} {
		a := serve(mux, w.request("GET", "/r/JANE?to="+url.QueryEscape(to)))
		h := a.Header()
		if a.Code != http.StatusNotFound || !strings.Contains(a.Body.String(), "<p>This link leads nowhere.</p>") ||
			h.Get("Content-Type") != "text/html; charset=utf-8" || strings.Contains(a.Body.String(), "alert") ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "private, no-store" ||
			h.Get("Location") != "" || len(h["Set-Cookie"]) > 0 {
			t.Errorf("to %q: %d %v %q", to, a.Code, h, a.Body)
		}
	}
	if got := w.clicks(w.jane); got != before {
		t.Errorf("%d clicks through links that lead nowhere", got-before)
	}
}

// The redirect and its target on one host are one click.
func TestRedirectAndTargetAreOneClick(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.set(refgrow.UpdateSettingsParams{LandingURL: new("/welcome")})
	handler := w.tracker(tracking.Options{}).Middleware(w.mux(tracking.Options{}))
	first := w.request("GET", "/r/JANE")
	next := w.request("GET", serve(handler, first).Header().Get("Location"))
	next.RemoteAddr = first.RemoteAddr
	a := serve(handler, next).Result()
	if a.StatusCode != http.StatusOK || (seen{Response: a}).code() != "JANE" {
		t.Errorf("%s %v", a.Status, a.Header)
	}
	w.counts(1, 0)
}

// Of two codes, the redirect's has the last word, and there is only one cookie.
func TestRedirectBelowTheMiddleware(t *testing.T) {
	t.Parallel()
	w := setup(t)
	handler := w.tracker(tracking.Options{}).Middleware(w.mux(tracking.Options{}))
	for target, want := range map[string]string{"/r/JANE?ref=BOB": "JANE",
		"/r/NOBODY?ref=BOB": "BOB", "/r/BOB?ref=BOB": "BOB", "/r/JANE?ref=NOBODY": "JANE"} {
		a := serve(handler, w.request("GET", target)).Result()
		if len(a.Header["Set-Cookie"]) != 1 || (seen{Response: a}).code() != want {
			t.Errorf("%s: the cookies are %q", target, a.Header["Set-Cookie"])
		}
	}
}

// The codes that a browser came with before are older than the redirect's: where the last
// touch counts, nothing is left of them.
func TestRedirectAfterOtherCodes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		touch      refgrow.Touch
		middleware bool
		want       []string
	}{
		{refgrow.TouchLast, false, []string{"refgrow_ref_code=JANE", "refgrow_ref_seen="}},
		{refgrow.TouchLast, true, []string{"refgrow_ref_code=JANE", "refgrow_ref_seen="}},
		{refgrow.TouchFirst, false, nil},
		{refgrow.TouchFirst, true, []string{"refgrow_ref_code=BOB", "refgrow_ref_seen="}},
	} {
		w := setup(t)
		w.touch(test.touch)
		var handler http.Handler = w.mux(tracking.Options{})
		if test.middleware {
			handler = w.tracker(tracking.Options{}).Middleware(handler)
		}
		r := with(w.request("GET", "/r/JANE"), "NOBODY")
		r.AddCookie(&http.Cookie{Name: tracking.SeenCookieName, Value: "BOB.NOBODY"})
		var got []string
		for _, c := range serve(handler, r).Result().Cookies() {
			got = append(got, c.Name+"="+c.Value)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("touch %s, middleware %v: the cookies are %q", test.touch, test.middleware, got)
		}
	}
}

// FuzzRedirect: whatever the link says, a browser stays on a host that the owner has
// named.
func FuzzRedirect(f *testing.F) {
	for _, trick := range tricks() {
		f.Add(trick, "JANE", false)
		f.Add(trick, "JANE", true)
	}
	for _, to := range []string{"https://shop.example.com/a?b#c", "/pricing?x=1", other + "/x"} {
		f.Add(to, "JANE", false)
		f.Add(to, "NOBODY", true)
	}
	for _, nothing := range []string{"//", "//?x=1", "///", "//#x", "/?", "/#"} { // invalid hosts and paths
		f.Add(nothing, "JANE", true)
		f.Add(nothing, "NOBODY", true)
		f.Add(nothing, "JANE", false)
	}
	w := setup(f)
	tracker := w.tracker(tracking.Options{IsBot: func(*http.Request) bool { return true }})
	// A path as the landing URL, in a program of its own.
	local, err := w.engine.CreateProject(f.Context(), "local", refgrow.Settings{LandingURL: "/welcome"})
	w.ok(err)
	inPath := tracking.New(local, quiet(tracking.Options{}))
	inPath.WaitFor(time.Minute)
	f.Fuzz(func(t *testing.T, to, code string, path bool) {
		r := w.request("GET", "/r/x?to="+url.QueryEscape(to))
		var a *http.Response
		hosts := []string{"shop.example.com", "blog.example.org:8443"}
		if path {
			a = serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { inPath.Redirect(w, r, code) }),
				r).Result()
			hosts = []string{"go.example.com"}
		} else {
			a = serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { tracker.Redirect(w, r, code) }),
				r).Result()
		}
		location := a.Header.Get("Location")
		if a.StatusCode != http.StatusFound || location == "" {
			t.Fatalf("%s to %q", a.Status, location)
		}
		for _, c := range []byte(location) {
			if c <= ' ' || c > '~' || c == '\\' {
				t.Fatalf("%q leads to %q", to, location)
			}
		}
		if got := browserHost(location); !slices.Contains(hosts, got) {
			t.Fatalf("%q leads to %q, on %q", to, location, got)
		}
		// Anything else would be resolved relative to the link, or be the link itself.
		if !strings.HasPrefix(location, "/") && !strings.HasPrefix(location, "https://") {
			t.Fatalf("%q leads to %q", to, location)
		}
	})
}

// browserHost is where a browser on https://go.example.com goes when redirected to a
// location: according to the URL standard, as far as visible ASCII without backslashes
// needs it, and without the help of net/url.
func browserHost(location string) string {
	rest := location
	if i := strings.IndexFunc(rest, func(c rune) bool { return strings.ContainsRune("/?#:", c) }); i > 0 &&
		rest[i] == ':' {
		scheme := strings.ToLower(rest[:i])
		if scheme != "http" && scheme != "https" {
			return "a page of " + scheme
		}
		// However many slashes there are, what comes next is the host.
		rest = strings.TrimLeft(rest[i+1:], "/")
	} else if strings.HasPrefix(rest, "//") {
		rest = strings.TrimLeft(rest, "/")
	} else {
		return "go.example.com"
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return rest[strings.LastIndexByte(rest, '@')+1:]
}
