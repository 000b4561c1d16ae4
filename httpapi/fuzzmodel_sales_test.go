package httpapi_test

import (
	"encoding/json"
	"math/big"
	"strings"

	"github.com/refgrow-go/refgrow/money"
)

// What the API shall show of conversions that it took: the model of fillLab's
// program, in which a purchase earns 20 %, Bob's 30 %, and one of the product Pro
// five dollars.

func conversionCreated(c *acceptedCall) {
	currency := currencyOf(c.sent["base_value_currency"])
	affiliate := c.credited()
	want := map[string]any{
		"id": matcher(anID), "project_id": int64(1), "type": c.sent["type"], "affiliate_id": orNil(affiliate), "created_at": c.now(),
		"referred_user_id": nil, "value": c.sent["value"], "base_value": c.sent["base_value"], "base_value_currency": nil,
		"refunded_amount": int64(0), "paid": c.textOr("paid", false), "reference": c.sent["reference"], "coupon_code_used": c.sent["coupon_code_used"],
		"referral_code": c.sent["referral_code"], "product": c.sent["product"], "url": c.sent["url"],
	}
	if c.sent["base_value"] != nil || c.sent["base_value_currency"] != nil {
		want["base_value_currency"] = string(currency)
	}
	if c.sent["value"] == nil {
		want["value"] = c.earned(affiliate, currency)
	}
	if c.sent["referred_user_id"] != nil || c.sent["email"] != nil || c.sent["external_id"] != nil {
		want["referred_user_id"] = matcher(anID)
		if known := c.customer(); known.id != 0 {
			want["referred_user_id"] = known.id
		}
	}
	want["status"] = statusOfSale(want)
	shown := c.got.data()
	c.shows("the new conversion", shown, want)
	c.shows("the conversion", c.get("/conversions/"+c.got.id()), shown)
	c.customerKnown(shown)
	if reference := c.sent["reference"]; reference != nil {
		again, err := json.Marshal(map[string]any{"type": "signup", "reference": reference})
		must(c, err)
		c.do(c, "POST", "/conversions", string(again)).refused(c, 409, "conflict", "reference")
	}
}

func orNil(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// currencyOf is what was named, or the program's.
func currencyOf(sent any) money.Currency {
	if sent == nil {
		return "USD"
	}
	return money.Currency(strings.ToUpper(text(sent)))
}

// A labCustomer is one of fillLab.
type labCustomer struct {
	id, affiliate     int64
	email, externalID string
}

var labCustomers = []labCustomer{{1, 1, "carl@example.com", ""}, {2, 0, "dora@example.com", ""}, {3, 4, "eve@example.com", "u-7"}}

// customer is the one that was named, if there was one before.
func (c *acceptedCall) customer() labCustomer {
	for _, known := range labCustomers {
		if c.idOr("referred_user_id", 0) == known.id || lower(c.sent["email"]) == known.email ||
			known.externalID != "" && c.sent["external_id"] == known.externalID {
			return known
		}
	}
	return labCustomer{}
}

// credited is the affiliate that gets the credit, 0 for nobody.
func (c *acceptedCall) credited() int64 {
	if id := c.idOr("affiliate_id", 0); id != 0 {
		return id
	}
	known := c.customer()
	email := known.email
	if email == "" {
		email = text(lower(c.sent["email"]))
	}
	unlessOwn := func(id int64) int64 {
		if email != "" && untagged(email) == untagged(labAffiliates[id].email) {
			return 0
		}
		return id
	}
	switch known.affiliate {
	case 0:
	case 4: // inactive
		return 0
	default:
		return unlessOwn(known.affiliate)
	}
	code := text(c.sent["coupon_code_used"])
	switch {
	case folded(code) == "jane20", code == "promo_jane", code == "ls_jane":
		return unlessOwn(1)
	case folded(code) == "bob20", folded(code) == "bob-stripe", code == "promo_bob":
		return unlessOwn(2)
	}
	return unlessOwn(map[string]int64{"jane": 1, "bob": 2, "zoe": 3, "zoe-z": 3}[folded(c.sent["referral_code"])])
}

// folded is a code with its ASCII letters in lower case, and no others.
func folded(v any) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, text(v))
}

func untagged(email string) string {
	local, domain, _ := strings.Cut(email, "@")
	local, _, _ = strings.Cut(local, "+")
	return local + "@" + domain
}

// earned is the commission where none was sent.
func (c *acceptedCall) earned(affiliate int64, currency money.Currency) any {
	rate := int64(20)
	switch {
	case affiliate == 0 || c.sent["type"] == "signup":
		return int64(0)
	case affiliate == 2:
		rate = 30
	case c.sent["product"] == "Pro" && currency == "USD":
		return int64(5)
	case c.sent["product"] == "Pro":
		return int64(0)
	}
	// Half of the last digit more, and what is then beyond a whole is dropped.
	share := c.minor(c.sent["base_value"], currency.Exponent())
	share.Mul(share, big.NewInt(2*rate)).Add(share, big.NewInt(100)).Quo(share, big.NewInt(200))
	return json.Number(shortest(share.String(), -currency.Exponent()))
}

// minor is a number in the unit of so many decimals.
func (c *acceptedCall) minor(number any, decimals int) *big.Int {
	c.Helper()
	n, ok := new(big.Int).SetString(shortest(asText(number), decimals), 10)
	if !ok {
		c.Fatalf("%v has more than %d decimals", number, decimals)
	}
	return n
}

func statusOfSale(shown map[string]any) string {
	switch {
	case shown["affiliate_id"] == nil:
		return "unattributed"
	case asText(shown["refunded_amount"]) != "0" && asText(shown["refunded_amount"]) == asText(shown["base_value"]):
		return "refunded"
	case shown["paid"] == true:
		return "paid"
	}
	return "eligible"
}

// customerKnown checks the customer of a new conversion.
func (c *acceptedCall) customerKnown(shown map[string]any) {
	if shown["referred_user_id"] == nil {
		return
	}
	before := c.customer()
	email := before.email
	if email == "" {
		email = text(lower(c.sent["email"]))
	}
	if email == "" {
		return // and the API shows no customer by the app's own id
	}
	got := c.get("/referrals/" + segment(email))
	if got["id"] != shown["referred_user_id"] {
		c.Errorf("the customer of the conversion is %v, but %s is %v", shown["referred_user_id"], email, got["id"])
	}
	affiliate := shown["affiliate_id"]
	if before.affiliate != 0 {
		affiliate = json.Number(big.NewInt(before.affiliate).String())
	}
	if other := before.externalID != "" && c.sent["external_id"] != nil && c.sent["external_id"] != before.externalID; got["affiliate_id"] != affiliate && !other {
		c.Errorf("the customer belongs to %v, and should belong to %v", got["affiliate_id"], affiliate)
	}
	if bought := c.sent["type"] == "purchase"; bought && got["conversion_date"] != c.now() {
		c.Errorf("the customer bought on %v", got["conversion_date"])
	}
}

func conversionChanged(c *acceptedCall) {
	want := c.changed(nil, map[string]func(any) any{"base_value_currency": func(v any) any { return string(currencyOf(v)) }})
	want["status"] = statusOfSale(want)
	c.shows("the conversion", c.got.data(), want)
	c.shows("the conversion that is read", c.get(c.call.path), want)
	c.again(c.call.path)
}

// conversionRefunded is of a refund, or of one that is undone.
func conversionRefunded(c *acceptedCall) {
	want := c.changed(nil, nil)
	delete(want, "reason")
	delete(want, "amount")
	of := "0"
	if strings.HasSuffix(c.call.path, "/refund") {
		of = asText(c.before["base_value"])
	}
	want["refunded_amount"] = json.Number(of)
	if amount, given := c.given("amount"); given {
		changed, amount := c.minor(c.before["refunded_amount"], 2), c.minor(amount, 2)
		if strings.HasSuffix(c.call.path, "/refund") {
			changed.Add(changed, amount)
		} else {
			changed.Sub(changed, amount)
		}
		want["refunded_amount"] = json.Number(shortest(changed.String(), -2))
	}
	shown := c.got.data()
	want["status"] = statusOfSale(shown)
	c.shows("the conversion", shown, want)
	path := strings.TrimSuffix(strings.TrimSuffix(c.call.path, "/refund"), "/undo-refund")
	c.shows("the conversion that is read", c.get(path), want)
}
