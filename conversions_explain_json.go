package refgrow

import "github.com/refgrow-go/refgrow/internal/wire"

// AppendJSON appends the explanation to b in the form of the REST API.
func (e *Explanation) AppendJSON(b []byte) []byte {
	o := wire.Begin(b)
	o.Member("decision")
	o.B = e.Decision.appendJSON(o.B)
	o.Member("commission")
	o.B = e.Commission.appendJSON(o.B)
	o.Member("entries")
	o.B = wire.AppendList(o.B, e.Entries, func(entry *wire.Object, of *LedgerEntry) {
		entry.Merge(of.AppendJSON)
		entry.Integer("affiliate_id", of.AffiliateID)
	})
	o.Text("sentence", e.Sentence)
	return o.End()
}

func (d *Decision) appendJSON(b []byte) []byte {
	o := wire.Begin(b)
	o.Text("reason", string(d.Reason))
	o.ID("chosen", d.Chosen)
	o.Flag("self_referral", d.SelfReferral)
	o.Member("candidates")
	o.B = wire.AppendList(o.B, d.Candidates, showCandidate)
	o.Member("notes")
	o.B = wire.AppendList(o.B, d.Notes, showNote)
	return o.End()
}

func showNote(o *wire.Object, n *Note) {
	o.Text("code", string(n.Code))
	o.Text("field", n.Field)
	if n.ReferredUserID != 0 {
		o.Integer("referred_user_id", n.ReferredUserID)
	}
}

// showCandidate leaves out what a candidate does not have.
func showCandidate(o *wire.Object, c *Candidate) {
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

func (c *CommissionExplanation) appendJSON(b []byte) []byte {
	o := wire.Begin(b)
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
	return o.End()
}
