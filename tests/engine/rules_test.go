package engine_test

import (
	"errors"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// sell records a purchase of 100.00 USD by a customer, "" for an unknown one.
func (p *program) sell(
	a *refgrow.Affiliate, customer string, change ...func(*refgrow.RecordConversionParams),
) *refgrow.Conversion {
	p.Helper()
	params := refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: a.ID, BaseValue: money.MustParse("100.00 USD"),
		Customer: refgrow.Customer{ExternalID: customer},
	}
	for _, c := range change {
		c(&params)
	}
	return p.Record(params)
}

func (p *program) set(params refgrow.UpdateSettingsParams) {
	p.Helper()
	_, err := p.Shop.UpdateSettings(p.Context(), params)
	p.OK(err)
}

func (p *program) rule(params refgrow.CreateRuleParams) *refgrow.Rule {
	p.Helper()
	rule, err := p.Shop.CreateRule(p.Context(), params)
	p.OK(err)
	return rule
}

// earned checks what a conversion earned, and why.
func (p *program) earned(what string, c *refgrow.Conversion, value string, reason refgrow.CommissionReason) {
	p.Helper()
	if d := p.decision(c); c.Value != money.MustParse(value) || d.CommissionReason != reason {
		p.Errorf("%s earned %v (%s), but should have earned %s (%s)", what, c.Value, d.CommissionReason, value, reason)
	}
}

func of(product string) func(*refgrow.RecordConversionParams) {
	return func(p *refgrow.RecordConversionParams) { p.Product = product }
}

func at(t time.Time) func(*refgrow.RecordConversionParams) {
	return func(p *refgrow.RecordConversionParams) { p.OccurredAt = t }
}

func TestFirstPurchaseOnly(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), CommissionDuration: refgrow.FirstPurchase})
	jane := p.Affiliate("jane")
	_, err := p.Shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: jane.ID, Customer: refgrow.Customer{ExternalID: "carl"},
	})
	p.OK(err)
	first := p.sell(jane, "carl")
	p.earned("the first purchase", first, "20.00 USD", refgrow.CommissionByRule)
	p.earned("one at the same instant", p.sell(jane, "carl"), "0 USD", refgrow.CommissionBeyondDuration)
	p.Clock.Advance(time.Hour)
	p.earned("the next one", p.sell(jane, "carl"), "0 USD", refgrow.CommissionBeyondDuration)
	p.earned("another customer's", p.sell(jane, "dora"), "20.00 USD", refgrow.CommissionByRule)
	p.earned("one by an unknown customer", p.sell(jane, ""), "20.00 USD", refgrow.CommissionCustomerUnknown)
	p.earned("an earlier one that comes late", p.sell(jane, "carl", at(p.Clock.Now().Add(-48*time.Hour))), "20.00 USD",
		refgrow.CommissionByRule)

	// A refunded purchase still was the first one; one that was deleted was not.
	dora := p.sell(jane, "eve")
	_, err = p.Shop.RefundConversion(t.Context(), dora.ID, refgrow.RefundConversionParams{})
	p.OK(err)
	p.Clock.Advance(time.Hour)
	p.earned("one after a refunded one", p.sell(jane, "eve"), "0 USD", refgrow.CommissionBeyondDuration)
	only := p.sell(jane, "fred")
	p.OK(p.Shop.DeleteConversion(t.Context(), only.ID))
	p.Clock.Advance(time.Hour)
	p.earned("one after a deleted one", p.sell(jane, "fred"), "20.00 USD", refgrow.CommissionByRule)
	p.Verify()
}

func TestMonths(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), CommissionDuration: refgrow.Months(1)})
	jane := p.Affiliate("jane")
	for _, c := range []struct{ customer, first, last, over string }{
		{"a month with the day", "2026-03-15T10:30:00.000Z", "2026-04-15T10:29:59.999Z", "2026-04-15T10:30:00.000Z"},
		{"the end of January", "2026-01-31T12:00:00.000Z", "2026-02-28T11:59:59.999Z", "2026-02-28T12:00:00.000Z"},
		{"the end of the year", "2026-12-31T23:59:59.999Z", "2027-01-31T23:59:59.998Z", "2027-01-31T23:59:59.999Z"},
		{"the end of January in a leap year", "2028-01-31T12:00:00.000Z", "2028-02-29T11:59:59.999Z",
			"2028-02-29T12:00:00.000Z"},
	} {
		for _, sale := range []struct {
			at, value string
			reason    refgrow.CommissionReason
		}{
			{c.first, "20.00 USD", refgrow.CommissionByRule},
			{c.last, "20.00 USD", refgrow.CommissionByRule},
			{c.over, "0 USD", refgrow.CommissionBeyondDuration},
		} {
			when, err := time.Parse(time.RFC3339Nano, sale.at)
			p.OK(err)
			p.Clock.Set(when)
			p.earned(c.customer+" at "+sale.at, p.sell(jane, c.customer), sale.value, sale.reason)
		}
		p.earned("one before all others", p.sell(jane, c.customer, at(p.Clock.Now().AddDate(-1, 0, 0))), "20.00 USD",
			refgrow.CommissionByRule)
	}
	p.earned("one by an unknown customer", p.sell(jane, ""), "20.00 USD", refgrow.CommissionCustomerUnknown)
	p.Verify()
}

func TestPayments(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), CommissionDuration: refgrow.Payments(2)})
	jane := p.Affiliate("jane")
	free := func(params *refgrow.RecordConversionParams) { params.Value = money.MustParse("0 USD") }
	p.earned("one that earns nothing", p.sell(jane, "carl", free), "0 USD", refgrow.CommissionGiven)
	p.earned("the first payment", p.sell(jane, "carl"), "20.00 USD", refgrow.CommissionByRule)
	second := p.sell(jane, "carl")
	p.earned("the second payment", second, "20.00 USD", refgrow.CommissionByRule)
	p.earned("the third", p.sell(jane, "carl"), "0 USD", refgrow.CommissionBeyondDuration)
	p.OK(p.Shop.DeleteConversion(t.Context(), second.ID))
	p.earned("one after a payment was deleted", p.sell(jane, "carl"), "20.00 USD", refgrow.CommissionByRule)
	p.earned("one beyond", p.sell(jane, "carl"), "0 USD", refgrow.CommissionBeyondDuration)
	given := func(params *refgrow.RecordConversionParams) { params.Value = money.MustParse("7.00 USD") }
	p.earned("a given one beyond", p.sell(jane, "carl", given), "7.00 USD", refgrow.CommissionGiven)
	p.earned("one by an unknown customer", p.sell(jane, ""), "20.00 USD", refgrow.CommissionCustomerUnknown)
	p.Verify()
}

// The most specific rule wins: affiliate and product, then affiliate, then
// product, then the project's.
func TestOverrides(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{
		Commission: refgrow.Percent("10"), SignupCommission: refgrow.Fixed(money.MustParse("1.00 USD")),
	})
	jane, joe := p.Affiliate("jane"), p.Affiliate("joe")
	sales := func(what string, janePro, janeOther, joePro, joeOther string) {
		t.Helper()
		p.earned(what+": Jane's, the product", p.sell(jane, "carl", of("pro")), janePro, refgrow.CommissionByRule)
		p.earned(what+": Jane's, another product", p.sell(jane, "carl", of("Pro")), janeOther, refgrow.CommissionByRule)
		p.earned(what+": Jane's, without a product", p.sell(jane, "carl"), janeOther, refgrow.CommissionByRule)
		p.earned(what+": Joe's, the product", p.sell(joe, "dora", of("pro")), joePro, refgrow.CommissionByRule)
		p.earned(what+": Joe's, without a product", p.sell(joe, "dora"), joeOther, refgrow.CommissionByRule)
		signup := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: jane.ID, Product: "pro"})
		p.earned(what+": a signup", signup, "1.00 USD", refgrow.CommissionByRule)
		p.Verify()
	}
	sales("no override", "10.00 USD", "10.00 USD", "10.00 USD", "10.00 USD")
	product := p.rule(refgrow.CreateRuleParams{Product: "pro", Commission: refgrow.Percent("20")})
	sales("the product's", "20.00 USD", "10.00 USD", "20.00 USD", "10.00 USD")
	own := p.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent("30")})
	sales("Jane's and the product's", "30.00 USD", "30.00 USD", "20.00 USD", "10.00 USD")
	both := p.rule(refgrow.CreateRuleParams{
		AffiliateID: jane.ID, Product: "pro", Commission: refgrow.Fixed(money.MustParse("4.00 USD")),
	})
	sales("all three", "4.00 USD", "30.00 USD", "20.00 USD", "10.00 USD")

	changed := p.rule(refgrow.CreateRuleParams{
		AffiliateID: jane.ID, Commission: refgrow.Percent("31"), Duration: "1 month",
	})
	if changed.Version != own.Version+1 || changed.ID == own.ID || changed.Duration != "1 month" {
		t.Errorf("the next version of %+v is %+v", own, changed)
	}
	same := p.rule(refgrow.CreateRuleParams{
		AffiliateID: jane.ID, Commission: refgrow.Percent("31.0"), Duration: refgrow.Months(1),
	})
	if *same != *changed {
		t.Errorf("a rule that pays the same is %+v, but was %+v", same, changed)
	}
	sales("Jane's in its second version", "4.00 USD", "31.00 USD", "20.00 USD", "10.00 USD")

	listed := make([]int64, 0, 3)
	for rule, err := range p.Shop.AllRules(t.Context(), refgrow.ListRulesParams{Limit: 2}) {
		p.OK(err)
		listed = append(listed, rule.ID)
	}
	if want := []int64{changed.ID, both.ID, product.ID}; !slices.Equal(listed, want) {
		t.Errorf("the rules in force are %v, but should be %v", listed, want)
	}
	for what, c := range map[string]struct {
		params refgrow.ListRulesParams
		want   int64
	}{
		"Jane's":        {refgrow.ListRulesParams{AffiliateID: jane.ID}, 2},
		"the product's": {refgrow.ListRulesParams{Product: "pro"}, 2},
		"both":          {refgrow.ListRulesParams{AffiliateID: jane.ID, Product: "pro"}, 1},
		"all":           {refgrow.ListRulesParams{}, 3},
	} {
		page, err := p.Shop.ListRules(t.Context(), c.params)
		p.OK(err)
		if n, err := p.Shop.CountRules(t.Context(), c.params); err != nil || n != c.want || int64(len(page.Items)) != c.want {
			t.Errorf("%s: there are %d, and %d are listed (%v)", what, n, len(page.Items), err)
		}
	}

	for _, id := range []int64{both.ID, changed.ID} {
		p.OK(p.Shop.DeleteRule(t.Context(), id))
		p.Refused("ending a rule twice", p.Shop.DeleteRule(t.Context(), id), refgrow.ErrNotFound, "")
		_, err := p.Shop.GetRule(t.Context(), id)
		p.Refused("a rule that was ended", err, refgrow.ErrNotFound, "")
	}
	p.Refused("ending the first version", p.Shop.DeleteRule(t.Context(), own.ID), refgrow.ErrNotFound, "")
	sales("without Jane's", "20.00 USD", "10.00 USD", "20.00 USD", "10.00 USD")
	again := p.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent("31")})
	if again.Version != 3 {
		t.Errorf("after two versions comes %+v", again)
	}
	sales("Jane's again", "31.00 USD", "31.00 USD", "20.00 USD", "10.00 USD")

	// What the program owner moves away keeps its price, even when the affiliate goes.
	moved := p.sell(jane, "carl")
	p.Update(moved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	p.OK(p.Shop.DeleteAffiliate(t.Context(), jane.ID))
	explained, err := p.Shop.ExplainConversion(t.Context(), moved.ID)
	if err != nil || explained.Commission.Rule != "31% for life" ||
		explained.Commission.Value != money.MustParse("31.00 USD") {
		t.Errorf("the explanation is %+v (%v)", explained, err)
	}
	if n, err := p.Shop.CountRules(t.Context(), refgrow.ListRulesParams{}); err != nil || n != 1 {
		t.Errorf("there are %d overrides (%v)", n, err)
	}
	p.Verify()
}

func TestRefusedRules(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.Affiliate("jane")
	other, err := p.Engine.CreateProject(t.Context(), "other", refgrow.Settings{})
	p.OK(err)
	stranger, err := other.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{Email: "stranger@example.com"})
	p.OK(err)
	theirs, err := other.CreateRule(t.Context(), refgrow.CreateRuleParams{AffiliateID: stranger.ID})
	p.OK(err)
	twenty := refgrow.Percent("20")
	for what, c := range map[string]struct {
		params refgrow.CreateRuleParams
		kind   error
		field  string
	}{
		"neither":              {refgrow.CreateRuleParams{Commission: twenty}, refgrow.ErrInvalid, "affiliate_id"},
		"an unknown affiliate": {refgrow.CreateRuleParams{AffiliateID: 99, Commission: twenty}, refgrow.ErrNotFound, ""},
		"another project's": {
			refgrow.CreateRuleParams{AffiliateID: stranger.ID, Commission: twenty}, refgrow.ErrNotFound, "",
		},
		"a negative id": {
			refgrow.CreateRuleParams{AffiliateID: -1, Commission: twenty}, refgrow.ErrInvalid, "affiliate_id",
		},
		"over 100 %": {
			refgrow.CreateRuleParams{Product: "pro", Commission: refgrow.Percent("100.0001")},
			refgrow.ErrInvalid, "commission",
		},
		"five decimals": {
			refgrow.CreateRuleParams{Product: "pro", Commission: refgrow.Percent("8.20001")},
			refgrow.ErrInvalid, "commission",
		},
		"a negative amount": {
			refgrow.CreateRuleParams{Product: "pro", Commission: refgrow.Fixed(money.MustParse("-1.00 USD"))},
			refgrow.ErrInvalid, "commission",
		},
		"no months": {
			refgrow.CreateRuleParams{Product: "pro", Duration: refgrow.Months(0)},
			refgrow.ErrInvalid, "commission_duration",
		},
		"too many payments": {
			refgrow.CreateRuleParams{Product: "pro", Duration: refgrow.Payments(1201)},
			refgrow.ErrInvalid, "commission_duration",
		},
		"no duration": {
			refgrow.CreateRuleParams{Product: "pro", Duration: "a while"}, refgrow.ErrInvalid, "commission_duration",
		},
		"a zero before it": {
			refgrow.CreateRuleParams{Product: "pro", Duration: "06 payments"}, refgrow.ErrInvalid, "commission_duration",
		},
		"a control character": {refgrow.CreateRuleParams{Product: "p\nro"}, refgrow.ErrInvalid, "product"},
	} {
		_, err := p.Shop.CreateRule(t.Context(), c.params)
		p.Refused(what, err, c.kind, c.field)
	}
	p.Refused("ending another project's", p.Shop.DeleteRule(t.Context(), theirs.ID), refgrow.ErrNotFound, "")
	p.Refused("ending the project's own", p.Shop.DeleteRule(t.Context(), 1), refgrow.ErrNotFound, "")
	none := refgrow.UpdateSettingsParams{CommissionDuration: new(refgrow.CommissionDuration("0 months"))}
	if _, err := p.Shop.UpdateSettings(t.Context(), none); err == nil {
		t.Error("0 months are a duration")
	}
	if n, err := p.Shop.CountRules(t.Context(), refgrow.ListRulesParams{}); err != nil || n != 0 {
		t.Errorf("%d rules were made (%v)", n, err)
	}
	p.earned("a sale", p.sell(jane, "carl"), "0 USD", refgrow.CommissionByRule)
}

// A change of a rule or of the hold changes nothing that was recorded before.
func TestRuleChangesLeaveThePast(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 30})
	jane := p.Affiliate("jane")
	sale := p.sell(jane, "carl", of("pro"))
	p.Clock.Advance(time.Hour)
	before := p.Earnings(jane)
	entries, err := p.Shop.ListLedger(t.Context(), jane.ID, refgrow.ListLedgerParams{})
	p.OK(err)
	p.set(refgrow.UpdateSettingsParams{
		Commission: new(refgrow.Percent("50")), HoldDays: new(0), CommissionDuration: new(refgrow.FirstPurchase),
	})
	p.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Product: "pro", Commission: refgrow.Percent("1")})
	if got := p.found(sale); got.Value != sale.Value || got.AvailableAt != sale.AvailableAt ||
		p.decision(got).RuleVersion != p.decision(sale).RuleVersion {
		t.Errorf("the sale is %+v, but was %+v", got, sale)
	}
	after, err := p.Shop.ListLedger(t.Context(), jane.ID, refgrow.ListLedgerParams{})
	p.OK(err)
	if !slices.Equal(after.Items, entries.Items) {
		t.Errorf("the entries are %+v, but were %+v", after.Items, entries.Items)
	}
	now := p.Earnings(jane)
	if now[0].Held != before[0].Held || *now[0].NextRelease != *before[0].NextRelease {
		t.Errorf("the balance is %+v, but was %+v", now[0], before[0])
	}
	p.Verify()
}

// Fixed amounts follow the project's currency, as long as it can change.
func TestFixedOverridesFollowTheCurrency(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.Affiliate("jane")
	p.rule(refgrow.CreateRuleParams{Product: "pro", Commission: refgrow.Fixed(money.MustParse("4.50 USD"))})
	_, err := p.Shop.UpdateSettings(t.Context(), refgrow.UpdateSettingsParams{Currency: new(money.JPY)})
	p.Refused("a currency without decimals", err, refgrow.ErrInvalid, "currency")
	p.set(refgrow.UpdateSettingsParams{Currency: new(money.Currency("EUR"))})
	sale := p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("10.00 EUR"), Product: "pro",
	})
	p.earned("a sale in the new currency", sale, "4.50 EUR", refgrow.CommissionByRule)
	p.earned("a sale in the old one", p.sell(jane, "carl", of("pro")), "0 USD", refgrow.CommissionOtherCurrency)
	p.Verify()
}

// Every tie among amounts up to 30.00 at rates in tenths of a percent, and some
// that floats are known to get wrong, rounds half away from zero.
func TestCommissionsRoundHalfAwayFromZero(t *testing.T) {
	t.Parallel()
	ties := 0
	for rate := int64(1); rate <= 1000; rate++ {
		for minor := int64(1); minor <= 3000; minor++ {
			if rate*minor%1000 != 500 {
				continue
			}
			ties++
			commission, err := money.RateFromMillionths(rate * 1000)
			if err != nil {
				t.Fatal(err)
			}
			exact := new(big.Rat).Add(big.NewRat(rate*minor, 1000), big.NewRat(1, 2))
			if got := commission.Of(money.New(minor, money.USD)).Minor(); big.NewRat(got, 1).Cmp(exact) != 0 {
				t.Errorf("%d tenths of a percent of %d cents are %d, but should be %s", rate, minor, got, exact)
			}
		}
	}
	if ties < 1000 {
		t.Errorf("there were only %d ties", ties)
	}
	p := inOwnFile(t, refgrow.Settings{})
	jane := p.Affiliate("jane")
	for _, c := range []struct{ rate, base, want string }{
		{"8.2", "102.50 USD", "8.41 USD"},
		{"10", "26.75 USD", "2.68 USD"},   // 2.675
		{"50", "2.01 USD", "1.01 USD"},    // 1.005
		{"33.3", "25.00 USD", "8.33 USD"}, // 8.325
		{"12.5", "1 JPY", "0 JPY"},
		{"50", "1 JPY", "1 JPY"},
		{"50", "0.001 KWD", "0.001 KWD"},
		{"8.2", "102.505 KWD", "8.405 KWD"}, // 8.40541
		{"0.0001", "90000000000000.00 USD", "90000000.00 USD"},
		{"100", "90000000000000.00 USD", "90000000000000.00 USD"},
		{"33.3333", "9000000000000000 JPY", "2999997000000000 JPY"},
		{"99.9999", "89999999999999.99 USD", "89999909999999.99 USD"},
	} {
		p.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent(c.rate))})
		sale := p.Record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse(c.base),
		})
		p.earned(c.rate+" % of "+c.base, sale, c.want, refgrow.CommissionByRule)
	}
	p.Verify()
}

// By a rule that is damaged nothing is priced: the sale is refused, and nothing is written.
func TestDamagedRulesPriceNothing(t *testing.T) {
	t.Parallel()
	for what, damage := range map[string]string{
		"a currency":             "kind = 'fixed', amount = 100, currency = 'dollars'",
		"no number of months":    "duration = 'months', duration_count = 0",
		"a number without units": "duration = 'lifetime', duration_count = 3",
	} {
		p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
		jane := p.Affiliate("jane")
		p.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent("30")})
		p.Exec("UPDATE refgrow_commission_rules SET " + damage + " WHERE affiliate_id IS NOT NULL")
		_, err := p.Shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("100.00 USD"),
		})
		if !errors.Is(err, refgrow.ErrDamaged) {
			t.Errorf("%s: the error is %v", what, err)
		}
		if n := p.Count("SELECT COUNT(*) FROM refgrow_conversions"); n != 0 {
			t.Errorf("%s: %d sales are recorded", what, n)
		}
	}
}
