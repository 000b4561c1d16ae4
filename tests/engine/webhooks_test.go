package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// ownSecret is a secret that somebody chose.
const ownSecret = "a secret of thirty-two characters"

// hookOf reads an endpoint.
func (p *program) hookOf(id int64) *refgrow.Webhook {
	p.Helper()
	hook, err := p.Shop.Webhooks().Get(p.Context(), id)
	p.OK(err)
	return hook
}

// signup records a signup credited to nobody, which is three events.
func (p *program) signup() *refgrow.Conversion {
	p.Helper()
	return p.Record(refgrow.RecordConversionParams{Type: refgrow.Signup})
}

func (p *program) switchTo(hook *refgrow.Webhook, status refgrow.WebhookStatus) {
	p.Helper()
	changed, err := p.Shop.Webhooks().Update(p.Context(), hook.ID, refgrow.UpdateWebhookParams{Status: &status})
	p.OK(err)
	if changed.Status != status {
		p.Errorf("the status is %s, but should be %s", changed.Status, status)
	}
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	made := p.Endpoint(refgrow.CreateWebhookParams{URL: "https://example.com/a?b=c"})
	if made.URL != "https://example.com/a?b=c" || !slices.Equal(made.Events, refgrow.DefaultEvents()) ||
		made.Status != refgrow.WebhookActive || !made.Signed || !made.CreatedAt.Equal(p.Clock.Now()) {
		t.Errorf("made was %+v", made)
	}
	shown := *made
	shown.Secret = ""
	same := func(what string, got *refgrow.Webhook, want refgrow.Webhook) {
		t.Helper()
		if !slices.Equal(got.Events, want.Events) || got.ID != want.ID || got.URL != want.URL || got.Status != want.Status ||
			got.Signed != want.Signed || got.Secret != want.Secret || !got.CreatedAt.Equal(want.CreatedAt) {
			t.Errorf("%s is %+v, but should be %+v", what, got, want)
		}
	}
	same("what is found", p.hookOf(made.ID), shown)

	p.Clock.Advance(time.Minute)
	changed, err := p.Shop.Webhooks().Update(ctx, made.ID, refgrow.UpdateWebhookParams{
		URL:    new("http://127.0.0.1:8080/"),
		Events: &[]refgrow.Event{refgrow.EventReferralUpdated, refgrow.EventReferralCanceled},
	})
	p.OK(err)
	shown.URL = "http://127.0.0.1:8080/"
	shown.Events = []refgrow.Event{refgrow.EventReferralCanceled, refgrow.EventReferralUpdated}
	same("what was changed", changed, shown)
	same("what is found then", p.hookOf(made.ID), shown)

	p.Endpoint(refgrow.CreateWebhookParams{Status: refgrow.WebhookInactive, Secret: refgrow.Clear[string]()})
	p.Endpoint(refgrow.CreateWebhookParams{
		Secret: refgrow.Set(ownSecret), Events: []refgrow.Event{refgrow.EventReferralSignedUp},
	})
	page, err := p.Shop.Webhooks().List(ctx, refgrow.ListWebhooksParams{Limit: 2})
	p.OK(err)
	if len(page.Items) != 2 || page.Items[0].ID != 3 || page.Items[1].ID != 2 || page.Next == "" || page.Items[1].Signed ||
		!page.Items[0].Signed {
		t.Errorf("the first page is %+v", page)
	}
	page, err = p.Shop.Webhooks().List(ctx, refgrow.ListWebhooksParams{Limit: 2, After: page.Next})
	p.OK(err)
	if len(page.Items) != 1 || page.Next != "" {
		t.Fatalf("the second page is %+v", page)
	}
	same("what is listed", &page.Items[0], shown)
	n := int64(0)
	for hook, err := range p.Shop.Webhooks().All(ctx, refgrow.ListWebhooksParams{Limit: 1}) {
		p.OK(err)
		if n++; hook.ID != 4-n || hook.Secret != "" {
			t.Errorf("number %d of the list is %+v", n, hook)
		}
	}
	if count, err := p.Shop.Webhooks().Count(ctx); err != nil || count != 3 || n != 3 {
		t.Errorf("%d of %d endpoints were listed (%v)", n, count, err)
	}

	p.OK(p.Shop.Webhooks().Delete(ctx, made.ID))
	_, err = p.Shop.Webhooks().Get(ctx, made.ID)
	p.Refused("a deleted one", err, refgrow.ErrNotFound, "")
	p.Refused("a second deletion", p.Shop.Webhooks().Delete(ctx, made.ID), refgrow.ErrNotFound, "")
	if count, err := p.Shop.Webhooks().Count(ctx); err != nil || count != 2 {
		t.Errorf("%d endpoints are left (%v)", count, err)
	}
	p.Verify()
}

// What is refused changes nothing, and another project's endpoints cannot be seen.
func TestWebhooksRefuse(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	hook := p.Endpoint(refgrow.CreateWebhookParams{Secret: refgrow.Set(ownSecret)})
	p.signup()
	p.Spread()
	other, err := p.Engine.CreateProject(ctx, "other", refgrow.Settings{})
	p.OK(err)
	dump := func() (rows string) {
		t.Helper()
		p.OK(p.App.QueryRowContext(ctx, `SELECT
			(SELECT group_concat(id || url || events || status || hex(secret) || COALESCE(hex(former_secret), '-'))
				FROM refgrow_webhooks) ||
			(SELECT group_concat(id || status || COALESCE(next_attempt_at, '-')) FROM refgrow_deliveries) ||
			(SELECT COUNT(*) FROM refgrow_events)`).Scan(&rows))
		return rows
	}
	before := dump()

	const good = "https://example.com"
	type create = refgrow.CreateWebhookParams
	for what, c := range map[string]struct {
		params create
		field  string
	}{
		"no address":        {create{}, "url"},
		"half an address":   {create{URL: "/hooks"}, "url"},
		"no host":           {create{URL: "https:///hooks"}, "url"},
		"only a port":       {create{URL: "https://:80/"}, "url"},
		"another scheme":    {create{URL: "ftp://example.com"}, "url"},
		"an opaque address": {create{URL: "https:example.com"}, "url"},
		"a user":            {create{URL: "https://jane@example.com"}, "url"},
		"a password":        {create{URL: "https://jane:doe@example.com"}, "url"},
		"a fragment":        {create{URL: "https://example.com#here"}, "url"},
		"a blank":           {create{URL: "https://example.com/a b"}, "url"},
		"a line break":      {create{URL: "https://example.com/\r\nHost: a"}, "url"},
		"a long address":    {create{URL: good + "/" + strings.Repeat("a", 3000)}, "url"},
		"an empty list":     {create{URL: good, Events: []refgrow.Event{}}, "events"},
		"an unknown event":  {create{URL: good, Events: []refgrow.Event{"referral_paid"}}, "events"},
		"an event twice": {
			create{URL: good, Events: []refgrow.Event{refgrow.EventReferralUpdated, refgrow.EventReferralUpdated}}, "events",
		},
		"an unknown status":    {create{URL: good, Status: "paused"}, "status"},
		"an empty secret":      {create{URL: good, Secret: refgrow.Set("")}, "secret"},
		"a short secret":       {create{URL: good, Secret: refgrow.Set(strings.Repeat("s", refgrow.MinSecret-1))}, "secret"},
		"a long secret":        {create{URL: good, Secret: refgrow.Set(strings.Repeat("s", refgrow.MaxSecret+1))}, "secret"},
		"a secret with a bell": {create{URL: good, Secret: refgrow.Set(ownSecret + "\a")}, "secret"},
		"a non-base64 secret":  {create{URL: good, Secret: refgrow.Set("whsec_" + ownSecret)}, "secret"},
	} {
		_, err := p.Shop.Webhooks().Create(ctx, c.params)
		p.Refused(what, err, refgrow.ErrInvalid, c.field)
	}
	for field, u := range map[string]refgrow.UpdateWebhookParams{
		"url": {URL: new("nowhere")}, "events": {URL: new(good), Events: new([]refgrow.Event)},
		"status": {URL: new(good), Status: new(refgrow.WebhookStatus(""))},
	} {
		_, err := p.Shop.Webhooks().Update(ctx, hook.ID, u)
		p.Refused("an update", err, refgrow.ErrInvalid, field)
	}
	for _, who := range []struct {
		shop *refgrow.Project
		id   int64
	}{{p.Shop, 99}, {other, hook.ID}} {
		delivery := p.logOf(hook, refgrow.ListDeliveriesParams{})[0].ID
		_, got := who.shop.Webhooks().Get(ctx, who.id)
		_, updated := who.shop.Webhooks().Update(ctx, who.id,
			refgrow.UpdateWebhookParams{Status: new(refgrow.WebhookInactive)})
		_, rotated := who.shop.Webhooks().Rotate(ctx, who.id, refgrow.RotateWebhookParams{})
		_, tested := who.shop.Webhooks().Test(ctx, who.id, refgrow.EventReferralUpdated)
		_, again := who.shop.Webhooks().ReplayDelivery(ctx, who.id, delivery)
		_, since := who.shop.Webhooks().Replay(ctx, who.id, time.Time{})
		_, listed := who.shop.Webhooks().ListDeliveries(ctx, who.id, refgrow.ListDeliveriesParams{})
		for what, err := range map[string]error{
			"get": got, "update": updated, "rotate": rotated, "delete": who.shop.Webhooks().Delete(ctx, who.id),
			"test": tested, "replay": again, "replay since": since, "deliveries": listed,
		} {
			p.Refused(what, err, refgrow.ErrNotFound, "")
		}
	}
	if n, err := other.Webhooks().CountDeliveries(ctx, hook.ID, refgrow.ListDeliveriesParams{}); err != nil || n != 0 {
		t.Errorf("another project counts %d deliveries (%v)", n, err)
	}
	_, err = p.Shop.Webhooks().ListDeliveries(ctx, hook.ID, refgrow.ListDeliveriesParams{Status: "lost"})
	p.Refused("an unknown status", err, refgrow.ErrInvalid, "status")
	_, err = p.Shop.Webhooks().CountDeliveries(ctx, hook.ID, refgrow.ListDeliveriesParams{Status: "lost"})
	p.Refused("an unknown status", err, refgrow.ErrInvalid, "status")
	_, err = p.Shop.Webhooks().Test(ctx, hook.ID, "referral_paid")
	p.Refused("an unknown event", err, refgrow.ErrInvalid, "event")
	_, err = p.Shop.Webhooks().Replay(ctx, hook.ID, p.Clock.Now().Add(time.Millisecond))
	p.Refused("a replay of the future", err, refgrow.ErrInvalid, "since")
	if after := dump(); after != before {
		t.Errorf("the database was\n%s\nand is\n%s", before, after)
	}
	p.Verify()
}

// Switched off, an endpoint loses what waits; switched on again, it gets what
// happens from then on.
func TestWebhookStatus(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	hook, twin := p.Endpoint(refgrow.CreateWebhookParams{}), p.Endpoint(refgrow.CreateWebhookParams{})
	p.signup()
	p.Spread()
	p.Clock.Advance(time.Second)
	p.switchTo(hook, refgrow.WebhookInactive)
	p.Verify()
	log := p.logOf(hook, refgrow.ListDeliveriesParams{Status: refgrow.DeliveryCanceled})
	for _, d := range log {
		if d.NextAttemptAt != nil || d.EndedAt == nil || !d.EndedAt.Equal(p.Clock.Now()) || d.Attempts != 0 {
			t.Errorf("a canceled delivery is %+v", d)
		}
	}
	if len(log) != 3 {
		t.Errorf("%d deliveries were canceled", len(log))
	}
	if n := len(p.deliveries(twin)); n != 3 {
		t.Errorf("the other endpoint got %d deliveries", n)
	}
	p.signup()
	p.Spread()
	for what, do := range map[string]func() error{
		"a test": func() error {
			_, err := p.Shop.Webhooks().Test(ctx, hook.ID, refgrow.EventReferralUpdated)
			return err
		},
		"a replay": func() error {
			_, err := p.Shop.Webhooks().ReplayDelivery(ctx, hook.ID, log[0].ID)
			return err
		},
		"a replay since": func() error {
			_, err := p.Shop.Webhooks().Replay(ctx, hook.ID, p.Clock.Now())
			return err
		},
	} {
		p.Refused(what, do(), refgrow.ErrConflict, "")
	}
	if ids, err := p.Engine.Outbox().Endpoints(ctx); err != nil || !slices.Equal(ids, []int64{twin.ID}) {
		t.Errorf("the active endpoints are %v (%v)", ids, err)
	}
	p.switchTo(hook, refgrow.WebhookActive)
	if got := p.eventsOf(p.deliveries(hook)); got != "" {
		t.Errorf("the endpoint got %s when it was switched on", got)
	}
	p.signup()
	if n := len(p.deliveries(hook)); n != 3 {
		t.Errorf("the endpoint got %d deliveries then", n)
	}
	// What is under way when it is switched off no longer changes anything.
	p.signup()
	p.Spread()
	leased := p.Claim(hook)
	p.switchTo(hook, refgrow.WebhookInactive)
	for _, outcome := range []refgrow.AttemptOutcome{
		refgrow.AttemptRetry, refgrow.AttemptSucceeded, refgrow.AttemptFailed,
	} {
		p.Finish(leased[0], outcome)
	}
	if n := len(p.logOf(hook, refgrow.ListDeliveriesParams{Status: refgrow.DeliveryCanceled})); n != 6 {
		t.Errorf("%d deliveries are canceled", n)
	}
	p.Verify()
}

// An endpoint gets the events it wants, as of when they are spread.
func TestWebhookEvents(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	hook := p.Endpoint(refgrow.CreateWebhookParams{
		Events: []refgrow.Event{refgrow.EventReferralUpdated, refgrow.EventReferralSignedUp},
	})
	c := p.signup()
	if got := p.eventsOf(p.deliveries(hook)); got != "referral_signed_up, referral_updated" {
		t.Errorf("it got %s", got)
	}
	p.OK(p.Shop.DeleteConversion(t.Context(), c.ID))
	if got := p.eventsOf(p.deliveries(hook)); got != "" {
		t.Errorf("it got %s", got)
	}
	_, err := p.Shop.Webhooks().Update(t.Context(), hook.ID, refgrow.UpdateWebhookParams{
		Events: &[]refgrow.Event{refgrow.EventReferralConverted},
	})
	p.OK(err)
	p.signup()
	if got := p.eventsOf(p.deliveries(hook)); got != "referral_converted" {
		t.Errorf("it got %s", got)
	}
	p.Verify()
}

func TestUnreachableURLs(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	for _, url := range []string{
		"https://example.com:0/", "https://example.com:65536/", "https://-/", "https://a..b/", "https://exa_mple.com/",
		"https://[::1/",
	} {
		_, err := p.Shop.Webhooks().Create(t.Context(), refgrow.CreateWebhookParams{URL: url})
		p.Refused(url, err, refgrow.ErrInvalid, "url")
	}
	for i := range refgrow.MaxWebhooks + 1 {
		_, err := p.Shop.Webhooks().Create(t.Context(), refgrow.CreateWebhookParams{URL: "https://[2606:4700::1111]:8443/"})
		if i == refgrow.MaxWebhooks {
			p.Refused("one endpoint too many", err, refgrow.ErrConflict, "url")
			break
		}
		p.OK(err)
	}
}
