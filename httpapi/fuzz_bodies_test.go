package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/internal/form"
)

// A fuzzedCall is a call that takes a body. What it is about was made by fillLab.
type fuzzedCall struct {
	method, path string
	status       int    // when it is accepted
	tables       string // the only ones that it may change
	// model checks what was accepted against what was sent.
	model func(c *acceptedCall)
}

// fuzzedCalls are all those of the API.
func fuzzedCalls() []fuzzedCall {
	const sales = "conversions referrals external_ids ledger_entries accounts affiliate_days project_days " +
		"project_totals events"
	return []fuzzedCall{
		{"POST", "/affiliates", 201, "affiliates codes project_totals", affiliateCreated},
		{"PUT", "/affiliates/zoe@example.com", 200, "affiliates codes project_totals", affiliateChanged},
		{"POST", "/referrals", 201, "referrals project_totals events", referralCreated},
		{"PUT", "/referrals/carl@example.com", 200, "referrals project_totals events", referralChanged},
		{"POST", "/coupons", 201, "coupons project_totals", couponCreated},
		{"PUT", "/coupons/1", 200, "coupons project_totals", couponChanged},
		{"POST", "/conversions", 0, sales, conversionCreated},
		{"POST", "/referrals/1/merge", 200, "conversions referrals external_ids merged_referrals project_totals",
			referralsMerged},
		{"PUT", "/conversions/1", 200, sales, conversionChanged},
		{"PUT", "/conversions/2", 200, sales, conversionChanged},
		{"POST", "/conversions/1/refund", 200, sales + " refunds refund_totals", conversionRefunded},
		{"POST", "/conversions/4/undo-refund", 200, sales + " refunds", conversionRefunded},
		{"POST", "/refunds", 200, sales + " refunds refund_totals", conversionRefunded},
		{"POST", "/adjustments", 201, "ledger_entries accounts affiliate_days project_days project_totals",
			adjustmentCreated},
		{"POST", "/payouts", 0, "payouts payout_runs payout_entries accounts project_totals", payoutsRun},
		{"POST", "/payouts/pay", 200, "payouts payout_entries " +
			"accounts ledger_entries conversions project_totals", payoutsEnded},
		{"POST", "/payouts/cancel", 200, "payouts payout_entries accounts project_totals", payoutsEnded},
		{"POST", "/payouts/2/pay", 200, "payouts payout_entries " +
			"ledger_entries conversions accounts affiliate_days project_days project_totals", payoutEnded},
		{"POST", "/payouts/2/cancel", 200, "payouts payout_entries accounts project_totals", payoutEnded},
		{"PUT", "/project", 200, "projects commission_rules project_totals", projectChanged},
		{"POST", "/rules", 201, "commission_rules", ruleCreated},
		{"POST", "/webhooks", 201, "webhooks", webhookCreated},
		{"PUT", "/webhooks/1", 200, "webhooks deliveries", webhookChanged},
		{"PUT", "/webhooks/2", 200, "webhooks", webhookChanged},
		{"POST", "/webhooks/1/rotate", 200, "webhooks", webhookRotated},
		{"POST", "/webhooks/1/test", 202, "events deliveries", deliveryMade},
		{"POST", "/webhooks/1/replay", 202, "events deliveries outbox", webhookReplayed},
		{"POST", "/clicks", 202, "clicks affiliates address_keys affiliate_days project_days", clicksCounted},
	}
}

// fillLab makes what the calls are about: the affiliates Jane (1), Bob (2), Zoe (3),
// who has a pending payout, and Ina (4), who is inactive; the customers Carl (1), who
// is Jane's, Dora (2), and Eve (3), who is Ina's; a sale in dollars (1), signups (2
// in yen, 3), and a sale in euros that is refunded in part (4). What follows belongs to
// another program.
func fillLab(t testing.TB) func(w *world) {
	return func(w *world) {
		t.Helper()
		populate(t, w, w.key)
		w.addMoney(t)
		for _, call := range []string{
			`POST /affiliates {"email": "ina@example.com", "referral_code": "INA"}`,
			`POST /conversions {"type": "signup", "email": "eve@example.com", "external_id": "u-7", "affiliate_id": 4}`,
			`POST /conversions {"type": "purchase", "affiliate_id": 1, "base_value": 80, "base_value_currency": "EUR"}`,
			`POST /conversions/4/refund {"amount": 30, "refund_reference": "re_4"}`,
			`PUT /affiliates/ina@example.com {"status": "inactive"}`,
			`PUT /affiliates/zoe@example.com {"partner_slug": "zoe-z",
				"payout_preferences": {"paypal_email": "pay@example.com",
					"wise_details": {"accountId": "12", "email": "wise@example.com"}}}`,
			`PUT /coupons/1 {"stripe_coupon_id": "promo_jane", "lemonsqueezy_discount_code": "ls_jane"}`,
			`PUT /conversions/2 {"coupon_code_used": "NONE"}`,
			`POST /coupons {"affiliate_id": 2, "coupon_code": "BOB-STRIPE", "stripe_coupon_id": "promo_bob"}`,
			`POST /coupons {"affiliate_id": 1, "coupon_code": "OLD", "status": "inactive"}`,
			`PUT /project {"landing_url": "https://shop.example.com/",
				"allowed_origins": ["https://shop.example.com"]}`,
		} {
			method, rest, _ := strings.Cut(call, " ")
			path, body, _ := strings.Cut(rest, " ")
			if got := w.do(t, method, path, body); got.status >= 300 {
				t.Fatalf("%s: %d %s", call, got.status, got.body)
			}
		}
		w.addWebhooks(t)
		second := w.newKey(t, w.project(t, "second", refgrow.Settings{}), refgrow.CreateKeyParams{})
		for _, call := range []string{
			`/affiliates {"email": "jane@example.com", "referral_code": "JANE", "partner_slug": "second"}`,
			`/coupons {"affiliate_id": 5, "coupon_code": "JANE20"}`,
			`/conversions {"type": "purchase", "affiliate_id": 5,
				"base_value": 7, "email": "carl@example.com", "external_id": "u-7", "reference": "one"}`,
			`/webhooks {"url": "https://example.com/second"}`, `/payouts {}`,
		} {
			path, body, _ := strings.Cut(call, " ")
			w.do(t, "POST", path, body, "Authorization", "Bearer "+second).ok(t, 201)
		}
	}
}

// An acceptedCall is a call that changed something, with all that is needed to judge
// whether it did so correctly.
type acceptedCall struct {
	testing.TB
	*site
	call   fuzzedCall
	body   string
	sent   map[string]any // the body, as encoding/json reads it
	before map[string]any // what the call is about, as it was
	got    reply
}

// checkBody sends a body. What is refused changes nothing; what is accepted changes
// what it names, and reads back as the model says.
func (l *lab) checkBody(t *testing.T, call fuzzedCall, body string) {
	t.Helper()
	by := call.method + " " + call.path + " " + body
	var drafted reply
	l.draft(t, func(s *site) {
		if drafted = s.judge(t, call, body); drafted.status >= 400 {
			s.same(t, by)
		}
	})
	if drafted.status < 400 {
		return
	}
	got := l.do(t, call.method, call.path, body)
	if got.status != drafted.status || string(got.body) != string(drafted.body) {
		t.Errorf("%.300q: %d %s, but in a transaction %d %s", by, got.status, got.body, drafted.status, drafted.body)
	}
	l.unchanged(t, by)
}

// judge sends a body and checks what comes of it.
func (s *site) judge(t *testing.T, call fuzzedCall, body string) reply {
	t.Helper()
	by := call.method + " " + call.path + " " + body
	c := &acceptedCall{TB: t, site: s, call: call, body: body, sent: make(map[string]any)}
	if about := call.about(); about != "" {
		if s.lab.things[about] == nil {
			s.lab.things[about] = c.get(about)
		}
		c.before = maps.Clone(s.lab.things[about])
	}
	r := s.request(call.method, call.path, body)
	c.got = send(t, s.mux, r)
	documented(t, r, c.got)
	if _, err := httpapi.ParseObject(body); err != nil && body != "" && c.got.status != 400 && c.got.status != 413 &&
		c.got.status != 415 {
		t.Errorf("%.300q is answered with %d", by, c.got.status)
	}
	switch c.got.status {
	case 400, 404, 409, 413, 415:
		return c.got
	case 403:
		if name := parse(t, body)["name"]; call.path != "/project" || name == nil || name == c.before["name"] {
			t.Errorf("%.300q: %d %s", by, c.got.status, c.got.body)
		}
		return c.got
	case 200, 201, 202:
	default:
		t.Fatalf("%.300q: %d %s", by, c.got.status, c.got.body)
	}
	if call.status != 0 && c.got.status != call.status {
		t.Errorf("%.300q: %d %s", by, c.got.status, c.got.body)
	}
	if body != "" {
		c.sent = tolerated(call, parse(t, strings.TrimPrefix(body, "\ufeff")))
	}
	s.only(t, by, strings.Fields(call.tables)...)
	call.model(c)
	if t.Failed() {
		t.Logf("by %.2000q: %s", by, c.got.body)
	}
	return c.got
}

// about is the path of what the call changes, "" where that is new.
func (call fuzzedCall) about() string {
	parts := strings.Split(call.path, "/")
	if call.method == "PUT" || len(parts) > 3 {
		return strings.Join(parts[:min(3, len(parts))], "/")
	}
	return ""
}

// get reads what must be there.
func (c *acceptedCall) get(path string) map[string]any {
	c.Helper()
	return c.do(c, "GET", path, "").ok(c, 200).data()
}

// given returns what was sent for a field. Null is the same as absent.
func (c *acceptedCall) given(name string) (any, bool) {
	v := c.sent[name]
	return v, v != nil
}

// textOr is the text that was sent for a field, or another one.
func (c *acceptedCall) textOr(name string, other any) any {
	if v, ok := c.given(name); ok {
		return v
	}
	return other
}

// idOr is the id that was sent for a field, or another one.
func (c *acceptedCall) idOr(name string, other int64) int64 {
	if v, ok := c.given(name); ok {
		return number(v)
	}
	return other
}

// lower is an email as it is kept.
func lower(v any) any {
	if email, ok := v.(string); ok {
		return formOf(email)
	}
	return v
}

// formOf is the form in which an email is kept, "" for a text that is none.
func formOf(email string) string {
	known, err := form.CustomerEmail(email)
	if err != nil {
		return ""
	}
	return known
}

// tolerated is what was sent, in the form in which the call takes it: numbers and
// booleans that are texts, and what a sale is recorded without.
func tolerated(call fuzzedCall, sent map[string]any) map[string]any {
	for name, v := range sent {
		text, isText := v.(string)
		switch {
		case !isText:
		case slices.Contains([]string{"stripe_coupon_id", "lemonsqueezy_discount_code", "reference",
			"refund_reference"}, name),
			name == "coupon_code_used" && call.method == "PUT",
			name == "product" && call.path == "/rules":
			sent[name] = strings.TrimFunc(text, blank)
		case slices.Contains([]string{"value", "base_value", "amount", "refunded_total", "minimum", "affiliate_id",
			"referred_user_id", "conversion_id", "hold_days", "cookie_days", "from", "delivery_id", "minimum_payout"}, name):
			if !strings.HasPrefix(text, "-") && name == "from" {
				continue
			}
			sent[name] = json.Number(text)
		case text == "true" || text == "false":
			if slices.Contains([]string{"paid", "reprice", "preview", "details_only", "coupon_first", "cap", "lower",
				"payouts_paused"}, name) {
				sent[name] = text == "true"
			}
		}
	}
	if call.method != "POST" || call.path != "/conversions" {
		return sent
	}
	for name, v := range sent {
		text, isText := v.(string)
		if number, ok := v.(json.Number); ok && slices.Contains(tolerantFields, name) {
			text, isText = number.String(), true
		}
		switch {
		case !slices.Contains(tolerantFields, name):
			continue
		case !isText:
			sent[name] = nil
			continue
		}
		text = strings.TrimFunc(text, blank)
		text = strings.Map(func(c rune) rune {
			if unicode.IsControl(c) {
				return -1
			}
			return c
		}, text)
		switch {
		case name == "email":
			text = formOf(text)
		case name == "external_id" && utf8.RuneCountInString(text) > 255:
			text = ""
		case name == "url":
			text = form.WithoutUser(text)
			for len(text) > 2048 {
				_, last := utf8.DecodeLastRuneInString(text)
				text = text[:len(text)-last]
			}
		case utf8.RuneCountInString(text) > 255:
			text = string([]rune(text)[:255])
		}
		if sent[name] = text; text == "" {
			sent[name] = nil
		}
	}
	return sent
}

// blank reports whether a character is trimmed around what people paste.
func blank(c rune) bool {
	return unicode.IsSpace(c) || unicode.IsControl(c) || c == '\u200b' || c == '\ufeff'
}

// tolerantFields are what a sale is recorded without.
var tolerantFields = []string{"referral_code", "coupon_code_used", "email", "external_id", "product", "url"}

// changed is what the call is about, with what was sent in place of what was there.
// names maps fields to the names under which they are shown, where these differ.
func (c *acceptedCall) changed(names map[string]string, normal map[string]func(any) any) map[string]any {
	want := maps.Clone(c.before)
	for sent, v := range c.sent {
		if f := normal[sent]; f != nil && v != nil {
			v = f(v)
		}
		if shown, other := names[sent]; other {
			sent = shown
		}
		want[sent] = v
	}
	return want
}

// A matcher stands for every value that it accepts.
type matcher func(v any) bool

func anID(v any) bool { return number(v) > 0 }

// shows checks that a thing is shown with these members and no others. Numbers are
// compared as decimals, and must be in their shortest form.
func (c *acceptedCall) shows(what string, shown, want map[string]any) {
	c.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		v, there := shown[name]
		if !there || !agree(v, want[name]) {
			c.Errorf("%s: %s is %v, want %v", what, name, v, want[name])
		}
	}
	for name := range shown {
		if _, there := want[name]; !there {
			c.Errorf("%s shows %s", what, name)
		}
	}
}

func agree(shown, want any) bool {
	switch want := want.(type) {
	case matcher:
		return want(shown)
	case func(any) bool:
		return want(shown)
	case int64:
		return shown == json.Number(strconv.FormatInt(want, 10))
	case json.Number:
		n, ok := shown.(json.Number)
		return ok && string(n) == shortest(string(want), 0)
	}
	return reflect.DeepEqual(shown, want)
}

// shortest is the shortest form of a number with its point moved right by that many
// digits, computed from its digits alone.
func shortest(number string, right int) string {
	number, minus := strings.CutPrefix(number, "-")
	mantissa, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	shift, err := strconv.Atoi(exponent)
	if exponent != "" && (err != nil || shift > 1_100_000 || shift < -1_100_000) {
		return "out of all bounds"
	}
	point := len(digits) - len(fraction) + shift + right // where it is among the digits
	if point <= 0 {
		digits, point = strings.Repeat("0", 1-point)+digits, 1
	}
	if point > len(digits) {
		digits += strings.Repeat("0", point-len(digits))
	}
	text := digits[:point]
	if rest := strings.TrimRight(digits[point:], "0"); rest != "" {
		text += "." + rest
	}
	if minus {
		text = "-" + text
	}
	return text
}

// now is what the clock shows, as an answer has it.
func (w *world) now() string { return w.clock.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// segment is a text as one segment of a path.
func segment(v any) string { return url.PathEscape(text(v)) }

// again sends a change once more, to where the thing is now: nothing is left to change,
// and there is no event.
func (c *acceptedCall) again(path string) {
	c.Helper()
	before := c.rows(c)
	got := c.do(c, c.call.method, path, c.body).ok(c, c.got.status)
	if !reflect.DeepEqual(got.json, c.got.json) {
		c.Errorf("the same once more: %s, before %s", got.body, c.got.body)
	}
	if found := differences(before, c.rows(c)); len(found) > 0 {
		c.Errorf("the same once more changes\n%s", strings.Join(found, "\n"))
	}
}
