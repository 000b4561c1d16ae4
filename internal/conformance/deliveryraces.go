package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// While many change things and several workers deliver, each endpoint gets every event
// once, and those of one conversion in order.
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
					attempts, err = lease(ctx, w.engine, hook)
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
						return w.engine.Outbox().Finish(ctx, a, refgrow.AttemptResult{Outcome: refgrow.AttemptSucceeded})
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
				case <-w.engine.Outbox().Woken():
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
				err := patient(func() error { return errOf(w.shop.RecordConversion(ctx, params)) })
				if !errors.Is(err, refgrow.ErrConflict) {
					return fmt.Errorf("the same reference returned %w", err)
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
