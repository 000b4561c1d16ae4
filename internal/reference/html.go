package reference

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"regexp"
	"strings"
)

//go:embed page.html
var pageTemplate string

//go:embed page.css
var pageStyle string

// HTML is the page of a document for a browser: all of it, without scripts, and without
// anything from elsewhere. Policy is the Content-Security-Policy that it can be served
// with. Errors: the document cannot be read.
func HTML(text string) (content []byte, policy string, err error) {
	d, err := read(text)
	if err != nil {
		return nil, "", err
	}
	parsed, err := template.New("page").Funcs(template.FuncMap{
		"blocks": blocks, "words": words, "lower": strings.ToLower, "linked": linkedHTML, "join": strings.Join,
	}).Parse(pageTemplate)
	if err != nil {
		return nil, "", err
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, map[string]any{"Page": pageOf(d), "Style": template.CSS(pageStyle)}); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256([]byte(pageStyle))
	return b.Bytes(), "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", nil
}

// html is text of which we know that it is HTML: every part of it was escaped.
func html(text string) template.HTML { return template.HTML(text) }

var (
	code = regexp.MustCompile("`([^`]+)`")
	bold = regexp.MustCompile(`\*\*([^*]+)\*\*`)
)

// words is a line of Markdown as HTML: code and bold words.
func words(text string) template.HTML {
	text = template.HTMLEscapeString(text)
	text = code.ReplaceAllString(text, "<code>$1</code>")
	return html(bold.ReplaceAllString(text, "<strong>$1</strong>"))
}

// linkedHTML is a type, of which the thing is a link.
func linkedHTML(kind, thing string) template.HTML {
	text := string(words(kind))
	if thing == "" {
		return html(text)
	}
	return html(strings.Replace(text, thing, `<a href="#thing-`+strings.ToLower(thing)+`">`+thing+"</a>", 1))
}

// blocks is Markdown as HTML, as far as the document has it: headings, paragraphs, code
// between fences, and tables.
func blocks(text string) template.HTML {
	var b strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		switch {
		case strings.HasPrefix(block, "## "):
			b.WriteString("<h3>" + string(words(block[3:])) + "</h3>\n")
		case strings.HasPrefix(block, "```"):
			_, block, _ = strings.Cut(block, "\n")
			b.WriteString("<pre>" + template.HTMLEscapeString(strings.TrimSuffix(block, "\n```")) + "</pre>\n")
		case strings.HasPrefix(block, "| "):
			b.WriteString(tableHTML(strings.Split(block, "\n")))
		default:
			b.WriteString("<p>" + string(words(block)) + "</p>\n")
		}
	}
	return html(b.String())
}

// tableHTML is a table: its head, a line of dashes, and its rows.
func tableHTML(lines []string) string {
	var b strings.Builder
	b.WriteString(`<div class="wide"><table>` + "\n")
	for i, line := range lines {
		cell := "td"
		switch i {
		case 0:
			cell = "th"
		case 1:
			continue
		}
		b.WriteString("<tr>")
		for one := range strings.SplitSeq(strings.Trim(line, "| "), " | ") {
			b.WriteString("<" + cell + ">" + string(words(one)) + "</" + cell + ">")
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table></div>\n")
	return b.String()
}
