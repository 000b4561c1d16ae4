package refgrow

import (
	"context"
	"encoding/binary"
	"iter"
	"slices"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// A PayoutReport is what a run made, or would make, for those who read it piece by
// piece. It takes some bytes for each affiliate, however long the run is.
type PayoutReport struct {
	// Run and Replayed are as in PayoutRunResult.
	Run      *PayoutRun
	Replayed bool

	project *Project
	run     *payoutRun
	at      int64
	planned tally // of a preview
	left    tally
}

// A ReportedPayout is one payout of a report.
type ReportedPayout struct {
	Payout

	// NoDetails is set in a preview if nobody knows where to pay the affiliate.
	NoDetails bool
}

// MakeReport is Make for very many affiliates. It makes the same run; its report reads
// the payouts from the database when they are asked for. Errors: those of Make.
func (r *PayoutRuns) MakeReport(ctx context.Context, params PayoutRunParams) (*PayoutReport, error) {
	report := &PayoutReport{project: &r.project}
	run, err := r.project.makeRun(ctx, params, runListener{made: func(*Payout) {}, leftOut: report.leaveOut})
	if err != nil {
		return nil, err
	}
	report.run = run
	if run.reread {
		report.Replayed, report.left = run.made == 0, tally{}
		if err := r.project.leftOutNow(ctx, run, report.leaveOut); err != nil {
			return nil, err
		}
	}
	if report.Run, err = run.shown(); err != nil {
		return nil, err
	}
	const doing = "running payouts"
	totals, err := read(ctx, &r.project, doing, func(ctx context.Context, q db.Querier) (db.ProjectTotals, error) {
		return q.GetProjectTotals(ctx, r.project.id)
	})
	report.at = totals.LastStamp
	return report, err
}

// PreviewReport is Preview for very many affiliates. Errors: those of Preview.
func (r *PayoutRuns) PreviewReport(ctx context.Context, params PayoutRunParams) (*PayoutReport, error) {
	run, err := r.project.planNow(ctx, params)
	if err != nil {
		return nil, err
	}
	report := &PayoutReport{project: &r.project, run: run}
	return report, r.project.preview(ctx, run, runListener{planned: report.plan, leftOut: report.leaveOut})
}

// AllPayouts walks the payouts in the order of the affiliates: those of a run as they
// were when the report was made, whatever became of them since. It fetches page by page
// and holds no rows open.
func (r *PayoutReport) AllPayouts(ctx context.Context) iter.Seq2[ReportedPayout, error] {
	return func(yield func(ReportedPayout, error) bool) {
		for row := range r.planned.all() {
			a := payee{id: row.affiliate, amount: row.amount, entries: row.note >> 1}
			if !yield(ReportedPayout{Payout: *r.run.planned(a), NoDetails: row.note&1 == 0}, nil) {
				return
			}
		}
		if r.Run == nil {
			return
		}
		for payout, err := range r.project.payoutsMadeBy(ctx, r.Run.ID, r.at) {
			if !yield(ReportedPayout{Payout: payout}, err) {
				return
			}
		}
	}
}

// AllLeftOut walks those whom the run leaves out, in the order of the affiliates.
func (r *PayoutReport) AllLeftOut() iter.Seq2[LeftOut, error] {
	return func(yield func(LeftOut, error) bool) {
		for row := range r.left.all() {
			left := LeftOut{
				AffiliateID: row.affiliate, Amount: money.New(row.amount, money.Currency(r.run.currency)),
				Reason: leftOutReasons()[row.note],
			}
			if !yield(left, nil) {
				return
			}
		}
	}
}

func leftOutReasons() []LeftOutReason {
	return []LeftOutReason{
		LeftOutBelowMinimum, LeftOutNegative, LeftOutExcluded, LeftOutPaused, LeftOutNoDetails,
	}
}

func (r *PayoutReport) leaveOut(l LeftOut) {
	r.left.add(tallied{
		affiliate: l.AffiliateID, amount: l.Amount.Minor(), note: int64(slices.Index(leftOutReasons(), l.Reason)),
	})
}

// plan keeps the entries of a planned payout, and in the last bit whether there are
// details.
func (r *PayoutReport) plan(a payee) {
	note := a.entries << 1
	if a.details {
		note++
	}
	r.planned.add(tallied{affiliate: a.id, amount: a.amount, note: note})
}

// A tally keeps two numbers for each of very many affiliates, in a few bytes each.
type tally struct {
	rows []byte
	last int64
}

type tallied struct{ affiliate, amount, note int64 }

// add keeps a row; of its id, how much higher it is than the one before.
func (t *tally) add(row tallied) {
	for _, n := range []int64{row.affiliate - t.last, row.amount, row.note} {
		t.rows = binary.AppendVarint(t.rows, n)
	}
	t.last = row.affiliate
}

func (t *tally) all() iter.Seq[tallied] {
	return func(yield func(tallied) bool) {
		var row tallied
		rest := t.rows
		next := func() int64 {
			n, size := binary.Varint(rest)
			rest = rest[size:]
			return n
		}
		for len(rest) > 0 {
			row.affiliate += next()
			row.amount, row.note = next(), next()
			if !yield(row) {
				return
			}
		}
	}
}
