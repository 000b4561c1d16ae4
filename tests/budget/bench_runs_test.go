package budget_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A run over 20,000 affiliates beside a writer, without a key and with one: the slowest
// call of the writer must stay below half a second.
//
//	go test ./tests/budget -run '^$' -bench RunBesideWriter -benchtime 1x
func BenchmarkRunBesideWriter(b *testing.B) {
	const affiliates = 20_000
	for _, key := range []string{"", "november"} {
		b.Run("key="+strconv.FormatBool(key != ""), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				shop := bonusShop(b, affiliates)
				b.StartTimer()
				slowest, calls := sellBeside(b, shop, 1, func() {
					params := refgrow.PayoutRunParams{Without: []int64{1}}
					if key != "" {
						params.Idempotency = refgrow.Idempotency{Key: key}
					}
					result, err := shop.PayoutRuns().Make(b.Context(), params)
					if err != nil || len(result.Payouts) != affiliates-1 {
						b.Errorf("the run made %d (%v)", len(result.Payouts), err)
					}
				})
				b.ReportMetric(float64(slowest.Milliseconds()), "slowest-ms")
				b.ReportMetric(float64(calls), "calls")
			}
		})
	}
}

// A run over 20,000 affiliates of which nobody hears, and one of which an endpoint hears.
//
//	go test ./tests/budget -run '^$' -bench RunWithEvents -benchtime 1x
func BenchmarkRunWithEvents(b *testing.B) {
	const affiliates = 20_000
	for _, heard := range []bool{false, true} {
		b.Run("heard="+strconv.FormatBool(heard), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				shop := bonusShop(b, affiliates)
				if heard {
					if _, err := shop.Webhooks().Create(b.Context(), refgrow.CreateWebhookParams{
						URL: "https://example.com", Events: []refgrow.Event{refgrow.EventPayoutUpdated},
					}); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				result, err := shop.PayoutRuns().Make(b.Context(), refgrow.PayoutRunParams{})
				if err != nil || len(result.Payouts) != affiliates {
					b.Fatalf("the run made %d (%v)", len(result.Payouts), err)
				}
			}
		})
	}
}

// bonusShop makes a program in a file of its own, with affiliates who have earned
// something. The first one is for the writer.
func bonusShop(b *testing.B, n int) *refgrow.Project {
	b.Helper()
	db, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "refgrow.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	engine, err := refgrow.New(b.Context(), db, refgrow.Config{})
	if err != nil {
		b.Fatal(err)
	}
	shop, err := engine.EnsureProject(b.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("10")})
	if err != nil {
		b.Fatal(err)
	}
	for done := 0; done < n; done += 500 {
		if err := shop.Atomic(b.Context(), func(shop *refgrow.Project) error {
			for i := done; i < done+500; i++ {
				a, err := shop.CreateAffiliate(b.Context(), refgrow.CreateAffiliateParams{
					Email: fmt.Sprintf("a%d@example.com", i), ReferralCode: fmt.Sprintf("A-%d", i),
				})
				if err != nil {
					return err
				}
				if _, err := shop.CreateAdjustment(b.Context(), refgrow.CreateAdjustmentParams{
					AffiliateID: a.ID, Amount: money.MustParse("10.00 USD"), Note: "a bonus",
				}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	return shop
}
