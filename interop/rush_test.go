package interop

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A rush is a server that eight writers keep busy, with all that its answers promised.
// It ends badly, again and again, and then the file is compared with the promises.
type rush struct {
	t        *testing.T
	file     string
	server   *server
	promises *promises
	writers  []*writer
	random   *rand.Rand
}

// newRush makes a file and starts a server on it.
func newRush(t *testing.T, file string, random *rand.Rand, start func(context.Context) *exec.Cmd) *rush {
	t.Helper()
	r := &rush{t: t, file: file, promises: newPromises(), random: random}
	r.server = newServer(t, makeProject(t, file), start)
	// The usual transport keeps two connections to a server.
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	r.server.client = &http.Client{Timeout: 20 * time.Second, Transport: transport}
	for i := range 8 {
		r.writers = append(r.writers, &writer{
			name: fmt.Sprintf("writer%d", i), server: r.server, promises: r.promises,
			random: rand.New(rand.NewPCG(random.Uint64(), 0)),
		})
	}
	return r
}

// newRandom returns a source of chance, and logs how to get the same again.
func newRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// makeProject makes the affiliate program, whose commission is 20 %, and returns a key.
func makeProject(t *testing.T, file string) (key string) {
	t.Helper()
	ctx := t.Context()
	database, err := sqlite.Open(ctx, file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer database.Close()
	engine, err := refgrow.New(ctx, database, refgrow.Config{})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := engine.CreateProject(ctx, shopName, refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		t.Fatal(err)
	}
	for i := range affiliates {
		_, err := shop.CreateAffiliate(ctx,
			refgrow.CreateAffiliateParams{Email: fmt.Sprintf("partner-%d@example.com", i)})
		if err != nil {
			t.Fatal(err)
		}
	}
	if key, _, err = engine.CreateKey(ctx, shop, refgrow.CreateKeyParams{}); err != nil {
		t.Fatal(err)
	}
	return key
}

// load lets all writers write until something ends the server, or stops it from
// answering, and returns the orders that nobody has an answer to.
func (r *rush) load(end func()) (waiting []*order) {
	r.t.Helper()
	var writing sync.WaitGroup
	for _, w := range r.writers {
		writing.Go(w.write)
	}
	end()
	writing.Wait()
	r.server.client.CloseIdleConnections()
	for _, w := range r.writers {
		if w.failed != nil {
			r.t.Error(w.failed)
		}
		if w.waiting == nil || slices.Contains(waiting, w.waiting) {
			continue
		}
		// Another writer may have got the answer that one waits for.
		if _, answered := r.promises.replies[w.waiting.key]; !answered || w.waiting.key == "" {
			waiting = append(waiting, w.waiting)
		}
	}
	return waiting
}

// moment waits for a random time.
func (r *rush) moment(least, most time.Duration) {
	<-time.After(least + within(r.random, most-least))
}

// anInstant waits for a random time and then, every other time, for the next answer:
// that is when something acknowledged too early is most likely to be noticed.
func (r *rush) anInstant(least, most time.Duration) {
	r.moment(least, most)
	if r.random.IntN(2) == 0 {
		r.answers(1)
	}
}

// answers waits for n answers, unless the writers have failed.
func (r *rush) answers(n int) {
	giveUp := time.After(5 * time.Second)
	for range n {
		select {
		case <-r.promises.news:
		case <-giveUp:
			return
		}
	}
}

// restart starts the server and returns the time until it has answered a health check
// and a request with a key.
func (r *rush) restart() time.Duration {
	r.t.Helper()
	began := time.Now()
	r.server.boot()
	answer, err := r.server.client.Get(r.server.url + "/healthz")
	if err != nil {
		r.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		r.t.Fatalf("the server is not well: %s", answer.Status)
	}
	status, body, err := r.server.try(http.MethodGet, "/affiliates?limit=1", "", "")
	if err != nil || status != http.StatusOK {
		r.t.Fatalf("the first answer: %d %s %v", status, body, err)
	}
	return time.Since(began)
}

// look checks the whole file and compares it with what was promised.
func (r *rush) look(waiting []*order) findings {
	r.t.Helper()
	return r.promises.compare(readBooks(r.t, r.file, true), waiting)
}

// lookAgain only compares, when the file has been checked and little has changed since.
func (r *rush) lookAgain() findings {
	r.t.Helper()
	return r.promises.compare(readBooks(r.t, r.file, false), nil)
}

// makeGood sends every order again that has no answer, and some that have one: each is
// carried out once, and what was answered before gets the same answer again.
func (r *rush) makeGood(waiting []*order) {
	r.t.Helper()
	orders := slices.Clone(waiting)
	for range min(8, len(r.promises.answered)) {
		orders = append(orders, r.promises.answered[r.random.IntN(len(r.promises.answered))])
	}
	r.random.Shuffle(len(orders), func(i, j int) { orders[i], orders[j] = orders[j], orders[i] })
	interrupted := false
	for _, o := range orders {
		status, body, err := r.server.try(o.method, o.path, o.key, o.body)
		if err != nil {
			r.t.Fatalf("%v: %v", o, err)
		}
		if err := r.writers[0].keep(o, reply{status, body}); err != nil {
			r.t.Error(err)
		}
		interrupted = interrupted || o.kind == running && o.key == ""
	}
	if interrupted {
		r.writers[0].transfers = append(r.writers[0].transfers, r.promises.adopt(readBooks(r.t, r.file, false))...)
	}
}

// An account is what an affiliate has, in cents.
type account struct{ total, paid, reserved int64 }

// books are what a file holds.
type books struct {
	sales     map[int64]booking
	transfers map[int64]transfer
	accounts  map[int64]account
	wrong     []string // what SQLite and the engine find wrong with it
}

// readBooks reads the file, which a server may have open, and verifies it if asked to.
func readBooks(t *testing.T, file string, verify bool) books {
	t.Helper()
	b, err := books{
		sales: make(map[int64]booking), transfers: make(map[int64]transfer), accounts: make(map[int64]account),
	}.read(t.Context(), file, verify)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b books) read(ctx context.Context, file string, verify bool) (_ books, err error) {
	database, err := sqlite.Open(ctx, file, sqlite.Options{})
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	engine, err := refgrow.New(ctx, database,
		refgrow.Config{Migrate: refgrow.MigrateCheck, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return b, err
	}
	if verify {
		if b.wrong, err = verified(ctx, engine, file); err != nil {
			return b, err
		}
	}
	shop, err := engine.Project(ctx, shopName)
	if err != nil {
		return b, err
	}
	return b, errors.Join(b.readSales(ctx, shop), b.readTransfers(ctx, shop), b.readAccounts(ctx, shop))
}

func (b books) readSales(ctx context.Context, shop *refgrow.Project) error {
	for c, err := range shop.AllConversions(ctx, refgrow.ListConversionsParams{Limit: refgrow.MaxLimit}) {
		if err != nil {
			return err
		}
		b.sales[c.ID] = booking{c.AffiliateID, c.Reference, c.BaseValue.Minor(), c.Value.Minor(), c.Refunded.Minor()}
	}
	return nil
}

func (b books) readTransfers(ctx context.Context, shop *refgrow.Project) error {
	for x, err := range shop.AllPayouts(ctx, refgrow.ListPayoutsParams{Limit: refgrow.MaxLimit}) {
		if err != nil {
			return err
		}
		b.transfers[x.ID] = transfer{x.AffiliateID, x.Amount.Minor(),
			x.EntryCount, string(x.Status), x.ExternalReference}
	}
	return nil
}

func (b books) readAccounts(ctx context.Context, shop *refgrow.Project) error {
	for affiliate := int64(1); affiliate <= affiliates; affiliate++ {
		balances, err := shop.Earnings(ctx, affiliate)
		if err != nil {
			return err
		}
		for _, balance := range balances {
			b.accounts[affiliate] = account{balance.Total.Minor(), balance.Paid.Minor(), balance.Reserved.Minor()}
		}
	}
	return nil
}

// verified is what the engine and SQLite itself find wrong in a file.
func verified(ctx context.Context, engine *refgrow.Engine, file string) (wrong []string, err error) {
	report, err := engine.Verify(ctx)
	if err != nil {
		return nil, err
	}
	for _, difference := range report.Differences {
		wrong = append(wrong, difference.String())
	}
	more, err := checked(ctx, file)
	return append(wrong, more...), err
}

// checked is what SQLite itself finds wrong in a file.
func checked(ctx context.Context, file string) (wrong []string, err error) {
	pool, err := sql.Open("sqlite", "file:"+filepath.ToSlash(file)+"?_pragma=busy_timeout(5000)&_pragma=query_only(1)")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	var integrity string
	if err := pool.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&integrity); err != nil {
		return nil, err
	}
	if integrity != "ok" {
		wrong = append(wrong, "integrity_check: "+integrity)
	}
	rows, err := pool.QueryContext(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var table, parent string
		var row, key sql.NullInt64
		if err := rows.Scan(&table, &row, &parent, &key); err != nil {
			return nil, err
		}
		wrong = append(wrong,
			fmt.Sprintf("foreign_key_check: row %d of %s names no row of %s", row.Int64, table, parent))
	}
	return wrong, rows.Err()
}

// verifyWith has the binary itself check the file.
func verifyWith(t *testing.T, binary, file string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), binary, "verify", "--db", file).CombinedOutput(); err != nil ||
		!bytes.HasPrefix(out, []byte("no differences")) {
		t.Errorf("refgrow verify: %v\n%s", err, out)
	}
}
