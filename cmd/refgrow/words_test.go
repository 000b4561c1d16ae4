package main

import (
	"database/sql"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// What is wrong is told in one sentence, with what to do.
func TestWordsForFiles(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.said("", "project", "create", "shop", "--json")
	copied := p.db + ".copy"
	if code, _, stderr := p.run("backup", "--to", copied); code != exitDone {
		t.Fatal(stderr)
	}
	// A sound backup is put in place of a file whose log is still there.
	s := p.serve()
	s.do("POST", "/api/v1/affiliates", `{"email": "jane@example.com"}`)
	log, err := os.ReadFile(p.db + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	s.end()
	backup, err := os.ReadFile(copied)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{p.db: append(backup[:100:100], make([]byte, len(backup)-100)...),
		p.db + "-wal": log} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, stderr := p.run("project", "list"); code != exitFailed ||
		!strings.Contains(stderr, "-wal: if the file was restored from a backup, "+
			"the log is that of another file, and must be removed") {
		t.Errorf("%d %s", code, stderr)
	}
	if err := os.Remove(p.db + "-wal"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.db, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	newer, err := sql.Open("sqlite", p.db)
	if err != nil {
		t.Fatal(err)
	}
	defer newer.Close()
	if _, err := newer.ExecContext(t.Context(),
		"INSERT INTO refgrow_migrations (version, applied_at) VALUES (99, 0)"); err != nil {
		t.Fatal(err)
	}
	_, _, stderr := p.run("project", "list")
	before, after, _ := strings.Cut(stderr, "knows ")
	if before != "refgrow: "+p.db+": a newer version of refgrow has made the database "+
		"(version 99 of the schema; this one " ||
		!strings.HasSuffix(after, "): use a newer program\n") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("%q", stderr)
	}
}

// Whoever listens to more than this machine, or lets others read the database, is told.
func TestWarnings(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	for address, told := range map[string]bool{"0.0.0.0": true, "::": true, "192.0.2.1": true, "127.0.0.1": false,
		"::1": false} {
		log := new(journal)
		c := &call{log: slog.New(slog.NewTextHandler(log, nil)), db: p.db}
		c.warnOfOthers(&net.TCPAddr{IP: net.ParseIP(address)})
		if strings.Contains(log.String(), "put a proxy that speaks TLS in front of it") != told {
			t.Errorf("of %s: %s", address, log)
		}
	}
	s := p.serve()
	s.end()
	if strings.Contains(s.log.String(), "chmod") {
		t.Errorf("%s", s.log)
	}
	if runtime.GOOS == "windows" {
		return
	}
	if err := os.Chmod(p.db, 0o644); err != nil {
		t.Fatal(err)
	}
	s = p.serve()
	s.log.wait(t, "not only its owner can read the database; chmod 600 changes that")
	s.end()
	if strings.Contains(s.log.String(), "TLS") {
		t.Errorf("%s", s.log)
	}
}

// Whoever restores a backup beside the log of the former file is told what that does,
// and whoever rotates an encrypted secret without its key what is missing.
func TestWordsForWhatIsMissing(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	key := p.keyFile("secret.key", []byte(strings.Repeat("5a", secretKeyBytes)))
	p.said("webhook 1 gets all referral events of shop at https://example.com/hooks\n",
		"webhook", "create", "--url", "https://example.com/hooks", "--secret-key-file", key)
	code, _, stderr := p.run("webhook", "rotate", "1")
	if code != exitFailed ||
		stderr != "refgrow: the secret of webhook 1 is encrypted: give its --secret-key-file, "+
			"or a new one if that is lost\n" {
		t.Errorf("%d %q", code, stderr)
	}
	p.said("webhook 1 has a new secret; no former one signs any more\n",
		"webhook", "rotate", "1", "--overlap-hours", "0", "--secret-key-file", key)

	backup := filepath.Join(p.dir, "backup.db")
	p.must("backup", "--to", backup)
	p.db = backup
	db, err := sql.Open("sqlite", backup)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var page, size int
	if err := db.QueryRowContext(t.Context(), "SELECT rootpage, page_size FROM sqlite_schema, pragma_page_size "+
		"WHERE name = 'refgrow_stamp_resets_of_project'").Scan(&page, &size); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	clear(content[(page-1)*size : page*size])
	if err := os.WriteFile(backup, content, 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr = p.run("verify")
	if code != exitFailed || !strings.Contains(stderr, "remove "+backup+"-wal and "+backup+"-shm, and restore it again") {
		t.Errorf("%d %q", code, stderr)
	}
}
