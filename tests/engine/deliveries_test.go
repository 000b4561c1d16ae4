package engine_test

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

func (p *program) logOf(hook *refgrow.Webhook, params refgrow.ListDeliveriesParams) []refgrow.Delivery {
	p.Helper()
	page, err := p.Shop.Webhooks().ListDeliveries(p.Context(), hook.ID, params)
	p.OK(err)
	return page.Items
}

// A long log goes in steps, and nothing is sent in the meantime. What was leased is
// forgotten.
func TestDeletionOfALongLog(t *testing.T) {
	shoptest.Single(t)
	t.Parallel()
	p, store := stepped(t)
	ctx := t.Context()
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	twin := p.Endpoint(refgrow.CreateWebhookParams{Events: []refgrow.Event{refgrow.EventReferralConverted}})
	p.OK(p.Shop.Atomic(ctx, func(shop *refgrow.Project) error {
		for range 400 {
			if _, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup}); err != nil {
				return err
			}
		}
		return nil
	}))
	p.Spread()
	leased := p.Claim(hook)
	if len(leased) != 400 {
		t.Fatalf("%d deliveries are leased", len(leased))
	}
	steps := 0
	store.on(func(write int) {
		steps = write
		p.Verify()
		if ids, err := p.Engine.Outbox().Endpoints(ctx); write > 1 && (err != nil || !slices.Equal(ids, []int64{twin.ID})) {
			t.Errorf("before step %d the active endpoints are %v (%v)", write, ids, err)
		}
	})
	p.OK(p.Shop.Webhooks().Delete(ctx, hook.ID))
	store.on(nil)
	if steps != 3 {
		t.Errorf("the deletion took %d steps", steps)
	}
	if n := p.Count("SELECT COUNT(*) FROM refgrow_deliveries WHERE webhook_id = ?", hook.ID); n != 0 {
		t.Errorf("%d deliveries are left", n)
	}
	for _, outcome := range []refgrow.AttemptOutcome{refgrow.AttemptSucceeded, refgrow.AttemptRetry, refgrow.AttemptGone} {
		p.Finish(leased[0], outcome)
	}
	if n := len(p.Claim(hook)); n != 0 {
		t.Errorf("%d deliveries of the deleted endpoint were leased", n)
	}
	if n := len(p.deliveries(twin)); n != 400 {
		t.Errorf("the other endpoint got %d deliveries", n)
	}
	p.Verify()
}

func TestDeliveries(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	p.signup()
	p.Clock.Advance(time.Second)
	p.Spread()
	log := p.logOf(hook, refgrow.ListDeliveriesParams{})
	if len(log) != 3 || log[2].Event != refgrow.EventReferralSignedUp || log[2].Status != refgrow.DeliveryPending ||
		log[2].NextAttemptAt == nil || !log[2].NextAttemptAt.Equal(p.Clock.Now()) || log[1].NextAttemptAt != nil ||
		!log[0].CreatedAt.Equal(p.Clock.Now()) || log[0].EndedAt != nil {
		t.Fatalf("the log is %+v", log)
	}
	a := p.Claim(hook)[0]
	retry := p.Clock.Now().Add(5 * time.Second)
	p.OK(p.Engine.Outbox().Finish(ctx, a, refgrow.AttemptResult{
		Outcome: refgrow.AttemptRetry, RetryAt: retry, ResponseStatus: 503, Error: "busy",
	}))
	if d := p.logOf(hook, refgrow.ListDeliveriesParams{})[2]; d.Attempts != 1 || d.ResponseStatus != 503 ||
		d.Error != "busy" || !d.NextAttemptAt.Equal(retry) {
		t.Errorf("after a try it is %+v", d)
	}
	p.Clock.Set(retry)
	p.Finish(p.Claim(hook)[0], refgrow.AttemptSucceeded)
	if d := p.logOf(hook, refgrow.ListDeliveriesParams{Status: refgrow.DeliverySucceeded})[0]; d.ID != a.DeliveryID ||
		d.Attempts != 2 || d.ResponseStatus != 200 || d.Error != "" || d.NextAttemptAt != nil || !d.EndedAt.Equal(retry) {
		t.Errorf("after its success it is %+v", d)
	}
	n := 0
	for d, err := range p.Shop.Webhooks().AllDeliveries(ctx, hook.ID, refgrow.ListDeliveriesParams{Limit: 1}) {
		p.OK(err)
		if d.ID != log[n].ID {
			t.Errorf("number %d of the log is %+v", n, d)
		}
		n++
	}
	for status, want := range map[refgrow.DeliveryStatus]int64{
		"": 3, refgrow.DeliveryPending: 2, refgrow.DeliverySucceeded: 1, refgrow.DeliveryFailed: 0,
	} {
		params := refgrow.ListDeliveriesParams{Status: status}
		count, err := p.Shop.Webhooks().CountDeliveries(ctx, hook.ID, params)
		if err != nil || count != want || len(p.logOf(hook, params)) != int(want) {
			t.Errorf("%d deliveries are %q, but %d should be (%v)", count, status, want, err)
		}
	}
	page, err := p.Shop.Webhooks().ListDeliveries(ctx, hook.ID, refgrow.ListDeliveriesParams{Limit: 1})
	p.OK(err)
	_, err = p.Shop.Webhooks().ListDeliveries(ctx, p.Endpoint(refgrow.CreateWebhookParams{}).ID,
		refgrow.ListDeliveriesParams{After: page.Next})
	p.Refused("the cursor of another log", err, refgrow.ErrInvalid, "cursor")
	p.Verify()
}

// One delivery is sent once more, as the same message.
func TestReplayOfADelivery(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	hook, twin := p.Endpoint(refgrow.CreateWebhookParams{}), p.Endpoint(refgrow.CreateWebhookParams{})
	p.signup()
	first := p.deliveries(hook)
	p.Clock.Advance(time.Hour)
	// Also one that the endpoint no longer wants.
	_, err := p.Shop.Webhooks().Update(ctx, hook.ID, refgrow.UpdateWebhookParams{
		Events: &[]refgrow.Event{refgrow.EventReferralCanceled},
	})
	p.OK(err)
	made, err := p.Shop.Webhooks().ReplayDelivery(ctx, hook.ID, first[1].DeliveryID)
	p.OK(err)
	if made.ID == first[1].DeliveryID || made.Event != first[1].Event || made.Status != refgrow.DeliveryPending ||
		!made.NextAttemptAt.Equal(p.Clock.Now()) {
		t.Errorf("the replay is %+v", made)
	}
	again := p.deliveries(hook)
	if len(again) != 1 || again[0].DeliveryID != made.ID || again[0].MessageID != first[1].MessageID ||
		string(again[0].Body) != string(first[1].Body) || again[0].Number != 1 {
		t.Errorf("replayed was %+v", again)
	}
	p.Spread()
	_, err = p.Shop.Webhooks().ReplayDelivery(ctx, twin.ID, made.ID)
	p.Refused("a delivery of another endpoint", err, refgrow.ErrNotFound, "")
	p.Clock.Advance(time.Hour)
	if _, err := p.Engine.Outbox().Prune(ctx, p.Clock.Now()); err != nil {
		t.Error(err)
	}
	pending := p.logOf(twin, refgrow.ListDeliveriesParams{})
	_, err = p.Shop.Webhooks().ReplayDelivery(ctx, twin.ID, pending[0].ID)
	p.Refused("an event that is no longer kept", err, refgrow.ErrNotFound, "")
	p.Verify()
}

// Everything since an instant is sent once more, as far as it is wanted.
func TestReplaySince(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	hook := p.Endpoint(refgrow.CreateWebhookParams{
		Events: []refgrow.Event{refgrow.EventReferralConverted, refgrow.EventReferralCanceled},
	})
	other, err := p.Engine.CreateProject(ctx, "other", refgrow.Settings{})
	p.OK(err)
	_, err = other.Webhooks().Create(ctx, refgrow.CreateWebhookParams{URL: "https://example.com"})
	p.OK(err)
	messages := func(taken []refgrow.Attempt) []string {
		ids := make([]string, len(taken))
		for i, a := range taken {
			ids[i] = a.MessageID
		}
		slices.Sort(ids)
		return ids
	}
	var sent []string
	start := p.Clock.Now()
	for hour := range 4 {
		if hour == 2 {
			p.switchTo(hook, refgrow.WebhookInactive)
		}
		c := p.signup()
		_, err := other.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup})
		p.OK(err)
		if hour == 1 {
			p.OK(p.Shop.DeleteConversion(ctx, c.ID))
		}
		sent = append(sent, messages(p.deliveries(hook))...)
		p.Clock.Advance(time.Hour)
	}
	if len(sent) != 3 {
		t.Fatalf("sent were %q", sent)
	}
	p.switchTo(hook, refgrow.WebhookActive)
	_, err = p.Shop.Webhooks().Test(ctx, hook.ID, refgrow.EventReferralConverted) // is not replayed
	p.OK(err)
	p.deliveries(hook)
	for _, c := range []struct {
		since time.Time
		want  int
	}{
		{time.Time{}, 5}, {start, 5}, {start.Add(1), 4}, {start.Add(time.Hour), 4}, {start.Add(time.Hour + 1), 2},
		{start.Add(3 * time.Hour), 1}, {start.Add(3*time.Hour + time.Millisecond), 0}, {p.Clock.Now(), 0},
	} {
		n, err := p.Shop.Webhooks().Replay(ctx, hook.ID, c.since)
		p.OK(err)
		again := messages(p.deliveries(hook))
		if n != c.want || len(again) != c.want {
			t.Errorf("since %s %d deliveries were made and %d sent, but %d should be", c.since, n, len(again), c.want)
		}
		if c.want == 5 && !slices.ContainsFunc(again, func(id string) bool { return id == sent[0] }) {
			t.Errorf("sent were %q, and again %q", sent, again)
		}
	}
	// What has not been spread yet is sent once.
	p.signup()
	if n, err := p.Shop.Webhooks().Replay(ctx, hook.ID, start); err != nil || n != 5 {
		t.Errorf("%d were replayed (%v)", n, err)
	}
	if n := len(p.deliveries(hook)); n != 6 {
		t.Errorf("%d were sent", n)
	}
	p.Verify()
}

// A rerunStore runs an operation twice where it is told to, as a batch that had to be
// rolled back does.
type rerunStore struct {
	anyBackend
	twice bool
}

func (s *rerunStore) Backend() backend.Backend { return s }

func (s *rerunStore) Atomic(ctx context.Context, work backend.Work) error {
	if s.twice {
		first := work
		first.Run = func(ctx context.Context, tx *backend.Tx) error { return errors.Join(work.Run(ctx, tx), errRerun) }
		if err := s.anyBackend.Atomic(ctx, first); !errors.Is(err, errRerun) {
			return err
		}
	}
	return s.anyBackend.Atomic(ctx, work)
}

var errRerun = errors.New("run again")

// A replay in many steps, each of which is run again, sends everything once.
func TestReplayOfMuch(t *testing.T) {
	shoptest.Single(t)
	t.Parallel()
	path := filepath.Join(t.TempDir(), "refgrow.db")
	database, err := sqlite.Open(t.Context(), path, sqlite.Options{Durability: sqlite.Normal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { database.Close() })
	store := &rerunStore{anyBackend: database.Backend()}
	p := programOn(t, store, shoptest.OpenApp(t, path, 2), refgrow.Settings{})
	hook := p.Endpoint(refgrow.CreateWebhookParams{
		Events: []refgrow.Event{refgrow.EventReferralConverted, refgrow.EventReferralUpdated},
	})
	const events = 450
	p.OK(p.Shop.Atomic(t.Context(), func(shop *refgrow.Project) error {
		for range events {
			if _, err := shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{Type: refgrow.Signup}); err != nil {
				return err
			}
		}
		return nil
	}))
	store.twice = true
	p.Spread()
	if n, err := p.Shop.Webhooks().Replay(t.Context(), hook.ID, time.Time{}); err != nil || n != 0 {
		t.Errorf("%d deliveries were made of what is already on its way (%v)", n, err)
	}
	store.twice = false
	times := make(map[string]int)
	for _, a := range p.deliveries(hook) {
		times[a.MessageID]++
	}
	store.twice = true
	if n, err := p.Shop.Webhooks().Replay(t.Context(), hook.ID, time.Time{}); err != nil || n != 2*events {
		t.Errorf("%d deliveries were made, but %d should be (%v)", n, 2*events, err)
	}
	store.twice = false
	for _, a := range p.deliveries(hook) {
		times[a.MessageID]++
	}
	if len(times) != 2*events {
		t.Errorf("%d messages were sent, but %d should be", len(times), 2*events)
	}
	for id, n := range times {
		if n != 2 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
	store.twice = true
	p.OK(p.Shop.Webhooks().Delete(t.Context(), hook.ID))
	if n := p.Count("SELECT COUNT(*) FROM refgrow_deliveries"); n != 0 {
		t.Errorf("%d deliveries are left", n)
	}
	p.Verify()
}

// A test is of any event, is marked, and is about nobody.
func TestTestsOfWebhooks(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	hook := p.Endpoint(refgrow.CreateWebhookParams{Events: []refgrow.Event{refgrow.EventReferralCanceled}})
	twin := p.Endpoint(refgrow.CreateWebhookParams{})
	for _, event := range refgrow.Events() {
		made, err := p.Shop.Webhooks().Test(ctx, hook.ID, event)
		p.OK(err)
		if made.Event != event || made.Status != refgrow.DeliveryPending || made.NextAttemptAt == nil {
			t.Errorf("the test of %s is %+v", event, made)
		}
	}
	p.Verify()
	// None waits for another.
	p.Spread()
	tests := p.Claim(hook)
	if len(tests) != len(refgrow.Events()) {
		t.Fatalf("tests were %s", p.eventsOf(tests))
	}
	samples := map[refgrow.Event]string{
		refgrow.EventPayoutUpdated:    `{"id":0,"affiliate_id":0,"amount":0,"currency":"USD","status":"pending",`,
		refgrow.EventReferralSignedUp: `"type":"signup","affiliate_id":null,"referred_user_id":null,"value":0,`,
		refgrow.EventAffiliateUpdated: `{"id":0,"user_email":"test@example.com","referral_code":"TEST",`,
	}
	for i, a := range tests {
		m := p.message(a)
		sample := cmp.Or(samples[a.Event], `"type":"purchase","affiliate_id":null,"referred_user_id":null,"value":0,`)
		if !m.Test || a.Event != refgrow.Events()[i] || string(m.Referrer) != "null" || string(m.Referred) != "null" ||
			!strings.Contains(string(m.Data), sample) {
			t.Errorf("a test is %s", a.Body)
		}
		p.Finish(a, refgrow.AttemptSucceeded)
	}
	again, err := p.Shop.Webhooks().ReplayDelivery(ctx, hook.ID, tests[0].DeliveryID)
	p.OK(err)
	if sent := p.deliveries(hook); len(sent) != 1 || sent[0].DeliveryID != again.ID ||
		sent[0].MessageID != tests[0].MessageID {
		t.Errorf("the replay of a test is %+v", sent)
	}
	if got := p.eventsOf(p.deliveries(twin)); got != "" {
		t.Errorf("the other endpoint got %s", got)
	}
	p.signup()
	for _, a := range p.deliveries(twin) {
		if p.message(a).Test {
			t.Errorf("%s is marked as a test", a.Body)
		}
	}
	p.Verify()
}

// What a replay brings back goes before what happened later, unless that is already
// under way.
func TestReplayKeepsTheOrder(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
	lease := func() []refgrow.Attempt {
		t.Helper()
		p.Spread()
		attempts, _, err := p.Engine.Outbox().Claim(t.Context(), hook.ID, 10, time.Minute)
		p.OK(err)
		return attempts
	}
	sale := p.Record(refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: money.MustParse("49.00 USD")})
	p.OK(p.Engine.Outbox().Finish(t.Context(), lease()[0], refgrow.AttemptResult{Outcome: refgrow.AttemptGone}))
	since := p.Clock.Now()
	p.Clock.Advance(time.Second)
	p.switchTo(hook, refgrow.WebhookActive)
	p.Update(sale, refgrow.UpdateConversionParams{Reference: refgrow.Set("later")})
	p.Spread()
	if n, err := p.Shop.Webhooks().Replay(t.Context(), hook.ID, since); err != nil || n != 2 {
		t.Errorf("%d events are sent again (%v)", n, err)
	}
	p.Verify()
	var got []refgrow.Event
	for {
		attempts := lease()
		if len(attempts) == 0 {
			break
		}
		if len(attempts) > 1 {
			t.Errorf("%d of one conversion are sent at once", len(attempts))
		}
		got = append(got, attempts[0].Event)
		p.OK(p.Engine.Outbox().Finish(t.Context(), attempts[0], refgrow.AttemptResult{Outcome: refgrow.AttemptSucceeded}))
		p.Verify()
	}
	want := []refgrow.Event{
		refgrow.EventReferralConverted, refgrow.EventReferralUpdated, refgrow.EventReferralUpdated,
	}
	if !slices.Equal(got, want) {
		t.Errorf("what is sent is %v, but should be %v", got, want)
	}
}

// What is under way while a replay brings back what happened earlier, and fails,
// waits for that, whenever it was to be tried again.
func TestRetryWaitsBehindAReplay(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	hook := p.Endpoint(refgrow.CreateWebhookParams{
		Events: []refgrow.Event{refgrow.EventReferralConverted, refgrow.EventReferralCanceled},
	})
	only := func(what string, want int64) refgrow.Attempt {
		t.Helper()
		p.Verify()
		attempts := p.Claim(hook)
		if len(attempts) != 1 || attempts[0].DeliveryID != want {
			t.Fatalf("%s %q is leased, but only delivery %d should be", what, p.eventsOf(attempts), want)
		}
		if more := p.Claim(hook); len(more) != 0 {
			t.Errorf("%s %q is leased as well", what, p.eventsOf(more))
		}
		return attempts[0]
	}
	sale := p.signup()
	converted := p.deliveries(hook)[0]
	p.OK(p.Shop.DeleteConversion(ctx, sale.ID))
	p.Spread()
	canceled := p.Claim(hook)[0]
	again, err := p.Shop.Webhooks().ReplayDelivery(ctx, hook.ID, converted.DeliveryID)
	p.OK(err)
	if again.NextAttemptAt != nil || len(p.Claim(hook)) != 0 {
		t.Errorf("the replay %+v does not wait for what is under way", again)
	}
	p.OK(p.Engine.Outbox().Finish(ctx, canceled, refgrow.AttemptResult{
		Outcome: refgrow.AttemptRetry, RetryAt: p.Clock.Now(),
	}))
	replayed := only("after the failure", again.ID)
	// A failure of the earlier one lets nothing pass either.
	p.Finish(replayed, refgrow.AttemptRetry)
	if early := p.Claim(hook); len(early) != 0 {
		t.Errorf("%q is leased before the earlier one is tried again", p.eventsOf(early))
	}
	p.Clock.Advance(time.Minute)
	p.Finish(only("after another failure", again.ID), refgrow.AttemptSucceeded)
	last := only("after the success", canceled.DeliveryID)
	if last.Number != 2 || last.Failures != 1 || last.MessageID != canceled.MessageID {
		t.Errorf("the second try is %+v, but the first was %+v", last, canceled)
	}
	p.Finish(last, refgrow.AttemptSucceeded)
	if n := len(p.logOf(hook, refgrow.ListDeliveriesParams{Status: refgrow.DeliverySucceeded})); n != 3 {
		t.Errorf("%d deliveries have succeeded", n)
	}
	p.Verify()
}

// An endpoint that takes nothing holds up the pruning of its own deliveries, and of
// nobody else's.
func TestPruningBehindWhatIsPending(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	events := []refgrow.Event{refgrow.EventReferralConverted}
	stuck := p.Endpoint(refgrow.CreateWebhookParams{Events: events})
	const waiting = 501 // more than one step looks at
	p.OK(p.Shop.Atomic(ctx, func(shop *refgrow.Project) error {
		for range waiting {
			if _, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup}); err != nil {
				return err
			}
		}
		return nil
	}))
	p.Spread()
	working := p.Endpoint(refgrow.CreateWebhookParams{Events: events})
	p.signup()
	p.deliveries(working)
	p.Clock.Advance(time.Hour)
	p.signup()
	kept := p.deliveries(working)
	steps := 0
	for more := true; more; steps++ {
		var err error
		more, err = p.Engine.Outbox().Prune(ctx, p.Clock.Now())
		p.OK(err)
		p.Verify()
	}
	if log := p.logOf(working, refgrow.ListDeliveriesParams{}); len(log) != 1 || log[0].ID != kept[0].DeliveryID {
		t.Errorf("after %d steps the log is %+v, but should be delivery %d", steps, log, kept[0].DeliveryID)
	}
	n, err := p.Shop.Webhooks().CountDeliveries(ctx, stuck.ID,
		refgrow.ListDeliveriesParams{Status: refgrow.DeliveryPending})
	if err != nil || n != waiting+2 {
		t.Errorf("%d deliveries are pending, but %d should be (%v)", n, waiting+2, err)
	}
	if n := p.outbox(); n != 1 {
		t.Errorf("%d events are kept, but one should be", n)
	}
}

// An endpoint that is created or switched on gets, without a replay, only what happens
// from then on, whenever a worker gets to it.
func TestAnEndpointBeginsWithWhatComesNext(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	first := p.Endpoint(refgrow.CreateWebhookParams{})
	p.signup()
	second := p.Endpoint(refgrow.CreateWebhookParams{})
	p.switchTo(first, refgrow.WebhookInactive)
	p.signup()
	p.switchTo(first, refgrow.WebhookActive)
	p.Spread()
	for hook, want := range map[*refgrow.Webhook]int64{first: 0, second: 3} {
		n, err := p.Shop.Webhooks().CountDeliveries(t.Context(), hook.ID, refgrow.ListDeliveriesParams{})
		if err != nil || n != want {
			t.Errorf("endpoint %d gets %d, but should get %d (%v)", hook.ID, n, want, err)
		}
	}
	p.Verify()
}

// A try that nobody finished, because its worker died, does not count for the schedule.
func TestTriesOfDeadWorkersDoNotCount(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	hook := p.Endpoint(refgrow.CreateWebhookParams{Events: []refgrow.Event{refgrow.EventReferralConverted}})
	p.signup()
	p.Spread()
	for i := range 12 {
		attempts, _, err := p.Engine.Outbox().Claim(t.Context(), hook.ID, 1, time.Minute)
		p.OK(err)
		if len(attempts) != 1 || attempts[0].Failures != 0 || attempts[0].Number != int64(i+1) {
			t.Fatalf("try %d is %+v", i+1, attempts)
		}
		p.Clock.Advance(time.Minute)
	}
	attempts, _, err := p.Engine.Outbox().Claim(t.Context(), hook.ID, 1, time.Minute)
	p.OK(err)
	p.OK(p.Engine.Outbox().Finish(t.Context(), attempts[0], refgrow.AttemptResult{
		Outcome: refgrow.AttemptRetry, RetryAt: p.Clock.Now(),
	}))
	if attempts, _, err = p.Engine.Outbox().Claim(t.Context(), hook.ID, 1, time.Minute); err != nil ||
		attempts[0].Failures != 1 {
		t.Errorf("after a failure the try is %+v (%v)", attempts, err)
	}
}

// What a dead worker had leased waits behind a replay like anything else.
func TestReplayBeforeALapsedLease(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	hook := p.Endpoint(refgrow.CreateWebhookParams{
		Events: []refgrow.Event{refgrow.EventReferralConverted, refgrow.EventReferralCanceled},
	})
	sale := p.signup()
	converted := p.deliveries(hook)[0]
	p.OK(p.Shop.DeleteConversion(t.Context(), sale.ID))
	p.Spread()
	p.Claim(hook) // by a worker that dies
	p.Clock.Advance(2 * time.Minute)
	_, err := p.Shop.Webhooks().ReplayDelivery(t.Context(), hook.ID, converted.DeliveryID)
	p.OK(err)
	p.Verify()
	if got := p.eventsOf(p.deliveries(hook)); got != "referral_converted, referral_canceled" {
		t.Errorf("it got %s", got)
	}
	p.Verify()
}

// What happens during a replay is sent before it, and with it what it has to wait for:
// the replayed events of its own conversion.
func TestLiveGoesBeforeReplayed(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	hook := p.Endpoint(refgrow.CreateWebhookParams{Events: []refgrow.Event{refgrow.EventReferralUpdated}})
	next := func() string {
		t.Helper()
		p.Spread()
		attempts, _, err := p.Engine.Outbox().Claim(t.Context(), hook.ID, 1, time.Minute)
		p.OK(err)
		if len(attempts) == 0 {
			return ""
		}
		p.OK(p.Engine.Outbox().Finish(t.Context(), attempts[0], refgrow.AttemptResult{Outcome: refgrow.AttemptSucceeded}))
		return attempts[0].MessageID
	}
	sale := func() *refgrow.Conversion {
		return p.Record(refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: money.MustParse("49.00 USD")})
	}
	var first *refgrow.Conversion
	var messages []string
	for i := range 20 {
		made := sale()
		if i == 10 {
			first = made
		}
		messages = append(messages, next())
		p.Clock.Advance(time.Second)
	}
	replay := func(made int) {
		t.Helper()
		if n, err := p.Shop.Webhooks().Replay(t.Context(), hook.ID, time.Time{}); err != nil || n != made {
			t.Errorf("%d events are sent again (%v)", n, err)
		}
	}
	replay(20)
	if got := next(); got != messages[0] {
		t.Errorf("the first of the replay is %s", got)
	}
	sale()
	if live := next(); slices.Contains(messages, live) {
		t.Errorf("%s of the replay went before a new one", live)
	}
	p.Update(first, refgrow.UpdateConversionParams{Reference: refgrow.Set("later")})
	if got := next(); got != messages[10] {
		t.Errorf("%s went before what a new one waits for, %s", got, messages[10])
	}
	if live := next(); slices.Contains(messages, live) {
		t.Errorf("%s of the replay went before a new one of an old conversion", live)
	}
	// A replay of what happens to be waiting for its turn does not keep it back.
	p.Update(first, refgrow.UpdateConversionParams{Reference: refgrow.Set("last")})
	p.Spread()
	replay(4) // two that were sent of the replay, and two that were not part of it
	for _, what := range []string{messages[10], "", ""} {
		if got := next(); what != "" && got != what || slices.Contains(messages, got) && got != what {
			t.Errorf("%s went before what happens to the conversion now", got)
		}
	}
	for range 18 {
		if next() == "" {
			t.Error("something of the replays was not sent")
		}
	}
	p.Verify()
}
