package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/sqlite"
)

// opening says what a command may do to the file of the database.
type opening int

const (
	existing opening = iota // neither makes the file nor changes its schema
	creating                // makes a missing file and brings the schema up to date
)

// closeWithin is how long writing the last clicks may take in the end.
const closeWithin = 30 * time.Second

// withEngine runs work on the database of the call.
func (c *call) withEngine(ctx context.Context, how opening, work func(*refgrow.Engine) error) (err error) {
	config := refgrow.Config{Logger: c.log, SecretKey: c.secretKey}
	if how == existing {
		config.Migrate = refgrow.MigrateCheck
		if err := c.fileExists(); err != nil {
			return err
		}
	}
	db, err := sqlite.Open(ctx, c.db, sqlite.Options{Dedicated: true})
	if err != nil {
		return c.openingFailed(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	engine, err := refgrow.New(ctx, db, config)
	if err != nil {
		return c.openingFailed(err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), cmp.Or(c.closeWithin, closeWithin))
		defer cancel()
		// Nobody was promised that a queued click counts: to lose some is no failure.
		if lost := engine.Close(closing); lost != nil {
			c.log.Warn("the last clicks could not be written, and are lost", "clicks", engine.Stats().ClicksDropped,
				"error", lost)
		}
	}()
	if report := engine.Migrated(); report.From != report.To && report.From > 0 && c.command.name != "migrate" {
		tell(c.stderr, "%s\n", migrationText(c.db, report))
	}
	return work(engine)
}

// migrationText says what a migration did.
func migrationText(db string, report refgrow.MigrationReport) string {
	return fmt.Sprintf("%s was brought from version %d of its schema to version %d; "+
		"the flag paid of %d conversions changed", db, report.From, report.To, len(report.PaidChanged))
}

func (c *call) fileExists() error {
	info, err := os.Stat(c.db)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no database at %s: name it with --db, "+
			"or make one with \"refgrow project create\" or \"refgrow serve\"", c.db)
	case err == nil && info.Size() == 0:
		return fmt.Errorf("%s is not a database of this version of refgrow: "+
			"it is empty; \"refgrow project create\" and \"refgrow serve\" turn it into one", c.db)
	}
	return err
}

// openingFailed names the file and what can be done.
func (c *call) openingFailed(err error) error {
	var schema *refgrow.SchemaError
	switch {
	case errors.As(err, &schema) && schema.Found > schema.Known:
		return fmt.Errorf("%s: %w", c.db, schema)
	case errors.As(err, &schema):
		return fmt.Errorf("%s is not a database of this version of refgrow, but of an older one "+
			"(version %d of the schema, not %d): "+
			"\"refgrow migrate\" or \"refgrow serve\" brings it up to date", c.db, schema.Found, schema.Known)
	case errors.Is(err, refgrow.ErrSchema):
		return fmt.Errorf("%s is not a database of refgrow: %w", c.db, err)
	case errors.Is(err, refgrow.ErrDamaged) && exists(c.db+"-wal"):
		return fmt.Errorf("cannot open %s: %w. Beside it is a log, %[1]s-wal: if the file was restored "+
			"from a backup, the log is that of another file, and must be removed together with %[1]s-shm", c.db, err)
	case errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("cannot open %s: %w", c.db, err)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// withOneProject runs work on the project that --project names, or without the flag on
// the only project.
func (c *call) withOneProject(ctx context.Context, name string, work func(*refgrow.Project) error) error {
	return c.withEngineOf(ctx, name, func(_ *refgrow.Engine, project *refgrow.Project) error { return work(project) })
}

// withEngineOf is withOneProject for work that needs the engine as well.
func (c *call) withEngineOf(
	ctx context.Context, name string, work func(*refgrow.Engine, *refgrow.Project) error,
) error {
	if c.given("project") {
		return c.withProject(ctx, name, work)
	}
	return c.withEngine(ctx, existing, func(engine *refgrow.Engine) error {
		projects, err := engine.Projects(ctx)
		if err != nil {
			return err
		}
		switch n := len(projects); n {
		case 0:
			return fmt.Errorf("there is no project in %s; \"refgrow project create\" makes one", c.db)
		case 1:
			return work(engine, projects[0])
		default:
			return usage("\"refgrow %s\" needs --project NAME: there are %d projects in %s", c.command.name, n, c.db)
		}
	})
}

// withProject runs work on a project of the database.
func (c *call) withProject(ctx context.Context, name string, work func(*refgrow.Engine, *refgrow.Project) error) error {
	return c.withEngine(ctx, existing, func(engine *refgrow.Engine) error {
		project, err := engine.Project(ctx, name)
		if errors.Is(err, refgrow.ErrNotFound) {
			return fmt.Errorf("there is no project %q in %s; \"refgrow project list\" shows the existing ones",
				name, c.db)
		}
		if err != nil {
			return err
		}
		return work(engine, project)
	})
}
