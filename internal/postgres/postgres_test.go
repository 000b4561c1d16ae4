package postgres_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/postgres"
)

func TestEveryQueryHasAText(t *testing.T) {
	t.Parallel()
	texts := postgres.Texts("")
	for method := range reflect.TypeFor[db.Querier]().Methods() {
		if texts[method.Name] == "" {
			t.Errorf("%s has no text: run make generate", method.Name)
		}
		delete(texts, method.Name)
	}
	for name := range texts {
		t.Errorf("there is no query %s", name)
	}
}

func TestTextsOfASchema(t *testing.T) {
	t.Parallel()
	const name = `my "own"`
	for query, text := range postgres.Texts(name) {
		if rest := strings.ReplaceAll(text, `"my ""own""".refgrow_`, ""); strings.Contains(rest, "refgrow_") {
			t.Errorf("%s names a table without its schema:\n%s", query, text)
		}
	}
	got := postgres.Qualified("app", "UPDATE refgrow_codes SET kind = refgrow_codes.kind")
	if want := `UPDATE "app".refgrow_codes SET kind = "app".refgrow_codes.kind`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Both schemas have the same tables and columns: rows can be copied from one to the other.
// An entry of a payout has its project in PostgreSQL alone, where every row has.
func TestSchemasHaveTheSameColumns(t *testing.T) {
	t.Parallel()
	kinds := strings.NewReplacer("INTEGER", "BIGINT", "BLOB", "BYTEA")
	want := columns(t, "schema.sql")
	want["refgrow_payout_entries"] = append([]string{"project_id INTEGER"}, want["refgrow_payout_entries"]...)
	got := columns(t, "schema_postgres.sql")
	if len(want) < 30 {
		t.Fatalf("schema.sql has %d tables", len(want))
	}
	for table, list := range want {
		for i := range list {
			list[i] = kinds.Replace(list[i])
		}
		if !slices.Equal(got[table], list) {
			t.Errorf("%s has the columns\n%s\nin schema.sql, and in schema_postgres.sql\n%s", table, list, got[table])
		}
		delete(got, table)
	}
	for table := range got {
		t.Errorf("schema_postgres.sql has %s, and schema.sql has not", table)
	}
}

// columns reads the names and types of the columns of each table.
func columns(t *testing.T, file string) map[string][]string {
	t.Helper()
	schema := source(t, file)
	all := make(map[string][]string)
	column := regexp.MustCompile(`(?m)^    ([a-z_]+) +([A-Z]+)\b`)
	for _, table := range regexp.MustCompile(`(?s)CREATE TABLE (\w+) \(\n(.*?)\n\)`).FindAllStringSubmatch(schema, -1) {
		for _, c := range column.FindAllStringSubmatch(table[2], -1) {
			all[table[1]] = append(all[table[1]], c[1]+" "+c[2])
		}
	}
	return all
}

func source(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
