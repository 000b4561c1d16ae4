package postgres_test

import (
	"database/sql"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/internal/postgres"
	"github.com/refgrow-go/refgrow/postgres/internal/server"
)

func TestNoQueryReadsAGrowingTable(t *testing.T) {
	t.Parallel()
	db, schema := migrated(t, "plan_cache_mode", "force_custom_plan", "jit", "off",
		"enable_seqscan", "off", "enable_bitmapscan", "off")
	if !server.Get(t).Own() {
		t.Skip("on a server that is not the tests' own, nobody may change what the planner believes")
	}
	seed(t, db, schema)
	values := make(map[string][]string)
	for name, call := range callsOf(t) {
		for _, argument := range call.arguments {
			values[name] = append(values[name], value(argument))
		}
	}
	texts, exceptions, everywhere := postgres.Texts(""), planExceptions(), ofAllProjects()
	needed := make(map[string]bool)
	explained(t, db, texts, values, func(name string, plan node) {
		var problems []string
		for n := range plan.all() {
			problem := problemOf(n, name, texts[name])
			if problem == "" {
				continue
			}
			listed := func(e planException) bool { return e.query == name && e.step == problem }
			switch {
			case everywhere[name] != "":
				needed[name] = true
			case slices.ContainsFunc(exceptions, listed):
				needed[name+" "+problem] = true
			default:
				problems = append(problems, problem+": "+n.String())
			}
		}
		if problems != nil {
			t.Errorf("%s\n\t%s", name, strings.Join(problems, "\n\t"))
		}
	})
	var version int
	const asked = "SELECT CAST(current_setting('server_version_num') AS INT) / 10000"
	if err := db.QueryRowContext(t.Context(), asked).Scan(&version); err != nil {
		t.Fatal(err)
	}
	if version != 15 { // others may find better plans
		return
	}
	for name := range everywhere {
		if !needed[name] {
			t.Errorf("%s reads nothing of all projects: take it off the list", name)
		}
	}
	for _, e := range exceptions {
		if !needed[e.query+" "+e.step] {
			t.Errorf("%s has no step that %s: take it off the list of exceptions", e.query, e.step)
		}
	}
}

// seed fills a database, and has the planner believe that it is large: that every table
// has a thousand times its rows, and that many rows of what grows are of one affiliate,
// customer, conversion or payout.
func seed(t *testing.T, db *sql.DB, schema string) {
	t.Helper()
	for _, change := range column(t, db, `
		SELECT format('ALTER TABLE %I ALTER COLUMN %I SET (n_distinct = 100)', c.relname, a.attname)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname LIKE '%\_id' AND a.attname <> 'project_id'
			AND c.relname NOT IN ('refgrow_external_ids', 'refgrow_accounts', 'refgrow_codes')
		WHERE c.relnamespace = CAST($1 AS regnamespace) AND c.relkind = 'r'
			AND a.atttypid = CAST('int8' AS regtype)`, schema) {
		if _, err := db.ExecContext(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.ExecContext(t.Context(), written(t, "postgres", "testdata", "seed.sql")); err != nil {
		t.Fatal(err)
	}
	const large = `UPDATE pg_class SET reltuples = reltuples * 1000
		WHERE relnamespace = CAST($1 AS regnamespace) AND reltuples > 0 AND relname <> 'refgrow_projects'`
	if _, err := db.ExecContext(t.Context(), large, schema); err != nil {
		t.Fatal(err)
	}
}

// value is one for an argument, as an app could give it.
func value(argument field) string {
	name := strings.ToLower(argument.name)
	lists := []string{
		"ids", "affiliateids", "referralids", "codes", "emails", "names", "words", "affiliates", "products",
	}
	switch {
	case argument.kind == "bytea", name == "hash":
		return `'\x00'`
	case slices.Contains(lists, name):
		return `'["1","2"]'`
	case name == "clicks" && argument.kind == "text":
		return `'[[1,"code",null,null,null,1,1,1,0,9]]'`
	case argument.kind == "text", name == "email", name == "currency", name == "reference":
		return `'a'`
	case name == "projectid":
		return "3"
	case slices.Contains([]string{"limit", "atmost", "rows"}, name):
		return "50"
	case name == "offset":
		return "0"
	case strings.HasSuffix(name, "id") && !strings.HasPrefix(name, "after") && name != "toid" && name != "lastid":
		return "42" // of that project
	case strings.HasPrefix(name, "after"), strings.Contains(name, "from"), name == "firstid":
		return "0"
	}
	return "9000"
}

var (
	limited   = regexp.MustCompile(`\bLIMIT\b`)
	pageSized = regexp.MustCompile(`\bLIMIT (CAST\()?\$`)
)

// problemOf tells what is wrong with a step of a query's plan, if anything is. Queries of
// Verify recompute everything, so that they may read all rows of a project, once; but one
// that goes on page by page must find its place by an index.
func problemOf(n node, name, text string) string {
	verifies, paged := strings.HasPrefix(name, "Verify"), pageSized.MatchString(text)
	alone := []string{"refgrow_projects", "refgrow_outbox_positions", "refgrow_address_keys", "refgrow_api_keys"}
	one := n.Table == "refgrow_project_totals" // a row for each project
	switch {
	case n.Type == "Seq Scan":
		return "reads all of " + n.Table
	case strings.Contains(n.Type, "Sort") && (!verifies || paged):
		return "sorts"
	case n.Index == "" || slices.Contains(alone, n.Table):
		return ""
	case !strings.Contains(n.IndexCond, "project_id = "):
		return "reads an index of all projects of " + n.Table
	case !strings.Contains(n.IndexCond, " AND ") && !one && !verifies && !limited.MatchString(text):
		return "reads all of a project of " + n.Table
	}
	return ""
}
