package httpapi

import (
	"cmp"
	"context"
	"net/http"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/wire"
)

func listWebhooks(c *call) (work, error) {
	q := c.query()
	at := q.paging(50)
	if err := q.end(); err != nil {
		return nil, err
	}
	params := refgrow.ListWebhooksParams{Limit: at.limit, Offset: at.offset, After: at.cursor}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		page, err := p.Webhooks().List(ctx, params)
		if err != nil {
			return answer{}, err
		}
		return many(at, page, func() (int64, error) { return p.Webhooks().Count(ctx) }, showWebhook)
	}, nil
}

func createWebhook(c *call) (work, error) {
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.CreateWebhookParams{
		URL:    b.required("url"),
		Events: eventsOf(b.texts("events")),
		Secret: b.nullText("secret"),
		Status: refgrow.WebhookStatus(b.text("status")),
	}
	if v := b.optional("payout_preferences", kindBool); v != nil {
		params.PayoutPreferences = new(v.text == "true")
	}
	c.checkEndpoint(b, params.URL)
	if err := b.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		created, err := p.Webhooks().Create(ctx, params)
		if err != nil {
			return answer{}, err
		}
		return withSecret(http.StatusCreated, created, showWebhook), nil
	}, nil
}

func retrieveWebhook(c *call) (work, error) {
	id, err := c.id()
	return giving(http.StatusOK, showWebhook, func(ctx context.Context, p *refgrow.Project) (*refgrow.Webhook, error) {
		return p.Webhooks().Get(ctx, id)
	}), err
}

func updateWebhook(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.UpdateWebhookParams{URL: b.newText("url")}
	if events := b.newTexts("events"); events != nil {
		params.Events = new(eventsOf(events))
	}
	params.Status = as[refgrow.WebhookStatus](b.newText("status"))
	params.PayoutPreferences = b.newFlag("payout_preferences")
	if params.URL != nil {
		c.checkEndpoint(b, *params.URL)
	}
	b.fixed("secret", "cannot be set: POST /webhooks/{id}/rotate makes a new one")
	if err := b.change(); err != nil {
		return nil, err
	}
	return giving(http.StatusOK, showWebhook, func(ctx context.Context, p *refgrow.Project) (*refgrow.Webhook, error) {
		return p.Webhooks().Update(ctx, id, params)
	}), nil
}

// checkEndpoint refuses an address that nothing would be sent to.
func (c *call) checkEndpoint(b *body, url string) {
	if !c.private && !refgrow.PublicURL(url) {
		b.fail("url", "must not be a private, loopback or link-local address: nothing is sent there")
	}
}

func deleteWebhook(c *call) (work, error) {
	id, err := c.id()
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		return noContent(), p.Webhooks().Delete(ctx, id)
	}, err
}

func rotateWebhook(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	params := refgrow.RotateWebhookParams{OverlapHours: b.newWhole("overlap_hours")}
	if err := b.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		rotated, err := p.Webhooks().Rotate(ctx, id, params)
		if err != nil {
			return answer{}, err
		}
		return withSecret(http.StatusOK, rotated, func(o *wire.Object, w *refgrow.Webhook) {
			showWebhook(o, w)
			o.OptionalInstant("former_secret_until", w.FormerSecretUntil)
		}), nil
	}, nil
}

func testWebhook(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	event := cmp.Or(refgrow.Event(b.text("event")), refgrow.EventReferralConverted)
	if err := b.end(); err != nil {
		return nil, err
	}
	return giving(http.StatusAccepted, showDelivery,
		func(ctx context.Context, p *refgrow.Project) (*refgrow.Delivery, error) {
			return p.Webhooks().Test(ctx, id, event)
		}), nil
}

func replayWebhook(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	b, err := c.body()
	if err != nil {
		return nil, err
	}
	since, delivery := b.instant("since"), b.id("delivery_id")
	if err := b.end(); err != nil {
		return nil, err
	}
	switch {
	case delivery != 0 && !since.IsZero():
		return nil, wrong("delivery_id", "cannot be used together with since")
	case delivery != 0:
		return func(ctx context.Context, p *refgrow.Project) (answer, error) {
			replayed, err := p.Webhooks().ReplayDelivery(ctx, id, delivery)
			if err != nil {
				return answer{}, err
			}
			return one(http.StatusAccepted, replayed, showDelivery), nil
		}, nil
	case since.IsZero():
		return nil, refused("", "must have since, an instant or a date, or delivery_id")
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		n, err := p.Webhooks().Replay(ctx, id, since)
		if err != nil {
			return answer{}, err
		}
		return one(http.StatusAccepted, n, func(o *wire.Object, n int) { o.Integer("deliveries", int64(n)) }), nil
	}, nil
}

func listDeliveries(c *call) (work, error) {
	id, err := c.id()
	if err != nil {
		return nil, err
	}
	q := c.query()
	at := q.paging(50)
	params := refgrow.ListDeliveriesParams{
		Status: refgrow.DeliveryStatus(q.text("status")),
		Limit:  at.limit, Offset: at.offset, After: at.cursor,
	}
	if err := q.end(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, p *refgrow.Project) (answer, error) {
		page, err := p.Webhooks().ListDeliveries(ctx, id, params)
		if err != nil {
			return answer{}, err
		}
		return many(at, page, func() (int64, error) { return p.Webhooks().CountDeliveries(ctx, id, params) }, showDelivery)
	}, nil
}

// eventsOf converts a list of names to the engine's type; nil stays nil.
func eventsOf(names []string) []refgrow.Event {
	if names == nil {
		return nil
	}
	events := make([]refgrow.Event, len(names))
	for i, name := range names {
		events[i] = refgrow.Event(name)
	}
	return events
}

// withSecret is the answer with a webhook whose secret was just made. No other answer
// shows a secret.
func withSecret(status int, w *refgrow.Webhook, show func(*wire.Object, *refgrow.Webhook)) answer {
	done := one(status, w, func(o *wire.Object, w *refgrow.Webhook) {
		show(o, w)
		o.Optional("secret", w.Secret)
	})
	if w.Secret != "" {
		done.secretOf = w.ID
	}
	return done
}

func showWebhook(o *wire.Object, w *refgrow.Webhook) {
	o.Integer("id", w.ID)
	o.Text("url", w.URL)
	showTexts(o, "events", w.Events)
	o.Text("status", string(w.Status))
	o.Flag("payout_preferences", w.PayoutPreferences)
	o.Flag("signed", w.Signed)
	o.Instant("created_at", w.CreatedAt)
}

func showDelivery(o *wire.Object, d *refgrow.Delivery) {
	o.Integer("id", d.ID)
	o.Text("event", string(d.Event))
	o.Text("status", string(d.Status))
	o.Integer("attempts", d.Attempts)
	o.ID("response_status", int64(d.ResponseStatus))
	o.Optional("error", d.Error)
	o.OptionalInstant("next_attempt_at", d.NextAttemptAt)
	o.Instant("created_at", d.CreatedAt)
	o.OptionalInstant("ended_at", d.EndedAt)
}
