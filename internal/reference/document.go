// Package reference makes pages for people of the document that describes the REST API:
// one in Markdown, for whoever reads the repository, and one in HTML, which is served. It
// knows what an OpenAPI document looks like, and nothing of the API itself.
package reference

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

// An object is a JSON object whose members stand in the order of the document.
type object struct {
	names   []string
	members map[string]any // *object, []any, string, json.Number, bool, nil
}

// A document is an OpenAPI document.
type document struct{ root *object }

// read takes a document apart. Errors: it is not one JSON object.
func read(text string) (*document, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := value(d)
	if err != nil {
		return nil, err
	}
	root, is := v.(*object)
	if _, err := d.Token(); !is || !errors.Is(err, io.EOF) {
		return nil, errors.New("the document must be one JSON object")
	}
	return &document{root}, nil
}

// value reads the next value.
func value(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := &object{members: make(map[string]any)}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			member, err := value(d)
			if err != nil {
				return nil, err
			}
			key, _ := name.(string)
			o.names = append(o.names, key)
			o.members[key] = member
		}
		_, err := d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			item, err := value(d)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err := d.Token()
		return list, err
	}
	return token, nil
}

// at is the object of a name, an empty one if there is none.
func (o *object) at(names ...string) *object {
	for _, name := range names {
		inner, is := o.members[name].(*object)
		if !is {
			return &object{}
		}
		o = inner
	}
	return o
}

func (o *object) has(name string) bool {
	_, has := o.members[name]
	return has
}

func (o *object) text(name string) string {
	text, _ := o.members[name].(string)
	return text
}

func (o *object) list(name string) []any {
	list, _ := o.members[name].([]any)
	return list
}

func (o *object) objects(name string) []*object {
	var all []*object
	for _, v := range o.list(name) {
		if one, is := v.(*object); is {
			all = append(all, one)
		}
	}
	return all
}

func (o *object) flag(name string) bool {
	flag, _ := o.members[name].(bool)
	return flag
}

// number is a number as it is written, "" if there is none.
func (o *object) number(name string) string {
	number, _ := o.members[name].(json.Number)
	return number.String()
}

// follow returns what an object refers to, or the object itself.
func (d *document) follow(o *object) *object {
	to, refers := o.members["$ref"].(string)
	if !refers {
		return o
	}
	return d.follow(d.root.at(strings.Split(strings.TrimPrefix(to, "#/"), "/")...))
}

// refersTo is the name of the schema that an object refers to, "" if it does not.
func refersTo(o *object) string {
	name, _ := strings.CutPrefix(o.text("$ref"), "#/components/schemas/")
	return name
}

// written is a value as JSON that people can read. What is short stands on one line.
func written(v any) string {
	var b strings.Builder
	write(&b, v, "")
	return b.String()
}

const shortLine = 88

func write(b *strings.Builder, v any, indent string) {
	line := compact(v)
	o, isObject := v.(*object)
	list, isList := v.([]any)
	if len(indent)+len(line) <= shortLine || !isObject && !isList {
		b.WriteString(line)
		return
	}
	inner := indent + "  "
	if isObject {
		b.WriteString("{\n")
		for i, name := range o.names {
			b.WriteString(inner + quoted(name) + ": ")
			write(b, o.members[name], inner)
			b.WriteString(comma(i, len(o.names)) + "\n")
		}
		b.WriteString(indent + "}")
		return
	}
	b.WriteString("[\n")
	for i, item := range list {
		b.WriteString(inner)
		write(b, item, inner)
		b.WriteString(comma(i, len(list)) + "\n")
	}
	b.WriteString(indent + "]")
}

func comma(i, n int) string {
	if i < n-1 {
		return ","
	}
	return ""
}

// compact is a value as JSON on one line.
func compact(v any) string {
	var parts []string
	switch v := v.(type) {
	case *object:
		for _, name := range v.names {
			parts = append(parts, quoted(name)+": "+compact(v.members[name]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		for _, item := range v {
			parts = append(parts, compact(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case json.Number:
		return v.String()
	case string:
		return quoted(v)
	case bool:
		if v {
			return "true"
		}
		return "false"
	}
	return "null"
}

// quoted is a text in JSON.
func quoted(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(err) // a text can always be written as JSON
	}
	return strings.TrimSuffix(b.String(), "\n")
}
