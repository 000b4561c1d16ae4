package interop

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/sqlite"
)

const shopName = "default"

// A trouble is a test of deliveries while everything goes wrong that can.
type trouble struct {
	t         *testing.T
	file      string
	server    *server
	receiver  *receiver
	expected  *expectations
	customers []*customer
	random    *rand.Rand
	webhook   string // the path of the endpoint
	began     time.Time
	hurried   bool
	now       func() time.Time // the clock of the other processes
	patience  time.Duration    // how long anything may take
	revived   int
	settled   time.Time // when everything had been delivered
	// calmBefore are moods before which the test waits until nothing waits.
	calmBefore []mood
}

// Changes are made through the REST API while the receiver makes all kinds of
// trouble and the server is killed again and again. In the end every event of
// every acknowledged change has arrived, those of a conversion in order, and
// nothing of what was rolled back.
func TestTrouble(t *testing.T) {
	t.Parallel()
	tr := newTrouble(t, 3, time.Minute)
	tr.hurried, tr.now = true, hurriedClock(tr.began)
	tr.serveWith(hurried(tr.file, tr.began))
	rounds := 2
	if os.Getenv(longVariable) != "" {
		rounds = 10
	}
	tr.run(rounds)
}

// The same happens to the binary that we ship, with its own client and in real time. To
// save the test from waiting hours for the schedule, each event is refused only once,
// and nothing waits when the receiver goes down.
func TestTroubleOfTheProgram(t *testing.T) {
	t.Parallel()
	if os.Getenv(longVariable) == "" {
		t.Skipf("it takes several minutes; %s is not set", longVariable)
	}
	tr := newTrouble(t, 1, 15*time.Minute)
	tr.serveWith(released(t, tr.file))
	tr.calmBefore = []mood{down}
	tr.run(2)
}

// newTrouble begins with a receiver that makes trouble about each event at most that
// many times: the schedule has ten tries, and kills take some.
func newTrouble(t *testing.T, most int, patience time.Duration) *trouble {
	t.Helper()
	began := time.Now().Truncate(time.Millisecond)
	seed := uint64(began.UnixNano())
	t.Logf("seed %d", seed)
	return &trouble{
		t: t, file: filepath.Join(t.TempDir(), "refgrow.db"), receiver: newReceiver(t, most),
		expected: &expectations{labels: make(map[string][]string)}, random: rand.New(rand.NewPCG(seed, 0)),
		began: began, now: time.Now, settled: began, patience: patience,
	}
}

// serveWith makes the program's owner, an endpoint and the server.
func (tr *trouble) serveWith(start func(context.Context) *exec.Cmd) {
	t := tr.t
	t.Helper()
	tr.server = newServer(t, tr.makeShop(), start)
	made := must[struct {
		ID     int64  `json:"id"`
		Secret string `json:"secret"`
	}](tr.server, http.MethodPost, "/webhooks", "", fmt.Sprintf(`{"url": %q}`, tr.receiver.url), http.StatusCreated)
	tr.webhook = fmt.Sprintf("/webhooks/%d", made.ID)
	tr.receiver.library = library(t, made.Secret)
	for i := range 4 {
		tr.customers = append(tr.customers, &customer{
			name: fmt.Sprintf("customer%d", i), server: tr.server, expected: tr.expected,
			random: rand.New(rand.NewPCG(tr.random.Uint64(), 0)),
		})
	}
}

// makeShop makes the database, with an affiliate, and returns a key.
func (tr *trouble) makeShop() string {
	t, ctx := tr.t, tr.t.Context()
	t.Helper()
	database, err := sqlite.Open(ctx, tr.file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	engine, err := refgrow.New(ctx, database, refgrow.Config{Now: tr.now})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := engine.CreateProject(ctx, shopName, refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com"}); err != nil {
		t.Fatal(err)
	}
	key, _, err := engine.CreateKey(ctx, shop, refgrow.CreateKeyParams{})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// run lets some rounds of all moods pass, with 504 changes and 10 kills in each, and
// checks what has arrived in the end.
func (tr *trouble) run(rounds int) {
	t := tr.t
	t.Helper()
	kills := 0
	for round := range rounds {
		moods := append(troubles(), calm)
		tr.random.Shuffle(len(moods), func(i, j int) { moods[i], moods[j] = moods[j], moods[i] })
		for _, m := range moods {
			// A replay would make good what was lost before. So every other time there
			// is nothing left to replay but what happens from now on.
			if slices.Contains(tr.calmBefore, m) || m == gone && round%2 == 0 {
				tr.drain()
			}
			tr.during(m, 56)
			kills++
		}
	}
	tr.receiver.be(calm)
	// While the rest is being delivered, the server is killed too.
	for kills < 10*rounds {
		tr.kill()
		kills++
	}
	tr.drain()

	events, requests, hits := tr.receiver.summary()
	made := 0
	for _, c := range tr.customers {
		made += c.changes
	}
	t.Logf("%d changes, %d kills, %d events, %d requests, %d times switched on again, %v",
		made, kills, events, requests, tr.revived, hits)
	for _, m := range troubles() {
		if m != down && hits[m] == 0 {
			t.Errorf("the receiver was never in the mood %q", m)
		}
	}
	if tr.revived == 0 {
		t.Error("the endpoint was never switched off")
	}
	tr.compare()
	tr.receiver.orderly()
	tr.verify()
}

// during makes changes while the receiver is in a mood, and kills the server at an
// instant in between.
func (tr *trouble) during(m mood, changes int) {
	tr.t.Helper()
	hits := tr.receiver.hit(m)
	tr.receiver.be(m)
	made := make(chan error, len(tr.customers))
	for i, c := range tr.customers {
		share := changes / len(tr.customers)
		if i < changes%len(tr.customers) {
			share++
		}
		go func() {
			var err error
			for n := 0; n < share && err == nil; n++ {
				err = c.change()
			}
			made <- err
		}()
	}
	helped := tr.transactions()
	tr.kill()
	for range tr.customers {
		if err := <-made; err != nil {
			tr.t.Fatal(err)
		}
	}
	if err := helped(); err != nil {
		tr.t.Fatal(err)
	}
	switch m {
	case calm:
		tr.drain()
		return
	case down:
		<-time.After(500 * time.Millisecond) // for some failed tries
		tr.receiver.be(calm)
		return
	case broken, hanging, resetting, forgetful, redirecting, overwhelmed, gone:
	}
	tr.until(fmt.Sprintf("a request that the receiver treats like this: %s", m),
		func() bool { return tr.receiver.hit(m) > hits })
	if m == gone {
		tr.revive()
	}
}

// kill ends the server at a random instant, and starts it again.
func (tr *trouble) kill() {
	tr.t.Helper()
	<-time.After(time.Duration(tr.random.IntN(250)) * time.Millisecond)
	tr.server.kill()
	tr.server.boot()
}

// transactions starts a process that makes transactions of its own, some of which
// are rolled back. The function that it returns waits for its end.
func (tr *trouble) transactions() func() error {
	cmd := ourselves(tr.t.Context(), transacting, tr.file)
	if tr.hurried {
		cmd = withClock(cmd, tr.began)
	}
	cmd.Env = append(cmd.Env, countVariable+"=3")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	ended := make(chan error, 1)
	go func() {
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, &stderr)
		}
		ended <- errors.Join(err, tr.expected.committed(bytes.NewReader(out)))
	}()
	return func() error { return <-ended }
}

// until waits for something that other processes do.
func (tr *trouble) until(what string, happened func() bool) {
	tr.t.Helper()
	for deadline := time.Now().Add(tr.patience); !happened(); {
		if time.Now().After(deadline) {
			tr.t.Fatalf("gave up waiting for %s\n%s", what, tr.state())
		}
		<-time.After(again)
	}
}

// revive does what an owner does whose endpoint has answered 410: it is switched on
// again, and what happened is replayed.
func (tr *trouble) revive() {
	tr.t.Helper()
	tr.until("an endpoint that is switched off", func() bool { return tr.status() == "inactive" })
	tr.receiver.be(calm)
	// What was written before is settled: nobody makes changes now. Otherwise a
	// change could be sent before what is replayed.
	tr.until("an empty outbox", tr.spread)
	must[struct{}](tr.server, http.MethodPut, tr.webhook, "", `{"status": "active"}`, http.StatusOK)
	tr.revived++
	must[struct{}](tr.server, http.MethodPost, tr.webhook+"/replay", fmt.Sprintf("replay-%d", tr.revived),
		fmt.Sprintf(`{"since": %q}`, tr.settled.UTC().Format(time.RFC3339Nano)), http.StatusAccepted)
}

func (tr *trouble) status() string {
	tr.t.Helper()
	return must[struct {
		Status string `json:"status"`
	}](tr.server, http.MethodGet, tr.webhook, "", "", http.StatusOK).Status
}

// spread reports whether deliveries were made from all events. No API shows it.
func (tr *trouble) spread() bool {
	tr.t.Helper()
	file, err := sql.Open("sqlite", "file:"+filepath.ToSlash(tr.file)+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		tr.t.Fatal(err)
	}
	defer file.Close()
	var spread bool
	const query = "SELECT position >= (SELECT COALESCE(MAX(id), 0) FROM refgrow_events) FROM refgrow_outbox_positions"
	if err := file.QueryRowContext(tr.t.Context(), query).Scan(&spread); err != nil {
		tr.t.Fatal(err)
	}
	return spread
}

// drain waits until everything has been delivered.
func (tr *trouble) drain() {
	tr.t.Helper()
	tr.receiver.be(calm)
	settled := tr.now()
	tr.until("everything to be delivered", func() bool {
		events, _, _ := tr.receiver.summary()
		return events >= tr.expected.count() && tr.spread() && tr.count("pending") == 0
	})
	tr.settled = settled
}

// count counts the deliveries with a status.
func (tr *trouble) count(status string) int {
	tr.t.Helper()
	return len(must[[]struct{}](tr.server, http.MethodGet, tr.webhook+"/deliveries?limit=500&status="+status,
		"", "", http.StatusOK))
}
