package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
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
		return "", fmt.Errorf("sqlite: %q is no path of a file: an owned database needs one, since its connections share it; "+
			"in a test take a file in t.TempDir()", path)
	case strings.ContainsRune(path, 0):
		return "", fmt.Errorf("sqlite: the path %q holds a zero byte", path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("sqlite: %w", err)
	}
	return abs, nil
}

// prepare makes sure that path is a database with a write-ahead log. It creates a
// missing one, readable for its owner alone, and changes nothing in a file that
// is no database.
func prepare(ctx context.Context, path string, o Options) error {
	if err := inspect(path); err != nil {
		return err
	}
	pool, err := connect(path, 1, []string{"busy_timeout(" + strconv.Itoa(busyTimeout) + ")"})
	if err != nil {
		return err
	}
	until := time.Now().Add(o.LockWait)
	err = retry(ctx, until, func() error { return setUp(ctx, pool, o) })
	return errors.Join(err, pool.Close())
}

// inspect creates the file, or looks at it before SQLite does.
func inspect(path string) error {
	// Its log and shared memory get the mode of the file from SQLite.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return errors.Join(file.Close(), base.SyncDir(filepath.Dir(path)))
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is a directory or another thing that is no file", path)
	}
	file, err = os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	const magic = "SQLite format 3\x00"
	head := make([]byte, len(magic))
	n, err := io.ReadFull(file, head)
	err = errors.Join(ignoreShort(err), file.Close())
	if err == nil && n > 0 && string(head) != magic {
		err = fmt.Errorf("%w: it does not begin like a SQLite database", backend.ErrDamaged)
	}
	return err
}

// setUp reads the schema, which finds a file that is cut off, and then chooses
// the journal. The mode stays with the file, and so does the page size, which
// must come first.
func setUp(ctx context.Context, pool *sql.DB, o Options) error {
	var tables, pages int64
	if err := pool.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	var mode string
	if err := pool.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return err
	}
	if mode == "wal" {
		return nil
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

// retry repeats work while the file is locked.
func retry(ctx context.Context, until time.Time, work func() error) error {
	for attempt := 0; ; attempt++ {
		err := work()
		if !base.IsBusy(err) || time.Now().After(until) {
			return err
		}
		timer := time.NewTimer(base.Pause(attempt))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return base.GaveUp(ctx)
		}
	}
}

func ignoreShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
