package engine_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// Many payouts with a key go on where they were interrupted, and what was refused stays
// refused.
func TestManyPayoutsGoOn(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	for i := range 6 {
		p.adjust(p.Affiliate(fmt.Sprint("aff", i)), "10.00 USD")
	}
	p.run(refgrow.PayoutRunParams{})
	_, err := p.Shop.CancelPayout(ctx, 2)
	p.OK(err)
	params := refgrow.PayPayoutsParams{Idempotency: refgrow.Idempotency{Key: "pay"}}
	for _, id := range []int64{1, 2, 99, 3, 4, 5} {
		params.Payouts = append(params.Payouts, refgrow.PayoutPayment{ID: id, ExternalReference: fmt.Sprint("P-", id)})
	}
	p.Exec(`CREATE TRIGGER stop BEFORE UPDATE ON refgrow_payouts WHEN NEW.id = 4 BEGIN SELECT RAISE(ABORT, 'stop'); END`)
	if _, _, err := p.Shop.PayPayouts(ctx, params); err == nil {
		t.Fatal("nothing stopped it")
	}
	p.Exec("DROP TRIGGER stop")
	p.pays(t, 3, "P-3")
	for _, replayed := range []bool{false, true, true} {
		results, again, err := p.Shop.PayPayouts(ctx, params)
		p.OK(err)
		var shown []string
		for _, r := range results {
			if r.Err != nil {
				shown = append(shown, fmt.Sprint(r.ID, " ", r.Err.Code))
			} else {
				shown = append(shown, fmt.Sprint(r.ID, " ", r.Status))
			}
		}
		want := []string{"1 paid", "2 conflict", "99 not_found", "3 paid", "4 paid", "5 paid"}
		if !slices.Equal(shown, want) || again != replayed {
			t.Errorf("the results are %q, replayed %v", shown, again)
		}
	}
	_, again, err := p.Shop.CancelPayouts(ctx,
		refgrow.CancelPayoutsParams{IDs: []int64{6}, Idempotency: params.Idempotency})
	p.Refused("a key of payments for cancellations", err, refgrow.ErrConflict, "Idempotency-Key")
	if again {
		t.Error("what is refused is said to be a repetition")
	}
	for field, params := range map[string]refgrow.PayPayoutsParams{
		"payouts":            {},
		"id":                 {Payouts: []refgrow.PayoutPayment{{ID: 0}}},
		"external_reference": {Payouts: []refgrow.PayoutPayment{{ID: 6, ExternalReference: strings.Repeat("x", 256)}}},
	} {
		_, _, err := p.Shop.PayPayouts(ctx, params)
		p.Refused("payments", err, refgrow.ErrInvalid, field)
	}
	p.Verify()
}

// What was refused at the end of a call stays refused when the call is repeated, even if
// it could be done by then.
func TestTheLastOfManyStaysRefused(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	p.adjust(p.Affiliate("jane"), "10.00 USD")
	p.run(refgrow.PayoutRunParams{})
	params := refgrow.PayPayoutsParams{
		Payouts:     []refgrow.PayoutPayment{{ID: 1, ExternalReference: "P-1"}, {ID: 2, ExternalReference: "P-2"}},
		Idempotency: refgrow.Idempotency{Key: "pay"},
	}
	for _, replayed := range []bool{false, true} {
		results, again, err := p.Shop.PayPayouts(ctx, params)
		p.OK(err)
		if results[0].Status != refgrow.PayoutPaid || results[1].Err == nil || again != replayed {
			t.Errorf("the results are %+v, replayed %v", results, again)
		}
		if !replayed { // now there is a second payout
			p.adjust(p.Affiliate("joe"), "20.00 USD")
			p.run(refgrow.PayoutRunParams{})
		}
	}
	if payout, err := p.Shop.GetPayout(ctx, 2); err != nil || payout.Status != refgrow.PayoutPending {
		t.Errorf("the second payout is %+v (%v)", payout, err)
	}
	p.Verify()
}

// A call is about up to 500 payouts, and a run for up to 500 affiliates by name, with
// repeats.
func TestHowManyPayoutsAtOnce(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	jane := p.Affiliate("jane")
	p.adjust(jane, "10.00 USD")
	for n, want := range map[int]error{1: nil, 500: nil, 501: refgrow.ErrInvalid} {
		ids := slices.Repeat([]int64{jane.ID}, n)
		for field, params := range map[string]refgrow.PayoutRunParams{
			"affiliate_ids": {AffiliateIDs: ids}, "without": {Without: ids},
		} {
			if _, err := p.Shop.PreviewPayouts(ctx, params); !errors.Is(err, want) {
				t.Errorf("%s with %d: %v", field, n, err)
			}
		}
		results, _, err := p.Shop.CancelPayouts(ctx, refgrow.CancelPayoutsParams{IDs: slices.Repeat([]int64{99}, n)})
		if !errors.Is(err, want) || want == nil && (len(results) != n || !errors.Is(results[n-1].Err, refgrow.ErrNotFound)) {
			t.Errorf("%d payouts: %v, %v", n, results, err)
		}
	}
}

// A file that is busy says nothing about a payout: the call fails, and repeated it does
// the rest.
func TestManyPayoutsOfABusyFile(t *testing.T) {
	t.Parallel()
	p, store := stepped(t)
	ctx := t.Context()
	var params refgrow.PayPayoutsParams
	var locked *sql.Tx
	for i := range 3 {
		p.adjust(p.Affiliate(fmt.Sprint("aff", i)), "10.00 USD")
	}
	for _, made := range p.run(refgrow.PayoutRunParams{}) {
		params.Payouts = append(params.Payouts, refgrow.PayoutPayment{ID: made.ID, ExternalReference: "x"})
	}
	store.on(func(write int) {
		if write == 2 {
			locked = p.lock()
			store.on(nil)
		}
	})
	results, _, err := p.Shop.PayPayouts(ctx, params)
	p.Refused("payments", err, refgrow.ErrBusy, "")
	if results != nil {
		t.Errorf("the results are %+v", results)
	}
	p.OK(locked.Rollback())
	p.pays(t, 1, "x")
	results, _, err = p.Shop.PayPayouts(ctx, params)
	p.OK(err)
	for i, r := range results {
		if r.ID != int64(i+1) || r.Status != refgrow.PayoutPaid || r.Err != nil {
			t.Errorf("the results are %+v", results)
		}
	}
	p.Verify()
	p.OK(p.Engine.Close(ctx))
	if results, _, err := p.Shop.PayPayouts(ctx, params); !errors.Is(err, refgrow.ErrClosed) || results != nil {
		t.Errorf("after the end it returned %+v: %v", results, err)
	}
}

// A payout whose affiliate was deleted since is not found when the call is repeated.
func TestManyPayoutsOfADeletedAffiliate(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	jane := p.Affiliate("jane")
	p.adjust(jane, "10.00 USD")
	p.adjust(p.Affiliate("joe"), "20.00 USD")
	p.run(refgrow.PayoutRunParams{})
	params := refgrow.PayPayoutsParams{
		Payouts:     []refgrow.PayoutPayment{{ID: 1, ExternalReference: "P-1"}, {ID: 2, ExternalReference: "P-2"}},
		Idempotency: refgrow.Idempotency{Key: "pay"},
	}
	results, _, err := p.Shop.PayPayouts(ctx, params)
	p.OK(err)
	if results[0].Status != refgrow.PayoutPaid || results[1].Status != refgrow.PayoutPaid {
		t.Fatalf("the results are %+v", results)
	}
	p.OK(p.Shop.DeleteAffiliate(ctx, jane.ID))
	results, again, err := p.Shop.PayPayouts(ctx, params)
	p.OK(err)
	if gone := results[0]; gone.ID != 1 || gone.Err == nil || gone.Err.Code != refgrow.CodeNotFound ||
		results[1].Status != refgrow.PayoutPaid || results[1].Err != nil || !again {
		t.Errorf("the results are %+v, replayed %v", results, again)
	}
}
