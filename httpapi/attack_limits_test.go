package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
)

// Of 50 clients with one key, over real connections, exactly 100 requests pass in a
// window, all are told the same reset, and another key has 100 of its own.
func TestAttackLimitTogether(t *testing.T) {
	t.Parallel()
	w := setup(t, refgrow.Settings{}, httpapi.Options{})
	server := httptest.NewServer(w.mux)
	defer server.Close()
	server.Client().Transport.(*http.Transport).MaxIdleConnsPerHost = 100
	keys := [2]string{w.key, w.newKey(t, w.shop, refgrow.CreateKeyParams{ReadOnly: true})}
	for window := range 3 {
		var mu sync.Mutex
		seen := map[string]int{}
		var clients sync.WaitGroup
		for client := range 50 {
			clients.Go(func() {
				for n := range 6 {
					key := (client + n) % 2
					r, err := http.NewRequestWithContext(t.Context(),
						http.MethodGet, server.URL+prefix+"/coupons/1", nil)
					if err != nil {
						t.Error(err)
						return
					}
					r.Header.Set("Authorization", "Bearer "+keys[key])
					answer, err := server.Client().Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, answer.Body)
					answer.Body.Close()
					h := answer.Header
					mu.Lock()
					seen[fmt.Sprintf("key %d: %d", key, answer.StatusCode)]++
					seen["reset "+h.Get("X-RateLimit-Reset")]++
					if answer.StatusCode == 429 {
						seen["after "+h.Get("Retry-After")+", left "+h.Get("X-RateLimit-Remaining")]++
					} else {
						seen[fmt.Sprintf("key %d has %s left", key, h.Get("X-RateLimit-Remaining"))]++
					}
					mu.Unlock()
				}
			})
		}
		clients.Wait()
		want := map[string]int{
			"key 0: 404": 100, "key 0: 429": 50, "key 1: 404": 100, "key 1: 429": 50, "after 60, left 0": 100,
			"reset " + strconv.FormatInt(w.clock.Now().Add(time.Minute).Unix(), 10): 300,
		}
		for left := range 100 { // each number occurs once
			want[fmt.Sprintf("key 0 has %d left", left)], want[fmt.Sprintf("key 1 has %d left", left)] = 1, 1
		}
		if fmt.Sprint(seen) != fmt.Sprint(want) {
			t.Errorf("in window %d there were %v", window, seen)
		}
		w.clock.Advance(time.Minute)
	}
}

// sessions lets in whoever has a session.
func sessions(p **refgrow.Project) func(*http.Request) (httpapi.Caller, error) {
	return func(r *http.Request) (httpapi.Caller, error) {
		if id := r.Header.Get("Session"); id != "" {
			return httpapi.Caller{Project: *p, ID: id}, nil
		}
		return httpapi.Caller{}, refgrow.ErrUnauthorized
	}
}

// However the clock jumps, nobody is locked out for longer than a minute of its time,
// and within a minute nobody gets more than the limit.
func TestAttackLimitByTheClock(t *testing.T) {
	t.Parallel()
	single(t)
	var shop *refgrow.Project
	w := setup(t, refgrow.Settings{}, httpapi.Options{RateLimit: 5, Authenticate: sessions(&shop)})
	shop = w.shop
	const failures = 60
	ask := func(session string) int { return w.do(t, "GET", "/coupons", "", "Session", session).status }
	noon := w.clock.Now()
	for i, jump := range []struct {
		to   time.Time
		free bool // the window is over, or void
	}{
		{noon.Add(time.Minute - 1), false}, {noon.Add(time.Second), false}, {noon, false},
		{noon.Add(-1), true}, {noon.Add(-time.Second), true}, {noon.Add(-time.Hour), true},
		{noon.AddDate(-50, 0, 0), true}, {time.Unix(0, 0), true},
		{time.Time{}, true}, {time.Unix(-1<<40, 0), true},
		{noon.Add(time.Minute), true}, {noon.AddDate(0, 0, 1), true},
		{noon.AddDate(100, 0, 0), true}, {time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), true},
		{time.Unix(1<<40, 0), true},
	} {
		w.clock.Set(noon)
		session := strconv.Itoa(i)
		for n := range 7 {
			if got := ask(session); got != 200 && n < 5 || got != 429 && n >= 5 {
				t.Fatalf("request %d is answered with %d", n, got)
			}
		}
		w.clock.Set(jump.to)
		for n := range 6 {
			want := 429
			if jump.free && n < 5 {
				want = 200
			}
			if got := ask(session); got != want {
				t.Errorf("from %v to %v: request %d is answered with %d, not %d", noon, jump.to, n, got, want)
			}
		}
		// And back: then there is a window again.
		w.clock.Set(noon)
		if got := ask(session); jump.to.After(noon) && jump.free && got != 200 {
			t.Errorf("back from %v: %d", jump.to, got)
		}
	}

	// The failures of an address are counted by the same clock.
	for _, to := range []time.Time{noon.Add(-time.Hour), {}, noon.AddDate(100, 0, 0), time.Unix(1<<40, 0)} {
		w.clock.Set(noon)
		for range 2 * failures {
			ask("")
		}
		if got := ask(""); got != 429 {
			t.Fatalf("after many failures: %d", got)
		}
		if got := ask("right " + to.String()); got != 200 {
			t.Errorf("somebody with a valid session is answered with %d", got)
		}
		w.clock.Set(to)
		for n := range failures {
			if got := ask(""); got != 401 {
				t.Fatalf("at %v failure %d is answered with %d", to, n, got)
			}
		}
		if got := ask(""); got != 429 {
			t.Errorf("at %v: %d", to, got)
		}
	}
}

// A million callers and a million addresses (the short form: 50,000) take no more
// memory than the 10,000 of each that are counted at once. This measures the memory of
// the process, so no other test may run at the same time.
func TestAttackLimitMemory(t *testing.T) {
	single(t)
	w := setup(t, refgrow.Settings{}, noLimit)
	api := httpapi.New(w.engine, httpapi.Options{
		Authenticate: sessions(&w.shop),
		ClientIP:     func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.RemoteAddr) },
	})
	many := 50_000
	if fullAttack() {
		many = 1_000_000
	}
	inUse := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := inUse()
	began := time.Now()
	r := httptest.NewRequest(http.MethodGet, "/nothing", nil)
	nowhere := nowhere{}
	for n := range many {
		r.Header.Set("Session", "a session with a name of some length "+strconv.Itoa(n))
		api.ServeHTTP(nowhere, r)
		r.Header.Del("Session")
		r.RemoteAddr = netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}).String()
		if n%2 == 0 {
			r.RemoteAddr = netip.AddrFrom16([16]byte{0x20, 0x01, 0, 0, 0, byte(n >> 16), byte(n >> 8), byte(n), 1}).
				String()
		}
		api.ServeHTTP(nowhere, r)
		clear(nowhere)
	}
	after := inUse()
	callers, addresses, most := httpapi.Counted(api)
	t.Logf("%d callers and as many addresses in %v: %d and %d are counted, in %d KiB",
		many, time.Since(began), callers, addresses, (int64(after)-int64(before))>>10)
	if callers > most || addresses > most || after > before+16<<20 {
		t.Errorf("%d callers and %d addresses are counted, in %d bytes", callers, addresses, after-before)
	}
	runtime.KeepAlive(api)
}

// nowhere takes answers and forgets them.
type nowhere http.Header

func (n nowhere) Header() http.Header            { return http.Header(n) }
func (n nowhere) Write(body []byte) (int, error) { return len(body), nil }
func (n nowhere) WriteHeader(int)                {}
