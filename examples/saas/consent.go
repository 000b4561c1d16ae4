package main

import (
	"net/http"

	"github.com/refgrow-go/refgrow/tracking"
)

const (
	choiceCookie = "tracking"
	choiceDays   = 180
	allowed      = "yes"
	refused      = "no"
)

// choice is what the visitor has chosen, "" for nothing yet.
func choice(r *http.Request) string {
	if cookie, err := r.Cookie(choiceCookie); err == nil && (cookie.Value == allowed || cookie.Value == refused) {
		return cookie.Value
	}
	return ""
}

// consents reports whether a cookie may remember who referred the visitor. Where the
// law requires asking first, this is choice(r) == allowed.
func consents(r *http.Request) bool { return choice(r) != refused }

func (s *shop) choose(w http.ResponseWriter, r *http.Request, _ *customer) error {
	chosen := allowed
	if r.PostFormValue("choice") != allowed {
		chosen = refused
		endCookie(w, tracking.CookieName)
	}
	setCookie(w, r, choiceCookie, chosen, choiceDays)
	return redirect(w, r, "/")
}
