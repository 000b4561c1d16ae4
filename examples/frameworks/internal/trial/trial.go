// Package trial tries the shops of this module the way their visitors and clients do.
package trial

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Shop opens a shop, comes by Jane's link, buys, and closes it.
func Shop(t *testing.T, run func(ctx context.Context, out io.Writer, path, addr string) error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	path := filepath.Join(t.TempDir(), "app.db")
	reads, writes := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, writes, path, "127.0.0.1:0")
		writes.Close()
		ended <- err
	}()
	said := ""
	for lines := bufio.NewScanner(reads); !strings.Contains(said, "Ctrl-C") && lines.Scan(); {
		said += lines.Text() + "\n"
	}
	found := regexp.MustCompile(`(?s)(http://[^/ ]+)/.* Bearer (\S+)' `).FindStringSubmatch(said)
	if found == nil {
		stop()
		t.Fatalf("it says %q: %v", said, <-ended)
	}
	v := visitor{t, newClient(t), found[1]}
	key := found[2]

	v.get("/r/JANE?to=/", "Buy for 49.00 USD")
	v.post("/orders", url.Values{"email": {"carl@example.com"}}, http.StatusOK, "order 1 for 49.00 USD: thank you")
	// The database has neither the order nor its commission after that.
	v.post("/orders", url.Values{"email": {"carl@example.com"}, "card": {"declined"}}, http.StatusPaymentRequired,
		"the card was declined")
	v.get("/partners/JANE", "JANE: sales 1, earned 9.80 USD")

	// A stranger's sale is nobody's, and its order has the next number: the one that was
	// declined has taken none.
	stranger := visitor{t, newClient(t), v.url}
	stranger.post("/orders", url.Values{"email": {"dora@example.com"}}, http.StatusOK, "order 2 for 49.00 USD")
	v.get("/partners/JANE", "JANE: sales 1, earned 9.80 USD")

	v.get("/refgrow.js", "refgrow_ref_code")
	v.try(http.MethodGet, "/api/v1/conversions", nil, "", http.StatusUnauthorized, `"success":false`)
	v.try(http.MethodGet, "/api/v1/conversions", nil, key, http.StatusOK, `"reference":"order-1"`)
	v.try(http.MethodGet, "/api/v1/conversions", nil, key, http.StatusOK, `"reference":"order-2"`)
	v.try(http.MethodGet, "/api/v1/nowhere", nil, key, http.StatusNotFound, `"success":false`)

	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	// The last to close a database puts its log into the file.
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("the database was not closed")
	}
}

func newClient(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// A visitor keeps cookies.
type visitor struct {
	*testing.T

	client *http.Client
	url    string
}

func (v visitor) get(path, want string) {
	v.Helper()
	v.try(http.MethodGet, path, nil, "", http.StatusOK, want)
}

func (v visitor) post(path string, form url.Values, status int, want string) {
	v.Helper()
	v.try(http.MethodPost, path, form, "", status, want)
}

func (v visitor) try(method, path string, form url.Values, key string, status int, want string) {
	v.Helper()
	request, err := http.NewRequestWithContext(v.Context(), method, v.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	answer, err := v.client.Do(request)
	if err != nil {
		v.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.Fatal(err)
	}
	if answer.StatusCode != status || !strings.Contains(string(body), want) {
		v.Errorf("%s %s: %d %s\nwant %d with %s", method, path, answer.StatusCode, body, status, want)
	}
}
