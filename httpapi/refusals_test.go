package httpapi_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
)

// A refusal is a call that must be refused and change nothing.
type refusal struct {
	call   string // method, path and body
	status int
	field  string
}

// populated is a world with two of everything.
func populated(t testing.TB, options httpapi.Options) *world {
	t.Helper()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("20")}, options)
	populate(t, w, w.key)
	return w
}

func populate(t testing.TB, w *world, key string) {
	t.Helper()
	for _, call := range []string{
		`/affiliates {"email": "jane@example.com", "referral_code": "JANE", "partner_slug": "jane"}`,
		`/affiliates {"email": "bob@example.com", "referral_code": "BOB"}`,
		`/referrals {"email": "carl@example.com", "affiliate_id": 1}`,
		`/referrals {"email": "dora@example.com"}`,
		`/coupons {"affiliate_id": 1, "coupon_code": "JANE20"}`,
		`/coupons {"affiliate_id": 2, "coupon_code": "BOB20"}`,
		`/conversions {"type": "purchase", "affiliate_id": 1, "referred_user_id": 1,
			"base_value": 50, "reference": "one"}`,
		`/conversions {"type": "signup", "value": 2, "base_value_currency": "JPY",
			"affiliate_id": 2, "reference": "two"}`,
	} {
		path, body, _ := strings.Cut(call, " ")
		w.do(t, "POST", path, body, "Authorization", "Bearer "+key).ok(t, 201)
	}
}

// addMoney adds to a populated world what calls about money need beyond conversions:
// three rules, the last one an ended version, an affiliate zoe, and two payouts to her,
// one canceled and one pending.
func (w *world) addMoney(t testing.TB) {
	t.Helper()
	for _, call := range []string{
		`POST /rules {"affiliate_id": 2, "commission": "30%"}`,
		`POST /rules {"product": "Pro", "commission": "5.00", "commission_duration": "6 payments"}`,
		`POST /affiliates {"email": "zoe@example.com", "referral_code": "ZOE"}`,
		`POST /adjustments {"affiliate_id": 3, "amount": 1000, "note": "a prize"}`,
		`POST /payouts {"minimum": 500}`,
		`POST /payouts/1/cancel`,
		`POST /payouts {"minimum": 500}`,
	} {
		method, rest, _ := strings.Cut(call, " ")
		path, body, _ := strings.Cut(rest, " ")
		if got := w.do(t, method, path, body); got.status >= 300 {
			t.Fatalf("%s: %d %s", call, got.status, got.body)
		}
	}
}

// addWebhooks adds two: the first has two deliveries, the second is inactive.
func (w *world) addWebhooks(t testing.TB) {
	t.Helper()
	w.do(t, "POST", "/webhooks", `{"url": "https://example.com/hooks"}`).ok(t, 201)
	w.do(t, "POST", "/webhooks",
		`{"url": "https://example.com/off", "events": ["referral_canceled"], "status": "inactive"}`).ok(t, 201)
	w.do(t, "POST", "/webhooks/1/test", "").ok(t, 202)
	w.do(t, "POST", "/webhooks/1/test", `{"event": "referral_canceled"}`).ok(t, 202)
}

func TestRefusals(t *testing.T) {
	single(t)
	t.Parallel()
	long := strings.Repeat("x", 256)
	calls := []refusal{
		// What is not an object.
		{"POST /affiliates [1]", 400, ""},
		{"POST /affiliates null", 400, ""},
		{`POST /affiliates "email"`, 400, ""},
		{"POST /affiliates 1", 400, ""},
		{"POST /affiliates {", 400, ""},
		{"POST /affiliates \n", 400, ""},
		{`POST /affiliates {"email": "x@example.com"`, 400, ""},
		{`POST /affiliates {"email": "x@example.com",}`, 400, ""},
		{`POST /affiliates {"email": "x@example.com"} {}`, 400, ""},
		{`POST /affiliates {"email": "x@example.com"};`, 400, ""},
		{`POST /affiliates {'email': "x@example.com"}`, 400, ""},
		{`POST /affiliates {email: "x@example.com"}`, 400, ""},
		{`POST /affiliates {"email" "x@example.com"}`, 400, ""},
		{"POST /affiliates \ufeff\ufeff{}", 400, ""},
		{"POST /affiliates {\"email\": \"x@example.com\xff\"}", 400, ""},
		{"POST /affiliates {\"email\": \"x\nx@example.com\"}", 400, ""},
		{`POST /affiliates {"email": "\ud800x@example.com"}`, 400, "email"},
		{`POST /affiliates {"email": "\udc00\ud800x@example.com"}`, 400, "email"},
		{`POST /affiliates {"email": "\x41@example.com"}`, 400, ""},
		{`POST /affiliates {"email": "x@example.com", "a": ` + strings.Repeat("[", 10_000) +
			strings.Repeat("]", 10_000) + "}", 400, "a" + strings.Repeat("[0]", 32)},
		{`POST /affiliates ` + strings.Repeat(`{"a":`, 10_000), 400, strings.TrimSuffix(strings.Repeat("a.", 33), ".")},
		{`POST /conversions {"type": "signup", "value": 01}`, 400, ""},
		{`POST /conversions {"type": "signup", "value": 1.}`, 400, ""},
		{`POST /conversions {"type": "signup", "value": .5}`, 400, ""},
		{`POST /conversions {"type": "signup", "value": +5}`, 400, ""},
		{`POST /conversions {"type": "signup", "value": NaN}`, 400, ""},
		{`POST /conversions {"type": "signup", "value": 0x10}`, 400, ""},
		{`POST /conversions {"type": "signup", "paid": True}`, 400, ""},

		// Names.
		{`POST /affiliates {"email": "x@example.com", "email": "y@example.com"}`, 400, "email"},
		{`POST /affiliates {"email": "x@example.com", "\u0065mail": "x@example.com"}`, 400, "email"},
		{`POST /affiliates {"Email": "x@example.com"}`, 400, "Email"},
		{`POST /affiliates {"email": "x@example.com", "EMAIL": "x@example.com"}`, 400, "EMAIL"},
		{`POST /affiliates {"email": "x@example.com", "name": "X"}`, 400, "name"},
		{`POST /affiliates {"email": "x@example.com", "": 1}`, 400, `""`},
		{`POST /affiliates {"email": "x@example.com", "status": "active"}`, 400, "status"},
		{`PUT /affiliates/jane@example.com {"status": "inactive", "id": 7}`, 400, "id"},
		{`PUT /affiliates/jane@example.com {"payout_preferences": {"paypal_email": "p@example.com", "iban": "1"}}`,
			400, "payout_preferences.iban"},
		{`PUT /affiliates/jane@example.com {"payout_preferences": {"wise_details": {"accountid": "1"}}}`,
			400, "payout_preferences.wise_details.accountid"},
		{`PUT /affiliates/jane@example.com {"payout_preferences": {"paypal_email": "a@b.co",
			"paypal_email": "c@d.co"}}`, 400, "payout_preferences.paypal_email"},
		{`POST /conversions {"type": "signup", "created_at": "2024-01-01T00:00:00Z"}`, 400, "created_at"},
		{`POST /referrals {"email": "x@example.com", "external_id": "u1"}`, 400, "external_id"},
		{`PUT /referrals/carl@example.com {"external_id": "u1"}`, 400, "external_id"},
		{`POST /coupons {"affiliate_id": 1, "coupon_code": "XXX", "code": "XXX"}`, 400, "code"},

		// Affiliates.
		{"POST /affiliates", 400, "email"},
		{"POST /affiliates {}", 400, "email"},
		{`POST /affiliates {"email": null}`, 400, "email"},
		{`POST /affiliates {"email": ""}`, 400, "email"},
		{`POST /affiliates {"email": 5}`, 400, "email"},
		{`POST /affiliates {"email": ["x@example.com"]}`, 400, "email"},
		{`POST /affiliates {"email": "x"}`, 400, "email"},
		{`POST /affiliates {"email": "Bob <x@example.com>"}`, 400, "email"},
		{`POST /affiliates {"email": " x@example.com"}`, 400, "email"},
		{`POST /affiliates {"email": "\"x\"@example.com"}`, 400, "email"},
		{`POST /affiliates {"email": "x@example.com\u0000"}`, 400, "email"},
		{`POST /affiliates {"email": "x@example.com", "referral_code": ""}`, 400, "referral_code"},
		{`POST /affiliates {"email": "x@example.com", "referral_code": "ab"}`, 400, "referral_code"},
		{`POST /affiliates {"email": "x@example.com", "referral_code": "a b c"}`, 400, "referral_code"},
		{`POST /affiliates {"email": "x@example.com", "referral_code": 123}`, 400, "referral_code"},
		{`POST /affiliates {"email": "x@example.com", "partner_slug": "Jane"}`, 400, "partner_slug"},
		{`POST /affiliates {"email": "x@example.com", "partner_slug": ""}`, 400, "partner_slug"},
		{`POST /affiliates {"email": "JANE@example.com"}`, 409, "email"},
		{`POST /affiliates {"email": "x@example.com", "referral_code": "jane"}`, 409, "referral_code"},
		{`POST /affiliates {"email": "x@example.com", "partner_slug": "bob"}`, 409, "partner_slug"},
		{"POST /affiliates?dry=1 {\"email\": \"x@example.com\"}", 400, "dry"},
		{"PUT /affiliates/jane@example.com", 400, ""},
		{"PUT /affiliates/jane@example.com {}", 400, ""},
		{`PUT /affiliates/jane@example.com {"email": null}`, 400, "email"},
		{`PUT /affiliates/jane@example.com {"email": ""}`, 400, "email"},
		{`PUT /affiliates/jane@example.com {"email": "nobody"}`, 400, "email"},
		{`PUT /affiliates/jane@example.com {"email": "bob@example.com", "status": "inactive"}`, 409, "email"},
		{`PUT /affiliates/jane@example.com {"status": "inactive", "referral_code": "BoB"}`, 409, "referral_code"},
		{`PUT /affiliates/jane@example.com {"referral_code": null}`, 400, "referral_code"},
		{`PUT /affiliates/jane@example.com {"status": "gone"}`, 400, "status"},
		{`PUT /affiliates/jane@example.com {"status": "Active"}`, 400, "status"},
		{`PUT /affiliates/jane@example.com {"status": null}`, 400, "status"},
		{`PUT /affiliates/jane@example.com {"status": true}`, 400, "status"},
		{`PUT /affiliates/jane@example.com {"partner_slug": ""}`, 400, "partner_slug"},
		{`PUT /affiliates/jane@example.com {"payout_preferences": "paypal"}`, 400, "payout_preferences"},
		{`PUT /affiliates/jane@example.com {"payout_preferences": {}}`, 400, "payout_preferences"},
		{`PUT /affiliates/jane@example.com {"payout_preferences": {"wise_details": {}}}`,
			400, "payout_preferences.wise_details"},
		{`PUT /affiliates/jane@example.com {"payout_preferences": {"paypal_email": "=cmd@example.com"}}`,
			400, "payout_preferences.paypal_email"},
		{`PUT /affiliates/jane@example.com {"payout_preferences": {"wise_details": {"email": "x"}}}`,
			400, "payout_preferences.wise_details.email"},
		{`PUT /affiliates/jane@example.com {"payout_preferences": {"wise_details": {"accountId": 12}}}`,
			400, "payout_preferences.wise_details.accountId"},
		{`PUT /affiliates/jane@example.com {"payout_preferences": {"wise_details": [1]}}`,
			400, "payout_preferences.wise_details"},
		{`PUT /affiliates/nobody@example.com {"status": "inactive"}`, 404, ""},
		{`PUT /affiliates/nobody {"status": "inactive"}`, 400, "email"},
		{"GET /affiliates/nobody@example.com", 404, ""},
		{"GET /affiliates/jane", 400, "email"},
		{"GET /affiliates/9", 404, ""},
		{"GET /affiliates/0", 400, "id"},
		{"GET /affiliates/01", 400, "id"},
		{"GET /affiliates/9223372036854775808", 400, "id"},
		{"GET /affiliates/-1", 400, "email"},
		{"GET /affiliates/1.0", 400, "email"},
		{`PUT /affiliates/9 {"status": "inactive"}`, 404, ""},
		{`PUT /affiliates/0 {"status": "inactive"}`, 400, "id"},
		{"DELETE /affiliates/9", 404, ""},
		{"DELETE /affiliates/00", 400, "id"},
		{"GET /affiliates/%00@example.com", 400, "email"},
		{"GET /affiliates/%ff@example.com", 400, "email"},
		{"GET /affiliates/jane%2540example.com", 400, "email"}, // decoded once
		{"GET /affiliates/jane@example.com?limit=1", 400, "limit"},
		{"DELETE /affiliates/nobody@example.com", 404, ""},
		{"DELETE /affiliates/jane", 400, "email"},
		{"DELETE /affiliates/jane@example.com?force=true", 400, "force"},

		// Conversions.
		{"POST /conversions", 400, "type"},
		{`POST /conversions {"base_value": 5}`, 400, "type"},
		{`POST /conversions {"type": "sale", "base_value": 5}`, 400, "type"},
		{`POST /conversions {"type": "Purchase", "base_value": 5}`, 400, "type"},
		{`POST /conversions {"type": "purchase"}`, 400, "base_value"},
		{`POST /conversions {"type": "purchase", "base_value": null}`, 400, "base_value"},
		{`POST /conversions {"type": "purchase", "base_value": true}`, 400, "base_value"},
		{`POST /conversions {"type": "purchase", "base_value": {}}`, 400, "base_value"},
		{`POST /conversions {"type": "purchase", "base_value": -1}`, 400, "base_value"},
		{`POST /conversions {"type": "purchase", "base_value": 12.345}`, 400, "base_value"},
		{`POST /conversions {"type": "purchase", "base_value": 1.5, "base_value_currency": "JPY"}`, 400, "base_value"},
		{`POST /conversions {"type": "purchase", "base_value": 1, "base_value_currency": "JPY", "value": 0.1}`,
			400, "value"},
		{`POST /conversions {"type": "purchase", "base_value": 90000000000000.01}`, 400, "base_value"},
		{`POST /conversions {"type": "purchase", "base_value": 1e999999999}`, 400, "base_value"},
		{`POST /conversions {"type": "purchase", "base_value": 1e-999999999}`, 400, "base_value"},
		{`POST /conversions {"type": "purchase", "base_value": ` + strings.Repeat("9", 500_000) + `}`,
			400, "base_value"},
		{`POST /conversions {"type": "signup", "value": -0.01}`, 400, "value"},
		{`POST /conversions {"type": "signup", "value": 0.001}`, 400, "value"},
		{`POST /conversions {"type": "signup", "value": "one"}`, 400, "value"},
		{`POST /conversions {"type": "purchase", "base_value": 5, "base_value_currency": "US"}`,
			400, "base_value_currency"},
		{`POST /conversions {"type": "purchase", "base_value": 5, "base_value_currency": "XAU"}`,
			400, "base_value_currency"},
		{`POST /conversions {"type": "purchase", "base_value": 5, "base_value_currency": "BTC"}`,
			400, "base_value_currency"},
		{`POST /conversions {"type": "purchase", "base_value": 5, "base_value_currency": ""}`,
			400, "base_value_currency"},
		{`POST /conversions {"type": "purchase", "base_value": 5, "base_value_currency": 840}`,
			400, "base_value_currency"},
		{`POST /conversions {"type": "signup", "affiliate_id": 0}`, 400, "affiliate_id"},
		{`POST /conversions {"type": "signup", "affiliate_id": -1}`, 400, "affiliate_id"},
		{`POST /conversions {"type": "signup", "affiliate_id": 1.5}`, 400, "affiliate_id"},
		{`POST /conversions {"type": "signup", "affiliate_id": 1.0}`, 400, "affiliate_id"},
		{`POST /conversions {"type": "signup", "affiliate_id": 1e0}`, 400, "affiliate_id"},
		{`POST /conversions {"type": "signup", "affiliate_id": 9223372036854775808}`, 400, "affiliate_id"},
		{`POST /conversions {"type": "signup", "affiliate_id": 99}`, 404, ""},
		{`POST /conversions {"type": "signup", "referred_user_id": 0}`, 400, "referred_user_id"},
		{`POST /conversions {"type": "signup", "referred_user_id": 99}`, 404, ""},
		{`POST /conversions {"type": "signup", "paid": 1}`, 400, "paid"},
		{`POST /conversions {"type": "signup", "reference": ""}`, 400, "reference"},
		{`POST /conversions {"type": "signup", "reference": 123}`, 400, "reference"},
		{`POST /conversions {"type": "signup", "reference": "a\u0007b"}`, 400, "reference"},
		{`POST /conversions {"type": "signup", "reference": "` + long + `"}`, 400, "reference"},
		{`POST /conversions {"type": "signup", "reference": "one"}`, 409, "reference"},
		{`POST /conversions {"type": "purchase", "base_value": 5, "email": "new@example.com", "reference": "one"}`,
			409, "reference"},
		{`POST /conversions {"type": "signup", "occurred_at": "2026-01-15T12:00:00.001Z"}`, 400, "occurred_at"},
		{`POST /conversions {"type": "signup", "occurred_at": "2999-01-01"}`, 400, "occurred_at"},
		{`POST /conversions {"type": "signup", "occurred_at": 9999999999999}`, 400, "occurred_at"},
		{`POST /conversions {"type": "signup", "occurred_at": "1969-12-31"}`, 400, "occurred_at"},
		{`POST /conversions {"type": "signup", "occurred_at": ""}`, 400, "occurred_at"},
		{`POST /conversions {"type": "signup", "occurred_at": "yesterday"}`, 400, "occurred_at"},
		{`POST /conversions {"type": "signup", "occurred_at": "2024-01-31 23:30:00"}`, 400, "occurred_at"},
		{`POST /conversions {"type": "signup", "occurred_at": "2024-02-30T00:00:00Z"}`, 400, "occurred_at"},
		{`POST /conversions {"type": "signup", "occurred_at": 20240131}`, 400, "occurred_at"},
		{`POST /conversions {"type": "signup", "occurred_at": 1706743800.5}`, 400, "occurred_at"},
		{`POST /conversions {"type": "signup", "occurred_at": -1706743800}`, 400, "occurred_at"},
		{`POST /conversions {"type": "signup", "occurred_at": true}`, 400, "occurred_at"},
		{`POST /conversions {"type": "signup", "occurred_at": {}}`, 400, "occurred_at"},
		{`PUT /conversions/1 {"occurred_at": "2024-01-31"}`, 400, "occurred_at"},
		{`PUT /conversions/1 {"reprice": true, "value": 5}`, 400, "value"},
		{`PUT /conversions/1 {"reprice": true, "value": 0, "affiliate_id": 2}`, 400, "value"},
		{`PUT /conversions/1 {"reprice": null}`, 400, "reprice"},
		{`PUT /conversions/1 {"reprice": 1}`, 400, "reprice"},
		{`PUT /conversions/1 {"reprice": "yes"}`, 400, "reprice"},
		{`PUT /conversions/99 {"reprice": true}`, 404, ""},
		{`POST /conversions {"type": "signup", "reprice": true}`, 400, "reprice"},
		{"PUT /conversions/1", 400, ""},
		{"PUT /conversions/1 {}", 400, ""},
		{`PUT /conversions/1 {"value": null}`, 400, "value"},
		{`PUT /conversions/1 {"value": -1}`, 400, "value"},
		{`PUT /conversions/1 {"value": 1.001}`, 400, "value"},
		{`PUT /conversions/1 {"value": "1,0"}`, 400, "value"},
		{`PUT /conversions/1 {"base_value": null}`, 400, "base_value"},
		{`PUT /conversions/1 {"base_value": 1.001}`, 400, "base_value"},
		{`PUT /conversions/2 {"value": 1.5}`, 400, "value"}, // it is in JPY
		{`PUT /conversions/2 {"type": "purchase"}`, 400, "base_value"},
		{`PUT /conversions/1 {"type": null}`, 400, "type"},
		{`PUT /conversions/1 {"type": "sale"}`, 400, "type"},
		{`PUT /conversions/1 {"paid": null}`, 400, "paid"},
		{`PUT /conversions/1 {"paid": 0}`, 400, "paid"},
		{`PUT /conversions/1 {"reference": ""}`, 400, "reference"},
		{`PUT /conversions/1 {"reference": "two"}`, 409, "reference"},
		{`PUT /conversions/1 {"coupon_code_used": ""}`, 400, "coupon_code_used"},
		{`PUT /conversions/1 {"base_value_currency": null}`, 400, "base_value_currency"},
		{`PUT /conversions/1 {"base_value_currency": "ABC"}`, 400, "base_value_currency"},
		{`PUT /conversions/1 {"affiliate_id": 0}`, 400, "affiliate_id"},
		{`PUT /conversions/1 {"affiliate_id": 99, "value": 1}`, 404, ""},
		{`PUT /conversions/1 {"referred_user_id": 1}`, 400, "referred_user_id"},
		{`PUT /conversions/99 {"paid": true}`, 404, ""},
		{`PUT /conversions/x {"paid": true}`, 400, "id"},
		{"GET /conversions/99", 404, ""},
		{"DELETE /conversions/99", 404, ""},
		{"GET /conversions/x", 400, "id"},
		{"GET /conversions/0", 400, "id"},
		{"GET /conversions/-1", 400, "id"},
		{"GET /conversions/+1", 400, "id"},
		{"GET /conversions/01", 400, "id"},
		{"GET /conversions/1.0", 400, "id"},
		{"GET /conversions/%31%20", 400, "id"},
		{"GET /conversions/9223372036854775808", 400, "id"},
		{"DELETE /conversions/one", 400, "id"},

		// Referrals.
		{"POST /referrals", 400, "email"},
		{`POST /referrals {"affiliate_id": 1}`, 400, "email"},
		{`POST /referrals {"email": "x"}`, 400, "email"},
		{`POST /referrals {"email": "x@example.com", "affiliate_id": 99}`, 404, ""},
		{`POST /referrals {"email": "x@example.com", "status": "new"}`, 400, "status"},
		{`POST /referrals {"email": "x@example.com", "status": ""}`, 400, "status"},
		{`POST /referrals {"email": "CARL@example.com"}`, 409, "email"},
		{"PUT /referrals/carl@example.com {}", 400, ""},
		{`PUT /referrals/carl@example.com {"email": "dora@example.com"}`, 409, "email"},
		{`PUT /referrals/carl@example.com {"email": null}`, 400, "email"},
		{`PUT /referrals/carl@example.com {"affiliate_id": 99, "status": "direct"}`, 404, ""},
		{`PUT /referrals/carl@example.com {"affiliate_id": 0}`, 400, "affiliate_id"},
		{`PUT /referrals/carl@example.com {"status": null}`, 400, "status"},
		{`PUT /referrals/carl@example.com {"status": "gone"}`, 400, "status"},
		{`PUT /referrals/nobody@example.com {"status": "direct"}`, 404, ""},
		{"GET /referrals/nobody@example.com", 404, ""},
		{"GET /referrals/carl", 400, "email"},
		{"GET /referrals/9", 404, ""},
		{"GET /referrals/0", 400, "id"},
		{`PUT /referrals/9 {"status": "direct"}`, 404, ""},
		{`PUT /referrals/09 {"status": "direct"}`, 400, "id"},
		{"DELETE /referrals/9", 404, ""},
		{"DELETE /referrals/9223372036854775808", 400, "id"},
		{"DELETE /referrals/nobody@example.com", 404, ""},
		{"POST /referrals/1/merge", 400, "from"},
		{`POST /referrals/1/merge {"from": null}`, 400, "from"},
		{`POST /referrals/1/merge {"from": 1}`, 400, "from"},
		{`POST /referrals/1/merge {"from": 0}`, 400, "from"},
		{`POST /referrals/1/merge {"from": "dora@example.com"}`, 400, "from"},
		{`POST /referrals/1/merge {"from": 99}`, 404, ""},
		{`POST /referrals/1/merge {"from": 2, "to": 1}`, 400, "to"},
		{`POST /referrals/99/merge {"from": 1}`, 404, ""},
		{`POST /referrals/carl@example.com/merge {"from": 2}`, 400, "id"},
		{"DELETE /referrals/carl", 400, "email"},

		// Coupons.
		{"POST /coupons", 400, "affiliate_id"},
		{`POST /coupons {"coupon_code": "XXX"}`, 400, "affiliate_id"},
		{`POST /coupons {"affiliate_id": null, "coupon_code": "XXX"}`, 400, "affiliate_id"},
		{`POST /coupons {"affiliate_id": 1}`, 400, "coupon_code"},
		{`POST /coupons {"affiliate_id": 1, "coupon_code": "a b"}`, 400, "coupon_code"},
		{`POST /coupons {"affiliate_id": 1, "coupon_code": "bob20"}`, 409, "coupon_code"},
		{`POST /coupons {"affiliate_id": 99, "coupon_code": "XXX"}`, 404, ""},
		{`POST /coupons {"affiliate_id": 1, "coupon_code": "XXX", "stripe_coupon_id": ""}`, 400, "stripe_coupon_id"},
		{`POST /coupons {"affiliate_id": 1, "coupon_code": "XXX", "lemonsqueezy_discount_code": 5}`,
			400, "lemonsqueezy_discount_code"},
		{`POST /coupons {"affiliate_id": 1, "coupon_code": "XXX", "status": "on"}`, 400, "status"},
		{"PUT /coupons/1 {}", 400, ""},
		{`PUT /coupons/1 {"affiliate_id": null}`, 400, "affiliate_id"},
		{`PUT /coupons/1 {"affiliate_id": 99}`, 404, ""},
		{`PUT /coupons/1 {"coupon_code": null}`, 400, "coupon_code"},
		{`PUT /coupons/1 {"coupon_code": "BOB20"}`, 409, "coupon_code"},
		{`PUT /coupons/1 {"stripe_coupon_id": ""}`, 400, "stripe_coupon_id"},
		{`PUT /coupons/1 {"status": "off"}`, 400, "status"},
		{`PUT /coupons/99 {"status": "inactive"}`, 404, ""},
		{"GET /coupons/JANE20", 400, "id"},
		{"GET /coupons/99", 404, ""},
		{"DELETE /coupons/99", 404, ""},
	}
	calls = append(calls, refusalsOfMoney()...)
	calls = append(calls, refusalsOfWebhooks()...)
	calls = append(calls, refusalsOfTracking()...)
	for _, list := range []string{
		"affiliates", "conversions", "referrals", "coupons", "rules",
		"payouts", "payouts/1/entries", "affiliates/jane@example.com/ledger",
		"webhooks", "webhooks/1/deliveries",
	} {
		for query, field := range map[string]string{
			"limit=0": "limit", "limit=501": "limit", "limit=-1": "limit",
			"limit=+5": "limit", "limit=1.5": "limit", "limit=abc": "limit",
			"limit=5&limit=5": "limit", "limit=&limit=": "limit",
			"limit=99999999999999999999": "limit", "Limit=5": "Limit",
			"offset=-1": "offset", "offset=x": "offset", "offset=99999999999999999999": "offset",
			"cursor=x": "cursor", "cursor=" + strings.Repeat("A", 32): "cursor",
			"page=2": "page", "=1": `""`,
			"%zz=1": "%zz", "limit=%zz": "limit", "limit=%ff": "limit",
			"%FF=1": "%FF", "limit=5%": "limit", "limit=5;offset=1": "limit",
			"status=%C3%28": "status",
		} {
			if list == "conversions" && strings.HasPrefix(query, "status") {
				continue // which has no such filter
			}
			calls = append(calls, refusal{"GET /" + list + "?" + query, 400, field})
		}
	}
	for query, field := range map[string]string{
		"affiliates?status=gone": "status", "affiliates?status=Active": "status",
		"affiliates?affiliate_id=1": "affiliate_id",
		"referrals?status=active":   "status", "referrals?affiliate_id=0": "affiliate_id",
		"referrals?affiliate_id=x": "affiliate_id",
		"coupons?status=gone":      "status", "coupons?affiliate_id=1.5": "affiliate_id",
		"conversions?type=sale": "type", "conversions?affiliate_id=-1": "affiliate_id",
		"conversions?referred_user_id=1e0": "referred_user_id",
		"conversions?paid=yes":             "paid", "conversions?paid=TRUE": "paid",
		"conversions?paid=true&paid=true":     "paid",
		"conversions?reference=a&reference=b": "reference", "conversions?Reference=a": "Reference",
		"affiliates?referral_code=a&referral_code=a": "referral_code", "affiliates?reference=a": "reference",
		"referrals?external_id=&external_id=": "external_id", "coupons?external_id=1": "external_id",
		"conversions?status=paid": "status", "conversions?from=yesterday": "from",
		"conversions?to=170000000": "to", "conversions?from=2024-02-30": "from",
		"conversions?from=2024-01-01T10:00": "from", "conversions?from=2024-01-01T10:00:00++02:00": "from",
		"conversions?to=2024-1-1":                   "to",
		"conversions?from=2024-01-02&to=2024-01-01": "from", "conversions?to=2024-01-01%2010:00:00Z": "to",
	} {
		calls = append(calls, refusal{"GET /" + query, 400, field})
	}

	w := populated(t, noLimit)
	w.addMoney(t)
	w.addWebhooks(t)
	before := w.dump(t)
	operations := w.engine.Stats().Operations
	for _, call := range calls {
		method, rest, _ := strings.Cut(call.call, " ")
		path, body, _ := strings.Cut(rest, " ")
		got := w.do(t, method, path, body)
		code := map[int]string{400: "invalid", 403: "name_fixed", 404: "not_found", 409: "conflict"}[call.status]
		got.refused(t, call.status, code, call.field)
		if t.Failed() {
			t.Fatalf("by %.200s", call.call)
		}
		if message := text(got.json["error"]); len(message) > 2500 ||
			call.field != "" && !strings.HasPrefix(message, call.field+": ") {
			t.Errorf("%.200s: the message is %q", call.call, message)
		}
	}
	if after := w.dump(t); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
	if n := w.engine.Stats().Operations; n != operations {
		t.Errorf("%s operations were committed", strconv.FormatInt(n-operations, 10))
	}
}

func TestMessagesSayWhatWouldBeRight(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	w.addWebhooks(t)
	for _, c := range []struct{ call, want string }{
		{`POST /affiliates {"Email": "x@example.com"}`,
			"Email: is not a field of this call; it is written email"},
		{`POST /affiliates {"mail": "x@example.com"}`,
			"mail: is not a field of this call, which takes email, referral_code, partner_slug, " +
				"payout_preferences"},
		{`POST /affiliates {"email": "x@example.com"} x`,
			"The body is not valid JSON: unexpected 'x' after the object, in line 1, column 28"},
		{`POST /conversions {"type": "signup", "value": "one"}`,
			"value: must be a number"},
		{`POST /conversions {"type": "purchase", "base_value": 12.345}`,
			"base_value: 12.345 has 3 decimals; USD has 2"},
		{`POST /conversions {"type": "signup", "affiliate_id": 1.0}`,
			"affiliate_id: must be a positive integer"},
		{`POST /conversions {"type": "signup", "reference": ""}`,
			"reference: must not be empty: leave it out or send null"},
		{`PUT /conversions/1 {"paid": null}`,
			"paid: must not be null: leave it out to keep it as it is"},
		{`PUT /referrals/carl@example.com`,
			"The body has no field that can be changed; it can have email, affiliate_id, status"},
		{`GET /conversions?paid=yes`, "paid: must be true or false"},
		{`GET /affiliates?limit=501`, "limit: must be a whole number from 1 to 500"},
		{`GET /affiliates?page=1`,
			"page: is not a query parameter of this call, which takes limit, offset, cursor, status, referral_code"},
		{`GET /coupons/1?x=1`, "x: is not a query parameter of this call, which takes none"},
		{`GET /conversions?from=2024-01-01T10:00:00x02:00`,
			"from: must be a date such as 2024-07-29, an instant such as 2024-07-29T13:00:00Z, " +
				"or Unix seconds (10 digits) or milliseconds (13)"},
		{`DELETE /conversions/one`, "id: must be a positive integer"},
		{`POST /affiliates {"email": "Bob <x@example.com>"}`,
			"email: must be a plain email address such as jane@example.com"},
		{`PUT /affiliates/jane@example.com {"status": "inactive", "email": ""}`,
			"email: must not be empty"},
		{`PUT /project {"days": 30}`,
			"days: is not a field of this call, which takes name, currency, commission, commission_duration, " +
				"signup_commission, hold_days, minimum_payout, coupon_first, self_referral, touch, cookie_days, " +
				"click_days, landing_url, allowed_origins"},
		{`POST /clicks {"code": "JANE"}`,
			"code: is not a field of this call, which takes clicks, referral_code, url, referrer, ip_address, " +
				"user_agent"},
		{`POST /clicks {"clicks": [{"referral_code": "JANE", "ip": "::1"}]}`,
			"clicks[0].ip: is not a field of this call, which takes referral_code, url, referrer, ip_address, " +
				"user_agent"},
		{`POST /clicks {"clicks": [], "referral_code": "JANE"}`,
			"clicks: must have 1 to 500 elements"},
		{`POST /clicks {"clicks": "JANE"}`, "clicks: must be an array of objects"},
		{`POST /clicks {"referral_code": "JANE", "ip_address": "local"}`,
			"ip_address: must be an IP address such as 203.0.113.9 or 2001:db8::9, without a port"},
		{`POST /clicks {"clicks": [{"referral_code": "JANE"}], "url": ""}`,
			"url: cannot be used together with clicks"},
		{`GET /statistics?from=2026-01-02&to=2026-01-01`, "from: must not be after to"},
		{`PUT /project {"allowed_origins": "https://example.com"}`,
			"allowed_origins: must be an array of strings"},
		{`PUT /project {"hold_days": 1.5}`, "hold_days: must be a whole number of 0 or more"},
		{`POST /payouts/1/cancel {"x": 1}`, "x: is not a field of this call, which takes none"},
		{`POST /payouts {"cutoff": "now"}`,
			"cutoff: must be a date such as 2024-07-29, an instant such as 2024-07-29T13:00:00Z, " +
				"or Unix seconds (10 digits) or milliseconds (13)"},
		{`POST /payouts {"minimum": 0.001}`, "minimum: 0.001 has 3 decimals; USD has 2"},
		{`GET /payouts/export?format=x`, `format: must be "paypal", "wise" or "wise_email"`},
		{`GET /payouts/export?format=paypal&currency=KWD`, "currency: PayPal does not take KWD, but AUD, BRL, CAD, CHF, " +
			"CZK, DKK, EUR, GBP, HKD, HUF, ILS, JPY, MXN, MYR, NOK, NZD, PHP, PLN, SEK, SGD, THB, TWD, USD"},
		{`GET /payouts/export`, `format: must be "paypal", "wise" or "wise_email"`},
		{`GET /affiliates/jane@example.com/statement`,
			"month: is required: a month such as 2026-10"},
		{`GET /affiliates/jane@example.com/statement?month=1`,
			"month: must be a month such as 2026-10"},
		{`POST /conversions/1/refund {"amount": 50.01}`,
			"amount: is more than is left of the base value: 50.00 USD"},
		{`POST /adjustments {"affiliate_id": 1, "note": "x"}`, "amount: is required"},
		{`POST /adjustments {"affiliate_id": 1, "amount": "five"}`,
			"amount: must be a number"},
		{`POST /webhooks {"url": "https://example.com", "events": ["purchase"]}`,
			`events: has the unknown event "purchase"; the events are ` +
				"affiliate_updated, payout_updated, " +
				"referral_canceled, referral_converted, referral_signed_up, referral_updated"},
		{`POST /webhooks {"url": "https://example.com", "events": "all"}`,
			"events: must be an array of strings"},
		{`POST /webhooks {"url": "https://u:p@example.com"}`,
			"url: must not have a user or password in it: requests are signed"},
		{`PUT /webhooks/1 {"secret": "` + ownSecret + `"}`,
			"secret: cannot be set: POST /webhooks/{id}/rotate makes a new one"},
		{`PUT /webhooks/1`,
			"The body has no field that can be changed; it can have url, events, status, payout_preferences"},
		{`POST /webhooks/1/replay`,
			"The body must have since, an instant or a date, or delivery_id"},
		{`POST /webhooks/2/test`, "The webhook is inactive: switch it on first"},
		{`GET /affiliates/jane@example.com/earnings?as_of=2026-06`,
			"as_of: must be a date such as 2024-07-29, an instant such as 2024-07-29T13:00:00Z, " +
				"or Unix seconds (10 digits) or milliseconds (13)"},
	} {
		method, rest, _ := strings.Cut(c.call, " ")
		path, body, _ := strings.Cut(rest, " ")
		if got := text(w.do(t, method, path, body).json["error"]); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.call, got, c.want)
		}
	}
}

// What is no JSON object is told apart by its bytes, whatever its content type says.
func TestKindsOfBodies(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	before := w.dump(t)
	multipart := "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nx@example.com\r\n--x--\r\n"
	for body, message := range map[string]string{
		"email=x%40example.com":                     "The body is a form: ",
		"email=x%40example.com&referral_code=XX1\n": "The body is a form: ",
		"a[]=":                             "The body is a form: ",
		multipart:                          "The body is a multipart form: ",
		`"{\"email\": \"x@example.com\"}"`: "The body is a JSON string that holds JSON, as if it was encoded twice: ",
	} {
		for _, kind := range []string{"", "application/json", "application/x-www-form-urlencoded"} {
			got := w.do(t, "POST", "/affiliates", body, "Content-Type", kind)
			got.refused(t, 415, "unsupported_media_type", "")
			if text(got.json["error"]) != message+`send a JSON object, such as {"name": "value"}` {
				t.Errorf("%q: %s", body, got.body)
			}
		}
	}
	for body, message := range map[string]string{
		"\n{\n  \"email\": \"é\", 'x': 1}": "The body is not valid JSON: " +
			"unexpected '\\'' where a name should be, in line 3, column 17",
		"{\n\n":               "The body is not valid JSON: it ends too early, in line 3, column 1",
		"[1]":                 `The body must be a JSON object, such as {"name": "value"}`,
		`"x@example.de"`:      `The body must be a JSON object, such as {"name": "value"}`,
		"a==b c":              `The body must be a JSON object, such as {"name": "value"}`,
		`{"email": "\ud83d"}`: "email: has half of a surrogate pair, which is not a character",
	} {
		got := w.do(t, "POST", "/affiliates", body, "Content-Type", "multipart/form-data")
		if got.status != 400 || text(got.json["error"]) != message {
			t.Errorf("%q: %d %s", body, got.status, got.body)
		}
	}
	if w.dump(t) != before {
		t.Error("something changed")
	}
	w.do(t, "POST", "/affiliates", "\ufeff{\"email\": \"x@example.com\"}", "Content-Type", "text/plain").ok(t, 201)
}

// Forms, and several languages, have texts where there should be numbers. What is plain
// digits loses nothing.
func TestNumbersAsTexts(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	got := w.do(t, "POST", "/conversions",
		`{"type": "purchase", "base_value": "250.10", "value": "1e1", "affiliate_id": "1", "paid": "true"}`).
		ok(t, 201).data()
	if number(got["affiliate_id"]) != 1 || asText(got["base_value"]) != "250.1" || asText(got["value"]) != "10" ||
		got["paid"] != true {
		t.Errorf("recorded %v", got)
	}
	before := w.dump(t)
	for body, field := range map[string]string{
		`{"type": "signup", "value": ""}`: "value", `{"type": "signup", "value": " 1"}`: "value",
		`{"type": "signup", "value": "1 "}`: "value", `{"type": "signup", "value": "0x10"}`: "value",
		`{"type": "signup", "value": "1,5"}`: "value", `{"type": "signup", "value": "01"}`: "value",
		`{"type": "signup", "value": "Infinity"}`: "value", `{"type": "signup", "value": "1.001"}`: "value",
		`{"type": "signup", "affiliate_id": "one"}`: "affiliate_id",
		`{"type": "signup", "affiliate_id": "1.0"}`: "affiliate_id",
		`{"type": "signup", "paid": "True"}`:        "paid",
		`{"type": "signup", "paid": 1}`:             "paid", `{"type": "signup", "paid": ""}`: "paid",
	} {
		w.do(t, "POST", "/conversions", body).refused(t, 400, "invalid", field)
	}
	if w.dump(t) != before {
		t.Error("something changed")
	}
}
