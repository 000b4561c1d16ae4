package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/batch"
	"github.com/refgrow-go/refgrow/internal/db"
)

// Every kind of operation in one batch with good ones before and after it.
func TestOneFailsAlone(t *testing.T) {
	t.Parallel()
	for kind := range (*DB)(nil).kinds("") {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := setup(t, Options{Durability: Normal})
			if err := d.atomic(d.inserting("taken")); err != nil {
				t.Fatal(err)
			}
			errs := d.together(t, d.inserting("a"), d.kinds("b")[kind], d.inserting("c"),
				d.kinds("d")["good, foreign"], d.kinds("e")["good, savepoint"])
			if !errors.Is(errs[1], want(kind)) {
				t.Errorf("it ended with %v", errs[1])
			}
			names, entries, expected := names(t, d), entries(t, d), "a c d e taken"
			count := 5
			if want(kind) == nil {
				expected, count = "a b c d e taken", 6
			}
			if errs[0] != nil || errs[2] != nil || errs[3] != nil || errs[4] != nil || names != expected || entries != count {
				t.Errorf("%v, %s, %d", errs, names, entries)
			}
			if s := d.Backend().Stats(); s.Operations != int64(count) {
				t.Error(s)
			}
		})
	}
}

// The same for the operation that leads the batch.
func TestLeaderFailsAlone(t *testing.T) {
	t.Parallel()
	for kind := range (*DB)(nil).kinds("") {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := setup(t, Options{Durability: Normal})
			if err := d.atomic(d.inserting("taken")); err != nil {
				t.Fatal(err)
			}
			errs := d.together(t, d.kinds("b")[kind], d.inserting("a"), d.kinds("c")["ends"], d.kinds("d")["good, foreign"])
			if !errors.Is(errs[0], want(kind)) {
				t.Errorf("it ended with %v", errs[0])
			}
			names, expected := names(t, d), "a d taken"
			if want(kind) == nil {
				expected = "a b d taken"
			}
			if errs[1] != nil || errs[2] != errGoexit || errs[3] != nil || names != expected ||
				entries(t, d) != len(strings.Fields(expected)) {
				t.Errorf("%v, %s, %d", errs, names, entries(t, d))
			}
		})
	}
}

// An operation that is not foreign ends the leader's goroutine, which it must not do:
// nobody waits forever, nothing of the batch is committed, and what had not begun goes
// on without it.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	ends := d.kinds("b")["ends"]
	ends.Foreign = false
	errs := d.together(t, d.inserting("a"), ends, d.inserting("c"))
	if errs[0] != errGoexit || errs[1] != batch.ErrAbandoned || errs[2] != nil {
		t.Error(errs)
	}
	if err := d.atomic(d.inserting("d")); err != nil || names(t, d) != "c d" {
		t.Error(err, names(t, d))
	}
}

// Operations of all kinds from many goroutines: those that returned nil are in the file
// and nothing else is.
func TestModel(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{Durability: Normal})
	if err := d.atomic(d.inserting("taken")); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	committed := map[string]bool{"taken": true}
	var kinds []string
	for kind := range d.kinds("") {
		kinds = append(kinds, kind, "good", "good, savepoint") // mostly good ones
	}
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 25 {
				name := fmt.Sprintf("%d-%d", g, i)
				kind := kinds[rand.IntN(len(kinds))]
				ctx, cancel := context.WithCancel(context.Background())
				if rand.IntN(8) == 0 {
					time.AfterFunc(rand.N(500*time.Microsecond), cancel)
				}
				err := ends(func() error { return d.Backend().Atomic(ctx, d.kinds(name)[kind]) })
				cancel()
				if !errors.Is(err, want(kind)) && !errors.Is(err, context.Canceled) {
					t.Errorf("%s ended with %v", kind, err)
				}
				if err == nil {
					mu.Lock()
					committed[name] = true
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	found := strings.Fields(names(t, d))
	for _, name := range found {
		if !committed[name] {
			t.Errorf("%s is in the file", name)
		}
	}
	if len(found) != len(committed) {
		t.Errorf("%d in the file, %d committed", len(found), len(committed))
	}
	if n := entries(t, d); n != len(committed) {
		t.Errorf("%d counted, %d committed", n, len(committed))
	}
	s := d.Backend().Stats()
	if s.Operations != int64(len(committed)) {
		t.Errorf("%+v", s)
	}
	t.Logf("%+v", s)
}

func TestTogether(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	works := make([]backend.Work, 20)
	for i := range works {
		works[i] = d.inserting(fmt.Sprint(i))
	}
	before := d.Backend().Stats()
	for i, err := range d.together(t, works...) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	after := d.Backend().Stats()
	if after.Operations-before.Operations != 20 || after.Batches-before.Batches != 1 {
		t.Errorf("%+v %+v", before, after)
	}
}

// A refusal that has written nothing costs the others nothing: each runs once.
func TestRefusalRunsOnce(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	if err := d.atomic(d.inserting("taken")); err != nil {
		t.Fatal(err)
	}
	ran := 0
	counted := func(run func(context.Context, *backend.Tx) error) backend.Work {
		return backend.Work{WritesLast: true, Run: func(ctx context.Context, tx *backend.Tx) error {
			ran++
			return run(ctx, tx)
		}}
	}
	d.together(t, counted(d.inserting("a").Run), counted(d.inserting("taken").Run),
		counted(func(ctx context.Context, tx *backend.Tx) error {
			row := d.writer.session.stmts.QueryRowContext(ctx,
				"INSERT INTO thing (name) VALUES ('taken') ON CONFLICT DO NOTHING RETURNING name")
			var name string
			if err := row.Scan(&name); err == nil {
				t.Error("it was inserted")
			}
			return errBoom
		}), counted(d.inserting("b").Run))
	if ran != 4 {
		t.Errorf("ran %d times", ran)
	}
	if got := names(t, d); got != "a b taken" {
		t.Error(got)
	}
}

// What operations remember is shared by the batch, and forgotten when they are undone.
func TestMemoOfBatch(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	remember := func(key string, want int, end error) backend.Work {
		return backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
			if len(tx.Memo) != want {
				t.Errorf("%s finds %v", key, tx.Memo)
			}
			tx.Memo[key] = true
			return end
		}}
	}
	d.together(t, remember("a", 0, nil), remember("b", 1, nil), remember("c", 2, errBoom),
		remember("d", 0, nil), remember("e", 1, nil))
	d.together(t, remember("f", 0, nil))
}

// An operation with a savepoint reads the totals of those before it.
func TestTotalsAreTrueForReaders(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	read := func(want int) backend.Work {
		return backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
			var n int
			err := d.writer.session.stmts.QueryRowContext(ctx, "SELECT ledger_entries FROM refgrow_project_totals").Scan(&n)
			if err != nil || n != want {
				t.Errorf("%d entries, want %d: %v", n, want, err)
			}
			return nil
		}}
	}
	for _, err := range d.together(t, d.inserting("a"), d.inserting("b"), read(2),
		d.kinds("c")["good, savepoint"], read(3), d.inserting("d"), d.kinds("x")["fails"], read(4)) {
		if err != nil && err != errBoom {
			t.Error(err)
		}
	}
	if got := entries(t, d); got != 4 {
		t.Error(got)
	}
}

// A full disk concerns the operations that need room; later everything works again.
func TestFull(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	limit := func(pages int) {
		err := d.writer.Acquire(context.Background(), d.writer.session.Begin)
		if err != nil {
			t.Fatal(err)
		}
		d.writer.session.Rollback()
		if err := d.writer.session.stmts.Control(context.Background(),
			fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Error(err)
		}
		d.writer.Release()
	}
	limit(query[int](t, d, "SELECT page_count FROM pragma_page_count") + 4)
	big := strings.Repeat("x", 50_000)
	errs := d.together(t, d.inserting("a"), d.inserting(big), d.inserting("b"),
		d.kinds(big)["good, foreign"], d.inserting("c"))
	for i, want := range []error{nil, backend.ErrFull, nil, backend.ErrFull, nil} {
		if !errors.Is(errs[i], want) {
			t.Errorf("%d: %v", i, errs[i])
		}
	}
	if got := names(t, d); got != "a b c" {
		t.Error(got)
	}
	limit(1 << 20)
	if err := d.atomic(d.inserting(big)); err != nil {
		t.Error(err)
	}
	if got := entries(t, d); got != 4 {
		t.Error(got)
	}
}

// The context of an operation ends while it runs.
func TestCancelledInside(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), t, "value"))
	err := d.Backend().Atomic(ctx, backend.Work{Run: func(inner context.Context, tx *backend.Tx) error {
		cancel()
		if inner.Value(t) != "value" || inner.Err() != nil {
			t.Error("the operation's context is wrong")
		}
		if err := tx.AddTotals(ctx, db.AddTotalsParams{ProjectID: 1, LedgerEntries: 1}); err != nil {
			t.Error(err)
		}
		return d.insert(ctx, "a")
	}})
	if err != nil || names(t, d) != "a" {
		t.Error(err)
	}
	if err := d.Backend().Atomic(ctx, d.inserting("b")); err != context.Canceled {
		t.Error(err)
	}
}
