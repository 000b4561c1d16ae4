package httpapi

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/limit"
)

// Options adjust the API. Their zero value is right for most programs.
type Options struct {
	// RateLimit is how many requests each key has in a minute. 0 means
	// DefaultRateLimit, a negative number no limit; without one the answers to
	// right keys have no X-RateLimit headers.
	RateLimit int

	// IgnoreUnknown takes bodies with fields that the call does not know, and
	// leaves those out. Otherwise they are an error, so that a misspelled field
	// is noticed. Unknown query parameters are an error in any case.
	IgnoreUnknown bool

	// ClientIP tells the address of a client, by which failed authentications are
	// counted. Defaults to the peer's. A program behind a proxy reads it from the
	// header that its proxy sets. Requests for which it is not valid are counted
	// together.
	ClientIP func(*http.Request) netip.Addr

	// Authenticate replaces the API keys, for a program that has sessions of its
	// own. An error that matches refgrow.ErrUnauthorized is answered with 401 and
	// counted; any other as if a call had failed with it. Defaults to the engine's
	// keys, sent as "Authorization: Bearer rgk_...".
	Authenticate func(*http.Request) (Caller, error)

	// Logger receives what an answer must not tell: the causes of internal errors.
	// Defaults to slog.Default.
	Logger *slog.Logger
}

// DefaultRateLimit is how many requests each key has in a minute.
const DefaultRateLimit = 100

// A Caller is who sends a request, as Options.Authenticate found out.
type Caller struct {
	// Project is the program that the caller may use.
	Project *refgrow.Project
	// ID names the caller within the project: it has its own requests a minute,
	// and its own idempotency keys.
	ID string
	// ReadOnly callers can send GET and HEAD requests only.
	ReadOnly bool
}

// New gives a handler that serves the API below its own root: /affiliates and so
// on. It is meant for http.StripPrefix, or for a host name of its own. It
// panics without an engine.
func New(engine *refgrow.Engine, options Options) http.Handler {
	return &mounted{api: newAPI(engine, options)}
}

// Register adds the API to a mux below prefix, such as "/api/v1": each route as
// a pattern of its own, and patterns that answer everything else below the
// prefix in JSON. It goes together with a pattern such as "GET /", and below the
// prefix with those of the program that name a method. The prefix may have
// wildcards, which Options.Authenticate can read with Request.PathValue. It
// panics where http.ServeMux would, and without an engine.
//
// What the mux answers before it looks for a handler is beyond the API's reach:
// it redirects paths with //, . or .. to the clean path, and answers invented
// methods (not those that are registered with IANA) by itself. New without a
// mux in front of it answers those in JSON too.
func Register(mux *http.ServeMux, prefix string, engine *refgrow.Engine, options Options) {
	prefix = strings.Trim(prefix, "/")
	handler := &mounted{api: newAPI(engine, options)}
	if prefix != "" {
		prefix = "/" + prefix
		handler.below = strings.Count(prefix, "/")
	}
	for _, route := range handler.router.routes {
		mux.Handle(route.method+" "+prefix+route.pattern, handler)
	}
	// A pattern for all methods would conflict with the program's own "GET /":
	// neither of the two would be the more specific one.
	for method := range strings.FieldsSeq(methods) {
		mux.Handle(method+" "+prefix+"/{path...}", handler)
		if prefix != "" {
			mux.Handle(method+" "+prefix, handler)
		}
	}
}

// methods are those of IANA's registry. HEAD is part of GET for a mux.
const methods = `ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET LABEL LINK LOCK MERGE
	MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH
	PUT QUERY REBIND REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL`

// mounted is the API at its place in a program.
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
	failures     *limit.Addresses
	lenient      bool
	clientIP     func(*http.Request) netip.Addr
	authenticate func(*http.Request) (Caller, error) // nil for the engine's keys
	logger       *slog.Logger
}

func newAPI(engine *refgrow.Engine, o Options) *api {
	if engine == nil {
		panic("httpapi: the engine is missing")
	}
	a := &api{
		engine: engine, router: newRouter(routes()), failures: limit.NewAddresses(maxFailures, engine.Now),
		lenient: o.IgnoreUnknown, clientIP: o.ClientIP, authenticate: o.Authenticate, logger: o.Logger,
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
