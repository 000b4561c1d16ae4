package disks_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// smallDisk mounts a file system of the given size.
func smallDisk(t *testing.T, size string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("skipped, because only root can mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// ballast is a file that takes up all the room.
type ballast struct {
	t    *testing.T
	path string
}

func (b ballast) fill() {
	file, err := os.OpenFile(b.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.t.Error(err)
		return
	}
	defer file.Close()
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		b.t.Error(err)
	}
}

func (b ballast) free() {
	if err := os.Remove(b.path); err != nil {
		b.t.Error(err)
	}
}

// The same as TestDiskFull, on a disk that really is full.
func TestSmallDiskFull(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "64m")
	s := newFullShop(t, filepath.Join(dir, "refgrow.db"))
	s.overflow(ballast{t, filepath.Join(dir, "ballast")}, true)
}

// What else needs room says so as well, and leaves nothing behind that is in the way
// later: a backup, and opening a file.
func TestSmallDiskHasNoRoomToOpen(t *testing.T) {
	t.Parallel()
	dir := smallDisk(t, "4m")
	s := newFullShop(t, filepath.Join(dir, "refgrow.db"))
	full := ballast{t, filepath.Join(dir, "ballast")}
	s.sell(20, &s.done)
	full.fill()
	copied := filepath.Join(dir, "copy.db")
	if err := s.Engine.Backup(t.Context(), copied); !saysFull(err) {
		t.Errorf("a backup returns %v", err)
	}
	if _, err := os.Stat(copied); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the backup that failed is still there: %v", err)
	}
	s.OK(s.Engine.Close(t.Context()))
	s.OK(s.database.Close())
	full.fill()
	for _, path := range []string{s.path, filepath.Join(dir, "new.db")} {
		database, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		switch {
		case err == nil && path == s.path: // its log could not be cleared away, and is used again
			s.OK(database.Close())
		case err == nil || !strings.Contains(err.Error(), "the disk is full"):
			t.Errorf("opening %s returns %v", path, err)
		}
	}
	full.free()
	for _, path := range []string{s.path, filepath.Join(dir, "new.db")} {
		database, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		s.OK(err)
		defer database.Close()
		engine, _ := refgrowtest.On(t, database)
		shop, err := engine.EnsureProject(t.Context(), "shop", refgrow.Settings{})
		s.OK(err)
		if path == s.path {
			s.Engine = engine
			s.toldTheTruth(shop, true)
		}
	}
}

// sizeLimit is a disk that takes no file beyond a size: a write fails in the middle,
// and with another error than on a full disk. The limit holds for the whole process.
type sizeLimit struct{ *fullShop }

func (l sizeLimit) set(bytes uint64) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		l.Error(err)
	}
	limit.Cur = min(bytes, limit.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		l.Error(err)
	}
}

func (l sizeLimit) fill() {
	info, err := os.Stat(l.path + "-wal")
	if err != nil {
		l.Error(err)
		return
	}
	l.set(uint64(info.Size()) + 3000)
}

func (l sizeLimit) free() { l.set(1 << 62) }

// The same as TestDiskFull without special rights, in a process of its own.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	const own = "REFGROW_TEST_LIMITS_FILES"
	if os.Getenv(own) == "" {
		other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFileSizeLimit$", "-test.v")
		other.Env = append(os.Environ(), own+"=1")
		said, err := other.CombinedOutput()
		if err != nil || !strings.Contains(string(said), "--- PASS: TestFileSizeLimit") {
			t.Errorf("%v: %s", err, said)
		}
		for line := range strings.Lines(string(said)) {
			if strings.Contains(line, "sales were recorded") {
				t.Log(strings.TrimSpace(line))
			}
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	s := newFullShop(t, filepath.Join(t.TempDir(), "refgrow.db"))
	s.overflow(sizeLimit{s}, false)
}
