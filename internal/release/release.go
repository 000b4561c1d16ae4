// Package release builds the command for those who do not build it themselves: archives
// for each system with the manual, completion and the licences of everything that is
// linked, and their checksums. The same sources, version and Go make the same bytes, on
// whatever machine.
package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A Target is a system and a processor that the command is built for.
type Target struct{ OS, Arch string }

func (t Target) String() string { return t.OS + "/" + t.Arch }

// Here is the target that this program runs on.
func Here() Target { return Target{runtime.GOOS, runtime.GOARCH} }

// Targets are those of a release.
func Targets() []Target {
	return []Target{
		{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"},
		{"windows", "amd64"}, {"windows", "arm64"},
	}
}

// Binary is the name of the command's file on a system.
func (t Target) Binary() string {
	if t.OS == "windows" {
		return "refgrow.exe"
	}
	return "refgrow"
}

// Options say what to build.
type Options struct {
	Source  string    // the root of the module
	Dir     string    // where the archives go; it is made
	Version string    // such as 0.1.0 or v0.1.0
	Time    time.Time // of all files in the archives
	Targets []Target
	// Environment is beside that of the process, for the go command.
	Environment []string
}

// versions are those of the form that Go modules have.
func versions() *regexp.Regexp {
	return regexp.MustCompile(`\Av?([0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]*[0-9A-Za-z])?)\z`)
}

// Make builds the archives, and SHA256SUMS beside them. It returns the names of all.
func Make(ctx context.Context, o Options) ([]string, error) {
	form := versions().FindStringSubmatch(o.Version)
	if form == nil {
		return nil, fmt.Errorf("a version is such as 0.1.0, not %q", o.Version)
	}
	o.Version = form[1]
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	common, err := o.common(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	var sums strings.Builder
	for _, target := range o.Targets {
		name, archive, err := o.archive(ctx, target, common)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", target, err)
		}
		if err := os.WriteFile(filepath.Join(o.Dir, name), archive, 0o644); err != nil {
			return nil, err
		}
		names = append(names, name)
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(archive), name)
	}
	const list = "SHA256SUMS"
	return append(names, list), os.WriteFile(filepath.Join(o.Dir, list), []byte(sums.String()), 0o644)
}

// common are the files that all archives have.
func (o *Options) common(ctx context.Context) ([]file, error) {
	var files []file
	for _, name := range []string{"README.md", "CHANGELOG.md", "LICENSE", "deploy/refgrow.service"} {
		text, err := os.ReadFile(filepath.Join(o.Source, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: filepath.Base(name), text: text})
	}
	modules, err := Linked(ctx, o.Source, o.Environment...)
	if err != nil {
		return nil, err
	}
	licences, err := Licences(modules)
	if err != nil {
		return nil, err
	}
	files = append(files, file{name: "LICENSES.txt", text: licences})

	// What the command prints of itself is printed by one that runs here.
	command, err := o.build(ctx, Here())
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "refgrow-release-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, Here().Binary())
	if err := os.WriteFile(path, command, 0o700); err != nil {
		return nil, err
	}
	for name, args := range map[string][]string{
		"refgrow.1":                {"man"},
		"completions/refgrow.bash": {"completion", "bash"},
		"completions/_refgrow":     {"completion", "zsh"},
		"completions/refgrow.fish": {"completion", "fish"},
	} {
		text, err := exec.CommandContext(ctx, path, args...).Output()
		if err != nil {
			return nil, fmt.Errorf("refgrow %s: %w", strings.Join(args, " "), err)
		}
		files = append(files, file{name: name, text: text})
	}
	return files, nil
}

// build builds the command, without cgo and with nothing of this machine in it.
func (o *Options) build(ctx context.Context, target Target) ([]byte, error) {
	dir, err := os.MkdirTemp("", "refgrow-build-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, target.Binary())
	environment := slices.Concat(o.Environment, []string{"GOOS=" + target.OS, "GOARCH=" + target.Arch})
	if _, err := Go(ctx, o.Source, environment, "build", "-ldflags=-w -X main.version=v"+o.Version,
		"-o", path, "./cmd/refgrow"); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Go runs the go command as a release does: without cgo, for the oldest processors, and
// with nothing of this machine in what it makes. What version control knows of the sources
// is in a binary. It returns what the command prints.
func Go(ctx context.Context, dir string, environment []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-trimpath", "GOAMD64=v1", "GOARM64=v8.0",
		"GOEXPERIMENT=")
	cmd.Env = append(cmd.Env, environment...)
	out, err := cmd.Output()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, failed.Stderr)
	}
	return string(bytes.TrimSpace(out)), err
}
