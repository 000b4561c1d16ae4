package outbox

import (
	"context"
	"fmt"

	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/stored"
)

const (
	// spreadStep is how many changes one transaction makes deliveries from.
	spreadStep = 200
	// maxSpread is how many deliveries one transaction makes at most, apart from those
	// of its last change.
	maxSpread = 1000
	// rowsInAStep is how many rows one transaction deletes, so that nobody waits long
	// for it.
	rowsInAStep = 500
)

// Spread makes deliveries from the next changes of a project, for all of its active
// endpoints that want their events, and reports whether there may be more changes.
//
// Within a project the ids of changes are in the order of their commits, because whoever
// draws one keeps out the other writers: none comes before the position later on. Between
// projects they are not.
func Spread(ctx context.Context, q db.Querier, project, now int64) (more bool, err error) {
	position, err := q.GetOutboxPosition(ctx, project)
	if err != nil {
		return false, err
	}
	rows, err := q.ListEventsAfter(ctx, db.ListEventsAfterParams{
		ProjectID: project, AfterID: position, Limit: spreadStep,
	})
	if err != nil || len(rows) == 0 {
		return false, err
	}
	endpoints, err := activeEndpoints(ctx, q, project)
	if err != nil {
		return false, err
	}
	made, last := 0, position
	for i := range rows {
		if made >= maxSpread {
			break
		}
		n, err := spread(ctx, q, project, &rows[i], endpoints, now)
		if err != nil {
			return false, err
		}
		made += n
		if last, err = stored.Onward(last, rows[i].ID); err != nil {
			return false, err
		}
	}
	more = len(rows) == spreadStep || made >= maxSpread
	return more, q.MoveOutboxPosition(ctx, db.MoveOutboxPositionParams{ProjectID: project, Position: last})
}

func activeEndpoints(ctx context.Context, q db.Querier, project int64) ([]Endpoint, error) {
	rows, err := q.ListActiveWebhooks(ctx, project)
	if err != nil {
		return nil, err
	}
	endpoints := make([]Endpoint, len(rows))
	for i := range rows {
		if endpoints[i], err = EndpointOf(&rows[i]); err != nil {
			return nil, err
		}
	}
	return endpoints, nil
}

// spread makes the deliveries of one change, and counts them.
func spread(
	ctx context.Context, q db.Querier, project int64, change *db.ListEventsAfterRow, endpoints []Endpoint, now int64,
) (n int, err error) {
	for _, event := range Kind(change.Kind).events() {
		for i := range endpoints {
			to := &endpoints[i]
			if change.ID <= to.StartsAfter || !to.wants(event) {
				continue
			}
			if _, err := q.InsertDelivery(ctx, db.InsertDeliveryParams{
				ProjectID: project, WebhookID: to.ID, EventID: change.ID,
				Event: string(event), Lane: change.Lane, Now: now,
			}); err != nil {
				return n, err
			}
			if err := q.HurryLane(ctx, db.HurryLaneParams{
				ProjectID: project, WebhookID: to.ID, Lane: change.Lane,
			}); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// A Delivery is one event of a change for one endpoint.
type Delivery struct {
	Project, Webhook int64
	Change           int64 // the id of its row
	Lane             int64
	Event            Event
	Replayed         bool // with many others: what happens now goes first
}

// Send makes a delivery from a change that may already have been spread, and returns
// its id. Later ones of the lane wait for it, unless they are under way.
func (d Delivery) Send(ctx context.Context, q db.Querier, now int64) (id int64, err error) {
	if err := q.HoldBack(ctx, db.HoldBackParams{
		ProjectID: d.Project, WebhookID: d.Webhook, Lane: d.Lane, EventID: d.Change, Now: now,
	}); err != nil {
		return 0, err
	}
	return q.InsertDelivery(ctx, db.InsertDeliveryParams{
		ProjectID: d.Project, WebhookID: d.Webhook, EventID: d.Change, Event: string(d.Event), Lane: d.Lane, Now: now,
		Replayed: stored.Flag(d.Replayed),
	})
}

func (d Delivery) pending(ctx context.Context, q db.Querier) (bool, error) {
	found, err := q.IsPending(ctx, db.IsPendingParams{
		ProjectID: d.Project, WebhookID: d.Webhook, Lane: d.Lane, EventID: d.Change, Event: string(d.Event),
	})
	return found == 1, err
}

// A Replay sends the changes of a project since an instant to an endpoint once more. It
// works in steps, each in a transaction of its own.
type Replay struct {
	Project int64
	Since   int64
	Made    int // deliveries so far
	Done    bool

	begun bool
	// The next steps look at events after this one, in the order of their time, up to and
	// including the id last.
	afterTime, after, last int64
}

// Changes are what a step of a replay sends.
type Changes []db.ListEventsSinceRow

// Next finds the changes of the next step. It only reads, so that nobody who writes waits
// for it.
func (r Replay) Next(ctx context.Context, q db.Querier, to Endpoint) (Replay, Changes, error) {
	if !r.begun {
		position, err := q.GetOutboxPosition(ctx, r.Project)
		if err != nil {
			return r, nil, err
		}
		r.begun, r.last = true, max(position, to.StartsAfter) // later ones are sent anyway
		r.afterTime = r.Since
	}
	changes, err := q.ListEventsSince(ctx, db.ListEventsSinceParams{
		ProjectID: r.Project, AfterTime: r.afterTime, AfterID: r.after, LastID: r.last, Limit: spreadStep,
	})
	r.Done = len(changes) < spreadStep
	return r, changes, err
}

// Step returns the replay as it is after the changes were sent. The one before stays
// valid in case the transaction of the step fails or is repeated.
func (r Replay) Step(ctx context.Context, q db.Querier, to Endpoint, changes Changes, now int64) (Replay, error) {
	for i := range changes {
		n, err := r.again(ctx, q, &changes[i], &to, now)
		if err != nil {
			return r, err
		}
		r.Made += n
		if changes[i].CreatedAt < r.afterTime || changes[i].CreatedAt == r.afterTime && changes[i].ID <= r.after {
			return r, fmt.Errorf("%w: events after %d of %d go on with %d of %d", stored.ErrDamaged,
				r.after, r.afterTime, changes[i].ID, changes[i].CreatedAt)
		}
		r.afterTime, r.after = changes[i].CreatedAt, changes[i].ID
	}
	return r, nil
}

// again makes the deliveries of one change, except those that are pending, and counts
// them.
func (r Replay) again(
	ctx context.Context, q db.Querier, change *db.ListEventsSinceRow, to *Endpoint, now int64,
) (n int, err error) {
	for _, event := range Kind(change.Kind).events() {
		if !to.wants(event) {
			continue
		}
		d := Delivery{Project: r.Project, Webhook: to.ID, Change: change.ID, Lane: change.Lane, Event: event,
			Replayed: true}
		pending, err := d.pending(ctx, q)
		if err != nil {
			return n, err
		}
		if pending {
			continue
		}
		if _, err := d.Send(ctx, q, now); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Prune deletes the oldest changes and deliveries of a project from before an instant, but
// nothing that is pending, and reports whether there may be more. It also forgets former
// secrets that no longer sign.
func Prune(ctx context.Context, q db.Querier, project, before, now int64) (more bool, err error) {
	if err := q.ForgetFormerSecrets(ctx, db.ForgetFormerSecretsParams{ProjectID: project, Now: now}); err != nil {
		return false, err
	}
	endpoints, err := q.ListWebhookIDs(ctx, project)
	if err != nil {
		return false, err
	}
	gone := int64(0)
	for _, id := range endpoints {
		n, err := q.PruneDeliveries(ctx, db.PruneDeliveriesParams{
			ProjectID: project, WebhookID: id, CreatedBefore: before, AtMost: rowsInAStep - gone,
		})
		if err != nil {
			return false, err
		}
		gone += n
	}
	changes, err := q.PruneEvents(ctx, db.PruneEventsParams{
		ProjectID: project, CreatedBefore: before, AtMost: rowsInAStep,
	})
	return gone > 0 || changes > 0, err // fewer than there may be: what is pending stays
}

// DeleteLog deletes deliveries of an endpoint, and reports whether there may be more.
func DeleteLog(ctx context.Context, q db.Querier, project, webhook int64) (more bool, err error) {
	gone, err := q.DeleteDeliveriesOf(ctx, db.DeleteDeliveriesOfParams{
		ProjectID: project, WebhookID: webhook, AtMost: rowsInAStep,
	})
	return gone == rowsInAStep, err
}
