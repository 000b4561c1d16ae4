// Package refgrowtest is for the tests of apps that use refgrow: an engine on a fresh
// database, with a clock that the test sets.
//
//	engine, clock := refgrowtest.New(t)
//
// New opens a database, so this package brings in the driver modernc.org/sqlite, next
// to which no other driver can be named "sqlite". An app with such a driver, as
// glebarez/sqlite for GORM, imports refgrowtest/anydriver instead, which has On and
// Clock, and brings none.
package refgrowtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/refgrowtest/anydriver"
	"github.com/refgrow-go/refgrow/sqlite"
)

// New returns an engine on an empty database of its own, and its clock. Both end with
// the test.
func New(t testing.TB) (*refgrow.Engine, *Clock) {
	t.Helper()
	database, err := sqlite.Open(context.Background(), File(t), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Close(); err != nil {
			t.Error(err)
		}
	})
	return On(t, database)
}

// File returns the path of a new database file, which has the engine's schema already,
// for a test that opens it itself. It ends with the test.
func File(t testing.TB) string {
	t.Helper()
	content, err := emptyFile()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "refgrow.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// emptyFile is the content of a file with the schema. Migrating takes much longer than
// copying, and tests do it often.
//
//nolint:gochecknoglobals // a constant in all but name
var emptyFile = sync.OnceValues(func() (content []byte, err error) {
	folder, err := os.MkdirTemp("", "refgrowtest")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path, ctx := filepath.Join(folder, "refgrow.db"), context.Background()
	database, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	_, err = refgrow.Migrate(ctx, database)
	if err := errors.Join(err, database.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// On returns an engine on a store that the test has opened, and its clock. The engine
// ends with the test; the store is left open. It is the one of package anydriver.
func On(t testing.TB, store refgrow.Store) (*refgrow.Engine, *Clock) {
	t.Helper()
	return anydriver.On(t, store)
}

// A Clock stands still until it is told to move. It is safe for concurrent use.
type Clock = anydriver.Clock

// NewClock returns a clock that shows noon on 15 January 2026, UTC.
func NewClock() *Clock { return anydriver.NewClock() }
