package books_test

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// clickOp is visits by an affiliate's code, and one by a code that nobody has.
type clickOp struct{ Affiliate, Visits int }

func (op clickOp) do(on *side) error {
	m := on.model
	clicks, counts := []refgrow.Click{{ReferralCode: "nobody"}}, 0
	if a := m.affiliates[pick(op.Affiliate, m.affiliates)]; a != nil {
		clicks = append(clicks, slices.Repeat([]refgrow.Click{{ReferralCode: strings.ToLower(a.code)}}, op.Visits)...)
		m.touched[a.id] = true
		if !a.inactive {
			counts = op.Visits
			a.clicks = append(slices.Clip(a.clicks), slices.Repeat([]int64{m.now}, op.Visits)...)
		}
	}
	got, err := on.project.RecordClicks(on.ctx, clicks)
	if err == nil && got != (refgrow.ClickCounts{Counted: counts, Ignored: len(clicks) - counts}) {
		return fmt.Errorf("%d clicks became %+v, but %d should count", len(clicks), got, counts)
	}
	return err
}

// A modelDay is what happened on a UTC day.
type modelDay struct {
	clicks, signups, purchases int
	earned                     map[money.Currency]*big.Rat
}

const dayMillis = 24 * 60 * 60 * 1000

// days adds up what happened from one day until just before another: a conversion
// counts when it happened, with what it earns when it is recorded; what becomes of it
// later counts when it is entered. For affiliate 0 that is
// what happened to everyone and to no one.
func (m *model) days(affiliate, from, to int64) []modelDay {
	days := make([]modelDay, to-from)
	for i := range days {
		days[i].earned = make(map[money.Currency]*big.Rat)
	}
	nowhere := modelDay{earned: make(map[money.Currency]*big.Rat)}
	at := func(millis int64) *modelDay {
		if day := millis / dayMillis; day >= from && day < to {
			return &days[day-from]
		}
		return &nowhere
	}
	for _, a := range m.affiliates {
		for _, click := range a.clicks {
			if affiliate == 0 || a.id == affiliate {
				at(click).clicks++
			}
		}
	}
	for _, c := range m.conversions {
		switch {
		case affiliate != 0 && c.affiliate != affiliate:
		case c.kind == refgrow.Signup:
			at(c.created).signups++
		default:
			at(c.created).purchases++
		}
	}
	for of, entries := range m.entries {
		for _, e := range entries {
			if e.kind == refgrow.EntrySettlement || affiliate != 0 && of != affiliate {
				continue
			}
			when := e.stamp
			if e.recorded {
				when = e.created
			}
			earned := at(when).earned
			if earned[e.currency] == nil {
				earned[e.currency] = new(big.Rat)
			}
			earned[e.currency].Add(earned[e.currency], e.amount)
		}
	}
	return days
}

// sameDays compares the statistics of an affiliate, or of the project, from one day
// until just before another.
func (on *side) sameDays(affiliate, from, to int64) error {
	got, err := on.project.Statistics(on.ctx, refgrow.StatisticsParams{
		AffiliateID: affiliate, From: time.UnixMilli(from * dayMillis), To: time.UnixMilli(to * dayMillis),
	})
	want, beyond := on.model.days(affiliate, from, to), false
	lines := make([]string, len(want))
	for i, d := range want {
		var earned []money.Amount
		for _, currency := range slices.Sorted(maps.Keys(d.earned)) {
			switch sum := d.earned[currency]; {
			case !sum.Num().IsInt64():
				beyond = true
			case sum.Sign() != 0:
				earned = append(earned, amountOf(sum, currency))
			}
		}
		lines[i] = dayLine(time.UnixMilli((from+int64(i))*dayMillis),
			int64(d.clicks), int64(d.signups), int64(d.purchases), earned)
	}
	if beyond {
		if !errors.Is(err, refgrow.ErrConflict) {
			return fmt.Errorf("a day comes to more than the largest amount, but the statistics returned: %w", err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	for i, d := range got {
		if line := dayLine(d.Day, d.Clicks, d.Signups, d.Purchases, d.Earnings); i >= len(lines) || line != lines[i] {
			return fmt.Errorf("of affiliate %d (0: the project), day %d is %s, but should be %s",
				affiliate, i, line, lines[min(i, len(lines)-1)])
		}
	}
	if len(got) != len(lines) {
		return fmt.Errorf("there are %d days, but there should be %d", len(got), len(lines))
	}
	return nil
}

func dayLine(day time.Time, clicks, signups, purchases int64, earned []money.Amount) string {
	return fmt.Sprint(day.UTC().Format(time.RFC3339), " clicks ", clicks,
		" signups ", signups, " purchases ", purchases, " earned ", earned)
}

// lookAtDays compares the days of an affiliate that the step was about, and the
// project's: the newest ones, or a few from long ago.
func (w *world) lookAtDays(look uint32) error {
	to := w.model.now/dayMillis + 1
	from := to - int64(1+look%40)
	if look%4 == 1 {
		to -= int64(look % 1000)
		from = to - refgrow.MaxStatisticsDays
	}
	touched := slices.DeleteFunc(slices.Sorted(maps.Keys(w.model.touched)), func(id int64) bool {
		return w.model.affiliates[id] == nil
	})
	if len(touched) > 0 {
		if err := w.sameDays(touched[int(look)%len(touched)], from, to); err != nil {
			return err
		}
	}
	return w.sameDays(0, from, to)
}

// auditDays compares all days of everyone, from before the first conversion until after
// the last entry, before and after single clicks are pruned.
func (w *world) auditDays() error {
	m := w.model
	first, last := m.now, max(m.now, m.stamped)
	for _, c := range m.conversions {
		first, last = min(first, c.created), max(last, c.created)
	}
	for _, a := range m.affiliates {
		for _, click := range a.clicks {
			first, last = min(first, click), max(last, click)
		}
	}
	for _, entries := range m.entries {
		for _, e := range entries {
			first = min(first, e.stamp)
		}
	}
	if _, err := w.engine.PruneClicks(w.ctx); err != nil {
		return err
	}
	for _, id := range append(slices.Sorted(maps.Keys(m.affiliates)), 0) {
		for from := first/dayMillis - 1; from <= last/dayMillis; from += refgrow.MaxStatisticsDays {
			if err := w.sameDays(id, from, from+refgrow.MaxStatisticsDays); err != nil {
				return err
			}
		}
	}
	return nil
}
