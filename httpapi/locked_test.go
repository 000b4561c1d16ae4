package httpapi_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// holder is the variable with which TestHolder, not a test of its own, becomes the
// other process: it takes the write lock of the file at one line of its input, and
// releases it at the next.
const holder = "REFGROW_TEST_HOLDS_LOCK_OF"

func TestHolder(t *testing.T) {
	path := os.Getenv(holder)
	if path == "" {
		t.Skip("runs in a process of its own")
	}
	database, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	must(t, err)
	defer database.Close()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		must(t, database.Tx(t.Context(), func(*sql.Tx) error {
			fmt.Println("locked")
			lines.Scan()
			return nil
		}))
		fmt.Println("free")
	}
}

// A lock is the one that the other process holds.
type lock struct {
	t     *testing.T
	stdin io.Writer
	said  *bufio.Reader
}

func lockOf(t *testing.T, path string) *lock {
	t.Helper()
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHolder$")
	other.Env = append(os.Environ(), holder+"="+path)
	stdin, err := other.StdinPipe()
	must(t, err)
	stdout, err := other.StdoutPipe()
	must(t, err)
	must(t, other.Start())
	t.Cleanup(func() {
		stdin.Close()
		if err := other.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return &lock{t, stdin, bufio.NewReader(stdout)}
}

// next takes the lock, or releases it.
func (l *lock) next(want string) {
	l.t.Helper()
	_, err := io.WriteString(l.stdin, "\n")
	must(l.t, err)
	if line, err := l.said.ReadString('\n'); line != want+"\n" {
		l.t.Fatalf("the other process says %q (%v)", line, err)
	}
}

// While another process holds the write lock, every call that writes is answered within
// its time, with 503 and JSON, reads are served, and once the lock is free the very
// same calls succeed: nothing was half done.
func TestLockedByAnotherProcess(t *testing.T) {
	t.Parallel()
	const wait = 200 * time.Millisecond
	rounds, bound := 1, time.Minute // a machine that tests many things at once may be slow
	if os.Getenv("REFGROW_SOAK") != "" {
		rounds, bound = 50, 500*time.Millisecond
	}
	for name, c := range map[string]struct {
		options  sqlite.Options
		deadline time.Duration // of a request; 0 for none
	}{
		"deadline of the request": {deadline: wait},
		"deadline of the server":  {options: sqlite.Options{LockWait: wait}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "refgrow.db")
			database, err := sqlite.Open(t.Context(), path, c.options)
			must(t, err)
			t.Cleanup(func() { database.Close() })
			engine, clock := refgrowtest.On(t, database)
			w := serve(t, engine, clock, refgrow.Settings{Commission: refgrow.Percent("20")},
				httpapi.Options{RateLimit: -1})
			var locked atomic.Bool
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if c.deadline > 0 && locked.Load() && r.Method != http.MethodGet {
					ctx, cancel := context.WithTimeout(r.Context(), c.deadline)
					defer cancel()
					r = r.WithContext(ctx)
				}
				w.mux.ServeHTTP(rw, r)
			}))
			t.Cleanup(server.Close)
			// A key is checked slowly once, and then remembered.
			sendAll(t, server, w.key, []sent{{method: "GET", path: "/project"}})
			other := lockOf(t, path)
			var took []time.Duration
			for round := range rounds {
				calls := w.calls(t, round)
				other.next("locked")
				locked.Store(true)
				for _, got := range sendAll(t, server, w.key, calls) {
					took = append(took, got.took)
					switch {
					case got.method == http.MethodGet && got.status != http.StatusOK:
						t.Errorf("%s %s: %d %s", got.method, got.path, got.status, got.answer)
					case got.method == http.MethodGet:
					case got.status != http.StatusServiceUnavailable ||
						got.code() != "busy" || got.header.Get("Retry-After") == "":
						t.Errorf("%s %s: %d %s, with Retry-After %q",
							got.method, got.path, got.status, got.answer, got.header.Get("Retry-After"))
					}
					if got.took > bound {
						t.Errorf("%s %s took %v", got.method, got.path, got.took)
					}
				}
				locked.Store(false)
				other.next("free")
				for _, call := range calls { // one after the other: some are about the same thing
					got := sendAll(t, server, w.key, []sent{call})[0]
					if got.status >= 300 || got.header.Get("Idempotent-Replayed") != "" {
						t.Errorf("afterwards, %s %s: %d %s", got.method, got.path, got.status, got.answer)
					}
				}
			}
			w.sound(t)
			slices.Sort(took)
			t.Logf("%d calls while the lock was held: median %v, slowest %v",
				len(took), took[len(took)/2], took[len(took)-1])
		})
	}
}

// calls makes things, and returns calls of all kinds about them.
func (w *world) calls(t *testing.T, round int) []sent {
	t.Helper()
	ctx := t.Context()
	jane, err := w.shop.CreateAffiliate(ctx,
		refgrow.CreateAffiliateParams{Email: fmt.Sprintf("jane%d@example.com", round)})
	must(t, err)
	gone, err := w.shop.CreateAffiliate(ctx,
		refgrow.CreateAffiliateParams{Email: fmt.Sprintf("gone%d@example.com", round)})
	must(t, err)
	coupon, err := w.shop.CreateCoupon(ctx,
		refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: fmt.Sprintf("SAVE%d", round)})
	must(t, err)
	var sold [2]*refgrow.Conversion
	for i := range sold {
		sold[i], err = w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("10.00 USD"),
			Customer: refgrow.Customer{Email: fmt.Sprintf("carl%d-%d@example.com", round, i)},
		})
		must(t, err)
	}
	made, err := w.shop.RunPayouts(ctx, refgrow.PayoutRunParams{})
	must(t, err)
	id := jane.ID
	return []sent{
		{method: "POST", path: "/affiliates", body: fmt.Sprintf(`{"email": "new%d@example.com"}`, round)},
		{method: "PUT", path: "/affiliates/" + jane.Email, body: fmt.Sprintf(`{"partner_slug": "slug-%d"}`, round)},
		{method: "POST", path: "/conversions", body: fmt.Sprintf(
			`{"type": "purchase", "affiliate_id": %d, "base_value": 5, "reference": "r%d"}`, id, round)},
		{method: "POST", path: "/conversions", body: fmt.Sprintf(`{"type": "signup", "affiliate_id": %d}`, id),
			once: fmt.Sprint("signup", round)},
		{method: "POST", path: "/adjustments", body: fmt.Sprintf(`{"affiliate_id": %d, "amount": 1, "note": "bonus"}`,
			id), once: fmt.Sprint("bonus", round)},
		{method: "PUT", path: fmt.Sprint("/conversions/", sold[0].ID), body: `{"value": 3}`},
		{method: "POST", path: fmt.Sprintf("/conversions/%d/refund", sold[1].ID), body: `{"amount": 2}`},
		{method: "POST", path: "/referrals", body: fmt.Sprintf(`{"email": "dora%d@example.com"}`, round)},
		{method: "DELETE", path: fmt.Sprint("/coupons/", coupon.ID)},
		{method: "POST", path: fmt.Sprintf("/payouts/%d/pay", made[0].ID)},
		{method: "PUT", path: "/project", body: fmt.Sprintf(`{"commission": "%d%%"}`, 10+round%50)},
		{method: "POST", path: "/webhooks", body: `{"url": "https://example.com"}`},
		{method: "DELETE", path: "/affiliates/" + gone.Email},
		{method: "GET", path: "/affiliates"},
		{method: "GET", path: "/conversions"},
		{method: "GET", path: fmt.Sprintf("/affiliates/%s/earnings", jane.Email)},
		{method: "GET", path: "/statistics"},
	}
}

// sent is a call, and once it has been made, its answer.
type sent struct {
	method, path, body string
	once               string // its Idempotency-Key, or ""

	status int
	header http.Header
	answer []byte
	took   time.Duration
}

// code is the machine word of an error's answer.
func (s sent) code() string {
	var said struct {
		Code string `json:"code"`
	}
	if err := json.Unmarshal(s.answer, &said); err != nil || s.header.Get("Content-Type") != "application/json" {
		return "not JSON"
	}
	return said.Code
}

// sendAll makes calls at the same time, and waits for all answers.
func sendAll(t *testing.T, server *httptest.Server, key string, calls []sent) []sent {
	t.Helper()
	answered := slices.Clone(calls)
	var all sync.WaitGroup
	for i := range answered {
		all.Go(func() {
			if err := answered[i].send(t.Context(), server, key); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	return answered
}

func (s *sent) send(ctx context.Context, server *httptest.Server, key string) error {
	r, err := http.NewRequestWithContext(ctx, s.method, server.URL+prefix+s.path, strings.NewReader(s.body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	if s.once != "" {
		r.Header.Set("Idempotency-Key", s.once)
	}
	began := time.Now()
	answer, err := server.Client().Do(r)
	if err != nil {
		return err
	}
	s.answer, err = io.ReadAll(answer.Body)
	s.took, s.status, s.header = time.Since(began), answer.StatusCode, answer.Header
	return errors.Join(err, answer.Body.Close())
}
