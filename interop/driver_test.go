package interop

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// browserVariable set to anything makes a missing browser a failure.
const browserVariable = "REFGROW_BROWSER"

// A driver is the script that drives the browser.
type driver struct {
	in  io.Writer
	out *bufio.Scanner
}

// newDriver starts a browser, or ends the test if there is none.
func newDriver(t *testing.T) *driver {
	t.Helper()
	lacking := func(what string) {
		t.Helper()
		if os.Getenv(browserVariable) != "" {
			t.Fatal("there is no " + what)
		}
		t.Skipf("no browser is tried: there is no %s", what)
	}
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			lacking(tool)
		}
	}
	var browser string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		lacking("chromium")
	}

	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", "drive.mjs"} {
		text, err := os.ReadFile(filepath.Join("browser", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	node := exec.CommandContext(context.WithoutCancel(t.Context()), "node", "drive.mjs", browser)
	node.Dir, node.Stderr = dir, t.Output()
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// It closes the browser when there are no more stories.
		if err := errors.Join(in.Close(), node.Wait()); err != nil {
			t.Error(err)
		}
	})
	return &driver{in: in, out: bufio.NewScanner(out)}
}

// needs are what a story is told.
type needs map[string]any

// A seen is what was seen in a story.
type seen struct {
	Error      string
	Violations []string // of the pages' policies
	Control    int      // violations that the story itself committed

	Before, Cookie *cookie
	Message        message
	Messages       []message
	Link           string
	Orders         []string
	Totals         []string
	Balances       []string
	Days           []string
}

// A cookie is what remembers who referred the visitor.
type cookie struct {
	Value, Path, Domain string
	HTTPOnly, Secure    bool
	SameSite            string
	Days                int // how many it has left
}

// A message is what the script sent. Status is 0 if the page may not know the answer.
type message struct {
	Type   string
	Status int
}

// undated are the orders without their days, since it may be midnight any moment.
func (s *seen) undated() []string {
	var orders []string
	for _, order := range s.Orders {
		_, rest, _ := strings.Cut(order, "|")
		orders = append(orders, rest)
	}
	return orders
}

// live lets the person with the email live a story, and returns what was seen in it.
func (d *driver) live(t *testing.T, story string, javaScript bool, n needs) *seen {
	t.Helper()
	told := map[string]any{"story": story, "javaScript": javaScript}
	maps.Copy(told, n)
	if err := json.NewEncoder(d.in).Encode(told); err != nil {
		t.Fatal(err)
	}
	if !d.out.Scan() {
		t.Fatalf("%s: the driver has ended: %v", story, d.out.Err())
	}
	s := new(seen)
	if err := json.Unmarshal(d.out.Bytes(), s); err != nil {
		t.Fatalf("%s: %v: %s", story, err, d.out.Bytes())
	}
	if s.Error != "" {
		t.Fatalf("%s: %s", story, s.Error)
	}
	if len(s.Violations) > 0 {
		t.Errorf("%s: the policy was violated: %q", story, s.Violations)
	}
	return s
}
