package refgrow_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/refgrow-go/refgrow"
)

// TestSchemaEqualsMigrations holds schema.sql, which the queries are written
// against, against what all migrations make of an empty database.
func TestSchemaEqualsMigrations(t *testing.T) {
	t.Parallel()
	open := func(name string) *sql.DB {
		pool, err := sql.Open("sqlite", filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pool.Close() })
		return pool
	}
	text, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	written, migrated := open("schema.db"), open("migrated.db")
	if _, err := written.ExecContext(t.Context(), string(text)); err != nil {
		t.Fatal(err)
	}
	if err := refgrow.Migrate(t.Context(), refgrow.SQLite(migrated)); err != nil {
		t.Fatal(err)
	}
	want, got := objects(t, written), objects(t, migrated)
	if len(want) == 0 {
		t.Fatal("schema.sql has nothing in it")
	}
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s in schema.sql is\n\t%s\nbut the migrations make\n\t%s", name, text, got[name])
		}
	}
	for name := range got {
		if want[name] == "" {
			t.Errorf("the migrations make the %s, which schema.sql lacks", name)
		}
	}
}

// objects gives the text of every table, index and trigger, but for the table of
// versions and for comments and spaces.
func objects(t *testing.T, pool *sql.DB) map[string]string {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), `SELECT type, name, sql FROM sqlite_schema
		WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name <> 'refgrow_migrations'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	comment, space := regexp.MustCompile(`--[^\n]*`), regexp.MustCompile(`\s+`)
	found := make(map[string]string)
	for rows.Next() {
		var kind, name, text string
		if err := rows.Scan(&kind, &name, &text); err != nil {
			t.Fatal(err)
		}
		text = strings.TrimSpace(space.ReplaceAllString(comment.ReplaceAllString(text, ""), " "))
		found[kind+" "+name] = strings.NewReplacer("( ", "(", " )", ")").Replace(text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}
