package interop

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
)

const nobody = "0.00 USD"

// People with a browser visit the shop of examples/saas, and a static site that uses
// the script. One after the other: there is one browser, and nothing else runs in a
// hurry alongside it.
func TestBrowser(t *testing.T) {
	d := newDriver(t)
	t.Run("shop", func(t *testing.T) { tryShop(t, d) })
	t.Run("site", func(t *testing.T) { trySite(t, d) })
}

func tryShop(t *testing.T, d *driver) {
	file := filepath.Join(t.TempDir(), "shop.db")
	shop := openShop(t, file)
	engine := look(t, file)
	project, err := engine.Project(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	p := &onlooker{engine: engine, project: project,
		click: func(t *testing.T, code string) { fetch(t, http.MethodGet, shop+"/?ref="+code, "", "") }}

	// The whole story, with a partner who looks at the account page.
	for name, javaScript := range map[string]bool{"with JavaScript": true, "without JavaScript": false} {
		t.Run(name, func(t *testing.T) {
			code := strings.ReplaceAll(name, " ", "-")
			partner := code + "@example.com"
			joined := d.live(t, "joins", javaScript, needs{"shop": shop, "code": code, "email": partner})
			same(t, "the link", joined.Link, shop+"/?ref="+code)

			customer := needs{"shop": shop, "code": code, "email": "customer-of-" + partner}
			bought := d.live(t, "buys", javaScript, customer)
			same(t, "the cookie", bought.Cookie, remembered(code, "127.0.0.1"))
			same(t, "the orders", bought.undated(), []string{"Team||49.00 USD|Money back"})
			p.settle(t)
			looked := d.live(t, "looks", javaScript, needs{"shop": shop, "email": partner})
			same(t, "the totals", looked.Totals, []string{"1|1|1"})
			same(t, "the balances", looked.Balances, []string{"USD|9.80 USD|9.80 USD|0.00 USD|0.00 USD"})
			same(t, "the days", sum(t, looked.Days), []int{1, 1, 1})

			returned := d.live(t, "returns", javaScript, customer)
			same(t, "the orders", returned.undated(), []string{"Team||49.00 USD|refunded"})
			looked = d.live(t, "looks", javaScript, needs{"shop": shop, "email": partner})
			same(t, "the totals", looked.Totals, []string{"1|1|1"})
			same(t, "the balances", looked.Balances, []string{"USD|0.00 USD|0.00 USD|0.00 USD|0.00 USD"})
		})
	}

	t.Run("coupons", func(t *testing.T) {
		d.live(t, "joins", true, needs{"shop": shop, "code": "BOB", "email": "bob@example.com"})
		bob, err := p.project.AffiliateByCode(t.Context(), "BOB")
		if err != nil {
			t.Fatal(err)
		}
		jane := p.affiliate(t, "JANE")
		for i, c := range []struct {
			couponFirst bool
			jane, bob   numbers
		}{
			{false, numbers{1, 1, 1, "8.82 USD"}, numbers{0, 0, 0, nobody}},
			// The visit comes from the same address within 30 minutes.
			{true, numbers{1, 2, 1, "8.82 USD"}, numbers{0, 0, 1, "8.82 USD"}},
		} {
			p.set(t, refgrow.UpdateSettingsParams{CouponFirst: &c.couponFirst})
			bought := d.live(t, "buys", true, needs{"shop": shop,
				"code": "JANE", "coupon": "BOB10", "email": fmt.Sprintf("couple-%d@example.com", i)})
			same(t, "the orders", bought.undated(), []string{"Team|BOB10|44.10 USD|Money back"})
			p.expect(t, jane, c.jane)
			p.expect(t, bob.ID, c.bob)
		}
	})

	t.Run("consent", func(t *testing.T) {
		dora := p.affiliate(t, "DORA")
		bought := d.live(t, "buys", true,
			needs{"shop": shop, "code": "DORA", "email": "shy@example.com", "refuses": true})
		same(t, "the cookie", bought.Cookie, (*cookie)(nil))
		p.expect(t, dora, numbers{1, 0, 0, nobody})

		later := d.live(t, "refusesLater", true, needs{"shop": shop, "code": "DORA", "email": "fickle@example.com"})
		same(t, "the cookie before", later.Before, remembered("DORA", "127.0.0.1"))
		same(t, "the cookie", later.Cookie, (*cookie)(nil))
	})

	t.Run("script", func(t *testing.T) {
		erik := p.affiliate(t, "ERIK")
		toured := d.live(t, "tours", true, needs{"shop": shop, "code": "ERIK", "email": "tourist@example.com"})
		same(t, "the message", toured.Message, message{"click", http.StatusAccepted})
		same(t, "the cookie", toured.Cookie, remembered("ERIK", "127.0.0.1"))
		if toured.Control == 0 {
			t.Error("a script inside the page would not be noticed")
		}
		p.expect(t, erik, numbers{1, 1, 0, nobody})
	})
}

// sum adds up the clicks, signups and purchases of all days, since it may be midnight
// any moment.
func sum(t *testing.T, days []string) []int {
	t.Helper()
	total := make([]int, 3)
	for _, day := range days {
		var n [3]int
		_, counts, _ := strings.Cut(day, "|")
		if _, err := fmt.Sscanf(strings.ReplaceAll(counts, "|", " "), "%d %d %d", &n[0], &n[1], &n[2]); err != nil {
			t.Errorf("%q: %v", day, err)
		}
		for i := range n {
			total[i] += n[i]
		}
	}
	return total
}

func trySite(t *testing.T, d *driver) {
	file := filepath.Join(t.TempDir(), "refgrow.db")
	engine := look(t, file)
	project, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{Commission: refgrow.Percent("20")})
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := engine.CreateKey(t.Context(), project, refgrow.CreateKeyParams{})
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(t, key, released(t, file))
	home, stranger := newSite(t, server.url), newSite(t, server.url)
	p := &onlooker{engine: engine, project: project, click: func(t *testing.T, code string) {
		fetch(t, http.MethodPost, server.url+"/refgrow/track?project=shop", home, `{"type":"click","code":"`+code+`"}`)
	}}
	p.set(t, refgrow.UpdateSettingsParams{AllowedOrigins: &[]string{home}})

	t.Run("own", func(t *testing.T) {
		jane := p.affiliate(t, "JANE")
		claimed := d.live(t, "claims", true, needs{"site": home, "code": "JANE", "email": "Carl@example.com"})
		same(t, "the cookie", claimed.Cookie, remembered("JANE", "localhost"))
		same(t, "the messages", claimed.Messages,
			[]message{{"click", http.StatusAccepted}, {"signup", http.StatusAccepted}})
		// What a browser says is only a claim.
		p.expect(t, jane, numbers{1, 0, 0, nobody})
		p.expectRecords(t, 0)

		// It is worth something once somebody with a key names that customer.
		for i, c := range []struct {
			body      string
			affiliate int64
		}{
			{`{"type":"signup","email":"carl@example.com","reference":"1"}`, jane},
			{`{"type":"purchase","email":"carl@example.com",
				"base_value":49,"base_value_currency":"USD","reference":"2"}`, jane},
			{`{"type":"signup","email":"someone@example.com","reference":"3"}`, 0},
		} {
			answer := must[struct {
				AffiliateID int64 `json:"affiliate_id"`
			}](server, http.MethodPost, "/conversions", "", c.body, http.StatusCreated)
			if answer.AffiliateID != c.affiliate {
				t.Errorf("%d: affiliate %d gets the credit, want %d", i, answer.AffiliateID, c.affiliate)
			}
		}
		p.expect(t, jane, numbers{1, 1, 1, "9.80 USD"})
	})

	t.Run("stranger", func(t *testing.T) {
		bob := p.affiliate(t, "BOB")
		claimed := d.live(t, "claims", true, needs{"site": stranger, "code": "BOB", "email": "dora@example.com"})
		same(t, "the messages", claimed.Messages, []message{{"click", 0}, {"signup", 0}})
		answer := must[struct {
			AffiliateID int64 `json:"affiliate_id"`
		}](server, http.MethodPost, "/conversions", "", `{"type":"signup","email":"dora@example.com"}`,
			http.StatusCreated)
		if answer.AffiliateID != 0 {
			t.Errorf("affiliate %d gets the credit", answer.AffiliateID)
		}
		p.expect(t, bob, numbers{0, 0, 0, nobody})
	})
}

// remembered is the cookie that a link sets.
func remembered(code, domain string) *cookie {
	return &cookie{Value: code, Path: "/", Domain: domain, SameSite: "Lax", Days: 60}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %s, want %s", what, shown(got), shown(want))
	}
}

func shown(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
