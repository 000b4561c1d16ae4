package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// Each request has a line in the log, with the pattern of its path and the public part of
// its key.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	p := setup(t)
	s := p.serve("--log-format", "json")
	key := *s.ready.Key
	s.do("POST", "/api/v1/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`)
	_, header, text := s.do("GET", "/api/v1/affiliates/jane@example.com/", "")
	s.do("GET", "/api/v1/nothing/jane@example.com", "")
	s.do("GET", "/healthz", "")
	s.do("GET", "/r/JANE", "")
	s.do("GET", "/r/default/JANE", "")
	s.do("GET", "/jane@example.com", "")
	s.do("BREW", "/api/v1/coupons", "")
	s.do("OPTIONS", "/api/v1/coupons/7", "")
	for _, path := range []string{"/r/JANE", "/r/", "/refgrow.js", "/refgrow/track", "/readyz", "/nothing"} {
		if _, header, _ := s.do("GET", path, ""); header.Get("X-Request-Id") == "" {
			t.Errorf("the answer of %s has no request id", path)
		}
	}
	s.ready.Key = &[]string{"rgk_aaaaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}[0]
	s.do("GET", "/api/v1/affiliates", "")
	s.end()
	type line struct {
		Level, Msg, Method, Route, Key, Address string
		Status, Bytes                           int
		RequestID                               string `json:"request_id"`
		Took                                    *int64
	}
	var got []string
	for text := range strings.Lines(s.log.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if l.Msg != "request" && l.Msg != "authentication failed" {
			continue
		}
		if l.RequestID == "" || l.Took == nil {
			t.Errorf("%s", text)
		}
		got = append(got, strings.Join([]string{l.Level, l.Method, l.Route, l.Key, l.Address}, " "))
	}
	public := key[4:16]
	want := []string{
		"INFO POST /api/v1/affiliates " + public + " ", "INFO GET /api/v1/affiliates/{email} " + public + " ",
		"INFO GET  " + public + " ", "INFO GET /healthz  ",
		"INFO GET /r/{code}  ", "INFO GET /r/{project}/{code}  ", "INFO GET   ",
		"INFO other /api/v1/coupons " + public + " ", "INFO OPTIONS /api/v1/coupons/{id}  ",
		"INFO GET /r/{code}  ", "INFO GET /r/{code}  ", "INFO GET /refgrow.js  ", "INFO GET /refgrow/track  ",
		"INFO GET /readyz  ", "INFO GET   ", "WARN GET /api/v1/affiliates  127.0.0.1",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	log := s.log.String()
	if id := header.Get("X-Request-Id"); !strings.Contains(log, `"status":200,"bytes":`+strconv.Itoa(len(text))+",") ||
		!strings.Contains(log, id) {
		t.Errorf("request %s of %d bytes is not in the log: %s", id, len(text), log)
	}
	if strings.Contains(log, "jane") || strings.Contains(log, "JANE") || strings.Contains(log, key) {
		t.Errorf("the log says too much: %s", log)
	}
}
