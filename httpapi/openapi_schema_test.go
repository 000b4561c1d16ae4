package httpapi_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow/docs"
)

// A document is docs/openapi.json, with numbers as json.Number.
type document struct {
	root  map[string]any
	found sync.Map // objects by their pointers
}

// How a name is written in a pointer.
var (
	escaped   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaped = strings.NewReplacer("~1", "/", "~0", "~")
)

// openAPI is the document, read once.
var openAPI = sync.OnceValue(func() *document {
	d := json.NewDecoder(strings.NewReader(docs.OpenAPI()))
	d.UseNumber()
	doc := &document{}
	if err := d.Decode(&doc.root); err != nil {
		panic(err)
	}
	return doc
})

// at is the object at a JSON pointer such as "#/components/schemas/Error", nil if there is
// none.
func (d *document) at(pointer string) map[string]any {
	if object, is := d.found.Load(pointer); is {
		return object.(map[string]any)
	}
	object := d.find(pointer)
	d.found.Store(pointer, object)
	return object
}

func (d *document) find(pointer string) map[string]any {
	var here any = d.root
	for name := range strings.SplitSeq(strings.TrimPrefix(pointer, "#/"), "/") {
		name = unescaped.Replace(name)
		switch inside := here.(type) {
		case map[string]any:
			here = inside[name]
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil {
				return nil
			}
			here = inside[i]
		}
	}
	object, _ := here.(map[string]any)
	return object
}

// under is the pointer of what has a name inside something.
func under(pointer string, names ...string) string {
	for _, name := range names {
		pointer += "/" + escaped.Replace(name)
	}
	return pointer
}

// follow returns where something really is, if it is only a reference.
func (d *document) follow(pointer string) string {
	object := d.at(pointer)
	if to, is := object["$ref"].(string); is && len(object) == 1 {
		return d.follow(to)
	}
	return pointer
}

// A checking is one value that is held against a schema. In answers every object is
// closed: what the schema does not list is wrong, although clients must bear it.
type checking struct {
	*document
	closed bool
	seen   func(pointer string) // of each property and each value of an enum that occurs
	wrong  []string
}

// check returns what is wrong with a value of encoding/json, with json.Number.
func (d *document) check(v any, schema string, closed bool, seen func(string)) []string {
	c := &checking{document: d, closed: closed, seen: seen}
	if seen == nil {
		c.seen = func(string) {}
	}
	c.value(v, schema, "")
	return c.wrong
}

func (c *checking) fail(at, format string, args ...any) {
	c.wrong = append(c.wrong, at+": "+fmt.Sprintf(format, args...))
}

func (c *checking) value(v any, pointer, at string) {
	schema := c.at(pointer)
	if schema == nil {
		c.fail(at, "there is no schema at %s", pointer)
		return
	}
	for keyword, want := range schema {
		switch keyword {
		case "description", "default", "examples", "properties", "additionalProperties":
		case "$ref":
			c.value(v, want.(string), at)
		case "type":
			if !isOf(v, want) {
				c.fail(at, "is %s, not %v", show(v), want)
			}
		case "const":
			if !reflect.DeepEqual(v, want) {
				c.fail(at, "is %s, not %s", show(v), show(want))
			}
		case "enum":
			i := slices.IndexFunc(want.([]any), func(one any) bool { return reflect.DeepEqual(v, one) })
			if i < 0 {
				c.fail(at, "is %s, not one of %v", show(v), want)
			} else if v != nil {
				c.seen(under(pointer, "enum", fmt.Sprint(v)))
			}
		case "oneOf", "anyOf":
			c.several(v, pointer, keyword, at, len(want.([]any)))
		case "minimum", "maximum", "exclusiveMinimum":
			c.bound(v, keyword, want.(json.Number), at)
		case "pattern":
			if text, is := v.(string); is && !pattern(want.(string)).MatchString(text) {
				c.fail(at, "is %q, which is not like %s", text, want)
			}
		case "format":
			c.format(v, want.(string), at)
		case "minLength", "maxLength":
			if text, is := v.(string); is {
				c.bound(json.Number(fmt.Sprint(utf8.RuneCountInString(text))), keyword, want.(json.Number), at)
			}
		case "minItems", "maxItems":
			if list, is := v.([]any); is {
				c.bound(json.Number(fmt.Sprint(len(list))), keyword, want.(json.Number), at)
			}
		case "minProperties":
			if object, is := v.(map[string]any); is {
				c.bound(json.Number(fmt.Sprint(len(object))), keyword, want.(json.Number), at)
			}
		case "items":
			list, _ := v.([]any)
			for i, item := range list {
				c.value(item, under(pointer, "items"), fmt.Sprintf("%s[%d]", at, i))
			}
		case "required":
			c.required(v, want.([]any), at)
		default:
			c.fail(at, "the schema %s has the keyword %s, which nobody checks", pointer, keyword)
		}
	}
	if object, is := v.(map[string]any); is {
		c.members(object, schema, pointer, at)
	}
}

// patterns are those that were compiled before.
var patterns sync.Map

func pattern(text string) *regexp.Regexp {
	if known, is := patterns.Load(text); is {
		return known.(*regexp.Regexp)
	}
	made := regexp.MustCompile(text)
	patterns.Store(text, made)
	return made
}

// members checks what is in an object.
func (c *checking) members(object, schema map[string]any, pointer, at string) {
	properties, _ := schema["properties"].(map[string]any)
	for name := range object {
		_, listed := properties[name]
		further, other := schema["additionalProperties"].(map[string]any)
		switch {
		case listed:
			c.seen(under(pointer, "properties", name))
			c.value(object[name], under(pointer, "properties", name), at+"."+name)
		case other && further != nil:
			c.value(object[name], under(pointer, "additionalProperties"), at+"."+name)
		case schema["additionalProperties"] == false, c.closed && len(properties) > 0 && schema["$ref"] == nil:
			c.fail(at, "has %s, which %s does not list", name, pointer)
		}
	}
}

func (c *checking) required(v any, names []any, at string) {
	object, is := v.(map[string]any)
	for _, name := range names {
		if _, has := object[name.(string)]; is && !has {
			c.fail(at, "lacks %s", name)
		}
	}
}

// several wants one schema that a value is valid by, and of oneOf no second one.
func (c *checking) several(v any, pointer, keyword, at string, n int) {
	var all []string
	valid := 0
	for i := range n {
		one := under(pointer, keyword, fmt.Sprint(i))
		if wrong := c.check(v, one, c.closed, nil); len(wrong) > 0 {
			all = append(all, wrong...)
			continue
		}
		valid++
		c.check(v, one, c.closed, c.seen)
	}
	if valid == 0 || valid > 1 && keyword == "oneOf" {
		c.fail(at, "is valid by %d of %d schemas: %s", valid, n, strings.Join(all, "; "))
	}
}

func (c *checking) bound(v any, keyword string, bound json.Number, at string) {
	text, is := v.(json.Number)
	if !is {
		return
	}
	n, ok := new(big.Rat).SetString(text.String())
	most, _ := new(big.Rat).SetString(bound.String())
	sign := n.Cmp(most)
	if !ok || strings.HasPrefix(keyword, "min") && sign < 0 || strings.HasPrefix(keyword, "max") && sign > 0 ||
		keyword == "exclusiveMinimum" && sign <= 0 {
		c.fail(at, "is %s, and the %s is %s", text, keyword, bound)
	}
}

func (c *checking) format(v any, name, at string) {
	text, is := v.(string)
	if !is {
		return
	}
	layout := map[string]string{"date-time": "2006-01-02T15:04:05.000Z", "date": time.DateOnly}[name]
	if layout == "" {
		c.fail(at, "the format %s is not known", name)
	} else if _, err := time.Parse(layout, text); err != nil {
		c.fail(at, "is %q, which is no %s", text, name)
	}
}

// isOf reports whether a value has a type, or one of several.
func isOf(v, want any) bool {
	if several, is := want.([]any); is {
		return slices.ContainsFunc(several, func(one any) bool { return isOf(v, one) })
	}
	switch v := v.(type) {
	case nil:
		return want == "null"
	case bool:
		return want == "boolean"
	case string:
		return want == "string"
	case []any:
		return want == "array"
	case map[string]any:
		return want == "object"
	case json.Number:
		return want == "number" || want == "integer" && !strings.ContainsAny(v.String(), ".eE")
	}
	return false
}

func show(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// An operation is a method of a path in the document.
type operation struct {
	*document
	method, path string // such as GET and /affiliates/{email}
	pointer      string
	id           string
}

// operations are all of the document, in its order of the alphabet by path.
func (d *document) operations() []operation {
	var all []operation
	for _, path := range slices.Sorted(maps.Keys(d.at("#/paths"))) {
		for _, method := range slices.Sorted(maps.Keys(d.at(under("#/paths", path)))) {
			pointer := under("#/paths", path, method)
			id, _ := d.at(pointer)["operationId"].(string)
			all = append(all, operation{d, strings.ToUpper(method), path, pointer, id})
		}
	}
	return all
}

// operation finds one by its id.
func (d *document) operation(id string) operation {
	all := d.operations()
	i := slices.IndexFunc(all, func(o operation) bool { return o.id == id })
	if i < 0 {
		panic("there is no operation " + id)
	}
	return all[i]
}

// parameters are those that are in a query, a path or the header, by their names, with
// their pointers.
func (o operation) parameters(in string) map[string]string {
	found := make(map[string]string)
	list, _ := o.at(o.pointer)["parameters"].([]any)
	for i := range list {
		pointer := o.follow(under(o.pointer, "parameters", fmt.Sprint(i)))
		if p := o.at(pointer); p["in"] == in {
			found[p["name"].(string)] = pointer
		}
	}
	return found
}

// body is the pointer of the body's schema and examples, "" where there is none.
func (o operation) body() string {
	if o.at(o.pointer)["requestBody"] == nil {
		return ""
	}
	return under(o.pointer, "requestBody", "content", "application/json")
}

// answer is the pointer of the answer with a status, "" where there is none.
func (o operation) answer(status int) string {
	pointer := under(o.pointer, "responses", fmt.Sprint(status))
	if o.at(pointer) == nil {
		return ""
	}
	return o.follow(pointer)
}
