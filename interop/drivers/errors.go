package drivers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// Errors makes the database fail in every way that an app has to tell apart, and
// checks what the engine says of it: each driver has its own form for SQLite's
// result codes.
func Errors(t *testing.T, d Driver) {
	t.Parallel()
	for name, test := range map[string]func(*testing.T, Driver){
		"taken":           taken,
		"too much":        tooMuch,
		"locked":          locked,
		"locked table":    lockedTable,
		"kept out":        keptOut,
		"full":            full,
		"full inside":     fullInside,
		"damaged":         damaged,
		"no database":     noDatabase,
		"no directory":    noDirectory,
		"read-only":       readOnly,
		"closed":          closed,
		"lost":            lost,
		"canceled":        canceled,
		"canceled inside": canceledInside,
		"as it was left":  asItWasLeft,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, d)
		})
	}
}

// newShop is a shop in a new file, with one sale.
func newShop(t *testing.T, d Driver, s Settings) (*shop, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "app.db")
	shop, err := openShop(t.Context(), d.open(t, path, s))
	if err != nil {
		t.Fatal(err)
	}
	if err := sell(t.Context(), shop.project, "first"); err != nil {
		t.Fatal(err)
	}
	return shop, path
}

func one() Settings {
	s := usual()
	s.Connections = 1
	return s
}

// sell records a sale.
func sell(ctx context.Context, p *refgrow.Project, reference string) error {
	_, err := p.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, ReferralCode: code, BaseValue: money.MustParse("10.00 USD"), Reference: reference,
	})
	return err
}

// is checks that an error is of a kind, and of no other.
func is(t *testing.T, what string, err, kind error) {
	t.Helper()
	for _, other := range []error{
		refgrow.ErrNotFound, refgrow.ErrConflict, refgrow.ErrInvalid, refgrow.ErrBusy, refgrow.ErrClosed,
		refgrow.ErrUnauthorized, refgrow.ErrSchema, refgrow.ErrDamaged, context.Canceled,
	} {
		if errors.Is(err, other) != errors.Is(kind, other) {
			t.Errorf("%s gave %v; is it %q? %v", what, err, other, errors.Is(err, other))
		}
	}
	if err == nil {
		t.Errorf("%s gave no error", what)
	}
}

// sound checks the books, and that there are so many sales.
func (s *shop) sound(t *testing.T, sales int64) {
	t.Helper()
	report, err := s.engine.Verify(t.Context())
	if err != nil || len(report.Differences) > 0 {
		t.Errorf("the books: %v %+v", err, report)
	}
	if report.Conversions != sales {
		t.Errorf("there are %d sales, and not %d", report.Conversions, sales)
	}
}

func execute(t *testing.T, on interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, query string, args ...any) {
	t.Helper()
	if _, err := on.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// The second of two that want one name is told so, and loses no more than that.
func taken(t *testing.T, d Driver) {
	s, _ := newShop(t, d, usual())
	ctx := t.Context()
	if err := s.inTx(ctx, func(tx *sql.Tx) error {
		p := s.project.WithTx(tx)
		is(t, "a reference that is taken", sell(ctx, p, "first"), refgrow.ErrConflict)
		_, err := p.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com"})
		is(t, "an email that is taken", err, refgrow.ErrConflict)
		return sell(ctx, p, "second")
	}); err != nil {
		t.Error(err)
	}
	s.sound(t, 2)
}

// An account that is too big is refused by a constraint of the schema alone.
func tooMuch(t *testing.T, d Driver) {
	s, _ := newShop(t, d, usual())
	execute(t, s.pool, "UPDATE refgrow_accounts SET gross = gross + 8999999999999999700")
	is(t, "an account beyond its bound", sell(t.Context(), s.project, "second"), refgrow.ErrInvalid)
	execute(t, s.pool, "UPDATE refgrow_accounts SET gross = gross - 8999999999999999700")
	s.sound(t, 1)
}

// What waits for a lock in vain says so by its deadline, and reads go on.
func locked(t *testing.T, d Driver) {
	s, path := newShop(t, d, usual())
	other := d.open(t, path, one())
	execute(t, other, "BEGIN IMMEDIATE")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := sell(ctx, s.project, "second")
	is(t, "a write while another writes", err, refgrow.ErrBusy)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it is not said that the deadline is over: %v", err)
	}
	if waited := time.Since(began); waited > 3*time.Second {
		t.Errorf("it took %v", waited)
	}
	s.sound(t, 1)
	execute(t, other, "ROLLBACK")
	if err := sell(t.Context(), s.project, "second"); err != nil {
		t.Error(err)
	}
	s.sound(t, 2)
}

// Without a write-ahead log, who commits keeps readers out. They wait, and so does an
// engine that starts, although the app has set no busy timeout.
func keptOut(t *testing.T, d Driver) {
	s, path := newShop(t, d, Settings{})
	ctx := t.Context()
	other := d.open(t, path, Settings{Connections: 1})
	execute(t, other, "BEGIN EXCLUSIVE")
	calls := map[string]func() error{
		"a list":    func() error { _, err := s.project.ListConversions(ctx, refgrow.ListConversionsParams{}); return err },
		"Verify":    func() error { _, err := s.engine.Verify(ctx); return err },
		"Backup":    func() error { return s.engine.Backup(ctx, path+"-copy") },
		"an engine": func() error { _, err := refgrow.New(ctx, refgrow.SQLite(s.pool), refgrow.Config{}); return err },
		"a sale":    func() error { return sell(ctx, s.project, "second") },
	}
	ended := make(chan error, len(calls))
	for what, call := range calls {
		go func() {
			err := call()
			if err != nil {
				err = fmt.Errorf("%s: %w", what, err)
			}
			ended <- err
		}()
	}
	select {
	case err := <-ended:
		t.Errorf("something did not wait: %v", err)
		ended <- err
	case <-time.After(200 * time.Millisecond):
	}
	execute(t, other, "COMMIT")
	for range calls {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	s.sound(t, 2)
}

// Connections that share a cache lock single tables. Some drivers wait until those
// are free and others say that they are not; what is written waits.
func lockedTable(t *testing.T, d Driver) {
	settings := usual()
	settings.Shared = true
	s, _ := newShop(t, d, settings)
	ctx := t.Context()
	other, err := s.pool.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }() // a lock that stayed would keep the pool from being closed
	execute(t, other, "BEGIN IMMEDIATE")
	execute(t, other, "UPDATE refgrow_conversions SET url = url")
	write, read := make(chan error, 1), make(chan error, 1)
	go func() { write <- sell(ctx, s.project, "second") }()
	go func() {
		_, err := s.project.ListConversions(ctx, refgrow.ListConversionsParams{})
		read <- err
	}()
	select {
	case err := <-write:
		t.Fatalf("what writes did not wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	execute(t, other, "COMMIT")
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if err := <-write; err != nil {
		t.Error(err)
	}
	if err := <-read; err != nil {
		is(t, "a read of a locked table", err, refgrow.ErrBusy)
	}
	s.sound(t, 2)
}

// fill lets the database grow no more.
func fill(t *testing.T, s *shop) {
	t.Helper()
	var pages int
	if err := s.pool.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	execute(t, s.pool, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
}

// isFull checks what is said of a disk that is full.
func isFull(t *testing.T, err error) {
	t.Helper()
	is(t, "a full disk", err, refgrow.ErrBusy)
	if err != nil && !strings.Contains(err.Error(), "full") {
		t.Errorf("it is not said that the disk is full: %v", err)
	}
}

// A full disk refuses what does not fit, and nothing else; with room on it, work goes
// on.
func full(t *testing.T, d Driver) {
	s, _ := newShop(t, d, one())
	fill(t, s)
	sales := int64(1)
	for ; ; sales++ {
		if err := sell(t.Context(), s.project, fmt.Sprint("more-", sales)); err != nil {
			isFull(t, err)
			break
		}
	}
	s.sound(t, sales)
	execute(t, s.pool, "PRAGMA max_page_count = 1000000")
	if err := sell(t.Context(), s.project, "last"); err != nil {
		t.Error(err)
	}
	s.sound(t, sales+1)
}

// The same inside a transaction of the app's own, which fails and is repeated whole.
func fullInside(t *testing.T, d Driver) {
	s, _ := newShop(t, d, one())
	fill(t, s)
	const many = 500
	order := func() error {
		return s.inTx(t.Context(), func(tx *sql.Tx) error {
			if _, err := tx.ExecContext(t.Context(), "INSERT INTO orders (id) VALUES ('big')"); err != nil {
				return err
			}
			for i := range many {
				if err := sell(t.Context(), s.project.WithTx(tx), fmt.Sprint("part-", i)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	isFull(t, order())
	s.sound(t, 1)
	execute(t, s.pool, "PRAGMA max_page_count = 1000000")
	if err := order(); err != nil {
		t.Error(err)
	}
	s.sound(t, 1+many)
}

// write puts a text into the file, past SQLite.
func write(t *testing.T, path, text string, at int64) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteAt([]byte(text), at)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

// What lies on a page that is damaged is not shown, and the rest is.
func damaged(t *testing.T, d Driver) {
	s, path := newShop(t, d, Settings{})
	ctx := t.Context()
	var page, size int64
	if err := s.pool.QueryRowContext(ctx, "SELECT rootpage FROM sqlite_schema WHERE name = 'refgrow_conversions'").Scan(&page); err != nil {
		t.Fatal(err)
	}
	if err := s.pool.QueryRowContext(ctx, "PRAGMA page_size").Scan(&size); err != nil {
		t.Fatal(err)
	}
	write(t, path, strings.Repeat("x", int(size)), (page-1)*size)
	again, err := openShop(ctx, d.open(t, path, Settings{}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = again.project.ListConversions(ctx, refgrow.ListConversionsParams{})
	is(t, "a list of what is damaged", err, refgrow.ErrDamaged)
	is(t, "a sale", sell(ctx, again.project, "second"), refgrow.ErrDamaged)
	is(t, "a sale in a transaction", again.inTx(ctx, func(tx *sql.Tx) error { return sell(ctx, again.project.WithTx(tx), "second") }),
		refgrow.ErrDamaged)
	if _, err := again.project.AffiliateByCode(ctx, code); err != nil {
		t.Errorf("what is sound is not shown: %v", err)
	}
	if report, err := again.engine.Verify(ctx); err == nil && len(report.Differences) == 0 {
		t.Error("Verify finds nothing wrong")
	}
}

func noDatabase(t *testing.T, d Driver) {
	for name, s := range map[string]Settings{"nothing set": {}, "usual": usual()} {
		path := filepath.Join(t.TempDir(), "letter.txt")
		text := strings.Repeat("Dear Jane, ", 1000)
		write(t, path, text, 0)
		_, err := refgrow.New(t.Context(), refgrow.SQLite(d.open(t, path, s)), refgrow.Config{})
		is(t, "a letter, "+name, err, refgrow.ErrDamaged)
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("the letter was changed: %v", err)
		}
	}
}

func noDirectory(t *testing.T, d Driver) {
	path := filepath.Join(t.TempDir(), "nowhere", "app.db")
	_, err := refgrow.New(t.Context(), refgrow.SQLite(d.open(t, path, usual())), refgrow.Config{})
	is(t, "a file in no directory", err, nil)
}

// A database that may only be read is read, and what would write says why it cannot.
func readOnly(t *testing.T, d Driver) {
	s, path := newShop(t, d, usual())
	ctx := t.Context()
	settings := usual()
	settings.ReadOnly = true
	pool := d.open(t, path, settings)
	engine, err := refgrow.New(ctx, refgrow.SQLite(pool), refgrow.Config{})
	if err != nil {
		t.Fatal(err)
	}
	project, err := engine.Project(ctx, "shop")
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]error{
		"a sale":                  sell(ctx, project, "second"),
		"a sale in a transaction": (&shop{pool: pool}).inTx(ctx, func(tx *sql.Tx) error { return sell(ctx, project.WithTx(tx), "second") }),
	}
	for what, err := range refused {
		is(t, what, err, nil)
		if err != nil && !strings.Contains(err.Error(), "readonly database") {
			t.Errorf("%s does not say why it is refused: %v", what, err)
		}
	}
	(&shop{engine: engine}).sound(t, 1)
	s.sound(t, 1)
}

// The app has closed its pool, or ended its transaction.
func closed(t *testing.T, d Driver) {
	s, path := newShop(t, d, usual())
	ctx := t.Context()
	tx, err := s.pool.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := sell(ctx, s.project.WithTx(tx), "second"); !errors.Is(err, sql.ErrTxDone) {
		t.Errorf("a transaction that has ended gave %v", err)
	}
	pool := d.open(t, path, usual())
	gone, err := openShop(ctx, pool)
	if err != nil {
		t.Fatal(err)
	}
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	is(t, "a sale", sell(ctx, gone.project, "second"), refgrow.ErrClosed)
	_, err = gone.project.ListConversions(ctx, refgrow.ListConversionsParams{})
	is(t, "a list", err, refgrow.ErrClosed)
	_, err = gone.engine.Verify(ctx)
	is(t, "Verify", err, refgrow.ErrClosed)
	s.sound(t, 1)
}

// SQLite rolls the app's transaction back by itself. What the engine is asked to do in
// it afterwards would commit on its own: it is refused.
func lost(t *testing.T, d Driver) {
	s, _ := newShop(t, d, usual())
	ctx := t.Context()
	execute(t, s.pool, `CREATE TRIGGER bomb BEFORE INSERT ON orders WHEN new.id = 'bomb' BEGIN SELECT RAISE(ROLLBACK, 'boom'); END`)
	tx, err := s.pool.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, tx, "INSERT INTO orders (id) VALUES ('before')")
	if err := sell(ctx, s.project.WithTx(tx), "before"); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO orders (id) VALUES ('bomb')"); err == nil {
		t.Fatal("nothing has exploded")
	}
	is(t, "a sale in what is lost", sell(ctx, s.project.WithTx(tx), "after"), nil)
	_ = tx.Commit() // a driver may or may not notice
	s.sound(t, 1)
	if orders, err := s.orders(ctx); err != nil || len(orders) > 0 {
		t.Errorf("there are orders: %v %v", orders, err)
	}
	if err := sell(ctx, s.project, "after"); err != nil {
		t.Error(err)
	}
}

// A call whose context ends in the middle says so, and leaves everything in order.
func canceled(t *testing.T, d Driver) {
	s, _ := newShop(t, d, usual())
	execute(t, s.pool, "CREATE TABLE pictures AS WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT randomblob(10000) AS picture FROM n")
	for what, call := range map[string]func(context.Context) error{
		"Backup": func(ctx context.Context) error { return s.engine.Backup(ctx, filepath.Join(t.TempDir(), "copy.db")) },
		"Verify": func(ctx context.Context) error { _, err := s.engine.Verify(ctx); return err },
	} {
		began := time.Now()
		if err := call(t.Context()); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		whole := time.Since(began)
		for after := time.Duration(0); after < whole; after += whole/20 + 1 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(after, cancel)
			if err := call(ctx); err != nil {
				is(t, what+" that is canceled", err, context.Canceled)
			}
			cancel()
		}
	}
	s.sound(t, 1)
	if err := sell(t.Context(), s.project, "second"); err != nil {
		t.Error(err)
	}
}

// The context of the app's transaction ends in the middle: nothing of it is left, and
// the pool's only connection is as good as before.
func canceledInside(t *testing.T, d Driver) {
	s, _ := newShop(t, d, one())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tx, err := s.pool.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, tx, "INSERT INTO orders (id) VALUES ('lost')")
	if err := sell(ctx, s.project.WithTx(tx), "lost"); err != nil {
		t.Fatal(err)
	}
	cancel()
	// By another context, and by its own.
	_ = sell(t.Context(), s.project.WithTx(tx), "late") // it may or may not be over yet
	if err := sell(ctx, s.project.WithTx(tx), "later"); err == nil {
		t.Error("a sale was recorded although its context had ended")
	}
	if err := tx.Commit(); err == nil {
		t.Error("a transaction was committed although its context had ended")
	}
	s.sound(t, 1)
	if orders, err := s.orders(t.Context()); err != nil || len(orders) > 0 {
		t.Errorf("there are orders: %v %v", orders, err)
	}
	if err := sell(t.Context(), s.project, "second"); err != nil {
		t.Error(err)
	}
	s.sound(t, 2)
}

// What belongs to the host is afterwards as the host and its driver have set it, on
// each connection.
func asItWasLeft(t *testing.T, d Driver) {
	path := filepath.Join(t.TempDir(), "app.db")
	pool := d.open(t, path, usual())
	execute(t, pool, "PRAGMA user_version = 7")
	execute(t, pool, "PRAGMA application_id = 8")
	before := settings(t, pool)
	s, err := openShop(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := sell(t.Context(), s.project, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	s.sound(t, 3)
	if after := settings(t, pool); after != before {
		t.Errorf("before: %s\nafter: %s", before, after)
	}
	for _, want := range []string{"user_version 7", "application_id 8", "journal_mode wal", "busy_timeout 5000", "foreign_keys 1"} {
		if !strings.Contains(before, want) {
			t.Errorf("it is not %s: %s", want, before)
		}
	}
}

// settings are those of some connections of the pool.
func settings(t *testing.T, pool *sql.DB) string {
	t.Helper()
	var all strings.Builder
	var taken []*sql.Conn
	for range 3 {
		conn, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, conn)
		for _, pragma := range []string{
			"user_version", "application_id", "journal_mode", "busy_timeout", "foreign_keys", "synchronous", "query_only",
			"recursive_triggers", "cache_size", "locking_mode", "temp_store", "wal_autocheckpoint",
		} {
			var value string
			if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&value); err != nil {
				t.Fatalf("%s: %v", pragma, err)
			}
			fmt.Fprintf(&all, "%s %s, ", pragma, value)
		}
	}
	for _, conn := range taken {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	return all.String()
}
