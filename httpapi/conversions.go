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
		Reference:      q.name("reference"),
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
	b, err := c.body("referral_code", "coupon_code_used", "email", "external_id", "product", "url")
	if err != nil {
		return nil, err
	}
	var leftOut []string
	params := refgrow.RecordConversionParams{
		Type:        refgrow.ConversionType(b.required("type")),
		AffiliateID: b.id("affiliate_id"),
		Currency:    b.currency("base_value_currency"),
		Paid:        b.flag("paid"),
		Reference:   b.text("reference"),
		CouponCode:  b.tolerant("coupon_code_used", &leftOut),
		Customer: refgrow.Customer{
			ID:         b.id("referred_user_id"),
			ExternalID: b.tolerant("external_id", &leftOut),
			Email:      b.tolerant("email", &leftOut),
		},
		ReferralCode: b.tolerant("referral_code", &leftOut),
		Product:      b.tolerant("product", &leftOut),
		URL:          b.tolerant("url", &leftOut),
		OccurredAt:   b.instant("occurred_at"),
	}
	params.LeftOut = leftOut
	params.BaseNumber, params.ValueNumber = b.number("base_value"), b.number("value")
	if err := b.end(); err != nil {
		return nil, err
	}
	c.ownOnce = func(ctx context.Context, key refgrow.Idempotency) (answer, bool, error) {
		kept, replayed, err := c.caller.project.Once(key).RecordConversion(ctx, params,
			func(recorded *refgrow.Conversion) refgrow.Answer { return oneRecorded(recorded).kept() })
		return again(kept), replayed, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		recorded, err := p.RecordConversion(ctx, params)
		if err != nil {
			return answer{}, err
		}
		return oneRecorded(recorded), nil
	}, nil
}

// oneRecorded shows a new conversion, or the signup that the call repeated.
func oneRecorded(c *refgrow.Conversion) answer {
	if c.Repeated {
		return one(http.StatusOK, c, showConversion)
	}
	return one(http.StatusCreated, c, showConversion)
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

// amount is a number in its currency. Nothing is ever rounded.
func amount(field string, number money.Decimal, c money.Currency) (money.Amount, error) {
	a, err := number.In(c)
	if err != nil {
		return a, wrong(field, err.Error())
	}
	return a, nil
}

func retrieveConversion(c *call) (work, error) {
	id, err := c.id()
	return giving(http.StatusOK, showConversion,
		func(ctx context.Context, p *refgrow.Project) (*refgrow.Conversion, error) {
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
		Reprice:     orFalse(b.newFlag("reprice")),
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
