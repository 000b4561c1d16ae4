package webhook_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/webhook"
)

// virtually runs a test in virtual time, which moves on when everything waits for it.
func virtually(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// A world is an engine on a file, with a project.
type world struct {
	*testing.T
	file   string
	engine *refgrow.Engine
	shop   *refgrow.Project
	close  func()
}

func setup(t *testing.T) *world {
	t.Helper()
	return on(t, refgrowtest.File(t), refgrow.Config{})
}

// on opens a file, as another process would.
func on(t *testing.T, file string, config refgrow.Config) *world {
	t.Helper()
	return onStore(t, file, config, func(database *sqlite.DB) refgrow.Store { return database })
}

// onStore is on, with a store that a test makes from the file.
func onStore(t *testing.T, file string, config refgrow.Config, storeOf func(*sqlite.DB) refgrow.Store) *world {
	t.Helper()
	database, err := sqlite.Open(t.Context(), file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = slog.New(slog.DiscardHandler)
	engine, err := refgrow.New(t.Context(), storeOf(database), config)
	if err != nil {
		t.Fatal(err)
	}
	shop, err := engine.EnsureProject(t.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, file: file, engine: engine, shop: shop}
	w.close = sync.OnceFunc(func() {
		if err := errors.Join(engine.Close(context.Background()), database.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.close)
	return w
}

// hook makes an endpoint at a host, which wants these events.
func (w *world) hook(host string, events ...refgrow.Event) *refgrow.Webhook {
	w.Helper()
	made, err := w.shop.Webhooks().Create(w.Context(),
		refgrow.CreateWebhookParams{URL: "https://" + host + "/hook", Events: events})
	if err != nil {
		w.Fatal(err)
	}
	return made
}

// buy records a purchase.
func (w *world) buy() *refgrow.Conversion {
	w.Helper()
	c, err := w.shop.RecordConversion(w.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, Customer: refgrow.Customer{Email: "carl@example.com"},
		BaseValue: money.MustParse("10.00 USD"),
	})
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// revalue changes the base value of a conversion to that many dollars.
func (w *world) revalue(c *refgrow.Conversion, dollars int) {
	w.Helper()
	value := refgrow.Set(money.MustParse(strconv.Itoa(dollars) + ".00 USD"))
	_, err := w.shop.UpdateConversion(w.Context(), c.ID, refgrow.UpdateConversionParams{BaseValue: value})
	if err != nil {
		w.Fatal(err)
	}
}

// log returns the deliveries of an endpoint, the oldest first.
func (w *world) log(hook *refgrow.Webhook) []refgrow.Delivery {
	w.Helper()
	var log []refgrow.Delivery
	for d, err := range w.shop.Webhooks().AllDeliveries(w.Context(), hook.ID, refgrow.ListDeliveriesParams{}) {
		if err != nil {
			w.Fatal(err)
		}
		log = append(log, d)
	}
	slices.Reverse(log)
	return log
}

// only returns the one delivery of an endpoint.
func (w *world) only(hook *refgrow.Webhook) refgrow.Delivery {
	w.Helper()
	log := w.log(hook)
	if len(log) != 1 {
		w.Fatalf("there are %d deliveries: %+v", len(log), log)
	}
	return log[0]
}

func (w *world) status(hook *refgrow.Webhook) refgrow.WebhookStatus {
	w.Helper()
	found, err := w.shop.Webhooks().Get(w.Context(), hook.ID)
	if err != nil {
		w.Fatal(err)
	}
	return found.Status
}

// work runs a worker until the test ends or stop is called.
func (w *world) work(r *receiver, options webhook.Options) (stop func()) {
	w.Helper()
	if options.Client == nil {
		options.Client = &http.Client{Transport: r}
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Jitter == nil {
		options.Jitter = func(time.Duration) time.Duration { return 0 }
	}
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- webhook.NewWorker(w.engine, options).Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-result; err != nil {
			w.Errorf("the worker stopped with %v", err)
		}
	})
	w.Cleanup(stop)
	return stop
}

// A request is one that a receiver got.
type request struct {
	at     time.Time
	host   string
	header http.Header
	body   string
}

func (r request) id() string    { return r.header.Get(webhook.IDHeader) }
func (r request) event() string { return r.header.Get(webhook.EventHeader) }

// A receiver stands in for the network: it notes each request, and returns the answer
// that the test has for it, or 200.
type receiver struct {
	answer func(n int, r *http.Request) (*http.Response, error) // n counts from 1

	mu  sync.Mutex
	got []request
}

func (r *receiver) RoundTrip(q *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.got = append(r.got, request{at: time.Now(), host: q.Host, header: q.Header.Clone(), body: string(body)})
	n := len(r.got)
	r.mu.Unlock()
	if r.answer == nil {
		return status(http.StatusOK)
	}
	return r.answer(n, q)
}

// requests returns what has come so far, for some hosts or for all.
func (r *receiver) requests(hosts ...string) []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	var chosen []request
	for _, q := range r.got {
		if len(hosts) == 0 || slices.Contains(hosts, q.host) {
			chosen = append(chosen, q)
		}
	}
	return chosen
}

// status is an answer with header fields, given as name and value in turn.
func status(code int, fields ...string) (*http.Response, error) {
	answer := &http.Response{
		StatusCode: code, Status: strconv.Itoa(code) + " " + http.StatusText(code), Header: make(http.Header),
		Body: io.NopCloser(strings.NewReader("")),
	}
	for i := 0; i < len(fields); i += 2 {
		answer.Header.Set(fields[i], fields[i+1])
	}
	return answer, nil
}

// said is an answer with a text.
func said(code int, text io.Reader) (*http.Response, error) {
	answer, err := status(code)
	answer.Body = io.NopCloser(text)
	return answer, err
}

// always returns the same answer to everything.
func always(code int, fields ...string) func(int, *http.Request) (*http.Response, error) {
	return func(int, *http.Request) (*http.Response, error) { return status(code, fields...) }
}

// hangs answers nothing until the request is given up.
func hangs(_ int, r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
