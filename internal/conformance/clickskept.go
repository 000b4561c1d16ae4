package conformance

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow"
)

func keptClickTests() []test {
	return []test{
		{"what is kept", keptClicks},
		{"queued", queuedClicks},
		{"pruned", prunedClicks},
		{"pruned in steps", manyPruned},
		{"keys of addresses", addressKeys},
		{"pruned claims", prunedClaims},
	}
}

// The texts of a visit are kept, up to a length, and a hash of the address: the file
// has no trace of the address itself.
func keptClicks(w *world) {
	w.affiliate("jane")
	addresses := []string{
		"198.51.100.234", "2001:db8:1234:5678:9abc:def0:1357:2468", "::ffff:198.51.100.244", "fe80::1234:5678:9abc%eth7",
	}
	for _, address := range addresses {
		click := visit("jAnE", address)
		click.URL = "https://example.com/" + strings.Repeat("ü", 2000)
		click.Referrer = "https://blog.example.org/\xff\x00" + strings.Repeat("r", 3000)
		click.UserAgent = `a "browser" \ with ` + "\u2028\n" + strings.Repeat("€", 300)
		equal(w, "a click from "+address, w.clicked(click), counted(1))
		equal(w, "queueing one",
			w.shop.QueueClick(visit("JANE", netip.MustParseAddr(address).WithZone("").Next().String())), true)
	}
	w.ok(w.engine.FlushClicks(w.Context()))
	row := func(column string) string {
		w.Helper()
		return value[string](w, "SELECT "+column+" FROM refgrow_clicks ORDER BY id LIMIT 1")
	}
	equal(w, "the code", row("code"), "jAnE")
	for column, begins := range map[string]string{
		"url": "https://example.com/üü", "referrer": "https://blog.example.org/ rr",
		"user_agent": `a "browser" \ with ` + "\u2028 €€",
	} {
		text, longest := row(column), 2048
		if column == "user_agent" {
			longest = 512
		}
		if !strings.HasPrefix(text, begins) || len(text) > longest || len(text) < longest-3 || !utf8.ValidString(text) {
			w.Errorf("the %s is kept as %q, of %d bytes", column, text[:min(len(text), 60)], len(text))
		}
	}
	equal(w, "the clicks without a hash", value[int](w, "SELECT COUNT(*) FROM refgrow_clicks WHERE address IS NULL"), 0)

	w.needsFile()
	path := value[string](w, "SELECT file FROM pragma_database_list WHERE name = 'main'")
	seen := false
	for _, file := range []string{path, path + "-wal", path + "-journal"} {
		content, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		seen = seen || bytes.Contains(content, []byte(browser))
		for _, text := range addresses {
			address := netip.MustParseAddr(text).WithZone("")
			bits := address.As16()
			for _, trace := range []string{
				text, address.String(), address.Unmap().String(), address.StringExpanded(), string(bits[:]),
			} {
				if bytes.Contains(content, []byte(trace)) {
					w.Errorf("there is %q of %s in %s", trace, text, file)
				}
			}
		}
	}
	if !seen {
		w.Error("the clicks are in none of the files")
	}
	w.verify()
}

// Queued clicks are written soon after, at the latest when the engine is closed.
func queuedClicks(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	bot := visit("JANE", "")
	bot.UserAgent = "bingbot/2.0"
	for _, click := range []refgrow.Click{
		visit("JANE", "203.0.113.7"), visit("jane", "203.0.113.7"), visit("nobody", ""), bot, visit("no code!", ""), {},
		visit("JANE", "203.0.113.8"),
	} {
		equal(w, "whether it was taken", w.shop.QueueClick(click), true)
	}
	w.ok(w.engine.FlushClicks(ctx))
	counts := func(engine *refgrow.Engine) []int64 {
		s := engine.Stats()
		return []int64{s.ClicksCounted, s.ClicksIgnored, s.ClicksDropped, s.ClicksWaiting}
	}
	equal(w, "the engine's counts", counts(w.engine), []int64{2, 5, 0, 0})
	equal(w, "the clicks", w.clicksOf(jane.ID), 2)
	// A queued click counts at the time of the visit, not when it is written.
	w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		equal(w, "whether one inside was taken", p.QueueClick(visit("JANE", "203.0.113.9")), true)
		w.clock.Advance(40 * 24 * time.Hour)
		return nil
	}))
	w.ok(w.engine.FlushClicks(ctx))
	first := must(w.shop.Statistics(ctx, refgrow.StatisticsParams{From: w.clock.Now().AddDate(0, 0, -40)}))[0]
	equal(w, "the clicks of the day", first.Clicks, 3)
	equal(w, "the clicks with it", w.clicksOf(jane.ID), 3)

	for n := range 700 {
		equal(w, "whether it was taken", w.shop.QueueClick(visit("JANE", fmt.Sprintf("2001:db8:%x::1", n))), true)
	}
	w.ok(w.engine.Close(ctx))
	equal(w, "the counts of the closed engine", counts(w.engine), []int64{703, 5, 0, 0})
	equal(w, "whether a closed engine takes one", w.shop.QueueClick(visit("JANE", "")), false)
	equal(w, "the dropped", w.engine.Stats().ClicksDropped, 1)
	w.ok(w.engine.FlushClicks(ctx))
	w.engine = must(refgrow.New(ctx, w.Store, refgrow.Config{Now: w.clock.Now}))
	w.shop = must(w.engine.Project(ctx, "shop"))
	equal(w, "the clicks in the file", w.clicksOf(jane.ID), 703)
	w.verify()
	w.ok(w.engine.Close(context.Background()))
}

// Pruning deletes single clicks and changes no number.
func prunedClicks(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.set(refgrow.UpdateSettingsParams{ClickDays: new(30)})
	other := must(w.engine.CreateProject(ctx, "other", refgrow.Settings{}))
	must(other.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"}))
	must(other.RecordClicks(ctx, []refgrow.Click{visit("JANE", "")}))
	start := w.clock.Now()
	for day := range 4 {
		w.clock.Set(start.Add(time.Duration(day) * 24 * time.Hour))
		w.clicked(visit("JANE", "203.0.113.7"), visit("JANE", "203.0.113.8"), visit("JOE", "203.0.113.7"))
	}
	w.purchase(jane.ID, "10.00 USD")
	show := func() string {
		w.Helper()
		text := fmt.Sprint(w.clicksOf(jane.ID), w.clicksOf(joe.ID), w.clicksOf(0))
		for _, of := range []int64{jane.ID, joe.ID, 0} {
			text += fmt.Sprint(must(w.shop.Statistics(ctx, refgrow.StatisticsParams{
				AffiliateID: of, From: start, To: start.AddDate(0, 0, 5),
			})))
		}
		return text
	}
	before := show()
	for _, c := range []struct {
		after time.Duration
		left  int
	}{
		{30 * 24 * time.Hour, 13},
		{30*24*time.Hour + time.Millisecond, 10},
		{32 * 24 * time.Hour, 7},
		{32*24*time.Hour + time.Millisecond, 4},
		{89 * 24 * time.Hour, 1},  // the other project keeps its click for 90 days
		{90 * 24 * time.Hour, 1},  // up to the millisecond
		{120 * 24 * time.Hour, 0}, // and no longer
	} {
		w.clock.Set(start.Add(c.after))
		equal(w, "whether there is more", must(w.engine.PruneClicks(ctx)), false)
		equal(w, fmt.Sprint("the single clicks after ", c.after),
			value[int](w, "SELECT COUNT(*) FROM refgrow_clicks"), c.left)
		equal(w, "the statistics", show(), before)
		w.verify()
	}
	equal(w, "a click later", w.clicked(visit("JANE", "203.0.113.7")), counted(1))
	equal(w, "the clicks then", w.clicksOf(jane.ID), 9)
	w.ok(w.shop.DeleteAffiliate(ctx, jane.ID))
	equal(w, "the clicks without the affiliate", w.clicksOf(0), 4)
	w.verify()
}

// More than fits one step is pruned in several, and nothing is wrong in between.
func manyPruned(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.clicked(visits("JANE", refgrow.MaxClicks)...)
	w.clock.Advance(24 * time.Hour)
	w.clicked(visits("JANE", many-refgrow.MaxClicks)...)
	w.clock.Advance(100 * 24 * time.Hour)
	for _, left := range []int{many - 500, 0} {
		equal(w, "whether there is more", must(w.engine.PruneClicks(ctx)), left > 0)
		equal(w, "the single clicks", value[int](w, "SELECT COUNT(*) FROM refgrow_clicks"), left)
		equal(w, "the clicks", w.clicksOf(jane.ID), many)
		w.verify()
	}
}

// The key of a day is deleted when two days have begun since then, by whatever runs
// first.
func addressKeys(w *world) {
	w.affiliate("jane")
	ctx := w.Context()
	keys := func() string {
		w.Helper()
		return value[string](w,
			"SELECT COALESCE(group_concat(date(day * 86400, 'unixepoch')), '') "+
				"FROM (SELECT day FROM refgrow_address_keys ORDER BY day)")
	}
	click := func() { w.Helper(); equal(w, "a click", w.clicked(visit("JANE", "203.0.113.7")), counted(1)) }
	prune := func() { w.Helper(); equal(w, "whether there is more", must(w.engine.PruneClicks(ctx)), false) }
	for _, c := range []struct {
		at   string
		do   func()
		want string
	}{
		{"2026-01-15T12:00:00Z", click, "2026-01-15"},
		{"2026-01-16T23:59:59.999Z", prune, "2026-01-15"},
		{"2026-01-16T23:59:59.999Z", click, "2026-01-15,2026-01-16"},
		{"2026-01-17T00:00:00Z", prune, "2026-01-16"},
		{"2026-01-17T12:00:00Z", click, "2026-01-16,2026-01-17"},
		{"2026-01-18T12:00:00Z", click, "2026-01-17,2026-01-18"},
		{"2026-01-30T12:00:00Z", click, "2026-01-30"},
		{"2026-02-01T00:00:00Z", prune, ""},
	} {
		w.clock.Set(must(time.Parse(time.RFC3339, c.at)))
		c.do()
		equal(w, "the keys at "+c.at, keys(), c.want)
	}
	// The clock went back, and the key of that day is gone: the day gets another one.
	w.clock.Set(must(time.Parse(time.RFC3339, "2026-01-30T12:10:00Z")))
	click()
	w.verify()
}

// prunedClaims: a claim is deleted once it is too old to be used, and nobody misses it.
func prunedClaims(w *world) {
	ctx := w.Context()
	w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{CookieDays: new(10)})
	w.ok(w.shop.ClaimSignup(ctx, "carl@example.com", "JANE"))
	w.clock.Advance(24 * time.Hour)
	w.ok(w.shop.ClaimSignup(ctx, "dora@example.com", "JANE"))
	for _, c := range []struct {
		by   time.Duration
		left int
	}{{9 * 24 * time.Hour, 2}, {time.Millisecond, 1}, {24 * time.Hour, 0}} {
		w.clock.Advance(c.by)
		equal(w, "whether there is more", must(w.engine.PruneClicks(ctx)), false)
		equal(w, "the claims", value[int](w, "SELECT COUNT(*) FROM refgrow_claims"), c.left)
		equal(w, "their count", value[int](w, "SELECT SUM(claims) FROM refgrow_project_totals"), c.left)
		w.verify()
	}
}
