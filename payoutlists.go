package refgrow

import (
	"context"
	"iter"

	"github.com/refgrow-go/refgrow/internal/db"
)

// GetPayout finds a payout by its id. Errors: ErrNotFound.
func (p *Project) GetPayout(ctx context.Context, id int64) (*Payout, error) {
	var payout *Payout
	err := p.snapshot(ctx, "finding a payout", func(ctx context.Context, q db.Querier) error {
		row, err := getPayout(ctx, q, p.id, id)
		if err != nil {
			return err
		}
		payout = showPayout(row)
		return nil
	})
	return payout, err
}

// ListPayoutsParams narrow and page the list of payouts.
type ListPayoutsParams struct {
	// Status is "" and AffiliateID 0 for all.
	Status      PayoutStatus
	AffiliateID int64
	// Limit is 1 to 500; 0 means 50.
	Limit  int
	After  Cursor
	Offset int
}

func (params ListPayoutsParams) check() error {
	if params.AffiliateID < 0 {
		return positive("affiliate_id", params.AffiliateID)
	}
	if params.Status == "" {
		return nil
	}
	return params.Status.check()
}

// ListPayouts gives a page of payouts, newest first. Errors: ErrInvalid.
func (p *Project) ListPayouts(ctx context.Context, params ListPayoutsParams) (Page[Payout], error) {
	var page Page[Payout]
	if err := params.check(); err != nil {
		return page, err
	}
	at, err := pageOf("payouts", params.Limit, 50, params.After, params.Offset, p.id, params.AffiliateID, params.Status)
	if err != nil {
		return page, err
	}
	from, to := textRange(string(params.Status))
	rows, err := read(p, "listing payouts", func(q db.Querier) ([]db.Payout, error) {
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
	return cut(at, rows, func(r *db.Payout) (int64, int64) { return r.CreatedAt, r.ID }, storedPayout)
}

// CountPayouts counts all pages of a list. Errors: ErrInvalid.
func (p *Project) CountPayouts(ctx context.Context, params ListPayoutsParams) (int64, error) {
	if err := params.check(); err != nil {
		return 0, err
	}
	return read(p, "counting payouts", func(q db.Querier) (int64, error) {
		if params.AffiliateID != 0 {
			from, to := textRange(string(params.Status))
			return q.CountPayoutsOfAffiliate(ctx, db.CountPayoutsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: params.AffiliateID, StatusFrom: from, StatusTo: to,
			})
		}
		totals, err := q.GetProjectTotals(ctx, p.id)
		switch params.Status {
		case PayoutPending:
			return totals.PayoutsPending, err
		case PayoutPaid:
			return totals.PayoutsPaid, err
		case PayoutCanceled:
			return totals.PayoutsCanceled, err
		}
		return totals.PayoutsPending + totals.PayoutsPaid + totals.PayoutsCanceled, err
	})
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

// ListPayoutEntries gives the ledger entries that a payout reserves, settled, or
// reserved until it was canceled, newest first. There are EntryCount of them.
// Errors: ErrNotFound, ErrInvalid.
func (p *Project) ListPayoutEntries(ctx context.Context, id int64, params ListPayoutEntriesParams) (Page[LedgerEntry], error) {
	var page Page[LedgerEntry]
	at, err := pageOf("payout entries", params.Limit, 50, params.After, params.Offset, p.id, id)
	if err != nil {
		return page, err
	}
	err = p.snapshot(ctx, "listing the entries of a payout", func(ctx context.Context, q db.Querier) error {
		if _, err := getPayout(ctx, q, p.id, id); err != nil {
			return err
		}
		rows, err := q.ListPayoutEntries(ctx, db.ListPayoutEntriesParams{
			ProjectID: p.id, PayoutID: id, BeforeID: at.from.id, Limit: at.fetch(), Offset: at.offset,
		})
		if err != nil {
			return err
		}
		page, err = cut(at, rows, func(r *db.LedgerEntry) (int64, int64) { return 0, r.ID }, showEntry)
		return err
	})
	return page, err
}

// AllPayoutEntries walks all entries of a payout. It fetches page by page and
// holds no rows open.
func (p *Project) AllPayoutEntries(ctx context.Context, id int64, params ListPayoutEntriesParams) iter.Seq2[LedgerEntry, error] {
	return all(func(after Cursor) (Page[LedgerEntry], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return p.ListPayoutEntries(ctx, id, params)
	})
}
