package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
	"github.com/refgrow-go/refgrow/money"
)

func retrieveProject(c *call) (work, error) {
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		settings, err := p.Settings(ctx)
		if err != nil {
			return answer{}, err
		}
		name, err := p.CurrentName(ctx)
		if err != nil {
			return answer{}, err
		}
		return oneProject(p, name, settings), nil
	}, nil
}

func updateProject(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	name := b.newText("name")
	params := refgrow.UpdateSettingsParams{Currency: b.newCurrency("currency")}
	purchase := b.newText("commission")
	params.CommissionDuration = as[refgrow.CommissionDuration](b.newText("commission_duration"))
	signup := b.newText("signup_commission")
	params.HoldDays = b.newWhole("hold_days")
	minimum := b.newNumber("minimum_payout")
	params.CouponFirst = b.newFlag("coupon_first")
	params.SelfReferral = as[refgrow.SelfReferral](b.newText("self_referral"))
	params.Touch = as[refgrow.Touch](b.newText("touch"))
	params.CookieDays = b.newWhole("cookie_days")
	params.ClickDays = b.newWhole("click_days")
	if landing := b.nullText("landing_url"); landing.Given() {
		params.LandingURL = cmp.Or(landing.Value(), new(""))
	}
	if origins := b.newTexts("allowed_origins"); origins != nil {
		params.AllowedOrigins = &origins
	}
	if err := b.change(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		var settings refgrow.Settings
		err := p.Atomic(ctx, func(p *refgrow.Project) error {
			if err := sameName(ctx, p, name); err != nil {
				return err
			}
			now, err := p.Settings(ctx)
			if err != nil {
				return err
			}
			currency := now.Currency
			if params.Currency != nil {
				currency = *params.Currency
			}
			params := params
			if params.Commission, err = newCommission("commission", purchase, currency); err != nil {
				return err
			}
			if params.SignupCommission, err = newCommission("signup_commission", signup, currency); err != nil {
				return err
			}
			if minimum != nil {
				least, err := amount("minimum_payout", *minimum, currency)
				if err != nil {
					return err
				}
				params.MinimumPayout = &least
			}
			settings, err = p.UpdateSettings(ctx, params)
			return err
		})
		if err != nil {
			return answer{}, err
		}
		shown, err := p.CurrentName(ctx)
		if err != nil {
			return answer{}, err
		}
		return oneProject(p, shown, settings), nil
	}, nil
}

// sameName refuses another name for a project: operators, links and scripts use the names
// of all projects of a server, and a key is for one of them.
func sameName(ctx context.Context, p *refgrow.Project, name *string) error {
	if name == nil {
		return nil
	}
	now, err := p.CurrentName(ctx)
	if err != nil || *name == now {
		return err
	}
	return &problem{
		status: http.StatusForbidden, code: "name_fixed", field: "name",
		message: "cannot be changed with a key: whoever runs the server does it with refgrow project set, or in Go",
	}
}

// newCommission reads the commission that a field is changed to, nil when absent.
func newCommission(field string, text *string, c money.Currency) (*refgrow.Commission, error) {
	if text == nil {
		return nil, nil
	}
	pays, err := commission(field, *text, c)
	return &pays, err
}

// commission reads a percentage, or a fixed amount of the currency.
func commission(field, text string, c money.Currency) (refgrow.Commission, error) {
	pays, err := refgrow.ParseCommission(text, c)
	return pays, renamed(err, "commission", field)
}

// ownCurrency is the currency that a call named, or else the project's.
func ownCurrency(ctx context.Context, p *refgrow.Project, named money.Currency) (money.Currency, error) {
	if named != "" {
		return named, nil
	}
	settings, err := p.Settings(ctx)
	return settings.Currency, err
}

func oneProject(p *refgrow.Project, name string, settings refgrow.Settings) answer {
	return one(http.StatusOK, settings, func(o *wire.Object, s refgrow.Settings) {
		o.Integer("id", p.ID())
		o.Text("name", name)
		o.Text("currency", string(s.Currency))
		showTerms(o, "commission", s.Commission)
		o.Text("commission_duration", string(s.CommissionDuration))
		showTerms(o, "signup_commission", s.SignupCommission)
		o.Integer("hold_days", int64(s.HoldDays))
		o.Number("minimum_payout", s.MinimumPayout)
		o.Flag("coupon_first", s.CouponFirst)
		o.Text("self_referral", string(s.SelfReferral))
		o.Text("touch", string(s.Touch))
		o.Integer("cookie_days", int64(s.CookieDays))
		o.Integer("click_days", int64(s.ClickDays))
		o.Optional("landing_url", s.LandingURL)
		showTexts(o, "allowed_origins", s.AllowedOrigins)
	})
}

// showTerms shows "20%", or a fixed amount without its currency, which is the
// project's: the forms in which clients send it.
func showTerms(o *wire.Object, name string, c refgrow.Commission) {
	text, _, _ := strings.Cut(c.String(), " ")
	o.Text(name, text)
}
