package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/sqlite"
)

// A file that is broken, or somebody else's, is refused by every command with a
// sentence that names it and what is wrong, and neither it nor what lies next to it is
// touched.
func TestBrokenFiles(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	for i := range 5 {
		p.addAffiliate(fmt.Sprintf("jane%d@example.com", i))
	}
	whole, err := os.ReadFile(p.db)
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 100_000)
	source := rand.NewChaCha8([32]byte{7})
	_, _ = source.Read(random) // never fails
	const damaged = "the file is damaged or no database"
	for what, c := range map[string]struct {
		content []byte
		says    string
	}{
		"random bytes":             {random, damaged},
		"one random byte":          {random[:1], damaged},
		"511 random bytes":         {random[:511], damaged},
		"512 random bytes":         {random[:512], damaged},
		"zeros":                    {make([]byte, 10_000), damaged},
		"text":                     {bytes.Repeat([]byte("Dear diary, this is no database.\n"), 400), damaged},
		"a header alone":           {whole[:100], damaged},
		"one page":                 {whole[:2048], damaged},
		"a page and a half":        {whole[:3072], damaged},
		"a quarter":                {whole[:len(whole)/4], damaged},
		"half":                     {whole[:len(whole)/2], damaged},
		"all but the last page":    {whole[:len(whole)-2048], damaged},
		"another beginning":        {append([]byte("SQLite format 4"), whole[15:]...), damaged},
		"random after the header":  {append(bytes.Clone(whole[:100]), random...), damaged},
		"somebody else's database": {foreign(t, "DELETE"), "it is the database of something else"},
		"theirs with a log":        {foreign(t, "WAL"), "it is the database of something else"},
		"a newer schema": {altered(t, whole, "INSERT INTO refgrow_migrations (version, applied_at) VALUES (99, 0)"),
			"use a newer program"},
	} {
		for _, args := range []string{
			"verify", "serve --addr 127.0.0.1:0", "project list",
			"project create other", "key create --project shop", "payout preview", "payout run",
			"backup --to COPY", "webhook list",
		} {
			t.Run(what+": "+args, func(t *testing.T) {
				t.Parallel()
				p := setup(t)
				if err := os.WriteFile(p.db, c.content, 0o600); err != nil {
					t.Fatal(err)
				}
				p.refused(strings.Fields(strings.Replace(args, "COPY", filepath.Join(p.dir, "copy.db"), 1)), c.says)
			})
		}
	}
}

// refused checks that a command fails with a sentence that has one of these parts, and
// leaves everything as it is.
func (p *commandLine) refused(args []string, says ...string) {
	p.t.Helper()
	before := p.files()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, append(args, "--db", p.db), &stdout, &stderr)
	said := stderr.String()
	found := false
	for _, part := range says {
		found = found || part != "" && strings.Contains(said, part)
	}
	if code != exitFailed || stdout.Len() > 0 || !found || !strings.Contains(said, p.db) ||
		strings.Count(said, "\n") != 1 || strings.Contains(said, "panic") {
		p.t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout.String(), said)
	}
	if after := p.files(); after != before {
		p.t.Errorf("the files were\n%s\nand are\n%s", before, after)
	}
}

// files lists all files in the directory, with what is in them.
func (p *commandLine) files() string {
	p.t.Helper()
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		p.t.Fatal(err)
	}
	var b strings.Builder
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(p.dir, entry.Name()))
		if err != nil {
			p.t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %d bytes %x\n", entry.Name(), len(content), sha256.Sum256(content))
	}
	return b.String()
}

// altered is what becomes of a file when statements bypass the engine.
func altered(t *testing.T, content []byte, statements string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "altered.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err = os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// foreign is the database of another app.
func foreign(t *testing.T, journal string) []byte {
	t.Helper()
	return altered(t, nil, "PRAGMA journal_mode = "+journal+
		"; CREATE TABLE orders (id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (7)")
}

// A directory is not a file, and an empty file becomes a database only through a
// command that makes one, and not if the log next to it is all that is left of another.
func TestNoFileAndEmptyFiles(t *testing.T) {
	t.Parallel()
	single(t)
	for _, args := range []string{"verify", "serve --addr 127.0.0.1:0", "project create shop", "key list"} {
		p := setup(t)
		p.db = p.dir
		code, stdout, stderr := p.run(strings.Fields(args)...)
		if code != exitFailed || stdout != "" || !strings.Contains(stderr, "is a directory") ||
			!strings.Contains(stderr, p.dir) {
			t.Errorf("%s on a directory: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}

		p = setup(t)
		empty := func(log string) {
			t.Helper()
			for suffix, content := range map[string]string{"": "", "-wal": log} {
				if err := os.WriteFile(p.db+suffix, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		makes := strings.HasPrefix(args, "project create") || strings.HasPrefix(args, "serve")
		empty("all that is left")
		if makes {
			p.refused(strings.Fields(args), "it is empty, but the log beside it")
		} else {
			p.refused(strings.Fields(args), "it is empty")
		}
		empty("")
		if !makes {
			p.refused(strings.Fields(args), "it is empty")
		}
	}
	p := setup(t)
	if err := os.WriteFile(p.db, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p.must("project", "create", "shop")
}

// A process that ended in the middle has left a log next to the file: that is not
// damage, and nothing in it is lost.
func TestFileWithALog(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	db, err := sqlite.Open(t.Context(), p.db, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p.addAffiliate("jane@example.com") // by another connection: the log stays
	left := setup(t)
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(p.db + suffix)
		if err != nil || len(content) == 0 {
			t.Fatalf("the file%s has %d bytes (%v)", suffix, len(content), err)
		}
		if err := os.WriteFile(left.db+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if text := left.must("verify"); !strings.Contains(text, "affiliates: 1") {
		t.Errorf("%s", text)
	}
}
