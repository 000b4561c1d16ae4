package refgrow

import (
	"context"
	"embed"
	"io/fs"

	"github.com/refgrow-go/refgrow/internal/backend"
)

// MigrationsFS holds the schema's numbered steps as .sql files, for those who
// run migrations with a tool of their own; Config.Migrate is MigrateCheck then.
// Each file, applied as a whole, notes its number in the table
// refgrow_migrations, by which the engine knows the schema's version. Nothing here
// touches user_version.
//
//go:embed migrations/*.sql
var MigrationsFS embed.FS

// schemaText is what the migrations make, in one piece.
//
//go:embed schema.sql
var schemaText string

// MigrateMode says what New does about the schema.
type MigrateMode int

const (
	// MigrateAuto brings the schema up to date, each step in one transaction.
	MigrateAuto MigrateMode = iota
	// MigrateCheck changes nothing and refuses, with ErrSchema, a database that
	// is not up to date.
	MigrateCheck
)

// Migrate brings the schema of a store up to date. It may run in several
// processes at once. Errors: ErrSchema when the database is newer than this
// package, ErrBusy, ErrDamaged.
func Migrate(ctx context.Context, store Store) error {
	return migrate(ctx, store.Backend(), MigrateAuto, Config{}.clock()().UnixMilli())
}

func migrate(ctx context.Context, b backend.Backend, mode MigrateMode, now int64) error {
	switch mode {
	case MigrateAuto, MigrateCheck:
	default:
		return invalid("Migrate", "must be MigrateAuto or MigrateCheck")
	}
	steps, err := migrationSteps()
	if err != nil {
		return failed("reading the migrations", err)
	}
	return failed("migrating", b.Migrate(ctx, backend.Migration{Steps: steps, CheckOnly: mode == MigrateCheck, Now: now}))
}

// migrationSteps reads the files in the order of their numbers, which is that
// of their names.
func migrationSteps() ([]string, error) {
	files, err := fs.Glob(MigrationsFS, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	steps := make([]string, len(files))
	for i, file := range files {
		text, err := MigrationsFS.ReadFile(file)
		if err != nil {
			return nil, err
		}
		steps[i] = string(text)
	}
	return steps, nil
}
