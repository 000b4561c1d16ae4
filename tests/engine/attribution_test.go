package engine_test

import (
	"reflect"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// A coupon is found by its code, or else by a payment provider's id, even where the
// code of an inactive one is in the way.
func TestCouponsByProvidersID(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jane, joe, idle := p.Affiliate("jane"), p.Affiliate("joe"), p.Affiliate("idle")
	for _, c := range []refgrow.CreateCouponParams{
		{AffiliateID: jane.ID, Code: "OLD10", Status: refgrow.CouponInactive},
		{AffiliateID: joe.ID, Code: "NEW10", StripeCouponID: "OLD10"},
		{AffiliateID: jane.ID, Code: "OLD20", Status: refgrow.CouponInactive},
		{AffiliateID: joe.ID, Code: "NEW20", LemonSqueezyDiscountCode: "OLD20"},
		{AffiliateID: idle.ID, Code: "IDLE"},
		{AffiliateID: joe.ID, Code: "BUSY", StripeCouponID: "IDLE"},
		{AffiliateID: jane.ID, Code: "BOTH", Status: refgrow.CouponInactive},
		{AffiliateID: jane.ID, Code: "BOTH-1", StripeCouponID: "BOTH"},
		{AffiliateID: joe.ID, Code: "BOTH-2", LemonSqueezyDiscountCode: "BOTH"},
		{AffiliateID: jane.ID, Code: "TWICE-1", StripeCouponID: "twice"},
		{AffiliateID: joe.ID, Code: "TWICE-2", StripeCouponID: "twice"},
		{AffiliateID: joe.ID, Code: "SAME-1", StripeCouponID: "same"},
		{AffiliateID: joe.ID, Code: "SAME-2", StripeCouponID: "same", LemonSqueezyDiscountCode: "same"},
		{AffiliateID: jane.ID, Code: "ALONE", Status: refgrow.CouponInactive},
		{AffiliateID: joe.ID, Code: "ALONE-1", StripeCouponID: "ALONE", Status: refgrow.CouponInactive},
		{AffiliateID: jane.ID, Code: "FIRST"},
		{AffiliateID: joe.ID, Code: "FIRST-1", StripeCouponID: "FIRST"},
	} {
		p.Coupon(c)
	}
	_, err := p.Shop.UpdateAffiliate(t.Context(), idle.ID, refgrow.UpdateAffiliateParams{
		Status: new(refgrow.AffiliateInactive),
	})
	p.OK(err)
	for code, want := range map[string]struct {
		named   int64
		outcome refgrow.Outcome
	}{
		"OLD10":   {joe.ID, refgrow.OutcomeCredited},
		"old10":   {jane.ID, refgrow.OutcomeInactive}, // the case of a provider's id counts
		"OLD20":   {joe.ID, refgrow.OutcomeCredited},
		"IDLE":    {joe.ID, refgrow.OutcomeCredited},
		"BOTH":    {0, refgrow.OutcomeAmbiguous},
		"twice":   {0, refgrow.OutcomeAmbiguous},
		"same":    {joe.ID, refgrow.OutcomeCredited},
		"ALONE":   {jane.ID, refgrow.OutcomeInactive},
		"FIRST":   {jane.ID, refgrow.OutcomeCredited},
		"unknown": {0, refgrow.OutcomeUnknown},
	} {
		c := p.Record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"), CouponCode: code,
		})
		d := p.decision(c)
		candidates := []refgrow.Candidate{
			{Source: refgrow.ReasonCoupon, Code: code, AffiliateID: want.named, Outcome: want.outcome},
		}
		reason, credited := refgrow.ReasonNone, int64(0)
		if want.outcome == refgrow.OutcomeCredited {
			reason, credited = refgrow.ReasonCoupon, want.named
		}
		if c.AffiliateID != credited || d.Chosen != credited || d.Reason != reason ||
			!reflect.DeepEqual(d.Candidates, candidates) {
			t.Errorf("the coupon %s credits %d: %+v", code, c.AffiliateID, d)
		}
		// What is nobody's coupon is skipped.
		c = p.Record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"), CouponCode: code, ReferralCode: "jane",
		})
		if credited == 0 {
			credited = jane.ID
		}
		if c.AffiliateID != credited {
			t.Errorf("the coupon %s with jane's code credits %d", code, c.AffiliateID)
		}
	}
	p.Verify()
}

// Only ASCII letters have another case: what looks or folds like a code is not that
// code.
func TestCodesFoldASCIIAlone(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	jack, err := p.Shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{
		Email: "jack@example.com", ReferralCode: "JACK", PartnerSlug: "socks",
	})
	p.OK(err)
	p.Coupon(refgrow.CreateCouponParams{AffiliateID: jack.ID, Code: "SKI"})
	for code, found := range map[string]bool{
		"JACK": true, "jack": true, "jAcK": true, "SOCKS": true, "socks": true,
		"JAC\u212a": false,                      // the Kelvin sign, whose lower case is k
		"jac\u212a": false, "\u017focks": false, // the long s, whose upper case is S
		"\uff2aACK": false,
	} {
		a, err := p.Shop.AffiliateByCode(t.Context(), code)
		if found {
			p.OK(err)
			if a.ID != jack.ID {
				t.Errorf("%+q leads to %+v", code, a)
			}
			continue
		}
		p.Refused("the code "+code, err, refgrow.ErrNotFound, "")
		c := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, ReferralCode: code})
		if d := p.decision(c); c.AffiliateID != 0 || d.Reason != refgrow.ReasonCodeUnknown {
			t.Errorf("a signup with %+q is credited to %d: %+v", code, c.AffiliateID, d)
		}
	}
	for code, credited := range map[string]int64{"ski": jack.ID, "SKI": jack.ID, "S\u212aI": 0, "\u017fKI": 0} {
		if c := p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup, CouponCode: code}); c.AffiliateID != credited {
			t.Errorf("a signup with the coupon %+q is credited to %d", code, c.AffiliateID)
		}
	}
	p.Verify()
}

// A conversion that no method returned has no decision, and says so.
func TestDecisionOfNoConversion(t *testing.T) {
	t.Parallel()
	d, err := new(refgrow.Conversion).Decision()
	if err != nil || !reflect.DeepEqual(d, refgrow.Decision{}) {
		t.Errorf("the decision is %+v (%v)", d, err)
	}
}
