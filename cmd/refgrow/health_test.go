package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whoever asks is told whether a server is ready, also of one that listens everywhere.
func TestHealthCommand(t *testing.T) {
	t.Parallel()
	p := setup(t)
	s := p.serve()
	addr := strings.TrimPrefix(s.ready.URL, "http://")
	_, port, _ := strings.Cut(addr, ":")
	for _, addr := range []string{addr, ":" + port, "0.0.0.0:" + port} {
		code, stdout, stderr := p.runBare("health", "--addr", addr)
		if code != exitDone || stdout != "ready\n" || stderr != "" {
			t.Errorf("%s: exit code %d, %q, %q", addr, code, stdout, stderr)
		}
	}
	said := decode[healthJSON](t, p.must("health", "--addr", addr, "--json"))
	if said.Status != "ready" || said.Notes == nil {
		t.Errorf("%+v", said)
	}
	s.end()
	code, _, stderr := p.runBare("health", "--addr", addr)
	if code != exitFailed || !strings.Contains(stderr, "no server answers") {
		t.Errorf("of none: exit code %d, %q", code, stderr)
	}
	for status, want := range map[int]string{503: "it answers 503", 200: "this is no server of refgrow"} {
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		code, _, stderr := p.runBare("health", "--addr", strings.TrimPrefix(other.URL, "http://"))
		if other.Close(); code != exitFailed || !strings.Contains(stderr, want) {
			t.Errorf("of another one that answers %d: exit code %d, %q", status, code, stderr)
		}
	}
}
