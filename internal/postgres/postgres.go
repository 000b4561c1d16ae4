// Package postgres has what every query of internal/db says to PostgreSQL, and brings no
// driver.
package postgres

import (
	"maps"
	"regexp"
)

// Texts returns the texts by the names of their queries, with the arguments and columns
// that the queries of internal/db have, in the same order. In a schema of a name they
// find their tables whatever the search path is; "" leaves that to the search path.
func Texts(schema string) map[string]string {
	all := maps.Clone(texts)
	if schema == "" {
		return all
	}
	for name, text := range all {
		all[name] = Qualified(schema, text)
	}
	return all
}

var ours = regexp.MustCompile(`\brefgrow_`)

// Qualified names the schema wherever a text names what is ours. It is for statements
// that read and write: what CREATE makes is named without it.
func Qualified(schema, text string) string {
	return ours.ReplaceAllLiteralString(text, quoted(schema)+".refgrow_")
}
