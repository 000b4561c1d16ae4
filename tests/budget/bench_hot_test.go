package budget_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A hotShop is a program on a file of its own with 100 affiliates.
func hotShop(b *testing.B) (*refgrow.Engine, *refgrow.Project, *refgrowtest.Clock) {
	b.Helper()
	ctx := b.Context()
	database, err := sqlite.Open(ctx, filepath.Join(b.TempDir(), "refgrow.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { database.Close() })
	engine, clock := refgrowtest.On(b, database)
	shop, err := engine.CreateProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 30})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 100 {
		if _, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{
			Email: fmt.Sprintf("a%d@example.com", i), ReferralCode: fmt.Sprintf("CODE%d", i),
		}); err != nil {
			b.Fatal(err)
		}
	}
	return engine, shop, clock
}

// BenchmarkRecordConversion is one purchase of a known customer, looked up,
// attributed, priced and posted; many share one commit, which therefore hardly counts.
func BenchmarkRecordConversion(b *testing.B) {
	_, shop, _ := hotShop(b)
	ctx := b.Context()
	b.ReportAllocs()
	err := shop.Atomic(ctx, func(shop *refgrow.Project) error {
		for i := 0; b.Loop(); i++ {
			if _, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
				Type: refgrow.Purchase, ReferralCode: fmt.Sprintf("CODE%d", i%100),
				Customer:  refgrow.Customer{Email: fmt.Sprintf("c%d@example.com", i%1000)},
				BaseValue: money.MustParse("49.90 USD"), Reference: fmt.Sprint("order-", i),
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkAuthenticate is a key that was used before, as on nearly every request.
func BenchmarkAuthenticate(b *testing.B) {
	engine, shop, _ := hotShop(b)
	ctx := b.Context()
	token, _, err := engine.CreateKey(ctx, shop, refgrow.CreateKeyParams{Name: "app"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := engine.Authenticate(ctx, token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkListAffiliates is a page of 20 with every statistic.
func BenchmarkListAffiliates(b *testing.B) {
	_, shop, _ := hotShop(b)
	ctx := b.Context()
	for i := range 1000 {
		if _, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, ReferralCode: fmt.Sprintf("CODE%d", i%100), BaseValue: money.MustParse("49.90 USD"),
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		page, err := shop.ListAffiliates(ctx, refgrow.ListAffiliatesParams{Limit: 20})
		if err != nil || len(page.Items) != 20 {
			b.Fatal(len(page.Items), err)
		}
	}
}

// BenchmarkEarnings is one affiliate's money, now.
func BenchmarkEarnings(b *testing.B) {
	_, shop, clock := hotShop(b)
	ctx := b.Context()
	for range 1000 {
		clock.Advance(time.Second)
		if _, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: 1, BaseValue: money.MustParse("49.90 USD"),
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := shop.Earnings(ctx, 1); err != nil {
			b.Fatal(err)
		}
	}
}
