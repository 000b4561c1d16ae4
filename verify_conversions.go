package refgrow

import (
	"context"
	"fmt"
	"math"
	"slices"

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
	type scope struct {
		kind, product string
		affiliate     int64
	}
	v.versions = make(map[int64]db.CommissionRule, len(rules))
	latest := make(map[scope]db.CommissionRule)
	for _, r := range rules {
		v.versions[r.ID] = r
		where := fmt.Sprintf("commission rule %d", r.ID)
		of := scope{r.ConversionType, orZero(r.Product), orZero(r.AffiliateID)}
		before, follows := latest[of]
		v.compare(where, "version", r.Version, before.Version+1)
		if follows && before.EndedAt == nil {
			v.differs(fmt.Sprintf("commission rule %d", before.ID), "end", "not set", "set, because there is a later version")
		}
		latest[of] = r
		switch _, err := commissionOf(r); {
		case err != nil:
			v.differs(where, "currency", r.Currency, "one of ISO 4217")
		case r.Kind == kindPercent && (r.Amount != 0 || r.Currency != "") || r.Kind == kindFixed && r.Rate != 0:
			v.differs(where, "kind", r.Kind, "the one that its numbers are of")
		}
		if r.Duration == lifetime {
			v.compare(where, "count of its duration", r.DurationCount, 0)
		}
	}
	for _, kind := range []ConversionType{Purchase, Signup} {
		if rule, ok := latest[scope{kind: string(kind)}]; !ok || rule.EndedAt != nil {
			v.differs("project", "rule in force for a "+string(kind), "missing", "there")
		}
	}
	return nil
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
				v.earned(c.ID, c, of[c.ID])
				v.availability(c, of[c.ID])
				v.decided(c)
				v.priced(c)
			}
			delete(of, rows[i].ID)
		}
		for deleted, entries := range of {
			v.earned(deleted, nil, entries)
		}
		if last == math.MaxInt64 {
			return nil
		}
		after = last
	}
}

// earned compares what the ledger says of a conversion with what it has to
// bring: its target in its present account, and nothing in any other. What is
// unpaid has nothing settled. c is nil for one that was deleted: what was paid of
// it stays settled.
func (v *verification) earned(id int64, c *db.Conversion, entries []db.VerifyConversionEntriesRow) {
	type sums struct{ earned, settled int64 }
	found := make(map[account]sums, 1)
	for _, e := range entries {
		at := account{e.AffiliateID, e.Currency}
		s := found[at]
		if EntryKind(e.Kind) == EntrySettlement {
			s.settled -= e.Amount
		} else {
			s.earned += e.Amount
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

// availability checks that a conversion's entries become available when it does,
// or, where they are debts, were so at once; and that settlements take from where
// there is something.
func (v *verification) availability(c *db.Conversion, entries []db.VerifyConversionEntriesRow) {
	for _, e := range entries {
		where := fmt.Sprintf("ledger entry %d", e.ID)
		switch {
		case EntryKind(e.Kind) == EntrySettlement:
			if !slices.ContainsFunc(entries, func(o db.VerifyConversionEntriesRow) bool {
				return EntryKind(o.Kind) != EntrySettlement && o.AvailableAt == e.AvailableAt
			}) {
				v.differs(where, "available_at", e.AvailableAt, "that of something to settle")
			}
		case e.AvailableAt == c.AvailableAt:
		case e.Amount > 0 || e.AvailableAt > e.CreatedAt:
			v.differs(where, "available_at", e.AvailableAt, c.AvailableAt)
		}
		if e.CreatedAt < c.CreatedAt {
			v.differs(where, "stamp", e.CreatedAt, fmt.Sprintf("not before its conversion, %d", c.CreatedAt))
		}
		if e.ID == entries[0].ID && EntryKind(e.Kind) != EntryCommission && EntryKind(e.Kind) != EntryCorrection {
			v.differs(where, "kind", e.Kind, "that of a first entry")
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

// priced computes the commission again from the stored rule and inputs.
func (v *verification) priced(c *db.Conversion) {
	where := fmt.Sprintf("conversion %d", c.ID)
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
	case CommissionByRule, CommissionOtherCurrency:
		if c.RuleID == nil {
			v.differs(where, "commission rule", "missing", "the one that priced it")
		}
	default:
		v.differs(where, "reason of its commission", reason, "a known one")
	}
	if reason != CommissionGiven {
		v.carried(where, c, money.New(c.PricedValue, currency))
	}
	if c.RuleID == nil {
		return
	}
	rule, ok := v.versions[*c.RuleID]
	if !ok {
		v.differs(where, "commission rule", *c.RuleID, "one of the project")
		return
	}
	again, err := price(rule, true, currency, c.PricedBaseValue, money.Amount{})
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

// carried checks a value that nobody gave: it is what was priced, and the same
// number after a change of the currency.
func (v *verification) carried(where string, c *db.Conversion, priced money.Amount) {
	now, err := storedCurrency(c.Currency)
	if err != nil {
		v.differs(where, "currency", c.Currency, "one of ISO 4217")
		return
	}
	same, err := priced.As(now)
	if err != nil {
		v.differs(where, "value", money.New(c.Value, now), "what was priced, which does not fit its currency")
		return
	}
	v.compare(where, "value", c.Value, same.Minor())
}
