package refgrow

import (
	"context"
	"reflect"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/pricing"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// SelfReferral says what happens when a customer is their own affiliate: when they have
// the affiliate's email or one of the addresses it is paid to, however it is written
// (see Attribution in the package's documentation).
type SelfReferral string

const (
	// SelfReferralRefuse records the event, attributed to nobody. The default.
	SelfReferralRefuse SelfReferral = "refuse"
	// SelfReferralFlag gives the credit and notes it in the decision.
	SelfReferralFlag SelfReferral = "flag"
	// SelfReferralAllow gives the credit.
	SelfReferralAllow SelfReferral = "allow"
)

// Touch says which link counts if a visitor came through several.
type Touch string

const (
	// TouchLast: the link that was followed last. The default.
	TouchLast Touch = "last"
	// TouchFirst: the first one, until its cookie expires.
	TouchFirst Touch = "first"
)

// Settings are the rules of a project. The zero value is a program in USD that
// pays nothing yet.
type Settings struct {
	// Currency is that of fixed commissions, and of amounts that come without one.
	// Defaults to USD. It cannot change once there is a ledger entry.
	Currency money.Currency
	// Commission is what a purchase earns. Defaults to 0 %.
	Commission Commission
	// CommissionDuration is how long a customer's purchases earn it. Defaults to
	// Lifetime.
	CommissionDuration CommissionDuration
	// SignupCommission is what a signup earns. Defaults to nothing.
	SignupCommission Commission
	// HoldDays is how many days of 24 hours, 0 to 365, a commission waits before it is
	// eligible for payout. A change affects only later conversions.
	HoldDays int
	// MinimumPayout is the least that a payout run pays out, in the project's currency.
	// Defaults to nothing. Other currencies have no minimum except the one passed to a
	// run.
	MinimumPayout money.Amount
	// CouponFirst lets a coupon win over the affiliate that the customer already has.
	CouponFirst bool
	// SelfReferral defaults to SelfReferralRefuse.
	SelfReferral SelfReferral
	// Touch defaults to TouchLast.
	Touch Touch
	// CookieDays is how many days, 1 to 400, a visitor is remembered. Defaults to 60.
	CookieDays int
	// ClickDays is how many days, 1 to 3650, individual clicks are kept. Their counts
	// are kept forever. Defaults to 90.
	ClickDays int
	// LandingURL is where referral links lead: an http or https URL, or a path of
	// the same host that begins with "/". Defaults to none.
	LandingURL string
	// AllowedOrigins are the sites, such as https://example.com, whose pages may use
	// the browser script, and to whose hosts a referral link may lead. Without any the
	// script reports nothing.
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
	LandingURL         *string   // "" removes it
	AllowedOrigins     *[]string // replaces them all
}

// The largest values that Settings accept. No browser keeps a cookie longer than 400
// days.
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

// complete fills in the defaults and refuses what is invalid. Fixed commissions and the
// minimum payout come out in the project's currency: their numbers stay the same.
func (s Settings) complete() (Settings, error) {
	if s.Currency == "" {
		s.Currency = "USD"
	}
	currency, err := money.ParseCurrency(string(s.Currency))
	if err != nil {
		return s, at("currency", err)
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
	if err := at("landing_url", form.Landing(s.LandingURL)); err != nil {
		return s, err
	}
	var err error
	s.AllowedOrigins, err = form.Origins(s.AllowedOrigins, MaxAllowedOrigins)
	return s, at("allowed_origins", err)
}

func minimumIn(minimum money.Amount, currency money.Currency) (money.Amount, error) {
	if !minimum.IsSet() {
		return money.New(0, currency), nil
	}
	if err := at("minimum_payout", form.Amount(minimum)); err != nil {
		return minimum, err
	}
	minimum, err := minimum.As(currency)
	if err != nil {
		return minimum, at("minimum_payout", err)
	}
	return minimum, nil
}

// An ownRule is one of the two rules that apply to the whole project.
type ownRule struct {
	of   pricing.Scope
	pays pricing.Terms
}

func (s Settings) rules() ([]ownRule, error) {
	purchases, err := termsOf(s.Commission, s.CommissionDuration)
	if err != nil {
		return nil, err
	}
	signups, err := termsOf(s.SignupCommission, Lifetime)
	return []ownRule{
		{pricing.Scope{Type: pricing.Purchase}, purchases},
		{pricing.Scope{Type: pricing.Signup}, signups},
	}, err
}

// Settings returns the rules in force.
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

// UpdateSettings changes some of the rules and returns those in force afterwards. A
// commission that changes becomes a new version of its rule; conversions that were
// already recorded keep their commissions.
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
		return o.reload(ctx)
	})
	return settings, err
}

// ApplySettings makes the rules of the project those of settings, and returns them. It
// is how an app keeps them in its code: called at each start, after EnsureProject, it
// changes what differs, and writes nothing where nothing does. Fields with their zero
// value have the defaults that they have in CreateProject: what was changed elsewhere
// in the meantime, such as by PUT /project, is undone. A commission that changes
// becomes a new version of its rule, and another HoldDays is for later conversions.
//
// Everything can change but the Currency, once there is a ledger entry. Overrides
// (CreateRule) and the name (Rename) are no settings. Errors: ErrInvalid; ErrConflict
// for another Currency than that of the entries. Then nothing was changed.
func (p *Project) ApplySettings(ctx context.Context, settings Settings) (Settings, error) {
	settings, err := settings.complete()
	if err != nil {
		return Settings{}, err
	}
	now, err := p.Settings(ctx)
	if err != nil || reflect.DeepEqual(now, settings) {
		return now, err
	}
	err = p.write(ctx, "applying the settings", func(ctx context.Context, o *op) error {
		if now, err = o.changeSettings(ctx, settings); err != nil {
			return err
		}
		return o.reload(ctx)
	})
	if err != nil {
		return Settings{}, err
	}
	return now, nil
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
			return next, conflict("currency", "is fixed at %s: this project already has ledger entries", now.Currency)
		}
		// What was recorded in the old currency without naming it names it from now on.
		if err := o.NameCurrencies(ctx, o.project); err != nil {
			return next, err
		}
		if err := o.carryOverrides(ctx, next.Currency); err != nil {
			return next, err
		}
	}
	rules, err := next.rules()
	if err != nil {
		return next, err
	}
	for _, rule := range rules {
		if _, err := o.versions().Change(ctx, o.state.rules.Own[rule.of.Type], rule.pays); err != nil {
			return next, err
		}
	}
	return next, o.saveProject(ctx, o.state.name, next)
}

func (o *op) saveProject(ctx context.Context, name string, s Settings) error {
	list, err := stored.Texts(s.AllowedOrigins)
	if err != nil {
		return err
	}
	return o.UpdateProject(ctx, db.UpdateProjectParams{
		ProjectID: o.project, Name: name, Currency: string(s.Currency), HoldDays: int64(s.HoldDays),
		CouponFirst: stored.Flag(s.CouponFirst), SelfReferral: string(s.SelfReferral), MinimumPayout: s.MinimumPayout.Minor(),
		Touch: string(s.Touch), CookieDays: int64(s.CookieDays), ClickDays: int64(s.ClickDays),
		LandingURL: stored.TextOrNull(s.LandingURL), Origins: list,
	})
}
