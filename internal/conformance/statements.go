package conformance

import (
	"bytes"
	"database/sql"
	"fmt"
	"io"
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
		{"balances", statementBalances},
		{"many lines", longStatement},
		{"refused", refuseStatements},
	}
}

// A stated month is a statement with its lines.
type stated struct {
	*refgrow.Statement

	lines   []refgrow.StatementLine
	entries []refgrow.LedgerEntry // those of the lines
}

// statement is what an affiliate's statement of a month of 2026 says, also as text.
func (w *world) statement(affiliate int64, month time.Month) (stated, string) {
	w.Helper()
	s := w.linesOf(w.shop, must(w.shop.Statement(w.Context(), affiliate, 2026, month)))
	var csv bytes.Buffer
	w.ok(w.shop.WriteStatementCSV(w.Context(), &csv, s.Statement))
	return s, fmt.Sprintf("%+v\n%s", *s.Statement, csv.String())
}

// linesOf reads the lines of a statement, and checks that they add up.
func (w *world) linesOf(p *refgrow.Project, s *refgrow.Statement) stated {
	w.Helper()
	found := stated{Statement: s}
	sums := make(map[money.Currency]refgrow.StatementBalance)
	add := func(b refgrow.StatementBalance) {
		sum, known := sums[b.Currency]
		if !known {
			zero := money.New(0, b.Currency)
			sum = refgrow.StatementBalance{Currency: b.Currency, Total: zero, Paid: zero, Held: zero, Eligible: zero}
		}
		for _, part := range []struct{ to, by *money.Amount }{
			{&sum.Total, &b.Total}, {&sum.Paid, &b.Paid}, {&sum.Held, &b.Held}, {&sum.Eligible, &b.Eligible},
		} {
			*part.to = must(part.to.Add(*part.by))
		}
		sums[b.Currency] = sum
	}
	for _, b := range s.Opening {
		add(b)
	}
	payout, ofPayout := int64(0), money.Amount{} // what is left to explain of the payout above
	for _, line := range collect(w, p.AllStatementLines(w.Context(), s)) {
		found.lines = append(found.lines, line)
		add(line.Change)
		switch {
		case line.OfPayout:
			equal(w, "the payout of a settlement below it", line.PayoutID, payout)
			ofPayout = must(ofPayout.Sub(line.Amount))
		case line.ID == 0 && line.Kind == refgrow.EntrySettlement:
			payout, ofPayout = line.PayoutID, line.Amount
			continue
		default:
			equal(w, "what is left of a payout", payout == 0 || ofPayout.IsZero(), true)
			payout = 0
		}
		if line.ID != 0 {
			found.entries = append(found.entries, line.LedgerEntry)
		}
	}
	for _, b := range s.Closing {
		equal(w, "the closing balance of the lines", sums[b.Currency], b)
	}
	equal(w, "the currencies", len(sums), len(s.Closing))
	return found
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
	equal(w, "its entries before it is over", len(open.entries), 4)
	w.refused("the next month", errOf(w.shop.Statement(ctx, jane.ID, 2026, time.November)), refgrow.ErrInvalid, "month")

	w.clock.Set(in2026(time.November, 1))
	closed, before := w.statement(jane.ID, time.October)
	equal(w, "whether it is closed", closed.Closed, true)
	equal(w, "its last entry", closed.LastEntryID, closed.entries[3].ID)
	equal(w, "its first entry's conversion", closed.entries[0].ConversionID, sale.ID)
	equal(w, "its lines", strings.Count(before, "\n"), 11)
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
				Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("1.00 USD"),
				OccurredAt: in2026(time.October, 10),
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
		for _, e := range s.entries {
			equal(w, "the month of an entry", e.CreatedAt.Month(), month)
			entries = append([]int64{e.ID}, entries...)
		}
	}
	ledger := collect(w, w.shop.AllLedger(w.Context(), jane.ID, refgrow.ListLedgerParams{}))
	w.sameIDs("the entries of all months", entries, ids(ledger, func(e *refgrow.LedgerEntry) int64 { return e.ID }))
	empty := w.linesOf(w.shop, must(w.shop.Statement(w.Context(), jane.ID, 2025, time.May)))
	if !empty.Closed || empty.LastEntryID != 0 || len(empty.lines) != 0 {
		w.Errorf("a month without entries is %+v", empty)
	}
	w.verify()
}

// What a transaction of the app commits after midnight, having begun before it, is in
// the statement: the statement waits, or is refused.
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
	equal(w, "its entries", len(w.linesOf(w.shop, got.statement).entries), 1)
	again, _ := w.statement(jane.ID, time.October)
	equal(w, "its last entry, asked again", again.LastEntryID, got.statement.LastEntryID)
	w.verify()
}

// A project's months are closed on their own.
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
	must(other.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
		AffiliateID: joe.ID, Amount: money.MustParse("1.00 USD"), Note: "a bonus",
	}))
	theirs := must(other.Statement(ctx, joe.ID, 2026, time.October))
	equal(w, "whether theirs is closed", theirs.Closed, false)
	lines := w.linesOf(other, theirs)
	equal(w, "their entries", len(lines.entries), 1)
	equal(w, "the stamp of their entry", lines.entries[0].CreatedAt, w.clock.Now())
	for _, err := range w.shop.AllStatementLines(ctx, theirs) {
		w.refused("the lines of theirs", err, refgrow.ErrInvalid, "statement")
	}
	for _, err := range w.shop.AllStatementLines(ctx, nil) {
		w.refused("the lines of none", err, refgrow.ErrInvalid, "statement")
	}
	w.refused("theirs as a file", w.shop.WriteStatementCSV(ctx, io.Discard, theirs), refgrow.ErrInvalid, "statement")
	w.refused("none as a file", w.shop.WriteStatementCSV(ctx, io.Discard, nil), refgrow.ErrInvalid, "statement")
	if _, after := w.statement(jane.ID, time.October); after != before {
		w.Errorf("the statement is\n%s\nbut was\n%s", after, before)
	}
	w.refused("another project's affiliate",
		errOf(other.Statement(ctx, jane.ID, 2026, time.October)), refgrow.ErrNotFound, "")
	w.verify()
}

// Opening and closing balances of what was held, released, paid and refunded in a
// month, in two currencies.
func statementBalances(w *world) {
	jane := w.affiliate("jane")
	w.set(refgrow.UpdateSettingsParams{HoldDays: new(10)})
	w.clock.Set(in2026(time.September, 25))
	w.purchase(jane.ID, "10.00 USD") // is released in October
	w.adjust(jane.ID, "7.00 USD")
	w.clock.Set(in2026(time.October, 3))
	sale := w.purchase(jane.ID, "100.00 USD") // held and released in October
	w.adjust(jane.ID, "5.00 EUR")
	w.clock.Set(in2026(time.October, 20))
	w.payNow(refgrow.PayoutRunParams{})
	payout := must(w.shop.ListPayouts(w.Context(), refgrow.ListPayoutsParams{AffiliateID: jane.ID})).Items[0]
	w.clock.Set(in2026(time.October, 25))
	w.refund(sale, "10.00 USD")
	w.purchase(jane.ID, "50.00 USD") // is released in November
	w.clock.Set(in2026(time.November, 1))
	s, _ := w.statement(jane.ID, time.October)
	show := func(all []refgrow.StatementBalance) (text string) {
		for _, b := range all {
			text += fmt.Sprintf("%s %s %s %s; ", b.Total, b.Paid.Decimal(), b.Held.Decimal(), b.Eligible.Decimal())
		}
		return text
	}
	equal(w, "the opening balance", show(s.Opening), "9.00 USD 0.00 2.00 7.00; 0.00 EUR 0.00 0.00 0.00; ")
	equal(w, "the closing balance", show(s.Closing), "37.00 USD 29.00 10.00 -2.00; 5.00 EUR 0.00 0.00 5.00; ")
	var lines []string
	for _, line := range s.lines {
		text := fmt.Sprint(line.Kind, " ", line.Amount)
		if line.OfPayout {
			text = "- " + text
		} else {
			text += " = " + show([]refgrow.StatementBalance{line.Change})
		}
		lines = append(lines, text)
	}
	equal(w, "the lines", strings.Join(lines, "\n"), `commission 20.00 USD = 20.00 USD 0.00 20.00 0.00; 
adjustment 5.00 EUR = 5.00 EUR 0.00 0.00 5.00; 
settlement -29.00 USD = 0.00 USD 29.00 0.00 -29.00; 
- settlement -2.00 USD
- settlement -7.00 USD
- settlement -20.00 USD
reversal -2.00 USD = -2.00 USD 0.00 0.00 -2.00; 
commission 10.00 USD = 10.00 USD 0.00 10.00 0.00; 
release 22.00 USD = 0.00 USD 0.00 -22.00 22.00; `)
	for _, line := range s.lines {
		if line.Kind == refgrow.EntrySettlement {
			equal(w, "the payout", line.PayoutID, payout.ID)
		}
	}
	next, _ := w.statement(jane.ID, time.November)
	equal(w, "the next opening balance", next.Opening, s.Closing)
	equal(w, "whether that is closed", next.Closed, false)
	w.verify()
}

// A statement of more lines than a page has, also among the settlements of one payout.
func longStatement(w *world) {
	jane := w.affiliate("jane")
	w.clock.Set(in2026(time.October, 1))
	const many = 1100
	w.ok(w.shop.Atomic(w.Context(), func(p *refgrow.Project) error {
		for range many {
			if _, err := p.RecordConversion(w.Context(), refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("1.00 USD"),
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	w.payNow(refgrow.PayoutRunParams{})
	s, csv := w.statement(jane.ID, time.October)
	equal(w, "the entries", len(s.entries), 2*many)
	equal(w, "the lines", len(s.lines), 2*many+1)
	equal(w, "the lines of the file", strings.Count(csv, "\n"), 1+1+1+2*many+1+1)
	// What is written later is not in a statement that was made before.
	w.adjust(jane.ID, "1.00 USD")
	equal(w, "the entries after another one", len(w.linesOf(w.shop, s.Statement).entries), 2*many)
	seen := 0
	for _, err := range w.shop.AllStatementLines(w.Context(), s.Statement) {
		w.ok(err)
		if seen++; seen == 700 {
			w.ok(w.shop.DeleteAffiliate(w.Context(), jane.ID))
			break
		}
	}
	// A later page that fails ends the lines.
	last := error(nil)
	for _, err := range w.shop.AllStatementLines(w.Context(), s.Statement) {
		last = err
	}
	w.refused("the lines of a deleted affiliate", last, refgrow.ErrNotFound, "")
	w.verify()
}

func refuseStatements(w *world) {
	ctx := w.Context()
	jane := w.affiliate("jane")
	for _, c := range []struct {
		year  int
		month time.Month
	}{{2026, 0}, {2026, 13}, {2026, -1}, {1969, 12}, {10000, 1}, {2026, time.February}, {2027, time.January}} {
		w.refused(fmt.Sprintf("month %d of %d", c.month, c.year), errOf(w.shop.Statement(ctx, jane.ID, c.year, c.month)),
			refgrow.ErrInvalid, "month")
	}
	w.refused("an unknown affiliate", errOf(w.shop.Statement(ctx, 1<<40, 2026, time.January)), refgrow.ErrNotFound, "")
	w.adjust(jane.ID, "1.00 USD")
	w.clock.Advance(60 * 24 * time.Hour)
	s := must(w.shop.Statement(ctx, jane.ID, 2026, time.January))
	w.ok(w.shop.DeleteAffiliate(ctx, jane.ID))
	for _, err := range w.shop.AllStatementLines(ctx, s) {
		w.refused("the lines of a deleted affiliate", err, refgrow.ErrNotFound, "")
	}
	w.refused("a deleted affiliate", errOf(w.shop.Statement(ctx, jane.ID, 2026, time.January)), refgrow.ErrNotFound, "")
	w.verify()
}
