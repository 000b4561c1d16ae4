package books_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow"
)

// leapOp is what happens while the clock is ahead: a question, balances that are rolled
// forward, and, now and then, other operations. Then the clock is right again, and the
// owner may bring the last stamp back.
type leapOp struct {
	Affiliate int
	Ahead     time.Duration
	Steps     []operation
	Reset     bool
	Breaks    int // the reset, when the engine asks for the time that often
}

func drawLeap(inside *rapid.Generator[operation]) func(t *rapid.T) operation {
	return func(t *rapid.T) operation {
		op := leapOp{
			Affiliate: selector(t, "affiliate"), Reset: rapid.IntRange(0, 3).Draw(t, "reset") > 0,
			Ahead: rapid.SampledFrom([]time.Duration{
				200 * 24 * time.Hour, 31 * 24 * time.Hour, 24 * time.Hour, 3 * time.Minute, 2 * time.Minute,
			}).Draw(t, "ahead"),
		}
		if rapid.Bool().Draw(t, "breaks off") {
			op.Breaks = rapid.IntRange(1, 3).Draw(t, "breaks")
		}
		// What is entered stays ahead until the clock is there.
		if op.Ahead <= 24*time.Hour && rapid.Bool().Draw(t, "busy") {
			op.Steps = rapid.SliceOfN(inside, 1, 4).Draw(t, "steps")
		}
		return op
	}
}

func (op leapOp) do(on *side) error {
	right := on.clock.Now()
	on.turn(right.Add(op.Ahead))
	on.before = on.model.stamped
	for _, step := range op.Steps {
		if err := step.do(on); err != nil {
			return err
		}
	}
	if err := on.noteStamps(); err != nil {
		return err
	}
	if id := pick(op.Affiliate, on.model.affiliates); on.model.affiliates[id] != nil {
		if _, err := on.asOf(id, on.clock.Now()); err != nil {
			return err
		}
	}
	if err := on.engine.Upkeep(on.ctx); err != nil {
		return err
	}
	on.turn(right)
	on.before = on.model.stamped
	if !op.Reset {
		return nil
	}
	return on.reset(op.Breaks)
}

const leapMillis = int64(2 * time.Minute / time.Millisecond)

// newest is the latest stamp of what there is: entries, payouts and their runs.
func (m *model) newest() (newest int64) {
	for _, entries := range m.entries {
		for _, e := range entries {
			newest = max(newest, e.stamp)
		}
	}
	for _, p := range m.payouts {
		newest = max(newest, p.created, p.ended, p.back)
	}
	for _, run := range m.runs {
		newest = max(newest, run.created)
	}
	return newest
}

// reset brings the last stamp back, and checks that it is then that of the newest entry
// or payout. What is broken off then is done later.
func (on *side) reset(breaks int) error {
	m := on.model
	newest, before := m.newest(), max(m.stamped, m.asked)
	ctx, broken := on.breaking(breaks)
	done, err := on.engine.ResetStamp(ctx, on.project)
	if broken() && errors.Is(err, context.Canceled) {
		if err = nil; done.From.IsZero() {
			return nil
		}
	}
	switch {
	case errors.Is(err, refgrow.ErrConflict) && newest > m.now+leapMillis:
		return nil
	case err != nil:
		return fmt.Errorf("resetting the last stamp, the newest is %d and it is %d: %w", newest, m.now, err)
	case done.From.Equal(done.To):
		if done.From.UnixMilli() > m.now+leapMillis {
			return fmt.Errorf("the last stamp, %v, is ahead of %d and was left so", done.From, m.now)
		}
		return nil
	case done.To.UnixMilli() != newest || newest > m.now+leapMillis:
		return fmt.Errorf("the last stamp is brought back to %v at %d, but the newest is %d", done.To, m.now, newest)
	case done.From.UnixMilli() < before || done.From.UnixMilli() <= m.now+leapMillis:
		return fmt.Errorf("the last stamp is said to have been %v at %d, but was at least %d", done.From, m.now, before)
	}
	m.asked, m.stamped, m.written = newest, newest, max(newest, m.now) // from now on something may be written now
	m.reopened = append(slices.Clip(m.reopened), [2]int64{newest, done.From.UnixMilli()})
	return nil
}

// isReopened reports whether an instant is one that a reset has opened again.
func (m *model) isReopened(instant int64) bool {
	return slices.ContainsFunc(m.reopened, func(r [2]int64) bool { return r[0] < instant && instant <= r[1] })
}

// forget drops the answers that a reset has made provisional.
func (w *world) forget() {
	w.answers = slices.DeleteFunc(w.answers, func(a answer) bool { return a.at.UnixMilli() > w.model.asked })
	w.statements = slices.DeleteFunc(w.statements, func(s statement) bool { return s.to.UnixMilli() > w.model.asked })
}

// clocks checks that a leap is told exactly when there is one, and what is kept of
// resets.
func (w *world) clocks(report refgrow.Report) error {
	m := w.model
	clocks, err := w.engine.Clocks(w.ctx)
	if err != nil {
		return err
	}
	if len(clocks) != 1 {
		return fmt.Errorf("there are %d clocks", len(clocks))
	}
	last := clocks[0].LastStamp.UnixMilli()
	if lowest := max(m.stamped, m.asked); last < lowest || last > max(lowest, m.written) {
		return fmt.Errorf("the last stamp is %d: not from %d to %d", last, lowest, m.written)
	}
	ready, err := w.engine.Ready(w.ctx)
	if err != nil {
		return err
	}
	leaped := 0
	if last > m.now+leapMillis {
		leaped = 1
	}
	if len(report.Notes) != leaped || len(ready) != leaped || clocks[0].Leaped() != (leaped == 1) {
		return fmt.Errorf("the last stamp is %d and it is %d, but Verify notes %v and Ready %v",
			last, m.now, report.Notes, ready)
	}
	resets, err := w.engine.StampResets(w.ctx, w.project)
	if err != nil {
		return err
	}
	for i, r := range resets {
		if want := m.reopened[len(m.reopened)-1-i]; r.To.UnixMilli() != want[0] || r.From.UnixMilli() != want[1] {
			return fmt.Errorf("reset %d from the newest is from %v to %v, but was %v", i, r.From, r.To, want)
		}
	}
	if len(resets) != min(len(m.reopened), 100) {
		return fmt.Errorf("%d resets are listed, but there were %d", len(resets), len(m.reopened))
	}
	return nil
}
