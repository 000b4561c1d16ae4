package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
)

func TestIdempotencyKey(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("20")}, httpapi.Options{})
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	const sale = `{"type": "purchase", "affiliate_id": 1, "base_value": 50}`
	first := w.do(t, "POST", "/conversions", sale, "Idempotency-Key", "k1").ok(t, 201)
	if first.header.Get("Idempotent-Replayed") != "" {
		t.Error("the first one is a replay")
	}
	w.do(t, "PUT", "/conversions/"+first.id(), `{"value": 3}`).ok(t, 200)
	w.clock.Advance(time.Hour)
	again := w.do(t, "POST", "/conversions", sale, "Idempotency-Key", "k1").ok(t, 201)
	if string(again.body) != string(first.body) || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the answer was %s and is %s (%v)", first.body, again.body, again.header)
	}
	if again.header.Get("X-Request-Id") == first.header.Get("X-Request-Id") {
		t.Error("the request id is replayed")
	}
	if left := again.header.Get("X-RateLimit-Remaining"); left != "99" { // of a new minute
		t.Errorf("after the replay %s are left", left)
	}
	left := w.do(t, "POST", "/conversions", sale, "Idempotency-Key", "k1").header.Get("X-RateLimit-Remaining")
	if left != "98" {
		t.Errorf("after another replay %s are left: replays do not count", left)
	}

	w.do(t, "POST", "/conversions", strings.Replace(sale, "50", "51", 1), "Idempotency-Key", "k1").
		refused(t, 409, "conflict", "Idempotency-Key")
	w.do(t, "POST", "/conversions", sale+" ", "Idempotency-Key", "k1").refused(t, 409, "conflict", "Idempotency-Key")
	w.do(t, "POST", "/referrals", `{"email": "x@example.com"}`, "Idempotency-Key", "k1").
		refused(t, 409, "conflict", "Idempotency-Key")
	w.do(t, "POST", "/affiliates", `{"email": "x@example.com"}`, "Idempotency-Key", "k2").ok(t, 201)
	w.do(t, "POST", "/referrals", `{"email": "x@example.com"}`, "Idempotency-Key", "k2").
		refused(t, 409, "conflict", "Idempotency-Key")
	w.do(t, "POST", "/conversions", sale, "Idempotency-Key", "K1").ok(t, 201)
	second := w.newKey(t, w.shop, refgrow.CreateKeyParams{})
	w.do(t, "POST", "/conversions", sale, "Idempotency-Key", "k1", "Authorization", "Bearer "+second).ok(t, 201)
	if n := len(w.do(t, "GET", "/conversions", "").items()); n != 3 {
		t.Errorf("there are %d conversions", n)
	}

	w.clock.Advance(23 * time.Hour)
	w.do(t, "POST", "/conversions", sale, "Idempotency-Key", "k1").ok(t, 201)
	if n := len(w.do(t, "GET", "/conversions", "").items()); n != 4 {
		t.Errorf("after 24 hours there are %d conversions", n)
	}
}

// Only 2xx answers are kept.
func TestIdempotencyKeyAfterAnError(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	w.do(t, "POST", "/conversions", `{"type": "signup", "affiliate_id": 1}`, "Idempotency-Key", "k").
		refused(t, 404, "not_found", "")
	w.do(t, "POST", "/conversions", `{"type": "signup", "value": 1.234}`, "Idempotency-Key", "k").
		refused(t, 400, "invalid", "value")
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`).ok(t, 201)
	got := w.do(t, "POST", "/conversions", `{"type": "signup", "affiliate_id": 1}`, "Idempotency-Key", "k").ok(t, 201)
	if got.header.Get("Idempotent-Replayed") != "" {
		t.Error("an error was replayed")
	}
	w.do(t, "POST", "/conversions", `{"type": "signup", "value": 1.234}`, "Idempotency-Key", "k").
		refused(t, 409, "conflict", "Idempotency-Key")
	if n := len(w.do(t, "GET", "/conversions", "").items()); n != 1 {
		t.Errorf("there are %d conversions", n)
	}
}

func TestIdempotencyKeysThatAreNone(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	for _, key := range []string{"", strings.Repeat("k", 256), "a\tb", "\xff"} {
		w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`, "Idempotency-Key", key).
			refused(t, 400, "invalid", "Idempotency-Key")
	}
	r := w.request("POST", "/affiliates", `{"email": "jane@example.com"}`)
	r.Header["Idempotency-Key"] = []string{"a", "b"}
	send(t, w.mux, r).refused(t, 400, "invalid", "Idempotency-Key")
	if n := len(w.do(t, "GET", "/affiliates", "").items()); n != 0 {
		t.Errorf("there are %d affiliates", n)
	}
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com"}`, "Idempotency-Key", strings.Repeat("k", 255)).
		ok(t, 201)

	// It is for POST alone.
	w.do(t, "PUT", "/affiliates/jane@example.com", `{"status": "inactive"}`, "Idempotency-Key", "k").ok(t, 200)
	w.do(t, "PUT", "/affiliates/jane@example.com", `{"status": "active"}`, "Idempotency-Key", "k").ok(t, 200)
	w.do(t, "GET", "/affiliates", "", "Idempotency-Key", "").ok(t, 200)
}

func TestIdempotencyKeyOnEveryPost(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	w.addMoney(t)
	w.addWebhooks(t)
	for _, call := range []string{
		`/affiliates {"email": "new@example.com"}`,
		`/conversions {"type": "signup", "reference": "new"}`,
		`/referrals {"email": "new@example.com"}`,
		`/coupons {"affiliate_id": 1, "coupon_code": "NEW"}`,
	} {
		path, body, _ := strings.Cut(call, " ")
		first := w.do(t, "POST", path, body, "Idempotency-Key", path).ok(t, 201)
		before := w.dump(t)
		again := w.do(t, "POST", path, body, "Idempotency-Key", path).ok(t, 201)
		if string(again.body) != string(first.body) || again.header.Get("Idempotent-Replayed") != "true" ||
			w.dump(t) != before {
			t.Errorf("%s: %s and %s", path, first.body, again.body)
		}
		w.do(t, "POST", path, body).ok(t, 409)
	}
	for _, call := range []string{
		`/rules {"product": "Lite", "commission": "1%"}`,
		`/adjustments {"affiliate_id": 1, "amount": 5, "note": "new"}`, "/payouts",
		`/conversions/1/refund {"amount": 1}`, `/conversions/1/undo-refund {"amount": 1}`,
		"/payouts/2/pay", "/payouts/3/cancel",
		`/webhooks {"url": "https://example.com", "secret": null}`,
		`/webhooks/1/test {"event": "referral_updated"}`, `/webhooks/1/replay {"delivery_id": 1}`,
		`/webhooks/1/replay {"since": "2026-01-15"}`, `/clicks {"referral_code": "JANE"}`,
		`/clicks {"clicks": [{"referral_code": "JANE"}]}`,
	} {
		path, body, _ := strings.Cut(call, " ")
		first := w.do(t, "POST", path, body, "Idempotency-Key", call)
		before := w.dump(t)
		again := w.do(t, "POST", path, body, "Idempotency-Key", call)
		if first.status >= 300 || again.status != first.status || string(again.body) != string(first.body) ||
			again.header.Get("Idempotent-Replayed") != "true" || w.dump(t) != before {
			t.Errorf("%s: %d %s and %d %s", call, first.status, first.body, again.status, again.body)
		}
	}
	// A preview writes nothing, and is worked out each time.
	const preview = `{"preview": true}`
	before := w.dump(t)
	w.do(t, "POST", "/payouts", preview, "Idempotency-Key", "preview").ok(t, 200)
	again := w.do(t, "POST", "/payouts", preview, "Idempotency-Key", "preview").ok(t, 200)
	if again.header.Get("Idempotent-Replayed") != "" || w.dump(t) != before {
		t.Errorf("a preview with a key: %v", again.header)
	}
}

func TestTwinsAtTheSameTime(t *testing.T) {
	t.Parallel()
	w := populated(t, noLimit)
	// As if two servers shared one engine.
	handlers := []http.Handler{w.mux, http.StripPrefix(prefix, httpapi.New(w.engine, noLimit))}
	replies := make([]reply, 20)
	var twins sync.WaitGroup
	for i := range replies {
		twins.Go(func() {
			replies[i] = send(t, handlers[i%2], w.request("POST", "/conversions",
				`{"type": "purchase", "affiliate_id": 1, "base_value": 9.99}`, "Idempotency-Key", "twin"))
		})
	}
	twins.Wait()
	firsts := 0
	for _, got := range replies {
		if got.status != 201 || string(got.body) != string(replies[0].body) {
			t.Errorf("%d %s", got.status, got.body)
		}
		if got.header.Get("Idempotent-Replayed") == "" {
			firsts++
		}
	}
	if n := len(w.do(t, "GET", "/conversions", "").items()); firsts != 1 || n != 3 {
		t.Errorf("%d were done, and there are %d conversions", firsts, n)
	}
}

// Customers are merged once, and a repeated signup is one with its key too.
func TestCustomersOnce(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	merge := func(key string) reply {
		return w.do(t, "POST", "/referrals/1/merge", `{"from": 2}`, "Idempotency-Key", key)
	}
	first := merge("m").ok(t, 200)
	again := merge("m").ok(t, 200)
	if string(again.body) != string(first.body) || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the merge was answered %s and is answered %s (%v)", first.body, again.body, again.header)
	}
	merge("n").refused(t, 404, "not_found", "")

	signup := func(key string) reply {
		return w.do(t, "POST", "/conversions", `{"type": "signup", "external_id": "u-1", "value": 1}`, "Idempotency-Key", key)
	}
	made := signup("a").ok(t, 201)
	if replay := signup("a").ok(t, 201); string(replay.body) != string(made.body) {
		t.Errorf("the replay is %s", replay.body)
	}
	repeated := signup("b").ok(t, 200)
	if repeated.data()["repeated"] != true || repeated.data()["id"] != made.data()["id"] {
		t.Errorf("the repeated signup is %s", repeated.body)
	}
	if replay := signup("b").ok(t, 200); string(replay.body) != string(repeated.body) ||
		replay.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the replay is %s (%v)", replay.body, replay.header)
	}
}

// Whatever a call does with its key, and whether it does anything: a malformed one is
// refused.
func TestMalformedIdempotencyKeys(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	before := w.dump(t)
	bodies := map[string][]string{"/payouts": {`{}`, `{"preview": true}`}}
	for _, route := range httpapi.Routes() {
		if route[0] != "POST" {
			continue
		}
		path := strings.NewReplacer("{id}", "1", "{email}", "jane@example.com").Replace(route[1])
		for _, body := range append(bodies[route[1]], validBodies[route[1]]) {
			for _, key := range []string{"", strings.Repeat("k", 256), "a\u0085b"} {
				got := w.do(t, "POST", path, body, "Idempotency-Key", key)
				if got.status != 400 || !strings.Contains(string(got.body), `"field":"Idempotency-Key"`) && body != "" {
					t.Errorf("POST %s %s with the key %.20q: %d %s", path, body, key, got.status, got.body)
				}
			}
		}
	}
	if w.dump(t) != before {
		t.Error("something changed")
	}
}

// validBodies are those of calls that take one, by their paths.
var validBodies = map[string]string{
	"/affiliates": `{"email": "new@example.com"}`, "/conversions": `{"type": "signup"}`,
	"/referrals": `{"email": "new@example.com"}`, "/referrals/{id}/merge": `{"from": 2}`,
	"/coupons": `{"affiliate_id": 1, "coupon_code": "NEW"}`, "/rules": `{"product": "x", "commission": "5%"}`,
	"/refunds": `{"conversion_id": 1}`, "/conversions/{id}/refund": `{}`, "/conversions/{id}/undo-refund": `{}`,
	"/adjustments": `{"affiliate_id": 1, "amount": 1, "note": "x"}`, "/payouts": `{"details_only": true}`,
	"/payouts/pay": `{"payouts": [{"id": 1}]}`, "/payouts/cancel": `{"payouts": [{"id": 1}]}`,
	"/payouts/{id}/pay": `{}`, "/payouts/{id}/cancel": `{}`, "/payouts/{id}/return": `{"note": "x"}`,
	"/webhooks": `{"url": "https://example.com/"}`, "/webhooks/{id}/test": `{}`, "/webhooks/{id}/rotate": `{}`,
	"/webhooks/{id}/replay": `{"since": "2026-01-01"}`, "/clicks": `{"referral_code": "JANE"}`,
	"/affiliates/{email}/erase": `{}`, "/referrals/{email}/erase": `{}`,
}

// Of each caller the newest answers are kept. A call whose answer went is not done again,
// and shows what it had made or changed as it is now.
func TestForgottenAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("it writes 64 MiB")
	}
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("20")}, noLimit)
	calls := []struct{ path, body string }{
		{"/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`},
		{"/referrals", `{"email": "carl@example.com", "affiliate_id": 1}`},
		{"/referrals", `{"email": "dora@example.com"}`},
		{"/coupons", `{"affiliate_id": 1, "coupon_code": "SAVE"}`},
		{"/conversions", `{"type": "purchase", "email": "carl@example.com", "base_value": 50, "reference": "in_1"}`},
		{"/refunds", `{"reference": "in_1", "amount": 10}`},
		{"/conversions/1/refund", `{"amount": 5}`},
		{"/conversions/1/undo-refund", `{"amount": 5}`},
		{"/referrals/1/merge", `{"from": 2}`},
		{"/adjustments", `{"affiliate_id": 1, "amount": 2, "note": "a bonus"}`},
		{"/payouts", `{}`},
		{"/payouts/1/pay", `{"external_reference": "P-1"}`},
		{"/payouts/1/return", `{"note": "unclaimed"}`},
	}
	send := func(i int) reply {
		t.Helper()
		return w.do(t, "POST", calls[i].path, calls[i].body, "Idempotency-Key", fmt.Sprint("call ", i))
	}
	first := make([]reply, len(calls))
	for i := range calls {
		first[i] = send(i)
		if first[i].status/100 != 2 {
			t.Fatalf("%s: %d %s", calls[i].path, first[i].status, first[i].body)
		}
	}
	w.fillAnswers(t)
	before := w.dump(t)
	for i, call := range calls {
		again := send(i)
		switch {
		case call.path == "/adjustments" || i == 2: // nothing shows one entry, or who was merged since
			if again.status != 409 || !strings.Contains(string(again.body), `"id":`) {
				t.Errorf("%s: %d %s", call.path, again.status, again.body)
			}
		case again.status != first[i].status || again.header.Get("Idempotent-Replayed") != "true":
			t.Errorf("%s: %d %s", call.path, again.status, again.body)
		case call.path != "/payouts" && again.data()["id"] != first[i].data()["id"]:
			t.Errorf("%s: %s, but at first it was %s", call.path, again.body, first[i].body)
		}
	}
	if after := w.dump(t); after != before {
		t.Errorf("it was\n%s\nand is\n%s", before, after)
	}
	// Nobody is shown who was erased since.
	w.do(t, "POST", "/affiliates/1/erase", "").ok(t, 200)
	w.do(t, "POST", "/referrals/1/erase", "").ok(t, 200)
	for i, call := range calls {
		again := send(i)
		names := call.path == "/affiliates" || call.path == "/referrals" && i == 1 || strings.HasSuffix(call.path, "/merge")
		if names && (again.status != 409 || !strings.Contains(string(again.body), `"code":"erased"`)) {
			t.Errorf("%s, of somebody erased: %d %s", call.path, again.status, again.body)
		}
		if strings.Contains(string(again.body), "jane@") || strings.Contains(string(again.body), "carl@") {
			t.Errorf("%s names somebody: %s", call.path, again.body)
		}
	}
}

// fillAnswers stores as much as is kept of the answers to a caller, after what there is.
func (w *world) fillAnswers(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	body := make([]byte, refgrow.MaxAnswer)
	for i := range refgrow.MaxAnswers/refgrow.MaxAnswer + 1 {
		call := refgrow.Idempotency{Caller: "key:1", Key: fmt.Sprint("filling ", i), Request: []byte("x")}
		_, _, err := w.shop.Once(call).Do(ctx, func(*refgrow.Project) (refgrow.Answer, error) {
			return refgrow.Answer{Status: 200, Body: body}, nil
		})
		must(t, err)
	}
	must(t, w.engine.Upkeep(ctx))
}
