package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/internal/backend"
)

// crashed is a database as a process that dies midway leaves it: with a log that is not
// in the file yet.
func crashed(t *testing.T) (parts map[string][]byte) {
	t.Helper()
	d := setup(t, Options{})
	for i := range 40 { // a schema of several pages
		if err := d.Tx(context.Background(), func(tx *sql.Tx) error {
			_, err := tx.Exec(fmt.Sprintf("CREATE TABLE other_%d (%s INTEGER)", i, strings.Repeat("x", 200)))
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 40 {
		if err := d.atomic(d.inserting(fmt.Sprintf("thing %d %s", i, strings.Repeat("x", 500)))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.writer.session.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint"); err != nil {
		t.Fatal(err)
	}
	if err := d.atomic(d.inserting("last")); err != nil {
		t.Fatal(err)
	}
	parts = make(map[string][]byte)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		var err error
		if parts[suffix], err = os.ReadFile(d.Path() + suffix); err != nil {
			t.Fatal(err)
		}
	}
	return parts
}

// A file that is refused keeps its log, which has the last commits and may be all that
// is left of them: closing the file would otherwise copy the log into it and remove the
// log.
func TestRefusedFileKeepsItsLog(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	healthy := crashed(t)
	whole := healthy[""]
	for what, content := range map[string][]byte{
		"half": whole[:len(whole)/2], "half a page": whole[:1024], "a page and a half": whole[:3072], "nothing": {},
		"another beginning": append([]byte("SQLite format 4"), whole[15:]...), "zeros": make([]byte, len(whole)),
		"text":             bytes.Repeat([]byte("hello\n"), 1000),
		"a damaged schema": append(bytes.Repeat([]byte{0xff}, 2048), whole[2048:]...),
		"one byte":         whole[:1],
	} {
		for _, beside := range [][]string{{"-wal"}, {"-wal", "-shm"}} {
			t.Run(fmt.Sprint(what, beside), func(t *testing.T) {
				t.Parallel()
				path := filepath.Join(t.TempDir(), "own.db")
				parts := map[string][]byte{"": content}
				for _, suffix := range beside {
					parts[suffix] = healthy[suffix]
				}
				for suffix, part := range parts {
					if err := os.WriteFile(path+suffix, part, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				d, err := Open(ctx, path, Options{})
				if err == nil && strings.HasPrefix(what, "half") { // the log has enough of what is missing to begin with
					defer d.Close()
					if problems, err := d.Backend().Integrity(ctx, backend.Schema{}); len(problems) == 0 || err != nil {
						t.Errorf("nothing is found wrong in it: %v", err)
					}
					return
				}
				if !errors.Is(err, backend.ErrDamaged) || !strings.Contains(fmt.Sprint(err), path) {
					t.Errorf("opening returns %v", err)
				}
				if err == nil {
					d.Close()
				}
				delete(parts, "-shm") // is rebuilt from the log
				for suffix, part := range parts {
					if now, err := os.ReadFile(path + suffix); err != nil || !bytes.Equal(now, part) {
						t.Errorf("the file%s has changed: it has %d bytes, and had %d (%v)", suffix, len(now), len(part), err)
					}
				}
			})
		}
	}
	// A healthy one is opened, and contains what is in its log.
	path := filepath.Join(t.TempDir(), "own.db")
	for suffix, part := range healthy {
		if err := os.WriteFile(path+suffix, part, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Open(ctx, path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if n := query[int](t, d, "SELECT count(*) FROM thing WHERE name = 'last'"); n != 1 {
		t.Error("the last commit is missing")
	}
}

// The database of something else is left as it is if only our own is wanted.
func TestDedicated(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, mode := range []string{"DELETE", "WAL"} {
		path := filepath.Join(t.TempDir(), "theirs.db")
		f, err := find(path)
		if err != nil {
			t.Fatal(err)
		}
		pool, err := f.connect(1, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pool.Exec("PRAGMA journal_mode = " + mode +
			"; CREATE TABLE orders (id INTEGER); INSERT INTO orders VALUES (7)"); err != nil {
			t.Fatal(err)
		}
		pool.Close()
		before, _ := os.ReadFile(path)
		_, err = Open(ctx, path, Options{Dedicated: true})
		if !errors.Is(err, backend.ErrSchema) || !strings.Contains(fmt.Sprint(err), path) {
			t.Errorf("%s: %v", mode, err)
		}
		files, _ := os.ReadDir(filepath.Dir(path))
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) || len(files) != 1 {
			t.Errorf("%s: the file has changed, or there are more: %v", mode, files)
		}

		d, err := Open(ctx, path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Backend().Migrate(ctx, backend.Migration{Steps: []string{"CREATE TABLE a (b)"}}); err != nil {
			t.Fatal(err)
		}
		d.Close()
		d, err = Open(ctx, path, Options{Dedicated: true}) // it is ours, too
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
	d, err := Open(ctx, filepath.Join(t.TempDir(), "new.db"), Options{Dedicated: true})
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}
