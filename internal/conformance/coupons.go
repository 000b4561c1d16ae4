package conformance

import (
	"strings"

	"github.com/refgrow-go/refgrow"
)

func couponTests() []test {
	return []test{
		{"create and update", keepCoupons},
		{"refused", refuseCoupons},
		{"delete", deleteCoupons},
		{"filters", filterCoupons},
	}
}

func keepCoupons(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	made := must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{
		AffiliateID: jane.ID, Code: "Save-20", StripeCouponID: "promo_1", LemonSqueezyDiscountCode: "LEMON",
	}))
	equal(w, "the coupon", *made, refgrow.Coupon{
		ID: made.ID, ProjectID: w.shop.ID(), AffiliateID: jane.ID, Code: "Save-20", StripeCouponID: "promo_1",
		LemonSqueezyDiscountCode: "LEMON", Status: refgrow.CouponActive, CreatedAt: w.clock.Now(),
		AffiliateEmail: "jane@example.com", AffiliateReferralCode: "JANE",
	})
	equal(w, "what is found", *must(w.shop.GetCoupon(ctx, made.ID)), *made)

	want := *made
	want.AffiliateID, want.AffiliateEmail, want.AffiliateReferralCode = joe.ID, "joe@example.com", "JOE"
	want.Code, want.StripeCouponID = "SAVE-30", ""
	want.LemonSqueezyDiscountCode, want.Status = "lime", refgrow.CouponInactive
	changed := must(w.shop.UpdateCoupon(ctx, made.ID, refgrow.UpdateCouponParams{
		AffiliateID: &joe.ID, Code: new("SAVE-30"), StripeCouponID: refgrow.Clear[string](),
		LemonSqueezyDiscountCode: refgrow.Set("lime"), Status: new(refgrow.CouponInactive),
	}))
	equal(w, "the changed one", *changed, want)
	equal(w, "a change of nothing", *must(w.shop.UpdateCoupon(ctx, made.ID, refgrow.UpdateCouponParams{})), want)
	equal(w, "its code in another case",
		must(w.shop.UpdateCoupon(ctx, made.ID, refgrow.UpdateCouponParams{Code: new("save-30")})).Code, "save-30")

	// It shows its current affiliate, and the code that it had is free.
	must(w.shop.UpdateAffiliate(ctx, joe.ID, refgrow.UpdateAffiliateParams{
		ReferralCode: new("JOSEPH"), Email: new("joseph@example.com"),
	}))
	got := must(w.shop.GetCoupon(ctx, made.ID))
	equal(w, "the affiliate of now", got.AffiliateEmail+" "+got.AffiliateReferralCode, "joseph@example.com JOSEPH")
	equal(w, "the one found by its code", *must(w.shop.CouponByCode(ctx, "Save-30")), *got)
	w.refused("finding its former code", errOf(w.shop.CouponByCode(ctx, "SAVE-20")), refgrow.ErrNotFound, "")
	again := must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{
		AffiliateID: jane.ID, Code: "save-20", Status: refgrow.CouponInactive,
	}))
	equal(w, "the one that has it now", *must(w.shop.CouponByCode(ctx, "SAVE-20")), *again)
	for _, unknown := range []string{"", "save", "promo_1", "lime"} {
		w.refused("finding "+unknown, errOf(w.shop.CouponByCode(ctx, unknown)), refgrow.ErrNotFound, "")
	}
	other := must(w.engine.CreateProject(ctx, "other", refgrow.Settings{}))
	w.refused("finding another project's", errOf(other.CouponByCode(ctx, "SAVE-20")), refgrow.ErrNotFound, "")
	w.verify()
}

func refuseCoupons(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	first := must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "FIRST"}))
	other := must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "OTHER"}))
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		what   string
		params refgrow.CreateCouponParams
		kind   error
		field  string
	}{
		{"a short code", refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "AB"}, refgrow.ErrInvalid, "coupon_code"},
		{"a long code", refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: long[:65]}, refgrow.ErrInvalid, "coupon_code"},
		{"a code with a space", refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "SA VE"},
			refgrow.ErrInvalid, "coupon_code"},
		{"an unknown status", refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "NEW", Status: "used"},
			refgrow.ErrInvalid, "status"},
		{"a long provider's id", refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "NEW", StripeCouponID: long},
			refgrow.ErrInvalid, "stripe_coupon_id"},
		{"a provider's code with a line break",
			refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "NEW", LemonSqueezyDiscountCode: "a\nb"}, refgrow.ErrInvalid,
			"lemonsqueezy_discount_code"},
		{"an affiliate below 0", refgrow.CreateCouponParams{AffiliateID: -1, Code: "NEW"},
			refgrow.ErrInvalid, "affiliate_id"},
		{"an unknown affiliate", refgrow.CreateCouponParams{AffiliateID: 1 << 40, Code: "NEW"}, refgrow.ErrNotFound, ""},
	} {
		w.refused("creating one with "+c.what, errOf(w.shop.CreateCoupon(ctx, c.params)), c.kind, c.field)
		update := refgrow.UpdateCouponParams{AffiliateID: &c.params.AffiliateID, Code: &c.params.Code}
		if c.params.Status != "" {
			update.Status = &c.params.Status
		}
		if c.params.StripeCouponID != "" {
			update.StripeCouponID = refgrow.Set(c.params.StripeCouponID)
		}
		if c.params.LemonSqueezyDiscountCode != "" {
			update.LemonSqueezyDiscountCode = refgrow.Set(c.params.LemonSqueezyDiscountCode)
		}
		w.refused("updating one with "+c.what, errOf(w.shop.UpdateCoupon(ctx, other.ID, update)), c.kind, c.field)
	}
	w.takenBy("creating one with a taken code", errOf(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{
		AffiliateID: jane.ID, Code: "first",
	})), "coupon_code", first.ID)
	w.takenBy("updating one with a taken code", errOf(w.shop.UpdateCoupon(ctx, other.ID, refgrow.UpdateCouponParams{
		Code: new("first"),
	})), "coupon_code", first.ID)
	w.refused("no affiliate", errOf(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{Code: "NEW"})),
		refgrow.ErrInvalid, "affiliate_id")
	w.refused("an empty provider's id", errOf(w.shop.UpdateCoupon(ctx, other.ID, refgrow.UpdateCouponParams{
		StripeCouponID: refgrow.Set(""),
	})),
		refgrow.ErrInvalid, "stripe_coupon_id")
	w.refused("an unknown coupon",
		errOf(w.shop.UpdateCoupon(ctx, 1<<40, refgrow.UpdateCouponParams{})), refgrow.ErrNotFound, "")
	equal(w, "the first one", *must(w.shop.GetCoupon(ctx, first.ID)), *first)
	equal(w, "the other one", *must(w.shop.GetCoupon(ctx, other.ID)), *other)
	equal(w, "the count", must(w.shop.CountCoupons(ctx, refgrow.ListCouponsParams{})), 2)
	w.verify()
}

// A deleted coupon no longer attributes anything; what it attributed stays.
func deleteCoupons(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	coupon := must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "SAVE"}))
	before := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, CouponCode: "SAVE"})
	w.ok(w.shop.DeleteCoupon(ctx, coupon.ID))
	w.refused("a second deletion", w.shop.DeleteCoupon(ctx, coupon.ID), refgrow.ErrNotFound, "")
	w.refused("the coupon", errOf(w.shop.GetCoupon(ctx, coupon.ID)), refgrow.ErrNotFound, "")
	equal(w, "who has the earlier conversion", must(w.shop.GetConversion(ctx, before.ID)).AffiliateID, jane.ID)
	after := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, CouponCode: "SAVE"})
	equal(w, "who has the later one", after.AffiliateID, 0)
	equal(w, "the coupon as it was sent", after.CouponCode, "SAVE")
	again := must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "SAVE"}))
	if again.ID <= coupon.ID {
		w.Errorf("the id %d was used again as %d", coupon.ID, again.ID)
	}
	w.verify()
}

func filterCoupons(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	create := func(affiliate int64, code string, status refgrow.CouponStatus) {
		w.Helper()
		must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: affiliate, Code: code, Status: status}))
	}
	create(jane.ID, "SUMMER-10", refgrow.CouponActive)
	create(joe.ID, "summer_20", refgrow.CouponInactive)
	create(jane.ID, "Winter-10", refgrow.CouponActive)
	create(jane.ID, "WINTER-20", refgrow.CouponInactive)
	for _, c := range []struct {
		params refgrow.ListCouponsParams
		want   string
	}{
		{refgrow.ListCouponsParams{}, "WINTER-20 Winter-10 summer_20 SUMMER-10"},
		{refgrow.ListCouponsParams{Status: refgrow.CouponActive}, "Winter-10 SUMMER-10"},
		{refgrow.ListCouponsParams{Status: refgrow.CouponInactive}, "WINTER-20 summer_20"},
		{refgrow.ListCouponsParams{AffiliateID: jane.ID}, "WINTER-20 Winter-10 SUMMER-10"},
		{refgrow.ListCouponsParams{AffiliateID: jane.ID, Status: refgrow.CouponActive}, "Winter-10 SUMMER-10"},
		{refgrow.ListCouponsParams{Code: "-10"}, "Winter-10 SUMMER-10"},
		{refgrow.ListCouponsParams{Code: "SumMer"}, "summer_20 SUMMER-10"},
		{refgrow.ListCouponsParams{Code: "r_2"}, "summer_20"}, // no wildcard
		{refgrow.ListCouponsParams{Code: "%"}, ""},
		{refgrow.ListCouponsParams{Code: "20", Status: refgrow.CouponInactive, AffiliateID: joe.ID}, "summer_20"},
		{refgrow.ListCouponsParams{AffiliateID: 1 << 40}, ""},
	} {
		var codes []string
		for _, coupon := range collect(w, w.shop.AllCoupons(ctx, c.params)) {
			codes = append(codes, coupon.Code)
		}
		equal(w, "the list", strings.Join(codes, " "), c.want)
		equal(w, "the count of "+c.want, must(w.shop.CountCoupons(ctx, c.params)), int64(len(codes)))
	}
	w.refused("an unknown status", errOf(w.shop.ListCoupons(ctx, refgrow.ListCouponsParams{Status: "used"})),
		refgrow.ErrInvalid, "status")
	w.refused("an id below 0", errOf(w.shop.CountCoupons(ctx, refgrow.ListCouponsParams{AffiliateID: -1})),
		refgrow.ErrInvalid, "affiliate_id")
	w.verify()
}
