package db_test

import (
	"database/sql"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/refgrow-go/refgrow/internal/db"
)

type planException struct{ query, step, reason string }

// planExceptions are the only steps of any query's plan that may read more than
// what was asked for. A step that no plan has any more must leave the list.
var planExceptions = []planException{
	{"ListProjects", "SCAN refgrow_projects", "one row a project, and all are wanted"},
	{"NameCurrencies", "SEARCH refgrow_conversions USING INDEX refgrow_conversions_by_time (project_id=?)", "a change of the project's currency, which there is only before the first ledger entry"},
	{"ListKeys", "SCAN k", "a few rows a project, and all are wanted"},
	{"PruneAnswers", "SCAN x", "reads some of the oldest rows, as its LIMIT says"},
	{"ListConversions", "SCAN page", "the ids of one page"},
	{"ListConversionsOfAffiliate", "SCAN page", "the ids of one page"},
	{"ListConversionsOfReferral", "SCAN page", "the ids of one page"},
	{"ListAffiliates", "SCAN page", "the ids of one page"},
	{"ListReferrals", "SCAN page", "the ids of one page"},
	{"ListReferralsOfAffiliate", "SCAN page", "the ids of one page"},
	{"ListCoupons", "SCAN page", "the ids of one page"},
	{"ListCouponsOfAffiliate", "SCAN page", "the ids of one page"},
	{"ListPayouts", "SCAN page", "the ids of one page"},
	{"ListPayoutsOfAffiliate", "SCAN page", "the ids of one page"},
	{"ListPayoutsOfRun", "SCAN page", "the ids of one page"},
	{"ListDeliveries", "SCAN page", "the ids of one page"},
	{"CountConversions", "SEARCH refgrow_conversions USING COVERING INDEX refgrow_conversions_by_time (project_id=? AND created_at>? AND created_at<?)", "counts the range of time that was asked for, in the index alone; the totals know the whole"},
	{"CountCoupons", "SEARCH refgrow_coupons USING COVERING INDEX refgrow_coupons_by_time (project_id=?)", "looks for a part of a code, in the index alone; the totals know the rest"},
	{"FindCouponsByStripeID", "USE TEMP B-TREE FOR DISTINCT", "holds the two affiliates that its LIMIT lets through"},
	{"FindCouponsByLemonsqueezyCode", "USE TEMP B-TREE FOR DISTINCT", "holds the two affiliates that its LIMIT lets through"},
	{"CountPurchasesBefore", "SCAN earlier", "the few rows that its LIMIT lets through"},
	{"CountPayments", "SCAN payments", "the few rows that its LIMIT lets through"},
	{"ListFixedOverrides", "SEARCH refgrow_commission_rules USING INDEX refgrow_commission_rules_overrides (project_id=?)", "a change of the project's currency, which there is only before the first ledger entry"},
	{"ListFixedOverrides", "USE TEMP B-TREE FOR ORDER BY", "a change of the project's currency, which there is only before the first ledger entry"},
	{"ListProjectRulesInForce", "SEARCH w USING COVERING INDEX refgrow_webhooks_by_time (project_id=?)", "asks whether there is a row, and stops at the first one"},
	{"ListProjectRulesInForce", "SEARCH w USING INDEX refgrow_webhooks_by_time (project_id=?)", "looks for an endpoint that asks for an event, of which a project has few"},
	{"CountWebhooks", "SEARCH refgrow_webhooks USING COVERING INDEX refgrow_webhooks_by_time (project_id=?)", "the endpoints, of which a project has few"},
	{"ListActiveWebhooks", "SEARCH refgrow_webhooks USING INDEX refgrow_webhooks_by_time (project_id=?)", "the endpoints, of which a project has few"},
	{"ListActiveWebhooks", "USE TEMP B-TREE FOR ORDER BY", "the endpoints, of which a project has few"},
	{"ListEndpoints", "SCAN refgrow_webhooks", "the endpoints of all projects, all of which are wanted"},
	{"CountWaitingDeliveries", "SCAN refgrow_deliveries USING COVERING INDEX refgrow_deliveries_waiting", "the deliveries that wait, as far as its LIMIT says"},
	{"CountWaitingDeliveries", "SCAN waiting", "the rows that its LIMIT lets through"},
	{"ForgetFormerSecrets", "SEARCH refgrow_webhooks USING INDEX refgrow_webhooks_by_time (project_id=?)", "the endpoints, of which a project has few"},
	{"ListWebhookIDs", "SEARCH refgrow_webhooks USING COVERING INDEX refgrow_webhooks_by_time (project_id=?)", "the endpoints, of which a project has few"},
	{"GetLastEventID", "SEARCH refgrow_events USING COVERING INDEX refgrow_events_by_project (project_id=?)", "the end of the index is the maximum"},
	{"ListProjectsToSpread", "SCAN o", "one row a project that has had an endpoint"},
	{"ListProjectsToSpread", "SEARCH e EXISTS USING COVERING INDEX refgrow_events_by_project (project_id=? AND id>?)", "whether there is one"},
	{"ListProjectsToPrune", "SCAN o", "one row a project that has had an endpoint"},
	{"ListProjectsToPrune", "SEARCH e USING COVERING INDEX refgrow_events_by_time (project_id=? AND created_at<?)", "whether there is one"},
	{"ListProjectsToPrune", "SEARCH w USING INDEX refgrow_webhooks_by_time (project_id=?)", "the endpoints, of which a project has few"},
	{"CountOverrides", "SEARCH refgrow_commission_rules USING INDEX refgrow_commission_rules_overrides (project_id=?)", "counts the overrides, which people write one by one"},
	{"CountPayoutRuns", "SEARCH refgrow_payout_runs USING COVERING INDEX refgrow_payout_runs_by_time (project_id=?)", "the runs of a project, of which there are few"},
	{"SumReserved", "USE TEMP B-TREE FOR GROUP BY", "one affiliate's payouts, for instants in the past alone"},
	{"InsertSettlements", "USE TEMP B-TREE FOR GROUP BY", "the entries of the one payout that is paid"},
	{"InsertSettlements", "USE TEMP B-TREE FOR ORDER BY", "the entries of the one payout that is paid"},
	{"ListSettledByPayout", "USE TEMP B-TREE FOR GROUP BY", "the entries of the one payout that came back"},
	{"ListSettledByPayout", "USE TEMP B-TREE FOR ORDER BY", "the entries of the one payout that came back"},
	{"ListLargeSettlements", "USE TEMP B-TREE FOR GROUP BY", "the entries of the one payout that is paid"},
	{"SumPayable", "USE TEMP B-TREE FOR DISTINCT", "the entries of one affiliate that a payout has to look at"},
	{"SumPayable", "SCAN t", "the entries of one affiliate that a payout has to look at"},
	{"SumPayable", "SCAN u", "the entries of one affiliate that a payout has to look at"},
	{"SumPayable", "USE TEMP B-TREE FOR GROUP BY", "the entries of one affiliate that a payout has to look at"},
	{"SumPayable", "SCAN g", "the entries of one affiliate that a payout has to look at"},
	{"ReserveEntries", "USE TEMP B-TREE FOR DISTINCT", "the entries of one affiliate that a payout has to look at"},
	{"ReserveEntries", "SCAN t", "the entries of one affiliate that a payout has to look at"},
	{"ReserveEntries", "USE TEMP B-TREE FOR ORDER BY", "the entries of one affiliate that a payout has to look at"},
	{"ReserveEntries", "SCAN (subquery-12)", "the entries of one affiliate that a payout has to look at"},
	{"ReserveEntries", "SCAN g", "the entries of one affiliate that a payout has to look at"},
	{"ClearAccount", "USE TEMP B-TREE FOR DISTINCT", "the entries of one affiliate that a payout has to look at"},
	{"ClearAccount", "SCAN t", "the entries of one affiliate that a payout has to look at"},
	{"ClearAccount", "SCAN u", "the entries of one affiliate that a payout has to look at"},
	{"ClearAccount", "USE TEMP B-TREE FOR GROUP BY", "the entries of one affiliate that a payout has to look at"},
	{"ListPayoutsOfConversion", "USE TEMP B-TREE FOR GROUP BY", "the few payouts that have something of one conversion"},
	{"PostToAccount", "USE TEMP B-TREE FOR GROUP BY", "the held entries of an account with debts from before there were groups"},
	{"PostToAccount", "SCAN g", "the held entries of an account with debts from before there were groups"},
	{"SumDebts", "USE TEMP B-TREE FOR GROUP BY", "one affiliate's held entries, for instants in the past alone"},
	{"SumDebts", "SCAN g", "one affiliate's held entries, for instants in the past alone"},
	{"SumEntries", "USE TEMP B-TREE FOR GROUP BY", "one affiliate's entries, for instants in the past alone"},
	{"ListReleases", "USE TEMP B-TREE FOR GROUP BY", "one affiliate's entries, for instants in the past alone"},
	{"ListProjectDays", "SEARCH refgrow_project_days USING PRIMARY KEY (project_id=? AND day>? AND day<?)", "the days that were asked for, of which there are few"},
	{"ListAffiliateDays", "SEARCH p USING PRIMARY KEY (project_id=? AND day>? AND day<?)", "the days that were asked for, of which there are few"},
	{"ListClocks", "SCAN p", "one row a project, and all are wanted"},
	{"CountAhead", "SCAN refgrow_project_totals", "one row a project"},
	{"ListNewestPayouts", "SCAN m", "the one row that its LIMIT lets through"},
	{"ListNewestPayouts", "SCAN c", "the one row that its LIMIT lets through"},
	{"ListNewestPayouts", "SCAN r", "the one row that its LIMIT lets through"},
	{"NoteStampResets", "SEARCH refgrow_stamp_resets USING INDEX refgrow_stamp_resets_of_project (project_id=? AND rowid<?)", "the resets of a project, which its owner asks for one by one"},
	{"PutBackAccounts", "USE TEMP B-TREE FOR GROUP BY", "the held entries of an account from before there were groups"},
	{"PutBackAccounts", "SCAN g", "the held entries of an account from before there were groups"},
	{"FindClaimsNaming", "SEARCH k USING PRIMARY KEY (project_id=?)", "the claims of a project, of which there are 100,000 at most, outside of the write transaction"},
	{"IsBeingErased", "SCAN x", "the people who are being erased at the moment: nearly always nobody"},
	{"GetErasureOf", "SCAN x", "the people who are being erased at the moment: nearly always nobody"},
	{"GetErasureOfReferral", "SCAN x", "the people who are being erased at the moment: nearly always nobody"},
	{"ListErasures", "SCAN refgrow_erasures", "the people who are being erased at the moment, all of whom are wanted"},
	{"DeleteAffiliateDays", "SEARCH p USING PRIMARY KEY (project_id=?)", "the days of the project, a row for each currency"},
}

// projectExceptions are the queries of the engine itself. All others are
// confined to the one project they are given.
var projectExceptions = map[string]string{
	"InsertProject":            "makes the project",
	"GetProject":               "the id is the project's",
	"GetProjectByName":         "finds the project",
	"ListProjects":             "all projects of the engine",
	"UpdateProject":            "the id is the project's",
	"GetKey":                   "keys are managed for all projects",
	"GetSecretCheck":           "the key tells which project its caller may use",
	"GetKeyByPublicID":         "the key tells which project its caller may use",
	"ListKeys":                 "keys are managed for all projects",
	"RevokeKey":                "keys are managed for all projects",
	"ListAffiliatesInDeletion": "goes on with deletions of all projects",
	"LastAnswerID":             "looking for copies ends at the last id there is",
	"LastDeliveryID":           "looking for copies ends at the last id there is",
	"ListErasures":             "goes on with erasures of all projects",
	"PruneAnswers":             "stored answers of all projects are pruned together",
	"ListAnswerLengths":        "stored answers of all callers are added up together",
	"CountWaitingDeliveries":   "of all projects, to measure the process",
	"ForgetAnswers":            "by ids that ListAnswerLengths found, of all callers",
	"ListEndpoints":            "a worker sends the events of all projects",
	"GetProjectOfWebhook":      "a worker sends the events of all projects",
	"ListProjectsToSpread":     "a worker sends the events of all projects",
	"ListProjectsToPrune":      "a worker prunes the events of all projects",
	"GetAddressKey":            "visitors of all projects have one key a day",
	"InsertAddressKey":         "visitors of all projects have one key a day",
	"OverwriteAddressKeys":     "visitors of all projects have one key a day",
	"DeleteAddressKeys":        "visitors of all projects have one key a day",
	"ListClocks":               "all projects of the engine",
	"CountAhead":               "all projects of the engine",
	"NewestEntryOfAll":         "entries of all projects have one order",
	"TouchProject":             "says whether the database can be written",
}

// A query is one constant of the generated code.
type query struct{ name, text string }

var (
	nameLine     = regexp.MustCompile(`\A-- name: (\w+) :\w+\n`)
	placeholder  = regexp.MustCompile(`\?(\d*)`)
	argument     = regexp.MustCompile(`(?:@|sqlc\.narg\()(\w+)`)
	leftover     = regexp.MustCompile(`@\w|sqlc\.|/\*SLICE`)
	ofProject    = regexp.MustCompile(`\bproject_id = (CAST\()?\?\d`)
	insertInto   = regexp.MustCompile(`\AINSERT INTO \w+( AS \w+)?\s*\(([^)]*)\)`)
	equality     = regexp.MustCompile(`(\w+) = (?:CAST\()?\?`)
	limited      = regexp.MustCompile(`\bLIMIT\b`)
	pageSize     = regexp.MustCompile(`\bLIMIT (CAST\()?\?`)
	wholeProject = regexp.MustCompile(`^SEARCH .*\(project_id=\?( AND \S+[<>]\?)*\)$`)
	integers     = regexp.MustCompile(`(_at|_date|_stamp|_to)$|value$|^(amount|rate|total|paid|eligible|refunded)$`)
)

func TestNoQueryScansAGrowingTable(t *testing.T) {
	t.Parallel()
	database := open(t)
	needed := map[int]bool{}
	for _, q := range generated(t) {
		plan := explain(t, database, q.text)
		var problems []string
		for _, step := range plan {
			problem := problemOf(step, q)
			if problem == "" {
				continue
			}
			listed := slices.IndexFunc(planExceptions, func(e planException) bool {
				return e.query == q.name && e.step == step
			})
			if listed < 0 {
				problems = append(problems, fmt.Sprintf("it %s: %s", problem, step))
			}
			needed[listed] = true
		}
		if problems != nil {
			t.Errorf("%s\n\t%s\nthe whole plan:\n\t%s", q.name, strings.Join(problems, "\n\t"), strings.Join(plan, "\n\t"))
		}
	}
	for i, e := range planExceptions {
		if !needed[i] {
			t.Errorf("%s has no step %q: take it off the list of exceptions", e.query, e.step)
		}
		if e.reason == "" {
			t.Errorf("%s is excepted without a reason", e.query)
		}
	}
}

// problemOf tells what is wrong with a step of a query's plan, if anything is.
// The queries of Verify recompute everything, so that they may read all there
// is, once; but one that goes on page by page must find its place by an index,
// or it would read everything for each page.
func problemOf(step string, q query) string {
	verifies := strings.HasPrefix(q.name, "Verify")
	paged := pageSize.MatchString(q.text)
	switch {
	case strings.Contains(step, "VIRTUAL TABLE"): // json_each: the ids given
		return ""
	case strings.HasPrefix(step, "SCAN CONSTANT ROW"):
		return ""
	case strings.HasPrefix(step, "SCAN ") && !verifies:
		return "reads a whole table"
	case strings.Contains(step, "USE TEMP B-TREE") && (!verifies || paged):
		return "sorts"
	case strings.Contains(step, " AUTOMATIC "):
		return "builds an index each time"
	case !wholeProject.MatchString(step) || verifies:
		return ""
	case !limited.MatchString(q.text):
		return "reads all rows of a project"
	}
	// A page of a project's rows, in the order of an index, ends by itself; but
	// not when the page is one of rows that something else picks.
	for _, m := range equality.FindAllStringSubmatch(q.text, -1) {
		if m[1] != "project_id" {
			return "may read all rows of a project to find those of one " + m[1]
		}
	}
	return ""
}

func TestEveryQueryIsOfOneProject(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, q := range generated(t) {
		names[q.name] = true
		within := ofProject.MatchString(q.text)
		if columns := insertInto.FindStringSubmatch(q.text); columns != nil {
			within = within || strings.Contains(columns[2], "project_id")
		}
		reason, listed := projectExceptions[q.name]
		switch {
		case !within && !listed:
			t.Errorf("%s could reach rows of another project:\n%s", q.name, q.text)
		case within && listed:
			t.Errorf("%s names its project: take it off the list of exceptions", q.name)
		case listed && reason == "":
			t.Errorf("%s is excepted without a reason", q.name)
		}
	}
	for name := range projectExceptions {
		if !names[name] {
			t.Errorf("there is no query %s: take it off the list of exceptions", name)
		}
	}
}

// The generator leaves an argument in the text, or drops it, where it does not
// understand the SQL.
func TestEveryArgumentIsBound(t *testing.T) {
	t.Parallel()
	sources := sources(t)
	for _, q := range generated(t) {
		if rest := leftover.FindString(q.text); rest != "" {
			t.Errorf("%s: %q was left in the SQL:\n%s", q.name, rest, q.text)
		}
		bound := map[string]bool{}
		for _, m := range placeholder.FindAllStringSubmatch(q.text, -1) {
			if m[1] == "" {
				t.Errorf("%s mixes ? with numbered arguments:\n%s", q.name, q.text)
			}
			bound[m[1]] = true
		}
		named := map[string]bool{}
		for _, m := range argument.FindAllStringSubmatch(sources[q.name], -1) {
			named[m[1]] = true
		}
		if len(bound) != len(named) || len(bound) != arguments(q.text) {
			t.Errorf("%s has the arguments %v, but its SQL binds %d:\n%s",
				q.name, slices.Sorted(maps.Keys(named)), len(bound), q.text)
		}
	}
}

func TestSchemaConventions(t *testing.T) {
	t.Parallel()
	database := open(t)

	for _, name := range column(t, database, `SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name NOT LIKE 'refgrow\_%' ESCAPE '\'`) {
		t.Errorf("%s is not named refgrow_*", name)
	}
	tables := column(t, database, `SELECT name FROM pragma_table_list WHERE type = 'table' AND name LIKE 'refgrow%'`)
	if len(tables) == 0 {
		t.Fatal("the schema has no tables")
	}
	for _, name := range column(t, database, `SELECT name FROM pragma_table_list WHERE schema = 'main' AND name LIKE 'refgrow%' AND NOT strict`) {
		t.Errorf("%s is not STRICT", name)
	}
	for _, table := range tables {
		for _, c := range column(t, database, `SELECT name || ' ' || type FROM pragma_table_info(?)`, table) {
			name, kind, _ := strings.Cut(c, " ")
			switch {
			case integers.MatchString(name) && kind != "INTEGER":
				t.Errorf("%s.%s is a time or an amount, but %s", table, name, kind)
			case kind != "INTEGER" && kind != "TEXT" && kind != "BLOB":
				t.Errorf("%s.%s is %s", table, name, kind)
			}
		}
	}
}

// Where foreign keys are on, deleting a row looks for the rows that refer to it,
// which no query's plan shows. Projects are never deleted.
func TestForeignKeysAreIndexed(t *testing.T) {
	t.Parallel()
	database := open(t)
	keys := column(t, database, `SELECT t.name || ' ' || k."from" FROM pragma_table_list t JOIN pragma_foreign_key_list(t.name) k
		WHERE t.name LIKE 'refgrow%' AND k."table" <> 'refgrow_projects'`)
	if len(keys) == 0 {
		t.Fatal("the schema has no foreign keys")
	}
	for _, key := range keys {
		table, name, _ := strings.Cut(key, " ")
		for _, step := range explain(t, database, "SELECT 1 FROM "+table+" WHERE "+name+" = ?1") {
			if !strings.HasPrefix(step, "SEARCH ") {
				t.Errorf("%s.%s refers to rows that may be deleted, and no index finds it: %s", table, name, step)
			}
		}
	}
}

// open makes a database with the present schema.
func open(t *testing.T) *sql.DB {
	t.Helper()
	schema, err := os.ReadFile(filepath.Join("..", "..", "schema.sql"))
	if err != nil {
		t.Fatal(err)
	}
	database, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "plans.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close() })
	if _, err := database.ExecContext(t.Context(), string(schema)); err != nil {
		t.Fatal(err)
	}
	return database
}

// explain returns the steps of the plan of one statement.
func explain(t *testing.T, database *sql.DB, text string) []string {
	t.Helper()
	rows, err := database.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, make([]any, arguments(text))...)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	defer func() { _ = rows.Close() }()
	var steps []string
	for rows.Next() {
		var id, parent, unused int64
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// arguments returns the highest number of the placeholders in text.
func arguments(text string) int {
	highest := 0
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[1])
		highest = max(highest, n)
	}
	return highest
}

// column returns the first column of a query's rows.
func column(t *testing.T, database *sql.DB, text string, args ...any) []string {
	t.Helper()
	rows, err := database.QueryContext(t.Context(), text, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	defer func() { _ = rows.Close() }()
	var values []string
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

// generated returns the SQL of every query, and fails unless each method of
// db.Querier has one.
func generated(t *testing.T) []query {
	t.Helper()
	files, err := filepath.Glob("*.sql.go")
	if err != nil {
		t.Fatal(err)
	}
	var queries []query
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range parsed.Decls {
			constants, ok := declaration.(*ast.GenDecl)
			if !ok || constants.Tok != token.CONST {
				continue
			}
			for _, spec := range constants.Specs {
				for _, value := range spec.(*ast.ValueSpec).Values {
					text := literal(t, value)
					name := nameLine.FindStringSubmatch(text)
					if name == nil {
						t.Fatalf("%s has a constant that is no query: %s", file, text)
					}
					queries = append(queries, query{name[1], text[len(name[0]):]})
				}
			}
		}
	}
	names := map[string]bool{}
	for _, q := range queries {
		names[q.name] = true
	}
	methods := reflect.TypeFor[db.Querier]()
	for method := range methods.Methods() {
		if !names[method.Name] {
			t.Fatalf("the SQL of %s was not found", method.Name)
		}
	}
	if len(queries) != methods.NumMethod() {
		t.Fatalf("%d queries, but %d methods", len(queries), methods.NumMethod())
	}
	return queries
}

// literal returns the value of a string constant; the generator joins several
// literals when the SQL has a backquote.
func literal(t *testing.T, value ast.Expr) string {
	t.Helper()
	switch v := value.(type) {
	case *ast.BinaryExpr:
		return literal(t, v.X) + literal(t, v.Y)
	case *ast.BasicLit:
		text, err := strconv.Unquote(v.Value)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	t.Fatalf("a constant is neither a literal nor a sum of them: %T", value)
	return ""
}

// sources returns the queries as they were written, by name.
func sources(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "queries", "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := ""
		for line := range strings.Lines(string(content)) {
			if rest, ok := strings.CutPrefix(line, "-- name: "); ok {
				name, _, _ = strings.Cut(rest, " ")
				continue
			}
			code, _, _ := strings.Cut(line, "--")
			queries[name] += code
		}
	}
	return queries
}
