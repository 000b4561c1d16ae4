// Package ledger keeps the affiliates' books: the arithmetic of what one conversion has
// brought one account (Book), and Post, the only place that writes ledger entries and
// the balances that sum them up. Amounts are whole minor units.
//
// An entry counts as held until its availability has passed, and as eligible from then
// on. What takes something away stands where that something stands, and what gives it
// back cancels the debt that it left. So one conversion has, in one account, never a
// debt at one availability and something unsettled at another, and what is taken back
// and given again leaves held and eligible as they were. Payouts are the one thing that
// can come between: what one has reserved is settled as it was reserved, whatever was
// entered while it was pending.
package ledger

import (
	"cmp"
	"slices"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// A Kind says what happened in an account, in the word that the database keeps.
type Kind string

// The kinds of entries.
const (
	Commission Kind = "commission" // a conversion was credited
	Correction Kind = "correction" // the value of a credited conversion was changed
	Reversal   Kind = "reversal"   // a conversion was refunded, deleted, or credited to another affiliate
	Adjustment Kind = "adjustment" // a bonus or a deduction
	Settlement Kind = "settlement" // something was paid out (negative), or a payment was taken back (positive)
)

// An Account is that of one affiliate in one currency.
type Account struct {
	Affiliate int64
	Currency  string
}

// An Entry is a ledger entry that is about to be written, or was.
type Entry struct {
	ID         int64 // once it is written
	Kind       Kind
	Amount     int64 // minor units
	Available  int64 // Unix milliseconds
	Conversion int64 // 0 for none
	Payout     int64 // 0 for none
	Returned   bool  // it came back with its payout
	Note       string
}

// Append appends an entry: none for an amount of 0, and several for one beyond the
// largest amount.
func Append(entries []Entry, e Entry) []Entry {
	for amount := e.Amount; amount != 0; amount -= e.Amount {
		e.Amount = min(max(amount, -money.MaxMinor), money.MaxMinor)
		entries = append(entries, e)
	}
	return entries
}

// A Book is what the ledger says about one conversion in one account.
type Book struct {
	Account
	Conversion int64
	Available  int64  // the commission's availability
	Note       string // of the entries that are written from now on
	Field      string // the input that causes them
	entries    []Entry
	returned   int64 // the payout whose entries are being written, because it came back
	written    int   // how many of the entries are in the ledger
}

// BookOf picks the entries of the account that a conversion is credited to, out of all
// entries of the conversion.
func BookOf(rows []db.LedgerEntry, c *db.Conversion) *Book {
	b := &Book{
		Account:    Account{Affiliate: stored.OrZero(c.AffiliateID), Currency: c.Currency},
		Conversion: c.ID, Available: c.AvailableAt, Field: "value",
	}
	for _, r := range rows {
		if r.AffiliateID == b.Affiliate && r.Currency == b.Currency {
			b.entries = append(b.entries, Entry{
				Kind: Kind(r.Kind), Amount: r.Amount, Available: r.AvailableAt, Payout: stored.OrZero(r.PayoutID),
				Returned: r.Returned == 1,
			})
		}
	}
	b.written = len(b.entries)
	return b
}

// Posting returns what the book has and the ledger does not have yet.
func (b *Book) Posting() Posting {
	return Posting{Account: b.Account, Entries: b.entries[b.written:], Field: b.Field}
}

// Earned is the sum of all entries except settlements: what the conversion has brought
// the account.
func (b *Book) Earned() (sum int64) {
	for _, e := range b.entries {
		if e.Kind != Settlement {
			sum += e.Amount
		}
	}
	return sum
}

// Settled is how much of that was paid out, by hand and by payouts, less what came back.
func (b *Book) Settled() int64 { return b.byHand() + b.ByPayouts() }

// ByPayouts is how much of it payouts have settled, less what came back.
func (b *Book) ByPayouts() (sum int64) {
	for _, e := range b.entries {
		if e.Kind == Settlement && e.Payout != 0 {
			sum -= e.Amount
		}
	}
	return sum
}

func (b *Book) byHand() (sum int64) {
	for _, e := range b.entries {
		if e.Kind == Settlement && e.Payout == 0 {
			sum -= e.Amount
		}
	}
	return sum
}

// Unsettled is what is still to be paid out, negative where more than is due was.
func (b *Book) Unsettled() int64 { return b.Earned() - b.Settled() }

// Open returns what is unsettled and not among the reserved entries: what is available
// by an instant, since the earliest of it is, and what is held, until the latest of it is
// available. Either is less than 0 where it is a debt.
func (b *Book) Open(now int64, reserved []Entry) (available, held Entry) {
	rest := &Book{entries: slices.Clone(b.entries)}
	for _, e := range reserved {
		e.Amount = -e.Amount
		rest.entries = append(rest.entries, e)
	}
	for _, part := range rest.parts() {
		switch {
		case part.Available > now:
			held.Amount += part.Amount
			if part.Amount > 0 {
				held.Available = part.Available
			}
		default:
			available.Amount += part.Amount
			if part.Amount > 0 && available.Available == 0 {
				available.Available = part.Available
			}
		}
	}
	return available, held
}

// MoveTo writes down that the conversion now brings target: the difference from what it
// has brought so far.
func (b *Book) MoveTo(target int64, kind Kind, now int64) {
	if difference := target - b.Earned(); difference < 0 {
		b.take(kind, -difference, now)
	} else {
		b.give(kind, difference, b.Available)
	}
}

// take first uses up what is unsettled, at the availability at which it is, the latest
// first. The rest is a debt from now on.
func (b *Book) take(kind Kind, amount, now int64) {
	for _, part := range slices.Backward(b.parts()) {
		covered := min(max(part.Amount, 0), amount)
		b.write(kind, -covered, part.Available)
		amount -= covered
	}
	b.write(kind, -amount, now)
}

// give first cancels open debts, the oldest first, each at its own availability. The
// rest is available when the commission is, or whenever else the caller says.
func (b *Book) give(kind Kind, amount, available int64) {
	for _, part := range b.parts() {
		canceled := min(max(-part.Amount, 0), amount)
		b.write(kind, canceled, part.Available)
		amount -= canceled
	}
	b.write(kind, amount, available)
}

// Settle writes down that everything unsettled was paid out: one entry for each
// availability, so that held and eligible both become what remains.
func (b *Book) Settle() {
	if b.Unsettled() <= 0 {
		return
	}
	for _, part := range b.parts() {
		b.write(Settlement, -part.Amount, part.Available)
	}
}

// Unsettle takes back what was settled by hand.
func (b *Book) Unsettle() { b.give(Settlement, b.byHand(), b.Available) }

// CameBack is how much came back with payouts that were returned.
func (b *Book) CameBack() (sum int64) {
	for _, e := range b.entries {
		if e.Returned {
			sum += e.Amount
		}
	}
	return sum
}

// Return writes down that a payout came back: for each of its settlements the opposite
// one, placed as everything of a conversion is. What cancels no debt is available now.
func (b *Book) Return(payout, now int64) {
	b.returned = payout
	for _, e := range slices.Clone(b.entries) {
		switch {
		case e.Kind != Settlement || e.Payout != payout || e.Returned:
		case e.Amount < 0:
			b.give(Settlement, -e.Amount, now)
		default:
			b.take(Settlement, e.Amount, now)
		}
	}
	b.returned = 0
}

// parts sums the entries by their availability, the earliest first. A part of less than
// 0 is an open debt.
func (b *Book) parts() []Entry {
	var parts []Entry
next:
	for _, e := range b.entries {
		for i := range parts {
			if parts[i].Available == e.Available {
				parts[i].Amount += e.Amount
				continue next
			}
		}
		parts = append(parts, e)
	}
	slices.SortFunc(parts, func(a, b Entry) int { return cmp.Compare(a.Available, b.Available) })
	return parts
}

// write adds an entry of the conversion to the book.
func (b *Book) write(kind Kind, amount, available int64) {
	b.entries = Append(b.entries, Entry{
		Kind: kind, Amount: amount, Available: available, Conversion: b.Conversion, Note: b.Note,
		Payout: b.returned, Returned: b.returned != 0,
	})
}
