package verify

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/refgrow-go/refgrow/internal/attribution"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/pricing"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// rules checks the versions of each rule: they follow each other without a gap,
// each but the last is ended, and the project's own two rules are in force.
func (v *verification) rules(ctx context.Context) error {
	rules, err := v.Querier.VerifyRules(ctx, v.project.ID)
	if err != nil {
		return err
	}
	v.versions = make(map[int64]db.CommissionRule, len(rules))
	latest := make(map[pricing.Scope]db.CommissionRule)
	for _, r := range rules {
		v.versions[r.ID] = r
		where := fmt.Sprintf("commission rule %d", r.ID)
		of := pricing.ScopeOf(r)
		before, follows := latest[of]
		v.compare(where, "version", r.Version, before.Version+1)
		if follows && before.EndedAt == nil {
			v.differs(fmt.Sprintf("commission rule %d", before.ID), "end", "not set", "set, because there is a later version")
		}
		latest[of] = r
		v.rule(where, r)
	}
	for _, kind := range []string{pricing.Purchase, pricing.Signup} {
		if rule, ok := latest[pricing.Scope{Type: kind}]; !ok || rule.EndedAt != nil {
			v.differs("project", "rule in force for a "+kind, "missing", "there")
		}
	}
	return nil
}

// rule checks that a version is one that can be set, and, if it is still in force, that
// it pays in the project's currency. The order of its times says nothing: the clock may
// have gone back between them.
func (v *verification) rule(where string, r db.CommissionRule) {
	switch _, err := pricing.CommissionOf(r); {
	case err != nil:
		v.differs(where, "currency", r.Currency, "one of ISO 4217")
	case r.Kind == pricing.KindPercent && (r.Amount != 0 || r.Currency != ""),
		r.Kind == pricing.KindFixed && r.Rate != 0:
		v.differs(where, "kind", r.Kind, "the one that its numbers belong to")
	case r.Kind == pricing.KindFixed && r.EndedAt == nil && r.Currency != v.project.Currency:
		v.differs(where, "currency", r.Currency, "the project's, "+v.project.Currency)
	}
	switch _, err := pricing.DurationOf(r); {
	case err != nil:
		v.differs(where, "count of its duration", r.DurationCount, "one for "+r.Duration)
	case r.ConversionType == pricing.Signup && r.Duration != string(pricing.Lifetime):
		v.differs(where, "duration", r.Duration, "lifetime, because it is for signups")
	}
	override := r.AffiliateID != nil || r.Product != nil
	switch {
	case override && r.ConversionType != pricing.Purchase:
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
		rows, err := v.Querier.VerifyConversions(ctx, db.VerifyConversionsParams(v.step(after)))
		if err != nil {
			return err
		}
		v.report.Conversions += int64(len(rows))
		last := int64(math.MaxInt64)
		if len(rows) == verifyStep {
			last = rows[len(rows)-1].ID
		}
		entries, err := v.Querier.VerifyConversionEntries(ctx, db.VerifyConversionEntriesParams{
			ProjectID: v.project.ID, AfterID: after, LastID: last,
		})
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
			if c := &rows[i]; !v.hidden[stored.OrZero(c.AffiliateID)] {
				v.conversion(c, of[c.ID])
			}
			delete(of, rows[i].ID)
		}
		for deleted, entries := range of {
			v.earned(deleted, nil, entries)
			v.entries(entries)
			v.placed(nil, entries)
		}
		if last == math.MaxInt64 {
			return nil
		}
		if after, err = stored.Onward(after, last); err != nil {
			return err
		}
	}
}

// conversion checks one conversion against its entries in the ledger.
func (v *verification) conversion(c *db.Conversion, entries []db.VerifyConversionEntriesRow) {
	v.entries(entries)
	v.availability(c, entries)
	v.placed(c, entries)
	v.decided(c)
	where := fmt.Sprintf("conversion %d", c.ID)
	currency, err := stored.Currency(c.Currency)
	if err != nil {
		v.differs(where, "currency", c.Currency, "one of ISO 4217")
		return
	}
	v.earned(c.ID, c, entries)
	v.priced(where, c, currency)
	if c.Type == pricing.Purchase && c.BaseValue == nil {
		v.differs(where, "base value", "not set", "set, because it is a purchase")
	}
	// A currency that was not named is the project's.
	if c.CurrencyGiven == 0 && (c.BaseValue != nil || c.Currency != v.project.Currency) {
		v.differs(where, "currency_given", 0, "1, because of its base value or its currency, "+c.Currency)
	}
}

// earned compares what the ledger says about a conversion with what it has to bring:
// what is due in its current account, and nothing in any other. Where something is due,
// it is paid exactly when as much of it is settled. c is nil for one that was deleted.
func (v *verification) earned(id int64, c *db.Conversion, entries []db.VerifyConversionEntriesRow) {
	type sums struct{ earned, settled int64 }
	found := make(map[ledger.Account]sums, 1)
	for _, e := range entries {
		at := ledger.Account{Affiliate: e.AffiliateID, Currency: e.Currency}
		s := found[at]
		if ledger.Kind(e.Kind) == ledger.Settlement {
			s.settled -= e.Amount
		} else {
			s.earned += e.Amount
		}
		found[at] = s
	}
	where := fmt.Sprintf("conversion %d", id)
	if c != nil && c.AffiliateID != nil {
		at := ledger.Account{Affiliate: *c.AffiliateID, Currency: c.Currency}
		due := pricing.Due(c)
		v.compare(where, "sum of its entries", found[at].earned, due)
		if due > 0 {
			v.compare(where, "paid", c.Paid, stored.Flag(found[at].settled >= due))
		}
		delete(found, at)
	}
	for at, s := range found {
		elsewhere := fmt.Sprintf(" with affiliate %d in %s", at.Affiliate, at.Currency)
		v.compare(where, "sum of its entries"+elsewhere, s.earned, 0)
	}
}

// entries checks that what a conversion has brought each account begins with a
// commission, or with a correction where the commission was 0 (one that cancels debts
// comes in several entries); and that settlements take from where there is something.
func (v *verification) entries(entries []db.VerifyConversionEntriesRow) {
	earned := make(map[ledger.Account]int64, 1)
	credited := make(map[ledger.Account]int64, 1) // the stamp of the last commission
	for i, e := range entries {
		where := fmt.Sprintf("ledger entry %d", e.ID)
		of, kind := ledger.Account{Affiliate: e.AffiliateID, Currency: e.Currency}, ledger.Kind(e.Kind)
		switch {
		case i == 0 && kind != ledger.Commission && kind != ledger.Correction:
			v.differs(where, "kind", e.Kind, "that of a first entry")
		case kind == ledger.Commission && earned[of] != 0 && credited[of] != e.CreatedAt:
			v.differs(where, "kind", e.Kind, "that of a later entry")
		case kind == ledger.Settlement && e.Returned == 0 && !slices.ContainsFunc(entries,
			func(o db.VerifyConversionEntriesRow) bool {
				return (ledger.Kind(o.Kind) != ledger.Settlement || o.Returned == 1) && o.AvailableAt == e.AvailableAt
			}):
			v.differs(where, "available_at", e.AvailableAt, "that of something to settle")
		}
		if kind != ledger.Settlement {
			earned[of] += e.Amount
		}
		if kind == ledger.Commission {
			credited[of] = e.CreatedAt
		}
	}
}

// availability checks that what a conversion has brought by earlier rules becomes
// available when the conversion does, or, if it is a debt, was available at once, and
// that no entry is older than the conversion, unless that was recorded by a wrong clock.
func (v *verification) availability(c *db.Conversion, entries []db.VerifyConversionEntriesRow) {
	for _, e := range entries {
		where := fmt.Sprintf("ledger entry %d", e.ID)
		switch {
		case e.ID > v.oldEntriesTo, ledger.Kind(e.Kind) == ledger.Settlement, e.AvailableAt == c.AvailableAt:
		case e.Amount > 0 || e.AvailableAt > e.CreatedAt:
			v.differs(where, "available_at", e.AvailableAt, c.AvailableAt)
		}
		if e.CreatedAt < c.CreatedAt && !v.reopened(c.CreatedAt) {
			v.differs(where, "stamp", e.CreatedAt, fmt.Sprintf("not before that of its conversion, %d", c.CreatedAt))
		}
	}
}

// decided checks that the stored decision leads to the stored affiliate.
func (v *verification) decided(c *db.Conversion) {
	where := fmt.Sprintf("conversion %d", c.ID)
	sound := attribution.KnownNotes(c.Notes)
	if !sound {
		v.differs(where, "notes", stored.OrZero(c.Notes), "known ones")
	}
	d, err := attribution.Of(c)
	if err != nil {
		if sound {
			v.differs(where, "candidates", c.Candidates, "the decision's, as JSON")
		}
		return
	}
	if !attribution.Known(c.Candidates) {
		v.differs(where, "candidates", c.Candidates, "known ones, each with a known outcome")
	}
	credited := attribution.Candidate{Source: d.Reason}
	for _, candidate := range d.Candidates {
		if candidate.Outcome == attribution.OutcomeCredited {
			credited = candidate
		}
	}
	v.compare(where, "affiliate", d.Chosen, credited.AffiliateID)
	if d.Reason != credited.Source {
		v.differs(where, "reason", d.Reason, credited.Source)
	}
	switch d.Reason {
	case attribution.ReasonAffiliateID, attribution.ReasonCustomer, attribution.ReasonCoupon,
		attribution.ReasonReferralCode, attribution.ReasonMoved:
	case attribution.ReasonNone, attribution.ReasonAffiliateInactive, attribution.ReasonCodeUnknown,
		attribution.ReasonSelfReferral:
		v.compare(where, "affiliate", d.Chosen, 0)
	default:
		v.differs(where, "reason", d.Reason, "a known one")
	}
}

// priced recomputes the commission from the stored rule and inputs.
func (v *verification) priced(where string, c *db.Conversion, now money.Currency) {
	currency, err := stored.Currency(c.PricedCurrency)
	if err != nil {
		v.differs(where, "currency", c.PricedCurrency, "one of ISO 4217")
		return
	}
	reason := pricing.Reason(c.CommissionReason)
	switch reason {
	case pricing.Given:
	case pricing.Unattributed:
		v.compare(where, "commission", c.PricedValue, 0)
		v.compare(where, "commission rule", stored.OrZero(c.RuleID), 0)
	case pricing.ByRule, pricing.CustomerUnknown, pricing.BeyondDuration, pricing.OtherCurrency:
		if c.RuleID == nil {
			v.differs(where, "commission rule", "missing", "the one that priced it")
		}
	default:
		v.differs(where, "reason of its commission", reason, "a known one")
	}
	if reason != pricing.Given {
		v.carried(where, c, money.New(c.PricedValue, currency), now)
	}
	if c.RuleID == nil {
		v.compare(where, "version of its rule", stored.OrZero(c.RuleVersion), 0)
		v.history(where, c, db.CommissionRule{Duration: string(pricing.Lifetime)})
		return
	}
	rule, ok := v.versions[*c.RuleID]
	if !ok {
		v.differs(where, "commission rule", *c.RuleID, "one of the project")
		return
	}
	v.history(where, c, rule)
	v.scope(where, c, rule)
	again, err := pricing.Price(rule, pricing.InputsOf(c))
	if err != nil {
		v.differs(where, "commission rule", err, "a usable one")
		return
	}
	v.compare(where, "version of its rule", stored.OrZero(c.RuleVersion), rule.Version)
	v.compare(where, "commission", c.PricedValue, again.Value)
	if reason != pricing.Given && reason != again.Reason {
		v.differs(where, "reason of its commission", reason, again.Reason)
	}
}

// history checks that the answers to what the rule's duration asks about the customer's
// purchases are there, if the customer is known, and nothing else. A customer who is
// known now was known then.
func (v *verification) history(where string, c *db.Conversion, rule db.CommissionRule) {
	most := int64(-1) // of the purchases before
	switch rule.Duration {
	case string(pricing.FirstPurchase):
		most = 1
	case string(pricing.Payments):
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
	months := rule.Duration == string(pricing.Months)
	switch {
	case c.PricedFirstAt == nil && months && c.ReferralID != nil:
		v.differs(where, firstAt, "not set", "set, because its rule asks for it")
	case c.PricedFirstAt != nil && !months:
		v.differs(where, firstAt, *c.PricedFirstAt, "not set, because its rule does not ask for it")
	case c.PricedFirstAt != nil && *c.PricedFirstAt > c.CreatedAt:
		v.differs(where, firstAt, *c.PricedFirstAt, fmt.Sprintf("not after its own, %d", c.CreatedAt))
	}
}

// scope checks that a rule applied to the conversion that it priced. The type may have
// changed since, and whoever was credited then is one of the decision's candidates.
func (v *verification) scope(where string, c *db.Conversion, rule db.CommissionRule) {
	of := pricing.ScopeOf(rule)
	if of.Product != "" && stored.OrZero(c.Product) != of.Product {
		v.differs(where, "product", stored.OrZero(c.Product),
			fmt.Sprintf("%s, that of commission rule %d", of.Product, rule.ID))
	}
	d, err := attribution.Of(c)
	if of.Affiliate == 0 || err != nil {
		return
	}
	if !slices.ContainsFunc(d.Candidates, func(candidate attribution.Candidate) bool {
		return candidate.AffiliateID == of.Affiliate
	}) {
		v.differs(where, "affiliate", d.Chosen, fmt.Sprintf("%d, that of commission rule %d", of.Affiliate, rule.ID))
	} else if d.Reason != attribution.ReasonMoved {
		v.compare(where, "affiliate", d.Chosen, of.Affiliate)
	}
}

// carried checks a value that no caller set: it is what was priced, and the same number
// after a change of currency.
func (v *verification) carried(where string, c *db.Conversion, priced money.Amount, now money.Currency) {
	same, err := priced.As(now)
	if err != nil {
		v.differs(where, "value", money.New(c.Value, now), "what was priced, which does not fit its currency")
		return
	}
	v.compare(where, "value", c.Value, same.Minor())
}
