package interop

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The commands that the pages of docs/ show work, one after another, in an empty folder, and
// print the lines that the pages say, however wide their columns are.
func TestDocumentedCommands(t *testing.T) {
	t.Parallel()
	for _, tool := range []string{"bash", "curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("they are not tried: there is no %s", tool)
		}
	}
	binary := build(t)
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(text, -1)
		if len(blocks) == 0 || filepath.Base(page) == "reference.md" { // whose examples httpapi's tests send
			continue
		}
		tried++
		t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) {
			t.Parallel()
			address := freeAddress(t)
			script := "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
			for _, block := range blocks {
				script += string(block[1])
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			shell := exec.CommandContext(ctx, "bash", "-c", strings.ReplaceAll(script, "127.0.0.1:8080", address))
			shell.Dir = t.TempDir()
			shell.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+string(filepath.ListSeparator)+os.Getenv("PATH"),
				"REFGROW_ADDR="+address)
			shell.WaitDelay = 10 * time.Second
			var output bytes.Buffer
			shell.Stdout, shell.Stderr = &output, &output
			if err := shell.Run(); err != nil {
				t.Errorf("%v\n%s", err, &output)
			}
			printed := strings.Join(strings.Fields(output.String()), " ")
			for _, block := range regexp.MustCompile("(?s)```text\n(.*?)```").FindAllSubmatch(text, -1) {
				for line := range strings.Lines(string(block[1])) {
					_, after, found := strings.Cut(printed, strings.Join(strings.Fields(line), " "))
					if !found {
						t.Errorf("nothing more prints %s", line)
						continue
					}
					printed = after
				}
			}
			if strings.Contains(output.String(), `"success":false`) {
				t.Errorf("a call was refused:\n%s", &output)
			}
		})
	}
	if tried == 0 {
		t.Error("no page has commands")
	}
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
