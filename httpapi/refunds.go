package httpapi

import (
	"context"
	"net/http"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
	"github.com/refgrow-go/refgrow/money"
)

// createRefund is a refund that is told by the sale's own name.
func createRefund(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	reference, id := b.text("reference"), b.id("conversion_id")
	told := b.refund()
	if err := b.end(); err != nil {
		return nil, err
	}
	switch {
	case reference == "" && id == 0:
		return nil, wrong("reference", "is required, or conversion_id")
	case reference != "" && id != 0:
		return nil, wrong("conversion_id", "cannot be used together with reference")
	}
	return changingRefund(told, func(ctx context.Context, p *refgrow.Project) (*refgrow.Conversion, error) {
		if reference != "" {
			return p.ConversionByReference(ctx, reference)
		}
		return p.GetConversion(ctx, id)
	}, (*refgrow.Project).RefundConversion), nil
}

func refundConversion(c *call) (work, error) {
	return c.changeRefund((*body).refund, (*refgrow.Project).RefundConversion)
}

func undoRefund(c *call) (work, error) {
	return c.changeRefund((*body).undoneRefund, (*refgrow.Project).UndoRefund)
}

// A refund is what a call says of one.
type refund struct {
	amount, total *money.Decimal
	params        refgrow.RefundConversionParams
}

func (b *body) refund() refund {
	told := b.undoneRefund()
	told.total = b.number("refunded_total")
	told.params.ToldAt = b.instant("told_at")
	told.params.Lower, told.params.Cap = b.flag("lower"), b.flag("cap")
	return told
}

// undoneRefund is what a call that undoes one says.
func (b *body) undoneRefund() refund {
	return refund{amount: b.number("amount"), params: refgrow.RefundConversionParams{
		RefundReference: b.text("refund_reference"), Reason: b.text("reason"),
	}}
}

// in gives the numbers their currency.
func (told refund) in(c money.Currency) (refgrow.RefundConversionParams, error) {
	params := told.params
	for _, given := range []struct {
		field  string
		number *money.Decimal
		to     *money.Amount
	}{{"amount", told.amount, &params.Amount}, {"refunded_total", told.total, &params.Total}} {
		if given.number == nil {
			continue
		}
		var err error
		if *given.to, err = amount(given.field, *given.number, c); err != nil {
			return params, err
		}
	}
	return params, nil
}

// A refundChange changes how much of a conversion is refunded.
type refundChange func(
	*refgrow.Project, context.Context, int64, refgrow.RefundConversionParams,
) (*refgrow.Conversion, error)

// changeRefund is a call about the conversion in the path.
func (c *call) changeRefund(read func(*body) refund, change refundChange) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	told := read(b)
	if err := b.end(); err != nil {
		return nil, err
	}
	return changingRefund(told, func(ctx context.Context, p *refgrow.Project) (*refgrow.Conversion, error) {
		return p.GetConversion(ctx, id)
	}, change), nil
}

// changingRefund finds a conversion, whose currency the numbers are in, and changes how
// much of it is refunded.
func changingRefund(
	told refund, find func(context.Context, *refgrow.Project) (*refgrow.Conversion, error), change refundChange,
) work {
	return func(ctx context.Context, p *refgrow.Project) (done answer, err error) {
		err = p.Atomic(ctx, func(p *refgrow.Project) error {
			found, err := find(ctx, p)
			if err != nil {
				return err
			}
			params, err := told.in(found.Value.Currency())
			if err != nil {
				return err
			}
			changed, err := change(p, ctx, found.ID, params)
			if err != nil {
				return err
			}
			done = one(http.StatusOK, changed, showRefunded)
			return nil
		})
		return done, err
	}
}

// showRefunded shows a conversion and what the call came to.
func showRefunded(o *wire.Object, c *refgrow.Conversion) {
	showConversion(o, c)
	if c.Capped {
		o.Flag("capped", true)
	}
	if c.Unchanged {
		o.Flag("unchanged", true)
	}
}
