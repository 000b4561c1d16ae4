package postgres_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A node is a step of a plan, with the steps that it reads from.
type node struct {
	Type      string   `json:"Node Type"`
	Join      string   `json:"Join Type"`
	Table     string   `json:"Relation Name"`
	Alias     string   `json:"Alias"`
	Index     string   `json:"Index Name"`
	IndexCond string   `json:"Index Cond"`
	Filter    string   `json:"Filter"`
	HashCond  string   `json:"Hash Cond"`
	MergeCond string   `json:"Merge Cond"`
	Sorted    []string `json:"Sort Key"`
	Grouped   []string `json:"Group Key"`
	Output    []string `json:"Output"`
	Plans     []node   `json:"Plans"`
}

// all are the step and those that it reads from, the outermost first.
func (n node) all() iter.Seq[node] {
	return func(yield func(node) bool) { n.walk(yield) }
}

func (n node) walk(yield func(node) bool) bool {
	if !yield(n) {
		return false
	}
	for _, below := range n.Plans {
		if !below.walk(yield) {
			return false
		}
	}
	return true
}

// expressions are the texts in which something may be computed.
func (n node) expressions() []string {
	return append(slices.Concat(n.Sorted, n.Grouped, n.Output), n.IndexCond, n.Filter, n.HashCond, n.MergeCond)
}

// String is what the step does, and where.
func (n node) String() string {
	parts := append([]string{n.Type, n.Table, n.Index, n.IndexCond, n.Filter}, n.Sorted...)
	return strings.TrimSpace(strings.Join(parts, " "))
}

// name tells the scans of indexes below a scan of a table what that is.
func (n *node) name(table string) {
	if n.Table == "" && n.Index != "" {
		n.Table = table
	}
	if n.Table != "" {
		table = n.Table
	}
	for i := range n.Plans {
		n.Plans[i].name(table)
	}
}

var placeholder = regexp.MustCompile(`\$(\d+)`)

// explained has the server plan all texts in the order of their names, with values for
// their arguments, NULL for those that are not named.
func explained(
	t *testing.T, db *sql.DB, texts map[string]string, values map[string][]string, each func(name string, plan node),
) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		highest := 0
		for _, m := range placeholder.FindAllStringSubmatch(texts[name], -1) {
			n, _ := strconv.Atoi(m[1])
			highest = max(highest, n)
		}
		given := values[name]
		for len(given) < highest {
			given = append(given, "NULL")
		}
		execute := name
		if given != nil {
			execute += "(" + strings.Join(given, ", ") + ")"
		}
		if _, err := conn.ExecContext(t.Context(), fmt.Sprintf("PREPARE %s AS %s", name, texts[name])); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var text string
		explain := "EXPLAIN (FORMAT JSON, VERBOSE) EXECUTE " + execute
		if err := conn.QueryRowContext(t.Context(), explain).Scan(&text); err != nil {
			t.Fatalf("%s: %v", execute, err)
		}
		var plans []struct{ Plan node }
		if err := json.Unmarshal([]byte(text), &plans); err != nil || len(plans) != 1 {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		plans[0].Plan.name("")
		each(name, plans[0].Plan)
	}
}
