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
	"strconv"

	"github.com/refgrow-go/refgrow"
)

// MaxBody is how long the body of a request may be, in bytes.
const MaxBody = 1 << 20

// A judge reads the query and the body of a call and says what is wrong with
// them, or else what is to be done. It does not use the database: so a call with
// an Idempotency-Key is done, or not done again, in one place for all.
type judge func(c *call) (work, error)

// work does what a call asks for. It may be run more than once.
type work func(ctx context.Context, p *refgrow.Project) (answer, error)

// An answer has a body, unless its status is 204.
type answer struct {
	status int
	body   []byte
	// header is what a file has beside the headers of every answer; nil for JSON. It
	// is not kept for an Idempotency-Key: only a GET answers with a file.
	header http.Header
	// secretOf is the id of what a secret in the body belongs to, or 0. With an
	// Idempotency-Key only the id is kept.
	secretOf int64
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
	// recording is set when the work is to record this conversion and nothing else:
	// doing that once is then one operation.
	recording *refgrow.RecordConversionParams
}

// serve answers a request. The order of judgement is: authentication, limit,
// route, permission, query and body.
func (a *api) serve(w http.ResponseWriter, r *http.Request, below int) {
	h := w.Header()
	id := rand.Text()
	h.Set("X-Request-Id", id)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	pattern := "" // of the route, for the log: a path may have somebody's email in it
	given := false
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if err, ok := v.(error); given || ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v)
		}
		a.fail(w, r, id, pattern, fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
	}()
	done, err := a.answer(w, r, below, &pattern)
	given = true
	if err != nil {
		a.fail(w, r, id, pattern, err)
		return
	}
	write(w, r, done)
}

func (a *api) answer(w http.ResponseWriter, r *http.Request, below int, pattern *string) (answer, error) {
	who, err := a.admit(w.Header(), r)
	if err != nil {
		return answer{}, err
	}
	route, value, err := a.router.find(r.Method, segmentsOf(r.URL, below))
	if err != nil {
		return answer{}, err
	}
	*pattern = route.pattern
	if who.readOnly && route.method != http.MethodGet {
		return answer{}, &problem{status: http.StatusForbidden, code: "forbidden", message: "This API key can only read"}
	}
	c := &call{api: a, request: r, caller: who, route: route, value: value}
	if r.Method == http.MethodPost || r.Method == http.MethodPut {
		if c.raw, err = readBody(w, r); err != nil {
			return answer{}, err
		}
	}
	todo, err := route.judge(c)
	if err != nil {
		return answer{}, err
	}
	if !c.hasQuery {
		if err := newQuery(r.URL.RawQuery).end(); err != nil {
			return answer{}, err
		}
	}
	if keys := r.Header["Idempotency-Key"]; r.Method == http.MethodPost && len(keys) > 0 {
		return c.once(w.Header(), keys, todo)
	}
	return todo(r.Context(), who.program)
}

// once does the work of a call with an Idempotency-Key, or gives the answer
// that it had before.
func (c *call) once(h http.Header, keys []string, todo work) (answer, error) {
	const field = "Idempotency-Key"
	if len(keys) > 1 {
		return answer{}, wrong(field, "is there more than once")
	}
	request := make([]byte, 0, 64+len(c.raw))
	request = append(request, c.route.method+" "+c.route.pattern+" "+c.value+"\n"...)
	request = append(request, c.raw...)
	done, replayed, err := c.doOnce(c.request.Context(), refgrow.Idempotency{Caller: c.caller.scope(), Key: keys[0], Request: request}, todo)
	if err != nil && done.SecretOf != 0 {
		p := problemOf(err)
		p.id = done.SecretOf
		return answer{}, p
	}
	if replayed && err == nil {
		h.Set("Idempotent-Replayed", "true")
	}
	return answer{status: done.Status, body: done.Body}, err
}

func (c *call) doOnce(ctx context.Context, id refgrow.Idempotency, todo work) (refgrow.Answer, bool, error) {
	if c.recording != nil {
		return c.caller.program.RecordConversionOnce(ctx, id, *c.recording, func(recorded *refgrow.Conversion) refgrow.Answer {
			shown := one(http.StatusCreated, recorded, showConversion)
			return refgrow.Answer{Status: shown.status, Body: shown.body}
		})
	}
	return c.caller.program.Once(ctx, id, func(p *refgrow.Project) (refgrow.Answer, error) {
		done, err := todo(ctx, p)
		return refgrow.Answer{Status: done.status, Body: done.body, SecretOf: done.secretOf}, err
	})
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
			// The end of a connection ends the context too: only a deadline is not
			// the client's doing.
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

// ended tells what of an error while reading is the client's business.
func ended(err error) string {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ended too early"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "it took too long"
	}
	return "it could not be read"
}

// body reads the object that the request carries. An absent one is an empty one.
func (c *call) body() (*body, error) {
	b := &body{lenient: c.lenient, asked: make([]string, 0, 16)}
	if c.raw == "" {
		return b, nil
	}
	var err error
	b.members, err = parseObject(c.raw)
	return b, err
}

func (c *call) query() *query {
	c.hasQuery = true
	return newQuery(c.request.URL.RawQuery)
}

// id is the path's id.
func (c *call) id() (int64, error) {
	id, ok := positive(c.value)
	if !ok {
		return 0, wrong("id", mustBeID)
	}
	return id, nil
}

// fail answers with what is wrong, and tells the log what is nobody else's
// business.
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
	if done.status == http.StatusNoContent {
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
