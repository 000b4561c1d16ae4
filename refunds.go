package refgrow

import (
	"context"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// RefundConversionParams say how much of a sale was given back.
type RefundConversionParams struct {
	// Amount is part of the base value, in the conversion's currency. Not set, it
	// is all that is left.
	Amount money.Amount
	// Reason is kept as the note of the ledger entry, if there is one: a refund that
	// takes nothing back from anybody has none.
	Reason string
}

func (params RefundConversionParams) check() error {
	if params.Amount.IsSet() && params.Amount.IsZero() {
		return invalid("amount", "must be more than 0")
	}
	if err := amount("amount", params.Amount); err != nil {
		return err
	}
	return optionalText("reason", params.Reason, maxNote)
}

// RefundConversion takes back the part of the commission that goes with the part
// of the sale that was given back, whether or not it was paid out already: what
// was is a debt, which the next payout takes into account. A chargeback is the
// same. Parts that add up to the whole take back exactly the commission. Errors:
// ErrNotFound; ErrInvalid for more than is left, and for a conversion without a
// base value; ErrConflict when nothing is left.
func (p *Project) RefundConversion(ctx context.Context, id int64, params RefundConversionParams) (*Conversion, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	return p.changeRefund(ctx, "refunding a conversion", id, params, func(c *db.Conversion, amount *int64) error {
		left := orZero(c.BaseValue) - c.Refunded
		switch {
		case c.BaseValue == nil:
			return invalid("amount", "cannot be refunded: the conversion has no base value")
		case left == 0:
			return conflict("amount", "cannot be refunded: nothing is left of the base value")
		case amount != nil && *amount > left:
			return invalid("amount", "is more than is left of the base value: %s", money.New(left, money.Currency(c.Currency)))
		case amount == nil:
			c.Refunded += left
		default:
			c.Refunded += *amount
		}
		return nil
	})
}

// UndoRefund is for a refund that did not happen, or a chargeback that was won:
// the commission that went with it is earned again. The entries of the refund
// stay. Without an Amount all that was refunded is undone. Errors: ErrNotFound;
// ErrInvalid for more than was refunded; ErrConflict when nothing was.
func (p *Project) UndoRefund(ctx context.Context, id int64, params RefundConversionParams) (*Conversion, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	return p.changeRefund(ctx, "undoing a refund", id, params, func(c *db.Conversion, amount *int64) error {
		switch {
		case c.Refunded == 0:
			return conflict("amount", "cannot be undone: nothing is refunded")
		case amount != nil && *amount > c.Refunded:
			return invalid("amount", "is more than was refunded: %s", money.New(c.Refunded, money.Currency(c.Currency)))
		case amount == nil:
			c.Refunded = 0
		default:
			c.Refunded -= *amount
		}
		return nil
	})
}

// changeRefund changes how much of a conversion is refunded. amount is nil for
// all there is.
func (p *Project) changeRefund(
	ctx context.Context, doing string, id int64, params RefundConversionParams, by func(c *db.Conversion, amount *int64) error,
) (*Conversion, error) {
	return change(ctx, p, doing, backend.Work{}, func(ctx context.Context, o *op) (*Conversion, error) {
		before, err := o.conversion(ctx, id)
		if err != nil {
			return nil, err
		}
		var amount *int64
		if params.Amount.IsSet() {
			if currency := money.Currency(before.Currency); params.Amount.Currency() != currency {
				return nil, invalid("amount", "is in %s, but the conversion is in %s", params.Amount.Currency(), currency)
			}
			amount = new(params.Amount.Minor())
		}
		after := *before
		if err := by(&after, amount); err != nil {
			return nil, err
		}
		why := cause{kind: EntryReversal, note: params.Reason, field: "amount"}
		if after.Refunded < before.Refunded {
			why.kind = EntryCorrection // an undone refund: positive entries are no reversals
		}
		if err := o.postChange(ctx, before, &after, why); err != nil {
			return nil, err
		}
		if err := o.saveConversion(ctx, &after); err != nil {
			return nil, err
		}
		return showConversion(&after, o.now), o.emitChange(ctx, before, &after)
	})
}
