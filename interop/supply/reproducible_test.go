package supply

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/internal/release"
)

// Whoever builds the same sources with the same Go gets the same bytes, in whatever
// directory, and the directories are not in them. The long form builds for all systems,
// from scratch both times.
func TestReproducible(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("nothing else is built like a release, so nothing of it is in the cache")
	}
	targets := []release.Target{release.Here()}
	if long() {
		targets = release.Targets()
	}
	var builds [2]map[string][]byte
	secrets := []string{goIn(t, root, nil, "env", "GOMODCACHE"), goIn(t, root, nil, "env", "GOROOT")}
	for i, below := range []string{"a", filepath.Join("another", "and longer", "directory")} {
		dir := t.TempDir()
		secrets = append(secrets, dir)
		builds[i] = archives(t, filepath.Join(dir, below), targets)
	}
	for name, first := range builds[0] {
		if second := builds[1][name]; !bytes.Equal(first, second) {
			t.Errorf("two builds of %s differ: %x and %x", name, sha256.Sum256(first), sha256.Sum256(second))
		}
		files := unpacked(t, name, first)
		for path, file := range files {
			for _, secret := range secrets {
				if bytes.Contains(file, []byte(secret)) {
					t.Errorf("%s of %s has %s in it", path, name, secret)
				}
			}
		}
		t.Logf("%s: %d bytes, %x", name, len(first), sha256.Sum256(first))
	}
}

// archives makes the archives of a release of a copy of the module.
func archives(t *testing.T, sources string, targets []release.Target) map[string][]byte {
	t.Helper()
	module(t, func(path string, text []byte) {
		path = filepath.Join(sources, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	environment := []string{unversioned}
	if long() {
		environment = append(environment, "GOCACHE="+t.TempDir())
	}
	dir := t.TempDir()
	names, err := release.Make(t.Context(), release.Options{
		Source: sources, Dir: dir, Version: "v0.1.0", Time: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC),
		Targets: targets, Environment: environment,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(targets)+1 {
		t.Fatalf("it made %v", names)
	}
	made := make(map[string][]byte)
	var sums string
	for _, name := range names {
		text := read(t, filepath.Join(dir, name))
		if name == "SHA256SUMS" {
			if string(text) != sums {
				t.Errorf("the checksums are\n%s and not\n%s", text, sums)
			}
			continue
		}
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(text), name)
		made[name] = text
		complete(t, name, unpacked(t, name, text))
	}
	return made
}

// complete checks that an archive has what people need, and that the command in it knows
// its version.
func complete(t *testing.T, name string, files map[string][]byte) {
	t.Helper()
	folder := strings.TrimSuffix(strings.TrimSuffix(name, ".zip"), ".tar.gz")
	if _, version, _ := strings.Cut(folder, "-"); !strings.HasPrefix(version, "0.1.0-") {
		t.Errorf("the archive is called %s", name)
	}
	command := folder + "/refgrow"
	if strings.Contains(name, "windows") {
		command += ".exe"
	}
	if len(files[command]) < 1<<20 {
		t.Errorf("%s has no %s", name, command)
	}
	for file, part := range map[string]string{
		"LICENSE": "MIT License", "README.md": "# refgrow", "CHANGELOG.md": "# Changelog", "refgrow.service": "[Service]",
		"refgrow.1": `.TH "REFGROW" "1" "" "refgrow v0.1.0"`, "completions/refgrow.bash": "complete -F _refgrow refgrow",
		"completions/_refgrow": "#compdef refgrow", "completions/refgrow.fish": "complete -c refgrow",
		"LICENSES.txt": "modernc.org/sqlite v1.60.1: LICENSE\n",
	} {
		if !bytes.Contains(files[folder+"/"+file], []byte(part)) {
			t.Errorf("%s: %s does not have %s", name, file, part)
		}
	}
	if !strings.HasSuffix(folder, "-"+runtime.GOOS+"-"+runtime.GOARCH) {
		return
	}
	path := binary(t.TempDir())
	if err := os.WriteFile(path, files[command], 0o700); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("refgrow v0.1.0 (%s, %s/%s)", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if got := version(t, path); got != want {
		t.Errorf("its version is %q, and not %q", got, want)
	}
}

// unpacked are the files of an archive.
func unpacked(t *testing.T, name string, archive []byte) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	keep := func(path string, r io.Reader) {
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[path] = text
	}
	if strings.HasSuffix(name, ".zip") {
		all, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range all.File {
			r, err := file.Open()
			if err != nil {
				t.Fatal(err)
			}
			keep(file.Name, r)
		}
		return files
	}
	text, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for all := tar.NewReader(text); ; {
		header, err := all.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if executable := header.Mode&0o100 != 0; executable != (filepath.Base(header.Name) == "refgrow") {
			t.Errorf("%s has the mode %o", header.Name, header.Mode)
		}
		keep(header.Name, all)
	}
}
