package conformance

import (
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func referralTests() []test {
	return []test{
		{"create and find", createReferrals},
		{"refused", refuseReferrals},
		{"update", updateReferrals},
		{"delete", deleteReferrals},
		{"filters", filterReferrals},
	}
}

// Without an affiliate and a status, a new one has signed up directly; otherwise it is
// pending. A customer who has bought has a conversion date.
func createReferrals(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	for _, c := range []struct {
		params    refgrow.CreateReferralParams
		status    refgrow.ReferralStatus
		converted bool
	}{
		{refgrow.CreateReferralParams{Email: "A@Example.com"}, refgrow.ReferralDirectSignup, false},
		{refgrow.CreateReferralParams{Email: "b@example.com", AffiliateID: jane.ID}, refgrow.ReferralPending, false},
		{refgrow.CreateReferralParams{Email: "c@example.com", Status: refgrow.ReferralPending},
			refgrow.ReferralPending, false},
		{refgrow.CreateReferralParams{ExternalID: "u_4", AffiliateID: jane.ID, Status: refgrow.ReferralConverted},
			refgrow.ReferralConverted, true},
		{refgrow.CreateReferralParams{Email: "e@example.com", ExternalID: "u_5", Status: refgrow.ReferralDirect},
			refgrow.ReferralDirect, true},
	} {
		made := must(w.shop.CreateReferral(ctx, c.params))
		want := refgrow.Referral{
			ID: made.ID, Email: strings.ToLower(c.params.Email), ExternalID: c.params.ExternalID,
			AffiliateID: c.params.AffiliateID, Status: c.status, CreatedAt: w.clock.Now(),
		}
		if c.params.AffiliateID != 0 {
			want.AffiliateCode = "JANE"
		}
		if c.params.ExternalID != "" {
			want.ExternalIDs = []string{c.params.ExternalID}
		}
		w.sameReferral("the new one", made, want, c.converted)
		w.sameReferral("the one by id", must(w.shop.GetReferral(ctx, made.ID)), want, c.converted)
		if want.Email != "" {
			w.sameReferral("the one by email", must(w.shop.ReferralByEmail(ctx, strings.ToUpper(want.Email))), want, c.converted)
		}
		if want.ExternalID != "" {
			w.sameReferral("the one by external id", must(w.shop.ReferralByExternalID(ctx, want.ExternalID)), want, c.converted)
		}
		w.clock.Advance(time.Minute)
	}
	w.refused("an unknown id", errOf(w.shop.GetReferral(ctx, 1<<40)), refgrow.ErrNotFound, "")
	w.refused("an unknown email", errOf(w.shop.ReferralByEmail(ctx, "nobody@example.com")), refgrow.ErrNotFound, "")
	w.refused("no email", errOf(w.shop.ReferralByEmail(ctx, "nobody")), refgrow.ErrInvalid, "email")
	w.refused("an external id in another case", errOf(w.shop.ReferralByExternalID(ctx, "U_5")), refgrow.ErrNotFound, "")
	w.verify()
}

// sameReferral compares a referral; a conversion date is the time of its creation.
func (w *world) sameReferral(what string, got *refgrow.Referral, want refgrow.Referral, converted bool) {
	w.Helper()
	plain := *got
	plain.ConversionDate = nil
	equal(w, what, plain, want)
	if (got.ConversionDate != nil) != converted || converted && !got.ConversionDate.Equal(got.CreatedAt) {
		w.Errorf("%s has the conversion date %v", what, got.ConversionDate)
	}
}

func refuseReferrals(w *world) {
	ctx := w.Context()
	carl := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com", ExternalID: "u_1"}))
	cora := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "cora@example.com"}))
	for _, c := range []struct {
		params refgrow.CreateReferralParams
		kind   error
		field  string
	}{
		{refgrow.CreateReferralParams{}, refgrow.ErrInvalid, "email"},
		{refgrow.CreateReferralParams{Email: "nobody"}, refgrow.ErrInvalid, "email"},
		{refgrow.CreateReferralParams{Email: "new@example.com", Status: "lost"}, refgrow.ErrInvalid, "status"},
		{refgrow.CreateReferralParams{Email: "new@example.com", AffiliateID: -1}, refgrow.ErrInvalid, "affiliate_id"},
		{refgrow.CreateReferralParams{ExternalID: strings.Repeat("x", 256)}, refgrow.ErrInvalid, "external_id"},
		{refgrow.CreateReferralParams{Email: "new@example.com", AffiliateID: 1 << 40}, refgrow.ErrNotFound, ""},
	} {
		w.refused("creating one", errOf(w.shop.CreateReferral(ctx, c.params)), c.kind, c.field)
	}
	for _, c := range []struct {
		params refgrow.UpdateReferralParams
		kind   error
		field  string
	}{
		{refgrow.UpdateReferralParams{Email: new("")}, refgrow.ErrInvalid, "email"},
		{refgrow.UpdateReferralParams{Status: new(refgrow.ReferralStatus("lost"))}, refgrow.ErrInvalid, "status"},
		{refgrow.UpdateReferralParams{AffiliateID: refgrow.Set(int64(0))}, refgrow.ErrInvalid, "affiliate_id"},
		{refgrow.UpdateReferralParams{AffiliateID: refgrow.Set(int64(1 << 40))}, refgrow.ErrNotFound, ""},
	} {
		w.refused("updating one", errOf(w.shop.UpdateReferral(ctx, cora.ID, c.params)), c.kind, c.field)
	}
	w.takenBy("a taken email", errOf(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{
		Email: "CARL@example.com",
	})), "email", carl.ID)
	w.takenBy("a taken external id", errOf(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{
		Email: "new@example.com", ExternalID: "u_1",
	})), "external_id", carl.ID)
	w.takenBy("a new email that is taken", errOf(w.shop.UpdateReferral(ctx, cora.ID, refgrow.UpdateReferralParams{
		Email: new("Carl@example.com"),
	})), "email", carl.ID)
	w.refused("an unknown one",
		errOf(w.shop.UpdateReferral(ctx, 1<<40, refgrow.UpdateReferralParams{})), refgrow.ErrNotFound, "")
	equal(w, "the first one", *must(w.shop.GetReferral(ctx, carl.ID)), *carl)
	equal(w, "the other one", *must(w.shop.GetReferral(ctx, cora.ID)), *cora)
	equal(w, "the count", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 2)
	w.verify()
}

func updateReferrals(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	carl := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com", AffiliateID: jane.ID}))
	update := func(params refgrow.UpdateReferralParams) *refgrow.Referral {
		w.Helper()
		got, err := w.shop.UpdateReferral(ctx, carl.ID, params)
		w.ok(err)
		return got
	}
	sale := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Customer: refgrow.Customer{ID: carl.ID}})

	// A new affiliate gets later conversions only.
	equal(w, "the new affiliate's code",
		update(refgrow.UpdateReferralParams{AffiliateID: refgrow.Set(joe.ID)}).AffiliateCode, "JOE")
	equal(w, "who has the earlier conversion", must(w.shop.GetConversion(ctx, sale.ID)).AffiliateID, jane.ID)
	equal(w, "who has a later one", w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"), Customer: refgrow.Customer{Email: "carl@example.com"},
	}).AffiliateID, joe.ID)
	update(refgrow.UpdateReferralParams{Status: new(refgrow.ReferralPending)})
	equal(w, "the affiliate of nobody's",
		update(refgrow.UpdateReferralParams{AffiliateID: refgrow.Clear[int64]()}).AffiliateCode, "")
	equal(w, "the new email",
		update(refgrow.UpdateReferralParams{Email: new("Karl@example.com")}).Email, "karl@example.com")
	must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com"})) // free again

	// A status of a customer who has bought sets the date, the others clear it; the
	// same status again changes nothing.
	for _, c := range []struct {
		status refgrow.ReferralStatus
		dated  bool
	}{
		{refgrow.ReferralConverted, true}, {refgrow.ReferralPending, false}, {refgrow.ReferralDirect, true},
		{refgrow.ReferralDirectSignup, false},
	} {
		w.clock.Advance(time.Hour)
		at := w.clock.Now()
		update(refgrow.UpdateReferralParams{Status: &c.status})
		w.clock.Advance(time.Hour)
		update(refgrow.UpdateReferralParams{Status: &c.status})
		got := must(w.shop.GetReferral(ctx, carl.ID))
		equal(w, "the status", got.Status, c.status)
		if (got.ConversionDate != nil) != c.dated || c.dated && !got.ConversionDate.Equal(at) {
			w.Errorf("%s has the conversion date %v", c.status, got.ConversionDate)
		}
	}
	w.verify()
}

// The conversions of a deleted customer stay, without the customer.
func deleteReferrals(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	carl := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{
		Email: "carl@example.com", ExternalID: "u_1", AffiliateID: jane.ID,
	}))
	sale := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, Customer: refgrow.Customer{ID: carl.ID},
	})
	w.ok(w.shop.DeleteReferral(ctx, carl.ID))
	w.refused("a second deletion", w.shop.DeleteReferral(ctx, carl.ID), refgrow.ErrNotFound, "")
	w.refused("the customer", errOf(w.shop.GetReferral(ctx, carl.ID)), refgrow.ErrNotFound, "")
	got := must(w.shop.GetConversion(ctx, sale.ID))
	equal(w, "its conversion's customer", got.ReferredUserID, 0)
	equal(w, "its conversion's affiliate", got.AffiliateID, jane.ID)
	equal(w, "the list of its conversions",
		len(collect(w, w.shop.AllConversions(ctx, refgrow.ListConversionsParams{ReferredUserID: carl.ID}))), 0)
	again := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com", ExternalID: "u_1"}))
	if again.ID <= carl.ID {
		w.Errorf("the id %d was used again as %d", carl.ID, again.ID)
	}
	w.verify()
}

func filterReferrals(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	for _, c := range []refgrow.CreateReferralParams{
		{ExternalID: "1", AffiliateID: jane.ID},
		{ExternalID: "2", AffiliateID: joe.ID, Status: refgrow.ReferralConverted}, {ExternalID: "3"},
		{ExternalID: "4", AffiliateID: jane.ID, Status: refgrow.ReferralConverted},
		{ExternalID: "5", Status: refgrow.ReferralDirect},
	} {
		must(w.shop.CreateReferral(ctx, c))
	}
	for _, c := range []struct {
		params refgrow.ListReferralsParams
		want   string
	}{
		{refgrow.ListReferralsParams{}, "54321"},
		{refgrow.ListReferralsParams{Status: refgrow.ReferralPending}, "1"},
		{refgrow.ListReferralsParams{Status: refgrow.ReferralConverted}, "42"},
		{refgrow.ListReferralsParams{Status: refgrow.ReferralDirect}, "5"},
		{refgrow.ListReferralsParams{Status: refgrow.ReferralDirectSignup}, "3"},
		{refgrow.ListReferralsParams{AffiliateID: jane.ID}, "41"},
		{refgrow.ListReferralsParams{AffiliateID: jane.ID, Status: refgrow.ReferralConverted}, "4"},
		{refgrow.ListReferralsParams{AffiliateID: 1 << 40}, ""},
	} {
		var got string
		for _, r := range collect(w, w.shop.AllReferrals(ctx, c.params)) {
			got += r.ExternalID
		}
		equal(w, "the list", got, c.want)
		equal(w, "the count of "+c.want, must(w.shop.CountReferrals(ctx, c.params)), int64(len(c.want)))
	}
	w.refused("an unknown status", errOf(w.shop.ListReferrals(ctx, refgrow.ListReferralsParams{Status: "lost"})),
		refgrow.ErrInvalid, "status")
	w.refused("an id below 0", errOf(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{AffiliateID: -1})),
		refgrow.ErrInvalid, "affiliate_id")
	w.verify()
}
