package sqlite

import (
	"context"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/db"
)

// Integrity asks SQLite what is wrong with the file: pages and indexes that do
// not fit together, values that their constraints forbid, and rows that refer to
// none. It gives a sentence for each, and none for a healthy file.
func Integrity(ctx context.Context, on db.DBTX) ([]string, error) {
	problems, err := integrityCheck(ctx, on)
	if err != nil {
		return nil, Classify(err)
	}
	dangling, err := foreignKeyCheck(ctx, on)
	return append(problems, dangling...), Classify(err)
}

func integrityCheck(ctx context.Context, on db.DBTX) (problems []string, err error) {
	rows, err := on.QueryContext(ctx, "PRAGMA integrity_check(100)")
	if err != nil {
		return nil, fmt.Errorf("checking the file: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		if line != "ok" {
			problems = append(problems, line)
		}
	}
	return problems, rows.Err()
}

// foreignKeyCheck looks at every table, because the references of a table are
// checked only where foreign keys are on.
func foreignKeyCheck(ctx context.Context, on db.DBTX) (problems []string, err error) {
	rows, err := on.QueryContext(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return nil, fmt.Errorf("checking the references: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var table, parent string
		var row *int64 // NULL in a table without row ids
		var key int64
		if err := rows.Scan(&table, &row, &parent, &key); err != nil {
			return nil, err
		}
		at := "a row"
		if row != nil {
			at = fmt.Sprintf("row %d", *row)
		}
		problems = append(problems, fmt.Sprintf("%s of %s refers to none of %s", at, table, parent))
	}
	return problems, rows.Err()
}
