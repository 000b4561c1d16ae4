package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/tracking"
)

const apiRoot = "/api/v1"

// handler is everything that serve serves. There is no http.ServeMux in front, which
// would redirect some paths and answer others in plain text: except for what tracking
// sends to browsers, and the page about the API, every answer is JSON.
func (s *serveFlags) handler(engine *refgrow.Engine, bare int64, log *slog.Logger) http.Handler {
	options := httpapi.Options{RateLimit: int(s.rateLimit), IgnoreUnknown: s.lenient,
		PrivateWebhooks: s.allowPrivate, ClientIP: s.proxies.client, Logger: log, Observe: observe}
	if options.RateLimit == 0 {
		options.RateLimit = -1 // to the package, 0 means its default
	}
	api := http.StripPrefix(apiRoot, httpapi.New(engine, options))
	visits := newTrackers(engine, bare, tracking.Options{ClientIP: s.proxies.client, HTTPS: s.proxies.https, Logger: log})
	reference := httpapi.Reference()
	return s.logged(log, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case below(r.URL.Path) && (r.URL.RawPath == "" || below(r.URL.RawPath)):
			ctx, cancel := context.WithTimeout(r.Context(), callWithin)
			defer cancel()
			api.ServeHTTP(w, r.WithContext(ctx))
		case r.URL.Path == "/healthz":
			health(w, r, engine, log)
		case r.URL.Path == "/readyz":
			ready(w, r, engine, log)
		case !s.noDocs && strings.TrimSuffix(r.URL.EscapedPath(), "/") == "/docs":
			reference.ServeHTTP(w, r)
		case visits.serve(w, r):
		default:
			answer(w, http.StatusNotFound, `{"success":false,"error":"There is nothing at this path; the API is under `+
				apiRoot+`","code":"not_found"}`)
		}
	})
}

// below reports whether a path is the API's.
func below(path string) bool {
	rest, ok := strings.CutPrefix(path, apiRoot)
	return ok && (rest == "" || rest[0] == '/')
}

// health reads from the database, so that "ok" means more than that the process is
// alive.
func health(w http.ResponseWriter, r *http.Request, engine *refgrow.Engine, log *slog.Logger) {
	if !allowed(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	// Whether there is such a project does not matter.
	if _, err := engine.Project(r.Context(), firstProject); err != nil && !errors.Is(err, refgrow.ErrNotFound) {
		log.Error("the database cannot be read", "error", err)
		answer(w, http.StatusServiceUnavailable, `{"status":"unavailable"}`)
		return
	}
	answer(w, http.StatusOK, `{"status":"ok"}`)
}

// ready writes to the database, so that "ready" means that the API takes writes. Notes
// are what the operator should know, and no failure.
func ready(w http.ResponseWriter, r *http.Request, engine *refgrow.Engine, log *slog.Logger) {
	if !allowed(w, r, http.MethodGet, http.MethodHead) {
		return
	}
	notes, err := engine.Ready(r.Context())
	if err != nil {
		log.Error("the database cannot be written", "error", err)
		answer(w, http.StatusServiceUnavailable, `{"status":"unavailable"}`)
		return
	}
	if notes == nil {
		notes = []string{}
	}
	text, err := json.Marshal(map[string]any{"status": "ready", "notes": notes})
	if err != nil {
		panic(err) // texts can always be written as JSON
	}
	answer(w, http.StatusOK, string(text))
}

// allowed reports whether a request has one of the methods. If not, it answers
// accordingly.
func allowed(w http.ResponseWriter, r *http.Request, methods ...string) bool {
	if slices.Contains(methods, r.Method) {
		return true
	}
	allow := strings.Join(methods, ", ")
	w.Header().Set("Allow", allow)
	answer(w, http.StatusMethodNotAllowed, `{"success":false,"error":"use `+allow+`","code":"method_not_allowed"}`)
	return false
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that is gone needs no answer.
	_, _ = w.Write([]byte(body + "\n"))
}
