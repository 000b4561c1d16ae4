package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/sqlite"
)

// keyOf is a key for tests.
func keyOf(c byte) []byte { return bytes.Repeat([]byte{c}, secretKeyBytes) }

// keyFile writes a file next to the database.
func (p *commandLine) keyFile(name string, content []byte) (path string) {
	p.t.Helper()
	path = filepath.Join(p.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

// secretsOf reads what webhook 1 signs with, using a key, after a test event.
func (p *commandLine) secretsOf(key []byte) ([]string, error) {
	p.t.Helper()
	db, err := sqlite.Open(p.t.Context(), p.db, sqlite.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	engine, err := refgrow.New(p.t.Context(), db, refgrow.Config{SecretKey: key})
	if err != nil {
		p.t.Fatal(err)
	}
	attempts, _, err := engine.Outbox().Claim(p.t.Context(), 1, 1, time.Millisecond)
	if err != nil {
		return nil, err
	}
	if len(attempts) != 1 {
		p.t.Fatalf("there are %d attempts", len(attempts))
	}
	return attempts[0].Secrets, nil
}

// holds reports whether a file of the database has a text in it.
func (p *commandLine) holds(text string) bool {
	p.t.Helper()
	files, err := filepath.Glob(p.db + "*")
	if err != nil || len(files) == 0 {
		p.t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			p.t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			return true
		}
	}
	return false
}

// Each form of a key is the same key, and the secret can be read only with it.
func TestSecretKeyFile(t *testing.T) {
	single(t)
	t.Parallel()
	const own = "a secret of the program's owner"
	digits := hex.EncodeToString(keyOf(0xab))
	for name, content := range map[string]string{
		"bytes": string(keyOf(0xab)), "hex": digits, "newline": digits + "\n",
		"crlf": digits + "\r\n", "capitals": strings.ToUpper(digits),
	} {
		p := setup(t)
		p.must("project", "create", "shop")
		file := p.keyFile("secret.key", []byte(content))
		got := p.said("webhook 1 gets all referral events of shop at https://example.com\n",
			"webhook", "create", "--url", "https://example.com", "--secret", own, "--secret-key-file", file)
		if got != own+"\n" {
			t.Errorf("%s: %q", name, got)
		}
		p.said(whoSends, "webhook", "test", "1")
		if p.holds(own) {
			t.Errorf("%s: the file has the secret", name)
		}
		if secrets, err := p.secretsOf(keyOf(0xab)); err != nil || len(secrets) != 1 || secrets[0] != own {
			t.Errorf("%s: %q, %v", name, secrets, err)
		}
		for _, other := range [][]byte{nil, keyOf(0xac)} {
			if secrets, err := p.secretsOf(other); !errors.Is(err, refgrow.ErrSecretKey) {
				t.Errorf("%s: with another key %q, %v", name, secrets, err)
			}
		}
		code, stdout, stderr := p.run("webhook", "rotate", "1", "--secret-key-file", file)
		if code != 0 || !strings.Contains(stderr, "the former one signs alongside it until 2") {
			t.Errorf("%s: %d %q", name, code, stderr)
		}
		now := strings.TrimSpace(stdout)
		if secrets, err := p.secretsOf(keyOf(0xab)); err != nil ||
			len(secrets) != 2 || secrets[0] != now || secrets[1] != own {
			t.Errorf("%s: after the rotation %q, %v", name, secrets, err)
		}
		if p.holds(now) || p.holds(strings.TrimPrefix(now, "whsec_")) {
			t.Errorf("%s: the file has the new secret", name)
		}
	}
	p := setup(t)
	p.must("project", "create", "shop")
	p.run("webhook", "create", "--url", "https://example.com", "--secret", own)
	if !p.holds(own) {
		t.Error("without a key the secret is not in the file: the test looks in the wrong place")
	}
}

func TestWrongSecretKeyFiles(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	p.run("webhook", "create", "--url", "https://example.com")
	digits := hex.EncodeToString(keyOf(0xab))
	for name, content := range map[string]string{
		"empty": "", "newline": "\n", "short": string(keyOf('x')[1:]),
		"long": string(keyOf('x')) + "\n", "half": digits[:62], "more": digits + "00",
		"blank": digits[:63] + " ", "two lines": digits + "\n\n",
		"not hex": digits[:63] + "g", "huge": strings.Repeat(digits+"\n", 10_000),
	} {
		file := p.keyFile("secret.key", []byte(content))
		for _, args := range []string{"webhook create --url https://example.com/new",
			"webhook rotate 1", "serve --addr 127.0.0.1:0"} {
			code, stdout, stderr := p.run(append(strings.Fields(args), "--secret-key-file", file)...)
			want := "refgrow: --secret-key-file: " + file +
				" must hold a key of 32 bytes, or 64 hex digits; \"openssl rand -hex 32\" makes one\n"
			if code != exitFailed || stdout != "" || stderr != want {
				t.Errorf("%s: %s: exit code %d, stdout %q, stderr %q", name, args, code, stdout, stderr)
			}
		}
	}
	for _, file := range []string{"", p.dir, filepath.Join(p.dir, "nothing.key")} {
		code, stdout, stderr := p.run("webhook", "rotate", "1", "--secret-key-file", file)
		if code != exitFailed || stdout != "" || !strings.HasPrefix(stderr, "refgrow: --secret-key-file: ") {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q", file, code, stdout, stderr)
		}
	}
	if got := decode[[]webhookJSON](t, p.must("webhook", "list", "--json")); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

func TestSecretKeyFileOfOthers(t *testing.T) {
	t.Parallel()
	single(t)
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	p := setup(t)
	p.must("project", "create", "shop")
	p.run("webhook", "create", "--url", "https://example.com")
	file := p.keyFile("secret.key", keyOf(1))
	for mode, warned := range map[os.FileMode]bool{0o600: false, 0o400: false, 0o640: true, 0o604: true, 0o444: true} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := p.run("webhook", "rotate", "1", "--secret-key-file", file)
		if code != exitDone || strings.Contains(stderr, "not only its owner can read the secret key file") != warned {
			t.Errorf("%o: exit code %d, stderr %q", mode, code, stderr)
		}
	}
}
