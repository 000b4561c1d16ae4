package refgrow

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"
	"unicode/utf8"

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

// RecordConversionParams describe what happened. What merely decorates or credits a
// sale never costs it: see RecordConversion.
type RecordConversionParams struct {
	Type ConversionType
	// Customer may be left out.
	Customer Customer
	// AffiliateID gives the credit to an affiliate, even to an inactive one. 0
	// leaves it to the customer's own affiliate, the coupon and the referral code,
	// in this order.
	AffiliateID int64
	CouponCode  string
	// ReferralCode is the code or slug that the customer came through. A browser may
	// have come through several: then these, the newest first, with dots between
	// them, as in the cookie tracking.SeenCookieName. The project's Touch says whether
	// the newest or the oldest counts; those that lead to no active affiliate are
	// skipped. Only the first 6 are looked at.
	ReferralCode string
	// BaseValue is the sale; required for purchases.
	BaseValue money.Amount
	// Value is the commission; it wins over the rule. If it is not set, the rule
	// computes it.
	Value money.Amount
	// BaseNumber and ValueNumber are for callers that have bare numbers. They are in
	// Currency, or in the project's currency if Currency is empty.
	BaseNumber, ValueNumber *money.Decimal
	// Currency may name the currency where there is no BaseValue. Defaults to
	// that of BaseValue, then of Value, then the project's.
	Currency money.Currency
	// Paid records a commission that was already paid out.
	Paid bool
	// Reference is the app's own name for the event, such as an order's or an
	// invoice's id: a second conversion with it is refused with ErrExists.
	Reference string
	Product   string
	URL       string
	// OccurredAt is for late events and imports: the hold counts from there. It
	// must not be in the future. Defaults to now. Where commissions are for first
	// purchases, import the oldest first: an earlier purchase that is recorded later
	// is a first purchase too.
	OccurredAt time.Time
	// LeftOut are the fields of a call, by their names in the REST API, that the caller
	// could make no sense of at all and did not pass on. Only fields that a sale is
	// recorded without can be: referral_code, coupon_code_used, email, external_id,
	// product and url. The decision notes them, as NoteLeftOut.
	LeftOut []string
	// Imported is set for what is taken over from elsewhere: no event is written.
	Imported bool

	userAgent string             // the customer's browser, where it is known
	couponCut bool               // CouponCode was longer
	codes     string             // ReferralCode, without its bound if it is several
	notes     []attribution.Note // what was left out or cut
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
	if err := cmp.Or(at("base_value", form.Amount(params.BaseValue)), at("value", form.Amount(params.Value))); err != nil {
		return err
	}
	if params.Currency != "" {
		currency, err := money.ParseCurrency(string(params.Currency))
		if err != nil {
			return at("base_value_currency", err)
		}
		params.Currency = currency
		if err := params.numbersIn(currency); err != nil {
			return err
		}
	}
	if params.Customer.ID < 0 {
		return at("referred_user_id", form.ID(params.Customer.ID))
	}
	if params.AffiliateID < 0 {
		return at("affiliate_id", form.ID(params.AffiliateID))
	}
	if !params.OccurredAt.IsZero() && params.OccurredAt.Before(time.Unix(0, 0)) {
		return invalid("occurred_at", "must not be before 1970")
	}
	if reference := form.Trim(params.Reference); reference != "" {
		params.Reference = reference
	}
	if err := at("reference", form.Text(params.Reference, form.MaxText)); err != nil {
		return err
	}
	return params.tidy()
}

// numbersIn turns the numbers into amounts.
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
			return at(given.field, err)
		}
		if err := at(given.field, form.Amount(a)); err != nil {
			return err
		}
		*given.number, *given.to = nil, a
	}
	return nil
}

// RecordConversion records a signup or a purchase: it finds or creates the
// customer, decides who gets the credit, prices the commission, and enters it in
// the ledger, all in one transaction. An event that cannot be attributed is
// recorded all the same, credited to nobody, with the reason.
//
// What has to be right is refused if it is wrong: the type, amounts, the currency, the
// reference, ids and times. Everything else is taken as far as it makes sense. Blanks
// around texts are trimmed, control characters left out. An email that is no address is
// left out, and so is an external id of more than 255 characters. A code that cannot
// exist leads to nobody; of more than 255 characters, and of a product of more than
// 255, which then matches no rule, the beginning is recorded. Of a URL, which is what
// the app says and not what a visitor's browser does, only a user and a password are
// left out; it is cut at 2,048 bytes. The decision notes what was left out or cut.
//
// A customer signs up once. A further signup of a customer who has one makes none: it
// returns the first one, as Repeated. What it says is noted at the first one's
// decision, and names that the customer lacked are kept. If the first one is credited
// to nobody and this call leads to an affiliate, the first one is moved there, as
// UpdateConversion would, unless it was moved to nobody.
//
// Errors: ErrInvalid, ErrNotFound for an unknown affiliate or customer id, ErrExists
// when the reference is taken, ErrConflict for an affiliate id of one who was erased.
func (p *Project) RecordConversion(ctx context.Context, params RecordConversionParams) (*Conversion, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	work := backend.Work{WritesLast: true}
	return change(ctx, p, "recording a conversion", work, func(ctx context.Context, o *op) (*Conversion, error) {
		row, err := o.recordConversion(ctx, params)
		if err != nil {
			return nil, err
		}
		return row, nil
	})
}

// recordConversion reads and decides everything before its first write.
func (o *op) recordConversion(ctx context.Context, params RecordConversionParams) (*Conversion, error) {
	if err := params.numbersIn(o.state.settings.Currency); err != nil {
		return nil, err
	}
	row, err := o.draft(params)
	if err != nil {
		return nil, err
	}
	who, err := o.findCustomer(ctx, params.Customer)
	if err != nil {
		return nil, err
	}
	claim, err := o.claimOf(ctx, who.email, who.customer, row.CreatedAt)
	if err != nil {
		return nil, err
	}
	decision, affiliate, err := o.attribute(ctx, attribution.Evidence{
		AffiliateID: params.AffiliateID, Customer: who.customer, Email: params.Customer.Email,
		CouponCode: params.CouponCode, CouponCut: params.couponCut, ReferralCode: params.codes, Claim: claim,
	})
	if err != nil {
		return nil, err
	}
	if params.AffiliateID != 0 && affiliate != nil { // who is the one that the call names
		if err := canBeNamed(affiliate); err != nil {
			return nil, err
		}
	}
	decision.Notes = append(params.notes, who.notes...)
	if params.Type == Signup && who.customer != nil {
		first, err := o.firstSignup(ctx, who.customer.ID)
		if err != nil {
			return nil, err
		}
		if first != nil {
			return o.repeatSignup(ctx, first, repeated{reference: row.Reference, who: who, decision: decision, claim: claim})
		}
	}
	row.AffiliateID, row.Reason = stored.IDOrNull(decision.Chosen), string(decision.Reason)
	if row.Candidates, err = attribution.Text(decision.Candidates); err != nil {
		return nil, err
	}
	if row.Notes, err = attribution.NotesText(decision.Notes); err != nil {
		return nil, err
	}
	if err := o.priceDraft(ctx, row, params, who.customer); err != nil {
		return nil, err
	}
	customer, err := o.keepCustomer(ctx, who, row)
	if err != nil {
		return nil, err
	}
	if customer != nil {
		row.ReferralID = &customer.ID
	}
	if err := o.insertConversion(ctx, row); err != nil {
		return nil, err
	}
	if err := o.keepExternalID(ctx, who, customer); err != nil {
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
	if params.Imported {
		return showConversion(row, o.now), nil
	}
	return showConversion(row, o.now), o.emitRecorded(ctx, row, affiliate, customer, params.userAgent)
}

// draft is the conversion as far as the params alone determine it.
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
		if happened = stored.Millis(params.OccurredAt); happened > o.now {
			return nil, invalid("occurred_at", "must not be in the future")
		}
	}
	currencyGiven := params.BaseValue.IsSet() || params.Currency != "" || currency != o.state.settings.Currency
	row := &db.Conversion{
		ProjectID: o.project, Type: string(params.Type), Currency: string(currency),
		CurrencyGiven: stored.Flag(currencyGiven), Paid: stored.Flag(params.Paid),
		Reference: stored.TextOrNull(params.Reference), CouponCode: stored.TextOrNull(params.CouponCode),
		ReferralCode: stored.TextOrNull(params.ReferralCode),
		Product:      stored.TextOrNull(params.Product), URL: stored.TextOrNull(params.URL),
		CreatedAt: happened, AvailableAt: happened + int64(o.state.settings.HoldDays)*24*time.Hour.Milliseconds(),
	}
	if params.BaseValue.IsSet() {
		row.BaseValue = new(params.BaseValue.Minor())
	}
	return row, nil
}

// priceDraft fills in the commission, and what it was computed from: what the caller
// gave, nothing where nobody is credited, or else what the rule says.
func (o *op) priceDraft(
	ctx context.Context, row *db.Conversion, params RecordConversionParams, customer *db.FindReferralRow,
) error {
	if !params.Value.IsSet() {
		by := pricing.Buyer{Known: params.Customer.named()}
		if customer != nil {
			by.ID = customer.ID
		}
		return o.applyRules(ctx, row, by)
	}
	row.PricedBaseValue, row.PricedCurrency = row.BaseValue, row.Currency
	row.Value, row.CommissionReason = params.Value.Minor(), string(pricing.Given)
	row.PricedValue = row.Value
	return nil
}

// applyRules prices a conversion by the rules of its own time. A product that was cut
// is not the one that its beginning names.
func (o *op) applyRules(ctx context.Context, c *db.Conversion, by pricing.Buyer) (err error) {
	rules := o.state.rules
	if utf8.RuneCountInString(stored.OrZero(c.Product)) == form.MaxText {
		if rules.AnyProduct, err = attribution.Left(c, "product"); err != nil {
			return err
		}
	}
	return rules.Apply(ctx, o, c, by)
}

func referenceTaken(by int64) error {
	return taken(by, "reference", "a conversion with this reference already exists")
}

// conflicting says which conversion has a reference that turned out to be taken.
func (o *op) conflicting(ctx context.Context, reference *string) error {
	other, err := o.GetConversionIDByReference(ctx, db.GetConversionIDByReferenceParams{
		ProjectID: o.project, Reference: stored.OrZero(reference),
	})
	return cmp.Or(err, referenceTaken(other))
}

func (o *op) referenceIsFree(ctx context.Context, reference *string, but int64) error {
	if reference == nil {
		return nil
	}
	other, err := o.GetConversionIDByReference(ctx, db.GetConversionIDByReferenceParams{
		ProjectID: o.project, Reference: *reference,
	})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case other == but:
		return nil
	}
	return referenceTaken(other)
}

func (o *op) insertConversion(ctx context.Context, row *db.Conversion) (err error) {
	row.ID, err = backend.Inserted(o.InsertConversion(ctx, db.InsertConversionParams{
		ProjectID: row.ProjectID, Type: row.Type, AffiliateID: row.AffiliateID, ReferralID: row.ReferralID,
		Currency: row.Currency, CurrencyGiven: row.CurrencyGiven, Value: row.Value, BaseValue: row.BaseValue, Paid: row.Paid,
		Reference: row.Reference, CouponCode: row.CouponCode, ReferralCode: row.ReferralCode,
		Product: row.Product, URL: row.URL,
		Reason: row.Reason, Candidates: row.Candidates, CommissionReason: row.CommissionReason,
		RuleID: row.RuleID, RuleVersion: row.RuleVersion,
		PricedBaseValue: row.PricedBaseValue, PricedCurrency: row.PricedCurrency, PricedValue: row.PricedValue,
		PricedFirstAt: row.PricedFirstAt, PricedBefore: row.PricedBefore,
		CreatedAt: row.CreatedAt, AvailableAt: row.AvailableAt, Notes: row.Notes,
	}))
	if errors.Is(err, sql.ErrNoRows) {
		return o.conflicting(ctx, row.Reference)
	}
	return err
}

// postNew enters a new conversion in the books.
func (o *op) postNew(ctx context.Context, row *db.Conversion) error {
	o.countConversion(row, 1)
	o.stamp() // no entry has an earlier instant than its conversion, even one written later
	if row.AffiliateID == nil {
		return nil
	}
	b := ledger.BookOf(nil, row)
	b.MoveTo(pricing.Due(row), ledger.Commission, o.now)
	if row.Paid == 1 {
		b.Settle()
	}
	p := b.Posting()
	p.Recorded = true
	countPosted(&p, row, 1)
	return o.post(ctx, p)
}

// emitRecorded reports a new conversion, with its affiliate, its customer and the
// browser that the customer used.
func (o *op) emitRecorded(
	ctx context.Context, c *db.Conversion, a *db.Affiliate, customer *db.FindReferralRow, userAgent string,
) error {
	if !o.state.watched {
		return nil
	}
	change := outbox.Change{
		Kind: outbox.PurchaseRecorded, Lane: outbox.ConversionLane(c.ID), UserAgent: stored.TextOrNull(userAgent),
	}
	if c.Type == string(Signup) {
		change.Kind = outbox.SignupRecorded
	}
	if a != nil {
		change.About(a)
	}
	if customer != nil {
		change.ReferralID, change.ReferralEmail = &customer.ID, customer.Email
	}
	change.Data = showConversion(c, o.now).AppendJSON(make([]byte, 0, 512))
	_, err := o.writeEvent(ctx, change)
	return err
}
