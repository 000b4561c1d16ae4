package interop

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The shop in examples/nextjs is built and visited: who came by a partner's link is known
// to its server, and signup, purchase and refund reach the partner's page.
func TestBrowserNextJS(t *testing.T) {
	if testing.Short() && os.Getenv(browserVariable) == "" {
		t.Skip("it is not built: that takes a minute")
	}
	d := newDriver(t)
	dir := copied(t, filepath.Join("..", "examples", "nextjs"))
	file, address := filepath.Join(t.TempDir(), "refgrow.db"), freeAddress(t)
	shop := "http://" + address
	refgrow := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), build(t), append(args, "--db", file)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("refgrow %q: %v", args, err)
		}
		return string(bytes.TrimSpace(out))
	}
	refgrow("project", "create", "shop", "--commission", "20%", "--hold-days", "30",
		"--landing-url", "/", "--allowed-origin", shop)
	s := newServer(t, refgrow("key", "create"), released(t, file))

	_, port, _ := strings.Cut(address, ":")
	next := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "node",
			append([]string{filepath.Join("node_modules", "next", "dist", "bin", "next")}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "NEXT_TELEMETRY_DISABLED=1", "NODE_ENV=production",
			"REFGROW_URL="+s.url, "REFGROW_KEY="+s.key, "SHOP_URL="+shop, "PAYMENTS_SECRET=secret")
		return cmd
	}
	if out, err := next("build").CombinedOutput(); err != nil {
		t.Fatalf("next build: %v\n%s", err, out)
	}
	serving := next("start", "-H", "127.0.0.1", "-p", port)
	serving.Stdout, serving.Stderr = t.Output(), t.Output()
	if err := serving.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = serving.Process.Kill()
		_ = serving.Wait() // it was killed
	})
	answers(t, shop)

	for name, c := range map[string]struct {
		javaScript bool
		link       string
	}{
		"with JavaScript":    {true, "/r/"},
		"by the script":      {true, "/?ref="},
		"without JavaScript": {false, "/r/"},
	} {
		t.Run(name, func(t *testing.T) {
			code := strings.ReplaceAll(name, " ", "-")
			partner := needs{"shop": shop, "code": code, "email": code + "@example.com"}
			joined := d.live(t, "joinsThere", c.javaScript, partner)
			same(t, "the link", joined.Link, shop+"/r/"+code)
			customer := needs{"shop": shop, "link": c.link + code, "email": "customer-of-" + code + "@example.com"}

			bought := d.live(t, "buysThere", c.javaScript, customer)
			if bought.Cookie == nil || bought.Cookie.Value != code {
				t.Errorf("the cookie is %+v", bought.Cookie)
			}
			same(t, "what is told", bought.Link, "You came by the link of our partner "+code+".")
			same(t, "the orders", bought.Orders, []string{"Team, 49.00 USD: paid"})
			looked := d.live(t, "looksThere", c.javaScript, partner)
			same(t, "the totals", looked.Totals, []string{"clicks 1, signups 1, purchases 1"})
			same(t, "the balances", looked.Balances,
				[]string{"9.80 USD earned: 9.80 on hold, 0.00 available, 0.00 paid out"})

			returned := d.live(t, "returnsThere", c.javaScript, customer)
			same(t, "the orders", returned.Orders, []string{"Team, 49.00 USD: refunded"})
			looked = d.live(t, "looksThere", c.javaScript, partner)
			same(t, "the balances", looked.Balances,
				[]string{"0.00 USD earned: 0.00 on hold, 0.00 available, 0.00 paid out"})
		})
	}

	taken := d.live(t, "joinsThere", true, needs{"shop": shop, "code": "by-the-script", "email": "late@example.com"})
	if !strings.Contains(taken.Link, "already leads to another affiliate") {
		t.Errorf("to whom wants a word that is taken it says %q", taken.Link)
	}
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	answer, err := client.Post(shop+"/api/payments", "application/json", strings.NewReader(`{"type":"charge.refunded"}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("an event that nobody has signed: %s", answer.Status)
	}
}

// copied is a copy of a folder for Node.js without what was made in it, with what npm
// installs there.
func copied(t *testing.T, folder string) string {
	t.Helper()
	var files []string
	if err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Name() == "node_modules" || entry.Name() == ".next":
			return fs.SkipDir
		case !entry.IsDir() && entry.Name() != "package.json" && entry.Name() != "package-lock.json":
			files = append(files, path)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return installed(t, folder, files...)
}

// answers waits until a site does.
func answers(t *testing.T, url string) {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(time.Minute); ; {
		answer, err := client.Get(url)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
			err = errors.New(answer.Status)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v", url, err)
		}
		<-time.After(100 * time.Millisecond)
	}
}
