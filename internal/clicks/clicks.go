// Package clicks keeps visits: the rows of those that count, here; the hashes of
// addresses that are stored, in addresses.go; and the queue from which visits are
// written, in queue.go. It is the only place that writes a click or an address key, and
// that decides whether a visit counts.
package clicks

import (
	"context"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/stored"
	"github.com/refgrow-go/refgrow/internal/wire"
)

const (
	// RepeatWindow is how long further visits through an affiliate from the same
	// address do not count.
	RepeatWindow = 30 * time.Minute
	// MaxUserAgent is how much is kept of a user agent, in bytes.
	MaxUserAgent = 512

	window = int64(RepeatWindow / time.Millisecond)
)

// A Visit came through a referral link or code.
type Visit struct {
	Code          string // the affiliate's referral code or partner slug, or several (form.Codes)
	URL, Referrer string // the page that was visited, and the one before
	UserAgent     string
	Address       netip.Addr // the visitor's; without one, repeats are not seen
	At            int64      // Unix milliseconds
}

// Cut bounds what is kept of a visit, and leaves out what could be a secret in its URLs.
// It does not hold on to the caller's memory.
func (v Visit) Cut() Visit {
	v.Code = strings.Clone(v.Code)
	v.URL, v.Referrer = form.Page(v.URL, form.MaxURL), form.Page(v.Referrer, form.MaxURL)
	v.UserAgent = form.Cut(v.UserAgent, MaxUserAgent)
	return v
}

// A day is a UTC day of an affiliate, for which clicks are counted.
type day struct{ affiliate, day int64 }

// Record writes the visits of a project that count, counts them in the statistics, and
// returns how many there are. now is the operation's, in Unix milliseconds. Of several
// codes of a visit the oldest counts with firstTouch, otherwise the newest.
func Record(
	ctx context.Context, tx *backend.Tx, project, now int64, firstTouch bool, visits []Visit,
) (counted int, err error) {
	affiliates, err := affiliatesOf(ctx, tx, project, visits)
	if err != nil || len(affiliates) == 0 {
		return 0, err
	}
	list, err := rows(ctx, hasher{tx, stored.DayOf(now)}, resolved(visits, affiliates, firstTouch), affiliates)
	if err != nil {
		return 0, err
	}
	written, err := tx.InsertClicks(ctx, db.InsertClicksParams{ProjectID: project, Clicks: string(list)})
	if err != nil {
		return 0, err
	}
	days := make(map[day]int64, len(affiliates))
	sums := make(map[int64]int64, len(affiliates))
	for _, row := range written {
		days[day{row.AffiliateID, stored.DayOf(row.CreatedAt)}]++
		sums[row.AffiliateID]++
	}
	for of, n := range days {
		tx.AddAffiliateDay(db.AddToAffiliateDayParams{
			ProjectID: project, Day: of.day, AffiliateID: of.affiliate, Clicks: n,
		})
		tx.AddProjectDay(db.AddToProjectDayParams{ProjectID: project, Day: of.day, Clicks: n})
	}
	for _, id := range slices.Sorted(maps.Keys(sums)) {
		sum := db.CountClicksParams{ProjectID: project, AffiliateID: id, Clicks: sums[id]}
		if err := tx.CountClicks(ctx, sum); err != nil {
			return 0, err
		}
	}
	return len(written), nil
}

// affiliatesOf returns the active affiliates that the codes lead to, by the codes in
// lower case.
func affiliatesOf(ctx context.Context, q db.Querier, project int64, visits []Visit) (map[string]int64, error) {
	affiliates := make(map[string]int64, len(visits))
	for _, v := range visits {
		for _, code := range form.Codes(v.Code, false) {
			affiliates[form.Fold(code)] = 0
		}
	}
	codes, err := json.Marshal(slices.Sorted(maps.Keys(affiliates)))
	if err != nil {
		return nil, err
	}
	clear(affiliates)
	found, err := q.FindClickedAffiliates(ctx, db.FindClickedAffiliatesParams{ProjectID: project, Codes: string(codes)})
	for _, row := range found {
		affiliates[row.Code] = row.AffiliateID
	}
	return affiliates, err
}

// resolved returns the visits with the one of their codes that leads to an affiliate,
// without those that have none.
func resolved(visits []Visit, affiliates map[string]int64, firstTouch bool) []Visit {
	leading := make([]Visit, 0, len(visits))
	for _, v := range visits {
		for _, code := range form.Codes(v.Code, firstTouch) {
			if affiliates[form.Fold(code)] != 0 {
				v.Code = code
				leading = append(leading, v)
				break
			}
		}
	}
	return leading
}

// rows returns the JSON that InsertClicks takes, without repeats among the visits
// themselves. InsertClicks leaves out those that repeat a row.
func rows(ctx context.Context, h hasher, visits []Visit, affiliates map[string]int64) ([]byte, error) {
	type source struct {
		affiliate int64
		address   netip.Addr
	}
	last := make(map[source]int64, len(visits))
	list := append(make([]byte, 0, 256*len(visits)), '[')
	for i := range visits {
		v := &visits[i]
		from := source{affiliates[form.Fold(v.Code)], visitor(v.Address)}
		if before, ok := last[from]; ok && from.address.IsValid() && -window < v.At-before && v.At-before < window {
			continue
		}
		last[from] = v.At
		today, yesterday, err := h.hashes(ctx, from.address, v.At)
		if err != nil {
			return nil, err
		}
		if len(list) > 1 {
			list = append(list, ',')
		}
		list = v.appendRow(list, from.affiliate, today, yesterday)
	}
	return append(list, ']'), nil
}

// appendRow appends a visit in the form that InsertClicks describes.
func (v *Visit) appendRow(list []byte, affiliate int64, today, yesterday *int64) []byte {
	list = append(list, '[')
	list = strconv.AppendInt(list, affiliate, 10)
	for _, text := range []string{v.Code, v.URL, v.Referrer, v.UserAgent} {
		list = append(list, ',')
		if text == "" {
			list = append(list, "null"...)
		} else {
			list = wire.AppendText(list, text)
		}
	}
	for _, number := range []*int64{today, yesterday, &v.At, new(v.At - window), new(v.At + window)} {
		list = append(list, ',')
		if number == nil {
			list = append(list, "null"...)
		} else {
			list = strconv.AppendInt(list, *number, 10)
		}
	}
	return append(list, ']')
}

// Prune deletes address keys that are out of date, and the oldest clicks of a project,
// at most old.AtMost. It notes how many are gone from each day, so that the counts in
// the statistics, which stay, can still be compared with the rows. It reports whether
// there may be more. now is the operation's, in Unix milliseconds.
func Prune(ctx context.Context, q db.Querier, now int64, old db.PruneClicksParams) (more bool, err error) {
	if err := forgetKeys(ctx, q, stored.DayOf(now)); err != nil {
		return false, err
	}
	gone, err := q.PruneClicks(ctx, old)
	if err != nil {
		return false, err
	}
	return int64(len(gone)) == old.AtMost, notePruned(ctx, q, old.ProjectID, gone)
}

// notePruned notes how many clicks of each day have no row any more.
func notePruned(ctx context.Context, q db.Querier, project int64, gone []db.PruneClicksRow) error {
	days := make(map[day]int64, 8)
	for _, row := range gone {
		days[day{row.AffiliateID, stored.DayOf(row.CreatedAt)}]++
	}
	for of, n := range days {
		note := db.NotePrunedClicksParams{ProjectID: project, Day: of.day, AffiliateID: of.affiliate, Clicks: n}
		if err := q.NotePrunedClicks(ctx, note); err != nil {
			return err
		}
	}
	return nil
}

// Forget is Prune for the clicks of one affiliate, however old they are.
func Forget(ctx context.Context, q db.Querier, of db.ForgetClicksOfParams) (more bool, err error) {
	rows, err := q.ForgetClicksOf(ctx, of)
	if err != nil {
		return false, err
	}
	gone := make([]db.PruneClicksRow, len(rows))
	for i, r := range rows {
		gone[i] = db.PruneClicksRow(r)
	}
	return int64(len(rows)) == of.AtMost, notePruned(ctx, q, of.ProjectID, gone)
}

// IsBot reports whether a user agent says that it is not a visitor's.
func IsBot(userAgent string) bool {
	// CUBOT makes phones. A name may be the last word.
	userAgent = withoutDevice(strings.ReplaceAll(strings.ToLower(userAgent), "cubot", "")) + " "
	for _, mark := range botMarks() {
		if strings.Contains(userAgent, mark) {
			return true
		}
	}
	return false
}

// withoutDevice leaves out the name of an Android device, such as "M bot 60": the part
// of the comment after "Android" that has the build, or else that has no version, as a
// bot's name has. The user agent is in lower case.
func withoutDevice(userAgent string) string {
	before, rest, found := strings.Cut(userAgent, "android ")
	comment, after, closed := strings.Cut(rest, ")")
	if !found || !closed {
		return userAgent
	}
	kept := []string{before}
	for i, part := range strings.Split(comment, ";") {
		if i == 0 || strings.Contains(part, "/") && !strings.Contains(part, " build/") {
			kept = append(kept, part)
		}
	}
	return strings.Join(append(kept, after), ";")
}

// botMarks are what the user agents of bots contain. Most say "bot" or "crawler", and
// where to read about them.
func botMarks() [33]string {
	return [...]string{
		"bot/", "bot ", "bot;", "bot)", "bot-", "bot.", "bot,", "bots)", "-bot", "robot",
		"crawl", "spider", "slurp", "archiver",
		"facebookexternalhit", "facebookcatalog", "whatsapp/", "preview", "embedly", "iframely",
		"quora link", "vkshare", "flipboardproxy", "mastodon/", "cardyb",
		"mediapartners", "apis-google", "googleother", "google-inspectiontool", "lighthouse",
		"pingdom", "uptime", "http monitor",
	}
}
