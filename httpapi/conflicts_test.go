package httpapi_test

import (
	"strings"
	"testing"
)

// A conflict with something that exists already says its id.
func TestConflictsNameWhatExists(t *testing.T) {
	t.Parallel()
	single(t)
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
		w.conflicts(t, call, id)
	}
}

func (w *world) conflicts(t *testing.T, call string, id int64) {
	t.Helper()
	method, rest, _ := strings.Cut(call, " ")
	path, body, _ := strings.Cut(rest, " ")
	got := w.do(t, method, path, body)
	if got.status != 409 || number(got.json["id"]) != id {
		t.Errorf("%s: %d %s, want a 409 with the id %d", call, got.status, got.body, id)
	}
}

// A conflict with the state of something says its id.
func TestConflictsNameWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	w := populated(t, noLimit)
	w.addMoney(t) // payouts 1, canceled, and 2, pending, to affiliate 3
	w.addWebhooks(t)
	for _, step := range []struct {
		call string
		id   int64 // 0 where the call is done
	}{
		{"DELETE /affiliates/zoe@example.com", 2},
		{"POST /affiliates/zoe@example.com/erase", 2},
		{"POST /payouts/1/pay", 1},
		{"POST /payouts/1/cancel", 1},
		{`POST /payouts/2/return {"note": "unclaimed"}`, 2},
		{"POST /webhooks/2/test", 2},
		{`POST /webhooks/2/replay {"since": "2026-01-15"}`, 2},
		{"POST /payouts/2/pay", 0},
		{"POST /payouts/2/pay", 2},
		{"POST /payouts/2/cancel", 2},
		{`POST /payouts {"minimum": 0}`, 0}, // 3: 10.00 to affiliate 1, of conversion 1
		{`PUT /conversions/1 {"paid": true}`, 1},
		{`PUT /conversions/1 {"affiliate_id": 2}`, 1},
		{`PUT /conversions/1 {"base_value_currency": "EUR"}`, 1},
		{"DELETE /affiliates/jane@example.com", 3},
		{"POST /payouts/3/pay", 0},
		{`PUT /conversions/1 {"paid": false}`, 1},
		{`PUT /conversions/1 {"affiliate_id": 2}`, 1},
		{`POST /conversions {"type": "signup", "affiliate_id": 1, "value": 1}`, 0}, // 3
		{"POST /conversions/3/undo-refund", 3},
		{`POST /conversions/3/refund {"refund_reference": "re_1"}`, 0},
		{`POST /conversions/3/refund {"amount": 7, "refund_reference": "re_1"}`, 3},
		{"POST /conversions/3/refund", 3},
		{`PUT /conversions/3 {"base_value": 5}`, 3},
		{"POST /affiliates/zoe@example.com/erase", 0},
		{`PUT /affiliates/3 {"status": "active"}`, 3},
		{`PUT /conversions/2 {"affiliate_id": 3}`, 3},
		{`POST /coupons {"affiliate_id": 3, "coupon_code": "ZOE20"}`, 3},
		{`POST /affiliates {"email": "x@example.com", "referral_code": "ZOE"}`, 3},
		{"POST /referrals/carl@example.com/erase", 0},
		{`PUT /referrals/1 {"email": "carl@example.com"}`, 1},
	} {
		if step.id != 0 {
			w.conflicts(t, step.call, step.id)
			continue
		}
		method, rest, _ := strings.Cut(step.call, " ")
		path, body, _ := strings.Cut(rest, " ")
		if got := w.do(t, method, path, body); got.status >= 300 {
			t.Fatalf("%s: %d %s", step.call, got.status, got.body)
		}
	}
}
