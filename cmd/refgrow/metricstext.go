package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/refgrow-go/refgrow"
)

// text writes everything in the text format of Prometheus, version 0.0.4.
func (m *metrics) text(stats refgrow.Stats, waiting int64) []byte {
	var b exposition
	b.family("refgrow_build_info", "gauge", "The version of this program.")
	b.sample("refgrow_build_info", "1", "version", buildOf().Version)
	m.mu.Lock()
	defer m.mu.Unlock()
	b.family("refgrow_http_requests_total", "counter", "Requests that were answered. 429 are beyond a limit.")
	for _, kind := range sorted(m.requests, requestKind.labels) {
		b.sample("refgrow_http_requests_total", integer(m.requests[kind]), kind.pairs()...)
	}
	b.family("refgrow_http_request_duration_seconds", "histogram", "From the head of a request to the end of its answer.")
	for _, at := range sorted(m.took, servedRoute.labels) {
		b.histogram("refgrow_http_request_duration_seconds", m.took[at], at.pairs()...)
	}
	for _, c := range []struct {
		name, kind, help string
		value            string
	}{
		{"refgrow_operations_total", "counter", "Changes that were committed.", integer(stats.Operations)},
		{"refgrow_commits_total", "counter", "Transactions they were committed in.", integer(stats.Commits)},
		{"refgrow_writer_wait_seconds_total", "counter", "How long changes waited until they could begin to write.",
			seconds(stats.Waited)},
		{"refgrow_clicks_waiting", "gauge", "Clicks in the queue.", integer(stats.ClicksWaiting)},
		{"refgrow_webhook_deliveries_waiting", "gauge", "Deliveries that wait; 100000 stands for more.", integer(waiting)},
		{"refgrow_database_bytes", "gauge", "The length of the database file.", integer(stats.DatabaseSize)},
		{"refgrow_database_log_bytes", "gauge", "The length of its write-ahead log.", integer(stats.LogSize)},
	} {
		b.family(c.name, c.kind, c.help)
		b.sample(c.name, c.value)
	}
	b.family("refgrow_clicks_total", "counter", "Clicks by what became of them.")
	b.sample("refgrow_clicks_total", integer(stats.ClicksCounted), "outcome", "counted")
	b.sample("refgrow_clicks_total", integer(stats.ClicksIgnored), "outcome", "ignored")
	b.sample("refgrow_clicks_total", integer(stats.ClicksDropped), "outcome", "dropped")
	b.family("refgrow_webhook_attempts_total", "counter", "Tries to deliver events by what became of them.")
	b.sample("refgrow_webhook_attempts_total", integer(stats.AttemptsSucceeded), "outcome", "succeeded")
	b.sample("refgrow_webhook_attempts_total", integer(stats.AttemptsRetried), "outcome", "retry")
	b.sample("refgrow_webhook_attempts_total", integer(stats.AttemptsFailed), "outcome", "failed")
	if v := m.verified; !v.at.IsZero() {
		b.family("refgrow_verify_timestamp_seconds", "gauge", "When the books were checked last.")
		b.sample("refgrow_verify_timestamp_seconds", seconds(time.Duration(v.at.UnixNano())))
		b.family("refgrow_verify_duration_seconds", "gauge", "How long that took.")
		b.sample("refgrow_verify_duration_seconds", seconds(v.took))
		b.family("refgrow_verify_differences", "gauge", "How many differences it found; 0 is right, -1 says that it failed.")
		found := int64(v.differences)
		if v.failed {
			found = -1
		}
		b.sample("refgrow_verify_differences", integer(found))
	}
	return b.Bytes()
}

func (r servedRoute) labels() string { return r.route + " " + r.method }

func (r servedRoute) pairs() []string { return []string{"method", r.method, "route", r.route} }

func (k requestKind) labels() string { return k.servedRoute.labels() + " " + strconv.Itoa(k.status) }

func (k requestKind) pairs() []string {
	return append(k.servedRoute.pairs(), "status", strconv.Itoa(k.status))
}

// sorted are the keys of a map, so that the text is the same for the same counts.
func sorted[K comparable, V any](of map[K]V, by func(K) string) []K {
	keys := make([]K, 0, len(of))
	for key := range of {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b K) int { return strings.Compare(by(a), by(b)) })
	return keys
}

// An exposition is text in the format of Prometheus.
type exposition struct{ bytes.Buffer }

func (b *exposition) family(name, kind, help string) {
	b.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
}

// sample writes a value with labels, names and values in turn.
func (b *exposition) sample(name, value string, labels ...string) {
	b.WriteString(name)
	for i := 0; i < len(labels); i += 2 {
		before := ","
		if i == 0 {
			before = "{"
		}
		b.WriteString(before + labels[i] + `="` + escapeLabel(labels[i+1]) + `"`)
	}
	if len(labels) > 0 {
		b.WriteString("}")
	}
	b.WriteString(" " + value + "\n")
}

func (b *exposition) histogram(name string, h *histogram, labels ...string) {
	count := int64(0)
	for i, n := range h.counts {
		count += n
		le := "+Inf"
		if i < len(bounds()) {
			le = seconds(bounds()[i])
		}
		b.sample(name+"_bucket", integer(count), slices.Concat(labels, []string{"le", le})...)
	}
	b.sample(name+"_sum", seconds(h.sum), labels...)
	b.sample(name+"_count", integer(count), labels...)
}

func integer(n int64) string { return strconv.FormatInt(n, 10) }

// seconds writes a duration with as many digits as it needs.
func seconds(d time.Duration) string {
	text := fmt.Sprintf("%d.%09d", d/time.Second, d%time.Second)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func escapeLabel(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value)
}
