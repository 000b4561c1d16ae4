package refgrow

import (
	"context"
	"iter"
	"net/netip"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// ErrSecretKey says that a secret in the database is encrypted with a key other than
// Config.SecretKey.
var ErrSecretKey = outbox.ErrSecretKey

// The bounds of a secret that is not generated, in bytes.
const (
	MinSecret = 24
	MaxSecret = 75
)

// Hours for which a former secret can go on signing.
const (
	// DefaultOverlapHours is how long it does if nothing else is said.
	DefaultOverlapHours = 24
	// MaxOverlapHours is the longest time.
	MaxOverlapHours = 72
)

// A WebhookStatus says whether events are sent to an endpoint.
type WebhookStatus string

const (
	// WebhookActive endpoints get events.
	WebhookActive WebhookStatus = "active"
	// WebhookInactive endpoints get none. Webhooks.Replay can later send what happened
	// in the meantime.
	WebhookInactive WebhookStatus = "inactive"
)

func (s WebhookStatus) check() error {
	switch s {
	case WebhookActive, WebhookInactive:
		return nil
	}
	return invalid("status", `must be "active" or "inactive"`)
}

// Webhooks is the handle of a project's endpoints and of the log of what is sent to
// them. It is bound to the transaction that the project is bound to.
type Webhooks struct{ project Project }

// Webhooks returns the handle of the project's endpoints.
func (p *Project) Webhooks() *Webhooks { return &Webhooks{*p} }

// A Webhook is an endpoint that the program's owner wants events sent to.
type Webhook struct {
	ID     int64
	URL    string
	Events []Event // in alphabetical order
	Status WebhookStatus
	// PayoutPreferences reports whether what is sent has the payout preferences of
	// affiliates.
	PayoutPreferences bool
	// Signed reports whether there is a secret. Secret is set only when it was just
	// made, by Webhooks.Create or Webhooks.Rotate.
	Signed bool
	// Encrypted reports whether the secret is kept encrypted. It can then be used only
	// with the Config.SecretKey that it was made with.
	Encrypted bool
	Secret    string
	CreatedAt time.Time
	// FormerSecretUntil is until when a former secret signs alongside: until then the
	// header X-Refgrow-Signature is made with that one. Nil if there is none.
	FormerSecretUntil *time.Time

	startsAfter int64 // the event before the first one that is sent without a replay
}

// PublicAddress reports whether an address is on the public internet: a webhook.Worker
// connects to no other, unless it is told to.
func PublicAddress(a netip.Addr) bool { return form.PublicAddress(a) }

// PublicURL reports whether events may be sent to a URL as far as its text says: its
// host is a name that has to be looked up, or an address on the public internet.
func PublicURL(url string) bool { return form.PublicEndpoint(url) }

// MaxWebhooks is how many endpoints a project can have.
const MaxWebhooks = 50

// CreateWebhookParams describe an endpoint.
type CreateWebhookParams struct {
	// URL is http or https, without a user or password in it.
	URL string
	// Events are those to send. Nil stands for DefaultEvents.
	Events []Event
	// Secret signs what is sent: MinSecret to MaxSecret bytes. If it is absent, one is
	// made; if it is cleared, nothing is signed.
	Secret Null[string]
	// Status defaults to WebhookActive.
	Status WebhookStatus
	// PayoutPreferences false leaves the payout preferences of affiliates out of all
	// that is sent. Nil stands for true.
	PayoutPreferences *bool
}

// UpdateWebhookParams change the fields that are not nil.
type UpdateWebhookParams struct {
	URL    *string
	Events *[]Event
	// Status WebhookInactive cancels what is waiting to be sent. WebhookActive does not
	// send anything retroactively.
	Status *WebhookStatus
	// PayoutPreferences is of all that is sent from now on.
	PayoutPreferences *bool
}

// ListWebhooksParams page the list of endpoints.
type ListWebhooksParams struct {
	// Limit is 1 to 500; 0 means 50.
	Limit  int
	After  Cursor
	Offset int
}

// Create adds an endpoint. From now on a webhook.Worker sends it every event that it
// wants. Errors: ErrInvalid; ErrConflict if there are already MaxWebhooks.
func (w *Webhooks) Create(ctx context.Context, params CreateWebhookParams) (*Webhook, error) {
	if err := at("url", form.Endpoint(params.URL)); err != nil {
		return nil, err
	}
	if params.Events == nil {
		params.Events = DefaultEvents()
	}
	events, err := outbox.EventsText(eventsAs[outbox.Event](params.Events))
	if err != nil {
		return nil, at("events", err)
	}
	if params.Status == "" {
		params.Status = WebhookActive
	}
	if err := params.Status.check(); err != nil {
		return nil, err
	}
	secret := stored.OrZero(params.Secret.Value())
	switch {
	case !params.Secret.Given():
		secret = outbox.NewSecret()
	case params.Secret.Value() != nil:
		if err := at("secret", outbox.CheckSecret(secret)); err != nil {
			return nil, err
		}
	}
	const doing = "creating a webhook"
	return change(ctx, &w.project, doing, backend.Work{}, func(ctx context.Context, o *op) (*Webhook, error) {
		row := db.Webhook{
			ProjectID: o.project, URL: params.URL, Events: events, Status: string(params.Status),
			Secret: w.project.engine.vault.Seal(o.project, secret), CreatedAt: o.now, PayoutPreferences: 1,
		}
		if params.PayoutPreferences != nil {
			row.PayoutPreferences = stored.Flag(*params.PayoutPreferences)
		}
		there, err := o.CountWebhooks(ctx, o.project)
		if err != nil {
			return nil, err
		}
		if there >= MaxWebhooks {
			return nil, conflict("url", "cannot be added: the project already has %d webhooks", there)
		}
		if row.StartsAfter, err = o.GetLastEventID(ctx, o.project); err != nil {
			return nil, err
		}
		if err := o.BeginOutbox(ctx, o.project); err != nil {
			return nil, err
		}
		if row.ID, err = o.InsertWebhook(ctx, db.InsertWebhookParams{
			ProjectID: o.project, URL: row.URL, Events: row.Events, Status: row.Status, Secret: row.Secret,
			StartsAfter: row.StartsAfter, CreatedAt: row.CreatedAt, PayoutPreferences: row.PayoutPreferences,
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

// Get finds an endpoint. Errors: ErrNotFound.
func (w *Webhooks) Get(ctx context.Context, id int64) (*Webhook, error) {
	row, err := read(ctx, &w.project, "finding a webhook", func(ctx context.Context, q db.Querier) (db.Webhook, error) {
		return getWebhook(ctx, q, w.project.id, id)
	})
	if err != nil {
		return nil, err
	}
	return showWebhook(&row)
}

func getWebhook(ctx context.Context, q db.Querier, project, id int64) (db.Webhook, error) {
	row, err := q.GetWebhook(ctx, db.GetWebhookParams{ProjectID: project, WebhookID: id})
	return row, missing(err, "Webhook")
}

// Update changes an endpoint. Errors: ErrInvalid, ErrNotFound.
func (w *Webhooks) Update(ctx context.Context, id int64, params UpdateWebhookParams) (*Webhook, error) {
	if params.URL != nil {
		if err := at("url", form.Endpoint(*params.URL)); err != nil {
			return nil, err
		}
	}
	var events *string
	if params.Events != nil {
		text, err := outbox.EventsText(eventsAs[outbox.Event](*params.Events))
		if err != nil {
			return nil, at("events", err)
		}
		events = &text
	}
	if params.Status != nil {
		if err := params.Status.check(); err != nil {
			return nil, err
		}
	}
	const doing = "changing a webhook"
	return change(ctx, &w.project, doing, backend.Work{}, func(ctx context.Context, o *op) (*Webhook, error) {
		row, err := getWebhook(ctx, o, o.project, id)
		if err != nil {
			return nil, err
		}
		set(&row.URL, params.URL)
		set(&row.Events, events)
		if params.PayoutPreferences != nil {
			row.PayoutPreferences = stored.Flag(*params.PayoutPreferences)
		}
		if params.Status != nil {
			if err := o.setStatus(ctx, &row, *params.Status); err != nil {
				return nil, err
			}
		}
		if err := o.saveWebhook(ctx, &row); err != nil {
			return nil, err
		}
		shown, err := showWebhook(&row)
		if err != nil {
			return nil, err
		}
		return shown, o.reload(ctx)
	})
}

// setStatus switches an endpoint on or off. One that is off has nothing pending.
func (o *op) setStatus(ctx context.Context, row *db.Webhook, status WebhookStatus) error {
	if WebhookStatus(row.Status) == status {
		return nil
	}
	row.Status = string(status)
	var err error
	if status == WebhookActive { // what happened meanwhile is sent only by a replay
		row.StartsAfter, err = o.GetLastEventID(ctx, o.project)
		return err
	}
	_, err = o.CancelDeliveries(ctx, db.CancelDeliveriesParams{
		ProjectID: o.project, WebhookID: row.ID, EndedAt: &o.now,
	})
	return err
}

func (o *op) saveWebhook(ctx context.Context, row *db.Webhook) error {
	return o.Tx.UpdateWebhook(ctx, db.UpdateWebhookParams{
		ProjectID: o.project, WebhookID: row.ID, URL: row.URL, Events: row.Events, Status: row.Status,
		Secret: row.Secret, FormerSecret: row.FormerSecret, FormerUntil: row.FormerUntil,
		StartsAfter: row.StartsAfter, PayoutPreferences: row.PayoutPreferences,
	})
}

// RotateWebhookParams say how to rotate a secret.
type RotateWebhookParams struct {
	// OverlapHours is how long the former secret still signs, 0 to MaxOverlapHours.
	// Nil stands for DefaultOverlapHours.
	OverlapHours *int
}

// Rotate makes a new secret. The former one signs alongside it for a while, in which
// the receiver is updated: Webhook-Signature then has both signatures, and
// X-Refgrow-Signature that of the former secret until the time is over. A former secret
// that cannot be read, because Config.SecretKey has changed, is dropped. Rotating again
// in the meantime drops it as well. Errors: ErrNotFound; ErrInvalid; ErrConflict if the
// secret is encrypted and there is no key: the new one would not be encrypted.
func (w *Webhooks) Rotate(ctx context.Context, id int64, params RotateWebhookParams) (*Webhook, error) {
	overlap := DefaultOverlapHours
	if params.OverlapHours != nil {
		overlap = *params.OverlapHours
	}
	if overlap < 0 || overlap > MaxOverlapHours {
		return nil, invalid("overlap_hours", "must be 0 to %d", MaxOverlapHours)
	}
	secret := outbox.NewSecret()
	const doing = "rotating a webhook's secret"
	return change(ctx, &w.project, doing, backend.Work{}, func(ctx context.Context, o *op) (*Webhook, error) {
		row, err := getWebhook(ctx, o, o.project, id)
		if err != nil {
			return nil, err
		}
		vault := w.project.engine.vault
		former, err := vault.Open(o.project, row.Secret)
		if err != nil && !vault.HasKey() {
			return nil, conflict("secret", "is encrypted, and its key is missing: rotate it where the key is").of(id)
		}
		row.FormerSecret, row.FormerUntil = nil, nil
		if err == nil && former != "" && overlap > 0 { // what cannot be read signs nothing
			until := o.now + (time.Duration(overlap) * time.Hour).Milliseconds()
			row.FormerSecret, row.FormerUntil = vault.Seal(o.project, former), &until
		}
		row.Secret = vault.Seal(o.project, secret)
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

// Delete removes an endpoint and the log of its deliveries. Errors: ErrNotFound.
func (w *Webhooks) Delete(ctx context.Context, id int64) error {
	for {
		done := false
		err := w.project.write(ctx, "deleting a webhook", func(ctx context.Context, o *op) error {
			done = false
			row, err := getWebhook(ctx, o, o.project, id)
			if err != nil {
				return err
			}
			if WebhookStatus(row.Status) == WebhookActive { // sends no more while the log goes
				if err := o.setStatus(ctx, &row, WebhookInactive); err != nil {
					return err
				}
				if err := o.saveWebhook(ctx, &row); err != nil {
					return err
				}
			}
			more, err := outbox.DeleteLog(ctx, o, o.project, id)
			if err != nil || more {
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

// List returns a page of endpoints, newest first. Errors: ErrInvalid.
func (w *Webhooks) List(ctx context.Context, params ListWebhooksParams) (Page[Webhook], error) {
	var page Page[Webhook]
	at, err := pageOf("webhooks", params.Limit, 50, params.After, params.Offset, w.project.id)
	if err != nil {
		return page, err
	}
	rows, err := read(ctx, &w.project, "listing webhooks", func(ctx context.Context, q db.Querier) ([]db.Webhook, error) {
		return q.ListWebhooks(ctx, db.ListWebhooksParams{
			ProjectID: w.project.id, BeforeTime: at.from.time, BeforeID: at.from.id, Limit: at.fetch(), Offset: at.offset,
		})
	})
	if err != nil {
		return page, err
	}
	return cut(at, rows, func(r *db.Webhook) (int64, int64) { return r.CreatedAt, r.ID }, shown(showWebhook))
}

// Count counts all pages of the list.
func (w *Webhooks) Count(ctx context.Context) (int64, error) {
	return read(ctx, &w.project, "counting webhooks", func(ctx context.Context, q db.Querier) (int64, error) {
		return q.CountWebhooks(ctx, w.project.id)
	})
}

// All walks the whole list. It fetches page by page and holds no rows open.
func (w *Webhooks) All(ctx context.Context, params ListWebhooksParams) iter.Seq2[Webhook, error] {
	return all(func(after Cursor) (Page[Webhook], error) {
		if after != "" {
			params.After, params.Offset = after, 0
		}
		return w.List(ctx, params)
	})
}

func showWebhook(r *db.Webhook) (*Webhook, error) {
	endpoint, err := outbox.EndpointOf(r)
	if err != nil {
		return nil, err
	}
	return &Webhook{
		ID: r.ID, URL: r.URL, Events: eventsAs[Event](endpoint.Events), Status: WebhookStatus(r.Status),
		PayoutPreferences: r.PayoutPreferences == 1, Signed: len(r.Secret) > 0, Encrypted: outbox.Sealed(r.Secret),
		CreatedAt: stored.Instant(r.CreatedAt), startsAfter: r.StartsAfter,
		FormerSecretUntil: stored.OptionalInstant(r.FormerUntil),
	}, nil
}

// endpoint returns the webhook as the outbox knows it.
func (w *Webhook) endpoint() outbox.Endpoint {
	return outbox.Endpoint{ID: w.ID, Events: eventsAs[outbox.Event](w.Events), StartsAfter: w.startsAfter}
}
