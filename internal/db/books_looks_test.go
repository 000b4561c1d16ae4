package db_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
)

// looks asks everything that changes nothing.
func (b *paper) looks(t *rapid.T) {
	for _, a := range b.accounts {
		b.looksAtAccount(t, a)
	}
	for id := int64(1); id <= affiliates; id++ {
		for _, project := range []int64{1, 2} {
			b.looksAtAffiliate(t, project, id)
		}
	}
	b.looksAtPayouts(t)
}

func (b *paper) looksAtAccount(t *rapid.T, a account) {
	cutoff := rapid.Int64Range(0, 6).Draw(t, "cutoff")
	ids, total := b.payable(a, cutoff)
	got, err := b.q.SumPayable(t.Context(), db.SumPayableParams{
		AffiliateID: a.AffiliateID, ProjectID: a.ProjectID, Currency: a.Currency, Cutoff: cutoff,
	})
	same(t, "what is payable", got, err, db.SumPayableRow{Entries: int64(len(ids)), Amount: total})
	got, err = b.q.SumPayable(t.Context(), db.SumPayableParams{
		AffiliateID: a.AffiliateID, ProjectID: 3 - a.ProjectID, Currency: a.Currency, Cutoff: cutoff,
	})
	same(t, "what is payable in another program", got, err, db.SumPayableRow{})
}

// stamped are the entries of an affiliate that were stamped before an instant.
func (b *paper) stamped(project, affiliate, before int64) (entries []db.LedgerEntry) {
	for _, e := range b.entries {
		if e.ProjectID == project && e.AffiliateID == affiliate && e.CreatedAt < before {
			entries = append(entries, e)
		}
	}
	return entries
}

// currencies are those of entries, in their order.
func currencies(entries []db.LedgerEntry) []string {
	found := make(map[string]bool)
	for _, e := range entries {
		found[e.Currency] = true
	}
	return slices.Sorted(maps.Keys(found))
}

func (b *paper) looksAtAffiliate(t *rapid.T, project, affiliate int64) {
	before, instant := rapid.Int64Range(1, 7).Draw(t, "before"), rapid.Int64Range(0, 6).Draw(t, "instant")
	entries := b.stamped(project, affiliate, before)
	sums, debts, releases := []db.SumEntriesRow{}, []db.SumDebtsRow{}, []db.ListReleasesRow{}
	for _, currency := range currencies(entries) {
		row := db.SumEntriesRow{Currency: currency}
		released := make(map[int64]int64)
		type owed struct{ unreserved, reserved int64 }
		groups := make(map[part]owed)
		held := false
		for _, e := range entries {
			if e.Currency != currency {
				continue
			}
			if e.Kind == "settlement" {
				row.Paid -= e.Amount
			} else {
				row.Total += e.Amount
			}
			if e.AvailableAt <= instant {
				row.Eligible += e.Amount
				continue
			}
			held = true
			released[e.AvailableAt] += e.Amount
			group := groups[partOf(e)]
			switch b.tookBefore(e, before) {
			case "":
				group.unreserved += e.Amount
			case "pending":
				group.reserved += e.Amount
			}
			groups[partOf(e)] = group
		}
		sums = append(sums, row)
		if held {
			debt := db.SumDebtsRow{Currency: currency}
			for _, group := range groups {
				debt.Debts += group.reserved + min(group.unreserved, 0)
			}
			debts = append(debts, debt)
		}
		for _, at := range slices.Sorted(maps.Keys(released)) {
			if released[at] != 0 {
				releases = append(releases, db.ListReleasesRow{Currency: currency, AvailableAt: at, Amount: released[at]})
			}
		}
	}
	gotSums, err := b.q.SumEntries(t.Context(), db.SumEntriesParams{
		Instant: instant, AffiliateID: affiliate, ProjectID: project, StampedBefore: before,
	})
	same(t, "the sums", gotSums, err, sums)
	gotDebts, err := b.q.SumDebts(t.Context(), db.SumDebtsParams{
		Instant: instant, AffiliateID: affiliate, ProjectID: project, StampedBefore: before,
	})
	same(t, "the debts", gotDebts, err, debts)
	gotReleases, err := b.q.ListReleases(t.Context(), db.ListReleasesParams{
		Instant: instant, AffiliateID: affiliate, ProjectID: project, StampedBefore: before,
	})
	same(t, "the releases", gotReleases, err, releases)

	reserved := []db.SumReservedRow{}
	for _, currency := range []string{"EUR", "USD"} {
		row := db.SumReservedRow{Currency: currency}
		for _, p := range b.payouts {
			if p.ProjectID == project && p.AffiliateID == affiliate && p.Currency == currency && pendingBefore(p, before) {
				row.Reserved += p.Amount
			}
		}
		if row.Reserved != 0 {
			reserved = append(reserved, row)
		}
	}
	gotReserved, err := b.q.SumReserved(t.Context(), db.SumReservedParams{
		AffiliateID: affiliate, ProjectID: project, StampedBefore: before,
	})
	same(t, "what is reserved", gotReserved, err, reserved)
	b.looksAtAccounts(t, project, affiliate, instant)
}

// pendingBefore reports whether a payout was made before an instant and not ended by then.
func pendingBefore(p db.Payout, before int64) bool {
	return p.CreatedAt < before && (p.PaidAt == nil || *p.PaidAt >= before) &&
		(p.CanceledAt == nil || *p.CanceledAt >= before)
}

// tookBefore is what a payout had done to an entry before an instant: it had it
// "pending", or had "settled" it.
func (b *paper) tookBefore(e db.LedgerEntry, before int64) string {
	if e.PayoutID != nil && e.Returned == 0 {
		return "settled"
	}
	for _, taken := range b.taken {
		p := b.payouts[taken.payout-1]
		switch {
		case taken.entry != e.ID || p.CreatedAt >= before || p.CanceledAt != nil && *p.CanceledAt < before:
		case pendingBefore(p, before):
			return "pending"
		default:
			return "settled"
		}
	}
	return ""
}

// held are the entries of an account that were not available when they were written, and
// are within (after, by].
func (b *paper) held(a account, after, by int64) (entries []db.LedgerEntry) {
	for _, e := range b.entries {
		if e.AffiliateID == a.AffiliateID && e.Currency == a.Currency && e.AvailableAt > e.CreatedAt &&
			e.AvailableAt > after && e.AvailableAt <= by {
			entries = append(entries, e)
		}
	}
	return entries
}

const never = 100 // is after every instant

// nextRelease is when something other than zero is released next after an instant, 0 for
// never.
func (b *paper) nextRelease(a account, instant int64) int64 {
	released := make(map[int64]int64)
	for _, e := range b.held(a, instant, never) {
		released[e.AvailableAt] += e.Amount
	}
	for _, at := range slices.Sorted(maps.Keys(released)) {
		if released[at] != 0 {
			return at
		}
	}
	return 0
}

func (b *paper) looksAtAccounts(t *rapid.T, project, affiliate, instant int64) {
	want := []db.ListAccountsRow{}
	toRoll, withAccount := make(map[int64]bool), []int64{}
	for _, a := range b.accounts {
		if a.ProjectID != project {
			continue
		}
		due := a.NextReleaseAt != nil && *a.NextReleaseAt <= instant
		if due && a.AffiliateID > affiliate {
			toRoll[a.AffiliateID] = true
		}
		if a.Currency == "EUR" && a.AffiliateID > affiliate-1 {
			withAccount = append(withAccount, a.AffiliateID)
		}
		if a.AffiliateID != affiliate {
			continue
		}
		row := db.ListAccountsRow{
			AffiliateID: a.AffiliateID, Currency: a.Currency, Total: a.Total, Paid: a.Paid, Eligible: a.Eligible,
			RolledTo: a.RolledTo, Signups: a.Signups, Purchases: a.Purchases, Reserved: a.Reserved, Debts: a.Debts,
		}
		if due {
			row.Released = sum(b.held(a, a.RolledTo, instant))
		}
		if a.NextReleaseAt != nil || a.Total-a.Paid != a.Eligible {
			row.NextRelease = b.nextRelease(a, instant)
		}
		want = append(want, row)
	}
	got, err := b.q.ListAccounts(t.Context(), db.ListAccountsParams{
		Instant: instant, AffiliateIDs: fmt.Sprintf("[%d]", affiliate), ProjectID: project,
	})
	same(t, "the accounts", got, err, want)
	roll, err := b.q.ListAccountsToRoll(t.Context(), db.ListAccountsToRollParams{
		AfterID: affiliate, ProjectID: project, Instant: instant, AtMost: 5,
	})
	same(t, "the accounts to roll", roll, err, append([]int64{}, slices.Sorted(maps.Keys(toRoll))...))
	some, err := b.q.ListAffiliatesWithAccount(t.Context(), db.ListAffiliatesWithAccountParams{
		ProjectID: project, Currency: "EUR", AfterID: affiliate - 1, Limit: 5,
	})
	same(t, "the affiliates with an account", some, err, withAccount)
}

// entriesOf are the entries that a payout has, whether or not it reserves them.
func (b *paper) entriesOf(payout, project int64) (entries []db.LedgerEntry) {
	for _, taken := range b.taken {
		if e := b.entries[taken.entry-1]; taken.payout == payout && e.ProjectID == project {
			entries = append(entries, e)
		}
	}
	return entries
}

// settledAs is the group in which a payout settles an entry: that of its conversion, or
// of all adjustments.
func settledAs(e db.LedgerEntry) part {
	if e.ConversionID == nil {
		return part{available: e.AvailableAt}
	}
	return partOf(e)
}

// settling are the groups of the entries of a payout, adjustments together.
func (b *paper) settling(payout, project int64) (parts []part, sums map[part]int64) {
	sums = make(map[part]int64)
	for _, e := range b.entriesOf(payout, project) {
		sums[settledAs(e)] += e.Amount
	}
	parts = slices.SortedFunc(maps.Keys(sums), func(a, b part) int {
		return cmp.Or(cmp.Compare(a.of, b.of), cmp.Compare(a.available, b.available))
	})
	return parts, sums
}

const largest = 9_000_000_000_000_000 // of an entry

func (b *paper) looksAtPayouts(t *rapid.T) {
	for _, payout := range b.payouts {
		for _, project := range []int64{1, 2} {
			settled, large := []db.ListSettledByPayoutRow{}, []db.ListLargeSettlementsRow{}
			parts, sums := b.settling(payout.ID, project)
			for _, at := range parts {
				if sums[at] != 0 {
					settled = append(settled, db.ListSettledByPayoutRow{
						ConversionID: at.of, AvailableAt: at.available, Amount: sums[at],
					})
				}
				if max(sums[at], -sums[at]) > largest {
					large = append(large, db.ListLargeSettlementsRow{
						ConversionID: at.of, AvailableAt: at.available, Amount: -sums[at],
					})
				}
			}
			gotSettled, err := b.q.ListSettledByPayout(t.Context(), db.ListSettledByPayoutParams{
				PayoutID: payout.ID, ProjectID: project,
			})
			same(t, "what a payout settles", gotSettled, err, settled)
			gotLarge, err := b.q.ListLargeSettlements(t.Context(), db.ListLargeSettlementsParams{
				PayoutID: payout.ID, ProjectID: project,
			})
			slices.SortFunc(gotLarge, func(a, b db.ListLargeSettlementsRow) int {
				return cmp.Or(cmp.Compare(a.ConversionID, b.ConversionID), cmp.Compare(a.AvailableAt, b.AvailableAt))
			})
			same(t, "what is too large for an entry", gotLarge, err, large)
		}
	}
	for _, c := range b.conversions {
		b.looksAtConversion(t, c)
	}
}

func (b *paper) looksAtConversion(t *rapid.T, c db.Conversion) {
	project := rapid.Int64Range(1, 2).Draw(t, "project asked")
	reserved := []db.ListReservedOfConversionRow{}
	amounts, has := make(map[int64]int64), make(map[int64]bool)
	for _, taken := range b.taken {
		e := b.entries[taken.entry-1]
		if taken.reserved == 0 || e.ConversionID == nil || *e.ConversionID != c.ID || e.ProjectID != project ||
			e.AffiliateID != *c.AffiliateID || e.Currency != c.Currency {
			continue
		}
		amounts[taken.payout] += e.Amount
		has[taken.payout] = true
		if b.payouts[taken.payout-1].Status == "pending" {
			reserved = append(reserved, db.ListReservedOfConversionRow{
				PayoutID: taken.payout, AvailableAt: e.AvailableAt, Amount: e.Amount,
			})
		}
	}
	of := []db.ListPayoutsOfConversionRow{}
	for _, id := range slices.Sorted(maps.Keys(has)) {
		of = append(of, db.ListPayoutsOfConversionRow{ID: id, Status: b.payouts[id-1].Status, Amount: amounts[id]})
	}
	gotOf, err := b.q.ListPayoutsOfConversion(t.Context(), db.ListPayoutsOfConversionParams{
		ConversionID: c.ID, ProjectID: project, AffiliateID: *c.AffiliateID, Currency: c.Currency,
	})
	slices.SortFunc(gotOf, func(a, b db.ListPayoutsOfConversionRow) int { return cmp.Compare(a.ID, b.ID) })
	same(t, "the payouts of a conversion", gotOf, err, of)
	gotReserved, err := b.q.ListReservedOfConversion(t.Context(), db.ListReservedOfConversionParams{
		ConversionID: c.ID, ProjectID: project, AffiliateID: *c.AffiliateID, Currency: c.Currency,
	})
	same(t, "what is reserved of a conversion", gotReserved, err, reserved)
}
