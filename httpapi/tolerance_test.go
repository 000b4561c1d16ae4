package httpapi_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow"
)

// garbage is what apps send where there is nothing, or nothing good: JSON values, and
// what a text of it comes to.
var garbage = map[string]string{
	`""`: "", `null`: "", `" "`: "", `"\u00a0\t"`: "", `true`: "", `false`: "", `[]`: "", `{}`: "", `["JANE"]`: "",
	`{"a": {"b": [1]}}`: "", `"\ufeff"`: "", `"\u0000"`: "", `"\ud83d"`: "",
	// Nested deep, with one name twice, and large.
	strings.Repeat("[", 33) + strings.Repeat("]", 33):            "",
	strings.Repeat(`{"a": [`, 5000) + strings.Repeat("]}", 5000): "",
	`{"a": 1, "a": [{"b": 2, "b": null}]}`:                       "",
	`[` + strings.Repeat("0,", 20_000) + `0]`:                    "",
	"[ {\n\t\"\\ud83d\": -1e99 , \"\":[ ]} , \"]\" ,true]":       "",
	`0`: "0", `12345`: "12345", `-1.5e3`: "-1.5e3", `"undefined"`: "undefined", `"null"`: "null",
	`"[object Object]"`: "[object Object]",
	`"a\u0000b\u001fc"`: "abc", `"caf\u00e9 \ud83d\ude42"`: "caf\u00e9 \U0001f642", `"a\ud83d"`: "a",
	`"' OR 1=1 --"`: "' OR 1=1 --", `"<script>"`: "<script>", `"../../etc/passwd"`: "../../etc/passwd",
	`"` + strings.Repeat("\u00e9", 255) + `"`:   strings.Repeat("\u00e9", 255),
	`"` + strings.Repeat("\u00e9", 1024) + `"`:  strings.Repeat("\u00e9", 1024),
	`"` + strings.Repeat("x", 100_000) + `"`:    strings.Repeat("x", 100_000),
	`"x` + strings.Repeat("\u20ac", 1000) + `"`: "x" + strings.Repeat("\u20ac", 1000),
}

// A sale with garbage in any field that merely decorates or credits it is recorded, and
// what was left out or cut is noted.
func TestNoSaleIsLost(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	for _, field := range tolerantFields {
		for value, text := range garbage {
			sent := `{"type": "purchase", "base_value": 10, "` + field + `": ` + value + `}`
			data := w.do(t, "POST", "/conversions", sent).ok(t, 201).data()
			want := text
			switch field {
			case "referral_code", "coupon_code_used", "product":
				want = string([]rune(text)[:min(utf8.RuneCountInString(text), 255)])
			case "url":
				want = strings.ToValidUTF8(text[:min(len(text), 2048)], "")
			}
			if shown, ok := data[field]; ok && shown != any(want) && (shown != nil || want != "") {
				t.Errorf("%.80s is recorded as %.80v, want %.80s", sent, shown, want)
			}
			if known := data["referred_user_id"] != nil; known != (field == "external_id" && text != "" && len(text) < 1000) {
				t.Errorf("%.80s: the customer is %v", sent, data["referred_user_id"])
			}
			w.notes(t, data["id"], field, value, text)
		}
	}
}

// What is read over still has to be JSON, and says where it is not.
func TestBrokenGarbage(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	for value, says := range map[string]string{
		`[1,`: "'}' where a value should be", `[1 2]`: "'2' after a value, in line 1, column 32",
		`{"a" 1}`: "after a name", `{1: 2}`: "a name should be",
		`[}`: "'}'", `{"a": [}`: "'}'", `[[]`: "after a value", `[tru]`: "'t'", `{"a": 1,}`: "a name should be", `["x]`: "",
		`[01]`: "'1'", `{"a"`: "'}' after a name", `[`: "'}' where a value should be", `{`: "too early",
	} {
		got := w.do(t, "POST", "/conversions", `{"type": "signup", "email": `+value+`}`)
		got.refused(t, 400, "invalid", "")
		if !strings.Contains(string(got.body), says) || !strings.Contains(string(got.body), "in line 1, column ") {
			t.Errorf("%s: %s", value, got.body)
		}
	}
	got := w.do(t, "POST", "/conversions", "{\n \"email\": \"\u00e9\xff\"}")
	if got.refused(t, 400, "invalid", ""); !strings.Contains(string(got.body), "UTF-8, in line 2, column 13") {
		t.Errorf("%s", got.body)
	}
}

// notes checks what the decision says of a field that was sent.
func (w *world) notes(t *testing.T, id any, field, value, text string) {
	t.Helper()
	decision := w.do(t, "GET", "/conversions/"+asText(id)+"/explain", "").ok(t, 200).data()["decision"].(map[string]any)
	said := ""
	for _, note := range decision["notes"].([]any) {
		note := note.(map[string]any)
		if note["field"] != field {
			t.Errorf("%s is noted for %.80s", note["field"], value)
		}
		said += asText(note["code"]) + " "
	}
	long := utf8.RuneCountInString(text) > 255
	if field == "url" {
		long = len(text) > 2048
	}
	want := ""
	if strings.Contains(value, "\\u00") && text == "abc" || strings.Contains(value, `\ud83d"`) ||
		value == "true" || value == "false" || strings.HasPrefix(value, "[") || strings.HasPrefix(value, "{") ||
		long && field != "email" {
		want = "left_out "
	}
	if field == "email" && (text != "" || value == `"\ud83d"`) {
		want += "email_unusable "
	}
	if said != want && (text != "" || want != "left_out " || said != "") {
		t.Errorf("of %s %.80s it is noted %q, want %q", field, value, said, want)
	}
}

// What has to be right is refused when it is wrong: nothing is guessed.
func TestWrongSales(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	before := w.dump(t)
	may := map[string][]string{ // what is right, or is as good as absent
		"type": nil, "base_value": {"0", "12345"}, "value": {"null", "0", "12345"},
		"base_value_currency": {"null"}, "reference": {"null"}, "affiliate_id": {"null"}, "referred_user_id": {"null"},
		"occurred_at": {"null"}, "paid": {"null", "true", "false"},
	}
	for field, right := range may {
		for value := range garbage {
			sent := map[string]string{"type": `"purchase"`, "base_value": "10", field: value}
			var body []byte
			for name, text := range sent {
				body = append(body, `, "`+name+`": `+text...)
			}
			body = append([]byte("{"), append(body[1:], '}')...)
			if slices.Contains(right, value) || field == "reference" && strings.HasPrefix(value, `"`) && w.reference(value) {
				continue
			}
			if field == "affiliate_id" && value == "12345" || field == "referred_user_id" && value == "12345" {
				w.do(t, "POST", "/conversions", string(body)).refused(t, 404, "not_found", "")
				continue
			}
			got := w.do(t, "POST", "/conversions", string(body))
			if nested := strings.HasPrefix(value, "[") || strings.HasPrefix(value, "{"); nested && got.status == 400 {
				continue // what is wrong inside may come first
			}
			got.refused(t, 400, "invalid", field)
		}
	}
	if w.dump(t) != before {
		t.Error("something changed")
	}
}

// reference reports whether a JSON string can be a reference.
func (w *world) reference(value string) bool {
	var text string
	return json.Unmarshal([]byte(value), &text) == nil && strings.TrimFunc(text, func(c rune) bool {
		return c <= ' ' || c == '\u00a0' || c == '\ufeff'
	}) != "" && utf8.RuneCountInString(text) <= 255 && !strings.ContainsAny(text, "\x00\x1f") &&
		!strings.Contains(text, "\ufffd")
}

// Blanks around what people paste are trimmed, and both ways to write a domain are one.
func TestPastedCodes(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("10")}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`).ok(t, 201)
	w.do(t, "POST", "/coupons", `{"affiliate_id": 1, "coupon_code": "SUMMER20"}`).ok(t, 201)
	for _, around := range []string{"", " ", "\u00a0", "\t\n", "\u3000", "\u200b", "\ufeff"} {
		for _, c := range [][2]string{{"coupon_code_used", "Summer20"}, {"referral_code", "jane"}} {
			sent, err := json.Marshal(map[string]any{"type": "purchase", "base_value": 5, c[0]: around + c[1] + around})
			must(t, err)
			data := w.do(t, "POST", "/conversions", string(sent)).ok(t, 201).data()
			if number(data["affiliate_id"]) != 1 || data[c[0]] != c[1] {
				t.Errorf("%q is credited to %v, as %v", sent, data["affiliate_id"], data[c[0]])
			}
		}
	}
	first := ""
	for _, names := range []string{
		`"email": " Kunde@M\u00fcller.de ", "external_id": "\u00a0u-1"`, `"email": "kunde@xn--mller-kva.de"`,
		`"external_id": "u-1 "`, `"email": "KUNDE@mu\u0308ller.DE\n"`,
	} {
		data := w.do(t, "POST", "/conversions", `{"type": "purchase", "base_value": 5, `+names+`}`).ok(t, 201).data()
		if id := asText(data["referred_user_id"]); first == "" {
			first = id
		} else if id != first {
			t.Errorf("%s is customer %s, not %s", names, id, first)
		}
	}
	w.do(t, "POST", "/conversions", `{"type": "signup", "reference": " in_1\u00a0"}`).ok(t, 201)
	w.do(t, "POST", "/conversions", `{"type": "signup", "reference": "in_1"}`).refused(t, 409, "conflict", "reference")
	if got := w.do(t, "GET", "/conversions?reference=in_1%20", "").ok(t, 200); number(got.pagination()["total"]) != 1 {
		t.Errorf("found %s", got.body)
	}
}

// A product that was cut is not the product that a rule is for, now or later.
func TestCutProductMatchesNoRule(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{Commission: refgrow.Percent("10")}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`).ok(t, 201)
	name := strings.Repeat("\u00e9", 255)
	w.do(t, "POST", "/rules", `{"product": "`+name+`", "commission": "50%"}`).ok(t, 201)
	w.do(t, "POST", "/coupons", `{"affiliate_id": 1, "coupon_code": "ABC", "stripe_coupon_id": "`+name+`"}`).ok(t, 201)
	for value, want := range map[string]string{name: "50", name + "x": "10", name + "\\u0000": "50"} {
		made := w.do(t, "POST", "/conversions",
			`{"type": "purchase", "base_value": 100, "affiliate_id": 1, "product": "`+value+`"}`).ok(t, 201)
		again := w.do(t, "PUT", "/conversions/"+made.id(), `{"reprice": true}`).ok(t, 200)
		for _, data := range []map[string]any{made.data(), again.data()} {
			if asText(data["value"]) != want || data["product"] != name {
				t.Errorf("%d characters earn %v, want %s", utf8.RuneCountInString(value), data["value"], want)
			}
		}
	}
	for code, want := range map[string]any{name: json.Number("1"), name + "x": nil} {
		data := w.do(t, "POST", "/conversions",
			`{"type": "purchase", "base_value": 100, "coupon_code_used": "`+code+`"}`).ok(t, 201).data()
		if data["affiliate_id"] != want || data["coupon_code_used"] != name {
			t.Errorf("a coupon of %d characters is credited to %v", utf8.RuneCountInString(code), data["affiliate_id"])
		}
	}
}
