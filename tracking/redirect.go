package tracking

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/refgrow-go/refgrow"
)

// Redirect answers a referral link of the form /r/CODE: it leads to the page that
// the parameter "to" names, if that is on a host the project's owner has named, and
// else to the landing URL. The visit counts like one to a page with ?ref=CODE.
// The target's query gets ref=CODE, so that the site there can remember it too. A code
// that leads to no affiliate leads to the same page, without any effect.
func (t *Tracker) Redirect(w http.ResponseWriter, r *http.Request, code string) {
	var links []string
	if code = codeOf(code); code != "" {
		links = []string{code}
	}
	a := t.known.answer(links, heldCode(r))
	w.Header().Set("Cache-Control", "private, no-store")
	target := targetOf(a.settings, r.URL.Query()["to"])
	switch {
	case target == nil && a.guessed:
		w.Header().Set("Retry-After", "1")
		sentence(w, http.StatusServiceUnavailable, "This link cannot be followed now. Please try again in a moment.")
		return
	case target == nil:
		sentence(w, http.StatusNotFound, "This link leads nowhere.")
		return
	}
	if cookie := t.arrive(r, a); cookie != nil {
		http.SetCookie(w, cookie)
	}
	if a.link != "" && !target.Query().Has("ref") {
		if target.RawQuery != "" {
			target.RawQuery += "&"
		}
		target.RawQuery += "ref=" + a.link
	}
	w.Header().Set("Location", target.String())
	w.WriteHeader(http.StatusFound)
}

func sentence(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text+"\n") // who has gone need not be told
}

// targetOf is where a link leads, nil for nowhere.
func targetOf(s refgrow.TrackingSettings, to []string) *url.URL {
	landing, err := url.Parse(s.LandingURL)
	if s.LandingURL == "" || err != nil {
		landing = nil
	}
	// Of two that are given, nobody knows which one is meant.
	if len(to) == 1 {
		if target := chosen(s, landing, to[0]); target != nil {
			return target
		}
	}
	return landing
}

// chosen is the page that a link names by itself, nil where it must not lead there.
// What a browser could read otherwise than it was read here is refused, and
// the host of the result is never the link's but the equal one of the settings.
func chosen(s refgrow.TrackingSettings, landing *url.URL, to string) *url.URL {
	if len(to) > maxURL || strings.ContainsFunc(to, func(c rune) bool { return c == '\\' || unicode.IsControl(c) }) {
		return nil
	}
	u, err := url.Parse(to)
	if err != nil || u.User != nil {
		return nil
	}
	target := &url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: visible(u.RawQuery), Fragment: u.Fragment, RawFragment: u.RawFragment}
	if u.Scheme == "" && u.Host == "" {
		// A path, on the host of the landing URL. Decoded, it must not look like a host.
		// Of "//?x" only the query is left, which would lead back to the link itself.
		if landing == nil || !strings.HasPrefix(to, "/") || u.Path == "" || strings.Contains(u.Path, "//") || strings.Contains(u.Path, `\`) {
			return nil
		}
		target.Scheme, target.Host = landing.Scheme, landing.Host
		return target
	}
	origin := originOf(u)
	if origin == "" || !slices.Contains(s.AllowedOrigins, origin) && (landing == nil || originOf(landing) != origin) {
		return nil
	}
	target.Scheme, target.Host, _ = strings.Cut(origin, "://")
	return target
}

// originOf is scheme, host and port as a browser writes them, "" for what has none.
func originOf(u *url.URL) string {
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	if port == "" || u.Hostname() == "" {
		return ""
	}
	host := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(u.Host), port), ":")
	return u.Scheme + "://" + host
}

// visible escapes what does not belong into a header.
func visible(query string) string {
	var b strings.Builder
	for _, c := range []byte(query) {
		if c <= ' ' || c > '~' {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
