package refgrow

import (
	"context"
	"fmt"
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
	lifetime    = "lifetime"
)

// version is the row of a new version of a project's rule.
func (c Commission) version(project int64, kind ConversionType, version, now int64) db.InsertRuleParams {
	row := db.InsertRuleParams{
		ProjectID: project, ConversionType: string(kind), Version: version, Kind: kindPercent,
		Rate: c.rate.Millionths(), Duration: lifetime, CreatedAt: now,
	}
	if c.fixed.IsSet() {
		row.Kind, row.Amount, row.Currency = kindFixed, c.fixed.Minor(), string(c.fixed.Currency())
	}
	return row
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
	return Commission{rate: rate}, err
}

// changeProjectRule ends the version in force and begins the next one, unless
// it pays the same.
func (o *op) changeProjectRule(ctx context.Context, kind ConversionType, next Commission) error {
	rule := o.state.rules[kind]
	now, err := commissionOf(rule)
	if err != nil || now == next {
		return err
	}
	if err := o.EndRule(ctx, db.EndRuleParams{ProjectID: o.project, RuleID: rule.ID, EndedAt: &o.now}); err != nil {
		return err
	}
	_, err = o.InsertRule(ctx, next.version(o.project, kind, rule.Version+1, o.now))
	return err
}

// A CommissionReason says where a conversion's value comes from.
type CommissionReason string

const (
	// CommissionByRule: a version of a commission rule computed it.
	CommissionByRule CommissionReason = "rule"
	// CommissionGiven: the caller gave it, which wins over the rule.
	CommissionGiven CommissionReason = "value_given"
	// CommissionUnattributed: 0, because the conversion is attributed to nobody.
	CommissionUnattributed CommissionReason = "unattributed"
	// CommissionOtherCurrency: 0, because the rule is a fixed amount and the sale
	// is in another currency.
	CommissionOtherCurrency CommissionReason = "currency_mismatch"
)

// priced is what a conversion earns and why.
type priced struct {
	value  int64 // minor units of the conversion's currency
	reason CommissionReason
	rule   *db.CommissionRule // the version that was applied, if any
}

// price is the only place that computes a commission: from the rule, or as
// given, and once rounded, half away from zero. base is nil without a base
// value.
func price(rule db.CommissionRule, attributed bool, currency money.Currency, base *int64, given money.Amount) (priced, error) {
	switch {
	case given.IsSet():
		return priced{value: given.Minor(), reason: CommissionGiven}, nil
	case !attributed:
		return priced{reason: CommissionUnattributed}, nil
	}
	commission, err := commissionOf(rule)
	if err != nil {
		return priced{}, err
	}
	p := priced{reason: CommissionByRule, rule: &rule}
	switch {
	case commission.fixed.IsSet() && commission.fixed.Currency() != currency:
		p.reason = CommissionOtherCurrency
	case commission.fixed.IsSet():
		p.value = commission.fixed.Minor()
	case base != nil:
		p.value = commission.rate.Of(money.New(*base, currency)).Minor()
	}
	return p, nil
}
