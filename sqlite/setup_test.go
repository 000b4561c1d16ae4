package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// setup opens a fresh file with a table of things, whose names are unique, a
// table that must point to one (checked at the commit), and one project.
func setup(t testing.TB, options Options) *DB {
	t.Helper()
	d, err := Open(context.Background(), filepath.Join(t.TempDir(), "own.db"), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	err = d.Backend().Migrate(context.Background(), backend.Migration{Steps: []string{
		`CREATE TABLE thing (name TEXT PRIMARY KEY, size INTEGER CHECK (size < 100)) STRICT;
		CREATE TABLE part (thing TEXT REFERENCES thing DEFERRABLE INITIALLY DEFERRED) STRICT;
		CREATE TRIGGER bomb BEFORE INSERT ON thing WHEN new.name GLOB 'bomb*' BEGIN
			SELECT RAISE(ROLLBACK, 'boom');
		END;
		` + totalsTable() + `;
		INSERT INTO refgrow_project_totals (project_id) VALUES (1)`,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return d
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

// exec runs a statement inside an operation.
func (d *DB) exec(ctx context.Context, query string, args ...any) error {
	_, err := d.writer.session.stmts.ExecContext(ctx, query, args...)
	return err
}

func (d *DB) insert(ctx context.Context, name string) error {
	return d.exec(ctx, "INSERT INTO thing (name) VALUES (?1)", name)
}

// inserting is work that inserts a thing and counts one ledger entry.
func (d *DB) inserting(name string) backend.Work {
	return backend.Work{WritesLast: true, Run: func(ctx context.Context, tx *backend.Tx) error {
		tx.Add(db.AddTotalsParams{ProjectID: 1, LedgerEntries: 1})
		return d.insert(ctx, name)
	}}
}

func (d *DB) atomic(work backend.Work) error {
	return d.Backend().Atomic(context.Background(), work)
}

// query reads one value outside all operations.
func query[T any](t testing.TB, d *DB, query string, args ...any) T {
	t.Helper()
	var v T
	if err := d.readers.QueryRowContext(context.Background(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func names(t testing.TB, d *DB) string {
	t.Helper()
	return query[string](t, d, "SELECT COALESCE(group_concat(name, ' '), '') FROM (SELECT name FROM thing ORDER BY name)")
}

func entries(t testing.TB, d *DB) int {
	t.Helper()
	return query[int](t, d, "SELECT ledger_entries FROM refgrow_project_totals")
}

// eventually waits for a condition that another goroutine fulfils.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// together makes the operations one batch: they queue up after a transaction that ends
// once all of them wait. It returns how each ended.
func (d *DB) together(t testing.TB, works ...backend.Work) []error {
	t.Helper()
	errs := make([]error, len(works))
	ended := make(chan struct{})
	err := d.Tx(context.Background(), func(*sql.Tx) error {
		for i, work := range works {
			go func() {
				errs[i] = ends(func() error { return d.atomic(work) })
				ended <- struct{}{}
			}()
			eventually(t, "the operation waits", func() bool { return d.writer.Waiting() == i+1 })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for range works {
		<-ended
	}
	return errs
}

var (
	errGoexit = errors.New("the goroutine ended")
	errPanic  = errors.New("it panicked")
	errBoom   = errors.New("boom")
)

// ends runs f in a goroutine and reports how it ended.
func ends(f func() error) error {
	errs := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() {
			if v := recover(); v != nil {
				err = errPanic
			}
			errs <- err
		}()
		err = f()
	}()
	return <-errs
}

// otherProcess opens the file as another process would.
func otherProcess(t testing.TB, d *DB) *sql.DB {
	t.Helper()
	pool, err := d.file.connect(4, []string{"busy_timeout(0)"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return pool
}

// locked holds the file's write lock as another process would; unlock ends it.
func locked(t testing.TB, d *DB) (unlock func()) {
	t.Helper()
	conn, err := otherProcess(t, d).Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		_, _ = conn.ExecContext(context.Background(), "ROLLBACK") // the test may have ended it
		conn.Close()
	}
}

// on reaches below the generated queries, to run a test's own statements.
func on(q db.Querier) db.DBTX {
	return (*struct{ on db.DBTX })(unsafe.Pointer(q.(*db.Queries))).on
}
