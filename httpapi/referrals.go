package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

func listReferrals(c *call) (work, error) {
	q := c.query()
	at := q.paging(20)
	params := refgrow.ListReferralsParams{
		AffiliateID: q.id("affiliate_id"),
		Status:      refgrow.ReferralStatus(q.text("status")),
		ExternalID:  q.name("external_id"),
		Limit:       at.limit, Offset: at.offset, After: at.cursor,
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		page, err := p.ListReferrals(ctx, params)
		if err != nil {
			return answer{}, err
		}
		return many(at, page, func() (int64, error) { return p.CountReferrals(ctx, params) }, showReferral)
	}, nil
}

func createReferral(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.CreateReferralParams{
		Email:       b.required("email"),
		AffiliateID: b.id("affiliate_id"),
		Status:      refgrow.ReferralStatus(b.text("status")),
	}
	if err := b.end(); err != nil {
		return nil, err
	}
	return giving(http.StatusCreated, showNewReferral,
		func(ctx context.Context, p *refgrow.Project) (*refgrow.Referral, error) {
			return p.CreateReferral(ctx, params)
		}), nil
}

func retrieveReferral(c *call) (work, error) {
	return giving(http.StatusOK, showReferral, c.referral), nil
}

func updateReferral(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.UpdateReferralParams{
		Email:       b.newText("email"),
		AffiliateID: b.nullID("affiliate_id"),
		Status:      as[refgrow.ReferralStatus](b.newText("status")),
	}
	if err := b.change(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (done answer, err error) {
		err = p.Atomic(ctx, func(p *refgrow.Project) error {
			now, err := c.referral(ctx, p)
			if err != nil {
				return err
			}
			updated, err := p.UpdateReferral(ctx, now.ID, params)
			if err != nil {
				return err
			}
			done = one(http.StatusOK, updated, showReferral)
			return nil
		})
		return done, err
	}, nil
}

func deleteReferral(c *call) (work, error) {
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		// Not in one transaction: a deletion goes in steps.
		now, err := c.leaving(ctx, p)
		if err != nil {
			return answer{}, err
		}
		return noContent(), p.DeleteReferral(ctx, now.ID)
	}, nil
}

func eraseReferral(c *call) (work, error) {
	return c.erasing(func(ctx context.Context, p *refgrow.Project) (answer, error) {
		now, err := c.leaving(ctx, p)
		if err != nil {
			return answer{}, err
		}
		left, err := p.EraseReferral(ctx, now.ID)
		if err != nil {
			return answer{}, err
		}
		return one(http.StatusOK, left, showReferral), nil
	})
}

func mergeReferrals(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	from := b.requiredID("from")
	if err := b.end(); err != nil {
		return nil, err
	}
	c.ownOnce = func(ctx context.Context, key refgrow.Idempotency) (answer, bool, error) {
		kept, replayed, err := c.caller.project.Once(key).MergeReferrals(ctx, id, from,
			func(merged *refgrow.Referral) refgrow.Answer { return one(http.StatusOK, merged, showReferral).kept() })
		return again(kept), replayed, err
	}
	return giving(http.StatusOK, showReferral,
		func(ctx context.Context, p *refgrow.Project) (*refgrow.Referral, error) {
			return p.MergeReferrals(ctx, id, from)
		}), nil
}

// leaving is the referral that the path names, and that is going. A visitor of whom only
// a browser has told is none, but goes too.
func (c *call) leaving(ctx context.Context, p *refgrow.Project) (*refgrow.Referral, error) {
	now, err := c.referral(ctx, p)
	if errors.Is(err, refgrow.ErrNotFound) && !c.hasID() {
		err = cmp.Or(p.ForgetClaim(ctx, c.value), err)
	}
	return now, err
}

// referral is the one that the path names, by its email or its id.
func (c *call) referral(ctx context.Context, p *refgrow.Project) (*refgrow.Referral, error) {
	if !c.hasID() {
		return p.ReferralByEmail(ctx, c.value)
	}
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	return p.GetReferral(ctx, id)
}

// showNewReferral shows a referral in the form of a create's answer.
func showNewReferral(o *wire.Object, r *refgrow.Referral) {
	o.Integer("id", r.ID)
	o.Optional("user_email", r.Email)
	o.ID("affiliate_id", r.AffiliateID)
	o.Text("conversion_status", string(r.Status))
	o.OptionalInstant("conversion_date", r.ConversionDate)
	o.Instant("created_at", r.CreatedAt)
}

func showReferral(o *wire.Object, r *refgrow.Referral) { o.Merge(r.AppendJSON) }
