package interop

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/webhook"
)

// A signed is a delivery as a receiver gets it, and what to think of it.
type signed struct {
	name    string
	secret  string
	header  http.Header
	body    []byte
	genuine bool
}

// A sender is an engine on real time with one project and a worker.
type sender struct {
	t       *testing.T
	shop    *refgrow.Project
	jane    *refgrow.Affiliate
	arrived chan signed
	url     string
	// customers counts those who have signed up.
	customers int
}

func newSender(t *testing.T) *sender {
	t.Helper()
	ctx := t.Context()
	engine := openEngine(t, filepath.Join(t.TempDir(), "refgrow.db"),
		refgrow.Config{SecretKey: bytes.Repeat([]byte("k"), 32)})
	p := &sender{t: t, arrived: make(chan signed, 100)}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading a delivery: %v", err)
		}
		p.arrived <- signed{header: r.Header.Clone(), body: body, genuine: true}
	}))
	t.Cleanup(receiver.Close)
	p.url = receiver.URL
	var err error
	p.shop, err = engine.CreateProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		t.Fatal(err)
	}
	if p.jane, err = p.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com"}); err != nil {
		t.Fatal(err)
	}
	runWorker(t, engine, webhook.Options{AllowPrivate: true})
	return p
}

// openEngine opens a file until the end of the test.
func openEngine(t *testing.T, file string, config refgrow.Config) *refgrow.Engine {
	t.Helper()
	database, err := sqlite.Open(t.Context(), file, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := database.Close(); err != nil {
			t.Error(err)
		}
	})
	config.Logger = slog.New(slog.DiscardHandler)
	engine, err := refgrow.New(t.Context(), database, config)
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// runWorker runs a worker until the end of the test.
func runWorker(t *testing.T, engine *refgrow.Engine, options webhook.Options) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- webhook.NewWorker(engine, options).Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// everyEvent makes changes that lead to all four events.
func (p *sender) everyEvent() {
	p.t.Helper()
	ctx := p.t.Context()
	p.customers++ // each signs up once
	if _, err := p.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Signup, AffiliateID: p.jane.ID,
		Customer: refgrow.Customer{Email: fmt.Sprintf("carl%d@example.com", p.customers)},
	}); err != nil {
		p.t.Fatal(err)
	}
	sale, err := p.shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: p.jane.ID, BaseValue: money.MustParse("49.00 USD"),
		Product: `crème "brûlée" <b>&amp;</b> \ 日本 😀` + "\u2028",
	})
	if err != nil {
		p.t.Fatal(err)
	}
	_, err = p.shop.RefundConversion(ctx, sale.ID, refgrow.RefundConversionParams{Amount: money.MustParse("1.00 USD")})
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.shop.DeleteConversion(ctx, sale.ID); err != nil {
		p.t.Fatal(err)
	}
}

// await returns the deliveries of everyEvent.
func (p *sender) await(name, secret string) []signed {
	p.t.Helper()
	const all = 3 + 2 + 1 + 1
	events := make(map[string]int)
	deliveries := make([]signed, all)
	for i := range deliveries {
		select {
		case deliveries[i] = <-p.arrived:
		case <-time.After(20 * time.Second):
			p.t.Fatalf("%s: %d of %d deliveries have arrived", name, i, all)
		}
		event := deliveries[i].header.Get(webhook.EventHeader)
		events[event]++
		deliveries[i].name, deliveries[i].secret = name+", "+event, secret
	}
	want := map[string]int{"referral_signed_up": 1, "referral_converted": 2,
		"referral_updated": 3, "referral_canceled": 1}
	if !maps.Equal(events, want) {
		p.t.Errorf("%s: %v, not %v", name, events, want)
	}
	return deliveries
}

// deliveries are those of a real worker with all kinds of secrets.
func deliveries(t *testing.T) []signed {
	t.Helper()
	p := newSender(t)
	var all []signed
	for _, endpoint := range []struct {
		name   string
		secret refgrow.Null[string]
	}{
		{name: "a generated secret"},
		{"an own secret of 24 bytes", refgrow.Set("correct horse battery st")},
		{"an own secret of 75 bytes", refgrow.Set(strings.Repeat("abc+/=!?~ 'quoted' ", 4)[:75])},
		{"an own secret of Standard Webhooks", refgrow.Set("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")},
	} {
		created, err := p.shop.Webhooks().Create(t.Context(),
			refgrow.CreateWebhookParams{URL: p.url, Secret: endpoint.secret})
		if err != nil {
			t.Fatal(err)
		}
		p.everyEvent()
		all = append(all, p.await(endpoint.name, created.Secret)...)

		rotated, err := p.shop.Webhooks().Rotate(t.Context(), created.ID, refgrow.RotateWebhookParams{})
		if err != nil {
			t.Fatal(err)
		}
		p.everyEvent()
		for _, delivery := range p.await(endpoint.name+" in rotation", rotated.Secret) {
			former := delivery
			former.name, former.secret = delivery.name+", former secret", created.Secret
			all = append(all, delivery, former)
		}
		if err := p.shop.Webhooks().Delete(t.Context(), created.ID); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// spoiled are deliveries that must be refused.
func spoiled(genuine signed) []signed {
	spoil := func(how string, change func(*signed)) signed {
		s := genuine
		s.name, s.header, s.body, s.genuine = s.name+", "+how, s.header.Clone(), slices.Clone(s.body), false
		change(&s)
		return s
	}
	at := func(s *signed, age time.Duration) {
		webhook.Sign(s.header, s.header.Get(webhook.IDHeader), time.Now().Add(-age), s.body, s.secret)
	}
	return []signed{
		spoil("a changed byte", func(s *signed) { s.body[len(s.body)/2] ^= 1 }),
		spoil("a byte more", func(s *signed) { s.body = append(s.body, ' ') }),
		spoil("another id", func(s *signed) { s.header.Set(webhook.IDHeader, "evt_1") }),
		spoil("signed long ago", func(s *signed) { at(s, time.Hour) }),
		spoil("signed in the future", func(s *signed) { at(s, -time.Hour) }),
		spoil("another time", func(s *signed) {
			seconds, _ := strconv.ParseInt(s.header.Get(webhook.TimestampHeader), 10, 64)
			s.header.Set(webhook.TimestampHeader, strconv.FormatInt(seconds-1, 10))
		}),
		spoil("another secret", func(s *signed) { s.secret = "whsec_" + strings.Repeat("QUJD", 8) }),
		spoil("no signature", func(s *signed) { s.header.Del(webhook.StandardSignatureHeader) }),
	}
}

// The libraries that receivers use accept every delivery, and refuse what is not
// genuine.
func TestSignatures(t *testing.T) {
	t.Parallel()
	var all []signed
	for i, delivery := range deliveries(t) {
		all = append(all, delivery)
		if i%5 == 0 {
			all = append(all, spoiled(delivery)...)
		}
	}
	t.Run("webhook.Verify", func(t *testing.T) {
		t.Parallel()
		for _, s := range all {
			judged(t, s, webhook.Verify(s.body, s.header, s.secret))
		}
	})
	t.Run("standard-webhooks for Go", func(t *testing.T) {
		t.Parallel()
		for _, s := range all {
			judged(t, s, library(t, s.secret).Verify(s.body, s.header))
		}
	})
	t.Run("standardwebhooks and svix for Node", func(t *testing.T) {
		t.Parallel()
		for i, verdict := range askNode(t, all) {
			for name, text := range verdict {
				var err error
				if text != "" {
					err = fmt.Errorf("%s: %s", name, text)
				}
				judged(t, all[i], err)
			}
		}
	})
}

func judged(t *testing.T, s signed, err error) {
	t.Helper()
	if s.genuine && err != nil {
		t.Errorf("%s: refused: %v", s.name, err)
	}
	if !s.genuine && err == nil {
		t.Errorf("%s: accepted", s.name)
	}
}

// library is a receiver of standard-webhooks for Go.
func library(t *testing.T, secret string) *standardwebhooks.Webhook {
	t.Helper()
	receive := standardwebhooks.NewWebhook
	if !strings.HasPrefix(secret, "whsec_") {
		receive = func(secret string) (*standardwebhooks.Webhook, error) {
			return standardwebhooks.NewWebhookRaw([]byte(secret))
		}
	}
	receiver, err := receive(secret)
	if err != nil {
		t.Fatal(err)
	}
	return receiver
}

// webhook.Verify accepts what others sign by the same standard.
func TestVerifyTakesTheirSignatures(t *testing.T) {
	t.Parallel()
	body := []byte(`{"type":"user.created"}`)
	for _, secret := range []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "correct horse battery st"} {
		now := time.Now()
		signature, err := library(t, secret).Sign("msg_1", now, body)
		if err != nil {
			t.Fatal(err)
		}
		header := make(http.Header)
		header.Set("webhook-id", "msg_1")
		header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
		header.Set("webhook-signature", "v1a,b3RoZXI= "+signature)
		if err := webhook.Verify(body, header, secret); err != nil {
			t.Errorf("%s: %v", secret, err)
		}
		if err := webhook.Verify(body[1:], header, secret); err == nil {
			t.Errorf("%s: it accepts another body", secret)
		}
	}
}
