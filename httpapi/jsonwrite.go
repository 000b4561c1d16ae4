package httpapi

import (
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
)

// An object is JSON in the making: its members are appended one by one, in the
// order in which clients see them. The names are constants of this package and
// are not escaped.
type object struct{ b []byte }

func beginObject(b []byte) object { return object{append(b, '{')} }

func (o *object) end() []byte { return append(o.b, '}') }

// member begins the next one; its value has to be appended to o.b.
func (o *object) member(name string) {
	if o.b[len(o.b)-1] != '{' {
		o.b = append(o.b, ',')
	}
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

func (o *object) null(name string) {
	o.member(name)
	o.b = append(o.b, "null"...)
}

func (o *object) flag(name string, value bool) {
	o.member(name)
	o.b = strconv.AppendBool(o.b, value)
}

func (o *object) integer(name string, value int64) {
	o.member(name)
	o.b = strconv.AppendInt(o.b, value, 10)
}

// optionalInteger shows one that is absent as null.
func (o *object) optionalInteger(name string, value *int64) {
	if value == nil {
		o.null(name)
		return
	}
	o.integer(name, *value)
}

// id shows 0, which is nobody's id, as null.
func (o *object) id(name string, value int64) {
	if value == 0 {
		o.null(name)
		return
	}
	o.integer(name, value)
}

func (o *object) text(name, value string) {
	o.member(name)
	o.b = appendText(o.b, value)
}

// optional shows a text that is absent as null.
func (o *object) optional(name, value string) {
	if value == "" {
		o.null(name)
		return
	}
	o.text(name, value)
}

// number shows an amount as a JSON number in its shortest form, and none as null.
func (o *object) number(name string, value money.Amount) {
	if !value.IsSet() {
		o.null(name)
		return
	}
	o.member(name)
	o.b = value.AppendNumber(o.b)
}

// decimal shows an amount as a string with its currency's decimals.
func (o *object) decimal(name string, value money.Amount) {
	o.member(name)
	o.b = append(o.b, '"')
	o.b = value.AppendDecimal(o.b)
	o.b = append(o.b, '"')
}

func (o *object) instant(name string, value time.Time) {
	o.member(name)
	o.b = value.UTC().AppendFormat(o.b, `"2006-01-02T15:04:05.000Z"`)
}

func (o *object) optionalInstant(name string, value *time.Time) {
	if value == nil {
		o.null(name)
		return
	}
	o.instant(name, *value)
}

// appendText puts a text behind b as a JSON string. Bytes that are not UTF-8
// become U+FFFD. U+2028 and U+2029 are escaped, since they end a line in
// JavaScript.
func appendText(b []byte, text string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	plain := 0 // where what is not yet appended begins
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		var escape string
		switch {
		case c == '"' || c == '\\':
			escape = `\` + text[i:i+1]
		case c < ' ':
			escape = `\u00` + string(hex[c>>4]) + string(hex[c&15])
		default:
			var r rune
			r, size = utf8.DecodeRuneInString(text[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				escape = `\ufffd`
			case r == '\u2028' || r == '\u2029':
				escape = `\u202` + string(hex[r&15])
			}
		}
		if escape != "" {
			b = append(b, text[plain:i]...)
			b = append(b, escape...)
			plain = i + size
		}
		i += size
	}
	b = append(b, text[plain:]...)
	return append(b, '"')
}

// one is the answer with one thing in it.
func one[T any](status int, thing T, show func(*object, T)) answer {
	o := beginObject(make([]byte, 0, 768))
	o.flag("success", true)
	o.member("data")
	data := beginObject(o.b)
	show(&data, thing)
	o.b = data.end()
	return answer{status: status, body: o.end()}
}

// list is the answer with the whole of a list that has no pages.
func list[T any](status int, things []T, show func(*object, *T)) answer {
	o := beginObject(make([]byte, 0, 256+256*len(things)))
	o.flag("success", true)
	o.member("data")
	o.b = appendList(o.b, things, show)
	return answer{status: status, body: o.end()}
}

// appendList puts things behind b as a JSON array of objects.
func appendList[T any](b []byte, things []T, show func(*object, *T)) []byte {
	b = append(b, '[')
	for i := range things {
		if i > 0 {
			b = append(b, ',')
		}
		item := beginObject(b)
		show(&item, &things[i])
		b = item.end()
	}
	return append(b, ']')
}

// many is the answer with a page of a list. count is asked only when the page
// does not show by itself how many there are.
func many[T any](at paging, page refgrow.Page[T], count func() (int64, error), show func(*object, *T)) (answer, error) {
	total, err := at.total(len(page.Items), page.Next != "", count)
	if err != nil {
		return answer{}, err
	}
	o := beginObject(make([]byte, 0, 256+512*len(page.Items)))
	o.flag("success", true)
	o.member("data")
	o.b = appendList(o.b, page.Items, show)
	o.member("pagination")
	p := beginObject(o.b)
	p.integer("limit", int64(at.limit))
	p.integer("offset", int64(at.offset))
	if at.cursor == "" {
		p.integer("total", total)
	} else {
		p.null("total")
	}
	p.flag("has_more", page.Next != "")
	p.optional("next_cursor", string(page.Next))
	o.b = p.end()
	return answer{status: http.StatusOK, body: o.end()}, nil
}
