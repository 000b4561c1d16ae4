package conformance

import (
	"fmt"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func bookTests() []test {
	return []test{
		{"a story", bookStory},
		{"entries", bookEntries},
		{"append-only", appendOnly},
	}
}

// checkLedger sums up an affiliate's entries and compares the result with its balances.
func (w *world) checkLedger(what string, affiliate int64) {
	w.Helper()
	type sums struct{ total, paid, eligible, held int64 }
	computed := make(map[money.Currency]sums)
	now := w.clock.Now()
	params := refgrow.ListLedgerParams{Limit: 7}
	for {
		page := must(w.shop.ListLedger(w.Context(), affiliate, params))
		for _, e := range page.Items {
			s := computed[e.Amount.Currency()]
			if e.Kind == refgrow.EntrySettlement {
				s.paid -= e.Amount.Minor()
			} else {
				s.total += e.Amount.Minor()
			}
			if e.AvailableAt.After(now) {
				s.held += e.Amount.Minor()
			} else {
				s.eligible += e.Amount.Minor()
			}
			computed[e.Amount.Currency()] = s
		}
		if params.After = page.Next; params.After == "" {
			break
		}
	}
	for _, b := range must(w.shop.Earnings(w.Context(), affiliate)) {
		equal(w, fmt.Sprintf("%s: the %s of affiliate %d", what, b.Currency, affiliate),
			sums{b.Total.Minor(), b.Paid.Minor(), b.Eligible.Minor(), b.Held.Minor()}, computed[b.Currency])
		delete(computed, b.Currency)
	}
	for currency, s := range computed {
		if s != (sums{}) {
			w.Errorf("%s: affiliate %d has %+v in %s, which no balance shows", what, affiliate, s, currency)
		}
	}
}

// A story of edits in several currencies: after each of them the balances are
// right, and what was true at any time before stays so.
func bookStory(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(10)})
	made := make(map[string]*refgrow.Conversion)
	buy := func(name string, affiliate int64, base string, paid bool) func() {
		return func() {
			made[name] = w.record(refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: affiliate, BaseValue: money.MustParse(base), Paid: paid,
			})
		}
	}
	edit := func(name string, u refgrow.UpdateConversionParams) func() { return func() { w.update(made[name], u) } }
	remove := func(name string) func() { return func() { w.ok(w.shop.DeleteConversion(ctx, made[name].ID)) } }
	wait := func(days int) func() { return func() { w.clock.Advance(time.Duration(days) * 24 * time.Hour) } }
	value := func(text string) *money.Amount { return new(money.MustParse(text)) }
	type question struct {
		affiliate int64
		at        time.Time
		answer    string
	}
	var past []question
	for _, step := range []struct {
		what      string
		do        func()
		jane, joe string
	}{
		{"a sale", buy("a", jane.ID, "100.00 USD", false), "USD total 20.00 paid 0.00 eligible 0.00 held 20.00", ""},
		{"one in euros", buy("b", jane.ID, "50.00 EUR", false),
			"USD total 20.00 paid 0.00 eligible 0.00 held 20.00; EUR total 10.00 paid 0.00 eligible 0.00 held 10.00", ""},
		{"one in yen", buy("c", jane.ID, "1000 JPY", false),
			"USD total 20.00 paid 0.00 eligible 0.00 held 20.00; EUR total 10.00 paid 0.00 eligible 0.00 held 10.00; " +
				"JPY total 200 paid 0 eligible 0 held 200", ""},
		{"ten days", wait(10),
			"USD total 20.00 paid 0.00 eligible 20.00 held 0.00; EUR total 10.00 paid 0.00 eligible 10.00 held 0.00; " +
				"JPY total 200 paid 0 eligible 200 held 0", ""},
		{"the first is paid", edit("a", refgrow.UpdateConversionParams{Paid: new(true)}),
			"USD total 20.00 paid 20.00 eligible 0.00 held 0.00; EUR total 10.00 paid 0.00 eligible 10.00 held 0.00; " +
				"JPY total 200 paid 0 eligible 200 held 0", ""},
		{"and raised", edit("a", refgrow.UpdateConversionParams{Value: value("25.00 USD")}),
			"USD total 25.00 paid 20.00 eligible 5.00 held 0.00; EUR total 10.00 paid 0.00 eligible 10.00 held 0.00; " +
				"JPY total 200 paid 0 eligible 200 held 0", ""},
		{"and lowered", edit("a", refgrow.UpdateConversionParams{Value: value("15.00 USD")}),
			"USD total 15.00 paid 20.00 eligible -5.00 held 0.00; EUR total 10.00 paid 0.00 eligible 10.00 held 0.00; " +
				"JPY total 200 paid 0 eligible 200 held 0", ""},
		{"the second moves with a new value",
			edit("b", refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID), Value: value("8.00 EUR")}),
			"USD total 15.00 paid 20.00 eligible -5.00 held 0.00; JPY total 200 paid 0 eligible 200 held 0",
			"EUR total 8.00 paid 0.00 eligible 8.00 held 0.00"},
		{"another sale", buy("d", jane.ID, "30.00 USD", false),
			"USD total 21.00 paid 20.00 eligible -5.00 held 6.00; JPY total 200 paid 0 eligible 200 held 0",
			"EUR total 8.00 paid 0.00 eligible 8.00 held 0.00"},
		{"the third changes its currency",
			edit("c", refgrow.UpdateConversionParams{Currency: new(money.Currency("USD")), Value: value("3.00 USD")}),
			"USD total 24.00 paid 20.00 eligible -2.00 held 6.00", "EUR total 8.00 paid 0.00 eligible 8.00 held 0.00"},
		{"the other sale is deleted", remove("d"), "USD total 18.00 paid 20.00 eligible -2.00 held 0.00",
			"EUR total 8.00 paid 0.00 eligible 8.00 held 0.00"},
		{"the payment is taken back", edit("a", refgrow.UpdateConversionParams{Paid: new(false)}),
			"USD total 18.00 paid 0.00 eligible 18.00 held 0.00", "EUR total 8.00 paid 0.00 eligible 8.00 held 0.00"},
		{"the third is nobody's", edit("c", refgrow.UpdateConversionParams{AffiliateID: refgrow.Clear[int64]()}),
			"USD total 15.00 paid 0.00 eligible 15.00 held 0.00", "EUR total 8.00 paid 0.00 eligible 8.00 held 0.00"},
		{"and the other's", edit("c", refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(joe.ID)}),
			"USD total 15.00 paid 0.00 eligible 15.00 held 0.00",
			"USD total 3.00 paid 0.00 eligible 3.00 held 0.00; EUR total 8.00 paid 0.00 eligible 8.00 held 0.00"},
		{"a sale that was already paid", buy("e", joe.ID, "200.00 GBP", true),
			"USD total 15.00 paid 0.00 eligible 15.00 held 0.00",
			"USD total 3.00 paid 0.00 eligible 3.00 held 0.00; EUR total 8.00 paid 0.00 eligible 8.00 held 0.00; " +
				"GBP total 40.00 paid 40.00 eligible 0.00 held 0.00"},
		// A debt exists at once, even while its commission would be held.
		{"is lowered", edit("e", refgrow.UpdateConversionParams{Value: value("30.00 GBP")}),
			"USD total 15.00 paid 0.00 eligible 15.00 held 0.00",
			"USD total 3.00 paid 0.00 eligible 3.00 held 0.00; EUR total 8.00 paid 0.00 eligible 8.00 held 0.00; " +
				"GBP total 30.00 paid 40.00 eligible -10.00 held 0.00"},
		{"is unpaid", edit("e", refgrow.UpdateConversionParams{Paid: new(false)}),
			"USD total 15.00 paid 0.00 eligible 15.00 held 0.00",
			"USD total 3.00 paid 0.00 eligible 3.00 held 0.00; EUR total 8.00 paid 0.00 eligible 8.00 held 0.00; " +
				"GBP total 30.00 paid 0.00 eligible 0.00 held 30.00"},
		{"is deleted", remove("e"), "USD total 15.00 paid 0.00 eligible 15.00 held 0.00",
			"USD total 3.00 paid 0.00 eligible 3.00 held 0.00; EUR total 8.00 paid 0.00 eligible 8.00 held 0.00"},
		{"ten more days", wait(10), "USD total 15.00 paid 0.00 eligible 15.00 held 0.00",
			"USD total 3.00 paid 0.00 eligible 3.00 held 0.00; EUR total 8.00 paid 0.00 eligible 8.00 held 0.00"},
		{"all is deleted", func() { remove("a")(); remove("b")(); remove("c")() }, "", ""},
	} {
		step.do()
		w.clock.Advance(time.Millisecond) // an answer counts what was stamped before
		for _, affiliate := range []struct {
			id   int64
			want string
		}{{jane.ID, step.jane}, {joe.ID, step.joe}} {
			equal(w, "after "+step.what+", the balance", w.balances(affiliate.id), affiliate.want)
			w.checkLedger("after "+step.what, affiliate.id)
			past = append(past, question{affiliate.id, w.clock.Now(), affiliate.want})
		}
		w.verify()
	}
	for _, q := range past {
		equal(w, "the balance as of "+q.at.Format(time.RFC3339Nano), w.balances(q.affiliate, refgrow.AsOf(q.at)), q.answer)
	}
}

// Each operation posts what it should, and says for what.
func bookEntries(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(10)})
	c := w.purchase(jane.ID, "100.00 USD")
	w.clock.Advance(time.Hour)
	for _, u := range []refgrow.UpdateConversionParams{
		{Reference: refgrow.Set("r1"), BaseValue: refgrow.Set(money.MustParse("200.00 USD"))}, // nothing to post
		{Value: new(money.MustParse("30.00 USD"))},
		{Paid: new(true)},
		{Paid: new(true)},
		{Value: new(money.MustParse("12.00 USD"))}, // all of it a debt
		{Value: new(money.MustParse("32.00 USD")), Paid: new(false)},
		{Value: new(money.MustParse("40.00 USD")), Paid: new(true)},
	} {
		w.update(c, u)
	}
	w.ok(w.shop.DeleteConversion(w.Context(), c.ID))
	page := must(w.shop.ListLedger(w.Context(), jane.ID, refgrow.ListLedgerParams{}))
	var got string
	for i := range page.Items { // the oldest first
		e := page.Items[len(page.Items)-1-i]
		at := "held"
		if e.AvailableAt.Equal(w.clock.Now()) {
			at = "now"
		} else if !e.AvailableAt.Equal(c.AvailableAt) {
			at = e.AvailableAt.String()
		}
		got += fmt.Sprintf("%s %s %s\n", e.Kind, e.Amount.Decimal(), at)
		if e.ConversionID != c.ID || e.AffiliateID != jane.ID || e.PayoutID != 0 || e.Note != "" {
			w.Errorf("an entry is %+v", e)
		}
	}
	equal(w, "the ledger", got, `commission 20.00 held
correction 10.00 held
settlement -30.00 held
correction -18.00 now
correction 18.00 now
correction 2.00 held
settlement 30.00 held
correction 8.00 held
settlement -40.00 held
reversal -40.00 now
`)
	w.checkLedger("at the end", jane.ID)
	w.verify()
}

// Nothing but the deletion of the affiliate takes an entry away, and nothing
// changes one.
func appendOnly(w *world) {
	jane := w.affiliate("jane")
	for range 3 {
		w.purchase(jane.ID, "10.00 USD")
	}
	const columns = "project_id, affiliate_id, currency, kind, amount, available_at, created_at"
	for _, query := range []string{
		"UPDATE refgrow_ledger_entries SET amount = amount + 1",
		"UPDATE refgrow_ledger_entries SET note = 'x' WHERE id = 2",
		"UPDATE OR REPLACE refgrow_ledger_entries SET id = 1 WHERE id = 2",
		"UPDATE OR IGNORE refgrow_ledger_entries SET created_at = 0",
		"DELETE FROM refgrow_ledger_entries",
		"DELETE FROM refgrow_ledger_entries WHERE id = 3",
		"INSERT OR REPLACE INTO refgrow_ledger_entries (id, " + columns +
			") SELECT id, project_id, affiliate_id, currency, kind, 999, available_at, created_at " +
			"FROM refgrow_ledger_entries WHERE id = 1",
		"REPLACE INTO refgrow_ledger_entries (rowid, " + columns +
			") SELECT 2, project_id, affiliate_id, currency, kind, 999, available_at, created_at " +
			"FROM refgrow_ledger_entries WHERE id = 1",
		"INSERT INTO refgrow_ledger_entries (id, " + columns + ") SELECT id, " + columns +
			" FROM refgrow_ledger_entries WHERE id = 1 ON CONFLICT DO UPDATE SET amount = 999",
	} {
		if err := w.exec(query); err == nil {
			w.Errorf("this was done: %s", query)
		}
		equal(w, "the sum of the entries", value[int64](w, "SELECT SUM(amount) FROM refgrow_ledger_entries"), 600)
	}
	w.verify()
}
