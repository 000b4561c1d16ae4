package refgrow_test

import (
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// Who sends back the value that is there has not given one: the rule's stays the
// rule's.
func TestSameValueStaysTheRules(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	jane := p.affiliate("jane")
	recorded := p.record(refgrow.RecordConversionParams{Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("50.00 USD")})
	nobodys := p.record(refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: money.MustParse("50.00 USD")})
	for _, c := range []*refgrow.Conversion{recorded, nobodys} {
		before := p.decision(c)
		same := refgrow.UpdateConversionParams{Value: &c.Value, BaseValue: refgrow.Set(c.BaseValue), Type: &c.Type, Paid: &c.Paid}
		for what, got := range map[string]*refgrow.Conversion{"the answer": p.update(c, same), "what is stored": p.found(c)} {
			if d := p.decision(got); got.Value != c.Value || d.CommissionReason != before.CommissionReason || d.RuleID != before.RuleID {
				t.Errorf("%s is %v, with the decision %+v, which was %+v", what, got.Value, d, before)
			}
		}
		if got := p.update(c, refgrow.UpdateConversionParams{Value: new(money.MustParse("9.99 USD"))}); p.decision(got).CommissionReason != refgrow.CommissionGiven {
			t.Errorf("with another value the decision is %+v", p.decision(got))
		}
		p.verify()
	}
	entries, err := p.shop.ListLedger(t.Context(), jane.ID, refgrow.ListLedgerParams{})
	if err != nil || len(entries.Items) != 2 {
		t.Errorf("the entries are %+v (%v)", entries.Items, err)
	}
}

func (p *program) found(c *refgrow.Conversion) *refgrow.Conversion {
	p.Helper()
	found, err := p.shop.GetConversion(p.Context(), c.ID)
	p.ok(err)
	return found
}

// A change of the currency that brings a value of its own along is in the books
// with that value.
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
			jane := p.affiliate("jane")
			sale := p.record(refgrow.RecordConversionParams{Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("50.00 USD")})
			want := money.MustParse(c.value)
			got := p.update(sale, c.change)
			if d := p.decision(got); got.Value != want || got.BaseCurrency != want.Currency() || d.CommissionReason != c.reason {
				t.Errorf("the conversion is %v, with the decision %+v", got.Value, d)
			}
			found := false
			for _, b := range p.earnings(jane) {
				found = found || b.Total == want
				if b.Currency != want.Currency() && !b.Total.IsZero() {
					t.Errorf("there is a balance of %v", b.Total)
				}
			}
			if !found {
				t.Errorf("the balances are %+v", p.earnings(jane))
			}
			p.verify()
		})
	}
}

// Nobody can pile up entries: a conversion that was edited too often stays as it
// is, but can still be refunded and deleted.
func TestEditsHaveAnEnd(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.affiliate("jane")
	sale := p.record(earning(jane, money.MustParse("100.00 USD")))
	var err error
	edits := 0
	for ; err == nil && edits < 2000; edits++ {
		p.clock.Advance(time.Millisecond)
		_, err = p.shop.UpdateConversion(t.Context(), sale.ID, refgrow.UpdateConversionParams{
			Value: new(money.New(int64(10000-edits), money.USD)), Paid: new(edits%2 == 0),
		})
	}
	p.refused("one edit too many", err, refgrow.ErrConflict, "")
	n, err := p.shop.CountLedger(t.Context(), jane.ID)
	p.ok(err)
	if n < 1000 || n > 2000 {
		t.Errorf("after %d edits there are %d entries", edits, n)
	}
	p.refund(sale, "50.00 USD")
	p.refund(sale, "")
	p.ok(p.shop.DeleteConversion(t.Context(), sale.ID))
	p.verify()
}
