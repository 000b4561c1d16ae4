package sqlite

import (
	"database/sql"
	"net/url"
	"runtime"
	"strconv"
	"strings"

	modernc "modernc.org/sqlite"
)

// busyTimeout is how long one statement waits for a lock, in milliseconds. The
// driver does not notice the end of a context meanwhile, so it is short, and
// the rest of the waiting is done between the attempts.
const busyTimeout = 100

// journalLimit is what remains of a write-ahead log that a long-lived reader let
// grow, in bytes.
const journalLimit = 64 << 20

// Pragmas hold for one connection only; the driver sets those of the name on each
// that it opens, busy_timeout first.

func (o Options) writerPragmas() []string {
	return append(o.pragmas(),
		"synchronous("+string(o.Durability)+")",
		"foreign_keys(1)",
		"wal_autocheckpoint("+strconv.Itoa(o.CheckpointPages)+")",
		"journal_size_limit("+strconv.Itoa(journalLimit)+")",
	)
}

// readerPragmas make a connection that cannot write. It is not opened read-only,
// because a reader of a write-ahead log takes part in its shared memory.
func (o Options) readerPragmas() []string {
	return append(o.pragmas(), "query_only(1)")
}

func (o Options) pragmas() []string {
	return []string{
		"busy_timeout(" + strconv.Itoa(busyTimeout) + ")",
		"cache_size(-" + strconv.Itoa(o.CacheKiB) + ")",
		"temp_store(MEMORY)",
	}
}

// connect returns a pool of at most n connections, none of which it closes while
// idle. It opens none yet.
func connect(path string, n int, pragmas []string, params ...string) (*sql.DB, error) {
	connector, err := modernc.NewConnector(dataSource(path, runtime.GOOS == "windows", pragmas, params))
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	return pool, nil
}

// dataSource names the file of an absolute path as a URI, in which every byte of
// the path that means something there is escaped. params are pairs.
func dataSource(path string, windows bool, pragmas, params []string) string {
	if windows {
		path = strings.ReplaceAll(path, `\`, "/")
		if !strings.HasPrefix(path, "/") {
			path = "/" + path // file:///C:/...
		}
	}
	query := url.Values{"_pragma": pragmas}
	for i := 0; i+1 < len(params); i += 2 {
		query.Set(params[i], params[i+1])
	}
	return "file://" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode()
}
