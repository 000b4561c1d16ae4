package refgrow

import (
	"context"
	"iter"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
)

// ListReferralsParams narrow and page the list of referred users.
type ListReferralsParams struct {
	// AffiliateID and Status are 0 and "" for all.
	AffiliateID int64
	Status      ReferralStatus
	// ExternalID is the app's own id for the user. It is nil for all; an empty one
	// finds nobody.
	ExternalID *string
	// Limit is 1 to 500; 0 means 20.
	Limit  int
	After  Cursor
	Offset int
}

// ListReferrals returns a page of referred users, newest first. Errors: ErrInvalid.
func (p *Project) ListReferrals(ctx context.Context, params ListReferralsParams) (Page[Referral], error) {
	var page Page[Referral]
	if err := params.check(); err != nil {
		return page, err
	}
	at, err := pageOf("referrals", params.Limit, 20, params.After, params.Offset,
		p.id, params.AffiliateID, params.Status, named(params.ExternalID))
	if err != nil {
		return page, err
	}
	from, to := textRange(string(params.Status))
	list := func(ctx context.Context, q db.Querier) ([]db.ListReferralsRow, error) {
		if params.ExternalID != nil {
			rows, err := p.referralOfExternalID(ctx, q, params)
			return within(at, rows, func(r *db.ListReferralsRow) (int64, int64) { return r.CreatedAt, r.ID }), err
		}
		if beyond, err := at.isBeyond(ctx, q, p.id, params.countIn); beyond || err != nil {
			return nil, err
		}
		if params.AffiliateID != 0 {
			rows, err := q.ListReferralsOfAffiliate(ctx, db.ListReferralsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: params.AffiliateID, BeforeTime: at.from.time, BeforeID: at.from.id,
				StatusFrom: from, StatusTo: to, Limit: at.fetch(), Offset: at.offset,
			})
			return convert(rows, func(r db.ListReferralsOfAffiliateRow) db.ListReferralsRow {
				return db.ListReferralsRow(r)
			}), err
		}
		return q.ListReferrals(ctx, db.ListReferralsParams{
			ProjectID: p.id, BeforeTime: at.from.time, BeforeID: at.from.id,
			StatusFrom: from, StatusTo: to, Limit: at.fetch(), Offset: at.offset,
		})
	}
	err = p.snapshot(ctx, "listing referred users", func(ctx context.Context, q db.Querier) error {
		rows, err := list(ctx, q)
		if err != nil {
			return err
		}
		ids := make([]int64, len(rows))
		for i := range rows {
			ids[i] = rows[i].ID
		}
		further, err := furtherExternalIDs(ctx, q, p.id, ids...)
		if err != nil {
			return err
		}
		page, err = cut(at, rows, func(r *db.ListReferralsRow) (int64, int64) { return r.CreatedAt, r.ID },
			sound(func(r *db.ListReferralsRow) *Referral {
				return showReferral(&db.FindReferralRow{
					ID: r.ID, Email: r.Email, ExternalID: r.ExternalID, AffiliateID: r.AffiliateID, Status: r.Status,
					ConversionDate: r.ConversionDate, CreatedAt: r.CreatedAt, AffiliateCode: r.AffiliateCode,
				}, further[r.ID])
			}))
		return err
	})
	return page, err
}

// referralOfExternalID is the one user, at most, that a list by an external id has.
func (p *Project) referralOfExternalID(
	ctx context.Context, q db.Querier, params ListReferralsParams,
) ([]db.ListReferralsRow, error) {
	rows, err := atMostOne(func() (db.FindReferralRow, error) {
		return findByExternalID(*params.ExternalID)(ctx, q, p.id)
	}, func(r *db.FindReferralRow) bool {
		return (params.AffiliateID == 0 || params.AffiliateID == stored.OrZero(r.AffiliateID)) &&
			(params.Status == "" || params.Status == ReferralStatus(r.Status))
	})
	return convert(rows, func(r db.FindReferralRow) db.ListReferralsRow {
		return db.ListReferralsRow{
			ID: r.ID, Email: r.Email, ExternalID: r.ExternalID, AffiliateID: r.AffiliateID, Status: r.Status,
			ConversionDate: r.ConversionDate, CreatedAt: r.CreatedAt, AffiliateCode: r.AffiliateCode,
		}
	}), err
}

func (params ListReferralsParams) check() error {
	if params.AffiliateID < 0 {
		return at("affiliate_id", form.ID(params.AffiliateID))
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
	return read(ctx, p, "counting referred users", func(ctx context.Context, q db.Querier) (int64, error) {
		if params.ExternalID != nil {
			rows, err := p.referralOfExternalID(ctx, q, params)
			return int64(len(rows)), err
		}
		if params.AffiliateID != 0 {
			from, to := textRange(string(params.Status))
			return q.CountReferralsOfAffiliate(ctx, db.CountReferralsOfAffiliateParams{
				ProjectID: p.id, AffiliateID: params.AffiliateID, StatusFrom: from, StatusTo: to,
			})
		}
		totals, err := q.GetProjectTotals(ctx, p.id)
		return params.countIn(&totals), err
	})
}

// countIn is how many referrals there are in all of the status that the list has.
func (params ListReferralsParams) countIn(totals *db.ProjectTotals) int64 {
	switch params.Status {
	case ReferralPending:
		return totals.ReferralsPending
	case ReferralConverted:
		return totals.ReferralsConverted
	case ReferralDirect:
		return totals.ReferralsDirect
	case ReferralDirectSignup:
		return totals.ReferralsDirectSignup
	}
	return totals.ReferralsPending + totals.ReferralsConverted + totals.ReferralsDirect + totals.ReferralsDirectSignup
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

// showReferral shows a user with the external ids that follow the first one.
func showReferral(r *db.FindReferralRow, further []string) *Referral {
	var ids []string
	if r.ExternalID != nil {
		ids = append([]string{*r.ExternalID}, further...)
	}
	return &Referral{
		ID: r.ID, Email: stored.OrZero(r.Email), ExternalID: stored.OrZero(r.ExternalID), ExternalIDs: ids,
		AffiliateID: stored.OrZero(r.AffiliateID), AffiliateCode: stored.OrZero(r.AffiliateCode),
		Status:         ReferralStatus(r.Status),
		ConversionDate: stored.OptionalInstant(r.ConversionDate), CreatedAt: stored.Instant(r.CreatedAt),
	}
}

// AppendJSON appends the referred user to b in the form that the REST API and webhooks
// use.
func (r *Referral) AppendJSON(b []byte) []byte {
	o := wire.Begin(b)
	o.Integer("id", r.ID)
	o.Optional("user_email", r.Email)
	o.Optional("external_id", r.ExternalID)
	o.Texts("external_ids", r.ExternalIDs)
	o.Text("conversion_status", string(r.Status))
	o.OptionalInstant("conversion_date", r.ConversionDate)
	o.Instant("created_at", r.CreatedAt)
	o.ID("affiliate_id", r.AffiliateID)
	o.Optional("affiliate_code", r.AffiliateCode)
	return o.End()
}

// emitReferralCreated writes that a referred user was created for an affiliate. Every
// event names the user, so there is nothing to add.
func (o *op) emitReferralCreated(ctx context.Context, row *db.FindReferralRow) error {
	return o.emit(ctx, row.AffiliateID, &row.ID, outbox.Change{
		Kind: outbox.ReferralCreated, Lane: outbox.ReferralLane(row.ID), Data: []byte("{}"),
	})
}

// emitReferralChange writes that a referred user was changed, unless nothing visible
// changed.
func (o *op) emitReferralChange(ctx context.Context, before, after *Referral) error {
	if !o.state.watched {
		return nil
	}
	data, err := outbox.WithChanges(before.AppendJSON(nil), after.AppendJSON(nil))
	if err != nil || data == nil {
		return err
	}
	return o.emit(ctx, stored.IDOrNull(after.AffiliateID), &after.ID, outbox.Change{
		Kind: outbox.ReferralChanged, Lane: outbox.ReferralLane(after.ID), Data: data,
	})
}
