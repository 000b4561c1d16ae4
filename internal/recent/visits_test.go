package recent

import (
	"reflect"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever the order of changes and reads, an answer from memory was true less than a
// second ago, and since the last change of this process. A reading takes time: what it
// found may be out of date when it is kept.
func TestVisitsAreNeverOlderThanASecond(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type reading struct {
			version, changes int
			at               time.Time
		}
		var (
			visits   = NewVisits()
			now      = start()
			version  int         // what the database has
			own      int         // what it had after the last change of this process
			ended    []time.Time // when it no longer had each former version
			underWay []reading
		)
		outdated := func(v int) bool { return v < own || v < version && now.Sub(ended[v]) >= time.Second }
		change := func() {
			ended = append(ended, now)
			version++
		}
		t.Repeat(map[string]func(*rapid.T){
			"time passes": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 1200).Draw(t, "ms")) * time.Millisecond)
			},
			"change here": func(*rapid.T) {
				change()
				visits.Forget(1)
				own = version
			},
			"change elsewhere": func(*rapid.T) { change() },
			"read": func(*rapid.T) {
				_, _, changes := visits.Tracking(1, now)
				underWay = append(underWay, reading{version, changes, now})
			},
			"keep": func(t *rapid.T) {
				if len(underWay) == 0 {
					t.Skip("nothing is being read")
				}
				r := underWay[0]
				underWay = underWay[1:]
				visits.KeepTracking(1, Tracking{CookieDays: r.version}, r.at, r.changes)
				visits.KeepCode(1, strconv.Itoa(r.version), r.at, r.changes)
			},
			"": func(t *rapid.T) {
				if known, ok, _ := visits.Tracking(1, now); ok && outdated(known.CookieDays) {
					t.Fatalf("the settings are those of version %d, after %d", known.CookieDays, version)
				}
				for v := range version + 1 {
					if leads, _ := visits.Leads(1, strconv.Itoa(v), now); leads && outdated(v) {
						t.Fatalf("the codes are those of version %d, after %d", v, version)
					}
				}
			},
		})
	})
}

func TestVisitsOfProjectsAreApart(t *testing.T) {
	t.Parallel()
	visits := NewVisits()
	for project := range int64(2) {
		visits.KeepTracking(project, Tracking{CookieDays: int(project)}, start(), 0)
	}
	visits.KeepCode(0, "jane", start(), 0)
	if leads, _ := visits.Leads(0, "jane", start()); !leads {
		t.Error("a code that was kept is not known")
	}
	if leads, _ := visits.Leads(1, "jane", start()); leads {
		t.Error("another project's code is known")
	}
	visits.Forget(1)
	if known, ok, changes := visits.Tracking(0, start()); !ok || changes != 1 || visits.Changes() != 1 {
		t.Errorf("the other project has %+v after %d changes", known, changes)
	}
	if known, ok, _ := visits.Tracking(1, start()); ok {
		t.Errorf("after a change it is known: %+v", known)
	}
}

// Callers may change what they passed and what they got.
func TestTrackingIsCopied(t *testing.T) {
	t.Parallel()
	given := func() Tracking {
		return Tracking{
			Touch: "last", CookieDays: 60, LandingURL: "/", AllowedOrigins: []string{"https://example.com"},
		}
	}
	visits, changed := NewVisits(), given()
	visits.KeepTracking(1, changed, start(), 0)
	changed.AllowedOrigins[0] = "given"
	for range 2 {
		known, ok, _ := visits.Tracking(1, start())
		if !ok || !reflect.DeepEqual(known, given()) {
			t.Errorf("the settings are %+v", known)
		}
		known.AllowedOrigins[0] = "known"
	}
}

func TestKnownCodesAreBounded(t *testing.T) {
	t.Parallel()
	visits := NewVisits()
	for n := range 2*maxKnown + 10 {
		visits.KeepCode(1, strconv.Itoa(n), start(), 0)
		if len(visits.codes) > maxKnown {
			t.Fatalf("%d codes are known", len(visits.codes))
		}
		if leads, _ := visits.Leads(1, strconv.Itoa(n), start()); !leads {
			t.Fatalf("code %d, the newest, is not known", n)
		}
	}
}
