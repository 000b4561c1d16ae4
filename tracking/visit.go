package tracking

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/form"
)

const (
	maxText = 255  // bytes of a user agent
	maxURL  = 2048 // bytes of an address
)

// codeOf is a text that can be a referral code or a partner slug, "" where it cannot.
// It is a copy: whoever keeps it does not keep the whole line that it was in.
func codeOf(text string) string {
	if len(text) < 3 || len(text) > 64 {
		return ""
	}
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return ""
		}
	}
	return strings.Clone(text)
}

// linkCode is the code in a text from a link, without the blanks and the punctuation
// that it gets in a mail; "" where there is none.
func linkCode(text string) string { return codeOf(form.LinkCode(text)) }

// linkCodes returns the codes that a link has in its query, in the order in which they
// are tried.
func linkCodes(u *url.URL) []string {
	if u.RawQuery == "" {
		return nil
	}
	var codes []string
	query := u.Query()
	for _, name := range [...]string{"ref", "via"} {
		if code := linkCode(query.Get(name)); code != "" {
			codes = append(codes, code)
		}
	}
	return codes
}

// arrive counts a visit through a link, and returns the cookie by which the visitor's
// browser remembers it, nil for none.
func (t *Tracker) arrive(r *http.Request, a answer) *http.Cookie {
	if a.link == "" || !isVisit(r) || t.isBot(r) {
		return nil
	}
	t.click(r, a.link, t.pageOf(r), r.Referer())
	if a.keeps || !t.options.Consent(r) {
		return nil
	}
	return t.cookie(r, a, a.link)
}

// isVisit reports whether somebody is about to see the page: a request for an image or
// a frame of another page is not a visit, nor is one that a browser makes in case its
// user goes there.
func isVisit(r *http.Request) bool {
	if r.Method != http.MethodGet {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Dest") {
	case "document":
	case "empty":
		// A page that the site's own service worker fetches for its visitor.
		if r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			return false
		}
	case "":
		// Browsers do not send it to sites without https, but when they fetch images
		// there, Accept says so.
		if strings.HasPrefix(r.Header.Get("Accept"), "image/") {
			return false
		}
	default:
		return false
	}
	for _, name := range [...]string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		purpose := strings.ToLower(r.Header.Get(name))
		for _, early := range [...]string{"prefetch", "prerender", "preview"} {
			if strings.Contains(purpose, early) {
				return false
			}
		}
	}
	return true
}

func (t *Tracker) isBot(r *http.Request) bool {
	return refgrow.IsBot(r.UserAgent()) || t.options.IsBot(r)
}

// click hands a click to the engine, which counts and logs those that it has to drop.
func (t *Tracker) click(r *http.Request, code, page, referrer string) {
	t.project.QueueClick(refgrow.Click{
		ReferralCode: code, URL: tidy(page, maxURL), Referrer: tidy(referrer, maxURL),
		Address: t.options.ClientIP(r), UserAgent: tidy(r.UserAgent(), maxText),
	})
}

// pageOf is the address that was visited.
func (t *Tracker) pageOf(r *http.Request) string {
	u := url.URL{Scheme: "http", Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	if t.options.HTTPS(r) {
		u.Scheme = "https"
	}
	return u.String()
}

// tidy turns what a browser sent into valid UTF-8 without control characters, of at
// most longest bytes.
func tidy(text string, longest int) string {
	if len(text) > longest {
		text = strings.Clone(text[:longest]) // a copy does not keep the rest
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, strings.ToValidUTF8(text, ""))
}
