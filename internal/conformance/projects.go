package conformance

import (
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func projectTests() []test {
	return []test{
		{"create", createProjects},
		{"ensure", ensureProjects},
		{"refused settings", refuseSettings},
		{"update", updateSettings},
		{"apply", applySettings},
		{"currency", fixCurrency},
		{"hold", changeHold},
	}
}

func createProjects(w *world) {
	ctx := w.Context()
	plain := must(w.engine.CreateProject(ctx, "plain", refgrow.Settings{}))
	equal(w, "the default", must(plain.Settings(ctx)), refgrow.Settings{
		Currency: "USD", Commission: refgrow.Percent("0"), SignupCommission: refgrow.Percent("0"),
		SelfReferral: refgrow.SelfReferralRefuse, CommissionDuration: refgrow.Lifetime,
		MinimumPayout: money.New(0, "USD"), Touch: refgrow.TouchLast, CookieDays: 60, ClickDays: 90,
		AllowedOrigins: []string{},
	})
	given := refgrow.Settings{
		Currency: "EUR", Commission: refgrow.Percent("12.5"), SignupCommission: refgrow.Fixed(money.MustParse("1.50 EUR")),
		HoldDays: 365, CouponFirst: true, SelfReferral: refgrow.SelfReferralFlag,
		CommissionDuration: refgrow.Months(12), MinimumPayout: money.MustParse("50.00 EUR"),
		Touch: refgrow.TouchFirst, CookieDays: 400, ClickDays: 3650, LandingURL: "https://example.com/start?from=friend",
		AllowedOrigins: []string{"http://localhost:3000", "https://example.com"},
	}
	full := must(w.engine.CreateProject(ctx, "full", given))
	equal(w, "what was given", must(full.Settings(ctx)), given)

	w.takenBy("a name that is taken", errOf(w.engine.CreateProject(ctx, "shop", refgrow.Settings{})),
		"name", w.shop.ID())
	for _, name := range []string{"", " shop", "shop ", "a\nb", "\xff"} {
		w.refused("the name "+name, errOf(w.engine.CreateProject(ctx, name, refgrow.Settings{})), refgrow.ErrInvalid, "name")
	}
	w.refused("an unknown name", errOf(w.engine.Project(ctx, "nobody's")), refgrow.ErrNotFound, "")

	found := must(w.engine.Project(ctx, "full"))
	equal(w, "the project found by name", found.ID(), full.ID())
	var names string
	for _, p := range must(w.engine.Projects(ctx)) {
		names += p.Name() + " "
	}
	equal(w, "the list, the oldest first,", names, "shop plain full ")
	w.verify()
}

// An existing project is found as it is.
func ensureProjects(w *world) {
	ctx := w.Context()
	again := must(w.engine.EnsureProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("50"), HoldDays: 7}))
	equal(w, "its id", again.ID(), w.shop.ID())
	settings := must(again.Settings(ctx))
	equal(w, "its commission", settings.Commission, refgrow.Percent("20"))
	equal(w, "its hold", settings.HoldDays, 0)

	fresh := must(w.engine.EnsureProject(ctx, "fresh", refgrow.Settings{HoldDays: 7}))
	equal(w, "the hold of the new one", must(fresh.Settings(ctx)).HoldDays, 7)
	w.refused("wrong settings", errOf(w.engine.EnsureProject(ctx, "wrong", refgrow.Settings{HoldDays: -1})),
		refgrow.ErrInvalid, "hold_days")
	w.refused("the project of wrong settings", errOf(w.engine.Project(ctx, "wrong")), refgrow.ErrNotFound, "")
}

func refuseSettings(w *world) {
	ctx := w.Context()
	before := must(w.shop.Settings(ctx))
	for field, wrong := range map[string][]refgrow.Settings{
		"hold_days":     {{HoldDays: -1}, {HoldDays: 366}},
		"currency":      {{Currency: "US"}, {Currency: "ABC"}, {Currency: "XAU"}},
		"self_referral": {{SelfReferral: "sometimes"}},
		"commission": {
			{Commission: refgrow.Percent("100.0001")}, {Commission: refgrow.Percent("-1")},
			{Commission: refgrow.Percent("8.20001")},
			{Commission: refgrow.Percent("much")}, {Commission: refgrow.Percent("")},
			{Commission: refgrow.Fixed(money.New(-1, "USD"))},
			{Commission: refgrow.Fixed(money.New(money.MaxMinor+1, "USD"))},
			{Currency: "JPY", Commission: refgrow.Fixed(money.MustParse("5.50 USD"))}, // does not fit
		},
		"signup_commission": {{SignupCommission: refgrow.Percent("101")}},
	} {
		for _, s := range wrong {
			w.refused(field+" at creation", errOf(w.engine.CreateProject(ctx, "wrong", s)), refgrow.ErrInvalid, field)
			params := refgrow.UpdateSettingsParams{
				HoldDays: &s.HoldDays, Commission: &s.Commission, SignupCommission: &s.SignupCommission,
			}
			if s.Currency != "" {
				params.Currency = &s.Currency
			}
			if s.SelfReferral != "" {
				params.SelfReferral = &s.SelfReferral
			}
			w.refused(field+" in a change", errOf(w.shop.UpdateSettings(ctx, params)), refgrow.ErrInvalid, field)
		}
	}
	equal(w, "what is in force", must(w.shop.Settings(ctx)), before)
	w.refused("a project of wrong settings", errOf(w.engine.Project(ctx, "wrong")), refgrow.ErrNotFound, "")
}

// Only what is named changes, and the answer is what is in force afterwards.
func updateSettings(w *world) {
	ctx := w.Context()
	want := must(w.shop.Settings(ctx))
	equal(w, "a change of nothing", w.set(refgrow.UpdateSettingsParams{}), want)
	for _, change := range []func(p *refgrow.UpdateSettingsParams, s *refgrow.Settings){
		func(p *refgrow.UpdateSettingsParams, s *refgrow.Settings) { s.HoldDays = 30; p.HoldDays = &s.HoldDays },
		func(p *refgrow.UpdateSettingsParams, s *refgrow.Settings) {
			s.CouponFirst = true
			p.CouponFirst = &s.CouponFirst
		},
		func(p *refgrow.UpdateSettingsParams, s *refgrow.Settings) {
			s.SelfReferral = refgrow.SelfReferralAllow
			p.SelfReferral = &s.SelfReferral
		},
		func(p *refgrow.UpdateSettingsParams, s *refgrow.Settings) {
			s.Commission = refgrow.Fixed(money.MustParse("5.00 USD"))
			p.Commission = &s.Commission
		},
		func(p *refgrow.UpdateSettingsParams, s *refgrow.Settings) {
			s.CommissionDuration = refgrow.Payments(6)
			p.CommissionDuration = &s.CommissionDuration
		},
		func(p *refgrow.UpdateSettingsParams, s *refgrow.Settings) {
			s.MinimumPayout = money.MustParse("20.00 USD")
			p.MinimumPayout = &s.MinimumPayout
		},
		func(p *refgrow.UpdateSettingsParams, s *refgrow.Settings) {
			s.SignupCommission = refgrow.Percent("3.25")
			p.SignupCommission = &s.SignupCommission
		},
		func(p *refgrow.UpdateSettingsParams, s *refgrow.Settings) {
			// A fixed commission is the same number in the new currency.
			s.Currency, s.Commission = "EUR", refgrow.Fixed(money.MustParse("5.00 EUR"))
			s.MinimumPayout = money.MustParse("20.00 EUR")
			p.Currency = new(money.Currency("eur"))
		},
	} {
		var params refgrow.UpdateSettingsParams
		change(&params, &want)
		equal(w, "the answer", w.set(params), want)
		equal(w, "what is in force", must(w.shop.Settings(ctx)), want)
	}
	w.verify()
}

// The settings of the code are in force afterwards, whatever was in force before.
func applySettings(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	before := w.purchase(jane.ID, "10.00 USD")
	given := refgrow.Settings{
		Commission: refgrow.Percent("25"), SignupCommission: refgrow.Fixed(money.MustParse("1.50 USD")), HoldDays: 30,
		MinimumPayout: money.MustParse("50.00 USD"), CookieDays: 30, LandingURL: "https://example.com/start",
		AllowedOrigins: []string{"https://www.example.com", "https://example.com/"},
	}
	want := must(must(w.engine.CreateProject(ctx, "new", given)).Settings(ctx))
	equal(w, "the answer", must(w.shop.ApplySettings(ctx, given)), want)
	equal(w, "what is in force", must(w.shop.Settings(ctx)), want)
	equal(w, "what an earlier sale has earned", must(w.shop.GetConversion(ctx, before.ID)).Value, before.Value)
	equal(w, "what a sale earns", w.purchase(jane.ID, "10.00 USD").Value, money.MustParse("2.50 USD"))

	// Applied again it is the same version of the same rules.
	version := func() int64 {
		sale := w.purchase(jane.ID, "10.00 USD")
		return must(w.shop.ExplainConversion(ctx, sale.ID)).Commission.Version
	}
	equal(w, "the version of the rule", version(), 2)
	w.clock.Advance(time.Hour)
	equal(w, "the answer to the same again", must(w.shop.ApplySettings(ctx, want)), want)
	equal(w, "the version of the rule then", version(), 2)

	// What was set elsewhere goes, and what is not named is the default.
	w.set(refgrow.UpdateSettingsParams{CouponFirst: new(true), HoldDays: new(7), LandingURL: new("/there")})
	equal(w, "the answer then", must(w.shop.ApplySettings(ctx, given)), want)
	plain := must(must(w.engine.CreateProject(ctx, "plain", refgrow.Settings{})).Settings(ctx))
	equal(w, "no settings", must(w.shop.ApplySettings(ctx, refgrow.Settings{})), plain)

	// Either all of it, or nothing.
	w.refused("another currency", errOf(w.shop.ApplySettings(ctx, refgrow.Settings{Currency: "EUR", HoldDays: 9})),
		refgrow.ErrConflict, "currency")
	w.refused("a wrong hold", errOf(w.shop.ApplySettings(ctx, refgrow.Settings{CookieDays: 9, HoldDays: -1})),
		refgrow.ErrInvalid, "hold_days")
	equal(w, "what is in force then", must(w.shop.Settings(ctx)), plain)
	w.verify()
}

// The currency is fixed by the first ledger entry, not by a conversion that earns
// nothing.
func fixCurrency(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.purchase(0, "10.00 USD")
	w.set(refgrow.UpdateSettingsParams{Currency: new(money.Currency("EUR"))})
	c := w.purchase(jane.ID, "10.00 USD")
	w.refused("another currency", errOf(w.shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{
		Currency: new(money.Currency("USD")), HoldDays: new(9),
	})), refgrow.ErrConflict, "currency")
	settings := w.set(refgrow.UpdateSettingsParams{Currency: new(money.Currency("EUR"))}) // what is already so
	equal(w, "the currency", settings.Currency, "EUR")
	equal(w, "the hold of the refused change", settings.HoldDays, 0)
	// The entries of a deleted conversion stay.
	w.ok(w.shop.DeleteConversion(ctx, c.ID))
	w.refused("another currency after the deletion", errOf(w.shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{
		Currency: new(money.Currency("USD")),
	})), refgrow.ErrConflict, "currency")
	w.verify()
}

// A conversion keeps the hold of its day.
func changeHold(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	now := w.clock.Now()
	free := w.purchase(jane.ID, "10.00 USD")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(30)})
	held := w.purchase(jane.ID, "20.00 USD")
	late := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("40.00 USD"),
		OccurredAt: now.Add(-29 * 24 * time.Hour),
	})
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(0)})
	free2 := w.purchase(jane.ID, "80.00 USD")

	for what, c := range map[string]struct {
		id    int64
		after time.Duration
		want  refgrow.ConversionStatus
	}{
		"the first":  {free.ID, 0, refgrow.ConversionEligible},
		"the held":   {held.ID, 30 * 24 * time.Hour, refgrow.ConversionHeld},
		"the late":   {late.ID, 24 * time.Hour, refgrow.ConversionHeld},
		"the latest": {free2.ID, 0, refgrow.ConversionEligible},
	} {
		got := must(w.shop.GetConversion(ctx, c.id))
		equal(w, what+" one's availability", got.AvailableAt, now.Add(c.after))
		equal(w, what+" one's status", got.Status, c.want)
	}
	equal(w, "the balance", w.balances(jane.ID), "USD total 30.00 paid 0.00 eligible 18.00 held 12.00")
	// A value raised later waits for the commission's own availability.
	w.update(held, refgrow.UpdateConversionParams{Value: new(money.MustParse("5.00 USD"))})
	equal(w, "the balance after a correction", w.balances(jane.ID), "USD total 31.00 paid 0.00 eligible 18.00 held 13.00")
	w.verify()
}
