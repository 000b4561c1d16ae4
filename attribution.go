package refgrow

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/refgrow-go/refgrow/internal/db"
)

// A Reason is the stable word for why a conversion was, or was not, attributed.
type Reason string

const (
	// ReasonAffiliateID: the call named the affiliate.
	ReasonAffiliateID Reason = "affiliate_id"
	// ReasonCustomer: the customer belongs to the affiliate.
	ReasonCustomer Reason = "customer"
	// ReasonCoupon: the customer used the affiliate's coupon.
	ReasonCoupon Reason = "coupon"
	// ReasonReferralCode: the customer came by the affiliate's code.
	ReasonReferralCode Reason = "referral_code"
	// ReasonMoved: the program's owner gave the conversion to another affiliate,
	// or to nobody, afterwards.
	ReasonMoved Reason = "moved"

	// ReasonNone: attributed to nobody, because nothing named an affiliate.
	ReasonNone Reason = "none"
	// ReasonAffiliateInactive: attributed to nobody, because the affiliate that
	// would have got it was inactive.
	ReasonAffiliateInactive Reason = "affiliate_inactive"
	// ReasonCodeUnknown: attributed to nobody, because the referral code leads to
	// no affiliate.
	ReasonCodeUnknown Reason = "code_unknown"
	// ReasonSelfReferral: attributed to nobody, because customer and affiliate are
	// the same person.
	ReasonSelfReferral Reason = "self_referral"
)

// A Decision is the record of why an event was, or was not, attributed, and of
// what priced it.
type Decision struct {
	Reason Reason
	// Chosen is the affiliate that got the credit, 0 for nobody.
	Chosen int64
	// SelfReferral is set when the credit was given although customer and
	// affiliate look like the same person.
	SelfReferral bool
	// Candidates are all that the call and the customer named, in the order in
	// which they were judged.
	Candidates []Candidate

	// CommissionReason says where the value comes from. RuleID and RuleVersion
	// are the commission rule's, 0 where none was applied.
	CommissionReason    CommissionReason
	RuleID, RuleVersion int64
}

// A Candidate is one of the things that could have named the affiliate.
type Candidate struct {
	// Source is ReasonAffiliateID, ReasonCustomer, ReasonCoupon,
	// ReasonReferralCode or ReasonMoved.
	Source Reason `json:"source"`
	// Code is the coupon or the referral code, as sent.
	Code string `json:"code,omitempty"`
	// AffiliateID is whom it named, 0 for nobody.
	AffiliateID int64   `json:"affiliate_id,omitempty"`
	Outcome     Outcome `json:"outcome"`
	// SelfReferral is set when customer and affiliate look like the same person.
	SelfReferral bool `json:"self_referral,omitempty"`
	// Claimed is set for a referral code that was not in the call: the customer's
	// browser had claimed it (ClaimSignup).
	Claimed bool `json:"claimed,omitempty"`
}

// An Outcome is what became of a candidate.
type Outcome string

// What can become of a candidate.
const (
	OutcomeCredited  Outcome = "credited"
	OutcomeOutranked Outcome = "outranked" // another one came first
	OutcomeInactive  Outcome = "inactive"  // the affiliate or the coupon was
	OutcomeUnknown   Outcome = "unknown"   // the code leads to nobody
	OutcomeAmbiguous Outcome = "ambiguous" // the provider's id names several affiliates
	OutcomeRefused   Outcome = "refused"   // a self-referral
)

// evidence is what could name the affiliate of an event.
type evidence struct {
	affiliateID  int64
	customer     *db.FindReferralRow // nil when unknown so far
	email        string              // the customer's, lower-cased; "" when unknown
	couponCode   string
	referralCode string
	claim        *db.Claim // what the customer's browser has said, for want of a referralCode
}

// claim is a candidate with what it takes to judge it.
type claim struct {
	Candidate
	affiliate *db.Affiliate // nil for nobody
	ends      Reason        // the search ends here with this reason, unless it was decided before
}

// names says whom the candidate names.
func (c *claim) names(a *db.Affiliate) { c.affiliate, c.AffiliateID = a, a.ID }

// attribute is the only place that decides who gets the credit: the first of
// the call's affiliate, the customer's own, the coupon's and the referral
// code's. With CouponFirst the coupon comes before the customer's own. All that
// are named are looked at, so that the decision can say what became of each. The
// affiliate is the chosen one, nil for nobody.
func (o *op) attribute(ctx context.Context, e evidence) (d Decision, chosen *db.Affiliate, err error) {
	look := []func(context.Context, evidence) (*claim, error){o.claimOfCall, o.claimOfCustomer, o.claimOfCoupon, o.claimOfCode}
	if o.state.settings.CouponFirst {
		look[1], look[2] = look[2], look[1]
	}
	d.Candidates = []Candidate{}
	for _, claimOf := range look {
		c, err := claimOf(ctx, e)
		if err != nil {
			return d, nil, err
		}
		if c == nil {
			continue
		}
		o.judge(&d, c, e.email)
		d.Candidates = append(d.Candidates, c.Candidate)
		if c.Outcome == OutcomeCredited {
			chosen = c.affiliate
		}
	}
	if d.Reason == "" {
		d.Reason = ReasonNone
	}
	return d, chosen, nil
}

// judge gives a claim its outcome, and decides with it when nothing before did.
func (o *op) judge(d *Decision, c *claim, customer string) {
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
	self := o.state.settings.SelfReferral != SelfReferralAllow && samePerson(customer, c.affiliate.Email)
	// Who names the affiliate in the call has decided already.
	if self && o.state.settings.SelfReferral == SelfReferralRefuse && c.Source != ReasonAffiliateID {
		c.Outcome, c.SelfReferral = OutcomeRefused, true
		d.Reason = ReasonSelfReferral
		return
	}
	c.Outcome, c.SelfReferral = OutcomeCredited, self
	d.Reason, d.Chosen, d.SelfReferral = c.Source, c.AffiliateID, self
}

// claimOfCall: the call names the affiliate, which may be inactive, because the
// caller decides.
func (o *op) claimOfCall(ctx context.Context, e evidence) (*claim, error) {
	if e.affiliateID == 0 {
		return nil, nil
	}
	a, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: e.affiliateID})
	if err != nil {
		return nil, missing(err, "Affiliate")
	}
	c := &claim{Candidate: Candidate{Source: ReasonAffiliateID}}
	c.names(&a)
	return c, nil
}

// claimOfCustomer: the customer belongs to an affiliate. An inactive one ends
// the search.
func (o *op) claimOfCustomer(_ context.Context, e evidence) (*claim, error) {
	if e.customer == nil || e.customer.AffiliateID == nil || e.customer.AffiliateStatus == nil {
		return nil, nil
	}
	c := &claim{Candidate: Candidate{Source: ReasonCustomer}}
	c.names(&db.Affiliate{
		ID: *e.customer.AffiliateID, Email: orZero(e.customer.AffiliateEmail), ReferralCode: orZero(e.customer.AffiliateCode),
		PaypalEmail: e.customer.PaypalEmail, WiseAccountID: e.customer.WiseAccountID, WiseEmail: e.customer.WiseEmail,
	})
	if AffiliateStatus(*e.customer.AffiliateStatus) != AffiliateActive {
		c.Outcome, c.ends = OutcomeInactive, ReasonAffiliateInactive
	}
	return c, nil
}

// claimOfCoupon: an active coupon of an active affiliate, by its code or else by
// a provider's id that names one affiliate only. Anything else is skipped.
func (o *op) claimOfCoupon(ctx context.Context, e evidence) (*claim, error) {
	if e.couponCode == "" {
		return nil, nil
	}
	c := &claim{Candidate: Candidate{Source: ReasonCoupon, Code: e.couponCode}}
	coupon, err := o.FindCouponByCode(ctx, db.FindCouponByCodeParams{ProjectID: o.project, CodeKey: fold(e.couponCode)})
	switch {
	case err == nil && CouponStatus(coupon.Status) == CouponActive && AffiliateStatus(coupon.Affiliate.Status) == AffiliateActive:
		c.names(&coupon.Affiliate)
		return c, nil
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return nil, err
	}
	if err := o.claimByProvider(ctx, c); err != nil {
		return nil, err
	}
	if coupon.ID != 0 && c.Outcome == OutcomeUnknown {
		c.AffiliateID, c.Outcome = coupon.Affiliate.ID, OutcomeInactive
	}
	return c, nil
}

func (o *op) claimByProvider(ctx context.Context, c *claim) error {
	stripe, err := o.FindCouponsByStripeID(ctx, db.FindCouponsByStripeIDParams{ProjectID: o.project, ProviderID: c.Code})
	if err != nil {
		return err
	}
	lemon, err := o.FindCouponsByLemonsqueezyCode(ctx, db.FindCouponsByLemonsqueezyCodeParams{ProjectID: o.project, ProviderID: c.Code})
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

// claimOfCode: the referral code or partner slug that the customer came by. An
// unknown or inactive one ends the search: a stale cookie must never cost the
// owner a sale record, nor give it to somebody else.
func (o *op) claimOfCode(ctx context.Context, e evidence) (*claim, error) {
	c := &claim{Candidate: Candidate{Source: ReasonReferralCode, Code: e.referralCode}}
	if c.Code == "" && e.claim != nil {
		c.Code, c.Claimed = e.claim.Code, true
	}
	if c.Code == "" {
		return nil, nil
	}
	a, err := o.GetAffiliateByCode(ctx, db.GetAffiliateByCodeParams{ProjectID: o.project, Code: fold(c.Code)})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		c.Outcome, c.ends = OutcomeUnknown, ReasonCodeUnknown
		return c, nil
	case err != nil:
		return nil, err
	}
	c.names(&a)
	if AffiliateStatus(a.Status) != AffiliateActive {
		c.Outcome, c.ends = OutcomeInactive, ReasonAffiliateInactive
	}
	return c, nil
}

// samePerson compares two lower-cased addresses without their +tags.
func samePerson(a, b string) bool { return a != "" && untagged(a) == untagged(b) }

func untagged(email string) string {
	local, domain, _ := strings.Cut(email, "@")
	local, _, _ = strings.Cut(local, "+")
	return local + "@" + domain
}

// candidatesText is how the database keeps the candidates.
func candidatesText(candidates []Candidate) (string, error) {
	text, err := json.Marshal(candidates)
	return string(text), err
}

// decisionOf reads a conversion's decision back.
func decisionOf(r *db.Conversion) (Decision, error) {
	d := Decision{
		Reason: Reason(r.Reason), Chosen: orZero(r.AffiliateID), CommissionReason: CommissionReason(r.CommissionReason),
		RuleID: orZero(r.RuleID), RuleVersion: orZero(r.RuleVersion),
	}
	err := json.Unmarshal([]byte(r.Candidates), &d.Candidates)
	if err != nil {
		err = fmt.Errorf("%w: the candidates of conversion %d: %w", ErrDamaged, r.ID, err)
	}
	for _, c := range d.Candidates {
		d.SelfReferral = d.SelfReferral || c.Outcome == OutcomeCredited && c.SelfReferral
	}
	return d, err
}
