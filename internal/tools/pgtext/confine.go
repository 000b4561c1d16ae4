package main

import (
	"fmt"
	"slices"
	"strings"
)

// confine makes a query read the rows of its project alone, wherever it reads: all keys
// and indexes begin with the project here, so that a database can be spread over many
// machines by it. In SQLite most rows are found by their ids alone.
func confine(q *query, s statement) (statement, error) {
	if q.project == "" {
		return s, nil
	}
	for i := 0; i < len(s); i++ {
		if !q.projects[s.at(i+1)] || !slices.Contains([]string{"FROM", "JOIN", "UPDATE"}, s[i].text) {
			continue
		}
		var err error
		if s, err = confined(q, s, i); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// confined is the statement with a condition for the table that is named after i.
func confined(q *query, s statement, i int) (statement, error) {
	alias, on := s.at(i+1), i+2
	if s.at(on) == "AS" {
		on++
	}
	if on < len(s) && s[on].kind == word && !keyword(s[on].text) {
		alias, on = s[on].text, on+1
	}
	joined := s[i].text == "JOIN"
	if joined && s.at(on) != "ON" {
		return nil, fmt.Errorf("%s is joined without ON", alias)
	}
	if hasProject(s, i, on, alias) {
		return s, nil
	}
	condition := alias + ".project_id = " + q.project
	if joined {
		ends := append(clauses(), "WHERE", "JOIN", "LEFT")
		if s.clause(on, append(ends, "OR")...) != s.clause(on, ends...) {
			return nil, fmt.Errorf("the condition of the join with %s has an OR without parentheses", alias)
		}
		return s.replace(on, on+1, "ON "+condition+" AND"), nil
	}
	where := s.clause(i, append(clauses(), "WHERE")...)
	if s.at(where) != "WHERE" {
		s = s.replace(where, where, "WHERE "+condition)
		s[where].space = " "
		return s, nil
	}
	end := s.clause(where, clauses()...)
	if s.clause(where, append(clauses(), "OR")...) != end {
		s = s.replace(end, end, ")")
		return s.replace(where, where+1, "WHERE "+condition+" AND ("), nil
	}
	return s.replace(where, where+1, "WHERE "+condition+" AND"), nil
}

// clauses are the words that end the conditions of a statement.
func clauses() []string {
	return []string{"GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "UNION", "RETURNING"}
}

// hasProject tells whether the statement around i asks for the project of a table that is
// named after i. Of an outer join, that has to be where it is joined, after on.
func hasProject(s statement, i, on int, alias string) bool {
	within := owners(s)
	for j := range s {
		if within[j] != within[i] || s.at(j+1) != "=" && s.at(j-1) != "=" {
			continue
		}
		if s[j].text != alias+".project_id" && (s[j].text != "project_id" || tables(s, within, i) > 1) {
			continue
		}
		if s.at(s.around(j)-1) == "NOT" {
			continue
		}
		if s.at(i-1) != "LEFT" || on < j && j < s.clause(on, append(clauses(), "WHERE", "JOIN", "LEFT")...) {
			return true
		}
	}
	return false
}

// owners tells of each token where the innermost statement begins that it is in.
func owners(s statement) []int {
	all := make([]int, len(s))
	stack := []int{0}
	for i := range s {
		top := &stack[len(stack)-1]
		switch {
		case s[i].text == "(" && s.at(i+1) == "SELECT":
			stack = append(stack, i+1)
		case s[i].text == "(":
			stack = append(stack, *top)
		case s[i].text == ")":
			stack = stack[:len(stack)-1]
		case s[i].text == "UNION":
			*top = i
		}
		all[i] = stack[len(stack)-1]
	}
	return all
}

// tables counts the tables and subqueries in the innermost statement that i is in.
func tables(s statement, within []int, i int) int {
	n := 0
	for j := range s {
		named := s[j].text == "JOIN" || s[j].text == "UPDATE" || s[j].text == "FROM" && s.at(j-1) != "DISTINCT"
		if named && within[j] == within[i] {
			n++
		}
	}
	return n
}

// insertProject writes the project where SQLite's table has no column for it.
func insertProject(q *query, s statement) statement {
	if !s.follow(0, "INSERT", "INTO") || !q.projects[s.at(2)] || q.project == "" || s.at(3) != "(" {
		return s
	}
	end := s.closing(3)
	if slices.ContainsFunc(s[3:end], func(t part) bool { return t.text == "project_id" }) || s.at(end+1) != "SELECT" {
		return s
	}
	s = s.replace(end+1, end+2, "SELECT CAST("+q.project+" AS BIGINT),")
	return s.replace(4, 5, "project_id, "+s[4].text)
}

// ordered gives a page its order, which SQLite keeps without being asked when it looks up
// the rows of the page one by one.
func ordered(s statement) statement {
	page := slices.IndexFunc(s, func(t part) bool { return t.text == "page" })
	if page < 1 || s[page-1].text != ")" {
		return s
	}
	begin := s.opening(page - 1)
	by := s.clause(begin, "ORDER")
	order := slices.Clone(s[by:s.clause(by, "LIMIT")])
	var columns []string
	for i := range order {
		if qualifier, column, ok := strings.Cut(order[i].text, "."); ok {
			columns = append(columns, qualifier+"."+column)
			order[i].text = "page." + column
		}
	}
	order[0].space = "\n"
	s = append(s, order...)
	return s.replace(begin+2, s.clause(begin, "FROM"), strings.Join(columns, ", "))
}
