package ledger

import (
	"context"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// The states of a payout, in the words that the database keeps.
const (
	PayoutPending  = "pending"
	PayoutPaid     = "paid"
	PayoutCanceled = "canceled"
	PayoutReturned = "returned"
)

// A Posting is everything that one operation does to one account.
type Posting struct {
	Account
	Entries []Entry
	// Signups and Purchases are how much the account's counts of conversions change,
	// and Day is the day of these conversions.
	Signups, Purchases, Day int64
	// Recorded is set for a conversion that is being recorded: what it earns counts on its
	// Day, too. Whatever else is posted counts on the day of its stamp.
	Recorded bool
	// Reserved is how much the amount that pending payouts reserve changes.
	Reserved int64
	// Settles is the payout whose entries are settled, 0 for none.
	Settles int64
	// Field is the input at fault if the account cannot hold the sum.
	Field string
}

// Empty reports whether there is nothing to post, or no account to post it to.
func (p *Posting) Empty() bool {
	return p.Affiliate == 0 ||
		len(p.Entries) == 0 && p.Signups == 0 && p.Purchases == 0 && p.Reserved == 0 && p.Settles == 0
}

// Post is the only place that writes ledger entries and balances: the entries, stamped
// with an instant, and in the same transaction the row that sums them up. It sets the
// ids of the posting's entries. Errors: *BoundError.
func Post(ctx context.Context, tx *backend.Tx, project, stamp int64, p Posting) error {
	row := db.PostToAccountParams{
		AffiliateID: p.Affiliate, Currency: p.Currency, ProjectID: project, RolledTo: stamp,
		Signups: p.Signups, Purchases: p.Purchases, Reserved: p.Reserved,
	}
	day, earlier := stored.DayOf(stamp), (*int64)(nil)
	if p.Recorded && p.Day < day {
		day, earlier = p.Day, &p.Day
	}
	for i, e := range p.Entries {
		var err error
		var counts *int64
		if e.Kind == Commission {
			counts = earlier
		}
		if p.Entries[i].ID, err = tx.InsertEntry(ctx, db.InsertEntryParams{
			ProjectID: project, AffiliateID: p.Affiliate, Currency: p.Currency, Kind: string(e.Kind),
			Amount: e.Amount, AvailableAt: e.Available, CreatedAt: stamp, ConversionID: stored.IDOrNull(e.Conversion),
			PayoutID: stored.IDOrNull(e.Payout), Note: stored.TextOrNull(e.Note), Returned: stored.Flag(e.Returned),
			Day: counts,
		}); err != nil {
			return fmt.Errorf("writing a ledger entry: %w", err)
		}
		e.addTo(&row)
	}
	written := len(p.Entries)
	if p.Settles != 0 {
		settlements, err := tx.InsertSettlements(ctx, db.InsertSettlementsParams{
			ProjectID: project, PayoutID: p.Settles, CreatedAt: stamp,
		})
		if err != nil {
			return fmt.Errorf("writing settlements: %w", err)
		}
		for _, s := range settlements {
			Entry{Kind: Settlement, Amount: s.Amount, Available: s.AvailableAt, Payout: p.Settles}.addTo(&row)
		}
		written += len(settlements)
	}
	tx.Add(db.AddTotalsParams{ProjectID: project, LedgerEntries: int64(written)})
	p.countDays(tx, project, row.Total, day)
	if err := tx.PostToAccount(ctx, row); err != nil {
		return &BoundError{err, p.Field}
	}
	return nil
}

// Roll adds to the eligible sum of an account what has become available by stamp.
func Roll(ctx context.Context, tx *backend.Tx, project, stamp int64, a Account) error {
	return tx.PostToAccount(ctx, db.PostToAccountParams{
		AffiliateID: a.Affiliate, Currency: a.Currency, ProjectID: project, RolledTo: stamp,
	})
}

// PutBack makes the accounts of some affiliates that were rolled beyond stamp, before the
// project's last stamp was reset, as of stamp again.
func PutBack(ctx context.Context, tx *backend.Tx, project, stamp int64, affiliates ...int64) error {
	return tx.PutBackAccounts(ctx, db.PutBackAccountsParams{
		ProjectID: project, Instant: stamp, AffiliateIDs: stored.IDs(affiliates),
	})
}

// addTo adds an entry to the sums of its account.
func (e Entry) addTo(row *db.PostToAccountParams) {
	if e.Kind == Settlement {
		row.Paid -= e.Amount
	} else {
		row.Total += e.Amount
	}
	if e.Available <= row.RolledTo {
		row.Eligible += e.Amount
		return
	}
	if row.NextReleaseAt == nil || e.Available < *row.NextReleaseAt {
		row.NextReleaseAt = &e.Available
	}
}

// countDays counts what a posting earns and which conversions it brings, each on its
// day.
func (p *Posting) countDays(tx *backend.Tx, project, earned, day int64) {
	on := db.AddToAffiliateDayParams{ProjectID: project, Day: day, AffiliateID: p.Affiliate, Currency: p.Currency}
	if earned != 0 {
		on.Billions, on.Earned = earned/stored.Billion, earned%stored.Billion
		tx.AddAffiliateDay(on)
		tx.AddProjectDay(db.AddToProjectDayParams{
			ProjectID: project, Day: day, Currency: p.Currency, Billions: on.Billions, Earned: on.Earned,
		})
	}
	if p.Signups != 0 || p.Purchases != 0 {
		on.Day, on.Signups, on.Purchases = p.Day, p.Signups, p.Purchases
		on.Billions, on.Earned = 0, 0
		tx.AddAffiliateDay(on)
	}
}

// A BoundError is an error of the database at the change of a balance, such as that of
// the schema for one out of bounds.
type BoundError struct {
	err error
	// Field is the input at fault.
	Field string
}

func (e *BoundError) Error() string { return "changing a balance: " + e.err.Error() }

// Unwrap returns the error of the database.
func (e *BoundError) Unwrap() error { return e.err }
