package tracking_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/tracking"
)

func TestCookie(t *testing.T) {
	t.Parallel()
	w := setup(t)
	secure := func(r *http.Request) *http.Request {
		r.TLS = new(tls.ConnectionState)
		return r
	}
	days := 1
	for _, test := range []struct {
		name    string
		options tracking.Options
		days    *int
		r       *http.Request
		want    string
	}{
		{"http", tracking.Options{}, nil, w.request("GET", "/?ref=JANE"),
			"refgrow_ref_code=JANE; Path=/; Max-Age=5184000; SameSite=Lax"},
		{"https", tracking.Options{}, nil, secure(w.request("GET", "/?ref=jane-doe")),
			"refgrow_ref_code=jane-doe; Path=/; Max-Age=5184000; Secure; SameSite=Lax"},
		{
			"https at a proxy", tracking.Options{
				HTTPS: func(r *http.Request) bool { return r.Header.Get("X-Forwarded-Proto") == "https" }}, nil,
			w.request("GET", "/?ref=JANE", "X-Forwarded-Proto", "https"),
			"refgrow_ref_code=JANE; Path=/; Max-Age=5184000; Secure; SameSite=Lax",
		},
		{"what a browser claims", tracking.Options{}, nil, w.request("GET", "/?ref=JANE", "X-Forwarded-Proto", "https"),
			"refgrow_ref_code=JANE; Path=/; Max-Age=5184000; SameSite=Lax"},
		{"a domain", tracking.Options{CookieDomain: "example.com"}, nil, w.request("GET", "/?ref=JANE"),
			"refgrow_ref_code=JANE; Path=/; Domain=example.com; Max-Age=5184000; SameSite=Lax"},
		{"a day", tracking.Options{}, &days, w.request("GET", "/deep/path?ref=JANE"),
			"refgrow_ref_code=JANE; Path=/; Max-Age=86400; SameSite=Lax"},
	} {
		if test.days != nil {
			w.set(refgrow.UpdateSettingsParams{CookieDays: test.days})
		}
		if got := visit(w.tracker(test.options), test.r).Header["Set-Cookie"]; len(got) != 1 || got[0] != test.want {
			t.Errorf("%s: the cookie is %q, not %q", test.name, got, test.want)
		}
	}
}

func TestConsent(t *testing.T) {
	t.Parallel()
	w := setup(t)
	asked := 0
	tracker := w.tracker(tracking.Options{Consent: func(r *http.Request) bool {
		asked++
		c, err := r.Cookie("consent")
		return err == nil && c.Value == "yes"
	}})
	s := visit(tracker, w.request("GET", "/?ref=JANE"))
	if len(s.Cookies()) != 0 || s.attribution.ReferralCode != "JANE" {
		t.Errorf("without consent: the cookies %v and %+v", s.Cookies(), s.attribution)
	}
	s = visit(tracker, w.request("GET", "/?ref=JANE", "Cookie", "consent=yes"))
	if s.code() != "JANE" {
		t.Errorf("with consent: the cookies %v", s.Cookies())
	}
	w.counts(2, 0)
	if asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	visit(tracker, w.request("GET", "/"))
	visit(tracker, w.request("HEAD", "/?ref=JANE"))
	if asked != 2 {
		t.Error("asked although there was no cookie to set")
	}
}

// forOtherCaches are headers that some caches obey before Cache-Control.
var forOtherCaches = []string{
	"CDN-Cache-Control", "Cloudflare-CDN-Cache-Control", "Vercel-CDN-Cache-Control", "Netlify-CDN-Cache-Control",
	"Surrogate-Control", "Edge-Control", "X-Accel-Expires",
}

// Handlers that replace the header of their answer do not lose the cookie, and those
// that say themselves what becomes of it have the last word.
func TestCookieIsOnTheAnswer(t *testing.T) {
	t.Parallel()
	w := setup(t)
	page := func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
		io.WriteString(w, "a page")
	}
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", r.Header.Get("Upgrade"))
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
			w.WriteHeader(http.StatusSwitchingProtocols)
			return
		}
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		page(w, r)
	}))
	t.Cleanup(backend.Close)
	where, err := url.Parse(backend.URL)
	w.ok(err)
	proxy := httputil.NewSingleHostReverseProxy(where)
	endless := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-t.Context().Done() })
	for _, test := range []struct {
		name    string
		handler http.Handler
		upgrade string
		want    string // the cookies
	}{
		{"a page", http.HandlerFunc(page), "", "session=1 refgrow_ref_code=JANE"},
		{"a time limit", http.TimeoutHandler(http.HandlerFunc(page), time.Minute, ""),
			"", "session=1 refgrow_ref_code=JANE"},
		{"a time limit that is over", http.TimeoutHandler(endless, time.Nanosecond, ""), "", "refgrow_ref_code=JANE"},
		{"a proxy with hints before", proxy, "", "session=1 refgrow_ref_code=JANE"},
		{"a proxy to another protocol", proxy, "chat", "refgrow_ref_code=JANE session=1"},
		{"another middleware", w.tracker(tracking.Options{}).Middleware(http.HandlerFunc(page)),
			"", "session=1 refgrow_ref_code=JANE"},
		{"an end to it", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: tracking.CookieName, MaxAge: -1})
		}), "", "refgrow_ref_code="},
		{"a cookie of a similar name", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: tracking.CookieName + "_2", Value: "x"})
		}), "", "refgrow_ref_code_2=x refgrow_ref_code=JANE"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(w.tracker(tracking.Options{}).Middleware(test.handler))
			t.Cleanup(server.Close)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/?ref=JANE", nil)
			w.ok(err)
			if test.upgrade != "" {
				r.Header.Set("Connection", "Upgrade")
				r.Header.Set("Upgrade", test.upgrade)
			}
			answer, err := server.Client().Do(r)
			w.ok(err)
			defer answer.Body.Close()
			var got []string
			for _, c := range answer.Cookies() {
				got = append(got, c.Name+"="+c.Value)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("%s: the cookies are %q, not %q", answer.Status, got, test.want)
			}
		})
	}
}

// A handler that sets the cookie has the last word: no code from before stays beside it.
func TestCookieOfTheHandler(t *testing.T) {
	t.Parallel()
	w := setup(t)
	handler := w.tracker(tracking.Options{}).Middleware(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: tracking.CookieName, Value: "jane-doe"})
	}))
	r := with(w.request("GET", "/"), "NOBODY")
	r.AddCookie(&http.Cookie{Name: tracking.SeenCookieName, Value: "BOB.NOBODY"})
	set := serve(handler, r).Result().Cookies()
	if len(set) != 2 || set[0].Value != "jane-doe" || set[1].Name != tracking.SeenCookieName || set[1].MaxAge >= 0 {
		t.Errorf("the cookies are %q", set)
	}
}

// Where a connection cannot be taken over, the handler goes on, and what it then says
// counts.
func TestAnswerAfterNoHijack(t *testing.T) {
	t.Parallel()
	w := setup(t)
	a := serve(w.tracker(tracking.Options{}).Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, _, err := w.(http.Hijacker).Hijack(); err == nil {
			t.Error("a recorder has no connection")
		}
		w.Header().Set("Cache-Control", "public")
		io.WriteString(w, "a page")
	})), w.request("GET", "/?ref=JANE")).Result()
	if got := a.Header.Get("Cache-Control"); got != "private" || (seen{Response: a}).code() != "JANE" {
		t.Errorf("Cache-Control is %q, the cookies %v", got, a.Cookies())
	}
}

// What a handler says about caches, and what becomes of it in the answer to a link.
func TestCacheControl(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tracker := w.tracker(tracking.Options{})
	says := func(value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", value)
			io.WriteString(w, "a page")
		}
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"nothing", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a page") }, "private"},
		{"never writes", func(http.ResponseWriter, *http.Request) {}, "private"},
		{"never writes, public",
			func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "public") }, "private"},
		{"public", says("public, max-age=3600"), "private, max-age=3600"},
		{"capitals", says("Public, S-MaxAge=60, Max-Age=3600"), "private, Max-Age=3600"},
		{"only a time", says("max-age=3600"), "private, max-age=3600"},
		{"no-store", says("no-store"), "private, no-store"},
		{"no-cache", says("no-cache, must-revalidate"), "private, no-cache, must-revalidate"},
		{"private", says("private, max-age=5"), "private, max-age=5"},
		{"private for a field", says(`private="X-A", max-age=5`), "private, max-age=5"},
		{"only commas", says(" , ,"), "private"},
		{"two fields", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Cache-Control"] = []string{"public", "max-age=5"}
			w.WriteHeader(http.StatusOK)
		}, "private, max-age=5"},
		{"a status", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "public")
			w.WriteHeader(http.StatusTeapot)
		}, "private"},
		{"an error", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "sorry", http.StatusInternalServerError)
		}, "private"},
		{"a lasting redirect", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "public, max-age=31536000")
			http.Redirect(w, r, "/new", http.StatusMovedPermanently)
		}, "private, max-age=31536000"},
		{"Flush", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "public")
			w.(http.Flusher).Flush()
		}, "private"},
		{"Flush of a controller", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "public")
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}, "private"},
		{"hints before", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			w.Header().Set("Cache-Control", "public")
			io.WriteString(w, "a page")
		}, "private"},
		{"caches apart", func(w http.ResponseWriter, _ *http.Request) {
			for _, name := range forOtherCaches {
				w.Header().Set(name, "max-age=60")
			}
			io.WriteString(w, "a page")
		}, "private"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(tracker.Middleware(test.handler))
			t.Cleanup(server.Close)
			client := server.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			answer, err := client.Get(server.URL + "/?ref=JANE")
			w.ok(err)
			defer answer.Body.Close()
			if got := answer.Header["Cache-Control"]; len(got) != 1 || got[0] != test.want {
				t.Errorf("Cache-Control is %q, not %q", got, test.want)
			}
			if (seen{Response: answer}).code() != "JANE" {
				t.Errorf("the cookies are %v", answer.Cookies())
			}
			for _, name := range forOtherCaches {
				if len(answer.Header.Values(name)) > 0 {
					t.Errorf("some caches are told something else: %v", answer.Header)
				}
			}
		})
	}
}

// Which answers stay as they are.
func TestCacheControlElsewhere(t *testing.T) {
	t.Parallel()
	w := setup(t)
	handler := w.tracker(tracking.Options{Consent: func(*http.Request) bool { return false }}).Middleware(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "public, max-age=60")
			io.WriteString(w, "a page")
		}))
	for _, test := range []struct {
		r    *http.Request
		want string
	}{
		{w.request("GET", "/"), "public, max-age=60"},
		{with(w.request("GET", "/"), "JANE"), "public, max-age=60"},
		{w.request("GET", "/?ref=producthunt"), "public, max-age=60"},
		{with(w.request("GET", "/?ref=INA"), "JANE"), "public, max-age=60"},
		{w.request("POST", "/?ref=JANE"), "public, max-age=60"},
		// A cache that kept one of these would serve it to people who are then not
		// counted.
		{w.request("GET", "/?ref=JANE"), "private, max-age=60"},
		{w.request("HEAD", "/?ref=JANE"), "private, max-age=60"},
		{w.request("GET", "/?ref=JANE", "User-Agent", googlebot), "private, max-age=60"},
		{w.request("GET", "/?ref=JANE", "Sec-Purpose", "prefetch"), "private, max-age=60"},
	} {
		if got := serve(handler, test.r).Header().Get("Cache-Control"); got != test.want {
			t.Errorf("%s %s %v: Cache-Control is %q, not %q", test.r.Method, test.r.URL, test.r.Header, got, test.want)
		}
	}
}

// What handlers do with an answer also works with the answer to a link.
func TestAnswersToLinksAreWhole(t *testing.T) {
	t.Parallel()
	w := setup(t)
	flushed := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/stream", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		<-flushed // the reader has it
		io.WriteString(w, " and second")
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer connection.Close()
		io.WriteString(connection, "HTTP/1.1 418 I'm a teapot\r\nContent-Length: 0\r\n\r\n")
	})
	mux.HandleFunc("/deadline", func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("/panic", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public")
		panic("a bug")
	})
	recovering := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if recover() != nil {
					w.WriteHeader(http.StatusInternalServerError)
				}
			}()
			next.ServeHTTP(w, r)
		})
	}
	server := httptest.NewServer(recovering(w.tracker(tracking.Options{}).Middleware(mux)))
	t.Cleanup(server.Close)
	get := func(path string) *http.Response {
		answer, err := server.Client().Get(server.URL + path + "?ref=JANE")
		w.ok(err)
		t.Cleanup(func() { answer.Body.Close() })
		return answer
	}

	answer := get("/stream")
	first := make([]byte, len("first"))
	_, err := io.ReadFull(answer.Body, first)
	w.ok(err)
	close(flushed)
	rest, err := io.ReadAll(answer.Body)
	w.ok(err)
	if got := string(first) + string(rest); got != "first and second" {
		t.Errorf("got %q", got)
	}
	if answer := get("/hijack"); answer.StatusCode != http.StatusTeapot {
		t.Errorf("the hijacked answer is %s", answer.Status)
	}
	if answer := get("/deadline"); answer.StatusCode != http.StatusOK {
		t.Errorf("the answer is %s", answer.Status)
	}
	answer = get("/panic")
	if got := answer.Header.Get("Cache-Control"); answer.StatusCode != http.StatusInternalServerError ||
		strings.Contains(got, "public") || (seen{Response: answer}).code() != "JANE" {
		t.Errorf("after a panic: %s, Cache-Control %q, the cookies %v", answer.Status, got, answer.Cookies())
	}
}
