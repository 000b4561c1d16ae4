// Package server gives tests a PostgreSQL server, and schemas on it.
package server

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A Server is where tests open databases.
type Server struct {
	url  *url.URL
	stop func() error
	made int // schemas, under lock
	lock sync.Mutex
}

// missing says what to do where there is no server.
const missing = "no PostgreSQL: set REFGROW_POSTGRES_URL, or apt-get install postgresql"

var errMissing = errors.New(missing)

var one = struct {
	sync.Mutex
	*Server
	err error
}{}

// Main runs the tests of a package, and ends the server that they have started.
func Main(m *testing.M) int {
	code := m.Run()
	one.Lock()
	defer one.Unlock()
	if one.Server != nil && one.stop != nil {
		if err := one.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "ending the server:", err)
			return max(code, 1)
		}
	}
	return code
}

// Get returns the server of this process, which it starts where it has to. Where there
// is none the test is skipped, or fails if REFGROW_POSTGRES is "required".
func Get(tb testing.TB) *Server {
	tb.Helper()
	one.Lock()
	defer one.Unlock()
	if one.Server == nil && one.err == nil {
		one.Server, one.err = find()
	}
	switch {
	case errors.Is(one.err, errMissing) && os.Getenv("REFGROW_POSTGRES") != "required":
		tb.Skip(missing)
	case one.err != nil:
		tb.Fatal(one.err)
	}
	return one.Server
}

// Own tells whether the server is the tests' own, on which they may do everything.
func (s *Server) Own() bool { return s.stop != nil }

// Open opens a database with a driver, "pgx" or "postgres", in a new schema, which goes
// with the test. Settings are those of a connection, such as "enable_seqscan", "off".
func (s *Server) Open(tb testing.TB, driver string, settings ...string) (db *sql.DB, schema string) {
	tb.Helper()
	s.lock.Lock()
	s.made++
	schema = "refgrow_" + strconv.Itoa(os.Getpid()) + "_" + strconv.Itoa(s.made)
	s.lock.Unlock()
	base, err := sql.Open(driver, s.url.String())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = base.Close() })
	if _, err := base.ExecContext(tb.Context(), "CREATE SCHEMA "+schema); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if _, err := base.Exec("DROP SCHEMA " + schema + " CASCADE"); err != nil {
			tb.Error(err)
		}
	})
	db, err = sql.Open(driver, s.URL(append([]string{"search_path", schema}, settings...)...))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db, schema
}

// URL is where the server is, with settings of a connection.
func (s *Server) URL(settings ...string) string {
	with := *s.url
	query := with.Query()
	for pair := range slices.Chunk(settings, 2) {
		query.Set(pair[0], pair[1])
	}
	with.RawQuery = query.Encode()
	return with.String()
}

// find finds a server, or starts one.
func find() (*Server, error) {
	if text := os.Getenv("REFGROW_POSTGRES_URL"); text != "" {
		at, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("REFGROW_POSTGRES_URL: %w", err)
		}
		return &Server{url: at}, nil
	}
	programs, err := installed()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "refgrow-postgres-")
	if err != nil {
		return nil, err
	}
	stop, err := start(programs, folder)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	at := &url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres"}
	at.RawQuery = url.Values{"host": {folder}, "sslmode": {"disable"}}.Encode()
	return &Server{url: at, stop: stop}, nil
}

// installed is the folder with the programs of a server: that of initdb, or the newest of
// Debian's.
func installed() (string, error) {
	if runtime.GOOS == "windows" {
		return "", errMissing
	}
	var folders []string
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if initdb, err = filepath.EvalSymlinks(initdb); err == nil {
			folders = append(folders, filepath.Dir(initdb))
		}
	}
	debian, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.SortFunc(debian, func(a, b string) int { return version(b) - version(a) })
	for _, folder := range append(folders, debian...) {
		complete := true
		for _, program := range []string{"initdb", "pg_ctl", "postgres"} {
			_, err := os.Stat(filepath.Join(folder, program))
			complete = complete && err == nil
		}
		if complete {
			return folder, nil
		}
	}
	return "", errMissing
}

func version(folder string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	return n
}

// script starts a server that ends, with its folder, when its input does: whatever
// becomes of the tests, it does not outlive them.
const script = `
cd "$2" || exit 1
"$1/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >log 2>&1 &&
"$1/pg_ctl" -D data -l log -w start >>log 2>&1 \
	-o "-k '$2' -c listen_addresses= -c fsync=off -c max_connections=200" || {
	cat log
	exit 1
}
echo ready
cat >/dev/null
"$1/pg_ctl" -D data -m immediate stop >>log 2>&1
rm -rf "$2"
`

// start starts a server in a folder, and returns what ends it.
func start(programs, folder string) (stop func() error, err error) {
	command := exec.Command("sh", "-c", script, "sh", programs, folder)
	command.Dir = "/"
	command.Env = append(os.Environ(), "LC_ALL=C")
	if err := asSomebody(command, folder); err != nil {
		return nil, err
	}
	input, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(output)
	first, err := lines.ReadString('\n')
	if first != "ready\n" {
		rest, _ := io.ReadAll(lines)
		said := strings.TrimSpace(first + string(rest))
		return nil, fmt.Errorf("starting a server with %s: %w\n%s", programs, errors.Join(err, command.Wait()), said)
	}
	return func() error {
		return errors.Join(input.Close(), command.Wait())
	}, nil
}
