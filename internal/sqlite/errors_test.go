package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/textproto"
	"syscall"
	"testing"

	"github.com/refgrow-go/refgrow/internal/backend"
)

type codedError int

func (e *codedError) Error() string { return "coded" }

type moderncLike struct{ code int }

func (e *moderncLike) Error() string { return "modernc" }
func (e *moderncLike) Code() int     { return e.code }

type errNo int
type mattnLike struct {
	Code         errNo
	ExtendedCode errNo
}

func (e mattnLike) Error() string { return "mattn" }

// As in ncruces/go-sqlite3: a pointer with two methods, and codes that are errors.
type (
	ncrucesLike struct{ code uint16 }
	primary     uint8
	extended    uint16
)

func (e *ncrucesLike) Error() string          { return "ncruces" }
func (e *ncrucesLike) Code() primary          { return primary(e.code) }
func (e *ncrucesLike) ExtendedCode() extended { return extended(e.code) }
func (primary) Error() string                 { return "primary" }
func (extended) Error() string                { return "extended" }
func (errNo) Error() string                   { return "mattn's number" }

func TestClassify(t *testing.T) {
	t.Parallel()
	sentinels := []error{
		backend.ErrBusy, backend.ErrFull, backend.ErrConstraint, backend.ErrSchema,
		backend.ErrDamaged, backend.ErrClosed, context.Canceled,
	}
	for _, c := range []struct {
		err  error
		want error
	}{
		{&moderncLike{5}, backend.ErrBusy},
		{&moderncLike{517}, backend.ErrBusy},
		{&moderncLike{6}, backend.ErrBusy},
		{&moderncLike{262}, backend.ErrBusy},
		{&moderncLike{13}, backend.ErrFull},
		{&moderncLike{778}, nil},
		{&moderncLike{4874}, backend.ErrFull},
		{&moderncLike{1034}, nil},
		{&moderncLike{1}, nil},
		{&moderncLike{19}, backend.ErrConstraint},
		{&moderncLike{275}, backend.ErrConstraint},
		{&moderncLike{787}, backend.ErrConstraint},
		{&moderncLike{1555}, backend.ErrConstraint},
		{&moderncLike{1811}, backend.ErrConstraint},
		{&moderncLike{2067}, backend.ErrConstraint},
		{&moderncLike{3091}, backend.ErrConstraint},
		{&moderncLike{11}, backend.ErrDamaged},
		{&moderncLike{267}, backend.ErrDamaged},
		{&moderncLike{26}, backend.ErrDamaged},
		{&moderncLike{9}, context.Canceled},
		{mattnLike{9, 9}, context.Canceled},
		{mattnLike{19, 2067}, backend.ErrConstraint},
		{mattnLike{5, 0}, backend.ErrBusy},
		{&mattnLike{13, 13}, backend.ErrFull},
		{&ncrucesLike{517}, backend.ErrBusy},
		{&ncrucesLike{2067}, backend.ErrConstraint},
		{&ncrucesLike{1}, nil},
		{&ncrucesLike{0}, nil},
		{(*ncrucesLike)(nil), nil},
		{primary(13), backend.ErrFull},
		{extended(267), backend.ErrDamaged},
		{errNo(5), backend.ErrBusy},
		{errNo(0), nil},
		{syscall.ENOTDIR, nil}, // 20, of the system
		{sql.ErrConnDone, backend.ErrClosed},
		{sql.ErrNoRows, nil},
		{context.DeadlineExceeded, nil},
		{&textproto.Error{Code: 13}, nil}, // some other library's
		{errors.New("UNIQUE constraint failed"), nil},
		{new(codedError), nil},
		{(*moderncLike)(nil), nil},
	} {
		for _, err := range []error{c.err, fmt.Errorf("insert: %w", c.err), errors.Join(errors.New("other"), c.err)} {
			got := Classify(err)
			for _, s := range sentinels {
				if errors.Is(got, s) != (s == c.want) {
					t.Errorf("Classify(%#v) is %v: %v", err, s, errors.Is(got, s))
				}
			}
			if !errors.Is(got, c.err) {
				t.Errorf("Classify(%#v) lost the original", err)
			}
			if c.want == nil && got != err {
				t.Errorf("Classify(%#v) changed it to %#v", err, got)
			}
			if again := Classify(got); again != got {
				t.Errorf("Classify twice: %#v", again)
			}
		}
	}
	if Classify(nil) != nil {
		t.Error("Classify(nil)")
	}
	if code, _ := Code(&ncrucesLike{2067}); code != 2067 {
		t.Errorf("the extended code is %d", code)
	}
}

// What database/sql says about a closed pool has no exported value.
func TestClosedPool(t *testing.T) {
	t.Parallel()
	b, pool := setup(t)
	stmt, err := pool.Prepare("SELECT 1")
	if err != nil {
		t.Fatal(err)
	}
	stmt.Close()
	var n int
	if err := Classify(stmt.QueryRow().Scan(&n)); !errors.Is(err, backend.ErrClosed) {
		t.Error(err)
	}
	pool.Close()
	if err := Classify(pool.QueryRow("SELECT 1").Scan(&n)); !errors.Is(err, backend.ErrClosed) {
		t.Error(err)
	}
	if err := b.Atomic(context.Background(), inserting("a")); !errors.Is(err, backend.ErrClosed) {
		t.Error(err)
	}
}

func TestKindOfStatement(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]kind{
		"-- name: GetThing :one\nSELECT 1": reads,
		"/* UPDATE */ select 1":            reads,
		"VALUES (1)":                       reads,
		"EXPLAIN QUERY PLAN DELETE FROM t": reads,
		"-- name: X :exec\n-- a second line\n  INSERT INTO t VALUES (1)": writes,
		"update t set a = 1":         writes,
		"REPLACE INTO t VALUES (1)":  writes,
		"DELETE FROM t RETURNING id": writes,
		"WITH a AS (SELECT 'DELETE' FROM t), b(x) AS (SELECT 1) SELECT * FROM a": reads,
		"WITH a AS MATERIALIZED (SELECT ')' FROM t) INSERT INTO t SELECT *":      writes,
		"WITH RECURSIVE \"UPDATE\" (n) AS (SELECT 1) UPDATE t SET a = 1":         writes,
		"WITH [delete] AS (SELECT 1) SELECT 1":                                   reads,
		"CREATE TABLE t (a)":                                                     alters,
		"":                                                                       alters,
		"SAVEPOINT a":                                                            control,
		"ROLLBACK TO a":                                                          control,
	} {
		if got := kindOfStatement(query); got != want {
			t.Errorf("%q: %v, want %v", query, got, want)
		}
	}
}

// What only damage causes is told apart from what others cause, and from what passes.
func TestSaysDamaged(t *testing.T) {
	t.Parallel()
	_, pool := setup(t)
	reading := func(query string, into any) error {
		return pool.QueryRowContext(context.Background(), query).Scan(into)
	}
	var number int64
	for what, c := range map[string]struct {
		err  error
		want bool
	}{
		"another type":      {fmt.Errorf("reading: %w", reading("SELECT 'x'", &number)), true},
		"NULL":              {reading("SELECT NULL", &number), true},
		"no such column":    {reading("SELECT nothing FROM sqlite_schema", &number), true},
		"a damaged page":    {&moderncLike{267}, true},
		"no row":            {reading("SELECT 1 WHERE 0", &number), false},
		"a constraint":      {&moderncLike{19}, false},
		"a lock":            {&moderncLike{517}, false},
		"somebody's own":    {errors.New("SQL logic error"), false},
		"the end of a call": {context.Canceled, false},
		"none":              {nil, false},
	} {
		if got := SaysDamaged(c.err); got != c.want {
			t.Errorf("%s (%v): %v", what, c.err, got)
		}
	}
}
