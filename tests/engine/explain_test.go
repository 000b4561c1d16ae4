package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// Every conversion can be explained in words that can be sent to whoever asks.
func TestExplainConversion(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("8.2"), HoldDays: 30})
	jane, joe := p.Affiliate("JANE"), p.Affiliate("JOE")
	p.Coupon(refgrow.CreateCouponParams{AffiliateID: joe.ID, Code: "SAVE"})
	base := money.MustParse("102.50 USD")
	purchase := func(change func(*refgrow.RecordConversionParams)) *refgrow.Conversion {
		params := refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: base}
		change(&params)
		return p.Record(params)
	}
	explained := func(what string, c *refgrow.Conversion, want ...string) *refgrow.Explanation {
		t.Helper()
		e, err := p.Shop.ExplainConversion(t.Context(), c.ID)
		p.OK(err)
		for _, part := range want {
			if !strings.Contains(e.Sentence, part) {
				t.Errorf("%s: the sentence lacks %q:\n%s", what, part, e.Sentence)
			}
		}
		if strings.Contains(e.Sentence, "@") || strings.Contains(e.Sentence, "  ") || !strings.HasSuffix(e.Sentence, ".") {
			t.Errorf("%s: the sentence is %s", what, e.Sentence)
		}
		return e
	}

	byCode := purchase(func(c *refgrow.RecordConversionParams) {
		c.ReferralCode, c.Customer = "jane", refgrow.Customer{Email: "carl@example.com"}
	})
	e := explained("by a code", byCode,
		"Conversion 1, a purchase of 102.50 USD on 2026-01-", "is credited to affiliate JANE, because the customer came through the code jane.",
		"It earned 8.41 USD by version 1 of the program's rule: 8.2% for life, of 102.50 USD.", "8.41 USD is held until 2026-")
	if c := e.Commission; c.Rule != "8.2% for life" || c.Version != 1 || c.Scope != "project" || c.Inputs.Rate != "8.2%" ||
		c.Inputs.BaseValue != base || c.Inputs.Rounding != "half_away_from_zero" || c.Value != byCode.Value ||
		len(e.Entries) != 1 {
		t.Errorf("the explanation is %+v", e)
	}
	explained("the customer's own", purchase(func(c *refgrow.RecordConversionParams) {
		c.CouponCode, c.Customer = "SAVE", refgrow.Customer{Email: "carl@example.com"}
	}), "credited to affiliate JANE, because the customer already belonged to the affiliate.")
	explained("by a coupon", purchase(func(c *refgrow.RecordConversionParams) { c.CouponCode = "save" }),
		"credited to affiliate JOE, because the customer used the coupon save.")
	explained("by the call", purchase(func(c *refgrow.RecordConversionParams) { c.AffiliateID = joe.ID }),
		"because the call that recorded it named the affiliate.")
	explained("by nothing", purchase(func(*refgrow.RecordConversionParams) {}),
		"is credited to nobody, because nothing named an affiliate who could be credited. So it earned nothing.")
	explained("an unknown code", purchase(func(c *refgrow.RecordConversionParams) { c.ReferralCode = "stale" }),
		"credited to nobody, because the code stale leads to no affiliate.")
	explained("several unknown codes", purchase(func(c *refgrow.RecordConversionParams) {
		c.ReferralCode, c.CouponCode = "newer.older", "none"
	}), "credited to nobody, because the code newer leads to no affiliate.")
	explained("several codes", purchase(func(c *refgrow.RecordConversionParams) { c.ReferralCode = "stale.jane.JOE" }),
		"credited to affiliate JANE, because the customer came through the code jane.")
	self := func(c *refgrow.RecordConversionParams) {
		c.ReferralCode, c.Customer = "joe", refgrow.Customer{Email: "Joe+me@example.com"}
	}
	explained("a self-referral", purchase(self), "credited to nobody, because customer and affiliate look like the same person.")
	p.set(refgrow.UpdateSettingsParams{SelfReferral: new(refgrow.SelfReferralFlag)})
	explained("a flagged one", purchase(self), "credited to affiliate JOE", "Customer and affiliate look like the same person, which was noted.")
	_, err := p.Shop.UpdateAffiliate(t.Context(), joe.ID, refgrow.UpdateAffiliateParams{
		Status: new(refgrow.AffiliateInactive),
	})
	p.OK(err)
	explained("an inactive one", purchase(func(c *refgrow.RecordConversionParams) { c.ReferralCode = "JOE" }),
		"credited to nobody, because the affiliate was inactive.")

	given := purchase(func(c *refgrow.RecordConversionParams) {
		c.AffiliateID, c.Value = jane.ID, money.MustParse("9.00 USD")
	})
	e = explained("a given value", given, "Its commission of 9.00 USD was given, which wins over any rule.")
	if e.Commission.Rule != "" || e.Commission.Reason != refgrow.CommissionGiven {
		t.Errorf("the commission is %+v", e.Commission)
	}
	p.Update(given, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	e = explained("moved", given, "credited to affiliate JOE, because the owner of the program decided so afterwards.")
	if len(e.Entries) != 3 {
		t.Errorf("the entries are %+v", e.Entries)
	}
	explained("an email for a code", purchase(func(c *refgrow.RecordConversionParams) { c.ReferralCode = "carl@example.com" }),
		"because the code that was sent leads to no affiliate.")
	p.Update(given, refgrow.UpdateConversionParams{AffiliateID: refgrow.Clear[int64]()})
	explained("moved away", given, "credited to nobody, because the owner of the program decided so afterwards. Its commission of 9.00 USD was given, which wins over any rule. It is not owed to anyone unless an affiliate is credited.")

	signup := func(code string, c refgrow.Customer) *refgrow.Conversion {
		return p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, ReferralCode: code, Customer: c})
	}
	lost := signup("stale", refgrow.Customer{ExternalID: "lost"})
	signup("other", refgrow.Customer{ExternalID: "lost"})
	explained("lost twice", lost, "credited to nobody, because the code stale leads to no affiliate.")
	p.OK(p.Shop.ClaimSignup(t.Context(), "claimed@example.com", "jane"))
	came := signup("JANE", refgrow.Customer{ExternalID: "came"})
	signup("", refgrow.Customer{ExternalID: "came", Email: "claimed@example.com"})
	explained("claimed for a repeated signup", came, "because the customer came through the code JANE.")
	signup("stale", refgrow.Customer{ExternalID: "twice"})
	told := signup("jane", refgrow.Customer{ExternalID: "twice"})
	explained("a repeated signup", told, "is credited to affiliate JANE, because the signup was told again, and the "+
		"customer came through the code jane. ")
	p.Update(told, refgrow.UpdateConversionParams{AffiliateID: refgrow.Clear[int64]()})
	explained("moved away", told, "credited to nobody, because the owner of the program decided so afterwards.")
	other := signup("", refgrow.Customer{Email: "other@example.com"})
	e = explained("another's name", p.Record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"),
		Customer: refgrow.Customer{ExternalID: "twice", Email: "other@example.com"},
	}), fmt.Sprintf("The email that was sent belongs to another customer, %d, and stays there. ", other.ReferredUserID))
	if want := (refgrow.Note{
		Code: refgrow.NoteCustomerConflict, Field: "email", ReferredUserID: other.ReferredUserID,
	}); len(e.Decision.Notes) != 1 || e.Decision.Notes[0] != want {
		t.Errorf("the notes are %+v", e.Decision.Notes)
	}

	p.set(refgrow.UpdateSettingsParams{
		Commission: new(refgrow.Fixed(money.MustParse("5.00 USD"))), CommissionDuration: new(refgrow.Months(12)),
	})
	ofEve := func(c *refgrow.RecordConversionParams) {
		c.AffiliateID, c.Customer = jane.ID, refgrow.Customer{ExternalID: "eve"}
	}
	explained("a fixed amount", purchase(ofEve), "It earned 5.00 USD by version 2 of the program's rule: 5.00 USD for 12 months.")
	explained("in another currency", purchase(func(c *refgrow.RecordConversionParams) {
		c.AffiliateID, c.BaseValue = jane.ID, money.MustParse("10.00 EUR")
	}), "It earned nothing, because version 2 of the program's rule, 5.00 USD for 12 months, is for sales in USD only, and this one was in EUR.")
	p.Clock.Advance(366 * 24 * time.Hour)
	over := explained("beyond the months", purchase(ofEve),
		"It earned nothing, because version 2 of the program's rule, 5.00 USD for 12 months, was over for this customer, whose first purchase was on 2026-01-")
	if over.Commission.Inputs.FirstPurchaseAt == nil || over.Commission.Value != money.MustParse("0 USD") {
		t.Errorf("the commission is %+v", over.Commission)
	}
	p.rule(refgrow.CreateRuleParams{
		AffiliateID: jane.ID, Commission: refgrow.Percent("10"), Duration: refgrow.Payments(1),
	})
	explained("beyond the payments", purchase(ofEve), "version 1 of the affiliate's own rule, 10% for 1 payment, was used up for this customer by another payment.")
	p.Clock.Advance(time.Hour)
	ofFay := func(c *refgrow.RecordConversionParams) {
		c.AffiliateID, c.Customer = jane.ID, refgrow.Customer{ExternalID: "fay"}
	}
	explained("the one payment", purchase(ofFay), "It earned 10.25 USD")
	late := explained("an earlier one that is told late", purchase(func(c *refgrow.RecordConversionParams) {
		ofFay(c)
		c.OccurredAt = p.Clock.Now().Add(-time.Minute)
	}), "10% for 1 payment, was used up for this customer by another payment.")
	if n := late.Commission.Inputs.OtherPayments; n == nil || *n != 1 {
		t.Errorf("the other payments are %v", n)
	}
	p.rule(refgrow.CreateRuleParams{
		AffiliateID: jane.ID, Product: "pro", Commission: refgrow.Percent("50"), Duration: refgrow.FirstPurchase,
	})
	explained("beyond the first", purchase(func(c *refgrow.RecordConversionParams) { ofEve(c); c.Product = "pro" }),
		"version 1 of the affiliate's own rule for the product, 50% for the first purchase, was over for this customer, who had bought before.")
	unknown := purchase(func(c *refgrow.RecordConversionParams) { c.AffiliateID, c.Product = jane.ID, "pro" })
	explained("of nobody known", unknown, "It earned 51.25 USD", "The customer is not known, so it counts as a first purchase.")

	p.Clock.Advance(31 * 24 * time.Hour)
	explained("after the hold", unknown, "51.25 USD has been available for payout since 2027-")
	p.refund(unknown, "1.03 USD")
	explained("refunded in part", unknown, "1.03 USD of the sale was refunded, which took back 0.52 USD. 50.73 USD has been available")
	pending := p.run(refgrow.PayoutRunParams{})[0]
	e = explained("in a payout", unknown, fmt.Sprintf("50.73 USD of it is in payout %d, which is pending.", pending.ID))
	if strings.Contains(e.Sentence, "available") {
		t.Errorf("what a payout reserves is said to be available: %s", e.Sentence)
	}
	p.pay(pending)
	explained("paid", unknown, "50.73 USD of it was paid out.")
	p.refund(unknown, "")
	explained("refunded after that", unknown, "50.73 USD of it was paid out. 50.73 USD more than is due was paid, and is taken from later earnings.")

	free := purchase(func(c *refgrow.RecordConversionParams) {
		c.AffiliateID, c.BaseValue, c.Value = jane.ID, money.MustParse("0 USD"), money.MustParse("3.00 USD")
	})
	p.refund(free, "")
	explained("a free one, refunded", free, "It was refunded, which took back 3.00 USD.")

	_, err = p.Shop.ExplainConversion(t.Context(), 9999)
	p.Refused("no conversion", err, refgrow.ErrNotFound, "")
	p.Verify()
}

// A sale that was told or credited late is explained by the rule of its own day.
func TestExplainLateSales(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	jane, joe := p.Affiliate("JANE"), p.Affiliate("JOE")
	first := p.Clock.Now()
	p.Clock.Advance(10 * 24 * time.Hour)
	p.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("30"))})
	own := p.rule(refgrow.CreateRuleParams{AffiliateID: joe.ID, Commission: refgrow.Percent("50")})
	p.Clock.Advance(10 * 24 * time.Hour)
	p.OK(p.Shop.DeleteRule(t.Context(), own.ID))
	p.Clock.Advance(10 * 24 * time.Hour)
	sale := func(at time.Time, code string) *refgrow.Conversion {
		return p.Record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: money.MustParse("100.00 USD"), OccurredAt: at, ReferralCode: code,
			Customer: refgrow.Customer{Email: "Joe+shop@example.com"},
		})
	}
	explained := func(c *refgrow.Conversion, want ...string) {
		t.Helper()
		e, err := p.Shop.ExplainConversion(t.Context(), c.ID)
		p.OK(err)
		for _, part := range want {
			if !strings.Contains(e.Sentence, part) {
				t.Errorf("the sentence lacks %q:\n%s", part, e.Sentence)
			}
		}
	}
	lost := sale(first.Add(time.Hour), "JNAE")
	explained(lost, "because the code JNAE leads to no affiliate. So it earned nothing.")
	p.Update(lost, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
	explained(lost, "is credited to affiliate JANE, because the owner of the program decided so afterwards.",
		"It earned 20.00 USD by version 1 of the program's rule, which was in force on that day: 20% for life, of 100.00 USD.")
	explained(sale(first.Add(-time.Hour), "jane"), "by version 1 of the program's rule, the first there is: 20% for life")
	explained(sale(first.Add(25*24*time.Hour), "jane"), "It earned 30.00 USD by version 2 of the program's rule: 30% for life")
	own2 := sale(first.Add(15*24*time.Hour), "")
	p.Update(own2, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID), Reprice: true})
	explained(own2, "is credited to affiliate JOE", "Customer and affiliate look like the same person, which was noted.",
		"It earned 50.00 USD by version 1 of the affiliate's own rule, which was in force on that day: 50% for life")
	p.Update(own2, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)})
	explained(own2, "It earned 50.00 USD by version 1 of the rule of the affiliate who was credited then, which was in force")
	p.Update(own2, refgrow.UpdateConversionParams{Reprice: true})
	explained(own2, "It earned 30.00 USD by version 2 of the program's rule: 30% for life")
	p.Verify()
}

// A conversion that was moved to an affiliate before lost sales were priced has none.
func TestExplainWithoutAPrice(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20")})
	jane := p.Affiliate("JANE")
	lost := p.Record(refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: money.MustParse("5.00 USD")})
	p.Update(lost, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID), Value: new(money.MustParse("0 USD"))})
	p.Exec("UPDATE refgrow_conversions SET commission_reason = 'unattributed'")
	e, err := p.Shop.ExplainConversion(t.Context(), lost.ID)
	p.OK(err)
	if want := "It was recorded for nobody, and has no price yet: it earns nothing unless it is priced."; !strings.Contains(
		e.Sentence, want) {
		t.Error(e.Sentence)
	}
	p.Verify()
	got := p.Update(lost, refgrow.UpdateConversionParams{Reprice: true})
	if got.Value != money.MustParse("1.00 USD") {
		t.Errorf("its price is %v", got.Value)
	}
	p.Verify()
}

// A month that is over never changes, whatever happens later.
func TestStatement(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 10})
	jane := p.Affiliate("jane")
	p.Clock.Set(time.Date(2026, 9, 30, 23, 59, 59, 999e6, time.UTC))
	p.sell(jane, "")
	p.Clock.Set(time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC))
	sale, other := p.sell(jane, "carl"), p.sell(jane, "dora")
	_, err := p.Shop.CreateAdjustment(t.Context(), refgrow.CreateAdjustmentParams{
		AffiliateID: jane.ID, Amount: money.MustParse("5.00 EUR"), Note: "=HYPERLINK, \"bonus\"",
	})
	p.OK(err)
	p.Clock.Set(time.Date(2026, 10, 31, 23, 59, 59, 0, time.UTC))
	p.refund(sale, "10.00 USD")

	statement := func(month time.Month) (*refgrow.Statement, string) {
		t.Helper()
		s, err := p.Shop.Statement(t.Context(), jane.ID, 2026, month)
		p.OK(err)
		var csv bytes.Buffer
		p.OK(p.Shop.WriteStatementCSV(t.Context(), &csv, s))
		text, err := json.Marshal(s)
		p.OK(err)
		return s, csv.String() + string(text)
	}
	if open, _ := statement(time.October); open.Closed || open.LastEntryID != 5 {
		t.Errorf("before the month is over it is %+v", open)
	}
	_, err = p.Shop.Statement(t.Context(), jane.ID, 2026, time.November)
	p.Refused("a month to come", err, refgrow.ErrInvalid, "month")
	p.Clock.Set(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	closed, before := statement(time.October)
	if !closed.Closed || closed.LastEntryID != 5 {
		t.Errorf("the statement is %+v", closed)
	}
	want := `id,created_at,kind,amount,currency,total,paid,held,eligible,available_at,conversion_id,payout_id,note
,2026-10-01T00:00:00.000Z,opening,,USD,20.00,0.00,20.00,0.00,,,,
,2026-10-01T00:00:00.000Z,opening,,EUR,0.00,0.00,0.00,0.00,,,,
2,2026-10-01T00:00:00.000Z,commission,20.00,USD,20.00,0.00,20.00,0.00,2026-10-11T00:00:00.000Z,2,,
3,2026-10-01T00:00:00.000Z,commission,20.00,USD,20.00,0.00,20.00,0.00,2026-10-11T00:00:00.000Z,3,,
4,2026-10-01T00:00:00.000Z,adjustment,5.00,EUR,5.00,0.00,0.00,5.00,2026-10-01T00:00:00.000Z,,,"'=HYPERLINK, ""bonus"""
5,2026-10-31T23:59:59.000Z,reversal,-2.00,USD,-2.00,0.00,0.00,-2.00,2026-10-11T00:00:00.000Z,2,,sent back
,2026-11-01T00:00:00.000Z,release,60.00,USD,0.00,0.00,-60.00,60.00,,,,
,2026-11-01T00:00:00.000Z,closing,,USD,58.00,0.00,0.00,58.00,,,,
,2026-11-01T00:00:00.000Z,closing,,EUR,5.00,0.00,0.00,5.00,,,,
`
	if csv, _, _ := strings.Cut(before, "{"); csv != want {
		t.Errorf("the CSV is\n%s\nbut should be\n%s", csv, want)
	}

	for what, change := range map[string]func(){
		"a clock that goes back": func() { p.Clock.Set(time.Date(2026, 10, 15, 0, 0, 0, 0, time.UTC)); p.sell(jane, "late") },
		"a refund":               func() { p.refund(sale, "") },
		"a deletion":             func() { p.OK(p.Shop.DeleteConversion(t.Context(), other.ID)) },
		"a rule": func() {
			p.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("1")), HoldDays: new(0)})
		},
		"another name": func() {
			_, err := p.Shop.UpdateAffiliate(t.Context(), jane.ID, refgrow.UpdateAffiliateParams{
				Email: new("june@example.com"), ReferralCode: new("june"),
			})
			p.OK(err)
		},
		"a payout": func() {
			p.Clock.Set(time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC))
			for _, payout := range p.run(refgrow.PayoutRunParams{Currency: "EUR"}) {
				p.pay(payout)
			}
		},
	} {
		change()
		if _, after := statement(time.October); after != before {
			t.Errorf("after %s the statement is\n%s\nbut was\n%s", what, after, before)
		}
	}
	if empty, _ := statement(time.March); !empty.Closed || empty.LastEntryID != 0 {
		t.Errorf("a month without entries is %+v", empty)
	}
	_, err = p.Shop.Statement(t.Context(), jane.ID, 2026, 13)
	p.Refused("a thirteenth month", err, refgrow.ErrInvalid, "month")
	_, err = p.Shop.Statement(t.Context(), 99, 2026, time.October)
	p.Refused("nobody's", err, refgrow.ErrNotFound, "")
	p.Verify()
}
