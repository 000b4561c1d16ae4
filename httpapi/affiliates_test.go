package httpapi_test

import (
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
		"unpaid_earnings": "0.00", "total_earnings": "0.00", "paid_earnings": "0.00", "eligible_earnings": nil, "held_earnings": nil,
		"next_release_date": nil, "earnings_by_currency": nil, "payout_preferences": nil,
	})

	w.do(t, "POST", "/conversions", `{"type": "purchase", "affiliate_id": 1, "base_value": 120, "base_value_currency": "EUR"}`).ok(t, 201)
	w.do(t, "POST", "/conversions", `{"type": "purchase", "affiliate_id": 1, "base_value": 5000, "base_value_currency": "JPY", "paid": true}`).ok(t, 201)
	have(t, jane(), map[string]any{
		"unpaid_earnings": "0.00", "total_earnings": "0.00",
		"earnings_by_currency": []any{
			map[string]any{"currency": "EUR", "unpaid_earnings": "12.00", "total_earnings": "12.00", "paid_earnings": "0.00"},
			map[string]any{"currency": "JPY", "unpaid_earnings": "0", "total_earnings": "500", "paid_earnings": "500"},
		},
	})

	// The fields of the hold are there when the project has one, or something is still held.
	hold := func(days int) {
		_, err := w.shop.UpdateSettings(t.Context(), refgrow.UpdateSettingsParams{HoldDays: &days})
		must(t, err)
	}
	hold(30)
	have(t, jane(), map[string]any{"eligible_earnings": "0.00", "held_earnings": "0.00"})
	if release, there := jane().data()["next_release_date"]; release != nil || !there {
		t.Errorf("next_release_date is %v", release)
	}
	w.do(t, "POST", "/conversions", `{"type": "purchase", "affiliate_id": 1, "base_value": 10, "base_value_currency": "EUR"}`).ok(t, 201)
	hold(0)
	held := map[string]any{
		"eligible_earnings": "0.00", "held_earnings": "0.00",
		"earnings_by_currency": []any{
			map[string]any{"currency": "EUR", "unpaid_earnings": "13.00", "total_earnings": "13.00", "paid_earnings": "0.00",
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
		{`{"wise_details": {"accountId": "A-17"}}`, map[string]any{"paypal_email": "pay@example.com", "wise_details": map[string]any{"accountId": "A-17"}}},
		{`{"wise_details": {"email": "w@example.com"}}`, map[string]any{"paypal_email": "pay@example.com",
			"wise_details": map[string]any{"accountId": "A-17", "email": "w@example.com"}}},
		{`{"paypal_email": null, "wise_details": {"accountId": null}}`, map[string]any{"wise_details": map[string]any{"email": "w@example.com"}}},
		{`{"paypal_email": "p@example.com", "wise_details": null}`, map[string]any{"paypal_email": "p@example.com"}},
		{`null`, nil},
	} {
		have(t, w.do(t, "PUT", "/affiliates/jane@example.com", `{"payout_preferences": `+c.body+`}`), map[string]any{"payout_preferences": c.want})
		have(t, w.do(t, "GET", "/affiliates/jane@example.com", ""), map[string]any{"payout_preferences": c.want})
	}
}

func TestUpdateOfAffiliates(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	created := w.do(t, "POST", "/affiliates", `{"email": "Jane@Example.com", "referral_code": null, "partner_slug": null}`).ok(t, 201).data()
	if code := text(created["referral_code"]); len(code) != 8 || created["user_email"] != "jane@example.com" {
		t.Errorf("made %v", created)
	}
	got := w.do(t, "PUT", "/affiliates/JANE@example.com", `{"email": "J2@example.com", "referral_code": "J-2", "partner_slug": "j_2", "status": "inactive"}`)
	have(t, got, map[string]any{"user_email": "j2@example.com", "referral_code": "J-2", "partner_slug": "j_2", "status": "inactive"})
	w.do(t, "GET", "/affiliates/jane@example.com", "").refused(t, 404, "not_found", "")
	got = w.do(t, "PUT", "/affiliates/j2@example.com", `{"partner_slug": null}`).ok(t, 200)
	if slug, there := got.data()["partner_slug"]; slug != nil || !there {
		t.Errorf("the slug is %v", slug)
	}
	before := w.dump(t)
	w.do(t, "PUT", "/affiliates/j2@example.com", `{"email": "j2@example.com", "referral_code": "J-2", "status": "inactive"}`).ok(t, 200) // as it is
	if w.dump(t) != before {
		t.Error("something changed")
	}
}
