package refgrow

import (
	"context"
	"iter"
	"math"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

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
	if params.Reference != nil {
		return p.listReferenced(ctx, at, &f, *params.Reference, now)
	}
	rows, err := read(ctx, p, "listing conversions", func(
		ctx context.Context, q db.Querier,
	) ([]db.ListConversionsRow, error) {
		beyond, err := at.isBeyond(ctx, q, p.id, params.countIn)
		switch {
		case beyond || err != nil:
			return nil, err
		case f.referral != 0:
			rows, err := q.ListConversionsOfReferral(ctx, db.ListConversionsOfReferralParams{
				ProjectID: p.id, ReferralID: f.referral, AffiliateFrom: f.affiliateFrom, AffiliateTo: f.affiliateTo,
				BeforeTime: at.from.time, BeforeID: at.from.id, FromTime: f.FromTime,
				SignupFrom: f.SignupFrom, SignupTo: f.SignupTo, PaidFrom: f.PaidFrom, PaidTo: f.PaidTo,
				Limit: at.fetch(), Offset: at.offset,
			})
			return convert(rows, func(r db.ListConversionsOfReferralRow) db.ListConversionsRow {
				return db.ListConversionsRow(r)
			}), err
		case f.affiliate != 0:
			rows, err := q.ListConversionsOfAffiliate(ctx, db.ListConversionsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: f.affiliate,
				BeforeTime: at.from.time, BeforeID: at.from.id, FromTime: f.FromTime,
				SignupFrom: f.SignupFrom, SignupTo: f.SignupTo, PaidFrom: f.PaidFrom, PaidTo: f.PaidTo,
				Limit: at.fetch(), Offset: at.offset,
			})
			return convert(rows, func(r db.ListConversionsOfAffiliateRow) db.ListConversionsRow {
				return db.ListConversionsRow(r)
			}), err
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
	return cut(at, rows, func(r *db.ListConversionsRow) (int64, int64) { return r.CreatedAt, r.ID },
		func(c *Conversion, r *db.ListConversionsRow) error {
			row := listedConversion(r)
			c.row = r
			return c.read(&row, now)
		})
}

// listReferenced is the page of a list by a reference: one conversion, at most.
func (p *Project) listReferenced(
	ctx context.Context, at paging, f *conversionFilter, reference string, now int64,
) (Page[Conversion], error) {
	created := func(r *db.Conversion) (int64, int64) { return r.CreatedAt, r.ID }
	rows, err := read(ctx, p, "listing conversions", func(ctx context.Context, q db.Querier) ([]db.Conversion, error) {
		rows, err := p.conversionOfReference(ctx, q, reference, f)
		return within(at, rows, created), err
	})
	if err != nil {
		return Page[Conversion]{}, err
	}
	return cut(at, rows, created,
		shown(func(r *db.Conversion) (*Conversion, error) { return storedConversion(r, now) }))
}

// listedConversion is a conversion of a list, which has all but what its price was made
// of: that is for explanations alone.
func listedConversion(r *db.ListConversionsRow) db.Conversion {
	return db.Conversion{
		ID: r.ID, ProjectID: r.ProjectID, Type: r.Type, AffiliateID: r.AffiliateID, ReferralID: r.ReferralID,
		Currency: r.Currency, CurrencyGiven: r.CurrencyGiven, Value: r.Value, BaseValue: r.BaseValue,
		Refunded: r.Refunded, Paid: r.Paid, Reference: r.Reference, CouponCode: r.CouponCode,
		ReferralCode: r.ReferralCode, Product: r.Product, URL: r.URL, Reason: r.Reason, Candidates: r.Candidates,
		CommissionReason: r.CommissionReason, RuleID: r.RuleID, RuleVersion: r.RuleVersion,
		CreatedAt: r.CreatedAt, AvailableAt: r.AvailableAt, Notes: r.Notes, Reversed: r.Reversed,
	}
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
