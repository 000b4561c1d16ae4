package outbox

import (
	"bytes"
	"context"
	"database/sql"
	"errors"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// An Attempt is one try of a delivery, leased to one worker.
type Attempt struct {
	ProjectID, DeliveryID, WebhookID int64
	MessageID                        string
	Event                            Event
	URL                              string
	Secrets                          []string // the current one first; none if nothing is signed
	Body                             []byte
	Number                           int64 // 1 for the first try
	Failures                         int64 // of earlier tries
}

// NextDue returns when the next delivery of an endpoint is due, and reports whether
// there is one. What is leased does not count.
func NextDue(ctx context.Context, q db.Querier, project, webhook, now int64) (due int64, found bool, err error) {
	for _, replayed := range []bool{false, true} {
		next, err := q.NextDue(ctx, db.NextDueParams{
			ProjectID: project, WebhookID: webhook, Replayed: stored.Flag(replayed), Now: now,
		})
		switch {
		case errors.Is(err, sql.ErrNoRows):
			continue
		case err != nil:
			return 0, false, err
		case !found || next < due:
			due, found = next, true
		}
	}
	return due, found, nil
}

// A Lease gives deliveries of an endpoint to one worker until an instant. After that,
// any worker may try them.
type Lease struct {
	ProjectID, WebhookID int64
	AtMost               int
	Now, Until           int64
}

// Take leases the deliveries that are due: the earliest one of each lane. There are
// none if the endpoint is no longer active. Errors: ErrSecretKey.
func (l Lease) Take(ctx context.Context, q db.Querier, vault Vault) ([]Attempt, error) {
	endpoint, err := q.GetWebhook(ctx, db.GetWebhookParams{ProjectID: l.ProjectID, WebhookID: l.WebhookID})
	if errors.Is(err, sql.ErrNoRows) || err == nil && endpoint.Status != EndpointActive {
		return nil, nil // it was deleted or switched off in the meantime
	}
	if err != nil {
		return nil, err
	}
	secrets, err := vault.secretsOf(&endpoint, l.Now)
	if err != nil {
		return nil, err
	}
	due, err := l.due(ctx, q)
	if err != nil {
		return nil, err
	}
	attempts := make([]Attempt, 0, len(due))
	for i := range due {
		event, err := q.GetEvent(ctx, db.GetEventParams{ProjectID: l.ProjectID, EventID: due[i].EventID})
		if errors.Is(err, sql.ErrNoRows) {
			if err := l.giveUp(ctx, q, &due[i]); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		erased, err := q.IsBeingErased(ctx, db.IsBeingErasedParams{ProjectID: l.ProjectID, EventID: due[i].EventID})
		if err != nil {
			return nil, err
		}
		if erased == 1 || Kind(event.Kind) == Erased {
			if err := Empty(ctx, q, event.ProjectID, []Row{{event.ID, due[i].Lane}}, l.Now); err != nil {
				return nil, err
			}
			continue
		}
		attempt, err := l.begin(ctx, q, &due[i], &event, endpoint.PayoutPreferences == 1)
		if err != nil {
			return nil, err
		}
		attempt.URL, attempt.Secrets = endpoint.URL, secrets
		attempts = append(attempts, attempt)
	}
	return attempts, nil
}

// due lists what can be leased: what is replayed after everything else.
func (l Lease) due(ctx context.Context, q db.Querier) (due []db.ListDueDeliveriesRow, err error) {
	for _, replayed := range []bool{false, true} {
		limit := int64(l.AtMost - len(due))
		if limit <= 0 {
			break
		}
		rows, err := q.ListDueDeliveries(ctx, db.ListDueDeliveriesParams{
			ProjectID: l.ProjectID, WebhookID: l.WebhookID, Replayed: stored.Flag(replayed), Now: l.Now, Limit: limit,
		})
		if err != nil {
			return nil, err
		}
		due = append(due, rows...)
	}
	return due, nil
}

// begin leases one delivery.
func (l Lease) begin(
	ctx context.Context, q db.Querier, d *db.ListDueDeliveriesRow, event *db.Event, preferences bool,
) (Attempt, error) {
	if err := q.LeaseDelivery(ctx, db.LeaseDeliveryParams{
		ProjectID: l.ProjectID, DeliveryID: d.ID, LeasedUntil: &l.Until,
	}); err != nil {
		return Attempt{}, err
	}
	name := Event(d.Event)
	sent, err := body(event, name, preferences)
	return Attempt{
		ProjectID: l.ProjectID, DeliveryID: d.ID, WebhookID: d.WebhookID, MessageID: messageID(event, name),
		Event: name, Body: sent,
		Number: d.Attempts + 1, Failures: d.Failures,
	}, err
}

// giveUp ends a delivery that has waited for others so long that its event was pruned.
func (l Lease) giveUp(ctx context.Context, q db.Querier, d *db.ListDueDeliveriesRow) error {
	if _, err := q.EndDelivery(ctx, db.EndDeliveryParams{
		ProjectID: l.ProjectID, DeliveryID: d.ID, Attempts: d.Attempts, Status: DeliveryFailed,
		Error: new("the event is no longer kept"), EndedAt: &l.Now,
	}); err != nil {
		return err
	}
	return q.ReleaseNext(ctx, db.ReleaseNextParams{
		ProjectID: l.ProjectID, WebhookID: d.WebhookID, Lane: d.Lane, Now: l.Now,
	})
}

// An Outcome is what became of a try.
type Outcome string

// The outcomes.
const (
	Succeeded Outcome = "succeeded"
	Retry     Outcome = "retry"  // at RetryAt
	Failed    Outcome = "failed" // permanently
	Gone      Outcome = "gone"   // the endpoint is permanently gone
)

// How a delivery ends, in the database.
const (
	DeliverySucceeded = "succeeded"
	DeliveryFailed    = "failed"
)

// A Result is what a worker reports about a try.
type Result struct {
	ProjectID, DeliveryID, WebhookID int64
	Number                           int64 // that of the try
	Outcome                          Outcome
	RetryAt                          int64
	ResponseStatus                   int    // 0 without an answer
	Error                            string // "" for none
	Sent                             []byte // the body of the try
}

// Finish notes what became of a try. It changes nothing if the delivery has been tried
// again since, or has ended.
func (r Result) Finish(ctx context.Context, q db.Querier, now int64) error {
	status := stored.NumberOrNull(r.ResponseStatus)
	text, err := r.told(ctx, q)
	if err != nil {
		return err
	}
	if r.Outcome == Retry {
		done, err := q.RetryDelivery(ctx, db.RetryDeliveryParams{
			ProjectID: r.ProjectID, DeliveryID: r.DeliveryID, Attempts: r.Number, NextAttemptAt: &r.RetryAt,
			ResponseStatus: status, Error: text,
		})
		if err != nil || done == 0 {
			return err
		}
		return r.queue(ctx, q, now)
	}
	end := db.EndDeliveryParams{
		ProjectID: r.ProjectID, DeliveryID: r.DeliveryID, Attempts: r.Number, Status: DeliveryFailed,
		ResponseStatus: status, Error: text, EndedAt: &now,
	}
	if r.Outcome == Succeeded {
		end.Status, end.Error = DeliverySucceeded, nil
	}
	done, err := q.EndDelivery(ctx, end)
	if err != nil || done == 0 {
		return err
	}
	return r.afterwards(ctx, q, now)
}

// told is what an endpoint answered, which may repeat what it was sent. Nothing is kept
// of it once the event would be sent as something else: somebody was erased meanwhile.
func (r Result) told(ctx context.Context, q db.Querier) (*string, error) {
	if r.Error == "" {
		return nil, nil
	}
	d, err := r.delivery(ctx, q)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	event, err := q.GetEvent(ctx, db.GetEventParams{ProjectID: r.ProjectID, EventID: d.EventID})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, preferences := range []bool{true, false} {
		now, err := body(&event, Event(d.Event), preferences)
		if err != nil {
			return nil, err
		}
		if bytes.Equal(now, r.Sent) {
			return &r.Error, nil
		}
	}
	return nil, nil
}

func (r Result) delivery(ctx context.Context, q db.Querier) (db.GetDeliveryOfWorkerRow, error) {
	return q.GetDeliveryOfWorker(ctx, db.GetDeliveryOfWorkerParams{ProjectID: r.ProjectID, DeliveryID: r.DeliveryID})
}

// queue makes a delivery that is to be tried again wait for one of an earlier event
// that a replay has brought back in the meantime.
func (r Result) queue(ctx context.Context, q db.Querier, now int64) error {
	waits, err := q.WaitBehind(ctx, db.WaitBehindParams{ProjectID: r.ProjectID, DeliveryID: r.DeliveryID})
	if err != nil || waits == 0 {
		return err
	}
	return r.release(ctx, q, now)
}

// afterwards releases the next delivery of the lane, or switches the endpoint off.
func (r Result) afterwards(ctx context.Context, q db.Querier, now int64) error {
	if r.Outcome == Succeeded {
		if err := q.NoteSuccess(ctx, db.NoteSuccessParams{
			ProjectID: r.ProjectID, WebhookID: r.WebhookID, Now: now,
		}); err != nil {
			return err
		}
	}
	off, err := r.endsEndpoint(ctx, q)
	switch {
	case err != nil:
		return err
	case !off:
		return r.release(ctx, q, now)
	}
	if err := q.SwitchOff(ctx, db.SwitchOffParams{ProjectID: r.ProjectID, WebhookID: r.WebhookID}); err != nil {
		return err
	}
	_, err = q.CancelDeliveries(ctx, db.CancelDeliveriesParams{
		ProjectID: r.ProjectID, WebhookID: r.WebhookID, EndedAt: &now,
	})
	return err
}

// endsEndpoint reports whether the endpoint is sent nothing more: it is gone, or has
// not succeeded once since the failed delivery was made.
func (r Result) endsEndpoint(ctx context.Context, q db.Querier) (bool, error) {
	switch r.Outcome {
	case Gone:
		return true, nil
	case Failed:
		row, err := r.delivery(ctx, q)
		if err != nil {
			return false, err
		}
		endpoint, err := q.GetWebhook(ctx, db.GetWebhookParams{ProjectID: r.ProjectID, WebhookID: r.WebhookID})
		return stored.OrZero(endpoint.LastSuccessAt) < row.CreatedAt, err
	case Succeeded, Retry:
	}
	return false, nil
}

// release lets the next delivery of the lane go.
func (r Result) release(ctx context.Context, q db.Querier, now int64) error {
	row, err := r.delivery(ctx, q)
	if err != nil {
		return err
	}
	return q.ReleaseNext(ctx, db.ReleaseNextParams{
		ProjectID: r.ProjectID, WebhookID: r.WebhookID, Lane: row.Lane, Now: now,
	})
}
