package tracking_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/tracking"
)

// pages is a browser for the script: it visits the pages of each journey, one after the
// other, then signs up, and says what is in the cookies and what was sent last.
const pages = `
const vm = require("vm"), given = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(given.journeys.map((searches) => {
  const jar = {}, sent = [];
  const fetch = (url, message) => { sent.push(message.body); return Promise.resolve(); };
  const document = {
    currentScript: { src: "https://r.example/refgrow.js" }, referrer: "", addEventListener() {},
    get cookie() { return Object.entries(jar).map(([name, value]) => name + "=" + value).join("; "); },
    set cookie(text) { const [, name, value] = text.match(/^([^=]+)=([^;]*)/); jar[name] = value; },
  };
  let window;
  for (const search of searches) {
    window = { fetch };
    const location = { search, hostname: "shop.example", protocol: "https:", href: "https://shop.example/" + search };
    vm.runInNewContext(given.script, { document, window, fetch, location, JSON, String, RegExp });
  }
  window.Refgrow(1, "signup", "carl@example.com");
  return { code: jar.refgrow_ref_code || "", seen: jar.refgrow_ref_seen || "", claim: sent.at(-1) };
})));`

// Whatever codes a browser came with, in whatever order: a backend that passes on what
// is in the cookies, the middleware, a click and a claim all credit the affiliate that
// the touch asks for, and nobody's code stands in the way.
func TestJourneys(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node to run the script")
	}
	var journeys [][]string
	codes := []string{"JANE", "BOB", "INA", "NOBODY", "ghost-newsletter"}
	longer := [][]string{nil}
	for range 3 {
		before := longer
		longer = nil
		for _, journey := range before {
			for _, code := range codes {
				longer = append(longer, append(slices.Clone(journey), code))
			}
		}
		journeys = append(journeys, longer...)
	}
	journeys = append(journeys, []string{"JANE", "one", "two", "three", "four", "five", "six"},
		[]string{"one", "two", "JANE", "BOB", "JANE", "two", "three", "four", "BOB", "one"})
	for _, touch := range []refgrow.Touch{refgrow.TouchLast, refgrow.TouchFirst} {
		t.Run(string(touch), func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			w.touch(touch)
			tracker := w.tracker(tracking.Options{})
			searches := make([][]string, len(journeys))
			for i, journey := range journeys {
				for _, code := range journey {
					searches[i] = append(searches[i], "?ref="+code)
				}
			}
			input, err := json.Marshal(map[string]any{"journeys": searches,
				"script": serve(http.HandlerFunc(tracker.ServeScript), w.request("GET", "/refgrow.js")).Body.String()})
			w.ok(err)
			command := exec.CommandContext(t.Context(), node, "-e", pages)
			command.Stdin = bytes.NewReader(input)
			output, err := command.Output()
			if err != nil {
				t.Fatal(err)
			}
			var held []struct{ Code, Seen, Claim string }
			w.ok(json.Unmarshal(output, &held))
			for i, journey := range journeys {
				w := &world{TB: t, shop: w.shop, engine: w.engine, visitors: w.visitors, jane: w.jane, bob: w.bob}
				w.journey(tracker, journey, touch, held[i].Code, held[i].Seen, held[i].Claim)
			}
		})
	}
}

func (w *world) journey(tracker *tracking.Tracker, journey []string, touch refgrow.Touch, code, seen, claim string) {
	w.Helper()
	if code != journey[0] {
		w.Errorf("after %v the cookie is %s", journey, code)
	}
	if alone := !slices.ContainsFunc(journey, func(c string) bool { return c != code }); alone != (seen == "") {
		w.Errorf("after %v the codes %q are kept", journey, seen)
	}
	var want int64
	for _, c := range journey {
		if of := map[string]int64{"JANE": w.jane, "BOB": w.bob}[c]; of != 0 && (want == 0 || touch == refgrow.TouchLast) {
			want = of
		}
	}
	pass := code
	if seen != "" {
		pass = seen
	}
	record := func(how, code, email string) {
		c, err := w.shop.RecordConversion(w.Context(), refgrow.RecordConversionParams{
			Type: refgrow.Purchase, BaseValue: money.MustParse("10 USD"), ReferralCode: code,
			Customer: refgrow.Customer{Email: email},
		})
		w.ok(err)
		if c.AffiliateID != want || c.ReferralCode != code {
			w.Errorf("after %v, touch %s: %s %q credits %d, not %d, and shows %q", journey, touch, how, code,
				c.AffiliateID, want, c.ReferralCode)
		}
	}
	record("a backend with", pass, "")
	r := w.request("GET", "/account")
	r.AddCookie(&http.Cookie{Name: tracking.CookieName, Value: code})
	if seen != "" {
		r.AddCookie(&http.Cookie{Name: tracking.SeenCookieName, Value: seen})
	}
	record("the middleware with", visit(tracker, r).attribution.ReferralCode, "")
	counts, err := w.shop.RecordClicks(w.Context(), []refgrow.Click{{ReferralCode: pass}})
	w.ok(err)
	if (counts.Counted == 1) != (want != 0) {
		w.Errorf("after %v a click with %q: %+v", journey, pass, counts)
	}
	email := fmt.Sprintf("carl-%d@example.com", w.visitors.Add(1))
	serve(http.HandlerFunc(tracker.ServeTrack), w.message(other, strings.Replace(claim, "carl@example.com", email, 1)))
	record("a claim and", "", email)
	email = "again-" + email
	w.ok(w.shop.ClaimSignup(w.Context(), email, pass))
	record("a claim and the stale code", "stale.NOBODY", email)
}
