package tracking

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/refgrow-go/refgrow"
)

// Redirect answers a referral link of the form /r/CODE: it leads to the page that
// the parameter "to" names, if that is on a host that the project's owner has named,
// and otherwise to the landing URL. The visit counts like one to a page with ?ref=CODE.
// The target's query gets ref=CODE, so that the site there can remember it too, in
// place of a ref or via of its own; the other parameters of the link are passed on. A
// code that leads to no affiliate leads to the same page, without any effect. Blanks
// and punctuation around the code, as links get them in mails, are no part of it.
//
// A visitor always gets a page. While the database is busy the code is believed, and
// goes along to the target.
func (t *Tracker) Redirect(w http.ResponseWriter, r *http.Request, code string) {
	links := linkCodes(r.URL)
	if code = linkCode(code); code != "" {
		links = slices.Insert(links, 0, code)
	}
	a := t.known.answer(links, heldCodes(r))
	if a.guessed { // without the settings there is no target: they are worth a wait
		a = t.known.answerWithin(coldPatience, links, heldCodes(r))
	}
	w.Header().Set("Cache-Control", "private, no-store")
	target := targetOf(a.settings, r.URL.Query()["to"])
	switch {
	case target == nil && a.guessed:
		NotNow(w)
		return
	case target == nil:
		LeadsNowhere(w)
		return
	}
	if cookie := t.arrive(r, a); cookie != nil {
		http.SetCookie(w, cookie)
		if a.chosen { // the link's code is newer than those
			http.SetCookie(w, t.noLongerSeen(r, a))
		}
	}
	target.RawQuery = passedOn(target.RawQuery, r.URL.RawQuery, a.link)
	w.Header().Set("Location", target.String())
	w.WriteHeader(http.StatusFound)
}

// passedOn is the query of a target with the parameters of the link that led there, which
// replace those of the same name, and with the code that is credited, if any. "to" was
// for the redirect, and a ref or via of the link is a code.
func passedOn(target, link, code string) string {
	var passed []string
	replaced := make(map[string]bool)
	for part := range strings.SplitSeq(link, "&") {
		if name := nameOf(part); name != "" && name != "to" && name != "ref" && name != "via" {
			passed = append(passed, visible(part))
			replaced[name] = true
		}
	}
	if code != "" {
		passed = append(passed, "ref="+code)
		replaced["ref"], replaced["via"] = true, true
	}
	var all []string
	for part := range strings.SplitSeq(target, "&") {
		if part != "" && !replaced[nameOf(part)] {
			all = append(all, part)
		}
	}
	return strings.Join(append(all, passed...), "&")
}

// nameOf is the name of a part of a query, "" for what is none.
func nameOf(part string) string {
	name, _, _ := strings.Cut(part, "=")
	decoded, err := url.QueryUnescape(name)
	if err != nil {
		return ""
	}
	return decoded
}

// NotNow answers a visitor while nobody knows where the link leads.
func NotNow(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	sentence(w, http.StatusServiceUnavailable, "This link cannot be followed now. Please try again in a moment.")
}

// LeadsNowhere answers a visitor for whom there is no page.
func LeadsNowhere(w http.ResponseWriter) {
	sentence(w, http.StatusNotFound, "This link leads nowhere.")
}

// sentence is a page of one sentence, which needs no escaping.
func sentence(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, page, text) // a visitor who has left needs no answer
}

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>Referral link</title>
<style>
	:root { color-scheme: light dark; }
	body { font: 1.125rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto; padding: 0 1.5rem; }
</style>
<p>%s</p>
</html>
`

// targetOf is where a link leads, nil for nowhere.
func targetOf(s refgrow.TrackingSettings, to []string) *url.URL {
	landing, err := url.Parse(s.LandingURL)
	if s.LandingURL == "" || err != nil {
		landing = nil
	}
	// If two are given, nobody knows which one is meant.
	if len(to) == 1 {
		if target := chosen(s, landing, to[0]); target != nil {
			return target
		}
	}
	return landing
}

// chosen is the page that the link itself names, nil if it must not lead there. What a
// browser could read differently from how it is read here is refused, and the host of
// the result is never taken from the link but is the equal one of the settings.
func chosen(s refgrow.TrackingSettings, landing *url.URL, to string) *url.URL {
	if len(to) > maxURL || strings.ContainsFunc(to, func(c rune) bool { return c == '\\' || unicode.IsControl(c) }) {
		return nil
	}
	u, err := url.Parse(to)
	if err != nil || u.User != nil {
		return nil
	}
	target := &url.URL{Path: u.Path, RawPath: u.RawPath, RawQuery: visible(u.RawQuery),
		Fragment: u.Fragment, RawFragment: u.RawFragment}
	if u.Scheme == "" && u.Host == "" {
		// A path, on the host of the landing URL. Decoded, it must not look like a
		// host. Only the query would remain of "//?x", which would lead back to the
		// link itself.
		if landing == nil || !strings.HasPrefix(to, "/") || u.Path == "" ||
			strings.Contains(u.Path, "//") || strings.Contains(u.Path, `\`) {
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

// originOf is scheme, host and port as a browser writes them, "" for a URL without
// them.
func originOf(u *url.URL) string {
	port := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	if port == "" || u.Hostname() == "" {
		return ""
	}
	host := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(u.Host), port), ":")
	return u.Scheme + "://" + host
}

// visible escapes what does not belong in a header.
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
