package interop

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/refgrow-go/refgrow"
)

// A history is made by askers clients, with questions calls in all, about subjects
// references.
const askers, questions, subjects = 8, 500, 2

// Whatever clients do to a conversion at the same time, the answers are as if the calls
// had been done one after the other, each between its beginning and its end: nobody
// reads what is out of date or was never written, and what is acknowledged is there for
// everybody from then on, including in the affiliate's account.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	seeds := 2
	if os.Getenv(soakVariable) != "" {
		seeds = 10
	}
	through := func(api http.Handler) http.Handler { return api }
	for name, open := range map[string]func(t *testing.T) *pair{
		"a file of its own": func(t *testing.T) *pair {
			return alone(t, look(t, filepath.Join(t.TempDir(), "refgrow.db")), through)
		},
		"a database of the app": func(t *testing.T) *pair { return alone(t, lookAtBorrowed(t), through) },
		"two processes":         newPair,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(seeds) {
				p := open(t)
				history := newHistory(t, p)
				history.happen(seed)
				history.judge(porcupine.Ok)
			}
		})
	}
}

// lookAtBorrowed is look for a database that the app opened.
func lookAtBorrowed(t *testing.T) *refgrow.Engine {
	t.Helper()
	file := filepath.ToSlash(filepath.Join(t.TempDir(), "app.db"))
	pool, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
	if err != nil {
		t.Fatal(err)
	}
	engine, err := refgrow.New(t.Context(), refgrow.SQLite(pool), refgrow.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		report, err := engine.Verify(ctx)
		if err != nil || len(report.Differences) > 0 {
			t.Errorf("the books: %v %v", report.Differences, err)
		}
		if err := errors.Join(engine.Close(ctx), pool.Close()); err != nil {
			t.Error(err)
		}
	})
	return engine
}

// A history is what clients asked and were answered.
type history struct {
	t     *testing.T
	shop  *pair
	began time.Time

	mu    sync.Mutex
	calls []porcupine.Operation
	ids   [subjects][]int64 // those that conversions got
}

// newHistory makes an affiliate for each reference.
func newHistory(t *testing.T, p *pair) *history {
	t.Helper()
	for reference := range subjects {
		params := refgrow.CreateAffiliateParams{Email: fmt.Sprintf("affiliate-%d@example.com", reference)}
		if _, err := p.shop.CreateAffiliate(t.Context(), params); err != nil {
			t.Fatal(err)
		}
	}
	return &history{t: t, shop: p, began: time.Now()}
}

// happen lets the clients do what they do, at random.
func (h *history) happen(seed uint64) {
	h.t.Helper()
	var wait sync.WaitGroup
	for client := range askers {
		random := rand.New(rand.NewPCG(seed, uint64(client)))
		wait.Go(func() {
			for n := client; n < questions; n += askers {
				if err := h.ask(client, h.think(random, int64(n+1))); err != nil {
					h.t.Errorf("seed %d: %v", seed, err)
					return
				}
			}
		})
	}
	wait.Wait()
}

// think makes up a call that writes, if it writes, what no other call writes.
func (h *history) think(random *rand.Rand, value int64) question {
	q := question{reference: random.IntN(subjects), value: value}
	h.mu.Lock()
	ids := slices.Clone(h.ids[q.reference])
	h.mu.Unlock()
	verbs := []verb{creates, creates, creates, gets, gets, gets, updates, updates, updates, deletes, looks, looks}
	q.verb = verbs[random.IntN(len(verbs))]
	switch {
	case len(ids) == 0:
		q.verb = creates
	case q.verb == creates || q.verb == looks:
	case random.IntN(8) == 0:
		q.id = ids[random.IntN(len(ids))]
	default: // the last one that is known
		q.id = ids[len(ids)-1]
	}
	return q
}

// ask makes a call, and notes what came of it.
func (h *history) ask(client int, q question) error {
	method, path, body := q.call()
	asked := time.Since(h.began)
	got, err := h.shop.send(h.t.Context(), client, method, path, "", body)
	answered := time.Since(h.began)
	if err != nil {
		return err
	}
	a, err := understand(got)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, porcupine.Operation{
		ClientId: client, Input: q, Call: asked.Nanoseconds(), Output: a, Return: answered.Nanoseconds(),
	})
	if a.status == http.StatusCreated {
		h.ids[q.reference] = append(h.ids[q.reference], a.id)
	}
	return nil
}

// call is what is sent.
func (q question) call() (method, path, body string) {
	conversion := fmt.Sprintf("/conversions/%d", q.id)
	affiliate := fmt.Sprintf("affiliate-%d@example.com", q.reference)
	switch q.verb {
	case creates:
		return http.MethodPost, "/conversions", fmt.Sprintf(
			`{"type": "purchase", "affiliate_id": %d, "base_value": 1000, "value": %d, "reference": "order-%d"}`,
			q.reference+2, q.value, q.reference)
	case gets:
		return http.MethodGet, conversion, ""
	case updates:
		return http.MethodPut, conversion, fmt.Sprintf(`{"value": %d}`, q.value)
	case deletes:
		return http.MethodDelete, conversion, ""
	case looks:
		return http.MethodGet, "/affiliates/" + strings.ReplaceAll(affiliate, "@", "%40"), ""
	}
	return "", "", ""
}

// understand reads an answer. An answer that is not to be expected at all is an error.
func understand(got outcome) (response, error) {
	a := response{status: got.status}
	switch got.status {
	case http.StatusNoContent, http.StatusNotFound:
		return a, nil
	case http.StatusConflict:
		if got.field == "reference" {
			return a, nil
		}
	case http.StatusOK, http.StatusCreated:
		var shown struct {
			Data struct {
				ID        int64
				Value     int64
				Purchases int64
				Earnings  string `json:"total_earnings"`
			}
		}
		if err := json.Unmarshal(got.body, &shown); err != nil {
			return a, fmt.Errorf("%w: %s", err, got.body)
		}
		a.id, a.value, a.purchases = shown.Data.ID, shown.Data.Value, shown.Data.Purchases
		if shown.Data.Earnings == "" {
			return a, nil
		}
		_, err := fmt.Sscanf(shown.Data.Earnings, "%d.00", &a.value)
		return a, err
	}
	return a, fmt.Errorf("%d %s", got.status, got.body)
}

// judge checks whether the history is one of calls that were done one after the other.
func (h *history) judge(want porcupine.CheckResult) {
	h.t.Helper()
	result, info := porcupine.CheckOperationsVerbose(registers(), h.calls, time.Minute)
	counts := make(map[string]int)
	for _, o := range h.calls {
		counts[fmt.Sprint(o.Input.(question).verb, " ", o.Output.(response).status)]++
	}
	h.t.Logf("%d calls: %v", len(h.calls), counts)
	if result == want {
		return
	}
	picture := filepath.Join(h.t.ArtifactDir(), "history.html")
	err := porcupine.VisualizePath(registers(), info, picture)
	h.t.Errorf("the history is %v, want %v; with -artifacts it is drawn in %s (%v)", result, want, picture, err)
}

// A server that sometimes answers from memory is found out.
func TestLiesAreFoundOut(t *testing.T) {
	t.Parallel()
	p := alone(t, look(t, filepath.Join(t.TempDir(), "refgrow.db")), func(api http.Handler) http.Handler {
		return &forgetting{Handler: api, known: make(map[string]*httptest.ResponseRecorder)}
	})
	h := newHistory(t, p)
	h.happen(0)
	h.judge(porcupine.Illegal)
}

// forgetting answers every fourth GET with what it answered before.
type forgetting struct {
	http.Handler
	mu    sync.Mutex
	asked int
	known map[string]*httptest.ResponseRecorder
}

func (f *forgetting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		f.Handler.ServeHTTP(w, r)
		return
	}
	f.mu.Lock()
	f.asked++
	answer := f.known[r.URL.Path]
	if f.asked%4 != 0 {
		answer = nil
	}
	f.mu.Unlock()
	if answer == nil {
		answer = httptest.NewRecorder()
		f.Handler.ServeHTTP(answer, r)
		f.mu.Lock()
		f.known[r.URL.Path] = answer
		f.mu.Unlock()
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // a client that is gone needs no answer
}

// Each of these is one lie, or only just not one.
func TestHistories(t *testing.T) {
	t.Parallel()
	const (
		ok, created, gone        = http.StatusOK, http.StatusCreated, http.StatusNoContent
		notFound, conflict, busy = http.StatusNotFound, http.StatusConflict, http.StatusServiceUnavailable
	)
	call := func(from, to int64, q question, a response) porcupine.Operation {
		return porcupine.Operation{Input: q, Call: from, Output: a, Return: to}
	}
	made := call(0, 1, question{verb: creates, value: 5}, response{status: created, id: 1, value: 5})
	for name, c := range map[string]struct {
		want    porcupine.CheckResult
		history []porcupine.Operation
	}{
		"created, and read": {porcupine.Ok, []porcupine.Operation{made,
			call(2, 3, question{verb: gets, id: 1}, response{status: ok, id: 1, value: 5})}},
		"created, and not found": {porcupine.Illegal, []porcupine.Operation{made,
			call(2, 3, question{verb: gets, id: 1}, response{status: notFound})}},
		"two of one reference": {porcupine.Illegal, []porcupine.Operation{made,
			call(0, 1, question{verb: creates, value: 6}, response{status: created, id: 2, value: 6})}},
		"a conflict with nothing": {porcupine.Illegal, []porcupine.Operation{
			call(0, 1, question{verb: creates, value: 6}, response{status: conflict})}},
		"an id again": {porcupine.Illegal, []porcupine.Operation{made,
			call(2, 3, question{verb: deletes, id: 1}, response{status: gone}),
			call(4, 5, question{verb: creates, value: 6}, response{status: created, id: 1, value: 6})}},
		"deleted, and free": {porcupine.Ok, []porcupine.Operation{made,
			call(2, 3, question{verb: deletes, id: 1}, response{status: gone}),
			call(4, 5, question{verb: creates, value: 6}, response{status: created, id: 2, value: 6}),
			call(6, 7, question{verb: gets, id: 1}, response{status: notFound})}},
		"deleted twice": {porcupine.Illegal, []porcupine.Operation{made,
			call(2, 5, question{verb: deletes, id: 1}, response{status: gone}),
			call(2, 5, question{verb: deletes, id: 1}, response{status: gone})}},
		"deleted, and read": {porcupine.Illegal, []porcupine.Operation{made,
			call(2, 3, question{verb: deletes, id: 1}, response{status: gone}),
			call(4, 5, question{verb: gets, id: 1}, response{status: ok, id: 1, value: 5})}},
		"an update of what is deleted": {porcupine.Illegal, []porcupine.Operation{made,
			call(2, 3, question{verb: deletes, id: 1}, response{status: gone}),
			call(4, 5, question{verb: updates, id: 1, value: 6}, response{status: ok, id: 1, value: 6})}},
		"an update that is lost": {porcupine.Illegal, []porcupine.Operation{made,
			call(2, 3, question{verb: updates, id: 1, value: 6}, response{status: ok, id: 1, value: 6}),
			call(4, 5, question{verb: gets, id: 1}, response{status: ok, id: 1, value: 5})}},
		"before an update or after it": {porcupine.Ok, []porcupine.Operation{made,
			call(2, 6, question{verb: updates, id: 1, value: 6}, response{status: ok, id: 1, value: 6}),
			call(3, 4, question{verb: gets, id: 1}, response{status: ok, id: 1, value: 5}),
			call(5, 7, question{verb: gets, id: 1}, response{status: ok, id: 1, value: 6})}},
		"after an update, and before it": {porcupine.Illegal, []porcupine.Operation{made,
			call(2, 8, question{verb: updates, id: 1, value: 6}, response{status: ok, id: 1, value: 6}),
			call(3, 4, question{verb: gets, id: 1}, response{status: ok, id: 1, value: 6}),
			call(5, 6, question{verb: gets, id: 1}, response{status: ok, id: 1, value: 5})}},
		"a value that was never written": {porcupine.Illegal, []porcupine.Operation{made,
			call(2, 3, question{verb: gets, id: 1}, response{status: ok, id: 1, value: 7})}},
		"an account that follows": {porcupine.Ok, []porcupine.Operation{made,
			call(2, 3, question{verb: looks}, response{status: ok, value: 5, purchases: 1}),
			call(4, 5, question{verb: deletes, id: 1}, response{status: gone}),
			call(6, 7, question{verb: looks}, response{status: ok})}},
		"an account that lags behind": {porcupine.Illegal, []porcupine.Operation{made,
			call(2, 3, question{verb: updates, id: 1, value: 6}, response{status: ok, id: 1, value: 6}),
			call(4, 5, question{verb: looks}, response{status: ok, value: 5, purchases: 1})}},
		"half of an account": {porcupine.Illegal, []porcupine.Operation{made,
			call(2, 5, question{verb: deletes, id: 1}, response{status: gone}),
			call(2, 5, question{verb: looks}, response{status: ok, value: 5})}},
		"another answer": {porcupine.Illegal, []porcupine.Operation{
			call(0, 1, question{verb: creates, value: 5}, response{status: busy})}},
	} {
		if got := porcupine.CheckOperationsTimeout(registers(), c.history, time.Minute); got != c.want {
			t.Errorf("%s: the history is %v, want %v", name, got, c.want)
		}
	}
}
