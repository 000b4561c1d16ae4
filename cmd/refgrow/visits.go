package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/tracking"
)

// trackers serve referral links and the browser script of all projects. They know the
// projects by a list that is read again when somebody visits, at most once a second:
// so names that strangers invent cost neither memory nor the database anything.
type trackers struct {
	engine  *refgrow.Engine
	options tracking.Options

	mu     sync.Mutex
	looked time.Time // by the engine's clock
	byName map[string]*tracking.Tracker
	byID   map[int64]*tracking.Tracker // a project may be renamed
}

// listFor is how long a list of the projects is good for.
const listFor = time.Second

// How long a visit may wait for the list: with one at hand that is merely old, and
// without any.
const (
	againWithin = 20 * time.Millisecond
	firstWithin = 5 * time.Second
)

func newTrackers(engine *refgrow.Engine, options tracking.Options) *trackers {
	return &trackers{engine: engine, options: options}
}

// serve answers a request whose path belongs to tracking, and reports whether it
// does.
func (t *trackers) serve(w http.ResponseWriter, r *http.Request) bool {
	named := func() string { return r.URL.Query().Get("project") }
	switch r.URL.Path {
	case "/refgrow.js":
		if allowed(w, r, http.MethodGet, http.MethodHead) {
			t.visit(w, r, named(), func(of *tracking.Tracker) { of.ServeScript(w, r) })
		}
		return true
	case "/refgrow/track":
		if allowed(w, r, http.MethodOptions, http.MethodPost) {
			t.visit(w, r, named(), func(of *tracking.Tracker) { of.ServeTrack(w, r) })
		}
		return true
	}
	project, code, ok := link(r.URL)
	if ok && allowed(w, r, http.MethodGet, http.MethodHead) {
		t.visit(w, r, project, func(of *tracking.Tracker) { of.Redirect(w, r, code) })
	}
	return ok
}

// link reads the path of a referral link: /r/CODE, or /r/PROJECT/CODE. An escaped
// slash is part of its name.
func link(u *url.URL) (project, code string, ok bool) {
	rest, ok := strings.CutPrefix(u.EscapedPath(), "/r/")
	names := strings.SplitN(rest, "/", 3)
	if !ok || len(names) > 2 {
		return "", "", false
	}
	for i, name := range names {
		decoded, err := url.PathUnescape(name)
		if err != nil || decoded == "" {
			return "", "", false
		}
		names[i] = decoded
	}
	if len(names) == 1 {
		return "", names[0], true
	}
	return names[0], names[1], true
}

// visit lets the tracker of a project answer.
func (t *trackers) visit(w http.ResponseWriter, r *http.Request, project string, serve func(*tracking.Tracker)) {
	tracker, err := t.of(r.Context(), project)
	switch {
	case err != nil:
		t.options.Logger.Error("the projects cannot be read", "error", err)
		w.Header().Set("Retry-After", "1")
		answer(w, http.StatusServiceUnavailable, `{"success":false,"error":"the database cannot be read","code":"busy"}`)
	case tracker == nil:
		answer(w, http.StatusNotFound, `{"success":false,"error":"There is no such project; where there are several, links are /r/PROJECT/CODE `+
			`and the script is /refgrow.js?project=PROJECT","code":"not_found"}`)
	default:
		serve(tracker)
	}
}

// of gives the tracker of a project, nil when there is none. Without a name it is
// that of the only project, or of the one that serve makes.
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
	if len(t.byName) == 1 {
		for _, only := range t.byName {
			return only, nil
		}
	}
	return t.byName[firstProject], nil
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
	for _, project := range projects {
		tracker := t.byID[project.ID()]
		if tracker == nil {
			tracker = tracking.New(project, t.options)
		}
		byName[project.Name()], byID[project.ID()] = tracker, tracker
	}
	t.byName, t.byID = byName, byID
	return nil
}
