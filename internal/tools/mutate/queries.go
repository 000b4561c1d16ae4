package main

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mutateQueries changes the SQL in the constants of a file that sqlc has written.
func (c *code) mutateQueries(s *source, file string) []*mutant {
	var all []*mutant
	for _, declaration := range s.files[file].Decls {
		group, ok := declaration.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			constant := spec.(*ast.ValueSpec)
			literal, ok := constant.Values[0].(*ast.BasicLit)
			if !ok || !strings.HasPrefix(literal.Value, "`") {
				continue
			}
			at := s.set.Position(literal.Pos())
			q := query{words: c.texts, tokens: tokensOf(literal.Value)}
			q.mutate()
			for _, m := range q.mutants {
				m.line = at.Line + strings.Count(literal.Value[:m.edits[0].from], "\n")
				m.file, m.where = file, constant.Names[0].Name
				for i := range m.edits {
					m.edits[i].from += at.Offset
					m.edits[i].to += at.Offset
				}
				all = append(all, m)
			}
		}
	}
	return all
}

// A sqlToken is a piece of SQL that is no space and no comment.
type sqlToken struct {
	text     string
	from, to int
}

func tokensOf(sql string) []sqlToken {
	piece := regexp.MustCompile("--[^\n]*|\\s+|`|" +
		`'(?:[^']|'')*'|\?\d*|[@:]?[A-Za-z_][\w.]*|\d+|<>|<=|>=|!=|==|\|\||.`)
	var tokens []sqlToken
	for _, at := range piece.FindAllStringIndex(sql, -1) {
		text := sql[at[0]:at[1]]
		if strings.HasPrefix(text, "--") || strings.TrimSpace(text) == "" || text == "`" {
			continue
		}
		tokens = append(tokens, sqlToken{text, at[0], at[1]})
	}
	return tokens
}

// A query is the SQL that is changed.
type query struct {
	words   map[string][]string // that can stand for one another
	tokens  []sqlToken
	mutants []*mutant
}

// at is the token at an index, and "" beyond the ends.
func (q *query) at(i int) string {
	if i < 0 || i >= len(q.tokens) {
		return ""
	}
	return q.tokens[i].text
}

// around is how many tokens on each side of a change its name shows.
const around = 4

// replace puts a text in place of some tokens.
func (q *query) replace(kind string, i, n int, text string) {
	before, after := i, i+n
	first, last := max(0, before-around), min(len(q.tokens), after+around)
	join := func(tokens []sqlToken) string {
		texts := make([]string, 0, len(tokens))
		for _, t := range tokens {
			texts = append(texts, t.text)
		}
		return strings.Join(texts, " ")
	}
	left, right := join(q.tokens[first:before]), join(q.tokens[after:last])
	q.mutants = append(q.mutants, &mutant{
		kind: kind, was: join(q.tokens[first:last]), is: short([]byte(left + " " + text + " " + right)),
		edits: []edit{{q.tokens[i].from, q.tokens[i+n-1].to, text}},
	})
}

// A sqlPlace is where in a statement a token is: how deep in parentheses, and whether a
// SET or a BETWEEN is open there.
type sqlPlace struct{ set, between bool }

func (q *query) mutate() {
	places := []sqlPlace{{}}
	for i, t := range q.tokens {
		here := &places[len(places)-1]
		switch t.text {
		case "(":
			places = append(places, sqlPlace{})
		case ")":
			if len(places) > 1 {
				places = places[:len(places)-1]
			}
		case "SET":
			here.set = true
		case "WHERE", "RETURNING", "FROM":
			here.set = false
		case ",":
			// In a SET the next = assigns again.
			here.set = here.set || q.assigns(i+1) && places[0].set && len(places) == 1
		case "BETWEEN":
			here.between = true
			if q.at(i-1) == "NOT" {
				q.replace("negation", i-1, 2, "BETWEEN")
			} else {
				q.replace("negation", i, 1, "NOT BETWEEN")
			}
		case "AND":
			if here.between {
				here.between = false
				continue
			}
			q.replace("condition", i, 1, "OR")
		case "=":
			if here.set && q.assigns(i-1) {
				continue
			}
			q.replace("condition", i, 1, "<>")
		default:
			q.token(i)
		}
	}
}

// assigns reports whether the name at an index is assigned to, if it is in a SET.
func (q *query) assigns(i int) bool {
	return q.at(i+1) == "=" && (q.at(i-1) == "SET" || q.at(i-1) == ",")
}

// token changes what does not depend on its place.
func (q *query) token(i int) {
	text := q.at(i)
	switch text {
	case "OR":
		q.replace("condition", i, 1, "AND")
	case "<>", "!=":
		q.replace("condition", i, 1, "=")
	case "<", "<=", ">", ">=":
		other := map[string][2]string{"<": {"<=", ">="}, "<=": {"<", ">"}, ">": {">=", "<="}, ">=": {">", "<"}}[text]
		q.replace("bound", i, 1, other[0])
		q.replace("condition", i, 1, other[1])
	case "+", "-":
		switch {
		case q.operand(i - 1):
			q.replace("operator", i, 1, map[string]string{"+": "-", "-": "+"}[text])
		case text == "-":
			q.replace("sign", i, 1, "")
		}
	case "MIN", "MAX":
		q.replace("bound", i, 1, map[string]string{"MIN": "MAX", "MAX": "MIN"}[text])
	case "DESC":
		q.replace("order", i, 1, "ASC")
	case "DISTINCT":
		q.replace("condition", i, 1, "")
	case "EXISTS", "IN":
		if q.at(i-1) == "NOT" {
			q.replace("negation", i-1, 2, text)
		} else {
			q.replace("negation", i, 1, "NOT "+text)
		}
	case "NULL":
		switch {
		case q.at(i-1) == "IS":
			q.replace("negation", i-1, 2, "IS NOT NULL")
		case q.at(i-1) == "NOT" && q.at(i-2) == "IS":
			q.replace("negation", i-2, 3, "IS NULL")
		}
	default:
		q.value(i)
	}
}

// operand reports whether a token ends an operand, so that a sign after it is that of a
// sum or a difference.
func (q *query) operand(i int) bool {
	text := q.at(i)
	if text == ")" || strings.HasPrefix(text, "?") || strings.HasPrefix(text, "'") {
		return true
	}
	return text != "" && strings.ToUpper(text) != text || isNumber(text)
}

func isNumber(text string) bool {
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

// value changes numbers, words, and the instants that are compared.
func (q *query) value(i int) {
	text := q.at(i)
	switch {
	case isNumber(text) && q.at(i-1) != "SELECT" && q.at(i-1) != "LIMIT":
		n, _ := strconv.ParseInt(text, 10, 64)
		q.replace("constant", i, 1, strconv.FormatInt(n+1, 10))
		q.replace("constant", i, 1, strconv.FormatInt(n-1, 10))
	case strings.HasPrefix(text, "'"):
		for _, other := range q.words[strings.Trim(text, "'")] {
			if other = "'" + other + "'"; other != text {
				q.replace("kind", i, 1, other)
			}
		}
	default:
		table, column := "", text
		if dot := strings.LastIndex(text, "."); dot >= 0 {
			table, column = text[:dot+1], text[dot+1:]
		}
		compared := func(s string) bool { return slices.Contains([]string{"<", "<=", ">", ">="}, s) }
		if other := map[string]string{"available_at": "created_at", "created_at": "available_at"}[column]; other != "" &&
			(compared(q.at(i-1)) || compared(q.at(i+1))) {
			q.replace("instant", i, 1, table+other)
		}
	}
}
