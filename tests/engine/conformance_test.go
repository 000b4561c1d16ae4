package engine_test

import (
	"database/sql"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/conformance"
	"github.com/refgrow-go/refgrow/sqlite"
)

// TestConformance runs the one suite on every kind of store.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]conformance.Open{
		"owned file": func(t *testing.T, path string) conformance.Opened {
			database, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := database.Close(); err != nil {
					t.Error(err)
				}
			})
			return conformance.Opened{Store: database}
		},
		// The app has set up nothing: rollback journal, no busy timeout, foreign
		// keys off, any number of connections.
		"borrowed": func(t *testing.T, path string) conformance.Opened { return borrowed(t, path, 0) },
		// With one connection, an operation that takes a second one waits forever.
		"borrowed, one connection": func(t *testing.T, path string) conformance.Opened { return borrowed(t, path, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			switch {
			case !testing.Short():
				conformance.Run(t, open)
			case name == "owned file":
				conformance.RunRaces(t, open)
			case name == "borrowed":
				conformance.RunDrivenRaces(t, open)
			default:
				t.Skip("differs from the other borrowed one in nothing that runs concurrently")
			}
		})
	}
}

func borrowed(t *testing.T, path string, connections int) conformance.Opened {
	t.Helper()
	pool, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(connections)
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return conformance.Opened{Store: refgrow.SQLite(pool), DB: pool}
}
