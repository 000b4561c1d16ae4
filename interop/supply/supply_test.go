package supply

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
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

// goIn runs the go command as a release does: without cgo, and with nothing of this
// machine in what it makes.
func goIn(t *testing.T, dir string, environment []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-trimpath -buildvcs=false")
	cmd.Env = append(cmd.Env, environment...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return strings.TrimSpace(string(out))
}

func binary(dir string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(dir, "refgrow.exe")
	}
	return filepath.Join(dir, "refgrow")
}

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
