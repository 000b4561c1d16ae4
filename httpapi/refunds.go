package httpapi

import (
	"context"
	"net/http"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func refundConversion(c *call) (work, error) {
	return c.changeRefund(func(ctx context.Context, p *refgrow.Project, id int64, params refgrow.RefundConversionParams) (*refgrow.Conversion, error) {
		return p.RefundConversion(ctx, id, params)
	})
}

func undoRefund(c *call) (work, error) {
	return c.changeRefund(func(ctx context.Context, p *refgrow.Project, id int64, params refgrow.RefundConversionParams) (*refgrow.Conversion, error) {
		return p.UndoRefund(ctx, id, params)
	})
}

// changeRefund is a call that changes how much of a conversion is refunded.
func (c *call) changeRefund(change func(context.Context, *refgrow.Project, int64, refgrow.RefundConversionParams) (*refgrow.Conversion, error)) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	number := b.number("amount")
	params := refgrow.RefundConversionParams{Reason: b.text("reason")}
	if err := b.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (done answer, err error) {
		err = p.Atomic(ctx, func(p *refgrow.Project) error {
			params := params
			if number != nil {
				if params.Amount, err = amountOf(ctx, p, id, *number); err != nil {
					return err
				}
			}
			changed, err := change(ctx, p, id, params)
			if err != nil {
				return err
			}
			done = one(http.StatusOK, changed, showConversion)
			return nil
		})
		return done, err
	}, nil
}

// amountOf gives a number the currency of a conversion.
func amountOf(ctx context.Context, p *refgrow.Project, conversion int64, number money.Decimal) (money.Amount, error) {
	found, err := p.GetConversion(ctx, conversion)
	if err != nil {
		return money.Amount{}, err
	}
	return amount("amount", number, found.Value.Currency())
}
