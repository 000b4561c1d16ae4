package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/refgrow-go/refgrow/internal/db"
)

// visitsKnownFor is for how long what was read for visits is told from memory.
const visitsKnownFor = time.Second

// maxKnownCodes bounds the memory; beyond it, some codes are read anew.
const maxKnownCodes = 10_000

// A visitCache remembers what each visit asks for, so that visits need not wait for
// the database.
type visitCache struct {
	mu       sync.Mutex
	settings map[int64]knownSettings
	codes    map[projectCode]time.Time // that lead to an active affiliate, and when that was read
	changes  int                       // in this process
}

type knownSettings struct {
	TrackingSettings
	readAt time.Time
}

type projectCode struct {
	project int64
	code    string // in lower case
}

func newVisitCache() *visitCache {
	return &visitCache{settings: make(map[int64]knownSettings, 1), codes: make(map[projectCode]time.Time)}
}

// forget is called after a change of a project.
func (c *visitCache) forget(project int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.settings, project)
	clear(c.codes)
}

// changed tells how many changes there were so far.
func (c *visitCache) changed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changes
}

// TrackingSettings are those settings that tracking needs at each visit.
type TrackingSettings struct {
	Touch          Touch
	CookieDays     int
	LandingURL     string
	AllowedOrigins []string
}

// TrackingSettings gives them from memory, where what other processes change, and the
// caller's transactions (WithTx), arrives within a second. Errors: ErrBusy, ErrClosed.
func (p *Project) TrackingSettings(ctx context.Context) (TrackingSettings, error) {
	c, now := p.engine.visits, p.engine.now()
	c.mu.Lock()
	known, ok := c.settings[p.id]
	changes := c.changes
	c.mu.Unlock()
	outside := p.backend == p.engine.backend // what a transaction sees may be undone
	if ok && outside && recent(known.readAt, now) {
		known.AllowedOrigins = slices.Clone(known.AllowedOrigins)
		return known.TrackingSettings, nil
	}
	row, err := read(p, "reading the settings", func(q db.Querier) (db.Project, error) {
		row, err := q.GetProject(ctx, p.id)
		return row, missing(err, "Project")
	})
	if err != nil {
		return TrackingSettings{}, err
	}
	settings := TrackingSettings{Touch: Touch(row.Touch), CookieDays: int(row.CookieDays), LandingURL: orZero(row.LandingURL)}
	if settings.AllowedOrigins, err = storedOrigins(row.Origins); err != nil {
		return settings, failed("reading the settings", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes && outside {
		c.settings[p.id] = knownSettings{settings, now}
		settings.AllowedOrigins = slices.Clone(settings.AllowedOrigins)
	}
	return settings, nil
}

// LeadsToAffiliate tells whether a code or slug leads to an active affiliate, from
// memory if it did within the last second. Errors: ErrBusy, ErrClosed.
func (p *Project) LeadsToAffiliate(ctx context.Context, text string) (bool, error) {
	if code("referral_code", text) != nil {
		return false, p.engine.open()
	}
	c, now, of := p.engine.visits, p.engine.now(), projectCode{p.id, fold(strings.Clone(text))}
	c.mu.Lock()
	readAt, ok := c.codes[of]
	changes := c.changes
	c.mu.Unlock()
	outside := p.backend == p.engine.backend
	if ok && outside && recent(readAt, now) {
		return true, nil
	}
	row, err := read(p, "finding an affiliate", func(q db.Querier) (db.Affiliate, error) {
		row, err := q.GetAffiliateByCode(ctx, db.GetAffiliateByCodeParams{ProjectID: p.id, Code: of.code})
		return row, ignoring(err, sql.ErrNoRows)
	})
	if err != nil || AffiliateStatus(row.Status) != AffiliateActive {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes != changes || !outside {
		return true, nil
	}
	if len(c.codes) >= maxKnownCodes {
		clear(c.codes)
	}
	c.codes[of] = now
	return true, nil
}

func recent(readAt, now time.Time) bool {
	age := now.Sub(readAt)
	return 0 <= age && age < visitsKnownFor
}

// ignoring is err, but nil where it is the one that is no failure.
func ignoring(err, fine error) error {
	if errors.Is(err, fine) {
		return nil
	}
	return err
}
