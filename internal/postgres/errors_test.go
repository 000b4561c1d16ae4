package postgres_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/postgres"
)

// A stated error is like those of pgx and lib/pq.
type stated string

func (e stated) Error() string    { return "the server says " + string(e) }
func (e stated) SQLState() string { return string(e) }

// saying is a database whose every statement fails with an error: of a server, or of the
// connection to it.
type saying struct{ err error }

func (s saying) Connect(context.Context) (driver.Conn, error) { return s, nil }
func (s saying) Driver() driver.Driver                        { return nil }
func (s saying) Prepare(string) (driver.Stmt, error)          { return nil, s.err }
func (s saying) Close() error                                 { return nil }
func (s saying) Begin() (driver.Tx, error)                    { return nil, s.err }

// failed is what database/sql makes of the error.
func failed(t *testing.T, err error) error {
	t.Helper()
	db := sql.OpenDB(saying{err})
	defer db.Close()
	_, got := db.ExecContext(t.Context(), "SELECT 1")
	return got
}

func TestClassify(t *testing.T) {
	t.Parallel()
	sentinels := []error{
		backend.ErrBusy, backend.ErrFull, backend.ErrConstraint, backend.ErrSchema, backend.ErrDamaged, backend.ErrClosed,
		postgres.ErrAborted, context.Canceled, context.DeadlineExceeded,
	}
	for _, c := range []struct {
		err  error
		want error
	}{
		{stated("40001"), backend.ErrBusy},
		{stated("40P01"), backend.ErrBusy},
		{stated("55P03"), backend.ErrBusy},
		{stated("53300"), backend.ErrBusy},
		{stated("57P01"), backend.ErrBusy},
		{stated("57P02"), backend.ErrBusy},
		{stated("57P03"), backend.ErrBusy},
		{stated("57014"), backend.ErrBusy},
		{stated("25006"), backend.ErrBusy},
		{stated("53100"), backend.ErrFull},
		{stated("22003"), backend.ErrConstraint},
		{stated("23000"), backend.ErrConstraint},
		{stated("23502"), backend.ErrConstraint},
		{stated("23503"), backend.ErrConstraint},
		{stated("23505"), backend.ErrConstraint},
		{stated("23514"), backend.ErrConstraint},
		{stated("25P02"), postgres.ErrAborted},
		{stated("XX001"), backend.ErrDamaged},
		{stated("XX002"), backend.ErrDamaged},
		{stated("42P01"), nil},
		{stated("42501"), nil},
		{stated("22001"), nil},
		{stated("XX000"), nil},
		{sql.ErrNoRows, nil},
		{sql.ErrConnDone, backend.ErrClosed},
		{io.ErrUnexpectedEOF, nil},
		{fmt.Errorf("timeout: %w", context.DeadlineExceeded), context.DeadlineExceeded},
		{errors.Join(stated("57014"), context.Canceled), context.Canceled},
		{errors.New("23505"), nil},
	} {
		said := failed(t, c.err)
		for _, err := range []error{said, fmt.Errorf("saying: %w", said), errors.Join(errors.New("first"), said)} {
			got := postgres.Classify(err)
			if !errors.Is(got, c.err) {
				t.Errorf("%v has lost %v", got, c.err)
			}
			for _, sentinel := range sentinels {
				if is := errors.Is(got, sentinel); is != (sentinel == c.want) {
					t.Errorf("%v is %v: %t", got, sentinel, is)
				}
			}
			if c.want == nil && got != err {
				t.Errorf("%v became %v", err, got)
			}
		}
	}
	closed := sql.OpenDB(saying{})
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := closed.ExecContext(t.Context(), "SELECT 1")
	if got := postgres.Classify(err); !errors.Is(got, backend.ErrClosed) {
		t.Errorf("a closed pool: %v", got)
	}
	if postgres.Classify(nil) != nil || postgres.State(nil) != "" {
		t.Error("no error is one")
	}
}

// Only the end of its own context makes a canceled statement one that its caller gave up.
func TestCanceledStatements(t *testing.T) {
	t.Parallel()
	if err := postgres.ClassifyIn(t.Context(), stated("57014")); !errors.Is(err, backend.ErrBusy) {
		t.Errorf("while its context goes on: %v", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	err := postgres.ClassifyIn(canceled, stated("57014"))
	if !errors.Is(err, context.Canceled) || errors.Is(err, backend.ErrBusy) || postgres.State(err) != "57014" {
		t.Errorf("after its context: %v", err)
	}
	err = postgres.ClassifyIn(canceled, stated("23505"))
	if !errors.Is(err, backend.ErrConstraint) || errors.Is(err, context.Canceled) {
		t.Errorf("another error, after its context: %v", err)
	}
}

func TestSaysDamaged(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		stated("XX001"): true,
		stated("XX002"): true,
		stated("42P01"): true, // a table is missing
		stated("42703"): true, // a column is
		stated("42883"): true, // the types of columns are others
		stated("42501"): false,
		stated("23505"): false,
		stated("53100"): false,
		sql.ErrNoRows:   false,
	} {
		if got := postgres.SaysDamaged(fmt.Errorf("reading: %w", err)); got != want {
			t.Errorf("%v says damaged: %t", err, got)
		}
	}
	if postgres.SaysDamaged(nil) {
		t.Error("no error says damaged")
	}
	if !postgres.SaysDamaged(errors.New(`sql: Scan error on column index 0, name "amount": converting`)) {
		t.Error("a value of another type does not say damaged")
	}
}
