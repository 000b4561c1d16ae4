package refgrow_test

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// TestSchemaFile compares schema.sql, which people and the generator of the
// queries read, with what the migrations make.
func TestSchemaFile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	written := borrowed(t, 1).DB
	if _, err := written.ExecContext(t.Context(), string(text)); err != nil {
		t.Fatalf("schema.sql: %v", err)
	}
	migrated := borrowed(t, 1)
	if err := refgrow.Migrate(t.Context(), migrated.Store); err != nil {
		t.Fatal(err)
	}
	want, got := schema(t, written), schema(t, migrated.DB)
	// The table of versions is the migrations' own business.
	delete(got, "table refgrow_migrations")
	if len(want) == 0 {
		t.Fatal("schema.sql is empty")
	}
	for name, ddl := range want {
		if got[name] != ddl {
			t.Errorf("%s is in schema.sql\n%s\nbut the migrations make\n%s", name, ddl, got[name])
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("the migrations make the %s, which schema.sql has not", name)
		}
	}
	for name := range want {
		if _, own, _ := strings.Cut(name, " "); !strings.HasPrefix(own, "refgrow_") && !strings.HasPrefix(own, "sqlite_") {
			t.Errorf("the %s could be somebody else's", name)
		}
	}
}

// schema gives the statement behind each thing in a database, without comments
// and with single spaces.
func schema(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), "SELECT type || ' ' || name, COALESCE(sql, '') FROM sqlite_schema")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	things := make(map[string]string)
	for rows.Next() {
		var name, ddl string
		if err := rows.Scan(&name, &ddl); err != nil {
			t.Fatal(err)
		}
		things[name] = normalised(ddl)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return things
}

// normalised takes out comments, of which no literal in the schema looks like
// one, and differences of spacing.
func normalised(ddl string) string {
	ddl = regexp.MustCompile(`--[^\n]*`).ReplaceAllString(ddl, " ")
	ddl = regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(ddl, " ")
	ddl = strings.Join(strings.Fields(ddl), " ")
	return regexp.MustCompile(` ?([(),;]) ?`).ReplaceAllString(ddl, "$1")
}

// Migrations are numbered from 0001 on, without gaps: the version that a
// database has is how many of them were applied.
func TestMigrationNumbers(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(refgrow.MigrationsFS, "migrations/*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	form := regexp.MustCompile(`^([0-9]{4})_[a-z0-9_]+\.sql$`)
	for i, file := range files {
		parts := form.FindStringSubmatch(filepath.Base(file))
		if want := i + 1; parts == nil || parts[1] != number(want) {
			t.Errorf("%s should be named %s_what_it_does.sql", file, number(want))
		}
	}
	db := borrowed(t, 1)
	if err := refgrow.Migrate(t.Context(), db.Store); err != nil {
		t.Fatal(err)
	}
	var first, last, count int
	if err := db.DB.QueryRowContext(t.Context(), "SELECT MIN(version), MAX(version), COUNT(*) FROM refgrow_migrations").Scan(&first, &last, &count); err != nil {
		t.Fatal(err)
	}
	if first != 1 || last != len(files) || count != len(files) {
		t.Errorf("of %d migrations, %d were applied, from %d to %d", len(files), count, first, last)
	}
}

func number(n int) string { return fmt.Sprintf("%04d", n) }
