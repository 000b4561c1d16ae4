package refgrow_test

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

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
	created, ended int64 // as the engine says, 0 if it was not asked yet
}

func (p *modelPayout) madeBefore(instant int64) bool { return p.created < instant }

func (p *modelPayout) endedBefore(instant int64) bool {
	return p.status != refgrow.PayoutPending && p.ended < instant
}

// taken are the entries of an affiliate that a payout has, which was made before
// an instant and not canceled before it.
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

// payableBy tells whether a payout with such a cut-off takes an entry that no
// other has: one that is available, or one that takes something. What a payout has
// settled is done with.
func (e *modelEntry) payableBy(cutoff int64) bool {
	switch {
	case e.kind == refgrow.EntrySettlement && e.payout != 0:
		return false
	case e.available <= cutoff:
		return true
	}
	return e.kind != refgrow.EntrySettlement && e.amount.Sign() < 0
}

// inPayout tells whether a payout has anything that a conversion brought its
// account.
func (m *model) inPayout(conversion int64, at account) bool {
	for _, p := range m.payouts {
		if p.account == at && p.status != refgrow.PayoutCanceled && slices.ContainsFunc(p.entries, func(e *modelEntry) bool { return e.conversion == conversion }) {
			return true
		}
	}
	return false
}

// plan gives the payouts that a run makes.
func (m *model) plan(params refgrow.PayoutRunParams) ([]*modelPayout, faults) {
	var f faults
	cutoff, currency, least := m.now, own, new(big.Rat)
	if !params.Cutoff.IsZero() {
		cutoff = params.Cutoff.UnixMilli()
	}
	f.add(refgrow.CodeInvalid, cutoff > m.now)
	if params.Currency != "" {
		currency = params.Currency
	}
	switch {
	case params.Minimum.IsSet():
		least.SetInt64(params.Minimum.Minor())
		f.add(refgrow.CodeInvalid, params.Minimum.Currency() != currency)
	case currency == own:
		least = m.least
	}
	if len(f) > 0 {
		return nil, f
	}
	var planned []*modelPayout
	for _, id := range slices.Sorted(maps.Keys(m.affiliates)) {
		taken := m.taken(id, all)
		p := &modelPayout{account: account{id, currency}, amount: new(big.Rat), status: refgrow.PayoutPending, cutoff: cutoff}
		for _, e := range m.entries[id] {
			if e.currency == currency && !taken[e] && e.payableBy(cutoff) {
				p.entries = append(p.entries, e)
				p.amount.Add(p.amount, e.amount)
			}
		}
		if p.amount.Sign() > 0 && p.amount.Cmp(least) >= 0 {
			planned = append(planned, p)
		}
	}
	return planned, nil
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
	parts, of := make(map[part]*big.Rat), make(map[int64]*big.Rat)
	for _, e := range p.entries {
		at := part{e.conversion, e.available}
		if parts[at] == nil {
			parts[at] = new(big.Rat)
		}
		if of[e.conversion] == nil {
			of[e.conversion] = new(big.Rat)
		}
		parts[at].Add(parts[at], e.amount)
		of[e.conversion].Add(of[e.conversion], e.amount)
	}
	for at, sum := range parts {
		m.enter(modelEntry{
			account: p.account, conversion: at.conversion, payout: id, kind: refgrow.EntrySettlement,
			amount: new(big.Rat).Neg(sum), available: at.available,
		})
	}
	for conversion, sum := range of {
		if c := m.conversions[conversion]; c != nil && p.account == (account{c.affiliate, c.currency}) {
			c.paid = c.paid || sum.Sign() > 0
			m.touch(c)
		}
	}
	return nil
}

type (
	runOp struct {
		Earlier     time.Duration // than now is the cut-off; 0 for the default, below 0 for the future
		Currency    money.Currency
		Minimum     int64 // minor units, below 0 for the default
		Other       bool  // the minimum is in another currency
		PreviewOnly bool
	}
	endPayoutOp struct {
		Payout int
		Paid   bool
	}
	minimumOp struct {
		Currency money.Currency
		Amount   int64
	}
)

func (op runOp) do(on *side) error {
	params := refgrow.PayoutRunParams{Currency: op.Currency}
	if op.Earlier != 0 {
		params.Cutoff = on.clock.Now().Add(-op.Earlier)
	}
	if op.Minimum >= 0 {
		currency := op.Currency
		if currency == "" {
			currency = own
		}
		params.Minimum = money.New(op.Minimum, other(currency, op.Other))
	}
	planned, f := on.model.plan(params)
	preview, err := on.project.PreviewPayouts(on.ctx, params)
	done, err := agree(err, f)
	if err != nil {
		return err
	}
	if done {
		if err := samePayouts("the preview", preview, planned); err != nil {
			return err
		}
	}
	if op.PreviewOnly {
		return nil
	}
	made, err := on.project.RunPayouts(on.ctx, params)
	if done, err := agree(err, f); !done {
		return err
	}
	if err := samePayouts("the run", made, planned); err != nil {
		return err
	}
	for i, p := range planned {
		p.id = made[i].ID
		on.model.payouts[p.id] = p
		on.model.moved[p.id], on.model.touched[p.affiliate] = true, true
	}
	return nil
}

// to runs the payouts in the currency of a conversion.
func (op runOp) to(on *side, id int64) error {
	if c := on.model.conversions[id]; c != nil {
		op.Currency = c.currency
	}
	return op.do(on)
}

func (op endPayoutOp) do(on *side) error {
	return op.end(on, pick(op.Payout, on.model.payouts))
}

// to ends the newest payout that has something of a conversion.
func (op endPayoutOp) to(on *side, id int64) error {
	of := maps.Clone(on.model.payouts)
	maps.DeleteFunc(of, func(_ int64, p *modelPayout) bool {
		return !slices.ContainsFunc(p.entries, func(e *modelEntry) bool { return e.conversion == id })
	})
	return op.end(on, pick(1, of))
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
