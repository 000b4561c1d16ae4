package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/httpapi"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

func TestAuthenticateOfTheHost(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	callers := make(map[string]httpapi.Caller)
	options := httpapi.Options{
		RateLimit: 3, Logger: slog.New(slog.NewTextHandler(&logged, nil)),
		Authenticate: func(r *http.Request) (httpapi.Caller, error) {
			switch session := r.Header.Get("Session"); session {
			case "none":
				return httpapi.Caller{}, refgrow.ErrUnauthorized
			case "own":
				return httpapi.Caller{}, fmt.Errorf("wrapped: %w", &refgrow.Error{Code: refgrow.CodeUnauthorized, Message: "Log in again"})
			case "down":
				return httpapi.Caller{}, errors.New("redis at 10.0.0.1 is down")
			case "nobody":
				return httpapi.Caller{}, nil
			case "panic":
				panic("secret of the host")
			default:
				return callers[session], nil
			}
		},
	}
	w := setup(t, refgrow.Settings{}, options)
	second := w.project(t, "second", refgrow.Settings{})
	callers["jane"] = httpapi.Caller{Project: w.shop, ID: "jane"}
	callers["bob"] = httpapi.Caller{Project: w.shop, ID: "bob", ReadOnly: true}
	callers["jane of second"] = httpapi.Caller{Project: second, ID: "jane"}

	w.do(t, "POST", "/affiliates", `{"email": "x@example.com"}`, "Session", "jane").ok(t, 201)
	w.do(t, "POST", "/affiliates", `{"email": "x@example.com"}`, "Session", "jane of second").ok(t, 201)
	w.do(t, "GET", "/affiliates", "", "Session", "jane").ok(t, 200)
	w.do(t, "GET", "/affiliates", "", "Session", "jane").ok(t, 200)
	w.do(t, "GET", "/affiliates", "", "Session", "jane").refused(t, 429, "rate_limited", "")
	w.do(t, "GET", "/affiliates", "", "Session", "bob").ok(t, 200)
	w.do(t, "POST", "/affiliates", `{}`, "Session", "bob").refused(t, 403, "forbidden", "")
	got := w.do(t, "GET", "/affiliates", "", "Session", "jane of second").ok(t, 200)
	if got.header.Get("X-RateLimit-Remaining") != "1" {
		t.Errorf("another project's jane has %s left", got.header.Get("X-RateLimit-Remaining"))
	}

	w.do(t, "GET", "/affiliates", "", "Session", "none").is(t, 401, `{"success": false, "error": "unauthorized", "code": "unauthorized"}`)
	got = w.do(t, "GET", "/affiliates", "", "Session", "own").is(t, 401, `{"success": false, "error": "Log in again", "code": "unauthorized"}`)
	if got.header.Get("X-RateLimit-Remaining") != "58" || got.header.Get("WWW-Authenticate") != "Bearer" {
		t.Errorf("a 401 has %v", got.header)
	}
	if logged.Len() != 0 {
		t.Errorf("the log has %s", &logged)
	}
	for session, cause := range map[string]string{"down": "redis at 10.0.0.1", "nobody": "neither a project", "panic": "secret of the host"} {
		logged.Reset()
		got := w.do(t, "GET", "/affiliates", "", "Session", session).refused(t, 500, "internal", "")
		if text(got.json["error"]) != "internal error" || got.json["request_id"] != got.header.Get("X-Request-Id") {
			t.Errorf("%s: %s", session, got.body)
		}
		if !strings.Contains(logged.String(), cause) || !strings.Contains(logged.String(), got.header.Get("X-Request-Id")) {
			t.Errorf("%s: the log has %s", session, &logged)
		}
		if strings.Contains(string(got.body), cause) {
			t.Errorf("%s: the answer tells the cause", session)
		}
	}
}

func TestIdempotencyKeysOfTheHostsCallers(t *testing.T) {
	t.Parallel()
	var project *refgrow.Project
	w := setup(t, refgrow.Settings{}, httpapi.Options{Authenticate: func(r *http.Request) (httpapi.Caller, error) {
		return httpapi.Caller{Project: project, ID: r.Header.Get("Session")}, nil
	}})
	project = w.shop
	const body = `{"email": "x@example.com"}`
	w.do(t, "POST", "/affiliates", body, "Session", "1", "Idempotency-Key", "k").ok(t, 201)
	if got := w.do(t, "POST", "/affiliates", body, "Session", "1", "Idempotency-Key", "k").ok(t, 201); got.header.Get("Idempotent-Replayed") != "true" {
		t.Error("the same caller gets no replay")
	}
	w.do(t, "POST", "/affiliates", body, "Session", "2", "Idempotency-Key", "k").refused(t, 409, "conflict", "email")
}

// What the database cannot do at the moment, or at all.
func TestTroubleWithTheDatabase(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "app.db")
	open := func() *sql.DB {
		db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10)&_pragma=journal_mode(WAL)")
		must(t, err)
		t.Cleanup(func() { db.Close() })
		return db
	}
	engine, clock := refgrowtest.On(t, refgrow.SQLite(open()))
	var logged bytes.Buffer
	w := serve(t, engine, clock, refgrow.Settings{}, httpapi.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})

	other, err := open().Conn(t.Context())
	must(t, err)
	exec := func(statement string) {
		t.Helper()
		_, err := other.ExecContext(t.Context(), statement)
		must(t, err)
	}
	exec("BEGIN IMMEDIATE")
	deadline, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	got := send(t, w.mux, w.request("POST", "/affiliates", `{"email": "x@example.com"}`).WithContext(deadline)).refused(t, 503, "busy", "")
	if got.header.Get("Retry-After") != "1" || got.header.Get("X-RateLimit-Remaining") != "99" {
		t.Errorf("a 503 has %v", got.header)
	}
	w.do(t, "GET", "/affiliates", "").ok(t, 200) // reads go on
	exec("ROLLBACK")
	w.do(t, "POST", "/affiliates", `{"email": "x@example.com"}`).ok(t, 201) // nothing was half done

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	send(t, w.mux, w.request("POST", "/affiliates", `{"email": "y@example.com"}`).WithContext(gone)).refused(t, 503, "busy", "")
	if logged.Len() != 0 {
		t.Errorf("the log has %s", &logged)
	}

	exec("DROP TABLE refgrow_coupons")
	got = w.do(t, "GET", "/coupons/1", "").refused(t, 500, "internal", "")
	if bytes.Contains(got.body, []byte("refgrow_coupons")) || text(got.json["request_id"]) == "" {
		t.Errorf("the answer is %s", got.body)
	}
	for _, part := range []string{"refgrow_coupons", text(got.json["request_id"]), "route=/coupons/{id}", "method=GET"} {
		if !strings.Contains(logged.String(), part) {
			t.Errorf("the log has no %q: %s", part, &logged)
		}
	}

	must(t, engine.Close(t.Context()))
	got = w.do(t, "GET", "/affiliates", "").refused(t, 503, "closed", "")
	if !slices.Equal(got.header["X-Ratelimit-Limit"], []string{"60"}) {
		t.Errorf("a 503 has %v", got.header)
	}
}

// A value takes far more memory than its text: a body may not have too many.
func TestBodyOfTooManyValues(t *testing.T) {
	single(t)
	t.Parallel()
	w := populated(t, noLimit)
	inner := `{"x":{"":1}}`
	var body strings.Builder
	body.WriteString(`{"email":"x@example.com"`)
	for i := range 900 {
		body.WriteString(`,"k` + strconv.Itoa(i) + `":[` + strings.Repeat(inner+",", 20) + inner + "]")
	}
	body.WriteString("}")
	got := w.do(t, "POST", "/affiliates", body.String())
	got.refused(t, 400, "invalid", "")
	if message := text(got.json["error"]); !strings.Contains(message, "10000 values") {
		t.Errorf("the message is %q", message)
	}
}

// A client that ends its half of the connection in the middle of a body has only
// itself to blame, and need not try the same again.
func TestBodyThatEndsTooEarly(t *testing.T) {
	t.Parallel()
	w := populated(t, noLimit)
	server := httptest.NewServer(w.mux)
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request := "POST /api/v1/affiliates HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + w.key + "\r\nContent-Length: 100\r\n\r\n{\"a\""
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(answer), "it ended too early") {
		t.Errorf("got %d %s", response.StatusCode, answer)
	}
}
