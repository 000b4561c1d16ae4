package refgrow

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// An EntryKind says what happened in an affiliate's account.
type EntryKind string

const (
	// EntryCommission: a conversion was credited.
	EntryCommission EntryKind = "commission"
	// EntryCorrection: the value of a credited conversion was changed.
	EntryCorrection EntryKind = "correction"
	// EntryReversal: a conversion was refunded, deleted, or credited to somebody else.
	EntryReversal EntryKind = "reversal"
	// EntryAdjustment: a bonus or a deduction by the program's owner.
	EntryAdjustment EntryKind = "adjustment"
	// EntrySettlement: something was paid out (negative), or a payment was taken
	// back (positive).
	EntrySettlement EntryKind = "settlement"
)

// A LedgerEntry is one line of an affiliate's account. It never changes.
type LedgerEntry struct {
	ID          int64
	AffiliateID int64
	Kind        EntryKind
	Amount      money.Amount
	// AvailableAt is when the amount counts as eligible instead of held.
	AvailableAt time.Time
	// CreatedAt is the instant of the entry. Within a project it never goes back.
	CreatedAt time.Time
	// ConversionID and PayoutID say what the entry is about; 0 for none. The
	// conversion may be deleted by now.
	ConversionID, PayoutID int64
	Note                   string
}

// ListLedgerParams narrow and page an affiliate's ledger.
type ListLedgerParams struct {
	// Limit is 1 to 500; 0 means 50.
	Limit  int
	After  Cursor
	Offset int
}

// ListLedger gives the entries of an affiliate, newest first. Errors:
// ErrNotFound, ErrInvalid.
func (p *Project) ListLedger(ctx context.Context, affiliateID int64, params ListLedgerParams) (Page[LedgerEntry], error) {
	var page Page[LedgerEntry]
	at, err := pageOf("ledger", params.Limit, 50, params.After, params.Offset, p.id, affiliateID)
	if err != nil {
		return page, err
	}
	err = p.snapshot(ctx, "listing ledger entries", func(ctx context.Context, q db.Querier) error {
		if _, err := q.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: p.id, AffiliateID: affiliateID}); err != nil {
			return missing(err, "Affiliate")
		}
		rows, err := q.ListEntriesOfAffiliate(ctx, db.ListEntriesOfAffiliateParams{
			ProjectID: p.id, AffiliateID: affiliateID, BeforeID: at.from.id, Limit: at.fetch(), Offset: at.offset,
		})
		if err != nil {
			return err
		}
		page, err = cut(at, rows, func(r *db.LedgerEntry) (int64, int64) { return 0, r.ID }, showEntry)
		return err
	})
	return page, err
}

// CountLedger counts the entries of an affiliate. Errors: ErrNotFound.
func (p *Project) CountLedger(ctx context.Context, affiliateID int64) (int64, error) {
	var n int64
	err := p.snapshot(ctx, "counting ledger entries", func(ctx context.Context, q db.Querier) (err error) {
		if _, err := q.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: p.id, AffiliateID: affiliateID}); err != nil {
			return missing(err, "Affiliate")
		}
		n, err = q.CountEntriesOfAffiliate(ctx, db.CountEntriesOfAffiliateParams{ProjectID: p.id, AffiliateID: affiliateID})
		return err
	})
	return n, err
}

// AllLedger walks all entries of an affiliate. It fetches page by page and holds
// no rows open.
func (p *Project) AllLedger(ctx context.Context, affiliateID int64, params ListLedgerParams) iter.Seq2[LedgerEntry, error] {
	return all(func(after Cursor) (Page[LedgerEntry], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return p.ListLedger(ctx, affiliateID, params)
	})
}

func showEntry(r *db.LedgerEntry) (*LedgerEntry, error) {
	currency, err := storedCurrency(r.Currency)
	if err != nil {
		return nil, fmt.Errorf("ledger entry %d: %w", r.ID, err)
	}
	return &LedgerEntry{
		ID: r.ID, AffiliateID: r.AffiliateID, Kind: EntryKind(r.Kind), Amount: money.New(r.Amount, currency),
		AvailableAt: instant(r.AvailableAt), CreatedAt: instant(r.CreatedAt),
		ConversionID: orZero(r.ConversionID), PayoutID: orZero(r.PayoutID), Note: orZero(r.Note),
	}, nil
}

// An account is one affiliate's in one currency.
type account struct {
	affiliate int64
	currency  string
}

// An entry is one that is about to be written.
type entry struct {
	id         int64 // once it is written
	kind       EntryKind
	amount     int64 // minor units
	available  int64 // Unix milliseconds
	conversion int64 // 0 for none
	payout     int64 // 0 for none
	note       string
}

// debt tells whether an entry that is not available yet counts at once when a
// payout is made: what takes something does, and what a payout has settled of that
// counts against it. A settlement by hand is none: it counts when what it settles
// does.
func (e entry) debt() bool {
	if e.amount < 0 {
		return e.kind != EntrySettlement
	}
	return e.payout != 0
}

// A posting is everything that one operation does to one account: entries, by how
// much its counts of conversions change, and what pending payouts reserve more or
// less.
type posting struct {
	account
	entries            []entry
	signups, purchases int64
	day                int64 // of the conversions that are counted
	reserved           int64
	settles            int64  // the payout whose entries are settled, 0 for none
	field              string // the input that is at fault when the account cannot hold the sum
}

// count changes the count of conversions by one like c.
func (p *posting) count(c *db.Conversion, by int64) {
	p.day = dayOf(c.CreatedAt)
	switch ConversionType(c.Type) {
	case Signup:
		p.signups += by
	case Purchase:
		p.purchases += by
	}
}

// post is the only place that writes ledger entries and balances: the entries,
// and in the same transaction the row that sums them up.
func (o *op) post(ctx context.Context, p posting) error {
	if p.affiliate == 0 || len(p.entries) == 0 && p.signups == 0 && p.purchases == 0 && p.reserved == 0 && p.settles == 0 {
		return nil // nobody has no account
	}
	stamp := o.stamp()
	row := db.PostToAccountParams{
		AffiliateID: p.affiliate, Currency: p.currency, ProjectID: o.project, RolledTo: stamp,
		Signups: p.signups, Purchases: p.purchases, Reserved: p.reserved,
	}
	for i, e := range p.entries {
		var err error
		if p.entries[i].id, err = o.InsertEntry(ctx, db.InsertEntryParams{
			ProjectID: o.project, AffiliateID: p.affiliate, Currency: p.currency, Kind: string(e.kind),
			Amount: e.amount, AvailableAt: e.available, CreatedAt: stamp, ConversionID: idOrNull(e.conversion),
			PayoutID: idOrNull(e.payout), Note: textOrNull(e.note),
		}); err != nil {
			return fmt.Errorf("writing a ledger entry: %w", err)
		}
		e.addTo(&row)
	}
	written := len(p.entries)
	if p.settles != 0 {
		settlements, err := o.InsertSettlements(ctx, db.InsertSettlementsParams{ProjectID: o.project, PayoutID: p.settles, CreatedAt: stamp})
		if err != nil {
			return fmt.Errorf("writing settlements: %w", err)
		}
		for _, s := range settlements {
			entry{kind: EntrySettlement, amount: s.Amount, available: s.AvailableAt, payout: p.settles}.addTo(&row)
		}
		written += len(settlements)
	}
	o.Add(db.AddTotalsParams{ProjectID: o.project, LedgerEntries: int64(written)})
	o.countPosting(p, row.Total, stamp)
	if err := o.PostToAccount(ctx, row); err != nil {
		return &balanceError{err, p.field}
	}
	return nil
}

// countPosting counts on their days what a posting earns and which conversions it
// brings.
func (o *op) countPosting(p posting, earned, stamp int64) {
	today := db.AddToAffiliateDayParams{ProjectID: o.project, Day: dayOf(stamp), AffiliateID: p.affiliate, Currency: p.currency}
	if earned != 0 {
		today.Earned = earned
		o.AddAffiliateDay(today)
		o.AddProjectDay(db.AddToProjectDayParams{ProjectID: o.project, Day: today.Day, Currency: p.currency, Earned: earned})
	}
	if p.signups != 0 || p.purchases != 0 {
		today.Day, today.Signups, today.Purchases, today.Earned = p.day, p.signups, p.purchases, 0
		o.AddAffiliateDay(today)
	}
}

// addTo adds an entry to the sums of its account.
func (e entry) addTo(row *db.PostToAccountParams) {
	row.Gross += max(e.amount, -e.amount)
	if e.kind == EntrySettlement {
		row.Paid -= e.amount
	} else {
		row.Total += e.amount
	}
	if e.available <= row.RolledTo {
		row.Eligible += e.amount
		return
	}
	if row.NextReleaseAt == nil || e.available < *row.NextReleaseAt {
		row.NextReleaseAt = &e.available
	}
	if e.debt() {
		row.Debts += e.amount
	}
}

// A balanceError is what the schema answers to a balance out of bounds, among
// other errors of the database.
type balanceError struct {
	err   error
	field string
}

func (e *balanceError) Error() string { return "changing a balance: " + e.err.Error() }
func (e *balanceError) Unwrap() error { return e.err }

// A book is what the ledger says of one conversion in one account.
type book struct {
	account
	conversion int64
	available  int64  // the commission's availability
	note       string // of what is written down from now on
	field      string // the input that brings it about
	entries    []entry
	written    int // how many of the entries are in the ledger
}

// bookOf picks the entries of one account.
func bookOf(rows []db.LedgerEntry, c *db.Conversion) *book {
	b := &book{account: account{orZero(c.AffiliateID), c.Currency}, conversion: c.ID, available: c.AvailableAt, field: "value"}
	for _, r := range rows {
		if r.AffiliateID == b.affiliate && r.Currency == b.currency {
			b.entries = append(b.entries, entry{kind: EntryKind(r.Kind), amount: r.Amount, available: r.AvailableAt})
		}
	}
	b.written = len(b.entries)
	return b
}

// posting is what the book has and the ledger has not.
func (b *book) posting() posting {
	return posting{account: b.account, entries: b.entries[b.written:], field: b.field}
}

// earned is the sum of all entries but settlements: what the conversion has
// brought the account.
func (b *book) earned() (sum int64) {
	for _, e := range b.entries {
		if e.kind != EntrySettlement {
			sum += e.amount
		}
	}
	return sum
}

// settled is how much of it was paid out.
func (b *book) settled() (sum int64) {
	for _, e := range b.entries {
		if e.kind == EntrySettlement {
			sum -= e.amount
		}
	}
	return sum
}

// moveTo writes down that the conversion now brings target: the difference to
// what it has brought so far. A positive difference is available when the
// commission is. A negative one first uses up what is unsettled, with the
// commission's availability; the rest is a debt that exists now.
func (b *book) moveTo(target int64, kind EntryKind, now int64) {
	difference := target - b.earned()
	if difference >= 0 {
		b.write(kind, difference, b.available)
		return
	}
	unsettled := max(0, b.earned()-b.settled())
	covered := max(difference, -unsettled)
	b.write(kind, covered, b.available)
	b.write(kind, difference-covered, now)
}

// settle writes down that everything unsettled was paid out: one entry for each
// availability, so that held and eligible both become what remains.
func (b *book) settle() {
	if b.earned() <= b.settled() {
		return
	}
	for _, part := range b.byAvailability(func(entry) bool { return true }) {
		b.write(EntrySettlement, -part.amount, part.available)
	}
}

// unsettle takes back what the conversion's settlements took.
func (b *book) unsettle() {
	for _, part := range b.byAvailability(func(e entry) bool { return e.kind == EntrySettlement }) {
		b.write(EntrySettlement, -part.amount, part.available)
	}
}

// byAvailability sums the entries that count up for each availability, in the
// order in which these first appear.
func (b *book) byAvailability(counts func(entry) bool) []entry {
	var parts []entry
next:
	for _, e := range b.entries {
		if !counts(e) {
			continue
		}
		for i := range parts {
			if parts[i].available == e.available {
				parts[i].amount += e.amount
				continue next
			}
		}
		parts = append(parts, e)
	}
	return parts
}

// write adds what happens to the book.
func (b *book) write(kind EntryKind, amount, available int64) {
	b.entries = appendEntry(b.entries, entry{kind: kind, amount: amount, available: available, conversion: b.conversion, note: b.note})
}

// appendEntry adds an entry, none for an amount of 0, and several for one beyond
// the largest.
func appendEntry(entries []entry, e entry) []entry {
	for amount := e.amount; amount != 0; amount -= e.amount {
		e.amount = min(max(amount, -money.MaxMinor), money.MaxMinor)
		entries = append(entries, e)
	}
	return entries
}
