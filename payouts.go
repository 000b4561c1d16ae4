package refgrow

import (
	"context"
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
			o.countType(ConversionType(kind), false, -1)
			o.countType(ConversionType(kind), true, 1)
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
	if err == nil {
		_, err = storedPayout(&row)
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

// storedPayout shows a row that was read from the database.
func storedPayout(r *db.Payout) (*Payout, error) {
	if _, err := storedCurrency(r.Currency); err != nil {
		return nil, fmt.Errorf("payout %d: %w", r.ID, err)
	}
	return showPayout(r), nil
}

// showPayout shows a row whose currency is one.
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
