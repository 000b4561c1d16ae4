package refgrow_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

// ownSecret is a secret that somebody chose.
const ownSecret = "a secret of thirty-two characters"

// hookOf reads an endpoint.
func (p *program) hookOf(id int64) *refgrow.Webhook {
	p.Helper()
	hook, err := p.shop.GetWebhook(p.Context(), id)
	p.ok(err)
	return hook
}

func (p *program) logOf(hook *refgrow.Webhook, params refgrow.ListDeliveriesParams) []refgrow.Delivery {
	p.Helper()
	page, err := p.shop.ListDeliveries(p.Context(), hook.ID, params)
	p.ok(err)
	return page.Items
}

// signup records a signup of nobody, which is three events.
func (p *program) signup() *refgrow.Conversion {
	p.Helper()
	return p.record(refgrow.RecordConversionParams{Type: refgrow.Signup})
}

func (p *program) switchTo(hook *refgrow.Webhook, status refgrow.WebhookStatus) {
	p.Helper()
	changed, err := p.shop.UpdateWebhook(p.Context(), hook.ID, refgrow.UpdateWebhookParams{Status: &status})
	p.ok(err)
	if changed.Status != status {
		p.Errorf("the status is %s, but should be %s", changed.Status, status)
	}
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	made := p.endpoint(refgrow.CreateWebhookParams{URL: "https://example.com/a?b=c"})
	if made.URL != "https://example.com/a?b=c" || !slices.Equal(made.Events, refgrow.Events()) || made.Status != refgrow.WebhookActive ||
		!made.Signed || !made.CreatedAt.Equal(p.clock.Now()) {
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

	p.clock.Advance(time.Minute)
	changed, err := p.shop.UpdateWebhook(ctx, made.ID, refgrow.UpdateWebhookParams{
		URL: new("http://127.0.0.1:8080/"), Events: &[]refgrow.Event{refgrow.EventReferralUpdated, refgrow.EventReferralCanceled},
	})
	p.ok(err)
	shown.URL, shown.Events = "http://127.0.0.1:8080/", []refgrow.Event{refgrow.EventReferralCanceled, refgrow.EventReferralUpdated}
	same("what was changed", changed, shown)
	same("what is found then", p.hookOf(made.ID), shown)

	p.endpoint(refgrow.CreateWebhookParams{Status: refgrow.WebhookInactive, Secret: refgrow.Clear[string]()})
	p.endpoint(refgrow.CreateWebhookParams{Secret: refgrow.Set(ownSecret), Events: []refgrow.Event{refgrow.EventReferralSignedUp}})
	page, err := p.shop.ListWebhooks(ctx, refgrow.ListWebhooksParams{Limit: 2})
	p.ok(err)
	if len(page.Items) != 2 || page.Items[0].ID != 3 || page.Items[1].ID != 2 || page.Next == "" || page.Items[1].Signed || !page.Items[0].Signed {
		t.Errorf("the first page is %+v", page)
	}
	page, err = p.shop.ListWebhooks(ctx, refgrow.ListWebhooksParams{Limit: 2, After: page.Next})
	p.ok(err)
	if len(page.Items) != 1 || page.Next != "" {
		t.Fatalf("the second page is %+v", page)
	}
	same("what is listed", &page.Items[0], shown)
	n := int64(0)
	for hook, err := range p.shop.AllWebhooks(ctx, refgrow.ListWebhooksParams{Limit: 1}) {
		p.ok(err)
		if n++; hook.ID != 4-n || hook.Secret != "" {
			t.Errorf("number %d of the list is %+v", n, hook)
		}
	}
	if count, err := p.shop.CountWebhooks(ctx); err != nil || count != 3 || n != 3 {
		t.Errorf("%d of %d endpoints were listed (%v)", n, count, err)
	}

	p.ok(p.shop.DeleteWebhook(ctx, made.ID))
	_, err = p.shop.GetWebhook(ctx, made.ID)
	p.refused("a deleted one", err, refgrow.ErrNotFound, "")
	p.refused("a second deletion", p.shop.DeleteWebhook(ctx, made.ID), refgrow.ErrNotFound, "")
	if count, err := p.shop.CountWebhooks(ctx); err != nil || count != 2 {
		t.Errorf("%d endpoints are left (%v)", count, err)
	}
	p.verify()
}

// What is refused changes nothing, and another project's endpoints are not there.
func TestWebhooksRefuse(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	hook := p.endpoint(refgrow.CreateWebhookParams{Secret: refgrow.Set(ownSecret)})
	p.signup()
	p.spread()
	other, err := p.engine.CreateProject(ctx, "other", refgrow.Settings{})
	p.ok(err)
	dump := func() (rows string) {
		t.Helper()
		p.ok(p.app.QueryRowContext(ctx, `SELECT
			(SELECT group_concat(id || url || events || status || hex(secret) || COALESCE(hex(former_secret), '-')) FROM refgrow_webhooks) ||
			(SELECT group_concat(id || status || COALESCE(next_attempt_at, '-')) FROM refgrow_deliveries) || (SELECT COUNT(*) FROM refgrow_events)`).Scan(&rows))
		return rows
	}
	before := dump()

	const good = "https://example.com"
	type create = refgrow.CreateWebhookParams
	for what, c := range map[string]struct {
		params create
		field  string
	}{
		"no address":            {create{}, "url"},
		"half an address":       {create{URL: "/hooks"}, "url"},
		"no host":               {create{URL: "https:///hooks"}, "url"},
		"only a port":           {create{URL: "https://:80/"}, "url"},
		"another scheme":        {create{URL: "ftp://example.com"}, "url"},
		"an opaque address":     {create{URL: "https:example.com"}, "url"},
		"a user":                {create{URL: "https://jane@example.com"}, "url"},
		"a password":            {create{URL: "https://jane:doe@example.com"}, "url"},
		"a fragment":            {create{URL: "https://example.com#here"}, "url"},
		"a blank":               {create{URL: "https://example.com/a b"}, "url"},
		"a line break":          {create{URL: "https://example.com/\r\nHost: a"}, "url"},
		"a long address":        {create{URL: good + "/" + strings.Repeat("a", 3000)}, "url"},
		"an empty list":         {create{URL: good, Events: []refgrow.Event{}}, "events"},
		"an unknown event":      {create{URL: good, Events: []refgrow.Event{"referral_paid"}}, "events"},
		"an event twice":        {create{URL: good, Events: []refgrow.Event{refgrow.EventReferralUpdated, refgrow.EventReferralUpdated}}, "events"},
		"an unknown status":     {create{URL: good, Status: "paused"}, "status"},
		"an empty secret":       {create{URL: good, Secret: refgrow.Set("")}, "secret"},
		"a short secret":        {create{URL: good, Secret: refgrow.Set(strings.Repeat("s", refgrow.MinSecret-1))}, "secret"},
		"a long secret":         {create{URL: good, Secret: refgrow.Set(strings.Repeat("s", refgrow.MaxSecret+1))}, "secret"},
		"a secret with a bell":  {create{URL: good, Secret: refgrow.Set(ownSecret + "\a")}, "secret"},
		"a secret of no base64": {create{URL: good, Secret: refgrow.Set("whsec_" + ownSecret)}, "secret"},
	} {
		_, err := p.shop.CreateWebhook(ctx, c.params)
		p.refused(what, err, refgrow.ErrInvalid, c.field)
	}
	for field, u := range map[string]refgrow.UpdateWebhookParams{
		"url": {URL: new("nowhere")}, "events": {URL: new(good), Events: new([]refgrow.Event)}, "status": {URL: new(good), Status: new(refgrow.WebhookStatus(""))},
	} {
		_, err := p.shop.UpdateWebhook(ctx, hook.ID, u)
		p.refused("an update", err, refgrow.ErrInvalid, field)
	}
	for _, who := range []struct {
		shop *refgrow.Project
		id   int64
	}{{p.shop, 99}, {other, hook.ID}} {
		delivery := p.logOf(hook, refgrow.ListDeliveriesParams{})[0].ID
		_, got := who.shop.GetWebhook(ctx, who.id)
		_, updated := who.shop.UpdateWebhook(ctx, who.id, refgrow.UpdateWebhookParams{Status: new(refgrow.WebhookInactive)})
		_, rotated := who.shop.RotateWebhook(ctx, who.id)
		_, tested := who.shop.TestWebhook(ctx, who.id, refgrow.EventReferralUpdated)
		_, again := who.shop.ReplayDelivery(ctx, who.id, delivery)
		_, since := who.shop.ReplayWebhook(ctx, who.id, time.Time{})
		_, listed := who.shop.ListDeliveries(ctx, who.id, refgrow.ListDeliveriesParams{})
		for what, err := range map[string]error{
			"get": got, "update": updated, "rotate": rotated, "delete": who.shop.DeleteWebhook(ctx, who.id),
			"test": tested, "replay": again, "replay since": since, "deliveries": listed,
		} {
			p.refused(what, err, refgrow.ErrNotFound, "")
		}
	}
	if n, err := other.CountDeliveries(ctx, hook.ID, refgrow.ListDeliveriesParams{}); err != nil || n != 0 {
		t.Errorf("another project counts %d deliveries (%v)", n, err)
	}
	_, err = p.shop.ListDeliveries(ctx, hook.ID, refgrow.ListDeliveriesParams{Status: "lost"})
	p.refused("an unknown status", err, refgrow.ErrInvalid, "status")
	_, err = p.shop.CountDeliveries(ctx, hook.ID, refgrow.ListDeliveriesParams{Status: "lost"})
	p.refused("an unknown status", err, refgrow.ErrInvalid, "status")
	_, err = p.shop.TestWebhook(ctx, hook.ID, "referral_paid")
	p.refused("an unknown event", err, refgrow.ErrInvalid, "event")
	_, err = p.shop.ReplayWebhook(ctx, hook.ID, p.clock.Now().Add(time.Millisecond))
	p.refused("a replay of the future", err, refgrow.ErrInvalid, "since")
	if after := dump(); after != before {
		t.Errorf("the database was\n%s\nand is\n%s", before, after)
	}
	p.verify()
}

// A secret is shown when it is made, and signs with the one before for a day.
func TestWebhookSecrets(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	rotate := func(hook *refgrow.Webhook) string {
		t.Helper()
		rotated, err := p.shop.RotateWebhook(ctx, hook.ID)
		p.ok(err)
		if !rotated.Signed || p.hookOf(hook.ID).Secret != "" {
			t.Errorf("rotated is %+v", rotated)
		}
		return rotated.Secret
	}
	signs := func(hook *refgrow.Webhook, want ...string) {
		t.Helper()
		p.signup()
		for _, a := range p.deliveries(hook) {
			if !slices.Equal(a.Secrets, want) {
				t.Errorf("the secrets are %q, but should be %q", a.Secrets, want)
			}
		}
	}
	hook := p.endpoint(refgrow.CreateWebhookParams{})
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hook.Secret, "whsec_"))
	if err != nil || len(key) != 32 || !strings.HasPrefix(hook.Secret, "whsec_") {
		t.Errorf("a secret is %s", hook.Secret)
	}
	signs(hook, hook.Secret)
	second := rotate(hook)
	if second == hook.Secret || len(second) != len(hook.Secret) {
		t.Errorf("the second secret is %s", second)
	}
	signs(hook, second, hook.Secret)
	p.clock.Advance(24*time.Hour - time.Millisecond)
	signs(hook, second, hook.Secret)
	p.clock.Advance(time.Millisecond)
	signs(hook, second)
	third := rotate(hook)
	signs(hook, rotate(hook), third)

	chosen := p.endpoint(refgrow.CreateWebhookParams{Secret: refgrow.Set(ownSecret)})
	if chosen.Secret != ownSecret {
		t.Errorf("the secret is %q", chosen.Secret)
	}
	signs(chosen, ownSecret)
	unsigned := p.endpoint(refgrow.CreateWebhookParams{Secret: refgrow.Clear[string]()})
	if unsigned.Signed || unsigned.Secret != "" {
		t.Errorf("the unsigned endpoint is %+v", unsigned)
	}
	signs(unsigned)
	signs(unsigned, rotate(unsigned)) // nothing signed before
	for _, size := range []int{refgrow.MinSecret, refgrow.MaxSecret} {
		p.endpoint(refgrow.CreateWebhookParams{Secret: refgrow.Set(strings.Repeat("s", size))})
	}
	p.verify()
}

// With a key the file does not contain the secrets, and nobody without the key can
// sign.
func TestWebhookSecretsAreSealed(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "refgrow.db")
	// with does something with an engine that has a key.
	with := func(key []byte, work func(p *program)) {
		t.Helper()
		database, err := sqlite.Open(ctx, path, sqlite.Options{Durability: sqlite.Normal})
		if err != nil {
			t.Fatal(err)
		}
		defer database.Close()
		p := &program{T: t, app: openApp(t, path, 2)}
		p.engine, err = refgrow.New(ctx, database, refgrow.Config{SecretKey: key, Logger: slog.New(slog.DiscardHandler)})
		p.ok(err)
		p.shop, err = p.engine.EnsureProject(ctx, "shop", refgrow.Settings{})
		p.ok(err)
		work(p)
		p.verify()
		p.ok(p.app.Close())
		p.ok(p.engine.Close(ctx))
	}
	secrets := func(p *program, hook int64) ([]string, error) {
		p.Helper()
		_, err := p.shop.TestWebhook(ctx, hook, refgrow.EventReferralUpdated)
		p.ok(err)
		attempts, _, err := p.engine.ClaimDeliveries(ctx, hook, 1, time.Minute)
		if err != nil {
			return nil, err
		}
		return attempts[0].Secrets, nil
	}
	key, wrong := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)
	const plain, sealed, foreign = 1, 2, 3 // ids of endpoints
	with(nil, func(p *program) {
		p.endpoint(refgrow.CreateWebhookParams{Secret: refgrow.Set(ownSecret)})
	})
	rotated := ""
	with(key, func(p *program) {
		p.endpoint(refgrow.CreateWebhookParams{Secret: refgrow.Set("that nobody finds in a file")})
		got, err := secrets(p, plain)
		if err != nil || !slices.Equal(got, []string{ownSecret}) {
			t.Errorf("a secret from before the key is %q (%v)", got, err)
		}
		got, err = secrets(p, sealed)
		if err != nil || !slices.Equal(got, []string{"that nobody finds in a file"}) {
			t.Errorf("a sealed secret is %q (%v)", got, err)
		}
		hook, err := p.shop.RotateWebhook(ctx, plain)
		p.ok(err)
		rotated = hook.Secret
		got, err = secrets(p, plain)
		if err != nil || !slices.Equal(got, []string{rotated, ownSecret}) {
			t.Errorf("rotated secrets are %q (%v)", got, err)
		}
		if n := p.count("SELECT COUNT(*) FROM refgrow_webhooks WHERE hex(substr(secret, 1, 1)) <> '01' OR hex(substr(COALESCE(former_secret, secret), 1, 1)) <> '01'"); n != 0 {
			t.Errorf("%d endpoints have secrets that are not sealed after a rotation", n)
		}
		// What was sealed for one project opens for no other.
		other, err := p.engine.CreateProject(ctx, "other", refgrow.Settings{})
		p.ok(err)
		_, err = other.CreateWebhook(ctx, refgrow.CreateWebhookParams{URL: "https://example.com"})
		p.ok(err)
		p.exec("UPDATE refgrow_webhooks SET secret = (SELECT secret FROM refgrow_webhooks WHERE id = 2) WHERE id = 3")
		_, err = other.TestWebhook(ctx, foreign, refgrow.EventReferralUpdated)
		p.ok(err)
		if _, _, err := p.engine.ClaimDeliveries(ctx, foreign, 1, time.Minute); !errors.Is(err, refgrow.ErrSecretKey) {
			t.Errorf("another project's secret gave %v", err)
		}
	})
	for _, file := range []string{path, path + "-wal"} {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("that nobody finds")) || bytes.Contains(text, []byte(strings.TrimPrefix(rotated, "whsec_"))) {
			t.Errorf("%s contains a secret", filepath.Base(file))
		}
	}
	for _, k := range [][]byte{nil, wrong} {
		with(k, func(p *program) {
			if got, err := secrets(p, sealed); !errors.Is(err, refgrow.ErrSecretKey) {
				t.Errorf("with the key %x the secrets are %q (%v)", k, got, err)
			}
			// An endpoint can be rescued from a key that is lost, but only by another one.
			hook, err := p.shop.RotateWebhook(ctx, sealed)
			if k == nil {
				p.refused("rotating without a key", err, refgrow.ErrConflict, "secret")
				return
			}
			p.ok(err)
			if got, err := secrets(p, sealed); err != nil || !slices.Equal(got, []string{hook.Secret}) {
				t.Errorf("with the key %x the secrets are %q (%v) after a rotation", k, got, err)
			}
		})
	}
	if _, err := refgrow.New(ctx, nil, refgrow.Config{SecretKey: []byte("short")}); !errors.Is(err, refgrow.ErrInvalid) {
		t.Errorf("a short key gave %v", err)
	}
}

// Switched off, an endpoint loses what waits; switched on again, it gets what
// happens from then on.
func TestWebhookStatus(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	hook, twin := p.endpoint(refgrow.CreateWebhookParams{}), p.endpoint(refgrow.CreateWebhookParams{})
	p.signup()
	p.spread()
	p.clock.Advance(time.Second)
	p.switchTo(hook, refgrow.WebhookInactive)
	p.verify()
	log := p.logOf(hook, refgrow.ListDeliveriesParams{Status: refgrow.DeliveryCanceled})
	for _, d := range log {
		if d.NextAttemptAt != nil || d.EndedAt == nil || !d.EndedAt.Equal(p.clock.Now()) || d.Attempts != 0 {
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
	p.spread()
	for what, do := range map[string]func() error{
		"a test": func() error {
			_, err := p.shop.TestWebhook(ctx, hook.ID, refgrow.EventReferralUpdated)
			return err
		},
		"a replay": func() error {
			_, err := p.shop.ReplayDelivery(ctx, hook.ID, log[0].ID)
			return err
		},
		"a replay since": func() error {
			_, err := p.shop.ReplayWebhook(ctx, hook.ID, p.clock.Now())
			return err
		},
	} {
		p.refused(what, do(), refgrow.ErrConflict, "")
	}
	if ids, err := p.engine.Endpoints(ctx); err != nil || !slices.Equal(ids, []int64{twin.ID}) {
		t.Errorf("the active endpoints are %v (%v)", ids, err)
	}
	p.switchTo(hook, refgrow.WebhookActive)
	if got := p.told(p.deliveries(hook)); got != "" {
		t.Errorf("the endpoint got %s when it was switched on", got)
	}
	p.signup()
	if n := len(p.deliveries(hook)); n != 3 {
		t.Errorf("the endpoint got %d deliveries then", n)
	}
	// What is under way when it is switched off changes nothing any more.
	p.signup()
	p.spread()
	leased := p.claim(hook)
	p.switchTo(hook, refgrow.WebhookInactive)
	for _, outcome := range []refgrow.AttemptOutcome{refgrow.AttemptRetry, refgrow.AttemptSucceeded, refgrow.AttemptFailed} {
		p.finish(leased[0], outcome)
	}
	if n := len(p.logOf(hook, refgrow.ListDeliveriesParams{Status: refgrow.DeliveryCanceled})); n != 6 {
		t.Errorf("%d deliveries are canceled", n)
	}
	p.verify()
}

// An endpoint gets the events it wants, as of when they are spread.
func TestWebhookEvents(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	hook := p.endpoint(refgrow.CreateWebhookParams{Events: []refgrow.Event{refgrow.EventReferralUpdated, refgrow.EventReferralSignedUp}})
	c := p.signup()
	if got := p.told(p.deliveries(hook)); got != "referral_signed_up, referral_updated" {
		t.Errorf("it got %s", got)
	}
	p.ok(p.shop.DeleteConversion(t.Context(), c.ID))
	if got := p.told(p.deliveries(hook)); got != "" {
		t.Errorf("it got %s", got)
	}
	_, err := p.shop.UpdateWebhook(t.Context(), hook.ID, refgrow.UpdateWebhookParams{Events: &[]refgrow.Event{refgrow.EventReferralConverted}})
	p.ok(err)
	p.signup()
	if got := p.told(p.deliveries(hook)); got != "referral_converted" {
		t.Errorf("it got %s", got)
	}
	p.verify()
}

// A long log goes in steps, and nothing is sent meanwhile. What was leased is
// forgotten.
func TestDeletionOfALongLog(t *testing.T) {
	t.Parallel()
	p, store := stepped(t)
	ctx := t.Context()
	hook, twin := p.endpoint(refgrow.CreateWebhookParams{}), p.endpoint(refgrow.CreateWebhookParams{Events: []refgrow.Event{refgrow.EventReferralConverted}})
	p.ok(p.shop.Atomic(ctx, func(shop *refgrow.Project) error {
		for range 400 {
			if _, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup}); err != nil {
				return err
			}
		}
		return nil
	}))
	p.spread()
	leased := p.claim(hook)
	if len(leased) != 400 {
		t.Fatalf("%d deliveries are leased", len(leased))
	}
	steps := 0
	store.on(func(write int) {
		steps = write
		p.verify()
		if ids, err := p.engine.Endpoints(ctx); write > 1 && (err != nil || !slices.Equal(ids, []int64{twin.ID})) {
			t.Errorf("before step %d the active endpoints are %v (%v)", write, ids, err)
		}
	})
	p.ok(p.shop.DeleteWebhook(ctx, hook.ID))
	store.on(nil)
	if steps != 3 {
		t.Errorf("the deletion took %d steps", steps)
	}
	if n := p.count("SELECT COUNT(*) FROM refgrow_deliveries WHERE webhook_id = ?", hook.ID); n != 0 {
		t.Errorf("%d deliveries are left", n)
	}
	for _, outcome := range []refgrow.AttemptOutcome{refgrow.AttemptSucceeded, refgrow.AttemptRetry, refgrow.AttemptGone} {
		p.finish(leased[0], outcome)
	}
	if n := len(p.claim(hook)); n != 0 {
		t.Errorf("%d deliveries of the deleted endpoint were leased", n)
	}
	if n := len(p.deliveries(twin)); n != 400 {
		t.Errorf("the other endpoint got %d deliveries", n)
	}
	p.verify()
}

func TestDeliveries(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	hook := p.endpoint(refgrow.CreateWebhookParams{})
	p.signup()
	p.clock.Advance(time.Second)
	p.spread()
	log := p.logOf(hook, refgrow.ListDeliveriesParams{})
	if len(log) != 3 || log[2].Event != refgrow.EventReferralSignedUp || log[2].Status != refgrow.DeliveryPending || log[2].NextAttemptAt == nil ||
		!log[2].NextAttemptAt.Equal(p.clock.Now()) || log[1].NextAttemptAt != nil || !log[0].CreatedAt.Equal(p.clock.Now()) || log[0].EndedAt != nil {
		t.Fatalf("the log is %+v", log)
	}
	a := p.claim(hook)[0]
	retry := p.clock.Now().Add(5 * time.Second)
	p.ok(p.engine.FinishAttempt(ctx, a, refgrow.AttemptResult{Outcome: refgrow.AttemptRetry, RetryAt: retry, ResponseStatus: 503, Error: "busy"}))
	if d := p.logOf(hook, refgrow.ListDeliveriesParams{})[2]; d.Attempts != 1 || d.ResponseStatus != 503 || d.Error != "busy" || !d.NextAttemptAt.Equal(retry) {
		t.Errorf("after a try it is %+v", d)
	}
	p.clock.Set(retry)
	p.finish(p.claim(hook)[0], refgrow.AttemptSucceeded)
	if d := p.logOf(hook, refgrow.ListDeliveriesParams{Status: refgrow.DeliverySucceeded})[0]; d.ID != a.DeliveryID || d.Attempts != 2 ||
		d.ResponseStatus != 200 || d.Error != "" || d.NextAttemptAt != nil || !d.EndedAt.Equal(retry) {
		t.Errorf("after its success it is %+v", d)
	}
	n := 0
	for d, err := range p.shop.AllDeliveries(ctx, hook.ID, refgrow.ListDeliveriesParams{Limit: 1}) {
		p.ok(err)
		if d.ID != log[n].ID {
			t.Errorf("number %d of the log is %+v", n, d)
		}
		n++
	}
	for status, want := range map[refgrow.DeliveryStatus]int64{"": 3, refgrow.DeliveryPending: 2, refgrow.DeliverySucceeded: 1, refgrow.DeliveryFailed: 0} {
		params := refgrow.ListDeliveriesParams{Status: status}
		if count, err := p.shop.CountDeliveries(ctx, hook.ID, params); err != nil || count != want || len(p.logOf(hook, params)) != int(want) {
			t.Errorf("%d deliveries are %q, but %d should be (%v)", count, status, want, err)
		}
	}
	page, err := p.shop.ListDeliveries(ctx, hook.ID, refgrow.ListDeliveriesParams{Limit: 1})
	p.ok(err)
	_, err = p.shop.ListDeliveries(ctx, p.endpoint(refgrow.CreateWebhookParams{}).ID, refgrow.ListDeliveriesParams{After: page.Next})
	p.refused("the cursor of another log", err, refgrow.ErrInvalid, "cursor")
	p.verify()
}

// One delivery is sent once more, as the same message.
func TestReplayOfADelivery(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	hook, twin := p.endpoint(refgrow.CreateWebhookParams{}), p.endpoint(refgrow.CreateWebhookParams{})
	p.signup()
	first := p.deliveries(hook)
	p.clock.Advance(time.Hour)
	// Also one that the endpoint wants no more.
	_, err := p.shop.UpdateWebhook(ctx, hook.ID, refgrow.UpdateWebhookParams{Events: &[]refgrow.Event{refgrow.EventReferralCanceled}})
	p.ok(err)
	made, err := p.shop.ReplayDelivery(ctx, hook.ID, first[1].DeliveryID)
	p.ok(err)
	if made.ID == first[1].DeliveryID || made.Event != first[1].Event || made.Status != refgrow.DeliveryPending || !made.NextAttemptAt.Equal(p.clock.Now()) {
		t.Errorf("the replay is %+v", made)
	}
	again := p.deliveries(hook)
	if len(again) != 1 || again[0].DeliveryID != made.ID || again[0].MessageID != first[1].MessageID || string(again[0].Body) != string(first[1].Body) || again[0].Number != 1 {
		t.Errorf("replayed was %+v", again)
	}
	p.spread()
	_, err = p.shop.ReplayDelivery(ctx, twin.ID, made.ID)
	p.refused("a delivery of another endpoint", err, refgrow.ErrNotFound, "")
	p.clock.Advance(time.Hour)
	if _, err := p.engine.PruneEvents(ctx, p.clock.Now()); err != nil {
		t.Error(err)
	}
	pending := p.logOf(twin, refgrow.ListDeliveriesParams{})
	_, err = p.shop.ReplayDelivery(ctx, twin.ID, pending[0].ID)
	p.refused("an event that is not kept any more", err, refgrow.ErrNotFound, "")
	p.verify()
}

// Everything since an instant is sent once more, as far as it is wanted.
func TestReplaySince(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	hook := p.endpoint(refgrow.CreateWebhookParams{Events: []refgrow.Event{refgrow.EventReferralConverted, refgrow.EventReferralCanceled}})
	other, err := p.engine.CreateProject(ctx, "other", refgrow.Settings{})
	p.ok(err)
	_, err = other.CreateWebhook(ctx, refgrow.CreateWebhookParams{URL: "https://example.com"})
	p.ok(err)
	messages := func(taken []refgrow.Attempt) []string {
		ids := make([]string, len(taken))
		for i, a := range taken {
			ids[i] = a.MessageID
		}
		slices.Sort(ids)
		return ids
	}
	var sent []string
	start := p.clock.Now()
	for hour := range 4 {
		if hour == 2 {
			p.switchTo(hook, refgrow.WebhookInactive)
		}
		c := p.signup()
		_, err := other.RecordConversion(ctx, refgrow.RecordConversionParams{Type: refgrow.Signup})
		p.ok(err)
		if hour == 1 {
			p.ok(p.shop.DeleteConversion(ctx, c.ID))
		}
		sent = append(sent, messages(p.deliveries(hook))...)
		p.clock.Advance(time.Hour)
	}
	if len(sent) != 3 {
		t.Fatalf("sent were %q", sent)
	}
	p.switchTo(hook, refgrow.WebhookActive)
	_, err = p.shop.TestWebhook(ctx, hook.ID, refgrow.EventReferralConverted) // is not replayed
	p.ok(err)
	p.deliveries(hook)
	for _, c := range []struct {
		since time.Time
		want  int
	}{
		{time.Time{}, 5}, {start, 5}, {start.Add(1), 4}, {start.Add(time.Hour), 4}, {start.Add(time.Hour + 1), 2},
		{start.Add(3 * time.Hour), 1}, {start.Add(3*time.Hour + time.Millisecond), 0}, {p.clock.Now(), 0},
	} {
		n, err := p.shop.ReplayWebhook(ctx, hook.ID, c.since)
		p.ok(err)
		again := messages(p.deliveries(hook))
		if n != c.want || len(again) != c.want {
			t.Errorf("since %s %d deliveries were made and %d sent, but %d should be", c.since, n, len(again), c.want)
		}
		if c.want == 5 && !slices.ContainsFunc(again, func(id string) bool { return id == sent[0] }) {
			t.Errorf("sent were %q, and again %q", sent, again)
		}
	}
	// What is not spread yet is sent once.
	p.signup()
	if n, err := p.shop.ReplayWebhook(ctx, hook.ID, start); err != nil || n != 5 {
		t.Errorf("%d were replayed (%v)", n, err)
	}
	if n := len(p.deliveries(hook)); n != 6 {
		t.Errorf("%d were sent", n)
	}
	p.verify()
}

// A rerunStore runs an operation twice where it is told to, as a batch does that
// had to be rolled back.
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
	t.Parallel()
	path := filepath.Join(t.TempDir(), "refgrow.db")
	database, err := sqlite.Open(t.Context(), path, sqlite.Options{Durability: sqlite.Normal})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { database.Close() })
	store := &rerunStore{anyBackend: database.Backend()}
	p := programOn(t, store, openApp(t, path, 2), refgrow.Settings{})
	hook := p.endpoint(refgrow.CreateWebhookParams{Events: []refgrow.Event{refgrow.EventReferralConverted, refgrow.EventReferralUpdated}})
	const events = 450
	p.ok(p.shop.Atomic(t.Context(), func(shop *refgrow.Project) error {
		for range events {
			if _, err := shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{Type: refgrow.Signup}); err != nil {
				return err
			}
		}
		return nil
	}))
	store.twice = true
	p.spread()
	if n, err := p.shop.ReplayWebhook(t.Context(), hook.ID, time.Time{}); err != nil || n != 0 {
		t.Errorf("%d deliveries were made of what is on its way already (%v)", n, err)
	}
	store.twice = false
	times := make(map[string]int)
	for _, a := range p.deliveries(hook) {
		times[a.MessageID]++
	}
	store.twice = true
	if n, err := p.shop.ReplayWebhook(t.Context(), hook.ID, time.Time{}); err != nil || n != 2*events {
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
	p.ok(p.shop.DeleteWebhook(t.Context(), hook.ID))
	if n := p.count("SELECT COUNT(*) FROM refgrow_deliveries"); n != 0 {
		t.Errorf("%d deliveries are left", n)
	}
	p.verify()
}

// A test is of any event, marked, and of nobody.
func TestTestsOfWebhooks(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	hook := p.endpoint(refgrow.CreateWebhookParams{Events: []refgrow.Event{refgrow.EventReferralCanceled}})
	twin := p.endpoint(refgrow.CreateWebhookParams{})
	for _, event := range refgrow.Events() {
		made, err := p.shop.TestWebhook(ctx, hook.ID, event)
		p.ok(err)
		if made.Event != event || made.Status != refgrow.DeliveryPending || made.NextAttemptAt == nil {
			t.Errorf("the test of %s is %+v", event, made)
		}
	}
	p.verify()
	// None waits for another.
	p.spread()
	tests := p.claim(hook)
	if len(tests) != 4 {
		t.Fatalf("tests were %s", p.told(tests))
	}
	for i, a := range tests {
		m := p.message(a)
		if !m.Test || a.Event != refgrow.Events()[i] || string(m.Referrer) != "null" || string(m.Referred) != "null" || !strings.Contains(string(m.Data), `"type":"purchase"`) {
			t.Errorf("a test is %s", a.Body)
		}
		p.finish(a, refgrow.AttemptSucceeded)
	}
	again, err := p.shop.ReplayDelivery(ctx, hook.ID, tests[0].DeliveryID)
	p.ok(err)
	if sent := p.deliveries(hook); len(sent) != 1 || sent[0].DeliveryID != again.ID || sent[0].MessageID != tests[0].MessageID {
		t.Errorf("the replay of a test is %+v", sent)
	}
	if got := p.told(p.deliveries(twin)); got != "" {
		t.Errorf("the other endpoint got %s", got)
	}
	p.signup()
	for _, a := range p.deliveries(twin) {
		if p.message(a).Test {
			t.Errorf("%s is marked as a test", a.Body)
		}
	}
	p.verify()
}

// Receivers in other languages would take other bytes for what is not ASCII.
func TestSecretsAreASCII(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	_, err := p.shop.CreateWebhook(t.Context(), refgrow.CreateWebhookParams{
		URL: "https://example.com/", Secret: refgrow.Set("a secret of thirty letters, ü"),
	})
	p.refused("a secret beyond ASCII", err, refgrow.ErrInvalid, "secret")
}

// What a replay brings back goes before what happened later, unless that is under
// way.
func TestReplayKeepsTheOrder(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	hook := p.endpoint(refgrow.CreateWebhookParams{})
	claim := func() []refgrow.Attempt {
		t.Helper()
		p.spread()
		attempts, _, err := p.engine.ClaimDeliveries(t.Context(), hook.ID, 10, time.Minute)
		p.ok(err)
		return attempts
	}
	sale := p.record(refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: money.MustParse("49.00 USD")})
	p.ok(p.engine.FinishAttempt(t.Context(), claim()[0], refgrow.AttemptResult{Outcome: refgrow.AttemptGone}))
	since := p.clock.Now()
	p.clock.Advance(time.Second)
	p.switchTo(hook, refgrow.WebhookActive)
	p.update(sale, refgrow.UpdateConversionParams{Reference: refgrow.Set("later")})
	p.spread()
	if n, err := p.shop.ReplayWebhook(t.Context(), hook.ID, since); err != nil || n != 2 {
		t.Errorf("%d events are sent again (%v)", n, err)
	}
	p.verify()
	var got []refgrow.Event
	for {
		attempts := claim()
		if len(attempts) == 0 {
			break
		}
		if len(attempts) > 1 {
			t.Errorf("%d of one conversion are sent at once", len(attempts))
		}
		got = append(got, attempts[0].Event)
		p.ok(p.engine.FinishAttempt(t.Context(), attempts[0], refgrow.AttemptResult{Outcome: refgrow.AttemptSucceeded}))
		p.verify()
	}
	want := []refgrow.Event{
		refgrow.EventReferralConverted, refgrow.EventReferralUpdated, refgrow.EventReferralUpdated,
	}
	if !slices.Equal(got, want) {
		t.Errorf("what is sent is %v, but should be %v", got, want)
	}
}

// An endpoint that is made or switched on gets by itself only what happens from
// then on, whenever a worker comes to it.
func TestAnEndpointBeginsWithWhatComesNext(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	first := p.endpoint(refgrow.CreateWebhookParams{})
	p.signup()
	second := p.endpoint(refgrow.CreateWebhookParams{})
	p.switchTo(first, refgrow.WebhookInactive)
	p.signup()
	p.switchTo(first, refgrow.WebhookActive)
	p.spread()
	for hook, want := range map[*refgrow.Webhook]int64{first: 0, second: 3} {
		if n, err := p.shop.CountDeliveries(t.Context(), hook.ID, refgrow.ListDeliveriesParams{}); err != nil || n != want {
			t.Errorf("endpoint %d gets %d, but should get %d (%v)", hook.ID, n, want, err)
		}
	}
	p.verify()
}

func TestUnreachableURLs(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	for _, url := range []string{
		"https://example.com:0/", "https://example.com:65536/", "https://-/", "https://a..b/", "https://exa_mple.com/", "https://[::1/",
	} {
		_, err := p.shop.CreateWebhook(t.Context(), refgrow.CreateWebhookParams{URL: url})
		p.refused(url, err, refgrow.ErrInvalid, "url")
	}
	for i := range refgrow.MaxWebhooks + 1 {
		_, err := p.shop.CreateWebhook(t.Context(), refgrow.CreateWebhookParams{URL: "https://[2606:4700::1111]:8443/"})
		if i == refgrow.MaxWebhooks {
			p.refused("one endpoint too many", err, refgrow.ErrConflict, "url")
			break
		}
		p.ok(err)
	}
}

// A try that nobody finished, because its worker died, is none of the schedule's.
func TestTriesOfDeadWorkersDoNotCount(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	hook := p.endpoint(refgrow.CreateWebhookParams{Events: []refgrow.Event{refgrow.EventReferralConverted}})
	p.signup()
	p.spread()
	for i := range 12 {
		attempts, _, err := p.engine.ClaimDeliveries(t.Context(), hook.ID, 1, time.Minute)
		p.ok(err)
		if len(attempts) != 1 || attempts[0].Failures != 0 || attempts[0].Number != int64(i+1) {
			t.Fatalf("try %d is %+v", i+1, attempts)
		}
		p.clock.Advance(time.Minute)
	}
	attempts, _, err := p.engine.ClaimDeliveries(t.Context(), hook.ID, 1, time.Minute)
	p.ok(err)
	p.ok(p.engine.FinishAttempt(t.Context(), attempts[0], refgrow.AttemptResult{Outcome: refgrow.AttemptRetry, RetryAt: p.clock.Now()}))
	if attempts, _, err = p.engine.ClaimDeliveries(t.Context(), hook.ID, 1, time.Minute); err != nil || attempts[0].Failures != 1 {
		t.Errorf("after a failure the try is %+v (%v)", attempts, err)
	}
}
