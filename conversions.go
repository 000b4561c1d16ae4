package refgrow

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/ledger"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
	"github.com/refgrow-go/refgrow/money"
)

// A ConversionType says what a customer did.
type ConversionType string

// The types of conversions.
const (
	Signup   ConversionType = "signup"
	Purchase ConversionType = "purchase"
)

func (t ConversionType) check() error {
	switch t {
	case Signup, Purchase:
		return nil
	}
	return invalid("type", `must be "signup" or "purchase"`)
}

// A ConversionStatus sums up a conversion: the first that applies, in the order of
// the constants.
type ConversionStatus string

const (
	// ConversionUnattributed: nobody is credited.
	ConversionUnattributed ConversionStatus = "unattributed"
	// ConversionRefunded: the whole base value was given back, or a free sale or a
	// signup was taken back.
	ConversionRefunded ConversionStatus = "refunded"
	// ConversionPaid: the commission was paid out.
	ConversionPaid ConversionStatus = "paid"
	// ConversionHeld: the commission waits for its hold to pass.
	ConversionHeld ConversionStatus = "held"
	// ConversionEligible: the commission can be paid out.
	ConversionEligible ConversionStatus = "eligible"
)

// A Conversion is a signup or a purchase, with the commission it earned.
type Conversion struct {
	ID        int64
	ProjectID int64
	Type      ConversionType
	// AffiliateID is who is credited, ReferredUserID the customer; 0 for nobody.
	AffiliateID    int64
	ReferredUserID int64
	// Value is the commission and BaseValue the sale, both gross of refunds and in
	// the same currency. BaseValue is not set when there is none, as with most
	// signups.
	Value     money.Amount
	BaseValue money.Amount
	// BaseCurrency is the currency that the caller named, "" for none: then Value
	// is in the project's currency.
	BaseCurrency money.Currency
	// Refunded is how much of the base value was given back.
	Refunded money.Amount
	// Capped and Unchanged say what a refund came to, in the answer to it alone: that
	// it was more than was left, so that the rest was taken; and that nothing changed,
	// because it was known already.
	Capped, Unchanged bool
	Paid              bool
	// Status is as of the call that returned the conversion.
	Status ConversionStatus
	// Reference is the app's own name for the event, unique in the project; "" for
	// none. The others are as they were sent.
	Reference    string
	CouponCode   string
	ReferralCode string
	Product      string
	URL          string
	// CreatedAt is when it happened. AvailableAt is when its commission passes its
	// hold.
	CreatedAt, AvailableAt time.Time
	// Repeated is set if the call told of a signup that the customer had already, which
	// is this one.
	Repeated bool

	row *db.Conversion
}

// Decision says why the conversion is credited to its affiliate, or to nobody, and
// where its value comes from.
func (c *Conversion) Decision() (Decision, error) {
	if c.row == nil { // not one that a method returned
		return Decision{}, nil
	}
	d, err := showDecision(c.row)
	return d, failed("reading a decision", err)
}

// ListConversionsParams narrow and page the list of conversions.
type ListConversionsParams struct {
	// Type is "" for both, AffiliateID and ReferredUserID are 0 for all.
	Type           ConversionType
	AffiliateID    int64
	ReferredUserID int64
	// Reference is the app's own name for the event. It is nil for all; an empty one
	// finds nothing.
	Reference *string
	// Paid is nil for both.
	Paid *bool
	// From is inclusive and To exclusive; zero for no bound.
	From, To time.Time
	// Limit is 1 to 500; 0 means 50.
	Limit  int
	After  Cursor
	Offset int
}

// GetConversion finds a conversion by its id. Errors: ErrNotFound.
func (p *Project) GetConversion(ctx context.Context, id int64) (*Conversion, error) {
	now := p.engine.millis()
	row, err := read(ctx, p, "finding a conversion", func(ctx context.Context, q db.Querier) (db.Conversion, error) {
		row, err := q.GetConversion(ctx, db.GetConversionParams{ProjectID: p.id, ConversionID: id})
		return row, missing(err, "Conversion")
	})
	if err != nil {
		return nil, err
	}
	return storedConversion(&row, now)
}

// ConversionByReference finds a conversion by the app's own name for it. Errors:
// ErrNotFound.
func (p *Project) ConversionByReference(ctx context.Context, reference string) (*Conversion, error) {
	now := p.engine.millis()
	row, err := read(ctx, p, "finding a conversion", func(ctx context.Context, q db.Querier) (db.Conversion, error) {
		row, err := q.GetConversionByReference(ctx, db.GetConversionByReferenceParams{
			ProjectID: p.id, Reference: form.Trim(reference),
		})
		return row, missing(err, "Conversion")
	})
	if err != nil {
		return nil, err
	}
	return storedConversion(&row, now)
}

// DeleteConversion permanently removes a conversion and frees its reference. What it
// earned is reversed in the ledger, where its entries stay. Errors: ErrNotFound.
func (p *Project) DeleteConversion(ctx context.Context, id int64) error {
	return p.write(ctx, "deleting a conversion", func(ctx context.Context, o *op) error {
		row, err := o.conversion(ctx, id)
		if err != nil {
			return err
		}
		entries, err := o.ListEntriesOfConversion(ctx, db.ListEntriesOfConversionParams{
			ProjectID: o.project, ConversionID: id,
		})
		if err != nil {
			return err
		}
		b := ledger.BookOf(entries, row)
		b.MoveTo(0, ledger.Reversal, o.now)
		p := b.Posting()
		countPosted(&p, row, -1)
		if err := o.post(ctx, p); err != nil {
			return err
		}
		o.countConversion(row, -1)
		if err := o.DeleteRefunds(ctx, db.DeleteRefundsParams{ProjectID: o.project, ConversionID: id}); err != nil {
			return err
		}
		if err := o.DeleteRefundTotal(ctx, db.DeleteRefundTotalParams{ProjectID: o.project, ConversionID: id}); err != nil {
			return err
		}
		if err := o.Tx.DeleteConversion(ctx, db.DeleteConversionParams{ProjectID: o.project, ConversionID: id}); err != nil {
			return err
		}
		return o.emitGone(ctx, row)
	})
}

// conversion reads one that may be changed: not one that goes with an affiliate that
// is being deleted.
func (o *op) conversion(ctx context.Context, id int64) (*db.Conversion, error) {
	row, err := o.GetConversion(ctx, db.GetConversionParams{ProjectID: o.project, ConversionID: id})
	if err == nil && row.AffiliateID != nil {
		_, err = o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: *row.AffiliateID})
	}
	if err == nil {
		_, err = stored.Currency(row.Currency)
	}
	return &row, missing(err, "Conversion")
}

// countConversion adds by conversions like c to the totals, and to its day.
func (o *op) countConversion(c *db.Conversion, by int64) {
	o.countType(ConversionType(c.Type), c.Paid == 1, by)
	day := db.AddToProjectDayParams{ProjectID: o.project, Day: stored.DayOf(c.CreatedAt), Currency: c.Currency}
	switch ConversionType(c.Type) {
	case Signup:
		day.Signups = by
	case Purchase:
		day.Purchases = by
	}
	o.AddProjectDay(day)
}

// countPosted adds by conversions like c to the counts of a posting.
func countPosted(p *ledger.Posting, c *db.Conversion, by int64) {
	p.Day = stored.DayOf(c.CreatedAt)
	switch ConversionType(c.Type) {
	case Signup:
		p.Signups += by
	case Purchase:
		p.Purchases += by
	}
}

// ListConversions returns a page of conversions, newest first. Errors: ErrInvalid.
func (p *Project) ListConversions(ctx context.Context, params ListConversionsParams) (Page[Conversion], error) {
	var page Page[Conversion]
	f, err := params.filter()
	if err != nil {
		return page, err
	}
	at, err := pageOf("conversions", params.Limit, 50, params.After, params.Offset, p.id, f, named(params.Reference))
	if err != nil {
		return page, err
	}
	// To and the cursor bound the list from the same side: the earlier one holds.
	if f.ToTime != math.MaxInt64 && f.ToTime <= at.from.time {
		at.from.time, at.from.id = f.ToTime, math.MinInt64
	}
	now := p.engine.millis()
	rows, err := read(ctx, p, "listing conversions", func(ctx context.Context, q db.Querier) ([]db.Conversion, error) {
		beyond, err := at.isBeyond(ctx, q, p.id, params.countIn)
		switch {
		case beyond || err != nil:
			return nil, err
		case params.Reference != nil:
			rows, err := p.conversionOfReference(ctx, q, *params.Reference, &f)
			return within(at, rows, func(r *db.Conversion) (int64, int64) { return r.CreatedAt, r.ID }), err
		case f.referral != 0:
			return q.ListConversionsOfReferral(ctx, db.ListConversionsOfReferralParams{
				ProjectID: p.id, ReferralID: f.referral, AffiliateFrom: f.affiliateFrom, AffiliateTo: f.affiliateTo,
				BeforeTime: at.from.time, BeforeID: at.from.id, FromTime: f.FromTime,
				SignupFrom: f.SignupFrom, SignupTo: f.SignupTo, PaidFrom: f.PaidFrom, PaidTo: f.PaidTo,
				Limit: at.fetch(), Offset: at.offset,
			})
		case f.affiliate != 0:
			return q.ListConversionsOfAffiliate(ctx, db.ListConversionsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: f.affiliate,
				BeforeTime: at.from.time, BeforeID: at.from.id, FromTime: f.FromTime,
				SignupFrom: f.SignupFrom, SignupTo: f.SignupTo, PaidFrom: f.PaidFrom, PaidTo: f.PaidTo,
				Limit: at.fetch(), Offset: at.offset,
			})
		}
		return q.ListConversions(ctx, db.ListConversionsParams{
			ProjectID: p.id, BeforeTime: at.from.time, BeforeID: at.from.id, FromTime: f.FromTime,
			SignupFrom: f.SignupFrom, SignupTo: f.SignupTo, PaidFrom: f.PaidFrom, PaidTo: f.PaidTo,
			Limit: at.fetch(), Offset: at.offset,
		})
	})
	if err != nil {
		return page, err
	}
	return cut(at, rows, func(r *db.Conversion) (int64, int64) { return r.CreatedAt, r.ID },
		func(r *db.Conversion) (*Conversion, error) { return storedConversion(r, now) })
}

// conversionOfReference is the one conversion, at most, that a list by a reference has.
func (p *Project) conversionOfReference(
	ctx context.Context, q db.Querier, reference string, f *conversionFilter,
) ([]db.Conversion, error) {
	return atMostOne(func() (db.Conversion, error) {
		return q.GetConversionByReference(ctx, db.GetConversionByReferenceParams{
			ProjectID: p.id, Reference: form.Trim(reference),
		})
	}, f.passes)
}

// passes reports whether a conversion is in the list.
func (f *conversionFilter) passes(r *db.Conversion) bool {
	affiliate, signup := stored.OrZero(r.AffiliateID), stored.Flag(ConversionType(r.Type) == Signup)
	return (f.referral == 0 || f.referral == stored.OrZero(r.ReferralID)) &&
		f.affiliateFrom <= affiliate && affiliate <= f.affiliateTo &&
		f.FromTime <= r.CreatedAt && (r.CreatedAt < f.ToTime || f.ToTime == math.MaxInt64) &&
		f.SignupFrom <= signup && signup <= f.SignupTo && f.PaidFrom <= r.Paid && r.Paid <= f.PaidTo
}

// A conversionFilter is the params of a list as closed ranges.
type conversionFilter struct {
	affiliate, referral        int64
	affiliateFrom, affiliateTo int64
	db.CountConversionsParams
	all bool // nothing but type and paid narrows the list
}

func (params ListConversionsParams) filter() (conversionFilter, error) {
	f := conversionFilter{affiliate: params.AffiliateID, referral: params.ReferredUserID, affiliateTo: math.MaxInt64}
	f.FromTime, f.ToTime, f.PaidTo = math.MinInt64, math.MaxInt64, 1
	if params.AffiliateID < 0 {
		return f, at("affiliate_id", form.ID(params.AffiliateID))
	}
	if params.ReferredUserID < 0 {
		return f, at("referred_user_id", form.ID(params.ReferredUserID))
	}
	if params.Type != "" {
		if err := params.Type.check(); err != nil {
			return f, err
		}
	}
	if params.AffiliateID != 0 {
		f.affiliateFrom, f.affiliateTo = params.AffiliateID, params.AffiliateID
	}
	f.SignupTo = 1
	if params.Type != "" {
		signup := stored.Flag(params.Type == Signup)
		f.SignupFrom, f.SignupTo = signup, signup
	}
	if params.Paid != nil {
		f.PaidFrom, f.PaidTo = stored.Flag(*params.Paid), stored.Flag(*params.Paid)
	}
	if !params.From.IsZero() {
		f.FromTime = stored.CeilMillis(params.From)
	}
	if !params.To.IsZero() {
		f.ToTime = stored.CeilMillis(params.To)
	}
	if f.FromTime > f.ToTime || !params.From.IsZero() && !params.To.IsZero() && params.From.After(params.To) {
		return f, invalid("from", "must not be after to")
	}
	f.all = f.affiliate == 0 && f.referral == 0 && params.From.IsZero() && params.To.IsZero()
	return f, nil
}

// CountConversions counts all pages of a list.
func (p *Project) CountConversions(ctx context.Context, params ListConversionsParams) (int64, error) {
	f, err := params.filter()
	if err != nil {
		return 0, err
	}
	f.ProjectID = p.id
	return read(ctx, p, "counting conversions", func(ctx context.Context, q db.Querier) (int64, error) {
		switch c := f.CountConversionsParams; {
		case params.Reference != nil:
			rows, err := p.conversionOfReference(ctx, q, *params.Reference, &f)
			return int64(len(rows)), err
		case f.referral != 0:
			return q.CountConversionsOfReferral(ctx, db.CountConversionsOfReferralParams{
				ProjectID: p.id, ReferralID: f.referral, AffiliateFrom: f.affiliateFrom, AffiliateTo: f.affiliateTo,
				FromTime: c.FromTime, ToTime: c.ToTime,
				SignupFrom: c.SignupFrom, SignupTo: c.SignupTo, PaidFrom: c.PaidFrom, PaidTo: c.PaidTo,
			})
		case f.affiliate != 0:
			return q.CountConversionsOfAffiliate(ctx, db.CountConversionsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: f.affiliate, FromTime: c.FromTime, ToTime: c.ToTime,
				SignupFrom: c.SignupFrom, SignupTo: c.SignupTo, PaidFrom: c.PaidFrom, PaidTo: c.PaidTo,
			})
		case !f.all:
			return q.CountConversions(ctx, c)
		}
		totals, err := q.GetProjectTotals(ctx, p.id)
		return params.countIn(&totals), err
	})
}

// countIn is how many conversions there are in all of the type, and paid or not, that
// the list has.
func (params ListConversionsParams) countIn(totals *db.ProjectTotals) (n int64) {
	for _, part := range []struct {
		kind  ConversionType
		paid  bool
		count int64
	}{
		{Signup, false, totals.SignupsUnpaid}, {Signup, true, totals.SignupsPaid},
		{Purchase, false, totals.PurchasesUnpaid}, {Purchase, true, totals.PurchasesPaid},
	} {
		if (params.Type == "" || params.Type == part.kind) && (params.Paid == nil || *params.Paid == part.paid) {
			n += part.count
		}
	}
	return n
}

// AllConversions walks the whole list. It fetches page by page and holds no rows
// open.
func (p *Project) AllConversions(ctx context.Context, params ListConversionsParams) iter.Seq2[Conversion, error] {
	return all(func(after Cursor) (Page[Conversion], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return p.ListConversions(ctx, params)
	})
}

// storedConversion shows a row that was read from the database.
func storedConversion(r *db.Conversion, now int64) (*Conversion, error) {
	if _, err := stored.Currency(r.Currency); err != nil {
		return nil, fmt.Errorf("conversion %d: %w", r.ID, err)
	}
	return showConversion(r, now), nil
}

// showConversion shows a row whose currency is known to be valid.
func showConversion(r *db.Conversion, now int64) *Conversion {
	currency := money.Currency(r.Currency)
	c := &Conversion{
		ID: r.ID, ProjectID: r.ProjectID, Type: ConversionType(r.Type),
		AffiliateID: stored.OrZero(r.AffiliateID), ReferredUserID: stored.OrZero(r.ReferralID),
		Value: money.New(r.Value, currency), Refunded: money.New(r.Refunded, currency),
		Paid: r.Paid == 1, Status: statusOf(r, now),
		Reference: stored.OrZero(r.Reference), CouponCode: stored.OrZero(r.CouponCode),
		ReferralCode: stored.OrZero(r.ReferralCode), Product: stored.OrZero(r.Product), URL: stored.OrZero(r.URL),
		CreatedAt: stored.Instant(r.CreatedAt), AvailableAt: stored.Instant(r.AvailableAt), row: r,
	}
	if r.BaseValue != nil {
		c.BaseValue = money.New(*r.BaseValue, currency)
	}
	if r.CurrencyGiven == 1 {
		c.BaseCurrency = currency
	}
	return c
}

func statusOf(r *db.Conversion, now int64) ConversionStatus {
	switch {
	case r.AffiliateID == nil:
		return ConversionUnattributed
	case refundedInFull(r):
		return ConversionRefunded
	case r.Paid == 1:
		return ConversionPaid
	case r.AvailableAt > now:
		return ConversionHeld
	}
	return ConversionEligible
}

// AppendJSON appends the conversion to b in the form of the REST API and the webhooks.
func (c *Conversion) AppendJSON(b []byte) []byte {
	o := wire.Begin(b)
	o.Integer("id", c.ID)
	o.Integer("project_id", c.ProjectID)
	o.Text("type", string(c.Type))
	o.ID("affiliate_id", c.AffiliateID)
	o.ID("referred_user_id", c.ReferredUserID)
	o.Number("value", c.Value)
	o.Number("base_value", c.BaseValue)
	o.Optional("base_value_currency", string(c.BaseCurrency))
	o.Number("refunded_amount", c.Refunded)
	o.Flag("paid", c.Paid)
	o.Text("status", string(c.Status))
	o.Instant("created_at", c.CreatedAt)
	o.Optional("reference", c.Reference)
	o.Optional("coupon_code_used", c.CouponCode)
	o.Optional("referral_code", c.ReferralCode)
	o.Optional("product", c.Product)
	o.Optional("url", c.URL)
	if c.Repeated {
		o.Flag("repeated", true)
	}
	return o.End()
}
