package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// refundFlags describe a refund as the REST API does.
type refundFlags struct {
	project, reference              string
	conversion                      int64
	amount, refundReference, reason string
	total                           string
	toldAt                          instant
	lower, cap                      bool
}

func (r *refundFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&r.project, "project", "", projectUsage)
	flags.StringVar(&r.reference, "reference", "", "`TEXT` by which the app calls the sale, instead of CONVERSION")
	flags.Var((*idValue)(&r.conversion), "conversion-id", "`ID` of the conversion, instead of CONVERSION")
	flags.StringVar(&r.amount, "amount", "", "the part of the sale that it is about: `25.00`")
	flags.StringVar(&r.refundReference, "refund-reference", "", "`TEXT` by which the app calls the refund: it counts once")
	flags.StringVar(&r.reason, "reason", "", "`TEXT` that is kept with the ledger entry")
}

const refundForm = `JSON: the conversion as the API shows it, with "capped": true or "unchanged": true where it is so.`

func refundCommand() command {
	return command{
		name: "refund", operand: "[CONVERSION]", summary: "take back the commission of a sale that was given back",
		example: "refgrow refund in_123 --amount 25.00 --refund-reference re_1",
		text: "Takes back the part of the commission that goes with what was given back of the sale: --amount now,\n" +
			"--refunded-total in all so far, or with neither all that is left. A total that is older than one told\n" +
			"before, and a refund whose --refund-reference is known, change nothing. Of a free sale or a signup the\n" +
			"whole commission is taken back." + conversionOperand + "\n\n" + refundForm,
		prepare: func(flags *flag.FlagSet) work {
			var r refundFlags
			r.define(flags)
			flags.StringVar(&r.total, "refunded-total", "", "all that was given back of the sale so far: `25.00`")
			flags.Var(&r.toldAt, "told-at", "`DATE` or instant at which the total was so")
			flags.BoolVar(&r.lower, "lower", false, "a total without --told-at may lower what is refunded")
			flags.BoolVar(&r.cap, "cap", false, "take what is left where --amount is more")
			return r.run((*refgrow.Project).RefundConversion)
		},
	}
}

func undoRefundCommand() command {
	return command{
		name: "undo-refund", operand: "[CONVERSION]", summary: "give back the commission of a refund that did not happen",
		example: "refgrow undo-refund in_123 --refund-reference re_1",
		text: "Undoes --amount of what was refunded of a sale, or the refund with a --refund-reference, or with\n" +
			"neither all of it. Of refunds with a --refund-reference an --amount undoes what goes beyond the\n" +
			"others: the one of just that amount, or else the latest. No ledger entry is deleted." +
			conversionOperand + "\n\n" + refundForm,
		prepare: func(flags *flag.FlagSet) work {
			var r refundFlags
			r.define(flags)
			return r.run((*refgrow.Project).UndoRefund)
		},
	}
}

func (r *refundFlags) run(change func(
	*refgrow.Project, context.Context, int64, refgrow.RefundConversionParams,
) (*refgrow.Conversion, error)) work {
	return func(ctx context.Context, c *call) error {
		ways := 0
		for _, given := range []bool{c.operand != "", c.given("reference"), c.given("conversion-id")} {
			if given {
				ways++
			}
		}
		if ways != 1 {
			return usage("\"refgrow %s\" needs one of CONVERSION, --reference TEXT and --conversion-id ID", c.command.name)
		}
		return c.withOneProject(ctx, r.project, func(project *refgrow.Project) error {
			found, err := r.find(ctx, c, project)
			if err != nil {
				return err
			}
			params, err := r.params(c, found.Value.Currency())
			if err != nil {
				return err
			}
			changed, err := change(project, ctx, found.ID, params)
			if own := (*refgrow.Error)(nil); errors.Is(err, refgrow.ErrNotFound) && errors.As(err, &own) {
				return fmt.Errorf("conversion %d has no refund %q", found.ID, r.refundReference)
			}
			if err != nil {
				return err
			}
			return c.showRefunded(changed)
		})
	}
}

// find finds the conversion that the call names.
func (r *refundFlags) find(ctx context.Context, c *call, project *refgrow.Project) (*refgrow.Conversion, error) {
	if c.given("reference") {
		return conversionCalled(ctx, project, r.reference)
	}
	id := r.conversion
	if c.operand != "" {
		var err error
		if id, err = conversionOf(ctx, project, c.operand); err != nil {
			return nil, err
		}
		// Money is not taken from the wrong sale where the app's own names are numbers.
		switch called, err := project.ConversionByReference(ctx, c.operand); {
		case err == nil && called.ID != id:
			return nil, usage("%s may be an id, and is the app's name for conversion %d: "+
				"say --conversion-id %[1]s or --reference %[1]s", c.operand, called.ID)
		case err != nil && !errors.Is(err, refgrow.ErrNotFound):
			return nil, err
		}
	}
	found, err := project.GetConversion(ctx, id)
	return found, noConversion(err, id, project)
}

func (r *refundFlags) params(c *call, currency money.Currency) (refgrow.RefundConversionParams, error) {
	params := refgrow.RefundConversionParams{
		RefundReference: r.refundReference, ToldAt: r.toldAt.Time, Lower: r.lower, Cap: r.cap, Reason: r.reason,
	}
	var err error
	if c.given("amount") {
		if params.Amount, err = amountIn("amount", r.amount, currency); err != nil {
			return params, err
		}
	}
	if c.given("refunded-total") {
		params.Total, err = amountIn("refunded-total", r.total, currency)
	}
	return params, err
}

func (c *call) showRefunded(changed *refgrow.Conversion) error {
	if c.json {
		shown := changed.AppendJSON(nil)
		for _, outcome := range []struct {
			so   bool
			word string
		}{{changed.Capped, "capped"}, {changed.Unchanged, "unchanged"}} {
			if outcome.so {
				shown = append(shown[:len(shown)-1], `,"`+outcome.word+`":true}`...)
			}
		}
		return c.stdout.json(json.RawMessage(shown))
	}
	switch {
	case changed.Capped && changed.Unchanged:
		tell(c.stderr, "nothing changed: nothing was left to give back\n")
	case changed.Capped:
		tell(c.stderr, "that is more than was left: the rest was taken\n")
	case changed.Unchanged:
		tell(c.stderr, "nothing changed: this was known already, or is older than what is known\n")
	}
	of := ""
	if changed.BaseValue.IsSet() {
		of = fmt.Sprintf(", %s of %s given back", changed.Refunded, changed.BaseValue)
	}
	return c.stdout.printf("conversion %d is %s%s\n", changed.ID, changed.Status, of)
}
