package conformance

import (
	"fmt"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func isolationTests() []test {
	return []test{
		{"another project's rows", foreignRows},
		{"another project's lists", foreignLists},
		{"equal names", equalNames},
		{"another project's money", foreignMoney},
		{"money side by side", moneyApart},
	}
}

// A tenancy is one of each, in one project.
type tenancy struct {
	affiliate  *refgrow.Affiliate
	coupon     *refgrow.Coupon
	customer   *refgrow.Referral
	conversion *refgrow.Conversion
}

// tenant makes one of each, with the same names in every project.
func (w *world) tenant(p *refgrow.Project) (t tenancy) {
	w.Helper()
	ctx := w.Context()
	t.affiliate = must(p.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
		Email: "jane@example.com", ReferralCode: "JANE", PartnerSlug: "shoes",
	}))
	t.coupon = must(p.CreateCoupon(ctx, refgrow.CreateCouponParams{
		AffiliateID: t.affiliate.ID, Code: "SAVE", StripeCouponID: "promo_1",
	}))
	t.customer = must(p.CreateReferral(ctx, refgrow.CreateReferralParams{
		Email: "carl@example.com", ExternalID: "u_1", AffiliateID: t.affiliate.ID,
	}))
	t.conversion = must(p.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("10.00 USD"), Reference: "r1",
		Customer: refgrow.Customer{ID: t.customer.ID},
	}))
	t.customer = must(p.GetReferral(ctx, t.customer.ID))
	return t
}

// Another project's things do not exist, whatever is asked about them.
func foreignRows(w *world) {
	ctx := w.Context()
	mine := w.tenant(w.shop)
	stranger := must(w.engine.CreateProject(ctx, "stranger", refgrow.Settings{}))
	joe := must(stranger.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "joe@example.com"}))
	coupon := must(stranger.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: joe.ID, Code: "JOES"}))
	cora := must(stranger.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "cora@example.com"}))
	sale := must(stranger.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup}))
	a, c, r, s := mine.affiliate.ID, mine.coupon.ID, mine.customer.ID, mine.conversion.ID
	for what, err := range map[string]error{
		"GetAffiliate":              errOf(stranger.GetAffiliate(ctx, a)),
		"AffiliateByEmail":          errOf(stranger.AffiliateByEmail(ctx, "jane@example.com")),
		"AffiliateByCode":           errOf(stranger.AffiliateByCode(ctx, "JANE")),
		"AffiliateByCode of a slug": errOf(stranger.AffiliateByCode(ctx, "shoes")),
		"UpdateAffiliate": errOf(stranger.UpdateAffiliate(ctx, a,
			refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateInactive)})),
		"DeleteAffiliate":      stranger.DeleteAffiliate(ctx, a),
		"Earnings":             errOf(stranger.Earnings(ctx, a)),
		"Earnings as of":       errOf(stranger.Earnings(ctx, a, refgrow.AsOf(w.clock.Now()))),
		"ListLedger":           errOf(stranger.ListLedger(ctx, a, refgrow.ListLedgerParams{})),
		"GetCoupon":            errOf(stranger.GetCoupon(ctx, c)),
		"UpdateCoupon":         errOf(stranger.UpdateCoupon(ctx, c, refgrow.UpdateCouponParams{Code: new("STOLEN")})),
		"DeleteCoupon":         stranger.DeleteCoupon(ctx, c),
		"GetReferral":          errOf(stranger.GetReferral(ctx, r)),
		"ReferralByEmail":      errOf(stranger.ReferralByEmail(ctx, "carl@example.com")),
		"ReferralByExternalID": errOf(stranger.ReferralByExternalID(ctx, "u_1")),
		"UpdateReferral": errOf(stranger.UpdateReferral(ctx, r,
			refgrow.UpdateReferralParams{Email: new("x@example.com")})),
		"DeleteReferral":      stranger.DeleteReferral(ctx, r),
		"GetConversion":       errOf(stranger.GetConversion(ctx, s)),
		"UpdateConversion":    errOf(stranger.UpdateConversion(ctx, s, refgrow.UpdateConversionParams{Paid: new(true)})),
		"DeleteConversion":    stranger.DeleteConversion(ctx, s),
		"CreateCoupon for it": errOf(stranger.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: a, Code: "NEW"})),
		"UpdateCoupon to it":  errOf(stranger.UpdateCoupon(ctx, coupon.ID, refgrow.UpdateCouponParams{AffiliateID: &a})),
		"CreateReferral for it": errOf(stranger.CreateReferral(ctx,
			refgrow.CreateReferralParams{Email: "x@example.com", AffiliateID: a})),
		"UpdateReferral to it": errOf(stranger.UpdateReferral(ctx, cora.ID,
			refgrow.UpdateReferralParams{AffiliateID: refgrow.Set(a)})),
		"UpdateConversion to it": errOf(stranger.UpdateConversion(ctx, sale.ID,
			refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(a)})),
		"RecordConversion for it": errOf(stranger.RecordConversion(ctx,
			refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: a})),
		"RecordConversion of its own": errOf(stranger.RecordConversion(ctx,
			refgrow.RecordConversionParams{Type: refgrow.Signup, Customer: refgrow.Customer{ID: r}})),
	} {
		w.refused(what, err, refgrow.ErrNotFound, "")
	}
	for _, params := range []refgrow.RecordConversionParams{
		{Type: refgrow.Signup, ReferralCode: "JANE"}, {Type: refgrow.Signup, CouponCode: "SAVE"},
		{Type: refgrow.Signup, CouponCode: "promo_1"},
	} {
		got := must(stranger.RecordConversion(ctx, params))
		equal(w, "who is credited by another project's names", got.AffiliateID, 0)
	}
	equal(w, "the coupon", *must(w.shop.GetCoupon(ctx, c)), *mine.coupon)
	equal(w, "the affiliate's status", must(w.shop.GetAffiliate(ctx, a)).Status, refgrow.AffiliateActive)
	equal(w, "the customer's email", must(w.shop.GetReferral(ctx, r)).Email, "carl@example.com")
	equal(w, "the payment", must(w.shop.GetConversion(ctx, s)).Paid, false)
	equal(w, "the balance", w.balances(a), "USD total 2.00 paid 0.00 eligible 2.00 held 0.00")
	w.verify()
}

// Lists show nothing of another project, even if they are asked for it.
func foreignLists(w *world) {
	ctx := w.Context()
	mine := w.tenant(w.shop)
	w.tenant(w.shopOf("second"))
	stranger := must(w.engine.CreateProject(ctx, "stranger", refgrow.Settings{}))
	for _, id := range []int64{0, mine.affiliate.ID} {
		equal(w, "the coupons", len(collect(w, stranger.AllCoupons(ctx, refgrow.ListCouponsParams{AffiliateID: id}))), 0)
		equal(w, "the referrals",
			len(collect(w, stranger.AllReferrals(ctx, refgrow.ListReferralsParams{AffiliateID: id}))), 0)
		equal(w, "the conversions",
			len(collect(w, stranger.AllConversions(ctx, refgrow.ListConversionsParams{AffiliateID: id}))), 0)
		equal(w, "the count of coupons", must(stranger.CountCoupons(ctx, refgrow.ListCouponsParams{AffiliateID: id})), 0)
		equal(w, "the count of referrals",
			must(stranger.CountReferrals(ctx, refgrow.ListReferralsParams{AffiliateID: id})), 0)
		equal(w, "the count of conversions",
			must(stranger.CountConversions(ctx, refgrow.ListConversionsParams{AffiliateID: id})), 0)
	}
	of := refgrow.ListConversionsParams{ReferredUserID: mine.customer.ID}
	equal(w, "the conversions of a customer", len(collect(w, stranger.AllConversions(ctx, of))), 0)
	equal(w, "the count of them", must(stranger.CountConversions(ctx, of)), 0)
	equal(w, "the affiliates", len(collect(w, stranger.AllAffiliates(ctx, refgrow.ListAffiliatesParams{}))), 0)
	equal(w, "the count of affiliates", must(stranger.CountAffiliates(ctx, refgrow.ListAffiliatesParams{})), 0)

	w.affiliate("joe")
	next := must(w.shop.ListAffiliates(ctx, refgrow.ListAffiliatesParams{Limit: 1})).Next
	w.refused("a cursor of another project",
		errOf(stranger.ListAffiliates(ctx, refgrow.ListAffiliatesParams{After: next})), refgrow.ErrInvalid, "cursor")
	w.verify()
}

func (w *world) shopOf(name string) *refgrow.Project {
	w.Helper()
	return must(w.engine.CreateProject(w.Context(), name, refgrow.Settings{Commission: refgrow.Percent("50")}))
}

// Every name is free in another project, and leads to its own there.
func equalNames(w *world) {
	ctx := w.Context()
	other := w.shopOf("other")
	mine, theirs := w.tenant(w.shop), w.tenant(other)
	equal(w, "their value", theirs.conversion.Value, money.MustParse("5.00 USD"))
	equal(w, "their affiliate by email", must(other.AffiliateByEmail(ctx, "jane@example.com")).ID, theirs.affiliate.ID)
	equal(w, "their affiliate by code", must(other.AffiliateByCode(ctx, "jane")).ID, theirs.affiliate.ID)
	equal(w, "my affiliate by slug", must(w.shop.AffiliateByCode(ctx, "shoes")).ID, mine.affiliate.ID)
	equal(w, "their customer", must(other.ReferralByExternalID(ctx, "u_1")).ID, theirs.customer.ID)
	equal(w, "my customer", must(w.shop.ReferralByEmail(ctx, "carl@example.com")).ID, mine.customer.ID)
	for _, code := range []string{"SAVE", "promo_1"} {
		equal(w, "my affiliate by "+code,
			w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, CouponCode: code}).AffiliateID, mine.affiliate.ID)
	}
	w.ok(other.DeleteAffiliate(ctx, theirs.affiliate.ID))
	equal(w, "my affiliate after theirs is gone", must(w.shop.AffiliateByCode(ctx, "jane")).ID, mine.affiliate.ID)
	equal(w, "my conversion after theirs is gone",
		must(w.shop.GetConversion(ctx, mine.conversion.ID)).ReferredUserID, mine.customer.ID)
	equal(w, "my balance", w.balances(mine.affiliate.ID), "USD total 2.00 paid 0.00 eligible 2.00 held 0.00")
	w.verify()
}

// Another project's payouts, rules and ledgers do not exist, and stay as they are.
func foreignMoney(w *world) {
	ctx := w.Context()
	mine := w.tenant(w.shop)
	a, s := mine.affiliate.ID, mine.conversion.ID
	rule := w.rule(refgrow.CreateRuleParams{AffiliateID: a, Commission: refgrow.Percent("30")})
	payout := w.run(refgrow.PayoutRunParams{})[0]
	stranger := w.shopOf("stranger")
	theirs := w.tenant(stranger)
	rows := func() string {
		return fmt.Sprintf("%+v %+v %+v %s %s", *must(w.shop.GetPayout(ctx, payout.ID)), *must(w.shop.GetRule(ctx, rule.ID)),
			must(w.shop.GetConversion(ctx, s)).Refunded, w.account(a), w.ledger(a))
	}
	before := rows()
	now := w.clock.Now()
	for what, err := range map[string]error{
		"GetPayout":         errOf(stranger.GetPayout(ctx, payout.ID)),
		"PayPayout":         errOf(stranger.PayPayout(ctx, payout.ID, refgrow.PayPayoutParams{})),
		"CancelPayout":      errOf(stranger.CancelPayout(ctx, payout.ID)),
		"ListPayoutEntries": errOf(stranger.ListPayoutEntries(ctx, payout.ID, refgrow.ListPayoutEntriesParams{})),
		"RefundConversion":  errOf(stranger.RefundConversion(ctx, s, refgrow.RefundConversionParams{})),
		"UndoRefund":        errOf(stranger.UndoRefund(ctx, s, refgrow.RefundConversionParams{})),
		"CreateAdjustment for it": errOf(stranger.CreateAdjustment(ctx,
			refgrow.CreateAdjustmentParams{AffiliateID: a, Amount: money.New(1, "USD"), Note: "x"})),
		"GetRule":                  errOf(stranger.GetRule(ctx, rule.ID)),
		"DeleteRule":               stranger.DeleteRule(ctx, rule.ID),
		"CreateRule for it":        errOf(stranger.CreateRule(ctx, refgrow.CreateRuleParams{AffiliateID: a})),
		"CreateRule for a product": errOf(stranger.CreateRule(ctx, refgrow.CreateRuleParams{AffiliateID: a, Product: "pro"})),
		"CountLedger":              errOf(stranger.CountLedger(ctx, a)),
		"ExplainConversion":        errOf(stranger.ExplainConversion(ctx, s)),
		"MergeReferrals":           errOf(stranger.MergeReferrals(ctx, mine.customer.ID, theirs.customer.ID)),
		"MergeReferrals from it":   errOf(stranger.MergeReferrals(ctx, theirs.customer.ID, mine.customer.ID)),
		"Statement":                errOf(stranger.Statement(ctx, a, now.Year(), now.Month())),
	} {
		w.refused(what, err, refgrow.ErrNotFound, "")
	}
	for _, err := range stranger.AllPayoutEntries(ctx, payout.ID, refgrow.ListPayoutEntriesParams{}) {
		w.refused("AllPayoutEntries", err, refgrow.ErrNotFound, "")
	}
	for _, err := range stranger.AllLedger(ctx, a, refgrow.ListLedgerParams{}) {
		w.refused("AllLedger", err, refgrow.ErrNotFound, "")
	}
	for _, id := range []int64{0, a} {
		equal(w, "their payouts", len(collect(w, stranger.AllPayouts(ctx, refgrow.ListPayoutsParams{AffiliateID: id}))), 0)
		equal(w, "the count of their payouts",
			must(stranger.CountPayouts(ctx, refgrow.ListPayoutsParams{AffiliateID: id})), 0)
		equal(w, "the count of their pending ones",
			must(stranger.CountPayouts(ctx, refgrow.ListPayoutsParams{AffiliateID: id, Status: refgrow.PayoutPending})), 0)
		equal(w, "their rules", len(collect(w, stranger.AllRules(ctx, refgrow.ListRulesParams{AffiliateID: id}))), 0)
		equal(w, "the count of their rules", must(stranger.CountRules(ctx, refgrow.ListRulesParams{AffiliateID: id})), 0)
	}
	file := must(stranger.ExportPayouts(ctx, refgrow.ExportPayoutsParams{Format: refgrow.WiseFile}))
	equal(w, "the payouts in their file", file.Payouts+file.LeftOut, 0)
	preview := must(stranger.PreviewPayouts(ctx, refgrow.PayoutRunParams{}))
	if len(preview) != 1 || preview[0].AffiliateID != theirs.affiliate.ID {
		w.Errorf("their preview is %+v", preview)
	}
	if after := rows(); after != before {
		w.Errorf("it is\n%s\nbut was\n%s", after, before)
	}
	w.verify()
}

// What happens in one project changes nothing in another, though all names are the
// same.
func moneyApart(w *world) {
	ctx := w.Context()
	mine := w.tenant(w.shop)
	other := w.shopOf("other")
	theirs := w.tenant(other)
	w.adjust(mine.affiliate.ID, "7.00 USD")
	w.rule(refgrow.CreateRuleParams{Product: "pro", Commission: refgrow.Percent("90")})
	made := w.run(refgrow.PayoutRunParams{})
	before := w.account(mine.affiliate.ID)
	next := must(w.shop.ListLedger(ctx, mine.affiliate.ID, refgrow.ListLedgerParams{Limit: 1})).Next
	w.refused("a cursor of mine", errOf(other.ListLedger(ctx, theirs.affiliate.ID, refgrow.ListLedgerParams{After: next})),
		refgrow.ErrInvalid, "cursor")

	sale := must(other.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: theirs.affiliate.ID, Product: "pro", BaseValue: money.MustParse("10.00 USD"),
	}))
	equal(w, "a sale of my product there", sale.Value, money.MustParse("5.00 USD"))
	run := must(other.RunPayouts(ctx, refgrow.PayoutRunParams{}))
	equal(w, "their run", summary(run), "10.00 USD pending")
	must(other.PayPayout(ctx, run[0].ID, refgrow.PayPayoutParams{}))
	must(other.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{}))
	w.ok(other.DeleteAffiliate(ctx, theirs.affiliate.ID))
	equal(w, "their payouts", must(other.CountPayouts(ctx, refgrow.ListPayoutsParams{})), 0)
	equal(w, "my account", w.account(mine.affiliate.ID), before)
	equal(w, "my payout", *must(w.shop.GetPayout(ctx, made[0].ID)), made[0])
	w.checkPayouts()
	w.verify()
}
