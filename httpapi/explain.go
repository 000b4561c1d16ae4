package httpapi

import (
	"context"
	"net/http"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

func explainConversion(c *call) (work, error) {
	id, err := c.id()
	return giving(http.StatusOK, showExplanation,
		func(ctx context.Context, p *refgrow.Project) (*refgrow.Explanation, error) {
			return p.ExplainConversion(ctx, id)
		}), err
}

func showExplanation(o *wire.Object, e *refgrow.Explanation) {
	o.Member("decision")
	decision := wire.Begin(o.B)
	showDecision(&decision, &e.Decision)
	o.B = decision.End()
	o.Member("commission")
	commission := wire.Begin(o.B)
	showCommission(&commission, &e.Commission)
	o.B = commission.End()
	o.Member("entries")
	o.B = appendList(o.B, e.Entries, showEntryOf)
	o.Text("sentence", e.Sentence)
}

func showDecision(o *wire.Object, d *refgrow.Decision) {
	o.Text("reason", string(d.Reason))
	o.ID("chosen", d.Chosen)
	o.Flag("self_referral", d.SelfReferral)
	o.Member("candidates")
	o.B = appendList(o.B, d.Candidates, showCandidate)
	o.Member("notes")
	o.B = appendList(o.B, d.Notes, showNote)
}

func showNote(o *wire.Object, n *refgrow.Note) {
	o.Text("code", string(n.Code))
	o.Text("field", n.Field)
	if n.ReferredUserID != 0 {
		o.Integer("referred_user_id", n.ReferredUserID)
	}
}

// showCandidate leaves out what a candidate does not have.
func showCandidate(o *wire.Object, c *refgrow.Candidate) {
	o.Text("source", string(c.Source))
	if c.Code != "" {
		o.Text("code", c.Code)
	}
	if c.AffiliateID != 0 {
		o.Integer("affiliate_id", c.AffiliateID)
	}
	o.Text("outcome", string(c.Outcome))
	if c.SelfReferral {
		o.Flag("self_referral", true)
	}
	if c.Claimed {
		o.Flag("claimed", true)
	}
	if c.Repeated {
		o.Flag("repeated", true)
	}
}

func showCommission(o *wire.Object, c *refgrow.CommissionExplanation) {
	o.Optional("rule", c.Rule)
	o.Optional("scope", c.Scope)
	o.ID("version", c.Version)
	o.Text("reason", string(c.Reason))
	o.Member("inputs")
	in := wire.Begin(o.B)
	in.Number("base_value", c.Inputs.BaseValue)
	in.Optional("currency", string(c.Inputs.Currency))
	in.Optional("rate", c.Inputs.Rate)
	in.Number("fixed", c.Inputs.Fixed)
	in.Optional("rounding", c.Inputs.Rounding)
	in.OptionalInstant("first_purchase_at", c.Inputs.FirstPurchaseAt)
	in.OptionalInteger("earlier_purchases", c.Inputs.EarlierPurchases)
	in.OptionalInteger("other_payments", c.Inputs.OtherPayments)
	o.B = in.End()
	o.Number("value", c.Value)
}
