package refgrow

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/sqlite"
)

// A Project is the handle of one affiliate program: everything it does stays
// within that program. It is safe for concurrent use, except one that WithTx or
// Atomic gave, which belongs to its transaction.
type Project struct {
	engine  *Engine
	backend backend.Backend
	id      int64
	name    string
}

// ID is the project's id.
func (p *Project) ID() int64 { return p.id }

// Name is the project's name as it was when the handle was made.
func (p *Project) Name() string { return p.name }

// CurrentName is the project's name after all renamings.
func (p *Project) CurrentName(ctx context.Context) (string, error) {
	row, err := read(p, "finding a project", func(q db.Querier) (db.Project, error) {
		row, err := q.GetProject(ctx, p.id)
		return row, missing(err, "Project")
	})
	return row.Name, err
}

// WithTx gives the same project bound to the caller's transaction: same
// methods, each a savepoint, never a commit. What they did becomes true when the
// caller commits, and only then. The transaction must have begun IMMEDIATE or
// written something before: one that has only read gets ErrBusy when somebody
// else wrote meanwhile, and must be repeated whole. Statements in it are not
// cancelled by a context. For a file of the engine's own, tx is that of sqlite.DB.Tx.
func (p *Project) WithTx(tx *sql.Tx) *Project {
	return &Project{engine: p.engine, backend: p.backend.Bind(tx), id: p.id, name: p.name}
}

// Atomic runs several operations so that all of them are done, or none: work
// gets a project bound to one transaction, which commits when work returns nil.
// Work may be run more than once and must have no other effects; calls through
// any other handle than the one it gets are refused inside it.
func (p *Project) Atomic(ctx context.Context, work func(p *Project) error) error {
	if err := p.engine.open(); err != nil {
		return err
	}
	before, visits := p.engine.emitted.Load(), p.engine.visits.changed()
	err := failed("running an atomic block", p.backend.Atomic(ctx, backend.Work{
		Foreign: true,
		Run: func(_ context.Context, tx *backend.Tx) error {
			return work(p.inside(tx))
		},
	}))
	p.wakeIfChanged(before)
	if p.engine.visits.changed() != visits { // what was read meanwhile may be from before the commit
		p.engine.visits.forget(p.id)
	}
	return err
}

// wakeIfChanged wakes the workers after a transaction in which something was
// written to the outbox: what woke them inside was not committed then.
func (p *Project) wakeIfChanged(before int64) {
	if p.engine.emitted.Load() != before {
		p.engine.Wake()
	}
}

// inside is the project bound to a transaction that is under way.
func (p *Project) inside(tx *backend.Tx) *Project {
	return &Project{engine: p.engine, backend: tx.Nested, id: p.id, name: p.name}
}

// CreateProject makes a project. Errors: ErrConflict when the name is taken,
// ErrInvalid.
func (e *Engine) CreateProject(ctx context.Context, name string, settings Settings) (*Project, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	if err := projectName(name); err != nil {
		return nil, err
	}
	settings, err := settings.complete()
	if err != nil {
		return nil, err
	}
	p := &Project{engine: e, backend: e.backend, name: name}
	err = e.backend.Atomic(ctx, backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
		p.id, err = createProject(ctx, tx, name, settings, e.millis())
		return err
	}})
	if err != nil {
		return nil, failed("creating a project", err)
	}
	return p, nil
}

func createProject(ctx context.Context, tx *backend.Tx, name string, s Settings, now int64) (int64, error) {
	list, err := originsText(s.AllowedOrigins)
	if err != nil {
		return 0, err
	}
	id, err := tx.InsertProject(ctx, db.InsertProjectParams{
		Name: name, Currency: string(s.Currency), HoldDays: int64(s.HoldDays), CouponFirst: flag(s.CouponFirst),
		SelfReferral: string(s.SelfReferral), MinimumPayout: s.MinimumPayout.Minor(), CreatedAt: now,
		Touch: string(s.Touch), CookieDays: int64(s.CookieDays), ClickDays: int64(s.ClickDays), LandingURL: textOrNull(s.LandingURL),
		Origins: list,
	})
	if errors.Is(err, sql.ErrNoRows) {
		return 0, conflict("name", "a project with this name exists already")
	}
	if err != nil {
		return 0, err
	}
	if err := tx.InsertProjectTotals(ctx, id); err != nil {
		return 0, err
	}
	for _, rule := range []struct {
		kind ConversionType
		pays terms
	}{{Purchase, terms{s.Commission, s.CommissionDuration}}, {Signup, terms{s.SignupCommission, Lifetime}}} {
		row, err := rule.pays.version(id, scope{kind: rule.kind}, 1, now)
		if err != nil {
			return 0, err
		}
		if _, err := tx.InsertRule(ctx, row); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// EnsureProject finds the project of that name, as it is, or creates it with
// these settings.
func (e *Engine) EnsureProject(ctx context.Context, name string, settings Settings) (*Project, error) {
	p, err := e.Project(ctx, name)
	if !errors.Is(err, ErrNotFound) {
		return p, err
	}
	p, err = e.CreateProject(ctx, name, settings)
	if errors.Is(err, ErrConflict) { // somebody else was faster
		return e.Project(ctx, name)
	}
	return p, err
}

func projectName(name string) error {
	if name == "" || utf8.RuneCountInString(name) > 100 || strings.TrimSpace(name) != name || !printable(name) {
		return invalid("name", "must be 1 to 100 printable characters, without spaces around them")
	}
	return nil
}

// Project finds a project by its name. Errors: ErrNotFound.
func (e *Engine) Project(ctx context.Context, name string) (*Project, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	row, err := e.backend.Reader().GetProjectByName(ctx, name)
	if err != nil {
		return nil, failed("finding a project", needed(missing(err, "Project")))
	}
	return e.project(row), nil
}

// Projects lists all projects, the oldest first.
func (e *Engine) Projects(ctx context.Context) ([]*Project, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	rows, err := e.backend.Reader().ListProjects(ctx)
	if err != nil {
		return nil, failed("listing the projects", needed(err))
	}
	projects := make([]*Project, len(rows))
	for i, row := range rows {
		projects[i] = e.project(row)
	}
	return projects, nil
}

func (e *Engine) project(row db.Project) *Project {
	return &Project{engine: e, backend: e.backend, id: row.ID, name: row.Name}
}

// Rename gives the project another name. Handles made before keep the old one as
// their Name. Errors: ErrConflict when the name is taken, ErrInvalid.
func (p *Project) Rename(ctx context.Context, name string) error {
	if err := projectName(name); err != nil {
		return err
	}
	return p.write(ctx, "renaming a project", func(ctx context.Context, o *op) error {
		other, err := o.GetProjectByName(ctx, name)
		switch {
		case err == nil && other.ID != o.project:
			return conflict("name", "a project with this name exists already")
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if err := o.saveProject(ctx, name, o.state.settings); err != nil {
			return err
		}
		return o.reload(ctx)
	})
}

// An op is one operation of a project inside its write transaction.
type op struct {
	*backend.Tx
	project int64
	now     int64 // the operation's one reading of the clock, Unix milliseconds
	state   *state
	emitted bool // it has written to the outbox
	visits  bool // it has changed what visits are told from memory
}

// write runs an operation of the project in a write transaction.
func (p *Project) write(ctx context.Context, doing string, work func(context.Context, *op) error) error {
	return p.writeAs(ctx, doing, backend.Work{}, work)
}

// writeAs is write for an operation with properties that the backend can use.
func (p *Project) writeAs(ctx context.Context, doing string, as backend.Work, work func(context.Context, *op) error) error {
	if err := p.engine.open(); err != nil {
		return err
	}
	emitted, visits := false, false
	as.Run = func(ctx context.Context, tx *backend.Tx) error {
		o := &op{Tx: tx, project: p.id, now: p.engine.millis()}
		defer func() { emitted, visits = o.emitted, o.visits }()
		if known, ok := tx.Memo[stateKey(p.id)]; ok {
			o.state = known.(*state)
		} else {
			fresh, err := readState(ctx, tx, p.id)
			if err != nil {
				return needed(err)
			}
			o.state = fresh
			tx.Memo[stateKey(p.id)] = fresh
		}
		return work(ctx, o)
	}
	err := failed(doing, p.backend.Atomic(ctx, as))
	if emitted && err == nil {
		p.engine.emitted.Add(1)
		p.engine.Wake()
	}
	if visits {
		p.engine.visits.forget(p.id)
	}
	return err
}

// change runs an operation that gives what it made.
func change[T any](ctx context.Context, p *Project, doing string, as backend.Work, work func(context.Context, *op) (*T, error)) (*T, error) {
	var made *T
	err := p.writeAs(ctx, doing, as, func(ctx context.Context, o *op) (err error) {
		made, err = work(ctx, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	return made, nil
}

// read runs one query.
func read[T any](p *Project, doing string, query func(db.Querier) (T, error)) (T, error) {
	var result T
	if err := p.engine.open(); err != nil {
		return result, err
	}
	result, err := query(p.backend.Reader())
	return result, failed(doing, needed(err))
}

// snapshot runs queries that belong together on one state of the database.
func (p *Project) snapshot(ctx context.Context, doing string, work func(context.Context, db.Querier) error) error {
	if err := p.engine.open(); err != nil {
		return err
	}
	return failed(doing, needed(p.backend.Snapshot(ctx, work)))
}

// stamp gives the instant of the entries this operation writes: it never goes
// back within a project, whatever the clock does.
func (o *op) stamp() int64 {
	o.stampFrom(o.now)
	return o.state.lastStamp
}

// stampFrom lets no later entry have an earlier instant than t.
func (o *op) stampFrom(t int64) {
	o.state.lastStamp = max(o.state.lastStamp, t)
	o.Add(db.AddTotalsParams{ProjectID: o.project, LastStamp: o.state.lastStamp})
}

// missing turns an empty result into "... not found".
func missing(err error, what string) error {
	if errors.Is(err, sql.ErrNoRows) {
		return notFound(what)
	}
	return err
}

// needed turns an empty result that was not expected, and other errors of reading
// that nothing but damage brings about, into ErrDamaged.
func needed(err error) error {
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%w: a row is missing that has to be there: %w", ErrDamaged, err)
	case !errors.Is(err, ErrDamaged) && sqlite.SaysDamaged(err):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// millisOf is a time as the database keeps it. One that no calendar shows counts
// as the nearest that one does.
func millisOf(t time.Time) int64 {
	return min(max(t.Unix(), earliest), latest)*1000 + int64(t.Nanosecond())/int64(time.Millisecond)
}

// The first seconds of the years 1 and 10000, in Unix time.
const earliest, latest = -62135596800, 253402300800
