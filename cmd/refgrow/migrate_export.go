package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/refgrow-go/refgrow"
)

// migrateExportFlags describe the files of migrations for a tool.
type migrateExportFlags struct{ format, dir string }

func migrateExportCommand() command {
	return command{
		name: "migrate export", summary: "write the migrations for goose or golang-migrate",
		example: "refgrow migrate export --format goose --dir migrations/refgrow",
		text: "Writes the steps of the schema as files that goose (github.com/pressly/goose) or golang-migrate\n" +
			"(github.com/golang-migrate/migrate) applies, for an app in Go that migrates its own database with one\n" +
			"of them, and prints those that are new. After an update the command adds the steps that were not there.\n" +
			"They need a folder and a table of versions of their own, and the app Config.Migrate = MigrateCheck.\n" +
			"There is no step back. No database is opened.\n\n" +
			`JSON: {"written": [FILE...], "unchanged": N}`,
		prepare: func(flags *flag.FlagSet) work {
			var e migrateExportFlags
			flags.StringVar(&e.format, "format", "", "`TOOL` that takes the files: goose or golang-migrate; required")
			flags.StringVar(&e.dir, "dir", "", "`DIRECTORY` for the files; required")
			return e.export
		},
	}
}

type migrateExportJSON struct {
	Written   []string `json:"written"`
	Unchanged int      `json:"unchanged"`
}

func (e *migrateExportFlags) export(_ context.Context, c *call) error {
	switch {
	case e.format == "":
		return usage("\"refgrow migrate export\" needs --format goose or --format golang-migrate")
	case e.dir == "":
		return usage("\"refgrow migrate export\" needs --dir DIRECTORY")
	}
	steps, err := refgrow.MigrationsFor(refgrow.MigrationTool(e.format))
	if errors.Is(err, refgrow.ErrInvalid) {
		return usage("--format must be goose or golang-migrate, not %q", e.format)
	}
	if err != nil {
		return err
	}
	done, err := e.write(steps)
	if err != nil {
		return err
	}
	if c.json {
		return c.stdout.json(done)
	}
	for _, name := range done.Written {
		if err := c.stdout.printf("%s\n", name); err != nil {
			return err
		}
	}
	if len(done.Written) == 0 {
		tell(c.stderr, "%s has all of them already\n", e.dir)
	}
	return nil
}

// write adds what is missing. A file with other content is somebody else's, or was
// changed, and nothing at all is written then.
func (e *migrateExportFlags) write(steps fs.FS) (done migrateExportJSON, err error) {
	done.Written = []string{}
	names, err := fs.Glob(steps, "*")
	if err != nil {
		return done, err
	}
	missing := make(map[string][]byte)
	for _, name := range names {
		text, err := fs.ReadFile(steps, name)
		if err != nil {
			return done, err
		}
		file := filepath.Join(e.dir, name)
		switch found, err := os.ReadFile(file); {
		case errors.Is(err, fs.ErrNotExist):
			done.Written = append(done.Written, file)
			missing[file] = text
		case err != nil:
			return done, err
		case !bytes.Equal(found, text):
			return done, fmt.Errorf("%s is not as it was exported: nothing was written", file)
		default:
			done.Unchanged++
		}
	}
	if err := os.MkdirAll(e.dir, 0o777); err != nil {
		return done, err
	}
	for _, file := range done.Written {
		if err := os.WriteFile(file, missing[file], 0o666); err != nil {
			return done, err
		}
	}
	return done, nil
}
