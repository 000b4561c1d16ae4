package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestClient(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 10_000)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /length", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprint(w, r.Header.Get("Authorization"), r.ContentLength)
	})
	mux.HandleFunc("GET /chunks", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, long[:5000], long[5000:])
	})
	mux.HandleFunc("GET /nothing", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c, err := dial(t.Context(), server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.conn.Close() })
	for range 2 { // on one connection
		for _, test := range []struct {
			request []byte
			status  int
			body    string
		}{
			{appendPost(nil, "/length", "key", "", []byte("hello")), 201, "Bearer key5"},
			{appendRequest(nil, "GET", "/chunks", "", ""), 200, long},
			{appendRequest(nil, "GET", "/nothing", "", ""), 200, ""},
			{appendRequest(nil, "GET", "/unknown", "", ""), 404, "404 page not found\n"},
		} {
			status, err := c.do(test.request)
			if err != nil || status != test.status || string(c.body) != test.body {
				t.Errorf("%.20q: %d %.40q %v", test.request, status, c.body, err)
			}
		}
	}
}

// A wrong answer fails the load, instead of being counted.
func TestLoadChecksAnswers(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 10 {
			http.Error(w, "broken", http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	request := appendRequest(nil, "GET", "/", "", "")
	f, err := newFleet(t.Context(), server.Listener.Addr().String(), []source{
		func(b []byte) ([]byte, expected) { return append(b, request...), expected{status: 200} },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.close() })
	if _, err := f.load(5 * time.Second); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("the load ended with %v", err)
	}
	if done, err := f.load(20 * time.Millisecond); err != nil || done.Operations == 0 || done.Writes != 0 {
		t.Errorf("the next load: %+v %v", done, err)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	var writes atomic.Int64
	done, err := clock(3, 30*time.Millisecond, func(int) func() error {
		return func() error {
			writes.Add(1)
			return nil
		}
	}, &writes)
	if err != nil || done.Operations != int(done.Writes) || done.P50 > done.P99 || done.Taken < 30*time.Millisecond {
		t.Errorf("%+v %v", done, err)
	}
	wrong := errors.New("wrong")
	_, err = clock(2, time.Minute, func(i int) func() error {
		return func() error {
			if i == 1 {
				return wrong
			}
			return nil
		}
	}, &writes)
	if !errors.Is(err, wrong) {
		t.Errorf("it ended with %v", err)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	r := result{row: row{theirs: subject{start: startingUp("", tiny().empty).start}}}
	for i, ours := range []float64{300, 100, 200} {
		r.samples[0] = append(r.samples[0], sample{rate: ours, p99: 10})
		r.samples[1] = append(r.samples[1], sample{rate: 100, p99: float64(10 * (i + 1))})
	}
	found, met := r.verdict(atLeast(2))
	if found != (spread{2, 1, 3}) || !met {
		t.Errorf("the rate is %v, %v", found, met)
	}
	if _, met := r.verdict(atLeast(2.1)); met {
		t.Error("2 is at least 2.1")
	}
	if found, met := r.verdict(atMost(p99, 0.5)); found.median != 0.5 || !met {
		t.Errorf("the p99 is %v, %v", found, met)
	}
	if _, met := r.verdict(atMost(p99, 0.4)); met {
		t.Error("0.5 is at most 0.4")
	}
	r.theirs = subject{}
	if found, met := r.verdict(atMost(rate, 150)); found.median != 200 || met {
		t.Errorf("alone it is %v, %v", found, met)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	if s := spreadOf([]float64{4, 1, 3, 2}); s != (spread{2.5, 1, 4}) {
		t.Error(s)
	}
}
