package refgrow

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"iter"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/erasure"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/payfile"
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

// ListAffiliatesParams narrow and page the list of affiliates.
type ListAffiliatesParams struct {
	// Status is "" for all.
	Status AffiliateStatus
	// ReferralCode finds the affiliate that a code leads to, as AffiliateByCode does.
	// It is nil for all; an empty one finds nobody.
	ReferralCode *string
	// Limit is 1 to 500; 0 means 20.
	Limit  int
	After  Cursor
	Offset int
}

// CreateAffiliate adds an affiliate to the program. Errors: ErrInvalid;
// ErrConflict when the email, the code or the slug is taken.
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
// ErrConflict when the new email, code or slug is taken.
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

// ListAffiliates returns a page of affiliates, newest first. Errors: ErrInvalid.
func (p *Project) ListAffiliates(ctx context.Context, params ListAffiliatesParams) (Page[Affiliate], error) {
	var page Page[Affiliate]
	if err := params.check(); err != nil {
		return page, err
	}
	at, err := pageOf("affiliates", params.Limit, 20, params.After, params.Offset,
		p.id, params.Status, named(params.ReferralCode))
	if err != nil {
		return page, err
	}
	err = p.snapshot(ctx, "listing affiliates", func(ctx context.Context, q db.Querier) error {
		rows, err := p.affiliateRows(ctx, q, params, at)
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
			func(r *db.Affiliate) (*Affiliate, error) {
				return showAffiliate(r, stats[r.ID], project.Currency, project.HoldDays)
			})
		return err
	})
	return page, err
}

func (p *Project) affiliateRows(
	ctx context.Context, q db.Querier, params ListAffiliatesParams, at paging,
) ([]db.Affiliate, error) {
	if params.ReferralCode != nil {
		rows, err := p.affiliateOfCode(ctx, q, params)
		return within(at, rows, func(r *db.Affiliate) (int64, int64) { return r.CreatedAt, r.ID }), err
	}
	if beyond, err := at.isBeyond(ctx, q, p.id, params.countIn); beyond || err != nil {
		return nil, err
	}
	from, to := textRange(string(params.Status))
	return q.ListAffiliates(ctx, db.ListAffiliatesParams{
		ProjectID: p.id, BeforeTime: at.from.time, BeforeID: at.from.id, StatusFrom: from, StatusTo: to,
		Limit: at.fetch(), Offset: at.offset,
	})
}

// affiliateOfCode is the one affiliate, at most, that a list by a code has.
func (p *Project) affiliateOfCode(
	ctx context.Context, q db.Querier, params ListAffiliatesParams,
) ([]db.Affiliate, error) {
	return atMostOne(func() (db.Affiliate, error) {
		return q.GetAffiliateByCode(ctx, db.GetAffiliateByCodeParams{
			ProjectID: p.id, Code: form.Fold(*params.ReferralCode),
		})
	}, func(r *db.Affiliate) bool { return params.Status == "" || params.Status == AffiliateStatus(r.Status) })
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
	if params.ReferralCode != nil {
		return read(ctx, p, "counting affiliates", func(ctx context.Context, q db.Querier) (int64, error) {
			rows, err := p.affiliateOfCode(ctx, q, params)
			return int64(len(rows)), err
		})
	}
	totals, err := read(ctx, p, "counting affiliates", func(ctx context.Context, q db.Querier) (db.ProjectTotals, error) {
		return q.GetProjectTotals(ctx, p.id)
	})
	return params.countIn(&totals), err
}

// countIn is how many affiliates there are in all of the status that the list has.
func (params ListAffiliatesParams) countIn(totals *db.ProjectTotals) int64 {
	switch params.Status {
	case AffiliateActive:
		return totals.AffiliatesActive
	case AffiliateInactive:
		return totals.AffiliatesInactive
	}
	return totals.AffiliatesActive + totals.AffiliatesInactive
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

// PayoutPreferences say where an affiliate wants to be paid. None may begin with =, +,
// - or @, which a spreadsheet takes for a formula.
type PayoutPreferences struct {
	PayPalEmail string
	// WiseAccountID is the id of a saved recipient at Wise: a positive integer, or a
	// UUID.
	WiseAccountID string
	WiseEmail     string
	// WiseName is the name in the templates of Wise, of at most 140 characters.
	WiseName string
}

// check refuses what is not an address, and what a spreadsheet would take for a
// formula.
func (pp PayoutPreferences) check() (PayoutPreferences, error) {
	for _, a := range []struct {
		field string
		email *string
	}{{"payout_preferences.paypal_email", &pp.PayPalEmail}, {"payout_preferences.wise_details.email", &pp.WiseEmail}} {
		if *a.email == "" {
			continue
		}
		email, err := emailAt(a.field, *a.email)
		if err != nil {
			return pp, err
		}
		*a.email = email
	}
	for _, a := range []struct{ field, text string }{
		{"payout_preferences.paypal_email", pp.PayPalEmail},
		{"payout_preferences.wise_details.email", pp.WiseEmail},
		{"payout_preferences.wise_name", pp.WiseName},
	} {
		if form.Formula(a.text) {
			return pp, invalid(a.field, "must not begin with =, +, - or @")
		}
	}
	return pp, at("payout_preferences.wise_name", form.Text(pp.WiseName, 140))
}

// keepIn puts preferences that were checked into an affiliate's row. An account id that
// is kept already stays, even one from before there was a rule about ids.
func (pp PayoutPreferences) keepIn(row *db.Affiliate) error {
	if pp.WiseAccountID != "" && pp.WiseAccountID != stored.OrZero(row.WiseAccountID) {
		if err := at("payout_preferences.wise_details.accountId", payfile.AccountID(pp.WiseAccountID)); err != nil {
			return err
		}
	}
	row.PaypalEmail = stored.TextOrNull(pp.PayPalEmail)
	row.WiseAccountID = stored.TextOrNull(pp.WiseAccountID)
	row.WiseEmail = stored.TextOrNull(pp.WiseEmail)
	row.WiseName = stored.TextOrNull(pp.WiseName)
	return nil
}

// registerCode makes a code or a slug lead to the affiliate, which keeps its former
// ones.
func (o *op) registerCode(ctx context.Context, field, text string, affiliate int64) error {
	if err := o.codeIsFree(ctx, field, erasure.ReferralCode, text); err != nil {
		return err
	}
	_, err := o.InsertCode(ctx, db.InsertCodeParams{ProjectID: o.project, Code: form.Fold(text), AffiliateID: affiliate})
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	owner, err := o.GetCodeOwner(ctx, db.GetCodeOwnerParams{ProjectID: o.project, Code: form.Fold(text)})
	if err != nil || owner == affiliate {
		return err
	}
	return taken(owner, field, "already leads to another affiliate")
}

// codeAlphabet has no look-alikes. Its 32 letters divide a byte's values evenly.
const codeAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

// generateCode finds a free referral code.
func (o *op) generateCode(ctx context.Context) (string, error) {
	for range 20 {
		var b [8]byte
		rand.Read(b[:]) // never fails
		for i := range b {
			b[i] = codeAlphabet[int(b[i])%len(codeAlphabet)]
		}
		_, err := o.GetCodeOwner(ctx, db.GetCodeOwnerParams{ProjectID: o.project, Code: form.Fold(string(b[:]))})
		if errors.Is(err, sql.ErrNoRows) && o.codeIsFree(ctx, "", erasure.ReferralCode, string(b[:])) == nil {
			return string(b[:]), nil
		}
		if err != nil {
			return "", err
		}
	}
	return "", errors.New("no free referral code found")
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

// customerEmail returns the one form of a customer's email.
func customerEmail(text string) (string, error) {
	email, err := form.CustomerEmail(text)
	return email, at("email", err)
}
