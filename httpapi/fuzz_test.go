package httpapi_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// FuzzBody sends bodies to every call that takes one: what is refused changes nothing,
// and what is accepted reads back as the model says.
func FuzzBody(f *testing.F) {
	calls := fuzzedCalls()
	for _, seed := range slices.Concat(acceptedBodies, refusedBodies) {
		call, body := taken(seed)
		f.Add(uint8(slices.IndexFunc(calls, call.is)), body)
	}
	f.Add(uint8(1), "a=b") // a form
	l := newLab(f, fillLab(f))
	f.Fuzz(func(t *testing.T, call uint8, body string) { l.checkBody(t, calls[int(call)%len(calls)], body) })
}

// The same bodies, for real: what is accepted is committed, with the same answer as in
// a transaction that is rolled back, and leaves everything in order.
func TestBodiesForReal(t *testing.T) {
	t.Parallel()
	l := newLab(t, fillLab(t))
	random := regexp.MustCompile(`"(referral_code|secret)":"[^"]*"`)
	for i, seed := range slices.Concat(acceptedBodies, refusedBodies) {
		call, body := taken(seed)
		var drafted reply
		l.draft(t, func(s *site) { drafted = s.judge(t, call, body) })
		got := l.judge(t, call, body)
		// The API in a transaction knows its caller from the app, not by a key.
		drafted.body = bytes.ReplaceAll(drafted.body, []byte(`"by":"caller:host"`), []byte(`"by":"key:1"`))
		if !bytes.Equal(random.ReplaceAll(got.body, nil), random.ReplaceAll(drafted.body, nil)) {
			t.Errorf("%s: %s, but in a transaction %s", seed, got.body, drafted.body)
		}
		if accepted := got.status < 400; accepted != (i < len(acceptedBodies)) {
			t.Errorf("%s: %d %s", seed, got.status, got.body)
		}
		l.audit(t, seed)
		if t.Failed() {
			t.Fatalf("by %s", seed)
		}
		l.restore(t)
	}
}

// taken takes a seed apart: method and path, and the body.
func taken(seed string) (fuzzedCall, string) {
	call, body, _ := strings.Cut(seed, " {")
	if body != "" {
		body = "{" + body
	}
	return callTo(call), body
}

// callTo finds a call by its method and path.
func callTo(name string) fuzzedCall {
	calls := fuzzedCalls()
	return calls[slices.IndexFunc(calls, func(c fuzzedCall) bool { return c.method+" "+c.path == name })]
}

func (call fuzzedCall) is(other fuzzedCall) bool {
	return call.method == other.method && call.path == other.path
}

// acceptedBodies begin with those that the reference prints, adapted to what the lab
// has.
var acceptedBodies = []string{
	`POST /affiliates {"email": "new.affiliate@example.com", "referral_code": "NEWCODE"}`,
	`PUT /affiliates/zoe@example.com {"status": "inactive"}`,
	`POST /conversions {"type": "purchase", "affiliate_id": 1, "base_value": 250,
		"base_value_currency": "USD", "reference": "ORDER-123"}`,
	`PUT /conversions/1 {"paid": true}`,
	`POST /referrals {"email": "manual.customer@example.com", "affiliate_id": 1, "status": "converted"}`,
	`PUT /referrals/carl@example.com {"affiliate_id": null, "status": "direct"}`,
	`POST /coupons {"affiliate_id": 1, "coupon_code": "JANE21", "stripe_coupon_id": "promo_xxx"}`,

	`POST /affiliates {"email": "X@Example.COM"}`,
	`POST /affiliates {"email": "x@example.com", "referral_code": null, "partner_slug": "xx-yy_zz"}`,
	`PUT /affiliates/zoe@example.com {"email": "ZOE+1@example.com",
		"referral_code": "zoe", "partner_slug": "zoe-1", "status": "active"}`,
	`PUT /affiliates/zoe@example.com {"payout_preferences": {"paypal_email": "P@example.com",
		"wise_details": {"accountId": "123", "email": "W@example.com"}, "wise_name": "Zoe, \"Z\""}}`,
	`PUT /affiliates/zoe@example.com {"payout_preferences": {"paypal_email": null,
		"wise_details": {"accountId": "11111111-2222-3333-4444-5555555555aB"}}, "partner_slug": null}`,
	`PUT /affiliates/zoe@example.com {"payout_preferences": {"wise_details": null}}`,
	`PUT /affiliates/zoe@example.com {"payout_preferences": {"wise_details": {"accountId": null,
		"email": null}, "paypal_email": null}}`,
	`PUT /affiliates/zoe@example.com {"partner_slug": "other", "status": "active"}`,
	`POST /conversions {"type": "signup", "coupon_code_used": "ls_jane", "referral_code": "ZOE-Z"}`,
	`POST /conversions {"type": "signup", "email": "0@.c", "url": "https://user:word@example.com/?a=b"}`,
	`PUT /affiliates/zoe@example.com {"payout_preferences": null}`,
	`PUT /affiliates/zoe@example.com {"payouts_paused": true, "payout_preferences": {"wise_name": null}}`,
	`POST /affiliates {"email": "x@example.com", "payout_preferences": {"paypal_email": "X@example.com",
		"wise_details": {"accountId": "5", "email": "w@example.com"}, "wise_name": "X Y"}}`,
	`POST /affiliates {"email": "x@example.com", "payout_preferences": null}`,
	`POST /referrals {"email": "Y@example.com"}`,
	`POST /referrals {"email": "y@example.com", "affiliate_id": 4}`,
	`POST /referrals {"email": "z@example.com", "affiliate_id": null, "status": "direct"}`,
	`PUT /referrals/carl@example.com {"email": "Carl.2@example.com", "affiliate_id": 2, "status": "pending"}`,
	`POST /referrals/1/merge {"from": 2}`,
	`POST /referrals/1/merge {"from": 3}`,
	`POST /coupons {"affiliate_id": 1, "coupon_code": "ABC", "stripe_coupon_id": "s",
		"lemonsqueezy_discount_code": "l", "status": "inactive"}`,
	`PUT /coupons/1 {"affiliate_id": 2, "coupon_code": "jane20", "stripe_coupon_id": null,
		"lemonsqueezy_discount_code": "é"}`,
	`PUT /coupons/1 {"status": "inactive", "coupon_code": "other"}`,

	`POST /conversions {"type": "purchase", "base_value": 1250e-2,
		"value": 0.010, "base_value_currency": "usd", "email": "A@b.co", "external_id": "u", "paid": true}`,
	`POST /conversions {"type": "purchase", "base_value": 102.53,
		"email": "carl@example.com", "affiliate_id": 2, "product": "Pro", "url": "https://example.com/?a=1"}`,
	`POST /conversions {"type": "purchase", "base_value": 1.005, "base_value_currency": "KWD",
		"email": "dora@example.com", "referral_code": "jane"}`,
	`POST /conversions {"type": "purchase", "base_value": 0.05, "coupon_code_used": "promo_bob",
		"referral_code": "JANE"}`,
	`POST /conversions {"type": "purchase", "base_value": 90000000000000,
		"coupon_code_used": "old", "referral_code": "Zoe", "product": "Pro"}`,
	`POST /conversions {"type": "purchase", "base_value": 9000000000000000,
		"base_value_currency": "JPY", "affiliate_id": 4}`,
	`POST /conversions {"type": "signup", "email": "JANE+me@example.com", "referral_code": "JANE", "paid": false}`,
	`POST /conversions {"type": "signup", "external_id": "u-7", "value": 0}`,
	`POST /conversions {"type": "purchase", "base_value": 5, "email": "new@example.com", "affiliate_id": 1,
		"occurred_at": "2025-01-31T23:30:00-01:00"}`,
	`POST /conversions {"type": "signup", "affiliate_id": 2, "occurred_at": 1722258000125}`,
	`POST /conversions {"type": "purchase", "base_value": 12.34, "affiliate_id": 2, "occurred_at": "2024-07-29"}`,
	`POST /conversions {"type": "signup", "affiliate_id": 2, "occurred_at": "1722258000"}`,
	`POST /conversions {"type": "signup", "referred_user_id": 3, "external_id": "u-8", "coupon_code_used": "bob20"}`,
	`POST /conversions {"type": "purchase", "base_value": -0, "value": -0.0,
		"affiliate_id": 1, "reference": "Ø \ud83d\ude42", "coupon_code_used": "nobody"}`,
	`PUT /conversions/1 {"value": 0.1, "base_value": 1e1, "base_value_currency": "EUR",
		"paid": false, "reference": "r", "coupon_code_used": null, "affiliate_id": 2}`,
	`PUT /conversions/1 {"type": "signup", "base_value": null, "reference": null, "affiliate_id": null}`,
	`PUT /conversions/1 {"reference": "\u0085 r\ufeff", "coupon_code_used": "\u2003OLD\u200b", "base_value": 0}`,
	`POST /refunds {"reference": "\u200bone ", "refund_reference": "\u0085re_1", "amount": 5}`,
	`PUT /conversions/1 {"base_value_currency": "JPY", "type": "purchase"}`,
	`PUT /conversions/1 {"reprice": true, "base_value": 33.33, "affiliate_id": 2}`,
	`PUT /conversions/1 {"reprice": true, "affiliate_id": null}`,
	`PUT /conversions/1 {"reprice": false, "value": 3}`,
	`PUT /conversions/2 {"value": 3, "affiliate_id": 1, "paid": true}`,
	`PUT /conversions/2 {"type": "purchase", "base_value": 1e3, "base_value_currency": "KWD", "value": 0.001}`,
	`POST /conversions/1/refund`,
	`POST /conversions/1/refund {"amount": 0.01, "reason": "r"}`,
	`POST /conversions/1/refund {"amount": 5e1}`,
	`POST /conversions/4/undo-refund {"reason": "a mistake"}`,
	`POST /conversions/4/undo-refund {"amount": 29.99}`,
	`POST /conversions/4/undo-refund {"refund_reference": "re_4"}`,
	`POST /conversions/1/refund {"refunded_total": 12.5, "told_at": "2026-01-15T11:00:00Z"}`,
	`POST /refunds {"reference": "one", "amount": 5, "refund_reference": "re_1", "reason": "r"}`,
	`POST /refunds {"reference": "one", "amount": 60, "cap": true}`,
	`POST /refunds {"conversion_id": 4, "refunded_total": 20, "lower": true}`,
	`POST /refunds {"conversion_id": 4, "refund_reference": "re_4"}`,
	`POST /refunds {"conversion_id": 2}`,

	`POST /adjustments {"affiliate_id": 1, "amount": -1.25e1, "currency": "usd", "note": "=1+1"}`,
	`POST /adjustments {"affiliate_id": 4, "amount": 9e15, "currency": "JPY", "note": "a \"prize\", and more"}`,
	`POST /payouts {"cutoff": "2026-01-15", "currency": "JPY", "minimum": 5, "preview": true}`,
	`POST /payouts {"cutoff": "2026-01-15T12:00:00.000Z", "preview": false}`,
	`POST /payouts {"currency": "eur", "minimum": 0.01}`,
	`POST /payouts`,
	`POST /payouts {"affiliate_id": 1, "details_only": false}`,
	`POST /payouts {"affiliate_ids": [1, 3], "without": [3], "details_only": true}`,
	`POST /payouts/pay {"payouts": [{"id": 2, "external_reference": "x"}, {"id": 1}, {"id": 77}]}`,
	`POST /payouts/cancel {"payouts": [{"id": 2}, {"id": 2}, {"id": 1}]}`,
	`POST /payouts/2/pay {"external_reference": "x"}`,
	`POST /payouts/2/pay {"paid_at": "2026-01-14T12:00:00Z"}`,
	`POST /payouts/2/pay`,
	`POST /payouts/2/cancel {}`,
	`PUT /project {"name": "shop", "currency": "usd", "commission": "8.25%",
		"commission_duration": "12 months", "signup_commission": "5.00", "hold_days": 30, "minimum_payout": 0.5}`,
	`PUT /project {"touch": "first", "cookie_days": 400, "click_days": 1,
		"landing_url": "/a?b#c", "allowed_origins": ["HTTP://[::1]:80", "https://example.com"]}`,
	`PUT /project {"landing_url": null, "allowed_origins": [], "coupon_first": true, "self_referral": "flag"}`,
	`POST /rules {"affiliate_id": 1, "product": "Pro", "commission": "1e1", "commission_duration": "6 payments"}`,
	`POST /rules {"affiliate_id": 2, "commission": "30.0%", "commission_duration": "lifetime"}`,
	`POST /rules {"product": "Pro", "commission": "0%", "commission_duration": "1 month"}`,
	`POST /webhooks {"url": "http://[2606:4700::6810]:80/x?y", "events": ["referral_updated",
		"referral_canceled"], "secret": "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldY", "status": "inactive"}`,
	`POST /webhooks {"url": "https://example.com", "secret": null}`,
	`PUT /webhooks/1 {"url": "HTTPS://EXAMPLE.COM./", "events": ["referral_converted"]}`,
	`PUT /webhooks/1 {"status": "inactive"}`,
	`PUT /webhooks/2 {"status": "active"}`,
	`POST /webhooks/1/rotate`,
	`POST /webhooks/1/test {"event": "referral_signed_up"}`,
	`POST /webhooks/1/test {"event": "payout_updated"}`,
	`POST /webhooks {"url": "https://example.com", "events": ["affiliate_updated", "payout_updated"]}`,
	`POST /webhooks/1/test {}`,
	`POST /webhooks/1/replay {"since": "2026-01-15"}`,
	`POST /webhooks/1/replay {"delivery_id": 1}`,
	`POST /clicks {"referral_code": "JANE", "url": "https://example.com/?ref=JANE",
		"referrer": "https://example.org", "ip_address": "203.0.113.9", "user_agent": "x"}`,
	`POST /clicks {"clicks": [{"referral_code": "jane", "ip_address": "::ffff:203.0.113.9"},
		{"referral_code": "nobody", "url": "\u0000"}, {"referral_code": "BOB"}]}`,
	`POST /clicks {"clicks": [{"referral_code": "JANE", "ip_address": "2001:db8::1"},
		{"referral_code": "Ina", "user_agent": "Googlebot/2.1"}]}`,
}

// refusedBodies are others, which are invalid.
var refusedBodies = []string{
	`POST /conversions {"type": "purchase", "affiliate_id": 123, "base_value": 250,
		"base_value_currency": "USD", "reference": "ORDER-123"}`,
	`POST /referrals {"email": "manual.customer@example.com", "affiliate_id": 123, "status": "converted"}`,
	`POST /coupons {"affiliate_id": 42, "coupon_code": "JANE20", "stripe_coupon_id": "promo_xxx"}`,
	`POST /affiliates {"email": "x@example.com", "referral_code": "jane"}`,
	`POST /conversions {"type": "purchase", "base_value": 12.5, "value": 1e2,
		"base_value_currency": "jpy", "email": "a@b.co"}`,
	`PUT /project {"landing_url": "//example.com", "allowed_origins": ["null", "https://example.com/"]}`,
	`PUT /project {"name": "second"}`,
	`POST /webhooks {"url": "https://u:p@example.com", "events": []}`,
	`POST /webhooks {"url": "https://example.com/\u00e9", "events": ["a", 1, [null], {}]}`,
	`POST /webhooks/1/replay {"since": "2026-01-15", "delivery_id": 1}`,
	`POST /clicks {"clicks": [{"clicks": []}, [], null]}`,
	`POST /conversions {"type": "purchase", "affiliate_id": 5, "base_value": 250}`,
	`POST /coupons {"affiliate_id": 5, "coupon_code": "NEW"}`,
	`PUT /conversions/1 {"affiliate_id": 5, "value": 1}`,
	`POST /affiliates {"email": "x@example.com", "email": "x@example.com"}`,
	`POST /affiliates {"email": "x@example.com"} {}`,
	`POST /affiliates {"email": "x@example.com\ud800"}`,
	`POST /adjustments {"affiliate_id": 1, "amount": 0, "note": "n"}`,
	`POST /conversions/1/refund {"amount": 50.01}`,
	`POST /refunds {"conversion_id": 5}`,
	`POST /refunds {"conversion_id": 4, "amount": 1, "refund_reference": "re_4"}`,
	`PUT /conversions/1 {}`,
}
