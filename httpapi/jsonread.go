package httpapi

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// A kind is what a JSON value is.
type kind int

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

// A value is a JSON value. Numbers keep their digits: nothing is ever read as a
// float.
type value struct {
	kind    kind
	text    string   // of a string, decoded; of a number or a boolean, as written
	members []member // of an object; the elements of an array, without names
}

type member struct {
	name  string
	taken bool // somebody has asked for it
	value value
}

const (
	// maxDepth is far beyond what any call takes.
	maxDepth = 32
	// maxMembers of one object is so, too.
	maxMembers = 1000
	// maxValues of a whole body: a value takes far more memory than its text.
	maxValues = 10_000
)

// parseObject reads a text that is one JSON object (RFC 8259) and nothing else,
// more strictly than encoding/json: a name that comes twice, bytes that are not
// UTF-8 and halves of surrogate pairs are errors.
func parseObject(text string) ([]member, error) {
	if !utf8.ValidString(text) {
		return nil, wrong("", "The body is not valid UTF-8")
	}
	p := parser{text: text}
	p.space()
	if p.at < len(text) && text[p.at] != '{' {
		return nil, wrong("", "The body must be a JSON object, such as {\"name\": \"value\"}")
	}
	v, err := p.value(0, "")
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(text) {
		return nil, p.unexpected("after the object")
	}
	return v.members, nil
}

type parser struct {
	text   string
	at     int
	values int // how many were begun
}

// unexpected is the error for what stands at the parser's place.
func (p *parser) unexpected(where string) error {
	if p.at >= len(p.text) {
		return wrong("", "The body is not valid JSON: it ends too early")
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return wrong("", "The body is not valid JSON: unexpected "+strconv.QuoteRune(r)+" "+where+", at byte "+strconv.Itoa(p.at+1))
}

// refused is the error for what is JSON, and still not taken.
func refused(path, message string) error {
	if path == "" {
		message = "The body " + message
	}
	return wrong(path, message)
}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// next skips a character that has to be there.
func (p *parser) next(c byte, where string) error {
	if p.at >= len(p.text) || p.text[p.at] != c {
		return p.unexpected(where)
	}
	p.at++
	return nil
}

// is skips a character if it is there.
func (p *parser) is(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// value reads the value at the parser's place; path names it in errors.
func (p *parser) value(depth int, path string) (value, error) {
	if depth > maxDepth {
		return value{}, refused(path, "is nested more than "+strconv.Itoa(maxDepth)+" deep")
	}
	if p.values++; p.values > maxValues {
		return value{}, refused("", "has more than "+strconv.Itoa(maxValues)+" values")
	}
	if p.at >= len(p.text) {
		return value{}, p.unexpected("")
	}
	switch c := p.text[p.at]; {
	case c == '{':
		return p.object(depth, path)
	case c == '[':
		return p.array(depth, path)
	case c == '"':
		text, err := p.string(path)
		return value{kind: kindString, text: text}, err
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	}
	for _, word := range [...]struct {
		text string
		kind kind
	}{{"null", kindNull}, {"true", kindBool}, {"false", kindBool}} {
		if strings.HasPrefix(p.text[p.at:], word.text) {
			p.at += len(word.text)
			return value{kind: word.kind, text: word.text}, nil
		}
	}
	return value{}, p.unexpected("where a value should be")
}

func (p *parser) object(depth int, path string) (value, error) {
	v := value{kind: kindObject}
	p.at++
	p.space()
	if p.is('}') {
		return v, nil
	}
	v.members = make([]member, 0, 8)
	seen := names{}
	for {
		if p.at >= len(p.text) || p.text[p.at] != '"' {
			return v, p.unexpected("where a name should be")
		}
		name, err := p.string(path)
		if err != nil {
			return v, err
		}
		inside := under(path, name)
		if seen.has(v.members, name) {
			return v, wrong(inside, "is there twice")
		}
		if len(v.members) == maxMembers {
			return v, refused(path, "has more than "+strconv.Itoa(maxMembers)+" fields")
		}
		p.space()
		if err := p.next(':', "after a name"); err != nil {
			return v, err
		}
		p.space()
		content, err := p.value(depth+1, inside)
		if err != nil {
			return v, err
		}
		v.members = append(v.members, member{name: name, value: content})
		p.space()
		if p.is('}') {
			return v, nil
		}
		if err := p.next(',', "after a value"); err != nil {
			return v, err
		}
		p.space()
	}
}

// under is the name of a field inside another one.
func under(path, name string) string {
	name = shortened(name)
	if path == "" {
		return name
	}
	return path + "." + name
}

// element is the name of a value in an array, counted from 0.
func element(path string, at int) string { return path + "[" + strconv.Itoa(at) + "]" }

// names tells whether an object has a name already.
type names map[string]bool

// has looks through the members as long as they are few.
func (n *names) has(members []member, name string) bool {
	const few = 24
	if len(members) < few {
		for i := range members {
			if members[i].name == name {
				return true
			}
		}
		return false
	}
	if len(members) == few {
		*n = make(names, maxMembers)
		for i := range members {
			(*n)[members[i].name] = true
		}
	}
	if (*n)[name] {
		return true
	}
	(*n)[name] = true
	return false
}

func (p *parser) array(depth int, path string) (value, error) {
	v := value{kind: kindArray}
	p.at++
	p.space()
	if p.is(']') {
		return v, nil
	}
	for {
		content, err := p.value(depth+1, element(path, len(v.members)))
		if err != nil {
			return v, err
		}
		v.members = append(v.members, member{value: content})
		p.space()
		if p.is(']') {
			return v, nil
		}
		if err := p.next(',', "after a value"); err != nil {
			return v, err
		}
		p.space()
	}
}

// number reads over the grammar of RFC 8259, section 6.
func (p *parser) number() (value, error) {
	begin := p.at
	p.is('-')
	if !p.is('0') && !p.digits() {
		return value{}, p.unexpected("in a number")
	}
	if p.is('.') && !p.digits() {
		return value{}, p.unexpected("in a number")
	}
	if p.is('e') || p.is('E') {
		if !p.is('-') {
			p.is('+')
		}
		if !p.digits() {
			return value{}, p.unexpected("in a number")
		}
	}
	return value{kind: kindNumber, text: p.text[begin:p.at]}, nil
}

// digits skips them and reports whether there were any.
func (p *parser) digits() bool {
	begin := p.at
	for p.at < len(p.text) && '0' <= p.text[p.at] && p.text[p.at] <= '9' {
		p.at++
	}
	return p.at > begin
}
