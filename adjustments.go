package refgrow

import (
	"context"
	"strings"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// maxNote is how long a note or a reason may be, in characters.
const maxNote = 1000

// CreateAdjustmentParams describe a bonus or a deduction.
type CreateAdjustmentParams struct {
	AffiliateID int64
	// Amount is the bonus, or with a minus the deduction. It is not 0.
	Amount money.Amount
	// Note says what it is for, and is required: the affiliate reads it.
	Note string
}

func (params CreateAdjustmentParams) check() error {
	if err := positive("affiliate_id", params.AffiliateID); err != nil {
		return err
	}
	switch a := params.Amount; {
	case !a.IsSet():
		return invalid("amount", "is required")
	case a.IsZero():
		return invalid("amount", "must not be 0")
	case a.Minor() > money.MaxMinor || a.Minor() < -money.MaxMinor:
		return invalid("amount", "must be at most 9 * 10^15 minor units, either way")
	}
	if strings.TrimSpace(params.Note) == "" {
		return invalid("note", "is required: it says what the adjustment is for")
	}
	return optionalText("note", params.Note, maxNote)
}

// CreateAdjustment gives an affiliate a bonus, or takes something from it, by the
// program's owner. It is available at once. Errors: ErrInvalid, ErrNotFound for an
// unknown affiliate.
func (p *Project) CreateAdjustment(ctx context.Context, params CreateAdjustmentParams) (*LedgerEntry, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	return change(ctx, p, "adjusting an account", backend.Work{}, func(ctx context.Context, o *op) (*LedgerEntry, error) {
		if _, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: params.AffiliateID}); err != nil {
			return nil, missing(err, "Affiliate")
		}
		written := []entry{{kind: EntryAdjustment, amount: params.Amount.Minor(), available: o.now, note: params.Note}}
		if err := o.post(ctx, posting{
			account: account{params.AffiliateID, string(params.Amount.Currency())}, entries: written, field: "amount",
		}); err != nil {
			return nil, err
		}
		return &LedgerEntry{
			ID: written[0].id, AffiliateID: params.AffiliateID, Kind: EntryAdjustment, Amount: params.Amount,
			AvailableAt: instant(o.now), CreatedAt: instant(o.stamp()), Note: params.Note,
		}, nil
	})
}
