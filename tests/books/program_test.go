package books_test

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// What is done to the program around the conversions: its settings, affiliates,
// coupons and customers.

func (op holdOp) do(on *side) error {
	var f faults
	f.add(refgrow.CodeInvalid, op.Days > refgrow.MaxHoldDays)
	_, err := on.project.UpdateSettings(on.ctx, refgrow.UpdateSettingsParams{HoldDays: &op.Days})
	done, err := agree(err, f)
	if done {
		on.model.hold = time.Duration(op.Days) * 24 * time.Hour
	}
	return err
}

func (op rulesOp) do(on *side) error {
	purchase, modelPurchase, okPurchase := rule(op.Purchase)
	signup, modelSignup, okSignup := rule(op.Signup)
	var f faults
	f.add(refgrow.CodeInvalid, !okPurchase || !okSignup)
	_, err := on.project.UpdateSettings(on.ctx, refgrow.UpdateSettingsParams{
		Commission: &purchase, SignupCommission: &signup, CommissionDuration: &op.Duration,
	})
	done, err := agree(err, f)
	if done {
		modelPurchase.duration, modelSignup.duration = op.Duration, refgrow.Lifetime
		on.model.setRule(refgrow.Purchase, modelPurchase)
		on.model.setRule(refgrow.Signup, modelSignup)
	}
	return err
}

func rule(text string) (refgrow.Commission, modelRule, bool) {
	number, _ := new(big.Rat).SetString(strings.TrimSuffix(text, "%"))
	if !strings.HasSuffix(text, "%") {
		fixed := money.MustParse(text + " " + string(own))
		return refgrow.Fixed(fixed), modelRule{fixed: number.Mul(number, big.NewRat(100, 1))}, true
	}
	number.Mul(number, big.NewRat(10_000, 1))
	return refgrow.Percent(text), modelRule{millionths: number.Num().Int64()}, number.Cmp(big.NewRat(1_000_000, 1)) <= 0
}

// The project's currency is fixed once there is a ledger entry.
func (op currencyOp) do(on *side) error {
	entries := 0
	for _, of := range on.model.entries {
		entries += len(of)
	}
	if entries == 0 {
		return nil
	}
	var f faults
	f.add(refgrow.CodeConflict, op.Currency != own)
	for _, rule := range on.model.rules {
		f.add(refgrow.CodeInvalid, rule.fixed != nil && carried(rule.fixed, own, op.Currency) == nil)
	}
	f.add(refgrow.CodeInvalid, carried(on.model.least, own, op.Currency) == nil)
	_, err := on.project.UpdateSettings(on.ctx, refgrow.UpdateSettingsParams{Currency: &op.Currency})
	_, err = agree(err, f)
	return err
}

func (op joinOp) do(on *side) error {
	m := on.model
	number := m.joined + 1
	a := &modelAffiliate{
		email: fmt.Sprintf("affiliate-%d@example.com", number), code: fmt.Sprintf("CODE-%d", number), wants: op.Wants,
	}
	var f faults
	if other := m.affiliates[pick(1, m.affiliates)]; other != nil && op.Taken != "" {
		f.add(refgrow.CodeConflict, true)
		f.add(refgrow.CodeInvalid, other.erased && op.Taken == "email")
		if op.Taken == "email" {
			a.email = other.email
		} else {
			a.code = other.code
		}
	}
	got, err := on.project.CreateAffiliate(on.ctx, refgrow.CreateAffiliateParams{
		Email: a.email, ReferralCode: a.code, PayoutPreferences: op.Wants,
	})
	done, err := agree(err, f)
	if done {
		m.joined, a.id = number, got.ID
		m.affiliates[a.id], m.touched[a.id] = a, true
	}
	return err
}

func (op statusOp) do(on *side) error {
	a := on.model.affiliates[pick(op.Affiliate, on.model.affiliates)]
	var f faults
	f.add(refgrow.CodeNotFound, a == nil)
	f.add(refgrow.CodeErased, a != nil && a.erased)
	status := refgrow.AffiliateActive
	if op.Inactive {
		status = refgrow.AffiliateInactive
	}
	_, err := on.project.UpdateAffiliate(on.ctx, pick(op.Affiliate, on.model.affiliates),
		refgrow.UpdateAffiliateParams{Status: &status})
	done, err := agree(err, f)
	if done {
		a.inactive = op.Inactive
		on.model.touched[a.id] = true
	}
	return err
}

func (op leaveOp) do(on *side) error {
	if op.Sure < 3 {
		return nil
	}
	id := pick(op.Affiliate, on.model.affiliates)
	_, err := agree(on.project.DeleteAffiliate(on.ctx, id), on.model.removeAffiliate(id))
	return err
}

func (op couponOp) do(on *side) error {
	m := on.model
	c := &modelCoupon{affiliate: pick(op.Affiliate, m.affiliates), code: fmt.Sprintf("SAVE-%d", op.Code)}
	var f faults
	f.add(refgrow.CodeNotFound, m.affiliates[c.affiliate] == nil)
	f.add(refgrow.CodeErased, m.isErased(c.affiliate))
	f.add(refgrow.CodeConflict, m.retired[c.code])
	for _, other := range m.coupons {
		f.add(refgrow.CodeConflict, other.code == c.code)
	}
	got, err := on.project.CreateCoupon(on.ctx, refgrow.CreateCouponParams{AffiliateID: c.affiliate, Code: c.code})
	done, err := agree(err, f)
	if done {
		c.id = got.ID
		m.coupons[c.id] = c
	}
	return err
}

func (op couponOffOp) do(on *side) error {
	id := pick(op.Coupon, on.model.coupons)
	status := refgrow.CouponActive
	if op.Inactive {
		status = refgrow.CouponInactive
	}
	var f faults
	coupon := on.model.coupons[id]
	f.add(refgrow.CodeNotFound, coupon == nil)
	f.add(refgrow.CodeErased, coupon != nil && on.model.isErased(coupon.affiliate))
	_, err := on.project.UpdateCoupon(on.ctx, id, refgrow.UpdateCouponParams{Status: &status})
	done, err := agree(err, f)
	if done {
		coupon.inactive = op.Inactive
	}
	return err
}

func (op customerOp) do(on *side) error {
	m, id := on.model, pick(op.Customer, on.model.customers)
	if op.Delete {
		_, err := agree(on.project.DeleteReferral(on.ctx, id), m.removeCustomer(id))
		return err
	}
	u := refgrow.UpdateReferralParams{Status: &op.Status, AffiliateID: refgrow.Clear[int64]()}
	to := pick(op.Affiliate, m.affiliates)
	if to != 0 {
		u.AffiliateID = refgrow.Set(to)
	}
	c := m.customers[id]
	var f faults
	f.add(refgrow.CodeNotFound, c == nil || to != 0 && m.affiliates[to] == nil)
	f.add(refgrow.CodeErased, c != nil && to != c.affiliate && m.isErased(to))
	_, err := on.project.UpdateReferral(on.ctx, id, u)
	done, err := agree(err, f)
	if done {
		c.affiliate = to
		if c.status != op.Status {
			c.status, c.converted = op.Status, 0
			if op.Status == refgrow.ReferralConverted || op.Status == refgrow.ReferralDirect {
				c.converted = m.now
			}
		}
	}
	return err
}
