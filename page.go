package refgrow

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"iter"
	"math"
)

// MaxLimit is the largest page.
const MaxLimit = 500

// A Page is one part of a list, newest first.
type Page[T any] struct {
	Items []T
	// Next is the cursor of the following page, "" after the last one.
	Next Cursor
}

// A Cursor is opaque text that marks a place in a list. It stays right while
// rows are being added, and belongs to the filters it was made with.
type Cursor string

// position is where a page begins: before this row in the order of created_at
// and id. The zero filter hash belongs to no list.
type position struct {
	filters uint64
	time    int64 // Unix milliseconds
	id      int64
}

var start = position{time: math.MaxInt64, id: math.MaxInt64} //nolint:gochecknoglobals // a constant in all but name

// follows tells whether a row is one of those before a position.
func (p position) follows(from position) bool {
	return p.time < from.time || p.time == from.time && p.id < from.id
}

const cursorBytes = 24

func (p position) cursor() Cursor {
	b := make([]byte, 0, cursorBytes)
	b = binary.BigEndian.AppendUint64(b, p.filters)
	b = binary.BigEndian.AppendUint64(b, uint64(p.time)) //nolint:gosec // only the bits matter
	b = binary.BigEndian.AppendUint64(b, uint64(p.id))   //nolint:gosec // only the bits matter
	return Cursor(base64.RawURLEncoding.EncodeToString(b))
}

// paging is a list's validated place and size.
type paging struct {
	from    position
	filters uint64
	limit   int64
	offset  int64
}

// pageOf validates what the params of every list have in common. filters are
// all values that narrow the list, so that a cursor is refused with others.
func pageOf(list string, limit, standard int, after Cursor, offset int, filters ...any) (paging, error) {
	p := paging{from: start, filters: hashFilters(list, filters), limit: int64(limit), offset: int64(offset)}
	switch {
	case limit == 0:
		p.limit = int64(standard)
	case limit < 1 || limit > MaxLimit:
		return p, invalid("limit", "must be from 1 to %d", MaxLimit)
	}
	if offset < 0 {
		return p, invalid("offset", "must be 0 or more")
	}
	if after == "" {
		return p, nil
	}
	if offset != 0 {
		return p, invalid("cursor", "cannot be used together with offset")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(after))
	if err != nil || len(b) != cursorBytes {
		return p, invalid("cursor", "is not one that a list gave")
	}
	if binary.BigEndian.Uint64(b) != p.filters {
		return p, invalid("cursor", "was made by another list or with other filters")
	}
	p.from.time = int64(binary.BigEndian.Uint64(b[8:])) //nolint:gosec // only the bits matter
	p.from.id = int64(binary.BigEndian.Uint64(b[16:]))  //nolint:gosec // only the bits matter
	return p, nil
}

func hashFilters(list string, filters []any) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%q", list)
	for _, f := range filters {
		fmt.Fprintf(h, "|%q", fmt.Sprint(f))
	}
	return h.Sum64()
}

// fetch is how many rows to ask for: one more than the page shows whether
// another page follows.
func (p paging) fetch() int64 { return p.limit + 1 }

// cut makes a page of the rows of a query with fetch() as its limit.
func cut[R, T any](p paging, rows []R, at func(*R) (time, id int64), show func(*R) (*T, error)) (Page[T], error) {
	var page Page[T]
	if int64(len(rows)) > p.limit {
		rows = rows[:p.limit]
		last := position{filters: p.filters}
		last.time, last.id = at(&rows[len(rows)-1])
		if !last.follows(p.from) { // or walking the list would never end
			return page, fmt.Errorf("%w: a list goes back from %d of %d to %d of %d", ErrDamaged, p.from.id, p.from.time, last.id, last.time)
		}
		page.Next = last.cursor()
	}
	items := make([]T, len(rows))
	for i := range rows {
		item, err := show(&rows[i])
		if err != nil {
			return Page[T]{}, err
		}
		items[i] = *item
	}
	page.Items = items
	return page, nil
}

// sound is for rows that can be shown whatever is in them.
func sound[R, T any](show func(*R) *T) func(*R) (*T, error) {
	return func(r *R) (*T, error) { return show(r), nil }
}

// onward gives the id of the last of some rows, from which to go on. Rows in the order
// of their ids come behind the one that was last before them, unless their index is
// damaged: then going on might never end.
func onward(before, last int64) (int64, error) {
	if last <= before {
		return before, fmt.Errorf("%w: behind %d comes %d", ErrDamaged, before, last)
	}
	return last, nil
}

// all walks a list page by page. No rows are held open between the items.
func all[T any](list func(after Cursor) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var after Cursor
		for {
			page, err := list(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			after = page.Next
		}
	}
}

// convert gives rows of another query the type of the first one's.
func convert[A, B any](rows []A, to func(A) B) []B {
	converted := make([]B, len(rows))
	for i, row := range rows {
		converted[i] = to(row)
	}
	return converted
}

// textRange turns an optional exact filter into a closed range, which SQLite can
// plan once for both cases.
func textRange(text string) (from, to string) {
	if text == "" {
		return "", "\U0010FFFF"
	}
	return text, text
}
