package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// Nobody new has an email of those that are shown instead of erased ones: it is refused in
// each field that takes one, in any case. A sale with one is recorded without it.
func TestEmailsOfTheErased(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	before := w.dump(t)
	for _, email := range []string{"erased-1@erased.invalid", "Erased-77@ERASED.Invalid", "somebody@erased.invalid"} {
		const preferences = `"payout_preferences": {"`
		for call, field := range map[string]string{
			`POST /affiliates {"email": "EMAIL"}`:                                                     "email",
			`PUT /affiliates/1 {"email": "EMAIL"}`:                                                    "email",
			`POST /referrals {"email": "EMAIL"}`:                                                      "email",
			`PUT /referrals/carl@example.com {"email": "EMAIL"}`:                                      "email",
			`POST /affiliates {"email": "n@example.com", ` + preferences + `paypal_email": "EMAIL"}}`: "paypal_email",
			`PUT /affiliates/1 {` + preferences + `paypal_email": "EMAIL"}}`:                          "paypal_email",
			`PUT /affiliates/1 {` + preferences + `wise_details": {"email": "EMAIL"}}}`:               "wise_details.email",
		} {
			if strings.Contains(call, preferences) {
				field = "payout_preferences." + field
			}
			w.make(t, strings.ReplaceAll(call, "EMAIL", email)).refused(t, 400, "invalid", field)
		}
	}
	if w.dump(t) != before {
		t.Error("something changed")
	}
	sale := w.make(t, `POST /conversions {"type": "signup", "email": "erased-1@erased.invalid"}`).ok(t, 201)
	if of := sale.data()["referred_user_id"]; of != nil {
		t.Errorf("a sale with the email of somebody erased is of the customer %v", of)
	}
}

// make makes a call, written as the method, the path and the body.
func (w *world) make(t *testing.T, call string, headers ...string) reply {
	t.Helper()
	method, rest, _ := strings.Cut(call, " ")
	path, body, _ := strings.Cut(rest, " ")
	return w.do(t, method, path, body, headers...)
}

// Who was erased is found by the id alone; nothing new is theirs, and their codes are
// nobody's.
func TestCallsAfterAnErasure(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("20")}, noLimit)
	for _, call := range []string{
		`POST /affiliates {"email": "jane@example.com", "referral_code": "JANE", "partner_slug": "jane-s"}`,
		`PUT /affiliates/1 {"referral_code": "JANE2"}`,
		`POST /affiliates {"email": "joe@example.com", "referral_code": "JOE"}`,
		`POST /coupons {"affiliate_id": 1, "coupon_code": "JANE20", "stripe_coupon_id": "co_jane"}`,
		`POST /referrals {"email": "carl@example.com", "affiliate_id": 1}`,
		`POST /conversions {"type": "purchase", "email": "carl@example.com", "base_value": 100, "external_id": "c1"}`,
		`POST /conversions {"type": "purchase", "affiliate_id": 2, "base_value": 100}`,
		`POST /payouts {"affiliate_id": 1}`,
	} {
		if got := w.make(t, call); got.status >= 300 {
			t.Fatalf("%s: %d %s", call, got.status, got.body)
		}
	}
	for _, step := range []struct {
		call        string
		status      int
		code, field string
		id          string // of what is in the way
	}{
		{`POST /affiliates/jane@example.com/erase`, 409, "conflict", "", "1"},
		{`DELETE /affiliates/jane@example.com`, 409, "conflict", "", "1"},
		{`POST /payouts/1/pay`, 200, "", "", ""},
		{`POST /affiliates/jane@example.com/erase`, 200, "", "", ""},
		{`POST /referrals/carl@example.com/erase`, 200, "", "", ""},

		{`POST /affiliates/jane@example.com/erase`, 404, "not_found", "", ""},
		{`POST /affiliates/1/erase`, 200, "", "", ""},
		{`POST /affiliates/erased-1@erased.invalid/erase`, 200, "", "", ""},
		{`POST /referrals/carl@example.com/erase`, 404, "not_found", "", ""},
		{`POST /referrals/1/erase`, 200, "", "", ""},
		{`GET /referrals/carl@example.com`, 404, "not_found", "", ""},
		{`GET /affiliates/jane@example.com`, 404, "not_found", "", ""},
		{`GET /affiliates/1`, 200, "", "", ""},
		{`GET /affiliates/1/ledger`, 200, "", "", ""},

		{`POST /conversions {"type": "purchase", "base_value": 5, "affiliate_id": 1}`, 409, "erased", "affiliate_id", "1"},
		{`POST /conversions {"type": "signup", "affiliate_id": 1}`, 409, "erased", "affiliate_id", "1"},
		{`PUT /conversions/2 {"affiliate_id": 1}`, 409, "erased", "affiliate_id", "1"},
		{`POST /referrals {"email": "new@example.com", "affiliate_id": 1}`, 409, "erased", "affiliate_id", "1"},
		{`POST /referrals {"email": "new@example.com"}`, 201, "", "", ""},
		{`PUT /referrals/new@example.com {"affiliate_id": 1}`, 409, "erased", "affiliate_id", "1"},
		{`PUT /referrals/1 {"affiliate_id": 1, "status": "pending"}`, 200, "", "", ""}, // which is so already
		{`PUT /referrals/1 {"email": "carl@example.com"}`, 409, "erased", "email", "1"},
		{`POST /rules {"affiliate_id": 1, "commission": "30%"}`, 409, "erased", "affiliate_id", "1"},
		{`POST /coupons {"affiliate_id": 1, "coupon_code": "NEW"}`, 409, "erased", "", "1"},
		{`PUT /coupons/1 {"status": "inactive"}`, 409, "erased", "", "1"},
		{`PUT /affiliates/1 {"status": "active"}`, 409, "erased", "", "1"},
		{`PUT /affiliates/1 {"email": "jane@example.com"}`, 409, "erased", "", "1"},
		{`POST /adjustments {"affiliate_id": 1, "amount": 50, "note": "to the heirs"}`, 201, "", "", ""},
	} {
		got := w.make(t, step.call)
		if got.status != step.status {
			t.Errorf("%s: %d %s, want %d", step.call, got.status, got.body, step.status)
			continue
		}
		if step.status >= 400 {
			got.refused(t, step.status, step.code, step.field)
		}
		if id, ok := got.json["id"]; ok != (step.id != "") || ok && asText(id) != step.id {
			t.Errorf("%s: the id in the way is %v, want %q", step.call, id, step.id)
		}
	}
	if got := w.make(t, `POST /payouts {}`).ok(t, 201); len(got.items()) != 1 ||
		asText(got.items()[0]["affiliate_id"]) != "2" {
		t.Errorf("a run pays %s", got.body)
	}
	// A sale of the customer names nobody any more.
	sale := w.make(t, `POST /conversions {"type": "purchase", "base_value": 5, "referred_user_id": 1}`).ok(t, 201).data()
	if sale["affiliate_id"] != nil || asText(sale["referred_user_id"]) != "1" {
		t.Errorf("a sale of the erased customer of the erased affiliate is %v", sale)
	}
}

// A visitor of whom only a browser has told can be erased as well.
func TestClaimsOfVisitorsGo(t *testing.T) {
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	w.make(t, `POST /affiliates {"email": "joe@example.com", "referral_code": "JOE"}`).ok(t, 201)
	for i, call := range []string{"DELETE /referrals/VISITOR", "POST /referrals/VISITOR/erase"} {
		email := fmt.Sprintf("visitor%d@example.com", i)
		for _, email := range []string{email, "other@example.com"} {
			must(t, w.shop.ClaimSignup(t.Context(), email, "JOE"))
		}
		w.make(t, strings.Replace(call, "VISITOR", email, 1)).refused(t, 404, "not_found", "")
		got := w.make(t, fmt.Sprintf(`POST /referrals {"email": %q}`, email)).ok(t, 201)
		if of := got.data()["affiliate_id"]; of != nil {
			t.Errorf("%s: the visitor still came by %v", call, of)
		}
	}
	got := w.make(t, `POST /referrals {"email": "other@example.com"}`).ok(t, 201)
	if of := got.data()["affiliate_id"]; of == nil {
		t.Error("another visitor's claim is gone")
	}
}

// The codes of a deleted affiliate are refused for as long as cookies last, those of an
// erased one for ever; a deleted one's coupons are free at once.
func TestCodesOfWhoIsGone(t *testing.T) {
	single(t)
	t.Parallel()
	for _, erased := range []bool{true, false} {
		w := setup(t, refgrow.Settings{CookieDays: 30}, noLimit)
		for _, call := range []string{
			`POST /affiliates {"email": "jane@example.com", "referral_code": "JANE", "partner_slug": "jane-s"}`,
			`PUT /affiliates/1 {"referral_code": "JANE2"}`,
			`POST /affiliates {"email": "joe@example.com", "referral_code": "JOE"}`,
			`POST /coupons {"affiliate_id": 1, "coupon_code": "JANE20", "stripe_coupon_id": "co_jane"}`,
			`POST /coupons {"affiliate_id": 2, "coupon_code": "JOE20"}`,
		} {
			if got := w.make(t, call); got.status >= 300 {
				t.Fatalf("%s: %d %s", call, got.status, got.body)
			}
		}
		if erased {
			w.make(t, `POST /affiliates/jane@example.com/erase`).ok(t, 200)
		} else {
			w.make(t, `DELETE /affiliates/jane@example.com`).ok(t, 204)
		}
		n := 0
		check := func(taken, coupons bool) {
			t.Helper()
			for _, code := range []string{"jane", "JANE2", "Jane-S"} {
				for _, field := range []string{"referral_code", "partner_slug"} {
					n++
					for _, call := range []string{
						fmt.Sprintf(`POST /affiliates {"email": "new%d@example.com", "FIELD": "CODE"}`, n),
						`PUT /affiliates/joe@example.com {"FIELD": "CODE"}`,
					} {
						if field == "partner_slug" {
							code = strings.ToLower(code)
						}
						got := w.make(t, strings.NewReplacer("FIELD", field, "CODE", code).Replace(call))
						if taken {
							got.refused(t, 409, "conflict", field)
						}
					}
				}
			}
			for call, field := range map[string]string{
				`POST /coupons {"affiliate_id": 2, "coupon_code": "jane20"}`:  "coupon_code",
				`POST /coupons {"affiliate_id": 2, "coupon_code": "co_jane"}`: "coupon_code",
				`PUT /coupons/2 {"lemonsqueezy_discount_code": "JANE20"}`:     "lemonsqueezy_discount_code",
				`PUT /coupons/2 {"stripe_coupon_id": "CO_jane"}`:              "stripe_coupon_id",
			} {
				if got := w.make(t, call); coupons {
					got.refused(t, 409, "conflict", field)
				} else if got.status >= 300 {
					t.Errorf("%s: %d %s", call, got.status, got.body)
				}
			}
		}
		check(true, erased)
		w.clock.Advance(29 * 24 * time.Hour)
		must(t, w.engine.Upkeep(t.Context()))
		if erased {
			w.clock.Advance(1000 * 24 * time.Hour)
			must(t, w.engine.Upkeep(t.Context()))
			check(true, true)
			continue
		}
		for _, code := range []string{"jane", "JANE2", "Jane-S"} {
			w.make(t, fmt.Sprintf(`PUT /affiliates/joe@example.com {"referral_code": %q}`, code)).
				refused(t, 409, "conflict", "referral_code")
		}
		w.clock.Advance(2 * 24 * time.Hour)
		for _, code := range []string{"jane", "JANE2", "Jane-S"} {
			w.make(t, fmt.Sprintf(`PUT /affiliates/joe@example.com {"referral_code": %q}`, code)).ok(t, 200)
		}
	}
}
