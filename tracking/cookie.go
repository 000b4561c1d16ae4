package tracking

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"strings"
)

// CookieName is the name of the cookie. Its value is the referral code or partner
// slug that the visitor came by.
const CookieName = "refgrow_ref_code"

// heldCode is the code in the visitor's cookie, "" without one.
func heldCode(r *http.Request) string {
	for _, c := range r.CookiesNamed(CookieName) {
		if code := codeOf(c.Value); code != "" {
			return code
		}
	}
	return ""
}

// cookie has the code of the link.
func (t *Tracker) cookie(r *http.Request, a answer) *http.Cookie {
	const day = 24 * 60 * 60
	return &http.Cookie{
		Name: CookieName, Value: a.link, Path: "/", Domain: t.options.CookieDomain, MaxAge: a.settings.CookieDays * day,
		Secure: t.options.HTTPS(r), SameSite: http.SameSiteLaxMode,
	}
}

// private is the answer to a visit by a link, and puts the cookie on it. No shared
// cache may keep it: it would give one visitor's cookie to others, or answer others
// who are then not counted.
type private struct {
	http.ResponseWriter
	cookie *http.Cookie // nil for none
	sealed bool         // the header was sent
}

// Unwrap is for http.ResponseController.
func (p *private) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *private) WriteHeader(status int) {
	// What is sent as 1xx is not the answer yet, but for the one that ends HTTP.
	if status >= 200 || status == http.StatusSwitchingProtocols {
		p.seal()
	}
	p.ResponseWriter.WriteHeader(status)
}

func (p *private) Write(body []byte) (int, error) {
	p.seal()
	return p.ResponseWriter.Write(body)
}

// Flush is for who asks for an http.Flusher.
func (p *private) Flush() {
	_ = p.FlushError() // there is nobody to tell
}

// FlushError is for http.ResponseController.
func (p *private) FlushError() error {
	p.seal()
	return http.NewResponseController(p.ResponseWriter).Flush()
}

// Hijack is for who asks for an http.Hijacker.
func (p *private) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	connection, buffered, err := http.NewResponseController(p.ResponseWriter).Hijack()
	if err == nil {
		p.seal() // for who writes the header to the connection, as a reverse proxy does
	}
	return connection, buffered, err
}

// seal is called when the header is about to be sent, and not before: a handler may
// replace all that is in it, as http.TimeoutHandler and httputil.ReverseProxy do.
func (p *private) seal() {
	if p.sealed {
		return
	}
	p.sealed = true
	p.forbid()
	if p.cookie != nil && !p.decided() {
		http.SetCookie(p.ResponseWriter, p.cookie)
	}
}

// decided tells whether the handler has said itself what becomes of the cookie, as the
// redirect does.
func (p *private) decided() bool {
	return slices.ContainsFunc(p.Header().Values("Set-Cookie"), func(line string) bool {
		return strings.HasPrefix(line, CookieName+"=")
	})
}

// forbid takes from Cache-Control what lets others than the browser keep the
// answer. The rest stays: a no-store, a no-cache, how long the browser may keep it.
func (p *private) forbid() {
	h := p.Header()
	rules := []string{"private"}
	for rule := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		rule = strings.TrimSpace(rule)
		name, _, _ := strings.Cut(strings.ToLower(rule), "=")
		if rule != "" && !slices.Contains([]string{"private", "public", "s-maxage"}, name) {
			rules = append(rules, rule)
		}
	}
	h.Set("Cache-Control", strings.Join(rules, ", "))
	for name := range h {
		if tellsCaches(name) {
			delete(h, name)
		}
	}
}

// tellsCaches tells whether a header is for the caches before the server, which then
// do not look at Cache-Control: CDN-Cache-Control, the ones of that kind that belong to
// somebody (Cloudflare-CDN-Cache-Control), and those that are older.
func tellsCaches(header string) bool {
	header = http.CanonicalHeaderKey(header)
	return strings.HasSuffix(header, "Cdn-Cache-Control") ||
		slices.Contains([]string{"Surrogate-Control", "Edge-Control", "X-Accel-Expires"}, header)
}
