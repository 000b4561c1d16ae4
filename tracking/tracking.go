package tracking

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/limit"
)

// Options adjust a Tracker. The zero value is right for a server that browsers
// reach directly.
type Options struct {
	// Consent reports whether the visitor agrees to be remembered: without consent no
	// cookie is set. Nil means that everybody agrees.
	Consent func(*http.Request) bool
	// ClientIP returns a visitor's address, for a server behind a proxy.
	// Defaults to the address of the connection.
	ClientIP func(*http.Request) netip.Addr
	// HTTPS reports whether the browser used https: then the cookie is Secure.
	// Defaults to whether the connection has TLS.
	HTTPS func(*http.Request) bool
	// CookieDomain lets the hosts below a domain share the cookie, such as example.com
	// for www.example.com and app.example.com. The script does the same on a host of
	// the domain. Defaults to this host alone.
	CookieDomain string
	// IsBot reports further visitors that do not count, in addition to refgrow.IsBot.
	IsBot func(*http.Request) bool
	// Logger defaults to slog.Default.
	Logger *slog.Logger
}

func (o Options) complete() Options {
	if o.Consent == nil {
		o.Consent = func(*http.Request) bool { return true }
	}
	if o.ClientIP == nil {
		o.ClientIP = peer
	}
	if o.HTTPS == nil {
		o.HTTPS = func(r *http.Request) bool { return r.TLS != nil }
	}
	if o.IsBot == nil {
		o.IsBot = func(*http.Request) bool { return false }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// peer is the address of the connection; none if it is not an IP address.
func peer(r *http.Request) netip.Addr {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr()
}

// A Tracker tracks the visits of one project. It is safe for concurrent use.
type Tracker struct {
	project *refgrow.Project
	options Options
	known   *known
	limit   *limit.Addresses
	claims  chan struct{} // those that are being written
	trouble *trouble      // with them
}

// New makes a tracker. It starts nothing that would have to be stopped.
func New(project *refgrow.Project, options Options) *Tracker {
	options = options.complete()
	return &Tracker{
		project: project, options: options, trouble: newTrouble(options.Logger),
		known:  newKnown(project, newTrouble(options.Logger)),
		limit:  limit.NewAddresses(perMinute, project.Now),
		claims: make(chan struct{}, maxClaims),
	}
}

// Middleware tracks the visits of a project to the pages of a handler.
func Middleware(project *refgrow.Project, options Options) func(http.Handler) http.Handler {
	return New(project, options).Middleware
}

// Register puts the redirect, the browser script and its endpoint on a mux. The
// patterns are specific enough not to conflict with "GET /".
func Register(mux *http.ServeMux, project *refgrow.Project, options Options) {
	New(project, options).register(mux)
}

func (t *Tracker) register(mux *http.ServeMux) {
	redirect := func(w http.ResponseWriter, r *http.Request) { t.Redirect(w, r, r.PathValue("code")) }
	mux.HandleFunc("GET /r/{code}", redirect)
	mux.HandleFunc("GET /r/{code}/{$}", redirect)
	mux.HandleFunc("GET /refgrow.js", t.ServeScript)
	mux.HandleFunc("POST /refgrow/track", t.ServeTrack)
	mux.HandleFunc("OPTIONS /refgrow/track", t.ServeTrack)
}

// FromContext returns who referred the visitor of a request that the middleware has
// seen. The zero value means nobody.
func FromContext(ctx context.Context) refgrow.Attribution { return refgrow.AttributionFrom(ctx) }

// FromRequest is FromContext for the request's context.
func FromRequest(r *http.Request) refgrow.Attribution { return FromContext(r.Context()) }

// Middleware tracks visits to the pages of a handler.
func (t *Tracker) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		held, links := heldCodes(r), linkCodes(r.URL)
		a := answer{}
		switch {
		case len(links) > 0 || len(held) > 1:
			a = t.known.answer(links, held)
		case len(held) == 1:
			a.held = held[0]
		}
		attribution := refgrow.Attribution{ReferralCode: a.credited(), UserAgent: tidy(r.UserAgent(), maxText)}
		r = r.WithContext(refgrow.WithAttribution(r.Context(), attribution))
		chosen := a.chosen && t.options.Consent(r)
		if a.link == "" && !chosen || r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		kept := &private{ResponseWriter: w}
		cookie := t.arrive(r, a)
		if cookie == nil && chosen {
			cookie = t.cookie(r, a, a.held)
		}
		if cookie != nil {
			kept.cookies = append(kept.cookies, cookie)
		}
		if chosen {
			kept.cookies = append(kept.cookies, t.noLongerSeen(r, a))
		}
		defer kept.seal()
		next.ServeHTTP(kept, r)
	})
}

// trouble logs what keeps going wrong, once a minute.
type trouble struct {
	logger *slog.Logger
	due    rate.Sometimes
}

func newTrouble(logger *slog.Logger) *trouble {
	return &trouble{logger: logger, due: rate.Sometimes{Interval: time.Minute}}
}

func (t *trouble) warn(message string, err error) {
	t.due.Do(func() { t.logger.Warn(message, "error", err) }) //nolint:sloglint // every caller passes a constant
}
