package books_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

type (
	// runOp previews a run of payouts and makes it.
	runOp struct {
		Earlier      time.Duration // how long before now the cut-off is; 0 for the default, below 0 for the future
		Currency     money.Currency
		Minimum      int64 // minor units, below 0 for the default
		Other        bool  // the minimum is in another currency
		For, Without []int // selectors of affiliates
		DetailsOnly  bool
		PreviewOnly  bool

		keyed
	}

	// A modelRun is a run that is kept. What it comes to is added up from its payouts.
	modelRun struct {
		id              int64
		by              string
		cutoff, created int64 // the latter as the engine says
		currency        money.Currency
		least           *big.Rat
	}

	// A modelPlan is what a run is for.
	modelPlan struct {
		cutoff      int64
		currency    money.Currency
		least       *big.Rat
		only        []int64 // nil for everybody
		without     []int64
		detailsOnly bool
	}

	// A planned run is what one would make.
	planned struct {
		payouts []*modelPayout
		leftOut []refgrow.LeftOut
		nowhere []int64 // to be paid, but nobody knows where
	}
)

func (op runOp) params(on *side) refgrow.PayoutRunParams {
	params := refgrow.PayoutRunParams{Currency: op.Currency, DetailsOnly: op.DetailsOnly}
	if op.Earlier != 0 {
		params.Cutoff = on.clock.Now().Add(-op.Earlier)
	}
	if op.Minimum >= 0 {
		currency := op.Currency
		if currency == "" {
			currency = own
		}
		params.Minimum = money.New(op.Minimum, other(currency, op.Other))
	}
	for _, selector := range op.For {
		params.AffiliateIDs = append(params.AffiliateIDs, pick(selector, on.model.affiliates))
	}
	for _, selector := range op.Without {
		params.Without = append(params.Without, pick(selector, on.model.affiliates))
	}
	number := op.number(on.model)
	if number == 0 {
		return params
	}
	params.By = "a robot"
	if task := on.model.tasks[number]; op.Again && task != nil && task.run != 0 {
		params, params.By = task.params, "somebody else"
	}
	params.Idempotency = callOf(number, "a run")
	return params
}

// plan is what a run is for, unless it is refused for what it says.
func (m *model) plan(params refgrow.PayoutRunParams) (modelPlan, faults) {
	var f faults
	plan := modelPlan{
		cutoff: m.now, currency: own, least: new(big.Rat), only: params.AffiliateIDs, without: params.Without,
		detailsOnly: params.DetailsOnly,
	}
	if !params.Cutoff.IsZero() {
		plan.cutoff = params.Cutoff.UnixMilli()
	}
	f.add(refgrow.CodeInvalid, plan.cutoff > m.now)
	if params.Currency != "" {
		plan.currency = params.Currency
	}
	switch {
	case params.Minimum.IsSet():
		plan.least = big.NewRat(params.Minimum.Minor(), 1)
		f.add(refgrow.CodeInvalid, params.Minimum.Currency() != plan.currency)
	case plan.currency == own:
		plan.least = m.least
	}
	return plan, f
}

// unknownIn reports whether a run names an affiliate that there is not.
func (m *model) unknownIn(plan modelPlan) bool {
	return slices.ContainsFunc(slices.Concat(plan.only, plan.without), func(id int64) bool {
		return m.affiliates[id] == nil
	})
}

// planned is what a run makes of the affiliates after one.
func (m *model) planned(plan modelPlan, after int64) planned {
	var made planned
	for _, id := range slices.Sorted(maps.Keys(m.affiliates)) {
		if id <= after || plan.only != nil && !slices.Contains(plan.only, id) {
			continue
		}
		p := &modelPayout{
			account: account{id, plan.currency}, amount: new(big.Rat), status: refgrow.PayoutPending, cutoff: plan.cutoff,
		}
		for _, e := range m.payable(id, all, plan.cutoff) {
			if e.currency == plan.currency {
				p.entries = append(p.entries, e)
				p.amount.Add(p.amount, e.amount)
			}
		}
		reason := refgrow.LeftOutReason("")
		switch a := m.affiliates[id]; {
		case p.amount.Sign() == 0:
			continue
		case slices.Contains(plan.without, id):
			reason = refgrow.LeftOutExcluded
		case a.paused:
			reason = refgrow.LeftOutPaused
		case p.amount.Sign() < 0:
			reason = refgrow.LeftOutNegative
		case p.amount.Cmp(plan.least) < 0:
			reason = refgrow.LeftOutBelowMinimum
		case plan.detailsOnly && a.wants == refgrow.PayoutPreferences{}:
			reason = refgrow.LeftOutNoDetails
		}
		if reason != "" {
			left := refgrow.LeftOut{AffiliateID: id, Amount: amountOf(p.amount, plan.currency), Reason: reason}
			made.leftOut = append(made.leftOut, left)
			continue
		}
		if m.affiliates[id].wants == (refgrow.PayoutPreferences{}) {
			made.nowhere = append(made.nowhere, id)
		}
		made.payouts = append(made.payouts, p)
	}
	return made
}

// same compares what was made, or would be.
func (want planned) same(what string, payouts []refgrow.Payout, leftOut []refgrow.LeftOut) error {
	if err := samePayouts(what, payouts, want.payouts); err != nil {
		return err
	}
	if !slices.Equal(leftOut, want.leftOut) {
		return fmt.Errorf("%s leaves out\n\t%v\nbut should leave out\n\t%v", what, leftOut, want.leftOut)
	}
	return nil
}

func (op runOp) do(on *side) error {
	params := op.params(on)
	plan, f := on.model.plan(params)
	f.add(refgrow.CodeNotFound, on.model.unknownIn(plan))
	preview, err := on.project.PayoutRuns().Preview(on.ctx, params)
	done, err := agree(err, f)
	if err != nil {
		return err
	}
	if done {
		want := on.model.planned(plan, 0)
		if err := want.same("the preview", preview.Payouts, preview.LeftOut); err != nil {
			return err
		}
		if preview.Run != nil || !slices.Equal(preview.NoDetails, want.nowhere) {
			return fmt.Errorf("the preview is of run %v, and nobody knows where to pay %v, but should be %v",
				preview.Run, preview.NoDetails, want.nowhere)
		}
	}
	if op.PreviewOnly {
		return nil
	}
	return on.run(params, op.number(on.model), op.Breaks)
}

// to runs the payouts in the currency of a conversion.
func (op runOp) to(on *side, id int64) error {
	if c := on.model.conversions[id]; c != nil {
		op.Currency = c.currency
	}
	return op.do(on)
}

// run makes a run with the key of a number, 0 for without one, or goes on with it. It
// may be broken off.
func (on *side) run(params refgrow.PayoutRunParams, number int64, breaks int) error {
	m := on.model
	plan, f := m.plan(params)
	task := m.tasks[number]
	if task == nil {
		task = &modelTask{params: params, request: fmt.Sprint("a run ", plan.only, plan.without, params)}
		f.add(refgrow.CodeNotFound, m.unknownIn(plan))
	} else if f.add(refgrow.CodeConflict, !task.sameRun(params)); len(f) == 0 {
		begun := m.runs[task.run]
		plan.cutoff, plan.currency, plan.least = begun.cutoff, begun.currency, begun.least
	}
	if len(f) > 0 {
		breaks = 0
	}
	ctx, broken := on.breaking(breaks)
	got, err := on.project.PayoutRuns().Make(ctx, params)
	if broken() && err != nil {
		return on.brokenRun(err, params, plan, number, task)
	}
	if done, err := agree(err, f); !done {
		return err
	}
	want := planned{}
	if !task.done {
		want = m.planned(plan, task.mark)
	}
	repeated := task.run != 0
	if !repeated {
		if err := want.same("the run", got.Payouts, got.LeftOut); err != nil {
			return err
		}
	}
	if kept := len(want.payouts) > 0 || number != 0; kept != (got.Run != nil) {
		return fmt.Errorf("the run is %+v, but should be kept: %t", got.Run, kept)
	}
	if got.Run == nil {
		return nil
	}
	m.kept(got.Run.ID, plan, params.By, number, task)
	made := slices.DeleteFunc(slices.Clone(got.Payouts), func(p refgrow.Payout) bool { return m.payouts[p.ID] != nil })
	if err := samePayouts("what is new in the run", made, want.payouts); err != nil {
		return err
	}
	m.reserved(want.payouts, made, task)
	task.done = true
	if repeated {
		if err := want.sameAgain(m, plan, got); err != nil {
			return err
		}
	}
	if replayed := repeated && len(made) == 0; got.Replayed != replayed {
		return fmt.Errorf("replayed is %t, but should be %t", got.Replayed, replayed)
	}
	return m.sameRun(got.Run)
}

// sameRun reports whether a run is the one that the key was used for.
func (task *modelTask) sameRun(params refgrow.PayoutRunParams) bool {
	was := task.params
	return task.run != 0 && was.Cutoff.Equal(params.Cutoff) && was.Currency == params.Currency &&
		was.Minimum == params.Minimum && was.DetailsOnly == params.DetailsOnly &&
		slices.Equal(was.AffiliateIDs, params.AffiliateIDs) && slices.Equal(was.Without, params.Without)
}

// sameAgain compares the answer to a repeated call: all payouts of the run as they are
// now, and whom it would leave out now.
func (want planned) sameAgain(m *model, plan modelPlan, got *refgrow.PayoutRunResult) error {
	want.payouts = nil
	for _, id := range slices.Sorted(maps.Keys(m.payouts)) {
		if m.payouts[id].run == got.Run.ID {
			want.payouts = append(want.payouts, m.payouts[id])
		}
	}
	want.leftOut = m.planned(plan, 0).leftOut
	for i, p := range want.payouts {
		if i < len(got.Payouts) && got.Payouts[i].ID != p.id {
			return fmt.Errorf("in the repeated run payout %d stands where %d should", got.Payouts[i].ID, p.id)
		}
	}
	return want.same("the repeated run", got.Payouts, got.LeftOut)
}

// brokenRun takes over what a run that was broken off has made, in the order of the
// affiliates. Where nothing seems to be left to make, it is repeated at once: nobody
// knows whether it had come to its end.
func (on *side) brokenRun(
	err error, params refgrow.PayoutRunParams, plan modelPlan, number int64, task *modelTask,
) error {
	m := on.model
	if !errors.Is(err, context.Canceled) {
		return fmt.Errorf("a run that was broken off returned: %w", err)
	}
	id := task.run
	if id == 0 {
		newest, err := on.project.PayoutRuns().List(on.ctx, refgrow.ListPayoutRunsParams{Limit: 1})
		if err != nil || len(newest.Items) == 0 || m.runs[newest.Items[0].ID] != nil {
			return err
		}
		id = newest.Items[0].ID
	}
	m.kept(id, plan, params.By, number, task)
	var made []refgrow.Payout
	for p, err := range on.project.AllPayouts(on.ctx, refgrow.ListPayoutsParams{RunID: id}) {
		if err != nil {
			return err
		}
		if m.payouts[p.ID] == nil {
			made = append(made, p)
		}
	}
	slices.Reverse(made)
	want := planned{}
	if !task.done {
		want = m.planned(plan, task.mark)
	}
	all := len(want.payouts)
	want.payouts = want.payouts[:min(all, len(made))]
	if err := samePayouts("the run that was broken off", made, want.payouts); err != nil {
		return err
	}
	m.reserved(want.payouts, made, task)
	if number != 0 && len(made) == all {
		return on.run(params, number, 0)
	}
	return nil
}

// kept takes a run into the books, and the key of its number.
func (m *model) kept(id int64, plan modelPlan, by string, number int64, task *modelTask) {
	if m.runs[id] == nil {
		m.runs[id] = &modelRun{id: id, by: by, cutoff: plan.cutoff, currency: plan.currency, least: plan.least}
	}
	task.run = id
	if number != 0 {
		m.tasks[number] = task
	}
}

// reserved takes the payouts of a run into the books.
func (m *model) reserved(payouts []*modelPayout, made []refgrow.Payout, task *modelTask) {
	for i, p := range payouts {
		p.id, p.run, task.mark = made[i].ID, task.run, p.affiliate
		m.payouts[p.id] = p
		m.moved[p.id], m.touched[p.affiliate] = true, true
	}
}

// sameRun compares a run with the payouts that it made, of affiliates that are still
// there.
func (m *model) sameRun(got *refgrow.PayoutRun) error {
	run := m.runs[got.ID]
	if run == nil {
		return fmt.Errorf("there should be no run %d", got.ID)
	}
	count, total := int64(0), new(big.Rat)
	for _, p := range m.payouts {
		if p.run == run.id {
			count++
			total.Add(total, p.amount)
		}
	}
	show := func(by string, cutoff int64, minimum, total money.Amount, count int64) string {
		return fmt.Sprintf("%d by %q until %d from %v: %v in %d", run.id, by, cutoff, minimum, total, count)
	}
	s := show(got.By, got.Cutoff.UnixMilli(), got.Minimum, got.Total, got.Count)
	want := show(run.by, run.cutoff, amountOf(run.least, run.currency), amountOf(total, run.currency), count)
	if s != want || got.Currency != run.currency || run.created != 0 && got.CreatedAt.UnixMilli() != run.created {
		return fmt.Errorf("the run is\n\t%s, of %v\nbut should be\n\t%s, of %d", s, got.CreatedAt, want, run.created)
	}
	return nil
}

// lookAtRuns notes the stamps of new runs, which follow the rules for those of entries.
func (on *side) lookAtRuns() error {
	m := on.model
	stamped := m.stamped
	for id, run := range m.runs {
		if run.created != 0 {
			continue
		}
		got, err := on.project.PayoutRuns().Get(on.ctx, id)
		if err != nil {
			return err
		}
		run.created = got.CreatedAt.UnixMilli()
		earliest := max(m.now, on.before, m.asked)
		if run.created < earliest || run.created > max(earliest, m.written) {
			return fmt.Errorf("run %d is stamped %d: not from %d to %d", id, run.created, earliest, m.written)
		}
		if err := m.sameRun(got); err != nil {
			return err
		}
		stamped = max(stamped, run.created)
	}
	m.stamped = stamped
	return nil
}

func (w *world) auditRuns() error {
	runs := w.project.PayoutRuns().All(w.ctx, refgrow.ListPayoutRunsParams{Limit: 100})
	if err := walk("runs", runs, func() (int64, error) {
		return w.project.PayoutRuns().Count(w.ctx)
	}, len(w.model.runs), w.model.sameRun); err != nil {
		return err
	}
	for id := range w.model.runs {
		of := func(p *modelPayout) bool { return p.run == id }
		params := refgrow.ListPayoutsParams{RunID: id}
		if err := walk(fmt.Sprintf("payouts of run %d", id), w.project.AllPayouts(w.ctx, params), func() (int64, error) {
			return w.project.CountPayouts(w.ctx, params)
		}, countOf(w.model.payouts, of), func(p *refgrow.Payout) error {
			if p.RunID != id {
				return fmt.Errorf("payout %d is of run %d", p.ID, p.RunID)
			}
			return w.samePayout(p)
		}); err != nil {
			return err
		}
	}
	return nil
}
