package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	base "github.com/refgrow-go/refgrow/internal/sqlite"
)

// resolve returns the absolute form of a path that may name a database.
func resolve(path string) (string, error) {
	switch {
	case path == "":
		return "", errors.New("sqlite: the path of the database is empty")
	case strings.HasPrefix(path, ":memory:"), strings.HasPrefix(path, "file:"):
		return "", fmt.Errorf("sqlite: %q is not the path of a file: an owned database needs one, "+
			"since its connections share it; in a test use a file in t.TempDir()", path)
	case strings.ContainsRune(path, 0):
		return "", fmt.Errorf("sqlite: the path %q contains a zero byte", path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	return abs, nil
}

// prepare makes sure that path is a database with a write-ahead log. It creates a
// missing one, readable by its owner alone, and changes nothing in a file that is not a
// database.
func prepare(ctx context.Context, path string, o Options) (file, error) {
	f, err := find(path)
	if err != nil {
		return file{}, err
	}
	until := time.Now().Add(o.LockWait)
	if f.log > 0 {
		if err := f.look(ctx, until); err != nil {
			return file{}, err
		}
	}
	pool, err := f.connect(1, []string{busyTimeout()})
	if err != nil {
		return file{}, err
	}
	err = retry(ctx, until, func() error { return setUp(ctx, pool, o) })
	return f, errors.Join(err, pool.Close())
}

// look reads the schema of a file with a log, over a connection that cannot write. The
// last connection to be closed copies the log into the file and removes it, even if the
// file is damaged, unless that connection cannot write.
func (f file) look(ctx context.Context, until time.Time) error {
	pool, err := f.connect(1, []string{busyTimeout()}, "mode", "ro")
	if err != nil {
		return err
	}
	err = retry(ctx, until, func() error {
		return pool.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(new(int64))
	})
	return errors.Join(err, pool.Close())
}

// file is the file that was opened, whatever its name means later.
type file struct {
	path string
	info os.FileInfo
	log  int64 // how long its log was before, in bytes
}

// size is how long the file is, 0 if it is not there.
func (f file) size() int64 { return lengthOf(f.path) }

// logSize is how long the write-ahead log is, 0 if there is none.
func (f file) logSize() int64 { return lengthOf(f.path + "-wal") }

func lengthOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// smallest is the size of the smallest database, a page of the smallest size.
const smallest = 512

// find returns the file at path and creates it if there is none.
//
// It never opens one that exists, not even to read it: on POSIX systems, closing
// any descriptor of a file drops all locks that the process has on it, those of
// an open database too, and then another process may delete its log.
func find(path string) (file, error) {
	// Its log and shared memory get the mode of the file from SQLite.
	created, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		info, err := created.Stat()
		return file{path: path, info: info}, errors.Join(err, created.Close(), base.SyncDir(filepath.Dir(path)))
	}
	if !errors.Is(err, fs.ErrExist) {
		return file{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return file{}, err
	}
	if !info.Mode().IsRegular() {
		return file{}, fmt.Errorf("%s is a directory or something else that is not a file", path)
	}
	if n := info.Size(); n > 0 && n < smallest {
		// SQLite judges the rest, but would take a single byte for an empty file.
		return file{}, fmt.Errorf("%w: it does not begin like a SQLite database, which has at least %d bytes",
			backend.ErrDamaged, smallest)
	}
	f := file{path: path, info: info}
	if log, err := os.Stat(path + "-wal"); err == nil {
		f.log = log.Size()
	}
	if info.Size() == 0 && f.log > 0 && empty(path) {
		// SQLite would take the file for a new one and remove what is left of the old.
		return file{}, fmt.Errorf("%w: it is empty, but the log beside it, %s-wal, is not", backend.ErrDamaged, path)
	}
	return f, nil
}

// empty reports whether a file is empty. One that another process is creating has its
// first page before it has a log.
func empty(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() == 0
}

// still returns an error unless the path names the same file as at the beginning.
func (f file) still() error {
	now, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("sqlite: %s was removed or renamed while it is open: %w", f.path, err)
	case err != nil:
		return fmt.Errorf("sqlite: %w", err)
	case !os.SameFile(f.info, now):
		return fmt.Errorf("sqlite: another file has taken the place of %s while it is open: close and open it again", f.path)
	}
	return nil
}

var errNotOurs = fmt.Errorf("%w: it is the database of something else, since it has tables, but none of refgrow's",
	backend.ErrSchema)

// setUp reads the schema, which finds a file that is cut off, and then chooses the
// journal. The mode is kept in the file, and so is the page size, which must be set
// first.
func setUp(ctx context.Context, pool *sql.DB, o Options) error {
	var tables, pages int64
	if err := pool.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if o.Dedicated && tables > 0 {
		if ours, err := base.HasSchema(ctx, pool); err != nil || !ours {
			return errors.Join(err, errNotOurs)
		}
	}
	var mode string
	if err := pool.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode == "wal" {
		return writable(ctx, pool)
	}
	if err := pool.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
		return err
	}
	if pages == 0 {
		if _, err := pool.ExecContext(ctx, "PRAGMA page_size = "+strconv.Itoa(o.PageSize)); err != nil {
			return err
		}
	}
	if err := pool.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system does not allow a write-ahead log: journal mode is %s", mode)
	}
	return nil
}

// codeReadOnly is the primary result code of a write that the file does not allow.
const codeReadOnly = 8

// writable refuses a file that can only be read, which SQLite opens nevertheless and
// where even BEGIN IMMEDIATE succeeds. It ignores a lock that somebody holds.
func writable(ctx context.Context, pool *sql.DB) error {
	_, err := pool.ExecContext(ctx, "BEGIN IMMEDIATE; CREATE TABLE refgrow_is_writable (answer); ROLLBACK")
	if code, ok := base.Code(err); ok && code&0xff == codeReadOnly {
		return fmt.Errorf("the file can only be read: %w: %w", fs.ErrPermission, err)
	}
	if base.IsBusy(err) {
		return nil
	}
	return err
}

// retry repeats work while the file is locked.
func retry(ctx context.Context, until time.Time, work func() error) error {
	wait, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	err := base.Retry(wait, work)
	if base.IsBusy(err) && ctx.Err() != nil {
		return backend.GaveUp(ctx)
	}
	return err
}
