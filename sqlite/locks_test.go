package sqlite

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Opening a file again must not drop the locks that the process has on it, which
// closing any descriptor of the file would do.
func TestSecondOpenKeepsLocks(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/proc/locks"); err != nil {
		t.Skip("the system does not list its locks")
	}
	d := setup(t, Options{})
	if err := d.atomic(d.inserting("a")); err != nil {
		t.Fatal(err)
	}
	before := locks(t, d)
	if len(before) == 0 {
		t.Skip("the system does not list this file's locks")
	}
	again, err := Open(context.Background(), d.Path(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, held := range before {
		if !slices.Contains(locks(t, d), held) {
			t.Errorf("%s is no longer held", held)
		}
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	for _, held := range before {
		if !slices.Contains(locks(t, d), held) {
			t.Errorf("%s is not held after the second one was closed", held)
		}
	}
}

// locks lists what this process has locked of d's file and shared memory.
func locks(t *testing.T, d *DB) (held []string) {
	t.Helper()
	list, err := os.Open("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	for lines := bufio.NewScanner(list); lines.Scan(); {
		// 1: POSIX  ADVISORY  READ  1234 08:01:5678 128 128
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 || fields[4] != strconv.Itoa(os.Getpid()) {
			continue
		}
		for _, suffix := range []string{"", "-shm"} {
			if strings.HasSuffix(fields[5], ":"+inode(t, d.Path()+suffix)) {
				held = append(held, strings.Join(fields[3:], " "))
			}
		}
	}
	return held
}

// inode asks another command for it, because the package that knows it does not exist
// on every system.
func inode(t *testing.T, path string) string {
	t.Helper()
	number, err := exec.CommandContext(t.Context(), "stat", "-c", "%i", path).Output()
	if err != nil {
		t.Skip(err)
	}
	return strings.TrimSpace(string(number))
}

// visitor is not a test: it is the other process of TestSecondOpenLosesNothing, which
// reads the file, and removes its log if it believes itself to be the last.
const (
	visitor = "REFGROW_TEST_VISITS"
	visited = "SELECT 'found ' || group_concat(name, ' ') FROM (SELECT name FROM thing ORDER BY name)"
)

func TestVisitor(t *testing.T) {
	path := os.Getenv(visitor)
	if path == "" {
		t.Skip("runs in a process of its own")
	}
	f, err := find(path)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := f.connect(1, []string{busyTimeout()})
	if err != nil {
		t.Fatal(err)
	}
	var found string
	if err := pool.QueryRowContext(t.Context(), visited).Scan(&found); err != nil {
		t.Error(err)
	}
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
	fmt.Println(found)
}

// While a process has a file open twice, another may come and go: what was acknowledged
// is there for everybody.
func TestSecondOpenLosesNothing(t *testing.T) {
	t.Parallel()
	d := setup(t, Options{})
	again, err := Open(context.Background(), d.Path(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	visitors := []string{os.Args[0], "sqlite3"} // the second is another SQLite, often an older one
	expected := ""
	for i := range 4 {
		name := strconv.Itoa(i)
		if err := d.atomic(d.inserting(name)); err != nil {
			t.Fatal(err)
		}
		expected = strings.TrimSpace(expected + " " + name)
		args, program := []string{"-test.run=^TestVisitor$"}, visitors[i%2]
		if program == "sqlite3" {
			if _, err := exec.LookPath(program); err != nil {
				continue
			}
			args = []string{d.Path(), visited}
		}
		other := exec.CommandContext(t.Context(), program, args...)
		other.Env = append(os.Environ(), visitor+"="+d.Path())
		said, err := other.CombinedOutput()
		if err != nil || !strings.Contains(string(said), "found "+expected+"\n") {
			t.Errorf("%s, which should find %s: %v\n%s", program, expected, err, said)
		}
		if _, err := os.Stat(d.Path() + "-wal"); err != nil {
			t.Errorf("after %s, the log is gone while the file is open: %v", program, err)
		}
		if got := names(t, again); got != expected {
			t.Errorf("the second one finds %s, not %s", got, expected)
		}
	}
}
