package sqlite

import (
	"context"
	"fmt"
	"slices"

	"github.com/refgrow-go/refgrow/internal/db"
)

// Integrity asks SQLite what is wrong with the file: pages and indexes that do
// not fit together, values that their constraints forbid, and rows that refer to
// none. It gives a sentence for each, and none for a healthy file.
func Integrity(ctx context.Context, on db.DBTX) ([]string, error) {
	problems, err := lines(ctx, on, "PRAGMA integrity_check(100)")
	if err != nil {
		return nil, Classify(fmt.Errorf("checking the file: %w", err))
	}
	problems = slices.DeleteFunc(problems, func(line string) bool { return line == "ok" })
	// The references of a host's own tables are the host's business.
	tables, err := lines(ctx, on, `SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'refgrow_*' ORDER BY name`)
	if err != nil {
		return nil, Classify(fmt.Errorf("checking the references: %w", err))
	}
	for _, table := range tables {
		dangling, err := foreignKeyCheck(ctx, on, table)
		if err != nil {
			return nil, Classify(fmt.Errorf("checking the references of %s: %w", table, err))
		}
		problems = append(problems, dangling...)
	}
	return problems, nil
}

func lines(ctx context.Context, on db.DBTX, query string) (all []string, err error) {
	rows, err := on.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
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
			return nil, err
		}
		at := "a row"
		if row != nil {
			at = fmt.Sprintf("row %d", *row)
		}
		problems = append(problems, fmt.Sprintf("%s of %s refers to none of %s", at, child, parent))
	}
	return problems, rows.Err()
}
