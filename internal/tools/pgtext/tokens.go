package main

import (
	"regexp"
	"slices"
	"strings"
)

// A kind says what a token is.
type kind int

const (
	sign     kind = iota // an operator, a comma, a parenthesis
	word                 // a keyword or a name, with what it is qualified by
	literal              // a text in quotes
	number               //
	argument             // ?1, and $1 once it is translated
)

// A part is a piece of a statement, with the space before it.
type part struct {
	kind  kind
	space string
	text  string
}

// A statement is a query's tokens, while the rules change them.
type statement []part

var (
	piece   = regexp.MustCompile(`'(?:[^']|'')*'|[?$]\d+|[A-Za-z_][\w.]*|\d+|<>|<=|>=|!=|==|\|\||<<|>>|->>|->|(?s:.)`)
	spaces  = regexp.MustCompile(`^(?:\s+|--[^\n]*)+`)
	comment = regexp.MustCompile(`--[^\n]*\n?`)
)

// parse takes a statement apart, and leaves comments out.
func parse(sql string) statement {
	var s statement
	for sql = comment.ReplaceAllString(sql, ""); sql != ""; {
		t := part{space: spaces.FindString(sql)}
		if sql = sql[len(t.space):]; sql == "" {
			break
		}
		t.text = sql[:piece.FindStringIndex(sql)[1]]
		sql = sql[len(t.text):]
		switch c := t.text[0]; {
		case c == '\'':
			t.kind = literal
		case (c == '?' || c == '$') && len(t.text) > 1:
			t.kind = argument
		case c == '_', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			t.kind = word
		case '0' <= c && c <= '9':
			t.kind = number
		}
		s = append(s, t)
	}
	return s
}

func (s statement) String() string {
	var b strings.Builder
	for _, t := range s {
		b.WriteString(t.space + t.text)
	}
	return strings.TrimSpace(b.String())
}

// at is the text of a token, "" beyond the ends.
func (s statement) at(i int) string {
	if i < 0 || i >= len(s) {
		return ""
	}
	return s[i].text
}

// follow tells whether the tokens from i on are these.
func (s statement) follow(i int, texts ...string) bool {
	for j, text := range texts {
		if s.at(i+j) != text {
			return false
		}
	}
	return true
}

// closing is the index of the parenthesis that closes the one at i.
func (s statement) closing(i int) int {
	for depth := 0; i < len(s); i++ {
		switch s[i].text {
		case "(":
			depth++
		case ")":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(s)
}

// opening is the index of the parenthesis that the one at i closes.
func (s statement) opening(i int) int {
	for depth := 0; i >= 0; i-- {
		switch s[i].text {
		case ")":
			depth++
		case "(":
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// around is the index of the parenthesis that i is in, -1 for none.
func (s statement) around(i int) int {
	for i--; i >= 0 && s[i].text != "("; i-- {
		if s[i].text == ")" {
			i = s.opening(i)
		}
	}
	return i
}

// clause is the index of the first of some tokens after i that is in no deeper
// parenthesis, or that of the end of the parenthesis or statement that i is in.
func (s statement) clause(i int, ends ...string) int {
	for i++; i < len(s) && s[i].text != ")"; i++ {
		if s[i].text == "(" {
			i = s.closing(i)
		} else if slices.Contains(ends, s[i].text) {
			return i
		}
	}
	return i
}

// replace puts the tokens of a text in the place of those from one index to before
// another one, with the space that was before them.
func (s statement) replace(from, to int, text string) statement {
	tokens := parse(text)
	if from < to {
		tokens[0].space = s[from].space
	}
	return slices.Replace(s, from, to, tokens...)
}
