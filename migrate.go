package refgrow

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/refgrow-go/refgrow/internal/backend"
)

// MigrationsFS holds the schema's numbered steps as .sql files, for those who run
// migrations with a tool of their own and set Config.Migrate to MigrateCheck. Each file
// must be applied as a whole. It notes its number in the table refgrow_migrations,
// which tells the engine the schema's version. Nothing here touches user_version.
//
//go:embed migrations/*.sql
var MigrationsFS embed.FS

// schemaText is the schema that the migrations lead to, in one piece.
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

// A MigrationReport says what a migration did.
type MigrationReport struct {
	// From and To are the versions of the schema before and after, 0 for none. They
	// are equal if there was nothing to do.
	From int `json:"from"`
	To   int `json:"to"`
	// PaidChanged are the conversions whose Paid was computed anew and is another
	// one since. Nothing was entered in the books for that.
	PaidChanged []PaidChange `json:"paid_changed"`
}

// A PaidChange is a conversion whose Paid a migration changed, and what it is since.
type PaidChange struct {
	ProjectID    int64 `json:"project_id"`
	ConversionID int64 `json:"conversion_id"`
	Paid         bool  `json:"paid"`
}

// Migrate brings the schema of a store up to date. It may run in several processes at
// once. Errors: ErrSchema if the database is newer than this package, ErrBusy,
// ErrDamaged.
func Migrate(ctx context.Context, store Store) (MigrationReport, error) {
	return migrate(ctx, store.Backend(), MigrateAuto, Config{}.clock()().UnixMilli())
}

// Migrated returns what New did about the schema.
func (e *Engine) Migrated() MigrationReport { return e.migrated }

func migrate(ctx context.Context, b backend.Backend, mode MigrateMode, now int64) (MigrationReport, error) {
	report := MigrationReport{PaidChanged: []PaidChange{}}
	switch mode {
	case MigrateAuto, MigrateCheck:
	default:
		return report, invalid("Migrate", "must be MigrateAuto or MigrateCheck")
	}
	steps, err := migrationSteps()
	if err != nil {
		return report, failed("reading the migrations", err)
	}
	var done backend.Migrated
	if err := b.Migrate(ctx, backend.Migration{
		Steps: steps, CheckOnly: mode == MigrateCheck, Now: now, Done: &done,
	}); err != nil {
		return report, failed("migrating", err)
	}
	report.From, report.To = done.From, done.To
	for _, text := range done.Changes {
		var changed []PaidChange
		if err := json.Unmarshal([]byte(text), &changed); err != nil {
			return report, fmt.Errorf("%w: what the migration changed: %w", ErrDamaged, err)
		}
		report.PaidChanged = append(report.PaidChanged, changed...)
	}
	return report, nil
}

// migrationSteps reads the files in the order of their numbers, which is also the order
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
