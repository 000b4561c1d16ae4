package main

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestMounted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), &out, filepath.Join(t.TempDir(), "refgrow.db"), ""); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, part := range []string{
		"GET /: 200 OK\nthe app's own page\n",
		"GET /api/v1/affiliates: 401 Unauthorized",
		"POST /api/v1/affiliates: 201 Created",
		"POST /api/v1/conversions: 201 Created",
		`"value": 9.8`,
		"POST /api/v1/conversions: 409 Conflict",
		`"total_earnings": "9.80"`,
	} {
		at := strings.Index(text, part)
		if at < 0 {
			t.Fatalf("no %q, or too early, in\n%s", part, &out)
		}
		text = text[at+len(part):]
	}
}

// With an address it serves until it is told to stop, and what it says to try works.
func TestServing(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("nothing is tried: there is no %s", tool)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, ended := &listener{heard: make(chan struct{})}, make(chan error, 1)
	go func() { ended <- run(ctx, out, filepath.Join(t.TempDir(), "refgrow.db"), "127.0.0.1:0") }()
	select {
	case <-out.heard:
	case err := <-ended:
		t.Fatal(err)
	}
	_, commands, found := strings.Cut(out.String(), "terminal:\n")
	if !found {
		t.Fatalf("it says %s", &out.Buffer)
	}
	answers, err := exec.CommandContext(ctx, "sh", "-e", "-c",
		strings.ReplaceAll(commands, "curl ", "curl -sS --fail-with-body ")).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, answers)
	}
	text := string(answers)
	for _, part := range []string{
		"the app's own page\n", `"referral_code":"JANE"`, `"value":9.8`, `credited to affiliate JANE`,
		`"refunded_amount":9,`, `"total_earnings":"8.00"`,
	} {
		at := strings.Index(text, part)
		if at < 0 {
			t.Fatalf("no %s, or too early, in\n%s", part, answers)
		}
		text = text[at+len(part):]
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

type listener struct {
	bytes.Buffer

	heard chan struct{}
}

func (l *listener) Write(text []byte) (int, error) {
	defer close(l.heard)
	return l.Buffer.Write(text)
}
