package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/internal/backend"
)

// A file that was removed or replaced while it was open is not mistaken for the one
// that was opened: no backup of an empty database, no new file.
func TestFileReplaced(t *testing.T) {
	t.Parallel()
	for what, c := range map[string]struct {
		replace func(path string) error
		want    string
	}{
		"removed": {func(path string) error {
			return errors.Join(os.Remove(path), os.Remove(path+"-wal"), os.Remove(path+"-shm"))
		}, "removed"},
		"renamed": {func(path string) error { return os.Rename(path, path+".old") }, "renamed"},
		"replaced": {func(path string) error {
			return errors.Join(os.WriteFile(path+".new", nil, 0o600), os.Rename(path+".new", path))
		}, "another file"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			d := setup(t, Options{Readers: 2})
			if err := d.atomic(d.inserting("a")); err != nil {
				t.Fatal(err)
			}
			if err := c.replace(d.Path()); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadDir(filepath.Dir(d.Path()))
			ctx := context.Background()
			copied := filepath.Join(t.TempDir(), "copy.db")
			err := d.Backend().Backup(ctx, copied)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), d.Path()) {
				t.Errorf("backup: %v", err)
			}
			if _, err := os.Stat(copied); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a failed backup remains: %v", err)
			}
			first, err := d.readers.each[backend.Lists].pool.Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer first.Close()
			// This one would be new.
			if second, err := d.readers.each[backend.Lists].pool.Conn(ctx); err == nil || !strings.Contains(err.Error(),
				c.want) {
				t.Errorf("another connection: %v", err)
				if err == nil {
					second.Close()
				}
			}
			d.writer.session.discard()
			if err := d.atomic(d.inserting("b")); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("another writer: %v", err)
			}
			after, _ := os.ReadDir(filepath.Dir(d.Path()))
			if len(after) != len(before) {
				t.Errorf("there are %v, where %v was", after, before)
			}
		})
	}
}

// A file that can only be read is refused when it is opened, not at the first
// write; one that is locked is not such a file.
func TestWritable(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d := setup(t, Options{})
	for _, mode := range []string{"ro", "rw"} {
		want := map[string]error{"ro": os.ErrPermission}[mode]
		for _, isLocked := range []bool{true, false} {
			pool, err := d.file.connect(1, []string{busyTimeout()}, "mode", mode)
			if err != nil {
				t.Fatal(err)
			}
			unlock := func() {}
			if isLocked {
				unlock = locked(t, d)
			}
			if err := setUp(ctx, pool, Options{}); !errors.Is(err, want) {
				t.Errorf("%s, locked %v: %v", mode, isLocked, err)
			}
			unlock()
			pool.Close()
		}
	}
}

// The transaction of another file, or one that has ended, would receive what is meant
// for this one.
func TestBindOtherTx(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	d, other := setup(t, Options{}), setup(t, Options{})
	var ended *sql.Tx
	if err := d.Tx(ctx, func(tx *sql.Tx) error { ended = tx; return nil }); err != nil {
		t.Fatal(err)
	}
	err := other.Tx(ctx, func(tx *sql.Tx) error {
		for what, tx := range map[string]*sql.Tx{"another file's": tx, "an ended one": ended, "none": nil} {
			b := d.Backend().Bind(tx)
			if err := b.Atomic(ctx, boundInsert("x")); !errors.Is(err, errOtherTx) {
				t.Errorf("%s: %v", what, err)
			}
			if err := on(b.Reader()).QueryRowContext(ctx, "SELECT 1").Scan(new(int)); !errors.Is(err, errOtherTx) {
				t.Errorf("reading in %s: %v", what, err)
			}
		}
		return other.Backend().Bind(tx).Atomic(ctx, boundInsert("a"))
	})
	if err != nil || names(t, other) != "a" || names(t, d) != "" {
		t.Error(err, names(t, other), names(t, d))
	}
}

// A handle that was kept reads nothing either: by then another operation, which
// may be undone, has the connection.
func TestKeptHandleReadsNothing(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	ctx := context.Background()
	var kept backend.Backend
	if err := d.atomic(backend.Work{Foreign: true, Run: func(_ context.Context, tx *backend.Tx) error {
		kept = tx.Nested
		return on(kept.Reader()).QueryRowContext(ctx, "SELECT 1").Scan(new(int))
	}}); err != nil {
		t.Fatal(err)
	}
	if err := d.atomic(backend.Work{Foreign: true, Run: func(context.Context, *backend.Tx) error {
		if err := on(kept.Reader()).QueryRowContext(ctx, "SELECT 1").Scan(new(int)); err == nil {
			t.Error("it reads")
		}
		return nil
	}}); err != nil {
		t.Error(err)
	}
}
