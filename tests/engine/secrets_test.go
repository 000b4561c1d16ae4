package engine_test

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
	"github.com/refgrow-go/refgrow/internal/shoptest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A secret is shown when it is made, and signs together with the one before for a day.
func TestWebhookSecrets(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	rotate := func(hook *refgrow.Webhook) string {
		t.Helper()
		rotated, err := p.Shop.Webhooks().Rotate(ctx, hook.ID, refgrow.RotateWebhookParams{})
		p.OK(err)
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
	hook := p.Endpoint(refgrow.CreateWebhookParams{})
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
	p.Clock.Advance(24*time.Hour - time.Millisecond)
	signs(hook, second, hook.Secret)
	p.Clock.Advance(time.Millisecond)
	signs(hook, second)
	third := rotate(hook)
	fourth := rotate(hook)
	signs(hook, fourth, third)
	for _, hours := range []int{0, 72} {
		rotated, err := p.Shop.Webhooks().Rotate(ctx, hook.ID, refgrow.RotateWebhookParams{OverlapHours: &hours})
		p.OK(err)
		if hours == 0 {
			signs(hook, rotated.Secret)
			if rotated.FormerSecretUntil != nil {
				t.Errorf("until %s", rotated.FormerSecretUntil)
			}
			continue
		}
		if until := rotated.FormerSecretUntil; until == nil || !until.Equal(p.Clock.Now().Add(72*time.Hour)) {
			t.Errorf("until %s", until)
		}
	}
	for _, hours := range []int{-1, 73} {
		_, err := p.Shop.Webhooks().Rotate(ctx, hook.ID, refgrow.RotateWebhookParams{OverlapHours: &hours})
		p.Refused("an overlap", err, refgrow.ErrInvalid, "overlap_hours")
	}

	chosen := p.Endpoint(refgrow.CreateWebhookParams{Secret: refgrow.Set(ownSecret)})
	if chosen.Secret != ownSecret {
		t.Errorf("the secret is %q", chosen.Secret)
	}
	signs(chosen, ownSecret)
	unsigned := p.Endpoint(refgrow.CreateWebhookParams{Secret: refgrow.Clear[string]()})
	if unsigned.Signed || unsigned.Secret != "" {
		t.Errorf("the unsigned endpoint is %+v", unsigned)
	}
	signs(unsigned)
	signs(unsigned, rotate(unsigned)) // nothing signed before
	for _, size := range []int{refgrow.MinSecret, refgrow.MaxSecret} {
		p.Endpoint(refgrow.CreateWebhookParams{Secret: refgrow.Set(strings.Repeat("s", size))})
	}
	p.Verify()
}

// A secret that no longer signs anything is forgotten with the next pruning, and none
// before.
func TestFormerSecretsAreForgotten(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	ctx := t.Context()
	rotate := func(params refgrow.CreateWebhookParams) *refgrow.Webhook {
		t.Helper()
		hook, err := p.Shop.Webhooks().Rotate(ctx, p.Endpoint(params).ID, refgrow.RotateWebhookParams{})
		p.OK(err)
		return hook
	}
	// kept prunes, and checks which endpoints have a former secret then.
	kept := func(what string, want ...*refgrow.Webhook) {
		t.Helper()
		_, err := p.Engine.Outbox().Prune(ctx, p.Clock.Now().Add(-30*24*time.Hour))
		p.OK(err)
		if n := p.Count("SELECT COUNT(*) FROM refgrow_webhooks WHERE former_secret IS NOT NULL"); n != len(want) {
			t.Errorf("%s %d former secrets are kept, but %d should be", what, n, len(want))
		}
		for _, hook := range want {
			if p.Count("SELECT COUNT(*) FROM refgrow_webhooks WHERE id = ? AND former_secret = ?",
				hook.ID, []byte("\x00"+ownSecret)) != 1 {
				t.Errorf("%s endpoint %d has lost its former secret", what, hook.ID)
			}
		}
		p.Verify()
	}
	own := refgrow.CreateWebhookParams{Secret: refgrow.Set(ownSecret)}
	early := rotate(own)
	off := rotate(own)
	p.switchTo(off, refgrow.WebhookInactive)
	p.Clock.Advance(time.Hour)
	late := rotate(own)
	kept("at once", early, off, late)
	p.Clock.Advance(23*time.Hour - time.Millisecond)
	kept("just before a day has passed", early, off, late)
	p.Clock.Advance(time.Millisecond)
	kept("after a day", late)
	p.signup()
	p.Spread()
	for hook, want := range map[*refgrow.Webhook][]string{early: {early.Secret}, late: {late.Secret, ownSecret}} {
		if a := p.Claim(hook)[0]; !slices.Equal(a.Secrets, want) {
			t.Errorf("the secrets of endpoint %d are %q, but should be %q", hook.ID, a.Secrets, want)
		}
	}
	p.Clock.Advance(time.Hour)
	kept("an hour later")
}

// With a key the file does not contain the secrets, and nobody without the key can
// sign.
func TestWebhookSecretsAreSealed(t *testing.T) {
	t.Parallel()
	shoptest.Single(t)
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
		p := &program{&shoptest.Program{T: t, App: shoptest.OpenApp(t, path, 2)}}
		p.Engine, err = refgrow.New(ctx, database, refgrow.Config{SecretKey: key, Logger: slog.New(slog.DiscardHandler)})
		p.OK(err)
		p.Shop, err = p.Engine.EnsureProject(ctx, "shop", refgrow.Settings{})
		p.OK(err)
		work(p)
		p.Verify()
		p.OK(p.App.Close())
		p.OK(p.Engine.Close(ctx))
	}
	secrets := func(p *program, hook int64) ([]string, error) {
		p.Helper()
		_, err := p.Shop.Webhooks().Test(ctx, hook, refgrow.EventReferralUpdated)
		p.OK(err)
		attempts, _, err := p.Engine.Outbox().Claim(ctx, hook, 1, time.Minute)
		if err != nil {
			return nil, err
		}
		return attempts[0].Secrets, nil
	}
	key, wrong := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)
	const plain, sealed, foreign = 1, 2, 3 // ids of endpoints
	with(nil, func(p *program) {
		p.Endpoint(refgrow.CreateWebhookParams{Secret: refgrow.Set(ownSecret)})
	})
	rotated := ""
	with(key, func(p *program) {
		p.Endpoint(refgrow.CreateWebhookParams{Secret: refgrow.Set("that nobody finds in a file")})
		got, err := secrets(p, plain)
		if err != nil || !slices.Equal(got, []string{ownSecret}) {
			t.Errorf("a secret from before the key is %q (%v)", got, err)
		}
		got, err = secrets(p, sealed)
		if err != nil || !slices.Equal(got, []string{"that nobody finds in a file"}) {
			t.Errorf("a sealed secret is %q (%v)", got, err)
		}
		hook, err := p.Shop.Webhooks().Rotate(ctx, plain, refgrow.RotateWebhookParams{})
		p.OK(err)
		rotated = hook.Secret
		got, err = secrets(p, plain)
		if err != nil || !slices.Equal(got, []string{rotated, ownSecret}) {
			t.Errorf("rotated secrets are %q (%v)", got, err)
		}
		if n := p.Count(`SELECT COUNT(*) FROM refgrow_webhooks
			WHERE hex(substr(secret, 1, 1)) <> '01' OR hex(substr(COALESCE(former_secret, secret), 1, 1)) <> '01'`); n != 0 {
			t.Errorf("%d endpoints have secrets that are not sealed after a rotation", n)
		}
		// What was sealed for one project opens for no other.
		other, err := p.Engine.CreateProject(ctx, "other", refgrow.Settings{})
		p.OK(err)
		_, err = other.Webhooks().Create(ctx, refgrow.CreateWebhookParams{URL: "https://example.com"})
		p.OK(err)
		p.Exec("UPDATE refgrow_webhooks SET secret = (SELECT secret FROM refgrow_webhooks WHERE id = 2) WHERE id = 3")
		_, err = other.Webhooks().Test(ctx, foreign, refgrow.EventReferralUpdated)
		p.OK(err)
		if _, _, err := p.Engine.Outbox().Claim(ctx, foreign, 1, time.Minute); !errors.Is(err, refgrow.ErrSecretKey) {
			t.Errorf("another project's secret returned %v", err)
		}
	})
	for _, file := range []string{path, path + "-wal"} {
		text, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("that nobody finds")) ||
			bytes.Contains(text, []byte(strings.TrimPrefix(rotated, "whsec_"))) {
			t.Errorf("%s contains a secret", filepath.Base(file))
		}
	}
	for _, k := range [][]byte{nil, wrong} {
		with(k, func(p *program) {
			if got, err := secrets(p, sealed); !errors.Is(err, refgrow.ErrSecretKey) {
				t.Errorf("with the key %x the secrets are %q (%v)", k, got, err)
			}
			// An endpoint can be rescued from a lost key, but only by another key.
			hook, err := p.Shop.Webhooks().Rotate(ctx, sealed, refgrow.RotateWebhookParams{})
			if k == nil {
				p.Refused("rotating without a key", err, refgrow.ErrConflict, "secret")
				return
			}
			p.OK(err)
			if got, err := secrets(p, sealed); err != nil || !slices.Equal(got, []string{hook.Secret}) {
				t.Errorf("with the key %x the secrets are %q (%v) after a rotation", k, got, err)
			}
		})
	}
	if _, err := refgrow.New(ctx, nil, refgrow.Config{SecretKey: []byte("short")}); !errors.Is(err, refgrow.ErrInvalid) {
		t.Errorf("a short key returned %v", err)
	}
}

// For what is not ASCII, receivers in other languages would use other bytes.
func TestSecretsAreASCII(t *testing.T) {
	t.Parallel()
	p := inOwnFile(t, refgrow.Settings{})
	_, err := p.Shop.Webhooks().Create(t.Context(), refgrow.CreateWebhookParams{
		URL: "https://example.com/", Secret: refgrow.Set("a secret of thirty letters, ü"),
	})
	p.Refused("a secret beyond ASCII", err, refgrow.ErrInvalid, "secret")
}
