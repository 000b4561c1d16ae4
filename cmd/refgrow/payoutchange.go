package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"

	"github.com/refgrow-go/refgrow"
)

const (
	severalPayouts = "\nSeveral are judged each alone, with a line for each; the exit code is 1 if one was refused.\n"
	severalForm    = `JSON: the payout; for several an array of {"id", "status"}, or {"id", "error", "code"} for one` +
		"\nthat was refused. "
)

// payoutFlags are those of the commands that change payouts.
type payoutFlags struct{ project, reference, note string }

func payoutPayCommand() command {
	return command{
		name: "payout pay", operand: "ID...", summary: "note that payouts were paid",
		example: "refgrow payout pay 61 62 63 --reference B-2026-11",
		text: "Notes that the payment of a pending payout was made: exactly its amount is settled. If it\n" +
			"comes back, \"payout return\" notes that.\n" + severalPayouts +
			"One of them that is paid already with the same reference is as it should be.\n\n" + severalForm + payoutForm,
		prepare: func(flags *flag.FlagSet) work {
			var p payoutFlags
			flags.StringVar(&p.project, "project", "", projectUsage)
			flags.StringVar(&p.reference, "reference", "", "the payment's id with the bank or service, of all of them: `TEXT`")
			return p.pay
		},
	}
}

func (p *payoutFlags) pay(ctx context.Context, c *call) error {
	if len(c.operands) > 1 {
		return c.changePayouts(ctx, p.project, func(project *refgrow.Project, ids []int64) ([]refgrow.PayoutResult, error) {
			params := refgrow.PayPayoutsParams{}
			for _, id := range ids {
				params.Payouts = append(params.Payouts, refgrow.PayoutPayment{ID: id, ExternalReference: p.reference})
			}
			results, _, err := project.PayPayouts(ctx, params)
			return results, wrongReference(err)
		})
	}
	return c.changePayout(ctx, p.project, func(project *refgrow.Project, id int64) (*refgrow.Payout, error) {
		payout, err := project.PayPayout(ctx, id, refgrow.PayPayoutParams{ExternalReference: p.reference})
		return payout, wrongReference(err)
	})
}

// wrongReference names the flag of a reference that was refused.
func wrongReference(err error) error {
	if own := (*refgrow.Error)(nil); errors.As(err, &own) && own.Field == "external_reference" {
		return usage("--reference %s", own.Message)
	}
	return err
}

func payoutCancelCommand() command {
	return command{
		name: "payout cancel", operand: "ID...", summary: "give up pending payouts",
		example: "refgrow payout cancel 61 62",
		text: "Gives up a pending payout, for whatever reason: what it would have paid is free for the next run.\n" +
			"This is final.\n" + severalPayouts + "One of them that is canceled already is as it should be.\n\n" +
			severalForm + payoutForm,
		prepare: func(flags *flag.FlagSet) work {
			var p payoutFlags
			flags.StringVar(&p.project, "project", "", projectUsage)
			return p.cancel
		},
	}
}

func (p *payoutFlags) cancel(ctx context.Context, c *call) error {
	if len(c.operands) > 1 {
		return c.changePayouts(ctx, p.project, func(project *refgrow.Project, ids []int64) ([]refgrow.PayoutResult, error) {
			results, _, err := project.CancelPayouts(ctx, refgrow.CancelPayoutsParams{IDs: ids})
			return results, err
		})
	}
	return c.changePayout(ctx, p.project, func(project *refgrow.Project, id int64) (*refgrow.Payout, error) {
		return project.CancelPayout(ctx, id)
	})
}

func payoutReturnCommand() command {
	return command{
		name: "payout return", operand: "ID", summary: "note that a payment came back",
		example: `refgrow payout return 61 --note "The account is closed"`,
		text: "Notes that the payment of a paid payout came back, and why: what it has settled is paid again by the\n" +
			"next run. This is final.\n\nJSON: the payout. " + payoutForm,
		prepare: func(flags *flag.FlagSet) work {
			var p payoutFlags
			flags.StringVar(&p.project, "project", "", projectUsage)
			flags.StringVar(&p.note, "note", "", "why it came back: `TEXT`; required")
			return p.giveBack
		},
	}
}

func (p *payoutFlags) giveBack(ctx context.Context, c *call) error {
	return c.changePayout(ctx, p.project, func(project *refgrow.Project, id int64) (*refgrow.Payout, error) {
		return project.ReturnPayout(ctx, id, refgrow.ReturnPayoutParams{Note: p.note})
	})
}

// changePayout changes the payout that the operand names, and prints it.
func (c *call) changePayout(
	ctx context.Context, project string, change func(*refgrow.Project, int64) (*refgrow.Payout, error),
) error {
	id, err := c.id("payout")
	if err != nil {
		return err
	}
	return c.withOneProject(ctx, project, func(project *refgrow.Project) error {
		payout, err := change(project, id)
		switch {
		case errors.Is(err, refgrow.ErrNotFound):
			return fmt.Errorf("there is no payout %d in the project %q; "+
				"\"refgrow payout list\" shows the existing ones", id, project.Name())
		case errors.Is(err, refgrow.ErrConflict):
			if payout, err = project.GetPayout(ctx, id); err != nil {
				return err
			}
			word := "already"
			if payout.Status == refgrow.PayoutPending {
				word = "still"
			}
			return fmt.Errorf("payout %d is %s %s, and was left as it is", id, word, payout.Status)
		case err != nil:
			return err
		}
		return c.showPayout(context.WithoutCancel(ctx), project, payout)
	})
}

// payoutResultJSON is what became of one of several payouts, as the REST API shows it.
type payoutResultJSON struct {
	ID     int64   `json:"id"`
	Status *string `json:"status,omitempty"`
	Error  *string `json:"error,omitempty"`
	Code   *string `json:"code,omitempty"`
}

// changePayouts changes the payouts that the operands name, each apart, and prints what
// became of them. It fails if one was refused.
func (c *call) changePayouts(
	ctx context.Context, project string, change func(*refgrow.Project, []int64) ([]refgrow.PayoutResult, error),
) error {
	ids, err := c.ids("payout")
	if err != nil {
		return err
	}
	return c.withOneProject(ctx, project, func(project *refgrow.Project) error {
		var list []payoutResultJSON
		rows := [][]string{{"ID", "RESULT"}}
		refused := 0
		stop := progress(c.stderr, "changing payouts")
		for some := range slices.Chunk(ids, refgrow.MaxPayouts) {
			var results []refgrow.PayoutResult
			if results, err = change(project, some); err != nil {
				break
			}
			for _, r := range results {
				shown, said := payoutResultJSON{ID: r.ID}, string(r.Status)
				if r.Err == nil {
					shown.Status = &said
				} else {
					refused++
					said = r.Err.Message
					shown.Error, shown.Code = &said, new(string(r.Err.Code))
				}
				list = append(list, shown)
				rows = append(rows, []string{strconv.FormatInt(r.ID, 10), said})
			}
		}
		stop()
		if len(list) > 0 {
			show := func() error { return c.stdout.table(rows) }
			if c.json {
				show = func() error { return c.stdout.json(list) }
			}
			if shown := show(); shown != nil {
				return shown
			}
		}
		switch {
		case err != nil: // the same call goes on
			return err
		case refused > 0:
			return fmt.Errorf("%d of %d payouts were left as they are", refused, len(ids))
		}
		return nil
	})
}
