package webhook_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/webhook"
)

// conversion is the id of the conversion that a request is about.
func (r request) conversion(t *testing.T) int64 {
	t.Helper()
	var body struct{ Data struct{ ID int64 } }
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatal(err)
	}
	return body.Data.ID
}

// step is what a request says about a conversion, with the value it then has.
func (r request) step(t *testing.T) string {
	t.Helper()
	var body struct {
		Data struct {
			BaseValue json.Number `json:"base_value"`
		}
	}
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(r.event(), "referral_") + " " + body.Data.BaseValue.String()
}

// What happens to one conversion arrives one by one and in order, even if tries fail;
// other conversions go on in the meantime.
func TestOrder(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w := setup(t)
		var mu sync.Mutex
		underWay, together, tries := 0, 0, map[string]int{}
		var first int64
		r := &receiver{}
		r.answer = func(n int, q *http.Request) (*http.Response, error) {
			got := r.requests()[n-1]
			if got.conversion(t) != first {
				return status(http.StatusOK)
			}
			mu.Lock()
			underWay++
			together = max(together, underWay)
			tries[got.id()]++
			try := tries[got.id()]
			mu.Unlock()
			time.Sleep(300 * time.Millisecond)
			mu.Lock()
			underWay--
			mu.Unlock()
			if try < 3 { // each fails twice
				return status(http.StatusBadGateway)
			}
			return status(http.StatusOK)
		}
		w.hook("a.example")
		c := w.buy()
		first = c.ID
		w.work(r, webhook.Options{Interval: time.Hour})
		for dollars := range 3 {
			time.Sleep(time.Second)
			w.revalue(c, 20+dollars)
		}
		time.Sleep(time.Second)
		other := w.buy()
		w.revalue(other, 30)
		time.Sleep(time.Second)
		if n := len(steps(t, r, other.ID)); n != 3 {
			t.Errorf("within a second %d events of another conversion came", n)
		}
		time.Sleep(time.Hour)
		want := []string{"converted 10", "updated 10", "updated 20", "updated 21", "updated 22"}
		var thrice []string
		for _, step := range want {
			thrice = append(thrice, step, step, step)
		}
		if got := steps(t, r, first); !slices.Equal(got, thrice) {
			t.Errorf("these came: %q", got)
		}
		if got := steps(t, r, other.ID); !slices.Equal(got, []string{"converted 10", "updated 10", "updated 30"}) {
			t.Errorf("of the other one these came: %q", got)
		}
		mu.Lock()
		defer mu.Unlock()
		if together != 1 {
			t.Errorf("%d came at once", together)
		}
	})
}

func steps(t *testing.T, r *receiver, conversion int64) []string {
	t.Helper()
	var steps []string
	for _, q := range r.requests() {
		if q.conversion(t) == conversion {
			steps = append(steps, q.step(t))
		}
	}
	return steps
}

// When a delivery has permanently failed, the next one of its conversion goes.
func TestNextAfterAFailure(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w := setup(t)
		r := &receiver{answer: func(_ int, q *http.Request) (*http.Response, error) {
			if q.Header.Get(webhook.EventHeader) == string(refgrow.EventReferralConverted) {
				return status(http.StatusInternalServerError)
			}
			return status(http.StatusOK)
		}}
		hook := w.hook("a.example")
		w.buy()
		w.work(r, webhook.Options{Interval: time.Hour})
		time.Sleep(time.Hour)
		// Something else succeeds, so that the endpoint stays on.
		if _, err := w.shop.Webhooks().Test(t.Context(), hook.ID, refgrow.EventReferralCanceled); err != nil {
			t.Fatal(err)
		}
		time.Sleep(longerThanTheSchedule)
		log := w.log(hook)
		if len(log) != 3 || log[0].Status != refgrow.DeliveryFailed ||
			log[1].Status != refgrow.DeliverySucceeded || log[1].Attempts != 1 {
			t.Errorf("the log is %+v", log)
		}
		if got := r.requests(); got[len(got)-1].event() != string(refgrow.EventReferralUpdated) {
			t.Errorf("the last one to come is %s", got[len(got)-1].event())
		}
	})
}

// Neither a dead endpoint nor one that hangs or is slow delays the others.
func TestEndpointsDoNotWaitForEachOther(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w := setup(t)
		r := &receiver{answer: func(n int, q *http.Request) (*http.Response, error) {
			switch q.Host {
			case "dead.example":
				return nil, syscall.ECONNREFUSED
			case "hanging.example":
				return hangs(n, q)
			case "slow.example":
				time.Sleep(14 * time.Second)
			}
			return status(http.StatusOK)
		}}
		for _, host := range []string{"dead.example", "hanging.example", "slow.example", "good.example"} {
			w.hook(host, refgrow.EventReferralConverted)
		}
		for range 100 { // that wait for all of them
			w.buy()
		}
		w.work(r, webhook.Options{})
		time.Sleep(time.Minute)
		if n := len(r.requests("good.example")); n != 100 {
			t.Fatalf("%d of 100 have come in a minute", n)
		}
		for i := range 50 {
			w.buy()
			recorded := time.Now()
			time.Sleep(time.Duration(i) * 37 * time.Millisecond)
			time.Sleep(time.Second)
			got := r.requests("good.example")
			if len(got) != 101+i {
				t.Fatalf("event %d has not come within a second", i)
			}
			if late := got[len(got)-1].at.Sub(recorded); late >= time.Second {
				t.Errorf("event %d came after %v", i, late)
			}
		}
		for _, host := range []string{"dead.example", "hanging.example", "slow.example"} {
			if len(r.requests(host)) < 5 {
				t.Errorf("%s got %d requests", host, len(r.requests(host)))
			}
		}
	})
}

// Two processes share the work, and while neither fails, nothing is sent twice.
func TestTwoWorkers(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w := setup(t)
		other := on(t, w.file, refgrow.Config{})
		slow := func(int, *http.Request) (*http.Response, error) {
			time.Sleep(700 * time.Millisecond)
			return status(http.StatusOK)
		}
		first, second := &receiver{answer: slow}, &receiver{answer: slow}
		w.hook("a.example")
		w.hook("b.example")
		w.work(first, webhook.Options{})
		other.work(second, webhook.Options{})
		for i := range 30 {
			side := []*world{w, other}[i%2]
			c := side.buy()
			side.revalue(c, 50)
		}
		time.Sleep(time.Minute)
		times := map[string]int{}
		order := map[string][]request{}
		all := append(first.requests(), second.requests()...)
		slices.SortStableFunc(all, func(a, b request) int { return a.at.Compare(b.at) })
		for _, q := range all {
			times[q.host+" "+q.id()]++
			lane := fmt.Sprintf("%s %d", q.host, q.conversion(t))
			order[lane] = append(order[lane], q)
		}
		if len(times) != 2*30*3 || len(all) != len(times) {
			t.Errorf("%d of %d were sent, in %d requests", len(times), 2*30*3, len(all))
		}
		if len(first.requests()) < 20 || len(second.requests()) < 20 {
			t.Errorf("one worker sent %d, the other one %d", len(first.requests()), len(second.requests()))
		}
		for lane, got := range order {
			for i := range got {
				if want := []string{"converted 10", "updated 10", "updated 50"}[i]; got[i].step(t) != want {
					t.Errorf("%s: number %d was %q", lane, i, got[i].step(t))
				}
				if i > 0 && got[i].at.Sub(got[i-1].at) < 700*time.Millisecond {
					t.Errorf("%s: number %d came before the previous one had an answer", lane, i)
				}
			}
		}
	})
}

// What a worker has leased and not finished is taken over once its lease has expired;
// what it says afterwards changes nothing.
func TestTakingOver(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w, r := setup(t), &receiver{}
		hook := w.hook("a.example")
		w.buy()
		if _, err := w.engine.Outbox().Spread(t.Context()); err != nil {
			t.Fatal(err)
		}
		taken, _, err := w.engine.Outbox().Claim(t.Context(), hook.ID, 10, time.Minute)
		if err != nil || len(taken) != 1 {
			t.Fatalf("%d were leased: %v", len(taken), err)
		}
		began := time.Now()
		w.work(r, webhook.Options{})
		time.Sleep(59 * time.Second)
		if n := len(r.requests()); n != 0 {
			t.Fatalf("%d were sent during the lease", n)
		}
		time.Sleep(3 * time.Second)
		got := r.requests()
		if len(got) != 2 || got[0].id() != taken[0].MessageID {
			t.Fatalf("after the lease %d were sent", len(got))
		}
		if late := got[0].at.Sub(began); late > time.Minute+time.Second {
			t.Errorf("it was taken over after %v", late)
		}
		for _, outcome := range []refgrow.AttemptOutcome{refgrow.AttemptFailed,
			refgrow.AttemptGone, refgrow.AttemptRetry} {
			err := w.engine.Outbox().Finish(t.Context(), taken[0],
				refgrow.AttemptResult{Outcome: outcome, RetryAt: time.Now()})
			if err != nil {
				t.Errorf("%s: %v", outcome, err)
			}
		}
		for i, d := range w.log(hook) {
			if d.Status != refgrow.DeliverySucceeded || d.Attempts != int64(2-i) {
				t.Errorf("delivery %d is %+v", i, d)
			}
		}
		if w.status(hook) != refgrow.WebhookActive {
			t.Error("the endpoint was switched off")
		}
	})
}

// No more requests to an endpoint begin within a second, and no more are under way at
// once, than the options allow; each endpoint has bounds of its own.
func TestPace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ perSecond, concurrency int }{{1, 4}, {5, 4}, {50, 4}, {1000, 2}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			virtually(t, func(t *testing.T) {
				w := setup(t)
				var mu sync.Mutex
				underWay, together := map[string]int{}, 0
				r := &receiver{answer: func(_ int, q *http.Request) (*http.Response, error) {
					mu.Lock()
					underWay[q.Host]++
					together = max(together, underWay[q.Host])
					mu.Unlock()
					time.Sleep(10 * time.Millisecond)
					mu.Lock()
					underWay[q.Host]--
					mu.Unlock()
					return status(http.StatusOK)
				}}
				hosts := []string{"a.example", "b.example"}
				for _, host := range hosts {
					w.hook(host, refgrow.EventReferralConverted)
				}
				const events = 60
				for range events / 2 {
					w.buy()
				}
				began := time.Now()
				w.work(r, webhook.Options{PerSecond: c.perSecond, Concurrency: c.concurrency})
				for range events / 2 { // each wakes the worker
					w.buy()
					time.Sleep(70 * time.Millisecond)
				}
				time.Sleep(2 * time.Minute)
				for _, host := range hosts {
					got := r.requests(host)
					if len(got) != events {
						t.Fatalf("%s got %d of %d", host, len(got), events)
					}
					for i := c.perSecond; i < len(got); i++ {
						if within := got[i].at.Sub(got[i-c.perSecond].at); within < time.Second {
							t.Fatalf("%s got %d within %v", host, c.perSecond+1, within)
						}
					}
					took, most := got[events-1].at.Sub(began), time.Duration(events/c.perSecond+3)*time.Second
					if took > most {
						t.Errorf("%s got the last one after %v", host, took)
					}
				}
				if together > c.concurrency || c.perSecond > 1 && together < 2 {
					t.Errorf("%d were under way at once", together)
				}
			})
		})
	}
}

// An endpoint that fails is tried one request at a time until one succeeds.
func TestOneAtATimeWhileItFails(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w := setup(t)
		var mu sync.Mutex
		underWay, together, broken := 0, 0, true
		r := &receiver{answer: func(int, *http.Request) (*http.Response, error) {
			mu.Lock()
			underWay++
			together = max(together, underWay)
			code := http.StatusOK
			if broken {
				code = http.StatusInternalServerError
			}
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			underWay--
			mu.Unlock()
			return status(code)
		}}
		most := func() int {
			mu.Lock()
			defer mu.Unlock()
			n := together
			together = 0
			return n
		}
		w.hook("a.example", refgrow.EventReferralConverted)
		w.work(r, webhook.Options{})
		w.buy()
		time.Sleep(2 * time.Second)
		for range 20 {
			w.buy()
		}
		time.Sleep(10 * time.Second)
		if n := most(); n != 1 {
			t.Errorf("while it fails, %d were under way at once", n)
		}
		mu.Lock()
		broken = false
		mu.Unlock()
		time.Sleep(30 * time.Second)
		if n := most(); n != 4 {
			t.Errorf("once it is back, %d were under way at once", n)
		}
	})
}

// A delivery that becomes due while others to the same endpoint are under way is sent
// on time.
func TestDueDuringOthers(t *testing.T) {
	virtually(t, func(t *testing.T) {
		w := setup(t)
		r := &receiver{answer: func(n int, _ *http.Request) (*http.Response, error) {
			switch n {
			case 1:
				return status(http.StatusInternalServerError)
			case 3:
				time.Sleep(12 * time.Second)
			}
			return status(http.StatusOK)
		}}
		w.hook("a.example", refgrow.EventReferralConverted)
		w.work(r, webhook.Options{Interval: time.Hour})
		w.buy()
		time.Sleep(2 * time.Second)
		w.buy()
		time.Sleep(2 * time.Second)
		w.buy()
		time.Sleep(2 * time.Second)
		got := r.requests()
		if len(got) != 4 || got[3].id() != got[0].id() {
			t.Fatalf("after 6 seconds there were %d requests", len(got))
		}
		if after := got[3].at.Sub(got[0].at); after < 5*time.Second || after > 5*time.Second+100*time.Millisecond {
			t.Errorf("the second try came after %v", after)
		}
	})
}
