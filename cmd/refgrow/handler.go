package main

import (
	"crypto/rand"
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

// handler is everything that serve serves. There is no http.ServeMux in front,
// which would redirect some paths and answer others in plain text: but for what
// browsers get of tracking, clients read JSON on every answer.
func (s *serveFlags) handler(engine *refgrow.Engine, log *slog.Logger) http.Handler {
	options := httpapi.Options{RateLimit: int(s.rateLimit), IgnoreUnknown: s.lenient, ClientIP: s.proxies.client, Logger: log}
	if options.RateLimit == 0 {
		options.RateLimit = -1 // for the package 0 means its default
	}
	api := http.StripPrefix(apiRoot, httpapi.New(engine, options))
	visits := newTrackers(engine, tracking.Options{ClientIP: s.proxies.client, HTTPS: s.proxies.https, Logger: log})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case below(r.URL.Path) && (r.URL.RawPath == "" || below(r.URL.RawPath)):
			api.ServeHTTP(w, r)
		case r.URL.Path == "/healthz":
			health(w, r, engine, log)
		case visits.serve(w, r):
		default:
			answer(w, http.StatusNotFound, `{"success":false,"error":"There is nothing at this path; the API is under `+apiRoot+`","code":"not_found"}`)
		}
	})
}

// below tells whether a path is the API's.
func below(path string) bool {
	rest, ok := strings.CutPrefix(path, apiRoot)
	return ok && (rest == "" || rest[0] == '/')
}

// health reads from the database, so that "ok" means more than that the process
// is there.
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

// allowed tells whether a request has one of the methods. If not, it answers that.
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
	w.Header().Set("X-Request-Id", rand.Text())
	w.WriteHeader(status)
	// A client that is gone needs no answer.
	_, _ = w.Write([]byte(body + "\n"))
}
