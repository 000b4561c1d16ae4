package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow/internal/conformance"
)

// A server that is told to stop in the middle of a crowd, half of which hangs up
// whenever it likes, has written all that it acknowledged, and leaves no goroutine,
// file or connection behind.
func TestServeLeavesNothing(t *testing.T) {
	conformance.NothingLeft(t)
	p := setup(t)
	s := p.serve("--rate-limit", "0", "--webhook-allow-private").tracked()
	sent := make(chan struct{})
	r := receive(t, func() { <-sent }) // nobody has to read what it got: its channel has room
	status, _, body := s.do("POST", "/api/v1/webhooks", `{"url": "`+r.URL+`/hooks", "events": ["referral_signed_up"]}`)
	if status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	s.do("POST", "/api/v1/referrals", `{"email": "carl@example.com", "affiliate_id": 1}`)
	r.next(t) // it is under way when the server is told to stop

	var clients sync.WaitGroup
	var acknowledged atomic.Int64
	enough := make(chan struct{}, 1)
	for client := range 16 {
		clients.Go(func() {
			for i := 0; ; i++ {
				done, err := s.hasty(client, i)
				if err != nil {
					return // the server is gone
				}
				if done && acknowledged.Add(1) == 100 {
					enough <- struct{}{}
				}
			}
		})
	}
	select {
	case <-enough:
	case <-time.After(20 * time.Second):
		t.Errorf("in 20 seconds there were %d sales", acknowledged.Load())
	}
	s.stop()
	s.log.wait(t, "stopping")
	close(sent)
	s.end()
	clients.Wait()

	written := p.count("SELECT COUNT(*) FROM refgrow_conversions WHERE reference LIKE 'waited for %'")
	// A connection that breaks at the very end can take an answer with it.
	if told := int(acknowledged.Load()); written < told || written > told+16 {
		t.Errorf("%d sales were acknowledged, and %d were written", told, written)
	}
	p.must("verify")
}

// hasty sends one request on a connection of its own: some wait for the answer, some
// hang up before it comes, and some in the middle of the request. It reports whether a
// sale was acknowledged.
func (s *server) hasty(client, i int) (sold bool, err error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.ready.URL, "http://"))
	if err != nil {
		return false, err
	}
	defer conn.Close()
	waits := i%2 == 0
	what, key := "waited for", *s.ready.Key
	if !waits {
		what = "left"
	}
	body := fmt.Sprintf(`{"type": "purchase", "affiliate_id": 1, "base_value": 10, "reference": "%s %d-%d"}`,
		what, client, i)
	line := "POST /api/v1/conversions"
	switch i % 10 {
	case 1:
		line = "GET /r/JANE"
	case 3:
		line = "GET /api/v1/conversions?limit=500"
	case 5:
		key = "rgk_wrong"
	}
	request := fmt.Sprintf("%s HTTP/1.1\r\nHost: refgrow\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
		line, key, len(body), body)
	if i%4 == 3 {
		request = request[:len(request)-len(body)/2]
	}
	if _, err := io.WriteString(conn, request); err != nil || !waits {
		return false, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return false, err
	}
	if answer.StatusCode != http.StatusCreated {
		s.t.Errorf("%d %s", answer.StatusCode, text)
	}
	return true, nil
}
