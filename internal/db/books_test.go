package db_test

import (
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
		defer tx.Rollback()
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

// nothing are amounts that add up to nothing, although their billions do not, or would
// not if they were a little less than that.
func nothing() [][]int64 {
	return [][]int64{
		nil, nil, {1_000_000_000, -999_999_999, -1}, {1_999_999_999, -1_000_000_001, -999_999_998},
	}
}

func drawBooks(t *rapid.T) *paper {
	b := new(paper)
	affiliate := rapid.SampledFrom([]int64{1, 1, 1, 1, 1, 1, 2, 3})
	currency := rapid.SampledFrom([]string{"USD", "USD", "USD", "USD", "USD", "USD", "EUR"})
	instant := rapid.SampledFrom([]int64{1, 3, 3, 5, 5, 6})
	amount := rapid.SampledFrom([]int64{1, -1, 2, -2, 1, -1, 2, -2, 1, -1, 3, -3, 1_000_000_001, -1_000_000_000,
		1_999_999_999, -1_999_999_999, largest})
	conversion, taken := rapid.SampledFrom([]int64{1, 2, 1, 2, 0, 3}), -6
	// In some books nearly everything meets: what is taken back, given again and cleared.
	narrow := rapid.IntRange(0, 2).Draw(t, "narrow") == 0
	if narrow {
		affiliate, currency = rapid.Just(int64(1)), rapid.Just("USD")
		instant, amount = rapid.SampledFrom([]int64{3, 3, 3, 5}), rapid.SampledFrom([]int64{1, -1, 2, -2})
		conversion, taken = rapid.SampledFrom([]int64{1, 2}), -1
	}
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
		// An entry of none may have the id of a conversion.
		alone := !narrow && e.ID <= 3 && rapid.Bool().Draw(t, "alone")
		if c := conversion.Draw(t, "conversion"); c != 0 && !alone {
			e.ConversionID = &c
		}
		if rapid.IntRange(0, 7).Draw(t, "written by a payout") == 7 {
			e.PayoutID, e.Returned = new(int64(1)), rapid.Int64Range(0, 1).Draw(t, "returned")
		}
		if of := rapid.IntRange(taken, len(b.payouts)).Draw(t, "taken by"); of > 0 {
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
	for _, amount := range rapid.SampledFrom(nothing()).Draw(t, "nothing") {
		b.entries = append(b.entries, db.LedgerEntry{
			ID: int64(len(b.entries) + 1), ProjectID: 1, AffiliateID: 1, Currency: "USD", Kind: "commission",
			Amount: amount, AvailableAt: 7, CreatedAt: 1,
		})
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
			Type: rapid.SampledFrom([]string{"signup", "purchase"}).Draw(t, "type"),
			Paid: rapid.Int64Range(0, 1).Draw(t, "flag"),
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

// A failing is a test, or the test of a drawn case.
type failing interface {
	Helper()
	Fatalf(format string, args ...any)
}

// same compares what a query answered.
func same[A any](t failing, what string, got A, err error, want A) {
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
