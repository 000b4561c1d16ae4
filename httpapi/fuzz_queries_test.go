package httpapi_test

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// FuzzQuery sends queries to everything that takes one: a list has exactly what the
// query selects, and an invalid query is refused.
func FuzzQuery(f *testing.F) {
	others := []string{
		"/payouts/export", "/affiliates/first@example.com/earnings",
		"/affiliates/first@example.com/statement", "/statistics", "/project", "/conversions/1/explain",
	}
	paths := make([]string, 0, 16)
	for _, list := range fuzzedLists() {
		paths = append(paths, list.path)
	}
	paths = append(paths, others...)
	for _, seed := range []string{
		"/affiliates?limit=10&status=active", "/conversions?type=purchase&affiliate_id=123&paid=true",
		"/referrals?affiliate_id=123&status=converted",
		"/affiliates?limit=2&offset=3&status=inactive", "/affiliates?limit=0500",
		"/affiliates?limit=500", "/affiliates?limit=501", "/affiliates?limit=0",
		"/affiliates?limit=-1", "/affiliates?offset=9223372036854775807", "/affiliates?status=Active",
		"/conversions?type=purchase&affiliate_id=2&paid=true&limit=1",
		"/conversions?from=2026-01-16&to=2026-01-17T13:00:00.000Z",
		"/conversions?from=2026-01-18", "/conversions?paid=false",
		"/conversions?from=2026-01-16T13:00:00Z", "/conversions?to=2026-01-16T13:00:00Z",
		"/conversions?from=2026-01-16T13:00:00.0001Z&to=2026-01-16T13:00:00.0001Z",
		"/conversions?to=9999-12-31T23:59:59.999999999-23:59&from=0001-01-01",
		"/conversions?from=2026-01-16T12:59:59.9999999%2B01:00&referred_user_id=3",
		"/conversions?to=0001-01-01", "/conversions?to=2026-01-16T1:00:00", "/conversions?to=2026-01-16T13:00:00,5",
		"/conversions?from=2026-01-17&to=2026-01-16",
		"/referrals?status=pending&affiliate_id=1&offset=0", "/referrals?cursor=AAAA",
		"/coupons?coupon_code=cODE-&status=inactive", "/coupons?coupon_code=a%25",
		"/coupons?coupon_code=%00", "/coupons?coupon_code=%C5%BF", "/coupons?affiliate_id=01",
		"/rules?product=P1&affiliate_id=1", "/rules?product=%C3%89",
		"/rules?limit=2&offset=1", "/payouts?status=paid&affiliate_id=1", "/payouts?status=canceled",
		"/payouts/1/entries?limit=1", "/affiliates/first@example.com/ledger?limit=3&offset=2",
		"/webhooks?limit=%31", "/webhooks/1/deliveries?status=pending&limit=4",
		"/conversions?paid=True", "/conversions?paid=0&type=", "/conversions?_=1732&_=1&from=", "/coupons?_\xff",
		"/affiliates?limit=&offset=",
		"/affiliates?offset=&cursor=", "/affiliates?x=", "/affiliates?%zz", "/affiliates?a=b=c&&=&", "/affiliates?;",
		"/affiliates?limit=1&limit=1", "/affiliates?Limit=1", "/affiliates?limit=%EF%BC%91", "/affiliates?=1",
		"/payouts/export?format=paypal&currency=usd", "/payouts/export?format=wise&currency=XXX",
		"/affiliates/first@example.com/earnings?as_of=2026-01-16",
		"/affiliates/first@example.com/earnings?as_of=0001-01-01T00:00:00Z",
		"/affiliates/first@example.com/statement?month=2026-01",
		"/affiliates/first@example.com/statement?month=1970-01&format=csv",
		"/affiliates/first@example.com/statement?month=9999-12", "/statistics",
		"/statistics?affiliate_id=1&from=2026-01-01&to=2026-01-15T12:00:00Z",
		"/statistics?to=0001-01-01", "/project?x=1", "/conversions/1/explain?",
	} {
		path, query, _ := strings.Cut(seed, "?")
		f.Add(uint8(slices.Index(paths, path)), query)
	}
	var second string
	l := newLab(f, fillLists(f, &second))
	lists := l.readLists(f)
	f.Fuzz(func(t *testing.T, path uint8, query string) {
		at := int(path) % len(paths)
		r := l.request("GET", paths[at], "")
		r.URL.RawQuery = query
		got := send(t, l.mux, r)
		documented(t, r, got)
		if got.status != 200 && got.status != 400 {
			t.Fatalf("%s?%s: %d %s", paths[at], query, got.status, got.body)
		}
		if at >= len(lists) {
			if got.header.Get("Content-Type") == "text/csv; charset=utf-8" {
				if _, err := csv.NewReader(strings.NewReader(string(got.body))).ReadAll(); err != nil {
					t.Errorf("%s?%s: %v in %s", paths[at], query, err, got.body)
				}
			}
			l.sameBut(t, paths[at]+"?"+query, "project_totals") // asking for the past fixes it
			return
		}
		l.unchanged(t, paths[at]+"?"+query)
		q, ok := lists[at].read(query)
		switch {
		case q.cursor != "": // which FuzzCursor looks at
			return
		case ok != (got.status == 200):
			t.Fatalf("%s?%s: %d %s", paths[at], query, got.status, got.body)
		case ok:
			q.check(t, got, q.offset)
		}
		if t.Failed() {
			t.Logf("by %s?%q", paths[at], query)
		}
	})
}

// FuzzCursor asks for lists with cursors. One that is accepted begins a page strictly
// after its place in this list, and belongs to no other list, filter or program.
func FuzzCursor(f *testing.F) {
	var second string
	l := newLab(f, fillLists(f, &second))
	lists := l.readLists(f)
	filters := func(list fuzzedList) string {
		for _, filter := range []string{"affiliate_id=1", "status=pending", "status=active", "type=purchase"} {
			name, value, _ := strings.Cut(filter, "=")
			if has := list.filters[name]; has != nil && has(value) != nil {
				return filter + "&"
			}
		}
		return ""
	}
	for i, list := range lists {
		for _, filter := range []string{"", filters(list)} {
			for _, limit := range []string{"limit=1", "limit=2"} {
				got := l.do(f, "GET", list.path+"?"+filter+limit, "").ok(f, 200)
				if cursor := text(got.pagination()["next_cursor"]); cursor != "" {
					f.Add(uint8(i), filter != "", uint8(2), cursor)
					if limit == "limit=1" {
						// At the ends of time, shorter and longer.
						for _, end := range []string{"AAAAAAAAAAAAAAAAAAAAA",
							"_____________________", "A", "AAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAA"} {
							f.Add(uint8(i), filter != "", uint8(200), cursor[:11]+end)
						}
					}
				}
			}
		}
	}
	for _, cursor := range []string{"AAAA", strings.Repeat("A", 32),
		strings.Repeat("A", 31) + "=", strings.Repeat("_", 32), "%41", "é"} {
		f.Add(uint8(0), false, uint8(3), cursor)
	}
	f.Fuzz(func(t *testing.T, which uint8, filtered bool, limit uint8, cursor string) {
		if cursor == "" { // which is as good as none
			t.Skip()
		}
		list := lists[int(which)%len(lists)]
		filter := ""
		if filtered {
			filter = filters(list)
		}
		l.checkCursor(t, list, filter, int64(limit)%8+1, cursor, lists, second)
	})
}

func (l *lab) checkCursor(
	t *testing.T, list fuzzedList, filter string, limit int64, cursor string, lists []fuzzedList, second string,
) {
	t.Helper()
	ask := func(path, filter, cursor, key string) reply {
		r := l.request("GET", path, "", "Authorization", "Bearer "+key)
		r.URL.RawQuery = filter + "limit=" + asText(limit) + "&cursor=" + url.QueryEscape(cursor)
		got := send(t, l.mux, r)
		documented(t, r, got)
		if got.status != http.StatusOK {
			got.refused(t, 400, "invalid", "cursor")
		}
		return got
	}
	got := ask(list.path, filter, cursor, l.key)
	if got.status != http.StatusOK {
		return
	}
	q, ok := list.read(filter)
	if !ok {
		t.Fatalf("%s is not a filter of %s", filter, list.path)
	}
	q.limit, q.cursor = limit, cursor
	for page := 0; ; page++ {
		at := placeIn(t, q.cursor)
		behind := slices.IndexFunc(q.selected, func(item map[string]any) bool { return list.order(item, at) < 0 })
		if behind < 0 {
			behind = len(q.selected)
		}
		q.check(t, got, int64(behind))
		next := text(got.pagination()["next_cursor"])
		if t.Failed() || next == "" {
			break
		}
		if page > len(q.selected) {
			t.Fatalf("%s%s: %q goes round in circles", list.path, filter, cursor)
		}
		q.cursor = next
		got = ask(list.path, filter, next, l.key).ok(t, 200)
	}
	// Everywhere else it is not a cursor.
	for _, other := range lists {
		if other.path != list.path {
			ask(other.path, "", cursor, l.key).ok(t, 400)
		}
	}
	if filter != "" {
		ask(list.path, "", cursor, l.key).ok(t, 400)
	}
	if path := list.path; !strings.Contains(path, "/1/") {
		ask(path, filter, cursor, second).ok(t, 400)
	}
	if t.Failed() {
		t.Logf("by %s?%s%q", list.path, filter, cursor)
	}
}
