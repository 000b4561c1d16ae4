package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A query is one of internal/db.
type query struct {
	name, kind string // such as GetProject, one
	text       string // for SQLite, its arguments numbered and its columns spelled out
	arguments  map[string]string
	project    string          // the argument that is the project, "" if there is none
	projects   map[string]bool // the tables that have a project in PostgreSQL
	uses       map[string]int  // of what has to be listed
}

var nameLine = regexp.MustCompile(`(?m)^-- name: (\w+) :(\w+)\n`)

// sources reads the queries of a folder as they are written, by their names.
func sources(folder string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.sql"))
	if err != nil {
		return nil, err
	}
	all := make(map[string]string)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		text := string(content)
		at := nameLine.FindAllStringSubmatchIndex(text, -1)
		for i, m := range at {
			end := len(text)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			name := text[m[2]:m[3]]
			if all[name] != "" {
				return nil, fmt.Errorf("%s: %s is there twice", file, name)
			}
			all[name] = strings.TrimSpace(comment.ReplaceAllString(text[m[1]:end], ""))
		}
	}
	return all, nil
}

// constants reads the queries that sqlc has made of the sources.
func constants(folder string) ([]*query, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.sql.go"))
	if err != nil {
		return nil, err
	}
	var all []*query
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, declaration := range parsed.Decls {
			group, ok := declaration.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				text, err := value(spec.(*ast.ValueSpec).Values[0])
				if err != nil {
					return nil, fmt.Errorf("%s: %w", file, err)
				}
				m := nameLine.FindStringSubmatch(text)
				if m == nil {
					return nil, fmt.Errorf("%s has a constant that is no query: %s", file, text)
				}
				all = append(all, &query{name: m[1], kind: m[2], text: text[len(m[0]):]})
			}
		}
	}
	slices.SortFunc(all, func(a, b *query) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// value is the text of a constant, which is in several literals where it has a backquote.
func value(e ast.Expr) (string, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		return strconv.Unquote(e.Value)
	case *ast.BinaryExpr:
		x, err := value(e.X)
		if err != nil {
			return "", err
		}
		y, err := value(e.Y)
		return x + y, err
	}
	return "", fmt.Errorf("a constant is a %T, which is no text", e)
}

var (
	named    = regexp.MustCompile(`@(\w+)|sqlc\.n?arg\('?(\w+)'?\)`)
	numbered = regexp.MustCompile(`\?(\d+)`)
	embedded = regexp.MustCompile(`sqlc\.embed\((\w+)\)`)
)

// number finds out which number sqlc has given each argument of the source: it leaves
// them where they are.
func (q *query) number(source string) error {
	names, numbers := named.FindAllStringSubmatch(source, -1), numbered.FindAllStringSubmatch(q.text, -1)
	if len(names) != len(numbers) {
		return fmt.Errorf("the source names arguments %d times, and the constant %d times", len(names), len(numbers))
	}
	q.arguments = make(map[string]string)
	for i, m := range names {
		name, number := m[1]+m[2], "$"+numbers[i][1]
		if before := q.arguments[name]; before != "" && before != number {
			return fmt.Errorf("the argument %s is %s and %s", name, before, number)
		}
		q.arguments[name] = number
	}
	q.project = q.arguments["project_id"]
	return nil
}

// byHand numbers the arguments of a text for PostgreSQL as they are in the constant.
func (q *query) byHand(text string) (string, error) {
	var unknown []string
	text = named.ReplaceAllStringFunc(text, func(s string) string {
		m := named.FindStringSubmatch(s)
		number, ok := q.arguments[m[1]+m[2]]
		if !ok {
			unknown = append(unknown, m[1]+m[2])
		}
		return number
	})
	if unknown != nil {
		return "", fmt.Errorf("the query has no argument %s", strings.Join(unknown, ", "))
	}
	if m := embedded.FindString(text); m != "" {
		return "", fmt.Errorf("%s: its columns have to be written out", m)
	}
	return strings.TrimSpace(strings.TrimSuffix(text, ";")), nil
}

// byRule makes the text of PostgreSQL.
func (q *query) byRule(used map[string]int) (string, error) {
	q.uses = make(map[string]int)
	s := parse(strings.TrimSuffix(strings.TrimSpace(q.text), ";"))
	for i := 0; i < len(s); i++ {
		if s[i].text == "LIKE" {
			q.uses["LIKE "+s.at(i+1)]++
		}
		for _, r := range rules() {
			var done bool
			if s, done = r.apply(q, s, i); done {
				used[r.name]++
			}
			if i >= len(s) {
				break
			}
		}
	}
	s, err := confine(q, s)
	if err != nil {
		return "", err
	}
	s = ordered(insertProject(q, s))
	if err := refuse(q, s); err != nil {
		return "", err
	}
	return s.String(), nil
}
