package httpapi_test

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow"
)

// A fuzzedList is a list of the API, and what narrows it.
type fuzzedList struct {
	path    string
	filters map[string]filter
	// byID lists are in the order of ids alone, the others in that of time and id.
	byID bool
	all  []map[string]any // the whole list
}

// A filter returns what a parameter's value selects, nil for an invalid value.
type filter func(value string) func(item map[string]any) bool

// oneOf is a filter by one of several words.
func oneOf(member string, words ...string) filter {
	return func(value string) func(map[string]any) bool {
		if !slices.Contains(words, value) {
			return nil
		}
		return func(item map[string]any) bool { return asText(item[member]) == value }
	}
}

// byPositive is a filter by an id.
func byPositive(member string) filter {
	return func(value string) func(map[string]any) bool {
		if id, err := strconv.ParseInt(value, 10, 64); err != nil || id <= 0 || value != strconv.FormatInt(id, 10) {
			return nil
		}
		return func(item map[string]any) bool { return asText(item[member]) == value }
	}
}

// byName is a filter by a unique name, which may be empty and then selects nothing.
func byName(member string, form func(any) string) filter {
	return func(value string) func(map[string]any) bool {
		return func(item map[string]any) bool { return item[member] != nil && form(item[member]) == form(value) }
	}
}

// mayBeEmpty are the filters by a name.
var mayBeEmpty = []string{"reference", "referral_code", "external_id"}

// rfc3339 is an instant with all of its digits, and its zone, which may be missing.
var rfc3339 = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-](?:[01]\d|2[0-3]):\d\d)?$`)

// byTime is a filter by the time of creation.
func byTime(selects func(created, bound time.Time) bool) filter {
	return func(value string) func(map[string]any) bool {
		bound, err := time.Parse(time.DateOnly, value)
		if m := rfc3339.FindStringSubmatch(strings.ReplaceAll(value, " ", "+")); m != nil {
			bound, err = time.Parse(time.RFC3339, m[1]+cmp.Or(m[2], "Z")) // without a zone it is UTC
		}
		if err != nil {
			digits, err := strconv.ParseInt(value, 10, 64)
			switch {
			case err != nil || value[0] == '+' || value[0] == '-':
				return nil
			case len(value) == 10:
				bound = time.Unix(digits, 0)
			case len(value) == 13:
				bound = time.UnixMilli(digits)
			default:
				return nil
			}
		}
		return func(item map[string]any) bool { return selects(createdAt(item), bound) }
	}
}

func createdAt(item map[string]any) time.Time {
	t, err := time.Parse(time.RFC3339, text(item["created_at"]))
	if err != nil {
		panic(err) // which a fuzz target reports
	}
	return t
}

func codePart(value string) func(map[string]any) bool {
	if utf8.RuneCountInString(value) > 255 || strings.ContainsFunc(value, unicode.IsControl) ||
		value != "" && strings.TrimFunc(value, blank) == "" {
		return nil
	}
	return func(item map[string]any) bool { return strings.Contains(folded(item["coupon_code"]), folded(value)) }
}

func byProduct(value string) func(map[string]any) bool {
	return func(item map[string]any) bool { return item["product"] == value }
}

func fuzzedLists() []fuzzedList {
	status := func(words ...string) map[string]filter { return map[string]filter{"status": oneOf("status", words...)} }
	return []fuzzedList{
		{path: "/affiliates", filters: map[string]filter{
			"status": oneOf("status", "active", "inactive"), "referral_code": byName("referral_code", folded),
		}},
		{path: "/conversions", filters: map[string]filter{
			"reference": byName("reference", asText),
			"type":      oneOf("type", "signup", "purchase"), "paid": byFlag("paid"),
			"affiliate_id":     byPositive("affiliate_id"),
			"referred_user_id": byPositive("referred_user_id"),
			"from":             byTime(func(created, from time.Time) bool { return !created.Before(from) }),
			"to":               byTime(time.Time.Before),
		}},
		{path: "/referrals", filters: map[string]filter{
			"affiliate_id": byPositive("affiliate_id"),
			"external_id":  byName("external_id", asText),
			"status":       oneOf("conversion_status", "pending", "converted", "direct", "direct_signup"),
		}},
		{path: "/coupons", filters: map[string]filter{
			"affiliate_id": byPositive("affiliate_id"), "status": oneOf("status", "active", "inactive"),
			"coupon_code": codePart,
		}},
		{path: "/rules", filters: map[string]filter{"affiliate_id": byPositive("affiliate_id"), "product": byProduct}},
		{path: "/payouts", filters: map[string]filter{
			"affiliate_id": byPositive("affiliate_id"), "status": oneOf("status", "pending", "paid", "canceled"),
		}},
		{path: "/payouts/1/entries", byID: true},
		{path: "/affiliates/first@example.com/ledger", byID: true},
		{path: "/webhooks"},
		{path: "/webhooks/1/deliveries", filters: status("pending", "succeeded", "failed", "canceled")},
	}
}

// fillLists makes eight of everything in two programs, at instants of which some are
// the same, and in several states. It sets second to the key of the second program.
func fillLists(t testing.TB, second *string) func(*world) {
	return func(w *world) {
		t.Helper()
		*second = w.newKey(t, w.project(t, "second", refgrow.Settings{Commission: refgrow.Percent("10")}),
			refgrow.CreateKeyParams{})
		for _, key := range []string{w.key, *second} {
			call := func(method, path, body string) map[string]any {
				got := w.do(t, method, path, body, "Authorization", "Bearer "+key)
				if got.status >= 300 {
					t.Fatalf("%s %s %s: %d %s", method, path, body, got.status, got.body)
				}
				if items := got.items(); len(items) > 0 {
					return items[0]
				}
				return got.data()
			}
			first := call("POST", "/affiliates", `{"email": "first@example.com"}`)["id"]
			hook := call("POST", "/webhooks", `{"url": "https://example.com/hook"}`)["id"]
			for range 4 { // for the first payout
				call("POST", "/adjustments", fmt.Sprintf(`{"affiliate_id": %v, "amount": 1, "note": "early"}`, first))
			}
			for i := range 7 {
				of := call("POST", "/affiliates", fmt.Sprintf(`{"email": "n%d@example.com"}`, i))["id"]
				customer := call("POST", "/referrals",
					fmt.Sprintf(`{"email": "c%d@example.com", "affiliate_id": %v}`, i, first))["id"]
				call("POST", "/coupons", fmt.Sprintf(`{"affiliate_id": %v, "coupon_code": "Code-%d", "status": %q}`,
					first, i, []string{"active", "inactive"}[i%2]))
				call("POST", "/rules",
					fmt.Sprintf(`{"affiliate_id": %v, "product": "P%d", "commission": "%d%%"}`, first, i%3, i))
				call("POST", "/rules", fmt.Sprintf(`{"product": "É%d", "commission": "%d"}`, i, i))
				call("POST", "/conversions", fmt.Sprintf(
					`{"type": "purchase", "base_value": %d, "affiliate_id": %v, "paid": %t, "reference": "in_%d",
						"external_id": "u%d"}`, i+1, of, i%3 == 0, i, i))
				call("POST", "/conversions", fmt.Sprintf(`{"type": %q, "base_value": 9, "referred_user_id": %v}`,
					[]string{"signup", "purchase"}[i%2], customer))
				call("POST", "/adjustments", fmt.Sprintf(`{"affiliate_id": %v, "amount": 5, "note": "%d"}`, first, i))
				if i%2 == 0 {
					call("PUT", fmt.Sprintf("/affiliates/n%d@example.com", i), `{"status": "inactive"}`)
					payout := call("POST", "/payouts", `{"minimum": 2}`)["id"]
					if end := map[int]string{2: "/pay", 4: "/cancel"}[i]; end != "" {
						call("POST", "/payouts/"+asText(payout)+end, "")
					}
				}
				call("POST", "/webhooks", fmt.Sprintf(`{"url": "https://example.com/%d"}`, i))
				call("POST", fmt.Sprintf("/webhooks/%v/test", hook), "")
				if i%2 == 1 {
					w.clock.Advance(time.Duration(i) * 25 * time.Hour)
				}
			}
		}
	}
}

// readLists returns the lists as they are.
func (l *lab) readLists(t testing.TB) []fuzzedList {
	t.Helper()
	lists := fuzzedLists()
	for i := range lists {
		list := &lists[i]
		list.all = l.do(t, "GET", list.path+"?limit=500", "").ok(t, 200).items()
		if len(list.all) < 3 {
			t.Fatalf("%s has %d items", list.path, len(list.all))
		}
		if !slices.IsSortedFunc(list.all, func(a, b map[string]any) int { return -list.order(a, placeOf(b)) }) {
			t.Fatalf("%s is not sorted: %v", list.path, list.all)
		}
	}
	return lists
}

// A place is the point in a list where a page begins.
type place struct{ millis, id int64 }

func placeOf(item map[string]any) place {
	return place{createdAt(item).UnixMilli(), number(item["id"])}
}

// placeIn reads a cursor.
func placeIn(t testing.TB, cursor string) place {
	t.Helper()
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) != 24 {
		t.Fatalf("%q is taken for a cursor (%v)", cursor, err)
	}
	return place{int64(binary.BigEndian.Uint64(b[8:])), int64(binary.BigEndian.Uint64(b[16:]))}
}

// order compares an item with a place, by time and id; what comes earlier in the list
// is greater.
func (list fuzzedList) order(item map[string]any, p place) int {
	at := placeOf(item)
	if !list.byID && at.millis != p.millis {
		return compare(at.millis, p.millis)
	}
	return compare(at.id, p.id)
}

func compare(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// A question is what a query asks of a list.
type question struct {
	selected      []map[string]any
	limit, offset int64
	cursor        string
}

// read returns the question that a query asks, or false for an invalid query. It does
// not look at cursors.
func (list fuzzedList) read(query string) (q question, ok bool) {
	q = question{selected: list.all, limit: map[string]int64{"/affiliates": 20, "/referrals": 20}[list.path]}
	if q.limit == 0 {
		q.limit = 50
	}
	seen := make(map[string]string)
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(name)
		if nameErr == nil && strings.HasPrefix(name, "_") {
			continue
		}
		value, valueErr := url.QueryUnescape(value)
		_, twice := seen[name]
		if nameErr != nil || valueErr != nil || !utf8.ValidString(value) || twice {
			return q, false
		}
		seen[name] = value
		if known := list.filters[name] != nil || slices.Contains([]string{"limit", "offset", "cursor"}, name); known &&
			value == "" && !slices.Contains(mayBeEmpty, name) {
			continue // as if it was not there
		}
		switch name {
		case "limit":
			q.limit, ok = digits(value)
			ok = ok && 1 <= q.limit && q.limit <= 500
		case "offset":
			q.offset, ok = digits(value)
		case "cursor":
			q.cursor, ok = value, true
		default:
			var selects func(map[string]any) bool
			if f := list.filters[name]; f != nil {
				selects = f(value)
			}
			if ok = selects != nil; ok {
				q.selected = slices.DeleteFunc(slices.Clone(q.selected),
					func(item map[string]any) bool { return !selects(item) })
			}
		}
		if !ok {
			return q, false
		}
	}
	return q, (seen["offset"] == "" || q.cursor == "") && !backwards(seen["from"], seen["to"])
}

// byFlag selects by a boolean, as programs of several languages write it.
func byFlag(field string) filter {
	return func(value string) func(map[string]any) bool {
		wants, known := map[string]bool{"true": true, "True": true, "1": true, "false": false, "False": false,
			"0": false}[value]
		if !known {
			return nil
		}
		return func(item map[string]any) bool { return item[field] == wants }
	}
}

// backwards reports whether from is after to. Both are known to be times.
func backwards(from, to string) bool {
	if from == "" || to == "" {
		return false
	}
	item := map[string]any{"created_at": "0001-01-01T00:00:00Z"}
	var bounds [2]time.Time
	for i, value := range []string{from, to} {
		byTime(func(_, bound time.Time) bool { bounds[i] = bound; return true })(value)(item)
	}
	return bounds[0].After(bounds[1])
}

// digits reads a number of 0 or more.
func digits(text string) (int64, bool) {
	if strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// check compares a page with the part of the list that it should be.
func (q question) check(t testing.TB, got reply, from int64) {
	t.Helper()
	all := int64(len(q.selected))
	begin := min(from, all)
	end := min(begin+q.limit, all)
	if want := idsOf(q.selected[begin:end]); ids(got) != want {
		t.Errorf("it lists %s, want %s", ids(got), want)
	}
	p := got.pagination()
	total := any(nil)
	if q.cursor == "" {
		total = all
	}
	if number(p["limit"]) != q.limit || number(p["offset"]) != q.offset ||
		p["has_more"] != (end < all) || (p["next_cursor"] != nil) != (end < all) ||
		fmt.Sprint(p["total"]) != fmt.Sprint(total) {
		t.Errorf("of %d items from %d on, the pagination is %v", all, from, p)
	}
}

func idsOf(items []map[string]any) string {
	var ids []string
	for _, item := range items {
		ids = append(ids, asText(item["id"]))
	}
	return strings.Join(ids, " ")
}
