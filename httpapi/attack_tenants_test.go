package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
)

// TestAttackEveryRoute sends every route of the table everything that names a thing of
// another program: each id, email, code, reference and cursor, wherever a call takes
// one, which it learns from the API's own refusals. A second database, the same except
// that the victim is missing, gets the same calls: there these things never existed.
// The two have to answer alike, byte for byte, so that nothing reveals what others
// have, or that there are any. Ids are refused, every row of the victim stays as it
// was, and the attacker's rows are the same in both.
func TestAttackEveryRoute(t *testing.T) {
	t.Parallel()
	single(t)
	for _, victimFirst := range []bool{false, true} {
		t.Run(fmt.Sprintf("victim first %v", victimFirst), func(t *testing.T) {
			t.Parallel()
			if victimFirst && !fullAttack() {
				t.Skip("REFGROW_ATTACK=1 does it the other way round too")
			}
			w := &twins{with: besiege(t, true, victimFirst), without: besiege(t, false, victimFirst)}
			w.harvest(t)
			before := w.with.rowsOf(t, w.with.victim)
			for table, rows := range w.with.valuesOf(t, w.with.attacker) {
				// Nothing is left of an erasure that is done, and nothing is from before.
				if table != "refgrow_erasures" && table != "refgrow_old_names" && (len(rows) == 0 || len(before[table]) == 0) {
					t.Errorf("there is nothing of the attacker or of the victim in %s", table)
				}
			}
			// The very call that the victim made, with its Idempotency-Key.
			w.both(t, "victim-once", "POST", "/referrals", `{"email": "victim-once@example.com"}`,
				"Idempotency-Key", "victim-once").ok(t, 201)
			w.both(t, "", "DELETE", "/referrals/victim-once@example.com", "").ok(t, 204)
			known := attacks()
			// First what looks for the victim's things: later the attacker has things
			// of the same names.
			for _, step := range []func(*testing.T, string, string, attack){
				w.lookAround, w.attackPath, w.attackQuery, w.attackBody, w.destroy,
			} {
				for _, route := range inOrder(httpapi.Routes()) {
					name := route[0] + " " + route[1]
					attack, found := known[name]
					if !found {
						t.Fatalf("nobody knows how to attack %s", name)
					}
					step(t, route[0], route[1], attack)
					if fullAttack() {
						same(t, name+" has changed", w.with.rowsOf(t, w.with.victim), before)
					}
				}
				same(t, "the attack has changed", w.with.rowsOf(t, w.with.victim), before)
			}
			if n := len(httpapi.Routes()); n != len(known) {
				t.Errorf("there are %d routes, and attacks on %d", n, len(known))
			}
			w.attackFresh(t)
			same(t, "a fresh program has changed", w.with.rowsOf(t, w.with.victim), before)
			same(t, "the victim has made a difference to", w.with.rowsOf(t, w.with.attacker, made()...),
				w.without.rowsOf(t, w.without.attacker, made()...))
			for _, s := range []*siege{w.with, w.without} {
				report, err := s.engine.Verify(t.Context())
				if must(t, err); len(report.Differences) > 0 {
					t.Errorf("the books: %v", report.Differences)
				}
			}
			t.Logf("%d calls with %d ids, %d texts and %d cursors of the victim",
				w.calls, len(w.ids), len(w.texts), len(w.cursors))
		})
	}
}

// inOrder puts calls that look for names before those that set them: a name that the
// attacker set leads to the attacker's own.
func inOrder(routes [][2]string) [][2]string {
	first := []string{"/clicks", "/refunds", "/conversions"}
	slices.SortStableFunc(routes, func(a, b [2]string) int {
		return slices.Index(first, b[1]) - slices.Index(first, a[1])
	})
	return routes
}

// same compares rows by their tables.
func same(t *testing.T, what string, got, want map[string][]string) {
	t.Helper()
	for table := range want {
		if !slices.Equal(got[table], want[table]) {
			t.Fatalf("%s %s:\n%s\nwas\n%s",
				what, table, strings.Join(got[table], "\n"), strings.Join(want[table], "\n"))
		}
	}
}

// made are the columns with something random in them, and one with the id of anybody's
// last event.
func made() []string {
	return strings.Fields(`refgrow_api_keys.public_id refgrow_api_keys.secret_hash refgrow_api_keys.secret_check
		refgrow_webhooks.secret refgrow_webhooks.former_secret refgrow_clicks.address refgrow_webhooks.starts_after`)
}

// twins are two databases that get the same calls; one has a victim in it.
type twins struct {
	with, without       *siege
	ids, texts, cursors []string // what names things of the victim
	n, calls            int
}

// harvest finds everything that names a thing of the victim, in its rows and in what
// the API shows its own key. The short form keeps one text of each column.
func (w *twins) harvest(t *testing.T) {
	t.Helper()
	ids, texts := map[string]bool{}, map[string]bool{}
	for _, rows := range w.with.valuesOf(t, w.with.victim) {
		kept := map[string]bool{} // columns
		for _, row := range rows {
			for column, value := range row {
				switch value := value.(type) {
				case int64:
					if (column == "id" || strings.HasSuffix(column, "_id")) &&
						firstOfVictim <= value && value < afterVictim {
						ids[strconv.FormatInt(value, 10)] = true
					}
				case string:
					// Rows have words of ours too, such as "active".
					if ofVictim.MatchString(value) &&
						(fullAttack() || !kept[column] || column == "email" || column == "code") {
						texts[value], kept[column] = true, true
					}
				}
			}
		}
	}
	w.ids, w.texts = slices.Sorted(maps.Keys(ids)), slices.Sorted(maps.Keys(texts))
	if len(w.ids) < 10 || w.ids[0] != strconv.Itoa(firstOfVictim) || len(w.texts) < 30 {
		t.Fatalf("the victim has the ids %v and the texts %q", w.ids, w.texts)
	}
	show := func(path string) reply {
		return w.with.do(t, "GET", path, "", "Authorization", "Bearer "+w.with.victimKey).ok(t, 200)
	}
	lists := strings.Fields(
		"/affiliates /conversions /referrals /coupons /payouts /payouts/runs /webhooks " +
			"/affiliates/victim-jane@example.com/ledger")
	for _, hook := range show("/webhooks").items() {
		lists = append(lists, "/webhooks/"+asText(hook["id"])+"/deliveries")
	}
	for _, list := range lists {
		if cursor := text(show(list + "?limit=1").pagination()["next_cursor"]); cursor != "" {
			w.cursors = append(w.cursors, cursor)
		}
	}
	if len(w.cursors) < 8 {
		t.Fatalf("the victim has the cursors %q", w.cursors)
	}
}

// ofVictim finds a text or an id of the victim.
var ofVictim = regexp.MustCompile(`(?i)victim|"[a-z_]*id":"?5[0-9]{3}\b`)

// lookAround calls what the attacker may call.
func (w *twins) lookAround(t *testing.T, method, pattern string, a attack) {
	t.Helper()
	if method == http.MethodDelete {
		return
	}
	path := w.path(t, pattern, a.own)
	for _, body := range append([]string{""}, a.bodies...) {
		if body == "" && method != http.MethodGet {
			continue
		}
		for _, variant := range w.variants(t, method, path, a) {
			got := w.both(t, "", method, path+"?"+a.query+"&"+variant, w.filled(t, body))
			if ofVictim.Match(got.body) || got.status >= 300 {
				t.Fatalf("%s %s %s: %d %s", method, path, body, got.status, got.body)
			}
		}
	}
}

// variants are queries that a call takes in addition to the one it must have: parts of
// a list, and filters that select a part whose length has to be counted.
func (w *twins) variants(t *testing.T, method, path string, a attack) []string {
	t.Helper()
	all := []string{""}
	if method != http.MethodGet {
		return all
	}
	taken := w.discover(t, method, path+"?no_such_thing=1&"+a.query, "")
	for _, variant := range []string{
		"limit=1", "limit=1&offset=1", "limit=2&offset=1000", "limit=1&from=2020-01-01&to=2030-01-01",
		"limit=1&type=purchase", "limit=1&paid=false",
		"limit=1&coupon_code=o", "from=2026-01-01", "as_of=2026-01-15",
	} {
		fits := true
		for parameter := range strings.SplitSeq(variant, "&") {
			name, _, _ := strings.Cut(parameter, "=")
			fits = fits && slices.Contains(taken, name)
		}
		if fits {
			all = append(all, variant)
		}
	}
	return all
}

// destroy deletes what is the attacker's own.
func (w *twins) destroy(t *testing.T, method, pattern string, a attack) {
	t.Helper()
	if method == http.MethodDelete {
		w.both(t, "", method, w.path(t, pattern, a.own), "").ok(t, 204)
	}
}

// attackPath names everything in the path of a route.
func (w *twins) attackPath(t *testing.T, method, pattern string, a attack) {
	t.Helper()
	before, kind, after, found := brokenUp(pattern)
	if !found {
		return
	}
	for i, given := range slices.Concat(w.ids, w.texts) {
		status := http.StatusNotFound
		if i >= len(w.ids) && (kind == "id" || !strings.HasSuffix(given, "@example.com")) {
			status = http.StatusBadRequest // a text is not an id, nor a code an email
		}
		for _, body := range append(slices.Clone(a.bodies), "")[:max(len(a.bodies), 1)] {
			path := before + url.PathEscape(given) + after + "?" + a.query
			w.both(t, given, method, path, w.filled(t, body)).ok(t, status)
			if method == http.MethodGet {
				w.both(t, given, http.MethodHead, path, "").ok(t, status)
			}
		}
	}
}

// brokenUp takes a pattern apart at what it has in braces.
func brokenUp(pattern string) (before, kind, after string, found bool) {
	before, rest, found := strings.Cut(pattern, "{")
	kind, after, _ = strings.Cut(rest, "}")
	return before, kind, after, found
}

// path is a pattern with something of the attacker's in it.
func (w *twins) path(t *testing.T, pattern, own string) string {
	t.Helper()
	before, kind, after, _ := brokenUp(pattern)
	if kind == "id" {
		own = w.mine(t, own)
	}
	return before + own + after
}

// mine is the id of the newest, or else of the oldest, thing in a list of the
// attacker's.
func (w *twins) mine(t *testing.T, list string) string {
	t.Helper()
	list, oldest := strings.CutPrefix(list, "oldest ")
	items := w.with.do(t, "GET", "/"+list, "").ok(t, 200).items()
	if len(items) == 0 {
		t.Fatalf("the attacker has no %s", list)
	}
	if oldest {
		return asText(items[len(items)-1]["id"])
	}
	return asText(items[0]["id"])
}

// discover asks a call what it takes, by sending it something that it does not.
func (w *twins) discover(t *testing.T, method, path, body string) (names []string) {
	t.Helper()
	says := text(w.with.do(t, method, path, w.filled(t, body)).ok(t, 400).json["error"])
	if !strings.HasPrefix(says, "no_such_thing: ") {
		t.Fatalf("%s %s %s: %s", method, path, body, says)
	}
	if _, taken, found := strings.Cut(says, "which takes "); found && taken != "none" {
		names = strings.Split(taken, ", ")
	}
	return names
}

// attackQuery names everything in the parameters of a route's query.
func (w *twins) attackQuery(t *testing.T, method, pattern string, a attack) {
	t.Helper()
	path, body := w.path(t, pattern, a.own), ""
	if len(a.bodies) > 0 {
		body = a.bodies[0]
	}
	for _, parameter := range w.discover(t, method, path+"?no_such_thing=1&"+a.query, body) {
		send := func(given string) reply {
			query, err := url.ParseQuery(a.query)
			must(t, err)
			query.Set(parameter, given)
			return w.both(t, given, method, path+"?"+query.Encode(), w.filled(t, body))
		}
		switch meanings()[parameter] {
		case namesID:
			for _, id := range w.ids {
				if got := send(id).ok(t, 200); len(got.items()) != 0 {
					t.Errorf("%s by %s lists %s", parameter, id, got.body)
				}
			}
		case namesText:
			for _, text := range w.texts {
				if got := send(text); len(got.items()) != 0 {
					t.Errorf("%s by %s lists %s", parameter, text, got.body)
				}
			}
		case namesCursor:
			for _, cursor := range w.cursors {
				send(cursor).refused(t, 400, "invalid", "cursor")
			}
		case namesNobody:
		case namesCodes, unknown:
			t.Errorf("nobody knows what ?%s means to %s %s", parameter, method, pattern)
		}
	}
}

// attackBody names everything in the fields of bodies that are otherwise accepted.
func (w *twins) attackBody(t *testing.T, method, pattern string, a attack) {
	t.Helper()
	if len(a.bodies) == 0 {
		return
	}
	path := w.path(t, pattern, a.own)
	for _, field := range w.discover(t, method, path, `{"no_such_thing": 1}`) {
		for _, body := range a.bodies {
			send := func(given string, value any) reply {
				return w.both(t, given, method, path, w.saying(t, body, field, value))
			}
			meaning := meanings()[field]
			if field == "from" { // which is an instant in a query
				meaning = namesID
			}
			switch meaning {
			case namesID:
				for _, id := range w.ids {
					send(id, json.Number(id)).ok(t, 404)
				}
			case namesText:
				for _, text := range w.texts {
					got := send(text, text)
					if method+" "+path+" "+field == "PUT /project name" {
						// The names of programs are the one thing that all share, as they
						// share the URLs of their referral links: no key can try them out.
						got.refused(t, 403, "name_fixed", "name")
					}
				}
			case namesCodes:
				for _, text := range w.texts {
					send(text,
						[]any{map[string]any{"referral_code": "attacker-BOB"}, map[string]any{"referral_code": text}})
				}
			case namesNobody:
			case namesCursor, unknown:
				t.Errorf("nobody knows what %s means to %s %s", field, method, pattern)
			}
		}
	}
}

// saying is a body with one field that says something else. Fields that exclude it are
// left out.
func (w *twins) saying(t *testing.T, body, field string, value any) string {
	t.Helper()
	members := map[string]any{}
	decoder := json.NewDecoder(strings.NewReader(w.filled(t, body)))
	decoder.UseNumber()
	must(t, decoder.Decode(&members))
	switch field {
	case "delivery_id":
		delete(members, "since")
	case "conversion_id":
		delete(members, "reference")
	case "clicks":
		clear(members)
	}
	if members["clicks"] != nil {
		delete(members, "clicks")
		members["referral_code"] = "attacker-JANE"
	}
	members[field] = value
	text, err := json.Marshal(members)
	must(t, err)
	return string(text)
}

// filled completes a body.
func (w *twins) filled(t *testing.T, body string) string {
	t.Helper()
	w.n++
	body = strings.ReplaceAll(body, "{n}", strconv.Itoa(w.n))
	if strings.Contains(body, "{affiliates}") {
		body = strings.ReplaceAll(body, "{affiliates}", w.mine(t, "affiliates"))
	}
	if strings.Contains(body, "{referrals}") {
		body = strings.ReplaceAll(body, "{referrals}", w.mine(t, "referrals"))
	}
	return body
}

// random matches what the engine generates, which differs between the twins.
var random = regexp.MustCompile(`whsec_[A-Za-z0-9+/=]{44}`)

// both sends a call to both, and compares the answers: except for given, which may come
// back, nothing of the victim's is in them.
func (w *twins) both(t *testing.T, given, method, path, body string, headers ...string) reply {
	t.Helper()
	w.calls++
	got, want := w.with.do(t, method, path, body, headers...), w.without.do(t, method, path, body, headers...)
	if got.status != want.status || !bytes.Equal(random.ReplaceAll(got.body, nil), random.ReplaceAll(want.body, nil)) {
		t.Fatalf("%s %s %s reveals whether there is a victim:\n%d %s\n%d %s",
			method, path, body, got.status, got.body, want.status, want.body)
	}
	for name, values := range got.header {
		if name != "X-Request-Id" && !slices.Equal(values, want.header[name]) {
			t.Fatalf("%s %s %s reveals whether there is a victim: %s is %q, else %q",
				method, path, body, name, values, want.header[name])
		}
	}
	if got.status >= 500 || got.status >= 400 && ofVictim.Match(bytes.ReplaceAll(got.body, []byte(given), nil)) {
		t.Fatalf("%s %s %s: %d %s", method, path, body, got.status, got.body)
	}
	return got
}

// attackFresh changes what can only be changed while nothing has been earned.
func (w *twins) attackFresh(t *testing.T) {
	t.Helper()
	for _, s := range []*siege{w.with, w.without} {
		fresh := s.project(t, "fresh", refgrow.Settings{Commission: refgrow.Percent("10")})
		_, err := fresh.CreateRule(t.Context(),
			refgrow.CreateRuleParams{Product: "book", Commission: refgrow.Percent("20")})
		must(t, err)
		_, err = fresh.RecordConversion(t.Context(), refgrow.RecordConversionParams{Type: refgrow.Signup})
		must(t, err)
		_, err = fresh.UpdateSettings(t.Context(),
			refgrow.UpdateSettingsParams{Currency: new(refgrow.Settings{Currency: "EUR"}.Currency)})
		must(t, err)
	}
}
