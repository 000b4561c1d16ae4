package sqlite

import (
	"context"
	"errors"
	"testing"

	"github.com/refgrow-go/refgrow/internal/backend"
)

func TestStatementsKnowWhatWasWritten(t *testing.T) {
	t.Parallel()
	_, pool := setup(t)
	ctx := context.Background()
	conn, err := pool.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	lost := false
	s := NewStatements(conn, func() bool { return lost })
	exec(t, s, "INSERT INTO thing VALUES ('old', 1)")
	var name string
	query := func(q string) { _ = s.QueryRowContext(ctx, q).Scan(&name) } // some are refused
	for _, c := range []struct {
		what  string
		do    func()
		wrote bool
	}{
		{"nothing", func() {}, false},
		{"a read", func() { query("SELECT name FROM thing") }, false},
		{"an insert", func() { exec(t, s, "INSERT INTO thing VALUES ('a', 1)") }, true},
		{"a refused insert", func() { _, _ = s.ExecContext(ctx, "INSERT INTO thing VALUES ('old', 1)") }, false},
		{"a refused insert that returns", func() { query("INSERT INTO thing VALUES ('old', 1) RETURNING name") }, false},
		{"an insert that does nothing",
			func() { exec(t, s, "INSERT INTO thing VALUES ('old', 1) ON CONFLICT DO NOTHING") }, false},
		{"an insert that returns nothing",
			func() { query("INSERT INTO thing VALUES ('old', 1) ON CONFLICT DO NOTHING RETURNING name") }, false},
		{"an insert that returns", func() { query("INSERT INTO thing VALUES ('b', 1) RETURNING name") }, true},
		{"the same and an update of nothing", func() {
			query("INSERT INTO thing VALUES ('c', 1) RETURNING name")
			exec(t, s, "UPDATE thing SET size = 2 WHERE name = 'none'")
		}, true},
		{"two that return nothing", func() {
			query("UPDATE thing SET size = 2 WHERE name = 'none' RETURNING name")
			query("INSERT INTO thing VALUES ('old', 1) ON CONFLICT DO NOTHING RETURNING name")
		}, true}, // nothing is known about the first one
		{"a table", func() { exec(t, s, "CREATE TABLE other (a)") }, true},
		{"a savepoint", func() { exec(t, s, "SAVEPOINT a"); exec(t, s, "RELEASE a") }, false},
	} {
		s.Mark()
		c.do()
		if wrote, err := s.Written(ctx); wrote != c.wrote || err != nil {
			t.Errorf("%s: %v %v", c.what, wrote, err)
		}
	}
	lost = true
	if _, err := s.ExecContext(ctx, "INSERT INTO thing VALUES ('z', 1)"); err != backend.ErrLost {
		t.Error(err)
	}
	if err := s.QueryRowContext(ctx, "SELECT 1").Scan(&name); err != backend.ErrLost {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A statement that its own context would interrupt runs to its end.
func TestStatementsAreNotCancelled(t *testing.T) {
	t.Parallel()
	_, pool := setup(t)
	conn, err := pool.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	s := NewStatements(conn, func() bool { return false })
	defer s.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	exec(t, pool, "SELECT 1")
	if _, err := s.ExecContext(ctx, "INSERT INTO thing VALUES ('a', 1)"); err != nil {
		t.Error(err)
	}
	if _, err := (&guarded{on: conn}).ExecContext(ctx, "INSERT INTO thing VALUES ('b', 1)"); err != nil {
		t.Error(err)
	}
}

// ends runs f in a goroutine and reports how it ended.
func ends(f func() error) (err error) {
	errs := make(chan error, 1)
	go func() {
		err := errGoexit
		defer func() {
			if v := recover(); v != nil {
				err = errPanic
			}
			errs <- err
		}()
		err = f()
	}()
	return <-errs
}

var (
	errGoexit = errors.New("the goroutine ended")
	errPanic  = errors.New("it panicked")
)
