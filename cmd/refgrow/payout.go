package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

const projectUsage = "`NAME` of the project; not needed where there is only one"

// runFlags describe a payout run as the command line does.
type runFlags struct {
	project, currency, minimum string
	cutoff                     instant
	affiliates, without        emails
	detailsOnly                bool
	key                        string // of "payout run" alone
}

// emails are the values of a flag that is given once for each affiliate.
type emails []string

func (e *emails) String() string {
	if e == nil {
		return ""
	}
	return strings.Join(*e, ",")
}

func (e *emails) Set(text string) error {
	*e = append(*e, text)
	return nil
}

func (r *runFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&r.project, "project", "", projectUsage)
	flags.StringVar(&r.currency, "currency", "", "`CODE` of the currency to pay out, instead of the project's")
	flags.StringVar(&r.minimum, "minimum", "",
		"the least that one affiliate is paid, instead of the project's: `25.00`")
	flags.Var(&r.cutoff, "cutoff", "`DATE` or instant by which earnings are available, instead of now")
	flags.Var(&r.affiliates, "affiliate", "only for the affiliate with this `EMAIL`; can be given several times")
	flags.Var(&r.without, "without", "leave out the affiliate with this `EMAIL`; can be given several times")
	flags.BoolVar(&r.detailsOnly, "details-only", false, "leave out affiliates without any payout preference")
}

// params reads the minimum in the currency of the run, which it completes.
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
		if params.Minimum, err = amountIn("minimum", r.minimum, params.Currency); err != nil {
			return params, err
		}
	}
	params.By, params.DetailsOnly = "command line", r.detailsOnly
	if params.AffiliateIDs, err = idsOf(ctx, project, "affiliate", r.affiliates); err != nil {
		return params, err
	}
	if params.Without, err = idsOf(ctx, project, "without", r.without); err != nil {
		return params, err
	}
	if c.given("key") {
		params.Idempotency = refgrow.Idempotency{Caller: params.By, Key: r.key}
	}
	return params, nil
}

// idsOf returns the ids of the affiliates that a flag names by their emails.
func idsOf(ctx context.Context, project *refgrow.Project, name string, emails []string) ([]int64, error) {
	var ids []int64
	for _, email := range emails {
		id, err := idOf(ctx, project, name, email)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func idOf(ctx context.Context, project *refgrow.Project, name, email string) (int64, error) {
	affiliate, err := project.AffiliateByEmail(ctx, email)
	if own := (*refgrow.Error)(nil); errors.As(err, &own) && own.Field == "email" {
		return 0, usage("--%s: %s", name, own.Message)
	}
	if errors.Is(err, refgrow.ErrNotFound) {
		return 0, fmt.Errorf("--%s: there is no affiliate %q in the project %q", name, email, project.Name())
	}
	if err != nil {
		return 0, err
	}
	return affiliate.ID, nil
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
		example: "refgrow payout preview --cutoff 2026-11-01",
		lists:   true,
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
		result, err := project.PayoutRuns().Preview(ctx, params)
		stop()
		if err != nil {
			return err
		}
		return c.showRun(ctx, project, params.Currency, result)
	})
}

func payoutRunCommand() command {
	return command{
		name: "payout run", summary: "make the payouts that are due",
		example: "refgrow payout run --cutoff 2026-11-01 --key november",
		lists:   true,
		text: "Makes one pending payout for each affiliate who has earned enough: of what is available by the\n" +
			"cut-off, less any debt, without what other payouts have reserved. No money is moved: \"payout export\"\n" +
			"prints a file for the service that pays, and \"payout pay\" notes that it has. If a run was\n" +
			"interrupted, the same call continues it; repeated and parallel runs pay nobody twice. With --key the\n" +
			"run is made once: the same call goes on with the same cut-off, and then prints the run's payouts as\n" +
			"they are. stderr says how many affiliates were left out, and why.\n\n" +
			"JSON: an array of the payouts made. " + payoutForm,
		prepare: func(flags *flag.FlagSet) work {
			var r runFlags
			r.define(flags)
			flags.StringVar(&r.key, "key", "", "make this run once, however often it is called with this `KEY`")
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
		result, err := project.PayoutRuns().Make(ctx, params)
		stop()
		payouts := result.Payouts
		if err != nil && len(payouts) == 0 {
			return err
		}
		// What was made must be shown, even if somebody has interrupted us.
		notShown := c.showRun(context.WithoutCancel(ctx), project, params.Currency, result)
		if err != nil {
			tell(c.stderr, "the run did not finish; payouts made so far: %d; the same call makes the rest\n",
				len(payouts))
		}
		return errors.Join(err, notShown)
	})
}

// showRun prints what a run made, or would make.
func (c *call) showRun(
	ctx context.Context, project *refgrow.Project, currency money.Currency, result *refgrow.PayoutRunResult,
) error {
	if len(result.Payouts) == 0 {
		tell(c.stderr, "there is nothing to pay out in %s\n", currency)
	}
	counts := make(map[refgrow.LeftOutReason]int)
	for _, left := range result.LeftOut {
		counts[left.Reason]++
	}
	for _, reason := range []struct {
		reason refgrow.LeftOutReason
		words  string
	}{
		{refgrow.LeftOutBelowMinimum, "below the minimum"}, {refgrow.LeftOutNegative, "with a debt"},
		{refgrow.LeftOutExcluded, "excluded by --without"}, {refgrow.LeftOutPaused, "with paused payouts"},
		{refgrow.LeftOutNoDetails, "without payout preferences"},
	} {
		if n := counts[reason.reason]; n > 0 {
			tell(c.stderr, "left out: %d %s\n", n, reason.words)
		}
	}
	return c.showPayouts(ctx, project, result.Payouts)
}

// payoutListFlags narrow the list of payouts.
type payoutListFlags struct{ project, status, affiliate, run string }

func payoutListCommand() command {
	return command{
		name: "payout list", summary: "list the payouts",
		example: "refgrow payout list --status pending",
		lists:   true,
		text:    "Lists the payouts of a project, the newest first.\n\nJSON: an array of payouts. " + payoutForm,
		prepare: func(flags *flag.FlagSet) work {
			var l payoutListFlags
			flags.StringVar(&l.project, "project", "", projectUsage)
			flags.StringVar(&l.status, "status", "", "only those of a `STATUS`: pending, paid, canceled or returned")
			flags.StringVar(&l.run, "run", "", "only those of the run with this `ID`")
			flags.StringVar(&l.affiliate, "affiliate", "", "only those to the affiliate with this `EMAIL`")
			return l.list
		},
	}
}

func (l *payoutListFlags) list(ctx context.Context, c *call) error {
	params := refgrow.ListPayoutsParams{Status: refgrow.PayoutStatus(l.status), Limit: refgrow.MaxLimit}
	if c.given("status") && !slices.Contains(payoutStatuses(), params.Status) {
		return usage("--status must be pending, paid, canceled or returned, not %q", l.status)
	}
	return c.withOneProject(ctx, l.project, func(project *refgrow.Project) error {
		if c.given("affiliate") {
			id, err := idOf(ctx, project, "affiliate", l.affiliate)
			if err != nil {
				return err
			}
			params.AffiliateID = id
		}
		if c.given("run") {
			id, err := strconv.ParseInt(l.run, 10, 64)
			if err != nil || id < 1 {
				return usage("--run must be the id of a run, not %q", l.run)
			}
			params.RunID = id
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
	return []refgrow.PayoutStatus{
		refgrow.PayoutPending, refgrow.PayoutPaid, refgrow.PayoutCanceled, refgrow.PayoutReturned,
	}
}

func payoutRunsCommand() command {
	return command{
		name: "payout runs", summary: "list the runs of payouts",
		example: "refgrow payout runs",
		lists:   true,
		text: "Lists the runs that made payouts, the newest first.\n\n" +
			`JSON: an array of {"id", "created_at", "by", "cutoff", "currency", "minimum", "count", "total"}; amounts are` +
			"\nstrings, and by is null if nobody said who asked for it.",
		prepare: func(flags *flag.FlagSet) work {
			var project string
			flags.StringVar(&project, "project", "", projectUsage)
			return func(ctx context.Context, c *call) error { return c.listRuns(ctx, project) }
		},
	}
}

type payoutRunJSON struct {
	ID        int64   `json:"id"`
	CreatedAt string  `json:"created_at"`
	By        *string `json:"by"`
	Cutoff    string  `json:"cutoff"`
	Currency  string  `json:"currency"`
	Minimum   string  `json:"minimum"`
	Count     int64   `json:"count"`
	Total     string  `json:"total"`
}

func (c *call) listRuns(ctx context.Context, project string) error {
	return c.withOneProject(ctx, project, func(project *refgrow.Project) error {
		runs := project.PayoutRuns().All(ctx, refgrow.ListPayoutRunsParams{Limit: refgrow.MaxLimit})
		return show(c, payoutRunView(), runs)
	})
}

func payoutRunView() view[refgrow.PayoutRun] {
	return view[refgrow.PayoutRun]{
		doing:    "reading runs",
		headings: []string{"ID", "CREATED", "BY", "CUTOFF", "PAYOUTS", "TOTAL"},
		row: func(run *refgrow.PayoutRun) []string {
			return []string{
				strconv.FormatInt(run.ID, 10), stamp(run.CreatedAt), cmp.Or(run.By, "-"), stamp(run.Cutoff),
				strconv.FormatInt(run.Count, 10), run.Total.String(),
			}
		},
		form: func(run *refgrow.PayoutRun) ([]byte, error) {
			shown := payoutRunJSON{
				ID: run.ID, CreatedAt: stamp(run.CreatedAt), Cutoff: stamp(run.Cutoff), Currency: string(run.Currency),
				Minimum: run.Minimum.Decimal(), Count: run.Count, Total: run.Total.Decimal(),
			}
			if run.By != "" {
				shown.By = &run.By
			}
			return json.Marshal(shown)
		},
	}
}
