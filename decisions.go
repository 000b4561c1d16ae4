package refgrow

import (
	"context"

	"github.com/refgrow-go/refgrow/internal/attribution"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
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
	// ReasonReferralCode: the customer came through the affiliate's code.
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
	// Notes are what else there was to say about the call.
	Notes []Note

	// CommissionReason says where the value comes from. RuleID and RuleVersion
	// are the commission rule's, 0 where none was applied.
	CommissionReason    CommissionReason
	RuleID, RuleVersion int64
}

// A Note is something that a call said and that was not kept, or not used.
type Note struct {
	Code NoteCode `json:"code"`
	// Field is the field of the call, by its name in the REST API.
	Field string `json:"field"`
	// ReferredUserID is the other customer that a NoteCustomerConflict is about.
	ReferredUserID int64 `json:"referred_user_id,omitempty"`
}

// A NoteCode is the stable word for what a note says.
type NoteCode string

const (
	// NoteCustomerConflict: the field is the name of another customer than the one that
	// the conversion was recorded for, and stays that customer's. MergeReferrals joins
	// the two if they are one person.
	NoteCustomerConflict NoteCode = "customer_conflict"
	// NoteEmailUnusable: the email is no address, and was left out.
	NoteEmailUnusable NoteCode = "email_unusable"
	// NoteLeftOut: the field, or something of it, made no sense and was left out, or it
	// was too long and was cut.
	NoteLeftOut NoteCode = "left_out"
)

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
	// Repeated is set for what a later call named that told of the same signup.
	Repeated bool `json:"repeated,omitempty"`
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

// attribute decides who gets the credit, by the project's settings. The affiliate is
// the chosen one, nil for nobody.
func (o *op) attribute(ctx context.Context, e attribution.Evidence) (attribution.Decision, *db.Affiliate, error) {
	d, chosen, err := o.policy().Attribute(ctx, o, e)
	return d, chosen, missing(err, "Affiliate")
}

func (o *op) policy() attribution.Policy {
	return attribution.Policy{
		Project: o.project, CouponFirst: o.state.settings.CouponFirst,
		FirstTouch:   o.state.settings.Touch == TouchFirst,
		SelfReferral: attribution.SelfReferral(o.state.settings.SelfReferral),
	}
}

// showDecision reads back a conversion's decision.
func showDecision(c *db.Conversion) (Decision, error) {
	d, err := attribution.Of(c)
	shown := Decision{
		Reason: Reason(d.Reason), Chosen: d.Chosen, SelfReferral: d.SelfReferral,
		CommissionReason: CommissionReason(c.CommissionReason),
		RuleID:           stored.OrZero(c.RuleID), RuleVersion: stored.OrZero(c.RuleVersion),
	}
	if d.Candidates != nil {
		shown.Candidates = make([]Candidate, len(d.Candidates))
	}
	for i, candidate := range d.Candidates {
		shown.Candidates[i] = Candidate{
			Source: Reason(candidate.Source), Code: candidate.Code, AffiliateID: candidate.AffiliateID,
			Outcome: Outcome(candidate.Outcome), SelfReferral: candidate.SelfReferral, Claimed: candidate.Claimed,
			Repeated: candidate.Repeated,
		}
	}
	for _, note := range d.Notes {
		shown.Notes = append(shown.Notes, Note{
			Code: NoteCode(note.Code), Field: note.Field, ReferredUserID: note.CustomerID,
		})
	}
	return shown, err
}
