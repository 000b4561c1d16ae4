package main

import (
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

// closeWithin is how long the clicks that are not written yet may take in the end.
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
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWithin)
		defer cancel()
		if lost := engine.Close(closing); lost != nil {
			err = errors.Join(err, fmt.Errorf("the last clicks could not be written: %w", lost))
		}
	}()
	return work(engine)
}

func (c *call) fileExists() error {
	info, err := os.Stat(c.db)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no database at %s: name it with --db, or make one with \"refgrow project create\" or \"refgrow serve\"", c.db)
	case err == nil && info.Size() == 0:
		return fmt.Errorf("%s is no database of this version of refgrow: it is empty; \"refgrow project create\" and \"refgrow serve\" make one of it", c.db)
	}
	return err
}

// openingFailed names the file and what can be done.
func (c *call) openingFailed(err error) error {
	switch {
	case errors.Is(err, refgrow.ErrSchema):
		return fmt.Errorf("%s is no database of this version of refgrow; \"refgrow serve\" brings an older one up to date: %w", c.db, err)
	case errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("cannot open %s: %w", c.db, err)
}

// withOneProject runs work on the project that --project names. Without the flag
// it is the only one there is.
func (c *call) withOneProject(ctx context.Context, name string, work func(*refgrow.Project) error) error {
	if c.given("project") {
		return c.withProject(ctx, name, func(_ *refgrow.Engine, project *refgrow.Project) error { return work(project) })
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
			return work(projects[0])
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
			return fmt.Errorf("there is no project %q in %s; \"refgrow project list\" shows those there are", name, c.db)
		}
		if err != nil {
			return err
		}
		return work(engine, project)
	})
}
