package httpapi

import (
	"context"
	"net/http"
	"slices"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

func listAffiliates(c *call) (work, error) {
	q := c.query()
	at := q.paging(20)
	params := refgrow.ListAffiliatesParams{
		Status: refgrow.AffiliateStatus(q.text("status")),
		Limit:  at.limit, Offset: at.offset, After: at.cursor,
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		page, err := p.ListAffiliates(ctx, params)
		if err != nil {
			return answer{}, err
		}
		settings, err := p.Settings(ctx)
		if err != nil {
			return answer{}, err
		}
		return many(at, page, func() (int64, error) { return p.CountAffiliates(ctx, params) },
			func(o *wire.Object, a *refgrow.Affiliate) { showAffiliate(o, a, settings) })
	}, nil
}

func createAffiliate(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.CreateAffiliateParams{
		Email:        b.required("email"),
		ReferralCode: b.text("referral_code"),
		PartnerSlug:  b.text("partner_slug"),
	}
	if err := b.end(); err != nil {
		return nil, err
	}
	return giving(http.StatusCreated, showNewAffiliate, func(ctx context.Context, p *refgrow.Project) (*refgrow.Affiliate, error) {
		return p.CreateAffiliate(ctx, params)
	}), nil
}

func retrieveAffiliate(c *call) (work, error) {
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		a, err := p.AffiliateByEmail(ctx, c.value)
		if err != nil {
			return answer{}, err
		}
		return oneAffiliate(ctx, p, a)
	}, nil
}

func updateAffiliate(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.UpdateAffiliateParams{
		Email:        b.newText("email"),
		ReferralCode: b.newText("referral_code"),
		PartnerSlug:  b.nullText("partner_slug"),
		Status:       as[refgrow.AffiliateStatus](b.newText("status")),
	}
	preferences := b.preferences()
	if err := b.change(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (done answer, err error) {
		err = p.Atomic(ctx, func(p *refgrow.Project) error {
			now, err := p.AffiliateByEmail(ctx, c.value)
			if err != nil {
				return err
			}
			params := params
			params.PayoutPreferences = preferences.apply(now.PayoutPreferences)
			updated, err := p.UpdateAffiliate(ctx, now.ID, params)
			if err != nil {
				return err
			}
			done, err = oneAffiliate(ctx, p, updated)
			return err
		})
		return done, err
	}, nil
}

func deleteAffiliate(c *call) (work, error) {
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		// Not in one transaction: a deletion goes in steps.
		a, err := p.AffiliateByEmail(ctx, c.value)
		if err != nil {
			return answer{}, err
		}
		return noContent(), p.DeleteAffiliate(ctx, a.ID)
	}, nil
}

// preferences is a change of where an affiliate wants to be paid. What it does
// not name stays as it is.
type preferences struct {
	given, clear     bool
	payPalEmail      refgrow.Null[string]
	clearWise        bool
	wiseID, wiseMail refgrow.Null[string]
}

func (b *body) preferences() preferences {
	inner, null := b.nullObject("payout_preferences")
	if inner == nil {
		return preferences{given: null, clear: null}
	}
	change := preferences{given: true, payPalEmail: inner.nullText("paypal_email")}
	wise, null := inner.nullObject("wise_details")
	change.clearWise = null
	if wise != nil {
		change.wiseID, change.wiseMail = wise.nullText("accountId"), wise.nullText("email")
		inner.within(wise)
	}
	b.within(inner)
	return change
}

func (c preferences) apply(now refgrow.PayoutPreferences) refgrow.Null[refgrow.PayoutPreferences] {
	switch {
	case !c.given:
		return refgrow.Null[refgrow.PayoutPreferences]{}
	case c.clear:
		return refgrow.Clear[refgrow.PayoutPreferences]()
	case c.clearWise:
		now.WiseAccountID, now.WiseEmail = "", ""
	}
	set(&now.PayPalEmail, c.payPalEmail)
	set(&now.WiseAccountID, c.wiseID)
	set(&now.WiseEmail, c.wiseMail)
	return refgrow.Set(now)
}

// set changes a text unless the change is absent.
func set(text *string, change refgrow.Null[string]) {
	switch {
	case change.Value() != nil:
		*text = *change.Value()
	case change.Given():
		*text = ""
	}
}

func oneAffiliate(ctx context.Context, p *refgrow.Project, a *refgrow.Affiliate) (answer, error) {
	settings, err := p.Settings(ctx)
	if err != nil {
		return answer{}, err
	}
	return one(http.StatusOK, a, func(o *wire.Object, a *refgrow.Affiliate) { showAffiliate(o, a, settings) }), nil
}

// showNewAffiliate is the form of a create's answer: no earnings yet.
func showNewAffiliate(o *wire.Object, a *refgrow.Affiliate) {
	o.Integer("id", a.ID)
	o.Text("user_email", a.Email)
	o.Text("referral_code", a.ReferralCode)
	o.Optional("partner_slug", a.PartnerSlug)
	o.Null("unpaid_earnings")
	o.Null("total_earnings")
	o.Instant("created_at", a.CreatedAt)
	o.Text("status", string(a.Status))
}

func showAffiliate(o *wire.Object, a *refgrow.Affiliate, settings refgrow.Settings) {
	o.Integer("id", a.ID)
	o.Text("user_email", a.Email)
	o.Text("referral_code", a.ReferralCode)
	o.Instant("created_at", a.CreatedAt)
	o.Text("status", string(a.Status))
	o.Integer("clicks", a.Clicks)
	o.Integer("signups", a.Signups)
	o.Integer("purchases", a.Purchases)
	holds := settings.HoldDays > 0 ||
		slices.ContainsFunc(a.Earnings, func(b refgrow.Balance) bool { return !b.Held.IsZero() })
	showEarnings(o, a.Earnings[0], holds)
	o.Optional("partner_slug", a.PartnerSlug)
	if others := a.Earnings[1:]; len(others) > 0 {
		o.Member("earnings_by_currency")
		o.B = appendList(o.B, others, func(inner *wire.Object, balance *refgrow.Balance) {
			inner.Text("currency", string(balance.Currency))
			showEarnings(inner, *balance, holds)
		})
	}
	pp := a.PayoutPreferences
	o.PayoutPreferences(pp.PayPalEmail, pp.WiseAccountID, pp.WiseEmail)
}

// showEarnings shows a balance. What is held is shown where there are holds.
func showEarnings(o *wire.Object, balance refgrow.Balance, holds bool) {
	o.Decimal("unpaid_earnings", balance.Unpaid)
	o.Decimal("total_earnings", balance.Total)
	o.Decimal("paid_earnings", balance.Paid)
	if holds {
		o.Decimal("eligible_earnings", balance.Eligible)
		o.Decimal("held_earnings", balance.Held)
		o.OptionalInstant("next_release_date", balance.NextRelease)
	}
}
