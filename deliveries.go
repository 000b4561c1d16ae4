package refgrow

import (
	"context"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// A DeliveryStatus is how far a delivery is.
type DeliveryStatus string

const (
	// DeliveryPending: it is to be sent, for the first time or again.
	DeliveryPending DeliveryStatus = "pending"
	// DeliverySucceeded: the endpoint has answered with 2xx.
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
	// Attempts counts the tries that were begun.
	Attempts int64
	// ResponseStatus is the HTTP status of the last answer, 0 without one.
	ResponseStatus int
	// Error says why the last try failed, with the beginning of the answer.
	Error string
	// NextAttemptAt is when it is tried next; nil when it is not, or waits for an
	// earlier one about the same conversion.
	NextAttemptAt *time.Time
	CreatedAt     time.Time
	// EndedAt is when its status became what it is, nil while it is pending.
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

// ListDeliveries gives a page of an endpoint's log, newest first. It goes back 30
// days. Errors: ErrNotFound, ErrInvalid.
func (p *Project) ListDeliveries(ctx context.Context, webhookID int64, params ListDeliveriesParams) (Page[Delivery], error) {
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
	return read(p, "counting deliveries", func(q db.Querier) (int64, error) {
		return q.CountDeliveries(ctx, db.CountDeliveriesParams{ProjectID: p.id, WebhookID: webhookID, StatusFrom: from, StatusTo: to})
	})
}

// AllDeliveries walks the whole log. It fetches page by page and holds no rows open.
func (p *Project) AllDeliveries(ctx context.Context, webhookID int64, params ListDeliveriesParams) iter.Seq2[Delivery, error] {
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
		ResponseStatus: int(orZero(r.ResponseStatus)), Error: orZero(r.Error), NextAttemptAt: optionalInstant(r.NextAttemptAt),
		CreatedAt: instant(r.CreatedAt), EndedAt: optionalInstant(r.EndedAt),
	}
}

// ReplayDelivery sends an event of an endpoint's log once more, as a new delivery
// with the same id of the event. Errors: ErrNotFound; ErrConflict while the
// endpoint is inactive.
func (p *Project) ReplayDelivery(ctx context.Context, webhookID, deliveryID int64) (*Delivery, error) {
	return change(ctx, p, "replaying a delivery", backend.Work{}, func(ctx context.Context, o *op) (*Delivery, error) {
		if _, err := o.activeWebhook(ctx, webhookID); err != nil {
			return nil, err
		}
		row, err := o.GetDelivery(ctx, db.GetDeliveryParams{ProjectID: o.project, WebhookID: webhookID, DeliveryID: deliveryID})
		if err != nil {
			return nil, missing(err, "Delivery")
		}
		if _, err := o.GetEvent(ctx, row.EventID); err != nil {
			return nil, missing(err, "Event")
		}
		return o.deliver(ctx, webhookID, &db.Event{ID: row.EventID, Lane: row.Lane}, Event(row.Event))
	})
}

func (o *op) activeWebhook(ctx context.Context, id int64) (*Webhook, error) {
	row, err := getWebhook(ctx, o, o.project, id)
	if err != nil {
		return nil, err
	}
	if WebhookStatus(row.Status) != WebhookActive {
		return nil, conflict("", "The webhook is inactive: switch it on first")
	}
	return showWebhook(&row)
}

// deliver puts an event on its way to an endpoint of the project.
func (o *op) deliver(ctx context.Context, webhook int64, event *db.Event, name Event) (*Delivery, error) {
	o.emitted = true
	if err := o.HoldBack(ctx, db.HoldBackParams{
		ProjectID: o.project, WebhookID: webhook, Lane: event.Lane, EventID: event.ID, Now: o.now,
	}); err != nil {
		return nil, err
	}
	id, err := o.InsertDelivery(ctx, db.InsertDeliveryParams{
		ProjectID: o.project, WebhookID: webhook, EventID: event.ID, Event: string(name), Lane: event.Lane, Now: o.now,
	})
	if err != nil {
		return nil, err
	}
	row, err := o.GetDelivery(ctx, db.GetDeliveryParams{ProjectID: o.project, WebhookID: webhook, DeliveryID: id})
	return showDelivery(&row), err
}

// ReplayWebhook sends again what happened since an instant, up to 30 days ago, as
// far as the endpoint wants it: also what it got already, and what happened while
// it was inactive; but not what is on its way already. It gives the number of
// deliveries, which have the ids that their events had before. Errors:
// ErrNotFound, ErrInvalid; ErrConflict while the endpoint is inactive.
func (p *Project) ReplayWebhook(ctx context.Context, webhookID int64, since time.Time) (int, error) {
	if since.After(p.engine.now()) {
		return 0, invalid("since", "must not be in the future")
	}
	made, after, last := 0, int64(0), int64(-1)
	for {
		step, reached, more := 0, after, false
		err := p.write(ctx, "replaying events", func(ctx context.Context, o *op) error {
			step, reached = 0, after
			webhook, err := o.activeWebhook(ctx, webhookID)
			if err != nil {
				return err
			}
			if last < 0 { // what comes later is sent anyway
				if last, err = o.GetOutboxPosition(ctx); err != nil {
					return err
				}
				last = max(last, webhook.startsAfter)
			}
			rows, err := o.ListEventsSince(ctx, db.ListEventsSinceParams{
				ProjectID: o.project, AfterID: after, LastID: last, Since: ceilMillis(since), Limit: spreadStep,
			})
			if err != nil {
				return err
			}
			for _, row := range rows {
				for _, name := range happening(row.Kind).events() {
					if !webhook.wants(name) {
						continue
					}
					pending, err := o.IsPending(ctx, db.IsPendingParams{
						ProjectID: o.project, WebhookID: webhookID, Lane: row.Lane, EventID: row.ID, Event: string(name),
					})
					if err != nil {
						return err
					}
					if pending == 1 {
						continue
					}
					if _, err := o.deliver(ctx, webhookID, &db.Event{ID: row.ID, Lane: row.Lane}, name); err != nil {
						return err
					}
					step++
				}
				if reached, err = onward(reached, row.ID); err != nil {
					return err
				}
			}
			more = len(rows) == spreadStep
			return nil
		})
		if err != nil {
			return made, err
		}
		made, after = made+step, reached
		if !more {
			return made, nil
		}
	}
}

func (w *Webhook) wants(event Event) bool { return slices.Contains(w.Events, event) }

// TestWebhook sends an event that did not happen, marked as a test, whatever events
// the endpoint wants. Errors: ErrNotFound, ErrInvalid for an unknown event;
// ErrConflict while the endpoint is inactive.
func (p *Project) TestWebhook(ctx context.Context, webhookID int64, event Event) (*Delivery, error) {
	if _, err := eventsText([]Event{event}); err != nil {
		return nil, invalid("event", "must be one of %s", known())
	}
	return change(ctx, p, "testing a webhook", backend.Work{}, func(ctx context.Context, o *op) (*Delivery, error) {
		if _, err := o.activeWebhook(ctx, webhookID); err != nil {
			return nil, err
		}
		sample := Conversion{ProjectID: o.project, Type: Purchase, Status: ConversionUnattributed, CreatedAt: instant(o.now)}
		id, err := o.insertEvent(ctx, parties{}, db.InsertEventParams{Kind: string(testOf) + string(event), Data: string(sample.AppendJSON(nil))})
		if err != nil {
			return nil, err
		}
		return o.deliver(ctx, webhookID, &db.Event{ID: id, Lane: math.MinInt64 + id}, event) // in a lane of its own
	})
}
