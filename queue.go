package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
)

// What a worker needs to deliver events. webhook.Worker does it over HTTP; these
// methods are for it, and for who wants to send them some other way.

// spreadStep is how many events one transaction makes deliveries of.
const spreadStep = 200

// maxSpread is how many deliveries one transaction makes, but for those of its last
// event.
const maxSpread = 1000

// MaxDeliveryError is how much of an error is kept with a delivery, in bytes.
const MaxDeliveryError = 4096

// An Attempt is one try of a delivery, leased to one worker.
type Attempt struct {
	DeliveryID, WebhookID int64
	// MessageID names the event, on every try and at every endpoint.
	MessageID string
	Event     Event
	URL       string
	// Secrets sign it: the present one first; none for an endpoint without
	// signatures.
	Secrets []string
	Body    []byte
	// Number is 1 for the first try.
	Number int64
	// Failures counts the tries that have failed. Those of a worker that died are not
	// among them.
	Failures int64
}

// An AttemptOutcome is what became of a try.
type AttemptOutcome string

const (
	// AttemptSucceeded: the endpoint has taken it.
	AttemptSucceeded AttemptOutcome = "succeeded"
	// AttemptRetry: it is to be tried again, at RetryAt.
	AttemptRetry AttemptOutcome = "retry"
	// AttemptFailed: it will not be tried again. An endpoint that had no success
	// since the delivery was made is switched off.
	AttemptFailed AttemptOutcome = "failed"
	// AttemptGone: the endpoint has said that it is gone for good, and is switched off.
	AttemptGone AttemptOutcome = "gone"
)

// An AttemptResult is what a worker tells of a try.
type AttemptResult struct {
	Outcome AttemptOutcome
	RetryAt time.Time
	// ResponseStatus is the HTTP status, 0 without an answer.
	ResponseStatus int
	// Error is cut to MaxDeliveryError.
	Error string
}

// SpreadEvents makes deliveries of the next events in the outbox, and reports
// whether there may be more. Any number of processes may do it at once. Errors:
// ErrBusy, ErrClosed.
func (e *Engine) SpreadEvents(ctx context.Context) (more bool, err error) {
	// Most looks find nothing: they need not wait for the database's lock.
	waiting, err := e.eventsWaiting(ctx)
	if err != nil || !waiting {
		return false, err
	}
	err = e.inOutbox(ctx, "spreading events", func(ctx context.Context, tx *backend.Tx) error {
		position, err := tx.GetOutboxPosition(ctx)
		if err != nil {
			return err
		}
		rows, err := tx.ListEventsAfter(ctx, db.ListEventsAfterParams{AfterID: position, Limit: spreadStep})
		if err != nil || len(rows) == 0 {
			return err
		}
		endpoints := make(map[int64][]*Webhook, 1) // by project
		made, last := 0, position
		for _, row := range rows {
			if made >= maxSpread {
				break
			}
			if _, known := endpoints[row.ProjectID]; !known {
				if endpoints[row.ProjectID], err = activeEndpoints(ctx, tx, row.ProjectID); err != nil {
					return err
				}
			}
			n, err := spread(ctx, tx, &row, endpoints[row.ProjectID], e.millis())
			if err != nil {
				return err
			}
			made += n
			if last, err = onward(last, row.ID); err != nil {
				return err
			}
		}
		more = len(rows) == spreadStep || made >= maxSpread
		return tx.MoveOutboxPosition(ctx, last)
	})
	return more, err
}

func (e *Engine) eventsWaiting(ctx context.Context) (bool, error) {
	if err := e.open(); err != nil {
		return false, err
	}
	q := e.backend.Reader()
	position, err := q.GetOutboxPosition(ctx)
	if err != nil {
		return false, failed("looking for events", needed(err))
	}
	rows, err := q.ListEventsAfter(ctx, db.ListEventsAfterParams{AfterID: position, Limit: 1})
	return len(rows) > 0, failed("looking for events", needed(err))
}

// inOutbox runs an operation of the worker, which is of no one project.
func (e *Engine) inOutbox(ctx context.Context, doing string, work func(context.Context, *backend.Tx) error) error {
	if err := e.open(); err != nil {
		return err
	}
	return failed(doing, e.backend.Atomic(ctx, backend.Work{Run: work}))
}

func activeEndpoints(ctx context.Context, q db.Querier, project int64) ([]*Webhook, error) {
	rows, err := q.ListActiveWebhooks(ctx, project)
	if err != nil {
		return nil, err
	}
	endpoints := make([]*Webhook, len(rows))
	for i := range rows {
		if endpoints[i], err = showWebhook(&rows[i]); err != nil {
			return nil, err
		}
	}
	return endpoints, nil
}

// spread makes the deliveries of one event, and counts them.
func spread(ctx context.Context, q db.Querier, event *db.ListEventsAfterRow, endpoints []*Webhook, now int64) (n int, err error) {
	for _, name := range happening(event.Kind).events() {
		for _, endpoint := range endpoints {
			if event.ID <= endpoint.startsAfter || !endpoint.wants(name) {
				continue
			}
			if _, err := q.InsertDelivery(ctx, db.InsertDeliveryParams{
				ProjectID: event.ProjectID, WebhookID: endpoint.ID, EventID: event.ID, Event: string(name), Lane: event.Lane, Now: now,
			}); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// Endpoints gives the ids of all active endpoints, of all projects. Errors:
// ErrClosed.
func (e *Engine) Endpoints(ctx context.Context) ([]int64, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	ids, err := e.backend.Reader().ListEndpoints(ctx)
	return ids, failed("looking for endpoints", needed(err))
}

// ClaimDeliveries leases to the caller, until the lease has passed, at most so many
// deliveries of an endpoint that are due: of each conversion the earliest only. next
// is when the next one will be due, zero when none waits. Errors: ErrSecretKey when
// the endpoint's secret cannot be read, ErrBusy, ErrClosed.
func (e *Engine) ClaimDeliveries(ctx context.Context, webhookID int64, atMost int, lease time.Duration) (claimed []Attempt, next time.Time, err error) {
	if err := e.open(); err != nil {
		return nil, next, err
	}
	now := e.millis()
	due, err := e.backend.Reader().NextDue(ctx, db.NextDueParams{WebhookID: webhookID, Now: now})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, next, nil
	case err != nil:
		return nil, next, failed("looking for deliveries", err)
	}
	if due > now || atMost <= 0 {
		return nil, instant(due), nil
	}
	err = e.inOutbox(ctx, "leasing deliveries", func(ctx context.Context, tx *backend.Tx) error {
		claimed = nil
		row, err := tx.GetEndpoint(ctx, webhookID)
		if errors.Is(err, sql.ErrNoRows) || err == nil && WebhookStatus(row.Status) != WebhookActive {
			return nil // it was switched off, or deleted, meanwhile
		}
		if err != nil {
			return err
		}
		secrets, err := e.secretsOf(&row, now)
		if err != nil {
			return err
		}
		rows, err := tx.ListDueDeliveries(ctx, db.ListDueDeliveriesParams{WebhookID: webhookID, Now: now, Limit: int64(atMost)})
		if err != nil {
			return err
		}
		until := now + lease.Milliseconds()
		for _, r := range rows {
			event, err := tx.GetEvent(ctx, r.EventID)
			if errors.Is(err, sql.ErrNoRows) {
				if err := forgotten(ctx, tx, &r, now); err != nil {
					return err
				}
				continue
			}
			if err != nil {
				return err
			}
			if err := tx.LeaseDelivery(ctx, db.LeaseDeliveryParams{DeliveryID: r.ID, LeasedUntil: &until}); err != nil {
				return err
			}
			attempt := Attempt{
				DeliveryID: r.ID, WebhookID: webhookID, MessageID: messageID(&event, Event(r.Event)), Event: Event(r.Event),
				URL: row.URL, Secrets: secrets, Number: r.Attempts + 1, Failures: r.Failures,
			}
			if attempt.Body, err = body(&event, attempt.Event); err != nil {
				return err
			}
			claimed = append(claimed, attempt)
		}
		return nil
	})
	return claimed, instant(due), err
}

// forgotten ends a delivery that has waited so long behind others that its event
// was pruned.
func forgotten(ctx context.Context, q db.Querier, r *db.ListDueDeliveriesRow, now int64) error {
	if _, err := q.EndDelivery(ctx, db.EndDeliveryParams{
		DeliveryID: r.ID, Attempts: r.Attempts, Status: string(DeliveryFailed), Error: new("the event is not kept any more"), EndedAt: &now,
	}); err != nil {
		return err
	}
	return q.ReleaseNext(ctx, db.ReleaseNextParams{WebhookID: r.WebhookID, Lane: r.Lane, Now: now})
}

func (e *Engine) secretsOf(row *db.Webhook, now int64) ([]string, error) {
	secret, err := e.vault.open(row.ProjectID, row.Secret)
	if err != nil || secret == "" {
		return nil, err
	}
	secrets := []string{secret}
	if orZero(row.FormerUntil) > now {
		former, err := e.vault.open(row.ProjectID, row.FormerSecret)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, former)
	}
	return secrets, nil
}

// FinishAttempt notes what became of a try. It changes nothing when the lease had
// passed and somebody else has tried since, or when the endpoint was switched off.
// Errors: ErrBusy, ErrClosed.
func (e *Engine) FinishAttempt(ctx context.Context, a Attempt, result AttemptResult) error {
	return e.inOutbox(ctx, "finishing a delivery", func(ctx context.Context, tx *backend.Tx) error {
		now := e.millis()
		status, text := numberOrNull(result.ResponseStatus), textOrNull(cutText(result.Error, MaxDeliveryError))
		if result.Outcome == AttemptRetry {
			return retry(ctx, tx, a, db.RetryDeliveryParams{
				DeliveryID: a.DeliveryID, Attempts: a.Number, NextAttemptAt: new(millisOf(result.RetryAt)), ResponseStatus: status, Error: text,
			}, now)
		}
		ended := DeliveryFailed
		if result.Outcome == AttemptSucceeded {
			ended, text = DeliverySucceeded, nil
		}
		done, err := tx.EndDelivery(ctx, db.EndDeliveryParams{
			DeliveryID: a.DeliveryID, Attempts: a.Number, Status: string(ended), ResponseStatus: status, Error: text, EndedAt: &now,
		})
		if err != nil || done == 0 {
			return err
		}
		return e.afterwards(ctx, tx, a, result.Outcome, now)
	})
}

// retry puts a delivery off, behind one of an earlier event that a replay has
// brought back while this one was under way.
func retry(ctx context.Context, q db.Querier, a Attempt, again db.RetryDeliveryParams, now int64) error {
	done, err := q.RetryDelivery(ctx, again)
	if err != nil || done == 0 {
		return err
	}
	behind, err := q.WaitBehind(ctx, a.DeliveryID)
	if err != nil || behind == 0 {
		return err
	}
	row, err := q.GetDeliveryOfWorker(ctx, a.DeliveryID)
	if err != nil {
		return err
	}
	return q.ReleaseNext(ctx, db.ReleaseNextParams{WebhookID: a.WebhookID, Lane: row.Lane, Now: now})
}

// afterwards lets the next delivery about the same conversion go, or switches the
// endpoint off.
func (e *Engine) afterwards(ctx context.Context, tx *backend.Tx, a Attempt, outcome AttemptOutcome, now int64) error {
	off := outcome == AttemptGone
	switch outcome {
	case AttemptSucceeded:
		if err := tx.NoteSuccess(ctx, db.NoteSuccessParams{WebhookID: a.WebhookID, Now: now}); err != nil {
			return err
		}
	case AttemptFailed:
		row, err := tx.GetDeliveryOfWorker(ctx, a.DeliveryID)
		if err != nil {
			return err
		}
		endpoint, err := tx.GetEndpoint(ctx, a.WebhookID)
		if err != nil {
			return err
		}
		off = orZero(endpoint.LastSuccessAt) < row.CreatedAt
	case AttemptGone, AttemptRetry:
	}
	if !off {
		row, err := tx.GetDeliveryOfWorker(ctx, a.DeliveryID)
		if err != nil {
			return err
		}
		return tx.ReleaseNext(ctx, db.ReleaseNextParams{WebhookID: a.WebhookID, Lane: row.Lane, Now: now})
	}
	if err := tx.SwitchOff(ctx, a.WebhookID); err != nil {
		return err
	}
	_, err := tx.CancelDeliveries(ctx, db.CancelDeliveriesParams{WebhookID: a.WebhookID, EndedAt: &now})
	return err
}

// PruneEvents forgets the oldest events and deliveries from before an instant, some
// hundreds at once, and reports whether there may be more; and the former secrets
// that sign nothing any more. Errors: ErrBusy, ErrClosed.
func (e *Engine) PruneEvents(ctx context.Context, before time.Time) (more bool, err error) {
	err = e.inOutbox(ctx, "pruning events", func(ctx context.Context, tx *backend.Tx) error {
		if err := tx.ForgetFormerSecrets(ctx, e.millis()); err != nil {
			return err
		}
		deliveries, err := tx.PruneDeliveries(ctx, db.PruneDeliveriesParams{CreatedBefore: millisOf(before), AtMost: deletionStep})
		if err != nil {
			return err
		}
		events, err := tx.PruneEvents(ctx, db.PruneEventsParams{CreatedBefore: millisOf(before), AtMost: deletionStep})
		more = deliveries > 0 || events > 0 // fewer than there may be: what is pending stays
		return err
	})
	return more, err
}
