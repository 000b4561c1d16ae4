package main

import (
	"context"
	"flag"
	"strconv"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// conversionSetFlags change a conversion, in the words of the API.
type conversionSetFlags struct {
	project, kind, value, base, currency string
	affiliate, reference, coupon         string
	paid, reprice                        bool
}

func conversionSetCommand() command {
	return command{
		name: "conversion set", operand: "ID", summary: "change a conversion, or give it its price anew",
		example: "refgrow conversion set 1 --affiliate-id 2",
		text: "Changes what is named, as PUT /conversions does, and enters the difference in the books: the base\n" +
			"value, the currency, the type, the value, the affiliate, and then whether it is paid. \"\" stands for\n" +
			"none. Only what is named changes: --reprice computes the value again, by the rules of the day on\n" +
			"which it happened.\n\n" +
			"JSON: the conversion. " + conversionForm,
		prepare: func(flags *flag.FlagSet) work {
			var f conversionSetFlags
			flags.StringVar(&f.project, "project", "", projectUsage)
			flags.StringVar(&f.kind, "type", "", "`WORD`: purchase or signup")
			flags.StringVar(&f.base, "base-value", "", "the sale: `49.00`")
			flags.StringVar(&f.currency, "base-value-currency", "", "`CODE` of the currency; the amounts keep their numbers")
			flags.StringVar(&f.value, "value", "", "the commission: `9.80`")
			flags.BoolVar(&f.reprice, "reprice", false, "compute the value again, instead of --value")
			flags.StringVar(&f.affiliate, "affiliate-id", "", "`ID` of the affiliate who gets the credit; \"\" for nobody")
			flags.BoolVar(&f.paid, "paid", false, "settle by hand what is unsettled; --paid=false takes that back")
			flags.StringVar(&f.reference, "reference", "", "the app's own name for it: `TEXT`")
			flags.StringVar(&f.coupon, "coupon-code-used", "", "`CODE` of the coupon that the customer used")
			return f.set
		},
	}
}

// params reads the flags that were given, for a conversion in a currency.
func (f *conversionSetFlags) params(c *call, currency money.Currency) (refgrow.UpdateConversionParams, error) {
	p := refgrow.UpdateConversionParams{Reprice: f.reprice}
	if c.given("type") {
		p.Type = new(refgrow.ConversionType(f.kind))
	}
	if c.given("base-value-currency") {
		given, err := money.ParseCurrency(f.currency)
		if err != nil {
			return p, usage("--base-value-currency: %v", err)
		}
		currency, p.Currency = given, &given
	}
	if c.given("value") {
		value, err := amountOf("value", f.value, currency)
		if err != nil {
			return p, err
		}
		p.Value = &value
	}
	switch {
	case c.given("base-value") && f.base == "":
		p.BaseValue = refgrow.Clear[money.Amount]()
	case c.given("base-value"):
		base, err := amountOf("base-value", f.base, currency)
		if err != nil {
			return p, err
		}
		p.BaseValue = refgrow.Set(base)
	}
	if c.given("paid") {
		p.Paid = &f.paid
	}
	p.Reference, p.CouponCode = c.text("reference", f.reference), c.text("coupon-code-used", f.coupon)
	var err error
	p.AffiliateID, err = c.affiliateID(f.affiliate)
	return p, err
}

func amountOf(name, text string, currency money.Currency) (money.Amount, error) {
	number, err := money.ParseDecimal(text)
	if err != nil {
		return money.Amount{}, usage("--%s: %v", name, err)
	}
	amount, err := number.In(currency)
	if err != nil {
		return amount, usage("--%s: %v", name, err)
	}
	return amount, nil
}

// text is the value of a flag that can be cleared.
func (c *call) text(name, value string) refgrow.Null[string] {
	switch {
	case !c.given(name):
		return refgrow.Null[string]{}
	case value == "":
		return refgrow.Clear[string]()
	}
	return refgrow.Set(value)
}

// affiliateID is the value of the flag --affiliate-id where it can be cleared.
func (c *call) affiliateID(value string) (refgrow.Null[int64], error) {
	switch {
	case !c.given("affiliate-id"):
		return refgrow.Null[int64]{}, nil
	case value == "":
		return refgrow.Clear[int64](), nil
	}
	id, err := strconv.ParseInt(value, 10, 64)
	if err != nil || id <= 0 {
		return refgrow.Null[int64]{}, usage("--affiliate-id must be the id of an affiliate, or \"\" for nobody, not %q",
			value)
	}
	return refgrow.Set(id), nil
}

func (f *conversionSetFlags) set(ctx context.Context, c *call) error {
	id, err := c.id("conversion")
	if err != nil {
		return err
	}
	empty, err := f.params(c, money.USD)
	if err == nil && empty == (refgrow.UpdateConversionParams{}) {
		return usage("\"refgrow conversion set\" needs at least one change, such as --value 9.80 or --reprice")
	}
	return c.withOneProject(ctx, f.project, func(project *refgrow.Project) error {
		var changed *refgrow.Conversion
		err := project.Atomic(ctx, func(project *refgrow.Project) error {
			now, err := project.GetConversion(ctx, id)
			if err := noConversion(err, id, project); err != nil {
				return err
			}
			params, err := f.params(c, now.Value.Currency())
			if err != nil {
				return err
			}
			changed, err = project.UpdateConversion(ctx, id, params)
			return err
		})
		if err != nil {
			return err
		}
		return c.showConversion(changed)
	})
}
