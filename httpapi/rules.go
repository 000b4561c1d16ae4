package httpapi

import (
	"context"
	"net/http"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

func listRules(c *call) (work, error) {
	q := c.query()
	at := q.paging(50)
	params := refgrow.ListRulesParams{
		AffiliateID: q.id("affiliate_id"),
		Product:     q.text("product"),
		Limit:       at.limit, Offset: at.offset, After: at.cursor,
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		page, err := p.ListRules(ctx, params)
		if err != nil {
			return answer{}, err
		}
		return many(at, page, func() (int64, error) { return p.CountRules(ctx, params) }, showRule)
	}, nil
}

func createRule(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.CreateRuleParams{AffiliateID: b.id("affiliate_id"), Product: b.text("product")}
	pays := b.required("commission")
	params.Duration = refgrow.CommissionDuration(b.text("commission_duration"))
	if err := b.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (done answer, err error) {
		err = p.Atomic(ctx, func(p *refgrow.Project) error {
			settings, err := p.Settings(ctx)
			if err != nil {
				return err
			}
			params := params
			if params.Commission, err = commission("commission", pays, settings.Currency); err != nil {
				return err
			}
			created, err := p.CreateRule(ctx, params)
			if err != nil {
				return err
			}
			done = one(http.StatusCreated, created, showRule)
			return nil
		})
		return done, err
	}, nil
}

func deleteRule(c *call) (work, error) {
	id, err := c.id()
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		return noContent(), p.DeleteRule(ctx, id)
	}, err
}

func showRule(o *wire.Object, r *refgrow.Rule) {
	o.Integer("id", r.ID)
	o.ID("affiliate_id", r.AffiliateID)
	o.Optional("product", r.Product)
	showTerms(o, "commission", r.Commission)
	o.Text("commission_duration", string(r.Duration))
	o.Integer("version", r.Version)
	o.Instant("created_at", r.CreatedAt)
}
