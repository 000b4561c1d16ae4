package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// PayoutRunParams say what a run pays out.
type PayoutRunParams struct {
	// Cutoff is the instant by which earnings have to be available. It must not be
	// in the future. Defaults to now.
	Cutoff time.Time
	// Currency is the one that is paid out. Defaults to the project's.
	Currency money.Currency
	// Minimum is the least that one affiliate is paid, in Currency. Not set, it is
	// the project's MinimumPayout, which is nothing in other currencies.
	Minimum money.Amount
}

// A payoutRun is what the params of a run come to.
type payoutRun struct {
	currency string
	cutoff   int64
	least    int64 // minor units, more than 0
}

// payoutStep is how many affiliates a run looks at at once.
const payoutStep = 500

// Between some payouts a run waits for a moment. Processes that wait for the
// file's lock look for it now and then, and would not get it from one that takes
// it again at once.
const (
	payoutsInARow = 100
	moment        = 50 * time.Millisecond
)

func (p *Project) letOthersIn(ctx context.Context) error {
	if p.backend != p.engine.backend { // inside a transaction nobody else gets in
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(moment):
		return nil
	}
}

func (p *Project) planRun(ctx context.Context, params PayoutRunParams) (payoutRun, error) {
	run := payoutRun{cutoff: p.engine.millis()}
	if !params.Cutoff.IsZero() {
		now := run.cutoff
		if run.cutoff = millisOf(params.Cutoff); run.cutoff > now {
			return run, invalid("cutoff", "must not be in the future")
		}
	}
	settings, err := p.Settings(ctx)
	if err != nil {
		return run, err
	}
	currency := settings.Currency
	if params.Currency != "" {
		if currency, err = money.ParseCurrency(string(params.Currency)); err != nil {
			return run, invalid("currency", "%v", err)
		}
	}
	minimum := params.Minimum
	switch {
	case !minimum.IsSet() && currency == settings.Currency:
		minimum = settings.MinimumPayout
	case !minimum.IsSet():
	case minimum.Currency() != currency:
		return run, invalid("minimum", "is in %s, but the payouts are in %s", minimum.Currency(), currency)
	}
	run.currency, run.least = string(currency), max(minimum.Minor(), 1)
	return run, amount("minimum", minimum)
}

// PreviewPayouts gives the payouts that RunPayouts would make now, and makes
// none. Errors: ErrInvalid.
func (p *Project) PreviewPayouts(ctx context.Context, params PayoutRunParams) ([]Payout, error) {
	run, err := p.planRun(ctx, params)
	if err != nil {
		return nil, err
	}
	payouts := []Payout{}
	err = p.eachPayable(ctx, run, func(ctx context.Context, affiliate int64) error {
		payable, err := read(p, "previewing payouts", func(q db.Querier) (db.SumPayableRow, error) {
			return run.payable(ctx, q, p.id, affiliate)
		})
		if err == nil && payable.Amount >= run.least {
			payouts = append(payouts, *showPayout(&db.Payout{
				AffiliateID: affiliate, Currency: run.currency, Amount: payable.Amount, EntryCount: payable.Entries,
				Cutoff: run.cutoff, Status: string(PayoutPending),
			}))
		}
		return err
	})
	return payouts, err
}

// RunPayouts makes a pending payout for each affiliate for whom there is enough:
// of the entries that are available by the cut-off, and of the negative ones
// whenever they become available, but for those that other payouts reserve. Each
// payout is made in a transaction of its own. A run that is repeated, that goes
// on beside another one, or that was interrupted, pays nobody twice: it makes the
// payouts that are still to be made. With an error come those that were made
// before it. Errors: ErrInvalid, ErrBusy.
func (p *Project) RunPayouts(ctx context.Context, params PayoutRunParams) ([]Payout, error) {
	run, err := p.planRun(ctx, params)
	if err != nil {
		return nil, err
	}
	payouts := []Payout{}
	err = p.eachPayable(ctx, run, func(ctx context.Context, affiliate int64) error {
		if len(payouts) > 0 && len(payouts)%payoutsInARow == 0 {
			if err := p.letOthersIn(ctx); err != nil {
				return err
			}
		}
		var made *Payout
		err := p.write(ctx, "making a payout", func(ctx context.Context, o *op) (err error) {
			made, err = o.makePayout(ctx, run, affiliate)
			return err
		})
		if made != nil && err == nil {
			payouts = append(payouts, *made)
		}
		return err
	})
	return payouts, err
}

// eachPayable calls for each affiliate who might be paid something. With an
// earlier cut-off there can only be less than there is now.
func (p *Project) eachPayable(ctx context.Context, run payoutRun, call func(ctx context.Context, affiliate int64) error) error {
	for after := int64(0); ; {
		var enough []int64
		more := false
		err := p.snapshot(ctx, "looking for payouts", func(ctx context.Context, q db.Querier) error {
			ids, err := q.ListAffiliatesWithAccount(ctx, db.ListAffiliatesWithAccountParams{
				ProjectID: p.id, Currency: run.currency, AfterID: after, Limit: payoutStep,
			})
			if err != nil || len(ids) == 0 {
				return err
			}
			stats, err := readStatistics(ctx, q, p.id, ids, p.engine.millis())
			if err != nil {
				return err
			}
			for _, id := range ids {
				for _, b := range stats[id].balances {
					if string(b.Currency) == run.currency && b.Payable.Minor() >= run.least {
						enough = append(enough, id)
					}
				}
			}
			more = len(ids) == payoutStep
			after, err = onward(after, ids[len(ids)-1])
			return err
		})
		if err != nil {
			return err
		}
		for _, id := range enough {
			if err := call(ctx, id); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

func (run payoutRun) payable(ctx context.Context, q db.Querier, project, affiliate int64) (db.SumPayableRow, error) {
	return q.SumPayable(ctx, db.SumPayableParams{
		ProjectID: project, AffiliateID: affiliate, Currency: run.currency, Cutoff: run.cutoff,
	})
}

// makePayout reserves what there is to be paid to an affiliate, nil when that is
// not enough.
func (o *op) makePayout(ctx context.Context, run payoutRun, affiliate int64) (*Payout, error) {
	_, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: affiliate})
	if errors.Is(err, sql.ErrNoRows) { // deleted since
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	payable, err := run.payable(ctx, o, o.project, affiliate)
	if err != nil || payable.Amount < run.least {
		return nil, err
	}
	o.stampFrom(run.cutoff) // the clock may have gone back since the run began
	row := &db.Payout{
		ProjectID: o.project, AffiliateID: affiliate, Currency: run.currency, Amount: payable.Amount, EntryCount: payable.Entries,
		Cutoff: run.cutoff, Status: string(PayoutPending), CreatedAt: o.stamp(),
	}
	if row.ID, err = o.InsertPayout(ctx, db.InsertPayoutParams{
		ProjectID: o.project, AffiliateID: affiliate, Currency: row.Currency, Amount: row.Amount, EntryCount: row.EntryCount,
		Cutoff: row.Cutoff, Status: row.Status, CreatedAt: row.CreatedAt,
	}); err != nil {
		return nil, err
	}
	reserved, err := o.ReserveEntries(ctx, db.ReserveEntriesParams{
		PayoutID: row.ID, ProjectID: o.project, AffiliateID: affiliate, Currency: run.currency, Cutoff: run.cutoff,
	})
	switch {
	case err != nil:
		return nil, err
	case reserved != row.EntryCount:
		return nil, fmt.Errorf("a payout to affiliate %d of %d entries has reserved %d", affiliate, row.EntryCount, reserved)
	}
	o.countPayout(PayoutPending, 1)
	return showPayout(row), o.post(ctx, posting{account: account{affiliate, run.currency}, reserved: row.Amount})
}
