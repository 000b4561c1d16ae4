package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

const projectUsage = "`NAME` of the project; not needed where there is only one"

// runFlags describe a payout run as the command line does.
type runFlags struct {
	project, currency, minimum string
	cutoff                     instant
}

func (r *runFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&r.project, "project", "", projectUsage)
	flags.StringVar(&r.currency, "currency", "", "`CODE` of the currency to pay out, instead of the project's")
	flags.StringVar(&r.minimum, "minimum", "", "the least that one affiliate is paid, instead of the project's: `25.00`")
	flags.Var(&r.cutoff, "cutoff", "`DATE` or instant by which earnings are available, instead of now")
}

// params reads the minimum in the currency of the run, which is complete after it.
func (r *runFlags) params(ctx context.Context, c *call, project *refgrow.Project) (refgrow.PayoutRunParams, error) {
	params := refgrow.PayoutRunParams{Cutoff: r.cutoff.Time}
	settings, err := project.Settings(ctx)
	if err != nil {
		return params, err
	}
	params.Currency = settings.Currency
	if c.given("currency") {
		if params.Currency, err = currencyOf(r.currency); err != nil {
			return params, err
		}
	}
	if c.given("minimum") {
		params.Minimum, err = amountIn("minimum", r.minimum, params.Currency)
	}
	return params, err
}

func currencyOf(text string) (money.Currency, error) {
	currency, err := money.ParseCurrency(text)
	if err != nil {
		return currency, usage("--currency: %v", err)
	}
	return currency, nil
}

func payoutPreviewCommand() command {
	return command{
		name: "payout preview", summary: "show what \"payout run\" would pay out, without doing it",
		text: "Shows the payouts that \"refgrow payout run\" with the same flags would make now, and makes none.\n\n" +
			"JSON: an array of payouts whose id and created_at are null. " + payoutForm,
		prepare: func(flags *flag.FlagSet) work {
			var r runFlags
			r.define(flags)
			return r.preview
		},
	}
}

func (r *runFlags) preview(ctx context.Context, c *call) error {
	return c.withOneProject(ctx, r.project, func(project *refgrow.Project) error {
		params, err := r.params(ctx, c, project)
		if err != nil {
			return err
		}
		stop := progress(c.stderr, "looking for payouts")
		payouts, err := project.PreviewPayouts(ctx, params)
		stop()
		if err != nil {
			return err
		}
		return c.showRun(ctx, project, params.Currency, payouts)
	})
}

func payoutRunCommand() command {
	return command{
		name: "payout run", summary: "make the payouts that are due",
		text: "Makes one pending payout for each affiliate for whom there is enough: of what is available by the\n" +
			"cut-off, less every debt, without what other payouts have reserved. No money is moved: \"payout export\"\n" +
			"gives a file for the service that pays, and \"payout pay\" notes that it has. Where a run was interrupted,\n" +
			"the same call goes on with it; repeated and parallel runs pay nobody twice.\n\n" +
			"JSON: an array of the payouts made. " + payoutForm,
		prepare: func(flags *flag.FlagSet) work {
			var r runFlags
			r.define(flags)
			return r.run
		},
	}
}

func (r *runFlags) run(ctx context.Context, c *call) error {
	return c.withOneProject(ctx, r.project, func(project *refgrow.Project) error {
		params, err := r.params(ctx, c, project)
		if err != nil {
			return err
		}
		stop := progress(c.stderr, "making payouts")
		payouts, err := project.RunPayouts(ctx, params)
		stop()
		if err != nil && len(payouts) == 0 {
			return err
		}
		// What was made has to be shown, even when somebody has interrupted us.
		notShown := c.showRun(context.WithoutCancel(ctx), project, params.Currency, payouts)
		if err != nil {
			tell(c.stderr, "the run has not come to its end; payouts made until then: %d; the same call makes the rest\n", len(payouts))
		}
		return errors.Join(err, notShown)
	})
}

// showRun prints what a run has made, or would make.
func (c *call) showRun(ctx context.Context, project *refgrow.Project, currency money.Currency, payouts []refgrow.Payout) error {
	if len(payouts) == 0 {
		tell(c.stderr, "there is nothing to pay out in %s\n", currency)
	}
	return c.showPayouts(ctx, project, payouts)
}

// exportFlags describe a file of payments.
type exportFlags struct{ project, format, currency string }

func payoutExportCommand() command {
	return command{
		name: "payout export", summary: "print the pending payouts as a file for PayPal or Wise",
		text: "Prints the pending payouts in one currency as the CSV that PayPal's mass payments or Wise's batch\n" +
			"payments take. Payouts to affiliates without the preference it needs are left out; stderr tells how\n" +
			"many. Once the service has paid, note it with \"refgrow payout pay\".\n\n" +
			`JSON: {"format", "currency", "payouts", "left_out", "csv"}; payouts and left_out are counts.`,
		prepare: func(flags *flag.FlagSet) work {
			var e exportFlags
			flags.StringVar(&e.project, "project", "", projectUsage)
			flags.StringVar(&e.format, "format", "", "`SERVICE` that takes the file: paypal or wise; required")
			flags.StringVar(&e.currency, "currency", "", "`CODE` of the currency, instead of the project's")
			return e.export
		},
	}
}

func (e *exportFlags) export(ctx context.Context, c *call) error {
	if !c.given("format") {
		return usage("\"refgrow payout export\" needs --format paypal or --format wise")
	}
	format := refgrow.PayoutFormat(e.format)
	var without string
	switch format {
	case refgrow.PayPalFile:
		without = "no PayPal email"
	case refgrow.WiseFile:
		without = "neither an account id nor an email for Wise"
	default:
		return usage("--format must be paypal or wise, not %q", e.format)
	}
	var currency money.Currency
	if c.given("currency") {
		var err error
		if currency, err = currencyOf(e.currency); err != nil {
			return err
		}
	}
	return c.withOneProject(ctx, e.project, func(project *refgrow.Project) error {
		file, err := project.ExportPayouts(ctx, format, currency)
		if err != nil {
			return err
		}
		tell(c.stderr, "pending payouts in %s: %d in the file, %d left out", file.Currency, file.Payouts, file.LeftOut)
		if file.LeftOut > 0 {
			tell(c.stderr, ", to affiliates with %s", without)
		}
		tell(c.stderr, "\n")
		if c.json {
			return c.stdout.json(payoutFileJSON{
				Format: string(file.Format), Currency: string(file.Currency), Payouts: file.Payouts, LeftOut: file.LeftOut,
				CSV: string(file.CSV),
			})
		}
		return c.stdout.printf("%s", file.CSV)
	})
}

type payoutFileJSON struct {
	Format   string `json:"format"`
	Currency string `json:"currency"`
	Payouts  int    `json:"payouts"`
	LeftOut  int    `json:"left_out"`
	CSV      string `json:"csv"`
}

// payoutListFlags narrow the list of payouts.
type payoutListFlags struct{ project, status, affiliate string }

func payoutListCommand() command {
	return command{
		name: "payout list", summary: "list the payouts",
		text: "Lists the payouts of a project, the newest first.\n\nJSON: an array of payouts. " + payoutForm,
		prepare: func(flags *flag.FlagSet) work {
			var l payoutListFlags
			flags.StringVar(&l.project, "project", "", projectUsage)
			flags.StringVar(&l.status, "status", "", "only those of a `STATUS`: pending, paid or canceled")
			flags.StringVar(&l.affiliate, "affiliate", "", "only those to the affiliate with this `EMAIL`")
			return l.list
		},
	}
}

func (l *payoutListFlags) list(ctx context.Context, c *call) error {
	params := refgrow.ListPayoutsParams{Status: refgrow.PayoutStatus(l.status), Limit: refgrow.MaxLimit}
	if c.given("status") && !slices.Contains(payoutStatuses(), params.Status) {
		return usage("--status must be pending, paid or canceled, not %q", l.status)
	}
	return c.withOneProject(ctx, l.project, func(project *refgrow.Project) error {
		if c.given("affiliate") {
			affiliate, err := project.AffiliateByEmail(ctx, l.affiliate)
			if own := (*refgrow.Error)(nil); errors.As(err, &own) && own.Field == "email" {
				return usage("--affiliate: %s", own.Message)
			}
			if errors.Is(err, refgrow.ErrNotFound) {
				return fmt.Errorf("--affiliate: there is no affiliate %q in the project %q", l.affiliate, project.Name())
			}
			if err != nil {
				return err
			}
			params.AffiliateID = affiliate.ID
		}
		stop := progress(c.stderr, "reading payouts")
		var payouts []refgrow.Payout
		for payout, err := range project.AllPayouts(ctx, params) {
			if err != nil {
				stop()
				return err
			}
			payouts = append(payouts, payout)
		}
		stop()
		return c.showPayouts(ctx, project, payouts)
	})
}

func payoutStatuses() []refgrow.PayoutStatus {
	return []refgrow.PayoutStatus{refgrow.PayoutPending, refgrow.PayoutPaid, refgrow.PayoutCanceled}
}

// payoutFlags are those of the commands that change one payout.
type payoutFlags struct{ project, reference string }

func payoutPayCommand() command {
	return command{
		name: "payout pay", operand: "ID", summary: "note that a payout was paid",
		text: "Notes that the payment of a pending payout was made: exactly its amount is settled. This is final.\n\n" +
			"JSON: the payout. " + payoutForm,
		prepare: func(flags *flag.FlagSet) work {
			var p payoutFlags
			flags.StringVar(&p.project, "project", "", projectUsage)
			flags.StringVar(&p.reference, "reference", "", "the payment's id with the bank or service: `TEXT`")
			return p.pay
		},
	}
}

func (p *payoutFlags) pay(ctx context.Context, c *call) error {
	return c.changePayout(ctx, p.project, func(project *refgrow.Project, id int64) (*refgrow.Payout, error) {
		payout, err := project.PayPayout(ctx, id, refgrow.PayPayoutParams{ExternalReference: p.reference})
		if own := (*refgrow.Error)(nil); errors.As(err, &own) && own.Field == "external_reference" {
			return nil, usage("--reference %s", own.Message)
		}
		return payout, err
	})
}

func payoutCancelCommand() command {
	return command{
		name: "payout cancel", operand: "ID", summary: "give up a pending payout",
		text: "Gives up a pending payout, for whatever reason: what it would have paid is free for the next run.\n" +
			"This is final.\n\nJSON: the payout. " + payoutForm,
		prepare: func(flags *flag.FlagSet) work {
			var p payoutFlags
			flags.StringVar(&p.project, "project", "", projectUsage)
			return p.cancel
		},
	}
}

func (p *payoutFlags) cancel(ctx context.Context, c *call) error {
	return c.changePayout(ctx, p.project, func(project *refgrow.Project, id int64) (*refgrow.Payout, error) {
		return project.CancelPayout(ctx, id)
	})
}

// changePayout changes the payout that the operand names, and prints it.
func (c *call) changePayout(ctx context.Context, project string, change func(*refgrow.Project, int64) (*refgrow.Payout, error)) error {
	id, err := c.id("payout")
	if err != nil {
		return err
	}
	return c.withOneProject(ctx, project, func(project *refgrow.Project) error {
		payout, err := change(project, id)
		switch {
		case errors.Is(err, refgrow.ErrNotFound):
			return fmt.Errorf("there is no payout %d in the project %q; \"refgrow payout list\" shows those there are", id, project.Name())
		case errors.Is(err, refgrow.ErrConflict):
			if payout, err = project.GetPayout(ctx, id); err != nil {
				return err
			}
			return fmt.Errorf("payout %d is %s already, and was left as it is", id, payout.Status)
		case err != nil:
			return err
		}
		return c.showPayout(context.WithoutCancel(ctx), project, payout)
	})
}
