package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/money"
	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A departure is how somebody goes.
type departure struct{ name, method, path, route string }

// departures go by an email, and by an id.
func departures() []departure {
	return []departure{
		{"an affiliate is erased", "POST", "/affiliates/{jane}/erase", "/affiliates/{email}/erase"},
		{"an affiliate is deleted", "DELETE", "/affiliates/<jane.email.2>", "/affiliates/{email}"},
		{"a customer is erased", "POST", "/referrals/<carl.email.2>/erase", "/referrals/{email}/erase"},
		{"a customer is deleted", "DELETE", "/referrals/{carl}", "/referrals/{email}"},
	}
}

// TestNothingIsKeptOfWhoIsGone puts a canary, a text that is nowhere else, into every
// field and parameter of the API that takes a text. Then somebody is erased or deleted,
// and all canaries of that person have to be gone: from each column of each table, from
// the bytes of the file and its log, from a backup, from what endpoints are sent, from
// what any call shows, and from a repeated call's answer. What is rightly kept is listed
// with the reason. No canary is ever in the program's log.
func TestNothingIsKeptOfWhoIsGone(t *testing.T) {
	single(t)
	t.Parallel()
	for _, how := range departures() {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			c := newCage(t)
			c.callAll(t)
			c.checkStored(t)
			late := c.claim(t, c.hook(t, 0)) // under way
			gone := c.call(t, told{name: "gone", text: how.method + " " + how.path})
			if gone.status >= 300 {
				t.Fatalf("%s: %d %s", how.name, gone.status, gone.body)
			}
			for _, a := range late {
				c.finish(t, a, refgrow.AttemptRetry)
			}
			found := make(map[string][]string) // places by canary
			add := func(place string, text []byte) {
				for _, name := range c.in(text) {
					if !slices.Contains(found[name], place) {
						found[name] = append(found[name], place)
					}
				}
			}
			c.columns(t, add)
			c.bytes(t, add)
			c.shown(t, add)
			c.repeated(t, add)
			c.requests(t, add)
			c.columns(t, add)
			c.judge(t, how.name, found)
			report, err := c.engine.Verify(t.Context())
			if must(t, err); len(report.Differences) > 0 {
				t.Errorf("the books: %v", report.Differences)
			}
			if names := c.in(c.log.Bytes()); len(names) > 0 {
				t.Errorf("the log has %s:\n%s", names, c.log.Bytes())
			}
		})
	}
}

// judge compares where canaries are with where they may be.
func (c *cage) judge(t *testing.T, departure string, found map[string][]string) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(c.canaries)) {
		why := keptBecause(departure, name)
		places := found[name]
		inTable := slices.ContainsFunc(places, func(place string) bool { return strings.HasPrefix(place, "refgrow_") })
		switch {
		case why == "" && len(places) > 0:
			t.Errorf("%s is still in %s", name, strings.Join(places, ", "))
		case why != "" && !inTable && neverStored(name) == "" && !goneWithTheRow(departure, name):
			t.Errorf("%s is gone, although it is to be kept: %s", name, why)
		}
	}
}

// Everything that takes a text has a canary, or a reason why none is needed: a new route
// or a new field fails here until it is considered.
func TestEveryTextHasACanary(t *testing.T) {
	single(t)
	t.Parallel()
	c := newCage(t)
	calls := canaryCalls()
	used := make(map[string]bool)
	for _, k := range calls {
		for _, field := range k.fields(t) {
			used[field] = true
		}
	}
	for _, route := range httpapi.Routes() {
		name := route[0] + " " + route[1]
		at := strings.NewReplacer("{email}", "1", "{id}", "1").Replace(route[1])
		var fields []string
		switch route[0] {
		case http.MethodGet:
			fields = c.taken(t, route[0], at+"?no_such_thing=1&"+queryOf(route[1]), "", "")
		case http.MethodPost, http.MethodPut:
			fields = c.taken(t, route[0], at, `{"no_such_thing": 1}`, "")
			for _, field := range slices.Clone(fields) {
				for _, inner := range c.inside(t, route[0], at, field) {
					fields = append(fields, field+"."+inner)
				}
			}
		}
		if !slices.ContainsFunc(calls, func(k told) bool { return k.route() == name }) && route[0] != http.MethodGet &&
			!slices.ContainsFunc(departures(), func(d departure) bool { return d.method+" "+d.route == name }) {
			t.Errorf("nothing calls %s", name)
		}
		for _, field := range fields {
			switch why, said := takesNoText()[field[strings.LastIndex(field, ".")+1:]]; {
			case used[name+" "+field]:
			case !said:
				t.Errorf("no canary is in the field %s of %s", field, name)
			case why == "":
				t.Errorf("%s of %s takes no text, but why?", field, name)
			}
		}
	}
}

// taken are the fields, or the parameters, that a call says it takes.
func (c *cage) taken(t *testing.T, method, path, body, inside string) []string {
	t.Helper()
	got := c.do(t, method, path, body)
	says := text(got.json["error"])
	if !strings.HasPrefix(says, inside+"no_such_thing: ") {
		if inside != "" {
			return nil
		}
		t.Fatalf("%s %s %s: %s", method, path, body, says)
	}
	if _, taken, found := strings.Cut(says, "which takes "); found && taken != "none" {
		return strings.Split(taken, ", ")
	}
	return nil
}

// inside are the fields of the objects in a field.
func (c *cage) inside(t *testing.T, method, path, field string) (inner []string) {
	t.Helper()
	const nothing = `{"no_such_thing": 1}`
	inner = append(c.taken(t, method, path, `{"`+field+`": `+nothing+`}`, field+"."),
		c.taken(t, method, path, `{"`+field+`": [`+nothing+`]}`, field+"[0].")...)
	for _, deeper := range slices.Clone(inner) {
		body := `{"` + field + `": {"` + deeper + `": ` + nothing + `}}`
		for _, name := range c.taken(t, method, path, body, field+"."+deeper+".") {
			inner = append(inner, deeper+"."+name)
		}
	}
	return inner
}

// A cage is a program on a file, with canaries in all that it was told.
type cage struct {
	*world
	file     *sqlite.DB
	path     string
	log      *bytes.Buffer
	canaries map[string]canary
	ids      map[string]string // by the names of calls
	sent     []sentOnce
}

// sentOnce is a call with an Idempotency-Key.
type sentOnce struct{ name, path, body, key string }

func newCage(t *testing.T) *cage {
	t.Helper()
	c := &cage{
		path: refgrowtest.File(t), log: new(bytes.Buffer), canaries: make(map[string]canary), ids: make(map[string]string),
	}
	var err error
	c.file, err = sqlite.Open(t.Context(), c.path, sqlite.Options{Durability: sqlite.Normal})
	must(t, err)
	t.Cleanup(func() { must(t, c.file.Close()) })
	logger := slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	clock := refgrowtest.NewClock()
	engine, err := refgrow.New(t.Context(), c.file, refgrow.Config{Now: clock.Now, Logger: logger})
	must(t, err)
	t.Cleanup(func() { must(t, engine.Close(t.Context())) })
	c.world = serve(t, engine, clock, refgrow.Settings{
		Commission: refgrow.Percent("20"), SignupCommission: refgrow.Fixed(money.MustParse("1.00 USD")),
	}, httpapi.Options{RateLimit: -1, Logger: logger})
	return c
}

// callAll makes the calls. Endpoints are sent what happens at once, but for the last
// calls.
func (c *cage) callAll(t *testing.T) {
	t.Helper()
	for _, k := range canaryCalls() {
		got := c.call(t, k)
		if got.status >= 300 {
			t.Fatalf("%s: %d %s", k.text, got.status, got.body)
		}
		if !k.last {
			c.deliver(t)
		}
		c.clock.Advance(time.Minute)
	}
}

// Something told is a call, written as the method, the path and the body. <kind name> is a canary, and
// <name> the same one again; {name} is the id of what an earlier call has made.
type told struct {
	name, text string
	last       bool // its events are not on their way yet
}

// call makes one; those that can have an Idempotency-Key have one.
func (c *cage) call(t *testing.T, k told) reply {
	t.Helper()
	method, rest, _ := strings.Cut(k.text, " ")
	if method == "CLAIM" { // which a browser makes elsewhere
		email, code, _ := strings.Cut(c.filled(t, rest, func(text string) string { return text }), " ")
		must(t, c.shop.ClaimSignup(t.Context(), email, code))
		return reply{}
	}
	at, body, _ := strings.Cut(rest, " {")
	at = c.filled(t, at, url.QueryEscape)
	var headers []string
	if body != "" {
		body = strings.ReplaceAll(body, "EVENTS", eachEvent)
		body = c.filled(t, "{"+body, func(text string) string {
			quoted, err := json.Marshal(text)
			must(t, err)
			return string(quoted[1 : len(quoted)-1])
		})
	}
	if method == http.MethodPost {
		once := sentOnce{k.text, at, body, fmt.Sprint("call ", len(c.sent))}
		c.sent = append(c.sent, once)
		headers = []string{"Idempotency-Key", once.key}
	}
	got := c.do(t, method, at, body, headers...)
	if id := got.id(); k.name != "" && id != "" {
		c.ids[k.name] = id
	} else if items := got.items(); k.name != "" && len(items) > 0 {
		c.ids[k.name] = asText(items[0]["id"])
	}
	return got
}

const eachEvent = `"referral_converted", "referral_updated", "referral_signed_up", "referral_canceled",
	"payout_updated", "affiliate_updated"`

var placeholder = regexp.MustCompile(`<(?:([a-z]+) )?([a-z]+\.[a-z0-9.-]+)>|\{([a-z]+)\}`)

// filled puts canaries and ids into a text.
func (c *cage) filled(t *testing.T, text string, quoted func(string) string) string {
	t.Helper()
	return placeholder.ReplaceAllStringFunc(text, func(match string) string {
		m := placeholder.FindStringSubmatch(match)
		if m[3] != "" {
			if c.ids[m[3]] == "" {
				t.Fatalf("%s: there is no %s yet", text, match)
			}
			return c.ids[m[3]]
		}
		is, known := c.canaries[m[2]]
		if known != (m[1] == "") {
			t.Fatalf("%s: %s is new, or is not", text, match)
		}
		if !known {
			is = newCanary(m[1], len(c.canaries)+1)
			c.canaries[m[2]] = is
		}
		return quoted(is.text)
	})
}

// fields are those of a call that have a canary, after the name of its route. Those of
// objects come after the names of these.
func (k told) fields(t *testing.T) (fields []string) {
	t.Helper()
	head, body, _ := strings.Cut(k.text, " {")
	if _, query, ok := strings.Cut(head, "?"); ok {
		for pair := range strings.SplitSeq(query, "&") {
			if name, value, _ := strings.Cut(pair, "="); strings.Contains(value, "<") {
				fields = append(fields, k.route()+" "+name)
			}
		}
	}
	var look func(at string, value any)
	look = func(at string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, member := range v {
				look(strings.TrimPrefix(at+"."+name, "."), member)
			}
		case []any:
			for _, member := range v {
				look(at, member)
			}
		case string:
			if placeholder.MatchString(v) {
				fields = append(fields, k.route()+" "+at)
			}
		}
	}
	if body != "" {
		body = strings.ReplaceAll(body, "EVENTS", eachEvent)
		look("", parse(t, regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString("{"+body, "1")))
	}
	return fields
}

// route is the route of a call: what the API's table has at the path.
func (k told) route() string {
	head, _, _ := strings.Cut(k.text, " {")
	head, _, _ = strings.Cut(head, "?")
	method, at, _ := strings.Cut(head, " ")
	segments := strings.Split(at, "/")
	for _, route := range httpapi.Routes() {
		pattern := strings.Split(route[1], "/")
		if route[0] == method && len(pattern) == len(segments) && !slices.ContainsFunc(pattern, func(s string) bool {
			i := slices.Index(pattern, s)
			return s != segments[i] && (!strings.HasPrefix(s, "{") || !strings.ContainsAny(segments[i], "{<0123456789"))
		}) {
			return method + " " + route[1]
		}
	}
	return ""
}

// A canary is a text around a core that is nowhere else, and that no encoding of texts
// takes apart.
type canary struct {
	core, text string
	forms      [][]byte // how the core may be written
}

func newCanary(kind string, n int) canary {
	core := fmt.Sprintf("kanari%03dbird", n)
	shown := "K" + core[1:]
	if kind == "number" {
		core = fmt.Sprintf("8305170%03d", n)
	}
	is := canary{core: core, text: core, forms: forms(core)}
	switch kind {
	case "mail":
		is.text = shown + "@" + core + "-m\u00fcller.example"
	case "plain":
		is.text = shown + "@" + core + ".example"
	case "code":
		is.text = shown + "_x"
	case "text":
		is.text = shown + ` "` + "\u00fc" + `" <&> 100% \`
	case "word", "number":
	default:
		panic("no canary is a " + kind)
	}
	return is
}

// beginnings are forms of what every canary begins with.
var beginnings = sync.OnceValue(func() [][]byte { return append(forms("kanari"), forms("8305170")...) })

// forms are how an ASCII text may be written: in any of three cases, as it is, in UTF-16,
// in hex, and in base64, wherever it begins.
func forms(core string) [][]byte {
	var all [][]byte
	for _, text := range []string{core, strings.ToUpper(core[:1]) + core[1:], strings.ToUpper(core)} {
		wide := bytes.Join(bytes.SplitAfter([]byte(text), nil), []byte{0})
		all = append(all, []byte(text), wide, []byte(hex.EncodeToString([]byte(text))))
		for before := range 3 { // what stands before it moves its bits
			encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", before) + text))
			all = append(all, []byte(encoded[(before*4+2)/3:len(encoded)-4]))
		}
	}
	return all
}

// in returns the names of the canaries in a text.
func (c *cage) in(text []byte) (names []string) {
	if !slices.ContainsFunc(beginnings(), func(form []byte) bool { return bytes.Contains(text, form) }) {
		return nil
	}
	lower := bytes.ToLower(text)
	for name, is := range c.canaries {
		if bytes.Contains(lower, []byte(is.core)) ||
			slices.ContainsFunc(is.forms, func(form []byte) bool { return bytes.Contains(text, form) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
