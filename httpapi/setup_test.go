package httpapi_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

const prefix = "/api/v1"

// A world is an engine with a program, served under a prefix on a mux that also has a
// home page.
type world struct {
	engine *refgrow.Engine
	clock  *refgrowtest.Clock
	shop   *refgrow.Project
	mux    *http.ServeMux
	key    string
}

var noLimit = httpapi.Options{RateLimit: -1}

func setup(t testing.TB, settings refgrow.Settings, options httpapi.Options) *world {
	t.Helper()
	engine, clock := refgrowtest.New(t)
	return serve(t, engine, clock, settings, options)
}

func serve(
	t testing.TB, engine *refgrow.Engine, clock *refgrowtest.Clock, settings refgrow.Settings, options httpapi.Options,
) *world {
	t.Helper()
	w := &world{engine: engine, clock: clock, mux: http.NewServeMux()}
	w.shop = w.project(t, "shop", settings)
	if options.Authenticate == nil {
		w.key = w.newKey(t, w.shop, refgrow.CreateKeyParams{})
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	httpapi.Register(w.mux, prefix, engine, options)
	w.mux.HandleFunc("GET /", home)
	return w
}

func (w *world) project(t testing.TB, name string, settings refgrow.Settings) *refgrow.Project {
	t.Helper()
	p, err := w.engine.CreateProject(t.Context(), name, settings)
	must(t, err)
	return p
}

func (w *world) newKey(t testing.TB, p *refgrow.Project, params refgrow.CreateKeyParams) string {
	t.Helper()
	token, _, err := w.engine.CreateKey(t.Context(), p, params)
	must(t, err)
	return token
}

// A reply is an answer, checked for what all answers have in common.
type reply struct {
	status int
	header http.Header
	body   []byte
	json   map[string]any // numbers are json.Number
}

// do sends a request with the world's key; headers come in pairs and may replace it.
func (w *world) do(t testing.TB, method, path, body string, headers ...string) reply {
	t.Helper()
	return send(t, w.mux, w.request(method, path, body, headers...))
}

func (w *world) request(method, path, body string, headers ...string) *http.Request {
	var content io.Reader = http.NoBody
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, prefix+path, content)
	r.Header.Set("Authorization", "Bearer "+w.key)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

var fileName = regexp.MustCompile(`^attachment; filename="[A-Za-z0-9-]+\.csv"$`)

// send sends a request, and checks what every answer must have.
func send(t testing.TB, h http.Handler, r *http.Request) reply {
	t.Helper()
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	got := reply{status: recorder.Code, header: recorder.Header(), body: recorder.Body.Bytes()}
	defer func() { holds(t, r, got) }()
	if len(got.header.Get("X-Request-Id")) < 20 {
		t.Errorf("%s %s: X-Request-Id is %q", r.Method, r.URL, got.header.Get("X-Request-Id"))
	}
	if got.status == http.StatusNoContent || got.status == http.StatusNotModified {
		if len(got.body) != 0 || got.header.Get("Content-Type") != "" {
			t.Errorf("%s %s: %d with %q (%s)", r.Method, r.URL, got.status, got.body, got.header.Get("Content-Type"))
		}
		return got
	}
	if got.status == http.StatusOK && got.header.Get("Content-Type") == "text/csv; charset=utf-8" {
		if !fileName.MatchString(got.header.Get("Content-Disposition")) {
			t.Errorf("%s %s: a file with Content-Disposition %q",
				r.Method, r.URL, got.header.Get("Content-Disposition"))
		}
		return got
	}
	if got.header.Get("Content-Type") != "application/json" || got.header.Get("Content-Disposition") != "" {
		t.Errorf("%s %s: %d with Content-Type %q: %s",
			r.Method, r.URL, got.status, got.header.Get("Content-Type"), got.body)
	}
	if r.Method == http.MethodHead {
		return got
	}
	got.json = parse(t, string(got.body))
	if got.json["openapi"] != nil {
		return got // the document about the API
	}
	if success := got.status < 400; got.json["success"] != success {
		t.Errorf("%s %s: %d with success %v: %s", r.Method, r.URL, got.status, got.json["success"], got.body)
	}
	if got.status >= 400 && (text(got.json["error"]) == "" || text(got.json["code"]) == "") {
		t.Errorf("%s %s: %d without error or code: %s", r.Method, r.URL, got.status, got.body)
	}
	return got
}

func parse(t testing.TB, s string) map[string]any {
	t.Helper()
	var v map[string]any
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("something follows %s", s)
	}
	return v
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// is checks the status and the whole body.
func (got reply) is(t testing.TB, status int, body string) reply {
	t.Helper()
	got.ok(t, status)
	if want := parse(t, body); !reflect.DeepEqual(got.json, want) {
		t.Errorf("got  %s\nwant %s", got.body, compact(t, body))
	}
	return got
}

func compact(t testing.TB, s string) string {
	t.Helper()
	var b bytes.Buffer
	must(t, json.Compact(&b, []byte(s)))
	return b.String()
}

// ok checks the status.
func (got reply) ok(t testing.TB, status int) reply {
	t.Helper()
	if got.status != status {
		t.Fatalf("status %d, want %d: %s", got.status, status, got.body)
	}
	return got
}

// refused checks an error's status, code and field.
func (got reply) refused(t testing.TB, status int, code, field string) reply {
	t.Helper()
	if got.status != status || text(got.json["code"]) != code || text(got.json["field"]) != field {
		t.Errorf("got %d %s, want %d with code %q and field %q", got.status, got.body, status, code, field)
	}
	if _, has := got.json["field"]; has && field == "" {
		t.Errorf("there is a field: %s", got.body)
	}
	return got
}

func (got reply) data() map[string]any {
	d, _ := got.json["data"].(map[string]any)
	return d
}

func (got reply) items() []map[string]any {
	var items []map[string]any
	list, _ := got.json["data"].([]any)
	for _, v := range list {
		item, _ := v.(map[string]any)
		items = append(items, item)
	}
	return items
}

func (got reply) pagination() map[string]any {
	p, _ := got.json["pagination"].(map[string]any)
	return p
}

// asText is how a number, a boolean or a text is written.
func asText(v any) string { return fmt.Sprint(v) }

// ids are those of the things in a list.
func ids(got reply) string {
	var ids []string
	for _, item := range got.items() {
		ids = append(ids, asText(item["id"]))
	}
	return strings.Join(ids, " ")
}

// hostOf lets everybody into a program.
func hostOf(p **refgrow.Project) func(*http.Request) (httpapi.Caller, error) {
	return func(*http.Request) (httpapi.Caller, error) { return httpapi.Caller{Project: *p, ID: "host"}, nil }
}

// id is that of the thing in the answer, as text for a path.
func (got reply) id() string {
	n, _ := got.data()["id"].(json.Number)
	return n.String()
}

// dump is everything the API shows of the world's programs.
func (w *world) dump(t testing.TB, keys ...string) string {
	t.Helper()
	var b strings.Builder
	for _, key := range append(keys, w.key) {
		show := func(path string) reply {
			got := w.do(t, "GET", path, "", "Authorization", "Bearer "+key).ok(t, 200)
			b.Write(got.body)
			b.WriteByte('\n')
			return got
		}
		show("/project")
		show("/statistics")
		for _, list := range []string{"/conversions", "/referrals", "/coupons", "/rules", "/payouts"} {
			show(list + "?limit=500")
		}
		for _, webhook := range show("/webhooks?limit=500").items() {
			show("/webhooks/" + asText(webhook["id"]) + "/deliveries?limit=500")
		}
		for _, a := range show("/affiliates?limit=500").items() {
			of := "/affiliates/" + url.PathEscape(text(a["user_email"]))
			show(of + "/ledger?limit=500")
			show(of + "/earnings")
		}
	}
	return b.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// single skips, in short mode, what takes long and does one thing after the other: CI
// looks for races in that mode, and has run these tests without it.
func single(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("does one thing after the other")
	}
}
