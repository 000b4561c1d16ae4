package conformance

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
)

func visitTests() []test {
	return []test{
		{"settings", visitSettings},
		{"refused settings", refusedVisitSettings},
		{"told at once", toldAtOnce},
		{"told within a second", toldWithinASecond},
		{"by a closed engine", visitsToClosed},
	}
}

// Settings are kept in one form, whatever form they were given in.
func visitSettings(w *world) {
	for _, origins := range []struct{ given, want []string }{
		{nil, []string{}},
		{[]string{"https://example.com"}, []string{"https://example.com"}},
		{[]string{"https://Shop.Example.com:443/", "HTTP://example.com:80"},
			[]string{"http://example.com", "https://shop.example.com"}},
		{[]string{"https://example.com:", "http://example.com:0080"}, []string{"http://example.com", "https://example.com"}},
		{[]string{"http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:8080"},
			[]string{"http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:3000"}},
		{[]string{"https://example.com:80", "http://example.com:443"},
			[]string{"http://example.com:443", "https://example.com:80"}},
	} {
		equal(w, "the origins",
			w.set(refgrow.UpdateSettingsParams{AllowedOrigins: &origins.given}).AllowedOrigins, origins.want)
		equal(w, "the origins in the file", must(w.shop.Settings(w.Context())).AllowedOrigins, origins.want)
		equal(w, "the origins for visits", must(w.shop.TrackingSettings(w.Context())).AllowedOrigins, origins.want)
		w.verify()
	}
	for _, url := range []string{
		"https://example.com", "http://localhost:8080/a?b=c#d", "/", "/join?plan=pro", "https://example.com/ü/%20", "",
	} {
		equal(w, "where links lead", w.set(refgrow.UpdateSettingsParams{LandingURL: &url}).LandingURL, url)
		equal(w, "where visits lead", must(w.shop.TrackingSettings(w.Context())).LandingURL, url)
		w.verify()
	}
	for _, days := range []int{1, 400} {
		equal(w, "the days of a cookie", w.set(refgrow.UpdateSettingsParams{CookieDays: &days}).CookieDays, days)
	}
	for _, days := range []int{1, 3650} {
		equal(w, "the days of a click", w.set(refgrow.UpdateSettingsParams{ClickDays: &days}).ClickDays, days)
	}
	for _, touch := range []refgrow.Touch{refgrow.TouchFirst, refgrow.TouchLast} {
		equal(w, "the touch", w.set(refgrow.UpdateSettingsParams{Touch: &touch}).Touch, touch)
	}
	equal(w, "the settings after a change of nothing", w.set(refgrow.UpdateSettingsParams{}),
		must(w.shop.Settings(w.Context())))
	equal(w, "the cookie for visits", must(w.shop.TrackingSettings(w.Context())).CookieDays, 400)
}

func refusedVisitSettings(w *world) {
	ctx := w.Context()
	before := must(w.shop.Settings(ctx))
	long := "https://example.com/" + strings.Repeat("a", 2048)
	for field, list := range map[string][]refgrow.UpdateSettingsParams{
		"touch": {{Touch: new(refgrow.Touch(""))}, {Touch: new(refgrow.Touch("First"))},
			{Touch: new(refgrow.Touch("middle"))}},
		"cookie_days": {{CookieDays: new(0)}, {CookieDays: new(-1)}, {CookieDays: new(401)}},
		"click_days":  {{ClickDays: new(0)}, {ClickDays: new(-1)}, {ClickDays: new(3651)}},
	} {
		for _, params := range list {
			w.refused("settings", errOf(w.shop.UpdateSettings(ctx, params)), refgrow.ErrInvalid, field)
		}
	}
	for _, url := range []string{
		"example.com", "join", "//example.com", "///example.com", `/\example.com`, `\/example.com`, "https:///join",
		"https:example.com", "ftp://example.com",
		"javascript:alert(1)", "data:text/html,x", "https://user@example.com", "https://user:pass@example.com/",
		"https://exa mple.com", "https://example.com/a b",
		`https://example.com\@evil.example`, "/a\nb", "https://example.com/\x00", "https://ex_ample.com",
		"https://example.com:0", "https://example.com:70000",
		" /join", "https://", "/%zz", long,
	} {
		w.refused("a landing URL of "+url[:min(len(url), 40)],
			errOf(w.shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{LandingURL: &url})), refgrow.ErrInvalid, "landing_url")
	}
	for _, origin := range []string{
		"", "*", "null", "example.com", "//example.com", "https://*.example.com", "https://example.com/path",
		"https://example.com/?a", "https://example.com?",
		"https://example.com#", "https://example.com/#a", "https://user@example.com", "ftp://example.com",
		"https://example.com:0", "https://example.com\n", "https:\\\\example.com",
	} {
		w.refused("an origin of "+origin,
			errOf(w.shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{AllowedOrigins: &[]string{origin}})),
			refgrow.ErrInvalid, "allowed_origins")
	}
	many := make([]string, refgrow.MaxAllowedOrigins+1)
	for i := range many {
		many[i] = "https://" + strings.Repeat("a", i%60+1) + strings.Repeat(".b", i/60+1)
	}
	for what, list := range map[string][]string{
		"an origin twice": {"https://example.com", "HTTPS://EXAMPLE.com:443/"}, "too many origins": many,
		"one that is wrong": {"https://example.com", "x"},
	} {
		w.refused(what, errOf(w.shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{AllowedOrigins: &list})),
			refgrow.ErrInvalid, "allowed_origins")
	}
	equal(w, "the settings", must(w.shop.Settings(ctx)), before)
	for _, settings := range []refgrow.Settings{
		{CookieDays: -1}, {ClickDays: 3651}, {LandingURL: "x"}, {AllowedOrigins: []string{"x"}}, {Touch: "x"},
	} {
		if err := errOf(w.engine.CreateProject(ctx, "wrong", settings)); !errors.Is(err, refgrow.ErrInvalid) {
			w.Errorf("%+v returned %v", settings, err)
		}
	}
	equal(w, "the most origins", len(w.set(refgrow.UpdateSettingsParams{AllowedOrigins: new(many[1:])}).AllowedOrigins),
		refgrow.MaxAllowedOrigins)
	w.verify()
}

// told is what visits get to know: the settings, and which of some codes lead to an
// affiliate.
func told(ctx context.Context, p *refgrow.Project) string {
	s := must(p.TrackingSettings(ctx))
	text := string(s.Touch) + " " + s.LandingURL + ":"
	for _, code := range []string{"JANE", "boots", "joe"} {
		if must(p.LeadsToAffiliate(ctx, code)) {
			text += " " + code
		}
	}
	return text
}

// What this engine changes, visits see at once.
func toldAtOnce(w *world) {
	ctx := w.Context()
	equal(w, "at first", told(ctx, w.shop), "last :")
	jane := w.affiliate("jane")
	equal(w, "with an affiliate", told(ctx, w.shop), "last : JANE")
	for _, c := range []struct {
		do   func() error
		want string
	}{
		{func() error {
			return errOf(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{PartnerSlug: refgrow.Set("boots")}))
		}, "last : JANE boots"},
		{func() error {
			return errOf(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{
				Status: new(refgrow.AffiliateInactive),
			}))
		}, "last :"},
		{func() error {
			return errOf(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{
				Status: new(refgrow.AffiliateActive), PartnerSlug: refgrow.Clear[string](),
			}))
		}, "last : JANE boots"},
		{func() error {
			return errOf(w.shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{
				Touch: new(refgrow.TouchFirst), LandingURL: new("/join"),
			}))
		}, "first /join: JANE boots"},
		{func() error { return w.shop.DeleteAffiliate(ctx, jane.ID) }, "first /join:"},
		{func() error {
			return errOf(w.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "x@example.com", ReferralCode: "Joe"}))
		}, "first /join: joe"},
	} {
		w.ok(c.do())
		equal(w, "what visits see", told(ctx, w.shop), c.want)
	}
	for _, code := range []string{"", "jo", "joe ", "j\x00e", strings.Repeat("j", 65)} {
		equal(w, "whether it leads anywhere", must(w.shop.LeadsToAffiliate(ctx, code)), false)
	}
	other := must(w.engine.CreateProject(ctx, "other", refgrow.Settings{}))
	equal(w, "what visits of another project see", told(ctx, other), "last :")
}

// What another engine changes, visits see within a second; until then it is answered
// from memory.
func toldWithinASecond(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	equal(w, "at first", told(ctx, w.shop), "last : JANE")
	second := must(refgrow.New(ctx, w.Store, refgrow.Config{Now: w.clock.Now}))
	shop := must(second.Project(ctx, "shop"))
	must(shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{Touch: new(refgrow.TouchFirst)}))
	must(shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateInactive)}))
	must(shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "joe@example.com", ReferralCode: "JOE"}))
	equal(w, "by the other", told(ctx, shop), "first : joe")
	equal(w, "a click meanwhile, which is not answered from memory", w.clicked(visit("JANE", "")), ignored(1))
	w.clock.Advance(time.Second - time.Millisecond)
	// what leads nowhere is never answered from memory
	equal(w, "before a second has passed", told(ctx, w.shop), "last : JANE joe")
	w.clock.Advance(time.Millisecond)
	equal(w, "after a second", told(ctx, w.shop), "first : joe")
	w.clock.Advance(-time.Hour)
	must(shop.UpdateSettings(ctx, refgrow.UpdateSettingsParams{LandingURL: new("/")}))
	equal(w, "after the clock went back", told(ctx, w.shop), "first /: joe")
	w.ok(second.Close(ctx))
}

func visitsToClosed(w *world) {
	ctx := w.Context()
	w.affiliate("jane")
	equal(w, "before", told(ctx, w.shop), "last : JANE")
	w.ok(w.engine.Close(ctx))
	w.clock.Advance(time.Second)
	for what, err := range map[string]error{
		"RecordClicks": errOf(w.shop.RecordClicks(ctx, []refgrow.Click{visit("JANE", "")})),
		"RecordClicks of a bot": errOf(w.shop.RecordClicks(ctx,
			[]refgrow.Click{{ReferralCode: "JANE", UserAgent: "bingbot/2.0"}})),
		"PruneClicks": errOf(w.engine.PruneClicks(ctx)),
		"ClaimSignup": w.shop.ClaimSignup(ctx, "carl@example.com", "JANE"),
		"TrackSignup": errOf(w.shop.TrackSignup(ctx,
			refgrow.TrackSignupParams{Customer: named("carl@example.com")})),
		"Statistics":             errOf(w.shop.Statistics(ctx, refgrow.StatisticsParams{})),
		"TrackingSettings":       errOf(w.shop.TrackingSettings(ctx)),
		"LeadsToAffiliate":       errOf(w.shop.LeadsToAffiliate(ctx, "JANE")),
		"LeadsToAffiliate of no": errOf(w.shop.LeadsToAffiliate(ctx, "?")),
	} {
		w.refused(what, err, refgrow.ErrClosed, "")
	}
}
