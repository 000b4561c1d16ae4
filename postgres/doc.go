// Package postgres tests what the engine says to PostgreSQL on a real server, with the
// drivers pgx and lib/pq. It is a module of its own, so that no driver is in the graph of
// those who embed the engine, and has only tests.
//
// They need a server: that of REFGROW_POSTGRES_URL, whose user may create schemas, or
// else one of their own, made with the programs initdb and pg_ctl of an installation.
// Without either they are skipped, unless REFGROW_POSTGRES is "required".
//
// go.mod names a version of the engine and replaces nothing, so that it can be installed;
// the tests of this repository are run against the engine next to them, with
//
//	go test -modfile=dev.mod ./...
package postgres
