package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func deletionTests() []test {
	return []test{
		{"a large affiliate", deleteLarge},
		{"interrupted", interruptedDeletion},
		{"finished by the upkeep", finishedByUpkeep},
		{"hidden at once", hiddenAtOnce},
		{"verified meanwhile", verifiedMeanwhile},
		{"payouts", deleteWithPayouts},
		{"many payouts", deleteManyPayouts},
	}
}

// many is more rows than one step of a deletion takes away.
const many = 510

// edited is how many of them have several entries, so that entries and conversions do
// not match one to one.
const edited = 20

// career gives an affiliate conversions, each of another customer, and returns the
// customers.
func (w *world) career(affiliate int64, conversions int) (customers []int64) {
	w.Helper()
	w.ok(w.shop.Atomic(w.Context(), func(p *refgrow.Project) error {
		for n := range conversions {
			c, err := p.RecordConversion(w.Context(), refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: affiliate, BaseValue: money.MustParse("10.00 USD"), Paid: n%2 == 0,
				Customer: refgrow.Customer{ExternalID: fmt.Sprint("u", n)}, Reference: fmt.Sprint("r", n),
			})
			if err != nil {
				return err
			}
			if customers = append(customers, c.ReferredUserID); n >= edited {
				continue
			}
			if err := errOf(p.UpdateConversion(w.Context(), c.ID, refgrow.UpdateConversionParams{
				Value: new(money.MustParse("3.00 USD")),
			})); err != nil {
				return err
			}
		}
		return errOf(p.CreateCoupon(w.Context(), refgrow.CreateCouponParams{
			AffiliateID: affiliate, Code: fmt.Sprint("coupon-", affiliate),
		}))
	}))
	return customers
}

// gone checks that no row names an affiliate.
func (w *world) gone(affiliate int64) {
	w.Helper()
	for _, table := range []string{
		"codes", "coupons", "referrals", "conversions", "ledger_entries", "accounts", "payouts",
	} {
		equal(w, "the rows left in "+table,
			value[int](w, "SELECT COUNT(*) FROM refgrow_"+table+" WHERE affiliate_id = ?1", affiliate), 0)
	}
	equal(w, "the entries of no payout", value[int](w, `SELECT COUNT(*) FROM refgrow_payout_entries
		WHERE payout_id NOT IN (SELECT id FROM refgrow_payouts)
			OR entry_id NOT IN (SELECT id FROM refgrow_ledger_entries)`), 0)
	// Versions of overrides stay, because they explain conversions that were moved
	// away.
	equal(w, "its overrides in force",
		value[int](w,
			"SELECT COUNT(*) FROM refgrow_commission_rules WHERE affiliate_id = ?1 AND ended_at IS NULL", affiliate), 0)
	equal(w, "the row itself", value[int](w, "SELECT COUNT(*) FROM refgrow_affiliates WHERE id = ?1", affiliate), 0)
}

// An affiliate goes completely; what others have remains, without its customers.
func deleteLarge(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{
		ReferralCode: new("JANE2"), PartnerSlug: refgrow.Set("shoes"),
	}))
	customers := w.career(jane.ID, many)
	var others []int64
	for _, customer := range []int64{customers[0], customers[many-1]} {
		c := w.record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: joe.ID, BaseValue: money.MustParse("100.00 USD"),
			Customer: refgrow.Customer{ID: customer},
		})
		others = append(others, c.ID)
	}
	joes := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com", AffiliateID: joe.ID}))
	w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: jane.ID, Customer: refgrow.Customer{ID: joes.ID},
		Value: money.MustParse("7.00 EUR"),
	})
	nobodys := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup})
	w.clock.Advance(time.Minute)
	w.ok(w.shop.DeleteAffiliate(ctx, jane.ID))

	w.gone(jane.ID)
	for _, id := range others {
		c := must(w.shop.GetConversion(ctx, id))
		equal(w, "the other's conversion", [2]int64{c.AffiliateID, c.ReferredUserID}, [2]int64{joe.ID, 0})
	}
	equal(w, "the other's customer", must(w.shop.GetReferral(ctx, joes.ID)).AffiliateID, joe.ID)
	equal(w, "the other's balance", w.balances(joe.ID), "USD total 40.00 paid 0.00 eligible 40.00 held 0.00")
	equal(w, "the other's purchases", must(w.shop.GetAffiliate(ctx, joe.ID)).Purchases, 2)
	equal(w, "nobody's conversion", must(w.shop.GetConversion(ctx, nobodys.ID)).ID, nobodys.ID)
	equal(w, "the count of conversions", must(w.shop.CountConversions(ctx, refgrow.ListConversionsParams{})), 3)
	equal(w, "the count of customers", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 1)
	equal(w, "the count of affiliates", must(w.shop.CountAffiliates(ctx, refgrow.ListAffiliatesParams{})), 1)
	equal(w, "the count of coupons", must(w.shop.CountCoupons(ctx, refgrow.ListCouponsParams{})), 0)
	w.remains(jane.ID, map[string]map[string]string{
		"USD": {"total": "1040.00", "paid": "510.00", "eligible": "530.00", "held": "0.00"},
		"EUR": {"total": "7.00", "paid": "0.00", "eligible": "7.00", "held": "0.00"},
	})
	w.verify()

	// Its email is free again; its codes lead to nobody as long as cookies have them.
	w.another("jane")
	codes := func(email, code, slug string) error {
		return errOf(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
			Email: email, ReferralCode: code, PartnerSlug: slug,
		}))
	}
	for _, code := range []string{"jane", "JANE2", "Shoes"} {
		w.refused("the code "+code, codes("x@example.com", code, ""), refgrow.ErrConflict, "referral_code")
	}
	w.refused("the slug", codes("x@example.com", "", "shoes"), refgrow.ErrConflict, "partner_slug")
	w.clock.Advance(60*24*time.Hour + time.Millisecond)
	w.ok(codes("x@example.com", "jane", "shoes"))
	w.ok(w.engine.Upkeep(ctx))
	w.ok(codes("y@example.com", "jane2", ""))
	must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: "u0"}))
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "r0"})
	w.verify()
}

// remains checks the line that remains of an affiliate.
func (w *world) remains(affiliate int64, want map[string]map[string]string) {
	w.Helper()
	equal(w, "the lines that remain",
		value[int](w, "SELECT COUNT(*) FROM refgrow_deletions WHERE affiliate_id = ?1 AND project_id = ?2",
			affiliate, w.shop.ID()), 1)
	var totals map[string]map[string]string
	w.ok(json.Unmarshal([]byte(value[string](w,
		"SELECT totals FROM refgrow_deletions WHERE affiliate_id = ?1", affiliate)), &totals))
	equal(w, "the totals that remain", fmt.Sprint(totals), fmt.Sprint(want))
	equal(w, "the time that remains",
		value[int64](w, "SELECT deleted_at FROM refgrow_deletions WHERE affiliate_id = ?1", affiliate),
		w.clock.Now().UnixMilli())
}

// interrupt makes the deletion of an affiliate stop at one of its steps, as the end of
// the process would, and returns a function that lets it go on. The affiliate is then
// hidden, so the deletion counts as done.
func (w *world) interrupt(affiliate int64, trigger string) (resume func()) {
	w.Helper()
	w.ok(w.exec("CREATE TRIGGER stop " + trigger + " BEGIN SELECT RAISE(ABORT, 'stop'); END"))
	w.ok(w.shop.DeleteAffiliate(w.Context(), affiliate))
	if value[int](w, "SELECT COUNT(*) FROM refgrow_affiliates WHERE id = ?1 AND deleted_at IS NOT NULL", affiliate) != 1 {
		w.Fatal("the deletion was not interrupted")
	}
	return func() { w.ok(w.exec("DROP TRIGGER stop")) }
}

// An interruption is where a deletion stops, and with how many conversions.
type interruption struct {
	trigger     string
	conversions int
}

func interruptions() map[string]interruption {
	return map[string]interruption{
		"before its first step": {"BEFORE DELETE ON refgrow_conversions", edited},
		"after its first step": {fmt.Sprintf(`BEFORE DELETE ON refgrow_conversions
			WHEN (SELECT COUNT(*) FROM refgrow_conversions WHERE affiliate_id = OLD.affiliate_id) <= %d`, many-500), many},
		"at its end": {"BEFORE DELETE ON refgrow_affiliates", edited},
	}
}

// An interrupted deletion is finished by the next engine.
func interruptedDeletion(w *world) {
	ctx := w.Context()
	joe := w.affiliate("joe")
	var deleted []int64
	for what, stop := range interruptions() {
		jane := w.another("jane") // the email has been free since the last time
		customers := w.career(jane.ID, stop.conversions)
		other := w.record(refgrow.RecordConversionParams{
			Type: refgrow.Signup, AffiliateID: joe.ID, Customer: refgrow.Customer{ID: customers[stop.conversions-1]},
		})
		resume := w.interrupt(jane.ID, stop.trigger)
		w.refused("the hidden affiliate, "+what, errOf(w.shop.GetAffiliate(ctx, jane.ID)), refgrow.ErrNotFound, "")
		w.refused("its code, "+what, errOf(w.shop.AffiliateByCode(ctx, jane.ReferralCode)), refgrow.ErrNotFound, "")
		w.refused("a second deletion, "+what, w.shop.DeleteAffiliate(ctx, jane.ID), refgrow.ErrNotFound, "")
		w.refused("a conversion for it, "+what, errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Signup, AffiliateID: jane.ID,
		})), refgrow.ErrNotFound, "")
		equal(w, "the count of affiliates, "+what, must(w.shop.CountAffiliates(ctx, refgrow.ListAffiliatesParams{})), 1)
		again := w.another("jane") // the same email while the old rows are going
		resume()
		next := must(refgrow.New(ctx, w.Store, refgrow.Config{Now: w.clock.Now}))
		w.gone(jane.ID)
		w.ok(next.Close(ctx))
		equal(w, "the customer of the other's conversion, "+what, must(w.shop.GetConversion(ctx, other.ID)).ReferredUserID, 0)
		equal(w, "the affiliate of the new one, "+what, must(w.shop.AffiliateByCode(ctx, again.ReferralCode)).ID, again.ID)
		w.verify()
		w.ok(w.shop.DeleteAffiliate(ctx, again.ID))
		deleted = append(deleted, jane.ID, again.ID)
	}
	equal(w, "the lines that remain", value[int](w, "SELECT COUNT(*) FROM refgrow_deletions"), len(deleted))
	equal(w, "the count of conversions", must(w.shop.CountConversions(ctx, refgrow.ListConversionsParams{})), 3)
	equal(w, "the count of customers", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 0)
}

// An interrupted deletion is also finished by the upkeep; others finish only their own.
func finishedByUpkeep(w *world) {
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.purchase(jane.ID, "10.00 USD")
	w.purchase(joe.ID, "10.00 USD")
	w.interrupt(jane.ID, "BEFORE DELETE ON refgrow_conversions")()
	w.ok(w.shop.DeleteAffiliate(w.Context(), joe.ID))
	w.gone(joe.ID)
	equal(w, "the conversions of the other one", value[int](w,
		"SELECT COUNT(*) FROM refgrow_conversions WHERE affiliate_id = ?1", jane.ID), 1)
	w.ok(w.engine.Upkeep(w.Context()))
	w.gone(jane.ID)
	equal(w, "the count of conversions", must(w.shop.CountConversions(w.Context(), refgrow.ListConversionsParams{})), 0)
	w.verify()
}

// From the first moment nothing shows the affiliate any longer, and its customers are
// credited to somebody else.
func hiddenAtOnce(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	carl := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com", AffiliateID: jane.ID}))
	must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "SAVE"}))
	w.purchase(jane.ID, "10.00 USD")
	w.interrupt(jane.ID, "BEFORE DELETE ON refgrow_conversions")

	equal(w, "the customer's code", must(w.shop.GetReferral(ctx, carl.ID)).AffiliateCode, "")
	for _, r := range collect(w, w.shop.AllReferrals(ctx, refgrow.ListReferralsParams{})) {
		equal(w, "the customer's code in the list", r.AffiliateCode, "")
	}
	equal(w, "the coupons", len(collect(w, w.shop.AllCoupons(ctx, refgrow.ListCouponsParams{}))), 0)
	c := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, Customer: refgrow.Customer{ID: carl.ID}, CouponCode: "SAVE", ReferralCode: "joe",
	})
	equal(w, "who is credited", c.AffiliateID, joe.ID)
	moved := w.purchase(joe.ID, "10.00 USD")
	w.refused("moving one to it", errOf(w.shop.UpdateConversion(ctx, moved.ID, refgrow.UpdateConversionParams{
		AffiliateID: refgrow.Set(jane.ID),
	})), refgrow.ErrNotFound, "")
	w.verify()
}

// A database is healthy while an affiliate goes: Verify finds nothing wrong at
// any step.
func verifiedMeanwhile(w *world) {
	for what, stop := range interruptions() {
		jane := w.another("jane")
		w.career(jane.ID, stop.conversions)
		resume := w.interrupt(jane.ID, stop.trigger)
		if d := must(w.engine.Verify(w.Context())).Differences; len(d) > 0 {
			w.Errorf("interrupted %s, Verify reports %d differences, such as: %v", what, len(d), d[0])
		}
		resume()
		w.ok(must(refgrow.New(w.Context(), w.Store, refgrow.Config{Now: w.clock.Now})).Close(w.Context()))
	}
	w.verify()
}

// payHistory gives an affiliate an override, a canceled payout of all that it has, a
// paid one of the same, and a debt in addition to a paid one.
func (w *world) payHistory(affiliate int64) {
	w.Helper()
	w.rule(refgrow.CreateRuleParams{AffiliateID: affiliate, Product: "pro", Commission: refgrow.Percent("50")})
	w.cancel(w.run(refgrow.PayoutRunParams{})[0])
	w.payNow(refgrow.PayoutRunParams{})
	sale := w.purchase(affiliate, "100.00 USD")
	w.payNow(refgrow.PayoutRunParams{})
	w.refund(sale, "")
}

// An affiliate goes along with its payouts, of more entries than one step takes; while
// one of them is pending, it stays as it is.
func deleteWithPayouts(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.career(jane.ID, many)
	w.payHistory(jane.ID)
	moved := w.purchase(jane.ID, "10.00 USD")
	w.update(moved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	w.adjust(jane.ID, "50.00 USD")
	pending := w.run(refgrow.PayoutRunParams{})
	equal(w, "the pending ones", summary(pending), "30.00 USD pending, 2.00 USD pending")
	before := w.account(jane.ID)
	w.refused("the deletion while one is pending", w.shop.DeleteAffiliate(ctx, jane.ID), refgrow.ErrConflict, "")
	equal(w, "the account", w.account(jane.ID), before)
	equal(w, "the payouts", must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{AffiliateID: jane.ID})), 4)
	equal(w, "the affiliate by its code", must(w.shop.AffiliateByCode(ctx, "jane")).ID, jane.ID)
	w.checkPayouts()
	w.verify()

	w.pay(pending[0])
	b := must(w.shop.Earnings(ctx, jane.ID))[0]
	w.ok(w.shop.DeleteAffiliate(ctx, jane.ID))
	w.gone(jane.ID)
	w.remains(jane.ID, map[string]map[string]string{
		"USD": {"total": b.Total.Decimal(), "paid": b.Paid.Decimal(), "eligible": b.Eligible.Decimal(),
			"held": b.Held.Decimal()},
	})
	for status, want := range map[refgrow.PayoutStatus]int64{
		"": 1, refgrow.PayoutPending: 1, refgrow.PayoutPaid: 0, refgrow.PayoutCanceled: 0,
	} {
		equal(w, "the count of payouts "+string(status),
			must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{Status: status})), want)
	}
	w.refused("a payout of it", errOf(w.shop.GetPayout(ctx, pending[0].ID)), refgrow.ErrNotFound, "")
	w.refused("the entries of a payout of it",
		errOf(w.shop.ListPayoutEntries(ctx, pending[0].ID, refgrow.ListPayoutEntriesParams{})), refgrow.ErrNotFound, "")
	equal(w, "a run", summary(w.run(refgrow.PayoutRunParams{})), "")
	equal(w, "what is paid to the other", w.pay(pending[1]).Amount, money.MustParse("2.00 USD"))
	w.checkPayouts()
	w.verify()
}

// Payouts go in steps too, and a deletion that stops at any of them is finished
// later, with nothing wrong meanwhile.
func deleteManyPayouts(w *world) {
	ctx := w.Context()
	for what, trigger := range map[string]string{
		"before its entries":          "BEFORE DELETE ON refgrow_payout_entries",
		"before its payouts":          "BEFORE DELETE ON refgrow_payouts",
		"after some of the payouts":   "BEFORE DELETE ON refgrow_payouts WHEN (SELECT COUNT(*) FROM refgrow_payouts) <= 10",
		"before the affiliate itself": "BEFORE DELETE ON refgrow_affiliates",
	} {
		jane := w.another("jane")
		payouts := edited
		if strings.Contains(trigger, "<=") {
			payouts = many
		}
		w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
			inside := *w
			inside.shop = p
			inside.adjust(jane.ID, "1.00 USD")
			for range payouts {
				inside.cancel(must(p.RunPayouts(ctx, refgrow.PayoutRunParams{}))[0])
			}
			return nil
		}))
		equal(w, "the payouts, stopped "+what, must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{})), int64(payouts))
		resume := w.interrupt(jane.ID, trigger)
		if d := must(w.engine.Verify(ctx)).Differences; len(d) > 0 {
			w.Errorf("stopped %s, Verify reports %d differences, such as: %v", what, len(d), d[0])
		}
		resume()
		w.ok(must(refgrow.New(ctx, w.Store, refgrow.Config{Now: w.clock.Now})).Close(ctx))
		w.gone(jane.ID)
		equal(w, "the payouts after it was finished, stopped "+what,
			must(w.shop.CountPayouts(ctx, refgrow.ListPayoutsParams{})), 0)
		w.verify()
	}
}
