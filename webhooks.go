package refgrow

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// A WebhookStatus says whether events are sent to an endpoint.
type WebhookStatus string

const (
	// WebhookActive endpoints get events.
	WebhookActive WebhookStatus = "active"
	// WebhookInactive endpoints get none. What happens meanwhile can be sent later, by
	// ReplayWebhook.
	WebhookInactive WebhookStatus = "inactive"
)

func (s WebhookStatus) check() error {
	switch s {
	case WebhookActive, WebhookInactive:
		return nil
	}
	return invalid("status", `must be "active" or "inactive"`)
}

// A Webhook is an endpoint that the program's owner wants events sent to.
type Webhook struct {
	ID     int64
	URL    string
	Events []Event // in alphabetical order
	Status WebhookStatus
	// Signed tells whether there is a secret. Secret is only there when it was just
	// made: by CreateWebhook and RotateWebhook.
	Signed    bool
	Secret    string
	CreatedAt time.Time

	startsAfter int64 // the event before the first one that is sent by itself
}

// MaxWebhooks is how many endpoints a project can have.
const MaxWebhooks = 50

// CreateWebhookParams describe an endpoint.
type CreateWebhookParams struct {
	// URL is http or https, without a user and password in it.
	URL string
	// Events are those to send. Defaults to all.
	Events []Event
	// Secret signs what is sent: MinSecret to MaxSecret bytes. Not given, one is
	// made; cleared, nothing is signed.
	Secret Null[string]
	// Status defaults to WebhookActive.
	Status WebhookStatus
}

// UpdateWebhookParams change what is not nil.
type UpdateWebhookParams struct {
	URL    *string
	Events *[]Event
	// Status WebhookInactive cancels what waits to be sent. WebhookActive sends
	// nothing by itself.
	Status *WebhookStatus
}

// ListWebhooksParams page the list of endpoints.
type ListWebhooksParams struct {
	// Limit is 1 to 500; 0 means 50.
	Limit  int
	After  Cursor
	Offset int
}

// CreateWebhook adds an endpoint. From now on every change that it wants to hear
// of is sent to it by a webhook.Worker. Errors: ErrInvalid; ErrConflict where there
// are MaxWebhooks already.
func (p *Project) CreateWebhook(ctx context.Context, params CreateWebhookParams) (*Webhook, error) {
	if err := endpoint(params.URL); err != nil {
		return nil, err
	}
	events, err := eventsText(params.Events)
	if err != nil {
		return nil, err
	}
	if params.Status == "" {
		params.Status = WebhookActive
	}
	if err := params.Status.check(); err != nil {
		return nil, err
	}
	secret := orZero(params.Secret.Value())
	switch {
	case !params.Secret.Given():
		secret = newSecret()
	case params.Secret.Value() != nil:
		if err := checkSecret(secret); err != nil {
			return nil, err
		}
	}
	return change(ctx, p, "creating a webhook", backend.Work{}, func(ctx context.Context, o *op) (*Webhook, error) {
		row := db.Webhook{
			ProjectID: o.project, URL: params.URL, Events: events, Status: string(params.Status),
			Secret: p.engine.vault.seal(o.project, secret), CreatedAt: o.now,
		}
		there, err := o.CountWebhooks(ctx, o.project)
		if err != nil {
			return nil, err
		}
		if there >= MaxWebhooks {
			return nil, conflict("url", "cannot be added: the project has %d webhooks already", there)
		}
		if row.StartsAfter, err = o.GetLastEventID(ctx); err != nil {
			return nil, err
		}
		if row.ID, err = o.InsertWebhook(ctx, db.InsertWebhookParams{
			ProjectID: o.project, URL: row.URL, Events: row.Events, Status: row.Status, Secret: row.Secret, StartsAfter: row.StartsAfter,
			CreatedAt: row.CreatedAt,
		}); err != nil {
			return nil, err
		}
		shown, err := showWebhook(&row)
		if err != nil {
			return nil, err
		}
		shown.Secret = secret
		return shown, o.reload(ctx)
	})
}

// GetWebhook finds an endpoint. Errors: ErrNotFound.
func (p *Project) GetWebhook(ctx context.Context, id int64) (*Webhook, error) {
	row, err := read(p, "finding a webhook", func(q db.Querier) (db.Webhook, error) { return getWebhook(ctx, q, p.id, id) })
	if err != nil {
		return nil, err
	}
	return showWebhook(&row)
}

func getWebhook(ctx context.Context, q db.Querier, project, id int64) (db.Webhook, error) {
	row, err := q.GetWebhook(ctx, db.GetWebhookParams{ProjectID: project, WebhookID: id})
	return row, missing(err, "Webhook")
}

// UpdateWebhook changes an endpoint. Errors: ErrInvalid, ErrNotFound.
func (p *Project) UpdateWebhook(ctx context.Context, id int64, params UpdateWebhookParams) (*Webhook, error) {
	if params.URL != nil {
		if err := endpoint(*params.URL); err != nil {
			return nil, err
		}
	}
	var events *string
	if params.Events != nil {
		text, err := eventsText(append([]Event{}, *params.Events...))
		if err != nil {
			return nil, err
		}
		events = &text
	}
	if params.Status != nil {
		if err := params.Status.check(); err != nil {
			return nil, err
		}
	}
	return change(ctx, p, "changing a webhook", backend.Work{}, func(ctx context.Context, o *op) (*Webhook, error) {
		row, err := getWebhook(ctx, o, o.project, id)
		if err != nil {
			return nil, err
		}
		set(&row.URL, params.URL)
		set(&row.Events, events)
		if params.Status != nil {
			if err := o.setStatus(ctx, &row, *params.Status); err != nil {
				return nil, err
			}
		}
		if err := o.saveWebhook(ctx, &row); err != nil {
			return nil, err
		}
		return showWebhook(&row)
	})
}

// setStatus switches an endpoint on or off. One that is off has nothing pending.
func (o *op) setStatus(ctx context.Context, row *db.Webhook, status WebhookStatus) error {
	if WebhookStatus(row.Status) == status {
		return nil
	}
	row.Status = string(status)
	var err error
	if status == WebhookActive { // what happened meanwhile is sent by a replay only
		row.StartsAfter, err = o.GetLastEventID(ctx)
		return err
	}
	_, err = o.CancelDeliveries(ctx, db.CancelDeliveriesParams{WebhookID: row.ID, EndedAt: &o.now})
	return err
}

func (o *op) saveWebhook(ctx context.Context, row *db.Webhook) error {
	return o.Tx.UpdateWebhook(ctx, db.UpdateWebhookParams{
		ProjectID: o.project, WebhookID: row.ID, URL: row.URL, Events: row.Events, Status: row.Status,
		Secret: row.Secret, FormerSecret: row.FormerSecret, FormerUntil: row.FormerUntil,
		StartsAfter: row.StartsAfter,
	})
}

// RotateWebhook makes a new secret. The one before signs beside it for 24 hours, so
// that the receiver can be told in the meantime; unless it cannot be read, because
// Config.SecretKey is another one now. A second rotation within the 24 hours ends
// that of the first one. Errors: ErrNotFound; ErrConflict where the secret is encrypted and there is no key: the new one would not be.
func (p *Project) RotateWebhook(ctx context.Context, id int64) (*Webhook, error) {
	secret := newSecret()
	return change(ctx, p, "rotating a webhook's secret", backend.Work{}, func(ctx context.Context, o *op) (*Webhook, error) {
		row, err := getWebhook(ctx, o, o.project, id)
		if err != nil {
			return nil, err
		}
		former, err := p.engine.vault.open(o.project, row.Secret)
		if err != nil && p.engine.vault.aead == nil {
			return nil, conflict("secret", "is encrypted, and the key for it is missing: rotate it where the key is")
		}
		row.FormerSecret, row.FormerUntil = nil, nil
		if err == nil && former != "" { // what cannot be read signs nothing
			row.FormerSecret, row.FormerUntil = p.engine.vault.seal(o.project, former), new(o.now+rotation.Milliseconds())
		}
		row.Secret = p.engine.vault.seal(o.project, secret)
		if err := o.saveWebhook(ctx, &row); err != nil {
			return nil, err
		}
		shown, err := showWebhook(&row)
		if err != nil {
			return nil, err
		}
		shown.Secret = secret
		return shown, nil
	})
}

// DeleteWebhook removes an endpoint with the log of its deliveries. Errors:
// ErrNotFound.
func (p *Project) DeleteWebhook(ctx context.Context, id int64) error {
	for {
		done := false
		err := p.write(ctx, "deleting a webhook", func(ctx context.Context, o *op) error {
			done = false
			row, err := getWebhook(ctx, o, o.project, id)
			if err != nil {
				return err
			}
			if WebhookStatus(row.Status) == WebhookActive { // nothing more is sent while the log goes in steps
				if err := o.setStatus(ctx, &row, WebhookInactive); err != nil {
					return err
				}
				if err := o.saveWebhook(ctx, &row); err != nil {
					return err
				}
			}
			gone, err := o.DeleteDeliveriesOf(ctx, db.DeleteDeliveriesOfParams{WebhookID: id, AtMost: deletionStep})
			if err != nil || gone == deletionStep {
				return err
			}
			done = true
			if err := o.Tx.DeleteWebhook(ctx, db.DeleteWebhookParams{ProjectID: o.project, WebhookID: id}); err != nil {
				return err
			}
			return o.reload(ctx)
		})
		if err != nil || done {
			return err
		}
	}
}

// ListWebhooks gives a page of endpoints, newest first. Errors: ErrInvalid.
func (p *Project) ListWebhooks(ctx context.Context, params ListWebhooksParams) (Page[Webhook], error) {
	var page Page[Webhook]
	at, err := pageOf("webhooks", params.Limit, 50, params.After, params.Offset, p.id)
	if err != nil {
		return page, err
	}
	rows, err := read(p, "listing webhooks", func(q db.Querier) ([]db.Webhook, error) {
		return q.ListWebhooks(ctx, db.ListWebhooksParams{
			ProjectID: p.id, BeforeTime: at.from.time, BeforeID: at.from.id, Limit: at.fetch(), Offset: at.offset,
		})
	})
	if err != nil {
		return page, err
	}
	return cut(at, rows, func(r *db.Webhook) (int64, int64) { return r.CreatedAt, r.ID }, showWebhook)
}

// CountWebhooks counts all pages of the list.
func (p *Project) CountWebhooks(ctx context.Context) (int64, error) {
	return read(p, "counting webhooks", func(q db.Querier) (int64, error) { return q.CountWebhooks(ctx, p.id) })
}

// AllWebhooks walks the whole list. It fetches page by page and holds no rows open.
func (p *Project) AllWebhooks(ctx context.Context, params ListWebhooksParams) iter.Seq2[Webhook, error] {
	return all(func(after Cursor) (Page[Webhook], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return p.ListWebhooks(ctx, params)
	})
}

func showWebhook(r *db.Webhook) (*Webhook, error) {
	shown := &Webhook{
		ID: r.ID, URL: r.URL, Status: WebhookStatus(r.Status), Signed: len(r.Secret) > 0, CreatedAt: instant(r.CreatedAt),
		startsAfter: r.StartsAfter,
	}
	if err := json.Unmarshal([]byte(r.Events), &shown.Events); err != nil {
		return nil, fmt.Errorf("%w: the events of webhook %d: %w", ErrDamaged, r.ID, err)
	}
	return shown, nil
}
