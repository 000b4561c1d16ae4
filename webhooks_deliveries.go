package refgrow

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/money"
)

// A DeliveryStatus says how far a delivery has come.
type DeliveryStatus string

const (
	// DeliveryPending: it is to be sent, for the first time or again.
	DeliveryPending DeliveryStatus = "pending"
	// DeliverySucceeded: the endpoint answered with 2xx.
	DeliverySucceeded DeliveryStatus = "succeeded"
	// DeliveryFailed: all tries of the schedule failed, or the endpoint is gone (410).
	DeliveryFailed DeliveryStatus = "failed"
	// DeliveryCanceled: the endpoint was switched off before it could be sent.
	DeliveryCanceled DeliveryStatus = "canceled"
)

func (s DeliveryStatus) check() error {
	switch s {
	case DeliveryPending, DeliverySucceeded, DeliveryFailed, DeliveryCanceled:
		return nil
	}
	return invalid("status", `must be "pending", "succeeded", "failed" or "canceled"`)
}

// A Delivery is one event on its way to one endpoint.
type Delivery struct {
	ID     int64
	Event  Event
	Status DeliveryStatus
	// Attempts counts the tries that were started.
	Attempts int64
	// ResponseStatus is the HTTP status of the last answer, 0 without one.
	ResponseStatus int
	// Error says why the last try failed, with the beginning of the answer.
	Error string
	// NextAttemptAt is when it is tried next; nil if it is not, or if it waits for an
	// earlier one about the same conversion.
	NextAttemptAt *time.Time
	CreatedAt     time.Time
	// EndedAt is when it got its final status, nil while it is pending.
	EndedAt *time.Time
}

// ListDeliveriesParams narrow and page the log of an endpoint.
type ListDeliveriesParams struct {
	// Status is "" for all.
	Status DeliveryStatus
	// Limit is 1 to 500; 0 means 50.
	Limit  int
	After  Cursor
	Offset int
}

// ListDeliveries returns a page of an endpoint's log, newest first. It goes back 30
// days. Errors: ErrNotFound, ErrInvalid.
func (p *Project) ListDeliveries(ctx context.Context, webhookID int64, params ListDeliveriesParams) (Page[Delivery],
	error) {
	var page Page[Delivery]
	if params.Status != "" {
		if err := params.Status.check(); err != nil {
			return page, err
		}
	}
	at, err := pageOf("deliveries", params.Limit, 50, params.After, params.Offset, p.id, webhookID, params.Status)
	if err != nil {
		return page, err
	}
	from, to := textRange(string(params.Status))
	err = p.snapshot(ctx, "listing deliveries", func(ctx context.Context, q db.Querier) error {
		if _, err := getWebhook(ctx, q, p.id, webhookID); err != nil {
			return err
		}
		rows, err := q.ListDeliveries(ctx, db.ListDeliveriesParams{
			ProjectID: p.id, WebhookID: webhookID, BeforeTime: at.from.time, BeforeID: at.from.id,
			StatusFrom: from, StatusTo: to, Limit: at.fetch(), Offset: at.offset,
		})
		if err != nil {
			return err
		}
		page, err = cut(at, rows, func(r *db.Delivery) (int64, int64) { return r.CreatedAt, r.ID }, sound(showDelivery))
		return err
	})
	return page, err
}

// CountDeliveries counts all pages of a log. Errors: ErrInvalid.
func (p *Project) CountDeliveries(ctx context.Context, webhookID int64, params ListDeliveriesParams) (int64, error) {
	if params.Status != "" {
		if err := params.Status.check(); err != nil {
			return 0, err
		}
	}
	from, to := textRange(string(params.Status))
	return read(ctx, p, "counting deliveries", func(ctx context.Context, q db.Querier) (int64, error) {
		return q.CountDeliveries(ctx, db.CountDeliveriesParams{
			ProjectID: p.id, WebhookID: webhookID, StatusFrom: from, StatusTo: to,
		})
	})
}

// AllDeliveries walks the whole log. It fetches page by page and holds no rows open.
func (p *Project) AllDeliveries(ctx context.Context, webhookID int64, params ListDeliveriesParams) iter.Seq2[Delivery,
	error] {
	return all(func(after Cursor) (Page[Delivery], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return p.ListDeliveries(ctx, webhookID, params)
	})
}

func showDelivery(r *db.Delivery) *Delivery {
	return &Delivery{
		ID: r.ID, Event: Event(r.Event), Status: DeliveryStatus(r.Status), Attempts: r.Attempts,
		ResponseStatus: int(stored.OrZero(r.ResponseStatus)), Error: stored.OrZero(r.Error),
		NextAttemptAt: stored.OptionalInstant(r.NextAttemptAt),
		CreatedAt:     stored.Instant(r.CreatedAt), EndedAt: stored.OptionalInstant(r.EndedAt),
	}
}

// ReplayDelivery sends an event from an endpoint's log once more, as a new delivery
// with the same event id. Errors: ErrNotFound; ErrConflict while the endpoint is
// inactive, and with CodeErased for an event that named somebody who was erased or
// deleted.
func (p *Project) ReplayDelivery(ctx context.Context, webhookID, deliveryID int64) (*Delivery, error) {
	return change(ctx, p, "replaying a delivery", backend.Work{}, func(ctx context.Context, o *op) (*Delivery, error) {
		if _, err := activeWebhook(ctx, o, o.project, webhookID); err != nil {
			return nil, err
		}
		row, err := o.GetDelivery(ctx, db.GetDeliveryParams{
			ProjectID: o.project, WebhookID: webhookID, DeliveryID: deliveryID,
		})
		if err != nil {
			return nil, missing(err, "Delivery")
		}
		event, err := o.GetEvent(ctx, row.EventID)
		if err != nil {
			return nil, missing(err, "Event")
		}
		if outbox.Kind(event.Kind) == outbox.Erased {
			return nil, erased("", "The event named somebody who was erased or deleted: nothing of it is kept")
		}
		return o.deliver(ctx, outbox.Delivery{
			Webhook: webhookID, Change: row.EventID, Lane: row.Lane, Event: outbox.Event(row.Event),
		})
	})
}

func activeWebhook(ctx context.Context, q db.Querier, project, id int64) (*Webhook, error) {
	row, err := getWebhook(ctx, q, project, id)
	if err != nil {
		return nil, err
	}
	if WebhookStatus(row.Status) != WebhookActive {
		return nil, conflict("", "The webhook is inactive: switch it on first").of(id)
	}
	return showWebhook(&row)
}

// deliver sends an event on its way to an endpoint of the project.
func (o *op) deliver(ctx context.Context, d outbox.Delivery) (*Delivery, error) {
	o.emitted = true
	d.Project = o.project
	id, err := d.Send(ctx, o, o.now)
	if err != nil {
		return nil, err
	}
	row, err := o.GetDelivery(ctx, db.GetDeliveryParams{ProjectID: o.project, WebhookID: d.Webhook, DeliveryID: id})
	return showDelivery(&row), err
}

// ReplayWebhook sends once more the events since an instant, up to 30 days ago, that
// the endpoint wants, including those that it already got, and those from while it was
// inactive, but not those that are already on their way. It returns the number of
// deliveries. Their events keep their ids. What happens in the meantime is sent first.
// Errors: ErrNotFound, ErrInvalid; ErrConflict while the endpoint is inactive.
func (p *Project) ReplayWebhook(ctx context.Context, webhookID int64, since time.Time) (int, error) {
	if since.After(p.engine.Now()) {
		return 0, invalid("since", "must not be in the future")
	}
	replay := &outbox.Replay{Project: p.id, Since: stored.CeilMillis(since)}
	for !replay.Done {
		// What is to be sent is looked for outside of the transaction that sends it.
		var changes outbox.Changes
		err := p.snapshot(ctx, "looking for events", func(ctx context.Context, q db.Querier) error {
			webhook, err := activeWebhook(ctx, q, p.id, webhookID)
			if err != nil {
				return err
			}
			var next outbox.Replay
			next, changes, err = replay.Next(ctx, q, webhook.endpoint())
			replay = &next
			return err
		})
		if err != nil {
			return replay.Made, err
		}
		if len(changes) == 0 {
			break
		}
		step := func(ctx context.Context, o *op) (*outbox.Replay, error) {
			webhook, err := activeWebhook(ctx, o, o.project, webhookID)
			if err != nil {
				return nil, err
			}
			next, err := replay.Step(ctx, o, webhook.endpoint(), changes, o.now)
			o.emitted = next.Made > replay.Made
			return &next, err
		}
		next, err := change(ctx, p, "replaying events", backend.Work{}, step)
		if err != nil {
			return replay.Made, err
		}
		replay = next
	}
	return replay.Made, nil
}

// TestWebhook sends an event that did not happen, marked as a test, whichever events
// the endpoint wants. Errors: ErrNotFound; ErrInvalid for an unknown event; ErrConflict
// while the endpoint is inactive.
func (p *Project) TestWebhook(ctx context.Context, webhookID int64, event Event) (*Delivery, error) {
	if !slices.Contains(Events(), event) {
		return nil, invalid("event", "must be one of %s", outbox.EventNames())
	}
	return change(ctx, p, "testing a webhook", backend.Work{}, func(ctx context.Context, o *op) (*Delivery, error) {
		if _, err := activeWebhook(ctx, o, o.project, webhookID); err != nil {
			return nil, err
		}
		name := outbox.Event(event)
		id, err := o.writeEvent(ctx, outbox.Change{Kind: outbox.TestOf(name), Data: o.sampleOf(event)})
		if err != nil {
			return nil, err
		}
		return o.deliver(ctx, outbox.Delivery{Webhook: webhookID, Change: id, Lane: outbox.TestLane(id), Event: name})
	})
}

// sampleOf is the data of an event that did not happen.
func (o *op) sampleOf(event Event) []byte {
	now, currency := stored.Instant(o.now), o.state.settings.Currency
	nothing := money.New(0, currency)
	switch event {
	case EventPayoutUpdated:
		return (&Payout{Amount: nothing, Status: PayoutPending, Cutoff: now, CreatedAt: now}).AppendJSON(nil)
	case EventAffiliateUpdated:
		return (&Affiliate{
			Email: "test@example.com", ReferralCode: "TEST", Status: AffiliateActive, CreatedAt: now,
			Earnings: []Balance{{Currency: currency, Unpaid: nothing, Total: nothing, Paid: nothing}},
		}).AppendJSON(nil)
	case EventReferralSignedUp:
		return (&Conversion{
			ProjectID: o.project, Type: Signup, Value: nothing, Refunded: nothing, Status: ConversionUnattributed,
			CreatedAt: now,
		}).AppendJSON(nil)
	case EventReferralConverted, EventReferralUpdated, EventReferralCanceled:
	}
	return (&Conversion{
		ProjectID: o.project, Type: Purchase, Value: nothing, BaseValue: nothing, BaseCurrency: currency, Refunded: nothing,
		Status: ConversionUnattributed, CreatedAt: now,
	}).AppendJSON(nil)
}
