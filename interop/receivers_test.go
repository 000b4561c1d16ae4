package interop

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/webhook"
)

// A documentedReceiver is a program of docs/webhooks.md.
type documentedReceiver struct {
	language string // of its block
	file     string
	needs    string // the tool without which it is not tried
	command  func(file, port string) []string
}

func documentedReceivers() []documentedReceiver {
	return []documentedReceiver{
		{"js", "receiver.mjs", "node", func(file, _ string) []string { return []string{"node", file} }},
		{"python", "receiver.py", "python3", func(file, _ string) []string { return []string{"python3", file} }},
		{"php", "receiver.php", "php", func(file, port string) []string {
			return []string{"php", "-S", "127.0.0.1:" + port, file}
		}},
		{"go", "receiver.go", "go", func(file, _ string) []string { return []string{strings.TrimSuffix(file, ".go")} }},
	}
}

// The receivers that docs/webhooks.md shows take every delivery in every state of an
// endpoint's secret, and nothing that was signed with another one.
func TestDocumentedReceivers(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range documentedReceivers() {
		t.Run(r.language, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(r.needs); err != nil {
				t.Skipf("it is not tried: there is no %s", r.needs)
			}
			var program []byte // the last block: those before it are parts
			for _, block := range regexp.MustCompile("(?s)```"+r.language+"\n(.*?)```").FindAllSubmatch(page, -1) {
				program = block[1]
			}
			if program == nil {
				t.Fatal("there is no such program")
			}
			file := filepath.Join(t.TempDir(), r.file)
			if err := os.WriteFile(file, program, 0o600); err != nil {
				t.Fatal(err)
			}
			if r.language == "go" {
				build := exec.CommandContext(t.Context(), "go", "build", "-o", strings.TrimSuffix(file, ".go"), file)
				if out, err := build.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			for _, secret := range []string{"", "correct horse battery staple"} {
				r.tried(t, file, secret)
			}
		})
	}
}

// tried takes one receiver through all states, with a secret of our own, or of its own.
func (r documentedReceiver) tried(t *testing.T, file, own string) {
	t.Helper()
	ctx := t.Context()
	p := newSender(t)
	params := refgrow.CreateWebhookParams{URL: p.url}
	if own != "" {
		params.Secret = refgrow.Set(own)
	}
	created, err := p.shop.Webhooks().Create(ctx, params)
	if err != nil {
		t.Fatal(err)
	}
	rotated := func(hours int) string {
		t.Helper()
		hook, err := p.shop.Webhooks().Rotate(ctx, created.ID, refgrow.RotateWebhookParams{OverlapHours: &hours})
		if err != nil {
			t.Fatal(err)
		}
		return hook.Secret
	}
	sent := func(state string) []signed {
		t.Helper()
		p.everyEvent()
		return p.await(state, "")
	}
	first := created.Secret
	before := sent("new")
	second := rotated(24)
	during := sent("rotating")
	third := rotated(0)
	after := sent("rotated without overlap")

	r.receiving(t, file, first, func(status func(path string, s signed) int) {
		expect(t, status, before, "the secret", http.StatusNoContent, http.StatusNoContent)
		expect(t, status, during, "the former secret", http.StatusNoContent, http.StatusNoContent)
		expect(t, status, after, "a secret that is over", http.StatusUnauthorized, http.StatusUnauthorized)
		spoiled := before[0]
		spoiled.body = []byte(strings.Replace(string(spoiled.body), "timestamp", "timestamq", 1))
		expect(t, status, []signed{spoiled}, "a changed body", http.StatusUnauthorized, http.StatusUnauthorized)
		late := before[0]
		late.header = late.header.Clone()
		webhook.Sign(late.header, "evt_1", time.Now().Add(-time.Hour), late.body, first)
		expect(t, status, []signed{late}, "an old request", http.StatusUnauthorized, http.StatusNoContent)
		expect(t, status, []signed{{header: http.Header{}, body: late.body}}, "no signature",
			http.StatusUnauthorized, http.StatusUnauthorized)
	})
	r.receiving(t, file, second, func(status func(path string, s signed) int) {
		expect(t, status, during, "the new secret", http.StatusNoContent, http.StatusUnauthorized)
		expect(t, status, before, "the new secret, before", http.StatusUnauthorized, http.StatusUnauthorized)
	})
	r.receiving(t, file, third, func(status func(path string, s signed) int) {
		expect(t, status, after, "the secret after the rotation", http.StatusNoContent, http.StatusNoContent)
	})
}

// expect compares what a receiver answers at both of its paths.
func expect(t *testing.T, status func(path string, s signed) int, all []signed, state string, standard, body int) {
	t.Helper()
	for _, s := range all {
		if got := status("/", s); got != standard {
			t.Errorf("%s, Webhook-Signature: %d, not %d", state, got, standard)
		}
		if got := status("/body", s); got != body {
			t.Errorf("%s, X-Refgrow-Signature: %d, not %d", state, got, body)
		}
	}
}

// receiving runs a receiver, and tells what it answers.
func (r documentedReceiver) receiving(
	t *testing.T, file, secret string, work func(status func(path string, s signed) int),
) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	args := r.command(file, port)
	program := exec.CommandContext(ctx, args[0], args[1:]...)
	program.Env = append(os.Environ(), "REFGROW_WEBHOOK_SECRET="+secret, "PORT="+port)
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cancel()
		_ = program.Wait() // it was killed
	}()
	listens(t, address)
	work(func(path string, s signed) int {
		url, body := "http://"+address+path, strings.NewReader(string(s.body))
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = s.header.Clone()
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	})
}

// listens waits until somebody listens at an address.
func listens(t *testing.T, address string) {
	t.Helper()
	var dialer net.Dialer
	err := fmt.Errorf("nobody listens at %s", address)
	for deadline := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(deadline); {
		var connection net.Conn
		if connection, err = dialer.DialContext(t.Context(), "tcp", address); err == nil {
			connection.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatal(err)
}
