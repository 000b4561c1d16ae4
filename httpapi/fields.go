package httpapi

import (
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// text is an optional text of a new thing, "" when absent.
func (b *body) text(name string) string {
	if text := b.full(name, b.optional(name, kindString)); text != nil {
		return *text
	}
	return ""
}

// tolerant is an optional text of a sale that is recorded without it, "" when absent. A
// number is its digits. What is no text at all is left out, and named in leftOut.
func (b *body) tolerant(name string, leftOut *[]string) string {
	v := b.find(name)
	if v == nil {
		return ""
	}
	switch v.kind {
	case kindString, kindNumber:
		return v.text
	case kindBool, kindArray, kindObject:
		*leftOut = append(*leftOut, name)
	case kindNull:
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

// reported is an optional text that somebody's browser reported, "" when absent: here
// an empty text is the same.
func (b *body) reported(name string) string {
	if v := b.optional(name, kindString); v != nil {
		return v.text
	}
	return ""
}

// nullText is the text that a field is changed to, or null.
func (b *body) nullText(name string) refgrow.Null[string] {
	v, null := b.cleared(name, kindString)
	return three(b.full(name, v), null)
}

// texts is an optional list of texts in a new thing, nil when absent.
func (b *body) texts(name string) []string { return b.elements(name, b.optional(name, kindArray)) }

// newTexts is the list of texts that a field is changed to, nil when absent.
func (b *body) newTexts(name string) []string { return b.elements(name, b.changed(name, kindArray)) }

const mustBeTexts = "must be an array of strings"

func (b *body) elements(name string, v *value) []string {
	if v == nil {
		return nil
	}
	texts := make([]string, len(v.members))
	for i := range v.members {
		content := &v.members[i].value
		if content.kind != kindString || !utf8.ValidString(content.text) {
			b.fail(name, mustBeTexts)
			return nil
		}
		texts[i] = content.text
	}
	return texts
}

// id is an optional id in a new thing, 0 when absent.
func (b *body) id(name string) int64 {
	if id := b.positive(name, b.optional(name, kindNumber)); id != nil {
		return *id
	}
	return 0
}

// ids is an optional list of ids in a new thing, nil when absent.
func (b *body) ids(name string) []int64 {
	v := b.find(name)
	switch {
	case v == nil || v.kind == kindNull:
		return nil
	case v.kind != kindArray:
		b.fail(name, mustBeIDs)
		return nil
	}
	ids := make([]int64, len(v.members))
	for i := range v.members {
		content := &v.members[i].value
		id, ok := positive(content.text)
		if content.kind != kindNumber && content.kind != kindString || !ok {
			b.fail(name, mustBeIDs)
			return nil
		}
		ids[i] = id
	}
	return ids
}

const mustBeIDs = "must be an array of ids, which are positive integers"

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

// flag is an optional boolean in a new thing, false when absent.
func (b *body) flag(name string) bool {
	v := b.optional(name, kindBool)
	return v != nil && v.text == "true"
}

// newFlag is the boolean that a field is changed to.
func (b *body) newFlag(name string) *bool {
	if v := b.changed(name, kindBool); v != nil {
		return new(v.text == "true")
	}
	return nil
}

func orFalse(flag *bool) bool { return flag != nil && *flag }

// newWhole is the whole number of 0 or more that a field is changed to.
func (b *body) newWhole(name string) *int {
	v := b.changed(name, kindNumber)
	if v == nil {
		return nil
	}
	n, ok := whole(v.text)
	if !ok {
		b.fail(name, "must be a whole number of 0 or more")
		return nil
	}
	return &n
}

// instant is an optional instant in a new thing, in the forms that a query takes too,
// of which the Unix ones may be numbers; zero when absent, and only then.
func (b *body) instant(name string) time.Time {
	v := b.find(name)
	if v == nil || v.kind == kindNull {
		return time.Time{}
	}
	if v.kind != kindNumber && b.check(name, v, kindString) == nil {
		return time.Time{}
	}
	text := b.full(name, v)
	if text == nil {
		return time.Time{}
	}
	t, err := refgrow.ParseInstant(*text)
	if err != nil {
		b.fail(name, err.Error())
	}
	return t
}

// address is an optional IP address in a new thing. It is not valid when absent.
func (b *body) address(name string) netip.Addr {
	text := b.full(name, b.optional(name, kindString))
	if text == nil {
		return netip.Addr{}
	}
	address, err := netip.ParseAddr(*text)
	if err != nil || address.Zone() != "" {
		b.fail(name, "must be an IP address such as 203.0.113.9 or 2001:db8::9, without a port")
		return netip.Addr{}
	}
	return address
}

// number is an optional number in a new thing, nil when absent.
func (b *body) number(name string) *money.Decimal {
	return b.decimal(name, b.optional(name, kindNumber))
}

// requiredNumber is a number that a new thing must have.
func (b *body) requiredNumber(name string) money.Decimal {
	v := b.find(name)
	if v == nil || v.kind == kindNull {
		b.fail(name, "is required")
		return money.Decimal{}
	}
	if number := b.decimal(name, b.check(name, v, kindNumber)); number != nil {
		return *number
	}
	return money.Decimal{}
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
	return &body{members: v.members, inside: b.path(name), ignored: b.ignored}, false
}

// within takes over what is wrong inside an object that has to have a field.
func (b *body) within(inner *body) { b.takeOver(inner.change()) }

// objects is an optional list of 1 to most objects in a new thing, nil when absent.
// What is wrong in one of them shows when each is called.
func (b *body) objects(name string, most int) []*body {
	v := b.find(name)
	switch {
	case v == nil || v.kind == kindNull:
		return nil
	case v.kind != kindArray:
		b.fail(name, "must be an array of objects")
		return nil
	case len(v.members) == 0 || len(v.members) > most:
		b.fail(name, "must have 1 to "+strconv.Itoa(most)+" elements")
		return nil
	}
	list := make([]*body, len(v.members))
	for i := range v.members {
		content, at := &v.members[i].value, element(name, i)
		if content.kind != kindObject {
			b.fail(at, "must be an object")
		}
		list[i] = &body{members: content.members, inside: b.path(at), ignored: b.ignored}
	}
	return list
}

// requiredObjects is a list of 1 to most objects that a call must have.
func (b *body) requiredObjects(name string, most int) []*body {
	list := b.objects(name, most)
	if list == nil {
		b.fail(name, "is required: 1 to "+strconv.Itoa(most)+" objects")
	}
	return list
}

// each takes over what is wrong inside an object of a list.
func (b *body) each(inner *body) { b.takeOver(inner.end()) }

func (b *body) takeOver(err error) {
	if err != nil && b.first == nil {
		b.first = err
	}
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

// as converts a text to the type that the engine has for it.
func as[T ~string](text *string) *T {
	if text == nil {
		return nil
	}
	return new(T(*text))
}
