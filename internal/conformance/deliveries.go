package conformance

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
)

// hook adds an endpoint to the shop.
func (w *world) hook(events ...refgrow.Event) *refgrow.Webhook {
	w.Helper()
	hook, err := w.shop.Webhooks().Create(w.Context(), refgrow.CreateWebhookParams{
		URL: "https://example.com/hooks", Events: events,
	})
	w.ok(err)
	return hook
}

// lease spreads what is in the outbox and leases what is due.
func (w *world) lease(hook *refgrow.Webhook) []refgrow.Attempt {
	w.Helper()
	attempts, err := lease(w.Context(), w.engine, hook.ID)
	w.ok(err)
	return attempts
}

func lease(ctx context.Context, engine *refgrow.Engine, hook int64) ([]refgrow.Attempt, error) {
	for more := true; more; {
		var err error
		if more, err = engine.Outbox().Spread(ctx); err != nil {
			return nil, err
		}
	}
	attempts, _, err := engine.Outbox().Claim(ctx, hook, 10, time.Minute)
	return attempts, err
}

func (w *world) finish(a refgrow.Attempt, outcome refgrow.AttemptOutcome) {
	w.Helper()
	w.ok(w.engine.Outbox().Finish(w.Context(), a, refgrow.AttemptResult{
		Outcome: outcome, RetryAt: w.clock.Now().Add(time.Hour),
	}))
}

// sent takes everything that waits for an endpoint, and returns the names of the
// events.
func (w *world) sent(hook *refgrow.Webhook) string {
	w.Helper()
	var names []string
	for {
		attempts := w.lease(hook)
		if len(attempts) == 0 {
			return strings.Join(names, " ")
		}
		for _, a := range attempts {
			names = append(names, string(a.Event))
			w.finish(a, refgrow.AttemptSucceeded)
		}
	}
}

// delivered returns how many deliveries an endpoint has of each status, as text.
func (w *world) delivered(hook *refgrow.Webhook) string {
	w.Helper()
	var parts []string
	for _, status := range []refgrow.DeliveryStatus{
		refgrow.DeliveryPending, refgrow.DeliverySucceeded, refgrow.DeliveryFailed, refgrow.DeliveryCanceled,
	} {
		n, err := w.shop.Webhooks().CountDeliveries(w.Context(), hook.ID, refgrow.ListDeliveriesParams{Status: status})
		w.ok(err)
		if n > 0 {
			parts = append(parts, fmt.Sprint(n, " ", status))
		}
	}
	return strings.Join(parts, ", ")
}

// A leased delivery belongs to nobody else until the lease has passed. A worker that
// comes back after that changes nothing.
func leases(w *world) {
	hook := w.hook(refgrow.EventReferralConverted, refgrow.EventReferralUpdated)
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup})
	first := w.lease(hook)
	equal(w, "the deliveries that are leased", len(first), 1)
	equal(w, "those that are leased in addition", len(w.lease(hook)), 0)
	w.clock.Advance(time.Minute - time.Millisecond)
	equal(w, "those that are leased before the lease has passed", len(w.lease(hook)), 0)
	w.clock.Advance(time.Millisecond)
	second := w.lease(hook)
	equal(w, "those that are leased then", len(second), 1)
	equal(w, "the number of the try", second[0].Number, 2)
	equal(w, "the message", second[0].MessageID, first[0].MessageID)
	w.finish(first[0], refgrow.AttemptSucceeded)
	w.finish(first[0], refgrow.AttemptRetry)
	w.finish(first[0], refgrow.AttemptGone)
	equal(w, "the log", w.delivered(hook), "2 pending")
	w.finish(second[0], refgrow.AttemptSucceeded)
	w.finish(second[0], refgrow.AttemptFailed)
	equal(w, "the log", w.delivered(hook), "1 pending, 1 succeeded")
	equal(w, "what is sent next", w.sent(hook), "referral_updated")
	w.verify()
}

// An endpoint that is gone, or that never succeeds, is switched off; one that
// succeeds now and then is not.
func switchingOff(w *world) {
	ctx := w.Context()
	signup := func() { w.record(refgrow.RecordConversionParams{Type: refgrow.Signup}) }
	for _, c := range []struct {
		name    string
		outcome refgrow.AttemptOutcome
		before  bool // there was a success after the delivery was made
		want    string
	}{
		{"gone", refgrow.AttemptGone, true, "1 succeeded, 1 failed, 1 canceled"},
		{"failing", refgrow.AttemptFailed, false, "1 failed, 2 canceled"},
		{"working", refgrow.AttemptFailed, true, "1 pending, 1 succeeded, 1 failed"},
	} {
		hook := w.hook(refgrow.EventReferralConverted)
		for range 3 {
			signup()
		}
		attempts := w.lease(hook)
		w.clock.Advance(time.Second)
		if c.before {
			w.finish(attempts[1], refgrow.AttemptSucceeded)
		}
		w.finish(attempts[0], c.outcome)
		equal(w, c.name+": the log", w.delivered(hook), c.want)
		status := refgrow.WebhookInactive
		if c.name == "working" {
			status = refgrow.WebhookActive
		}
		equal(w, c.name+": the status", must(w.shop.Webhooks().Get(ctx, hook.ID)).Status, status)
		w.verify()
		w.ok(w.shop.Webhooks().Delete(ctx, hook.ID))
	}
}

// What happened while an endpoint was off can be replayed.
func replays(w *world) {
	ctx := w.Context()
	hook := w.hook(refgrow.EventReferralConverted, refgrow.EventReferralSignedUp)
	set := func(status refgrow.WebhookStatus) {
		must(w.shop.Webhooks().Update(ctx, hook.ID, refgrow.UpdateWebhookParams{Status: &status}))
	}
	set(refgrow.WebhookInactive)
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup})
	equal(w, "what is sent while it is off", w.sent(hook), "")
	err := errOf(w.shop.Webhooks().Replay(ctx, hook.ID, time.Time{}))
	w.refused("a replay while it is off", err, refgrow.ErrConflict, "")
	set(refgrow.WebhookActive)
	equal(w, "what is sent when it is on", w.sent(hook), "")
	if err := w.inTx(func(tx *sql.Tx) error {
		return errors.Join(errOf(w.shop.WithTx(tx).Webhooks().Replay(ctx, hook.ID, time.Time{})), errUndo)
	}); !errors.Is(err, errUndo) {
		w.Error(err)
	}
	equal(w, "what an undone replay sends", w.sent(hook), "")
	equal(w, "the deliveries of a replay", must(w.shop.Webhooks().Replay(ctx, hook.ID, w.clock.Now())), 2)
	equal(w, "what a replay sends", w.sent(hook), "referral_signed_up referral_converted")
	w.verify()
}

// What is old is deleted, except for what still has to be sent.
func pruning(w *world) {
	ctx := w.Context()
	hook := w.hook(refgrow.EventReferralConverted)
	for range 3 {
		w.record(refgrow.RecordConversionParams{Type: refgrow.Signup})
		w.clock.Advance(time.Hour)
	}
	attempts := w.lease(hook)
	w.finish(attempts[0], refgrow.AttemptSucceeded)
	w.finish(attempts[1], refgrow.AttemptRetry)
	w.clock.Advance(time.Hour)
	prune := func(before time.Time) {
		w.Helper()
		for must(w.engine.Outbox().Prune(ctx, before)) {
			w.verify()
		}
	}
	prune(w.clock.Now().Add(-3 * time.Hour))
	w.verify()
	equal(w, "the number of events", value[int64](w, "SELECT COUNT(*) FROM refgrow_events"), 2)
	prune(w.clock.Now())
	w.verify()
	equal(w, "the number of events", value[int64](w, "SELECT COUNT(*) FROM refgrow_events"), 0)
	equal(w, "the log", w.delivered(hook), "2 pending")
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup})
	equal(w, "what is sent of what is left", w.sent(hook), "referral_converted")
	equal(w, "the log", w.delivered(hook), "1 succeeded, 2 failed")
	w.verify()
}
