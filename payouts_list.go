package refgrow

import (
	"context"
	"fmt"
	"iter"
	"math"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
	"github.com/refgrow-go/refgrow/money"
)

// ListPayoutsParams narrow and page the list of payouts.
type ListPayoutsParams struct {
	// Status is "", AffiliateID and RunID are 0 for all.
	Status      PayoutStatus
	AffiliateID int64
	RunID       int64
	// Limit is 1 to 500; 0 means 50.
	Limit  int
	After  Cursor
	Offset int
}

func (params ListPayoutsParams) check() error {
	if params.AffiliateID < 0 {
		return at("affiliate_id", form.ID(params.AffiliateID))
	}
	if params.RunID < 0 {
		return at("run_id", form.ID(params.RunID))
	}
	if params.Status == "" {
		return nil
	}
	return params.Status.check()
}

// ListPayouts returns a page of payouts, newest first. Errors: ErrInvalid.
func (p *Project) ListPayouts(ctx context.Context, params ListPayoutsParams) (Page[Payout], error) {
	var page Page[Payout]
	if err := params.check(); err != nil {
		return page, err
	}
	at, err := pageOf("payouts", params.Limit, 50, params.After, params.Offset,
		p.id, params.AffiliateID, params.RunID, params.Status)
	if err != nil {
		return page, err
	}
	from, to := textRange(string(params.Status))
	rows, err := read(ctx, p, "listing payouts", func(ctx context.Context, q db.Querier) ([]db.Payout, error) {
		if beyond, err := at.isBeyond(ctx, q, p.id, params.countIn); beyond || err != nil {
			return nil, err
		}
		if params.RunID != 0 {
			first, last := params.affiliates()
			return q.ListPayoutsOfRun(ctx, db.ListPayoutsOfRunParams{
				ProjectID: p.id, RunID: params.RunID, BeforeTime: at.from.time, BeforeID: at.from.id,
				StatusFrom: from, StatusTo: to, AffiliateFrom: first, AffiliateTo: last, Limit: at.fetch(), Offset: at.offset,
			})
		}
		if params.AffiliateID != 0 {
			return q.ListPayoutsOfAffiliate(ctx, db.ListPayoutsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: params.AffiliateID, BeforeTime: at.from.time, BeforeID: at.from.id,
				StatusFrom: from, StatusTo: to, Limit: at.fetch(), Offset: at.offset,
			})
		}
		return q.ListPayouts(ctx, db.ListPayoutsParams{
			ProjectID: p.id, BeforeTime: at.from.time, BeforeID: at.from.id,
			StatusFrom: from, StatusTo: to, Limit: at.fetch(), Offset: at.offset,
		})
	})
	if err != nil {
		return page, err
	}
	return cut(at, rows, func(r *db.Payout) (int64, int64) { return r.CreatedAt, r.ID }, shown(storedPayout))
}

// affiliates is the range of affiliates that the list is narrowed to.
func (params ListPayoutsParams) affiliates() (first, last int64) {
	if params.AffiliateID != 0 {
		return params.AffiliateID, params.AffiliateID
	}
	return 0, math.MaxInt64
}

// CountPayouts counts all pages of a list. Errors: ErrInvalid.
func (p *Project) CountPayouts(ctx context.Context, params ListPayoutsParams) (int64, error) {
	if err := params.check(); err != nil {
		return 0, err
	}
	return read(ctx, p, "counting payouts", func(ctx context.Context, q db.Querier) (int64, error) {
		from, to := textRange(string(params.Status))
		if params.RunID != 0 {
			first, last := params.affiliates()
			return q.CountPayoutsOfRun(ctx, db.CountPayoutsOfRunParams{
				ProjectID: p.id, RunID: params.RunID, StatusFrom: from, StatusTo: to, AffiliateFrom: first, AffiliateTo: last,
			})
		}
		if params.AffiliateID != 0 {
			return q.CountPayoutsOfAffiliate(ctx, db.CountPayoutsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: params.AffiliateID, StatusFrom: from, StatusTo: to,
			})
		}
		totals, err := q.GetProjectTotals(ctx, p.id)
		return params.countIn(&totals), err
	})
}

// countIn is how many payouts there are in all of the status that the list has.
func (params ListPayoutsParams) countIn(totals *db.ProjectTotals) int64 {
	switch params.Status {
	case PayoutPending:
		return totals.PayoutsPending
	case PayoutPaid:
		return totals.PayoutsPaid
	case PayoutCanceled:
		return totals.PayoutsCanceled
	case PayoutReturned:
		return totals.PayoutsReturned
	}
	return totals.PayoutsPending + totals.PayoutsPaid + totals.PayoutsCanceled + totals.PayoutsReturned
}

// AllPayouts walks the whole list. It fetches page by page and holds no rows
// open.
func (p *Project) AllPayouts(ctx context.Context, params ListPayoutsParams) iter.Seq2[Payout, error] {
	return all(func(after Cursor) (Page[Payout], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return p.ListPayouts(ctx, params)
	})
}

// ListPayoutEntriesParams page the entries of a payout.
type ListPayoutEntriesParams struct {
	// Limit is 1 to 500; 0 means 50.
	Limit  int
	After  Cursor
	Offset int
}

// ListPayoutEntries returns a page of the ledger entries that a payout reserves, has
// settled, or reserved until it was canceled, newest first. There are EntryCount of
// them in all. Errors: ErrNotFound, ErrInvalid.
func (p *Project) ListPayoutEntries(ctx context.Context, id int64, params ListPayoutEntriesParams) (Page[LedgerEntry],
	error) {
	var page Page[LedgerEntry]
	at, err := pageOf("payout entries", params.Limit, 50, params.After, params.Offset, p.id, id)
	if err != nil {
		return page, err
	}
	err = p.snapshot(ctx, "listing the entries of a payout", func(ctx context.Context, q db.Querier) error {
		payout, err := getPayout(ctx, q, p.id, id)
		if err != nil || at.offset >= payout.EntryCount {
			return err
		}
		rows, err := q.ListPayoutEntries(ctx, db.ListPayoutEntriesParams{
			ProjectID: p.id, PayoutID: id, BeforeID: at.from.id, Limit: at.fetch(), Offset: at.offset,
		})
		if err != nil {
			return err
		}
		page, err = cut(at, rows, func(r *db.LedgerEntry) (int64, int64) { return 0, r.ID }, shown(showEntry))
		return err
	})
	return page, err
}

// AllPayoutEntries walks all entries of a payout. It fetches page by page and
// holds no rows open.
func (p *Project) AllPayoutEntries(ctx context.Context, id int64,
	params ListPayoutEntriesParams) iter.Seq2[LedgerEntry, error] {
	return all(func(after Cursor) (Page[LedgerEntry], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return p.ListPayoutEntries(ctx, id, params)
	})
}

// storedPayout shows a row that was read from the database.
func storedPayout(r *db.Payout) (*Payout, error) {
	if _, err := stored.Currency(r.Currency); err != nil {
		return nil, fmt.Errorf("payout %d: %w", r.ID, err)
	}
	return showPayout(r), nil
}

// showPayout shows a row whose currency is valid.
func showPayout(r *db.Payout) *Payout {
	payout := &Payout{
		ID: r.ID, AffiliateID: r.AffiliateID, Amount: money.New(r.Amount, money.Currency(r.Currency)),
		EntryCount: r.EntryCount, Status: PayoutStatus(r.Status), Cutoff: stored.Instant(r.Cutoff),
		ExternalReference: stored.OrZero(r.ExternalReference),
		PaidAt:            stored.OptionalInstant(r.PaidAt), CanceledAt: stored.OptionalInstant(r.CanceledAt),
	}
	if r.PaidOn != nil {
		payout.PaidAt = stored.OptionalInstant(r.PaidOn)
	}
	payout.RunID = stored.OrZero(r.RunID)
	payout.ReturnedAt, payout.ReturnNote = stored.OptionalInstant(r.ReturnedAt), stored.OrZero(r.ReturnNote)
	if r.CreatedAt != 0 {
		payout.CreatedAt = stored.Instant(r.CreatedAt)
	}
	return payout
}

// AppendJSON appends the payout to b in the form of the REST API and the webhooks.
func (p *Payout) AppendJSON(b []byte) []byte {
	o := wire.Begin(b)
	if p.CreatedAt.IsZero() { // a preview
		o.Null("id")
	} else {
		o.Integer("id", p.ID)
	}
	o.Integer("affiliate_id", p.AffiliateID)
	o.Number("amount", p.Amount)
	o.Text("currency", string(p.Amount.Currency()))
	o.Text("status", string(p.Status))
	o.Integer("entry_count", p.EntryCount)
	o.Instant("cutoff", p.Cutoff)
	o.Optional("external_reference", p.ExternalReference)
	if p.CreatedAt.IsZero() {
		o.Null("created_at")
	} else {
		o.Instant("created_at", p.CreatedAt)
	}
	o.OptionalInstant("paid_at", p.PaidAt)
	o.OptionalInstant("canceled_at", p.CanceledAt)
	o.OptionalInstant("returned_at", p.ReturnedAt)
	o.Optional("return_note", p.ReturnNote)
	o.ID("run_id", p.RunID)
	return o.End()
}

// changedPayout shows a payout that was made, paid, canceled or returned, and reports
// it to the endpoints that ask for it.
func (o *op) changedPayout(ctx context.Context, row *db.Payout) (*Payout, error) {
	shown := showPayout(row)
	if !o.state.watchesPayouts {
		return shown, nil
	}
	return shown, o.emit(ctx, &row.AffiliateID, nil, outbox.Change{
		Kind: outbox.PayoutChanged, Lane: outbox.PayoutLane(row.ID), Data: shown.AppendJSON(nil),
	})
}
