package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// maxBalance is what payouts and balances may come to, in minor units.
const maxBalance = 9_000_000_000_000_000_000

// A run pauses after every payoutsInARow payouts. Other processes only poll for the
// file's lock, and would starve if it were retaken at once.
const (
	payoutsInARow = 100
	moment        = 50 * time.Millisecond
)

func (p *Project) letOthersIn(ctx context.Context) error {
	if p.inTransaction() { // a pause would let nobody in
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(moment):
		return nil
	}
}

// makeRun makes the payouts of a run, or those that are still to be made of one with a
// key.
func (p *Project) makeRun(ctx context.Context, params PayoutRunParams, tell runListener) (*payoutRun, error) {
	plan := p.planNow
	if params.Idempotency.given() {
		plan = p.planRun
	}
	run, err := plan(ctx, params)
	if err != nil {
		return nil, err
	}
	if params.Idempotency.given() {
		back, err := p.beginRun(ctx, run, params.Idempotency.of(params))
		if err != nil {
			return nil, err
		}
		defer back()
	}
	if run.task == nil || run.task.row.Done == 0 {
		if err := p.makePayouts(ctx, run, tell); err != nil {
			return nil, err
		}
		if err := run.task.end(ctx, p, "running payouts"); err != nil {
			return nil, err
		}
	}
	if run.task != nil {
		if err := p.continueRun(ctx, run); err != nil { // a twin in another process may have made some
			return nil, err
		}
		run.reread = !run.task.begun || run.made != run.row.Payouts
	}
	return run, nil
}

// shown is the run as it then is, nil if nothing of it is kept.
func (run *payoutRun) shown() (*PayoutRun, error) {
	if run.row == nil {
		return nil, nil
	}
	shown, err := storedRun(run.row)
	return shown, while("running payouts", err)
}

// of adds to a call what it asks a run for, whatever it says itself that makes it what
// it is.
func (call Idempotency) of(params PayoutRunParams) Idempotency {
	call.Request = fmt.Appendf(slices.Clone(call.Request), "\x00run %d %s %s %v %v %v",
		stored.Millis(params.Cutoff), params.Currency, params.Minimum,
		params.AffiliateIDs, params.Without, params.DetailsOnly)
	return call
}

// beginRun keeps a run with a key, or takes up the one that the key has. back gives
// back the turn of the key.
func (p *Project) beginRun(ctx context.Context, run *payoutRun, call Idempotency) (back func(), err error) {
	const doing = "running payouts"
	run.task, back, err = p.beginTask(ctx, call, doing, func(ctx context.Context, o *op) (*int64, error) {
		if err := run.known(ctx, o, o.project); err != nil {
			return nil, err
		}
		id, err := o.insertRun(ctx, run)
		return &id, err
	})
	if err != nil {
		return nil, err
	}
	if err := p.continueRun(ctx, run); err != nil {
		back()
		return nil, err
	}
	return back, nil
}

// continueRun takes up the run of a task, with what it was begun with.
func (p *Project) continueRun(ctx context.Context, run *payoutRun) error {
	if run.task.row.RunID == nil { // the key is that of payouts which are paid or canceled
		return usedKey()
	}
	row, err := read(ctx, p, "running payouts", func(ctx context.Context, q db.Querier) (db.PayoutRun, error) {
		return q.GetPayoutRun(ctx, db.GetPayoutRunParams{ProjectID: p.id, RunID: *run.task.row.RunID})
	})
	if err != nil {
		return p.engine.needed(err)
	}
	run.row, run.cutoff, run.currency, run.minimum = &row, row.Cutoff, row.Currency, row.Minimum
	return nil
}

// makePayouts makes the payouts of a run, from its mark on.
func (p *Project) makePayouts(ctx context.Context, run *payoutRun, tell runListener) error {
	var after int64
	if run.task != nil {
		after = run.task.row.Mark
	}
	return p.eachPayee(ctx, run, after, func(a payee) error {
		if reason := run.leaves(a); reason != "" {
			tell.leftOut(run.leftOut(a, reason))
		}
		if a.amount == 0 || run.leaves(a) != "" {
			return nil
		}
		if run.made > 0 && run.made%payoutsInARow == 0 {
			if err := p.letOthersIn(ctx); err != nil {
				return err
			}
		}
		var step madePayout
		err := p.write(ctx, "making a payout", func(ctx context.Context, o *op) (err error) {
			step, err = o.makePayout(ctx, run, a.id)
			return err
		})
		switch {
		case err != nil:
			return err
		case step.payout != nil:
			run.row, run.made = step.run, run.made+1
			tell.made(step.payout)
		case step.leftOut != nil:
			tell.leftOut(*step.leftOut)
		}
		return nil
	})
}

// insertRun keeps a run that is about to make its payouts.
func (o *op) insertRun(ctx context.Context, run *payoutRun) (int64, error) {
	o.stampFrom(run.cutoff) // the clock may have gone back since the run began
	return o.InsertPayoutRun(ctx, db.InsertPayoutRunParams{
		ProjectID: o.project, CreatedAt: o.stamp(), MadeBy: stored.TextOrNull(run.by), Cutoff: run.cutoff,
		Currency: run.currency, Minimum: run.minimum,
	})
}

// A madePayout is what became of one affiliate in a run: a payout, or a reason why
// there is none, or nothing.
type madePayout struct {
	run     *db.PayoutRun // as it then is
	payout  *Payout
	leftOut *LeftOut
}

// makePayout reserves what an affiliate can be paid, if that is still enough. The run
// is kept together with its first payout.
func (o *op) makePayout(ctx context.Context, run *payoutRun, affiliate int64) (madePayout, error) {
	var none madePayout
	todo, err := run.task.pass(ctx, o, affiliate, false)
	if err != nil || !todo {
		return none, err
	}
	row, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: affiliate})
	if errors.Is(err, sql.ErrNoRows) { // deleted since
		return none, nil
	}
	if err != nil {
		return none, err
	}
	a := payeeOf(db.ListAffiliatesForPayoutsRow{
		ID: row.ID, PaypalEmail: row.PaypalEmail, WiseAccountID: row.WiseAccountID, WiseEmail: row.WiseEmail,
		PayoutsPaused: row.PayoutsPaused,
	})
	payable, err := run.payable(ctx, o, o.project, affiliate)
	if err != nil {
		return none, err
	}
	if a.amount, a.entries = payable.Amount, payable.Entries; a.amount == 0 {
		return none, nil
	}
	if reason := run.leaves(a); reason != "" {
		left := run.leftOut(a, reason)
		return madePayout{leftOut: &left}, nil
	}
	kept, err := o.addToRun(ctx, run, a.amount)
	if err != nil {
		return none, err
	}
	payout, err := o.reservePayout(ctx, run, a, kept.ID)
	if err != nil {
		return none, err
	}
	return madePayout{run: kept, payout: payout}, nil
}

// reservePayout makes the payout. Its stamp is not before the cut-off, since that of
// the run is not.
func (o *op) reservePayout(ctx context.Context, run *payoutRun, a payee, id int64) (*Payout, error) {
	row := &db.Payout{
		ProjectID: o.project, AffiliateID: a.id, Currency: run.currency, Amount: a.amount, EntryCount: a.entries,
		Cutoff: run.cutoff, Status: string(PayoutPending), CreatedAt: o.stamp(), RunID: &id,
	}
	var err error
	if row.ID, err = o.InsertPayout(ctx, db.InsertPayoutParams{
		ProjectID: o.project, AffiliateID: a.id, Currency: row.Currency, Amount: row.Amount, EntryCount: row.EntryCount,
		Cutoff: row.Cutoff, Status: row.Status, CreatedAt: row.CreatedAt, RunID: row.RunID,
	}); err != nil {
		return nil, err
	}
	reserved, err := o.ReserveEntries(ctx, db.ReserveEntriesParams{
		PayoutID: row.ID, ProjectID: o.project, AffiliateID: a.id, Currency: run.currency, Cutoff: run.cutoff,
	})
	switch {
	case err != nil:
		return nil, err
	case reserved != row.EntryCount:
		return nil, fmt.Errorf("a payout to affiliate %d of %d entries reserved %d", a.id, row.EntryCount, reserved)
	}
	if err := o.ClearAccount(ctx, db.ClearAccountParams{
		ProjectID: o.project, AffiliateID: a.id, Currency: run.currency,
	}); err != nil {
		return nil, err
	}
	o.countPayout(PayoutPending, 1)
	if err := o.post(ctx, ledger.Posting{Account: accountOf(row), Reserved: row.Amount}); err != nil {
		return nil, err
	}
	return o.changedPayout(ctx, row)
}

// addToRun counts one more payout of a run, which is kept together with its first one.
func (o *op) addToRun(ctx context.Context, run *payoutRun, amount int64) (*db.PayoutRun, error) {
	var id int64
	var err error
	if run.row != nil {
		id = run.row.ID
	} else if id, err = o.insertRun(ctx, run); err != nil {
		return nil, err
	}
	row, err := o.GetPayoutRun(ctx, db.GetPayoutRunParams{ProjectID: o.project, RunID: id})
	if err != nil {
		return nil, needed(o.Nested, err)
	}
	if row.Total > maxBalance-amount {
		return nil, conflict("", "The payouts of the run would come to more than 9 * 10^18 minor units: make several runs")
	}
	row.Payouts, row.Total = row.Payouts+1, row.Total+amount
	return &row, o.AddToPayoutRun(ctx, db.AddToPayoutRunParams{ProjectID: o.project, RunID: id, Payouts: 1, Total: amount})
}
