package conformance

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
)

func claimTests() []test {
	return []test{
		{"earn nothing", claimsEarnNothing},
		{"used once", claimsUsedOnce},
		{"against what else is named", claimsOutranked},
		{"not kept", claimsNotKept},
		{"of customers", claimsOfCustomers},
		{"how long", claimsOutdated},
		{"by a referral", claimsOfReferrals},
		{"undone", undoneClaims},
		{"at once", claimsAtOnce},
		{"refused", refusedClaims},
	}
}

// claims records that a browser with an email came through a code.
func (w *world) claims(email, code string) {
	w.Helper()
	w.ok(w.shop.ClaimSignup(w.Context(), email, code))
}

// claimed are the claims that nobody has used: emails and codes.
func (w *world) claimed() string {
	w.Helper()
	text := value[string](w,
		"SELECT COALESCE(group_concat(email || '=' || code, ' '), '') FROM (SELECT * FROM refgrow_claims ORDER BY email)")
	want := 0
	if text != "" {
		want = 1 + strings.Count(text, " ")
	}
	equal(w, "the count of claims",
		value[int](w, "SELECT claims FROM refgrow_project_totals WHERE project_id = ?1", w.shop.ID()), want)
	w.verify()
	return text
}

// signup records one of a customer.
func (w *world) signup(customer refgrow.Customer) *refgrow.Conversion {
	w.Helper()
	return w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Customer: customer})
}

func named(email string) refgrow.Customer { return refgrow.Customer{Email: email} }

// why is a decision as text: the reason, and the candidates with their outcomes.
func (w *world) why(c *refgrow.Conversion) string {
	w.Helper()
	d := w.decision(must(w.shop.GetConversion(w.Context(), c.ID)))
	text := string(d.Reason)
	for _, candidate := range d.Candidates {
		text += fmt.Sprint("; ", candidate.Source, " ", candidate.Code, " ", candidate.Outcome)
		if candidate.Claimed {
			text += " claimed"
		}
	}
	return text
}

// A claim is not a signup: nobody earns by it, nothing counts it, and nobody is
// notified.
func claimsEarnNothing(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{SignupCommission: new(refgrow.Percent("100"))})
	hook := w.hook()
	w.claims("Carl@Example.com", "jAnE")
	w.claims("dora@example.com", "JANE")
	equal(w, "the claims", w.claimed(), "carl@example.com=jAnE dora@example.com=JANE")
	equal(w, "the conversions", must(w.shop.CountConversions(ctx, refgrow.ListConversionsParams{})), 0)
	equal(w, "the referrals", must(w.shop.CountReferrals(ctx, refgrow.ListReferralsParams{})), 0)
	w.refused("the customer", errOf(w.shop.ReferralByEmail(ctx, "carl@example.com")), refgrow.ErrNotFound, "")
	equal(w, "the balance", w.balances(jane.ID), "")
	equal(w, "the days", w.days(0), "")
	equal(w, "what was sent", w.sent(hook), "")
}

// The first call that brings the customer uses the claim, as its referral code.
func claimsUsedOnce(w *world) {
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	hook := w.hook(refgrow.EventReferralConverted)
	w.claims("carl@example.com", "jAnE")
	w.claims("dora@example.com", "JOE")
	first := w.signup(named("CARL@example.com"))
	equal(w, "who is credited", first.AffiliateID, jane.ID)
	equal(w, "the code of the call", first.ReferralCode, "")
	equal(w, "why", w.why(first), "referral_code; referral_code jAnE credited claimed")
	equal(w, "the claims left", w.claimed(), "dora@example.com=JOE")
	equal(w, "the customer's affiliate",
		must(w.shop.ReferralByEmail(w.Context(), "carl@example.com")).AffiliateID, jane.ID)
	equal(w, "why again", w.why(w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: first.Value, Customer: named("carl@example.com"),
	})), "customer; customer  credited")

	sale := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: first.Value,
		Customer: refgrow.Customer{ExternalID: "u_1", Email: "dora@example.com"},
	})
	equal(w, "who is credited with the sale", sale.AffiliateID, joe.ID)
	equal(w, "what was sent", w.sent(hook), "referral_converted referral_converted referral_converted")
	equal(w, "the claims at last", w.claimed(), "")
	// Nothing is left for a customer who comes back.
	w.ok(w.shop.DeleteReferral(w.Context(), sale.ReferredUserID))
	equal(w, "why after the customer was forgotten", w.why(w.signup(named("dora@example.com"))), "none")
}

// Whatever else the call and the customer say comes first, as with any referral code,
// and so does a code in the call that leads to somebody. One that does not is skipped.
func claimsOutranked(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: joe.ID, Code: "SAVE"}))
	idle := w.affiliate("idle")
	is := func(status refgrow.AffiliateStatus) {
		must(w.shop.UpdateAffiliate(ctx, idle.ID, refgrow.UpdateAffiliateParams{Status: &status}))
	}
	is(refgrow.AffiliateInactive)
	for name, c := range map[string]struct {
		refgrow.RecordConversionParams
		credited int64
		why      string
	}{
		"affiliate": {refgrow.RecordConversionParams{AffiliateID: joe.ID}, joe.ID,
			"affiliate_id; affiliate_id  credited; referral_code JANE outranked claimed"},
		"coupon": {refgrow.RecordConversionParams{CouponCode: "save"}, joe.ID,
			"coupon; coupon save credited; referral_code JANE outranked claimed"},
		"no-coupon": {refgrow.RecordConversionParams{CouponCode: "none"}, jane.ID,
			"referral_code; coupon none unknown; referral_code JANE credited claimed"},
		"code": {refgrow.RecordConversionParams{ReferralCode: "joe"}, joe.ID, "referral_code; referral_code joe credited"},
		"unknown": {refgrow.RecordConversionParams{ReferralCode: "nobody"}, jane.ID,
			"referral_code; referral_code nobody unknown; referral_code JANE credited claimed"},
		"inactive": {refgrow.RecordConversionParams{ReferralCode: "idle"}, jane.ID,
			"referral_code; referral_code idle inactive; referral_code JANE credited claimed"},
		"several": {refgrow.RecordConversionParams{ReferralCode: "nobody.joe.idle"}, joe.ID,
			"referral_code; referral_code nobody unknown; referral_code joe credited; referral_code idle inactive"},
	} {
		email := name + "@example.com"
		w.claims(email, "JANE")
		c.Type, c.Customer = refgrow.Signup, named(email)
		made := w.record(c.RecordConversionParams)
		equal(w, "who is credited with "+name, made.AffiliateID, c.credited)
		equal(w, "why with "+name, w.why(made), c.why)
		equal(w, "the claims after "+name, w.claimed(), "")
	}
	is(refgrow.AffiliateActive)
	// The affiliate is judged when the claim is used.
	w.claims("late@example.com", "IDLE")
	w.claims("IDLE+x@example.com", "idle")
	w.claims("gone@example.com", "JANE")
	equal(w, "why of the affiliate itself", w.why(w.signup(named("idle+x@example.com"))),
		"self_referral; referral_code idle refused claimed")
	is(refgrow.AffiliateInactive)
	equal(w, "why of an inactive one", w.why(w.signup(named("late@example.com"))),
		"affiliate_inactive; referral_code IDLE inactive claimed")
	w.ok(w.shop.DeleteAffiliate(ctx, jane.ID))
	equal(w, "why of one that is gone, with the claims for it", w.why(w.signup(named("gone@example.com"))), "none")
	equal(w, "the claims at last", w.claimed(), "")
}

// A claim whose code leads to nobody is not kept, of several for an email the last one
// is, and of too many the oldest goes.
func claimsNotKept(w *world) {
	ctx := w.Context()
	w.affiliate("jane")
	w.affiliate("joe")
	idle := w.affiliate("idle")
	must(w.shop.UpdateAffiliate(ctx, idle.ID, refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateInactive)}))
	w.claims("first@example.com", "JOE")
	w.claims("FIRST@example.com", "JANE")
	for email, code := range map[string]string{
		"FIRST@example.com": "IDLE", "new@example.com": "nobody", "other@example.com": "IDLE",
	} {
		w.clock.Advance(time.Millisecond)
		w.claims(email, code)
		equal(w, "the claims after that of "+email, w.claimed(), "first@example.com=JANE")
	}
	w.claims("second@example.com", "JOE")

	const full = "UPDATE refgrow_project_totals SET claims = claims + ?1 WHERE project_id = ?2"
	w.ok(w.exec(full, refgrow.MaxClaims-2, w.shop.ID()))
	w.clock.Advance(time.Millisecond)
	w.claims("third@example.com", "JOE")
	w.claims("third@example.com", "JANE")
	w.ok(w.exec(full, 2-refgrow.MaxClaims, w.shop.ID()))
	equal(w, "the claims of a full project", w.claimed(), "second@example.com=JOE third@example.com=JANE")
	w.claims("fourth@example.com", "JANE")
	equal(w, "the claims after that", w.claimed(), "fourth@example.com=JANE second@example.com=JOE third@example.com=JANE")
}

// Nobody can use a claim to take away a customer who did not come that way.
func claimsOfCustomers(w *world) {
	ctx := w.Context()
	w.affiliate("jane")
	must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "known@example.com"}))
	must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: "u_1"}))
	w.clock.Advance(time.Millisecond)
	for _, email := range []string{
		"known@example.com", "named@example.com", "later@example.com", "old@example.com", "late@example.com",
	} {
		w.claims(email, "JANE")
	}
	claimed := w.clock.Now()
	w.clock.Advance(time.Millisecond)
	must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{ExternalID: "u_2"}))
	const credited = "referral_code; referral_code JANE credited claimed"
	for _, c := range []struct {
		what     string
		customer refgrow.Customer
		happened time.Time
		why      string
	}{
		{"was there before", named("known@example.com"), time.Time{}, "none"},
		{"was there before, without the email",
			refgrow.Customer{ExternalID: "u_1", Email: "named@example.com"}, time.Time{}, "none"},
		{"came after it, without the email",
			refgrow.Customer{ExternalID: "u_2", Email: "later@example.com"}, time.Time{}, credited},
		{"bought long before", named("old@example.com"), claimed.Add(-10*time.Minute - time.Millisecond), "none"},
		{"signed up a little before", named("late@example.com"), claimed.Add(-10 * time.Minute), credited},
		{"has no email", refgrow.Customer{}, time.Time{}, "none"},
	} {
		made := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Customer: c.customer, OccurredAt: c.happened})
		equal(w, "why of one who "+c.what, w.why(made), c.why)
	}
	other := must(w.engine.CreateProject(ctx, "other", refgrow.Settings{}))
	made := must(other.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Signup, Customer: named("old@example.com"),
	}))
	equal(w, "who is credited in another project", made.AffiliateID, 0)
	equal(w, "the claims that nobody used", w.claimed(),
		"known@example.com=JANE named@example.com=JANE old@example.com=JANE")
}

// A claim is valid for as long as a cookie.
func claimsOutdated(w *world) {
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.set(refgrow.UpdateSettingsParams{CookieDays: new(5)})
	start := w.clock.Now()
	for _, email := range []string{"carl@example.com", "dora@example.com", "eve@example.com"} {
		w.claims(email, "JANE")
	}
	w.clock.Set(start.Add(5 * 24 * time.Hour))
	equal(w, "who is credited on the last day", w.signup(named("carl@example.com")).AffiliateID, jane.ID)
	w.claims("dora@example.com", "JOE") // too early
	w.clock.Advance(time.Millisecond)
	equal(w, "why after it", w.why(w.signup(named("eve@example.com"))), "none")
	w.claims("dora@example.com", "JOE")
	equal(w, "who is credited by a new claim", w.signup(named("dora@example.com")).AffiliateID, joe.ID)
	must(w.engine.PruneClicks(w.Context()))
	equal(w, "the claims", w.claimed(), "")
}

// A referral that is entered for an email uses the claim as well.
func claimsOfReferrals(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	hook := w.hook()
	for _, email := range []string{"carl@example.com", "dora@example.com", "jane+1@example.com"} {
		w.claims(email, "JANE")
	}
	enter := func(params refgrow.CreateReferralParams, affiliate int64, status refgrow.ReferralStatus) {
		w.Helper()
		r := must(w.shop.CreateReferral(ctx, params))
		equal(w, "the affiliate of "+r.Email, r.AffiliateID, affiliate)
		equal(w, "the status of "+r.Email, r.Status, status)
		equal(w, "the status in the file", must(w.shop.GetReferral(ctx, r.ID)).Status, status)
	}
	enter(refgrow.CreateReferralParams{Email: "Carl@example.com", ExternalID: "u_1"}, jane.ID, refgrow.ReferralPending)
	enter(refgrow.CreateReferralParams{Email: "dora@example.com", AffiliateID: joe.ID}, joe.ID, refgrow.ReferralPending)
	enter(refgrow.CreateReferralParams{Email: "jane+1@example.com"}, 0, refgrow.ReferralDirectSignup)
	enter(refgrow.CreateReferralParams{Email: "eve@example.com"}, 0, refgrow.ReferralDirectSignup)
	equal(w, "the claims", w.claimed(), "")
	equal(w, "what was sent", w.sent(hook), "referral_signed_up referral_signed_up")
	equal(w, "why of the next sale", w.why(w.signup(named("carl@example.com"))), "customer; customer  credited")
}

// A call that is undone has not used the claim, and one that stands has.
func undoneClaims(w *world) {
	ctx := w.Context()
	w.affiliate("jane")
	w.signup(refgrow.Customer{ExternalID: "other"})
	taken := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "taken"})
	w.claims("carl@example.com", "JANE")
	again := refgrow.RecordConversionParams{
		Type: refgrow.Signup, Customer: named("carl@example.com"), Reference: taken.Reference,
	}
	w.refused("a reference that is taken", errOf(w.shop.RecordConversion(ctx, again)), refgrow.ErrConflict, "reference")
	equal(w, "the claims after a refusal", w.claimed(), "carl@example.com=JANE")
	if err := w.inTx(func(tx *sql.Tx) error {
		p := w.shop.WithTx(tx)
		return errors.Join(p.ClaimSignup(ctx, "dora@example.com", "JANE"),
			errOf(p.TrackSignup(ctx, refgrow.TrackSignupParams{Customer: named("carl@example.com")})), errUndo)
	}); !errors.Is(err, errUndo) {
		w.Fatal(err)
	}
	equal(w, "the claims after what was undone", w.claimed(), "carl@example.com=JANE")
	w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		if err := p.Atomic(ctx, func(inner *refgrow.Project) error {
			return errors.Join(errOf(inner.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com"})),
				errUndo)
		}); !errors.Is(err, errUndo) {
			return err
		}
		w.refused("the reference again", errOf(p.RecordConversion(ctx, again)), refgrow.ErrConflict, "reference")
		w.ok(p.ClaimSignup(ctx, "eve@example.com", "JANE"))
		w.ok(errOf(p.UpdateSettings(ctx, refgrow.UpdateSettingsParams{HoldDays: new(2)})))
		for _, email := range []string{"eve@example.com", "carl@example.com"} {
			c, err := p.TrackSignup(ctx, refgrow.TrackSignupParams{Customer: named(email)})
			if err != nil {
				return err
			}
			equal(w, "why inside", w.decision(c).Reason, refgrow.ReasonReferralCode)
		}
		return nil
	}))
	equal(w, "the claims at last", w.claimed(), "")
}

// Of many claims for an email one stands, and of many calls one uses it.
func claimsAtOnce(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	for _, err := range race(func(racer int) error {
		email := fmt.Sprintf("u%d@example.com", racer/2)
		if err := w.shop.ClaimSignup(ctx, email, "JANE"); err != nil {
			return err
		}
		return errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Signup, Customer: named(email),
		}))
	}) {
		w.ok(err)
	}
	// A claim that comes when its customer already exists stays, and is not used.
	equal(w, "the signups", must(w.shop.GetAffiliate(ctx, jane.ID)).Signups, racers/2)
}

func refusedClaims(w *world) {
	w.affiliate("jane")
	for _, c := range [][3]string{
		{"", "JANE", "email"}, {"carl", "JANE", "email"}, {"Carl <carl@example.com>", "JANE", "email"},
		{"carl@example.com", "", "referral_code"}, {"carl@example.com", "ja", "referral_code"},
		{"carl@example.com", "ja ne", "referral_code"},
	} {
		w.refused(fmt.Sprint("a claim of ", c), w.shop.ClaimSignup(w.Context(), c[0], c[1]), refgrow.ErrInvalid, c[2])
	}
	equal(w, "the claims", w.claimed(), "")
}
