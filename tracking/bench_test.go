package tracking_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/tracking"
)

// A subject is a handler and the request that it gets over and over.
type subject struct {
	name    string // of its metric
	handler http.Handler
	request *http.Request
	took    []time.Duration // the median of the requests of each round
}

// BenchmarkMiddleware lets a page and the same page behind the middleware take turns,
// because the machine's speed varies: with neither a code nor a cookie, with a cookie,
// and with a new visitor through a link each time, whose click is counted. It reports
// what the middleware adds to a request, at the median.
func BenchmarkMiddleware(b *testing.B) {
	database, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "refgrow.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { database.Close() })
	// On the real clock, so that what is in memory expires.
	engine, err := refgrow.New(b.Context(), database, refgrow.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { engine.Close(b.Context()) })
	shop, err := engine.CreateProject(b.Context(), "shop", refgrow.Settings{})
	if err != nil {
		b.Fatal(err)
	}
	_, err = shop.CreateAffiliate(b.Context(),
		refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		b.Fatal(err)
	}
	address := netip.MustParseAddr("2001:db8::")
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "a page for whom "+tracking.FromRequest(r).ReferralCode+" referred")
	})
	behind := tracking.Middleware(shop, tracking.Options{ClientIP: func(*http.Request) netip.Addr {
		address = address.Next()
		return address
	}})(page)
	request := func(target string) *http.Request {
		r := httptest.NewRequest("GET", target, nil)
		r.Header.Set("User-Agent", browser)
		r.Header.Set("Referer", "https://blog.example.org/post")
		r.Header.Set("Sec-Fetch-Dest", "document")
		return r
	}
	subjects := []*subject{
		{name: "bare", handler: page, request: request("/pricing?plan=pro")},
		{name: "added-ns", handler: behind, request: request("/pricing?plan=pro")},
		{name: "cookie-added-ns", handler: behind, request: with(request("/pricing?plan=pro"), "JANE")},
		{name: "link-added-ns", handler: behind, request: request("/pricing?plan=pro&ref=JANE")},
	}

	const requests = 50 // in a round; their clicks are written before the next one
	round := 0
	for b.Loop() {
		for i := range subjects {
			s := subjects[(round+i)%len(subjects)]
			var took [requests]time.Duration
			for n := range took {
				start := time.Now()
				s.handler.ServeHTTP(httptest.NewRecorder(), s.request)
				took[n] = time.Since(start)
			}
			slices.Sort(took[:])
			s.took = append(s.took, took[requests/2])
			if err := engine.FlushClicks(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		round++
	}
	stats := engine.Stats()
	if want := int64(round * requests); stats.ClicksCounted != want {
		b.Fatalf("%+v, not %d clicks", stats, want)
	}
	for _, s := range subjects[1:] {
		added := make([]time.Duration, round)
		for i := range added {
			added[i] = s.took[i] - subjects[0].took[i]
		}
		slices.Sort(added)
		b.ReportMetric(float64(added[round/2].Nanoseconds()), s.name)
	}
}
