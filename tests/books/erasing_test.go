package books_test

import (
	"fmt"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow"
)

// eraseOp erases an affiliate or a customer. The books do not change: whatever is looked
// at afterwards is what it was, without the names.
type eraseOp struct{ Affiliate, Customer int }

func drawErase(t *rapid.T) operation {
	if rapid.Bool().Draw(t, "an affiliate") {
		return eraseOp{Affiliate: selector(t, "affiliate")}
	}
	return eraseOp{Customer: selector(t, "customer")}
}

func (op eraseOp) do(on *side) error {
	m := on.model
	if op.Affiliate == none {
		id := pick(op.Customer, m.customers)
		got, err := on.project.EraseReferral(on.ctx, id)
		if done, err := agree(err, m.eraseCustomer(id)); !done {
			return err
		}
		if c := m.customers[id]; got.Email != c.email || len(got.ExternalIDs) > 0 || got.AffiliateID != c.affiliate ||
			got.Status != c.status {
			return fmt.Errorf("of customer %d there is %+v left, but there should be %+v", id, got, c)
		}
		return nil
	}
	id := pick(op.Affiliate, m.affiliates)
	got, err := on.project.EraseAffiliate(on.ctx, id)
	if done, err := agree(err, m.eraseAffiliate(id)); !done {
		return err
	}
	return on.shown(got)
}

// eraseAffiliate takes the names away, which needs all payments to be done. What is
// unpaid is in no run.
func (m *model) eraseAffiliate(id int64) faults {
	m.touched[id] = true
	a := m.affiliates[id]
	switch {
	case a == nil:
		return faults{refgrow.CodeNotFound}
	case a.erased:
		return nil
	}
	for _, p := range m.payouts {
		if p.affiliate == id && p.status == refgrow.PayoutPending {
			return faults{refgrow.CodeConflict}
		}
	}
	a.erased, a.inactive, a.paused, a.wants = true, true, true, refgrow.PayoutPreferences{}
	a.code = fmt.Sprintf("erased-%d", id)
	a.email = a.code + "@erased.invalid"
	for _, c := range m.coupons {
		if c.affiliate == id {
			m.retired[c.code] = true
			c.code = a.code
		}
	}
	for _, e := range m.entries[id] {
		m.silent[e] = true
	}
	for _, p := range m.payouts {
		if p.affiliate == id && p.status == refgrow.PayoutReturned {
			p.note, m.moved[p.id] = "erased", true
		}
	}
	return nil
}

// eraseCustomer takes the names away, for good.
func (m *model) eraseCustomer(id int64) faults {
	c := m.customers[id]
	switch {
	case c == nil:
		return faults{refgrow.CodeNotFound}
	case c.erased:
		return nil
	}
	m.silence(id)
	c.erased, c.email, c.ids = true, fmt.Sprintf("erased-%d@erased.invalid", id), nil
	for _, sale := range m.conversions {
		if sale.customer == id {
			m.touch(sale)
		}
	}
	return nil
}

// silence takes the notes from the entries of a customer's conversions, of those that are
// deleted too.
func (m *model) silence(customer int64) {
	for _, entries := range m.entries {
		for _, e := range entries {
			c := m.conversions[e.conversion]
			if c != nil && c.customer == customer || m.deletedOf[e.conversion] == customer {
				m.silent[e] = true
			}
		}
	}
}

// gone deletes a conversion. Whose it was is kept.
func (m *model) gone(c *modelConversion) {
	if c.customer != 0 {
		m.deletedOf[c.id] = c.customer
	}
	delete(m.conversions, c.id)
}

// noteOf is what is kept of the note of an entry.
func (m *model) noteOf(e *modelEntry) string {
	if m.silent[e] {
		return ""
	}
	return e.note
}

// isErased reports whether an id is that of an affiliate who was erased.
func (m *model) isErased(affiliate int64) bool {
	a := m.affiliates[affiliate]
	return a != nil && a.erased
}
