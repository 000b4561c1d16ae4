package interop

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/refgrow-go/refgrow/webhook"
)

// A mood is how a receiver treats what it gets.
type mood string

const (
	calm        mood = "takes everything"
	broken      mood = "answers 500"
	hanging     mood = "hangs"
	resetting   mood = "resets the connection"
	forgetful   mood = "takes it and resets the connection"
	redirecting mood = "redirects"
	overwhelmed mood = "answers 429 with Retry-After"
	gone        mood = "answers 410"
	down        mood = "is down"
)

// troubles are all moods but calm.
func troubles() []mood {
	return []mood{down, broken, hanging, resetting, forgetful, redirecting, overwhelmed, gone}
}

// An arrival is one request that reached the receiver.
type arrival struct {
	id, conversion, label string
	accepted              bool
}

// A receiver is an endpoint that remembers everything.
type receiver struct {
	t       *testing.T
	url     string
	address string
	library *standardwebhooks.Webhook
	// most is how many times the receiver makes trouble about one event.
	most int

	mu       sync.Mutex
	server   *http.Server
	mood     mood
	troubled map[string]int // by event
	hits     map[mood]int
	arrivals []arrival
	released chan struct{} // ends all hanging
	trap     string        // where redirects lead
}

func newReceiver(t *testing.T, most int) *receiver {
	t.Helper()
	r := &receiver{
		t: t, most: most, address: "127.0.0.1:0", mood: calm,
		troubled: make(map[string]int), hits: make(map[mood]int), released: make(chan struct{}),
	}
	r.open()
	r.url = "http://" + r.address + "/hooks"

	trap, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.trap = "http://" + trap.Addr().String() + "/"
	trapping := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a redirect was followed")
	})}
	go func() { _ = trapping.Serve(trap) }()
	t.Cleanup(func() {
		close(r.released)
		r.close()
		trapping.Close()
	})
	return r
}

// open begins to listen, at the same address as before.
func (r *receiver) open() {
	r.t.Helper()
	listener, err := net.Listen("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.address = listener.Addr().String()
	server := &http.Server{Handler: http.HandlerFunc(r.receive)}
	r.mu.Lock()
	r.server = server
	r.mu.Unlock()
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			r.t.Error(err)
		}
	}()
}

func (r *receiver) close() {
	r.mu.Lock()
	server := r.server
	r.mu.Unlock()
	server.Close()
}

// be changes the mood.
func (r *receiver) be(m mood) {
	r.mu.Lock()
	was := r.mood
	r.mood = m
	r.mu.Unlock()
	switch {
	case m == down:
		r.close()
	case was == down:
		r.open()
	}
}

// hit returns how many requests were treated in a mood.
func (r *receiver) hit(m mood) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.hits[m]
}

// receive treats a request in the mood of the moment.
func (r *receiver) receive(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // the sender was killed, or the receiver went down
	}
	r.check(request.Header, body)
	var seen content
	if err := json.Unmarshal(body, &seen); err != nil {
		r.t.Errorf("%v: %s", err, body)
		return
	}
	switch m := r.decide(request.Header.Get(webhook.IDHeader), &seen); m {
	case calm:
		w.WriteHeader(http.StatusNoContent)
	case broken:
		http.Error(w, "the database is down", http.StatusInternalServerError)
	case hanging:
		select {
		case <-request.Context().Done():
		case <-r.released:
		}
	case resetting, forgetful:
		r.reset(w)
	case redirecting:
		http.Redirect(w, request, r.trap, http.StatusTemporaryRedirect)
	case overwhelmed:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	case gone:
		w.WriteHeader(http.StatusGone)
	case down: // it has just gone down
		r.reset(w)
	}
}

func (r *receiver) check(header http.Header, body []byte) {
	// The sender's clock is its own.
	if err := r.library.VerifyIgnoringTimestamp(body, header); err != nil {
		r.t.Errorf("%v: %s", err, body)
	}
	if strings.Contains(string(body), rolledBack) {
		r.t.Errorf("this was rolled back: %s", body)
	}
}

// decide notes a request and returns how to treat it.
func (r *receiver) decide(id string, seen *content) mood {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.mood
	// Every other request has no trouble, so that things go on in the meantime.
	if r.troubled[id] >= r.most || len(r.arrivals)%2 == 0 {
		m = calm
	}
	if m != calm {
		r.troubled[id]++
	}
	r.hits[m]++
	r.arrivals = append(r.arrivals, arrival{
		id: id, conversion: seen.Data.ID.String(), label: seen.label(), accepted: m == calm || m == forgetful,
	})
	return m
}

func (r *receiver) reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		r.t.Error(err)
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset, not an orderly end
	}
	conn.Close()
}

// A content is the body of a delivery, as far as it is looked at.
type content struct {
	Event string `json:"event"`
	Data  struct {
		ID      json.Number                   `json:"id"`
		Changes map[string][2]json.RawMessage `json:"changes"`
	} `json:"data"`
}

// label tells the events of one conversion apart: the event, and the field that was
// changed with its new value.
func (t *content) label() string {
	if t.Data.Changes == nil {
		return t.Event
	}
	for _, field := range []string{"refunded_amount", "reference", "value"} {
		if change, ok := t.Data.Changes[field]; ok {
			return labelOfChange(field, change[1])
		}
	}
	return t.Event + " of " + strings.Join(slices.Sorted(maps.Keys(t.Data.Changes)), ", ")
}

func labelOfChange(field string, value json.RawMessage) string {
	return "referral_updated: " + field + " is " + string(value)
}

// accepted returns what was accepted of each conversion, in the order in which it was
// first accepted.
func (r *receiver) accepted() map[string][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := make(map[string]bool)
	labels := make(map[string][]string)
	for _, a := range r.arrivals {
		if a.accepted && !taken[a.id] {
			taken[a.id] = true
			labels[a.conversion] = append(labels[a.conversion], a.label)
		}
	}
	return labels
}

// orderly checks that nothing of a conversion was even tried before what happened to it
// earlier had been accepted.
func (r *receiver) orderly() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := make(map[string]bool)
	waiting := make(map[string]string) // the event of a conversion that was tried but not yet accepted
	for _, a := range r.arrivals {
		switch other, ok := waiting[a.conversion]; {
		case taken[a.id]:
		case ok && other != a.id:
			r.t.Errorf("conversion %s: %s (%s) was sent before %s was accepted", a.conversion, a.id, a.label, other)
		case a.accepted:
			taken[a.id] = true
			delete(waiting, a.conversion)
		default:
			waiting[a.conversion] = a.id
		}
	}
}

// summary counts what has arrived.
func (r *receiver) summary() (events, requests int, hits map[mood]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := make(map[string]bool)
	for _, a := range r.arrivals {
		if a.accepted {
			taken[a.id] = true
		}
	}
	return len(taken), len(r.arrivals), maps.Clone(r.hits)
}
