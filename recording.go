package refgrow

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/money"
)

// RecordConversionParams describe what happened.
type RecordConversionParams struct {
	Type ConversionType
	// Customer may be left out.
	Customer Customer
	// AffiliateID gives the credit to an affiliate, even to an inactive one. 0
	// leaves it to the customer's own affiliate, the coupon and the referral code,
	// in this order.
	AffiliateID  int64
	CouponCode   string
	ReferralCode string
	// BaseValue is the sale; required for purchases.
	BaseValue money.Amount
	// Value is the commission; it wins over the rule. Not set, the rule computes it.
	Value money.Amount
	// BaseNumber and ValueNumber are for who has BaseValue and Value as numbers
	// alone: they are in Currency, or without one in the project's. Nil otherwise.
	BaseNumber, ValueNumber *money.Decimal
	// Currency may name the currency where there is no BaseValue. Defaults to
	// that of BaseValue, then of Value, then the project's.
	Currency money.Currency
	// Paid records a commission that was paid out already.
	Paid bool
	// Reference is the app's own name for the event, such as an order's or an
	// invoice's id: a second conversion with it is refused with ErrConflict.
	Reference string
	Product   string
	URL       string
	// OccurredAt is for late events and imports: the hold counts from there. It
	// must not be in the future. Defaults to now. Where commissions are for first
	// purchases, import the oldest first: one that comes later and was earlier is a
	// first purchase too.
	OccurredAt time.Time

	userAgent string // the customer's browser, where it is known
}

func (params *RecordConversionParams) check() error {
	if err := params.Type.check(); err != nil {
		return err
	}
	switch {
	case params.BaseNumber != nil && params.BaseValue.IsSet():
		return invalid("base_value", "is given twice, as BaseValue and as BaseNumber")
	case params.ValueNumber != nil && params.Value.IsSet():
		return invalid("value", "is given twice, as Value and as ValueNumber")
	case params.Type == Purchase && !params.BaseValue.IsSet() && params.BaseNumber == nil:
		return invalid("base_value", "is required for purchases")
	}
	if err := cmp.Or(amount("base_value", params.BaseValue), amount("value", params.Value)); err != nil {
		return err
	}
	if params.Currency != "" {
		currency, err := money.ParseCurrency(string(params.Currency))
		if err != nil {
			return invalid("base_value_currency", "%v", err)
		}
		params.Currency = currency
		if err := params.numbersIn(currency); err != nil {
			return err
		}
	}
	if params.Customer.Email != "" {
		email, err := address("email", params.Customer.Email)
		if err != nil {
			return err
		}
		params.Customer.Email = email
	}
	if params.Customer.ID < 0 {
		return positive("referred_user_id", params.Customer.ID)
	}
	if params.AffiliateID < 0 {
		return positive("affiliate_id", params.AffiliateID)
	}
	if !params.OccurredAt.IsZero() && params.OccurredAt.Before(time.Unix(0, 0)) {
		return invalid("occurred_at", "must not be before 1970")
	}
	return cmp.Or(
		optionalText("external_id", params.Customer.ExternalID, maxText),
		optionalText("coupon_code_used", params.CouponCode, maxText),
		optionalText("referral_code", params.ReferralCode, maxText),
		optionalText("reference", params.Reference, maxText),
		optionalText("product", params.Product, maxText),
		optionalText("url", params.URL, maxURL),
	)
}

// numbersIn makes amounts of the numbers.
func (params *RecordConversionParams) numbersIn(c money.Currency) error {
	for _, given := range []struct {
		field  string
		number **money.Decimal
		to     *money.Amount
	}{{"base_value", &params.BaseNumber, &params.BaseValue}, {"value", &params.ValueNumber, &params.Value}} {
		if *given.number == nil {
			continue
		}
		a, err := (*given.number).In(c)
		if err != nil {
			return invalid(given.field, "%v", err)
		}
		if err := amount(given.field, a); err != nil {
			return err
		}
		*given.number, *given.to = nil, a
	}
	return nil
}

// RecordConversion records a signup or a purchase: it finds or creates the
// customer, decides who gets the credit, prices the commission, and enters it in
// the ledger, all in one transaction. An event that cannot be attributed is
// recorded all the same, credited to nobody, with the reason. Errors:
// ErrInvalid, ErrNotFound for an unknown affiliate or customer id, ErrConflict
// when the reference is taken.
func (p *Project) RecordConversion(ctx context.Context, params RecordConversionParams) (*Conversion, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	return change(ctx, p, "recording a conversion", backend.Work{WritesLast: true}, func(ctx context.Context, o *op) (*Conversion, error) {
		row, err := o.recordConversion(ctx, params)
		if err != nil {
			return nil, err
		}
		return showConversion(row, o.now), nil
	})
}

// recordConversion reads and decides everything before its first write.
func (o *op) recordConversion(ctx context.Context, params RecordConversionParams) (*db.Conversion, error) {
	if err := params.numbersIn(o.state.settings.Currency); err != nil {
		return nil, err
	}
	row, err := o.draft(params)
	if err != nil {
		return nil, err
	}
	customer, err := o.findCustomer(ctx, params.Customer)
	if err != nil {
		return nil, err
	}
	claim, err := o.claimOf(ctx, params.Customer.Email, customer, row.CreatedAt)
	if err != nil {
		return nil, err
	}
	decision, affiliate, err := o.attribute(ctx, evidence{
		affiliateID: params.AffiliateID, customer: customer, email: cmp.Or(customerEmail(customer), params.Customer.Email),
		couponCode: params.CouponCode, referralCode: params.ReferralCode, claim: claim,
	})
	if err != nil {
		return nil, err
	}
	row.AffiliateID, row.Reason = idOrNull(decision.Chosen), string(decision.Reason)
	if row.Candidates, err = candidatesText(decision.Candidates); err != nil {
		return nil, err
	}
	if err := o.priceDraft(ctx, row, params, customer); err != nil {
		return nil, err
	}
	if customer, err = o.keepCustomer(ctx, customer, params, row); err != nil {
		return nil, err
	}
	if customer != nil {
		row.ReferralID = &customer.ID
	}
	if err := o.insertConversion(ctx, row); err != nil {
		return nil, err
	}
	if claim != nil {
		if err := o.dropClaim(ctx, claim.Email); err != nil {
			return nil, err
		}
	}
	if err := o.postNew(ctx, row); err != nil {
		return nil, err
	}
	return row, o.emitRecorded(ctx, row, affiliate, customer, params.userAgent)
}

// draft is the conversion as far as the params alone say.
func (o *op) draft(params RecordConversionParams) (*db.Conversion, error) {
	currency := cmp.Or(params.BaseValue.Currency(), params.Currency, params.Value.Currency(), o.state.settings.Currency)
	for _, other := range []struct {
		field    string
		currency money.Currency
	}{{"base_value_currency", params.Currency}, {"value", params.Value.Currency()}} {
		if other.currency != "" && other.currency != currency {
			return nil, invalid(other.field, "is in %s, but the conversion is in %s", other.currency, currency)
		}
	}
	happened := o.now
	if !params.OccurredAt.IsZero() {
		if happened = millisOf(params.OccurredAt); happened > o.now {
			return nil, invalid("occurred_at", "must not be in the future")
		}
	}
	row := &db.Conversion{
		ProjectID: o.project, Type: string(params.Type), Currency: string(currency),
		CurrencyGiven: flag(params.BaseValue.IsSet() || params.Currency != "" || currency != o.state.settings.Currency),
		Paid:          flag(params.Paid), Reference: textOrNull(params.Reference), CouponCode: textOrNull(params.CouponCode),
		ReferralCode: textOrNull(params.ReferralCode), Product: textOrNull(params.Product), URL: textOrNull(params.URL),
		CreatedAt: happened, AvailableAt: happened + int64(o.state.settings.HoldDays)*24*time.Hour.Milliseconds(),
	}
	if params.BaseValue.IsSet() {
		row.BaseValue = new(params.BaseValue.Minor())
	}
	return row, nil
}

// priceDraft fills in the commission, and what it was made of: what the caller
// gave, nothing where nobody is credited, or else what the rule says.
func (o *op) priceDraft(ctx context.Context, row *db.Conversion, params RecordConversionParams, customer *db.FindReferralRow) error {
	var p priced
	row.PricedBaseValue, row.PricedCurrency = row.BaseValue, row.Currency
	switch {
	case params.Value.IsSet():
		p = priced{params.Value.Minor(), CommissionGiven}
	case row.AffiliateID == nil:
		p.reason = CommissionUnattributed
	default:
		rule, err := o.ruleFor(ctx, row)
		if err != nil {
			return err
		}
		if params.Customer.named() {
			if err := o.history(ctx, rule, customer, row); err != nil {
				return err
			}
		}
		if p, err = price(rule, inputsOf(row)); err != nil {
			return err
		}
		row.RuleID, row.RuleVersion = &rule.ID, &rule.Version
	}
	row.Value, row.PricedValue, row.CommissionReason = p.value, p.value, string(p.reason)
	return nil
}

func referenceTaken() error {
	return conflict("reference", "a conversion with this reference exists already")
}

func (o *op) referenceIsFree(ctx context.Context, reference *string, but int64) error {
	if reference == nil {
		return nil
	}
	other, err := o.GetConversionIDByReference(ctx, db.GetConversionIDByReferenceParams{ProjectID: o.project, Reference: *reference})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case other == but:
		return nil
	}
	return referenceTaken()
}

func (o *op) insertConversion(ctx context.Context, row *db.Conversion) (err error) {
	row.ID, err = backend.Inserted(o.InsertConversion(ctx, db.InsertConversionParams{
		ProjectID: row.ProjectID, Type: row.Type, AffiliateID: row.AffiliateID, ReferralID: row.ReferralID,
		Currency: row.Currency, CurrencyGiven: row.CurrencyGiven, Value: row.Value, BaseValue: row.BaseValue, Paid: row.Paid,
		Reference: row.Reference, CouponCode: row.CouponCode, ReferralCode: row.ReferralCode, Product: row.Product, URL: row.URL,
		Reason: row.Reason, Candidates: row.Candidates, CommissionReason: row.CommissionReason, RuleID: row.RuleID,
		RuleVersion: row.RuleVersion, PricedBaseValue: row.PricedBaseValue, PricedCurrency: row.PricedCurrency, PricedValue: row.PricedValue,
		PricedFirstAt: row.PricedFirstAt, PricedBefore: row.PricedBefore,
		CreatedAt: row.CreatedAt, AvailableAt: row.AvailableAt,
	}))
	if errors.Is(err, sql.ErrNoRows) {
		return referenceTaken()
	}
	return err
}

// postNew enters a new conversion in the books.
func (o *op) postNew(ctx context.Context, row *db.Conversion) error {
	o.countConversion(row, 1)
	o.stamp() // no entry has an earlier instant than its conversion, even if there is one only later
	if row.AffiliateID == nil {
		return nil
	}
	b := bookOf(nil, row)
	b.moveTo(target(row), EntryCommission, o.now)
	if row.Paid == 1 {
		b.settle()
	}
	p := b.posting()
	p.count(row, 1)
	return o.post(ctx, p)
}
