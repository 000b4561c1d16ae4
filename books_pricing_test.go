package refgrow_test

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// A modelRule is a percentage in millionths, or a fixed amount of the project's
// currency, and for how long a customer's purchases earn it.
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

// commission is what a rule pays: a share rounded once, half away from zero, or
// a fixed amount in the project's currency alone.
func (r modelRule) commission(currency money.Currency, base *big.Rat) *big.Rat {
	switch {
	case r.fixed != nil && currency == own:
		return r.fixed
	case r.fixed != nil || base == nil:
		return new(big.Rat)
	}
	return rounded(new(big.Rat).Mul(base, big.NewRat(r.millionths, 1_000_000)))
}

// ruleFor is the most specific rule in force.
func (m *model) ruleFor(c *modelConversion) modelRule {
	if c.kind == refgrow.Signup {
		return m.rules[refgrow.Signup]
	}
	for _, of := range []scope{{c.affiliate, c.product}, {c.affiliate, ""}, {0, c.product}} {
		if o := m.override(of); o != nil {
			return o.rule
		}
	}
	return m.rules[refgrow.Purchase]
}

func (m *model) override(of scope) *modelOverride {
	for _, o := range m.overrides {
		if o.scope == of {
			return o
		}
	}
	return nil
}

// price is what a new conversion earns by a rule. Without a customer it counts as
// a first purchase.
func (m *model) price(c *modelConversion, known bool) (*big.Rat, refgrow.CommissionReason) {
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

// within tells whether a new conversion is within a rule's duration, by all
// purchases of its customer that there are.
func (m *model) within(duration refgrow.CommissionDuration, c *modelConversion) bool {
	earlier, payments, first := 0, 0, c.created
	for _, p := range m.conversions {
		if c.customer == 0 || p.customer != c.customer || p.kind != refgrow.Purchase {
			continue
		}
		if p.created <= c.created {
			earlier++
		}
		if p.value.Sign() > 0 && p.affiliate != 0 {
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

// monthsLater is the same day and time so many months later, or the last day of
// that month.
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

// due is when so many months after the first purchase of a customer are over, or
// now for one who has not bought anything.
func (m *model) due(named refgrow.Customer, months int, now time.Time) time.Time {
	customer, fault := m.customer(named)
	if fault != "" || customer == nil {
		return now
	}
	first := all
	for _, p := range m.conversions {
		if p.customer == customer.id && p.kind == refgrow.Purchase {
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
	delete(on.model.overrides, id)
	return err
}

func (on *side) sameOverride(got *refgrow.Rule) error {
	o := on.model.overrides[got.ID]
	if o == nil {
		return fmt.Errorf("there should be no override %d", got.ID)
	}
	show := func(affiliate int64, product, commission string, duration refgrow.CommissionDuration, version int64) string {
		return fmt.Sprintf("version %d for affiliate %d, product %q: %s, %s", version, affiliate, product, commission, duration)
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
		filters = append(filters, refgrow.ListRulesParams{AffiliateID: id}, refgrow.ListRulesParams{AffiliateID: id, Product: product(1)})
	}
	for _, params := range filters {
		want := countOf(w.model.overrides, func(o *modelOverride) bool {
			return (params.AffiliateID == 0 || params.AffiliateID == o.affiliate) && (params.Product == "" || params.Product == o.product)
		})
		if err := walk(fmt.Sprintf("overrides for affiliate %d, product %q,", params.AffiliateID, params.Product), w.project.AllRules(w.ctx, params), func() (int64, error) {
			return w.project.CountRules(w.ctx, params)
		}, want, w.sameOverride); err != nil {
			return err
		}
	}
	return nil
}
