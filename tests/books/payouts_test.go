package books_test

import (
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

type modelPayout struct {
	id int64
	account
	amount         *big.Rat
	entries        []*modelEntry
	status         refgrow.PayoutStatus
	cutoff         int64
	reference      string
	note           string // of the return, where it is not what was said then
	created, ended int64  // as the engine says, 0 if it has not been asked yet
	back           int64  // when it came back, in the same way
	run            int64
}

func (p *modelPayout) madeBefore(instant int64) bool { return p.created < instant }

func (p *modelPayout) endedBefore(instant int64) bool {
	return p.status != refgrow.PayoutPending && p.ended < instant
}

// taken are the entries of an affiliate that are in a payout made before an instant and
// not canceled before it.
func (m *model) taken(affiliate, before int64) map[*modelEntry]bool {
	taken := make(map[*modelEntry]bool)
	for _, p := range m.payouts {
		if p.affiliate != affiliate || !p.madeBefore(before) || p.status == refgrow.PayoutCanceled && p.endedBefore(before) {
			continue
		}
		for _, e := range p.entries {
			taken[e] = true
		}
	}
	return taken
}

// newestPayout is the last one to an affiliate, nil for none.
func (m *model) newestPayout(affiliate int64) *modelPayout {
	var newest *modelPayout
	for _, p := range m.payouts {
		if p.affiliate == affiliate && (newest == nil || p.id > newest.id) {
			newest = p
		}
	}
	return newest
}

// payable are the entries of an affiliate, of those stamped before an instant, that a
// payout with such a cut-off takes. What no payout has, and none has settled, goes by
// conversion and availability, and an adjustment alone: what comes to nothing is left
// out, and so is what is not available, unless it comes to less than nothing.
func (m *model) payable(affiliate, before, cutoff int64) []*modelEntry {
	type group struct {
		conversion int64
		alone      *modelEntry
		currency   money.Currency
		available  int64
	}
	of := func(e *modelEntry) group {
		g := group{conversion: e.conversion, currency: e.currency, available: e.available}
		if e.conversion == 0 {
			g.alone = e
		}
		return g
	}
	sums, taken := make(map[group]*big.Rat), m.taken(affiliate, before)
	free := slices.DeleteFunc(slices.Clone(m.entries[affiliate]), func(e *modelEntry) bool {
		return e.stamp >= before || taken[e] || e.kind == refgrow.EntrySettlement && e.payout != 0 && !e.returned
	})
	for _, e := range free {
		if sums[of(e)] == nil {
			sums[of(e)] = new(big.Rat)
		}
		sums[of(e)].Add(sums[of(e)], e.amount)
	}
	return slices.DeleteFunc(free, func(e *modelEntry) bool {
		sign := sums[of(e)].Sign()
		return sign == 0 || sign > 0 && e.available > cutoff
	})
}

// parts is what payouts have of a conversion in an account, by their status: whether
// there is one whose own entries do not come to nothing.
func (m *model) parts(conversion int64, at account) map[refgrow.PayoutStatus]bool {
	has := make(map[refgrow.PayoutStatus]bool)
	for _, p := range m.payouts {
		sum := new(big.Rat)
		for _, e := range p.entries {
			if e.account == at && e.conversion == conversion {
				sum.Add(sum, e.amount)
			}
		}
		has[p.status] = has[p.status] || sum.Sign() != 0
	}
	return has
}

// end pays a payout or cancels it, if it is pending.
func (m *model) end(id int64, paid bool, reference string) faults {
	p := m.payouts[id]
	if p == nil {
		return faults{refgrow.CodeNotFound}
	}
	m.moved[id], m.touched[p.affiliate] = true, true
	if p.status != refgrow.PayoutPending {
		return faults{refgrow.CodeConflict}
	}
	if !paid {
		p.status = refgrow.PayoutCanceled
		return nil
	}
	p.status, p.reference = refgrow.PayoutPaid, reference
	type part struct{ conversion, available int64 }
	parts, of := make(map[part]*big.Rat), make(map[int64]bool)
	for _, e := range p.entries {
		at := part{e.conversion, e.available}
		if parts[at] == nil {
			parts[at] = new(big.Rat)
		}
		parts[at].Add(parts[at], e.amount)
		of[e.conversion] = true
	}
	for at, sum := range parts {
		m.enter(modelEntry{
			account: p.account, conversion: at.conversion, payout: id, kind: refgrow.EntrySettlement,
			amount: new(big.Rat).Neg(sum), available: at.available,
		})
	}
	for conversion := range of {
		if c := m.conversions[conversion]; c != nil && p.account == (account{c.affiliate, c.currency}) {
			m.judge(c, nil)
			m.touch(c)
		}
	}
	return nil
}

// giveBack takes a paid payout back: the opposite of each of its settlements.
func (m *model) giveBack(id int64) faults {
	p := m.payouts[id]
	if p == nil {
		return faults{refgrow.CodeNotFound}
	}
	m.moved[id], m.touched[p.affiliate] = true, true
	if p.status != refgrow.PayoutPaid {
		return faults{refgrow.CodeConflict}
	}
	p.status = refgrow.PayoutReturned
	of := make(map[int64]bool)
	for _, e := range slices.Clone(m.entries[p.affiliate]) {
		if e.payout != id {
			continue
		}
		opposite := modelEntry{
			account: p.account, conversion: e.conversion, payout: id, returned: true, kind: refgrow.EntrySettlement,
			created: e.created,
		}
		if e.conversion == 0 {
			opposite.amount, opposite.available = new(big.Rat).Neg(e.amount), m.now
			m.enter(opposite)
			continue
		}
		m.shift(opposite, new(big.Rat).Neg(e.amount), m.now)
		of[e.conversion] = true
	}
	for _, e := range p.entries {
		of[e.conversion] = true
	}
	for conversion := range of {
		if c := m.conversions[conversion]; c != nil && p.account == (account{c.affiliate, c.currency}) {
			m.judge(c, nil)
			m.touch(c)
		}
	}
	return nil
}

type (
	returnPayoutOp struct{ Payout int }

	endPayoutOp struct {
		Payout int
		Paid   bool
	}
	minimumOp struct {
		Currency money.Currency
		Amount   int64
	}
)

func (op returnPayoutOp) do(on *side) error {
	return op.takeBack(on, pick(op.Payout, on.model.payouts))
}

// to takes back the newest payout that has something of a conversion and was paid.
func (op returnPayoutOp) to(on *side, id int64) error {
	return op.takeBack(on, pick(1, on.model.payoutsOf(id, refgrow.PayoutPaid)))
}

// payoutsOf are those that have something of a conversion, in any status or in one.
func (m *model) payoutsOf(conversion int64, status refgrow.PayoutStatus) map[int64]*modelPayout {
	of := maps.Clone(m.payouts)
	maps.DeleteFunc(of, func(_ int64, p *modelPayout) bool {
		return status != "" && p.status != status ||
			!slices.ContainsFunc(p.entries, func(e *modelEntry) bool { return e.conversion == conversion })
	})
	return of
}

func (op returnPayoutOp) takeBack(on *side, id int64) error {
	_, err := on.project.ReturnPayout(on.ctx, id, refgrow.ReturnPayoutParams{Note: "unclaimed"})
	_, err = agree(err, on.model.giveBack(id))
	return err
}

func (op endPayoutOp) do(on *side) error {
	return op.end(on, pick(op.Payout, on.model.payouts))
}

// to ends the newest payout that has something of a conversion.
func (op endPayoutOp) to(on *side, id int64) error {
	return op.end(on, pick(1, on.model.payoutsOf(id, "")))
}

func (op endPayoutOp) end(on *side, id int64) error {
	reference := ""
	var err error
	if op.Paid {
		reference = fmt.Sprintf("transfer-%d", id)
		_, err = on.project.PayPayout(on.ctx, id, refgrow.PayPayoutParams{ExternalReference: reference})
	} else {
		_, err = on.project.CancelPayout(on.ctx, id)
	}
	_, err = agree(err, on.model.end(id, op.Paid, reference))
	return err
}

func (op minimumOp) do(on *side) error {
	minimum := money.New(op.Amount, op.Currency)
	least := carried(big.NewRat(op.Amount, 1), op.Currency, own)
	var f faults
	f.add(refgrow.CodeInvalid, least == nil || op.Amount > money.MaxMinor)
	_, err := on.project.UpdateSettings(on.ctx, refgrow.UpdateSettingsParams{MinimumPayout: &minimum})
	done, err := agree(err, f)
	if done {
		on.model.least = least
	}
	return err
}
