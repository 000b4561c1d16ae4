package books_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// TestBooks does thousands of operations on the engine and on a model of the
// books, and compares them after each. A history that fails is shrunk to a
// short one.
//
// With REFGROW_SOAK=1 there are more and longer histories; with -rapid.seed, only the
// one of that seed.
func TestBooks(t *testing.T) {
	seeds, length, shrinktime := 2, 1000, "3m"
	if os.Getenv("REFGROW_SOAK") != "" {
		seeds, length, shrinktime = 20, 10_000, "15m"
	}
	// The library is configured by flags. It makes fewer checks in short mode, which must
	// not come to none.
	set(t, "rapid.checks", "1")
	if testing.Short() {
		set(t, "rapid.checks", "5")
		seeds, length = 1, 200
	}
	if shrink := flag.Lookup("rapid.shrinktime"); shrink.Value.String() == shrink.DefValue {
		set(t, "rapid.shrinktime", shrinktime)
	}
	chosen := flag.Lookup("rapid.seed").Value.String()
	for seed := range seeds {
		name := strconv.Itoa(seed + 1)
		if chosen != "0" {
			name, seed = chosen, seeds
		}
		t.Run("seed "+name, func(t *testing.T) {
			set(t, "rapid.seed", name)
			directory := t.TempDir()
			rapid.Check(t, func(t *rapid.T) { history(t, directory, length) })
		})
		if seed == seeds {
			break
		}
	}
}

// set sets a flag until the test ends.
func set(t *testing.T, name, value string) {
	t.Helper()
	before := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := flag.Set(name, before); err != nil {
			t.Error(err)
		}
	})
}

// history does operations on fresh books until there have been enough.
func history(t *rapid.T, directory string, length int) {
	w := begin(t, directory)
	parts := steps()
	for done := 0; done < length; {
		for _, part := range parts.Draw(t, "history") {
			for _, s := range part {
				if done == length {
					break
				}
				if err := w.step(s); err != nil {
					t.Fatalf("step %d, at %s: %#v: %v", done, w.clock.Now().UTC().Format(time.RFC3339Nano), s, err)
				}
				if done++; done%200 == 0 {
					if err := w.auditAll(); err != nil {
						t.Fatalf("after %d steps: %v", done, err)
					}
				}
			}
		}
	}
	if err := w.auditAll(); err != nil {
		t.Fatalf("at the end: %v", err)
	}
}

// A world is one history of the books.
type world struct {
	side

	audits int
	// answers are what was said about the past, statements those of months that were over.
	answers    []answer
	statements []statement
}

// An answer for an instant of the past never changes.
type answer struct {
	affiliate int64
	at        time.Time
	balances  []refgrow.Balance
}

// begin makes books with three affiliates. The file is not made durable: this is not
// about power cuts.
func begin(t *rapid.T, directory string) *world {
	ctx := context.Background()
	file, err := os.CreateTemp(directory, "books-*.db")
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	database, err := sqlite.Open(ctx, file.Name(), sqlite.Options{Durability: sqlite.Normal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Close(); err != nil {
			t.Error(err)
		}
		if err := os.Remove(file.Name()); err != nil {
			t.Error(err)
		}
	})
	clock, breaks := refgrowtest.NewClock(), new(breaker)
	engine, err := refgrow.New(ctx, database, refgrow.Config{
		Now: func() time.Time {
			breaks.asked()
			return clock.Now()
		},
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	project, err := engine.CreateProject(ctx, "books", refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 30})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{side: side{
		ctx: ctx, engine: engine, project: project, clock: clock, breaker: breaks, model: newModel(),
	}}
	w.model.now, w.model.hold = clock.Now().UnixMilli(), 30*24*time.Hour
	w.model.setRule(refgrow.Purchase, modelRule{millionths: 200_000, duration: refgrow.Lifetime})
	w.model.setRule(refgrow.Signup, modelRule{duration: refgrow.Lifetime})
	w.audit = w.auditAll
	for range 3 {
		if err := (joinOp{}).do(&w.side); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// step does one operation and looks at what it was about.
func (w *world) step(s step) error {
	m := w.model
	clear(m.touched)
	clear(m.changed)
	clear(m.moved)
	m.written, w.before = max(m.written, m.now), m.stamped
	if err := s.do(&w.side); err != nil {
		return err
	}
	if err := w.noteStamps(); err != nil {
		return err
	}
	w.forget()
	for id := range m.touched {
		if err := w.affiliate(id); err != nil {
			return err
		}
	}
	for id := range m.changed {
		if err := w.conversion(id); err != nil {
			return err
		}
	}
	if err := w.lookAtDays(s.look); err != nil {
		return err
	}
	return w.lookBack(s.look)
}

// noteStamps looks at the stamps of what was entered. The newest one is noted after all
// entries of the operation have been seen.
func (on *side) noteStamps() error {
	m := on.model
	for id := range m.touched {
		if err := on.newEntries(id); err != nil {
			return err
		}
	}
	for id := range m.moved {
		if err := on.payout(id); err != nil {
			return err
		}
	}
	for id := range m.touched {
		for _, e := range m.entries[id] {
			m.stamped = max(m.stamped, e.stamp)
		}
	}
	for id := range m.moved {
		if p := m.payouts[id]; p != nil {
			m.stamped = max(m.stamped, p.created, p.ended)
		}
	}
	return on.lookAtRuns()
}

// lookBack asks for the past of one of the touched affiliates, at an instant that
// means something to it, and repeats an earlier question.
func (w *world) lookBack(look uint32) error {
	touched := slices.Sorted(maps.Keys(w.model.touched))
	touched = slices.DeleteFunc(touched, func(id int64) bool { return len(w.model.entries[id]) == 0 })
	if len(touched) > 0 {
		id := touched[int(look)%len(touched)]
		entries := w.model.entries[id]
		e := entries[len(entries)-1-int(look/4)%len(entries)]
		instants := []int64{e.stamp, e.available, w.model.now}
		if p := w.model.newestPayout(id); p != nil {
			instants = append(instants, p.created, max(p.created, p.ended))
		}
		at := instants[int(look)%len(instants)] + int64(look/2%3) - 1
		at = min(at, w.model.now)
		got, err := w.asOf(id, time.UnixMilli(at))
		if err != nil {
			return err
		}
		w.answers = append(w.answers, answer{id, time.UnixMilli(at), got})
	}
	if err := w.lookAtStatement(look); err != nil {
		return err
	}
	w.answers = slices.DeleteFunc(w.answers, func(a answer) bool { return w.model.affiliates[a.affiliate] == nil })
	if len(w.answers) == 0 {
		return nil
	}
	return w.again(w.answers[int(look)%len(w.answers)])
}

// again asks once more: the answer must be the same.
func (w *world) again(a answer) error {
	if a.at.UnixMilli() > w.model.now { // the clock went back: this is the future now
		return nil
	}
	got, err := w.asOf(a.affiliate, a.at)
	if err != nil {
		return err
	}
	return sameBalances(fmt.Sprintf("the second answer for %s", a.at.UTC().Format(time.RFC3339Nano)), got, a.balances)
}
