// Package attribution decides who gets the credit for an event, and says why. It is the
// only place that decides this. How a decision is stored, and changed afterwards, is in
// decision.go.
//
// Whatever could name the affiliate is a candidate. A claim is only what a customer's
// browser said; it can become a candidate.
package attribution

import (
	"context"
	"database/sql"
	"errors"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// Evidence is what could name the affiliate of an event.
type Evidence struct {
	AffiliateID  int64               // named by the call, 0 for none
	Customer     *db.FindReferralRow // nil if unknown so far
	Email        string              // the customer's, as the call has it; "" if it does not
	CouponCode   string
	CouponCut    bool      // the coupon's code was longer, and so is nobody's
	ReferralCode string    // or several, the newest first, with dots between them
	Claim        *db.Claim // what the customer's browser said, used if no ReferralCode leads to somebody
}

// A Policy is how a project decides.
type Policy struct {
	Project      int64
	CouponFirst  bool // the coupon comes before the customer's own affiliate
	FirstTouch   bool // of several referral codes the oldest counts, not the newest
	SelfReferral SelfReferral
}

// SelfReferral says what happens if the customer looks like the affiliate.
type SelfReferral string

const (
	SelfReferralRefuse SelfReferral = "refuse" // nobody is credited
	SelfReferralFlag   SelfReferral = "flag"   // the affiliate is credited, and it is noted
	SelfReferralAllow  SelfReferral = "allow"  // the affiliate is credited
)

// Attribute credits the first of the call's affiliate, the customer's own, the coupon's
// and the referral code's. It looks at all that are named, so that the decision can say
// what became of each. It also returns the chosen affiliate, nil for nobody. Errors:
// sql.ErrNoRows if there is no affiliate with the id that the call names.
func (p Policy) Attribute(ctx context.Context, q db.Querier, e Evidence) (d Decision, chosen *db.Affiliate, err error) {
	look := [...]func(Policy, context.Context, db.Querier, Evidence) ([]*candidate, error){
		one(Policy.call), one(Policy.customer), one(Policy.coupon), Policy.codes,
	}
	if p.CouponFirst {
		look[1], look[2] = look[2], look[1]
	}
	d.Candidates = []Candidate{}
	for _, find := range look {
		found, err := find(p, ctx, q, e)
		if err != nil {
			return d, nil, err
		}
		for _, c := range found {
			p.judge(&d, c, e)
			d.Candidates = append(d.Candidates, c.Candidate)
			if c.Outcome == OutcomeCredited {
				chosen = c.affiliate
			}
		}
	}
	if d.Reason == "" {
		d.Reason = ReasonNone
	}
	return d, chosen, nil
}

// one makes a list of what a source names, of which there is at most one.
func one(
	find func(Policy, context.Context, db.Querier, Evidence) (*candidate, error),
) func(Policy, context.Context, db.Querier, Evidence) ([]*candidate, error) {
	return func(p Policy, ctx context.Context, q db.Querier, e Evidence) ([]*candidate, error) {
		c, err := find(p, ctx, q, e)
		if c == nil || err != nil {
			return nil, err
		}
		return []*candidate{c}, nil
	}
}

// judge gives a candidate its outcome, and makes the decision with it if no earlier
// candidate has.
func (p Policy) judge(d *Decision, c *candidate, e Evidence) {
	decided := d.Reason != ""
	switch {
	case c.Outcome != "":
		if !decided {
			d.Reason = c.ends
		}
		return
	case decided:
		c.Outcome = OutcomeOutranked
		return
	}
	self := p.SelfReferral != SelfReferralAllow && e.comesFrom(c.affiliate)
	// Whoever names the affiliate in the call has already decided.
	if self && p.SelfReferral == SelfReferralRefuse && c.Source != ReasonAffiliateID {
		c.Outcome, c.SelfReferral = OutcomeRefused, true
		d.Reason = ReasonSelfReferral
		return
	}
	c.Outcome, c.SelfReferral = OutcomeCredited, self
	d.Reason, d.Chosen, d.SelfReferral = c.Source, c.AffiliateID, self
}

// comesFrom reports whether the customer looks like the affiliate, by the email that is
// known of the customer or by that of the call.
func (e Evidence) comesFrom(a *db.Affiliate) bool {
	if e.Customer == nil {
		return SamePerson(a, e.Email)
	}
	return SamePerson(a, e.Email, stored.OrZero(e.Customer.Email))
}

// SelfReferred reports whether the customer of a conversion looks like the affiliate that
// it is moved to, in a program that asks.
func (p Policy) SelfReferred(customer *db.FindReferralRow, a *db.Affiliate) bool {
	return p.SelfReferral != SelfReferralAllow && Evidence{Customer: customer}.comesFrom(a)
}

// candidate is a Candidate with what is needed to judge it.
type candidate struct {
	Candidate

	affiliate *db.Affiliate // nil for nobody
	ends      Reason        // why the search ends here, unless it was decided before
}

// names sets the affiliate that the candidate names.
func (c *candidate) names(a *db.Affiliate) { c.affiliate, c.AffiliateID = a, a.ID }

// active is the status of an affiliate, or of a coupon, that can be credited.
const active = "active"

// call: the call names the affiliate, which may be inactive, because the caller
// decides. As for the other sources, the candidate is nil if nothing is named.
func (p Policy) call(ctx context.Context, q db.Querier, e Evidence) (*candidate, error) {
	if e.AffiliateID == 0 {
		return nil, nil
	}
	a, err := q.FindAffiliate(ctx, db.FindAffiliateParams{ProjectID: p.Project, AffiliateID: e.AffiliateID})
	if err != nil {
		return nil, err
	}
	c := &candidate{Candidate: Candidate{Source: ReasonAffiliateID}}
	c.names(creditable(a))
	return c, nil
}

// creditable is an affiliate of whom is known what decides about the credit, and what an
// event tells.
func creditable(a db.FindAffiliateRow) *db.Affiliate {
	return &db.Affiliate{
		ID: a.ID, Email: a.Email, ReferralCode: a.ReferralCode, Status: a.Status,
		PaypalEmail: a.PaypalEmail, WiseAccountID: a.WiseAccountID, WiseEmail: a.WiseEmail,
	}
}

// customer: the customer belongs to an affiliate. An inactive one ends the search.
func (p Policy) customer(_ context.Context, _ db.Querier, e Evidence) (*candidate, error) {
	of := e.Customer
	if of == nil || of.AffiliateID == nil || of.AffiliateStatus == nil {
		return nil, nil
	}
	c := &candidate{Candidate: Candidate{Source: ReasonCustomer}}
	c.names(&db.Affiliate{
		ID: *of.AffiliateID, Email: stored.OrZero(of.AffiliateEmail), ReferralCode: stored.OrZero(of.AffiliateCode),
		PaypalEmail: of.PaypalEmail, WiseAccountID: of.WiseAccountID, WiseEmail: of.WiseEmail,
	})
	if *of.AffiliateStatus != active {
		c.Outcome, c.ends = OutcomeInactive, ReasonAffiliateInactive
	}
	return c, nil
}

// coupon: an active coupon of an active affiliate, found by its code or else by a
// provider's id that names only one affiliate. Anything else is skipped.
func (p Policy) coupon(ctx context.Context, q db.Querier, e Evidence) (*candidate, error) {
	if e.CouponCode == "" {
		return nil, nil
	}
	c := &candidate{Candidate: Candidate{Source: ReasonCoupon, Code: e.CouponCode}}
	if e.CouponCut {
		c.Outcome = OutcomeUnknown
		return c, nil
	}
	coupon, err := q.FindCouponByCode(ctx, db.FindCouponByCodeParams{ProjectID: p.Project, CodeKey: form.Fold(c.Code)})
	switch {
	case err == nil && coupon.Status == active && coupon.Affiliate.Status == active:
		c.names(&coupon.Affiliate)
		return c, nil
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return nil, err
	}
	if err := p.byProvider(ctx, q, c); err != nil {
		return nil, err
	}
	if coupon.ID != 0 && c.Outcome == OutcomeUnknown {
		c.AffiliateID, c.Outcome = coupon.Affiliate.ID, OutcomeInactive
	}
	return c, nil
}

func (p Policy) byProvider(ctx context.Context, q db.Querier, c *candidate) error {
	stripe, err := q.FindCouponsByStripeID(ctx, db.FindCouponsByStripeIDParams{ProjectID: p.Project, ProviderID: c.Code})
	if err != nil {
		return err
	}
	lemon, err := q.FindCouponsByLemonsqueezyCode(ctx, db.FindCouponsByLemonsqueezyCodeParams{
		ProjectID: p.Project, ProviderID: c.Code,
	})
	if err != nil {
		return err
	}
	named := make(map[int64]*db.Affiliate, 1)
	for _, affiliates := range [][]db.Affiliate{stripe, lemon} {
		for i := range affiliates {
			named[affiliates[i].ID] = &affiliates[i]
		}
	}
	switch len(named) {
	case 0:
		c.Outcome = OutcomeUnknown
	case 1:
		for _, affiliate := range named {
			c.names(affiliate)
		}
	default:
		c.Outcome = OutcomeAmbiguous
	}
	return nil
}

// codes: the referral codes or partner slugs that the customer came through, and then
// what a browser claimed. One that leads to nobody is skipped for one that leads to
// somebody. If none does, the first ends the search: a stale cookie must never cost the
// owner a sale record, nor credit it to somebody else.
func (p Policy) codes(ctx context.Context, q db.Querier, e Evidence) (all []*candidate, err error) {
	codes := form.Codes(e.ReferralCode, p.FirstTouch)
	if len(codes) == 0 && e.ReferralCode != "" {
		codes = append(codes, e.ReferralCode) // no code is like that
	}
	leads := false
	look := func(code string, claimed bool) error {
		c := &candidate{Candidate: Candidate{Source: ReasonReferralCode, Code: code, Claimed: claimed}}
		all = append(all, c)
		a, err := q.FindAffiliateByCode(ctx, db.FindAffiliateByCodeParams{ProjectID: p.Project, Code: form.Fold(code)})
		switch {
		case errors.Is(err, sql.ErrNoRows):
			c.Outcome, c.ends = OutcomeUnknown, ReasonCodeUnknown
			return nil
		case err != nil:
			return err
		}
		c.names(creditable(db.FindAffiliateRow(a)))
		if a.Status != active {
			c.Outcome, c.ends = OutcomeInactive, ReasonAffiliateInactive
		}
		leads = leads || c.Outcome == ""
		return nil
	}
	for _, code := range codes {
		if err := look(code, false); err != nil {
			return nil, err
		}
	}
	if e.Claim != nil && !leads {
		if err := look(e.Claim.Code, true); err != nil {
			return nil, err
		}
	}
	if leads {
		for _, c := range all {
			c.ends = ""
		}
	}
	return all, nil
}

// Leading returns the one of the codes in a text that counts, "" if none leads to an
// active affiliate.
func (p Policy) Leading(ctx context.Context, q db.Querier, text string) (string, error) {
	all, err := p.codes(ctx, q, Evidence{ReferralCode: text})
	for _, c := range all {
		if c.Outcome == "" {
			return c.Code, err
		}
	}
	return "", err
}
