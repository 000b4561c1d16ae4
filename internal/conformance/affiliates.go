package conformance

import (
	"errors"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
)

func affiliateTests() []test {
	return []test{
		{"create and find", createAffiliates},
		{"refused", refuseAffiliates},
		{"update", updateAffiliates},
		{"codes", affiliateCodes},
		{"delete", deleteAffiliates},
	}
}

func createAffiliates(w *world) {
	ctx := w.Context()
	jane := must(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
		Email: "Jane+Shop@Example.COM", ReferralCode: "Jane-1_", PartnerSlug: "best_shoes",
	}))
	equal(w, "the email", jane.Email, "jane+shop@example.com")
	equal(w, "the code", jane.ReferralCode, "Jane-1_")
	equal(w, "the slug", jane.PartnerSlug, "best_shoes")
	equal(w, "the status", jane.Status, refgrow.AffiliateActive)
	equal(w, "the time", jane.CreatedAt, w.clock.Now())
	for what, find := range map[string]func() (*refgrow.Affiliate, error){
		"id":    func() (*refgrow.Affiliate, error) { return w.shop.GetAffiliate(ctx, jane.ID) },
		"email": func() (*refgrow.Affiliate, error) { return w.shop.AffiliateByEmail(ctx, "JANE+shop@example.com") },
		"code":  func() (*refgrow.Affiliate, error) { return w.shop.AffiliateByCode(ctx, "JANE-1_") },
		"slug":  func() (*refgrow.Affiliate, error) { return w.shop.AffiliateByCode(ctx, "Best_Shoes") },
	} {
		got, err := find()
		w.ok(err)
		equal(w, "the affiliate by "+what, got.ID, jane.ID)
		equal(w, "its code by "+what, got.ReferralCode, "Jane-1_")
		equal(w, "its email by "+what, got.Email, jane.Email)
		if len(got.Earnings) != 1 || got.Earnings[0].Currency != "USD" || !got.Earnings[0].Total.IsZero() {
			w.Errorf("a new affiliate has earned %v", got.Earnings)
		}
	}

	// A generated code is 8 characters that nobody confuses with others.
	made := must(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "joe@example.com"}))
	if len(made.ReferralCode) != 8 || strings.ContainsAny(made.ReferralCode, "01IO") ||
		made.ReferralCode != strings.ToUpper(made.ReferralCode) {
		w.Errorf("the generated code is %q", made.ReferralCode)
	}
	equal(w, "the affiliate by its generated code",
		must(w.shop.AffiliateByCode(ctx, strings.ToLower(made.ReferralCode))).ID, made.ID)
	w.refused("an unknown id", errOf(w.shop.GetAffiliate(ctx, 1<<40)), refgrow.ErrNotFound, "")
	w.refused("an unknown email", errOf(w.shop.AffiliateByEmail(ctx, "nobody@example.com")), refgrow.ErrNotFound, "")
	w.refused("an unknown code", errOf(w.shop.AffiliateByCode(ctx, "nobody")), refgrow.ErrNotFound, "")
	w.refused("no email", errOf(w.shop.AffiliateByEmail(ctx, "nobody")), refgrow.ErrInvalid, "email")
	w.verify()
}

func refuseAffiliates(w *world) {
	ctx := w.Context()
	jane := must(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
		Email: "jane@example.com", ReferralCode: "JANE", PartnerSlug: "shoes",
	}))
	joe := w.affiliate("joe")
	long := strings.Repeat("a", 65)
	for _, c := range []struct {
		what   string
		params refgrow.CreateAffiliateParams
		kind   error
		field  string
	}{
		{"no email", refgrow.CreateAffiliateParams{}, refgrow.ErrInvalid, "email"},
		{"a name in addition to the email", refgrow.CreateAffiliateParams{Email: "Jane <j@example.com>"},
			refgrow.ErrInvalid, "email"},
		{"a quoted email", refgrow.CreateAffiliateParams{Email: `"j j"@example.com`}, refgrow.ErrInvalid, "email"},
		{"an email without a domain", refgrow.CreateAffiliateParams{Email: "jane@"}, refgrow.ErrInvalid, "email"},
		{"a long local part", refgrow.CreateAffiliateParams{Email: long + "@example.com"}, refgrow.ErrInvalid, "email"},
		{"a short code", refgrow.CreateAffiliateParams{Email: "new@example.com", ReferralCode: "ab"},
			refgrow.ErrInvalid, "referral_code"},
		{"a long code", refgrow.CreateAffiliateParams{Email: "new@example.com", ReferralCode: long},
			refgrow.ErrInvalid, "referral_code"},
		{"a code with a space", refgrow.CreateAffiliateParams{Email: "new@example.com", ReferralCode: "a b c"},
			refgrow.ErrInvalid, "referral_code"},
		{"a code that is not ASCII", refgrow.CreateAffiliateParams{Email: "new@example.com", ReferralCode: "ÄÖÜ"},
			refgrow.ErrInvalid, "referral_code"},
		{"a slug with capitals", refgrow.CreateAffiliateParams{Email: "new@example.com", PartnerSlug: "Shoes2"},
			refgrow.ErrInvalid, "partner_slug"},
		{"a taken email", refgrow.CreateAffiliateParams{Email: "JANE@example.com", ReferralCode: "FREE"},
			refgrow.ErrConflict, "email"},
		{"a taken code", refgrow.CreateAffiliateParams{Email: "new@example.com", ReferralCode: "jane"},
			refgrow.ErrConflict, "referral_code"},
		{"another's slug as code", refgrow.CreateAffiliateParams{Email: "new@example.com", ReferralCode: "SHOES"},
			refgrow.ErrConflict, "referral_code"},
		{"a taken slug", refgrow.CreateAffiliateParams{Email: "new@example.com", ReferralCode: "FREE", PartnerSlug: "shoes"},
			refgrow.ErrConflict, "partner_slug"},
		{"another's code as slug",
			refgrow.CreateAffiliateParams{Email: "new@example.com", ReferralCode: "FREE", PartnerSlug: "jane"},
			refgrow.ErrConflict, "partner_slug"},
	} {
		err := errOf(w.shop.CreateAffiliate(ctx, c.params))
		if errors.Is(c.kind, refgrow.ErrConflict) {
			w.takenBy("creating one with "+c.what, err, c.field, jane.ID)
		}
		w.refused("creating one with "+c.what, err, c.kind, c.field)
		if c.params.Email == "" {
			continue
		}
		update := refgrow.UpdateAffiliateParams{Email: &c.params.Email}
		if c.params.ReferralCode != "" {
			update.ReferralCode = &c.params.ReferralCode
		}
		if c.params.PartnerSlug != "" {
			update.PartnerSlug = refgrow.Set(c.params.PartnerSlug)
		}
		w.refused("updating one with "+c.what, errOf(w.shop.UpdateAffiliate(ctx, joe.ID, update)), c.kind, c.field)
	}
	w.refused("an unknown status", errOf(w.shop.UpdateAffiliate(ctx, joe.ID, refgrow.UpdateAffiliateParams{
		Status: new(refgrow.AffiliateStatus("gone")),
	})), refgrow.ErrInvalid, "status")

	// Nothing of what was refused remains, not even what came before the refusal.
	equal(w, "the number of affiliates", must(w.shop.CountAffiliates(ctx, refgrow.ListAffiliatesParams{})), 2)
	got := must(w.shop.GetAffiliate(ctx, joe.ID))
	equal(w, "the affiliate after refused updates", got.Email+got.ReferralCode+got.PartnerSlug, joe.Email+joe.ReferralCode)
	must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{
		Email: new("new@example.com"), ReferralCode: new("FREE"),
	}))
	w.verify()
}

func updateAffiliates(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	update := func(params refgrow.UpdateAffiliateParams) *refgrow.Affiliate {
		w.Helper()
		got, err := w.shop.UpdateAffiliate(ctx, jane.ID, params)
		w.ok(err)
		return got
	}
	equal(w, "the email",
		update(refgrow.UpdateAffiliateParams{Email: new("Jane@Other.example")}).Email, "jane@other.example")
	equal(w, "the slug", update(refgrow.UpdateAffiliateParams{PartnerSlug: refgrow.Set("shoes")}).PartnerSlug, "shoes")
	prefs := refgrow.PayoutPreferences{PayPalEmail: "Pay@example.com", WiseAccountID: "71",
		WiseEmail: "wise@example.com", WiseName: "Jane Doe"}
	update(refgrow.UpdateAffiliateParams{PayoutPreferences: refgrow.Set(prefs)})
	prefs.PayPalEmail = "pay@example.com"
	update(refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateInactive), PayoutsPaused: new(true)})

	got := must(w.shop.GetAffiliate(ctx, jane.ID))
	equal(w, "all of it", got.Email+" "+got.ReferralCode+" "+got.PartnerSlug+" "+string(got.Status),
		"jane@other.example JANE shoes inactive")
	equal(w, "the preferences", got.PayoutPreferences, prefs)
	equal(w, "the pause", got.PayoutsPaused, true)
	equal(w, "its end", update(refgrow.UpdateAffiliateParams{PayoutsPaused: new(false)}).PayoutsPaused, false)
	equal(w, "the time", got.CreatedAt, jane.CreatedAt)

	equal(w, "the cleared slug",
		update(refgrow.UpdateAffiliateParams{PartnerSlug: refgrow.Clear[string]()}).PartnerSlug, "")
	cleared := update(refgrow.UpdateAffiliateParams{PayoutPreferences: refgrow.Clear[refgrow.PayoutPreferences]()})
	equal(w, "the cleared preferences", cleared.PayoutPreferences, refgrow.PayoutPreferences{})
	for field, wrong := range map[string]refgrow.PayoutPreferences{
		"payout_preferences.paypal_email":           {PayPalEmail: "+1@example.com"},
		"payout_preferences.wise_details.email":     {WiseEmail: "nobody"},
		"payout_preferences.wise_details.accountId": {WiseAccountID: "W-1"},
		"payout_preferences.wise_name":              {WiseName: "=SUM(A1)"},
	} {
		w.refused("a wrong preference", errOf(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{
			PayoutPreferences: refgrow.Set(wrong),
		})), refgrow.ErrInvalid, field)
		w.refused("a wrong preference of a new one", errOf(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
			Email: "new@example.com", PayoutPreferences: wrong,
		})), refgrow.ErrInvalid, field)
	}
	// An affiliate's own names do not count as taken, and a change of nothing changes
	// nothing.
	update(refgrow.UpdateAffiliateParams{
		Email: new("jane@other.example"), ReferralCode: new("Jane"), PartnerSlug: refgrow.Set("shoes"),
	})
	equal(w, "the code in another case", update(refgrow.UpdateAffiliateParams{}).ReferralCode, "Jane")
	w.refused("an unknown affiliate",
		errOf(w.shop.UpdateAffiliate(ctx, 1<<40, refgrow.UpdateAffiliateParams{})), refgrow.ErrNotFound, "")

	for status, want := range map[refgrow.AffiliateStatus]int64{
		"": 1, refgrow.AffiliateActive: 0, refgrow.AffiliateInactive: 1,
	} {
		params := refgrow.ListAffiliatesParams{Status: status}
		equal(w, "the count of "+string(status), must(w.shop.CountAffiliates(ctx, params)), want)
		equal(w, "the list of "+string(status), int64(len(collect(w, w.shop.AllAffiliates(ctx, params)))), want)
	}
	w.verify()
}

// A code that was changed keeps leading to its affiliate, and stays taken.
func affiliateCodes(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{
		ReferralCode: new("JANE2"), PartnerSlug: refgrow.Set("slug1"),
	}))
	must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{
		ReferralCode: new("JANE3"), PartnerSlug: refgrow.Set("slug2"),
	}))
	must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{PartnerSlug: refgrow.Clear[string]()}))
	for _, code := range []string{"jane", "JANE2", "Jane3", "slug1", "SLUG2"} {
		equal(w, "the affiliate by "+code, must(w.shop.AffiliateByCode(ctx, code)).ID, jane.ID)
		w.refused(code+" for another",
			errOf(w.shop.UpdateAffiliate(ctx, joe.ID, refgrow.UpdateAffiliateParams{ReferralCode: &code})),
			refgrow.ErrConflict, "referral_code")
		w.refused(code+" for a new one", errOf(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
			Email: "new@example.com", ReferralCode: code,
		})), refgrow.ErrConflict, "referral_code")
	}
	// It can have its old ones again, even a slug as a code and a code as a slug.
	got := must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{
		ReferralCode: new("slug1"), PartnerSlug: refgrow.Set("jane"),
	}))
	equal(w, "the code and the slug", got.ReferralCode+" "+got.PartnerSlug, "slug1 jane")
	w.verify()
}

// What belongs to an affiliate goes with it, and its names are free again; ids are not.
func deleteAffiliates(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "SAVE"}))
	must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com", AffiliateID: jane.ID}))
	c := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, AffiliateID: jane.ID, Reference: "r1"})
	w.ok(w.shop.DeleteAffiliate(ctx, jane.ID))
	w.refused("a second deletion", w.shop.DeleteAffiliate(ctx, jane.ID), refgrow.ErrNotFound, "")
	w.refused("the affiliate", errOf(w.shop.GetAffiliate(ctx, jane.ID)), refgrow.ErrNotFound, "")
	w.refused("its earnings", errOf(w.shop.Earnings(ctx, jane.ID)), refgrow.ErrNotFound, "")
	w.refused("its ledger", errOf(w.shop.ListLedger(ctx, jane.ID, refgrow.ListLedgerParams{})), refgrow.ErrNotFound, "")
	w.refused("its conversion", errOf(w.shop.GetConversion(ctx, c.ID)), refgrow.ErrNotFound, "")

	// Its links and cookies lead to nobody, until no cookie can have its code.
	w.clock.Advance(60*24*time.Hour - time.Second)
	w.refused("its code", errOf(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
		Email: "jane@example.com", ReferralCode: "JANE",
	})), refgrow.ErrConflict, "referral_code")
	w.clock.Advance(2 * time.Second)
	again := w.affiliate("jane")
	if again.ID <= jane.ID {
		w.Errorf("the id %d was used again as %d", jane.ID, again.ID)
	}
	must(w.shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: again.ID, Code: "SAVE"}))
	must(w.shop.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com", AffiliateID: again.ID}))
	if next := w.record(refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: "r1"}); next.ID <= c.ID {
		w.Errorf("the id %d was used again as %d", c.ID, next.ID)
	}
	equal(w, "what the new one has", w.balances(again.ID), "")
	w.verify()
}
