package money_test

import (
	"errors"
	"fmt"

	"github.com/refgrow-go/refgrow/money"
)

func ExampleParse() {
	a, err := money.Parse("49.00 USD")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(a, a.Minor(), a.Currency())

	_, err = money.Parse("12.345 USD")
	fmt.Println(err)
	// Output:
	// 49.00 USD 4900 USD
	// 12.345 has 3 decimals; USD has 2
}

func ExampleNew() {
	fmt.Println(money.New(4900, money.USD))
	fmt.Println(money.New(4900, money.JPY))
	fmt.Println(money.New(4900, "KWD"))
	// Output:
	// 49.00 USD
	// 4900 JPY
	// 4.900 KWD
}

func ExampleParseCurrency() {
	c, err := money.ParseCurrency("kwd")
	fmt.Println(c, c.Exponent(), err)

	_, err = money.ParseCurrency("XAU")
	fmt.Println(err)
	// Output:
	// KWD 3 <nil>
	// XAU has no minor unit, so amounts cannot be counted in it; use a currency such as USD
}

func ExampleParseDecimal() {
	for _, text := range []string{"0.1", "1e2", "250.00", "1e999999999", "+5"} {
		d, err := money.ParseDecimal(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(d)
	}
	// Output:
	// 0.1
	// 100
	// 250
	// 1e999999999 is too large; the largest amount has 9000000000000000 minor units
	// "+5" is not a number; write digits and a point only, such as 12.5
}

func ExampleDecimal_In() {
	d, _ := money.ParseDecimal("12.5")
	a, err := d.In(money.USD)
	fmt.Println(a, err)

	_, err = d.In(money.JPY)
	fmt.Println(err, errors.Is(err, money.ErrTooPrecise))
	// Output:
	// 12.50 USD <nil>
	// 12.5 has 1 decimal; JPY has 0 true
}

func ExampleAmount_Add() {
	sum, err := money.MustParse("49.00 USD").Add(money.MustParse("0.99 USD"))
	fmt.Println(sum, err)

	_, err = money.MustParse("49.00 USD").Add(money.MustParse("10.00 EUR"))
	fmt.Println(err)
	// Output:
	// 49.99 USD <nil>
	// 49.00 USD and 10.00 EUR are in different currencies; both must be in the same one
}

func ExampleAmount_Number() {
	a := money.MustParse("12.50 USD")
	fmt.Println(a.Number(), a.Decimal())
	// Output: 12.5 12.50
}

func ExampleAmount_As() {
	a, err := money.MustParse("12.50 USD").As("KWD")
	fmt.Println(a, err)
	// Output: 12.500 KWD <nil>
}

func ExampleRate_Of() {
	rate, err := money.ParseRate("8.2")
	if err != nil {
		fmt.Println(err)
		return
	}
	// 8.405 is halfway: it is rounded away from zero.
	fmt.Println(rate, "of 102.50 is", rate.Of(money.MustParse("102.50 USD")))
	// Output: 8.2% of 102.50 is 8.41 USD
}

func ExampleAmount_Prorate() {
	// A sale of 49.00 earned 9.80; 10.00 of it is refunded.
	taken, err := money.MustParse("9.80 USD").Prorate(money.MustParse("10.00 USD"), money.MustParse("49.00 USD"))
	fmt.Println(taken, err)
	// Output: 2.00 USD <nil>
}
