package refgrow

import (
	"context"
	"slices"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// A payoutRun is the params of a run, validated and with the defaults filled in.
type payoutRun struct {
	row         *db.PayoutRun // nil as long as nothing is kept
	currency    string
	cutoff      int64
	minimum     int64   // minor units
	only        []int64 // sorted, nil for all
	without     []int64 // sorted
	detailsOnly bool
	by          string
	task        *payoutTask // nil without a key

	made int64 // payouts, by this call
	// reread is set when some were made by others, so that the answer is read.
	reread bool
}

// payoutStep is how many affiliates a run looks at in one query.
const payoutStep = 500

func (p *Project) planRun(ctx context.Context, params PayoutRunParams) (*payoutRun, error) {
	run := &payoutRun{cutoff: p.engine.millis(), detailsOnly: params.DetailsOnly, by: params.By}
	if !params.Cutoff.IsZero() {
		now := run.cutoff
		if run.cutoff = stored.Millis(params.Cutoff); run.cutoff > now {
			return nil, invalid("cutoff", "must not be in the future")
		}
	}
	if err := at("by", form.Text(params.By, form.MaxText)); err != nil {
		return nil, err
	}
	settings, err := p.Settings(ctx)
	if err != nil {
		return nil, err
	}
	currency := settings.Currency
	if params.Currency != "" {
		if currency, err = money.ParseCurrency(string(params.Currency)); err != nil {
			return nil, at("currency", err)
		}
	}
	minimum := params.Minimum
	switch {
	case !minimum.IsSet() && currency == settings.Currency:
		minimum = settings.MinimumPayout
	case !minimum.IsSet():
	case minimum.Currency() != currency:
		return nil, invalid("minimum", "is in %s, but the payouts are in %s", minimum.Currency(), currency)
	}
	if err := at("minimum", form.Amount(minimum)); err != nil {
		return nil, err
	}
	run.currency, run.minimum = string(currency), minimum.Minor()
	return run, run.name(params)
}

// name keeps whom a run is for, and whom it leaves out.
func (run *payoutRun) name(params PayoutRunParams) error {
	if params.AffiliateIDs != nil && len(params.AffiliateIDs) == 0 {
		return invalid("affiliate_ids", "must be 1 to %d ids of affiliates", MaxPayoutAffiliates)
	}
	for _, list := range []struct {
		field string
		ids   []int64
		into  *[]int64
	}{{"affiliate_ids", params.AffiliateIDs, &run.only}, {"without", params.Without, &run.without}} {
		if len(list.ids) == 0 {
			continue
		}
		if len(list.ids) > MaxPayoutAffiliates {
			return invalid(list.field, "must be at most %d ids of affiliates, not %d", MaxPayoutAffiliates, len(list.ids))
		}
		ids := slices.Compact(slices.Sorted(slices.Values(list.ids)))
		if ids[0] < 1 {
			return at(list.field, form.ID(ids[0]))
		}
		*list.into = ids
	}
	return nil
}

// known refuses affiliates that the project does not have: a misspelled one must not
// make somebody else get money, or get none.
func (run *payoutRun) known(ctx context.Context, q db.Querier, project int64) error {
	for _, list := range []struct {
		field string
		ids   []int64
	}{{"affiliate_ids", run.only}, {"without", run.without}} {
		if len(list.ids) == 0 {
			continue
		}
		rows, err := q.ListAffiliatesForPayouts(ctx, db.ListAffiliatesForPayoutsParams{
			ProjectID: project, AffiliateIDs: stored.IDs(list.ids),
		})
		if err != nil {
			return err
		}
		if len(rows) != len(list.ids) {
			return &Error{Code: CodeNotFound, Field: list.field, Message: "Affiliate not found"}
		}
	}
	return nil
}

// planNow is planRun for a run that begins now.
func (p *Project) planNow(ctx context.Context, params PayoutRunParams) (*payoutRun, error) {
	run, err := p.planRun(ctx, params)
	if err != nil {
		return nil, err
	}
	return run, p.snapshot(ctx, "looking for affiliates", func(ctx context.Context, q db.Querier) error {
		return run.known(ctx, q, p.id)
	})
}

// A payee is what a run asks about an affiliate.
type payee struct {
	id              int64
	paused, details bool
	amount, entries int64 // that a payout would pay
}

func payeeOf(row db.ListAffiliatesForPayoutsRow) payee {
	return payee{
		id: row.ID, paused: row.PayoutsPaused == 1,
		details: row.PaypalEmail != nil || row.WiseAccountID != nil || row.WiseEmail != nil,
	}
}

// leaves is why the run leaves out an affiliate, "" if it makes a payout. With nothing
// in the account there is no reason either, and nothing to pay.
func (run *payoutRun) leaves(a payee) LeftOutReason {
	_, excluded := slices.BinarySearch(run.without, a.id)
	switch {
	case a.amount == 0:
	case excluded:
		return LeftOutExcluded
	case a.paused:
		return LeftOutPaused
	case a.amount < 0:
		return LeftOutNegative
	case a.amount < run.minimum:
		return LeftOutBelowMinimum
	case run.detailsOnly && !a.details:
		return LeftOutNoDetails
	}
	return ""
}

func (run *payoutRun) leftOut(a payee, reason LeftOutReason) LeftOut {
	return LeftOut{AffiliateID: a.id, Amount: money.New(a.amount, money.Currency(run.currency)), Reason: reason}
}

// A runListener hears of each affiliate whom a run looks at, in the order of their ids.
type runListener struct {
	planned func(payee)   // who would get a payout, in a preview
	made    func(*Payout) // who got one
	leftOut func(LeftOut)
}

// preview finds out what a run would make.
func (p *Project) preview(ctx context.Context, run *payoutRun, tell runListener) error {
	return p.eachPayee(ctx, run, 0, func(a payee) error {
		switch reason := run.leaves(a); {
		case reason != "":
			tell.leftOut(run.leftOut(a, reason))
		case a.amount != 0:
			tell.planned(a)
		}
		return nil
	})
}

// leftOutNow finds out whom a run would leave out now.
func (p *Project) leftOutNow(ctx context.Context, run *payoutRun, tell func(LeftOut)) error {
	return p.preview(ctx, run, runListener{planned: func(payee) {}, leftOut: tell})
}

// planned is the payout that a run would make.
func (run *payoutRun) planned(a payee) *Payout {
	return showPayout(&db.Payout{
		AffiliateID: a.id, Currency: run.currency, Amount: a.amount, EntryCount: a.entries,
		Cutoff: run.cutoff, Status: string(PayoutPending),
	})
}

// eachPayee calls a function for each affiliate whom a run is for, after an id, in the
// order of their ids. It reads some at a time.
func (p *Project) eachPayee(ctx context.Context, run *payoutRun, after int64, call func(payee) error) error {
	for more := true; more; {
		var page []payee
		err := p.snapshot(ctx, "looking for payouts", func(ctx context.Context, q db.Querier) error {
			ids, err := run.next(ctx, q, p.id, after)
			if err != nil || len(ids) == 0 {
				more = false
				return err
			}
			more = len(ids) == payoutStep
			if page, err = run.payees(ctx, q, p.id, ids); err != nil {
				return err
			}
			after, err = stored.Onward(after, ids[len(ids)-1])
			return err
		})
		if err != nil {
			return err
		}
		for _, a := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := call(a); err != nil {
				return err
			}
		}
	}
	return nil
}

// next returns the next affiliates whom a run looks at.
func (run *payoutRun) next(ctx context.Context, q db.Querier, project, after int64) ([]int64, error) {
	if run.only == nil {
		return q.ListAffiliatesWithAccount(ctx, db.ListAffiliatesWithAccountParams{
			ProjectID: project, Currency: run.currency, AfterID: after, Limit: payoutStep,
		})
	}
	at, found := slices.BinarySearch(run.only, after)
	if found {
		at++
	}
	return run.only[at:min(at+payoutStep, len(run.only))], nil
}

// payees reads what some affiliates can be paid. Those that were deleted are not among
// them.
func (run *payoutRun) payees(ctx context.Context, q db.Querier, project int64, ids []int64) ([]payee, error) {
	rows, err := q.ListAffiliatesForPayouts(ctx, db.ListAffiliatesForPayoutsParams{
		ProjectID: project, AffiliateIDs: stored.IDs(ids),
	})
	if err != nil {
		return nil, err
	}
	payees := make([]payee, len(rows))
	for i, row := range rows {
		payees[i] = payeeOf(row)
		payable, err := run.payable(ctx, q, project, row.ID)
		if err != nil {
			return nil, err
		}
		payees[i].amount, payees[i].entries = payable.Amount, payable.Entries
	}
	return payees, nil
}

func (run *payoutRun) payable(ctx context.Context, q db.Querier, project, affiliate int64) (db.SumPayableRow, error) {
	return q.SumPayable(ctx, db.SumPayableParams{
		ProjectID: project, AffiliateID: affiliate, Currency: run.currency, Cutoff: run.cutoff,
	})
}
