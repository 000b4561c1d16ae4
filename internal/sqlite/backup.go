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

// Backup writes a copy of the database that on belongs to into a new file, which only
// its owner can read. The copy is one consistent state, taken without stopping writers,
// and it is on the disk when Backup returns. on must not be in a transaction. An
// existing file is refused; a failure leaves none behind. The keys under which addresses
// of visitors are hashed are not in it: with a copy of each day's key, the addresses
// could be found for as long as the copies are kept.
func Backup(ctx context.Context, on db.DBTX, path string) (err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return err
	}
	// The file is created first, because SQLite would create it readable by everybody
	// whom the umask allows. It accepts an empty one.
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s already exists: choose a new name: %w", path, err)
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
	err = forgetAddressKeys(ctx, on, path)
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		// Not every driver says that a statement was interrupted: the copy may lack anything.
		err = errors.Join(ended, err)
	}
	if err != nil {
		return Classify(fmt.Errorf("removing the keys of addresses from %s: %w", path, err))
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := SyncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// forgetAddressKeys overwrites and deletes the keys in a copy. A copy that is not finished
// is deleted, so that it needs no journal, in which they would be kept.
func forgetAddressKeys(ctx context.Context, on db.DBTX, path string) (err error) {
	if _, err := on.ExecContext(ctx, "ATTACH DATABASE ?1 AS refgrow_copy", path); err != nil {
		return err
	}
	defer func() {
		_, detached := on.ExecContext(context.WithoutCancel(ctx), "DETACH DATABASE refgrow_copy")
		err = errors.Join(err, detached)
	}()
	var keys int
	if err := on.QueryRowContext(ctx,
		"SELECT COUNT(*) FROM refgrow_copy.sqlite_schema WHERE name = 'refgrow_address_keys'").
		Scan(&keys); err != nil || keys == 0 {
		return err
	}
	for _, statement := range []string{
		"PRAGMA refgrow_copy.journal_mode = OFF",
		"PRAGMA refgrow_copy.secure_delete = ON",
		"UPDATE refgrow_copy.refgrow_address_keys SET key = zeroblob(length(key))",
		"DELETE FROM refgrow_copy.refgrow_address_keys",
	} {
		if _, err := on.ExecContext(ctx, statement); err != nil {
			return err
		}
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
