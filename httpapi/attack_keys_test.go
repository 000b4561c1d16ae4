package httpapi_test

import (
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// The parts of a key.
const (
	publicBegins = len("rgk_")
	secretBegins = publicBegins + 12 + 1
)

// replaced is a key in which other characters of its alphabet, which n chooses, replace
// those between from and to.
func replaced(key string, from, to, n int) string {
	b := []byte(key)
	for i := to - 1; i >= from; i-- {
		b[i] = 'a' + byte(n%26)
		n /= 26
	}
	return string(b)
}

// A vault is a program whose owner has three keys; each has a row with a bcrypt hash
// that nobody will live to see computed.
type vault struct {
	*world
	file                *sqlite.DB
	key, other, revoked string
}

// newVault gives the keys hashes with a cost of 31: bcrypt takes a day for one of them,
// so that a goroutine that begins one will be found in it.
func newVault(t testing.TB) *vault {
	t.Helper()
	file, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "refgrow.db"), sqlite.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, file.Close()) })
	engine, clock := refgrowtest.On(t, file)
	v := &vault{world: serve(t, engine, clock, refgrow.Settings{}, noLimit), file: file}
	v.key, v.other = v.world.key, v.newKey(t, v.shop, refgrow.CreateKeyParams{})
	token, key, err := engine.CreateKey(t.Context(), v.shop, refgrow.CreateKeyParams{})
	must(t, err)
	must(t, engine.RevokeKey(t.Context(), key.ID))
	v.revoked = token
	v.exec(t, "UPDATE refgrow_api_keys SET secret_hash = replace(secret_hash, '$10$', '$31$')")
	return v
}

func (v *vault) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	must(t, v.file.Tx(t.Context(), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(t.Context(), statement, args...)
		return err
	}))
}

// wrong returns an invalid key, a different one for each n.
func (v *vault) wrong(n int) string {
	switch n % 6 {
	case 0: // an unknown id
		return replaced(v.key, publicBegins, publicBegins+12, n)
	case 1: // a wrong secret
		return replaced(v.key, secretBegins, len(v.key), n)
	case 2: // a secret that is right except for one character
		at := secretBegins + n%(len(v.key)-secretBegins)
		other := replaced(v.key, at, at+1, 0)
		if other == v.key {
			other = replaced(v.key, at, at+1, 1)
		}
		return other
	case 3: // the secret of another key
		return v.key[:secretBegins] + v.other[secretBegins:]
	case 4: // right until a moment ago
		return v.revoked
	}
	return v.key[:n%len(v.key)] // a part of one
}

// inBcrypt is how many goroutines of this process are checking a secret.
func inBcrypt() int {
	stacks := make([]byte, 1<<20)
	for {
		n := runtime.Stack(stacks, true)
		if n < len(stacks) {
			return strings.Count(string(stacks[:n]), "bcrypt.CompareHashAndPassword(")
		}
		stacks = make([]byte, 2*len(stacks))
	}
}

// Wrong keys of every kind never make the engine run bcrypt. This looks at all
// goroutines of the process, so no other test may run at the same time.
func TestAttackWrongKeysRunNoBcrypt(t *testing.T) {
	if testing.Short() {
		t.Skip("runs bcrypt many times")
	}
	v := newVault(t)
	// A goroutine that is in bcrypt is found.
	cheaper, err := bcrypt.GenerateFromPassword([]byte(v.other[secretBegins:]), 12)
	must(t, err)
	v.exec(t, "UPDATE refgrow_api_keys SET secret_hash = ?1 WHERE public_id = ?2",
		string(cheaper), v.other[publicBegins:secretBegins-1])
	var seen int
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() { v.do(t, "GET", "/coupons", "", "Authorization", "Bearer "+v.other).ok(t, 200) })
	}
	ended := make(chan struct{})
	go func() { calls.Wait(); close(ended) }()
	for waiting := true; waiting; {
		select {
		case <-ended:
			waiting = false
		default:
			seen = max(seen, inBcrypt())
		}
	}
	// And a valid key is checked once, however many requests bring it at the same time.
	if seen != 1 {
		t.Fatalf("with a valid key %d goroutines were seen in bcrypt", seen)
	}

	const many = 600
	answered := make(chan int)
	go func() {
		defer close(answered)
		for n := range many {
			got := v.do(t, "GET", "/coupons", "", "Authorization", "Bearer "+v.wrong(n))
			if got.status != 401 && got.status != 429 {
				t.Errorf("%s is answered with %d", v.wrong(n), got.status)
			}
			answered <- n
		}
	}()
	late := time.After(time.Minute)
	for n := range many {
		select {
		case <-answered:
		case <-late:
			t.Fatalf("%s: %d goroutines are in bcrypt", v.wrong(n), inBcrypt())
		}
	}
	if n := inBcrypt(); n != 0 {
		t.Errorf("%d goroutines are in bcrypt", n)
	}
}

// TestAttackWrongKeysDelayNobody sends 200 wrong keys a second for 30 seconds,
// alternating with as many quiet seconds, while somebody reads.
func TestAttackWrongKeysDelayNobody(t *testing.T) {
	if !fullAttack() {
		t.Skip("set REFGROW_ATTACK=1 to measure for a minute")
	}
	w := setup(t, refgrow.Settings{}, noLimit)
	for i := range 100 {
		w.do(t, "POST", "/affiliates", fmt.Sprintf(`{"email": "a%d@example.com"}`, i)).ok(t, 201)
	}
	server := httptest.NewServer(w.mux)
	defer server.Close()
	v := &vault{world: w, key: w.key, other: w.newKey(t, w.shop, refgrow.CreateKeyParams{}), revoked: w.key[:40]}
	ask := func(key string) (int, time.Duration) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+prefix+"/affiliates?limit=20", nil)
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+key)
		began := time.Now()
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Error(err)
			return 0, 0
		}
		_, err = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		must(t, err)
		return answer.StatusCode, time.Since(began)
	}
	const rate, seconds = 200, 60
	var attacking atomic.Bool
	var wrong atomic.Int64
	stop := make(chan struct{})
	var attackers sync.WaitGroup
	attackers.Go(func() {
		tick := time.NewTicker(time.Second / rate)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			if attacking.Load() {
				attackers.Go(func() {
					if status, _ := ask(v.wrong(n)); status != 401 && status != 429 {
						t.Errorf("%s is answered with %d", v.wrong(n), status)
					}
					wrong.Add(1)
				})
			}
		}
	})
	took := map[bool][]time.Duration{}
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	for n := range seconds * rate {
		during := n/rate%2 == 1
		attacking.Store(during)
		<-tick.C
		status, d := ask(w.key)
		if status != 200 {
			t.Fatalf("a valid key is answered with %d", status)
		}
		if n%rate >= rate/20 { // the first of a second may belong to the one before
			took[during] = append(took[during], d)
		}
	}
	close(stop)
	attackers.Wait()
	quiet, attacked := percentile(took[false], 99), percentile(took[true], 99)
	t.Logf("%d wrong keys in %d s: valid reads take p50 %v, p99 %v (%d reads); without them p50 %v, p99 %v (%d reads)",
		wrong.Load(), seconds/2, percentile(took[true], 50), attacked,
		len(took[true]), percentile(took[false], 50), quiet, len(took[false]))
	if attacked > 2*quiet+time.Millisecond {
		t.Errorf("the p99 is %v, and %v without the attack", attacked, quiet)
	}
}

// percentile sorts its argument.
func percentile(of []time.Duration, p int) time.Duration {
	slices.Sort(of)
	return of[(len(of)-1)*p/100]
}

// TestAttackKeysByTime: how long a refusal takes does not reveal whether a key's id
// exists. TestRefusedKeysCostTheSame, in tests/budget, shows that the work is the same.
func TestAttackKeysByTime(t *testing.T) {
	if !fullAttack() {
		t.Skip("set REFGROW_ATTACK=1 to measure")
	}
	w := setup(t, refgrow.Settings{}, noLimit)
	server := httptest.NewServer(w.mux)
	defer server.Close()
	over := func(key string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+prefix+"/coupons", nil)
		must(t, err)
		r.Header.Set("Authorization", "Bearer "+key)
		answer, err := server.Client().Do(r)
		must(t, err)
		_, err = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		must(t, err)
	}
	inside := func(key string) {
		if _, _, err := w.engine.Authenticate(t.Context(), key); err == nil {
			t.Fatal("a wrong key opens something")
		}
	}
	for name, c := range map[string]struct {
		ask     func(string)
		samples int
	}{"in process": {inside, 100_000}, "over HTTP": {over, 20_000}} {
		took := [2][]time.Duration{}
		for n := range c.samples {
			for turn := range 2 {
				kind := (n + turn) % 2
				key := replaced(w.key, publicBegins, publicBegins+12, n)
				if kind == 1 {
					key = replaced(w.key, secretBegins, len(w.key), n)
				}
				began := time.Now()
				c.ask(key)
				took[kind] = append(took[kind], time.Since(began))
			}
		}
		unknown, wrong := percentile(took[0], 50), percentile(took[1], 50)
		t.Logf("%s: an unknown id takes %v, a wrong secret %v (medians of %d each)", name, unknown, wrong, c.samples)
		if d := (unknown - wrong).Abs(); d > max(unknown, wrong)/10 {
			t.Errorf("%s: an unknown id takes %v, a wrong secret %v", name, unknown, wrong)
		}
	}
}

// A revoked key is refused from the next request on, whatever runs at the same time; by
// another process on the same file within a second, even when its clock is set back.
func TestAttackRevokedKey(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "refgrow.db")
	clock := refgrowtest.NewClock()
	var worlds [2]*world
	var files [2]*sqlite.DB
	for i := range worlds {
		file, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		must(t, err)
		t.Cleanup(func() { must(t, file.Close()) })
		engine, err := refgrow.New(t.Context(), file, refgrow.Config{Now: clock.Now})
		must(t, err)
		worlds[i], files[i] = &world{engine: engine, mux: http.NewServeMux()}, file
		httpapi.Register(worlds[i].mux, prefix, engine, noLimit)
	}
	here, there := worlds[0], worlds[1]
	token, key, err := here.engine.CreateKey(t.Context(), here.project(t, "shop", refgrow.Settings{}),
		refgrow.CreateKeyParams{})
	must(t, err)
	opens := func(of *world) bool {
		got := of.do(t, "GET", "/coupons", "", "Authorization", "Bearer "+token)
		if got.status != 200 && got.status != 401 && got.status != 429 {
			t.Errorf("the answer is %d %s", got.status, got.body)
		}
		return got.status == 200
	}
	// Checking its secret takes next to no time, so that this can be done often.
	cheap, err := bcrypt.GenerateFromPassword([]byte(token[secretBegins:]), bcrypt.MinCost)
	must(t, err)
	for round := range 40 {
		(&vault{file: files[0]}).exec(t, "UPDATE refgrow_api_keys SET revoked_at = NULL, secret_hash = ?1",
			string(cheap))
		clock.Advance(time.Second)
		if !opens(here) || !opens(there) {
			t.Fatal("the key opens nothing")
		}
		// While the clock runs, the row is read for each request; then the clock stands
		// still, and what was last read is believed.
		var revoked atomic.Bool
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for over := false; !over; {
					if over = revoked.Load(); !over {
						clock.Advance(time.Second)
					}
					if opens(here) && over {
						t.Errorf("round %d: a key that was revoked opens the API", round)
					}
				}
			})
		}
		if !opens(there) {
			t.Error("the key opens nothing in the other process")
		}
		must(t, here.engine.RevokeKey(t.Context(), key.ID))
		revoked.Store(true)
		clients.Wait()
		if round%2 == 0 {
			clock.Advance(time.Second)
		} else {
			clock.Advance(-time.Hour)
		}
		if opens(there) {
			t.Errorf("round %d: a key that was revoked opens the API in the other process", round)
		}
	}
}
