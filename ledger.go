package refgrow

import (
	"context"
	"fmt"
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
	// EntryReversal: a conversion was deleted, or credited to somebody else.
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
		page = cut(at, rows, func(r *db.LedgerEntry) (int64, int64) { return 0, r.ID }, showEntry)
		return err
	})
	return page, err
}

func showEntry(r *db.LedgerEntry) LedgerEntry {
	return LedgerEntry{
		ID: r.ID, AffiliateID: r.AffiliateID, Kind: EntryKind(r.Kind), Amount: money.New(r.Amount, money.Currency(r.Currency)),
		AvailableAt: instant(r.AvailableAt), CreatedAt: instant(r.CreatedAt),
		ConversionID: orZero(r.ConversionID), PayoutID: orZero(r.PayoutID), Note: orZero(r.Note),
	}
}

// An account is one affiliate's in one currency.
type account struct {
	affiliate int64
	currency  string
}

// An entry is one that is about to be written.
type entry struct {
	kind       EntryKind
	amount     int64 // minor units
	available  int64 // Unix milliseconds
	conversion int64 // 0 for none
}

// A posting is everything that one operation does to one account: entries, and
// by how much its counts of conversions change.
type posting struct {
	account
	entries            []entry
	signups, purchases int64
}

// count changes the count of conversions of a type.
func (p *posting) count(kind ConversionType, by int64) {
	switch kind {
	case Signup:
		p.signups += by
	case Purchase:
		p.purchases += by
	}
}

// post is the only place that writes ledger entries and balances: the entries,
// and in the same transaction the row that sums them up.
func (o *op) post(ctx context.Context, p posting) error {
	if p.affiliate == 0 || len(p.entries) == 0 && p.signups == 0 && p.purchases == 0 {
		return nil // nobody has no account
	}
	stamp := o.stamp()
	sums := db.PostToAccountParams{
		AffiliateID: p.affiliate, Currency: p.currency, ProjectID: o.project, RolledTo: stamp,
		Signups: p.signups, Purchases: p.purchases,
	}
	for _, e := range p.entries {
		if _, err := o.InsertEntry(ctx, db.InsertEntryParams{
			ProjectID: o.project, AffiliateID: p.affiliate, Currency: p.currency, Kind: string(e.kind),
			Amount: e.amount, AvailableAt: e.available, CreatedAt: stamp, ConversionID: idOrNull(e.conversion),
		}); err != nil {
			return fmt.Errorf("writing a ledger entry: %w", err)
		}
		sums.Gross += max(e.amount, -e.amount)
		if e.kind == EntrySettlement {
			sums.Paid -= e.amount
		} else {
			sums.Total += e.amount
		}
		switch {
		case e.available <= stamp:
			sums.Eligible += e.amount
		case sums.NextReleaseAt == nil || e.available < *sums.NextReleaseAt:
			sums.NextReleaseAt = &e.available
		}
	}
	o.Add(db.AddTotalsParams{ProjectID: o.project, LedgerEntries: int64(len(p.entries))})
	if err := o.PostToAccount(ctx, sums); err != nil {
		return &balanceError{err}
	}
	return nil
}

// A balanceError is what the schema answers to a balance out of bounds, among
// other errors of the database.
type balanceError struct{ err error }

func (e *balanceError) Error() string { return "changing a balance: " + e.err.Error() }
func (e *balanceError) Unwrap() error { return e.err }

// A book is what the ledger says of one conversion in one account.
type book struct {
	account
	conversion int64
	available  int64 // the commission's availability
	entries    []entry
	written    int // how many of the entries are in the ledger
}

// bookOf picks the entries of one account.
func bookOf(rows []db.LedgerEntry, c *db.Conversion) *book {
	b := &book{account: account{orZero(c.AffiliateID), c.Currency}, conversion: c.ID, available: c.AvailableAt}
	for _, r := range rows {
		if r.AffiliateID == b.affiliate && r.Currency == b.currency {
			b.entries = append(b.entries, entry{EntryKind(r.Kind), r.Amount, r.AvailableAt, c.ID})
		}
	}
	b.written = len(b.entries)
	return b
}

// posting is what the book has and the ledger has not.
func (b *book) posting() posting { return posting{account: b.account, entries: b.entries[b.written:]} }

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

// write adds an entry, or several where a settlement of all there was is beyond
// the largest one.
func (b *book) write(kind EntryKind, amount, available int64) {
	for amount != 0 {
		part := min(max(amount, -money.MaxMinor), money.MaxMinor)
		b.entries = append(b.entries, entry{kind, part, available, b.conversion})
		amount -= part
	}
}

func orZero[T any](value *T) T {
	if value == nil {
		var zero T
		return zero
	}
	return *value
}

// idOrNull is how the database keeps an id that may be none.
func idOrNull(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}

func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
