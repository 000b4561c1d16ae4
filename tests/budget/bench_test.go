package budget_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A sellingShop is a program with 5,000 purchases, to which more are added.
type sellingShop struct {
	engine *refgrow.Engine
	shop   *refgrow.Project
	sold   int64
	took   []time.Duration // for each round
}

// BenchmarkRecordConversionWithEndpoints records purchases from many goroutines at once
// in programs that take turns, because the machine is not always equally fast: one
// without an endpoint for events, one with an endpoint for which nothing waits, and one
// with an endpoint for which 10,000 deliveries do. It reports the rate of each of the
// last two as a fraction of that of the one before it.
func BenchmarkRecordConversionWithEndpoints(b *testing.B) {
	shops := []*sellingShop{newSellingShop(b, false, 0), newSellingShop(b, true, 0), newSellingShop(b, true, 10_000)}
	round := 0
	for b.Loop() {
		for i := range shops {
			shops[(round+i)%len(shops)].sell(b)
		}
		round++
	}
	// The median of the rounds' ratios: a round that something else disturbed says
	// nothing.
	ratio := func(s, than *sellingShop) float64 {
		ratios := make([]float64, len(s.took))
		for i := range ratios {
			ratios[i] = than.took[i].Seconds() / s.took[i].Seconds()
		}
		slices.Sort(ratios)
		return ratios[len(ratios)/2]
	}
	b.ReportMetric(ratio(shops[1], shops[0]), "endpoint/none")
	b.ReportMetric(ratio(shops[2], shops[1]), "10000-waiting/0-waiting")
}

func newSellingShop(b *testing.B, endpoint bool, waiting int64) *sellingShop {
	b.Helper()
	ctx := b.Context()
	ok := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	database, err := sqlite.Open(ctx, filepath.Join(b.TempDir(), "refgrow.db"), sqlite.Options{})
	ok(err)
	b.Cleanup(func() { database.Close() })
	s := new(sellingShop)
	s.engine, _ = refgrowtest.On(b, database)
	s.shop, err = s.engine.CreateProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	ok(err)
	for i := range 100 {
		_, err := s.shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: fmt.Sprintf("a%d@example.com", i)})
		ok(err)
	}
	hook := new(refgrow.Webhook)
	if endpoint {
		hook, err = s.shop.Webhooks().Create(ctx, refgrow.CreateWebhookParams{URL: "https://example.com"})
		ok(err)
	}
	ok(s.shop.Atomic(ctx, func(shop *refgrow.Project) error {
		for range 5000 {
			s.sold++
			if err := s.record(b, shop, s.sold); err != nil {
				return err
			}
		}
		return nil
	}))
	for more := true; more; {
		more, err = s.engine.Outbox().Spread(ctx)
		ok(err)
	}
	if endpoint && waiting == 0 { // cancels what was made
		for _, status := range []refgrow.WebhookStatus{refgrow.WebhookInactive, refgrow.WebhookActive} {
			_, err := s.shop.Webhooks().Update(ctx, hook.ID, refgrow.UpdateWebhookParams{Status: &status})
			ok(err)
		}
	}
	n, err := s.shop.Webhooks().CountDeliveries(ctx, hook.ID,
		refgrow.ListDeliveriesParams{Status: refgrow.DeliveryPending})
	if err != nil || n != waiting {
		b.Fatalf("%d deliveries wait (%v)", n, err)
	}
	return s
}

func (s *sellingShop) record(b *testing.B, shop *refgrow.Project, number int64) error {
	_, err := shop.RecordConversion(b.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: 1 + number%100, BaseValue: money.MustParse("49.90 USD"),
		Reference: fmt.Sprint("order-", number),
	})
	return err
}

// sell is one round: 32 goroutines record 16 purchases each.
func (s *sellingShop) sell(b *testing.B) {
	b.Helper()
	const sellers, each = 32, 16
	start := time.Now()
	var wait sync.WaitGroup
	for seller := range int64(sellers) {
		wait.Go(func() {
			for n := range int64(each) {
				if err := s.record(b, s.shop, s.sold+1+seller*each+n); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wait.Wait()
	s.sold += sellers * each
	s.took = append(s.took, time.Since(start))
}
