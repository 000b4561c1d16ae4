package refgrow

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"iter"
	"math"
	"slices"
	"sort"

	"github.com/refgrow-go/refgrow/internal/db"
)

// MaxLimit is the size of the largest page.
const MaxLimit = 500

// A Page is one part of a list, newest first.
type Page[T any] struct {
	Items []T
	// Next is the cursor of the following page, "" after the last one.
	Next Cursor
}

// A Cursor is opaque text that marks a place in a list. It stays valid while rows are
// being added, and belongs to the filters it was made with.
type Cursor string

// position is where a page begins: before this row in the order of created_at
// and id. The zero filter hash belongs to no list.
type position struct {
	filters uint64
	time    int64 // Unix milliseconds
	id      int64
}

var start = position{time: math.MaxInt64, id: math.MaxInt64} //nolint:gochecknoglobals // a constant in all but name

// follows reports whether a position comes after another in the order of the list.
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

// paging is where a page begins and how large it is, validated.
type paging struct {
	from    position
	filters uint64
	limit   int64
	offset  int64
}

// pageOf validates what the params of all lists have in common. filters are all values
// that narrow the list: a cursor is refused with any others.
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
		return p, invalid("cursor", "is not one that a list returned")
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

// fetch is how many rows to ask for: one more than the page has, which shows whether
// another page follows.
func (p paging) fetch() int64 { return p.limit + 1 }

// isBeyond reports whether a page begins behind the last row, of which the project's
// totals say how many there are at most: then nothing has to be read.
func (p paging) isBeyond(
	ctx context.Context, q db.Querier, project int64, atMost func(*db.ProjectTotals) int64,
) (bool, error) {
	if p.offset == 0 {
		return false, nil
	}
	totals, err := q.GetProjectTotals(ctx, project)
	return p.offset >= atMost(&totals), err
}

// within leaves out of the rows of a list what the page does not reach.
func within[R any](p paging, rows []R, at func(*R) (time, id int64)) []R {
	rows = rows[min(p.offset, int64(len(rows))):]
	return slices.DeleteFunc(rows, func(r R) bool {
		var here position
		here.time, here.id = at(&r)
		return !here.follows(p.from)
	})
}

// atMostOne is the list of what a unique name leads to, if it passes the other filters.
func atMostOne[R any](find func() (R, error), passes func(*R) bool) ([]R, error) {
	row, err := find()
	if err != nil || !passes(&row) {
		return nil, ignoring(err, sql.ErrNoRows)
	}
	return []R{row}, nil
}

// named is an optional name as a filter of pageOf: none differs from an empty one.
func named(name *string) string {
	if name == nil {
		return ""
	}
	return "=" + *name
}

// cut makes a page from the rows of a query that had fetch() as its limit. show fills
// an item of the page from its row.
func cut[R, T any](p paging, rows []R, at func(*R) (time, id int64), show func(*T, *R) error) (Page[T], error) {
	var page Page[T]
	// The rows come as the index of the page has them, which SQL does not promise.
	// Sorting what is sorted costs nothing.
	sort.Slice(rows, func(i, j int) bool {
		var one, other position
		one.time, one.id = at(&rows[i])
		other.time, other.id = at(&rows[j])
		return other.follows(one)
	})
	if int64(len(rows)) > p.limit {
		rows = rows[:p.limit]
		last := position{filters: p.filters}
		last.time, last.id = at(&rows[len(rows)-1])
		if !last.follows(p.from) { // or walking the list would never end
			return page, fmt.Errorf("%w: a list goes back from %d of %d to %d of %d",
				ErrDamaged, p.from.id, p.from.time, last.id, last.time)
		}
		page.Next = last.cursor()
	}
	items := make([]T, len(rows))
	for i := range rows {
		if err := show(&items[i], &rows[i]); err != nil {
			return Page[T]{}, err
		}
	}
	page.Items = items
	return page, nil
}

// shown adapts a function that shows a row to what cut needs.
func shown[R, T any](show func(*R) (*T, error)) func(*T, *R) error {
	return func(item *T, r *R) error {
		one, err := show(r)
		if err == nil {
			*item = *one
		}
		return err
	}
}

// sound is shown for a function that can show every row, whatever is in it.
func sound[R, T any](show func(*R) *T) func(*T, *R) error {
	return func(item *T, r *R) error {
		*item = *show(r)
		return nil
	}
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

// convert converts rows, such as those of one query to the type of another's.
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
