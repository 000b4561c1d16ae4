package verify

import (
	"fmt"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/ledger"
)

// A placement follows where the entries of a conversion stand in one account: the sum
// of those at each availability.
type placement map[int64]int64

// latest returns the latest availability at which something is unsettled.
func (p placement) latest() (at int64, found bool) {
	for available, sum := range p {
		if sum > 0 && (!found || available > at) {
			at, found = available, true
		}
	}
	return at, found
}

// oldest returns the earliest availability of an open debt.
func (p placement) oldest() (at int64, found bool) {
	for available, sum := range p {
		if sum < 0 && (!found || available < at) {
			at, found = available, true
		}
	}
	return at, found
}

// placed checks where each entry of a conversion stands: what takes something away
// where that something is, the latest first, and otherwise at once; what gives
// something where there is a debt, the oldest first, and otherwise when the commission
// is available. So none of them leaves a debt beside something unsettled: only the
// settlements of payouts can, which are as they were reserved, and the entries from
// before there was this rule. c is nil for a deleted conversion.
func (v *verification) placed(c *db.Conversion, entries []db.VerifyConversionEntriesRow) {
	found := make(map[ledger.Account]placement, 1)
	for _, e := range entries {
		of := ledger.Account{Affiliate: e.AffiliateID, Currency: e.Currency}
		p := found[of]
		if p == nil {
			p = make(placement, 1)
			found[of] = p
		}
		if byPayout := e.PayoutID != nil && e.Returned == 0; e.ID > v.oldEntriesTo && !byPayout {
			v.place(c, e, p)
		}
		p[e.AvailableAt] += e.Amount
	}
}

// place checks one entry against those before it.
func (v *verification) place(c *db.Conversion, e db.VerifyConversionEntriesRow, before placement) {
	at, bound := before.latest()
	if e.Amount > 0 {
		at, bound = before.oldest()
	}
	settles := ledger.Kind(e.Kind) == ledger.Settlement && e.Amount < 0 && e.Returned == 0
	where := fmt.Sprintf("ledger entry %d", e.ID)
	switch {
	case settles: // all that is there, one availability after the other
		if left := before[e.AvailableAt] + e.Amount; left < 0 {
			v.differs(where, "amount", e.Amount, fmt.Sprintf("at most what is unsettled there, %d", left-e.Amount))
		}
	case bound && e.AvailableAt != at:
		v.differs(where, "available_at", e.AvailableAt, at)
	case bound && max(e.Amount, -e.Amount) > max(before[at], -before[at]):
		v.differs(where, "amount", e.Amount, fmt.Sprintf("at most what it offsets there, %d", before[at]))
	case bound:
	case e.Amount < 0 || e.Returned == 1:
		if e.AvailableAt > e.CreatedAt {
			v.differs(where, "available_at", e.AvailableAt, fmt.Sprintf("not after its stamp, %d", e.CreatedAt))
		}
	case c != nil && e.AvailableAt != c.AvailableAt:
		v.differs(where, "available_at", e.AvailableAt, c.AvailableAt)
	}
}
