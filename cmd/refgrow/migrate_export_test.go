package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/refgrow-go/refgrow"
)

// The files of a tool are written once, and those that came since are added.
func TestMigrateExport(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	steps, err := fs.Glob(refgrow.MigrationsFS, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for tool, each := range map[string]int{"goose": 1, "golang-migrate": 2} {
		dir := filepath.Join(t.TempDir(), "migrations", tool)
		export := []string{"migrate", "export", "--format", tool, "--dir", dir}
		lines := strings.Fields(p.must(export...))
		if len(lines) != each*len(steps) {
			t.Errorf("%s has %d files of %d steps", tool, len(lines), len(steps))
		}
		want, err := refgrow.MigrationsFor(refgrow.MigrationTool(tool))
		if err != nil {
			t.Fatal(err)
		}
		if err := fstest.TestFS(want, filepath.Base(lines[0])); err != nil {
			t.Error(err)
		}
		for _, file := range lines {
			got, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := fs.ReadFile(want, filepath.Base(file)); err != nil || string(got) != string(text) {
				t.Errorf("%s is %s, want %s (%v)", file, got, text, err)
			}
		}

		newest := lines[len(lines)-1]
		if err := os.Remove(newest); err != nil {
			t.Fatal(err)
		}
		again := decode[migrateExportJSON](t, p.must(append(export, "--json")...))
		if !reflect.DeepEqual(again, migrateExportJSON{Written: []string{newest}, Unchanged: len(lines) - 1}) {
			t.Errorf("with one file missing: %+v", again)
		}
		if err := os.Remove(newest); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(lines[0], []byte("SELECT 1;"), 0o600); err != nil {
			t.Fatal(err)
		}
		code, _, stderr := p.run(export...)
		if code != exitFailed || !strings.Contains(stderr, lines[0]+" is not as it was exported") || exists(newest) {
			t.Errorf("over a changed file: exit code %d, %s", code, stderr)
		}
	}
	for call, says := range map[string]string{
		"--dir x":                 "needs --format goose or --format golang-migrate",
		"--format goose":          "needs --dir DIRECTORY",
		"--format flyway --dir x": `--format must be goose or golang-migrate, not "flyway"`,
	} {
		code, _, stderr := p.run(append([]string{"migrate", "export"}, strings.Fields(call)...)...)
		if code != exitWrong || !strings.Contains(stderr, says) {
			t.Errorf("%s: exit code %d, %s", call, code, stderr)
		}
	}
}
