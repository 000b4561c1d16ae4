package main

import (
	"bufio"
	"context"
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

// fullAttack reports whether the suites named TestAttack run in their long form.
func fullAttack() bool { return os.Getenv("REFGROW_ATTACK") != "" }

// A line is a listener whose connections are pipes, so that time can be virtual.
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

// slowly sends a text, a byte each second, and gives up when nobody takes it any
// longer.
func slowly(conn net.Conn, text string) {
	for i := range len(text) {
		if _, err := conn.Write([]byte{text[i]}); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// Whoever is slow is cut off, at the time that the server promises. Time is that of
// synctest's clock: a second takes no time.
func TestAttackSlowConnectionsAreCutOff(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("is about time, not about what runs in parallel")
	}
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
		go func() {
			served <- c.serveOn(ctx, listener, new(serveFlags).handler(engine, 0, c.log), time.Minute, engine.FlushClicks)
		}()

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
				_, _ = io.WriteString(conn, "POST /api/v1/affiliates"+
					authorized+"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
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
		text := strings.ReplaceAll(log.String(), `level=WARN msg="authentication failed"`, "")
		if strings.Contains(text, "WARN") ||
			strings.Contains(text, "ERROR") || strings.Contains(text, key) {
			t.Errorf("the log: %s", text)
		}
	})
}

// A crowd is many clients that hold connections to a server, and do not let go.
type crowd struct {
	address, key string
	stop         chan struct{}
	running      sync.WaitGroup

	mu   sync.Mutex
	cuts []time.Duration // how long the connections lived that the server ended
	dead int             // how many could not connect
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

// drip sends a beginning, and then more every now and then until nobody takes it.
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
// one busy, for 30 seconds (the short form: 2). Whoever reads in the meantime is
// served, soon, and in the end all of the connections have been cut off.
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
		// Closed for writing in the middle of a request: there is nothing more to wait
		// for.
		c.hold(func(conn net.Conn) error {
			if _, err := io.WriteString(conn, "POST /api/v1/affiliates"+
				authorized+"Content-Length: 100000\r\n\r\n{"); err != nil {
				return err
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				return err
			}
			err := drip(conn, "", "")
			time.Sleep(100 * time.Millisecond) // this does not test the number of connections per second
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
			method, path, body, want = http.MethodPost, "/api/v1/affiliates",
				fmt.Sprintf(`{"email": "a%d@example.com"}`, n), http.StatusCreated
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
		<-time.After(answerWithin - lasts + 5*time.Second) // until even those that do not read have used up their time
	}
	close(c.stop)
	c.running.Wait()
	slices.Sort(c.cuts)
	t.Logf("200 connections for %v: %d requests are served in p50 %v, "+
		"p99 %v, at most %v; %d connections were cut off; the server has %s",
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
	if text := log.String(); strings.Contains(text, key) || strings.Contains(text, "ERROR") ||
		strings.Contains(text, "panic") {
		t.Errorf("the log: %s", text)
	}
}

// rss is the memory of a process, where the system says so.
func rss(cmd *exec.Cmd) string {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	for line := range strings.Lines(string(status)) {
		if of, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strings.TrimSpace(of)
		}
	}
	return "unknown memory"
}
