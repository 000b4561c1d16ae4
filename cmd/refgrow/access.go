package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"time"
)

// A seen is what the log says of a request: nothing in it is anybody's email, code or
// secret.
type seen struct {
	http.ResponseWriter

	route, key string // the pattern of the path, and the public part of the key
	status     int
	bytes      int64
}

func (s *seen) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *seen) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	n, err := s.ResponseWriter.Write(b)
	s.bytes += int64(n)
	return n, err
}

// Unwrap serves http.ResponseController.
func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }

type seenKey struct{}

// observe notes what only the API knows of a request.
func observe(r *http.Request, route, key string) {
	if s, ok := r.Context().Value(seenKey{}).(*seen); ok {
		s.key = key
		if route != "" {
			s.route = apiRoot + route
		}
	}
}

// logged writes a line for each request. A failed authentication is a warning, and has the
// client's address, so that somebody who guesses keys can be kept out.
func (s *serveFlags) logged(log *slog.Logger, handler http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen, began := &seen{ResponseWriter: w, route: routeOf(r)}, time.Now()
		w.Header().Set("X-Request-Id", rand.Text()) // the API has ids of its own
		ctx := context.WithValue(r.Context(), seenKey{}, seen)
		defer func() {
			took := time.Since(began)
			if s.metrics != nil {
				s.metrics.count(methodOf(r), seen.route, seen.status, took)
			}
			of := []any{
				"method", methodOf(r), "route", seen.route, "status", seen.status, "bytes", seen.bytes,
				"took", took.Round(time.Microsecond), "request_id", w.Header().Get("X-Request-Id"),
			}
			if seen.key != "" {
				of = append(of, "key", seen.key)
			}
			if seen.status == http.StatusUnauthorized || seen.status == http.StatusTooManyRequests && seen.key == "" {
				log.WarnContext(ctx, "authentication failed", append(of, "address", s.proxies.client(r).String())...)
				return
			}
			log.InfoContext(ctx, "request", of...)
		}()
		handler(seen, r.WithContext(ctx))
	})
}

// routeOf is the pattern of a path outside of the API, "" for one that is nothing.
func routeOf(r *http.Request) string {
	switch r.URL.Path {
	case "/healthz", "/readyz", "/docs", "/refgrow.js", "/refgrow/track":
		return r.URL.Path
	case "/docs/":
		return "/docs"
	}
	switch project, _, ok := link(r.URL); {
	case ok && project != "":
		return "/r/{project}/{code}"
	case ok:
		return "/r/{code}"
	}
	return ""
}

// methodOf is the method of a request, if it is one that anything here answers: clients
// can invent others.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return r.Method
	}
	return "other"
}
