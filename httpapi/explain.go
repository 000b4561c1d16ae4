package httpapi

import (
	"context"
	"net/http"

	"github.com/refgrow-go/refgrow"
)

func explainConversion(c *call) (work, error) {
	id, err := c.id()
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		explanation, err := p.ExplainConversion(ctx, id)
		if err != nil {
			return answer{}, err
		}
		return one(http.StatusOK, explanation, showExplanation), nil
	}, err
}

func showExplanation(o *object, e *refgrow.Explanation) {
	o.member("decision")
	decision := beginObject(o.b)
	showDecision(&decision, &e.Decision)
	o.b = decision.end()
	o.member("commission")
	commission := beginObject(o.b)
	showCommission(&commission, &e.Commission)
	o.b = commission.end()
	o.member("entries")
	o.b = appendList(o.b, e.Entries, showEntryOf)
	o.text("sentence", e.Sentence)
}

func showDecision(o *object, d *refgrow.Decision) {
	o.text("reason", string(d.Reason))
	o.id("chosen", d.Chosen)
	o.flag("self_referral", d.SelfReferral)
	o.member("candidates")
	o.b = appendList(o.b, d.Candidates, showCandidate)
}

// showCandidate leaves out what a candidate does not have.
func showCandidate(o *object, c *refgrow.Candidate) {
	o.text("source", string(c.Source))
	if c.Code != "" {
		o.text("code", c.Code)
	}
	if c.AffiliateID != 0 {
		o.integer("affiliate_id", c.AffiliateID)
	}
	o.text("outcome", string(c.Outcome))
	if c.SelfReferral {
		o.flag("self_referral", true)
	}
}

func showCommission(o *object, c *refgrow.CommissionExplanation) {
	o.optional("rule", c.Rule)
	o.optional("scope", c.Scope)
	o.id("version", c.Version)
	o.text("reason", string(c.Reason))
	o.member("inputs")
	in := beginObject(o.b)
	in.number("base_value", c.Inputs.BaseValue)
	in.optional("currency", string(c.Inputs.Currency))
	in.optional("rate", c.Inputs.Rate)
	in.number("fixed", c.Inputs.Fixed)
	in.optional("rounding", c.Inputs.Rounding)
	in.optionalInstant("first_purchase_at", c.Inputs.FirstPurchaseAt)
	in.optionalInteger("earlier_purchases", c.Inputs.EarlierPurchases)
	in.optionalInteger("earlier_payments", c.Inputs.EarlierPayments)
	o.b = in.end()
	o.number("value", c.Value)
}
