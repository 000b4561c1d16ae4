package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/postgres"
	"github.com/refgrow-go/refgrow/postgres/internal/server"
)

// TestErrorsOfDrivers has a server refuse statements, and both drivers say so.
func TestErrorsOfDrivers(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"pgx", "postgres"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, _ := server.Get(t).Open(t, name)
			do := func(on interface {
				ExecContext(context.Context, string, ...any) (sql.Result, error)
			}, text string) error {
				_, err := on.ExecContext(t.Context(), text)
				return postgres.Classify(err)
			}
			if err := errors.Join(do(db, "CREATE TABLE things (id BIGINT PRIMARY KEY, n BIGINT NOT NULL CHECK (n > 0))"),
				do(db, "INSERT INTO things VALUES (1, 1)")); err != nil {
				t.Fatal(err)
			}
			for text, want := range map[string]struct {
				state string
				is    error
			}{
				"INSERT INTO things VALUES (1, 1)":                                   {"23505", backend.ErrConstraint},
				"INSERT INTO things VALUES (2, 0)":                                   {"23514", backend.ErrConstraint},
				"INSERT INTO things (id) VALUES (2)":                                 {"23502", backend.ErrConstraint},
				"UPDATE things SET n = n + 9223372036854775807":                      {"22003", backend.ErrConstraint},
				"SELECT 1 FROM others":                                               {"42P01", nil},
				"SELECT m FROM things":                                               {"42703", nil},
				"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '23000'; END $$":   {"23000", backend.ErrConstraint},
				"DO $$ BEGIN RAISE EXCEPTION 'bad' USING ERRCODE = 'XX001'; END $$":  {"XX001", backend.ErrDamaged},
				"DO $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$": {"53100", backend.ErrFull},
			} {
				err := do(db, text)
				if postgres.State(err) != want.state || want.is != nil && !errors.Is(err, want.is) {
					t.Errorf("%s: %v, and it should be %s, %v", text, err, want.state, want.is)
				}
				if damaged := postgres.SaysDamaged(err); damaged != (want.is == nil || want.is == backend.ErrDamaged) {
					t.Errorf("%s says damaged: %t", text, damaged)
				}
			}

			// What is done in a transaction that has failed.
			begin := func(options *sql.TxOptions) *sql.Tx {
				t.Helper()
				tx, err := db.BeginTx(t.Context(), options)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = tx.Rollback() })
				return tx
			}
			tx := begin(nil)
			if err := do(tx, "INSERT INTO things VALUES (1, 1)"); !errors.Is(err, backend.ErrConstraint) {
				t.Errorf("in a transaction: %v", err)
			}
			if err := do(tx, "SELECT 1"); !errors.Is(err, postgres.ErrAborted) {
				t.Errorf("after an error in the transaction: %v", err)
			}
			if err := do(begin(&sql.TxOptions{ReadOnly: true}), "UPDATE things SET n = 2"); !errors.Is(err, backend.ErrBusy) {
				t.Errorf("where nothing can be written: %v", err)
			}

			// Others that hold what is asked for, or have changed it.
			late := begin(&sql.TxOptions{Isolation: sql.LevelRepeatableRead})
			if err := do(late, "SELECT n FROM things"); err != nil {
				t.Fatal(err)
			}
			if err := do(db, "UPDATE things SET n = 3 WHERE id = 1"); err != nil {
				t.Fatal(err)
			}
			err := do(late, "UPDATE things SET n = 4 WHERE id = 1")
			if !errors.Is(err, backend.ErrBusy) || postgres.State(err) != "40001" {
				t.Errorf("a row that another one has changed since: %v", err)
			}
			if err := do(begin(nil), "UPDATE things SET n = 5 WHERE id = 1"); err != nil {
				t.Fatal(err)
			}
			waiting := begin(nil)
			if err := do(waiting, "SET LOCAL lock_timeout = '10ms'"); err != nil {
				t.Fatal(err)
			}
			err = do(waiting, "UPDATE things SET n = 6 WHERE id = 1")
			if !errors.Is(err, backend.ErrBusy) || postgres.State(err) != "55P03" {
				t.Errorf("a row that another one holds: %v", err)
			}
			slow := begin(nil)
			if err := do(slow, "SET LOCAL statement_timeout = '10ms'"); err != nil {
				t.Fatal(err)
			}
			_, err = slow.ExecContext(t.Context(), "UPDATE things SET n = 6 WHERE id = 1")
			err = postgres.ClassifyIn(t.Context(), err)
			if !errors.Is(err, backend.ErrBusy) || postgres.State(err) != "57014" {
				t.Errorf("the end of statement_timeout: %v", err)
			}

			// The end of the context of a statement that waits: a request to cancel one that
			// does not run yet would be lost.
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			var pid int
			if err := conn.QueryRowContext(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
				t.Fatal(err)
			}
			ends, end := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				_, err := conn.ExecContext(ends, "UPDATE things SET n = 6 WHERE id = 1")
				ended <- postgres.ClassifyIn(ends, err)
			}()
			for waits := false; !waits; {
				const asks = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE pid = $1 AND NOT granted)"
				if err := db.QueryRowContext(t.Context(), asks, pid).Scan(&waits); err != nil {
					t.Fatal(err)
				}
			}
			end()
			if err := <-ended; !errors.Is(err, context.Canceled) || errors.Is(err, backend.ErrBusy) {
				t.Errorf("the end of its context: %v", err)
			}
		})
	}
}
