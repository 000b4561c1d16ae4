package webhook_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/internal/conformance"
)

// A worker that is stopped in the middle of its work leaves no goroutine and no
// connection behind, whatever the endpoints do to it.
func TestNothingLeft(t *testing.T) {
	var release atomic.Pointer[chan struct{}]
	endpoints := []*hostile{
		newHostile(t, func(http.ResponseWriter, *http.Request) {}),
		newHostile(t, func(a http.ResponseWriter, _ *http.Request) { a.WriteHeader(http.StatusInternalServerError) }),
		newHostile(t,
			func(a http.ResponseWriter, r *http.Request) { http.Redirect(a, r, "/elsewhere", http.StatusFound) }),
		newHostile(t, func(a http.ResponseWriter, _ *http.Request) { a.WriteHeader(http.StatusGone) }),
		newHostile(t, func(a http.ResponseWriter, _ *http.Request) { // an endless answer
			for text := strings.Repeat("x", 4096); ; {
				if _, err := io.WriteString(a, text); err != nil {
					return
				}
			}
		}),
		newHostile(t, func(a http.ResponseWriter, _ *http.Request) { broken(a, "") }),
		newHostile(t, func(a http.ResponseWriter, _ *http.Request) {
			broken(a, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
		}),
		newHostile(t, func(a http.ResponseWriter, _ *http.Request) { broken(a, "what is this?\r\n\r\n") }),
		newHostile(t, func(http.ResponseWriter, *http.Request) { <-*release.Load() }),
	}
	for round := range 2 {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			conformance.NothingLeft(t) // the endpoints stay
			released := make(chan struct{})
			release.Store(&released)
			w := setup(t)
			for _, e := range endpoints {
				e.hits.Store(0)
				w.hookAt(e.URL)
			}
			w.hookAt(nobody(t))
			stop := w.really(true)
			for range 5 {
				w.buy()
			}
			for i, e := range endpoints {
				for waited := 0; e.hits.Load() == 0; waited++ {
					if waited == 1000 {
						t.Fatalf("endpoint %d was not asked", i)
					}
					<-time.After(10 * time.Millisecond)
				}
			}
			var stopped sync.WaitGroup
			stopped.Go(stop) // waits for the request that hangs
			close(released)
			stopped.Wait()
		})
	}
}

// A hostile is the server of an endpoint.
type hostile struct {
	*httptest.Server

	hits atomic.Int64
}

func newHostile(t *testing.T, answer http.HandlerFunc) *hostile {
	t.Helper()
	h := new(hostile)
	h.Server = httptest.NewServer(http.HandlerFunc(func(a http.ResponseWriter, r *http.Request) {
		h.hits.Add(1)
		answer(a, r)
	}))
	t.Cleanup(h.Close)
	return h
}

// broken sends some bytes and closes the connection.
func broken(a http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(a).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, text)
	conn.Close()
}

// nobody is an address where no server listens.
func nobody(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprintf("http://%s/", listener.Addr())
}
