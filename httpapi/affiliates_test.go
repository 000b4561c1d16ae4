package httpapi_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

// have compares some members of an affiliate; a nil that is wanted must be absent.
func have(t *testing.T, got reply, want map[string]any) {
	t.Helper()
	for name, value := range want {
		shown, there := got.ok(t, 200).data()[name]
		if !reflect.DeepEqual(shown, value) || value == nil && there {
			t.Errorf("%s is %v, want %v", name, shown, value)
		}
	}
}

func TestEarningsOfAffiliates(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("10")}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	jane := func() reply { t.Helper(); return w.do(t, "GET", "/affiliates/jane@example.com", "") }
	have(t, jane(), map[string]any{
		"unpaid_earnings": "0.00", "total_earnings": "0.00", "paid_earnings": "0.00",
		"eligible_earnings": nil, "held_earnings": nil,
		"next_release_date": nil, "earnings_by_currency": nil, "payout_preferences": nil,
	})

	w.do(t, "POST", "/conversions",
		`{"type": "purchase", "affiliate_id": 1, "base_value": 120, "base_value_currency": "EUR"}`).ok(t, 201)
	w.do(t, "POST", "/conversions", `{"type": "purchase", "affiliate_id": 1,
		"base_value": 5000, "base_value_currency": "JPY", "paid": true}`).ok(t, 201)
	have(t, jane(), map[string]any{
		"unpaid_earnings": "0.00", "total_earnings": "0.00",
		"earnings_by_currency": []any{
			map[string]any{"currency": "EUR", "unpaid_earnings": "12.00",
				"total_earnings": "12.00", "paid_earnings": "0.00"},
			map[string]any{"currency": "JPY", "unpaid_earnings": "0", "total_earnings": "500", "paid_earnings": "500"},
		},
	})

	// The fields of the hold are present when the project has one, or something is
	// still held.
	hold := func(days int) {
		_, err := w.shop.UpdateSettings(t.Context(), refgrow.UpdateSettingsParams{HoldDays: &days})
		must(t, err)
	}
	hold(30)
	have(t, jane(), map[string]any{"eligible_earnings": "0.00", "held_earnings": "0.00"})
	if release, there := jane().data()["next_release_date"]; release != nil || !there {
		t.Errorf("next_release_date is %v", release)
	}
	w.do(t, "POST", "/conversions",
		`{"type": "purchase", "affiliate_id": 1, "base_value": 10, "base_value_currency": "EUR"}`).ok(t, 201)
	hold(0)
	held := map[string]any{
		"eligible_earnings": "0.00", "held_earnings": "0.00",
		"earnings_by_currency": []any{
			map[string]any{"currency": "EUR", "unpaid_earnings": "13.00",
				"total_earnings": "13.00", "paid_earnings": "0.00",
				"eligible_earnings": "12.00", "held_earnings": "1.00", "next_release_date": "2026-02-14T12:00:00.000Z"},
			map[string]any{"currency": "JPY", "unpaid_earnings": "0", "total_earnings": "500", "paid_earnings": "500",
				"eligible_earnings": "0", "held_earnings": "0", "next_release_date": nil},
		},
	}
	have(t, jane(), held)
	listed := w.do(t, "GET", "/affiliates", "").items()
	if !reflect.DeepEqual(listed[0], jane().data()) {
		t.Errorf("the list has %v", listed[0])
	}
	w.clock.Advance(30 * 24 * time.Hour)
	have(t, jane(), map[string]any{"eligible_earnings": nil, "held_earnings": nil, "next_release_date": nil})
}

func TestPayoutPreferences(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	for _, c := range []struct {
		body string
		want any
	}{
		{`{"paypal_email": "Pay@Example.com"}`, map[string]any{"paypal_email": "pay@example.com"}},
		{`{"wise_details": {"accountId": "17"}}`,
			map[string]any{"paypal_email": "pay@example.com", "wise_details": map[string]any{"accountId": "17"}}},
		{`{"wise_details": {"email": "w@example.com"}}`, map[string]any{"paypal_email": "pay@example.com",
			"wise_details": map[string]any{"accountId": "17", "email": "w@example.com"}}},
		{`{"paypal_email": null, "wise_details": {"accountId": null}}`,
			map[string]any{"wise_details": map[string]any{"email": "w@example.com"}}},
		{`{"paypal_email": "p@example.com", "wise_details": null}`, map[string]any{"paypal_email": "p@example.com"}},
		{`{"wise_name": "Jane Doe"}`, map[string]any{"paypal_email": "p@example.com", "wise_name": "Jane Doe"}},
		{`{"paypal_email": null}`, map[string]any{"wise_name": "Jane Doe"}},
		{`null`, nil},
	} {
		have(t, w.do(t, "PUT", "/affiliates/jane@example.com", `{"payout_preferences": `+c.body+`}`),
			map[string]any{"payout_preferences": c.want})
		have(t, w.do(t, "GET", "/affiliates/jane@example.com", ""), map[string]any{"payout_preferences": c.want})
	}
}

// A new affiliate can have preferences at once, and null is the same as none. A pause
// leaves the status as it is.
func TestPreferencesOfNewAffiliates(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	const all = `{"paypal_email": "Jane@Pay.example", "wise_details": {"accountId": "4711",
		"email": "Jane@Wise.example"}, "wise_name": "Jane Doe"}`
	want := map[string]any{"payout_preferences": map[string]any{"paypal_email": "jane@pay.example",
		"wise_details": map[string]any{"accountId": "4711", "email": "jane@wise.example"}, "wise_name": "Jane Doe"}}
	created := w.do(t, "POST", "/affiliates", `{"email": "jane@example.com", "payout_preferences": `+all+`}`).
		ok(t, 201).data()["payout_preferences"]
	if !reflect.DeepEqual(created, want["payout_preferences"]) {
		t.Errorf("created with %v", created)
	}
	have(t, w.do(t, "GET", "/affiliates/jane@example.com", ""), want)
	for i, none := range []string{`null`, `{"paypal_email": null}`, `{"wise_details": null}`} {
		body := fmt.Sprintf(`{"email": "none%d@example.com", "payout_preferences": %s}`, i, none)
		if shown := w.do(t, "POST", "/affiliates", body).ok(t, 201).data(); shown["payout_preferences"] != nil {
			t.Errorf("%s: %v", none, shown)
		}
	}
	for _, paused := range []bool{true, false} {
		body := fmt.Sprintf(`{"payouts_paused": %v}`, paused)
		want := map[string]any{"payouts_paused": paused, "status": "active"}
		have(t, w.do(t, "PUT", "/affiliates/jane@example.com", body), want)
		have(t, w.do(t, "GET", "/affiliates/jane@example.com", ""), want)
	}
}

func TestUpdateOfAffiliates(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	created := w.do(t, "POST", "/affiliates",
		`{"email": "Jane@Example.com", "referral_code": null, "partner_slug": null}`).ok(t, 201).data()
	if code := text(created["referral_code"]); len(code) != 8 || created["user_email"] != "jane@example.com" {
		t.Errorf("created %v", created)
	}
	got := w.do(t, "PUT", "/affiliates/JANE@example.com",
		`{"email": "J2@example.com", "referral_code": "J-2", "partner_slug": "j_2", "status": "inactive"}`)
	have(t, got, map[string]any{"user_email": "j2@example.com", "referral_code": "J-2",
		"partner_slug": "j_2", "status": "inactive"})
	w.do(t, "GET", "/affiliates/jane@example.com", "").refused(t, 404, "not_found", "")
	got = w.do(t, "PUT", "/affiliates/j2@example.com", `{"partner_slug": null}`).ok(t, 200)
	if slug, there := got.data()["partner_slug"]; slug != nil || !there {
		t.Errorf("the slug is %v", slug)
	}
	before := w.dump(t)
	// Everything as it already is.
	w.do(t, "PUT", "/affiliates/j2@example.com",
		`{"email": "j2@example.com", "referral_code": "J-2", "status": "inactive"}`).ok(t, 200)
	if w.dump(t) != before {
		t.Error("something changed")
	}
}

// Where a path takes an email it takes the id as well, so that a customer without an
// email can be read, changed and deleted.
func TestPathsWithAnID(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	for byEmail, byID := range map[string]string{
		"/affiliates/jane@example.com": "/affiliates/1", "/affiliates/bob@example.com": "/affiliates/2",
		"/affiliates/jane@example.com/earnings":                "/affiliates/1/earnings",
		"/affiliates/jane@example.com/ledger":                  "/affiliates/1/ledger",
		"/affiliates/jane@example.com/statement?month=2026-01": "/affiliates/1/statement?month=2026-01",
		"/referrals/carl@example.com":                          "/referrals/1",
	} {
		want, got := w.do(t, "GET", byEmail, "").ok(t, 200), w.do(t, "GET", byID, "").ok(t, 200)
		if string(got.body) != string(want.body) {
			t.Errorf("%s is %s, but by the email %s", byID, got.body, want.body)
		}
	}
	bought := w.do(t, "POST", "/conversions", `{"type": "purchase", "base_value": 1, "external_id": "u-17"}`).ok(t, 201)
	path := fmt.Sprintf("/referrals/%d", number(bought.data()["referred_user_id"]))
	if got := w.do(t, "GET", path, "").ok(t, 200).data(); got["user_email"] != nil || got["external_id"] != "u-17" {
		t.Errorf("%s is %v", path, got)
	}
	if got := w.do(t, "PUT", path, `{"affiliate_id": 2}`).ok(t, 200).data(); number(got["affiliate_id"]) != 2 {
		t.Errorf("%s becomes %v", path, got)
	}
	w.do(t, "DELETE", path, "").ok(t, 204)
	w.do(t, "GET", path, "").refused(t, 404, "not_found", "")
	if got := w.do(t, "PUT", "/affiliates/2", `{"status": "inactive"}`).ok(t, 200).data(); got["status"] != "inactive" {
		t.Errorf("the affiliate becomes %v", got)
	}
	w.do(t, "DELETE", "/affiliates/2", "").ok(t, 204)
	w.do(t, "GET", "/affiliates/bob@example.com", "").refused(t, 404, "not_found", "")
}
