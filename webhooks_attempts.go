package refgrow

import (
	"cmp"
	"context"
	"database/sql"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/outbox"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// Outbox is the handle of the events of all projects that wait to be delivered.
// webhook.Worker delivers them over HTTP; the handle is for it, and for anyone who
// delivers them some other way.
type Outbox struct{ engine *Engine }

// Outbox returns the handle of what waits to be delivered.
func (e *Engine) Outbox() *Outbox { return &Outbox{e} }

// Woken is where a worker learns that there may be something to deliver. One worker of
// the process gets each signal; the others check now and then.
func (o *Outbox) Woken() <-chan struct{} { return o.engine.woken }

// MaxDeliveryError is how much of an error is kept with a delivery, in bytes.
const MaxDeliveryError = 4096

// An Attempt is one try of a delivery, leased to one worker.
type Attempt struct {
	ProjectID, DeliveryID, WebhookID int64
	// MessageID identifies the event, on every try and at every endpoint.
	MessageID string
	Event     Event
	URL       string
	// Secrets sign it: the current one first; none for an endpoint without signatures.
	Secrets []string
	Body    []byte
	// Number is 1 for the first try.
	Number int64
	// Failures counts the tries that have failed. Those of a worker that died do not
	// count.
	Failures int64
}

// An AttemptOutcome is what became of a try.
type AttemptOutcome string

const (
	// AttemptSucceeded: the endpoint has accepted it.
	AttemptSucceeded AttemptOutcome = "succeeded"
	// AttemptRetry: it is to be tried again at RetryAt.
	AttemptRetry AttemptOutcome = "retry"
	// AttemptFailed: it will not be tried again. An endpoint that has had no success
	// since the delivery was made is switched off.
	AttemptFailed AttemptOutcome = "failed"
	// AttemptGone: the endpoint has said that it is permanently gone, and is switched
	// off.
	AttemptGone AttemptOutcome = "gone"
)

// An AttemptResult is what a worker reports about a try.
type AttemptResult struct {
	Outcome AttemptOutcome
	RetryAt time.Time
	// ResponseStatus is the HTTP status, 0 without an answer.
	ResponseStatus int
	// Error is cut to MaxDeliveryError.
	Error string
}

// Spread makes deliveries of the next events in the outbox, some of each project, and
// reports whether there may be more. Any number of processes may do it at once. One
// project that is busy does not keep it from the others. Errors: ErrBusy, ErrClosed.
func (o *Outbox) Spread(ctx context.Context) (more bool, err error) {
	// Most calls find nothing: they need not wait for the database's lock.
	find := func(ctx context.Context, q db.Querier) ([]int64, error) { return q.ListProjectsToSpread(ctx) }
	return o.each(ctx, "spreading events", find, func(ctx context.Context, tx *backend.Tx, project int64) (bool, error) {
		return outbox.Spread(ctx, tx, project, o.engine.millis())
	})
}

// each runs an operation in each of the projects that a query finds, and reports
// whether one of them says that there may be more.
func (o *Outbox) each(
	ctx context.Context, doing string, find func(context.Context, db.Querier) ([]int64, error),
	work func(ctx context.Context, tx *backend.Tx, project int64) (more bool, err error),
) (more bool, err error) {
	if err := o.engine.open(); err != nil {
		return false, err
	}
	projects, err := find(inLane(ctx, backend.Events), o.engine.backend.Reader())
	if err != nil {
		return false, o.engine.failed(doing, o.engine.needed(err))
	}
	var first error
	for _, project := range projects {
		var left bool
		if err := o.write(ctx, doing, project, func(ctx context.Context, tx *backend.Tx) (err error) {
			left, err = work(ctx, tx, project)
			return err
		}); err != nil {
			first = cmp.Or(first, err)
			continue
		}
		more = more || left
	}
	return more, first
}

// write runs an operation of the worker in a project.
func (o *Outbox) write(
	ctx context.Context, doing string, project int64, work func(context.Context, *backend.Tx) error,
) error {
	if err := o.engine.open(); err != nil {
		return err
	}
	return o.engine.failed(doing, o.engine.backend.Atomic(ctx, backend.Work{Project: project, Run: work}))
}

// Endpoints returns the ids of all active endpoints, of all projects. Errors:
// ErrClosed.
func (o *Outbox) Endpoints(ctx context.Context) ([]int64, error) {
	if err := o.engine.open(); err != nil {
		return nil, err
	}
	rows, err := o.engine.backend.Reader().ListEndpoints(inLane(ctx, backend.Events))
	if err != nil {
		return nil, o.engine.failed("looking for endpoints", o.engine.needed(err))
	}
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
		o.engine.endpoints.Store(r.ID, r.ProjectID)
	}
	return ids, nil
}

// projectOf returns the project of an endpoint, which never changes; 0 if there is no
// such endpoint.
func (o *Outbox) projectOf(ctx context.Context, webhook int64) (int64, error) {
	if project, known := o.engine.endpoints.Load(webhook); known {
		return project.(int64), nil //nolint:forcetypeassert // nothing else is stored there
	}
	project, err := o.engine.backend.Reader().GetProjectOfWebhook(inLane(ctx, backend.Events), webhook)
	if err != nil {
		return 0, ignoring(err, sql.ErrNoRows)
	}
	o.engine.endpoints.Store(webhook, project)
	return project, nil
}

// mostWaiting is how many waiting deliveries are counted.
const mostWaiting = 100_000

// Waiting counts the deliveries that wait to be sent, or to be sent again, of
// all projects; 100,000 stands for more. It is for measuring. Errors: ErrClosed.
func (o *Outbox) Waiting(ctx context.Context) (int64, error) {
	if err := o.engine.open(); err != nil {
		return 0, err
	}
	n, err := o.engine.backend.Reader().CountWaitingDeliveries(inLane(ctx, backend.Events), mostWaiting)
	return n, o.engine.failed("counting deliveries", err)
}

// Claim leases at most atMost due deliveries of an endpoint to the caller until the
// lease has passed: only the earliest of each conversion, customer, payout and
// affiliate. next is when the next one will be due, zero if none waits. Errors:
// ErrSecretKey if the endpoint's secret cannot be read, ErrBusy, ErrClosed.
func (o *Outbox) Claim(ctx context.Context, webhookID int64, atMost int,
	lease time.Duration) (claimed []Attempt, next time.Time, err error) {
	if err := o.engine.open(); err != nil {
		return nil, next, err
	}
	now := o.engine.millis()
	project, err := o.projectOf(ctx, webhookID)
	if err != nil || project == 0 {
		return nil, next, o.engine.failed("looking for an endpoint", o.engine.needed(err))
	}
	due, found, err := outbox.NextDue(inLane(ctx, backend.Events), o.engine.backend.Reader(), project, webhookID, now)
	if err != nil || !found {
		return nil, next, o.engine.failed("looking for deliveries", err)
	}
	if due > now || atMost <= 0 {
		return nil, stored.Instant(due), nil
	}
	leasing := outbox.Lease{
		ProjectID: project, WebhookID: webhookID, AtMost: atMost, Now: now, Until: now + lease.Milliseconds(),
	}
	var leased []outbox.Attempt
	err = o.write(ctx, "leasing deliveries", project, func(ctx context.Context, tx *backend.Tx) (err error) {
		leased, err = leasing.Take(ctx, tx, o.engine.vault)
		return err
	})
	if err != nil {
		return nil, stored.Instant(due), err
	}
	return convert(leased, showAttempt), stored.Instant(due), nil
}

func showAttempt(a outbox.Attempt) Attempt {
	return Attempt{
		ProjectID: a.ProjectID, DeliveryID: a.DeliveryID, WebhookID: a.WebhookID, MessageID: a.MessageID,
		Event: Event(a.Event), URL: a.URL, Secrets: a.Secrets, Body: a.Body, Number: a.Number, Failures: a.Failures,
	}
}

// Finish notes what became of a try. It changes nothing if the lease had passed and
// another worker has tried since, or if the endpoint was switched off. Errors: ErrBusy,
// ErrClosed.
func (o *Outbox) Finish(ctx context.Context, a Attempt, result AttemptResult) error {
	err := o.write(ctx, "finishing a delivery", a.ProjectID, func(ctx context.Context, tx *backend.Tx) error {
		return outbox.Result{
			ProjectID: a.ProjectID, DeliveryID: a.DeliveryID, WebhookID: a.WebhookID, Number: a.Number,
			Outcome: outbox.Outcome(result.Outcome), RetryAt: stored.Millis(result.RetryAt),
			ResponseStatus: result.ResponseStatus, Error: form.Cut(result.Error, MaxDeliveryError), Sent: a.Body,
		}.Finish(ctx, tx, o.engine.millis())
	})
	if err == nil {
		switch result.Outcome {
		case AttemptSucceeded:
			o.engine.attempts.succeeded.Add(1)
		case AttemptRetry:
			o.engine.attempts.retried.Add(1)
		case AttemptFailed, AttemptGone:
			o.engine.attempts.failed.Add(1)
		}
	}
	return err
}

// Prune forgets the oldest events and deliveries from before an instant, some hundreds
// of each project at a time, and reports whether there may be more. It also forgets
// former secrets that no longer sign. Errors: ErrBusy, ErrClosed.
func (o *Outbox) Prune(ctx context.Context, before time.Time) (more bool, err error) {
	now := o.engine.millis()
	find := func(ctx context.Context, q db.Querier) ([]int64, error) {
		return q.ListProjectsToPrune(ctx, db.ListProjectsToPruneParams{CreatedBefore: stored.Millis(before), Now: now})
	}
	return o.each(ctx, "pruning events", find, func(ctx context.Context, tx *backend.Tx, project int64) (bool, error) {
		return outbox.Prune(ctx, tx, project, stored.Millis(before), now)
	})
}
