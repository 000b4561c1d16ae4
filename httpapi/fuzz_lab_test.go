package httpapi_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	modernc "modernc.org/sqlite"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A lab is a world that every input of a fuzz target finds in its original state,
// whatever earlier inputs did. What changes something is done in a draft; what is
// refused there is also sent to the API as it is everywhere, where it must not change
// anything.
type lab struct {
	*site
	file     *sqlite.DB
	inside   *http.ServeMux   // the API in a draft
	bound    *refgrow.Project // the draft's
	outside  *sql.Conn        // another connection to the same file
	template string
	clean    int64                     // SQLite's count of others' commits while the database was in its original state
	tables   []string                  // each as a query for its rows
	made     []string                  // the rows of the original state
	things   map[string]map[string]any // some things as the API shows them, by their paths
}

// A site is where calls are made: the API as it is everywhere, or in a draft.
type site struct {
	*world
	lab    *lab
	on     queryer // sees what was done here
	before string  // the changes when a draft was begun
}

// newLab makes a lab with what fill puts into it.
func newLab(t testing.TB, fill func(*world)) *lab {
	t.Helper()
	single(t)
	path := refgrowtest.File(t)
	// A commit need not wait for the disk here.
	database, err := sqlite.Open(t.Context(), path, sqlite.Options{Durability: sqlite.Normal, CheckpointPages: 400})
	must(t, err)
	t.Cleanup(func() { must(t, database.Close()) })
	engine, clock := refgrowtest.On(t, database)
	l := &lab{file: database, things: make(map[string]map[string]any)}
	l.site = &site{world: serve(t, engine, clock, refgrow.Settings{Commission: refgrow.Percent("20")}, noLimit), lab: l}
	fill(l.world)
	l.inside = http.NewServeMux()
	httpapi.Register(l.inside, prefix, engine, httpapi.Options{RateLimit: -1, Authenticate: hostOf(&l.bound)})
	l.template = filepath.Join(t.TempDir(), "template.db")
	must(t, engine.Backup(t.Context(), l.template))

	pool, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)")
	must(t, err)
	t.Cleanup(func() { pool.Close() })
	l.outside, err = pool.Conn(context.Background()) // which outlives t.Context, as the cleanup does
	must(t, err)
	t.Cleanup(func() { l.outside.Close() })
	l.findTables(t)
	l.on = l.outside
	l.clean, l.made = l.commits(t), l.rows(t)
	return l
}

// findTables prepares the queries of rows.
func (l *lab) findTables(t testing.TB) {
	t.Helper()
	for _, name := range column(t, l.outside,
		`SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'refgrow\_%' ESCAPE '\' ORDER BY name`) {
		columns := column(t, l.outside, "SELECT name FROM pragma_table_info(?)", name)
		project := "'-'"
		switch {
		case name == "refgrow_projects":
			project = "id"
		case slices.Contains(columns, "project_id"):
			project = "project_id"
		}
		l.tables = append(l.tables, fmt.Sprintf("SELECT '%s ' || %s || ' ' || quote(%s) FROM %s",
			strings.TrimPrefix(name, "refgrow_"), project, strings.Join(columns, ") || ',' || quote("), name))
	}
}

// A queryer is a connection, or a transaction.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// column returns the texts that a query finds.
func column(t testing.TB, on queryer, query string, args ...any) []string {
	t.Helper()
	found, err := on.QueryContext(context.Background(), query, args...)
	must(t, err)
	defer found.Close()
	var texts []string
	for found.Next() {
		var text string
		must(t, found.Scan(&text))
		texts = append(texts, text)
	}
	must(t, found.Err())
	return texts
}

// rows are all rows of the database, each after the names of its table and its project.
func (s *site) rows(t testing.TB) []string {
	t.Helper()
	rows := column(t, s.on, strings.Join(s.lab.tables, " UNION ALL "))
	slices.Sort(rows)
	return rows
}

// commits counts those of connections other than the lab's own.
func (l *lab) commits(t testing.TB) (n int64) {
	t.Helper()
	must(t, l.outside.QueryRowContext(context.Background(), "PRAGMA data_version").Scan(&n))
	return n
}

// restore puts the database back into its original state.
func (l *lab) restore(t testing.TB) {
	t.Helper()
	must(t, l.outside.Raw(func(connection any) error {
		restoring, err := connection.(interface {
			NewRestore(from string) (*modernc.Backup, error)
		}).NewRestore("file:" + l.template)
		if err != nil {
			return err
		}
		for more := true; more && err == nil; {
			more, err = restoring.Step(-1)
		}
		return errors.Join(err, restoring.Finish())
	}))
	l.clean = l.commits(t)
}

// draft lets work use the API in a transaction that is rolled back.
func (l *lab) draft(t testing.TB, work func(s *site)) {
	t.Helper()
	err := l.file.Tx(context.Background(), func(tx *sql.Tx) error {
		l.bound = l.shop.WithTx(tx)
		world := *l.world
		world.mux = l.inside
		s := &site{world: &world, lab: l, on: tx}
		s.before = s.changes(t)
		work(s)
		return errRolledBack
	})
	if !errors.Is(err, errRolledBack) {
		t.Fatal(err)
	}
}

var errRolledBack = errors.New("rolled back")

// unchanged checks that all rows are what they were. If nothing was committed there is
// no need to look at them; work that was undone halfway can end with an empty commit.
func (l *lab) unchanged(t testing.TB, by string) {
	t.Helper()
	if n := l.commits(t); n != l.clean {
		l.clean = n
		l.same(t, by)
	}
}

// sameBut checks that nothing was committed except to one table.
func (l *lab) sameBut(t testing.TB, by, table string) {
	t.Helper()
	if n := l.commits(t); n != l.clean {
		l.only(t, by, table)
		l.restore(t)
	}
}

// changes counts the rows that were written in a draft, including what was undone.
func (s *site) changes(t testing.TB) string { return column(t, s.on, "SELECT total_changes()")[0] }

// same checks that all rows are those of the original state. If none was written there
// is no need to look at them.
func (s *site) same(t testing.TB, by string) {
	t.Helper()
	if s.before != "" && s.changes(t) == s.before {
		return
	}
	if found := differences(s.lab.made, s.rows(t)); len(found) > 0 {
		t.Errorf("%.300s: there is\n%s", by, strings.Join(found, "\n"))
	}
}

// differences are the rows that are gone, with a minus, and the new ones, with a
// plus.
func differences(before, after []string) []string {
	count := make(map[string]int)
	for _, row := range after {
		count[row]++
	}
	for _, row := range before {
		count[row]--
	}
	var found []string
	for row, n := range count {
		for ; n > 0; n-- {
			found = append(found, "+ "+row)
		}
		for ; n < 0; n++ {
			found = append(found, "- "+row)
		}
	}
	slices.Sort(found)
	return found
}

// only checks that what was changed is in the named tables, and belongs to this
// program.
func (s *site) only(t testing.TB, by string, tables ...string) {
	t.Helper()
	for _, row := range differences(s.lab.made, s.rows(t)) {
		table, rest, _ := strings.Cut(row[2:], " ")
		project, _, _ := strings.Cut(rest, " ")
		if !slices.Contains(tables, table) || project != "-" && project != strconv.FormatInt(s.shop.ID(), 10) {
			t.Errorf("%.300s: it is about %s, but there is\n%s", by, tables, row)
		}
	}
}

// audit checks that the engine finds everything in order.
func (l *lab) audit(t testing.TB, by string) {
	t.Helper()
	report, err := l.engine.Verify(t.Context())
	must(t, err)
	for _, d := range report.Differences {
		t.Errorf("%.300s: %s", by, d)
	}
	if lost := column(t, l.outside, `SELECT "table" || ' ' || rowid FROM pragma_foreign_key_check`); len(lost) > 0 {
		t.Errorf("%.300s: rows that lead nowhere: %s", by, lost)
	}
}

// documented checks an answer against what the documentation says about all answers,
// beyond what send checks.
func documented(t testing.TB, r *http.Request, got reply) {
	t.Helper()
	for name := range got.json {
		if !slices.Contains(members(got.status), name) {
			t.Errorf("%s %s: %d with the member %q: %s", r.Method, r.URL, got.status, name, got.body)
		}
	}
	if got.status < 400 {
		return
	}
	code := text(got.json["code"])
	if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/project") && code == "name_fixed" {
		code = codes[got.status]
	}
	if r.Method != http.MethodHead && (got.status >= 500 || code != codes[got.status]) {
		t.Errorf("%s %s: %d with the code %q: %s", r.Method, r.URL, got.status, code, got.body)
	}
	if field, there := got.json["field"]; there && !strings.HasPrefix(text(got.json["error"]), fmt.Sprint(field)+": ") {
		t.Errorf("%s %s: the field is %q, but the error %q", r.Method, r.URL, field, got.json["error"])
	}
	if len(got.body) > 10_000 {
		t.Errorf("%s %s: an error of %d bytes", r.Method, r.URL, len(got.body))
	}
}

var codes = map[int]string{
	400: "invalid", 401: "unauthorized", 403: "forbidden", 404: "not_found",
	405: "method_not_allowed", 409: "conflict", 413: "too_large", 415: "unsupported_media_type", 429: "rate_limited",
}

func members(status int) []string {
	if status >= 400 {
		return []string{"success", "error", "code", "field", "id"}
	}
	return []string{"success", "data", "pagination", "run", "left_out"} // the last two of a run
}
