package main

import (
	"context"
	"database/sql"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A shelf is a project with clicks, and a view of those that are kept.
type shelf struct {
	t       *testing.T
	db      *sqlite.DB
	engine  *refgrow.Engine
	clock   *refgrowtest.Clock
	project *refgrow.Project
}

func newShelf(t *testing.T) *shelf {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "refgrow.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	engine, clock := refgrowtest.On(t, db)
	project, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{ClickDays: 30})
	if err != nil {
		t.Fatal(err)
	}
	_, err = project.CreateAffiliate(t.Context(),
		refgrow.CreateAffiliateParams{Email: "jane@example.com", ReferralCode: "JANE"})
	if err != nil {
		t.Fatal(err)
	}
	return &shelf{t, db, engine, clock, project}
}

// add records clicks.
func (s *shelf) add(n int) {
	s.t.Helper()
	clicks := make([]refgrow.Click, n)
	for i := range clicks {
		clicks[i].ReferralCode = "JANE"
	}
	if counts, err := s.project.RecordClicks(s.t.Context(), clicks); err != nil || counts.Counted != n {
		s.t.Fatalf("%+v, %v", counts, err)
	}
}

// kept counts the single clicks, and all there have ever been.
func (s *shelf) kept() (single int, all int64) {
	s.t.Helper()
	ctx := s.t.Context()
	if err := s.db.Tx(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM refgrow_clicks").Scan(&single)
	}); err != nil {
		s.t.Fatal(err)
	}
	jane, err := s.project.AffiliateByEmail(ctx, "jane@example.com")
	if err != nil {
		s.t.Fatal(err)
	}
	return single, jane.Clicks
}

func TestUpkeepPrunes(t *testing.T) {
	t.Parallel()
	single(t)
	s := newShelf(t)
	for range 4 { // more than one transaction prunes
		s.add(refgrow.MaxClicks)
	}
	s.clock.Advance(20 * 24 * time.Hour)
	s.add(3)
	log := new(journal)
	c := &call{log: slog.New(slog.NewTextHandler(log, nil))}
	ticks := make(chan time.Time)
	stop := c.upkeep(t.Context(), s.engine, ticks)
	ticks <- time.Time{} // taken after the first look
	ticks <- time.Time{}
	if single, all := s.kept(); single != 2003 || all != 2003 {
		t.Errorf("%d of %d clicks are kept", single, all)
	}
	s.clock.Advance(11 * 24 * time.Hour)
	ticks <- time.Time{}
	ticks <- time.Time{} // after that look
	if single, all := s.kept(); single != 3 || all != 2003 {
		t.Errorf("%d of %d clicks are kept", single, all)
	}
	stop()
	select {
	case ticks <- time.Time{}:
		t.Error("it goes on")
	default:
	}
	if report, err := s.engine.Verify(t.Context()); err != nil || len(report.Differences) != 0 {
		t.Errorf("%v, %v", report.Differences, err)
	}
	if log.String() != "" {
		t.Errorf("the log has %s", log)
	}
}

// The end of the context ends it, and what fails is logged and tried again.
func TestUpkeepEnds(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	log := new(journal)
	c := &call{log: slog.New(slog.NewTextHandler(log, nil))}
	if err := s.engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ticks := make(chan time.Time)
	stop := c.upkeep(ctx, s.engine, ticks)
	ticks <- time.Time{}
	ticks <- time.Time{}
	cancel()
	stop()
	if strings.Count(log.String(), "the upkeep has to wait") < 2 {
		t.Errorf("the log has %q", log)
	}
}

// A panic in it is logged too, and does not end the process.
func TestUpkeepSurvivesAPanic(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	var broken atomic.Bool
	engine, err := refgrow.New(t.Context(), s.db, refgrow.Config{Now: func() time.Time {
		if broken.Load() {
			panic("a page is not what it was")
		}
		return s.clock.Now()
	}})
	if err != nil {
		t.Fatal(err)
	}
	s.add(3)
	s.clock.Advance(40 * 24 * time.Hour)
	log := new(journal)
	c := &call{log: slog.New(slog.NewTextHandler(log, nil))}
	broken.Store(true)
	ticks := make(chan time.Time)
	stop := c.upkeep(t.Context(), engine, ticks)
	ticks <- time.Time{} // taken after the first look
	broken.Store(false)
	ticks <- time.Time{}
	ticks <- time.Time{} // after that look
	stop()
	if single, all := s.kept(); single != 0 || all != 3 {
		t.Errorf("%d of %d clicks are kept", single, all)
	}
	if !strings.Contains(log.String(), "a page is not what it was") {
		t.Errorf("the log has %q", log)
	}
}

// serve does it when it begins.
func TestServePrunesClicks(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop", "--click-days", "1")
	p.addAffiliate("jane@example.com")
	p.inShop(func(shop *refgrow.Project) {
		jane, err := shop.AffiliateByEmail(t.Context(), "jane@example.com")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := shop.RecordClicks(t.Context(), []refgrow.Click{{ReferralCode: jane.ReferralCode}}); err != nil {
			t.Fatal(err)
		}
	})
	const aged = "SELECT COUNT(*) FROM refgrow_clicks"
	p.tamper("UPDATE refgrow_clicks SET created_at = created_at - 2 * 86400000")
	if n := p.count(aged); n != 1 {
		t.Fatalf("%d clicks", n)
	}
	s := p.serve()
	for end := time.Now().Add(20 * time.Second); p.count(aged) != 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the click is still there: %s", s.log)
		}
	}
	s.end()
}

// count runs a query that counts.
func (p *commandLine) count(query string) (n int) {
	p.t.Helper()
	db, err := sqlite.Open(p.t.Context(), p.db, sqlite.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	if err := db.Tx(p.t.Context(), func(tx *sql.Tx) error {
		return tx.QueryRowContext(p.t.Context(), query).Scan(&n)
	}); err != nil {
		p.t.Fatal(err)
	}
	return n
}
