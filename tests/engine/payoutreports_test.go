package engine_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// result is what a report says, all of it at once.
func (p *program) result(report *refgrow.PayoutReport) *refgrow.PayoutRunResult {
	p.Helper()
	all := &refgrow.PayoutRunResult{Run: report.Run, Replayed: report.Replayed}
	for payout, err := range report.AllPayouts(p.Context()) {
		p.OK(err)
		all.Payouts = append(all.Payouts, payout.Payout)
		if payout.NoDetails {
			all.NoDetails = append(all.NoDetails, payout.AffiliateID)
		}
	}
	for left, err := range report.AllLeftOut() {
		p.OK(err)
		all.LeftOut = append(all.LeftOut, left)
	}
	return all
}

// A report says what a result says, and makes the same run.
func TestPayoutReports(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{MinimumPayout: money.MustParse("5.00 USD")})
	ctx := t.Context()
	amounts := []string{"20.00", "4.99", "-3.00", "90000000000000.00", "8.00", "-90000000000000.00", "7.00"}
	for i, amount := range amounts {
		a := p.Affiliate(fmt.Sprint("affiliate", i))
		p.adjust(a, amount+" USD")
		p.Affiliate(fmt.Sprint("between", i)) // has nothing
	}
	for id, u := range map[int64]refgrow.UpdateAffiliateParams{
		1: {PayoutPreferences: refgrow.Set(refgrow.PayoutPreferences{WiseAccountID: "1"})},
		9: {PayoutsPaused: new(true)},
	} {
		_, err := p.Shop.UpdateAffiliate(ctx, id, u)
		p.OK(err)
	}
	params := refgrow.PayoutRunParams{Without: []int64{13}}
	want, err := p.Shop.PayoutRuns().Preview(ctx, params)
	p.OK(err)
	preview, err := p.Shop.PayoutRuns().PreviewReport(ctx, params)
	p.OK(err)
	got := p.result(preview)
	if told(got) != told(want) || !slices.Equal(got.Payouts, want.Payouts) || !slices.Equal(got.LeftOut, want.LeftOut) ||
		!slices.Equal(got.NoDetails, want.NoDetails) || got.Run != nil || got.Replayed {
		t.Errorf("the preview is %+v\nbut should be %+v", got, want)
	}
	if n, err := p.Shop.CountPayouts(ctx, refgrow.ListPayoutsParams{}); err != nil || n != 0 {
		t.Errorf("the preview made %d (%v)", n, err)
	}
	params.Idempotency = refgrow.Idempotency{Caller: "a", Key: "k", Request: []byte("x")}
	report, err := p.Shop.PayoutRuns().MakeReport(ctx, params)
	p.OK(err)
	made := p.result(report)
	const all = "1: 20.00 pending, 7: 90000000000000.00 pending, 3: 4.99 below_minimum, 5: -3.00 negative, " +
		"9: 8.00 paused, 11: -90000000000000.00 negative, 13: 7.00 excluded"
	if told(made) != all || made.Replayed || made.Run == nil || made.Run.Count != 2 ||
		made.Payouts[0].RunID != made.Run.ID || made.Payouts[0].ID != 1 || len(made.NoDetails) != 0 {
		t.Errorf("the run is %s: %+v", told(made), made)
	}
	for first, err := range report.AllPayouts(ctx) {
		if p.OK(err); first.ID != 1 {
			t.Errorf("the first payout is %+v", first)
		}
		break // nobody has to read all of it
	}
	again, err := p.Shop.PayoutRuns().MakeReport(ctx, params)
	p.OK(err)
	if repeated := p.result(again); told(repeated) != all || !repeated.Replayed || *repeated.Run != *made.Run {
		t.Errorf("repeated it is %s: %+v", told(repeated), repeated)
	}
	params.Idempotency = refgrow.Idempotency{}
	none, err := p.Shop.PayoutRuns().MakeReport(ctx, params)
	p.OK(err)
	if rest := p.result(none); rest.Run != nil || len(rest.Payouts) > 0 || len(rest.LeftOut) != 5 {
		t.Errorf("a run of nothing is %+v", rest)
	}
	for _, run := range []func() error{
		func() error {
			_, err := p.Shop.PayoutRuns().MakeReport(ctx, refgrow.PayoutRunParams{AffiliateIDs: []int64{99}})
			return err
		},
		func() error {
			_, err := p.Shop.PayoutRuns().PreviewReport(ctx, refgrow.PayoutRunParams{AffiliateIDs: []int64{99}})
			return err
		},
	} {
		p.Refused("one for nobody", run(), refgrow.ErrNotFound, "affiliate_ids")
	}
	p.Verify()
}

// All of a report is of one instant, however long it takes to read.
func TestReportsAreOfOneInstant(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	for i := range 6 {
		p.adjust(p.Affiliate(fmt.Sprint("affiliate", i)), "5.00 USD")
	}
	params := refgrow.PayoutRunParams{Idempotency: refgrow.Idempotency{Caller: "a", Key: "k", Request: []byte("x")}}
	pay := func(id int64) {
		_, err := p.Shop.PayPayout(ctx, id, refgrow.PayPayoutParams{
			ExternalReference: fmt.Sprint("wire ", id), PaidAt: p.Clock.Now().Add(-time.Hour),
		})
		p.OK(err)
	}
	cancel := func(id int64) {
		_, err := p.Shop.CancelPayout(ctx, id)
		p.OK(err)
	}
	giveBack := func(id int64) {
		_, err := p.Shop.ReturnPayout(ctx, id, refgrow.ReturnPayoutParams{Note: "unclaimed"})
		p.OK(err)
	}
	_, err := p.Shop.PayoutRuns().MakeReport(ctx, params)
	p.OK(err)
	pay(1)
	pay(2)
	cancel(3)
	report, err := p.Shop.PayoutRuns().MakeReport(ctx, params)
	p.OK(err)
	before := p.result(report).Payouts
	p.Clock.Advance(time.Millisecond)
	giveBack(2)
	pay(4)
	cancel(5)
	pay(6)
	giveBack(6)
	after := p.result(report).Payouts
	same := func(a, b refgrow.Payout) bool { return string(a.AppendJSON(nil)) == string(b.AppendJSON(nil)) }
	if !slices.EqualFunc(before, after, same) {
		t.Errorf("the report was %+v\nand is %+v", before, after)
	}
	report, err = p.Shop.PayoutRuns().MakeReport(ctx, params)
	p.OK(err)
	if got := told(p.result(report)); got != "1: 5.00 paid, 2: 5.00 returned, 3: 5.00 canceled, 4: 5.00 paid, "+
		"5: 5.00 canceled, 6: 5.00 returned" {
		t.Errorf("the next one is %s", got)
	}
	p.Verify()
}
