package conformance

import (
	"fmt"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func customerTests() []test {
	return []test{
		{"found", findCustomers},
		{"contradictions", contradictingNames},
		{"statuses", customerStatuses},
		{"affiliates", customerAffiliates},
	}
}

// A customer is found by each of its names, and learns those it lacked; one that
// was not seen before is created.
func findCustomers(w *world) {
	ctx := w.Context()
	carl := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com", ExternalID: "u_1"}))
	for _, c := range []refgrow.Customer{
		{ID: carl.ID}, {Email: "CARL@example.com"}, {ExternalID: "u_1"}, {ID: carl.ID, Email: "carl@example.com", ExternalID: "u_1"},
		// A new name beside a known one changes nothing that is there.
		{ID: carl.ID, Email: "new@example.com"}, {ExternalID: "u_1", Email: "new@example.com"}, {Email: "carl@example.com", ExternalID: "u_new"},
	} {
		got := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Customer: c})
		equal(w, fmt.Sprintf("the customer by %+v", c), got.ReferredUserID, carl.ID)
	}
	equal(w, "the customer", *must(w.shop.GetReferral(ctx, carl.ID)), *carl)
	equal(w, "nobody", w.record(refgrow.RecordConversionParams{Type: refgrow.Signup}).ReferredUserID, 0)
	equal(w, "the count", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 1)

	for _, c := range []refgrow.Customer{{Email: "New@example.com"}, {ExternalID: "u_new"}, {Email: "both@example.com", ExternalID: "u_both"}} {
		w.clock.Advance(time.Minute)
		at := w.clock.Now().Add(-time.Hour)
		made := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Customer: c, OccurredAt: at})
		got := must(w.shop.GetReferral(ctx, made.ReferredUserID))
		equal(w, "the new one's external id", got.ExternalID, c.ExternalID)
		equal(w, "the new one's status", got.Status, refgrow.ReferralDirectSignup)
		equal(w, "the new one's time", got.CreatedAt, at)
		again := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Customer: c})
		equal(w, "the customer of the next", again.ReferredUserID, made.ReferredUserID)
	}
	// What was missing is filled in.
	learned := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Customer: refgrow.Customer{Email: "new@example.com", ExternalID: "u_9"}})
	equal(w, "the one that learned its id", must(w.shop.ReferralByExternalID(ctx, "u_9")).ID, learned.ReferredUserID)
	learned = w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Customer: refgrow.Customer{Email: "u@example.com", ExternalID: "u_new"}})
	equal(w, "the one that learned its email", must(w.shop.ReferralByEmail(ctx, "u@example.com")).ID, learned.ReferredUserID)
	equal(w, "the count of all", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 4)
	w.verify()
}

// Names of different customers are refused, with the name at fault: the later
// one of id, external id and email.
func contradictingNames(w *world) {
	ctx := w.Context()
	carl := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com", ExternalID: "u_1"}))
	cora := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "cora@example.com", ExternalID: "u_2"}))
	must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "cleo@example.com"}))
	for _, c := range []struct {
		customer refgrow.Customer
		field    string
	}{
		{refgrow.Customer{ID: carl.ID, ExternalID: "u_2"}, "external_id"},
		{refgrow.Customer{ID: carl.ID, Email: "cora@example.com"}, "email"},
		{refgrow.Customer{ExternalID: "u_1", Email: "cora@example.com"}, "email"},
		{refgrow.Customer{ExternalID: "u_1", Email: "cleo@example.com"}, "email"},
		{refgrow.Customer{ID: carl.ID, ExternalID: "u_2", Email: "carl@example.com"}, "external_id"},
		{refgrow.Customer{ID: carl.ID, ExternalID: "u_1", Email: "cora@example.com"}, "email"},
		{refgrow.Customer{ID: cora.ID, ExternalID: "u_1", Email: "cleo@example.com"}, "external_id"},
	} {
		w.refused(fmt.Sprintf("a conversion of %+v", c.customer), errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Signup, Customer: c.customer,
		})), refgrow.ErrInvalid, c.field)
	}
	w.refused("an unknown id beside a known email", errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Signup, Customer: refgrow.Customer{ID: 1 << 40, Email: "carl@example.com"},
	})), refgrow.ErrNotFound, "")
	equal(w, "the count", must(w.shop.CountConversions(ctx, refgrow.ListConversionsParams{})), 0)
	w.verify()
}

// What becomes of a customer by a conversion, with an affiliate and without.
func customerStatuses(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	const pending, converted, direct, signup = refgrow.ReferralPending, refgrow.ReferralConverted, refgrow.ReferralDirect, refgrow.ReferralDirectSignup
	type now struct {
		status refgrow.ReferralStatus
		at     int // the conversion that set the date, counted from 1; 0: none
	}
	for what, steps := range map[string][]struct {
		kind       refgrow.ConversionType
		attributed bool
		want       now
	}{
		"a direct buyer":                {{refgrow.Purchase, false, now{direct, 1}}, {refgrow.Purchase, false, now{direct, 1}}},
		"a referred buyer":              {{refgrow.Purchase, true, now{converted, 1}}, {refgrow.Purchase, true, now{converted, 1}}},
		"a direct signup":               {{refgrow.Signup, false, now{signup, 0}}, {refgrow.Purchase, false, now{direct, 2}}},
		"a referred signup":             {{refgrow.Signup, true, now{pending, 0}}, {refgrow.Signup, true, now{pending, 0}}, {refgrow.Purchase, true, now{converted, 3}}},
		"one that is referred later":    {{refgrow.Signup, false, now{signup, 0}}, {refgrow.Signup, true, now{pending, 0}}},
		"a direct buyer, referred then": {{refgrow.Purchase, false, now{direct, 1}}, {refgrow.Purchase, true, now{converted, 1}}, {refgrow.Signup, true, now{converted, 1}}},
	} {
		var dates []time.Time
		for i, step := range steps {
			w.clock.Advance(time.Hour)
			at := w.clock.Now().Add(-time.Minute)
			dates = append(dates, at)
			params := refgrow.RecordConversionParams{Type: step.kind, Customer: refgrow.Customer{ExternalID: what}, OccurredAt: at}
			if step.kind == refgrow.Purchase {
				params.BaseValue = money.MustParse("10.00 USD")
			}
			if step.attributed {
				params.AffiliateID = jane.ID
			}
			w.record(params)
			got := must(w.shop.ReferralByExternalID(ctx, what))
			equal(w, fmt.Sprintf("the status of %s after step %d", what, i+1), got.Status, step.want.status)
			dated := got.ConversionDate != nil
			if dated != (step.want.at > 0) || dated && !got.ConversionDate.Equal(dates[step.want.at-1]) {
				w.Errorf("%s has the conversion date %v after step %d", what, got.ConversionDate, i+1)
			}
		}
	}
	w.verify()
}

// A credited conversion gives its affiliate to a customer who has none, and
// never replaces one.
func customerAffiliates(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	record := func(params refgrow.RecordConversionParams) int64 {
		w.Helper()
		params.Type = refgrow.Signup
		params.Customer.ExternalID = "u_1"
		w.record(params)
		got, err := w.shop.ReferralByExternalID(ctx, "u_1")
		w.ok(err)
		return got.AffiliateID
	}
	equal(w, "the affiliate of a stranger", record(refgrow.RecordConversionParams{}), 0)
	equal(w, "the affiliate by an unknown code", record(refgrow.RecordConversionParams{ReferralCode: "nobody"}), 0)
	equal(w, "the affiliate by a code", record(refgrow.RecordConversionParams{ReferralCode: "jane"}), jane.ID)
	equal(w, "the affiliate after another's conversion", record(refgrow.RecordConversionParams{AffiliateID: joe.ID}), jane.ID)
	equal(w, "the affiliate after another's code", record(refgrow.RecordConversionParams{ReferralCode: "joe"}), jane.ID)
	a, b := must(w.shop.GetAffiliate(ctx, jane.ID)), must(w.shop.GetAffiliate(ctx, joe.ID))
	equal(w, "the signups of both", [2]int64{a.Signups, b.Signups}, [2]int64{2, 1})
	w.verify()
}
