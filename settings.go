package refgrow

import (
	"context"
	"fmt"

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

// Touch says which of several links that a visitor came by counts.
type Touch string

const (
	// TouchLast: the link that was followed last. The default.
	TouchLast Touch = "last"
	// TouchFirst: the first one, until its cookie ends.
	TouchFirst Touch = "first"
)

// Settings are the rules of a project. The zero value is a program in USD that
// pays nothing yet.
type Settings struct {
	// Currency is that of fixed commissions, and of amounts that come without
	// one. Defaults to USD. It is fixed once there is a ledger entry.
	Currency money.Currency
	// Commission is what a purchase earns. Defaults to 0 %.
	Commission Commission
	// CommissionDuration is for how long a customer's purchases earn it. Defaults to
	// Lifetime.
	CommissionDuration CommissionDuration
	// SignupCommission is what a signup earns. Defaults to nothing.
	SignupCommission Commission
	// HoldDays is how many days of 24 hours, 0 to 365, a commission waits before
	// it is eligible for payout. A change affects later conversions only.
	HoldDays int
	// MinimumPayout is the least that a payout run pays out, in the project's
	// currency. Defaults to nothing. Other currencies have no minimum but the one
	// that a run is given.
	MinimumPayout money.Amount
	// CouponFirst lets a coupon win over the affiliate that the customer has
	// already.
	CouponFirst bool
	// SelfReferral defaults to SelfReferralRefuse.
	SelfReferral SelfReferral
	// Touch defaults to TouchLast.
	Touch Touch
	// CookieDays is for how many days, 1 to 400, a visitor is remembered. Defaults
	// to 60.
	CookieDays int
	// ClickDays is for how many days, 1 to 3650, the single clicks are kept.
	// Their number is kept for ever. Defaults to 90.
	ClickDays int
	// LandingURL is where referral links lead: an http or https URL, or a path of
	// the same host that begins with "/". Defaults to none.
	LandingURL string
	// AllowedOrigins are the sites, such as https://example.com, whose pages may use
	// the browser script, and to whose hosts a referral link may lead. Without one
	// the script tells nothing.
	AllowedOrigins []string
}

// UpdateSettingsParams changes the fields that are not nil.
type UpdateSettingsParams struct {
	Currency           *money.Currency
	Commission         *Commission
	CommissionDuration *CommissionDuration
	SignupCommission   *Commission
	HoldDays           *int
	MinimumPayout      *money.Amount
	CouponFirst        *bool
	SelfReferral       *SelfReferral
	Touch              *Touch
	CookieDays         *int
	ClickDays          *int
	LandingURL         *string   // "" takes it away
	AllowedOrigins     *[]string // all of them anew
}

// The most that Settings take. A browser keeps no cookie for longer than 400 days.
const (
	MaxHoldDays       = 365
	MaxCookieDays     = 400
	MaxClickDays      = 3650
	MaxAllowedOrigins = 100
)

const (
	defaultCookieDays = 60
	defaultClickDays  = 90
)

// complete fills in the defaults and refuses what cannot be. Fixed commissions
// and the minimum of a payout come out in the project's currency: they are the
// same number there.
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
	if s.CommissionDuration, err = ParseCommissionDuration(string(s.CommissionDuration)); err != nil {
		return s, err
	}
	if s.MinimumPayout, err = minimumIn(s.MinimumPayout, currency); err != nil {
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
	return s.completeTracking()
}

// completeTracking is complete for what concerns visits.
func (s Settings) completeTracking() (Settings, error) {
	switch s.Touch {
	case "":
		s.Touch = TouchLast
	case TouchLast, TouchFirst:
	default:
		return s, invalid("touch", `must be "last" or "first"`)
	}
	if s.CookieDays == 0 {
		s.CookieDays = defaultCookieDays
	}
	if s.CookieDays < 1 || s.CookieDays > MaxCookieDays {
		return s, invalid("cookie_days", "must be from 1 to %d", MaxCookieDays)
	}
	if s.ClickDays == 0 {
		s.ClickDays = defaultClickDays
	}
	if s.ClickDays < 1 || s.ClickDays > MaxClickDays {
		return s, invalid("click_days", "must be from 1 to %d", MaxClickDays)
	}
	if err := landing("landing_url", s.LandingURL); err != nil {
		return s, err
	}
	var err error
	s.AllowedOrigins, err = origins("allowed_origins", s.AllowedOrigins)
	return s, err
}

func minimumIn(minimum money.Amount, currency money.Currency) (money.Amount, error) {
	if !minimum.IsSet() {
		return money.New(0, currency), nil
	}
	if err := amount("minimum_payout", minimum); err != nil {
		return minimum, err
	}
	minimum, err := minimum.As(currency)
	if err != nil {
		return minimum, invalid("minimum_payout", "%v", err)
	}
	return minimum, nil
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
	case params.CommissionDuration != nil && *params.CommissionDuration == "":
		return settings, invalid("commission_duration", "must not be empty")
	case params.SelfReferral != nil && *params.SelfReferral == "":
		return settings, invalid("self_referral", "must not be empty")
	case params.Touch != nil && *params.Touch == "":
		return settings, invalid("touch", "must not be empty")
	case params.CookieDays != nil && *params.CookieDays == 0:
		return settings, invalid("cookie_days", "must be from 1 to %d", MaxCookieDays)
	case params.ClickDays != nil && *params.ClickDays == 0:
		return settings, invalid("click_days", "must be from 1 to %d", MaxClickDays)
	}
	err := p.write(ctx, "changing the settings", func(ctx context.Context, o *op) error {
		next := params.apply(o.state.settings)
		var err error
		if settings, err = o.changeSettings(ctx, next); err != nil {
			return err
		}
		o.visits = true
		return o.reload(ctx)
	})
	return settings, err
}

func (u UpdateSettingsParams) apply(s Settings) Settings {
	set(&s.Currency, u.Currency)
	set(&s.Commission, u.Commission)
	set(&s.CommissionDuration, u.CommissionDuration)
	set(&s.SignupCommission, u.SignupCommission)
	set(&s.HoldDays, u.HoldDays)
	set(&s.MinimumPayout, u.MinimumPayout)
	set(&s.CouponFirst, u.CouponFirst)
	set(&s.SelfReferral, u.SelfReferral)
	set(&s.Touch, u.Touch)
	set(&s.CookieDays, u.CookieDays)
	set(&s.ClickDays, u.ClickDays)
	set(&s.LandingURL, u.LandingURL)
	set(&s.AllowedOrigins, u.AllowedOrigins)
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
		if err := o.carryOverrides(ctx, next.Currency); err != nil {
			return next, err
		}
	}
	if _, err := o.changeRule(ctx, o.state.rules[Purchase], terms{next.Commission, next.CommissionDuration}); err != nil {
		return next, err
	}
	if _, err := o.changeRule(ctx, o.state.rules[Signup], terms{next.SignupCommission, Lifetime}); err != nil {
		return next, err
	}
	return next, o.saveProject(ctx, o.state.name, next)
}

func (o *op) saveProject(ctx context.Context, name string, s Settings) error {
	list, err := originsText(s.AllowedOrigins)
	if err != nil {
		return err
	}
	return o.UpdateProject(ctx, db.UpdateProjectParams{
		ProjectID: o.project, Name: name, Currency: string(s.Currency), HoldDays: int64(s.HoldDays),
		CouponFirst: flag(s.CouponFirst), SelfReferral: string(s.SelfReferral), MinimumPayout: s.MinimumPayout.Minor(),
		Touch: string(s.Touch), CookieDays: int64(s.CookieDays), ClickDays: int64(s.ClickDays), LandingURL: textOrNull(s.LandingURL),
		Origins: list,
	})
}

// state is what every operation needs to know of its project. It is read once
// for all operations that commit together, inside their transaction.
type state struct {
	name     string
	settings Settings
	rules    map[ConversionType]db.CommissionRule // the project's own
	// overridden tells whether there are other rules in force.
	overridden bool
	// watched tells whether there is an endpoint for events.
	watched   bool
	lastStamp int64 // of the newest ledger entry, Unix milliseconds
	claims    int64 // that browsers made and nobody has used
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
	s := &state{name: row.Name, lastStamp: totals.LastStamp, claims: totals.Claims, rules: make(map[ConversionType]db.CommissionRule, len(rules))}
	for _, r := range rules {
		s.rules[ConversionType(r.CommissionRule.ConversionType)] = r.CommissionRule
		s.overridden, s.watched = r.Overridden == 1, r.Watched == 1
	}
	if len(s.rules) != 2 {
		return nil, fmt.Errorf("%w: project %d has not one commission rule in force for each type of conversion", ErrDamaged, project)
	}
	currency, err := storedCurrency(row.Currency)
	if err != nil {
		return nil, fmt.Errorf("project %d: %w", project, err)
	}
	s.settings = Settings{
		Currency: currency, HoldDays: int(row.HoldDays),
		CouponFirst: row.CouponFirst == 1, SelfReferral: SelfReferral(row.SelfReferral),
		MinimumPayout: money.New(row.MinimumPayout, currency),
		Touch:         Touch(row.Touch), CookieDays: int(row.CookieDays), ClickDays: int(row.ClickDays), LandingURL: orZero(row.LandingURL),
	}
	if s.settings.AllowedOrigins, err = storedOrigins(row.Origins); err != nil {
		return nil, fmt.Errorf("project %d: %w", project, err)
	}
	purchases, err := termsOf(s.rules[Purchase])
	if err != nil {
		return nil, err
	}
	s.settings.Commission, s.settings.CommissionDuration = purchases.commission, purchases.duration
	s.settings.SignupCommission, err = commissionOf(s.rules[Signup])
	return s, err
}

// reload reads the state again, after something in it was changed.
func (o *op) reload(ctx context.Context) error {
	fresh, err := readState(ctx, o, o.project)
	if err != nil {
		return err
	}
	// The totals of this transaction are not written yet.
	fresh.lastStamp, fresh.claims = max(fresh.lastStamp, o.state.lastStamp), o.state.claims
	o.state = fresh
	o.Memo[stateKey(o.project)] = fresh
	return nil
}
