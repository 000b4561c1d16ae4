package books_test

import (
	"fmt"
	"math/big"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// What holds in any state, whatever happened before. It is judged by what the engine
// answers and by sums of the entries, which are compared one by one elsewhere; nothing
// here knows how the entries came to be.

// promises looks at what the amounts of one affiliate promise. Unless the clock went
// back, nothing that is not available counts against a payout.
func (m *model) promises(id int64, earned []refgrow.Balance) error {
	for _, b := range earned {
		if m.now >= max(m.stamped, m.asked) && b.Payable.Minor() != b.Eligible.Minor()-b.Reserved.Minor() {
			return fmt.Errorf("of affiliate %d payable is not eligible less reserved: %s", id, showBalance(b))
		}
		if want := m.payableNow(account{id, b.Currency}, b); b.Payable != want {
			return fmt.Errorf("of affiliate %d %v is payable, but what it consists of comes to %v: %s",
				id, b.Payable, want, showBalance(b))
		}
	}
	return nil
}

// payableNow is what is eligible, less what pending payouts reserve of it, plus the
// unreserved groups below 0 of what is not available yet. A group is what there is of one
// conversion at one availability, or an adjustment.
func (m *model) payableNow(at account, b refgrow.Balance) money.Amount {
	pending, owned := make(map[*modelEntry]bool), make(map[*modelEntry]bool)
	for _, p := range m.payouts {
		for _, e := range p.entries {
			pending[e] = pending[e] || p.status == refgrow.PayoutPending
			owned[e] = owned[e] || p.status != refgrow.PayoutCanceled
		}
	}
	sum := big.NewRat(b.Eligible.Minor(), 1)
	type group struct{ conversion, available, adjustment int64 }
	groups := make(map[group]*big.Rat)
	for i, e := range m.entries[at.affiliate] {
		switch {
		case e.account != at:
		case e.available <= m.now:
			if pending[e] {
				sum.Sub(sum, e.amount)
			}
		case owned[e], e.kind == refgrow.EntrySettlement && e.payout != 0 && !e.returned:
		default:
			g := group{conversion: e.conversion, available: e.available}
			if e.conversion == 0 {
				g.adjustment = int64(i) + 1
			}
			if groups[g] == nil {
				groups[g] = new(big.Rat)
			}
			groups[g].Add(groups[g], e.amount)
		}
	}
	for _, group := range groups {
		if group.Sign() < 0 {
			sum.Add(sum, group)
		}
	}
	return amountOf(sum, at.currency)
}

// promised looks at what the word paid promises of one conversion: where it has to bring
// something, it is true exactly if as much as that is settled, in its account.
func (m *model) promised(got *refgrow.Conversion) error {
	c := m.conversions[got.ID]
	if c == nil || c.target().Sign() <= 0 {
		return nil
	}
	brought, settled := m.standing(c, account{got.AffiliateID, got.Value.Currency()})
	if paid := settled.Cmp(brought) >= 0; got.Paid != paid {
		return fmt.Errorf("of conversion %d %v is settled and %v earned, but paid is %t",
			got.ID, settled, brought, got.Paid)
	}
	return nil
}

// auditPromises looks at every conversion that there is or was.
func (w *world) auditPromises() error {
	ids := make(map[int64]bool)
	for _, entries := range w.model.entries {
		for _, e := range entries {
			ids[e.conversion] = true
		}
	}
	delete(ids, 0)
	for id := range ids {
		if err := w.model.crossed(id); err != nil {
			return err
		}
	}
	return nil
}
