package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// The oldest PostgreSQL that this is known to work with, as the server numbers them.
const (
	oldest     = 140000
	oldestName = "14"
)

// Migrate brings the schema to the last of m's steps, or only checks it. Every step has
// its own transaction, in which the version is read again: another process may be doing
// the same. A step may have several statements, which name their tables without a schema.
func (b *Backend) Migrate(ctx context.Context, m backend.Migration) error {
	if err := b.shared.Reentry.Refuse(); err != nil {
		return err
	}
	at, err := b.places.find(ctx)
	if err != nil {
		return err
	}
	if err := checkServer(ctx, b.pool); err != nil {
		return err
	}
	version, err := schemaVersion(ctx, b.pool, at)
	if err != nil {
		return err
	}
	known := len(m.Steps)
	if version > known || m.CheckOnly && version < known {
		return &backend.SchemaError{Found: version, Known: known}
	}
	from := version
	for version < known {
		if version, err = b.step(ctx, at, m); err != nil {
			return Classify(err)
		}
	}
	if m.Done == nil {
		return nil
	}
	*m.Done = backend.Migrated{From: from, To: version}
	if from == version {
		return nil
	}
	m.Done.Changes, err = lines(ctx, b.pool, Qualified(at.schema,
		"SELECT changes FROM refgrow_migrations WHERE version > $1 AND changes IS NOT NULL ORDER BY version"), from)
	if err != nil {
		return ClassifyIn(ctx, fmt.Errorf("read what the migration changed: %w", err))
	}
	return nil
}

// step applies the next step and returns the version that the schema then has. It keeps
// out others who do the same by an advisory lock, the only one there is: at first there
// is nothing else to lock.
func (b *Backend) step(ctx context.Context, at *place, m backend.Migration) (version int, err error) {
	conn, err := b.pool.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	inside := context.WithoutCancel(ctx)
	tx, err := conn.BeginTx(inside, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // what the error was about
		}
	}()
	run := func(doing, query string, args ...any) {
		if err == nil {
			if _, err = tx.ExecContext(inside, query, args...); err != nil {
				err = fmt.Errorf("%s: %w", doing, err)
			}
		}
	}
	run("set how long to wait", "SET LOCAL lock_timeout = "+milliseconds(patience))
	run("wait for other migrations", "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
		"refgrow migrations of "+at.schema)
	if err != nil {
		return 0, err
	}
	version, err = schemaVersion(inside, tx, at)
	known := len(m.Steps)
	switch {
	case err != nil:
		return 0, err
	case version > known:
		return 0, &backend.SchemaError{Found: version, Known: known}
	case version == known:
		return version, tx.Commit()
	}
	if version == 0 && b.places.name != "" {
		run("make the schema", "CREATE SCHEMA IF NOT EXISTS "+quoted(at.schema))
	}
	run("choose the schema", "SET LOCAL search_path = "+quoted(at.schema))
	run(fmt.Sprintf("migrate the schema to version %d", version+1), m.Steps[version])
	run(fmt.Sprintf("record schema version %d", version+1),
		"INSERT INTO refgrow_migrations (version, applied_at) VALUES ($1, $2) "+
			"ON CONFLICT (version) DO UPDATE SET applied_at = excluded.applied_at", version+1, m.Now)
	if err != nil {
		return 0, err
	}
	return version + 1, tx.Commit()
}

func schemaVersion(ctx context.Context, on db.DBTX, at *place) (version int, err error) {
	var exists bool
	err = on.QueryRowContext(ctx, "SELECT to_regclass($1) IS NOT NULL",
		Qualified(at.schema, "refgrow_migrations")).Scan(&exists)
	if err != nil {
		return 0, ClassifyIn(ctx, fmt.Errorf("look for the schema: %w", err))
	}
	if !exists {
		return 0, nil
	}
	err = on.QueryRowContext(ctx, Qualified(at.schema,
		"SELECT COALESCE(MAX(version), 0) FROM refgrow_migrations")).Scan(&version)
	if err != nil {
		return 0, ClassifyIn(ctx, fmt.Errorf("read the schema version: %w", err))
	}
	return version, nil
}

// checkServer refuses a PostgreSQL that is too old.
func checkServer(ctx context.Context, on db.DBTX) error {
	var number int
	var name string
	err := on.QueryRowContext(ctx, "SELECT CAST(current_setting('server_version_num') AS BIGINT), "+
		"current_setting('server_version')").Scan(&number, &name)
	if err != nil {
		return ClassifyIn(ctx, fmt.Errorf("read the version of PostgreSQL: %w", err))
	}
	if number < oldest {
		return fmt.Errorf("PostgreSQL %s is too old: %s or newer is needed", name, oldestName)
	}
	return nil
}

// lines returns the first column of a query's rows.
func lines(ctx context.Context, on db.DBTX, query string, args ...any) (all []string, err error) {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err says what is wrong
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		all = append(all, line)
	}
	return all, rows.Err()
}

// quoted is a name as an identifier.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
