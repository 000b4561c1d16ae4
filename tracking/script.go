package tracking

import (
	_ "embed"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
)

//go:embed refgrow.js
var script string

// ServeScript serves the browser script, with the project's settings in it. The script
// derives its endpoint from its own address, in which refgrow.js has to be the last
// part of the path: the endpoint is refgrow/track in the same place.
func (t *Tracker) ServeScript(w http.ResponseWriter, _ *http.Request) {
	a := t.known.settings()
	// A word of ours, whatever the settings hold.
	touch := refgrow.TouchLast
	if a.settings.Touch == refgrow.TouchFirst {
		touch = refgrow.TouchFirst
	}
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "public, max-age=300")
	if a.guessed {
		h.Set("Cache-Control", "no-store")
	}
	text := strings.NewReplacer("DAYS", strconv.Itoa(a.settings.CookieDays),
		"TOUCH", string(touch), "DOMAIN", t.domain()).Replace(script)
	_, _ = io.WriteString(w, text) // a visitor who has left needs no answer
}

// domain is Options.CookieDomain as browsers write it, "" if it is invalid: then
// http.SetCookie omits it too. It has only letters, digits, dots and hyphens.
func (t *Tracker) domain() string {
	if (&http.Cookie{Name: CookieName, Domain: t.options.CookieDomain}).Valid() != nil {
		return ""
	}
	return strings.ToLower(strings.TrimPrefix(t.options.CookieDomain, "."))
}
