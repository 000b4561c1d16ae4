package httpapi

import (
	"context"
	"net/http"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

func listCoupons(c *call) (work, error) {
	q := c.query()
	at := q.paging(50)
	params := refgrow.ListCouponsParams{
		Status:      refgrow.CouponStatus(q.text("status")),
		AffiliateID: q.id("affiliate_id"),
		Code:        q.text("coupon_code"),
		Limit:       at.limit, Offset: at.offset, After: at.cursor,
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		page, err := p.ListCoupons(ctx, params)
		if err != nil {
			return answer{}, err
		}
		return many(at, page, func() (int64, error) { return p.CountCoupons(ctx, params) }, showCoupon)
	}, nil
}

func createCoupon(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.CreateCouponParams{
		AffiliateID:              b.requiredID("affiliate_id"),
		Code:                     b.required("coupon_code"),
		StripeCouponID:           b.text("stripe_coupon_id"),
		LemonSqueezyDiscountCode: b.text("lemonsqueezy_discount_code"),
		Status:                   refgrow.CouponStatus(b.text("status")),
	}
	if err := b.end(); err != nil {
		return nil, err
	}
	return giving(http.StatusCreated, showCoupon,
		func(ctx context.Context, p *refgrow.Project) (*refgrow.Coupon, error) {
			return p.CreateCoupon(ctx, params)
		}), nil
}

func retrieveCoupon(c *call) (work, error) {
	id, err := c.id()
	return giving(http.StatusOK, showCoupon, func(ctx context.Context, p *refgrow.Project) (*refgrow.Coupon, error) {
		return p.GetCoupon(ctx, id)
	}), err
}

func updateCoupon(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.UpdateCouponParams{
		AffiliateID:              b.newID("affiliate_id"),
		Code:                     b.newText("coupon_code"),
		StripeCouponID:           b.nullText("stripe_coupon_id"),
		LemonSqueezyDiscountCode: b.nullText("lemonsqueezy_discount_code"),
		Status:                   as[refgrow.CouponStatus](b.newText("status")),
	}
	if err := b.change(); err != nil {
		return nil, err
	}
	return giving(http.StatusOK, showCoupon, func(ctx context.Context, p *refgrow.Project) (*refgrow.Coupon, error) {
		return p.UpdateCoupon(ctx, id, params)
	}), nil
}

func deleteCoupon(c *call) (work, error) {
	id, err := c.id()
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		return noContent(), p.DeleteCoupon(ctx, id)
	}, err
}

func showCoupon(o *wire.Object, c *refgrow.Coupon) { o.Merge(c.AppendJSON) }
