package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/docs"
	"github.com/refgrow-go/refgrow/httpapi"
)

// Whoever wants to use the API has no key yet.
func TestOpenAPIIsServed(t *testing.T) {
	t.Parallel()
	w := setup(t, refgrow.Settings{}, httpapi.Options{})
	got := w.do(t, "GET", "/openapi.json", "", "Authorization", "").ok(t, 200)
	if string(got.body) != docs.OpenAPI() || got.header.Get("Cache-Control") != "public, no-cache" {
		t.Errorf("%v %.100s", got.header, got.body)
	}
	tag := got.header.Get("ETag")
	for known, status := range map[string]int{
		tag: 304, "W/" + tag: 304, `"other", ` + tag: 304, "*": 304, `"other"`: 200, "": 200,
	} {
		same := w.do(t, "GET", "/openapi.json/", "", "Authorization", "", "If-None-Match", known).ok(t, status)
		if len(tag) < 20 || same.header.Get("ETag") != tag || (len(same.body) == 0) != (status == 304) {
			t.Errorf("%s: %v %.100s", known, same.header, same.body)
		}
	}
	w.do(t, "HEAD", "/openapi.json", "", "Authorization", "").ok(t, 200)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
		refused := w.do(t, method, "/openapi.json", "{}").refused(t, 405, "method_not_allowed", "")
		if refused.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %v", method, refused.header)
		}
	}
	if asked := w.do(t, "OPTIONS", "/openapi.json", "").ok(t, 204); asked.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("OPTIONS: %v", asked.header)
	}
	if left := w.do(t, "GET", "/project", "").header.Get("X-RateLimit-Remaining"); left != "99" {
		t.Errorf("after reading the document there are %s requests left", left)
	}
}

// The document has every route, and no other.
func TestOpenAPIRoutes(t *testing.T) {
	t.Parallel()
	served := []string{"GET /openapi.json"}
	for _, route := range httpapi.Routes() {
		served = append(served, route[0]+" "+route[1])
	}
	var listed []string
	ids := make(map[string]bool)
	for _, o := range openAPI().operations() {
		listed = append(listed, o.method+" "+o.path)
		if o.id == "" || ids[o.id] {
			t.Errorf("the operationId of %s %s is %q", o.method, o.path, o.id)
		}
		ids[o.id] = true
		if o.path != "/openapi.json" && strings.Contains(o.path, "{") != (len(o.parameters("path")) == 1) {
			t.Errorf("%s %s has the parameters %v", o.method, o.path, o.parameters("path"))
		}
		if _, keyed := o.parameters("header")["Idempotency-Key"]; keyed != (o.method == "POST") {
			t.Errorf("%s %s takes an Idempotency-Key: %v", o.method, o.path, keyed)
		}
	}
	slices.Sort(served)
	slices.Sort(listed)
	if !slices.Equal(served, listed) {
		t.Errorf("served %q\nlisted %q", served, listed)
	}
}

// takes is what a refusal of an unknown field or parameter says that there is.
func takes(t *testing.T, got reply, field string) []string {
	t.Helper()
	got.refused(t, 400, "invalid", field)
	_, list, found := strings.Cut(text(got.json["error"]), " of this call, which takes ")
	if !found {
		t.Fatalf("%s", got.body)
	}
	if list == "none" {
		return nil
	}
	names := strings.Split(list, ", ")
	slices.Sort(names)
	return names
}

// Each call takes the query parameters that the document lists, and no others, whatever
// it is sent besides.
func TestOpenAPIParameters(t *testing.T) {
	t.Parallel()
	w := populated(t, noLimit)
	for _, o := range openAPI().operations() {
		if o.path == "/openapi.json" {
			continue
		}
		body := ""
		if o.body() != "" {
			body = o.anExample()
		}
		got := w.do(t, o.method, o.own()+"?unheard=1", body)
		if want := slices.Sorted(maps.Keys(o.parameters("query"))); !slices.Equal(takes(t, got, "unheard"), want) {
			t.Errorf("%s takes %s, and the document lists %q", o.id, got.body, want)
		}
	}
}

// own is the operation's path to something that a populated world has.
func (o operation) own() string {
	id, email := "1", "jane@example.com"
	if o.id == "mergeReferrals" {
		id = "2"
	}
	if strings.HasPrefix(o.path, "/referrals") {
		email = "carl@example.com"
	}
	return strings.NewReplacer("{id}", id, "{email}", email).Replace(o.path)
}

// anExample is one that the document has of the body.
func (o operation) anExample() string {
	examples := o.at(under(o.body(), "examples"))
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		return show(o.at(under(o.body(), "examples", name))["value"])
	}
	return "{}"
}

// Each call takes the fields that the document lists, and no others, in objects inside
// the body too.
func TestOpenAPIFields(t *testing.T) {
	t.Parallel()
	w := populated(t, noLimit)
	for _, o := range openAPI().operations() {
		if o.body() == "" {
			if o.method == "POST" || o.method == "PUT" {
				t.Errorf("%s has no body", o.id)
			}
			continue
		}
		objects := 0
		var inside func(schema, field string, wrap func(any) any)
		inside = func(schema, field string, wrap func(any) any) {
			for _, one := range []string{schema, under(schema, "oneOf", "0")} {
				if o.at(one) == nil {
					continue
				}
				schema = o.follow(one)
			}
			found := o.at(schema)
			if items := under(schema, "items"); o.at(items) != nil {
				inside(items, field+"[0]", func(v any) any { return wrap([]any{v}) })
				return
			}
			if !isOf(map[string]any{}, found["type"]) {
				return
			}
			objects++
			if found["additionalProperties"] != false {
				t.Errorf("%s: the object %q of the document is open", o.id, field)
			}
			properties, _ := found["properties"].(map[string]any)
			name := strings.TrimPrefix(field+".unheard", ".")
			body := wrap(map[string]any{"unheard": 1}).(map[string]any)
			if field != "" && o.method == "POST" && !strings.HasPrefix(field, "clicks") {
				for name, v := range parse(t, o.anExample()) {
					if _, has := body[name]; !has {
						body[name] = v
					}
				}
			}
			got := w.do(t, o.method, o.own(), show(body))
			if want := slices.Sorted(maps.Keys(properties)); !slices.Equal(takes(t, got, name), want) {
				t.Errorf("%s takes %s, and the document lists %q", o.id, got.body, want)
			}
			for _, p := range slices.Sorted(maps.Keys(properties)) {
				inside(under(schema, "properties", p), strings.TrimPrefix(field+"."+p, "."),
					func(v any) any { return wrap(map[string]any{p: v}) })
			}
		}
		inside(under(o.body(), "schema"), "", func(v any) any { return v })
		if objects == 0 {
			t.Errorf("%s takes no object", o.id)
		}
	}
}

// tolerantFields take anything, so that no sale is lost.
func tolerates(o operation, field string) bool {
	return o.id == "createConversion" && slices.Contains(tolerantFields, field)
}

// A field has the type and the bounds that the document says: what is beyond them is
// refused, and what is just within them is not.
func TestOpenAPIBounds(t *testing.T) {
	t.Parallel()
	w := populated(t, noLimit)
	probes := 0
	for _, o := range openAPI().operations() {
		if o.body() == "" {
			continue
		}
		properties := o.at(under(o.body(), "schema", "properties"))
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			pointer := under(o.body(), "schema", "properties", name)
			schema := o.at(pointer)
			send := func(v any) bool { // reports whether the field is refused
				probes++
				body := parse(t, o.anExample())
				if o.method == "PUT" || name == "clicks" || name == "since" || name == "delivery_id" || name == "conversion_id" {
					body = map[string]any{}
				}
				for _, other := range with[name] {
					delete(body, other)
				}
				body[name] = v
				got := w.do(t, o.method, o.own(), show(body))
				field := text(got.json["field"])
				return got.status == 400 &&
					(field == name || strings.HasPrefix(field, name+"[") || strings.HasPrefix(field, name+"."))
			}
			for _, v := range wrongValues(schema) {
				if !send(v) && !tolerates(o, name) {
					t.Errorf("%s takes %s for %s", o.id, show(v), name)
				}
			}
			for _, v := range rightValues(schema) {
				if len(o.check(v, pointer, true, nil)) == 0 && !depends[o.id+" "+name] && send(v) {
					t.Errorf("%s refuses %s for %s", o.id, show(v), name)
				}
			}
		}
	}
	if probes < 500 {
		t.Errorf("only %d values were tried", probes)
	}
}

// with says which other fields a call cannot have beside one.
var with = map[string][]string{
	"conversion_id": {"reference"}, "amount": {"refunded_total", "told_at", "refund_reference"},
	"refund_reference": {"refunded_total", "told_at"}, "refunded_total": {"amount", "refund_reference"},
	"told_at": {"amount", "refund_reference"}, "affiliate_id": {"affiliate_ids"}, "affiliate_ids": {"affiliate_id"},
	"delivery_id": {"since"}, "value": {"reprice"},
}

// depends are the fields whose values depend on others, or have a form besides.
var depends = map[string]bool{"createRefund lower": true, "refundConversion lower": true,
	"updateConversion base_value": true, "createWebhook url": true, "updateWebhook url": true}

// wrongValues are not what a schema says.
func wrongValues(schema map[string]any) []any {
	values := []any{map[string]any{"unheard": 1}, []any{[]any{}}}
	if isOf([]any{}, schema["type"]) {
		values = []any{true, []any{[]any{}}}
	}
	switch {
	case isOf("", schema["type"]):
		values = append(values, true, "")
		if longest, is := schema["maxLength"].(json.Number); is {
			n, _ := longest.Int64()
			values = append(values, strings.Repeat("x", int(n)+1))
		}
		if schema["enum"] != nil || schema["pattern"] != nil {
			values = append(values, "no such word")
		}
	case isOf(json.Number("1"), schema["type"]):
		values = append(values, true, "x")
		for _, bound := range []string{"minimum", "maximum"} {
			if at, is := schema[bound].(json.Number); is {
				n, _ := at.Int64()
				values = append(values, n+map[string]int64{"minimum": -1, "maximum": 1}[bound])
			}
		}
		if schema["exclusiveMinimum"] != nil {
			values = append(values, 0, -1)
		}
		if isOf(json.Number("1"), schema["type"]) && !isOf(json.Number("1.5"), schema["type"]) {
			values = append(values, json.Number("1.5"))
		}
	case isOf(true, schema["type"]):
		values = append(values, "x", 2)
	}
	if !isOf(nil, schema["type"]) && schema["oneOf"] == nil {
		return values // null is absent in a new thing
	}
	return values
}

// rightValues are the bounds of what a schema allows.
func rightValues(schema map[string]any) (values []any) {
	if words, is := schema["enum"].([]any); is {
		return words
	}
	for _, bound := range []string{"minimum", "maximum"} {
		if at, is := schema[bound].(json.Number); is {
			values = append(values, at)
		}
	}
	if longest, is := schema["maxLength"].(json.Number); is && schema["type"] == "string" {
		n, _ := longest.Int64()
		values = append(values, strings.Repeat("x", int(n)))
	}
	if isOf(true, schema["type"]) {
		values = append(values, true, false)
	}
	if isOf(nil, schema["type"]) {
		values = append(values, nil)
	}
	return values
}

// Every status that a call can have for reasons of its own is documented for it, and so
// is what every call can have.
func TestOpenAPIStatuses(t *testing.T) {
	t.Parallel()
	for _, o := range openAPI().operations() {
		want := []int{400, 401, 429, 500, 503}
		switch o.method {
		case "POST":
			want = append(want, 403, 409, 413, 415)
		case "PUT":
			want = append(want, 403, 413, 415)
		case "DELETE":
			want = append(want, 403)
		}
		for _, status := range want {
			if o.path != "/openapi.json" && o.answer(status) == "" {
				t.Errorf("%s has no %d", o.id, status)
			}
		}
		for status := range o.at(under(o.pointer, "responses")) {
			if http.StatusText(atoi(status)) == "" {
				t.Errorf("%s has the status %s", o.id, status)
			}
		}
	}
}

func atoi(text string) (n int) {
	_, _ = fmt.Sscan(text, &n)
	return n
}
