package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// Integrity asks SQLite what is wrong with the file: a schema that is not the one that
// was made, pages and indexes that do not fit together, values that their constraints
// forbid, ids that would be assigned again, and references to missing rows. It returns
// a sentence for each, and none for a healthy file. A check that the damage prevents is
// a sentence too.
func Integrity(ctx context.Context, on db.DBTX, schema backend.Schema) ([]string, error) {
	return backend.Problems(Database{},
		backend.Check{What: "the schema", Find: func() ([]string, error) { return asMade(ctx, on, schema) }},
		backend.Check{What: "the file", Find: func() ([]string, error) { return integrityCheck(ctx, on) }},
		backend.Check{What: "the ids", Find: func() ([]string, error) { return ids(ctx, on) }},
		backend.Check{What: "the references", Find: func() ([]string, error) { return references(ctx, on) }},
	)
}

func integrityCheck(ctx context.Context, on db.DBTX) ([]string, error) {
	problems, err := lines(ctx, on, "PRAGMA integrity_check(100)")
	return slices.DeleteFunc(problems, func(line string) bool { return line == "ok" }), err
}

// references looks for references to missing rows. Those in a host's own tables are the
// host's business.
func references(ctx context.Context, on db.DBTX) (problems []string, err error) {
	tables, err := lines(ctx, on,
		`SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'refgrow_*' ORDER BY name`)
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		dangling, err := foreignKeyCheck(ctx, on, table)
		problems = append(problems, dangling...)
		if err != nil {
			return problems, err
		}
	}
	return problems, nil
}

func lines(ctx context.Context, on db.DBTX, query string, args ...any) (all []string, err error) {
	rows, err := on.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return all, err
		}
		all = append(all, line)
	}
	return all, rows.Err()
}

func foreignKeyCheck(ctx context.Context, on db.DBTX, table string) (problems []string, err error) {
	rows, err := on.QueryContext(ctx, "PRAGMA foreign_key_check("+table+")")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var child, parent string
		var row *int64 // NULL in a table without row ids
		var key int64
		if err := rows.Scan(&child, &row, &parent, &key); err != nil {
			return problems, err
		}
		at := "a row"
		if row != nil {
			at = fmt.Sprintf("row %d", *row)
		}
		problems = append(problems, fmt.Sprintf("%s of %s refers to no row of %s", at, child, parent))
	}
	return problems, rows.Err()
}
