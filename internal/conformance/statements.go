package conformance

import (
	"bytes"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func statementTests() []test {
	return []test{
		{"a closed month", closedMonth},
		{"months in a row", monthsInARow},
		{"an open transaction", statementWaits},
		{"another project", statementsApart},
		{"refused", refuseStatements},
	}
}

// statement is what an affiliate's statement of a month of 2026 says, as text.
func (w *world) statement(affiliate int64, month time.Month) (*refgrow.Statement, string) {
	w.Helper()
	s, err := w.shop.Statement(w.Context(), affiliate, 2026, month)
	w.ok(err)
	var csv bytes.Buffer
	w.ok(s.WriteCSV(&csv))
	return s, fmt.Sprintf("%+v\n%s", *s, csv.String())
}

func in2026(month time.Month, day int) time.Time {
	return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC)
}

// A month that is over never changes, whatever happens later.
func closedMonth(w *world) {
	ctx := w.Context()
	jane, joe := w.affiliate("jane"), w.affiliate("joe")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(10)})
	w.clock.Set(in2026(time.October, 1).Add(-time.Millisecond))
	w.purchase(jane.ID, "10.00 USD") // September's
	w.clock.Set(in2026(time.October, 1))
	sale := w.purchase(jane.ID, "100.00 USD")
	w.purchase(joe.ID, "100.00 USD")
	other := w.purchase(jane.ID, "50.00 USD")
	w.adjust(jane.ID, "5.00 EUR")
	w.clock.Set(in2026(time.November, 1).Add(-time.Millisecond))
	w.refund(sale, "10.00 USD")
	reserved := w.run(refgrow.PayoutRunParams{})
	open, _ := w.statement(jane.ID, time.October)
	equal(w, "whether it is closed before it is over", open.Closed, false)
	equal(w, "its entries before it is over", len(open.Entries), 4)
	w.refused("the next month", errOf(w.shop.Statement(ctx, jane.ID, 2026, time.November)), refgrow.ErrInvalid, "month")

	w.clock.Set(in2026(time.November, 1))
	closed, before := w.statement(jane.ID, time.October)
	equal(w, "whether it is closed", closed.Closed, true)
	equal(w, "its last entry", closed.LastEntryID, closed.Entries[3].ID)
	equal(w, "its first entry's conversion", closed.Entries[0].ConversionID, sale.ID)
	equal(w, "its lines", strings.Count(before, "\n"), 6)
	for _, c := range []struct {
		what   string
		change func()
	}{
		{"the clock has gone back", func() { w.clock.Set(in2026(time.October, 15)); w.purchase(jane.ID, "70.00 USD") }},
		{"a payout was paid", func() { w.pay(reserved[0]) }},
		{"a refund", func() { w.refund(sale, "") }},
		{"a refund was undone", func() { must(w.shop.UndoRefund(ctx, sale.ID, refgrow.RefundConversionParams{})) }},
		{"a deletion", func() { w.ok(w.shop.DeleteConversion(ctx, other.ID)) }},
		{"other rules", func() {
			w.set(refgrow.UpdateSettingsParams{Commission: new(refgrow.Percent("1")), HoldDays: new(0)})
			w.rule(refgrow.CreateRuleParams{AffiliateID: jane.ID, Commission: refgrow.Percent("50")})
		}},
		{"another name", func() {
			must(w.shop.UpdateAffiliate(ctx, jane.ID, refgrow.UpdateAffiliateParams{Email: new("june@example.com")}))
			w.ok(w.shop.Rename(ctx, "store"))
		}},
		{"a sale that is entered late", func() {
			w.record(refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("1.00 USD"), OccurredAt: in2026(time.October, 10),
			})
		}},
		{"the deletion of another affiliate", func() { w.cancel(reserved[1]); w.ok(w.shop.DeleteAffiliate(ctx, joe.ID)) }},
		{"Christmas", func() { w.clock.Set(in2026(time.December, 24)); w.payNow(refgrow.PayoutRunParams{}) }},
	} {
		c.change()
		if _, after := w.statement(jane.ID, time.October); after != before {
			w.Errorf("after %s the statement is\n%s\nbut was\n%s", c.what, after, before)
		}
		w.verify()
	}
}

// The statements of all months together are the ledger, each entry once.
func monthsInARow(w *world) {
	jane := w.affiliate("jane")
	for month := time.January; month <= time.December; month++ {
		first := in2026(month, 1)
		for _, at := range []time.Time{first, first.AddDate(0, 1, 0).Add(-time.Millisecond)} {
			if at.After(w.clock.Now()) {
				w.clock.Set(at)
			}
			w.adjust(jane.ID, fmt.Sprintf("%d.00 USD", month))
		}
		if month%4 == 0 {
			w.payNow(refgrow.PayoutRunParams{})
		}
	}
	w.clock.Set(in2026(time.December, 31).AddDate(0, 0, 1))
	var entries []int64
	for month := time.January; month <= time.December; month++ {
		s, _ := w.statement(jane.ID, month)
		equal(w, "the month", s.Month, month)
		equal(w, "whether it is closed", s.Closed, true)
		for _, e := range s.Entries {
			equal(w, "the month of an entry", e.CreatedAt.Month(), month)
			entries = append([]int64{e.ID}, entries...)
		}
	}
	ledger := collect(w, w.shop.AllLedger(w.Context(), jane.ID, refgrow.ListLedgerParams{}))
	w.sameIDs("the entries of all months", entries, ids(ledger, func(e *refgrow.LedgerEntry) int64 { return e.ID }))
	empty := must(w.shop.Statement(w.Context(), jane.ID, 2025, time.May))
	if !empty.Closed || empty.LastEntryID != 0 || len(empty.Entries) != 0 {
		w.Errorf("a month without entries is %+v", empty)
	}
	w.verify()
}

// What a transaction of the app's own, begun before midnight, commits after it, is
// in the statement: this waits, or is refused.
func statementWaits(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	w.log()
	w.clock.Set(in2026(time.November, 1).Add(-time.Minute))
	type answer struct {
		statement *refgrow.Statement
		err       error
	}
	asked := make(chan answer, 1)
	w.ok(w.inTx(func(tx *sql.Tx) error {
		if err := errOf(w.shop.WithTx(tx).CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
			AffiliateID: jane.ID, Amount: money.MustParse("1.00 USD"), Note: "a bonus",
		})); err != nil {
			return err
		}
		w.clock.Set(in2026(time.November, 1))
		go func() {
			s, err := w.shop.Statement(ctx, jane.ID, 2026, time.October)
			asked <- answer{s, err}
		}()
		return nil
	}))
	got := <-asked
	w.ok(got.err)
	equal(w, "whether it is closed", got.statement.Closed, true)
	equal(w, "its entries", len(got.statement.Entries), 1)
	again, _ := w.statement(jane.ID, time.October)
	equal(w, "its last entry, asked again", again.LastEntryID, got.statement.LastEntryID)
	w.verify()
}

// A project's months are closed by itself.
func statementsApart(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	other := w.shopOf("other")
	joe := must(other.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "joe@example.com"}))
	w.clock.Set(in2026(time.October, 15))
	w.adjust(jane.ID, "1.00 USD")
	w.clock.Set(in2026(time.November, 2))
	closed, before := w.statement(jane.ID, time.October)
	equal(w, "whether it is closed", closed.Closed, true)
	w.clock.Set(in2026(time.October, 20))
	must(other.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{AffiliateID: joe.ID, Amount: money.MustParse("1.00 USD"), Note: "a bonus"}))
	theirs := must(other.Statement(ctx, joe.ID, 2026, time.October))
	equal(w, "whether theirs is closed", theirs.Closed, false)
	equal(w, "their entries", len(theirs.Entries), 1)
	equal(w, "the stamp of their entry", theirs.Entries[0].CreatedAt, w.clock.Now())
	if _, after := w.statement(jane.ID, time.October); after != before {
		w.Errorf("the statement is\n%s\nbut was\n%s", after, before)
	}
	w.refused("another project's affiliate", errOf(other.Statement(ctx, jane.ID, 2026, time.October)), refgrow.ErrNotFound, "")
	w.verify()
}

func refuseStatements(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	for _, c := range []struct {
		year  int
		month time.Month
	}{{2026, 0}, {2026, 13}, {2026, -1}, {1969, 12}, {10000, 1}, {2026, time.February}, {2027, time.January}} {
		w.refused(fmt.Sprintf("month %d of %d", c.month, c.year), errOf(w.shop.Statement(ctx, jane.ID, c.year, c.month)), refgrow.ErrInvalid, "month")
	}
	w.refused("an unknown affiliate", errOf(w.shop.Statement(ctx, 1<<40, 2026, time.January)), refgrow.ErrNotFound, "")
	w.adjust(jane.ID, "1.00 USD")
	w.clock.Advance(60 * 24 * time.Hour)
	w.ok(w.shop.DeleteAffiliate(ctx, jane.ID))
	w.refused("a deleted affiliate", errOf(w.shop.Statement(ctx, jane.ID, 2026, time.January)), refgrow.ErrNotFound, "")
	w.verify()
}
