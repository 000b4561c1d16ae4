package refgrow_test

import (
	"fmt"
	"math/big"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

type (
	// refundOp refunds a conversion, or undoes that.
	refundOp struct {
		Conversion    int
		Undo          bool
		Eighths       int   // of what is left; 0 for all of it, without an amount; 9 for more
		Amount        int64 // minor units, where Eighths is below 0
		OtherCurrency bool
		Reason        string
	}
	adjustOp struct {
		Affiliate int
		Currency  money.Currency
		Amount    int64
		NoNote    bool
	}
)

func (op refundOp) do(on *side) error {
	return op.to(on, pick(op.Conversion, on.model.conversions))
}

func (op refundOp) to(on *side, id int64) error {
	currency, left := own, new(big.Rat)
	if c := on.model.conversions[id]; c != nil {
		currency, left = c.currency, c.left(op.Undo)
	}
	params := refgrow.RefundConversionParams{Reason: op.Reason}
	currency = other(currency, op.OtherCurrency)
	switch {
	case op.Eighths < 0:
		params.Amount = money.New(op.Amount, currency)
	case op.Eighths > 8:
		params.Amount = money.New(left.Num().Int64()+1, currency)
	case op.Eighths > 0:
		part := new(big.Rat).Mul(left, big.NewRat(int64(op.Eighths), 8))
		params.Amount = amountOf(rounded(part), currency)
	}
	call := on.project.RefundConversion
	if op.Undo {
		call = on.project.UndoRefund
	}
	f := on.model.refund(id, op.Undo, params)
	_, err := call(on.ctx, id, params)
	_, err = agree(err, f)
	return err
}

// left is what can still be refunded, or undone.
func (c *modelConversion) left(undo bool) *big.Rat {
	switch {
	case undo:
		return c.refunded
	case c.base == nil:
		return new(big.Rat)
	}
	return new(big.Rat).Sub(c.base, c.refunded)
}

func (m *model) refund(id int64, undo bool, params refgrow.RefundConversionParams) faults {
	var f faults
	c := m.conversions[id]
	f.add(refgrow.CodeInvalid, params.Amount.IsSet() && params.Amount.Minor() <= 0 || params.Amount.Minor() > money.MaxMinor)
	if c == nil {
		return append(f, refgrow.CodeNotFound)
	}
	m.touch(c)
	left := c.left(undo)
	amount := left
	if params.Amount.IsSet() {
		amount = big.NewRat(params.Amount.Minor(), 1)
		f.add(refgrow.CodeInvalid, params.Amount.Currency() != c.currency)
	}
	switch {
	case !undo && c.base == nil:
		f.add(refgrow.CodeInvalid, true)
	case left.Sign() == 0:
		f.add(refgrow.CodeConflict, true)
	default:
		f.add(refgrow.CodeInvalid, amount.Cmp(left) > 0)
	}
	if len(f) > 0 {
		return f
	}
	kind := refgrow.EntryReversal
	c.refunded = new(big.Rat).Add(c.refunded, amount)
	if undo {
		kind = refgrow.EntryCorrection
		c.refunded.Sub(c.refunded, amount).Sub(c.refunded, amount)
	}
	m.bring(c, account{c.affiliate, c.currency}, c.target(), kind, params.Reason)
	return nil
}

func (op adjustOp) do(on *side) error {
	m := on.model
	at := account{pick(op.Affiliate, m.affiliates), op.Currency}
	params := refgrow.CreateAdjustmentParams{AffiliateID: at.affiliate, Amount: money.New(op.Amount, op.Currency), Note: fmt.Sprintf("=%d", op.Amount)}
	if op.NoNote {
		params.Note = " "
	}
	var f faults
	f.add(refgrow.CodeInvalid, op.NoNote || op.Amount == 0 || max(op.Amount, -op.Amount) > money.MaxMinor)
	f.add(refgrow.CodeNotFound, m.affiliates[at.affiliate] == nil)
	got, err := on.project.CreateAdjustment(on.ctx, params)
	if done, err := agree(err, f); !done {
		return err
	}
	e := modelEntry{account: at, kind: refgrow.EntryAdjustment, amount: big.NewRat(op.Amount, 1), note: params.Note, available: m.now}
	m.enter(e)
	answer := entryLines([]refgrow.LedgerEntry{*got})
	if want := wantLines([]*modelEntry{&e}); got.AffiliateID != at.affiliate || answer[0] != want[0] {
		return fmt.Errorf("the answer is %s, but should be %s", answer, want)
	}
	return nil
}

// explained looks at what is said of a conversion: its entries come to what it
// has to bring, and they are all that there are of it.
func (on *side) explained(id int64) error {
	c := on.model.conversions[id]
	got, err := on.project.ExplainConversion(on.ctx, id)
	if err != nil {
		return err
	}
	if err := on.sameConversion(got.Conversion); err != nil {
		return err
	}
	brought, entries := new(big.Rat), 0
	for _, e := range got.Entries {
		if (account{e.AffiliateID, e.Amount.Currency()}) == (account{c.affiliate, c.currency}) && e.Kind != refgrow.EntrySettlement {
			brought.Add(brought, big.NewRat(e.Amount.Minor(), 1))
		}
	}
	for _, of := range on.model.entries {
		for _, e := range of {
			if e.conversion == id {
				entries++
			}
		}
	}
	if brought.Cmp(c.target()) != 0 || entries != len(got.Entries) || got.Commission.Reason != c.reason || got.Commission.Value != amountOf(c.value, c.currency) {
		return fmt.Errorf("conversion %d should bring %v by %d entries, priced at %v by %s, but is explained as %v by %d, priced at %v by %s: %s",
			id, c.target(), entries, c.value, c.reason, brought, len(got.Entries), got.Commission.Value, got.Commission.Reason, got.Sentence)
	}
	return nil
}
