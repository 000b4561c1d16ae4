package tracking_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/tracking"
)

// FuzzVisit visits a page with any cookie, query and user agent: the page is served as it
// is, and the visitor is remembered, and credited, to nobody but who the link or the
// cookie says.
func FuzzVisit(f *testing.F) {
	const cookie = tracking.CookieName + "="
	for _, seed := range []struct{ cookie, query string }{
		{"", ""}, {"", "ref=JANE"}, {"", "via=jane-doe"}, {"", "ref=NOBODY&via=bob"}, {"", "ref=INA"}, {"", "via=JANE&ref=BOB"}, {cookie + "BOB", ""}, {cookie + "BOB", "ref=jane"}, {cookie + "NOBODY", "ref=JANE"},
		{cookie + `"BOB"`, "ref=NOBODY"}, {"a=b; " + cookie + "BOB; " + cookie + "JANE", "x=1"}, {cookie + "<script>; " + cookie + "JANE", "ref=%3Cscript%3E"}, {cookie + "INA", "ref=BOB"},
		{cookie + strings.Repeat("x", 65), "ref=" + strings.Repeat("x", 65)}, {cookie + "J%41NE", "ref=J%41NE&ref=BOB"}, {cookie + "BOB\x00", "ref=BOB%00"}, {cookie + "ſſſ", "ref=%C5%BF%C5%BF%C5%BF"},
		{strings.Repeat(cookie+"xx; ", 200) + cookie + "BOB", "%zz&ref=JANE"}, {cookie + "BOB\r\nX: y", "ref=JANE;via=BOB"}, {cookie + "BOB, " + cookie + "JANE", "ref=JANE#ref=BOB"},
	} {
		f.Add(seed.cookie, seed.query, browser, false)
		f.Add(seed.cookie, seed.query, browser, true)
	}
	f.Add(cookie+"BOB", "ref=JANE", "Googlebot/2.1 (+http://www.google.com/bot.html)", false)
	f.Add(cookie+"BOB", "ref=JANE", "\xff\x00\n"+strings.Repeat("é", 300), false)
	w := setup(f)
	first, err := w.engine.CreateProject(f.Context(), "first", refgrow.Settings{Touch: refgrow.TouchFirst, CookieDays: 7})
	w.ok(err)
	for _, code := range []string{"JANE", "BOB"} {
		_, err := first.CreateAffiliate(f.Context(), refgrow.CreateAffiliateParams{Email: strings.ToLower(code) + "@example.com", ReferralCode: code})
		w.ok(err)
	}
	_, err = first.CreateAffiliate(f.Context(), refgrow.CreateAffiliateParams{Email: "doe@example.com", PartnerSlug: "jane-doe"})
	w.ok(err)
	last, keeping := w.tracker(tracking.Options{}), tracking.New(first, quiet(tracking.Options{}))
	f.Fuzz(func(t *testing.T, cookie, query, userAgent string, firstTouch bool) {
		r := w.request("GET", "https://shop.example.com/page")
		r.RemoteAddr = "203.0.113.9:4000" // whose further visits do not count, so that nothing grows
		r.URL.RawQuery = query
		r.Header["Cookie"], r.Header["User-Agent"] = []string{cookie}, []string{userAgent}
		tracker, days := last, 60
		if firstTouch {
			tracker, days = keeping, 7
		}
		want := expected(r, firstTouch)
		// A page does not wait long for the database, and then believes the link. On a
		// machine that does much else that can happen.
		got := visit(tracker, r)
		for range 20 {
			if got.attribution.ReferralCode == want.credited && got.code() == want.set {
				break
			}
			got = visit(tracker, r)
		}
		if got.attribution.ReferralCode != want.credited || got.code() != want.set {
			t.Errorf("%q and %q credit %q and set %q, and should credit %q and set %q", cookie, query, got.attribution.ReferralCode, got.code(), want.credited, want.set)
		}
		if page, err := io.ReadAll(got.Body); err != nil || got.StatusCode != http.StatusOK || string(page) != "a page" {
			t.Errorf("%q and %q: %s %q (%v)", cookie, query, got.Status, page, err)
		}
		for _, set := range got.Cookies() {
			if set.Path != "/" || set.SameSite != http.SameSiteLaxMode || set.MaxAge != days*24*60*60 || !set.Secure || set.Domain != "" || set.Valid() != nil {
				t.Errorf("%q and %q set %q", cookie, query, set)
			}
		}
		if linked := want.leads; strings.HasPrefix(got.Header.Get("Cache-Control"), "private") != linked || len(got.Header["Set-Cookie"]) > 1 {
			t.Errorf("%q and %q: the header is %q", cookie, query, got.Header)
		}
		if agent := got.attribution.UserAgent; !utf8.ValidString(agent) || strings.ContainsFunc(agent, unicode.IsControl) || len(agent) > 255 {
			t.Errorf("the user agent is %q", agent)
		}
	})
}

// A visitExpected is what becomes of a visit.
type visitExpected struct {
	credited, set string
	leads         bool // the link leads to an affiliate
}

// expected is the model of visits to programs with Jane, also as jane-doe, and Bob.
func expected(r *http.Request, firstTouch bool) (want visitExpected) {
	leads := func(code string) bool {
		return slices.Contains([]string{"jane", "bob", "jane-doe"}, strings.ToLower(code))
	}
	canBe := func(code string) bool {
		return 3 <= len(code) && len(code) <= 64 && !strings.ContainsFunc(code, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || '9' < r) && (r < 'A' || 'Z' < r) && (r < 'a' || 'z' < r)
		})
	}
	for _, c := range r.CookiesNamed(tracking.CookieName) {
		if canBe(c.Value) {
			want.credited = c.Value
			break
		}
	}
	values, _ := url.ParseQuery(r.URL.RawQuery)
	for _, name := range []string{"ref", "via"} {
		link := values.Get(name)
		if !canBe(link) || !leads(link) {
			continue
		}
		want.leads = true
		if firstTouch && leads(want.credited) {
			return want
		}
		want.credited = link
		if !refgrow.IsBot(r.UserAgent()) {
			want.set = link
		}
		return want
	}
	return want
}
