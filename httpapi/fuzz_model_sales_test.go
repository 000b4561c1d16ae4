package httpapi_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/money"
)

// What the API should show of conversions that it accepted: the model of fillLab's
// program, in which a purchase earns 20 %, Bob's 30 %, and one of the product Pro five
// dollars.

func conversionCreated(c *acceptedCall) {
	if id := map[int64]int64{3: 3}[c.customer().id]; id != 0 && c.sent["type"] == "signup" {
		c.signupRepeated(id)
		return
	}
	if c.got.status != 201 {
		c.Errorf("%d %s", c.got.status, c.got.body)
	}
	currency := currencyOf(c.sent["base_value_currency"])
	affiliate := c.credited()
	want := map[string]any{
		"id": matcher(anID), "project_id": int64(1), "type": c.sent["type"],
		"affiliate_id": orNil(affiliate), "created_at": c.happened(),
		"referred_user_id": nil, "value": c.sent["value"], "base_value": c.sent["base_value"],
		"base_value_currency": nil,
		"refunded_amount":     int64(0), "paid": c.textOr("paid", false),
		"reference": c.sent["reference"], "coupon_code_used": c.sent["coupon_code_used"],
		"referral_code": c.sent["referral_code"], "product": c.sent["product"], "url": c.sent["url"],
	}
	if c.sent["base_value"] != nil || c.sent["base_value_currency"] != nil {
		want["base_value_currency"] = string(currency)
	}
	if c.sent["value"] == nil {
		want["value"] = c.earned(c.sent, affiliate, currency, c.happened())
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

// signupRepeated is for a signup of a customer who has one: it is that one, whose
// affiliate is the customer's.
func (c *acceptedCall) signupRepeated(first int64) {
	c.Helper()
	shown := c.got.data()
	if c.got.status != 200 || shown["repeated"] != true {
		c.Errorf("%d %s", c.got.status, c.got.body)
	}
	delete(shown, "repeated")
	c.shows("the first signup", c.get("/conversions/"+asText(first)), shown)
	eve := c.get("/referrals/3")
	if id := c.sent["external_id"]; id != nil && !slices.Contains(eve["external_ids"].([]any), id) {
		c.Errorf("the customer is %v", eve)
	}
}

// happened is when a new conversion happened: at the instant that was sent, or now.
func (c *acceptedCall) happened() string {
	sent := text(c.sent["occurred_at"])
	if number, ok := c.sent["occurred_at"].(json.Number); ok {
		sent = number.String()
	}
	const form = "2006-01-02T15:04:05.000Z"
	digits := strings.Trim(sent, "0123456789") == ""
	switch {
	case sent == "":
		return c.now()
	case digits && len(sent) == 13:
		sent = sent[:10] + "." + sent[10:]
		fallthrough
	case digits && len(sent) == 10:
		seconds, _ := new(big.Rat).SetString(sent)
		millis := new(big.Rat).Mul(seconds, big.NewRat(1000, 1))
		return time.UnixMilli(millis.Num().Int64()).UTC().Format(form)
	case len(sent) == len(time.DateOnly):
		return sent + "T00:00:00.000Z"
	}
	at, err := time.Parse(time.RFC3339, sent)
	if err != nil {
		at, err = time.Parse(time.RFC3339, sent+"Z")
	}
	must(c, err)
	return at.UTC().Format(form)
}

func orNil(id int64) any {
	if id == 0 {
		return nil
	}
	return id
}

// currencyOf is the currency that was named, or the program's.
func currencyOf(sent any) money.Currency {
	if sent == nil {
		return "USD"
	}
	return money.Currency(strings.ToUpper(text(sent)))
}

// A labCustomer is a customer that fillLab makes.
type labCustomer struct {
	id, affiliate     int64
	email, externalID string
}

var labCustomers = []labCustomer{{1, 1, "carl@example.com", ""}, {2, 0, "dora@example.com", ""},
	{3, 4, "eve@example.com", "u-7"}}

// customer is the one that was named, if it already existed.
func (c *acceptedCall) customer() labCustomer {
	for _, is := range []func(labCustomer) bool{
		func(known labCustomer) bool { return c.idOr("referred_user_id", 0) == known.id },
		func(known labCustomer) bool {
			return known.externalID != "" && c.sent["external_id"] == known.externalID
		},
		func(known labCustomer) bool { return lower(c.sent["email"]) == known.email },
	} {
		if i := slices.IndexFunc(labCustomers, is); i >= 0 {
			return labCustomers[i]
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
	unlessOwn := func(id int64) int64 {
		for _, email := range []string{known.email, text(lower(c.sent["email"]))} {
			own := []string{labAffiliates[id].email}
			if id == 3 {
				own = append(own, "pay@example.com", "wise@example.com")
			}
			for _, address := range own {
				if email != "" && untagged(email) == untagged(address) {
					return 0
				}
			}
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
func (c *acceptedCall) earned(sale map[string]any, affiliate int64, currency money.Currency, happened string) any {
	const began = "2026-01-15T12:00:00.000Z" // the program and all of its rules
	rate := int64(20)
	switch {
	case affiliate == 0 || sale["type"] == "signup":
		return int64(0)
	case happened < began: // only the program's own rule is for what was before it
	case affiliate == 2:
		rate = 30
	case sale["product"] == "Pro" && currency == "USD":
		return int64(5)
	case sale["product"] == "Pro":
		return int64(0)
	}
	// Half a unit is added, and the fraction then dropped.
	share := c.minor(sale["base_value"], currency.Exponent())
	share.Mul(share, big.NewInt(2*rate)).Add(share, big.NewInt(100)).Quo(share, big.NewInt(200))
	return json.Number(shortest(share.String(), -currency.Exponent()))
}

// minor is a number in units of that many decimals.
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

// isLabEmail reports whether a customer that fillLab makes has the email, and keeps it.
func isLabEmail(email any) bool {
	return slices.ContainsFunc(labCustomers, func(known labCustomer) bool { return known.email == lower(email) })
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
	got := c.get("/referrals/" + asText(shown["referred_user_id"]))
	if email != "" && got["user_email"] != email && !isLabEmail(c.sent["email"]) {
		c.Errorf("the customer of %s is %v", email, got)
	}
	affiliate := shown["affiliate_id"]
	if before.affiliate != 0 {
		affiliate = json.Number(big.NewInt(before.affiliate).String())
	}
	if got["affiliate_id"] != affiliate {
		c.Errorf("the customer belongs to %v, want %v", got["affiliate_id"], affiliate)
	}
	if bought := c.sent["type"] == "purchase"; bought && got["conversion_date"] != c.happened() {
		c.Errorf("the customer bought on %v", got["conversion_date"])
	}
}

func conversionChanged(c *acceptedCall) {
	want := c.changed(nil,
		map[string]func(any) any{"base_value_currency": func(v any) any { return string(currencyOf(v)) }})
	delete(want, "reprice")
	if c.sent["reprice"] == true {
		want["value"] = c.earned(want, max(0, number(want["affiliate_id"])), currencyOf(want["base_value_currency"]),
			text(want["created_at"]))
	}
	want["status"] = statusOfSale(want)
	c.shows("the conversion", c.got.data(), want)
	c.shows("the conversion that is read", c.get(c.call.path), want)
	c.again(c.call.path)
}

// conversionRefunded is for a refund, or for one that is undone.
func conversionRefunded(c *acceptedCall) {
	shown := c.got.data()
	want := maps.Clone(c.before)
	if want == nil { // the conversion that the body names
		want = maps.Clone(shown)
		want["refunded_amount"] = json.Number(cmp.Or(map[string]string{"4": "30"}[asText(shown["id"])], "0"))
		delete(want, "capped")
		delete(want, "unchanged")
		if name, given := c.given("reference"); given && shown["reference"] != name ||
			!given && number(c.sent["conversion_id"]) != number(shown["id"]) {
			c.Errorf("refunded %v", shown["id"])
		}
	}
	before, reversed := c.minor(want["refunded_amount"], 2), false
	base := new(big.Int)
	if want["base_value"] != nil {
		base = c.minor(want["base_value"], 2)
	}
	after, outcome := new(big.Int).Set(before), ""
	amount, part := c.given("amount")
	total, all := c.given("refunded_total")
	name, named := c.given("refund_reference")
	switch undo := strings.HasSuffix(c.call.path, "/undo-refund"); {
	case undo && named && name != "re_4":
		c.Errorf("a refund that there is not was undone")
	case undo && part:
		after.Sub(before, c.minor(amount, 2))
	case undo:
		after.SetInt64(0)
	case named && name == "re_4" && number(shown["id"]) == 4:
		outcome = "unchanged"
		if part && c.minor(amount, 2).Cmp(big.NewInt(3000)) != 0 {
			c.Errorf("a refund with another amount")
		}
	case part:
		after.Add(before, c.minor(amount, 2))
	case all && c.minor(total, 2).Cmp(before) < 0 && c.sent["told_at"] == nil && c.sent["lower"] != true:
	case all:
		after = c.minor(total, 2)
	case want["base_value"] == nil || base.Sign() == 0:
		reversed = true
	default:
		after = base
	}
	if after.Cmp(base) > 0 {
		if after, outcome = base, "capped"; !all && c.sent["cap"] != true {
			c.Errorf("more than all was refunded")
		}
	}
	if after.Cmp(before) == 0 && !reversed {
		outcome = "unchanged"
	}
	if outcome != "" {
		want[outcome] = true
	}
	want["refunded_amount"] = json.Number(shortest(after.String(), -2))
	if want["status"] = statusOfSale(want); reversed && want["affiliate_id"] != nil {
		want["status"] = "refunded"
	}
	c.shows("the conversion", shown, want)
	delete(want, "capped")
	delete(want, "unchanged")
	c.shows("the conversion that is read", c.get("/conversions/"+asText(shown["id"])), want)
}
