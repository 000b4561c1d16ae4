package supply

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

const (
	name     = "github.com/refgrow-go/refgrow"
	released = "v0.0.1"
)

// "go install ...@latest" makes the binary from what a proxy has of the module, and it
// knows its version.
func TestInstall(t *testing.T) {
	t.Parallel()
	if !long() {
		t.Skip("it unpacks all modules again; REFGROW_INTEROP_LONG is not set")
	}
	proxy, bin := publish(t), t.TempDir()
	goIn(t, t.TempDir(), []string{
		// What is not there is in the cache of this machine, in the form of a proxy.
		"GOPROXY=file://" + proxy + ",file://" + goIn(t, root, nil, "env", "GOMODCACHE") + "/cache/download",
		"GOSUMDB=off", "GOMODCACHE=" + t.TempDir(), "GOBIN=" + bin,
		"GOFLAGS=-trimpath -modcacherw", // so that the directory can be removed
	}, "install", name+"/cmd/refgrow@latest")
	want := fmt.Sprintf("refgrow %s (%s, %s/%s)", released, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if got := version(t, binary(bin)); got != want {
		t.Errorf("its version is %q, and not %q", got, want)
	}
}

// publish lays out the module as a proxy does.
func publish(t *testing.T) (proxy string) {
	t.Helper()
	proxy = t.TempDir()
	dir := filepath.Join(proxy, filepath.FromSlash(name), "@v")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for file, text := range map[string]string{
		"list":             released + "\n",
		released + ".info": fmt.Sprintf(`{"Version": %q, "Time": "2026-01-15T12:00:00Z"}`, released),
		released + ".mod":  string(read(t, filepath.Join(root, "go.mod"))),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Create(filepath.Join(dir, released+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	archive := zip.NewWriter(file)
	module(t, func(path string, text []byte) {
		w, err := archive.Create(name + "@" + released + "/" + path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	})
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return proxy
}
