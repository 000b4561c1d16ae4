package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
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
// partner slug; codes and slugs are compared without regard to case, and one that
// was changed keeps leading to its affiliate.
type Affiliate struct {
	ID           int64
	Email        string
	ReferralCode string
	PartnerSlug  string // "" for none
	Status       AffiliateStatus
	CreatedAt    time.Time

	PayoutPreferences PayoutPreferences

	// Clicks counts visits. Signups and Purchases count the conversions of that
	// type that exist and are credited to the affiliate.
	Clicks, Signups, Purchases int64
	// Earnings are the balances of now: the one in the project's currency first,
	// then one for each other currency in which there is anything.
	Earnings []Balance
}

// CreateAffiliateParams describe a new affiliate.
type CreateAffiliateParams struct {
	// Email must be unique in the project.
	Email string
	// ReferralCode is 3 to 64 of A-Z, a-z, 0-9, - and _. Defaults to a generated
	// one of 8 characters.
	ReferralCode string
	// PartnerSlug is 3 to 64 of a-z, 0-9, - and _; "" for none.
	PartnerSlug string
}

// UpdateAffiliateParams change what is not nil, and given.
type UpdateAffiliateParams struct {
	Email             *string
	ReferralCode      *string
	PartnerSlug       Null[string]
	Status            *AffiliateStatus
	PayoutPreferences Null[PayoutPreferences]
}

// ListAffiliatesParams narrow and page the list of affiliates.
type ListAffiliatesParams struct {
	// Status is "" for all.
	Status AffiliateStatus
	// Limit is 1 to 500; 0 means 20.
	Limit  int
	After  Cursor
	Offset int
}

// CreateAffiliate adds an affiliate to the program. Errors: ErrInvalid;
// ErrConflict when the email, the code or the slug is taken.
func (p *Project) CreateAffiliate(ctx context.Context, params CreateAffiliateParams) (*Affiliate, error) {
	email, err := address("email", params.Email)
	if err != nil {
		return nil, err
	}
	if params.ReferralCode != "" {
		if err := code("referral_code", params.ReferralCode); err != nil {
			return nil, err
		}
	}
	if params.PartnerSlug != "" {
		if err := slug("partner_slug", params.PartnerSlug); err != nil {
			return nil, err
		}
	}
	return change(ctx, p, "creating an affiliate", backend.Work{}, func(ctx context.Context, o *op) (*Affiliate, error) {
		row, err := o.createAffiliate(ctx, email, params.ReferralCode, textOrNull(params.PartnerSlug))
		if err != nil {
			return nil, err
		}
		return showAffiliate(row, statistics{}, string(o.state.settings.Currency))
	})
}

func (o *op) createAffiliate(ctx context.Context, email, referralCode string, partnerSlug *string) (*db.Affiliate, error) {
	if err := o.emailIsFree(ctx, email, 0); err != nil {
		return nil, err
	}
	if referralCode == "" {
		var err error
		if referralCode, err = o.generateCode(ctx); err != nil {
			return nil, err
		}
	}
	row := &db.Affiliate{
		ProjectID: o.project, Email: email, ReferralCode: referralCode, PartnerSlug: partnerSlug,
		Status: string(AffiliateActive), CreatedAt: o.now,
	}
	var err error
	row.ID, err = o.InsertAffiliate(ctx, db.InsertAffiliateParams{
		ProjectID: o.project, Email: email, ReferralCode: referralCode, PartnerSlug: partnerSlug, Status: row.Status, CreatedAt: o.now,
	})
	if err != nil {
		return nil, err
	}
	if err := o.claimCode(ctx, "referral_code", referralCode, row.ID); err != nil {
		return nil, err
	}
	if partnerSlug != nil {
		if err := o.claimCode(ctx, "partner_slug", *partnerSlug, row.ID); err != nil {
			return nil, err
		}
	}
	o.countAffiliate(AffiliateActive, 1)
	return row, nil
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
	return conflict("email", "an affiliate with this email exists already")
}

func (o *op) countAffiliate(status AffiliateStatus, by int64) {
	delta := db.AddTotalsParams{ProjectID: o.project}
	switch status {
	case AffiliateActive:
		delta.AffiliatesActive = by
	case AffiliateInactive:
		delta.AffiliatesInactive = by
	}
	o.Add(delta)
}

// GetAffiliate finds an affiliate by its id. Errors: ErrNotFound.
func (p *Project) GetAffiliate(ctx context.Context, id int64) (*Affiliate, error) {
	return p.findAffiliate(ctx, func(ctx context.Context, q db.Querier) (db.Affiliate, error) {
		return q.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: p.id, AffiliateID: id})
	})
}

// AffiliateByEmail finds an affiliate by its email, in any case. Errors:
// ErrNotFound, ErrInvalid.
func (p *Project) AffiliateByEmail(ctx context.Context, email string) (*Affiliate, error) {
	email, err := address("email", email)
	if err != nil {
		return nil, err
	}
	return p.findAffiliate(ctx, func(ctx context.Context, q db.Querier) (db.Affiliate, error) {
		return q.GetAffiliateByEmail(ctx, db.GetAffiliateByEmailParams{ProjectID: p.id, Email: email})
	})
}

// AffiliateByCode finds the affiliate that a referral code or a partner slug
// leads to, in any case, former ones included. Errors: ErrNotFound.
func (p *Project) AffiliateByCode(ctx context.Context, code string) (*Affiliate, error) {
	return p.findAffiliate(ctx, func(ctx context.Context, q db.Querier) (db.Affiliate, error) {
		return q.GetAffiliateByCode(ctx, db.GetAffiliateByCodeParams{ProjectID: p.id, Code: fold(code)})
	})
}

func (p *Project) findAffiliate(ctx context.Context, find func(context.Context, db.Querier) (db.Affiliate, error)) (*Affiliate, error) {
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
	return showAffiliate(row, stats[row.ID], project.Currency)
}

// UpdateAffiliate changes an affiliate. Errors: ErrNotFound, ErrInvalid,
// ErrConflict when the new email, code or slug is taken.
func (p *Project) UpdateAffiliate(ctx context.Context, id int64, params UpdateAffiliateParams) (*Affiliate, error) {
	if err := params.check(); err != nil {
		return nil, err
	}
	return change(ctx, p, "updating an affiliate", backend.Work{}, func(ctx context.Context, o *op) (*Affiliate, error) {
		row, err := o.updateAffiliate(ctx, id, params)
		if err != nil {
			return nil, err
		}
		return p.withStatistics(ctx, o, row, o.now)
	})
}

func (u *UpdateAffiliateParams) check() error {
	if u.Email != nil {
		email, err := address("email", *u.Email)
		if err != nil {
			return err
		}
		u.Email = &email
	}
	if u.ReferralCode != nil {
		if err := code("referral_code", *u.ReferralCode); err != nil {
			return err
		}
	}
	if s := u.PartnerSlug.Value(); s != nil {
		if err := slug("partner_slug", *s); err != nil {
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

func (o *op) updateAffiliate(ctx context.Context, id int64, u UpdateAffiliateParams) (*db.Affiliate, error) {
	row, err := o.GetAffiliate(ctx, db.GetAffiliateParams{ProjectID: o.project, AffiliateID: id})
	if err != nil {
		return nil, missing(err, "Affiliate")
	}
	before := row
	o.visits = true
	set(&row.Email, u.Email)
	set(&row.ReferralCode, u.ReferralCode)
	u.PartnerSlug.apply(&row.PartnerSlug)
	if u.Status != nil {
		row.Status = string(*u.Status)
	}
	if u.PayoutPreferences.Given() {
		pp := orZero(u.PayoutPreferences.Value())
		row.PaypalEmail, row.WiseAccountID, row.WiseEmail = textOrNull(pp.PayPalEmail), textOrNull(pp.WiseAccountID), textOrNull(pp.WiseEmail)
	}
	if err := o.emailIsFree(ctx, row.Email, id); err != nil {
		return nil, err
	}
	if row.ReferralCode != before.ReferralCode {
		if err := o.claimCode(ctx, "referral_code", row.ReferralCode, id); err != nil {
			return nil, err
		}
	}
	if row.PartnerSlug != nil && *row.PartnerSlug != orZero(before.PartnerSlug) {
		if err := o.claimCode(ctx, "partner_slug", *row.PartnerSlug, id); err != nil {
			return nil, err
		}
	}
	if row.Status != before.Status {
		o.countAffiliate(AffiliateStatus(before.Status), -1)
		o.countAffiliate(AffiliateStatus(row.Status), 1)
	}
	return &row, o.Tx.UpdateAffiliate(ctx, db.UpdateAffiliateParams{
		ProjectID: o.project, AffiliateID: id, Email: row.Email, ReferralCode: row.ReferralCode, PartnerSlug: row.PartnerSlug,
		Status: row.Status, PaypalEmail: row.PaypalEmail, WiseAccountID: row.WiseAccountID, WiseEmail: row.WiseEmail,
	})
}

// ListAffiliates gives a page of affiliates, newest first. Errors: ErrInvalid.
func (p *Project) ListAffiliates(ctx context.Context, params ListAffiliatesParams) (Page[Affiliate], error) {
	var page Page[Affiliate]
	if err := params.check(); err != nil {
		return page, err
	}
	at, err := pageOf("affiliates", params.Limit, 20, params.After, params.Offset, p.id, params.Status)
	if err != nil {
		return page, err
	}
	from, to := textRange(string(params.Status))
	err = p.snapshot(ctx, "listing affiliates", func(ctx context.Context, q db.Querier) error {
		rows, err := q.ListAffiliates(ctx, db.ListAffiliatesParams{
			ProjectID: p.id, BeforeTime: at.from.time, BeforeID: at.from.id, StatusFrom: from, StatusTo: to,
			Limit: at.fetch(), Offset: at.offset,
		})
		if err != nil {
			return err
		}
		project, err := q.GetProject(ctx, p.id)
		if err != nil {
			return err
		}
		ids := make([]int64, len(rows))
		for i := range rows {
			ids[i] = rows[i].ID
		}
		stats, err := readStatistics(ctx, q, p.id, ids, p.engine.millis())
		if err != nil {
			return err
		}
		page, err = cut(at, rows, func(r *db.Affiliate) (int64, int64) { return r.CreatedAt, r.ID },
			func(r *db.Affiliate) (*Affiliate, error) { return showAffiliate(r, stats[r.ID], project.Currency) })
		return err
	})
	return page, err
}

func (params ListAffiliatesParams) check() error {
	switch params.Status {
	case "", AffiliateActive, AffiliateInactive:
		return nil
	}
	return invalid("status", `must be "active" or "inactive"`)
}

// CountAffiliates counts all pages of a list.
func (p *Project) CountAffiliates(ctx context.Context, params ListAffiliatesParams) (int64, error) {
	if err := params.check(); err != nil {
		return 0, err
	}
	totals, err := read(p, "counting affiliates", func(q db.Querier) (db.ProjectTotals, error) { return q.GetProjectTotals(ctx, p.id) })
	switch params.Status {
	case AffiliateActive:
		return totals.AffiliatesActive, err
	case AffiliateInactive:
		return totals.AffiliatesInactive, err
	}
	return totals.AffiliatesActive + totals.AffiliatesInactive, err
}

// AllAffiliates walks the whole list. It fetches page by page and holds no rows
// open.
func (p *Project) AllAffiliates(ctx context.Context, params ListAffiliatesParams) iter.Seq2[Affiliate, error] {
	return all(func(after Cursor) (Page[Affiliate], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return p.ListAffiliates(ctx, params)
	})
}

func showAffiliate(r *db.Affiliate, s statistics, currency string) (*Affiliate, error) {
	earnings, err := ownCurrencyFirst(s.balances, currency)
	return &Affiliate{
		ID: r.ID, Email: r.Email, ReferralCode: r.ReferralCode, PartnerSlug: orZero(r.PartnerSlug),
		Status: AffiliateStatus(r.Status), CreatedAt: instant(r.CreatedAt),
		PayoutPreferences: PayoutPreferences{
			PayPalEmail: orZero(r.PaypalEmail), WiseAccountID: orZero(r.WiseAccountID), WiseEmail: orZero(r.WiseEmail),
		},
		Clicks: r.Clicks, Signups: s.signups, Purchases: s.purchases,
		Earnings: earnings,
	}, err
}
