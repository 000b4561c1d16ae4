package refgrow

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// SelfReferral says what happens when a customer is his own affiliate: when
// their emails are equal but for case and +tags.
type SelfReferral string

const (
	// SelfReferralRefuse records the event, attributed to nobody. The default.
	SelfReferralRefuse SelfReferral = "refuse"
	// SelfReferralFlag gives the credit and notes it in the decision.
	SelfReferralFlag SelfReferral = "flag"
	// SelfReferralAllow gives the credit.
	SelfReferralAllow SelfReferral = "allow"
)

// Settings are the rules of a project. The zero value is a program in USD that
// pays nothing yet.
type Settings struct {
	// Currency is that of fixed commissions, and of amounts that come without
	// one. Defaults to USD. It is fixed once there is a ledger entry.
	Currency money.Currency
	// Commission is what a purchase earns. Defaults to 0 %.
	Commission Commission
	// SignupCommission is what a signup earns. Defaults to nothing.
	SignupCommission Commission
	// HoldDays is how many days of 24 hours, 0 to 365, a commission waits before
	// it is eligible for payout. A change affects later conversions only.
	HoldDays int
	// CouponFirst lets a coupon win over the affiliate that the customer has
	// already.
	CouponFirst bool
	// SelfReferral defaults to SelfReferralRefuse.
	SelfReferral SelfReferral
}

// UpdateSettingsParams changes the fields that are not nil.
type UpdateSettingsParams struct {
	Currency         *money.Currency
	Commission       *Commission
	SignupCommission *Commission
	HoldDays         *int
	CouponFirst      *bool
	SelfReferral     *SelfReferral
}

// MaxHoldDays is the longest hold.
const MaxHoldDays = 365

// complete fills in the defaults and refuses what cannot be. Fixed commissions
// come out in the project's currency.
func (s Settings) complete() (Settings, error) {
	if s.Currency == "" {
		s.Currency = "USD"
	}
	currency, err := money.ParseCurrency(string(s.Currency))
	if err != nil {
		return s, invalid("currency", "%v", err)
	}
	s.Currency = currency
	if s.Commission, err = s.Commission.in("commission", currency); err != nil {
		return s, err
	}
	if s.SignupCommission, err = s.SignupCommission.in("signup_commission", currency); err != nil {
		return s, err
	}
	if s.HoldDays < 0 || s.HoldDays > MaxHoldDays {
		return s, invalid("hold_days", "must be from 0 to %d", MaxHoldDays)
	}
	switch s.SelfReferral {
	case "":
		s.SelfReferral = SelfReferralRefuse
	case SelfReferralRefuse, SelfReferralFlag, SelfReferralAllow:
	default:
		return s, invalid("self_referral", `must be "refuse", "flag" or "allow"`)
	}
	return s, nil
}

// Settings gives the rules in force.
func (p *Project) Settings(ctx context.Context) (Settings, error) {
	var settings Settings
	err := p.snapshot(ctx, "reading the settings", func(ctx context.Context, q db.Querier) error {
		state, err := readState(ctx, q, p.id)
		if err != nil {
			return err
		}
		settings = state.settings
		return nil
	})
	return settings, err
}

// UpdateSettings changes some of the rules and gives those in force then. A
// commission that changes becomes a new version of its rule; no conversion that
// was recorded before earns more or less by it.
func (p *Project) UpdateSettings(ctx context.Context, params UpdateSettingsParams) (Settings, error) {
	var settings Settings
	switch {
	case params.Currency != nil && *params.Currency == "":
		return settings, invalid("currency", "must not be empty")
	case params.SelfReferral != nil && *params.SelfReferral == "":
		return settings, invalid("self_referral", "must not be empty")
	}
	err := p.write(ctx, "changing the settings", func(ctx context.Context, o *op) error {
		next := params.apply(o.state.settings)
		var err error
		if settings, err = o.changeSettings(ctx, next); err != nil {
			return err
		}
		delete(o.Memo, stateKey(o.project))
		return nil
	})
	return settings, err
}

func (u UpdateSettingsParams) apply(s Settings) Settings {
	set(&s.Currency, u.Currency)
	set(&s.Commission, u.Commission)
	set(&s.SignupCommission, u.SignupCommission)
	set(&s.HoldDays, u.HoldDays)
	set(&s.CouponFirst, u.CouponFirst)
	set(&s.SelfReferral, u.SelfReferral)
	return s
}

func (o *op) changeSettings(ctx context.Context, next Settings) (Settings, error) {
	now := o.state.settings
	next, err := next.complete()
	if err != nil {
		return next, err
	}
	if next.Currency != now.Currency {
		totals, err := o.GetProjectTotals(ctx, o.project)
		if err != nil {
			return next, err
		}
		if totals.LedgerEntries > 0 {
			return next, conflict("currency", "is fixed: there are ledger entries in this project already")
		}
		// What was recorded in the old currency without naming it, names it now.
		if err := o.NameCurrencies(ctx, o.project); err != nil {
			return next, err
		}
	}
	for _, rule := range []struct {
		kind ConversionType
		next Commission
	}{{Purchase, next.Commission}, {Signup, next.SignupCommission}} {
		if err := o.changeProjectRule(ctx, rule.kind, rule.next); err != nil {
			return next, err
		}
	}
	return next, o.UpdateProject(ctx, db.UpdateProjectParams{
		ProjectID: o.project, Name: o.state.name, Currency: string(next.Currency), HoldDays: int64(next.HoldDays),
		CouponFirst: flag(next.CouponFirst), SelfReferral: string(next.SelfReferral),
	})
}

// state is what every operation needs to know of its project. It is read once
// for all operations that commit together, inside their transaction.
type state struct {
	name      string
	settings  Settings
	rules     map[ConversionType]db.CommissionRule
	lastStamp int64 // of the newest ledger entry, Unix milliseconds
}

type stateKey int64

func readState(ctx context.Context, q db.Querier, project int64) (*state, error) {
	row, err := q.GetProject(ctx, project)
	if err != nil {
		return nil, missing(err, "Project")
	}
	totals, err := q.GetProjectTotals(ctx, project)
	if err != nil {
		return nil, err
	}
	rules, err := q.ListProjectRulesInForce(ctx, project)
	if err != nil {
		return nil, err
	}
	s := &state{name: row.Name, lastStamp: totals.LastStamp, rules: make(map[ConversionType]db.CommissionRule, len(rules))}
	for _, rule := range rules {
		s.rules[ConversionType(rule.ConversionType)] = rule
	}
	if len(s.rules) != 2 {
		return nil, fmt.Errorf("project %d has not one commission rule in force for each type of conversion", project)
	}
	currency, err := storedCurrency(row.Currency)
	if err != nil {
		return nil, fmt.Errorf("project %d: %w", project, err)
	}
	s.settings = Settings{
		Currency: currency, HoldDays: int(row.HoldDays),
		CouponFirst: row.CouponFirst == 1, SelfReferral: SelfReferral(row.SelfReferral),
	}
	if s.settings.Commission, err = commissionOf(s.rules[Purchase]); err != nil {
		return nil, err
	}
	s.settings.SignupCommission, err = commissionOf(s.rules[Signup])
	return s, err
}

// EnsureProject finds the project of that name, as it is, or creates it with
// these settings.
func (e *Engine) EnsureProject(ctx context.Context, name string, settings Settings) (*Project, error) {
	p, err := e.Project(ctx, name)
	if !errors.Is(err, ErrNotFound) {
		return p, err
	}
	p, err = e.CreateProject(ctx, name, settings)
	if errors.Is(err, ErrConflict) { // somebody else was faster
		return e.Project(ctx, name)
	}
	return p, err
}

func projectName(name string) error {
	if name == "" || utf8.RuneCountInString(name) > 100 || strings.TrimSpace(name) != name || !printable(name) {
		return invalid("name", "must be 1 to 100 printable characters, without spaces around them")
	}
	return nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// flag is a truth as the database keeps it.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
