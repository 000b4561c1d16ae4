package refgrow

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"iter"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/erasure"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
)

// A CouponStatus says whether a coupon attributes sales.
type CouponStatus string

// The states of a coupon.
const (
	CouponActive   CouponStatus = "active"
	CouponInactive CouponStatus = "inactive"
)

// A Coupon is a discount code tied to an affiliate: whoever buys with it is attributed
// to that affiliate.
type Coupon struct {
	ID          int64
	ProjectID   int64
	AffiliateID int64
	// Code is shown as given and compared without regard to case.
	Code string
	// StripeCouponID and LemonSqueezyDiscountCode are what payment providers call
	// it; "" for none.
	StripeCouponID           string
	LemonSqueezyDiscountCode string
	Status                   CouponStatus
	CreatedAt                time.Time
	// AffiliateEmail and AffiliateReferralCode are the affiliate's current ones.
	AffiliateEmail        string
	AffiliateReferralCode string
}

// CreateCouponParams describe a new coupon.
type CreateCouponParams struct {
	AffiliateID int64
	// Code is 3 to 64 characters of A-Z, a-z, 0-9, - and _, and unique in the project.
	Code string
	// Blanks around the ids of payment providers are trimmed.
	StripeCouponID           string
	LemonSqueezyDiscountCode string
	// Status defaults to CouponActive.
	Status CouponStatus
}

// UpdateCouponParams change what is not nil, and given.
type UpdateCouponParams struct {
	AffiliateID              *int64
	Code                     *string
	StripeCouponID           Null[string]
	LemonSqueezyDiscountCode Null[string]
	Status                   *CouponStatus
}

// ListCouponsParams narrow and page the list of coupons.
type ListCouponsParams struct {
	// AffiliateID, Status and Code (a part of it) are 0 and "" for all.
	AffiliateID int64
	Status      CouponStatus
	Code        string
	// Limit is 1 to 500; 0 means 50.
	Limit  int
	After  Cursor
	Offset int
}

func (s CouponStatus) check() error {
	switch s {
	case CouponActive, CouponInactive:
		return nil
	}
	return invalid("status", `must be "active" or "inactive"`)
}

// CreateCoupon ties a code to an affiliate. Errors: ErrInvalid, ErrNotFound for
// an unknown affiliate, ErrExists when the code is taken.
func (p *Project) CreateCoupon(ctx context.Context, params CreateCouponParams) (*Coupon, error) {
	if params.Status == "" {
		params.Status = CouponActive
	}
	if err := cmp.Or(
		at("affiliate_id", form.ID(params.AffiliateID)),
		at("coupon_code", form.Code(params.Code)),
		at("stripe_coupon_id", form.Text(params.StripeCouponID, form.MaxText)),
		at("lemonsqueezy_discount_code", form.Text(params.LemonSqueezyDiscountCode, form.MaxText)),
		params.Status.check(),
	); err != nil {
		return nil, err
	}
	return change(ctx, p, "creating a coupon", backend.Work{}, func(ctx context.Context, o *op) (*Coupon, error) {
		affiliate, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: params.AffiliateID})
		if err != nil {
			return nil, missing(err, "Affiliate")
		}
		if err := notErased(&affiliate); err != nil {
			return nil, err
		}
		row := db.GetCouponRow{
			ProjectID: o.project, AffiliateID: affiliate.ID, Code: params.Code,
			StripeCouponID:           stored.TextOrNull(form.Trim(params.StripeCouponID)),
			LemonsqueezyDiscountCode: stored.TextOrNull(form.Trim(params.LemonSqueezyDiscountCode)),
			Status:                   string(params.Status), CreatedAt: o.now,
			AffiliateEmail: affiliate.Email, AffiliateReferralCode: affiliate.ReferralCode,
		}
		if err := o.couponIsFree(ctx, &db.GetCouponRow{}, &row); err != nil {
			return nil, err
		}
		row.ID, err = o.InsertCoupon(ctx, db.InsertCouponParams{
			ProjectID: row.ProjectID, AffiliateID: row.AffiliateID, Code: row.Code, CodeKey: form.Fold(row.Code),
			StripeCouponID: row.StripeCouponID, LemonsqueezyDiscountCode: row.LemonsqueezyDiscountCode,
			Status: row.Status, CreatedAt: row.CreatedAt,
		})
		if errors.Is(err, sql.ErrNoRows) {
			other, err := o.GetCouponIDByCode(ctx, db.GetCouponIDByCodeParams{
				ProjectID: o.project, CodeKey: form.Fold(row.Code),
			})
			return nil, cmp.Or(err, couponTaken(other))
		}
		o.countCoupon(params.Status, 1)
		return showCoupon(&row), err
	})
}

// couponIsFree refuses what a coupon would newly be found by if it was that of an
// erased affiliate's coupon.
func (o *op) couponIsFree(ctx context.Context, before, after *db.GetCouponRow) error {
	for _, name := range []struct{ field, before, after string }{
		{"coupon_code", before.Code, after.Code},
		{"stripe_coupon_id", stored.OrZero(before.StripeCouponID), stored.OrZero(after.StripeCouponID)},
		{"lemonsqueezy_discount_code", stored.OrZero(before.LemonsqueezyDiscountCode),
			stored.OrZero(after.LemonsqueezyDiscountCode)},
	} {
		if name.after == "" || form.Fold(name.after) == form.Fold(name.before) {
			continue
		}
		if err := o.codeIsFree(ctx, name.field, erasure.CouponCode, name.after); err != nil {
			return err
		}
	}
	return nil
}

// AppendJSON appends the coupon to b in the form of the REST API.
func (c *Coupon) AppendJSON(b []byte) []byte {
	o := wire.Begin(b)
	o.Integer("id", c.ID)
	o.Integer("project_id", c.ProjectID)
	o.Integer("affiliate_id", c.AffiliateID)
	o.Text("coupon_code", c.Code)
	o.Optional("stripe_coupon_id", c.StripeCouponID)
	o.Optional("lemonsqueezy_discount_code", c.LemonSqueezyDiscountCode)
	o.Text("status", string(c.Status))
	o.Instant("created_at", c.CreatedAt)
	o.Text("affiliate_email", c.AffiliateEmail)
	o.Text("affiliate_referral_code", c.AffiliateReferralCode)
	return o.End()
}

func couponTaken(by int64) error {
	return taken(by, "coupon_code", "a coupon with this code already exists")
}

// GetCoupon finds a coupon by its id. Errors: ErrNotFound.
func (p *Project) GetCoupon(ctx context.Context, id int64) (*Coupon, error) {
	row, err := read(ctx, p, "finding a coupon", func(ctx context.Context, q db.Querier) (db.GetCouponRow, error) {
		row, err := q.GetCoupon(ctx, db.GetCouponParams{ProjectID: p.id, CouponID: id})
		return row, missing(err, "Coupon")
	})
	if err != nil {
		return nil, err
	}
	return showCoupon(&row), nil
}

// CouponByCode finds a coupon by its code, without regard to case. Errors: ErrNotFound.
func (p *Project) CouponByCode(ctx context.Context, code string) (*Coupon, error) {
	var found *Coupon
	err := p.snapshot(ctx, "finding a coupon", func(ctx context.Context, q db.Querier) error {
		id, err := q.GetCouponIDByCode(ctx, db.GetCouponIDByCodeParams{ProjectID: p.id, CodeKey: form.Fold(code)})
		if err != nil {
			return missing(err, "Coupon")
		}
		row, err := q.GetCoupon(ctx, db.GetCouponParams{ProjectID: p.id, CouponID: id})
		found = showCoupon(&row)
		return err
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// UpdateCoupon changes a coupon. Errors: ErrInvalid, ErrNotFound for an unknown
// coupon or affiliate, ErrExists when the new code is taken.
func (p *Project) UpdateCoupon(ctx context.Context, id int64, params UpdateCouponParams) (*Coupon, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	return change(ctx, p, "updating a coupon", backend.Work{}, func(ctx context.Context, o *op) (*Coupon, error) {
		row, err := o.updateCoupon(ctx, id, params)
		if err != nil {
			return nil, err
		}
		return showCoupon(row), nil
	})
}

func (u *UpdateCouponParams) check() error {
	if u.AffiliateID != nil {
		if err := at("affiliate_id", form.ID(*u.AffiliateID)); err != nil {
			return err
		}
	}
	if u.Code != nil {
		if err := at("coupon_code", form.Code(*u.Code)); err != nil {
			return err
		}
	}
	if u.Status != nil {
		if err := u.Status.check(); err != nil {
			return err
		}
	}
	return cmp.Or(
		givenText("stripe_coupon_id", &u.StripeCouponID),
		givenText("lemonsqueezy_discount_code", &u.LemonSqueezyDiscountCode),
	)
}

func (o *op) updateCoupon(ctx context.Context, id int64, u UpdateCouponParams) (*db.GetCouponRow, error) {
	row, err := o.GetCoupon(ctx, db.GetCouponParams{ProjectID: o.project, CouponID: id})
	if err != nil {
		return nil, missing(err, "Coupon")
	}
	if erasure.Is(row.AffiliateID, row.AffiliateEmail) {
		return nil, erased("", "The coupon's affiliate was erased: it can only be deleted").of(row.ID)
	}
	before := row
	set(&row.Code, u.Code)
	u.StripeCouponID.apply(&row.StripeCouponID)
	u.LemonSqueezyDiscountCode.apply(&row.LemonsqueezyDiscountCode)
	if u.Status != nil {
		row.Status = string(*u.Status)
	}
	if u.AffiliateID != nil {
		affiliate, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: *u.AffiliateID})
		if err != nil {
			return nil, missing(err, "Affiliate")
		}
		if err := notErased(&affiliate); err != nil {
			return nil, err
		}
		row.AffiliateID, row.AffiliateEmail, row.AffiliateReferralCode = affiliate.ID, affiliate.Email, affiliate.ReferralCode
	}
	if err := o.couponIsFree(ctx, &before, &row); err != nil {
		return nil, err
	}
	other, err := o.GetCouponIDByCode(ctx, db.GetCouponIDByCodeParams{
		ProjectID: o.project, CodeKey: form.Fold(row.Code),
	})
	switch {
	case err == nil && other != id:
		return nil, couponTaken(other)
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return nil, err
	}
	if row.Status != before.Status {
		o.countCoupon(CouponStatus(before.Status), -1)
		o.countCoupon(CouponStatus(row.Status), 1)
	}
	return &row, o.Tx.UpdateCoupon(ctx, db.UpdateCouponParams{
		ProjectID: o.project, CouponID: id, AffiliateID: row.AffiliateID, Code: row.Code, CodeKey: form.Fold(row.Code),
		StripeCouponID: row.StripeCouponID, LemonsqueezyDiscountCode: row.LemonsqueezyDiscountCode, Status: row.Status,
	})
}

// DeleteCoupon permanently removes a coupon. What it attributed stays as it is.
// Errors: ErrNotFound.
func (p *Project) DeleteCoupon(ctx context.Context, id int64) error {
	return p.write(ctx, "deleting a coupon", func(ctx context.Context, o *op) error {
		row, err := o.GetCoupon(ctx, db.GetCouponParams{ProjectID: o.project, CouponID: id})
		if err != nil {
			return missing(err, "Coupon")
		}
		o.countCoupon(CouponStatus(row.Status), -1)
		return o.Tx.DeleteCoupon(ctx, db.DeleteCouponParams{ProjectID: o.project, CouponID: id})
	})
}

// ListCoupons returns a page of coupons, newest first. Errors: ErrInvalid.
func (p *Project) ListCoupons(ctx context.Context, params ListCouponsParams) (Page[Coupon], error) {
	var page Page[Coupon]
	if err := params.check(); err != nil {
		return page, err
	}
	part := form.Fold(params.Code)
	at, err := pageOf("coupons", params.Limit, 50, params.After, params.Offset,
		p.id, params.AffiliateID, params.Status, part)
	if err != nil {
		return page, err
	}
	from, to := textRange(string(params.Status))
	rows, err := read(ctx, p, "listing coupons", func(ctx context.Context, q db.Querier) ([]db.GetCouponRow, error) {
		if beyond, err := at.isBeyond(ctx, q, p.id, params.countIn); beyond || err != nil {
			return nil, err
		}
		if params.AffiliateID != 0 {
			rows, err := q.ListCouponsOfAffiliate(ctx, db.ListCouponsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: params.AffiliateID, BeforeTime: at.from.time, BeforeID: at.from.id,
				StatusFrom: from, StatusTo: to, CodePart: part, Limit: at.fetch(), Offset: at.offset,
			})
			return convert(rows, func(r db.ListCouponsOfAffiliateRow) db.GetCouponRow { return db.GetCouponRow(r) }), err
		}
		rows, err := q.ListCoupons(ctx, db.ListCouponsParams{
			ProjectID: p.id, BeforeTime: at.from.time, BeforeID: at.from.id,
			StatusFrom: from, StatusTo: to, CodePart: part, Limit: at.fetch(), Offset: at.offset,
		})
		return convert(rows, func(r db.ListCouponsRow) db.GetCouponRow { return db.GetCouponRow(r) }), err
	})
	if err != nil {
		return page, err
	}
	return cut(at, rows, func(r *db.GetCouponRow) (int64, int64) { return r.CreatedAt, r.ID }, sound(showCoupon))
}

func (params ListCouponsParams) check() error {
	if params.AffiliateID < 0 {
		return at("affiliate_id", form.ID(params.AffiliateID))
	}
	if params.Status != "" {
		if err := params.Status.check(); err != nil {
			return err
		}
	}
	return at("coupon_code", form.Text(params.Code, form.MaxText))
}

// CountCoupons counts all pages of a list.
func (p *Project) CountCoupons(ctx context.Context, params ListCouponsParams) (int64, error) {
	if err := params.check(); err != nil {
		return 0, err
	}
	from, to := textRange(string(params.Status))
	part := form.Fold(params.Code)
	return read(ctx, p, "counting coupons", func(ctx context.Context, q db.Querier) (int64, error) {
		switch {
		case params.AffiliateID != 0:
			return q.CountCouponsOfAffiliate(ctx, db.CountCouponsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: params.AffiliateID, StatusFrom: from, StatusTo: to, CodePart: part,
			})
		case part != "":
			return q.CountCoupons(ctx, db.CountCouponsParams{ProjectID: p.id, StatusFrom: from, StatusTo: to, CodePart: part})
		}
		totals, err := q.GetProjectTotals(ctx, p.id)
		return params.countIn(&totals), err
	})
}

// countIn is how many coupons there are in all of the status that the list has.
func (params ListCouponsParams) countIn(totals *db.ProjectTotals) int64 {
	switch params.Status {
	case CouponActive:
		return totals.CouponsActive
	case CouponInactive:
		return totals.CouponsInactive
	}
	return totals.CouponsActive + totals.CouponsInactive
}

// AllCoupons walks the whole list. It fetches page by page and holds no rows
// open.
func (p *Project) AllCoupons(ctx context.Context, params ListCouponsParams) iter.Seq2[Coupon, error] {
	return all(func(after Cursor) (Page[Coupon], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return p.ListCoupons(ctx, params)
	})
}

func showCoupon(r *db.GetCouponRow) *Coupon {
	return &Coupon{
		ID: r.ID, ProjectID: r.ProjectID, AffiliateID: r.AffiliateID, Code: r.Code,
		StripeCouponID: stored.OrZero(r.StripeCouponID), LemonSqueezyDiscountCode: stored.OrZero(r.LemonsqueezyDiscountCode),
		Status: CouponStatus(r.Status), CreatedAt: stored.Instant(r.CreatedAt),
		AffiliateEmail: r.AffiliateEmail, AffiliateReferralCode: r.AffiliateReferralCode,
	}
}
