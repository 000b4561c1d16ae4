package refgrow_test

import (
	"bytes"
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
	"github.com/refgrow-go/refgrow/sqlite"
)

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

// A secret that signs nothing any more is forgotten with the next pruning, and none
// before.
func TestFormerSecretsAreForgotten(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	rotate := func(params refgrow.CreateWebhookParams) *refgrow.Webhook {
		t.Helper()
		hook, err := p.shop.RotateWebhook(ctx, p.endpoint(params).ID)
		p.ok(err)
		return hook
	}
	// kept prunes, and checks which endpoints have a former secret then.
	kept := func(what string, want ...*refgrow.Webhook) {
		t.Helper()
		_, err := p.engine.PruneEvents(ctx, p.clock.Now().Add(-30*24*time.Hour))
		p.ok(err)
		if n := p.count("SELECT COUNT(*) FROM refgrow_webhooks WHERE former_secret IS NOT NULL"); n != len(want) {
			t.Errorf("%s %d former secrets are kept, but %d should be", what, n, len(want))
		}
		for _, hook := range want {
			if p.count("SELECT COUNT(*) FROM refgrow_webhooks WHERE id = ? AND former_secret = ?", hook.ID, []byte("\x00"+ownSecret)) != 1 {
				t.Errorf("%s endpoint %d has lost its former secret", what, hook.ID)
			}
		}
		p.verify()
	}
	own := refgrow.CreateWebhookParams{Secret: refgrow.Set(ownSecret)}
	early := rotate(own)
	off := rotate(own)
	p.switchTo(off, refgrow.WebhookInactive)
	p.clock.Advance(time.Hour)
	late := rotate(own)
	kept("at once", early, off, late)
	p.clock.Advance(23*time.Hour - time.Millisecond)
	kept("just before a day has passed", early, off, late)
	p.clock.Advance(time.Millisecond)
	kept("after a day", late)
	p.signup()
	p.spread()
	for hook, want := range map[*refgrow.Webhook][]string{early: {early.Secret}, late: {late.Secret, ownSecret}} {
		if a := p.claim(hook)[0]; !slices.Equal(a.Secrets, want) {
			t.Errorf("the secrets of endpoint %d are %q, but should be %q", hook.ID, a.Secrets, want)
		}
	}
	p.clock.Advance(time.Hour)
	kept("an hour later")
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

// Receivers in other languages would take other bytes for what is not ASCII.
func TestSecretsAreASCII(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	_, err := p.shop.CreateWebhook(t.Context(), refgrow.CreateWebhookParams{
		URL: "https://example.com/", Secret: refgrow.Set("a secret of thirty letters, ü"),
	})
	p.refused("a secret beyond ASCII", err, refgrow.ErrInvalid, "secret")
}
