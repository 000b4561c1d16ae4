package refgrow

import (
	"context"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
)

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
