package supply

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Whoever builds the same sources with the same Go gets the same bytes, in whatever
// directory, and the directories are not in them.
func TestReproducible(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("nothing else is built like a release, so nothing of it is in the cache")
	}
	var builds [2][]byte
	secrets := []string{goIn(t, root, nil, "env", "GOMODCACHE"), goIn(t, root, nil, "env", "GOROOT")}
	for i, below := range []string{"a", filepath.Join("another", "and longer", "directory")} {
		dir := t.TempDir()
		secrets = append(secrets, dir)
		sources := filepath.Join(dir, below)
		module(t, func(path string, text []byte) {
			path = filepath.Join(sources, filepath.FromSlash(path))
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		})
		var environment []string
		if long() {
			environment = []string{"GOCACHE=" + t.TempDir()}
		}
		goIn(t, sources, environment, "build", "-o", binary(dir), "./cmd/refgrow")
		builds[i] = read(t, binary(dir))
		want := fmt.Sprintf("refgrow (devel) (%s, %s/%s)", runtime.Version(), runtime.GOOS, runtime.GOARCH)
		if got := version(t, binary(dir)); got != want {
			t.Errorf("its version is %q, and not %q", got, want)
		}
	}
	if !bytes.Equal(builds[0], builds[1]) {
		t.Errorf("two builds differ: %x and %x", sha256.Sum256(builds[0]), sha256.Sum256(builds[1]))
	}
	for _, secret := range secrets {
		if bytes.Contains(builds[0], []byte(secret)) {
			t.Errorf("the binary has %s in it", secret)
		}
	}
	t.Logf("%d bytes, %x", len(builds[0]), sha256.Sum256(builds[0]))
}
