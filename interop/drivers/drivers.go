// Package drivers tests the engine on databases that an app has opened itself, with
// other people's drivers: what every store must do (internal/conformance), what is left
// after the app was killed, and what becomes of the database's errors.
//
// It brings in no driver. Two of them register the same name and panic next to each
// other, so each has a package of its own, with a test binary of its own.
//
// The usual run does the parts of the suite where a driver can matter; with
// REFGROW_INTEROP_LONG set to anything it does all of the suite, with many more kills,
// which takes minutes.
package drivers

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/conformance"
)

const longVariable = "REFGROW_INTEROP_LONG"

func long() bool { return os.Getenv(longVariable) != "" }

// A Driver is what an app needs to know about one.
type Driver struct {
	// Name is what it registers itself as.
	Name string
	// DSN names the file at path, with these settings for every connection.
	DSN func(path string, s Settings) string
}

// Settings are what an app says about its database when it opens it. Without a journal
// it says nothing at all.
type Settings struct {
	Journal     string // "WAL" or "DELETE"
	ForeignKeys bool
	ReadOnly    bool
	Shared      bool // between the connections of the process, with one cache
	// Connections is how many the pool has at most; 0 means any number.
	Connections int
}

// usual is what most apps say, if they say anything.
func usual() Settings { return Settings{Journal: "WAL", ForeignKeys: true} }

// name is a DSN in the form of a URI, which all drivers take, with what SQLite itself
// reads in it and with the driver's own parameters.
func name(path string, s Settings, parameters url.Values) string {
	if s.ReadOnly {
		parameters.Set("mode", "ro")
	}
	if s.Shared {
		parameters.Set("cache", "shared")
	}
	return "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath() + "?" + parameters.Encode()
}

// Pragmas is the DSN of the drivers that take pragmas as SQLite spells them.
func Pragmas(path string, s Settings) string {
	if s.Journal == "" {
		return path
	}
	keys := "foreign_keys(0)"
	if s.ForeignKeys {
		keys = "foreign_keys(1)"
	}
	pragmas := url.Values{"_pragma": {"busy_timeout(5000)", keys}}
	if !s.ReadOnly {
		pragmas.Add("_pragma", "journal_mode("+s.Journal+")")
	}
	return name(path, s, pragmas)
}

// Parameters is the DSN of the driver that has a parameter of its own for each.
func Parameters(path string, s Settings) string {
	if s.Journal == "" {
		return path
	}
	parameters := url.Values{"_busy_timeout": {"5000"}, "_foreign_keys": {"0"}}
	if s.ForeignKeys {
		parameters.Set("_foreign_keys", "1")
	}
	if !s.ReadOnly {
		parameters.Set("_journal_mode", s.Journal)
	}
	return name(path, s, parameters)
}

// pool opens the file as an app does.
func (d Driver) pool(path string, s Settings) (*sql.DB, error) {
	pool, err := sql.Open(d.Name, d.DSN(path, s))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(s.Connections)
	return pool, nil
}

// open opens the file for a test.
func (d Driver) open(t *testing.T, path string, s Settings) *sql.DB {
	t.Helper()
	pool, err := d.pool(path, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool
}

// Conformance runs the one suite of all stores on what the driver opens.
func Conformance(t *testing.T, d Driver) {
	t.Parallel()
	one, bare := usual(), Settings{}
	one.Connections = 1
	for name, s := range map[string]Settings{
		"usual": usual(),
		// With one connection, an operation that takes a second one waits forever.
		"one connection": one,
		// The app has set up nothing: rollback journal, whatever busy timeout the
		// driver has, and SQLite checks no foreign keys.
		"foreign keys off": bare,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := conformance.RunDriven
			if long() {
				run = conformance.Run
			}
			run(t, func(t *testing.T, path string) conformance.Opened {
				pool := d.open(t, path, s)
				return conformance.Opened{Store: refgrow.SQLite(pool), DB: pool}
			})
		})
	}
}
