package httpapi

import (
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow"
)

// A query is the part of a request's address behind the question mark. It is
// read in the manner of a body: what was not asked for is found in the end.
type query struct {
	params []param
	asked  []string
	first  error
}

type param struct {
	name, value string
	taken       bool
}

// newQuery takes a query apart, more strictly than net/url: a parameter that
// comes twice, a malformed escape and bytes that are not UTF-8 are errors.
func newQuery(raw string) *query {
	q := &query{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		decoded, ok := unescape(name)
		if !ok {
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

// find gives the value of a parameter, or reports that it is not there.
func (q *query) find(name string) (text string, ok bool) {
	q.asked = append(q.asked, name)
	for i := range q.params {
		p := &q.params[i]
		switch {
		case p.name != name:
		case ok:
			p.taken = true
			q.fail(name, "is there twice")
		default:
			p.taken = true
			text, ok = p.value, true
		}
	}
	if ok && text == "" {
		q.fail(name, "must not be empty: leave it out")
		return "", false
	}
	return text, ok
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
	case text == "true":
		return new(true)
	case text == "false":
		return new(false)
	default:
		q.fail(name, "must be true or false")
	}
	return nil
}

// instant is an instant of RFC 3339 or a day, which means its first instant in
// UTC. It is zero when absent, and only then.
func (q *query) instant(name string) time.Time {
	text, ok := q.find(name)
	if !ok {
		return time.Time{}
	}
	t, ok := instantOf(text)
	if !ok {
		message := mustBeInstant
		if strings.Contains(text, " ") {
			message += "; write the + of a time zone as %2B"
		}
		q.fail(name, message)
	}
	return t
}

const mustBeInstant = "must be a date such as 2024-07-29, or an instant such as 2024-07-29T13:00:00Z"

// instantOf reads an instant of RFC 3339 or a day, which means its first instant
// in UTC. The zero time, which stands for none, is not among them.
func instantOf(text string) (t time.Time, ok bool) {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		err = t.UnmarshalText([]byte(text))
	}
	switch {
	case err != nil:
		return time.Time{}, false
	case t.IsZero():
		t = t.Add(time.Nanosecond)
	}
	return t, true
}

// month is a calendar month that has to be there: its first instant in UTC.
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
		if at.limit, ok = whole(text); !ok || at.limit < 1 || at.limit > refgrow.MaxLimit {
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

// total is how many things the list has in all. Where the page is the last one,
// it tells by itself.
func (at paging) total(shown int, more bool, count func() (int64, error)) (int64, error) {
	upToHere := int64(at.offset) + int64(shown)
	switch {
	case at.cursor != "":
		return 0, nil // not told
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

// end gives the first thing that is wrong with the query.
func (q *query) end() error {
	for i := range q.params {
		if p := &q.params[i]; !p.taken {
			return wrong(shortened(p.name), unknownName(p.name, "query parameter", q.asked))
		}
	}
	return q.first
}
