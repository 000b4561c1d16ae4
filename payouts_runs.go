package refgrow

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// PayoutRuns is the handle of a project's runs of payouts. It is bound to the
// transaction that the project is bound to.
type PayoutRuns struct{ project Project }

// PayoutRuns returns the handle of the project's runs of payouts.
func (p *Project) PayoutRuns() *PayoutRuns { return &PayoutRuns{*p} }

// A PayoutRun is one run of payouts. Its payouts have its id.
type PayoutRun struct {
	ID        int64
	CreatedAt time.Time
	By        string // who asked for it, "" if nobody said
	Cutoff    time.Time
	Currency  money.Currency
	Minimum   money.Amount
	// Count and Total are of all payouts that it made, whatever became of them. Those
	// of deleted affiliates do not count.
	Count int64
	Total money.Amount
}

func storedRun(r *db.PayoutRun) (*PayoutRun, error) {
	currency, err := stored.Currency(r.Currency)
	if err != nil {
		return nil, fmt.Errorf("payout run %d: %w", r.ID, err)
	}
	return &PayoutRun{
		ID: r.ID, CreatedAt: stored.Instant(r.CreatedAt), By: stored.OrZero(r.MadeBy), Cutoff: stored.Instant(r.Cutoff),
		Currency: currency, Minimum: money.New(r.Minimum, currency), Count: r.Payouts, Total: money.New(r.Total, currency),
	}, nil
}

// Get finds a run of payouts by its id. Errors: ErrNotFound.
func (r *PayoutRuns) Get(ctx context.Context, id int64) (*PayoutRun, error) {
	if err := r.project.open(); err != nil {
		return nil, err
	}
	const doing = "finding a payout run"
	row, err := r.project.backend.Reader().GetPayoutRun(ctx, db.GetPayoutRunParams{ProjectID: r.project.id, RunID: id})
	if err := r.project.engine.failed(doing, missing(err, "Payout run")); err != nil {
		return nil, err
	}
	run, err := storedRun(&row)
	return run, r.project.engine.failed(doing, err)
}

// ListPayoutRunsParams page the list of runs.
type ListPayoutRunsParams struct {
	// Limit is 1 to 500; 0 means 50.
	Limit  int
	After  Cursor
	Offset int
}

// List returns a page of the runs of payouts, newest first. Errors: ErrInvalid.
func (r *PayoutRuns) List(ctx context.Context, params ListPayoutRunsParams) (Page[PayoutRun], error) {
	var page Page[PayoutRun]
	at, err := pageOf("payout runs", params.Limit, 50, params.After, params.Offset, r.project.id)
	if err != nil {
		return page, err
	}
	const doing = "listing payout runs"
	rows, err := read(ctx, &r.project, doing, func(ctx context.Context, q db.Querier) ([]db.PayoutRun, error) {
		return q.ListPayoutRuns(ctx, db.ListPayoutRunsParams{
			ProjectID: r.project.id, BeforeTime: at.from.time, BeforeID: at.from.id, Limit: at.fetch(), Offset: at.offset,
		})
	})
	if err != nil {
		return page, err
	}
	return cut(at, rows, func(r *db.PayoutRun) (int64, int64) { return r.CreatedAt, r.ID }, shown(storedRun))
}

// Count counts all pages of the list.
func (r *PayoutRuns) Count(ctx context.Context) (int64, error) {
	return read(ctx, &r.project, "counting payout runs", func(ctx context.Context, q db.Querier) (int64, error) {
		return q.CountPayoutRuns(ctx, r.project.id)
	})
}

// All walks the whole list. It fetches page by page and holds no rows open.
func (r *PayoutRuns) All(ctx context.Context, params ListPayoutRunsParams) iter.Seq2[PayoutRun, error] {
	return all(func(after Cursor) (Page[PayoutRun], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return r.List(ctx, params)
	})
}

// payoutsMadeBy walks the payouts of a run in the order in which they were made, as
// they were at an instant.
func (p *Project) payoutsMadeBy(ctx context.Context, run, at int64) iter.Seq2[Payout, error] {
	return func(yield func(Payout, error) bool) {
		params := db.ListPayoutsMadeByRunParams{ProjectID: p.id, RunID: run, Limit: payoutStep}
		for {
			rows, err := read(ctx, p, "listing the payouts of a run", func(ctx context.Context, q db.Querier) ([]db.Payout,
				error) {
				return q.ListPayoutsMadeByRun(ctx, params)
			})
			if err != nil {
				yield(Payout{}, err)
				return
			}
			for i := range rows {
				undoAfter(&rows[i], at)
				payout, err := storedPayout(&rows[i])
				if err != nil {
					yield(Payout{}, p.engine.failed("listing the payouts of a run", err))
					return
				}
				if !yield(*payout, nil) {
					return
				}
			}
			if len(rows) < payoutStep {
				return
			}
			last := &rows[len(rows)-1]
			if params.AfterID, err = stored.Onward(params.AfterID, last.ID); err != nil {
				yield(Payout{}, err)
				return
			}
			params.AfterTime = last.CreatedAt
		}
	}
}

// undoAfter makes a payout what it was at an instant after it was made.
func undoAfter(r *db.Payout, at int64) {
	if stored.OrZero(r.ReturnedAt) > at {
		r.Status, r.ReturnedAt, r.ReturnNote = string(PayoutPaid), nil, nil
	}
	if stored.OrZero(r.PaidAt) > at {
		r.Status, r.PaidAt, r.PaidOn, r.ExternalReference = string(PayoutPending), nil, nil, nil
	}
	if stored.OrZero(r.CanceledAt) > at {
		r.Status, r.CanceledAt = string(PayoutPending), nil
	}
}
