package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// functions are those that do the same in PostgreSQL under this name, or that a rule
// writes.
func functions() []string {
	return []string{
		"CAST", "COALESCE", "SUM", "COUNT", "MAX", "MIN", "GREATEST", "LEAST", "lower", "length", "LENGTH",
		"strpos", "jsonb_array_elements_text", "decode", "repeat",
	}
}

// keywords are what may stand before a parenthesis and calls nothing.
func keywords() []string {
	return []string{
		"AND", "OR", "NOT", "IN", "EXISTS", "WHERE", "ON", "BY", "FROM", "JOIN", "VALUES", "CONFLICT", "SELECT", "WHEN",
		"THEN", "ELSE", "OVER", "FILTER", "BETWEEN", "LIKE", "ALL", "SET",
	}
}

// operators are those that do the same. What / and % do depends on the types of both
// sides: a sum is a numeric in PostgreSQL, whose quotients are not whole. That is for
// tests on a server to find, which know the types.
func operators() []string {
	return []string{"=", "<>", "<", ">", "<=", ">=", "+", "-", "*", "/", "%", "||", "(", ")", ","}
}

// strangers are words that PostgreSQL does not know, or knows as something else.
func strangers() []string {
	return []string{
		"GLOB", "REGEXP", "MATCH", "ISNULL", "NOTNULL", "INDEXED", "IGNORE", "ABORT", "FAIL", "ROLLBACK", "REPLACE",
		"ROWID", "OID", "_ROWID_", "COLLATE", "NOCASE", "AUTOINCREMENT", "SQLITE_SEQUENCE", "SQLITE_SCHEMA",
		"INTEGER", "BLOB", "REAL", "CROSS", "TRUE", "FALSE",
	}
}

// A permit lets some queries use what differs, because it makes no difference there.
type permit struct {
	what, why string
	queries   map[string]int // how many times each may, nil for all of them
}

// permits are all that there are. GREATEST and LEAST leave NULL out, where MAX and MIN of
// several values are NULL in SQLite; LIKE does not care about case there.
func permits() []permit {
	const (
		columns = "columns and arguments that are never NULL"
		sums    = "sums of a CASE with ELSE are never NULL"
		events  = "names of events have no capitals"
	)
	return []permit{
		{"GREATEST", columns, map[string]int{"AddTotals": 1, "NoteSuccess": 1, "PostToAccount": 2, "VerifyRows": 1}},
		{"GREATEST", "each is in a COALESCE", map[string]int{"VerifyAccountPayouts": 1, "VerifyProjectCounts": 2}},
		{"LEAST", sums, map[string]int{"PostToAccount": 1, "PutBackAccounts": 1, "SumDebts": 1, "VerifyGroups": 1}},
		{"LEAST", columns, map[string]int{"UnclearAccount": 1}},
		{"LEAST", "where one of two is NULL, it gives the other one, as the COALESCE around it does",
			map[string]int{"PostToAccount": 1}},
		{"LIKE 'erased-%_erased.invalid'", "emails have no capitals", nil},
		{`LIKE '%"payout_updated"%'`, events, nil},
		{`LIKE '%"affiliate_updated"%'`, events, nil},
	}
}

func keyword(text string) bool { return strings.ToUpper(text) == text }

// refuse tells what a text has that is not known to be the same in PostgreSQL.
func refuse(q *query, s statement) error {
	for i, t := range s {
		switch {
		case t.text == "X" && s.at(i+1) != "" && s[i+1].kind == literal:
			return fmt.Errorf("PostgreSQL has no X%s", s[i+1].text)
		case t.kind == word && slices.Contains(strangers(), strings.ToUpper(t.text)):
			return fmt.Errorf("PostgreSQL has no %s", t.text)
		case t.kind == word && s.at(i+1) == "(" && keyword(t.text) && slices.Contains(keywords(), t.text):
		case t.kind == word && s.at(i+1) == "(" && slices.Contains(functions(), t.text):
		case t.kind == word && s.at(i+1) == "(" && listsColumns(s, i):
		case t.kind == word && s.at(i+1) == "(":
			return fmt.Errorf("the function %s is not among those that do the same", t.text)
		case t.kind == sign && !slices.Contains(operators(), t.text):
			return fmt.Errorf("the operator %s is not among those that do the same", t.text)
		}
	}
	for _, what := range slices.Sorted(maps.Keys(q.uses)) {
		allowed := 0
		for _, p := range permits() {
			switch {
			case p.what == what && p.queries == nil:
				allowed = q.uses[what]
			case p.what == what:
				allowed += p.queries[q.name]
			}
		}
		if q.uses[what] != allowed {
			return fmt.Errorf("it has %s %d times, and %d are permitted: see permits", what, q.uses[what], allowed)
		}
	}
	return nil
}

// listsColumns tells whether the word at i is a table or an alias, whose columns follow.
func listsColumns(s statement, i int) bool {
	return s.at(i-1) == "INTO" || s.at(i-1) == "AS"
}
