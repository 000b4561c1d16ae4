package refgrow

import (
	"cmp"
	"context"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// UpdateConversionParams change what is not nil, and given. Only what they name
// changes: a new base value, type or currency does not compute the value again.
type UpdateConversionParams struct {
	Type *ConversionType
	// AffiliateID moves the conversion to another affiliate, or to nobody.
	AffiliateID Null[int64]
	// Currency takes both amounts along: unless they are given anew, they are the
	// same numbers in it.
	Currency *money.Currency
	// Value and BaseValue are in the conversion's currency, after the change of
	// Currency if there is one.
	Value     *money.Amount
	BaseValue Null[money.Amount]
	// Paid settles what is unsettled, or takes the settlement back.
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
		if err := positive("affiliate_id", *id); err != nil {
			return err
		}
	}
	if u.Currency != nil {
		currency, err := money.ParseCurrency(string(*u.Currency))
		if err != nil {
			return invalid("base_value_currency", "%v", err)
		}
		u.Currency = &currency
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
			if err := amount(given.field, *given.value); err != nil {
				return err
			}
		}
	}
	return cmp.Or(
		givenText("reference", u.Reference, maxText),
		givenText("coupon_code_used", u.CouponCode, maxText),
	)
}

// UpdateConversion changes a conversion and enters the difference in the books.
// Base value, currency, type, value and affiliate are applied in this order,
// then Paid. Errors: ErrInvalid, also where the numbers do not fit a new
// currency; ErrNotFound for an unknown conversion or affiliate; ErrConflict when
// the reference is taken, for a new currency or affiliate once anything of the
// conversion is settled, reserved by a payout or refunded, and for Paid where a
// payout has settled or reserves it.
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
	if u.Paid != nil {
		after.Paid = flag(*u.Paid)
	}
	u.Reference.apply(&after.Reference)
	u.CouponCode.apply(&after.CouponCode)
	if orZero(after.Reference) != orZero(before.Reference) {
		if err := o.referenceIsFree(ctx, after.Reference, id); err != nil {
			return nil, err
		}
	}
	if err := o.postChange(ctx, before, &after, cause{kind: EntryCorrection, field: "value"}); err != nil {
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
		Currency: c.Currency, CurrencyGiven: c.CurrencyGiven, Value: c.Value, BaseValue: c.BaseValue, Refunded: c.Refunded,
		Paid: c.Paid, Reference: c.Reference, CouponCode: c.CouponCode,
		Reason: c.Reason, Candidates: c.Candidates, CommissionReason: c.CommissionReason,
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
	switch {
	case !u.BaseValue.Given() && c.BaseValue == nil:
	case u.BaseValue.Given() && u.BaseValue.Value() == nil:
		c.BaseValue = nil
	default:
		base, err := carried("base_value", u.BaseValue.Value(), money.New(orZero(c.BaseValue), now), next)
		if err != nil {
			return err
		}
		c.BaseValue = new(base.Minor())
		c.CurrencyGiven = 1
	}
	if c.Type == string(Purchase) && c.BaseValue == nil {
		return invalid("base_value", "is required for purchases")
	}
	if next == now && orZero(c.BaseValue) < c.Refunded {
		return invalid("base_value", "must not be below what was refunded")
	}
	if u.Value != nil && *u.Value != money.New(c.Value, now) {
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

// applyAffiliate moves the conversion, and notes it in the decision.
func (o *op) applyAffiliate(ctx context.Context, to Null[int64], c *db.Conversion) error {
	if !to.Given() || orZero(to.Value()) == orZero(c.AffiliateID) {
		return nil
	}
	if id := to.Value(); id != nil {
		if _, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: *id}); err != nil {
			return missing(err, "Affiliate")
		}
	}
	decision, err := decisionOf(c)
	if err != nil {
		return err
	}
	for i := range decision.Candidates {
		if decision.Candidates[i].Outcome == OutcomeCredited {
			decision.Candidates[i].Outcome = OutcomeOutranked
		}
	}
	moved := Candidate{Source: ReasonMoved, AffiliateID: orZero(to.Value()), Outcome: OutcomeCredited}
	c.AffiliateID, c.Reason = to.Value(), string(ReasonMoved)
	c.Candidates, err = candidatesText(append(decision.Candidates, moved))
	return err
}

// target is what a conversion has to bring its account: its value, less the part
// of it that was refunded.
func target(c *db.Conversion) int64 {
	if c.AffiliateID == nil {
		return 0
	}
	return c.Value - takenBack(c)
}

// takenBack is the share of the value that goes with the refunded part of the
// base value, rounded once, half away from zero, to the minor unit.
func takenBack(c *db.Conversion) int64 {
	if c.Refunded == 0 {
		return 0
	}
	currency := money.Currency(c.Currency)
	share, err := money.New(c.Value, currency).Prorate(money.New(c.Refunded, currency), money.New(orZero(c.BaseValue), currency))
	if err != nil { // no operation refunds more than the base value
		return c.Value
	}
	return share.Minor()
}

// A cause is what changes a conversion: the kind and the note of the entries in
// its account, and the input that brings it about. What moves to another account
// is a reversal here and a commission there.
type cause struct {
	kind        EntryKind
	note, field string
}

// maxEdits is how many entries a conversion can have and still be edited. Taking
// back and giving again what was paid writes one for each availability that there
// is: without a bound, somebody could pile them up.
const maxEdits = 1000

// postChange enters the difference between two states of a conversion in the
// books.
func (o *op) postChange(ctx context.Context, before, after *db.Conversion, by cause) error {
	o.countConversion(before, -1)
	o.countConversion(after, 1)

	entries, err := o.ListEntriesOfConversion(ctx, db.ListEntriesOfConversionParams{ProjectID: o.project, ConversionID: before.ID})
	if err != nil {
		return err
	}
	if len(entries) >= maxEdits && by.kind == EntryCorrection {
		return conflict("", "The conversion has %d ledger entries already and cannot be edited any more", len(entries))
	}
	from, to := bookOf(entries, before), bookOf(entries, after)
	to.note, to.field = by.note, by.field
	moved := from.account != to.account
	if moved || after.Paid != before.Paid {
		here, err := o.inPayout(ctx, from)
		if err != nil {
			return err
		}
		there := false
		if moved { // and back again: what is there may have been paid
			if there, err = o.inPayout(ctx, to); err != nil {
				return err
			}
		}
		switch {
		case moved && (here || there || from.settled() != 0 || before.Refunded != 0):
			return conflict(movedField(before, after), "cannot change any more: part of the conversion is settled, reserved by a payout or refunded")
		case here:
			return conflict("paid", "cannot be changed by hand: a payout has settled or reserves the conversion")
		}
	}
	if moved {
		from.moveTo(0, EntryReversal, o.now)
		to.moveTo(target(after), EntryCommission, o.now)
	} else {
		to.moveTo(target(after), by.kind, o.now)
	}
	if after.Paid != before.Paid {
		if after.Paid == 1 {
			to.settle()
		} else {
			to.unsettle()
		}
	}
	left, reached := from.posting(), to.posting()
	left.count(before, -1)
	reached.count(after, 1)
	if !moved {
		reached.signups += left.signups
		reached.purchases += left.purchases
		return o.post(ctx, reached)
	}
	if err := o.post(ctx, left); err != nil {
		return err
	}
	return o.post(ctx, reached)
}

// inPayout tells whether a payout reserves or has settled something of a
// conversion in the account of a book.
func (o *op) inPayout(ctx context.Context, b *book) (bool, error) {
	found, err := o.IsInPayout(ctx, db.IsInPayoutParams{
		ProjectID: o.project, ConversionID: b.conversion, AffiliateID: b.affiliate, Currency: b.currency,
	})
	return found == 1, err
}

// movedField names what moves a conversion to another account.
func movedField(before, after *db.Conversion) string {
	if before.Currency != after.Currency {
		return "base_value_currency"
	}
	return "affiliate_id"
}
