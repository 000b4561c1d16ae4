package refgrow

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/refgrow-go/refgrow/internal/attribution"
	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/erasure"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// A ReferralStatus says how far a referred user has come.
type ReferralStatus string

const (
	// ReferralPending: attributed or entered by hand, but has not bought yet.
	ReferralPending ReferralStatus = "pending"
	// ReferralConverted: has bought, and an affiliate got the credit.
	ReferralConverted ReferralStatus = "converted"
	// ReferralDirect: has bought, attributed to nobody.
	ReferralDirect ReferralStatus = "direct"
	// ReferralDirectSignup: signed up, attributed to nobody.
	ReferralDirectSignup ReferralStatus = "direct_signup"
)

// converts reports whether the status is that of someone who has bought.
func (s ReferralStatus) converts() bool { return s == ReferralConverted || s == ReferralDirect }

func (s ReferralStatus) check() error {
	switch s {
	case ReferralPending, ReferralConverted, ReferralDirect, ReferralDirectSignup:
		return nil
	}
	return invalid("status", `must be "pending", "converted", "direct" or "direct_signup"`)
}

// A Referral is a referred user: a customer, attributed to an affiliate or to nobody.
// They are known by email, by the app's own id for them, or by both.
type Referral struct {
	ID         int64
	Email      string // "" if only an external id is known
	ExternalID string // the first one; "" if only the email is known
	// ExternalIDs are all of them, the first one first.
	ExternalIDs []string
	// AffiliateID and AffiliateCode are 0 and "" if attributed to nobody.
	AffiliateID   int64
	AffiliateCode string
	Status        ReferralStatus
	// ConversionDate is when the user bought for the first time; nil before.
	ConversionDate *time.Time
	CreatedAt      time.Time
}

// CreateReferralParams describe a new referred user.
type CreateReferralParams struct {
	// Email must be unique in the project. It may be left out if there is an
	// ExternalID.
	Email      string
	ExternalID string
	// AffiliateID is 0 for nobody.
	AffiliateID int64
	// Status defaults to ReferralDirectSignup without an affiliate, and to
	// ReferralPending with one.
	Status ReferralStatus
}

// UpdateReferralParams change the fields that are not nil or, for AffiliateID, given. A
// new affiliate is credited with later conversions only.
type UpdateReferralParams struct {
	Email       *string
	AffiliateID Null[int64]
	Status      *ReferralStatus
}

// CreateReferral adds a referred user. Errors: ErrInvalid, ErrNotFound for an unknown
// affiliate, ErrExists if the email or the external id is taken, ErrConflict if the
// affiliate was erased.
func (p *Project) CreateReferral(ctx context.Context, params CreateReferralParams) (*Referral, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	return change(ctx, p, "creating a referral", backend.Work{}, func(ctx context.Context, o *op) (*Referral, error) {
		row, err := o.createReferral(ctx, params)
		if err != nil {
			return nil, err
		}
		return showReferral(row, nil), nil
	})
}

func (params *CreateReferralParams) check() error {
	params.ExternalID = form.Trim(params.ExternalID)
	if params.Email != "" || params.ExternalID == "" {
		email, err := customerEmail(params.Email)
		err = cmp.Or(err, at("email", erasure.Free(email)))
		if err != nil {
			return err
		}
		params.Email = email
	}
	if params.AffiliateID < 0 {
		return at("affiliate_id", form.ID(params.AffiliateID))
	}
	if params.Status != "" {
		if err := params.Status.check(); err != nil {
			return err
		}
	}
	return at("external_id", form.Text(params.ExternalID, form.MaxText))
}

func (o *op) createReferral(ctx context.Context, params CreateReferralParams) (*db.FindReferralRow, error) {
	row := &db.FindReferralRow{
		Email: stored.TextOrNull(params.Email), ExternalID: stored.TextOrNull(params.ExternalID),
		AffiliateID: stored.IDOrNull(params.AffiliateID), Status: string(params.Status), CreatedAt: o.now,
	}
	claim, err := o.claimOf(ctx, params.Email, nil, o.now)
	if err != nil {
		return nil, err
	}
	if params.AffiliateID == 0 && params.Status == "" && claim != nil {
		decision, _, err := o.attribute(ctx, attribution.Evidence{Email: params.Email, Claim: claim})
		if err != nil {
			return nil, err
		}
		row.AffiliateID = stored.IDOrNull(decision.Chosen)
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
	return row, o.emitReferralCreated(ctx, row)
}

// insertReferral writes a referred user, unless it is for a conversion whose reference
// is taken.
func (o *op) insertReferral(ctx context.Context, row *db.FindReferralRow, reference *string) (err error) {
	row.ID, err = backend.Inserted(o.InsertReferral(ctx, db.InsertReferralParams{
		ProjectID: o.project, Email: row.Email, ExternalID: row.ExternalID, AffiliateID: row.AffiliateID,
		Status: row.Status, ConversionDate: row.ConversionDate, CreatedAt: row.CreatedAt,
		Reference: reference,
	}))
	if errors.Is(err, sql.ErrNoRows) {
		return o.conflicting(ctx, reference)
	}
	o.countReferral(ReferralStatus(row.Status), 1)
	return err
}

// nameAffiliate fills in the code of an affiliate whom a call names.
func (o *op) nameAffiliate(ctx context.Context, row *db.FindReferralRow) error {
	row.AffiliateCode = nil
	if row.AffiliateID == nil {
		return nil
	}
	affiliate, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: *row.AffiliateID})
	if err != nil {
		return missing(err, "Affiliate")
	}
	row.AffiliateCode = &affiliate.ReferralCode
	return canBeNamed(&affiliate)
}

// GetReferral finds a referred user by its id. Errors: ErrNotFound.
func (p *Project) GetReferral(ctx context.Context, id int64) (*Referral, error) {
	return p.findReferral(ctx, findByID(id))
}

// ReferralByEmail finds a referred user by its email, in any case. Errors:
// ErrNotFound, ErrInvalid.
func (p *Project) ReferralByEmail(ctx context.Context, email string) (*Referral, error) {
	email, err := customerEmail(email)
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
	var shown *Referral
	err := p.snapshot(ctx, "finding a referred user", func(ctx context.Context, q db.Querier) error {
		row, err := find(ctx, q, p.id)
		if err != nil {
			return missing(err, "Referred user")
		}
		shown, err = wholeReferral(ctx, q, p.id, &row)
		return err
	})
	if err != nil {
		return nil, err
	}
	return shown, nil
}

// wholeReferral shows a user with all external ids.
func wholeReferral(ctx context.Context, q db.Querier, project int64, row *db.FindReferralRow) (*Referral, error) {
	further, err := furtherExternalIDs(ctx, q, project, row.ID)
	return showReferral(row, further[row.ID]), err
}

// UpdateReferral changes a referred user. A status of converted or direct sets the
// conversion date, the others clear it. Errors: ErrInvalid, ErrNotFound for an unknown
// user or affiliate, ErrExists if the new email is taken, ErrConflict for a new
// affiliate who was erased.
func (p *Project) UpdateReferral(ctx context.Context, id int64, params UpdateReferralParams) (*Referral, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	return change(ctx, p, "updating a referral", backend.Work{}, func(ctx context.Context, o *op) (*Referral, error) {
		return o.updateReferral(ctx, id, params)
	})
}

func (u *UpdateReferralParams) check() error {
	if u.Email != nil {
		email, err := customerEmail(*u.Email)
		err = cmp.Or(err, at("email", erasure.Free(email)))
		if err != nil {
			return err
		}
		u.Email = &email
	}
	if id := u.AffiliateID.Value(); id != nil {
		if err := at("affiliate_id", form.ID(*id)); err != nil {
			return err
		}
	}
	if u.Status != nil {
		return u.Status.check()
	}
	return nil
}

func (o *op) updateReferral(ctx context.Context, id int64, u UpdateReferralParams) (*Referral, error) {
	row, err := o.FindReferral(ctx, db.FindReferralParams{ProjectID: o.project, ReferralID: id})
	if err != nil {
		return nil, missing(err, "Referred user")
	}
	was, err := wholeReferral(ctx, o, o.project, &row)
	if err != nil {
		return nil, err
	}
	if u.Email != nil && erasure.Is(id, stored.OrZero(row.Email)) {
		return nil, erased("email", "cannot be set: the referred user was erased").of(id)
	}
	if u.Email != nil && *u.Email != stored.OrZero(row.Email) {
		if err := o.customerIsFree(ctx, "email", findByEmail(*u.Email), id); err != nil {
			return nil, err
		}
		if row.Email != nil { // nobody knows later whose claim it was
			if err := o.forgetClaim(ctx, *row.Email); err != nil {
				return nil, err
			}
		}
		row.Email = u.Email
	}
	if u.AffiliateID.Given() && stored.OrZero(u.AffiliateID.Value()) != stored.OrZero(row.AffiliateID) {
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
	now := showReferral(&row, was.ExternalIDs[min(len(was.ExternalIDs), 1):])
	return now, o.emitReferralChange(ctx, was, now)
}

// saveReferral is insertReferral for a user that already exists.
func (o *op) saveReferral(
	ctx context.Context, row *db.FindReferralRow, before ReferralStatus, reference *string,
) error {
	saved, err := o.Tx.UpdateReferral(ctx, db.UpdateReferralParams{
		ProjectID: o.project, ReferralID: row.ID, Email: row.Email, ExternalID: row.ExternalID, AffiliateID: row.AffiliateID,
		Status: row.Status, ConversionDate: row.ConversionDate, Reference: reference,
	})
	switch {
	case err != nil:
		return err
	case saved == 0:
		return o.conflicting(ctx, reference)
	}
	if after := ReferralStatus(row.Status); after != before {
		o.countReferral(before, -1)
		o.countReferral(after, 1)
	}
	return nil
}

// DeleteReferral permanently removes a referred user. Their conversions stay, without
// the user and the page's URL, and so do the affiliate's entries, without notes. No
// copy remains: events that name the user are emptied and not sent, stored answers that
// do so go (a repeated call gets ErrConflict with CodeErased), and so does a claim. It
// works in steps: what cannot be done now is done by Upkeep, or when an engine starts.
// Errors: ErrNotFound.
func (p *Project) DeleteReferral(ctx context.Context, id int64) error {
	return p.eraseReferral(ctx, "deleting a referral", id, 1)
}

// eraseReferral removes the names of a referred user, then the copies of them and, if
// it deletes, the user.
func (p *Project) eraseReferral(ctx context.Context, doing string, id, deletes int64) error {
	var job int64
	if err := p.write(ctx, doing, func(ctx context.Context, o *op) (err error) {
		job, err = o.eraseReferral(ctx, id, deletes)
		return err
	}); err != nil {
		return err
	}
	// What has begun is finished even if the caller does not wait for it.
	return p.finishErasure(context.WithoutCancel(ctx), job)
}

// eraseReferral does the first step, in which the names go and nothing finds the user
// by them any more, and returns the job for the rest.
func (o *op) eraseReferral(ctx context.Context, id, deletes int64) (int64, error) {
	row, err := o.FindReferral(ctx, db.FindReferralParams{ProjectID: o.project, ReferralID: id})
	if err != nil {
		return 0, missing(err, "Referred user")
	}
	if deletes == 0 && erasure.Is(id, stored.OrZero(row.Email)) {
		job, err := o.GetErasureOfReferral(ctx, db.GetErasureOfReferralParams{ProjectID: o.project, ReferralID: id})
		return job, ignoring(err, sql.ErrNoRows)
	}
	further, err := furtherExternalIDs(ctx, o, o.project, id)
	if err != nil {
		return 0, err
	}
	person := erasure.Person{
		Emails: erasure.Lower(nil, stored.OrZero(row.Email)),
		Others: erasure.Lower(nil, append(further[id], stored.OrZero(row.ExternalID))...),
	}
	if row.Email != nil {
		if err := o.forgetClaim(ctx, *row.Email); err != nil {
			return 0, err
		}
	}
	if err := o.DeleteExternalIDs(ctx, db.DeleteExternalIDsParams{ProjectID: o.project, ReferralID: id}); err != nil {
		return 0, err
	}
	job := db.Erasure{ProjectID: o.project, ReferralID: &id, Deletes: deletes}
	if job.Names, err = person.Text(); err != nil {
		return 0, err
	}
	if job.ID, err = o.beginErasure(ctx, job, person); err != nil {
		return 0, err
	}
	job.Part = string(erasure.First(&job))
	row.Email, row.ExternalID = new(erasure.Email(id)), nil
	if err := o.saveReferral(ctx, &row, ReferralStatus(row.Status), nil); err != nil {
		return 0, err
	}
	return job.ID, o.customerStep(ctx, &job)
}
