package refgrow

import (
	"context"

	"github.com/refgrow-go/refgrow/internal/attribution"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/pricing"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// applyPrice gives a conversion the price that a change of it brings about: one that
// was recorded for nobody gets its first price when it is first credited, and any one a
// new price where that is asked for. Its customer goes along with the credit, and a
// self-referral is noted, because whoever changes a conversion has already decided.
func (o *op) applyPrice(ctx context.Context, again bool, before, after *db.Conversion) error {
	customer, err := o.pricedFor(ctx, again, before, after)
	if err != nil || customer == nil || before.AffiliateID != nil || after.AffiliateID == nil {
		return err
	}
	return o.creditCustomer(ctx, customer, after)
}

// pricedFor is applyPrice without what becomes of the customer, whom it returns if the
// change is one of credit or price.
func (o *op) pricedFor(
	ctx context.Context, again bool, before, after *db.Conversion,
) (*db.FindReferralRow, error) {
	if moved := stored.OrZero(before.AffiliateID) != stored.OrZero(after.AffiliateID); !moved && !again {
		return nil, nil
	}
	customer, err := o.customerOf(ctx, after)
	if err != nil {
		return nil, err
	}
	if err := o.flagSelfReferral(ctx, after, customer); err != nil {
		return nil, err
	}
	credited := before.AffiliateID == nil && after.AffiliateID != nil
	if again || credited && after.CommissionReason == string(pricing.Unattributed) {
		by := pricing.Buyer{Known: customer != nil}
		if customer != nil {
			by.ID = customer.ID
		}
		if err := o.applyRules(ctx, after, by); err != nil {
			return nil, err
		}
	}
	return customer, nil
}

// customerOf returns the customer of a conversion, nil for an unknown one.
func (o *op) customerOf(ctx context.Context, c *db.Conversion) (*db.FindReferralRow, error) {
	if c.ReferralID == nil {
		return nil, nil
	}
	customer, err := findByID(*c.ReferralID)(ctx, o, o.project)
	return &customer, needed(o.Nested, err)
}

func (o *op) flagSelfReferral(ctx context.Context, c *db.Conversion, customer *db.FindReferralRow) error {
	if c.AffiliateID == nil || customer == nil {
		return nil
	}
	affiliate, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: *c.AffiliateID})
	if err != nil || !o.policy().SelfReferred(customer, &affiliate) {
		return err
	}
	return attribution.Flag(c)
}

// creditCustomer writes down what the late credit of a conversion says about its
// customer: one who belongs to nobody now belongs to the affiliate, and has not come
// directly.
func (o *op) creditCustomer(ctx context.Context, customer *db.FindReferralRow, c *db.Conversion) error {
	next := *customer
	if next.AffiliateID == nil {
		next.AffiliateID = c.AffiliateID
	}
	switch status := ReferralStatus(next.Status); {
	case status == ReferralDirect && c.Type == string(Purchase):
		next.Status = string(ReferralConverted)
	case status == ReferralDirectSignup && c.Type == string(Signup):
		next.Status = string(ReferralPending)
	}
	if same(customer, &next) {
		return nil
	}
	return o.saveReferral(ctx, &next, ReferralStatus(customer.Status), nil)
}
