package main

import (
	"context"
	"log"
	"os"
	"path/filepath"
)

// The clock stands still, so that the output is the same every time.
func Example() {
	dir, err := os.MkdirTemp("", "refgrow-quickstart")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := run(context.Background(), os.Stdout, filepath.Join(dir, "refgrow.db")); err != nil {
		log.Fatal(err)
	}
	// Output:
	// 2026-03-02
	//   signup   by carl@example.com             earns  1.00 USD  reason: referral_code
	//   purchase by carl@example.com  49.00 USD  earns  9.80 USD  reason: customer
	//   purchase by dora@example.com 120.00 EUR  earns 24.00 EUR  reason: coupon
	//   purchase by emil@example.com  15.00 USD  earns  0.00 USD  reason: none
	//
	// Statement for jane@example.com, 2026-03-02
	//
	//          date         kind   conversion    available      amount
	//    2026-03-02   commission            1   2026-04-01    1.00 USD
	//    2026-03-02   commission            2   2026-04-01    9.80 USD
	//    2026-03-02   commission            3   2026-04-01   24.00 EUR
	//
	//        total       paid        held   eligible   next release
	//    10.80 USD   0.00 USD   10.80 USD   0.00 USD     2026-04-01
	//    24.00 EUR   0.00 EUR   24.00 EUR   0.00 EUR     2026-04-01
	//
	// 2026-04-02
	//   purchase by carl@example.com  49.00 USD  earns  9.80 USD  reason: customer
	//   the same once more: reference: a conversion with this reference already exists
	//
	// Statement for jane@example.com, 2026-04-02
	//
	//          date         kind   conversion    available      amount
	//    2026-03-02   commission            1   2026-04-01    1.00 USD
	//    2026-03-02   commission            2   2026-04-01    9.80 USD
	//    2026-03-02   commission            3   2026-04-01   24.00 EUR
	//    2026-04-02   commission            5   2026-05-02    9.80 USD
	//
	//        total       paid       held    eligible   next release
	//    20.60 USD   0.00 USD   9.80 USD   10.80 USD     2026-05-02
	//    24.00 EUR   0.00 EUR   0.00 EUR   24.00 EUR              -
}
