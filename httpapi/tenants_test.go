package httpapi_test

import (
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// Two programs with the same emails and codes. The ids of the first are 1 and 2,
// those of the second 3 and 4.
func TestAKeyNeverReachesAnotherProject(t *testing.T) {
	t.Parallel()
	w := populated(t, noLimit)
	second := w.newKey(t, w.project(t, "second", refgrow.Settings{Currency: "EUR"}), refgrow.CreateKeyParams{})
	for _, call := range []string{
		`/affiliates {"email": "jane@example.com", "referral_code": "JANE", "partner_slug": "jane"}`,
		`/affiliates {"email": "only.second@example.com", "referral_code": "SECOND"}`,
		`/referrals {"email": "carl@example.com", "affiliate_id": 3}`,
		`/referrals {"email": "customer.of.second@example.com", "affiliate_id": 4}`,
		`/coupons {"affiliate_id": 3, "coupon_code": "JANE20"}`,
		`/coupons {"affiliate_id": 4, "coupon_code": "SECOND20"}`,
		`/conversions {"type": "signup", "affiliate_id": 3, "referred_user_id": 3, "reference": "one"}`,
		`/conversions {"type": "signup", "affiliate_id": 4, "value": 7, "reference": "of second"}`,
	} {
		path, body, _ := strings.Cut(call, " ")
		w.do(t, "POST", path, body, "Authorization", "Bearer "+second).ok(t, 201)
	}
	before := w.dump(t, second)

	for _, call := range []string{
		"GET /affiliates/only.second@example.com",
		`PUT /affiliates/only.second@example.com {"status": "inactive"}`,
		"DELETE /affiliates/only.second@example.com",
		"GET /conversions/3", "GET /conversions/4",
		`PUT /conversions/3 {"paid": true}`,
		`PUT /conversions/4 {"value": 1}`,
		`PUT /conversions/1 {"affiliate_id": 3}`,
		"DELETE /conversions/3", "DELETE /conversions/4",
		`POST /conversions {"type": "signup", "affiliate_id": 3}`,
		`POST /conversions {"type": "signup", "referred_user_id": 3}`,
		"GET /referrals/customer.of.second@example.com",
		`PUT /referrals/customer.of.second@example.com {"status": "direct"}`,
		`PUT /referrals/carl@example.com {"affiliate_id": 4}`,
		`POST /referrals {"email": "x@example.com", "affiliate_id": 4}`,
		"DELETE /referrals/customer.of.second@example.com",
		"GET /coupons/3", "GET /coupons/4",
		`PUT /coupons/3 {"status": "inactive"}`,
		`PUT /coupons/1 {"affiliate_id": 3}`,
		`POST /coupons {"affiliate_id": 3, "coupon_code": "XXX"}`,
		"DELETE /coupons/3",
	} {
		method, rest, _ := strings.Cut(call, " ")
		path, body, _ := strings.Cut(rest, " ")
		if w.do(t, method, path, body).refused(t, 404, "not_found", ""); t.Failed() {
			t.Fatalf("by %s", call)
		}
	}
	for _, query := range []string{
		"/conversions?affiliate_id=3", "/conversions?affiliate_id=4", "/conversions?referred_user_id=3", "/referrals?affiliate_id=3",
		"/referrals?affiliate_id=4", "/coupons?affiliate_id=4", "/coupons?coupon_code=second",
	} {
		got := w.do(t, "GET", query, "").ok(t, 200)
		if len(got.items()) != 0 || number(got.pagination()["total"]) != 0 {
			t.Errorf("%s lists %s", query, got.body)
		}
	}
	if after := w.dump(t, second); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}

	// The lists have no row of the other program, and a cursor is worth nothing there.
	for _, list := range []string{"/affiliates", "/conversions", "/referrals", "/coupons"} {
		for key, ids := range map[string]string{w.key: "1 2", second: "3 4"} {
			for _, item := range w.do(t, "GET", list, "", "Authorization", "Bearer "+key).ok(t, 200).items() {
				if id := number(item["id"]); !strings.Contains(ids, string(rune('0'+id))) {
					t.Errorf("%s lists %v", list, item)
				}
			}
		}
		cursor := text(w.do(t, "GET", list+"?limit=1", "").ok(t, 200).pagination()["next_cursor"])
		if cursor == "" {
			t.Fatalf("%s gives no cursor", list)
		}
		w.do(t, "GET", list+"?limit=1&cursor="+cursor, "").ok(t, 200)
		w.do(t, "GET", list+"?limit=1&cursor="+cursor, "", "Authorization", "Bearer "+second).refused(t, 400, "invalid", "cursor")
	}

	// What goes by a code goes by the program's own.
	for _, body := range []string{`{"type": "signup", "referral_code": "SECOND"}`, `{"type": "signup", "coupon_code_used": "SECOND20"}`} {
		if got := w.do(t, "POST", "/conversions", body).ok(t, 201).data(); got["affiliate_id"] != nil || got["status"] != "unattributed" {
			t.Errorf("%s is credited: %v", body, got)
		}
	}
	w.do(t, "DELETE", "/affiliates/jane@example.com", "").ok(t, 204)
	w.do(t, "GET", "/affiliates/jane@example.com", "").ok(t, 404)
	w.do(t, "GET", "/affiliates/jane@example.com", "", "Authorization", "Bearer "+second).ok(t, 200)
	if got := w.do(t, "GET", "/conversions/3", "", "Authorization", "Bearer "+second).ok(t, 200).data(); number(got["referred_user_id"]) != 3 {
		t.Errorf("the other program's conversion is %v", got)
	}
}
