package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const schema = `CREATE TABLE refgrow_projects (
    id BIGINT PRIMARY KEY
);
CREATE TABLE refgrow_items (
    id BIGINT,
    project_id BIGINT NOT NULL,
    PRIMARY KEY (project_id, id)
);
CREATE TABLE refgrow_parts (
    project_id BIGINT NOT NULL,
    item_id    BIGINT
);
`

// made is what a query of SQLite becomes: $1 is its project.
func made(t *testing.T, text string) (string, error) {
	t.Helper()
	q := &query{name: "Q", kind: "many", text: text, project: "$1", projects: projectTables(schema)}
	return q.byRule(map[string]int{})
}

func TestRules(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, from, to string }{
		{"arguments and types", `SELECT CAST(?2 AS INTEGER), CAST(?3 AS BLOB)`, `SELECT CAST($2 AS BIGINT), CAST($3 AS BYTEA)`},
		{
			"unary +", `SELECT a.id FROM refgrow_items a WHERE +a.project_id = ?1 AND a.n = +CAST(?2 AS TEXT) AND a.m > a.n + a.o`,
			`SELECT a.id FROM refgrow_items a WHERE a.project_id = $1 AND a.n = CAST($2 AS TEXT) AND a.m > a.n + a.o`,
		},
		{"one argument", `SELECT MAX(n), MIN((n)) FROM refgrow_projects`, `SELECT MAX(n), MIN((n)) FROM refgrow_projects`},
		{"instr", `SELECT instr(?2, 'a') > 0`, `SELECT strpos($2, 'a') > 0`},
		{"IS NOT", `SELECT a IS NOT b, a IS NOT NULL, a IS NULL, a IS b`, `SELECT a IS DISTINCT FROM b, a IS NOT NULL, a IS NULL, a IS NOT DISTINCT FROM b`},
		{"bytes", `SELECT X'', zeroblob(length(?2))`, `SELECT CAST('' AS BYTEA), decode(repeat('00', CAST(length($2) AS INT)), 'hex')`},
		{"GLOB", `SELECT a GLOB 'test:*'`, `SELECT a LIKE 'test:%'`},
		{
			"BETWEEN", `SELECT 1 FROM refgrow_projects x WHERE (x.type = 'signup') BETWEEN ?2 AND ?3 AND abc IN (1) AND COALESCE(x.a, 0) BETWEEN 1 AND 2`,
			`SELECT 1 FROM refgrow_projects x WHERE (CASE WHEN x.type = 'signup' THEN 1 ELSE 0 END) BETWEEN $2 AND $3 AND abc IN (1) AND COALESCE(x.a, 0) BETWEEN 1 AND 2`,
		},
		{
			"json_each", `SELECT CAST(value AS INTEGER) FROM json_each(CAST(?2 AS TEXT))`,
			`SELECT CAST(value AS BIGINT) FROM jsonb_array_elements_text(CAST(CAST($2 AS TEXT) AS JSONB)) AS each (value)`,
		},
		{
			"json_each with a name", `SELECT j.value FROM json_each(?2) j WHERE j.value > ''`,
			`SELECT j.value FROM jsonb_array_elements_text(CAST($2 AS JSONB)) AS j (value) WHERE j.value > ''`,
		},
		{
			"the greatest id ever", `SELECT COALESCE((SELECT s.seq FROM sqlite_sequence s WHERE s.name = 'refgrow_items'), 0)`,
			`SELECT COALESCE((SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM refgrow_items_id_seq s), 0)`,
		},
		{
			"conflict", `INSERT INTO refgrow_items (id, project_id) VALUES (?2, ?1) ON CONFLICT (id) DO NOTHING`,
			`INSERT INTO refgrow_items (id, project_id) VALUES ($2, $1) ON CONFLICT (project_id, id) DO NOTHING`,
		},
		{
			"conflict with the project", `INSERT INTO refgrow_items (id, project_id) VALUES (?2, ?1) ON CONFLICT (project_id, name) WHERE name IS NOT NULL DO NOTHING`,
			`INSERT INTO refgrow_items (id, project_id) VALUES ($2, $1) ON CONFLICT (project_id, name) WHERE name IS NOT NULL DO NOTHING`,
		},
		{
			"a table without a project", `INSERT INTO refgrow_projects (name) VALUES (?1) ON CONFLICT (name) DO NOTHING`,
			`INSERT INTO refgrow_projects (name) VALUES ($1) ON CONFLICT (name) DO NOTHING`,
		},
		{
			"a project for what has none in SQLite", `INSERT INTO refgrow_parts (item_id) SELECT a.id FROM refgrow_items a WHERE a.project_id = ?1`,
			`INSERT INTO refgrow_parts (project_id, item_id) SELECT CAST($1 AS BIGINT), a.id FROM refgrow_items a WHERE a.project_id = $1`,
		},
		{
			"a page", `SELECT a.* FROM (SELECT x.id FROM refgrow_items x WHERE x.project_id = ?1 ORDER BY x.at DESC, x.id DESC LIMIT ?2) page
CROSS JOIN refgrow_items a ON a.id = page.id AND a.project_id = ?1`,
			`SELECT a.* FROM (SELECT x.at, x.id FROM refgrow_items x WHERE x.project_id = $1 ORDER BY x.at DESC, x.id DESC LIMIT $2) page
JOIN refgrow_items a ON a.id = page.id AND a.project_id = $1
ORDER BY page.at DESC, page.id DESC`,
		},
	} {
		if got, err := made(t, test.from); err != nil || got != test.to {
			t.Errorf("%s:\n%s\nbecomes\n%s\nand should become\n%s\n(%v)", test.name, test.from, got, test.to, err)
		}
	}
}

func TestConfinedToTheProject(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, from, to string }{
		{"no condition", `SELECT MAX(id) FROM refgrow_items`, `SELECT MAX(id) FROM refgrow_items WHERE refgrow_items.project_id = $1`},
		{"in parentheses", `SELECT (SELECT MAX(a.id) FROM refgrow_items a), 1`, `SELECT (SELECT MAX(a.id) FROM refgrow_items a WHERE a.project_id = $1), 1`},
		{"before ORDER BY", `SELECT id FROM refgrow_items ORDER BY id LIMIT 1`, `SELECT id FROM refgrow_items WHERE refgrow_items.project_id = $1 ORDER BY id LIMIT 1`},
		{"a condition", `SELECT a.id FROM refgrow_items AS a WHERE a.id = ?2`, `SELECT a.id FROM refgrow_items AS a WHERE a.project_id = $1 AND a.id = $2`},
		{"OR", `SELECT a.id FROM refgrow_items a WHERE a.id = ?2 OR a.id = ?3 ORDER BY a.id`, `SELECT a.id FROM refgrow_items a WHERE a.project_id = $1 AND ( a.id = $2 OR a.id = $3) ORDER BY a.id`},
		{"a join", `SELECT 1 FROM refgrow_items a JOIN refgrow_parts p ON p.item_id = a.id WHERE a.project_id = ?1`, `SELECT 1 FROM refgrow_items a JOIN refgrow_parts p ON p.project_id = $1 AND p.item_id = a.id WHERE a.project_id = $1`},
		{"a join that has it", `SELECT 1 FROM refgrow_items a JOIN refgrow_parts p ON p.item_id = a.id AND p.project_id = a.project_id WHERE a.project_id = ?1`, `SELECT 1 FROM refgrow_items a JOIN refgrow_parts p ON p.item_id = a.id AND p.project_id = a.project_id WHERE a.project_id = $1`},
		{"an outer join that has it in the wrong place", `SELECT 1 FROM refgrow_items a LEFT JOIN refgrow_parts p ON p.item_id = a.id WHERE a.project_id = ?1 AND p.project_id = a.project_id`, `SELECT 1 FROM refgrow_items a LEFT JOIN refgrow_parts p ON p.project_id = $1 AND p.item_id = a.id WHERE a.project_id = $1 AND p.project_id = a.project_id`},
		{"a condition that is denied", `SELECT a.id FROM refgrow_items a WHERE NOT (a.project_id = ?1)`, `SELECT a.id FROM refgrow_items a WHERE a.project_id = $1 AND NOT (a.project_id = $1)`},
		{"a subquery", `SELECT 1 FROM refgrow_items WHERE project_id = ?1 AND EXISTS (SELECT 1 FROM refgrow_parts p WHERE p.item_id = refgrow_items.id)`, `SELECT 1 FROM refgrow_items WHERE project_id = $1 AND EXISTS (SELECT 1 FROM refgrow_parts p WHERE p.project_id = $1 AND p.item_id = refgrow_items.id)`},
		{"a union", `SELECT id FROM refgrow_items WHERE project_id = ?1 UNION ALL SELECT p.item_id FROM refgrow_parts p WHERE p.item_id > 0 LIMIT 1`, `SELECT id FROM refgrow_items WHERE project_id = $1 UNION ALL SELECT p.item_id FROM refgrow_parts p WHERE p.project_id = $1 AND p.item_id > 0 LIMIT 1`},
		{"a change", `UPDATE refgrow_parts SET item_id = 0 WHERE item_id = (SELECT a.id FROM refgrow_items a WHERE a.project_id = ?1)`, `UPDATE refgrow_parts SET item_id = 0 WHERE refgrow_parts.project_id = $1 AND item_id = (SELECT a.id FROM refgrow_items a WHERE a.project_id = $1)`},
		{"a deletion", `DELETE FROM refgrow_parts WHERE item_id IN (SELECT a.id FROM refgrow_items AS a WHERE a.project_id = ?1) RETURNING item_id`, `DELETE FROM refgrow_parts WHERE refgrow_parts.project_id = $1 AND item_id IN (SELECT a.id FROM refgrow_items AS a WHERE a.project_id = $1) RETURNING item_id`},
	} {
		if got, err := made(t, test.from); err != nil || got != test.to {
			t.Errorf("%s:\n%s\nbecomes\n%s\nand should become\n%s\n(%v)", test.name, test.from, got, test.to, err)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		`SELECT MAX(a, b)`:                       "GREATEST 1 times",
		`SELECT MIN(COALESCE(a, 1), 2)`:          "LEAST 1 times",
		`SELECT a LIKE 'X%'`:                     "LIKE 'X%' 1 times",
		`SELECT a GLOB '*x'`:                     "GLOB",
		`SELECT a GLOB 'x_*'`:                    "GLOB",
		`SELECT strftime('%s', a)`:               "the function strftime",
		`SELECT json_extract(a, '$[0]')`:         "the function json_extract",
		`SELECT a -> b`:                          "the operator ->",
		`SELECT a == b`:                          "the operator ==",
		`SELECT X'00'`:                           "X'00'",
		`SELECT rowid FROM refgrow_items`:        "rowid",
		`UPDATE OR IGNORE refgrow_items SET a=1`: "IGNORE",
		`SELECT 1 FROM refgrow_projects p JOIN refgrow_items a ON a.id = p.id OR a.id = 1`: "OR without parentheses",
		`SELECT 1 FROM refgrow_projects p JOIN refgrow_items a`:                            "without ON",
		`SELECT 1 FROM refgrow_projects p CROSS JOIN refgrow_projects q`:                   "CROSS",
	} {
		if got, err := made(t, text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s\nbecomes\n%s\n(%v), and should be refused because of %q", text, got, err, says)
		}
	}
}

// TestFiles makes the texts of a small module with a query by hand.
func TestFiles(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("schema_postgres.sql", schema)
	write("queries/items.sql", `-- Not an argument: @nobody.
-- name: Add :execlastid
INSERT INTO refgrow_items (name, project_id) VALUES (@name, @project_id);

-- name: Odd :many
SELECT * FROM refgrow_items WHERE odd(@name) = @project_id LIMIT @limit OFFSET @offset;
`)
	write("queries/postgres/items.sql", "-- name: Odd :many\nSELECT id FROM refgrow_items WHERE project_id = @project_id LIMIT @limit OFFSET @offset;\n")
	write("internal/db/items.sql.go", "package db\n\nconst add = `-- name: Add :execlastid\nINSERT INTO refgrow_items (name, project_id) VALUES (?1, ?2)\n`\n\n"+
		"const odd = `-- name: Odd :many\nSELECT id FROM refgrow_items WHERE odd(?1) = ?2 LIMIT ?4 OFFSET ?3\n`\n")
	write("internal/postgres/texts.go", "")
	if err := run(root, true, false); err == nil || !strings.Contains(err.Error(), "make generate") {
		t.Errorf("an old file: %v", err)
	}
	if err := run(root, false, false); err != nil {
		t.Fatal(err)
	}
	if err := run(root, true, false); err != nil {
		t.Errorf("the file that was just written: %v", err)
	}
	got, err := os.ReadFile(filepath.Join(root, "internal/postgres/texts.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"`INSERT INTO refgrow_items (name, project_id) VALUES ($1, $2)\nRETURNING id`",
		"`SELECT id FROM refgrow_items WHERE project_id = $2 LIMIT $4 OFFSET $3`",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%s\nshould have\n%s", got, want)
		}
	}

	write("queries/postgres/items.sql", "-- name: Odd :many\nSELECT @nothing;\n-- name: Gone :one\nSELECT 1;\n")
	err = run(root, true, false)
	for _, says := range []string{"Odd: the query has no argument nothing", "has Gone, and there is no such query"} {
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v should say %q", err, says)
		}
	}
}
