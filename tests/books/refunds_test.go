package books_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

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
		Name          int  // of the refund itself, 0 for none
		Cap           bool // take what is left
		ByReference   bool // find the conversion by its reference
		Reason        string
	}
	// totalsOp tells some totals of a conversion's refunds in an order, with repeats.
	totalsOp struct {
		Conversion int
		Totals     []toldTotal
		Order      []int
	}
	toldTotal struct {
		Eighths int           // of the base value, 9 and 10 for more
		After   time.Duration // the conversion; 0 for without an instant
		Lower   bool
	}
	// A modelRefund is a refund with a name: what was told, what of it can be undone, and
	// whether it took back the whole of a free sale.
	modelRefund struct {
		name        string
		at          int64
		told, taken *big.Rat
		whole       bool
		undone      bool
	}
	// A modelTotal is what was told to be refunded by an instant.
	modelTotal struct {
		amount *big.Rat
		at     int64
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
	if op.Name != 0 {
		params.RefundReference = fmt.Sprintf("refund-%d", op.Name)
	}
	params.Cap = op.Cap
	if op.Undo {
		f := on.model.undo(id, params)
		got, err := on.project.UndoRefund(on.ctx, id, params)
		return on.told(got, err, f)
	}
	f := on.model.refund(id, params)
	got, err := on.refund(id, op.ByReference, params)
	return on.told(got, err, f)
}

// refund refunds a conversion, which it finds by its id or by its reference.
func (on *side) refund(id int64, byReference bool, params refgrow.RefundConversionParams) (*refgrow.Conversion, error) {
	if c := on.model.conversions[id]; byReference && c != nil && c.reference != "" {
		return on.project.RefundByReference(on.ctx, c.reference, params)
	}
	return on.project.RefundConversion(on.ctx, id, params)
}

// told compares what became of a refund.
func (on *side) told(got *refgrow.Conversion, err error, f refundFaults) error {
	done, err := agree(err, f.faults)
	if done && (got.Capped != f.capped || got.Unchanged != f.unchanged) {
		return fmt.Errorf("capped %t, unchanged %t, but should be %t, %t", got.Capped, got.Unchanged, f.capped, f.unchanged)
	}
	return err
}

func (op totalsOp) do(on *side) error {
	return op.to(on, pick(op.Conversion, on.model.conversions))
}

func (op totalsOp) to(on *side, id int64) error {
	for _, which := range op.Order {
		total := op.Totals[which%len(op.Totals)]
		currency, base, created := own, big.NewRat(800, 1), on.model.now
		if c := on.model.conversions[id]; c != nil {
			currency, created = c.currency, c.created
			if c.base != nil && c.base.Sign() > 0 {
				base = c.base
			}
		}
		amount := rounded(new(big.Rat).Mul(base, big.NewRat(int64(total.Eighths), 8)))
		if amount.Cmp(big.NewRat(money.MaxMinor, 1)) > 0 {
			amount = big.NewRat(money.MaxMinor, 1)
		}
		params := refgrow.RefundConversionParams{Total: amountOf(amount, currency), Lower: total.Lower}
		if total.After != 0 {
			params.ToldAt = time.UnixMilli(created).Add(total.After)
		}
		f := on.model.tell(id, params)
		got, err := on.refund(id, which%2 == 0, params)
		if err := on.told(got, err, f); err != nil {
			return err
		}
	}
	return nil
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

// free reports whether a conversion is refunded as a whole or not at all.
func (c *modelConversion) free() bool { return c.base == nil || c.base.Sign() == 0 }

// gone reports whether all of it is refunded.
func (c *modelConversion) gone() bool {
	return c.reversed || !c.free() && c.base.Cmp(c.refunded) == 0
}

// refundFaults are why a refund is refused, or else what it comes to.
type refundFaults struct {
	faults

	capped, unchanged bool
}

func (m *model) refund(id int64, params refgrow.RefundConversionParams) (f refundFaults) {
	c, amount := m.refunding(&f, id, params.Amount)
	if c == nil {
		return f
	}
	if known, ok := c.refunds[params.RefundReference]; ok {
		f.add(refgrow.CodeConflict, amount != nil && amount.Cmp(known.told) != 0)
		f.unchanged = len(f.faults) == 0
		return f
	}
	left := c.left(false)
	over := amount != nil && amount.Cmp(left) > 0
	f.add(refgrow.CodeInvalid, amount != nil && c.base == nil)
	if !params.Cap {
		f.add(refgrow.CodeConflict, c.gone())
		f.add(refgrow.CodeInvalid, over && !c.gone())
	}
	if len(f.faults) > 0 {
		return f
	}
	taken := left
	if amount != nil && !over {
		taken = amount
	}
	if params.RefundReference != "" {
		told := taken
		if amount != nil {
			told = amount
		}
		c.keep(modelRefund{params.RefundReference, m.now, told, taken, c.free() && !c.gone(), false})
	}
	f.capped, f.unchanged = over, c.gone()
	m.refunded(c, new(big.Rat).Add(c.refunded, taken), c.free(), params.Reason)
	return f
}

// keep keeps what became of a refund with a name.
func (c *modelConversion) keep(r modelRefund) {
	refunds := make(map[string]modelRefund)
	maps.Copy(refunds, c.refunds)
	refunds[r.name] = r
	c.refunds = refunds
}

// undoUnnamed makes less be refunded, without a name. It comes off what has no name; if
// that is not enough, off the refund of exactly as much, or off one after the other.
func (c *modelConversion) undoUnnamed(refunded *big.Rat, reversed bool) {
	var named []modelRefund
	unnamed := new(big.Rat).Set(c.refunded)
	for _, r := range c.refunds {
		if r.undone {
			continue
		}
		if r.whole = r.whole && reversed; !r.whole {
			c.keep(r)
		}
		named = append(named, r)
		unnamed.Sub(unnamed, r.taken)
	}
	slices.SortFunc(named, func(a, b modelRefund) int {
		return cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(b.name, a.name))
	})
	less := new(big.Rat).Sub(c.refunded, refunded)
	if less.Cmp(unnamed) <= 0 {
		return
	}
	for _, r := range named {
		if r.taken.Cmp(less) == 0 {
			r.taken = new(big.Rat)
			c.keep(r)
			return
		}
	}
	for less.Sub(less, unnamed); less.Sign() > 0; named = named[1:] {
		r, part := named[0], new(big.Rat).Set(less)
		if part.Cmp(r.taken) > 0 {
			part.Set(r.taken)
		}
		r.taken = new(big.Rat).Sub(r.taken, part)
		less.Sub(less, part)
		c.keep(r)
	}
}

// refunding returns the conversion that a refund is about, and its amount, nil for
// none. Without a conversion there are faults.
func (m *model) refunding(f *refundFaults, id int64, given money.Amount) (*modelConversion, *big.Rat) {
	var amount *big.Rat
	if given.IsSet() {
		amount = big.NewRat(given.Minor(), 1)
		f.add(refgrow.CodeInvalid, given.Minor() <= 0 || given.Minor() > money.MaxMinor)
	}
	c := m.conversions[id]
	if c == nil {
		f.add(refgrow.CodeNotFound, true)
		return nil, nil
	}
	m.touch(c)
	f.add(refgrow.CodeInvalid, given.IsSet() && given.Currency() != c.currency)
	if len(f.faults) > 0 {
		return nil, nil
	}
	return c, amount
}

// refunded sets how much of a conversion is refunded.
func (m *model) refunded(c *modelConversion, amount *big.Rat, reversed bool, reason string) {
	kind := refgrow.EntryReversal
	if amount.Cmp(c.refunded) < 0 || c.reversed && !reversed {
		kind = refgrow.EntryCorrection
	}
	c.refunded, c.reversed = amount, reversed
	m.bring(c, account{c.affiliate, c.currency}, c.target(), kind, reason)
	m.judge(c, nil)
}

// tell takes over a total. What was told with an instant is kept as it was told; of all
// that, the last one says what is refunded. One without an instant that counts makes all
// that was told before it old.
func (m *model) tell(id int64, params refgrow.RefundConversionParams) (f refundFaults) {
	dated := !params.ToldAt.IsZero()
	f.add(refgrow.CodeInvalid, dated && params.ToldAt.UnixMilli() > m.now+24*time.Hour.Milliseconds())
	f.add(refgrow.CodeInvalid, dated && params.ToldAt.UnixMilli() < 0)
	c := m.conversions[id]
	f.add(refgrow.CodeNotFound, c == nil)
	if c == nil {
		return f
	}
	m.touch(c)
	f.add(refgrow.CodeInvalid, c.base == nil)
	if len(f.faults) > 0 {
		return f
	}
	told := modelTotal{big.NewRat(params.Total.Minor(), 1), params.ToldAt.UnixMilli()}
	last, found := lastTotal(c.totals)
	switch {
	case dated:
		c.totals = append(slices.Clone(c.totals), told)
		if next, _ := lastTotal(c.totals); found && next == last {
			f.unchanged = true
			return f
		}
	case !params.Lower && (found && told.amount.Cmp(last.amount) <= 0 || told.amount.Cmp(c.refunded) < 0 ||
		c.reversed && told.amount.Sign() == 0):
		f.unchanged = true
		return f
	default:
		told.at = max(m.now, last.at)
		c.totals = []modelTotal{told}
	}
	refunded, reversed := told.amount, false
	if f.capped = told.amount.Cmp(c.base) > 0; f.capped {
		refunded, reversed = c.base, c.free()
	}
	f.unchanged = refunded.Cmp(c.refunded) == 0 && reversed == c.reversed
	c.undoUnnamed(refunded, reversed)
	m.refunded(c, refunded, reversed, "")
	return f
}

// lastTotal is the one of the latest instant, and the largest of those.
func lastTotal(totals []modelTotal) (last modelTotal, found bool) {
	for _, t := range totals {
		if !found || t.at > last.at || t.at == last.at && t.amount.Cmp(last.amount) > 0 {
			last, found = t, true
		}
	}
	return last, found
}

func (m *model) undo(id int64, params refgrow.RefundConversionParams) (f refundFaults) {
	f.add(refgrow.CodeInvalid, params.Cap || params.Amount.IsSet() && params.RefundReference != "")
	c, amount := m.refunding(&f, id, params.Amount)
	if c == nil {
		return f
	}
	if params.RefundReference != "" {
		r, ok := c.refunds[params.RefundReference]
		if !ok {
			f.add(refgrow.CodeNotFound, true)
			return f
		}
		if r.undone {
			f.unchanged = true
			return f
		}
		r.undone = true
		c.keep(r)
		f.unchanged = r.taken.Sign() == 0 && !r.whole
		m.refunded(c, new(big.Rat).Sub(c.refunded, r.taken), c.reversed && !r.whole, params.Reason)
		return f
	}
	switch {
	case c.refunded.Sign() == 0 && !c.reversed:
		f.add(refgrow.CodeConflict, true)
	case amount == nil:
		amount = c.refunded
	default:
		f.add(refgrow.CodeInvalid, c.reversed || amount.Cmp(c.refunded) > 0)
	}
	if len(f.faults) == 0 {
		left := new(big.Rat).Sub(c.refunded, amount)
		c.undoUnnamed(left, false)
		m.refunded(c, left, false, params.Reason)
	}
	return f
}

func (op adjustOp) do(on *side) error {
	m := on.model
	at := account{pick(op.Affiliate, m.affiliates), op.Currency}
	params := refgrow.CreateAdjustmentParams{
		AffiliateID: at.affiliate, Amount: money.New(op.Amount, op.Currency), Note: fmt.Sprintf("=%d", op.Amount),
	}
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
	e := modelEntry{
		account: at, kind: refgrow.EntryAdjustment, amount: big.NewRat(op.Amount, 1), note: params.Note, available: m.now,
	}
	m.enter(e)
	answer := entryLines([]refgrow.LedgerEntry{*got})
	if want := m.wantLines([]*modelEntry{&e}); got.AffiliateID != at.affiliate || answer[0] != want[0] {
		return fmt.Errorf("the answer is %s, but should be %s", answer, want)
	}
	return nil
}

// explained looks at what is said about a conversion: its entries come to what it has
// to bring, and none of them is missing.
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
		if (account{e.AffiliateID, e.Amount.Currency()}) == (account{c.affiliate, c.currency}) &&
			e.Kind != refgrow.EntrySettlement {
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
	if brought.Cmp(c.target()) != 0 || entries != len(got.Entries) || got.Commission.Reason != c.reason ||
		got.Commission.Value != amountOf(c.value, c.currency) {
		return fmt.Errorf("conversion %d should bring %v by %d entries, priced at %v by %s, "+
			"but is explained as %v by %d, priced at %v by %s: %s",
			id, c.target(), entries, c.value, c.reason,
			brought, len(got.Entries), got.Commission.Value, got.Commission.Reason, got.Sentence)
	}
	return on.sentence(c, got.Sentence)
}
