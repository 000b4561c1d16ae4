package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// The oldest SQLite that knows STRICT tables.
const oldestMajor, oldestMinor = 3, 37

// The version is kept in a table of our own: the file's user_version belongs to the
// host.
const (
	versionTable = `CREATE TABLE IF NOT EXISTS refgrow_migrations (
	version INTEGER PRIMARY KEY,
	applied_at INTEGER NOT NULL
) STRICT`
	hasVersionTable = `SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'refgrow_migrations')`
	// A step that recomputes what is stored says what it changed.
	selectChanges = `SELECT changes FROM refgrow_migrations WHERE version > ?1 AND changes IS NOT NULL ORDER BY version`
	selectVersion = `SELECT CAST(COALESCE(MAX(version), 0) AS INTEGER) FROM refgrow_migrations`
	// A step may have recorded its version itself, for those who apply the steps with
	// another tool, but not the time by the engine's clock.
	insertVersion = `INSERT INTO refgrow_migrations (version, applied_at) VALUES (?1, ?2)
	ON CONFLICT (version) DO UPDATE SET applied_at = excluded.applied_at`
)

// Install brings the schema to the last of m's steps, or only checks it. read is for
// queries, write runs a function in an IMMEDIATE transaction.
//
// Every step has its own transaction, in which the version is read again: another
// process may be doing the same. A step may hold several statements.
func Install(ctx context.Context, m backend.Migration, read db.DBTX,
	write func(context.Context, func(context.Context, db.DBTX) error) error) error {
	if err := checkSQLite(ctx, read); err != nil {
		return err
	}
	version, err := schemaVersion(ctx, read)
	if err != nil {
		return err
	}
	known := len(m.Steps)
	if m.CheckOnly && version < known {
		return &backend.SchemaError{Found: version, Known: known}
	}
	if version > known {
		return &backend.SchemaError{Found: version, Known: known}
	}
	from := version
	for version < known {
		err := write(ctx, func(ctx context.Context, on db.DBTX) error {
			var err error
			version, err = step(ctx, on, m)
			return err
		})
		if err != nil {
			return err
		}
	}
	if m.Done == nil {
		return nil
	}
	*m.Done = backend.Migrated{From: from, To: version}
	if from == version {
		return nil
	}
	m.Done.Changes, err = lines(ctx, read, selectChanges, from)
	if err != nil {
		return Classify(fmt.Errorf("read what the migration changed: %w", err))
	}
	return nil
}

// step applies the next step, inside the lock, and returns the version that the schema
// then has.
func step(ctx context.Context, on db.DBTX, m backend.Migration) (version int, err error) {
	version, err = schemaVersion(ctx, on)
	if err != nil {
		return 0, err
	}
	known := len(m.Steps)
	if version > known {
		return 0, &backend.SchemaError{Found: version, Known: known}
	}
	if version == known {
		return version, nil
	}
	if _, err := on.ExecContext(ctx, versionTable); err != nil {
		return 0, fmt.Errorf("create the table of schema versions: %w", err)
	}
	if _, err := on.ExecContext(ctx, m.Steps[version]); err != nil {
		return 0, fmt.Errorf("migrate the schema to version %d: %w", version+1, err)
	}
	if _, err := on.ExecContext(ctx, insertVersion, version+1, m.Now); err != nil {
		return 0, fmt.Errorf("record schema version %d: %w", version+1, err)
	}
	return version + 1, nil
}

// HasSchema reports whether any version of the schema was installed.
func HasSchema(ctx context.Context, on db.DBTX) (exists bool, err error) {
	if err := on.QueryRowContext(ctx, hasVersionTable).Scan(&exists); err != nil {
		return false, Classify(fmt.Errorf("look for the schema: %w", err))
	}
	return exists, nil
}

func schemaVersion(ctx context.Context, on db.DBTX) (int, error) {
	exists, err := HasSchema(ctx, on)
	if err != nil || !exists {
		return 0, err
	}
	var version int
	if err := on.QueryRowContext(ctx, selectVersion).Scan(&version); err != nil {
		return 0, Classify(fmt.Errorf("read the schema version: %w", err))
	}
	return version, nil
}

// checkSQLite refuses a SQLite that is too old.
func checkSQLite(ctx context.Context, on db.DBTX) error {
	var version string
	if err := on.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&version); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return errors.New("the database does not report its SQLite version")
		}
		return Classify(fmt.Errorf("read the SQLite version: %w", err))
	}
	if !newEnough(version) {
		return fmt.Errorf("SQLite %s is too old: %d.%d or newer is needed", version, oldestMajor, oldestMinor)
	}
	return nil
}

func newEnough(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	if errA != nil || errB != nil {
		return false
	}
	return a > oldestMajor || a == oldestMajor && b >= oldestMinor
}
