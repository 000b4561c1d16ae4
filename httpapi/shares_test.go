package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

type anyBackend = backend.Backend

// A slowStore is a store whose lists of webhooks take until they are let go.
type slowStore struct {
	anyBackend
	begun, let chan struct{}
}

func (s *slowStore) Backend() backend.Backend { return s }
func (s *slowStore) Reader() db.Querier       { return slowLists{s.anyBackend.Reader(), s} }

type slowLists struct {
	db.Querier
	of *slowStore
}

func (s slowLists) ListWebhooks(ctx context.Context, params db.ListWebhooksParams) ([]db.Webhook, error) {
	s.of.begun <- struct{}{}
	<-s.of.let
	return s.Querier.ListWebhooks(ctx, params)
}

// Two reads of lists are all that a key has under way. Its other calls, and other keys,
// do not wait for them.
func TestKeysHaveShares(t *testing.T) {
	t.Parallel()
	database, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "refgrow.db"), sqlite.Options{})
	must(t, err)
	t.Cleanup(func() { database.Close() })
	store := &slowStore{database.Backend(), make(chan struct{}, 9), make(chan struct{})}
	engine, clock := refgrowtest.On(t, store)
	w := serve(t, engine, clock, refgrow.Settings{}, noLimit)
	other := w.newKey(t, w.shop, refgrow.CreateKeyParams{})

	answers := make(chan int, 9)
	ask := func(path, key string) {
		recorder := httptest.NewRecorder()
		w.mux.ServeHTTP(recorder, w.request("GET", path, "", "Authorization", "Bearer "+key))
		answers <- recorder.Code
	}
	var asking sync.WaitGroup
	for range 3 {
		asking.Go(func() { ask("/webhooks", w.key) })
	}
	<-store.begun
	<-store.begun
	w.do(t, "GET", "/project", "").ok(t, 200)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	w.do(t, "GET", "/affiliates", "", "Authorization", "Bearer "+other).ok(t, 200)
	w.do(t, "DELETE", "/affiliates/jane@example.com", "").ok(t, 204)
	select {
	case <-store.begun:
		t.Error("a third list began")
	default:
	}
	close(store.let)
	asking.Wait()
	<-store.begun
	for range 3 {
		if status := <-answers; status != 200 {
			t.Errorf("a list: %d", status)
		}
	}
}

// Who waits for a share waits for five seconds. Nothing is remembered of callers that
// have nothing under way.
func TestSharesArePatient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		shares := httpapi.NewShares()
		first, err := shares.Take(t.Context(), 1)
		must(t, err)
		second, err := shares.Take(t.Context(), 1)
		must(t, err)
		before := time.Now()
		_, err = shares.Take(t.Context(), 1)
		if waited := time.Since(before); err == nil || waited != 5*time.Second ||
			!strings.Contains(err.Error(), "reads of lists") {
			t.Errorf("after %v: %v", waited, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := shares.Take(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a client that left: %v", err)
		}
		of2, err := shares.Take(t.Context(), 2)
		must(t, err)
		go func() { time.Sleep(4 * time.Second); first() }()
		third, err := shares.Take(t.Context(), 1)
		must(t, err)
		for _, back := range []func(){second, third, of2} {
			back()
		}
		if n := shares.Len(); n != 0 {
			t.Errorf("%d are remembered", n)
		}
	})
}

// Every route that gives a list is in a share.
func TestListsAreInShares(t *testing.T) {
	t.Parallel()
	for _, list := range lists {
		pattern := list.path
		for _, of := range [][2]string{{"first@example.com", "{email}"}, {"/1/", "/{id}/"}} {
			pattern = strings.ReplaceAll(pattern, of[0], of[1])
		}
		if !httpapi.IsShared(http.MethodGet, pattern) {
			t.Errorf("GET %s has no share", pattern)
		}
	}
	for _, short := range []string{"POST /conversions", "GET /conversions/{id}", "POST /clicks", "GET /project"} {
		method, pattern, _ := strings.Cut(short, " ")
		if httpapi.IsShared(method, pattern) {
			t.Errorf("%s waits for others", short)
		}
	}
}

// A read that takes too long is told what would be faster; what is short is answered.
func TestSlowReadsAreEnded(t *testing.T) {
	t.Parallel()
	w := setup(t, refgrow.Settings{}, httpapi.Options{RateLimit: -1, Timeout: time.Nanosecond})
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	for _, path := range []string{
		"/affiliates", "/conversions", "/conversions?type=signup&from=2026-01-01", "/referrals", "/coupons", "/statistics",
	} {
		got := w.do(t, "GET", path, "")
		if got.status != 503 || text(got.json["code"]) != "too_slow" || got.header.Get("Retry-After") == "" ||
			!strings.Contains(text(got.json["error"]), "it is faster with") {
			t.Errorf("GET %s: %d %s", path, got.status, got.body)
		}
	}
	w.do(t, "POST", "/conversions", `{"type": "signup", "email": "c@example.com"}`).ok(t, 201)
}
