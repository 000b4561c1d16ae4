// Package mattn tests the engine on databases opened with github.com/mattn/go-sqlite3.
package mattn
