package refgrow_test

import (
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// What TestBooks once found, each as the shortest history that shows it.

// A conversion of the largest amount that was paid, taken to nothing, brought back
// and unpaid has twice that amount to settle at one availability, and a debt of
// as much at another.
func TestSettlementBeyondTheLargestAmount(t *testing.T) {
	t.Parallel()
	engine, clock := refgrowtest.New(t)
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{HoldDays: 30})
	if err != nil {
		t.Fatal(err)
	}
	jane, err := shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{Email: "jane@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	most := money.New(money.MaxMinor, money.USD)
	sale, err := shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: most, Value: most, Paid: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, change := range []refgrow.UpdateConversionParams{
		{Value: new(money.New(0, money.USD))}, {Value: &most}, {Paid: new(false)}, {Paid: new(true)},
	} {
		if _, err := shop.UpdateConversion(t.Context(), sale.ID, change); err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
	}
	clock.Advance(30 * 24 * time.Hour)
	earned, err := shop.Earnings(t.Context(), jane.ID)
	if err != nil {
		t.Fatal(err)
	}
	if b := earned[0]; b.Total != most || b.Paid != most || !b.Unpaid.IsZero() || !b.Eligible.IsZero() {
		t.Errorf("the earnings are %s", showBalance(b))
	}
}

// A value that a rule computed is carried over to another currency as the same
// number, which is not the same count of minor units.
func TestVerifyAfterChangeOfCurrency(t *testing.T) {
	t.Parallel()
	engine, _ := refgrowtest.New(t)
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("50")})
	if err != nil {
		t.Fatal(err)
	}
	jane, err := shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{Email: "jane@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	sale, err := shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("4.54 USD"),
	})
	if err != nil {
		t.Fatal(err)
	}
	sale, err = shop.UpdateConversion(t.Context(), sale.ID, refgrow.UpdateConversionParams{Currency: new(money.Currency("KWD"))})
	if err != nil || sale.Value != money.MustParse("2.27 KWD") {
		t.Fatalf("the value is %v: %v", sale, err)
	}
	report, err := engine.Verify(t.Context())
	if err != nil || len(report.Differences) > 0 {
		t.Errorf("Verify reports %v: %v", report.Differences, err)
	}
}

// A conversion that nobody was credited with gets its first entry later, when the
// clock may have gone back behind it.
func TestEntryNotBeforeItsConversion(t *testing.T) {
	t.Parallel()
	engine, clock := refgrowtest.New(t)
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	jane, err := shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{Email: "jane@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	ten := money.MustParse("10.00 USD")
	sale, err := shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{Type: refgrow.Purchase, BaseValue: ten, Value: ten})
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(-11 * time.Hour)
	if _, err := shop.UpdateConversion(t.Context(), sale.ID, refgrow.UpdateConversionParams{AffiliateID: refgrow.Set(jane.ID)}); err != nil {
		t.Fatal(err)
	}
	ledger, err := shop.ListLedger(t.Context(), jane.ID, refgrow.ListLedgerParams{})
	if err != nil {
		t.Fatal(err)
	}
	if len(ledger.Items) != 1 || ledger.Items[0].CreatedAt.Before(sale.CreatedAt) {
		t.Errorf("the conversion is of %v, its entries are %+v", sale.CreatedAt, ledger.Items)
	}
	if report, err := engine.Verify(t.Context()); err != nil || len(report.Differences) != 0 {
		t.Errorf("verify: %v, %v", report.Differences, err)
	}
}
