package engine_test

import (
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// A payment that came back is to be paid again: total stays, paid goes down, and what was
// refunded since is taken from it.
func TestReturnedPayouts(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 10})
	ctx := t.Context()
	jane := p.Affiliate("jane")
	kept, refunded := p.sell(jane, ""), p.sell(jane, "")
	p.adjust(jane, "5.00 USD")
	p.Clock.Advance(11 * 24 * time.Hour)
	payout := p.run(refgrow.PayoutRunParams{})[0]
	back := func(id int64, note string) error {
		_, err := p.Shop.ReturnPayout(ctx, id, refgrow.ReturnPayoutParams{Note: note})
		return err
	}
	p.Refused("a pending one", back(payout.ID, "unclaimed"), refgrow.ErrConflict, "")
	p.pay(payout)
	if c, err := p.Shop.GetConversion(ctx, kept.ID); err != nil || !c.Paid {
		t.Errorf("the sale is %+v (%v)", c, err)
	}
	_, err := p.Shop.RefundConversion(ctx, refunded.ID, refgrow.RefundConversionParams{})
	p.OK(err)
	p.Refused("without a note", back(payout.ID, ""), refgrow.ErrInvalid, "note")
	p.Refused("an unknown one", back(99, "x"), refgrow.ErrNotFound, "")
	before := p.Clock.Now()
	p.Clock.Advance(time.Hour)
	returned, err := p.Shop.ReturnPayout(ctx, payout.ID, refgrow.ReturnPayoutParams{Note: "unclaimed after 30 days"})
	p.OK(err)
	if returned.Status != refgrow.PayoutReturned || returned.ReturnNote != "unclaimed after 30 days" ||
		!returned.ReturnedAt.Equal(p.Clock.Now()) || returned.PaidAt == nil || returned.Amount != payout.Amount {
		t.Errorf("the payout is %+v", returned)
	}
	p.Refused("again", back(payout.ID, "x"), refgrow.ErrConflict, "")
	b := p.Earnings(jane)[0]
	if b.Total != money.MustParse("25.00 USD") || !b.Paid.IsZero() || b.Eligible != b.Total || b.Payable != b.Total {
		t.Errorf("the balance is %+v", b)
	}
	if c, err := p.Shop.GetConversion(ctx, kept.ID); err != nil || c.Paid {
		t.Errorf("the sale is %+v (%v)", c, err)
	}
	p.Verify()
	list, err := p.Shop.ListPayouts(ctx, refgrow.ListPayoutsParams{Status: refgrow.PayoutReturned})
	n, err2 := p.Shop.CountPayouts(ctx, refgrow.ListPayoutsParams{Status: refgrow.PayoutReturned})
	if err != nil || err2 != nil || len(list.Items) != 1 || n != 1 {
		t.Errorf("the list of returned ones is %+v, %d (%v, %v)", list, n, err, err2)
	}
	if n, err := p.Shop.CountPayouts(ctx, refgrow.ListPayoutsParams{}); err != nil || n != 1 {
		t.Errorf("%d payouts are counted in all (%v)", n, err)
	}
	// A run with a cut-off before the return does not have it.
	preview, err := p.Shop.PreviewPayouts(ctx, refgrow.PayoutRunParams{Cutoff: before})
	p.OK(err)
	p.made("the run before the return", preview, "")
	p.made("the run after the return", p.run(refgrow.PayoutRunParams{}), "25.00 USD pending")
	p.Verify()
	again := p.payoutsOf(jane)[0]
	p.pay(again)
	if c, err := p.Shop.GetConversion(ctx, kept.ID); err != nil || !c.Paid {
		t.Errorf("the sale is %+v (%v)", c, err)
	}
	if b := p.Earnings(jane)[0]; !b.Payable.IsZero() || b.Paid != b.Total {
		t.Errorf("the balance is %+v", b)
	}
	p.Verify()
	// The second payment comes back too, and the sale moves on.
	p.OK(back(again.ID, "closed account"))
	joe := p.Affiliate("joe")
	p.Update(kept, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	if b := p.Earnings(jane)[0]; b.Payable != money.MustParse("5.00 USD") {
		t.Errorf("the balance is %+v", b)
	}
	p.Verify()
	p.OK(p.Shop.DeleteAffiliate(ctx, jane.ID))
	p.Verify()
}

// What came back with a payment counts with what its conversion takes and gives later,
// also once both were settled with one another and a payout has gone past them.
func TestRefundOfAReturnIsUndone(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 10})
	ctx := t.Context()
	jane := p.Affiliate("jane")
	sale := p.sell(jane, "")
	p.Clock.Advance(11 * 24 * time.Hour)
	payout := p.run(refgrow.PayoutRunParams{})[0]
	p.pay(payout)
	_, err := p.Shop.ReturnPayout(ctx, payout.ID, refgrow.ReturnPayoutParams{Note: "closed account"})
	p.OK(err)
	p.refund(sale, "")
	p.adjust(jane, "5.00 USD")
	p.pay(p.run(refgrow.PayoutRunParams{})[0])
	if b := p.Earnings(jane)[0]; !b.Payable.IsZero() || b.Total != money.MustParse("5.00 USD") {
		t.Fatalf("the balance is %+v", b)
	}
	_, err = p.Shop.UndoRefund(ctx, sale.ID, refgrow.RefundConversionParams{})
	p.OK(err)
	if b := p.Earnings(jane)[0]; b.Payable != payout.Amount {
		t.Errorf("the balance is %+v", b)
	}
	p.Verify()
	p.made("the run after it", p.run(refgrow.PayoutRunParams{}), payout.Amount.String()+" pending")
	p.Verify()
}

// Of a payout that paid a single cent, that cent is to be paid again when it comes back.
func TestReturnOfACent(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.Affiliate("jane")
	cent := money.MustParse("0.01 USD")
	p.Record(refgrow.RecordConversionParams{Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: cent, Value: cent})
	p.adjust(jane, "0.01 USD")
	payout := p.run(refgrow.PayoutRunParams{})[0]
	p.pay(payout)
	_, err := p.Shop.ReturnPayout(t.Context(), payout.ID, refgrow.ReturnPayoutParams{Note: "unclaimed"})
	p.OK(err)
	if b := p.Earnings(jane)[0]; b.Payable != money.MustParse("0.02 USD") || !b.Paid.IsZero() {
		t.Errorf("the balance is %+v", b)
	}
	p.Verify()
	p.made("the next run", p.run(refgrow.PayoutRunParams{}), "0.02 USD pending")
}

// A sale that came back is available since then, and what it earns beyond that since it
// was made: a payment of both comes back once.
func TestReturnOfASaleInParts(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 10})
	jane := p.Affiliate("jane")
	sale := p.sell(jane, "")
	giveBack := func() refgrow.Payout {
		t.Helper()
		p.Clock.Advance(11 * 24 * time.Hour)
		payout := p.run(refgrow.PayoutRunParams{})[0]
		p.pay(payout)
		p.Clock.Advance(time.Hour)
		_, err := p.Shop.ReturnPayout(t.Context(), payout.ID, refgrow.ReturnPayoutParams{Note: "unclaimed"})
		p.OK(err)
		return payout
	}
	giveBack()
	p.Update(sale, refgrow.UpdateConversionParams{Value: new(money.MustParse("30.00 USD"))})
	payout := giveBack()
	if b := p.Earnings(jane)[0]; payout.EntryCount != 2 || b.Payable != money.MustParse("30.00 USD") || !b.Paid.IsZero() {
		t.Errorf("of %+v, the balance is %+v", payout, b)
	}
	p.Verify()
}
