package conformance

import (
	"errors"
	"fmt"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func customerTests() []test {
	return []test{
		{"found", findCustomers},
		{"contradictions", contradictingNames},
		{"one signup", oneSignup},
		{"merged", mergedCustomers},
		{"merged in steps", mergeInSteps},
		{"many names", manyNames},
		{"statuses", customerStatuses},
		{"affiliates", customerAffiliates},
	}
}

// bought records a purchase of a customer.
func (w *world) bought(c refgrow.Customer) *refgrow.Conversion {
	w.Helper()
	return w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"), Customer: c,
	})
}

// A customer is found by each of its names, and learns those it lacked; one that
// was not seen before is created.
func findCustomers(w *world) {
	ctx := w.Context()
	carl := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com", ExternalID: "u_1"}))
	for _, c := range []refgrow.Customer{
		{ID: carl.ID}, {Email: "CARL@example.com"}, {ExternalID: "u_1"},
		{ID: carl.ID, Email: "carl@example.com", ExternalID: "u_1"},
		// A further email is not kept, a further external id is.
		{ID: carl.ID, Email: "new@example.com"}, {ExternalID: "u_1", Email: "new@example.com"},
		{Email: "carl@example.com", ExternalID: "u_7"}, {ExternalID: "u_7"}, {ID: carl.ID, ExternalID: "u_1"},
		{ID: carl.ID, ExternalID: "u_8", Email: "new@example.com"}, {Email: "carl@example.com", ExternalID: "u_8"},
	} {
		got := w.bought(c)
		equal(w, fmt.Sprintf("the customer by %+v", c), got.ReferredUserID, carl.ID)
		equal(w, fmt.Sprintf("the notes on %+v", c), w.decision(got).Notes, nil)
	}
	now := must(w.shop.GetReferral(ctx, carl.ID))
	equal(w, "the customer's names", []any{now.Email, now.ExternalID, now.ExternalIDs},
		[]any{"carl@example.com", "u_1", []string{"u_1", "u_7", "u_8"}})
	for _, id := range now.ExternalIDs {
		equal(w, "the one with "+id, *must(w.shop.ReferralByExternalID(ctx, id)), *now)
	}
	equal(w, "the list", must(w.shop.ListReferrals(ctx, refgrow.ListReferralsParams{})).Items, []refgrow.Referral{*now})
	equal(w, "nobody", w.bought(refgrow.Customer{}).ReferredUserID, 0)
	equal(w, "the count", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 1)
	for _, id := range []string{"u_1", "u_8"} {
		w.takenBy("a second one with "+id, errOf(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: id})),
			"external_id", carl.ID)
	}

	for _, c := range []refgrow.Customer{
		{Email: "New@example.com"}, {ExternalID: "u_new"}, {Email: "both@example.com", ExternalID: "u_both"},
	} {
		w.clock.Advance(time.Minute)
		at := w.clock.Now().Add(-time.Hour)
		made := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Customer: c, OccurredAt: at})
		got := must(w.shop.GetReferral(ctx, made.ReferredUserID))
		equal(w, "the new one's external id", got.ExternalID, c.ExternalID)
		equal(w, "the new one's status", got.Status, refgrow.ReferralDirectSignup)
		equal(w, "the new one's time", got.CreatedAt, at)
		equal(w, "the customer of the next", w.bought(c).ReferredUserID, made.ReferredUserID)
	}
	// What was missing is filled in.
	learned := w.bought(refgrow.Customer{Email: "new@example.com", ExternalID: "u_9"})
	equal(w, "the one that learned its id", must(w.shop.ReferralByExternalID(ctx, "u_9")).ID, learned.ReferredUserID)
	learned = w.bought(refgrow.Customer{Email: "u@example.com", ExternalID: "u_new"})
	equal(w, "the one that learned its email",
		must(w.shop.ReferralByEmail(ctx, "u@example.com")).ID, learned.ReferredUserID)
	equal(w, "the count of all", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 4)

	// Whoever is deleted leaves all names.
	w.ok(w.shop.DeleteReferral(ctx, carl.ID))
	for _, id := range now.ExternalIDs {
		w.refused("the one with "+id, errOf(w.shop.ReferralByExternalID(ctx, id)), refgrow.ErrNotFound, "")
	}
	w.verify()
}

// The first name that somebody has finds the customer. A name of another customer stays
// there, which the decision notes. Whatever was accepted once is accepted again.
func contradictingNames(w *world) {
	ctx := w.Context()
	carl := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com", ExternalID: "u_1"}))
	cora := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "cora@example.com", ExternalID: "u_2"}))
	cleo := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "cleo@example.com"}))
	w.bought(refgrow.Customer{ID: cora.ID, ExternalID: "u_3"})
	note := func(field string, of *refgrow.Referral) refgrow.Note {
		return refgrow.Note{Code: refgrow.NoteCustomerConflict, Field: field, ReferredUserID: of.ID}
	}
	for _, c := range []struct {
		customer refgrow.Customer
		found    *refgrow.Referral
		notes    []refgrow.Note
	}{
		{refgrow.Customer{ID: carl.ID, ExternalID: "u_2"}, carl, []refgrow.Note{note("external_id", cora)}},
		{refgrow.Customer{ID: carl.ID, ExternalID: "u_3"}, carl, []refgrow.Note{note("external_id", cora)}},
		{refgrow.Customer{ID: carl.ID, Email: "cora@example.com"}, carl, []refgrow.Note{note("email", cora)}},
		{refgrow.Customer{ExternalID: "u_1", Email: "cora@example.com"}, carl, []refgrow.Note{note("email", cora)}},
		{refgrow.Customer{ExternalID: "u_3", Email: "carl@example.com"}, cora, []refgrow.Note{note("email", carl)}},
		{refgrow.Customer{ExternalID: "u_1", Email: "cleo@example.com"}, carl, []refgrow.Note{note("email", cleo)}},
		{refgrow.Customer{ID: carl.ID, ExternalID: "u_2", Email: "carl@example.com"}, carl,
			[]refgrow.Note{note("external_id", cora)}},
		{refgrow.Customer{ID: carl.ID, ExternalID: "u_1", Email: "cora@example.com"}, carl,
			[]refgrow.Note{note("email", cora)}},
		{refgrow.Customer{ID: cora.ID, ExternalID: "u_1", Email: "cleo@example.com"}, cora,
			[]refgrow.Note{note("external_id", carl), note("email", cleo)}},
		{refgrow.Customer{ID: cleo.ID, ExternalID: "u_3", Email: "cora@example.com"}, cleo,
			[]refgrow.Note{note("external_id", cora), note("email", cora)}},
	} {
		for range 2 {
			got := w.bought(c.customer)
			equal(w, fmt.Sprintf("the customer of %+v", c.customer), got.ReferredUserID, c.found.ID)
			equal(w, fmt.Sprintf("the notes on %+v", c.customer),
				w.decision(must(w.shop.GetConversion(ctx, got.ID))).Notes, c.notes)
		}
	}
	for _, one := range []*refgrow.Referral{carl, cora, cleo} {
		now := must(w.shop.GetReferral(ctx, one.ID))
		equal(w, "the names", []string{now.Email, now.ExternalID}, []string{one.Email, one.ExternalID})
	}
	w.refused("an unknown id with a known email", errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Signup, Customer: refgrow.Customer{ID: 1 << 40, Email: "carl@example.com"},
	})), refgrow.ErrNotFound, "")
	equal(w, "the signups",
		must(w.shop.CountConversions(ctx, refgrow.ListConversionsParams{Type: refgrow.Signup})), 0)
	w.verify()
}

// A customer signs up once.
func oneSignup(w *world) {
	ctx := w.Context()
	must(w.shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{
		SignupCommission: new(refgrow.Fixed(money.MustParse("1.00 USD"))),
	}))
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	hook := w.hook(refgrow.EventReferralSignedUp, refgrow.EventReferralConverted, refgrow.EventReferralUpdated)
	signup := func(code string, c refgrow.Customer) *refgrow.Conversion {
		w.Helper()
		return w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, ReferralCode: code, Customer: c})
	}
	first := signup("JANE", refgrow.Customer{Email: "carl@example.com"})
	equal(w, "that the first one is repeated", first.Repeated, false)
	equal(w, "what is sent of it", w.sent(hook), "referral_signed_up referral_converted referral_updated")
	for i, c := range []struct {
		code     string
		customer refgrow.Customer
	}{
		{"JANE", refgrow.Customer{Email: "carl@example.com"}},
		{"JOE", refgrow.Customer{Email: "carl@example.com", ExternalID: "u_1"}},
		{"nobody", refgrow.Customer{ExternalID: "u_1"}},
		{"JOE", refgrow.Customer{ExternalID: "u_2", Email: "carl@example.com"}},
		{"JOE", refgrow.Customer{ExternalID: "u_2", Email: "carl@example.com"}},
	} {
		w.clock.Advance(time.Minute)
		again := signup(c.code, c.customer)
		equal(w, fmt.Sprintf("call %d", i+2), []any{again.ID, again.AffiliateID, again.Value, again.Repeated},
			[]any{first.ID, jane.ID, first.Value, true})
	}
	equal(w, "what is sent of repeated ones", w.sent(hook), "")
	equal(w, "the balance", w.balances(jane.ID)+w.balances(joe.ID), "USD total 1.00 paid 0.00 eligible 1.00 held 0.00")
	equal(w, "the customer's names",
		must(w.shop.ReferralByEmail(ctx, "carl@example.com")).ExternalIDs, []string{"u_1", "u_2"})
	stored := must(w.shop.GetConversion(ctx, first.ID))
	equal(w, "why", w.why(stored), "referral_code; referral_code JANE credited; customer  outranked; "+
		"referral_code JANE outranked; referral_code JOE outranked; referral_code nobody unknown")
	equal(w, "that the first one was repeated", stored.Repeated, false)

	// References stay unique, and another one is not kept.
	ref := func(r string, c refgrow.Customer) error {
		return errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Signup, Reference: r, Customer: c,
		}))
	}
	w.ok(ref("s-1", refgrow.Customer{ExternalID: "u_1"}))
	w.ok(ref("s-1", refgrow.Customer{ExternalID: "other"}))
	for _, id := range []string{"u_1", "other"} { // that of another one, and its own
		w.refused("the reference for "+id, ref("s-1", refgrow.Customer{ExternalID: id}), refgrow.ErrConflict, "reference")
	}
	equal(w, "the reference", must(w.shop.GetConversion(ctx, first.ID)).Reference, "")

	// One that nobody was credited with goes to the affiliate that a later call leads to.
	lost := signup("", refgrow.Customer{ExternalID: "u_9"})
	equal(w, "who is credited at first", lost.AffiliateID, 0)
	again := signup("JOE", refgrow.Customer{ExternalID: "u_9"})
	equal(w, "the moved one", []any{again.ID, again.AffiliateID, again.Repeated}, []any{lost.ID, joe.ID, true})
	equal(w, "why it is moved", w.why(again), "moved; referral_code JOE credited; moved  credited")
	equal(w, "the customer's affiliate", must(w.shop.ReferralByExternalID(ctx, "u_9")).AffiliateID, joe.ID)
	equal(w, "the customer's status", must(w.shop.ReferralByExternalID(ctx, "u_9")).Status, refgrow.ReferralPending)
	once := signup("JANE", refgrow.Customer{ExternalID: "u_9"})
	equal(w, "who has it after one more", []any{once.ID, once.AffiliateID}, []any{lost.ID, joe.ID})
	w.update(lost, refgrow.UpdateConversionParams{AffiliateID: refgrow.Clear[int64]()})
	decided := signup("JANE", refgrow.Customer{ExternalID: "u_9"})
	equal(w, "who has it after the owner decided", []any{decided.ID, decided.AffiliateID}, []any{lost.ID, int64(0)})

	// A customer whose signup was deleted can sign up again; other types are not
	// touched.
	w.ok(w.shop.DeleteConversion(ctx, first.ID))
	fresh := signup("", refgrow.Customer{ExternalID: "u_1"})
	equal(w, "the one after a deletion", []any{fresh.ID != first.ID, fresh.Repeated}, []any{true, false})
	must(w.shop.UpdateConversion(ctx, fresh.ID, refgrow.UpdateConversionParams{
		Type: new(refgrow.Purchase), BaseValue: refgrow.Set(money.MustParse("1.00 USD")),
	}))
	next := signup("", refgrow.Customer{ExternalID: "u_1"})
	equal(w, "the one after a change of type", []any{next.ID != fresh.ID, next.Repeated}, []any{true, false})
	signup("", refgrow.Customer{})
	equal(w, "that another one of nobody is repeated", signup("", refgrow.Customer{}).Repeated, false)
	w.verify()
}

// Two customers who are one person are joined.
func mergedCustomers(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	hook := w.hook(refgrow.EventReferralUpdated, refgrow.EventReferralCanceled, refgrow.EventReferralSignedUp)
	buy := func(code string, c refgrow.Customer) *refgrow.Conversion {
		w.Helper()
		w.clock.Advance(time.Hour)
		return w.record(refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: money.MustParse("10.00 USD"), Value: money.MustParse("2.00 USD"),
			ReferralCode: code, Customer: c,
		})
	}
	early := buy("JOE", refgrow.Customer{ExternalID: "u_1"})
	buy("", refgrow.Customer{ExternalID: "u_1", Email: "carl@example.com"})
	late := buy("JANE", refgrow.Customer{ExternalID: "u_2"})
	buy("", refgrow.Customer{ID: late.ReferredUserID, ExternalID: "u_3"})
	before := w.balances(jane.ID) + w.balances(joe.ID)
	w.sent(hook)
	for _, c := range []struct {
		id, from int64
		kind     error
		field    string
	}{
		{early.ReferredUserID, early.ReferredUserID, refgrow.ErrInvalid, "from"},
		{early.ReferredUserID, 0, refgrow.ErrInvalid, "from"}, {early.ReferredUserID, -1, refgrow.ErrInvalid, "from"},
		{early.ReferredUserID, 1 << 40, refgrow.ErrNotFound, ""}, {1 << 40, early.ReferredUserID, refgrow.ErrNotFound, ""},
	} {
		w.refused(fmt.Sprint("merging ", c.id, c.from), errOf(w.shop.MergeReferrals(ctx, c.id, c.from)), c.kind, c.field)
	}
	date := must(w.shop.GetReferral(ctx, early.ReferredUserID)).ConversionDate
	got := must(w.shop.MergeReferrals(ctx, late.ReferredUserID, early.ReferredUserID))
	equal(w, "the merged one", *got, *must(w.shop.GetReferral(ctx, late.ReferredUserID)))
	equal(w, "its names", []any{got.ID, got.Email, got.ExternalID, got.ExternalIDs},
		[]any{late.ReferredUserID, "carl@example.com", "u_2", []string{"u_2", "u_3", "u_1"}})
	equal(w, "its affiliate", got.AffiliateID, jane.ID)
	equal(w, "its conversion date", *got.ConversionDate, *date)
	equal(w, "its conversions", must(w.shop.CountConversions(ctx, refgrow.ListConversionsParams{
		ReferredUserID: got.ID,
	})), 4)
	equal(w, "the balances", w.balances(jane.ID)+w.balances(joe.ID), before)
	equal(w, "what is sent of it", w.sent(hook), "")
	w.refused("the one that ended", errOf(w.shop.GetReferral(ctx, early.ReferredUserID)), refgrow.ErrNotFound, "")
	w.refused("the same again", errOf(w.shop.MergeReferrals(ctx, got.ID, early.ReferredUserID)), refgrow.ErrNotFound, "")
	for _, c := range []refgrow.Customer{
		{ExternalID: "u_1"}, {ExternalID: "u_2"}, {ExternalID: "u_3"}, {Email: "carl@example.com"},
	} {
		equal(w, fmt.Sprintf("the customer by %+v", c), w.bought(c).ReferredUserID, got.ID)
	}

	// An email that is too many is free again; an affiliate comes along where there was
	// none; who has bought has bought.
	w.clock.Advance(time.Hour)
	dora := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "dora@example.com"}))
	got = must(w.shop.MergeReferrals(ctx, dora.ID, got.ID))
	equal(w, "the other way round", []any{got.Email, got.ExternalIDs, got.AffiliateID, got.AffiliateCode, got.Status},
		[]any{"dora@example.com", []string{"u_2", "u_3", "u_1"}, jane.ID, "JANE", refgrow.ReferralConverted})
	equal(w, "its date", *got.ConversionDate, *date)
	equal(w, "whose the other email is", w.bought(named("carl@example.com")).ReferredUserID == got.ID, false)

	// In a transaction that ends otherwise nothing has happened.
	undone := errors.New("undone")
	other := must(w.shop.ReferralByEmail(ctx, "carl@example.com"))
	err := w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		_, err := p.MergeReferrals(ctx, got.ID, other.ID)
		w.ok(err)
		return undone
	})
	equal(w, "that it is undone", errors.Is(err, undone), true)
	equal(w, "the one that stays", *must(w.shop.GetReferral(ctx, other.ID)), *other)
	w.verify()
}

// More conversions than one step moves, and the same call once more.
func mergeInSteps(w *world) {
	ctx := w.Context()
	a := w.bought(refgrow.Customer{ExternalID: "a"}).ReferredUserID
	b := w.bought(refgrow.Customer{ExternalID: "b"}).ReferredUserID
	w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		for range 2000 {
			if _, err := p.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Purchase, BaseValue: money.MustParse("1.00 USD"), Customer: refgrow.Customer{ID: b},
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	call := refgrow.Idempotency{Caller: "key", Key: "merge", Request: []byte("a b")}
	answer := func(r *refgrow.Referral) refgrow.Answer {
		return refgrow.Answer{Status: 200, Body: fmt.Append(nil, r.ID, r.ExternalIDs)}
	}
	first, replayed, err := w.shop.Once(call).MergeReferrals(ctx, a, b, answer)
	w.ok(err)
	equal(w, "that the first one is a replay", replayed, false)
	equal(w, "its answer", string(first.Body), fmt.Sprint(a, []string{"a", "b"}))
	again, replayed, err := w.shop.Once(call).MergeReferrals(ctx, a, b, answer)
	w.ok(err)
	equal(w, "that the second one is a replay", replayed, true)
	equal(w, "the second answer", again, first)
	call.Request = []byte("b a")
	_, _, err = w.shop.Once(call).MergeReferrals(ctx, b, a, answer)
	w.refused("another call with the key", err, refgrow.ErrConflict, "Idempotency-Key")
	equal(w, "the conversions", must(w.shop.CountConversions(ctx, refgrow.ListConversionsParams{ReferredUserID: a})), 2002)
	w.verify()
}

// A customer keeps so many external ids. A further one is not kept, and refuses nothing.
func manyNames(w *world) {
	ctx := w.Context()
	carl := must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com", ExternalID: "u_0"}))
	w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		for i := range refgrow.MaxExternalIDs + 1 {
			c, err := p.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Signup, Customer: refgrow.Customer{ID: carl.ID, ExternalID: fmt.Sprint("u_", i+1)},
			})
			if err != nil {
				return err
			}
			equal(w, "the customer", c.ReferredUserID, carl.ID)
		}
		return nil
	}))
	last, more := fmt.Sprint("u_", refgrow.MaxExternalIDs), fmt.Sprint("u_", refgrow.MaxExternalIDs+1)
	got := must(w.shop.ReferralByExternalID(ctx, last))
	equal(w, "the names", []any{got.ID, len(got.ExternalIDs)}, []any{carl.ID, refgrow.MaxExternalIDs + 1})
	w.refused("the one with one more", errOf(w.shop.ReferralByExternalID(ctx, more)), refgrow.ErrNotFound, "")
	other := w.bought(refgrow.Customer{ExternalID: more})
	equal(w, "that one more is somebody else", other.ReferredUserID != carl.ID, true)
	for _, pair := range [][2]int64{{carl.ID, other.ReferredUserID}, {other.ReferredUserID, carl.ID}} {
		w.inTheWayOf("merging them", errOf(w.shop.MergeReferrals(ctx, pair[0], pair[1])), "from", pair[0])
	}
	w.verify()
}

// What a conversion makes of a customer, with an affiliate and without.
func customerStatuses(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	const pending, converted = refgrow.ReferralPending, refgrow.ReferralConverted
	const direct, signup = refgrow.ReferralDirect, refgrow.ReferralDirectSignup
	type now struct {
		status refgrow.ReferralStatus
		at     int // the conversion that set the date, counted from 1; 0: none
	}
	for what, steps := range map[string][]struct {
		kind       refgrow.ConversionType
		attributed bool
		want       now
	}{
		"a direct buyer":   {{refgrow.Purchase, false, now{direct, 1}}, {refgrow.Purchase, false, now{direct, 1}}},
		"a referred buyer": {{refgrow.Purchase, true, now{converted, 1}}, {refgrow.Purchase, true, now{converted, 1}}},
		"a direct signup":  {{refgrow.Signup, false, now{signup, 0}}, {refgrow.Purchase, false, now{direct, 2}}},
		"a referred signup": {{refgrow.Signup, true, now{pending, 0}}, {refgrow.Signup, true, now{pending, 0}},
			{refgrow.Purchase, true, now{converted, 3}}},
		"one that is referred later": {{refgrow.Signup, false, now{signup, 0}}, {refgrow.Signup, true, now{pending, 0}}},
		"a direct buyer, referred then": {{refgrow.Purchase, false, now{direct, 1}},
			{refgrow.Purchase, true, now{converted, 1}}, {refgrow.Signup, true, now{converted, 1}}},
	} {
		var dates []time.Time
		for i, step := range steps {
			w.clock.Advance(time.Hour)
			at := w.clock.Now().Add(-time.Minute)
			dates = append(dates, at)
			params := refgrow.RecordConversionParams{
				Type: step.kind, Customer: refgrow.Customer{ExternalID: what}, OccurredAt: at,
			}
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
		params.Type, params.BaseValue = refgrow.Purchase, money.MustParse("1.00 USD")
		params.Customer.ExternalID = "u_1"
		w.record(params)
		got, err := w.shop.ReferralByExternalID(ctx, "u_1")
		w.ok(err)
		return got.AffiliateID
	}
	equal(w, "the affiliate of a stranger", record(refgrow.RecordConversionParams{}), 0)
	equal(w, "the affiliate by an unknown code", record(refgrow.RecordConversionParams{ReferralCode: "nobody"}), 0)
	equal(w, "the affiliate by a code", record(refgrow.RecordConversionParams{ReferralCode: "jane"}), jane.ID)
	equal(w, "the affiliate after another's conversion",
		record(refgrow.RecordConversionParams{AffiliateID: joe.ID}), jane.ID)
	equal(w, "the affiliate after another's code", record(refgrow.RecordConversionParams{ReferralCode: "joe"}), jane.ID)
	a, b := must(w.shop.GetAffiliate(ctx, jane.ID)), must(w.shop.GetAffiliate(ctx, joe.ID))
	equal(w, "the purchases of both", [2]int64{a.Purchases, b.Purchases}, [2]int64{2, 1})
	w.verify()
}
