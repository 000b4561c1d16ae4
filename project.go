package refgrow

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/refgrow-go/refgrow/internal/backend"
	"github.com/refgrow-go/refgrow/internal/db"
	"github.com/refgrow-go/refgrow/internal/form"
	"github.com/refgrow-go/refgrow/internal/pricing"
	"github.com/refgrow-go/refgrow/internal/stored"
)

// A Project is the handle of one affiliate program: everything it does stays within
// that program. It is safe for concurrent use, except for one that comes from WithTx or
// Atomic, which belongs to its transaction.
type Project struct {
	engine  *Engine
	backend backend.Backend
	timeout time.Duration // of a statement that reads, outside a transaction
	id      int64
	name    string
	misuse  error // what is wrong with the handle; nil if it is an engine's
}

// ID is the project's id.
func (p *Project) ID() int64 { return p.id }

// Name is the project's name at the time the handle was made.
func (p *Project) Name() string { return p.name }

// WithTimeout returns a handle of the same project whose statements that read have
// another bound than Config.Timeout; one that is not above 0 means none. Inside a
// caller's transaction there is no bound in any case.
func (p *Project) WithTimeout(timeout time.Duration) *Project {
	other := *p
	if other.timeout = timeout; p.inTransaction() {
		other.timeout = 0
	}
	return &other
}

// CurrentName returns the project's name after all renames.
func (p *Project) CurrentName(ctx context.Context) (string, error) {
	row, err := read(ctx, p, "finding a project", func(ctx context.Context, q db.Querier) (db.Project, error) {
		row, err := q.GetProject(ctx, p.id)
		return row, missing(err, "Project")
	})
	return row.Name, err
}

// Now is the time by the engine's clock.
func (p *Project) Now() time.Time { return p.engine.Now() }

// open returns an error for a project that no engine has made, or after the engine was
// closed.
func (p *Project) open() error {
	if p.engine == nil {
		return cmp.Or(p.misuse, error(&Error{Code: CodeInvalid,
			Message: "the project is no engine's: use one that CreateProject, EnsureProject or Project returned"}))
	}
	return p.engine.open()
}

// WithTx returns the same project bound to the caller's transaction: the same methods,
// each in a savepoint, never with a commit. What they do takes effect when the caller
// commits, and only then. The transaction must have begun IMMEDIATE or have already
// written something: one that has only read gets ErrBusy if another writer came in
// between, and must be repeated as a whole. Statements in it are not cancelled by a
// context. For a file of the engine's own, tx comes from sqlite.DB.Tx.
func (p *Project) WithTx(tx *sql.Tx) *Project {
	if p.engine == nil {
		return p
	}
	if tx == nil {
		return &Project{id: p.id, name: p.name, misuse: invalid("tx", "is missing: pass a transaction that has begun")}
	}
	return &Project{engine: p.engine, backend: p.backend.Bind(tx), id: p.id, name: p.name}
}

// Atomic runs several operations so that either all of them are done, or none: work
// gets a project bound to one transaction, which commits if work returns nil. Work may
// be run more than once and must have no other effects; inside it, calls through any
// handle other than the one it gets are refused. An error of work is returned as it is.
func (p *Project) Atomic(ctx context.Context, work func(p *Project) error) error {
	if err := p.open(); err != nil {
		return err
	}
	var own error
	err := p.foreign(ctx, func(_ context.Context, tx *backend.Tx) error {
		own = work(p.inside(tx))
		return own
	})
	if own != nil && errors.Is(err, own) {
		return own
	}
	return p.engine.failed("running an atomic block", err)
}

// errUnwound is what an observer is told of code from outside that panics.
var errUnwound = errors.New("its work did not return")

// foreign runs code from outside the module in a transaction. What its operations do
// after their own commit, they have done before this one: a worker that was woken has
// seen nothing, and what visits have re-read may be from before the commit. So both are
// repeated.
func (p *Project) foreign(ctx context.Context, run func(context.Context, *backend.Tx) error) (err error) {
	ctx, ended := p.engine.observed(ctx, "running a transaction")
	err = errUnwound
	defer func() { ended(err) }()
	emitted, changes := p.engine.emitted.Load(), p.engine.visits.Changes()
	err = p.backend.Atomic(ctx, backend.Work{Project: p.id, Foreign: true, Run: run})
	if p.engine.emitted.Load() != emitted {
		p.engine.Wake()
	}
	if p.engine.visits.Changes() != changes {
		p.engine.visits.Forget(p.id)
	}
	return err
}

// inside returns the project bound to a transaction that is under way.
func (p *Project) inside(tx *backend.Tx) *Project {
	return &Project{engine: p.engine, backend: tx.Nested, id: p.id, name: p.name}
}

// inTransaction reports whether the project is bound to a transaction that ends
// elsewhere, such as that of WithTx, Atomic or Once: what it does and what it reads may
// still be undone.
func (p *Project) inTransaction() bool { return p.engine == nil || p.backend != p.engine.backend }

// CreateProject creates a project. Errors: ErrExists if the name is taken, ErrInvalid.
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
	p := &Project{engine: e, backend: e.backend, timeout: e.timeout, name: name}
	err = e.backend.Atomic(ctx, backend.Work{Run: func(ctx context.Context, tx *backend.Tx) error {
		p.id, err = createProject(ctx, tx, name, settings, e.millis())
		return err
	}})
	if err != nil {
		return nil, e.failed("creating a project", err)
	}
	return p, nil
}

func projectTaken(by int64) error {
	return taken(by, "name", "a project with this name already exists")
}

func createProject(ctx context.Context, tx *backend.Tx, name string, s Settings, now int64) (int64, error) {
	list, err := stored.Texts(s.AllowedOrigins)
	if err != nil {
		return 0, err
	}
	id, err := tx.InsertProject(ctx, db.InsertProjectParams{
		Name: name, Currency: string(s.Currency), HoldDays: int64(s.HoldDays), CouponFirst: stored.Flag(s.CouponFirst),
		SelfReferral: string(s.SelfReferral), MinimumPayout: s.MinimumPayout.Minor(), CreatedAt: now,
		Touch: string(s.Touch), CookieDays: int64(s.CookieDays), ClickDays: int64(s.ClickDays),
		LandingURL: stored.TextOrNull(s.LandingURL), Origins: list,
	})
	if errors.Is(err, sql.ErrNoRows) {
		other, err := tx.GetProjectByName(ctx, name)
		return 0, cmp.Or(err, projectTaken(other.ID))
	}
	if err != nil {
		return 0, err
	}
	if err := tx.InsertProjectTotals(ctx, id); err != nil {
		return 0, err
	}
	rules, err := s.rules()
	if err != nil {
		return 0, err
	}
	versions := pricing.Versions{Queries: tx, Project: id, Now: now}
	for _, rule := range rules {
		if _, err := versions.Begin(ctx, rule.of, rule.pays, 1); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// EnsureProject returns the project with that name, or creates it with these settings.
// One that is there stays as it is, with the settings that it has, whatever settings
// says: to keep them in code, pass the same ones to Project.ApplySettings then.
// Errors: ErrInvalid for a new one.
func (e *Engine) EnsureProject(ctx context.Context, name string, settings Settings) (*Project, error) {
	p, err := e.Project(ctx, name)
	if !errors.Is(err, ErrNotFound) {
		return p, err
	}
	p, err = e.CreateProject(ctx, name, settings)
	if errors.Is(err, ErrExists) { // somebody else was faster
		return e.Project(ctx, name)
	}
	return p, err
}

func projectName(name string) error {
	if name == "" || utf8.RuneCountInString(name) > 100 || strings.TrimSpace(name) != name || !form.Printable(name) {
		return invalid("name", "must be 1 to 100 printable characters, without spaces around them")
	}
	return nil
}

// Project finds a project by its name. Errors: ErrNotFound.
func (e *Engine) Project(ctx context.Context, name string) (*Project, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	row, err := e.backend.Reader().GetProjectByName(inLane(ctx, backend.Keys), name)
	if err != nil {
		return nil, e.failed("finding a project", e.needed(missing(err, "Project")))
	}
	return e.project(row), nil
}

// Projects returns all projects, oldest first.
func (e *Engine) Projects(ctx context.Context) ([]*Project, error) {
	if err := e.open(); err != nil {
		return nil, err
	}
	rows, err := e.backend.Reader().ListProjects(inLane(ctx, backend.Links))
	if err != nil {
		return nil, e.failed("listing the projects", e.needed(err))
	}
	projects := make([]*Project, len(rows))
	for i, row := range rows {
		projects[i] = e.project(row)
	}
	return projects, nil
}

func (e *Engine) project(row db.Project) *Project {
	return &Project{engine: e, backend: e.backend, timeout: e.timeout, id: row.ID, name: row.Name}
}

// Rename gives the project another name. Handles that were made before keep the old one
// as their Name. Errors: ErrExists if the name is taken, ErrInvalid.
func (p *Project) Rename(ctx context.Context, name string) error {
	if err := projectName(name); err != nil {
		return err
	}
	return p.write(ctx, "renaming a project", func(ctx context.Context, o *op) error {
		other, err := o.GetProjectByName(ctx, name)
		switch {
		case err == nil && other.ID != o.project:
			return projectTaken(other.ID)
		case err != nil && !errors.Is(err, sql.ErrNoRows):
			return err
		}
		if err := o.saveProject(ctx, name, o.state.settings); err != nil {
			return err
		}
		return o.reload(ctx)
	})
}
