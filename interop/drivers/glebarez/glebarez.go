// Package glebarez tests the engine on databases opened with
// github.com/glebarez/go-sqlite.
package glebarez
