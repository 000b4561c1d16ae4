package reference

import (
	"fmt"
	"strings"
)

// Markdown is the page of a document for whoever reads the repository. Errors: the
// document cannot be read.
func Markdown(text string) (string, error) {
	d, err := read(text)
	if err != nil {
		return "", err
	}
	p := pageOf(d)
	m := &markdown{}
	m.line("# %s", p.Title)
	m.line("%s This page is made from [openapi.json](openapi.json) (`make generate`); `refgrow serve` has it at /docs.",
		p.Summary)
	m.line("%s", strings.TrimSpace(p.Intro))
	m.line("Below, names in bold are required, or always there. In the examples `$REFGROW` is where the API is, such as " +
		"`https://shop.example/api/v1`, and `$REFGROW_KEY` a key.")
	m.line("## Calls")
	m.table([]string{"call", "what it does"}, func(row func(...string)) {
		for _, g := range p.Groups {
			row("**"+g.Name+"**", g.Text)
			for _, c := range g.Calls {
				row("["+c.Method+" "+c.Path+"](#"+anchor(c)+")", c.Summary)
			}
		}
		row("**Events**", "What webhooks are sent.")
		for _, e := range p.Events {
			row("["+e.Path+"](#"+e.ID+")", e.Summary)
		}
	})
	for _, g := range p.Groups {
		m.line("## %s", g.Name)
		m.line("%s", g.Text)
		for _, c := range g.Calls {
			m.call(c)
		}
	}
	m.line("## Events")
	m.line("What webhooks are sent: a POST with these headers and one of the bodies below.")
	if len(p.Events) > 0 {
		m.fields(p.Events[0].Parameters, false)
	}
	for _, e := range p.Events {
		m.line("<a id=\"%s\"></a>", e.ID)
		m.line("### %s", e.Path)
		m.line("%s", e.Text)
		m.line("Body: [%s](#thing-%s).", e.Body.Link, strings.ToLower(e.Body.Link))
		for _, example := range e.Body.Examples {
			m.example(example.Title, "json", example.Text)
		}
	}
	m.line("## Things")
	m.line("What answers and events have in them.")
	for _, one := range p.Things {
		m.line("<a id=\"thing-%s\"></a>", strings.ToLower(one.Name))
		m.line("### %s", one.Name)
		m.line("%s", one.Text)
		m.fields(one.Fields, false)
	}
	m.line("## Tolerated spellings")
	m.line("What cannot be misread is taken in other spellings too. These are all.")
	m.table([]string{"rule", "call", "means"}, func(row func(...string)) {
		for _, s := range p.Spellings {
			row(s.Rule, "`"+s.Call+"`", "`"+s.Means+"`")
		}
	})
	return strings.TrimRight(m.text.String(), "\n") + "\n", nil
}

// A markdown is a text in the making.
type markdown struct{ text strings.Builder }

// line writes a block, with a blank line after it.
func (m *markdown) line(format string, args ...any) {
	fmt.Fprintf(&m.text, format+"\n\n", args...)
}

func (m *markdown) table(head []string, rows func(row func(...string))) {
	row := func(cells ...string) {
		for i, cell := range cells {
			cells[i] = strings.ReplaceAll(strings.ReplaceAll(cell, "|", "\\|"), "\n", " ")
		}
		m.text.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	row(head...)
	row(strings.Fields(strings.Repeat("--- ", len(head)))...)
	rows(row)
	m.text.WriteString("\n")
}

// anchor is the id of a call on the page.
func anchor(c call) string { return strings.ToLower(c.ID) }

func (m *markdown) call(c call) {
	m.line("<a id=\"%s\"></a>", anchor(c))
	m.line("### %s %s", c.Method, c.Path)
	m.line("**%s.** %s", c.Summary, c.Text)
	m.fields(c.Parameters, true)
	if len(c.Body.Fields) > 0 {
		m.line("Body: %s%s", c.Body.Text, map[bool]string{true: "", false: " It may be left out."}[c.Body.Required])
		m.fields(c.Body.Fields, false)
	}
	for _, example := range c.Body.Examples {
		m.example(example.Title, "sh", example.Curl)
	}
	for _, answer := range c.Answers {
		is := ""
		if answer.Type != "" {
			is = " `data` is " + linked(answer.Type, answer.Link) + "."
			if strings.Contains(answer.Type, "/") {
				is = " " + answer.Type + "."
			}
		}
		m.line("Answer %s: %s%s", answer.Status, answer.Text, is)
		m.fields(answer.Fields, false)
		m.fields(answer.Headers, false)
		for _, example := range answer.Examples {
			language := ""
			if strings.HasPrefix(example.Text, "{") {
				language = "json"
			}
			m.example(example.Title, language, example.Text)
		}
	}
	var errors []string
	for _, e := range c.Errors {
		errors = append(errors, e.Status+" `"+strings.Join(e.Codes, "`, `")+"`")
	}
	m.line("Errors: %s.", strings.Join(errors, "; "))
}

// linked is a type, of which the thing is a link.
func linked(words, thing string) string {
	if thing == "" {
		return words
	}
	return strings.Replace(words, thing, "["+thing+"](#thing-"+strings.ToLower(thing)+")", 1)
}

func (m *markdown) fields(fields []field, in bool) {
	if len(fields) == 0 {
		return
	}
	m.table([]string{"name", "type", "what it is"}, func(row func(...string)) {
		for _, f := range fields {
			words := f.Text
			switch {
			case in && f.In != "query":
				words = "(in the " + f.In + ") " + words
			case f.Required && in:
				words = "(required) " + words
			}
			name := "`" + f.Name + "`"
			if f.Required && !in {
				name = "**" + name + "**"
			}
			row(name, linked(f.Type, f.Link), words)
		}
	})
}

func (m *markdown) example(title, language, text string) {
	if title != "" {
		m.line("%s:", title)
	}
	m.line("```%s\n%s\n```", language, text)
}
