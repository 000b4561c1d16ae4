package tracking_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/tracking"

	_ "modernc.org/sqlite"
)

// block keeps the file's writer busy until the result is called.
func (w *world) block() (release func()) {
	w.Helper()
	begun, end := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- w.file.Tx(w.Context(), func(*sql.Tx) error {
			close(begun)
			<-end
			return nil
		})
	}()
	<-begun
	release = sync.OnceFunc(func() {
		close(end)
		if err := <-ended; err != nil {
			w.Error(err)
		}
	})
	w.Cleanup(release)
	return release
}

type anyBackend = backend.Backend

// A brittleStore is a store whose reads panic while it is broken.
type brittleStore struct {
	anyBackend
	broken atomic.Bool
}

func (s *brittleStore) Backend() backend.Backend { return s }

func (s *brittleStore) Reader() db.Querier {
	if s.broken.Load() {
		panic("a page is not what it was")
	}
	return s.anyBackend.Reader()
}

// A panic in the database's code costs no visitor the page, and the app goes on: links
// are believed.
func TestPanicCostsNoPage(t *testing.T) {
	t.Parallel()
	database, err := sqlite.Open(t.Context(), refgrowtest.File(t), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { database.Close() })
	store := &brittleStore{anyBackend: database.Backend()}
	w := on(t, store)
	log := new(journal)
	tracker := tracking.New(w.shop, tracking.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	tracker.WaitFor(time.Minute)
	store.broken.Store(true)
	if s := visit(tracker, w.request("GET", "/?ref=JANE")); s.code() != "JANE" || s.attribution.ReferralCode != "JANE" {
		t.Errorf("the cookie is %q, and the attribution %+v", s.code(), s.attribution)
	}
	store.broken.Store(false)
	if s := visit(tracker, w.request("GET", "/?ref=nobody-at-all")); s.code() != "" {
		t.Errorf("after it, the cookie is %q", s.code())
	}
	if said := log.String(); !strings.Contains(said, "a page is not what it was") {
		t.Errorf("the log has %q", said)
	}
}

// A journal is a log that can be read while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// While the writer is busy, every request reaches its handler and is answered; clicks
// beyond what the engine can queue are dropped, and counted.
func TestNoRequestWaitsForTheWriter(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tracker := w.tracker(tracking.Options{})
	mux := w.mux(tracking.Options{})
	release := w.block()
	w.clock.Advance(time.Hour) // what was in memory has expired

	const visits = refgrow.MaxQueuedClicks + 1000
	for i := range visits {
		if s := visit(tracker, w.request("GET", fmt.Sprintf("/?page=%d&ref=JANE", i))); s.code() != "JANE" ||
			s.attribution.ReferralCode != "JANE" {
			t.Fatalf("visit %d: the cookie %q and %+v", i, s.code(), s.attribution)
		}
	}
	if s := visit(tracker, with(w.request("GET", "/"), "BOB")); s.attribution.ReferralCode != "BOB" {
		t.Errorf("the handler was told %+v", s.attribution)
	}
	if a := serve(mux, w.request("GET", "/r/BOB")); a.Header().Get("Location") != landing+"?ref=BOB" {
		t.Errorf("the redirect: %d %v", a.Code, a.Header())
	}
	if a := serve(mux, w.request("GET", "/refgrow.js")); a.Code != http.StatusOK {
		t.Errorf("the script: %d", a.Code)
	}
	if a := serve(mux, w.message(other, `{"type":"click","code":"BOB"}`)); a.Code != http.StatusAccepted {
		t.Errorf("the message: %d", a.Code)
	}
	dropped := w.engine.Stats().ClicksDropped
	// A batch that is being written is no longer in the queue.
	if dropped == 0 || dropped > visits+2-refgrow.MaxQueuedClicks {
		t.Errorf("%d clicks were dropped", dropped)
	}
	release()
	if got := w.clicks(0); got != visits+2-dropped {
		t.Errorf("%d clicks counted and %d were dropped, of %d", got, dropped, visits+2)
	}
}

// poolOfOne is a world in the app's own database, with a single connection, which take
// occupies.
func poolOfOne(t *testing.T) (w *world, pool *sql.DB, take func() (release func())) {
	t.Helper()
	pool, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "app.db"))
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	w = on(t, refgrow.SQLite(pool))
	return w, pool, func() func() {
		connection, err := pool.Conn(t.Context())
		w.ok(err)
		release := sync.OnceFunc(func() { w.ok(connection.Close()) })
		t.Cleanup(release)
		return release
	}
}

// Without even a connection to read with, the codes of links are believed, and the last
// settings read hold.
func TestNoRequestWaitsForAConnection(t *testing.T) {
	t.Parallel()
	w, pool, take := poolOfOne(t)
	days := 7
	w.set(refgrow.UpdateSettingsParams{CookieDays: &days})
	tracker := w.tracker(tracking.Options{})
	visit(tracker, w.request("GET", "/?ref=JANE")) // reads the settings
	tracker.WaitFor(20 * time.Millisecond)
	w.counts(1, 0)
	release := take()
	w.clock.Advance(time.Hour)
	waited := pool.Stats().WaitCount

	var wait sync.WaitGroup
	for i := range 40 {
		wait.Go(func() {
			s := visit(tracker, w.request("GET", fmt.Sprintf("/?ref=BOB&page=%d", i)))
			if s.code() != "BOB" || s.attribution.ReferralCode != "BOB" || s.Cookies()[0].MaxAge != 7*24*60*60 {
				t.Errorf("visit %d: the cookies %v and %+v", i, s.Cookies(), s.attribution)
			}
		})
	}
	wait.Wait()
	// What is only believed takes nobody's cookie away, although the last touch counts.
	if s := visit(tracker, with(w.request("GET", "/?ref=NOBODY"), "JANE")); s.code() != "" ||
		s.attribution.ReferralCode != "JANE" {
		t.Errorf("with a cookie: the cookie %q and %+v", s.code(), s.attribution)
	}
	if s := visit(tracker, with(w.request("GET", "/"), "JANE")); s.attribution.ReferralCode != "JANE" {
		t.Errorf("without a link: %+v", s.attribution)
	}
	a := httptest.NewRecorder()
	tracker.Redirect(a, with(w.request("GET", "/r/NOBODY"), "JANE"), "NOBODY")
	if a.Header().Get("Location") != landing+"?ref=NOBODY" || len(a.Header()["Set-Cookie"]) > 0 {
		t.Errorf("the redirect, with a cookie: %d %v", a.Code, a.Header())
	}
	a = httptest.NewRecorder()
	tracker.Redirect(a, w.request("GET", "/r/BOB?to=https://evil.example"), "BOB")
	if a.Code != http.StatusFound || a.Header().Get("Location") != landing+"?ref=BOB" {
		t.Errorf("the redirect: %d %v", a.Code, a.Header())
	}
	a = httptest.NewRecorder()
	tracker.Redirect(a, w.request("GET", "/r/x"), "B;B")
	if a.Header().Get("Location") != landing || len(a.Header()["Set-Cookie"]) > 0 {
		t.Errorf("what cannot be a code is believed: %v", a.Header())
	}
	a = httptest.NewRecorder()
	tracker.ServeTrack(a, w.message(other, `{"type":"click","code":"BOB"}`))
	if a.Code != http.StatusAccepted || a.Header().Get("Access-Control-Allow-Origin") != other {
		t.Errorf("the message: %d %v", a.Code, a.Header())
	}
	// Four of them ask, and the engine wants to write what it has.
	if n := pool.Stats().WaitCount - waited; n > 4+1 {
		t.Errorf("%d waited for the connection", n)
	}
	release()
	// What was believed is looked up in the end: NOBODY does not count.
	w.counts(1, 42)
}

// The same before the settings have ever been read.
func TestBeforeAnythingIsKnown(t *testing.T) {
	t.Parallel()
	w, _, take := poolOfOne(t)
	release := take()
	w.clock.Advance(time.Hour)
	tracker := w.tracker(tracking.Options{})
	tracker.WaitFor(20 * time.Millisecond)
	if s := visit(tracker, w.request("GET", "/?ref=JANE")); s.code() != "JANE" || s.Cookies()[0].MaxAge != 60*24*60*60 {
		t.Errorf("the cookies %v", s.Cookies())
	}
	if s := visit(tracker, with(w.request("GET", "/?ref=JANE"), "BOB")); s.code() != "" ||
		s.attribution.ReferralCode != "BOB" {
		t.Errorf("with a cookie: the cookies %v and %+v", s.Cookies(), s.attribution)
	}
	a := httptest.NewRecorder()
	tracker.Redirect(a, w.request("GET", "/r/JANE"), "JANE")
	if a.Code != http.StatusServiceUnavailable || a.Header().Get("Retry-After") == "" ||
		a.Header().Get("Cache-Control") != "private, no-store" || len(a.Header()["Set-Cookie"]) > 0 {
		t.Errorf("the redirect: %d %v", a.Code, a.Header())
	}
	a = httptest.NewRecorder()
	tracker.ServeScript(a, w.request("GET", "/refgrow.js"))
	if a.Code != http.StatusOK || a.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("the script: %d %v", a.Code, a.Header())
	}
	a = httptest.NewRecorder()
	tracker.ServeTrack(a, w.message(other, `{"type":"click","code":"BOB"}`))
	if a.Code != http.StatusAccepted || a.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("the message: %d %v", a.Code, a.Header())
	}
	release()
	w.counts(2, 0)
}

// With a closed engine the pages go on, and the log says so, though not for each of
// them.
func TestClosedEngine(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var log strings.Builder
	tracker := tracking.New(w.shop, tracking.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	tracker.WaitFor(time.Minute)
	w.ok(w.engine.Close(t.Context()))
	w.clock.Advance(time.Hour)
	for range 20 {
		if s := visit(tracker, w.request("GET", "/?ref=JANE")); s.StatusCode != http.StatusOK ||
			s.attribution.ReferralCode != "JANE" {
			t.Errorf("got %s and %+v", s.Status, s.attribution)
		}
	}
	if n := strings.Count(log.String(), "referral links are believed"); n != 1 {
		t.Errorf("the log says so %d times: %s", n, &log)
	}
}

// At most 64 claims are written at once: while the writer is busy, the others are
// answered immediately.
func TestClaimsAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	mux := w.mux(tracking.Options{})
	release := w.block()
	const claims, atOnce = 100, 64
	answers := make(chan int)
	for i := range claims {
		r := w.message(other, fmt.Sprintf(`{"type":"signup","code":"JANE","email":"c%d@example.com"}`, i))
		go func() { answers <- serve(mux, r).Code }()
	}
	for range claims - atOnce {
		if got := <-answers; got != http.StatusAccepted {
			t.Errorf("got %d", got)
		}
	}
	select {
	case <-answers:
		t.Error("a claim was answered before it was written")
	default:
	}
	release()
	for range atOnce {
		if got := <-answers; got != http.StatusAccepted {
			t.Errorf("got %d", got)
		}
	}
	credited := 0
	for i := range claims {
		sale, err := w.shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
			Type: refgrow.Purchase, Customer: refgrow.Customer{Email: fmt.Sprintf("c%d@example.com", i)},
			BaseValue: money.MustParse("1.00 USD"),
		})
		w.ok(err)
		if sale.AffiliateID == w.jane {
			credited++
		}
	}
	if credited != atOnce {
		t.Errorf("%d claims were kept, not %d", credited, atOnce)
	}
}

// refgrowtest.New is all that an app's test needs.
func TestWithARefgrowtestEngine(t *testing.T) {
	t.Parallel()
	engine, _ := refgrowtest.New(t)
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = shop.CreateAffiliate(t.Context(),
		refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		t.Fatal(err)
	}
	var got refgrow.Attribution
	handler := tracking.Middleware(shop, tracking.Options{})(http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) {
			got = tracking.FromRequest(r)
		}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/?ref=jane", nil))
	if got.ReferralCode != "jane" {
		t.Errorf("got %+v", got)
	}
}
