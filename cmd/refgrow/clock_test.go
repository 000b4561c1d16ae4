package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/sqlite"
)

// at does something in the project "shop" while the clock shows another time.
func (p *commandLine) at(ahead time.Duration, work func(shop *refgrow.Project)) {
	p.t.Helper()
	db, err := sqlite.Open(p.t.Context(), p.db, sqlite.Options{})
	if err != nil {
		p.t.Fatal(err)
	}
	defer db.Close()
	engine, err := refgrow.New(p.t.Context(), db, refgrow.Config{Now: func() time.Time { return time.Now().Add(ahead) }})
	if err != nil {
		p.t.Fatal(err)
	}
	shop, err := engine.Project(p.t.Context(), "shop")
	if err != nil {
		p.t.Fatal(err)
	}
	work(shop)
}

// ask asks a question while the clock is half a year ahead.
func (p *commandLine) ask() {
	p.t.Helper()
	p.at(180*24*time.Hour, func(shop *refgrow.Project) {
		earned, err := shop.Earnings(p.t.Context(), 1, refgrow.AsOf(shop.Now()))
		if err != nil || earned[0].ClosedUntil.Before(time.Now().AddDate(0, 5, 0)) {
			p.t.Fatal(earned, err)
		}
	})
}

func TestClock(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	p.must("project", "create", "shop")
	p.addAffiliate("jane@example.com")
	clock := func() clockJSON {
		t.Helper()
		got := decode[[]clockJSON](t, p.must("clock", "--json"))
		if len(got) != 1 || got[0].Project != "shop" || got[0].Resets == nil {
			t.Fatalf("%+v", got)
		}
		return got[0]
	}
	if got := clock(); got.Leaped || got.Ahead != 0 {
		t.Errorf("%+v", got)
	}
	if text := p.must("clock", "reset"); !strings.HasPrefix(text, "nothing changed: the last stamp, ") {
		t.Error(text)
	}
	if got := decode[stampResetJSON](t, p.must("clock", "reset", "--json")); got.Changed || got.From != got.To {
		t.Errorf("%+v", got)
	}

	p.ask()
	leaped := clock()
	if !leaped.Leaped || leaped.Ahead < 179*24*60*60 || leaped.LastStamp <= leaped.Now || len(leaped.Resets) != 0 {
		t.Errorf("%+v", leaped)
	}
	if text := p.must("clock"); !strings.Contains(text, leaped.LastStamp) || !strings.Contains(text, "h") {
		t.Error(text)
	}
	const note = "no entry is stamped before "
	if text := p.must("verify"); !strings.HasPrefix(text, "note: project shop: "+note+leaped.LastStamp+", which is 17") ||
		!strings.Contains(text, "no differences") {
		t.Error(text)
	}
	got := decode[reportJSON](t, p.must("verify", "--json"))
	if !got.OK || len(got.Notes) != 1 || got.Notes[0].Project != "shop" || !strings.HasPrefix(got.Notes[0].Message, note) {
		t.Errorf("%+v", got)
	}

	code, stdout, stderr := p.run("clock", "reset", "--project", "shop", "--json")
	reset := decode[stampResetJSON](t, stdout)
	if code != exitDone || strings.Count(stderr, "\n") != 1 ||
		!strings.Contains(stderr, "the last stamp was brought back") {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if !reset.Changed || reset.From != leaped.LastStamp || reset.To >= reset.At {
		t.Errorf("%+v", reset)
	}
	after := clock()
	if after.Leaped || after.LastStamp != reset.To || len(after.Resets) != 1 || after.Resets[0] != reset {
		t.Errorf("%+v", after)
	}
	if text := p.must("clock"); !strings.Contains(text, "reset at "+reset.At+"  from "+reset.From+" to "+reset.To) {
		t.Error(text)
	}
	p.ask()
	code, stdout, _ = p.run("clock", "reset")
	if code != exitDone || !strings.Contains(stdout, "the instants in between are open again") {
		t.Errorf("exit code %d, %s", code, stdout)
	}
	if got := decode[reportJSON](t, p.must("verify", "--json")); got.Notes == nil || len(got.Notes) != 0 {
		t.Errorf("%+v", got)
	}

	// An entry that is itself ahead.
	p.at(24*time.Hour, func(shop *refgrow.Project) {
		if _, err := shop.CreateAdjustment(t.Context(), refgrow.CreateAdjustmentParams{
			AffiliateID: 1, Amount: money.MustParse("5.00 USD"), Note: "ahead",
		}); err != nil {
			t.Fatal(err)
		}
	})
	code, stdout, stderr = p.run("clock", "reset")
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, "newest ledger entry, 1, is itself of ") {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	p.must("project", "create", "other")
	code, _, stderr = p.run("clock", "reset")
	if code != exitWrong || !strings.Contains(stderr, `"refgrow clock reset" needs --project NAME: there are 2 projects`) {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if code, _, stderr = p.run("clock", "reset", "--project", "nobody"); code != exitFailed {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
}

// A leap is a note of /readyz, which names no project, and no failure.
func TestReadyNotesALeap(t *testing.T) {
	t.Parallel()
	p := setup(t)
	p.must("project", "create", "shop")
	p.addAffiliate("jane@example.com")
	p.ask()
	s := p.serve()
	defer s.end()
	status, _, body := s.do("GET", "/readyz", "")
	if status != http.StatusOK ||
		!strings.HasPrefix(body, `{"notes":["in 1 of the projects no entry is stamped before 20`) ||
		!strings.HasSuffix(body, `days ahead of the clock: it was wrong once"],"status":"ready"}`+"\n") ||
		strings.Contains(body, "shop") {
		t.Errorf("%d %s", status, body)
	}
	if code, _, stderr := p.run("clock", "reset"); code != exitDone {
		t.Errorf("exit code %d, stderr %q", code, stderr)
	}
	if status, _, body = s.do("GET", "/readyz", ""); status != http.StatusOK || !strings.Contains(body, `"notes":[]`) {
		t.Errorf("%d %s", status, body)
	}
}
