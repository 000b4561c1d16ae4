package clicks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/backend"
)

// A batch has visits of one project, and at most sharedBatch of them while others write
// as well.
func TestQueueBatches(t *testing.T) {
	virtually(t, func(t *testing.T) {
		d := newDesk()
		d.set(func() { d.takes = time.Millisecond }) // until all are queued
		d.add(t, 1, 1)
		synctest.Wait()
		d.add(t, 1, 600)
		d.add(t, 2, 100)
		d.flush(t)
		expect(t, "alone", strings.Join(d.batches, " "), "1:1 1:512 1:88 2:100")
		expect(t, "all of them", d.Stats(), Stats{Counted: 701})

		d.batches = nil
		d.add(t, 1, 1)
		synctest.Wait()
		d.add(t, 1, 600)
		d.operations.Add(1) // somebody else
		start := time.Now()
		d.flush(t)
		expect(t, "alongside others", strings.Join(d.batches, " "), "1:1 1:128 1:472")
		expect(t, "the rest for others", time.Since(start), 3*time.Millisecond+rest)
	})
}

// What the database is too busy for is retried, after increasing waits.
func TestQueueRetries(t *testing.T) {
	virtually(t, func(t *testing.T) {
		d := newDesk()
		d.set(func() { d.err = fmt.Errorf("recording clicks: %w", backend.ErrBusy) })
		d.add(t, 1, 3)
		for after, tries := range []int{1, 5, 6, 7, 8} { // at 0, 50, 150, 350, 750, 1550 ms, and then each second
			synctest.Wait()
			d.set(func() { expect(t, fmt.Sprint("tries after ", after, "s"), d.tries, tries) })
			time.Sleep(time.Second)
		}
		expect(t, "meanwhile", d.Stats(), Stats{Waiting: 3})
		d.set(func() { d.err = nil })
		d.flush(t)
		expect(t, "in the end", d.Stats(), Stats{Counted: 3})
		expect(t, "the log", d.log.String(), "")
	})
}

// What cannot be written is dropped and logged, even if writing panics, and what comes
// later is written.
func TestQueueDropsWhatCannotBeWritten(t *testing.T) {
	virtually(t, func(t *testing.T) {
		d := newDesk()
		d.set(func() { d.err = errors.New("broken") })
		d.add(t, 1, 1)
		d.flush(t)
		expect(t, "with an error", d.Stats(), Stats{Dropped: 1})
		logged := d.log.String()
		for _, line := range []string{
			`level=ERROR msg="clicks cannot be recorded" project=1 error=broken`,
			`level=WARN msg="clicks were dropped" clicks=1`,
			`level=WARN msg="old clicks cannot be pruned now" error=broken`,
		} {
			if !strings.Contains(logged, line) {
				t.Errorf("the log has no %s:\n%s", line, logged)
			}
		}
		record := d.config.Record
		d.config.Record = func(context.Context, int64, []Visit) (int, error) { panic("broken") }
		d.add(t, 1, 1)
		d.flush(t)
		expect(t, "with a panic", d.Stats(), Stats{Dropped: 2})
		d.config.Record = record
		d.set(func() { d.err = nil })
		d.add(t, 1, 1)
		d.flush(t)
		expect(t, "in the end", d.Stats(), Stats{Counted: 1, Dropped: 2})
	})
}

// A full queue drops visits and never waits. The log mentions it once a minute.
func TestQueueIsBounded(t *testing.T) {
	virtually(t, func(t *testing.T) {
		d := newDesk()
		d.set(func() { d.err = backend.ErrBusy })
		d.add(t, 1, 1)
		synctest.Wait() // it was taken
		start := time.Now()
		d.add(t, 1, MaxQueued)
		for range 10 {
			if d.Add(1, Visit{}) {
				t.Error("a full queue accepted a visit")
			}
		}
		expect(t, "the wait to queue", time.Since(start), 0)
		expect(t, "with a full queue", d.Stats(), Stats{Dropped: 10, Waiting: MaxQueued + 1})
		time.Sleep(warnEvery)
		d.Add(1, Visit{})
		var logged []string
		for line := range strings.Lines(d.log.String()) {
			logged = append(logged, strings.Fields(line)[4:]...)
		}
		expect(t, "the log", strings.Join(logged, " "), `dropped" clicks=1 dropped" clicks=10`)
		d.set(func() { d.err = nil })
		d.flush(t)
		expect(t, "in the end", d.Stats(), Stats{Counted: MaxQueued + 1, Dropped: 11})
	})
}

// Old clicks are pruned once an hour, as long as visits come: after the next batch
// while there is more.
func TestQueuePrunes(t *testing.T) {
	virtually(t, func(t *testing.T) {
		d := newDesk()
		for _, step := range []struct {
			after  time.Duration
			more   bool
			prunes int
		}{{0, true, 1}, {0, false, 2}, {pruneEvery - 1, false, 2}, {1, false, 3}, {0, false, 3}} {
			time.Sleep(step.after)
			d.set(func() { d.more = step.more })
			d.add(t, 1, 1)
			d.flush(t)
			expect(t, fmt.Sprint("after ", step.after), d.prunes, step.prunes)
		}
	})
}

// Close waits until everything is written, and drops the rest when its context ends. A
// closed queue accepts nothing.
func TestQueueCloses(t *testing.T) {
	virtually(t, func(t *testing.T) {
		for _, test := range []struct {
			record   error
			patience time.Duration
			err      error
			want     Stats
			prunes   int
		}{
			{nil, 4 * time.Second, nil, Stats{Counted: 700}, 1},
			{nil, 2500 * time.Millisecond, context.DeadlineExceeded, Stats{Counted: 513, Dropped: 187}, 1},
			{nil, 0, context.DeadlineExceeded, Stats{Dropped: 700}, 0},
			{backend.ErrBusy, 4 * time.Second, context.DeadlineExceeded, Stats{Dropped: 700}, 0},
		} {
			d := newDesk()
			d.set(func() { d.takes, d.err = time.Second, test.record })
			d.add(t, 1, 1)
			synctest.Wait() // it was taken
			d.add(t, 1, 699)
			ctx, cancel := context.WithTimeout(t.Context(), test.patience)
			start := time.Now()
			if err := d.Close(ctx); !errors.Is(err, test.err) {
				t.Errorf("Close returned %v", err)
			}
			cancel()
			if took := time.Since(start); took > test.patience {
				t.Errorf("Close took %v", took)
			}
			expect(t, "what became of 700", d.Stats(), test.want)
			expect(t, "prunings", d.prunes, test.prunes)
			if d.Add(1, Visit{}) {
				t.Error("a closed queue accepted a visit")
			}
			if err := d.Close(t.Context()); err != nil {
				t.Errorf("a second Close returned %v", err)
			}
			test.want.Dropped++
			expect(t, "in the end", d.Stats(), test.want)
		}
	})
}

// Flush waits for what was queued before it, and for nothing else.
func TestFlushWaitsForWhatWasQueuedBefore(t *testing.T) {
	virtually(t, func(t *testing.T) {
		d := newDesk()
		d.set(func() { d.takes = time.Second })
		d.add(t, 1, 1)
		synctest.Wait() // it was taken
		flushed := make(chan time.Duration)
		start := time.Now()
		go func() {
			if err := d.Flush(t.Context()); err != nil {
				t.Error(err)
			}
			flushed <- time.Since(start)
		}()
		synctest.Wait()
		d.add(t, 1, 1)
		expect(t, "flushing took", <-flushed, time.Second)
		expect(t, "after it", d.Stats(), Stats{Counted: 1, Waiting: 1})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := d.Flush(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("flushing with a context that has ended returned %v", err)
		}
		d.flush(t)
		if err := d.Flush(ctx); err != nil {
			t.Errorf("flushing an empty queue returned %v", err)
		}
	})
}

// A step is something that happens to a queue.
type step struct {
	Visits           int // of a project, with or without a code
	Project          int64
	Code             string
	Counted, Ignored int   // other visits, which did not pass through the queue
	Err              error // what recording returns from now on
	Others           bool  // others write as well
	Wait             time.Duration
}

func anyStep() *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step {
		return step{
			Visits:  rapid.SampledFrom([]int{0, 1, 7, 700}).Draw(t, "visits"),
			Project: rapid.Int64Range(1, 3).Draw(t, "project"),
			Code:    rapid.SampledFrom([]string{"", "jane"}).Draw(t, "code"),
			Counted: rapid.IntRange(0, 3).Draw(t, "counted"),
			Ignored: rapid.IntRange(0, 3).Draw(t, "ignored"),
			Err:     rapid.SampledFrom([]error{nil, nil, backend.ErrBusy, errors.New("broken")}).Draw(t, "error"),
			Others:  rapid.Bool().Draw(t, "others"),
			Wait:    time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond,
		}
	})
}

// Each visit is counted, ignored, dropped, or still waiting, whatever happens.
func TestQueueLosesTrackOfNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOf(anyStep()).Draw(rt, "steps")
		var err error
		synctest.Test(t, func(t *testing.T) { err = play(t.Context(), steps) })
		if err != nil {
			rt.Fatal(err)
		}
	})
}

func play(ctx context.Context, steps []step) error {
	d := newDesk()
	d.config.Logger = slog.New(slog.DiscardHandler)
	given, refused := int64(0), int64(0)
	check := func() error {
		s := d.Stats()
		if s.Counted+s.Ignored+s.Dropped+s.Waiting != given || s.Dropped < refused {
			return fmt.Errorf("after %d visits, of which %d were refused: %+v", given, refused, s)
		}
		return nil
	}
	var wrong error
	for _, step := range steps {
		d.set(func() { d.err = step.Err })
		for range step.Visits {
			if !d.Add(step.Project, Visit{Code: step.Code}) {
				refused++
			}
		}
		d.Count(step.Counted, step.Ignored)
		given += int64(step.Visits + step.Counted + step.Ignored)
		if step.Others {
			d.operations.Add(1)
		}
		time.Sleep(step.Wait)
		synctest.Wait()
		wrong = errors.Join(wrong, check())
	}
	d.set(func() { d.err = nil })
	if err := d.Close(ctx); err != nil {
		return err
	}
	if s := d.Stats(); s.Waiting != 0 {
		return fmt.Errorf("a closed queue has %+v", s)
	}
	return errors.Join(wrong, check())
}
