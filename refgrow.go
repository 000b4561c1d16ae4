package refgrow

import (
	"context"
	"database/sql"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/sqlite"
)

// A Store is a database that an engine can live in. There are two kinds: what
// SQLite makes of a database the app has already, and *sqlite.DB, a file of the
// engine's own.
type Store interface {
	// Backend is for the engine alone.
	Backend() backend.Backend
}

// SQLite makes a store of an SQLite database (3.37 or newer) that the app has
// opened with any driver. The engine adds tables named refgrow_* to it, and can
// write inside the app's own transactions (Project.WithTx). How durable a commit
// is, is the app's choice: a power cut takes nothing back that was committed with
// PRAGMA synchronous = FULL, which is not every driver's default
// (mattn/go-sqlite3 in WAL mode: _synchronous=FULL). The engine never closes db.
func SQLite(db *sql.DB) Store { return borrowed{sqlite.New(db)} }

type borrowed struct{ backend backend.Backend }

func (b borrowed) Backend() backend.Backend { return b.backend }

// Config adjusts an engine. Its zero value is right for most programs.
type Config struct {
	// Now tells the time. Defaults to time.Now.
	Now func() time.Time
	// Logger receives what a program's owner should know of. Defaults to
	// slog.Default.
	Logger *slog.Logger
	// Migrate says what New does about the schema. Defaults to MigrateAuto.
	Migrate MigrateMode
	// SecretKey is the key, 32 bytes kept outside the database, that encrypts
	// the secrets of webhooks in it. Without one they are stored as they are: who
	// gets the file can then sign in the program's name. Secrets that were stored
	// before there was a key stay readable, and are encrypted when they are changed.
	SecretKey []byte
}

// clock is the only place that knows the real time.
func (c Config) clock() func() time.Time {
	if c.Now == nil {
		return time.Now
	}
	return c.Now
}

// An Engine keeps affiliate programs in one database. It is safe for concurrent
// use and has no state of its own but caches: any number of engines, in any
// number of processes of one machine, may use the same file.
type Engine struct {
	backend backend.Backend
	now     func() time.Time
	logger  *slog.Logger
	keys    *keyCache
	vault   vault
	visits  *visitCache
	clicks  *clickQueue
	woken   chan struct{}
	emitted atomic.Int64 // changes that were written to the outbox
	closed  atomic.Bool
}

// New makes an engine on a store and brings the store's schema up to date,
// unless Config.Migrate says otherwise. Errors: ErrInvalid for a wrong Config,
// ErrSchema, ErrDamaged, ErrBusy.
func New(ctx context.Context, store Store, config Config) (*Engine, error) {
	if store == nil {
		return nil, invalid("store", "is missing: give the result of SQLite or sqlite.Open")
	}
	if n := len(config.SecretKey); n != 0 && n != 32 {
		return nil, invalid("SecretKey", "has %d bytes; it must have 32, or be left out", n)
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	secrets, err := newVault(config.SecretKey)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		backend: store.Backend(),
		now:     config.clock(),
		logger:  config.Logger,
		keys:    newKeyCache(),
		vault:   secrets,
		visits:  newVisitCache(),
		clicks:  newClickQueue(),
		woken:   make(chan struct{}, 1),
	}
	if err := migrate(ctx, e.backend, config.Migrate, e.millis()); err != nil {
		return nil, err
	}
	if err := e.resumeDeletions(ctx); err != nil {
		e.logger.WarnContext(ctx, "deletions that were interrupted have to wait", "error", err)
	}
	return e, nil
}

// Close writes the clicks that are queued, and ends the use of the engine;
// afterwards its methods and those of its projects give ErrClosed. It may be called
// twice, and does not close the store, which it did not open. When ctx ends before
// the clicks are written, the rest is dropped and counted, and the error is that of
// ctx.
func (e *Engine) Close(ctx context.Context) error {
	err := e.closeClicks(ctx)
	e.closed.Store(true)
	return err
}

// Now is the time by the engine's clock.
func (e *Engine) Now() time.Time { return e.now() }

// Wake tells the engine's worker that a caller's transaction has committed, so
// that it need not wait for its next look.
func (e *Engine) Wake() {
	select {
	case e.woken <- struct{}{}:
	default: // it knows already
	}
}

// Woken is where a worker learns that there may be something to deliver. One worker
// of the process gets each signal; the others look now and then.
func (e *Engine) Woken() <-chan struct{} { return e.woken }

// Backup writes a consistent copy of the whole database to a new file at path,
// readable by its owner only, while others go on writing.
func (e *Engine) Backup(ctx context.Context, path string) error {
	if err := e.open(); err != nil {
		return err
	}
	return failed("backing up", e.backend.Backup(ctx, path))
}

// Stats says how much was written since the store was opened.
type Stats struct {
	// Operations counts committed changes, Commits the transactions they were
	// committed in: changes that arrive together are committed together.
	Operations, Commits int64

	// What became of the clicks that this engine was given: counted, ignored for one
	// of the reasons of ClickCounts, dropped because the queue was full, or waiting.
	ClicksCounted, ClicksIgnored, ClicksDropped, ClicksWaiting int64
}

// Stats gives the counts of the engine and its store.
func (e *Engine) Stats() Stats {
	s := e.backend.Stats()
	stats := Stats{Operations: s.Operations, Commits: s.Batches}
	e.clicks.stats(&stats)
	return stats
}

func (e *Engine) open() error {
	if e.closed.Load() {
		return &Error{Code: CodeClosed, Message: "the engine is closed"}
	}
	return nil
}

// millis reads the clock, as the database keeps time.
func (e *Engine) millis() int64 { return e.now().UnixMilli() }

// instant is a time as the database keeps it, in UTC.
func instant(millis int64) time.Time { return time.UnixMilli(millis).UTC() }

func optionalInstant(millis *int64) *time.Time {
	if millis == nil {
		return nil
	}
	return new(instant(*millis))
}
