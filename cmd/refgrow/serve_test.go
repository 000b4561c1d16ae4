package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/refgrowtest"
	"github.com/refgrow-go/refgrow/sqlite"
)

// A server is a running "refgrow serve".
type server struct {
	t     *testing.T
	ready readyJSON
	log   *journal
	stop  context.CancelFunc // what a signal does
	ended chan int           // gets the exit code
}

// serve starts a server on the database.
func (p *commandLine) serve(args ...string) *server {
	p.t.Helper()
	ctx, stop := context.WithCancel(p.t.Context())
	s := &server{t: p.t, log: new(journal), stop: stop, ended: make(chan int, 1)}
	stdout, write := io.Pipe()
	go func() {
		s.ended <- run(ctx, append(args, "serve", "--db", p.db, "--addr", "127.0.0.1:0", "--json"), write, s.log)
		write.Close()
	}()
	var text strings.Builder
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		text.WriteString(lines.Text())
		if lines.Text() == "}" {
			break
		}
	}
	p.t.Cleanup(s.stop)
	if text.Len() == 0 {
		p.t.Fatalf("the server did not start: %s", s.log)
	}
	s.ready = decode[readyJSON](p.t, text.String())
	return s
}

// end stops the server and waits for its end.
func (s *server) end() {
	s.t.Helper()
	s.stop()
	select {
	case code := <-s.ended:
		if code != exitDone {
			s.t.Errorf("exit code %d: %s", code, s.log)
		}
	case <-time.After(20 * time.Second):
		s.t.Fatalf("the server does not stop: %s", s.log)
	}
}

// do sends a request as a client would, with the first key if there is one.
func (s *server) do(method, path, body string) (status int, header http.Header, text string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.ready.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if s.ready.Key != nil {
		request.Header.Set("Authorization", "Bearer "+*s.ready.Key)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(got)
}

func TestServe(t *testing.T) {
	t.Parallel()
	p := setup(t)
	s := p.serve()
	if s.ready.Key == nil || s.ready.Project == nil || *s.ready.Project != "default" {
		t.Fatalf("an empty database, and no first key: %+v", s.ready)
	}
	status, _, body := s.do("POST", "/api/v1/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`)
	if status != http.StatusCreated || !strings.Contains(body, `"referral_code":"JANE"`) {
		t.Errorf("%d %s", status, body)
	}
	// Settings are changed and keys are made while it runs.
	p.must("project", "set", "default", "--commission", "20%")
	status, _, body = s.do("POST", "/api/v1/conversions",
		`{"type": "purchase", "referral_code": "JANE", "email": "carl@example.com",
			"base_value": 49.00, "base_value_currency": "USD"}`)
	if status != http.StatusCreated || !strings.Contains(body, `"value":9.8`) {
		t.Errorf("%d %s", status, body)
	}
	p.must("backup", "--to", p.db+".copy")
	p.must("verify")

	for _, test := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/healthz", http.StatusOK, `{"status":"ok"}`},
		{"HEAD", "/healthz", http.StatusOK, ""},
		{"GET", "/readyz", http.StatusOK, `{"notes":[],"status":"ready"}`},
		{"HEAD", "/readyz", http.StatusOK, ""},
		{"POST", "/readyz", http.StatusMethodNotAllowed, `"success":false`},
		{"POST", "/healthz", http.StatusMethodNotAllowed, `"success":false`},
		{"GET", "/", http.StatusNotFound, `"success":false`},
		{"GET", "/favicon.ico", http.StatusNotFound, `"success":false`},
		{"GET", "/api/v1", http.StatusNotFound, `"success":false`},
		{"GET", "/api/v1x", http.StatusNotFound, `"success":false`},
		{"GET", "//api/v1/affiliates", http.StatusNotFound, `"success":false`},
		{"GET", "/api%2Fv1/affiliates", http.StatusNotFound, `"success":false`},
		{"GET", "/api/v1//affiliates", http.StatusNotFound, `"success":false`},
		{"PATCH", "/api/v1/affiliates", http.StatusMethodNotAllowed, `"success":false`},
		{"GET", "/api/v1/affiliates/jane%40example.com", http.StatusOK, `"total_earnings":"9.80"`},
	} {
		status, header, body := s.do(test.method, test.path, "")
		if status != test.status || !strings.Contains(body, test.says) ||
			!strings.HasPrefix(header.Get("Content-Type"), "application/json") {
			t.Errorf("%s %s: %d %v %s", test.method, test.path, status, header, body)
		}
	}
	s.end()

	// The second start shows no key.
	s = p.serve()
	if s.ready.Key != nil || s.ready.Project != nil {
		t.Errorf("%+v", s.ready)
	}
	if status, _, body := s.do("GET", "/api/v1/affiliates", ""); status != http.StatusUnauthorized ||
		!strings.Contains(body, `"success":false`) {
		t.Errorf("%d %s", status, body)
	}
	s.end()
}

func TestServeTellsItsAddressAndKey(t *testing.T) {
	t.Parallel()
	p := setup(t)
	start := func() (stdout string, log *journal) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		out, log := new(journal), new(journal)
		ended := make(chan int, 1)
		go func() { ended <- run(ctx, []string{"serve", "--db", p.db, "--addr", "127.0.0.1:0"}, out, log) }()
		log.wait(t, "listening")
		stop()
		if code := <-ended; code != exitDone {
			t.Errorf("exit code %d: %s", code, log)
		}
		return out.String(), log
	}
	first, log := start()
	var key string
	for line := range strings.Lines(first) {
		if strings.HasPrefix(line, "rgk_") {
			key = strings.TrimSpace(line)
		}
	}
	url, _, _ := strings.Cut(strings.TrimPrefix(first, "listening on "), "\n")
	if curl := fmt.Sprintf("\ncurl -H \"Authorization: Bearer %s\" %s/api/v1/affiliates\n", key, url); key == "" ||
		!strings.Contains(first, curl) {
		t.Errorf("no key on a line of its own, or no %q in\n%s", curl, first)
	}
	if strings.Contains(log.String(), key) {
		t.Error("the key is in the log")
	}
	second, _ := start()
	if strings.Contains(second, "rgk_") || strings.Count(second, "\n") != 1 {
		t.Errorf("the second start says %s", second)
	}
	// With a project and no key there is no way in; the log says how to get one.
	p.must("key", "revoke", "1")
	if _, log := start(); !strings.Contains(log.String(), "refgrow key create") {
		t.Errorf("%s", log)
	}
}

func TestServeOptions(t *testing.T) {
	t.Parallel()
	const unknown = `{"email": "%s@example.com", "shoe_size": 42}`

	p := setup(t)
	strict := p.serve("--rate-limit", "3")
	status, header, body := strict.do("POST", "/api/v1/affiliates", fmt.Sprintf(unknown, "a"))
	if status != http.StatusBadRequest || header.Get("X-RateLimit-Limit") != "3" {
		t.Errorf("%d %v %s", status, header, body)
	}
	strict.do("GET", "/api/v1/affiliates", "")
	strict.do("GET", "/api/v1/affiliates", "")
	if status, header, body := strict.do("GET", "/api/v1/affiliates", ""); status != http.StatusTooManyRequests ||
		header.Get("Retry-After") == "" {
		t.Errorf("%d %v %s", status, header, body)
	}
	strict.end()

	p = setup(t)
	easy := p.serve("--rate-limit", "0", "--lenient", "--trusted-proxy", "127.0.0.0/8", "--trusted-proxy", "::1")
	status, _, body = easy.do("POST", "/api/v1/affiliates", fmt.Sprintf(unknown, "a"))
	if status != http.StatusCreated {
		t.Errorf("%d %s", status, body)
	}
	for range 150 {
		if status, _, body := easy.do("GET", "/api/v1/affiliates", ""); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	easy.end()
}

// What is running when the signal comes ends first: the request is answered, and its
// change is kept.
func TestServeFinishesRunningRequests(t *testing.T) {
	t.Parallel()
	p := setup(t)
	s := p.serve()
	body := `{"email": "jane@example.com"}`
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.ready.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := beginRequest(t, conn, *s.ready.Key, len(body))
	s.stop()
	s.log.wait(t, "stopping")
	select {
	case code := <-s.ended:
		t.Fatalf("it did not wait for the request: exit code %d", code)
	case <-time.After(300 * time.Millisecond):
	}
	if conn, err := net.DialTimeout("tcp", conn.RemoteAddr().String(), time.Second); err == nil {
		conn.Close()
		t.Error("it takes new connections while it stops")
	}
	if _, err := io.WriteString(conn, body); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(answers, nil)
	if err != nil || answer.StatusCode != http.StatusCreated {
		t.Fatalf("%+v, %v", answer, err)
	}
	answer.Body.Close()
	s.end()
	if got := decode[reportJSON](t, p.must("verify", "--json")); got.Affiliates != 1 {
		t.Errorf("%+v", got)
	}
}

// beginRequest sends a request without its body, and returns when the server has begun
// to read that, which Expect makes it say.
func beginRequest(t *testing.T, conn net.Conn, key string, length int) (answers *bufio.Reader) {
	t.Helper()
	if _, err := fmt.Fprintf(conn, "POST /api/v1/affiliates HTTP/1.1\r\nHost: refgrow\r\nAuthorization: Bearer %s\r\n"+
		"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n", key, length); err != nil {
		t.Fatal(err)
	}
	answers = bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("%q, %v", line, err)
	}
	if line, err := answers.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	return answers
}

// While somebody else holds the database's lock, the clicks that wait cannot be written.
// Nobody was promised that they count: the server ends in time, says what is lost, and
// that is no failure.
func TestServeStopsWhileTheDatabaseIsLocked(t *testing.T) {
	t.Parallel()
	p := setup(t)
	s := p.serve("--stop-within", "1s")
	s.do("POST", "/api/v1/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`)
	s.do("PUT", "/api/v1/project", `{"landing_url": "https://shop.example/"}`)
	s.do("GET", "/r/JANE", "") // from now on the code is known without the database
	s.log.wait(t, "request")
	for end := time.Now().Add(20 * time.Second); p.count("SELECT COUNT(*) FROM refgrow_clicks") == 0; {
		if time.Sleep(5 * time.Millisecond); time.Now().After(end) {
			t.Fatalf("the first click is not written: %s", s.log)
		}
	}
	other, err := sql.Open("sqlite", "file:"+p.db+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	lock, err := other.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := lock.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if status, _, body := s.do("GET", "/r/JANE", ""); status != http.StatusFound {
			t.Errorf("%d %s", status, body)
		}
	}
	s.end()
	if log := s.log.String(); !strings.Contains(log, "are lost") || !strings.Contains(log, "clicks=3") {
		t.Errorf("the log does not say what is lost: %s", log)
	}
	if _, err := lock.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	p.must("verify")
}

// A port that is taken costs no key.
func TestServeOnTakenPort(t *testing.T) {
	t.Parallel()
	p := setup(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	code, stdout, stderr := p.run("serve", "--addr", taken.Addr().String())
	if code != exitFailed || stdout != "" || !strings.Contains(stderr, "cannot listen on "+taken.Addr().String()) {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	s := p.serve()
	if s.ready.Key == nil {
		t.Error("the first key was made, and never shown")
	}
	s.end()
}

// A journal keeps what is written, for others to read in the meantime.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) wait(t *testing.T, what string) {
	t.Helper()
	until := time.Now().Add(20 * time.Second)
	for !strings.Contains(j.String(), what) {
		if time.Now().After(until) {
			t.Fatalf("no %q in the log: %s", what, j)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Health means more than that the process is alive.
func TestHealthWithoutDatabase(t *testing.T) {
	t.Parallel()
	engine, _ := refgrowtest.New(t)
	handler := new(serveFlags).handler(engine, 0, slog.New(slog.DiscardHandler))
	for _, path := range []string{"/healthz", "/readyz"} {
		if status := statusOf(t.Context(), handler, path); status != http.StatusOK {
			t.Errorf("%s: %d", path, status)
		}
	}
	if err := engine.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status := statusOf(t.Context(), handler, path); status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func statusOf(ctx context.Context, handler http.Handler, path string) int {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
	return recorder.Code
}

// Ready means that the database can be written, which it cannot while somebody else
// does not let go of it.
func TestNotReady(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/refgrow.db"
	var stores [2]*sqlite.DB
	for i := range stores {
		store, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		stores[i] = store
	}
	engine, _ := refgrowtest.On(t, stores[0])
	handler := new(serveFlags).handler(engine, 0, slog.New(slog.DiscardHandler))
	if err := stores[1].Tx(t.Context(), func(*sql.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if status := statusOf(ctx, handler, "/readyz"); status != http.StatusServiceUnavailable {
			t.Errorf("/readyz: %d", status)
		}
		if status := statusOf(t.Context(), handler, "/healthz"); status != http.StatusOK {
			t.Errorf("/healthz: %d", status)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if status := statusOf(t.Context(), handler, "/readyz"); status != http.StatusOK {
		t.Errorf("/readyz afterwards: %d", status)
	}
}

// What is written to a file that was removed is gone: a server is not ready then, though
// it lives. Once the file is back, it is ready.
func TestNotReadyWithoutItsFile(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/refgrow.db"
	store, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	engine, _ := refgrowtest.On(t, store)
	var log strings.Builder
	handler := new(serveFlags).handler(engine, 0, slog.New(slog.NewTextHandler(&log, nil)))
	if err := os.Rename(path, path+".away"); err != nil {
		t.Skip(err) // where an open file cannot be renamed
	}
	if status := statusOf(t.Context(), handler, "/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", status)
	}
	if !strings.Contains(log.String(), path+" was removed or renamed") {
		t.Errorf("the log says %s", &log)
	}
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if status := statusOf(t.Context(), handler, "/readyz"); status != http.StatusOK {
		t.Errorf("/readyz afterwards: %d", status)
	}
}
