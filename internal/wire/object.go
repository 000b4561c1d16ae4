// Package wire writes JSON as the REST API and the webhooks show it: by hand, so
// that amounts are exact and lists cost few allocations.
package wire

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow/money"
)

// An Object is JSON in the making: its members are appended one by one, in the
// order in which clients see them. Names are constants of the caller and are not
// escaped.
type Object struct {
	// B is what was written so far. A value that no method writes is appended to it
	// after Member.
	B []byte
}

// Begin appends the opening brace of an object to b.
func Begin(b []byte) Object { return Object{append(b, '{')} }

// End closes the object and returns all of it.
func (o *Object) End() []byte { return append(o.B, '}') }

// Member begins the next member; its value has to be appended to B.
func (o *Object) Member(name string) {
	if o.B[len(o.B)-1] != '{' {
		o.B = append(o.B, ',')
	}
	o.B = append(o.B, '"')
	o.B = append(o.B, name...)
	o.B = append(o.B, '"', ':')
}

// Null appends a member that is null.
func (o *Object) Null(name string) {
	o.Member(name)
	o.B = append(o.B, "null"...)
}

// Flag appends a member that is true or false.
func (o *Object) Flag(name string, value bool) {
	o.Member(name)
	o.B = strconv.AppendBool(o.B, value)
}

// Integer appends a member that is a whole number.
func (o *Object) Integer(name string, value int64) {
	o.Member(name)
	o.B = strconv.AppendInt(o.B, value, 10)
}

// OptionalInteger appends a whole number, or null if it is absent.
func (o *Object) OptionalInteger(name string, value *int64) {
	if value == nil {
		o.Null(name)
		return
	}
	o.Integer(name, *value)
}

// ID appends an id, or null for 0, which is nobody's id.
func (o *Object) ID(name string, value int64) {
	if value == 0 {
		o.Null(name)
		return
	}
	o.Integer(name, value)
}

// Text appends a member that is a string.
func (o *Object) Text(name, value string) {
	o.Member(name)
	o.B = AppendText(o.B, value)
}

// Optional appends a string, or null if it is empty.
func (o *Object) Optional(name, value string) {
	if value == "" {
		o.Null(name)
		return
	}
	o.Text(name, value)
}

// Texts appends a list of texts.
func (o *Object) Texts(name string, values []string) {
	o.Member(name)
	o.B = append(o.B, '[')
	for i, value := range values {
		if i > 0 {
			o.B = append(o.B, ',')
		}
		o.B = AppendText(o.B, value)
	}
	o.B = append(o.B, ']')
}

// Number appends an amount as a JSON number in its shortest form, or null if there is
// none.
func (o *Object) Number(name string, value money.Amount) {
	if !value.IsSet() {
		o.Null(name)
		return
	}
	o.Member(name)
	o.B = value.AppendNumber(o.B)
}

// Decimal appends an amount as a string with its currency's decimals.
func (o *Object) Decimal(name string, value money.Amount) {
	o.Member(name)
	o.B = append(o.B, '"')
	o.B = value.AppendDecimal(o.B)
	o.B = append(o.B, '"')
}

// Instant appends a time, in UTC with milliseconds.
func (o *Object) Instant(name string, value time.Time) {
	o.Member(name)
	value = value.UTC()
	o.B = value.AppendFormat(append(o.B, '"'), time.RFC3339) // Go writes this form much faster than others
	millis := value.Nanosecond() / int(time.Millisecond)
	o.B = append(o.B[:len(o.B)-len("Z")], '.', digit(millis/100), digit(millis/10), digit(millis), 'Z', '"')
}

// digit is the last decimal digit of a number.
func digit(n int) byte { return byte('0' + n%10) }

// OptionalInstant appends a time, or null if it is absent.
func (o *Object) OptionalInstant(name string, value *time.Time) {
	if value == nil {
		o.Null(name)
		return
	}
	o.Instant(name, *value)
}

// Merge appends the members of the object that write appends to its argument.
func (o *Object) Merge(write func([]byte) []byte) {
	start := len(o.B)
	o.B = write(o.B)
	o.B = o.B[:len(o.B)-1] // its closing brace
	if o.B[start-1] == '{' || len(o.B) == start+1 {
		o.B = append(o.B[:start], o.B[start+1:]...)
		return
	}
	o.B[start] = ','
}

// AppendList appends things to b as an array of objects, each with the members that show
// writes.
func AppendList[T any](b []byte, things []T, show func(*Object, *T)) []byte {
	b = append(b, '[')
	for i := range things {
		if i > 0 {
			b = append(b, ',')
		}
		item := Begin(b)
		show(&item, &things[i])
		b = item.End()
	}
	return append(b, ']')
}

// PayoutPreferences appends those of an affiliate's preferences that are set, and no
// member if none is.
func (o *Object) PayoutPreferences(payPalEmail, wiseAccountID, wiseEmail, wiseName string) {
	if payPalEmail == "" && wiseAccountID == "" && wiseEmail == "" && wiseName == "" {
		return
	}
	o.Member("payout_preferences")
	inner := Begin(o.B)
	if payPalEmail != "" {
		inner.Text("paypal_email", payPalEmail)
	}
	if wiseAccountID != "" || wiseEmail != "" {
		inner.Member("wise_details")
		wise := Begin(inner.B)
		if wiseAccountID != "" {
			wise.Text("accountId", wiseAccountID)
		}
		if wiseEmail != "" {
			wise.Text("email", wiseEmail)
		}
		inner.B = wise.End()
	}
	if wiseName != "" {
		inner.Text("wise_name", wiseName)
	}
	o.B = inner.End()
}

// AppendText appends a text to b as a JSON string. Bytes that are not UTF-8 become
// U+FFFD. U+2028 and U+2029 are escaped, since they end a line in JavaScript.
func AppendText(b []byte, text string) []byte {
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
