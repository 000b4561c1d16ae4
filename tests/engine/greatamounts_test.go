package engine_test

import (
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// Amounts of billions are as exact as small ones: in a life in which every amount is
// multiplied, so is every sum that can be asked for, now and as of any instant.
func TestGreatAmounts(t *testing.T) {
	t.Parallel()
	// Such that a billion more or less shows in whatever is divided by one.
	const scale = 3_000_000_001
	small, great := livesOf(t, 1), livesOf(t, scale)
	if len(small) != len(great) {
		t.Fatalf("%d and %d sums", len(small), len(great))
	}
	for i, s := range small {
		want := new(big.Int).Mul(s.sum, big.NewInt(scale))
		if g := great[i]; g.what != s.what || g.sum.Cmp(want) != 0 {
			t.Errorf("%s is %v, but should be %d times %v", g.what, g.sum, int64(scale), s.sum)
		}
	}
}

// A namedSum is something that was said, in minor units.
type namedSum struct {
	what string
	sum  *big.Int
}

// livesOf says everything about an affiliate whose amounts are multiplied.
func livesOf(t *testing.T, scale int64) (said []namedSum) {
	t.Helper()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 30})
	ctx, usd := t.Context(), money.MustParse("0.01 USD").Currency()
	jane := p.Affiliate("jane")
	amount := func(minor int64) money.Amount { return money.New(minor*scale, usd) }
	say := func(what string, sum money.Amount) {
		said = append(said, namedSum{what, big.NewInt(sum.Minor())})
	}
	var instants []time.Time
	balance := func(what string, b refgrow.Balance) {
		say(what+" total", b.Total)
		say(what+" paid", b.Paid)
		say(what+" unpaid", b.Unpaid)
		say(what+" eligible", b.Eligible)
		say(what+" held", b.Held)
		say(what+" reserved", b.Reserved)
		say(what+" payable", b.Payable)
	}
	look := func(what string) {
		t.Helper()
		instants = append(instants, p.Clock.Now())
		balance(what+": now", p.Earnings(jane)[0])
		page, err := p.Shop.ListAffiliates(ctx, refgrow.ListAffiliatesParams{})
		p.OK(err)
		balance(what+": in the list", page.Items[0].Earnings[0])
		p.Clock.Advance(time.Hour)
		for _, at := range instants {
			balance(fmt.Sprint(what, ": as of ", at.UTC()), p.Earnings(jane, refgrow.AsOf(at))[0])
		}
		preview, err := p.Shop.PreviewPayouts(ctx, refgrow.PayoutRunParams{})
		p.OK(err)
		for _, payout := range preview {
			say(what+": to be paid", payout.Amount)
		}
		for _, month := range []time.Month{time.January, time.February} {
			if p.Clock.Now().Before(time.Date(2026, month, 1, 0, 0, 0, 0, time.UTC)) {
				continue
			}
			s, err := p.Shop.Statement(ctx, jane.ID, 2026, month)
			p.OK(err)
			for _, b := range append(s.Opening, s.Closing...) {
				say(what+": statement, total", b.Total)
				say(what+": statement, paid", b.Paid)
				say(what+": statement, held", b.Held)
				say(what+": statement, eligible", b.Eligible)
			}
		}
		days, err := p.Shop.Statistics(ctx, refgrow.StatisticsParams{AffiliateID: jane.ID})
		p.OK(err)
		for _, day := range days {
			for _, earned := range day.Earnings {
				say(what+": statistics", earned)
			}
		}
		p.Verify()
	}
	sale := func(minor int64) *refgrow.Conversion {
		return p.Record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: amount(minor),
		})
	}
	first, second := sale(500), sale(90)
	look("sales")
	p.refund(second, fmt.Sprint(amount(25)))
	look("a refund within the hold")
	p.Clock.Advance(20 * 24 * time.Hour)
	third := sale(1005)
	p.Clock.Advance(11 * 24 * time.Hour)
	look("the first are released")
	payout := p.run(refgrow.PayoutRunParams{})[0]
	look("a payout")
	p.refund(first, fmt.Sprint(amount(50)))
	p.pay(payout)
	look("it is paid, with a debt")
	_, err := p.Shop.ReturnPayout(ctx, payout.ID, refgrow.ReturnPayoutParams{Note: "unclaimed"})
	p.OK(err)
	look("it came back")
	_, err = p.Shop.UndoRefund(ctx, first.ID, refgrow.RefundConversionParams{})
	p.OK(err)
	p.Update(third, refgrow.UpdateConversionParams{Value: new(amount(100))})
	_, err = p.Shop.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
		AffiliateID: jane.ID, Amount: amount(-30), Note: "x",
	})
	p.OK(err)
	look("an adjustment")
	right := p.Clock.Now()
	p.Clock.Advance(40 * 24 * time.Hour)
	p.OK(p.Engine.Upkeep(ctx))
	look("rolled forward")
	p.Clock.Set(right.Add(3 * time.Hour))
	_, err = p.Engine.ResetStamp(ctx, p.Shop)
	p.OK(err)
	instants = nil
	look("the last stamp is brought back")
	p.pay(p.run(refgrow.PayoutRunParams{})[0])
	look("paid again")
	return said
}

// The largest amounts there are, given and taken, are settled by a payout once.
func TestPayoutsOfTheLargestAmounts(t *testing.T) {
	t.Parallel()
	usd := money.MustParse("0.01 USD").Currency()
	for what, amounts := range map[string][]int64{
		"one":              {money.MaxMinor},
		"one less":         {money.MaxMinor - 1},
		"two, and one off": {money.MaxMinor, money.MaxMinor, -money.MaxMinor},
	} {
		p := inOwnFile(t, refgrow.Settings{})
		jane := p.Affiliate("jane")
		for _, amount := range amounts {
			p.adjust(jane, money.New(amount, usd).String())
			p.Clock.Advance(time.Second) // each is a settlement of its own
		}
		payout := p.run(refgrow.PayoutRunParams{})[0]
		p.pay(payout)
		b := p.Earnings(jane)[0]
		if b.Paid != payout.Amount || b.Paid != b.Total || !b.Eligible.IsZero() || !b.Payable.IsZero() {
			t.Errorf("%s: the balance is %+v", what, b)
		}
		p.Verify()
	}
}
