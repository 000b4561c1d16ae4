package budget_test

import (
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// What a payout costs does not grow with what the affiliate was paid before: payouts
// for one with a long past and for one with a short one are made in turns, in one file.
func TestPayoutCostsNothingForThePast(t *testing.T) {
	if testing.Short() {
		t.Skip("thousands of sales")
	}
	sales, most := 3000, 3.0
	if os.Getenv("REFGROW_SOAK") != "" { // 150,000 entries beside 150, as every sale has two
		sales, most = 75_000, 1.5
	}
	ctx := t.Context()
	engine, clock := refgrowtest.New(t)
	shop, err := engine.CreateProject(ctx, "shop", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	pasts := map[money.Currency]int{"USD": sales, "EUR": 75}
	affiliates := make(map[money.Currency]int64)
	for currency, n := range pasts {
		a, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: string(currency) + "@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		affiliates[currency] = a.ID
		for done := 0; done < n; {
			part := min(5000, n-done)
			if err := shop.Atomic(ctx, func(p *refgrow.Project) error {
				for range part {
					if _, err := p.RecordConversion(ctx, refgrow.RecordConversionParams{
						Type: refgrow.Signup, AffiliateID: a.ID, Value: money.New(100, currency),
					}); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			done += part
		}
		payOut(ctx, t, shop, currency)
	}
	took := make(map[money.Currency][]time.Duration)
	for range 15 {
		for currency, affiliate := range affiliates {
			clock.Advance(time.Hour)
			if _, err := shop.CreateAdjustment(ctx, refgrow.CreateAdjustmentParams{
				AffiliateID: affiliate, Amount: money.New(1000, currency), Note: "a bonus",
			}); err != nil {
				t.Fatal(err)
			}
			took[currency] = append(took[currency], payOut(ctx, t, shop, currency))
		}
	}
	slices.Sort(took["USD"])
	slices.Sort(took["EUR"])
	long, short := took["USD"][7], took["EUR"][7]
	t.Logf("a payout takes %v after %d sales, and %v after 75", long, sales, short)
	if ratio := float64(long) / float64(short); ratio > most {
		t.Errorf("that is %.2f times as long, but should be at most %.1f times", ratio, most)
	}
}

// payOut makes the payouts in a currency and pays them. It returns how long making and
// paying them took.
func payOut(ctx context.Context, t *testing.T, shop *refgrow.Project, currency money.Currency) time.Duration {
	t.Helper()
	began := time.Now()
	made, err := shop.RunPayouts(ctx, refgrow.PayoutRunParams{Currency: currency})
	if err != nil || len(made) != 1 {
		t.Fatalf("the payouts are %v (%v)", made, err)
	}
	if _, err := shop.PayPayout(ctx, made[0].ID, refgrow.PayPayoutParams{}); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}
