package refgrow

import (
	"context"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/pricing"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// A Commission is what a rule pays: a percentage of the base value, or a fixed
// amount. Its zero value pays nothing.
type Commission struct {
	rate  money.Rate
	fixed money.Amount // set for a fixed commission
	wrong string       // why it is unusable; reported by the method that gets it
}

// Percent is a commission in percent of the base value: 0 to 100 with up to four
// decimals, such as "8.2" or "20%". A text that is not such a number is reported, as
// ErrInvalid, by the method that gets the commission.
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
		return Commission{}, at("commission", err)
	}
	return Fixed(amount), nil
}

// String is "20%" or "5.00 USD".
func (c Commission) String() string { return c.paying().String() }

// in checks a commission that was passed as the named field. A fixed one is carried
// over to the project's currency: the number stays the same.
func (c Commission) in(field string, currency money.Currency) (Commission, error) {
	if c.wrong != "" {
		return c, invalid(field, "%s", c.wrong)
	}
	carried, err := c.paying().In(currency)
	if err != nil {
		return c, at(field, err)
	}
	return showCommission(carried), nil
}

// paying is the commission in the form that rules use.
func (c Commission) paying() pricing.Commission {
	return pricing.Commission{Rate: c.rate, Fixed: c.fixed}
}

func showCommission(c pricing.Commission) Commission {
	return Commission{rate: c.Rate, fixed: c.Fixed}
}

// termsOf returns the terms of a rule with a commission and a duration.
func termsOf(c Commission, d CommissionDuration) (pricing.Terms, error) {
	duration, err := pricing.ParseDuration(string(d))
	return pricing.Terms{Commission: c.paying(), Duration: duration}, at("commission_duration", err)
}

// versions returns what changes the rules of the operation's project.
func (o *op) versions() pricing.Versions {
	return pricing.Versions{Queries: o, Project: o.project, Now: o.now}
}

// A CommissionReason says where a conversion's value comes from.
type CommissionReason string

const (
	// CommissionByRule: it follows from a version of a commission rule.
	CommissionByRule CommissionReason = "rule"
	// CommissionCustomerUnknown: it follows from a rule that does not last for life, as
	// for a first purchase, because the customer is not known.
	CommissionCustomerUnknown CommissionReason = "customer_unknown"
	// CommissionGiven: the caller gave it, which wins over the rule.
	CommissionGiven CommissionReason = "value_given"
	// CommissionUnattributed: 0, because the conversion is attributed to nobody.
	CommissionUnattributed CommissionReason = "unattributed"
	// CommissionBeyondDuration: 0, because the rule's duration had ended for this
	// customer.
	CommissionBeyondDuration CommissionReason = "beyond_duration"
	// CommissionOtherCurrency: 0, because the rule is a fixed amount and the sale
	// is in another currency.
	CommissionOtherCurrency CommissionReason = "currency_mismatch"
)

// A Rule is an override of what the project pays for purchases: for one
// affiliate, for one product, or for an affiliate and a product together. The
// most specific rule prices a purchase: affiliate and product, then affiliate,
// then product, then the project's own. A signup has no overrides.
type Rule struct {
	ID int64
	// AffiliateID is 0 for all affiliates, Product "" for all products.
	AffiliateID int64
	Product     string
	Commission  Commission
	Duration    CommissionDuration
	// Version counts the versions of the rule for this affiliate and product, starting
	// at 1. Each version has an id of its own.
	Version   int64
	CreatedAt time.Time
}

// CreateRuleParams describe an override.
type CreateRuleParams struct {
	// AffiliateID or Product must be given, or both.
	AffiliateID int64
	// Product is compared exactly with that of a conversion; blanks around it are
	// trimmed.
	Product    string
	Commission Commission
	// Duration defaults to Lifetime.
	Duration CommissionDuration
}

// ListRulesParams narrow and page the list of overrides.
type ListRulesParams struct {
	AffiliateID int64  // 0 for all
	Product     string // "" for all
	// Limit is 1 to 500; 0 means 50.
	Limit  int
	After  Cursor
	Offset int
}

// CreateRule sets what purchases earn for an affiliate, a product, or both, from now
// on. Where they already have an override, this is its next version. Conversions that
// were already recorded keep their commissions. Errors: ErrInvalid, ErrNotFound for an
// unknown affiliate, ErrConflict for one who was erased.
func (p *Project) CreateRule(ctx context.Context, params CreateRuleParams) (*Rule, error) {
	switch {
	case params.AffiliateID < 0:
		return nil, at("affiliate_id", form.ID(params.AffiliateID))
	case params.AffiliateID == 0 && params.Product == "":
		return nil, invalid("affiliate_id", "or product is required: what the whole project pays is one of its settings")
	}
	if err := at("product", form.Text(params.Product, form.MaxText)); err != nil {
		return nil, err
	}
	params.Product = form.Trim(params.Product) // as that of a conversion is
	var id int64
	var rule db.CommissionRule
	err := p.write(ctx, "setting a commission rule", func(ctx context.Context, o *op) error {
		commission, err := params.Commission.in("commission", o.state.settings.Currency)
		if err != nil {
			return err
		}
		pays, err := termsOf(commission, params.Duration)
		if err != nil {
			return err
		}
		if params.AffiliateID != 0 {
			affiliate, err := o.GetAffiliate(ctx, db.GetAffiliateParams{
				ProjectID: o.project, AffiliateID: params.AffiliateID,
			})
			if err != nil {
				return missing(err, "Affiliate")
			}
			if err := canBeNamed(&affiliate); err != nil {
				return err
			}
		}
		of := pricing.Scope{Type: pricing.Purchase, Affiliate: params.AffiliateID, Product: params.Product}
		if id, err = o.versions().Set(ctx, of, pays); err != nil {
			return err
		}
		if rule, err = o.Tx.GetRule(ctx, db.GetRuleParams{ProjectID: o.project, RuleID: id}); err != nil {
			return err
		}
		return o.reload(ctx)
	})
	if err != nil {
		return nil, err
	}
	return showRule(&rule)
}

// carryOverrides carries fixed amounts over to the project's new currency: the numbers
// stay the same.
func (o *op) carryOverrides(ctx context.Context, currency money.Currency) error {
	rules, err := o.ListFixedOverrides(ctx, o.project)
	if err != nil {
		return err
	}
	for _, rule := range rules {
		pays, err := pricing.TermsOf(rule)
		if err != nil {
			return err
		}
		if pays.Commission, err = pays.Commission.In(currency); err != nil {
			return at("currency", err)
		}
		if _, err := o.versions().Change(ctx, rule, pays); err != nil {
			return err
		}
	}
	return nil
}

// GetRule finds an override that is in force. Errors: ErrNotFound.
func (p *Project) GetRule(ctx context.Context, id int64) (*Rule, error) {
	row, err := read(ctx, p, "finding a commission rule", func(ctx context.Context, q db.Querier) (db.CommissionRule,
		error) {
		return overrideInForce(ctx, q, p.id, id)
	})
	if err != nil {
		return nil, err
	}
	return showRule(&row)
}

func overrideInForce(ctx context.Context, q db.Querier, project, id int64) (db.CommissionRule, error) {
	row, err := q.GetRule(ctx, db.GetRuleParams{ProjectID: project, RuleID: id})
	switch {
	case err != nil:
		return row, missing(err, "Commission rule")
	case row.EndedAt != nil || !pricing.ScopeOf(row).Override():
		return row, notFound("Commission rule")
	}
	return row, nil
}

// DeleteRule ends an override: later purchases are priced by the next less
// specific rule. Errors: ErrNotFound.
func (p *Project) DeleteRule(ctx context.Context, id int64) error {
	return p.write(ctx, "ending a commission rule", func(ctx context.Context, o *op) error {
		if _, err := overrideInForce(ctx, o, o.project, id); err != nil {
			return err
		}
		if err := o.versions().End(ctx, id); err != nil {
			return err
		}
		return o.reload(ctx)
	})
}

// ListRules returns a page of the overrides in force, newest first. Errors: ErrInvalid.
func (p *Project) ListRules(ctx context.Context, params ListRulesParams) (Page[Rule], error) {
	var page Page[Rule]
	of, err := params.filter(p.id)
	if err != nil {
		return page, err
	}
	at, err := pageOf("rules", params.Limit, 50, params.After, params.Offset, p.id, params.AffiliateID, params.Product)
	if err != nil {
		return page, err
	}
	rows, err := read(ctx, p, "listing commission rules", func(ctx context.Context, q db.Querier) ([]db.CommissionRule,
		error) {
		return q.ListOverrides(ctx, db.ListOverridesParams{
			ProjectID: p.id, AffiliateFrom: of.AffiliateFrom, AffiliateTo: of.AffiliateTo,
			ProductFrom: of.ProductFrom, ProductTo: of.ProductTo,
			BeforeTime: at.from.time, BeforeID: at.from.id, Limit: at.fetch(), Offset: at.offset,
		})
	})
	if err != nil {
		return page, err
	}
	return cut(at, rows, func(r *db.CommissionRule) (int64, int64) { return r.CreatedAt, r.ID }, shown(showRule))
}

// filter turns the params of a list into closed ranges.
func (params ListRulesParams) filter(project int64) (db.CountOverridesParams, error) {
	of := db.CountOverridesParams{ProjectID: project, AffiliateTo: math.MaxInt64}
	if params.AffiliateID < 0 {
		return of, at("affiliate_id", form.ID(params.AffiliateID))
	}
	if params.AffiliateID != 0 {
		of.AffiliateFrom, of.AffiliateTo = params.AffiliateID, params.AffiliateID
	}
	of.ProductFrom, of.ProductTo = params.Product, params.Product
	if params.Product == "" {
		of.ProductTo = strings.Repeat("\U0010FFFF", form.MaxText+1) // after every product
	}
	return of, nil
}

// CountRules counts all pages of a list. Errors: ErrInvalid.
func (p *Project) CountRules(ctx context.Context, params ListRulesParams) (int64, error) {
	of, err := params.filter(p.id)
	if err != nil {
		return 0, err
	}
	return read(ctx, p, "counting commission rules", func(ctx context.Context, q db.Querier) (int64,
		error) {
		return q.CountOverrides(ctx, of)
	})
}

// AllRules walks the whole list. It fetches page by page and holds no rows open.
func (p *Project) AllRules(ctx context.Context, params ListRulesParams) iter.Seq2[Rule, error] {
	return all(func(after Cursor) (Page[Rule], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return p.ListRules(ctx, params)
	})
}

func showRule(r *db.CommissionRule) (*Rule, error) {
	pays, err := pricing.TermsOf(*r)
	if err != nil {
		return nil, while("reading a commission rule", err)
	}
	return &Rule{
		ID: r.ID, AffiliateID: stored.OrZero(r.AffiliateID), Product: stored.OrZero(r.Product),
		Commission: showCommission(pays.Commission), Duration: showDuration(pays.Duration),
		Version: r.Version, CreatedAt: stored.Instant(r.CreatedAt),
	}, nil
}

// A CommissionDuration is how long a customer's purchases earn: Lifetime,
// FirstPurchase, Months or Payments. Its text is that of the REST API, such as "12
// months". The zero value is Lifetime.
type CommissionDuration string

const (
	// Lifetime: every purchase of the customer earns.
	Lifetime CommissionDuration = "lifetime"
	// FirstPurchase: only the customer's earliest purchase that was not deleted earns,
	// of those that an affiliate is credited with and that were paid for or earned
	// something. A refunded purchase counts.
	FirstPurchase CommissionDuration = "first_purchase"
)

// MaxDuration is the largest number of months or payments.
const MaxDuration = 1200

// Months is a duration that ends n calendar months (UTC) after the customer's first
// purchase. If the last month has no such day, it ends on the last day of that month. n
// is 1 to MaxDuration.
func Months(n int) CommissionDuration {
	return showDuration(pricing.Duration{Span: pricing.Months, Count: int64(n)})
}

// Payments is a duration of n purchases that earn something; one that was refunded in
// full does not count. n is 1 to MaxDuration.
func Payments(n int) CommissionDuration {
	return showDuration(pricing.Duration{Span: pricing.Payments, Count: int64(n)})
}

// ParseCommissionDuration reads "lifetime", "first_purchase", "12 months" or "6
// payments", and returns the one form of each. The empty text is Lifetime. Errors:
// ErrInvalid.
func ParseCommissionDuration(text string) (CommissionDuration, error) {
	d, err := pricing.ParseDuration(text)
	if err != nil {
		return "", at("commission_duration", err)
	}
	return showDuration(d), nil
}

func showDuration(d pricing.Duration) CommissionDuration { return CommissionDuration(d.String()) }
