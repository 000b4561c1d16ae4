package httpapi

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A kind is the type of a JSON value.
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
	members []member // of an object; of an array its elements, without names
}

type member struct {
	name  string
	taken bool // somebody has asked for it
	value value
}

const (
	// maxDepth is far beyond what any call takes.
	maxDepth = 32
	// maxMembers of one object is, too.
	maxMembers = 1000
	// maxValues of a whole body: a value takes far more memory than its text.
	maxValues = 10_000
)

// parseObject reads a text that is one JSON object (RFC 8259) and nothing else,
// more strictly than encoding/json: a name that occurs twice and bytes that are not
// UTF-8 are errors. Halves of surrogate pairs are left to whoever takes the string. Of a
// tolerant field that has a list or an object nothing is kept but that, whatever is in
// it.
func parseObject(text string, tolerant ...string) ([]member, error) {
	p := parser{text: strings.TrimPrefix(text, byteOrderMark), tolerant: tolerant}
	if p.at = len(validPrefix(p.text)); p.at < len(p.text) {
		return nil, wrong("", "The body is not valid UTF-8, "+p.position())
	}
	p.at = 0
	p.space()
	if p.at < len(p.text) && p.text[p.at] != '{' {
		return nil, p.noObject()
	}
	v, err := p.value(0, "")
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(p.text) {
		return nil, p.unexpected("after the object")
	}
	return v.members, nil
}

type parser struct {
	text     string
	at       int
	values   int      // how many have begun
	tolerant []string // fields of the body in which lists and objects are read over
}

// validPrefix is a text up to the first byte that is not UTF-8.
func validPrefix(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	for i, r := range text {
		if _, size := utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && size == 1 {
			return text[:i]
		}
	}
	return text
}

// unexpected is the error for what is at the parser's position.
func (p *parser) unexpected(where string) error {
	if p.at >= len(p.text) {
		return wrong("", "The body is not valid JSON: it ends too early, "+p.position())
	}
	r, _ := utf8.DecodeRuneInString(p.text[p.at:])
	return wrong("", "The body is not valid JSON: unexpected "+strconv.QuoteRune(r)+
		" "+where+", "+p.position())
}

// position is where the parser is, for the person who wrote the text: the line, and in
// it the character, each counted from 1.
func (p *parser) position() string {
	before := p.text[:p.at]
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return "in line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column)
}

// byteOrderMark may come before a text that is otherwise JSON (RFC 8259, section 8.1).
const byteOrderMark = "\ufeff"

// noObject is the error for a body that does not begin like an object. What it is instead
// shows in its bytes, whatever its content type says.
func (p *parser) noObject() error {
	const right = "send a JSON object, such as {\"name\": \"value\"}"
	text := p.text[p.at:]
	if inner := (parser{text: text}); text[0] == '"' {
		if content, err := inner.string(); err == nil && strings.HasPrefix(strings.TrimSpace(content), "{") {
			return unsupported("The body is a JSON string that holds JSON, as if it was encoded twice: " + right)
		}
	}
	switch {
	case strings.HasPrefix(text, "--") && strings.Contains(text, "Content-Disposition"):
		return unsupported("The body is a multipart form: " + right)
	case formFields.MatchString(text):
		return unsupported("The body is a form: " + right)
	}
	return wrong("", "The body must be a JSON object, such as {\"name\": \"value\"}")
}

// formFields are the names and values of a form that is sent without files.
var formFields = regexp.MustCompile(`^[\w.\-+%\[\]]+=[^\s"{}]*\s*$`)

func unsupported(message string) *problem {
	return &problem{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type", message: message}
}

// refused is the error for what is valid JSON but not accepted.
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

// next skips a character that must come next.
func (p *parser) next(c byte, where string) error {
	if p.at >= len(p.text) || p.text[p.at] != c {
		return p.unexpected(where)
	}
	p.at++
	return nil
}

// is skips a character if it comes next.
func (p *parser) is(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// value reads the value at the parser's position; path names it in errors.
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
	switch p.text[p.at] {
	case '{':
		return p.object(depth, path)
	case '[':
		return p.array(depth, path)
	}
	return p.scalar()
}

// scalar reads a value that has no values in it.
func (p *parser) scalar() (value, error) {
	switch p.text[p.at] {
	case '"':
		text, err := p.string()
		return value{kind: kindString, text: text}, err
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
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
		name, err := p.string()
		switch {
		case err != nil:
			return v, err
		case !utf8.ValidString(name):
			return v, refused(path, "has a name with "+halfText)
		}
		inside := under(path, name)
		if seen.has(v.members, name) {
			return v, wrong(inside, "is given twice")
		}
		if len(v.members) == maxMembers {
			return v, refused(path, "has more than "+strconv.Itoa(maxMembers)+" fields")
		}
		p.space()
		if err := p.next(':', "after a name"); err != nil {
			return v, err
		}
		p.space()
		read := p.value
		if depth == 0 && slices.Contains(p.tolerant, name) {
			read = p.tolerated
		}
		content, err := read(depth+1, inside)
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

// tolerated reads the value of a tolerant field.
func (p *parser) tolerated(depth int, path string) (value, error) {
	if p.at < len(p.text) && (p.text[p.at] == '{' || p.text[p.at] == '[') {
		return value{kind: kindObject}, p.skip()
	}
	return p.value(depth, path)
}

// skip reads over a value, however deep and large it is.
func (p *parser) skip() error {
	var open []byte // the ends of what has begun
	for {
		if p.at >= len(p.text) {
			return p.unexpected("")
		}
		switch c := p.text[p.at]; c {
		case '{', '[':
			p.at++
			open = append(open, c+2) // in ASCII, what ends it
			p.space()
			if p.at < len(p.text) && p.text[p.at] == c+2 {
				break
			}
			if err := p.skipName(c == '{'); err != nil {
				return err
			}
			continue
		default:
			if _, err := p.scalar(); err != nil {
				return err
			}
			p.space()
		}
		for len(open) > 0 && p.is(open[len(open)-1]) {
			open = open[:len(open)-1]
			p.space()
		}
		if len(open) == 0 {
			return nil
		}
		if err := p.next(',', "after a value"); err != nil {
			return err
		}
		p.space()
		if err := p.skipName(open[len(open)-1] == '}'); err != nil {
			return err
		}
	}
}

// skipName reads over the name of a value and what follows it, in an object.
func (p *parser) skipName(inObject bool) error {
	if !inObject {
		return nil
	}
	if p.at >= len(p.text) || p.text[p.at] != '"' {
		return p.unexpected("where a name should be")
	}
	if _, err := p.string(); err != nil {
		return err
	}
	p.space()
	if err := p.next(':', "after a name"); err != nil {
		return err
	}
	p.space()
	return nil
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

// names says which names an object already has.
type names map[string]bool

// has reports whether the members so far include name. While they are few it searches
// them; then n remembers their names, and name too.
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

// digits skips digits and reports whether there were any.
func (p *parser) digits() bool {
	begin := p.at
	for p.at < len(p.text) && '0' <= p.text[p.at] && p.text[p.at] <= '9' {
		p.at++
	}
	return p.at > begin
}
