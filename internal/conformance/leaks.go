package conformance

import (
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"
	"time"
)

// openFiles is where Linux lists the files that the process has open.
const openFiles = "/proc/self/fd"

// NothingLeft checks that, once the test and its cleanup are over, there are no more
// goroutines and, where the system lists them, no more open files than now. It comes
// first in a test, which must not run in parallel with others.
func NothingLeft(t testing.TB) {
	t.Helper()
	warmUp(t)
	goroutines, files := settled(), descriptors(t)
	t.Cleanup(func() {
		// What was told to end may take a moment.
		for range 500 {
			if runtime.NumGoroutine() <= goroutines && len(descriptors(t)) <= len(files) {
				return
			}
			<-time.After(20 * time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > goroutines {
			var stacks strings.Builder
			if err := pprof.Lookup("goroutine").WriteTo(&stacks, 1); err != nil {
				t.Error(err)
			}
			t.Errorf("there were %d goroutines, and are %d:\n%s", goroutines, n, &stacks)
		}
		if left := descriptors(t); len(left) > len(files) {
			t.Errorf("there were %d open files:\n%s\nand are %d:\n%s", len(files), targets(files), len(left), targets(left))
		}
	})
}

// warmUp makes the runtime open what it keeps for all sockets.
func warmUp(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // nobody waits for it
	if err == nil {
		err = listener.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// settled returns how many goroutines there are once those of earlier tests have ended.
func settled() int {
	n := runtime.NumGoroutine()
	for same := 0; same < 5; same++ {
		<-time.After(5 * time.Millisecond)
		if now := runtime.NumGoroutine(); now != n {
			n, same = now, 0
		}
	}
	return n
}

// descriptors returns the open files by their numbers, nil where the system does not
// list them.
func descriptors(t testing.TB) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(openFiles)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, entry := range entries {
		// The one that was read itself is already closed.
		if target, err := os.Readlink(filepath.Join(openFiles, entry.Name())); err == nil {
			files[entry.Name()] = target
		}
	}
	return files
}

func targets(files map[string]string) string {
	return strings.Join(slices.Sorted(maps.Values(files)), "\n")
}
