package refgrow_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// The work of a month: what has passed its hold is reserved for a payout, the money is
// sent by other means, and the payment is noted.
func ExampleProject_RunPayouts() {
	ctx := context.Background()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	_, shop, end := exampleShop(refgrow.Config{Now: func() time.Time { return now }})
	defer end()
	jane := exampleSale(shop, "in_1", "49.00 USD")
	exampleSale(shop, "in_2", "200.00 USD")
	now = now.AddDate(0, 0, 31)

	payouts, err := shop.RunPayouts(ctx, refgrow.PayoutRunParams{Minimum: money.MustParse("25.00 USD")})
	if err != nil {
		log.Fatal(err)
	}
	for _, payout := range payouts {
		fmt.Println(payout.Amount, payout.Status)
		paid, err := shop.PayPayout(ctx, payout.ID, refgrow.PayPayoutParams{ExternalReference: "WIRE-4711"})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(paid.Amount, paid.Status)
	}
	earned, err := shop.Earnings(ctx, jane)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("paid so far:", earned[0].Paid)
	// Output:
	// 49.80 USD pending
	// 49.80 USD paid
	// paid so far: 49.80 USD
}

// A part of the sale is refunded, and with it the same part of the commission.
func ExampleProject_RefundConversion() {
	ctx := context.Background()
	_, shop, end := exampleShop(refgrow.Config{})
	defer end()
	exampleSale(shop, "in_1", "49.00 USD")
	page, err := shop.ListConversions(ctx, refgrow.ListConversionsParams{})
	if err != nil {
		log.Fatal(err)
	}
	sale, err := shop.RefundConversion(ctx, page.Items[0].ID, refgrow.RefundConversionParams{
		Amount: money.MustParse("12.25 USD"), Reason: "one of four boxes was broken",
	})
	if err != nil {
		log.Fatal(err)
	}
	earned, err := shop.Earnings(ctx, sale.AffiliateID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("refunded", sale.Refunded, "of", sale.BaseValue)
	fmt.Println("earned", earned[0].Total, "of", sale.Value)
	// Output:
	// refunded 12.25 USD of 49.00 USD
	// earned 7.35 USD of 9.80 USD
}

// A payment provider tells the total given back so far, by the name of the sale, in any
// order and more than once.
func ExampleProject_RefundByReference() {
	ctx := context.Background()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	_, shop, end := exampleShop(refgrow.Config{Now: func() time.Time { return now }})
	defer end()
	exampleSale(shop, "in_1", "49.00 USD")
	now = now.AddDate(0, 0, 7)

	for _, told := range []struct {
		total   string
		daysAgo int
	}{{"20.00 USD", 1}, {"10.00 USD", 2}, {"20.00 USD", 1}} {
		sale, err := shop.RefundByReference(ctx, "in_1", refgrow.RefundConversionParams{
			Total: money.MustParse(told.total), ToldAt: now.AddDate(0, 0, -told.daysAgo),
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("told", told.total+": refunded", sale.Refunded)
	}
	_, err := shop.RefundByReference(ctx, "in_2", refgrow.RefundConversionParams{})
	fmt.Println("no such sale:", errors.Is(err, refgrow.ErrNotFound))
	// Output:
	// told 20.00 USD: refunded 20.00 USD
	// told 10.00 USD: refunded 20.00 USD
	// told 20.00 USD: refunded 20.00 USD
	// no such sale: true
}

// An affiliate with terms of her own: 30 % of the first year of each customer.
func ExampleProject_CreateRule() {
	ctx := context.Background()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	_, shop, end := exampleShop(refgrow.Config{Now: func() time.Time { return now }})
	defer end()
	jane := exampleSale(shop, "in_1", "100.00 USD")
	if _, err := shop.CreateRule(ctx, refgrow.CreateRuleParams{
		AffiliateID: jane, Commission: refgrow.Percent("30"), Duration: refgrow.Months(12),
	}); err != nil {
		log.Fatal(err)
	}
	exampleSale(shop, "in_2", "100.00 USD")
	now = now.AddDate(1, 0, 0)
	exampleSale(shop, "in_3", "100.00 USD")

	for sale, err := range shop.AllConversions(ctx, refgrow.ListConversionsParams{}) {
		if err != nil {
			log.Fatal(err)
		}
		explained, err := shop.ExplainConversion(ctx, sale.ID)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(sale.Reference, sale.Value, explained.Commission.Rule, explained.Commission.Reason)
	}
	// Output:
	// in_3 0.00 USD 30% for 12 months beyond_duration
	// in_2 30.00 USD 30% for 12 months rule
	// in_1 20.00 USD 20% for life rule
}
