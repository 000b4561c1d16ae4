package postgres_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/postgres/internal/server"
	"github.com/refgrow-go/refgrow/refgrowtest/anydriver"
)

// twins are engines on the database of a shop, as in other processes.
func (s *shop) twins(t *testing.T, n int) []*refgrow.Engine {
	t.Helper()
	engines := []*refgrow.Engine{s.engine}
	for len(engines) < n {
		db, err := sql.Open(s.driver, server.Get(t).URL("search_path", s.schema))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		db.SetMaxOpenConns(4)
		engine, _ := anydriver.On(t, refgrow.Postgres(db))
		engines = append(engines, engine)
	}
	return engines
}

// Whatever several engines do in several projects at once is done once, and each event is
// sent, in the order of its lane, wherever the ids of other projects are.
func TestManyEngines(t *testing.T) {
	const projects, sales = 8, 12
	withDrivers(t, func(t *testing.T, s *shop) {
		engines := s.twins(t, 4)
		hooks := make(map[int64]*refgrow.Webhook)
		var names []string
		for i := range projects {
			names = append(names, fmt.Sprint("shop-", i))
			p := projectOf(t, s.engine, names[i])
			hook, err := p.Webhooks().Create(t.Context(), refgrow.CreateWebhookParams{URL: "https://example.com/" + names[i]})
			if err != nil {
				t.Fatal(err)
			}
			hooks[hook.ID] = hook
		}
		var writers, workers sync.WaitGroup
		done := make(chan struct{})
		for e, engine := range engines {
			for _, name := range names {
				writers.Go(func() {
					p, err := engine.Project(t.Context(), name)
					if err != nil {
						t.Error(err)
						return
					}
					for n := range sales {
						// The same sales as those of the other engines: one of them records it.
						_, err := p.RecordConversion(t.Context(), sale(fmt.Sprint(n)))
						if err != nil && !isTaken(err) {
							t.Errorf("engine %d: %v", e, err)
						}
					}
				})
			}
		}
		var lock sync.Mutex
		sent := make(map[int64][]string) // by endpoint
		work := func(engine *refgrow.Engine) (idle bool) {
			more, err := engine.Outbox().Spread(t.Context())
			if err != nil {
				t.Error(err)
				return true
			}
			idle = !more
			for id := range hooks {
				attempts, _, err := engine.Outbox().Claim(t.Context(), id, 10, time.Minute)
				if err != nil {
					t.Error(err)
					return true
				}
				idle = idle && len(attempts) == 0
				for _, a := range attempts {
					lock.Lock()
					sent[id] = append(sent[id], a.MessageID)
					lock.Unlock()
					if err := engine.Outbox().Finish(t.Context(), a, refgrow.AttemptResult{
						Outcome: refgrow.AttemptSucceeded,
					}); err != nil {
						t.Error(err)
					}
				}
			}
			return idle
		}
		for _, engine := range engines[:2] {
			workers.Go(func() {
				for {
					idle := work(engine)
					select {
					case <-done:
						if idle || t.Failed() {
							return
						}
					default:
					}
				}
			})
		}
		writers.Wait()
		close(done)
		workers.Wait()
		for id, messages := range sent {
			slices.Sort(messages)
			// A sale is two events: it is converted, and updated.
			if n := len(slices.Compact(messages)); n != 2*sales || len(messages) != n {
				t.Errorf("endpoint %d got %d messages, %d of them different", id, len(messages), n)
			}
		}
		if len(sent) != projects {
			t.Errorf("%d endpoints got something", len(sent))
		}
		for _, name := range names {
			p, err := s.engine.Project(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			n, err := p.CountConversions(t.Context(), refgrow.ListConversionsParams{})
			if err != nil || n != sales {
				t.Errorf("%s has %d sales (%v)", name, n, err)
			}
		}
		sound(t, s.engine)
	})
}

func isTaken(err error) bool {
	return errors.Is(err, refgrow.ErrExists)
}

// An event whose transaction commits after one of another project, with a later id, is
// sent as well.
func TestEventsThatCommitLate(t *testing.T) {
	withDrivers(t, func(t *testing.T, s *shop) {
		other := projectOf(t, s.engine, "other")
		for _, p := range []*refgrow.Project{s.Project, other} {
			hook := refgrow.CreateWebhookParams{URL: "https://example.com/hook"}
			if _, err := p.Webhooks().Create(t.Context(), hook); err != nil {
				t.Fatal(err)
			}
		}
		tx := s.begin(t, nil)
		if _, err := s.WithTx(tx).RecordConversion(t.Context(), sale("late")); err != nil {
			t.Fatal(err)
		}
		if _, err := other.RecordConversion(t.Context(), sale("early")); err != nil {
			t.Fatal(err)
		}
		waiting := func(want int64) {
			t.Helper()
			if _, err := s.engine.Outbox().Spread(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n, err := s.engine.Outbox().Waiting(t.Context()); err != nil || n != want {
				t.Errorf("%d deliveries wait, want %d (%v)", n, want, err)
			}
		}
		waiting(2)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		waiting(4)
		sound(t, s.engine)
	})
}

// What projects share, the key of a day's addresses and the answers that any of them
// forgets, is in nobody's way.
func TestSharedRows(t *testing.T) {
	const projects = 8
	withDrivers(t, func(t *testing.T, s *shop) {
		var all []*refgrow.Project
		for i := range projects {
			all = append(all, projectOf(t, s.engine, fmt.Sprint("shop-", i)))
		}
		atOnce := func(what string, do func(p *refgrow.Project) error) {
			t.Helper()
			var each sync.WaitGroup
			start := make(chan struct{})
			for _, p := range all {
				each.Go(func() {
					<-start
					if err := do(p); err != nil {
						t.Errorf("%s: %v", what, err)
					}
				})
			}
			close(start)
			each.Wait()
		}
		address := netip.MustParseAddr("198.51.100.7")
		atOnce("the first click of a day", func(p *refgrow.Project) error {
			_, err := p.RecordClicks(t.Context(), []refgrow.Click{{ReferralCode: "JANE", Address: address}})
			return err
		})
		call := func(p *refgrow.Project, key string) error {
			_, _, err := p.Once(refgrow.Idempotency{Caller: "c", Key: key, Request: []byte("x")}).Do(t.Context(),
				func(*refgrow.Project) (refgrow.Answer, error) { return refgrow.Answer{Status: 1}, nil })
			return err
		}
		for n := range 5 {
			atOnce("a call with a key", func(p *refgrow.Project) error { return call(p, fmt.Sprint(n)) })
		}
		s.clock.Advance(1000 * time.Hour)
		for n := range 5 {
			atOnce("a call that forgets others", func(p *refgrow.Project) error { return call(p, fmt.Sprint("later ", n)) })
		}
		sound(t, s.engine)
	})
}
