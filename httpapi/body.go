package httpapi

import (
	"strings"
	"unicode/utf8"
)

// A body is the object that a request carries. A call asks for each field that it knows
// with the method for the field's type; end then finds what it did not ask for, and
// returns the first thing that was wrong. Until then a wrong field reads as if it were
// absent.
//
// Fields of a new thing may be null, which is the same as absent. Fields of a
// change are pointers, nil when absent, and may not be null, unless null means
// something: those are refgrow.Null.
type body struct {
	members []member
	inside  string    // the name of the field that the object is, "" for the whole body
	ignored *[]string // where unknown fields are noted that are ignored, nil if they are errors
	asked   []string
	found   int
	first   error
}

// find returns the value of a field, nil when it is absent.
func (b *body) find(name string) *value {
	b.asked = append(b.asked, name)
	for i := range b.members {
		if m := &b.members[i]; m.name == name {
			m.taken = true
			b.found++
			return &m.value
		}
	}
	return nil
}

// fail notes what is wrong with a field.
func (b *body) fail(name, message string) {
	if b.first == nil {
		b.first = wrong(b.path(name), message)
	}
}

func (b *body) path(name string) string { return under(b.inside, name) }

// optional returns the value of a field that may be absent or null: then it is nil.
func (b *body) optional(name string, of kind) *value {
	v := b.find(name)
	if v == nil || v.kind == kindNull {
		return nil
	}
	return b.check(name, v, of)
}

// changed returns the value of a field that may be absent but not null.
func (b *body) changed(name string, of kind) *value {
	v := b.find(name)
	if v == nil {
		return nil
	}
	if v.kind == kindNull {
		b.fail(name, "must not be null: leave it out to keep it as it is")
		return nil
	}
	return b.check(name, v, of)
}

// cleared reports whether a field is null, and returns its value if it has one.
func (b *body) cleared(name string, of kind) (v *value, null bool) {
	if v = b.find(name); v == nil {
		return nil, false
	}
	if v.kind == kindNull {
		return nil, true
	}
	return b.check(name, v, of), false
}

func (b *body) check(name string, v *value, of kind) *value {
	switch {
	case v.kind == kindString && of == kindString && !utf8.ValidString(v.text):
		b.fail(name, "has "+halfText)
		return nil
	case v.kind == of:
		return v
	case v.kind == kindString && of == kindNumber && isNumber(v.text),
		v.kind == kindString && of == kindBool && (v.text == "true" || v.text == "false"):
		// What many languages and all forms send.
		return &value{kind: of, text: v.text}
	}
	switch of {
	case kindString:
		b.fail(name, "must be a string")
	case kindNumber:
		b.fail(name, "must be a number")
	case kindBool:
		b.fail(name, "must be true or false")
	case kindArray:
		b.fail(name, mustBeTexts)
	case kindObject, kindNull:
		b.fail(name, "must be an object")
	}
	return nil
}

// isNumber reports whether a text is a JSON number and nothing else.
func isNumber(text string) bool {
	p := parser{text: text}
	v, err := p.number()
	return err == nil && v.text == text
}

// fixed refuses a field that one might expect in a change, and says what to do
// instead.
func (b *body) fixed(name, instead string) {
	for i := range b.members {
		if m := &b.members[i]; m.name == name {
			m.taken = true
			b.found++
			b.fail(name, instead)
		}
	}
}

// full returns a text that is present, and refuses an empty one: it could mean that the
// field is absent, or that it is to be cleared.
func (b *body) full(name string, v *value) *string {
	if v == nil {
		return nil
	}
	if v.text == "" {
		b.fail(name, "must not be empty: leave it out or send null")
		return nil
	}
	return &v.text
}

// end returns the first thing that is wrong with the body.
func (b *body) end() error {
	if err := b.unknown(); err != nil {
		return err
	}
	return b.first
}

// change is end for a body that has to name something to change.
func (b *body) change() error {
	if err := b.end(); err != nil {
		return err
	}
	if b.found == 0 {
		return refused(b.inside, "has no field that can be changed; it can have "+strings.Join(b.asked, ", "))
	}
	return nil
}

// unknown finds a field that was not asked for. It comes before everything else that is
// wrong: a required field may be missing because its name is misspelled.
func (b *body) unknown() error {
	if b.found == len(b.members) {
		return nil
	}
	for i := range b.members {
		m := &b.members[i]
		switch {
		case m.taken:
		case b.ignored == nil:
			return wrong(b.path(m.name), unknownName(m.name, "field", b.asked))
		default:
			*b.ignored = append(*b.ignored, b.path(m.name))
		}
	}
	return nil
}

// unknownName tells whoever used an unknown name which ones are known.
func unknownName(name, what string, known []string) string {
	for _, right := range known {
		if strings.EqualFold(name, right) {
			return "is not a " + what + " of this call; it is written " + right
		}
	}
	if len(known) == 0 {
		return "is not a " + what + " of this call, which takes none"
	}
	return "is not a " + what + " of this call, which takes " + strings.Join(known, ", ")
}
