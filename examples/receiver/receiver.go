package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/refgrow-go/refgrow/webhook"
)

// An event is what this receiver reads from a body. There is more in it.
type event struct {
	Event    string `json:"event"`
	Test     bool   `json:"test"` // it did not happen: somebody is trying out the endpoint
	Referrer *struct {
		Email string `json:"email"`
	} `json:"referrer"` // nil if nobody gets the credit
	Data struct {
		ID        int64       `json:"id"`
		Type      string      `json:"type"`  // "" if it is about a customer
		Value     json.Number `json:"value"` // exact, unlike a float
		BaseValue json.Number `json:"base_value"`
		Currency  string      `json:"base_value_currency"`
	} `json:"data"`
}

// A receiver takes requests.
type receiver struct {
	secret string
	out    io.Writer

	mu   sync.Mutex // one at a time, so that two copies cannot both be the first
	seen recent
}

func newReceiver(out io.Writer, secret string) *receiver {
	return &receiver{secret: secret, out: out, seen: recent{ids: make(map[string]bool), most: 10_000}}
}

// ServeHTTP answers 2xx for what need not be sent again, and is quick about it: the
// sender waits for at most 15 seconds, and sends the next event of the same conversion
// only after that.
func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	if q.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "only POST", http.StatusMethodNotAllowed)
		return
	}
	// The signature covers the bytes as they came: they are read whole, and parsed
	// only once they are known to be genuine.
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, 1<<20))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, "the body broke off", http.StatusBadRequest)
		return
	}
	if err := webhook.Verify(body, q.Header, r.secret); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, "not the JSON of an event", http.StatusBadRequest)
		return
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	id := q.Header.Get(webhook.IDHeader)
	if !r.seen.has(id) {
		if err := r.handle(&e); err != nil {
			http.Error(w, "try again", http.StatusInternalServerError)
			return
		}
		r.seen.add(id) // only now: what failed may come again
	}
	w.WriteHeader(http.StatusNoContent)
}

// handle is where an app does its own work.
func (r *receiver) handle(e *event) error {
	credit := "nobody"
	if e.Referrer != nil {
		credit = e.Referrer.Email
	}
	var what string
	switch {
	case e.Test:
		what = "a test"
	case e.Data.Type == "purchase":
		what = fmt.Sprintf("purchase %d of %s %s earns %s for %s",
			e.Data.ID, e.Data.BaseValue, e.Data.Currency, e.Data.Value, credit)
	case e.Data.Type == "signup":
		what = fmt.Sprintf("signup %d earns %s for %s", e.Data.ID, e.Data.Value, credit)
	default:
		what = "a customer of " + credit
	}
	_, err := fmt.Fprintf(r.out, "%s: %s\n", e.Event, what)
	return err
}

// recent remembers the newest ids. An app with a database keeps them there, written in
// the transaction in which it handles the event, for as long as a replay can come: 30
// days.
type recent struct {
	ids   map[string]bool
	order []string // a ring once it is full
	next  int
	most  int
}

func (r *recent) has(id string) bool { return r.ids[id] }

func (r *recent) add(id string) {
	r.ids[id] = true
	if len(r.order) < r.most {
		r.order = append(r.order, id)
		return
	}
	delete(r.ids, r.order[r.next])
	r.order[r.next] = id
	r.next = (r.next + 1) % r.most
}
