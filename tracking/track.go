package tracking

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/refgrow-go/refgrow"
)

const (
	// maxBody is the longest message from a browser, in bytes.
	maxBody = 4 << 10
	// perMinute is how many messages from an address are heard in a minute.
	perMinute = 60
	// maxClaims is how many claims may be in the middle of being written; more are
	// lost.
	maxClaims = 64
	// claimTime is how long one may take.
	claimTime = 5 * time.Second
)

// A message is what the script sends.
type message struct {
	Type string `json:"type"` // "click" or "signup"
	// Codes are those of the page's address; of a signup, those that the visitor came
	// with, the newest first. Code is what a script sent that knew only one.
	Codes    []string `json:"codes"`
	Code     string   `json:"code"`
	URL      string   `json:"url"`
	Referrer string   `json:"referrer"`
	Email    string   `json:"email"`
}

// ServeTrack is the endpoint of the browser script. Every POST is answered with 202
// and nothing else. It has an effect only when it comes from a page of one of the
// project's allowed origins, and then at most that of a click or of a claim.
func (t *Tracker) ServeTrack(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	allowed := slices.Contains(t.known.settings().settings.AllowedOrigins, origin)
	if allowed {
		h.Set("Access-Control-Allow-Origin", origin)
	}
	switch r.Method {
	case http.MethodPost:
		if allowed && t.within(r) {
			t.hear(w, r)
		}
		w.WriteHeader(http.StatusAccepted)
	case http.MethodOptions:
		if allowed {
			h.Set("Access-Control-Allow-Methods", http.MethodPost)
			h.Set("Access-Control-Allow-Headers", "Content-Type")
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		h.Set("Allow", "OPTIONS, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

// hear does what a message asks for, if that is possible.
func (t *Tracker) hear(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil || t.isBot(r) {
		return
	}
	var codes []string
	for _, code := range append(m.Codes, m.Code)[:min(len(m.Codes)+1, maxCodes)] {
		if code = linkCode(code); code != "" {
			codes = append(codes, code)
		}
	}
	switch m.Type {
	case "click":
		if a := t.known.answer(codes, nil); a.link != "" {
			t.click(r, a.link, webPage(m.URL), webPage(m.Referrer))
		}
	case "signup":
		if a := t.known.answer(nil, codes); a.held != "" {
			t.claim(r.Context(), m.Email, a.held)
		}
	}
}

// claim writes what a browser says about a signup, even if the browser has left in the
// meantime.
func (t *Tracker) claim(ctx context.Context, email, code string) {
	select {
	case t.claims <- struct{}{}:
		defer func() { <-t.claims }()
	default:
		t.trouble.warn("signup claims are lost", errors.New("too many at once"))
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTime)
	defer cancel()
	if err := t.project.ClaimSignup(ctx, email, code); err != nil && !errors.Is(err, refgrow.ErrInvalid) {
		t.trouble.warn("signup claims are lost", err)
	}
}

// webPage is an address that a browser reports, without credentials and without what
// follows #; "" if it is not a web address.
func webPage(text string) string {
	u, err := url.Parse(text)
	if err != nil || originOf(u) == "" {
		return ""
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return u.String()
}

// within counts a message from an address, and reports whether it is heard.
func (t *Tracker) within(r *http.Request) bool {
	_, within := t.limit.Take(t.options.ClientIP(r))
	return within
}
