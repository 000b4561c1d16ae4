package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
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
	// Version counts the changes of the rule for this affiliate and product, from
	// 1 on. Each version has an id of its own.
	Version   int64
	CreatedAt time.Time
}

// CreateRuleParams describe an override.
type CreateRuleParams struct {
	// AffiliateID or Product must be given, or both.
	AffiliateID int64
	// Product is compared with the conversion's as it is written.
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

// CreateRule sets what purchases earn for an affiliate, a product, or both, from
// now on. Where there is an override for them already, this is its next version.
// No conversion that was recorded before earns more or less by it. Errors:
// ErrInvalid, ErrNotFound for an unknown affiliate.
func (p *Project) CreateRule(ctx context.Context, params CreateRuleParams) (*Rule, error) {
	switch {
	case params.AffiliateID < 0:
		return nil, positive("affiliate_id", params.AffiliateID)
	case params.AffiliateID == 0 && params.Product == "":
		return nil, invalid("affiliate_id", "or product is required: what the whole project pays is one of its settings")
	}
	if err := optionalText("product", params.Product, maxText); err != nil {
		return nil, err
	}
	var id int64
	var rule db.CommissionRule
	err := p.write(ctx, "setting a commission rule", func(ctx context.Context, o *op) error {
		commission, err := params.Commission.in("commission", o.state.settings.Currency)
		if err != nil {
			return err
		}
		duration, err := ParseCommissionDuration(string(params.Duration))
		if err != nil {
			return err
		}
		if params.AffiliateID != 0 {
			if _, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: params.AffiliateID}); err != nil {
				return missing(err, "Affiliate")
			}
		}
		if id, err = o.override(ctx, scope{Purchase, params.AffiliateID, params.Product}, terms{commission, duration}); err != nil {
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

// override begins the next version of an override, unless the one in force pays
// the same.
func (o *op) override(ctx context.Context, of scope, pays terms) (int64, error) {
	latest, err := o.GetLatestRule(ctx, db.GetLatestRuleParams{
		ProjectID: o.project, ConversionType: string(of.kind), AffiliateID: of.affiliate, Product: of.product,
	})
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && latest.EndedAt != nil:
		return o.beginRule(ctx, of, pays, latest.Version+1)
	case err != nil:
		return 0, err
	}
	return o.changeRule(ctx, latest, pays)
}

// carryOverrides lets fixed amounts follow the project's currency: they are the
// same number in it.
func (o *op) carryOverrides(ctx context.Context, currency money.Currency) error {
	rules, err := o.ListFixedOverrides(ctx, o.project)
	if err != nil {
		return err
	}
	for _, rule := range rules {
		pays, err := termsOf(rule)
		if err != nil {
			return err
		}
		if pays.commission, err = pays.commission.in("currency", currency); err != nil {
			return err
		}
		if _, err := o.changeRule(ctx, rule, pays); err != nil {
			return err
		}
	}
	return nil
}

// GetRule finds an override that is in force. Errors: ErrNotFound.
func (p *Project) GetRule(ctx context.Context, id int64) (*Rule, error) {
	row, err := read(p, "finding a commission rule", func(q db.Querier) (db.CommissionRule, error) {
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
	case row.EndedAt != nil || scopeOf(row).affiliate == 0 && scopeOf(row).product == "":
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
		if err := o.endRule(ctx, id); err != nil {
			return err
		}
		return o.reload(ctx)
	})
}

// ListRules gives a page of the overrides in force, newest first. Errors:
// ErrInvalid.
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
	rows, err := read(p, "listing commission rules", func(q db.Querier) ([]db.CommissionRule, error) {
		return q.ListOverrides(ctx, db.ListOverridesParams{
			ProjectID: p.id, AffiliateFrom: of.AffiliateFrom, AffiliateTo: of.AffiliateTo, ProductFrom: of.ProductFrom, ProductTo: of.ProductTo,
			BeforeTime: at.from.time, BeforeID: at.from.id, Limit: at.fetch(), Offset: at.offset,
		})
	})
	if err != nil {
		return page, err
	}
	return cut(at, rows, func(r *db.CommissionRule) (int64, int64) { return r.CreatedAt, r.ID }, showRule)
}

// filter is the params of a list as closed ranges.
func (params ListRulesParams) filter(project int64) (db.CountOverridesParams, error) {
	of := db.CountOverridesParams{ProjectID: project, AffiliateTo: math.MaxInt64}
	if params.AffiliateID < 0 {
		return of, positive("affiliate_id", params.AffiliateID)
	}
	if params.AffiliateID != 0 {
		of.AffiliateFrom, of.AffiliateTo = params.AffiliateID, params.AffiliateID
	}
	of.ProductFrom, of.ProductTo = params.Product, params.Product
	if params.Product == "" {
		of.ProductTo = strings.Repeat("\U0010FFFF", maxText+1) // behind every product
	}
	return of, nil
}

// CountRules counts all pages of a list. Errors: ErrInvalid.
func (p *Project) CountRules(ctx context.Context, params ListRulesParams) (int64, error) {
	of, err := params.filter(p.id)
	if err != nil {
		return 0, err
	}
	return read(p, "counting commission rules", func(q db.Querier) (int64, error) { return q.CountOverrides(ctx, of) })
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
	pays, err := termsOf(*r)
	if err != nil {
		return nil, failed("reading a commission rule", err)
	}
	return &Rule{
		ID: r.ID, AffiliateID: orZero(r.AffiliateID), Product: orZero(r.Product), Commission: pays.commission, Duration: pays.duration,
		Version: r.Version, CreatedAt: instant(r.CreatedAt),
	}, nil
}
