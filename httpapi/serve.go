package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/refgrow-go/refgrow"
)

// MaxBody is how long the body of a request may be, in bytes.
const MaxBody = 1 << 20

// A judge reads the query and the body of a call and returns what is wrong with them,
// or else the work to do. It does not use the database, so that a call with an
// Idempotency-Key is done, or not done again, in one place for all.
type judge func(c *call) (work, error)

// work does what a call asks for. It may be run more than once.
type work func(ctx context.Context, p *refgrow.Project) (answer, error)

// An answer has a body, unless its status is 204 or 304.
type answer struct {
	status int
	body   []byte
	// header is what a file has in addition to the headers of every answer; nil for
	// JSON. It is not kept for an Idempotency-Key: only a GET answers with a file.
	header http.Header
	// secretOf is the id of the thing whose secret is in the body, or 0. With an
	// Idempotency-Key only the id is kept.
	secretOf int64
	// of is the id of what a call with an Idempotency-Key made or changed, where its answer
	// is not kept any more.
	of int64
	// pages writes the body of a long answer, page by page. It is not kept for an
	// Idempotency-Key.
	pages func(io.Writer) error
}

// kept is the answer as it is kept for an Idempotency-Key.
func (a answer) kept() refgrow.Answer {
	return refgrow.Answer{Status: a.status, Body: a.body, SecretOf: a.secretOf, ID: shownID(a.body)}
}

// again is an answer that was kept.
func again(kept refgrow.Answer) answer {
	return answer{status: kept.Status, body: kept.Body, of: kept.ID}
}

// shownID is the id of the one thing that an answer shows, 0 if it shows none or several:
// every form of a thing begins with it.
func shownID(body []byte) int64 {
	rest, ok := bytes.CutPrefix(body, []byte(`{"success":true,"data":{"id":`))
	if !ok {
		return 0
	}
	digits, _, _ := bytes.Cut(rest, []byte(","))
	id, err := strconv.ParseInt(string(bytes.Trim(digits, `"`)), 10, 64)
	if err != nil {
		return 0
	}
	return id
}

func noContent() answer { return answer{status: http.StatusNoContent} }

// csvFile is an answer that a browser saves under a name, which consists of
// letters, digits, hyphens and a dot.
func csvFile(name string, content []byte) answer {
	return answer{status: http.StatusOK, body: content, header: http.Header{
		"Content-Type":        {"text/csv; charset=utf-8"},
		"Content-Disposition": {`attachment; filename="` + name + `"`},
	}}
}

// A call is a request that found its route.
type call struct {
	*api
	request  *http.Request
	caller   caller
	route    *route
	value    string // the segment of the path that the route has in braces
	raw      string // the body
	hasQuery bool   // the judge has read the query
	// ignored are the unknown fields and parameters, if they are ignored.
	ignored []string
	// ownOnce is set when the engine has a call of its own for doing the work once: because
	// it is then one operation, or because it goes in steps.
	ownOnce func(context.Context, refgrow.Idempotency) (done answer, replayed bool, err error)
}

// serve answers a request. It checks, in this order: authentication, limit, route,
// permission, query and body.
func (a *api) serve(w http.ResponseWriter, r *http.Request, below int) {
	h := w.Header()
	id := rand.Text()
	h.Set("X-Request-Id", id)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	var seen handling
	if a.observe != nil {
		defer func() { a.observe(r, seen.pattern, seen.key) }()
	}
	given := false
	defer func() {
		if seen.leave != nil {
			seen.leave()
		}
		v := recover()
		if v == nil {
			return
		}
		if err, ok := v.(error); given || ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v)
		}
		a.fail(w, r, id, seen.pattern, fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
	}()
	done, err := a.answer(w, r, below, &seen)
	given = true
	if err != nil {
		a.fail(w, r, id, seen.pattern, err)
		return
	}
	if done.pages != nil {
		a.stream(w, r, id, seen.pattern, done)
		return
	}
	write(w, r, done)
}

// handling is what is known of a request while it is being answered.
type handling struct {
	pattern string // of the route, for the log: a path may have somebody's email in it
	key     string // the public part of the key that opened the program, "" for none
	leave   func() // gives back the caller's share once the answer is written; nil without one
}

func (a *api) answer(w http.ResponseWriter, r *http.Request, below int, seen *handling) (answer, error) {
	segments := segmentsOf(r.URL, below)
	seen.pattern = a.router.pattern(segments)
	if r.Method == http.MethodOptions {
		return a.options(w.Header(), r, segments)
	}
	if seen.pattern == documentPath {
		return a.document(w.Header(), r, segments)
	}
	who, err := a.admit(w.Header(), r)
	seen.key = who.public
	if err != nil {
		return answer{}, err
	}
	route, value, err := a.router.find(r.Method, segments)
	if err != nil {
		return answer{}, err
	}
	if who.readOnly && route.method != http.MethodGet {
		return answer{},
			&problem{status: http.StatusForbidden, code: "forbidden", message: "This API key can only read"}
	}
	c := &call{api: a, request: r, caller: who, route: route, value: value}
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		if c.raw, err = readBody(w, r); err != nil {
			return answer{}, err
		}
	}
	todo, err := route.judge(c)
	if err == nil && !c.hasQuery {
		err = c.query().end()
	}
	if len(c.ignored) > 0 {
		w.Header().Set("Refgrow-Ignored", listed(c.ignored))
	}
	if err != nil {
		return answer{}, err
	}
	if in := shareOf(route); in != nil {
		if seen.leave, err = a.shares.take(r.Context(), who.callerKey, in); err != nil {
			return answer{}, err
		}
	}
	if keys := r.Header["Idempotency-Key"]; r.Method == http.MethodPost && len(keys) > 0 {
		return c.once(w.Header(), keys, todo)
	}
	return todo(r.Context(), who.project)
}

// options answers the question what a path allows, which a browser may ask before it
// sends something elsewhere. There are no headers for that: keys are not for pages. It
// needs no key, and is not counted.
func (a *api) options(h http.Header, r *http.Request, segments []string) (answer, error) {
	ofFailures(a.failures.Look(a.clientIP(r))).write(h)
	allow, err := a.router.allowed(segments)
	if err != nil {
		return answer{}, err
	}
	h.Set("Allow", allow)
	return noContent(), nil
}

const idempotencyKey = "Idempotency-Key"

// once does the work of a call with an Idempotency-Key, or returns the answer that it
// had before.
func (c *call) once(h http.Header, keys []string, todo work) (answer, error) {
	if len(keys) > 1 {
		return answer{}, wrong(idempotencyKey, "is given more than once")
	}
	request := make([]byte, 0, 64+len(c.raw))
	request = append(request, c.route.method+" "+c.route.pattern+" "+c.value+"\n"...)
	request = append(request, c.raw...)
	id := refgrow.Idempotency{Caller: c.caller.scope(), Key: keys[0], Request: request}
	if err := id.Check(); err != nil { // whatever the call does with it
		return answer{}, err
	}
	done, replayed, err := c.doOnce(c.request.Context(), id, todo)
	if replayed && err != nil && done.of != 0 && c.route.shown() != "" {
		switch now, gone := c.shown(done); {
		case gone == nil:
			done, err = now, nil
		case errors.Is(gone, refgrow.ErrConflict):
			err = gone
		}
	}
	if replayed && err == nil {
		h.Set("Idempotent-Replayed", "true")
	}
	return done, err
}

// shown is an answer that is not kept any more: what the call made or changed is shown as
// it is now.
func (c *call) shown(gone answer) (answer, error) {
	at := slices.IndexFunc(c.router.routes, func(r route) bool {
		return r.method == http.MethodGet && r.pattern == c.route.shown()
	})
	look := *c
	look.route, look.value, look.raw = &c.router.routes[at], strconv.FormatInt(gone.of, 10), ""
	todo, err := look.route.judge(&look)
	if err != nil {
		return answer{}, err
	}
	done, err := todo(c.request.Context(), c.caller.project)
	if err == nil && bytes.Contains(done.body, fmt.Appendf(nil, `"user_email":"erased-%d@erased.invalid"`, gone.of)) {
		return answer{}, &refgrow.Error{
			Code: refgrow.CodeErased, Field: idempotencyKey, ID: gone.of,
			Message: "was already used, for somebody who was erased since",
		}
	}
	done.status = gone.status
	return done, err
}

func (c *call) doOnce(ctx context.Context, id refgrow.Idempotency, todo work) (answer, bool, error) {
	if c.ownOnce != nil {
		return c.ownOnce(ctx, id)
	}
	kept, replayed, err := c.caller.project.Once(id).Do(ctx, func(p *refgrow.Project) (refgrow.Answer, error) {
		done, err := todo(ctx, p)
		return done.kept(), err
	})
	return again(kept), replayed, err
}

func readBody(w http.ResponseWriter, r *http.Request) (string, error) {
	if r.Body == nil {
		return "", nil
	}
	var read bytes.Buffer
	if r.ContentLength <= MaxBody {
		const atOnce = 64 << 10 // whatever a client says it will send
		read.Grow(int(min(max(r.ContentLength, 0), atOnce)) + bytes.MinRead)
		_, err := read.ReadFrom(http.MaxBytesReader(w, r.Body, MaxBody))
		var tooLong *http.MaxBytesError
		switch {
		case err == nil:
			return read.String(), nil
		case !errors.As(err, &tooLong):
			// The end of a connection ends the context too: only a deadline is not the
			// client's doing.
			if ctx := r.Context().Err(); errors.Is(ctx, context.DeadlineExceeded) {
				return "", ctx
			}
			return "", wrong("", "The body did not arrive: "+ended(err))
		}
	}
	return "", &problem{
		status: http.StatusRequestEntityTooLarge, code: "too_large",
		message: "The body is longer than " + strconv.Itoa(MaxBody) + " bytes",
	}
}

// ended says what a client may know about an error while reading.
func ended(err error) string {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ended too early"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "it took too long"
	}
	return "it could not be read"
}

// listed is untrusted names for a header, as many of them as people can use.
func listed(names []string) string {
	const most = 20
	shown := make([]string, 0, most+1)
	for _, name := range names[:min(len(names), most)] {
		if strings.Trim(name, letters+"0123456789_-.[]") != "" {
			name = strconv.QuoteToASCII(name)
		}
		shown = append(shown, name)
	}
	if len(names) > most {
		shown = append(shown, "...")
	}
	return strings.Join(shown, ", ")
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// ignoring is where the call notes what it ignores, nil if nothing may be.
func (c *call) ignoring() *[]string {
	if !c.lenient {
		return nil
	}
	return &c.ignored
}

// body reads the object that the request carries. An absent body is an empty object. The
// tolerant fields are those that body.tolerant is asked for.
func (c *call) body(tolerant ...string) (*body, error) {
	b := &body{ignored: c.ignoring(), asked: make([]string, 0, 16)}
	if c.raw == "" {
		return b, nil
	}
	if coding := c.request.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return b, unsupported("The body is encoded as " + shortened(strconv.QuoteToASCII(coding)) +
			": send it uncompressed, without a Content-Encoding")
	}
	var err error
	b.members, err = parseObject(c.raw, tolerant...)
	return b, err
}

func (c *call) query() *query {
	c.hasQuery = true
	return newQuery(c.request.URL.RawQuery, c.ignoring())
}

// id is the path's id.
func (c *call) id() (int64, error) {
	id, ok := positive(c.value)
	if !ok {
		return 0, wrong("id", mustBeID)
	}
	return id, nil
}

// hasID reports whether a path that takes an email or an id has an id. No email
// consists of digits alone.
func (c *call) hasID() bool {
	return strings.Trim(c.value, "0123456789") == ""
}

// fail answers with what is wrong, and logs what is nobody else's business.
func (a *api) fail(w http.ResponseWriter, r *http.Request, id, pattern string, err error) {
	p := problemOf(err)
	h := w.Header()
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(p.retryAfter, 10))
	}
	if p.status == http.StatusInternalServerError {
		a.logger.ErrorContext(r.Context(), "a request failed",
			"request_id", id, "method", r.Method, "route", pattern, "error", p.cause)
		shown := *p
		shown.requestID = id
		p = &shown
	}
	write(w, r, answer{status: p.status, body: p.body()})
}

func write(w http.ResponseWriter, r *http.Request, done answer) {
	h := w.Header()
	if done.status == http.StatusNoContent || done.status == http.StatusNotModified {
		w.WriteHeader(done.status)
		return
	}
	h.Set("Content-Type", "application/json")
	maps.Copy(h, done.header)
	h.Set("Content-Length", strconv.Itoa(len(done.body)))
	w.WriteHeader(done.status)
	if r.Method != http.MethodHead {
		// A client that is gone needs no answer.
		_, _ = w.Write(done.body)
	}
}
