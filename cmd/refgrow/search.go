package main

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strconv"
	"time"

	"github.com/refgrow-go/refgrow"
)

// searchFlags narrow a search.
type searchFlags struct {
	project string
	limit   whole
}

func searchCommand() command {
	return command{
		name: "search", operand: "TEXT", summary: "find whoever and whatever a text names",
		example: "refgrow search in_123",
		text: "Finds what a text names or begins to name: affiliates by email, code or slug, also by former codes;\n" +
			"customers by email or the app's own id; conversions by reference, coupons by code; and of numbers the\n" +
			"conversion and the payout with this id. People who were erased are not found.\n\n" +
			`JSON: {"affiliates", "referrals", "conversions", "coupons", "payouts"}, arrays of what "list" prints.`,
		prepare: func(flags *flag.FlagSet) work {
			s := searchFlags{limit: 20}
			flags.StringVar(&s.project, "project", "", projectUsage)
			flags.Var(&s.limit, "limit", "`NUMBER` of each kind at most, 1 to "+strconv.Itoa(refgrow.MaxFound))
			return s.search
		},
	}
}

// foundJSON is what a search finds.
type foundJSON struct {
	Affiliates  []json.RawMessage `json:"affiliates"`
	Referrals   []json.RawMessage `json:"referrals"`
	Conversions []json.RawMessage `json:"conversions"`
	Coupons     []json.RawMessage `json:"coupons"`
	Payouts     []payoutJSON      `json:"payouts"`
}

func (s *searchFlags) search(ctx context.Context, c *call) error {
	if s.limit == 0 {
		return usage("--limit must be 1 to %d", refgrow.MaxFound)
	}
	return c.withOneProject(ctx, s.project, func(project *refgrow.Project) error {
		found, err := project.Insights().Search(ctx, c.operand, int(s.limit))
		if err != nil {
			return err
		}
		payouts, err := payoutForms(ctx, project, found.Payouts)
		if err != nil {
			return err
		}
		if c.json {
			return c.stdout.json(foundJSON{
				Affiliates:  formsOf(found.Affiliates, (*refgrow.Affiliate).AppendJSON),
				Referrals:   formsOf(found.Referrals, (*refgrow.Referral).AppendJSON),
				Conversions: formsOf(found.Conversions, (*refgrow.Conversion).AppendJSON),
				Coupons:     formsOf(found.Coupons, (*refgrow.Coupon).AppendJSON),
				Payouts:     payouts,
			})
		}
		rows := append([][]string{{"KIND", "ID", "WHAT", "ABOUT"}}, foundRows(found, payouts)...)
		if len(rows) == 1 {
			tell(c.stderr, "nothing in the project %q is called or begins with %q\n", project.Name(), c.operand)
			return nil
		}
		return c.stdout.table(rows)
	})
}

func formsOf[T any](all []T, form func(*T, []byte) []byte) []json.RawMessage {
	forms := make([]json.RawMessage, len(all))
	for i := range all {
		forms[i] = form(&all[i], nil)
	}
	return forms
}

// foundRows has a line for each thing that a search has found.
func foundRows(found *refgrow.Found, payouts []payoutJSON) (rows [][]string) {
	add := func(kind string, id int64, what, form string, about ...any) {
		rows = append(rows, []string{kind, strconv.FormatInt(id, 10), what, fmt.Sprintf(form, about...)})
	}
	for _, a := range found.Affiliates {
		add("affiliate", a.ID, a.Email, "code %s, %s", a.ReferralCode, a.Status)
	}
	for _, r := range found.Referrals {
		add("customer", r.ID, cmp.Or(r.Email, "-"), "%s, affiliate %s", r.Status, cmp.Or(r.AffiliateCode, "-"))
	}
	for _, c := range found.Conversions {
		of := ""
		if c.BaseValue.IsSet() {
			of = " of " + c.BaseValue.String()
		}
		add("conversion", c.ID, cmp.Or(c.Reference, "-"), "%s%s, %s %s, %s", c.Type, of, c.Value, c.Status,
			c.CreatedAt.UTC().Format(time.DateOnly))
	}
	for _, c := range found.Coupons {
		add("coupon", c.ID, c.Code, "affiliate %s, %s", c.AffiliateReferralCode, c.Status)
	}
	for i := range payouts {
		p := &payouts[i]
		add("payout", orZero(p.ID), p.Amount+" "+p.Currency, "%s, to %s", p.Status, p.payee())
	}
	return rows
}
