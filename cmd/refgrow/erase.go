package main

import (
	"context"
	"encoding/json"
	"flag"
	"strconv"

	"github.com/refgrow-go/refgrow"
)

// eraseFlags are those of the commands that erase people.
type eraseFlags struct{ project string }

const erasedBooks = "The books stay: amounts, payouts and ids. The email, payout preferences and codes go, and so\n" +
	"do copies in events, stored answers, decisions and notes. Nothing of it is sent any more. This is\n" +
	"final, and done twice it does no harm."

func eraseAffiliateCommand() command {
	return command{
		name: "erase affiliate", operand: "AFFILIATE", summary: "remove what names an affiliate, and keep the books",
		example: "refgrow erase affiliate jane@example.com",
		text: "Erases the affiliate with an email or an id.\n\n" + erasedBooks + "\n\n" +
			"JSON: an object with id and user_email.",
		prepare: func(flags *flag.FlagSet) work {
			var e eraseFlags
			flags.StringVar(&e.project, "project", "", projectUsage)
			return e.affiliate
		},
	}
}

func (e *eraseFlags) affiliate(ctx context.Context, c *call) error {
	return c.withOneProject(ctx, e.project, func(project *refgrow.Project) error {
		a, err := affiliateOf(ctx, project, c.operand)
		if err != nil {
			return err
		}
		stop := progress(c.stderr, "erasing the affiliate")
		a, err = project.EraseAffiliate(ctx, a.ID)
		stop()
		if err != nil {
			return err
		}
		return c.showErased("affiliate", a.ID, a.Email)
	})
}

func eraseReferralCommand() command {
	return command{
		name: "erase referral", operand: "CUSTOMER", summary: "remove what names a customer, and keep the books",
		example: "refgrow erase referral carl@example.com",
		text: "Erases the referred user with an email or an id.\n\n" + erasedBooks + "\n\n" +
			"JSON: an object with id and user_email.",
		prepare: func(flags *flag.FlagSet) work {
			var e eraseFlags
			flags.StringVar(&e.project, "project", "", projectUsage)
			return e.referral
		},
	}
}

func (e *eraseFlags) referral(ctx context.Context, c *call) error {
	return c.withOneProject(ctx, e.project, func(project *refgrow.Project) error {
		r, err := referralOf(ctx, project, c.operand)
		if err != nil {
			return err
		}
		stop := progress(c.stderr, "erasing the customer")
		r, err = project.EraseReferral(ctx, r.ID)
		stop()
		if err != nil {
			return err
		}
		return c.showErased("customer", r.ID, r.Email)
	})
}

// showErased shows what is left of somebody.
func (c *call) showErased(what string, id int64, email string) error {
	if c.json {
		shown, err := json.Marshal(struct {
			ID    int64  `json:"id"`
			Email string `json:"user_email"`
		}{id, email})
		if err != nil {
			return err
		}
		return c.stdout.json(json.RawMessage(shown))
	}
	return c.stdout.fields([][]string{{what, strconv.FormatInt(id, 10)}, {"email", email}})
}
