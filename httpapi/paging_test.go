package httpapi_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
)

func number(v any) int64 {
	n, _ := v.(json.Number)
	i, err := n.Int64()
	if err != nil {
		return -1
	}
	return i
}

// A listed is a list, with the calls that make another item, the last of which answers
// with it, and a filter that all these items pass.
type listed struct {
	path, filter string
	standard     int64 // the default of limit
	posts        []string
	has          int64 // 1 when the world has item 1 before any is added
}

// lists are all lists. Payouts come last: what makes one also adds to the ledger.
var lists = []listed{
	{"/affiliates", "status=active", 20, []string{`/affiliates {"email": "n%d@example.com"}`}, 1},
	{"/conversions", "type=purchase", 50, []string{`/conversions {"type": "purchase", "base_value": %d}`}, 0},
	{"/referrals", "status=direct_signup", 20, []string{`/referrals {"email": "n%d@example.com"}`}, 0},
	{"/coupons", "affiliate_id=1", 50, []string{`/coupons {"affiliate_id": 1, "coupon_code": "CODE%d"}`}, 0},
	{"/rules", "affiliate_id=1", 50, []string{`/rules {"affiliate_id": 1, "product": "P%d", "commission": "5%%"}`}, 0},
	{"/affiliates/first@example.com/ledger", "",
		50, []string{`/adjustments {"affiliate_id": 1, "amount": 5, "note": "%d"}`}, 0},
	{"/payouts", "status=pending&affiliate_id=1", 50,
		[]string{`/adjustments {"affiliate_id": 1, "amount": 5, "note": "%d"}`, "/payouts"}, 0},
	{"/webhooks", "", 50, []string{`/webhooks {"url": "https://example.com/%d"}`}, 1},
	{"/webhooks/1/deliveries", "status=pending", 50, []string{"/webhooks/1/test"}, 0},
}

// add makes the nth item and returns its id.
func (list listed) add(t *testing.T, w *world, n int) int64 {
	t.Helper()
	var item map[string]any
	for _, post := range list.posts {
		path, body, _ := strings.Cut(post, " ")
		if body != "" {
			body = fmt.Sprintf(body, n)
		}
		got := w.do(t, "POST", path, body)
		if got.status >= 300 {
			t.Fatalf("%s: %d %s", post, got.status, got.body)
		}
		if item = got.data(); item == nil {
			item = got.items()[0]
		}
	}
	return number(item["id"])
}

func pagingWorld(t *testing.T) *world {
	w := setup(t, refgrow.Settings{}, noLimit)
	w.do(t, "POST", "/affiliates", `{"email": "first@example.com"}`).ok(t, 201)
	w.do(t, "POST", "/webhooks", `{"url": "https://example.com/first"}`).ok(t, 201)
	return w
}

func TestOffsetPaging(t *testing.T) {
	single(t)
	t.Parallel()
	w := pagingWorld(t)
	for _, list := range lists {
		total := 25 + list.has
		for i := range 25 {
			list.add(t, w, i)
			if i%3 == 0 {
				w.clock.Advance(time.Millisecond) // the others are at the same instant
			}
		}
		seen := make(map[string]bool)
		last := int64(1 << 62)
		for offset := int64(0); ; offset += 7 {
			got := w.do(t, "GET", fmt.Sprintf("%s?%s&limit=7&offset=%d", list.path, list.filter, offset), "").ok(t, 200)
			p := got.pagination()
			left := total - offset - 7
			if number(p["limit"]) != 7 || number(p["offset"]) != offset ||
				number(p["total"]) != total || p["has_more"] != (left > 0) ||
				(p["next_cursor"] != nil) != (left > 0) {
				t.Errorf("%s at %d: %v", list.path, offset, p)
			}
			if want := min(7, left+7); int64(len(got.items())) != want {
				t.Errorf("%s at %d has %d items, want %d", list.path, offset, len(got.items()), want)
			}
			for _, item := range got.items() {
				id := number(item["id"])
				if id >= last {
					t.Errorf("%s: %d comes after %d", list.path, id, last)
				}
				last = id
				seen[fmt.Sprint(id)] = true
			}
			if left <= 0 {
				break
			}
		}
		if int64(len(seen)) != total {
			t.Errorf("%s: %d seen", list.path, len(seen))
		}
		for query, want := range map[string]int64{
			"?offset=1000": total, "?offset=1000&" + list.filter: total,
			"?offset=26&limit=500": total, "?limit=500": total, "?limit=1&offset=3": total,
		} {
			got := w.do(t, "GET", list.path+query, "").ok(t, 200).pagination()
			if number(got["total"]) != want {
				t.Errorf("%s%s: %v", list.path, query, got)
			}
		}
		if got := w.do(t, "GET", list.path, "").ok(t, 200); number(got.pagination()["limit"]) != list.standard ||
			int64(len(got.items())) != min(list.standard, total) {
			t.Errorf("%s: the default is %v", list.path, got.pagination())
		}
	}
}

func TestEmptyLists(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t, refgrow.Settings{}, noLimit)
	for _, list := range lists {
		if strings.HasSuffix(list.path, "/ledger") || strings.HasSuffix(list.path, "/deliveries") {
			continue // which belongs to an affiliate, or to a webhook
		}
		for _, query := range []string{"?limit=20", "?limit=20&" + list.filter} {
			w.do(t, "GET", list.path+query, "").is(t, 200,
				`{"success": true, "data": [], "pagination": {"limit": 20,
					"offset": 0, "total": 0, "has_more": false, "next_cursor": null}}`)
		}
	}
}

// A walk by cursor sees everything that was there when it began exactly once,
// whatever is added in the meantime.
func TestCursorPaging(t *testing.T) {
	single(t)
	t.Parallel()
	w := pagingWorld(t)
	for _, list := range lists {
		var want []int64
		for i := range 13 {
			want = append([]int64{list.add(t, w, i)}, want...)
			if i%4 == 0 {
				w.clock.Advance(time.Second)
			}
		}
		if list.has > 0 {
			want = append(want, list.has)
		}
		var seen []int64
		added := 100
		for cursor := ""; ; {
			query := "?limit=3&" + list.filter
			if cursor != "" {
				query += "&cursor=" + cursor
			}
			got := w.do(t, "GET", list.path+query, "").ok(t, 200)
			p := got.pagination()
			if number(p["offset"]) != 0 || number(p["limit"]) != 3 || (p["total"] == nil) != (cursor != "") {
				t.Errorf("%s: %v", list.path, p)
			}
			for _, item := range got.items() {
				seen = append(seen, number(item["id"]))
			}
			next := text(p["next_cursor"])
			if p["has_more"] != (next != "") {
				t.Errorf("%s: %v", list.path, p)
			}
			if next == "" {
				break
			}
			cursor = next
			added++
			list.add(t, w, added)
			w.clock.Advance(time.Millisecond)
		}
		if fmt.Sprint(seen) != fmt.Sprint(want) {
			t.Errorf("%s: seen %v, want %v", list.path, seen, want)
		}

		cursor := text(w.do(t, "GET", list.path+"?limit=1&"+list.filter, "").pagination()["next_cursor"])
		// The limit is not a filter.
		w.do(t, "GET", list.path+"?limit=500&"+list.filter+"&cursor="+cursor, "").ok(t, 200)
		if list.filter != "" {
			w.do(t, "GET", list.path+"?cursor="+cursor, "").refused(t, 400, "invalid", "cursor")
		}
		for _, query := range []string{
			list.filter + "&offset=0&cursor=" + cursor, list.filter + "&offset=1&cursor=" + cursor,
			list.filter + "&cursor=" + cursor[1:], list.filter + "&cursor=" + strings.ToLower(cursor),
			list.filter + "&cursor=%20" + cursor,
			list.filter + "&cursor=" + cursor + "&cursor=" + cursor,
		} {
			w.do(t, "GET", list.path+"?"+query, "").refused(t, 400, "invalid", "cursor")
		}
		for _, other := range lists {
			if other.path != list.path {
				w.do(t, "GET", other.path+"?cursor="+cursor, "").refused(t, 400, "invalid", "cursor")
			}
		}
	}
}

func TestFiltersOfConversions(t *testing.T) {
	single(t)
	t.Parallel()
	w := pagingWorld(t)
	w.do(t, "POST", "/referrals", `{"email": "carl@example.com", "affiliate_id": 1}`).ok(t, 201)
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for i, body := range []string{
		`{"type": "signup", "referred_user_id": 1}`,
		`{"type": "purchase", "referred_user_id": 1, "base_value": 10}`,
		`{"type": "purchase", "affiliate_id": 1, "base_value": 10, "paid": true}`,
		`{"type": "purchase", "base_value": 10}`,
		`{"type": "signup", "paid": true}`,
	} {
		w.clock.Set(day.Add(time.Duration(i) * 12 * time.Hour))
		w.do(t, "POST", "/conversions", body).ok(t, 201)
	}
	for query, want := range map[string]string{
		"":                                       "5 4 3 2 1",
		"type=signup":                            "5 1",
		"type=purchase":                          "4 3 2",
		"paid=true":                              "5 3",
		"paid=false":                             "4 2 1",
		"affiliate_id=1":                         "3 2 1",
		"affiliate_id=77":                        "",
		"referred_user_id=1":                     "2 1",
		"referred_user_id=77":                    "",
		"affiliate_id=1&paid=true":               "3",
		"affiliate_id=1&referred_user_id=1":      "2 1",
		"affiliate_id=77&referred_user_id=1":     "",
		"referred_user_id=1&type=purchase":       "2",
		"type=purchase&affiliate_id=1&paid=true": "3",
		"from=2026-03-02":                        "5 4 3", // inclusive
		"to=2026-03-02":                          "2 1",   // exclusive
		"from=2026-03-02&to=2026-03-03":          "4 3",
		"from=2026-03-02&to=2026-03-02":          "",
		"from=2026-03-01T12:00:00Z":              "5 4 3 2",
		"from=2026-03-01T12:00:00.001Z":          "5 4 3",
		"from=2026-03-01T12:00:00.0001Z":         "5 4 3",
		"to=2026-03-01T12:00:00Z":                "1",
		"to=2026-03-01T12:00:00.0001Z":           "2 1",
		"from=2026-03-01T14:00:00%2B02:00":       "5 4 3 2",
		"to=2026-03-01T07:00:00-05:00":           "1",
		"from=0001-01-01":                        "5 4 3 2 1",
		"to=0001-01-01":                          "",
		"to=0001-01-01T00:00:00Z":                "",
		"to=9999-12-31T23:59:59Z":                "5 4 3 2 1",
		"from=9999-12-31":                        "",
		"from=2026-03-02&affiliate_id=1":         "3",
		"to=2026-03-02&referred_user_id=1":       "2 1",
		"from=2026-03-01T12:00:00Z&to=2026-03-02T12:00:00Z&type=purchase&paid=true&affiliate_id=1": "3",
	} {
		got := w.do(t, "GET", "/conversions?"+query, "").ok(t, 200)
		var ids []string
		for _, item := range got.items() {
			ids = append(ids, fmt.Sprint(item["id"]))
		}
		if strings.Join(ids, " ") != want || number(got.pagination()["total"]) != int64(len(ids)) {
			t.Errorf("%s: %v of %v, want %s", query, ids, got.pagination()["total"], want)
		}
		// The same count when the page alone does not show it.
		if len(ids) > 1 {
			p := w.do(t, "GET", "/conversions?limit=1&"+query, "").ok(t, 200).pagination()
			if number(p["total"]) != int64(len(ids)) {
				t.Errorf("%s: the total is %v", query, p["total"])
			}
		}
		p := w.do(t, "GET", "/conversions?offset=100&"+query, "").ok(t, 200).pagination()
		if number(p["total"]) != int64(len(ids)) {
			t.Errorf("%s: far beyond the end the total is %v", query, p["total"])
		}
	}
}

func TestFiltersOfPeople(t *testing.T) {
	single(t)
	t.Parallel()
	w := pagingWorld(t)
	w.do(t, "POST", "/affiliates", `{"email": "second@example.com"}`).ok(t, 201)
	w.do(t, "PUT", "/affiliates/second@example.com", `{"status": "inactive"}`).ok(t, 200)
	for i, body := range []string{`"affiliate_id": 1`, `"affiliate_id": 1, "status": "converted"`,
		`"affiliate_id": 2`, `"status": "direct"`, `"status": null`} {
		w.do(t, "POST", "/referrals", fmt.Sprintf(`{"email": "r%d@example.com", %s}`, i, body)).ok(t, 201)
	}
	for query, want := range map[string]string{
		"affiliates": "2 1", "affiliates?status=active": "1", "affiliates?status=inactive": "2",
		"referrals": "5 4 3 2 1", "referrals?status=pending": "3 1",
		"referrals?status=converted": "2", "referrals?status=direct": "4",
		"referrals?status=direct_signup": "5", "referrals?affiliate_id=1": "2 1",
		"referrals?affiliate_id=1&status=pending": "1",
		"referrals?affiliate_id=2&status=direct":  "", "referrals?affiliate_id=99": "",
	} {
		got := w.do(t, "GET", "/"+query, "").ok(t, 200)
		var ids []string
		for _, item := range got.items() {
			ids = append(ids, fmt.Sprint(item["id"]))
		}
		if strings.Join(ids, " ") != want || number(got.pagination()["total"]) != int64(len(ids)) {
			t.Errorf("%s: %v of %v, want %s", query, ids, got.pagination()["total"], want)
		}
	}
}
