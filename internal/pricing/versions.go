package pricing

import (
	"context"
	"database/sql"
	"errors"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// Versions changes the rules of a project. What a rule pays is never rewritten: a new
// version begins, and the one that priced a conversion stays as it was.
type Versions struct {
	Queries db.Querier
	Project int64
	Now     int64 // Unix milliseconds
}

// Begin writes a version of the rule of a scope and returns its id.
func (v Versions) Begin(ctx context.Context, of Scope, pays Terms, version int64) (int64, error) {
	row := db.InsertRuleParams{
		ProjectID: v.Project, ConversionType: of.Type,
		AffiliateID: stored.IDOrNull(of.Affiliate), Product: stored.TextOrNull(of.Product),
		Version: version, Kind: KindPercent, Rate: pays.Commission.Rate.Millionths(),
		Duration: string(pays.Duration.Span), DurationCount: pays.Duration.Count, CreatedAt: v.Now,
	}
	if fixed := pays.Commission.Fixed; fixed.IsSet() {
		row.Kind, row.Amount, row.Currency = KindFixed, fixed.Minor(), string(fixed.Currency())
	}
	return v.Queries.InsertRule(ctx, row)
}

// Change ends the version in force and begins the next one, unless that would pay the
// same. It returns the id of the version that is in force afterwards.
func (v Versions) Change(ctx context.Context, rule db.CommissionRule, next Terms) (int64, error) {
	now, err := TermsOf(rule)
	if err != nil || now == next {
		return rule.ID, err
	}
	if err := v.End(ctx, rule.ID); err != nil {
		return 0, err
	}
	return v.Begin(ctx, ScopeOf(rule), next, rule.Version+1)
}

// Set is Change for the rule of a scope that may have no version yet, or none in force.
func (v Versions) Set(ctx context.Context, of Scope, pays Terms) (int64, error) {
	latest, err := v.Queries.GetLatestRule(ctx, db.GetLatestRuleParams{
		ProjectID: v.Project, ConversionType: of.Type, AffiliateID: of.Affiliate, Product: of.Product,
	})
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && latest.EndedAt != nil:
		return v.Begin(ctx, of, pays, latest.Version+1)
	case err != nil:
		return 0, err
	}
	return v.Change(ctx, latest, pays)
}

// End ends a version: what it priced is then priced by the next less specific rule.
func (v Versions) End(ctx context.Context, id int64) error {
	return v.Queries.EndRule(ctx, db.EndRuleParams{ProjectID: v.Project, RuleID: id, EndedAt: &v.Now})
}
