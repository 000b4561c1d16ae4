package refgrow

import (
	"context"
	"database/sql"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// A Statement is an affiliate's account in one calendar month (UTC): the balances at
// its beginning and at its end, and between them, by AllStatementLines, what has
// changed them. It is made of ledger entries as they were written: once it is closed it
// never changes, whatever is refunded, deleted or changed later.
type Statement struct {
	AffiliateID int64
	Year        int
	Month       time.Month
	// Closed reports that the month is over: no more entries will be written in it.
	Closed bool
	// ClosedUntil is the end of a month that is closed, and zero otherwise: no entry
	// will be stamped before it any more. Asking stores it.
	ClosedUntil time.Time
	// LastEntryID is the id of its last entry, 0 if there is none.
	LastEntryID int64
	// Opening is as of the beginning of the month, and Closing as of its end or, if it
	// is not closed, of the moment in which the statement was made. Both have the same
	// currencies: the project's first, then each other one in which there was anything.
	Opening, Closing []StatementBalance

	project  int64
	first    int64   // the entries are those with an id from first to LastEntryID
	until    int64   // the instant of Closing
	released []int64 // in the month, for each currency
}

// A StatementBalance is a part of what an affiliate has earned in one currency, or by
// how much it changed. Total is the sum of the other three.
type StatementBalance struct {
	Currency                    money.Currency
	Total, Paid, Held, Eligible money.Amount
}

// StatementRelease is the kind of the line for what passed its hold in the month.
const StatementRelease EntryKind = "release"

// A StatementLine is a ledger entry, a payout, or what passed its hold. The line of a
// payout that was paid, or returned, has the kind EntrySettlement, its PayoutID, what
// its settlements come to as its Amount, and no ID. Its settlements follow, one for
// each conversion and availability. The line of what passed its hold, one for each
// currency, has the kind StatementRelease and comes last.
type StatementLine struct {
	LedgerEntry

	// Change is by how much the line changes each balance: Opening and the changes of
	// all lines add up to Closing.
	Change StatementBalance
	// OfPayout is set for a settlement that is part of the payout above it. That one
	// has the change, and this one none.
	OfPayout bool
}

// Statement makes an affiliate's statement for a month that has begun. For a month that
// is over it may wait for open transactions, and can return ErrBusy. Errors:
// ErrNotFound, ErrInvalid.
func (p *Project) Statement(ctx context.Context, affiliateID int64, year int, month time.Month) (*Statement, error) {
	if month < time.January || month > time.December || year < 1970 || year > 9999 {
		return nil, invalid("month", "must be a month from 1970-01 on, such as 2026-10")
	}
	start := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
	from, to, now := stored.Millis(start), stored.Millis(start.AddDate(0, 1, 0)), p.engine.millis()
	if from > now {
		return nil, invalid("month", "must not be in the future")
	}
	if to <= now {
		if err := p.closeInstant(ctx, to); err != nil {
			return nil, err
		}
	}
	s := &Statement{AffiliateID: affiliateID, Year: year, Month: month, project: p.id}
	err := p.snapshot(ctx, "making a statement", func(ctx context.Context, q db.Querier) error {
		if err := affiliateExists(ctx, q, p.id, affiliateID); err != nil {
			return err
		}
		totals, err := q.GetProjectTotals(ctx, p.id)
		if err != nil {
			return err
		}
		s.until = to
		if s.Closed = totals.LastStamp >= to; !s.Closed {
			s.until = max(now, totals.LastStamp)
		} else {
			s.ClosedUntil = stored.Instant(to)
		}
		if err := s.find(ctx, q, from, to); err != nil {
			return err
		}
		return s.balance(ctx, q, from)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// find finds the entries that were stamped from one instant on and before another.
func (s *Statement) find(ctx context.Context, q db.Querier, from, to int64) error {
	newest, err := q.LastEntryID(ctx, db.LastEntryIDParams{ProjectID: s.project, AffiliateID: s.AffiliateID})
	if err != nil {
		return ignoring(err, sql.ErrNoRows)
	}
	if s.first, err = s.firstFrom(ctx, q, newest, from); err != nil {
		return err
	}
	next, err := s.firstFrom(ctx, q, newest, to)
	if err == nil && next > s.first {
		s.LastEntryID, err = s.entryBefore(ctx, q, next)
	}
	return err
}

// firstFrom returns the least id from which on all entries of the affiliate are stamped
// with an instant or later, by halves: nothing has to read all that is older.
func (s *Statement) firstFrom(ctx context.Context, q db.Querier, newest, instant int64) (int64, error) {
	low, high := int64(1), newest+1
	for low < high {
		middle := low + (high-low)/2
		entry, err := q.NextEntry(ctx, db.NextEntryParams{
			ProjectID: s.project, AffiliateID: s.AffiliateID, FromID: middle,
		})
		switch {
		case err != nil:
			return 0, err
		case entry.ID < middle: // or it would never end
			return 0, fmt.Errorf("%w: entry %d comes before %d", ErrDamaged, entry.ID, middle)
		case entry.CreatedAt >= instant:
			high = middle
		default:
			low = entry.ID + 1
		}
	}
	return low, nil
}

// entryBefore returns the last entry with an id below another one.
func (s *Statement) entryBefore(ctx context.Context, q db.Querier, id int64) (int64, error) {
	rows, err := q.ListEntriesOfAffiliate(ctx, db.ListEntriesOfAffiliateParams{
		ProjectID: s.project, AffiliateID: s.AffiliateID, BeforeID: id, Limit: 1,
	})
	if err != nil || len(rows) == 0 || rows[0].ID < s.first {
		return 0, err
	}
	return rows[0].ID, nil
}

// balance adds up both balances, and what was released between them.
func (s *Statement) balance(ctx context.Context, q db.Querier, from int64) error {
	project, err := q.GetProject(ctx, s.project)
	if err != nil {
		return err
	}
	sum := func(instant, before int64) ([]db.SumEntriesRow, error) {
		return q.SumEntries(ctx, db.SumEntriesParams{
			ProjectID: s.project, AffiliateID: s.AffiliateID, StampedBefore: before, Instant: instant,
		})
	}
	opening, err := sum(from, from)
	if err != nil {
		return err
	}
	before := s.until
	if !s.Closed {
		before = s.until + 1 // an entry may have been stamped just now
	}
	closing, err := sum(s.until, before)
	if err != nil {
		return err
	}
	// Whatever there was at the beginning there is at the end, the same or not.
	of := func(rows []db.SumEntriesRow, currency string) db.SumEntriesRow {
		if at := slices.IndexFunc(rows, func(r db.SumEntriesRow) bool { return r.Currency == currency }); at >= 0 {
			return rows[at]
		}
		return db.SumEntriesRow{Currency: currency}
	}
	currencies := []string{project.Currency}
	for _, r := range closing {
		if r.Currency != project.Currency {
			currencies = append(currencies, r.Currency)
		}
	}
	for _, currency := range currencies {
		known, err := stored.Currency(currency)
		if err != nil {
			return fmt.Errorf("the account of affiliate %d: %w", s.AffiliateID, err)
		}
		released, err := q.SumReleased(ctx, db.SumReleasedParams{
			ProjectID: s.project, AffiliateID: s.AffiliateID, Currency: currency, AfterTime: from, Until: s.until,
		})
		if err != nil {
			return err
		}
		s.released = append(s.released, released)
		s.Opening = append(s.Opening, statementBalance(known, of(opening, currency)))
		s.Closing = append(s.Closing, statementBalance(known, of(closing, currency)))
	}
	return nil
}

func statementBalance(currency money.Currency, r db.SumEntriesRow) StatementBalance {
	return StatementBalance{
		Currency: currency, Total: money.New(r.Total, currency), Paid: money.New(r.Paid, currency),
		Held: money.New(r.Total-r.Paid-r.Eligible, currency), Eligible: money.New(r.Eligible, currency),
	}
}

// AllStatementLines walks the lines of a statement in the order in which they were
// written. It fetches page by page and holds no rows open, and all lines are of the
// instant in which the statement was made. Errors: ErrNotFound if the affiliate was
// deleted since, ErrInvalid for a statement that is not one of the project.
func (p *Project) AllStatementLines(ctx context.Context, s *Statement) iter.Seq2[StatementLine, error] {
	return func(yield func(StatementLine, error) bool) {
		if s == nil || s.project != p.id {
			yield(StatementLine{}, invalid("statement", "must be one that Statement of this project returned"))
			return
		}
		var payout settling
		for after := max(s.first-1, 0); after < s.LastEntryID; {
			lines, err := p.statementPage(ctx, s, after, &payout)
			if err != nil {
				yield(StatementLine{}, err)
				return
			}
			for _, line := range lines {
				if !yield(line, nil) {
					return
				}
			}
			after = lines[len(lines)-1].ID
		}
		for i, released := range s.released {
			if released != 0 && !yield(s.release(i, released), nil) {
				return
			}
		}
	}
}

// A settling is what the settlements of one payout have in common: those that were
// written when it was paid, or when it was returned. The zero one is for other entries.
type settling struct{ payout, stamp, returned int64 }

func settlingOf(r *db.LedgerEntry) settling {
	if EntryKind(r.Kind) != EntrySettlement || r.PayoutID == nil {
		return settling{}
	}
	return settling{payout: *r.PayoutID, stamp: r.CreatedAt, returned: r.Returned}
}

// statementPage makes the lines of the next entries. payout is the one that the entry
// before them settles, if any.
func (p *Project) statementPage(
	ctx context.Context, s *Statement, after int64, payout *settling,
) (lines []StatementLine, err error) {
	err = p.snapshot(ctx, "reading a statement", func(ctx context.Context, q db.Querier) error {
		if err := affiliateExists(ctx, q, p.id, s.AffiliateID); err != nil {
			return err
		}
		rows, err := q.ListEntriesBetween(ctx, db.ListEntriesBetweenParams{
			ProjectID: p.id, AffiliateID: s.AffiliateID, AfterID: after, LastID: s.LastEntryID, Limit: MaxLimit,
		})
		if err != nil {
			return err
		}
		if len(rows) == 0 || rows[len(rows)-1].ID <= after { // or it would never end
			return fmt.Errorf("%w: the statement of affiliate %d ends after entry %d, but should end with %d",
				ErrDamaged, s.AffiliateID, after, s.LastEntryID)
		}
		lines = make([]StatementLine, 0, len(rows)+1)
		of := *payout
		for i := range rows {
			entry, err := showEntry(&rows[i])
			if err != nil {
				return err
			}
			before := of
			if of = settlingOf(&rows[i]); of != before && of != (settling{}) {
				total, err := s.payoutLine(ctx, q, entry, of)
				if err != nil {
					return err
				}
				lines = append(lines, total)
			}
			lines = append(lines, lineOf(entry, of))
		}
		*payout = of
		return nil
	})
	return lines, err
}

// lineOf is the line of an entry. One that settles a payout changes nothing by itself.
func lineOf(e *LedgerEntry, of settling) StatementLine {
	line := StatementLine{LedgerEntry: *e, OfPayout: of != settling{}}
	amount, held := e.Amount.Minor(), int64(0)
	switch {
	case line.OfPayout:
		amount = 0
	case e.AvailableAt.After(e.CreatedAt):
		held = amount
	}
	line.Change = changeBy(e.Kind, e.Amount.Currency(), amount, held)
	return line
}

// changeBy is what an amount of a kind changes, of which a part is held.
func changeBy(kind EntryKind, currency money.Currency, amount, held int64) StatementBalance {
	change := StatementBalance{
		Currency: currency, Total: money.New(amount, currency), Paid: money.New(0, currency),
		Held: money.New(held, currency), Eligible: money.New(amount-held, currency),
	}
	if kind == EntrySettlement {
		change.Total, change.Paid = change.Paid, money.New(-amount, currency)
	}
	return change
}

// payoutLine is the line above the settlements of a payout, of which entry is the
// first.
func (s *Statement) payoutLine(
	ctx context.Context, q db.Querier, entry *LedgerEntry, of settling,
) (StatementLine, error) {
	sum, err := q.SumSettlements(ctx, db.SumSettlementsParams{
		ProjectID: s.project, AffiliateID: s.AffiliateID, FirstID: entry.ID, LastID: s.LastEntryID,
		PayoutID: of.payout, Stamp: of.stamp, Returned: of.returned,
	})
	currency := entry.Amount.Currency()
	return StatementLine{
		LedgerEntry: LedgerEntry{
			AffiliateID: s.AffiliateID, Kind: EntrySettlement, Amount: money.New(sum.Amount, currency),
			CreatedAt: entry.CreatedAt, PayoutID: of.payout,
		},
		Change: changeBy(EntrySettlement, currency, sum.Amount, sum.Held),
	}, err
}

// release is the line of what passed its hold in one of the currencies.
func (s *Statement) release(of int, released int64) StatementLine {
	currency := s.Opening[of].Currency
	change := changeBy(StatementRelease, currency, 0, -released)
	return StatementLine{
		LedgerEntry: LedgerEntry{
			AffiliateID: s.AffiliateID, Kind: StatementRelease, Amount: money.New(released, currency),
			CreatedAt: stored.Instant(s.until),
		},
		Change: change,
	}
}

// WriteStatementCSV writes a line of column names, the opening balances, the lines of
// the statement and the closing balances, page by page. The columns total, paid, held
// and eligible have the balances and by how much each line changes them; they are empty
// for the settlements below a payout. A note that a spreadsheet would take for a
// formula gets an apostrophe in front. Errors: those of w and of AllStatementLines.
func (p *Project) WriteStatementCSV(ctx context.Context, w io.Writer, s *Statement) error {
	out := csv.NewWriter(w)
	write := func(cells ...string) error { return out.Write(cells) }
	if err := write("id", "created_at", "kind", "amount", "currency", "total", "paid", "held", "eligible",
		"available_at", "conversion_id", "payout_id", "note"); err != nil {
		return err
	}
	balances := func(kind string, at time.Time, all []StatementBalance) error {
		for _, b := range all {
			if err := write("", stampText(at), kind, "", string(b.Currency), b.Total.Decimal(), b.Paid.Decimal(),
				b.Held.Decimal(), b.Eligible.Decimal(), "", "", "", ""); err != nil {
				return err
			}
		}
		return nil
	}
	if s != nil {
		if err := balances("opening", time.Date(s.Year, s.Month, 1, 0, 0, 0, 0, time.UTC), s.Opening); err != nil {
			return err
		}
	}
	for line, err := range p.AllStatementLines(ctx, s) {
		if err != nil {
			return err
		}
		if err := write(line.cells()...); err != nil {
			return err
		}
	}
	if err := balances("closing", stored.Instant(s.until), s.Closing); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// cells are the line as a row of the file.
func (l *StatementLine) cells() []string {
	note := l.Note
	if form.Formula(note) {
		note = "'" + note
	}
	cells := []string{
		idText(l.ID), stampText(l.CreatedAt), string(l.Kind), l.Amount.Decimal(), string(l.Amount.Currency()),
		l.Change.Total.Decimal(), l.Change.Paid.Decimal(), l.Change.Held.Decimal(), l.Change.Eligible.Decimal(),
		"", idText(l.ConversionID), idText(l.PayoutID), note,
	}
	if l.OfPayout {
		cells[5], cells[6], cells[7], cells[8] = "", "", "", ""
	}
	if !l.AvailableAt.IsZero() {
		cells[9] = stampText(l.AvailableAt)
	}
	return cells
}

func stampText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// idText is empty for 0, which is never an id.
func idText(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}
