package main

import (
	"context"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// A world is an open shop.
type world struct {
	*testing.T
	shop  *shop
	clock *refgrowtest.Clock
}

func setup(t *testing.T) *world {
	t.Helper()
	db, err := open(t.Context(), filepath.Join(t.TempDir(), "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	engine, clock := refgrowtest.On(t, refgrow.SQLite(db))
	server := httptest.NewUnstartedServer(nil)
	s, err := newShop(t.Context(), db, engine, "http://"+server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = s.handler()
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(func() {
		report, err := engine.Verify(context.Background())
		if err != nil || len(report.Differences) > 0 {
			t.Errorf("the books: %+v %v", report, err)
		}
	})
	return &world{T: t, shop: s, clock: clock}
}

// A browser has cookies and follows redirects.
type browser struct {
	*world
	client *http.Client
}

func (w *world) browser() *browser {
	w.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.Fatal(err)
	}
	return &browser{w, &http.Client{Jar: jar}}
}

func (b *browser) do(method, path string, form url.Values, header ...string) (status int, page string) {
	b.Helper()
	request, err := http.NewRequestWithContext(b.Context(), method, b.shop.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := b.client.Do(request)
	if err != nil {
		b.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.Fatal(err)
	}
	if !strings.Contains(answer.Header.Get("Content-Security-Policy"), "default-src 'none'") {
		b.Errorf("%s %s has no strict policy: %v", method, path, answer.Header)
	}
	return answer.StatusCode, string(text)
}

// get opens a page.
func (b *browser) get(path string) string {
	b.Helper()
	status, page := b.do(http.MethodGet, path, nil)
	if status != http.StatusOK {
		b.Errorf("GET %s: %d %s", path, status, page)
	}
	return page
}

// post sends a form and returns the page that it leads to.
func (b *browser) post(path string, pairs ...string) string {
	b.Helper()
	status, page := b.do(http.MethodPost, path, fields(pairs))
	if status != http.StatusOK {
		b.Errorf("POST %s %v: %d %s", path, pairs, status, page)
	}
	return page
}

func fields(pairs []string) url.Values {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	return form
}

// cookie returns one of the shop's cookies, "" for none.
func (b *browser) cookie(name string) string {
	b.Helper()
	where, err := url.Parse(b.shop.url)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(where) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// customer signs up in a new browser, having come through a link if there is one.
func (w *world) customer(name, link string) *browser {
	w.Helper()
	b := w.browser()
	if link != "" {
		b.get(link)
	}
	b.post("/signup", "email", name+"@example.com", "password", "correct horse")
	return b
}

// partner is a customer with a link and a coupon.
func (w *world) partner(name string) *browser {
	w.Helper()
	b := w.customer(name, "")
	b.post("/partner", "code", strings.ToUpper(name))
	return b
}

// buy buys a product with the form of the first page.
func (b *browser) buy(product, coupon string) string {
	b.Helper()
	return b.post("/orders", "order", b.orderID(), "product", product, "coupon", coupon)
}

func (b *browser) orderID() string {
	b.Helper()
	found := regexp.MustCompile(`name="order" value="(\w+)"`).FindStringSubmatch(b.get("/"))
	if found == nil {
		b.Fatal("there is nothing to buy")
	}
	return found[1]
}

// table returns the cells of a table of a page, a line for each row.
func table(page, id string) string {
	_, page, _ = strings.Cut(page, `<table id="`+id+`">`)
	page, _, _ = strings.Cut(page, "</table>")
	_, page, _ = strings.Cut(page, "<tbody>")
	var lines []string
	for row := range strings.SplitSeq(page, "</tr>") {
		row = strings.ReplaceAll(row, "</td>", "|")
		row = regexp.MustCompile(`<[^>]*>|\n`).ReplaceAllString(row, "")
		if row != "" {
			lines = append(lines, html.UnescapeString(strings.TrimSuffix(row, "|")))
		}
	}
	return strings.Join(lines, "\n")
}

// shows checks the tables of a partner's page.
func (b *browser) shows(totals, balances string) {
	b.Helper()
	if err := b.shop.engine.FlushClicks(b.Context()); err != nil {
		b.Fatal(err)
	}
	page := b.get("/account")
	if got := table(page, "totals"); got != totals {
		b.Errorf("clicks, signups and purchases are %q, want %q", got, totals)
	}
	if got := table(page, "balances"); got != balances {
		b.Errorf("the balances are\n%s\nwant\n%s", got, balances)
	}
}
