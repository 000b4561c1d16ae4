package httpapi_test

import (
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// The examples of the reference, in its order, against a program in which a purchase
// earns 20 %. Members beyond the reference are part of each answer.

func TestReferenceAffiliates(t *testing.T) {
	t.Parallel()
	single(t)
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("20"), HoldDays: 31}, noLimit)
	w.clock.Set(time.Date(2024, 1, 15, 10, 0, 0, 0, time.UTC))
	jane, err := w.shop.CreateAffiliate(t.Context(),
		refgrow.CreateAffiliateParams{Email: "affiliate1@example.com", ReferralCode: "REF123"})
	must(t, err)
	for _, sale := range []struct {
		value  string
		before time.Duration // this call
		paid   bool
	}{{"100.00 USD", 90 * 24 * time.Hour, true}, {"35.00 USD", 60 * 24 * time.Hour, false}, {"15.00 USD", 0, false}} {
		_, err := w.shop.RecordConversion(t.Context(), refgrow.RecordConversionParams{
			Type: refgrow.Purchase, AffiliateID: jane.ID, BaseValue: money.MustParse("1000 USD"),
			Value: money.MustParse(sale.value), Paid: sale.paid, OccurredAt: w.clock.Now().Add(-sale.before),
		})
		must(t, err)
	}
	const shown = `{
		"id": 1, "user_email": "affiliate1@example.com", "referral_code": "REF123", "partner_slug": null,
		"created_at": "2024-01-15T10:00:00.000Z", "status": "active", "clicks": 0, "signups": 0, "purchases": 3,
		"unpaid_earnings": "50.00", "total_earnings": "150.00", "paid_earnings": "100.00",
		"eligible_earnings": "35.00", "held_earnings": "15.00", "next_release_date": "2024-02-15T10:00:00.000Z",
		"payouts_paused": false}`
	w.do(t, "GET", "/affiliates?limit=10&status=active", "").is(t, 200, `{"success": true, "data": [`+shown+`],
		"pagination": {"limit": 10, "offset": 0, "total": 1, "has_more": false, "next_cursor": null}}`)
	w.do(t, "GET", "/affiliates/affiliate1%40example.com", "").is(t, 200, `{"success": true, "data": `+shown+`}`)

	w.clock.Set(time.Date(2024, 7, 29, 12, 30, 0, 0, time.UTC))
	w.do(t, "POST", "/affiliates", `{
		"email": "new.affiliate@example.com",
		"referral_code": "NEWCODE"
	}`).is(t, 201, `{"success": true, "data": {"id": 2, "user_email": "new.affiliate@example.com",
		"referral_code": "NEWCODE", "partner_slug": null, "unpaid_earnings": null, "total_earnings": null,
		"created_at": "2024-07-29T12:30:00.000Z", "status": "active"}}`)

	const inactive = `{"success": true, "data": {
		"id": 1, "user_email": "affiliate1@example.com", "referral_code": "REF123", "partner_slug": null,
		"created_at": "2024-01-15T10:00:00.000Z", "status": "inactive", "clicks": 0, "signups": 0, "purchases": 3,
		"unpaid_earnings": "50.00", "total_earnings": "150.00", "paid_earnings": "100.00",
		"eligible_earnings": "50.00", "held_earnings": "0.00", "next_release_date": null,
		"payouts_paused": false}}`
	w.do(t, "PUT", "/affiliates/affiliate1%40example.com", `{"status": "inactive"}`).is(t, 200, inactive)
	w.do(t, "GET", "/affiliates/affiliate1%40example.com", "").is(t, 200, inactive)

	w.do(t, "DELETE", "/affiliates/affiliate1%40example.com", "").ok(t, 204)
	w.do(t, "DELETE", "/affiliates/affiliate1%40example.com", "").is(t, 404,
		`{"success": false, "error": "Affiliate not found", "code": "not_found"}`)
	if got := w.do(t, "GET", "/affiliates", "").items(); len(got) != 1 ||
		got[0]["user_email"] != "new.affiliate@example.com" {
		t.Errorf("after the deletion: %v", got)
	}
}

func TestReferenceConversions(t *testing.T) {
	t.Parallel()
	single(t)
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("5")}, noLimit)
	w.clock.Set(time.Date(2024, 7, 29, 13, 0, 0, 0, time.UTC))
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`).ok(t, 201)
	w.do(t, "POST", "/referrals", `{"email": "carl@example.com", "affiliate_id": 1}`).ok(t, 201)

	const created = `{"id": 1, "project_id": 1, "type": "purchase", "affiliate_id": 1, "referred_user_id": null,
		"value": 12.5, "base_value": 250, "base_value_currency": "USD", "refunded_amount": 0, "paid": false,
		"status": "eligible", "created_at": "2024-07-29T13:00:00.000Z", "reference": "ORDER-123",
		"coupon_code_used": null, "referral_code": null, "product": null, "url": null}`
	w.do(t, "POST", "/conversions", `{
		"type": "purchase",
		"affiliate_id": 1,
		"base_value": 250,
		"base_value_currency": "USD",
		"reference": "ORDER-123"
	}`).is(t, 201, `{"success": true, "data": `+created+`}`)

	w.clock.Advance(5 * time.Minute)
	const second = `{"id": 2, "project_id": 1, "type": "purchase", "affiliate_id": 1, "referred_user_id": 1,
		"value": 7.25, "base_value": 99.9, "base_value_currency": "EUR", "refunded_amount": 0, "paid": true,
		"status": "paid", "created_at": "2024-07-29T13:05:00.000Z", "reference": "ORDER-124",
		"coupon_code_used": "SUMMER2024", "referral_code": "OTHER", "product": "Pro",
		"url": "https://example.com/buy?x=1&y=2"}`
	w.do(t, "POST", "/conversions", `{"type": "purchase", "affiliate_id": 1, "referred_user_id": 1, "value": 7.250,
		"base_value": 99.90, "base_value_currency": "eur", "paid": true, "reference": "ORDER-124",
		"coupon_code_used": "SUMMER2024", "referral_code": "OTHER", "product": "Pro",
		"url": "https://example.com/buy?x=1&y=2"}`).
		is(t, 201, `{"success": true, "data": `+second+`}`)

	w.do(t, "GET", "/conversions", "").is(t, 200, `{"success": true, "data": [`+second+`,`+created+`],
		"pagination": {"limit": 50, "offset": 0, "total": 2, "has_more": false, "next_cursor": null}}`)
	w.do(t, "GET", "/conversions?type=purchase&affiliate_id=1&paid=true", "").
		is(t, 200, `{"success": true, "data": [`+second+`],
		"pagination": {"limit": 50, "offset": 0, "total": 1, "has_more": false, "next_cursor": null}}`)
	w.do(t, "GET", "/conversions/1", "").is(t, 200, `{"success": true, "data": `+created+`}`)

	const paid = `{"success": true, "data": {"id": 1, "project_id": 1, "type": "purchase", "affiliate_id": 1,
		"referred_user_id": null, "value": 12.5, "base_value": 250, "base_value_currency": "USD", "refunded_amount": 0,
		"paid": true, "status": "paid", "created_at": "2024-07-29T13:00:00.000Z", "reference": "ORDER-123",
		"coupon_code_used": null, "referral_code": null, "product": null, "url": null}}`
	w.do(t, "PUT", "/conversions/1", `{"paid": true}`).is(t, 200, paid)
	w.do(t, "GET", "/conversions/1", "").is(t, 200, paid)
	if got := w.do(t, "GET", "/affiliates/jane@example.com", "").data()["paid_earnings"]; got != "12.50" {
		t.Errorf("paid_earnings is %v", got)
	}

	w.do(t, "POST", "/conversions", `{"type": "purchase", "affiliate_id": 1, "base_value": 250,
		"base_value_currency": "USD", "reference": "ORDER-123"}`).refused(t, 409, "conflict", "reference")

	w.do(t, "DELETE", "/conversions/1", "").ok(t, 204)
	w.do(t, "DELETE", "/conversions/1", "").
		is(t, 404, `{"success": false, "error": "Conversion not found", "code": "not_found"}`)
	w.do(t, "GET", "/conversions/1", "").refused(t, 404, "not_found", "")
	w.do(t, "POST", "/conversions", `{"type": "signup", "reference": "ORDER-123"}`).ok(t, 201) // free again
}

func TestReferenceReferrals(t *testing.T) {
	t.Parallel()
	single(t)
	w := setup(t, refgrow.Settings{}, noLimit)
	w.clock.Set(time.Date(2024, 7, 29, 13, 0, 0, 0, time.UTC))
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com", "referral_code": "REF123"}`).ok(t, 201)

	w.do(t, "POST", "/referrals", `{
		"email": "manual.customer@example.com",
		"affiliate_id": 1,
		"status": "converted"
	}`).is(t, 201, `{"success": true, "data": {"id": 1, "user_email": "manual.customer@example.com", "affiliate_id": 1,
		"conversion_status": "converted", "conversion_date": "2024-07-29T13:00:00.000Z",
		"created_at": "2024-07-29T13:00:00.000Z"}}`)
	w.do(t, "POST", "/referrals", `{"email": "Manual.Customer@example.com"}`).refused(t, 409, "conflict", "email")
	w.do(t, "POST", "/referrals", `{"email": "x@example.com", "affiliate_id": 9}`).is(t, 404,
		`{"success": false, "error": "Affiliate not found", "code": "not_found"}`)

	const listed = `{"id": 1, "user_email": "manual.customer@example.com", "external_id": null,
		"external_ids": [], "conversion_status": "converted", "conversion_date": "2024-07-29T13:00:00.000Z",
		"created_at": "2024-07-29T13:00:00.000Z", "affiliate_id": 1, "affiliate_code": "REF123"}`
	w.do(t, "GET", "/referrals?affiliate_id=1&status=converted", "").is(t, 200, `{"success": true, "data": [`+listed+`],
		"pagination": {"limit": 20, "offset": 0, "total": 1, "has_more": false, "next_cursor": null}}`)
	w.do(t, "GET", "/referrals/manual.customer%40example.com", "").is(t, 200, `{"success": true, "data": `+listed+`}`)

	w.clock.Advance(time.Hour)
	const direct = `{"id": 1, "user_email": "manual.customer@example.com", "external_id": null,
		"external_ids": [], "conversion_status": "direct", "conversion_date": "2024-07-29T14:00:00.000Z",
		"created_at": "2024-07-29T13:00:00.000Z", "affiliate_id": null, "affiliate_code": null}`
	w.do(t, "PUT", "/referrals/manual.customer%40example.com", `{"affiliate_id": null, "status": "direct"}`).
		is(t, 200, `{"success": true, "data": `+direct+`}`)
	w.do(t, "GET", "/referrals/MANUAL.customer@example.com", "").is(t, 200, `{"success": true, "data": `+direct+`}`)
	pending := w.do(t, "PUT", "/referrals/manual.customer%40example.com", `{"status": "pending"}`).ok(t, 200).data()
	if pending["conversion_status"] != "pending" || pending["conversion_date"] != nil {
		t.Errorf("back to pending: %v", pending)
	}

	for body, status := range map[string]string{
		`{"email": "a@example.com"}`:                      "direct_signup",
		`{"email": "b@example.com", "affiliate_id": 1}`:   "pending",
		`{"email": "c@example.com", "status": "pending"}`: "pending",
		`{"email": "d@example.com", "status": "direct"}`:  "direct",
	} {
		if got := w.do(t, "POST", "/referrals", body).ok(t, 201).data()["conversion_status"]; got != status {
			t.Errorf("%s makes %v, want %s", body, got, status)
		}
	}

	w.do(t, "POST", "/conversions", `{"type": "signup", "email": "manual.customer@example.com"}`).ok(t, 201)
	w.do(t, "DELETE", "/referrals/manual.customer%40example.com", "").ok(t, 204)
	w.do(t, "DELETE", "/referrals/manual.customer%40example.com", "").refused(t, 404, "not_found", "")
	if got := w.do(t, "GET", "/conversions/1", "").ok(t, 200).data(); got["referred_user_id"] != nil {
		t.Errorf("the conversion still names its deleted customer: %v", got)
	}
}

func TestReferenceCoupons(t *testing.T) {
	t.Parallel()
	single(t)
	w := setup(t, refgrow.Settings{}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`).ok(t, 201)
	w.do(t, "POST", "/affiliates", `{"email": "bob@example.com", "referral_code": "BOB"}`).ok(t, 201)

	const created = `{"id": 1, "project_id": 1, "affiliate_id": 1, "coupon_code": "JANE20",
		"stripe_coupon_id": "promo_xxx", "lemonsqueezy_discount_code": null, "status": "active",
		"created_at": "2026-01-15T12:00:00.000Z", "affiliate_email": "jane@example.com",
		"affiliate_referral_code": "JANE"}`
	w.do(t, "POST", "/coupons", `{
		"affiliate_id": 1,
		"coupon_code": "JANE20",
		"stripe_coupon_id": "promo_xxx"
	}`).is(t, 201, `{"success": true, "data": `+created+`}`)
	w.do(t, "POST", "/coupons", `{"affiliate_id": 2, "coupon_code": "jane20"}`).
		refused(t, 409, "conflict", "coupon_code")
	w.do(t, "POST", "/coupons", `{"affiliate_id": 7, "coupon_code": "OTHER"}`).refused(t, 404, "not_found", "")
	w.do(t, "GET", "/coupons/1", "").is(t, 200, `{"success": true, "data": `+created+`}`)

	const updated = `{"id": 1, "project_id": 1, "affiliate_id": 2, "coupon_code": "BOB20", "stripe_coupon_id": null,
		"lemonsqueezy_discount_code": "LS-1", "status": "inactive", "created_at": "2026-01-15T12:00:00.000Z",
		"affiliate_email": "bob@example.com", "affiliate_referral_code": "BOB"}`
	w.do(t, "PUT", "/coupons/1", `{"affiliate_id": 2, "coupon_code": "BOB20", "stripe_coupon_id": null,
		"lemonsqueezy_discount_code": "LS-1", "status": "inactive"}`).
		is(t, 200, `{"success": true, "data": `+updated+`}`)
	w.do(t, "POST", "/coupons", `{"affiliate_id": 1, "coupon_code": "JANE20"}`).ok(t, 201)

	w.do(t, "GET", "/coupons?status=inactive", "").is(t, 200, `{"success": true, "data": [`+updated+`],
		"pagination": {"limit": 50, "offset": 0, "total": 1, "has_more": false, "next_cursor": null}}`)
	for query, want := range map[string]int{
		"": 2, "?coupon_code=20": 2, "?coupon_code=jane": 1, "?affiliate_id=2": 1, "?affiliate_id=2&status=active": 0,
		"?affiliate_id=99": 0, "?coupon_code=nothing": 0, "?coupon_code=%25": 0, "?coupon_code=_": 0,
	} {
		if got := w.do(t, "GET", "/coupons"+query, "").ok(t, 200).items(); len(got) != want {
			t.Errorf("%q lists %d, want %d", query, len(got), want)
		}
	}

	w.do(t, "DELETE", "/coupons/1", "").ok(t, 204)
	w.do(t, "DELETE", "/coupons/1", "").refused(t, 404, "not_found", "")
	w.do(t, "GET", "/coupons/1", "").is(t, 404, `{"success": false, "error": "Coupon not found", "code": "not_found"}`)
}
