package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// fullAttack tells whether the suites named TestAttack run in their long form.
func fullAttack() bool { return os.Getenv("REFGROW_ATTACK") != "" }

// A line is a listener whose connections are pipes, so that time can be made up.
type line struct {
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newLine() *line { return &line{accept: make(chan net.Conn), closed: make(chan struct{})} }

func (l *line) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *line) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *line) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (l *line) dial() net.Conn {
	here, there := net.Pipe()
	l.accept <- there
	return here
}

// slowly sends a text, a byte each second, and gives up when nobody takes it any more.
func slowly(conn net.Conn, text string) {
	for i := range len(text) {
		if _, err := conn.Write([]byte{text[i]}); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// Whoever is slow is cut off, each at the time that the program promises. It is the
// time of synctest's clock: a second is none.
func TestAttackSlowConnectionsAreCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		engine, _ := refgrowtest.New(t)
		shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{})
		if err != nil {
			t.Fatal(err)
		}
		key, _, err := engine.CreateKey(t.Context(), shop, refgrow.CreateKeyParams{})
		if err != nil {
			t.Fatal(err)
		}
		log := new(journal)
		c := &call{log: slog.New(slog.NewTextHandler(log, nil))}
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		listener := newLine()
		served := make(chan error, 1)
		go func() { served <- c.serveOn(ctx, listener, new(serveFlags).handler(engine, c.log)) }()

		const (
			host  = " HTTP/1.1\r\nHost: refgrow\r\n"
			noEnd = "400 Bad Request"
		)
		authorized := host + "Authorization: Bearer " + key + "\r\n"
		endless := strings.Repeat("x", 1000)
		read := func(conn net.Conn) string {
			text, _ := io.ReadAll(conn) // until it is cut off
			return string(text)
		}
		answered := func(conn net.Conn, request string) {
			_, err := io.WriteString(conn, request)
			if err != nil {
				t.Error(err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, answer.Body)
		}
		var clients sync.WaitGroup
		for name, client := range map[string]struct {
			does  func(net.Conn) string
			after time.Duration
			says  string
		}{
			"nothing": {read, headerWithin, ""},
			"half a line": {func(conn net.Conn) string {
				_, _ = io.WriteString(conn, "GET /api")
				return read(conn)
			}, headerWithin, noEnd},
			"a slow header": {func(conn net.Conn) string {
				go slowly(conn, "GET /healthz"+host+"X: "+endless)
				return read(conn)
			}, headerWithin, noEnd},
			"a slow body": {func(conn net.Conn) string {
				_, _ = io.WriteString(conn, "POST /api/v1/affiliates"+authorized+"Content-Length: 1000\r\n\r\n")
				go slowly(conn, endless)
				return read(conn)
			}, requestWithin, "it took too long"},
			"a slow body of pieces": {func(conn net.Conn) string {
				_, _ = io.WriteString(conn, "PUT /api/v1/project"+authorized+"Transfer-Encoding: chunked\r\n\r\n")
				go slowly(conn, strings.Repeat("1\r\nx\r\n", 100))
				return read(conn)
			}, requestWithin, "it took too long"},
			"a body that never comes": {func(conn net.Conn) string {
				_, _ = io.WriteString(conn, "POST /api/v1/affiliates"+authorized+"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
				return read(conn)
			}, requestWithin, "it took too long"},
			"a slow body and no key": {func(conn net.Conn) string {
				_, _ = io.WriteString(conn, "POST /api/v1/affiliates"+host+"Content-Length: 1000\r\n\r\n")
				go slowly(conn, endless)
				return read(conn)
			}, requestWithin, "401 Unauthorized"},
			"a slow message of a browser": {func(conn net.Conn) string {
				_, _ = io.WriteString(conn, "POST /refgrow/track"+host+"Content-Length: 1000\r\n\r\n")
				go slowly(conn, endless)
				return read(conn)
			}, requestWithin, "202 Accepted"},
			"one request, then nothing": {func(conn net.Conn) string {
				answered(conn, "GET /healthz"+host+"\r\n")
				return read(conn)
			}, idleFor, ""},
			"one request, then a slow one": {func(conn net.Conn) string {
				answered(conn, "GET /healthz"+host+"\r\n")
				go slowly(conn, "GET /healthz"+host+"X: "+endless)
				return read(conn)
			}, headerWithin + 3*time.Second, noEnd}, // it counts from the fourth byte
			"no reading of the answer": {func(conn net.Conn) string {
				_, _ = io.WriteString(conn, "GET /api/v1/affiliates"+authorized+"\r\n")
				time.Sleep(answerWithin + time.Millisecond)
				return read(conn)
			}, answerWithin, ""},
		} {
			clients.Go(func() {
				conn := listener.dial()
				defer conn.Close()
				began := time.Now()
				said := client.does(conn)
				if took := time.Since(began); took < client.after || took > client.after+time.Second {
					t.Errorf("%s: cut off after %v, not %v", name, took, client.after)
				}
				if !strings.Contains(said, client.says) || client.says == "" && said != "" {
					t.Errorf("%s: it says %q", name, said)
				}
			})
		}
		// The others are served all the while.
		for range 130 {
			conn := listener.dial()
			began := time.Now()
			answered(conn, "GET /healthz"+host+"\r\n")
			if took := time.Since(began); took != 0 {
				t.Errorf("somebody waits for %v", took)
			}
			conn.Close()
			time.Sleep(time.Second)
		}
		clients.Wait()
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if text := log.String(); strings.Contains(text, "WARN") || strings.Contains(text, "ERROR") || strings.Contains(text, key) {
			t.Errorf("the log: %s", text)
		}
	})
}

// A crowd are clients that hold connections to a server, and do not let it go.
type crowd struct {
	address, key string
	stop         chan struct{}
	running      sync.WaitGroup

	mu   sync.Mutex
	cuts []time.Duration // how long those lived that the server ended
	dead int             // could not connect
}

// hold keeps one connection after another, each of which does something.
func (c *crowd) hold(does func(net.Conn) error) {
	c.running.Go(func() {
		for {
			select {
			case <-c.stop:
				return
			default:
			}
			conn, err := net.DialTimeout("tcp", c.address, 5*time.Second)
			if err != nil {
				c.mu.Lock()
				c.dead++
				c.mu.Unlock()
				return
			}
			began := time.Now()
			ended := make(chan struct{})
			go func() {
				select {
				case <-c.stop:
					conn.Close()
				case <-ended:
				}
			}()
			err = does(conn)
			close(ended)
			conn.Close()
			select {
			case <-c.stop:
				return
			default:
			}
			if err != nil {
				c.mu.Lock()
				c.cuts = append(c.cuts, time.Since(began))
				c.mu.Unlock()
			}
		}
	})
}

// drip sends a beginning, and then a byte every now and then until nobody takes it.
func drip(conn net.Conn, beginning, more string) error {
	if _, err := io.WriteString(conn, beginning); err != nil {
		return err
	}
	gone := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn)
		gone <- errors.Join(err, io.EOF)
	}()
	for i := 0; ; i++ {
		select {
		case err := <-gone:
			return err
		case <-time.After(500 * time.Millisecond):
		}
		if more == "" {
			continue
		}
		if _, err := conn.Write([]byte{more[i%len(more)]}); err != nil {
			return err
		}
	}
}

// TestAttackConnections holds 200 connections to a real server, in every way that keeps
// one busy, for 30 seconds (the short form: 2). Who reads meanwhile is served, soon, and
// in the end all of them were cut off.
func TestAttackConnections(t *testing.T) {
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("starts a process, and ends it with a signal")
	}
	p := setup(t)
	cmd, log, key, address := p.process("--rate-limit", "0")
	lasts, within := 2*time.Second, 5*time.Second // whatever else this machine does
	if fullAttack() {
		lasts, within = 30*time.Second, 200*time.Millisecond
	}
	const host = " HTTP/1.1\r\nHost: refgrow\r\n"
	authorized := host + "Authorization: Bearer " + key + "\r\n"
	c := &crowd{address: address, key: key, stop: make(chan struct{})}
	for range 25 {
		c.hold(func(conn net.Conn) error { return drip(conn, "", "") })
		c.hold(func(conn net.Conn) error { return drip(conn, "GET /healthz"+host, "X-A: b\r\n") })
		c.hold(func(conn net.Conn) error { return drip(conn, "GET /healthz"+host+"X: ", "x") })
		c.hold(func(conn net.Conn) error {
			return drip(conn, "POST /api/v1/affiliates"+authorized+"Content-Length: 100000\r\n\r\n", "x")
		})
		c.hold(func(conn net.Conn) error {
			return drip(conn, "POST /api/v1/affiliates"+host+"Content-Length: 100000\r\n\r\n", "x")
		})
		c.hold(func(conn net.Conn) error {
			return drip(conn, "POST /api/v1/conversions"+authorized+"Transfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n")
		})
		// Closed for writing in the middle of a request: there is nothing more to wait for.
		c.hold(func(conn net.Conn) error {
			if _, err := io.WriteString(conn, "POST /api/v1/affiliates"+authorized+"Content-Length: 100000\r\n\r\n{"); err != nil {
				return err
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				return err
			}
			err := drip(conn, "", "")
			time.Sleep(100 * time.Millisecond) // it is not a test of how many connections there are in a second
			return err
		})
		// Many requests at once, and none of the answers is read.
		c.hold(func(conn net.Conn) error {
			many := strings.Repeat("GET /api/v1/affiliates?limit=500"+authorized+"\r\n", 100)
			for {
				if err := conn.SetWriteDeadline(time.Now().Add(100 * time.Second)); err != nil {
					return err
				}
				if _, err := io.WriteString(conn, many); err != nil {
					return err
				}
			}
		})
	}
	took, until := []time.Duration{}, time.Now().Add(lasts)
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	for n := 0; time.Now().Before(until); n++ {
		body := ""
		method, path, want := http.MethodGet, "/api/v1/affiliates?limit=20", http.StatusOK
		if n%10 == 0 {
			method, path, body, want = http.MethodPost, "/api/v1/affiliates", fmt.Sprintf(`{"email": "a%d@example.com"}`, n), http.StatusCreated
		}
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+key)
		began := time.Now()
		answer, err := client.Do(request)
		if err != nil {
			t.Fatalf("a client is not served: %v", err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		took = append(took, time.Since(began))
		if answer.StatusCode != want {
			t.Fatalf("a client is answered with %d", answer.StatusCode)
		}
		<-time.After(5 * time.Millisecond)
	}
	slices.Sort(took)
	p50, p99 := took[len(took)/2], took[(len(took)-1)*99/100]
	memory := rss(cmd)
	if fullAttack() {
		<-time.After(answerWithin - lasts + 5*time.Second) // until even those had their time that do not read
	}
	close(c.stop)
	c.running.Wait()
	slices.Sort(c.cuts)
	t.Logf("200 connections for %v: %d requests are served in p50 %v, p99 %v, at most %v; %d connections were cut off; the server has %s",
		lasts, len(took), p50, p99, took[len(took)-1], len(c.cuts), memory)
	if p99 > within || c.dead > 0 {
		t.Errorf("the p99 is %v, and %d could not connect", p99, c.dead)
	}
	if fullAttack() && (len(c.cuts) < 175 || c.cuts[len(c.cuts)-1] > answerWithin+10*time.Second) {
		t.Errorf("%d were cut off, the last after %v", len(c.cuts), c.cuts[len(c.cuts)-1])
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the server ends with %v: %s", err, log)
	}
	if text := log.String(); strings.Contains(text, key) || strings.Contains(text, "ERROR") || strings.Contains(text, "panic") {
		t.Errorf("the log: %s", text)
	}
}

// rss is the memory of a process, where the system tells.
func rss(cmd *exec.Cmd) string {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	for line := range strings.Lines(string(status)) {
		if of, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(of)
		}
	}
	return "memory that nobody tells"
}

// raw sends bytes and reads what comes back until the server closes the connection, or
// until it has said enough.
func (s *server) raw(text string) string {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.ready.URL, "http://"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }() // it need not take all of it
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	var said strings.Builder
	_, err = io.Copy(&said, io.LimitReader(conn, 1<<20))
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		s.t.Errorf("%.100q is not ended: %q", text, said.String())
	}
	return said.String()
}

// Paths that try to be others are answered in JSON, and no other path's answer.
func TestAttackPaths(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("is long, and sends one request after another")
	}
	p := setup(t)
	s := p.serve("--rate-limit", "0")
	s.do("POST", "/api/v1/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`)
	for _, test := range []struct {
		target string
		status int
	}{
		{"/api/v1/affiliates", 200}, {"http://refgrow/api/v1/affiliates", 200}, {"http://evil.example/api/v1/affiliates", 200},
		{"//api/v1/affiliates", 404}, {"/api//v1/affiliates", 404}, {"/api/v1//affiliates", 404}, {"/api/v1/affiliates//", 404}, {"/api/v1/affiliates/", 404},
		{"/./api/v1/affiliates", 404}, {"/api/v1/./affiliates", 404}, {"/x/../api/v1/affiliates", 404}, {"/api/v1/x/../affiliates", 404},
		{"/api/v1/../v1/affiliates", 404}, {"/api/v1/affiliates/..", 400}, {"/api/v1/affiliates/../affiliates", 404}, {"/../../etc/passwd", 404},
		{"/%2e%2e/%2e%2e/etc/passwd", 404}, {"/api/v1/%2e%2e/v1/affiliates", 404}, {"/api/v1/affiliates/%2e%2e", 400}, {"/api/v1/affiliates/..%2faffiliates", 400},
		{"/api/v1/conversions/%2e%2e%2faffiliates", 400}, {"/api/v1/..%5caffiliates", 404}, {`/api/v1\affiliates`, 404}, {"/api/v1/%5caffiliates", 404},
		{"/api%2fv1%2faffiliates", 404}, {"/api/v1%2faffiliates", 404}, {"/%61pi/v1/affiliates", 404}, {"/api/v1/%61ffiliates", 200}, {"/api/v1/affiliates%2f", 404},
		{"/%2fapi/v1/affiliates", 404}, {"/api/v1/%2faffiliates", 404}, {"/%00", 404}, {"/api/v1/affiliates%00", 404}, {"/api/v1/%00/affiliates", 404},
		{"/api/v1/affiliates/%00", 400}, {"/api/v1/conversions/1%00", 400}, {"/api/v1/affiliates/jane@example.com%00", 400}, {"/api/v1/affiliates%20", 404},
		{"/api/v1/affiliates.json", 404}, {"/api/v1/affiliates;a=b", 404}, {"/API/V1/affiliates", 404}, {"/api/v1/Affiliates", 404}, {"/api/v2/affiliates", 404},
		{"/api/v1/%c0%ae%c0%ae/affiliates", 404}, {"/api/v1/affiliates/%c0%ae", 400}, {"/api/v1/affiliates/%ff", 400}, {"/api/v1/%e2%80%ae", 404},
		{"/api/v1/affiliates?a;b", 400}, {"/api/v1/affiliates?%zz", 400}, {"/api/v1/affiliates?limit=1&limit=2", 400}, {"/api/v1/affiliates?%00", 400}, {"/api/v1/affiliates?", 200},
		{"*", 404}, {"/*", 404}, {"/.git/config", 404}, {"/.env", 404}, {"/refgrow.db", 404}, {"/debug/pprof/", 404}, {"/debug/vars", 404}, {"/metrics", 404}, {"/server-status", 404},
		{"/healthz/", 404}, {"/healthz/..", 404}, {"//healthz", 404}, {"/healthz%00", 404}, {"/refgrow.js/", 404}, {"/refgrow.js%00", 404}, {"//refgrow.js", 404}, {"/REFGROW.JS", 404},
		{"/r/", 404}, {"/r//JANE", 404}, {"/r/x/y/JANE", 404}, {"/r/../JANE", 404}, {"/r/nobody/JANE", 404}, {"/r/%2e%2e/JANE", 404}, {"/r/default%2fJANE/x", 404}, {"//r/JANE", 404},
		{"/" + strings.Repeat("x", 30_000), 404}, {"/api/v1/" + strings.Repeat("x/", 10_000), 404}, {"/api/v1/affiliates/" + strings.Repeat("%2e", 10_000), 400},
	} {
		said := s.raw("GET " + test.target + " HTTP/1.1\r\nHost: refgrow\r\nConnection: close\r\nAuthorization: Bearer " + *s.ready.Key + "\r\n\r\n")
		answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(said)), nil)
		if err != nil {
			t.Fatalf("%.100s: %v in %q", test.target, err, said)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		var shown struct{ Success *bool }
		if err := json.Unmarshal(body, &shown); err != nil || shown.Success == nil || *shown.Success != (test.status == 200) || answer.StatusCode != test.status ||
			answer.Header.Get("Content-Type") != "application/json" || answer.Header.Get("Location") != "" {
			t.Errorf("%.100s: %d %v %.200s", test.target, answer.StatusCode, answer.Header, body)
		}
	}
	s.end()
}

// Whatever a referral link says, and whatever the request says of its host, it leads to
// the project's own pages, and sets no header but ours.
func TestAttackLinks(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("is long, and sends one request after another")
	}
	p := setup(t)
	s := p.serve("--rate-limit", "0", "--trusted-proxy", "127.0.0.1")
	s.do("POST", "/api/v1/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`)
	for _, landing := range []string{"https://shop.example/start", "/start"} {
		if status, _, body := s.do("PUT", "/api/v1/project", `{"landing_url": "`+landing+`"}`); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		for _, query := range []string{
			"", "?to=https://evil.example/", "?to=//evil.example/", "?to=/%5cevil.example", "?to=https:evil.example", "?to=https://shop.example@evil.example/",
			"?to=%0d%0aLocation:%20https://evil.example/", "?to=/%0d%0aSet-Cookie:%20evil=1", "?to=javascript:alert(1)", "?to=/&to=https://evil.example", "?to=%00",
			"?ref=evil.example", "?project=evil.example", "?to=https://shop.example.evil.example/", "?to=%2f%2fevil.example",
		} {
			for _, path := range []string{"/r/JANE", "/r/default/JANE", "/r/evil.example", "/r/default/%2f%2fevil.example", "/r/https:%2f%2fevil.example", "/r/%0d%0aEvil:%201"} {
				for _, headers := range []string{"", "X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: evil\r\nX-Original-URL: //evil.example/\r\n"} {
					said := s.raw("GET " + path + query + " HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nCookie: refgrow_ref_code=evil.example\r\n" + headers + "\r\n")
					answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(said)), nil)
					if err != nil {
						t.Fatalf("%s%s: %v in %q", path, query, err, said)
					}
					answer.Body.Close()
					to := answer.Header.Get("Location")
					if answer.StatusCode != http.StatusFound || to != landing && to != landing+"?ref=JANE" || strings.Contains(strings.ToLower(said), "evil") {
						t.Errorf("%s%s: %q", path, query, said)
					}
				}
			}
		}
	}
	s.end()
}

// What is no HTTP, or more than there may be, is refused and cut off, and the server
// goes on.
func TestAttackGarbage(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("is long, and sends one request after another")
	}
	p := setup(t)
	s := p.serve("--rate-limit", "0")
	const host = "Host: refgrow\r\n"
	authorized := host + "Authorization: Bearer " + *s.ready.Key + "\r\n"
	endless := "POST /api/v1/affiliates HTTP/1.1\r\n" + authorized + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("8000\r\n"+strings.Repeat("x", 0x8000)+"\r\n", 1000)
	for _, test := range []struct{ name, sends, says string }{
		{"a header of 2 MB", "GET /healthz HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", "431"},
		{"a header of 2 MB that never ends", "GET /healthz HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", 2<<20), "431"},
		{"many headers", "GET /healthz HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", 100_000) + "\r\n", "431"},
		{"a long path", "GET /" + strings.Repeat("x", 2<<20) + " HTTP/1.1\r\n" + host + "\r\n", "431"},
		{"a line that never ends", strings.Repeat("x", 2<<20), "431"},
		{"a body said to be huge", "POST /api/v1/affiliates HTTP/1.1\r\n" + authorized + "Content-Length: 1000000000000000\r\n\r\n{", "413"},
		{"a body that is huge", endless, "413"},
		{"a body said to be less than none", "POST /api/v1/affiliates HTTP/1.1\r\n" + authorized + "Content-Length: -1\r\n\r\n", "400"},
		{"a body of no number", "POST /api/v1/affiliates HTTP/1.1\r\n" + authorized + "Content-Length: 1e3\r\n\r\n", "400"},
		{"a body of more than a number", "POST /api/v1/affiliates HTTP/1.1\r\n" + authorized + "Content-Length: 99999999999999999999\r\n\r\n", "400"},
		{"two lengths", "POST /api/v1/affiliates HTTP/1.1\r\n" + authorized + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"},
		{"a packed transfer", "POST /api/v1/affiliates HTTP/1.1\r\n" + authorized + "Transfer-Encoding: gzip, chunked\r\n\r\n", "501"},
		{"two transfers", "POST /api/v1/affiliates HTTP/1.1\r\n" + authorized + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", "501"},
		{"pieces of no size", "POST /api/v1/affiliates HTTP/1.1\r\n" + authorized + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "400"},
		{"pieces of a huge size", "POST /api/v1/affiliates HTTP/1.1\r\n" + authorized + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "400"},
		{"no host", "GET /healthz HTTP/1.1\r\n\r\n", "400"},
		{"two hosts", "GET /healthz HTTP/1.1\r\n" + host + host + "\r\n", "400"},
		{"a host that is none", "GET /healthz HTTP/1.1\r\nHost: a\x00b\r\n\r\n", "400"},
		{"a header without a colon", "GET /healthz HTTP/1.1\r\n" + host + "X\r\n\r\n", "400"},
		{"a header's name with a blank", "GET /healthz HTTP/1.1\r\n" + host + "X y: z\r\n\r\n", "400"},
		{"a NUL in a header", "GET /healthz HTTP/1.1\r\n" + host + "X: a\x00b\r\n\r\n", "400"},
		{"a line break in a path", "GET /r/JANE\r\nX-Evil: 1 HTTP/1.1\r\n" + host + "\r\n", "400"},
		{"a wrong escape", "GET /api/v1/%zz HTTP/1.1\r\n" + host + "\r\n", "400"},
		{"a method that is none", "GE(T /healthz HTTP/1.1\r\n" + host + "\r\n", "400"},
		{"another protocol", "SSH-2.0-OpenSSH_9.6\r\n\r\n", "400"},
		{"another version", "GET /healthz HTTP/9.9\r\n" + host + "\r\n", "505"},
		{"HTTP/2 at once", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", ""},
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x00", 512) + "\r\n\r\n", "400"},
		{"random bytes", "\x00\xff\xfe\x01\x02\x03\r\n\r\n", "400"},
		{"requests, then garbage", strings.Repeat("GET /healthz HTTP/1.1\r\n"+host+"\r\n", 50) + "\x00garbage\r\n\r\n", `{"status":"ok"}`},
		{"an expectation that nobody meets", "POST /api/v1/affiliates HTTP/1.1\r\n" + authorized + "Connection: close\r\nExpect: miracle\r\nContent-Length: 2\r\n\r\n{}", "417"},
	} {
		said := s.raw(test.sends)
		if !strings.Contains(said, test.says) || test.says != "" && !strings.HasPrefix(said, "HTTP/1.1 ") || strings.Contains(said, "X-Evil") {
			t.Errorf("%s: it says %.300q", test.name, said)
		}
		if status, _, body := s.do("GET", "/healthz", ""); status != http.StatusOK {
			t.Fatalf("after %s: %d %s", test.name, status, body)
		}
	}
	// Two requests in one, for a proxy that reads a length where this server reads pieces:
	// what is left over is read as a request of its own, or not at all, and never as a part of
	// one that somebody else sends on the same connection.
	said := s.raw("POST /api/v1/affiliates HTTP/1.1\r\n" + authorized + "Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
		"GET /api/v1/smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if strings.Contains(said, "201 Created") {
		t.Errorf("%q", said)
	}
	if status, _, body := s.do("GET", "/api/v1/affiliates", ""); status != http.StatusOK || !strings.Contains(body, `"data":[]`) {
		t.Errorf("there is %s", body)
	}
	s.end()
	if text := s.log.String(); strings.Contains(text, *s.ready.Key) || strings.Contains(text, "ERROR") || strings.Contains(text, "panic") {
		t.Errorf("the log: %s", text)
	}
}
