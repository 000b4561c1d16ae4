package db_test

import (
	"cmp"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/db"
)

// The queries that add up the books are compared with sums in Go, on small books drawn at
// random: whatever the engine writes, and much that it never would, because each query
// has to be right by its own words. There are few instants, conversions and amounts, so
// that they meet often.
func TestQueriesOfTheBooks(t *testing.T) {
	t.Parallel()
	pool, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	schema, err := os.ReadFile("../../schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.ExecContext(t.Context(), string(schema)); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		tx, err := pool.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tx.Rollback() //nolint:errcheck // nothing is kept
		b := drawBooks(t)
		b.on, b.q = tx, db.New(tx)
		b.write(t)
		b.looks(t)
		b.changes(t)
	})
}

// paper is the books, as Go has them.
type paper struct {
	on *sql.Tx
	q  *db.Queries

	entries     []db.LedgerEntry
	payouts     []db.Payout
	taken       []taking
	accounts    []account
	conversions []db.Conversion
}

// An account is a row of refgrow_accounts.
type account struct {
	AffiliateID, ProjectID                           int64
	Currency                                         string
	Total, Paid, Eligible, RolledTo, Reserved, Debts int64
	NextReleaseAt                                    *int64
	Signups, Purchases, ClearedTo                    int64
}

// A taking is an entry that a payout has, and whether it reserves it.
type taking struct{ entry, payout, reserved int64 }

// Two programs have affiliates: the first one 1 and 2, the second one 3.
const affiliates = 3

func projectOf(affiliate int64) int64 { return 1 + affiliate/affiliates }

func drawBooks(t *rapid.T) *paper {
	b := new(paper)
	affiliate := rapid.SampledFrom([]int64{1, 1, 1, 1, 1, 1, 2, 3})
	currency := rapid.SampledFrom([]string{"USD", "USD", "USD", "USD", "USD", "USD", "EUR"})
	instant := rapid.SampledFrom([]int64{1, 3, 3, 5, 5, 6})
	amount := rapid.SampledFrom([]int64{1, -1, 2, -2, 1, -1, 2, -2, 1, -1, 3, -3, 1_000_000_001, -1_000_000_000, largest})
	for i := range rapid.IntRange(1, 3).Draw(t, "payouts") {
		a := affiliate.Draw(t, "affiliate of the payout")
		p := db.Payout{
			ID: int64(i + 1), ProjectID: projectOf(a), AffiliateID: a, Currency: currency.Draw(t, "currency of the payout"),
			Amount: rapid.Int64Range(1, 5).Draw(t, "amount of the payout"), EntryCount: 1, Cutoff: 1,
			Status:    rapid.SampledFrom([]string{"pending", "paid", "canceled", "returned"}).Draw(t, "status"),
			CreatedAt: rapid.Int64Range(0, 4).Draw(t, "made"),
		}
		ended := new(p.CreatedAt + rapid.Int64Range(0, 3).Draw(t, "ended"))
		switch p.Status {
		case "paid", "returned":
			p.PaidAt = ended
		case "canceled":
			p.CanceledAt = ended
		}
		b.payouts = append(b.payouts, p)
	}
	for i := range rapid.IntRange(0, 24).Draw(t, "entries") {
		a := affiliate.Draw(t, "affiliate")
		e := db.LedgerEntry{
			ID: int64(i + 1), ProjectID: projectOf(a), AffiliateID: a, Currency: currency.Draw(t, "currency"),
			Kind:   rapid.SampledFrom([]string{"commission", "settlement", "reversal", "correction"}).Draw(t, "kind"),
			Amount: amount.Draw(t, "amount"), AvailableAt: instant.Draw(t, "available"), CreatedAt: instant.Draw(t, "stamp"),
		}
		if c := rapid.SampledFrom([]int64{1, 2, 1, 2, 0, 3}).Draw(t, "conversion"); c != 0 {
			e.ConversionID = &c
		}
		if rapid.IntRange(0, 7).Draw(t, "written by a payout") == 7 {
			e.PayoutID, e.Returned = new(int64(1)), rapid.Int64Range(0, 1).Draw(t, "returned")
		}
		if of := rapid.IntRange(-6, len(b.payouts)).Draw(t, "taken by"); of > 0 {
			p := b.payouts[of-1]
			reserved := int64(1)
			if p.Status == "canceled" {
				reserved = 0
			}
			if p.AffiliateID == a && p.Currency == e.Currency { // a payout is of one account
				b.taken = append(b.taken, taking{e.ID, p.ID, reserved})
			}
		}
		b.entries = append(b.entries, e)
	}
	for id := int64(1); id <= affiliates; id++ {
		for _, c := range []string{"EUR", "USD"} {
			row := account{
				AffiliateID: id, Currency: c, ProjectID: projectOf(id), Total: rapid.Int64Range(0, 3).Draw(t, "total"),
				Paid: rapid.Int64Range(0, 3).Draw(t, "paid"), Eligible: rapid.Int64Range(0, 3).Draw(t, "eligible"),
				RolledTo: rapid.Int64Range(0, 6).Draw(t, "rolled"), Debts: rapid.Int64Range(-1, 0).Draw(t, "debts"),
				ClearedTo: rapid.Int64Range(0, 20).Draw(t, "cleared"), Reserved: 1, Signups: 2, Purchases: 3,
			}
			if at := rapid.Int64Range(0, 6).Draw(t, "next"); at != 0 {
				row.NextReleaseAt = &at
			}
			b.accounts = append(b.accounts, row)
		}
	}
	for id := int64(1); id <= 3; id++ {
		a := affiliate.Draw(t, "affiliate of the conversion")
		b.conversions = append(b.conversions, db.Conversion{
			ID: id, ProjectID: projectOf(a), AffiliateID: &a, Currency: currency.Draw(t, "currency of the conversion"),
			Type: rapid.SampledFrom([]string{"signup", "purchase"}).Draw(t, "type"), Paid: rapid.Int64Range(0, 1).Draw(t, "flag"),
		})
	}
	return b
}

func (b *paper) exec(t *rapid.T, text string, args ...any) {
	t.Helper()
	if _, err := b.on.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

func (b *paper) write(t *rapid.T) {
	t.Helper()
	for id := int64(1); id <= 2; id++ {
		b.exec(t, `INSERT INTO refgrow_projects (id, name, currency, hold_days, coupon_first, self_referral, created_at)
			VALUES (?1, 'p' || ?1, 'USD', 0, 0, 'refuse', 0)`, id)
	}
	for id := int64(1); id <= affiliates; id++ {
		b.exec(t, `INSERT INTO refgrow_affiliates (id, project_id, email, referral_code, status, created_at)
			VALUES (?1, ?2, 'a' || ?1, 'c' || ?1, 'active', 0)`, id, projectOf(id))
	}
	for _, c := range b.conversions {
		b.exec(t, `INSERT INTO refgrow_conversions (id, project_id, type, affiliate_id, currency, currency_given, value, paid,
			reason, candidates, commission_reason, priced_currency, priced_value, created_at, available_at)
			VALUES (?, ?, ?, ?, ?, 1, 0, ?, 'none', '[]', 'none', 'USD', 0, 0, 0)`,
			c.ID, c.ProjectID, c.Type, c.AffiliateID, c.Currency, c.Paid)
	}
	for _, p := range b.payouts {
		b.exec(t, `INSERT INTO refgrow_payouts (id, project_id, affiliate_id, currency, amount, entry_count, cutoff, status,
			created_at, paid_at, canceled_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			p.ID, p.ProjectID, p.AffiliateID, p.Currency, p.Amount, p.EntryCount, p.Cutoff, p.Status,
			p.CreatedAt, p.PaidAt, p.CanceledAt)
	}
	for _, e := range b.entries {
		b.exec(t, `INSERT INTO refgrow_ledger_entries (id, project_id, affiliate_id, currency, kind, amount, available_at,
			created_at, conversion_id, payout_id, returned) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			e.ID, e.ProjectID, e.AffiliateID, e.Currency, e.Kind, e.Amount, e.AvailableAt,
			e.CreatedAt, e.ConversionID, e.PayoutID, e.Returned)
	}
	for _, taken := range b.taken {
		b.exec(t, "INSERT INTO refgrow_payout_entries (entry_id, payout_id, reserved) VALUES (?, ?, ?)",
			taken.entry, taken.payout, taken.reserved)
	}
	for _, a := range b.accounts {
		b.exec(t, `INSERT INTO refgrow_accounts (affiliate_id, currency, project_id, total, paid, eligible, rolled_to,
			next_release_at, signups, purchases, reserved, debts, cleared_to) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			a.AffiliateID, a.Currency, a.ProjectID, a.Total, a.Paid, a.Eligible, a.RolledTo,
			a.NextReleaseAt, a.Signups, a.Purchases, a.Reserved, a.Debts, a.ClearedTo)
	}
}

// same compares what a query answered.
func same[A any](t *rapid.T, what string, got A, err error, want A) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: %s (%v), want %s", what, written(got), err, written(want))
	}
}

func written(v any) string { return strings.ReplaceAll(fmt.Sprintf("%+v", v), "} {", "}\n{") }

// part is the group of an entry: that of its conversion, or one of its own.
type part struct{ of, available int64 }

func partOf(e db.LedgerEntry) part {
	if e.ConversionID == nil {
		return part{-e.ID, e.AvailableAt}
	}
	return part{*e.ConversionID, e.AvailableAt}
}

// isFree reports whether no payout reserves an entry, and none has written it unless it
// came back.
func (b *paper) isFree(e db.LedgerEntry) bool {
	return (e.PayoutID == nil || e.Returned == 1) &&
		!slices.ContainsFunc(b.taken, func(t taking) bool { return t.entry == e.ID && t.reserved == 1 })
}

// open are the groups of the free entries of an account, but for those all of whose
// entries are cleared.
func (b *paper) open(a account) map[part][]db.LedgerEntry {
	groups, newer := make(map[part][]db.LedgerEntry), make(map[part]bool)
	for _, e := range b.entries {
		if e.AffiliateID == a.AffiliateID && e.Currency == a.Currency && b.isFree(e) {
			groups[partOf(e)] = append(groups[partOf(e)], e)
			newer[partOf(e)] = newer[partOf(e)] || e.ID > a.ClearedTo
		}
	}
	maps.DeleteFunc(groups, func(p part, _ []db.LedgerEntry) bool { return !newer[p] })
	return groups
}

func sum(entries []db.LedgerEntry) (total int64) {
	for _, e := range entries {
		total += e.Amount
	}
	return total
}

// payable are the ids and the sum of the entries that a payout takes.
func (b *paper) payable(a account, cutoff int64) (ids []int64, total int64) {
	for at, entries := range b.open(a) {
		if amount := sum(entries); amount < 0 || amount != 0 && at.available <= cutoff {
			total += amount
			for _, e := range entries {
				ids = append(ids, e.ID)
			}
		}
	}
	slices.Sort(ids)
	return ids, total
}

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

// held are the entries of an affiliate that were stamped before an instant.
func (b *paper) stamped(project, affiliate, before int64) (entries []db.LedgerEntry) {
	for _, e := range b.entries {
		if e.ProjectID == project && e.AffiliateID == affiliate && e.CreatedAt < before {
			entries = append(entries, e)
		}
	}
	return entries
}

// byCurrency are entries, or groups of them, in the order of their currencies.
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
	return p.CreatedAt < before && (p.PaidAt == nil || *p.PaidAt >= before) && (p.CanceledAt == nil || *p.CanceledAt >= before)
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

// settling are the groups of the entries of a payout, adjustments together.
func (b *paper) settling(payout, project int64) (parts []part, sums map[part]int64) {
	sums = make(map[part]int64)
	for _, e := range b.entriesOf(payout, project) {
		at := part{available: e.AvailableAt}
		if e.ConversionID != nil {
			at.of = *e.ConversionID
		}
		sums[at] += e.Amount
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
