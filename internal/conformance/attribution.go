package conformance

import (
	"fmt"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func attributionTests() []test {
	return []test{
		{"order", attributionOrder},
		{"self-referral", selfReferral},
		{"moved", movedConversions},
	}
}

// The cast of a project: ann and bob are active, idle is not. Every one has a
// coupon and a customer; amy was ann's code, and ann-slug was her slug.
type cast struct {
	project            *refgrow.Project
	ann, bob, idle     int64
	annas, bobs, idles int64 // customers
	free               int64 // a customer of nobody
}

func (w *world) cast(settings refgrow.Settings) (c cast) {
	w.Helper()
	name := fmt.Sprint("cast ", len(must(w.engine.Projects(w.Context()))))
	c.project = must(w.engine.CreateProject(w.Context(), name, settings))
	w.ok(c.project.Atomic(w.Context(), func(p *refgrow.Project) error {
		join := func(name string) (affiliate, customer int64) {
			a := must(p.CreateAffiliate(w.Context(), refgrow.CreateAffiliateParams{
				Email: name + "@example.com", ReferralCode: strings.ToUpper(name),
			}))
			must(p.CreateCoupon(w.Context(), refgrow.CreateCouponParams{
				AffiliateID: a.ID, Code: name + "-10", StripeCouponID: "promo_" + name, LemonSqueezyDiscountCode: "shared",
			}))
			r := must(p.CreateReferral(w.Context(), refgrow.CreateReferralParams{
				Email: "of-" + name + "@example.com", AffiliateID: a.ID,
			}))
			return a.ID, r.ID
		}
		c.ann, c.annas = join("ann")
		c.bob, c.bobs = join("bob")
		c.idle, c.idles = join("idle")
		c.free = must(p.CreateReferral(w.Context(), refgrow.CreateReferralParams{Email: "free@example.com"})).ID
		must(p.UpdateAffiliate(w.Context(), c.ann, refgrow.UpdateAffiliateParams{
			ReferralCode: new("amy"), PartnerSlug: refgrow.Set("ann-slug"),
		}))
		must(p.UpdateAffiliate(w.Context(), c.ann, refgrow.UpdateAffiliateParams{
			ReferralCode: new("ANN"), PartnerSlug: refgrow.Clear[string](),
		}))
		must(p.UpdateAffiliate(w.Context(), c.idle, refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateInactive)}))
		// Two coupons of one affiliate with the same provider's id; a third one is off.
		for i, status := range []refgrow.CouponStatus{refgrow.CouponActive, refgrow.CouponActive, refgrow.CouponInactive} {
			must(p.CreateCoupon(w.Context(), refgrow.CreateCouponParams{
				AffiliateID: []int64{c.bob, c.bob, c.ann}[i], Code: fmt.Sprint("twin-", i),
				StripeCouponID: "promo_twin", Status: status,
			}))
		}
		// The code of one coupon that is the provider's id of another.
		must(p.CreateCoupon(w.Context(), refgrow.CreateCouponParams{AffiliateID: c.ann, Code: "promo_bob"}))
		// The code of a coupon that is off, which is the provider's id of another.
		must(p.CreateCoupon(w.Context(), refgrow.CreateCouponParams{
			AffiliateID: c.ann, Code: "both", Status: refgrow.CouponInactive,
		}))
		must(p.CreateCoupon(w.Context(), refgrow.CreateCouponParams{
			AffiliateID: c.bob, Code: "bob-20", LemonSqueezyDiscountCode: "both",
		}))
		must(p.CreateCoupon(w.Context(), refgrow.CreateCouponParams{
			AffiliateID: c.ann, Code: "off-10", Status: refgrow.CouponInactive, StripeCouponID: "promo_off",
		}))
		return nil
	}))
	return c
}

// decided is a decision as text: reason, chosen, and the candidates.
func (c cast) decided(d refgrow.Decision) string {
	name := map[int64]string{c.ann: "ann", c.bob: "bob", c.idle: "idle", 0: "nobody"}
	text := fmt.Sprintf("%s %s", d.Reason, name[d.Chosen])
	if d.SelfReferral {
		text += " self"
	}
	for _, candidate := range d.Candidates {
		text += fmt.Sprintf("; %s", candidate.Source)
		if candidate.Code != "" {
			text += "=" + candidate.Code
		}
		text += fmt.Sprintf(" %s %s", name[candidate.AffiliateID], candidate.Outcome)
		if candidate.SelfReferral {
			text += " self"
		}
	}
	return text
}

// event is what a call names.
type event struct {
	affiliate, customer string
	coupon, code        string
}

func (c cast) params(e event) refgrow.RecordConversionParams {
	params := refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("0.00 USD"), CouponCode: e.coupon, ReferralCode: e.code,
	}
	params.AffiliateID = map[string]int64{"ann": c.ann, "bob": c.bob, "idle": c.idle}[e.affiliate]
	if id, ok := map[string]int64{"ann's": c.annas, "bob's": c.bobs, "idle's": c.idles, "free": c.free}[e.customer]; ok {
		params.Customer.ID = id
	} else {
		params.Customer.Email = e.customer
	}
	return params
}

// The first of the call's affiliate, the customer's, the coupon's and the code's gets
// the credit. The decision has all that are named, in that order.
func attributionOrder(w *world) {
	usual, first := w.cast(refgrow.Settings{}), w.cast(refgrow.Settings{CouponFirst: true})
	for _, c := range []struct {
		event
		want        string
		couponFirst string // where it differs
	}{
		{event{}, "none nobody", ""},
		{event{customer: "free"}, "none nobody", ""},
		{event{customer: "new@example.com"}, "none nobody", ""},

		// The call's own, even an inactive one.
		{event{affiliate: "ann"}, "affiliate_id ann; affiliate_id ann credited", ""},
		{event{affiliate: "idle"}, "affiliate_id idle; affiliate_id idle credited", ""},
		{event{affiliate: "ann", customer: "bob's", coupon: "bob-10", code: "bob"},
			"affiliate_id ann; affiliate_id ann credited; customer bob outranked; coupon=bob-10 bob outranked; " +
				"referral_code=bob bob outranked",
			"affiliate_id ann; affiliate_id ann credited; coupon=bob-10 bob outranked; customer bob outranked; " +
				"referral_code=bob bob outranked"},
		{event{affiliate: "idle", customer: "idle's", coupon: "nothing", code: "nothing"},
			"affiliate_id idle; affiliate_id idle credited; customer idle inactive; coupon=nothing nobody unknown; " +
				"referral_code=nothing nobody unknown",
			"affiliate_id idle; affiliate_id idle credited; coupon=nothing nobody unknown; customer idle inactive; " +
				"referral_code=nothing nobody unknown"},

		// The customer's own; an inactive one ends the search.
		{event{customer: "ann's"}, "customer ann; customer ann credited", ""},
		{event{customer: "ann's", code: "bob"}, "customer ann; customer ann credited; referral_code=bob bob outranked", ""},
		{event{customer: "idle's"}, "affiliate_inactive nobody; customer idle inactive", ""},
		{event{customer: "idle's", coupon: "bob-10", code: "bob"},
			"affiliate_inactive nobody; customer idle inactive; coupon=bob-10 bob outranked; referral_code=bob bob outranked",
			"coupon bob; coupon=bob-10 bob credited; customer idle inactive; referral_code=bob bob outranked"},
		{event{customer: "ann's", coupon: "bob-10"},
			"customer ann; customer ann credited; coupon=bob-10 bob outranked",
			"coupon bob; coupon=bob-10 bob credited; customer ann outranked"},
		{event{customer: "ann's", coupon: "off-10"},
			"customer ann; customer ann credited; coupon=off-10 ann inactive",
			"customer ann; coupon=off-10 ann inactive; customer ann credited"},

		// A coupon, by its code in any case, otherwise by a provider's id.
		{event{coupon: "ann-10"}, "coupon ann; coupon=ann-10 ann credited", ""},
		{event{coupon: "ANN-10", customer: "free"}, "coupon ann; coupon=ANN-10 ann credited", ""},
		{event{coupon: "promo_ann"}, "coupon ann; coupon=promo_ann ann credited", ""},
		{event{coupon: "PROMO_ANN"}, "none nobody; coupon=PROMO_ANN nobody unknown", ""},   // providers' ids are exact
		{event{coupon: "promo_bob"}, "coupon ann; coupon=promo_bob ann credited", ""},      // the code wins
		{event{coupon: "promo_twin"}, "coupon bob; coupon=promo_twin bob credited", ""},    // one affiliate only
		{event{coupon: "shared"}, "none nobody; coupon=shared nobody ambiguous", ""},       // ann's and bob's
		{event{coupon: "promo_off"}, "none nobody; coupon=promo_off nobody unknown", ""},   // its coupon is off
		{event{coupon: "promo_idle"}, "none nobody; coupon=promo_idle nobody unknown", ""}, // its affiliate is
		{event{coupon: "bob-10", code: "ann"}, "coupon bob; coupon=bob-10 bob credited; referral_code=ann ann outranked", ""},
		// a code that matches no active coupon does not count
		{event{coupon: "both"}, "coupon bob; coupon=both bob credited", ""},
		// Anything else is skipped.
		{event{coupon: "off-10", code: "bob"},
			"referral_code bob; coupon=off-10 ann inactive; referral_code=bob bob credited", ""},
		{event{coupon: "idle-10", code: "bob"},
			"referral_code bob; coupon=idle-10 idle inactive; referral_code=bob bob credited", ""},
		{event{coupon: "shared", code: "bob"},
			"referral_code bob; coupon=shared nobody ambiguous; referral_code=bob bob credited", ""},
		{event{coupon: "nothing", code: "bob"},
			"referral_code bob; coupon=nothing nobody unknown; referral_code=bob bob credited", ""},

		// A code or a slug, in any case, even a former one.
		{event{code: "ann"}, "referral_code ann; referral_code=ann ann credited", ""},
		{event{code: "aMy", customer: "free"}, "referral_code ann; referral_code=aMy ann credited", ""},
		{event{code: "ANN-SLUG"}, "referral_code ann; referral_code=ANN-SLUG ann credited", ""},
		{event{code: "nothing"}, "code_unknown nobody; referral_code=nothing nobody unknown", ""},
		{event{code: "what is this?"}, "code_unknown nobody; referral_code=what is this? nobody unknown", ""},
		{event{code: "idle"}, "affiliate_inactive nobody; referral_code=idle idle inactive", ""},
		{event{coupon: "nothing", code: "idle"},
			"affiliate_inactive nobody; coupon=nothing nobody unknown; referral_code=idle idle inactive", ""},
	} {
		for _, cast := range []cast{usual, first} {
			want := c.want
			if cast == first && c.couponFirst != "" {
				want = c.couponFirst
			}
			made := must(cast.project.RecordConversion(w.Context(), cast.params(c.event)))
			stored := must(cast.project.GetConversion(w.Context(), made.ID))
			for _, conversion := range []*refgrow.Conversion{made, stored} {
				d := w.decision(conversion)
				equal(w, fmt.Sprintf("the decision on %+v", c.event), cast.decided(d), want)
				equal(w, fmt.Sprintf("who is credited for %+v", c.event), conversion.AffiliateID, d.Chosen)
			}
			// The customer of nobody is needed again, as such.
			must(cast.project.UpdateReferral(w.Context(), cast.free, refgrow.UpdateReferralParams{
				AffiliateID: refgrow.Clear[int64](),
			}))
		}
	}
	must(usual.project.UpdateSettings(w.Context(), refgrow.UpdateSettingsParams{CouponFirst: new(true)}))
	changed := must(usual.project.RecordConversion(w.Context(), usual.params(event{customer: "ann's", coupon: "bob-10"})))
	equal(w, "who is credited after the setting changed", changed.AffiliateID, usual.bob)
	w.verify()
}

// Customer and affiliate are the same person if their emails are equal except for case
// and +tags, whichever of their emails these are.
func selfReferral(w *world) {
	const coupon, code, call = "coupon=ann-10 ann ", "referral_code=ann ann ", "affiliate_id ann "
	for setting, cases := range map[refgrow.SelfReferral][]struct {
		event
		want string
	}{
		refgrow.SelfReferralRefuse: {
			{event{code: "ann", customer: "Ann@Example.com"}, "self_referral nobody; " + code + "refused self"},
			{event{code: "ann", customer: "ann+Shop+1@example.com"}, "self_referral nobody; " + code + "refused self"},
			{event{code: "ann", customer: "ann@example.org"}, "referral_code ann; " + code + "credited"},
			{event{code: "ann", customer: "an.n@example.com"}, "referral_code ann; " + code + "credited"},
			// It ends the search.
			{event{coupon: "ann-10", code: "bob", customer: "ann+a@example.com"}, "self_referral nobody; " + coupon +
				"refused self; referral_code=bob bob outranked"},
			{event{coupon: "bob-10", code: "ann", customer: "ann+b@example.com"},
				"coupon bob; coupon=bob-10 bob credited; " + code + "outranked"},
			// A call that names the affiliate has decided.
			{event{affiliate: "ann", customer: "ann+c@example.com"}, "affiliate_id ann self; " + call + "credited self"},
			// The customer has had the affiliate since then: refused, although the
			// customer is known.
			{event{customer: "ann+c@example.com"}, "self_referral nobody; customer ann refused self"},
		},
		refgrow.SelfReferralFlag: {
			{event{code: "ann", customer: "ANN+x@example.com"}, "referral_code ann self; " + code + "credited self"},
			{event{customer: "ann+x@example.com"}, "customer ann self; customer ann credited self"},
			{event{affiliate: "ann", customer: "ann+c@example.com"}, "affiliate_id ann self; " + call + "credited self"},
			{event{code: "ann", customer: "other@example.com"}, "referral_code ann; " + code + "credited"},
		},
		refgrow.SelfReferralAllow: {
			{event{code: "ann", customer: "ann@example.com"}, "referral_code ann; " + code + "credited"},
			{event{affiliate: "ann", customer: "ann+c@example.com"}, "affiliate_id ann; " + call + "credited"},
		},
	} {
		cast := w.cast(refgrow.Settings{SelfReferral: setting})
		for _, c := range cases {
			made := must(cast.project.RecordConversion(w.Context(), cast.params(c.event)))
			d := w.decision(must(cast.project.GetConversion(w.Context(), made.ID)))
			equal(w, fmt.Sprintf("with %s, the decision on %+v", setting, c.event), cast.decided(d), c.want)
		}
	}
	// The known email counts if the call names the customer in another way, and +tags
	// of the affiliate's own email are ignored as well.
	ctx := w.Context()
	tagged := must(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
		Email: "tom+refs@example.com", ReferralCode: "TOM",
	}))
	must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "tom@example.com", ExternalID: "u_1"}))
	c := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, ReferralCode: "TOM", Customer: refgrow.Customer{ExternalID: "u_1"},
	})
	equal(w, "the reason", w.decision(c).Reason, refgrow.ReasonSelfReferral)
	equal(w, "the value", c.Value.IsZero(), true)
	equal(w, "the balance", w.balances(tagged.ID), "")
	equal(w, "the customer's affiliate", must(w.shop.ReferralByEmail(ctx, "tom@example.com")).AffiliateID, 0)

	// So do the addresses that the affiliate is paid to, and an email of the call that
	// the customer was not known by.
	must(w.shop.UpdateAffiliate(ctx, tagged.ID, refgrow.UpdateAffiliateParams{
		PayoutPreferences: refgrow.Set(refgrow.PayoutPreferences{
			PayPalEmail: "tom.payne@gmail.com", WiseAccountID: "7", WiseEmail: "tp@example.org",
		}),
	}))
	must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "una@example.com", ExternalID: "u_2"}))
	for _, c := range []struct {
		customer refgrow.Customer
		want     refgrow.Reason
	}{
		{refgrow.Customer{Email: "tompayne+1@googlemail.com"}, refgrow.ReasonSelfReferral},
		{refgrow.Customer{Email: "TP+shop@example.org"}, refgrow.ReasonSelfReferral},
		{refgrow.Customer{Email: "t.p@example.org"}, refgrow.ReasonReferralCode},
		{refgrow.Customer{ExternalID: "u_2", Email: "Tom.Payne@gmail.com"}, refgrow.ReasonSelfReferral},
		{refgrow.Customer{ExternalID: "u_2"}, refgrow.ReasonReferralCode},
		{refgrow.Customer{ExternalID: "u_2", Email: "tp@example.org"}, refgrow.ReasonSelfReferral},
	} {
		got := w.record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"), ReferralCode: "TOM", Customer: c.customer,
		})
		equal(w, fmt.Sprintf("the reason for %+v", c.customer), w.decision(got).Reason, c.want)
	}
	w.verify()
}

// A conversion that is moved says so, and what it was before.
func movedConversions(w *world) {
	cast := w.cast(refgrow.Settings{})
	ctx := w.Context()
	c := must(cast.project.RecordConversion(ctx, cast.params(event{code: "ann", customer: "new@example.com"})))
	for _, step := range []struct {
		to   int64
		want string
	}{
		{cast.ann, "referral_code ann; referral_code=ann ann credited"}, // it is already there
		{cast.idle, "moved idle; referral_code=ann ann outranked; moved idle credited"},
		{0, "moved nobody; referral_code=ann ann outranked; moved idle outranked; moved nobody credited"},
		{cast.bob,
			"moved bob; referral_code=ann ann outranked; moved idle outranked; moved nobody outranked; moved bob credited"},
	} {
		to := refgrow.Set(step.to)
		if step.to == 0 {
			to = refgrow.Clear[int64]()
		}
		must(cast.project.UpdateConversion(ctx, c.ID, refgrow.UpdateConversionParams{AffiliateID: to}))
		got := must(cast.project.GetConversion(ctx, c.ID))
		equal(w, "the decision", cast.decided(w.decision(got)), step.want)
		equal(w, "the affiliate", got.AffiliateID, step.to)
	}
	equal(w, "the customer's affiliate", must(cast.project.ReferralByEmail(ctx, "new@example.com")).AffiliateID, cast.ann)
	w.verify()
}
