package main

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
)

const projectForm = `JSON: {"id", "name", "currency", "commission", "commission_duration", "signup_commission",
"hold_days", "minimum_payout", "coupon_first", "self_referral", "touch", "cookie_days", "click_days",
"landing_url", "allowed_origins"}; a commission is "20%" or, like the minimum, "5.00" in the project's
currency; landing_url is null if there is none.`

// showProject prints a project with the settings in force.
func (c *call) showProject(ctx context.Context, project *refgrow.Project) error {
	settings, err := project.Settings(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.stdout.json(projectOf(project, settings))
	}
	return c.stdout.fields([][]string{
		{"project", project.Name()},
		{"currency", string(settings.Currency)},
		{"commission", settings.Commission.String()},
		{"commission duration", string(settings.CommissionDuration)},
		{"signup commission", settings.SignupCommission.String()},
		{"hold", days(settings.HoldDays)},
		{"minimum payout", settings.MinimumPayout.String()},
		{"coupon first", yesNo(settings.CouponFirst)},
		{"self-referral", string(settings.SelfReferral)},
		{"touch", string(settings.Touch)},
		{"visitors remembered", days(settings.CookieDays)},
		{"clicks kept", days(settings.ClickDays)},
		{"landing url", cmp.Or(settings.LandingURL, "-")},
		{"allowed origins", cmp.Or(strings.Join(settings.AllowedOrigins, " "), "-")},
	})
}

type projectJSON struct {
	ID                 int64    `json:"id"`
	Name               string   `json:"name"`
	Currency           string   `json:"currency"`
	Commission         string   `json:"commission"`
	CommissionDuration string   `json:"commission_duration"`
	SignupCommission   string   `json:"signup_commission"`
	HoldDays           int      `json:"hold_days"`
	MinimumPayout      string   `json:"minimum_payout"`
	CouponFirst        bool     `json:"coupon_first"`
	SelfReferral       string   `json:"self_referral"`
	Touch              string   `json:"touch"`
	CookieDays         int      `json:"cookie_days"`
	ClickDays          int      `json:"click_days"`
	LandingURL         *string  `json:"landing_url"`
	AllowedOrigins     []string `json:"allowed_origins"`
}

func projectOf(project *refgrow.Project, s refgrow.Settings) projectJSON {
	shown := projectJSON{
		ID:                 project.ID(),
		Name:               project.Name(),
		Currency:           string(s.Currency),
		Commission:         bare(s.Commission),
		CommissionDuration: string(s.CommissionDuration),
		SignupCommission:   bare(s.SignupCommission),
		HoldDays:           s.HoldDays,
		MinimumPayout:      s.MinimumPayout.Decimal(),
		CouponFirst:        s.CouponFirst,
		SelfReferral:       string(s.SelfReferral),
		Touch:              string(s.Touch),
		CookieDays:         s.CookieDays,
		ClickDays:          s.ClickDays,
		AllowedOrigins:     append([]string{}, s.AllowedOrigins...),
	}
	if s.LandingURL != "" {
		shown.LandingURL = &s.LandingURL
	}
	return shown
}

// bare is a commission without its currency, which is shown next to it: as --commission
// takes it.
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
