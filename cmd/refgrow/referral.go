package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
)

const referralForm = "A referral has the members that it has in the REST API."

// referralFlags are those of the commands for customers.
type referralFlags struct {
	project, status, from, external string
	affiliate                       int64
	email, affiliateID              string // of a change
}

func referralCreateCommand() command {
	return command{
		name: "referral create", summary: "add a customer, before any sale",
		example: "refgrow referral create --email carl@example.com --affiliate-id 1",
		text: "Adds a referred user, as POST /referrals does. --email is required.\n\n" +
			"JSON: the referral. " + referralForm,
		prepare: func(flags *flag.FlagSet) work {
			var r referralFlags
			flags.StringVar(&r.project, "project", "", projectUsage)
			flags.StringVar(&r.email, "email", "", "`EMAIL` of the customer")
			flags.StringVar(&r.affiliateID, "affiliate-id", "", "`ID` of the affiliate who gets the credit")
			flags.StringVar(&r.status, "status", "", "`STATUS`: pending, converted, direct or direct_signup")
			return r.create
		},
	}
}

func (r *referralFlags) create(ctx context.Context, c *call) error {
	affiliate, err := c.affiliateID(r.affiliateID)
	if err != nil {
		return err
	}
	params := refgrow.CreateReferralParams{Email: r.email, Status: refgrow.ReferralStatus(r.status)}
	if id := affiliate.Value(); id != nil {
		params.AffiliateID = *id
	}
	return c.withOneProject(ctx, r.project, func(project *refgrow.Project) error {
		made, err := project.CreateReferral(ctx, params)
		if err != nil {
			return err
		}
		return c.showReferral(made)
	})
}

func referralListCommand() command {
	return command{
		name: "referral list", summary: "list the customers",
		example: "refgrow referral list --status converted",
		lists:   true,
		text:    "Lists the referred users of a project, the newest first.\n\nJSON: an array of referrals. " + referralForm,
		prepare: func(flags *flag.FlagSet) work {
			var r referralFlags
			flags.StringVar(&r.project, "project", "", projectUsage)
			flags.Var((*idValue)(&r.affiliate), "affiliate-id", "only those of the affiliate with this `ID`")
			flags.StringVar(&r.status, "status", "",
				"only those of a `STATUS`: pending, converted, direct or direct_signup")
			return r.list
		},
	}
}

func (r *referralFlags) list(ctx context.Context, c *call) error {
	params := refgrow.ListReferralsParams{
		AffiliateID: r.affiliate, Status: refgrow.ReferralStatus(r.status), Limit: refgrow.MaxLimit,
	}
	return c.withOneProject(ctx, r.project, func(project *refgrow.Project) error {
		return show(c, referralView(), project.AllReferrals(ctx, params))
	})
}

func referralShowCommand() command {
	return command{
		name: "referral show", operand: "[CUSTOMER]", summary: "show one customer",
		example: "refgrow referral show --external-id u_17",
		text: "Shows the referred user with an email or an id, or with the app's own id.\n\n" +
			"JSON: the referral. " + referralForm,
		prepare: func(flags *flag.FlagSet) work {
			var r referralFlags
			flags.StringVar(&r.project, "project", "", projectUsage)
			flags.StringVar(&r.external, "external-id", "", "`ID` of the customer in the app, instead of CUSTOMER")
			return r.show
		},
	}
}

func (r *referralFlags) show(ctx context.Context, c *call) error {
	if (c.operand == "") != c.given("external-id") {
		return usage("\"refgrow referral show\" needs either a CUSTOMER or --external-id ID")
	}
	return c.withOneProject(ctx, r.project, func(project *refgrow.Project) error {
		var referral *refgrow.Referral
		var err error
		if c.operand == "" {
			referral, err = project.ReferralByExternalID(ctx, r.external)
			err = noReferral(err, r.external, project)
		} else {
			referral, err = referralOf(ctx, project, c.operand)
		}
		if err != nil {
			return err
		}
		return c.showReferral(referral)
	})
}

func referralSetCommand() command {
	return command{
		name: "referral set", operand: "CUSTOMER", summary: "change a customer",
		example: "refgrow referral set carl@example.com --affiliate-id 2",
		text: "Changes what is named, of the referred user with an email or an id. Another affiliate gets the credit\n" +
			"of later conversions only; \"refgrow conversion set\" moves earlier ones.\n\n" +
			"JSON: the referral. " + referralForm,
		prepare: func(flags *flag.FlagSet) work {
			var r referralFlags
			flags.StringVar(&r.project, "project", "", projectUsage)
			flags.StringVar(&r.email, "email", "", "another `EMAIL`")
			flags.StringVar(&r.affiliateID, "affiliate-id", "", "`ID` of the affiliate who gets the credit; \"\" for nobody")
			flags.StringVar(&r.status, "status", "", "`STATUS`: pending, converted, direct or direct_signup")
			return r.set
		},
	}
}

func (r *referralFlags) set(ctx context.Context, c *call) error {
	var params refgrow.UpdateReferralParams
	if c.given("email") {
		params.Email = &r.email
	}
	if c.given("status") {
		params.Status = new(refgrow.ReferralStatus(r.status))
	}
	var err error
	if params.AffiliateID, err = c.affiliateID(r.affiliateID); err != nil {
		return err
	}
	if params == (refgrow.UpdateReferralParams{}) {
		return usage("\"refgrow referral set\" needs at least one of --email, --affiliate-id and --status")
	}
	return c.withOneProject(ctx, r.project, func(project *refgrow.Project) error {
		referral, err := referralOf(ctx, project, c.operand)
		if err != nil {
			return err
		}
		changed, err := project.UpdateReferral(ctx, referral.ID, params)
		if err != nil {
			return err
		}
		return c.showReferral(changed)
	})
}

func referralDeleteCommand() command {
	return command{
		name: "referral delete", operand: "CUSTOMER", summary: "remove a customer, whose conversions stay",
		example: "refgrow referral delete carl@example.com",
		text: "Removes the referred user with an email or an id. The conversions stay in the books, without the\n" +
			"customer. This is final.\n\n" + `JSON: {"id", "deleted": true}`,
		prepare: func(flags *flag.FlagSet) work {
			var r referralFlags
			flags.StringVar(&r.project, "project", "", projectUsage)
			return r.remove
		},
	}
}

func (r *referralFlags) remove(ctx context.Context, c *call) error {
	return c.withOneProject(ctx, r.project, func(project *refgrow.Project) error {
		referral, err := referralOf(ctx, project, c.operand)
		if err != nil {
			return err
		}
		stop := progress(c.stderr, "detaching conversions")
		err = project.DeleteReferral(ctx, referral.ID)
		stop()
		if err != nil {
			return err
		}
		return c.showDeleted("customer", referral.ID)
	})
}

func referralMergeCommand() command {
	return command{
		name: "referral merge", operand: "CUSTOMER", summary: "join two customers who are one person",
		example: "refgrow referral merge carl@example.com --from carl@old.example",
		text: "Joins the referred user that --from names into the one with an email or an id: names and\n" +
			"conversions move, and the one of --from is gone. The books do not change. This is final.\n\n" +
			"JSON: the referral that stays. " + referralForm,
		prepare: func(flags *flag.FlagSet) work {
			var r referralFlags
			flags.StringVar(&r.project, "project", "", projectUsage)
			flags.StringVar(&r.from, "from", "", "the `CUSTOMER` that ends, by email or id; required")
			return r.merge
		},
	}
}

func (r *referralFlags) merge(ctx context.Context, c *call) error {
	if r.from == "" {
		return usage("\"refgrow referral merge\" needs --from CUSTOMER")
	}
	return c.withOneProject(ctx, r.project, func(project *refgrow.Project) error {
		into, err := referralOf(ctx, project, c.operand)
		if err != nil {
			return err
		}
		from, err := referralOf(ctx, project, r.from)
		if err != nil {
			return err
		}
		stop := progress(c.stderr, "moving conversions")
		merged, err := project.MergeReferrals(ctx, into.ID, from.ID)
		stop()
		if err != nil {
			return err
		}
		return c.showReferral(merged)
	})
}

// referralOf finds a referred user by its email or its id.
func referralOf(ctx context.Context, project *refgrow.Project, text string) (*refgrow.Referral, error) {
	find := func() (*refgrow.Referral, error) { return project.ReferralByEmail(ctx, text) }
	if id, err := strconv.ParseInt(text, 10, 64); err == nil {
		find = func() (*refgrow.Referral, error) { return project.GetReferral(ctx, id) }
	}
	referral, err := find()
	if own := (*refgrow.Error)(nil); errors.As(err, &own) && own.Field == "email" {
		return nil, usage("%q is neither the email nor the id of a customer", text)
	}
	return referral, noReferral(err, text, project)
}

func noReferral(err error, text string, project *refgrow.Project) error {
	if errors.Is(err, refgrow.ErrNotFound) {
		return fmt.Errorf("there is no customer %s in the project %q", text, project.Name())
	}
	return err
}

func referralView() view[refgrow.Referral] {
	return view[refgrow.Referral]{
		doing:    "reading customers",
		headings: []string{"ID", "EMAIL", "EXTERNAL IDS", "STATUS", "AFFILIATE"},
		row: func(r *refgrow.Referral) []string {
			return []string{
				strconv.FormatInt(r.ID, 10), r.Email, strings.Join(r.ExternalIDs, " "), string(r.Status), r.AffiliateCode,
			}
		},
		form: appended((*refgrow.Referral).AppendJSON),
	}
}

func (c *call) showReferral(r *refgrow.Referral) error {
	if c.json {
		return c.stdout.json(json.RawMessage(r.AppendJSON(nil)))
	}
	rows := [][]string{
		{"customer", strconv.FormatInt(r.ID, 10)}, {"email", r.Email},
		{"external ids", strings.Join(r.ExternalIDs, " ")}, {"status", string(r.Status)}, {"affiliate", r.AffiliateCode},
	}
	if r.ConversionDate != nil {
		rows = append(rows, []string{"converted", stamp(*r.ConversionDate)})
	}
	return c.stdout.fields(append(rows, []string{"created", stamp(r.CreatedAt)}))
}
