package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

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

// Paths that try to be others are answered in JSON, and not with another path's answer.
func TestAttackPaths(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	s := p.serve("--rate-limit", "0")
	s.do("POST", "/api/v1/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`)
	for _, test := range []struct {
		target string
		status int
	}{
		{"/api/v1/affiliates", 200}, {"http://refgrow/api/v1/affiliates", 200},
		{"http://evil.example/api/v1/affiliates", 200},
		{"//api/v1/affiliates", 404}, {"/api//v1/affiliates", 404},
		{"/api/v1//affiliates", 404}, {"/api/v1/affiliates//", 404}, {"/api/v1/affiliates/", 200},
		{"/./api/v1/affiliates", 404}, {"/api/v1/./affiliates", 404},
		{"/x/../api/v1/affiliates", 404}, {"/api/v1/x/../affiliates", 404},
		{"/api/v1/../v1/affiliates", 404}, {"/api/v1/affiliates/..", 400},
		{"/api/v1/affiliates/../affiliates", 404}, {"/../../etc/passwd", 404},
		{"/%2e%2e/%2e%2e/etc/passwd", 404}, {"/api/v1/%2e%2e/v1/affiliates", 404},
		{"/api/v1/affiliates/%2e%2e", 400}, {"/api/v1/affiliates/..%2faffiliates", 400},
		{"/api/v1/conversions/%2e%2e%2faffiliates", 400}, {"/api/v1/..%5caffiliates", 404},
		{`/api/v1\affiliates`, 404}, {"/api/v1/%5caffiliates", 404},
		{"/api%2fv1%2faffiliates", 404}, {"/api/v1%2faffiliates", 404},
		{"/%61pi/v1/affiliates", 404}, {"/api/v1/%61ffiliates", 200}, {"/api/v1/affiliates%2f", 404},
		{"/%2fapi/v1/affiliates", 404}, {"/api/v1/%2faffiliates", 404},
		{"/%00", 404}, {"/api/v1/affiliates%00", 404}, {"/api/v1/%00/affiliates", 404},
		{"/api/v1/affiliates/%00", 400}, {"/api/v1/conversions/1%00", 400},
		{"/api/v1/affiliates/jane@example.com%00", 400}, {"/api/v1/affiliates%20", 404},
		{"/api/v1/affiliates.json", 404}, {"/api/v1/affiliates;a=b", 404},
		{"/API/V1/affiliates", 404}, {"/api/v1/Affiliates", 200}, {"/api/v2/affiliates", 404},
		{"/api/v1/%c0%ae%c0%ae/affiliates", 404}, {"/api/v1/affiliates/%c0%ae", 400},
		{"/api/v1/affiliates/%ff", 400}, {"/api/v1/%e2%80%ae", 404},
		{"/api/v1/affiliates?a;b", 400}, {"/api/v1/affiliates?%zz", 400},
		{"/api/v1/affiliates?limit=1&limit=2", 400}, {"/api/v1/affiliates?%00", 400}, {"/api/v1/affiliates?", 200},
		{"*", 404}, {"/*", 404}, {"/.git/config", 404}, {"/.env", 404}, {"/refgrow.db", 404},
		{"/debug/pprof/", 404}, {"/debug/vars", 404}, {"/metrics", 404}, {"/server-status", 404},
		{"/healthz/", 404}, {"/healthz/..", 404}, {"//healthz", 404}, {"/healthz%00", 404},
		{"/refgrow.js/", 404}, {"/refgrow.js%00", 404}, {"//refgrow.js", 404}, {"/REFGROW.JS", 404},
		{"/" + strings.Repeat("x", 30_000), 404}, {"/api/v1/" + strings.Repeat("x/", 10_000), 404},
		{"/api/v1/affiliates/" + strings.Repeat("%2e", 10_000), 400},
	} {
		said := s.raw("GET " + test.target +
			" HTTP/1.1\r\nHost: refgrow\r\nConnection: close\r\nAuthorization: Bearer " + *s.ready.Key + "\r\n\r\n")
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
		if err := json.Unmarshal(body, &shown); err != nil || shown.Success == nil ||
			*shown.Success != (test.status == 200) || answer.StatusCode != test.status ||
			answer.Header.Get("Content-Type") != "application/json" || answer.Header.Get("Location") != "" {
			t.Errorf("%.100s: %d %v %.200s", test.target, answer.StatusCode, answer.Header, body)
		}
	}
	// Links are followed by people, who get a page.
	for _, target := range []string{
		"/r/", "/r//JANE", "/r/x/y/JANE", "//r/JANE", "/r/nobody/JANE", "/r/../JANE",
		"/r/%2e%2e/JANE", "/r/default%2fJANE/x", "/r/<script>/JANE",
	} {
		said := s.raw("GET " + target + " HTTP/1.1\r\nHost: refgrow\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(said, "HTTP/1.1 404 ") || !strings.Contains(said, "Content-Type: text/html") ||
			!strings.Contains(said, "This link leads nowhere.") || strings.Contains(said, "<script") {
			t.Errorf("%s: %q", target, said)
		}
	}
	s.end()
}

// Whatever a referral link says, and whatever the request says about its host, it leads
// to the project's own pages, and sets no headers but ours.
func TestAttackLinks(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	s := p.serve("--rate-limit", "0", "--trusted-proxy", "127.0.0.1")
	s.do("POST", "/api/v1/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`)
	for _, landing := range []string{"https://shop.example/start", "/start"} {
		status, _, body := s.do("PUT", "/api/v1/project", `{"landing_url": "`+landing+`"}`)
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
		for _, query := range []string{
			"", "?to=https://evil.example/", "?to=//evil.example/",
			"?to=/%5cevil.example", "?to=https:evil.example", "?to=https://shop.example@evil.example/",
			"?to=%0d%0aLocation:%20https://evil.example/", "?to=/%0d%0aSet-Cookie:%20evil=1",
			"?to=javascript:alert(1)", "?to=/&to=https://evil.example", "?to=%00",
			"?ref=evil.example", "?project=evil.example", "?to=https://shop.example.evil.example/",
			"?to=%2f%2fevil.example",
		} {
			for _, path := range []string{"/r/JANE", "/r/default/JANE", "/r/evil.example",
				"/r/default/%2f%2fevil.example", "/r/https:%2f%2fevil.example", "/r/%0d%0aEvil:%201"} {
				for _, headers := range []string{"", "X-Forwarded-Host: evil.example\r\n" +
					"X-Forwarded-Proto: evil\r\nX-Original-URL: //evil.example/\r\n"} {
					said := s.raw("GET " + path + query + " HTTP/1.1\r\nHost: evil.example\r\n" +
						"Connection: close\r\nCookie: refgrow_ref_code=evil.example\r\n" + headers + "\r\n")
					answer, err := http.ReadResponse(bufio.NewReader(strings.NewReader(said)), nil)
					if err != nil {
						t.Fatalf("%s%s: %v in %q", path, query, err, said)
					}
					answer.Body.Close()
					// A parameter that is passed on is no host of ours to judge.
					said = strings.ReplaceAll(said, "?project=evil.example&ref=JANE", "?ref=JANE")
					said = strings.ReplaceAll(said, "?project=evil.example", "")
					to := strings.Replace(answer.Header.Get("Location"), "?project=evil.example&", "?", 1)
					to = strings.TrimSuffix(to, "?project=evil.example")
					if answer.StatusCode != http.StatusFound || to != landing && to != landing+"?ref=JANE" ||
						strings.Contains(strings.ToLower(said), "evil") {
						t.Errorf("%s%s: %q", path, query, said)
					}
				}
			}
		}
	}
	s.end()
}

// What is not HTTP, or is too much, is refused and cut off, and the server goes on.
func TestAttackGarbage(t *testing.T) {
	t.Parallel()
	single(t)
	p := setup(t)
	s := p.serve("--rate-limit", "0")
	const host = "Host: refgrow\r\n"
	authorized := host + "Authorization: Bearer " + *s.ready.Key + "\r\n"
	endless := "POST /api/v1/affiliates HTTP/1.1\r\n" + authorized +
		"Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("8000\r\n"+strings.Repeat("x", 0x8000)+"\r\n", 1000)
	for _, test := range []struct{ name, sends, says string }{
		{"a header of 2 MB", "GET /healthz HTTP/1.1\r\n" + host +
			"X: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", "431"},
		{"a header of 2 MB that never ends", "GET /healthz HTTP/1.1\r\n" +
			host + "X: " + strings.Repeat("x", 2<<20), "431"},
		{"many headers", "GET /healthz HTTP/1.1\r\n" + host + strings.Repeat("X: y\r\n", 100_000) + "\r\n", "431"},
		{"a long path", "GET /" + strings.Repeat("x", 2<<20) + " HTTP/1.1\r\n" + host + "\r\n", "431"},
		{"a line that never ends", strings.Repeat("x", 2<<20), "431"},
		{"a body said to be huge", "POST /api/v1/affiliates HTTP/1.1\r\n" +
			authorized + "Content-Length: 1000000000000000\r\n\r\n{", "413"},
		{"a body that is huge", endless, "413"},
		{"a body said to be less than none", "POST /api/v1/affiliates HTTP/1.1\r\n" +
			authorized + "Content-Length: -1\r\n\r\n", "400"},
		{"a body of no number", "POST /api/v1/affiliates HTTP/1.1\r\n" +
			authorized + "Content-Length: 1e3\r\n\r\n", "400"},
		{"a body of more than a number", "POST /api/v1/affiliates HTTP/1.1\r\n" +
			authorized + "Content-Length: 99999999999999999999\r\n\r\n", "400"},
		{"two lengths", "POST /api/v1/affiliates HTTP/1.1\r\n" + authorized +
			"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"},
		{"a packed transfer", "POST /api/v1/affiliates HTTP/1.1\r\n" +
			authorized + "Transfer-Encoding: gzip, chunked\r\n\r\n", "501"},
		{"two transfers", "POST /api/v1/affiliates HTTP/1.1\r\n" +
			authorized + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", "501"},
		{"pieces of no size", "POST /api/v1/affiliates HTTP/1.1\r\n" +
			authorized + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "400"},
		{"pieces of a huge size", "POST /api/v1/affiliates HTTP/1.1\r\n" +
			authorized + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", "400"},
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
		{"requests, then garbage", strings.Repeat("GET /healthz HTTP/1.1\r\n"+host+"\r\n", 50) + "\x00garbage\r\n\r\n",
			`{"status":"ok"}`},
		{"an expectation that nobody meets", "POST /api/v1/affiliates HTTP/1.1\r\n" +
			authorized + "Connection: close\r\nExpect: miracle\r\nContent-Length: 2\r\n\r\n{}", "417"},
	} {
		said := s.raw(test.sends)
		if !strings.Contains(said, test.says) || test.says != "" && !strings.HasPrefix(said, "HTTP/1.1 ") ||
			strings.Contains(said, "X-Evil") {
			t.Errorf("%s: it says %.300q", test.name, said)
		}
		if status, _, body := s.do("GET", "/healthz", ""); status != http.StatusOK {
			t.Fatalf("after %s: %d %s", test.name, status, body)
		}
	}
	// Two requests in one, for a proxy that reads a length where this server reads
	// chunks: what is left over is read as a request of its own, or not at all, and
	// never as a part of one that somebody else sends on the same connection.
	said := s.raw("POST /api/v1/affiliates HTTP/1.1\r\n" + authorized +
		"Content-Length: 60\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" +
		"GET /api/v1/smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if strings.Contains(said, "201 Created") {
		t.Errorf("%q", said)
	}
	if status, _, body := s.do("GET", "/api/v1/affiliates", ""); status != http.StatusOK ||
		!strings.Contains(body, `"data":[]`) {
		t.Errorf("there is %s", body)
	}
	s.end()
	if text := s.log.String(); strings.Contains(text, *s.ready.Key) ||
		strings.Contains(text, "ERROR") || strings.Contains(text, "panic") {
		t.Errorf("the log: %s", text)
	}
}
