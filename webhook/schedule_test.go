package webhook_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/webhook"
)

// delays are those between the tries, as documented.
var delays = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

const longerThanTheSchedule = 90 * time.Hour

// onSchedule checks when the tries of one delivery came.
func onSchedule(t *testing.T, from time.Time, got []request, jitter func(time.Duration) time.Duration) {
	t.Helper()
	if len(got) != len(delays)+1 {
		t.Fatalf("there were %d tries", len(got))
	}
	if late := got[0].at.Sub(from); late < 0 || late >= time.Second {
		t.Errorf("the first try came after %v", late)
	}
	for i, delay := range delays {
		delay += jitter(delay)
		if after := got[i+1].at.Sub(got[i].at); after < delay || after >= delay+time.Second {
			t.Errorf("try %d came after %v, not after %v", i+2, after, delay)
		}
		if got[i+1].id() != got[0].id() {
			t.Errorf("try %d has the id %s, the first one %s", i+2, got[i+1].id(), got[0].id())
		}
	}
}

func TestSchedule(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w, r := setup(t), &receiver{answer: always(http.StatusInternalServerError)}
		hook := w.hook("a.example", refgrow.EventReferralConverted)
		jitter := func(delay time.Duration) time.Duration { return delay / 50 }
		w.work(r, webhook.Options{Interval: time.Hour, Jitter: jitter})
		time.Sleep(time.Minute)
		w.buy()
		recorded := time.Now()
		time.Sleep(time.Hour)
		w.buy() // what waits when the endpoint is switched off is canceled
		time.Sleep(longerThanTheSchedule)
		var first []request
		for _, q := range r.requests() {
			if q.id() == r.requests()[0].id() {
				first = append(first, q)
			}
		}
		onSchedule(t, recorded, first, jitter)
		d := w.log(hook)[0]
		if d.Status != refgrow.DeliveryFailed || d.Attempts != 10 ||
			d.ResponseStatus != 500 || d.NextAttemptAt != nil || d.EndedAt == nil {
			t.Errorf("in the end the delivery is %+v", d)
		}
		if w.status(hook) != refgrow.WebhookInactive {
			t.Errorf("an endpoint that accepted nothing is %s", w.status(hook))
		}
		if d := w.log(hook)[1]; d.Status != refgrow.DeliveryCanceled || d.Attempts != 9 || d.NextAttemptAt != nil {
			t.Errorf("the delivery after it is %+v", d)
		}
	})
}

// Worker and engine are restarted after each try.
func TestScheduleSurvivesRestarts(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w, came := setup(t), make(chan struct{}, 1)
		r := &receiver{answer: func(int, *http.Request) (*http.Response, error) {
			came <- struct{}{}
			return status(http.StatusInternalServerError)
		}}
		hook := w.hook("a.example", refgrow.EventReferralConverted)
		w.buy()
		recorded := time.Now()
		for range len(delays) + 1 {
			stop := w.work(r, webhook.Options{Interval: time.Hour})
			<-came
			stop()
			w.close()
			w = on(t, w.file, refgrow.Config{})
		}
		onSchedule(t, recorded, r.requests(), func(time.Duration) time.Duration { return 0 })
		if d := w.only(hook); d.Status != refgrow.DeliveryFailed {
			t.Errorf("in the end the delivery is %+v", d)
		}
	})
}

// An endpoint that has accepted something in the meantime works, even if one delivery
// failed.
func TestEndpointThatWorksStaysOn(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w, r := setup(t), &receiver{}
		bad := ""
		r.answer = func(_ int, q *http.Request) (*http.Response, error) {
			if q.Header.Get(webhook.IDHeader) == bad {
				return status(http.StatusInternalServerError)
			}
			return status(http.StatusOK)
		}
		hook := w.hook("a.example", refgrow.EventReferralConverted)
		r2 := &receiver{answer: always(http.StatusInternalServerError)}
		stop := w.work(r2, webhook.Options{})
		w.buy()
		time.Sleep(time.Second)
		stop()
		bad = r2.requests()[0].id()
		w.work(r, webhook.Options{Interval: time.Hour})
		time.Sleep(time.Hour)
		w.buy()
		time.Sleep(longerThanTheSchedule)
		log := w.log(hook)
		if len(log) != 2 || log[0].Status != refgrow.DeliveryFailed || log[1].Status != refgrow.DeliverySucceeded {
			t.Errorf("the log is %+v", log)
		}
		if w.status(hook) != refgrow.WebhookActive {
			t.Error("the endpoint was switched off")
		}
	})
}

// The default jitter is up to a tenth of the delay.
func TestJitter(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w, r := setup(t), &receiver{answer: always(http.StatusInternalServerError)}
		w.hook("a.example", refgrow.EventReferralConverted)
		for range 20 {
			w.buy()
		}
		worker := webhook.NewWorker(w.engine,
			webhook.Options{Interval: time.Hour, PerSecond: 1000, Client: &http.Client{Transport: r}})
		ran := make(chan error)
		ctx, stop := context.WithCancel(t.Context())
		go func() { ran <- worker.Run(ctx) }()
		time.Sleep(20 * time.Minute)
		stop()
		if err := <-ran; err != nil {
			t.Fatal(err)
		}
		tries := map[string][]time.Time{}
		for _, q := range r.requests() {
			tries[q.id()] = append(tries[q.id()], q.at)
		}
		different := map[time.Duration]bool{}
		for id, at := range tries {
			if len(at) != 3 {
				t.Fatalf("%s was tried %d times", id, len(at))
			}
			after := at[2].Sub(at[1])
			different[after] = true
			// The second allows for the others, which are tried one at a time.
			if after < 5*time.Minute || after > 5*time.Minute+30*time.Second+time.Second {
				t.Errorf("the third try came %v after the second", after)
			}
		}
		if len(tries) != 20 || len(different) < 10 {
			t.Errorf("%d deliveries have %d different delays", len(tries), len(different))
		}
	})
}
