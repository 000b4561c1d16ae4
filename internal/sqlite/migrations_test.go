package sqlite_test

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/refgrow-go/refgrow"
)

// The files can be applied by any tool: each records its number, and the engine is
// satisfied.
func TestMigrationFiles(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	pool, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "host.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	files, err := fs.Glob(refgrow.MigrationsFS, "migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for i, file := range files {
		text, err := refgrow.MigrationsFS.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pool.ExecContext(ctx, string(text)); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var version, at int64
		err = pool.QueryRowContext(ctx,
			"SELECT version, applied_at FROM refgrow_migrations ORDER BY version DESC").Scan(&version, &at)
		if err != nil || version != int64(i+1) || time.Since(time.UnixMilli(at)).Abs() > time.Minute {
			t.Errorf("%s recorded version %d at %d: %v", file, version, at, err)
		}
	}
	for _, mode := range []refgrow.MigrateMode{refgrow.MigrateCheck, refgrow.MigrateAuto} {
		engine, err := refgrow.New(ctx, refgrow.SQLite(pool), refgrow.Config{Migrate: mode})
		if err != nil {
			t.Errorf("mode %d: %v", mode, err)
		} else if err := engine.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}
