package refgrow

import (
	"context"
	"math"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// namesStep is how many old names one transaction brings to their form.
const namesStep = 200

// reformNames brings the emails, external ids and references of all projects that are
// from before they had one form to it.
func (e *Engine) reformNames(ctx context.Context) error {
	projects, err := e.Projects(ctx)
	if err != nil {
		return err
	}
	for _, p := range projects {
		if err := p.reformNames(ctx); err != nil {
			return err
		}
	}
	return nil
}

// reformNames works in steps, the oldest rows first. What another row has already stays
// as it is, and is tried again the next time.
func (p *Project) reformNames(ctx context.Context) error {
	for after := int64(0); after < math.MaxInt64; {
		left, err := read(ctx, p, "looking for old names", func(ctx context.Context, q db.Querier) ([]db.ListOldNamesRow,
			error) {
			return q.ListOldNames(ctx, db.ListOldNamesParams{ProjectID: p.id, AfterID: after, AtMost: 1})
		})
		if err != nil || len(left) == 0 {
			return err
		}
		next := int64(math.MaxInt64)
		if err := p.write(ctx, "bringing old names to their form", func(ctx context.Context, o *op) error {
			names, err := o.ListOldNames(ctx, db.ListOldNamesParams{ProjectID: p.id, AfterID: after, AtMost: namesStep})
			if err != nil || len(names) == 0 {
				return err
			}
			if next, err = stored.Onward(after, names[len(names)-1].ID); err != nil {
				return err
			}
			for i := range names {
				if err := o.reform(ctx, &names[i]); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		after = next
	}
	return nil
}

func trimmed(text string) (string, error) { return form.Trim(text), nil }

// reform brings one row's names to their form, and forgets the row if they have it.
func (o *op) reform(ctx context.Context, n *db.ListOldNamesRow) error {
	done := true
	for _, name := range []struct {
		now    *string
		form   func(string) (string, error)
		change func(string) (int64, error)
	}{
		{n.AffiliateEmail, form.CustomerEmail, func(to string) (int64, error) {
			return o.ReformAffiliate(ctx, db.ReformAffiliateParams{ProjectID: o.project, AffiliateID: *n.AffiliateID, Email: to})
		}},
		{n.ReferralEmail, form.CustomerEmail, func(to string) (int64, error) {
			return o.ReformReferral(ctx, db.ReformReferralParams{ProjectID: o.project, ReferralID: *n.ReferralID, Email: &to})
		}},
		{n.ExternalID, trimmed, func(to string) (int64, error) {
			return o.ReformExternalID(ctx, db.ReformExternalIDParams{
				ProjectID: o.project, ReferralID: *n.ReferralID, ExternalID: to,
			})
		}},
		{n.Reference, trimmed, func(to string) (int64, error) {
			return o.ReformReference(ctx, db.ReformReferenceParams{
				ProjectID: o.project, ConversionID: *n.ConversionID, Reference: &to,
			})
		}},
	} {
		if name.now == nil {
			continue
		}
		to, err := name.form(*name.now)
		if err != nil || to == "" || to == *name.now { // what has no form finds nothing
			continue
		}
		changed, err := name.change(to)
		if err != nil {
			return err
		}
		done = done && changed == 1
	}
	if !done {
		return nil
	}
	return o.DeleteOldName(ctx, db.DeleteOldNameParams{ProjectID: o.project, NameID: n.ID})
}
