package httpapi_test

import (
	"strings"
	"testing"
)

// A conflict with something that exists already says its id.
func TestConflictsNameWhatExists(t *testing.T) {
	t.Parallel()
	w := populated(t, noLimit)
	for call, id := range map[string]int64{
		`POST /affiliates {"email": "BOB@example.com"}`:                              2,
		`POST /affiliates {"email": "x@example.com", "referral_code": "bob"}`:        2,
		`PUT /affiliates/bob@example.com {"email": "jane@example.com"}`:              1,
		`PUT /affiliates/bob@example.com {"partner_slug": "jane"}`:                   1,
		`POST /referrals {"email": "dora@example.com"}`:                              2,
		`PUT /referrals/dora@example.com {"email": "carl@example.com"}`:              1,
		`POST /coupons {"affiliate_id": 1, "coupon_code": "bob20"}`:                  2,
		`PUT /coupons/1 {"coupon_code": "BOB20"}`:                                    2,
		`POST /conversions {"type": "signup", "reference": "two"}`:                   2,
		`POST /conversions {"type": "signup", "reference": "one", "email": "n@a.b"}`: 1,
		`PUT /conversions/1 {"reference": "two"}`:                                    2,
	} {
		method, rest, _ := strings.Cut(call, " ")
		path, body, _ := strings.Cut(rest, " ")
		got := w.do(t, method, path, body)
		if got.status != 409 || number(got.json["id"]) != id {
			t.Errorf("%s: %d %s, want a 409 with the id %d", call, got.status, got.body, id)
		}
	}
}
