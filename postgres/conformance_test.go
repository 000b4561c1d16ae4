package postgres_test

import (
	"database/sql"
	"sync"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/conformance"
	"github.com/refgrow-go/refgrow/postgres/internal/server"
)

// The engine does the same on PostgreSQL as everywhere else, with either driver.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"pgx", "postgres"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			conformance.Run(t, opener(driver))
		})
	}
}

// opener opens databases with a driver: each path stands for a schema.
func opener(driver string) conformance.Open {
	var lock sync.Mutex
	schemas := make(map[string]string)
	return func(t *testing.T, path string) conformance.Opened {
		t.Helper()
		lock.Lock()
		defer lock.Unlock()
		var pool *sql.DB
		if schema := schemas[path]; schema != "" {
			var err error
			if pool, err = sql.Open(driver, server.Get(t).URL("search_path", schema)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = pool.Close() })
		} else {
			pool, schemas[path] = server.Get(t).Open(t, driver)
		}
		pool.SetMaxOpenConns(8)
		return conformance.Opened{Store: refgrow.Postgres(pool), DB: pool, Postgres: true}
	}
}
