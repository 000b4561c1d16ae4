package drivers

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// fill keeps the database from growing further.
func fill(t *testing.T, s *shop) {
	t.Helper()
	var pages int
	if err := s.pool.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	execute(t, s.pool, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
}

// isFull checks what is said about a disk that is full.
func isFull(t *testing.T, err error) {
	t.Helper()
	is(t, "a full disk", err, refgrow.ErrBusy)
	if err != nil && !strings.Contains(err.Error(), "full") {
		t.Errorf("the error does not say that the disk is full: %v", err)
	}
}

// A full disk refuses what does not fit, and nothing else; once there is room, work
// goes on.
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

// The same inside one of the app's own transactions, which fails and is repeated as a
// whole.
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

// write puts a text into the file, bypassing SQLite.
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

// What is on a damaged page is not shown, and the rest is.
func damaged(t *testing.T, d Driver) {
	s, path := newShop(t, d, Settings{})
	ctx := t.Context()
	var page, size int64
	const query = "SELECT rootpage FROM sqlite_schema WHERE name = 'refgrow_conversions'"
	if err := s.pool.QueryRowContext(ctx, query).Scan(&page); err != nil {
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
	is(t, "a sale in a transaction",
		again.inTx(ctx, func(tx *sql.Tx) error { return sell(ctx, again.project.WithTx(tx), "second") }),
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
		"a sale": sell(ctx, project, "second"),
		"a sale in a transaction": (&shop{pool: pool}).inTx(ctx,
			func(tx *sql.Tx) error { return sell(ctx, project.WithTx(tx), "second") }),
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
