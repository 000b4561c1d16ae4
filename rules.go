package refgrow

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// A Commission is what a rule pays: a percentage of the base value, or a fixed
// amount. Its zero value pays nothing.
type Commission struct {
	rate  money.Rate
	fixed money.Amount // set for a fixed commission
	wrong string       // why it is unusable; reported by the method it is given to
}

// Percent is a commission in percent of the base value: 0 to 100 with up to
// four decimals, such as "8.2" or "20%". A text that is no such number is
// reported, as ErrInvalid, by the method that is given the commission.
func Percent(text string) Commission {
	rate, err := money.ParseRate(text)
	if err != nil {
		return Commission{wrong: err.Error()}
	}
	return Commission{rate: rate}
}

// Fixed is the same commission for every conversion in the project's currency.
// One in another currency earns nothing.
func Fixed(amount money.Amount) Commission { return Commission{fixed: amount} }

// ParseCommission reads "20%" or, as an amount of the currency, "5.00".
func ParseCommission(text string, currency money.Currency) (Commission, error) {
	if strings.HasSuffix(text, "%") {
		c := Percent(text)
		if c.wrong != "" {
			return c, invalid("commission", "%s", c.wrong)
		}
		return c, nil
	}
	number, err := money.ParseDecimal(text)
	if err != nil {
		return Commission{}, invalid("commission", `must be a percentage such as "20%%" or an amount such as "5.00": %v`, err)
	}
	amount, err := number.In(currency)
	if err != nil {
		return Commission{}, invalid("commission", "%v", err)
	}
	return Fixed(amount), nil
}

// String is "20%" or "5.00 USD".
func (c Commission) String() string {
	if c.fixed.IsSet() {
		return c.fixed.String()
	}
	return c.rate.String()
}

// in checks a commission that comes in as the named field. A fixed one is
// carried over to the project's currency: it is the same number there.
func (c Commission) in(field string, currency money.Currency) (Commission, error) {
	if c.wrong != "" {
		return c, invalid(field, "%s", c.wrong)
	}
	if !c.fixed.IsSet() {
		return c, nil
	}
	if c.fixed.Sign() < 0 || c.fixed.Minor() > money.MaxMinor {
		return c, invalid(field, "must be from 0 to 9 * 10^15 minor units")
	}
	fixed, err := c.fixed.As(currency)
	if err != nil {
		return c, invalid(field, "%v", err)
	}
	return Fixed(fixed), nil
}

const (
	kindPercent = "percent"
	kindFixed   = "fixed"
)

// A scope is what a rule is for: one type of conversion, and, for an override,
// an affiliate, a product or both.
type scope struct {
	kind      ConversionType
	affiliate int64  // 0 for all
	product   string // "" for all
}

func scopeOf(rule db.CommissionRule) scope {
	return scope{ConversionType(rule.ConversionType), orZero(rule.AffiliateID), orZero(rule.Product)}
}

// terms are what a rule pays, and for how long.
type terms struct {
	commission Commission
	duration   CommissionDuration
}

func termsOf(rule db.CommissionRule) (terms, error) {
	commission, err := commissionOf(rule)
	if err != nil {
		return terms{}, err
	}
	duration, err := durationOf(rule)
	return terms{commission, duration}, err
}

// version is the row of a new version of a rule.
func (p terms) version(project int64, of scope, version, now int64) (db.InsertRuleParams, error) {
	kind, n, err := p.duration.parts()
	if err != nil {
		return db.InsertRuleParams{}, err
	}
	row := db.InsertRuleParams{
		ProjectID: project, ConversionType: string(of.kind), AffiliateID: idOrNull(of.affiliate), Product: textOrNull(of.product),
		Version: version, Kind: kindPercent, Rate: p.commission.rate.Millionths(), Duration: kind, DurationCount: int64(n), CreatedAt: now,
	}
	if fixed := p.commission.fixed; fixed.IsSet() {
		row.Kind, row.Amount, row.Currency = kindFixed, fixed.Minor(), string(fixed.Currency())
	}
	return row, nil
}

func commissionOf(rule db.CommissionRule) (Commission, error) {
	if rule.Kind == kindFixed {
		currency, err := storedCurrency(rule.Currency)
		if err != nil {
			return Commission{}, fmt.Errorf("commission rule %d: %w", rule.ID, err)
		}
		return Fixed(money.New(rule.Amount, currency)), nil
	}
	rate, err := money.RateFromMillionths(rule.Rate)
	if err != nil {
		return Commission{}, fmt.Errorf("%w: commission rule %d: %w", ErrDamaged, rule.ID, err)
	}
	return Commission{rate: rate}, nil
}

// changeRule ends the version in force and begins the next one, unless it pays
// the same. It gives the id of the one that is in force then.
func (o *op) changeRule(ctx context.Context, rule db.CommissionRule, next terms) (int64, error) {
	now, err := termsOf(rule)
	if err != nil || now == next {
		return rule.ID, err
	}
	if err := o.endRule(ctx, rule.ID); err != nil {
		return 0, err
	}
	return o.beginRule(ctx, scopeOf(rule), next, rule.Version+1)
}

func (o *op) beginRule(ctx context.Context, of scope, pays terms, version int64) (int64, error) {
	row, err := pays.version(o.project, of, version, o.now)
	if err != nil {
		return 0, err
	}
	return o.InsertRule(ctx, row)
}

func (o *op) endRule(ctx context.Context, id int64) error {
	return o.EndRule(ctx, db.EndRuleParams{ProjectID: o.project, RuleID: id, EndedAt: &o.now})
}

// ruleFor picks the rule that prices a conversion, the most specific one in
// force: that of its affiliate and product together, then that of the affiliate,
// then that of the product, then the project's.
func (o *op) ruleFor(ctx context.Context, c *db.Conversion) (db.CommissionRule, error) {
	kind := ConversionType(c.Type)
	if !o.state.overridden || kind != Purchase {
		return o.state.rules[kind], nil
	}
	rules, err := o.ListRulesFor(ctx, db.ListRulesForParams{
		ProjectID: o.project, ConversionType: c.Type, AffiliateID: orZero(c.AffiliateID), Product: orZero(c.Product),
	})
	if err != nil {
		return db.CommissionRule{}, err
	}
	specific := func(r db.CommissionRule) int {
		rank := 0
		if r.AffiliateID != nil {
			rank += 2
		}
		if r.Product != nil {
			rank++
		}
		return rank
	}
	if len(rules) == 0 {
		return db.CommissionRule{}, fmt.Errorf("project %d has no commission rule in force for a %s", o.project, kind)
	}
	return slices.MaxFunc(rules, func(a, b db.CommissionRule) int { return cmp.Compare(specific(a), specific(b)) }), nil
}

// A CommissionReason says where a conversion's value comes from.
type CommissionReason string

const (
	// CommissionByRule: a version of a commission rule computed it.
	CommissionByRule CommissionReason = "rule"
	// CommissionCustomerUnknown: a rule that does not last for life computed it as
	// for a first purchase, because the customer is not known.
	CommissionCustomerUnknown CommissionReason = "customer_unknown"
	// CommissionGiven: the caller gave it, which wins over the rule.
	CommissionGiven CommissionReason = "value_given"
	// CommissionUnattributed: 0, because the conversion is attributed to nobody.
	CommissionUnattributed CommissionReason = "unattributed"
	// CommissionBeyondDuration: 0, because the rule's duration was over for this
	// customer.
	CommissionBeyondDuration CommissionReason = "beyond_duration"
	// CommissionOtherCurrency: 0, because the rule is a fixed amount and the sale
	// is in another currency.
	CommissionOtherCurrency CommissionReason = "currency_mismatch"
)

// inputs are what a rule is applied to. They stay with the conversion, so that
// its commission can be explained and computed again.
type inputs struct {
	currency money.Currency
	base     *int64 // minor units, nil for none
	happened int64
	// For a rule of some months: when the customer's first purchase was, which may
	// be this one. nil for an unknown customer.
	firstAt *int64
	// For a rule of one or some purchases: how many of those that count there were
	// before, no further than the rule asks. nil for an unknown customer.
	before *int64
}

func inputsOf(c *db.Conversion) inputs {
	return inputs{money.Currency(c.PricedCurrency), c.PricedBaseValue, c.CreatedAt, c.PricedFirstAt, c.PricedBefore}
}

// priced is what a conversion earns and why.
type priced struct {
	value  int64 // minor units of the conversion's currency
	reason CommissionReason
}

// price is the only place that computes a commission: a share of the base value,
// rounded once, half away from zero, to the minor unit; or a fixed amount.
func price(rule db.CommissionRule, in inputs) (priced, error) {
	pays, err := termsOf(rule)
	if err != nil {
		return priced{}, err
	}
	fixed := pays.commission.fixed
	known, within := in.within(rule)
	p := priced{reason: CommissionByRule}
	switch {
	case !within:
		return priced{reason: CommissionBeyondDuration}, nil
	case fixed.IsSet() && fixed.Currency() != in.currency:
		return priced{reason: CommissionOtherCurrency}, nil
	case !known:
		p.reason = CommissionCustomerUnknown
	}
	switch {
	case fixed.IsSet():
		p.value = fixed.Minor()
	case in.base != nil:
		p.value = pays.commission.rate.Of(money.New(*in.base, in.currency)).Minor()
	}
	return p, nil
}
