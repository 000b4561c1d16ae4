package refgrow

import (
	"cmp"
	"context"

	"github.com/refgrow-go/refgrow/internal/attribution"
	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/pricing"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// UpdateConversionParams change what is not nil, and given. Only what they name
// changes: a new base value, type or currency does not compute the value again, but
// with Reprice.
type UpdateConversionParams struct {
	Type *ConversionType
	// AffiliateID moves the conversion to another affiliate, or to nobody. One that
	// was recorded for nobody and has no price yet is priced when it is first moved to
	// an affiliate, unless its value was given: by the rules of its own time. Otherwise
	// it keeps its value wherever it moves.
	AffiliateID Null[int64]
	// Currency takes both amounts along: unless they are given as well, they keep
	// their numbers in the new currency.
	Currency *money.Currency
	// Value and BaseValue are in the conversion's currency, after the change of
	// Currency if there is one.
	Value     *money.Amount
	BaseValue Null[money.Amount]
	// Reprice computes the value again, from what the conversion is after the changes
	// beside it, by the rules of its own time and with durations as they are now. It
	// cannot be used together with Value.
	Reprice bool
	// Paid settles by hand what is unsettled after everything else in the call,
	// whatever it was before, or takes back what was settled by hand.
	Paid       *bool
	Reference  Null[string]
	CouponCode Null[string]
}

func (u *UpdateConversionParams) check() error {
	if u.Type != nil {
		if err := u.Type.check(); err != nil {
			return err
		}
	}
	if id := u.AffiliateID.Value(); id != nil {
		if err := at("affiliate_id", form.ID(*id)); err != nil {
			return err
		}
	}
	if u.Currency != nil {
		currency, err := money.ParseCurrency(string(*u.Currency))
		if err != nil {
			return at("base_value_currency", err)
		}
		u.Currency = &currency
	}
	if u.Reprice && u.Value != nil {
		return invalid("value", "cannot be used together with reprice, which computes it")
	}
	for _, given := range []struct {
		field string
		value *money.Amount
	}{{"value", u.Value}, {"base_value", u.BaseValue.Value()}} {
		switch {
		case given.value == nil:
		case !given.value.IsSet():
			return invalid(given.field, "has no currency")
		default:
			if err := at(given.field, form.Amount(*given.value)); err != nil {
				return err
			}
		}
	}
	return cmp.Or(givenText("reference", &u.Reference), givenText("coupon_code_used", &u.CouponCode))
}

// UpdateConversion changes a conversion and enters the difference in the books.
// Base value, currency, type, value, affiliate and Reprice are applied in this order,
// then Paid. A conversion that goes from nobody to an affiliate takes its customer
// along: one without an affiliate gets that one, and a direct one is converted.
// Errors: ErrInvalid, also where the numbers do not fit a new currency; ErrNotFound for
// an unknown conversion or affiliate; ErrExists when the reference is taken;
// ErrConflict for a new affiliate who was erased, or where a payout has settled or
// reserves something of the conversion, and for a new currency also where anything was
// settled by hand or refunded; for Paid where it would not become so: true while a
// pending payout reserves something of what is unsettled, and false where payouts have
// settled all of it.
func (p *Project) UpdateConversion(ctx context.Context, id int64, params UpdateConversionParams) (*Conversion, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	return change(ctx, p, "updating a conversion", backend.Work{}, func(ctx context.Context, o *op) (*Conversion, error) {
		row, err := o.updateConversion(ctx, id, params)
		if err != nil {
			return nil, err
		}
		return showConversion(row, o.now), nil
	})
}

func (o *op) updateConversion(ctx context.Context, id int64, u UpdateConversionParams) (*db.Conversion, error) {
	before, err := o.conversion(ctx, id)
	if err != nil {
		return nil, err
	}
	after := *before
	if err := u.applyAmounts(&after); err != nil {
		return nil, err
	}
	if err := o.applyAffiliate(ctx, u.AffiliateID, &after); err != nil {
		return nil, err
	}
	if err := o.applyPrice(ctx, u.Reprice, before, &after); err != nil {
		return nil, err
	}
	u.Reference.apply(&after.Reference)
	u.CouponCode.apply(&after.CouponCode)
	if stored.OrZero(after.Reference) != stored.OrZero(before.Reference) {
		if err := o.referenceIsFree(ctx, after.Reference, id); err != nil {
			return nil, err
		}
	}
	if err := o.postChange(ctx, before, &after, cause{
		kind: ledger.Correction, field: "value", paid: u.Paid,
	}); err != nil {
		return nil, err
	}
	if err := o.saveConversion(ctx, &after); err != nil {
		return nil, err
	}
	return &after, o.emitChange(ctx, before, &after)
}

func (o *op) saveConversion(ctx context.Context, c *db.Conversion) error {
	return o.Tx.UpdateConversion(ctx, db.UpdateConversionParams{
		ProjectID: o.project, ConversionID: c.ID, Type: c.Type, AffiliateID: c.AffiliateID,
		Currency: c.Currency, CurrencyGiven: c.CurrencyGiven, Value: c.Value, BaseValue: c.BaseValue,
		Refunded: c.Refunded, Reversed: c.Reversed,
		Paid: c.Paid, Reference: c.Reference, CouponCode: c.CouponCode,
		Reason: c.Reason, Candidates: c.Candidates, CommissionReason: c.CommissionReason,
		RuleID: c.RuleID, RuleVersion: c.RuleVersion,
		PricedBaseValue: c.PricedBaseValue, PricedCurrency: c.PricedCurrency, PricedValue: c.PricedValue,
		PricedFirstAt: c.PricedFirstAt, PricedBefore: c.PricedBefore,
	})
}

// applyAmounts changes base value, currency, type and value.
func (u UpdateConversionParams) applyAmounts(c *db.Conversion) error {
	now := money.Currency(c.Currency)
	next := now
	if u.Currency != nil {
		next = *u.Currency
		c.CurrencyGiven = 1
	}
	if u.Type != nil {
		c.Type = string(*u.Type)
	}
	value, err := carried("value", u.Value, money.New(c.Value, now), next)
	if err != nil {
		return err
	}
	before := stored.OrZero(c.BaseValue)
	switch {
	case !u.BaseValue.Given() && c.BaseValue == nil:
	case u.BaseValue.Given() && u.BaseValue.Value() == nil:
		c.BaseValue = nil
	default:
		base, err := carried("base_value", u.BaseValue.Value(), money.New(stored.OrZero(c.BaseValue), now), next)
		if err != nil {
			return err
		}
		c.BaseValue = new(base.Minor())
		c.CurrencyGiven = 1
	}
	if c.Type == string(Purchase) && c.BaseValue == nil {
		return invalid("base_value", "is required for purchases")
	}
	// A refunded conversion that changes its currency is refused as such.
	switch base := stored.OrZero(c.BaseValue); {
	case next != now || base == before:
	case c.Refunded > 0 && base <= c.Refunded:
		return invalid("base_value", "must be above %s, which was refunded: give the rest back by a refund",
			money.New(c.Refunded, now))
	case c.Reversed == 1:
		return conflict("base_value", "cannot be raised while the conversion is refunded: undo that first").of(c.ID)
	}
	// A conversion without a price has got one, even if it is 0.
	if u.Value != nil && (*u.Value != money.New(c.Value, now) || c.CommissionReason == string(CommissionUnattributed)) {
		c.CommissionReason = string(CommissionGiven)
	}
	c.Currency, c.Value = string(next), value.Minor()
	return nil
}

// carried is an amount in the conversion's next currency: the one that was
// given, or else the present one as the same number.
func carried(field string, given *money.Amount, now money.Amount, next money.Currency) (money.Amount, error) {
	if given == nil {
		amount, err := now.As(next)
		if err != nil {
			return amount, invalid("base_value_currency", "%s does not fit: %v", field, err)
		}
		return amount, nil
	}
	if given.Currency() != next {
		return *given, invalid(field, "is in %s, but the conversion is in %s", given.Currency(), next)
	}
	return *given, nil
}

// applyAffiliate moves the conversion to another affiliate, or to nobody.
func (o *op) applyAffiliate(ctx context.Context, to Null[int64], c *db.Conversion) error {
	if !to.Given() || stored.OrZero(to.Value()) == stored.OrZero(c.AffiliateID) {
		return nil
	}
	if id := to.Value(); id != nil {
		affiliate, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: *id})
		if err != nil {
			return missing(err, "Affiliate")
		}
		if err := canBeNamed(&affiliate); err != nil {
			return err
		}
	}
	return attribution.Move(c, to.Value())
}

// A cause is what changes a conversion: the kind and the note of the entries in
// its account, the input that brings it about, and what the call says of paid. What
// moves to another account is a reversal here and a commission there.
type cause struct {
	kind        ledger.Kind
	note, field string
	paid        *bool
	undoes      bool // a refund
}

// maxEdits is how many entries a conversion can have before no edit can write
// another one. Undoing a settlement and making it again writes one for each instant
// at which a part becomes available: without a bound, somebody could pile them up.
// A refund can always be undone, and be made unless that would only pile them up.
const maxEdits = 1000

// pilesUp reports whether a posting is one too many for a conversion with these
// entries. From maxEdits on only what undoes a refund writes a correction.
func (by cause) pilesUp(entries []db.LedgerEntry) bool {
	switch {
	case len(entries) < maxEdits || by.undoes:
		return false
	case by.kind == ledger.Correction:
		return true
	}
	return len(entries) > maxEdits && ledger.Kind(entries[len(entries)-1].Kind) == ledger.Correction
}

// postChange enters the difference between two states of a conversion in the
// books, and sets what it is then: paid or not.
func (o *op) postChange(ctx context.Context, before, after *db.Conversion, by cause) error {
	entries, err := o.ListEntriesOfConversion(ctx, db.ListEntriesOfConversionParams{
		ProjectID: o.project, ConversionID: before.ID,
	})
	if err != nil {
		return err
	}
	from, to := ledger.BookOf(entries, before), ledger.BookOf(entries, after)
	to.Note, to.Field = by.note, by.field
	moved := from.Account != to.Account
	if moved {
		if err := o.mayMove(ctx, before, from, to); err != nil {
			return err
		}
		from.MoveTo(0, ledger.Reversal, o.now)
		to.MoveTo(pricing.Due(after), ledger.Commission, o.now)
	} else {
		to.MoveTo(pricing.Due(after), by.kind, o.now)
	}
	if err := o.applyPaid(ctx, by.paid, after, to); err != nil {
		return err
	}
	left, reached := from.Posting(), to.Posting()
	if len(left.Entries)+len(reached.Entries) > 0 && by.pilesUp(entries) {
		return conflict("", "The conversion already has %d ledger entries and can no longer be edited",
			len(entries)).of(before.ID)
	}
	o.countConversion(before, -1)
	o.countConversion(after, 1)
	countPosted(&left, before, -1)
	countPosted(&reached, after, 1)
	if !moved {
		reached.Signups += left.Signups
		reached.Purchases += left.Purchases
		return o.post(ctx, reached)
	}
	if err := o.post(ctx, left); err != nil {
		return err
	}
	return o.post(ctx, reached)
}

// mayMove refuses to move a conversion to another account where a payout has
// something of it in either one. A new currency also needs that nothing was settled
// by hand or refunded.
func (o *op) mayMove(ctx context.Context, c *db.Conversion, from, to *ledger.Book) error {
	field, taken := "affiliate_id", false
	if from.Currency != to.Currency {
		field, taken = "base_value_currency", c.Refunded != 0 || c.Reversed == 1
	}
	for _, b := range []*ledger.Book{from, to} {
		paid, pending, err := o.payoutsOf(ctx, b)
		if err != nil {
			return err
		}
		taken = taken || paid || pending || from.Currency != to.Currency && b.Settled() != 0
	}
	if !taken {
		return nil
	}
	if field == "affiliate_id" {
		return conflict(field, "can no longer change: a payout has settled or reserves part of the conversion").of(c.ID)
	}
	return conflict(field,
		"can no longer change: part of the conversion is settled, reserved by a payout or refunded").of(c.ID)
}

// applyPaid does what a call says of paid, after everything else in it, and sets the
// flag: a conversion that brings its account something is paid exactly when as much
// of it is settled there. Of any other one it is what a call has last said.
func (o *op) applyPaid(ctx context.Context, paid *bool, c *db.Conversion, b *ledger.Book) error {
	switch {
	case paid == nil:
	case *paid && b.Unsettled() > 0:
		_, pending, err := o.payoutsOf(ctx, b)
		if err != nil {
			return err
		}
		if pending {
			return conflict("paid", "cannot be set by hand: a pending payout reserves part of the conversion").of(c.ID)
		}
		b.Settle()
	case !*paid:
		b.Unsettle()
	}
	due := pricing.Due(c)
	switch {
	case due > 0 && paid != nil && !*paid && b.Unsettled() <= 0:
		return conflict("paid", "cannot be taken back by hand: payouts have settled the conversion").of(c.ID)
	case due > 0:
		c.Paid = stored.Flag(b.Unsettled() <= 0)
	case paid != nil:
		c.Paid = stored.Flag(*paid)
	}
	return nil
}

// payoutsOf reports whether payouts have something of a conversion in the account of
// a book: what they settled, and what pending ones reserve. Of what adds up to 0 a
// payout has nothing.
func (o *op) payoutsOf(ctx context.Context, b *ledger.Book) (paid, pending bool, err error) {
	if b.Affiliate == 0 {
		return false, false, nil
	}
	payouts, err := o.ListPayoutsOfConversion(ctx, db.ListPayoutsOfConversionParams{
		ProjectID: o.project, ConversionID: b.Conversion, AffiliateID: b.Affiliate, Currency: b.Currency,
	})
	for _, p := range payouts {
		paid = paid || p.Status == ledger.PayoutPaid && p.Amount != 0
		pending = pending || p.Status == ledger.PayoutPending && p.Amount != 0
	}
	return paid, pending, err
}

// emitGone reports a conversion that was refunded in full, or deleted.
func (o *op) emitGone(ctx context.Context, c *db.Conversion) error {
	if !o.state.watched {
		return nil
	}
	return o.emit(ctx, c.AffiliateID, c.ReferralID, outbox.Change{
		Kind: outbox.ConversionGone, Lane: outbox.ConversionLane(c.ID), Data: showConversion(c, o.now).AppendJSON(nil),
	})
}

// emitChange reports a changed conversion, unless nothing visible changed.
func (o *op) emitChange(ctx context.Context, before, after *db.Conversion) error {
	if !o.state.watched {
		return nil
	}
	// One that is credited to nobody shows no other status when it is refunded.
	if refundedInFull(after) && !refundedInFull(before) {
		return o.emitGone(ctx, after)
	}
	data, err := outbox.WithChanges(
		showConversion(before, o.now).AppendJSON(nil), showConversion(after, o.now).AppendJSON(nil),
	)
	if err != nil || data == nil {
		return err
	}
	return o.emit(ctx, after.AffiliateID, after.ReferralID, outbox.Change{
		Kind: outbox.ConversionChanged, Lane: outbox.ConversionLane(after.ID), Data: data,
	})
}
