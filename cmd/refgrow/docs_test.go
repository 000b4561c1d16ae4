package main

import (
	"net/http"
	"strings"
	"testing"
)

// Whoever runs a server has its documentation there, without a key.
func TestDocs(t *testing.T) {
	t.Parallel()
	s := setup(t).serve()
	key := s.ready.Key
	s.ready.Key = nil
	status, header, page := s.do("GET", "/docs", "")
	if status != 200 || header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(page, "</html>") ||
		!strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%d %v %.100s", status, header, page)
	}
	if status, _, again := s.do("GET", "/docs/", ""); status != 200 || again != page {
		t.Errorf("with a slash: %d %.100s", status, again)
	}
	if status, header, body := s.do("POST", "/docs", ""); status != 405 || header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v %s", status, header, body)
	}
	if status, header, document := s.do("GET", "/api/v1/openapi.json", ""); status != 200 ||
		header.Get("Content-Type") != "application/json" || !strings.HasPrefix(document, `{`) {
		t.Errorf("%d %v %.100s", status, header, document)
	}
	s.ready.Key = key
	for _, path := range []string{"/docs/x", "/doc", "/docs%2f"} {
		if status, _, body := s.do("GET", path, ""); status != 404 || !strings.Contains(body, `"not_found"`) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	s.end()
	for _, route := range []string{"/docs", "/api/v1/openapi.json"} {
		if !strings.Contains(s.log.String(), "route="+route+" ") {
			t.Errorf("the log does not have %s: %s", route, s.log)
		}
	}

	s = setup(t).serve("--no-docs")
	if status, _, body := s.do(http.MethodGet, "/docs", ""); status != 404 || !strings.Contains(body, `"not_found"`) {
		t.Errorf("--no-docs: %d %.100s", status, body)
	}
	s.end()
}
