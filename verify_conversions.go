package refgrow

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// rules checks the versions of each rule: they follow each other without a gap,
// each but the last is ended, and the project's own two rules are in force.
func (v *verification) rules(ctx context.Context) error {
	rules, err := v.q.VerifyRules(ctx, v.project.ID)
	if err != nil {
		return err
	}
	v.versions = make(map[int64]db.CommissionRule, len(rules))
	latest := make(map[scope]db.CommissionRule)
	for _, r := range rules {
		v.versions[r.ID] = r
		where := fmt.Sprintf("commission rule %d", r.ID)
		of := scopeOf(r)
		before, follows := latest[of]
		v.compare(where, "version", r.Version, before.Version+1)
		if follows && before.EndedAt == nil {
			v.differs(fmt.Sprintf("commission rule %d", before.ID), "end", "not set", "set, because there is a later version")
		}
		latest[of] = r
		v.rule(where, r)
	}
	for _, kind := range []ConversionType{Purchase, Signup} {
		if rule, ok := latest[scope{kind: kind}]; !ok || rule.EndedAt != nil {
			v.differs("project", "rule in force for a "+string(kind), "missing", "there")
		}
	}
	return nil
}

// rule checks that a version is one of a rule that can be set, and of one that is
// still in force, that it pays in the project's currency. Its times say nothing
// about their order: the clock may have gone back between them.
func (v *verification) rule(where string, r db.CommissionRule) {
	switch _, err := commissionOf(r); {
	case err != nil:
		v.differs(where, "currency", r.Currency, "one of ISO 4217")
	case r.Kind == kindPercent && (r.Amount != 0 || r.Currency != "") || r.Kind == kindFixed && r.Rate != 0:
		v.differs(where, "kind", r.Kind, "the one that its numbers are of")
	case r.Kind == kindFixed && r.EndedAt == nil && r.Currency != v.project.Currency:
		v.differs(where, "currency", r.Currency, "the project's, "+v.project.Currency)
	}
	switch _, err := durationOf(r); {
	case err != nil:
		v.differs(where, "count of its duration", r.DurationCount, "one for "+r.Duration)
	case r.ConversionType == string(Signup) && r.Duration != string(Lifetime):
		v.differs(where, "duration", r.Duration, "lifetime, because it is for signups")
	}
	override := r.AffiliateID != nil || r.Product != nil
	switch {
	case override && r.ConversionType != string(Purchase):
		v.differs(where, "type", r.ConversionType, "purchase, because it is an override")
	case r.AffiliateID != nil && *r.AffiliateID <= 0:
		v.differs(where, "affiliate", *r.AffiliateID, "not set, or an id")
	case r.Product != nil && *r.Product == "":
		v.differs(where, "product", `""`, "not set, or a name")
	}
}

// conversions checks what each conversion has earned, and how.
func (v *verification) conversions(ctx context.Context) error {
	for after := int64(0); ; {
		rows, err := v.q.VerifyConversions(ctx, db.VerifyConversionsParams{ProjectID: v.project.ID, AfterID: after, AtMost: verifyStep})
		if err != nil {
			return err
		}
		v.report.Conversions += int64(len(rows))
		last := int64(math.MaxInt64)
		if len(rows) == verifyStep {
			last = rows[len(rows)-1].ID
		}
		entries, err := v.q.VerifyConversionEntries(ctx, db.VerifyConversionEntriesParams{ProjectID: v.project.ID, AfterID: after, LastID: last})
		if err != nil {
			return err
		}
		of := make(map[int64][]db.VerifyConversionEntriesRow, len(rows))
		for _, e := range entries {
			if !v.hidden[e.AffiliateID] {
				of[*e.ConversionID] = append(of[*e.ConversionID], e)
			}
		}
		for i := range rows {
			if c := &rows[i]; !v.hidden[orZero(c.AffiliateID)] {
				v.conversion(c, of[c.ID])
			}
			delete(of, rows[i].ID)
		}
		for deleted, entries := range of {
			v.earned(deleted, nil, entries)
			v.entries(entries)
		}
		if last == math.MaxInt64 {
			return nil
		}
		if after, err = onward(after, last); err != nil {
			return err
		}
	}
}

// conversion checks one conversion against its entries in the ledger.
func (v *verification) conversion(c *db.Conversion, entries []db.VerifyConversionEntriesRow) {
	v.entries(entries)
	v.availability(c, entries)
	v.decided(c)
	where := fmt.Sprintf("conversion %d", c.ID)
	currency, err := storedCurrency(c.Currency)
	if err != nil {
		v.differs(where, "currency", c.Currency, "one of ISO 4217")
		return
	}
	v.earned(c.ID, c, entries)
	v.priced(where, c, currency)
	if ConversionType(c.Type) == Purchase && c.BaseValue == nil {
		v.differs(where, "base value", "not set", "set, because it is a purchase")
	}
	// A currency that nobody named is the project's.
	if c.CurrencyGiven == 0 && (c.BaseValue != nil || c.Currency != v.project.Currency) {
		v.differs(where, "currency_given", 0, "1, because of its base value or its currency, "+c.Currency)
	}
}

// earned compares what the ledger says of a conversion with what it has to
// bring: its target in its present account, and nothing in any other. What is
// unpaid, or was moved away, has nothing settled by hand. A payout settles parts: it
// may have taken back what it reserves of a conversion before it pays the rest. c is
// nil for one that was deleted: what was paid of it stays settled.
func (v *verification) earned(id int64, c *db.Conversion, entries []db.VerifyConversionEntriesRow) {
	type sums struct{ earned, settled int64 } // settled by hand
	found := make(map[account]sums, 1)
	for _, e := range entries {
		at := account{e.AffiliateID, e.Currency}
		s := found[at]
		switch {
		case EntryKind(e.Kind) != EntrySettlement:
			s.earned += e.Amount
		case e.PayoutID == nil:
			s.settled -= e.Amount
		}
		found[at] = s
	}
	where := fmt.Sprintf("conversion %d", id)
	if c != nil && c.AffiliateID != nil {
		at := account{*c.AffiliateID, c.Currency}
		v.compare(where, "sum of its entries", found[at].earned, target(c))
		if c.Paid == 0 {
			v.compare(where, "settled, though unpaid,", found[at].settled, 0)
		}
		delete(found, at)
	}
	for at, s := range found {
		elsewhere := fmt.Sprintf(" with affiliate %d in %s", at.affiliate, at.currency)
		v.compare(where, "sum of its entries"+elsewhere, s.earned, 0)
		if c != nil {
			v.compare(where, "settled"+elsewhere, s.settled, 0)
		}
	}
}

// entries checks that what a conversion has brought each account begins with a
// commission, or with a correction where the commission was 0; and that
// settlements take from where there is something.
func (v *verification) entries(entries []db.VerifyConversionEntriesRow) {
	earned := make(map[account]int64, 1)
	for i, e := range entries {
		where := fmt.Sprintf("ledger entry %d", e.ID)
		of, kind := account{e.AffiliateID, e.Currency}, EntryKind(e.Kind)
		switch {
		case i == 0 && kind != EntryCommission && kind != EntryCorrection:
			v.differs(where, "kind", e.Kind, "that of a first entry")
		case kind == EntryCommission && earned[of] != 0:
			v.differs(where, "kind", e.Kind, "that of a later entry")
		case kind == EntrySettlement && !slices.ContainsFunc(entries, func(o db.VerifyConversionEntriesRow) bool {
			return EntryKind(o.Kind) != EntrySettlement && o.AvailableAt == e.AvailableAt
		}):
			v.differs(where, "available_at", e.AvailableAt, "that of something to settle")
		}
		if kind != EntrySettlement {
			earned[of] += e.Amount
		}
	}
}

// availability checks that what a conversion has brought becomes available when it
// does, or, where it is a debt, was so at once.
func (v *verification) availability(c *db.Conversion, entries []db.VerifyConversionEntriesRow) {
	for _, e := range entries {
		where := fmt.Sprintf("ledger entry %d", e.ID)
		switch {
		case EntryKind(e.Kind) == EntrySettlement, e.AvailableAt == c.AvailableAt:
		case e.Amount > 0 || e.AvailableAt > e.CreatedAt:
			v.differs(where, "available_at", e.AvailableAt, c.AvailableAt)
		}
		if e.CreatedAt < c.CreatedAt {
			v.differs(where, "stamp", e.CreatedAt, fmt.Sprintf("not before its conversion, %d", c.CreatedAt))
		}
	}
}

// decided checks that the stored decision leads to the stored affiliate.
func (v *verification) decided(c *db.Conversion) {
	where := fmt.Sprintf("conversion %d", c.ID)
	d, err := decisionOf(c)
	if err != nil {
		v.differs(where, "candidates", c.Candidates, "the decision's, as JSON")
		return
	}
	if !judged(c.Candidates) {
		v.differs(where, "candidates", c.Candidates, "known ones, with a known outcome each")
	}
	credited := Candidate{Source: d.Reason}
	for _, candidate := range d.Candidates {
		if candidate.Outcome == OutcomeCredited {
			credited = candidate
		}
	}
	v.compare(where, "affiliate", d.Chosen, credited.AffiliateID)
	if d.Reason != credited.Source {
		v.differs(where, "reason", d.Reason, credited.Source)
	}
	switch d.Reason {
	case ReasonAffiliateID, ReasonCustomer, ReasonCoupon, ReasonReferralCode, ReasonMoved:
	case ReasonNone, ReasonAffiliateInactive, ReasonCodeUnknown, ReasonSelfReferral:
		v.compare(where, "affiliate", d.Chosen, 0)
	default:
		v.differs(where, "reason", d.Reason, "a known one")
	}
}

// judged tells whether a stored list of candidates is one that can be written: each has
// a source and an outcome that there are, and nothing beside what candidates have.
func judged(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	var candidates []Candidate
	if err := decoder.Decode(&candidates); err != nil {
		return false
	}
	return !slices.ContainsFunc(candidates, func(c Candidate) bool {
		switch c.Source {
		case ReasonAffiliateID, ReasonCustomer, ReasonCoupon, ReasonReferralCode, ReasonMoved:
		case ReasonNone, ReasonAffiliateInactive, ReasonCodeUnknown, ReasonSelfReferral: // of decisions alone
			return true
		default:
			return true
		}
		switch c.Outcome {
		case OutcomeCredited, OutcomeOutranked, OutcomeInactive, OutcomeUnknown, OutcomeAmbiguous, OutcomeRefused:
			return c.AffiliateID < 0
		default:
			return true
		}
	})
}

// priced computes the commission again from the stored rule and inputs.
func (v *verification) priced(where string, c *db.Conversion, now money.Currency) {
	currency, err := storedCurrency(c.PricedCurrency)
	if err != nil {
		v.differs(where, "currency", c.PricedCurrency, "one of ISO 4217")
		return
	}
	reason := CommissionReason(c.CommissionReason)
	switch reason {
	case CommissionGiven:
	case CommissionUnattributed:
		v.compare(where, "commission", c.PricedValue, 0)
		v.compare(where, "commission rule", orZero(c.RuleID), 0)
	case CommissionByRule, CommissionCustomerUnknown, CommissionBeyondDuration, CommissionOtherCurrency:
		if c.RuleID == nil {
			v.differs(where, "commission rule", "missing", "the one that priced it")
		}
	default:
		v.differs(where, "reason of its commission", reason, "a known one")
	}
	if reason != CommissionGiven {
		v.carried(where, c, money.New(c.PricedValue, currency), now)
	}
	if c.RuleID == nil {
		v.compare(where, "version of its rule", orZero(c.RuleVersion), 0)
		v.history(where, c, db.CommissionRule{Duration: string(Lifetime)})
		return
	}
	rule, ok := v.versions[*c.RuleID]
	if !ok {
		v.differs(where, "commission rule", *c.RuleID, "one of the project")
		return
	}
	v.history(where, c, rule)
	v.scope(where, c, rule)
	again, err := price(rule, inputsOf(c))
	if err != nil {
		v.differs(where, "commission rule", err, "a usable one")
		return
	}
	v.compare(where, "version of its rule", orZero(c.RuleVersion), rule.Version)
	v.compare(where, "commission", c.PricedValue, again.value)
	if reason != CommissionGiven && reason != again.reason {
		v.differs(where, "reason of its commission", reason, again.reason)
	}
}

// history checks that there is what the rule's duration asks of the customer's
// purchases, if the customer is known, and nothing else. One that is known now was
// known then.
func (v *verification) history(where string, c *db.Conversion, rule db.CommissionRule) {
	most := int64(-1) // of the purchases before
	switch rule.Duration {
	case string(FirstPurchase):
		most = 1
	case durationPayments:
		most = rule.DurationCount
	}
	firstAt, before := "first purchase", "count of purchases before"
	switch {
	case c.PricedBefore == nil && most >= 0 && c.ReferralID != nil:
		v.differs(where, before, "not set", "set, because its rule asks for it")
	case c.PricedBefore != nil && most < 0:
		v.differs(where, before, *c.PricedBefore, "not set, because its rule does not ask for it")
	case c.PricedBefore != nil && (*c.PricedBefore < 0 || *c.PricedBefore > most):
		v.differs(where, before, *c.PricedBefore, fmt.Sprintf("0 to %d", most))
	}
	months := rule.Duration == durationMonths
	switch {
	case c.PricedFirstAt == nil && months && c.ReferralID != nil:
		v.differs(where, firstAt, "not set", "set, because its rule asks for it")
	case c.PricedFirstAt != nil && !months:
		v.differs(where, firstAt, *c.PricedFirstAt, "not set, because its rule does not ask for it")
	case c.PricedFirstAt != nil && *c.PricedFirstAt > c.CreatedAt:
		v.differs(where, firstAt, *c.PricedFirstAt, fmt.Sprintf("not after its own, %d", c.CreatedAt))
	}
}

// scope checks that a rule was for the conversion that it priced. Its type may
// have changed since, and who was credited then is one of the decision's candidates.
func (v *verification) scope(where string, c *db.Conversion, rule db.CommissionRule) {
	of := scopeOf(rule)
	if of.product != "" && orZero(c.Product) != of.product {
		v.differs(where, "product", orZero(c.Product), fmt.Sprintf("%s, that of commission rule %d", of.product, rule.ID))
	}
	d, err := decisionOf(c)
	if of.affiliate == 0 || err != nil {
		return
	}
	if !slices.ContainsFunc(d.Candidates, func(candidate Candidate) bool { return candidate.AffiliateID == of.affiliate }) {
		v.differs(where, "affiliate", d.Chosen, fmt.Sprintf("%d, that of commission rule %d", of.affiliate, rule.ID))
	} else if d.Reason != ReasonMoved {
		v.compare(where, "affiliate", d.Chosen, of.affiliate)
	}
}

// carried checks a value that nobody gave: it is what was priced, and the same
// number after a change of the currency.
func (v *verification) carried(where string, c *db.Conversion, priced money.Amount, now money.Currency) {
	same, err := priced.As(now)
	if err != nil {
		v.differs(where, "value", money.New(c.Value, now), "what was priced, which does not fit its currency")
		return
	}
	v.compare(where, "value", c.Value, same.Minor())
}
