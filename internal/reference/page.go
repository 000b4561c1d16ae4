package reference

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A page is the document in the order in which people read it.
type page struct {
	Title, Summary, Intro string // the last one is Markdown, as all texts below
	Groups                []group
	Events                []call
	Things                []thing
	Spellings             []spelling
}

// A group is the calls about one thing.
type group struct {
	Name, Text string
	Calls      []call
}

// A call is an operation, or an event that a webhook is sent.
type call struct {
	ID, Method, Path, Summary, Text string
	Public                          bool
	Parameters                      []field
	Body                            *content
	Answers                         []content
	Errors                          []problem
}

// A content is a body of a request, or an answer.
type content struct {
	Status, Text string // of an answer
	Required     bool
	Type         string // what is in data, or the media type of a file
	Link         string // the thing that it is, "" for none
	Fields       []field
	Headers      []field
	Examples     []example
}

// An example has the calls to send in Curl, or what is answered.
type example struct{ Title, Text, Curl string }

// A field is a field of an object, a parameter or a header.
type field struct {
	Name, In, Type, Link, Text string
	Required                   bool
}

// A problem is a status other than of success, with its codes.
type problem struct {
	Status, Text string
	Codes        []string
}

// A thing is an object that answers have.
type thing struct {
	Name, Text string
	Fields     []field
}

// A spelling is one that is tolerated.
type spelling struct{ Rule, Call, Means string }

// pageOf arranges a document.
func pageOf(d *document) page {
	info := d.root.at("info")
	p := page{Title: info.text("title"), Summary: info.text("summary"), Intro: info.text("description")}
	for _, tag := range d.root.objects("tags") {
		p.Groups = append(p.Groups, group{Name: tag.text("name"), Text: tag.text("description")})
	}
	paths := d.root.at("paths")
	for _, path := range paths.names {
		for _, method := range paths.at(path).names {
			o := paths.at(path, method)
			of := slices.IndexFunc(p.Groups, func(g group) bool { return slices.Contains(o.list("tags"), any(g.Name)) })
			if of >= 0 {
				p.Groups[of].Calls = append(p.Groups[of].Calls, d.call(strings.ToUpper(method), path, o))
			}
		}
	}
	events := d.root.at("webhooks")
	for _, name := range events.names {
		event := d.call("POST", name, events.at(name, "post"))
		event.ID = "event-" + name
		p.Events = append(p.Events, event)
	}
	schemas := d.root.at("components", "schemas")
	for _, name := range schemas.names {
		schema := schemas.at(name)
		p.Things = append(p.Things, thing{name, schema.text("description"), d.fields(schema, "")})
	}
	for _, one := range d.root.objects("x-tolerated") {
		p.Spellings = append(p.Spellings, spelling{one.text("rule"), spelled(one.at("call")), spelled(one.at("means"))})
	}
	return p
}

// spelled is a call on one line.
func spelled(o *object) string {
	line := o.text("method") + " " + o.text("path")
	headers := o.at("headers")
	for _, name := range headers.names {
		line += " (" + name + ": " + headers.text(name) + ")"
	}
	if body := o.text("body"); body != "" {
		line += " " + strings.ReplaceAll(body, "\ufeff", `\ufeff`)
	}
	return line
}

func (d *document) call(method, path string, o *object) call {
	c := call{
		ID: o.text("operationId"), Method: method, Path: path, Summary: o.text("summary"), Text: o.text("description"),
		Public: o.has("security"),
	}
	for _, p := range o.objects("parameters") {
		p = d.follow(p)
		f := d.field(p.text("name"), p.at("schema"), p.flag("required"))
		f.In, f.Text = p.text("in"), p.text("description")
		c.Parameters = append(c.Parameters, f)
	}
	if body := o.at("requestBody"); o.has("requestBody") {
		media := body.at("content", "application/json")
		schema := d.follow(media.at("schema"))
		c.Body = &content{Required: body.flag("required"), Text: schema.text("description"),
			Link: refersTo(media.at("schema")), Fields: d.fields(schema, "")}
		c.Body.Examples = d.examples(media)
	}
	for i := range exampleCount(c.Body) {
		c.Body.Examples[i].Curl = curl(d, c, c.Body.Examples[i].Text)
	}
	if c.Body == nil || len(c.Body.Examples) == 0 {
		c.Body = cmp.Or(c.Body, &content{})
		c.Body.Examples = []example{{Title: "", Curl: curl(d, c, "")}}
	}
	responses := o.at("responses")
	for _, status := range responses.names {
		answer := d.follow(responses.at(status))
		if status[0] == '4' || status[0] == '5' {
			c.Errors = append(c.Errors, problem{status, answer.text("description"),
				texts(answer.at("content", "application/json", "schema", "properties", "code").list("enum"))})
			continue
		}
		c.Answers = append(c.Answers, d.answer(status, answer)...)
	}
	return c
}

func exampleCount(c *content) int {
	if c == nil {
		return 0
	}
	return len(c.Examples)
}

// answer is an answer of success, once for each form that it can have.
func (d *document) answer(status string, answer *object) []content {
	var headers []field
	all := answer.at("headers")
	for _, name := range all.names {
		h := d.follow(all.at(name))
		if f := d.field(name, h.at("schema"), false); !usual(name) {
			f.Text = h.text("description")
			headers = append(headers, f)
		}
	}
	one := content{Status: status, Text: answer.text("description"), Headers: headers}
	media := answer.at("content")
	if len(media.names) == 0 {
		return []content{one}
	}
	var forms []content
	for _, name := range media.names {
		form := one
		schema := media.at(name, "schema")
		form.Type = name
		if data := schema.at("properties", "data"); len(data.names) > 0 {
			f := d.field("data", data, true)
			form.Type, form.Link = f.Type, f.Link
			for _, f := range d.fields(schema, "") {
				if f.Name != "success" && f.Name != "data" && f.Name != "pagination" {
					form.Fields = append(form.Fields, f)
				}
			}
		}
		form.Examples = d.examples(media.at(name))
		forms = append(forms, form)
	}
	return forms
}

// usual reports whether a header is one that every answer has, or a POST.
func usual(name string) bool {
	return slices.Contains([]string{"X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
		"Refgrow-Ignored", "Idempotent-Replayed"}, name)
}

func (d *document) examples(media *object) []example {
	var all []example
	examples := media.at("examples")
	for _, name := range examples.names {
		one := examples.at(name)
		text, is := one.members["value"].(string)
		if !is {
			text = written(one.members["value"])
		}
		all = append(all, example{Title: one.text("summary"), Text: strings.TrimSuffix(text, "\n")})
	}
	return all
}

// fields are those of an object, and of the objects inside it.
func (d *document) fields(schema *object, prefix string) []field {
	schema = d.follow(schema)
	var all []field
	properties := schema.at("properties")
	for _, name := range properties.names {
		p := properties.at(name)
		f := d.field(prefix+name, p, slices.Contains(schema.list("required"), any(name)))
		all = append(all, f)
		inner := p
		if p.at("items").has("properties") {
			inner, name = p.at("items"), name+"[]"
		}
		if f.Link == "" {
			all = append(all, d.fields(&object{members: inner.members}, prefix+name+".")...)
		} else if strings.HasSuffix(f.Link, "Input") {
			all = append(all, d.fields(d.root.at("components", "schemas", f.Link), prefix+name+".")...)
		}
	}
	return all
}

func (d *document) field(name string, schema *object, required bool) field {
	kind, link := d.kind(schema)
	return field{Name: name, Type: kind, Link: link, Required: required,
		Text: cmp.Or(schema.text("description"), d.follow(schema).text("description"))}
}

// kind says what a value is, in words, and which thing it is, if it is one.
func (d *document) kind(schema *object) (words, link string) {
	if link = refersTo(schema); link != "" {
		return link, link
	}
	if several := append(schema.objects("oneOf"), schema.objects("anyOf")...); len(several) > 0 {
		var all []string
		for _, one := range several {
			words, of := d.kind(one)
			all, link = append(all, words), cmp.Or(link, of)
		}
		return strings.Join(all, " or "), link
	}
	if items := schema.at("items"); schema.has("items") && len(items.names) > 0 {
		words, link = d.kind(items)
		if link == "" && !strings.Contains(words, "`") {
			words += "s"
		}
		return "list of " + words, link
	}
	var all []string
	for _, word := range schema.list("enum") {
		if text, is := word.(string); is {
			all = append(all, "`"+text+"`")
		}
	}
	types := texts(schema.list("type"))
	if one := schema.text("type"); one != "" {
		types = []string{one}
	}
	if len(all) == 0 {
		return described(schema, types), ""
	}
	if slices.Contains(types, "null") {
		all = append(all, "null")
	}
	return strings.Join(all, " or "), ""
}

// described is a type with its bounds.
func described(schema *object, types []string) string {
	if len(types) == 0 {
		return "anything"
	}
	words := types[0]
	switch {
	case schema.text("format") == "date-time":
		words = "time"
	case schema.text("format") == "date":
		words = "date"
	case schema.has("const"):
		words = "`" + compact(schema.members["const"]) + "`"
	}
	if slices.Contains(types[1:], "null") {
		words += " or null"
	}
	low, high := schema.number("minimum"), schema.number("maximum")
	switch {
	case low != "" && high != "":
		words += ", " + low + " to " + high
	case low != "" && (low != "1" || types[0] != "integer"):
		words += ", " + low + " or more"
	case schema.number("exclusiveMinimum") != "":
		words += ", above " + schema.number("exclusiveMinimum")
	}
	if longest := schema.number("maxLength"); longest != "" && schema.number("minLength") == "" {
		words += ", at most " + longest + " characters"
	}
	if standard := schema.number("default"); standard != "" {
		words += ", default " + standard
	}
	return words
}

func texts(list []any) []string {
	var all []string
	for _, v := range list {
		if text, is := v.(string); is {
			all = append(all, text)
		}
	}
	return all
}

const methodGet = "GET"

// curl is how a call is sent from a terminal.
func curl(d *document, c call, body string) string {
	path, query := c.Path, ""
	for _, p := range c.Parameters {
		example := d.exampleOf(c, p)
		switch {
		case p.In == "path":
			path = strings.ReplaceAll(path, "{"+p.Name+"}", example)
		case p.In == "query" && p.Required:
			query += "&" + p.Name + "=" + example
		}
	}
	if query != "" {
		path += "?" + query[1:]
	}
	line := "curl "
	if c.Method != methodGet {
		line += "-X " + c.Method + " "
	}
	line += `"$REFGROW` + path + `"`
	if !c.Public {
		line += " \\\n  -H \"Authorization: Bearer $REFGROW_KEY\""
	}
	if body != "" {
		line += " \\\n  -H \"Content-Type: application/json\" \\\n  -d '" + body + "'"
	}
	return line
}

// exampleOf is the example that a parameter of a call has.
func (d *document) exampleOf(c call, p field) string {
	o := d.root.at("paths", c.Path, strings.ToLower(c.Method))
	for _, one := range o.objects("parameters") {
		if one = d.follow(one); one.text("name") == p.Name {
			return fmt.Sprint(one.members["example"])
		}
	}
	return ""
}
