package main

import (
	"bytes"
	"context"
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

// With an address it serves until it is told to stop, here as soon as it has said what
// to try.
func TestServing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out := &listener{heard: cancel}
	if err := run(ctx, out, filepath.Join(t.TempDir(), "refgrow.db"), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "curl -H 'Authorization: Bearer rgk_") {
		t.Errorf("%s", out)
	}
}

type listener struct {
	bytes.Buffer
	heard func()
}

func (l *listener) Write(text []byte) (int, error) {
	l.heard()
	return l.Buffer.Write(text)
}
