package refgrow

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
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

// A ConversionStatus sums a conversion up: the first that holds, in the order of
// the constants.
type ConversionStatus string

const (
	// ConversionUnattributed: nobody is credited.
	ConversionUnattributed ConversionStatus = "unattributed"
	// ConversionRefunded: the whole base value was given back.
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
	Paid     bool
	// Status is as of the call that gave the conversion.
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

	row *db.Conversion
}

// Decision tells why the conversion is credited to whom it is, or to nobody,
// and where its value comes from.
func (c *Conversion) Decision() (Decision, error) {
	if c.row == nil { // not one that a method gave
		return Decision{}, nil
	}
	d, err := decisionOf(c.row)
	return d, failed("reading a decision", err)
}

// ListConversionsParams narrow and page the list of conversions.
type ListConversionsParams struct {
	// Type is "" for both, AffiliateID and ReferredUserID are 0 for all.
	Type           ConversionType
	AffiliateID    int64
	ReferredUserID int64
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
	row, err := read(p, "finding a conversion", func(q db.Querier) (db.Conversion, error) {
		row, err := q.GetConversion(ctx, db.GetConversionParams{ProjectID: p.id, ConversionID: id})
		return row, missing(err, "Conversion")
	})
	if err != nil {
		return nil, err
	}
	return storedConversion(&row, now)
}

// DeleteConversion removes a conversion for good and frees its reference. What
// it earned is reversed in the ledger, where its entries stay. Errors:
// ErrNotFound.
func (p *Project) DeleteConversion(ctx context.Context, id int64) error {
	return p.write(ctx, "deleting a conversion", func(ctx context.Context, o *op) error {
		row, err := o.conversion(ctx, id)
		if err != nil {
			return err
		}
		entries, err := o.ListEntriesOfConversion(ctx, db.ListEntriesOfConversionParams{ProjectID: o.project, ConversionID: id})
		if err != nil {
			return err
		}
		b := bookOf(entries, row)
		b.moveTo(0, EntryReversal, o.now)
		p := b.posting()
		p.count(row, -1)
		if err := o.post(ctx, p); err != nil {
			return err
		}
		o.countConversion(row, -1)
		if err := o.Tx.DeleteConversion(ctx, db.DeleteConversionParams{ProjectID: o.project, ConversionID: id}); err != nil {
			return err
		}
		return o.emitConversion(ctx, conversionGone, row)
	})
}

// conversion reads one that may be changed: not one that goes with an affiliate
// that is being deleted.
func (o *op) conversion(ctx context.Context, id int64) (*db.Conversion, error) {
	row, err := o.GetConversion(ctx, db.GetConversionParams{ProjectID: o.project, ConversionID: id})
	if err == nil && row.AffiliateID != nil {
		_, err = o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: *row.AffiliateID})
	}
	if err == nil {
		_, err = storedCurrency(row.Currency)
	}
	return &row, missing(err, "Conversion")
}

// countConversion counts one in the totals and on its day.
func (o *op) countConversion(c *db.Conversion, by int64) {
	o.countType(ConversionType(c.Type), c.Paid == 1, by)
	day := db.AddToProjectDayParams{ProjectID: o.project, Day: dayOf(c.CreatedAt), Currency: c.Currency}
	switch ConversionType(c.Type) {
	case Signup:
		day.Signups = by
	case Purchase:
		day.Purchases = by
	}
	o.AddProjectDay(day)
}

// countType counts a conversion in the totals alone.
func (o *op) countType(kind ConversionType, paid bool, by int64) {
	delta := db.AddTotalsParams{ProjectID: o.project}
	switch kind {
	case Signup:
		if paid {
			delta.SignupsPaid = by
		} else {
			delta.SignupsUnpaid = by
		}
	case Purchase:
		if paid {
			delta.PurchasesPaid = by
		} else {
			delta.PurchasesUnpaid = by
		}
	}
	o.Add(delta)
}

// ListConversions gives a page of conversions, newest first. Errors: ErrInvalid.
func (p *Project) ListConversions(ctx context.Context, params ListConversionsParams) (Page[Conversion], error) {
	var page Page[Conversion]
	f, err := params.filter()
	if err != nil {
		return page, err
	}
	at, err := pageOf("conversions", params.Limit, 50, params.After, params.Offset, p.id, f)
	if err != nil {
		return page, err
	}
	// To and the cursor bound the list from the same side: the earlier one holds.
	if f.ToTime != math.MaxInt64 && f.ToTime <= at.from.time {
		at.from.time, at.from.id = f.ToTime, math.MinInt64
	}
	now := p.engine.millis()
	rows, err := read(p, "listing conversions", func(q db.Querier) ([]db.Conversion, error) {
		switch {
		case f.referral != 0:
			return q.ListConversionsOfReferral(ctx, db.ListConversionsOfReferralParams{
				ProjectID: p.id, ReferralID: f.referral, AffiliateFrom: f.affiliateFrom, AffiliateTo: f.affiliateTo,
				BeforeTime: at.from.time, BeforeID: at.from.id, FromTime: f.FromTime, TypeFrom: f.TypeFrom, TypeTo: f.TypeTo,
				PaidFrom: f.PaidFrom, PaidTo: f.PaidTo, Limit: at.fetch(), Offset: at.offset,
			})
		case f.affiliate != 0:
			return q.ListConversionsOfAffiliate(ctx, db.ListConversionsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: f.affiliate,
				BeforeTime: at.from.time, BeforeID: at.from.id, FromTime: f.FromTime, TypeFrom: f.TypeFrom, TypeTo: f.TypeTo,
				PaidFrom: f.PaidFrom, PaidTo: f.PaidTo, Limit: at.fetch(), Offset: at.offset,
			})
		}
		return q.ListConversions(ctx, db.ListConversionsParams{
			ProjectID: p.id, BeforeTime: at.from.time, BeforeID: at.from.id, FromTime: f.FromTime, TypeFrom: f.TypeFrom, TypeTo: f.TypeTo,
			PaidFrom: f.PaidFrom, PaidTo: f.PaidTo, Limit: at.fetch(), Offset: at.offset,
		})
	})
	if err != nil {
		return page, err
	}
	return cut(at, rows, func(r *db.Conversion) (int64, int64) { return r.CreatedAt, r.ID },
		func(r *db.Conversion) (*Conversion, error) { return storedConversion(r, now) })
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
		return f, positive("affiliate_id", params.AffiliateID)
	}
	if params.ReferredUserID < 0 {
		return f, positive("referred_user_id", params.ReferredUserID)
	}
	if params.Type != "" {
		if err := params.Type.check(); err != nil {
			return f, err
		}
	}
	if params.AffiliateID != 0 {
		f.affiliateFrom, f.affiliateTo = params.AffiliateID, params.AffiliateID
	}
	f.TypeFrom, f.TypeTo = textRange(string(params.Type))
	if params.Paid != nil {
		f.PaidFrom, f.PaidTo = flag(*params.Paid), flag(*params.Paid)
	}
	if !params.From.IsZero() {
		f.FromTime = ceilMillis(params.From)
	}
	if !params.To.IsZero() {
		f.ToTime = ceilMillis(params.To)
	}
	if f.FromTime > f.ToTime || !params.From.IsZero() && !params.To.IsZero() && params.From.After(params.To) {
		return f, invalid("from", "must not be after to")
	}
	f.all = f.affiliate == 0 && f.referral == 0 && params.From.IsZero() && params.To.IsZero()
	return f, nil
}

// ceilMillis is the first millisecond that is not before t: a bound between two
// milliseconds takes the later one, whichever side it is on.
func ceilMillis(t time.Time) int64 {
	millis := millisOf(t)
	if instant(millis).Before(t) {
		millis++
	}
	return millis
}

// CountConversions counts all pages of a list.
func (p *Project) CountConversions(ctx context.Context, params ListConversionsParams) (int64, error) {
	f, err := params.filter()
	if err != nil {
		return 0, err
	}
	f.ProjectID = p.id
	return read(p, "counting conversions", func(q db.Querier) (int64, error) {
		switch c := f.CountConversionsParams; {
		case f.referral != 0:
			return q.CountConversionsOfReferral(ctx, db.CountConversionsOfReferralParams{
				ProjectID: p.id, ReferralID: f.referral, AffiliateFrom: f.affiliateFrom, AffiliateTo: f.affiliateTo,
				FromTime: c.FromTime, ToTime: c.ToTime, TypeFrom: c.TypeFrom, TypeTo: c.TypeTo, PaidFrom: c.PaidFrom, PaidTo: c.PaidTo,
			})
		case f.affiliate != 0:
			return q.CountConversionsOfAffiliate(ctx, db.CountConversionsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: f.affiliate,
				FromTime: c.FromTime, ToTime: c.ToTime, TypeFrom: c.TypeFrom, TypeTo: c.TypeTo, PaidFrom: c.PaidFrom, PaidTo: c.PaidTo,
			})
		case !f.all:
			return q.CountConversions(ctx, c)
		}
		totals, err := q.GetProjectTotals(ctx, p.id)
		var n int64
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
		return n, err
	})
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
	if _, err := storedCurrency(r.Currency); err != nil {
		return nil, fmt.Errorf("conversion %d: %w", r.ID, err)
	}
	return showConversion(r, now), nil
}

// showConversion shows a row whose currency is one.
func showConversion(r *db.Conversion, now int64) *Conversion {
	currency := money.Currency(r.Currency)
	c := &Conversion{
		ID: r.ID, ProjectID: r.ProjectID, Type: ConversionType(r.Type),
		AffiliateID: orZero(r.AffiliateID), ReferredUserID: orZero(r.ReferralID),
		Value: money.New(r.Value, currency), Refunded: money.New(r.Refunded, currency),
		Paid: r.Paid == 1, Status: statusOf(r, now),
		Reference: orZero(r.Reference), CouponCode: orZero(r.CouponCode), ReferralCode: orZero(r.ReferralCode),
		Product: orZero(r.Product), URL: orZero(r.URL),
		CreatedAt: instant(r.CreatedAt), AvailableAt: instant(r.AvailableAt), row: r,
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
	case r.Refunded > 0 && r.BaseValue != nil && r.Refunded >= *r.BaseValue:
		return ConversionRefunded
	case r.Paid == 1:
		return ConversionPaid
	case r.AvailableAt > now:
		return ConversionHeld
	}
	return ConversionEligible
}
