package httpapi_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/refgrow-go/refgrow"
)

// What the API shall show of money, settings, webhooks and clicks that it took.

func adjustmentCreated(c *acceptedCall) {
	want := map[string]any{
		"id": matcher(anID), "kind": "adjustment", "amount": c.sent["amount"], "currency": string(currencyOf(c.sent["currency"])),
		"available_at": c.now(), "created_at": c.now(), "conversion_id": nil, "payout_id": nil, "note": c.sent["note"],
		"affiliate_id": c.sent["affiliate_id"],
	}
	shown := c.got.data()
	c.shows("the adjustment", shown, want)
	of := "/affiliates/" + labAffiliates[number(shown["affiliate_id"])].email
	delete(want, "affiliate_id")
	want["id"] = shown["id"]
	c.shows("the newest entry of the ledger", c.do(c, "GET", of+"/ledger?limit=1", "").ok(c, 200).items()[0], want)

	lines := c.fileOf(of + "/statement?month=2026-01&format=csv")
	last := lines[len(lines)-1]
	note := text(c.sent["note"])
	if strings.ContainsAny(note[:1], "=+-@") {
		note = "'" + note
	}
	if last[0] != asText(shown["id"]) || shortest(last[3], 0) != asText(shown["amount"]) || last[4] != shown["currency"] || last[8] != note {
		c.Errorf("the last line of the statement is %q", last)
	}
}

// fileOf reads a file as a spreadsheet does.
func (c *acceptedCall) fileOf(path string) [][]string {
	c.Helper()
	lines, err := csv.NewReader(strings.NewReader(string(c.do(c, "GET", path, "").ok(c, 200).body))).ReadAll()
	must(c, err)
	for _, line := range lines {
		for i, cell := range line {
			// An amount is a number, whatever it begins with.
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") && lines[0][i] != "amount" {
				c.Errorf("%s has the formula %q", path, cell)
			}
		}
	}
	return lines
}

func (c *acceptedCall) file(path string, want [][]string) {
	c.Helper()
	if got := c.fileOf(path); !reflect.DeepEqual(got, want) {
		c.Errorf("%s is %q, and should be %q", path, got, want)
	}
}

func payoutsRun(c *acceptedCall) {
	preview := c.sent["preview"] == true
	if preview {
		c.same(c, "a preview")
	}
	if preview != (c.got.status == 200) {
		c.Errorf("preview is %v, and the answer %d", c.sent["preview"], c.got.status)
	}
	for _, shown := range c.got.items() {
		if shown["currency"] != string(currencyOf(c.sent["currency"])) || shown["status"] != "pending" || strings.HasPrefix(asText(shown["amount"]), "-") {
			c.Errorf("the payout is %v", shown)
		}
		if preview {
			if shown["id"] != nil || shown["created_at"] != nil {
				c.Errorf("a preview has made %v", shown)
			}
			continue
		}
		c.shows("the payout", c.get("/payouts/"+asText(shown["id"])), shown)
		if n := len(c.do(c, "GET", "/payouts/"+asText(shown["id"])+"/entries?limit=500", "").ok(c, 200).items()); asText(shown["entry_count"]) != fmt.Sprint(n) {
			c.Errorf("the payout is %v, but has %d entries", shown, n)
		}
	}
}

func payoutEnded(c *acceptedCall) {
	want := c.changed(nil, nil)
	if strings.HasSuffix(c.call.path, "/pay") {
		want["status"], want["paid_at"] = "paid", c.now()
	} else {
		want["status"], want["canceled_at"] = "canceled", c.now()
	}
	c.shows("the payout", c.got.data(), want)
	c.shows("the payout that is read", c.get("/payouts/2"), want)
	c.do(c, c.call.method, c.call.path, c.body).refused(c, 409, "conflict", "")
}

// sameTerms matches what was sent as a commission, whatever the number's form.
func sameTerms(sent any) any {
	if sent == nil {
		return nil
	}
	number, percent := strings.CutSuffix(text(sent), "%")
	return matcher(func(v any) bool {
		shown, isPercent := strings.CutSuffix(text(v), "%")
		return percent == isPercent && shortest(strings.TrimSpace(shown), 0) == shortest(strings.TrimSpace(number), 0)
	})
}

// sameDuration is the one form of a duration.
func sameDuration(sent any) any {
	if number, unit, counted := strings.Cut(text(sent), " "); counted {
		unit = strings.TrimSuffix(unit, "s")
		if number != "1" {
			unit += "s"
		}
		return number + " " + unit
	}
	return sent
}

func projectChanged(c *acceptedCall) {
	want := c.changed(nil, map[string]func(any) any{
		"commission": sameTerms, "signup_commission": sameTerms, "commission_duration": sameDuration,
		"currency": func(v any) any { return string(currencyOf(v)) },
		"allowed_origins": func(sent any) any {
			return matcher(func(v any) bool { shown, ok := v.([]any); return ok && len(shown) == len(sent.([]any)) })
		},
	})
	shown := c.got.data()
	c.shows("the project", shown, want)
	c.shows("the project that is read", c.get("/project"), shown)
	c.again("/project")

	// What is shown can be sent.
	fields := maps.Clone(shown)
	delete(fields, "id")
	body, err := json.Marshal(fields)
	must(c, err)
	c.body = string(body)
	c.again("/project")
}

func ruleCreated(c *acceptedCall) {
	// Bob has a rule already, and so has the product Pro. One that pays the same is
	// still the one that there was.
	version := matcher(func(v any) bool { return v == json.Number("1") || v == json.Number("2") })
	want := map[string]any{
		"id": matcher(anID), "affiliate_id": c.sent["affiliate_id"], "product": c.sent["product"], "commission": sameTerms(c.sent["commission"]),
		"commission_duration": sameDuration(c.textOr("commission_duration", "lifetime")), "version": version, "created_at": c.now(),
	}
	shown := c.got.data()
	c.shows("the rule", shown, want)
	listed := slices.DeleteFunc(c.do(c, "GET", "/rules?limit=500", "").ok(c, 200).items(), func(item map[string]any) bool {
		return item["affiliate_id"] != shown["affiliate_id"] || item["product"] != shown["product"]
	})
	if len(listed) != 1 || !reflect.DeepEqual(listed[0], shown) {
		c.Errorf("in the list are %v", listed)
	}
}

func webhookCreated(c *acceptedCall) {
	secret, given := c.sent["secret"]
	want := map[string]any{
		"id": matcher(anID), "url": c.sent["url"], "events": eventsOf(c.textOr("events", allEvents())), "status": c.textOr("status", "active"),
		"signed": !given || secret != nil, "created_at": c.now(), "secret": secret,
	}
	if !given {
		want["secret"] = matcher(madeSecret)
	}
	shown := c.got.data()
	c.shows("the new webhook", shown, want)
	delete(want, "secret")
	c.shows("the webhook", c.get("/webhooks/"+c.got.id()), want)
}

func madeSecret(v any) bool { return strings.HasPrefix(text(v), "whsec_") && len(text(v)) == 50 }

func allEvents() any {
	return []any{"referral_canceled", "referral_converted", "referral_signed_up", "referral_updated"}
}

// eventsOf are names in the order in which they are shown.
func eventsOf(sent any) any {
	names := slices.Clone(sent.([]any))
	slices.SortFunc(names, func(a, b any) int { return strings.Compare(text(a), text(b)) })
	return names
}

func webhookChanged(c *acceptedCall) {
	want := c.changed(nil, map[string]func(any) any{"events": eventsOf})
	c.shows("the webhook", c.got.data(), want)
	c.shows("the webhook that is read", c.get(c.call.path), want)
	c.again(c.call.path)
	pending := c.do(c, "GET", c.call.path+"/deliveries?status=pending", "").ok(c, 200).items()
	if waits := c.call.path == "/webhooks/1" && want["status"] == "active"; waits != (len(pending) > 0) { // nothing happened that the other one wants
		c.Errorf("the webhook is %v, and has the pending deliveries %v", want["status"], pending)
	}
}

func webhookRotated(c *acceptedCall) {
	want := c.changed(nil, nil)
	want["secret"] = matcher(madeSecret)
	c.shows("the webhook", c.got.data(), want)
}

func deliveryMade(c *acceptedCall) {
	want := map[string]any{
		"id": matcher(anID), "event": c.textOr("event", "referral_converted"), "status": "pending", "attempts": int64(0), "response_status": nil,
		"error": nil, "next_attempt_at": c.now(), "created_at": c.now(), "ended_at": nil,
	}
	shown := c.got.data()
	c.shows("the delivery", shown, want)
	if newest := c.do(c, "GET", "/webhooks/1/deliveries?limit=1", "").ok(c, 200).items(); !reflect.DeepEqual(newest[0], shown) {
		c.Errorf("the newest delivery is %v", newest[0])
	}
}

func webhookReplayed(c *acceptedCall) {
	shown := c.got.data()
	if _, one := c.given("delivery_id"); !one {
		c.shows("the answer", shown, map[string]any{"deliveries": matcher(func(v any) bool { return number(v) >= 0 })})
		return
	}
	if shown["status"] != "pending" || !anID(shown["id"]) || shown["created_at"] != c.now() {
		c.Errorf("the delivery is %v", shown)
	}
}

func clicksCounted(c *acceptedCall) {
	clicks, several := c.sent["clicks"].([]any)
	if !several {
		clicks = []any{c.sent}
	}
	most, addresses := make(map[string]int64), false
	for _, click := range clicks {
		click := click.(map[string]any)
		if !refgrow.IsBot(text(click["user_agent"])) {
			code, _, _ := strings.Cut(folded(click["referral_code"]), "-z") // of Zoe's slug
			most[code]++
		}
		addresses = addresses || click["ip_address"] != nil
	}
	shown := c.got.data()
	var sum int64
	for _, a := range []struct{ email, code string }{{"jane@example.com", "jane"}, {"bob@example.com", "bob"}, {"zoe@example.com", "zoe"}} {
		n := number(c.get("/affiliates/" + a.email)["clicks"])
		// Only from one address can there be repeats, of which the first one counts.
		if n > most[a.code] || n < most[a.code] && !addresses || n == 0 && most[a.code] > 0 {
			c.Errorf("%d clicks of %s count, of %d", n, a.code, most[a.code])
		}
		sum += n
	}
	if number(shown["counted"]) != sum || number(shown["counted"])+number(shown["ignored"]) != int64(len(clicks)) {
		c.Errorf("of %d clicks, of which %d count, it says %v", len(clicks), sum, shown)
	}
}
