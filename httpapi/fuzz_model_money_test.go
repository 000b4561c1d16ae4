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

// What the API should show of money, settings, webhooks and clicks that it accepted.

func adjustmentCreated(c *acceptedCall) {
	want := map[string]any{
		"id": matcher(anID), "kind": "adjustment", "amount": c.sent["amount"],
		"currency":     string(currencyOf(c.sent["currency"])),
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
	at := slices.IndexFunc(lines, func(line []string) bool { return line[0] == asText(shown["id"]) })
	if at < 0 {
		c.Fatalf("the entry is not in the statement: %q", lines)
	}
	last := lines[at]
	note := text(c.sent["note"])
	if strings.ContainsAny(note[:1], "=+-@") {
		note = "'" + note
	}
	// It is available at once.
	if amount := asText(shown["amount"]); shortest(last[3], 0) != amount || last[4] != shown["currency"] ||
		shortest(last[5], 0) != amount || shortest(last[6], 0) != "0" || shortest(last[7], 0) != "0" ||
		shortest(last[8], 0) != amount || last[12] != note {
		c.Errorf("its line in the statement is %q", last)
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
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r") &&
				!slices.Contains([]string{"amount", "total", "held", "eligible"}, lines[0][i]) {
				c.Errorf("%s has the formula %q", path, cell)
			}
		}
	}
	return lines
}

func (c *acceptedCall) file(path string, want [][]string) {
	c.Helper()
	if got := c.fileOf(path); !reflect.DeepEqual(got, want) {
		c.Errorf("%s is %q, want %q", path, got, want)
	}
}

func payoutsRun(c *acceptedCall) {
	preview := c.sent["preview"] == true
	if preview {
		c.same(c, "a preview")
	}
	if preview != (c.got.status == 200) {
		c.Errorf("preview is %v, but the answer is %d", c.sent["preview"], c.got.status)
	}
	c.leftOut()
	for _, shown := range c.got.items() {
		if shown["currency"] != string(currencyOf(c.sent["currency"])) ||
			shown["status"] != "pending" || strings.HasPrefix(asText(shown["amount"]), "-") {
			c.Errorf("the payout is %v", shown)
		}
		if preview {
			if shown["id"] != nil || shown["created_at"] != nil {
				c.Errorf("a preview made %v", shown)
			}
			continue
		}
		c.shows("the payout", c.get("/payouts/"+asText(shown["id"])), shown)
		n := len(c.do(c, "GET", "/payouts/"+asText(shown["id"])+"/entries?limit=500", "").ok(c, 200).items())
		if asText(shown["entry_count"]) != fmt.Sprint(n) {
			c.Errorf("the payout is %v, but has %d entries", shown, n)
		}
	}
}

// leftOut checks whom a run has left out, and its object.
func (c *acceptedCall) leftOut() {
	c.Helper()
	last := int64(0)
	list, _ := c.got.json["left_out"].([]any)
	for _, one := range list {
		left, _ := one.(map[string]any)
		id := number(left["affiliate_id"])
		amount := asText(left["amount"])
		if id <= last || amount == "0" || (left["reason"] == "negative") != strings.HasPrefix(amount, "-") &&
			left["reason"] != "excluded" && left["reason"] != "paused" {
			c.Errorf("left out is %v", left)
		}
		last = id
	}
	run, there := c.got.json["run"].(map[string]any)
	if there != (len(c.got.items()) > 0 && c.sent["preview"] != true) {
		c.Errorf("the run is %v", c.got.json["run"])
	}
	if there {
		c.shows("the run", c.get("/payouts/runs/"+asText(run["id"])), run)
	}
}

// payoutsEnded checks what became of each of many payouts.
func payoutsEnded(c *acceptedCall) {
	wanted := "paid"
	if strings.HasSuffix(c.call.path, "/cancel") {
		wanted = "canceled"
	}
	sent, _ := c.sent["payouts"].([]any)
	for i, shown := range c.got.items() {
		one, _ := sent[i].(map[string]any)
		if shown["id"] != one["id"] || (shown["status"] == nil) == (shown["error"] == nil) {
			c.Errorf("%v became %v", one, shown)
		}
		if shown["status"] == nil {
			continue
		}
		if is := c.get("/payouts/" + asText(shown["id"]))["status"]; shown["status"] != wanted || is != wanted {
			c.Errorf("%v became %v, and is %v", one, shown, is)
		}
	}
}

func payoutEnded(c *acceptedCall) {
	want := c.changed(nil, nil)
	if strings.HasSuffix(c.call.path, "/pay") {
		want["status"] = "paid"
		if c.sent["paid_at"] == nil {
			want["paid_at"] = c.now()
		} else {
			want["paid_at"] = matcher(func(v any) bool { return v != nil })
		}
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
	// Bob already has a rule, and so has the product Pro. A rule that pays the same is
	// still the old one.
	version := matcher(func(v any) bool { return v == json.Number("1") || v == json.Number("2") })
	want := map[string]any{
		"id": matcher(anID), "affiliate_id": c.sent["affiliate_id"],
		"product": c.sent["product"], "commission": sameTerms(c.sent["commission"]),
		"commission_duration": sameDuration(c.textOr("commission_duration", "lifetime")),
		"version":             version, "created_at": c.now(),
	}
	shown := c.got.data()
	c.shows("the rule", shown, want)
	listed := slices.DeleteFunc(c.do(c, "GET", "/rules?limit=500", "").ok(c, 200).items(),
		func(item map[string]any) bool {
			return item["affiliate_id"] != shown["affiliate_id"] || item["product"] != shown["product"]
		})
	if len(listed) != 1 || !reflect.DeepEqual(listed[0], shown) {
		c.Errorf("in the list are %v", listed)
	}
}

func webhookCreated(c *acceptedCall) {
	secret, given := c.sent["secret"]
	want := map[string]any{
		"id": matcher(anID), "url": c.sent["url"], "events": eventsOf(c.textOr("events", allEvents())),
		"status":             c.textOr("status", "active"),
		"payout_preferences": !slices.Contains([]any{false, "false"}, c.sent["payout_preferences"]),
		"signed":             !given || secret != nil, "created_at": c.now(), "secret": secret,
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

// eventsOf returns names in the order in which they are shown.
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
	// Nothing that the other one wants has happened.
	if waits := c.call.path == "/webhooks/1" && want["status"] == "active"; waits != (len(pending) > 0) {
		c.Errorf("the webhook is %v, and has the pending deliveries %v", want["status"], pending)
	}
}

func webhookRotated(c *acceptedCall) {
	want := c.changed(nil, nil)
	want["secret"] = matcher(madeSecret)
	want["former_secret_until"] = nil
	if hours, given := c.sent["overlap_hours"]; !given || number(hours) > 0 {
		want["former_secret_until"] = matcher(func(v any) bool { return v != nil })
	}
	c.shows("the webhook", c.got.data(), want)
}

func deliveryMade(c *acceptedCall) {
	want := map[string]any{
		"id": matcher(anID), "event": c.textOr("event", "referral_converted"),
		"status": "pending", "attempts": int64(0), "response_status": nil,
		"error": nil, "next_attempt_at": c.now(), "created_at": c.now(), "ended_at": nil,
	}
	shown := c.got.data()
	c.shows("the delivery", shown, want)
	newest := c.do(c, "GET", "/webhooks/1/deliveries?limit=1", "").ok(c, 200).items()
	if !reflect.DeepEqual(newest[0], shown) {
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
	for _, a := range []struct{ email, code string }{{"jane@example.com", "jane"},
		{"bob@example.com", "bob"}, {"zoe@example.com", "zoe"}} {
		n := number(c.get("/affiliates/" + a.email)["clicks"])
		// Only clicks from one address can be repeats, of which the first counts.
		if n > most[a.code] || n < most[a.code] && !addresses || n == 0 && most[a.code] > 0 {
			c.Errorf("%d clicks of %s count, of %d", n, a.code, most[a.code])
		}
		sum += n
	}
	if number(shown["counted"]) != sum || number(shown["counted"])+number(shown["ignored"]) != int64(len(clicks)) {
		c.Errorf("of %d clicks %d count, but the answer is %v", len(clicks), sum, shown)
	}
}
