package refgrow

import (
	"context"
	"math"
	"time"

	"github.com/refgrow-go/refgrow/money"
)

// MaxPayoutAffiliates is how many affiliates a run can be for, or without.
const MaxPayoutAffiliates = 500

// PayoutRunParams say what a run pays out, and to whom.
type PayoutRunParams struct {
	// Cutoff is the instant by which earnings must be available. It must not be in the
	// future. Defaults to now.
	Cutoff time.Time
	// Currency is the currency to pay out. Defaults to the project's.
	Currency money.Currency
	// Minimum is the least that one affiliate is paid, in Currency. Defaults to the
	// project's MinimumPayout in the project's currency, and to nothing in others.
	Minimum money.Amount
	// AffiliateIDs are those whom the run is for, 1 to 500; nil for all.
	AffiliateIDs []int64
	// Without are up to 500 whom the run leaves out.
	Without []int64
	// DetailsOnly leaves out who has none of PayoutPreferences' addresses and ids.
	DetailsOnly bool
	// By is who asks for the run, for people: at most 255 characters, "" for nobody.
	By string
	// Idempotency makes a run one that is made once, however often the call is
	// repeated: see PayoutRuns.Make. The zero value has no key. A preview ignores it.
	Idempotency Idempotency
}

// A LeftOutReason says why a run makes no payout for an affiliate.
type LeftOutReason string

const (
	// LeftOutBelowMinimum: there is less to pay than the run's minimum.
	LeftOutBelowMinimum LeftOutReason = "below_minimum"
	// LeftOutNegative: the affiliate owes something.
	LeftOutNegative LeftOutReason = "negative"
	// LeftOutExcluded: PayoutRunParams.Without names the affiliate.
	LeftOutExcluded LeftOutReason = "excluded"
	// LeftOutPaused: the affiliate's payouts are paused.
	LeftOutPaused LeftOutReason = "paused"
	// LeftOutNoDetails: nobody knows where to pay, and the run is with DetailsOnly.
	LeftOutNoDetails LeftOutReason = "no_details"
)

// A LeftOut is an affiliate for whom a run makes no payout, although there is something
// in the account that the run looked at.
type LeftOut struct {
	AffiliateID int64
	Amount      money.Amount // what there is to pay by the cut-off; negative for a debt
	Reason      LeftOutReason
}

// A PayoutRunResult is what a run made, or would make.
type PayoutRunResult struct {
	// Run is nil for a preview, and for a run without a key that made no payout, of
	// which nothing is kept.
	Run *PayoutRun
	// Payouts are in the order of the affiliates. Those of a run with a key are as they
	// are now, whoever has paid or canceled them since.
	Payouts []Payout
	// LeftOut is in the order of the affiliates. When a call is repeated with its key
	// it is what the run would leave out now.
	LeftOut []LeftOut
	// NoDetails are the affiliates, of those in the payouts of a preview, of whom
	// nobody knows where to pay them.
	NoDetails []int64
	// Replayed is set when a call was repeated with its key and made no payout.
	Replayed bool
}

// PreviewPayouts returns the payouts that RunPayouts would make now, without making
// any. Errors: ErrInvalid; ErrNotFound for an affiliate that it names.
func (p *Project) PreviewPayouts(ctx context.Context, params PayoutRunParams) ([]Payout, error) {
	result, err := p.PayoutRuns().Preview(ctx, params)
	return result.Payouts, err
}

// Preview returns what Make would make now, and whom it would leave out, without making
// anything. Errors: ErrInvalid; ErrNotFound for an affiliate that it names.
func (r *PayoutRuns) Preview(ctx context.Context, params PayoutRunParams) (*PayoutRunResult, error) {
	result := &PayoutRunResult{Payouts: []Payout{}, LeftOut: []LeftOut{}}
	run, err := r.project.planNow(ctx, params)
	if err != nil {
		return result, err
	}
	return result, r.project.preview(ctx, run, runListener{
		planned: func(a payee) {
			result.Payouts = append(result.Payouts, *run.planned(a))
			if !a.details {
				result.NoDetails = append(result.NoDetails, a.id)
			}
		},
		leftOut: func(l LeftOut) { result.LeftOut = append(result.LeftOut, l) },
	})
}

// RunPayouts is PayoutRuns.Make for who only wants the payouts. On an error it also
// returns those that were made before it.
func (p *Project) RunPayouts(ctx context.Context, params PayoutRunParams) ([]Payout, error) {
	result, err := p.PayoutRuns().Make(ctx, params)
	return result.Payouts, err
}

// Make makes a pending payout for each affiliate with enough to pay out, of those that
// the run is for: the entries that are available by the cut-off, and, of what is not,
// the debts of a conversion, except those that other payouts reserve. Each payout is
// made in a transaction of its own, and others write in between. A run that is
// repeated, that runs alongside another, or that follows one that was interrupted, pays
// nobody twice: it makes the payouts that are still to be made.
//
// With a key (PayoutRunParams.Idempotency) the run is written first. A call that
// repeats it goes on where it was interrupted, with the cut-off, currency and minimum
// that it began with, and never comes back to an affiliate whom it has passed, whatever
// became of the payout; once all is done, it answers with the run's payouts as they are
// now. A key of a run is kept as long as the run. A twin of the call waits for it.
//
// On an error the result has the payouts that this call made before it. Errors:
// ErrInvalid, ErrBusy; ErrNotFound for an affiliate that it names; ErrConflict for a
// key that was used for something else, and when the payouts of one run would come to
// more than 9 * 10^18 minor units.
func (r *PayoutRuns) Make(ctx context.Context, params PayoutRunParams) (*PayoutRunResult, error) {
	result := &PayoutRunResult{Payouts: []Payout{}, LeftOut: []LeftOut{}}
	run, err := r.project.makeRun(ctx, params, runListener{
		made:    func(payout *Payout) { result.Payouts = append(result.Payouts, *payout) },
		leftOut: func(l LeftOut) { result.LeftOut = append(result.LeftOut, l) },
	})
	if err != nil {
		return result, err
	}
	if run.reread {
		result.Replayed = run.made == 0
		result.Payouts, result.LeftOut = []Payout{}, []LeftOut{}
		for payout, err := range r.project.payoutsMadeBy(ctx, run.row.ID, math.MaxInt64) {
			if err != nil {
				return result, err
			}
			result.Payouts = append(result.Payouts, payout)
		}
		if err := r.project.leftOutNow(ctx, run, func(l LeftOut) { result.LeftOut = append(result.LeftOut, l) }); err != nil {
			return result, err
		}
	}
	result.Run, err = run.shown()
	return result, err
}
