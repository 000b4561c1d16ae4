package httpapi_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
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
	w := serve(t, engine, clock, refgrow.Settings{},
		httpapi.Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})

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
	got := send(t, w.mux, w.request("POST", "/affiliates", `{"email": "x@example.com"}`).WithContext(deadline)).
		refused(t, 503, "busy", "")
	if got.header.Get("Retry-After") != "1" || got.header.Get("X-RateLimit-Remaining") != "99" {
		t.Errorf("a 503 has %v", got.header)
	}
	w.do(t, "GET", "/affiliates", "").ok(t, 200) // reads go on
	exec("ROLLBACK")
	w.do(t, "POST", "/affiliates", `{"email": "x@example.com"}`).ok(t, 201) // nothing was half done

	gone, cancel := context.WithCancel(t.Context())
	cancel()
	send(t, w.mux, w.request("POST", "/affiliates", `{"email": "y@example.com"}`).WithContext(gone)).
		refused(t, 503, "busy", "")
	if logged.Len() != 0 {
		t.Errorf("the log has %s", &logged)
	}

	exec("DROP TABLE refgrow_coupons")
	got = w.do(t, "GET", "/coupons/1", "").refused(t, 500, "internal", "")
	if bytes.Contains(got.body, []byte("refgrow_coupons")) || text(got.json["request_id"]) == "" {
		t.Errorf("the answer is %s", got.body)
	}
	for _, part := range []string{"refgrow_coupons", text(got.json["request_id"]),
		"route=/coupons/{id}", "method=GET"} {
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
	request := "POST /api/v1/affiliates HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
		w.key + "\r\nContent-Length: 100\r\n\r\n{\"a\""
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
