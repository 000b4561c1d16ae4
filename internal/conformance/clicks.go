package conformance

import (
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
)

func clickTests() []test {
	return []test{
		{"which count", whichCount},
		{"repeats", repeats},
		{"across midnight", acrossMidnight},
		{"by another engine", clicksByAnother},
		{"refused", refusedClicks},
		{"in a block that is undone", undoneClicks},
		{"in the app's transaction", clicksOfAnOrder},
		{"at once", clicksAtOnce},
	}
}

const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"

// visit is a click by a code, from an address unless that is empty.
func visit(code, address string) refgrow.Click {
	click := refgrow.Click{ReferralCode: code, URL: "https://example.com/?ref=" + code, UserAgent: browser}
	if address != "" {
		click.Address = netip.MustParseAddr(address)
	}
	return click
}

// visits returns that many clicks by a code, each from an unknown address.
func visits(code string, n int) []refgrow.Click {
	return slices.Repeat([]refgrow.Click{visit(code, "")}, n)
}

// clicked records clicks and returns what became of them.
func (w *world) clicked(clicks ...refgrow.Click) refgrow.ClickCounts {
	w.Helper()
	counts, err := w.shop.RecordClicks(w.Context(), clicks)
	w.ok(err)
	return counts
}

func counted(n int) refgrow.ClickCounts { return refgrow.ClickCounts{Counted: n} }
func ignored(n int) refgrow.ClickCounts { return refgrow.ClickCounts{Ignored: n} }

// clicksOf is how many clicks an affiliate of the shop has, 0 for the whole shop: the
// same number wherever it is shown.
func (w *world) clicksOf(affiliate int64) (n int64) {
	w.Helper()
	now := w.clock.Now()
	for _, day := range must(w.shop.Statistics(w.Context(), refgrow.StatisticsParams{
		AffiliateID: affiliate, From: now.AddDate(0, 0, -300), To: now.AddDate(0, 0, 60),
	})) {
		n += day.Clicks
	}
	if affiliate != 0 {
		equal(w, "the clicks of the affiliate", must(w.shop.GetAffiliate(w.Context(), affiliate)).Clicks, n)
	}
	for _, a := range collect(w, w.shop.AllAffiliates(w.Context(), refgrow.ListAffiliatesParams{})) {
		if a.ID == affiliate {
			equal(w, "its clicks in the list", a.Clicks, n)
		}
	}
	return n
}

// Clicks count if they lead to an active affiliate, by any of its codes, and may come
// from a person.
func whichCount(w *world) {
	ctx := w.Context()
	jane, joe, idle := w.affiliate("jane"), w.affiliate("joe"), w.affiliate("idle")
	must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{
		ReferralCode: new("SHOES"), PartnerSlug: refgrow.Set("jane-shoes"),
	}))
	must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{PartnerSlug: refgrow.Set("jane-boots")}))
	must(w.shop.UpdateAffiliate(ctx, idle.ID, refgrow.UpdateAffiliateParams{Status: new(refgrow.AffiliateInactive)}))
	by := func(userAgent string) refgrow.Click {
		click := visit("JOE", "")
		click.UserAgent = userAgent
		return click
	}
	for _, c := range []struct {
		what string
		refgrow.Click
		counts bool
	}{
		{"a code", visit("JOE", ""), true},
		{"in another case", visit("jOe", ""), true},
		{"a new code", visit("SHOES", ""), true},
		{"a former code", visit("jane", ""), true},
		{"a slug", visit("JANE-boots", ""), true},
		{"a former slug", visit("jane-shoes", ""), true},
		{"an unknown code", visit("nobody", ""), false},
		{"the code of an inactive affiliate", visit("IDLE", ""), false},
		{"a crawler", by("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"), false},
		{"the preview of a link", by("WhatsApp/2.23.20.0"), false},
		{"no user agent", by(""), true},
		{"a tool", by("curl/8.14.1"), true},
		{"somebody's browser", by(browser), true},
	} {
		want := ignored(1)
		if c.counts {
			want = counted(1)
		}
		equal(w, "a click by "+c.what, w.clicked(c.Click), want)
	}
	// Without an address there are no repeats, not even in one call.
	equal(w, "some at once",
		w.clicked(visit("JOE", ""), visit("nobody", ""), visit("JOE", ""), by("bingbot/2.0"), visit("shoes", "")),
		refgrow.ClickCounts{Counted: 3, Ignored: 2})
	for affiliate, want := range map[int64]int64{jane.ID: 5, joe.ID: 7, idle.ID: 0, 0: 12} {
		equal(w, fmt.Sprint("the clicks of ", affiliate), w.clicksOf(affiliate), want)
	}
	stats := w.engine.Stats()
	equal(w, "the engine's counts",
		[]int64{stats.ClicksCounted, stats.ClicksIgnored, stats.ClicksDropped, stats.ClicksWaiting}, []int64{12, 6, 0, 0})
	w.verify()
}

// From one address, one click in 30 minutes counts for each affiliate.
func repeats(w *world) {
	ctx := w.Context()
	const home, mapped, office = "203.0.113.7", "::ffff:203.0.113.7", "2001:db8::7"
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{PartnerSlug: refgrow.Set("jane-slug")}))
	other := must(w.engine.CreateProject(ctx, "other", refgrow.Settings{}))
	must(other.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"}))

	equal(w, "several in one call",
		w.clicked(visit("JANE", home), visit("jane-slug", home), visit("JOE", home),
			visit("JANE", mapped), visit("JANE", office),
			visit("JANE", "fe80::7%eth0"), visit("JANE", "fe80::7%eth1")), refgrow.ClickCounts{Counted: 4, Ignored: 3})
	equal(w, "another project", must(other.RecordClicks(ctx, []refgrow.Click{visit("JANE", home)})), counted(1))
	start := w.clock.Now()
	for _, c := range []struct {
		after   time.Duration
		address string
		counts  bool
	}{
		{0, home, false},
		{29 * time.Minute, mapped, false},
		{30*time.Minute - time.Millisecond, home, false},
		{30*time.Minute - time.Millisecond, office, false},
		{30*time.Minute - time.Millisecond, "203.0.113.8", true},
		// A click that did not count prolongs nothing.
		{30 * time.Minute, mapped, true},
		{30*time.Minute + time.Millisecond, home, false},
		{10 * time.Minute, home, false}, // the clock went back
		{60*time.Minute - time.Millisecond, home, false},
		{60 * time.Minute, home, true},
	} {
		w.clock.Set(start.Add(c.after))
		want := ignored(1)
		if c.counts {
			want = counted(1)
		}
		equal(w, fmt.Sprint("a click from ", c.address, " after ", c.after), w.clicked(visit("jane", c.address)), want)
	}
	equal(w, "the clicks of the one", w.clicksOf(jane.ID), 6)
	equal(w, "the clicks of the other", w.clicksOf(joe.ID), 1)
	w.verify()
}

// The key of the hashes changes at midnight, UTC, and repeats are recognised
// nevertheless.
func acrossMidnight(w *world) {
	const home = "2001:db8::1"
	jane := w.affiliate("jane")
	for _, c := range []struct {
		at   string
		want refgrow.ClickCounts
	}{
		{"2026-01-15T23:45:00.000Z", counted(1)},
		{"2026-01-16T00:14:59.999Z", ignored(1)},
		{"2026-01-16T00:15:00.000Z", counted(1)},
		{"2026-01-16T00:44:59.999Z", ignored(1)},
		{"2026-01-16T23:59:59.999Z", counted(1)},
		{"2026-01-17T00:00:00.000Z", ignored(1)},
	} {
		w.clock.Set(must(time.Parse(time.RFC3339, c.at)))
		equal(w, "a click at "+c.at, w.clicked(visit("JANE", home)), c.want)
	}
	equal(w, "the hashes of the address", value[int](w, "SELECT COUNT(DISTINCT address) FROM refgrow_clicks"), 2)
	equal(w, "the different keys", value[int](w, "SELECT COUNT(DISTINCT key) FROM refgrow_address_keys"),
		value[int](w, "SELECT COUNT(*) FROM refgrow_address_keys"))
	equal(w, "the shortest key", value[int](w, "SELECT MIN(length(key)) FROM refgrow_address_keys"), 32)
	var days []string
	for _, day := range must(w.shop.Statistics(w.Context(), refgrow.StatisticsParams{
		AffiliateID: jane.ID, From: w.clock.Now().AddDate(0, 0, -2),
	})) {
		days = append(days, fmt.Sprint(day.Day.Format(time.DateOnly), " ", day.Clicks))
	}
	equal(w, "the days", days, []string{"2026-01-15 1", "2026-01-16 2", "2026-01-17 0"})
	w.verify()
}

// Another engine on the same file, or the next one, knows the addresses.
func clicksByAnother(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	equal(w, "the first", w.clicked(visit("JANE", "203.0.113.7")), counted(1))
	w.clock.Set(time.Date(2026, 1, 16, 0, 5, 0, 0, time.UTC))
	equal(w, "the next day's", w.clicked(visit("JANE", "203.0.113.8")), counted(1))
	w.ok(w.engine.Close(ctx))
	w.engine = must(refgrow.New(ctx, w.Store, refgrow.Config{Now: w.clock.Now}))
	w.shop = must(w.engine.Project(ctx, "shop"))
	w.clock.Advance(20 * time.Minute)
	equal(w, "the same, by the next engine", w.clicked(visit("JANE", "203.0.113.8")), ignored(1))
	w.clock.Advance(10 * time.Minute)
	equal(w, "the same, later", w.clicked(visit("JANE", "203.0.113.8")), counted(1))
	equal(w, "the clicks", w.clicksOf(jane.ID), 3)
	w.verify()
	w.ok(w.engine.Close(ctx))
}

func refusedClicks(w *world) {
	w.affiliate("jane")
	list := func(n int, last refgrow.Click) []refgrow.Click { return append(visits("JANE", n), last) }
	for what, c := range map[string]struct {
		clicks []refgrow.Click
		field  string
	}{
		"none":             {nil, "clicks"},
		"too many":         {list(refgrow.MaxClicks, visit("JANE", "")), "clicks"},
		"without a code":   {list(0, refgrow.Click{URL: "https://example.com"}), "clicks[0].referral_code"},
		"a short code":     {list(3, visit("ab", "")), "clicks[3].referral_code"},
		"a long code":      {list(1, visit(strings.Repeat("a", 65), "")), "clicks[1].referral_code"},
		"a wrong code":     {list(1, visit("ja ne", "")), "clicks[1].referral_code"},
		"one that is last": {list(refgrow.MaxClicks-1, visit("žena", "")), "clicks[499].referral_code"},
	} {
		w.refused(what, errOf(w.shop.RecordClicks(w.Context(), c.clicks)), refgrow.ErrInvalid, c.field)
	}
	equal(w, "the clicks", w.clicksOf(0), 0)
	equal(w, "the most at once", w.clicked(list(refgrow.MaxClicks-1, visit("JANE", ""))...), counted(refgrow.MaxClicks))
	equal(w, "the clicks of them", w.clicksOf(0), refgrow.MaxClicks)
	w.verify()
}

// What is undone leaves nothing behind: no count, no repeat, and no key that only
// memory knows.
func undoneClicks(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	click := []refgrow.Click{visit("JANE", "203.0.113.7")}
	if err := w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		equal(w, "a click inside", must(p.RecordClicks(ctx, click)), counted(1))
		equal(w, "the affiliate's inside", must(p.GetAffiliate(ctx, jane.ID)).Clicks, 1)
		return errUndo
	}); !errors.Is(err, errUndo) {
		w.Fatal(err)
	}
	equal(w, "the clicks after the first", w.clicksOf(0), 0)
	for _, table := range []string{"clicks", "address_keys", "affiliate_days", "project_days"} {
		equal(w, "the rows in "+table, value[int](w, "SELECT COUNT(*) FROM refgrow_"+table), 0)
	}
	w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		if err := p.Atomic(ctx, func(inner *refgrow.Project) error {
			return errors.Join(errOf(inner.RecordClicks(ctx, click)), errUndo)
		}); !errors.Is(err, errUndo) {
			return err
		}
		equal(w, "the same afterwards", must(p.RecordClicks(ctx, click)), counted(1))
		return nil
	}))
	equal(w, "the same outside", w.clicked(click...), ignored(1))
	equal(w, "the clicks", w.clicksOf(jane.ID), 1)
	w.verify()
}

func clicksOfAnOrder(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	for _, end := range []error{errUndo, nil} {
		if err := w.inTx(func(tx *sql.Tx) error {
			p := w.shop.WithTx(tx)
			counts, err := p.RecordClicks(ctx, []refgrow.Click{visit("JANE", "203.0.113.7"), visit("JANE", "203.0.113.8")})
			equal(w, "the clicks inside", counts, counted(2))
			if err != nil {
				return err
			}
			again, err := p.RecordClicks(ctx, []refgrow.Click{visit("JANE", "203.0.113.8")})
			equal(w, "the same inside", again, ignored(1))
			return errors.Join(err, end)
		}); !errors.Is(err, end) {
			w.Fatal(err)
		}
		want := int64(2)
		if end != nil {
			want = 0
		}
		equal(w, "the clicks", w.clicksOf(jane.ID), want)
		w.verify()
	}
}

// Of the same click by many at once, one counts.
func clicksAtOnce(w *world) {
	jane := w.affiliate("jane")
	total := make([]int, racers)
	for _, err := range race(func(racer int) error {
		for n := range 6 {
			counts, err := w.shop.RecordClicks(w.Context(), []refgrow.Click{
				visit("JANE", fmt.Sprintf("2001:db8:%d::1", (racer+n)%6)), visit("JANE", ""),
			})
			if err != nil {
				return err
			}
			total[racer] += counts.Counted
		}
		return nil
	}) {
		w.ok(err)
	}
	sum := 0
	for _, n := range total {
		sum += n
	}
	equal(w, "what counted", sum, racers*6+6)
	equal(w, "the clicks", w.clicksOf(jane.ID), int64(sum))
	w.verify()
}
