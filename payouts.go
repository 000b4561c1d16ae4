package refgrow

import (
	"context"
	"database/sql"
	"fmt"
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
	var last int64
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
