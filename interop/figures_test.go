package interop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/webhook"
)

// An endpoint that hangs does not hold up another one, which gets all its events while
// not a single request to the first has ended.
func TestDeadEndpoint(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	engine := openEngine(t, filepath.Join(t.TempDir(), "refgrow.db"), refgrow.Config{})
	shop, err := engine.CreateProject(ctx, shopName, refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	arrived := make(chan time.Time, 100)
	live := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- time.Now() }))
	t.Cleanup(live.Close)
	var begun, ended atomic.Int64
	release := make(chan struct{})
	dead := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		begun.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done(): // the worker has given up
		case <-release:
		}
		ended.Add(1)
	}))
	t.Cleanup(dead.Close)
	runWorker(t, engine, webhook.Options{AllowPrivate: true})
	t.Cleanup(func() { close(release) })

	endpoint := func(url string) {
		t.Helper()
		if _, err := shop.Webhooks().Create(ctx, refgrow.CreateWebhookParams{URL: url}); err != nil {
			t.Fatal(err)
		}
	}
	// slowest makes sales one after another and returns the longest time that the live
	// endpoint waited for the events of one.
	slowest := func(sales int) (longest time.Duration) {
		t.Helper()
		for range sales {
			recorded := sell(ctx, t, shop)
			for range 2 {
				select {
				case at := <-arrived:
					longest = max(longest, at.Sub(recorded))
				case <-time.After(10 * time.Second):
					t.Fatalf("an event did not arrive; the dead endpoint has ended %d of %d requests",
						ended.Load(), begun.Load())
				}
			}
		}
		return longest
	}
	const sales = 40
	endpoint(live.URL)
	alone := slowest(sales)
	endpoint(dead.URL)
	together := slowest(sales)
	if begun.Load() == 0 || ended.Load() > 0 {
		t.Errorf("the dead endpoint has ended %d of %d requests in the meantime", ended.Load(), begun.Load())
	}
	t.Logf("the slowest of %d events came after %v, and next to a dead endpoint after %v", 2*sales, alone, together)
}

// sell records a sale and returns when that was done.
func sell(ctx context.Context, t *testing.T, shop *refgrow.Project) time.Time {
	t.Helper()
	if _, err := shop.RecordConversion(ctx, sold()); err != nil {
		t.Fatal(err)
	}
	return time.Now()
}

func sold() refgrow.RecordConversionParams {
	return refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: money.MustParse("49.00 USD")}
}

// A measurement is what a process says about itself: its memory in KiB, before there
// were deliveries, at most, and while Waiting of them wait.
type measurement struct{ Before, Peak, After, Waiting int64 }

const mostGrowth = 50 << 10 // KiB

// Ten thousand deliveries that wait for a dead endpoint take little memory.
func TestWaitingDeliveries(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the memory of a process is read from /proc")
	}
	cmd := ourselves(t.Context(), measuring, filepath.Join(t.TempDir(), "refgrow.db"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	var m measurement
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d deliveries wait: the process has %d KiB, at most %d, and had %d before",
		m.Waiting, m.After, m.Peak, m.Before)
	if m.Waiting < 10_000 {
		t.Errorf("%d deliveries wait", m.Waiting)
	}
	if growth := m.Peak - m.Before; growth > mostGrowth {
		t.Errorf("the process has grown by %d KiB", growth)
	}
}

// measure runs an engine with a worker, first without an endpoint, and then with a dead
// one.
func measure(ctx context.Context, file string) error {
	database, err := sqlite.Open(ctx, file, sqlite.Options{})
	if err != nil {
		return err
	}
	engine, err := refgrow.New(ctx, database, refgrow.Config{})
	if err != nil {
		return err
	}
	shop, err := engine.CreateProject(ctx, shopName, refgrow.Settings{})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	worker := webhook.NewWorker(engine, webhook.Options{AllowPrivate: true, Logger: slog.New(slog.DiscardHandler)})
	go func() { ended <- worker.Run(ctx) }()
	m, err := measured(ctx, shop)
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(m)
}

func measured(ctx context.Context, shop *refgrow.Project) (m measurement, err error) {
	const sales = 5_000
	if err := record(ctx, shop, sales); err != nil {
		return m, err
	}
	if m.Before, err = memory("VmRSS"); err != nil {
		return m, err
	}

	hang := make(chan struct{})
	dead := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer dead.Close()
	defer close(hang)
	hook, err := shop.Webhooks().Create(ctx, refgrow.CreateWebhookParams{URL: dead.URL})
	if err != nil {
		return m, err
	}
	if err := record(ctx, shop, sales); err != nil {
		return m, err
	}
	for m.Waiting < 2*sales {
		<-time.After(again)
		m.Waiting, err = shop.Webhooks().CountDeliveries(ctx, hook.ID,
			refgrow.ListDeliveriesParams{Status: refgrow.DeliveryPending})
		if err != nil {
			return m, err
		}
	}
	if m.Peak, err = memory("VmHWM"); err != nil {
		return m, err
	}
	m.After, err = memory("VmRSS")
	return m, err
}

func record(ctx context.Context, shop *refgrow.Project, sales int) error {
	for range sales {
		if _, err := shop.RecordConversion(ctx, sold()); err != nil {
			return err
		}
	}
	return nil
}

// memory reads a value of /proc/self/status, in KiB.
func memory(name string) (int64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no %s", name)
}
