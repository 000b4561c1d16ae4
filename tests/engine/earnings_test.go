package engine_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
)

// What was answered for an instant stays the answer, even when the clock goes back to
// before that instant and something is recorded there.
func TestAsOfStaysWhenTheClockGoesBack(t *testing.T) {
	t.Parallel()
	for name, earlier := range map[string]bool{"after the newest entry": true, "before any entry": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inOwnFile(t, refgrow.Settings{HoldDays: 30})
			jane := p.Affiliate("jane")
			if earlier {
				p.Record(shoptest.Earning(jane, money.MustParse("5.00 USD")))
				p.Clock.Advance(2 * time.Hour)
			}
			noon := p.Clock.Now()
			first := p.Earnings(jane, refgrow.AsOf(noon))
			p.Clock.Advance(-time.Hour)
			p.Record(shoptest.Earning(jane, money.MustParse("10.00 USD")))
			for _, later := range []time.Duration{0, time.Hour, 60 * 24 * time.Hour} {
				p.Clock.Set(noon.Add(later))
				if again := p.Earnings(jane, refgrow.AsOf(noon)); !reflect.DeepEqual(again, first) {
					t.Errorf("the answer was %+v, and %v later it is %+v", first, later, again)
				}
			}
			p.Verify()
		})
	}
}

// A sale in a transaction that is still open was recorded before the question
// about now. The question waits for it, and gives up rather than leave it out.
func TestAsOfWaitsForOpenTransactions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		open  func(t *testing.T) *program
		began func(p *program, work func(shop *refgrow.Project) error) error
	}{
		"Atomic in a file of the engine's own": {
			func(t *testing.T) *program { return inOwnFileAtOnce(t, refgrow.Settings{}) }, (*program).atomic,
		},
		"Atomic in the app's database": {
			func(t *testing.T) *program { return inAppsFile(t, 3, refgrow.Settings{}) }, (*program).atomic,
		},
		"a transaction of the app": {
			func(t *testing.T) *program { return inAppsFile(t, 3, refgrow.Settings{}) }, (*program).withTx,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := c.open(t)
			jane := p.Affiliate("jane")
			var at time.Time
			var hasty, patient chan answerAsOf
			p.OK(c.began(p, func(shop *refgrow.Project) error {
				if _, err := shop.RecordConversion(t.Context(), shoptest.Earning(jane, money.MustParse("10.00 USD"))); err != nil {
					return err
				}
				p.Clock.Advance(time.Second)
				at = p.Clock.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				hasty, patient = p.ask(ctx, jane, at), p.ask(t.Context(), jane, at)
				first := <-hasty
				hasty <- first
				return nil
			}))
			later := p.Earnings(jane, refgrow.AsOf(at))
			if later[0].Total != money.MustParse("10.00 USD") {
				t.Errorf("the sale is not in %+v", later)
			}
			switch first := <-hasty; {
			case first.err == nil && !reflect.DeepEqual(first.balances, later):
				t.Errorf("the answer was %+v, and later it is %+v", first.balances, later)
			case first.err != nil && !errors.Is(first.err, context.DeadlineExceeded) && !errors.Is(first.err, refgrow.ErrBusy):
				t.Error(first.err)
			}
			if second := <-patient; second.err != nil || !reflect.DeepEqual(second.balances, later) {
				t.Errorf("the answer after the commit was %+v (%v), and later it is %+v", second.balances, second.err, later)
			}
			p.Verify()
		})
	}
}

type answerAsOf struct {
	balances []refgrow.Balance
	err      error
}

// ask asks for the earnings as of an instant, without waiting for the answer.
func (p *program) ask(ctx context.Context, a *refgrow.Affiliate, at time.Time) chan answerAsOf {
	answers := make(chan answerAsOf, 1)
	go func() {
		balances, err := p.Shop.Earnings(ctx, a.ID, refgrow.AsOf(at))
		answers <- answerAsOf{balances, err}
	}()
	return answers
}

func (p *program) atomic(work func(shop *refgrow.Project) error) error {
	return p.Shop.Atomic(p.Context(), work)
}

// withTx runs work in a transaction of the app.
func (p *program) withTx(work func(shop *refgrow.Project) error) error {
	tx, err := p.App.BeginTx(p.Context(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := work(p.Shop.WithTx(tx)); err != nil {
		return err
	}
	return tx.Commit()
}

// absurd are times that no calendar shows. In the milliseconds of an int64, some of
// them would wrap around to ordinary ones.
func absurd() (past, future []time.Time) {
	past = []time.Time{
		{}, time.Date(-300_000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Unix(-1<<54-1<<53, 0), time.Unix(-1<<60, 0), time.Unix(math.MinInt64/4, 0),
	}
	future = []time.Time{
		time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Unix(1<<54+1<<53, 0), time.Unix(1<<60, 0), time.Unix(math.MaxInt64/4, 0),
	}
	return past, future
}

func TestAsOfOutsideOfTime(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.Affiliate("jane")
	p.Record(shoptest.Earning(jane, money.MustParse("10.00 USD")))
	past, future := absurd()
	for _, at := range append(future, p.Clock.Now().Add(time.Millisecond)) {
		_, err := p.Shop.Earnings(t.Context(), jane.ID, refgrow.AsOf(at))
		p.Refused("as of "+at.String(), err, refgrow.ErrInvalid, "as_of")
	}
	for _, at := range append(past, p.Clock.Now()) {
		balances, err := p.Shop.Earnings(t.Context(), jane.ID, refgrow.AsOf(at))
		if err != nil || len(balances) != 1 || !balances[0].Total.IsZero() {
			t.Errorf("as of %v the earnings are %+v (%v)", at, balances, err)
		}
	}
	p.Verify()
}

// A sale cannot have happened in the future, however far.
func TestOccurredAtOutsideOfTime(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 365})
	jane := p.Affiliate("jane")
	past, future := absurd()
	for _, at := range append(append(past[1:], future...), p.Clock.Now().Add(time.Millisecond)) {
		sale := shoptest.Earning(jane, money.MustParse("1.00 USD"))
		sale.OccurredAt = at
		_, err := p.Shop.RecordConversion(t.Context(), sale)
		p.Refused("a sale at "+at.String(), err, refgrow.ErrInvalid, "occurred_at")
	}
	if n, err := p.Shop.CountConversions(t.Context(), refgrow.ListConversionsParams{}); n != 0 || err != nil {
		t.Errorf("%d sales were recorded (%v)", n, err)
	}
}

var (
	most    = money.New(money.MaxMinor, money.USD)
	nothing = money.New(0, money.USD)
)

// round records the largest commission and takes it back, n times.
func (p *program) round(a *refgrow.Affiliate, n int) error {
	return p.Shop.Atomic(p.Context(), func(shop *refgrow.Project) error {
		for range n {
			c, err := shop.RecordConversion(p.Context(), shoptest.Earning(a, most))
			if err != nil {
				return err
			}
			if _, err := shop.UpdateConversion(p.Context(), c.ID, refgrow.UpdateConversionParams{Value: &nothing}); err != nil {
				return err
			}
		}
		return nil
	})
}

// What an account has turned over has no bound: only what is left of it has.
func TestTurnoverHasNoBound(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 30})
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	for range 22 {
		p.OK(p.round(jane, 50))
	}
	began := p.Clock.Now()
	for _, moment := range []string{"while it is held", "after the hold"} {
		a, err := p.Shop.GetAffiliate(t.Context(), jane.ID)
		if err != nil || !a.Earnings[0].Total.IsZero() || !a.Earnings[0].Held.IsZero() || a.Purchases != 1100 {
			t.Errorf("%s the affiliate is %+v (%v)", moment, a, err)
		}
		if b := p.Earnings(jane, refgrow.AsOf(p.Clock.Now()))[0]; !b.Total.IsZero() || !b.Payable.IsZero() {
			t.Errorf("%s the balance as of now is %+v", moment, b)
		}
		p.Record(shoptest.Earning(joe, money.MustParse("1.00 USD")))
		p.Verify()
		p.Clock.Advance(40 * 24 * time.Hour)
	}
	p.Record(shoptest.Earning(jane, money.MustParse("0.01 USD")))
	p.Clock.Advance(40 * 24 * time.Hour)
	p.made("a run after all of it", p.run(refgrow.PayoutRunParams{}), "0.01 USD pending, 2.00 USD pending")
	days, err := p.Shop.Statistics(t.Context(), refgrow.StatisticsParams{AffiliateID: jane.ID, From: began})
	if err != nil || len(days) == 0 {
		t.Errorf("the days are %+v (%v)", days, err)
	}
	p.OK(p.Shop.DeleteAffiliate(t.Context(), p.Affiliate("kim").ID))
	p.Verify()
}

// A balance has one. A sale that the account cannot take leaves everything as it was,
// and is refused as the value's fault; everything else goes on.
func TestBalanceBeyondTheAccount(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 30})
	jane := p.Affiliate("jane")
	last := p.Record(shoptest.Earning(jane, most))
	p.OK(p.Shop.Atomic(t.Context(), func(shop *refgrow.Project) error {
		for range 999 {
			if _, err := shop.RecordConversion(t.Context(), shoptest.Earning(jane, most)); err != nil {
				return err
			}
		}
		return nil
	}))
	full := money.New(money.MaxBalance, money.USD)
	for _, moment := range []string{"while it is held", "after the hold"} {
		_, err := p.Shop.RecordConversion(t.Context(), shoptest.Earning(jane, money.MustParse("0.01 USD")))
		p.Refused("a sale beyond the bound, "+moment, err, refgrow.ErrInvalid, "value")
		p.Record(shoptest.Earning(jane, money.MustParse("1.00 EUR"))) // another account
		p.Update(last, refgrow.UpdateConversionParams{Value: &nothing})
		other := p.Record(shoptest.Earning(jane, most))
		_, err = p.Shop.UpdateConversion(t.Context(), last.ID, refgrow.UpdateConversionParams{
			Value: new(money.MustParse("0.01 USD")),
		})
		p.Refused("a correction beyond the bound, "+moment, err, refgrow.ErrInvalid, "value")
		if kept := p.found(last); kept.Value != nothing {
			t.Errorf("the conversion is %+v", kept)
		}
		if b := p.Earnings(jane)[0]; b.Total != full || b.Unpaid != full {
			t.Errorf("%s the balance is %+v", moment, b)
		}
		p.Update(other, refgrow.UpdateConversionParams{Value: &nothing})
		p.Update(last, refgrow.UpdateConversionParams{Value: &most})
		p.Verify()
		p.Clock.Advance(40 * 24 * time.Hour)
	}
	// What is payable has the same bound: a debt beside a payout of all there is.
	made := p.run(refgrow.PayoutRunParams{})
	p.made("all there is", made, full.String()+" pending")
	owe := func(minor int64) error {
		return p.Shop.Atomic(t.Context(), func(shop *refgrow.Project) error {
			for left := minor; left > 0; left -= money.MaxMinor {
				if _, err := shop.CreateAdjustment(t.Context(), refgrow.CreateAdjustmentParams{
					AffiliateID: jane.ID, Amount: money.New(-min(left, money.MaxMinor), money.USD), Note: "a debt",
				}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	p.OK(owe(money.MaxBalance))
	p.Refused("more of it", owe(1), refgrow.ErrInvalid, "amount")
	if b := p.Earnings(jane)[0]; b.Payable != full.Neg() || !b.Unpaid.IsZero() {
		t.Errorf("with a debt of all of it the balance is %+v", b)
	}
	p.Verify()
}

// What a correction takes from a held commission changes nothing of what is payable,
// and neither does its settlement by hand.
func TestPayableAfterSettlement(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 30})
	jane := p.Affiliate("jane")
	c := p.Record(shoptest.Earning(jane, money.MustParse("100.00 USD")))
	for _, want := range []struct {
		what                          string
		change                        refgrow.UpdateConversionParams
		paid, unpaid                  string
		eligible, held, payable, then string
	}{
		{"corrected", refgrow.UpdateConversionParams{Value: new(money.MustParse("70.00 USD"))},
			"0", "70.00", "0", "70.00", "0", "70.00"},
		{"paid", refgrow.UpdateConversionParams{Paid: new(true)}, "70.00", "0", "0", "0", "0", "0"},
		{"unpaid again", refgrow.UpdateConversionParams{Paid: new(false)}, "0", "70.00", "0", "70.00", "0", "70.00"},
		{"paid again", refgrow.UpdateConversionParams{Paid: new(true)}, "70.00", "0", "0", "0", "0", "0"},
	} {
		p.Update(c, want.change)
		usd := func(number string) money.Amount { return money.MustParse(number + " USD") }
		b := p.Earnings(jane)[0]
		if b.Paid != usd(want.paid) || b.Unpaid != usd(want.unpaid) || b.Eligible != usd(want.eligible) ||
			b.Held != usd(want.held) || b.Payable != usd(want.payable) {
			t.Errorf("%s, the balance is %+v", want.what, b)
		}
		p.Clock.Advance(time.Second)
		if b := p.Earnings(jane, refgrow.AsOf(p.Clock.Now()))[0]; b.Payable != usd(want.payable) {
			t.Errorf("%s, the balance as of then is %+v", want.what, b)
		}
		now := p.Clock.Now()
		p.Clock.Set(c.AvailableAt)
		if b := p.Earnings(jane)[0]; b.Payable != usd(want.then) || !b.Held.IsZero() {
			t.Errorf("%s, the balance after the hold is %+v", want.what, b)
		}
		p.Clock.Set(now)
		p.Verify()
	}
}

// An instant within a millisecond is after what was written in that millisecond.
func TestAsOfWithinAMillisecond(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.Affiliate("jane")
	p.Record(shoptest.Earning(jane, money.MustParse("5.00 USD")))
	for after, want := range map[time.Duration]string{
		0: "0.00 USD", time.Nanosecond: "5.00 USD", time.Millisecond - 1: "5.00 USD",
	} {
		b := p.Earnings(jane, refgrow.AsOf(p.Clock.Now().Add(after)))[0]
		if b.Total != money.MustParse(want) || b.Eligible != b.Total {
			t.Errorf("%v after the entry the balance is %+v", after, b)
		}
	}
}

// A list says when the next part of what is held becomes eligible, and nothing once time
// has released it all.
func TestNextReleaseInLists(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 10})
	jane := p.Affiliate("jane")
	p.Record(shoptest.Earning(jane, money.MustParse("5.00 USD")))
	release := p.Clock.Now().Add(10 * 24 * time.Hour)
	listed := func() refgrow.Balance {
		page, err := p.Shop.ListAffiliates(t.Context(), refgrow.ListAffiliatesParams{})
		p.OK(err)
		return page.Items[0].Earnings[0]
	}
	if b := listed(); b.NextRelease == nil || !b.NextRelease.Equal(release) {
		t.Errorf("the balance is %+v", b)
	}
	p.Clock.Set(release)
	if b := listed(); b.NextRelease != nil || b.Eligible != b.Total {
		t.Errorf("the balance is %+v", b)
	}
}
