package main

import (
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/webhook"
)

// A receiver is somebody's server that receives webhooks.
type receiver struct {
	*httptest.Server

	got chan received
}

type received struct {
	header http.Header
	body   []byte
}

// receive starts a receiver, which does something before it answers.
func receive(t *testing.T, before func()) *receiver {
	t.Helper()
	r := &receiver{got: make(chan received, 100)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Error(err)
		}
		r.got <- received{request.Header, body}
		before()
	}))
	t.Cleanup(r.Close)
	return r
}

// next waits for a request.
func (r *receiver) next(t *testing.T) received {
	t.Helper()
	select {
	case got := <-r.got:
		return got
	case <-time.After(20 * time.Second):
		t.Fatal("nothing is sent")
		return received{}
	}
}

// until asks for the log of a webhook until it looks right.
func (p *commandLine) until(id string, right func([]deliveryJSON) bool) []deliveryJSON {
	p.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		log := decode[[]deliveryJSON](p.t, p.must("webhook", "deliveries", id, "--json"))
		if right(log) {
			return log
		}
		if time.Now().After(end) {
			p.t.Fatalf("the log of webhook %s is %+v", id, log)
		}
	}
}

// made creates a webhook and returns its secret.
func (p *commandLine) made(url string, args ...string) (secret string) {
	p.t.Helper()
	code, stdout, stderr := p.run(append([]string{"webhook", "create", "--url", url}, args...)...)
	if code != exitDone {
		p.t.Fatalf("exit code %d, %s", code, stderr)
	}
	return strings.TrimSpace(stdout)
}

func succeeded(n int) func([]deliveryJSON) bool {
	return func(log []deliveryJSON) bool {
		done := 0
		for _, d := range log {
			if d.Status == "succeeded" {
				done++
			}
		}
		return done >= n
	}
}

func TestServeSendsWebhooks(t *testing.T) {
	t.Parallel()
	p := setup(t)
	s := p.serve("--webhook-allow-private")
	r := receive(t, func() {})
	status, _, body := s.do("POST", "/api/v1/webhooks", `{"url": "`+r.URL+`/hooks", "events": ["referral_converted"]}`)
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	_, rest, _ := strings.Cut(body, `"secret":"`)
	secret, _, _ := strings.Cut(rest, `"`)
	s.do("POST", "/api/v1/conversions", `{"type": "purchase", "email": "carl@example.com", "base_value": 49.00}`)
	got := r.next(t)
	if err := webhook.Verify(got.body, got.header, secret); err != nil ||
		got.header.Get("X-Refgrow-Event") != "referral_converted" ||
		!strings.Contains(string(got.body), `"base_value":49`) || strings.Contains(string(got.body), `"test"`) {
		t.Errorf("%v: %v %s", err, got.header, got.body)
	}
	// What another process wrote is sent too.
	p.said(whoSends, "webhook", "test", "1", "--event", "referral_updated")
	if got := r.next(t); got.header.Get("X-Refgrow-Event") != "referral_updated" ||
		!strings.Contains(string(got.body), `"test":true`) {
		t.Errorf("%v %s", got.header, got.body)
	}
	for _, d := range p.until("1", succeeded(2)) {
		if d.Attempts != 1 || *d.ResponseStatus != http.StatusOK || d.Error != nil {
			t.Errorf("%+v", d)
		}
	}
	s.end()

	// What happens while no server runs waits for the next one.
	p.said(whoSends, "webhook", "replay", "1", "--delivery", "1")
	s = p.serve("--webhook-allow-private")
	again := r.next(t)
	if again.header.Get("Webhook-Id") != got.header.Get("Webhook-Id") || string(again.body) != string(got.body) {
		t.Errorf("%v %s", again.header, again.body)
	}
	s.log.wait(t, "without --secret-key-file the secrets of webhooks are stored unencrypted")
	s.end()
	if strings.Contains(s.log.String(), secret) {
		t.Error("the secret is in the log")
	}
}

// Unless it is allowed, no connection reaches a machine on one's own network.
func TestServeSendsToPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	p := setup(t)
	s := p.serve()
	r := receive(t, func() { t.Error("it was reached") })
	if p.made(r.URL, "--unsigned") != "" {
		t.Error("there is a secret")
	}
	p.said(whoSends, "webhook", "test", "1")
	log := p.until("1", func(log []deliveryJSON) bool { return log[0].Error != nil })
	if d := log[0]; d.Status != "pending" || d.ResponseStatus != nil ||
		!strings.Contains(*d.Error, "the address is not public") {
		t.Errorf("%+v, %s", d, *d.Error)
	}
	s.end()
	s = p.serve() // no webhook is signed: there is nothing to warn about
	s.end()
	if strings.Contains(s.log.String(), "unencrypted") {
		t.Errorf("%s", s.log)
	}
}

// With a key, the database has no secret in it; with a different one, the endpoints
// whose secrets it cannot read get nothing, and the others do.
func TestServeWithSecretKey(t *testing.T) {
	t.Parallel()
	p := setup(t)
	first := p.keyFile("first.key", []byte(hex.EncodeToString(keyOf(1))+"\n"))
	second := p.keyFile("second.key", keyOf(2))
	s := p.serve("--webhook-allow-private", "--secret-key-file", first)
	r := receive(t, func() {})
	status, _, body := s.do("POST", "/api/v1/webhooks", `{"url": "`+r.URL+`/first"}`)
	_, rest, _ := strings.Cut(body, `"secret":"`)
	secret, _, _ := strings.Cut(rest, `"`)
	if status != http.StatusCreated || !strings.HasPrefix(secret, "whsec_") {
		t.Fatalf("%d %s", status, body)
	}
	s.do("POST", "/api/v1/webhooks/1/test", "")
	if got := r.next(t); webhook.Verify(got.body, got.header, secret) != nil {
		t.Errorf("%v", got.header)
	}
	p.until("1", succeeded(1))
	s.end()
	s = p.serve() // without its key nothing is sent, and that is what is said
	s.log.wait(t, "nothing is sent to webhooks whose secrets are encrypted: give their --secret-key-file")
	s.end()
	if p.holds(secret) || p.holds(strings.TrimPrefix(secret, "whsec_")) {
		t.Error("the file has the secret")
	}
	if strings.Contains(s.log.String(), "unencrypted") || strings.Contains(s.log.String(), secret) {
		t.Errorf("%s", s.log)
	}

	other := p.made(r.URL+"/second", "--secret-key-file", second)
	p.said(whoSends, "webhook", "test", "1")
	p.said(whoSends, "webhook", "test", "2")
	s = p.serve("--webhook-allow-private", "--secret-key-file", second)
	if got := r.next(t); webhook.Verify(got.body, got.header, other) != nil {
		t.Errorf("%v", got.header)
	}
	p.until("2", succeeded(1))
	s.log.wait(t, "the secret key is missing or is a different one")
	s.end()
	if log := p.until("1", succeeded(1)); log[0].Status != "pending" || log[0].Attempts != 0 {
		t.Errorf("%+v", log[0])
	}
	s = p.serve("--webhook-allow-private", "--secret-key-file", first)
	if got := r.next(t); webhook.Verify(got.body, got.header, secret) != nil {
		t.Errorf("%v", got.header)
	}
	p.until("1", succeeded(2))
	s.end()
}

// A signal lets a request that is under way end: its outcome is noted, and it is not
// sent again.
func TestSignalWhileSending(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no way to send such signals to another process")
	}
	p := setup(t)
	cmd, log, _, _ := p.process("--webhook-allow-private")
	answer := make(chan struct{})
	r := receive(t, func() { <-answer })
	p.made(r.URL)
	p.said(whoSends, "webhook", "test", "1")
	r.next(t)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	log.wait(t, "stopping")
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		t.Errorf("it did not wait for the answer: %v", err)
		close(answer)
		return
	case <-time.After(300 * time.Millisecond):
	}
	close(answer)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("%v: %s", err, log)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("it does not end: %s", log)
	}
	if got := p.until("1", succeeded(1)); len(got) != 1 || got[0].Attempts != 1 {
		t.Errorf("%+v", got)
	}
}
