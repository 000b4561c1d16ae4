package refgrow

import (
	"context"
	"iter"
	"slices"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
)

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
			shown(func(r *db.Affiliate) (*Affiliate, error) {
				return showAffiliate(r, stats[r.ID], project.Currency, project.HoldDays)
			}))
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

// showAffiliate shows a row of a project with this currency and hold.
func showAffiliate(r *db.Affiliate, s statistics, currency string, holdDays int64) (*Affiliate, error) {
	earnings, err := ownCurrencyFirst(s.balances, currency)
	return &Affiliate{
		ID: r.ID, Email: r.Email, ReferralCode: r.ReferralCode, PartnerSlug: stored.OrZero(r.PartnerSlug),
		Status: AffiliateStatus(r.Status), CreatedAt: stored.Instant(r.CreatedAt),
		PayoutPreferences: PayoutPreferences{
			PayPalEmail:   stored.OrZero(r.PaypalEmail),
			WiseAccountID: stored.OrZero(r.WiseAccountID),
			WiseEmail:     stored.OrZero(r.WiseEmail),
			WiseName:      stored.OrZero(r.WiseName),
		},
		PayoutsPaused: r.PayoutsPaused == 1,
		Clicks:        r.Clicks, Signups: s.signups, Purchases: s.purchases,
		Earnings: earnings, holds: holdDays > 0,
	}, err
}

// AppendJSON appends the affiliate to b in the form in which the REST API retrieves it,
// which is also that of webhooks.
func (a *Affiliate) AppendJSON(b []byte) []byte {
	o := wire.Begin(b)
	o.Integer("id", a.ID)
	o.Text("user_email", a.Email)
	o.Text("referral_code", a.ReferralCode)
	o.Instant("created_at", a.CreatedAt)
	o.Text("status", string(a.Status))
	o.Integer("clicks", a.Clicks)
	o.Integer("signups", a.Signups)
	o.Integer("purchases", a.Purchases)
	holds := a.holds || slices.ContainsFunc(a.Earnings, func(b Balance) bool { return !b.Held.IsZero() })
	if len(a.Earnings) > 0 { // an engine's affiliate has the one in the project's currency
		appendEarnings(&o, &a.Earnings[0], holds)
	}
	o.Optional("partner_slug", a.PartnerSlug)
	for i := 1; i < len(a.Earnings); i++ {
		if i == 1 {
			o.Member("earnings_by_currency")
			o.B = append(o.B, '[')
		} else {
			o.B = append(o.B, ',')
		}
		inner := wire.Begin(o.B)
		inner.Text("currency", string(a.Earnings[i].Currency))
		appendEarnings(&inner, &a.Earnings[i], holds)
		o.B = inner.End()
	}
	if len(a.Earnings) > 1 {
		o.B = append(o.B, ']')
	}
	pp := &a.PayoutPreferences
	o.PayoutPreferences(pp.PayPalEmail, pp.WiseAccountID, pp.WiseEmail, pp.WiseName)
	o.Flag("payouts_paused", a.PayoutsPaused)
	return o.End()
}

// appendEarnings shows a balance. What is held is shown only where there are holds.
func appendEarnings(o *wire.Object, balance *Balance, holds bool) {
	o.Decimal("unpaid_earnings", balance.Unpaid)
	o.Decimal("total_earnings", balance.Total)
	o.Decimal("paid_earnings", balance.Paid)
	if holds {
		o.Decimal("eligible_earnings", balance.Eligible)
		o.Decimal("held_earnings", balance.Held)
		o.OptionalInstant("next_release_date", balance.NextRelease)
	}
}

// emitAffiliate reports an affiliate who was created, activated or deactivated, to the
// endpoints that ask for it.
func (o *op) emitAffiliate(ctx context.Context, row *db.Affiliate, shown *Affiliate) error {
	if !o.state.watchesAffiliates {
		return nil
	}
	change := outbox.Change{
		Kind: outbox.AffiliateChanged, Lane: outbox.AffiliateLane(row.ID), Data: shown.AppendJSON(nil),
	}
	change.About(row)
	_, err := o.writeEvent(ctx, change)
	return err
}
