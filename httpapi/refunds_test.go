package httpapi_test

import (
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

func TestRefunds(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("10")}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	w.do(t, "POST", "/conversions",
		`{"type": "purchase", "affiliate_id": 1, "base_value": 99.99, "base_value_currency": "EUR"}`).ok(t, 201)
	conversion := func(refunded, status string) string {
		return `{"success": true, "data": {"id": 1, "project_id": 1, "type": "purchase", "affiliate_id": 1,
			"referred_user_id": null, "value": 10, "base_value": 99.99, "base_value_currency": "EUR",
			"refunded_amount": ` + refunded + `, "paid": false, "status": "` + status + `",
			"created_at": "2026-01-15T12:00:00.000Z", "reference": null, "coupon_code_used": null,
			"referral_code": null, "product": null, "url": null}}`
	}
	unpaid := func(want string) {
		t.Helper()
		got := w.do(t, "GET", "/affiliates/jane@example.com/earnings", "").ok(t, 200).items()
		if len(got) == 1 { // nothing is left in EUR
			got = append(got, map[string]any{"currency": "EUR", "unpaid": "0.00"})
		}
		if got[1]["currency"] != "EUR" || got[1]["unpaid"] != want {
			t.Errorf("jane has %v, want %s", got[1], want)
		}
	}
	w.do(t, "POST", "/conversions/1/refund", `{"amount": 33.33, "reason": "one of three"}`).
		is(t, 200, conversion("33.33", "eligible"))
	unpaid("6.67")
	w.do(t, "POST", "/conversions/1/refund", `{"amount": 66.67}`).refused(t, 400, "invalid", "amount")
	w.do(t, "POST", "/conversions/1/refund", `{"amount": 33.33, "reason": null}`).
		is(t, 200, conversion("66.66", "eligible"))
	unpaid("3.33")
	w.do(t, "PUT", "/conversions/1", `{"base_value": 50}`).refused(t, 400, "invalid", "base_value")
	w.do(t, "POST", "/conversions/1/refund", "").is(t, 200, conversion("99.99", "refunded"))
	unpaid("0.00")
	w.do(t, "GET", "/conversions/1", "").is(t, 200, conversion("99.99", "refunded"))
	w.do(t, "POST", "/conversions/1/refund", "").refused(t, 409, "conflict", "amount")
	w.do(t, "POST", "/conversions/1/refund", `{"amount": 1}`).refused(t, 409, "conflict", "amount")

	w.do(t, "POST", "/conversions/1/undo-refund", `{"amount": 100}`).refused(t, 400, "invalid", "amount")
	w.do(t, "POST", "/conversions/1/undo-refund", `{"amount": 33.33, "reason": "not so"}`).
		is(t, 200, conversion("66.66", "eligible"))
	unpaid("3.33")
	w.do(t, "POST", "/conversions/1/undo-refund", "{}").is(t, 200, conversion("0", "eligible"))
	unpaid("10.00")
	w.do(t, "POST", "/conversions/1/undo-refund", "").refused(t, 409, "conflict", "amount")

	// It deleted nothing.
	kinds := ""
	for _, entry := range w.do(t, "GET", "/affiliates/jane@example.com/ledger", "").ok(t, 200).items() {
		kinds += asText(entry["kind"]) + " " + asText(entry["amount"]) + " " + asText(entry["note"]) + ", "
	}
	want := "correction 6.67 <nil>, correction 3.33 not so, reversal -3.33 <nil>, " +
		"reversal -3.34 <nil>, reversal -3.33 one of three, commission 10 <nil>, "
	if kinds != want {
		t.Errorf("the ledger has\n%s want\n%s", kinds, want)
	}
}

func TestExplanations(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("8.2"), HoldDays: 30}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`).ok(t, 201)
	w.do(t, "POST", "/affiliates", `{"email": "bob@example.com", "referral_code": "BOB"}`).ok(t, 201)
	w.do(t, "POST", "/coupons", `{"affiliate_id": 2, "coupon_code": "BOB20"}`).ok(t, 201)
	w.do(t, "POST", "/conversions",
		`{"type": "purchase", "base_value": 102.50, "referral_code": "JANE", "coupon_code_used": "BOB20"}`).ok(t, 201)
	w.do(t, "GET", "/conversions/1/explain", "").is(t, 200, `{"success": true, "data": {
		"decision": {"reason": "coupon", "chosen": 2, "self_referral": false, "candidates": [
			{"source": "coupon", "code": "BOB20", "affiliate_id": 2, "outcome": "credited"},
			{"source": "referral_code", "code": "JANE", "affiliate_id": 1, "outcome": "outranked"}], "notes": []},
		"commission": {"rule": "8.2% for life", "scope": "project", "version": 1, "reason": "rule",
			"inputs": {"base_value": 102.5, "currency": "USD", "rate": "8.2%", "fixed": null,
				"rounding": "half_away_from_zero", "first_purchase_at": null, "earlier_purchases": null,
				"other_payments": null},
			"value": 8.41},
		"entries": [{"id": 1, "kind": "commission", "amount": 8.41, "currency": "USD",
			"available_at": "2026-02-14T12:00:00.000Z", "created_at": "2026-01-15T12:00:00.000Z",
			"conversion_id": 1, "payout_id": null, "note": null, "affiliate_id": 2}],
		"sentence": "Conversion 1, a purchase of 102.50 USD on 2026-01-15, is credited to affiliate BOB, `+
		`because the customer used the coupon BOB20. It earned 8.41 USD by version 1 of the program's rule: `+
		`8.2% for life, of 102.50 USD. 8.41 USD is held until 2026-02-14."}}`)

	// Nobody, and nothing.
	w.do(t, "POST", "/conversions", `{"type": "signup", "email": "JANE+x@example.com", "referral_code": "JANE"}`).
		ok(t, 201)
	got := w.do(t, "GET", "/conversions/2/explain", "").ok(t, 200)
	sentence := text(got.data()["sentence"])
	if sentence == "" {
		t.Error("there is no sentence")
	}
	got.is(t, 200, `{"success": true, "data": {
		"decision": {"reason": "self_referral", "chosen": null, "self_referral": false, "candidates": [
			{"source": "referral_code", "code": "JANE", "affiliate_id": 1, "outcome": "refused",
				"self_referral": true}], "notes": []},
		"commission": {"rule": null, "scope": null, "version": null, "reason": "unattributed",
			"inputs": {"base_value": null, "currency": "USD", "rate": null, "fixed": null, "rounding": null,
				"first_purchase_at": null, "earlier_purchases": null, "other_payments": null},
			"value": 0},
		"entries": [], "sentence": "`+sentence+`"}}`)

	// What a rule with a duration asks of the customer's purchases.
	w.do(t, "POST", "/rules", `{"affiliate_id": 1, "commission": "5.00", "commission_duration": "2 payments"}`).
		ok(t, 201)
	w.do(t, "POST", "/rules", `{"product": "Pro", "commission": "50%", "commission_duration": "12 months"}`).ok(t, 201)
	w.do(t, "POST", "/rules", `{"affiliate_id": 1, "product": "Once",
		"commission": "20%", "commission_duration": "first_purchase"}`).ok(t, 201)
	inputs := func(sale, rule, scope, reason, value, inputs string) {
		t.Helper()
		id := w.do(t, "POST", "/conversions", `{"type": "purchase", "email": "carl@example.com", "base_value": 10, `+
			sale+`}`).ok(t, 201).id()
		got, _ := w.do(t, "GET", "/conversions/"+id+"/explain", "").ok(t, 200).data()["commission"].(map[string]any)
		reply{status: 200, json: got}.is(t, 200,
			`{"rule": "`+rule+`", "scope": "`+scope+`", "version": 1, "reason": "`+reason+`",
			"value": `+value+`, "inputs": {"base_value": 10, "currency": "USD", "rounding": "half_away_from_zero", `+
				inputs+`}}`)
		w.clock.Advance(24 * time.Hour)
	}
	inputs(`"affiliate_id": 1`, "5.00 USD for 2 payments", "affiliate", "rule", "5",
		`"rate": null, "fixed": 5, "first_purchase_at": null, "earlier_purchases": null, "other_payments": 0`)
	inputs(`"affiliate_id": 1, "product": "Once"`, "20% for the first purchase",
		"affiliate_product", "beyond_duration", "0",
		`"rate": "20%", "fixed": null, "first_purchase_at": null, "earlier_purchases": 1, "other_payments": null`)
	inputs(`"affiliate_id": 2, "product": "Pro"`, "50% for 12 months", "product", "rule", "5",
		`"rate": "50%", "fixed": null, "first_purchase_at": "2026-01-15T12:00:00.000Z",
			"earlier_purchases": null, "other_payments": null`)

	// A conversion that has moved has entries of two accounts.
	w.do(t, "PUT", "/conversions/1", `{"affiliate_id": 1}`).ok(t, 200)
	entries, _ := w.do(t, "GET", "/conversions/1/explain", "").ok(t, 200).data()["entries"].([]any)
	owners := ""
	for _, e := range entries {
		entry, _ := e.(map[string]any)
		owners += asText(entry["kind"]) + " of " + asText(entry["affiliate_id"]) + ", "
	}
	if owners != "commission of 2, reversal of 2, commission of 1, " {
		t.Errorf("the entries are %s", owners)
	}
}
