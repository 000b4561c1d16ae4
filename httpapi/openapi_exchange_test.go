package httpapi_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestMain adds to a whole run of the suite, in which everything that answers have should
// occur, whether everything that the document lists of them did.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && wholeRun() {
		if missing := occurred.missing(); len(missing) > 0 {
			fmt.Printf("docs/openapi.json lists what no answer of this suite had:\n%s\n", strings.Join(missing, "\n"))
			code = 1
		}
	}
	os.Exit(code)
}

// wholeRun reports whether all tests have run.
func wholeRun() bool {
	usually := map[string]string{"run": "", "skip": "", "list": "", "fuzz": "", "bench": "", "short": "false"}
	for name, usual := range usually {
		if flag.Lookup("test."+name).Value.String() != usual {
			return false
		}
	}
	return true
}

// What of the document has occurred in the answers of this run: statuses and codes of
// operations, and properties and words of schemas, by their pointers.
type occurrences struct {
	mu       sync.Mutex
	pointers map[string]bool
}

var occurred = occurrences{pointers: make(map[string]bool)}

func (o *occurrences) note(pointer string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pointers[pointer] = true
}

func (o *occurrences) missing() (pointers []string) {
	d := openAPI()
	for _, op := range d.operations() {
		for status := range d.at(under(op.pointer, "responses")) {
			own := under(op.pointer, "responses", status)
			// What any call can have need not occur in each.
			if d.follow(own) == own && !o.pointers[own] {
				pointers = append(pointers, own)
			}
		}
	}
	walk := map[string]bool{}
	var schema func(pointer string)
	schema = func(pointer string) {
		if pointer = d.follow(pointer); walk[pointer] {
			return
		}
		walk[pointer] = true
		found := d.at(pointer)
		if to, is := found["$ref"].(string); is {
			schema(to)
		}
		for _, name := range []string{"items", "additionalProperties"} {
			if d.at(under(pointer, name)) != nil {
				schema(under(pointer, name))
			}
		}
		for _, keyword := range []string{"oneOf", "anyOf"} {
			several, _ := found[keyword].([]any)
			for i := range several {
				schema(under(pointer, keyword, fmt.Sprint(i)))
			}
		}
		words, _ := found["enum"].([]any)
		for _, word := range words {
			if word := under(pointer, "enum", fmt.Sprint(word)); word != under(pointer, "enum", "<nil>") && !o.pointers[word] {
				pointers = append(pointers, word)
			}
		}
		properties, _ := found["properties"].(map[string]any)
		for name := range properties {
			if own := under(pointer, "properties", name); !o.pointers[own] && found["$ref"] == nil {
				pointers = append(pointers, own)
			}
			schema(under(pointer, "properties", name))
		}
	}
	for _, op := range d.operations() {
		for status := range d.at(under(op.pointer, "responses")) {
			content := d.at(under(op.answer(atoi(status)), "content"))
			for media := range content {
				if media == "application/json" && op.path != "/openapi.json" {
					schema(under(op.answer(atoi(status)), "content", media, "schema"))
				}
			}
		}
	}
	slices.Sort(pointers)
	return pointers
}

// match finds the path of the document that a request is for, and its operation, which
// has no id if the path has no such method. It has no path either where there is none.
func (d *document) match(r *http.Request) operation {
	rest := strings.TrimPrefix(r.URL.EscapedPath(), prefix)
	segments := strings.Split(strings.TrimSuffix(rest, "/"), "/")
	var best string
	for path := range d.at("#/paths") {
		parts := strings.Split(path, "/")
		fits := len(parts) == len(segments)
		for i := 0; fits && i < len(parts); i++ {
			segment, _ := url.PathUnescape(segments[i])
			fits = parts[i] == segment || strings.HasPrefix(parts[i], "{") && segment != "" ||
				i == 1 && strings.EqualFold(parts[i], segment)
		}
		if fits && (best == "" || strings.Index(path+"{", "{") > strings.Index(best+"{", "{")) {
			best = path
		}
	}
	method := "" // such as GEt, which is none
	if r.Method == strings.ToUpper(r.Method) {
		method = strings.ToLower(r.Method)
	}
	if method == "head" {
		method = "get"
	}
	found := operation{document: d, method: r.Method, path: best, pointer: under("#/paths", best, method)}
	if o := d.at(found.pointer); best != "" && o != nil {
		found.id, _ = o["operationId"].(string)
	}
	return found
}

// everywhere are the headers that the introduction of the document has.
var everywhere = []string{"Cache-Control", "X-Content-Type-Options", "Content-Type", "Content-Length"}

// holds checks an answer of the suite against the document.
func holds(t testing.TB, r *http.Request, got reply) {
	t.Helper()
	if r.Method == http.MethodOptions {
		return // no operation of the document
	}
	o := openAPI().match(r)
	var answer string
	switch {
	case o.id != "":
		answer = o.answer(got.status)
	default: // a path that nobody knows, or a method that it has not
		answer = map[int]string{401: "#/components/responses/Unauthorized", 404: "#/components/responses/NotFound",
			405: "#/components/responses/MethodNotAllowed", 429: "#/components/responses/RateLimited",
			500: "#/components/responses/Internal", 503: "#/components/responses/Unavailable"}[got.status]
	}
	if answer == "" {
		t.Errorf("%s %s (%s): the document has no %d: %.300s", r.Method, r.URL, o.id, got.status, got.body)
		return
	}
	occurred.note(answer)
	listed := o.at(under(answer, "headers"))
	for name := range got.header {
		if !slices.Contains(everywhere, name) && !hasHeader(listed, name) {
			t.Errorf("%s %s (%s): the document has no header %s of %d", r.Method, r.URL, o.id, name, got.status)
		}
	}
	for name := range listed {
		text := got.header.Get(name)
		schema := o.at(under(o.follow(under(answer, "headers", name)), "schema"))
		if schema["type"] == "integer" && text != "" && strings.Trim(text, "-0123456789") != "" {
			t.Errorf("%s %s: the header %s is %q", r.Method, r.URL, name, text)
		}
	}
	media, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	content := o.at(under(answer, "content"))
	switch {
	case media == "" && content == nil:
	case content[media] == nil:
		t.Errorf("%s %s (%s): the document has no %s of %d", r.Method, r.URL, o.id, media, got.status)
	case media == "application/json" && got.json != nil:
		schema := under(answer, "content", media, "schema")
		for _, wrong := range o.check(got.json, schema, true, occurred.note) {
			t.Errorf("%s %s (%s): %d%s", r.Method, r.URL, o.id, got.status, wrong)
		}
	}
}

// hasHeader reports whether a header is among some, however it is written there.
func hasHeader(headers map[string]any, name string) bool {
	for one := range headers {
		if http.CanonicalHeaderKey(one) == name {
			return true
		}
	}
	return false
}
