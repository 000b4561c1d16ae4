package postgres_test

import (
	"database/sql"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/internal/postgres"
	"github.com/refgrow-go/refgrow/postgres/internal/server"
)

// written is a text of the repository.
func written(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{".."}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// migrated opens a database with the schema that the migrations make.
func migrated(t *testing.T, settings ...string) (db *sql.DB, schema string) {
	t.Helper()
	db, schema = server.Get(t).Open(t, "postgres", settings...)
	files, err := filepath.Glob("../migrations/postgres/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if _, err := db.ExecContext(t.Context(), written(t, strings.TrimPrefix(file, "../"))); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return db, schema
}

// column is the first column of a query's rows.
func column(t *testing.T, db *sql.DB, text string, args ...any) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		all = append(all, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestSchemaFile compares schema_postgres.sql, which people read, with what the
// migrations make.
func TestSchemaFile(t *testing.T) {
	t.Parallel()
	one, first := server.Get(t).Open(t, "postgres")
	if _, err := one.ExecContext(t.Context(), written(t, "schema_postgres.sql")); err != nil {
		t.Fatal(err)
	}
	two, second := migrated(t)
	lines := func(db *sql.DB, schema string) []string {
		all, err := postgres.Catalogue(t.Context(), db, schema)
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(all, func(line string) bool { // the migrations' own business
			return strings.Contains(line, "refgrow_migrations")
		})
	}
	want, got := lines(one, first), lines(two, second)
	if len(want) < 300 {
		t.Fatalf("schema_postgres.sql makes %d things", len(want))
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("the migrations do not make what schema_postgres.sql has: %s", line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("schema_postgres.sql has not what the migrations make: %s", line)
		}
	}
	versions := column(t, two, "SELECT CAST(version AS TEXT) FROM refgrow_migrations ORDER BY version")
	if len(versions) == 0 || versions[0] != "1" {
		t.Errorf("the versions applied are %v", versions)
	}
}

var update = flag.Bool("update", false, "write what the migrations make to internal/postgres/catalogue.txt")

// TestCatalogue compares what the migrations make with what Integrity expects.
func TestCatalogue(t *testing.T) {
	t.Parallel()
	db, schema := migrated(t)
	is, err := postgres.Catalogue(t.Context(), db, schema)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(is, "\n") + "\n"
	if *update {
		if err := os.WriteFile("../internal/postgres/catalogue.txt", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text != written(t, "internal", "postgres", "catalogue.txt") {
		t.Error("catalogue.txt is not what the migrations make: run this test with -update")
	}
}

// keysOfAll are the unique indexes of tables with a project that do not begin with it.
func keysOfAll() map[string]string {
	return map[string]string{
		"refgrow_api_keys_pkey":          "keys are managed for all projects, and there are few",
		"refgrow_api_keys_public_id_key": "the key tells which project its caller may use",
	}
}

// A table of a project can be spread over many machines by it: it is the first column of
// each of its indexes, and a part of each of its references.
func TestKeysBeginWithTheProject(t *testing.T) {
	t.Parallel()
	db, schema := migrated(t)
	const ofProjects = `JOIN pg_attribute p ON p.attrelid = c.oid AND p.attname = 'project_id'
		WHERE c.relnamespace = CAST($1 AS regnamespace)`
	tables := column(t, db, `SELECT c.relname FROM pg_class c `+ofProjects+` AND c.relkind = 'r'`, schema)
	if len(tables) < 25 {
		t.Fatalf("there are only %d tables of projects", len(tables))
	}
	listed := keysOfAll()
	for _, index := range column(t, db, `SELECT x.relname FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid
		JOIN pg_class x ON x.oid = i.indexrelid `+ofProjects+` AND i.indkey[0] <> p.attnum`, schema) {
		if listed[index] == "" {
			t.Errorf("%s does not begin with the project", index)
		}
		delete(listed, index)
	}
	for index := range listed {
		t.Errorf("there is no %s that does not begin with the project: take it off the list", index)
	}
	const keys = `SELECT k.conname FROM pg_class c JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'f' `
	for _, key := range column(t, db, keys+ofProjects+` AND k.conkey[1] <> p.attnum`, schema) {
		t.Errorf("%s does not refer to the project as well", key)
	}
	for _, key := range column(t, db, keys+ofProjects+`
		AND k.confrelid <> CAST('refgrow_projects' AS regclass) AND NOT EXISTS (
			SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND CAST(k.conkey AS TEXT[])
				= (string_to_array(CAST(i.indkey AS TEXT), ' '))[1:array_length(k.conkey, 1)])`, schema) {
		t.Errorf("%s refers to rows that may be deleted, and no index finds it", key)
	}
}

func TestTypesOfColumns(t *testing.T) {
	t.Parallel()
	db, schema := migrated(t)
	for _, name := range column(t, db, `SELECT c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_collation l ON l.oid = a.attcollation
		WHERE c.relnamespace = CAST($1 AS regnamespace) AND c.relkind = 'r'
			AND NOT (a.atttypid IN (CAST('int8' AS regtype), CAST('bytea' AS regtype))
				OR a.atttypid = CAST('text' AS regtype) AND l.collname = 'C')`, schema) {
		t.Errorf("%s is no bigint, bytea, or text in the order of its bytes", name)
	}
}

// state is the SQLSTATE of an error.
func state(err error) string {
	if e, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok {
		return e.SQLState()
	}
	return ""
}

// The ledger is only ever added to, but for the same exceptions as in SQLite.
func TestLedgerStays(t *testing.T) {
	t.Parallel()
	db, _ := migrated(t)
	do := func(want, text string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text); err != nil && state(err) != want || err == nil && want != "" {
			t.Errorf("%s: %v, and it should be %q", text, err, want)
		}
	}
	do("", `INSERT INTO refgrow_projects (id, name, currency, hold_days, coupon_first, self_referral, created_at)
		VALUES (1, 'one', 'USD', 0, 1, 'refuse', 1), (2, 'two', 'USD', 0, 1, 'refuse', 1)`)
	do("", `INSERT INTO refgrow_affiliates (project_id, id, email, referral_code, status, created_at)
		VALUES (1, 1, 'a@example.test', 'a', 'active', 1), (1, 2, 'b@example.test', 'b', 'active', 1)`)
	do("", `INSERT INTO refgrow_ledger_entries
		(project_id, id, affiliate_id, currency, kind, amount, available_at, created_at, note)
		VALUES (1, 1, 1, 'USD', 'adjustment', 5, 1, 1, 'for Ann'), (1, 2, 2, 'USD', 'adjustment', 5, 1, 1, 'for Bob')`)
	do("23503", `INSERT INTO refgrow_ledger_entries
		(project_id, affiliate_id, currency, kind, amount, available_at, created_at)
		VALUES (2, 1, 'USD', 'adjustment', 5, 1, 1)`)
	const stays = "23000"
	do(stays, `UPDATE refgrow_ledger_entries SET amount = 6 WHERE id = 1`)
	do(stays, `UPDATE refgrow_ledger_entries SET note = NULL WHERE id = 1`)
	do(stays, `INSERT INTO refgrow_ledger_entries
		(project_id, id, affiliate_id, currency, kind, amount, available_at, created_at)
		VALUES (1, 1, 1, 'USD', 'adjustment', 6, 1, 1) ON CONFLICT
			(project_id, id) DO UPDATE SET amount = excluded.amount`)
	do(stays, `DELETE FROM refgrow_ledger_entries WHERE id = 1`)
	do(stays, `TRUNCATE refgrow_ledger_entries CASCADE`)
	do("", `INSERT INTO refgrow_erasures
		(project_id, affiliate_id, deletes, names, part, mark_time, mark, last_answer, last_event, created_at)
		VALUES (1, 1, 0, '[]', '', 0, 0, 0, 0, 1), (2, 2, 0, '[]', '', 0, 0, 0, 0, 1)`)
	do(stays, `UPDATE refgrow_ledger_entries SET note = 'for nobody' WHERE id = 1`)
	do(stays, `UPDATE refgrow_ledger_entries SET note = NULL, amount = 6 WHERE id = 1`)
	do(stays, `UPDATE refgrow_ledger_entries SET note = NULL WHERE id = 2`) // who is erased in another project
	do("", `UPDATE refgrow_ledger_entries SET note = NULL WHERE id = 1`)
	do("", `UPDATE refgrow_affiliates SET deleted_at = 2 WHERE id = 1`)
	do("", `DELETE FROM refgrow_ledger_entries WHERE id = 1`)
	do(stays, `DELETE FROM refgrow_ledger_entries WHERE id = 2`)
	if got := column(t, db, `SELECT CAST(COUNT(*) AS TEXT) FROM refgrow_ledger_entries`); got[0] != "1" {
		t.Errorf("%s entries are left, and that of the other affiliate has to stay", got[0])
	}
}

// A customer's notes go with the conversions that are the customer's, or were.
func TestNotesOfErasedCustomers(t *testing.T) {
	t.Parallel()
	db, schema := migrated(t)
	if _, err := db.ExecContext(t.Context(), `
		INSERT INTO refgrow_projects (id, name, currency, hold_days, coupon_first, self_referral, created_at)
		VALUES (1, 'one', 'USD', 0, 1, 'refuse', 1);
		INSERT INTO refgrow_affiliates (project_id, id, email, referral_code, status, created_at)
		VALUES (1, 1, 'a@example.test', 'a', 'active', 1), (1, 2, 'b@example.test', 'b', 'active', 1);
		INSERT INTO refgrow_referrals (project_id, id, email, affiliate_id, status, created_at)
		VALUES (1, 1, 'one@customer.test', 1, 'pending', 1), (1, 2, 'two@customer.test', 2, 'pending', 1);
		INSERT INTO refgrow_conversions
			(project_id, id, type, affiliate_id, referral_id, currency, currency_given, value, paid, reason,
			candidates, commission_reason, priced_currency, priced_value, created_at, available_at)
		SELECT 1, r, 'purchase', 1, r, 'USD', 1, 1, 0, 'code', '[]', 'rule', 'USD', 1, 1, 1 FROM generate_series(1, 2) r;
		INSERT INTO refgrow_deleted_conversions
			(project_id, conversion_id, referral_id) VALUES (1, 3, 1), (1, 4, 2);
		INSERT INTO refgrow_ledger_entries
			(project_id, id, affiliate_id, currency, kind, amount, available_at, created_at, conversion_id, note)
		SELECT 1, c, 1, 'USD', 'correction', 5, 1, 1, c, 'a note' FROM generate_series(1, 4) c;
		INSERT INTO refgrow_erasures
			(project_id, referral_id, deletes, names, part, mark_time, mark, last_answer, last_event, created_at)
		VALUES (1, 1, 0, '[]', '', 0, 0, 0, 0, 1);
		INSERT INTO refgrow_erasures
			(project_id, affiliate_id, deletes, names, part, mark_time, mark, last_answer, last_event, created_at)
		VALUES (1, 2, 0, '[]', '', 0, 0, 0, 0, 1);`); err != nil {
		t.Fatal(err)
	}
	forget := func() (forgotten []string) {
		t.Helper()
		for _, id := range []string{"1", "2", "3", "4"} {
			_, err := db.ExecContext(t.Context(), `SET search_path = pg_catalog;
				UPDATE `+schema+`.refgrow_ledger_entries SET note = NULL WHERE id = `+id+`; SET search_path = `+schema)
			if err == nil {
				forgotten = append(forgotten, id)
				continue
			}
			if state(err) != "23000" {
				t.Fatal(err)
			}
		}
		return forgotten
	}
	db.SetMaxOpenConns(1)
	if got := forget(); !slices.Equal(got, []string{"1", "3"}) {
		t.Errorf("the notes of the entries %v are forgotten, and 1 and 3 are about the customer", got)
	}
	const deleted = `UPDATE refgrow_erasures SET deletes = 1 WHERE affiliate_id = 2`
	if _, err := db.ExecContext(t.Context(), deleted); err != nil {
		t.Fatal(err)
	}
	if got := forget(); !slices.Equal(got, []string{"1", "2", "3", "4"}) {
		t.Errorf("the notes of the entries %v are forgotten, and the customers of a deleted affiliate are 2 and 4", got)
	}
}
