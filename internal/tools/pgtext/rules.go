package main

import (
	"slices"
	"strings"
)

// A rule makes SQL of PostgreSQL of what stands at one place of a statement of SQLite. It
// returns the statement, and whether it has done something.
type rule struct {
	name  string
	apply func(q *query, s statement, i int) (statement, bool)
}

// rules are applied at each token in turn, in this order.
func rules() []rule {
	return []rule{
		{"$1 for ?1", func(_ *query, s statement, i int) (statement, bool) {
			if s[i].kind != argument || s[i].text[0] != '?' {
				return s, false
			}
			s[i].text = "$" + s[i].text[1:]
			return s, true
		}},
		{"BIGINT for INTEGER", same("INTEGER", "BIGINT")},
		{"BYTEA for BLOB", same("BLOB", "BYTEA")},
		{"strpos for instr", same("instr", "strpos")},
		{"no unary +, which keeps SQLite from an index", unaryPlus},
		{"GREATEST for MAX of several", greatest("MAX", "GREATEST")},
		{"LEAST for MIN of several", greatest("MIN", "LEAST")},
		{"IS DISTINCT FROM for IS NOT", distinct},
		{"an empty BYTEA for X''", func(_ *query, s statement, i int) (statement, bool) {
			if !s.follow(i, "X", "''") {
				return s, false
			}
			return s.replace(i, i+2, "CAST('' AS BYTEA)"), true
		}},
		{"repeat for zeroblob", func(_ *query, s statement, i int) (statement, bool) {
			if !s.follow(i, "zeroblob", "(") {
				return s, false
			}
			end := s.closing(i + 1)
			return s.replace(i, end+1, "decode(repeat('00', CAST("+s[i+2:end].String()+" AS INT)), 'hex')"), true
		}},
		{"LIKE for GLOB", glob},
		{"JOIN for CROSS JOIN, which keeps SQLite's order of tables", func(_ *query, s statement, i int) (statement, bool) {
			if !s.follow(i, "CROSS", "JOIN") || s.at(s.clause(i+1, "ON", "JOIN", "WHERE")) != "ON" {
				return s, false
			}
			return s.replace(i, i+2, "JOIN"), true
		}},
		{"a number for a comparison before BETWEEN", between},
		{"jsonb_array_elements_text for json_each", jsonEach},
		{"the sequence for sqlite_sequence", sequence},
		{"the project in the target of a conflict", conflict},
	}
}

// same gives a word another name.
func same(from, to string) func(*query, statement, int) (statement, bool) {
	return func(_ *query, s statement, i int) (statement, bool) {
		if s[i].text != from {
			return s, false
		}
		s[i].text = to
		return s, true
	}
}

func unaryPlus(_ *query, s statement, i int) (statement, bool) {
	if s[i].text != "+" || !slices.Contains([]string{"WHERE", "AND", "OR", "ON", "WHEN", "=", "(", ","}, s.at(i-1)) {
		return s, false
	}
	s[i+1].space = s[i].space
	return slices.Delete(s, i, i+1), true
}

// greatest is for functions that are NULL in SQLite when one of their arguments is, and
// in PostgreSQL only when all of them are.
func greatest(from, to string) func(*query, statement, int) (statement, bool) {
	return func(q *query, s statement, i int) (statement, bool) {
		if !s.follow(i, from, "(") || s.at(s.clause(i+1, ",")) != "," {
			return s, false
		}
		q.uses[to]++
		s[i].text = to
		return s, true
	}
}

func distinct(_ *query, s statement, i int) (statement, bool) {
	if s[i].text != "IS" || s.at(i+1) == "NULL" || s.follow(i+1, "NOT", "NULL") || s.at(i+1) == "DISTINCT" ||
		s.follow(i+1, "NOT", "DISTINCT") {
		return s, false
	}
	if s.at(i+1) == "NOT" {
		return s.replace(i, i+2, "IS DISTINCT FROM"), true
	}
	return s.replace(i, i+1, "IS NOT DISTINCT FROM"), true
}

// glob is for patterns that say how a text begins.
func glob(_ *query, s statement, i int) (statement, bool) {
	if s[i].text != "GLOB" || s[i+1].kind != literal {
		return s, false
	}
	begins, ok := strings.CutSuffix(s[i+1].text, "*'")
	if !ok || strings.ContainsAny(begins, `*?[_%\`) {
		return s, false
	}
	s[i].text, s[i+1].text = "LIKE", begins+"%'"
	return s, true
}

// between is for comparisons, which are numbers in SQLite: 1 where they hold.
func between(_ *query, s statement, i int) (statement, bool) {
	if !s.follow(i, ")", "BETWEEN") {
		return s, false
	}
	from := s.opening(i)
	before := []string{"AND", "OR", "WHERE", "NOT"}
	if from < 1 || s[from+1].text == "CASE" || s[from-1].kind == word && !slices.Contains(before, s[from-1].text) {
		return s, false
	}
	return s.replace(from, i+1, "(CASE WHEN "+s[from+1:i].String()+" THEN 1 ELSE 0 END)"), true
}

// jsonEach gives the elements of an array, as texts.
func jsonEach(_ *query, s statement, i int) (statement, bool) {
	if !s.follow(i, "json_each", "(") {
		return s, false
	}
	end := s.closing(i + 1)
	array, alias, to := s[i+2:end].String(), "each", end+1
	if to < len(s) && s[to].kind == word && strings.ToLower(s[to].text) == s[to].text {
		alias, to = s[to].text, to+1
	}
	return s.replace(i, to, "jsonb_array_elements_text(CAST("+array+" AS JSONB)) AS "+alias+" (value)"), true
}

// sequence is for the greatest id that a table has ever had.
func sequence(_ *query, s statement, i int) (statement, bool) {
	if !s.follow(i, "SELECT", "s.seq", "FROM", "sqlite_sequence", "s", "WHERE", "s.name", "=") {
		return s, false
	}
	table := strings.Trim(s[i+8].text, "'")
	return s.replace(i, i+9, "SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM "+table+"_id_seq s"), true
}

// conflict is for unique indexes, all of which begin with the project here.
func conflict(q *query, s statement, i int) (statement, bool) {
	if !s.follow(i, "ON", "CONFLICT", "(") || !q.projects[s.at(2)] {
		return s, false
	}
	if slices.ContainsFunc(s[i+3:s.closing(i+2)], func(t part) bool { return t.text == "project_id" }) {
		return s, false
	}
	return s.replace(i+3, i+4, "project_id, "+s[i+3].text), true
}
