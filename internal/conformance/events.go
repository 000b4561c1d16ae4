package conformance

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func eventTests() []test {
	return []test{
		{"with the change", eventsWithTheChange},
		{"an endpoint in a transaction", endpointInTransaction},
		{"refused beside others", eventsOfABatch},
		{"leases", leases},
		{"switching off", switchingOff},
		{"replay", replays},
		{"pruning", pruning},
		{"at once", eventsAtOnce},
	}
}

// hook adds an endpoint to the shop.
func (w *world) hook(events ...refgrow.Event) *refgrow.Webhook {
	w.Helper()
	hook, err := w.shop.CreateWebhook(w.Context(), refgrow.CreateWebhookParams{URL: "https://example.com/hooks", Events: events})
	w.ok(err)
	return hook
}

// claim spreads what is in the outbox and leases what is due.
func (w *world) claim(hook *refgrow.Webhook) []refgrow.Attempt {
	w.Helper()
	attempts, err := claim(w.Context(), w.engine, hook.ID)
	w.ok(err)
	return attempts
}

func claim(ctx context.Context, engine *refgrow.Engine, hook int64) ([]refgrow.Attempt, error) {
	for more := true; more; {
		var err error
		if more, err = engine.SpreadEvents(ctx); err != nil {
			return nil, err
		}
	}
	attempts, _, err := engine.ClaimDeliveries(ctx, hook, 10, time.Minute)
	return attempts, err
}

func (w *world) finish(a refgrow.Attempt, outcome refgrow.AttemptOutcome) {
	w.Helper()
	w.ok(w.engine.FinishAttempt(w.Context(), a, refgrow.AttemptResult{Outcome: outcome, RetryAt: w.clock.Now().Add(time.Hour)}))
}

// sent takes all that waits for an endpoint: the names of the events.
func (w *world) sent(hook *refgrow.Webhook) string {
	w.Helper()
	var names []string
	for {
		attempts := w.claim(hook)
		if len(attempts) == 0 {
			return strings.Join(names, " ")
		}
		for _, a := range attempts {
			names = append(names, string(a.Event))
			w.finish(a, refgrow.AttemptSucceeded)
		}
	}
}

// delivered is how many deliveries an endpoint has of each status, as text.
func (w *world) delivered(hook *refgrow.Webhook) string {
	w.Helper()
	var parts []string
	for _, status := range []refgrow.DeliveryStatus{refgrow.DeliveryPending, refgrow.DeliverySucceeded, refgrow.DeliveryFailed, refgrow.DeliveryCanceled} {
		n, err := w.shop.CountDeliveries(w.Context(), hook.ID, refgrow.ListDeliveriesParams{Status: status})
		w.ok(err)
		if n > 0 {
			parts = append(parts, fmt.Sprint(n, " ", status))
		}
	}
	return strings.Join(parts, ", ")
}

const recorded = "referral_converted referral_updated"

// No change without its event, and no event without its change.
func eventsWithTheChange(w *world) {
	ctx := w.Context()
	w.affiliate("jane")
	hook := w.hook()
	w.ok(w.exec("CREATE TABLE orders (id INTEGER PRIMARY KEY)"))
	var sold int64
	order := func(end error) func() error {
		return func() error {
			return w.inTx(func(tx *sql.Tx) error {
				if err := errOf(tx.ExecContext(ctx, "INSERT INTO orders VALUES (NULL)")); err != nil {
					return err
				}
				c, err := w.shop.WithTx(tx).RecordConversion(ctx, sale("JANE"))
				if err != nil {
					return err
				}
				sold = c.ID
				return end
			})
		}
	}
	block := func(end error) func() error {
		return func() error {
			return w.shop.Atomic(ctx, func(p *refgrow.Project) error {
				inner := p.Atomic(ctx, func(p *refgrow.Project) error {
					return errors.Join(errOf(p.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup})), errUndo)
				})
				if !errors.Is(inner, errUndo) {
					return inner
				}
				return errors.Join(p.DeleteConversion(ctx, sold), end)
			})
		}
	}
	for _, c := range []struct {
		what string
		do   func() error
		want string
	}{
		{"an order that is undone", order(errUndo), ""},
		{"an order", order(nil), recorded},
		{"a block that is undone", block(errUndo), ""},
		{"a block", block(nil), "referral_canceled"},
	} {
		if err := c.do(); err != nil && !errors.Is(err, errUndo) {
			w.Fatalf("%s: %v", c.what, err)
		}
		equal(w, c.what, w.sent(hook), c.want)
	}
	equal(w, "the number of orders", value[int64](w, "SELECT COUNT(*) FROM orders"), 1)
	equal(w, "the number of events", value[int64](w, "SELECT COUNT(*) FROM refgrow_events"), 2)
	w.verify()
}

// Whether there is an endpoint is as of the transaction.
func endpointInTransaction(w *world) {
	ctx := w.Context()
	events := func() int64 { return value[int64](w, "SELECT COUNT(*) FROM refgrow_events") }
	signup := func(p *refgrow.Project) {
		w.ok(errOf(p.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup})))
	}
	signup(w.shop)
	var hook *refgrow.Webhook
	create := func(p *refgrow.Project) {
		made, err := p.CreateWebhook(ctx, refgrow.CreateWebhookParams{URL: "https://example.com"})
		w.ok(err)
		hook = made
	}
	if err := w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		signup(p)
		create(p)
		signup(p)
		return errUndo
	}); !errors.Is(err, errUndo) {
		w.Error(err)
	}
	signup(w.shop)
	equal(w, "the number of events without an endpoint", events(), 0)
	w.ok(w.shop.Atomic(ctx, func(p *refgrow.Project) error {
		if err := p.Atomic(ctx, func(p *refgrow.Project) error {
			create(p)
			return errUndo
		}); !errors.Is(err, errUndo) {
			w.Error(err)
		}
		signup(p) // tells nobody
		create(p)
		signup(p)
		return nil
	}))
	equal(w, "the number of events after one was made", events(), 1)
	equal(w, "what was sent", w.sent(hook), "referral_signed_up "+recorded)
	if err := w.inTx(func(tx *sql.Tx) error {
		p := w.shop.WithTx(tx)
		if err := p.DeleteWebhook(ctx, hook.ID); err != nil {
			return err
		}
		if err := errOf(p.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup})); err != nil {
			return err
		}
		return errUndo
	}); !errors.Is(err, errUndo) {
		w.Error(err)
	}
	signup(w.shop)
	equal(w, "the number of events after a deletion that was undone", events(), 2)
	w.ok(w.shop.DeleteWebhook(ctx, hook.ID))
	signup(w.shop)
	equal(w, "the number of events after its deletion", events(), 2)
	w.verify()
}

// Of operations that share a commit, only those that are done tell of it.
func eventsOfABatch(w *world) {
	ctx := w.Context()
	hook := w.hook(refgrow.EventReferralConverted)
	for n := range 4 {
		done := 0
		for _, err := range race(func(int) error {
			return errOf(w.shop.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: fmt.Sprint("r", n)}))
		}) {
			switch {
			case err == nil:
				done++
			case !errors.Is(err, refgrow.ErrConflict):
				w.Error(err)
			}
		}
		equal(w, "the calls that were done", done, 1)
	}
	equal(w, "the number of events", value[int64](w, "SELECT COUNT(*) FROM refgrow_events"), 4)
	equal(w, "what was sent", w.sent(hook), strings.TrimSpace(strings.Repeat("referral_converted ", 4)))
	w.verify()
}

// What is leased is nobody else's until the lease has passed. Whoever comes back
// later than that changes nothing.
func leases(w *world) {
	hook := w.hook(refgrow.EventReferralConverted, refgrow.EventReferralUpdated)
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup})
	first := w.claim(hook)
	equal(w, "the deliveries that are leased", len(first), 1)
	equal(w, "those that are leased besides", len(w.claim(hook)), 0)
	w.clock.Advance(time.Minute - time.Millisecond)
	equal(w, "those that are leased before the lease has passed", len(w.claim(hook)), 0)
	w.clock.Advance(time.Millisecond)
	second := w.claim(hook)
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
		attempts := w.claim(hook)
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
		equal(w, c.name+": the status", must(w.shop.GetWebhook(ctx, hook.ID)).Status, status)
		w.verify()
		w.ok(w.shop.DeleteWebhook(ctx, hook.ID))
	}
}

// What happened while an endpoint was off is there to be replayed.
func replays(w *world) {
	ctx := w.Context()
	hook := w.hook(refgrow.EventReferralConverted, refgrow.EventReferralSignedUp)
	set := func(status refgrow.WebhookStatus) {
		must(w.shop.UpdateWebhook(ctx, hook.ID, refgrow.UpdateWebhookParams{Status: &status}))
	}
	set(refgrow.WebhookInactive)
	w.record(refgrow.RecordConversionParams{Type: refgrow.Signup})
	equal(w, "what is sent while it is off", w.sent(hook), "")
	w.refused("a replay while it is off", errOf(w.shop.ReplayWebhook(ctx, hook.ID, time.Time{})), refgrow.ErrConflict, "")
	set(refgrow.WebhookActive)
	equal(w, "what is sent when it is on", w.sent(hook), "")
	if err := w.inTx(func(tx *sql.Tx) error {
		return errors.Join(errOf(w.shop.WithTx(tx).ReplayWebhook(ctx, hook.ID, time.Time{})), errUndo)
	}); !errors.Is(err, errUndo) {
		w.Error(err)
	}
	equal(w, "what an undone replay sends", w.sent(hook), "")
	equal(w, "the deliveries of a replay", must(w.shop.ReplayWebhook(ctx, hook.ID, w.clock.Now())), 2)
	equal(w, "what a replay sends", w.sent(hook), "referral_signed_up referral_converted")
	w.verify()
}

// What is old is forgotten, but for what still has to be sent.
func pruning(w *world) {
	ctx := w.Context()
	hook := w.hook(refgrow.EventReferralConverted)
	for range 3 {
		w.record(refgrow.RecordConversionParams{Type: refgrow.Signup})
		w.clock.Advance(time.Hour)
	}
	attempts := w.claim(hook)
	w.finish(attempts[0], refgrow.AttemptSucceeded)
	w.finish(attempts[1], refgrow.AttemptRetry)
	w.clock.Advance(time.Hour)
	prune := func(before time.Time) {
		w.Helper()
		for must(w.engine.PruneEvents(ctx, before)) {
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

// While many change things, and several workers look, each endpoint gets every
// event once, and those of one conversion in order.
func eventsAtOnce(w *world) {
	ctx := w.Context()
	all, updates := w.hook(), w.hook(refgrow.EventReferralUpdated)
	var mu sync.Mutex
	got := make(map[int64]map[string][]string) // endpoint, conversion: what was sent, in order
	seen := make(map[string]int)
	take := func(a refgrow.Attempt) error {
		var body struct {
			Data struct {
				Reference string
				Value     json.Number
			}
		}
		if err := json.Unmarshal(a.Body, &body); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		seen[fmt.Sprint(a.WebhookID, a.MessageID)]++
		if got[a.WebhookID] == nil {
			got[a.WebhookID] = make(map[string][]string)
		}
		lane := got[a.WebhookID]
		lane[body.Data.Reference] = append(lane[body.Data.Reference], fmt.Sprintf("%s %s", a.Event, body.Data.Value))
		return nil
	}
	pass := func() error {
		for busy := true; busy; {
			busy = false
			for _, hook := range []int64{all.ID, updates.ID} {
				var attempts []refgrow.Attempt
				if err := patient(func() (err error) {
					attempts, err = claim(ctx, w.engine, hook)
					return err
				}); err != nil {
					return err
				}
				for _, a := range attempts {
					busy = true
					if err := take(a); err != nil {
						return err
					}
					if err := patient(func() error {
						return w.engine.FinishAttempt(ctx, a, refgrow.AttemptResult{Outcome: refgrow.AttemptSucceeded})
					}); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	const workers, each = 3, 3
	done := make(chan struct{})
	looked := make([]error, workers)
	var wait sync.WaitGroup
	for i := range workers {
		wait.Go(func() {
			for looked[i] == nil {
				select {
				case <-w.engine.Woken():
					looked[i] = pass()
				case <-done:
					return
				}
			}
		})
	}
	changed := race(func(racer int) error {
		for n := range each {
			reference := fmt.Sprintf("%d-%d", racer, n)
			params := refgrow.RecordConversionParams{Type: refgrow.Signup, Reference: reference}
			var id int64
			if err := patient(func() error {
				c, err := w.shop.RecordConversion(ctx, params)
				if err == nil {
					id = c.ID
				}
				return err
			}); err != nil {
				return err
			}
			for v := range int64(3) {
				u := refgrow.UpdateConversionParams{Value: new(money.New(100*(v+1), money.USD))}
				if err := patient(func() error { return errOf(w.shop.UpdateConversion(ctx, id, u)) }); err != nil {
					return err
				}
				if err := patient(func() error { return errOf(w.shop.RecordConversion(ctx, params)) }); !errors.Is(err, refgrow.ErrConflict) {
					return fmt.Errorf("the same reference gave %w", err)
				}
			}
			if err := patient(func() error { return w.shop.DeleteConversion(ctx, id) }); err != nil {
				return err
			}
		}
		return nil
	})
	close(done)
	wait.Wait()
	for _, err := range append(changed, looked...) {
		w.ok(err)
	}
	w.ok(pass())
	equal(w, "the number of messages", len(seen), racers*each*(7+4))
	for id, times := range seen {
		equal(w, "how often "+id+" was sent", times, 1)
	}
	const updated = "referral_updated 0, referral_updated 1, referral_updated 2, referral_updated 3"
	for racer := range racers {
		for n := range each {
			reference := fmt.Sprintf("%d-%d", racer, n)
			equal(w, "what the first endpoint got", strings.Join(got[all.ID][reference], ", "),
				"referral_signed_up 0, referral_converted 0, "+updated+", referral_canceled 3")
			equal(w, "what the second endpoint got", strings.Join(got[updates.ID][reference], ", "), updated)
		}
	}
	w.verify()
}
