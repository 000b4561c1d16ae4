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
		if isCode(c.Value) {
			return c.Value
		}
	}
	return ""
}

// remember sets the cookie to the code of the link.
func (t *Tracker) remember(w http.ResponseWriter, r *http.Request, a answer) {
	const day = 24 * 60 * 60
	http.SetCookie(w, &http.Cookie{
		Name: CookieName, Value: a.link, Path: "/", Domain: t.options.CookieDomain, MaxAge: a.settings.CookieDays * day,
		Secure: t.options.HTTPS(r), SameSite: http.SameSiteLaxMode,
	})
}

// private is the answer to a visit by a link. No shared cache may keep it: it
// would give one visitor's cookie to others, or answer others who are then
// not counted.
type private struct {
	http.ResponseWriter
	sealed bool // the header was sent
}

// Unwrap is for http.ResponseController.
func (p *private) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *private) WriteHeader(status int) {
	p.forbid()
	// What is sent as 1xx is not the answer yet, but for the one that ends HTTP.
	p.sealed = p.sealed || status >= 200 || status == http.StatusSwitchingProtocols
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
	return http.NewResponseController(p.ResponseWriter).Hijack()
}

// seal is called when the header is about to be sent.
func (p *private) seal() {
	p.forbid()
	p.sealed = true
}

// forbid takes from Cache-Control what lets others than the browser keep the
// answer. The rest stays: a no-store, a no-cache, how long the browser may keep it.
func (p *private) forbid() {
	if p.sealed {
		return
	}
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
	// These tell caches before the server otherwise.
	h.Del("CDN-Cache-Control")
	h.Del("Surrogate-Control")
}
