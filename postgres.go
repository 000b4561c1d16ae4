package refgrow

import (
	"database/sql"
	"embed"

	"github.com/refgrow-go/refgrow/internal/postgres"
)

// PostgresMigrationsFS holds the numbered steps of the schema for PostgreSQL, as
// [MigrationsFS] does for SQLite. They name their tables without a schema, so that they
// make them in the first one of the search path.
//
//go:embed migrations/postgres/*.sql
var PostgresMigrationsFS embed.FS

// A PostgresOption adjusts a store of PostgreSQL.
type PostgresOption func(*postgresOptions)

type postgresOptions struct{ schema string }

// InSchema keeps the tables in the schema of a name, which is made if there is none.
// What the engine says names it, whatever the search path of a connection or of the
// caller's transaction is. Without this option the tables are in the schema that is the
// first one of the search path when the engine is made.
func InSchema(name string) PostgresOption {
	return func(o *postgresOptions) { o.schema = name }
}

// Postgres makes a store of a PostgreSQL database (14 or newer) that the app has opened
// with pgx's database/sql driver or lib/pq. The engine adds tables named refgrow_* to
// it, and can write inside the app's own transactions (Project.WithTx). Those who write
// in one project wait for each other, in this process and in others; projects are
// independent. Lists take at most half of the connections that db.SetMaxOpenConns has
// allowed by then. The engine never closes db.
func Postgres(db *sql.DB, options ...PostgresOption) Store {
	if db == nil {
		return borrowed{} // which New refuses
	}
	var o postgresOptions
	for _, option := range options {
		option(&o)
	}
	return borrowed{postgres.New(db, o.schema), schema{files: PostgresMigrationsFS, folder: "migrations/postgres"}}
}
