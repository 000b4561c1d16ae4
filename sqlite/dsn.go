package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net/url"
	"runtime"
	"strconv"
	"strings"

	modernc "modernc.org/sqlite"

	base "github.com/refgrow-go/refgrow/internal/sqlite"
)

// journalLimit is what remains of a write-ahead log that a long-lived reader let
// grow, in bytes.
const journalLimit = 64 << 20

// Pragmas hold for one connection only; the driver sets those of the name on each
// that it opens, busy_timeout first.

// writerPragmas make the connection that writes. No statement of it waits for a lock,
// since SQLite would look ever more rarely whether it is free: the writer waits,
// between its attempts.
func (o Options) writerPragmas() []string {
	return append(pragmas("busy_timeout(0)", o.CacheKiB),
		"synchronous("+string(o.Durability)+")",
		"foreign_keys(1)",
		"secure_delete(1)", // what is erased is overwritten, not only forgotten
		"wal_autocheckpoint("+strconv.Itoa(o.CheckpointPages)+")",
		"journal_size_limit("+strconv.Itoa(journalLimit)+")",
	)
}

// readerPragmas make a connection that cannot write. It is not opened read-only,
// because a reader of a write-ahead log takes part in its shared memory.
func readerPragmas(cacheKiB int) []string {
	return append(pragmas(busyTimeout(), cacheKiB), "query_only(1)")
}

func pragmas(timeout string, cacheKiB int) []string {
	return []string{
		timeout,
		"cache_size(-" + strconv.Itoa(cacheKiB) + ")",
		"temp_store(MEMORY)",
	}
}

func busyTimeout() string {
	return "busy_timeout(" + strconv.FormatInt(base.BusyTimeout.Milliseconds(), 10) + ")"
}

// connect returns a pool of at most n connections, none of which it closes while
// idle. It opens none yet. None of them creates a file.
func (f file) connect(n int, pragmas []string, params ...string) (*sql.DB, error) {
	params = append([]string{"mode", "rw"}, params...)
	connector, err := modernc.NewConnector(dataSource(f.path, runtime.GOOS == "windows", pragmas, params))
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(sameFile{connector, f})
	pool.SetMaxOpenConns(n)
	pool.SetMaxIdleConns(n)
	return pool, nil
}

// sameFile connects to one file alone: a file that took its place is another database,
// or an empty one.
type sameFile struct {
	driver.Connector
	file file
}

func (s sameFile) Connect(ctx context.Context) (driver.Conn, error) {
	// Before, because SQLite takes the log next to an empty file for a leftover and
	// removes it; afterwards, because of the moment in between.
	if err := s.file.still(); err != nil {
		return nil, err
	}
	conn, err := s.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.file.still(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
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
