package disks_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/conformance"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

// An engine that was closed, and its store, leave no goroutine and no open file
// behind, whatever happened before: contexts that end, errors, panics, goroutines
// that end in the middle of an operation, and lists that nobody reads to the end.
func TestNothingLeft(t *testing.T) {
	rounds, workers := 2, 12
	if os.Getenv("REFGROW_SOAK") != "" {
		rounds = 20
	}
	if testing.Short() {
		rounds, workers = 1, 4
	}
	for name, open := range map[string]func(t *testing.T, path string) (refgrow.Store, txs, func() error){
		"owned file": func(t *testing.T, path string) (refgrow.Store, txs, func() error) {
			database, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			return database, database.Tx, database.Close
		},
		"borrowed": func(t *testing.T, path string) (refgrow.Store, txs, func() error) {
			pool, err := sql.Open("sqlite",
				"file:"+filepath.ToSlash(path)+"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
			if err != nil {
				t.Fatal(err)
			}
			return refgrow.SQLite(pool), ofPool(pool), pool.Close
		},
	} {
		t.Run(name, func(t *testing.T) {
			conformance.NothingLeft(t)
			path := filepath.Join(t.TempDir(), "refgrow.db")
			for round := range rounds {
				store, tx, closeStore := open(t, path)
				engine, err := refgrow.New(t.Context(), store, refgrow.Config{Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				shop, err := engine.EnsureProject(t.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
				if err != nil {
					t.Fatal(err)
				}
				jane := refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"}
				if _, err := shop.CreateAffiliate(t.Context(), jane); err != nil && round == 0 {
					t.Fatal(err)
				}
				l := &load{engine: engine, shop: shop, tx: tx, directory: t.TempDir()}
				l.work(t, workers)
				report, err := engine.Verify(t.Context())
				if err != nil || len(report.Differences) > 0 {
					t.Errorf("the books: %v %v", report.Differences, err)
				}
				// The second time nobody waits for the clicks that are queued.
				ctx, cancel := context.WithCancel(context.Background())
				if round%2 == 1 {
					cancel()
				}
				if err := engine.Close(ctx); err != nil && !errors.Is(err, ctx.Err()) {
					t.Error(err)
				}
				cancel()
				if err := closeStore(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// txs runs work in a transaction of the app's own.
type txs func(ctx context.Context, work func(*sql.Tx) error) error

func ofPool(pool *sql.DB) txs {
	return func(ctx context.Context, work func(*sql.Tx) error) error {
		tx, err := pool.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // also when work does not return
		if err := work(tx); err != nil {
			return err
		}
		return tx.Commit()
	}
}

// A load is what many goroutines do to an engine at the same time.
type load struct {
	engine    *refgrow.Engine
	shop      *refgrow.Project
	tx        txs
	directory string
}

var errUndone = errors.New("undone")

func (l *load) work(t *testing.T, workers int) {
	t.Helper()
	var wait sync.WaitGroup
	for worker := range workers {
		wait.Go(func() {
			for i, step := range l.steps() {
				ctx, cancel := context.Background(), func() {}
				switch (worker + i) % 4 {
				case 0: // has ended
					ctx, cancel = context.WithCancel(ctx)
					cancel()
				case 1, 2: // ends at any instant
					ctx, cancel = context.WithTimeout(ctx, time.Duration(worker*i+1)*100*time.Microsecond)
				}
				l.one(func() error { return step(ctx, fmt.Sprintf("%d-%d", worker, i)) }, func(err error) {
					var own *refgrow.Error
					if !errors.Is(err, errUndone) && !errors.As(err, &own) && !errors.Is(err, ctx.Err()) &&
						!errors.Is(err, sql.ErrTxDone) {
						t.Errorf("step %d: %v", i, err)
					}
				})
				cancel()
			}
		})
	}
	wait.Wait()
}

// one does a step in a goroutine that the step may end or make panic.
func (l *load) one(step func() error, failed func(error)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		if err := step(); err != nil {
			failed(err)
		}
	}()
	<-done
}

// steps are what each worker does.
func (l *load) steps() []func(ctx context.Context, name string) error {
	sale := func(reference string) refgrow.RecordConversionParams {
		return refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: money.MustParse("10.00 USD"), Reference: reference,
		}
	}
	ended := func(ctx context.Context, end func()) error {
		return l.shop.Atomic(ctx, func(p *refgrow.Project) error {
			if _, err := p.RecordConversion(ctx, sale("")); err != nil {
				return err
			}
			end()
			return nil
		})
	}
	record := func(ctx context.Context, name string) error {
		_, err := l.shop.RecordConversion(ctx, sale(name))
		return err
	}
	return []func(ctx context.Context, name string) error{
		record, record, record, record,
		func(ctx context.Context, _ string) error {
			_, err := l.shop.RecordConversion(ctx, sale("taken"))
			return err
		},
		func(ctx context.Context, _ string) error {
			_, err := l.shop.RecordConversion(ctx, refgrow.RecordConversionParams{Type: "?"})
			return err
		},
		func(ctx context.Context, _ string) error { _, err := l.shop.GetConversion(ctx, 1<<40); return err },
		func(ctx context.Context, _ string) error {
			_, err := l.shop.ListConversions(ctx, refgrow.ListConversionsParams{})
			return err
		},
		func(ctx context.Context, _ string) error {
			for _, err := range l.shop.AllConversions(ctx, refgrow.ListConversionsParams{Limit: 2}) {
				return err // after the first one
			}
			return nil
		},
		func(ctx context.Context, _ string) error { return ended(ctx, func() { panic("in the middle") }) },
		func(ctx context.Context, _ string) error { return ended(ctx, runtime.Goexit) },
		func(ctx context.Context, _ string) error {
			return l.shop.Atomic(ctx, func(*refgrow.Project) error { return errUndone })
		},
		func(ctx context.Context, name string) error {
			return l.tx(ctx, func(tx *sql.Tx) error {
				if _, err := l.shop.WithTx(tx).RecordConversion(ctx, sale("own "+name)); err != nil {
					return err
				}
				return errUndone
			})
		},
		func(ctx context.Context, _ string) error {
			return l.tx(ctx, func(*sql.Tx) error { panic("in the app's transaction") })
		},
		func(ctx context.Context, _ string) error {
			return l.tx(ctx, func(*sql.Tx) error { runtime.Goexit(); return nil })
		},
		func(ctx context.Context, _ string) error {
			for range 50 {
				l.shop.QueueClick(refgrow.Click{ReferralCode: "JANE"})
			}
			return l.engine.FlushClicks(ctx)
		},
		func(ctx context.Context, name string) error {
			return l.engine.Backup(ctx, filepath.Join(l.directory, name))
		},
		func(ctx context.Context, _ string) error { _, err := l.engine.Verify(ctx); return err },
		func(ctx context.Context, _ string) error { _, err := l.engine.Outbox().Spread(ctx); return err },
		func(ctx context.Context, _ string) error {
			_, _, err := l.engine.Authenticate(ctx, "rgk_"+strings.Repeat("x", 60))
			return err
		},
		func(context.Context, string) error {
			for range 50 { // which may wait when the engine is closed
				l.shop.QueueClick(refgrow.Click{ReferralCode: "JANE"})
			}
			return nil
		},
	}
}

// What cannot be opened, or cannot carry an engine, leaves nothing open either.
func TestNothingLeftOfRefusals(t *testing.T) {
	conformance.NothingLeft(t)
	ctx, directory := t.Context(), t.TempDir()
	ended, cancel := context.WithCancel(ctx)
	cancel()
	made := func(name string, content string) string {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := filepath.Join(directory, "good.db")
	database, err := sqlite.Open(ctx, good, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = refgrow.Migrate(ctx, database)
	if err := errors.Join(err, database.Close()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	open := func(ctx context.Context, path string) error {
		database, err := sqlite.Open(ctx, path, sqlite.Options{LockWait: time.Millisecond})
		if err == nil {
			err = database.Close()
		}
		return err
	}
	engine := func(config refgrow.Config) error {
		database, err := sqlite.Open(ctx, good, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = refgrow.New(ctx, database, config)
		return errors.Join(err, database.Close())
	}
	for what, refused := range map[string]func() error{
		"a directory":            func() error { return open(ctx, directory) },
		"no directory":           func() error { return open(ctx, filepath.Join(directory, "none", "refgrow.db")) },
		"a text":                 func() error { return open(ctx, made("text.db", strings.Repeat("no database\n", 100))) },
		"a file that is cut off": func() error { return open(ctx, made("half.db", string(content[:len(content)/2]))) },
		"a context that is over": func() error { return open(ended, good) },
		"a wrong configuration":  func() error { return engine(refgrow.Config{SecretKey: []byte("short")}) },
		"a schema that is too old": func() error {
			database, err := sqlite.Open(ctx, made("empty.db", ""), sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = refgrow.New(ctx, database, refgrow.Config{Migrate: refgrow.MigrateCheck})
			return errors.Join(err, database.Close())
		},
		"a locked file": func() error {
			other, err := sql.Open("sqlite", "file:"+filepath.ToSlash(made("locked.db", "")))
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			conn, err := other.Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.ExecContext(ctx, "CREATE TABLE t (x); BEGIN EXCLUSIVE"); err != nil {
				t.Fatal(err)
			}
			return open(ctx, filepath.Join(directory, "locked.db"))
		},
	} {
		for range 3 {
			if err := refused(); err == nil {
				t.Errorf("%s was opened", what)
			}
		}
	}
}
