package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func (p *program) refund(c *refgrow.Conversion, amount string) *refgrow.Conversion {
	p.Helper()
	params := refgrow.RefundConversionParams{Reason: "sent back"}
	if amount != "" {
		params.Amount = money.MustParse(amount)
	}
	refunded, err := p.Shop.RefundConversion(p.Context(), c.ID, params)
	p.OK(err)
	return refunded
}

// balance checks the first balance of an affiliate, in the currency of the amounts.
func (p *program) balance(what string, a *refgrow.Affiliate, total, paid, eligible, held, payable string) {
	p.Helper()
	usd := func(number string) money.Amount { return money.MustParse(number + " USD") }
	b := p.Earnings(a)[0]
	if b.Total != usd(total) || b.Paid != usd(paid) || b.Eligible != usd(eligible) || b.Held != usd(held) ||
		b.Payable != usd(payable) {
		p.Errorf("%s: total %v paid %v eligible %v held %v payable %v, but should be %s, %s, %s, %s, %s",
			what, b.Total, b.Paid, b.Eligible, b.Held, b.Payable, total, paid, eligible, held, payable)
	}
}

// ledger returns the entries of an affiliate, the oldest first, as text.
func (p *program) ledger(a *refgrow.Affiliate) string {
	p.Helper()
	var lines []string
	for e, err := range p.Shop.AllLedger(p.Context(), a.ID, refgrow.ListLedgerParams{}) {
		p.OK(err)
		lines = append([]string{string(e.Kind) + " " + e.Amount.Decimal()}, lines...)
	}
	return strings.Join(lines, ", ")
}

// A third of the sale, three times, takes back exactly the commission, although a third
// of it is not a whole number of cents.
func TestRefundInParts(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("10")})
	jane := p.Affiliate("jane")
	sale := p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("30.10 USD"),
	})
	p.refund(sale, "10.00 USD")
	p.balance("after the first part", jane, "2.01", "0", "2.01", "0", "2.01")
	p.refund(sale, "10.00 USD")
	p.balance("after the second", jane, "1.01", "0", "1.01", "0", "1.01")
	last := p.refund(sale, "")
	p.balance("after the rest", jane, "0", "0", "0", "0", "0")
	if last.Status != refgrow.ConversionRefunded || last.Refunded != sale.BaseValue || last.Value != sale.Value ||
		last.BaseValue != sale.BaseValue {
		t.Errorf("the sale is %+v", last)
	}
	if got, want := p.ledger(jane), "commission 3.01, reversal -1.00, reversal -1.00, reversal -1.01"; got != want {
		t.Errorf("the entries are %s, but should be %s", got, want)
	}
	_, err := p.Shop.RefundConversion(t.Context(), sale.ID, refgrow.RefundConversionParams{})
	p.Refused("refunding it once more", err, refgrow.ErrConflict, "amount")
	p.Verify()
}

// However a sale is cut up, and edited in between, the parts that make the whole
// take back what there was.
func TestRefundsAddUp(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("8.2"), HoldDays: 7})
	for parts := int64(1); parts <= 23; parts++ {
		jane := p.Affiliate("jane" + string(rune('a'+parts)))
		sale := p.Record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("99.95 USD"),
		})
		for i := range parts {
			part := money.New(9995*(i+1)/parts-9995*i/parts, money.USD)
			_, err := p.Shop.RefundConversion(t.Context(), sale.ID, refgrow.RefundConversionParams{Amount: part})
			p.OK(err)
			switch i % 5 {
			case 1:
				p.Update(sale, refgrow.UpdateConversionParams{Value: new(money.New(1000-i, money.USD))})
			case 3:
				p.Update(sale, refgrow.UpdateConversionParams{Paid: new(i%2 == 1)})
			}
		}
		b := p.Earnings(jane)[0]
		if !b.Total.IsZero() {
			t.Errorf("in %d parts, %v remains", parts, b.Total)
		}
	}
	p.Verify()
}

// What is taken back from a commission that was paid is a debt, which later
// earnings make up for. One that is held loses what it has.
func TestRefundAndSettlement(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 30})
	jane := p.Affiliate("jane")
	held, paid := p.sell(jane, ""), p.sell(jane, "")
	p.Update(paid, refgrow.UpdateConversionParams{Paid: new(true)})
	p.refund(held, "25.00 USD")
	p.balance("a held one is refunded in part", jane, "35.00", "20.00", "0", "15.00", "0")
	if got := p.refund(paid, ""); got.Status != refgrow.ConversionRefunded || !got.Paid {
		t.Errorf("the paid one is %+v", got)
	}
	p.balance("a paid one is refunded", jane, "15.00", "20.00", "-20.00", "15.00", "-20.00")
	p.Clock.Advance(30 * 24 * time.Hour)
	p.balance("after the hold", jane, "15.00", "20.00", "-5.00", "0", "-5.00")
	p.sell(jane, "")
	p.Clock.Advance(30 * 24 * time.Hour)
	p.balance("after the next sale", jane, "35.00", "20.00", "15.00", "0", "15.00")
	p.Verify()
}

func TestUndoRefund(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	jane := p.Affiliate("jane")
	sale := p.sell(jane, "")
	_, err := p.Shop.UndoRefund(t.Context(), sale.ID, refgrow.RefundConversionParams{})
	p.Refused("undoing no refund", err, refgrow.ErrConflict, "amount")
	p.refund(sale, "50.00 USD")
	p.refund(sale, "")
	_, err = p.Shop.UndoRefund(t.Context(), sale.ID, refgrow.RefundConversionParams{Amount: money.MustParse("100.01 USD")})
	p.Refused("undoing more than was refunded", err, refgrow.ErrInvalid, "amount")
	_, err = p.Shop.UndoRefund(t.Context(), sale.ID, refgrow.RefundConversionParams{
		Amount: money.MustParse("30.00 USD"), Reason: "chargeback won",
	})
	p.OK(err)
	p.balance("undone in part", jane, "6.00", "0", "6.00", "0", "6.00")
	whole, err := p.Shop.UndoRefund(t.Context(), sale.ID, refgrow.RefundConversionParams{})
	p.OK(err)
	if !whole.Refunded.IsZero() || whole.Status != refgrow.ConversionEligible {
		t.Errorf("the sale is %+v", whole)
	}
	want := "commission 20.00, reversal -10.00, reversal -10.00, correction 6.00, correction 14.00"
	if got := p.ledger(jane); got != want {
		t.Errorf("the entries are %s, but should be %s", got, want)
	}
	page, err := p.Shop.ListLedger(t.Context(), jane.ID, refgrow.ListLedgerParams{Limit: 2})
	p.OK(err)
	if page.Items[0].Note != "" || page.Items[1].Note != "chargeback won" {
		t.Errorf("the notes are %q and %q", page.Items[0].Note, page.Items[1].Note)
	}
	p.Verify()
}

func TestRefusedRefunds(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{
		Commission: refgrow.Percent("20"), SignupCommission: refgrow.Fixed(money.MustParse("1.00 USD")),
	})
	jane := p.Affiliate("jane")
	sale := p.sell(jane, "")
	signup := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: jane.ID})
	free := p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("0 USD"),
	})
	p.refund(sale, "40.00 USD")
	before := p.ledger(jane)
	for what, c := range map[string]struct {
		id     int64
		amount string
		kind   error
		field  string
	}{
		"more than is left":         {sale.ID, "60.01 USD", refgrow.ErrInvalid, "amount"},
		"nothing":                   {sale.ID, "0 USD", refgrow.ErrInvalid, "amount"},
		"less than nothing":         {sale.ID, "-1.00 USD", refgrow.ErrInvalid, "amount"},
		"another currency":          {sale.ID, "1.00 EUR", refgrow.ErrInvalid, "amount"},
		"part of a signup":          {signup.ID, "1.00 USD", refgrow.ErrInvalid, "amount"},
		"part of a sale of nothing": {free.ID, "1.00 USD", refgrow.ErrInvalid, "amount"},
		"no conversion":             {99, "", refgrow.ErrNotFound, ""},
	} {
		var params refgrow.RefundConversionParams
		if c.amount != "" {
			params.Amount = money.MustParse(c.amount)
		}
		_, err := p.Shop.RefundConversion(t.Context(), c.id, params)
		p.Refused(what, err, c.kind, c.field)
	}
	for what, c := range map[string]struct {
		change refgrow.UpdateConversionParams
		kind   error
		field  string
	}{
		"a base value of as much": {
			refgrow.UpdateConversionParams{BaseValue: refgrow.Set(money.MustParse("40.00 USD"))},
			refgrow.ErrInvalid, "base_value",
		},
		"a base value below": {
			refgrow.UpdateConversionParams{BaseValue: refgrow.Set(money.MustParse("39.99 USD"))},
			refgrow.ErrInvalid, "base_value",
		},
		"a currency": {
			refgrow.UpdateConversionParams{Currency: new(money.Currency("EUR"))},
			refgrow.ErrConflict, "base_value_currency",
		},
	} {
		_, err := p.Shop.UpdateConversion(t.Context(), sale.ID, c.change)
		p.Refused(what, err, c.kind, c.field)
	}
	if after := p.ledger(jane); after != before {
		t.Errorf("the entries were %s, and are %s", before, after)
	}
	// A base value just above what was refunded leaves a part that can be refunded.
	p.Update(sale, refgrow.UpdateConversionParams{BaseValue: refgrow.Set(money.MustParse("40.01 USD"))})
	whole := p.refund(sale, "")
	if whole.Status != refgrow.ConversionRefunded {
		t.Errorf("the sale is %s", whole.Status)
	}
	p.balance("a smaller sale", jane, "1.00", "0", "1.00", "0", "1.00")
	p.Verify()
}

func TestAdjustments(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{HoldDays: 30})
	jane := p.Affiliate("jane")
	adjust := func(amount, note string) (*refgrow.LedgerEntry, error) {
		return p.Shop.CreateAdjustment(t.Context(), refgrow.CreateAdjustmentParams{
			AffiliateID: jane.ID, Amount: money.MustParse(amount), Note: note,
		})
	}
	bonus, err := adjust("25.00 USD", "for the talk in May")
	p.OK(err)
	page, err := p.Shop.ListLedger(t.Context(), jane.ID, refgrow.ListLedgerParams{})
	p.OK(err)
	if len(page.Items) != 1 || page.Items[0] != *bonus || bonus.Kind != refgrow.EntryAdjustment ||
		bonus.Note != "for the talk in May" {
		t.Errorf("the answer is %+v, and the ledger has %+v", bonus, page.Items)
	}
	p.balance("a bonus is available at once", jane, "25.00", "0", "25.00", "0", "25.00")
	_, err = adjust("-40.00 USD", "paid for an ad by mistake")
	p.OK(err)
	p.balance("a deduction too", jane, "-15.00", "0", "-15.00", "0", "-15.00")
	for what, c := range map[string]struct {
		params refgrow.CreateAdjustmentParams
		kind   error
		field  string
	}{
		"no note": {
			refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Amount: money.MustParse("1.00 USD")},
			refgrow.ErrInvalid, "note",
		},
		"an empty note": {
			refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Amount: money.MustParse("1.00 USD"), Note: " "},
			refgrow.ErrInvalid, "note",
		},
		"an endless note": {
			refgrow.CreateAdjustmentParams{
				AffiliateID: jane.ID, Amount: money.MustParse("1.00 USD"), Note: strings.Repeat("x", 1001),
			},
			refgrow.ErrInvalid, "note",
		},
		"nothing": {
			refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Amount: money.MustParse("0 USD"), Note: "x"},
			refgrow.ErrInvalid, "amount",
		},
		"no amount": {
			refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Note: "x"}, refgrow.ErrInvalid, "amount",
		},
		"too much": {
			refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Amount: money.New(money.MaxMinor+1, money.USD), Note: "x"},
			refgrow.ErrInvalid, "amount",
		},
		"too little": {
			refgrow.CreateAdjustmentParams{AffiliateID: jane.ID, Amount: money.New(-money.MaxMinor-1, money.USD), Note: "x"},
			refgrow.ErrInvalid, "amount",
		},
		"nobody": {
			refgrow.CreateAdjustmentParams{Amount: money.MustParse("1.00 USD"), Note: "x"},
			refgrow.ErrInvalid, "affiliate_id",
		},
		"an unknown affiliate": {
			refgrow.CreateAdjustmentParams{AffiliateID: 99, Amount: money.MustParse("1.00 USD"), Note: "x"},
			refgrow.ErrNotFound, "",
		},
	} {
		_, err := p.Shop.CreateAdjustment(t.Context(), c.params)
		p.Refused(what, err, c.kind, c.field)
	}
	if n, err := p.Shop.CountLedger(t.Context(), jane.ID); err != nil || n != 2 {
		t.Errorf("there are %d entries (%v)", n, err)
	}
	p.Verify()
}
