package webhook_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/webhook"
)

// A commit of this process wakes the worker, and so does Wake after the caller's own
// transaction; what another process writes is found by the next look.
func TestWaking(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w, r := setup(t), &receiver{}
		other := on(t, w.file, refgrow.Config{})
		w.hook("a.example", refgrow.EventReferralConverted)
		w.work(r, webhook.Options{Interval: time.Hour})
		time.Sleep(time.Minute)
		for i := range 100 { // with every delay between being woken and resting
			w.buy()
			time.Sleep(time.Duration(i) * 3 * time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond)
		if n := len(r.requests()); n != 100 {
			t.Errorf("%d of 100 came at once", n)
		}
		other.buy()
		time.Sleep(10 * time.Minute)
		if n := len(r.requests()); n != 100 {
			t.Errorf("%d came without a look", n-100)
		}
		w.engine.Wake()
		time.Sleep(100 * time.Millisecond)
		if n := len(r.requests()); n != 101 {
			t.Error("Wake brought nothing")
		}
		other.buy()
		time.Sleep(time.Hour + time.Second)
		if n := len(r.requests()); n != 102 {
			t.Error("the next look brought nothing")
		}
	})
}

// The worker does not spin while deliveries wait: for the end of another request, for
// the pace, or for their time.
func TestIdle(t *testing.T) {
	virtually(t, func(t *testing.T) {
		var looks atomic.Int64 // each reads the clock a few times
		w := on(t, filepath.Join(t.TempDir(), "refgrow.db"), refgrow.Config{Now: func() time.Time {
			looks.Add(1)
			return time.Now()
		}})
		r := &receiver{answer: func(n int, q *http.Request) (*http.Response, error) {
			switch q.Host {
			case "good.example":
				return status(http.StatusOK)
			case "hanging.example":
				return hangs(n, q)
			}
			return status(http.StatusServiceUnavailable, "Retry-After", "7200")
		}}
		for _, host := range []string{"good.example", "hanging.example", "unavailable.example"} {
			w.hook(host)
		}
		for range 30 {
			w.buy()
		}
		w.work(r, webhook.Options{Interval: time.Minute, PerSecond: 1})
		for _, phase := range []time.Duration{time.Minute, 10 * time.Minute, time.Hour} {
			before := looks.Load()
			time.Sleep(phase)
			if n := looks.Load() - before; n > 6000 {
				t.Errorf("in %v the clock was read %d times", phase, n)
			}
		}
		if n := len(r.requests("good.example")); n != 60 {
			t.Errorf("%d of 60 came", n)
		}
	})
}

// A worker stops when its context ends, or when its engine or the database is closed;
// it leaves no goroutine behind, or the bubble would not end.
func TestStopping(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w *world, cancel func()) error{
		"context": func(_ *world, cancel func()) error { cancel(); return nil },
		"engine": func(w *world, _ func()) error {
			if err := w.engine.Close(context.Background()); err != nil {
				w.Error(err)
			}
			return refgrow.ErrClosed
		},
		"database": func(w *world, _ func()) error { w.close(); return refgrow.ErrClosed },
	} {
		for _, idle := range []bool{true, false} {
			t.Run(name+map[bool]string{true: " idle", false: " at work"}[idle], func(t *testing.T) {
				virtually(t, func(t *testing.T) {
					w, r := setup(t), &receiver{answer: hangs}
					w.hook("a.example")
					if !idle {
						w.buy()
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					result := make(chan error)
					worker := webhook.NewWorker(w.engine,
						webhook.Options{Client: &http.Client{Transport: r}, Logger: slog.New(slog.DiscardHandler)})
					go func() { result <- worker.Run(ctx) }()
					time.Sleep(500 * time.Millisecond)
					if n := len(r.requests()); idle != (n == 0) {
						t.Fatalf("there were %d requests", n)
					}
					stopped := time.Now()
					want := end(w, cancel)
					if err := <-result; !errors.Is(err, want) || (err == nil) != (want == nil) {
						t.Errorf("it stopped with %v", err)
					}
					if took := time.Since(stopped); took > 17*time.Second || idle && took > 2*time.Second {
						t.Errorf("that took %v", took)
					}
				})
			})
		}
	}
}

// A worker whose context has already ended does nothing.
func TestNothingAfterTheEnd(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w, r := setup(t), &receiver{}
		hook := w.hook("a.example", refgrow.EventReferralConverted)
		w.buy()
		if _, err := w.engine.Outbox().Spread(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := webhook.NewWorker(w.engine, webhook.Options{Client: &http.Client{Transport: r}}).Run(ctx)
		if err != nil {
			t.Error(err)
		}
		if d := w.only(hook); len(r.requests()) != 0 || d.Attempts != 0 {
			t.Errorf("there were %d requests, and the delivery is %+v", len(r.requests()), d)
		}
	})
}

// An endpoint can be deleted or switched off while a request to it is under way.
func TestEndpointGoesMeanwhile(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(w *world, hook *refgrow.Webhook) error{
		"deleted": func(w *world, hook *refgrow.Webhook) error { return w.shop.Webhooks().Delete(w.Context(), hook.ID) },
		"switched off": func(w *world, hook *refgrow.Webhook) error {
			_, err := w.shop.Webhooks().Update(w.Context(), hook.ID,
				refgrow.UpdateWebhookParams{Status: new(refgrow.WebhookInactive)})
			return err
		},
	} {
		for _, code := range []int{http.StatusOK, http.StatusInternalServerError, http.StatusGone} {
			t.Run(name+" "+http.StatusText(code), func(t *testing.T) {
				virtually(t, func(t *testing.T) {
					w, logged := setup(t), &notes{}
					r := &receiver{answer: func(_ int, q *http.Request) (*http.Response, error) {
						if q.Host == "b.example" {
							return status(http.StatusOK)
						}
						time.Sleep(5 * time.Second)
						return status(code)
					}}
					hook := w.hook("a.example")
					w.hook("b.example", refgrow.EventReferralConverted)
					w.buy()
					stop := w.work(r, webhook.Options{Logger: logged.logger()})
					time.Sleep(2 * time.Second)
					if err := away(w, hook); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Hour)
					w.buy()
					time.Sleep(time.Second)
					stop()
					if n := len(r.requests("a.example")); n != 1 {
						t.Errorf("%d were sent", n)
					}
					if n := len(r.requests("b.example")); n != 2 {
						t.Errorf("%d of 2 were sent to the other one", n)
					}
					if text := logged.String(); text != "" {
						t.Errorf("the log says\n%s", text)
					}
					if name == "deleted" {
						return
					}
					for _, d := range w.log(hook) {
						if d.Status != refgrow.DeliveryCanceled {
							t.Errorf("a delivery is %+v", d)
						}
					}
				})
			})
		}
	}
}

// notes are what was logged.
type notes struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

func (n *notes) logger() *slog.Logger { return slog.New(slog.NewTextHandler(n, nil)) }

// Events and the log of their deliveries are kept for a limited time.
func TestPruning(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w, r := setup(t), &receiver{}
		hook := w.hook("a.example")
		w.work(r, webhook.Options{Interval: time.Hour, Keep: 10 * 24 * time.Hour})
		w.buy()
		time.Sleep(9 * 24 * time.Hour)
		w.buy()
		time.Sleep(23 * time.Hour)
		log := w.log(hook)
		if len(log) != 4 {
			t.Fatalf("after 10 days less an hour the log has %d deliveries", len(log))
		}
		time.Sleep(3 * time.Hour)
		if left := w.log(hook); len(left) != 2 || left[0].ID != log[2].ID {
			t.Errorf("after 10 days %d deliveries are left", len(left))
		}
		if n, err := w.shop.Webhooks().Replay(t.Context(), hook.ID, time.Time{}); n != 2 || err != nil {
			t.Errorf("the events that are left make %d deliveries: %v", n, err)
		}
	})
}

// More than one step's worth goes at once, even if the oldest delivery is pending and
// stays.
func TestPruningMany(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w := setup(t)
		r := &receiver{answer: func(_ int, q *http.Request) (*http.Response, error) {
			if q.Host == "unavailable.example" {
				return status(http.StatusServiceUnavailable, "Retry-After", "86400")
			}
			return status(http.StatusOK)
		}}
		w.hook("unavailable.example", refgrow.EventReferralCanceled)
		waiting := w.hook("unavailable.example", refgrow.EventReferralConverted)
		w.buy()
		hook := w.hook("a.example", refgrow.EventReferralConverted)
		for _, host := range []string{"b.example", "c.example", "d.example"} { // more deliveries than events
			w.hook(host, refgrow.EventReferralConverted)
		}
		stop := w.work(r, webhook.Options{PerSecond: 10_000, Concurrency: 100})
		time.Sleep(time.Second)
		_, err := w.shop.Webhooks().Update(t.Context(), waiting.ID,
			refgrow.UpdateWebhookParams{Events: &[]refgrow.Event{refgrow.EventReferralSignedUp}})
		if err != nil {
			t.Fatal(err)
		}
		w.buyMany(600)
		time.Sleep(time.Minute)
		stop()
		if n := len(w.log(hook)); n < 600 {
			t.Fatalf("the log has %d deliveries", n)
		}
		time.Sleep(time.Hour)
		stop = w.work(r, webhook.Options{Keep: time.Hour})
		time.Sleep(time.Second)
		stop()
		if n := len(w.log(hook)); n != 0 {
			t.Errorf("%d deliveries are left", n)
		}
		if n := len(w.log(waiting)); n != 1 {
			t.Errorf("of what is pending, %d are left", n)
		}
	})
}

// buyMany records purchases in one transaction.
func (w *world) buyMany(n int) {
	w.Helper()
	err := w.shop.Atomic(w.Context(), func(shop *refgrow.Project) error {
		for range n {
			if _, err := shop.RecordConversion(w.Context(), refgrow.RecordConversionParams{
				Type: refgrow.Purchase, BaseValue: money.MustParse("10.00 USD"),
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
}

// A delivery whose event is no longer kept has failed, and holds up nothing.
func TestDeliveryOfAPrunedEvent(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w := setup(t)
		var mended atomic.Bool
		r := &receiver{answer: func(int, *http.Request) (*http.Response, error) {
			if !mended.Load() {
				return status(http.StatusInternalServerError)
			}
			return status(http.StatusOK)
		}}
		hook := w.hook("a.example")
		c := w.buy()
		w.work(r, webhook.Options{Interval: time.Hour, Keep: 100 * time.Minute})
		time.Sleep(90 * time.Minute)
		w.revalue(c, 30)
		mended.Store(true)
		time.Sleep(70 * time.Minute) // the fifth try would have come 5 minutes ago
		if got := r.requests(); len(got) != 5 || got[4].step(t) != "updated 30" {
			t.Errorf("these came: %q", steps(t, r, c.ID))
		}
		log := w.log(hook)
		if len(log) != 3 || log[0].Status != refgrow.DeliveryFailed || log[0].Attempts != 4 ||
			log[1].Status != refgrow.DeliveryFailed || log[1].Attempts != 0 ||
			log[1].Error != "the event is no longer kept" {
			t.Fatalf("the log is %+v", log)
		}
		if w.status(hook) != refgrow.WebhookActive {
			t.Error("the endpoint was switched off")
		}
		if _, err := w.shop.Webhooks().ReplayDelivery(t.Context(), hook.ID, log[1].ID); !errors.Is(err, refgrow.ErrNotFound) {
			t.Errorf("its replay returned %v", err)
		}
	})
}

// When the clock goes back nothing is lost: new events go at once, and what was put off
// waits until the clock gets there again.
func TestClockGoesBack(t *testing.T) {
	virtually(t, func(t *testing.T) {
		var back atomic.Int64
		w := on(t, filepath.Join(t.TempDir(), "refgrow.db"), refgrow.Config{Now: func() time.Time {
			return time.Now().Add(-time.Duration(back.Load()))
		}})
		r := &receiver{answer: func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				return status(http.StatusInternalServerError)
			}
			return status(http.StatusOK)
		}}
		hook := w.hook("a.example", refgrow.EventReferralConverted)
		w.work(r, webhook.Options{PerSecond: 1})
		time.Sleep(time.Minute)
		w.buy() // is tried again 5 seconds later, which are an hour away
		time.Sleep(time.Second)
		back.Store(int64(time.Hour))
		w.buy()
		w.buy()
		time.Sleep(3 * time.Second)
		if n := len(r.requests()); n != 3 {
			t.Errorf("%d came before and after the clock went back", n)
		}
		time.Sleep(time.Hour + 5*time.Second)
		if n := len(r.requests()); n != 4 {
			t.Errorf("an hour later %d came", n)
		}
		for _, d := range w.log(hook) {
			if d.Status != refgrow.DeliverySucceeded {
				t.Errorf("a delivery is %+v", d)
			}
		}
	})
}

// An endpoint whose secret cannot be read waits for the key; the others go on, and
// the log is not flooded.
func TestSecretThatCannotBeRead(t *testing.T) {
	virtually(t, func(t *testing.T) {
		key := bytes.Repeat([]byte{7}, 32)
		with := on(t, filepath.Join(t.TempDir(), "refgrow.db"), refgrow.Config{SecretKey: key})
		sealed := with.hook("sealed.example", refgrow.EventReferralConverted)
		with.close()
		w, r, logged := on(t, with.file, refgrow.Config{}), &receiver{}, &notes{}
		w.hook("plain.example", refgrow.EventReferralConverted)
		stop := w.work(r, webhook.Options{Logger: logged.logger()})
		for range 60 {
			w.buy()
			time.Sleep(time.Second)
		}
		stop()
		if n := len(r.requests("plain.example")); n != 60 {
			t.Errorf("the other endpoint got %d of 60", n)
		}
		if n := strings.Count(logged.String(), "secret key"); n == 0 || n > 2 {
			t.Errorf("it was logged %d times in a minute", n)
		}
		w.close()
		with = on(t, with.file, refgrow.Config{SecretKey: key})
		with.work(r, webhook.Options{})
		time.Sleep(10 * time.Second)
		got := r.requests("sealed.example")
		if len(got) != 60 {
			t.Fatalf("with the key %d of 60 came", len(got))
		}
		err := webhook.Verify([]byte(got[0].body), got[0].header,
			sealed.Secret, webhook.Clock(func() time.Time { return got[0].at }))
		if err != nil {
			t.Error(err)
		}
	})
}

// However much waits, the worker holds only what is under way. This does not run in
// parallel with other tests, whose memory would count.
func TestMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, r := setup(t), &receiver{}
		kept := make(chan struct{})
		r.answer = func(_ int, q *http.Request) (*http.Response, error) {
			select {
			case <-kept:
				return status(http.StatusOK)
			case <-q.Context().Done():
				return nil, q.Context().Err()
			}
		}
		hooks := []*refgrow.Webhook{w.hook("a.example"), w.hook("b.example")}
		w.buyMany(2500)
		before := heap()
		w.work(r, webhook.Options{})
		time.Sleep(10 * time.Second)
		for _, hook := range hooks {
			n, err := w.shop.Webhooks().CountDeliveries(t.Context(), hook.ID,
				refgrow.ListDeliveriesParams{Status: refgrow.DeliveryPending})
			if n != 5000 || err != nil {
				t.Errorf("%d deliveries wait: %v", n, err)
			}
		}
		const most = 8 << 20
		if after := heap(); after > before+most {
			t.Errorf("with 10,000 deliveries waiting the heap grew from %d to %d KiB", before>>10, after>>10)
		}
		close(kept)
	})
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
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

// A panic in a look, or in a request, ends neither the worker nor the app: it is
// logged, and the events are sent later.
func TestWorkerSurvivesAPanic(t *testing.T) {
	virtually(t, func(t *testing.T) {
		var store brittleStore
		w := onStore(t, filepath.Join(t.TempDir(), "refgrow.db"), refgrow.Config{},
			func(database *sqlite.DB) refgrow.Store {
				store.anyBackend = database.Backend()
				return &store
			})
		r := &receiver{answer: func(n int, _ *http.Request) (*http.Response, error) {
			if n == 1 {
				panic("half an answer")
			}
			return status(http.StatusOK)
		}}
		var log bytes.Buffer
		hook := w.hook("a.example", refgrow.EventReferralConverted)
		stop := w.work(r, webhook.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		time.Sleep(time.Second)
		store.broken.Store(true)
		time.Sleep(5 * time.Second)
		store.broken.Store(false)
		w.buy()
		time.Sleep(time.Hour) // the lease of the request that panicked has passed
		if d := w.only(hook); d.Status != refgrow.DeliverySucceeded || d.Attempts != 2 {
			t.Errorf("the delivery is %+v", d)
		}
		stop()
		for _, part := range []string{"looking for webhooks to deliver",
			"a page is not what it was", "noting the answer", "half an answer"} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("the log has no %q: %s", part, &log)
			}
		}
	})
}
