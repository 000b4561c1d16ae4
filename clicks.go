package refgrow

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/wire"
)

// A Click is one visit through a referral link or code.
type Click struct {
	// ReferralCode is the affiliate's code or partner slug; required.
	ReferralCode string
	// URL is the page that was visited, Referrer the one before. Both are cut to
	// 2048 bytes.
	URL, Referrer string
	// Address is the visitor's. It is stored only as a hash under a key that changes
	// every UTC day and is deleted after 48 hours. Without one, repeats are not seen.
	Address netip.Addr
	// UserAgent is the visitor's browser, cut to 512 bytes.
	UserAgent string
}

// ClickCounts says what became of clicks.
type ClickCounts struct {
	// Counted ones are in the statistics.
	Counted int
	// Ignored ones lead to no active affiliate, come from a bot, or repeat one of the
	// same affiliate from the same address within RepeatWindow.
	Ignored int
}

const (
	// MaxClicks is the most that RecordClicks takes at once.
	MaxClicks = 500
	// RepeatWindow is for how long further clicks from the same address do not count.
	RepeatWindow = 30 * time.Minute

	maxUserAgent = 512
)

// RecordClicks records clicks and returns after they are committed. Errors:
// ErrInvalid, with a field such as "clicks[3].referral_code", ErrBusy, ErrClosed.
func (p *Project) RecordClicks(ctx context.Context, clicks []Click) (ClickCounts, error) {
	if len(clicks) == 0 || len(clicks) > MaxClicks {
		return ClickCounts{}, invalid("clicks", "must be 1 to %d", MaxClicks)
	}
	now := p.engine.millis()
	visits := make([]visit, 0, len(clicks))
	for i, click := range clicks {
		if err := code(fmt.Sprintf("clicks[%d].referral_code", i), click.ReferralCode); err != nil {
			return ClickCounts{}, err
		}
		if !IsBot(click.UserAgent) {
			visits = append(visits, visit{click.cut(), now})
		}
	}
	counted, err := p.recordVisits(ctx, visits)
	if err != nil {
		return ClickCounts{}, err
	}
	counts := ClickCounts{Counted: counted, Ignored: len(clicks) - counted}
	if p.backend == p.engine.backend { // inside a transaction it may be undone
		p.engine.clicks.count(counts)
	}
	return counts, nil
}

// cut bounds what is kept of a click.
func (c Click) cut() Click {
	c.URL, c.Referrer, c.UserAgent = cutText(c.URL, maxURL), cutText(c.Referrer, maxURL), cutText(c.UserAgent, maxUserAgent)
	c.ReferralCode = strings.Clone(c.ReferralCode)
	return c
}

// A visit is a click that may count, and when it was.
type visit struct {
	Click
	at int64 // Unix milliseconds
}

// A clickDay is where clicks count.
type clickDay struct{ affiliate, day int64 }

// recordVisits writes those that count, in one transaction, and counts them.
func (p *Project) recordVisits(ctx context.Context, visits []visit) (counted int, err error) {
	if len(visits) == 0 {
		return 0, p.engine.open()
	}
	err = p.writeAs(ctx, "recording clicks", backend.Work{WritesLast: true}, func(ctx context.Context, o *op) error {
		counted, err = o.recordVisits(ctx, visits)
		return err
	})
	return counted, err
}

func (o *op) recordVisits(ctx context.Context, visits []visit) (counted int, err error) {
	affiliates, err := o.affiliatesOf(ctx, visits)
	if err != nil || len(affiliates) == 0 {
		return 0, err
	}
	rows, err := o.clickRows(ctx, visits, affiliates)
	if err != nil {
		return 0, err
	}
	written, err := o.InsertClicks(ctx, db.InsertClicksParams{ProjectID: o.project, Clicks: string(rows)})
	if err != nil {
		return 0, err
	}
	days := make(map[clickDay]int64, len(affiliates))
	sums := make(map[int64]int64, len(affiliates))
	for _, row := range written {
		days[clickDay{row.AffiliateID, dayOf(row.CreatedAt)}]++
		sums[row.AffiliateID]++
	}
	for of, n := range days {
		o.AddAffiliateDay(db.AddToAffiliateDayParams{ProjectID: o.project, Day: of.day, AffiliateID: of.affiliate, Clicks: n})
		o.AddProjectDay(db.AddToProjectDayParams{ProjectID: o.project, Day: of.day, Clicks: n})
	}
	for _, id := range slices.Sorted(maps.Keys(sums)) {
		if err := o.CountClicks(ctx, db.CountClicksParams{ProjectID: o.project, AffiliateID: id, Clicks: sums[id]}); err != nil {
			return 0, err
		}
	}
	return len(written), nil
}

// affiliatesOf finds the active affiliates that the codes lead to, by the codes in
// lower case.
func (o *op) affiliatesOf(ctx context.Context, visits []visit) (map[string]int64, error) {
	affiliates := make(map[string]int64, len(visits))
	for _, v := range visits {
		affiliates[fold(v.ReferralCode)] = 0
	}
	codes, err := json.Marshal(slices.Sorted(maps.Keys(affiliates)))
	if err != nil {
		return nil, err
	}
	clear(affiliates)
	found, err := o.FindClickedAffiliates(ctx, db.FindClickedAffiliatesParams{ProjectID: o.project, Codes: string(codes)})
	for _, row := range found {
		affiliates[row.Code] = row.AffiliateID
	}
	return affiliates, err
}

// clickRows is what InsertClicks takes, without repeats among themselves.
func (o *op) clickRows(ctx context.Context, visits []visit, affiliates map[string]int64) ([]byte, error) {
	type source struct {
		affiliate int64
		address   netip.Addr
	}
	window := RepeatWindow.Milliseconds()
	last := make(map[source]int64, len(visits))
	rows := make([]byte, 0, 256*len(visits))
	rows = append(rows, '[')
	for i := range visits {
		v := &visits[i]
		from := source{affiliates[fold(v.ReferralCode)], v.Address.Unmap().WithZone("")}
		if from.affiliate == 0 {
			continue
		}
		if before, ok := last[from]; ok && from.address.IsValid() && -window < v.at-before && v.at-before < window {
			continue
		}
		last[from] = v.at
		today, yesterday, err := o.hashes(ctx, from.address, v.at)
		if err != nil {
			return nil, err
		}
		if len(rows) > 1 {
			rows = append(rows, ',')
		}
		rows = append(rows, '[')
		rows = strconv.AppendInt(rows, from.affiliate, 10)
		for _, text := range []string{v.ReferralCode, v.URL, v.Referrer, v.UserAgent} {
			rows = append(rows, ',')
			if text == "" {
				rows = append(rows, "null"...)
			} else {
				rows = wire.AppendText(rows, text)
			}
		}
		for _, number := range []*int64{today, yesterday, &v.at, new(v.at - window), new(v.at + window)} {
			rows = append(rows, ',')
			if number == nil {
				rows = append(rows, "null"...)
			} else {
				rows = strconv.AppendInt(rows, *number, 10)
			}
		}
		rows = append(rows, ']')
	}
	return append(rows, ']'), nil
}

// hashes gives an address as it is stored, and as it was stored the day before if
// that is within the window; nil without an address.
func (o *op) hashes(ctx context.Context, address netip.Addr, at int64) (today, yesterday *int64, err error) {
	if !address.IsValid() {
		return nil, nil, nil
	}
	if today, err = o.hash(ctx, address, dayOf(at)); err != nil {
		return nil, nil, err
	}
	if before := dayOf(at - RepeatWindow.Milliseconds()); before != dayOf(at) {
		yesterday, err = o.hash(ctx, address, before)
	}
	return today, yesterday, err
}

type hasherOf int64 // a day

func (o *op) hash(ctx context.Context, address netip.Addr, day int64) (*int64, error) {
	keyed, ok := o.Memo[hasherOf(day)].(hash.Hash)
	if !ok {
		key, err := o.addressKey(ctx, day)
		if err != nil || key == nil {
			return nil, err
		}
		keyed = hmac.New(sha256.New, key)
		o.Memo[hasherOf(day)] = keyed
	}
	keyed.Reset()
	bytes := address.As16()
	keyed.Write(bytes[:])
	return new(int64(binary.BigEndian.Uint64(keyed.Sum(nil)))), nil //nolint:gosec // any 64 bits will do
}

// addressKey gives the key of a day, nil when it is deleted already. The first who
// needs today's makes it, and deletes those from before yesterday.
func (o *op) addressKey(ctx context.Context, day int64) ([]byte, error) {
	key, err := o.GetAddressKey(ctx, day)
	today := dayOf(o.now)
	if !errors.Is(err, sql.ErrNoRows) || day < today-1 {
		return key, ignoring(err, sql.ErrNoRows)
	}
	key = make([]byte, sha256.Size)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	if err := o.InsertAddressKey(ctx, db.InsertAddressKeyParams{Day: day, Key: key}); err != nil {
		return nil, err
	}
	return key, o.forgetAddressKeys(ctx)
}

// forgetAddressKeys deletes the keys from before yesterday. They are overwritten
// first, because what is deleted stays in the file for a while.
func (o *op) forgetAddressKeys(ctx context.Context) error {
	before := dayOf(o.now) - 1
	if err := o.OverwriteAddressKeys(ctx, before); err != nil {
		return err
	}
	return o.DeleteAddressKeys(ctx, before)
}

// PruneClicks forgets the single clicks that are older than each project's
// ClickDays, the claims of browsers that are older than its CookieDays, and the keys
// under which addresses were hashed before yesterday: some hundreds of each at once.
// It reports whether there may be more. No statistic changes by it. An engine does
// it by itself once an hour while it writes queued clicks. Errors: ErrBusy,
// ErrClosed.
func (e *Engine) PruneClicks(ctx context.Context) (more bool, err error) {
	projects, err := e.Projects(ctx)
	if err != nil {
		return false, err
	}
	for _, p := range projects {
		err := p.write(ctx, "pruning clicks", func(ctx context.Context, o *op) error {
			full, err := o.pruneClicks(ctx)
			more = more || full
			return err
		})
		if err != nil {
			return more, err
		}
	}
	return more, nil
}

func (o *op) pruneClicks(ctx context.Context) (more bool, err error) {
	if err := o.forgetAddressKeys(ctx); err != nil {
		return false, err
	}
	clicks, err := o.Tx.PruneClicks(ctx, db.PruneClicksParams{
		ProjectID: o.project, CreatedBefore: o.daysAgo(o.state.settings.ClickDays), AtMost: deletionStep,
	})
	if err != nil {
		return false, err
	}
	pruned := make(map[clickDay]int64, 8)
	for _, c := range clicks {
		pruned[clickDay{c.AffiliateID, dayOf(c.CreatedAt)}]++
	}
	for of, n := range pruned {
		if err := o.NotePrunedClicks(ctx, db.NotePrunedClicksParams{ProjectID: o.project, Day: of.day, AffiliateID: of.affiliate, Clicks: n}); err != nil {
			return false, err
		}
	}
	claims := o.state.claims
	err = o.pruneClaims(ctx, o.daysAgo(o.state.settings.CookieDays), deletionStep)
	return len(clicks) == deletionStep || claims-o.state.claims == deletionStep, err
}

// daysAgo is an instant so many days of 24 hours before now.
func (o *op) daysAgo(days int) int64 { return o.now - int64(days)*dayMillis }
