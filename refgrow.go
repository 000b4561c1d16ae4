package refgrow

import (
	"cmp"
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/clicks"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/recent"
	"github.com/refgrow-go/refgrow/internal/sqlite"
)

// A Store is a database that an engine can live in: what SQLite or Postgres makes of a
// database that the app already has, or *sqlite.DB, a file of the engine's own.
type Store interface {
	// Backend is for the engine alone.
	Backend() backend.Backend
}

// SQLite makes a store of an SQLite database (3.37 or newer) that the app has opened
// with any driver. The engine adds tables named refgrow_* to it, and can write inside
// the app's own transactions (Project.WithTx). How durable a commit is remains the
// app's choice: a power cut undoes nothing that was committed with PRAGMA synchronous =
// FULL, which is not every driver's default (mattn/go-sqlite3 in WAL mode:
// _synchronous=FULL). Lists take at most half of the connections that
// db.SetMaxOpenConns has allowed by then. The engine never closes db.
func SQLite(db *sql.DB) Store {
	if db == nil {
		return borrowed{} // which New refuses
	}
	return borrowed{sqlite.New(db), ownSchema()}
}

type borrowed struct {
	backend backend.Backend
	schema  schema
}

func (b borrowed) Backend() backend.Backend { return b.backend }

// Config adjusts an engine. Its zero value is right for most apps.
type Config struct {
	// Now tells the time. Defaults to time.Now.
	Now func() time.Time
	// Logger receives what the app's operator should know about. Defaults to
	// slog.Default.
	Logger *slog.Logger
	// Migrate says what New does about the schema. Defaults to MigrateAuto.
	Migrate MigrateMode
	// SecretKey is the key, 32 bytes kept outside the database, that encrypts the
	// secrets of webhooks in it. Without one they are stored in plain text, and anyone
	// who gets the file can forge the signatures of webhooks. Secrets that were stored
	// before there was a key stay readable, and are encrypted when they are changed.
	SecretKey []byte
	// Timeout is how long a statement that reads may take, its wait for a reader
	// included, before the call ends with ErrTooSlow: it keeps a list that is too long
	// from others' way. It does not apply inside a caller's transaction. Defaults to 5
	// seconds; a negative one means no bound but that of the call's context.
	Timeout time.Duration
	// Observe is told of every operation on a project. Defaults to nobody.
	Observe Observer
}

// An Observer is called when an operation begins, such as "recording a conversion", and
// returns the context to do it with, and what to call with its error when it has ended.
// Both are called by the goroutine of the operation. It is for traces and measurements;
// the names of operations are for people, and may change. interop/observer_test.go has
// one for OpenTelemetry.
type Observer func(ctx context.Context, operation string) (context.Context, func(err error))

// DefaultTimeout is how long a statement that reads may take.
const DefaultTimeout = 5 * time.Second

// clock is the only place that reads the real time.
func (c Config) clock() func() time.Time {
	if c.Now == nil {
		return time.Now
	}
	return c.Now
}

// An Engine keeps affiliate programs in one database. It is safe for concurrent use and
// has no state of its own except caches: any number of engines, in any number of
// processes on one machine, may use the same file.
type Engine struct {
	backend   backend.Backend
	schema    schema
	now       func() time.Time
	logger    *slog.Logger
	timeout   time.Duration // of a statement that reads; not above 0: any time
	observe   Observer      // nil for nobody
	keys      *recent.Keys
	vault     outbox.Vault
	visits    *recent.Visits
	clicks    *clicks.Queue
	tasks     turns // of work with a key that takes many transactions
	woken     chan struct{}
	endpoints sync.Map     // the projects of webhooks, by id
	leaps     sync.Map     // what was logged of leaps of the clock: toldLeap by project
	emitted   atomic.Int64 // changes that were written to the outbox
	uncut     atomic.Bool  // the log may have what was erased
	attempts  struct{ succeeded, retried, failed atomic.Int64 }
	closed    atomic.Bool
	ended     chan struct{} // closed with the engine

	migrated MigrationReport
}

// New makes an engine on a store and brings the store's schema up to date,
// unless Config.Migrate says otherwise. Errors: ErrInvalid for a wrong Config,
// ErrSchema, ErrDamaged, ErrBusy.
func New(ctx context.Context, store Store, config Config) (*Engine, error) {
	if store == nil || store.Backend() == nil {
		return nil, invalid("store", "is missing: pass the result of SQLite or Postgres, with a database, or of sqlite.Open")
	}
	if n := len(config.SecretKey); n != 0 && n != 32 {
		return nil, invalid("SecretKey", "has %d bytes; it must have 32, or be left out", n)
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	secrets, err := outbox.NewVault(config.SecretKey)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		backend: store.Backend(), schema: schemaOf(store),
		now:     config.clock(),
		logger:  config.Logger,
		timeout: cmp.Or(config.Timeout, DefaultTimeout), observe: config.Observe,
		keys:   recent.NewKeys(),
		vault:  secrets,
		visits: recent.NewVisits(),
		woken:  make(chan struct{}, 1),
		ended:  make(chan struct{}),
	}
	e.clicks = newClickQueue(e)
	e.uncut.Store(true) // who knows how the last process ended
	if e.migrated, err = migrate(ctx, e.backend, e.schema, config.Migrate, e.millis()); err != nil {
		return nil, err
	}
	if err := e.resumeErasures(ctx); err != nil {
		e.logger.WarnContext(ctx, "deletions that were interrupted have to wait", "error", err)
	}
	if err := e.reformNames(ctx); err != nil {
		e.logger.WarnContext(ctx, "emails from before they had one form have to wait", "error", err)
	}
	return e, nil
}

// Close writes the clicks that are queued, and ends the use of the engine; afterwards
// its methods and those of its projects return ErrClosed. It may be called twice, and
// does not close the store, which it did not open. If ctx ends before the clicks are
// written, the rest are dropped and counted. Errors: that of ctx.
func (e *Engine) Close(ctx context.Context) error {
	err := e.clicks.Close(ctx)
	if !e.closed.Swap(true) {
		close(e.ended)
	}
	return err
}

// Now is the time by the engine's clock.
func (e *Engine) Now() time.Time {
	if e == nil { // of a project that no engine has made
		return time.Now()
	}
	return e.now()
}

// Wake tells the engine's worker that a caller's transaction has committed, so that it
// need not wait for its next check.
func (e *Engine) Wake() {
	select {
	case e.woken <- struct{}{}:
	default: // a signal is already waiting
	}
}

// Backup writes a consistent copy of the whole database to a new file at path, readable
// only by its owner, while others continue to write. Errors: ErrUnsupported for
// PostgreSQL, which has programs of its own for that.
func (e *Engine) Backup(ctx context.Context, path string) error {
	if err := e.open(); err != nil {
		return err
	}
	return e.failed("backing up", e.backend.Backup(ctx, path))
}

// Stats says how much has been written since the store was opened, and what became of
// it.
type Stats struct {
	// Operations counts committed changes, Commits the transactions they were
	// committed in: changes that arrive together are committed together.
	Operations, Commits int64
	// Waited is how long changes have waited until they could begin to write, added up.
	Waited time.Duration

	// What became of the clicks that were passed to this engine: counted, ignored for
	// one of the reasons of ClickCounts, dropped because the queue was full, or
	// waiting.
	ClicksCounted, ClicksIgnored, ClicksDropped, ClicksWaiting int64

	// What became of the tries to deliver events that this engine was told of:
	// accepted, to be tried again, or failed for good.
	AttemptsSucceeded, AttemptsRetried, AttemptsFailed int64

	// DatabaseSize and LogSize are how long the file and its write-ahead log are, in
	// bytes. They are 0 for a database that the app has opened itself.
	DatabaseSize, LogSize int64
}

// Stats returns the counts of the engine and its store.
func (e *Engine) Stats() Stats {
	s, c := e.backend.Stats(), e.clicks.Stats()
	return Stats{
		Operations: s.Operations, Commits: s.Batches, Waited: s.Waited,
		ClicksCounted: c.Counted, ClicksIgnored: c.Ignored, ClicksDropped: c.Dropped, ClicksWaiting: c.Waiting,
		AttemptsSucceeded: e.attempts.succeeded.Load(), AttemptsRetried: e.attempts.retried.Load(),
		AttemptsFailed: e.attempts.failed.Load(), DatabaseSize: s.Size, LogSize: s.LogSize,
	}
}

// observed tells the observer that an operation begins.
func (e *Engine) observed(ctx context.Context, operation string) (context.Context, func(error)) {
	if e.observe == nil {
		return ctx, unobserved
	}
	return e.observe(ctx, operation)
}

func unobserved(error) {}

func (e *Engine) open() error {
	if e.closed.Load() {
		return &Error{Code: CodeClosed, Message: "the engine is closed"}
	}
	return nil
}

// millis reads the clock, in the unit of the database: Unix milliseconds.
func (e *Engine) millis() int64 { return e.Now().UnixMilli() }
