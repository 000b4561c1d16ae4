package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

const projectForm = `JSON: {"id", "name", "currency", "commission", "commission_duration", "signup_commission", "hold_days",
"minimum_payout", "coupon_first", "self_referral"}; a commission is "20%" or, as the minimum, "5.00" in the
project's currency.`

// projectFlags are the settings as they come from the command line.
type projectFlags struct {
	name                                   string // for "project set" alone
	currency, commission, signupCommission string
	duration, minimumPayout, selfReferral  string
	holdDays                               whole
	couponFirst                            bool
}

func (p *projectFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&p.currency, "currency", "", "`CODE` of the currency of fixed commissions, such as USD")
	flags.StringVar(&p.commission, "commission", "", "what a purchase earns: `20%` of it, or 5.00")
	flags.StringVar(&p.duration, "commission-duration", "",
		"each customer's `TIME`: lifetime, first_purchase, \"12 months\" or \"6 payments\"")
	flags.StringVar(&p.signupCommission, "signup-commission", "", "what a signup earns: `1.00`")
	flags.Var(&p.holdDays, "hold-days", "`DAYS` until a commission is eligible for payout, 0 to 365")
	flags.StringVar(&p.minimumPayout, "minimum-payout", "", "the least that a payout run pays an affiliate: `50.00`")
	flags.BoolVar(&p.couponFirst, "coupon-first", false, "let a coupon win over the affiliate that the customer has already")
	flags.StringVar(&p.selfReferral, "self-referral", "",
		"`WORD` for customers who are their own affiliates: refuse, flag or allow")
}

// params gives the settings that were named in the call. Fixed commissions and
// the minimum are read in the currency given, or else in that of now.
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
	return params, nil
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
		text: "Makes a project: one affiliate program with its own affiliates, settings and keys. A missing\n" +
			"database is made. A project of that name is an error, and stays as it is. Without flags the\nproject is in USD and pays nothing yet.\n\n" + projectForm,
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
		Currency: orZero(params.Currency), Commission: orZero(params.Commission), SignupCommission: orZero(params.SignupCommission),
		CommissionDuration: orZero(params.CommissionDuration), MinimumPayout: orZero(params.MinimumPayout),
		HoldDays: orZero(params.HoldDays), CouponFirst: orZero(params.CouponFirst), SelfReferral: orZero(params.SelfReferral),
	}
	return c.withEngine(ctx, creating, func(engine *refgrow.Engine) error {
		project, err := engine.CreateProject(ctx, c.operand, settings)
		if errors.Is(err, refgrow.ErrConflict) {
			return fmt.Errorf("the project %q exists already in %s, and was left as it is; \"refgrow project set\" changes one", c.operand, c.db)
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
		text: "Changes the settings that are named, for what happens from now on, and no others: all of them, or\n" +
			"none where one cannot be. No commission of earlier conversions changes by it. The currency is fixed\n" +
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
			return fmt.Errorf("--name: there is a project %q in %s already; nothing was changed", name, c.db)
		case errors.As(err, &own) && own.Field == "name":
			return usage("--name %s", own.Message)
		case err != nil:
			return err
		}
		if project, err = engine.Project(ctx, name); err != nil { // with its name of now
			return err
		}
		return c.showProject(ctx, project)
	})
}

func projectShowCommand() command {
	return command{
		name: "project show", operand: "NAME", summary: "show the settings of a project",
		text: "Shows the settings of a project.\n\n" + projectForm,
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
		text:    "Lists the projects with their settings, the oldest first.\n\nJSON: an array of what \"project show\" gives.",
		prepare: func(*flag.FlagSet) work { return listProjects },
	}
}

func listProjects(ctx context.Context, c *call) error {
	return c.withEngine(ctx, existing, func(engine *refgrow.Engine) error {
		projects, err := engine.Projects(ctx)
		if err != nil {
			return err
		}
		list := make([]projectJSON, len(projects))
		rows := [][]string{{
			"NAME", "CURRENCY", "COMMISSION", "DURATION", "SIGNUP", "HOLD", "MINIMUM PAYOUT", "COUPON FIRST", "SELF-REFERRAL",
		}}
		for i, project := range projects {
			settings, err := project.Settings(ctx)
			if err != nil {
				return err
			}
			list[i] = projectOf(project, settings)
			rows = append(rows, []string{
				project.Name(), string(settings.Currency), settings.Commission.String(), string(settings.CommissionDuration),
				settings.SignupCommission.String(), days(settings.HoldDays), settings.MinimumPayout.String(),
				yesNo(settings.CouponFirst), string(settings.SelfReferral),
			})
		}
		if c.json {
			return c.stdout.json(list)
		}
		return c.stdout.table(rows)
	})
}

// showProject prints a project with the settings in force.
func (c *call) showProject(ctx context.Context, project *refgrow.Project) error {
	settings, err := project.Settings(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.stdout.json(projectOf(project, settings))
	}
	return c.stdout.table([][]string{
		{"project", project.Name()},
		{"currency", string(settings.Currency)},
		{"commission", settings.Commission.String()},
		{"commission duration", string(settings.CommissionDuration)},
		{"signup commission", settings.SignupCommission.String()},
		{"hold", days(settings.HoldDays)},
		{"minimum payout", settings.MinimumPayout.String()},
		{"coupon first", yesNo(settings.CouponFirst)},
		{"self-referral", string(settings.SelfReferral)},
	})
}

type projectJSON struct {
	ID                 int64  `json:"id"`
	Name               string `json:"name"`
	Currency           string `json:"currency"`
	Commission         string `json:"commission"`
	CommissionDuration string `json:"commission_duration"`
	SignupCommission   string `json:"signup_commission"`
	HoldDays           int    `json:"hold_days"`
	MinimumPayout      string `json:"minimum_payout"`
	CouponFirst        bool   `json:"coupon_first"`
	SelfReferral       string `json:"self_referral"`
}

func projectOf(project *refgrow.Project, s refgrow.Settings) projectJSON {
	return projectJSON{
		ID: project.ID(), Name: project.Name(), Currency: string(s.Currency),
		Commission: bare(s.Commission), CommissionDuration: string(s.CommissionDuration), SignupCommission: bare(s.SignupCommission),
		HoldDays: s.HoldDays, MinimumPayout: s.MinimumPayout.Decimal(), CouponFirst: s.CouponFirst, SelfReferral: string(s.SelfReferral),
	}
}

// bare is a commission without its currency, which stands beside it: as
// --commission takes it.
func bare(c refgrow.Commission) string {
	text, _, _ := strings.Cut(c.String(), " ")
	return text
}

func days(n int) string {
	if n == 1 {
		return "1 day"
	}
	return strconv.Itoa(n) + " days"
}

func orZero[T any](value *T) T {
	if value == nil {
		var zero T
		return zero
	}
	return *value
}
