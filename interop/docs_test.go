package interop

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/refgrowtest"
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
	pages = append(pages, "../README.md")
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

// The parts of programs in Go that the pages show compile.
func TestDocumentedGo(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, "../README.md")
	program := `package main

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/refgrowtest/anydriver"
	"github.com/refgrow-go/refgrow/sqlite"
	"github.com/refgrow-go/refgrow/tracking"
	"github.com/refgrow-go/refgrow/webhook"
)

var (
	_ = slog.Warn
	_ = fmt.Println
	_ = sqlite.Open
	_ = time.Hour
	_ = money.USD
	_ = refgrowtest.New
	_ = anydriver.On
	_ = httpapi.New
	_ = webhook.NewWorker
	_ tracking.Options
	_ sync.WaitGroup
)

func main() {}
`
	parts := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(text, -1) {
			if bytes.Contains(block[1], []byte("package main")) {
				continue // a whole program, which TestDocumentedReceivers runs
			}
			parts++
			program += fmt.Sprintf("\nfunc part%d(ctx context.Context, t *testing.T, db *sql.DB, mux *http.ServeMux, "+
				"engine *refgrow.Engine, shop *refgrow.Project) error {\n{\n%s}\nreturn nil\n}\n", parts, block[1])
		}
	}
	if parts == 0 {
		t.Fatal("no page has Go")
	}
	file := filepath.Join(t.TempDir(), "parts.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	compile := exec.CommandContext(t.Context(), "go", "build", "-gcflags=-e", "-o", os.DevNull, file)
	output, err := compile.CombinedOutput()
	wrong := 0
	for line := range strings.Lines(string(output)) {
		// What a part declares, the text after it may use.
		if !strings.Contains(line, "declared and not used") && !strings.HasPrefix(line, "#") {
			wrong++
			t.Error(strings.TrimSpace(line))
		}
	}
	if err != nil && len(output) == 0 {
		t.Error(err)
	}
	if wrong > 0 {
		t.Log(program)
	}
}

// What the first page calls lib/refgrow.js is the file of examples/nextjs, and the script
// beside it tells of a sale, gives a part of it back, and prints why it was credited,
// however often it is run.
func TestDocumentedNode(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/getting-started.md")
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile("../examples/nextjs/lib/refgrow.js")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```js\n"+string(file)+"```") {
		t.Error("the page shows another one")
	}
	script := regexp.MustCompile("(?s)```js\n(// try.mjs\n.*?)```").FindSubmatch(page)
	if script == nil {
		t.Fatal("the page has no try.mjs")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("it is not tried: there is no node")
	}
	engine, _ := refgrowtest.New(t)
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := engine.CreateKey(t.Context(), shop, refgrow.CreateKeyParams{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{
		Email: "jane@example.com", ReferralCode: "JANE"}); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	httpapi.Register(mux, "/api/v1", engine, httpapi.Options{})
	server := httptest.NewServer(mux)
	defer server.Close()
	folder := t.TempDir()
	for name, content := range map[string][]byte{"lib/refgrow.js": file, "try.mjs": script[1],
		"package.json": []byte(`{"type": "module"}`)} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		node := exec.CommandContext(t.Context(), "node", "try.mjs")
		node.Dir = folder
		node.Env = append(os.Environ(), "REFGROW_URL="+server.URL, "REFGROW_KEY="+key)
		output, err := node.CombinedOutput()
		if err != nil || !strings.Contains(string(output), "9.00 USD of the sale was refunded, which took back 1.80 USD.") {
			t.Errorf("%v\n%s", err, output)
		}
	}
}

// The unit that the page for operators shows is the one in deploy/, and systemd takes it
// where there is one.
func TestUnit(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	unit, err := os.ReadFile("../deploy/refgrow.service")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```ini\n(.*?)```").FindSubmatch(page)
	if shown == nil || !bytes.Equal(shown[1], unit) {
		t.Error("the page shows another one")
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("it is not tried: there is no systemd-analyze")
	}
	// The command has to be where the unit says.
	binary := build(t)
	file := filepath.Join(t.TempDir(), "refgrow.service")
	unit = bytes.ReplaceAll(unit, []byte("/usr/local/bin/refgrow"), []byte(binary))
	if err := os.WriteFile(file, unit, 0o600); err != nil {
		t.Fatal(err)
	}
	verify := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--recursive-errors=no", file)
	output, err := verify.CombinedOutput()
	if err != nil || bytes.Contains(output, []byte("refgrow.service")) {
		t.Errorf("%v\n%s", err, output)
	}
}

// The figures of the page about speed, and the one on the first page, are those that were
// measured: each is in the row of the results that it names.
func TestDocumentedFigures(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for _, name := range []string{"benchmarks/RESULTS.md", "docs/benchmarks.md", "README.md"} {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	measured := map[string]string{}
	for line := range strings.Lines(files["benchmarks/RESULTS.md"]) {
		if name, found := strings.CutPrefix(line, "| "); found {
			name, _, _ = strings.Cut(name, " ")
			measured[name] += strings.ReplaceAll(line, "|", " ")
		}
	}
	rows := 0
	for line := range strings.Lines(files["docs/benchmarks.md"]) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 6 || !strings.HasPrefix(cells[5], "`") {
			continue
		}
		rows++
		row := measured[strings.Trim(cells[5], "`")]
		for _, figure := range []string{cells[1], cells[2], cells[4]} {
			if !strings.Contains(row, " "+figure+" ") {
				t.Errorf("the results of %s have no %s:\n%s", cells[5], figure, row)
			}
		}
	}
	if rows == 0 {
		t.Error("the page has no figures")
	}
	for _, figure := range regexp.MustCompile(`\((\d\.\d+)\)`).FindAllStringSubmatch(files["docs/benchmarks.md"], -1) {
		if !strings.Contains(files["benchmarks/RESULTS.md"], "| "+figure[1]+" (") {
			t.Errorf("the results have no ratio of %s", figure[1])
		}
	}
	met := regexp.MustCompile(`(\d+) of (\d+) goals met`).FindStringSubmatch(files["benchmarks/RESULTS.md"])
	if met == nil || !strings.Contains(files["docs/benchmarks.md"],
		"Of the "+met[2]+" goals that were set beforehand "+met[1]+" were met") {
		t.Errorf("other goals were met: %q", met)
	}
	if !strings.Contains(files["README.md"], "**7,106** sales") || !strings.Contains(measured["create64"], " 7106 ") {
		t.Error("the first page has another number of sales a second")
	}
}

// Whatever a page links to in the repository is there.
func TestDocumentedLinks(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for _, page := range append(pages, "../README.md", "../CHANGELOG.md", "../examples/nextjs/README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)#]+)[^)]*\)`).FindAllSubmatch(text, -1) {
			if strings.Contains(string(link[1]), "://") {
				continue
			}
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), string(link[1]))); err != nil {
				t.Errorf("%s leads nowhere: %v", page, err)
			}
		}
	}
	if links == 0 {
		t.Error("no page links to another")
	}
}
