package refgrow_test

import (
	"context"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// What was answered for an instant stays the answer, even when the clock goes back
// behind that instant and something is recorded there.
func TestAsOfStaysWhenTheClockGoesBack(t *testing.T) {
	t.Parallel()
	for name, earlier := range map[string]bool{"after the newest entry": true, "before any entry": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inOwnFile(t, refgrow.Settings{HoldDays: 30})
			jane := p.affiliate("jane")
			if earlier {
				p.record(earning(jane, money.MustParse("5.00 USD")))
				p.clock.Advance(2 * time.Hour)
			}
			noon := p.clock.Now()
			first := p.earnings(jane, refgrow.AsOf(noon))
			p.clock.Advance(-time.Hour)
			p.record(earning(jane, money.MustParse("10.00 USD")))
			for _, later := range []time.Duration{0, time.Hour, 60 * 24 * time.Hour} {
				p.clock.Set(noon.Add(later))
				if again := p.earnings(jane, refgrow.AsOf(noon)); !reflect.DeepEqual(again, first) {
					t.Errorf("the answer was %+v, and %v later it is %+v", first, later, again)
				}
			}
			p.verify()
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
			jane := p.affiliate("jane")
			var at time.Time
			var hasty, patient chan answerAsOf
			p.ok(c.began(p, func(shop *refgrow.Project) error {
				if _, err := shop.RecordConversion(t.Context(), earning(jane, money.MustParse("10.00 USD"))); err != nil {
					return err
				}
				p.clock.Advance(time.Second)
				at = p.clock.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				hasty, patient = p.ask(ctx, jane, at), p.ask(t.Context(), jane, at)
				first := <-hasty
				hasty <- first
				return nil
			}))
			later := p.earnings(jane, refgrow.AsOf(at))
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
			p.verify()
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
		balances, err := p.shop.Earnings(ctx, a.ID, refgrow.AsOf(at))
		answers <- answerAsOf{balances, err}
	}()
	return answers
}

func (p *program) atomic(work func(shop *refgrow.Project) error) error {
	return p.shop.Atomic(p.Context(), work)
}

// withTx runs work in a transaction of the app.
func (p *program) withTx(work func(shop *refgrow.Project) error) error {
	tx, err := p.app.BeginTx(p.Context(), nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := work(p.shop.WithTx(tx)); err != nil {
		return err
	}
	return tx.Commit()
}

// absurd are times that no calendar shows. In the milliseconds of an int64, some
// of them would wrap around to quite usual ones.
func absurd() (past, future []time.Time) {
	return []time.Time{{}, time.Date(-300_000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(-1<<54-1<<53, 0), time.Unix(-1<<60, 0), time.Unix(math.MinInt64/4, 0)},
		[]time.Time{time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<54+1<<53, 0), time.Unix(1<<60, 0), time.Unix(math.MaxInt64/4, 0)}
}

func TestAsOfOutsideOfTime(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.affiliate("jane")
	p.record(earning(jane, money.MustParse("10.00 USD")))
	past, future := absurd()
	for _, at := range append(future, p.clock.Now().Add(time.Millisecond)) {
		_, err := p.shop.Earnings(t.Context(), jane.ID, refgrow.AsOf(at))
		p.refused("as of "+at.String(), err, refgrow.ErrInvalid, "as_of")
	}
	for _, at := range append(past, p.clock.Now()) {
		balances, err := p.shop.Earnings(t.Context(), jane.ID, refgrow.AsOf(at))
		if err != nil || len(balances) != 1 || !balances[0].Total.IsZero() {
			t.Errorf("as of %v the earnings are %+v (%v)", at, balances, err)
		}
	}
	p.verify()
}

// A sale cannot have happened in the future, however far.
func TestOccurredAtOutsideOfTime(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 365})
	jane := p.affiliate("jane")
	past, future := absurd()
	for _, at := range append(append(past[1:], future...), p.clock.Now().Add(time.Millisecond)) {
		sale := earning(jane, money.MustParse("1.00 USD"))
		sale.OccurredAt = at
		_, err := p.shop.RecordConversion(t.Context(), sale)
		p.refused("a sale at "+at.String(), err, refgrow.ErrInvalid, "occurred_at")
	}
	if n, err := p.shop.CountConversions(t.Context(), refgrow.ListConversionsParams{}); n != 0 || err != nil {
		t.Errorf("%d sales were recorded (%v)", n, err)
	}
}

var (
	most    = money.New(money.MaxMinor, money.USD)
	nothing = money.New(0, money.USD)
)

// round records the largest commission and takes it back, n times.
func (p *program) round(a *refgrow.Affiliate, n int) error {
	return p.shop.Atomic(p.Context(), func(shop *refgrow.Project) error {
		for range n {
			c, err := shop.RecordConversion(p.Context(), earning(a, most))
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

// An account takes no entry that a sum over some of its entries could overflow
// with, such as that of the debts that are still held. It is refused as the value's
// fault, and everything else goes on.
func TestAccountEndsBeforeItsSumsOverflow(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 30})
	jane, joe := p.affiliate("jane"), p.affiliate("joe")
	var refused error
	for n := 0; n < 1100 && refused == nil; n += 50 {
		refused = p.round(jane, 50)
	}
	p.refused("1100 times the largest commission", refused, refgrow.ErrInvalid, "value")

	for others, moment := range []string{"while it is held", "after the hold"} {
		a, err := p.shop.GetAffiliate(t.Context(), jane.ID)
		if err != nil || !a.Earnings[0].Total.IsZero() || a.Purchases != int64(500+others) {
			t.Errorf("%s the affiliate is %+v (%v)", moment, a, err)
		}
		all, err := p.shop.ListAffiliates(t.Context(), refgrow.ListAffiliatesParams{})
		if err != nil || len(all.Items) != 2 {
			t.Errorf("%s there are %d affiliates (%v)", moment, len(all.Items), err)
		}
		p.earnings(jane, refgrow.AsOf(p.clock.Now()))
		p.record(earning(joe, money.MustParse("1.00 USD")))
		_, err = p.shop.RecordConversion(t.Context(), earning(jane, money.MustParse("0.01 USD")))
		p.refused("a sale beyond the bound, "+moment, err, refgrow.ErrInvalid, "value")
		p.record(earning(jane, money.MustParse("1.00 EUR"))) // another account
		p.verify()
		p.clock.Advance(40 * 24 * time.Hour)
	}
	p.ok(p.shop.DeleteAffiliate(t.Context(), jane.ID))
	if b := p.earnings(joe)[0]; b.Total != money.MustParse("2.00 USD") {
		t.Errorf("the other affiliate has %+v", b)
	}
	p.verify()
}

// A correction that the account cannot take leaves everything as it was.
func TestCorrectionBeyondTheAccount(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 30})
	jane := p.affiliate("jane")
	p.record(earning(jane, money.MustParse("0.01 USD")))
	p.ok(p.round(jane, 499))
	last := p.record(earning(jane, most))
	_, err := p.shop.UpdateConversion(t.Context(), last.ID, refgrow.UpdateConversionParams{Value: &nothing})
	p.refused("the correction", err, refgrow.ErrInvalid, "value")
	kept, err := p.shop.GetConversion(t.Context(), last.ID)
	if err != nil || kept.Value != most {
		t.Errorf("the conversion is %+v (%v)", kept, err)
	}
	p.record(earning(jane, money.MustParse("1.00 USD")))
	want := money.New(money.MaxMinor+101, money.USD)
	if b := p.earnings(jane)[0]; b.Total != want || b.Held != want {
		t.Errorf("the balance is %+v", b)
	}
	p.verify()
}

// A settlement of more than the largest amount is written in several entries.
func TestSettlementInSeveralEntries(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 30})
	jane := p.affiliate("jane")
	sale := earning(jane, most)
	sale.Paid = true
	c := p.record(sale)
	for _, change := range []refgrow.UpdateConversionParams{{Value: &nothing}, {Value: &most}, {Paid: new(false)}} {
		p.update(c, change)
	}
	before, err := p.shop.ListLedger(t.Context(), jane.ID, refgrow.ListLedgerParams{})
	p.ok(err)
	// Twice the amount becomes available with the commission, and a debt of as
	// much was there at once.
	if b := p.earnings(jane)[0]; b.Held != money.New(2*money.MaxMinor, money.USD) || b.Eligible != most.Neg() || b.Unpaid != most {
		t.Errorf("before the settlement the balance is %+v", b)
	}
	p.update(c, refgrow.UpdateConversionParams{Paid: new(true)})
	after, err := p.shop.ListLedger(t.Context(), jane.ID, refgrow.ListLedgerParams{})
	p.ok(err)
	settled := make(map[time.Time]int64) // minor units for each availability
	written := after.Items[:len(after.Items)-len(before.Items)]
	for _, e := range written {
		if e.Kind != refgrow.EntrySettlement {
			t.Errorf("the entry %+v is no settlement", e)
		}
		settled[e.AvailableAt] += e.Amount.Minor()
	}
	want := map[time.Time]int64{c.AvailableAt: -2 * money.MaxMinor, p.clock.Now(): money.MaxMinor}
	if len(written) != 3 || !reflect.DeepEqual(settled, want) {
		t.Errorf("the settlement is %+v", written)
	}
	for _, moment := range []string{"while it is held", "after the hold"} {
		if b := p.earnings(jane)[0]; b.Total != most || b.Paid != most || !b.Held.IsZero() || !b.Eligible.IsZero() || !b.Payable.IsZero() || b.NextRelease != nil {
			t.Errorf("%s the balance is %+v", moment, b)
		}
		p.verify()
		p.clock.Advance(40 * 24 * time.Hour)
	}
}

// What a correction takes from a held commission is a debt at once, also when the
// commission is settled by hand. The settlement itself is none.
func TestPayableAfterSettlement(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 30})
	jane := p.affiliate("jane")
	c := p.record(earning(jane, money.MustParse("100.00 USD")))
	for _, want := range []struct {
		what                          string
		change                        refgrow.UpdateConversionParams
		paid, unpaid                  string
		eligible, held, payable, then string
	}{
		{"corrected", refgrow.UpdateConversionParams{Value: new(money.MustParse("70.00 USD"))}, "0", "70.00", "0", "70.00", "-30.00", "70.00"},
		{"paid", refgrow.UpdateConversionParams{Paid: new(true)}, "70.00", "0", "0", "0", "-30.00", "0"},
		{"unpaid again", refgrow.UpdateConversionParams{Paid: new(false)}, "0", "70.00", "0", "70.00", "-30.00", "70.00"},
		{"paid again", refgrow.UpdateConversionParams{Paid: new(true)}, "70.00", "0", "0", "0", "-30.00", "0"},
	} {
		p.update(c, want.change)
		usd := func(number string) money.Amount { return money.MustParse(number + " USD") }
		b := p.earnings(jane)[0]
		if b.Paid != usd(want.paid) || b.Unpaid != usd(want.unpaid) || b.Eligible != usd(want.eligible) || b.Held != usd(want.held) || b.Payable != usd(want.payable) {
			t.Errorf("%s, the balance is %+v", want.what, b)
		}
		p.clock.Advance(time.Second)
		if b := p.earnings(jane, refgrow.AsOf(p.clock.Now()))[0]; b.Payable != usd(want.payable) {
			t.Errorf("%s, the balance as of then is %+v", want.what, b)
		}
		now := p.clock.Now()
		p.clock.Set(c.AvailableAt)
		if b := p.earnings(jane)[0]; b.Payable != usd(want.then) || !b.Held.IsZero() {
			t.Errorf("%s, the balance after the hold is %+v", want.what, b)
		}
		p.clock.Set(now)
		p.verify()
	}
}

// An instant within a millisecond is after what was written in that millisecond.
func TestAsOfWithinAMillisecond(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.affiliate("jane")
	p.record(earning(jane, money.MustParse("5.00 USD")))
	for after, want := range map[time.Duration]string{0: "0.00 USD", time.Nanosecond: "5.00 USD", time.Millisecond - 1: "5.00 USD"} {
		if b := p.earnings(jane, refgrow.AsOf(p.clock.Now().Add(after)))[0]; b.Total != money.MustParse(want) || b.Eligible != b.Total {
			t.Errorf("%v after the entry the balance is %+v", after, b)
		}
	}
}
