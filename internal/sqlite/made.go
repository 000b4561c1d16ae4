package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// asMade returns a sentence for every table, index and trigger of the schema that the
// database lacks, or has in another form: a trigger whose condition is damaged lets
// through what it should refuse. Anything else in the database is the host's business,
// and nothing is known about other versions.
func asMade(ctx context.Context, on db.DBTX, schema backend.Schema) (problems []string, err error) {
	version, err := schemaVersion(ctx, on)
	if err != nil || version != schema.Version {
		return nil, err
	}
	found := make(map[string]string)
	rows, err := on.QueryContext(ctx,
		`SELECT type || ' ' || name, COALESCE(sql, '') FROM sqlite_schema WHERE name GLOB 'refgrow_*'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, statement string
		if err := rows.Scan(&name, &statement); err != nil {
			return nil, err
		}
		found[name] = plain(statement)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, m := range made(schema.Text) {
		switch now, ok := found[m.name]; {
		case !ok:
			problems = append(problems, "there is no "+m.name)
		case now != m.statement:
			problems = append(problems, "the "+m.name+" is not as it was made")
		}
	}
	return problems, nil
}

// A thing is one that the schema has, such as "table refgrow_projects".
type thing struct{ name, statement string }

// made lists what the text of a schema makes.
func made(text string) (things []thing) {
	rest := plain(text)
	for rest != "" {
		end := ";"
		if strings.HasPrefix(rest, "CREATE TRIGGER ") { // has statements of its own
			end = ";END;"
		}
		statement, after, _ := strings.Cut(rest, end)
		statement += strings.TrimSuffix(end, ";")
		words := strings.Fields(strings.ReplaceAll(strings.TrimPrefix(statement, "CREATE "), "(", " "))
		if words[0] == "UNIQUE" {
			words = words[1:]
		}
		things = append(things, thing{strings.ToLower(words[0]) + " " + words[1], statement})
		rest = after
	}
	return things
}

// plain removes comments and differences in spacing from statements. No literal of the
// schema looks like a comment.
func plain(statements string) string {
	var b strings.Builder
	b.Grow(len(statements))
	const marks = "(),;" // which need no space around them
	last := byte(';')
	for line := range strings.Lines(statements) {
		line, _, _ = strings.Cut(line, "--")
		for word := range strings.FieldsSeq(line) {
			if !strings.Contains(marks, string(last)) && !strings.Contains(marks, word[:1]) {
				b.WriteByte(' ')
			}
			b.WriteString(word)
			last = word[len(word)-1]
		}
	}
	return b.String()
}

// ids returns a sentence for every table whose next id would be one that was assigned
// before: SQLite keeps in a table of its own how far it has counted.
func ids(ctx context.Context, on db.DBTX) (problems []string, err error) {
	tables, err := lines(ctx, on,
		`SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'refgrow_*' `+
			`AND sql LIKE '%AUTOINCREMENT%' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		// MAX without GROUP BY returns one row, even for an empty table.
		var last, counted int64
		query := "SELECT COALESCE(MAX(id), 0), " +
			"COALESCE((SELECT MAX(seq) FROM sqlite_sequence WHERE name = ?1), 0) FROM " + table
		if err := on.QueryRowContext(ctx, query, table).Scan(&last, &counted); err != nil {
			return nil, err
		}
		if counted < last {
			problems = append(problems, fmt.Sprintf("the ids of %s are counted up to %d, but there is %d", table, counted, last))
		}
	}
	return problems, nil
}
