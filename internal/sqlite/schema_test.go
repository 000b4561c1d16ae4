package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/refgrow-go/refgrow/internal/backend"
)

// steps has a trigger, which contains semicolons, and statements after it.
func steps() []string {
	return []string{
		`CREATE TABLE first (id INTEGER PRIMARY KEY) STRICT; -- ends; here
		CREATE TABLE log (id INTEGER);
		CREATE TRIGGER t AFTER INSERT ON first BEGIN
			INSERT INTO log VALUES (new.id);
			INSERT INTO log VALUES (-new.id);
		END;
		INSERT INTO first VALUES (7)`,
		`CREATE TABLE second (id INTEGER PRIMARY KEY) STRICT; INSERT INTO second VALUES (1);`,
		`INSERT INTO second VALUES (2)`,
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "host.db")
	pool := openFile(t, path, "busy_timeout(0)", "journal_mode(WAL)")
	exec(t, pool, "PRAGMA user_version = 42")
	b := New(pool)
	ctx := context.Background()
	all := backend.Migration{Steps: steps(), Now: 99}
	check := backend.Migration{Steps: steps(), CheckOnly: true}
	if err := b.Migrate(ctx, check); !errors.Is(err, backend.ErrSchema) {
		t.Error(err)
	}
	some := backend.Migration{Steps: steps()[:1], Now: 98}
	for _, m := range []backend.Migration{some, some, all, all, check} {
		if err := b.Migrate(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	var got string
	err := pool.QueryRow(`SELECT (SELECT group_concat(id) FROM log) || ' ' || (SELECT sum(id) FROM second) || ' ' ||
		(SELECT group_concat(version || ':' || applied_at) FROM refgrow_migrations) || ' ' ||
		(SELECT user_version FROM pragma_user_version)`).Scan(&got)
	if err != nil || got != "7,-7 3 1:98,2:99,3:99 42" {
		t.Error(got, err)
	}

	exec(t, pool, "INSERT INTO refgrow_migrations VALUES (4, 100)")
	exec(t, pool, "PRAGMA wal_checkpoint(TRUNCATE)")
	before, _ := os.ReadFile(path)
	for _, m := range []backend.Migration{all, check} {
		err := b.Migrate(ctx, m)
		if !errors.Is(err, backend.ErrSchema) || !strings.Contains(fmt.Sprint(err), "4") ||
			!strings.Contains(fmt.Sprint(err), "3") {
			t.Error(err)
		}
	}
	exec(t, pool, "PRAGMA wal_checkpoint(TRUNCATE)")
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the file has changed")
	}
}

func TestMigrateFailing(t *testing.T) {
	t.Parallel()
	_, pool := setup(t)
	b := New(pool)
	ctx := context.Background()
	bad := backend.Migration{Steps: []string{steps()[0], "CREATE TABLE half (a); INSERT INTO nowhere VALUES (1)"}}
	if err := b.Migrate(ctx, bad); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Error(err)
	}
	if err := b.Migrate(ctx, backend.Migration{Steps: steps()}); err != nil {
		t.Error(err)
	}
	var half int
	if err := pool.QueryRow("SELECT count(*) FROM sqlite_schema WHERE name = 'half'").Scan(&half); err != nil ||
		half != 0 {
		t.Error("half a step remains", err)
	}
}

// Several processes start at the same time.
func TestMigrateRace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "host.db")
	exec(t, openFile(t, path, "journal_mode(WAL)"), "CREATE TABLE host (a)")
	var wg sync.WaitGroup
	for range 4 {
		pool := openFile(t, path, "busy_timeout(0)", "synchronous(OFF)")
		wg.Go(func() {
			if err := New(pool).Migrate(context.Background(), backend.Migration{Steps: steps()}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestNewEnough(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"3.37.0": true, "3.53.1": true, "4.0": true, "3.100.2": true,
		"3.36.0": false, "3.9.2": false, "2.99.1": false, "": false, "x.y": false,
	} {
		if got := newEnough(version); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	ctx := context.Background()
	exec(t, pool, "INSERT INTO thing VALUES ('a', 1)")
	dir := t.TempDir()
	copied := filepath.Join(dir, "it's a copy?%20#.db")
	if err := b.Backup(ctx, copied); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(copied)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	plain := filepath.Join(dir, "plain")
	if err := os.Rename(copied, plain); err != nil {
		t.Fatal(err)
	}
	if got := names(t, openFile(t, plain)); got != "a" {
		t.Error(got)
	}
	if err := b.Backup(ctx, plain); !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
	if err := b.Backup(ctx, filepath.Join(dir, "none", "copy")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	failed := filepath.Join(dir, "failed")
	if err := Backup(ended, pool, failed); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := os.Stat(failed); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a failed backup remains: %v", err)
	}
}

// A step that records its own version may be applied by any tool; applied here, the
// engine's clock says when.
func TestMigrateByAnotherTool(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const note = "INSERT INTO refgrow_migrations (version, applied_at) VALUES (%d, 1) ON CONFLICT (version) DO NOTHING"
	numbered := []string{
		versionTable + "; CREATE TABLE first (a);" + fmt.Sprintf(note, 1), "CREATE TABLE second (a);" + fmt.Sprintf(note, 2),
	}
	pool := openFile(t, filepath.Join(t.TempDir(), "host.db"))
	exec(t, pool, numbered[0])
	b := New(pool)
	if err := b.Migrate(ctx, backend.Migration{Steps: numbered[:1], CheckOnly: true}); err != nil {
		t.Error(err)
	}
	if err := b.Migrate(ctx, backend.Migration{Steps: numbered, CheckOnly: true}); !errors.Is(err, backend.ErrSchema) {
		t.Error(err)
	}
	if err := b.Migrate(ctx, backend.Migration{Steps: numbered, Now: 99}); err != nil {
		t.Error(err)
	}
	var got string
	err := pool.QueryRow("SELECT group_concat(version || ':' || applied_at) FROM refgrow_migrations").Scan(&got)
	if err != nil || got != "1:1,2:99" {
		t.Error(got, err)
	}
}
