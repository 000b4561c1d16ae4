package refgrow

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// maxLeap is how far ahead of the clock a project's last stamp may be before that is
// told: clocks are set right by seconds all the time.
const maxLeap = 2 * time.Minute

// putBackStep is how many affiliates' accounts one transaction puts back, so that
// nobody waits long for it.
const putBackStep = 200

// maxResets is how many of a project's resets are returned.
const maxResets = 100

// A ProjectClock says how a project's entries are stamped. No entry gets an earlier
// instant than LastStamp, whatever the clock does.
type ProjectClock struct {
	Project string
	// Now is what the clock shows. LastStamp is the instant of the newest entry, or a
	// later one: of a sale that nobody earns from, of the last Upkeep, or one that
	// somebody asked about.
	Now, LastStamp time.Time
}

// Ahead is how far the last stamp is ahead of the clock, 0 if it is not.
func (c ProjectClock) Ahead() time.Duration { return max(0, c.LastStamp.Sub(c.Now)) }

// Leaped reports whether the last stamp is so far ahead that the clock must have been
// wrong when it was made: more than two minutes.
func (c ProjectClock) Leaped() bool { return c.Ahead() > maxLeap }

// note says what a leap means.
func (c ProjectClock) note() string {
	return fmt.Sprintf("no entry is stamped before %s, which is %s ahead of the clock: it was wrong once",
		stampText(c.LastStamp), ahead(c.Ahead()))
}

// ahead is a duration in words that people can compare with a calendar.
func ahead(d time.Duration) string {
	if days := d / (24 * time.Hour); days >= 2 {
		return strconv.Itoa(int(days)) + " days"
	}
	return d.Round(time.Second).String()
}

// clockOf compares a last stamp with the clock.
func (e *Engine) clockOf(project string, lastStamp int64) ProjectClock {
	return ProjectClock{Project: project, Now: stored.Instant(e.millis()), LastStamp: stored.Instant(lastStamp)}
}

// leapNote is the note about a last stamp, "" for none.
func (e *Engine) leapNote(lastStamp int64) string {
	if c := e.clockOf("", lastStamp); c.Leaped() {
		return c.note()
	}
	return ""
}

// Clocks returns how the entries of each project are stamped, in the order in which the
// projects were made. Errors: ErrBusy, ErrClosed.
func (e *Engine) Clocks(ctx context.Context) ([]ProjectClock, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	rows, err := e.backend.Reader().ListClocks(ctx)
	if err != nil {
		return nil, e.failed("reading the clocks", err)
	}
	clocks := make([]ProjectClock, len(rows))
	for i, r := range rows {
		clocks[i] = e.clockOf(r.Name, r.LastStamp)
	}
	return clocks, nil
}

// A toldLeap is one that was logged, and when, Unix milliseconds.
type toldLeap struct{ lastStamp, at int64 }

// met logs a last stamp that is ahead of the clock, once an hour for each.
func (p *Project) met(ctx context.Context, lastStamp, now int64) {
	if lastStamp <= now+maxLeap.Milliseconds() {
		return
	}
	leap := toldLeap{lastStamp, now}
	if before, told := p.engine.leaps.LoadOrStore(p.id, leap); told {
		last := before.(toldLeap)
		if last.lastStamp == lastStamp && max(now-last.at, last.at-now) < time.Hour.Milliseconds() ||
			!p.engine.leaps.CompareAndSwap(p.id, before, leap) {
			return
		}
	}
	p.engine.logger.WarnContext(ctx, "the clock was wrong once: entries are stamped ahead of it",
		"project", p.name, "last_stamp", stored.Instant(lastStamp),
		"ahead", ahead(time.Duration(lastStamp-now)*time.Millisecond))
}

// A StampReset says that a project's last stamp was brought back. All instants after
// To, up to From, are open again: answers that were given for them (AsOf, statements)
// are no longer final. If From and To are equal, nothing was changed.
type StampReset struct {
	From, To time.Time
	At       time.Time // when it was asked for
}

// ResetStamp brings a project's last stamp back to that of the newest entry, after a
// question was asked, or balances were rolled forward, while the clock was wrong: until
// then all entries would be stamped with an instant that is ahead of the clock. It goes
// no further back than a payout, or a run of payouts, was made or canceled, since what
// is reserved at an instant goes by that order as well. Where the last stamp is at most
// two minutes ahead it does nothing. What opens again is logged, and kept
// (StampResets). Errors: ErrConflict, with the id of the newest entry, where that
// itself is ahead of the clock, because entries never change: until the clock has come
// there, they are stamped with that instant; ErrInvalid for a project of another
// engine, ErrBusy.
//
// It works in small transactions. If it is interrupted after the first one, it returns
// what was done beside the error; the rest is done by the next call, and by Upkeep.
func (e *Engine) ResetStamp(ctx context.Context, p *Project) (StampReset, error) {
	if err := e.owns(p); err != nil {
		return StampReset{}, err
	}
	p = p.WithTimeout(0) // its owner asked for it, however long it takes to find
	var before resetBounds
	if err := p.snapshot(ctx, "resetting the last stamp", func(ctx context.Context, q db.Querier) (err error) {
		before, err = boundsOf(ctx, q, p.id)
		return err
	}); err != nil {
		return StampReset{}, err
	}
	var done StampReset
	if err := p.write(ctx, "resetting the last stamp", func(ctx context.Context, o *op) (err error) {
		done, err = o.resetStamp(ctx, before)
		return err
	}); err != nil {
		return StampReset{}, err
	}
	if !done.From.Equal(done.To) {
		e.logger.WarnContext(ctx, "the last stamp was brought back: answers for the instants between are not final",
			"project", p.name, "from", done.From, "to", done.To)
	}
	return done, p.putBack(ctx)
}

// owns returns an error for a project that is not one of this engine.
func (e *Engine) owns(p *Project) error {
	if p == nil || p.engine != e {
		return invalid("project", "must be one of this engine")
	}
	return nil
}

// A stamped is something with a stamp.
type stamped struct {
	what  string
	id    int64
	stamp int64
}

// resetBounds are how far a last stamp can be brought back: the newest entry, and the
// newest one of all projects when it was looked for.
type resetBounds struct {
	newest stamped
	ofAll  int64
}

// boundsOf looks for the newest entry before the transaction that resets: where others
// have entered very much since, that takes long.
func boundsOf(ctx context.Context, q db.Querier, project int64) (resetBounds, error) {
	ofAll, err := q.NewestEntryOfAll(ctx)
	if err != nil {
		return resetBounds{}, err
	}
	row, err := q.NewestEntry(ctx, db.NewestEntryParams{ProjectID: project})
	return resetBounds{stamped{"ledger entry", row.ID, row.CreatedAt}, ofAll}, ignoring(err, sql.ErrNoRows)
}

// resetStamp brings the last stamp back to that of the newest entry or payout.
func (o *op) resetStamp(ctx context.Context, before resetBounds) (StampReset, error) {
	from := o.state.lastStamp
	same := StampReset{From: stored.Instant(from), To: stored.Instant(from), At: stored.Instant(o.now)}
	latest := o.now + maxLeap.Milliseconds()
	if from <= latest {
		return same, nil
	}
	newest := before.newest
	later, err := o.NewestEntry(ctx, db.NewestEntryParams{ProjectID: o.project, AfterID: before.ofAll})
	switch {
	case err == nil:
		newest.id, newest.stamp = later.ID, later.CreatedAt
	case ignoring(err, sql.ErrNoRows) != nil:
		return same, err
	}
	payouts, err := o.ListNewestPayouts(ctx, o.project)
	if err != nil {
		return same, err
	}
	for _, p := range payouts {
		if p.Stamp > newest.stamp {
			newest = stamped{p.What, p.ID, p.Stamp}
		}
	}
	if newest.stamp > latest {
		return same, conflict("", "The newest %s, %d, is itself of %s, and what is entered never changes: "+
			"until %s entries are stamped with that instant",
			newest.what, newest.id, stampText(stored.Instant(newest.stamp)), stampText(same.From)).of(newest.id)
	}
	reset, err := o.InsertStampReset(ctx, db.InsertStampResetParams{
		ProjectID: o.project, FromStamp: from, ToStamp: newest.stamp, CreatedAt: o.now,
	})
	if err != nil {
		return same, err
	}
	if err := o.ResetLastStamp(ctx, db.ResetLastStampParams{
		ProjectID: o.project, LastStamp: newest.stamp, ResetID: reset,
	}); err != nil {
		return same, err
	}
	o.state.lastStamp, o.state.reset = newest.stamp, reset
	same.To = stored.Instant(newest.stamp)
	return same, nil
}

// putBack puts the accounts back that were rolled beyond the last stamp before it was
// reset, some at a time. What is posted meanwhile puts its own account back first.
func (p *Project) putBack(ctx context.Context) error {
	reset, after := int64(0), int64(0)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		totals, err := read(ctx, p, "putting balances back",
			func(ctx context.Context, q db.Querier) (db.ProjectTotals, error) {
				return q.GetProjectTotals(ctx, p.id)
			})
		if err != nil || totals.UnfinishedReset == 0 {
			return err
		}
		if totals.UnfinishedReset != reset { // another one came in between
			reset, after = totals.UnfinishedReset, 0
		}
		due, err := read(ctx, p, "putting balances back", func(ctx context.Context, q db.Querier) ([]int64, error) {
			return q.ListAccountsAhead(ctx, db.ListAccountsAheadParams{
				ProjectID: p.id, AfterID: after, Instant: totals.LastStamp, AtMost: putBackStep,
			})
		})
		if err != nil {
			return err
		}
		if len(due) == 0 {
			if err := p.endReset(ctx, reset); err != nil {
				return err
			}
			continue
		}
		if after, err = stored.Onward(after, due[len(due)-1]); err != nil {
			return err
		}
		if err := p.write(ctx, "putting balances back", func(ctx context.Context, o *op) error {
			return ledger.PutBack(ctx, o.Tx, o.project, o.stamp(), due...)
		}); err != nil {
			return err
		}
	}
}

// endReset notes that nothing of a reset is left to do.
func (p *Project) endReset(ctx context.Context, reset int64) error {
	return p.write(ctx, "putting balances back", func(ctx context.Context, o *op) error {
		if o.state.reset != reset {
			return nil
		}
		o.state.reset = 0
		if err := o.EndStampReset(ctx, db.EndStampResetParams{ProjectID: o.project, ResetID: reset}); err != nil {
			return err
		}
		return o.NoteStampResets(ctx, db.NoteStampResetsParams{
			ProjectID: o.project, ResetID: reset, FinishedAt: &o.now,
		})
	})
}

// StampResets returns the last hundred resets of a project's last stamp, the newest
// first. Errors: ErrInvalid for a project of another engine, ErrBusy.
func (e *Engine) StampResets(ctx context.Context, p *Project) ([]StampReset, error) {
	if err := e.owns(p); err != nil {
		return nil, err
	}
	rows, err := read(ctx, p, "reading the resets of the last stamp",
		func(ctx context.Context, q db.Querier) ([]db.StampReset, error) {
			return q.ListStampResets(ctx, db.ListStampResetsParams{ProjectID: p.id, Limit: maxResets})
		})
	if err != nil {
		return nil, err
	}
	resets := make([]StampReset, len(rows))
	for i, r := range rows {
		resets[i] = StampReset{
			From: stored.Instant(r.FromStamp), To: stored.Instant(r.ToStamp), At: stored.Instant(r.CreatedAt),
		}
	}
	return resets, nil
}

// Ready checks that the engine can write, to the file that it opened if that is one of
// our own, and returns notes that its operator should
// know: that entries are stamped ahead of the clock. They name no project, so that
// anyone may read them; Clocks and Verify do. Errors: ErrBusy, ErrClosed, ErrFull,
// ErrDamaged.
func (e *Engine) Ready(ctx context.Context) (notes []string, err error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	if err := e.backend.Present(); err != nil {
		return nil, e.failed("looking for the file of the database", err)
	}
	err = e.backend.Atomic(ctx, backend.Work{WritesLast: true, Run: func(ctx context.Context, tx *backend.Tx) error {
		return tx.TouchProject(ctx)
	}})
	if err != nil {
		return nil, e.failed("checking that the database can be written", err)
	}
	leaped, err := e.backend.Reader().CountAhead(inLane(ctx, backend.Keys), e.millis()+maxLeap.Milliseconds())
	if err != nil {
		return nil, e.failed("checking the clock", err)
	}
	if leaped.Projects > 0 {
		notes = append(notes, fmt.Sprintf("in %d of the projects %s",
			leaped.Projects, e.clockOf("", leaped.LastStamp).note()))
	}
	return notes, nil
}

// ParseInstant reads an instant in the forms that the REST API and the command line
// take: RFC 3339, where one without a zone is in UTC; a day such as "2024-07-29",
// which means its first instant in UTC; exactly 10 digits, which are Unix seconds; and
// exactly 13, which are milliseconds. It never returns the zero time, which stands for
// none. Errors: ErrInvalid.
func ParseInstant(text string) (time.Time, error) {
	t, err := form.Instant(text)
	return t, at("", err)
}
