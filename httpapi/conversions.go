package httpapi

import (
	"context"
	"net/http"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
	"github.com/refgrow-go/refgrow/money"
)

func listConversions(c *call) (work, error) {
	q := c.query()
	at := q.paging(50)
	params := refgrow.ListConversionsParams{
		Type:           refgrow.ConversionType(q.text("type")),
		AffiliateID:    q.id("affiliate_id"),
		ReferredUserID: q.id("referred_user_id"),
		Paid:           q.flag("paid"),
		From:           q.instant("from"),
		To:             q.instant("to"),
		Limit:          at.limit, Offset: at.offset, After: at.cursor,
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		page, err := p.ListConversions(ctx, params)
		if err != nil {
			return answer{}, err
		}
		return many(at, page, func() (int64, error) { return p.CountConversions(ctx, params) }, showConversion)
	}, nil
}

func createConversion(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.RecordConversionParams{
		Type:        refgrow.ConversionType(b.required("type")),
		AffiliateID: b.id("affiliate_id"),
		Currency:    b.currency("base_value_currency"),
		Paid:        b.flag("paid"),
		Reference:   b.text("reference"),
		CouponCode:  b.text("coupon_code_used"),
		Customer: refgrow.Customer{
			ID: b.id("referred_user_id"), ExternalID: b.text("external_id"), Email: b.text("email"),
		},
		ReferralCode: b.text("referral_code"),
		Product:      b.text("product"),
		URL:          b.text("url"),
	}
	params.BaseNumber, params.ValueNumber = b.number("base_value"), b.number("value")
	if err := b.end(); err != nil {
		return nil, err
	}
	c.recording = &params
	return giving(http.StatusCreated, showConversion, func(ctx context.Context, p *refgrow.Project) (*refgrow.Conversion, error) {
		return p.RecordConversion(ctx, params)
	}), nil
}

// numbers are amounts whose currency has to be found; nil when absent.
type numbers struct{ base, value *money.Decimal }

// change fills in the amounts of a changed conversion.
func (n numbers) change(params *refgrow.UpdateConversionParams, c money.Currency) error {
	if n.base != nil {
		base, err := amount("base_value", *n.base, c)
		if err != nil {
			return err
		}
		params.BaseValue = refgrow.Set(base)
	}
	if n.value != nil {
		value, err := amount("value", *n.value, c)
		if err != nil {
			return err
		}
		params.Value = &value
	}
	return nil
}

// amount gives a number its currency. Nothing is ever rounded.
func amount(field string, number money.Decimal, c money.Currency) (money.Amount, error) {
	a, err := number.In(c)
	if err != nil {
		return a, wrong(field, err.Error())
	}
	return a, nil
}

func retrieveConversion(c *call) (work, error) {
	id, err := c.id()
	return giving(http.StatusOK, showConversion, func(ctx context.Context, p *refgrow.Project) (*refgrow.Conversion, error) {
		return p.GetConversion(ctx, id)
	}), err
}

func updateConversion(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.UpdateConversionParams{
		Type:        as[refgrow.ConversionType](b.newText("type")),
		AffiliateID: b.nullID("affiliate_id"),
		Currency:    b.newCurrency("base_value_currency"),
		Paid:        b.newFlag("paid"),
		Reference:   b.nullText("reference"),
		CouponCode:  b.nullText("coupon_code_used"),
	}
	numbers := numbers{value: b.newNumber("value")}
	var noBase bool
	if numbers.base, noBase = b.nullNumber("base_value"); noBase {
		params.BaseValue = refgrow.Clear[money.Amount]()
	}
	if err := b.change(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (done answer, err error) {
		err = p.Atomic(ctx, func(p *refgrow.Project) error {
			now, err := p.GetConversion(ctx, id)
			if err != nil {
				return err
			}
			currency := now.Value.Currency()
			if params.Currency != nil {
				currency = *params.Currency
			}
			params := params
			if err := numbers.change(&params, currency); err != nil {
				return err
			}
			updated, err := p.UpdateConversion(ctx, id, params)
			if err != nil {
				return err
			}
			done = one(http.StatusOK, updated, showConversion)
			return nil
		})
		return done, err
	}, nil
}

func deleteConversion(c *call) (work, error) {
	id, err := c.id()
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		return noContent(), p.DeleteConversion(ctx, id)
	}, err
}

func showConversion(o *wire.Object, c *refgrow.Conversion) { o.Merge(c.AppendJSON) }
