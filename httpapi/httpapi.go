package httpapi

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/limit"
)

// Options adjust the API. The zero value is right for most apps.
type Options struct {
	// RateLimit is how many requests each key has in a minute. 0 means
	// DefaultRateLimit, a negative number means no limit; then the X-RateLimit headers of
	// answers to valid keys have a million.
	RateLimit int

	// IgnoreUnknown ignores fields of bodies and query parameters that the call does not
	// know, and names them in the answer's header Refgrow-Ignored. It also takes a limit
	// above 500 as 500. Otherwise they are an error, so that a misspelled field, or a
	// filter without which a list has everything, is noticed.
	IgnoreUnknown bool

	// PrivateWebhooks takes endpoints whose URL has a private, loopback or link-local
	// address, as whoever hosts everything on one network needs. It goes with
	// webhook.Options.AllowPrivate, without which nothing is sent to them.
	PrivateWebhooks bool

	// ClientIP returns the address of a client, by which failed authentications are
	// counted. Defaults to the peer's. An app behind a proxy reads it from the header
	// that its proxy sets. Requests for which it is not valid are counted together.
	ClientIP func(*http.Request) netip.Addr

	// Authenticate replaces the API keys, for an app that has sessions of its own. An
	// error that matches refgrow.ErrUnauthorized is answered with 401 and
	// counted; any other is answered as if the call had failed with it. Defaults to the
	// engine's keys, sent as "Authorization: Bearer rgk_...".
	Authenticate func(*http.Request) (Caller, error)

	// Timeout is how long each statement of a read may take, before the call is answered
	// with 503 too_slow. Defaults to that of the engine (refgrow.Config.Timeout); a
	// negative one means no bound.
	Timeout time.Duration

	// Observe is called at the end of each request, with what a log or metrics around the
	// API cannot know: the pattern of its path, such as "/affiliates/{email}", "" if none
	// matches; and the public part of the API key that opened the program, "" for none.
	// Neither has anybody's email or secret in it.
	Observe func(r *http.Request, route, key string)
	// Logger receives what an answer must not reveal: the causes of internal errors.
	// Defaults to slog.Default.
	Logger *slog.Logger
}

// DefaultRateLimit is how many requests each key has in a minute.
const DefaultRateLimit = 100

// A Caller is who sends a request, as Options.Authenticate found out.
type Caller struct {
	// Project is the one that the caller may use.
	Project *refgrow.Project
	// ID names the caller within the project: each has its own requests a minute, and
	// its own idempotency keys.
	ID string
	// ReadOnly callers can only send GET and HEAD requests.
	ReadOnly bool
}

// New returns a handler that serves the API at the root: /affiliates and so on. It is
// meant for http.StripPrefix, or for a host name of its own. It panics without an
// engine.
func New(engine *refgrow.Engine, options Options) http.Handler {
	return &mounted{api: newAPI(engine, options)}
}

// Register adds the API to a mux below prefix, such as "/api/v1": each route as a
// pattern of its own, and patterns that answer everything else below the prefix in
// JSON. It does not conflict with a pattern such as "GET /", nor with the app's own
// patterns below the prefix if they name a method. The prefix may have
// wildcards, which Options.Authenticate can read with Request.PathValue. It
// panics where http.ServeMux would, and without an engine.
//
// What the mux answers before it looks for a handler is beyond the API's reach:
// it redirects paths with //, . or .. to the clean path, and answers invented methods
// (those not registered with IANA) itself. New without a mux in front of it answers
// those in JSON too.
func Register(mux *http.ServeMux, prefix string, engine *refgrow.Engine, options Options) {
	prefix = strings.Trim(prefix, "/")
	handler := &mounted{api: newAPI(engine, options)}
	if prefix != "" {
		prefix = "/" + prefix
		handler.below = strings.Count(prefix, "/")
	}
	for _, route := range handler.router.routes {
		if strings.HasPrefix(route.pattern, "/payouts/runs/") {
			// To a mux it is in conflict with /payouts/{id}/entries; what is below is enough.
			continue
		}
		mux.Handle(route.method+" "+prefix+route.pattern, handler)
	}
	// A pattern for all methods would conflict with the app's own "GET /": neither of
	// the two would be more specific.
	for method := range strings.FieldsSeq(methods) {
		mux.Handle(method+" "+prefix+"/{path...}", handler)
		if prefix != "" {
			mux.Handle(method+" "+prefix, handler)
		}
	}
}

// methods are those in IANA's registry. To a mux, GET includes HEAD.
const methods = `ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET LABEL LINK LOCK MERGE
	MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH
	PUT QUERY REBIND REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL`

// mounted is the API at its place in an app.
type mounted struct {
	*api
	below int // how many segments of the path come before the API's own
}

func (m *mounted) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.serve(w, r, m.below) }

// api is what all requests share.
type api struct {
	engine       *refgrow.Engine
	router       router
	windows      *windows // nil without a limit
	clicks       *windows
	shares       *shares
	timeout      time.Duration // of a statement that reads; 0 for the engine's
	failures     *limit.Addresses
	lenient      bool
	private      bool // webhooks
	clientIP     func(*http.Request) netip.Addr
	authenticate func(*http.Request) (Caller, error)      // nil for the engine's keys
	observe      func(r *http.Request, route, key string) // nil for nobody
	logger       *slog.Logger
}

func newAPI(engine *refgrow.Engine, o Options) *api {
	if engine == nil {
		panic("httpapi: the engine is missing")
	}
	a := &api{
		engine: engine, router: newRouter(append(routes(), route{http.MethodGet, documentPath, nil})),
		failures: limit.NewAddresses(maxFailures, engine.Now),
		lenient:  o.IgnoreUnknown, private: o.PrivateWebhooks, clientIP: o.ClientIP, authenticate: o.Authenticate,
		observe: o.Observe, logger: o.Logger,
		clicks: newWindows(maxClicks, engine.Now), shares: newShares(), timeout: o.Timeout,
	}
	switch {
	case o.RateLimit == 0:
		a.windows = newWindows(DefaultRateLimit, engine.Now)
	case o.RateLimit > 0:
		a.windows = newWindows(o.RateLimit, engine.Now)
	}
	if a.clientIP == nil {
		a.clientIP = peer
	}
	if a.logger == nil {
		a.logger = slog.Default()
	}
	return a
}

// peer is the address at the other end of the connection.
func peer(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return from.Addr()
}
