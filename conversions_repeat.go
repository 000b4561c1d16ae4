package refgrow

import (
	"context"
	"database/sql"

	"github.com/refgrow-go/refgrow/internal/attribution"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// firstSignup is the signup that a customer has, nil for none.
func (o *op) firstSignup(ctx context.Context, customer int64) (*db.Conversion, error) {
	row, err := o.FirstSignup(ctx, db.FirstSignupParams{ProjectID: o.project, ReferralID: customer})
	if err != nil {
		return nil, ignoring(err, sql.ErrNoRows)
	}
	_, err = stored.Currency(row.Currency)
	return &row, err
}

// A repeated signup is a call that tells of a signup once more.
type repeated struct {
	reference *string
	who       found
	decision  attribution.Decision
	claim     *db.Claim
}

// repeatSignup keeps what a repeated signup says of the customer and of who brought
// them. The first signup stays the only one.
func (o *op) repeatSignup(ctx context.Context, first *db.Conversion, again repeated) (*Conversion, error) {
	if err := o.referenceIsFree(ctx, again.reference, 0); err != nil {
		return nil, err
	}
	after := *first
	// What the owner has moved to nobody stays there.
	moves := first.AffiliateID == nil && again.decision.Chosen != 0 && Reason(first.Reason) != ReasonMoved
	if moves {
		if err := attribution.Move(&after, &again.decision.Chosen); err != nil {
			return nil, err
		}
		if _, err := o.pricedFor(ctx, false, first, &after); err != nil {
			return nil, err
		}
	}
	if err := attribution.Repeat(&after, again.decision, moves); err != nil {
		return nil, err
	}
	if err := o.keepRepeated(ctx, again.who, &after, moves); err != nil {
		return nil, err
	}
	if again.claim != nil {
		if err := o.dropClaim(ctx, again.claim.Email); err != nil {
			return nil, err
		}
	}
	if moves {
		if err := o.postChange(ctx, first, &after, cause{kind: ledger.Correction}); err != nil {
			return nil, err
		}
		if err := o.saveConversion(ctx, &after); err != nil {
			return nil, err
		}
	}
	if after.Candidates != first.Candidates || stored.OrZero(after.Notes) != stored.OrZero(first.Notes) {
		if err := o.NoteConversion(ctx, db.NoteConversionParams{
			ProjectID: o.project, ConversionID: first.ID, Candidates: after.Candidates, Notes: after.Notes,
		}); err != nil {
			return nil, err
		}
	}
	if err := o.emitChange(ctx, first, &after); err != nil {
		return nil, err
	}
	shown := showConversion(&after, o.now)
	shown.Repeated = true
	return shown, nil
}

// keepRepeated gives a customer the names that it lacked and, if the first signup moves
// to an affiliate, what a credited signup gives.
func (o *op) keepRepeated(ctx context.Context, who found, first *db.Conversion, moves bool) error {
	credited := db.Conversion{Type: first.Type}
	if moves {
		credited.AffiliateID = first.AffiliateID
	}
	customer, err := o.keepCustomer(ctx, who, &credited)
	if err != nil {
		return err
	}
	return o.keepExternalID(ctx, who, customer)
}
