package postgres_test

import (
	"context"
	"database/sql"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/postgres"
	"github.com/refgrow-go/refgrow/postgres/internal/server"
)

// TestTexts has a server prepare the text of every query, and compares the number and the
// types of its arguments, and the names and types of its columns, with what the code that
// sqlc has made for SQLite gives and takes.
func TestTexts(t *testing.T) {
	t.Parallel()
	_, schema := migrated(t)
	calls := callsOf(t)
	for _, place := range []struct{ path, schema string }{{schema, ""}, {"pg_catalog", schema}} {
		texts := postgres.Texts(place.schema)
		pgx, _ := server.Get(t).Open(t, "pgx", "search_path", place.path)
		prepare(t, pgx, func(name string, described *pgconn.StatementDescription, err error) {
			if err != nil {
				t.Errorf("%s: %v\n%s", name, err, texts[name])
				return
			}
			method, ok := reflect.TypeFor[db.Querier]().MethodByName(name)
			if !ok {
				t.Errorf("there is no query %s", name)
				return
			}
			call := calls[name]
			wantArguments, gotArguments := call.arguments, types(described.ParamOIDs)
			if len(gotArguments) != len(wantArguments) {
				t.Errorf("%s takes %d arguments, and is given %d", name, len(gotArguments), len(wantArguments))
				return
			}
			for i, want := range wantArguments {
				if got := gotArguments[i]; want.kind != got && (want.kind != "any" || !slices.Contains(stored(), got)) {
					t.Errorf("%s takes the argument %s as %s, and is given %s", name, want.name, got, want.kind)
				}
			}
			var wantColumns, gotColumns []field
			switch {
			case call.asks:
				wantColumns = result(method.Type)
			case strings.HasSuffix(texts[name], "\nRETURNING id"):
				wantColumns = []field{{"id", "int8"}} // which LastInsertId tells
			}
			for _, f := range described.Fields {
				gotColumns = append(gotColumns, field{strings.ReplaceAll(f.Name, "_", ""), types([]uint32{f.DataTypeOID})[0]})
			}
			if len(gotColumns) != len(wantColumns) {
				t.Errorf("%s has the columns %v, and should have %v", name, gotColumns, wantColumns)
				return
			}
			for i, want := range wantColumns {
				if got := gotColumns[i]; got.kind != want.kind || want.name != "" && got.name != want.name {
					t.Errorf("%s has the column %v, and should have %v", name, got, want)
				}
			}
		}, texts)
	}
}

// stored are the types of all columns.
func stored() []string { return []string{"int8", "text", "bytea"} }

// prepare has the server describe all texts, in the order of their names.
func prepare(
	t *testing.T, on *sql.DB, each func(string, *pgconn.StatementDescription, error), texts map[string]string,
) {
	t.Helper()
	conn, err := on.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Raw(func(driver any) error {
		for name, text := range texts {
			described, err := driver.(*stdlib.Conn).Conn().Prepare(context.Background(), name, text)
			each(name, described, err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// types are the names of types.
func types(oids []uint32) []string {
	known, names := pgtype.NewMap(), make([]string, len(oids))
	for i, oid := range oids {
		names[i] = strconv.Itoa(int(oid))
		if t, ok := known.TypeForOID(oid); ok {
			names[i] = t.Name
		}
	}
	return names
}

// A field is a column or an argument: its name as far as it has one, in lower case and
// without underscores, and its type in PostgreSQL.
type field struct{ name, kind string }

// result are the columns that a method of db.Querier reads.
func result(method reflect.Type) []field {
	row := method.Out(0)
	if row.Kind() == reflect.Slice && row != reflect.TypeFor[[]byte]() {
		row = row.Elem()
	}
	if row.Kind() == reflect.Struct {
		return fields(row)
	}
	return []field{{"", kindOf(row)}}
}

// fields are those of a row, and of the rows in it.
func fields(row reflect.Type) []field {
	var all []field
	for f := range row.Fields() {
		if f.Type.Kind() == reflect.Struct {
			all = append(all, fields(f.Type)...)
		} else {
			all = append(all, field{strings.ToLower(f.Name), kindOf(f.Type)})
		}
	}
	return all
}

func kindOf(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[[]byte]():
		return "bytea"
	case t.Kind() == reflect.Int64:
		return "int8"
	case t.Kind() == reflect.String:
		return "text"
	case t.Kind() == reflect.Interface:
		return "any"
	}
	return t.String()
}

// A call is what a method of db.Queries does with its query.
type call struct {
	asks      bool // it wants rows
	arguments []field
}

// callsOf reads in the generated code what each method gives its query, in order.
func callsOf(t *testing.T) map[string]call {
	t.Helper()
	files, err := filepath.Glob("../internal/db/*.sql.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	all := make(map[string]call)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range parsed.Decls {
			method, ok := declaration.(*ast.FuncDecl)
			if !ok || method.Recv == nil {
				continue
			}
			name := method.Name.Name
			public, ok := reflect.TypeFor[db.Querier]().MethodByName(name)
			if !ok {
				t.Fatalf("%s is no method of db.Querier", name)
			}
			ast.Inspect(method, func(n ast.Node) bool {
				made, ok := n.(*ast.CallExpr)
				if !ok || !strings.HasSuffix(selected(made.Fun), "Context") {
					return true
				}
				c := call{asks: selected(made.Fun) != "ExecContext"}
				for _, argument := range made.Args[2:] {
					f := field{name: selected(argument)}
					given := public.Type.In(1)
					if given.Kind() == reflect.Struct {
						column, ok := given.FieldByName(f.name)
						if !ok {
							t.Fatalf("%s has no argument %s", name, f.name)
						}
						given = column.Type
					}
					f.kind = kindOf(given)
					c.arguments = append(c.arguments, f)
				}
				all[name] = c
				return false
			})
		}
	}
	return all
}

// selected is the last name of an expression: of arg.ProjectID, ProjectID.
func selected(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// Quotients and remainders of sums are whole in SQLite, and so they have to be here,
// where a sum is a numeric unless it is cast.
func TestNoQuotientsOfDecimals(t *testing.T) {
	t.Parallel()
	db, _ := migrated(t)
	decimal := regexp.MustCompile(`[/%] '[0-9]+'::numeric`)
	explained(t, db, postgres.Texts(""), nil, func(name string, plan node) {
		for n := range plan.all() {
			for _, text := range n.expressions() {
				if found := decimal.FindString(text); found != "" {
					t.Errorf("%s divides a decimal number (%s): %s", name, found, text)
				}
			}
		}
	})
}
