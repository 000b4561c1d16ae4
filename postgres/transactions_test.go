package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/postgres"
)

// withDrivers runs a test with each driver.
func withDrivers(t *testing.T, test func(t *testing.T, s *shop)) {
	t.Helper()
	t.Parallel()
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			test(t, newShop(t, driver))
		})
	}
}

// An order and its commission are one transaction, at every level of isolation: both are
// there, or neither.
func TestIsolationLevels(t *testing.T) {
	withDrivers(t, func(t *testing.T, s *shop) {
		s.exec(t, "CREATE TABLE orders (id TEXT PRIMARY KEY)")
		levels := []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable}
		for _, level := range levels {
			for _, kept := range []bool{false, true} {
				tx := s.begin(t, &sql.TxOptions{Isolation: level})
				if _, err := tx.ExecContext(t.Context(), "INSERT INTO orders VALUES ($1)", level.String()); err != nil {
					t.Fatal(err)
				}
				if _, err := s.WithTx(tx).RecordConversion(t.Context(), sale(level.String())); err != nil {
					t.Fatalf("%v: %v", level, err)
				}
				end := tx.Rollback
				if kept {
					end = tx.Commit
				}
				if err := end(); err != nil {
					t.Fatalf("%v: %v", level, err)
				}
			}
		}
		var orders int
		if err := s.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM orders").Scan(&orders); err != nil {
			t.Fatal(err)
		}
		if sales := s.sales(t); sales != int64(len(levels)) || orders != len(levels) {
			t.Errorf("there are %d orders and %d sales", orders, sales)
		}
	})
}

// A transaction that has read before somebody else wrote goes on at READ COMMITTED. At
// the stricter levels all of it has to be repeated.
func TestStaleReads(t *testing.T) {
	withDrivers(t, func(t *testing.T, s *shop) {
		want := int64(0)
		for level, busy := range map[sql.IsolationLevel]bool{
			sql.LevelReadCommitted: false, sql.LevelRepeatableRead: true, sql.LevelSerializable: true,
		} {
			tx := s.begin(t, &sql.TxOptions{Isolation: level})
			var n int
			if err := tx.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM refgrow_conversions").Scan(&n); err != nil {
				t.Fatal(err)
			}
			if _, err := s.RecordConversion(t.Context(), sale("outside "+level.String())); err != nil {
				t.Fatal(err)
			}
			_, err := s.WithTx(tx).RecordConversion(t.Context(), sale("inside "+level.String()))
			if errors.Is(err, refgrow.ErrBusy) != busy || err == nil == busy {
				t.Errorf("%v: %v", level, err)
			}
			if err := tx.Commit(); err != nil {
				t.Errorf("%v: %v", level, err)
			}
			if want++; !busy {
				want++
			}
		}
		if got := s.sales(t); got != want {
			t.Errorf("there are %d sales, want %d", got, want)
		}
	})
}

// In a transaction that cannot write any more, an operation says so.
func TestHopelessTransactions(t *testing.T) {
	withDrivers(t, func(t *testing.T, s *shop) {
		failed := s.begin(t, nil)
		if _, err := failed.ExecContext(t.Context(), "SELECT nonsense"); err == nil {
			t.Fatal("there is nonsense")
		}
		if _, err := s.WithTx(failed).RecordConversion(t.Context(), sale("a")); !errors.Is(err, postgres.ErrAborted) {
			t.Errorf("after a failed statement of the app: %v", err)
		}
		reading := s.begin(t, &sql.TxOptions{ReadOnly: true})
		_, err := s.WithTx(reading).RecordConversion(t.Context(), sale("a"))
		if err == nil || errors.Is(err, refgrow.ErrBusy) || !strings.Contains(err.Error(), "only reads") {
			t.Errorf("in a transaction that only reads: %v", err)
		}
		for _, tx := range []*sql.Tx{failed, reading} {
			if err := tx.Rollback(); err != nil {
				t.Error(err)
			}
		}
		if n := s.sales(t); n != 0 {
			t.Errorf("there are %d sales", n)
		}
	})
}

// While the app's transaction has the project, others wait as long as their contexts let
// them; other projects do not.
func TestWhoWaits(t *testing.T) {
	withDrivers(t, func(t *testing.T, s *shop) {
		other := projectOf(t, s.engine, "other")
		tx := s.begin(t, nil)
		if _, err := s.WithTx(tx).RecordConversion(t.Context(), sale("held")); err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := s.RecordConversion(short, sale("late")); !errors.Is(err, refgrow.ErrBusy) {
			t.Errorf("with a deadline: %v", err)
		}
		twin := s.begin(t, nil)
		short, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := s.WithTx(twin).RecordConversion(short, sale("late")); !errors.Is(err, refgrow.ErrBusy) {
			t.Errorf("in another transaction, with a deadline: %v", err)
		}
		var kept string
		if err := twin.QueryRowContext(t.Context(), "SHOW lock_timeout").Scan(&kept); err != nil || kept != "0" {
			t.Errorf("the app's own lock_timeout is %s (%v)", kept, err)
		}
		if err := twin.Rollback(); err != nil {
			t.Error(err)
		}
		if _, err := other.RecordConversion(t.Context(), sale("other")); err != nil {
			t.Errorf("in another project: %v", err)
		}
		waited := make(chan error, 1)
		go func() {
			_, err := s.RecordConversion(t.Context(), sale("waits"))
			waited <- err
		}()
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-waited; err != nil {
			t.Errorf("after the app's transaction: %v", err)
		}
		if n := s.sales(t); n != 2 {
			t.Errorf("there are %d sales", n)
		}
	})
}

// What the app has set for its transaction is as before after an operation, and neither
// the path that it searches nor that of its connections matters where the schema is
// named.
func TestNamedSchema(t *testing.T) {
	t.Parallel()
	for _, driver := range drivers() {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, driver)
			own := s.schema + "_own"
			t.Cleanup(func() { _, _ = s.db.Exec("DROP SCHEMA " + own + " CASCADE") })
			named := &shop{db: s.db, schema: own, driver: driver}
			var err error
			if named.engine, err = refgrow.New(t.Context(), refgrow.Postgres(s.db, refgrow.InSchema(own)), refgrow.Config{
				Now: s.clock.Now,
			}); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = named.engine.Close(context.Background()) }()
			named.Project = projectOf(t, named.engine, "shop")
			tx := s.begin(t, nil)
			for _, setting := range []string{"SET LOCAL search_path = pg_catalog", "SET LOCAL lock_timeout = '7s'"} {
				if _, err := tx.ExecContext(t.Context(), setting); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := named.WithTx(tx).RecordConversion(t.Context(), sale("a")); err != nil {
				t.Fatal(err)
			}
			for setting, want := range map[string]string{"search_path": "pg_catalog", "lock_timeout": "7s"} {
				var is string
				if err := tx.QueryRowContext(t.Context(), "SHOW "+setting).Scan(&is); err != nil || is != want {
					t.Errorf("%s is %s (%v)", setting, is, err)
				}
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			if in, out := named.sales(t), s.sales(t); in != 1 || out != 0 {
				t.Errorf("there are %d sales in the schema, and %d outside", in, out)
			}
		})
	}
}
