package refgrow

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// A MigrationTool is a program that applies migrations.
type MigrationTool string

// The tools that MigrationsFor writes for.
const (
	// ToolGoose is github.com/pressly/goose.
	ToolGoose MigrationTool = "goose"
	// ToolGolangMigrate is github.com/golang-migrate/migrate.
	ToolGolangMigrate MigrationTool = "golang-migrate"
)

// noWayBack is what a step back does: it fails before it has changed anything, where a
// tool would otherwise note that the step was never applied.
const noWayBack = `-- There is no way back: restore a backup. Nothing was changed, and this step is still applied.
SELECT refgrow_has_no_way_back();
`

// MigrationsFor returns the steps of [MigrationsFS] as a tool reads them, in the root
// of the file system. They need a table of versions of their own, so that their numbers
// do not meet those of the app's migrations. A step back fails: there is none. When a
// tool has applied them all, the schema is up to date for MigrateCheck. Errors:
// ErrInvalid for any other tool.
func MigrationsFor(tool MigrationTool) (fs.FS, error) {
	files, err := fs.Glob(MigrationsFS, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	// What the standard library has for files in memory is an archive.
	var archive bytes.Buffer
	to := zip.NewWriter(&archive)
	add := func(name string, parts ...string) error {
		file, err := to.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			return err
		}
		_, err = file.Write([]byte(strings.Join(parts, "")))
		return err
	}
	for _, file := range files {
		text, err := MigrationsFS.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name := path.Base(file)
		switch tool {
		case ToolGoose:
			// Otherwise it would end a statement at each semicolon, even in a trigger.
			err = add(name, "-- +goose Up\n-- +goose StatementBegin\n", string(text),
				"-- +goose StatementEnd\n\n-- +goose Down\n", noWayBack)
		case ToolGolangMigrate:
			name = strings.TrimSuffix(name, ".sql")
			if err = add(name+".up.sql", string(text)); err == nil {
				err = add(name+".down.sql", noWayBack)
			}
		default:
			return nil, invalid("Tool", "must be %s or %s, not %q", ToolGoose, ToolGolangMigrate, tool)
		}
		if err != nil {
			return nil, fmt.Errorf("writing %s for %s: %w", name, tool, err)
		}
	}
	if err := to.Close(); err != nil {
		return nil, err
	}
	return zip.NewReader(bytes.NewReader(archive.Bytes()), int64(archive.Len()))
}
