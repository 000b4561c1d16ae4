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

// An Event is what a webhook reports.
type Event string

// The events.
const (
	// EventReferralSignedUp: a customer signed up, or was created without a conversion
	// for an affiliate.
	EventReferralSignedUp Event = "referral_signed_up"
	// EventReferralConverted: a conversion was recorded.
	EventReferralConverted Event = "referral_converted"
	// EventReferralUpdated: a conversion was recorded, changed or partly refunded, or a
	// referred user was changed.
	EventReferralUpdated Event = "referral_updated"
	// EventReferralCanceled: a conversion was fully refunded, or deleted.
	EventReferralCanceled Event = "referral_canceled"

	// EventPayoutUpdated: a payout was made, paid, canceled or returned. Only endpoints
	// that name it get it.
	EventPayoutUpdated Event = "payout_updated"
	// EventAffiliateUpdated: an affiliate was created, activated or deactivated. Only
	// endpoints that name it get it.
	EventAffiliateUpdated Event = "affiliate_updated"
)

// Events returns all events, in alphabetical order.
func Events() []Event { return eventsAs[Event](outbox.Events()) }

// DefaultEvents returns the events that an endpoint gets which names none: those of
// conversions and of referred users, in alphabetical order.
func DefaultEvents() []Event { return eventsAs[Event](outbox.DefaultEvents()) }

// eventsAs converts events from the public type to the outbox's, or back.
func eventsAs[To, From ~string](events []From) []To {
	as := make([]To, len(events))
	for i, event := range events {
		as[i] = To(event)
	}
	return as
}

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
func (w *Webhooks) ListDeliveries(ctx context.Context, webhookID int64, params ListDeliveriesParams) (Page[Delivery],
	error) {
	var page Page[Delivery]
	if params.Status != "" {
		if err := params.Status.check(); err != nil {
			return page, err
		}
	}
	at, err := pageOf("deliveries", params.Limit, 50, params.After, params.Offset, w.project.id, webhookID, params.Status)
	if err != nil {
		return page, err
	}
	from, to := textRange(string(params.Status))
	err = w.project.snapshot(ctx, "listing deliveries", func(ctx context.Context, q db.Querier) error {
		if _, err := getWebhook(ctx, q, w.project.id, webhookID); err != nil {
			return err
		}
		rows, err := q.ListDeliveries(ctx, db.ListDeliveriesParams{
			ProjectID: w.project.id, WebhookID: webhookID, BeforeTime: at.from.time, BeforeID: at.from.id,
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
func (w *Webhooks) CountDeliveries(ctx context.Context, webhookID int64, params ListDeliveriesParams) (int64, error) {
	if params.Status != "" {
		if err := params.Status.check(); err != nil {
			return 0, err
		}
	}
	from, to := textRange(string(params.Status))
	return read(ctx, &w.project, "counting deliveries", func(ctx context.Context, q db.Querier) (int64, error) {
		return q.CountDeliveries(ctx, db.CountDeliveriesParams{
			ProjectID: w.project.id, WebhookID: webhookID, StatusFrom: from, StatusTo: to,
		})
	})
}

// AllDeliveries walks the whole log. It fetches page by page and holds no rows open.
func (w *Webhooks) AllDeliveries(ctx context.Context, webhookID int64, params ListDeliveriesParams) iter.Seq2[Delivery,
	error] {
	return all(func(after Cursor) (Page[Delivery], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return w.ListDeliveries(ctx, webhookID, params)
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
func (w *Webhooks) ReplayDelivery(ctx context.Context, webhookID, deliveryID int64) (*Delivery, error) {
	const doing = "replaying a delivery"
	return change(ctx, &w.project, doing, backend.Work{}, func(ctx context.Context, o *op) (*Delivery, error) {
		if _, err := activeWebhook(ctx, o, o.project, webhookID); err != nil {
			return nil, err
		}
		row, err := o.GetDelivery(ctx, db.GetDeliveryParams{
			ProjectID: o.project, WebhookID: webhookID, DeliveryID: deliveryID,
		})
		if err != nil {
			return nil, missing(err, "Delivery")
		}
		event, err := o.GetEvent(ctx, db.GetEventParams{ProjectID: o.project, EventID: row.EventID})
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

// Replay sends once more the events since an instant, up to 30 days ago, that the
// endpoint wants, including those that it already got, and those from while it was
// inactive, but not those that are already on their way. It returns the number of
// deliveries. Their events keep their ids. What happens in the meantime is sent first.
// Errors: ErrNotFound, ErrInvalid; ErrConflict while the endpoint is inactive.
func (w *Webhooks) Replay(ctx context.Context, webhookID int64, since time.Time) (int, error) {
	if since.After(w.project.engine.Now()) {
		return 0, invalid("since", "must not be in the future")
	}
	replay := &outbox.Replay{Project: w.project.id, Since: stored.CeilMillis(since)}
	for !replay.Done {
		// What is to be sent is looked for outside of the transaction that sends it.
		var changes outbox.Changes
		err := w.project.snapshot(ctx, "looking for events", func(ctx context.Context, q db.Querier) error {
			webhook, err := activeWebhook(ctx, q, w.project.id, webhookID)
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
		next, err := change(ctx, &w.project, "replaying events", backend.Work{}, step)
		if err != nil {
			return replay.Made, err
		}
		replay = next
	}
	return replay.Made, nil
}

// Test sends an event that did not happen, marked as a test, whichever events the
// endpoint wants. Errors: ErrNotFound; ErrInvalid for an unknown event; ErrConflict
// while the endpoint is inactive.
func (w *Webhooks) Test(ctx context.Context, webhookID int64, event Event) (*Delivery, error) {
	if !slices.Contains(Events(), event) {
		return nil, invalid("event", "must be one of %s", outbox.EventNames())
	}
	const doing = "testing a webhook"
	return change(ctx, &w.project, doing, backend.Work{}, func(ctx context.Context, o *op) (*Delivery, error) {
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
