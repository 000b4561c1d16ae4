package books_test

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// A modelRule is a percentage in millionths, or a fixed amount in the project's
// currency, and how long a customer's purchases earn it.
type modelRule struct {
	millionths int64
	fixed      *big.Rat
	duration   refgrow.CommissionDuration
}

// A scope is what an override is for: an affiliate, a product, or both.
type scope struct {
	affiliate int64
	product   string
}

type modelOverride struct {
	id int64
	scope
	rule    modelRule
	text    string // of the commission
	version int64
}

// ruleOf says whose rule it is: the project's for a type of conversion, or an override.
type ruleOf struct {
	kind refgrow.ConversionType
	scope
}

// newTerms are what a rule pays from an instant on: nothing of its own, once it ended.
type newTerms struct {
	from int64
	rule *modelRule
}

func (m *model) change(of ruleOf, rule *modelRule) {
	m.terms[of] = append(m.terms[of], newTerms{m.now, rule})
}

// setRule makes a rule of the project's pay something else.
func (m *model) setRule(kind refgrow.ConversionType, rule modelRule) {
	if before, known := m.rules[kind]; !known || !before.same(rule) {
		m.change(ruleOf{kind: kind}, &rule)
	}
	m.rules[kind] = rule
}

func (r modelRule) same(other modelRule) bool {
	fixed := (r.fixed == nil) == (other.fixed == nil) && (r.fixed == nil || r.fixed.Cmp(other.fixed) == 0)
	return fixed && r.millionths == other.millionths && r.duration == other.duration
}

// termsAt are what a rule paid at an instant: what the change of it said that was the
// last one to be made among those from that instant or before. nil for nothing.
func (m *model) termsAt(of ruleOf, instant int64) (rule *modelRule) {
	for _, change := range m.terms[of] {
		if change.from <= instant {
			rule = change.rule
		}
	}
	return rule
}

// commission is what a rule pays: a share rounded once, half away from zero, or a fixed
// amount, in the project's currency only.
func (r modelRule) commission(currency money.Currency, base *big.Rat) *big.Rat {
	switch {
	case r.fixed != nil && currency == own:
		return r.fixed
	case r.fixed != nil || base == nil:
		return new(big.Rat)
	}
	return rounded(new(big.Rat).Mul(base, big.NewRat(r.millionths, 1_000_000)))
}

// ruleFor is the most specific rule that was in force when a conversion happened. The
// project's first one is for everything before it.
func (m *model) ruleFor(c *modelConversion) modelRule {
	if c.kind == refgrow.Purchase {
		for _, of := range []scope{{c.affiliate, c.product}, {c.affiliate, ""}, {0, c.product}} {
			if of == (scope{}) {
				continue
			}
			if rule := m.termsAt(ruleOf{c.kind, of}, c.created); rule != nil {
				return *rule
			}
		}
	}
	own := ruleOf{kind: c.kind}
	if rule := m.termsAt(own, c.created); rule != nil {
		return *rule
	}
	return *m.terms[own][0].rule
}

func (m *model) override(of scope) *modelOverride {
	for _, o := range m.overrides {
		if o.scope == of {
			return o
		}
	}
	return nil
}

// price is what a conversion earns by a rule. Without a customer it counts as a first
// purchase, and for nobody it earns nothing.
func (m *model) price(c *modelConversion, known bool) (*big.Rat, refgrow.CommissionReason) {
	if c.affiliate == 0 {
		return new(big.Rat), refgrow.CommissionUnattributed
	}
	rule := m.ruleFor(c)
	switch {
	case !m.within(rule.duration, c):
		return new(big.Rat), refgrow.CommissionBeyondDuration
	case rule.fixed != nil && c.currency != own:
		return new(big.Rat), refgrow.CommissionOtherCurrency
	case !known && rule.duration != refgrow.Lifetime:
		return rule.commission(c.currency, c.base), refgrow.CommissionCustomerUnknown
	}
	return rule.commission(c.currency, c.base), refgrow.CommissionByRule
}

// within reports whether a conversion is within a rule's duration, judging by its
// customer's other purchases. One that is recorded now has no id yet.
func (m *model) within(duration refgrow.CommissionDuration, c *modelConversion) bool {
	earlier, payments, first := 0, 0, c.created
	for _, p := range m.conversions {
		if c.customer == 0 || p.customer != c.customer || p.id == c.id || !p.counts() {
			continue
		}
		if p.created < c.created || p.created == c.created && (c.id == 0 || p.id < c.id) {
			earlier++
		}
		if p.target().Sign() > 0 {
			payments++
		}
		first = min(first, p.created)
	}
	number, unit, _ := strings.Cut(string(duration), " ")
	n, _ := strconv.Atoi(number)
	switch strings.TrimSuffix(unit, "s") {
	case "month":
		return c.created < monthsLater(first, n)
	case "payment":
		return payments < n
	}
	return duration != refgrow.FirstPurchase || earlier == 0
}

// counts reports whether durations look at a purchase: somebody is credited with it, and
// it was paid for, or earned something all the same.
func (c *modelConversion) counts() bool {
	return c.kind == refgrow.Purchase && c.affiliate != 0 &&
		(c.base != nil && c.base.Sign() > 0 || c.value.Sign() > 0)
}

// monthsLater is the same day and time n months later, or the last day of that month.
func monthsLater(millis int64, n int) int64 {
	t := time.UnixMilli(millis).UTC()
	want := time.Month((int(t.Month())-1+n)%12 + 1)
	year := t.Year() + (int(t.Month())-1+n)/12
	for day := t.Day(); ; day-- {
		later := time.Date(year, want, day, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
		if later.Month() == want {
			return later.UnixMilli()
		}
	}
}

// due is that many months after a customer's first purchase, or now for one who has not
// bought anything.
func (m *model) due(named refgrow.Customer, months int, now time.Time) time.Time {
	customer, _ := m.customer(named)
	if customer == nil {
		return now
	}
	first := all
	for _, p := range m.conversions {
		if p.customer == customer.id && p.counts() {
			first = min(first, p.created)
		}
	}
	if first == all {
		return now
	}
	return time.UnixMilli(monthsLater(first, months))
}

// endOfMonth is noon on the last day of a month that is over.
func endOfMonth(now time.Time, monthsAgo int) time.Time {
	now = now.UTC()
	return time.Date(now.Year(), now.Month()-time.Month(monthsAgo-1), 0, 12, 0, 0, 0, time.UTC)
}

func product(selector int) string {
	if selector == none {
		return ""
	}
	return "plan-" + strconv.Itoa(selector)
}

// overrideOp sets an override, endOverrideOp ends one.
type (
	overrideOp struct {
		Affiliate, Product int // none, or a selector; a number
		Commission         string
		Duration           refgrow.CommissionDuration
	}
	endOverrideOp struct{ Override int }
)

func (op overrideOp) do(on *side) error {
	m := on.model
	of := scope{pick(op.Affiliate, m.affiliates), product(op.Product)}
	commission, pays, ok := rule(op.Commission)
	pays.duration = op.Duration
	var f faults
	f.add(refgrow.CodeInvalid, !ok || of == scope{})
	f.add(refgrow.CodeNotFound, of.affiliate != 0 && m.affiliates[of.affiliate] == nil)
	f.add(refgrow.CodeErased, m.isErased(of.affiliate))
	got, err := on.project.CreateRule(on.ctx, refgrow.CreateRuleParams{
		AffiliateID: of.affiliate, Product: of.product, Commission: commission, Duration: op.Duration,
	})
	if done, err := agree(err, f); !done {
		return err
	}
	o := m.override(of)
	if o == nil || o.text != commission.String() || o.rule.duration != op.Duration {
		if o != nil {
			delete(m.overrides, o.id)
		}
		m.versions[of]++
		o = &modelOverride{id: got.ID, scope: of, rule: pays, text: commission.String(), version: m.versions[of]}
		m.overrides[o.id] = o
		m.change(ruleOf{refgrow.Purchase, of}, &pays)
	}
	return on.sameOverride(got)
}

func (op endOverrideOp) do(on *side) error {
	id := pick(op.Override, on.model.overrides)
	var f faults
	f.add(refgrow.CodeNotFound, on.model.overrides[id] == nil)
	got, err := on.project.GetRule(on.ctx, id)
	done, err := agree(err, f)
	if err != nil {
		return err
	}
	if done {
		if err := on.sameOverride(got); err != nil {
			return err
		}
	}
	_, err = agree(on.project.DeleteRule(on.ctx, id), f)
	if o := on.model.overrides[id]; o != nil {
		on.model.change(ruleOf{refgrow.Purchase, o.scope}, nil)
	}
	delete(on.model.overrides, id)
	return err
}

func (on *side) sameOverride(got *refgrow.Rule) error {
	o := on.model.overrides[got.ID]
	if o == nil {
		return fmt.Errorf("there should be no override %d", got.ID)
	}
	show := func(affiliate int64, product, commission string, duration refgrow.CommissionDuration, version int64) string {
		return fmt.Sprintf("version %d for affiliate %d, product %q: %s, %s",
			version, affiliate, product, commission, duration)
	}
	s := show(got.AffiliateID, got.Product, got.Commission.String(), got.Duration, got.Version)
	if want := show(o.affiliate, o.product, o.text, o.rule.duration, o.version); s != want {
		return fmt.Errorf("override %d is %s, but should be %s", got.ID, s, want)
	}
	return nil
}

func (w *world) auditOverrides() error {
	filters := []refgrow.ListRulesParams{{}, {Product: product(1)}}
	for id := range w.model.affiliates {
		filters = append(filters, refgrow.ListRulesParams{AffiliateID: id},
			refgrow.ListRulesParams{AffiliateID: id, Product: product(1)})
	}
	for _, params := range filters {
		want := countOf(w.model.overrides, func(o *modelOverride) bool {
			return (params.AffiliateID == 0 || params.AffiliateID == o.affiliate) &&
				(params.Product == "" || params.Product == o.product)
		})
		what := fmt.Sprintf("overrides for affiliate %d, product %q", params.AffiliateID, params.Product)
		if err := walk(what, w.project.AllRules(w.ctx, params), func() (int64, error) {
			return w.project.CountRules(w.ctx, params)
		}, want, w.sameOverride); err != nil {
			return err
		}
	}
	return nil
}
