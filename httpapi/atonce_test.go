package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/refgrow-go/refgrow"
)

// crowded is how many clients ask for the same thing at once.
const crowded = 50

// A crowd is many clients of one server, each with a connection of its own.
type crowd struct {
	*world
	server *httptest.Server
	client *http.Client
}

func gather(t *testing.T) *crowd {
	t.Helper()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("20")}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`).ok(t, 201)
	c := &crowd{world: w, server: httptest.NewServer(w.mux),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * crowded}}}
	t.Cleanup(func() {
		c.client.CloseIdleConnections()
		c.server.Close()
	})
	return c
}

// post sends a request over the network, and returns what came back.
func (c *crowd) post(ctx context.Context, path, body, key string) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server.URL+prefix+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	answer, err := c.client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer answer.Body.Close()
	got := reply{status: answer.StatusCode, header: answer.Header}
	if got.body, err = io.ReadAll(answer.Body); err != nil {
		return got, err
	}
	return got, json.Unmarshal(got.body, &got.json)
}

// all sends as many requests at once as there are members, and returns their answers.
func (c *crowd) all(t *testing.T, members int, path string, of func(member int) (body, key string)) []reply {
	t.Helper()
	got, errs := make([]reply, members), make([]error, members)
	var start, end sync.WaitGroup
	start.Add(1)
	for i := range members {
		end.Go(func() {
			body, key := of(i)
			start.Wait()
			got[i], errs[i] = c.post(t.Context(), path, body, key)
		})
	}
	start.Done()
	end.Wait()
	for _, err := range errs {
		must(t, err)
	}
	return got
}

// verify checks that the engine finds nothing wrong.
func (c *crowd) verify(t *testing.T) {
	t.Helper()
	report, err := c.engine.Verify(t.Context())
	must(t, err)
	for _, d := range report.Differences {
		t.Errorf("Verify: %v", d)
	}
}

// A contest is for things that only one client can have.
type contest struct {
	what, path string
	fields     []string // that are taken, of one member and the next
	names      int
	body       func(member, n int) string
	find       func(id json.Number, n int) (path string) // to the thing that the winner made
	same       []string                                  // the members of its answer that are shown there too
}

// What is unique goes to one of the clients that post it at once; the others get 409
// with the field that is taken, and what is kept is what the winner sent.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	c := gather(t)
	references, others := 100, 10
	if testing.Short() {
		references, others = 10, 3
	}
	for _, of := range []contest{
		{
			"references", "/conversions", []string{"reference"}, references,
			func(member, n int) string {
				return fmt.Sprintf(`{"type": "purchase", "affiliate_id": 1, "base_value": %d, "reference": "order-%d"}`,
					100+member, n)
			},
			func(id json.Number, _ int) string { return "/conversions/" + id.String() },
			[]string{"id", "reference", "base_value", "value", "created_at"},
		}, {
			"customers' emails", "/referrals", []string{"email"}, others,
			func(member, n int) string {
				return fmt.Sprintf(`{"email": "carl-%d@example.com", "status": %q}`,
					n, []string{"pending", "converted"}[member%2])
			},
			func(_ json.Number, n int) string { return fmt.Sprintf("/referrals/carl-%d%%40example.com", n) },
			[]string{"id", "conversion_status"},
		}, {
			"affiliates' emails", "/affiliates", []string{"email"}, others,
			func(member, n int) string {
				return fmt.Sprintf(`{"email": "Bob-%d@example.com", "referral_code": "BOB-%d-%d"}`, n, n, member)
			},
			func(_ json.Number, n int) string { return fmt.Sprintf("/affiliates/bob-%d%%40example.com", n) },
			[]string{"id", "referral_code"},
		}, {
			// Codes and slugs share one namespace, whatever their case.
			"referral codes and slugs", "/affiliates",
			[]string{"referral_code", "partner_slug", "referral_code"}, others,
			func(member, n int) string {
				name := []string{
					fmt.Sprintf(`"referral_code": "code-%d"`, n),
					fmt.Sprintf(`"partner_slug": "code-%d"`, n), fmt.Sprintf(`"referral_code": "CODE-%d"`, n),
				}[member%3]
				return fmt.Sprintf(`{"email": "ina-%d-%d@example.com", %s}`, n, member, name)
			},
			nil, []string{"id", "user_email", "referral_code"},
		}, {
			"coupon codes", "/coupons", []string{"coupon_code"}, others,
			func(member, n int) string {
				return fmt.Sprintf(`{"affiliate_id": 1, "coupon_code": "SAVE-%d", "stripe_coupon_id": "s-%d"}`,
					n, member)
			},
			func(id json.Number, _ int) string { return "/coupons/" + id.String() },
			[]string{"id", "coupon_code", "stripe_coupon_id"},
		},
	} {
		c.hold(t, of)
	}
	c.verify(t)
}

// hold holds a contest for each of the names.
func (c *crowd) hold(t *testing.T, of contest) {
	t.Helper()
	before := c.total(t, of.path)
	for n := range of.names {
		var won *reply
		for member, got := range c.all(t, crowded, of.path,
			func(member int) (string, string) { return of.body(member, n), "" }) {
			switch got.status {
			case http.StatusCreated:
				if won != nil {
					t.Errorf("number %d of the %s went to two: %s and %s", n, of.what, won.body, got.body)
				}
				won = &got
			default:
				got.refused(t, http.StatusConflict, "conflict", of.fields[member%len(of.fields)])
			}
		}
		if won == nil {
			t.Fatalf("number %d of the %s went to nobody", n, of.what)
		}
		c.shows(t, won, n, of.find, of.same)
	}
	if there := c.total(t, of.path) - before; there != int64(of.names) {
		t.Errorf("of %d %s there are %d", of.names, of.what, there)
	}
}

// shows checks that the API shows what it answered the winner.
func (c *crowd) shows(t *testing.T, won *reply, n int, find func(json.Number, int) string, same []string) {
	t.Helper()
	told := parse(t, string(won.body))["data"].(map[string]any)
	var path string
	if find == nil { // by the email, which only the winner has
		path = "/affiliates/" + url.PathEscape(text(told["user_email"]))
	} else {
		path = find(told["id"].(json.Number), n)
	}
	shown := c.do(t, "GET", path, "").ok(t, 200).data()
	for _, member := range same {
		if told[member] != shown[member] || told[member] == nil {
			t.Errorf("%s of %s is %v, and the winner was told %v", member, path, shown[member], told[member])
		}
	}
}

// total is how many there are in a list.
func (c *crowd) total(t *testing.T, list string) int64 {
	t.Helper()
	total, err := c.do(t, "GET", list+"?limit=1", "").ok(t, 200).pagination()["total"].(json.Number).Int64()
	must(t, err)
	return total
}

// senders is how many clients send one Idempotency-Key at the same time.
const senders = 100

// One key from many clients at once: one change, and all get its answer.
func TestOneKeyAtOnce(t *testing.T) {
	t.Parallel()
	c := gather(t)
	for _, call := range []string{
		`/conversions {"type": "purchase", "affiliate_id": 1, "base_value": 9.99}`,
		`/referrals {"email": "carl@example.com"}`,
		`/adjustments {"affiliate_id": 1, "amount": 5, "note": "a bonus"}`,
		`/clicks {"referral_code": "JANE"}`,
	} {
		path, body, _ := strings.Cut(call, " ")
		c.oneChange(t, c.all(t, senders, path, func(int) (string, string) { return body, path }))
		before := c.dump(t)
		again, err := c.post(t.Context(), path, body, path)
		must(t, err)
		if again.header.Get("Idempotent-Replayed") != "true" || c.dump(t) != before {
			t.Errorf("afterwards %s gets %d %s", path, again.status, again.body)
		}
	}
	c.verify(t)
}

// oneChange checks that all answers are those of one change.
func (c *crowd) oneChange(t *testing.T, answers []reply) {
	t.Helper()
	fresh := 0
	for _, got := range answers {
		if got.status >= 300 || got.status != answers[0].status || string(got.body) != string(answers[0].body) {
			t.Fatalf("one gets %d %s, and another %d %s", answers[0].status, answers[0].body, got.status, got.body)
		}
		if got.header.Get("Idempotent-Replayed") == "" {
			fresh++
		}
	}
	if fresh != 1 {
		t.Errorf("%d were done", fresh)
	}
}

// Two requests with one key: the one that comes first is done, once, and the other one
// is told that the key is already in use.
func TestOneKeyForTwoRequestsAtOnce(t *testing.T) {
	t.Parallel()
	rounds := 10
	if testing.Short() {
		rounds = 2
	}
	c := gather(t)
	earned := int64(0) // cents
	firsts := make(map[int]int)
	for round := range rounds {
		key := fmt.Sprint("k", round)
		amount := func(member int) int { return 10 + member%2 }
		got := c.all(t, senders, "/conversions", func(member int) (string, string) {
			return fmt.Sprintf(`{"type": "purchase", "affiliate_id": 1, "base_value": %d}`, amount(member)), key
		})
		var done [2][]reply
		for member, answer := range got {
			if answer.status == http.StatusCreated {
				done[member%2] = append(done[member%2], answer)
			} else {
				answer.refused(t, http.StatusConflict, "conflict", "Idempotency-Key")
			}
		}
		first := 0
		if len(done[0]) == 0 {
			first = 1
		}
		if len(done[first]) != senders/2 || len(done[1-first]) != 0 {
			t.Fatalf("of two requests with one key, %d and %d were answered with 201", len(done[0]), len(done[1]))
		}
		c.oneChange(t, done[first])
		earned += 20 * int64(amount(first))
		firsts[first]++
	}
	if n := c.total(t, "/conversions"); n != int64(rounds) {
		t.Errorf("there are %d conversions", n)
	}
	jane := c.do(t, "GET", "/affiliates/jane%40example.com", "").ok(t, 200).data()
	if want := fmt.Sprintf("%d.%02d", earned/100, earned%100); jane["total_earnings"] != want {
		t.Errorf("she has earned %v, want %s", jane["total_earnings"], want)
	}
	t.Logf("the first request was the first %d times, the second %d times", firsts[0], firsts[1])
	c.verify(t)
}
