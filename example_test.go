package refgrow_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

// An affiliate program with one affiliate, and the first sale that she brings in.
func Example() {
	ctx := context.Background()
	path, remove := exampleFile()
	defer remove()

	db, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	engine, err := refgrow.New(ctx, db, refgrow.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close(ctx)

	shop, err := engine.EnsureProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 30})
	if err != nil {
		log.Fatal(err)
	}
	_, err = shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		log.Fatal(err)
	}
	sale, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, ReferralCode: "JANE", Reference: "in_123",
		Customer:  refgrow.Customer{ExternalID: "u_17", Email: "carl@example.com"},
		BaseValue: money.MustParse("49.00 USD"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(sale.Value, sale.Status)
	// Output: 9.80 USD held
}

// The affiliate's account before and after the hold. Config.Now is the clock that makes
// a month pass here.
func ExampleProject_Earnings() {
	ctx := context.Background()
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	_, shop, end := exampleShop(refgrow.Config{Now: func() time.Time { return now }})
	defer end()
	jane := exampleSale(shop, "in_1", "49.00 USD")
	exampleSale(shop, "in_2", "120.00 EUR")

	show := func(options ...refgrow.EarningsOption) {
		balances, err := shop.Earnings(ctx, jane, options...)
		if err != nil {
			log.Fatal(err)
		}
		for _, b := range balances {
			fmt.Printf("total %s = eligible %s + held %s + paid %s\n", b.Total, b.Eligible, b.Held, b.Paid)
		}
	}
	show()
	sold := now
	now = now.AddDate(0, 0, 31)
	fmt.Println("a month later:")
	show()
	fmt.Println("as of an hour after the sales:")
	show(refgrow.AsOf(sold.Add(time.Hour)))
	// Output:
	// total 9.80 USD = eligible 0.00 USD + held 9.80 USD + paid 0.00 USD
	// total 24.00 EUR = eligible 0.00 EUR + held 24.00 EUR + paid 0.00 EUR
	// a month later:
	// total 9.80 USD = eligible 9.80 USD + held 0.00 USD + paid 0.00 USD
	// total 24.00 EUR = eligible 24.00 EUR + held 0.00 EUR + paid 0.00 EUR
	// as of an hour after the sales:
	// total 9.80 USD = eligible 0.00 USD + held 9.80 USD + paid 0.00 USD
	// total 24.00 EUR = eligible 0.00 EUR + held 24.00 EUR + paid 0.00 EUR
}

// Why was this affiliate credited, or why was none? Each conversion has the answer.
func ExampleConversion_Decision() {
	ctx := context.Background()
	_, shop, end := exampleShop(refgrow.Config{})
	defer end()
	exampleSale(shop, "in_1", "49.00 USD") // Carl is Jane's customer now
	mary, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "mary@example.com", ReferralCode: "MARY"})
	if err != nil {
		log.Fatal(err)
	}
	sale, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
		Type: refgrow.Purchase, Customer: refgrow.Customer{Email: "carl@example.com"}, ReferralCode: "MARY",
		BaseValue: money.MustParse("10.00 USD"),
	})
	if err != nil {
		log.Fatal(err)
	}
	decision, err := sale.Decision()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("credited because of:", decision.Reason)
	for _, c := range decision.Candidates {
		fmt.Printf("%s: %s\n", c.Source, c.Outcome)
	}
	fmt.Println("Mary:", decision.Chosen == mary.ID)
	// Output:
	// credited because of: customer
	// customer: credited
	// referral_code: outranked
	// Mary: false
}

// Several operations, all or none.
func ExampleProject_Atomic() {
	ctx := context.Background()
	_, shop, end := exampleShop(refgrow.Config{})
	defer end()

	err := shop.Atomic(ctx, func(shop *refgrow.Project) error {
		mary, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "mary@example.com"})
		if err != nil {
			return err
		}
		_, err = shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: mary.ID, Code: "no spaces, please"})
		return err // undoes Mary as well
	})
	fmt.Println(err)
	_, err = shop.AffiliateByEmail(ctx, "mary@example.com")
	fmt.Println(errors.Is(err, refgrow.ErrNotFound))
	// Output:
	// coupon_code: must be 3 to 64 of A-Z, a-z, 0-9, - and _
	// true
}

// All affiliates, however many there are. The walk fetches them page by page.
func ExampleProject_AllAffiliates() {
	ctx := context.Background()
	_, shop, end := exampleShop(refgrow.Config{})
	defer end()
	_, err := shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "mary@example.com", ReferralCode: "MARY"})
	if err != nil {
		log.Fatal(err)
	}

	for affiliate, err := range shop.AllAffiliates(ctx, refgrow.ListAffiliatesParams{Status: refgrow.AffiliateActive}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(affiliate.ReferralCode, affiliate.Email)
	}
	// Output:
	// MARY mary@example.com
	// JANE jane@example.com
}

// A key for the REST API. Its text is shown once.
func ExampleEngine_CreateKey() {
	ctx := context.Background()
	engine, shop, end := exampleShop(refgrow.Config{})
	defer end()

	token, key, err := engine.CreateKey(ctx, shop, refgrow.CreateKeyParams{Name: "billing", ReadOnly: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token[:4], key.Name, key.ReadOnly)

	if err := engine.RevokeKey(ctx, key.ID); err != nil {
		log.Fatal(err)
	}
	_, _, err = engine.Authenticate(ctx, token)
	fmt.Println(errors.Is(err, refgrow.ErrUnauthorized))
	// Output:
	// rgk_ billing true
	// true
}

// A healthy database has no differences.
func ExampleEngine_Verify() {
	engine, shop, end := exampleShop(refgrow.Config{})
	defer end()
	exampleSale(shop, "in_1", "49.00 USD")

	report, err := engine.Verify(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(report.Conversions, len(report.Differences))
	// Output: 1 0
}

// exampleShop is a project with one affiliate, Jane, on a database of its own.
func exampleShop(config refgrow.Config) (*refgrow.Engine, *refgrow.Project, func()) {
	ctx := context.Background()
	path, remove := exampleFile()
	db, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		log.Fatal(err)
	}
	engine, err := refgrow.New(ctx, db, config)
	if err != nil {
		log.Fatal(err)
	}
	shop, err := engine.CreateProject(ctx, "shop", refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 30})
	if err != nil {
		log.Fatal(err)
	}
	_, err = shop.CreateAffiliate(ctx, refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		log.Fatal(err)
	}
	return engine, shop, func() {
		db.Close()
		remove()
	}
}

// exampleFile returns a path for a database, and a function that deletes it.
func exampleFile() (path string, remove func()) {
	dir, err := os.MkdirTemp("", "refgrow")
	if err != nil {
		log.Fatal(err)
	}
	return filepath.Join(dir, "refgrow.db"), func() {
		if err := os.RemoveAll(dir); err != nil {
			log.Fatal(err)
		}
	}
}

// exampleSale records something that Carl buys through Jane, and returns her id.
func exampleSale(shop *refgrow.Project, reference, amount string) int64 {
	sale, err := shop.RecordConversion(context.Background(), refgrow.RecordConversionParams{
		Type: refgrow.Purchase, ReferralCode: "JANE", Reference: reference,
		Customer: refgrow.Customer{Email: "carl@example.com"}, BaseValue: money.MustParse(amount),
	})
	if err != nil {
		log.Fatal(err)
	}
	return sale.AffiliateID
}

// A call that is repeated because its answer was lost: the reference says that the sale
// is there already.
func ExampleProject_RecordConversion() {
	ctx := context.Background()
	_, shop, end := exampleShop(refgrow.Config{})
	defer end()
	for range 2 {
		sale, err := shop.RecordConversion(ctx, refgrow.RecordConversionParams{
			Type: refgrow.Purchase, ReferralCode: "JANE", Reference: "in_1", BaseValue: money.MustParse("49.00 USD"),
		})
		if errors.Is(err, refgrow.ErrExists) {
			sale, err = shop.ConversionByReference(ctx, "in_1")
		}
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(sale.ID, sale.Value)
	}
	// Output:
	// 1 9.80 USD
	// 1 9.80 USD
}
