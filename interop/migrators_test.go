package interop

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/golang-migrate/migrate/v4"
	migratesqlite "github.com/golang-migrate/migrate/v4/database/sqlite"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/pressly/goose/v3"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// A migrator is somebody else's tool, with our steps. The number of a step is its
// version.
type migrator interface {
	to(version int) error
	down() error
}

type gooseMigrator struct {
	context.Context

	provider *goose.Provider
}

func (g gooseMigrator) to(version int) error {
	_, err := g.provider.UpTo(g, int64(version))
	return err
}

func (g gooseMigrator) down() error {
	_, err := g.provider.Down(g)
	return err
}

type golangMigrator struct{ *migrate.Migrate }

func (g golangMigrator) to(version int) error {
	err := g.Migrate.Migrate(uint(version))
	if errors.Is(err, migrate.ErrNoChange) {
		return nil
	}
	return err
}

func (g golangMigrator) down() error { return g.Steps(-1) }

// An app may have its own tool apply our migrations: what they make is what the engine
// makes, and the engine takes it.
func TestMigrators(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(refgrow.MigrationsFS, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	newest := len(files)
	own := appDatabase(t)
	if _, err := refgrow.Migrate(t.Context(), refgrow.SQLite(own)); err != nil {
		t.Fatal(err)
	}
	want := schemaOf(t, own)

	for tool, with := range map[refgrow.MigrationTool]func(*testing.T, *sql.DB, fs.FS) migrator{
		refgrow.ToolGoose: func(t *testing.T, db *sql.DB, steps fs.FS) migrator {
			t.Helper()
			provider, err := goose.NewProvider(goose.DialectSQLite3, db, steps, goose.WithTableName("goose_refgrow"))
			if err != nil {
				t.Fatal(err)
			}
			return gooseMigrator{t.Context(), provider}
		},
		refgrow.ToolGolangMigrate: func(t *testing.T, db *sql.DB, steps fs.FS) migrator {
			t.Helper()
			source, err := iofs.New(steps, ".")
			if err != nil {
				t.Fatal(err)
			}
			to, err := migratesqlite.WithInstance(db, &migratesqlite.Config{MigrationsTable: "migrate_refgrow"})
			if err != nil {
				t.Fatal(err)
			}
			m, err := migrate.NewWithInstance("iofs", source, "sqlite", to)
			if err != nil {
				t.Fatal(err)
			}
			return golangMigrator{m}
		},
	} {
		t.Run(string(tool), func(t *testing.T) {
			t.Parallel()
			steps, err := refgrow.MigrationsFor(tool)
			if err != nil {
				t.Fatal(err)
			}
			db := appDatabase(t)
			m := with(t, db, steps)
			check := func() (*refgrow.Engine, error) {
				return refgrow.New(t.Context(), refgrow.SQLite(db), refgrow.Config{Migrate: refgrow.MigrateCheck})
			}
			if err := m.to(newest - 1); err != nil {
				t.Fatal(err)
			}
			if _, err := check(); !errors.Is(err, refgrow.ErrSchema) {
				t.Errorf("one step before the end the engine says %v", err)
			}
			for range 2 { // the second time there is nothing to do
				if err := m.to(newest); err != nil {
					t.Fatal(err)
				}
			}
			same := func() {
				t.Helper()
				got := schemaOf(t, db)
				for name, text := range want {
					if got[name] != text {
						t.Errorf("%s is %s\nwant %s", name, got[name], text)
					}
				}
				if len(got) != len(want) {
					t.Errorf("there are %d tables, indexes and triggers, want %d", len(got), len(want))
				}
			}
			same()

			// There is no way back: it fails, and changes nothing.
			if err := m.down(); err == nil || !strings.Contains(err.Error(), "refgrow_has_no_way_back") {
				t.Errorf("a step back: %v", err)
			}
			same()
			engine, err := check()
			if err != nil {
				t.Fatal(err)
			}
			defer engine.Close(context.WithoutCancel(t.Context()))
			shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
				Type: refgrow.Purchase, BaseValue: money.MustParse("49.00 USD"),
			}); err != nil {
				t.Error(err)
			}
			if report, err := engine.Verify(t.Context()); err != nil || len(report.Differences) > 0 {
				t.Errorf("%+v %v", report, err)
			}
		})
	}
}

// appDatabase is an empty one.
func appDatabase(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "app.db")+"?_pragma=foreign_keys(1)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// schemaOf is what made each of our tables, indexes and triggers, without comments and
// with single blanks: a tool may leave out what SQLite does not read.
func schemaOf(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(),
		"SELECT type || ' ' || name, COALESCE(sql, '') FROM sqlite_schema WHERE tbl_name LIKE 'refgrow!_%' ESCAPE '!'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	made := make(map[string]string)
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		text = regexp.MustCompile(`--[^\n]*`).ReplaceAllString(text, " ")
		made[name] = strings.Join(strings.Fields(text), " ")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return made
}
