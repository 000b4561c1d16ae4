package recent

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Tracking is the part of a project's settings that every visit needs.
type Tracking struct {
	Touch          string
	CookieDays     int
	LandingURL     string
	AllowedOrigins []string
}

// clone shares no memory with the original.
func (t Tracking) clone() Tracking {
	t.AllowedOrigins = slices.Clone(t.AllowedOrigins)
	return t
}

// Visits remembers what visits ask for, so that they need not wait for the database. It
// is safe for concurrent use.
type Visits struct {
	mu       sync.Mutex
	tracking map[int64]dated[Tracking] // by project
	codes    map[code]dated[struct{}]  // those that lead to an active affiliate
	changes  int                       // in this process
}

type code struct {
	project int64
	folded  string
}

// NewVisits returns an empty memory of what visits ask for.
func NewVisits() *Visits {
	return &Visits{tracking: make(map[int64]dated[Tracking], 1), codes: make(map[code]dated[struct{}])}
}

// Tracking returns the settings of a project if they are known, and the number of
// changes so far, for KeepTracking. The caller may change what it gets.
func (v *Visits) Tracking(project int64, now time.Time) (t Tracking, known bool, changes int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	kept, ok := v.tracking[project]
	if !ok || !kept.recent(now) {
		return Tracking{}, false, v.changes
	}
	return kept.value.clone(), true, v.changes
}

// KeepTracking remembers the settings of a project, unless there was a change since
// Tracking: they may be from before it.
func (v *Visits) KeepTracking(project int64, t Tracking, readAt time.Time, changes int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if changes == v.changes {
		v.tracking[project] = dated[Tracking]{t.clone(), readAt}
	}
}

// Leads reports whether a code, in lower case, is known to lead to an active affiliate.
// It also returns the number of changes so far, for KeepCode. Codes that lead nowhere
// are never known, so that nobody can fill the memory with guesses, and a new
// affiliate's works at once.
func (v *Visits) Leads(project int64, folded string, now time.Time) (known bool, changes int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	kept, ok := v.codes[code{project, folded}]
	return ok && kept.recent(now), v.changes
}

// KeepCode remembers that a code, in lower case, leads to an active affiliate, unless
// there was a change since Leads. It does not hold on to the caller's memory.
func (v *Visits) KeepCode(project int64, folded string, readAt time.Time, changes int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if changes != v.changes {
		return
	}
	if len(v.codes) >= maxKnown {
		clear(v.codes)
	}
	v.codes[code{project, strings.Clone(folded)}] = dated[struct{}]{readAt: readAt}
}

// Forget is called after a change of a project.
func (v *Visits) Forget(project int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.changes++
	delete(v.tracking, project)
	clear(v.codes)
}

// Changes returns the number of changes so far.
func (v *Visits) Changes() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changes
}
