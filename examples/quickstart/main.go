// Quickstart runs an affiliate program inside a process: Jane sends customers,
// they sign up and buy, and her statement shows what she has earned, before and
// after the hold. It needs nothing but a file in a temporary folder:
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

func main() {
	dir, err := os.MkdirTemp("", "refgrow-quickstart")
	if err != nil {
		log.Fatal(err)
	}
	err = run(context.Background(), os.Stdout, filepath.Join(dir, "refgrow.db"))
	os.RemoveAll(dir)
	if err != nil {
		log.Fatal(err)
	}
}

// A clock stands still until it is told to move, so that a month passes at once.
// A real app leaves out Config.Now and gets time.Now. Tests have a clock like this one
// in the package refgrowtest.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time      { return c.now }
func (c *clock) passDays(days int)   { c.now = c.now.AddDate(0, 0, days) }
func (c *clock) today() (day string) { return c.now.Format(time.DateOnly) }

func run(ctx context.Context, out io.Writer, path string) error {
	// The engine keeps everything in one SQLite file.
	db, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	defer db.Close()
	clock := &clock{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	engine, err := refgrow.New(ctx, db, refgrow.Config{Now: clock.Now})
	if err != nil {
		return err
	}
	defer engine.Close(ctx)

	// A project is one affiliate program. A purchase earns 20 % and a signup one
	// dollar, and both wait 30 days, because customers may want their money back.
	shop, err := engine.EnsureProject(ctx, "shop", refgrow.Settings{
		Commission:       refgrow.Percent("20"),
		SignupCommission: refgrow.Fixed(money.MustParse("1.00 USD")),
		HoldDays:         30,
	})
	if err != nil {
		return err
	}

	// Jane shares links with her code, and a coupon at concerts.
	jane, err := shop.CreateAffiliate(ctx,
		refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		return err
	}
	if _, err := shop.CreateCoupon(ctx, refgrow.CreateCouponParams{AffiliateID: jane.ID, Code: "SUMMER"}); err != nil {
		return err
	}

	// What happens goes into RecordConversion as it is: who the customer was, and what
	// they brought along. The engine decides who gets the credit.
	carl := refgrow.Customer{ExternalID: "user-17", Email: "carl@example.com"}
	fmt.Fprintf(out, "%s\n", clock.today())
	for _, event := range []refgrow.RecordConversionParams{
		// Carl came through Jane's link. From now on he is her customer ...
		{Type: refgrow.Signup, Customer: carl, ReferralCode: "JANE"},
		// ... so that his purchase needs no code.
		{Type: refgrow.Purchase, Customer: carl, Reference: "order-1", BaseValue: money.MustParse("49.00 USD")},
		// Dora heard of the coupon. Her currency is a different one, and stays so.
		{Type: refgrow.Purchase, Customer: refgrow.Customer{Email: "dora@example.com"}, CouponCode: "summer",
			Reference: "order-2", BaseValue: money.MustParse("120.00 EUR")},
		// Emil found the shop on his own: recorded, and credited to nobody.
		{Type: refgrow.Purchase, Customer: refgrow.Customer{Email: "emil@example.com"},
			Reference: "order-3", BaseValue: money.MustParse("15.00 USD")},
	} {
		if err := record(ctx, out, shop, event); err != nil {
			return err
		}
	}

	if err := statement(ctx, out, shop, jane, clock); err != nil {
		return err
	}

	// A month later the first commissions have passed their hold; that of a new
	// purchase has not.
	clock.passDays(31)
	fmt.Fprintf(out, "\n%s\n", clock.today())
	again := refgrow.RecordConversionParams{
		Type: refgrow.Purchase, Customer: carl, Reference: "order-4", BaseValue: money.MustParse("49.00 USD"),
	}
	if err := record(ctx, out, shop, again); err != nil {
		return err
	}
	// An event that is reported twice is refused: its reference is taken.
	fmt.Fprintf(out, "  the same once more: %v\n", record(ctx, out, shop, again))
	return statement(ctx, out, shop, jane, clock)
}

// record records an event and prints who was credited, what with, and why.
func record(ctx context.Context, out io.Writer, shop *refgrow.Project, event refgrow.RecordConversionParams) error {
	c, err := shop.RecordConversion(ctx, event)
	if err != nil {
		return err
	}
	decision, err := c.Decision()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  %-8s by %-16s %10s  earns %9s  reason: %s\n",
		c.Type, event.Customer.Email, c.BaseValue, c.Value, decision.Reason)
	return nil
}
