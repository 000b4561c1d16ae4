package engine_test

import (
	"database/sql"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// beforeAmounts is how many migrations there were before paid followed the amounts.
const beforeAmounts = 4

// An oldEntry is a ledger entry as the rules before wrote it: hours after the
// beginning, in cents.
type oldEntry struct {
	kind             string
	amount           int64
	available, stamp int64
	conversion       int64
	payout           int64
}

// An oldConversion belongs to affiliate 1, unless it is credited to nobody or to the
// second one.
type oldConversion struct {
	affiliate, value, base, refunded int64
	paid                             bool
}

// oldBooks are books of two affiliates in the state before.
type oldBooks struct {
	conversions []oldConversion
	entries     []oldEntry
	// payouts are to affiliate 1, each with the entries that it reserves.
	payouts []struct {
		status      string
		made, ended int64
		entries     []int64
	}
}

// theOldBooks has a conversion for each rule that changed:
//
//  1. held, and refunded in part within the hold; pending payout 2 reserves the debt
//  2. paid by hand, then raised
//  3. paid by payout 1, which has nothing else of it, then refunded in full: stays paid
//  4. moved from nobody, as paid, to affiliate 2: nothing is settled
//  5. settled by hand, then lowered to what was settled, and unpaid nevertheless
//  6. nobody's, and paid
//  7. held, paid by hand, taken back and given again: a debt beside something unsettled
var theOldBooks = oldBooks{
	conversions: []oldConversion{
		{affiliate: 1, value: 1000, base: 5000, refunded: 2000}, {affiliate: 1, value: 2500, base: 10000, paid: true},
		{affiliate: 1, value: 300, base: 300, refunded: 300, paid: true}, {affiliate: 2, value: 900, base: 900, paid: true},
		{affiliate: 1, value: 700, base: 700}, {value: 50, base: 50, paid: true},
		{affiliate: 1, value: 400, base: 400, paid: true},
	},
	entries: []oldEntry{
		{"commission", 1000, 96, 0, 1, 0},
		{"commission", 2000, 0, 0, 2, 0},
		{"settlement", -2000, 0, 1, 2, 0},
		{"correction", 500, 0, 2, 2, 0},
		{"commission", 300, 2, 2, 3, 0}, // 5: payout 1
		{"settlement", -300, 2, 4, 3, 1},
		{"reversal", -300, 5, 5, 3, 0},
		{"commission", 900, 6, 6, 4, 0},
		{"commission", 800, 7, 7, 5, 0},
		{"commission", 400, 103, 7, 7, 0}, // 10
		{"settlement", -700, 7, 8, 5, 0},
		{"correction", -100, 7, 8, 5, 0},
		{"settlement", -400, 103, 8, 7, 0},
		{"reversal", -400, 9, 9, 7, 0},
		{"correction", 400, 103, 9, 7, 0},  // 15
		{"reversal", -400, 96, 10, 1, 0},   // payout 2
		{"adjustment", 5000, 10, 10, 0, 0}, // payout 2
		{"adjustment", 100, 11, 11, 0, 0},  // payout 3, canceled
	},
	payouts: []struct {
		status      string
		made, ended int64
		entries     []int64
	}{{"paid", 3, 4, []int64{5}}, {"pending", 10, 0, []int64{16, 17}}, {"canceled", 11, 11, []int64{18}}},
}

// began is the first hour of the books, and hour an instant in them.
var began = refgrowtest.NewClock().Now()

func hour(n int64) time.Time { return began.Add(time.Duration(n) * time.Hour) }

func ms(n int64) int64 { return hour(n).UnixMilli() }

// write fills a database of the state before.
func (b oldBooks) write(t *testing.T, db *sql.DB) {
	t.Helper()
	files, err := fs.Glob(refgrow.MigrationsFS, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text, args...); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	for _, file := range files[:beforeAmounts] {
		text, err := refgrow.MigrationsFS.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		exec(string(text))
	}
	last := b.entries[len(b.entries)-1].stamp
	exec(`INSERT INTO refgrow_projects (id, name, currency, hold_days, coupon_first, self_referral, created_at)
		VALUES (1, 'shop', 'USD', 0, 0, 'refuse', ?)`, ms(0))
	exec(`INSERT INTO refgrow_commission_rules (id, project_id, conversion_type, version, kind, rate, amount, currency,
		duration, duration_count, created_at) VALUES (1, 1, 'purchase', 1, 'percent', 200000, 0, '', 'lifetime', 0, ?1),
		(2, 1, 'signup', 1, 'fixed', 0, 0, 'USD', 'lifetime', 0, ?1)`, ms(0))
	for id, name := range []string{"jane", "joe"} {
		exec(`INSERT INTO refgrow_affiliates (id, project_id, email, referral_code, status, created_at)
			VALUES (?1, 1, ?2 || '@example.com', ?2, 'active', ?3)`, id+1, name, ms(0))
		exec("INSERT INTO refgrow_codes (project_id, code, affiliate_id) VALUES (1, ?, ?)", name, id+1)
	}
	for i, c := range b.conversions {
		candidates, reason := "[]", "none"
		if c.affiliate != 0 {
			reason = "moved"
			candidates = fmt.Sprintf(`[{"source":"moved","affiliate_id":%d,"outcome":"credited"}]`, c.affiliate)
		}
		made, available := b.first(int64(i+1), c)
		exec(`INSERT INTO refgrow_conversions (id, project_id, type, affiliate_id, currency, currency_given, value,
			base_value, refunded, paid, reason, candidates, commission_reason, priced_base_value, priced_currency,
			priced_value, created_at, available_at)
			VALUES (?1, 1, 'purchase', NULLIF(?2, 0), 'USD', 1, ?3, ?4, ?5, ?6, ?7, ?8, 'value_given', ?4, 'USD', ?3, ?9, ?10)`,
			i+1, c.affiliate, c.value, c.base, c.refunded, c.paid, reason, candidates, ms(made), ms(available))
	}
	for id, p := range b.payouts {
		var amount int64
		for _, entry := range p.entries {
			amount += b.entries[entry-1].amount
		}
		exec(`INSERT INTO refgrow_payouts (id, project_id, affiliate_id, currency, amount, entry_count, cutoff, status,
			created_at, paid_at, canceled_at) VALUES (?1, 1, 1, 'USD', ?2, ?3, ?4, ?5, ?4,
			CASE ?5 WHEN 'paid' THEN ?6 END, CASE ?5 WHEN 'canceled' THEN ?6 END)`,
			id+1, amount, len(p.entries), ms(p.made), p.status, ms(p.ended))
	}
	for i, e := range b.entries {
		exec(`INSERT INTO refgrow_ledger_entries (id, project_id, affiliate_id, currency, kind, amount, available_at,
			created_at, conversion_id, payout_id, note)
			VALUES (?1, 1, ?2, 'USD', ?3, ?4, ?5, ?6, NULLIF(?7, 0), NULLIF(?8, 0), CASE ?3 WHEN 'adjustment' THEN 'x' END)`,
			i+1, b.owner(e), e.kind, e.amount, ms(e.available), ms(e.stamp), e.conversion, e.payout)
	}
	for id, p := range b.payouts {
		for _, entry := range p.entries {
			exec("INSERT INTO refgrow_payout_entries (entry_id, payout_id, reserved) VALUES (?, ?, ?)",
				entry, id+1, p.status != "canceled")
		}
	}
	for id := int64(1); id <= 2; id++ {
		sums := b.sums(id, last, last+1)
		exec(`INSERT INTO refgrow_accounts (affiliate_id, currency, project_id, gross, total, paid, eligible, rolled_to,
			next_release_at, signups, purchases, reserved, debts)
			VALUES (?1, 'USD', 1, ?2, ?3, ?4, ?5, ?6, CASE ?1 WHEN 1 THEN ?7 END, 0, ?8, CASE ?1 WHEN 1 THEN 4600 ELSE 0 END,
			CASE ?1 WHEN 1 THEN -400 ELSE 0 END)`,
			id, sums[3], sums[0], sums[1], sums[2], ms(last), ms(96), []int64{5, 1}[id-1])
	}
	exec(`INSERT INTO refgrow_project_totals (project_id, last_stamp, ledger_entries, affiliates_active, purchases_unpaid,
		purchases_paid, payouts_pending, payouts_paid, payouts_canceled)
		SELECT 1, ?, ?, 2, SUM(paid = 0), SUM(paid = 1), 1, 1, 1 FROM refgrow_conversions`, ms(last), len(b.entries))
	exec(`INSERT INTO refgrow_affiliate_days (project_id, day, affiliate_id, currency, clicks, signups, purchases, earned)
		SELECT 1, day, affiliate, 'USD', 0, 0, SUM(purchases), SUM(earned) FROM (
			SELECT created_at / 86400000 AS day, affiliate_id AS affiliate, 1 AS purchases, 0 AS earned
			FROM refgrow_conversions WHERE affiliate_id IS NOT NULL
			UNION ALL
			SELECT created_at / 86400000, affiliate_id, 0, amount FROM refgrow_ledger_entries WHERE kind <> 'settlement')
		GROUP BY day, affiliate`)
	exec(`INSERT INTO refgrow_project_days (project_id, day, currency, clicks, signups, purchases, billions, earned)
		SELECT 1, day, 'USD', 0, 0, SUM(purchases), 0, SUM(earned) FROM (
			SELECT day, purchases, earned FROM refgrow_affiliate_days
			UNION ALL
			SELECT created_at / 86400000, 1, 0 FROM refgrow_conversions WHERE affiliate_id IS NULL)
		GROUP BY day`)
}

func (b oldBooks) owner(e oldEntry) int64 {
	if e.conversion == 0 {
		return 1
	}
	return b.conversions[e.conversion-1].affiliate
}

// first is when a conversion was made, and when its commission is available.
func (b oldBooks) first(id int64, c oldConversion) (made, available int64) {
	for _, e := range b.entries {
		if e.conversion == id {
			return e.stamp, max(e.stamp, e.available)
		}
	}
	return 0, 0
}

// sums are total, paid, eligible and the turnover of an affiliate: of the entries
// stamped before an hour, as of an hour.
func (b oldBooks) sums(affiliate, at, before int64) (sums [4]int64) {
	for _, e := range b.entries {
		if b.owner(e) != affiliate || e.stamp >= before {
			continue
		}
		if e.kind == "settlement" {
			sums[1] -= e.amount
		} else {
			sums[0] += e.amount
		}
		if e.available <= at {
			sums[2] += e.amount
		}
		sums[3] += max(e.amount, -e.amount)
	}
	return sums
}

// texts are the rows of a query of one text.
func texts(t *testing.T, db *sql.DB, query string) (rows []string) {
	t.Helper()
	found, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer found.Close()
	for found.Next() {
		var text string
		if err := found.Scan(&text); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, text)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

// A database of the state before is brought over: no entry is posted and no balance
// changes, now or as of any instant; the flags and the counters are computed anew.
func TestMigratedAmounts(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
	old := shoptest.OpenApp(t, filepath.Join(t.TempDir(), "old.db"), 1)
	theOldBooks.write(t, old)
	const ledger = `SELECT concat_ws('|', id, project_id, affiliate_id, currency, kind, amount, available_at, created_at,
		conversion_id, payout_id, note) FROM refgrow_ledger_entries ORDER BY id`
	before := texts(t, old, ledger)

	engine, clock := refgrowtest.On(t, refgrow.SQLite(old))
	p := &program{&shoptest.Program{T: t, Engine: engine, Clock: clock, App: old}}
	var err error
	p.Shop, err = engine.Project(t.Context(), "shop")
	p.OK(err)
	clock.Set(hour(12))
	p.Verify()
	if after := texts(t, old, ledger); !slices.Equal(after, before) {
		t.Errorf("the ledger was\n%s\nand is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	for id := int64(1); id <= 2; id++ {
		for at := int64(0); at <= 12; at++ {
			balances, err := p.Shop.Earnings(t.Context(), id, refgrow.AsOf(hour(at)))
			p.OK(err)
			sums := theOldBooks.sums(id, at, at)
			got := [3]int64{balances[0].Total.Minor(), balances[0].Paid.Minor(), balances[0].Eligible.Minor()}
			if got != [3]int64(sums[:3]) || balances[0].Held.Minor() != sums[0]-sums[1]-sums[2] {
				t.Errorf("affiliate %d as of hour %d: %+v, want %v", id, at, balances[0], sums)
			}
		}
		now, err := p.Shop.Earnings(t.Context(), id)
		p.OK(err)
		asOf, err := p.Shop.Earnings(t.Context(), id, refgrow.AsOf(clock.Now()))
		p.OK(err)
		for i := range asOf {
			asOf[i].ClosedUntil = time.Time{} // which only an answer as of an instant has
		}
		if !reflect.DeepEqual(now, asOf) {
			t.Errorf("affiliate %d has %+v, and as of now %+v", id, now, asOf)
		}
	}
	// 2 was raised, 4 is a sale of which nothing was paid, 5 is paid in full; 3 brings
	// nothing any more, and 6 brings nobody anything: they stay as they were.
	changed := texts(t, old, "SELECT changes FROM refgrow_migrations WHERE changes IS NOT NULL")
	want := `[{"project_id":1,"conversion_id":2,"paid":false},{"project_id":1,"conversion_id":4,"paid":false},` +
		`{"project_id":1,"conversion_id":5,"paid":true}]`
	if !slices.Equal(changed, []string{want}) {
		t.Errorf("the changes are %v, but should be %s", changed, want)
	}
	for id, paid := range map[int64]bool{1: false, 2: false, 3: true, 4: false, 5: true, 6: true, 7: true} {
		if c, err := p.Shop.GetConversion(t.Context(), id); err != nil || c.Paid != paid {
			t.Errorf("conversion %d is %+v, but should be paid: %v (%v)", id, c, paid, err)
		}
	}
	// All holds pass while the clock is wrong. Taken back, the pending payout reserves a
	// debt of what is held, as before.
	wholeAccounts := `SELECT concat_ws('|', affiliate_id, total, paid, eligible, reserved, debts, next_release_at)
		FROM refgrow_accounts ORDER BY affiliate_id`
	accounts := texts(t, old, wholeAccounts)
	clock.Set(hour(1000))
	p.OK(engine.Upkeep(t.Context()))
	if rolled := texts(t, old, wholeAccounts); slices.Equal(rolled, accounts) {
		t.Errorf("the accounts are still %q", accounts)
	}
	clock.Set(hour(12))
	done, err := engine.ResetStamp(t.Context(), p.Shop)
	if err != nil || !done.To.Equal(hour(11)) {
		t.Errorf("the reset returned %v, %v", done, err)
	}
	if again := texts(t, old, wholeAccounts); !slices.Equal(again, accounts) {
		t.Errorf("the accounts were %q, and after a leap %q", accounts, again)
	}
	p.Verify()
	p.afterAmounts()
}

// afterAmounts goes on with the books that were brought over. The pending payout
// reserves a debt of what is held, by the rules before.
func (p *program) afterAmounts() {
	p.Helper()
	usd := money.MustParse
	payable := func(what, want string) {
		p.Helper()
		earned, err := p.Shop.Earnings(p.Context(), 1)
		p.OK(err)
		if earned[0].Payable != usd(want+" USD") {
			p.Errorf("%s the balance is %+v, but %s should be payable", what, earned[0], want)
		}
		preview, err := p.Shop.PreviewPayouts(p.Context(), refgrow.PayoutRunParams{})
		p.OK(err)
		sum := usd("0.00 USD")
		for _, payout := range preview {
			if payout.AffiliateID == 1 {
				sum = payout.Amount
			}
		}
		if want[0] != '-' && sum != usd(want+" USD") {
			p.Errorf("%s the preview is %v, but should be of %s", what, sum, want)
		}
		p.Verify()
	}
	// 5.00 raised, less 3.00 refunded, less 4.00 of the debt beside what is held, and
	// the bonus that a payout freed.
	payable("at first", "-1.00")
	_, err := p.Shop.CreateAdjustment(p.Context(), refgrow.CreateAdjustmentParams{
		AffiliateID: 1, Amount: usd("10.00 USD"), Note: "more",
	})
	p.OK(err)
	payable("with more", "9.00")
	// The debt beside what is held ends with what gives it back.
	c, err := p.Shop.UpdateConversion(p.Context(), 7, refgrow.UpdateConversionParams{Value: new(usd("9.00 USD"))})
	p.OK(err)
	if c.Paid {
		p.Errorf("conversion 7 is %+v", c)
	}
	payable("with a higher value", "13.00")
	_, err = p.Shop.CancelPayout(p.Context(), 2)
	p.OK(err)
	payable("without the payout", "63.00") // what it had of the held one is no debt by now
	made, err := p.Shop.RunPayouts(p.Context(), refgrow.PayoutRunParams{})
	p.OK(err)
	p.Verify()
	for _, payout := range made {
		_, err := p.Shop.PayPayout(p.Context(), payout.ID, refgrow.PayPayoutParams{})
		p.OK(err)
	}
	payable("after the run", "0.00")
	p.Clock.Set(hour(200))
	payable("after the hold", "11.00")
}
