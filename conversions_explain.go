package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/pricing"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
	"github.com/refgrow-go/refgrow/money"
)

// An Explanation answers why somebody was, or was not, credited with a
// conversion, and what became of the commission.
type Explanation struct {
	Conversion *Conversion
	Decision   Decision
	Commission CommissionExplanation
	// Entries are what the ledger says about the conversion, in the order in which
	// they were written.
	Entries []LedgerEntry
	// Sentence is the answer in plain English, for the person who asked. It names
	// affiliates and coupons by their codes, and nobody's email.
	Sentence string
}

// A CommissionExplanation says where a conversion's value comes from.
type CommissionExplanation struct {
	// Rule is what the rule paid, in the version in force then, such as
	// "8.2% for life"; "" where none was applied.
	Rule            string
	RuleID, Version int64
	// Scope is what the rule is for: "project", "affiliate", "product" or
	// "affiliate_product"; "" where none was applied.
	Scope  string
	Reason CommissionReason
	Inputs CommissionInputs
	// Value is the commission as it is now, gross of refunds.
	Value money.Amount

	ruleOf int64  // the affiliate whose rule it is, 0 for others
	then   string // how the rule was in force when the conversion happened, where it is not the present one
}

// CommissionInputs are what the commission was computed from.
type CommissionInputs struct {
	// BaseValue is not set where there was none.
	BaseValue money.Amount
	Currency  money.Currency
	// Rate is the rule's percentage, such as "8.2%"; Fixed is its fixed amount.
	Rate  string
	Fixed money.Amount
	// Rounding is "half_away_from_zero": once, to the currency's minor unit.
	Rounding string
	// FirstPurchaseAt is the customer's first purchase, for a rule of some months.
	FirstPurchaseAt *time.Time
	// EarlierPurchases, for a rule of the first purchase, is how many of the customer's
	// purchases came before this one; OtherPayments, for a rule of some payments, how
	// many others were payments when it was priced, earlier and later ones. They are
	// counted no further than the rule asks, and nil for an unknown customer.
	EarlierPurchases, OtherPayments *int64
}

// ExplainConversion explains how a conversion was credited and priced, and what became
// of its commission. Errors: ErrNotFound.
func (p *Project) ExplainConversion(ctx context.Context, id int64) (*Explanation, error) {
	now := p.engine.millis()
	var explanation *Explanation
	err := p.snapshot(ctx, "explaining a conversion", func(ctx context.Context, q db.Querier) error {
		row, err := q.GetConversion(ctx, db.GetConversionParams{ProjectID: p.id, ConversionID: id})
		if err != nil {
			return missing(err, "Conversion")
		}
		entries, err := q.ListEntriesOfConversion(ctx, db.ListEntriesOfConversionParams{ProjectID: p.id, ConversionID: id})
		if err != nil {
			return err
		}
		e := &Explanation{}
		if e.Conversion, err = storedConversion(&row, now); err != nil {
			return err
		}
		if e.Decision, err = showDecision(&row); err != nil {
			return err
		}
		for i := range entries {
			entry, err := showEntry(&entries[i])
			if err != nil {
				return err
			}
			e.Entries = append(e.Entries, *entry)
		}
		if e.Commission, err = explainCommission(ctx, q, &row); err != nil {
			return err
		}
		code, err := codeOf(ctx, q, p.id, e.Decision)
		if err != nil {
			return err
		}
		reserved, err := q.ListReservedOfConversion(ctx, db.ListReservedOfConversionParams{
			ProjectID: p.id, ConversionID: id, AffiliateID: stored.OrZero(row.AffiliateID), Currency: row.Currency,
		})
		if err != nil {
			return err
		}
		e.Sentence = e.sentence(&row, code, standingOf(ledger.BookOf(entries, &row), reserved, now))
		explanation = e
		return nil
	})
	return explanation, err
}

// codeOf is the referral code of the affiliate that a decision is about, "" for
// nobody.
func codeOf(ctx context.Context, q db.Querier, project int64, d Decision) (string, error) {
	a, err := q.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: project, AffiliateID: d.Chosen})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return a.ReferralCode, err
}

func explainCommission(ctx context.Context, q db.Querier, c *db.Conversion) (CommissionExplanation, error) {
	currency, err := stored.Currency(c.PricedCurrency)
	if err != nil {
		return CommissionExplanation{}, fmt.Errorf("the price of conversion %d: %w", c.ID, err)
	}
	e := CommissionExplanation{
		RuleID: stored.OrZero(c.RuleID), Version: stored.OrZero(c.RuleVersion), Reason: CommissionReason(c.CommissionReason),
		Inputs: CommissionInputs{Currency: currency}, Value: money.New(c.Value, money.Currency(c.Currency)),
	}
	if c.PricedBaseValue != nil {
		e.Inputs.BaseValue = money.New(*c.PricedBaseValue, currency)
	}
	if c.RuleID == nil {
		return e, nil
	}
	rule, err := q.GetRule(ctx, db.GetRuleParams{ProjectID: c.ProjectID, RuleID: *c.RuleID})
	if err != nil {
		return e, err
	}
	pays, err := pricing.TermsOf(rule)
	if err != nil {
		return e, err
	}
	e.Rule, e.Scope = pays.String(), pricing.ScopeOf(rule).String()
	e.ruleOf = stored.OrZero(rule.AffiliateID)
	switch {
	case rule.CreatedAt > c.CreatedAt && rule.Version == 1:
		e.then = ", the first there is"
	case rule.CreatedAt <= c.CreatedAt && rule.EndedAt != nil && *rule.EndedAt > c.CreatedAt:
		e.then = ", which was in force on that day"
	}
	e.Inputs.Fixed, e.Inputs.Rounding = pays.Commission.Fixed, "half_away_from_zero"
	if !pays.Commission.Fixed.IsSet() {
		e.Inputs.Rate = pays.Commission.String()
	}
	e.Inputs.FirstPurchaseAt = stored.OptionalInstant(c.PricedFirstAt)
	if rule.Duration == string(pricing.FirstPurchase) {
		e.Inputs.EarlierPurchases = c.PricedBefore
	} else {
		e.Inputs.OtherPayments = c.PricedBefore
	}
	return e, nil
}

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
