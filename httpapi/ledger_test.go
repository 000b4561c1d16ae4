package httpapi_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

func TestEarnings(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("10"), HoldDays: 10}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	earnings := func(query, want string) {
		t.Helper()
		w.do(t, "GET", "/affiliates/jane@example.com/earnings"+query, "").
			is(t, 200, `{"success": true, "data": [`+want+`]}`)
	}
	const nothing = `{"currency": "USD", "total": "0.00", "paid": "0.00", "unpaid": "0.00", "eligible": "0.00",
		"held": "0.00", "reserved": "0.00", "payable": "0.00", "next_release_date": null, "closed_until": null}`
	earnings("", nothing)
	w.do(t, "POST", "/conversions", `{"type": "purchase", "affiliate_id": 1, "base_value": 100}`).ok(t, 201)
	w.do(t, "POST", "/conversions",
		`{"type": "purchase", "affiliate_id": 1, "base_value": 9990, "base_value_currency": "JPY"}`).ok(t, 201)
	w.clock.Advance(10 * 24 * time.Hour)
	w.do(t, "POST", "/conversions", `{"type": "purchase", "affiliate_id": 1, "base_value": 25}`).ok(t, 201)
	w.do(t, "POST", "/payouts", "").ok(t, 201)
	w.clock.Advance(time.Hour)
	w.do(t, "POST", "/adjustments", `{"affiliate_id": 1, "amount": -0.75, "note": "a fee"}`).ok(t, 201)
	const yen = `{"currency": "JPY", "total": "999", "paid": "0", "unpaid": "999", "eligible": "999", "held": "0",
		"reserved": "0", "payable": "999", "next_release_date": null, "closed_until": null}`
	now := `{"currency": "USD", "total": "11.75", "paid": "0.00", "unpaid": "11.75", "eligible": "9.25", "held": "2.50",
		"reserved": "10.00", "payable": "-0.75", "next_release_date": "2026-02-04T12:00:00.000Z",
		"closed_until": null},` + yen
	earnings("", now)
	w.do(t, "POST", "/payouts/1/pay", "").ok(t, 200)
	earnings("", `{"currency": "USD", "total": "11.75", "paid": "10.00", "unpaid": "1.75", "eligible": "-0.75",
		"held": "2.50", "reserved": "0.00", "payable": "-0.75", "next_release_date": "2026-02-04T12:00:00.000Z",
		"closed_until": null},`+yen)

	// As of earlier instants.
	until := func(instant, balances string) string {
		return strings.ReplaceAll(balances, `"closed_until": null`, `"closed_until": "`+instant+`"`)
	}
	earnings("?as_of=2026-01-15", until("2026-01-15T00:00:00.000Z", nothing))
	// The entries of that instant come after it.
	earnings("?as_of=2026-01-15T12:00:00Z", until("2026-01-15T12:00:00.000Z", nothing))
	held := `{"currency": "USD", "total": "10.00", "paid": "0.00", "unpaid": "10.00", "eligible": "0.00",
		"held": "10.00", "reserved": "0.00", "payable": "0.00", "next_release_date": "2026-01-25T12:00:00.000Z",
		"closed_until": null},` +
		strings.NewReplacer(`"eligible": "999"`, `"eligible": "0"`,
			`"held": "0"`, `"held": "999"`, `"payable": "999"`, `"payable": "0"`,
			`"next_release_date": null`, `"next_release_date": "2026-01-25T12:00:00.000Z"`).Replace(yen)
	held = until("2026-01-16T00:00:00.000Z", held)
	earnings("?as_of=2026-01-16", held)
	earnings("?as_of=2026-01-16T01:00:00%2B01:00", held)
	earnings("?as_of=2026-01-25T13:00:00Z", until("2026-01-25T13:00:00.000Z",
		strings.NewReplacer("11.75", "12.50", "9.25", "10.00", "-0.75", "0.00").Replace(now)))
}

func TestLedger(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("10"), HoldDays: 10}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	w.do(t, "POST", "/affiliates", `{"email": "bob@example.com"}`).ok(t, 201)
	const empty = `{"success": true, "data": [], "pagination": {"limit": 50,
		"offset": 0, "total": 0, "has_more": false, "next_cursor": null}}`
	w.do(t, "GET", "/affiliates/jane@example.com/ledger", "").is(t, 200, empty)
	w.do(t, "POST", "/conversions", `{"type": "purchase", "affiliate_id": 1, "base_value": 100}`).ok(t, 201)
	w.clock.Advance(240 * time.Hour)

	const bonus = `"id": 2, "kind": "adjustment", "amount": 1250, "currency": "JPY",
		"available_at": "2026-01-25T12:00:00.000Z", "created_at": "2026-01-25T12:00:00.000Z", "conversion_id": null,
		"payout_id": null, "note": "well done"`
	w.do(t, "POST", "/adjustments", `{"affiliate_id": 1, "amount": 1.25e3, "currency": "jpy", "note": "well done"}`).
		is(t, 201, `{"success": true, "data": {`+bonus+`, "affiliate_id": 1}}`)
	const fee = `"id": 3, "kind": "adjustment", "amount": -0.5, "currency": "USD",
		"available_at": "2026-01-25T12:00:00.000Z", "created_at": "2026-01-25T12:00:00.000Z", "conversion_id": null,
		"payout_id": null, "note": "=1+1, a \"fee\""`
	w.do(t, "POST", "/adjustments",
		`{"affiliate_id": 1, "amount": -0.50, "currency": null, "note": "=1+1, a \"fee\""}`).
		is(t, 201, `{"success": true, "data": {`+fee+`, "affiliate_id": 1}}`)
	w.do(t, "POST", "/payouts", "").ok(t, 201)
	w.do(t, "POST", "/payouts/1/pay", "").ok(t, 200)
	const commission = `{"id": 1, "kind": "commission", "amount": 10, "currency": "USD",
		"available_at": "2026-01-25T12:00:00.000Z", "created_at": "2026-01-15T12:00:00.000Z", "conversion_id": 1,
		"payout_id": null, "note": null}`
	const settlements = `{"id": 5, "kind": "settlement", "amount": 0.5, "currency": "USD",
			"available_at": "2026-01-25T12:00:00.000Z", "created_at": "2026-01-25T12:00:00.000Z", "conversion_id": null,
			"payout_id": 1, "note": null},
		{"id": 4, "kind": "settlement", "amount": -10, "currency": "USD", "available_at": "2026-01-25T12:00:00.000Z",
			"created_at": "2026-01-25T12:00:00.000Z", "conversion_id": 1, "payout_id": 1, "note": null}`
	w.do(t, "GET", "/affiliates/JANE@example.com/ledger", "").
		is(t, 200, `{"success": true, "data": [`+settlements+`,{`+fee+`},{`+bonus+`},`+commission+`],
		"pagination": {"limit": 50, "offset": 0, "total": 5, "has_more": false, "next_cursor": null}}`)
	w.do(t, "GET", "/affiliates/jane@example.com/ledger?limit=1&offset=4", "").
		is(t, 200, `{"success": true, "data": [`+commission+`],
		"pagination": {"limit": 1, "offset": 4, "total": 5, "has_more": false, "next_cursor": null}}`)
	total := w.do(t, "GET", "/affiliates/jane@example.com/ledger?limit=2", "").pagination()["total"]
	if number(total) != 5 {
		t.Errorf("the total is %v", total)
	}
	w.do(t, "GET", "/affiliates/bob@example.com/ledger", "").is(t, 200, empty)
	cursor := text(w.do(t, "GET", "/affiliates/jane@example.com/ledger?limit=2", "").pagination()["next_cursor"])
	w.do(t, "GET", "/affiliates/bob@example.com/ledger?cursor="+cursor, "").refused(t, 400, "invalid", "cursor")
}

// An account has a bound, and the call has no field named value.
func TestAmountsBeyondTheBound(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("10")}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	w.do(t, "POST", "/conversions",
		`{"type": "purchase", "affiliate_id": 1, "base_value": 1000, "base_value_currency": "JPY"}`).ok(t, 201)
	w.do(t, "POST", "/conversions/1/refund", "").ok(t, 200)
	must(t, w.shop.Atomic(t.Context(), func(p *refgrow.Project) error {
		for range 999 {
			if _, err := p.CreateAdjustment(t.Context(), refgrow.CreateAdjustmentParams{
				AffiliateID: 1, Amount: money.New(money.MaxMinor, "JPY"), Note: "much",
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	w.do(t, "POST", "/adjustments",
		`{"affiliate_id": 1, "amount": 8999999999999700, "currency": "JPY", "note": "more"}`).ok(t, 201)
	w.do(t, "POST", "/adjustments",
		`{"affiliate_id": 1, "amount": 200, "currency": "JPY", "note": "more"}`).ok(t, 201)
	w.do(t, "POST", "/conversions/1/undo-refund", `{"amount": 1000}`).ok(t, 200)
	w.do(t, "POST", "/conversions/1/refund", `{"amount": 500}`).ok(t, 200)
	w.do(t, "POST", "/adjustments", `{"affiliate_id": 1, "amount": 50, "currency": "JPY", "note": "more"}`).ok(t, 201)
	w.do(t, "POST", "/conversions/1/undo-refund", "").refused(t, 400, "invalid", "amount")
	w.do(t, "POST", "/adjustments", `{"affiliate_id": 1, "amount": 1, "currency": "JPY", "note": "more"}`).
		refused(t, 400, "invalid", "amount")
	w.do(t, "POST", "/adjustments", `{"affiliate_id": 1, "amount": 1, "currency": "JPY", "note": "more"}`,
		"Idempotency-Key", "k").
		refused(t, 400, "invalid", "amount")
}

func TestStatements(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("10"), HoldDays: 10}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	const path = "/affiliates/jane@example.com/statement"
	const nothing = `"opening": [{"currency": "USD", "total": "0.00", "paid": "0.00", "held": "0.00", "eligible": "0.00"}],
		"closing": [{"currency": "USD", "total": "0.00", "paid": "0.00", "held": "0.00", "eligible": "0.00"}], "lines": []`
	w.do(t, "GET", path+"?month=2026-01", "").is(t, 200,
		`{"success": true, "data": {"affiliate_id": 1, "month": "2026-01",
			"closed": false, "closed_until": null, "last_entry_id": null, `+nothing+`}}`)
	w.do(t, "POST", "/conversions",
		`{"type": "purchase", "affiliate_id": 1, "base_value": 123.40, "reference": "one"}`).ok(t, 201)
	w.do(t, "POST", "/adjustments", `{"affiliate_id": 1, "amount": -5, "currency": "JPY", "note": "=1+1, a \"fee\""}`).
		ok(t, 201)
	january := func(closed bool, held, eligible, released string) string {
		until := "null"
		if closed {
			until = `"2026-02-01T00:00:00.000Z"`
		}
		return fmt.Sprintf(`{"success": true, "data": {"affiliate_id": 1, "month": "2026-01",
			"closed": %t, "closed_until": %s, "last_entry_id": 2, "opening": [
			{"currency": "USD", "total": "0.00", "paid": "0.00", "held": "0.00", "eligible": "0.00"},
			{"currency": "JPY", "total": "0", "paid": "0", "held": "0", "eligible": "0"}], "closing": [
			{"currency": "USD", "total": "12.34", "paid": "0.00", "held": %q, "eligible": %q},
			{"currency": "JPY", "total": "-5", "paid": "0", "held": "0", "eligible": "-5"}], "lines": [
			{"id": 1, "kind": "commission", "amount": 12.34, "currency": "USD",
				"total": "12.34", "paid": "0.00", "held": "12.34", "eligible": "0.00",
				"available_at": "2026-01-25T12:00:00.000Z", "created_at": "2026-01-15T12:00:00.000Z",
				"conversion_id": 1, "payout_id": null, "note": null},
			{"id": 2, "kind": "adjustment", "amount": -5, "currency": "JPY",
				"total": "-5", "paid": "0", "held": "0", "eligible": "-5", "available_at": "2026-01-15T12:00:00.000Z",
				"created_at": "2026-01-15T12:00:00.000Z", "conversion_id": null, "payout_id": null,
				"note": "=1+1, a \"fee\""}%s]}}`, closed, until, held, eligible, released)
	}
	w.do(t, "GET", path+"?month=2026-01", "").is(t, 200, january(false, "12.34", "0.00", ""))
	w.do(t, "GET", path+"?month=2025-12", "").is(t, 200,
		`{"success": true, "data": {"affiliate_id": 1, "month": "2025-12",
			"closed": true, "closed_until": "2026-01-01T00:00:00.000Z", "last_entry_id": null, `+nothing+`}}`)
	w.clock.Set(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	closed := w.do(t, "GET", path+"?month=2026-01&format=json", "").is(t, 200, january(true, "0.00", "12.34", `,
		{"id": null, "kind": "release", "amount": 12.34, "currency": "USD",
			"total": "0.00", "paid": "0.00", "held": "-12.34", "eligible": "12.34", "available_at": null,
			"created_at": "2026-02-01T00:00:00.000Z", "conversion_id": null, "payout_id": null, "note": null}`))
	const lines = "id,created_at,kind,amount,currency,total,paid,held,eligible," +
		"available_at,conversion_id,payout_id,note\n" +
		",2026-01-01T00:00:00.000Z,opening,,USD,0.00,0.00,0.00,0.00,,,,\n" +
		",2026-01-01T00:00:00.000Z,opening,,JPY,0,0,0,0,,,,\n" +
		"1,2026-01-15T12:00:00.000Z,commission,12.34,USD,12.34,0.00,12.34,0.00,2026-01-25T12:00:00.000Z,1,,\n" +
		"2,2026-01-15T12:00:00.000Z,adjustment,-5,JPY,-5,0,0,-5,2026-01-15T12:00:00.000Z,,," +
		"\"'=1+1, a \"\"fee\"\"\"\n" +
		",2026-02-01T00:00:00.000Z,release,12.34,USD,0.00,0.00,-12.34,12.34,,,,\n" +
		",2026-02-01T00:00:00.000Z,closing,,USD,12.34,0.00,0.00,12.34,,,,\n" +
		",2026-02-01T00:00:00.000Z,closing,,JPY,-5,0,0,-5,,,,\n"
	file := w.do(t, "GET", path+"?format=csv&month=2026-01", "").ok(t, 200)
	if string(file.body) != lines ||
		file.header.Get("Content-Disposition") != `attachment; filename="statement-1-2026-01.csv"` {
		t.Errorf("the file is %s with %v", file.body, file.header)
	}

	// Whatever happens later: the same bytes, under any email.
	w.do(t, "POST", "/conversions/1/refund", `{"amount": 100}`).ok(t, 200)
	w.clock.Advance(30 * 24 * time.Hour)
	w.do(t, "POST", "/payouts", "").ok(t, 201)
	w.do(t, "POST", "/payouts/1/pay", "").ok(t, 200)
	w.do(t, "DELETE", "/conversions/1", "").ok(t, 204)
	w.do(t, "PUT", "/project", `{"hold_days": 0}`).ok(t, 200)
	w.do(t, "PUT", "/affiliates/jane@example.com",
		`{"email": "j2@example.com", "referral_code": "J-2", "status": "inactive"}`).ok(t, 200)
	const moved = "/affiliates/j2@example.com/statement"
	if again := w.do(t, "GET", moved+"?month=2026-01", "").ok(t, 200); string(again.body) != string(closed.body) {
		t.Errorf("the statement was\n%s and is\n%s", closed.body, again.body)
	}
	if again := w.do(t, "GET", moved+"?month=2026-01&format=csv", "").ok(t, 200); string(again.body) != lines {
		t.Errorf("the file is %s", again.body)
	}
	february := w.do(t, "GET", moved+"?month=2026-02", "").ok(t, 200).data()
	if list, _ := february["lines"].([]any); len(list) != 1 || february["closed"] != true ||
		number(february["last_entry_id"]) != 3 {
		t.Errorf("February has %v", february)
	}
}

// A payout is one line, with its settlements in it. A statement of many pages is whole,
// and of one instant.
func TestLongStatement(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("10")}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	const many = 700
	must(t, w.shop.Atomic(t.Context(), func(p *refgrow.Project) error {
		for range many {
			if _, err := p.RecordConversion(t.Context(), refgrow.RecordConversionParams{
				Type: refgrow.Purchase, AffiliateID: 1, BaseValue: money.MustParse("10.00 USD"),
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	w.do(t, "POST", "/payouts", "").ok(t, 201)
	w.do(t, "POST", "/payouts/1/pay", "").ok(t, 200)
	w.do(t, "POST", "/adjustments", `{"affiliate_id": 1, "amount": 3, "note": "more"}`).ok(t, 201)
	const path = "/affiliates/1/statement?month=2026-01"
	got := w.do(t, "GET", path, "").ok(t, 200)
	lines, _ := got.data()["lines"].([]any)
	if len(lines) != many+2 {
		t.Fatalf("there are %d lines", len(lines))
	}
	payout, _ := lines[many].(map[string]any)
	settlements, _ := payout["settlements"].([]any)
	if payout["kind"] != "settlement" || asText(payout["amount"]) != "-700" || number(payout["payout_id"]) != 1 ||
		payout["id"] != nil || payout["paid"] != "700.00" || payout["eligible"] != "-700.00" || len(settlements) != many {
		t.Errorf("the payout is %v with %d settlements", payout["amount"], len(settlements))
	}
	below, _ := settlements[0].(map[string]any)
	if _, there := below["paid"]; there || number(below["payout_id"]) != 1 || asText(below["amount"]) != "-1" {
		t.Errorf("the first settlement is %v", below)
	}
	if closing := asText(got.data()["closing"]); !strings.Contains(closing, "703.00") {
		t.Errorf("the closing balance is %s", closing)
	}
	if length := got.header.Get("Content-Length"); length != "" {
		t.Errorf("it is said to have %s bytes", length)
	}

	// What breaks off after its first byte has no end. What fails before is an error.
	broken := &breaking{ResponseWriter: httptest.NewRecorder(), then: func() {
		must(t, w.shop.DeleteAffiliate(t.Context(), 1))
	}}
	func() {
		defer func() {
			if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("the end is %v", err)
			}
		}()
		w.mux.ServeHTTP(broken, w.request("GET", path, ""))
	}()
	if broken.parts == 0 {
		t.Error("nothing was sent")
	}
	w.do(t, "GET", path, "").refused(t, 404, "not_found", "")
}

// A breaking writer does something once a part of the answer is there.
type breaking struct {
	http.ResponseWriter

	parts int
	then  func()
}

func (b *breaking) Write(text []byte) (int, error) {
	if b.parts++; b.parts == 1 {
		b.then()
	}
	return b.ResponseWriter.Write(text)
}
