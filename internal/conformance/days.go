package conformance

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func dayTests() []test {
	return []test{
		{"of conversions", daysOfConversions},
		{"of what happens later", daysOfLater},
		{"of an import", importedDays},
		{"undone", undoneDays},
		{"which are given", givenDays},
		{"after a deletion", daysAfterDeletion},
		{"while an affiliate goes", daysMeanwhile},
		{"beyond one account", hugeDays},
		{"at once", daysAtOnce},
	}
}

// days are those on which something happened to an affiliate, or in the whole
// project, as text: the day of January 2026, clicks, signups, purchases and earnings.
func (w *world) days(affiliate int64) string {
	w.Helper()
	return w.daysIn(w.shop, affiliate)
}

func (w *world) daysIn(p *refgrow.Project, affiliate int64) string {
	w.Helper()
	days, err := p.Statistics(w.Context(), refgrow.StatisticsParams{
		AffiliateID: affiliate, From: january(1), To: january(1).AddDate(0, 6, 0),
	})
	w.ok(err)
	var parts []string
	for i, d := range days {
		if want := january(1 + i); !d.Day.Equal(want) || d.Day.Location() != time.UTC {
			w.Errorf("day %d is %v, but should be %v", i, d.Day, want)
		}
		if d.Clicks == 0 && d.Signups == 0 && d.Purchases == 0 && len(d.Earnings) == 0 {
			if d.Earnings == nil {
				w.Errorf("the earnings of %v are nil", d.Day)
			}
			continue
		}
		parts = append(parts, fmt.Sprint(i+1, ": ", d.Clicks, " ", d.Signups, " ", d.Purchases, " ", d.Earnings))
	}
	return strings.Join(parts, "; ")
}

func january(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }

// Conversions count on the day on which they happened, in each currency, and so does what
// they earn when they are recorded. Those of nobody belong to the project alone.
func daysOfConversions(w *world) {
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	record := func(kind refgrow.ConversionType, affiliate int64, value string, at time.Time) {
		w.Helper()
		w.record(refgrow.RecordConversionParams{
			Type: kind, AffiliateID: affiliate, BaseValue: money.MustParse(value), Value: money.MustParse(value), OccurredAt: at,
		})
	}
	record(refgrow.Purchase, jane.ID, "10.00 USD", time.Time{})
	record(refgrow.Purchase, jane.ID, "20.00 USD", time.Time{})
	record(refgrow.Purchase, jane.ID, "5 JPY", time.Time{})
	record(refgrow.Signup, jane.ID, "1.00 EUR", january(15))
	record(refgrow.Purchase, jane.ID, "0.50 USD", january(15).Add(-time.Millisecond))
	record(refgrow.Purchase, joe.ID, "4.00 USD", january(2))
	record(refgrow.Purchase, joe.ID, "0.00 USD", january(2))
	w.record(refgrow.RecordConversionParams{
		Type: refgrow.Signup, Value: money.MustParse("9.00 USD"), OccurredAt: january(3),
	})
	w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("9.00 KWD"), OccurredAt: january(15),
	})
	w.clicked(visit("JANE", ""), visit("JOE", ""), visit("JANE", ""))
	equal(w, "the days of the one", w.days(jane.ID), "14: 0 0 1 [0.50 USD]; 15: 2 1 3 [1.00 EUR 5 JPY 30.00 USD]")
	equal(w, "the days of the other", w.days(joe.ID), "2: 0 0 2 [4.00 USD]; 15: 1 0 0 []")
	equal(w, "the project's days", w.days(0),
		"2: 0 0 2 [4.00 USD]; 3: 0 1 0 []; 14: 0 0 1 [0.50 USD]; 15: 3 1 4 [1.00 EUR 5 JPY 30.00 USD]")
	w.verify()
}

// What happens to a conversion later changes the counts of the conversion's day, and
// the earnings of the day on which it happens.
func daysOfLater(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(3)})
	sale, small := w.purchase(jane.ID, "100.00 USD"), w.purchase(jane.ID, "10.00 USD")
	day := 15
	for _, step := range []struct {
		what               string
		do                 func()
		janes, joes, whole string // what differs from the step before
	}{
		{"nothing", func() {}, "15: 0 0 2 [22.00 USD]", "", "15: 0 0 2 [22.00 USD]"},
		{"a refund of a part", func() {
			must(w.shop.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{Amount: money.MustParse("25.00 USD")}))
		}, "15: 0 0 2 [22.00 USD]; 16: 0 0 0 [-5.00 USD]", "", "15: 0 0 2 [22.00 USD]; 16: 0 0 0 [-5.00 USD]"},
		{"a refund that is undone", func() { must(w.shop.UndoRefund(ctx, sale.ID, refgrow.RefundConversionParams{})) },
			"15: 0 0 2 [22.00 USD]; 16: 0 0 0 [-5.00 USD]; 17: 0 0 0 [5.00 USD]", "",
			"15: 0 0 2 [22.00 USD]; 16: 0 0 0 [-5.00 USD]; 17: 0 0 0 [5.00 USD]"},
		{"a new type and value", func() {
			w.update(sale, refgrow.UpdateConversionParams{Type: new(refgrow.Signup), Value: new(money.MustParse("21.00 USD"))})
		}, "15: 0 1 1 [22.00 USD]; 16: 0 0 0 [-5.00 USD]; 17: 0 0 0 [5.00 USD]; 18: 0 0 0 [1.00 USD]", "",
			"15: 0 1 1 [22.00 USD]; 16: 0 0 0 [-5.00 USD]; 17: 0 0 0 [5.00 USD]; 18: 0 0 0 [1.00 USD]"},
		{"payments, which earn nothing", func() { w.payNow(refgrow.PayoutRunParams{}) },
			"15: 0 1 1 [22.00 USD]; 16: 0 0 0 [-5.00 USD]; 17: 0 0 0 [5.00 USD]; 18: 0 0 0 [1.00 USD]", "",
			"15: 0 1 1 [22.00 USD]; 16: 0 0 0 [-5.00 USD]; 17: 0 0 0 [5.00 USD]; 18: 0 0 0 [1.00 USD]"},
		{"an adjustment", func() { w.adjust(jane.ID, "-3.00 USD") },
			"15: 0 1 1 [22.00 USD]; 16: 0 0 0 [-5.00 USD]; 17: 0 0 0 [5.00 USD]; 18: 0 0 0 [1.00 USD]; 20: 0 0 0 [-3.00 USD]",
			"",
			"15: 0 1 1 [22.00 USD]; 16: 0 0 0 [-5.00 USD]; 17: 0 0 0 [5.00 USD]; 18: 0 0 0 [1.00 USD]; 20: 0 0 0 [-3.00 USD]"},
	} {
		w.clock.Set(january(day).Add(12 * time.Hour))
		step.do()
		equal(w, "the one's days after "+step.what, w.days(jane.ID), step.janes)
		equal(w, "the other's days after "+step.what, w.days(joe.ID), step.joes)
		equal(w, "the project's days after "+step.what, w.days(0), step.whole)
		w.verify()
		day++
	}
	w.clock.Set(january(21))
	moved := w.purchase(jane.ID, "30.00 USD")
	w.clock.Set(january(22))
	w.update(moved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	equal(w, "the other's days after a move", w.days(joe.ID), "21: 0 0 1 []; 22: 0 0 0 [6.00 USD]")
	w.update(moved, refgrow.UpdateConversionParams{Currency: new(money.Currency("EUR"))})
	equal(w, "the other's days in another currency", w.days(joe.ID), "21: 0 0 1 []; 22: 0 0 0 [6.00 EUR]")
	w.clock.Set(january(23))
	w.update(moved, refgrow.UpdateConversionParams{AffiliateID: refgrow.Clear[int64]()})
	equal(w, "the other's days without it", w.days(joe.ID), "22: 0 0 0 [6.00 EUR]; 23: 0 0 0 [-6.00 EUR]")
	w.clock.Set(january(24))
	w.ok(w.shop.DeleteConversion(ctx, moved.ID))
	w.ok(w.shop.DeleteConversion(ctx, small.ID))
	const paid = "15: 0 1 0 [22.00 USD]; 16: 0 0 0 [-5.00 USD]; 17: 0 0 0 [5.00 USD]; 18: 0 0 0 [1.00 USD]; " +
		"20: 0 0 0 [-3.00 USD]; "
	equal(w, "the one's days at last", w.days(jane.ID), paid+
		"21: 0 0 0 [6.00 USD]; 22: 0 0 0 [-6.00 USD]; 24: 0 0 0 [-2.00 USD]")
	equal(w, "the project's days at last", w.days(0), paid+
		"21: 0 0 0 [6.00 USD]; 22: 0 0 0 [6.00 EUR -6.00 USD]; 23: 0 0 0 [-6.00 EUR]; 24: 0 0 0 [-2.00 USD]")
	w.verify()
}

// What is imported counts on the days on which it happened; what becomes of it later on
// the day of that. Answers as of an instant go by when it was written down.
func importedDays(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	told := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("100.00 USD"), OccurredAt: january(5),
		Imported: true, Paid: true,
	})
	lost := w.record(refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("50.00 USD"), OccurredAt: january(6), Imported: true,
	})
	equal(w, "the days of an import", w.days(jane.ID), "5: 0 0 1 [20.00 USD]")
	equal(w, "the project's days of an import", w.days(0), "5: 0 0 1 [20.00 USD]; 6: 0 0 1 []")
	for at, want := range map[time.Time]string{
		january(10): "0.00 USD", w.clock.Now(): "0.00 USD", w.clock.Now().Add(time.Millisecond): "20.00 USD",
	} {
		w.clock.Set(later(w.clock.Now(), at))
		equal(w, "the total as of "+at.String(), must(w.shop.Earnings(ctx, jane.ID, refgrow.AsOf(at)))[0].Total,
			money.MustParse(want))
	}
	w.clock.Set(january(16))
	w.refund(told, "25.00 USD")
	w.update(lost, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)})
	w.clock.Set(january(17))
	equal(w, "the one's days then", w.days(jane.ID), "5: 0 0 1 [20.00 USD]; 16: 0 0 0 [-5.00 USD]")
	equal(w, "the other's days then", w.days(joe.ID), "6: 0 0 1 []; 16: 0 0 0 [10.00 USD]")
	w.ok(w.shop.DeleteConversion(ctx, told.ID))
	equal(w, "the project's days at last", w.days(0),
		"5: 0 0 0 [20.00 USD]; 6: 0 0 1 []; 16: 0 0 0 [5.00 USD]; 17: 0 0 0 [-15.00 USD]")
	w.verify()
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func undoneDays(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	sale := w.purchase(jane.ID, "10.00 USD")
	const before = "15: 0 0 1 [2.00 USD]"
	if err := w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		must(p.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Signup, AffiliateID: jane.ID, Value: money.MustParse("5.00 USD"),
		}))
		must(p.RecordClicks(ctx, []refgrow.Click{visit("JANE", "")}))
		equal(w, "the days inside", w.daysIn(p, jane.ID), "15: 1 1 1 [7.00 USD]")
		if err := p.Atomic(ctx, func(inner *refgrow.Project) error {
			return errors.Join(inner.DeleteConversion(ctx, sale.ID), errUndo)
		}); !errors.Is(err, errUndo) {
			w.Error(err)
		}
		equal(w, "the project's days inside", w.daysIn(p, 0), "15: 1 1 1 [7.00 USD]")
		return errUndo
	}); !errors.Is(err, errUndo) {
		w.Fatal(err)
	}
	// This one is refused after it has read and counted.
	w.refused("a reference that is taken", errors.Join(
		errOf(w.shop.UpdateConversion(ctx, sale.ID, refgrow.UpdateConversionParams{Reference: refgrow.Set("r")})),
		errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Signup, AffiliateID: jane.ID, Reference: "r",
		})),
	), refgrow.ErrConflict, "reference")
	equal(w, "the days", w.days(jane.ID), before)
	equal(w, "the project's days", w.days(0), before)
	w.verify()
}

// From and To are days, and the default is the last 30.
func givenDays(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	noon := w.clock.Now()
	east := time.FixedZone("east", 14*60*60)
	for what, c := range map[string]struct {
		refgrow.StatisticsParams
		first time.Time
		days  int
	}{
		"the default":            {refgrow.StatisticsParams{}, january(15).AddDate(0, 0, -29), 30},
		"an affiliate's default": {refgrow.StatisticsParams{AffiliateID: jane.ID}, january(15).AddDate(0, 0, -29), 30},
		"from a day":             {refgrow.StatisticsParams{From: january(10)}, january(10), 6},
		"up to a day":            {refgrow.StatisticsParams{To: january(10)}, january(10).AddDate(0, 0, -30), 30},
		"times of day":           {refgrow.StatisticsParams{From: noon.AddDate(0, 0, -1), To: noon}, january(14), 1},
		"another zone": {refgrow.StatisticsParams{From: time.Date(2026, 1, 2, 13, 59, 0, 0, east), To: january(5)},
			january(1), 4},
		"no day":     {refgrow.StatisticsParams{From: january(3), To: january(3)}, time.Time{}, 0},
		"the future": {refgrow.StatisticsParams{From: january(20), To: january(22)}, january(20), 2},
		"the most": {refgrow.StatisticsParams{From: january(1),
			To: january(1).AddDate(0, 0, refgrow.MaxStatisticsDays)}, january(1), 366},
		"before all computers": {refgrow.StatisticsParams{From: time.Date(1960, 2, 28, 23, 0, 0, 0, time.UTC),
			To: time.Date(1960, 3, 1, 1, 0, 0, 0, time.UTC)}, time.Date(1960, 2, 28, 0, 0, 0, 0, time.UTC), 2},
		"the end of all calendar": {refgrow.StatisticsParams{From: time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC),
			To: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}, time.Date(9999, 12, 30, 0, 0, 0, 0, time.UTC), 2},
	} {
		days := must(w.shop.Statistics(ctx, c.StatisticsParams))
		if len(days) != c.days || c.days > 0 && !days[0].Day.Equal(c.first) {
			w.Errorf("%s returns %d days from %v", what, len(days), days[:min(1, len(days))])
		}
	}
	for what, c := range map[string]struct {
		refgrow.StatisticsParams
		kind  error
		field string
	}{
		"too many days": {refgrow.StatisticsParams{From: january(1),
			To: january(1).AddDate(0, 0, refgrow.MaxStatisticsDays+1)}, refgrow.ErrInvalid, "from"},
		"too long ago":        {refgrow.StatisticsParams{From: january(1).AddDate(-2, 0, 0)}, refgrow.ErrInvalid, "from"},
		"the wrong way round": {refgrow.StatisticsParams{From: january(2), To: january(1)}, refgrow.ErrInvalid, "from"},
		"from the future":     {refgrow.StatisticsParams{From: january(17)}, refgrow.ErrInvalid, "from"},
		"a negative id":       {refgrow.StatisticsParams{AffiliateID: -1}, refgrow.ErrInvalid, "affiliate_id"},
		"nobody":              {refgrow.StatisticsParams{AffiliateID: 1 << 40}, refgrow.ErrNotFound, ""},
	} {
		w.refused(what, errOf(w.shop.Statistics(ctx, c.StatisticsParams)), c.kind, c.field)
	}
	other := must(w.engine.CreateProject(ctx, "other", refgrow.Settings{}))
	w.refused("another project's affiliate",
		errOf(other.Statistics(ctx, refgrow.StatisticsParams{AffiliateID: jane.ID})), refgrow.ErrNotFound, "")
}
