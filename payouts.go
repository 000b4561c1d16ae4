package refgrow

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// A PayoutStatus says how far a payout has come.
type PayoutStatus string

const (
	// PayoutPending: the entries are reserved, and the payment is yet to be made.
	PayoutPending PayoutStatus = "pending"
	// PayoutPaid: the payment was made.
	PayoutPaid PayoutStatus = "paid"
	// PayoutCanceled: the payment will not be made; the entries are free for the
	// next run. This is final.
	PayoutCanceled PayoutStatus = "canceled"
	// PayoutReturned: the payment came back. This is final.
	PayoutReturned PayoutStatus = "returned"
)

func (s PayoutStatus) check() error {
	switch s {
	case PayoutPending, PayoutPaid, PayoutCanceled, PayoutReturned:
		return nil
	}
	return invalid("status", `must be "pending", "paid", "canceled" or "returned"`)
}

// A Payout is one payment to one affiliate. It settles the ledger entries that it
// reserves. Whatever happens to a conversion after its entries were reserved is taken
// into account by the next payout.
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
	// PaidAt and CanceledAt say when it was paid or canceled, nil if it was not. PaidAt
	// is the instant that PayPayoutParams named, where they did.
	PaidAt, CanceledAt *time.Time
	// ReturnedAt is when the payment came back, and ReturnNote says why; nil and "" if
	// it did not.
	ReturnedAt *time.Time
	ReturnNote string
	// RunID is the run that made it, 0 for one that was made before there were runs,
	// and in a preview.
	RunID int64
}

// PayPayoutParams say how a payout was paid.
type PayPayoutParams struct {
	// ExternalReference is the payment's id with the bank or service that made it.
	ExternalReference string
	// PaidAt is when the payment was made. It must not be in the future. Defaults to
	// now.
	PaidAt time.Time
}

func (params PayPayoutParams) check(now int64) error {
	if !params.PaidAt.IsZero() && stored.Millis(params.PaidAt) > now {
		return invalid("paid_at", "must not be in the future")
	}
	return at("external_reference", form.Text(params.ExternalReference, form.MaxText))
}

// PayPayout notes that the payment of a pending payout was made: exactly its amount is
// settled, and a conversion counts as paid if as much of it is settled as it earned.
// Errors: ErrInvalid, ErrNotFound, ErrConflict unless it is pending.
func (p *Project) PayPayout(ctx context.Context, id int64, params PayPayoutParams) (*Payout, error) {
	if err := params.check(p.engine.millis()); err != nil {
		return nil, err
	}
	return change(ctx, p, "paying a payout", backend.Work{}, func(ctx context.Context, o *op) (*Payout, error) {
		row, err := o.pendingPayout(ctx, id)
		if err != nil {
			return nil, err
		}
		return o.payPayout(ctx, row, params)
	})
}

func (o *op) payPayout(ctx context.Context, row *db.Payout, params PayPayoutParams) (*Payout, error) {
	id := row.ID
	settled := ledger.Posting{Account: accountOf(row), Reserved: -row.Amount, Settles: id}
	large, err := o.ListLargeSettlements(ctx, db.ListLargeSettlementsParams{ProjectID: o.project, PayoutID: id})
	if err != nil {
		return nil, err
	}
	for _, part := range large {
		settled.Entries = ledger.Append(settled.Entries, ledger.Entry{
			Kind: ledger.Settlement, Amount: part.Amount, Available: part.AvailableAt,
			Conversion: part.ConversionID, Payout: id,
		})
	}
	row.Status, row.PaidAt = string(PayoutPaid), new(o.stamp())
	row.ExternalReference = stored.TextOrNull(params.ExternalReference)
	if !params.PaidAt.IsZero() {
		row.PaidOn = new(stored.Millis(params.PaidAt))
	}
	if err := o.endPayout(ctx, row); err != nil {
		return nil, err
	}
	if err := o.post(ctx, settled); err != nil {
		return nil, err
	}
	if err := o.setPaidOf(ctx, row); err != nil {
		return nil, err
	}
	return o.changedPayout(ctx, row)
}

// setPaidOf sets the flag of the conversions that a payout has settled something of.
func (o *op) setPaidOf(ctx context.Context, row *db.Payout) error {
	changed, err := o.SetPaidOfPayout(ctx, db.SetPaidOfPayoutParams{
		ProjectID: o.project, PayoutID: row.ID, AffiliateID: row.AffiliateID, Currency: row.Currency,
	})
	for _, c := range changed {
		o.countType(ConversionType(c.Type), c.Paid == 0, -1)
		o.countType(ConversionType(c.Type), c.Paid == 1, 1)
	}
	return err
}

// CancelPayout cancels a pending payout: its entries are free for the next run. Errors:
// ErrNotFound, ErrConflict unless it is pending.
func (p *Project) CancelPayout(ctx context.Context, id int64) (*Payout, error) {
	return change(ctx, p, "canceling a payout", backend.Work{}, func(ctx context.Context, o *op) (*Payout, error) {
		row, err := o.pendingPayout(ctx, id)
		if err != nil {
			return nil, err
		}
		return o.cancelPayout(ctx, row)
	})
}

func (o *op) cancelPayout(ctx context.Context, row *db.Payout) (*Payout, error) {
	freed, err := o.FreeEntries(ctx, db.FreeEntriesParams{ProjectID: o.project, PayoutID: row.ID})
	switch {
	case err != nil:
		return nil, err
	case freed != row.EntryCount:
		return nil, fmt.Errorf("payout %d of %d entries freed %d", row.ID, row.EntryCount, freed)
	}
	row.Status, row.CanceledAt = string(PayoutCanceled), new(o.stamp())
	if err := o.endPayout(ctx, row); err != nil {
		return nil, err
	}
	if err := o.UnclearAccount(ctx, db.UnclearAccountParams{
		ProjectID: o.project, AffiliateID: row.AffiliateID, Currency: row.Currency, PayoutID: row.ID,
	}); err != nil {
		return nil, err
	}
	if err := o.post(ctx, ledger.Posting{Account: accountOf(row), Reserved: -row.Amount}); err != nil {
		return nil, err
	}
	return o.changedPayout(ctx, row)
}

// ReturnPayoutParams say why a payment came back.
type ReturnPayoutParams struct {
	// Note is required: 1 to 1000 characters.
	Note string
}

// ReturnPayout notes that the payment of a paid payout came back: unclaimed, to a wrong
// address, to a closed account. What it has settled is to be paid again, by the next
// run whose cut-off is not before now; what was given back since is taken from it.
// Total earnings do not change, and conversions that are not settled any more no longer
// count as paid. This is final. Errors: ErrInvalid, ErrNotFound, ErrConflict unless it
// is paid.
func (p *Project) ReturnPayout(ctx context.Context, id int64, params ReturnPayoutParams) (*Payout, error) {
	if strings.TrimSpace(params.Note) == "" {
		return nil, invalid("note", "is required")
	}
	if err := at("note", form.Text(params.Note, maxNote)); err != nil {
		return nil, err
	}
	return change(ctx, p, "returning a payout", backend.Work{}, func(ctx context.Context, o *op) (*Payout, error) {
		row, err := getPayout(ctx, o, o.project, id)
		if err != nil {
			return nil, err
		}
		if PayoutStatus(row.Status) != PayoutPaid {
			return nil, conflict("", "The payout is %s, and not paid", row.Status).of(id)
		}
		return o.returnPayout(ctx, row, params.Note)
	})
}

func (o *op) returnPayout(ctx context.Context, row *db.Payout, note string) (*Payout, error) {
	posting := ledger.Posting{Account: accountOf(row), Field: "id"}
	settled, err := o.ListSettledByPayout(ctx, db.ListSettledByPayoutParams{ProjectID: o.project, PayoutID: row.ID})
	if err != nil {
		return nil, err
	}
	last := int64(0)
	for _, part := range settled {
		switch part.ConversionID {
		case 0:
			posting.Entries = ledger.Append(posting.Entries, ledger.Entry{
				Kind: ledger.Settlement, Amount: part.Amount, Available: o.now, Payout: row.ID, Returned: true,
			})
		case last:
		default:
			last = part.ConversionID
			entries, err := o.ListEntriesOfConversion(ctx, db.ListEntriesOfConversionParams{
				ProjectID: o.project, ConversionID: last,
			})
			if err != nil {
				return nil, err
			}
			book := ledger.BookOf(entries, &db.Conversion{ID: last, AffiliateID: &row.AffiliateID, Currency: row.Currency})
			book.Return(row.ID, o.now)
			posting.Entries = append(posting.Entries, book.Posting().Entries...)
		}
	}
	row.Status, row.ReturnedAt, row.ReturnNote = string(PayoutReturned), new(o.stamp()), &note
	if err := o.ReturnPayout(ctx, db.ReturnPayoutParams{
		ProjectID: o.project, PayoutID: row.ID, ReturnedAt: row.ReturnedAt, ReturnNote: row.ReturnNote,
	}); err != nil {
		return nil, err
	}
	o.countPayout(PayoutPaid, -1)
	o.countPayout(PayoutReturned, 1)
	if err := o.post(ctx, posting); err != nil {
		return nil, err
	}
	if err := o.setPaidOf(ctx, row); err != nil {
		return nil, err
	}
	return o.changedPayout(ctx, row)
}

// noPayoutPending refuses to take away an affiliate who is about to be paid.
func (o *op) noPayoutPending(ctx context.Context, affiliate int64) error {
	payout, err := o.GetPendingPayoutOf(ctx, db.GetPendingPayoutOfParams{ProjectID: o.project, AffiliateID: affiliate})
	if err == nil {
		return conflict("", "A payout of the affiliate is pending: pay or cancel it first").of(payout)
	}
	return ignoring(err, sql.ErrNoRows)
}

func (o *op) pendingPayout(ctx context.Context, id int64) (*db.Payout, error) {
	row, err := getPayout(ctx, o, o.project, id)
	if err != nil {
		return nil, err
	}
	if PayoutStatus(row.Status) != PayoutPending {
		return nil, conflict("", "The payout is already %s", row.Status).of(id)
	}
	return row, nil
}

// getPayout finds a payout, except one of an affiliate that is being deleted.
func getPayout(ctx context.Context, q db.Querier, project, id int64) (*db.Payout, error) {
	row, err := q.GetPayout(ctx, db.GetPayoutParams{ProjectID: project, PayoutID: id})
	if err == nil {
		_, err = q.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: project, AffiliateID: row.AffiliateID})
	}
	if err == nil {
		_, err = storedPayout(&row)
	}
	return &row, missing(err, "Payout")
}

// accountOf returns the account that a payout settles.
func accountOf(row *db.Payout) ledger.Account {
	return ledger.Account{Affiliate: row.AffiliateID, Currency: row.Currency}
}

func (o *op) endPayout(ctx context.Context, row *db.Payout) error {
	o.countPayout(PayoutPending, -1)
	o.countPayout(PayoutStatus(row.Status), 1)
	return o.EndPayout(ctx, db.EndPayoutParams{
		ProjectID: o.project, PayoutID: row.ID, Status: row.Status, ExternalReference: row.ExternalReference,
		PaidAt: row.PaidAt, PaidOn: row.PaidOn, CanceledAt: row.CanceledAt,
	})
}

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
	return cut(at, rows, func(r *db.Payout) (int64, int64) { return r.CreatedAt, r.ID }, storedPayout)
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
		page, err = cut(at, rows, func(r *db.LedgerEntry) (int64, int64) { return 0, r.ID }, showEntry)
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
