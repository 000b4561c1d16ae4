package sqlite

import (
	"context"
	"database/sql"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unsafe"

	_ "modernc.org/sqlite"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// openFile opens a pool on a file, with the given pragmas.
func openFile(t testing.TB, path string, pragmas ...string) *sql.DB {
	t.Helper()
	pool, err := sql.Open("sqlite", "file:"+path+"?"+url.Values{"_pragma": pragmas}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return pool
}

// setup makes a database with a table of things, whose names are unique, and one
// project whose totals are counted.
func setup(t testing.TB, pragmas ...string) (*Backend, *sql.DB) {
	t.Helper()
	if len(pragmas) == 0 {
		pragmas = []string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(OFF)"}
	}
	pool := openFile(t, filepath.Join(t.TempDir(), "host.db"), pragmas...)
	exec(t, pool, "CREATE TABLE thing (name TEXT NOT NULL UNIQUE, size INTEGER CHECK (size < 100)) STRICT")
	exec(t, pool, totalsTable())
	exec(t, pool, "INSERT INTO refgrow_project_totals (project_id) VALUES (1)")
	return New(pool), pool
}

// totalsTable is the table that AddTotals changes, whatever columns it has.
func totalsTable() string {
	ddl := "CREATE TABLE refgrow_project_totals (project_id INTEGER PRIMARY KEY"
	params := reflect.TypeFor[db.AddTotalsParams]()
	capital := regexp.MustCompile("[A-Z]")
	for field := range params.Fields() {
		if name := field.Name; name != "ProjectID" {
			column := strings.ToLower(capital.ReplaceAllString(name, "_$0"))[1:]
			ddl += ", " + column + " INTEGER NOT NULL DEFAULT 0"
		}
	}
	return ddl + ") STRICT"
}

func exec(t testing.TB, on interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, query string, args ...any) {
	t.Helper()
	if _, err := on.ExecContext(context.Background(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// names lists the things, sorted.
func names(t testing.TB, on db.DBTX) string {
	t.Helper()
	var list string
	err := on.QueryRowContext(context.Background(),
		"SELECT COALESCE(group_concat(name, ' '), '') FROM (SELECT name FROM thing ORDER BY name)").Scan(&list)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// on reaches below the generated queries, to run a test's own statements in an
// operation.
func on(q db.Querier) db.DBTX {
	return (*struct{ on db.DBTX })(unsafe.Pointer(q.(*db.Queries))).on
}

func insert(ctx context.Context, tx *backend.Tx, name string) error {
	_, err := on(tx.Querier).ExecContext(ctx, "INSERT INTO thing (name) VALUES (?1)", name)
	return err
}

// inserting is work that inserts a thing and counts one ledger entry.
func inserting(name string) backend.Work {
	return backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
		tx.Add(db.AddTotalsParams{ProjectID: 1, LedgerEntries: 1})
		return insert(ctx, tx, name)
	}}
}
