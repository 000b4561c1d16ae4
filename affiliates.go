package refgrow

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/erasure"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// An AffiliateStatus says whether an affiliate takes part.
type AffiliateStatus string

const (
	// AffiliateActive affiliates get credit.
	AffiliateActive AffiliateStatus = "active"
	// AffiliateInactive affiliates keep what they have, and get new credit only
	// when a call names them by id.
	AffiliateInactive AffiliateStatus = "inactive"
)

// An Affiliate refers customers. It has one referral code and, optionally, a
// partner slug; codes and slugs are compared without regard to case, and a former
// one keeps leading to its affiliate.
type Affiliate struct {
	ID           int64
	Email        string
	ReferralCode string
	PartnerSlug  string // "" for none
	Status       AffiliateStatus
	CreatedAt    time.Time

	PayoutPreferences PayoutPreferences
	// PayoutsPaused tells payout runs to leave the affiliate out. It goes on earning.
	PayoutsPaused bool

	// Clicks counts visits. Signups and Purchases count the conversions of that
	// type that exist and are credited to the affiliate.
	Clicks, Signups, Purchases int64
	// Earnings are the current balances: the one in the project's currency first,
	// then one for each other currency in which there is anything.
	Earnings []Balance

	holds bool // the project has a hold
}

// CreateAffiliateParams describe a new affiliate.
type CreateAffiliateParams struct {
	// Email must be unique in the project.
	Email string
	// ReferralCode is 3 to 64 characters of A-Z, a-z, 0-9, - and _. Defaults to a
	// generated one of 8 characters.
	ReferralCode string
	// PartnerSlug is 3 to 64 characters of a-z, 0-9, - and _; "" for none.
	PartnerSlug string
	// PayoutPreferences say where the affiliate wants to be paid.
	PayoutPreferences PayoutPreferences
}

// UpdateAffiliateParams change what is not nil, and given.
type UpdateAffiliateParams struct {
	Email             *string
	ReferralCode      *string
	PartnerSlug       Null[string]
	Status            *AffiliateStatus
	PayoutPreferences Null[PayoutPreferences]
	// PayoutsPaused tells payout runs to leave the affiliate out, and nothing else.
	PayoutsPaused *bool
}

// CreateAffiliate adds an affiliate to the program. Errors: ErrInvalid;
// ErrExists when the email, the code or the slug is taken.
func (p *Project) CreateAffiliate(ctx context.Context, params CreateAffiliateParams) (*Affiliate, error) {
	email, err := newEmailAt("email", params.Email)
	if err != nil {
		return nil, err
	}
	if params.ReferralCode != "" {
		if err := at("referral_code", form.Code(params.ReferralCode)); err != nil {
			return nil, err
		}
	}
	if params.PartnerSlug != "" {
		if err := at("partner_slug", form.Slug(params.PartnerSlug)); err != nil {
			return nil, err
		}
	}
	preferences, err := params.PayoutPreferences.check()
	if err != nil {
		return nil, err
	}
	row := db.Affiliate{
		Email: email, ReferralCode: params.ReferralCode, PartnerSlug: stored.TextOrNull(params.PartnerSlug),
		Status: string(AffiliateActive),
	}
	if err := preferences.keepIn(&row); err != nil {
		return nil, err
	}
	return change(ctx, p, "creating an affiliate", backend.Work{}, func(ctx context.Context, o *op) (*Affiliate, error) {
		row, err := o.createAffiliate(ctx, row)
		if err != nil {
			return nil, err
		}
		settings := &o.state.settings
		shown, err := showAffiliate(row, statistics{}, string(settings.Currency), int64(settings.HoldDays))
		if err != nil {
			return nil, err
		}
		return shown, o.emitAffiliate(ctx, row, shown)
	})
}

func (o *op) createAffiliate(ctx context.Context, row db.Affiliate) (*db.Affiliate, error) {
	if err := o.emailIsFree(ctx, row.Email, 0); err != nil {
		return nil, err
	}
	var err error
	if row.ReferralCode == "" {
		if row.ReferralCode, err = o.generateCode(ctx); err != nil {
			return nil, err
		}
	}
	row.ProjectID, row.CreatedAt = o.project, o.now
	row.ID, err = o.InsertAffiliate(ctx, db.InsertAffiliateParams{
		ProjectID: o.project, Email: row.Email, ReferralCode: row.ReferralCode, PartnerSlug: row.PartnerSlug,
		Status: row.Status, CreatedAt: o.now,
		PaypalEmail: row.PaypalEmail, WiseAccountID: row.WiseAccountID, WiseEmail: row.WiseEmail, WiseName: row.WiseName,
	})
	if err != nil {
		return nil, err
	}
	if err := o.registerCode(ctx, "referral_code", row.ReferralCode, row.ID); err != nil {
		return nil, err
	}
	if row.PartnerSlug != nil {
		if err := o.registerCode(ctx, "partner_slug", *row.PartnerSlug, row.ID); err != nil {
			return nil, err
		}
	}
	o.countAffiliate(AffiliateActive, 1)
	return &row, nil
}

func (o *op) emailIsFree(ctx context.Context, email string, but int64) error {
	other, err := o.GetAffiliateByEmail(ctx, db.GetAffiliateByEmailParams{ProjectID: o.project, Email: email})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	case other.ID == but:
		return nil
	}
	return taken(other.ID, "email", "an affiliate with this email already exists")
}

// affiliateExists refuses an affiliate that the project does not have.
func affiliateExists(ctx context.Context, q db.Querier, project, id int64) error {
	_, err := q.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: project, AffiliateID: id})
	return missing(err, "Affiliate")
}

// GetAffiliate finds an affiliate by its id. Errors: ErrNotFound.
func (p *Project) GetAffiliate(ctx context.Context, id int64) (*Affiliate, error) {
	return p.findAffiliate(ctx, func(ctx context.Context, q db.Querier) (db.Affiliate, error) {
		return q.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: p.id, AffiliateID: id})
	})
}

// AffiliateByEmail finds an affiliate by its email, without regard to case. Errors:
// ErrNotFound, ErrInvalid.
func (p *Project) AffiliateByEmail(ctx context.Context, email string) (*Affiliate, error) {
	email, err := emailAt("email", email)
	if err != nil {
		return nil, err
	}
	return p.findAffiliate(ctx, func(ctx context.Context, q db.Querier) (db.Affiliate, error) {
		return q.GetAffiliateByEmail(ctx, db.GetAffiliateByEmailParams{ProjectID: p.id, Email: email})
	})
}

// AffiliateByCode finds the affiliate that a referral code or a partner slug leads
// to, former ones included, without regard to case. Errors: ErrNotFound.
func (p *Project) AffiliateByCode(ctx context.Context, code string) (*Affiliate, error) {
	return p.findAffiliate(ctx, func(ctx context.Context, q db.Querier) (db.Affiliate, error) {
		return q.GetAffiliateByCode(ctx, db.GetAffiliateByCodeParams{ProjectID: p.id, Code: form.Fold(code)})
	})
}

func (p *Project) findAffiliate(
	ctx context.Context, find func(context.Context, db.Querier) (db.Affiliate, error),
) (*Affiliate, error) {
	var found *Affiliate
	err := p.snapshot(ctx, "finding an affiliate", func(ctx context.Context, q db.Querier) error {
		row, err := find(ctx, q)
		if err != nil {
			return missing(err, "Affiliate")
		}
		// The clock is read after the first query, so that nothing in the snapshot
		// is newer.
		found, err = p.withStatistics(ctx, q, &row, p.engine.millis())
		return err
	})
	return found, err
}

func (p *Project) withStatistics(ctx context.Context, q db.Querier, row *db.Affiliate, now int64) (*Affiliate, error) {
	project, err := q.GetProject(ctx, p.id)
	if err != nil {
		return nil, err
	}
	stats, err := readStatistics(ctx, q, p.id, []int64{row.ID}, now)
	if err != nil {
		return nil, err
	}
	return showAffiliate(row, stats[row.ID], project.Currency, project.HoldDays)
}

// UpdateAffiliate changes an affiliate. Errors: ErrNotFound, ErrInvalid,
// ErrExists when the new email, code or slug is taken.
func (p *Project) UpdateAffiliate(ctx context.Context, id int64, params UpdateAffiliateParams) (*Affiliate, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	return change(ctx, p, "updating an affiliate", backend.Work{}, func(ctx context.Context, o *op) (*Affiliate, error) {
		before, row, err := o.updateAffiliate(ctx, id, params)
		if err != nil {
			return nil, err
		}
		shown, err := p.withStatistics(ctx, o, row, o.now)
		if err != nil || row.Status == before.Status {
			return shown, err
		}
		return shown, o.emitAffiliate(ctx, row, shown)
	})
}

func (u *UpdateAffiliateParams) check() error {
	if u.Email != nil {
		email, err := newEmailAt("email", *u.Email)
		if err != nil {
			return err
		}
		u.Email = &email
	}
	if u.ReferralCode != nil {
		if err := at("referral_code", form.Code(*u.ReferralCode)); err != nil {
			return err
		}
	}
	if s := u.PartnerSlug.Value(); s != nil {
		if err := at("partner_slug", form.Slug(*s)); err != nil {
			return err
		}
	}
	if u.Status != nil {
		switch *u.Status {
		case AffiliateActive, AffiliateInactive:
		default:
			return invalid("status", `must be "active" or "inactive"`)
		}
	}
	if pp := u.PayoutPreferences.Value(); pp != nil {
		checked, err := pp.check()
		if err != nil {
			return err
		}
		u.PayoutPreferences = Set(checked)
	}
	return nil
}

func (o *op) updateAffiliate(
	ctx context.Context, id int64, u UpdateAffiliateParams,
) (before, after *db.Affiliate, err error) {
	row, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: id})
	if err != nil {
		return nil, nil, missing(err, "Affiliate")
	}
	if err := notErased(&row); err != nil {
		return nil, nil, err
	}
	before = new(row)
	set(&row.Email, u.Email)
	set(&row.ReferralCode, u.ReferralCode)
	u.PartnerSlug.apply(&row.PartnerSlug)
	if u.Status != nil {
		row.Status = string(*u.Status)
	}
	if u.PayoutPreferences.Given() {
		if err := stored.OrZero(u.PayoutPreferences.Value()).keepIn(&row); err != nil {
			return nil, nil, err
		}
	}
	if u.PayoutsPaused != nil {
		row.PayoutsPaused = stored.Flag(*u.PayoutsPaused)
	}
	if err := o.emailIsFree(ctx, row.Email, id); err != nil {
		return nil, nil, err
	}
	if row.ReferralCode != before.ReferralCode {
		if err := o.registerCode(ctx, "referral_code", row.ReferralCode, id); err != nil {
			return nil, nil, err
		}
	}
	if row.PartnerSlug != nil && *row.PartnerSlug != stored.OrZero(before.PartnerSlug) {
		if err := o.registerCode(ctx, "partner_slug", *row.PartnerSlug, id); err != nil {
			return nil, nil, err
		}
	}
	if row.Status != before.Status {
		o.countAffiliate(AffiliateStatus(before.Status), -1)
		o.countAffiliate(AffiliateStatus(row.Status), 1)
	}
	return before, &row, o.UpdateAffiliate(ctx, db.UpdateAffiliateParams{
		ProjectID: o.project, AffiliateID: id, Email: row.Email, ReferralCode: row.ReferralCode, PartnerSlug: row.PartnerSlug,
		Status: row.Status, PaypalEmail: row.PaypalEmail, WiseAccountID: row.WiseAccountID, WiseEmail: row.WiseEmail,
		WiseName: row.WiseName, PayoutsPaused: row.PayoutsPaused,
	})
}

// emailAt returns the one form of the email in an input.
func emailAt(field, text string) (string, error) {
	email, err := form.Email(text)
	return email, at(field, err)
}

// newEmailAt is emailAt for an email that somebody is to get.
func newEmailAt(field, text string) (string, error) {
	email, err := emailAt(field, text)
	return email, cmp.Or(err, at(field, erasure.Free(email)))
}

// notErased refuses to change an affiliate that was erased.
func notErased(row *db.Affiliate) error {
	if erasure.Is(row.ID, row.Email) {
		return erased("", "The affiliate was erased: only adjustments of what is unpaid are possible").of(row.ID)
	}
	return nil
}

// canBeNamed refuses a call that names an affiliate who was erased: nothing new is
// theirs.
func canBeNamed(row *db.Affiliate) error {
	if erasure.Is(row.ID, row.Email) {
		return erased("affiliate_id", "names an affiliate who was erased").of(row.ID)
	}
	return nil
}

// customerEmail returns the one form of a customer's email.
func customerEmail(text string) (string, error) {
	email, err := form.CustomerEmail(text)
	return email, at("email", err)
}
