package sqlite

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

func TestOpenNew(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	if err := d.atomic(d.inserting("a")); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(d.Path() + suffix)
		if err != nil {
			t.Error(err)
		} else if info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
			t.Errorf("%s has mode %v", suffix, info.Mode())
		}
	}
	for pragma, want := range map[string]string{
		"page_size": "2048", "journal_mode": "wal", "synchronous": "2", "foreign_keys": "1",
		"wal_autocheckpoint": "4000", "cache_size": "-8192", "temp_store": "2", "busy_timeout": "0",
	} {
		var got string
		if err := d.Tx(context.Background(), func(tx *sql.Tx) error {
			return tx.QueryRow("PRAGMA " + pragma).Scan(&got)
		}); err != nil || got != want {
			t.Errorf("%s is %s: %v", pragma, got, err)
		}
	}
	if _, err := d.readers.ExecContext(context.Background(), "DELETE FROM thing"); err == nil {
		t.Error("a reader can write")
	}
}

// Every path means the file of that name, whatever it contains.
func TestPaths(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"plain.db", "with space.db", "what?.db", "a#b.db", "100%.db", "%41.db", "?mode=ro", "quote's \"x\".db",
		"semi;colon&amp=1.db", "ünïcode.db", "new\nline.db", "a:b.db", "+plus.db", "~tilde", `back\slash.db`,
		"file:inside", ":memory:x/../y",
	} {
		if runtime.GOOS == "windows" && strings.ContainsAny(name, "?\"\n:") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "dir ?#%")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, name)
			d, err := Open(context.Background(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Backend().Migrate(context.Background(), backend.Migration{
				Steps: []string{"CREATE TABLE a (b)"},
			}); err != nil {
				t.Error(err)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			files, _ := os.ReadDir(dir)
			info, err := os.Stat(path)
			if err != nil || info.Size() == 0 || len(files) != 1 {
				t.Errorf("%v, %v", err, files)
			}
		})
	}
}

func TestDataSource(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path    string
		windows bool
		want    string
	}{
		{"/a b/c?d#e%f.db", false, "file:///a%20b/c%3Fd%23e%25f.db?"},
		{`C:\Users\A B\x.db`, true, "file:///C:/Users/A%20B/x.db?"},
		{`\\server\share\x.db`, true, "file:////server/share/x.db?"},
	} {
		if got := dataSource(c.path, c.windows, nil, nil); got != c.want {
			t.Errorf("%s: %s", c.path, got)
		}
	}
}

// A file that is not a database is refused with a reason, and not touched.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	dir := t.TempDir()
	good := filepath.Join(dir, "good.db")
	d, err := Open(ctx, good, Options{PageSize: 1024})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Backend().Migrate(ctx, backend.Migration{Steps: []string{
		"CREATE TABLE a (b); INSERT INTO a VALUES (zeroblob(100000))"}}); err != nil {
		t.Fatal(err)
	}
	d.Close()
	whole, _ := os.ReadFile(good)
	random := make([]byte, 10_000)
	rand.Read(random)
	garbled := bytes.Clone(whole)
	rand.Read(garbled[100:1024])
	for what, content := range map[string][]byte{
		"random bytes": random, "text": []byte("hello"), "one byte": {0}, "zeros": make([]byte, 4096),
		"511 bytes": random[:511], "512 bytes": random[:512], "long text": bytes.Repeat([]byte("hello\n"), 100),
		"cut off": whole[:5000], "cut in the header": whole[:50], "garbled schema": garbled,
	} {
		path := filepath.Join(dir, what)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		d, err := Open(ctx, path, Options{})
		if !errors.Is(err, backend.ErrDamaged) || !strings.Contains(fmt.Sprint(err), path) {
			t.Errorf("%s: %v", what, err)
		}
		if err == nil {
			d.Close()
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(after, content) {
			t.Errorf("%s: the file has changed", what)
		}
	}
	for path, want := range map[string]string{
		"": "empty", ":memory:": "TempDir", "file::memory:?cache=shared": "TempDir", "a\x00b": "zero", dir: "directory",
		filepath.Join(dir, "none", "x.db"): "no such",
	} {
		if d, err := Open(ctx, path, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", path, err)
			if d != nil {
				d.Close()
			}
		}
	}
	if os.Getuid() > 0 {
		if err := os.Chmod(good, 0o400); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(ctx, good, Options{}); !errors.Is(err, os.ErrPermission) {
			t.Error(err)
		}
	}
}

// A database with another journal becomes one with a log.
func TestOpenExisting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "old.db")
	old, err := find(path)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := old.connect(1, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec("CREATE TABLE a (b)"); err != nil {
		t.Fatal(err)
	}
	pool.Close()
	d, err := Open(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if mode, size := query[string](t, d, "PRAGMA journal_mode"),
		query[int](t, d, "PRAGMA page_size"); mode != "wal" || size != 4096 {
		t.Error(mode, size)
	}
}

// Several processes start at the same time on a file that does not exist yet.
func TestOpenRace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "own.db")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			d, err := Open(context.Background(), path, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			if err := d.Backend().Migrate(context.Background(), backend.Migration{
				Steps: []string{"CREATE TABLE a (b)", "INSERT INTO a VALUES (1)"},
			}); err != nil {
				t.Error(err)
			}
			if n := query[int](t, d, "SELECT count(*) FROM a"); n != 1 {
				t.Error(n)
			}
		})
	}
	wg.Wait()
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for field, o := range map[string]Options{
		"Durability": {Durability: "OFF"}, "Readers": {Readers: -1}, "CacheKiB": {CacheKiB: 1},
		"CheckpointPages": {CheckpointPages: 1}, "PageSize": {PageSize: 3000}, "LockWait": {LockWait: -1},
	} {
		if _, err := Open(context.Background(), "x", o); err == nil || !strings.Contains(err.Error(), "Options."+field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// A copy taken while others write is one consistent state.
func TestBackupUnderWriters(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{Durability: Normal})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := d.atomic(d.inserting(fmt.Sprint(g, "-", i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	eventually(t, "some are committed", func() bool { return d.Backend().Stats().Operations > 100 })
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := d.Backend().Backup(context.Background(), path); err != nil {
		t.Error(err)
	}
	close(stop)
	wg.Wait()
	copied, err := Open(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if n := query[int](t, copied, "SELECT count(*) FROM thing"); n < 100 || n != entries(t, copied) {
		t.Errorf("%d things, %d counted", n, entries(t, copied))
	}
	if answer := query[string](t, copied, "PRAGMA integrity_check"); answer != "ok" {
		t.Error(answer)
	}
}

// A snapshot holds the only reader and needs no other.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{Readers: 1})
	count := func(q db.Querier) (n int) {
		if err := on(q).QueryRowContext(context.Background(), "SELECT count(*) FROM thing").Scan(&n); err != nil {
			t.Error(err)
		}
		return n
	}
	for range 2 {
		err := d.Backend().Snapshot(context.Background(), func(ctx context.Context, q db.Querier) error {
			before := count(q)
			if err := d.atomic(d.inserting(fmt.Sprint(before))); err != nil {
				t.Error(err)
			}
			if after := count(q); after != before {
				t.Errorf("%d became %d", before, after)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if n := count(d.Backend().Reader()); n != 2 {
		t.Error(n)
	}
	if d.readers.each[backend.Lists].known("SELECT count(*) FROM thing") == nil {
		t.Error("it is not prepared")
	}
}
