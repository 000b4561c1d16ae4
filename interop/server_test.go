package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A server is a process that serves the REST API and delivers webhooks. It is
// killed and started again while clients use it.
type server struct {
	t      *testing.T
	start  func(context.Context) *exec.Cmd
	key    string
	client *http.Client

	mu     sync.Mutex
	url    string
	cmd    *exec.Cmd
	log    *bytes.Buffer
	starts int
}

// hurried is the command of a server whose clock goes faster.
func hurried(file string, began time.Time) func(context.Context) *exec.Cmd {
	return func(ctx context.Context) *exec.Cmd { return withClock(ourselves(ctx, serving, file), began) }
}

// ourselves is the command of this binary in another role.
func ourselves(ctx context.Context, role, file string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role, fileVariable+"="+file)
	return cmd
}

// withClock gives a process the hurried clock.
func withClock(cmd *exec.Cmd, began time.Time) *exec.Cmd {
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", beganVariable, began.UnixMilli()))
	return cmd
}

// released is the command of the binary that we ship.
func released(t *testing.T, file string) func(context.Context) *exec.Cmd {
	t.Helper()
	return servingWith(build(t), file)
}

// servingWith is the same for a binary that was built before.
func servingWith(binary, file string) func(context.Context) *exec.Cmd {
	return func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, binary, "serve", "--db", file, "--addr", "127.0.0.1:0",
			"--rate-limit", "0", "--webhook-allow-private")
	}
}

// build makes the binary, once for all tests.
func build(t *testing.T) string {
	t.Helper()
	binary, err := building()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// binaries is a folder that TestMain makes and removes.
var binaries string

var building = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(binaries, "refgrow")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	cmd := exec.Command("go", "build", "-o", binary, "./cmd/refgrow")
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
})

func newServer(t *testing.T, key string, start func(context.Context) *exec.Cmd) *server {
	t.Helper()
	s := &server{t: t, start: start, key: key, client: &http.Client{Timeout: 10 * time.Second}}
	s.boot()
	t.Cleanup(s.kill)
	return s
}

// boot starts the process and waits until it listens.
func (s *server) boot() {
	s.t.Helper()
	log := new(bytes.Buffer)
	cmd := s.start(s.t.Context())
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	var url string
	lines := bufio.NewScanner(stdout)
	for url == "" && lines.Scan() {
		url, _ = strings.CutPrefix(lines.Text(), "listening on ")
	}
	s.mu.Lock()
	s.url, s.cmd, s.log = url, cmd, log
	s.starts++
	s.mu.Unlock()
	if url == "" {
		s.kill()
		s.t.Fatalf("the server did not start: %s", log)
	}
}

// kill ends the process at once, in the middle of whatever it is doing.
func (s *server) kill() {
	s.mu.Lock()
	cmd := s.cmd
	s.mu.Unlock()
	if err := cmd.Process.Kill(); err != nil && !strings.Contains(err.Error(), "already finished") {
		s.t.Error(err)
	}
	_ = cmd.Wait() // it was killed
}

// again is how long a client waits before it tries again.
const again = 20 * time.Millisecond

// call sends a request until there is an answer. A POST has an idempotency key, so that
// it is done once whatever happens to the server in the meantime. sure is false when an
// earlier try may have done it.
func (s *server) call(method, path, once, body string) (status int, answer []byte, sure bool, err error) {
	for sure = true; ; sure = false {
		status, answer, err = s.try(method, path, once, body)
		if err == nil && status != http.StatusServiceUnavailable || s.t.Context().Err() != nil {
			return status, answer, sure, err
		}
		<-time.After(again)
	}
}

func (s *server) try(method, path, once, body string) (int, []byte, error) {
	s.mu.Lock()
	url := s.url
	s.mu.Unlock()
	request, err := http.NewRequestWithContext(s.t.Context(), method, url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+s.key)
	if once != "" {
		request.Header.Set("Idempotency-Key", once)
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, text, err
}

// must is call for what has to succeed, and returns the data of the answer.
func must[T any](s *server, method, path, once, body string, want int) T {
	s.t.Helper()
	var result struct {
		Data T `json:"data"`
	}
	status, answer, _, err := s.call(method, path, once, body)
	if err != nil || status != want {
		s.t.Fatalf("%s %s %s: %d %s %v", method, path, body, status, answer, err)
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		s.t.Fatalf("%s %s: %v: %s", method, path, err, answer)
	}
	return result.Data
}
