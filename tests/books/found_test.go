package books_test

import (
	"errors"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// What TestBooks once found, each as the shortest history that shows it.

// A conversion of the largest amount that was paid, reduced to nothing, brought back
// and unpaid has twice that amount to settle at one availability, and a debt of that
// amount at another.
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
	sale, err = shop.UpdateConversion(t.Context(), sale.ID, refgrow.UpdateConversionParams{
		Currency: new(money.Currency("KWD")),
	})
	if err != nil || sale.Value != money.MustParse("2.27 KWD") {
		t.Fatalf("the value is %v: %v", sale, err)
	}
	report, err := engine.Verify(t.Context())
	if err != nil || len(report.Differences) > 0 {
		t.Errorf("Verify reports %v: %v", report.Differences, err)
	}
}

// A conversion that nobody was credited with gets its first entry later, when the clock
// may have gone back to before it.
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
	sale, err := shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: ten, Value: ten,
	})
	if err != nil {
		t.Fatal(err)
	}
	clock.Advance(-11 * time.Hour)
	if _, err := shop.UpdateConversion(t.Context(), sale.ID, refgrow.UpdateConversionParams{
		AffiliateID: refgrow.Set(jane.ID),
	}); err != nil {
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

// A deduction alongside a pending payout of the same amount leaves nothing earned in a
// currency, but the balance in it still says what is reserved and owed. When the clock
// goes back to before the payout, what it reserves is not taken from what is payable.
func TestPayableBesideAPendingPayout(t *testing.T) {
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
	adjust := func(amount string) {
		t.Helper()
		if _, err := shop.CreateAdjustment(t.Context(), refgrow.CreateAdjustmentParams{
			AffiliateID: jane.ID, Amount: money.MustParse(amount), Note: "a test",
		}); err != nil {
			t.Fatal(err)
		}
	}
	payable := func(reserved, payable string) {
		t.Helper()
		earned, err := shop.Earnings(t.Context(), jane.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(earned) != 2 || earned[1].Reserved != money.MustParse(reserved) ||
			earned[1].Payable != money.MustParse(payable) {
			t.Errorf("%s should be reserved and %s payable, but the earnings are\n\t%s", reserved, payable, showBalances(earned))
		}
	}
	adjust("10.00 EUR")
	if made, err := shop.RunPayouts(t.Context(), refgrow.PayoutRunParams{Currency: "EUR"}); err != nil || len(made) != 1 {
		t.Fatalf("the payouts are %v: %v", made, err)
	}
	payable("10.00 EUR", "0.00 EUR")
	clock.Advance(-time.Hour)
	payable("10.00 EUR", "0.00 EUR")
	clock.Advance(time.Hour)
	adjust("-10.00 EUR")
	payable("10.00 EUR", "-10.00 EUR")
}

// The currency of a refunded conversion is fixed, even where its base value would be
// fewer minor units in the other one than were refunded in this one.
func TestCurrencyOfARefundedConversion(t *testing.T) {
	t.Parallel()
	engine, _ := refgrowtest.New(t)
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	sale, err := shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, BaseValue: money.MustParse("100.00 USD"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shop.RefundConversion(t.Context(), sale.ID, refgrow.RefundConversionParams{
		Amount: money.MustParse("50.00 USD"),
	}); err != nil {
		t.Fatal(err)
	}
	yen := money.Currency("JPY")
	_, err = shop.UpdateConversion(t.Context(), sale.ID, refgrow.UpdateConversionParams{Currency: &yen})
	if !errors.Is(err, refgrow.ErrConflict) {
		t.Errorf("a new currency should be a conflict, but returned: %v", err)
	}
}
