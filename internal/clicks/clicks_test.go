package clicks

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// A table stands in for the database: it has the affiliates of a project by their
// codes, the address keys by day, and what was inserted last.
type table struct {
	db.Querier
	affiliates map[string]int64
	keys       map[int64][]byte
	rows       []row
	asked      int // for a key

	counted, projectDays, affiliateDays map[int64]int64 // by affiliate, day, and affiliate
}

// A row is what InsertClicks gets of a click.
type row struct {
	affiliate                      int64
	code, url, referrer, userAgent *string
	address, yesterday             *int64
	at, after, before              int64
}

func (r *row) UnmarshalJSON(text []byte) error {
	all := []any{
		&r.affiliate, &r.code, &r.url, &r.referrer, &r.userAgent, &r.address, &r.yesterday, &r.at, &r.after, &r.before,
	}
	n := len(all)
	if err := json.Unmarshal(text, &all); err != nil || len(all) != n {
		return fmt.Errorf("a row has %d columns: %w", len(all), err)
	}
	return nil
}

func newTable(affiliates map[string]int64) *table {
	return &table{
		affiliates: affiliates, keys: make(map[int64][]byte),
		counted: make(map[int64]int64), projectDays: make(map[int64]int64), affiliateDays: make(map[int64]int64),
	}
}

func (t *table) FindClickedAffiliates(
	_ context.Context, arg db.FindClickedAffiliatesParams,
) (found []db.FindClickedAffiliatesRow, err error) {
	var codes []string
	if err := json.Unmarshal([]byte(arg.Codes), &codes); err != nil {
		return nil, err
	}
	for _, code := range codes {
		if id := t.affiliates[code]; id != 0 {
			found = append(found, db.FindClickedAffiliatesRow{Code: code, AffiliateID: id})
		}
	}
	return found, nil
}

func (t *table) InsertClicks(_ context.Context, arg db.InsertClicksParams) (written []db.InsertClicksRow, err error) {
	t.rows = nil
	if err := json.Unmarshal([]byte(arg.Clicks), &t.rows); err != nil {
		return nil, err
	}
	for _, r := range t.rows {
		written = append(written, db.InsertClicksRow{AffiliateID: r.affiliate, CreatedAt: r.at})
	}
	return written, nil
}

func (t *table) CountClicks(_ context.Context, arg db.CountClicksParams) error {
	t.counted[arg.AffiliateID] += arg.Clicks
	return nil
}

func (t *table) AddToProjectDay(_ context.Context, arg db.AddToProjectDayParams) error {
	t.projectDays[arg.Day] += arg.Clicks
	return nil
}

func (t *table) AddToAffiliateDay(_ context.Context, arg db.AddToAffiliateDayParams) error {
	t.affiliateDays[arg.AffiliateID] += arg.Clicks
	return nil
}

func (t *table) GetAddressKey(_ context.Context, day int64) ([]byte, error) {
	t.asked++
	if key, ok := t.keys[day]; ok {
		return key, nil
	}
	return nil, sql.ErrNoRows
}

func (t *table) InsertAddressKey(_ context.Context, arg db.InsertAddressKeyParams) error {
	if t.keys[arg.Day] != nil {
		return errors.New("a day has two keys")
	}
	t.keys[arg.Day] = arg.Key
	return nil
}

func (t *table) OverwriteAddressKeys(_ context.Context, before int64) error {
	for day := range t.keys {
		if day < before {
			clear(t.keys[day])
		}
	}
	return nil
}

func (t *table) DeleteAddressKeys(_ context.Context, before int64) error {
	for day, key := range t.keys {
		if day < before && !bytes.Equal(key, make([]byte, len(key))) {
			return errors.New("a key was not overwritten before it was deleted")
		}
	}
	maps.DeleteFunc(t.keys, func(day int64, _ []byte) bool { return day < before })
	return nil
}

// record records visits in a transaction of their own.
func (t *table) record(now int64, visits ...Visit) (int, error) {
	tx := &backend.Tx{Querier: t, Memo: make(map[any]any)}
	counted, err := Record(context.Background(), tx, 1, now, false, visits)
	return counted, errors.Join(err, tx.Take().Write(context.Background(), t))
}

// noon is noon of a day.
func noon(day int64) int64 { return stored.Midnight(day).Add(12 * time.Hour).UnixMilli() }

// anyVisit is a visit through one of a few codes from one of a few addresses, within a
// few hours.
func anyVisit() *rapid.Generator[Visit] {
	addresses := []netip.Addr{
		{}, netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:192.0.2.1"),
		netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("fe80::1"),
		netip.MustParseAddr("2001:db8:1:2::1"), netip.MustParseAddr("2001:db8:1:2:ffff::2"),
		netip.MustParseAddr("2001:db8:1:3::1"),
	}
	return rapid.Custom(func(t *rapid.T) Visit {
		return Visit{
			Code:      rapid.SampledFrom([]string{"JANE", "jane", "Bob", "bob2", "nobody"}).Draw(t, "code"),
			URL:       rapid.String().Draw(t, "url"),
			Referrer:  string(rapid.SliceOf(rapid.Byte()).Draw(t, "referrer")),
			UserAgent: rapid.StringN(0, 300, -1).Draw(t, "user agent"),
			Address:   rapid.SampledFrom(addresses).Draw(t, "address"),
			At:        noon(20000) + rapid.Int64Range(-13*60, 60).Draw(t, "minute")*60_000,
		}.Cut()
	})
}

// Of the visits through an affiliate from one address, those that follow another within
// the window are left out. All others are written as they are, and the statistics agree
// with them.
func TestRecordLeavesOutRepeats(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		visits := rapid.SliceOfN(anyVisit(), 1, 20).Draw(t, "visits")
		in := newTable(map[string]int64{"jane": 1, "bob": 2, "bob2": 2})
		counted, err := in.record(noon(20000), visits...)
		if err != nil {
			t.Fatal(err)
		}
		if counted != len(in.rows) {
			t.Fatalf("%d count, but %d were written", counted, len(in.rows))
		}
		left := in.rows
		last := make(map[string]int64)
		for _, v := range visits {
			affiliate := in.affiliates[strings.ToLower(v.Code)]
			if affiliate == 0 {
				continue
			}
			source := fmt.Sprint(affiliate, v.Address.Unmap())
			if bits := v.Address.As16(); v.Address.IsValid() && !v.Address.Unmap().Is4() {
				source = fmt.Sprintf("%d %x", affiliate, bits[:8])
			}
			before, ok := last[source]
			if ok && v.Address.IsValid() && before-window < v.At && v.At < before+window {
				continue
			}
			last[source] = v.At
			if len(left) == 0 {
				t.Fatalf("%+v is missing", v)
			}
			checkRow(t, left[0], affiliate, v)
			left = left[1:]
		}
		if len(left) > 0 {
			t.Fatalf("%d repeats were written", len(left))
		}
		for what, counts := range map[string]map[int64]int64{
			"affiliates": in.counted, "days": in.projectDays, "affiliates' days": in.affiliateDays,
		} {
			sum := int64(0)
			for _, n := range counts {
				sum += n
			}
			if sum != int64(counted) {
				t.Fatalf("%d clicks were counted for the %s, but there are %d", sum, what, counted)
			}
		}
	})
}

func checkRow(t *rapid.T, r row, affiliate int64, v Visit) {
	t.Helper()
	for _, text := range []struct {
		got  *string
		want string
	}{{r.code, v.Code}, {r.url, v.URL}, {r.referrer, v.Referrer}, {r.userAgent, v.UserAgent}} {
		if got := stored.OrZero(text.got); got != text.want || (text.got == nil) != (text.want == "") {
			t.Fatalf("%q was written as %q", text.want, got)
		}
	}
	if r.affiliate != affiliate || r.at != v.At || r.after != v.At-window || r.before != v.At+window {
		t.Fatalf("%+v was written as %+v", v, r)
	}
	early := stored.DayOf(v.At-window) != stored.DayOf(v.At)
	if (r.address != nil) != v.Address.IsValid() || (r.yesterday != nil) != (v.Address.IsValid() && early) {
		t.Fatalf("the address of %+v was written as %v and %v", v, r.address, r.yesterday)
	}
}

// Without a visit that leads to an affiliate nothing is written, and no key is made.
func TestRecordNothing(t *testing.T) {
	t.Parallel()
	in := newTable(nil)
	visit := Visit{Code: "nobody", Address: netip.MustParseAddr("192.0.2.1"), At: noon(20000)}
	counted, err := in.record(noon(20000), visit)
	if counted != 0 || err != nil || len(in.rows)+len(in.keys)+len(in.projectDays) != 0 {
		t.Errorf("%d count (%v), and there are %+v", counted, err, in)
	}
}

// What is kept of a visit is bounded, and is UTF-8 without control characters.
func TestCut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Repeat(string(rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "text")), 600)
		v := Visit{Code: "jane", URL: text, Referrer: text, UserAgent: text, At: 1}.Cut()
		for most, got := range map[int][]string{2048: {v.URL, v.Referrer}, MaxUserAgent: {v.UserAgent}} {
			for _, text := range got {
				if len(text) > most || !form.Printable(text) {
					t.Fatalf("%d bytes are kept: %q", len(text), text)
				}
			}
		}
		if v.Code != "jane" || v.At != 1 {
			t.Fatalf("something else was changed: %+v", v)
		}
	})
}

// A pruning is the clicks that are deleted, and what is noted about them.
type pruning struct {
	*table
	gone  []db.PruneClicksRow
	asked db.PruneClicksParams
	notes []db.NotePrunedClicksParams
}

func (p *pruning) PruneClicks(_ context.Context, arg db.PruneClicksParams) ([]db.PruneClicksRow, error) {
	p.asked = arg
	return p.gone, nil
}

func (p *pruning) NotePrunedClicks(_ context.Context, arg db.NotePrunedClicksParams) error {
	p.notes = append(p.notes, arg)
	return nil
}

func TestPrune(t *testing.T) {
	t.Parallel()
	in := &pruning{table: newTable(nil), gone: []db.PruneClicksRow{
		{AffiliateID: 7, CreatedAt: noon(3)}, {AffiliateID: 8, CreatedAt: noon(3)},
		{AffiliateID: 7, CreatedAt: noon(4)}, {AffiliateID: 7, CreatedAt: noon(3) + 1},
	}}
	in.keys = map[int64][]byte{20: {1}, 18: {2}, 19: {3}}
	old := db.PruneClicksParams{ProjectID: 1, CreatedBefore: noon(5), AtMost: 4}
	if more, err := Prune(t.Context(), in, noon(20), old); !more || err != nil || in.asked != old {
		t.Errorf("after pruning %+v there is more: %t (%v)", in.asked, more, err)
	}
	if days := slices.Sorted(maps.Keys(in.keys)); !slices.Equal(days, []int64{19, 20}) {
		t.Errorf("there are keys for the days %v", days)
	}
	noted := make(map[day]int64)
	for _, n := range in.notes {
		noted[day{n.AffiliateID, n.Day}] += n.Clicks
	}
	if want := map[day]int64{{7, 3}: 2, {8, 3}: 1, {7, 4}: 1}; !maps.Equal(noted, want) || len(in.notes) != len(want) {
		t.Errorf("the notes are %+v", in.notes)
	}
	in.gone = in.gone[:3]
	if more, err := Prune(t.Context(), in, noon(20), old); more || err != nil {
		t.Errorf("in the end there is more: %t (%v)", more, err)
	}
}

// The marks are found in any case and anywhere, even in the last word.
func TestBotMarks(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		marks := botMarks()
		bot := "Mozilla/5.0 " + strings.TrimSpace(rapid.SampledFrom(marks[:]).Draw(t, "mark"))
		if rapid.Bool().Draw(t, "upper case") {
			bot = strings.ToUpper(bot)
		}
		if bot += rapid.SampledFrom([]string{"", " ", " 1.0"}).Draw(t, "what follows"); !IsBot(bot) {
			t.Fatalf("%q is not a bot", bot)
		}
		device := rapid.SampledFrom([]string{"M bot 60", "Robot-1", "spider X", "crawl 2"}).Draw(t, "device")
		build := rapid.SampledFrom([]string{"", " Build/NRD90M; wv", "; wv"}).Draw(t, "build")
		if phone := "Mozilla/5.0 (Linux; Android 7.0; " + device + build + ") Chrome/67.0"; IsBot(phone) {
			t.Fatalf("%q is a bot", phone)
		}
		model := rapid.StringMatching(`[A-Z0-9 ]{0,9}`).Draw(t, "model")
		if phone := "Mozilla/5.0 (Android 12; CUBOT " + model + ")"; IsBot(phone) {
			t.Fatalf("%q is a bot", phone)
		}
	})
}
