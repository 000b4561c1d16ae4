package tracking_test

import (
	"maps"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/tracking"
)

const (
	googlebot = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
	headless  = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, " +
		"like Gecko) HeadlessChrome/140.0.0.0 Safari/537.36"
)

// What counts, sets a cookie, and reaches the handler.
func TestVisits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		method, target string // GET, /
		fields         []string
		cookie, seen   string

		jane, bob int64  // clicks
		set       string // the code in the cookie
		told      string // the code in the context
	}{
		"no code":                    {target: "/?page=2"},
		"ref":                        {target: "/?ref=JANE", jane: 1, set: "JANE", told: "JANE"},
		"via":                        {target: "/pricing?x=1&via=JANE", jane: 1, set: "JANE", told: "JANE"},
		"ref before via":             {target: "/?via=JANE&ref=BOB", bob: 1, set: "BOB", told: "BOB"},
		"unknown ref, via":           {target: "/?ref=producthunt&via=JANE", jane: 1, set: "JANE", told: "JANE"},
		"impossible ref, via":        {target: "/?ref=a+b&via=JANE", jane: 1, set: "JANE", told: "JANE"},
		"slug":                       {target: "/?ref=jane-doe", jane: 1, set: "jane-doe", told: "jane-doe"},
		"other case":                 {target: "/?ref=jAnE", jane: 1, set: "jAnE", told: "jAnE"},
		"slug in other case":         {target: "/?via=JANE-Doe", jane: 1, set: "JANE-Doe", told: "JANE-Doe"},
		"two of one":                 {target: "/?ref=BOB&ref=JANE", bob: 1, set: "BOB", told: "BOB"},
		"encoded":                    {target: "/?re%66=%4AANE", jane: 1, set: "JANE", told: "JANE"},
		"name in capitals":           {target: "/?REF=JANE"},
		"unknown":                    {target: "/?ref=producthunt"},
		"inactive":                   {target: "/?ref=INA"},
		"empty":                      {target: "/?ref="},
		"too short":                  {target: "/?ref=JA"},
		"too long":                   {target: "/?ref=" + strings.Repeat("J", 65)},
		"with a space":               {target: "/?ref=JANE%20", jane: 1, set: "JANE", told: "JANE"},
		"at the end of a sentence":   {target: "/?ref=(JANE%E2%80%9D).", jane: 1, set: "JANE", told: "JANE"},
		"with a strange letter":      {target: "/?ref=JANE%C3%A9"},
		"several kept":               {seen: "BOB.JANE", cookie: "JANE", set: "BOB", told: "BOB"},
		"several kept, nobody's":     {seen: "producthunt.BOB.x.JANE", cookie: "JANE", set: "BOB", told: "BOB"},
		"several kept, nobody first": {seen: "producthunt.NOBODY", cookie: "NOBODY", set: "producthunt", told: "producthunt"},
		"several kept, and a link": {seen: "BOB.producthunt", cookie: "producthunt", target: "/?ref=JANE",
			jane: 1, set: "JANE", told: "JANE"},
		"several kept, nobody's link": {seen: "producthunt.BOB", cookie: "BOB", target: "/?ref=NOBODY",
			set: "BOB", told: "BOB"},
		"several kept, POST":         {method: "POST", seen: "BOB.JANE", cookie: "JANE", told: "BOB"},
		"with a newline":             {target: "/?ref=JANE%0D%0ASet-Cookie:%20a=b"},
		"looks alike":                {target: "/?ref=J%D0%90NE"}, // a Cyrillic A
		"broken escape":              {target: "/?ref=JANE%zz"},
		"unknown, cookie":            {target: "/?ref=producthunt", cookie: "BOB", told: "BOB"},
		"inactive, cookie":           {target: "/?ref=INA", cookie: "BOB", told: "BOB"},
		"cookie":                     {cookie: "BOB", told: "BOB"},
		"cookie of nobody":           {cookie: "NOBODY", told: "NOBODY"},
		"cookie that is no code":     {cookie: "<script>"},
		"cookie that is too short":   {cookie: "JA"},
		"cookie that is too long":    {cookie: strings.Repeat("J", 65)},
		"cookie of the longest code": {cookie: strings.Repeat("J", 64), told: strings.Repeat("J", 64)},
		"HEAD":                       {method: "HEAD", target: "/?ref=JANE", told: "JANE"},
		"POST":                       {method: "POST", target: "/?ref=JANE", told: "JANE"},
		"PUT":                        {method: "PUT", target: "/?ref=JANE", told: "JANE"},
		"OPTIONS":                    {method: "OPTIONS", target: "/?ref=JANE", told: "JANE"},
		"POST with a cookie":         {method: "POST", cookie: "BOB", told: "BOB"},
		"POST with both":             {method: "POST", target: "/?ref=JANE", cookie: "BOB", told: "JANE"},
		"Sec-Purpose prefetch": {target: "/?ref=JANE",
			fields: []string{"Sec-Purpose", "prefetch"}, told: "JANE"},
		"Sec-Purpose prerender": {target: "/?ref=JANE",
			fields: []string{"Sec-Purpose", "prefetch;prerender"}, told: "JANE"},
		"Sec-Purpose anonymous": {target: "/?ref=JANE",
			fields: []string{"Sec-Purpose", "prefetch;anonymous-client-ip"}, told: "JANE"},
		"Purpose prefetch": {target: "/?ref=JANE",
			fields: []string{"Purpose", "prefetch"}, told: "JANE"},
		"X-Purpose preview": {target: "/?ref=JANE",
			fields: []string{"X-Purpose", "preview"}, told: "JANE"},
		"X-Moz prefetch": {target: "/?ref=JANE", fields: []string{"X-Moz", "Prefetch"}, told: "JANE"},
		"a purpose of somebody's": {target: "/?ref=JANE",
			fields: []string{"Purpose", "shopping"}, jane: 1, set: "JANE", told: "JANE"},
		"document": {target: "/?ref=JANE",
			fields: []string{"Sec-Fetch-Dest", "document"}, jane: 1, set: "JANE", told: "JANE"},
		"image": {target: "/?ref=JANE",
			fields: []string{"Sec-Fetch-Dest", "image"}, told: "JANE"},
		"frame": {target: "/?ref=JANE",
			fields: []string{"Sec-Fetch-Dest", "iframe"}, told: "JANE"},
		"script": {target: "/?ref=JANE",
			fields: []string{"Sec-Fetch-Dest", "script"}, told: "JANE"},
		"fetch": {target: "/?ref=JANE",
			fields: []string{"Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode", "cors"}, told: "JANE"},
		"fetch of no mode": {target: "/?ref=JANE",
			fields: []string{"Sec-Fetch-Dest", "empty"}, told: "JANE"},
		"service worker": {target: "/?ref=JANE",
			fields: []string{"Sec-Fetch-Dest", "empty", "Sec-Fetch-Mode", "navigate"},
			jane:   1, set: "JANE", told: "JANE"},
		"frame of a service worker": {target: "/?ref=JANE",
			fields: []string{"Sec-Fetch-Dest", "iframe", "Sec-Fetch-Mode", "navigate"}, told: "JANE"},
		"image without https": {target: "/?ref=JANE", fields: []string{"Accept",
			"image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"}, told: "JANE"},
		"page without https": {target: "/?ref=JANE", fields: []string{"Accept",
			"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
			jane: 1, set: "JANE", told: "JANE"},
		"an image that is opened": {target: "/?ref=JANE",
			fields: []string{"Sec-Fetch-Dest", "document", "Accept", "image/png"}, jane: 1, set: "JANE", told: "JANE"},
		"crawler": {target: "/?ref=JANE",
			fields: []string{"User-Agent", googlebot}, told: "JANE"},
		"preview of a link": {target: "/?ref=JANE",
			fields: []string{"User-Agent", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}, told: "JANE"},
		"no user agent": {target: "/?ref=JANE",
			fields: []string{"User-Agent", ""}, jane: 1, set: "JANE", told: "JANE"},
		"curl": {target: "/?ref=JANE",
			fields: []string{"User-Agent", "curl/8.14.1"}, jane: 1, set: "JANE", told: "JANE"},
		"headless, as the owners' tests": {target: "/?ref=JANE",
			fields: []string{"User-Agent", headless}, jane: 1, set: "JANE", told: "JANE"},
		"many cookies, ours among them": {
			fields: []string{"Cookie", "a=b; refgrow_ref_code=x; refgrow_ref_code=BOB; c=d"}, told: "BOB"},
		"many parameters, ours among them": {target: "/?" + strings.Repeat("a=b&", 500) + "ref=JANE",
			jane: 1, set: "JANE", told: "JANE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			if test.method == "" {
				test.method = "GET"
			}
			if test.target == "" {
				test.target = "/"
			}
			r := w.request(test.method, test.target, test.fields...)
			if test.seen != "" {
				r.AddCookie(&http.Cookie{Name: tracking.SeenCookieName, Value: test.seen})
			}
			if test.cookie != "" {
				r = with(r, test.cookie)
			}
			s := visit(w.tracker(tracking.Options{}), r)
			if s.code() != test.set {
				t.Errorf("the cookie was set to %q, not %q", s.code(), test.set)
			}
			if s.attribution.ReferralCode != test.told {
				t.Errorf("the handler got %q, not %q", s.attribution.ReferralCode, test.told)
			}
			if s.attribution.UserAgent != r.UserAgent() {
				t.Errorf("the handler got the browser %q", s.attribution.UserAgent)
			}
			w.counts(test.jane, test.bob)
		})
	}
}

func TestVisitsThatTheAppKnowsForBots(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tracker := w.tracker(
		tracking.Options{IsBot: func(r *http.Request) bool { return r.Header.Get("X-Load-Test") != "" }})
	if s := visit(tracker, w.request("GET", "/?ref=JANE", "X-Load-Test", "1")); s.code() != "" ||
		s.attribution.ReferralCode != "JANE" {
		t.Errorf("got the cookie %q and %+v", s.code(), s.attribution)
	}
	visit(tracker, w.request("GET", "/?ref=BOB"))
	visit(tracker, w.request("GET", "/?ref=BOB", "User-Agent", googlebot))
	w.counts(0, 1)
}

// Whose cookie is set, and who the handler learns of, when there are both a link and a
// cookie.
func TestTouch(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, test := range []struct {
		touch        refgrow.Touch
		link, cookie string
		set, told    string
	}{
		{refgrow.TouchLast, "JANE", "", "JANE", "JANE"},
		{refgrow.TouchLast, "JANE", "BOB", "JANE", "JANE"},
		{refgrow.TouchLast, "JANE", "JANE", "JANE", "JANE"}, // its time starts again
		{refgrow.TouchLast, "JANE", "jane-doe", "JANE", "JANE"},
		{refgrow.TouchLast, "JANE", "INA", "JANE", "JANE"},
		{refgrow.TouchLast, "JANE", "NOBODY", "JANE", "JANE"},
		{refgrow.TouchLast, "NOBODY", "BOB", "", "BOB"},
		{refgrow.TouchLast, "", "BOB", "", "BOB"},
		{refgrow.TouchLast, "", "", "", ""},
		{refgrow.TouchFirst, "JANE", "", "JANE", "JANE"},
		{refgrow.TouchFirst, "JANE", "BOB", "", "BOB"},
		{refgrow.TouchFirst, "JANE", "JANE", "", "JANE"}, // its time goes on
		{refgrow.TouchFirst, "JANE", "jane-doe", "", "jane-doe"},
		{refgrow.TouchFirst, "JANE", "INA", "JANE", "JANE"},
		{refgrow.TouchFirst, "JANE", "NOBODY", "JANE", "JANE"},
		{refgrow.TouchFirst, "JANE", "no code", "JANE", "JANE"},
		{refgrow.TouchFirst, "NOBODY", "BOB", "", "BOB"},
		{refgrow.TouchFirst, "", "BOB", "", "BOB"},
		{refgrow.TouchFirst, "", "", "", ""},
	} {
		w.touch(test.touch)
		before := w.clicks(w.jane)
		r := w.request("GET", "/?ref="+test.link)
		if test.cookie != "" {
			r = with(r, test.cookie)
		}
		s := visit(w.tracker(tracking.Options{}), r)
		if s.code() != test.set || s.attribution.ReferralCode != test.told {
			t.Errorf("%s touch, link %q, cookie %q: set %q and credited %q, not %q and %q",
				test.touch, test.link, test.cookie, s.code(), s.attribution.ReferralCode, test.set, test.told)
		}
		// Whoever gets the credit: a link that was followed counts.
		counted := int64(0)
		if test.link == "JANE" {
			counted = 1
		}
		if n := w.clicks(w.jane) - before; n != counted {
			t.Errorf("%s touch, link %q, cookie %q: %d clicks", test.touch, test.link, test.cookie, n)
		}
	}
}

// A change through the same engine is seen by the next request, although the clock
// stands still.
func TestChangesAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tracker := w.tracker(tracking.Options{})
	come := func() string { return visit(tracker, with(w.request("GET", "/?ref=JANE"), "BOB")).code() }
	if got := come(); got != "JANE" {
		t.Errorf("the cookie was set to %q", got)
	}
	w.touch(refgrow.TouchFirst)
	if got := come(); got != "" {
		t.Errorf("although the first touch counts, the cookie was set to %q", got)
	}
	w.status(w.bob, refgrow.AffiliateInactive)
	if got := come(); got != "JANE" {
		t.Errorf("although Bob is inactive, the cookie was set to %q", got)
	}
	w.status(w.jane, refgrow.AffiliateInactive)
	if got := come(); got != "" {
		t.Errorf("although Jane is inactive, the cookie was set to %q", got)
	}
}

func TestRepeatsCountOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tracker := w.tracker(tracking.Options{
		ClientIP: func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("X-Real-IP")) }})
	come := func(ip, code string) {
		visit(tracker, w.request("GET", "/?ref="+code, "X-Real-IP", ip))
	}
	come("192.0.2.1", "JANE")
	come("192.0.2.1", "jane-doe")
	come("192.0.2.1", "BOB")
	come("192.0.2.2", "JANE")
	w.counts(2, 1)
	w.clock.Advance(31 * time.Minute)
	come("192.0.2.1", "JANE")
	w.counts(3, 1)
}

// Without Options.ClientIP the address is that of the connection, whatever the
// headers say.
func TestAddressOfTheConnection(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tracker := w.tracker(tracking.Options{})
	for _, remote := range []string{"192.0.2.7:1000", "192.0.2.7:2000",
		"[::ffff:192.0.2.7]:3000", "[2001:db8::1]:4000", "@", ""} {
		r := w.request("GET", "/?ref=JANE", "X-Forwarded-For", remote)
		r.RemoteAddr = remote
		visit(tracker, r)
	}
	// One of IPv4, one of IPv6, and two without an address, which cannot repeat.
	w.counts(4, 0)
}

func TestUserAgentIsBounded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	s := visit(w.tracker(tracking.Options{}),
		w.request("GET", "/?ref=JANE", "User-Agent", strings.Repeat("ä", 300)+"\xff"))
	if want := strings.Repeat("ä", 127); s.attribution.UserAgent != want {
		t.Errorf("got %d bytes: %q", len(s.attribution.UserAgent), s.attribution.UserAgent)
	}
	w.counts(1, 0)
}

// An app may keep the attribution of a visit, and then keeps nothing else of a long
// request. The memory is measured: no other test may run in the meantime.
func TestAttributionKeepsNoLongRequest(t *testing.T) {
	w := setup(t)
	tracker := w.tracker(tracking.Options{})
	const visits, length = 16, 1 << 20
	for name, request := range map[string]func(long string) *http.Request{
		"link": func(long string) *http.Request { return w.request("GET", "/?ref=JANE&x="+long) },
		"cookie": func(long string) *http.Request {
			return w.request("GET", "/", "Cookie", tracking.CookieName+"=JANE; x="+long)
		},
		"user agent": func(long string) *http.Request {
			return w.request("GET", "/?ref=JANE", "User-Agent", "Mozilla/5.0 "+long)
		},
	} {
		kept := make([]refgrow.Attribution, visits)
		before := inUse()
		for i := range kept {
			kept[i] = visit(tracker, request(strings.Repeat("x", length))).attribution
		}
		w.clicks(0)
		if more := inUse() - before; more > visits*length/4 {
			t.Errorf("%s: %d visits keep %d KiB", name, visits, more>>10)
		}
		if got := kept[visits-1].ReferralCode; got != "JANE" {
			t.Errorf("%s: the code is %q", name, got)
		}
	}
}

// inUse is how many bytes of memory are in use.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // including what pools held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What is kept of a click, whatever the query, the referrer and the user agent are.
func TestWhatIsKeptOfClicks(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tracker := w.tracker(
		tracking.Options{HTTPS: func(r *http.Request) bool { return r.Header.Get("X-Forwarded-Proto") == "https" }})
	long := strings.Repeat("x", 3000)
	for _, test := range []struct {
		r    *http.Request
		want row
	}{
		{
			w.request("GET", "/pricing?plan=a%20b&ref=JANE", "Referer", "https://blog.example.org/post?x=1"),
			row{"JANE", "http://example.com/pricing?ref=JANE", "https://blog.example.org/post", browser},
		},
		{
			w.request("GET", "http://user:secret@shop.example.com/a%2Fb?ref=jane-doe", "X-Forwarded-Proto", "https"),
			row{"jane-doe", "https://shop.example.com/a%2Fb?ref=jane-doe", "", browser},
		},
		{
			w.request("GET", "/"+long+"?ref=JANE", "Referer", "https://blog.example.org/"+long),
			row{"JANE", ("http://example.com/" + long)[:2048], ("https://blog.example.org/" + long)[:2048], browser},
		},
		{
			w.request("GET", "/?ref=JANE", "Referer", "\xff\xfe\x80a\tb\u0085c", "User-Agent", "\xc3\x28"),
			row{"JANE", "http://example.com/?ref=JANE", "abc", "("},
		},
	} {
		visit(tracker, test.r)
		kept := w.rows()
		if got := kept[len(kept)-1]; got != test.want {
			t.Errorf("kept %+v\nnot %+v", got, test.want)
		}
	}
	w.counts(4, 0)
}

// What an app's handlers do with the attribution: a signup, and a checkout whose
// metadata comes back later.
func TestAttributionReachesWhatIsRecorded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var metadata map[string]string
	mux := http.NewServeMux()
	mux.HandleFunc("POST /signup", func(_ http.ResponseWriter, r *http.Request) {
		c, err := w.shop.TrackSignup(r.Context(),
			refgrow.TrackSignupParams{Customer: refgrow.Customer{Email: r.FormValue("email")}})
		if err != nil {
			t.Error(err)
		} else if c.Value.String() != "5.00 USD" {
			t.Errorf("the signup earned %v", c.Value)
		}
	})
	mux.HandleFunc("POST /checkout", func(_ http.ResponseWriter, r *http.Request) {
		if tracking.FromRequest(r) != tracking.FromContext(r.Context()) {
			t.Error("request and context differ")
		}
		metadata = tracking.FromRequest(r).Metadata()
	})
	handler := tracking.Middleware(w.shop, quiet(tracking.Options{}))(mux)

	serve(handler, with(w.request("POST", "/signup?email=carl@example.com"), "JANE"))
	customer, err := w.shop.ReferralByEmail(t.Context(), "carl@example.com")
	w.ok(err)
	if customer.AffiliateID != w.jane {
		t.Errorf("the customer belongs to affiliate %d", customer.AffiliateID)
	}

	serve(handler, with(w.request("POST", "/checkout"), "BOB"))
	if !maps.Equal(metadata, map[string]string{refgrow.MetadataKey: "BOB"}) {
		t.Errorf("the metadata is %v", metadata)
	}
	sale, err := w.shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, ReferralCode: refgrow.AttributionOf(metadata).ReferralCode,
		BaseValue: money.MustParse("10.00 USD"),
	})
	w.ok(err)
	if sale.AffiliateID != w.bob || sale.Value.String() != "2.00 USD" {
		t.Errorf("the sale belongs to affiliate %d and earned %v", sale.AffiliateID, sale.Value)
	}

	serve(handler, w.request("POST", "/checkout"))
	if len(metadata) != 0 || refgrow.AttributionOf(metadata) != (refgrow.Attribution{}) {
		t.Errorf("nobody's metadata is %v", metadata)
	}
}

func TestNobodyWithoutTheMiddleware(t *testing.T) {
	t.Parallel()
	w := setup(t)
	if got := tracking.FromRequest(with(w.request("GET", "/?ref=JANE"), "BOB")); got != (refgrow.Attribution{}) {
		t.Errorf("got %+v", got)
	}
}
