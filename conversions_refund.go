package refgrow

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/refunds"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// RefundConversionParams say how much of a sale was given back: an Amount, a Total, or
// with neither all that is left. An app tells one of the two of a sale: where both are
// told, each is taken as it comes.
type RefundConversionParams struct {
	// Amount is the part of the base value that was given back now, in the conversion's
	// currency.
	Amount money.Amount
	// RefundReference is the app's own name for the refund, unique for the conversion:
	// the same one again changes nothing, for ever, and is a conflict with another
	// Amount.
	RefundReference string
	// Total is all of the base value that was given back so far, as payment providers
	// tell it, in the conversion's currency.
	Total money.Amount
	// ToldAt is when the Total was so, as the provider says; at most a day ahead of the
	// clock. Of all totals the one of the latest instant counts, and at the same
	// instant the larger one: they may be told in any order, and again.
	//
	// A Total without ToldAt counts as told now. If it is not above the last one told,
	// or is below what is refunded, it is taken for an old one and changes nothing,
	// unless Lower says that it is meant.
	ToldAt time.Time
	Lower  bool
	// Cap takes what is left where Amount is more than that, as with a Total.
	Cap bool
	// Reason is kept as the note of the ledger entry, if there is one: a refund that
	// takes nothing back from anybody has none.
	Reason string
}

// maxAhead is how far ahead of the clock a provider's instant may be.
const maxAhead = 24 * time.Hour

func (params *RefundConversionParams) check(now int64) error {
	if params.Amount.IsSet() && params.Amount.IsZero() {
		return invalid("amount", "must be more than 0")
	}
	if params.RefundReference != "" {
		if params.RefundReference = form.Trim(params.RefundReference); params.RefundReference == "" {
			return invalid("refund_reference", "must not be blank")
		}
	}
	if err := cmp.Or(
		at("amount", form.Amount(params.Amount)),
		at("refunded_total", form.Amount(params.Total)),
		at("refund_reference", form.Text(params.RefundReference, form.MaxText)),
		at("reason", form.Text(params.Reason, maxNote)),
	); err != nil {
		return err
	}
	total := params.Total.IsSet()
	switch {
	case total && params.Amount.IsSet():
		return invalid("refunded_total", "cannot be used together with amount")
	case total && params.RefundReference != "":
		return invalid("refund_reference", "cannot be used together with refunded_total, which repeats itself without harm")
	case !total && !params.ToldAt.IsZero():
		return invalid("told_at", "is when a refunded_total was so, and there is none")
	case !total && params.Lower:
		return invalid("lower", "is for a refunded_total, and there is none")
	case !params.ToldAt.IsZero() && params.ToldAt.Before(time.Unix(0, 0)):
		return invalid("told_at", "must not be before 1970")
	case !params.ToldAt.IsZero() && stored.Millis(params.ToldAt) > now+maxAhead.Milliseconds():
		return invalid("told_at", "must not be more than a day in the future")
	}
	return nil
}

// RefundConversion takes back the part of the commission that goes with the part
// of the sale that was given back, whether or not it was already paid out: what was
// is a debt, which the next payout takes into account. A chargeback is treated the
// same. Parts that add up to the whole take back exactly the commission. Of a free sale
// or a signup, whose base value is 0 or absent, a refund without an Amount takes back
// the whole commission. The answer says whether it was Capped or Unchanged. Errors:
// ErrNotFound; ErrInvalid for more than is left, and for a part of a conversion without
// a base value; ErrConflict when nothing is left, and for a RefundReference that was
// told with another Amount.
func (p *Project) RefundConversion(ctx context.Context, id int64, params RefundConversionParams) (*Conversion, error) {
	return p.refund(ctx, params, func(ctx context.Context, o *op) (*db.Conversion, error) {
		return o.conversion(ctx, id)
	})
}

// RefundByReference is RefundConversion for a caller that knows the sale by the app's
// own name for it. Errors: ErrNotFound for an unknown reference, and those of
// RefundConversion.
func (p *Project) RefundByReference(
	ctx context.Context, reference string, params RefundConversionParams,
) (*Conversion, error) {
	return p.refund(ctx, params, func(ctx context.Context, o *op) (*db.Conversion, error) {
		id, err := o.GetConversionIDByReference(ctx, db.GetConversionIDByReferenceParams{
			ProjectID: o.project, Reference: form.Trim(reference),
		})
		if err != nil {
			return nil, missing(err, "Conversion")
		}
		return o.conversion(ctx, id)
	})
}

func (p *Project) refund(
	ctx context.Context, params RefundConversionParams, find func(context.Context, *op) (*db.Conversion, error),
) (*Conversion, error) {
	if err := params.check(p.engine.millis()); err != nil {
		return nil, err
	}
	return change(ctx, p, "refunding a conversion", backend.Work{}, func(ctx context.Context, o *op) (*Conversion, error) {
		c, err := find(ctx, o)
		if err != nil {
			return nil, err
		}
		r := refunding{op: o, before: c, params: params}
		switch {
		case params.Total.IsSet():
			err = r.tell(ctx)
		case params.RefundReference != "":
			err = r.giveOnce(ctx)
		default:
			err = r.give()
		}
		if err != nil {
			return nil, err
		}
		return r.save(ctx)
	})
}

// UndoRefund is for a refund that did not happen, or a chargeback that was won:
// the commission that went with it is earned again. The entries of the refund
// stay. It undoes an Amount, or the refund with a RefundReference, of which nothing
// more is undone than is still refunded, and which changes nothing the second time;
// with neither, all that was refunded. An Amount, and a Total that lowers what is
// refunded, undo first what was refunded without a RefundReference, then the refund of
// just that amount, or else the latest ones. Other params than these and Reason are
// refused.
// Errors: ErrNotFound, also for an unknown RefundReference; ErrInvalid for more than
// was refunded; ErrConflict when nothing was.
func (p *Project) UndoRefund(ctx context.Context, id int64, params RefundConversionParams) (*Conversion, error) {
	if err := params.checkUndo(p.engine.millis()); err != nil {
		return nil, err
	}
	return change(ctx, p, "undoing a refund", backend.Work{}, func(ctx context.Context, o *op) (*Conversion, error) {
		c, err := o.conversion(ctx, id)
		if err != nil {
			return nil, err
		}
		r := refunding{op: o, before: c, params: params}
		if params.RefundReference != "" {
			err = r.undoOnce(ctx)
		} else {
			err = r.undo()
		}
		if err != nil {
			return nil, err
		}
		return r.save(ctx)
	})
}

func (params *RefundConversionParams) checkUndo(now int64) error {
	const not = "is for a refund, and not for undoing one"
	switch {
	case params.Total.IsSet():
		return invalid("refunded_total", not)
	case params.Cap:
		return invalid("cap", not)
	case params.Amount.IsSet() && params.RefundReference != "":
		return invalid("refund_reference", "cannot be used together with amount")
	}
	return params.check(now)
}

// A refunding is a refund of a conversion, or its undoing, under way.
type refunding struct {
	*op

	before  *db.Conversion
	params  RefundConversionParams
	sale    refunds.Sale
	outcome refunds.Outcome
	field   string // the input that brings it about
}

// begin reads how much of the sale was given back.
func (r *refunding) begin(field string, amount money.Amount) (minor *int64, err error) {
	c := r.before
	r.field = field
	r.sale = saleOf(c)
	if !amount.IsSet() {
		return nil, nil
	}
	if currency := money.Currency(c.Currency); amount.Currency() != currency {
		return nil, invalid(field, "is in %s, but the conversion is in %s", amount.Currency(), currency)
	}
	return new(amount.Minor()), nil
}

// give gives back an amount, or all that is left.
func (r *refunding) give() error {
	amount, err := r.begin("amount", r.params.Amount)
	if err != nil {
		return err
	}
	r.outcome, err = r.sale.Give(amount, r.params.Cap)
	return r.said(err)
}

// giveOnce is give for a refund with a reference, which counts once.
func (r *refunding) giveOnce(ctx context.Context) error {
	amount, err := r.begin("amount", r.params.Amount)
	if err != nil {
		return err
	}
	known, err := r.GetRefund(ctx, r.reference())
	switch {
	case err == nil && amount != nil && *amount != known.Amount:
		return conflict("refund_reference", "was already told, of %s",
			money.New(known.Amount, money.Currency(r.before.Currency))).of(r.before.ID)
	case err == nil:
		r.outcome.Unchanged = true
		return nil
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	if err := r.give(); err != nil {
		return err
	}
	return r.InsertRefund(ctx, db.InsertRefundParams{
		ProjectID: r.project, ConversionID: r.before.ID, Reference: r.params.RefundReference,
		Amount: stored.OrZero(cmp.Or(amount, new(r.sale.Refunded-r.before.Refunded))),
		Taken:  r.sale.Given() - saleOf(r.before).Given(), CreatedAt: r.now,
	})
}

func (r *refunding) reference() db.GetRefundParams {
	return db.GetRefundParams{ProjectID: r.project, ConversionID: r.before.ID, Reference: r.params.RefundReference}
}

// tell takes over a total.
func (r *refunding) tell(ctx context.Context) error {
	amount, err := r.begin("refunded_total", r.params.Total)
	if err != nil {
		return err
	}
	last, err := r.GetRefundTotal(ctx, db.GetRefundTotalParams{ProjectID: r.project, ConversionID: r.before.ID})
	switch {
	case err == nil:
		r.sale.Told = &refunds.Total{Amount: last.Amount, At: last.ToldAt}
	case !errors.Is(err, sql.ErrNoRows):
		return err
	}
	told := r.sale.Told
	if r.params.ToldAt.IsZero() {
		r.outcome, err = r.sale.TellNow(*amount, r.now, r.params.Lower)
	} else {
		r.outcome, err = r.sale.Tell(refunds.Total{Amount: *amount, At: stored.Millis(r.params.ToldAt)})
	}
	if err != nil || r.sale.Told == told {
		return r.said(err)
	}
	return r.SetRefundTotal(ctx, db.SetRefundTotalParams{
		ProjectID: r.project, ConversionID: r.before.ID, Amount: r.sale.Told.Amount, ToldAt: r.sale.Told.At,
	})
}

// undo takes back an amount of what was given back, or all of it.
func (r *refunding) undo() error {
	amount, err := r.begin("amount", r.params.Amount)
	if err != nil {
		return err
	}
	return r.said(r.sale.Undo(amount))
}

// undoOnce is undo for a refund with a reference.
func (r *refunding) undoOnce(ctx context.Context) error {
	if _, err := r.begin("refund_reference", money.Amount{}); err != nil {
		return err
	}
	known, err := r.GetRefund(ctx, r.reference())
	switch {
	case err != nil:
		return missing(err, "Refund")
	case known.UndoneAt != nil:
		r.outcome.Unchanged = true
		return nil
	}
	r.outcome = r.sale.UndoTaken(known.Taken)
	return r.Tx.UndoRefund(ctx, db.UndoRefundParams{
		ProjectID: r.project, ConversionID: r.before.ID, Reference: r.params.RefundReference, UndoneAt: &r.now,
	})
}

// said puts what is wrong into words.
func (r *refunding) said(wrong error) error {
	c := r.before
	sum := func(minor int64) money.Amount { return money.New(minor, money.Currency(c.Currency)) }
	switch {
	case errors.Is(wrong, refunds.ErrNoBase) && c.BaseValue == nil:
		return invalid(r.field, "cannot be used: the conversion has no base value, and is refunded as a whole")
	case errors.Is(wrong, refunds.ErrNoBase):
		return invalid(r.field, "cannot be used: the sale was free, and is refunded as a whole")
	case errors.Is(wrong, refunds.ErrTooMuch):
		return invalid(r.field, "is more than is left of the base value: %s", sum(stored.OrZero(c.BaseValue)-c.Refunded))
	case errors.Is(wrong, refunds.ErrNotSoMuch):
		return invalid(r.field, "is more than was refunded: %s", sum(c.Refunded))
	case !errors.Is(wrong, refunds.ErrNothing):
		return wrong
	case refundedInFull(c):
		return conflict(r.field, "cannot be refunded: nothing is left of the conversion").of(c.ID)
	}
	return conflict(r.field, "cannot be undone: nothing is refunded").of(c.ID)
}

// save enters the difference in the books, and tells of it.
func (r *refunding) save(ctx context.Context) (*Conversion, error) {
	after := *r.before
	after.Refunded, after.Reversed = r.sale.Refunded, stored.Flag(r.sale.Reversed)
	if !r.outcome.Unchanged {
		if err := r.forget(ctx); err != nil {
			return nil, err
		}
		why := cause{kind: ledger.Reversal, note: r.params.Reason, field: r.field}
		if after.Refunded < r.before.Refunded || after.Reversed < r.before.Reversed {
			why.kind, why.undoes = ledger.Correction, true // positive entries are no reversals
		}
		if err := r.postChange(ctx, r.before, &after, why); err != nil {
			return nil, err
		}
		if err := r.saveConversion(ctx, &after); err != nil {
			return nil, err
		}
		if err := r.emitChange(ctx, r.before, &after); err != nil {
			return nil, err
		}
	}
	shown := showConversion(&after, r.now)
	shown.Capped, shown.Unchanged = r.outcome.Capped, r.outcome.Unchanged
	return shown, nil
}

// forget says of the refunds with references what of them is undone where something is
// without naming one of them.
func (r *refunding) forget(ctx context.Context) error {
	before := saleOf(r.before)
	less := before.Given() - r.sale.Given()
	if less <= 0 || r.params.RefundReference != "" {
		return nil
	}
	known, err := r.ListRefundsLeft(ctx, db.ListRefundsLeftParams{ProjectID: r.project, ConversionID: r.before.ID})
	if err != nil || len(known) == 0 {
		return err
	}
	slices.SortFunc(known, func(a, b db.ListRefundsLeftRow) int { // the latest first
		return cmp.Or(cmp.Compare(b.CreatedAt, a.CreatedAt), cmp.Compare(b.Reference, a.Reference))
	})
	taken := make([]int64, len(known))
	for i, k := range known {
		taken[i] = k.Taken
	}
	for i, left := range before.Forget(less, taken) {
		if left == taken[i] {
			continue
		}
		if err := r.SetRefundTaken(ctx, db.SetRefundTakenParams{
			ProjectID: r.project, ConversionID: r.before.ID, Reference: known[i].Reference, Taken: left,
		}); err != nil {
			return err
		}
	}
	return nil
}

// refundedInFull reports whether all of a conversion was given back.
func refundedInFull(c *db.Conversion) bool {
	return saleOf(c).Whole()
}

func saleOf(c *db.Conversion) refunds.Sale {
	return refunds.Sale{Base: c.BaseValue, Refunded: c.Refunded, Reversed: c.Reversed == 1}
}
