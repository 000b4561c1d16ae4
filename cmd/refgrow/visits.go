package main

import (
	"context"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/tracking"
)

// trackers serve referral links and the browser script of all projects. They know the
// projects from a list that is read again when somebody visits, at most once a second:
// so names that strangers invent cost neither memory nor queries.
type trackers struct {
	engine  *refgrow.Engine
	options tracking.Options
	bare    int64 // the project of the paths that name none; 0 for the first of the database

	mu     sync.Mutex
	looked time.Time // by the engine's clock
	byName map[string]*tracking.Tracker
	byID   map[int64]*tracking.Tracker // a project may be renamed
	first  int64                       // the lowest id
}

// listFor is how long a list of the projects is valid.
const listFor = time.Second

// How long a visit may wait for the list: if there is one that is merely old, and if
// there is none.
const (
	againWithin = 20 * time.Millisecond
	firstWithin = 2 * time.Second
)

func newTrackers(engine *refgrow.Engine, bare int64, options tracking.Options) *trackers {
	return &trackers{engine: engine, bare: bare, options: options}
}

// trackingProject finds the project that serve was told about, by its id or its name.
// The answer is kept: who renames a project later changes no published link.
func trackingProject(ctx context.Context, engine *refgrow.Engine, text string) (int64, error) {
	projects, err := engine.Projects(ctx)
	if err != nil {
		return 0, err
	}
	id, _ := strconv.ParseInt(text, 10, 64)
	for _, project := range projects {
		if project.ID() == id || project.Name() == text {
			return project.ID(), nil
		}
	}
	return 0, usage("--tracking-project: there is no project %q; it takes the id or the name of one", text)
}

// serve answers a request whose path belongs to tracking, and reports whether it
// does.
func (t *trackers) serve(w http.ResponseWriter, r *http.Request) bool {
	named := func() string { return r.URL.Query().Get("project") }
	switch r.URL.Path {
	case "/refgrow.js":
		if allowed(w, r, http.MethodGet, http.MethodHead) {
			t.visit(w, r, named(), forPrograms, func(of *tracking.Tracker) { of.ServeScript(w, r) })
		}
		return true
	case "/refgrow/track":
		if allowed(w, r, http.MethodOptions, http.MethodPost) {
			t.visit(w, r, named(), forPrograms, func(of *tracking.Tracker) { of.ServeTrack(w, r) })
		}
		return true
	}
	project, code, ok := link(r.URL)
	if ok && allowed(w, r, http.MethodGet, http.MethodHead) {
		t.visit(w, r, project, forPeople, func(of *tracking.Tracker) { of.Redirect(w, r, code) })
	}
	return ok
}

// link reads the path of a referral link: /r/CODE, or /r/PROJECT/CODE. Whatever else
// begins like one is one too, since somebody who follows it gets a page: with slashes too
// many, with more behind it, or without a code. An escaped slash is part of its name.
func link(u *url.URL) (project, code string, ok bool) {
	names := slices.DeleteFunc(strings.Split(u.EscapedPath(), "/"), func(name string) bool { return name == "" })
	if len(names) == 0 || !strings.EqualFold(names[0], "r") {
		return "", "", false
	}
	names = names[1:]
	for i, name := range names {
		if decoded, err := url.PathUnescape(name); err == nil {
			names[i] = decoded
		}
	}
	switch len(names) {
	case 0:
		return "", "", true
	case 1:
		return "", names[0], true
	}
	return names[0], names[1], true
}

// Whom an answer is for: a visitor gets a page, whatever happens.
const (
	forPrograms = false
	forPeople   = true
)

// visit lets the tracker of a project answer.
func (t *trackers) visit(
	w http.ResponseWriter, r *http.Request, project string, people bool, serve func(*tracking.Tracker),
) {
	tracker, err := t.of(r.Context(), project)
	if err != nil {
		t.options.Logger.Error("the projects cannot be read", "error", err)
	}
	switch {
	case err != nil && people:
		tracking.NotNow(w)
	case tracker == nil && people:
		tracking.LeadsNowhere(w)
	case err != nil:
		w.Header().Set("Retry-After", "1")
		answer(w, http.StatusServiceUnavailable,
			`{"success":false,"error":"the database cannot be read","code":"busy"}`)
	case tracker == nil:
		answer(w, http.StatusNotFound,
			`{"success":false,"error":"There is no such project","code":"not_found"}`)
	default:
		serve(tracker)
	}
}

// of returns the tracker of a project, nil when there is none. Without a name it is
// that of the project that serve was told, or of the first one of the database: whatever
// it is called, and whichever come later.
func (t *trackers) of(ctx context.Context, project string) (*tracking.Tracker, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := t.engine.Now(); t.byName == nil || now.Before(t.looked) || now.Sub(t.looked) >= listFor {
		t.looked = now
		if err := t.look(ctx); err != nil && t.byName == nil {
			return nil, err
		}
	}
	if project != "" {
		return t.byName[project], nil
	}
	if t.bare != 0 {
		return t.byID[t.bare], nil
	}
	return t.byID[t.first], nil
}

// look reads the list. A client that leaves does not end it: others wait for it too.
func (t *trackers) look(ctx context.Context) error {
	within := againWithin
	if t.byName == nil {
		within = firstWithin
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
	defer cancel()
	projects, err := t.engine.Projects(ctx)
	if err != nil {
		return err
	}
	byName := make(map[string]*tracking.Tracker, len(projects))
	byID := make(map[int64]*tracking.Tracker, len(projects))
	first := int64(math.MaxInt64)
	for _, project := range projects {
		first = min(first, project.ID())
		tracker := t.byID[project.ID()]
		if tracker == nil {
			tracker = tracking.New(project, t.options)
		}
		byName[project.Name()], byID[project.ID()] = tracker, tracker
	}
	t.byName, t.byID, t.first = byName, byID, first
	return nil
}
