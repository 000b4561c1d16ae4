package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// projectFlags are the settings as they come from the command line.
type projectFlags struct {
	name                                   string // for "project set" alone
	currency, commission, signupCommission string
	duration, minimumPayout, selfReferral  string
	holdDays                               whole
	couponFirst                            bool
	touch, landingURL                      string
	cookieDays, clickDays                  whole
	allowedOrigins                         origins
}

// origins are the sites whose pages may use the browser script. It is the value of a
// flag that may be repeated; an empty text removes what was named before it.
type origins []string

func (o *origins) String() string {
	if o == nil {
		return ""
	}
	return strings.Join(*o, ",")
}

func (o *origins) Set(text string) error {
	if text == "" {
		*o = nil
		return nil
	}
	*o = append(*o, text)
	return nil
}

func (p *projectFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&p.currency, "currency", "", "`CODE` of the currency of fixed commissions, such as USD")
	flags.StringVar(&p.commission, "commission", "", "what a purchase earns: `20%` of it, or 5.00")
	flags.StringVar(&p.duration, "commission-duration", "",
		"`TIME` that purchases earn: lifetime, first_purchase, \"12 months\" or \"6 payments\"")
	flags.StringVar(&p.signupCommission, "signup-commission", "", "what a signup earns: `1.00`")
	flags.Var(&p.holdDays, "hold-days", "`DAYS` until a commission is eligible for payout, 0 to 365")
	flags.StringVar(&p.minimumPayout, "minimum-payout", "", "the least that a payout run pays an affiliate: `50.00`")
	flags.BoolVar(&p.couponFirst, "coupon-first", false,
		"let a coupon win over the affiliate that the customer already has")
	flags.StringVar(&p.selfReferral, "self-referral", "",
		"`WORD` for sales to the affiliate's own email: refuse, flag or allow")
	flags.StringVar(&p.touch, "touch", "", "which link of several counts, by `WORD`: last or first")
	flags.Var(&p.cookieDays, "cookie-days", "`DAYS` that a visitor is remembered, 1 to 400")
	flags.Var(&p.clickDays, "click-days", "`DAYS` that single clicks are kept, 1 to 3650; their number stays")
	flags.StringVar(&p.landingURL, "landing-url", "", "where referral links lead: `URL`, or a path; \"\" for nowhere")
	flags.Var(&p.allowedOrigins, "allowed-origin",
		"`ORIGIN` with the script, such as https://a.com; may be repeated; \"\" for none")
}

// params returns the settings that were named in the call. Fixed commissions and the
// minimum are read in the currency given, or else in the present one.
func (p *projectFlags) params(c *call, now money.Currency) (refgrow.UpdateSettingsParams, error) {
	var params refgrow.UpdateSettingsParams
	if c.given("currency") {
		currency, err := money.ParseCurrency(p.currency)
		if err != nil {
			return params, usage("--currency: %v", err)
		}
		params.Currency, now = &currency, currency
	}
	for _, commission := range []struct {
		flag, text string
		to         **refgrow.Commission
	}{
		{"commission", p.commission, &params.Commission},
		{"signup-commission", p.signupCommission, &params.SignupCommission},
	} {
		if !c.given(commission.flag) {
			continue
		}
		parsed, err := refgrow.ParseCommission(commission.text, now)
		if own := (*refgrow.Error)(nil); errors.As(err, &own) {
			return params, usage("--%s: %s", commission.flag, own.Message)
		}
		if err != nil {
			return params, err
		}
		*commission.to = &parsed
	}
	if c.given("commission-duration") {
		duration, err := refgrow.ParseCommissionDuration(p.duration)
		if own := (*refgrow.Error)(nil); errors.As(err, &own) {
			return params, usage("--commission-duration: %s", own.Message)
		}
		if p.duration == "" {
			return params, usage("--commission-duration must not be empty")
		}
		params.CommissionDuration = &duration
	}
	if c.given("minimum-payout") {
		minimum, err := amountIn("minimum-payout", p.minimumPayout, now)
		if err != nil {
			return params, err
		}
		params.MinimumPayout = &minimum
	}
	if c.given("hold-days") {
		if p.holdDays > refgrow.MaxHoldDays {
			return params, usage("--hold-days must be from 0 to %d", refgrow.MaxHoldDays)
		}
		params.HoldDays = new(int(p.holdDays))
	}
	if c.given("coupon-first") {
		params.CouponFirst = &p.couponFirst
	}
	if c.given("self-referral") {
		word := refgrow.SelfReferral(p.selfReferral)
		switch word {
		case refgrow.SelfReferralRefuse, refgrow.SelfReferralFlag, refgrow.SelfReferralAllow:
			params.SelfReferral = &word
		default:
			return params, usage("--self-referral must be refuse, flag or allow, not %q", p.selfReferral)
		}
	}
	return params, p.tracking(c, &params)
}

// tracking reads the settings of tracking that were named in the call.
func (p *projectFlags) tracking(c *call, params *refgrow.UpdateSettingsParams) error {
	if c.given("touch") {
		word := refgrow.Touch(p.touch)
		switch word {
		case refgrow.TouchLast, refgrow.TouchFirst:
			params.Touch = &word
		default:
			return usage("--touch must be last or first, not %q", p.touch)
		}
	}
	for _, number := range []struct {
		flag string
		days whole
		to   **int
	}{{"cookie-days", p.cookieDays, &params.CookieDays}, {"click-days", p.clickDays, &params.ClickDays}} {
		if !c.given(number.flag) {
			continue
		}
		if number.days == 0 { // elsewhere 0 means the default
			return usage("--%s must be 1 or more", number.flag)
		}
		*number.to = new(int(number.days))
	}
	if c.given("landing-url") {
		params.LandingURL = &p.landingURL
	}
	if c.given("allowed-origin") {
		params.AllowedOrigins = (*[]string)(&p.allowedOrigins)
	}
	return nil
}

// amountIn reads the value of a flag that takes an amount, without its currency.
func amountIn(flag, text string, currency money.Currency) (money.Amount, error) {
	number, err := money.ParseDecimal(text)
	if err != nil {
		return money.Amount{}, usage("--%s must be an amount such as 50.00: %v", flag, err)
	}
	amount, err := number.In(currency)
	if err != nil {
		return money.Amount{}, usage("--%s: %v", flag, err)
	}
	return amount, nil
}

func projectCreateCommand() command {
	return command{
		name: "project create", operand: "NAME", summary: "make a project, and the database if there is none",
		example: "refgrow project create shop --commission 20% --hold-days 30",
		text: "Makes a project: one affiliate program with its own affiliates, settings and keys. A missing\n" +
			"database is made. A project of that name is an error, and stays as it is. Without flags the project\n" +
			"is in USD and pays nothing yet.\n\n" + projectForm,
		prepare: func(flags *flag.FlagSet) work {
			var p projectFlags
			p.define(flags)
			return p.create
		},
	}
}

func (p *projectFlags) create(ctx context.Context, c *call) error {
	params, err := p.params(c, "USD")
	if err != nil {
		return err
	}
	settings := refgrow.Settings{
		Currency:           orZero(params.Currency),
		Commission:         orZero(params.Commission),
		CommissionDuration: orZero(params.CommissionDuration),
		SignupCommission:   orZero(params.SignupCommission),
		HoldDays:           orZero(params.HoldDays),
		MinimumPayout:      orZero(params.MinimumPayout),
		CouponFirst:        orZero(params.CouponFirst),
		SelfReferral:       orZero(params.SelfReferral),
		Touch:              orZero(params.Touch),
		CookieDays:         orZero(params.CookieDays),
		ClickDays:          orZero(params.ClickDays),
		LandingURL:         orZero(params.LandingURL),
		AllowedOrigins:     orZero(params.AllowedOrigins),
	}
	return c.withEngine(ctx, creating, func(engine *refgrow.Engine) error {
		project, err := engine.CreateProject(ctx, c.operand, settings)
		if errors.Is(err, refgrow.ErrExists) {
			return fmt.Errorf("the project %q already exists in %s, "+
				"and was left as it is; \"refgrow project set\" changes it", c.operand, c.db)
		}
		if err != nil {
			return err
		}
		return c.showProject(ctx, project)
	})
}

func projectSetCommand() command {
	return command{
		name: "project set", operand: "NAME", summary: "change the settings of a project",
		example: "refgrow project set shop --commission 25% --minimum-payout 50.00",
		text: "Changes the settings that are named, for what happens from now on, and no others: all of them, or\n" +
			"none if one cannot be. Commissions of earlier conversions do not change. The currency is fixed\n" +
			"once there is a ledger entry.\n\n" + projectForm,
		prepare: func(flags *flag.FlagSet) work {
			var p projectFlags
			p.define(flags)
			flags.StringVar(&p.name, "name", "", "a new `NAME` for the project")
			return p.set
		},
	}
}

func (p *projectFlags) set(ctx context.Context, c *call) error {
	return c.withProject(ctx, c.operand, func(engine *refgrow.Engine, project *refgrow.Project) error {
		now, err := project.Settings(ctx)
		if err != nil {
			return err
		}
		params, err := p.params(c, now.Currency)
		if err != nil {
			return err
		}
		if params == (refgrow.UpdateSettingsParams{}) && !c.given("name") {
			return usage("\"refgrow project set\" needs at least one setting, such as --commission 20%%")
		}
		name := project.Name()
		if c.given("name") {
			name = p.name
		}
		err = project.Atomic(ctx, func(project *refgrow.Project) error {
			if _, err := project.UpdateSettings(ctx, params); err != nil || !c.given("name") {
				return err
			}
			return project.Rename(ctx, name)
		})
		switch own := (*refgrow.Error)(nil); {
		case errors.As(err, &own) && own.Field == "name" && own.Code == refgrow.CodeConflict:
			return fmt.Errorf("--name: there is already a project %q in %s; nothing was changed", name, c.db)
		case errors.As(err, &own) && own.Field == "name":
			return usage("--name %s", own.Message)
		case err != nil:
			return err
		}
		if project, err = engine.Project(ctx, name); err != nil { // under its new name
			return err
		}
		return c.showProject(ctx, project)
	})
}

func projectShowCommand() command {
	return command{
		name: "project show", operand: "NAME", summary: "show the settings of a project",
		example: "refgrow project show shop",
		text:    "Shows the settings of a project.\n\n" + projectForm,
		prepare: func(*flag.FlagSet) work {
			return func(ctx context.Context, c *call) error {
				return c.withProject(ctx, c.operand, func(_ *refgrow.Engine, project *refgrow.Project) error {
					return c.showProject(ctx, project)
				})
			}
		},
	}
}

func projectListCommand() command {
	return command{
		name: "project list", summary: "list the projects",
		example: "refgrow project list",
		lists:   true,
		text: "Lists the projects, the oldest first, with the settings of what they pay;\n" +
			"\"project show\" shows all of them.\n\nJSON: an array of what \"project show\" prints.",
		prepare: func(*flag.FlagSet) work { return listProjects },
	}
}

func listProjects(ctx context.Context, c *call) error {
	return c.withEngine(ctx, existing, func(engine *refgrow.Engine) error {
		projects, err := engine.Projects(ctx)
		if err != nil {
			return err
		}
		list := make([]settled, len(projects))
		for i, project := range projects {
			settings, err := project.Settings(ctx)
			if err != nil {
				return err
			}
			list[i] = settled{projectOf(project, settings), settings}
		}
		return show(c, projectView(), each(list))
	})
}

// settled is a project with its settings.
type settled struct {
	form     projectJSON
	settings refgrow.Settings
}

func projectView() view[settled] {
	return view[settled]{
		headings: []string{
			"NAME", "CURRENCY", "COMMISSION", "DURATION", "SIGNUP", "HOLD", "MINIMUM PAYOUT",
		},
		row: func(p *settled) []string {
			return []string{
				p.form.Name, p.form.Currency, p.settings.Commission.String(), p.form.CommissionDuration,
				p.settings.SignupCommission.String(), days(p.settings.HoldDays), p.settings.MinimumPayout.String(),
			}
		},
		form: func(p *settled) ([]byte, error) { return json.Marshal(p.form) },
	}
}

func orZero[T any](value *T) T {
	if value == nil {
		var zero T
		return zero
	}
	return *value
}
