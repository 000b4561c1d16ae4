package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/refgrow-go/refgrow/internal/db"
)

// Backup writes a copy of the database that on belongs to into a new file, which
// only its owner can read. The copy is one consistent state, taken without
// stopping writers, and on the disk when Backup returns. on must be in no
// transaction. An existing file is refused; after a failure there is none.
func Backup(ctx context.Context, on db.DBTX, path string) (err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return err
	}
	// The file is created first, because SQLite would create it readable for
	// everybody that the umask allows. It takes an empty one.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already: choose a new name: %w", path, err)
	}
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if err != nil {
			err = errors.Join(err, remove(path), remove(path+"-journal"))
		}
	}()
	if _, err := on.ExecContext(ctx, "VACUUM INTO ?1", path); err != nil {
		return Classify(fmt.Errorf("writing %s: %w", path, err))
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// SyncDir makes a new name in dir durable. Windows has no such call.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
