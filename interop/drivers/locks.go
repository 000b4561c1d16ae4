package drivers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// What waits for a lock without getting it says so by its deadline, and reads go on.
func locked(t *testing.T, d Driver) {
	s, path := newShop(t, d, usual())
	other := d.open(t, path, one())
	execute(t, other, "BEGIN IMMEDIATE")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := sell(ctx, s.project, "second")
	is(t, "a write while another writes", err, refgrow.ErrBusy)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error does not say that the deadline is over: %v", err)
	}
	if waited := time.Since(began); waited > 3*time.Second {
		t.Errorf("it took %v", waited)
	}
	s.sound(t, 1)
	execute(t, other, "ROLLBACK")
	if err := sell(t.Context(), s.project, "second"); err != nil {
		t.Error(err)
	}
	s.sound(t, 2)
}

// Without a write-ahead log, a commit keeps readers out. They wait, and so does an
// engine that starts, although the app has set no busy timeout.
func keptOut(t *testing.T, d Driver) {
	s, path := newShop(t, d, Settings{})
	ctx := t.Context()
	other := d.open(t, path, Settings{Connections: 1})
	execute(t, other, "BEGIN EXCLUSIVE")
	calls := map[string]func() error{
		"a list": func() error {
			_, err := s.project.ListConversions(ctx, refgrow.ListConversionsParams{})
			return err
		},
		"Verify":    func() error { _, err := s.engine.Verify(ctx); return err },
		"Backup":    func() error { return s.engine.Backup(ctx, path+"-copy") },
		"an engine": func() error { _, err := refgrow.New(ctx, refgrow.SQLite(s.pool), refgrow.Config{}); return err },
		"a sale":    func() error { return sell(ctx, s.project, "second") },
	}
	ended := make(chan error, len(calls))
	for what, call := range calls {
		go func() {
			err := call()
			if err != nil {
				err = fmt.Errorf("%s: %w", what, err)
			}
			ended <- err
		}()
	}
	select {
	case err := <-ended:
		t.Errorf("something did not wait: %v", err)
		ended <- err
	case <-time.After(200 * time.Millisecond):
	}
	execute(t, other, "COMMIT")
	for range calls {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	s.sound(t, 2)
}

// Connections that share a cache lock single tables. Some drivers wait until those are
// free and others report that they are not; writes wait.
func lockedTable(t *testing.T, d Driver) {
	settings := usual()
	settings.Shared = true
	s, _ := newShop(t, d, settings)
	ctx := t.Context()
	other, err := s.pool.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }() // a lock that stayed would keep the pool from being closed
	execute(t, other, "BEGIN IMMEDIATE")
	execute(t, other, "UPDATE refgrow_conversions SET url = url")
	write, read := make(chan error, 1), make(chan error, 1)
	go func() { write <- sell(ctx, s.project, "second") }()
	go func() {
		_, err := s.project.ListConversions(ctx, refgrow.ListConversionsParams{})
		read <- err
	}()
	select {
	case err := <-write:
		t.Fatalf("what writes did not wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	execute(t, other, "COMMIT")
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if err := <-write; err != nil {
		t.Error(err)
	}
	if err := <-read; err != nil {
		is(t, "a read of a locked table", err, refgrow.ErrBusy)
	}
	s.sound(t, 2)
}
