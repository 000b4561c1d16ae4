// Package modernc tests the engine on databases opened with modernc.org/sqlite.
package modernc
