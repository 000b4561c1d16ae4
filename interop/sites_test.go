package interop

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// openShop runs examples/saas on a database and returns its address.
func openShop(t *testing.T, file string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "saas")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./examples/saas")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, "-addr", "127.0.0.1:0", "-db", file)
	cmd.Stderr = t.Output()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(cmd.Process.Signal(os.Interrupt), cmd.Wait()); err != nil {
			t.Errorf("the shop: %v", err)
		}
	})
	lines := bufio.NewScanner(stdout)
	lines.Scan()
	url, ok := strings.CutPrefix(lines.Text(), "The shop is open at ")
	if !ok {
		t.Fatalf("the shop says %q", lines.Text())
	}
	return strings.TrimSuffix(url, "/")
}

// newSite serves a static site that uses the script of a server, and returns its
// address: another site to the browser, because its host has another name.
func newSite(t *testing.T, server string) string {
	t.Helper()
	files := map[string]string{
		"/": `<!DOCTYPE html><html lang="en"><title>A site</title>
			<link rel="icon" href="/icon.svg">
			<script src="` + server + `/refgrow.js?project=shop" async></script>
			<form><label>Email <input name="email" type="email"></label> <button>Sign up</button></form>
			<script src="/own.js"></script></html>`,
		"/own.js": `document.forms[0].addEventListener("submit", function (event) {
			event.preventDefault();
			Refgrow(0, "signup", event.target.email.value);
		});`,
		"/icon.svg": `<svg xmlns="http://www.w3.org/2000/svg"/>`,
	}
	types := map[string]string{".js": "text/javascript", ".svg": "image/svg+xml", "": "text/html"}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", types[filepath.Ext(r.URL.Path)])
		w.Header().Set("Content-Security-Policy",
			"default-src 'none'; img-src 'self'; script-src 'self' "+server+"; connect-src "+server)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(site.Close)
	_, port, err := net.SplitHostPort(site.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "http://localhost:" + port
}

// fetch makes a request from an origin.
func fetch(t *testing.T, method, url, origin, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if origin != "" {
		request.Header.Set("Origin", origin)
	}
	client := &http.Client{Timeout: 10 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	client.CloseIdleConnections()
	if !slices.Contains([]int{http.StatusOK, http.StatusAccepted}, answer.StatusCode) {
		t.Fatalf("%s %s: %s", method, url, answer.Status)
	}
}
