package main

import (
	"context"
	"encoding/json"
	"flag"
	"strconv"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// accountFlags are those of the commands for an affiliate's account.
type accountFlags struct {
	project, amount, currency, note string
	asOf                            instant
}

func affiliateEarningsCommand() command {
	return command{
		name: "affiliate earnings", operand: "AFFILIATE", summary: "show an affiliate's balances",
		example: "refgrow affiliate earnings jane@example.com --as-of 2026-10-31",
		lists:   true,
		text: "Shows the balances of the affiliate with an email or an id, one for each currency, now or as of an\n" +
			"earlier instant.\n\n" +
			`JSON: an array of {"currency", "total", "paid", "unpaid", "eligible", "held", "reserved", "payable",` + "\n" +
			`"next_release_date", "closed_until"}, as in the REST API.`,
		prepare: func(flags *flag.FlagSet) work {
			var a accountFlags
			flags.StringVar(&a.project, "project", "", projectUsage)
			flags.Var(&a.asOf, "as-of", "`DATE` or instant, instead of now")
			return a.earnings
		},
	}
}

func (a *accountFlags) earnings(ctx context.Context, c *call) error {
	return c.withAffiliate(ctx, a.project, func(project *refgrow.Project, found *refgrow.Affiliate) error {
		var options []refgrow.EarningsOption
		if c.given("as-of") {
			options = append(options, refgrow.AsOf(a.asOf.Time))
		}
		balances, err := project.Earnings(ctx, found.ID, options...)
		if err != nil {
			return err
		}
		return show(c, balanceView(), each(balances))
	})
}

func balanceView() view[refgrow.Balance] {
	return view[refgrow.Balance]{
		headings: []string{"CURRENCY", "TOTAL", "PAID", "UNPAID", "ELIGIBLE", "HELD", "RESERVED", "PAYABLE", "NEXT RELEASE"},
		row: func(b *refgrow.Balance) []string {
			next := "-"
			if b.NextRelease != nil {
				next = stamp(*b.NextRelease)
			}
			return []string{
				string(b.Currency), b.Total.Decimal(), b.Paid.Decimal(), b.Unpaid.Decimal(), b.Eligible.Decimal(),
				b.Held.Decimal(), b.Reserved.Decimal(), b.Payable.Decimal(), next,
			}
		},
		form: appended((*refgrow.Balance).AppendJSON),
	}
}

const entryForm = `An entry is {"id", "kind", "amount", "currency", "available_at", "created_at",
"conversion_id", "payout_id", "note"}, as in the REST API.`

func affiliateLedgerCommand() command {
	return command{
		name: "affiliate ledger", operand: "AFFILIATE", summary: "list the entries of an affiliate's account",
		example: "refgrow affiliate ledger jane@example.com",
		lists:   true,
		text: "Lists the ledger entries of the affiliate with an email or an id, the newest first.\n\n" +
			"JSON: an array of entries. " + entryForm,
		prepare: func(flags *flag.FlagSet) work {
			var a accountFlags
			flags.StringVar(&a.project, "project", "", projectUsage)
			return a.ledger
		},
	}
}

func (a *accountFlags) ledger(ctx context.Context, c *call) error {
	return c.withAffiliate(ctx, a.project, func(project *refgrow.Project, found *refgrow.Affiliate) error {
		return show(c, entryView(), project.AllLedger(ctx, found.ID, refgrow.ListLedgerParams{Limit: refgrow.MaxLimit}))
	})
}

func affiliateAdjustCommand() command {
	return command{
		name: "affiliate adjust", operand: "AFFILIATE", summary: "give an affiliate a bonus, or deduct something",
		example: `refgrow affiliate adjust jane@example.com --amount 25.00 --note "Talk in October"`,
		text: "Enters a bonus, or with a negative --amount a deduction, in the account of the affiliate with an email\n" +
			"or an id. It is available at once, and the affiliate reads the note.\n\nJSON: the entry. " + entryForm,
		prepare: func(flags *flag.FlagSet) work {
			var a accountFlags
			flags.StringVar(&a.project, "project", "", projectUsage)
			flags.StringVar(&a.amount, "amount", "", "the bonus: `25.00`, or -25.00 to deduct; required")
			flags.StringVar(&a.currency, "currency", "", "`CODE` of the currency, instead of the project's")
			flags.StringVar(&a.note, "note", "", "`TEXT` that says what it is for; required")
			return a.adjust
		},
	}
}

func (a *accountFlags) adjust(ctx context.Context, c *call) error {
	return c.withAffiliate(ctx, a.project, func(project *refgrow.Project, found *refgrow.Affiliate) error {
		settings, err := project.Settings(ctx)
		if err != nil {
			return err
		}
		currency := settings.Currency
		if a.currency != "" {
			if currency, err = money.ParseCurrency(a.currency); err != nil {
				return usage("--currency: %v", err)
			}
		}
		params := refgrow.CreateAdjustmentParams{AffiliateID: found.ID, Note: a.note}
		if a.amount != "" {
			if params.Amount, err = amountOf("amount", a.amount, currency); err != nil {
				return err
			}
		}
		entry, err := project.CreateAdjustment(ctx, params)
		if err != nil {
			return err
		}
		if c.json {
			return c.stdout.json(json.RawMessage(entry.AppendJSON(nil)))
		}
		return show(c, entryView(), each([]refgrow.LedgerEntry{*entry}))
	})
}

func entryView() view[refgrow.LedgerEntry] {
	return view[refgrow.LedgerEntry]{
		doing:    "reading entries",
		headings: []string{"ID", "CREATED", "KIND", "AMOUNT", "AVAILABLE", "CONVERSION", "PAYOUT", "NOTE"},
		row: func(e *refgrow.LedgerEntry) []string {
			return []string{
				number(e.ID), stamp(e.CreatedAt), string(e.Kind), e.Amount.String(), stamp(e.AvailableAt),
				number(e.ConversionID), number(e.PayoutID), e.Note,
			}
		},
		form: appended((*refgrow.LedgerEntry).AppendJSON),
	}
}

// number is an id as it is shown, "-" for none.
func number(id int64) string {
	if id == 0 {
		return "-"
	}
	return strconv.FormatInt(id, 10)
}
