package httpapi

import (
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow"
)

// A query is the part of a request's URL after the question mark. It is read like a
// body: what was not asked for is found at the end.
type query struct {
	params []param
	asked  []string
	first  error
	// ignored is where unknown parameters are noted that are ignored, nil if they are
	// errors. Then a limit above the largest one is the largest one.
	ignored *[]string
}

type param struct {
	name, value string
	taken       bool
}

// newQuery takes a query apart, more strictly than net/url: a parameter that occurs
// twice, a malformed escape and bytes that are not UTF-8 are errors. Parameters that begin
// with _ are there to get around caches, and mean nothing.
func newQuery(raw string, ignored *[]string) *query {
	q := &query{ignored: ignored}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		decoded, ok := unescape(name)
		switch {
		case strings.HasPrefix(decoded, "_"):
			continue
		case !ok:
			q.fail(shortened(strings.ToValidUTF8(name, "\ufffd")), "is not percent-encoded UTF-8")
			continue
		}
		name = decoded
		if value, ok = unescape(value); !ok {
			q.fail(shortened(name), "is not percent-encoded UTF-8")
			value = ""
		}
		if len(q.params) == maxMembers {
			q.fail("", "The query has more than "+strconv.Itoa(maxMembers)+" parameters")
			break
		}
		q.params = append(q.params, param{name: name, value: value})
	}
	return q
}

func unescape(text string) (string, bool) {
	decoded, err := url.QueryUnescape(text)
	return decoded, err == nil && utf8.ValidString(decoded)
}

func (q *query) fail(name, message string) {
	if q.first == nil {
		q.first = wrong(name, message)
	}
}

// find returns the value of a parameter, and reports whether it is present.
func (q *query) find(name string) (text string, ok bool) {
	text, ok = q.given(name)
	return text, ok && text != ""
}

// given is find for a parameter that may be empty.
func (q *query) given(name string) (text string, ok bool) {
	q.asked = append(q.asked, name)
	for i := range q.params {
		p := &q.params[i]
		switch {
		case p.name != name:
		case ok:
			p.taken = true
			q.fail(name, "is given twice")
		default:
			p.taken = true
			text, ok = p.value, true
		}
	}
	return text, ok
}

// name is what something in the list is called by, nil when absent. An empty one finds
// nothing: an app that has lost a name must not get the whole list for it.
func (q *query) name(name string) *string {
	text, ok := q.given(name)
	if !ok {
		return nil
	}
	return &text
}

// text is a parameter as it was sent, "" when absent.
func (q *query) text(name string) string {
	text, _ := q.find(name)
	return text
}

// id is a positive integer, 0 when absent.
func (q *query) id(name string) int64 {
	text, ok := q.find(name)
	if !ok {
		return 0
	}
	id, ok := positive(text)
	if !ok {
		q.fail(name, mustBeID)
	}
	return id
}

// flag is true or false, nil when absent.
func (q *query) flag(name string) *bool {
	switch text, ok := q.find(name); {
	case !ok:
	case text == "true" || text == "True" || text == "1":
		return new(true)
	case text == "false" || text == "False" || text == "0":
		return new(false)
	default:
		q.fail(name, "must be true or false")
	}
	return nil
}

// instant is an instant in a form that refgrow.ParseInstant reads. It is zero when
// absent, and only then.
func (q *query) instant(name string) time.Time {
	text, ok := q.find(name)
	if !ok {
		return time.Time{}
	}
	// A + that is not escaped arrives as a blank.
	t, err := refgrow.ParseInstant(strings.Replace(text, " ", "+", 1))
	if err != nil {
		q.fail(name, err.Error())
	}
	return t
}

// month is a required calendar month: its first instant in UTC.
func (q *query) month(name string) time.Time {
	text, ok := q.find(name)
	if !ok {
		q.fail(name, "is required: a month such as 2026-10")
		return time.Time{}
	}
	t, err := time.Parse(monthForm, text)
	if err != nil {
		q.fail(name, "must be a month such as 2026-10")
	}
	return t
}

const monthForm = "2006-01"

// A paging is the part of a list that is wanted.
type paging struct {
	limit, offset int
	cursor        refgrow.Cursor
}

// paging reads what every list takes.
func (q *query) paging(standard int) paging {
	at := paging{limit: standard}
	if text, ok := q.find("limit"); ok {
		at.limit, ok = whole(text)
		if q.ignored != nil {
			at.limit = min(at.limit, refgrow.MaxLimit)
		}
		if !ok || at.limit < 1 || at.limit > refgrow.MaxLimit {
			q.fail("limit", "must be a whole number from 1 to "+strconv.Itoa(refgrow.MaxLimit))
		}
	}
	offset, hasOffset := q.find("offset")
	if hasOffset {
		var ok bool
		if at.offset, ok = whole(offset); !ok {
			q.fail("offset", "must be a whole number of 0 or more")
		}
	}
	cursor, ok := q.find("cursor")
	if ok && hasOffset {
		q.fail("cursor", "cannot be used together with offset")
	}
	at.cursor = refgrow.Cursor(cursor)
	return at
}

// whole reads a number of 0 or more: digits alone.
func whole(text string) (int, bool) {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// total is how many things the list has in all. The last page shows it without a count.
func (at paging) total(shown int, more bool, count func() (int64, error)) (int64, error) {
	upToHere := int64(at.offset) + int64(shown)
	switch {
	case at.cursor != "":
		return 0, nil // not shown
	case !more && (shown > 0 || at.offset == 0):
		return upToHere, nil
	}
	n, err := count()
	if more {
		// Things may have been deleted since the page was read.
		n = max(n, upToHere+1)
	}
	return n, err
}

// end returns the first thing that is wrong with the query.
func (q *query) end() error {
	for i := range q.params {
		p := &q.params[i]
		switch {
		case p.taken:
		case q.ignored == nil:
			return wrong(shortened(p.name), unknownName(p.name, "query parameter", q.asked))
		default:
			*q.ignored = append(*q.ignored, shortened(p.name))
		}
	}
	return q.first
}
