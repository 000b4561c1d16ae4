package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

const affiliateForm = "An affiliate has the members that it has in the REST API."

// affiliateFlags are those of the commands for affiliates, in the words of the API.
type affiliateFlags struct {
	project, email, code, slug, status string
	paused                             bool
	payPalEmail, wiseID                string
	wiseEmail, wiseName                string
}

func (a *affiliateFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&a.project, "project", "", projectUsage)
	flags.StringVar(&a.email, "email", "", "`EMAIL` of the affiliate")
	flags.StringVar(&a.code, "referral-code", "", "`CODE` of its links")
	flags.StringVar(&a.slug, "partner-slug", "", "a second `CODE`, of a-z, 0-9, - and _")
	flags.StringVar(&a.payPalEmail, "paypal-email", "", "`EMAIL` of its account at PayPal")
	flags.StringVar(&a.wiseID, "wise-account-id", "", "`ID` of the recipient that is saved at Wise")
	flags.StringVar(&a.wiseEmail, "wise-email", "", "`EMAIL` of its account at Wise")
	flags.StringVar(&a.wiseName, "wise-name", "", "`NAME` for the templates of Wise")
}

// preferences are those of an affiliate with what was given put in.
func (a *affiliateFlags) preferences(c *call, now refgrow.PayoutPreferences) refgrow.Null[refgrow.PayoutPreferences] {
	changed := false
	for _, p := range []struct {
		flag, value string
		to          *string
	}{
		{"paypal-email", a.payPalEmail, &now.PayPalEmail}, {"wise-account-id", a.wiseID, &now.WiseAccountID},
		{"wise-email", a.wiseEmail, &now.WiseEmail}, {"wise-name", a.wiseName, &now.WiseName},
	} {
		if c.given(p.flag) {
			*p.to, changed = p.value, true
		}
	}
	if !changed {
		return refgrow.Null[refgrow.PayoutPreferences]{}
	}
	return refgrow.Set(now)
}

func affiliateCreateCommand() command {
	return command{
		name: "affiliate create", summary: "add an affiliate",
		example: "refgrow affiliate create --email jane@example.com --referral-code JANE",
		text: "Adds an affiliate to the program, as POST /affiliates does. Without --referral-code one is made.\n\n" +
			"JSON: the affiliate. " + affiliateForm,
		prepare: func(flags *flag.FlagSet) work {
			var a affiliateFlags
			a.define(flags)
			return a.create
		},
	}
}

func (a *affiliateFlags) create(ctx context.Context, c *call) error {
	params := refgrow.CreateAffiliateParams{Email: a.email, ReferralCode: a.code, PartnerSlug: a.slug}
	if given := a.preferences(c, params.PayoutPreferences).Value(); given != nil {
		params.PayoutPreferences = *given
	}
	return c.withOneProject(ctx, a.project, func(project *refgrow.Project) error {
		made, err := project.CreateAffiliate(ctx, params)
		if err != nil {
			return err
		}
		return c.showAffiliate(made)
	})
}

func affiliateListCommand() command {
	return command{
		name: "affiliate list", summary: "list the affiliates",
		example: "refgrow affiliate list --status active",
		lists:   true,
		text:    "Lists the affiliates of a project, the newest first.\n\nJSON: an array of affiliates. " + affiliateForm,
		prepare: func(flags *flag.FlagSet) work {
			var a affiliateFlags
			flags.StringVar(&a.project, "project", "", projectUsage)
			flags.StringVar(&a.status, "status", "", "only those of a `STATUS`: active or inactive")
			flags.StringVar(&a.code, "referral-code", "", "only the one that a `CODE` or a slug leads to")
			return a.list
		},
	}
}

func (a *affiliateFlags) list(ctx context.Context, c *call) error {
	params := refgrow.ListAffiliatesParams{Status: refgrow.AffiliateStatus(a.status), Limit: refgrow.MaxLimit}
	if c.given("referral-code") {
		params.ReferralCode = &a.code
	}
	return c.withOneProject(ctx, a.project, func(project *refgrow.Project) error {
		return show(c, affiliateView(), project.AllAffiliates(ctx, params))
	})
}

func affiliateView() view[refgrow.Affiliate] {
	return view[refgrow.Affiliate]{
		doing:    "reading affiliates",
		headings: []string{"ID", "EMAIL", "CODE", "STATUS", "CLICKS", "SIGNUPS", "PURCHASES", "UNPAID"},
		row:      affiliateRow, form: appended((*refgrow.Affiliate).AppendJSON),
		full: refgrow.Affiliate{
			Earnings: []refgrow.Balance{{Held: money.New(1, money.USD), NextRelease: new(time.Time)}, {}},
			PayoutPreferences: refgrow.PayoutPreferences{
				PayPalEmail: "x", WiseAccountID: "x", WiseEmail: "x", WiseName: "x",
			},
		},
	}
}

func affiliateRow(a *refgrow.Affiliate) []string {
	unpaid := ""
	for i, b := range a.Earnings {
		if i > 0 {
			unpaid += ", "
		}
		unpaid += b.Unpaid.String()
	}
	return []string{
		strconv.FormatInt(a.ID, 10), a.Email, a.ReferralCode, string(a.Status), strconv.FormatInt(a.Clicks, 10),
		strconv.FormatInt(a.Signups, 10), strconv.FormatInt(a.Purchases, 10), unpaid,
	}
}

func affiliateShowCommand() command {
	return command{
		name: "affiliate show", operand: "AFFILIATE", summary: "show one affiliate",
		example: "refgrow affiliate show jane@example.com",
		text:    "Shows the affiliate with an email or an id.\n\nJSON: the affiliate. " + affiliateForm,
		prepare: func(flags *flag.FlagSet) work {
			var a affiliateFlags
			flags.StringVar(&a.project, "project", "", projectUsage)
			return a.show
		},
	}
}

func (a *affiliateFlags) show(ctx context.Context, c *call) error {
	return c.withAffiliate(ctx, a.project, func(_ *refgrow.Project, found *refgrow.Affiliate) error {
		return c.showAffiliate(found)
	})
}

func affiliateSetCommand() command {
	return command{
		name: "affiliate set", operand: "AFFILIATE", summary: "change an affiliate",
		example: "refgrow affiliate set jane@example.com --paypal-email jane@paypal.example",
		text: "Changes what is named, of the affiliate with an email or an id, as PUT /affiliates does. Former codes\n" +
			"keep leading to it. \"\" stands for none.\n\n" +
			"JSON: the affiliate. " + affiliateForm,
		prepare: func(flags *flag.FlagSet) work {
			var a affiliateFlags
			a.define(flags)
			flags.StringVar(&a.status, "status", "", "`STATUS`: active or inactive")
			flags.BoolVar(&a.paused, "payouts-paused", false, "payout runs leave it out; --payouts-paused=false ends that")
			return a.set
		},
	}
}

func (a *affiliateFlags) set(ctx context.Context, c *call) error {
	params := refgrow.UpdateAffiliateParams{PartnerSlug: c.text("partner-slug", a.slug)}
	if c.given("email") {
		params.Email = &a.email
	}
	if c.given("referral-code") {
		params.ReferralCode = &a.code
	}
	if c.given("status") {
		params.Status = new(refgrow.AffiliateStatus(a.status))
	}
	if c.given("payouts-paused") {
		params.PayoutsPaused = &a.paused
	}
	if params == (refgrow.UpdateAffiliateParams{}) && !a.preferences(c, refgrow.PayoutPreferences{}).Given() {
		return usage("\"refgrow affiliate set\" needs at least one change, such as --status inactive")
	}
	return c.withOneProject(ctx, a.project, func(project *refgrow.Project) error {
		var changed *refgrow.Affiliate
		err := project.Atomic(ctx, func(project *refgrow.Project) error {
			now, err := affiliateOf(ctx, project, c.operand)
			if err != nil {
				return err
			}
			params := params
			params.PayoutPreferences = a.preferences(c, now.PayoutPreferences)
			changed, err = project.UpdateAffiliate(ctx, now.ID, params)
			return err
		})
		if err != nil {
			return err
		}
		return c.showAffiliate(changed)
	})
}

func affiliateDeleteCommand() command {
	return command{
		name: "affiliate delete", operand: "AFFILIATE", summary: "remove an affiliate with all of its books",
		example: "refgrow affiliate delete jane@example.com",
		text: "Removes the affiliate with an email or an id, with its coupons, conversions, clicks, customers, ledger\n" +
			"and payouts. This is final; \"refgrow erase affiliate\" removes what names it, and keeps the books.\n\n" +
			`JSON: {"id", "deleted": true}`,
		prepare: func(flags *flag.FlagSet) work {
			var a affiliateFlags
			flags.StringVar(&a.project, "project", "", projectUsage)
			return a.remove
		},
	}
}

func (a *affiliateFlags) remove(ctx context.Context, c *call) error {
	return c.withAffiliate(ctx, a.project, func(project *refgrow.Project, found *refgrow.Affiliate) error {
		stop := progress(c.stderr, "removing the affiliate")
		err := project.DeleteAffiliate(ctx, found.ID)
		stop()
		if err != nil {
			return err
		}
		return c.showDeleted("affiliate", found.ID)
	})
}

// affiliateOf finds an affiliate by its email or its id.
func affiliateOf(ctx context.Context, project *refgrow.Project, text string) (*refgrow.Affiliate, error) {
	find := func() (*refgrow.Affiliate, error) { return project.AffiliateByEmail(ctx, text) }
	if id, err := strconv.ParseInt(text, 10, 64); err == nil {
		find = func() (*refgrow.Affiliate, error) { return project.GetAffiliate(ctx, id) }
	}
	affiliate, err := find()
	if own := (*refgrow.Error)(nil); errors.As(err, &own) && own.Field == "email" {
		return nil, usage("%q is neither the email nor the id of an affiliate", text)
	}
	if errors.Is(err, refgrow.ErrNotFound) {
		return nil, fmt.Errorf("there is no affiliate %s in the project %q", text, project.Name())
	}
	return affiliate, err
}

// withAffiliate works with the affiliate that the operand names.
func (c *call) withAffiliate(
	ctx context.Context, project string, work func(*refgrow.Project, *refgrow.Affiliate) error,
) error {
	return c.withOneProject(ctx, project, func(project *refgrow.Project) error {
		found, err := affiliateOf(ctx, project, c.operand)
		if err != nil {
			return err
		}
		return work(project, found)
	})
}

func (c *call) showAffiliate(a *refgrow.Affiliate) error {
	if c.json {
		return c.stdout.json(json.RawMessage(a.AppendJSON(nil)))
	}
	row := affiliateRow(a)
	rows := [][]string{
		{"affiliate", row[0]}, {"email", row[1]}, {"code", row[2]}, {"slug", cmp.Or(a.PartnerSlug, "-")}, {"status", row[3]},
		{"payouts paused", yesNo(a.PayoutsPaused)},
		{"clicks", row[4]}, {"signups", row[5]}, {"purchases", row[6]}, {"unpaid", row[7]},
	}
	for _, p := range [][]string{
		{"PayPal", a.PayoutPreferences.PayPalEmail}, {"Wise account", a.PayoutPreferences.WiseAccountID},
		{"Wise email", a.PayoutPreferences.WiseEmail}, {"Wise name", a.PayoutPreferences.WiseName},
	} {
		if p[1] != "" {
			rows = append(rows, p)
		}
	}
	return c.stdout.fields(append(rows, []string{"created", stamp(a.CreatedAt)}))
}
