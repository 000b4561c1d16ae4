package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
)

// From a sale to a payout, a refund after it, and a run that takes that into
// account: every step over HTTP alone.
func TestPayoutsFromSaleToExport(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	w.do(t, "PUT", "/project", `{"commission": "20%", "hold_days": 30, "minimum_payout": 10}`).ok(t, 200)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`).ok(t, 201)
	w.do(t, "PUT", "/affiliates/jane@example.com", `{"payout_preferences": {"paypal_email": "pay@jane.example"}}`).
		ok(t, 200)
	sale := func(base string) {
		t.Helper()
		w.do(t, "POST", "/conversions", `{"type": "purchase", "referral_code": "JANE", "base_value": `+base+`}`).
			ok(t, 201)
	}
	balance := func(want string) {
		t.Helper()
		got := w.do(t, "GET", "/affiliates/jane@example.com/earnings", "").ok(t, 200).items()[0]
		shown := fmt.Sprint(got["total"], " paid ", got["paid"], " eligible ",
			got["eligible"], " held ", got["held"], " reserved ", got["reserved"],
			" payable ", got["payable"])
		if shown != want {
			t.Errorf("jane has %s, want %s", shown, want)
		}
	}
	status := func(conversion, want string) {
		t.Helper()
		if got := w.do(t, "GET", "/conversions/"+conversion, "").ok(t, 200).data()["status"]; got != want {
			t.Errorf("conversion %s is %v, want %s", conversion, got, want)
		}
	}
	const none = `{"success": true, "data": [], "run": null, "left_out": []}`
	without := func(amount, reason string) string {
		return `{"success": true, "data": [], "run": null,
			"left_out": [{"affiliate_id": 1, "amount": ` + amount + `, "reason": "` + reason + `"}]}`
	}

	sale("100")
	w.do(t, "POST", "/conversions/1/refund", `{"amount": 25, "reason": "one of four"}`).ok(t, 200)
	balance("15.00 paid 0.00 eligible 0.00 held 15.00 reserved 0.00 payable 0.00")
	w.do(t, "POST", "/payouts", "").is(t, 201, none) // it is held
	w.clock.Advance(30 * 24 * time.Hour)
	sale("80")
	w.do(t, "POST", "/payouts", `{"cutoff": "2026-02-14"}`).is(t, 201, none)
	w.do(t, "POST", "/payouts", `{"minimum": 15.01}`).is(t, 201, without("15", "below_minimum"))
	const at = `"2026-02-14T12:00:00.000Z"`
	w.do(t, "POST", "/payouts", `{"preview": true}`).is(t, 200, `{"success": true, "data": [{"id": null,
		"affiliate_id": 1, "amount": 15, "currency": "USD", "status": "pending", "entry_count": 2,
		"cutoff": `+at+`, "external_reference": null, "created_at": null, "paid_at": null, "canceled_at": null,
		"returned_at": null, "return_note": null, "run_id": null, "no_details": false}], "run": null, "left_out": []}`)
	w.do(t, "GET", "/payouts", "").is(t, 200,
		`{"success": true, "data": [], "pagination": {"limit": 50,
			"offset": 0, "total": 0, "has_more": false, "next_cursor": null}}`)
	const first = `{"id": 1, "affiliate_id": 1, "amount": 15, "currency": "USD",
		"status": "pending", "entry_count": 2, "cutoff": ` + at + `, "external_reference": null,
		"created_at": ` + at + `, "paid_at": null, "canceled_at": null,
		"returned_at": null, "return_note": null, "run_id": 1}`
	w.do(t, "POST", "/payouts", `{"cutoff": `+at+`, "currency": "usd", "minimum": 15}`).
		is(t, 201, `{"success": true, "data": [`+first+`], "run": {"id": 1, "created_at": `+at+`, "by": "key:1",
			"cutoff": `+at+`, "currency": "USD", "minimum": 15, "count": 1, "total": 15}, "left_out": []}`)
	w.do(t, "POST", "/payouts", "{}").is(t, 201, none) // nothing twice
	w.do(t, "GET", "/payouts/1", "").is(t, 200, `{"success": true, "data": `+first+`}`)
	balance("31.00 paid 0.00 eligible 15.00 held 16.00 reserved 15.00 payable 0.00")
	w.do(t, "GET", "/payouts/1/entries", "").is(t, 200, `{"success": true, "data": [
		{"id": 2, "kind": "reversal", "amount": -5, "currency": "USD", "available_at": `+at+`,
			"created_at": "2026-01-15T12:00:00.000Z", "conversion_id": 1, "payout_id": null, "note": "one of four"},
		{"id": 1, "kind": "commission", "amount": 20, "currency": "USD", "available_at": `+at+`,
			"created_at": "2026-01-15T12:00:00.000Z", "conversion_id": 1, "payout_id": null, "note": null}],
		"pagination": {"limit": 50, "offset": 0, "total": 2, "has_more": false, "next_cursor": null}}`)
	w.do(t, "PUT", "/conversions/1", `{"paid": true}`).refused(t, 409, "conflict", "paid")

	file := w.do(t, "GET", "/payouts/export?format=paypal", "").ok(t, 200)
	if string(file.body) != "pay@jane.example,15.00,USD,payout-1,Affiliate payout 1\n" ||
		file.header.Get("X-Payouts-Left-Out") != "0" {
		t.Errorf("the file is %s with %v", file.body, file.header)
	}
	w.clock.Advance(time.Hour)
	const paid = `{"success": true, "data": {"id": 1, "affiliate_id": 1, "amount": 15, "currency": "USD",
		"status": "paid", "entry_count": 2, "cutoff": ` + at + `, "external_reference": "PP-77", "created_at": ` +
		at + `, "paid_at": "2026-02-14T13:00:00.000Z", "canceled_at": null,
		"returned_at": null, "return_note": null, "run_id": 1}}`
	w.do(t, "POST", "/payouts/1/pay", `{"external_reference": "PP-77"}`).is(t, 200, paid)
	w.do(t, "GET", "/payouts/1", "").is(t, 200, paid)
	w.do(t, "POST", "/payouts/1/pay", "").refused(t, 409, "conflict", "")
	w.do(t, "POST", "/payouts/1/cancel", "").refused(t, 409, "conflict", "")
	balance("31.00 paid 15.00 eligible 0.00 held 16.00 reserved 0.00 payable 0.00")
	status("1", "paid")
	if got := w.do(t, "GET", "/payouts/export?format=paypal", "").ok(t, 200); len(got.body) != 0 {
		t.Errorf("the file of nothing is %s", got.body)
	}

	// A refund after the payout is a debt, and the next run nets it.
	w.do(t, "POST", "/conversions/1/refund", "").ok(t, 200)
	status("1", "refunded")
	balance("16.00 paid 15.00 eligible -15.00 held 16.00 reserved 0.00 payable -15.00")
	w.clock.Advance(30 * 24 * time.Hour)
	balance("16.00 paid 15.00 eligible 1.00 held 0.00 reserved 0.00 payable 1.00")
	w.do(t, "POST", "/payouts", "").is(t, 201, without("1", "below_minimum"))
	next := w.do(t, "POST", "/payouts", `{"minimum": 0}`).ok(t, 201).items()
	if len(next) != 1 || asText(next[0]["amount"]) != "1" || asText(next[0]["entry_count"]) != "2" {
		t.Errorf("the next run makes %v", next)
	}
	const canceled = `{"success": true, "data": {"id": 2, "affiliate_id": 1, "amount": 1, "currency": "USD",
		"status": "canceled", "entry_count": 2, "cutoff": "2026-03-16T13:00:00.000Z", "external_reference": null,
		"created_at": "2026-03-16T13:00:00.000Z", "paid_at": null, "canceled_at": "2026-03-16T13:00:00.000Z",
		"returned_at": null, "return_note": null, "run_id": 2}}`
	w.do(t, "POST", "/payouts/2/cancel", "").is(t, 200, canceled)
	w.do(t, "GET", "/payouts/2", "").is(t, 200, canceled)
	w.do(t, "POST", "/payouts/2/pay", "").refused(t, 409, "conflict", "")
	w.do(t, "POST", "/payouts", `{"minimum": 1}`).ok(t, 201)
	w.do(t, "POST", "/payouts/3/pay", "{}").ok(t, 200)
	balance("16.00 paid 16.00 eligible 0.00 held 0.00 reserved 0.00 payable 0.00")
	for query, want := range map[string]string{
		"": "3 2 1", "status=paid": "3 1", "status=canceled": "2",
		"status=pending": "", "affiliate_id=1": "3 2 1", "affiliate_id=1&status=canceled": "2",
		"affiliate_id=2": "",
	} {
		got := w.do(t, "GET", "/payouts?"+query, "").ok(t, 200)
		if ids(got) != want || number(got.pagination()["total"]) != int64(len(got.items())) {
			t.Errorf("%q lists %s", query, got.body)
		}
	}
	entries := w.do(t, "GET", "/payouts/2/entries?limit=1", "").ok(t, 200) // what had been reserved for it
	if p := entries.pagination(); len(entries.items()) != 1 || number(p["total"]) != 2 || p["has_more"] != true {
		t.Errorf("the canceled payout has %s", entries.body)
	}
	rest := w.do(t, "GET", "/payouts/2/entries?limit=1&cursor="+text(entries.pagination()["next_cursor"]), "").
		ok(t, 200)
	if len(rest.items()) != 1 || rest.items()[0]["id"] == entries.items()[0]["id"] ||
		rest.pagination()["next_cursor"] != nil {
		t.Errorf("and then %s", rest.body)
	}
	w.do(t, "GET", "/payouts/3/entries?limit=1&cursor="+text(entries.pagination()["next_cursor"]), "").
		refused(t, 400, "invalid", "cursor")
	report, err := w.engine.Verify(t.Context())
	if must(t, err); len(report.Differences) != 0 {
		t.Errorf("the books are wrong: %v", report.Differences)
	}
}

// A run pays out one currency, and a minimum without one is in the project's.
func TestPayoutsInCurrencies(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Currency: "EUR"}, noLimit)
	for i, amount := range []string{`5.5, "currency": "EUR"`, `700, "currency": "JPY"`, `800, "currency": "JPY"`} {
		w.do(t, "POST", "/affiliates", fmt.Sprintf(`{"email": "a%d@example.com"}`, i)).ok(t, 201)
		w.do(t, "POST", "/adjustments", fmt.Sprintf(`{"affiliate_id": %d, "note": "x", "amount": %s}`, i+1, amount)).
			ok(t, 201)
	}
	made := func(body, want string) {
		t.Helper()
		var shown []string
		for _, p := range w.do(t, "POST", "/payouts", body).ok(t, 201).items() {
			shown = append(shown, fmt.Sprint(p["id"], ": ", p["amount"], " ", p["currency"], " to ", p["affiliate_id"]))
		}
		if got := strings.Join(shown, ", "); got != want {
			t.Errorf("%s makes %s, want %s", body, got, want)
		}
	}
	made(`{"minimum": 5.51}`, "")
	made(`{"minimum": 5.50, "currency": null, "cutoff": null, "preview": false}`, "1: 5.5 EUR to 1")
	made(`{"currency": "jpy", "minimum": 701}`, "2: 800 JPY to 3")
	made(`{"currency": "JPY"}`, "3: 700 JPY to 2")
	made(`{"currency": "USD"}`, "")

	// The files, one a currency.
	w.do(t, "PUT", "/affiliates/a2@example.com", `{"payout_preferences": {"wise_details":
		{"accountId": "17", "email": "w@example.com"}, "wise_name": "Ann"}}`).ok(t, 200)
	w.do(t, "PUT", "/affiliates/a0@example.com", `{"payout_preferences": {"paypal_email": "p@example.com"}}`).ok(t, 200)
	const saved = "recipientId,name,recipientEmail,sourceCurrency,targetCurrency,amountCurrency,amount,paymentReference\n"
	const byEmail = "name,recipientEmail,paymentReference,receiverType," +
		"amountCurrency,amount,sourceCurrency,targetCurrency\n"
	for query, want := range map[string]struct{ csv, leftOut, parts, last, name string }{
		"format=paypal": {"p@example.com,5.50,EUR,payout-1,Affiliate payout 1\n",
			"0", "1", "1", "payouts-paypal-EUR-1-1.csv"},
		"format=paypal&after=1": {"", "0", "0", "", "payouts-paypal-EUR.csv"},
		"format=wise":           {saved, "1", "0", "", "payouts-wise-EUR.csv"},
		"format=wise&currency=jpy": {saved + "17,Ann,w@example.com,JPY,JPY,target,800,Payout 2\n",
			"1", "1", "2", "payouts-wise-JPY-2-2.csv"},
		"format=wise_email&currency=jpy": {byEmail + "Ann,w@example.com,Payout 2,PERSON,target,800,JPY,JPY\n",
			"1", "1", "2", "payouts-wise-email-JPY-2-2.csv"},
		"format=paypal&currency=JPY": {"", "2", "0", "", "payouts-paypal-JPY.csv"},
		"format=paypal&currency=USD": {"", "0", "0", "", "payouts-paypal-USD.csv"},
	} {
		headers := func(got http.Header) string {
			return fmt.Sprint(got.Get("X-Payouts-Left-Out"), got.Get("X-Payouts-Parts"), got.Get("X-Payouts-Last-Id"),
				got.Get("Content-Disposition"))
		}
		with := fmt.Sprint(want.leftOut, want.parts, want.last, `attachment; filename="`+want.name+`"`)
		got := w.do(t, "GET", "/payouts/export?"+query, "").ok(t, 200)
		if string(got.body) != want.csv || headers(got.header) != with {
			t.Errorf("%s: %s with %v", query, got.body, got.header)
		}
		head := w.do(t, "HEAD", "/payouts/export?"+query, "").ok(t, 200)
		if len(head.body) != 0 || headers(head.header) != with ||
			head.header.Get("Content-Length") != fmt.Sprint(len(want.csv)) {
			t.Errorf("HEAD %s: %s with %v", query, head.body, head.header)
		}
	}
}

// A run with an Idempotency-Key is written first, and makes each payout in a transaction of
// its own. Repeating the call makes none, and answers with the payouts as they are now.
func TestIdempotencyKeyOnPayouts(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("10")}, httpapi.Options{RateLimit: -1})
	for i := range 3 {
		w.do(t, "POST", "/affiliates", fmt.Sprintf(`{"email": "a%d@example.com"}`, i)).ok(t, 201)
		w.do(t, "POST", "/conversions",
			fmt.Sprintf(`{"type": "purchase", "affiliate_id": %d, "base_value": 100}`, i+1)).ok(t, 201)
	}
	before := w.engine.Stats()
	preview := w.do(t, "POST", "/payouts", `{"preview": true}`, "Idempotency-Key", "look").ok(t, 200)
	if after := w.engine.Stats(); after.Commits != before.Commits {
		t.Error("a preview with a key wrote something")
	}
	first := w.do(t, "POST", "/payouts", "", "Idempotency-Key", "run").ok(t, 201)
	if after := w.engine.Stats(); after.Commits != before.Commits+5 { // its beginning, three payouts, its end
		t.Errorf("the run took %d transactions", after.Commits-before.Commits)
	}
	if len(first.items()) != 3 || len(preview.items()) != 3 || first.header.Get("Idempotent-Replayed") != "" {
		t.Errorf("the preview is %s and the run %s", preview.body, first.body)
	}
	for i := range 3 {
		w.do(t, "POST", "/conversions", fmt.Sprintf(`{"type": "purchase", "affiliate_id": %d, "base_value": 50}`, i+1)).
			ok(t, 201)
	}
	w.do(t, "POST", "/payouts/2/cancel", "").ok(t, 200)
	w.clock.Advance(48 * time.Hour) // a key of a run is kept as long as the run
	again := w.do(t, "POST", "/payouts", "", "Idempotency-Key", "run").ok(t, 201)
	if got := statuses(again); got != "1 pending, 2 canceled, 3 pending" ||
		again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again it is %s", again.body)
	}
	w.do(t, "POST", "/payouts", "{}", "Idempotency-Key", "run").refused(t, 409, "conflict", "Idempotency-Key")
	w.do(t, "POST", "/payouts/pay", `{"payouts": [{"id": 1}]}`, "Idempotency-Key", "run").
		refused(t, 409, "conflict", "Idempotency-Key")
	w.do(t, "POST", "/adjustments", `{"affiliate_id": 1, "amount": 1, "note": "x"}`, "Idempotency-Key", "run").
		refused(t, 409, "conflict", "Idempotency-Key")
	if got := w.do(t, "GET", "/payouts", "").ok(t, 200); ids(got) != "3 2 1" {
		t.Errorf("there are %s", got.body)
	}

	// The path's id is part of the call.
	w.do(t, "POST", "/payouts/1/pay", "", "Idempotency-Key", "pay").ok(t, 200)
	w.do(t, "POST", "/payouts/3/pay", "", "Idempotency-Key", "pay").refused(t, 409, "conflict", "Idempotency-Key")
	w.do(t, "POST", "/payouts", "", "Idempotency-Key", "pay").refused(t, 409, "conflict", "Idempotency-Key")
	got := w.do(t, "POST", "/payouts/1/pay", "", "Idempotency-Key", "pay").ok(t, 200)
	if got.data()["status"] != "paid" {
		t.Errorf("the replay is %s", got.body)
	}
	if got := w.do(t, "POST", "/payouts", "", "Idempotency-Key", "next").ok(t, 201); len(got.items()) != 3 {
		t.Errorf("the next run makes %s", got.body)
	}

	// A run with a key is kept even if there is nothing to pay.
	none := w.do(t, "POST", "/payouts", "", "Idempotency-Key", "none").ok(t, 201)
	if run, _ := none.json["run"].(map[string]any); asText(run["id"]) != "3" || asText(run["count"]) != "0" {
		t.Errorf("the run of nothing is %s", none.body)
	}
	if got := w.do(t, "GET", "/payouts/runs", "").ok(t, 200); ids(got) != "3 2 1" ||
		asText(got.pagination()["total"]) != "3" {
		t.Errorf("the runs are %s", got.body)
	}
	second := w.do(t, "GET", "/payouts/runs/2", "").ok(t, 200).data()
	sum := asText(second["id"]) + " of " + asText(second["count"]) + ": " + asText(second["total"])
	if sum != "2 of 3: 25" {
		t.Errorf("the second run is %s", sum)
	}
	w.do(t, "GET", "/payouts/runs/4", "").refused(t, 404, "not_found", "")
	if got := w.do(t, "GET", "/payouts?run_id=2", "").ok(t, 200); ids(got) != "6 5 4" {
		t.Errorf("the second run made %s", got.body)
	}
	if got := w.do(t, "GET", "/payouts?run_id=2&affiliate_id=2&status=pending", "").ok(t, 200); ids(got) != "5" {
		t.Errorf("the second run made %s for the second affiliate", got.body)
	}
}

// statuses are the ids and the statuses of payouts.
func statuses(r reply) string {
	var all []string
	for _, p := range r.items() {
		all = append(all, asText(p["id"])+" "+text(p["status"]))
	}
	return strings.Join(all, ", ")
}

// Many payouts are paid or canceled in one call, each judged alone.
func TestManyPayouts(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("10")}, httpapi.Options{RateLimit: -1})
	for i := range 5 {
		w.do(t, "POST", "/affiliates", fmt.Sprintf(`{"email": "a%d@example.com"}`, i)).ok(t, 201)
		w.do(t, "POST", "/adjustments", fmt.Sprintf(`{"affiliate_id": %d, "amount": 5, "note": "x"}`, i+1)).ok(t, 201)
	}
	w.do(t, "POST", "/payouts", "").ok(t, 201)
	w.do(t, "POST", "/payouts/2/cancel", "").ok(t, 200)
	const pay = `{"payouts": [{"id": 1, "external_reference": "A"}, {"id": 2}, {"id": 9}, {"id": 3}, {"id": 1}]}`
	const paid = `{"success": true, "data": [{"id": 1, "status": "paid"},
		{"id": 2, "error": "The payout is already canceled", "code": "conflict"},
		{"id": 9, "error": "Payout not found", "code": "not_found"}, {"id": 3, "status": "paid"},
		{"id": 1, "error": "The payout is already paid", "code": "conflict"}]}`
	for _, replayed := range []string{"", "true"} {
		got := w.do(t, "POST", "/payouts/pay", pay, "Idempotency-Key", "all")
		got.is(t, 200, paid)
		if got.header.Get("Idempotent-Replayed") != replayed {
			t.Errorf("replayed is %q", got.header.Get("Idempotent-Replayed"))
		}
	}
	w.do(t, "POST", "/payouts/pay", `{"payouts": [{"id": 1}]}`, "Idempotency-Key", "all").
		refused(t, 409, "conflict", "Idempotency-Key")
	w.do(t, "POST", "/payouts/pay", `{"payouts": [{"id": 1, "external_reference": "A"}]}`).
		is(t, 200, `{"success": true, "data": [{"id": 1, "status": "paid"}]}`)
	w.do(t, "POST", "/payouts/cancel", `{"payouts": [{"id": 4}, {"id": 2}, {"id": 1}]}`).is(t, 200,
		`{"success": true, "data": [{"id": 4, "status": "canceled"}, {"id": 2, "status": "canceled"},
		{"id": 1, "error": "The payout is already paid", "code": "conflict"}]}`)
	have(t, w.do(t, "POST", "/payouts/5/pay", `{"paid_at": "2026-01-14"}`),
		map[string]any{"status": "paid", "paid_at": "2026-01-14T00:00:00.000Z"})
}
