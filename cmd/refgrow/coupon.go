package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"strconv"

	"github.com/refgrow-go/refgrow"
)

const couponForm = "A coupon has the members that it has in the REST API."

// couponFlags are those of the commands for coupons, in the words of the API.
type couponFlags struct {
	project, code, stripeID, lemonSqueezy, status string
	affiliate                                     int64
}

func (f *couponFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&f.project, "project", "", projectUsage)
	flags.Var((*idValue)(&f.affiliate), "affiliate-id", "`ID` of the affiliate who gets the credit")
	flags.StringVar(&f.code, "coupon-code", "", "`CODE` that customers use")
	flags.StringVar(&f.stripeID, "stripe-coupon-id", "", "`ID` of the coupon at Stripe")
	flags.StringVar(&f.lemonSqueezy, "lemonsqueezy-discount-code", "", "`CODE` of the discount at Lemon Squeezy")
	flags.StringVar(&f.status, "status", "", "`STATUS`: active or inactive")
}

func couponCreateCommand() command {
	return command{
		name: "coupon create", summary: "tie a coupon code to an affiliate",
		example: "refgrow coupon create --affiliate-id 1 --coupon-code SAVE10",
		text: "Ties a code to an affiliate, as POST /coupons does: sales with it are credited to the affiliate.\n" +
			"--affiliate-id and --coupon-code are required.\n\nJSON: the coupon. " + couponForm,
		prepare: func(flags *flag.FlagSet) work {
			var f couponFlags
			f.define(flags)
			return f.create
		},
	}
}

func (f *couponFlags) create(ctx context.Context, c *call) error {
	return c.withOneProject(ctx, f.project, func(project *refgrow.Project) error {
		made, err := project.CreateCoupon(ctx, refgrow.CreateCouponParams{
			AffiliateID: f.affiliate, Code: f.code, StripeCouponID: f.stripeID, LemonSqueezyDiscountCode: f.lemonSqueezy,
			Status: refgrow.CouponStatus(f.status),
		})
		if err != nil {
			return err
		}
		return c.showCoupon(made)
	})
}

func couponListCommand() command {
	return command{
		name: "coupon list", summary: "list the coupons",
		example: "refgrow coupon list --affiliate-id 1",
		lists:   true,
		text:    "Lists the coupons of a project, the newest first.\n\nJSON: an array of coupons. " + couponForm,
		prepare: func(flags *flag.FlagSet) work {
			var f couponFlags
			flags.StringVar(&f.project, "project", "", projectUsage)
			flags.Var((*idValue)(&f.affiliate), "affiliate-id", "only those of the affiliate with this `ID`")
			flags.StringVar(&f.code, "coupon-code", "", "only those whose code contains a `TEXT`")
			flags.StringVar(&f.status, "status", "", "only those of a `STATUS`: active or inactive")
			return f.list
		},
	}
}

func (f *couponFlags) list(ctx context.Context, c *call) error {
	params := refgrow.ListCouponsParams{
		AffiliateID: f.affiliate, Code: f.code, Status: refgrow.CouponStatus(f.status), Limit: refgrow.MaxLimit,
	}
	return c.withOneProject(ctx, f.project, func(project *refgrow.Project) error {
		return show(c, couponView(), project.AllCoupons(ctx, params))
	})
}

func couponView() view[refgrow.Coupon] {
	return view[refgrow.Coupon]{
		doing:    "reading coupons",
		headings: []string{"ID", "CODE", "STATUS", "AFFILIATE", "EMAIL"},
		row: func(c *refgrow.Coupon) []string {
			return []string{
				strconv.FormatInt(c.ID, 10), c.Code, string(c.Status), c.AffiliateReferralCode, c.AffiliateEmail,
			}
		},
		form: appended((*refgrow.Coupon).AppendJSON),
	}
}

func couponShowCommand() command {
	return command{
		name: "coupon show", operand: "ID", summary: "show one coupon",
		example: "refgrow coupon show 1",
		text:    "Shows a coupon.\n\nJSON: the coupon. " + couponForm,
		prepare: func(flags *flag.FlagSet) work {
			var f couponFlags
			flags.StringVar(&f.project, "project", "", projectUsage)
			return f.show
		},
	}
}

func (f *couponFlags) show(ctx context.Context, c *call) error {
	return c.withCoupon(ctx, f.project, func(project *refgrow.Project, id int64) error {
		found, err := project.GetCoupon(ctx, id)
		if err != nil {
			return err
		}
		return c.showCoupon(found)
	})
}

func couponSetCommand() command {
	return command{
		name: "coupon set", operand: "ID", summary: "change a coupon",
		example: "refgrow coupon set 1 --status inactive",
		text: "Changes what is named, as PUT /coupons does. \"\" stands for no id at a provider. What the coupon has\n" +
			"attributed stays as it is.\n\nJSON: the coupon. " + couponForm,
		prepare: func(flags *flag.FlagSet) work {
			var f couponFlags
			f.define(flags)
			return f.set
		},
	}
}

func (f *couponFlags) set(ctx context.Context, c *call) error {
	params := refgrow.UpdateCouponParams{
		StripeCouponID:           c.text("stripe-coupon-id", f.stripeID),
		LemonSqueezyDiscountCode: c.text("lemonsqueezy-discount-code", f.lemonSqueezy),
	}
	if c.given("affiliate-id") {
		params.AffiliateID = &f.affiliate
	}
	if c.given("coupon-code") {
		params.Code = &f.code
	}
	if c.given("status") {
		params.Status = new(refgrow.CouponStatus(f.status))
	}
	if params == (refgrow.UpdateCouponParams{}) {
		return usage("\"refgrow coupon set\" needs at least one change, such as --status inactive")
	}
	return c.withCoupon(ctx, f.project, func(project *refgrow.Project, id int64) error {
		changed, err := project.UpdateCoupon(ctx, id, params)
		if err != nil {
			return err
		}
		return c.showCoupon(changed)
	})
}

func couponDeleteCommand() command {
	return command{
		name: "coupon delete", operand: "ID", summary: "remove a coupon, whose sales stay as they are",
		example: "refgrow coupon delete 1",
		text: "Removes a coupon. What it has attributed stays as it is. This is final.\n\n" +
			`JSON: {"id", "deleted": true}`,
		prepare: func(flags *flag.FlagSet) work {
			var f couponFlags
			flags.StringVar(&f.project, "project", "", projectUsage)
			return f.remove
		},
	}
}

func (f *couponFlags) remove(ctx context.Context, c *call) error {
	return c.withCoupon(ctx, f.project, func(project *refgrow.Project, id int64) error {
		if err := project.DeleteCoupon(ctx, id); err != nil {
			return err
		}
		return c.showDeleted("coupon", id)
	})
}

// withCoupon works with the id of the coupon that the operand names.
func (c *call) withCoupon(ctx context.Context, project string, work func(*refgrow.Project, int64) error) error {
	id, err := c.id("coupon")
	if err != nil {
		return err
	}
	return c.withOneProject(ctx, project, func(project *refgrow.Project) error {
		err := work(project, id)
		if own := (*refgrow.Error)(nil); errors.As(err, &own) && own.Code == refgrow.CodeNotFound &&
			own.Message == "Coupon not found" {
			return fmt.Errorf("there is no coupon %d in the project %q; \"refgrow coupon list\" shows the existing ones",
				id, project.Name())
		}
		return err
	})
}

func (c *call) showCoupon(coupon *refgrow.Coupon) error {
	if c.json {
		return c.stdout.json(json.RawMessage(coupon.AppendJSON(nil)))
	}
	rows := [][]string{
		{"coupon", strconv.FormatInt(coupon.ID, 10)}, {"code", coupon.Code}, {"status", string(coupon.Status)},
		{"affiliate", coupon.AffiliateReferralCode}, {"email", coupon.AffiliateEmail},
	}
	for _, of := range [][]string{
		{"at Stripe", coupon.StripeCouponID}, {"at Lemon Squeezy", coupon.LemonSqueezyDiscountCode},
	} {
		if of[1] != "" {
			rows = append(rows, of)
		}
	}
	return c.stdout.fields(append(rows, []string{"created", stamp(coupon.CreatedAt)}))
}
