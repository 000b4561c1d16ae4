package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// edit changes a conversion and returns the error.
func (p *program) edit(c *refgrow.Conversion, params refgrow.UpdateConversionParams) error {
	_, err := p.Shop.UpdateConversion(p.Context(), c.ID, params)
	return err
}

// says checks what an error says.
func (p *program) says(what string, err error, want string) {
	p.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		p.Errorf("%s: the error is %v, but should say %q", what, err, want)
	}
}

// cents is a sale that earns so many cents.
func (p *program) cents(a *refgrow.Affiliate, cents int64) *refgrow.Conversion {
	p.Helper()
	return p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: a.ID, BaseValue: money.MustParse("10.00 USD"), Value: money.New(cents, "USD"),
	})
}

// What is refused says why, so that it can be mended.
func TestWhyAnEditIsRefused(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	refunded, settled, reserved := p.cents(jane, 100), p.cents(jane, 100), p.cents(jane, 100)
	p.refund(refunded, "0.01 USD")
	p.Update(settled, refgrow.UpdateConversionParams{Paid: new(true)})
	p.run(refgrow.PayoutRunParams{})
	euro := refgrow.UpdateConversionParams{Currency: new(money.EUR)}
	for what, c := range map[string]struct {
		c      *refgrow.Conversion
		change refgrow.UpdateConversionParams
		kind   error
		field  string
		says   string
	}{
		"a value without a currency": {settled, refgrow.UpdateConversionParams{Value: new(money.Amount)},
			refgrow.ErrInvalid, "value", "has no currency"},
		"a base value without a currency": {settled, refgrow.UpdateConversionParams{BaseValue: refgrow.Set(money.Amount{})},
			refgrow.ErrInvalid, "base_value", "has no currency"},
		"a base value as low as the refund": {refunded,
			refgrow.UpdateConversionParams{BaseValue: refgrow.Set(money.MustParse("0.01 USD"))},
			refgrow.ErrInvalid, "base_value", "must be above 0.01 USD"},
		"the currency of a refunded one": {refunded, euro, refgrow.ErrConflict, "base_value_currency",
			"part of the conversion is settled, reserved by a payout or refunded"},
		"the currency of a settled one": {settled, euro, refgrow.ErrConflict, "base_value_currency",
			"part of the conversion is settled, reserved by a payout or refunded"},
		"the affiliate of a reserved one": {reserved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)},
			refgrow.ErrConflict, "affiliate_id", "a payout has settled or reserves part of the conversion"},
	} {
		err := p.edit(c.c, c.change)
		p.Refused(what, err, c.kind, c.field)
		p.says(what, err, c.says)
	}
	p.Verify()
}

// The smallest commission is settled by hand, taken back, moved and paid out as any other,
// and what is worth nothing is paid because somebody said so.
func TestPaidOfACent(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	sale := p.cents(jane, 1)
	step := func(what string, change refgrow.UpdateConversionParams, paid bool, settled string) {
		t.Helper()
		if got := p.Update(sale, change); got.Paid != paid {
			t.Errorf("%s: paid is %t", what, got.Paid)
		}
		if b := p.Earnings(jane)[0]; b.Paid != money.MustParse(settled) {
			t.Errorf("%s: the balance is %+v", what, b)
		}
		p.Verify()
	}
	step("what is already so", refgrow.UpdateConversionParams{Paid: new(false)}, false, "0 USD")
	step("by hand", refgrow.UpdateConversionParams{Paid: new(true)}, true, "0.01 USD")
	step("moved", refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)}, false, "0.01 USD")
	step("moved back", refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)}, true, "0.01 USD")
	step("taken back", refgrow.UpdateConversionParams{Paid: new(false)}, false, "0 USD")
	payout := p.run(refgrow.PayoutRunParams{})[0]
	p.Refused("what a payout reserves", p.edit(sale, refgrow.UpdateConversionParams{Paid: new(true)}),
		refgrow.ErrConflict, "paid")
	step("worth nothing", refgrow.UpdateConversionParams{Value: new(money.MustParse("0 USD"))}, false, "0 USD")
	step("nothing, said to be paid", refgrow.UpdateConversionParams{Paid: new(true)}, true, "0 USD")
	step("nothing, said not to be", refgrow.UpdateConversionParams{Paid: new(false)}, false, "0 USD")
	step("worth a cent again", refgrow.UpdateConversionParams{Value: new(money.MustParse("0.01 USD"))}, false, "0 USD")
	p.pay(payout)
	p.Refused("what a payout has settled", p.edit(sale, refgrow.UpdateConversionParams{Paid: new(false)}),
		refgrow.ErrConflict, "paid")
	p.Refused("moving what a payout has settled",
		p.edit(sale, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)}), refgrow.ErrConflict, "affiliate_id")
	step("as the payout left it", refgrow.UpdateConversionParams{Reference: refgrow.Set("r1")}, true, "0.01 USD")

	p.adjust(jane, "-0.01 USD")
	p.Verify() // also of what counts on the day
	signup := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: jane.ID})
	p.OK(p.Shop.DeleteConversion(t.Context(), signup.ID))
	p.Verify()
}

// A base value may become nothing as long as nothing of it was refunded.
func TestBaseValueOfNothing(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	sale := p.cents(p.Affiliate("jane"), 100)
	nothing := refgrow.UpdateConversionParams{BaseValue: refgrow.Set(money.MustParse("0 USD"))}
	if got := p.Update(sale, nothing); !got.BaseValue.IsZero() || got.Value != sale.Value {
		t.Errorf("the conversion is %+v", got)
	}
	p.Verify()
}

// A currency is shown as one that was named from when an edit names it.
func TestNamingACurrency(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	for what, c := range map[string]struct {
		change refgrow.UpdateConversionParams
		want   money.Currency
	}{
		"a value":      {refgrow.UpdateConversionParams{Value: new(money.MustParse("1.00 USD"))}, ""},
		"a currency":   {refgrow.UpdateConversionParams{Currency: new(money.USD)}, money.USD},
		"a base value": {refgrow.UpdateConversionParams{BaseValue: refgrow.Set(money.MustParse("1.00 USD"))}, money.USD},
	} {
		signup := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup})
		for _, got := range []*refgrow.Conversion{p.Update(signup, c.change), p.found(signup)} {
			if got.BaseCurrency != c.want {
				t.Errorf("after %s the currency is %q, want %q", what, got.BaseCurrency, c.want)
			}
		}
	}
}

// A late credit says of its customer what the conversion says, and no more; nothing else
// does.
func TestWhatALateCreditSaysOfTheCustomer(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	to := func(a *refgrow.Affiliate) refgrow.UpdateConversionParams {
		return refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(a.ID)}
	}
	lost := func(kind refgrow.ConversionType, customer string) *refgrow.Conversion {
		t.Helper()
		params := refgrow.RecordConversionParams{Type: kind, Customer: refgrow.Customer{ExternalID: customer}}
		if kind == refgrow.Purchase {
			params.BaseValue = money.MustParse("10.00 USD")
		}
		return p.Record(params)
	}
	is := func(what string, c *refgrow.Conversion, status refgrow.ReferralStatus, affiliate int64) {
		t.Helper()
		r, err := p.Shop.GetReferral(t.Context(), c.ReferredUserID)
		p.OK(err)
		if r.Status != status || r.AffiliateID != affiliate {
			t.Errorf("%s: the customer is %s, of affiliate %d", what, r.Status, r.AffiliateID)
		}
		p.Verify()
	}
	set := func(c *refgrow.Conversion, params refgrow.UpdateReferralParams) {
		t.Helper()
		_, err := p.Shop.UpdateReferral(t.Context(), c.ReferredUserID, params)
		p.OK(err)
	}
	signup, sale := lost(refgrow.Signup, "carl"), lost(refgrow.Purchase, "carl")
	p.Update(sale, refgrow.UpdateConversionParams{Reprice: true})
	is("a new price for nobody", sale, refgrow.ReferralDirect, 0)
	p.Update(signup, to(jane))
	is("the signup of one who has bought", sale, refgrow.ReferralDirect, jane.ID)
	set(sale, refgrow.UpdateReferralParams{AffiliateID: refgrow.Clear[int64]()})
	p.Update(signup, to(joe))
	is("a move", sale, refgrow.ReferralDirect, 0)
	p.Update(sale, to(joe))
	is("the sale", sale, refgrow.ReferralConverted, joe.ID)

	decided := lost(refgrow.Purchase, "dora")
	set(decided, refgrow.UpdateReferralParams{Status: new(refgrow.ReferralPending)})
	p.Update(decided, to(jane))
	is("the sale of one whose status was set", decided, refgrow.ReferralPending, jane.ID)
}

// A conversion that was moved to an affiliate before lost sales were priced stays without
// a price when it moves on.
func TestMovingOnWithoutAPrice(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	lost := p.Record(refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: money.MustParse("5.00 USD")})
	p.Update(lost, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID), Value: new(money.MustParse("0 USD"))})
	p.Exec("UPDATE refgrow_conversions SET commission_reason = 'unattributed'")
	got := p.Update(lost, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	if !got.Value.IsZero() || p.decision(got).CommissionReason != refgrow.CommissionUnattributed {
		t.Errorf("it is %+v, with the decision %+v", got, p.decision(got))
	}
	p.Verify()
}

// What moves no money leaves the accounts alone, and makes none.
func TestEditsThatMoveNoMoney(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	sale := p.cents(jane, 100)
	free := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: joe.ID, Currency: money.EUR})
	p.Exec("DELETE FROM refgrow_accounts WHERE affiliate_id = ?", joe.ID)
	before := p.rows("SELECT * FROM refgrow_accounts")
	p.Clock.Advance(time.Hour)
	p.Update(sale, refgrow.UpdateConversionParams{
		Reference: refgrow.Set("r1"), BaseValue: refgrow.Set(money.MustParse("20.00 USD")),
	})
	p.Update(free, refgrow.UpdateConversionParams{Paid: new(true), CouponCode: refgrow.Set("SAVE")})
	if after := p.rows("SELECT * FROM refgrow_accounts"); !slices.Equal(after, before) {
		t.Errorf("the accounts were\n%s\nand are\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
}

// A payout that takes as much of a conversion at one time as it gives at another has
// nothing of it: the conversion may move, while the payout is pending and when it is
// paid, however many earlier payouts of it were returned.
func TestMovingWhatAPayoutHasNothingOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		paid     bool
		returned int
	}{{false, 1}, {true, 1}, {false, 2}, {true, 2}} {
		p := inOwnFile(t, refgrow.Settings{HoldDays: 1})
		jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
		run := func() refgrow.Payout {
			t.Helper()
			p.Clock.Advance(48 * time.Hour)
			made := p.run(refgrow.PayoutRunParams{})
			if len(made) != 1 {
				t.Fatalf("the run made %+v", made)
			}
			return made[0]
		}
		sale := p.cents(jane, 1000)
		for range c.returned {
			first := run()
			p.pay(first)
			p.Clock.Advance(time.Hour)
			_, err := p.Shop.ReturnPayout(t.Context(), first.ID, refgrow.ReturnPayoutParams{Note: "unclaimed"})
			p.OK(err)
		}
		second := run()
		p.Update(sale, refgrow.UpdateConversionParams{Value: new(money.MustParse("0 USD"))})
		p.Update(sale, refgrow.UpdateConversionParams{Value: new(money.MustParse("10.00 USD"))})
		p.adjust(jane, "3.00 USD")
		third := run()
		if n := p.Count(`SELECT COUNT(*) FROM refgrow_payout_entries r JOIN refgrow_ledger_entries e ON e.id = r.entry_id
			WHERE r.payout_id = ? AND e.conversion_id = ?`, third.ID, sale.ID); n < 2 || third.Amount.String() != "3.00 USD" {
			t.Fatalf("the last payout is %+v, with %d entries of the sale", third, n)
		}
		p.Refused("while another payout has all of it",
			p.edit(sale, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)}), refgrow.ErrConflict, "affiliate_id")
		_, err := p.Shop.CancelPayout(t.Context(), second.ID)
		p.OK(err)
		if c.paid {
			p.pay(third)
		}
		p.Update(sale, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
		if b := p.Earnings(joe)[0]; b.Total != money.MustParse("10.00 USD") {
			t.Errorf("the balance is %+v", b)
		}
		p.Verify()
	}
}
