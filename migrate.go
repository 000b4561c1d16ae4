package refgrow

import (
	"archive/zip"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strings"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// MigrationsFS holds the schema's numbered steps as .sql files, for those who run
// migrations with a tool of their own and set Config.Migrate to MigrateCheck. Each file
// must be applied as a whole. It notes its number in the table refgrow_migrations,
// which tells the engine the schema's version. Nothing here touches user_version.
// [MigrationsFor] has them in the form of some tools.
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
	return migrate(ctx, store.Backend(), schemaOf(store), MigrateAuto, Config{}.clock()().UnixMilli())
}

// Migrated returns what New did about the schema.
func (e *Engine) Migrated() MigrationReport { return e.migrated }

func migrate(
	ctx context.Context, b backend.Backend, of schema, mode MigrateMode, now int64,
) (MigrationReport, error) {
	report := MigrationReport{PaidChanged: []PaidChange{}}
	switch mode {
	case MigrateAuto, MigrateCheck:
	default:
		return report, invalid("Migrate", "must be MigrateAuto or MigrateCheck")
	}
	steps, err := of.steps()
	if err != nil {
		return report, while("reading the migrations", err)
	}
	var done backend.Migrated
	if err := b.Migrate(ctx, backend.Migration{
		Steps: steps, CheckOnly: mode == MigrateCheck, Now: now, Done: &done,
	}); err != nil {
		return report, failed(b, "migrating", err)
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

// A schema is what the tables of a store are made of.
type schema struct {
	files  embed.FS
	folder string // of the steps in files
	text   string // what the steps lead to, where a check of the database needs it
}

func ownSchema() schema { return schema{files: MigrationsFS, folder: "migrations", text: schemaText} }

// schemaOf returns the schema of a store's database.
func schemaOf(store Store) schema {
	if of, ok := store.(borrowed); ok {
		return of.schema
	}
	return ownSchema()
}

// steps reads the files in the order of their numbers, which is also the order of their
// names.
func (s schema) steps() ([]string, error) {
	files, err := fs.Glob(s.files, s.folder+"/*.sql")
	if err != nil {
		return nil, err
	}
	steps := make([]string, len(files))
	for i, file := range files {
		text, err := s.files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		steps[i] = string(text)
	}
	return steps, nil
}

// namesStep is how many old names one transaction brings to their form.
const namesStep = 200

// reformNames brings the emails, external ids and references of all projects that are
// from before they had one form to it.
func (e *Engine) reformNames(ctx context.Context) error {
	projects, err := e.Projects(ctx)
	if err != nil {
		return err
	}
	for _, p := range projects {
		if err := p.reformNames(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reformNames works in steps, the oldest rows first. What another row has already stays
// as it is, and is tried again the next time.
func (p *Project) reformNames(ctx context.Context) error {
	for after := int64(0); after < math.MaxInt64; {
		left, err := read(ctx, p, "looking for old names", func(ctx context.Context, q db.Querier) ([]db.ListOldNamesRow,
			error) {
			return q.ListOldNames(ctx, db.ListOldNamesParams{ProjectID: p.id, AfterID: after, AtMost: 1})
		})
		if err != nil || len(left) == 0 {
			return err
		}
		next := int64(math.MaxInt64)
		if err := p.write(ctx, "bringing old names to their form", func(ctx context.Context, o *op) error {
			names, err := o.ListOldNames(ctx, db.ListOldNamesParams{ProjectID: p.id, AfterID: after, AtMost: namesStep})
			if err != nil || len(names) == 0 {
				return err
			}
			if next, err = stored.Onward(after, names[len(names)-1].ID); err != nil {
				return err
			}
			for i := range names {
				if err := o.reform(ctx, &names[i]); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		after = next
	}
	return nil
}

func trimmed(text string) (string, error) { return form.Trim(text), nil }

// reform brings one row's names to their form, and forgets the row if they have it.
func (o *op) reform(ctx context.Context, n *db.ListOldNamesRow) error {
	done := true
	for _, name := range []struct {
		now    *string
		form   func(string) (string, error)
		change func(string) (int64, error)
	}{
		{n.AffiliateEmail, form.CustomerEmail, func(to string) (int64, error) {
			return o.ReformAffiliate(ctx, db.ReformAffiliateParams{ProjectID: o.project, AffiliateID: *n.AffiliateID, Email: to})
		}},
		{n.ReferralEmail, form.CustomerEmail, func(to string) (int64, error) {
			return o.ReformReferral(ctx, db.ReformReferralParams{ProjectID: o.project, ReferralID: *n.ReferralID, Email: to})
		}},
		{n.ExternalID, trimmed, func(to string) (int64, error) {
			return o.ReformExternalID(ctx, db.ReformExternalIDParams{
				ProjectID: o.project, ReferralID: *n.ReferralID, ExternalID: to,
			})
		}},
		{n.Reference, trimmed, func(to string) (int64, error) {
			return o.ReformReference(ctx, db.ReformReferenceParams{
				ProjectID: o.project, ConversionID: *n.ConversionID, Reference: to,
			})
		}},
	} {
		if name.now == nil {
			continue
		}
		to, err := name.form(*name.now)
		if err != nil || to == "" || to == *name.now { // what has no form finds nothing
			continue
		}
		changed, err := name.change(to)
		if err != nil {
			return err
		}
		done = done && changed == 1
	}
	if !done {
		return nil
	}
	return o.DeleteOldName(ctx, db.DeleteOldNameParams{ProjectID: o.project, NameID: n.ID})
}

// A MigrationTool is a program that applies migrations.
type MigrationTool string

// The tools that MigrationsFor writes for.
const (
	// ToolGoose is github.com/pressly/goose.
	ToolGoose MigrationTool = "goose"
	// ToolGolangMigrate is github.com/golang-migrate/migrate.
	ToolGolangMigrate MigrationTool = "golang-migrate"
)

// noWayBack is what a step back does: it fails before it has changed anything, where a
// tool would otherwise note that the step was never applied.
const noWayBack = `-- There is no way back: restore a backup. Nothing was changed, and this step is still applied.
SELECT refgrow_has_no_way_back();
`

// MigrationsFor returns the steps of [MigrationsFS] as a tool reads them, in the root
// of the file system. They need a table of versions of their own, so that their numbers
// do not meet those of the app's migrations. A step back fails: there is none. When a
// tool has applied them all, the schema is up to date for MigrateCheck. Errors:
// ErrInvalid for any other tool.
func MigrationsFor(tool MigrationTool) (fs.FS, error) {
	files, err := fs.Glob(MigrationsFS, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	// What the standard library has for files in memory is an archive.
	var archive bytes.Buffer
	to := zip.NewWriter(&archive)
	add := func(name string, parts ...string) error {
		file, err := to.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return err
		}
		_, err = file.Write([]byte(strings.Join(parts, "")))
		return err
	}
	for _, file := range files {
		text, err := MigrationsFS.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name := path.Base(file)
		switch tool {
		case ToolGoose:
			// Otherwise it would end a statement at each semicolon, even in a trigger.
			err = add(name, "-- +goose Up\n-- +goose StatementBegin\n", string(text),
				"-- +goose StatementEnd\n\n-- +goose Down\n", noWayBack)
		case ToolGolangMigrate:
			name = strings.TrimSuffix(name, ".sql")
			if err = add(name+".up.sql", string(text)); err == nil {
				err = add(name+".down.sql", noWayBack)
			}
		default:
			return nil, invalid("Tool", "must be %s or %s, not %q", ToolGoose, ToolGolangMigrate, tool)
		}
		if err != nil {
			return nil, fmt.Errorf("writing %s for %s: %w", name, tool, err)
		}
	}
	if err := to.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
}
