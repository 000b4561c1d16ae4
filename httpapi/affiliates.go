package httpapi

import (
	"context"
	"net/http"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

func listAffiliates(c *call) (work, error) {
	q := c.query()
	at := q.paging(20)
	params := refgrow.ListAffiliatesParams{
		Status:       refgrow.AffiliateStatus(q.text("status")),
		ReferralCode: q.name("referral_code"),
		Limit:        at.limit, Offset: at.offset, After: at.cursor,
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		page, err := p.ListAffiliates(ctx, params)
		if err != nil {
			return answer{}, err
		}
		return many(at, page, func() (int64, error) { return p.CountAffiliates(ctx, params) }, showAffiliate)
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
	preferences := b.preferences()
	if wanted := preferences.apply(params.PayoutPreferences).Value(); wanted != nil {
		params.PayoutPreferences = *wanted
	}
	if err := b.end(); err != nil {
		return nil, err
	}
	return giving(http.StatusCreated, showNewAffiliate,
		func(ctx context.Context, p *refgrow.Project) (*refgrow.Affiliate, error) {
			return p.CreateAffiliate(ctx, params)
		}), nil
}

func retrieveAffiliate(c *call) (work, error) {
	return giving(http.StatusOK, showAffiliate, c.affiliate), nil
}

func updateAffiliate(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.UpdateAffiliateParams{
		Email:         b.newText("email"),
		ReferralCode:  b.newText("referral_code"),
		PartnerSlug:   b.nullText("partner_slug"),
		Status:        as[refgrow.AffiliateStatus](b.newText("status")),
		PayoutsPaused: b.newFlag("payouts_paused"),
	}
	preferences := b.preferences()
	if err := b.change(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (done answer, err error) {
		err = p.Atomic(ctx, func(p *refgrow.Project) error {
			now, err := c.affiliate(ctx, p)
			if err != nil {
				return err
			}
			params := params
			params.PayoutPreferences = preferences.apply(now.PayoutPreferences)
			updated, err := p.UpdateAffiliate(ctx, now.ID, params)
			if err != nil {
				return err
			}
			done = one(http.StatusOK, updated, showAffiliate)
			return nil
		})
		return done, err
	}, nil
}

func deleteAffiliate(c *call) (work, error) {
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		// Not in one transaction: a deletion goes in steps.
		a, err := c.affiliate(ctx, p)
		if err != nil {
			return answer{}, err
		}
		return noContent(), p.DeleteAffiliate(ctx, a.ID)
	}, nil
}

func eraseAffiliate(c *call) (work, error) {
	return c.erasing(func(ctx context.Context, p *refgrow.Project) (answer, error) {
		now, err := c.affiliate(ctx, p)
		if err != nil {
			return answer{}, err
		}
		left, err := p.EraseAffiliate(ctx, now.ID)
		if err != nil {
			return answer{}, err
		}
		return one(http.StatusOK, left, showAffiliate), nil
	})
}

// erasing is the work of erasing somebody, without a body. It goes in steps, also with an
// Idempotency-Key: an answer to the same call is found by the key, when nobody has the
// email of the path any more.
func (c *call) erasing(erase work) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	if err := b.end(); err != nil {
		return nil, err
	}
	c.ownOnce = func(ctx context.Context, key refgrow.Idempotency) (answer, bool, error) {
		kept, replayed, err := c.caller.project.Once(key).DoAfter(ctx, func(p *refgrow.Project) (refgrow.Answer, error) {
			done, err := erase(ctx, p)
			return done.kept(), err
		})
		return again(kept), replayed, err
	}
	return erase, nil
}

// affiliate is the one that the path names, by its email or its id.
func (c *call) affiliate(ctx context.Context, p *refgrow.Project) (*refgrow.Affiliate, error) {
	if !c.hasID() {
		return p.AffiliateByEmail(ctx, c.value)
	}
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	return p.GetAffiliate(ctx, id)
}

// preferences is a change to where an affiliate wants to be paid. What it does not name
// stays as it is.
type preferences struct {
	given, clear          bool
	payPalEmail, wiseName refgrow.Null[string]
	clearWise             bool
	wiseID, wiseMail      refgrow.Null[string]
}

func (b *body) preferences() preferences {
	inner, null := b.nullObject("payout_preferences")
	if inner == nil {
		return preferences{given: null, clear: null}
	}
	change := preferences{given: true, payPalEmail: inner.nullText("paypal_email"), wiseName: inner.nullText("wise_name")}
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
	set(&now.WiseName, c.wiseName)
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

// showNewAffiliate shows an affiliate in the form of a create's answer: no earnings
// yet.
func showNewAffiliate(o *wire.Object, a *refgrow.Affiliate) {
	o.Integer("id", a.ID)
	o.Text("user_email", a.Email)
	o.Text("referral_code", a.ReferralCode)
	o.Optional("partner_slug", a.PartnerSlug)
	o.Null("unpaid_earnings")
	o.Null("total_earnings")
	o.Instant("created_at", a.CreatedAt)
	o.Text("status", string(a.Status))
	pp := &a.PayoutPreferences
	o.PayoutPreferences(pp.PayPalEmail, pp.WiseAccountID, pp.WiseEmail, pp.WiseName)
}

func showAffiliate(o *wire.Object, a *refgrow.Affiliate) { o.Merge(a.AppendJSON) }
