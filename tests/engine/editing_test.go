package engine_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
)

// Sending back the value that is there does not count as giving one, and the rule's stays
// the rule's, unless there was none: 0 is a value too.
func TestSameValueStaysTheRules(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	jane := p.Affiliate("jane")
	recorded := p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("50.00 USD"),
	})
	nobodys := p.Record(refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: money.MustParse("50.00 USD")})
	for _, c := range []*refgrow.Conversion{recorded, nobodys} {
		before := p.decision(c)
		same := refgrow.UpdateConversionParams{
			Value: &c.Value, BaseValue: refgrow.Set(c.BaseValue), Type: &c.Type, Paid: &c.Paid,
		}
		reason := before.CommissionReason
		if reason == refgrow.CommissionUnattributed {
			reason = refgrow.CommissionGiven
		}
		for what, got := range map[string]*refgrow.Conversion{"the answer": p.Update(c, same), "what is stored": p.found(c)} {
			if d := p.decision(got); got.Value != c.Value || d.CommissionReason != reason || d.RuleID != before.RuleID {
				t.Errorf("%s is %v, with the decision %+v, which was %+v", what, got.Value, d, before)
			}
		}
		got := p.Update(c, refgrow.UpdateConversionParams{Value: new(money.MustParse("9.99 USD"))})
		if p.decision(got).CommissionReason != refgrow.CommissionGiven {
			t.Errorf("with another value the decision is %+v", p.decision(got))
		}
		p.Verify()
	}
	entries, err := p.Shop.ListLedger(t.Context(), jane.ID, refgrow.ListLedgerParams{})
	if err != nil || len(entries.Items) != 2 {
		t.Errorf("the entries are %+v (%v)", entries.Items, err)
	}
}

func (p *program) found(c *refgrow.Conversion) *refgrow.Conversion {
	p.Helper()
	found, err := p.Shop.GetConversion(p.Context(), c.ID)
	p.OK(err)
	return found
}

// A change of the currency that brings along a value of its own is in the books with
// that value.
func TestCurrencyChangeWithAValue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change refgrow.UpdateConversionParams
		value  string
		reason refgrow.CommissionReason
	}{
		"another value": {
			refgrow.UpdateConversionParams{Currency: new(money.Currency("EUR")), Value: new(money.MustParse("7.00 EUR"))},
			"7.00 EUR", refgrow.CommissionGiven,
		},
		"the same number": {
			refgrow.UpdateConversionParams{Currency: new(money.Currency("EUR")), Value: new(money.MustParse("10.00 EUR"))},
			"10.00 EUR", refgrow.CommissionGiven,
		},
		"the same minor units": {
			refgrow.UpdateConversionParams{Currency: new(money.JPY), Value: new(money.MustParse("1000 JPY"))},
			"1000 JPY", refgrow.CommissionGiven,
		},
		"no value": {
			refgrow.UpdateConversionParams{Currency: new(money.JPY)}, "10 JPY", refgrow.CommissionByRule,
		},
		"the same currency and value": {
			refgrow.UpdateConversionParams{Currency: new(money.USD), Value: new(money.MustParse("10.00 USD"))},
			"10.00 USD", refgrow.CommissionByRule,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 10})
			jane := p.Affiliate("jane")
			sale := p.Record(refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("50.00 USD"),
			})
			want := money.MustParse(c.value)
			got := p.Update(sale, c.change)
			if d := p.decision(got); got.Value != want || got.BaseCurrency != want.Currency() || d.CommissionReason != c.reason {
				t.Errorf("the conversion is %v, with the decision %+v", got.Value, d)
			}
			found := false
			for _, b := range p.Earnings(jane) {
				found = found || b.Total == want
				if b.Currency != want.Currency() && !b.Total.IsZero() {
					t.Errorf("there is a balance of %v", b.Total)
				}
			}
			if !found {
				t.Errorf("the balances are %+v", p.Earnings(jane))
			}
			p.Verify()
		})
	}
}

// Nobody can pile up entries: of a conversion that was edited too often no edit writes
// another one. What writes none is done, and so is the undoing of a refund, and a
// refund, but not one after the other for ever.
func TestEditsHaveAnEnd(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.Affiliate("jane")
	sale := p.Record(shoptest.Earning(jane, money.MustParse("100.00 USD")))
	var err error
	edits := 0
	for ; err == nil && edits < 2000; edits++ {
		p.Clock.Advance(time.Millisecond)
		_, err = p.Shop.UpdateConversion(t.Context(), sale.ID, refgrow.UpdateConversionParams{
			Value: new(money.New(int64(10000-edits), money.USD)), Paid: new(edits%2 == 0),
		})
	}
	p.Refused("one edit too many", err, refgrow.ErrConflict, "")
	n, err := p.Shop.CountLedger(t.Context(), jane.ID)
	p.OK(err)
	if n < 1000 || n > 2000 {
		t.Errorf("after %d edits there are %d entries", edits, n)
	}
	if named := p.Update(sale, refgrow.UpdateConversionParams{Reference: refgrow.Set("x")}); named.Reference != "x" {
		t.Errorf("the conversion is %+v", named)
	}
	p.refund(sale, "50.00 USD")
	p.refund(sale, "10.00 USD")
	undo := func() {
		t.Helper()
		_, err := p.Shop.UndoRefund(t.Context(), sale.ID,
			refgrow.RefundConversionParams{Amount: money.MustParse("20.00 USD")})
		p.OK(err)
	}
	undo()
	_, err = p.Shop.RefundConversion(t.Context(), sale.ID, refgrow.RefundConversionParams{})
	p.Refused("a refund after one was undone", err, refgrow.ErrConflict, "")
	undo()
	undo()
	_, err = p.Shop.UpdateConversion(t.Context(), sale.ID,
		refgrow.UpdateConversionParams{Value: new(money.New(1, money.USD))})
	p.Refused("an edit in the end", err, refgrow.ErrConflict, "")
	p.OK(p.Shop.DeleteConversion(t.Context(), sale.ID))
	p.Verify()
}

// The thousandth entry is the last one that an edit writes, and a refund may follow it.
func TestTheLastEdit(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.Affiliate("jane")
	sale := p.Record(shoptest.Earning(jane, money.MustParse("100.00 USD")))
	edit := func(shop *refgrow.Project, cents int) error {
		_, err := shop.UpdateConversion(t.Context(), sale.ID, refgrow.UpdateConversionParams{
			Value: new(money.New(int64(cents), money.USD)),
		})
		return err
	}
	p.OK(p.atomic(func(shop *refgrow.Project) error {
		for n := range 999 {
			if err := edit(shop, n); err != nil {
				return fmt.Errorf("edit %d: %w", n+1, err)
			}
		}
		return nil
	}))
	p.Refused("the next one", edit(p.Shop, 5000), refgrow.ErrConflict, "")
	p.refund(sale, "50.00 USD")
	if n, err := p.Shop.CountLedger(t.Context(), jane.ID); err != nil || n != 1001 {
		t.Errorf("there are %d entries (%v)", n, err)
	}
	p.Verify()
}

// A self-referral is noted where somebody decides about the credit or the price, and not
// by a change of anything else, even if the customer has become the affiliate meanwhile.
func TestSelfReferralsAreNotedWhenCredited(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), SelfReferral: refgrow.SelfReferralFlag})
	jane := p.Affiliate("jane")
	c := p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("50.00 USD"),
		Customer: refgrow.Customer{Email: "carl@example.com"},
	})
	_, err := p.Shop.UpdateAffiliate(t.Context(), jane.ID, refgrow.UpdateAffiliateParams{Email: new("carl@example.com")})
	p.OK(err)
	smaller := refgrow.UpdateConversionParams{BaseValue: refgrow.Set(money.MustParse("40.00 USD"))}
	if p.decision(p.Update(c, smaller)).SelfReferral {
		t.Error("another base value made it a self-referral")
	}
	if !p.decision(p.Update(c, refgrow.UpdateConversionParams{Reprice: true})).SelfReferral {
		t.Error("a new price does not note the self-referral")
	}
}
