package tracking_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/tracking"
)

// FuzzVisit visits a page with any cookie, query and user agent: the page is served as
// it is, and nobody is remembered or credited but the affiliate that the link or the
// cookie names.
func FuzzVisit(f *testing.F) {
	const cookie = tracking.CookieName + "="
	for _, seed := range []struct{ cookie, query string }{
		{"", ""}, {"", "ref=JANE"}, {"", "via=jane-doe"}, {"", "ref=NOBODY&via=bob"},
		{"", "ref=INA"}, {"", "via=JANE&ref=BOB"}, {cookie + "BOB", ""},
		{cookie + "BOB", "ref=jane"}, {cookie + "NOBODY", "ref=JANE"},
		{cookie + `"BOB"`, "ref=NOBODY"}, {"a=b; " + cookie + "BOB; " + cookie + "JANE", "x=1"},
		{cookie + "<script>; " + cookie + "JANE", "ref=%3Cscript%3E"}, {cookie + "INA", "ref=BOB"},
		{cookie + strings.Repeat("x", 65), "ref=" + strings.Repeat("x", 65)}, {cookie + "J%41NE", "ref=J%41NE&ref=BOB"},
		{cookie + "BOB\x00", "ref=BOB%00"}, {cookie + "ſſſ", "ref=%C5%BF%C5%BF%C5%BF"},
		{strings.Repeat(cookie+"xx; ", 200) + cookie + "BOB", "%zz&ref=JANE"},
		{cookie + "BOB\r\nX: y", "ref=JANE;via=BOB"}, {cookie + "BOB, " + cookie + "JANE", "ref=JANE#ref=BOB"},
		{cookie + "BOB; refgrow_ref_seen=NOBODY.JANE.BOB", ""}, {"refgrow_ref_seen=x.y.INA.jane-doe.BOB", "ref=NOBODY"},
		{"refgrow_ref_seen=aaa.bbb.ccc.ddd.eee.JANE; " + cookie + "fff", "via=(BOB)."},
	} {
		f.Add(seed.cookie, seed.query, browser, false)
		f.Add(seed.cookie, seed.query, browser, true)
	}
	f.Add(cookie+"BOB", "ref=JANE", "Googlebot/2.1 (+http://www.google.com/bot.html)", false)
	f.Add(cookie+"BOB", "ref=JANE", "\xff\x00\n"+strings.Repeat("é", 300), false)
	w := setup(f)
	first, err := w.engine.CreateProject(f.Context(), "first",
		refgrow.Settings{Touch: refgrow.TouchFirst, CookieDays: 7})
	w.ok(err)
	for _, code := range []string{"JANE", "BOB"} {
		_, err := first.CreateAffiliate(f.Context(),
			refgrow.CreateAffiliateParams{Email: strings.ToLower(code) + "@example.com", ReferralCode: code})
		w.ok(err)
	}
	_, err = first.CreateAffiliate(f.Context(),
		refgrow.CreateAffiliateParams{Email: "doe@example.com", PartnerSlug: "jane-doe"})
	w.ok(err)
	last, keeping := w.tracker(tracking.Options{}), tracking.New(first, quiet(tracking.Options{}))
	keeping.WaitFor(time.Minute)
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
		// busy machine that can happen.
		got := visit(tracker, r)
		for range 20 {
			if got.attribution.ReferralCode == want.credited && got.code() == want.set {
				break
			}
			got = visit(tracker, r)
		}
		if got.attribution.ReferralCode != want.credited || got.code() != want.set {
			t.Errorf("%q and %q credit %q and set %q, want %q and %q",
				cookie, query, got.attribution.ReferralCode, got.code(), want.credited, want.set)
		}
		if page, err := io.ReadAll(got.Body); err != nil || got.StatusCode != http.StatusOK ||
			string(page) != "a page" {
			t.Errorf("%q and %q: %s %q (%v)", cookie, query, got.Status, page, err)
		}
		for _, set := range got.Cookies() {
			if set.Path != "/" || set.SameSite != http.SameSiteLaxMode ||
				(set.MaxAge != days*24*60*60) != (set.Name == tracking.SeenCookieName) || !set.Secure || set.Domain != "" ||
				set.Valid() != nil {
				t.Errorf("%q and %q set %q", cookie, query, set)
			}
		}
		gone := slices.ContainsFunc(got.Cookies(), func(c *http.Cookie) bool {
			return c.Name == tracking.SeenCookieName && c.MaxAge < 0
		})
		if strings.HasPrefix(got.Header.Get("Cache-Control"), "private") != want.private || gone != want.removed {
			t.Errorf("%q and %q: the header is %q", cookie, query, got.Header)
		}
		if agent := got.attribution.UserAgent; !utf8.ValidString(agent) ||
			strings.ContainsFunc(agent, unicode.IsControl) || len(agent) > 255 {
			t.Errorf("the user agent is %q", agent)
		}
	})
}

// around is the blanks and the punctuation around a code in a link.
var around = regexp.MustCompile(`^[^\w\x{c0}-\x{1fff}\x{2070}-\x{2fff}\x{3040}-\x{10ffff}-]+|` +
	`[^\w\x{c0}-\x{1fff}\x{2070}-\x{2fff}\x{3040}-\x{10ffff}-]+$`)

// A visitExpected is what becomes of a visit.
type visitExpected struct {
	credited, set string
	private       bool // a cookie may be set: the link leads to an affiliate, or several codes are kept
	removed       bool // the cookie with several codes is removed
}

// expected is the model of visits to programs with Jane, also known as jane-doe, and
// Bob.
func expected(r *http.Request, firstTouch bool) (want visitExpected) {
	leads := func(code string) bool {
		return slices.Contains([]string{"jane", "bob", "jane-doe"}, strings.ToLower(code))
	}
	canBe := func(code string) bool {
		return 3 <= len(code) && len(code) <= 64 && !strings.ContainsFunc(code, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || '9' < r) && (r < 'A' || 'Z' < r) && (r < 'a' || 'z' < r)
		})
	}
	var held []string
	for _, c := range r.CookiesNamed(tracking.SeenCookieName) {
		held = append(held, slices.DeleteFunc(strings.Split(c.Value, "."), func(s string) bool { return !canBe(s) })...)
	}
	held = held[:min(len(held), 5)]
	for _, c := range r.CookiesNamed(tracking.CookieName) {
		if canBe(c.Value) {
			held = append(held, c.Value)
			break
		}
	}
	if firstTouch {
		slices.Reverse(held)
	}
	if len(held) > 0 {
		want.credited = held[max(0, slices.IndexFunc(held, leads))]
	}
	if len(held) > 1 {
		want.set, want.private, want.removed = want.credited, true, true
	}
	values, _ := url.ParseQuery(r.URL.RawQuery)
	for _, name := range []string{"ref", "via"} {
		link := around.ReplaceAllString(values.Get(name), "")
		if !canBe(link) || !leads(link) {
			continue
		}
		want.private = true
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
