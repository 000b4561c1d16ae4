package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/tracking"
)

func TestLinkPaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/r/JANE": " JANE", "/r/shop/JANE": "shop JANE", "/r/my%20shop/JANE": "my shop JANE",
		"/r/a%2Fb/JANE": "a/b JANE", "/r/%72/%4AANE": "r JANE",
		"/r/r/r": "r r", "/r/JANE%2F": " JANE/", "/r/..": " ..",
		// Whoever follows what looks like a link gets a page.
		"/r": " ", "/r/": " ", "/r//": " ", "/R": " ", "/r//JANE": " JANE", "/r/shop/": " shop",
		"/r/a/b/JANE": "a b", "/r/shop/JANE/": "shop JANE", "/r/JANE/": " JANE", "/r/JANE//": " JANE",
		"/R/JANE": " JANE", "/r/shop//JANE/?x": "shop JANE",
		"/rJANE": "", "/x/r/JANE": "", "/": "",
	} {
		u, err := url.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		project, code, ok := link(u)
		if got := project + " " + code; ok != (want != "") || ok && got != want {
			t.Errorf("%s: %q, %v", path, got, ok)
		}
	}
}

// A visitor always gets a page, whatever became of the link on its way: the one that the
// link leads to, the landing page, or a sentence. JSON is for programs.
func TestVisitorsGetPages(t *testing.T) {
	t.Parallel()
	p := setup(t)
	s := p.serve()
	s.do("POST", "/api/v1/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`)
	for _, landing := range []string{"", "https://shop.example/start"} {
		if landing != "" {
			s.do("PUT", "/api/v1/project", `{"landing_url": "`+landing+`"}`)
		}
		for _, project := range []string{"", "default/", "nothing/"} {
			for _, code := range []string{"JANE", "NOBODY", "", "J", "%20", "%2F", "%FF", strings.Repeat("x", 300), "JANE/x/y"} {
				for _, form := range []string{
					"/r/%s", "/R/%s", "/r/%s/", "/r/%s//", "//r/%s", "/r//%s", "/r/%s.?x=1", "/r/%s?ref=JANE",
				} {
					path := fmt.Sprintf(form, project+code)
					status, header, body := s.do("GET", path, "")
					kind := header.Get("Content-Type")
					switch {
					case status == http.StatusFound && strings.HasPrefix(header.Get("Location"), landing) && landing != "":
					case status == http.StatusNotFound && strings.HasPrefix(kind, "text/html") && strings.Contains(body, "<p>") &&
						(landing == "" || project != "" || strings.Contains(code, "/")):
					default:
						t.Errorf("landing %q, %s: %d %s %s %s", landing, path, status, kind, header.Get("Location"), body)
					}
				}
			}
		}
	}
	s.end()
}

func TestHTTPSOfTheClient(t *testing.T) {
	t.Parallel()
	var trusted proxies
	if err := trusted.Set("10.0.0.0/8"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		url, peer, forwarded string
		want                 bool
	}{
		{"https://example.com/", "198.51.100.1:1234", "", true},
		{"https://example.com/", "10.1.2.3:1234", "http", true}, // with this server itself
		{"http://example.com/", "198.51.100.1:1234", "", false},
		{"http://example.com/", "198.51.100.1:1234", "https", false}, // anybody's claim
		{"http://example.com/", "10.1.2.3:1234", "https", true},
		{"http://example.com/", "[::ffff:10.1.2.3]:1234", "HTTPS , http", true},
		{"http://example.com/", "10.1.2.3:1234", "http, https", false},
		{"http://example.com/", "10.1.2.3:1234", "", false},
		{"http://example.com/", "nobody", "https", false},
	} {
		r := httptest.NewRequest(http.MethodGet, test.url, nil)
		r.RemoteAddr = test.peer
		if test.forwarded != "" {
			r.Header.Set("X-Forwarded-Proto", test.forwarded)
		}
		if got := trusted.https(r); got != test.want {
			t.Errorf("%s from %s, forwarded for %q: %v", test.url, test.peer, test.forwarded, got)
		}
	}
}

// A host is the handler of serve, without a server.
type host struct {
	t       *testing.T
	engine  *refgrow.Engine
	clock   *refgrowtest.Clock
	handler http.Handler
}

func newHost(t *testing.T) *host {
	t.Helper()
	engine, clock := refgrowtest.New(t)
	return &host{t, engine, clock, new(serveFlags).handler(engine, 0, slog.New(slog.DiscardHandler))}
}

// project adds a project with an affiliate JANE. Visits see it within a second.
func (h *host) project(name string) *refgrow.Project {
	h.t.Helper()
	p, err := h.engine.CreateProject(h.t.Context(), name, refgrow.Settings{
		LandingURL:     "https://" + url.PathEscape(strings.ReplaceAll(name, " ", "-")) + ".example",
		AllowedOrigins: []string{"https://example.com"},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	_, err = p.CreateAffiliate(h.t.Context(),
		refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		h.t.Fatal(err)
	}
	return p
}

// ask sends a request; headers come in pairs.
func (h *host) ask(method, path string, headers ...string) *http.Response {
	h.t.Helper()
	r := httptest.NewRequest(method, path,
		strings.NewReader(`{"type": "click", "code": "JANE", "url": "https://example.com/"}`))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	h.handler.ServeHTTP(recorder, r)
	return recorder.Result()
}

// leads checks where a link leads; to nowhere when there is no such project.
func (h *host) leads(path, to string) {
	h.t.Helper()
	got := h.ask(http.MethodGet, path)
	if to == "" {
		if got.StatusCode != http.StatusNotFound || got.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
			len(got.Cookies()) != 0 {
			h.t.Errorf("%s: %d %v", path, got.StatusCode, got.Header)
		}
		return
	}
	if got.StatusCode != http.StatusFound || got.Header.Get("Location") != to {
		h.t.Errorf("%s: %d, to %q", path, got.StatusCode, got.Header.Get("Location"))
	}
	if cookies := got.Cookies(); len(cookies) != 1 || cookies[0].Name != tracking.CookieName ||
		cookies[0].Value != "JANE" {
		h.t.Errorf("%s: the cookies are %v", path, cookies)
	}
}

func (h *host) clicks(p *refgrow.Project) int64 {
	h.t.Helper()
	if err := h.engine.FlushClicks(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	jane, err := p.AffiliateByEmail(h.t.Context(), "jane@example.com")
	if err != nil {
		h.t.Fatal(err)
	}
	return jane.Clicks
}

func TestLinksOfSeveralProjects(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	shop := h.project("my shop")
	h.leads("/r/JANE", "https://my-shop.example?ref=JANE")
	h.leads("/r/my%20shop/JANE", "https://my-shop.example?ref=JANE")
	h.leads("/r/other/JANE", "")
	if n := h.clicks(shop); n != 1 { // the second one repeats the first
		t.Errorf("%d clicks", n)
	}

	// What comes later changes no published link of the first project.
	other := h.project("other")
	h.clock.Advance(listFor - time.Nanosecond)
	h.leads("/r/other/JANE", "")
	h.clock.Advance(time.Nanosecond)
	h.leads("/r/other/JANE", "https://other.example?ref=JANE")
	h.leads("/r/JANE", "https://my-shop.example?ref=JANE")
	h.leads("/r/my%20shop/JANE/", "https://my-shop.example?ref=JANE")
	h.project("default")
	h.clock.Advance(listFor)
	h.leads("/r/JANE", "https://my-shop.example?ref=JANE")
	h.leads("/r/default/JANE", "https://default.example?ref=JANE")
	if n := h.clicks(other); n != 1 {
		t.Errorf("%d clicks", n)
	}

	// A new name replaces the old one, even if the clock is set back.
	if err := other.Rename(t.Context(), "another"); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(-time.Hour)
	h.leads("/r/other/JANE", "")
	h.leads("/r/another/JANE", "https://other.example?ref=JANE")
	if err := shop.Rename(t.Context(), "zoo"); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(listFor)
	h.leads("/r/JANE", "https://my-shop.example?ref=JANE")
	if err := shop.Rename(t.Context(), "my shop"); err != nil {
		t.Fatal(err)
	}
	h.clock.Advance(listFor)

	for _, path := range []string{"/refgrow.js?project=other", "/refgrow.js?project=%6Fther&v=2"} {
		if got := h.ask(http.MethodGet, path); got.StatusCode != http.StatusNotFound ||
			got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
	for _, path := range []string{"/refgrow.js", "/refgrow.js?project=",
		"/refgrow.js?project=my%20shop", "/refgrow.js?v=2&project=my+shop"} {
		if got := h.ask(http.MethodGet, path); got.StatusCode != http.StatusOK ||
			!strings.HasPrefix(got.Header.Get("Content-Type"), "text/javascript") {
			t.Errorf("%s: %d %v", path, got.StatusCode, got.Header)
		}
	}
	if n := h.clicks(other); n != 2 { // it is an hour before the first one, and does not repeat it
		t.Errorf("%d clicks", n)
	}
	h.clock.Advance(2 * time.Hour)
	got := h.ask(http.MethodPost, "/refgrow/track?project=another", "Origin", "https://example.com")
	if got.StatusCode != http.StatusAccepted ||
		got.Header.Get("Access-Control-Allow-Origin") != "https://example.com" {
		t.Errorf("%d %v", got.StatusCode, got.Header)
	}
	if n := h.clicks(other); n != 3 {
		t.Errorf("%d clicks", n)
	}
}

func TestMethodsOfTracking(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.project("default")
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"HEAD", "/r/JANE", http.StatusFound, ""},
		{"POST", "/r/JANE", http.StatusMethodNotAllowed, "GET, HEAD"},
		{"OPTIONS", "/r/default/JANE", http.StatusMethodNotAllowed, "GET, HEAD"},
		{"HEAD", "/refgrow.js", http.StatusOK, ""},
		{"POST", "/refgrow.js", http.StatusMethodNotAllowed, "GET, HEAD"},
		{"OPTIONS", "/refgrow/track", http.StatusNoContent, ""},
		{"GET", "/refgrow/track", http.StatusMethodNotAllowed, "OPTIONS, POST"},
		{"PUT", "/refgrow/track?project=none", http.StatusMethodNotAllowed, "OPTIONS, POST"},
		{"POST", "/refgrow/track?project=none", http.StatusNotFound, ""},
		{"OPTIONS", "/refgrow/track?project=none", http.StatusNotFound, ""},
		{"GET", "/refgrow", http.StatusNotFound, ""},
		{"GET", "/refgrow/track/", http.StatusNotFound, ""},
		{"GET", "/refgrow.js/", http.StatusNotFound, ""},
	} {
		got := h.ask(test.method, test.path, "Origin", "https://example.com")
		if got.StatusCode != test.status || got.Header.Get("Allow") != test.allow {
			t.Errorf("%s %s: %d %v", test.method, test.path, got.StatusCode, got.Header)
		}
		if got.StatusCode >= 400 &&
			(got.Header.Get("Content-Type") != "application/json" || got.Header.Get("X-Request-Id") == "") {
			t.Errorf("%s %s: %v", test.method, test.path, got.Header)
		}
	}
}

// Names that strangers invent are neither kept nor looked up one by one: between two
// looks at the list the database might as well be gone.
func TestNamesOfNoProject(t *testing.T) {
	t.Parallel()
	engine, clock := refgrowtest.New(t)
	project, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	known := newTrackers(engine, 0, tracking.Options{})
	find := func(name string) *tracking.Tracker {
		t.Helper()
		found, err := known.of(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	shop := find("shop")
	if err := project.Rename(t.Context(), "store"); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if find(fmt.Sprintf("name %d", i)) != nil || find("store") != nil || find("shop") != shop {
			t.Fatal("the database was asked")
		}
	}
	clock.Advance(listFor)
	if find("store") != shop || find("shop") != nil || find("") != shop {
		t.Error("a renamed project lost its tracker")
	}
	if len(known.byName) != 1 || len(known.byID) != 1 {
		t.Errorf("%d names and %d trackers are kept", len(known.byName), len(known.byID))
	}

	// An old list is better than none, and none is an answer too.
	if err := engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.Advance(time.Hour)
	if find("store") != shop || find("nobody") != nil {
		t.Error("the list is gone with the database")
	}
	if _, err := newTrackers(engine, 0, tracking.Options{}).of(t.Context(), "store"); err == nil {
		t.Error("a project was found in a closed database")
	}
}

// A client that leaves does not spoil reading the list, which is for everybody.
func TestVisitorWhoLeaves(t *testing.T) {
	t.Parallel()
	engine, _ := refgrowtest.New(t)
	if _, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{}); err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if found, err := newTrackers(engine, 0, tracking.Options{}).of(gone, "shop"); err != nil || found == nil {
		t.Errorf("%v, %v", found, err)
	}
}

func TestTrackingWithoutDatabase(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	if err := h.engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/r/JANE", "/refgrow.js"} {
		if got := h.ask(http.MethodGet, path); got.StatusCode != http.StatusServiceUnavailable ||
			got.Header.Get("Retry-After") != "1" {
			t.Errorf("%s: %d %v", path, got.StatusCode, got.Header)
		}
	}
}

// tracked starts a server whose first project has a landing page, an allowed origin
// and an affiliate JANE.
func (s *server) tracked() *server {
	s.t.Helper()
	for _, call := range [][3]string{
		{"PUT", "/api/v1/project", `{"landing_url": "https://example.com/start",
			"allowed_origins": ["https://example.com"], "signup_commission": "2.00"}`},
		{"POST", "/api/v1/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`},
	} {
		if status, _, body := s.do(call[0], call[1], call[2]); status >= 300 {
			s.t.Fatalf("%s %s: %d %s", call[0], call[1], status, body)
		}
	}
	return s
}

// From the link to the account of the affiliate.
func TestServeTracks(t *testing.T) {
	t.Parallel()
	p := setup(t)
	s := p.serve("--trusted-proxy", "127.0.0.0/8").tracked()
	visit := func(path, from string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.ready.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", from)
		r.Header.Set("X-Forwarded-Proto", "https")
		r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer
	}
	got := visit("/r/JANE?to=https://example.com/pricing", "203.0.113.9")
	if got.StatusCode != http.StatusFound || got.Header.Get("Location") != "https://example.com/pricing?ref=JANE" {
		t.Errorf("%d %v", got.StatusCode, got.Header)
	}
	if cookies := got.Cookies(); len(cookies) != 1 || !cookies[0].Secure || cookies[0].MaxAge != 60*24*60*60 {
		t.Errorf("the cookies are %v", cookies)
	}
	visit("/r/JANE", "203.0.113.9")         // a repeat
	visit("/r/default/JANE", "2001:db8::9") // the proxy is not the visitor
	visit("/r/NOBODY", "203.0.113.10")
	if status, _, body := s.do("GET", "/refgrow.js", ""); status != http.StatusOK ||
		!strings.Contains(body, "Refgrow") {
		t.Errorf("%d %s", status, body)
	}

	// What a browser says about a signup counts when the app's own server knows of it.
	claim, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.ready.URL+"/refgrow/track",
		strings.NewReader(`{"type": "signup", "code": "JANE", "email": "carl@example.com"}`))
	if err != nil {
		t.Fatal(err)
	}
	claim.Header.Set("Origin", "https://example.com")
	answer, err := http.DefaultClient.Do(claim)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		t.Errorf("%d", answer.StatusCode)
	}
	status, _, body := s.do("POST", "/api/v1/conversions", `{"type": "signup", "email": "carl@example.com"}`)
	if status != http.StatusCreated ||
		!strings.Contains(body, `"affiliate_id":1`) || !strings.Contains(body, `"value":2`) {
		t.Errorf("%d %s", status, body)
	}
	s.end() // which writes the clicks that wait
	p.withEngine(func(engine *refgrow.Engine) {
		days := p.statistics(engine)
		if today := days[len(days)-1]; today.Clicks != 2 || today.Signups != 1 {
			t.Errorf("%+v", today)
		}
	})
	p.must("verify")
}

// statistics are those of the first project's first affiliate.
func (p *commandLine) statistics(engine *refgrow.Engine) []refgrow.DayStatistics {
	p.t.Helper()
	projects, err := engine.Projects(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	days, err := projects[0].Statistics(p.t.Context(), refgrow.StatisticsParams{AffiliateID: 1})
	if err != nil {
		p.t.Fatal(err)
	}
	return days
}

// Clicks that were answered before the signal are in the file, although the database
// took none of them until the last request had ended.
func TestSignalWritesClicks(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no way to send such signals to another process")
	}
	p := setup(t)
	cmd, log, key, address := p.process("--trusted-proxy", "127.0.0.0/8")
	s := (&server{t: t, ready: readyJSON{URL: "http://" + address, Key: &key}, log: log}).tracked()
	const visitors = 300
	p.locked(func() {
		for i := range visitors {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.ready.URL+"/r/JANE", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.%d.%d", i/250, i%250))
			answer, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusFound {
				t.Fatalf("%d", answer.StatusCode)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		log.wait(t, "msg=stopped")
	})
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v, %s", err, log)
	}
	p.withEngine(func(engine *refgrow.Engine) {
		clicks := int64(0)
		for _, day := range p.statistics(engine) {
			clicks += day.Clicks
		}
		if clicks != visitors {
			t.Errorf("%d of %d clicks are in the file: %s", clicks, visitors, log)
		}
	})
	p.must("verify")
}

// locked does something while nobody else can write to the database.
func (p *commandLine) locked(work func()) {
	p.t.Helper()
	db, err := sqlite.Open(p.t.Context(), p.db, sqlite.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	if err := db.Tx(p.t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(p.t.Context(), "UPDATE refgrow_projects SET name = name"); err != nil {
			return err
		}
		work()
		return nil
	}); err != nil {
		p.t.Fatal(err)
	}
}
