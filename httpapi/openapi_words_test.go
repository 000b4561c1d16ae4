package httpapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
)

// Every spelling that the document says is tolerated does what the one does that it
// means.
func TestOpenAPITolerated(t *testing.T) {
	t.Parallel()
	list, _ := openAPI().root["x-tolerated"].([]any)
	if len(list) < 25 {
		t.Errorf("only %d spellings are listed", len(list))
	}
	called, meant := populated(t, noLimit), populated(t, noLimit)
	for i := range list {
		entry := under("#/x-tolerated", fmt.Sprint(i))
		call, means := openAPI().at(under(entry, "call")), openAPI().at(under(entry, "means"))
		got, want := called.spelled(t, call), meant.spelled(t, means)
		if got.status != want.status || got.status >= 300 || string(got.body) != string(want.body) {
			t.Errorf("%s\nanswers %d %s\nbut     %d %s", show(call), got.status, got.body, want.status, want.body)
		}
		if reflect.DeepEqual(call, means) {
			t.Errorf("%s means itself", show(call))
		}
	}
	if called.dump(t) != meant.dump(t) {
		t.Error("these calls have not done the same")
	}
}

// spelled sends a call as it is written.
func (w *world) spelled(t *testing.T, call map[string]any) reply {
	t.Helper()
	var headers []string
	sent, _ := call["headers"].(map[string]any)
	for name, value := range sent {
		headers = append(headers, name, text(value))
	}
	return w.do(t, text(call["method"]), text(call["path"]), text(call["body"]), headers...)
}

// The other way round: where nothing is listed, other spellings are refused, and an empty
// name finds nothing.
func TestOpenAPINotTolerated(t *testing.T) {
	t.Parallel()
	w := populated(t, noLimit)
	for _, call := range []string{
		`POST /adjustments {"affiliate_id": 1.0, "amount": 5, "note": "x"}`,
		`POST /adjustments {"affiliate_id": "01", "amount": 5, "note": "x"}`,
		`POST /adjustments {"affiliate_id": 1, "amount": "5 ", "note": "x"}`,
		`POST /adjustments {"affiliate_id": 1, "amount": "5,00", "note": "x"}`,
		`POST /adjustments {"affiliate_id": 1, "amount": 5, "note": 7}`,
		`POST /adjustments {"Affiliate_ID": 1, "amount": 5, "note": "x"}`,
		`POST /adjustments {"affiliate_id": 1, "amount": 5, "amount": 5, "note": "x"}`,
		`POST /payouts {"preview": 1}`, `POST /payouts {"preview": "True"}`,
		`PUT /project {"hold_days": null}`, `PUT /project {"currency": ""}`,
		`POST /affiliates {"email": "bob2@example.com", "referral_code": ""}`,
		`POST /conversions {"type": "purchase", "base_value": 10, "occurred_at": 17672256}`,
		`POST /conversions {"type": "purchase", "base_value": 10, "occurred_at": "yesterday"}`,
		`GET /conversions?paid=yes`, `GET /conversions?paid=TRUE`, `GET /conversions?limit=0`, `GET /conversions?limit=501`,
		`GET /conversions?limit=10&limit=10`, `GET /conversions?Limit=10`, `GET /conversions?from=2026-1-1`,
		`GET /conversions?affiliate_id=1.0`,
	} {
		method, rest, _ := strings.Cut(call, " ")
		path, body, _ := strings.Cut(rest, " ")
		if got := w.do(t, method, path, body); got.status != 400 {
			t.Errorf("%s: %d %s", call, got.status, got.body)
		}
	}
	for _, path := range []string{"/affiliates?referral_code=", "/conversions?reference=", "/referrals?external_id="} {
		if got := w.do(t, "GET", path, "").ok(t, 200); len(got.items()) > 0 {
			t.Errorf("%s finds %s", path, got.body)
		}
	}
}

// Parameters of queries have the types and the bounds that the document says, and its
// examples are accepted.
func TestOpenAPIQueries(t *testing.T) {
	t.Parallel()
	w := populated(t, noLimit)
	w.addMoney(t)
	w.do(t, "POST", "/webhooks", `{"url": "https://example.com/hooks"}`).ok(t, 201)
	w.clock.Set(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	for _, o := range openAPI().operations() {
		parameters := o.parameters("query")
		send := func(name, value string) reply {
			query := url.Values{}
			for other, p := range parameters {
				if o.at(p)["required"] == true {
					query.Set(other, fmt.Sprint(o.at(p)["example"]))
				}
			}
			query.Set(name, value)
			return w.do(t, o.method, o.own()+"?"+query.Encode(), "")
		}
		for _, name := range slices.Sorted(maps.Keys(parameters)) {
			p := o.at(parameters[name])
			schema := p["schema"].(map[string]any)
			right, wrong := append(rightValues(schema), p["example"]), []any{}
			if name == "cursor" {
				right, wrong = nil, []any{"no such cursor"}
			}
			for _, v := range wrongValues(schema) {
				// Everything is a text in a query.
				if !isOf("", schema["type"]) && !isOf(v, []any{"object", "array", "boolean"}) {
					wrong = append(wrong, v)
				}
			}
			if schema["enum"] != nil || schema["pattern"] != nil {
				wrong = append(wrong, "no such word")
			}
			for _, v := range right {
				if got := send(name, fmt.Sprint(v)); got.status >= 400 {
					t.Errorf("%s refuses %s=%v: %s", o.id, name, v, got.body)
				}
			}
			for _, v := range wrong {
				if got := send(name, fmt.Sprint(v)); got.status != 400 || text(got.json["field"]) != name {
					t.Errorf("%s takes %s=%v: %s", o.id, name, v, got.body)
				}
			}
		}
	}
}

// The errors of the document are what the API says.
func TestOpenAPIErrors(t *testing.T) {
	t.Parallel()
	w := populated(t, noLimit)
	limited := setup(t, refgrow.Settings{}, httpapi.Options{})
	for range httpapi.DefaultRateLimit {
		limited.do(t, "GET", "/project", "").ok(t, 200)
	}
	reading := w.newKey(t, w.shop, refgrow.CreateKeyParams{ReadOnly: true})
	w.do(t, "POST", "/payouts", "{}", "Idempotency-Key", "used").ok(t, 201)
	calls := map[string]reply{
		"Invalid/required":          w.do(t, "POST", "/affiliates", "{}"),
		"Invalid/unknown":           w.do(t, "POST", "/rules", `{"rate": "20%"}`),
		"Invalid/query":             w.do(t, "GET", "/conversions?limit=0", ""),
		"Unauthorized/missing":      send(t, w.mux, withoutKey(w.request("GET", "/project", ""))),
		"Unauthorized/wrong":        w.do(t, "GET", "/project", "", "Authorization", "Bearer rgk_no"),
		"Forbidden/reads":           w.do(t, "POST", "/payouts", "{}", "Authorization", "Bearer "+reading),
		"ForbiddenOrNameFixed/name": w.do(t, "PUT", "/project", `{"name": "other"}`),
		"NotFound/affiliate":        w.do(t, "GET", "/affiliates/99", ""),
		"MethodNotAllowed/post":     w.do(t, "POST", "/openapi.json", ""),
		"Conflict/taken":            w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`),
		"Conflict/key":              w.do(t, "POST", "/payouts", `{"minimum": 5}`, "Idempotency-Key", "used"),
		"TooLarge/large":            w.do(t, "POST", "/affiliates", strings.Repeat(" ", httpapi.MaxBody+1)),
		"UnsupportedMediaType/form": w.do(t, "POST", "/affiliates", "email=jane%40example.com"),
		"RateLimited/minute":        limited.do(t, "GET", "/project", ""),
		// Of these the tests of failures have all but the words.
		"Internal/internal": {}, "Unavailable/busy": {},
	}
	for name, response := range openAPI().at("#/components/responses") {
		content := under("#/components/responses", name, "content", "application/json")
		for example, of := range openAPI().at(under(content, "examples")) {
			got, known := calls[name+"/"+example]
			value := of.(map[string]any)["value"]
			if !known || got.json != nil && !reflect.DeepEqual(any(got.json), value) {
				t.Errorf("%s/%s of %v is answered %s", name, example, show(value), got.body)
			}
			for _, wrong := range openAPI().check(value, under(content, "schema"), true, nil) {
				t.Errorf("%s/%s: %s", name, example, wrong)
			}
		}
		if response.(map[string]any)["headers"] == nil {
			t.Errorf("%s has no headers", name)
		}
	}
}

func withoutKey(r *http.Request) *http.Request {
	r.Header.Del("Authorization")
	return r
}

// What tests of webhooks send is as documented too, and so are words that nothing else in
// this suite leads to.
func TestOpenAPIWords(t *testing.T) {
	t.Parallel()
	w := populated(t, noLimit)
	call := func(status int, method, path, body string) reply {
		t.Helper()
		return w.do(t, method, path, body).ok(t, status)
	}
	call(201, "POST", "/webhooks", `{"url": "https://example.com/hooks"}`)
	for _, event := range refgrow.Events() {
		call(202, "POST", "/webhooks/1/test", `{"event": "`+string(event)+`"}`)
	}
	sent := make(map[string]bool)
	for _, a := range w.deliveries(t, 1) {
		body := parse(t, string(a.Body))
		sent[string(a.Event)] = body["test"] == true
	}
	if len(sent) != len(refgrow.Events()) || slices.Contains(slices.Collect(maps.Values(sent)), false) {
		t.Errorf("tests have sent %v", sent)
	}
	call(202, "POST", "/webhooks/1/test", "")
	attempts, _, err := w.engine.Outbox().Claim(t.Context(), 1, 1, time.Minute)
	must(t, err)
	failed := refgrow.AttemptResult{Outcome: refgrow.AttemptFailed, Error: "no"}
	must(t, w.engine.Outbox().Finish(t.Context(), attempts[0], failed))
	call(200, "GET", "/webhooks/1/deliveries", "")

	// Decisions.
	explained := func(body string) {
		t.Helper()
		made := call(201, "POST", "/conversions", body)
		call(200, "GET", "/conversions/"+made.id()+"/explain", "")
	}
	call(201, "POST", "/rules", `{"affiliate_id": 1, "commission": "10%", "commission_duration": "first_purchase"}`)
	call(201, "POST", "/rules", `{"affiliate_id": 2, "commission": "5.00"}`)
	explained(`{"type": "purchase", "base_value": 5, "referral_code": "JANE"}`)
	explained(`{"type": "purchase", "base_value": 5, "email": "carl@example.com", "external_id": "u_1"}`)
	explained(`{"type": "purchase", "base_value": 5, "email": "dora@example.com", "external_id": "u_1"}`)
	explained(`{"type": "purchase", "base_value": 5, "base_value_currency": "EUR", "affiliate_id": 2}`)
	must(t, w.shop.ClaimSignup(t.Context(), "erik@example.com", "BOB"))
	explained(`{"type": "purchase", "base_value": 5, "email": "erik@example.com"}`)
	call(201, "POST", "/coupons", `{"affiliate_id": 1, "coupon_code": "ONE", "stripe_coupon_id": "promo"}`)
	call(201, "POST", "/coupons", `{"affiliate_id": 2, "coupon_code": "TWO", "stripe_coupon_id": "promo"}`)
	explained(`{"type": "purchase", "base_value": 5, "coupon_code_used": "promo"}`)
	signup := call(201, "POST", "/conversions", `{"type": "signup", "external_id": "u_2"}`)
	call(200, "POST", "/conversions", `{"type": "signup", "external_id": "u_2", "referral_code": "JANE"}`)
	call(200, "GET", "/conversions/"+signup.id()+"/explain", "")

	// Whom a run leaves out.
	for i, adjustment := range []string{"1000", "1000", "-1000"} {
		made := call(201, "POST", "/affiliates", fmt.Sprintf(`{"email": "out%d@example.com"}`, i))
		call(201, "POST", "/adjustments", `{"affiliate_id": `+made.id()+`, "amount": `+adjustment+`, "note": "x"}`)
	}
	call(200, "PUT", "/affiliates/out0@example.com", `{"payouts_paused": true}`)
	call(201, "POST", "/payouts", `{"minimum": 500, "without": [4]}`)

	call(200, "PUT", "/affiliates/bob@example.com", `{"status": "inactive"}`)
	explained(`{"type": "purchase", "base_value": 5, "referral_code": "BOB"}`)
}
