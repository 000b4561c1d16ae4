package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/refgrow-go/refgrow"
	"github.com/refgrow-go/refgrow/refgrowtest"
)

// What a server does can be measured, by route and status, and nobody's name is in it.
func TestMetrics(t *testing.T) {
	t.Parallel()
	p := setup(t)
	s := p.serve("--metrics-addr", "127.0.0.1:0", "--rate-limit", "4")
	found := regexp.MustCompile(`measuring on (http://\S+/metrics)`).FindStringSubmatch(s.log.String())
	if found == nil {
		t.Fatalf("the log says %s", s.log)
	}
	url := found[1]
	for range 3 {
		s.do("GET", "/api/v1/affiliates/nobody@example.com", "")
	}
	s.do("POST", "/api/v1/affiliates", `{"email": "jane@example.com", "referral_code": "JANE"}`)
	s.do("GET", "/api/v1/affiliates", "")
	s.do("GET", "/healthz", "")
	s.do("GET", "/nothing?email=carl@example.com", "")
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK ||
		answer.Header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Fatalf("%v, %d, %v", err, answer.StatusCode, answer.Header)
	}
	for _, want := range []string{
		`refgrow_http_requests_total{method="GET",route="/api/v1/affiliates/{email}",status="404"} 3`,
		`refgrow_http_requests_total{method="POST",route="/api/v1/affiliates",status="201"} 1`,
		`refgrow_http_requests_total{method="GET",route="/api/v1/affiliates",status="429"} 1`,
		`refgrow_http_requests_total{method="GET",route="",status="404"} 1`,
		`refgrow_http_request_duration_seconds_bucket{method="GET",route="/healthz",le="+Inf"} 1`,
		`refgrow_http_request_duration_seconds_count{method="GET",route="/api/v1/affiliates/{email}"} 3`,
		`refgrow_clicks_waiting 0`, `refgrow_webhook_deliveries_waiting 0`,
		`refgrow_webhook_attempts_total{outcome="failed"} 0`,
	} {
		if !strings.Contains(string(text), "\n"+want+"\n") {
			t.Errorf("it lacks %s:\n%s", want, text)
		}
	}
	for _, want := range []string{"operations_total", "commits_total", "database_bytes"} {
		if !regexp.MustCompile(`\nrefgrow_` + want + ` [1-9][0-9.e+]*\n`).Match(text) {
			t.Errorf("there is no %s:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "@") || strings.Contains(string(text), "JANE") {
		t.Errorf("somebody is named:\n%s", text)
	}
	for path, want := range map[string]int{"/": 404, "/api/v1/affiliates": 404} {
		answer, err := http.Get(strings.TrimSuffix(url, "/metrics") + path)
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != want {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
	if status, _, _ := s.do("GET", "/metrics", ""); status != http.StatusNotFound {
		t.Errorf("the server itself has /metrics: %d", status)
	}
}

// The books are checked at every tick, and a difference is an error in the log.
func TestVerifying(t *testing.T) {
	t.Parallel()
	engine, _ := refgrowtest.New(t)
	shop, err := engine.CreateProject(t.Context(), "shop", refgrow.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shop.CreateAffiliate(t.Context(), refgrow.CreateAffiliateParams{Email: "jane@example.com"}); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	m, ticks := newMetrics(), make(chan time.Time)
	c := &call{log: slog.New(slog.NewTextHandler(&log, nil))}
	stop := c.verifying(t.Context(), engine, ticks, m)
	measured := func() string {
		w := httptest.NewRecorder()
		m.handler(engine, c.log).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		return w.Body.String()
	}
	if text := measured(); strings.Contains(text, "refgrow_verify") {
		t.Errorf("nothing was checked yet:\n%s", text)
	}
	ticks <- time.Time{}
	ticks <- time.Time{} // is taken when the first check is over
	stop()
	if text := measured(); !strings.Contains(text, "\nrefgrow_verify_differences 0\n") {
		t.Errorf("it says\n%s", text)
	}
	if !strings.Contains(log.String(), "the books are right") {
		t.Errorf("the log says %s", &log)
	}
	if err := engine.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	stop = c.verifying(t.Context(), engine, ticks, m)
	ticks <- time.Time{}
	ticks <- time.Time{}
	stop()
	if m.verified.failed == false || !strings.Contains(log.String(), "could not be checked") {
		t.Errorf("of a closed engine it is %+v, and the log says %s", m.verified, &log)
	}
}
