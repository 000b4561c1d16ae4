package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/refgrow-go/refgrow"
)

// metrics counts what the server does, for GET /metrics in the text format of Prometheus.
// Its labels are methods, patterns of paths and statuses: finitely many, and nobody's.
type metrics struct {
	mu       sync.Mutex
	requests map[requestKind]int64
	took     map[servedRoute]*histogram
	verified verification
}

type servedRoute struct{ method, route string }

type requestKind struct {
	servedRoute

	status int
}

// A verification is what the last check of the books found.
type verification struct {
	at          time.Time
	took        time.Duration
	differences int
	failed      bool
}

func newMetrics() *metrics {
	return &metrics{requests: make(map[requestKind]int64), took: make(map[servedRoute]*histogram)}
}

// bounds are those of the buckets of a histogram.
func bounds() []time.Duration {
	const ms = time.Millisecond
	return []time.Duration{
		ms, 2500 * time.Microsecond, 5 * ms, 10 * ms, 25 * ms, 50 * ms, 100 * ms, 250 * ms, 500 * ms,
		time.Second, 2500 * ms, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	}
}

// A histogram counts durations by buckets, the last of which has no bound.
type histogram struct {
	counts [15]int64
	sum    time.Duration
}

func (h *histogram) add(took time.Duration) {
	at, _ := slices.BinarySearch(bounds(), took)
	h.counts[at]++
	h.sum += took
}

// count notes a request that was answered.
func (m *metrics) count(method, route string, status int, took time.Duration) {
	at := servedRoute{method, route}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.requests[requestKind{at, status}]++
	if m.took[at] == nil {
		m.took[at] = new(histogram)
	}
	m.took[at].add(took)
}

// verify notes a check of the books.
func (m *metrics) verify(v verification) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.verified = v
}

// measure answers GET /metrics on an address of its own, which only those who measure should
// reach, until stop is called. Without one it does nothing.
func (s *serveFlags) measure(ctx context.Context, c *call, engine *refgrow.Engine) (stop func(), err error) {
	s.metrics = newMetrics()
	if s.metricsAddr == "" {
		return func() {}, nil
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", s.metricsAddr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", s.metricsAddr, err)
	}
	tell(c.stderr, "measuring on http://%s/metrics\n", listener.Addr())
	server := &http.Server{
		Handler: s.metrics.handler(engine, c.log), ErrorLog: slog.NewLogLogger(c.log.Handler(), slog.LevelWarn),
		ReadTimeout: requestWithin, WriteTimeout: answerWithin, MaxHeaderBytes: maxHeaderBytes,
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); err != nil && !errors.Is(err, http.ErrServerClosed) {
			c.log.Error("measuring has ended", "error", err)
		}
	}()
	return func() {
		_ = server.Close() // nobody is told anything any more
		<-ended
	}, nil
}

// handler answers GET /metrics.
func (m *metrics) handler(engine *refgrow.Engine, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/metrics" {
			answer(w, http.StatusNotFound, `{"success":false,"error":"There is only /metrics here","code":"not_found"}`)
			return
		}
		if !allowed(w, r, http.MethodGet, http.MethodHead) {
			return
		}
		waiting, err := engine.Outbox().Waiting(r.Context())
		if err != nil {
			log.Error("counting deliveries", "error", err)
			answer(w, http.StatusServiceUnavailable, `{"status":"unavailable"}`)
			return
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(m.text(engine.Stats(), waiting)) // whoever has gone away needs no answer
	})
}

// verify checks the books now and then, until stop is called. A difference is an error in
// the log.
func (s *serveFlags) verify(ctx context.Context, c *call, engine *refgrow.Engine) (stop func()) {
	if s.verifyEvery == 0 {
		return func() {}
	}
	ticker := time.NewTicker(s.verifyEvery)
	stopChecking := c.verifying(ctx, engine, ticker.C, s.metrics)
	return func() {
		ticker.Stop()
		stopChecking()
	}
}

// verifying checks the books at every tick.
func (c *call) verifying(
	ctx context.Context, engine *refgrow.Engine, ticks <-chan time.Time, m *metrics,
) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks:
			}
			began := time.Now()
			var report refgrow.Report
			err := guarded(func() (err error) {
				report, err = engine.Verify(ctx)
				return err
			})
			if ctx.Err() != nil {
				return
			}
			found := verification{at: began, took: time.Since(began), differences: len(report.Differences), failed: err != nil}
			m.verify(found)
			switch {
			case err != nil:
				c.log.Error("the books could not be checked", "error", err)
			case found.differences > 0:
				c.log.Error(`the books have differences; "refgrow verify" shows them`, "differences", found.differences)
			default:
				c.log.Info("the books are right", "took", found.took.Round(time.Millisecond))
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}
