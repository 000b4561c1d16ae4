package conformance

import (
	"fmt"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func searchTests() []test {
	return []test{
		{"names and beginnings", searchNames},
		{"another project", searchElsewhere},
		{"erased and deleted", searchGone},
		{"limits", searchLimits},
		{"many names of one", searchManyNames},
	}
}

// search is what a search finds, in short.
func (w *world) search(p *refgrow.Project, text string, limit int) string {
	w.Helper()
	all := must(p.Insights().Search(w.Context(), text, limit))
	var parts []string
	for _, a := range all.Affiliates {
		parts = append(parts, "affiliate "+a.Email)
	}
	for _, r := range all.Referrals {
		parts = append(parts, "customer "+r.Email)
	}
	for _, c := range all.Conversions {
		parts = append(parts, "sale "+c.Reference)
	}
	for _, c := range all.Coupons {
		parts = append(parts, "coupon "+c.Code)
	}
	for _, p := range all.Payouts {
		parts = append(parts, "payout of "+p.Amount.String())
	}
	return strings.Join(parts, ", ")
}

// Everything that a mail of a customer or an affiliate may contain leads there.
func searchNames(w *world) {
	ctx := w.Context()
	w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("20"))})
	jane := must(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
		Email: "jane@bücher.example", ReferralCode: "JANE", PartnerSlug: "shoes",
	}))
	must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{ReferralCode: new("Boots")}))
	must(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "janet@example.com", ReferralCode: "2fast"}))
	must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "Save10"}))
	sale := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, Reference: "in_123", BaseValue: money.MustParse("100.00 USD"),
		Customer: refgrow.Customer{Email: "Carl@example.com", ExternalID: "u_17"},
	})
	w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, Reference: "in_1234", BaseValue: money.MustParse("1.00 USD"),
		Customer: refgrow.Customer{ID: sale.ReferredUserID, ExternalID: "cus_9"},
	})
	payout := w.run(refgrow.PayoutRunParams{})[0]
	customer := must(w.shop.GetReferral(ctx, sale.ReferredUserID))
	for text, want := range map[string]string{
		"JANE@bücher.example":     "affiliate " + jane.Email,
		"Jane@Bü":                 "", // the domain is kept in another form
		"jane":                    "affiliate " + jane.Email + ", affiliate janet@example.com",
		"jane@":                   "affiliate " + jane.Email,
		" Janet@Example.c ":       "affiliate janet@example.com",
		"SHOES":                   "affiliate " + jane.Email,
		"boo":                     "affiliate " + jane.Email,
		"carl":                    "customer carl@example.com",
		"u_1":                     "customer carl@example.com",
		"U_1":                     "",
		"cus_9":                   "customer carl@example.com",
		"in_123":                  "sale in_123, sale in_1234",
		"in_1234":                 "sale in_1234",
		"in_":                     "sale in_123, sale in_1234",
		"n_123":                   "",
		"save":                    "coupon Save10",
		fmt.Sprint(payout.ID):     "sale in_123, payout of 20.20 USD",
		fmt.Sprint(sale.ID + 1):   "affiliate janet@example.com, sale in_1234",
		fmt.Sprint(payout.ID + 7): "",
		"-1":                      "",
		"%":                       "",
		"_":                       "",
		"jane' OR 1 = 1":          "",
		"\U0010FFFF":              "",
	} {
		equal(w, "what is found of "+text, w.search(w.shop, text, 0), want)
	}
	all := must(w.shop.Insights().Search(ctx, "shoes", 0))
	equal(w, "the affiliate", fmt.Sprintf("%+v", all.Affiliates[0]),
		fmt.Sprintf("%+v", *must(w.shop.GetAffiliate(ctx, jane.ID))))
	all = must(w.shop.Insights().Search(ctx, "cus_", 0))
	equal(w, "the customer", fmt.Sprintf("%+v", all.Referrals[0]), fmt.Sprintf("%+v", *customer))
	all = must(w.shop.Insights().Search(ctx, "in_123", 1))
	equal(w, "the sale", all.Conversions[0].ID, sale.ID)
	w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		must(p.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "new@example.com"}))
		equal(w, "within a transaction", w.search(p, "new@", 0), "affiliate new@example.com")
		return nil
	}))
}

// Nothing of another project is found, by whatever it is called.
func searchElsewhere(w *world) {
	ctx := w.Context()
	mine := w.tenant(w.shop)
	payout := w.run(refgrow.PayoutRunParams{})[0]
	stranger := w.shopOf("stranger")
	texts := []string{
		"jane", "jane@example.com", "shoes", "carl", "carl@example.com", "u_1", "r1", "SAVE", "promo_1",
		fmt.Sprint(mine.conversion.ID), fmt.Sprint(payout.ID),
	}
	for _, text := range texts {
		equal(w, "what a stranger finds of "+text, w.search(stranger, text, 0), "")
	}
	theirs := w.tenant(stranger)
	for _, text := range []string{"jane", "shoes", "carl", "u_1", "r1", "SAVE"} {
		found := must(stranger.Insights().Search(ctx, text, 0))
		for _, a := range found.Affiliates {
			equal(w, "the affiliate of "+text, a.ID, theirs.affiliate.ID)
		}
		for _, r := range found.Referrals {
			equal(w, "the customer of "+text, r.ID, theirs.customer.ID)
		}
		for _, c := range found.Conversions {
			equal(w, "the conversion of "+text, c.ID, theirs.conversion.ID)
		}
		for _, c := range found.Coupons {
			equal(w, "the coupon of "+text, c.ID, theirs.coupon.ID)
		}
		equal(w, "how much is found of "+text,
			len(found.Affiliates)+len(found.Referrals)+len(found.Conversions)+len(found.Coupons), 1)
	}
}

// People who were erased or deleted are not found, by what they were called or by what is
// shown instead; their sales are.
func searchGone(w *world) {
	ctx := w.Context()
	mine := w.tenant(w.shop)
	joe := w.affiliate("joe")
	must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: joe.ID, Code: "JOES"}))
	must(w.shop.EraseAffiliate(ctx, mine.affiliate.ID))
	must(w.shop.EraseReferral(ctx, mine.customer.ID))
	w.ok(w.shop.DeleteAffiliate(ctx, joe.ID))
	for _, text := range []string{
		"jane", "jane@example.com", "shoes", "carl", "carl@example.com", "u_1", "SAVE", "joe", "JOES", "erased", "erased-",
		fmt.Sprintf("erased-%d@erased.invalid", mine.affiliate.ID), fmt.Sprintf("erased-%d", mine.affiliate.ID),
	} {
		equal(w, "what is found of "+text, w.search(w.shop, text, 0), "")
	}
	equal(w, "the sale", w.search(w.shop, "r1", 0), "sale r1")
	w.affiliate("eraser")
	equal(w, "who begins like an erased one", strings.Contains(w.search(w.shop, "eras", 1), "eraser@"), true)
}

func searchLimits(w *world) {
	ctx := w.Context()
	for i := range 25 {
		w.affiliate(fmt.Sprintf("many%02d", i))
	}
	equal(w, "without a limit", len(must(w.shop.Insights().Search(ctx, "many", 0)).Affiliates), 20)
	equal(w, "with a limit", len(must(w.shop.Insights().Search(ctx, "many", 3)).Affiliates), 3)
	equal(w, "all", len(must(w.shop.Insights().Search(ctx, "many", refgrow.MaxFound)).Affiliates), 25)
	for text, field := range map[string]string{
		"": "text", " \u200b": "text", "a\x00b": "text", "\xff": "text", strings.Repeat("a", 1000): "text",
	} {
		w.refused("the text "+text, errOf(w.shop.Insights().Search(ctx, text, 0)), refgrow.ErrInvalid, field)
	}
	for _, limit := range []int{-1, refgrow.MaxFound + 1} {
		w.refused("the limit", errOf(w.shop.Insights().Search(ctx, "x", limit)), refgrow.ErrInvalid, "limit")
	}
}

// Who has many names that begin alike takes the place of nobody else.
func searchManyNames(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	customer := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{
		Email: "carl@example.com", ExternalID: "u_1",
	}))
	for i := range 5 {
		must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{
			ReferralCode: new(fmt.Sprint("SUMMER1", i)), PartnerSlug: refgrow.Set(fmt.Sprint("summer-of-jane", i)),
		}))
		w.record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"),
			Customer: refgrow.Customer{ID: customer.ID, ExternalID: fmt.Sprint("cus_1", i)},
		})
	}
	must(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "joe@example.com", ReferralCode: "SUMMER2"}))
	other := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "dora@example.com", ExternalID: "u_2"}))
	w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"),
		Customer: refgrow.Customer{ID: other.ID, ExternalID: "cus_2"},
	})
	equal(w, "the affiliates", w.search(w.shop, "summer", 2), "affiliate "+jane.Email+", affiliate joe@example.com")
	equal(w, "the affiliate", w.search(w.shop, "summer13", 2), "affiliate "+jane.Email)
	equal(w, "the customers", w.search(w.shop, "cus_", 2), "customer carl@example.com, customer dora@example.com")
	equal(w, "the customer", w.search(w.shop, "cus_13", 2), "customer carl@example.com")
}
