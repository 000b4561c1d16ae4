package main

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/tracking"
)

const nothing = "USD|0.00 USD|0.00 USD|0.00 USD|0.00 USD"

// The whole story: visit, leave, come back, sign up, buy, get the money back.
func TestStory(t *testing.T) {
	t.Parallel()
	w := setup(t)
	jane := w.partner("jane")
	if page := jane.get("/account"); !strings.Contains(page, w.shop.url+"/?ref=JANE") ||
		!strings.Contains(page, "JANE10") {
		t.Errorf("no link or no coupon in %s", page)
	}
	jane.shows("0|0|0", nothing)

	carl := w.browser()
	carl.get("/?ref=JANE")
	carl.get("/?ref=JANE") // the same visit
	w.clock.Advance(24 * time.Hour)
	page := carl.get("/")
	if strings.Contains(page, "Buy Team") {
		t.Error("somebody who is not logged in can buy")
	}
	if !strings.Contains(page, "our partner <b>JANE</b>") {
		t.Errorf("it is not told who sent Carl: %s", page)
	}
	carl.post("/signup", "email", "carl@example.com", "password", "correct horse")
	if carl.cookie(tracking.CookieName) != "JANE" {
		t.Errorf("the cookie is %q", carl.cookie(tracking.CookieName))
	}
	jane.shows("1|1|0", nothing)

	page = carl.buy("Team", "")
	if got := table(page, "orders"); got != "2026-01-16|Team||49.00 USD|Money back" {
		t.Errorf("the orders are %q", got)
	}
	// On another device there is no cookie, but it is the same customer.
	phone := w.browser()
	phone.post("/login", "email", "carl@example.com", "password", "correct horse")
	phone.buy("Handbook", "")
	jane.shows("1|1|2", "USD|9.80 USD|9.80 USD|0.00 USD|0.00 USD\nEUR|5.00 EUR|5.00 EUR|0.00 EUR|0.00 EUR")

	days := strings.Split(table(jane.get("/account"), "days"), "\n")
	if len(days) != 7 || days[5] != "2026-01-15|1|0|0|" || days[6] != "2026-01-16|0|1|2|5.00 EUR, 9.80 USD" {
		t.Errorf("the days are %q", days)
	}

	w.clock.Advance(13 * 24 * time.Hour)
	refund := regexp.MustCompile(`/orders/\w+/refund`).FindAllString(carl.get("/account"), -1)
	if len(refund) != 2 {
		t.Fatalf("%d orders can have their money back", len(refund))
	}
	page = carl.post(refund[1])
	got := table(page, "orders")
	if got != "2026-01-16|Handbook||25.00 EUR|Money back\n2026-01-16|Team||49.00 USD|refunded" {
		t.Errorf("the orders are %q", got)
	}
	carl.post(refund[1]) // sent twice
	w.clock.Advance(24 * time.Hour)
	jane.shows("1|1|2", nothing+"\nEUR|5.00 EUR|0.00 EUR|5.00 EUR|0.00 EUR")

	// It is too late for the other one.
	if got := table(carl.get("/account"), "orders"); strings.Contains(got, "Money back") {
		t.Errorf("the orders are %q", got)
	}
	status, page := carl.do(http.MethodPost, refund[0], url.Values{})
	if status != http.StatusUnprocessableEntity || !strings.Contains(page, "for 14 days") {
		t.Errorf("%d %s", status, page)
	}
}

// The coupon of another partner takes its share off; the program's settings say who
// gets the credit.
func TestCoupons(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t)
	jane, bob := w.partner("jane"), w.partner("bob")
	carl := w.customer("carl", "/?ref=JANE")
	if got := table(carl.buy("Team", "bob10"), "orders"); got != "2026-01-15|Team|bob10|44.10 USD|Money back" {
		t.Errorf("the orders are %q", got)
	}
	jane.shows("1|1|1", "USD|8.82 USD|8.82 USD|0.00 USD|0.00 USD")
	bob.shows("0|0|0", nothing)

	_, err := w.shop.project.UpdateSettings(t.Context(), refgrow.UpdateSettingsParams{CouponFirst: new(true)})
	if err != nil {
		t.Fatal(err)
	}
	carl.buy("Team", "BOB10")
	jane.shows("1|1|1", "USD|8.82 USD|8.82 USD|0.00 USD|0.00 USD")
	bob.shows("0|0|1", "USD|8.82 USD|8.82 USD|0.00 USD|0.00 USD")

	// Whoever came through no link belongs to the owner of the coupon used.
	dora := w.customer("dora", "")
	dora.buy("Starter", "JANE10")
	jane.shows("1|1|2", "USD|10.44 USD|10.44 USD|0.00 USD|0.00 USD")
}

// A link of the program works like a link to the shop.
func TestRedirect(t *testing.T) {
	t.Parallel()
	w := setup(t)
	jane := w.partner("jane")
	carl := w.browser()
	if page := carl.get("/r/JANE"); !strings.Contains(page, "What we sell") {
		t.Errorf("it leads to %s", page)
	}
	if carl.cookie(tracking.CookieName) != "JANE" {
		t.Errorf("the cookie is %q", carl.cookie(tracking.CookieName))
	}
	jane.shows("1|0|0", nothing)
}

// The tour is tracked by the script, which comes from the shop itself.
func TestTour(t *testing.T) {
	t.Parallel()
	w := setup(t)
	jane, carl := w.partner("jane"), w.browser()
	if page := carl.get("/tour?ref=JANE"); !strings.Contains(page, `<script src="/refgrow.js" async></script>`) {
		t.Errorf("no script in %s", page)
	}
	carl.get("/refgrow.js")
	if carl.cookie(tracking.CookieName) != "" {
		t.Error("the tour is not left to the script")
	}
	jane.shows("0|0|0", nothing)
	// What the script sends.
	for _, origin := range []string{"https://elsewhere.example", w.shop.url} {
		status, _ := carl.do(http.MethodPost, "/refgrow/track", nil, "Origin", origin)
		if status != http.StatusAccepted {
			t.Errorf("%s: %d", origin, status)
		}
	}
}

func TestConsent(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t)
	jane := w.partner("jane")
	carl := w.browser()
	carl.get("/?ref=JANE")
	if page := carl.post("/consent", "choice", "no"); !strings.Contains(page, "We do not remember") {
		t.Errorf("%s", page)
	}
	carl.get("/?ref=JANE")
	if got := carl.cookie(tracking.CookieName); got != "" {
		t.Errorf("there is a cookie: %s", got)
	}
	if page := carl.get("/tour?ref=JANE"); strings.Contains(page, "<script") {
		t.Errorf("the script is in %s", page)
	}
	carl.post("/signup", "email", "carl@example.com", "password", "correct horse")
	jane.shows("1|0|0", nothing)

	dora := w.browser()
	if page := dora.post("/consent", "choice", "yes"); !strings.Contains(page, "We remember") {
		t.Errorf("%s", page)
	}
	dora.get("/?ref=JANE")
	if got := dora.cookie(tracking.CookieName); got != "JANE" {
		t.Errorf("the cookie is %q", got)
	}
}

// A form that is sent twice is one order.
func TestSentTwice(t *testing.T) {
	t.Parallel()
	w := setup(t)
	jane := w.partner("jane")
	carl := w.customer("carl", "/?ref=JANE")
	id := carl.orderID()
	var sent sync.WaitGroup
	for range 4 {
		sent.Go(func() { carl.post("/orders", "order", id, "product", "Team") })
	}
	sent.Wait()
	if got := table(carl.get("/account"), "orders"); got != "2026-01-15|Team||49.00 USD|Money back" {
		t.Errorf("the orders are %q", got)
	}
	jane.shows("1|1|1", "USD|9.80 USD|9.80 USD|0.00 USD|0.00 USD")

	// It cannot be somebody else's order, and then there is no order at all.
	dora := w.customer("dora", "")
	status, page := dora.do(http.MethodPost, "/orders", fields([]string{"order", id, "product", "Team"}))
	if status != http.StatusUnprocessableEntity {
		t.Errorf("%d %s", status, page)
	}
	if got := table(dora.get("/account"), "orders"); got != "" {
		t.Errorf("the orders are %q", got)
	}
	status, _ = dora.do(http.MethodPost, "/orders/"+id+"/refund", url.Values{})
	if status != http.StatusUnprocessableEntity {
		t.Errorf("somebody else's order is refunded: %d", status)
	}
	jane.shows("1|1|1", "USD|9.80 USD|9.80 USD|0.00 USD|0.00 USD")
}

// The customer gets the money back whatever became of the conversion.
func TestRefundOfNothing(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*refgrow.Project, int64) error{
		"deleted": func(p *refgrow.Project, id int64) error { return p.DeleteConversion(t.Context(), id) },
		"refunded": func(p *refgrow.Project, id int64) error {
			_, err := p.RefundConversion(t.Context(), id, refgrow.RefundConversionParams{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			carl := w.customer("carl", "")
			page := carl.buy("Team", "")
			list, err := w.shop.project.ListConversions(t.Context(),
				refgrow.ListConversionsParams{Type: refgrow.Purchase})
			if err != nil || len(list.Items) != 1 {
				t.Fatal(list, err)
			}
			if err := lose(w.shop.project, list.Items[0].ID); err != nil {
				t.Fatal(err)
			}
			page = carl.post(regexp.MustCompile(`/orders/\w+/refund`).FindString(page))
			if got := table(page, "orders"); got != "2026-01-15|Team||49.00 USD|refunded" {
				t.Errorf("the orders are %q", got)
			}
		})
	}
}

// The page says what is wrong, and nothing happens.
func TestMistakes(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t)
	w.partner("jane")
	carl := w.customer("carl", "")
	for name, c := range map[string]struct {
		as   *browser
		path string
		form []string
		says string
	}{
		"short password": {w.browser(), "/signup", []string{"email", "x@example.com", "password", "1234567"},
			"at least 8 characters"},
		"no email": {w.browser(), "/signup", []string{"email", "x", "password", "correct horse"}, "email"},
		"email taken": {w.browser(), "/signup", []string{"email", "Carl@Example.com", "password", "correct horse"},
			"with this email"},
		"wrong password": {w.browser(), "/login",
			[]string{"email", "carl@example.com", "password", "correct"}, "is wrong"},
		"nobody": {w.browser(), "/login",
			[]string{"email", "nobody@example.com", "password", ""}, "is wrong"},
		"unknown product": {carl, "/orders", []string{"order", newOrderID(), "product", "Moon"}, "do not sell"},
		"unknown coupon": {carl, "/orders", []string{"order", newOrderID(), "product", "Team", "coupon", "<b>"},
			"no coupon &lt;b&gt;"},
		"no order":         {carl, "/orders", []string{"product", "Team"}, "the form of this page"},
		"unknown order":    {carl, "/orders/1/refund", nil, "no such order"},
		"no word":          {carl, "/partner", nil, "choose a word"},
		"word taken":       {carl, "/partner", []string{"code", "jane"}, "referral_code"},
		"impossible word":  {carl, "/partner", []string{"code", "a b"}, "referral_code"},
		"too long for two": {carl, "/partner", []string{"code", strings.Repeat("x", 63)}, "coupon_code"},
	} {
		status, page := c.as.do(http.MethodPost, c.path, fields(c.form))
		_, said, _ := strings.Cut(page, `role="alert">`)
		said, _, _ = strings.Cut(said, "</p>")
		if status != http.StatusUnprocessableEntity || !strings.Contains(said, c.says) {
			t.Errorf("%s: %d, and it says %q in %s", name, status, said, page)
		}
	}
	for _, table := range []string{"orders", "refgrow_coupons WHERE code <> 'JANE10'",
		"refgrow_affiliates WHERE referral_code <> 'JANE'"} {
		var count int
		if err := w.shop.db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&count); err != nil ||
			count > 0 {
			t.Errorf("%s: %d %v", table, count, err)
		}
	}
}

// However an email is written, it is one account, because it is one customer of the
// program.
func TestOneEmailIsOneAccount(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t)
	mallory := w.partner("mallory")
	jack := w.customer("Jack", "") // comes through no link
	const written = " JAC\u212A@Example.com "
	other := w.browser()
	other.get("/?ref=MALLORY")
	form := fields([]string{"email", written, "password", "correct horse"})
	if status, page := other.do(http.MethodPost, "/signup", form); status != http.StatusUnprocessableEntity ||
		!strings.Contains(page, "with this email") {
		t.Errorf("%d %s", status, page)
	}
	page := other.post("/login", "email", written, "password", "correct horse")
	if !strings.Contains(page, "jack@example.com") {
		t.Errorf("it is not Jack's account: %s", page)
	}
	jack.buy("Team", "")
	mallory.shows("1|0|0", nothing)
}

func TestSessions(t *testing.T) {
	single(t)
	t.Parallel()
	w := setup(t)
	carl := w.customer("carl", "")
	logged := func(want bool) {
		t.Helper()
		page := carl.get("/account")
		if got := strings.Contains(page, "carl@example.com"); got != want ||
			got == strings.Contains(page, "<h1>Log in</h1>") {
			t.Errorf("logged in: %v, want %v: %s", got, want, page)
		}
	}
	logged(true)
	carl.post("/logout")
	logged(false)
	carl.post("/login", "email", "CARL@example.com", "password", "correct horse")
	logged(true)
	// No other site can do anything in a customer's name.
	status, _ := carl.do(http.MethodPost, "/logout", url.Values{}, "Sec-Fetch-Site", "cross-site")
	if status != http.StatusForbidden {
		t.Errorf("another site's form: %d", status)
	}
	logged(true)
	w.clock.Advance(sessionDays*24*time.Hour - time.Second)
	logged(true)
	w.clock.Advance(time.Second)
	logged(false)
	w.customer("dora", "") // whose session is the only one left
	var sessions int
	if err := w.shop.db.QueryRowContext(t.Context(), "SELECT count(*) FROM sessions").Scan(&sessions); err != nil ||
		sessions != 1 {
		t.Errorf("there are %d sessions: %v", sessions, err)
	}
}

func TestOtherPages(t *testing.T) {
	t.Parallel()
	w := setup(t)
	b := w.browser()
	if status, page := b.do(http.MethodGet, "/nowhere", nil); status != http.StatusNotFound ||
		!strings.Contains(page, "no such page") {
		t.Errorf("%d %s", status, page)
	}
	b.get("/style.css")
	b.get("/icon.svg")
	carl := w.customer("carl", "")
	if _, err := w.shop.db.ExecContext(t.Context(), "DROP TABLE orders"); err != nil {
		t.Fatal(err)
	}
	status, page := carl.do(http.MethodGet, "/account", nil)
	if status != http.StatusInternalServerError || !strings.Contains(page, "not your fault") ||
		strings.Contains(page, "no such table") {
		t.Errorf("%d %s", status, page)
	}
}

// With an address it serves until it is told to stop, here as soon as it has said
// what to try.
func TestServing(t *testing.T) {
	t.Parallel()
	for name, path := range map[string]string{"to try": "", "to keep": filepath.Join(t.TempDir(), "shop.db")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := &listener{heard: func(text string) {
				if path != "" || strings.Contains(text, "Ctrl-C") {
					cancel()
				}
			}}
			if err := start(ctx, out, "127.0.0.1:0", path); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(out.String(), "The shop is open at http://127.0.0.1:") ||
				(path == "") != strings.Contains(out.String(), "jane@example.com") {
				t.Errorf("it says %s", out)
			}
		})
	}
}

type listener struct {
	bytes.Buffer
	heard func(text string)
}

func (l *listener) Write(text []byte) (int, error) {
	l.heard(string(text))
	return l.Buffer.Write(text)
}

// single skips, in short mode, what takes long and does one thing after the other: CI
// looks for races in that mode, and has run these tests without it.
func single(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("does one thing after the other")
	}
}
