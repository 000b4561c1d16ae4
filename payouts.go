package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// A PayoutStatus is how far a payout is.
type PayoutStatus string

const (
	// PayoutPending: the entries are reserved, the payment is still to be made.
	PayoutPending PayoutStatus = "pending"
	// PayoutPaid: the payment was made. This is final.
	PayoutPaid PayoutStatus = "paid"
	// PayoutCanceled: the payment will not be made; the entries are free for the
	// next run. This is final.
	PayoutCanceled PayoutStatus = "canceled"
)

func (s PayoutStatus) check() error {
	switch s {
	case PayoutPending, PayoutPaid, PayoutCanceled:
		return nil
	}
	return invalid("status", `must be "pending", "paid" or "canceled"`)
}

// A Payout is one payment to one affiliate, which settles the ledger entries that
// it reserves. What happens to a conversion after its entries were reserved is
// taken into account by the next payout.
type Payout struct {
	ID          int64 // 0 in a preview
	AffiliateID int64
	Amount      money.Amount
	EntryCount  int64
	Status      PayoutStatus
	// Cutoff is the instant by which the entries were available.
	Cutoff time.Time
	// ExternalReference is the payment's id with the bank or service that made it.
	ExternalReference string
	CreatedAt         time.Time // zero in a preview
	// PaidAt and CanceledAt say when its status changed, nil if it is another.
	PaidAt, CanceledAt *time.Time
}

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
			for _, id := range ids {
				for _, b := range stats[id].balances {
					if string(b.Currency) == run.currency && b.Payable.Minor() >= run.least {
						enough = append(enough, id)
					}
				}
			}
			after, more = ids[len(ids)-1], len(ids) == payoutStep
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

// PayPayoutParams say how a payout was paid.
type PayPayoutParams struct {
	// ExternalReference is the payment's id with the bank or service that made it.
	ExternalReference string
}

// PayPayout notes that the payment of a pending payout was made: exactly its
// amount is settled, and the conversions it pays something for count as paid.
// This is final. Errors: ErrInvalid, ErrNotFound, ErrConflict unless it is
// pending.
func (p *Project) PayPayout(ctx context.Context, id int64, params PayPayoutParams) (*Payout, error) {
	if err := optionalText("external_reference", params.ExternalReference, maxText); err != nil {
		return nil, err
	}
	return change(ctx, p, "paying a payout", backend.Work{}, func(ctx context.Context, o *op) (*Payout, error) {
		row, err := o.pendingPayout(ctx, id)
		if err != nil {
			return nil, err
		}
		settled := posting{account: account{row.AffiliateID, row.Currency}, reserved: -row.Amount, settles: id}
		large, err := o.ListLargeSettlements(ctx, db.ListLargeSettlementsParams{ProjectID: o.project, PayoutID: id})
		if err != nil {
			return nil, err
		}
		for _, part := range large {
			settled.entries = appendEntry(settled.entries, entry{
				kind: EntrySettlement, amount: part.Amount, available: part.AvailableAt, conversion: part.ConversionID, payout: id,
			})
		}
		types, err := o.MarkConversionsPaid(ctx, db.MarkConversionsPaidParams{
			ProjectID: o.project, PayoutID: id, AffiliateID: row.AffiliateID, Currency: row.Currency,
		})
		if err != nil {
			return nil, err
		}
		for _, kind := range types {
			o.countConversion(ConversionType(kind), false, -1)
			o.countConversion(ConversionType(kind), true, 1)
		}
		row.Status, row.ExternalReference, row.PaidAt = string(PayoutPaid), textOrNull(params.ExternalReference), new(o.stamp())
		if err := o.endPayout(ctx, row); err != nil {
			return nil, err
		}
		return showPayout(row), o.post(ctx, settled)
	})
}

// CancelPayout gives up a pending payout: its entries are free for the next run.
// Errors: ErrNotFound, ErrConflict unless it is pending.
func (p *Project) CancelPayout(ctx context.Context, id int64) (*Payout, error) {
	return change(ctx, p, "canceling a payout", backend.Work{}, func(ctx context.Context, o *op) (*Payout, error) {
		row, err := o.pendingPayout(ctx, id)
		if err != nil {
			return nil, err
		}
		freed, err := o.FreeEntries(ctx, db.FreeEntriesParams{ProjectID: o.project, PayoutID: id})
		switch {
		case err != nil:
			return nil, err
		case freed != row.EntryCount:
			return nil, fmt.Errorf("payout %d of %d entries has freed %d", id, row.EntryCount, freed)
		}
		row.Status, row.CanceledAt = string(PayoutCanceled), new(o.stamp())
		if err := o.endPayout(ctx, row); err != nil {
			return nil, err
		}
		return showPayout(row), o.post(ctx, posting{account: account{row.AffiliateID, row.Currency}, reserved: -row.Amount})
	})
}

func (o *op) pendingPayout(ctx context.Context, id int64) (*db.Payout, error) {
	row, err := getPayout(ctx, o, o.project, id)
	if err != nil {
		return nil, err
	}
	if PayoutStatus(row.Status) != PayoutPending {
		return nil, conflict("", "The payout is %s already", row.Status)
	}
	return row, nil
}

// getPayout finds a payout, but not one that goes with an affiliate that is being
// deleted.
func getPayout(ctx context.Context, q db.Querier, project, id int64) (*db.Payout, error) {
	row, err := q.GetPayout(ctx, db.GetPayoutParams{ProjectID: project, PayoutID: id})
	if err == nil {
		_, err = q.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: project, AffiliateID: row.AffiliateID})
	}
	return &row, missing(err, "Payout")
}

func (o *op) endPayout(ctx context.Context, row *db.Payout) error {
	o.countPayout(PayoutPending, -1)
	o.countPayout(PayoutStatus(row.Status), 1)
	return o.EndPayout(ctx, db.EndPayoutParams{
		ProjectID: o.project, PayoutID: row.ID, Status: row.Status, ExternalReference: row.ExternalReference,
		PaidAt: row.PaidAt, CanceledAt: row.CanceledAt,
	})
}

func (o *op) countPayout(status PayoutStatus, by int64) {
	delta := db.AddTotalsParams{ProjectID: o.project}
	switch status {
	case PayoutPending:
		delta.PayoutsPending = by
	case PayoutPaid:
		delta.PayoutsPaid = by
	case PayoutCanceled:
		delta.PayoutsCanceled = by
	}
	o.Add(delta)
}

func showPayout(r *db.Payout) *Payout {
	payout := &Payout{
		ID: r.ID, AffiliateID: r.AffiliateID, Amount: money.New(r.Amount, money.Currency(r.Currency)), EntryCount: r.EntryCount,
		Status: PayoutStatus(r.Status), Cutoff: instant(r.Cutoff), ExternalReference: orZero(r.ExternalReference),
		PaidAt: optionalInstant(r.PaidAt), CanceledAt: optionalInstant(r.CanceledAt),
	}
	if r.CreatedAt != 0 {
		payout.CreatedAt = instant(r.CreatedAt)
	}
	return payout
}
