package tracking

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/refgrow-go/refgrow/internal/form"
)

// CookieName is the name of the cookie. Its value is the referral code or partner slug
// that the visitor came through.
const CookieName = "refgrow_ref_code"

// SeenCookieName is the name of the cookie in which the browser script keeps the codes
// that a visitor came with when there are several, the newest first, with dots between
// them; the last one is that of the other cookie. The script cannot know which of them
// lead to an affiliate. Its value can be given wherever a referral code can: the engine
// chooses. The middleware chooses at the next page, and removes the cookie.
const SeenCookieName = "refgrow_ref_seen"

// maxCodes is how many codes of a visitor are looked at.
const maxCodes = form.MaxCodes

// heldCodes are the codes in the visitor's cookies, the newest first. The last one is
// that of the cookie itself.
func heldCodes(r *http.Request) (codes []string) {
	for _, c := range r.CookiesNamed(SeenCookieName) {
		for text := range strings.SplitSeq(c.Value, ".") {
			if code := codeOf(text); code != "" && len(codes) < maxCodes-1 {
				codes = append(codes, code)
			}
		}
	}
	for _, c := range r.CookiesNamed(CookieName) {
		if code := codeOf(c.Value); code != "" {
			return append(codes, code)
		}
	}
	return codes
}

// cookie is one with a code.
func (t *Tracker) cookie(r *http.Request, a answer, code string) *http.Cookie {
	const day = 24 * 60 * 60
	return &http.Cookie{
		Name: CookieName, Value: code, Path: "/", Domain: t.options.CookieDomain, MaxAge: a.settings.CookieDays * day,
		Secure: t.options.HTTPS(r), SameSite: http.SameSiteLaxMode,
	}
}

// noLongerSeen removes the cookie with the codes among which one was chosen.
func (t *Tracker) noLongerSeen(r *http.Request, a answer) *http.Cookie {
	gone := t.cookie(r, a, "")
	gone.Name, gone.MaxAge = SeenCookieName, -1
	return gone
}

// private writes the answer to a visit through a link, and adds the cookies to it. No
// shared cache may keep that answer: it would give one visitor's cookie to others, or
// answer others who are then not counted.
type private struct {
	http.ResponseWriter
	cookies []*http.Cookie
	sealed  bool // the header is final
}

// Unwrap serves http.ResponseController.
func (p *private) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *private) WriteHeader(status int) {
	// A 1xx is not the answer yet, except for the one that ends HTTP.
	if status >= 200 || status == http.StatusSwitchingProtocols {
		p.seal()
	}
	p.ResponseWriter.WriteHeader(status)
}

func (p *private) Write(body []byte) (int, error) {
	p.seal()
	return p.ResponseWriter.Write(body)
}

// Flush implements http.Flusher.
func (p *private) Flush() {
	_ = p.FlushError() // there is nobody to tell
}

// FlushError serves http.ResponseController.
func (p *private) FlushError() error {
	p.seal()
	return http.NewResponseController(p.ResponseWriter).Flush()
}

// Hijack implements http.Hijacker.
func (p *private) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	connection, buffered, err := http.NewResponseController(p.ResponseWriter).Hijack()
	if err == nil {
		p.seal() // for handlers that write the header to the connection, as a reverse proxy does
	}
	return connection, buffered, err
}

// seal is called when the header is about to be sent, and not before: a handler may
// replace everything in it, as http.TimeoutHandler and httputil.ReverseProxy do.
func (p *private) seal() {
	if p.sealed {
		return
	}
	p.sealed = true
	p.forbid()
	for _, cookie := range p.cookies {
		if !p.decided(cookie.Name) {
			http.SetCookie(p.ResponseWriter, cookie)
		}
	}
}

// decided reports whether the handler itself has said what becomes of a cookie, as
// the redirect does.
func (p *private) decided(name string) bool {
	return slices.ContainsFunc(p.Header().Values("Set-Cookie"), func(line string) bool {
		return strings.HasPrefix(line, name+"=")
	})
}

// forbid removes from Cache-Control what lets anyone but the browser keep the answer.
// The rest stays: a no-store, a no-cache, how long the browser may keep it.
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
		if forCaches(name) {
			delete(h, name)
		}
	}
}

// forCaches reports whether a header is for the caches in front of the server, which
// then ignore Cache-Control: CDN-Cache-Control, a vendor's variant of it
// (Cloudflare-CDN-Cache-Control), and older ones.
func forCaches(header string) bool {
	header = http.CanonicalHeaderKey(header)
	return strings.HasSuffix(header, "Cdn-Cache-Control") ||
		slices.Contains([]string{"Surrogate-Control", "Edge-Control", "X-Accel-Expires"}, header)
}
