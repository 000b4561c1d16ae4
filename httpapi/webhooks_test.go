package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// Every step of a webhook, with the whole of each answer.
func TestWebhook(t *testing.T) {
	t.Parallel()
	single(t)
	w := setup(t, refgrow.Settings{}, noLimit)
	const at = `"2026-01-15T12:00:00.000Z"`
	const empty = `"pagination": {"limit": 50, "offset": 0, "total": 0, "has_more": false, "next_cursor": null}}`
	w.do(t, "GET", "/webhooks", "").is(t, 200, `{"success": true, "data": [], `+empty)
	const first = `"id": 1, "url": "https://example.com/hooks?for=shop",
		"events": ["referral_canceled", "referral_converted", "referral_signed_up", "referral_updated"],
		"status": "active", "payout_preferences": true, "signed": true, "created_at": ` + at
	made := w.do(t, "POST", "/webhooks", `{"url": "https://example.com/hooks?for=shop"}`).ok(t, 201)
	secret := text(made.data()["secret"])
	made.is(t, 201, `{"success": true, "data": {`+first+`, "secret": "`+secret+`"}}`)
	checkSecret(t, secret)
	w.do(t, "GET", "/webhooks/1", "").is(t, 200, `{"success": true, "data": {`+first+`}}`)

	w.clock.Advance(time.Minute)
	const second = `"id": 2, "url": "http://hooks.example:9000/", "events": ["referral_canceled", "referral_updated"],
		"status": "inactive", "payout_preferences": true, "signed": %s, "created_at": "2026-01-15T12:01:00.000Z"`
	w.do(t, "POST", "/webhooks", `{"url": "http://hooks.example:9000/",
		"events": ["referral_updated", "referral_canceled"], "secret": null, "status": "inactive"}`).
		is(t, 201, `{"success": true, "data": {`+fmt.Sprintf(second, "false")+`, "secret": null}}`)
	w.do(t, "GET", "/webhooks", "").
		is(t, 200, `{"success": true, "data": [{`+fmt.Sprintf(second, "false")+`}, {`+first+`}],
		"pagination": {"limit": 50, "offset": 0, "total": 2, "has_more": false, "next_cursor": null}}`)
	w.do(t, "POST", "/webhooks", `{"url": "https://example.com", "events": null, "secret": "`+
		ownSecret+`", "status": null}`).is(t, 201,
		`{"success": true, "data": {"id": 3, "url": "https://example.com",
		"events": ["referral_canceled", "referral_converted", "referral_signed_up", "referral_updated"],
		"status": "active", "payout_preferences": true, "signed": true, "created_at": "2026-01-15T12:01:00.000Z",
		"secret": "`+ownSecret+`"}}`)

	// A change shows no secret; a rotation makes one, even where there was none.
	w.do(t, "PUT", "/webhooks/3",
		`{"url": "https://example.com/new", "events": ["referral_signed_up"], "status": "inactive"}`).is(t, 200,
		`{"success": true, "data": {"id": 3, "url": "https://example.com/new", "events": ["referral_signed_up"],
		"status": "inactive", "payout_preferences": true, "signed": true, "created_at": "2026-01-15T12:01:00.000Z"}}`)
	w.do(t, "PUT", "/webhooks/3", `{"status": "inactive"}`).ok(t, 200)
	for _, c := range [][2]string{{"POST", `{"url": "https://example.com/4", "payout_preferences": false}`},
		{"PUT", `{"payout_preferences": true}`}, {"PUT", `{"payout_preferences": "false"}`},
		{"PUT", `{"status": "active"}`}} {
		path, status := "/webhooks", 201
		if c[0] == "PUT" {
			path, status = "/webhooks/4", 200
		}
		got := w.do(t, c[0], path, c[1]).ok(t, status).data()["payout_preferences"]
		if got != strings.Contains(c[1], "true") || w.do(t, "GET", "/webhooks/4", "").data()["payout_preferences"] != got {
			t.Errorf("%v gives %v", c, got)
		}
	}
	w.do(t, "DELETE", "/webhooks/4", "").ok(t, 204)
	rotated := w.do(t, "POST", "/webhooks/1/rotate", "").ok(t, 200)
	now := text(rotated.data()["secret"])
	rotated.is(t, 200, `{"success": true, "data": {`+first+
		`, "former_secret_until": "2026-01-16T12:01:00.000Z", "secret": "`+now+`"}}`)
	short := w.do(t, "POST", "/webhooks/1/rotate", `{"overlap_hours": 1}`).ok(t, 200).data()
	if short["former_secret_until"] != "2026-01-15T13:01:00.000Z" {
		t.Errorf("rotated with an hour: %v", short)
	}
	if checkSecret(t, now); now == secret {
		t.Error("the new secret is the old one")
	}
	signed := w.do(t, "POST", "/webhooks/2/rotate", "{}").ok(t, 200)
	checkSecret(t, text(signed.data()["secret"]))
	signed.is(t, 200, `{"success": true, "data": {`+fmt.Sprintf(second, "true")+
		`, "former_secret_until": null, "secret": "`+text(signed.data()["secret"])+`"}}`)

	w.do(t, "DELETE", "/webhooks/3", "").ok(t, 204)
	w.do(t, "DELETE", "/webhooks/3", "").refused(t, 404, "not_found", "")
	w.do(t, "GET", "/webhooks/3", "").refused(t, 404, "not_found", "")
	if got := w.do(t, "GET", "/webhooks", ""); ids(got) != "2 1" {
		t.Errorf("the list is %s", got.body)
	}
	if got := w.dump(t); strings.Contains(got, secret) || strings.Contains(got, now) ||
		strings.Contains(got, "whsec_") || strings.Contains(got, "secret") {
		t.Errorf("a secret is shown again: %s", got)
	}
}

// checkSecret checks that a secret is one of Standard Webhooks, of 32 bytes.
func checkSecret(t *testing.T, secret string) {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) != 32 || !strings.HasPrefix(secret, "whsec_") {
		t.Errorf("the secret is %q", secret)
	}
}

func TestDeliveries(t *testing.T) {
	t.Parallel()
	single(t)
	w := setup(t, refgrow.Settings{}, noLimit)
	w.do(t, "POST", "/webhooks", `{"url": "https://example.com/hooks", "events": ["referral_converted"]}`).ok(t, 201)
	delivery := func(id, event, status, attempts, response, message, next, created, ended string) string {
		return `{"id": ` + id + `, "event": "` + event + `", "status": "` + status +
			`", "attempts": ` + attempts + `, "response_status": ` + response + `, "error": ` + message +
			`, "next_attempt_at": ` + next + `, "created_at": ` + created + `, "ended_at": ` + ended + `}`
	}
	const noon, later, retried = `"2026-01-15T12:00:00.000Z"`, `"2026-01-15T12:00:01.000Z"`,
		`"2026-01-15T12:00:05.000Z"`

	// Tests are sent whatever the webhook wants.
	one := delivery("1", "referral_converted", "pending", "0", "null", "null", noon, noon, "null")
	w.do(t, "POST", "/webhooks/1/test", "").is(t, 202, `{"success": true, "data": `+one+`}`)
	two := delivery("2", "referral_canceled", "pending", "0", "null", "null", noon, noon, "null")
	w.do(t, "POST", "/webhooks/1/test", `{"event": "referral_canceled"}`).
		is(t, 202, `{"success": true, "data": `+two+`}`)
	w.do(t, "GET", "/webhooks/1/deliveries", "").is(t, 200, `{"success": true, "data": [`+two+`, `+one+`],
		"pagination": {"limit": 50, "offset": 0, "total": 2, "has_more": false, "next_cursor": null}}`)

	// A worker tries both: the first is accepted, the second is not.
	w.clock.Advance(time.Second)
	attempts, _, err := w.engine.Outbox().Claim(t.Context(), 1, 10, time.Minute)
	must(t, err)
	if len(attempts) != 2 {
		t.Fatalf("there are %d attempts", len(attempts))
	}
	for _, a := range attempts {
		result := refgrow.AttemptResult{Outcome: refgrow.AttemptSucceeded, ResponseStatus: 204}
		if a.DeliveryID == 2 {
			result = refgrow.AttemptResult{
				Outcome: refgrow.AttemptRetry, RetryAt: w.clock.Now().Add(4 * time.Second),
				ResponseStatus: 500, Error: `the answer was "no"`,
			}
		}
		must(t, w.engine.Outbox().Finish(t.Context(), a, result))
	}
	one = delivery("1", "referral_converted", "succeeded", "1", "204", "null", "null", noon, later)
	two = delivery("2", "referral_canceled", "pending", "1", "500", `"the answer was \"no\""`, retried, noon, "null")
	for status, want := range map[string]string{"succeeded": one, "pending": two} {
		w.do(t, "GET", "/webhooks/1/deliveries?status="+status, "").is(t, 200, `{"success": true, "data": [`+want+`],
			"pagination": {"limit": 50, "offset": 0, "total": 1, "has_more": false, "next_cursor": null}}`)
	}

	// One is sent again, by its id.
	three := delivery("3", "referral_converted", "pending", "0", "null", "null", later, later, "null")
	w.do(t, "POST", "/webhooks/1/replay", `{"delivery_id": 1}`).is(t, 202, `{"success": true, "data": `+three+`}`)

	// Everything since an instant that the webhook wants.
	w.do(t, "POST", "/conversions", `{"type": "purchase", "base_value": 5}`).ok(t, 201)
	w.do(t, "PUT", "/conversions/1", `{"reference": "in_1"}`).ok(t, 200)
	w.clock.Advance(time.Second)
	w.do(t, "POST", "/conversions", `{"type": "purchase", "base_value": 5}`).ok(t, 201)
	more, err := w.engine.Outbox().Spread(t.Context())
	must(t, err)
	if more {
		t.Error("there are more events")
	}
	// What is on its way is not sent twice.
	w.do(t, "POST", "/webhooks/1/replay", `{"since": "2026-01-15"}`).
		is(t, 202, `{"success": true, "data": {"deliveries": 0}}`)
	taken := func() {
		t.Helper()
		attempts, _, err := w.engine.Outbox().Claim(t.Context(), 1, 10, time.Minute)
		must(t, err)
		for _, a := range attempts {
			must(t, w.engine.Outbox().Finish(t.Context(),
				a, refgrow.AttemptResult{Outcome: refgrow.AttemptSucceeded, ResponseStatus: 204}))
		}
	}
	taken()
	for since, n := range map[string]string{
		"2026-01-15": "2", "2026-01-15T12:00:01.001Z": "1", "2026-01-15T12:00:02Z": "1",
		"2026-01-15T14:00:02+02:00": "1",
	} {
		w.do(t, "POST", "/webhooks/1/replay", `{"since": "`+since+`"}`).
			is(t, 202, `{"success": true, "data": {"deliveries": `+n+`}}`)
		taken()
	}
	if got := w.do(t, "GET", "/webhooks/1/deliveries", "").ok(t, 200); ids(got) != "10 9 8 7 6 5 4 3 2 1" {
		t.Errorf("the log is %s", got.body)
	}

	// Deactivating the webhook cancels what waits, and then nothing is sent to it.
	w.do(t, "PUT", "/webhooks/1", `{"status": "inactive"}`).ok(t, 200)
	two = delivery("2", "referral_canceled", "canceled", "1", "500",
		`"the answer was \"no\""`, "null", noon, `"2026-01-15T12:00:02.000Z"`)
	canceled := w.do(t, "GET", "/webhooks/1/deliveries?status=canceled&limit=1", "").ok(t, 200)
	if !strings.Contains(string(canceled.body), compact(t, two)) || number(canceled.pagination()["total"]) != 1 {
		t.Errorf("canceled is %s", canceled.body)
	}
	w.do(t, "POST", "/webhooks/1/test", "").refused(t, 409, "conflict", "")
	w.do(t, "POST", "/webhooks/1/replay", `{"delivery_id": 1}`).refused(t, 409, "conflict", "")
	w.do(t, "PUT", "/webhooks/1", `{"status": "active"}`).ok(t, 200)
	w.do(t, "GET", "/webhooks/1/deliveries?status=pending", "").is(t, 200,
		`{"success": true, "data": [], "pagination": {"limit": 50,
			"offset": 0, "total": 0, "has_more": false, "next_cursor": null}}`)
	w.do(t, "DELETE", "/webhooks/1", "").ok(t, 204)
	w.do(t, "GET", "/webhooks/1/deliveries", "").refused(t, 404, "not_found", "")
}

// The data of the events of payouts and affiliates is what the API shows of them.
func TestEventsOfPayoutsAndAffiliates(t *testing.T) {
	t.Parallel()
	single(t)
	w := setup(t, refgrow.Settings{}, noLimit)
	w.do(t, "POST", "/webhooks", `{"url": "https://example.com"}`).ok(t, 201)
	w.do(t, "POST", "/webhooks", `{"url": "https://example.com", "events": ["payout_updated", "affiliate_updated"]}`).
		ok(t, 201)
	sends := func(event, path string) {
		t.Helper()
		for more := true; more; {
			var err error
			more, err = w.engine.Outbox().Spread(t.Context())
			must(t, err)
		}
		if attempts, _, err := w.engine.Outbox().Claim(t.Context(), 1, 10, time.Minute); err != nil || len(attempts) > 0 {
			t.Errorf("the webhook that does not ask got %v (%v)", attempts, err)
		}
		attempts, _, err := w.engine.Outbox().Claim(t.Context(), 2, 10, time.Minute)
		must(t, err)
		if len(attempts) != 1 || string(attempts[0].Event) != event {
			t.Fatalf("sent was %v, but should be %s", attempts, event)
		}
		var body struct{ Data json.RawMessage }
		must(t, json.Unmarshal(attempts[0].Body, &body))
		w.do(t, "GET", path, "").is(t, 200, `{"success": true, "data": `+string(body.Data)+`}`)
		must(t, w.engine.Outbox().Finish(t.Context(), attempts[0], refgrow.AttemptResult{Outcome: refgrow.AttemptSucceeded}))
	}
	const jane = "/affiliates/jane@example.com"
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com", "partner_slug": "jane-doe",
		"payout_preferences": {"paypal_email": "pay@example.com", "wise_name": "Jane"}}`).ok(t, 201)
	sends("affiliate_updated", jane)
	w.do(t, "POST", "/adjustments", `{"affiliate_id": 1, "amount": 12.5, "note": "welcome"}`).ok(t, 201)
	w.do(t, "PUT", jane, `{"status": "inactive"}`).ok(t, 200)
	sends("affiliate_updated", jane)
	w.do(t, "PUT", jane, `{"status": "inactive", "payouts_paused": false}`).ok(t, 200)
	w.do(t, "POST", "/payouts", `{"preview": true}`).ok(t, 200)
	w.do(t, "POST", "/payouts", "").ok(t, 201)
	sends("payout_updated", "/payouts/1")
	w.do(t, "POST", "/payouts/pay", `{"payouts": [{"id": 1, "external_reference": "bank 1"}]}`).ok(t, 200)
	sends("payout_updated", "/payouts/1")
	w.do(t, "POST", "/payouts/pay", `{"payouts": [{"id": 1, "external_reference": "bank 1"}]}`).ok(t, 200)
	w.do(t, "POST", "/payouts/1/return", `{"note": "unclaimed"}`).ok(t, 200)
	sends("payout_updated", "/payouts/1")
}

// When the host sets a key, a program's secrets are nowhere in the files, in no log and
// in no second answer, not even those of calls with an Idempotency-Key.
func TestSecretsAreNotKept(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "refgrow.db")
	database, err := sqlite.Open(t.Context(), file, sqlite.Options{})
	must(t, err)
	defer database.Close()
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	clock := refgrowtest.NewClock()
	engine, err := refgrow.New(t.Context(), database,
		refgrow.Config{Now: clock.Now, Logger: log, SecretKey: bytes.Repeat([]byte{7}, 32)})
	must(t, err)
	w := serve(t, engine, clock, refgrow.Settings{}, httpapi.Options{RateLimit: -1, Logger: log})

	var secrets []string
	shown := func(got reply) {
		t.Helper()
		secret := text(got.data()["secret"])
		if len(secret) < refgrow.MinSecret {
			t.Fatalf("no secret in %s", got.body)
		}
		secrets = append(secrets, secret)
	}
	twice := func(path, body, key, id string) {
		t.Helper()
		first := w.do(t, "POST", path, body, "Idempotency-Key", key)
		if first.status >= 300 || first.id() != id {
			t.Fatalf("%s: %d %s", path, first.status, first.body)
		}
		shown(first)
		before := w.dump(t)
		for range 2 {
			again := w.do(t, "POST", path, body, "Idempotency-Key", key)
			again.is(t, 409, `{"success": false,
				"error": "Idempotency-Key: was already used, for the thing with id `+id+
				`: the answer showed its secret, and is not kept",
				"code": "conflict", "field": "Idempotency-Key", "id": `+id+`}`)
			if again.header.Get("Idempotent-Replayed") != "" {
				t.Error("it counts as a replay")
			}
		}
		if w.dump(t) != before {
			t.Errorf("%s was done twice", path)
		}
		w.do(t, "POST", path, body+" ", "Idempotency-Key", key).refused(t, 409, "conflict", "Idempotency-Key")
		if got := w.do(t, "POST", path, body+" ", "Idempotency-Key", key); got.json["id"] != nil {
			t.Errorf("another request learns of the webhook: %s", got.body)
		}
	}
	twice("/webhooks", `{"url": "https://example.com/1"}`, "made", "1")
	twice("/webhooks", `{"url": "https://example.com/2", "secret": "`+ownSecret+`"}`, "own", "2")
	twice("/webhooks/1/rotate", "{}", "rotated", "1")
	shown(w.do(t, "POST", "/webhooks/1/rotate", "").ok(t, 200))

	// Without a secret there is nothing to hide, and the answer is kept.
	unsigned := w.do(t, "POST", "/webhooks", `{"url": "https://example.com/3", "secret": null}`,
		"Idempotency-Key", "unsigned").ok(t, 201)
	again := w.do(t, "POST", "/webhooks", `{"url": "https://example.com/3", "secret": null}`,
		"Idempotency-Key", "unsigned").ok(t, 201)
	if !bytes.Equal(again.body, unsigned.body) || again.header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("%s and %s", unsigned.body, again.body)
	}
	// A refusal does not repeat what was sent.
	const refusedSecret = "whsec_a secret that cannot be"
	got := w.do(t, "POST", "/webhooks", `{"url": "https://example.com", "secret": "`+refusedSecret+`"}`).
		refused(t, 400, "invalid", "secret")
	if strings.Contains(string(got.body), "cannot be") {
		t.Errorf("the refusal is %s", got.body)
	}
	w.do(t, "POST", "/webhooks/1/test", "").ok(t, 202)
	w.clock.Advance(24 * time.Hour) // then the keys are free again
	got = w.do(t, "POST", "/webhooks", `{"url": "https://example.com/1"}`, "Idempotency-Key", "made").ok(t, 201)
	if got.id() != "4" {
		t.Errorf("after a day it makes %s", got.body)
	} else {
		shown(got)
	}

	kept := logged.String()
	files, err := filepath.Glob(file + "*")
	must(t, err)
	for _, name := range files {
		content, err := os.ReadFile(name)
		must(t, err)
		kept += string(content)
	}
	if !strings.Contains(kept, "https://example.com/2") {
		t.Fatalf("the webhooks are not in %v", files)
	}
	for _, secret := range append(secrets, refusedSecret) {
		forms := []string{secret}
		if encoded, ok := strings.CutPrefix(secret, "whsec_"); ok && secret != refusedSecret {
			key, err := base64.StdEncoding.DecodeString(encoded)
			must(t, err)
			forms = append(forms, encoded, string(key))
		}
		for _, form := range forms {
			if strings.Contains(kept, form) {
				t.Errorf("%q was kept", form)
			}
		}
	}
}

// Without a host's key a secret is in the table of the webhooks, and nowhere else.
func TestSecretsAreNotInStoredAnswers(t *testing.T) {
	t.Parallel()
	single(t)
	file := filepath.Join(t.TempDir(), "refgrow.db")
	database, err := sqlite.Open(t.Context(), file, sqlite.Options{})
	must(t, err)
	defer database.Close()
	engine, clock := refgrowtest.On(t, database)
	w := serve(t, engine, clock, refgrow.Settings{}, noLimit)
	secrets := []string{
		text(w.do(t, "POST", "/webhooks", `{"url": "https://example.com/1"}`, "Idempotency-Key", "a").
			ok(t, 201).data()["secret"]),
		text(w.do(t, "POST", "/webhooks/1/rotate", "", "Idempotency-Key", "b").ok(t, 200).data()["secret"]),
	}
	w.do(t, "DELETE", "/webhooks/1", "").ok(t, 204)
	must(t, database.Close()) // which empties the write-ahead log

	again, err := sqlite.Open(t.Context(), file, sqlite.Options{})
	must(t, err)
	defer again.Close()
	copied := filepath.Join(t.TempDir(), "copy.db") // has no remnants of deleted rows
	reopened, _ := refgrowtest.On(t, again)
	must(t, reopened.Backup(t.Context(), copied))
	content, err := os.ReadFile(copied)
	must(t, err)
	if !bytes.Contains(content, []byte("refgrow_idempotency")) {
		t.Fatal("the copy is not a database")
	}
	for _, secret := range secrets {
		if bytes.Contains(content, []byte(strings.TrimPrefix(secret, "whsec_"))) {
			t.Errorf("%q was kept", secret)
		}
	}
}

// Two programs with a webhook and a delivery each: 1 is of the first, 2 of the
// second.
func TestAKeyNeverReachesAnotherProjectsWebhooks(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	second := w.newKey(t, w.project(t, "second", refgrow.Settings{}), refgrow.CreateKeyParams{})
	w.do(t, "POST", "/webhooks", `{"url": "https://example.com/1"}`).ok(t, 201)
	w.do(t, "POST", "/webhooks/1/test", "").ok(t, 202)
	w.do(t, "POST", "/webhooks", `{"url": "https://example.com/2"}`, "Authorization", "Bearer "+second).ok(t, 201)
	w.do(t, "POST", "/webhooks/2/test", "", "Authorization", "Bearer "+second).ok(t, 202)
	before := w.dump(t, second)
	for _, call := range []string{
		"GET /webhooks/2", `PUT /webhooks/2 {"status": "inactive"}`,
		"DELETE /webhooks/2", "POST /webhooks/2/rotate", "POST /webhooks/2/test",
		`POST /webhooks/2/replay {"since": "2026-01-01"}`, `POST /webhooks/2/replay {"delivery_id": 2}`,
		`POST /webhooks/1/replay {"delivery_id": 2}`,
		"GET /webhooks/2/deliveries", "GET /webhooks/2/deliveries?limit=1&offset=1",
	} {
		method, rest, _ := strings.Cut(call, " ")
		path, body, _ := strings.Cut(rest, " ")
		if w.do(t, method, path, body).refused(t, 404, "not_found", ""); t.Failed() {
			t.Fatalf("by %s", call)
		}
	}
	if after := w.dump(t, second); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
	for key, want := range map[string]string{w.key: "1", second: "2"} {
		for _, list := range []string{"/webhooks", "/webhooks/" + want + "/deliveries"} {
			if got := w.do(t, "GET", list, "", "Authorization", "Bearer "+key).ok(t, 200); ids(got) != want ||
				number(got.pagination()["total"]) != 1 {
				t.Errorf("%s lists %s", list, got.body)
			}
		}
	}

	// A change in one program is not an event of the other.
	w.do(t, "POST", "/conversions", `{"type": "purchase", "base_value": 5}`).ok(t, 201)
	if _, err := w.engine.Outbox().Spread(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.do(t, "GET", "/webhooks/1/deliveries", "").ok(t, 200); len(got.items()) != 3 {
		t.Errorf("the program's own webhook has %s", got.body)
	}
	got := w.do(t, "GET", "/webhooks/2/deliveries", "", "Authorization", "Bearer "+second).ok(t, 200)
	if len(got.items()) != 1 {
		t.Errorf("the other program's webhook has %s", got.body)
	}
	// A cursor is worth nothing elsewhere.
	w.do(t, "POST", "/webhooks", `{"url": "https://example.com/3"}`).ok(t, 201)
	for _, list := range []string{"/webhooks", "/webhooks/1/deliveries"} {
		cursor := text(w.do(t, "GET", list+"?limit=1", "").ok(t, 200).pagination()["next_cursor"])
		w.do(t, "GET", list+"?limit=1&cursor="+cursor, "").ok(t, 200)
		w.do(t, "GET", strings.Replace(list, "1", "2", 1)+"?limit=1&cursor="+cursor,
			"", "Authorization", "Bearer "+second).refused(t, 400, "invalid", "cursor")
	}
	w.do(t, "GET", "/webhooks/3/deliveries?cursor="+
		text(w.do(t, "GET", "/webhooks/1/deliveries?limit=1", "").pagination()["next_cursor"]), "").
		refused(t, 400, "invalid", "cursor")
}

// Whoever hosts everything on one network can have endpoints there.
func TestPrivateWebhooks(t *testing.T) {
	t.Parallel()
	w := setup(t, refgrow.Settings{}, httpapi.Options{PrivateWebhooks: true})
	for i, url := range []string{"http://127.0.0.1:9000/", "http://[::1]/", "http://localhost/"} {
		if got := w.do(t, "POST", "/webhooks", `{"url": "`+url+`"}`); got.status != 201 {
			t.Errorf("%s: %d %s", url, got.status, got.body)
		}
		got := w.do(t, "PUT", fmt.Sprint("/webhooks/", i+1), `{"url": "http://10.0.0.1/"}`)
		if got.status != 200 {
			t.Errorf("PUT: %d %s", got.status, got.body)
		}
	}
}
