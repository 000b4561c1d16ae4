package supply

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow/internal/release"
)

const root = "../.."

func long() bool { return os.Getenv("REFGROW_INTEROP_LONG") != "" }

// module is each file of the module, as it would be published, by its path.
func module(t *testing.T, each func(path string, text []byte)) {
	t.Helper()
	tree := os.DirFS(root)
	if err := fs.WalkDir(tree, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			_, nested := fs.Stat(tree, path+"/go.mod")
			if path != "." && (nested == nil || strings.HasPrefix(entry.Name(), ".")) {
				return fs.SkipDir
			}
			return nil
		}
		// What is that long is a database or a binary, not a source.
		if info, err := entry.Info(); err != nil || info.Size() > 1<<20 {
			return err
		}
		text, err := fs.ReadFile(tree, path)
		if err != nil {
			return err
		}
		each(path, text)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// goIn runs the go command as a release does, without asking version control.
func goIn(t *testing.T, dir string, environment []string, args ...string) string {
	t.Helper()
	out, err := release.Go(t.Context(), dir, append([]string{unversioned}, environment...), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// unversioned is what the sources of a test need: they are not under version control.
const unversioned = "GOFLAGS=-trimpath -buildvcs=false"

func binary(dir string) string { return filepath.Join(dir, release.Here().Binary()) }

// version is what a binary says about itself.
func version(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), path, "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
