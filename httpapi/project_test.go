package httpapi_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
)

func TestProject(t *testing.T) {
	t.Parallel()
	single(t)
	w := setup(t, refgrow.Settings{}, noLimit)
	const fresh = `{"success": true, "data": {"id": 1, "name": "shop", "currency": "USD", "commission": "0%",
		"commission_duration": "lifetime", "signup_commission": "0%", "hold_days": 0, "minimum_payout": 0,
		"coupon_first": false, "self_referral": "refuse", "touch": "last", "cookie_days": 60,
		"click_days": 90, "landing_url": null, "allowed_origins": []}}`
	w.do(t, "GET", "/project", "").is(t, 200, fresh)
	const all = `{"success": true, "data": {"id": 1, "name": "shop", "currency": "EUR", "commission": "8.25%",
		"commission_duration": "12 months", "signup_commission": "5.00", "hold_days": 30, "minimum_payout": 49.5,
		"coupon_first": true, "self_referral": "flag", "touch": "first", "cookie_days": 400, "click_days": 3650,
		"landing_url": "https://example.com/?from=friends",
		"allowed_origins": ["http://localhost:3000", "https://example.com"]}}`
	w.do(t, "PUT", "/project", `{"name": "shop", "currency": "eur", "commission": "8.250%",
		"commission_duration": "12 months", "signup_commission": "5", "hold_days": 30, "minimum_payout": 49.50,
		"coupon_first": true, "self_referral": "flag", "touch": "first", "cookie_days": 400, "click_days": 3650,
		"landing_url": "https://example.com/?from=friends",
		"allowed_origins": ["https://Example.com:443/", "http://localhost:3000"]}`).is(t, 200, all)
	w.do(t, "GET", "/project", "").is(t, 200, all)
	w.do(t, "PUT", "/project", `{"hold_days": 30}`).is(t, 200, all) // as it is
	w.do(t, "PUT", "/project", `{"name": "shop"}`).is(t, 200, all)

	// A change of one field leaves the others.
	for _, c := range []struct{ body, field, want string }{
		{`{"hold_days": 0}`, "hold_days", "0"},
		{`{"minimum_payout": 0}`, "minimum_payout", "0"},
		{`{"coupon_first": false}`, "coupon_first", "false"},
		{`{"self_referral": "allow"}`, "self_referral", "allow"},
		{`{"commission_duration": "1 payment"}`, "commission_duration", "1 payment"},
		{`{"commission_duration": "first_purchase"}`, "commission_duration", "first_purchase"},
		{`{"commission": "100%"}`, "commission", "100%"},
		{`{"signup_commission": "0"}`, "signup_commission", "0.00"},
		{`{"name": "shop"}`, "name", "shop"},
		{`{"touch": "last"}`, "touch", "last"},
		{`{"cookie_days": 1}`, "cookie_days", "1"},
		{`{"click_days": 1}`, "click_days", "1"},
		{`{"landing_url": "/welcome?a=b"}`, "landing_url", "/welcome?a=b"},
		{`{"landing_url": null}`, "landing_url", "<nil>"},
		{`{"allowed_origins": ["https://example.org"]}`, "allowed_origins", "[https://example.org]"},
		{`{"allowed_origins": []}`, "allowed_origins", "[]"},
	} {
		before := w.do(t, "GET", "/project", "").data()
		got := w.do(t, "PUT", "/project", c.body).ok(t, 200)
		for field, value := range got.data() {
			switch {
			case field == c.field && asText(value) != c.want:
				t.Errorf("%s: %s is %v", c.body, field, value)
			case field != c.field && !reflect.DeepEqual(value, before[field]):
				t.Errorf("%s: %s is %v and was %v", c.body, field, value, before[field])
			}
		}
	}
}

// A fixed commission and the minimum are in the currency that is in force then.
func TestProjectInAnotherCurrency(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("20")}, noLimit)
	w.do(t, "PUT", "/project", `{"commission": "1.234"}`).refused(t, 400, "invalid", "commission")
	w.do(t, "PUT", "/project",
		`{"commission": "1.234", "signup_commission": "0.5", "minimum_payout": 10.125, "currency": "KWD"}`).ok(t, 200)
	have(t, w.do(t, "GET", "/project", ""),
		map[string]any{"currency": "KWD", "commission": "1.234", "signup_commission": "0.500"})
	w.do(t, "PUT", "/project", `{"minimum_payout": 10.125, "currency": "USD"}`).
		refused(t, 400, "invalid", "minimum_payout")
	w.do(t, "PUT", "/project",
		`{"currency": "JPY", "commission": "500", "signup_commission": "0.5", "minimum_payout": 1}`).
		refused(t, 400, "invalid", "signup_commission")
	w.do(t, "PUT", "/project",
		`{"currency": "JPY", "commission": "500", "signup_commission": "50", "minimum_payout": 1000}`).ok(t, 200)

	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	got := w.do(t, "POST", "/conversions", `{"type": "purchase", "affiliate_id": 1, "base_value": 9000}`).
		ok(t, 201).data()
	if number(got["value"]) != 500 {
		t.Errorf("the sale earns %v", got["value"])
	}
	w.do(t, "PUT", "/project", `{"currency": "USD"}`).refused(t, 409, "conflict", "currency")
	w.do(t, "PUT", "/project", `{"currency": "JPY", "hold_days": 7}`).ok(t, 200)
}

func TestNameOfTheProject(t *testing.T) {
	t.Parallel()
	var shop *refgrow.Project
	w := setup(t, refgrow.Settings{}, httpapi.Options{RateLimit: -1, Authenticate: hostOf(&shop)})
	shop = w.shop // a handle that is never renewed
	other := w.project(t, "other", refgrow.Settings{})
	name := func(want string, got reply) {
		t.Helper()
		have(t, got, map[string]any{"name": want})
		have(t, w.do(t, "GET", "/project", ""), map[string]any{"name": want})
	}
	// No key changes it, nor learns whether another program has a name.
	for _, another := range []string{"other", "default", "Shop", " shop", "first"} {
		for _, more := range []string{"", `, "hold_days": 9`} {
			w.do(t, "PUT", "/project", `{"name": "`+another+`"`+more+`}`).refused(t, 403, "name_fixed", "name")
		}
	}
	if got := w.do(t, "GET", "/project", "").data(); got["name"] != "shop" || number(got["hold_days"]) != 0 {
		t.Errorf("the project is %v", got)
	}
	must(t, w.shop.Rename(t.Context(), "second"))
	name("second", w.do(t, "PUT", "/project", `{"hold_days": 1}`))
	name("second", w.do(t, "PUT", "/project", `{"name": "second"}`))
	must(t, other.Rename(t.Context(), "shop")) // the name that the handle has
	name("second", w.do(t, "GET", "/project", ""))
	w.do(t, "PUT", "/project", `{"name": "shop"}`).refused(t, 403, "name_fixed", "name")
}

func TestRules(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("10")}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	w.do(t, "POST", "/affiliates", `{"email": "bob@example.com"}`).ok(t, 201)
	const product = `{"id": 3, "affiliate_id": null, "product": "Pro", "commission": "7.50",
		"commission_duration": "lifetime", "version": 1, "created_at": "2026-01-15T12:00:00.000Z"}`
	w.do(t, "POST", "/rules", `{"product": "Pro", "commission": "7.5"}`).
		is(t, 201, `{"success": true, "data": `+product+`}`)
	w.clock.Advance(time.Minute)
	const both = `{"id": 4, "affiliate_id": 1, "product": "Pro", "commission": "50%",
		"commission_duration": "6 payments", "version": 1, "created_at": "2026-01-15T12:01:00.000Z"}`
	w.do(t, "POST", "/rules",
		`{"affiliate_id": 1, "product": "Pro", "commission": "50%", "commission_duration": "6 payments"}`).
		is(t, 201, `{"success": true, "data": `+both+`}`)
	w.clock.Advance(time.Minute)
	const affiliate = `{"id": 5, "affiliate_id": 1, "product": null, "commission": "20%",
		"commission_duration": "first_purchase", "version": 1, "created_at": "2026-01-15T12:02:00.000Z"}`
	w.do(t, "POST", "/rules",
		`{"affiliate_id": 1, "product": null, "commission": "20%", "commission_duration": "first_purchase"}`).
		is(t, 201, `{"success": true, "data": `+affiliate+`}`)
	w.do(t, "GET", "/rules", "").is(t, 200, `{"success": true, "data": [`+affiliate+`,`+both+`,`+product+`],
		"pagination": {"limit": 50, "offset": 0, "total": 3, "has_more": false, "next_cursor": null}}`)
	for query, want := range map[string]string{
		"affiliate_id=1": "5 4", "affiliate_id=2": "", "affiliate_id=99": "",
		"product=Pro": "4 3", "product=pro": "", "product=Pro&affiliate_id=1": "4",
	} {
		if got := w.do(t, "GET", "/rules?"+query, "").ok(t, 200); ids(got) != want ||
			number(got.pagination()["total"]) != int64(len(got.items())) {
			t.Errorf("%s lists %s", query, got.body)
		}
	}

	// The most specific rule prices a sale.
	earns := func(want string, body string) {
		t.Helper()
		got := w.do(t, "POST", "/conversions", `{"type": "purchase", "base_value": 100, `+body+`}`).ok(t, 201).data()
		if asText(got["value"]) != want {
			t.Errorf("%s earns %v, want %s", body, got["value"], want)
		}
	}
	earns("50", `"affiliate_id": 1, "product": "Pro"`)
	earns("20", `"affiliate_id": 1, "product": "Lite"`)
	earns("7.5", `"affiliate_id": 2, "product": "Pro"`)
	earns("10", `"affiliate_id": 2`)

	// The same again is the same rule, a different one its next version.
	w.do(t, "POST", "/rules", `{"product": "Pro", "commission": "7.50"}`).
		is(t, 201, `{"success": true, "data": `+product+`}`)
	next := w.do(t, "POST", "/rules", `{"product": "Pro", "commission": "8%"}`).ok(t, 201).data()
	if number(next["id"]) != 6 || number(next["version"]) != 2 {
		t.Errorf("the next version is %v", next)
	}
	earns("8", `"affiliate_id": 2, "product": "Pro"`)
	w.do(t, "DELETE", "/rules/3", "").refused(t, 404, "not_found", "") // ended
	w.do(t, "DELETE", "/rules/4", "").ok(t, 204)
	w.do(t, "DELETE", "/rules/4", "").
		is(t, 404, `{"success": false, "error": "Commission rule not found", "code": "not_found"}`)
	earns("20", `"affiliate_id": 1, "product": "Pro"`)
	if got := w.do(t, "GET", "/rules", ""); ids(got) != "6 5" {
		t.Errorf("there are %s", got.body)
	}
}
