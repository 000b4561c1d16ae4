package httpapi

import (
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// A body is the object that a request carries. A call asks for each field that
// it knows by the method for what the field is; end then finds what it did not
// ask for, and gives the first thing that was wrong. In the meantime a wrong
// field reads as if it were absent.
//
// Fields of a new thing may be null, which is the same as absent. Fields of a
// change are pointers, nil when absent, and may not be null, unless null means
// something: those are refgrow.Null.
type body struct {
	members []member
	inside  string // the name of the field that the object is, "" for the whole body
	lenient bool
	asked   []string
	found   int
	first   error
}

// find gives the value of a field, nil when it is absent.
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

// optional gives the value of a field that may be absent or null, else nil.
func (b *body) optional(name string, of kind) *value {
	v := b.find(name)
	if v == nil || v.kind == kindNull {
		return nil
	}
	return b.check(name, v, of)
}

// changed gives the value of a field that may be absent but not null.
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

// cleared reports whether a field is null, and gives its value if it has one.
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
	if v.kind == of {
		return v
	}
	switch of {
	case kindString:
		b.fail(name, "must be a string")
	case kindNumber:
		if v.kind == kindString {
			b.fail(name, "must be a number, without quotes around it")
		} else {
			b.fail(name, "must be a number")
		}
	case kindBool:
		b.fail(name, "must be true or false")
	case kindObject, kindArray, kindNull:
		b.fail(name, "must be an object")
	}
	return nil
}

// full gives a text that is there, and refuses an empty one: it could mean that
// the field is absent, or that it is to be cleared.
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

// text is an optional text of a new thing, "" when absent.
func (b *body) text(name string) string {
	if text := b.full(name, b.optional(name, kindString)); text != nil {
		return *text
	}
	return ""
}

// required is a text that a new thing must have.
func (b *body) required(name string) string {
	v := b.find(name)
	switch {
	case v == nil || v.kind == kindNull:
		b.fail(name, "is required")
	case b.check(name, v, kindString) == nil:
	case v.text == "":
		b.fail(name, "must not be empty")
	default:
		return v.text
	}
	return ""
}

// newText is the text that a field is changed to.
func (b *body) newText(name string) *string {
	v := b.changed(name, kindString)
	if v != nil && v.text == "" {
		b.fail(name, "must not be empty")
		return nil
	}
	return b.full(name, v)
}

// nullText is the text that a field is changed to, or null.
func (b *body) nullText(name string) refgrow.Null[string] {
	v, null := b.cleared(name, kindString)
	return three(b.full(name, v), null)
}

// id is an optional id in a new thing, 0 when absent.
func (b *body) id(name string) int64 {
	if id := b.positive(name, b.optional(name, kindNumber)); id != nil {
		return *id
	}
	return 0
}

// requiredID is an id that a new thing must have.
func (b *body) requiredID(name string) int64 {
	v := b.find(name)
	if v == nil || v.kind == kindNull {
		b.fail(name, "is required")
		return 0
	}
	if id := b.positive(name, b.check(name, v, kindNumber)); id != nil {
		return *id
	}
	return 0
}

// newID is the id that a field is changed to.
func (b *body) newID(name string) *int64 { return b.positive(name, b.changed(name, kindNumber)) }

// nullID is the id that a field is changed to, or null.
func (b *body) nullID(name string) refgrow.Null[int64] {
	v, null := b.cleared(name, kindNumber)
	return three(b.positive(name, v), null)
}

func (b *body) positive(name string, v *value) *int64 {
	if v == nil {
		return nil
	}
	id, ok := positive(v.text)
	if !ok {
		b.fail(name, mustBeID)
		return nil
	}
	return &id
}

const mustBeID = "must be a positive integer"

// positive reads an id: digits alone, without zeros before them.
func positive(text string) (id int64, ok bool) {
	if text == "" || text[0] < '1' || text[0] > '9' {
		return 0, false
	}
	id, err := strconv.ParseInt(text, 10, 64)
	return id, err == nil
}

// flag is an optional truth in a new thing, false when absent.
func (b *body) flag(name string) bool {
	v := b.optional(name, kindBool)
	return v != nil && v.text == "true"
}

// newFlag is the truth that a field is changed to.
func (b *body) newFlag(name string) *bool {
	if v := b.changed(name, kindBool); v != nil {
		return new(v.text == "true")
	}
	return nil
}

// number is an optional number in a new thing, nil when absent.
func (b *body) number(name string) *money.Decimal {
	return b.decimal(name, b.optional(name, kindNumber))
}

// newNumber is the number that a field is changed to.
func (b *body) newNumber(name string) *money.Decimal {
	return b.decimal(name, b.changed(name, kindNumber))
}

// nullNumber is the number that a field is changed to, or null.
func (b *body) nullNumber(name string) (number *money.Decimal, null bool) {
	v, null := b.cleared(name, kindNumber)
	return b.decimal(name, v), null
}

func (b *body) decimal(name string, v *value) *money.Decimal {
	if v == nil {
		return nil
	}
	number, err := money.ParseDecimal(v.text)
	if err != nil {
		b.fail(name, err.Error())
		return nil
	}
	return &number
}

// currency is an optional currency in a new thing, "" when absent.
func (b *body) currency(name string) money.Currency {
	if c := b.parseCurrency(name, b.full(name, b.optional(name, kindString))); c != nil {
		return *c
	}
	return ""
}

// newCurrency is the currency that a field is changed to.
func (b *body) newCurrency(name string) *money.Currency {
	return b.parseCurrency(name, b.newText(name))
}

func (b *body) parseCurrency(name string, text *string) *money.Currency {
	if text == nil {
		return nil
	}
	c, err := money.ParseCurrency(*text)
	if err != nil {
		b.fail(name, err.Error())
		return nil
	}
	return &c
}

// nullObject is an object inside the body, nil when it is absent or null. What is
// wrong in it shows when within is called.
func (b *body) nullObject(name string) (inner *body, null bool) {
	v, null := b.cleared(name, kindObject)
	if v == nil {
		return nil, null
	}
	return &body{members: v.members, inside: b.path(name), lenient: b.lenient}, false
}

// within takes over what is wrong inside an object that has to have a field.
func (b *body) within(inner *body) {
	if err := inner.change(); err != nil && b.first == nil {
		b.first = err
	}
}

// end gives the first thing that is wrong with the body.
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
		return refused(b.inside, "has no field that can be changed; there are "+strings.Join(b.asked, ", "))
	}
	return nil
}

// unknown finds a field that was not asked for. It goes before everything else
// that is wrong: a required field may be missing because its name is misspelled.
func (b *body) unknown() error {
	if b.lenient || b.found == len(b.members) {
		return nil
	}
	for i := range b.members {
		if m := &b.members[i]; !m.taken {
			return wrong(b.path(m.name), unknownName(m.name, "field", b.asked))
		}
	}
	return nil
}

// unknownName tells somebody who used a name that is not known which ones are.
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

// three makes a three-state field.
func three[T any](v *T, null bool) refgrow.Null[T] {
	switch {
	case v != nil:
		return refgrow.Set(*v)
	case null:
		return refgrow.Clear[T]()
	}
	return refgrow.Null[T]{}
}

// as gives a text the type that the engine has for it.
func as[T ~string](text *string) *T {
	if text == nil {
		return nil
	}
	return new(T(*text))
}
