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
)

// A ReferralStatus says how far a referred user has come.
type ReferralStatus string

const (
	// ReferralPending: attributed or entered by hand, has not bought yet.
	ReferralPending ReferralStatus = "pending"
	// ReferralConverted: has bought, and an affiliate got the credit.
	ReferralConverted ReferralStatus = "converted"
	// ReferralDirect: has bought, attributed to nobody.
	ReferralDirect ReferralStatus = "direct"
	// ReferralDirectSignup: signed up, attributed to nobody.
	ReferralDirectSignup ReferralStatus = "direct_signup"
)

// converts tells whether the status is of somebody who has bought.
func (s ReferralStatus) converts() bool { return s == ReferralConverted || s == ReferralDirect }

func (s ReferralStatus) check() error {
	switch s {
	case ReferralPending, ReferralConverted, ReferralDirect, ReferralDirectSignup:
		return nil
	}
	return invalid("status", `must be "pending", "converted", "direct" or "direct_signup"`)
}

// A Referral is a referred user: a customer, attributed to an affiliate or to
// nobody. It is known by its email, the app's own id for it, or both.
type Referral struct {
	ID         int64
	Email      string // "" when only the external id is known
	ExternalID string // "" when only the email is known
	// AffiliateID and AffiliateCode are 0 and "" when attributed to nobody.
	AffiliateID   int64
	AffiliateCode string
	Status        ReferralStatus
	// ConversionDate is when the user bought for the first time; nil before.
	ConversionDate *time.Time
	CreatedAt      time.Time
}

// CreateReferralParams describe a new referred user.
type CreateReferralParams struct {
	// Email must be unique in the project. It may be left out when there is an
	// ExternalID.
	Email      string
	ExternalID string
	// AffiliateID is 0 for nobody.
	AffiliateID int64
	// Status defaults to ReferralDirectSignup without an affiliate, and to
	// ReferralPending with one.
	Status ReferralStatus
}

// UpdateReferralParams change what is not nil, and given. A new affiliate gets
// later conversions only.
type UpdateReferralParams struct {
	Email       *string
	AffiliateID Null[int64]
	Status      *ReferralStatus
}

// ListReferralsParams narrow and page the list of referred users.
type ListReferralsParams struct {
	// AffiliateID and Status are 0 and "" for all.
	AffiliateID int64
	Status      ReferralStatus
	// Limit is 1 to 500; 0 means 20.
	Limit  int
	After  Cursor
	Offset int
}

// CreateReferral adds a referred user. Errors: ErrInvalid, ErrNotFound for an
// unknown affiliate, ErrConflict when the email or the external id is taken.
func (p *Project) CreateReferral(ctx context.Context, params CreateReferralParams) (*Referral, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	return change(ctx, p, "creating a referral", backend.Work{}, func(ctx context.Context, o *op) (*Referral, error) {
		row, err := o.createReferral(ctx, params)
		if err != nil {
			return nil, err
		}
		return showReferral(row), nil
	})
}

func (params *CreateReferralParams) check() error {
	if params.Email != "" || params.ExternalID == "" {
		email, err := address("email", params.Email)
		if err != nil {
			return err
		}
		params.Email = email
	}
	if params.AffiliateID < 0 {
		return positive("affiliate_id", params.AffiliateID)
	}
	if params.Status != "" {
		if err := params.Status.check(); err != nil {
			return err
		}
	}
	return cmp.Or(optionalText("external_id", params.ExternalID, maxText))
}

func (o *op) createReferral(ctx context.Context, params CreateReferralParams) (*db.FindReferralRow, error) {
	row := &db.FindReferralRow{
		Email: textOrNull(params.Email), ExternalID: textOrNull(params.ExternalID), AffiliateID: idOrNull(params.AffiliateID),
		Status: string(params.Status), CreatedAt: o.now,
	}
	claim, err := o.claimOf(ctx, params.Email, nil, o.now)
	if err != nil {
		return nil, err
	}
	if params.AffiliateID == 0 && params.Status == "" && claim != nil {
		decision, _, err := o.attribute(ctx, evidence{email: params.Email, claim: claim})
		if err != nil {
			return nil, err
		}
		row.AffiliateID = idOrNull(decision.Chosen)
	}
	switch {
	case params.Status.converts():
		row.ConversionDate = &o.now
	case params.Status == "" && row.AffiliateID != nil:
		row.Status = string(ReferralPending)
	case params.Status == "":
		row.Status = string(ReferralDirectSignup)
	}
	if err := o.nameAffiliate(ctx, row); err != nil {
		return nil, err
	}
	if params.Email != "" {
		if err := o.customerIsFree(ctx, "email", findByEmail(params.Email), 0); err != nil {
			return nil, err
		}
	}
	if params.ExternalID != "" {
		if err := o.customerIsFree(ctx, "external_id", findByExternalID(params.ExternalID), 0); err != nil {
			return nil, err
		}
	}
	if err := o.insertReferral(ctx, row, nil); err != nil {
		return nil, err
	}
	if claim != nil {
		if err := o.dropClaim(ctx, claim.Email); err != nil {
			return nil, err
		}
	}
	if row.AffiliateID == nil {
		return row, nil
	}
	return row, o.emit(ctx, referralCreated, -row.ID, row.AffiliateID, &row.ID, []byte("{}"))
}

// insertReferral writes a referred user, but not for a conversion whose reference
// is taken.
func (o *op) insertReferral(ctx context.Context, row *db.FindReferralRow, reference *string) (err error) {
	row.ID, err = backend.Inserted(o.InsertReferral(ctx, db.InsertReferralParams{
		ProjectID: o.project, Email: row.Email, ExternalID: row.ExternalID, AffiliateID: row.AffiliateID,
		Status: row.Status, ConversionDate: row.ConversionDate, CreatedAt: row.CreatedAt,
		Reference: reference,
	}))
	if errors.Is(err, sql.ErrNoRows) {
		return referenceTaken()
	}
	o.countReferral(ReferralStatus(row.Status), 1)
	return err
}

// nameAffiliate fills in the affiliate's code.
func (o *op) nameAffiliate(ctx context.Context, row *db.FindReferralRow) error {
	row.AffiliateCode = nil
	if row.AffiliateID == nil {
		return nil
	}
	affiliate, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: *row.AffiliateID})
	row.AffiliateCode = &affiliate.ReferralCode
	return missing(err, "Affiliate")
}

func (o *op) countReferral(status ReferralStatus, by int64) {
	delta := db.AddTotalsParams{ProjectID: o.project}
	switch status {
	case ReferralPending:
		delta.ReferralsPending = by
	case ReferralConverted:
		delta.ReferralsConverted = by
	case ReferralDirect:
		delta.ReferralsDirect = by
	case ReferralDirectSignup:
		delta.ReferralsDirectSignup = by
	}
	o.Add(delta)
}

// GetReferral finds a referred user by its id. Errors: ErrNotFound.
func (p *Project) GetReferral(ctx context.Context, id int64) (*Referral, error) {
	return p.findReferral(ctx, findByID(id))
}

// ReferralByEmail finds a referred user by its email, in any case. Errors:
// ErrNotFound, ErrInvalid.
func (p *Project) ReferralByEmail(ctx context.Context, email string) (*Referral, error) {
	email, err := address("email", email)
	if err != nil {
		return nil, err
	}
	return p.findReferral(ctx, findByEmail(email))
}

// ReferralByExternalID finds a referred user by the app's own id for it. Errors:
// ErrNotFound.
func (p *Project) ReferralByExternalID(ctx context.Context, id string) (*Referral, error) {
	return p.findReferral(ctx, findByExternalID(id))
}

func (p *Project) findReferral(ctx context.Context, find finder) (*Referral, error) {
	row, err := read(p, "finding a referred user", func(q db.Querier) (db.FindReferralRow, error) {
		row, err := find(ctx, q, p.id)
		return row, missing(err, "Referred user")
	})
	if err != nil {
		return nil, err
	}
	return showReferral(&row), nil
}

// UpdateReferral changes a referred user. A status of converted or direct sets
// the conversion date, the others clear it. Errors: ErrInvalid, ErrNotFound for
// an unknown user or affiliate, ErrConflict when the new email is taken.
func (p *Project) UpdateReferral(ctx context.Context, id int64, params UpdateReferralParams) (*Referral, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	return change(ctx, p, "updating a referral", backend.Work{}, func(ctx context.Context, o *op) (*Referral, error) {
		row, err := o.updateReferral(ctx, id, params)
		if err != nil {
			return nil, err
		}
		return showReferral(row), nil
	})
}

func (u *UpdateReferralParams) check() error {
	if u.Email != nil {
		email, err := address("email", *u.Email)
		if err != nil {
			return err
		}
		u.Email = &email
	}
	if id := u.AffiliateID.Value(); id != nil {
		if err := positive("affiliate_id", *id); err != nil {
			return err
		}
	}
	if u.Status != nil {
		return u.Status.check()
	}
	return nil
}

func (o *op) updateReferral(ctx context.Context, id int64, u UpdateReferralParams) (*db.FindReferralRow, error) {
	row, err := o.FindReferral(ctx, db.FindReferralParams{ProjectID: o.project, ReferralID: id})
	if err != nil {
		return nil, missing(err, "Referred user")
	}
	was := showReferral(&row)
	if u.Email != nil && *u.Email != orZero(row.Email) {
		if err := o.customerIsFree(ctx, "email", findByEmail(*u.Email), id); err != nil {
			return nil, err
		}
		row.Email = u.Email
	}
	if u.AffiliateID.Given() {
		u.AffiliateID.apply(&row.AffiliateID)
		if err := o.nameAffiliate(ctx, &row); err != nil {
			return nil, err
		}
	}
	before := ReferralStatus(row.Status)
	if u.Status != nil && *u.Status != before {
		row.Status = string(*u.Status)
		row.ConversionDate = nil
		if u.Status.converts() {
			row.ConversionDate = &o.now
		}
	}
	if err := o.saveReferral(ctx, &row, before, nil); err != nil {
		return nil, err
	}
	return &row, o.emitReferral(ctx, was, showReferral(&row))
}

// saveReferral is insertReferral for a user that is there.
func (o *op) saveReferral(ctx context.Context, row *db.FindReferralRow, before ReferralStatus, reference *string) error {
	saved, err := o.Tx.UpdateReferral(ctx, db.UpdateReferralParams{
		ProjectID: o.project, ReferralID: row.ID, Email: row.Email, ExternalID: row.ExternalID, AffiliateID: row.AffiliateID,
		Status: row.Status, ConversionDate: row.ConversionDate, Reference: reference,
	})
	switch {
	case err != nil:
		return err
	case saved == 0:
		return referenceTaken()
	}
	if after := ReferralStatus(row.Status); after != before {
		o.countReferral(before, -1)
		o.countReferral(after, 1)
	}
	return nil
}

// DeleteReferral removes a referred user for good. Its conversions stay, without
// the user. Errors: ErrNotFound.
func (p *Project) DeleteReferral(ctx context.Context, id int64) error {
	return p.write(ctx, "deleting a referral", func(ctx context.Context, o *op) error {
		row, err := o.FindReferral(ctx, db.FindReferralParams{ProjectID: o.project, ReferralID: id})
		if err != nil {
			return missing(err, "Referred user")
		}
		if err := o.DetachReferral(ctx, db.DetachReferralParams{ProjectID: o.project, ReferralID: id}); err != nil {
			return err
		}
		o.countReferral(ReferralStatus(row.Status), -1)
		return o.Tx.DeleteReferral(ctx, db.DeleteReferralParams{ProjectID: o.project, ReferralID: id})
	})
}

// ListReferrals gives a page of referred users, newest first. Errors: ErrInvalid.
func (p *Project) ListReferrals(ctx context.Context, params ListReferralsParams) (Page[Referral], error) {
	var page Page[Referral]
	if err := params.check(); err != nil {
		return page, err
	}
	at, err := pageOf("referrals", params.Limit, 20, params.After, params.Offset, p.id, params.AffiliateID, params.Status)
	if err != nil {
		return page, err
	}
	from, to := textRange(string(params.Status))
	rows, err := read(p, "listing referred users", func(q db.Querier) ([]db.ListReferralsRow, error) {
		if params.AffiliateID != 0 {
			rows, err := q.ListReferralsOfAffiliate(ctx, db.ListReferralsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: params.AffiliateID, BeforeTime: at.from.time, BeforeID: at.from.id,
				StatusFrom: from, StatusTo: to, Limit: at.fetch(), Offset: at.offset,
			})
			return convert(rows, func(r db.ListReferralsOfAffiliateRow) db.ListReferralsRow { return db.ListReferralsRow(r) }), err
		}
		return q.ListReferrals(ctx, db.ListReferralsParams{
			ProjectID: p.id, BeforeTime: at.from.time, BeforeID: at.from.id,
			StatusFrom: from, StatusTo: to, Limit: at.fetch(), Offset: at.offset,
		})
	})
	if err != nil {
		return page, err
	}
	return cut(at, rows, func(r *db.ListReferralsRow) (int64, int64) { return r.CreatedAt, r.ID },
		sound(func(r *db.ListReferralsRow) *Referral {
			return showReferral(&db.FindReferralRow{
				ID: r.ID, Email: r.Email, ExternalID: r.ExternalID, AffiliateID: r.AffiliateID, Status: r.Status,
				ConversionDate: r.ConversionDate, CreatedAt: r.CreatedAt, AffiliateCode: r.AffiliateCode,
			})
		}))
}

func (params ListReferralsParams) check() error {
	if params.AffiliateID < 0 {
		return positive("affiliate_id", params.AffiliateID)
	}
	if params.Status == "" {
		return nil
	}
	return params.Status.check()
}

// CountReferrals counts all pages of a list.
func (p *Project) CountReferrals(ctx context.Context, params ListReferralsParams) (int64, error) {
	if err := params.check(); err != nil {
		return 0, err
	}
	return read(p, "counting referred users", func(q db.Querier) (int64, error) {
		if params.AffiliateID != 0 {
			from, to := textRange(string(params.Status))
			return q.CountReferralsOfAffiliate(ctx, db.CountReferralsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: params.AffiliateID, StatusFrom: from, StatusTo: to,
			})
		}
		totals, err := q.GetProjectTotals(ctx, p.id)
		switch params.Status {
		case ReferralPending:
			return totals.ReferralsPending, err
		case ReferralConverted:
			return totals.ReferralsConverted, err
		case ReferralDirect:
			return totals.ReferralsDirect, err
		case ReferralDirectSignup:
			return totals.ReferralsDirectSignup, err
		}
		return totals.ReferralsPending + totals.ReferralsConverted + totals.ReferralsDirect + totals.ReferralsDirectSignup, err
	})
}

// AllReferrals walks the whole list. It fetches page by page and holds no rows
// open.
func (p *Project) AllReferrals(ctx context.Context, params ListReferralsParams) iter.Seq2[Referral, error] {
	return all(func(after Cursor) (Page[Referral], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return p.ListReferrals(ctx, params)
	})
}

func showReferral(r *db.FindReferralRow) *Referral {
	return &Referral{
		ID: r.ID, Email: orZero(r.Email), ExternalID: orZero(r.ExternalID), AffiliateID: orZero(r.AffiliateID),
		AffiliateCode: orZero(r.AffiliateCode), Status: ReferralStatus(r.Status),
		ConversionDate: optionalInstant(r.ConversionDate), CreatedAt: instant(r.CreatedAt),
	}
}
