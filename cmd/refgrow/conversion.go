package main

import (
	"context"
	"encoding/json"
	"flag"
	"strconv"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

const conversionForm = "A conversion has the members that it has in the REST API."

// conversionFlags describe a new conversion, in the words of the API.
type conversionFlags struct {
	project                     string
	kind, value, base, currency string
	affiliate, customer         int64
	email, external             string
	coupon, code, reference     string
	product, url                string
	paid                        bool
	occurred                    instant
}

func (f *conversionFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&f.kind, "type", "", "`WORD`: purchase or signup; required")
	flags.Var(&f.occurred, "occurred-at", "`DATE` or instant at which it happened, instead of now")
	flags.StringVar(&f.base, "base-value", "", "the sale: `49.00`; required for a purchase")
	flags.StringVar(&f.currency, "base-value-currency", "", "`CODE` of the currency, instead of the project's")
	flags.StringVar(&f.value, "value", "", "the commission, instead of what the rules say: `9.80`")
	flags.Var((*idValue)(&f.affiliate), "affiliate-id", "`ID` of the affiliate who gets the credit")
	flags.StringVar(&f.code, "referral-code", "", "`CODE` that the customer came through")
	flags.StringVar(&f.coupon, "coupon-code-used", "", "`CODE` of the coupon that the customer used")
	flags.Var((*idValue)(&f.customer), "referred-user-id", "`ID` of the customer")
	flags.StringVar(&f.external, "external-id", "", "`ID` of the customer in the app")
	flags.StringVar(&f.email, "email", "", "`EMAIL` of the customer")
	flags.StringVar(&f.reference, "reference", "", "the app's own name for it, such as an invoice's id: `TEXT`")
	flags.StringVar(&f.product, "product", "", "`NAME` of the product")
	flags.StringVar(&f.url, "url", "", "`URL` of the page")
	flags.BoolVar(&f.paid, "paid", false, "its commission was already paid")
}

// params reads the flags.
func (f *conversionFlags) params() (refgrow.RecordConversionParams, error) {
	p := refgrow.RecordConversionParams{
		Type: refgrow.ConversionType(f.kind), Currency: money.Currency(f.currency), AffiliateID: f.affiliate,
		Customer:     refgrow.Customer{ID: f.customer, ExternalID: f.external, Email: f.email},
		ReferralCode: f.code, CouponCode: f.coupon, Reference: f.reference, Product: f.product, URL: f.url,
		Paid: f.paid, OccurredAt: f.occurred.Time,
	}
	for _, number := range []struct {
		field, text string
		to          **money.Decimal
	}{{"base_value", f.base, &p.BaseNumber}, {"value", f.value, &p.ValueNumber}} {
		if number.text == "" {
			continue
		}
		amount, err := money.ParseDecimal(number.text)
		if err != nil {
			return p, usage("--%s: %v", flagOf(number.field), err)
		}
		*number.to = &amount
	}
	return p, nil
}

func conversionCreateCommand() command {
	return command{
		name: "conversion create", summary: "record a sale or a signup, also one of an earlier day",
		example: "refgrow conversion create --type purchase --base-value 49.00 --referral-code JANE --reference in_123",
		text: "Records a conversion as POST /conversions does: the customer is found or made, an affiliate is\n" +
			"credited, and the commission is entered in the books, by the rules of the day on which it happened.\n" +
			"Events for webhooks are written; \"refgrow conversion import\" writes none. A customer signs up once:\n" +
			"a signup that is repeated records nothing, and shows the first one.\n\n" +
			"JSON: the conversion, with \"repeated\": true where it is so.\n" + conversionForm,
		prepare: func(flags *flag.FlagSet) work {
			var f conversionFlags
			f.define(flags)
			f.defineProject(flags)
			return f.create
		},
	}
}

func (f *conversionFlags) defineProject(flags *flag.FlagSet) {
	flags.StringVar(&f.project, "project", "", projectUsage)
}

func (f *conversionFlags) create(ctx context.Context, c *call) error {
	params, err := f.params()
	if err != nil {
		return err
	}
	return c.withOneProject(ctx, f.project, func(project *refgrow.Project) error {
		made, err := project.RecordConversion(ctx, params)
		if err != nil {
			return err
		}
		if made.Repeated && !c.json {
			tell(c.stderr, "nothing new was recorded: the customer has signed up before, with this conversion\n")
		}
		return c.showConversion(made)
	})
}

func conversionShowCommand() command {
	return command{
		name: "conversion show", operand: "CONVERSION", summary: "show one conversion",
		example: "refgrow conversion show in_123",
		text: "Shows a conversion, and why it was credited and what became of its commission." + conversionOperand + "\n\n" +
			"JSON: the conversion. " + conversionForm,
		prepare: func(flags *flag.FlagSet) work {
			var f conversionFlags
			f.defineProject(flags)
			return f.show
		},
	}
}

func (f *conversionFlags) show(ctx context.Context, c *call) error {
	return c.withOneProject(ctx, f.project, func(project *refgrow.Project) error {
		id, err := conversionOf(ctx, project, c.operand)
		if err != nil {
			return err
		}
		explained, err := explanationOf(ctx, project, id)
		if err != nil {
			return err
		}
		if err := c.showConversion(explained.Conversion); err != nil || c.json {
			return err
		}
		if err := c.stdout.printf("\n"); err != nil {
			return err
		}
		return c.stdout.paragraph(explained.Sentence)
	})
}

func conversionDeleteCommand() command {
	return command{
		name: "conversion delete", operand: "ID", summary: "remove a conversion, and take its commission back",
		example: "refgrow conversion delete 1",
		text: "Removes a conversion that should not be there. Its commission is taken back, also where it was paid,\n" +
			"and the ledger keeps the entries. This is final; \"refgrow refund\" is for sales that were given back.\n\n" +
			`JSON: {"id", "deleted": true}`,
		prepare: func(flags *flag.FlagSet) work {
			var f conversionFlags
			f.defineProject(flags)
			return f.remove
		},
	}
}

func (f *conversionFlags) remove(ctx context.Context, c *call) error {
	id, err := c.id("conversion")
	if err != nil {
		return err
	}
	return c.withOneProject(ctx, f.project, func(project *refgrow.Project) error {
		if err := noConversion(project.DeleteConversion(ctx, id), id, project); err != nil {
			return err
		}
		return c.showDeleted("conversion", id)
	})
}

// conversionListFlags narrow the list of conversions.
type conversionListFlags struct {
	project, kind       string
	affiliate, customer int64
	from, to            instant
}

func conversionListCommand() command {
	return command{
		name: "conversion list", summary: "list the conversions",
		example: "refgrow conversion list --type purchase --from 2026-11-01 --to 2026-12-01",
		lists:   true,
		text: "Lists the conversions of a project, the newest first.\n\n" +
			"JSON: an array of conversions. " + conversionForm,
		prepare: func(flags *flag.FlagSet) work {
			var l conversionListFlags
			flags.StringVar(&l.project, "project", "", projectUsage)
			flags.StringVar(&l.kind, "type", "", "only those of a `WORD`: purchase or signup")
			flags.Var((*idValue)(&l.affiliate), "affiliate-id", "only those of the affiliate with this `ID`")
			flags.Var((*idValue)(&l.customer), "referred-user-id", "only those of the customer with this `ID`")
			flags.Var(&l.from, "from", "only those from a `DATE` or instant on")
			flags.Var(&l.to, "to", "only those before a `DATE` or instant")
			return l.list
		},
	}
}

func (l *conversionListFlags) list(ctx context.Context, c *call) error {
	params := refgrow.ListConversionsParams{
		Type: refgrow.ConversionType(l.kind), AffiliateID: l.affiliate, ReferredUserID: l.customer,
		From: l.from.Time, To: l.to.Time, Limit: refgrow.MaxLimit,
	}
	return c.withOneProject(ctx, l.project, func(project *refgrow.Project) error {
		return show(c, conversionView(), project.AllConversions(ctx, params))
	})
}

func conversionView() view[refgrow.Conversion] {
	return view[refgrow.Conversion]{
		doing:    "reading conversions",
		headings: []string{"ID", "TYPE", "HAPPENED", "AFFILIATE", "BASE VALUE", "VALUE", "STATUS", "REFERENCE"},
		row:      conversionRow, form: appended((*refgrow.Conversion).AppendJSON),
	}
}

func conversionRow(c *refgrow.Conversion) []string {
	base, affiliate := "-", "-"
	if c.BaseValue.IsSet() {
		base = c.BaseValue.String()
	}
	if c.AffiliateID != 0 {
		affiliate = strconv.FormatInt(c.AffiliateID, 10)
	}
	return []string{
		strconv.FormatInt(c.ID, 10), string(c.Type), stamp(c.CreatedAt), affiliate, base, c.Value.String(),
		string(c.Status), c.Reference,
	}
}

// showConversion prints one conversion.
func (c *call) showConversion(conversion *refgrow.Conversion) error {
	if c.json {
		return c.stdout.json(json.RawMessage(conversion.AppendJSON(nil)))
	}
	row := conversionRow(conversion)
	rows := [][]string{{"conversion", row[0]}, {"type", row[1]}, {"happened", row[2]}, {"affiliate", row[3]}}
	if conversion.ReferredUserID != 0 {
		rows = append(rows, []string{"customer", strconv.FormatInt(conversion.ReferredUserID, 10)})
	}
	rows = append(rows, []string{"base value", row[4]}, []string{"value", row[5]}, []string{"status", row[6]})
	if conversion.Reference != "" {
		rows = append(rows, []string{"reference", conversion.Reference})
	}
	return c.stdout.fields(rows)
}
