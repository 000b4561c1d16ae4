package budget_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/webhook"
)

// How long a program's sales wait while another one, with 700,000 events, erases and
// deletes an affiliate with 800,000 conversions, merges and deletes customers with
// 100,000, and while a replay of 100,000 events is begun and sent. Nothing should hold the
// writer for more than a quarter of a second, and what happens during the replay should
// arrive within three seconds.
//
//	go test ./tests/budget -run '^$' -bench BesideLongWork -benchtime 1x -timeout 60m
func BenchmarkBesideLongWork(b *testing.B) {
	ctx := b.Context()
	h := longWork(b)
	h.fill(0, 100_000, h.first.Email)
	h.fill(100_000, 200_000, h.second.Email)
	h.fill(200_000, 800_000, "")

	h.beside("replay beside 700,000 foreign events", func() error {
		n, err := h.own.Webhooks().Replay(ctx, h.ownHook.ID, h.began)
		if err == nil && n != 0 {
			err = fmt.Errorf("%d are sent again", n)
		}
		return err
	})
	b.Run("replay of 100,000", func(b *testing.B) {
		for b.Loop() {
			h.replay(b)
		}
	})
	h.beside("merge of 100,000", func() error {
		_, err := h.large.MergeReferrals(ctx, h.first.ID, h.second.ID)
		return err
	})
	h.beside("erasing a customer of 200,000", func() error {
		_, err := h.large.EraseReferral(ctx, h.first.ID)
		return err
	})
	h.beside("deleting a customer of 200,000", func() error { return h.large.DeleteReferral(ctx, h.first.ID) })
	h.beside("erasing an affiliate of 800,000", func() error {
		_, err := h.large.EraseAffiliate(ctx, h.affiliate)
		return err
	})
	h.beside("deleting an affiliate of 800,000", func() error { return h.large.DeleteAffiliate(ctx, h.affiliate) })
}

// longHouse is one file with a program that has very much, and one that has nothing.
type longHouse struct {
	*testing.B
	engine        *refgrow.Engine
	large, own    *refgrow.Project
	largeHook     *refgrow.Webhook
	ownHook       *refgrow.Webhook
	first, second *refgrow.Referral
	affiliate     int64
	seller        int64 // of the program that has nothing
	began         time.Time
	arrived       chan string
}

func longWork(b *testing.B) *longHouse {
	b.Helper()
	ctx := b.Context()
	h := &longHouse{B: b, began: time.Now().Add(-time.Hour), arrived: make(chan string, 1000)}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil && strings.Contains(string(body), "live-") {
			h.arrived <- string(body)
		}
	}))
	b.Cleanup(receiver.Close)
	db, err := sqlite.Open(ctx, filepath.Join(b.TempDir(), "refgrow.db"), sqlite.Options{})
	h.must(err)
	b.Cleanup(func() { db.Close() })
	h.engine, err = refgrow.New(ctx, db, refgrow.Config{Logger: slog.New(slog.DiscardHandler)})
	h.must(err)
	settings := refgrow.Settings{Commission: refgrow.Percent("10")}
	h.large, err = h.engine.CreateProject(ctx, "large", settings)
	h.must(err)
	h.own, err = h.engine.CreateProject(ctx, "own", settings)
	h.must(err)
	a, err := h.large.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com"})
	h.must(err)
	h.affiliate = a.ID
	seller, err := h.own.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "joe@example.com"})
	h.must(err)
	h.seller = seller.ID
	h.first, err = h.large.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "carl@example.com", AffiliateID: a.ID})
	h.must(err)
	h.second, err = h.large.CreateReferral(ctx, refgrow.CreateReferralParams{Email: "dora@example.com", AffiliateID: a.ID})
	h.must(err)
	// There is an event for each sale.
	h.largeHook, err = h.large.Webhooks().Create(ctx, refgrow.CreateWebhookParams{
		URL: receiver.URL, Events: []refgrow.Event{refgrow.EventReferralConverted},
	})
	h.must(err)
	h.ownHook, err = h.own.Webhooks().Create(ctx, refgrow.CreateWebhookParams{
		URL: receiver.URL, Events: []refgrow.Event{refgrow.EventReferralCanceled},
	})
	h.must(err)
	return h
}

func (h *longHouse) must(err error) {
	if err != nil {
		h.Helper()
		h.Fatal(err)
	}
}

// fill records sales of the large program's affiliate, a thousand at a time.
func (h *longHouse) fill(from, to int, email string) {
	h.Helper()
	for ; from < to; from += 1000 {
		h.must(h.large.Atomic(h.Context(), func(shop *refgrow.Project) error {
			for i := from; i < from+1000; i++ {
				_, err := shop.RecordConversion(h.Context(), refgrow.RecordConversionParams{
					Type: refgrow.Purchase, AffiliateID: h.affiliate, BaseValue: money.MustParse("50.00 USD"),
					Reference: fmt.Sprint("in_", i), Customer: refgrow.Customer{Email: email}, Product: "pro",
					URL: "https://shop.example/buy?email=jane@example.com",
				})
				if err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// beside measures a program's sales while another one does something.
func (h *longHouse) beside(what string, do func() error) {
	h.Run(what, func(b *testing.B) {
		for b.Loop() {
			began := time.Now()
			slowest, calls := sellBeside(b, h.own, h.seller, func() {
				if err := do(); err != nil {
					b.Error(err)
				}
			})
			b.ReportMetric(time.Since(began).Seconds(), "s")
			b.ReportMetric(float64(slowest.Milliseconds()), "slowest-ms")
			b.ReportMetric(float64(calls), "calls")
		}
	})
}

// replay sends 100,000 events of the large program again, while sales happen there, whose
// events are awaited.
func (h *longHouse) replay(b *testing.B) {
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	// What was never sent waits no longer: the endpoint begins now.
	inactive, active := refgrow.WebhookInactive, refgrow.WebhookActive
	_, err := h.large.Webhooks().Update(ctx, h.largeHook.ID, refgrow.UpdateWebhookParams{Status: &inactive})
	h.must(err)
	_, err = h.large.Webhooks().Update(ctx, h.largeHook.ID, refgrow.UpdateWebhookParams{Status: &active})
	h.must(err)
	ended := make(chan error, 1)
	go func() {
		ended <- webhook.NewWorker(h.engine, webhook.Options{
			AllowPrivate: true, Logger: slog.New(slog.DiscardHandler),
		}).Run(ctx)
	}()
	live := func(i int) time.Duration {
		before := time.Now()
		_, err := h.large.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: h.affiliate, BaseValue: money.MustParse("50.00 USD"),
			Reference: fmt.Sprint("live-", i),
		})
		h.must(err)
		<-h.arrived
		return time.Since(before)
	}
	live(0) // by then the worker, which a server runs all the time, has caught up with the rest
	var since time.Time
	page, err := h.large.ListConversions(ctx, refgrow.ListConversionsParams{Limit: 1, Offset: 100_000})
	h.must(err)
	since = page.Items[0].CreatedAt
	slowest, calls := sellBeside(b, h.own, h.seller, func() {
		n, err := h.large.Webhooks().Replay(ctx, h.largeHook.ID, since)
		if err != nil || n < 100_000 {
			b.Errorf("%d are sent again (%v)", n, err)
		}
	})
	b.ReportMetric(float64(slowest.Milliseconds()), "slowest-ms")
	b.ReportMetric(float64(calls), "calls")
	var late time.Duration
	for i := range 20 {
		late = max(late, live(i+1))
	}
	b.ReportMetric(float64(late.Milliseconds()), "live-ms")
	stop()
	h.must(<-ended)
}

// sellBeside records sales until do is done, and returns how long the slowest took.
func sellBeside(
	b *testing.B, shop *refgrow.Project, affiliate int64, do func(),
) (slowest time.Duration, calls int) {
	b.Helper()
	over := make(chan struct{})
	go func() {
		defer close(over)
		do()
	}()
	for {
		began := time.Now()
		if _, err := shop.RecordConversion(b.Context(), refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: affiliate, BaseValue: money.MustParse("50.00 USD"),
		}); err != nil {
			b.Fatal(err)
		}
		slowest, calls = max(slowest, time.Since(began)), calls+1
		select {
		case <-over:
			return slowest, calls
		default:
		}
	}
}
