package tracking_test

import (
	"database/sql"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/tracking"
)

const (
	landing = "https://shop.example.com/welcome"
	other   = "https://blog.example.org:8443"
	browser = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
)

// A world is a program with three affiliates: Jane with the code JANE and the slug
// jane-doe, Bob with BOB, and Ina with INA, who is inactive.
type world struct {
	testing.TB
	file           *sqlite.DB
	engine         *refgrow.Engine
	clock          *refgrowtest.Clock
	shop           *refgrow.Project
	jane, bob, ina int64
	visitors       *atomic.Uint32 // each comes from an address of its own
}

func setup(t testing.TB) *world {
	t.Helper()
	database, err := sqlite.Open(t.Context(), refgrowtest.File(t), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Close(); err != nil {
			t.Error(err)
		}
	})
	w := on(t, database)
	w.file = database
	return w
}

func on(t testing.TB, store refgrow.Store) *world {
	t.Helper()
	engine, clock := refgrowtest.On(t, store)
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{
		Commission: refgrow.Percent("20"), SignupCommission: refgrow.Fixed(money.MustParse("5.00 USD")),
		LandingURL: landing, AllowedOrigins: []string{other},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{TB: t, engine: engine, clock: clock, shop: shop, visitors: new(atomic.Uint32)}
	w.jane = w.affiliate("jane@example.com", "JANE", "jane-doe")
	w.bob = w.affiliate("bob@example.com", "BOB", "")
	w.ina = w.affiliate("ina@example.com", "INA", "")
	w.status(w.ina, refgrow.AffiliateInactive)
	return w
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) affiliate(email, code, slug string) int64 {
	w.Helper()
	a, err := w.shop.CreateAffiliate(w.Context(),
		refgrow.CreateAffiliateParams{Email: email, ReferralCode: code, PartnerSlug: slug})
	w.ok(err)
	return a.ID
}

func (w *world) status(affiliate int64, status refgrow.AffiliateStatus) {
	w.Helper()
	_, err := w.shop.UpdateAffiliate(w.Context(), affiliate, refgrow.UpdateAffiliateParams{Status: &status})
	w.ok(err)
}

func (w *world) set(params refgrow.UpdateSettingsParams) {
	w.Helper()
	_, err := w.shop.UpdateSettings(w.Context(), params)
	w.ok(err)
}

func (w *world) touch(touch refgrow.Touch) {
	w.Helper()
	w.set(refgrow.UpdateSettingsParams{Touch: &touch})
}

// clicks is how many clicks of an affiliate counted; 0 for all affiliates.
func (w *world) clicks(affiliate int64) int64 {
	w.Helper()
	w.ok(w.engine.FlushClicks(w.Context()))
	days, err := w.shop.Statistics(w.Context(), refgrow.StatisticsParams{AffiliateID: affiliate})
	w.ok(err)
	var sum int64
	for _, day := range days {
		sum += day.Clicks
	}
	return sum
}

// A row is what is kept of a click.
type row struct{ code, url, referrer, userAgent string }

// rows returns what is kept of the clicks, the oldest first.
func (w *world) rows() []row {
	w.Helper()
	w.ok(w.engine.FlushClicks(w.Context()))
	var kept []row
	w.ok(w.file.Tx(w.Context(), func(tx *sql.Tx) error {
		found, err := tx.QueryContext(w.Context(),
			`SELECT code, coalesce(url, ''), coalesce(referrer, ''), coalesce(user_agent, '')
				FROM refgrow_clicks ORDER BY id`)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var r row
			if err := found.Scan(&r.code, &r.url, &r.referrer, &r.userAgent); err != nil {
				return err
			}
			kept = append(kept, r)
		}
		return found.Err()
	}))
	return kept
}

// counts checks how many of Jane's and Bob's clicks have counted so far.
func (w *world) counts(jane, bob int64) {
	w.Helper()
	if j, b := w.clicks(w.jane), w.clicks(w.bob); j != jane || b != bob {
		w.Errorf("%d clicks for Jane and %d for Bob, not %d and %d", j, b, jane, bob)
	}
	if all := w.clicks(0); all != jane+bob {
		w.Errorf("%d clicks in all, not %d", all, jane+bob)
	}
}

// request makes a new visitor's request, with header fields given as name and value in
// turn.
func (w *world) request(method, target string, fields ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	n := w.visitors.Add(1)
	r.RemoteAddr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 40000).
		String()
	r.Header.Set("User-Agent", browser)
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	return r
}

// with is a request with a cookie.
func with(r *http.Request, code string) *http.Request {
	r.AddCookie(&http.Cookie{Name: tracking.CookieName, Value: code})
	return r
}

func quiet(o tracking.Options) tracking.Options {
	o.Logger = slog.New(slog.DiscardHandler)
	return o
}

// tracker makes one that waits for its database however slow the machine is.
func (w *world) tracker(o tracking.Options) *tracking.Tracker {
	t := tracking.New(w.shop, quiet(o))
	t.WaitFor(time.Minute)
	return t
}

// A seen is what became of a request behind the middleware.
type seen struct {
	*http.Response
	attribution refgrow.Attribution
}

// code is the one that the answer's cookie was set to, "" for none.
func (s seen) code() string {
	for _, c := range s.Cookies() {
		if c.Name == tracking.CookieName {
			return c.Value
		}
	}
	return ""
}

// visit sends a request through the middleware to a page.
func visit(t *tracking.Tracker, r *http.Request) seen {
	var s seen
	recorder := httptest.NewRecorder()
	t.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.attribution = tracking.FromRequest(r)
		io.WriteString(w, "a page")
	})).ServeHTTP(recorder, r)
	s.Response = recorder.Result()
	return s
}

// mux is what Register makes, alongside pages of the app's own.
func (w *world) mux(o tracking.Options) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a page") })
	w.tracker(o).Register(mux)
	return mux
}

// serve returns the answer of a handler.
func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return recorder
}

// message is one that the script sends from a page of an origin.
func (w *world) message(origin, body string) *http.Request {
	r := w.request("POST", "https://shop.example.com/refgrow/track", "Content-Type", "text/plain;charset=UTF-8")
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	fill(r, body)
	return r
}

func fill(r *http.Request, body string) {
	filled := httptest.NewRequest(r.Method, "/", strings.NewReader(body))
	r.Body, r.ContentLength = filled.Body, filled.ContentLength
}
