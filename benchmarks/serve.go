package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	_ "modernc.org/sqlite" // for the files of peers, and of the floor
)

// roles are what this command can be as a server under test.
var roles = map[string]func(ctx context.Context, o servant) error{
	"ours":             serveOurs,
	"ours-normal":      serveOurs,
	"ours-single":      serveSingle,
	"ours-unwatched":   serveOurs,
	"floor":            serveFloor,
	"plain":            servePlain,
	"in-process":       runInProcess,
	"in-process-plain": runPlainInProcess,
}

// A servant is what a role is started with.
type servant struct {
	role    string
	file    string    // the database
	at      time.Time // what the clock of the engine shows at first
	clients int       // number of clients, if they are in the process
	seed    uint64
	world   sizeFlags
	profile string // where profiles go, "" for none
}

// serve runs this command as a server under test.
func serve(ctx context.Context, args []string) error {
	if len(args) == 0 || roles[args[0]] == nil {
		return errors.New("serve needs a role")
	}
	s := servant{role: args[0]}
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.StringVar(&s.file, "db", "", "database `FILE`")
	flags.IntVar(&s.clients, "clients", 64, "clients in the process")
	flags.Uint64Var(&s.seed, "seed", 1, "seed of the shop")
	flags.StringVar(&s.profile, "profile", "", "write `NAME`.cpu.pprof and NAME.allocs.pprof")
	at := flags.Int64("at", 0, "what the clock shows at first, in Unix `MILLISECONDS`")
	s.world.define(flags)
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	s.at = time.UnixMilli(*at)
	stop, err := profile(s.profile)
	if err != nil {
		return err
	}
	return errors.Join(roles[s.role](ctx, s), stop())
}

// now is a clock that begins with s.at.
func (s servant) now() func() time.Time {
	begun := time.Now()
	return func() time.Time { return s.at.Add(time.Since(begun)) }
}

// listen serves until the standard input ends, with the same time limits as the command
// refgrow.
func listen(handler http.Handler, token string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if err := send(ready{Addr: listener.Addr().String(), Token: token}); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return err
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// send sends the driver one line of JSON.
func send(v any) error { return json.NewEncoder(os.Stdout).Encode(v) }

// openFile opens a database file as the engine's own writer does by default:
// durable, with the same page cache and length of the log.
func openFile(file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?_txlock=immediate"+
		"&_pragma=busy_timeout(5000)&_pragma=page_size(2048)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"+
		"&_pragma=foreign_keys(1)&_pragma=cache_size(-8192)&_pragma=temp_store(MEMORY)"+
		"&_pragma=wal_autocheckpoint(4000)&_pragma=journal_size_limit(67108864)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// count counts the rows of a table in a file that nobody else has open any longer.
func count(ctx context.Context, file, table string) (n int64, err error) {
	db, err := openFile(file)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
		return 0, fmt.Errorf("count %s of %s: %w", table, file, err)
	}
	return n, nil
}
