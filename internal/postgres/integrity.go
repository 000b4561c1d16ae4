package postgres

import (
	"context"
	"database/sql"
	_ "embed"
	"slices"
	"strings"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// catalogueText is what Catalogue returns of a schema that the migrations have made.
//
//go:embed catalogue.txt
var catalogueText string

// catalogueQuery is all that a schema is made of, a line each.
const catalogueQuery = `
SELECT format('column %s.%s %s%s%s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attnotnull THEN ' not null' END, CASE WHEN a.attidentity <> '' THEN ' identity' END,
    ' collate ' || l.collname,
    ' default ' || pg_get_expr(d.adbin, d.adrelid))
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum LEFT JOIN pg_collation l ON l.oid = a.attcollation
WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p') AND c.relname LIKE 'refgrow\_%'
UNION ALL SELECT format('index %s%s', pg_get_indexdef(i.indexrelid), CASE WHEN NOT i.indisvalid THEN ' invalid' END)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = n.oid AND c.relname LIKE 'refgrow\_%'
UNION ALL SELECT format('constraint %s of %s %s', k.conname, c.relname, pg_get_constraintdef(k.oid))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.connamespace = n.oid AND k.contype IN ('p', 'u', 'f', 'c') AND c.relname LIKE 'refgrow\_%'
UNION ALL SELECT format('trigger %s%s', pg_get_triggerdef(g.oid), CASE WHEN g.tgenabled <> 'O' THEN ' disabled' END)
FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE c.relnamespace = n.oid AND NOT g.tgisinternal
    AND g.tgname LIKE 'refgrow\_%'
UNION ALL SELECT DISTINCT format('constraint %s of %s is not enforced', k.conname, c.relname)
FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid JOIN pg_constraint k ON k.oid = g.tgconstraint
WHERE c.relnamespace = n.oid AND g.tgisinternal AND g.tgenabled <> 'O' AND c.relname LIKE 'refgrow\_%'
UNION ALL SELECT format('function %s %s', p.proname, p.prosrc) FROM pg_proc p WHERE p.pronamespace = n.oid
    AND p.proname LIKE 'refgrow\_%'`

// Catalogue returns what the tables, indexes, constraints, triggers and functions of ours
// in a schema are, in order. What others have there is left out.
func Catalogue(ctx context.Context, on db.DBTX, schema string) ([]string, error) {
	all, err := lines(ctx, on, "SELECT line FROM pg_namespace n, LATERAL ("+catalogueQuery+") AS x (line) "+
		"WHERE n.nspname = $1", schema)
	if err != nil {
		return nil, err
	}
	of := strings.NewReplacer(quoted(schema)+".", "", schema+".", "", "\n", " ")
	for i := range all {
		all[i] = of.Replace(all[i])
	}
	slices.Sort(all)
	return all, nil
}

// Integrity compares the schema with what the migrations make, looks for rows that refer
// to missing ones, and for ids that would be assigned again. Damaged pages are for the
// server's own tools, such as pg_amcheck. It returns a sentence for each problem.
func (b *Backend) Integrity(ctx context.Context, _ backend.Schema) ([]string, error) {
	if err := b.shared.Reentry.Refuse(); err != nil {
		return nil, err
	}
	at, conn, leave, err := b.reading(ctx, 0)
	if err != nil {
		return nil, err
	}
	defer leave()
	return backend.Problems(b,
		backend.Check{What: "the schema", Find: func() ([]string, error) { return asMade(ctx, conn, at) }},
		backend.Check{What: "the references", Find: func() ([]string, error) { return references(ctx, conn, at) }},
		backend.Check{What: "the ids", Find: func() ([]string, error) { return ids(ctx, conn, at) }},
	)
}

func asMade(ctx context.Context, on *sql.Conn, at *place) (problems []string, err error) {
	is, err := Catalogue(ctx, on, at.schema)
	if err != nil {
		return nil, err
	}
	made := strings.Split(strings.TrimSpace(catalogueText), "\n")
	for _, line := range made {
		if _, found := slices.BinarySearch(is, line); !found {
			problems = append(problems, "the schema lacks this: "+line)
		}
	}
	for _, line := range is {
		if _, found := slices.BinarySearch(made, line); !found {
			problems = append(problems, "the schema has this, which no migration makes: "+line)
		}
	}
	return problems, nil
}

// referenceQuery makes, of each foreign key, the query that counts the rows that refer to
// nothing.
const referenceQuery = `
SELECT format('SELECT format(''%%s rows of %s refer to rows of %s that are missing'', COUNT(*)) FROM %s c
    WHERE %s AND NOT EXISTS (SELECT 1 FROM %s p WHERE %s) HAVING COUNT(*) > 0',
    c.relname, p.relname, CAST(c.oid AS regclass),
    string_agg(format('c.%I IS NOT NULL', a.attname), ' AND '), CAST(p.oid AS regclass),
    string_agg(format('p.%I = c.%I', b.attname, a.attname), ' AND '))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid
JOIN pg_namespace n ON n.oid = k.connamespace
CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS u (one, other)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.one
JOIN pg_attribute b ON b.attrelid = p.oid AND b.attnum = u.other
WHERE n.nspname = $1 AND k.contype = 'f' AND c.relname LIKE 'refgrow\_%'
GROUP BY k.oid, c.oid, c.relname, p.oid, p.relname ORDER BY c.relname, p.relname`

func references(ctx context.Context, on *sql.Conn, at *place) ([]string, error) {
	return each(ctx, on, referenceQuery, at)
}

// idQuery makes, of each sequence, the query that compares it with the ids of its table.
const idQuery = `
SELECT format('SELECT ''ids of %s would be assigned again'' FROM (SELECT MAX(%I) AS id FROM %s) m, %s s
    WHERE m.id > s.last_value', c.relname, a.attname, CAST(c.oid AS regclass),
    pg_get_serial_sequence(CAST(CAST(c.oid AS regclass) AS TEXT), a.attname))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attidentity <> ''
WHERE n.nspname = $1 AND c.relname LIKE 'refgrow\_%' ORDER BY c.relname`

func ids(ctx context.Context, on *sql.Conn, at *place) ([]string, error) {
	return each(ctx, on, idQuery, at)
}

// each runs the queries that a query makes, and returns what they find.
func each(ctx context.Context, on *sql.Conn, query string, at *place) (problems []string, err error) {
	queries, err := lines(ctx, on, query, at.schema)
	if err != nil {
		return nil, err
	}
	for _, one := range queries {
		found, err := lines(ctx, on, one)
		if err != nil {
			return problems, err
		}
		problems = append(problems, found...)
	}
	return problems, nil
}
