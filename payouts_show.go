package refgrow

import (
	"context"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
	"github.com/refgrow-go/refgrow/money"
)

// storedPayout shows a row that was read from the database.
func storedPayout(r *db.Payout) (*Payout, error) {
	if _, err := stored.Currency(r.Currency); err != nil {
		return nil, fmt.Errorf("payout %d: %w", r.ID, err)
	}
	return showPayout(r), nil
}

// showPayout shows a row whose currency is valid.
func showPayout(r *db.Payout) *Payout {
	payout := &Payout{
		ID: r.ID, AffiliateID: r.AffiliateID, Amount: money.New(r.Amount, money.Currency(r.Currency)),
		EntryCount: r.EntryCount, Status: PayoutStatus(r.Status), Cutoff: stored.Instant(r.Cutoff),
		ExternalReference: stored.OrZero(r.ExternalReference),
		PaidAt:            stored.OptionalInstant(r.PaidAt), CanceledAt: stored.OptionalInstant(r.CanceledAt),
	}
	if r.PaidOn != nil {
		payout.PaidAt = stored.OptionalInstant(r.PaidOn)
	}
	payout.RunID = stored.OrZero(r.RunID)
	payout.ReturnedAt, payout.ReturnNote = stored.OptionalInstant(r.ReturnedAt), stored.OrZero(r.ReturnNote)
	if r.CreatedAt != 0 {
		payout.CreatedAt = stored.Instant(r.CreatedAt)
	}
	return payout
}

// AppendJSON appends the payout to b in the form of the REST API and the webhooks.
func (p *Payout) AppendJSON(b []byte) []byte {
	o := wire.Begin(b)
	o.ID("id", p.ID)
	o.Integer("affiliate_id", p.AffiliateID)
	o.Number("amount", p.Amount)
	o.Text("currency", string(p.Amount.Currency()))
	o.Text("status", string(p.Status))
	o.Integer("entry_count", p.EntryCount)
	o.Instant("cutoff", p.Cutoff)
	o.Optional("external_reference", p.ExternalReference)
	if p.CreatedAt.IsZero() { // a preview
		o.Null("created_at")
	} else {
		o.Instant("created_at", p.CreatedAt)
	}
	o.OptionalInstant("paid_at", p.PaidAt)
	o.OptionalInstant("canceled_at", p.CanceledAt)
	o.OptionalInstant("returned_at", p.ReturnedAt)
	o.Optional("return_note", p.ReturnNote)
	o.ID("run_id", p.RunID)
	return o.End()
}

// changedPayout shows a payout that was made, paid, canceled or returned, and reports
// it to the endpoints that ask for it.
func (o *op) changedPayout(ctx context.Context, row *db.Payout) (*Payout, error) {
	shown := showPayout(row)
	if !o.state.watchesPayouts {
		return shown, nil
	}
	return shown, o.emit(ctx, &row.AffiliateID, nil, outbox.Change{
		Kind: outbox.PayoutChanged, Lane: outbox.PayoutLane(row.ID), Data: shown.AppendJSON(nil),
	})
}
