package httpapi_test

import (
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// Two programs with the same emails and codes. The ids of the first are 1 and 2,
// those of the second 3 and 4.
func TestAKeyNeverReachesAnotherProject(t *testing.T) {
	single(t)
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
		"GET /affiliates/3", `PUT /affiliates/4 {"status": "inactive"}`, "DELETE /affiliates/4",
		"GET /referrals/3", `PUT /referrals/4 {"status": "direct"}`, "DELETE /referrals/4",
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
		`POST /referrals/1/merge {"from": 3}`, `POST /referrals/3/merge {"from": 1}`,
		`POST /referrals/3/merge {"from": 4}`,
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
		"/conversions?affiliate_id=3", "/conversions?affiliate_id=4",
		"/conversions?referred_user_id=3", "/referrals?affiliate_id=3",
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
			t.Fatalf("%s has no cursor", list)
		}
		w.do(t, "GET", list+"?limit=1&cursor="+cursor, "").ok(t, 200)
		w.do(t, "GET", list+"?limit=1&cursor="+cursor, "", "Authorization", "Bearer "+second).
			refused(t, 400, "invalid", "cursor")
	}

	// A code means the program's own.
	for _, body := range []string{`{"type": "signup", "referral_code": "SECOND"}`,
		`{"type": "signup", "coupon_code_used": "SECOND20"}`} {
		if got := w.do(t, "POST", "/conversions", body).ok(t, 201).data(); got["affiliate_id"] != nil ||
			got["status"] != "unattributed" {
			t.Errorf("%s is credited: %v", body, got)
		}
	}
	w.do(t, "DELETE", "/affiliates/jane@example.com", "").ok(t, 204)
	w.do(t, "GET", "/affiliates/jane@example.com", "").ok(t, 404)
	w.do(t, "GET", "/affiliates/jane@example.com", "", "Authorization", "Bearer "+second).ok(t, 200)
	got := w.do(t, "GET", "/conversions/3", "", "Authorization", "Bearer "+second).ok(t, 200).data()
	if number(got["referred_user_id"]) != 3 {
		t.Errorf("the other program's conversion is %v", got)
	}
}

// Two programs with two rules and two payouts each. The affiliates, conversions
// and payouts of the first are 1 and 2, those of the second 3 and 4; its rules are
// 7 and 8.
func TestAKeyNeverReachesAnotherProjectsMoney(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	second := w.newKey(t, w.project(t, "second", refgrow.Settings{Currency: "EUR"}), refgrow.CreateKeyParams{})
	for _, call := range []string{
		`/affiliates {"email": "jane@example.com"}`,
		`/affiliates {"email": "only.second@example.com"}`,
		`/conversions {"type": "purchase", "affiliate_id": 3, "base_value": 7, "value": 3}`,
		`/conversions {"type": "purchase", "affiliate_id": 4, "base_value": 8, "value": 4}`,
	} {
		path, body, _ := strings.Cut(call, " ")
		w.do(t, "POST", path, body, "Authorization", "Bearer "+second).ok(t, 201)
	}
	for key, ids := range map[string][2]string{w.key: {"1", "2"}, second: {"3", "4"}} {
		for _, call := range []string{
			`PUT /affiliates/jane@example.com {"payout_preferences": {"paypal_email": "jane.` +
				ids[0] + `@example.com"}}`,
			`POST /adjustments {"affiliate_id": ` + ids[0] + `, "amount": 10, "currency": "EUR", "note": "x"}`,
			`POST /adjustments {"affiliate_id": ` + ids[1] + `, "amount": 10, "currency": "EUR", "note": "x"}`,
		} {
			method, rest, _ := strings.Cut(call, " ")
			path, body, _ := strings.Cut(rest, " ")
			if got := w.do(t, method, path, body, "Authorization", "Bearer "+key); got.status >= 300 {
				t.Fatalf("%s: %d %s", call, got.status, got.body)
			}
		}
	}
	for _, c := range []struct{ key, first, second, rules, payouts string }{{w.key, "1", "2", "6 5", "2 1"},
		{second, "3", "4", "8 7", "4 3"}} {
		w.do(t, "POST", "/rules", `{"affiliate_id": `+c.first+`, "commission": "1%"}`,
			"Authorization", "Bearer "+c.key).ok(t, 201)
		w.do(t, "POST", "/rules", `{"affiliate_id": `+c.second+`, "product": "Pro", "commission": "1%"}`,
			"Authorization", "Bearer "+c.key).ok(t, 201)
		w.do(t, "POST", "/payouts", `{"currency": "EUR"}`, "Authorization", "Bearer "+c.key).ok(t, 201)
		for list, want := range map[string]string{"/rules": c.rules, "/payouts": c.payouts} {
			if got := w.do(t, "GET", list, "", "Authorization", "Bearer "+c.key); ids(got) != want {
				t.Errorf("%s lists %s, want %s", list, got.body, want)
			}
		}
	}
	w.do(t, "POST", "/adjustments", `{"affiliate_id": 1, "amount": 10, "currency": "USD", "note": "x"}`).ok(t, 201)
	w.do(t, "POST", "/payouts", `{"currency": "USD"}`).ok(t, 201) // a second run
	before := w.dump(t, second)

	for _, call := range []string{
		`POST /rules {"affiliate_id": 3, "commission": "1%"}`,
		"DELETE /rules/7", "DELETE /rules/8",
		"POST /conversions/3/refund", `POST /conversions/4/refund {"amount": 1}`,
		`POST /refunds {"conversion_id": 3}`, `POST /refunds {"conversion_id": 4, "refunded_total": 1}`,
		`POST /conversions/4/undo-refund {"refund_reference": "x"}`,
		"POST /conversions/3/undo-refund", `POST /conversions/4/undo-refund {"amount": 1}`,
		"GET /conversions/3/explain", "GET /conversions/4/explain",
		"GET /affiliates/only.second@example.com/earnings",
		"GET /affiliates/only.second@example.com/earnings?as_of=2026-01-01",
		"GET /affiliates/4/earnings", "GET /affiliates/4/ledger", "GET /affiliates/4/statement?month=2026-01",
		"GET /affiliates/only.second@example.com/ledger",
		"GET /affiliates/only.second@example.com/statement?month=2026-01",
		"GET /affiliates/only.second@example.com/statement?month=2026-01&format=csv",
		`POST /adjustments {"affiliate_id": 3, "amount": 1, "note": "x"}`,
		`POST /adjustments {"affiliate_id": 4, "amount": -1, "currency": "EUR", "note": "x"}`,
		"GET /payouts/3", "GET /payouts/runs/2",
		`POST /payouts {"affiliate_id": 3}`, `POST /payouts {"affiliate_id": 4, "preview": true}`,
		`POST /payouts {"affiliate_ids": [1, 4]}`, `POST /payouts {"without": [3], "preview": true}`,
		"GET /payouts/4", "GET /payouts/3/entries", "GET /payouts/4/entries?limit=1",
		"POST /payouts/3/pay", `POST /payouts/4/pay {"external_reference": "x"}`, "POST /payouts/3/cancel",
		`POST /payouts/3/return {"note": "x"}`,
	} {
		method, rest, _ := strings.Cut(call, " ")
		path, body, _ := strings.Cut(rest, " ")
		field := "" // that names one of several things
		if method+path == "POST/payouts" {
			field, _, _ = strings.Cut(strings.TrimPrefix(body, `{"`), `"`)
		}
		if w.do(t, method, path, body).refused(t, 404, "not_found", field); t.Failed() {
			t.Fatalf("by %s", call)
		}
	}
	for _, query := range []string{"/rules?affiliate_id=3", "/payouts?affiliate_id=3",
		"/payouts?affiliate_id=4&status=pending", "/payouts?run_id=2"} {
		got := w.do(t, "GET", query, "").ok(t, 200)
		if len(got.items()) != 0 || number(got.pagination()["total"]) != 0 {
			t.Errorf("%s lists %s", query, got.body)
		}
	}
	for _, list := range []string{"/rules", "/payouts", "/payouts/runs", "/affiliates/jane@example.com/ledger"} {
		cursor := text(w.do(t, "GET", list+"?limit=1", "").ok(t, 200).pagination()["next_cursor"])
		if cursor == "" {
			t.Fatalf("%s has no cursor", list)
		}
		w.do(t, "GET", list+"?limit=1&cursor="+cursor, "").ok(t, 200)
		w.do(t, "GET", list+"?limit=1&cursor="+cursor, "", "Authorization", "Bearer "+second).
			refused(t, 400, "invalid", "cursor")
	}
	for key, want := range map[string]string{w.key: "jane.1@example.com,10.00,EUR,payout-1,Affiliate payout 1\n",
		second: "jane.3@example.com,13.00,EUR,payout-3,Affiliate payout 3\n"} {
		got := w.do(t, "GET", "/payouts/export?format=paypal&currency=EUR", "", "Authorization", "Bearer "+key).
			ok(t, 200)
		if string(got.body) != want || got.header.Get("X-Payouts-Left-Out") != "1" {
			t.Errorf("the file is %s, want %s", got.body, want)
		}
	}
	if after := w.dump(t, second); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}

	// A run, and a change of the settings, are the program's own too.
	w.do(t, "POST", "/payouts/1/cancel", "").ok(t, 200)
	w.do(t, "POST", "/adjustments", `{"affiliate_id": 3, "amount": 50, "note": "x"}`,
		"Authorization", "Bearer "+second).ok(t, 201)
	if got := w.do(t, "POST", "/payouts", `{"currency": "EUR"}`).ok(t, 201).items(); len(got) != 1 ||
		number(got[0]["affiliate_id"]) != 1 {
		t.Errorf("the run makes %v", got)
	}
	w.do(t, "PUT", "/project", `{"commission": "99%", "minimum_payout": 5}`).ok(t, 200)
	have(t, w.do(t, "GET", "/project", "", "Authorization", "Bearer "+second),
		map[string]any{"name": "second", "commission": "0%", "currency": "EUR"})
}

// Two programs with the same code. The affiliates of the first are 1 and 2, those of
// the second 3 and 4.
func TestAKeyNeverReachesAnotherProjectsTraffic(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	second := w.newKey(t, w.project(t, "second", refgrow.Settings{}), refgrow.CreateKeyParams{})
	for _, call := range []string{
		`/affiliates {"email": "jane@example.com", "referral_code": "JANE"}`,
		`/affiliates {"email": "only.second@example.com", "referral_code": "SECOND"}`,
		`/clicks {"clicks": [{"referral_code": "JANE", "ip_address": "203.0.113.9"},
			{"referral_code": "SECOND", "ip_address": "203.0.113.9"}]}`,
	} {
		path, body, _ := strings.Cut(call, " ")
		w.do(t, "POST", path, body, "Authorization", "Bearer "+second)
	}
	before := w.do(t, "GET", "/statistics", "", "Authorization", "Bearer "+second).ok(t, 200)
	if today := before.items()[29]; number(today["clicks"]) != 2 {
		t.Fatalf("the second program has %v", today)
	}

	// The other program's code counts for nobody, a code that both have counts for
	// one's own, and the same address is not a repeat.
	w.do(t, "POST", "/clicks", `{"clicks": [{"referral_code": "JANE",
		"ip_address": "203.0.113.9"}, {"referral_code": "SECOND", "ip_address": "203.0.113.9"}]}`).counts(t, 1, 1)
	if jane := w.clicksOf(t, "jane@example.com"); jane != "1" {
		t.Errorf("jane has %s clicks", jane)
	}
	for id, days := range map[string]int{"1": 30, "2": 30, "3": 0, "4": 0} {
		if got := w.do(t, "GET", "/statistics?affiliate_id="+id, "").ok(t, 200); len(got.items()) != days {
			t.Errorf("affiliate %s has %s", id, got.body)
		}
	}
	w.do(t, "PUT", "/project", `{"touch": "first", "cookie_days": 1,
		"click_days": 1, "landing_url": "/", "allowed_origins": ["https://example.com"]}`).ok(t, 200)
	have(t, w.do(t, "GET", "/project", "", "Authorization", "Bearer "+second),
		map[string]any{"touch": "last", "allowed_origins": []any{}})
	after := w.do(t, "GET", "/statistics", "", "Authorization", "Bearer "+second).ok(t, 200)
	if string(after.body) != string(before.body) {
		t.Errorf("something changed:\n%s\n%s", before.body, after.body)
	}
}
